/* nearest: the word that was meant. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/invariant.h"
#include "base/nearest.h"

static const char *
nearest(const char *written)
{
    static const char *const words[] = {"status", "run", "dc2", "dc3", "if", "get.example.org"};
    static char found[64];
    struct locum_nearest self = {.written = locum_slice_of(written)};
    for (size_t i = 0; i < LOCUM_COUNT(words); i++) {
        locum_nearest_try(&self, locum_slice_of(words[i]));
    }
    if (self.match.at == NULL) {
        return NULL;
    }
    assert_int_equal(locum_slice_copy(self.match, found, sizeof(found)), 0);
    return found;
}

static void
test_one_or_two_mistakes(void **state)
{
    (void)state;
    assert_string_equal(nearest("statsu"), "status"); /* two characters changed places */
    assert_string_equal(nearest("stats"), "status");
    assert_string_equal(nearest("sttus"), "status");
    assert_string_equal(nearest("statuses"), "status");
    assert_string_equal(nearest("run"), "run");
    assert_string_equal(nearest("get.exmaple.org"), "get.example.org");
}

static void
test_other_words_are_not_near(void **state)
{
    (void)state;
    assert_null(nearest("stat-us-es"));
    assert_null(nearest("sta")); /* three are missing */
    assert_null(nearest("ab"));  /* every character of "if" and "run" would differ */
    assert_null(nearest(""));
    assert_null(nearest("example.org"));
}

static void
test_the_first_of_equally_near_words(void **state)
{
    (void)state;
    assert_string_equal(nearest("dc9"), "dc2");
    assert_string_equal(nearest("dc33"), "dc3"); /* nearer than dc2 */
}

/* The memory of a comparison is bounded: 64 bytes are compared, 65 are not. */
static void
test_long_words(void **state)
{
    (void)state;
    char word[66];
    char other[66];
    memset(word, 'a', sizeof(word));
    memset(other, 'a', sizeof(other));
    other[10] = 'b';
    struct locum_nearest self = {.written = {other, 64}};
    locum_nearest_try(&self, (struct locum_slice){word, 65});
    assert_null(self.match.at);
    locum_nearest_try(&self, (struct locum_slice){word, 64});
    assert_ptr_equal(self.match.at, word);
    assert_int_equal(self.changes, 1);
    self = (struct locum_nearest){.written = {other, 65}};
    locum_nearest_try(&self, (struct locum_slice){word, 65});
    assert_null(self.match.at);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_or_two_mistakes),
        cmocka_unit_test(test_other_words_are_not_near),
        cmocka_unit_test(test_the_first_of_equally_near_words),
        cmocka_unit_test(test_long_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
