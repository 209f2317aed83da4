/*
 * signer: configuration and key folders -> what a signed zone has besides its own records: DNSKEY,
 * CDS, CDNSKEY and NSEC, and the RRSIG of each RRset for which the zone has authority.
 *
 * It is made again at each reload and when other keys are to sign, and shares the signatures of the
 * one before, so that a reload signs nothing that was signed already. Any thread may sign; only
 * locum_signer_soa() is for the main thread alone.
 */
#ifndef LOCUM_DNS_SIGNER_H
#define LOCUM_DNS_SIGNER_H

#include "dns/chain.h"
#include "dns/keymemory.h"
#include "dns/sign.h"
#include "dns/zone.h"

enum {
    LOCUM_SIGNER_APEX_SETS = 3, /* DNSKEY, CDS, CDNSKEY */
    LOCUM_SIGNER_KEY_TTL_S = LOCUM_KEYMEMORY_TTL_S,
    /* 64 zones of 1000 records with their NSEC, this window and the next, one key. */
    LOCUM_SIGNER_SIGNATURES_MAX = 262144,
};

struct locum_signer;

/* A problem of a key folder; an error, or a warning. */
typedef void locum_signer_problem_fn(void *user, size_t zone, enum locum_severity severity,
                                     const char *text);

/*
 * Read the keys of each zone that is to be signed. On a witness, which answers nothing, no zone is.
 *
 * config  whose records are valid (locum_dns_check()); not needed afterwards. If it was kept from
 *         an earlier run, what is wrong with the keys is a warning, and a zone that cannot be
 *         signed is served unsigned, at least for those who do not validate.
 * memory  may be NULL: the folders alone decide which keys are published and sign. It takes
 *         the keys of the folders and decides. If the configuration was
 *         kept, the keys in it replace a folder that cannot be used.
 * now_s   the wall clock, seconds since 1970.
 * report  called for each problem before this returns. NULL: a start after a check: then keys of a
 *         folder that do not fit beside those in memory are left out, with a warning in the log;
 *         else they are an error.
 * Returns 0, LOCUM_ERR_MEMORY, or LOCUM_ERR_INVALID (an error was reported).
 */
int locum_signer_create(const struct locum_config *config, struct locum_keymemory *memory,
                        int64_t now_s, locum_signer_problem_fn *report, void *user,
                        struct locum_signer **ret) LOCUM_MUST_CHECK;

/* The same with what is remembered alone, as it was last decided: no file is read. Returns 0 or
 * LOCUM_ERR_MEMORY. */
int locum_signer_recreate(const struct locum_config *config, struct locum_keymemory *memory,
                          struct locum_signer **ret) LOCUM_MUST_CHECK;

/* Tell another memory of the keys of the folders that this signer was created with. 0, or
 * LOCUM_ERR_MEMORY. */
int locum_signer_remember(const struct locum_signer *self, const struct locum_config *config,
                          struct locum_keymemory *memory, int64_t now_s) LOCUM_MUST_CHECK;

/* Are the keys that are published, sign and are in CDS those that were last decided? */
bool locum_signer_is_current(const struct locum_signer *self, const struct locum_config *config,
                             const struct locum_keymemory *memory);

/* Share the signatures of the signer before; NULL: none. */
void locum_signer_share(struct locum_signer *self, struct locum_signer *before);

/* Free; NULL is fine. */
void locum_signer_destroy(struct locum_signer *self);

/* Is the zone signed? */
bool locum_signer_is_on(const struct locum_signer *self, size_t zone);

/* The chain of a zone that is signed, borrowed. */
struct locum_chain *locum_signer_chain(const struct locum_signer *self, size_t zone);

/* LOCUM_CHAIN_DIGEST_BYTES that are the same wherever the NSEC records are; borrowed. */
const uint8_t *locum_signer_chain_digest(const struct locum_signer *self, size_t zone);

/* The sets that signing adds at the apex, their number, and the NSEC record of each name of the
 * chain; borrowed. NULL: there is none with this number. */
size_t locum_signer_apex_sets(const struct locum_signer *self, size_t zone);
ldns_rr_list *locum_signer_apex_set(const struct locum_signer *self, size_t zone, size_t number);
ldns_rr_list *locum_signer_nsec(const struct locum_signer *self, size_t zone, size_t number);

/* The SOA of a signed zone with this serial and TTL; borrowed, until it is called again. */
const ldns_rr_list *locum_signer_soa(struct locum_signer *self, size_t zone, uint32_t serial,
                                     uint32_t ttl_s);

/* The owner of name number `name` of the configuration, in lower case; borrowed. */
const ldns_rdf *locum_signer_owner(const struct locum_signer *self, size_t name);

/* The keys that CDS names, borrowed. Before the first decision: the keys with flags 257 that sign
 * here, whose DS the parent must have. NULL: there is none with this number. */
const struct locum_dnskey *locum_signer_entry_key(const struct locum_signer *self, size_t zone,
                                                  size_t number);

/* The keys that sign the DNSKEY records here, borrowed. NULL: there is none with this number. */
const struct locum_dnskey *locum_signer_dnskey_signer(const struct locum_signer *self, size_t zone,
                                                      size_t number);

/* When the signatures of a signed zone that are made at now_s expire, in seconds since 1970. */
int64_t locum_signer_expiration(const struct locum_signer *self, size_t zone, int64_t now_s);

/*
 * Is an RRset of the zone signed? Not at or below a delegation, except DS, and not below a DNAME.
 */
bool locum_signer_signs(const struct locum_signer *self, size_t zone, const ldns_rr *first);

/* DNSKEY, CDS or CDNSKEY, which the keys 257 sign. */
bool locum_signer_is_of_keys(uint16_t type);

/*
 * Sign an RRset of a zone. Its original TTL is that of its name in the configuration, if that is a
 * shared or owned name, or `original_ttl_s`.
 *
 * budget  as of locum_sign_rrset().
 * ret     the RRSIG records are added to it.
 * Returns 0 or an error of locum_sign_rrset().
 */
int locum_signer_sign(struct locum_signer *self, size_t zone, const ldns_rr_list *set,
                      uint32_t original_ttl_s, int64_t now_s, struct locum_sign_budget *budget,
                      ldns_rr_list *ret) LOCUM_MUST_CHECK;

/*
 * Add to a list what signing adds to a zone with the records `built`; its owner frees all.
 *
 * Returns 0 or an error as above.
 */
int locum_signer_add_records(struct locum_signer *self, size_t zone, const struct locum_zone *built,
                             int64_t now_s, ldns_rr_list *ret) LOCUM_MUST_CHECK;

/* When the first of the signatures made now is replaced, in seconds since 1970; self NULL: never.
 * Another value than before says that signatures are to be replaced, also after a clock went back.
 */
int64_t locum_signer_until(const struct locum_signer *self, int64_t now_s);

/* The signatures that were made, borrowed; NULL: no zone is signed. */
struct locum_sign_cache *locum_signer_cache(const struct locum_signer *self);

/* What was signed so far. */
struct locum_sign_counts locum_signer_counts(const struct locum_signer *self);

/*
 * A zone as master-file text, signed if it is to be. Parameters and errors as of
 * locum_dns_zone_text(); self NULL: not signed; answers NULL: no challenges.
 */
int locum_signer_zone_text(struct locum_signer *self, const struct locum_config *config,
                           size_t zone, const struct locum_plan *plan,
                           const struct locum_challenge_answers *answers, uint32_t serial,
                           int64_t now_s, char **ret_text) LOCUM_MUST_CHECK;

#endif
