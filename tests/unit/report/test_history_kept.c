/* The history from one process to the next. */
#include "history.h"

static char saved[LOCUM_HISTORY_BYTES_MAX];

static struct locum_slice
save(void)
{
    struct locum_text text = locum_text_init(saved, sizeof(saved));
    const size_t bytes = locum_history_save_bytes(history);
    locum_history_save(history, &config.core, "boot-1", &text);
    assert_false(text.truncated);
    assert_true(text.length < bytes);
    return (struct locum_slice){.at = saved, .length = text.length};
}

/* Another process has this text. */
static enum locum_resumed
load(struct locum_slice text, enum locum_start how, const char *boot_id)
{
    const struct locum_last_run last = {.how = how, .text = text, .boot_id = boot_id};
    locum_history_destroy(history);
    history = locum_history_create();
    assert_non_null(history);
    const enum locum_resumed outcome = locum_history_load(history, &config.core, &last, site.now);
    locum_history_configure(history, &config);
    return outcome;
}

static void
begin_story(void)
{
    run_for(1000);
    set_condition(DC3, LOCUM_DOWN);
    set_answer(0, locum_nodes_of(DC2));
    run_for(1000);
}

/* However short it is. */
static void
test_the_time_between_two_processes_is_a_gap(void **state)
{
    (void)state;
    begin_story();
    const struct locum_slice text = save();
    sleep_ms(&site, 200);
    assert_int_equal(load(text, LOCUM_START, "boot-1"), LOCUM_RESUMED);
    note();
    run_for(1000);
    assert_int_equal(from(), 0);
    assert_string_equal(gaps(), "2000-2200");
    assert_condition("dc3", "0-1000 alive, 1000-2000 down, 2200-3200 down");
    assert_answers("get.example.org.", "0-1000 dc2+dc3, 1000-2000 dc2, 2200-3200 dc2");
    /* Another restart keeps this gap too. */
    const struct locum_slice again = save();
    sleep_ms(&site, 800);
    assert_int_equal(load(again, LOCUM_START, "boot-1"), LOCUM_RESUMED);
    note();
    assert_string_equal(gaps(), "2000-2200, 3200-4000");
}

/* After a crash: what was noted since the text was saved is lost, and so part of the gap. */
static void
test_what_was_not_saved_is_part_of_the_gap(void **state)
{
    (void)state;
    begin_story();
    const struct locum_slice text = save();
    run_for(9000);
    sleep_ms(&site, 1000);
    assert_int_equal(load(text, LOCUM_START, "boot-1"), LOCUM_RESUMED);
    note();
    assert_string_equal(gaps(), "2000-12000");
    /* And once more, before anything else was saved: nothing of this run is known. */
    const struct locum_slice at_once = save();
    run_for(500);
    assert_int_equal(load(at_once, LOCUM_START, "boot-1"), LOCUM_RESUMED);
    note();
    run_for(1000);
    assert_string_equal(gaps(), "2000-12500");
    assert_condition("dc3", "0-1000 alive, 1000-2000 down, 12500-13500 down");
}

static void
test_a_replace_is_no_gap(void **state)
{
    (void)state;
    begin_story();
    const struct locum_slice text = save();
    sleep_ms(&site, 30);
    assert_int_equal(load(text, LOCUM_REPLACE, "boot-1"), LOCUM_RESUMED);
    note();
    run_for(970);
    assert_string_equal(gaps(), "");
    assert_condition("dc3", "0-1000 alive, 1000-3000 down");
    /* But if it takes long. */
    const struct locum_slice slow = save();
    sleep_ms(&site, LOCUM_HISTORY_GAP_MS + 1);
    assert_int_equal(load(slow, LOCUM_REPLACE, "boot-1"), LOCUM_RESUMED);
    note();
    assert_string_equal(gaps(), "3000-8001");
}

/* The wall clock was set while no process ran. */
static void
test_times_are_of_the_boot_clock(void **state)
{
    (void)state;
    begin_story();
    const struct locum_slice text = save();
    sleep_ms(&site, 1000);
    site.now.wall += 86400000;
    begun += 86400000;
    assert_int_equal(load(text, LOCUM_START, "boot-1"), LOCUM_RESUMED);
    note();
    assert_string_equal(gaps(), "2000-3000");
    assert_condition("dc3", "0-1000 alive, 1000-2000 down");
}

static void
test_a_process_with_another_configuration(void **state)
{
    (void)state;
    begin_story();
    const struct locum_slice text = save();
    sleep_ms(&site, 1000);
    config.core.nodes[1] = config.core.nodes[2];
    config.core.node_count = 2;
    locum_core_reconfigure(&site.core, &config.core, 0, site.now);
    assert_int_equal(load(text, LOCUM_START, "boot-1"), LOCUM_RESUMED);
    note();
    run_for(1000);
    assert_condition("ns0", "0-2000 alive, 3000-4000 alive");
    assert_int_equal(find_row(LOCUM_HISTORY_CONDITION, "dc3"), LOCUM_HISTORY_ROWS);
    assert_answers("get.example.org.", "0-1000 dc2+dc3, 1000-2000 dc2, 3000-4000 dc2");
}

static void
assert_empty(void)
{
    assert_int_equal(locum_history_from(history, site.now), site.now.wall);
    assert_string_equal(gaps(), "");
    sleep_ms(&site, 1000);
    note();
    begun = site.now.wall;
    run_for(1000);
    assert_condition("dc3", "0-1000 down");
}

static void
test_another_boot_node_or_version_begins_empty(void **state)
{
    (void)state;
    begin_story();
    struct locum_slice text = save();
    assert_int_equal(load(text, LOCUM_START, "boot-2"), LOCUM_OTHER_BOOT);
    assert_empty();
    assert_int_equal(load(text, LOCUM_START, ""), LOCUM_NOT_SAVED);
    assert_int_equal(load((struct locum_slice){.at = "", .length = 0}, LOCUM_START, "boot-1"),
                     LOCUM_NOT_SAVED);
    site.now.boot -= 3600000; /* a boot id that was copied */
    assert_int_equal(load(text, LOCUM_START, "boot-1"), LOCUM_OTHER_BOOT);
    site.now.boot += 3600000;
    config.core.self = DC3;
    assert_int_equal(load(text, LOCUM_START, "boot-1"), LOCUM_OTHER_NODE);
    config.core.self = DC2;
    config.core.cluster[0] = 'x';
    assert_int_equal(load(text, LOCUM_START, "boot-1"), LOCUM_OTHER_NODE);
    config.core.cluster[0] = 'g';
    saved[strlen("locum-history ")] = '2';
    assert_int_equal(load(text, LOCUM_START, "boot-1"), LOCUM_OTHER_VERSION);
    assert_empty();
}

static void
test_a_part_of_it_is_refused(void **state)
{
    (void)state;
    begin_story();
    const struct locum_slice whole = save();
    for (size_t length = 1; length < whole.length; length++) {
        const struct locum_slice part = {.at = whole.at, .length = length};
        assert_int_equal(load(part, LOCUM_START, "boot-1"), LOCUM_RESUME_MALFORMED);
    }
    assert_empty();
}

/* Each line after the head is in place of the whole text's. */
static void
test_lines_that_no_process_writes_are_refused(void **state)
{
#define NODE "from 900\nnode 0 dc2\nname 0 a.\n"
    static const struct {
        const char *lines;
        enum locum_resumed outcome;
    } cases[] = {
        {NODE "gap 900 950\nrow 0 2\nat 960 1 2\nat 960 192 1\n", LOCUM_RESUMED},
        {"", LOCUM_RESUME_MALFORMED},            /* no `from` */
        {"from 1001\n", LOCUM_RESUME_MALFORMED}, /* after the last note */
        {"from 900\nfrom 900\n", LOCUM_RESUME_MALFORMED},
        {"from 900 1\n", LOCUM_RESUME_MALFORMED},
        {"from\n", LOCUM_RESUME_MALFORMED},
        {"from -1\n", LOCUM_RESUME_MALFORMED},
        {"colour red\n", LOCUM_RESUME_MALFORMED},
        {"\n", LOCUM_RESUME_MALFORMED},
        {NODE "gap 950 950\n", LOCUM_RESUME_MALFORMED},
        {NODE "gap 940 950\ngap 949 960\n", LOCUM_RESUME_MALFORMED},
        {NODE "gap 950 1001\n", LOCUM_RESUME_MALFORMED},
        {NODE "node 64 dc3\n", LOCUM_RESUME_MALFORMED},
        {NODE "node 0 dc3\n", LOCUM_RESUME_MALFORMED}, /* taken */
        {NODE "node 1 dc2\n", LOCUM_RESUME_MALFORMED}, /* twice */
        {NODE "node 1 \n", LOCUM_RESUME_MALFORMED},
        {NODE "node 1\n", LOCUM_RESUME_MALFORMED},
        {NODE "node 1 a b\n", LOCUM_RESUME_MALFORMED},
        {NODE "node 1 a\x7f\n", LOCUM_RESUME_MALFORMED},
        {NODE "node 1 sixteen-letters-\n", LOCUM_RESUME_MALFORMED},
        {NODE "name 256 b.\n", LOCUM_RESUME_MALFORMED},
        {NODE "name 0 b.\n", LOCUM_RESUME_MALFORMED},
        {NODE "name 1 a.\n", LOCUM_RESUME_MALFORMED},
        {NODE "name 1 \xc3\xa9.\n", LOCUM_RESUME_MALFORMED},
        {NODE "row 3 1\n", LOCUM_RESUME_MALFORMED},   /* of no node */
        {NODE "row 193 1\n", LOCUM_RESUME_MALFORMED}, /* of no name */
        {NODE "row 448 1\n", LOCUM_RESUME_MALFORMED},
        {NODE "row 0 6\n", LOCUM_RESUME_MALFORMED},   /* no such condition */
        {NODE "row 1 6\n", LOCUM_RESUME_MALFORMED},   /* service */
        {NODE "row 2 4\n", LOCUM_RESUME_MALFORMED},   /* admin state */
        {NODE "row 192 2\n", LOCUM_RESUME_MALFORMED}, /* a set with a node that is none */
        {NODE "row 0 0\n", LOCUM_RESUME_MALFORMED},
        {NODE "row 0 1\nrow 0 1\n", LOCUM_RESUME_MALFORMED},
        {NODE "row 0 1 1\n", LOCUM_RESUME_MALFORMED},
        {NODE "at 960 0 1\nrow 0 1\n", LOCUM_RESUME_MALFORMED},
        {NODE "at 899 0 1\n", LOCUM_RESUME_MALFORMED},
        {NODE "at 1001 0 1\n", LOCUM_RESUME_MALFORMED},
        {NODE "at 960 0 1\nat 959 0 2\n", LOCUM_RESUME_MALFORMED},
        {NODE "at 960 0 1 1\n", LOCUM_RESUME_MALFORMED},
        {NODE "end\n", LOCUM_RESUME_MALFORMED}, /* it is not the last line */
    };
    (void)state;
    for (size_t i = 0; i < LOCUM_COUNT(cases); i++) {
        const int length =
            snprintf(saved, sizeof(saved), "locum-history 1\nof get dc2 boot-1 1000\n%send\n",
                     cases[i].lines);
        const struct locum_slice text = {.at = saved, .length = (size_t)length};
        const enum locum_resumed outcome = load(text, LOCUM_START, "boot-1");
        if (outcome != cases[i].outcome) {
            fail_msg("%s: %s", cases[i].lines, locum_resume_text(outcome));
        }
    }
}

/* As large as it can be, it fits, and comes back as it was. */
static void
test_the_largest_one_is_kept_whole(void **state)
{
    (void)state;
    static char before[LOCUM_HISTORY_BYTES_MAX];
    config.core.name_count = site.core.config.name_count = LOCUM_NAMES_MAX;
    for (size_t i = 0; i < LOCUM_NAMES_MAX; i++) {
        memset(config.names[i].name, 'a', LOCUM_DOMAIN_MAX);
        (void)snprintf(config.names[i].name, 8, "n%06zu", i);
        config.names[i].name[7] = '.';
    }
    locum_history_configure(history, &config);
    for (size_t i = 0; i < 2 * LOCUM_HISTORY_CHANGES; i++) {
        sleep_ms(&site, i % 40 == 0 ? 9000 : 1);
        set_answer(i % LOCUM_NAMES_MAX, (locum_nodes)(1 + i / LOCUM_NAMES_MAX % 3));
    }
    const struct locum_slice text = save();
    print_message("%zu bytes\n", text.length);
    assert_true(text.length > 64 * 1024);
    memcpy(before, saved, text.length + 1);
    assert_int_equal(load(text, LOCUM_REPLACE, "boot-1"), LOCUM_RESUMED);
    (void)save();
    assert_string_equal(saved, before);
    memset(config.names, 0, sizeof(config.names));
}

static void
test_nothing_is_saved_before_the_first_note_or_without_a_boot(void **state)
{
    (void)state;
    struct locum_text text = locum_text_init(saved, sizeof(saved));
    locum_history_save(history, &config.core, "", &text);
    assert_int_equal(text.length, 0);
    locum_history_destroy(history);
    history = locum_history_create();
    locum_history_configure(history, &config);
    assert_int_equal(save().length, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup_history, teardown_history)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_the_time_between_two_processes_is_a_gap),
        TEST(test_what_was_not_saved_is_part_of_the_gap),
        TEST(test_a_replace_is_no_gap),
        TEST(test_times_are_of_the_boot_clock),
        TEST(test_a_process_with_another_configuration),
        TEST(test_another_boot_node_or_version_begins_empty),
        TEST(test_a_part_of_it_is_refused),
        TEST(test_lines_that_no_process_writes_are_refused),
        TEST(test_the_largest_one_is_kept_whole),
        TEST(test_nothing_is_saved_before_the_first_note_or_without_a_boot),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
