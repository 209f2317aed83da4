/*
 * access: who may transfer a zone, and the keys of signed messages, as the threads need them. A key
 * for transfers signs no UPDATE, and a key for these allows no transfer. Any key may sign a query.
 *
 * Made by the main thread for each answer table, which owns it; then it never changes.
 */
#ifndef LOCUM_DNS_ACCESS_H
#define LOCUM_DNS_ACCESS_H

#include "dns/tsig.h"

struct locum_access_zone {
    struct locum_prefix allow[LOCUM_TRANSFER_ALLOW_MAX];
    size_t allow_count;
    bool needs_key;
    uint32_t keys; /* bits: those that are accepted */
};

struct locum_access {
    struct locum_tsig_keys keys;                     /* of transfers, and of queries */
    struct locum_tsig_keys update_keys;              /* of UPDATE messages */
    bool takes_updates;                              /* the configuration has keys for them */
    struct locum_access_zone zones[LOCUM_ZONES_MAX]; /* by their index in the configuration */
};

/* Those of a configuration; freed with locum_access_destroy(). 0 or LOCUM_ERR_MEMORY. */
int locum_access_create(const struct locum_config *config,
                        struct locum_access **ret) LOCUM_MUST_CHECK;

/* Wipes the keys. NULL is fine. */
void locum_access_destroy(struct locum_access *self);

/*
 * locum_tsig_verify() of a query: with a key of transfers, or with one of updates, which says
 * nothing more of a query (Certbot signs the one for the SOA record too). An UPDATE needs one of
 * its own.
 *
 * self  NULL: there are no keys.
 */
enum locum_dns_rcode locum_access_verify(const struct locum_access *self, bool update,
                                         struct locum_tsig *ret, const uint8_t *packet,
                                         const struct locum_tsig_record *record, uint64_t now_s);

/* May this client transfer the zone? key: that its request is signed with; NULL: none. */
bool locum_access_allows(const struct locum_access *self, size_t zone,
                         const struct locum_dns_source *client, const struct locum_tsig_key *key);

#endif
