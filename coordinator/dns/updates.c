#include "dns/updates.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"

enum { QR = 0x80, OPCODE = 0x78 };

struct locum_dns_updates {
    int pipe[2]; /* of pointers, each a message that the reader owns */
    atomic_uint count;
    _Atomic uint64_t overflow;
};

int
locum_dns_updates_create(struct locum_dns_updates **ret)
{
    struct locum_dns_updates *self = calloc(1, sizeof(*self));
    if (self == NULL) {
        return LOCUM_ERR_MEMORY;
    }
    if (pipe2(self->pipe, O_CLOEXEC | O_NONBLOCK) != 0) {
        free(self);
        return LOCUM_ERR_IO;
    }
    *ret = self;
    return 0;
}

/* It has no answer and needs none. */
static void
dispose(struct locum_dns_pending *pending)
{
    if (pending->fd >= 0) {
        close(pending->fd);
    }
    locum_dns_table_release(pending->table);
    free(pending);
}

/* NULL: out of memory or descriptors. */
static struct locum_dns_pending *
copy(struct locum_dns_table *table, const struct locum_dns_query *query,
     const struct locum_dns_pending *of)
{
    struct locum_dns_pending *pending = malloc(sizeof(*pending) + query->length);
    if (pending == NULL) {
        return NULL;
    }
    *pending = *of;
    pending->is = *query->update;
    pending->table = table;
    locum_dns_table_hold(table);
    pending->length = query->length;
    memcpy(pending->packet, query->packet, query->length);
    if (of->fd >= 0) {
        /* The worker's may be closed before the answer is sent. */
        pending->fd = fcntl(of->fd, F_DUPFD_CLOEXEC, 0);
        if (pending->fd < 0) {
            dispose(pending);
            return NULL;
        }
    }
    return pending;
}

bool
locum_dns_updates_put(struct locum_dns_updates *self, struct locum_dns_table *table,
                      const struct locum_dns_query *query, const struct locum_dns_pending *pending)
{
    if (self == NULL) {
        return false;
    }
    struct locum_dns_pending *copied = NULL;
    if (atomic_fetch_add(&self->count, 1) < LOCUM_DNS_UPDATES_MAX &&
        (copied = copy(table, query, pending)) != NULL &&
        write(self->pipe[1], &copied, sizeof(copied)) == (ssize_t)sizeof(copied)) {
        return true;
    }
    if (copied != NULL) {
        dispose(copied);
    }
    atomic_fetch_sub(&self->count, 1);
    atomic_fetch_add(&self->overflow, 1);
    return false;
}

int
locum_dns_updates_fd(const struct locum_dns_updates *self)
{
    return self->pipe[0];
}

struct locum_dns_pending *
locum_dns_updates_take(struct locum_dns_updates *self)
{
    struct locum_dns_pending *pending;
    return read(self->pipe[0], &pending, sizeof(pending)) == (ssize_t)sizeof(pending) ? pending
                                                                                      : NULL;
}

size_t
locum_dns_updates_compose(const uint8_t *packet, struct locum_dns_signed_update *update,
                          enum locum_dns_rcode rcode, size_t zone_end, bool edns, uint64_t now_s,
                          uint8_t *ret)
{
    const struct locum_edns_reply opt = {.rcode = (uint16_t)rcode, .error = LOCUM_EDNS_NO_ERROR};
    size_t length = zone_end > 0 ? zone_end : LOCUM_DNS_HEADER_BYTES;
    memcpy(ret, packet, length);
    ret[2] = (uint8_t)(QR | (ret[2] & OPCODE));
    memset(ret + 3, 0, LOCUM_DNS_HEADER_BYTES - 3);
    ret[3] = (uint8_t)(rcode & 0x0f);
    ret[5] = zone_end > 0;
    if (edns) {
        length += locum_edns_write(&opt, LOCUM_DNS_UDP_BYTES_MAX, ret + length);
        ret[11] = 1;
    }
    return locum_tsig_sign(&update->tsig, ret, length, now_s);
}
_Static_assert(LOCUM_DNS_HEADER_BYTES + LOCUM_DNS_NAME_MAX + 4 + LOCUM_EDNS_FIXED_BYTES +
                       LOCUM_TSIG_BYTES_MAX <=
                   LOCUM_DNS_PLAIN_BYTES_MAX,
               "a signed answer fits");

void
locum_dns_updates_free(struct locum_dns_updates *self, struct locum_dns_pending *pending)
{
    dispose(pending);
    atomic_fetch_sub(&self->count, 1);
}

uint64_t
locum_dns_updates_overflow(const struct locum_dns_updates *self)
{
    return self->overflow;
}

void
locum_dns_updates_destroy(struct locum_dns_updates *self)
{
    struct locum_dns_pending *pending;
    if (self == NULL) {
        return;
    }
    while ((pending = locum_dns_updates_take(self)) != NULL) {
        dispose(pending);
    }
    close(self->pipe[0]);
    close(self->pipe[1]);
    free(self);
}
