/*
 * signkeep: the signatures of a run as bytes, for the next one, in the file
 * STATE-DIR/CLUSTER.signatures and, across `locum replace`, in a memfd:
 *
 *   locum-signatures 1 HMAC-OF-ALL-THAT-FOLLOWS
 *   boot-id 0b8e...
 *   believed-ms 1763863100123
 *   newest-ms 1763863200123
 *   signed-s 1763863200
 *   keys-ms 1763863200123
 *   boot-ms 4711000
 *   count 2
 *   (that many times: digest, 32 bytes; until, 4; verified, 1; length, 2; the signature)
 *
 * Numbers of the binary part are big-endian. To verify each signature before its use would take
 * longer than to make it again. So the file as a whole has an HMAC, with a key that follows from
 * the cluster secret: what this node has not written, or the disk has damaged, is not used at all.
 * The digest of a signature names all that it depends on, so it cannot be used for anything else.
 */
#ifndef LOCUM_DNS_SIGNKEEP_H
#define LOCUM_DNS_SIGNKEEP_H

#include "base/hmac.h"
#include "base/signature.h"
#include "dns/signtime.h"

enum { LOCUM_SIGNKEEP_BYTES_MAX = 64 * 1024 * 1024, LOCUM_SIGNKEEP_BOOT_MAX = 63 };

struct locum_sign_cache; /* sign.h */

/* The keys of these secrets; the first one protects. 0 or LOCUM_ERR_MEMORY. */
struct locum_signkeep_keys {
    struct locum_hmac_key key[LOCUM_SECRETS_MAX];
    size_t count;
};
int locum_signkeep_derive(const struct locum_secrets *secrets,
                          struct locum_signkeep_keys *ret) LOCUM_MUST_CHECK;

/*
 * The bytes, without their HMAC, freed by the caller; NULL: out of memory. What does not fit into
 * LOCUM_SIGNKEEP_BYTES_MAX is left out.
 *
 * cache    NULL: no signature.
 * boot_id  at most LOCUM_SIGNKEEP_BOOT_MAX characters, without blanks; "": not known.
 */
char *locum_signkeep_make(struct locum_sign_cache *cache, const struct locum_signtime_kept *time,
                          const char *boot_id, size_t *ret_length);

/* Write the HMAC into them. Any thread may. */
void locum_signkeep_protect(const struct locum_hmac_key *key, char *bytes, size_t length);

/*
 * Read what one of these keys protects; other bytes are LOCUM_ERR_INVALID.
 *
 * boot_id  of this boot: `same_boot` says whether it was the same.
 * ret      the times.
 * ret_at   where the signatures are, for locum_signkeep_take().
 * 0, LOCUM_ERR_INVALID.
 */
int locum_signkeep_read(const struct locum_signkeep_keys *keys, struct locum_slice bytes,
                        const char *boot_id, struct locum_signtime_kept *ret,
                        struct locum_slice *ret_at) LOCUM_MUST_CHECK;

/* Add the signatures to a cache. 0 or LOCUM_ERR_MEMORY. */
int locum_signkeep_take(struct locum_sign_cache *cache, struct locum_slice at) LOCUM_MUST_CHECK;

#endif
