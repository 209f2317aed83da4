#include "dns/dns.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/descriptors.h"
#include "base/error.h"
#include "dns/compile.h"
#include "dns/tcp.h"
#include "dns/udp.h"

enum { REPORT_BYTES = 512 };

/* One configured listen address. */
struct listener {
    struct locum_address address;
    bool open;
    struct locum_dns_udp *workers; /* worker_count of them; NULL while not open */
};

struct locum_dns {
    struct listener listeners[LOCUM_ADDRESSES_MAX];
    size_t listener_count;
    size_t worker_count;       /* UDP threads an address, >= 1 */
    struct locum_dns_tcp *tcp; /* NULL: nothing to listen on */
    struct locum_table *table; /* the last one published; NULL before the first */
};

/* What the operator can do about an address that cannot be bound. */
static const char *
advice(int error)
{
    switch (error) {
    case EADDRINUSE:
        return "another program answers DNS there (systemd-resolved, dnsmasq, NSD, Unbound, BIND "
               "or "
               "a second locum?): stop it, or write other addresses into listen.dns";
    case EACCES:
    case EPERM:
        return "a port below 1024 needs the capability CAP_NET_BIND_SERVICE (locum.service has "
               "it): start it as a service or as root, or write another port into listen.dns";
    case EADDRNOTAVAIL:
        return "this host has no such address (yet): correct the node's address, or behind NAT "
               "write the inner addresses into listen.dns";
    case EMFILE:
    case ENFILE: return "out of file descriptors: raise LimitNOFILE";
    default: return "see listen.dns";
    }
}

/* `failed`: an errno value, 0 for success. */
static void
tell(locum_dns_report_fn *report, void *user, const struct locum_address *address,
     const char *transport, int failed)
{
    char buffer[REPORT_BYTES];
    struct locum_text text = locum_text_init(buffer, sizeof(buffer));
    locum_text_add(&text, failed == 0 ? "listening on " : "cannot listen on ");
    locum_address_add_port(address, &text);
    locum_text_add(&text, transport);
    if (failed != 0) {
        locum_text_add(&text, ": ");
        locum_text_add(&text, strerror(failed));
        locum_text_add(&text, "; ");
        locum_text_add(&text, advice(failed));
        if (failed == EADDRINUSE) {
            locum_text_add(&text, "; who it is: ss -lntup 'sport = :");
            locum_text_add_u64(&text, address->port);
            locum_text_add(&text, "'");
        }
        locum_text_add(&text, "; tried again until it works");
    }
    report(user, address, locum_error_from_errno(failed), buffer);
}

static void
stop_workers(struct listener *listener, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        locum_dns_udp_stop(&listener->workers[i]);
    }
    free(listener->workers);
    listener->workers = NULL;
}

/* Bind and start the UDP workers; *ret_failed is the errno of a bind that failed, else 0. */
static int
open_udp(struct locum_dns *self, struct listener *listener, int *ret_failed)
{
    listener->workers = calloc(self->worker_count, sizeof(*listener->workers));
    if (listener->workers == NULL) {
        return LOCUM_ERR_MEMORY;
    }
    *ret_failed = 0;
    for (size_t i = 0; i < self->worker_count; i++) {
        struct locum_dns_udp *worker = &listener->workers[i];
        const int fd = locum_dns_udp_bind(&listener->address, self->worker_count > 1);
        *ret_failed = fd < 0 ? errno : 0;
        if (fd >= 0 && self->table != NULL) {
            locum_mailbox_put(&worker->mailbox, self->table);
        }
        if (fd < 0 || locum_dns_udp_start(worker, fd) != 0) {
            locum_mailbox_fini(&worker->mailbox);
            if (fd >= 0) {
                close(fd);
            }
            stop_workers(listener, i);
            return LOCUM_ERR_IO;
        }
    }
    return 0;
}

/*
 * Open one address, UDP and TCP or neither. 0 if it is open; else LOCUM_ERR_MEMORY, LOCUM_ERR_IO,
 * with *ret_failed the errno if an address could not be bound, and *ret_transport which.
 */
static int
open_listener(struct locum_dns *self, struct listener *listener, int *ret_failed,
              const char **ret_transport)
{
    *ret_transport = " (TCP)";
    const int fd = locum_dns_tcp_bind(&listener->address);
    *ret_failed = fd < 0 ? errno : 0;
    if (fd < 0) {
        return LOCUM_ERR_IO;
    }
    *ret_transport = " (UDP)";
    int status = open_udp(self, listener, ret_failed);
    if (status == 0) {
        status = locum_dns_tcp_listen(self->tcp, fd);
        if (status != 0) {
            stop_workers(listener, self->worker_count);
        }
    }
    if (status != 0) {
        close(fd);
        return status;
    }
    listener->open = true;
    return 0;
}

int
locum_dns_create(const struct locum_config *config, locum_dns_report_fn *report, void *user,
                 struct locum_dns **ret, size_t *ret_open)
{
    struct locum_dns *self = calloc(1, sizeof(*self));
    if (self == NULL) {
        return LOCUM_ERR_MEMORY;
    }
    size_t open = 0;
    int status = 0;
    self->listener_count = config->listen_dns_count;
    self->worker_count = config->dns_workers == 0 ? 1 : config->dns_workers;
    if (self->listener_count > 0) {
        struct locum_dns_tcp_limits limits = locum_dns_tcp_limits_default;
        limits.connections_max = locum_descriptors_share(limits.connections_max);
        status = locum_dns_tcp_create(&limits, &self->tcp);
    }
    for (size_t i = 0; i < self->listener_count && status == 0; i++) {
        int failed;
        const char *transport;
        self->listeners[i].address = config->listen_dns[i];
        status = open_listener(self, &self->listeners[i], &failed, &transport);
        open += status == 0;
        if (status != 0 && failed != 0) {
            tell(report, user, &self->listeners[i].address, transport, failed);
            status = 0;
        }
    }
    if (status != 0) {
        locum_dns_destroy(self);
        return status;
    }
    *ret = self;
    *ret_open = open;
    return 0;
}

void
locum_dns_retry(struct locum_dns *self, locum_dns_report_fn *report, void *user)
{
    for (size_t i = 0; i < self->listener_count; i++) {
        struct listener *listener = &self->listeners[i];
        int failed;
        const char *transport;
        if (!listener->open && open_listener(self, listener, &failed, &transport) == 0) {
            tell(report, user, &listener->address, " (UDP, TCP)", 0);
        }
    }
}

/* Zones, then the table, of a plan. */
static int
make_table(const struct locum_config *config, const struct locum_plan *plan, uint32_t serial,
           struct locum_table **ret)
{
    struct locum_zone zones[LOCUM_ZONES_MAX];
    char buffer[32 + LOCUM_VERSION_MAX];
    struct locum_text version = locum_text_init(buffer, sizeof(buffer));
    size_t built = 0;
    int status = 0;
    while (built < config->zone_count && status == 0) {
        status = locum_zone_build(config, built, plan, serial, &zones[built]);
        built += status == 0;
    }
    if (status == 0) {
        locum_text_add(&version, "Locum ");
        locum_text_add(&version, config->core.version);
        status =
            locum_compile(zones, built, buffer, config->core.nodes[config->core.self].name, ret);
    }
    for (size_t i = 0; i < built; i++) {
        locum_zone_fini(&zones[i]);
    }
    return status;
}

int
locum_dns_publish(struct locum_dns *self, const struct locum_config *config,
                  const struct locum_plan *plan, uint32_t serial)
{
    if (self->listener_count == 0) {
        return 0;
    }
    struct locum_table *table;
    const int status = make_table(config, plan, serial, &table);
    if (status != 0) {
        return status;
    }
    for (size_t i = 0; i < self->listener_count; i++) {
        for (size_t j = 0; self->listeners[i].open && j < self->worker_count; j++) {
            locum_mailbox_put(&self->listeners[i].workers[j].mailbox, table);
        }
    }
    locum_dns_tcp_publish(self->tcp, table);
    locum_table_release(self->table);
    self->table = table;
    return 0;
}

void
locum_dns_counts(const struct locum_dns *self, struct locum_dns_counts *ret)
{
    *ret = (struct locum_dns_counts){0};
    for (size_t i = 0; i < self->listener_count; i++) {
        for (size_t j = 0; self->listeners[i].open && j < self->worker_count; j++) {
            locum_tally_sum(&self->listeners[i].workers[j].tally, &ret->udp);
        }
    }
    if (self->tcp != NULL) {
        locum_dns_tcp_sum(self->tcp, ret);
    }
}

void
locum_dns_destroy(struct locum_dns *self)
{
    if (self == NULL) {
        return;
    }
    for (size_t i = 0; i < self->listener_count; i++) {
        if (self->listeners[i].open) {
            stop_workers(&self->listeners[i], self->worker_count);
        }
    }
    locum_dns_tcp_destroy(self->tcp);
    locum_table_release(self->table);
    free(self);
}
