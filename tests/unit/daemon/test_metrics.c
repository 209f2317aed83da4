/* GET /metrics: the table, the manual page that lists it, and what a daemon alone has to tell. */
#include "fixture.h"

#include "daemon/metrics.h"
#include "manual.h"

static char *metrics;

static void
metric_entry(size_t i, char *ret, size_t size)
{
    const struct locum_metric *metric = &locum_metrics[i];
    (void)snprintf(ret, size, "%s Pq %s%s%s", metric->name, locum_metric_type_text(metric->type),
                   metric->labels[0] != '\0' ? " by " : "", metric->labels);
}

/* Each metric of the table, and below it its sentence. */
static void
test_the_manual_lists_each(void **state)
{
    (void)state;
    assert_section("METRICS", locum_metric_count, metric_entry);
    for (size_t i = 0; i < locum_metric_count; i++) {
        char entry[256], text[512];
        metric_entry(i, entry, sizeof(entry));
        (void)snprintf(text, sizeof(text), ITEM "%s\n%s\n", entry, locum_metrics[i].help);
        if (strstr(manual, text) == NULL) {
            fail_msg("%s: the sentence of %s is not \"%s\"", MANUAL, locum_metrics[i].name,
                     locum_metrics[i].help);
        }
    }
}

static void
scrape(void)
{
    free(metrics);
    const struct locum_control_reply reply =
        locum_daemon_handlers.metrics(daemon_, &(struct locum_control_request){.final = true});
    assert_int_equal(reply.status, 200);
    metrics = reply.text;
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

static void
test_each_is_told_once_with_type_and_help(void **state)
{
    (void)state;
    write_config("", "");
    start();
    scrape();
    for (size_t i = 0; i < locum_metric_count; i++) {
        const struct locum_metric *metric = &locum_metrics[i];
        char head[512];
        (void)snprintf(head, sizeof(head), "# HELP %s %s\n# TYPE %s %s\n", metric->name,
                       metric->help, metric->name, locum_metric_type_text(metric->type));
        const char *at = strstr(metrics, head);
        assert_non_null(at);
        assert_null(strstr(at + 1, head));
    }
}

static void
test_a_daemon_alone(void **state)
{
    (void)state;
    write_config("", "");
    start();
    scrape();
    assert_line("locum_peer_condition{peer=\"dc3\",condition=\"unknown\"} 1\n");
    assert_line("locum_peer_condition{peer=\"ns0\",condition=\"alive\"} 0\n");
    assert_false(has("locum_peer_condition{peer=\"dc2\""));
    assert_line("locum_serving{kind=\"fail-open\"} ");
    assert_line("locum_service{state=\"unknown\"} 1\n");
    assert_line("locum_admin{state=\"ready\"} 1\n");
    assert_line("locum_rank{node=\"dc3\"} 3\n");
    assert_false(has("locum_rank{node=\"ns0\"}"));
    assert_line("locum_quorum_needed_nodes 2\n");
    assert_line("locum_redis_connected 0\n");
    assert_line("locum_dns_answers_total{transport=\"tcp\",rcode=\"REFUSED\"} 0\n");
    assert_line("locum_events_total{event=\"duplicate-node\"} 0\n");
    assert_false(has("locum_peer_heard_age_seconds{"));
    assert_false(has("locum_check_duration_seconds{"));
}

static bool
much_has_happened(void)
{
    scrape();
    return has("locum_check_probes_total{check=\"tcp 127.0.0.1:9\",outcome=\"refused\"} ") &&
           !has("locum_check_probes_total{check=\"tcp 127.0.0.1:9\",outcome=\"refused\"} 0\n") &&
           !has("locum_loop_lag_seconds_count 0\n") &&
           has("locum_service{state=\"failing\"} 1\n") && !has("locum_state_age_seconds{") &&
           has("locum_state_age_seconds ");
}

/* What changes when the loop turns. */
static void
test_what_has_happened_is_counted(void **state)
{
    (void)state;
    write_config("", "");
    start();
    scrape();
    assert_false(much_has_happened());
    assert_true(wait_until(much_has_happened));
    assert_line("locum_check_up{check=\"tcp 127.0.0.1:9\"} 0\n");
    assert_line("locum_check_duration_seconds{check=\"tcp 127.0.0.1:9\"} 0.");
    assert_line("locum_events_total{event=\"service\"} 1\n");
    assert_false(has("locum_heartbeats_sent_total 0\n"));
    assert_false(has("locum_loop_iterations_total 0\n"));
    assert_line("locum_loop_lag_seconds_bucket{le=\"+Inf\"} ");
}

/* A line of an unknown secret, and a heartbeat of dc3 that acknowledges nothing. */
static void
test_heartbeats_are_counted_by_path(void **state)
{
    (void)state;
    char buffer[LOCUM_HEARTBEAT_MAX];
    struct locum_text line = locum_text_init(buffer, sizeof(buffer));
    write_config("", "");
    start();
    locum_text_add(&line, "locum1 get dc3 7 1 125 up ready - 1000 a1b2c3d4 dc2=0,0,u");
    struct locum_input event = {.kind = LOCUM_INPUT_HEARTBEAT};
    event.heartbeat.path = LOCUM_PATH_UDP;
    event.heartbeat.text = locum_slice_of(buffer);
    locum_daemon_deliver(daemon_, &event);
    locum_daemon_deliver(daemon_, &event);
    daemon_->bad_lines[LOCUM_PATH_REDIS] = 3;
    scrape();
    assert_line("locum_peer_heartbeats_total{peer=\"dc3\",path=\"udp\"} 2\n");
    assert_line("locum_peer_heartbeats_accepted_total{peer=\"dc3\",path=\"udp\"} 0\n");
    assert_line("locum_peer_heartbeats_total{peer=\"dc3\",path=\"redis\"} 0\n");
    assert_line("locum_heartbeats_refused_total{path=\"redis\"} 3\n");
    assert_line("locum_heartbeats_refused_total{path=\"udp\"} 0\n");
}

static void
test_values(void **state)
{
    (void)state;
    char buffer[2048];
    struct locum_scrape one = {.text = locum_text_init(buffer, sizeof(buffer))};
    const struct locum_metric age = {"x_seconds", LOCUM_METRIC_GAUGE, "a b", "", NULL, 0};
    const struct locum_metric total = {"x_total", LOCUM_METRIC_COUNTER, "a b", "", NULL, 0};
    one.metric = &age;
    locum_scrape_add(&one, NULL, NULL, 0);
    locum_scrape_add(&one, "v", NULL, 61250);
    locum_scrape_add(&one, "v", "w", -7);
    one.metric = &total;
    locum_scrape_add(&one, "http \"x\\y\"\n", NULL, 1795480858787);
    assert_string_equal(buffer, "x_seconds 0.000\n"
                                "x_seconds{a=\"v\"} 61.250\n"
                                "x_seconds{a=\"v\",b=\"w\"} -0.007\n"
                                "x_total{a=\"http \\\"x\\\\y\\\"\\n\"} 1795480858787\n");
}

static void
test_lag(void **state)
{
    (void)state;
    char buffer[2048];
    struct locum_scrape one = {.text = locum_text_init(buffer, sizeof(buffer))};
    const struct locum_metric metric = {"lag_seconds", LOCUM_METRIC_HISTOGRAM, "", "", NULL, 0};
    struct locum_lag lag = {0};
    static const locum_ms late[] = {-3, 0, 1, 2, 30, 700, 5000};
    for (size_t i = 0; i < LOCUM_COUNT(late); i++) {
        locum_lag_note(&lag, late[i]);
    }
    one.metric = &metric;
    locum_scrape_add_lag(&one, &lag);
    assert_int_equal(lag.max_ms, 5000);
    assert_string_equal(buffer, "lag_seconds_bucket{le=\"0.001\"} 3\n"
                                "lag_seconds_bucket{le=\"0.005\"} 4\n"
                                "lag_seconds_bucket{le=\"0.010\"} 4\n"
                                "lag_seconds_bucket{le=\"0.025\"} 4\n"
                                "lag_seconds_bucket{le=\"0.050\"} 5\n"
                                "lag_seconds_bucket{le=\"0.100\"} 5\n"
                                "lag_seconds_bucket{le=\"0.250\"} 5\n"
                                "lag_seconds_bucket{le=\"0.500\"} 5\n"
                                "lag_seconds_bucket{le=\"1.000\"} 6\n"
                                "lag_seconds_bucket{le=\"+Inf\"} 7\n"
                                "lag_seconds_sum 5.733\n"
                                "lag_seconds_count 7\n");
}

static int
end(void **state)
{
    free(metrics);
    metrics = NULL;
    return teardown(state);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, end)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_manual_lists_each),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_lag),
        TEST(test_each_is_told_once_with_type_and_help),
        TEST(test_a_daemon_alone),
        TEST(test_what_has_happened_is_counted),
        TEST(test_heartbeats_are_counted_by_path),
    };
    return cmocka_run_group_tests(tests, read_manual, NULL);
}
