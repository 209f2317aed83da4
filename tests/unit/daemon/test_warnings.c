/* Each warning: what brings it, what it says, and that its begin and end are told once. */
#include "fixture.h"

#include "redis/private.h"

enum { DC2, DC3, NS0 };

static char manual_path[4096]; /* the fixture changes the folder */

/* dc3 has been heard just now, and says what this node says. */
static struct locum_peer_facts *
hear_dc3(void)
{
    struct locum_peer_facts *facts = &daemon_->core.view.peer[DC3];
    facts->state_known = true;
    facts->heard = locum_daemon_now(daemon_).mono;
    memcpy(facts->digest, daemon_->core.config.digest, sizeof(facts->digest));
    return facts;
}

/* The warning with these words, or NULL. Valid until the next call. */
static const char *
warning(const char *words)
{
    static char found[1024];
    size_t i;
    const json_t *text;
    json_t *warnings = locum_daemon_warnings(daemon_);
    found[0] = '\0';
    json_array_foreach(warnings, i, text)
    {
        if (strstr(json_string_value(text), words) != NULL) {
            (void)snprintf(found, sizeof(found), "%s", json_string_value(text));
        }
    }
    json_decref(warnings);
    return found[0] != '\0' ? found : NULL;
}

/* It is there, and says what to do. */
static void
assert_warned(const char *words, const char *advice)
{
    const char *text = warning(words);
    if (text == NULL || strstr(text, advice) == NULL) {
        fail_msg("\"%s\" with \"%s\": %s", words, advice, text != NULL ? text : "no such warning");
    }
}

static size_t
count_in_log(const char *words)
{
    size_t count = 0;
    for (const char *at = strstr(read_log(), words); at != NULL; at = strstr(at + 1, words)) {
        count++;
    }
    return count;
}

static void
start_quietly(void)
{
    write_config("", "");
    start();
    json_t *warnings = locum_daemon_warnings(daemon_);
    assert_int_equal(json_array_size(warnings), 0);
    json_decref(warnings);
}

static void
test_configurations_differ(void **state)
{
    (void)state;
    start_quietly();
    struct locum_peer_facts *facts = hear_dc3();
    assert_null(warning("dc3"));
    facts->digest[0] ^= 1;
    assert_warned("dc3 runs with a different configuration", "compare the files");
}

static void
test_clocks_differ(void **state)
{
    (void)state;
    start_quietly();
    struct locum_peer_facts *facts = hear_dc3();
    facts->wall_offset = 5000;
    assert_null(warning("clock"));
    facts->wall_offset = 5001;
    assert_warned("the clock of dc3 differs", "NTP");
    facts->wall_offset = -5001;
    assert_warned("the clock of dc3 differs", "NTP");
}

static void
test_a_peer_that_does_not_hear(void **state)
{
    (void)state;
    start_quietly();
    hear_dc3()->one_way = true;
    assert_warned("dc3 does not hear this node", "UDP");
}

/* A firewall: heartbeats come through Redis, and by UDP never, or no more. */
static void
test_a_peer_that_udp_does_not_bring(void **state)
{
    (void)state;
    start_quietly();
    locum_ms *by_udp = &hear_dc3()->path[LOCUM_PATH_UDP].heard;
    daemon_->started_mono = daemon_->now.mono - LOCUM_DIRECT_MS;
    *by_udp = LOCUM_NEVER;
    assert_null(warning("dc3"));
    daemon_->started_mono--;
    assert_warned("dc3 is heard through Redis alone", "firewall");
    *by_udp = daemon_->now.mono - LOCUM_DIRECT_MS;
    assert_null(warning("dc3"));
    --*by_udp;
    assert_warned("dc3 is heard through Redis alone", "9853");
    locum_daemon_watch_warnings(daemon_);
    assert_int_equal(count_in_log("about=udp peer=dc3"), 1);
    daemon_->core.view.peer[DC3].heard = LOCUM_NEVER; /* silent by both: that is its condition */
    assert_null(warning("Redis alone"));
}

static void
come(const char *line, bool sealed, size_t secret)
{
    locum_evidence_line(&daemon_->evidence, &daemon_->core.config, locum_slice_of(line), sealed,
                        secret, locum_daemon_now(daemon_).mono);
}

static void
test_a_rotation_is_not_finished(void **state)
{
    (void)state;
    start_quietly();
    (void)hear_dc3();
    come("locum1 get dc3 1 2 ...", true, 0);
    assert_null(warning("dc3"));
    come("locum1 get dc3 1 3 ...", true, 1);
    assert_warned("dc3 seals its heartbeats with another accepted secret", "first line");
    come("locum1 get dc3 1 4 ...", true, 0);
    assert_null(warning("dc3"));
    come("locum1 get dc3 1 5 ...", true, 1);
    daemon_->core.view.peer[DC3].heard = LOCUM_NEVER; /* silent: its last secret says nothing */
    assert_null(warning("another accepted secret"));
}

static void
test_a_seal_of_no_known_secret(void **state)
{
    (void)state;
    start_quietly();
    come("locum1 get dc3 1 2 ...", false, 0);
    assert_warned("in the name of dc3 bear the seal of no secret known here", "secret file");
    assert_null(warning("in no node's name"));
    come("GET / HTTP/1.1", false, 0);
    assert_warned("in no node's name", "");
    come("", false, 0);
    daemon_->now.mono += 60000; /* a minute later all is forgotten */
    assert_null(warning("seal"));
}

static void
alarm_in_vain(enum locum_condition to)
{
    const struct locum_condition_event edge = {.peer = DC3, .from = LOCUM_SUSPECT, .to = to};
    locum_evidence_event(&daemon_->evidence, &edge, locum_daemon_now(daemon_).mono);
}

static void
test_suspicions_pile_up(void **state)
{
    (void)state;
    start_quietly();
    alarm_in_vain(LOCUM_DOWN); /* that was none */
    alarm_in_vain(LOCUM_ALIVE);
    alarm_in_vain(LOCUM_ALIVE);
    assert_null(warning("suspected"));
    alarm_in_vain(LOCUM_ALIVE);
    assert_warned("dc3 was suspected in vain 3 times within an hour",
                  "heartbeat.timeout to 1250ms or more");
    daemon_->core.config.timeout_ms = 2000;
    assert_warned("dc3 was suspected", "2500ms");
    daemon_->now.mono += 3600000;
    assert_null(warning("suspected"));
}

static void
test_a_sentinel_in_tilt(void **state)
{
    (void)state;
    start_quietly();
    struct locum_sentinel_facts *facts = &daemon_->core.view.peer[DC3].sentinel;
    facts->polled = locum_daemon_now(daemon_).mono;
    assert_null(warning("TILT"));
    facts->tilt = true;
    assert_warned("the Sentinel of dc3 is in TILT", "clock and load");
    (void)hear_dc3(); /* its coordinator votes */
    assert_null(warning("TILT"));
}

/* Another cluster of Mirrorbits on the same Redis, or a redis.db that is wrong. */
static void
test_a_mirrorbits_of_another_database(void **state)
{
    (void)state;
    start_quietly();
    daemon_->redis->other_db[DC3] =
        (struct locum_redis_other_db){.db = 3, .heard_mono = locum_daemon_now(daemon_).mono};
    assert_warned("the Mirrorbits of dc3 announces itself for database 3, and redis.db is 0",
                  "write its RedisDB there");
    locum_daemon_watch_warnings(daemon_);
    assert_int_equal(count_in_log("about=mirrorbits peer=dc3"), 1);
    daemon_->core.view.peer[DC3].mirrorbits = locum_daemon_now(daemon_).mono;
    assert_null(warning("database")); /* the one of this cluster is heard, too */
    daemon_->core.view.peer[DC3].mirrorbits = LOCUM_NEVER;
    daemon_->redis->other_db[DC3].heard_mono -= LOCUM_MIRRORBITS_FORGET_MS;
    assert_null(warning("database"));
}

static void
test_answers_and_sockets(void **state)
{
    (void)state;
    start_quietly();
    daemon_->publish_failed = true;
    assert_warned("the answers are older than the plan", "log");
    daemon_->dns_closed = 1;
    assert_warned("not every address of listen.dns is open", "log");
}

static bool
state_is_lost(void)
{
    return count_in_log("about=state reason=") > 0;
}

static bool
state_is_back(void)
{
    return count_in_log("event=warning-over node=dc2 about=state") > 0;
}

/* The folder that cannot be written; and the begin and the end of a warning, each told once. */
static void
test_begin_and_end_are_told_once(void **state)
{
    (void)state;
    write_config("", "");
    assert_int_equal(mkdir("get.state.new", 0700), 0); /* stops root, too */
    start();
    assert_true(wait_until(state_is_lost));
    assert_warned("cannot be written", "serving goes on");
    for (size_t i = 0; i < 3; i++) {
        locum_daemon_watch_warnings(daemon_);
    }
    assert_int_equal(count_in_log("about=state reason="), 1);
    assert_int_equal(rmdir("get.state.new"), 0);
    assert_true(wait_until(state_is_back));
    assert_int_equal(count_in_log("about=state"), 2);
    assert_null(warning("written"));
    hear_dc3()->wall_offset = 9000;
    locum_daemon_watch_warnings(daemon_);
    assert_int_equal(count_in_log("event=warning node=dc2 about=clock peer=dc3 reason="), 1);
    hear_dc3()->wall_offset = 0;
    locum_daemon_watch_warnings(daemon_);
    assert_int_equal(count_in_log("event=warning-over node=dc2 about=clock peer=dc3"), 1);
}

/* What an event may be about stands in the manual page; the first three have events of their own.
 */
static void
test_manual(void **state)
{
    static char manual[128 * 1024];
    char item[64];
    (void)state;
    FILE *file = fopen(manual_path, "r");
    assert_non_null(file);
    manual[fread(manual, 1, sizeof(manual) - 1, file)] = '\0';
    (void)fclose(file);
    char *section = strstr(manual, "\n.Sh WARNINGS\n");
    assert_non_null(section);
    *strstr(section + 1, "\n.Sh ") = '\0'; /* the hash has a field of the same name */
    for (size_t i = 3; i < locum_warning_about_count; i++) {
        assert_non_null(locum_warning_abouts[i]);
        (void)snprintf(item, sizeof(item), "\n.It Cm %s\n", locum_warning_abouts[i]);
        if (strstr(section, item) == NULL) {
            fail_msg("locum(8) does not tell of the warning %s", locum_warning_abouts[i]);
        }
    }
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_configurations_differ),
        TEST(test_clocks_differ),
        TEST(test_a_peer_that_does_not_hear),
        TEST(test_a_peer_that_udp_does_not_bring),
        TEST(test_a_rotation_is_not_finished),
        TEST(test_a_seal_of_no_known_secret),
        TEST(test_suspicions_pile_up),
        TEST(test_a_sentinel_in_tilt),
        TEST(test_a_mirrorbits_of_another_database),
        TEST(test_answers_and_sockets),
        TEST(test_begin_and_end_are_told_once),
        TEST(test_manual),
    };
    assert_non_null(realpath("doc/locum.8", manual_path));
    return cmocka_run_group_tests(tests, NULL, NULL);
}
