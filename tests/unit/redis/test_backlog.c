/* Events wait until Redis has said that it has them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "redis/backlog.h"

static struct locum_backlog backlog;

static int
fresh(void **state)
{
    (void)state;
    memset(&backlog, 0, sizeof(backlog));
    return 0;
}

static int
gone(void **state)
{
    (void)state;
    locum_backlog_fini(&backlog);
    assert_int_equal(backlog.count, 0);
    return 0;
}

static void
add(unsigned number)
{
    char text[16];
    (void)snprintf(text, sizeof(text), "%u", number);
    const struct locum_field fields[] = {{"event", "condition"}, {"number", text}, {"empty", ""}};
    locum_backlog_add(&backlog, fields, 3, 1000 + (locum_ms)number);
}

/* The next one to send must be this one, late or not. */
static void
expect(unsigned number, bool late)
{
    struct locum_field fields[4];
    const struct locum_backlog_entry *entry = locum_backlog_take(&backlog, fields, 4);
    assert_non_null(entry);
    assert_int_equal(entry->count, 3);
    assert_int_equal(entry->wall, 1000 + number);
    assert_int_equal(entry->late, late);
    assert_string_equal(fields[0].key, "event");
    assert_string_equal(fields[0].value, "condition");
    assert_string_equal(fields[1].key, "number");
    assert_int_equal(strtoul(fields[1].value, NULL, 10), number);
    assert_string_equal(fields[2].key, "empty");
    assert_string_equal(fields[2].value, "");
}

static void
expect_none(void)
{
    struct locum_field fields[4];
    assert_null(locum_backlog_take(&backlog, fields, 4));
}

static void
sent_in_order_and_forgotten(void **state)
{
    (void)state;
    expect_none();
    add(1);
    add(2);
    expect(1, false);
    expect(2, false);
    expect_none();
    locum_backlog_done(&backlog);
    locum_backlog_done(&backlog);
    assert_int_equal(backlog.count, 0);
    locum_backlog_done(&backlog); /* a reply that nobody waits for any more */
    add(3);
    expect(3, false);
}

static void
without_a_reply_sent_again(void **state)
{
    (void)state;
    add(1);
    add(2);
    expect(1, false);
    expect(2, false);
    locum_backlog_done(&backlog);
    add(3);
    locum_backlog_again(&backlog);
    add(4);
    expect(2, true);
    expect(3, true);
    expect(4, false);
    expect_none();
}

static void
full_drops_the_oldest(void **state)
{
    (void)state;
    for (unsigned i = 0; i < LOCUM_BACKLOG_MAX + 3; i++) {
        add(i);
    }
    assert_int_equal(backlog.count, LOCUM_BACKLOG_MAX);
    expect(3, false);
    add(1000); /* not the one whose reply is on its way: this one is lost */
    assert_int_equal(backlog.count, LOCUM_BACKLOG_MAX);
    for (unsigned i = 4; i < LOCUM_BACKLOG_MAX + 3; i++) {
        expect(i, false);
    }
    expect_none();
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(sent_in_order_and_forgotten, fresh, gone),
        cmocka_unit_test_setup_teardown(without_a_reply_sent_again, fresh, gone),
        cmocka_unit_test_setup_teardown(full_drops_the_oldest, fresh, gone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
