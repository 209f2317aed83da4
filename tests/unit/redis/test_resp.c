/*
 * Decoded replies of Redis and Sentinel: valid shapes, and each invalid one that hiredis' reader
 * lets through. Replies are written in RESP.
 */
#include "fixture.h"

#include "base/error.h"
#include "redis/resp.h"

/* Parse the bytes of one reply; the caller frees it. */
static redisReply *
parse(const char *bytes)
{
    redisReader *reader = redisReaderCreate();
    void *reply = NULL;
    assert_int_equal(redisReaderFeed(reader, bytes, strlen(bytes)), REDIS_OK);
    assert_int_equal(redisReaderGetReply(reader, &reply), REDIS_OK);
    assert_non_null(reply);
    redisReaderFree(reader);
    return reply;
}

#define IP    "$2\r\nip\r\n$9\r\n10.0.0.12\r\n"
#define PORT  "$4\r\nport\r\n$4\r\n6379\r\n"
#define FLAGS "$5\r\nflags\r\n$6\r\nmaster\r\n"
#define EPOCH "$12\r\nconfig-epoch\r\n$1\r\n7\r\n"

static void
test_addresses_are_decoded(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        int status;
    } rows[] = {
        {"*2\r\n$9\r\n10.0.0.12\r\n$4\r\n6379\r\n", 0},
        {"*-1\r\n", LOCUM_ERR_PROTOCOL},
        {"$-1\r\n", LOCUM_ERR_PROTOCOL},
        {"*2\r\n$4\r\ndc2a\r\n$4\r\n6379\r\n", 0},
        {"*2\r\n$4\r\ndc2\n\r\n$4\r\n6379\r\n", LOCUM_ERR_INVALID},
        {"*2\r\n$0\r\n\r\n$4\r\n6379\r\n", LOCUM_ERR_INVALID},
        {"*2\r\n$9\r\n10.0.0.12\r\n$1\r\n0\r\n", LOCUM_ERR_PROTOCOL},
        {"*2\r\n$9\r\n10.0.0.12\r\n$5\r\n65536\r\n", LOCUM_ERR_PROTOCOL},
        {"*2\r\n$9\r\n10.0.0.12\r\n:6379\r\n", LOCUM_ERR_PROTOCOL},
        {"*2\r\n*0\r\n$4\r\n6379\r\n", LOCUM_ERR_PROTOCOL},
        {"*2\r\n$-1\r\n$-1\r\n", LOCUM_ERR_PROTOCOL},
        {"*1\r\n$9\r\n10.0.0.12\r\n", LOCUM_ERR_PROTOCOL},
        {"*0\r\n", LOCUM_ERR_PROTOCOL},
        {":1\r\n", LOCUM_ERR_PROTOCOL},
        {"+OK\r\n", LOCUM_ERR_PROTOCOL},
    };
    for (size_t i = 0; i < LOCUM_COUNT(rows); i++) {
        struct locum_instance instance = {0};
        redisReply *reply = parse(rows[i].bytes);
        if (locum_resp_address(reply, &instance) != rows[i].status) {
            fail_msg("row %zu", i);
        }
        assert_string_equal(instance.host, strstr(rows[i].bytes, "dc2a") != NULL ? "dc2a" : "");
        assert_int_equal(instance.address.port, rows[i].status == 0 ? 6379 : 0);
        freeReplyObject(reply);
    }
}

static void
test_instances_are_decoded(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        int status;
        size_t count;
        bool down;
    } rows[] = {
        {"*6\r\n" IP PORT FLAGS, 0, 1, false},
        {"*6\r\n" IP PORT "$5\r\nflags\r\n$19\r\ns_down,master,odown\r\n", 0, 1, true},
        {"*6\r\n" IP PORT "$5\r\nflags\r\n$13\r\nmaster,o_down\r\n", 0, 1, true},
        {"*6\r\n" IP PORT "$5\r\nflags\r\n$20\r\nmaster,xs_down,s_dow\r\n", 0, 1, false},
        {"*6\r\n" IP PORT "$5\r\nflags\r\n$0\r\n\r\n", 0, 1, false},
        {"*6\r\n" IP FLAGS "$4\r\nport\r\n$1\r\n0\r\n", 0, 0, false},
        {"*6\r\n$2\r\nip\r\n$4\r\ndc2a\r\n" PORT FLAGS, 0, 1, false},
        {"*6\r\n$2\r\nip\r\n$4\r\ndc 2\r\n" PORT FLAGS, LOCUM_ERR_INVALID, 0, false},
        {"*4\r\n" IP PORT, LOCUM_ERR_PROTOCOL, 0, false},
        {"*5\r\n" IP PORT "$5\r\nflags\r\n", LOCUM_ERR_PROTOCOL, 0, false},
        {"*6\r\n" IP PORT "$5\r\nflags\r\n:1\r\n", LOCUM_ERR_PROTOCOL, 0, false},
        {"*6\r\n" IP PORT "*1\r\n$5\r\nflags\r\n$1\r\nx\r\n", LOCUM_ERR_PROTOCOL, 0, false},
        {"*6\r\n$-1\r\n$-1\r\n" PORT FLAGS, LOCUM_ERR_PROTOCOL, 0, false},
        {"*0\r\n", LOCUM_ERR_PROTOCOL, 0, false},
        {"$2\r\nip\r\n", LOCUM_ERR_PROTOCOL, 0, false},
        {"-ERR No such master with that name\r\n", LOCUM_ERR_PROTOCOL, 0, false},
    };
    for (size_t i = 0; i < LOCUM_COUNT(rows); i++) {
        struct locum_instances list = {0};
        redisReply *reply = parse(rows[i].bytes);
        if (locum_resp_instance(reply, &list) != rows[i].status || list.count != rows[i].count ||
            list.at[0].down != rows[i].down) {
            fail_msg("row %zu", i);
        }
        freeReplyObject(reply);
    }
}

static void
test_lists_of_instances_are_decoded(void **state)
{
    (void)state;
    struct locum_instances list = {0};
    redisReply *reply = parse("*2\r\n*6\r\n" IP PORT FLAGS "*6\r\n" IP PORT FLAGS);
    assert_int_equal(locum_resp_instances(reply, &list), 0);
    assert_int_equal(list.count, 2);
    list.count = LOCUM_INSTANCES_MAX - 1;
    assert_int_equal(locum_resp_instances(reply, &list), LOCUM_ERR_SPACE);
    freeReplyObject(reply);

    static const char *const wrong[] = {"*1\r\n:1\r\n", "*1\r\n*-1\r\n", ":3\r\n", "$-1\r\n",
                                        "*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n:1\r\n"};
    for (size_t i = 0; i < LOCUM_COUNT(wrong); i++) {
        list.count = 0;
        reply = parse(wrong[i]);
        assert_int_equal(locum_resp_instances(reply, &list), LOCUM_ERR_PROTOCOL);
        freeReplyObject(reply);
    }
    reply = parse("*0\r\n");
    assert_int_equal(locum_resp_instances(reply, &list), 0);
    assert_int_equal(list.count, 0);
    freeReplyObject(reply);
}

static void
test_epochs_are_decoded(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        int status;
    } rows[] = {
        {"*4\r\n" IP EPOCH, 0},
        {"*2\r\n" IP, LOCUM_ERR_PROTOCOL},
        {"*2\r\n$12\r\nconfig-epoch\r\n$2\r\n-1\r\n", LOCUM_ERR_PROTOCOL},
        {"*2\r\n$12\r\nconfig-epoch\r\n:7\r\n", LOCUM_ERR_PROTOCOL},
        {"*2\r\n$12\r\nconfig-epoch\r\n$20\r\n99999999999999999999\r\n", LOCUM_ERR_PROTOCOL},
    };
    for (size_t i = 0; i < LOCUM_COUNT(rows); i++) {
        uint64_t epoch = 0;
        redisReply *reply = parse(rows[i].bytes);
        if (locum_resp_epoch(reply, &epoch) != rows[i].status) {
            fail_msg("row %zu", i);
        }
        assert_int_equal(epoch, rows[i].status == 0 ? 7 : 0);
        freeReplyObject(reply);
    }
}

static void
test_roles_are_decoded(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        int status;
        const char *role;
    } rows[] = {
        {"*3\r\n$6\r\nmaster\r\n:0\r\n*0\r\n", 0, "master"},
        {"*1\r\n$5\r\nslave\r\n", 0, "slave"},
        {"*2\r\n$8\r\nsentinel\r\n*0\r\n", 0, "sentinel"},
        {"*1\r\n$7\r\nmasterx\r\n", 0, "masterx"},
        {"*1\r\n:1\r\n", LOCUM_ERR_PROTOCOL, ""},
        {"*1\r\n*1\r\n$6\r\nmaster\r\n", LOCUM_ERR_PROTOCOL, ""},
        {"*0\r\n", LOCUM_ERR_PROTOCOL, ""},
        {"*-1\r\n", LOCUM_ERR_PROTOCOL, ""},
        {"$6\r\nmaster\r\n", LOCUM_ERR_PROTOCOL, ""},
    };
    for (size_t i = 0; i < LOCUM_COUNT(rows); i++) {
        struct locum_slice role = locum_slice_of("");
        redisReply *reply = parse(rows[i].bytes);
        if (locum_resp_role(reply, &role) != rows[i].status ||
            !locum_slice_is(role, rows[i].role)) {
            fail_msg("row %zu", i);
        }
        freeReplyObject(reply);
    }
}

static void
test_tilt_is_decoded(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        int status;
        bool tilt;
    } rows[] = {
        {"$29\r\n# Sentinel\r\nsentinel_tilt:0\r\n\r\n", 0, false},
        {"$29\r\n# Sentinel\r\nsentinel_tilt:1\r\n\r\n", 0, true},
        {"$15\r\nsentinel_tilt:1\r\n", 0, true},
        {"$14\r\nsentinel_tilt:\r\n", LOCUM_ERR_PROTOCOL, false},
        {"$0\r\n\r\n", LOCUM_ERR_PROTOCOL, false},
        {"$-1\r\n", LOCUM_ERR_PROTOCOL, false},
        {":1\r\n", LOCUM_ERR_PROTOCOL, false},
        {"*0\r\n", LOCUM_ERR_PROTOCOL, false},
    };
    for (size_t i = 0; i < LOCUM_COUNT(rows); i++) {
        bool tilt = false;
        redisReply *reply = parse(rows[i].bytes);
        if (locum_resp_tilt(reply, &tilt) != rows[i].status || tilt != rows[i].tilt) {
            fail_msg("row %zu", i);
        }
        freeReplyObject(reply);
    }
}

static void
test_messages_and_confirmations_are_distinguished(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        bool message;
        bool confirmation;
    } rows[] = {
        {"*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$2\r\nhi\r\n", true, false},
        {"*3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n", false, true},
        {"*3\r\n$9\r\nsubscribe\r\n$1\r\nd\r\n:1\r\n", false, false},
        {"*1\r\n$7\r\nmessage\r\n", false, false},
        {"*3\r\n$7\r\nmessage\r\n:1\r\n$2\r\nhi\r\n", false, false},
        {"*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n*0\r\n", false, false},
        {"*3\r\n$9\r\nsubscribe\r\n:1\r\n:1\r\n", false, false},
        {"*4\r\n$8\r\npmessage\r\n$1\r\nc\r\n$1\r\nc\r\n$1\r\nx\r\n", false, false},
        {"*0\r\n", false, false},
        {"+OK\r\n", false, false},
        {":1\r\n", false, false},
    };
    for (size_t i = 0; i < LOCUM_COUNT(rows); i++) {
        struct locum_slice channel;
        struct locum_slice payload;
        redisReply *reply = parse(rows[i].bytes);
        if (locum_resp_message(reply, &channel, &payload) != rows[i].message ||
            locum_resp_subscribed(reply, "c") != rows[i].confirmation) {
            fail_msg("row %zu", i);
        }
        freeReplyObject(reply);
    }
}

static void
test_names_of_masters_are_listed(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        int status;
        const char *text;
    } rows[] = {
        {"*2\r\n*2\r\n$4\r\nname\r\n$1\r\na\r\n*2\r\n$4\r\nname\r\n$3\r\nb\nc\r\n", 0, "a, b?c"},
        {"*0\r\n", 0, "none"},
        {"*1\r\n*0\r\n", LOCUM_ERR_PROTOCOL, ""},
        {":0\r\n", LOCUM_ERR_PROTOCOL, ""},
    };
    for (size_t i = 0; i < LOCUM_COUNT(rows); i++) {
        char buffer[64];
        struct locum_text text = locum_text_init(buffer, sizeof(buffer));
        redisReply *reply = parse(rows[i].bytes);
        assert_int_equal(locum_resp_masters(reply, &text), rows[i].status);
        assert_string_equal(buffer, rows[i].text);
        freeReplyObject(reply);
    }
}

static void
test_announcements_of_mirrorbits_are_decoded(void **state)
{
    (void)state;
    static const struct {
        const char *payload;
        const char *host; /* NULL: refused */
        uint32_t db;
    } rows[] = {
        {"HELLO0 vm-23362", "vm", 0},
        {"HELLO15 dc2.example.org-00001", "dc2.example.org", 15},
        {"HELLO0 a-b-12345-54321", "a-b-12345", 0},
        {"HELLO4294967296 vm-23362", NULL, 0},
        {"HELLO vm-23362", NULL, 0},
        {"HELLO0vm-23362", NULL, 0},
        {"HELLO0 vm-2336", NULL, 0},
        {"HELLO0 vm-233622", NULL, 0},
        {"HELLO0 vm23362", NULL, 0},
        {"HELLO0 -23362", NULL, 0},
        {"HELLO0 v m-23362", NULL, 0},
        {"HELLO0 v\"m-23362", NULL, 0},
        {"HELLOx vm-23362", NULL, 0},
        {"HELLO0 ", NULL, 0},
        {"HELLO0", NULL, 0},
        {" vm-23362", NULL, 0},
        {"", NULL, 0},
    };
    for (size_t i = 0; i < LOCUM_COUNT(rows); i++) {
        struct locum_slice host;
        struct locum_slice instance;
        uint32_t db;
        const int status =
            locum_resp_mirrorbits(locum_slice_of(rows[i].payload), &db, &host, &instance);
        if ((status == 0) != (rows[i].host != NULL) ||
            (status == 0 && (!locum_slice_is(host, rows[i].host) || db != rows[i].db))) {
            fail_msg("row %zu: %s", i, rows[i].payload);
        }
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_addresses_are_decoded),
        cmocka_unit_test(test_instances_are_decoded),
        cmocka_unit_test(test_lists_of_instances_are_decoded),
        cmocka_unit_test(test_epochs_are_decoded),
        cmocka_unit_test(test_roles_are_decoded),
        cmocka_unit_test(test_tilt_is_decoded),
        cmocka_unit_test(test_messages_and_confirmations_are_distinguished),
        cmocka_unit_test(test_names_of_masters_are_listed),
        cmocka_unit_test(test_announcements_of_mirrorbits_are_decoded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
