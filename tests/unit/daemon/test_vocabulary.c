/* The tables of events and of the hash's fields, and the manual page that lists both. */
#include "fixture.h"

#include "manual.h"

static void
event_entry(size_t i, char *ret, size_t size)
{
    const struct locum_told_row *row = &locum_told_rows[i];
    (void)snprintf(ret, size, "%s%s%s", row->event, row->fields[0] != '\0' ? " Ar " : "",
                   row->fields);
}

static void
hash_entry(size_t i, char *ret, size_t size)
{
    (void)snprintf(ret, size, "%s", locum_hash_fields[i]);
}

static void
test_the_manual_lists_both(void **state)
{
    (void)state;
    assert_section("EVENTS", LOCUM_TOLD_COUNT, event_entry);
    assert_section("REDIS", LOCUM_HASH_COUNT, hash_entry);
}

static void
test_a_word_is_a_field_or_not(void **state)
{
    (void)state;
    assert_true(locum_told_has(LOCUM_TOLD_CONDITION, "peer"));
    assert_true(locum_told_has(LOCUM_TOLD_CONDITION, "reason"));
    assert_false(locum_told_has(LOCUM_TOLD_CONDITION, "pee"));
    assert_false(locum_told_has(LOCUM_TOLD_CONDITION, "peers"));
    assert_false(locum_told_has(LOCUM_TOLD_STOP, ""));
}

/* Whoever adds a field and forgets the table sees nothing of it, and nobody reads what no page has.
 */
static void
test_what_the_table_has_not_is_not_told(void **state)
{
    (void)state;
    size_t count;
    write_config("", "");
    start();
    locum_daemon_tell(daemon_, LOCUM_LOG_INFO, LOCUM_TOLD_RELOAD, "digest", "a1b2c3d4", "colour",
                      "blue", (const char *)NULL);
    assert_non_null(strstr(read_log(), "event=reload node=dc2 digest=a1b2c3d4\n"));
    json_t *told = locum_story_since(daemon_->story, 0, &count);
    const json_t *last = json_array_get(json_object_get(told, "events"), count - 1);
    const json_t *fields = json_object_get(last, "fields");
    assert_int_equal(json_object_size(fields), 3);
    assert_non_null(json_object_get(fields, "digest"));
    json_decref(told);
    assert_int_equal(daemon_->told[LOCUM_TOLD_RELOAD], 1);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_manual_lists_both),
        cmocka_unit_test(test_a_word_is_a_field_or_not),
        cmocka_unit_test_setup_teardown(test_what_the_table_has_not_is_not_told, setup, teardown),
    };
    return cmocka_run_group_tests(tests, read_manual, NULL);
}
