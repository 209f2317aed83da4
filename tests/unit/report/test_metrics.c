/* GET /metrics: each metric once, and its samples. */
#include "view.h"

#include <stdlib.h>

static char *metrics;

static void
scrape(void)
{
    free(metrics);
    metrics = locum_report_metrics(&view);
    assert_non_null(metrics);
}

/* Is there this line? A line ends where `line` does only if that ends in a newline. */
static bool
has(const char *line)
{
    char text[256];
    (void)snprintf(text, sizeof(text), "\n%s", line);
    return strstr(metrics, text) != NULL;
}

static void
assert_line(const char *line)
{
    if (!has(line)) {
        fail_msg("not in /metrics: %s", line);
    }
}

struct listed {
    const char *name, *type, *labels, *help;
};
static struct listed listed[128];
static size_t listed_count;

static void
list(void *user, const char *name, const char *type, const char *labels, const char *help)
{
    (void)user;
    listed[listed_count++] = (struct listed){name, type, labels, help};
}

static void
test_every_metric_has_type_and_help_once(void **state)
{
    (void)state;
    scrape();
    assert_true(listed_count > 40);
    for (size_t i = 0; i < listed_count; i++) {
        char head[512];
        (void)snprintf(head, sizeof(head), "# HELP %s %s\n# TYPE %s %s\n", listed[i].name,
                       listed[i].help, listed[i].name, listed[i].type);
        const char *at = strstr(metrics, head);
        assert_non_null(at);
        assert_null(strstr(at + 1, head));
    }
}

static void
test_states_have_one_sample_each(void **state)
{
    (void)state;
    scrape();
    assert_line("locum_peer_condition{peer=\"dc3\",condition=\"alive\"} 1\n");
    assert_line("locum_peer_condition{peer=\"ns0\",condition=\"down\"} 0\n");
    assert_false(has("locum_peer_condition{peer=\"dc2\""));
    assert_line("locum_peer_admin{peer=\"dc3\",state=\"ready\"} 1\n");
    assert_line("locum_peer_admin{peer=\"ns0\",state=\"drain\"} 0\n");
    assert_false(has("locum_peer_admin{peer=\"dc2\""));
    assert_true(has("locum_info{node=\"dc2\",version=\""));
    assert_line("locum_serving{kind=\"fail-open\"} 0\n");
    assert_line("locum_service{state=\"up\"} 1\n");
    assert_line("locum_admin{state=\"ready\"} 1\n");
    assert_line("locum_rank{node=\"dc3\"} 0\n");
    assert_false(has("locum_rank{node=\"ns0\"}"));
    assert_line("locum_family_lost{node=\"dc3\",family=\"ipv6\"} 0\n");
    assert_line("locum_family_lost{node=\"ns0\",family=\"ipv4\"} 0\n");
    assert_line("locum_quorum_needed_nodes 2\n");
    assert_line("locum_quorum_reachable_nodes 3\n");
    assert_line("locum_dns_answers_total{transport=\"tcp\",rcode=\"REFUSED\"} 0\n");
    assert_line("locum_events_total{event=\"duplicate-node\"} 0\n");
}

static void
test_a_degraded_service(void **state)
{
    (void)state;
    site.core.config.check_count = 1;
    site.core.config.checks[0].counts = true;
    step(&site,
         (struct locum_input){.kind = LOCUM_INPUT_SAMPLE, .sample = {0, LOCUM_SAMPLE_DEGRADED}});
    site.say[DC3].service = LOCUM_SERVICE_DEGRADED;
    hear(&site, DC3, LOCUM_PATH_UDP);
    commit(&site);
    scrape();
    assert_line("locum_service{state=\"degraded\"} 1\n");
    assert_line("locum_service{state=\"up\"} 0\n");
    assert_line("locum_rank{node=\"dc2\"} 3\n");
    assert_line("locum_rank{node=\"dc3\"} 3\n");
    assert_line("locum_degraded{about=\"service\"} 2\n");
}

/* The last known state of a peer stays while it is silent. */
static void
test_a_drained_peer(void **state)
{
    (void)state;
    site.say[DC3].admin = LOCUM_DRAIN;
    hear(&site, DC3, LOCUM_PATH_UDP);
    commit(&site);
    for (size_t i = 0; i < 2; i++) {
        scrape();
        assert_line("locum_peer_admin{peer=\"dc3\",state=\"drain\"} 1\n");
        assert_line("locum_peer_admin{peer=\"dc3\",state=\"ready\"} 0\n");
        pass_hearing(&site, 3000, locum_nodes_of(NS0));
    }
    assert_line("locum_peer_condition{peer=\"dc3\",condition=\"alive\"} 0\n");
}

static void
test_who_is_named_by_each_answer(void **state)
{
    (void)state;
    scrape();
    assert_line("locum_answer{name=\"get.example.org.\",type=\"A\",node=\"dc2\"} 1\n");
    assert_false(has("locum_answer{name=\"get.example.org.\",type=\"A\",node=\"dc3\"}"));
    site.core.plan.answers[0][LOCUM_V4].nodes = locum_nodes_of(DC2) | locum_nodes_of(DC3);
    site.core.plan.answers[0][LOCUM_V6].nodes = 0;
    scrape();
    assert_line("locum_answer{name=\"get.example.org.\",type=\"A\",node=\"dc3\"} 1\n");
    assert_false(has("locum_answer{name=\"get.example.org.\",type=\"AAAA\""));
}

/* However many names and nodes there are, the whole fits. */
static void
test_as_many_answers_as_there_can_be(void **state)
{
    static struct locum_config kept;
    (void)state;
    kept = config;
    site.core.config.node_count = LOCUM_NODES_MAX;
    site.core.config.name_count = LOCUM_NAMES_MAX;
    for (size_t i = 0; i < LOCUM_NODES_MAX; i++) {
        memset(site.core.config.nodes[i].name, 'n', LOCUM_NODE_NAME_MAX);
    }
    for (size_t i = 0; i < LOCUM_NAMES_MAX; i++) {
        memset(config.names[i].name, 'a', LOCUM_DOMAIN_MAX);
        site.core.plan.answers[i][LOCUM_V4].nodes = UINT32_MAX;
        site.core.plan.answers[i][LOCUM_V6].nodes = UINT32_MAX;
    }
    scrape();
    size_t count = 0;
    for (const char *at = metrics; (at = strstr(at, "\nlocum_answer{")) != NULL; at++) {
        count++;
    }
    assert_int_equal(count, LOCUM_NAMES_MAX * LOCUM_NODES_MAX * LOCUM_FAMILIES);
    config = kept;
}

/* Of a kind: as many as there are; not those of which the status stays OK. */
static void
test_warnings_are_counted_by_what_they_are_about(void **state)
{
    (void)state;
    site.core.view.peer[DC3].wall_offset = 6000;
    site.core.view.peer[NS0].wall_offset = -6000;
    scrape();
    assert_line("locum_warnings{about=\"clock\"} 2\n");
    assert_line("locum_warnings{about=\"signature\"} 0\n");
    assert_line("locum_warnings{about=\"unknown-instances\"} 0\n");
}

static void
test_what_has_not_happened_has_no_sample(void **state)
{
    (void)state;
    scrape();
    assert_false(has("locum_peer_heard_age_seconds{peer=\"dc3\",path=\"redis\"}"));
    assert_true(has("locum_peer_heard_age_seconds{peer=\"dc3\",path=\"udp\"} 0."));
    assert_false(has("locum_check_duration_seconds{"));
    assert_false(has("locum_check_probes_total{"));
    assert_false(has("locum_state_age_seconds "));
    assert_false(has("locum_nsd_served{"));
}

static void
test_milliseconds_are_printed_as_seconds(void **state)
{
    (void)state;
    wait_ms(61250 - 3000);
    site.core.view.peer[DC3].wall_offset = -7;
    view.state_written = view.now.mono;
    scrape();
    assert_line("locum_uptime_seconds 61.250\n");
    assert_line("locum_peer_clock_offset_seconds{peer=\"dc3\"} -0.007\n");
    assert_line("locum_state_age_seconds 0.000\n");
}

static void
test_values_of_labels_are_quoted(void **state)
{
    (void)state;
    view.checks[0] =
        (struct locum_health_outcomes){.counts = {[LOCUM_SAMPLE_FAIL] = 1795480858787}, .last = ""};
    site.core.config.check_count = 1;
    scrape();
    assert_line("locum_check_probes_total{check=\"http \\\"x\\\\y\\\"\\n\",outcome=\"fail\"} "
                "1795480858787\n");
    assert_line("locum_check_duration_seconds{check=\"http \\\"x\\\\y\\\"\\n\"} 0.000\n");
}

static void
test_certificates(void **state)
{
    static const struct locum_health_certificate certificates[] = {
        {.name = "get.example.org.", .expires_s = 1795480858},
        {.name = "dc2.example.org.", .why = "no name"},
        {.name = "new.example.org."},
    };
    (void)state;
    view.checks[0].certificates = certificates;
    view.checks[0].certificate_count = LOCUM_COUNT(certificates);
    memcpy(config.checks[0].name, "tls", 4);
    site.core.config.check_count = 1;
    scrape();
    assert_line("locum_certificate_expiry_timestamp_seconds{check=\"tls\",name="
                "\"get.example.org.\"} 1795480858.000\n"
                "# HELP locum_certificate_valid");
    assert_line("locum_certificate_valid{check=\"tls\",name=\"get.example.org.\"} 1\n"
                "locum_certificate_valid{check=\"tls\",name=\"dc2.example.org.\"} 0\n#");
}

static void
test_lag_is_a_histogram(void **state)
{
    static const locum_ms late[] = {0, 0, 1, 2, 30, 700, 5000};
    (void)state;
    for (size_t i = 0; i < LOCUM_COUNT(late); i++) {
        locum_report_note_lag(&run.lag, late[i]);
    }
    scrape();
    assert_line("locum_loop_lag_seconds_bucket{le=\"0.001\"} 3\n"
                "locum_loop_lag_seconds_bucket{le=\"0.005\"} 4\n"
                "locum_loop_lag_seconds_bucket{le=\"0.010\"} 4\n"
                "locum_loop_lag_seconds_bucket{le=\"0.025\"} 4\n"
                "locum_loop_lag_seconds_bucket{le=\"0.050\"} 5\n"
                "locum_loop_lag_seconds_bucket{le=\"0.100\"} 5\n"
                "locum_loop_lag_seconds_bucket{le=\"0.250\"} 5\n"
                "locum_loop_lag_seconds_bucket{le=\"0.500\"} 5\n"
                "locum_loop_lag_seconds_bucket{le=\"1.000\"} 6\n"
                "locum_loop_lag_seconds_bucket{le=\"+Inf\"} 7\n"
                "locum_loop_lag_seconds_sum 5.733\n"
                "locum_loop_lag_seconds_count 7\n");
    assert_line("locum_loop_lag_max_seconds 5.000\n");
}

/* A heartbeat that acknowledges nothing is received but not accepted. */
static void
test_heartbeats_are_counted_by_path(void **state)
{
    (void)state;
    const struct locum_path_facts before = site.core.view.peer[DC3].path[LOCUM_PATH_UDP];
    struct locum_input input = {.kind = LOCUM_INPUT_HEARTBEAT};
    char line[128];
    input.heartbeat.path = LOCUM_PATH_UDP;
    input.heartbeat.text =
        locum_slice_of("locum1 get dc3 1763863199009 1 125 up ready - 1000 a1b2c3d4 dc2=0,0,u");
    step(&site, input);
    run.bad_signatures[LOCUM_PATH_REDIS] = 3;
    scrape();
    (void)snprintf(line, sizeof(line),
                   "locum_peer_heartbeats_total{peer=\"dc3\",path=\"udp\"} %d\n",
                   (int)before.received + 1);
    assert_line(line);
    (void)snprintf(line, sizeof(line),
                   "locum_peer_heartbeats_accepted_total{peer=\"dc3\",path=\"udp\"} %d\n",
                   (int)before.accepted);
    assert_line(line);
    assert_line("locum_peer_heartbeats_total{peer=\"dc3\",path=\"redis\"} 0\n");
    assert_line("locum_heartbeats_refused_total{path=\"redis\"} 3\n");
    assert_line("locum_heartbeats_refused_total{path=\"udp\"} 0\n");
}

static void
test_reports_of_locum_nsd_are_shown_by_zone(void **state)
{
    (void)state;
    nsd.heard[0] = view.now.mono;
    nsd.report[0] =
        json_pack("{s:s, s:i, s:i, s:n}", "state", "served", "serial", 7, "lag_ms", 12, "error");
    scrape();
    assert_line("locum_nsd_served{zone=\"get.example.org.\"} 1\n");
    assert_line("locum_nsd_serial{zone=\"get.example.org.\"} 7\n");
    assert_line("locum_nsd_lag_seconds{zone=\"get.example.org.\"} 0.012\n");
    wait_ms(LOCUM_NSD_SILENT_MS + 1);
    scrape();
    assert_line("locum_nsd_served{zone=\"get.example.org.\"} 0\n");
    assert_line("locum_nsd_report_age_seconds{zone=\"get.example.org.\"} 10.001\n");
    json_decref(nsd.report[0]);
}

static int
end(void **state)
{
    (void)state;
    free(metrics);
    metrics = NULL;
    return 0;
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup_view, end)
    const struct CMUnitTest tests[] = {
        TEST(test_every_metric_has_type_and_help_once),
        TEST(test_states_have_one_sample_each),
        TEST(test_a_degraded_service),
        TEST(test_who_is_named_by_each_answer),
        TEST(test_as_many_answers_as_there_can_be),
        TEST(test_a_drained_peer),
        TEST(test_warnings_are_counted_by_what_they_are_about),
        TEST(test_what_has_not_happened_has_no_sample),
        TEST(test_milliseconds_are_printed_as_seconds),
        TEST(test_values_of_labels_are_quoted),
        TEST(test_certificates),
        TEST(test_lag_is_a_histogram),
        TEST(test_heartbeats_are_counted_by_path),
        TEST(test_reports_of_locum_nsd_are_shown_by_zone),
    };
    locum_report_metric_list(list, NULL);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
