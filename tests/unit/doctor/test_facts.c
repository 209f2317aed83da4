/* What facts are made from: the checks, the daemon's status; and how they are printed.
 */
#include "fixture.h"

#include <stdio.h>
#include <unistd.h>

#include <jansson.h>

#include "doctor/nodes.h"
#include "doctor/web.h"

static void
add_check(struct site *site, const char *url)
{
    struct locum_config_check *check = &site->config.checks[site->config.core.check_count++];
    check->kind = LOCUM_CHECK_HTTP;
    strcpy(check->http.url, url);
}

static void
test_urls_come_from_the_checks(void **state)
{
    (void)state;
    struct locum_doctor_target found[LOCUM_DOCTOR_TARGETS_MAX];
    struct site *site = site_new();
    struct locum_config *config = &site->config;
    assert_int_equal(locum_doctor_web_targets(config, NULL, found), 1);
    assert_string_equal(found[0].url, "http://NAME/");
    assert_int_equal(locum_doctor_web_targets(config, "none", found), 0);
    assert_int_equal(locum_doctor_web_targets(config, "https://NAME:8443/x", found), 1);
    assert_string_equal(found[0].url, "https://NAME:8443/x");
    add_check(site, "http://127.0.0.1:8080/internal");
    assert_int_equal(locum_doctor_web_targets(config, NULL, found), 1);
    assert_string_equal(found[0].url, "http://NAME/");
    add_check(site, "http://127.0.0.1/");
    add_check(site, "https://[::1]/x?y=1");
    add_check(site, "http://dc2.example.org:80/");
    add_check(site, "https://192.0.2.12:8443/z");
    assert_int_equal(locum_doctor_web_targets(config, NULL, found), 3);
    assert_string_equal(found[0].url, "http://NAME/");
    assert_string_equal(found[1].url, "https://NAME/x?y=1");
    assert_string_equal(found[2].url, "https://NAME:8443/z");
    assert_true(found[2].check == &config->checks[4]);
    free(site);
}

static void
test_a_mirrorbits_file_is_asked_with_head(void **state)
{
    (void)state;
    struct locum_doctor_target found[LOCUM_DOCTOR_TARGETS_MAX];
    struct site *site = site_new();
    struct locum_config *config = &site->config;
    config->checks[0].kind = LOCUM_CHECK_MIRRORBITS;
    strcpy(config->checks[0].mirrorbits_file, "/pool/vlc.exe");
    config->core.check_count = 1;
    add_check(site, "http://192.0.2.12:8080/pool/vlc.exe"); /* as config/ makes them of it */
    add_check(site, "http://192.0.2.12:8080/?mirrorlist");
    config->mirrorbits.file_check = 1;
    config->mirrorbits.database_check = 2;
    assert_int_equal(locum_doctor_web_targets(config, NULL, found), 1);
    assert_string_equal(found[0].url, "http://NAME/pool/vlc.exe");
    assert_true(found[0].head);
    free(site);
}

#define STATUS                                                                                     \
    "{\"nodes\": [{\"name\": \"dc2\", \"self\": true, \"condition\": \"alive\", \"digest\": "      \
    "\"5beaaee0\", \"heard_ms\": {\"udp\": null, \"redis\": null}},"                               \
    "{\"name\": \"dc3\", \"self\": false, \"condition\": \"down\", \"digest\": \"\\u001b[2J\","    \
    "\"heard_ms\": {\"udp\": 70, \"redis\": \"x\"}}, {\"name\": \"other\"}, 7],"                   \
    "\"sentinels\": [{\"node\": \"dc3\", \"connected\": false}, {\"node\": null}],"                \
    "\"redis\": {\"connected\": false}}"

static void
test_the_status_is_read(void **state)
{
    (void)state;
    struct bench *bench = bench_new();
    struct locum_doctor_facts *facts = &bench->facts;
    memset(facts->nodes, 0, sizeof(facts->nodes));
    assert_true(locum_doctor_nodes_read(
        locum_slice_of(STATUS),
        locum_slice_of("# HELP x\nlocum_peer_clock_offset_seconds{peer=\"dc3\"} -8.25\n"),
        facts->config, facts));
    assert_true(facts->redis_lost && facts->nodes[0].self && facts->nodes[1].sentinel_lost);
    assert_int_equal(facts->nodes[1].udp_ms, 70);
    assert_int_equal(facts->nodes[1].redis_ms, -1);
    assert_string_equal(facts->nodes[1].condition, "down");
    assert_string_equal(facts->nodes[1].digest, "\\x1b[2J");
    assert_true(facts->nodes[1].clock_known && !facts->nodes[0].clock_known);
    assert_true(facts->nodes[1].clock_s < -8.2 && facts->nodes[1].clock_s > -8.3);
    assert_false(facts->nodes[2].listed);
    assert_false(
        locum_doctor_nodes_read(locum_slice_of("[]"), locum_slice_of(""), facts->config, facts));
    bench_free(bench);
}

static void
test_findings_as_text_and_json(void **state)
{
    (void)state;
    struct bench *bench = bench_new();
    struct locum_doctor_reply *referral = &bench->facts.zones[0].parents[0].referral;
    char *text = NULL, *json_text = NULL;
    size_t length = 0;
    referral->record[1] = referral->record[3]; /* without the second NS */
    referral->record_count = 3;
    bench->facts.daemon = false;
    locum_doctor_judge(&bench->facts, &bench->found);
    bench->found.at[0].more = 2;
    FILE *out = open_memstream(&text, &length);
    locum_doctor_print(&bench->facts, &bench->found, out);
    assert_int_equal(fclose(out), 0);
    assert_non_null(strstr(text,
                           "parent-ns-missing: the parent's server ns0.example.org. (192.0.2.10) "
                           "does not list ns3.get.example.org. for get.example.org. (and 2 "
                           "more times)\n  why: "));
    assert_non_null(strstr(text, "\nnot examined: paths between the nodes"));
    assert_non_null(strstr(text, "get.example.org.: 2 address(es) of name servers, 2 round trips"));
    assert_non_null(
        strstr(text, "1 finding(s), 1 request(s) to web servers, 1 thing(s) not examined"));
    out = open_memstream(&json_text, &length);
    assert_int_equal(locum_doctor_print_json(&bench->facts, &bench->found, out), 0);
    assert_int_equal(fclose(out), 0);
    json_t *json = json_loads(json_text, 0, NULL);
    const json_t *finding = json_array_get(json_object_get(json, "findings"), 0);
    assert_string_equal(json_string_value(json_object_get(finding, "id")), "parent-ns-missing");
    assert_string_equal(json_string_value(json_object_get(finding, "subject")),
                        "ns3.get.example.org.");
    assert_int_equal(json_integer_value(json_object_get(finding, "more")), 2);
    assert_int_equal(json_array_size(json_object_get(json, "not_examined")), 1);
    const json_t *zone = json_array_get(json_object_get(json, "zones"), 0);
    assert_int_equal(json_integer_value(json_object_get(zone, "round_trips")), 2);
    json_decref(json);
    free(text);
    free(json_text);
    bench_free(bench);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_urls_come_from_the_checks),
        cmocka_unit_test(test_a_mirrorbits_file_is_asked_with_head),
        cmocka_unit_test(test_the_status_is_read),
        cmocka_unit_test(test_findings_as_text_and_json),
    };
    return cmocka_run_group_tests_name("doctor/facts", tests, NULL, NULL);
}
