/*
 * fuzz_notify: an answer to a NOTIFY, after a first byte that says whether it was signed. Nothing
 * but an answer with the right identifier counts, and to a signed message only a signed one.
 */
#include "fuzz.h"

#include "../unit/dns/tsig.h"

#include "dns/secondaries.h"

const unsigned fuzz_mutations = 200000;

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct locum_tsig_key key = {.name = "\3ns9", .name_length = 5};
    struct locum_tsig exchange = {0};
    const char *reason;
    if (size == 0 || size > 4096) {
        return 0;
    }
    locum_hmac_key_init(&key.hmac, LOCUM_HMAC_SHA256, (const uint8_t *)"secret", 6);
    if (data[0] % 2 == 1) {
        locum_tsig_begin(&exchange, &key);
        exchange.mac_length = 32;
    }
    const bool read =
        locum_secondaries_read(&exchange, 0x1234, data + 1, size - 1, TSIG_NOW_S, &reason);
    REQUIRE(!read || (size > 12 && data[1] == 0x12 && data[2] == 0x34 && (data[3] & 0xf8) == 0xa0));
    REQUIRE(!read || (reason == NULL) == ((data[4] & 0x0f) == 0));
    REQUIRE(!read || exchange.key == NULL || size > 1 + 12 + 32);
    return 0;
}
