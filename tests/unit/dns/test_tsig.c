/* tsig: RFC 8945, section by section. */
#include "tsig.h"

static struct locum_access *keys; /* ns9.example.org, long.example.org */
static const struct ask plain = {.name = "get.example.org", .type = 1};

static int
setup(void **state)
{
    (void)state;
    struct site *site = site_new();
    site_keys(site);
    /* As the vectors below have it: the second key has the same secret. */
    for (size_t i = 0; i < 32; i++) {
        site->config.tsig_keys[1].secret[i] = (uint8_t)i;
    }
    strcpy(site->config.tsig_keys[1].name, "ns9.example.org.");
    keys = site_access(site);
    free(site);
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    locum_access_destroy(keys);
    return 0;
}

/* Look for the record, read it and check it. */
static enum locum_dns_rcode
take(const uint8_t *packet, size_t length, uint64_t now_s, struct locum_tsig *ret)
{
    static struct locum_tsig_record record;
    size_t at;
    assert_int_equal(locum_tsig_find(packet, length, &at), LOCUM_TSIG_FOUND);
    *ret = (struct locum_tsig){0};
    if (!locum_tsig_parse(packet, length, at, &record)) {
        return LOCUM_RCODE_FORMERR;
    }
    return locum_tsig_verify(ret, &keys->keys, packet, &record, now_s);
}

static void
assert_mac(const struct locum_tsig *exchange, const char *hex)
{
    uint8_t expected[LOCUM_HMAC_BYTES_MAX];
    assert_int_equal(locum_slice_hex(locum_slice_of(hex), expected, exchange->mac_length), 0);
    assert_memory_equal(exchange->mac, expected, exchange->mac_length);
}

/* MACs that another program has computed from the text of the RFC (Python's hmac). */
static void
test_4_3_digest_components(void **state)
{
    (void)state;
    static const struct {
        const char *request, *answer, *next;
    } vectors[] = {
        {"4cba4722683ad1c0237073cc1939e5066b8be2a0e453b2f6f121ccf28b3d7203",
         "aa65ad5d44cdf92b2aed1fc70e98082c43be391854faf673639f5769efd8093c",
         "1f0327ce8d1122ae63c3fc97eaed1f8227c83ccbb323c07af8f36f09cbecc932"},
        {"19a25cfec7ef17f08977cd437918cfe926fe1ebefe0a1bd765b37dd19cd5d3b2"
         "3004c243b0a4ccc9855b0f27a20a17c7a4b5879774cf977432ced139d9cdc47e",
         "d888f88b8e23f30145f25d6567ec36330c6f014e6094366281dfd40ec5a649fe"
         "5dc42009e1bf2c5199b824b7312ecea4e6d80d3c6dec491140987bc1b94d3d65",
         "247925ac15a6f9455d71f06bda95a0e58fe0021b7bee8d70a2fe7d53d63e98d2"
         "c35445c9e350cb473189551f3d3a4344c2f7ae799a4f2b2913ac90021bcbfb74"},
    };
    for (size_t i = 0; i < LOCUM_COUNT(vectors); i++) {
        const struct locum_tsig_key *key = &keys->keys.key[i];
        struct locum_tsig client, server;
        uint8_t packet[512];
        const size_t plain_length = make_query(&plain, packet);
        size_t length = sign(&client, key, packet, plain_length, TSIG_NOW_S);
        assert_mac(&client, vectors[i].request);
        assert_int_equal(length, plain_length + locum_tsig_length(&client));
        assert_int_equal(packet[11], 1);
        assert_int_equal(take(packet, length, TSIG_NOW_S, &server), LOCUM_RCODE_NOERROR);
        assert_ptr_equal(server.key, key);
        /* 5.3: the answer. */
        packet[11] = 0;
        packet[2] = 0x84;
        length = locum_tsig_sign(&server, packet, plain_length, TSIG_NOW_S);
        assert_mac(&server, vectors[i].answer);
        assert_int_equal(locum_tsig_check(&client, packet, length, TSIG_NOW_S, NULL), 0);
        /* 5.3.1: the next of several messages. */
        packet[5] = packet[11] = 0;
        length = locum_tsig_sign(&server, packet, LOCUM_DNS_HEADER_BYTES, TSIG_NOW_S);
        assert_mac(&server, vectors[i].next);
        assert_int_equal(locum_tsig_check(&client, packet, length, TSIG_NOW_S, NULL), 0);
        assert_int_equal(locum_tsig_check(&client, packet, length, TSIG_NOW_S, NULL),
                         LOCUM_ERR_SIGNATURE); /* the same once more is not the next */
    }
}

/* 4.3.2: the identifier may change on the way, nothing else; names compare in lower case. */
static void
test_4_3_2_what_is_signed(void **state)
{
    (void)state;
    struct locum_tsig exchange;
    uint8_t packet[512];
    const size_t at = make_query(&plain, packet);
    const size_t length = sign(&exchange, &keys->keys.key[0], packet, at, TSIG_NOW_S);
    packet[0] ^= 0xff;
    packet[at + 1] = 'N';           /* of the key's name */
    packet[at + 17 + 10 + 1] = 'H'; /* of the algorithm's */
    assert_int_equal(take(packet, length, TSIG_NOW_S, &exchange), LOCUM_RCODE_NOERROR);
    for (size_t i = 2; i < length; i++) {
        const bool counts = i >= 4 && i < 12; /* then the packet is not whole */
        const bool names = (i >= at && i < at + 17) || (i >= 12 && i < at - 4 && packet[i] < 16);
        const bool fixed = i >= at + 17 && i < at + 17 + 10;
        const bool algorithm = i >= at + 27 && i < at + 40;
        const bool lengths = (i >= at + 48 && i < at + 50) || i >= length - 2;
        const bool original_id = i >= length - 6 && i < length - 4;
        if (counts || names || fixed || algorithm || lengths) {
            continue;
        }
        packet[i] ^= 1;
        assert_int_equal(take(packet, length, TSIG_NOW_S, &exchange), LOCUM_RCODE_NOTAUTH);
        assert_int_equal(exchange.error, LOCUM_TSIG_BADSIG);
        assert_true(exchange.key == NULL || original_id);
        packet[i] ^= 1;
    }
}

/* 5.2.1 and 5.3.2: an unknown name, or the right one with another algorithm; no MAC. */
static void
test_5_2_1_key(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        enum locum_hmac_hash hash;
    } wrong[] = {{"ns8.example.org.", LOCUM_HMAC_SHA256}, {"ns9.example.", LOCUM_HMAC_SHA512}};
    for (size_t i = 0; i < LOCUM_COUNT(wrong); i++) {
        struct site *site = site_new();
        struct locum_tsig client, server;
        uint8_t packet[512], secret[32] = {0};
        site->config.tsig_keys[0] = config_key(0, wrong[i].name);
        site->config.tsig_key_count = 1;
        struct locum_access *other = site_access(site);
        locum_hmac_key_init(&other->keys.key[0].hmac, wrong[i].hash, secret, sizeof(secret));
        const size_t at = make_query(&plain, packet);
        const size_t length = sign(&client, &other->keys.key[0], packet, at, TSIG_NOW_S);
        assert_int_equal(take(packet, length, TSIG_NOW_S, &server), LOCUM_RCODE_NOTAUTH);
        assert_int_equal(server.error, LOCUM_TSIG_BADKEY);
        packet[11] = 0;
        packet[2] |= 0x80;
        const size_t answered = locum_tsig_sign(&server, packet, at, TSIG_NOW_S + 5);
        assert_int_equal(answered, length - locum_hmac_length(wrong[i].hash));
        struct locum_tsig_record record;
        assert_true(locum_tsig_parse(packet, answered, at, &record));
        assert_int_equal(record.mac_length, 0);
        assert_int_equal(record.error, LOCUM_TSIG_BADKEY);
        assert_int_equal(record.time_s, TSIG_NOW_S);
        assert_int_equal(record.original_id, 0x1234);
        uint16_t error;
        assert_int_equal(locum_tsig_check(&client, packet, answered, TSIG_NOW_S, &error),
                         LOCUM_ERR_SIGNATURE);
        assert_int_equal(error, LOCUM_TSIG_BADKEY);
        locum_access_destroy(other);
        free(site);
    }
}

/* Cut the MAC of a signed packet to `left` bytes. */
static size_t
cut_mac(uint8_t *packet, size_t length, size_t at, size_t left)
{
    const size_t mac = at + 17 + 10 + 13 + 10; /* the first byte of the MAC */
    const size_t whole = locum_packet_u16(packet + mac - 2);
    locum_packet_put_u16(packet + mac - 2, (uint16_t)left);
    locum_packet_put_u16(packet + at + 17 + 8,
                         (uint16_t)(locum_packet_u16(packet + at + 17 + 8) - (whole - left)));
    memmove(packet + mac + left, packet + mac + whole, length - mac - whole);
    return length - (whole - left);
}

/* 5.2.2.1 and 5.2.4: no MAC may be shorter than half its hash; a truncated one that is right gets a
 * signed BADTRUNC; one that is wrong, BADSIG. */
static void
test_5_2_4_truncated(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        const struct locum_tsig_key *key = &keys->keys.key[i];
        const size_t whole = locum_hmac_length(key->hmac.hash);
        for (size_t left = 0; left < whole; left++) {
            struct locum_tsig client, server;
            uint8_t packet[512];
            const size_t at = make_query(&plain, packet);
            const size_t length =
                cut_mac(packet, sign(&client, key, packet, at, TSIG_NOW_S), at, left);
            const enum locum_dns_rcode rcode = take(packet, length, TSIG_NOW_S, &server);
            if (left < whole / 2) {
                assert_int_equal(rcode, LOCUM_RCODE_FORMERR);
                assert_int_equal(locum_tsig_length(&server), 0);
                continue;
            }
            assert_int_equal(rcode, LOCUM_RCODE_NOTAUTH);
            assert_int_equal(server.error, LOCUM_TSIG_BADTRUNC);
            /* The client knows the request's MAC as it has sent it: cut. */
            client.mac_length = left;
            packet[11] = 0;
            packet[2] |= 0x80;
            const size_t answered = locum_tsig_sign(&server, packet, at, TSIG_NOW_S);
            uint16_t error;
            assert_int_equal(locum_tsig_check(&client, packet, answered, TSIG_NOW_S, &error), 0);
            assert_int_equal(error, LOCUM_TSIG_BADTRUNC);
            (void)make_query(&plain, packet);
            const size_t again =
                cut_mac(packet, sign(&client, key, packet, at, TSIG_NOW_S), at, left);
            packet[at + 50] ^= 1;
            assert_int_equal(take(packet, again, TSIG_NOW_S, &server), LOCUM_RCODE_NOTAUTH);
            assert_int_equal(server.error, LOCUM_TSIG_BADSIG);
        }
    }
}

/* 5.2.3: both ends of the fudge; the answer has both times and is signed. */
static void
test_5_2_3_time(void **state)
{
    (void)state;
    static const int64_t offsets[] = {-100000, -301, -300, 0, 300, 301, 100000};
    for (size_t i = 0; i < LOCUM_COUNT(offsets); i++) {
        const bool good = offsets[i] >= -300 && offsets[i] <= 300;
        const uint64_t now_s = (uint64_t)(TSIG_NOW_S + offsets[i]);
        struct locum_tsig client, server;
        uint8_t packet[512];
        const size_t at = make_query(&plain, packet);
        const size_t length = sign(&client, &keys->keys.key[0], packet, at, TSIG_NOW_S);
        assert_int_equal(take(packet, length, now_s, &server),
                         good ? LOCUM_RCODE_NOERROR : LOCUM_RCODE_NOTAUTH);
        assert_int_equal(server.error, good ? LOCUM_TSIG_GOOD : LOCUM_TSIG_BADTIME);
        packet[11] = 0;
        packet[2] |= 0x80;
        const size_t answered = locum_tsig_sign(&server, packet, at, now_s);
        struct locum_tsig_record record;
        assert_true(locum_tsig_parse(packet, answered, at, &record));
        if (!good) {
            uint8_t other[6];
            for (size_t j = 0; j < 6; j++) {
                other[j] = (uint8_t)(now_s >> (8 * (5 - j)));
            }
            assert_int_equal(record.time_s, TSIG_NOW_S);
            assert_int_equal(record.other_length, 6);
            assert_memory_equal(record.other, other, 6);
        }
        assert_int_equal(locum_tsig_check(&client, packet, answered, TSIG_NOW_S, NULL), 0);
    }
}

/* A sender may write 18 hours as its fudge; a captured query would be good for so long. */
static void
test_greatest_fudge(void **state)
{
    (void)state;
    static const uint16_t fudges[] = {100, 300, 301, UINT16_MAX};
    static const int64_t offsets[] = {-301, -300, -101, -100, 0, 100, 101, 300, 301};
    for (size_t i = 0; i < LOCUM_COUNT(fudges) * LOCUM_COUNT(offsets); i++) {
        const uint16_t fudge_s = fudges[i / LOCUM_COUNT(offsets)];
        const int64_t offset = offsets[i % LOCUM_COUNT(offsets)];
        const int64_t most = fudge_s < 300 ? fudge_s : 300;
        const bool good = offset >= -most && offset <= most;
        uint8_t packet[512], *wire = NULL;
        size_t at = make_query(&plain, packet), length = 0;
        ldns_pkt *query = NULL;
        struct locum_tsig server;
        struct locum_tsig_record record;
        assert_int_equal(ldns_wire2pkt(&query, packet, at), LDNS_STATUS_OK);
        assert_int_equal(ldns_pkt_tsig_sign(query, "ns9.example.org.",
                                            "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", fudge_s,
                                            "hmac-sha256.", NULL),
                         LDNS_STATUS_OK);
        assert_int_equal(ldns_pkt2wire(&wire, query, &length), LDNS_STATUS_OK);
        assert_int_equal(locum_tsig_find(wire, length, &at), LOCUM_TSIG_FOUND);
        assert_true(locum_tsig_parse(wire, length, at, &record));
        assert_int_equal(record.fudge_s, fudge_s);
        (void)locum_tsig_verify(&server, &keys->keys, wire, &record,
                                (uint64_t)((int64_t)record.time_s + offset));
        assert_int_equal(server.error, good ? LOCUM_TSIG_GOOD : LOCUM_TSIG_BADTIME);
        free(wire);
        ldns_pkt_free(query);
    }
}

/* The header of a packet with these counts. */
#define HEADER(qd, an, ns, ar) "\x12\x34\0\0\0" qd "\0" an "\0" ns "\0" ar
#define QUESTION               "\1A\0\0\1\0\1"
#define RECORD                 "\xc0\x0c\0\1\0\1\0\0\0\0\0\4abcd"
#define OPT                    "\0\0\x29\4\xd0\0\0\0\0\0\0"
#define EMPTY_MAC              "\0\0\0\0\0\0\1\x2c\0\0\x12\x34\0\0\0\0"
#define TSIG                   "\1k\0\0\xfa\0\xff\0\0\0\0\0\x13\1a\0" EMPTY_MAC
#define ROW(bytes, verdict)                                                                        \
    {                                                                                              \
        bytes, sizeof(bytes) - 1, LOCUM_TSIG_##verdict, __LINE__                                   \
    }

/* 5.1: one record, the last of the additional section. */
static void
test_5_1_position(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t length;
        enum locum_tsig_found verdict;
        int line;
    } rows[] = {
        ROW(HEADER("\0", "\0", "\0", "\0"), ABSENT),
        ROW(HEADER("\1", "\0", "\0", "\0") QUESTION, ABSENT),
        ROW(HEADER("\1", "\0", "\0", "\1") QUESTION OPT, ABSENT),
        ROW(HEADER("\1", "\0", "\0", "\1") QUESTION TSIG, FOUND),
        ROW(HEADER("\1", "\0", "\0", "\2") QUESTION OPT TSIG, FOUND),
        ROW(HEADER("\1", "\1", "\1", "\1") QUESTION RECORD RECORD TSIG, FOUND),
        ROW(HEADER("\0", "\0", "\0", "\1") TSIG, FOUND),
        ROW(HEADER("\1", "\0", "\0", "\2") QUESTION TSIG OPT, BROKEN),
        ROW(HEADER("\1", "\0", "\0", "\2") QUESTION TSIG TSIG, BROKEN),
        ROW(HEADER("\1", "\1", "\0", "\0") QUESTION TSIG, BROKEN),
        ROW(HEADER("\1", "\0", "\1", "\0") QUESTION TSIG, BROKEN),
        ROW(HEADER("\1", "\1", "\0", "\1") QUESTION TSIG OPT, BROKEN),
        ROW(HEADER("\1", "\0", "\0", "\1") QUESTION TSIG "\0", BROKEN),
        ROW(HEADER("\1", "\0", "\0", "\2") QUESTION TSIG, BROKEN),
        ROW(HEADER("\1", "\0", "\0", "\1") QUESTION, BROKEN),
        ROW(HEADER("\1", "\0", "\0", "\0") QUESTION OPT, BROKEN),
        ROW(HEADER("\2", "\0", "\0", "\0") QUESTION, BROKEN),
        ROW(HEADER("\1", "\0", "\0", "\0"), BROKEN),
        ROW(HEADER("\1", "\0", "\0", "\0") "\1", BROKEN),
        ROW(HEADER("\1", "\0", "\0", "\0") "\xc0", BROKEN),
        ROW(HEADER("\1", "\0", "\0", "\0") "\x41", BROKEN),
        ROW(HEADER("\0", "\1", "\0", "\0") "\xc0\x0c\0\1\0\1\0\0\0\0\0\5abcd", BROKEN),
    };
    for (size_t i = 0; i < LOCUM_COUNT(rows); i++) {
        size_t at;
        uint8_t *copy = malloc(rows[i].length); /* of exact size, for the sanitizer */
        assert_non_null(copy);
        memcpy(copy, rows[i].bytes, rows[i].length);
        if (locum_tsig_find(copy, rows[i].length, &at) != rows[i].verdict) {
            fail_msg("line %d", rows[i].line);
        }
        free(copy);
    }
}

/* 4.2: the record itself. */
static void
test_4_2_format(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t length;
        bool good;
    } rows[] = {
#define R(bytes, good) {HEADER("\1", "\0", "\0", "\1") QUESTION bytes, sizeof(bytes) - 1 + 19, good}
        R(TSIG, true),
        R("\xc0\x0c\0\xfa\0\xff\0\0\0\0\0\x13\1a\0" EMPTY_MAC, true),       /* compressed owner */
        R("\xc0\x13\0\xfa\0\xff\0\0\0\0\0\x13\1a\0" EMPTY_MAC, false),      /* of itself */
        R("\xc0\x20\0\xfa\0\xff\0\0\0\0\0\x13\1a\0" EMPTY_MAC, false),      /* forward */
        R("\xc0\x01\0\xfa\0\xff\0\0\0\0\0\x13\1a\0" EMPTY_MAC, false),      /* in the header */
        R("\1k\0\0\xfa\0\xff\0\0\0\0\0\x12\xc0\x0c" EMPTY_MAC "\0", false), /* algorithm */
        R("\1k\0\0\xfa\0\1\0\0\0\0\0\x13\1a\0" EMPTY_MAC, false),           /* class */
        R("\1k\0\0\xfa\0\xff\0\0\0\1\0\x13\1a\0" EMPTY_MAC, false),         /* TTL */
        R("\1k\0\0\xfa\0\xff\0\0\0\0\0\x13\1a\0\0\0\0\0\0\0\1\x2c\0\1\x12\x34\0\0\0\0", false),
        R("\1k\0\0\xfa\0\xff\0\0\0\0\0\x13\1a\0\0\0\0\0\0\0\1\x2c\0\0\x12\x34\0\0\0\1", false),
        R("\1k\0\0\xfa\0\xff\0\0\0\0\0\1\0", false),
        R("\1k\0\0\xfa\0\xff\0\0\0\0\0\0", false),
#undef R
    };
    for (size_t i = 0; i < LOCUM_COUNT(rows); i++) {
        struct locum_tsig_record record;
        uint8_t *copy = malloc(rows[i].length);
        assert_non_null(copy);
        memcpy(copy, rows[i].bytes, rows[i].length);
        assert_int_equal(locum_tsig_parse(copy, rows[i].length, 19, &record), rows[i].good);
        free(copy);
    }
}

/* 5.4: what a client refuses. */
static void
test_5_4_answer(void **state)
{
    (void)state;
    const struct locum_tsig_key *key = &keys->keys.key[0];
    struct locum_tsig client, server;
    uint8_t packet[512];
    const size_t at = make_query(&plain, packet);
    const size_t asked = sign(&client, key, packet, at, TSIG_NOW_S);
    assert_int_equal(take(packet, asked, TSIG_NOW_S, &server), LOCUM_RCODE_NOERROR);
    packet[11] = 0;
    packet[2] |= 0x80;
    assert_int_equal(locum_tsig_check(&client, packet, at, TSIG_NOW_S, NULL), LOCUM_ERR_INVALID);
    assert_int_equal(locum_tsig_check(&client, packet, 11, TSIG_NOW_S, NULL), LOCUM_ERR_INVALID);
    const size_t length = locum_tsig_sign(&server, packet, at, TSIG_NOW_S);
    assert_int_equal(locum_tsig_check(&client, packet, length, TSIG_NOW_S + 301, NULL),
                     LOCUM_ERR_SIGNATURE);
    packet[3] ^= 1;
    assert_int_equal(locum_tsig_check(&client, packet, length, TSIG_NOW_S, NULL),
                     LOCUM_ERR_SIGNATURE);
    packet[3] ^= 1;
    client.mac[0] ^= 1; /* the answer to another request */
    assert_int_equal(locum_tsig_check(&client, packet, length, TSIG_NOW_S, NULL),
                     LOCUM_ERR_SIGNATURE);
    client.mac[0] ^= 1;
    assert_int_equal(locum_tsig_check(&client, packet, length, TSIG_NOW_S, NULL), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_4_3_digest_components),
        cmocka_unit_test(test_4_3_2_what_is_signed),
        cmocka_unit_test(test_4_2_format),
        cmocka_unit_test(test_5_1_position),
        cmocka_unit_test(test_5_2_1_key),
        cmocka_unit_test(test_5_2_3_time),
        cmocka_unit_test(test_greatest_fudge),
        cmocka_unit_test(test_5_2_4_truncated),
        cmocka_unit_test(test_5_4_answer),
    };
    return cmocka_run_group_tests_name("dns/tsig", tests, setup, teardown);
}
