/* starts: the brake of a program that starts again and again, in virtual time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <unistd.h>

#include "base/file.h"
#include "daemon/starts.h"

static char folder[32];

static int
setup(void **state)
{
    (void)state;
    memcpy(folder, "/tmp/locum-starts-XXXXXX", 25);
    return mkdtemp(folder) != NULL && chdir(folder) == 0 ? 0 : -1;
}

static int
teardown(void **state)
{
    (void)state;
    (void)unlink("control.sock.starts");
    return chdir("/") == 0 && rmdir(folder) == 0 ? 0 : -1;
}

static struct locum_now
at(locum_ms boot)
{
    return (struct locum_now){.boot = boot, .mono = boot, .wall = boot};
}

static void
test_the_sixth_start_in_ten_seconds_brakes(void **state)
{
    (void)state;
    for (locum_ms i = 0; i < 5; i++) {
        assert_int_equal(locum_starts_note("control.sock", at(1000 + 100 * i)), 0);
    }
    assert_int_equal(locum_starts_note("control.sock", at(2000)), 9000); /* until 11000 */
    assert_int_equal(locum_starts_note("control.sock", at(11050)), 50);  /* until 11100 */
    assert_int_equal(locum_starts_note("control.sock", at(30000)), 0);
}

static void
test_rare_starts_never_brake(void **state)
{
    (void)state;
    for (locum_ms i = 1; i < 40; i++) {
        assert_int_equal(locum_starts_note("control.sock", at(2000 * i)), 0);
    }
}

/* Of another boot, of the future, or damaged. */
static void
test_times_that_cannot_be_are_skipped(void **state)
{
    (void)state;
    static const char text[] = "900000\n900001\nx\n\n-1\n900002\n900003\n900004\n";
    assert_int_equal(locum_file_write("control.sock.starts", text, strlen(text), 0600), 0);
    assert_int_equal(locum_starts_note("control.sock", at(5000)), 0);
    assert_int_equal(locum_starts_note("no-such-folder/control.sock", at(5000)), 0);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_the_sixth_start_in_ten_seconds_brakes),
        TEST(test_rare_starts_never_brake),
        TEST(test_times_that_cannot_be_are_skipped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
