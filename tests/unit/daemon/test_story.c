#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/story.h"

static struct locum_core_config
site(void)
{
    struct locum_core_config config = {.node_count = 3};
    memcpy(config.nodes[0].name, "dc2", 4);
    memcpy(config.nodes[1].name, "dc3", 4);
    memcpy(config.nodes[2].name, "ns0", 4);
    return config;
}

/* The words of an edge as a log line would print them. */
static void
print(const struct locum_event *edge, char *ret, size_t size, enum locum_level *ret_level)
{
    static const char *const levels[] = {"err", "warn", "info", "debug"};
    const struct locum_core_config config = site();
    struct locum_words words;
    enum locum_told told;
    struct locum_text text = locum_text_init(ret, size);
    locum_words_init(&words);
    *ret_level = locum_words_of_edge(&words, &config, edge, &told);
    locum_text_add(&text, levels[*ret_level]);
    locum_text_add_char(&text, ' ');
    assert_string_equal(words.buffer, locum_told_rows[told].event); /* the core's word for it */
    locum_text_add(&text, locum_told_rows[told].event);
    for (size_t i = 0; i < words.count; i++) {
        if (words.fields[i].value != NULL) {
            assert_true(locum_told_has(told, words.fields[i].key)); /* else it would be left out */
            locum_text_add_char(&text, ' ');
            locum_text_add(&text, words.fields[i].key);
            locum_text_add_char(&text, '=');
            locum_text_add(&text, words.fields[i].value);
        }
    }
}

static void
edges_have_their_words(void **state)
{
    (void)state;
    struct locum_event down = {.kind = LOCUM_EVENT_CONDITION};
    down.condition = (struct locum_condition_event){.peer = 1,
                                                    .from = LOCUM_SUSPECT,
                                                    .to = LOCUM_DOWN,
                                                    .cause = LOCUM_CAUSE_QUORUM,
                                                    .voters = 5,
                                                    .age_ms = {[0] = 1010, [2] = 1005}};
    struct locum_event serving = {.kind = LOCUM_EVENT_SERVING};
    serving.serving.from.kind = LOCUM_SERVING_SELF;
    serving.serving.to =
        (struct locum_serving){.kind = LOCUM_SERVING_YIELDING, .named = 2, .taken = 4};
    const struct {
        struct locum_event edge;
        const char *words;
    } rows[] = {
        {down, "warn condition peer=dc3 from=suspect to=down votes=dc2,ns0 ages=dc2=1010,ns0=1005 "
               "reason=quorum"},
        {{.kind = LOCUM_EVENT_CONDITION,
          .condition = {.peer = 2, .from = LOCUM_UNKNOWN, .to = LOCUM_ALIVE}},
         "info condition peer=ns0 from=unknown to=alive reason=heard"},
        {{.kind = LOCUM_EVENT_SERVICE, .service = {LOCUM_UP, LOCUM_FAILING}},
         "warn service from=up to=failing reason=checks"},
        {{.kind = LOCUM_EVENT_ADMIN, .admin = {LOCUM_DRAIN, LOCUM_READY, LOCUM_CAUSE_LEASE}},
         "info admin from=drain to=ready reason=lease-end"},
        {serving, "info serving from=self to=yielding(dc3)+takeover(ns0)"},
        {{.kind = LOCUM_EVENT_EXCLUDED, .exclude = {1, true}}, "info excluded peer=dc3"},
        {{.kind = LOCUM_EVENT_EXCLUDED, .exclude = {1, false}}, "info included peer=dc3"},
        {{.kind = LOCUM_EVENT_STALL, .late_ms = 750}, "warn stall late-ms=750"},
        {{.kind = LOCUM_EVENT_INCARNATION, .incarnation = 7},
         "warn incarnation to=7 reason=a peer remembers a later run of this node"},
        {{.kind = LOCUM_EVENT_DUPLICATE_NODE, .incarnation = 7},
         "err duplicate-node incarnation=7 reason=another coordinator runs under this node's name: "
         "stop one "
         "of the two"},
        {{.kind = LOCUM_EVENT_ONE_WAY, .one_way = {1, true}},
         "warn one-way peer=dc3 reason=it does not hear this node: check its firewall, and the way "
         "there, for UDP on the peer port"},
        {{.kind = LOCUM_EVENT_ONE_WAY, .one_way = {1, false}}, "info two-way peer=dc3"},
        {{.kind = LOCUM_EVENT_LEAVING}, "info leaving"},
    };
    for (size_t i = 0; i < LOCUM_COUNT(rows); i++) {
        char line[512];
        enum locum_level level;
        print(&rows[i].edge, line, sizeof(line), &level);
        assert_string_equal(line, rows[i].words);
    }
}

static void
add(struct locum_story *story, locum_ms wall, const char *event)
{
    const struct locum_field fields[] = {{"node", "dc2"}, {"event", event}, {"left-out", NULL}};
    locum_story_add(story, wall, fields, LOCUM_COUNT(fields));
}

/* The id of the i-th event since `after`; 0: there is none. */
static json_int_t
id_at(const struct locum_story *story, uint64_t after, size_t i)
{
    size_t count;
    json_t *told = locum_story_since(story, after, &count);
    const json_int_t id = json_integer_value(
        json_object_get(json_array_get(json_object_get(told, "events"), i), "id"));
    json_decref(told);
    return id;
}

/* The newest event that is not kept any more. */
static json_int_t
lost_of(const struct locum_story *story)
{
    size_t count;
    json_t *told = locum_story_since(story, 0, &count);
    const json_int_t id = json_integer_value(json_object_get(told, "lost"));
    json_decref(told);
    return id;
}

static void
ids_grow_also_when_the_clock_goes_back(void **state)
{
    (void)state;
    struct locum_story *story = locum_story_create();
    assert_non_null(story);
    add(story, 5000, "one");
    add(story, 5000, "two");
    add(story, 1000, "three");
    add(story, 9000, "four");
    assert_int_equal(id_at(story, 0, 0), 5000);
    assert_int_equal(id_at(story, 0, 1), 5001);
    assert_int_equal(id_at(story, 0, 2), 5002);
    assert_int_equal(id_at(story, 5002, 0), 9000);
    assert_int_equal(id_at(story, 9000, 0), 0);
    locum_story_destroy(story);
}

static void
keeps_the_newest(void **state)
{
    (void)state;
    struct locum_story *story = locum_story_create();
    assert_non_null(story);
    locum_story_keep(story, 3);
    for (locum_ms i = 1; i <= 5; i++) {
        add(story, i, "x");
    }
    assert_int_equal(id_at(story, 0, 0), 3);
    assert_int_equal(lost_of(story), 2);
    locum_story_keep(story, 5);
    assert_int_equal(id_at(story, 0, 0), 3);
    add(story, 6, "x");
    assert_int_equal(id_at(story, 0, 3), 6);
    locum_story_keep(story, 1);
    assert_int_equal(id_at(story, 0, 0), 6);
    assert_int_equal(id_at(story, 0, 1), 0);
    locum_story_destroy(story);
}

static void
an_event_is_told_whole(void **state)
{
    (void)state;
    size_t count;
    struct locum_story *story = locum_story_create();
    assert_non_null(story);
    add(story, 1763863258173, "condition");
    json_t *told = locum_story_since(story, 0, &count);
    char *text = json_dumps(told, JSON_COMPACT);
    assert_int_equal(count, 1);
    assert_string_equal(text,
                        "{\"events\":[{\"id\":1763863258173,\"time\":\"2025-11-23T02:00:58.173Z\","
                        "\"fields\":{\"node\":\"dc2\",\"event\":\"condition\"}}],"
                        "\"next\":1763863258173,\"more\":false,\"lost\":0}");
    free(text);
    json_decref(told);
    locum_story_destroy(story);
}

/* 100000 of them at once would hold up the loop for a quarter of a second. */
static void
many_are_told_in_several_answers(void **state)
{
    (void)state;
    size_t count;
    struct locum_story *story = locum_story_create();
    assert_non_null(story);
    locum_story_keep(story, 2 * LOCUM_STORY_ANSWER_MAX);
    for (locum_ms i = 1; i <= LOCUM_STORY_ANSWER_MAX + 1; i++) {
        add(story, i, "x");
    }
    json_t *told = locum_story_since(story, 0, &count);
    assert_int_equal(count, LOCUM_STORY_ANSWER_MAX);
    assert_int_equal(json_integer_value(json_object_get(told, "next")), LOCUM_STORY_ANSWER_MAX);
    assert_true(json_is_true(json_object_get(told, "more")));
    json_decref(told);
    told = locum_story_since(story, LOCUM_STORY_ANSWER_MAX, &count);
    assert_int_equal(count, 1);
    assert_int_equal(json_integer_value(json_object_get(told, "next")), LOCUM_STORY_ANSWER_MAX + 1);
    assert_true(json_is_false(json_object_get(told, "more")));
    json_decref(told);
    locum_story_destroy(story);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(edges_have_their_words),
        cmocka_unit_test(ids_grow_also_when_the_clock_goes_back),
        cmocka_unit_test(keeps_the_newest),
        cmocka_unit_test(an_event_is_told_whole),
        cmocka_unit_test(many_are_told_in_several_answers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
