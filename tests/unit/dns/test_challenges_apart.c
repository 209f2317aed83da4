/* challenges: nodes that do not hear each other for a while, and a node that has no room left. */
#include "fixture.h"

#include "dns/challenges.h"

#define OWNER "_acme-challenge.get.example.org."

enum { TEXT_BYTES = 32 * 1024, EACH = 7 };

static struct locum_now
at(locum_ms ms)
{
    return (struct locum_now){.mono = ms, .boot = 5000 + ms, .wall = 1796000000000 + ms};
}

static void
give(const struct locum_challenges *from, locum_node node, struct locum_challenges *to,
     struct locum_now now)
{
    char text[TEXT_BYTES];
    struct locum_text document = locum_text_init(text, sizeof(text));
    locum_challenges_add(from, now, &document);
    assert_true(locum_challenges_take(to, node, locum_slice_of(text), 0, now));
}

/* The newest are answered, the same everywhere; all can be removed, by their value too. */
static void
test_more_values_than_are_answered(void **state)
{
    (void)state;
    const char *first[LOCUM_CHALLENGE_VALUES_MAX], *second[LOCUM_CHALLENGE_VALUES_MAX];
    struct locum_challenges *a = locum_challenges_create(), *b = locum_challenges_create();
    for (int i = 0; i < EACH; i++) {
        const char old[] = {'a', (char)('0' + i), '\0'}, new[] = {'b', (char)('0' + i), '\0'};
        assert_int_equal(locum_challenges_set(a, OWNER, old, "cli", 9000, at(i)), 0);
        assert_int_equal(locum_challenges_set(b, OWNER, new, "cli", 9000, at(100 + i)), 0);
    }
    give(a, 0, b, at(200));
    give(b, 1, a, at(200));
    assert_int_equal(locum_challenges_at(a, OWNER, at(200), first), LOCUM_CHALLENGE_VALUES_MAX);
    assert_int_equal(locum_challenges_at(b, OWNER, at(200), second), LOCUM_CHALLENGE_VALUES_MAX);
    for (int i = 0; i < LOCUM_CHALLENGE_VALUES_MAX; i++) {
        assert_string_equal(first[i], second[i]);
    }
    assert_string_equal(first[0], "a6");
    assert_int_equal(locum_challenges_unset(b, OWNER, "a0", at(200)), 1); /* not answered */
    assert_int_equal(locum_challenges_unset(b, OWNER, NULL, at(200)), 2 * EACH - 1);
    give(b, 1, a, at(210));
    assert_int_equal(locum_challenges_at(a, OWNER, at(210), first), 0);
    locum_challenges_destroy(a);
    locum_challenges_destroy(b);
}

/* The other node has set the same value, and is not heard. */
static void
test_a_removal_is_also_of_what_is_not_known_yet(void **state)
{
    (void)state;
    const char *values[LOCUM_CHALLENGE_VALUES_MAX];
    struct locum_challenges *a = locum_challenges_create(), *b = locum_challenges_create();
    assert_int_equal(locum_challenges_set(a, OWNER, "v", "cli", 9000, at(0)), 0);
    assert_int_equal(locum_challenges_set(b, OWNER, "v", "cli", 8000, at(10)), 0);
    assert_int_equal(locum_challenges_unset(a, OWNER, "v", at(20)), 1);
    give(a, 0, b, at(30));
    give(b, 1, a, at(30));
    assert_int_equal(locum_challenges_at(a, OWNER, at(30), values), 0);
    assert_int_equal(locum_challenges_at(b, OWNER, at(30), values), 0);
    /* What a has superseded leaves the own list of b, which the others must have. */
    assert_false(locum_challenges_own_changed(b));
    (void)locum_challenges_expire(b, at(30));
    assert_true(locum_challenges_own_changed(b));
    assert_false(locum_challenges_own_changed(b));
    locum_challenges_destroy(a);
    locum_challenges_destroy(b);
}

static void
test_there_is_always_room_to_remove(void **state)
{
    (void)state;
    char owner[32];
    int status = 0, count = 0;
    struct locum_challenges *self = locum_challenges_create();
    for (; status == 0; count++) {
        (void)snprintf(owner, sizeof(owner), "_acme-challenge.n%d.", count);
        status = locum_challenges_set(self, owner, "v", "cli", 9000, at(0));
    }
    assert_int_equal(status, LOCUM_ERR_SPACE);
    for (int i = 0; i < count - 1; i++) {
        (void)snprintf(owner, sizeof(owner), "_acme-challenge.n%d.", i);
        assert_int_equal(locum_challenges_unset(self, owner, NULL, at(1)), 1);
    }
    locum_challenges_destroy(self);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_more_values_than_are_answered),
        cmocka_unit_test(test_a_removal_is_also_of_what_is_not_known_yet),
        cmocka_unit_test(test_there_is_always_room_to_remove),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
