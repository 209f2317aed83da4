/*
 * commands: each sub-command against a daemon that was recorded: a child process on a temporary
 * socket that notes what it was asked and gives one answer. Standard output and error go to files.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/invariant.h"
#include "cli/cli.h"

enum { TEXT_BYTES = 16 * 1024, ARGUMENTS_MAX = 12 };

struct site {
    char folder[64];
    char socket[96];
    int listener;
    /* Of the last command. */
    char out[TEXT_BYTES], err[TEXT_BYTES];
    char asked[TEXT_BYTES]; /* the request that the daemon saw, "" if none */
};

static int
setup(void **state)
{
    struct site *site = calloc(1, sizeof(*site));
    (void)strcpy(site->folder, "/tmp/locum-cli-XXXXXX");
    assert_non_null(mkdtemp(site->folder));
    (void)snprintf(site->socket, sizeof(site->socket), "%s/sock", site->folder);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    (void)strcpy(address.sun_path, site->socket);
    site->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(site->listener, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(site->listener, 8), 0);
    *state = site;
    return 0;
}

static void
remove_in(const struct site *site, const char *name)
{
    char path[128];
    (void)snprintf(path, sizeof(path), "%s/%s", site->folder, name);
    (void)unlink(path);
}

static int
teardown(void **state)
{
    struct site *site = *state;
    (void)close(site->listener);
    remove_in(site, "sock");
    remove_in(site, "out");
    remove_in(site, "err");
    remove_in(site, "asked");
    assert_int_equal(rmdir(site->folder), 0);
    free(site);
    return 0;
}

static int
open_in(const struct site *site, const char *name)
{
    char path[128];
    (void)snprintf(path, sizeof(path), "%s/%s", site->folder, name);
    const int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    return fd;
}

static void
read_back(int fd, char text[TEXT_BYTES])
{
    const ssize_t length = pread(fd, text, TEXT_BYTES - 1, 0);
    assert_true(length >= 0);
    text[length] = '\0';
    (void)close(fd);
}

/* A request is whole once its body is: all of ours are short. */
static bool
is_whole(const char *request)
{
    const char *body = strstr(request, "\r\n\r\n");
    const char *length = strstr(request, "Content-Length: ");
    return body != NULL && (length == NULL || strlen(body + 4) >= strtoul(length + 16, NULL, 10));
}

/* The daemon: answers one request after the other until the list ends, then leaves. */
static void
serve(const struct site *site, int asked, const char *const *answers)
{
    (void)alarm(20);
    for (; *answers != NULL; answers++) {
        char request[TEXT_BYTES] = "";
        size_t length = 0;
        const int fd = accept(site->listener, NULL, NULL);
        while (!is_whole(request)) {
            const ssize_t got = recv(fd, request + length, sizeof(request) - 1 - length, 0);
            if (got <= 0) {
                _exit(1);
            }
            length += (size_t)got;
            request[length] = '\0';
        }
        (void)!write(asked, request, length);
        (void)!write(fd, *answers, strlen(*answers));
        (void)close(fd);
    }
    _exit(0);
}

/*
 * Run a sub-command. `answers` are whole HTTP answers, ended by NULL; NULL: no daemon is there for
 * it. Returns the exit code.
 */
static int
run_with(struct site *site, const char *const *answers, const char *const *arguments)
{
    char *argv[ARGUMENTS_MAX + 1] = {NULL};
    int argc = 0;
    for (; arguments[argc] != NULL; argc++) {
        argv[argc] = strdup(arguments[argc]);
    }
    const struct locum_cli_command *command = locum_cli_commands;
    while (strcmp(command->name, argv[0]) != 0) {
        command++;
        assert_non_null(command->name);
    }
    const int out = open_in(site, "out");
    const int err = open_in(site, "err");
    const int asked = open_in(site, "asked");
    (void)fflush(NULL);
    const pid_t daemon = answers != NULL ? fork() : -1;
    if (daemon == 0) {
        serve(site, asked, answers);
    }
    const int kept_out = dup(STDOUT_FILENO);
    const int kept_err = dup(STDERR_FILENO);
    (void)dup2(out, STDOUT_FILENO);
    (void)dup2(err, STDERR_FILENO);
    const int result = locum_cli_run(command, site->socket, argc, argv);
    (void)fflush(NULL);
    (void)dup2(kept_out, STDOUT_FILENO);
    (void)dup2(kept_err, STDERR_FILENO);
    (void)close(kept_out);
    (void)close(kept_err);
    if (daemon > 0) {
        assert_int_equal(waitpid(daemon, NULL, 0), daemon);
    }
    read_back(out, site->out);
    read_back(err, site->err);
    read_back(asked, site->asked);
    for (int i = 0; i < argc; i++) {
        free(argv[i]);
    }
    return result;
}

#define OK       "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"
#define CONFLICT "HTTP/1.1 409 Conflict\r\nConnection: close\r\n\r\n"

#define RUN(site, answer, ...)                                                                     \
    run_with(site, (const char *const[]){answer, NULL}, (const char *const[]){__VA_ARGS__, NULL})
#define RUN_ALONE(site, ...) run_with(site, NULL, (const char *const[]){__VA_ARGS__, NULL})

static void
assert_has(const char *text, const char *part)
{
    if (strstr(text, part) == NULL) {
        fail_msg("\"%s\" has no \"%s\"", text, part);
    }
}

/* The body of the request that the daemon saw. */
static const char *
body(const struct site *site)
{
    const char *end = strstr(site->asked, "\r\n\r\n");
    assert_non_null(end);
    return end + 4;
}

#define WELL OK "{\"nodes\": [{\"role\": \"sentinel\", \"name\": \"x\"}]}"

static void
test_status(void **state)
{
    struct site *site = *state;
    assert_int_equal(RUN(site, WELL, "status"), LOCUM_EXIT_OK);
    assert_has(site->asked, "GET /status HTTP/1.1\r\n");
    assert_has(site->out, "\nOK\n");
    assert_null(strchr(site->out, '\033')); /* no terminal */
    assert_int_equal(RUN(site,
                         OK "{\"nodes\": [{\"name\": \"dc3\", \"role\": \"server\","
                            "\"condition\": \"down\", \"service\": \"up\","
                            "\"admin\": {\"state\": \"ready\"}}]}",
                         "status"),
                     LOCUM_EXIT_NOT_FINE);
    assert_has(site->out, "degraded: dc3 is down\n");
    assert_string_equal(site->err, "");
}

static void
test_status_json(void **state)
{
    struct site *site = *state;
    assert_int_equal(RUN(site, WELL, "status", "--json"), LOCUM_EXIT_OK);
    assert_string_equal(site->out, "{\n \"nodes\": [\n  {\n   \"role\": \"sentinel\",\n"
                                   "   \"name\": \"x\"\n  }\n ]\n}\n");
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
    assert_non_null(strstr(first, "\ndegraded: the daemon reports no nodes\n\n"));
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
                                   "another 1m 0s\n");
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
    assert_has(site->err, "(Permission denied): join the group that owns the socket, or use sudo");
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
         "locum status: --jsn is not an option of this command\n"
         "usage: locum status [--json] [--watch]\n"},
        {{"status", "--json", "--json"}, "locum status: --json is given twice\n"},
        {{"status", "--json=1"}, "locum status: --json takes no value\n"},
        {{"status", "dc2"}, "locum status: dc2 is an unexpected argument\n"},
        {{"status", "\033[2J"}, "locum status: \\x1b[2J is an unexpected argument\n"},
        {{"explain"}, "locum explain: NAME is missing\nusage: locum explain NAME [--if "},
        {{"explain", ""}, "locum explain: \"\" is an unexpected argument\n"},
        {{"explain", "a", "b"}, "locum explain: b is an unexpected argument\n"},
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
    assert_int_equal(count, 9);
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

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_status),
        TEST(test_status_json),
        TEST(test_explain),
        TEST(test_events),
        TEST(test_events_follow),
        TEST(test_missing_events_are_reported),
        TEST(test_status_watch),
        TEST(test_status_watch_json),
        TEST(test_admin),
        TEST(test_admin_wait),
        TEST(test_exclude_and_reload),
        TEST(test_unreachable_daemon_is_reported),
        TEST(test_missing_permission_is_reported),
        TEST(test_other_programs_are_recognised),
        TEST(test_usage_errors),
        TEST(test_too_long_arguments_are_refused),
        TEST(test_table_of_commands),
        TEST(test_manual),
    };
    (void)signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
