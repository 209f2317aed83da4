/* GET /zone and POST /nsd: what the adapter reads, and what its reports cause. */
#include "fixture.h"

#include "daemon/inside.h"

static struct locum_control_reply
get_zone(const char *name, const char *wait, bool final)
{
    const struct locum_control_request request = {.name = name, .wait = wait, .final = final};
    return locum_daemon_handlers.zone(daemon_, &request);
}

static int
post(const char *body)
{
    json_t *json = json_loads(body, 0, NULL);
    const struct locum_control_request request = {.body = json, .final = true};
    const struct locum_control_reply reply = locum_daemon_handlers.nsd(daemon_, &request);
    json_decref(json);
    json_decref(reply.body);
    return reply.status;
}

/* status's "nsd"; the caller drops it. */
static json_t *
get_nsd(void)
{
    const struct locum_control_reply reply = locum_daemon_handlers.status(daemon_, &nothing);
    json_t *nsd = json_incref(json_object_get(reply.body, "nsd"));
    json_decref(reply.body);
    return nsd;
}

static bool
metrics_say(const char *line)
{
    const struct locum_control_reply reply = locum_daemon_handlers.metrics(daemon_, &nothing);
    const bool said = strstr(reply.text, line) != NULL;
    free(reply.text);
    return said;
}

static void
test_the_zone_is_answered_at_once_or_when_it_changes(void **state)
{
    char serial[16];
    (void)state;
    write_config("", "");
    start();
    (void)snprintf(serial, sizeof(serial), "%lld", (long long)get_serial());
    struct locum_control_reply reply = get_zone("Get.example.org", NULL, false);
    assert_int_equal(reply.status, 200);
    assert_int_equal(json_integer_value(json_object_get(reply.body, "serial")), get_serial());
    const char *zone = json_string_value(json_object_get(reply.body, "zone"));
    const char *open = json_string_value(json_object_get(reply.body, "fail_open"));
    assert_int_equal(strncmp(zone, "get.example.org.\t", 17), 0);
    assert_non_null(strstr(zone, serial));
    assert_non_null(strstr(open, host)); /* every server, in any state */
    assert_non_null(strstr(open, "\tA\t192.0.2.13"));
    json_decref(reply.body);
    assert_true(get_zone("get.example.org.", serial, false).later);
    reply = get_zone("get.example.org.", serial, true); /* its wait is over */
    assert_int_equal(reply.status, 200);
    json_decref(reply.body);
    reply = locum_daemon_handlers.reload(daemon_, &nothing); /* publishes with a new serial */
    json_decref(reply.body);
    reply = get_zone("get.example.org.", serial, false);
    assert_false(reply.later);
    json_decref(reply.body);
    reply = get_zone("example.org", NULL, false);
    assert_int_equal(reply.status, 404);
    json_decref(reply.body);
}

static bool
has_warning(void)
{
    const char *line = strstr(read_log(), "event=warning node=dc2 about=nsd");
    return line != NULL && strstr(line, "no room") != NULL;
}

/* What this node says of its own DNS. */
static bool
claims(const char *state)
{
    bool same = false;
    size_t i;
    json_t *node;
    json_t *status = get_status();
    json_array_foreach(json_object_get(status, "nodes"), i, node)
    {
        if (json_is_true(json_object_get(node, "self"))) {
            const json_t *dns = json_object_get(node, "dns");
            same = strcmp(json_string_value(json_object_get(dns, "state")), state) == 0;
        }
    }
    json_decref(status);
    return same;
}

static bool
claims_none(void)
{
    return claims("none");
}

static bool
claims_ok(void)
{
    return claims("ok");
}

static bool
is_degraded_besides(void)
{
    return daemon_->core.degraded_besides;
}

static bool
claims_closed(void)
{
    return claims("closed");
}

/* DNS-1: with NSD on port 53, what its adapter reports decides. */
static void
test_the_reports_decide_what_is_said_of_the_own_dns(void **state)
{
    (void)state;
    write_config("", "");
    start();
    assert_true(wait_until(claims_none)); /* listen.dns has another port */
    assert_int_equal(post("{\"zone\": \"get.example.org\", \"serial\": 7, \"state\": \"served\"}"),
                     200);
    assert_true(wait_until(claims_ok));
    assert_false(is_degraded_besides());
    assert_int_equal(post("{\"zone\": \"get.example.org\", \"serial\": null, \"state\": "
                          "\"failed\", \"error\": \"no room\"}"),
                     200);
    assert_true(wait_until(claims_closed));
    assert_true(wait_until(is_degraded_besides)); /* GREEN-5 */
}

static void
test_a_report_is_shown(void **state)
{
    (void)state;
    write_config("", "");
    start();
    json_t *nsd = get_nsd();
    assert_true(json_is_null(nsd));
    json_decref(nsd);
    assert_false(metrics_say("locum_nsd_served{"));
    assert_int_equal(post("{\"zone\": \"GET.example.org\", \"serial\": 7, \"lag_ms\": 12, "
                          "\"state\": \"served\", \"error\": null}"),
                     200);
    nsd = get_nsd();
    assert_int_equal(json_integer_value(json_object_get(nsd, "serial")), 7);
    assert_string_equal(json_string_value(json_object_get(nsd, "state")), "served");
    assert_true(json_is_null(json_object_get(nsd, "error")));
    assert_true(json_is_integer(json_object_get(nsd, "heard_ms")));
    json_decref(nsd);
    assert_true(metrics_say("\nlocum_nsd_served{zone=\"get.example.org.\"} 1\n"));
    assert_true(metrics_say("\nlocum_nsd_serial{zone=\"get.example.org.\"} 7\n"));
    assert_true(metrics_say("\nlocum_nsd_lag_seconds{zone=\"get.example.org.\"} 0.012\n"));
    assert_int_equal(post("{\"zone\": \"get.example.org\", \"serial\": null, \"lag_ms\": null, "
                          "\"state\": \"failed\", \"error\": \"no room\"}"),
                     200);
    assert_true(metrics_say("\nlocum_nsd_served{zone=\"get.example.org.\"} 0\n"));
    assert_false(metrics_say("\nlocum_nsd_serial{zone"));
    assert_true(wait_until(has_warning));
}

static json_t *
get_nsd_of(size_t zone)
{
    json_t *status = get_status();
    json_t *nsd =
        json_incref(json_object_get(json_array_get(json_object_get(status, "zones"), zone), "nsd"));
    json_decref(status);
    return nsd;
}

/* The file with another zone before the only one. */
static void
add_zone(void)
{
    char text[CONFIG_BYTES];
    char more[CONFIG_BYTES + 128];
    const int fd = open("locum.yaml", O_RDONLY | O_CLOEXEC);
    const ssize_t length = read(fd, text, sizeof(text) - 1);
    (void)close(fd);
    assert_true(length > 0);
    text[length] = '\0';
    const char *zones = strstr(text, "  - name: get.example.org\n");
    assert_non_null(zones);
    (void)snprintf(more, sizeof(more),
                   "%.*s  - name: cdn.example.org\n    ns: [dc2.example.org, dc3.example.org]\n%s",
                   (int)(zones - text), text, zones);
    write_file("locum.yaml", more);
}

/* A zone keeps its report, also at another index, and a new one has time to begin: nothing is
 * wrong, so nothing may say so. */
static void
test_a_reload_keeps_the_reports(void **state)
{
    (void)state;
    write_config("", "");
    start();
    daemon_->run.started_mono -= 2 * LOCUM_NSD_SILENT_MS; /* it has run for long */
    assert_int_equal(post("{\"zone\": \"get.example.org\", \"serial\": 7, \"state\": \"served\"}"),
                     200);
    add_zone();
    const struct locum_control_reply reply = locum_daemon_handlers.reload(daemon_, &nothing);
    assert_int_equal(reply.status, 200);
    json_decref(reply.body);
    json_t *nsd = get_nsd_of(1);
    assert_int_equal(json_integer_value(json_object_get(nsd, "serial")), 7);
    json_decref(nsd);
    nsd = get_nsd_of(0);
    assert_false(json_is_object(nsd));
    json_decref(nsd);
    assert_true(wait_until(claims_ok));
    assert_null(strstr(read_log(), "about=nsd"));
    daemon_->nsd.heard[0] -= 2 * LOCUM_NSD_SILENT_MS;
    assert_true(wait_until(claims_closed));
}

static void
test_the_serial_goes_above_the_one_that_nsd_serves(void **state)
{
    char body[128];
    (void)state;
    write_config("", "");
    start();
    const uint32_t serial = (uint32_t)get_serial();
    const uint32_t served[] = {serial, serial - 5, serial + 1000};
    const uint32_t expected[] = {serial, serial, serial + 1002};
    for (size_t i = 0; i < LOCUM_COUNT(served); i++) {
        (void)snprintf(body, sizeof(body),
                       "{\"zone\": \"get.example.org\", \"serial\": %u, \"state\": \"served\"}",
                       served[i]);
        assert_int_equal(post(body), 200);
        assert_int_equal(get_serial(), expected[i]);
    }
}

static void
test_a_bad_report_is_refused(void **state)
{
    static const struct {
        const char *body;
        int status;
    } cases[] = {
        {"{}", 400},
        {"{\"zone\": 1, \"serial\": 1, \"state\": \"served\"}", 400},
        {"{\"zone\": \"get.example.org\", \"state\": \"served\"}", 400},
        {"{\"zone\": \"get.example.org\", \"serial\": -1, \"state\": \"served\"}", 400},
        {"{\"zone\": \"get.example.org\", \"serial\": 4294967296, \"state\": \"served\"}", 400},
        {"{\"zone\": \"get.example.org\", \"serial\": 1, \"state\": []}", 400},
        {"{\"zone\": \"get.example.org\", \"serial\": 1, \"state\": \"x\", \"lag_ms\": -1}", 400},
        {"{\"zone\": \"get.example.org\", \"serial\": 1, \"state\": \"x\", \"error\": {}}", 400},
        {"{\"zone\": \"example.org\", \"serial\": 1, \"state\": \"served\"}", 404},
        {"{\"zone\": \"\", \"serial\": 1, \"state\": \"served\"}", 404},
    };
    (void)state;
    write_config("", "");
    start();
    for (size_t i = 0; i < LOCUM_COUNT(cases); i++) {
        assert_int_equal(post(cases[i].body), cases[i].status);
    }
    json_t *nsd = get_nsd();
    assert_true(json_is_null(nsd));
    json_decref(nsd);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_the_zone_is_answered_at_once_or_when_it_changes),
        TEST(test_the_reports_decide_what_is_said_of_the_own_dns),
        TEST(test_a_report_is_shown),
        TEST(test_the_serial_goes_above_the_one_that_nsd_serves),
        TEST(test_a_reload_keeps_the_reports),
        TEST(test_a_bad_report_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
