/* The keys of signed zones: warnings, and GET /keys. */
#include "view.h"

#include "report/keys.h"

static const char zone_name[] = "get.example.org.";
static struct locum_keymemory *memory;
static struct locum_keymemory_zone *zone;
static locum_ms lack_since[LOCUM_NODES_MAX], nsec_differ_since[LOCUM_NODES_MAX];

static int64_t
now_s(void)
{
    return view.now.wall / 1000;
}

/* Key 1 signs at both servers, and has done so for long; key 2 is the record of one of dc3. */
static int
setup_keys(void **state)
{
    static const struct locum_keymemory_found found[] = {
        {.algorithm = 13,
         .tag = 1,
         .secure_entry = true,
         .record = "257 3 13 AA==",
         .private_half = "a"},
        {.algorithm = 13, .tag = 2, .secure_entry = true, .record = "257 3 13 AB=="}};
    const int status = setup_view(state);
    (void)strcpy(config.zones[0].dnssec.keys, "/k");
    memory = locum_keymemory_create();
    assert_non_null(memory);
    locum_keymemory_configure(memory, &config);
    assert_int_equal(locum_keymemory_take_folder(memory, zone_name, found, 2, 3600, now_s()), 0);
    zone = locum_keymemory_find(memory, zone_name);
    for (size_t i = 0; i < LOCUM_NODES_MAX; i++) {
        lack_since[i] = nsec_differ_since[i] = LOCUM_NEVER;
    }
    view.keys = memory;
    view.keys_lack_since = lack_since;
    view.nsec_differ_since = nsec_differ_since;
    return status;
}

static int
teardown_keys(void **state)
{
    locum_keymemory_destroy(memory);
    view.keys = NULL;
    view.keys_too_long = false;
    (void)state;
    return 0;
}

static void
decide(bool has_ds)
{
    const struct locum_keymemory_parent answer = {
        .answered_s = now_s(), .ttl_s = 3600, .has_ds = has_ds};
    locum_keymemory_take_parent(zone, &answer, has_ds ? 1 : 0);
    locum_keymemory_decide(memory, zone, now_s());
}

static void
publish_long_ago(void)
{
    for (size_t i = 0; i < 2; i++) {
        zone->keys[i].published_since_s = zone->keys[i].facts.all_published_since_s =
            now_s() - 86400;
    }
}

static void
hear_all(const char *document)
{
    for (size_t i = 0; i < memory->server_count; i++) {
        locum_keymemory_take_document(memory, memory->servers[i].name, locum_slice_of(document),
                                      now_s());
    }
}

static void
test_nothing_is_wrong(void **state)
{
    (void)state;
    hear_all("1 zone=get.example.org. 13/1/psr/1/1 13/2/psr/1/1");
    decide(false);
    decide(false);
    assert_string_equal(view_warned("keys", zone_name), "");
    view.keys = NULL;
    assert_string_equal(view_warned("keys", zone_name), "");
}

static void
test_keys_that_must_not_sign_alone_yet(void **state)
{
    (void)state;
    decide(true);
    view_says(view_warned("keys", zone_name), "some resolvers may refuse answers");
    view_says(view_warned("keys", zone_name), "not heard now: ");
}

static void
test_a_key_that_goes_on_without_its_files(void **state)
{
    (void)state;
    static const struct locum_keymemory_found other = {.algorithm = 13,
                                                       .tag = 3,
                                                       .secure_entry = true,
                                                       .record = "257 3 13 AC==",
                                                       .private_half = "c"};
    hear_all("1 zone=get.example.org. 13/1/psr/1/1 13/2/psr/1/1");
    decide(true);
    publish_long_ago();
    decide(true);
    assert_int_equal(locum_keymemory_take_folder(memory, zone_name, &other, 1, 3600, now_s()), 0);
    decide(true);
    view_says(view_warned("keys", zone_name), "key 1 goes on signing");
    for (size_t i = 0; i < zone->count; i++) { /* key 3 may sign alone now */
        zone->keys[i].state.why_signs = LOCUM_KEYSTATE_FILE;
    }
    view_says(view_warned("keys", zone_name), "its DS is at the parent");
}

/* Let the zone have key 1 alone, without files, and be decided so long later. */
static const char *
warned_of_key_without_files(enum locum_keystate_why why, int64_t since_s)
{
    zone->count = 1;
    zone->keys[0].facts.has_record = zone->keys[0].facts.has_private = false;
    zone->keys[0].facts.last_wanted_s = now_s() - since_s;
    zone->keys[0].facts.last_signed_dnskey_s = zone->keys[0].facts.last_signed_rest_s =
        zone->keys[0].facts.last_signed_anywhere_s = now_s() - since_s;
    zone->decided_s = now_s();
    zone->keys[0].state = (struct locum_keystate){.published = true, .why_published = why};
    return view_warned("keys", zone_name);
}

static void
test_a_key_that_waits_for_servers_or_the_parent(void **state)
{
    (void)state;
    char *record = zone->keys[1].record;
    decide(false);
    assert_string_equal(warned_of_key_without_files(LOCUM_KEYSTATE_CACHED, 7199), "");
    view_says(warned_of_key_without_files(LOCUM_KEYSTATE_CACHED, 7200),
              "not all servers were heard since (not heard now: ");
    view_says(view_warned("keys", zone_name), "from `nodes`");
    zone->keys[0].facts.last_signed_anywhere_s = now_s(); /* as a server that is lost showed last */
    view_says(view_warned("keys", zone_name), "not all servers were heard since");
    hear_all("1 zone=get.example.org. 13/1/psr/1/1"); /* it signs with it */
    assert_string_equal(view_warned("keys", zone_name), "");
    zone->longest_ttl_s = 3601; /* its signatures are cached */
    assert_string_equal(warned_of_key_without_files(LOCUM_KEYSTATE_CACHED, 7200), "");
    assert_string_equal(warned_of_key_without_files(LOCUM_KEYSTATE_PARENT_UNKNOWN, 7199), "");
    for (size_t i = 0; i < memory->server_count; i++) {
        memory->servers[i].heard_s = 0;
    }
    view_says(warned_of_key_without_files(LOCUM_KEYSTATE_PARENT_UNKNOWN, 7200), "not heard now");
    view_says(view_warned("keys", zone_name), "can ask the parent for its DS");
    view_says(warned_of_key_without_files(LOCUM_KEYSTATE_LAST, 0), "Put its files back");
    free(record);
}

static void
test_cds_that_stays(void **state)
{
    (void)state;
    hear_all("1 zone=get.example.org. 13/1/psr/1/1 13/2/psr/1/1");
    decide(false);
    decide(false);
    hear_all("1 zone=get.example.org. 13/2/psr/1/1");
    decide(false);
    view_says(view_warned("keys", zone_name), "CDS stays as it was");
    config.zones[0].dnssec.withdraw = true;
    assert_string_equal(view_warned("keys", zone_name), "");
    config.zones[0].dnssec.withdraw = false;
    view.keys_too_long = true;
    view_says(view_warned("keys", zone_name), "does not fit into one message");
}

static void
test_a_difference_between_servers_is_shown_when_it_lasts(void **state)
{
    (void)state;
    const locum_node peer = config.core.self == 0 ? 1 : 0;
    const char *name = config.core.nodes[peer].name;
    nsec_differ_since[peer] = view.now.mono - LOCUM_KEYS_WARN_MS + 1;
    assert_string_equal(view_warned("nsec", name), "");
    nsec_differ_since[peer]--;
    view_says(view_warned("nsec", name), "has other NSEC records");
    nsec_differ_since[peer] = LOCUM_NEVER;
    lack_since[peer] = view.now.mono - LOCUM_KEYS_WARN_MS;
    view_says(view_warned("keys", name), "do not arrive whole");
}

static json_t *
shown(size_t i)
{
    json_t *all = locum_keys_json(&view);
    json_t *of = json_array_get(json_object_get(all, "zones"), 0);
    assert_string_equal(json_string_value(json_object_get(of, "zone")), zone_name);
    json_t *key = json_incref(json_array_get(json_object_get(of, "keys"), i));
    json_decref(all);
    return key;
}

static void
assert_next(size_t i, const char *part)
{
    json_t *key = shown(i);
    view_says(json_string_value(json_object_get(key, "next")), part);
    json_decref(key);
}

static void
test_what_happens_next(void **state)
{
    (void)state;
    decide(true);
    assert_next(0, "not published yet by ");
    hear_all("1 zone=get.example.org. 13/1/psr/1/1 13/2/psr/1/1");
    decide(true);
    assert_next(0, "it may sign alone from 20");
    publish_long_ago();
    decide(true);
    assert_next(0, "in use");
    assert_next(1, "of another server");
    json_t *key = shown(0);
    assert_string_equal(json_string_value(json_object_get(key, "files")), "both");
    assert_true(json_is_true(json_object_get(key, "ds")));
    assert_int_equal(json_array_size(json_object_get(key, "servers")), memory->server_count);
    json_decref(key);
    assert_int_equal(locum_keymemory_take_folder(memory, zone_name, NULL, 0, 3600, now_s()), 0);
    decide(true);
    assert_next(0, "its files are gone; it goes by itself: its DS is at the parent");
    hear_all("1 zone=get.example.org. 13/1/psrd/1/1");
    decide(false); /* the resolver of this node has not seen it */
    view_says(view_warned("keys", zone_name), "short time ago (reported by ");
    view_says(view_warned("keys", zone_name), "). Remove its DS");
    key = shown(0);
    assert_false(json_is_true(json_object_get(key, "ds")));
    const json_t *servers = json_object_get(key, "servers");
    for (size_t i = 0; i < memory->server_count; i++) {
        assert_int_equal(json_is_true(json_object_get(json_array_get(servers, i), "ds")),
                         i != memory->own);
    }
    json_decref(key);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup_keys, teardown_keys)
    const struct CMUnitTest tests[] = {
        TEST(test_nothing_is_wrong),
        TEST(test_keys_that_must_not_sign_alone_yet),
        TEST(test_a_key_that_goes_on_without_its_files),
        TEST(test_a_key_that_waits_for_servers_or_the_parent),
        TEST(test_cds_that_stays),
        TEST(test_a_difference_between_servers_is_shown_when_it_lasts),
        TEST(test_what_happens_next),
    };
    return cmocka_run_group_tests_name("report/keys", tests, NULL, NULL);
}
