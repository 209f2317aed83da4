/* signed queries and requests for transfers, as the query path answers them: RFC 8945, 5936, 1995.
 */
#include "tsig.h"

enum { SERIAL = 1763863258 };

static struct site *site;
static struct locum_dns_table *table;
static uint8_t packet[1024], reply[LOCUM_DNS_TCP_BYTES_MAX];
static struct locum_dns_outgoing outgoing;

/* 192.0.2.200 may transfer the first zone; for the second it needs ns9.example.org. */
static int
setup(void **state)
{
    (void)state;
    site = site_new();
    const size_t other = site_zone(site, "other.example.org.", LOCUM_ANSWER_ALL);
    site_ns(site, other, "dc2.example.org.");
    site_name(site, other, "other.example.org.", LOCUM_NODE_NONE, 3);
    char record[LOCUM_STRING_MAX + 1];
    (void)snprintf(record, sizeof(record), "big TXT \"%0250d\" \"%0200d\"", 1, 2);
    site_record(site, 0, record);
    site_keys(site);
    for (size_t i = 0; i < 2; i++) {
        struct locum_config_transfer *transfer = &site->config.zones[i].transfer;
        transfer->allow[0] =
            (struct locum_prefix){.address = address("192.0.2.192", 0), .bits = 26};
        transfer->allow_count = 1;
    }
    strcpy(site->config.zones[1].transfer.key_file, "file");
    site->config.zones[1].transfer.keys = 1;
    table = site_table(site);
    table->access = site_access(site);
    table->serial = SERIAL;
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    locum_dns_table_release(table);
    free(site);
    return 0;
}

static const struct locum_tsig_key *
key(size_t i)
{
    return &table->access->keys.key[i];
}

static struct locum_dns_reply
answer(size_t length, const char *from, bool tcp)
{
    const struct locum_address source = address(from, 0);
    const struct locum_dns_query query = {
        .packet = packet,
        .length = length,
        .client = {source.bytes, source.family == LOCUM_V4 ? 4 : 16},
        .wall_s = TSIG_NOW_S,
        .bytes_max = tcp ? LOCUM_DNS_TCP_BYTES_MAX : LOCUM_DNS_UDP_BYTES_MAX,
        .idle_ms = 1000,
        .outgoing = tcp ? &outgoing : NULL,
    };
    return locum_query_answer(table, &query, reply);
}

static void
test_verified_queries_have_signed_answers(void **state)
{
    (void)state;
    static const struct {
        struct ask ask;
        uint16_t rcode;
    } asks[] = {
        {{.name = "get.example.org", .type = 1}, 0},
        {{.name = "get.example.org", .type = 1, .edns = true, .payload = 1232}, 0},
        {{.name = "no.get.example.org", .type = 1}, 3},
        {{.name = "example.com", .type = 1}, 5},
        {{.name = "get.example.org", .type = 6, .flags = {0x20}}, 4}, /* NOTIFY */
        {{.name = "get.example.org", .type = 1, .edns = true, .version = 1}, 16},
        {{.name = "example.com", .type = 252}, 9},
    };
    for (size_t i = 0; i < 2 * LOCUM_COUNT(asks); i++) {
        struct locum_tsig client;
        const size_t at = make_query(&asks[i / 2].ask, packet);
        const size_t length = sign(&client, key(i % 2), packet, at, TSIG_NOW_S - 100);
        const struct locum_dns_reply given = answer(length, "198.51.100.1", false);
        assert_int_equal(given.rcode, asks[i / 2].rcode);
        assert_int_equal(given.signed_as, LOCUM_DNS_VERIFIED);
        assert_int_equal(locum_tsig_check(&client, reply, given.length, TSIG_NOW_S, NULL), 0);
        ldns_pkt_free(read_reply(reply, given.length));
    }
}

/* RFC 8945 5.2 */
static void
test_refused_signatures(void **state)
{
    (void)state;
    static const struct ask ask = {.name = "get.example.org", .type = 1, .edns = true};
    for (int i = 0; i < 4; i++) {
        struct locum_tsig client;
        struct locum_tsig_key wrong = *key(0);
        uint8_t secret[32] = {9};
        if (i == 0) {
            wrong.name[1] = 'x';
        } else if (i == 1) {
            locum_hmac_key_init(&wrong.hmac, LOCUM_HMAC_SHA256, secret, sizeof(secret));
        }
        const size_t at = make_query(&ask, packet);
        size_t length = sign(&client, &wrong, packet, at, TSIG_NOW_S + (i == 2 ? 301 : 0));
        if (i == 3) {
            length -= 5; /* no record any more */
        }
        const struct locum_dns_reply given = answer(length, "198.51.100.1", false);
        static const enum locum_dns_signed_as expected[] = {LOCUM_DNS_BADKEY, LOCUM_DNS_BADSIG,
                                                            LOCUM_DNS_BADTIME, LOCUM_DNS_UNSIGNED};
        assert_int_equal(given.signed_as, expected[i]);
        assert_int_equal(given.rcode, i == 3 ? 1 : 9);
        uint16_t error;
        const int status =
            locum_tsig_check(&client, reply, given.length, TSIG_NOW_S + (i == 2 ? 301 : 0), &error);
        static const int statuses[] = {LOCUM_ERR_SIGNATURE, LOCUM_ERR_SIGNATURE, 0,
                                       LOCUM_ERR_INVALID};
        static const uint16_t errors[] = {17, 16, 18, 0};
        assert_int_equal(status, statuses[i]);
        assert_int_equal(error, errors[i]);
        assert_int_equal(locum_packet_u16(reply + 6), 0);
    }
}

/* RFC 8945 5.3: the signature has its room; a truncated answer is signed too. */
static void
test_answers_leave_room_for_their_signature(void **state)
{
    (void)state;
    struct ask ask = {.name = "big.get.example.org", .type = 16};
    for (uint16_t payload = 0; payload < 700; payload++) {
        struct locum_tsig client;
        ask.edns = payload > 0;
        ask.payload = payload;
        const size_t length = sign(&client, key(1), packet, make_query(&ask, packet), TSIG_NOW_S);
        const struct locum_dns_reply given = answer(length, "198.51.100.1", false);
        assert_true(given.length <= (payload < 512 ? 512 : payload));
        assert_int_equal(locum_tsig_check(&client, reply, given.length, TSIG_NOW_S, NULL), 0);
        assert_int_equal(given.truncated, given.length < 500);
    }
    const size_t length =
        sign(&(struct locum_tsig){0}, key(1), packet, make_query(&ask, packet), TSIG_NOW_S);
    assert_false(answer(length, "198.51.100.1", true).truncated);
}

static const char longest_name[] =
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa."
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa."
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa."
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.get.example.org";

/* The longest question with the longest name of a key fits into 512 bytes. */
static void
test_longest_names_are_answered(void **state)
{
    (void)state;
    struct locum_tsig client;
    struct locum_tsig_key *longest = &table->access->keys.key[1];
    const struct locum_tsig_key before = *longest;
    const struct ask ask = {.name = longest_name,
                            .type = 1,
                            .edns = true,
                            .options = (const uint8_t *)"\0\3\0\0\0\12\0\10abcdefgh",
                            .options_length = 16};
    memset(longest->name, 1, sizeof(longest->name));
    for (size_t i = 1; i < sizeof(longest->name); i += 2) {
        longest->name[i] = 'k';
    }
    longest->name[sizeof(longest->name) - 2] = 0;
    longest->name_length = sizeof(longest->name) - 1;
    const size_t length = sign(&client, longest, packet, make_query(&ask, packet), TSIG_NOW_S);
    const struct locum_dns_reply given = answer(length, "198.51.100.1", false);
    assert_int_equal(given.rcode, 3);
    assert_true(given.length <= 512);
    assert_int_equal(locum_tsig_check(&client, reply, given.length, TSIG_NOW_S, NULL), 0);
    *longest = before;
}

/* A name of so many bytes, an odd number. */
static size_t
put_labels(uint8_t *at, size_t length)
{
    for (size_t i = 0; i + 1 < length; i += 2) {
        at[i] = 1;
        at[i + 1] = 'k';
    }
    at[length - 1] = 0;
    return length;
}

/* The names of an unknown key go back to the client: the answer keeps to 512 bytes. */
static void
test_long_names_of_unknown_keys(void **state)
{
    (void)state;
    static const uint8_t fixed[] = {0, 250, 0, 255, 0, 0, 0, 0};
    for (size_t name = 1; name <= 255; name += 2) {
        for (size_t algorithm = 1; algorithm <= 255; algorithm += 2) {
            const struct ask ask = {
                .name = longest_name, .type = 1, .edns = name % 4 == 1, .payload = 512};
            size_t at = make_query(&ask, packet);
            const size_t end = ask.edns ? at - 11 : at; /* of the question */
            at += put_labels(packet + at, name);
            memcpy(packet + at, fixed, sizeof(fixed));
            locum_packet_put_u16(packet + at + sizeof(fixed), (uint16_t)(algorithm + 16));
            at += sizeof(fixed) + 2;
            at += put_labels(packet + at, algorithm);
            memset(packet + at, 0, 16);
            packet[11]++;
            const struct locum_dns_reply given = answer(at + 16, "198.51.100.1", false);
            const size_t opt = ask.edns ? (size_t)LOCUM_EDNS_BYTES_MAX : 0;
            const size_t bytes = end + opt + LOCUM_TSIG_FIXED_BYTES + name + algorithm;
            const bool has_room = bytes <= 512;
            assert_true(given.length > 0 && given.length <= 512);
            assert_int_equal(given.rcode, has_room ? 9 : 1);
            assert_int_equal(given.signed_as, has_room ? LOCUM_DNS_BADKEY : LOCUM_DNS_UNSIGNED);
            if (name > 250 && algorithm > 250) {
                assert_int_equal(answer(at + 16, "198.51.100.1", true).rcode, 9);
            }
        }
    }
}

/* A signature does not exempt from the limit: the query can be replayed from any address. The short
 * answers are not longer than the query, and unsigned. */
static void
test_rate_limit(void **state)
{
    (void)state;
    static struct locum_limiter limiter;
    static const struct ask ask = {.name = "get.example.org", .type = 1};
    const struct locum_address source = address("198.51.100.1", 0);
    assert_int_equal(locum_limit_init(&limiter), 0);
    site->config.rate_limit =
        (struct locum_config_rate_limit){.responses_per_second = 1, .slip = 1};
    locum_limit_rules_init(&table->limit, &site->config, 1);
    limiter.now_us = 5000000;
    for (int i = 0; i < 20; i++) {
        struct locum_tsig client;
        struct locum_tsig_key wrong = *key(0);
        wrong.name[1] = 'x';
        const size_t length =
            sign(&client, i < 10 ? key(0) : &wrong, packet, make_query(&ask, packet), TSIG_NOW_S);
        const struct locum_dns_query query = {.packet = packet,
                                              .length = length,
                                              .client = {source.bytes, 4},
                                              .wall_s = TSIG_NOW_S,
                                              .limiter = &limiter,
                                              .bytes_max = LOCUM_DNS_UDP_BYTES_MAX};
        const struct locum_dns_reply given = locum_query_answer(table, &query, reply);
        assert_int_equal(given.signed_as, i < 10 ? LOCUM_DNS_VERIFIED : LOCUM_DNS_BADKEY);
        if (i % 10 > 5) {
            assert_int_equal(given.verdict, LOCUM_LIMIT_SLIP);
            assert_int_equal(given.rcode, i < 10 ? 0 : 9);
            assert_int_equal(given.truncated, i < 10);
            assert_true(given.length < length);
            assert_int_equal(locum_packet_u16(reply + 10), 0);
        }
    }
    locum_limit_fini(&limiter);
    table->limit = (struct locum_limit_rules){0};
}

/* Address and key, each alone and both. */
static void
test_who_may_transfer(void **state)
{
    (void)state;
    static const struct {
        const char *zone, *from;
        int key; /* -1: none */
        enum locum_dns_transfer transfer;
    } rows[] = {
        {"get.example.org", "192.0.2.200", -1, LOCUM_DNS_TRANSFER_BEGIN},
        {"GET.example.org", "192.0.2.255", 0, LOCUM_DNS_TRANSFER_BEGIN},
        {"get.example.org", "192.0.2.191", -1, LOCUM_DNS_TRANSFER_REFUSED},
        {"get.example.org", "192.0.2.191", 0, LOCUM_DNS_TRANSFER_REFUSED},
        {"get.example.org", "c000:2c8::", -1, LOCUM_DNS_TRANSFER_REFUSED},
        {"other.example.org", "192.0.2.200", -1, LOCUM_DNS_TRANSFER_REFUSED},
        {"other.example.org", "192.0.2.200", 0, LOCUM_DNS_TRANSFER_BEGIN},
        {"other.example.org", "192.0.2.200", 1, LOCUM_DNS_TRANSFER_REFUSED},
        {"other.example.org", "192.0.2.100", 0, LOCUM_DNS_TRANSFER_REFUSED},
        {"example.org", "192.0.2.200", -1, LOCUM_DNS_TRANSFER_NONE},
        {"a.get.example.org", "192.0.2.200", -1, LOCUM_DNS_TRANSFER_NONE},
        {"big.get.example.org", "192.0.2.200", -1, LOCUM_DNS_TRANSFER_NONE},
    };
    for (size_t i = 0; i < 2 * LOCUM_COUNT(rows); i++) {
        const struct ask ask = {.name = rows[i / 2].zone, .type = i % 2 == 0 ? 252 : 251};
        struct locum_tsig client;
        size_t length = make_query(&ask, packet);
        if (rows[i / 2].key >= 0) {
            length = sign(&client, key((size_t)rows[i / 2].key), packet, length, TSIG_NOW_S);
        }
        struct locum_dns_reply given = answer(length, rows[i / 2].from, true);
        assert_int_equal(given.transfer, rows[i / 2].transfer);
        if (given.transfer == LOCUM_DNS_TRANSFER_BEGIN) {
            assert_int_equal(given.length, 0);
            assert_int_equal(outgoing.zone, strlen(rows[i / 2].zone) == 15 ? 0 : 1);
            assert_true((outgoing.tsig.key != NULL) == (rows[i / 2].key >= 0));
        } else {
            assert_int_equal(given.rcode, given.transfer == LOCUM_DNS_TRANSFER_NONE ? 9 : 5);
        }
        /* Over UDP there is no AXFR; IXFR is answered with the SOA record. */
        given = answer(length, rows[i / 2].from, false);
        const bool soa = ask.type == 251 && rows[i / 2].transfer == LOCUM_DNS_TRANSFER_BEGIN;
        assert_int_equal(given.rcode, soa ? 0 : rows[i / 2].transfer == 0 ? 9 : 5);
        assert_int_equal(locum_packet_u16(reply + 6), soa);
    }
}

static void
test_other_class(void **state)
{
    (void)state;
    static const struct ask ask = {.name = "get.example.org", .type = 252, .class = LOCUM_CLASS_CH};
    const struct locum_dns_reply given = answer(make_query(&ask, packet), "192.0.2.200", true);
    assert_int_equal(given.transfer, LOCUM_DNS_TRANSFER_NONE);
    assert_int_equal(given.rcode, LOCUM_RCODE_NOTAUTH);
}

/* RFC 1995 2: a client that has this version, or a later one, gets the SOA record alone. */
static void
test_ixfr_of_versions(void **state)
{
    (void)state;
    static const struct {
        uint32_t serial;
        bool whole;
    } rows[] = {{SERIAL - 1, true},
                {SERIAL, false},
                {SERIAL + 1, false},
                {SERIAL + 0x80000001, true},
                {0, true}};
    for (size_t i = 0; i < LOCUM_COUNT(rows); i++) {
        static const struct ask ask = {.name = "get.example.org", .type = 251};
        static const uint8_t soa[] = {0xc0, 12, 0, 6, 0, 1, 0, 0, 0, 0, 0, 22, 0, 0};
        size_t length = make_query(&ask, packet);
        memcpy(packet + length, soa, sizeof(soa));
        memset(packet + length + sizeof(soa), 0, 20);
        locum_packet_put_u16(packet + length + sizeof(soa), (uint16_t)(rows[i].serial >> 16));
        locum_packet_put_u16(packet + length + sizeof(soa) + 2, (uint16_t)rows[i].serial);
        length += sizeof(soa) + 20;
        packet[9] = 1;
        const struct locum_dns_reply given = answer(length, "192.0.2.200", true);
        assert_int_equal(given.transfer,
                         rows[i].whole ? LOCUM_DNS_TRANSFER_BEGIN : LOCUM_DNS_TRANSFER_NONE);
        if (!rows[i].whole) {
            ldns_pkt *read = read_reply(reply, given.length);
            assert_int_equal(ldns_pkt_ancount(read), 1);
            assert_int_equal(ldns_pkt_nscount(read), 0);
            assert_int_equal(ldns_rr_get_type(ldns_rr_list_rr(ldns_pkt_answer(read), 0)), 6);
            assert_int_equal(ldns_rr_get_type(ldns_rr_list_rr(ldns_pkt_question(read), 0)), 251);
            ldns_pkt_free(read);
        }
    }
}

static void
test_counts(void **state)
{
    (void)state;
    struct locum_dns_tally tally = {0};
    struct locum_dns_tallied sum = {0};
    locum_query_count(&tally, &(struct locum_dns_reply){
                                  .length = 20, .rcode = 9, .signed_as = LOCUM_DNS_BADTIME});
    locum_query_count(&tally, &(struct locum_dns_reply){.length = 20,
                                                        .rcode = 5,
                                                        .transfer = LOCUM_DNS_TRANSFER_REFUSED,
                                                        .signed_as = LOCUM_DNS_VERIFIED});
    locum_query_count(&tally, &(struct locum_dns_reply){.transfer = LOCUM_DNS_TRANSFER_BEGIN});
    locum_query_sum(&tally, &sum);
    assert_int_equal(sum.queries, 2);
    assert_int_equal(sum.dropped, 0);
    assert_int_equal(sum.transfers_refused, 1);
    assert_int_equal(sum.signed_as[LOCUM_DNS_BADTIME], 1);
    assert_int_equal(sum.signed_as[LOCUM_DNS_VERIFIED], 1);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_verified_queries_have_signed_answers),
        cmocka_unit_test(test_refused_signatures),
        cmocka_unit_test(test_answers_leave_room_for_their_signature),
        cmocka_unit_test(test_longest_names_are_answered),
        cmocka_unit_test(test_long_names_of_unknown_keys),
        cmocka_unit_test(test_rate_limit),
        cmocka_unit_test(test_who_may_transfer),
        cmocka_unit_test(test_other_class),
        cmocka_unit_test(test_ixfr_of_versions),
        cmocka_unit_test(test_counts),
    };
    return cmocka_run_group_tests_name("dns/signed", tests, setup, teardown);
}
