/*
 * edns: NSID, cookies and extended errors in answers of every kind. The options of a reply are
 * checked byte for byte.
 */
#include "fixture.h"

#define NSID_ASKED  "\0\3\0\0"
#define CLIENT      "\x24\x64\xc4\xab\xcf\x10\xc9\x57"
#define NSID        "\0\3\0\3dc2"
#define NOT_OURS    "\0\xf\0\2\0\x14"
#define UNSUPPORTED "\0\xf\0\2\0\x15"

enum { OPCODE_NOTIFY = 0x20, OPCODE_UPDATE = 0x28 };

static uint8_t query[1024];
static uint8_t reply[LOCUM_DNS_TCP_BYTES_MAX];

static struct locum_dns_table *
make_table(void)
{
    struct site *site = site_new();
    for (int i = 0; i < 40; i++) {
        char record[] = "big TXT \"a123456789012345678901234567890123456789012345678\"";
        record[9] = (char)('A' + i);
        site_record(site, 0, record);
        if (i < 10) {
            memcpy(record, "mid", 3);
            site_record(site, 0, record);
        }
    }
    struct locum_dns_table *table = site_table(site);
    table->cookies = (struct locum_cookie_keys){.key = {{1, 2, 3}}, .count = 1};
    free(site);
    return table;
}

/* The options of the reply's OPT record, which must be its last; NULL: it has none. */
static const uint8_t *
options_of(size_t length, size_t *ret_length)
{
    ldns_pkt *packet = read_reply(reply, length);
    const bool edns = ldns_pkt_edns(packet);
    const ldns_rdf *data = ldns_pkt_edns_data(packet);
    *ret_length = data == NULL ? 0 : ldns_rdf_size(data);
    ldns_pkt_free(packet);
    return edns ? reply + length - *ret_length : NULL;
}

static void
check_options(size_t length, const char *expected, size_t expected_length)
{
    size_t size;
    const uint8_t *options = options_of(length, &size);
    assert_non_null(options);
    assert_int_equal(size, expected_length);
    assert_memory_equal(options, expected, expected_length);
}

/* A query for `ask`, and the options that its answer must have. */
struct option_case {
    struct ask ask;
    uint16_t rcode;
    const char *options;
    size_t length;
};
#define HAS(bytes) (bytes), sizeof(bytes) - 1
#define ASKS(given_name, given_type)                                                               \
    .name = given_name, .type = given_type, .edns = true, .payload = 1232

static void
run_cases(const struct option_case *rows, size_t count)
{
    struct locum_dns_table *table = make_table();
    for (size_t i = 0; i < count; i++) {
        const size_t length = make_query(&rows[i].ask, query);
        const struct locum_dns_reply given =
            answer_packet(table, query, length, 0, reply, LOCUM_DNS_UDP_BYTES_MAX);
        assert_int_equal(given.rcode, rows[i].rcode);
        check_options(given.length, rows[i].options, rows[i].length);
    }
    locum_dns_table_release(table);
}

#define WITH_OPTIONS(bytes) .options = (const uint8_t *)(bytes), .options_length = sizeof(bytes) - 1
#define WITH_NSID           WITH_OPTIONS(NSID_ASKED)

/* The answer over TCP, whose connection may be idle for so long. */
static struct locum_dns_reply
answer_tcp(const struct locum_dns_table *table, const struct ask *ask, locum_ms idle_ms)
{
    static const uint8_t client[] = {192, 0, 2, 200};
    const struct locum_dns_query asked = {.packet = query,
                                          .length = make_query(ask, query),
                                          .client = {client, sizeof(client)},
                                          .bytes_max = LOCUM_DNS_TCP_BYTES_MAX,
                                          .idle_ms = idle_ms};
    return locum_query_answer(table, &asked, reply);
}

/* RFC 5001 2.2: the answer to an option NSID, and only to it, has the identifier; on every rcode,
 * in a truncated answer too. */
static void
test_rfc5001_2_2_nsid(void **state)
{
    (void)state;
    static const struct option_case rows[] = {
        {{ASKS("get.example.org", 1), WITH_NSID}, 0, HAS(NSID)},
        {{ASKS("get.example.org", 1)}, 0, HAS("")},
        {{ASKS("get.example.org", 16), WITH_NSID}, 0, HAS(NSID)},
        {{ASKS("no.get.example.org", 1), WITH_NSID}, 3, HAS(NSID)},
        {{ASKS("big.get.example.org", 16), WITH_NSID}, 0, HAS(NSID)},
        {{ASKS("id.server", 16), .class = 3, WITH_NSID}, 0, HAS(NSID)},
        {{ASKS("get.example.org", 1), .version = 1, WITH_NSID}, 16, HAS(NSID)},
        {{ASKS("get.example.org", 252), WITH_NSID}, 5, HAS(NSID)},
        {{ASKS("example.com", 1), WITH_NSID}, 5, HAS(NSID NOT_OURS)},
        {{ASKS("get.example.org", 1), .flags = {OPCODE_NOTIFY, 0}, WITH_NSID},
         4,
         HAS(NSID UNSUPPORTED)},
        /* RFC 5001 2.1: what a query's option holds is of no interest. */
        {{ASKS("get.example.org", 1), .options = (const uint8_t *)"\0\3\0\2ab",
          .options_length = 6},
         0,
         HAS(NSID)},
    };
    run_cases(rows, LOCUM_COUNT(rows));
}

/* RFC 8914 4.21 and 4.22, with an OPT record only. */
static void
test_rfc8914_extended_errors(void **state)
{
    (void)state;
    static const struct option_case rows[] = {
        {{ASKS("example.com", 1)}, 5, HAS(NOT_OURS)},
        {{ASKS("forget.example.org", 1)}, 5, HAS(NOT_OURS)},
        {{ASKS("get.example.org", 1), .class = 4}, 5, HAS(NOT_OURS)},
        {{ASKS("get.example.org", 1), .flags = {OPCODE_NOTIFY, 0}}, 4, HAS(UNSUPPORTED)},
        {{ASKS("get.example.org", 6), .flags = {OPCODE_UPDATE, 0}}, 4, HAS(UNSUPPORTED)},
        {{ASKS("no.get.example.org", 1)}, 3, HAS("")},
        {{ASKS("get.example.org", 16)}, 0, HAS("")},
    };
    static const struct ask plain[] = {
        {.name = "example.com", .type = 1},
        {.name = "get.example.org", .type = 1, .flags = {OPCODE_NOTIFY, 0}},
    };
    struct locum_dns_table *table = make_table();
    run_cases(rows, LOCUM_COUNT(rows));
    for (size_t i = 0; i < LOCUM_COUNT(plain); i++) {
        size_t size;
        const size_t length = make_query(&plain[i], query);
        const struct locum_dns_reply given =
            answer_packet(table, query, length, 0, reply, LOCUM_DNS_UDP_BYTES_MAX);
        assert_null(options_of(given.length, &size));
    }
    locum_dns_table_release(table);
}

/* The query with a cookie of this length, which begins with that of RFC 9018 A.1. */
static struct ask
with_cookie(struct ask ask, size_t length)
{
    static uint8_t options[4 + 255];
    memset(options, 0x55, sizeof(options));
    locum_packet_put_u16(options, 10);
    locum_packet_put_u16(options + 2, (uint16_t)length);
    memcpy(options + 4, CLIENT, 8);
    ask.options = options;
    ask.options_length = 4 + length;
    return ask;
}

/* RFC 7873 5.2.1 to 5.2.4: a client cookie gets one back, on every rcode and over TCP. */
static void
test_rfc7873_5_2_every_answer_has_a_cookie(void **state)
{
    (void)state;
    static const struct {
        struct ask ask;
        uint16_t rcode;
    } rows[] = {
        {{ASKS("get.example.org", 1)}, 0},
        {{ASKS("get.example.org", 16)}, 0},
        {{ASKS("big.get.example.org", 16)}, 0},
        {{ASKS("no.get.example.org", 1)}, 3},
        {{ASKS("example.com", 1)}, 5},
        {{ASKS("get.example.org", 252)}, 5},
        {{ASKS("get.example.org", 1), .version = 1}, 16},
        {{ASKS("get.example.org", 1), .flags = {OPCODE_NOTIFY, 0}}, 4},
    };
    static const size_t lengths[] = {8, 16, 24, 40};
    struct locum_dns_table *table = make_table();
    for (size_t i = 0; i < 2 * LOCUM_COUNT(rows) * LOCUM_COUNT(lengths); i++) {
        const size_t row = i / 2 / LOCUM_COUNT(lengths);
        const struct ask ask = with_cookie(rows[row].ask, lengths[i / 2 % LOCUM_COUNT(lengths)]);
        const size_t length = make_query(&ask, query);
        const struct locum_dns_reply given =
            answer_packet(table, query, length, 0, reply,
                          i % 2 == 0 ? LOCUM_DNS_UDP_BYTES_MAX : LOCUM_DNS_TCP_BYTES_MAX);
        size_t size;
        const uint8_t *options = options_of(given.length, &size);
        assert_int_equal(given.rcode, rows[row].rcode);
        assert_true(size >= 28);
        assert_memory_equal(options, "\0\x0a\0\x18" CLIENT "\1\0\0\0\x5c\xf7\x9f\x11", 20);
    }
    locum_dns_table_release(table);
}

/* RFC 7873 5.2.2: a cookie is 8, or 16 to 40 bytes long; any other is a format error. */
static void
test_rfc7873_5_2_2_illegal_lengths(void **state)
{
    (void)state;
    struct locum_dns_table *table = make_table();
    for (size_t bytes = 0; bytes < 60; bytes++) {
        const struct ask ask = with_cookie((struct ask){ASKS("get.example.org", 1)}, bytes);
        const size_t length = make_query(&ask, query);
        const struct locum_dns_reply given =
            answer_packet(table, query, length, 0, reply, LOCUM_DNS_UDP_BYTES_MAX);
        const bool legal = bytes == 8 || (bytes >= 16 && bytes <= 40);
        assert_int_equal(given.rcode, legal ? 0 : 1);
        if (!legal) { /* with an OPT record (RFC 6891 7), without a cookie */
            check_options(given.length, "", 0);
        }
    }
    locum_dns_table_release(table);
}

/* RFC 7873 5.2: of several cookies the first counts, even if the second is illegal. */
static void
test_rfc7873_5_2_first_cookie_counts(void **state)
{
    (void)state;
    static const uint8_t options[] = "\0\x0a\0\x8" CLIENT "\0\x0a\0\3abc";
    struct locum_dns_table *table = make_table();
    const struct ask ask = {ASKS("get.example.org", 1), .options = options,
                            .options_length = sizeof(options) - 1};
    size_t size;
    const struct locum_dns_reply given =
        answer_packet(table, query, make_query(&ask, query), 0, reply, LOCUM_DNS_UDP_BYTES_MAX);
    const uint8_t *found = options_of(given.length, &size);
    assert_int_equal(given.rcode, 0);
    assert_int_equal(size, 28);
    assert_memory_equal(found + 4, CLIENT, 8);
    locum_dns_table_release(table);
}

/* RFC 7873 5.4: a query without a question asks for a cookie. */
static void
test_rfc7873_5_4_no_question(void **state)
{
    (void)state;
    static const uint8_t packet[] = "\x12\x34\0\0\0\0\0\0\0\0\0\1"
                                    "\0\0\x29\4\xd0\0\0\0\0\0\x0c\0\x0a\0\x8" CLIENT;
    static const uint8_t without[] = "\x12\x34\0\0\0\0\0\0\0\0\0\1"
                                     "\0\0\x29\4\xd0\0\0\0\0\0\0";
    struct locum_dns_table *table = make_table();
    struct locum_dns_reply given =
        answer_packet(table, packet, sizeof(packet) - 1, 0, reply, LOCUM_DNS_UDP_BYTES_MAX);
    assert_int_equal(given.rcode, 0);
    assert_int_equal(given.length, 12 + 11 + 28);
    assert_memory_equal(reply, "\x12\x34\x80\0\0\0\0\0\0\0\0\1", 12);
    assert_memory_equal(reply + 12 + 11 + 4, CLIENT, 8);
    given = answer_packet(table, without, sizeof(without) - 1, 0, reply, LOCUM_DNS_UDP_BYTES_MAX);
    assert_int_equal(given.rcode, 1);
    locum_dns_table_release(table);
}

#define KEEPALIVE(value) "\0\x0b\0\2" value

/* RFC 7828 3.3.2: over TCP the answer to the option tells the idle time in units of 100 ms; on
 * every rcode, with other options beside it. */
static void
test_rfc7828_3_3_2_idle_time(void **state)
{
    (void)state;
    static const struct option_case rows[] = {
        {{ASKS("get.example.org", 1), WITH_OPTIONS("\0\x0b\0\0")}, 0, HAS(KEEPALIVE("\0\x64"))},
        {{ASKS("get.example.org", 1)}, 0, HAS("")},
        {{ASKS("no.get.example.org", 1), WITH_OPTIONS("\0\x0b\0\0")}, 3, HAS(KEEPALIVE("\0\x64"))},
        {{ASKS("example.com", 1), WITH_OPTIONS("\0\x0b\0\0" NSID_ASKED)},
         5,
         HAS(NSID KEEPALIVE("\0\x64") NOT_OURS)},
        {{ASKS("get.example.org", 1), .version = 1, WITH_OPTIONS("\0\x0b\0\0")},
         16,
         HAS(KEEPALIVE("\0\x64"))},
    };
    struct locum_dns_table *table = make_table();
    for (size_t i = 0; i < LOCUM_COUNT(rows); i++) {
        const struct locum_dns_reply given = answer_tcp(table, &rows[i].ask, 10000);
        assert_int_equal(given.rcode, rows[i].rcode);
        check_options(given.length, rows[i].options, rows[i].length);
    }
    static const struct {
        locum_ms idle_ms;
        const char *options;
    } times[] = {
        {0, KEEPALIVE("\0\0")}, {199, KEEPALIVE("\0\1")}, {6553599, KEEPALIVE("\xff\xff")}};
    for (size_t i = 0; i < LOCUM_COUNT(times); i++) {
        check_options(answer_tcp(table, &rows[0].ask, times[i].idle_ms).length, times[i].options,
                      6);
    }
    locum_dns_table_release(table);
}

/* RFC 7828 3.2.1: only a server gives a value; a query with one is a format error over TCP. */
static void
test_rfc7828_3_2_1_query_with_a_value(void **state)
{
    (void)state;
    static const struct ask rows[] = {
        {ASKS("get.example.org", 1), WITH_OPTIONS(KEEPALIVE("\0\x64"))},
        {ASKS("get.example.org", 1), WITH_OPTIONS("\0\x0b\0\1\0")},
        {ASKS("get.example.org", 1), WITH_OPTIONS("\0\x0b\0\3\0\0\0")},
        {ASKS("get.example.org", 1), WITH_OPTIONS("\0\x0b\0\0" KEEPALIVE("\0\0"))},
        {ASKS("get.example.org", 1), WITH_OPTIONS(KEEPALIVE("\0\0") "\0\x0b\0\0")},
    };
    struct locum_dns_table *table = make_table();
    for (size_t i = 0; i < LOCUM_COUNT(rows); i++) {
        const struct locum_dns_reply given = answer_tcp(table, &rows[i], 10000);
        assert_int_equal(given.rcode, 1);
        assert_int_equal(given.length, 12 + 11); /* no question */
        check_options(given.length, "", 0);
    }
    locum_dns_table_release(table);
}

/* RFC 7828 3.3.1: over UDP the option is ignored, whatever it holds. */
static void
test_rfc7828_3_3_1_ignored_over_udp(void **state)
{
    (void)state;
    static const struct option_case rows[] = {
        {{ASKS("get.example.org", 1), WITH_OPTIONS("\0\x0b\0\0")}, 0, HAS("")},
        {{ASKS("get.example.org", 1), WITH_OPTIONS(KEEPALIVE("\0\x64"))}, 0, HAS("")},
        {{ASKS("get.example.org", 1), WITH_OPTIONS("\0\x0b\0\5abcde" NSID_ASKED)}, 0, HAS(NSID)},
    };
    run_cases(rows, LOCUM_COUNT(rows));
}

/* Without a secret there is no key, so cookies are an option like any unknown one. */
static void
test_without_keys_there_are_no_cookies(void **state)
{
    (void)state;
    struct locum_dns_table *table = make_table();
    table->cookies.count = 0;
    const struct ask ask = with_cookie((struct ask){ASKS("get.example.org", 1)}, 8);
    const struct locum_dns_reply given =
        answer_packet(table, query, make_query(&ask, query), 0, reply, LOCUM_DNS_UDP_BYTES_MAX);
    assert_int_equal(given.rcode, 0);
    check_options(given.length, "", 0);
    locum_dns_table_release(table);
}

/* RFC 6891 6.2.3: with the longest options, too, an answer is no longer than the client accepts,
 * and truncated only if it would be. */
static void
test_rfc6891_6_2_3_options_count(void **state)
{
    (void)state;
    struct locum_dns_table *table = make_table();
    struct ask ask = with_cookie((struct ask){ASKS("mid.get.example.org", 16)}, 8);
    uint8_t options[16];
    memcpy(options, ask.options, 12);
    memcpy(options + 12, NSID_ASKED, 4);
    ask.options = options;
    ask.options_length = sizeof(options);
    const size_t whole =
        answer_packet(table, query, make_query(&ask, query), 0, reply, LOCUM_DNS_UDP_BYTES_MAX)
            .length;
    assert_in_range(whole, 600, 1100);
    for (ask.payload = 512; ask.payload < 1232; ask.payload++) {
        const struct locum_dns_reply given =
            answer_packet(table, query, make_query(&ask, query), 0, reply, LOCUM_DNS_UDP_BYTES_MAX);
        assert_true(given.length <= ask.payload);
        assert_int_equal(given.truncated, ask.payload < whole);
    }
    locum_dns_table_release(table);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rfc5001_2_2_nsid),
        cmocka_unit_test(test_rfc8914_extended_errors),
        cmocka_unit_test(test_rfc7873_5_2_every_answer_has_a_cookie),
        cmocka_unit_test(test_rfc7873_5_2_2_illegal_lengths),
        cmocka_unit_test(test_rfc7873_5_2_first_cookie_counts),
        cmocka_unit_test(test_rfc7873_5_4_no_question),
        cmocka_unit_test(test_rfc7828_3_3_2_idle_time),
        cmocka_unit_test(test_rfc7828_3_2_1_query_with_a_value),
        cmocka_unit_test(test_rfc7828_3_3_1_ignored_over_udp),
        cmocka_unit_test(test_without_keys_there_are_no_cookies),
        cmocka_unit_test(test_rfc6891_6_2_3_options_count),
    };
    return cmocka_run_group_tests_name("dns/edns", tests, NULL, NULL);
}
