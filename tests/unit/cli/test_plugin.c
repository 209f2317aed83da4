/* `status --check`: one line and the exit code that Nagios and Icinga expect. */
#include "fixture.h"

#include "cli/plugin.h"

#define STATUS(degraded, warnings, counted, summary, admin)                                        \
    OK "{\"cluster\": \"get\", \"node\": \"dc2\", \"serving\": \"self\", \"uptime_ms\": 61999, "   \
       "\"quorum\": {\"needed\": 2, \"reachable\": 3}, \"dns\": {\"queries\": 42}, "               \
       "\"nodes\": [{\"name\": \"dc2\", \"admin\": {\"state\": \"ready\"}}, "                      \
       "{\"name\": \"dc3\", \"admin\": {" admin "}}], \"degraded\": [" degraded                    \
       "], \"warnings\": [" warnings "], \"counted_warnings\": " counted                           \
       ", \"summary\": \"" summary "\"}"
#define READY "\"state\": \"ready\""

/* The same for every answer: exactly one line, nothing on standard error. */
static void
assert_check(struct site *site, const char *answer, int code, const char *line)
{
    assert_int_equal(RUN(site, answer, "status", "--check"), code);
    assert_string_equal(site->out, line);
    assert_string_equal(site->err, "");
}

static void
test_ok(void **state)
{
    struct site *site = *state;
    assert_check(site, STATUS("", "", "0", "OK", READY), LOCUM_PLUGIN_OK,
                 "LOCUM OK: node dc2 of cluster get: serving self | degraded=0 warnings=0 votes=3 "
                 "queries=42c uptime=61s\n");
    assert_has(site->asked, "GET /status HTTP/1.1\r\n");
}

/* What an operator wants is shown. That the rest is not redundant then, too. */
static void
test_a_drain_or_maint_is_no_failure(void **state)
{
    struct site *site = *state;
    assert_check(
        site,
        STATUS("", "", "0", "OK, not redundant: without dc2 some names have no healthy answer",
               "\"state\": \"maint\", \"left_ms\": 90000, \"reason\": \"a|b\""),
        LOCUM_PLUGIN_OK,
        "LOCUM OK: node dc2 of cluster get: serving self; OK, not redundant: without dc2 some "
        "names have no healthy answer; dc3: maint for another 1 min 30 s, reason: a/b | degraded=0 "
        "warnings=0 votes=3 queries=42c uptime=61s\n");
    assert_check(site, STATUS("", "", "0", "OK", "\"state\": \"drain\""), LOCUM_PLUGIN_OK,
                 "LOCUM OK: node dc2 of cluster get: serving self; dc3: drain | degraded=0 "
                 "warnings=0 votes=3 queries=42c uptime=61s\n");
}

/* A warning of which the status stays OK is none here either. */
static void
test_warning(void **state)
{
    struct site *site = *state;
    assert_check(
        site, STATUS("", "\"the clock of dc3 | differs\", \"b\"", "2", "OK, with warnings", READY),
        LOCUM_PLUGIN_WARNING,
        "LOCUM WARNING: node dc2 of cluster get: serving self; the clock of dc3 / "
        "differs; b | degraded=0 warnings=2 votes=3 queries=42c uptime=61s\n");
    assert_check(site, STATUS("", "\"an unknown sender\"", "0", "OK", READY), LOCUM_PLUGIN_OK,
                 "LOCUM OK: node dc2 of cluster get: serving self | degraded=0 warnings=0 votes=3 "
                 "queries=42c uptime=61s\n");
    assert_check(site, STATUS("", "\"a\"", "1", "OK, not redundant: without dc2", READY),
                 LOCUM_PLUGIN_WARNING,
                 "LOCUM WARNING: node dc2 of cluster get: serving self; a | degraded=0 warnings=1 "
                 "votes=3 queries=42c uptime=61s\n");
}

static void
test_critical(void **state)
{
    struct site *site = *state;
    assert_check(
        site,
        STATUS("{\"text\": \"dc3 is down\"}, {\"text\": \"Redis\\nis not connected\"}", "\"a\"",
               "1", "degraded", READY),
        LOCUM_PLUGIN_CRITICAL,
        "LOCUM CRITICAL: node dc2 of cluster get: degraded, serving self; dc3 is down; "
        "Redis\\x0ais not connected | degraded=2 warnings=1 votes=3 queries=42c uptime=61s\n");
}

/* NRPE passes a bounded line on: the end, with the performance data, must not be cut off. */
static void
test_many_are_counted(void **state)
{
    struct site *site = *state;
    char answer[8192];
    size_t length = (size_t)snprintf(answer, sizeof(answer), OK "{\"degraded\": [");
    for (int i = 0; i < 100; i++) {
        length += (size_t)snprintf(answer + length, sizeof(answer) - length,
                                   "{\"text\": \"number %d of many\"}, ", i);
    }
    (void)snprintf(answer + length, sizeof(answer) - length,
                   "{\"text\": \"last\"}], \"counted_warnings\": 0}");
    assert_int_equal(RUN(site, answer, "status", "--check"), LOCUM_PLUGIN_CRITICAL);
    assert_has(site->out, "; number 0 of many; number 1 of many; ");
    assert_has(site->out, " more | degraded=101 ");
    assert_true(strlen(site->out) < 1000);
    unsigned more = 0;
    unsigned shown = 0;
    assert_int_equal(sscanf(strstr(site->out, "; and "), "; and %u more", &more), 1);
    for (const char *at = site->out; (at = strstr(at, "; number ")) != NULL; at++) {
        shown++;
    }
    assert_int_equal(shown + more, 101);
}

static void
test_a_daemon_that_does_not_answer_is_critical(void **state)
{
    struct site *site = *state;
    assert_int_equal(RUN(site, "", "status", "--check"), LOCUM_PLUGIN_CRITICAL);
    (void)close(site->listener);
    site->listener = -1;
    assert_int_equal(RUN_ALONE(site, "status", "--check"), LOCUM_PLUGIN_CRITICAL);
    assert_has(site->out, "LOCUM CRITICAL: locum: cannot reach the daemon at ");
    assert_has(site->out, "(Connection refused)");
    assert_string_equal(strchr(site->out, '\n'), "\n");
    assert_string_equal(site->err, "");
    remove_in(site, "sock");
    assert_int_equal(RUN_ALONE(site, "status", "--check"), LOCUM_PLUGIN_CRITICAL);
}

/* Who may not ask, or cannot read the answer, does not know. */
static void
test_unknown(void **state)
{
    struct site *site = *state;
    const uid_t user = geteuid();
    assert_check(site, OK "{}", LOCUM_PLUGIN_UNKNOWN,
                 "LOCUM UNKNOWN: node - of cluster -: the daemon does not report its state; is it "
                 "an older version?\n");
    assert_check(site, OK "{\"degraded\": [], \"summary\": \"OK\"}", LOCUM_PLUGIN_UNKNOWN,
                 "LOCUM UNKNOWN: node - of cluster -: the daemon does not report its state; is it "
                 "an older version?\n");
    assert_check(site, CONFLICT "{\"errors\": [\"a\", \"b|c\"]}", LOCUM_PLUGIN_UNKNOWN,
                 "LOCUM UNKNOWN: a; b/c\n");
    assert_int_equal(chmod(site->socket, 0), 0);
    assert_int_equal(chmod(site->folder, 0777), 0);
    if (user == 0) {
        for (size_t i = 0; i < 3; i++) {
            remove_in(site, (const char *const[]){"out", "err", "asked"}[i]);
        }
        assert_int_equal(setresuid(65534, 65534, 0), 0); /* access(2) asks for the real user */
    }
    const int result = RUN_ALONE(site, "status", "--check");
    assert_int_equal(setresuid(user, user, user), 0);
    assert_int_equal(result, LOCUM_PLUGIN_UNKNOWN);
    assert_has(site->out, "LOCUM UNKNOWN: locum: cannot reach the daemon at ");
    assert_has(site->out, "(Permission denied)");
}

/* A monitor must not read wrong usage as CRITICAL. */
static void
test_wrong_usage_is_unknown(void **state)
{
    static const char *const cases[][4] = {
        {"status", "--check", "--json"},  {"status", "--watch", "--check"},
        {"status", "--jsn", "--check"},   {"status", "--check", "x"},
        {"status", "--check", "--check"}, {"status", "--check=1", "--check"}};
    struct site *site = *state;
    for (size_t i = 0; i < LOCUM_COUNT(cases); i++) {
        assert_int_equal(run_with(site, NULL, cases[i]), LOCUM_PLUGIN_UNKNOWN);
        assert_true(strlen(site->err) > 0);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_ok),
        TEST(test_a_drain_or_maint_is_no_failure),
        TEST(test_warning),
        TEST(test_critical),
        TEST(test_many_are_counted),
        TEST(test_a_daemon_that_does_not_answer_is_critical),
        TEST(test_unknown),
        TEST(test_wrong_usage_is_unknown),
    };
    (void)signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
