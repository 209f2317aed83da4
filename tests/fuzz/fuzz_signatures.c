/*
 * fuzz_signatures: kept signatures (dns/signkeep.h). As they are, any bytes are refused. With a
 * right HMAC they are taken or refused; what was taken can be kept and taken once more, is used for
 * nothing but what its digest says, and is found out if it does not verify.
 */
#include "fuzz.h"

#include <string.h>

#include "dns/sign.h"
#include "dns/signkeep.h"
#include "dns/verify.h"

const unsigned fuzz_mutations = 3000;

enum { ROOM = 64, HEAD_BYTES = 19 + 64 + 1 };

static struct locum_signkeep_keys keys;

static void
begin(void)
{
    static const struct locum_secrets secrets = {.key = {{1}, {2}}, .count = 2};
    if (keys.count == 0) {
        REQUIRE(locum_signkeep_derive(&secrets, &keys) == 0 && keys.count == 2);
    }
}

/* Keep what was taken, and take it once more: it is the same. */
static void
keep_again(struct locum_sign_cache *cache, const struct locum_signtime_kept *kept)
{
    struct locum_signtime_kept got;
    struct locum_slice at;
    size_t length;
    struct locum_sign_cache *again = locum_sign_cache_create(ROOM);
    char *bytes = locum_signkeep_make(cache, kept, "boot", &length);
    REQUIRE(bytes != NULL && again != NULL);
    locum_signkeep_protect(&keys.key[1], bytes, length);
    const struct locum_slice all = {.at = bytes, .length = length};
    REQUIRE(locum_signkeep_read(&keys, all, "boot", &got, &at) == 0 && got.same_boot);
    REQUIRE(got.believed == kept->believed && got.newest == kept->newest &&
            got.signed_s == kept->signed_s);
    REQUIRE(locum_signkeep_take(again, at) == 0);
    REQUIRE(locum_sign_cache_counts(again).kept <= locum_sign_cache_counts(cache).kept);
    locum_sign_cache_release(again);
    free(bytes);
}

/* A queue with a signature of any bytes ends. */
static void
verify(void *user, const struct locum_sign_kept *kept)
{
    static const char text[] = "example. DNSKEY 257 3 13 "
                               "qjaRfHiD/DbToaRtEgBL8scqKfVo25uvf73XCssTFNc9m7jJMGuzaiAc"
                               "paCnogKJU/n5aTGn7KQV1MWgdESAjQ==";
    static ldns_rr *key;
    struct locum_verify_queue queue = {.first = NULL};
    ldns_rdf *signature = ldns_rdf_new_frm_data(LDNS_RDF_TYPE_B64, kept->length, kept->signature);
    (void)user;
    REQUIRE(key != NULL || ldns_rr_new_frm_str(&key, text, 0, NULL, NULL) == LDNS_STATUS_OK);
    REQUIRE(signature != NULL &&
            locum_verify_put(&queue, kept->digest, kept->digest, sizeof(kept->digest), key) == 0);
    struct locum_verify_job *job = locum_verify_take(&queue);
    REQUIRE(job != NULL && locum_verify_take(&queue) == NULL);
    REQUIRE(locum_verify_run(job, signature) != 0);
    locum_verify_free(job);
    ldns_rdf_deep_free(signature);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct locum_signtime_kept kept;
    struct locum_slice at;
    const struct locum_slice plain = {.at = (const char *)data, .length = size};
    begin();
    REQUIRE(locum_signkeep_read(&keys, plain, "boot", &kept, &at) != 0);
    char *bytes = malloc(HEAD_BYTES + size);
    REQUIRE(bytes != NULL);
    if (size > 0) {
        memcpy(bytes + HEAD_BYTES, data, size);
    }
    locum_signkeep_protect(&keys.key[0], bytes, HEAD_BYTES + size);
    const struct locum_slice whole = {.at = bytes, .length = HEAD_BYTES + size};
    if (locum_signkeep_read(&keys, whole, "boot", &kept, &at) == 0) {
        struct locum_sign_cache *cache = locum_sign_cache_create(ROOM);
        REQUIRE(cache != NULL && locum_signkeep_take(cache, at) == 0);
        locum_sign_cache_each(cache, kept.signed_s, verify, NULL);
        keep_again(cache, &kept);
        locum_sign_cache_release(cache);
    }
    free(bytes);
    return 0;
}
