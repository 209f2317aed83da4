/*
 * keygen: makes the key files of a zone, as dnssec-keygen(1) and ldns-keygen(1) do, for `locum
 * keygen ZONE`; and prints what the parent needs, for `locum ds ZONE`. For programs of one thread.
 */
#ifndef LOCUM_DNS_KEYGEN_H
#define LOCUM_DNS_KEYGEN_H

#include <stdio.h>

#include "base/text.h"
#include "config/config.h"

/*
 * Make a key that signs everything (flags 257), and print the names of its files and its DS.
 *
 * folder     is made (mode 0750) if it does not exist. The files get its group; of that the private
 *            half has mode 0640.
 * zone       absolute, lower case.
 * algorithm  "ecdsap256sha256" or "ed25519".
 * ret_why    on failure the reason.
 * Returns 0, LOCUM_ERR_INVALID (no such algorithm), LOCUM_ERR_MEMORY or LOCUM_ERR_IO.
 */
int locum_keygen_make(const char *folder, const char *zone, const char *algorithm, FILE *out,
                      struct locum_text *ret_why) LOCUM_MUST_CHECK;

/*
 * Print the DS records that the parent of a signed zone must have, or with `withdraw` must not have
 * any more, and in comments the fields that the form of a registrar may ask for instead.
 *
 * config  checked with locum_dns_check().
 * Returns 0, LOCUM_ERR_MEMORY or LOCUM_ERR_INVALID.
 */
int locum_keygen_print_ds(const struct locum_config *config, size_t zone,
                          FILE *out) LOCUM_MUST_CHECK;

#endif
