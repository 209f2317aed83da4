/* watch: the commands that run until they are interrupted, and `events`. */
#include "fixture.h"

static const char refused[] = "HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\n\r\n";

#define EVENT(id, time, name)                                                                      \
    "{\"id\": " #id ", \"time\": \"" time "\", \"fields\": {\"event\": \"" name "\"}}"
#define EVENTS(list, more) OK "{\"events\": [" list "], " more "}"

/* More than one answer holds: asked for until there are no more. */
static void
test_events(void **state)
{
    struct site *site = *state;
    const char *const answers[] = {
        OK "{\"events\": [{\"id\": 5, \"time\": \"T\", \"fields\": "
           "{\"event\": \"stall\", \"late-ms\": 600}}], \"next\": 5, \"more\": true}",
        EVENTS(EVENT(6, "U", "b"), "\"next\": 6, \"more\": false"),
        NULL,
    };
    assert_int_equal(run_with(site, answers, (const char *const[]){"events", NULL}), LOCUM_EXIT_OK);
    assert_has(site->asked, "GET /events?after=0&wait=0 HTTP/1.1\r\n");
    assert_has(site->asked, "GET /events?after=5&wait=0 HTTP/1.1\r\n");
    assert_string_equal(site->out, "T stall late-ms=600\nU b\n");
}

/* It goes on where it was, and ends when the daemon refuses. */
static void
test_events_follow(void **state)
{
    struct site *site = *state;
    const char *const answers[] = {
        EVENTS(EVENT(5, "T", "a"), "\"next\": 5"),
        EVENTS("", "\"next\": 5"),
        EVENTS(EVENT(6, "U", "b"), "\"next\": 6"),
        refused,
        NULL,
    };
    assert_int_equal(run_with(site, answers, (const char *const[]){"events", "--follow", NULL}),
                     LOCUM_EXIT_NOT_FINE);
    assert_string_equal(site->out, "T a\nU b\n");
    assert_string_equal(site->err, "locum: the daemon refused the request without a reason (HTTP "
                                   "status 503); see journalctl -u locum\n");
    assert_has(site->asked, "after=0&wait=0 ");
    assert_has(site->asked, "after=5&wait=3000 ");
    assert_has(site->asked, "after=6&wait=3000 ");
}

/* The daemon kept too few; it was restarted with its clock set back. */
static void
test_missing_events_are_reported(void **state)
{
    struct site *site = *state;
    const char *const answers[] = {
        EVENTS(EVENT(5, "T", "a"), "\"next\": 5, \"lost\": 4"),
        EVENTS(EVENT(9, "U", "b"), "\"next\": 9, \"lost\": 8"),
        EVENTS("", "\"next\": 2, \"lost\": 0"),
        EVENTS(EVENT(2, "S", "c"), "\"next\": 2, \"lost\": 0"),
        refused,
        NULL,
    };
    assert_int_equal(run_with(site, answers, (const char *const[]){"events", "--follow", NULL}),
                     LOCUM_EXIT_NOT_FINE);
    assert_string_equal(site->out, "T a\nU b\nS c\n");
    assert_string_equal(site->err,
                        "locum: events are missing here: the daemon keeps only the newest "
                        "(events.keep)\n"
                        "locum: the daemon refused the request without a reason (HTTP status 503); "
                        "see journalctl -u locum\n");
    assert_has(site->asked, "after=9&wait=3000 ");
    assert_has(site->asked, "after=0&wait=3000 ");
}

/* No terminal: a block each time, under its time. */
static void
test_status_watch(void **state)
{
    struct site *site = *state;
    const char *const answers[] = {WELL, OK "{\"nodes\": []}", refused, NULL};
    assert_int_equal(run_with(site, answers, (const char *const[]){"status", "--watch", NULL}),
                     LOCUM_EXIT_NOT_FINE);
    const char *first = strstr(site->out, "\nOK\n\n");
    assert_non_null(first);
    assert_non_null(strstr(first, "Z\ncluster -"));
    assert_non_null(strstr(first, "\ndegraded: the daemon does not report its state\n\n"));
    assert_null(strchr(site->out, '\033'));
    assert_string_equal(site->err, "locum: the daemon refused the request without a reason (HTTP "
                                   "status 503); see journalctl -u locum\n");
}

/* A line of JSON each time; an unreachable daemon is reported once, and asked again. */
static void
test_status_watch_json(void **state)
{
    struct site *site = *state;
    const char *const answers[] = {"", "", OK "{\"a\": 1}", refused, NULL};
    assert_int_equal(
        run_with(site, answers, (const char *const[]){"status", "--watch", "--json", NULL}),
        LOCUM_EXIT_NOT_FINE);
    assert_string_equal(site->out, "{\"a\":1}\n");
    const char *reported = strstr(site->err, "cannot reach");
    assert_non_null(reported);
    assert_null(strstr(reported + 1, "cannot reach"));
    const char *waiting = strstr(reported, "\nlocum: waiting for the daemon to answer at ");
    assert_non_null(waiting);
    assert_null(strstr(waiting + 20, "waiting"));
}

/* `events --follow` without a daemon says that it waits, and for what; `events` only fails. */
static void
test_following_without_a_daemon_says_that_it_waits(void **state)
{
    struct site *site = *state;
    const char *const answers[] = {"", "", EVENTS(EVENT(5, "T", "a"), "\"next\": 5"), refused,
                                   NULL};
    assert_int_equal(run_with(site, answers, (const char *const[]){"events", "--follow", NULL}),
                     LOCUM_EXIT_NOT_FINE);
    assert_string_equal(site->out, "T a\n");
    assert_has(site->err, "\nlocum: waiting for the daemon to answer at ");
    assert_has(site->err, "; Ctrl-C ends this\n");
    assert_int_equal(RUN_ALONE(site, "events"), LOCUM_EXIT_UNREACHABLE);
    assert_null(strstr(site->err, "waiting"));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_events),
        TEST(test_events_follow),
        TEST(test_missing_events_are_reported),
        TEST(test_status_watch),
        TEST(test_status_watch_json),
        TEST(test_following_without_a_daemon_says_that_it_waits),
    };
    (void)signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
