/*
 * addresses: are the own addresses still on this host (FAMILY-6)?
 *
 * Looks by binding a socket to each: what matters is whether DNS can. An address that cannot be
 * bound counts as gone only if it was here since the boot, or if `listen` names it. The addresses
 * that were here are kept in a file beside the control socket, below /run, which a boot clears. A
 * host behind NAT never had the address that its peers use, so nothing is known about it. Limit:
 * with net.ipv4.ip_nonlocal_bind (or ipv6) set, every address can be bound.
 */
#ifndef LOCUM_DAEMON_ADDRESSES_H
#define LOCUM_DAEMON_ADDRESSES_H

#include "config/config.h"

struct locum_addresses {
    struct locum_address had[LOCUM_ADDRESSES_MAX]; /* since the boot */
    size_t had_count;
    bool absent[LOCUM_FAMILIES]; /* as the core knows it */
};

/* Read what was here since the boot; a file that is not there or malformed says nothing. */
void locum_addresses_init(struct locum_addresses *self, const struct locum_config *config);

/*
 * Look once: no address of the family is gone, or some is. True if that has changed in any family;
 * self->absent has the new state. A look that fails (no descriptor) changes nothing.
 */
bool locum_addresses_look(struct locum_addresses *self, const struct locum_config *config);

#endif
