/*
 * tsigkeys: a file with keys for signed DNS messages (RFC 8945), in the form of BIND's named.conf,
 * as tsig-keygen(8) writes it:
 *
 *   key "ns9.example.org" { algorithm hmac-sha256; secret "base64"; };
 *
 * Any number of these; comments as in named.conf. No other statement, and no include.
 */
#ifndef LOCUM_CONFIG_TSIGKEYS_H
#define LOCUM_CONFIG_TSIGKEYS_H

#include "config/config.h"

/*
 * Read the text of a file.
 *
 * ret        room for keys_max; the caller wipes it, also after an error.
 * ret_count  keys in `ret`.
 * ret_why    on failure the reason, with the line and without any secret.
 * Returns 0, LOCUM_ERR_INVALID or LOCUM_ERR_SPACE (more than keys_max).
 */
int locum_tsigkeys_parse(struct locum_slice text, struct locum_config_tsig_key *ret,
                         size_t keys_max, size_t *ret_count,
                         struct locum_text *ret_why) LOCUM_MUST_CHECK;

#endif
