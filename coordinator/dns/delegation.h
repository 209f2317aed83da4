/*
 * delegation: what the parent of a zone must have, so that resolvers find its name servers.
 *
 * In: a validated configuration. Out: the NS records, and for each name server whether the parent
 * needs its addresses as glue (RFC 9471), with the addresses that are known. No DS: zones are not
 * signed.
 */
#ifndef LOCUM_DNS_DELEGATION_H
#define LOCUM_DNS_DELEGATION_H

#include <stdio.h>

#include "config/config.h"

/* Where the addresses of a name server come from. */
enum locum_delegation_home {
    LOCUM_DELEGATION_IN_ZONE, /* below the cut: without glue in the parent nothing finds it */
    LOCUM_DELEGATION_SIBLING, /* in another zone of this cluster, which may depend on this one */
    LOCUM_DELEGATION_OUTSIDE, /* from its own zone, which is not Locum's */
};

struct locum_delegation_host {
    char name[LOCUM_DOMAIN_MAX + 1]; /* absolute */
    enum locum_delegation_home home;
    /* From the static records; outside, those of the node whose name is its first label. Port 0. */
    struct locum_address address[2 * LOCUM_ADDRESSES_MAX];
    size_t address_count; /* 0: not known, only if outside */
    uint32_t ttl_s;       /* of the addresses */
};

struct locum_delegation {
    char zone[LOCUM_DOMAIN_MAX + 1];
    uint32_t ttl_s; /* of the NS records */
    struct locum_delegation_host host[LOCUM_NS_MAX];
    size_t host_count;
};

/*
 * Find it for zone number `zone`.
 *
 * config  checked by locum_dns_check().
 * Returns 0, LOCUM_ERR_MEMORY or LOCUM_ERR_INVALID (a static record that does not parse).
 */
int locum_delegation_make(const struct locum_config *config, size_t zone,
                          struct locum_delegation *ret) LOCUM_MUST_CHECK;

/*
 * Print it in zone-file syntax with absolute names (RFC 1035 5.1); all else is in comments: what
 * has to be elsewhere, and the lines for web pages that lead to the names of the zone.
 */
void locum_delegation_print(const struct locum_config *config, size_t zone,
                            const struct locum_delegation *self, FILE *out);

#endif
