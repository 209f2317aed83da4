/* The text form of events and actions: what is written is read, and nothing else is. */
#include "fixture.h"

#include "core/record.h"

enum { LINE = 8192 };

static struct locum_core_config
config(void)
{
    struct locum_core_config ret = config_of(2, 1, 0);
    ret.check_count = 2;
    return ret;
}

static void
test_every_input_is_written_as_it_was_read(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "1000 2000 1763863200123 commit",
        "1000 2000 1763863200123 heartbeat redis locum1 get dc3 1 2 125 up ready - 3 a1b2c3d4",
        "1000 2000 1763863200123 heartbeat udp4 ",
        "1000 2000 1763863200123 heartbeat udp6 locum1",
        "1000 2000 1763863200123 redis subscribed",
        "1000 2000 1763863200123 redis lost",
        "1000 2000 1763863200123 sentinel ns0 tilt",
        "0 0 0 sentinel dc3 - dc2=2,0 ns0=0,255",
        "1000 2000 1763863200123 sample 1 pass",
        "1000 2000 1763863200123 sample 0 fail",
        "1000 2000 1763863200123 sample 0 refused",
        "1000 2000 1763863200123 sample 1 degraded",
        "1000 2000 1763863200123 mirrorbits ns0",
        "1000 2000 1763863200123 admin drain 5m a new disk",
        "1000 2000 1763863200123 admin maint -",
        "1000 2000 1763863200123 exclude dc3",
        "1000 2000 1763863200123 include ns0",
        "1000 2000 1763863200123 dns dc3 ipv6 tcp not-authoritative",
        "1000 2000 1763863200123 dns-claim closed",
        "1000 2000 1763863200123 clock synchronised",
        "1000 2000 1763863200123 clock free",
        "1000 2000 1763863200123 degraded yes",
        "1000 2000 1763863200123 degraded no",
        "1000 2000 1763863200123 keys 0123abcd ef456789",
        "1000 2000 1763863200123 keys - ef456789",
        "1000 2000 1763863200123 keys 0123abcd -",
        "1000 2000 1763863200123 address ipv4 absent",
        "1000 2000 1763863200123 address ipv6 present",
        "1000 2000 1763863200123 leave",
    };
    const struct locum_core_config site = config();
    for (size_t i = 0; i < LOCUM_COUNT(lines); i++) {
        char line[LINE];
        struct locum_input event;
        struct locum_text text = locum_text_init(line, sizeof(line));
        assert_true(locum_record_input_parse(locum_slice_of(lines[i]), &site, &event));
        locum_record_input(&text, &site, &event);
        assert_string_equal(line, lines[i]);
    }
}

static void
test_malformed_lines_are_refused(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "",
        "1",
        "1 2",
        "1 2 3",
        "x 2 3 commit",
        "-1 2 3 commit",
        "1 99999999999999999 3 commit",
        "1 2 3 tack",
        "1 2 3 commit tock",
        "1 2 3 heartbeat",
        "1 2 3 heartbeat udp4",
        "1 2 3 heartbeat udp x",
        "1 2 3 address",
        "1 2 3 address ipv5 absent",
        "1 2 3 address ipv4",
        "1 2 3 address ipv4 gone",
        "1 2 3 heartbeat post x",
        "1 2 3 redis",
        "1 2 3 redis gone",
        "1 2 3 sentinel",
        "1 2 3 sentinel dc9 -",
        "1 2 3 sentinel dc2",
        "1 2 3 sentinel dc2 - dc9=1,1",
        "1 2 3 sentinel dc2 - dc3",
        "1 2 3 sentinel dc2 - dc3=1",
        "1 2 3 sentinel dc2 - dc3=1,256",
        "1 2 3 sentinel dc2 - dc3=256,1",
        "1 2 3 sample",
        "1 2 3 sample 0",
        "1 2 3 sample 0 good",
        "1 2 3 sample 2 pass",
        "1 2 3 mirrorbits",
        "1 2 3 dns",
        "1 2 3 dns dc2 ipv4 udp ok", /* this node itself */
        "1 2 3 dns dc3",
        "1 2 3 dns dc3 ipv4",
        "1 2 3 dns dc3 ipv4 udp",
        "1 2 3 dns dc3 ipv5 udp ok",
        "1 2 3 dns dc3 ipv4 quic ok",
        "1 2 3 dns dc3 ipv4 udp good",
        "1 2 3 dns dc3 ipv4 udp ok ok",
        "1 2 3 dns-claim",
        "1 2 3 dns-claim perhaps",
        "1 2 3 clock late",
        "1 2 3 degraded perhaps",
        "1 2 3 keys",
        "1 2 3 keys 0123abc ef456789",
        "1 2 3 keys 0123abcd",
        "1 2 3 keys 0123abcd ef45678g",
        "1 2 3 mirrorbits dc9",
        "1 2 3 admin",
        "1 2 3 admin drain",
        "1 2 3 admin rest -",
        "1 2 3 admin drain soon",
        "1 2 3 admin drain 9007199254740993ms",
        ("1 2 3 admin drain - "
         "an operator who writes more than there is room for in a reason, which is short, is "
         "wrong"),
        "1 2 3 exclude dc2",
        "1 2 3 include dc9",
    };
    const struct locum_core_config site = config();
    for (size_t i = 0; i < LOCUM_COUNT(rows); i++) {
        struct locum_input event = {.kind = LOCUM_INPUT_LEAVE};
        assert_false(locum_record_input_parse(locum_slice_of(rows[i]), &site, &event));
        assert_int_equal(event.kind, LOCUM_INPUT_LEAVE);
        assert_int_equal(event.now.mono, 0);
    }
}

/* An input is one line, whatever a peer or an operator has sent. */
static void
test_unprintable_bytes_are_replaced(void **state)
{
    (void)state;
    const struct locum_core_config site = config();
    char line[LINE];
    struct locum_text text = locum_text_init(line, sizeof(line));
    struct locum_input event = {.kind = LOCUM_INPUT_HEARTBEAT, .now = {1, 2, -3}};
    event.heartbeat.text = locum_slice_of("a\nb\x7f\xff\x01");
    locum_record_input(&text, &site, &event);
    assert_string_equal(line, "1 2 0 heartbeat redis a?b???");
}

static void
assert_action(const struct locum_core *core, struct locum_action action, const char *right)
{
    char line[LINE];
    struct locum_text text = locum_text_init(line, sizeof(line));
    locum_record_action(&text, core, beginning, &action);
    assert_string_equal(line, right);
}

static void
test_actions_are_written(void **state)
{
    (void)state;
    static struct locum_core core;
    const struct locum_core_config site = config();
    locum_core_init(&core, &site, NULL, beginning);
    assert_action(&core, (struct locum_action){.kind = LOCUM_ACTION_PERSIST}, "persist");
    assert_action(&core, (struct locum_action){.kind = LOCUM_ACTION_LEFT}, "left");
    assert_action(&core, (struct locum_action){.kind = LOCUM_ACTION_PLAN},
                  "plan 0/4=dc2,60 0/6=dc2,60 1/4=dc2,300 1/6=dc2,300 2/4=dc3,20 2/6=dc3,20");
    core.plan.answers[1][LOCUM_V6].nodes = 0;
    assert_action(&core, (struct locum_action){.kind = LOCUM_ACTION_PLAN},
                  "plan 0/4=dc2,60 0/6=dc2,60 1/4=dc2,300 2/4=dc3,20 2/6=dc3,20");
    assert_action(&core, (struct locum_action){.kind = LOCUM_ACTION_HEARTBEAT},
                  "heartbeat locum1 get dc2 1763863200123 0 125 up ready - 1763863200123 "
                  "a1b2c3d4 dc3=0,0,u ns0=0,0,u");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_input_is_written_as_it_was_read),
        cmocka_unit_test(test_malformed_lines_are_refused),
        cmocka_unit_test(test_unprintable_bytes_are_replaced),
        cmocka_unit_test(test_actions_are_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
