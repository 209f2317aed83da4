/*
 * check: shared by check.c (the rules of single records), check_names.c (the rules among names),
 * check_hosts.c (those of name servers) and check_acme.c (those of acme.persist).
 */
#ifndef LOCUM_DNS_CHECK_H
#define LOCUM_DNS_CHECK_H

#include "config/problems.h"
#include "dns/names.h"
#include "dns/zone.h"

/* At most this much of a record is quoted, so that the reason always fits behind it. */
#define RECORD "record '%.100s': "

/* A static record. */
struct check_record {
    const struct locum_config_record *from;
    ldns_rr *rr;   /* owned; NULL: it is refused */
    uint32_t name; /* index of its owner in `names` */
    uint32_t next; /* index of another record of this owner, an earlier one; or LOCUM_DNS_NONE */
    uint32_t hash; /* of its type and data, without regard to case */
    uint8_t zone;
};

struct check {
    const struct locum_config *config;
    struct locum_problems problems;
    struct check_record *records; /* of all zones, in their order */
    size_t record_count;
    size_t first[LOCUM_ZONES_MAX + 1]; /* where those of each zone begin */
    /* All owners, also those that a delegation or DNAME hides, and the names of the plan. */
    struct locum_dns_names *names;
    uint32_t *last; /* for each name: its last record; or LOCUM_DNS_NONE */
    bool *moves;    /* for each name: it is a shared or owned name */
};

/* Check all records and names against each other. 0 or LOCUM_ERR_MEMORY. */
int locum_check_names(struct check *self) LOCUM_MUST_CHECK;

/* Check the name servers of zones and delegations. 0 or LOCUM_ERR_MEMORY. */
int locum_check_hosts(struct check *self) LOCUM_MUST_CHECK;

/* Refuse a record, of which then nothing else is checked. */
void locum_check_refuse(struct check *self, struct check_record *record, const char *why);

static inline uint16_t
locum_check_type(const ldns_rr *rr)
{
    return (uint16_t)ldns_rr_get_type(rr);
}

static inline bool
locum_check_is_address(uint16_t type)
{
    return type == LDNS_RR_TYPE_A || type == LDNS_RR_TYPE_AAAA;
}

static inline const struct locum_dns_name *
locum_check_owner(const struct check *self, const struct check_record *record)
{
    return &self->names->names[record->name];
}

static inline uint32_t
locum_check_index(const struct check *self, const struct locum_dns_name *name)
{
    return (uint32_t)(name - self->names->names);
}

/* The record of this type of a name, the last one; NULL: none. */
const struct check_record *locum_check_find(const struct check *self, uint32_t name, uint16_t type);

/* What answers a name: as the look-up finds it, and also for what is hidden. */
struct locum_dns_match locum_check_resolve(const struct check *self,
                                           const struct locum_wire_name *name);

/* A name for a message, without its last dot. */
struct locum_check_shown {
    char text[LOCUM_DNS_NAME_MAX];
};
struct locum_check_shown locum_check_show(const uint8_t *wire);

#endif
