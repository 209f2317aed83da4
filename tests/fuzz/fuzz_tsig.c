/*
 * fuzz_tsig: a packet with a TSIG record, and an answer to a signed request. The first byte says
 * which. What is found is inside the packet; only what a key has signed is verified, and whatever
 * the answer is, it can be signed, and the asker accepts it.
 */
#include "fuzz.h"

#include "../unit/dns/tsig.h"

const unsigned fuzz_mutations = 200000;

static const struct locum_tsig_keys *
keys(void)
{
    static struct locum_access *kept;
    if (kept == NULL) {
        struct site *site = site_new();
        site_keys(site);
        kept = site_access(site);
        free(site);
    }
    return &kept->keys;
}

/* The answer to a request as it was judged. */
static void
check_answer(struct locum_tsig *exchange, const uint8_t *packet, size_t length)
{
    static uint8_t reply[LOCUM_DNS_PLAIN_BYTES_MAX + 2 * LOCUM_DNS_NAME_MAX];
    struct locum_tsig client = {.key = exchange->key, .mac_length = exchange->mac_length};
    memcpy(client.mac, exchange->mac, sizeof(client.mac));
    memset(reply, 0, LOCUM_DNS_HEADER_BYTES);
    memcpy(reply, packet, 2);
    reply[2] = 0x80;
    const size_t room = locum_tsig_length(exchange);
    const size_t signed_length =
        locum_tsig_sign(exchange, reply, LOCUM_DNS_HEADER_BYTES, TSIG_NOW_S);
    REQUIRE(signed_length == LOCUM_DNS_HEADER_BYTES + room);
    REQUIRE(room <= length + 2 * LOCUM_DNS_NAME_MAX + LOCUM_TSIG_BYTES_MAX);
    if (client.key != NULL && exchange->error != LOCUM_TSIG_BADTIME) {
        REQUIRE(locum_tsig_check(&client, reply, signed_length, TSIG_NOW_S, NULL) == 0);
    }
}

static void
check_request(const uint8_t *packet, size_t length)
{
    static struct locum_tsig_record record;
    struct locum_tsig exchange;
    size_t at = 0;
    const enum locum_tsig_found found = locum_tsig_find(packet, length, &at);
    if (found != LOCUM_TSIG_FOUND) {
        return;
    }
    REQUIRE(at >= LOCUM_DNS_HEADER_BYTES && at < length);
    if (!locum_tsig_parse(packet, length, at, &record)) {
        return;
    }
    REQUIRE(record.other + record.other_length == packet + length);
    REQUIRE(record.mac >= packet + at && record.mac + record.mac_length <= record.other);
    const enum locum_dns_rcode rcode =
        locum_tsig_verify(&exchange, keys(), packet, &record, TSIG_NOW_S);
    REQUIRE(rcode == LOCUM_RCODE_NOERROR || rcode == LOCUM_RCODE_FORMERR ||
            rcode == LOCUM_RCODE_NOTAUTH);
    REQUIRE((rcode == LOCUM_RCODE_NOTAUTH) == (exchange.error != LOCUM_TSIG_GOOD));
    REQUIRE(rcode != LOCUM_RCODE_NOERROR || exchange.key != NULL);
    if (rcode != LOCUM_RCODE_FORMERR) {
        check_answer(&exchange, packet, length);
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct locum_tsig client;
    uint16_t error;
    if (size < 1 + LOCUM_DNS_HEADER_BYTES || size > 65535) {
        return 0;
    }
    if (data[0] % 2 == 0) {
        check_request(data + 1, size - 1);
        return 0;
    }
    locum_tsig_begin(&client, &keys()->key[data[0] / 2 % 2]);
    client.mac_length = 32;
    client.later = data[0] >= 128;
    if (locum_tsig_check(&client, data + 1, size - 1, TSIG_NOW_S, &error) == 0) {
        REQUIRE(client.later);
    }
    return 0;
}
