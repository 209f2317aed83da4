/* heartbeat: the exact text (HEARTBEAT-3 to 5), what is read, and what is refused. */
#include "fixture.h"

static const char example[] = "locum1 get dc2 1763863200123 522 125 up ready - 1763863265373 "
                              "a1b2c3d4 dc3=1763863199001,529,a ns0=1763863100500,1317,a";

static struct locum_heartbeat
example_heartbeat(void)
{
    struct locum_heartbeat heartbeat = {.sender = DC2,
                                        .incarnation = 1763863200123,
                                        .seq = 522,
                                        .interval_ms = 125,
                                        .service = LOCUM_UP,
                                        .wall = 1763863265373,
                                        .digest = "a1b2c3d4",
                                        .acked = 6};
    heartbeat.acks[DC3] = (struct locum_ack){true, 1763863199001, 529, LOCUM_ALIVE};
    heartbeat.acks[NS0] = (struct locum_ack){true, 1763863100500, 1317, LOCUM_ALIVE};
    return heartbeat;
}

static bool
parse(const char *text, struct locum_heartbeat *ret)
{
    const struct locum_core_config config = config_of(2, 1, 1);
    return locum_heartbeat_parse(locum_slice_of(text), &config, ret);
}

static void
assert_written(const struct locum_heartbeat *heartbeat, const char *expected)
{
    const struct locum_core_config config = config_of(2, 1, 0);
    char buffer[LOCUM_HEARTBEAT_MAX];
    struct locum_text text = locum_text_init(buffer, sizeof(buffer));
    locum_heartbeat_add(&text, &config, heartbeat);
    assert_false(text.truncated);
    assert_string_equal(buffer, expected);
}

/* The example of HEARTBEAT-3, written and read. */
static void
test_example_of_the_contract(void **state)
{
    (void)state;
    const struct locum_heartbeat heartbeat = example_heartbeat();
    struct locum_heartbeat read;
    memset(&read, 0xee, sizeof(read));
    assert_written(&heartbeat, example);
    assert_true(parse(example, &read));
    assert_memory_equal(&read, &heartbeat, sizeof(read));
}

/* By UDP the numbers are given for the receiver alone; the other states, and the x-fields. */
static void
test_all_states_are_written_and_read(void **state)
{
    (void)state;
    static const char text[] = "locum1 get dc2 1763863200123 522 125 failing maint leaving "
                               "1763863265373 a1b2c3d4 dc3=,,s ns0=0,0,u x-version=1.0~rc1 "
                               "x-digest=0123456789abcdef01234567 x-dns=closed "
                               "x-degraded=4294967295";
    struct locum_heartbeat heartbeat = example_heartbeat();
    struct locum_heartbeat read;
    memset(&read, 0xee, sizeof(read));
    heartbeat.service = LOCUM_FAILING;
    heartbeat.admin = LOCUM_MAINT;
    heartbeat.leaving = true;
    heartbeat.acks[DC3] = (struct locum_ack){.state_code = LOCUM_SUSPECT};
    heartbeat.acks[NS0] = (struct locum_ack){.has_number = true, .state_code = LOCUM_UNKNOWN};
    memcpy(heartbeat.version, "1.0~rc1", 8);
    memcpy(heartbeat.sections, "0123456789abcdef01234567", 25);
    heartbeat.dns = LOCUM_DNS_CLOSED;
    heartbeat.degraded = UINT32_MAX;
    assert_written(&heartbeat, text);
    assert_true(parse(text, &read));
    assert_memory_equal(&read, &heartbeat, sizeof(read));
}

/* The core's own text: role sentinel is left out; never heard is 0,0,u; by UDP for the receiver. */
static void
test_heartbeat_of_the_core(void **state)
{
    (void)state;
    const struct locum_core_config config = config_of(2, 1, 1);
    struct site site;
    char buffer[LOCUM_HEARTBEAT_MAX];
    begin(&site, &config, NULL);
    memcpy(site.core.config.version, "9.9", 4);
    commit(&site);
    hear(&site, DC3, LOCUM_PATH_UDP);
    pass(&site, LOCUM_SEND_GAP_MS);
    struct locum_text text = locum_text_init(buffer, sizeof(buffer));
    locum_core_heartbeat(&site.core, LOCUM_NODE_NONE, site.now, &text);
    assert_string_equal(buffer, "locum1 get dc2 1763863200123 2 125 up ready - 1763863200143 "
                                "a1b2c3d4 dc3=1763863199001,1,a ns0=0,0,u x-version=9.9 "
                                "x-degraded=2"); /* ns0 is unknown, and so is the own service */
    text = locum_text_init(buffer, sizeof(buffer));
    locum_core_heartbeat(&site.core, NS0, (struct locum_now){1, 1, -1}, &text);
    assert_string_equal(buffer, "locum1 get dc2 1763863200123 2 125 up ready - 0 "
                                "a1b2c3d4 dc3=,,a ns0=0,0,u x-version=9.9 x-degraded=2");
}

/* HEARTBEAT-5: unknown peers, x-keys and malformed versions are ignored. */
static void
test_unknown_fields_are_ignored(void **state)
{
    (void)state;
    struct locum_heartbeat read;
    assert_true(
        parse("locum1 get dc3 1 1 125 up ready - 0 a1b2c3d4 zz9=what,ever x-= "
              "x-colour=red=blue dc2=5,6,d x-version=012345678901234567890123 x-dns=perhaps",
              &read));
    assert_int_equal(read.sender, DC3);
    assert_int_equal(read.acked, 1);
    assert_int_equal(read.acks[DC2].seq, 6);
    assert_string_equal(read.version, "");
    assert_int_equal(read.dns, LOCUM_DNS_CLAIM_UNKNOWN);
    /* More sections than are known here, and fewer; no digest of Locum's. */
    assert_true(parse("locum1 get dc3 1 1 125 up ready - 0 a1b2c3d4 "
                      "x-digest=0123456789abcdef012345678888",
                      &read));
    assert_string_equal(read.sections, "0123456789abcdef01234567");
    assert_true(parse("locum1 get dc3 1 1 125 up ready - 0 a1b2c3d4 x-digest=01234567", &read));
    assert_string_equal(read.sections, "01234567");
    assert_true(parse("locum1 get dc3 1 1 125 up ready - 0 a1b2c3d4 x-digest=1\x1b[2J", &read));
    assert_string_equal(read.sections, "");
    assert_true(
        parse("locum1 get dc3 1 1 125 up ready - 0 a1b2c3d4 x-keys=0123 x-nsec=ef45678g", &read));
    assert_string_equal(read.keys.shown, "");
    assert_string_equal(read.keys.nsec, "");
    assert_true(parse("locum1 get dc3 1 1 125 up ready - 0 a1b2c3d4 x-degraded=x", &read));
    assert_int_equal(read.degraded, 0);
    assert_true(parse("locum1 get dc3 1 1 125 up ready - 0 a1b2c3d4 x-version=1\x1b[2J", &read));
    assert_string_equal(read.version, "");
    assert_true(parse("locum1 get dc3 1 1 125 up ready - 0 a1b2c3d4 dc2=5,6,q", &read));
    assert_int_equal(read.acks[DC2].seq, 6);
    assert_int_equal(read.acks[DC2].state_code,
                     LOCUM_UNKNOWN); /* a state code of a later version */
    assert_true(parse("locum1 get dc3 1 1 125 up ready - 0 a1b2c3d4", &read));
    assert_int_equal(read.acked, 0);
}

/* HEARTBEAT-7: degraded is probation with a field of its own, which older versions ignore. */
static void
test_degraded_is_written_and_read(void **state)
{
    (void)state;
    static const char text[] = "locum1 get dc2 1763863200123 522 125 probation ready - "
                               "1763863265373 a1b2c3d4 x-version=1 x-service=degraded";
    struct locum_heartbeat heartbeat = example_heartbeat();
    struct locum_heartbeat read;
    heartbeat.acked = 0;
    memset(heartbeat.acks, 0, sizeof(heartbeat.acks));
    memcpy(heartbeat.version, "1", 2);
    heartbeat.service = LOCUM_SERVICE_DEGRADED;
    assert_written(&heartbeat, text);
    assert_true(parse(text, &read));
    assert_int_equal(read.service, LOCUM_SERVICE_DEGRADED);
    assert_true(parse("locum1 get dc3 1 1 125 probation ready - 0 a1b2c3d4 x-service=lazy", &read));
    assert_int_equal(read.service, LOCUM_PROBATION);
    assert_true(parse("locum1 get dc3 1 1 125 up ready - 0 a1b2c3d4 x-service=degraded", &read));
    assert_int_equal(read.service, LOCUM_UP);
    assert_false(parse("locum1 get dc3 1 1 125 degraded ready - 0 a1b2c3d4", &read));
}

/* FAMILY-2, FAMILY-4: what a node says about address families, only if there is something to say.
 */
static void
test_families_are_written_and_read(void **state)
{
    (void)state;
    static const char text[] = "locum1 get dc2 1763863200123 522 125 up ready - 1763863265373 "
                               "a1b2c3d4 x-version=1 x-lost=ipv4,ipv6 x-unheard4=dc2,ns0 "
                               "x-unheard6=dc3";
    struct locum_heartbeat heartbeat = example_heartbeat();
    struct locum_heartbeat read;
    memset(&read, 0xee, sizeof(read));
    heartbeat.acked = 0;
    memset(heartbeat.acks, 0, sizeof(heartbeat.acks));
    memcpy(heartbeat.version, "1", 2);
    heartbeat.lost[LOCUM_V4] = heartbeat.lost[LOCUM_V6] = true;
    heartbeat.unheard[LOCUM_V4] = 1u << DC2 | 1u << NS0;
    heartbeat.unheard[LOCUM_V6] = 1u << DC3;
    assert_written(&heartbeat, text);
    assert_true(parse(text, &read));
    assert_memory_equal(&read, &heartbeat, sizeof(read));
    assert_true(parse("locum1 get dc3 1 1 125 up ready - 0 a1b2c3d4 x-lost=ipv5,ipv6, "
                      "x-unheard4= x-unheard6=dc9,dc2,-",
                      &read)); /* what is not known here is skipped */
    assert_false(read.lost[LOCUM_V4]);
    assert_true(read.lost[LOCUM_V6]);
    assert_int_equal(read.unheard[LOCUM_V4], 0);
    assert_int_equal(read.unheard[LOCUM_V6], 1u << DC2);
}

/* Another version, cluster or sender, and malformed text, is refused; the output is unchanged. */
static void
test_malformed_heartbeats_are_refused(void **state)
{
    (void)state;
    static const char *const table[] = {
        "locum2 get dc3 anything at all",
        "locum1 put dc3 1 1 125 up ready - 0 a1b2c3d4",
        "locum1 get dc9 1 1 125 up ready - 0 a1b2c3d4",
        "locum1 get sn0 1 1 125 up ready - 0 a1b2c3d4",
        "",
        "locum1",
        "locum1 get",
        "locum1 get dc3",
        "locum1 get dc3 1",
        "locum1 get dc3 1 1",
        "locum1 get dc3 1 1 125",
        "locum1 get dc3 1 1 125 up",
        "locum1 get dc3 1 1 125 up ready",
        "locum1 get dc3 1 1 125 up ready -",
        "locum1 get dc3 1 1 125 up ready - 0",
        "locum1 get dc3 -1 1 125 up ready - 0 a1b2c3d4",
        "locum1 get dc3 1 x 125 up ready - 0 a1b2c3d4",
        "locum1 get dc3 1 1 1s up ready - 0 a1b2c3d4",
        "locum1  get dc3 1 1 125 up ready - 0 a1b2c3d4",
        "locum1 get dc3 1  1 125 up ready - 0 a1b2c3d4",
        "locum1 get dc3 1 1 125 works ready - 0 a1b2c3d4",
        "locum1 get dc3 1 1 125 up set - 0 a1b2c3d4",
        "locum1 get dc3 1 1 125 up ready going 0 a1b2c3d4",
        "locum1 get dc3 1 1 125 up ready - x a1b2c3d4",
        "locum1 get dc3 1 1 125 up ready - 0 a1b2c3d",
        "locum1 get dc3 1 1 125 up ready - 0 a1b2c3d4e",
        "locum1 get dc3 1 1 125 up ready - 0 a1b2\x1b[2J",
        "locum1 get dc3 1 1 125 up ready - 0 a1b2c3\xc3\xa4",
        "locum1 get dc3 1 1 125 up ready - 0 a1b2c3d4 ",
        "locum1 get dc3 1 1 125 up ready - 0 a1b2c3d4 dc2",
        "locum1 get dc3 1 1 125 up ready - 0 a1b2c3d4 dc2=",
        "locum1 get dc3 1 1 125 up ready - 0 a1b2c3d4 dc2=1",
        "locum1 get dc3 1 1 125 up ready - 0 a1b2c3d4 dc2=1,1",
        "locum1 get dc3 1 1 125 up ready - 0 a1b2c3d4 dc2=1,1,a,",
        "locum1 get dc3 1 1 125 up ready - 0 a1b2c3d4 dc2=1,1,",
        "locum1 get dc3 1 1 125 up ready - 0 a1b2c3d4 dc2=1,1,ad",
        "locum1 get dc3 1 1 125 up ready - 0 a1b2c3d4 dc2=1,1,X",
        "locum1 get dc3 1 1 125 up ready - 0 a1b2c3d4 dc2=1,1,{",
        "locum1 get dc3 1 1 125 up ready - 0 a1b2c3d4 dc2=,1,a",
        "locum1 get dc3 1 1 125 up ready - 0 a1b2c3d4 dc2=1,,a",
        "locum1 get dc3 0 1 125 up ready - 0 a1b2c3d4",
        "locum1 get dc3 1 0 125 up ready - 0 a1b2c3d4",
        "locum1 get dc3 1 1 0 up ready - 0 a1b2c3d4",
        "locum1 get dc3 1 1 3600001 up ready - 0 a1b2c3d4",
        "locum1 get dc3 9007199254740993 1 125 up ready - 0 a1b2c3d4",
        "locum1 get dc3 1 99999999999999999999 125 up ready - 0 a1b2c3d4",
        "locum1 get dc3 1 1 125 up ready - 9007199254740993 a1b2c3d4",
        "locum1 get dc3 1 1 125 up ready - 0 a1b2c3d4 dc2=9007199254740993,1,a",
        "locum1 get dc3 1 1 125 up ready - 0 a1b2c3d4 dc2=1,9007199254740993,a",
    };
    for (size_t i = 0; i < LOCUM_COUNT(table); i++) {
        struct locum_heartbeat read;
        struct locum_heartbeat untouched;
        memset(&read, 0xee, sizeof(read));
        memset(&untouched, 0xee, sizeof(untouched));
        if (parse(table[i], &read)) {
            fail_msg("row %zu: %s", i, table[i]);
        }
        assert_memory_equal(&read, &untouched, sizeof(read));
    }
}

/* A heartbeat that is cut at any place is read or refused, and never read beyond its end. */
static void
test_truncated_heartbeats_are_safe(void **state)
{
    (void)state;
    const struct locum_core_config config = config_of(2, 1, 0);
    for (size_t length = 0; length < sizeof(example); length++) {
        struct locum_heartbeat read;
        const struct locum_slice text = {example, length};
        if (locum_heartbeat_parse(text, &config, &read)) {
            assert_in_range(read.sender, DC2, NS0);
        }
    }
    struct locum_heartbeat none;
    const struct locum_slice nothing = {NULL, 0};
    assert_false(locum_heartbeat_parse(nothing, &config, &none));
}

/* With any one byte changed it is read or refused, and all indices are within their bounds. */
static void
test_any_changed_byte_is_safe(void **state)
{
    (void)state;
    const struct locum_core_config config = config_of(2, 1, 0);
    for (size_t i = 0; i + 1 < sizeof(example); i++) {
        char line[sizeof(example)];
        memcpy(line, example, sizeof(line));
        for (int byte = 0; byte < 256; byte++) {
            struct locum_heartbeat read;
            line[i] = (char)byte;
            const struct locum_slice text = {line, sizeof(line) - 1};
            if (locum_heartbeat_parse(text, &config, &read)) {
                assert_in_range(read.sender, DC2, NS0);
                assert_in_range(read.acks[DC3].state_code, LOCUM_UNKNOWN, LOCUM_RETURNING);
            }
        }
    }
}

/* 32 nodes, the longest names and numbers: it fits, and by UDP into one datagram. */
static void
test_largest_heartbeat_fits(void **state)
{
    (void)state;
    enum { SIGNATURE = 6 + 64, MAC = 7 + 15 + 1 + 32 }; /* base/signature.h, base/keyring.h */
    const uint64_t most = (uint64_t)1 << 53;
    struct locum_core_config config = {.cluster = "clustercluster9", .node_count = 32};
    struct locum_heartbeat heartbeat = {.incarnation = most,
                                        .seq = most,
                                        .interval_ms = 3600000,
                                        .service = LOCUM_PROBATION,
                                        .admin = LOCUM_READY,
                                        .leaving = true,
                                        .wall = (locum_ms)most,
                                        .digest = "ffffffff",
                                        .sections = "0123456789abcdef01234567",
                                        .version = "12345678901234567890123",
                                        .dns = LOCUM_DNS_CLOSED,
                                        .keys = {"0123abcd", "ef456789"},
                                        .acked = ~(locum_nodes)1,
                                        .lost = {true, true},
                                        .unheard = {0x1e0, 0x1f},
                                        .degraded = 576};
    char buffer[LOCUM_HEARTBEAT_MAX];
    for (locum_node node = 0; node < 32; node++) {
        memcpy(config.nodes[node].name, "nodenodenodenXX", 16);
        config.nodes[node].name[13] = (char)('a' + node / 10);
        config.nodes[node].name[14] = (char)('0' + node % 10);
        heartbeat.acks[node] = (struct locum_ack){true, most, most, LOCUM_RETURNING};
    }
    heartbeat.acks[0] = (struct locum_ack){0}; /* it says nothing about itself */
    struct locum_text text = locum_text_init(buffer, sizeof(buffer) - SIGNATURE);
    locum_heartbeat_add(&text, &config, &heartbeat);
    assert_false(text.truncated);
    struct locum_heartbeat read;
    memset(&read, 0, sizeof(read));
    assert_true(locum_heartbeat_parse((struct locum_slice){buffer, text.length}, &config, &read));
    assert_memory_equal(&read, &heartbeat, sizeof(read));
    for (locum_node node = 2; node < 32; node++) {
        heartbeat.acks[node].has_number = false;
    }
    text = locum_text_init(buffer, sizeof(buffer));
    locum_heartbeat_add(&text, &config, &heartbeat);
    assert_false(text.truncated);
    assert_true(text.length + MAC + SIGNATURE <= LOCUM_DATAGRAM_MAX);
    assert_int_equal(LOCUM_UNHEARD_MAX, 9); /* as above */
}

static void
test_the_sender_of_any_line(void **state)
{
    (void)state;
    struct locum_slice cluster;
    static const char *const short_ones[] = {"", "locum1", "locum1 get"};
    assert_null(locum_heartbeat_sender((struct locum_slice){0}, &cluster).at);
    for (size_t i = 0; i < LOCUM_COUNT(short_ones); i++) {
        assert_null(locum_heartbeat_sender(locum_slice_of(short_ones[i]), &cluster).at);
    }
    const struct locum_slice name =
        locum_heartbeat_sender(locum_slice_of("locum1 get dc2 x"), &cluster);
    assert_true(locum_slice_is(name, "dc2") && locum_slice_is(cluster, "get"));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_example_of_the_contract),
        cmocka_unit_test(test_all_states_are_written_and_read),
        cmocka_unit_test(test_heartbeat_of_the_core),
        cmocka_unit_test(test_unknown_fields_are_ignored),
        cmocka_unit_test(test_degraded_is_written_and_read),
        cmocka_unit_test(test_families_are_written_and_read),
        cmocka_unit_test(test_malformed_heartbeats_are_refused),
        cmocka_unit_test(test_truncated_heartbeats_are_safe),
        cmocka_unit_test(test_any_changed_byte_is_safe),
        cmocka_unit_test(test_largest_heartbeat_fits),
        cmocka_unit_test(test_the_sender_of_any_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
