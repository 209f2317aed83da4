/* keymemory: times of servers, of records, and of a clock that is set. */
#include "keymemory.h"

/* The clock is set: no duration passes by that. */
static void
test_what_is_noted_moves_with_a_clock_that_is_set(void **state)
{
    (void)state;
    take(&one, 1, NOW);
    decide(true, NOW);
    hear("1 zone=" ZONE " 13/1/psr/2000000000/2000000000", NOW);
    const struct locum_keymemory_key before = zone_of(memory)->keys[0];
    const int64_t asked_s = zone_of(memory)->parent_answered_s;
    memory->changed = false;
    locum_keymemory_shift(memory, 0);
    assert_false(memory->changed);
    locum_keymemory_shift(memory, 10 * DAY);
    assert_true(memory->changed);
    const struct locum_keymemory_key *key = &zone_of(memory)->keys[0];
    assert_int_equal(key->published_since_s, before.published_since_s + 10 * DAY);
    assert_int_equal(key->facts.last_signed_dnskey_s, before.facts.last_signed_dnskey_s + 10 * DAY);
    assert_int_equal(key->facts.last_at_parent_s, before.facts.last_at_parent_s + 10 * DAY);
    assert_int_equal(key->facts.all_published_since_s, 0); /* never stays never */
    assert_int_equal(zone_of(memory)->parent_answered_s, asked_s + 10 * DAY);
    assert_int_equal(memory->servers[1].heard_s, NOW + 10 * DAY);
    assert_int_equal(memory->servers[1].document_since_s, NOW + 10 * DAY);
    assert_int_equal(zone_of(memory)->decided_s, NOW + 10 * DAY);
    assert_int_equal(zone_of(memory)->ds_ttl_at_s, zone_of(memory)->parent_answered_s);
    locum_keymemory_shift(memory, -(int64_t)NOW * 2);
    assert_int_equal(key->published_since_s, 1);
    locum_keymemory_hold(memory);
    assert_int_equal(memory->servers[1].heard_s, 0);
}

/* Another server decided once while its clock was years ahead. */
static void
test_a_time_in_the_future_holds_nothing_up(void **state)
{
    (void)state;
    static const char wrong[] =
        "1 zone=" ZONE " 13/1/psr/9223372036854775807/99999999999999999999999 "
        "13/2/psr/2300000000/9223372036854775807";
    struct locum_keymemory_shown read[LOCUM_KEYSTATE_KEYS_MAX];
    assert_int_equal(locum_keymemory_read(wrong, ZONE, read), 1); /* what is no number is skipped */
    assert_int_equal(read[0].signing_since_s, LOCUM_KEYMEMORY_TIME_MAX_S);
    take((const struct locum_keymemory_found[]){one, two}, 2, NOW);
    hear(wrong, NOW);
    decide(true, NOW);
    struct locum_keystate_key *facts = &zone_of(memory)->keys[1].facts;
    assert_int_equal(facts->all_published_since_s, NOW);
    assert_int_equal(facts->algorithm_signing_since_s, NOW);
    for (int64_t now_s = NOW; now_s <= NOW + 2 * HOUR; now_s += HOUR / 4) {
        hear(wrong, now_s);
        decide(true, now_s);
    }
    assert_true(zone_of(memory)->keys[1].state.settled);
    /* This server's own clock was ahead. */
    facts->last_signed_rest_s = facts->last_wanted_s = facts->all_published_since_s = INT64_MAX;
    zone_of(memory)->keys[1].published_since_s = INT64_MAX - 1;
    zone_of(memory)->parent_answered_s = NOW + 365 * (int64_t)DAY;
    struct locum_keymemory *again = load_again(NOW + DAY, 0);
    assert_int_equal(zone_of(again)->keys[1].facts.all_published_since_s, NOW + DAY);
    assert_int_equal(zone_of(again)->keys[1].published_since_s, NOW + DAY);
    assert_int_equal(zone_of(again)->parent_answered_s, NOW + DAY);
    locum_keymemory_destroy(again);
    decide(true, NOW + DAY);
    assert_int_equal(facts->all_published_since_s, NOW + DAY);
    assert_int_equal(facts->last_wanted_s, NOW + DAY);
}

/* The zone could not be signed with a new key for a long time. */
static void
test_a_key_counts_as_published_from_when_it_is_served(void **state)
{
    (void)state;
    be_alone();
    take(&one, 1, NOW - DAY);
    decide(true, NOW - DAY);
    decide(true, NOW - 1);
    take((const struct locum_keymemory_found[]){one, two}, 2, NOW);
    int64_t now_s = NOW;
    for (; now_s < NOW + 5 * HOUR; now_s += HOUR / 4) {
        locum_keymemory_postpone(memory, NOW - 1, now_s);
        decide(true, now_s);
        assert_true(zone_of(memory)->keys[0].state.settled);
        assert_false(zone_of(memory)->keys[1].state.settled);
    }
    memory->changed = false;
    locum_keymemory_postpone(memory, NOW - 1, now_s); /* it is served now */
    assert_true(memory->changed);
    assert_int_equal(zone_of(memory)->keys[0].published_since_s, NOW - DAY);
    assert_int_equal(zone_of(memory)->keys[1].published_since_s, now_s);
    assert_int_equal(zone_of(memory)->keys[1].signing_since_s, now_s);
    decide(true, now_s + 2 * HOUR - 1);
    assert_false(zone_of(memory)->keys[1].state.settled);
    decide(true, now_s + 2 * HOUR);
    assert_true(zone_of(memory)->keys[1].state.settled);
}

static void
test_the_longest_ttl_counts_until_it_is_gone_from_caches(void **state)
{
    (void)state;
    const int64_t later_s = NOW + 30 * (int64_t)DAY;
    size_t bad;
    assert_int_equal(locum_keymemory_fits(memory, ZONE, &one, 1, &bad), 0);
    assert_int_equal(locum_keymemory_take_folder(memory, ZONE, &one, 1, DAY, NOW), 0);
    assert_int_equal(locum_keymemory_take_folder(memory, ZONE, &one, 1, 60, later_s), 0);
    decide(true, later_s);
    assert_int_equal(zone_of(memory)->longest_ttl_s, DAY);
    struct locum_keymemory *again = load_again(later_s, 0);
    assert_int_equal(zone_of(again)->longest_at_s, later_s);
    assert_int_equal(zone_of(again)->ttl_s, 60);
    locum_keymemory_destroy(again);
    decide(true, later_s + DAY + HOUR - 1);
    assert_int_equal(zone_of(memory)->longest_ttl_s, DAY);
    decide(true, later_s + DAY + HOUR);
    assert_int_equal(zone_of(memory)->longest_ttl_s, 60);
}

static void
test_the_longest_ttl_of_the_ds_counts(void **state)
{
    (void)state;
    static const struct {
        int64_t at_s;
        uint32_t ttl_s, expected_s;
    } rows[] = {{NOW, DAY, DAY},
                {NOW + HOUR, 300, DAY},
                {NOW + DAY + HOUR, 300, DAY},
                {NOW + DAY + HOUR + 1, 300, 300},
                {NOW + 2 * DAY, INT32_MAX, 7 * DAY}};
    take(&one, 1, NOW);
    for (size_t i = 0; i < LOCUM_COUNT(rows); i++) {
        const struct locum_keymemory_parent answer = {
            .answered_s = rows[i].at_s, .ttl_s = rows[i].ttl_s, .has_ds = true};
        locum_keymemory_take_parent(zone_of(memory), &answer, 1);
        assert_int_equal(zone_of(memory)->ds_ttl_s, rows[i].expected_s);
    }
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, before, after)
    const struct CMUnitTest tests[] = {
        TEST(test_what_is_noted_moves_with_a_clock_that_is_set),
        TEST(test_a_time_in_the_future_holds_nothing_up),
        TEST(test_a_key_counts_as_published_from_when_it_is_served),
        TEST(test_the_longest_ttl_counts_until_it_is_gone_from_caches),
        TEST(test_the_longest_ttl_of_the_ds_counts),
    };
    return cmocka_run_group_tests_name("dns/keymemory_clock", tests, NULL, NULL);
}
