#include "dns/clients.h"

#include <stdlib.h>

#include "base/error.h"

void
locum_dns_clients_init(struct locum_dns_clients *self)
{
    TAILQ_INIT(&self->seats);
    self->count = 0;
}

/* The client at this address, new if it has no connection; NULL: out of memory. */
static struct locum_dns_client *
find_client(const struct locum_dns_clients *self, const struct locum_address *address)
{
    const struct locum_dns_seat *seat;
    TAILQ_FOREACH(seat, &self->seats, link)
    {
        if (locum_address_same_client(&seat->client->address, address)) {
            return seat->client;
        }
    }
    struct locum_dns_client *client = calloc(1, sizeof(*client));
    if (client != NULL) {
        client->address = *address;
    }
    return client;
}

int
locum_dns_clients_add(struct locum_dns_clients *self, struct locum_dns_seat *seat,
                      const struct locum_address *address)
{
    struct locum_dns_client *client = find_client(self, address);
    if (client == NULL) {
        return LOCUM_ERR_MEMORY;
    }
    client->count++;
    seat->client = client;
    TAILQ_INSERT_TAIL(&self->seats, seat, link);
    self->count++;
    return 0;
}

void
locum_dns_clients_use(struct locum_dns_clients *self, struct locum_dns_seat *seat)
{
    TAILQ_REMOVE(&self->seats, seat, link);
    TAILQ_INSERT_TAIL(&self->seats, seat, link);
}

void
locum_dns_clients_remove(struct locum_dns_clients *self, struct locum_dns_seat *seat)
{
    TAILQ_REMOVE(&self->seats, seat, link);
    self->count--;
    if (--seat->client->count == 0) {
        free(seat->client);
    }
    seat->client = NULL;
}

struct locum_dns_seat *
locum_dns_clients_idle_of(const struct locum_dns_clients *self,
                          const struct locum_dns_client *client)
{
    struct locum_dns_seat *seat;
    TAILQ_FOREACH(seat, &self->seats, link)
    {
        if (seat->client == client) {
            break;
        }
    }
    return seat;
}

struct locum_dns_seat *
locum_dns_clients_idle_of_most(const struct locum_dns_clients *self)
{
    struct locum_dns_seat *ret = NULL;
    struct locum_dns_seat *seat;
    TAILQ_FOREACH(seat, &self->seats, link)
    {
        if (ret == NULL || seat->client->count > ret->client->count) {
            ret = seat;
        }
    }
    return ret;
}
