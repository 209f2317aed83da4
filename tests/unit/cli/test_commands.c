/* commands: each sub-command against a daemon that was recorded (fixture.h). */
#include "fixture.h"

#include "cli/options.h"

/* The body of the request that the daemon saw. */
static const char *
body(const struct site *site)
{
    const char *end = strstr(site->asked, "\r\n\r\n");
    assert_non_null(end);
    return end + 4;
}

static void
test_status(void **state)
{
    struct site *site = *state;
    assert_int_equal(RUN(site, WELL, "status"), LOCUM_EXIT_OK);
    assert_has(site->asked, "GET /status HTTP/1.1\r\n");
    assert_has(site->out, "\nOK\n");
    assert_null(strchr(site->out, '\033')); /* no terminal */
    assert_int_equal(RUN(site, OK "{\"degraded\": [{\"text\": \"dc3 is down\"}]}", "status"),
                     LOCUM_EXIT_NOT_FINE);
    assert_has(site->out, "degraded: dc3 is down\n");
    assert_string_equal(site->err, "");
}

static void
test_status_json(void **state)
{
    struct site *site = *state;
    assert_int_equal(RUN(site, WELL, "status", "--json"), LOCUM_EXIT_OK);
    assert_string_equal(site->out, "{\n \"nodes\": [\n  {\n   \"name\": \"x\"\n  }\n ],\n"
                                   " \"degraded\": [],\n \"summary\": \"OK\"\n}\n");
    assert_int_equal(RUN(site, OK "{}", "status", "--json"), LOCUM_EXIT_NOT_FINE);
    assert_string_equal(site->out, "{}\n");
}

static void
test_explain(void **state)
{
    struct site *site = *state;
    assert_int_equal(RUN(site, OK "{\"name\": \"get.example.org.\", \"lines\": []}", "explain",
                         "get.example.org."),
                     LOCUM_EXIT_OK);
    assert_has(site->asked, "GET /explain?name=get.example.org. HTTP/1.1\r\n");
    assert_has(site->out, "get.example.org.\nis answered\n");
#define TWO "{\"name\": \"a.\", \"answers\": [{\"type\": \"A\"}, {\"type\": \"HTTPS\"}]}"
    assert_int_equal(RUN(site, OK TWO, "explain", "a.", "https"), LOCUM_EXIT_OK);
    assert_has(site->asked, "GET /explain?name=a. HTTP/1.1\r\n");
    assert_has(site->out, "HTTPS");
    assert_null(strstr(site->out, "  A "));
    assert_int_equal(RUN(site, OK TWO, "explain", "a.", "TXT"), LOCUM_EXIT_NOT_FINE);
    assert_has(site->err, "no records of this type for a.;");
    assert_int_equal(RUN(site, OK "{}", "explain", "--if", "dc3=down", "a&b c"), LOCUM_EXIT_OK);
    assert_has(site->asked, "GET /explain?name=a%26b%20c&if=dc3%3Ddown HTTP/1.1\r\n");
    assert_int_equal(RUN(site, OK "{}", "explain", "--if", "dc3=down", "a", "--if=dc2=drain"),
                     LOCUM_EXIT_OK);
    assert_has(site->asked, "GET /explain?name=a&if=dc3%3Ddown,dc2%3Ddrain HTTP/1.1\r\n");
    assert_int_equal(RUN(site,
                         "HTTP/1.1 404 Not Found\r\nConnection: close\r\n\r\n"
                         "{\"errors\": [\"no such name: x\", \"there are:\\u001b[2J a\"]}",
                         "explain", "x"),
                     LOCUM_EXIT_NOT_FINE);
    assert_string_equal(site->err, "no such name: x\nthere are:\\x1b[2J a\n");
    assert_string_equal(site->out, "");
}

static void
test_history(void **state)
{
    struct site *site = *state;
    static const char answer[] = OK "{\"from\": 1763863200000, \"gaps\": [], \"names\": []}";
    assert_int_equal(RUN(site, answer, "history"), LOCUM_EXIT_OK);
    assert_has(site->asked, "GET /history HTTP/1.1\r\n");
    assert_has(site->out, "complete since 2025-11-23T02:00:00.000Z\nFROM");
    assert_int_equal(RUN(site, answer, "history", "--json"), LOCUM_EXIT_OK);
    assert_has(site->out, "{\n \"from\": 1763863200000,\n");
}

static void
test_keys(void **state)
{
    struct site *site = *state;
    static const char answer[] = OK "{\"zones\": []}";
    static const char dropped[] = OK "{\"dropped\": 7, \"zone\": \"a.\"}";
    assert_int_equal(RUN(site, answer, "keys"), LOCUM_EXIT_OK);
    assert_has(site->asked, "GET /keys HTTP/1.1\r\n");
    assert_string_equal(site->out, "no zone is signed here\n");
    assert_int_equal(RUN(site, answer, "keys", "--json"), LOCUM_EXIT_OK);
    assert_has(site->out, "\"zones\": []");
    assert_int_equal(RUN(site, dropped, "keys", "drop", "7", "--force", "a"), LOCUM_EXIT_OK);
    assert_has(site->asked, "POST /keys/drop HTTP/1.1\r\n");
    assert_has(site->asked, "{\"tag\":7,\"force\":true,\"zone\":\"a\"}");
    assert_string_equal(site->out, "key 7 of a. is dropped at this node\n");
    assert_int_equal(RUN_ALONE(site, "keys", "drop"), LOCUM_EXIT_USAGE);
    assert_int_equal(RUN_ALONE(site, "keys", "drop", "65536"), LOCUM_EXIT_USAGE);
    assert_int_equal(RUN_ALONE(site, "keys", "remove", "7"), LOCUM_EXIT_USAGE);
    assert_int_equal(RUN_ALONE(site, "keys", "drop", "7", "a", "b"), LOCUM_EXIT_USAGE);
}

static void
test_admin(void **state)
{
    struct site *site = *state;
    assert_int_equal(RUN(site, OK "{\"admin\": \"drain\", \"wait_ms\": 60000}", "drain", "--for",
                         "30m", "--reason=new disks", "--force"),
                     LOCUM_EXIT_OK);
    assert_has(site->asked, "POST /admin HTTP/1.1\r\n");
    assert_string_equal(
        body(site), "{\"admin\":\"drain\",\"force\":true,\"for_s\":1800,\"reason\":\"new disks\"}");
    assert_string_equal(site->out, "this node is now: drain; resolvers may cache older answers for "
                                   "another 1 min 0 s\n");
    assert_int_equal(RUN(site, OK "{\"admin\": \"ready\", \"wait_ms\": 0}", "ready"),
                     LOCUM_EXIT_OK);
    assert_string_equal(body(site), "{\"admin\":\"ready\",\"force\":false}");
    assert_int_equal(RUN(site,
                         CONFLICT "{\"errors\": [\"fewer than min-serving (1) would be wanted\"]}",
                         "maint"),
                     LOCUM_EXIT_NOT_FINE);
    assert_string_equal(site->err, "fewer than min-serving (1) would be wanted\n");
}

static void
test_admin_wait(void **state)
{
    struct site *site = *state;
    const locum_ms start = locum_clock_read().mono;
    assert_int_equal(RUN(site, OK "{\"admin\": \"maint\", \"wait_ms\": 120}", "maint", "--wait"),
                     LOCUM_EXIT_OK);
    const locum_ms took = locum_clock_read().mono - start;
    assert_true(took >= 120);
    assert_string_equal(site->err, ""); /* the countdown is for a terminal */
    assert_int_equal(RUN(site, OK "{\"admin\": \"maint\", \"wait_ms\": null}", "maint", "--wait"),
                     LOCUM_EXIT_OK);
}

static void
test_exclude_and_reload(void **state)
{
    struct site *site = *state;
    assert_int_equal(RUN(site, OK "{\"excluded\": [\"dc3\", \"dc4\"]}", "exclude", "dc3"),
                     LOCUM_EXIT_OK);
    assert_has(site->asked, "POST /exclude HTTP/1.1\r\n");
    assert_string_equal(body(site), "{\"node\":\"dc3\"}");
    assert_string_equal(site->out, "excluded from this node's answers: dc3, dc4\n");
    assert_int_equal(RUN(site, OK "{\"excluded\": []}", "include", "dc3"), LOCUM_EXIT_OK);
    assert_has(site->asked, "POST /include HTTP/1.1\r\n");
    assert_string_equal(site->out, "no node is excluded from this node's answers\n");
    assert_int_equal(
        RUN(site, OK "{\"reloaded\": true, \"warnings\": [\"ttl 20s is short\"]}", "reload"),
        LOCUM_EXIT_OK);
    assert_has(site->asked, "POST /reload HTTP/1.1\r\n");
    assert_string_equal(site->out, "the configuration was reloaded\n");
    assert_string_equal(site->err, "ttl 20s is short\n");
    assert_int_equal(
        RUN(site, CONFLICT "{\"errors\": [\"locum.yaml:3:1: error: a\", \"b\"]}", "reload"),
        LOCUM_EXIT_NOT_FINE);
    assert_string_equal(site->err, "locum.yaml:3:1: error: a\nb\n");
}

static void
test_hooks(void **state)
{
    struct site *site = *state;
    assert_int_equal(
        RUN(site,
            OK "{\"hooks\": [{\"hook\": 1, \"name\": \"command /a\", \"delivered\": true, "
               "\"took_ms\": "
               "3, \"text\": \"exit 0 in 3 ms\"}, {\"hook\": 2, \"name\": \"url https://a\", "
               "\"delivered\": false, \"took_ms\": 5, \"text\": \"status 403 in 5 ms\"}]}",
            "hooks", "test"),
        LOCUM_EXIT_NOT_FINE);
    assert_has(site->asked, "POST /hooks HTTP/1.1\r\n");
    assert_string_equal(body(site), "{}");
    assert_string_equal(site->out, "hook 1, command /a: delivered: exit 0 in 3 ms\n"
                                   "hook 2, url https://a: NOT delivered: status 403 in 5 ms\n");
    assert_int_equal(RUN(site, OK "{\"hooks\": []}", "hooks", "test", "3"), LOCUM_EXIT_NOT_FINE);
    assert_string_equal(body(site), "{\"hook\":3}");
    assert_has(site->err, "the daemon has no hooks");
    assert_int_equal(RUN_ALONE(site, "hooks", "test", "0"), LOCUM_EXIT_USAGE);
    assert_int_equal(RUN_ALONE(site, "hooks", "tset"), LOCUM_EXIT_USAGE);
    assert_int_equal(RUN_ALONE(site, "hooks", "test", "1", "2"), LOCUM_EXIT_USAGE);
    assert_int_equal(RUN_ALONE(site, "exclude", "dc3", "dc4"), LOCUM_EXIT_USAGE);
    assert_int_equal(RUN_ALONE(site, "hooks"), LOCUM_EXIT_USAGE);
}

static void
test_replace(void **state)
{
    struct site *site = *state;
    assert_int_equal(RUN(site,
                         OK "{\"replaced\": true, \"from\": \"1.0\", \"to\": \"1.1\", "
                            "\"pause_ms\": 12}",
                         "replace"),
                     LOCUM_EXIT_OK);
    assert_has(site->asked, "POST /replace HTTP/1.1\r\n");
    assert_string_equal(site->out,
                        "the daemon runs version 1.1 now, before 1.0; DNS queries waited 12 ms\n");
    assert_int_equal(RUN(site, CONFLICT "{\"errors\": [\"a\"]}", "replace"), LOCUM_EXIT_NOT_FINE);
    assert_string_equal(site->err, "a\n");
}

/* --- unreachable --- */

static void
test_unreachable_daemon_is_reported(void **state)
{
    struct site *site = *state;
    char expected[256];
    (void)close(site->listener); /* the socket file stays: refused */
    site->listener = -1;
    assert_int_equal(RUN_ALONE(site, "status"), LOCUM_EXIT_UNREACHABLE);
    (void)snprintf(
        expected, sizeof(expected),
        "locum: cannot reach the daemon at %s (Connection refused): it is probably not running; "
        "see systemctl status locum\n",
        site->socket);
    assert_string_equal(site->err, expected);
    remove_in(site, "sock");
    assert_int_equal(RUN_ALONE(site, "reload"), LOCUM_EXIT_UNREACHABLE);
    assert_has(site->err, "(No such file or directory): it is probably not running");
}

static void
test_missing_permission_is_reported(void **state)
{
    struct site *site = *state;
    const uid_t user = geteuid();
    assert_int_equal(chmod(site->socket, 0), 0);
    const int out = open_in(site, "err"); /* made before the user changes */
    (void)close(out);
    assert_int_equal(chmod(site->folder, 0777), 0);
    if (user == 0) {
        assert_int_equal(seteuid(65534), 0); /* no mode stops root */
        remove_in(site, "err");
    }
    const int result = RUN_ALONE(site, "status");
    assert_int_equal(seteuid(user), 0);
    assert_int_equal(result, LOCUM_EXIT_UNREACHABLE);
    assert_has(site->err,
               "(Permission denied): join the group of the socket (sudo usermod -aG locum-admin "
               "$USER, then log in again), or use sudo\n");
}

/* Somebody else's server on the socket. */
static void
test_other_programs_are_recognised(void **state)
{
    struct site *site = *state;
    assert_int_equal(RUN(site, OK "<html>", "status"), LOCUM_EXIT_UNREACHABLE);
    assert_has(site->err, "does not answer like this version of locum");
    assert_int_equal(RUN(site, "220 mail.example.org\r\n", "status"), LOCUM_EXIT_UNREACHABLE);
    assert_has(site->err, "locum: cannot reach the daemon at ");
    assert_int_equal(RUN(site, "", "status"), LOCUM_EXIT_UNREACHABLE);
}

/* --- arguments --- */

static void
test_usage_errors(void **state)
{
    static const struct {
        const char *arguments[5];
        const char *err;
    } cases[] = {
        {{"status", "--jsn"},
         "locum status: --jsn is not an option of this command; did you mean --json?\n"
         "usage: locum status [--json] [--watch] [--check]\n"},
        {{"status", "--wacht=1"}, "--wacht=1 is not an option of this command; did you mean --wat"},
        {{"status", "-x"}, "locum status: -x is not an option of this command\n"},
        {{"status", "--json", "--json"}, "locum status: --json is given twice\n"},
        {{"status", "--json=1"}, "locum status: --json takes no value\n"},
        {{"status", "dc2"}, "locum status: dc2 is an unexpected argument\n"},
        {{"status", "\033[2J"}, "locum status: \\x1b[2J is an unexpected argument\n"},
        {{"explain"}, "locum explain: NAME [TYPE] is missing\nusage: locum explain NAME "},
        {{"explain", ""}, "locum explain: \"\" is an unexpected argument\n"},
        {{"explain", "a", "A", "b"}, "locum explain: b is an unexpected argument\n"},
        {{"explain", "a", "--if"},
         "--if needs NODE=STATE, for example dc3=down, at most 8 times\nusage: "},
        {{"explain", "a", "--if", "dc3"}, "at most 8 times, not \"dc3\"\n"},
        {{"explain", "a", "--if", "=down"}, "not \"=down\"\n"},
        {{"explain", "a", "--if="}, "not \"\"\n"},
        {{"events", "--for", "1s"}, "locum events: --for is not an option of this command\n"},
        {{"drain", "--for", "soon"},
         "--for needs a duration of 1s or more, for example 30m, not "
         "\"soon\"\n"},
        {{"drain", "--for", "250ms"}, "not \"250ms\"\n"},
        {{"drain", "--for", "1500ms"}, "not \"1500ms\"\n"},
        {{"drain", "--reason", ""}, "--reason needs a text of 1 to 79 characters, not \"\"\n"},
        {{"drain", "--reason", "\xff"}, "locum: --reason must be UTF-8 text\n"},
        {{"drain", "now"}, "locum drain: now is an unexpected argument\n"},
        {{"ready", "--for", "1s"}, "locum ready: --for is not an option of this command\n"},
        {{"ready", "--force"}, "locum ready: --force is not an option of this command\n"},
        {{"exclude"}, "locum exclude: NODE is missing\nusage: locum exclude NODE\n"},
        {{"include", "--json", "dc3"}, "locum include: --json is not an option of this command\n"},
        {{"exclude", "\xff"}, "NODE must be the name of a node\n"},
        {{"reload", "x"}, "locum reload: x is an unexpected argument\n"},
    };
    struct site *site = *state;
    for (size_t i = 0; i < LOCUM_COUNT(cases); i++) {
        if (run_with(site, NULL, cases[i].arguments) != LOCUM_EXIT_USAGE) {
            fail_msg("%s %s: no usage error", cases[i].arguments[0], cases[i].arguments[1]);
        }
        assert_has(site->err, cases[i].err);
        assert_string_equal(site->out, "");
    }
}

static void
test_too_long_arguments_are_refused(void **state)
{
    struct site *site = *state;
    char name[256];
    memset(name, 'a', sizeof(name));
    name[255] = '\0';
    assert_int_equal(RUN_ALONE(site, "explain", name), LOCUM_EXIT_USAGE);
    assert_has(site->err, "at most 254 characters");
    name[80] = '\0';
    assert_int_equal(RUN_ALONE(site, "drain", "--reason", name), LOCUM_EXIT_USAGE);
    memset(name, '\x01', 254); /* three times as long once encoded */
    name[80] = '\x01';
    name[254] = '\0';
    assert_int_equal(RUN(site, OK "{}", "explain", name), LOCUM_EXIT_OK);
    assert_has(site->asked, "%01%01 HTTP/1.1\r\n");
}

static struct locum_options noted;

static int
note(const char *path, const struct locum_options *options)
{
    (void)path;
    noted = *options;
    return LOCUM_EXIT_OK;
}

static int
run_noted(const char *option, const char *value, size_t times)
{
    static const struct locum_cli_command command = {
        "doctor",
        "doctor [ZONE]",
        "help",
        note,
        true,
        LOCUM_OPTION_RESOLVER | LOCUM_OPTION_PARENT | LOCUM_OPTION_PORT | LOCUM_OPTION_URL,
        "[ZONE]"};
    char texts[2][64];
    char *argv[12] = {texts[0]};
    int argc = 1;
    (void)snprintf(texts[0], sizeof(texts[0]), "doctor");
    (void)snprintf(texts[1], sizeof(texts[1]), "%s=%s", option, value);
    for (size_t i = 0; i < times; i++) {
        argv[argc++] = texts[1];
    }
    return locum_cli_run(&command, "x", argc, argv);
}

/* The options of `locum doctor`, and an argument that may be left out. */
static void
test_servers_ports_and_urls(void **state)
{
    (void)state;
    assert_int_equal(run_noted("", "", 0), LOCUM_EXIT_OK);
    assert_true(noted.argument == NULL && noted.port == 0 && noted.url == NULL);
    assert_int_equal(run_noted("--resolver", "192.0.2.1", 4), LOCUM_EXIT_OK);
    assert_int_equal(noted.resolvers.count, 4);
    assert_string_equal(locum_address_text(&noted.resolvers.at[3]).text, "192.0.2.1:53");
    assert_int_equal(run_noted("--resolver", "192.0.2.1", 5), LOCUM_EXIT_USAGE);
    assert_int_equal(run_noted("--parent", "[2001:db8::1]:5353", 1), LOCUM_EXIT_OK);
    assert_string_equal(locum_address_text(&noted.parents.at[0]).text, "[2001:db8::1]:5353");
    assert_int_equal(run_noted("--parent", "ns0.example.org", 1), LOCUM_EXIT_USAGE);
    assert_int_equal(run_noted("--port", "5353", 1), LOCUM_EXIT_OK);
    assert_int_equal(noted.port, 5353);
    assert_int_equal(run_noted("--port", "0", 1), LOCUM_EXIT_USAGE);
    assert_int_equal(run_noted("--port", "65536", 1), LOCUM_EXIT_USAGE);
    assert_int_equal(run_noted("--port", "53", 2), LOCUM_EXIT_USAGE);
    assert_int_equal(run_noted("--url", "https://NAME:8443/x", 1), LOCUM_EXIT_OK);
    assert_int_equal(run_noted("--url", "none", 1), LOCUM_EXIT_OK);
    assert_int_equal(run_noted("--url", "https://example.org/", 1), LOCUM_EXIT_USAGE);
    assert_int_equal(run_noted("--url", "http://NAME/\x1b", 1), LOCUM_EXIT_USAGE);
}

static void
test_table_of_commands(void **state)
{
    (void)state;
    size_t count = 0;
    for (const struct locum_cli_command *at = locum_cli_commands; at->name != NULL; at++) {
        assert_int_equal(strncmp(at->usage, at->name, strlen(at->name)), 0);
        assert_true(strlen(at->help) > 0 && at->run != NULL);
        count++;
    }
    assert_true(count >= 12);
}

/* Each option has a bit of its own, and what --help prints. */
static void
test_table_of_options(void **state)
{
    (void)state;
    unsigned seen = 0;
    for (const struct locum_options_row *at = locum_options_rows; at->text != NULL; at++) {
        assert_true(at->text[0] == '-' && at->text[1] == '-');
        assert_true(at->help != NULL && strlen(at->help) > 0);
        assert_true((at->value != NULL) == (at->needs != NULL));
        assert_int_equal(seen & at->option, 0);
        seen |= at->option;
    }
    for (const struct locum_cli_command *at = locum_cli_commands; at->name != NULL; at++) {
        assert_int_equal(at->options & ~seen, 0);
    }
}

/* The manual page has each command and each option of its usage. */
static void
test_manual(void **state)
{
    (void)state;
    static char manual[64 * 1024];
    FILE *file = fopen("doc/locum.8", "r");
    assert_non_null(file);
    manual[fread(manual, 1, sizeof(manual) - 1, file)] = '\0';
    (void)fclose(file);
    for (const struct locum_cli_command *at = locum_cli_commands; at->name != NULL; at++) {
        char part[64];
        (void)snprintf(part, sizeof(part), "Cm %s", at->name);
        assert_has(manual, part);
        for (const char *option = strstr(at->usage, "--"); option != NULL;
             option = strstr(option + 2, "--")) {
            const int length = (int)strcspn(option + 2, " ]");
            (void)snprintf(part, sizeof(part), "Fl -%.*s", length, option + 2);
            assert_has(manual, part);
        }
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_status),
        TEST(test_status_json),
        TEST(test_explain),
        TEST(test_history),
        TEST(test_keys),
        TEST(test_admin),
        TEST(test_admin_wait),
        TEST(test_exclude_and_reload),
        TEST(test_hooks),
        TEST(test_replace),
        TEST(test_unreachable_daemon_is_reported),
        TEST(test_missing_permission_is_reported),
        TEST(test_other_programs_are_recognised),
        TEST(test_usage_errors),
        TEST(test_too_long_arguments_are_refused),
        TEST(test_servers_ports_and_urls),
        TEST(test_table_of_commands),
        TEST(test_table_of_options),
        TEST(test_manual),
    };
    (void)signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
