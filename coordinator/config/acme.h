/*
 * acme: the records of a zone that let an authority issue certificates for its shared and owned
 * names. Those of dns-persist-01 follow from the configuration alone, so they are equal on all
 * nodes; those of dns-01 (dns/challenges.h) have owners that follow from it.
 *
 * Sources: draft-ietf-acme-dns-persist; RFC 8555 8.4.
 */
#ifndef LOCUM_CONFIG_ACME_H
#define LOCUM_CONFIG_ACME_H

#include "base/text.h"
#include "config/config.h"

/* locum_schema_check_fn of a day, and of an account URI. */
const char *locum_acme_day_wrong(const void *value);
const char *locum_acme_account_wrong(const void *value);

#define LOCUM_ACME_PERSIST_LABEL   "_validation-persist"
#define LOCUM_ACME_CHALLENGE_LABEL "_acme-challenge"

/* An entry of acme.persist of a zone. */
const struct locum_config_persist *locum_acme_persist(const struct locum_config *config,
                                                      size_t zone, size_t index);

/*
 * The owner of the TXT records for a name: "_validation-persist.NAME", without a leading "*.".
 *
 * ret_wildcard  the name is a wildcard, or another name of the zone with the same owner is.
 * False: the zone has no acme.persist, or an earlier name of it has the same owner.
 */
bool locum_acme_persist_owner(const struct locum_config *config, size_t name,
                              char ret[LOCUM_DOMAIN_MAX + 1], bool *ret_wildcard);

/* The same for dns-01: "_acme-challenge.NAME". False: it is off in the zone, or an earlier name of
 * it has the same owner. A static record may have that name: then it counts (dns/zone.h). */
bool locum_acme_challenge_owner(const struct locum_config *config, size_t name,
                                char ret[LOCUM_DOMAIN_MAX + 1]);

/* Append the text of one record of dns-persist-01, at most LOCUM_ACME_PERSIST_MAX characters
 * without quotes. */
enum { LOCUM_ACME_PERSIST_MAX = 254 }; /* so that it is one string (RFC 1035 3.3.14) */
void locum_acme_persist_add(const struct locum_config_persist *persist, bool wildcard,
                            struct locum_text *text);

#endif
