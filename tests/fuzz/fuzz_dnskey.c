/*
 * fuzz_dnskey: the bytes of a .key file, a 0 byte, and those of a .private file. What is taken is a
 * key of the zone, its private half makes signatures that it verifies, and its text gives it again.
 */
#include "fuzz.h"

#include <string.h>

#include "dns/dnskey.h"

const unsigned fuzz_mutations = 3000;

static size_t problems;

static void
count(void *user, const char *text)
{
    (void)user;
    REQUIRE(strstr(text, "folder/name.") == text);
    problems++;
}

static void
check(struct locum_dnskey *key)
{
    char *text = locum_dnskey_record_text(key);
    ldns_rr *again = text != NULL ? locum_dnskey_record("example.", text) : NULL;
    REQUIRE(again != NULL);
    ldns_rr_set_ttl(again, 0);
    REQUIRE(ldns_rr_compare(again, key->rr) == 0);
    REQUIRE(key->flags == 256 || key->flags == 257);
    REQUIRE(ldns_calc_keytag(key->rr) == key->tag);
    REQUIRE((key->key == NULL) == (key->private_text == NULL));
    REQUIRE(key->key == NULL || locum_dnskey_can_sign(key->algorithm));
    ldns_rr_free(again);
    free(text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ldns_rdf *apex = ldns_dname_new_frm_str("example.");
    const uint8_t *end = size > 0 ? memchr(data, 0, size) : NULL;
    const struct locum_slice record = {.at = (const char *)data,
                                       .length = end != NULL ? (size_t)(end - data) : size};
    const struct locum_slice half = {.at = end != NULL ? (const char *)end + 1 : NULL,
                                     .length = end != NULL ? size - record.length - 1 : 0};
    struct locum_dnskey key;
    problems = 0;
    const int status = locum_dnskey_parse("folder", "name", apex, record, half, count, NULL, &key);
    REQUIRE(status == 0 || problems > 0 || size >= LOCUM_DNSKEY_FILE_BYTES_MAX);
    if (status == 0) {
        check(&key);
        locum_dnskey_free(&key);
    }
    ldns_rdf_deep_free(apex);
    return 0;
}
