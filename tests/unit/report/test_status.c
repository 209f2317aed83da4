/* Parts of GET /status that depend on facts which a whole daemon does not easily have. */
#include "view.h"

/* What the status says of the only check. */
static const char *
last_of_check(void)
{
    static char text[LOCUM_CHECK_SAID_MAX];
    json_t *status = locum_report_status(&view);
    const json_t *check = json_array_get(json_object_get(status, "checks"), 0);
    (void)snprintf(text, sizeof(text), "%s", json_string_value(json_object_get(check, "last")));
    json_decref(status);
    return text;
}

static void
test_the_mirrorbits_check_shows_what_it_judges_by(void **state)
{
    (void)state;
    struct locum_view *facts = &site.core.view;
    site.core.config.check_count = 1;
    config.checks[0].kind = LOCUM_CHECK_MIRRORBITS;
    assert_non_null(strstr(last_of_check(), "never announced itself"));
    assert_non_null(strstr(last_of_check(), "previous result kept"));
    facts->peer[DC2].mirrorbits = view.now.mono - 250;
    assert_string_equal(last_of_check(), "announced itself 250 ms ago");
    /* Silent for too long, with Redis connected all the time: the check fails. */
    facts->peer[DC2].mirrorbits = view.now.mono - LOCUM_MIRRORBITS_FORGET_MS;
    facts->subscribed = true;
    facts->own_return = view.now.mono;
    facts->own_return_since = view.now.mono - 2 * LOCUM_MIRRORBITS_FORGET_MS;
    assert_null(strstr(last_of_check(), "previous result kept"));
    assert_string_equal(last_of_check(), "announced itself 5.0 s ago");
}

/* Of this node also what the checks of its file say. */
static void
test_the_state_of_mirrorbits(void **state)
{
    (void)state;
    struct locum_view *facts = &site.core.view;
    struct locum_check_state *checks = site.core.service.check;
    assert_string_equal(locum_report_mirrorbits(&view, DC3), "unseen");
    facts->peer[DC2].mirrorbits = facts->peer[DC3].mirrorbits = view.now.mono;
    assert_string_equal(locum_report_mirrorbits(&view, DC3), "ok");
    facts->peer[DC3].mirrorbits = view.now.mono - LOCUM_MIRRORBITS_FORGET_MS;
    assert_string_equal(locum_report_mirrorbits(&view, DC3), "unseen"); /* nor is Redis */
    facts->subscribed = true;
    facts->own_return = view.now.mono;
    facts->own_return_since = view.now.mono - 2 * LOCUM_MIRRORBITS_FORGET_MS;
    assert_string_equal(locum_report_mirrorbits(&view, DC3), "hung");
    config.mirrorbits.file_check = 1;
    config.mirrorbits.database_check = 2;
    config.checks[1].timeout_ms = 500;
    checks[1].verdict = checks[2].verdict = LOCUM_UP;
    assert_string_equal(locum_report_mirrorbits(&view, DC2), "ok");
    checks[1].verdict = LOCUM_SERVICE_DEGRADED;
    assert_string_equal(locum_report_mirrorbits(&view, DC2), "fallback-only");
    checks[2].verdict = LOCUM_SERVICE_DEGRADED;
    assert_string_equal(locum_report_mirrorbits(&view, DC2), "no-database");
    /* Silent while Redis works: its database is lost if it says so, and it hangs if it does not. */
    config.checks[2].timeout_ms = 500;
    facts->peer[DC2].mirrorbits = view.now.mono - LOCUM_MIRRORBITS_FORGET_MS;
    view.checks[2].last_ms = 500;
    assert_string_equal(locum_report_mirrorbits(&view, DC2), "hung");
    view.checks[2].last_ms = 3;
    assert_string_equal(locum_report_mirrorbits(&view, DC2), "no-database");
    checks[2].verdict = LOCUM_UP;
    assert_string_equal(locum_report_mirrorbits(&view, DC2), "hung");
    checks[1].verdict = LOCUM_FAILING;
    view.checks[1].last_ms = 3;
    assert_string_equal(locum_report_mirrorbits(&view, DC2), "failing");
    view.checks[1].last_ms = 500;
    assert_string_equal(locum_report_mirrorbits(&view, DC2), "hung");
    assert_string_equal(locum_report_mirrorbits(&view, DC3), "hung");
    config.mirrorbits.file_check = config.mirrorbits.database_check = 0;
}

/* GREEN-14: it does not hang, as far as this node knows: its name or its database may be wrong. */
static void
test_a_mirrorbits_that_was_never_heard(void **state)
{
    (void)state;
    struct locum_view *facts = &site.core.view;
    site.core.config.check_count = 1;
    site.core.config.checks[0].mirrorbits = true;
    facts->subscribed = true;
    facts->own_return = view.now.mono;
    facts->own_return_since = view.now.mono - 2 * LOCUM_MIRRORBITS_FORGET_MS;
    assert_string_equal(locum_report_mirrorbits(&view, DC2), "unseen");
    assert_true(is_degraded(
        "the Mirrorbits of dc2 has never announced itself, although Redis works: it is not "
        "running, or hangs, or it announces another host name than nodes.dc2.mirrorbits, or "
        "another database than redis.db; see its log, its host name and its RedisDB"));
    facts->peer[DC2].mirrorbits = view.now.mono - LOCUM_MIRRORBITS_FORGET_MS;
    assert_string_equal(locum_report_mirrorbits(&view, DC2), "hung");
    assert_true(is_degraded(
        "the Mirrorbits of dc2 does not announce itself, although Redis works: it hangs or is not "
        "running; see its log and locum-unstick(8). If it was removed for good, remove the check "
        "mirrorbits from locum.yaml and run `locum reload`"));
}

static void
assert_nsd(const char *key, const char *expected)
{
    json_t *report = locum_report_nsd(&view);
    const json_t *value = json_object_get(report, key);
    assert_true(json_is_string(value));
    if (expected != NULL) {
        assert_string_equal(json_string_value(value), expected);
    }
    json_decref(report);
}

static void
test_an_adapter_that_does_not_report_is_an_error(void **state)
{
    (void)state;
    nsd.heard[0] = view.now.mono;
    nsd.report[0] = json_pack("{s:s, s:n}", "state", "served", "error");
    assert_nsd("state", "served");
    wait_ms(LOCUM_NSD_SILENT_MS);
    assert_nsd("state", "served");
    wait_ms(1);
    assert_nsd("state", "silent");
    assert_nsd("error", NULL);
    json_decref(nsd.report[0]);
}

static void
test_of_several_zones_one_with_an_error_is_shown(void **state)
{
    (void)state;
    config.zone_count = 3;
    for (size_t zone = 0; zone < 3; zone++) {
        nsd.heard[zone] = view.now.mono;
        nsd.report[zone] = json_pack("{s:s, s:n}", "state", "served", "error");
    }
    (void)json_object_set_new(nsd.report[1], "error", json_string("no room"));
    assert_nsd("error", "no room");
    for (size_t zone = 0; zone < 3; zone++) {
        json_decref(nsd.report[zone]);
    }
}

/* Each family has its own facts; a node without an address of one has null. */
static void
test_families_are_shown_apart(void **state)
{
    (void)state;
    site.core.config.nodes[NS0].has[LOCUM_V6] = false;
    site.core.families.at[DC3][LOCUM_V6] = (struct locum_family_state){.lost = true};
    site.core.families.unheard[LOCUM_V6] = 1u << DC3;
    (void)locum_core_replan(&site.core);
    json_t *status = locum_report_status(&view);
    const json_t *nodes = json_object_get(status, "nodes");
    const json_t *dc3 = json_object_get(json_array_get(nodes, DC3), "families");
    const json_t *ns0 = json_object_get(json_array_get(nodes, NS0), "families");
    const json_t *v4 = json_object_get(dc3, "ipv4");
    const json_t *v6 = json_object_get(dc3, "ipv6");
    assert_true(json_is_false(json_object_get(v4, "lost")));
    assert_string_equal(json_string_value(json_object_get(v4, "rank")), "A");
    assert_true(json_is_integer(json_object_get(v4, "heard_ms")));
    assert_int_equal(json_array_size(json_object_get(v4, "votes")), 0);
    assert_true(json_is_true(json_object_get(v4, "votable")));
    assert_true(json_is_true(json_object_get(v6, "lost")));
    assert_string_equal(json_string_value(json_object_get(v6, "rank")), "F");
    assert_true(json_is_null(json_object_get(v6, "heard_ms")));
    assert_string_equal(json_string_value(json_array_get(json_object_get(v6, "votes"), 0)), "dc2");
    assert_true(json_is_false(json_object_get(v6, "votable")));
    assert_true(json_is_object(json_object_get(ns0, "ipv4")));
    assert_true(json_is_null(json_object_get(ns0, "ipv6")));
    assert_string_equal(json_string_value(json_object_get(json_array_get(nodes, DC3), "rank")),
                        "A");
    json_decref(status);
}

static void
test_explain_shows_the_last_service_of_a_silent_peer_as_past(void **state)
{
    (void)state;
    site.core.detector.peer[DC3].condition = LOCUM_SUSPECT;
    json_t *explain = locum_report_explain(&view, 0, &site.core, NULL);
    char *text = json_dumps(explain, 0);
    assert_non_null(strstr(text, "dc2: rank A (this node), service up,"));
    assert_non_null(strstr(text, "condition suspect, service was up,"));
    assert_non_null(strstr(text, "; silent to other nodes: none (quorum"));
    free(text);
    json_decref(explain);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_the_state_of_mirrorbits, setup_view),
        cmocka_unit_test_setup(test_a_mirrorbits_that_was_never_heard, setup_view),
        cmocka_unit_test_setup(test_the_mirrorbits_check_shows_what_it_judges_by, setup_view),
        cmocka_unit_test_setup(test_an_adapter_that_does_not_report_is_an_error, setup_view),
        cmocka_unit_test_setup(test_of_several_zones_one_with_an_error_is_shown, setup_view),
        cmocka_unit_test_setup(test_families_are_shown_apart, setup_view),
        cmocka_unit_test_setup(test_explain_shows_the_last_service_of_a_silent_peer_as_past,
                               setup_view),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
