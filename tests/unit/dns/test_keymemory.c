/* keymemory: what is remembered, forgotten, shown and saved. */
#include "keymemory.h"

static void
test_what_is_shown_is_read(void **state)
{
    (void)state;
    struct locum_keymemory_shown read[LOCUM_KEYSTATE_KEYS_MAX];
    take((const struct locum_keymemory_found[]){one, two}, 2, NOW);
    decide(false, NOW);
    assert_string_equal(shown(memory), "1 zone=" ZONE " 13/1/psr/2000000000/2000000000 "
                                       "13/2/psr/2000000000/2000000000");
    assert_int_equal(locum_keymemory_read(shown(memory), ZONE, read), 2);
    assert_int_equal(read[1].tag, 2);
    assert_int_equal(read[1].bits,
                     LOCUM_KEYSTATE_PUBLISHED | LOCUM_KEYSTATE_SIGNING | LOCUM_KEYSTATE_REST);
    assert_int_equal(read[1].published_since_s, NOW);
    assert_int_equal(locum_keymemory_read(shown(memory), "other.", read), 0);
    assert_int_equal(locum_keymemory_read("2 zone=" ZONE " 13/1/p/1/1", ZONE, read), 0);
    assert_int_equal(locum_keymemory_read("1 zone=" ZONE "x. 13/1/p/1/1", ZONE, read), 0);
    assert_int_equal(
        locum_keymemory_read("1 zone=" ZONE "x. 13/1/p/1/1 zone=" ZONE " 13/2/p/1/1", ZONE, read),
        1);
    assert_int_equal(read[0].tag, 2);
    /* A later version may say more. */
    assert_int_equal(locum_keymemory_read("1 news zone=" ZONE
                                          " x=1 13/1/pz/1/2/3 13/x/p/1/1 14/2/s/0/5",
                                          ZONE, read),
                     2);
    assert_int_equal(read[0].bits, LOCUM_KEYSTATE_PUBLISHED);
    assert_int_equal(read[1].signing_since_s, 5);
    /* The files are gone: kept, and leaving. */
    take(NULL, 0, NOW + 1);
    decide(false, NOW + 1);
    assert_string_equal(shown(memory), "1 zone=" ZONE " 13/1/psklr/2000000000/2000000000 "
                                       "13/2/psklr/2000000000/2000000000");
}

static void
test_a_document_that_is_too_long_leaves_a_zone_out(void **state)
{
    (void)state;
    char buffer[40];
    struct locum_text text = locum_text_init(buffer, sizeof(buffer));
    take(&one, 1, NOW);
    decide(false, NOW);
    locum_keymemory_show(memory, &text);
    assert_true(text.truncated);
    assert_string_equal(buffer, "1");
}

static void
test_what_was_saved_goes_on(void **state)
{
    (void)state;
    size_t length;
    take((const struct locum_keymemory_found[]){one, two}, 2, NOW);
    hear("1 zone=" ZONE " 13/1/psrc/1900000000/1900000000 13/2/p/1900000000/0", NOW);
    decide(true, NOW); /* CDS of the other server has it: so may this one */
    assert_true(zone_of(memory)->keys[0].in_cds);
    char *text = locum_keymemory_save(memory, &length);
    struct locum_keymemory *again = locum_keymemory_create();
    assert_int_equal(
        locum_keymemory_load(again, (struct locum_slice){.at = text, .length = length}, NOW + DAY),
        0);
    assert_int_equal(length, strlen(text));
    const struct locum_keymemory_key *key = &zone_of(again)->keys[0];
    assert_string_equal(key->record, one.record);
    assert_string_equal(key->private_half, one.private_half);
    assert_true(key->state.published && key->state.signs_rest && key->in_cds && key->at_parent);
    assert_false(key->facts.has_record);
    assert_int_equal(key->facts.last_wanted_s, NOW + DAY); /* it was so until now */
    assert_int_equal(key->facts.last_private_s, NOW + DAY);
    assert_int_equal(key->facts.last_at_parent_s, NOW + DAY);
    assert_int_equal(key->facts.all_published_since_s, NOW);
    assert_string_equal(again->servers[0].document, memory->servers[1].document);
    assert_int_equal(again->servers[0].heard_s, 0); /* not in this run */
    /* A part is missing, or there is no first line. */
    struct locum_keymemory *broken = locum_keymemory_create();
    assert_int_equal(
        locum_keymemory_load(broken, (struct locum_slice){.at = text, .length = length - 4}, NOW),
        LOCUM_ERR_INVALID);
    assert_int_equal(zone_of(broken)->count, 2); /* what could be read is there */
    locum_keymemory_destroy(broken);
    broken = locum_keymemory_create();
    assert_int_equal(locum_keymemory_load(broken, locum_slice_of("zone x\n"), NOW),
                     LOCUM_ERR_INVALID);
    locum_keymemory_destroy(broken);
    locum_keymemory_destroy(again);
    free(text);
}

static void
test_a_copy_is_the_same(void **state)
{
    (void)state;
    size_t length, other_length;
    take((const struct locum_keymemory_found[]){one, two}, 2, NOW);
    hear("1 zone=" ZONE " 13/1/ps/1/1", NOW);
    decide(true, NOW);
    struct locum_keymemory *copy = locum_keymemory_copy(memory);
    assert_non_null(copy);
    char *text = locum_keymemory_save(memory, &length);
    char *other = locum_keymemory_save(copy, &other_length);
    assert_string_equal(text, other);
    assert_int_equal(copy->servers[1].heard_s, NOW);
    assert_int_equal(locum_keymemory_effect(zone_of(copy)),
                     locum_keymemory_effect(zone_of(memory)));
    locum_keymemory_destroy(copy);
    free(text);
    free(other);
}

static void
test_a_key_is_forgotten_when_nothing_needs_it(void **state)
{
    (void)state;
    be_alone();
    take((const struct locum_keymemory_found[]){one, two}, 2, NOW);
    int64_t now_s = NOW;
    for (; now_s < NOW + 3 * HOUR; now_s += HOUR / 4) {
        decide(false, now_s);
    }
    take(&two, 1, now_s);
    decide(false, now_s);
    assert_int_equal(zone_of(memory)->count, 2);
    assert_true(zone_of(memory)->keys[0].state.published);
    for (const int64_t end_s = now_s + 2 * DAY; now_s < end_s; now_s += HOUR / 4) {
        decide(false, now_s);
    }
    assert_int_equal(zone_of(memory)->count, 1);
    assert_int_equal(zone_of(memory)->keys[0].facts.tag, 2);
    /* The private half of a key 256 goes too, if only that was removed. A key 257 signs on. */
    struct locum_keymemory_found small = one;
    small.secure_entry = false;
    small.record = "256 3 13 AA==";
    take((const struct locum_keymemory_found[]){small, two}, 2, now_s);
    for (const int64_t end_s = now_s + DAY; now_s < end_s; now_s += HOUR / 4) {
        decide(false, now_s);
    }
    small.private_half = NULL;
    take((const struct locum_keymemory_found[]){small, two}, 2, now_s);
    decide(false, now_s);
    assert_non_null(locum_keymemory_find_key(zone_of(memory), 13, 1)->private_half);
    for (const int64_t end_s = now_s + 2 * DAY; now_s < end_s; now_s += HOUR / 4) {
        decide(false, now_s);
    }
    assert_null(locum_keymemory_find_key(zone_of(memory), 13, 1)->private_half);
    /* Zones that are not signed any more. */
    config->zones[0].dnssec.keys[0] = '\0';
    locum_keymemory_configure(memory, config);
    assert_null(locum_keymemory_find(memory, ZONE));
}

static void
test_keys_with_the_same_algorithm_and_tag_do_not_fit(void **state)
{
    (void)state;
    size_t bad = 9;
    struct locum_keymemory_found other = one;
    struct locum_keymemory_found many[LOCUM_KEYSTATE_KEYS_MAX];
    take(&one, 1, NOW);
    other.record = "257 3 13 AC==";
    assert_int_equal(locum_keymemory_fits(
                         memory, ZONE, (const struct locum_keymemory_found[]){two, other}, 2, &bad),
                     LOCUM_ERR_INVALID);
    assert_int_equal(bad, 1);
    for (size_t i = 0; i < LOCUM_KEYSTATE_KEYS_MAX; i++) {
        many[i] = two;
        many[i].tag = (uint16_t)(100 + i);
    }
    assert_int_equal(locum_keymemory_fits(memory, ZONE, many, LOCUM_KEYSTATE_KEYS_MAX, &bad),
                     LOCUM_ERR_SPACE);
    assert_int_equal(locum_keymemory_fits(memory, ZONE, many, LOCUM_KEYSTATE_KEYS_MAX - 1, &bad),
                     0);
}

static void
test_what_does_not_fit_is_left_out(void **state)
{
    (void)state;
    struct locum_keymemory_found many[LOCUM_KEYSTATE_KEYS_MAX + 1];
    many[0] = one;
    many[0].record = "257 3 13 AC==";
    for (size_t i = 1; i <= LOCUM_KEYSTATE_KEYS_MAX; i++) {
        many[i] = two;
        many[i].tag = (uint16_t)(100 + i);
    }
    take(&one, 1, NOW);
    assert_int_equal(
        locum_keymemory_take_folder(memory, ZONE, many, LOCUM_KEYSTATE_KEYS_MAX + 1, HOUR, NOW), 0);
    assert_int_equal(zone_of(memory)->count, LOCUM_KEYSTATE_KEYS_MAX);
    assert_string_equal(zone_of(memory)->keys[0].record, one.record);
    assert_false(zone_of(memory)->keys[0].facts.has_record);
}

static void
test_a_zone_is_needed_while_a_ds_may_be_cached(void **state)
{
    (void)state;
    assert_int_equal(locum_keymemory_needed_s(memory, ZONE, NOW), 0);
    take(&one, 1, NOW);
    assert_int_equal(locum_keymemory_needed_s(memory, ZONE, NOW), 0);
    decide(true, NOW);
    assert_int_equal(locum_keymemory_needed_s(memory, ZONE, NOW + DAY),
                     HOUR + LOCUM_KEYSTATE_MARGIN_S);
    decide(false, NOW + DAY);
    assert_int_equal(locum_keymemory_needed_s(memory, ZONE, NOW + DAY + HOUR),
                     LOCUM_KEYSTATE_MARGIN_S);
    assert_int_equal(
        locum_keymemory_needed_s(memory, ZONE, NOW + DAY + HOUR + LOCUM_KEYSTATE_MARGIN_S), 0);
    assert_int_equal(locum_keymemory_needed_s(memory, "other.", NOW), 0);
    assert_true(locum_keymemory_is_signed(config, ZONE));
    assert_false(locum_keymemory_is_signed(config, "other."));
}

static void
test_a_key_is_dropped_only_without_its_files(void **state)
{
    (void)state;
    be_alone();
    take((const struct locum_keymemory_found[]){one, two}, 2, NOW);
    decide(true, NOW);
    assert_false(locum_keymemory_drop(memory, zone_of(memory), 1));
    take(&two, 1, NOW);
    decide(true, NOW + 1);
    assert_true(zone_of(memory)->keys[0].state.signs_dnskey); /* KEYS-3 */
    assert_true(locum_keymemory_drop(memory, zone_of(memory), 1));
    locum_keymemory_decide(memory, zone_of(memory), NOW + 2);
    assert_int_equal(zone_of(memory)->count, 1);
    assert_int_equal(zone_of(memory)->keys[0].facts.tag, 2);
}

/* KEYS-3: the resolver of this server says that the parent has no DS; that of dc3 knows better. */
static void
test_a_ds_that_one_server_sees_holds_for_all(void **state)
{
    (void)state;
    static const char *const documents[] = {
        "1 zone=" ZONE " 13/1/psrd/1900000000/1900000000 13/2/psr/1900000000/1900000000",
        "1 zone=" ZONE " 13/2/psr/1900000000/1900000000"};
    int64_t now_s = NOW;
    take((const struct locum_keymemory_found[]){one, two}, 2, now_s);
    for (; now_s < NOW + 3 * HOUR; now_s += HOUR / 4) {
        hear(documents[0], now_s);
        decide(true, now_s);
    }
    take(&two, 1, now_s);
    for (const int64_t end_s = now_s + 5 * DAY; now_s < end_s; now_s += HOUR / 4) {
        hear(documents[0], now_s);
        decide(false, now_s);
        assert_int_equal(zone_of(memory)->count, 2);
        assert_true(zone_of(memory)->keys[0].state.published);
        assert_true(zone_of(memory)->keys[0].state.signs_dnskey);
        assert_int_equal(zone_of(memory)->keys[0].state.why_published, LOCUM_KEYSTATE_AT_PARENT);
        assert_null(strchr(shown(memory), 'd')); /* each shows what is reported to itself */
    }
    assert_true(locum_keymemory_needed_s(memory, ZONE, now_s) > 0);
    for (const int64_t end_s = now_s + 2 * DAY; now_s < end_s; now_s += HOUR / 4) {
        hear(documents[1], now_s);
        decide(false, now_s);
    }
    assert_int_equal(locum_keymemory_needed_s(memory, ZONE, now_s), 0);
    assert_int_equal(zone_of(memory)->count, 1);
}

/* KEYS-6 with two servers, each with its own key. */
static void
test_cds_names_the_keys_of_all_servers(void **state)
{
    (void)state;
    const struct locum_keymemory_found theirs = {
        .algorithm = 13, .tag = 2, .secure_entry = true, .record = two.record};
    take((const struct locum_keymemory_found[]){one, theirs}, 2, NOW);
    decide(false, NOW);
    assert_true(zone_of(memory)->cds_is_old);
    hear("1 zone=" ZONE " 13/1/p/1900000000/0", NOW); /* it does not show its own key yet */
    decide(false, NOW);
    assert_false(zone_of(memory)->keys[0].in_cds);
    hear("1 zone=" ZONE " 13/1/p/1900000000/0 13/2/psr/1900000000/1900000000", NOW);
    decide(false, NOW);
    assert_true(zone_of(memory)->keys[0].in_cds && zone_of(memory)->keys[1].in_cds);
    assert_false(zone_of(memory)->cds_is_old);
    /* The last set stays while there is no new one; a witness does not count. */
    hear("1 zone=" ZONE " 13/2/psr/1900000000/1900000000", NOW + 60);
    decide(false, NOW + 60);
    assert_true(zone_of(memory)->keys[0].in_cds && zone_of(memory)->keys[1].in_cds);
    assert_true(zone_of(memory)->cds_is_old);
    locum_keymemory_take_document(memory, "ns0", locum_slice_of("1"), NOW);
    assert_int_equal(memory->server_count, 2);
}

static void
test_a_bad_line_is_skipped(void **state)
{
    (void)state;
    static const char text[] = "locum-keys 1\n"
                               "zone " ZONE " 1 1 5 60 5 60 0 60\n"
                               "key 13 1 - 1 2 3 4 5 6 7 8 9 10 11 12 257 3 13 AA==\n"
                               "key 13 2 - 1 x 3 4 5 6 7 8 9 10 11 12 257 3 13 AB==\n"
                               "private of the bad one\n"
                               "key 13 3 - 1 2 3 4 5 6 7 8 9 10 11 12 257 3 13 AC==\n"
                               "private its own\n"
                               "end\n";
    struct locum_keymemory *again = locum_keymemory_create();
    assert_int_equal(locum_keymemory_load(again, locum_slice_of(text), NOW), LOCUM_ERR_INVALID);
    assert_int_equal(zone_of(again)->count, 2);
    assert_null(zone_of(again)->keys[0].private_half);
    assert_int_equal(zone_of(again)->keys[1].facts.tag, 3);
    assert_string_equal(zone_of(again)->keys[1].private_half, "its own");
    locum_keymemory_destroy(again);
}

/* The folder is gone, and no other rule holds its key. */
static void
test_the_last_key_signs_on(void **state)
{
    (void)state;
    struct locum_keymemory_found small = one;
    small.secure_entry = false;
    small.record = "256 3 13 AA==";
    be_alone();
    take(&small, 1, NOW);
    decide(false, NOW);
    take(NULL, 0, NOW + 1);
    for (int64_t now_s = NOW + 1; now_s < NOW + 3 * DAY; now_s += HOUR / 4) {
        decide(false, now_s);
        assert_int_equal(zone_of(memory)->count, 1);
        assert_true(zone_of(memory)->keys[0].state.published);
        assert_true(zone_of(memory)->keys[0].state.signs_rest);
    }
    assert_int_equal(zone_of(memory)->keys[0].state.why_published, LOCUM_KEYSTATE_LAST);
    assert_false(locum_keymemory_drop(memory, zone_of(memory), 1));
    assert_non_null(zone_of(memory)->keys[0].private_half);
    take(&two, 1, NOW + 3 * DAY);
    decide(false, NOW + 3 * DAY);
    assert_true(locum_keymemory_drop(memory, zone_of(memory), 1));
}

/* KEYS-6: a parent that acts at once must not name a key that resolvers do not have yet. */
static void
test_cds_does_not_change_before_resolvers_have_the_key(void **state)
{
    (void)state;
    be_alone();
    take(&one, 1, NOW);
    decide(false, NOW);
    assert_true(zone_of(memory)->keys[0].in_cds); /* no DS: at once */
    decide(true, NOW + 60);
    assert_true(zone_of(memory)->keys[0].in_cds);
    assert_false(zone_of(memory)->cds_is_old);
    take(&two, 1, NOW + DAY); /* in place of the other one */
    int64_t now_s = NOW + DAY;
    for (; now_s < NOW + DAY + 2 * HOUR; now_s += HOUR / 4) {
        decide(true, now_s);
        assert_true(zone_of(memory)->keys[0].in_cds && !zone_of(memory)->keys[1].in_cds);
    }
    decide(true, now_s);
    assert_true(!zone_of(memory)->keys[0].in_cds && zone_of(memory)->keys[1].in_cds);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, before, after)
    const struct CMUnitTest tests[] = {
        TEST(test_what_is_shown_is_read),
        TEST(test_a_document_that_is_too_long_leaves_a_zone_out),
        TEST(test_what_was_saved_goes_on),
        TEST(test_a_copy_is_the_same),
        TEST(test_a_key_is_forgotten_when_nothing_needs_it),
        TEST(test_keys_with_the_same_algorithm_and_tag_do_not_fit),
        TEST(test_what_does_not_fit_is_left_out),
        TEST(test_a_zone_is_needed_while_a_ds_may_be_cached),
        TEST(test_a_key_is_dropped_only_without_its_files),
        TEST(test_a_ds_that_one_server_sees_holds_for_all),
        TEST(test_cds_names_the_keys_of_all_servers),
        TEST(test_a_bad_line_is_skipped),
        TEST(test_the_last_key_signs_on),
        TEST(test_cds_does_not_change_before_resolvers_have_the_key),
    };
    return cmocka_run_group_tests_name("dns/keymemory", tests, NULL, NULL);
}
