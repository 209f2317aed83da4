/* Events: their fields from the table, and the ones that are kept. */
#include "../core/fixture.h"

#include <stdio.h>
#include <stdlib.h>

#include "report/events.h"

static struct locum_events *kept;

/* The fields as a log line would print them, after the level. */
static const char *
describe(const struct locum_event_facts *what)
{
    static const char *const levels[] = {"err", "warn", "info", "debug"};
    static char line[1024];
    const struct locum_core_config config = config_of(2, 1, 0);
    struct locum_event_fields fields;
    struct locum_text text = locum_text_init(line, sizeof(line));
    locum_events_describe(what, &config, &fields);
    locum_text_add(&text, levels[fields.level]);
    for (size_t i = 0; i < fields.count; i++) {
        locum_text_add_char(&text, ' ');
        locum_text_add(&text, fields.at[i].key);
        locum_text_add_char(&text, '=');
        locum_text_add(&text, fields.at[i].value);
    }
    return line;
}

/* `trace` is the same event in a trace; `fields` begins after event and node. Advice is asserted by
 * one word. */
static void
test_events_of_the_core_have_their_values_as_fields(void **state)
{
    (void)state;
    struct locum_event down = {.kind = LOCUM_EVENT_CONDITION};
    down.condition = (struct locum_condition_event){.peer = DC3,
                                                    .from = LOCUM_SUSPECT,
                                                    .to = LOCUM_DOWN,
                                                    .cause = LOCUM_CAUSE_QUORUM,
                                                    .voters = 5,
                                                    .age_ms = {[0] = 1010, [1] = -1, [2] = 5}};
    struct locum_event serving = {.kind = LOCUM_EVENT_SERVING};
    serving.serving.from.kind = LOCUM_SERVING_SELF;
    serving.serving.to =
        (struct locum_serving){.kind = LOCUM_SERVING_YIELDING, .named = 2, .taken = 4};
    const struct {
        struct locum_event event;
        const char *level, *trace, *advice;
    } rows[] = {
        {down, "warn",
         "condition peer=dc3 from=suspect to=down votes=dc2,ns0 ages=dc2=1010,ns0=5 reason=quorum",
         ""},
        {{.kind = LOCUM_EVENT_CONDITION,
          .condition = {.peer = NS0, .from = LOCUM_UNKNOWN, .to = LOCUM_ALIVE}},
         "info",
         "condition peer=ns0 from=unknown to=alive reason=heard",
         ""},
        {{.kind = LOCUM_EVENT_SERVICE, .service = {LOCUM_UP, LOCUM_FAILING}},
         "warn",
         "service from=up to=failing reason=checks",
         ""},
        {{.kind = LOCUM_EVENT_SERVICE, .service = {LOCUM_FAILING, LOCUM_PROBATION}},
         "info",
         "service from=failing to=probation reason=checks",
         ""},
        {{.kind = LOCUM_EVENT_SERVICE, .service = {LOCUM_UP, LOCUM_SERVICE_DEGRADED}},
         "warn",
         "service from=up to=degraded reason=checks",
         ""},
        {{.kind = LOCUM_EVENT_SERVICE, .service = {LOCUM_SERVICE_DEGRADED, LOCUM_UP}},
         "info",
         "service from=degraded to=up reason=checks",
         ""},
        {{.kind = LOCUM_EVENT_ADMIN, .admin = {LOCUM_DRAIN, LOCUM_READY, LOCUM_CAUSE_LEASE}},
         "info",
         "admin from=drain to=ready reason=lease-end",
         ""},
        {serving, "info", "serving from=self to=yielding(dc3)+takeover(ns0)", ""},
        {{.kind = LOCUM_EVENT_EXCLUDED, .peer = DC3}, "info", "excluded peer=dc3", ""},
        {{.kind = LOCUM_EVENT_INCLUDED, .peer = DC3}, "info", "included peer=dc3", ""},
        {{.kind = LOCUM_EVENT_STALL, .late_ms = 750}, "warn", "stall late-ms=750", ""},
        {{.kind = LOCUM_EVENT_INCARNATION, .incarnation = 7},
         "warn",
         "incarnation to=7",
         "later run"},
        {{.kind = LOCUM_EVENT_DUPLICATE_NODE, .incarnation = 7},
         "err",
         "duplicate-node incarnation=7",
         "stop one"},
        {{.kind = LOCUM_EVENT_ONE_WAY, .peer = DC3}, "warn", "one-way peer=dc3", "firewall"},
        {{.kind = LOCUM_EVENT_TWO_WAY, .peer = DC3}, "info", "two-way peer=dc3", ""},
        {{.kind = LOCUM_EVENT_RESTART, .restart = {DC3, true}},
         "info",
         "restart peer=dc3 left=yes",
         ""},
        {{.kind = LOCUM_EVENT_RESTART, .restart = {DC3, false}},
         "warn",
         "restart peer=dc3 left=no",
         ""},
        {{.kind = LOCUM_EVENT_LEAVING}, "info", "leaving", ""},
    };
    const struct locum_core_config config = config_of(2, 1, 0);
    for (size_t i = 0; i < LOCUM_COUNT(rows); i++) {
        char trace[512], expected[512];
        struct locum_text text = locum_text_init(trace, sizeof(trace));
        locum_events_add_line(&text, &config, &rows[i].event);
        assert_string_equal(trace, rows[i].trace);
        const int name = (int)strcspn(trace, " ");
        (void)snprintf(expected, sizeof(expected), "%s event=%.*s node=dc2%s", rows[i].level, name,
                       trace, trace + name);
        const char *line =
            describe(&(struct locum_event_facts){(int)rows[i].event.kind, &rows[i].event, {NULL}});
        assert_memory_equal(line, expected, strlen(expected));
        const char *rest = line + strlen(expected);
        if (rows[i].advice[0] == '\0') {
            assert_string_equal(rest, "");
        } else {
            assert_memory_equal(rest, " reason=", 8);
            assert_non_null(strstr(rest, rows[i].advice));
        }
    }
}

static void
test_texts_are_fields_in_the_order_of_the_row(void **state)
{
    (void)state;
    const struct locum_event failing = {.kind = LOCUM_EVENT_SERVICE,
                                        .service = {LOCUM_UP, LOCUM_FAILING}};
    assert_string_equal(
        describe(&(struct locum_event_facts){LOCUM_EVENT_SERVICE, &failing, {"tcp 9 (refused)"}}),
        "warn event=service node=dc2 from=up to=failing reason=checks checks=tcp 9 (refused)");
    assert_string_equal(
        describe(&(struct locum_event_facts){LOCUM_EVENT_WARNING, NULL, {"state", NULL, "full"}}),
        "warn event=warning node=dc2 about=state reason=full");
    assert_string_equal(
        describe(&(struct locum_event_facts){LOCUM_EVENT_SERVING, NULL, {"self", "fail-open"}}),
        "info event=serving node=dc2 from=self to=fail-open");
    assert_string_equal(describe(&(struct locum_event_facts){.kind = LOCUM_EVENT_STOP}),
                        "info event=stop node=dc2");
}

static void
add(locum_ms wall)
{
    const struct locum_event_fields fields = {.count = 2,
                                              .at = {{"event", "condition"}, {"node", "dc2"}}};
    locum_events_add(kept, wall, LOCUM_EVENT_CONDITION, &fields);
}

/* The id of the i-th event after `after`; 0: there is none. */
static json_int_t
id_at(uint64_t after, size_t i)
{
    size_t count;
    json_t *events = locum_events_since(kept, after, &count);
    const json_int_t id = json_integer_value(
        json_object_get(json_array_get(json_object_get(events, "events"), i), "id"));
    json_decref(events);
    return id;
}

static json_int_t
lost(void)
{
    size_t count;
    json_t *events = locum_events_since(kept, 0, &count);
    const json_int_t id = json_integer_value(json_object_get(events, "lost"));
    json_decref(events);
    return id;
}

static void
test_ids_grow_when_the_clock_goes_back(void **state)
{
    (void)state;
    add(5000);
    add(5000);
    add(1000);
    add(9000);
    assert_int_equal(id_at(0, 0), 5000);
    assert_int_equal(id_at(0, 1), 5001);
    assert_int_equal(id_at(0, 2), 5002);
    assert_int_equal(id_at(5002, 0), 9000);
    assert_int_equal(id_at(9000, 0), 0);
    assert_int_equal(locum_events_count(kept, LOCUM_EVENT_CONDITION), 4);
    assert_int_equal(locum_events_count(kept, LOCUM_EVENT_STALL), 0);
}

static void
test_the_newest_events_are_kept(void **state)
{
    (void)state;
    locum_events_keep(kept, 3);
    for (locum_ms i = 1; i <= 5; i++) {
        add(i);
    }
    assert_int_equal(id_at(0, 0), 3);
    assert_int_equal(lost(), 2);
    locum_events_keep(kept, 5);
    assert_int_equal(id_at(0, 0), 3);
    add(6);
    assert_int_equal(id_at(0, 3), 6);
    locum_events_keep(kept, 1);
    assert_int_equal(id_at(0, 0), 6);
    assert_int_equal(id_at(0, 1), 0);
}

static void
test_an_event_is_answered_with_id_time_and_fields(void **state)
{
    (void)state;
    size_t count;
    add(1763863258173);
    json_t *events = locum_events_since(kept, 0, &count);
    char *text = json_dumps(events, JSON_COMPACT);
    assert_int_equal(count, 1);
    assert_string_equal(text,
                        "{\"events\":[{\"id\":1763863258173,\"time\":\"2025-11-23T02:00:58.173Z\","
                        "\"fields\":{\"event\":\"condition\",\"node\":\"dc2\"}}],"
                        "\"next\":1763863258173,\"more\":false,\"lost\":0}");
    free(text);
    json_decref(events);
}

/* 100000 of them at once would hold up the loop for a quarter of a second. */
static void
test_many_events_come_in_several_answers(void **state)
{
    (void)state;
    size_t count;
    locum_events_keep(kept, 2 * LOCUM_EVENTS_ANSWER_MAX);
    for (locum_ms i = 1; i <= LOCUM_EVENTS_ANSWER_MAX + 1; i++) {
        add(i);
    }
    json_t *events = locum_events_since(kept, 0, &count);
    assert_int_equal(count, LOCUM_EVENTS_ANSWER_MAX);
    assert_int_equal(json_integer_value(json_object_get(events, "next")), LOCUM_EVENTS_ANSWER_MAX);
    assert_true(json_is_true(json_object_get(events, "more")));
    json_decref(events);
    events = locum_events_since(kept, LOCUM_EVENTS_ANSWER_MAX, &count);
    assert_int_equal(count, 1);
    assert_int_equal(json_integer_value(json_object_get(events, "next")),
                     LOCUM_EVENTS_ANSWER_MAX + 1);
    assert_true(json_is_false(json_object_get(events, "more")));
    json_decref(events);
}

static void
test_events_are_read_one_after_the_other(void **state)
{
    (void)state;
    struct locum_redis_event entry;
    assert_false(locum_events_next(kept, 0, &entry));
    add(1000);
    add(2000);
    assert_true(locum_events_next(kept, 0, &entry));
    assert_int_equal(entry.id, 1000);
    assert_string_equal(entry.time, "1970-01-01T00:00:01.000Z");
    assert_int_equal(entry.count, 2);
    assert_string_equal(entry.fields[0].key, "event");
    assert_string_equal(entry.fields[1].value, "dc2");
    assert_true(locum_events_next(kept, entry.id, &entry));
    assert_int_equal(entry.id, 2000);
    assert_false(locum_events_next(kept, entry.id, &entry));
}

static int
setup_events(void **state)
{
    (void)state;
    kept = locum_events_create(1000);
    return kept == NULL;
}

static int
teardown_events(void **state)
{
    (void)state;
    locum_events_destroy(kept);
    return 0;
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup_events, teardown_events)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_events_of_the_core_have_their_values_as_fields),
        cmocka_unit_test(test_texts_are_fields_in_the_order_of_the_row),
        TEST(test_ids_grow_when_the_clock_goes_back),
        TEST(test_the_newest_events_are_kept),
        TEST(test_an_event_is_answered_with_id_time_and_fields),
        TEST(test_many_events_come_in_several_answers),
        TEST(test_events_are_read_one_after_the_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
