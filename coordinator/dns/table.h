/*
 * table: every possible answer at one plan, in wire form.
 *
 * It is what the configuration fixes (names.h), shared by the tables of all plans, and the parts
 * that change with a plan: each zone's SOA, because of its serial, and the addresses and HTTPS
 * records of the shared and owned names; and those that change with ACME challenges (challenges.h).
 * Once made it is immutable, and all workers share it by a count of references: the last one to
 * release it frees it.
 */
#ifndef LOCUM_DNS_TABLE_H
#define LOCUM_DNS_TABLE_H

#include <stdatomic.h>

#include "core/plan.h"
#include "dns/cookie.h"
#include "dns/limit.h"
#include "dns/names.h"

struct locum_access;
struct locum_challenge_answers;
struct locum_dns_updates;

struct locum_dns_table {
    atomic_uint references;
    struct locum_dns_names *names; /* holds a reference */
    /* The parts that change; locum_dns_table_soa() and so on are their indexes. */
    struct locum_dns_part *parts;
    uint8_t *bytes; /* of the parts */
    /* RRSIG records of each of these parts; NULL: no zone is signed. */
    struct locum_dns_part *signatures;
    uint8_t *signature_bytes;
    /* None, until who publishes the table sets them. */
    uint32_t serial;                   /* SOA serial of all zones */
    struct locum_access *access;       /* owned; NULL: no transfers, and no keys (access.h) */
    struct locum_dns_updates *updates; /* borrowed: outlives the workers; NULL: none are taken */
    struct locum_cookie_keys cookies;
    struct locum_limit_rules limit;
};

/* The SOA of a zone as an answer, and as the authority section of a negative answer. */
static inline uint16_t
locum_dns_table_soa(size_t zone)
{
    return (uint16_t)(2 * zone);
}
static inline uint16_t
locum_dns_table_negative(size_t zone)
{
    return (uint16_t)(2 * zone + 1);
}

/* The parts of a name of the plan. */
enum {
    LOCUM_DNS_PART_HTTPS = LOCUM_FAMILIES,
    LOCUM_DNS_PART_CHALLENGE, /* of another owner: names->challenges */
    LOCUM_DNS_PARTS_OF_NAME
};

/* The addresses of a name of the plan; none: it has no answer in this family. */
static inline uint16_t
locum_dns_table_addresses(size_t name, enum locum_family family)
{
    return (uint16_t)(2 * LOCUM_ZONES_MAX + LOCUM_DNS_PARTS_OF_NAME * name + family);
}

/* Its HTTPS record; none: its zone has none, or it has no address. */
static inline uint16_t
locum_dns_table_https(size_t name)
{
    return (uint16_t)(locum_dns_table_addresses(name, 0) + LOCUM_DNS_PART_HTTPS);
}

/* The TXT records of its challenges; none: they have no name. */
static inline uint16_t
locum_dns_table_challenge(size_t name)
{
    return (uint16_t)(locum_dns_table_addresses(name, 0) + LOCUM_DNS_PART_CHALLENGE);
}

/* The name of the plan that a part belongs to; SIZE_MAX: none. */
static inline size_t
locum_dns_table_name(uint16_t part)
{
    return part < 2 * LOCUM_ZONES_MAX || part == LOCUM_DNS_FIXED
               ? SIZE_MAX
               : (part - 2u * LOCUM_ZONES_MAX) / LOCUM_DNS_PARTS_OF_NAME;
}

/*
 * Make the table of a plan.
 *
 * names    made of `config` (compile.h); the table takes a reference of its own.
 * answers  of challenges; NULL: there are none.
 * serial   SOA serial of every zone.
 * Returns a table with one reference, which is the caller's; NULL: out of memory.
 */
struct locum_dns_table *locum_dns_table_make(struct locum_dns_names *names,
                                             const struct locum_config *config,
                                             const struct locum_plan *plan,
                                             const struct locum_challenge_answers *answers,
                                             uint32_t serial);

/*
 * Sign the parts that change with the plan, before another thread has the table. Main thread only.
 * Parameters as above.
 *
 * signer  of the configuration.
 * now_s   the wall clock, seconds since 1970.
 * Returns 0, LOCUM_ERR_MEMORY or LOCUM_ERR_IO (a key cannot sign).
 */
struct locum_signer;
int locum_dns_table_sign(struct locum_dns_table *self, const struct locum_config *config,
                         const struct locum_plan *plan, uint32_t serial,
                         struct locum_signer *signer, int64_t now_s) LOCUM_MUST_CHECK;

/*
 * Make the signatures of the names of a plan that may come, so that the signer's cache has them. By
 * any thread. Parameters as above.
 *
 * Returns 0 or an error of locum_sign_rrset().
 */
struct locum_sign_budget;
int locum_dns_table_sign_ahead(struct locum_dns_names *names, const struct locum_config *config,
                               const struct locum_plan *plan, struct locum_signer *signer,
                               int64_t now_s, struct locum_sign_budget *budget) LOCUM_MUST_CHECK;

/* Add a reference; NULL is fine. */
void locum_dns_table_hold(struct locum_dns_table *self);

/* Drop a reference, and free the table with the last one. NULL is fine. */
void locum_dns_table_release(struct locum_dns_table *self);

/*
 * Hands a new table to a worker without a lock and without waking it: the main thread puts a table,
 * the worker takes it after a receive and before it answers.
 */
struct locum_dns_table_mailbox {
    _Atomic(struct locum_dns_table *) box; /* holds a reference; NULL: no new table */
};

/*
 * Put a table, of which the box takes a reference of its own, and release one not yet taken. NULL
 * empties the box; required before its memory is freed.
 */
void locum_dns_table_mailbox_put(struct locum_dns_table_mailbox *self,
                                 struct locum_dns_table *table);

/* If there is a new table: release *current and set it to the new one. False: there is none. */
bool locum_dns_table_mailbox_take(struct locum_dns_table_mailbox *self,
                                  struct locum_dns_table **current);

#endif
