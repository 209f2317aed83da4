/* hooks: real commands and a web server get the events; what fails is shown. */
#include "tests/unit/core/fixture.h"

#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hooks/hooks.h"
#include "tests/unit/entries.h"

enum { PATIENCE_MS = 10000, LONG_MS = 60000, SHORT_MS = 200, BODIES_MAX = 4096 };

#define LINE   "{\"cluster\":\"get\",\"id\":1,\"time\":\"t\",\"fields\":{\"event\":\"warning\"}}\n"
#define SECRET "a secret of the receiver"

static struct {
    struct event_base *base;
    struct evhttp *web;
    struct evhttp_request *silent; /* gets no answer, or no end of it */
    unsigned port;
    unsigned requests, failures_left; /* 503 so often */
    char body[BODIES_MAX], signature[128], type[64];
    struct locum_config config;
    struct locum_core core;
    struct locum_hooks *hooks;
    unsigned tested;
    size_t descriptors;
    char folder[32], file[64];
} the;

static void
on_request(struct evhttp_request *request, void *user)
{
    const struct evkeyvalq *headers = evhttp_request_get_input_headers(request);
    const char *path = evhttp_uri_get_path(evhttp_request_get_evhttp_uri(request));
    const char *signature = evhttp_find_header(headers, "X-Locum-Signature");
    const char *type = evhttp_find_header(headers, "Content-Type");
    struct evbuffer *input = evhttp_request_get_input_buffer(request);
    const size_t length = evbuffer_get_length(input);
    (void)user;
    the.requests++;
    assert_true(length < sizeof(the.body));
    (void)evbuffer_remove(input, the.body, length);
    the.body[length] = '\0';
    (void)snprintf(the.signature, sizeof(the.signature), "%s", signature != NULL ? signature : "-");
    (void)snprintf(the.type, sizeof(the.type), "%s", type != NULL ? type : "-");
    assert_int_equal(evhttp_request_get_command(request), EVHTTP_REQ_POST);
    if (strcmp(path, "/silent") == 0) {
        the.silent = request;
        return;
    }
    if (strcmp(path, "/unfinished") == 0) {
        the.silent = request;
        evhttp_send_reply_start(request, 200, NULL);
        return;
    }
    if (strcmp(path, "/away") == 0) {
        (void)evhttp_add_header(evhttp_request_get_output_headers(request), "Location", "/204");
    }
    if (strcmp(path, "/endless") == 0) {
        for (int i = 0; i < 1000; i++) {
            (void)evbuffer_add_printf(evhttp_request_get_output_buffer(request), "%1024d", i);
        }
    }
    const bool fails = the.failures_left > 0;
    the.failures_left -= fails;
    evhttp_send_reply(request,
                      fails                          ? 503
                      : strcmp(path, "/away") == 0   ? 302
                      : strcmp(path, "/denied") == 0 ? 403
                                                     : 204,
                      NULL, NULL);
}

static int
setup(void **state)
{
    (void)state;
    memset(&the, 0, sizeof(the));
    (void)signal(SIGPIPE, SIG_IGN);
    the.descriptors = count_entries("/proc/self/fd");
    memcpy(the.folder, "/tmp/locum-hooks-XXXXXX", 24);
    assert_non_null(mkdtemp(the.folder));
    (void)snprintf(the.file, sizeof(the.file), "%s/got", the.folder);
    the.base = event_base_new();
    the.web = evhttp_new(the.base);
    struct evhttp_bound_socket *bound = evhttp_bind_socket_with_handle(the.web, "127.0.0.1", 0);
    assert_non_null(bound);
    struct sockaddr_in name;
    socklen_t length = sizeof(name);
    assert_int_equal(getsockname(evhttp_bound_socket_get_fd(bound), (void *)&name, &length), 0);
    the.port = ntohs(name.sin_port);
    evhttp_set_gencb(the.web, on_request, NULL);
    the.config.core = config_of(2, 1, 0);
    locum_core_init(&the.core, &the.config.core, NULL, beginning);
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    locum_hooks_destroy(the.hooks);
    evhttp_free(the.web);
    event_base_free(the.base);
    (void)unlink(the.file);
    assert_int_equal(rmdir(the.folder), 0);
    /* The thread of a program that was killed closes its descriptors. */
    const locum_ms end = locum_clock_read().mono + PATIENCE_MS;
    while (count_entries("/proc/self/fd") > the.descriptors) {
        assert_true(locum_clock_read().mono < end);
    }
    return 0;
}

static struct locum_config_hook *
add_hook(enum locum_hook_on on)
{
    struct locum_config_hook *hook = &the.config.hooks[the.config.hook_count++];
    hook->on[0] = on;
    hook->on_count = 1;
    hook->timeout_ms = LONG_MS;
    return hook;
}

static struct locum_config_hook *
add_script(enum locum_hook_on on, const char *format)
{
    char script[256];
    struct locum_config_hook *hook = add_hook(on);
    struct locum_text text = locum_text_init(hook->command.at, sizeof(hook->command.at));
    (void)snprintf(script, sizeof(script), format, the.file, the.file);
    const char *const words[] = {"/bin/sh", "-c", script};
    for (size_t i = 0; i < LOCUM_COUNT(words); i++) {
        locum_text_add(&text, words[i]);
        locum_text_add_bytes(&text, "", 1);
        hook->command.count++;
    }
    return hook;
}

static struct locum_config_hook *
add_url(enum locum_hook_on on, const char *path)
{
    struct locum_config_hook *hook = add_hook(on);
    (void)snprintf(hook->url, sizeof(hook->url), "http://127.0.0.1:%u%s", the.port, path);
    return hook;
}

static void
on_tested(void *user)
{
    (void)user;
    the.tested++;
}

static void
start(void)
{
    assert_int_equal(locum_hooks_create(the.base, &the.config, on_tested, NULL, &the.hooks), 0);
}

static void
offer(enum locum_hook_on on, const char *line, size_t not_to)
{
    const struct locum_hooks_event event = {.on = on, .line = line, .not_to = not_to};
    locum_hooks_offer(the.hooks, &the.core, &event, 0);
}

static const struct locum_hooks_state *
hook(size_t index)
{
    return locum_hooks_state(the.hooks, index);
}

/* Run the loop until *value is `want`. */
#define WAIT_FOR(value, want)                                                                      \
    do {                                                                                           \
        const locum_ms end_ = locum_clock_read().mono + PATIENCE_MS;                               \
        while ((value) != (want)) {                                                                \
            if (locum_clock_read().mono > end_) {                                                  \
                fail_msg("%s is %llu: %s", #value, (unsigned long long)(value), hook(0)->last);    \
            }                                                                                      \
            (void)event_base_loopexit(the.base, &(struct timeval){.tv_usec = 2000});               \
            (void)event_base_dispatch(the.base);                                                   \
        }                                                                                          \
    } while (0)

static void
assert_last(size_t index, const char *pattern)
{
    if (fnmatch(pattern, hook(index)->last, 0) != 0) {
        fail_msg("\"%s\"; expected \"%s\"", hook(index)->last, pattern);
    }
}

static const char *
read_got(void)
{
    static char got[BODIES_MAX];
    const int fd = open(the.file, O_RDONLY | O_CLOEXEC);
    const ssize_t length = fd >= 0 ? read(fd, got, sizeof(got) - 1) : 0;
    (void)close(fd);
    got[length > 0 ? length : 0] = '\0';
    return got;
}

static void
test_a_command_reads_the_event(void **state)
{
    (void)state;
    (void)add_script(LOCUM_HOOK_WARNING, "cat > %s; echo noted");
    start();
    assert_true(locum_hooks_wants(the.hooks, LOCUM_HOOK_WARNING));
    assert_false(locum_hooks_wants(the.hooks, LOCUM_HOOK_SERVICE));
    offer(LOCUM_HOOK_WARNING, LINE, 0);
    WAIT_FOR(hook(0)->delivered, 1);
    assert_string_equal(read_got(), LINE);
    assert_last(0, "exit 0 in * ms: noted");
    assert_string_equal(hook(0)->name, "command /bin/sh"); /* the arguments may be secret */
    assert_false(hook(0)->failing);
    assert_int_equal(hook(0)->queued, 0);
}

static void
test_events_come_in_order_one_at_a_time(void **state)
{
    char line[64];
    (void)state;
    (void)add_script(LOCUM_HOOK_WARNING, "cat >> %s");
    start();
    for (int i = 0; i < 8; i++) {
        (void)snprintf(line, sizeof(line), "{\"id\":%d}\n", i);
        offer(LOCUM_HOOK_WARNING, line, 0);
    }
    WAIT_FOR(hook(0)->delivered, 8);
    const char *at = read_got();
    for (int i = 0; i < 8; i++) {
        (void)snprintf(line, sizeof(line), "{\"id\":%d}\n", i);
        assert_int_equal(strncmp(at, line, strlen(line)), 0);
        at += strlen(line);
    }
}

static void
test_a_command_that_fails_is_not_repeated(void **state)
{
    (void)state;
    (void)add_script(LOCUM_HOOK_WARNING, "echo x >> %s; echo no route; exit 3");
    start();
    offer(LOCUM_HOOK_WARNING, LINE, 0);
    WAIT_FOR(hook(0)->failed, 1);
    assert_last(0, "exit 3 in * ms: no route");
    assert_true(hook(0)->failing);
    assert_int_equal(hook(0)->queued, 0);
    assert_string_equal(read_got(), "x\n");
}

static void
test_one_that_hangs_is_killed_and_holds_up_no_other(void **state)
{
    (void)state;
    add_script(LOCUM_HOOK_WARNING, "sleep 1000")->timeout_ms = SHORT_MS;
    (void)add_script(LOCUM_HOOK_WARNING, "cat >> %s");
    add_url(LOCUM_HOOK_WARNING, "/silent")->timeout_ms = LONG_MS;
    start();
    offer(LOCUM_HOOK_WARNING, LINE, 0);
    offer(LOCUM_HOOK_WARNING, LINE, 0);
    WAIT_FOR(hook(1)->delivered, 2);
    WAIT_FOR(hook(0)->failed, 2);
    assert_last(0, "not finished within 200 ms: killed");
    assert_int_equal(hook(2)->queued, 2);
}

/* As a program: its end is seen by nobody while its debugger, another process, does not wait for it
 * and `file` is there. */
static int
be_debugged(const char *file)
{
    const pid_t self = getpid();
    (void)prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY, 0, 0, 0);
    const int fd = open(file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (fd < 0 || write(fd, "x", 1) != 1) {
        return 1;
    }
    if (fork() == 0) {
        (void)setsid(); /* out of the group that is killed */
        (void)close(STDOUT_FILENO);
        (void)close(STDERR_FILENO);
        const long seized = ptrace(PTRACE_SEIZE, self, NULL, NULL);
        while (seized == 0 && access(file, F_OK) == 0) {
            (void)usleep(5000);
        }
        _exit(0);
    }
    (void)pause();
    return 1;
}

static void
test_while_one_that_was_killed_has_not_ended_no_other_starts(void **state)
{
    (void)state;
    struct locum_config_hook *hook_config = add_hook(LOCUM_HOOK_WARNING);
    const char *const words[] = {"/proc/self/exe", "be-debugged", the.file};
    struct locum_text text =
        locum_text_init(hook_config->command.at, sizeof(hook_config->command.at));
    for (size_t i = 0; i < LOCUM_COUNT(words); i++) {
        locum_text_add(&text, words[i]);
        locum_text_add_bytes(&text, "", 1);
        hook_config->command.count++;
    }
    hook_config->timeout_ms = 800;
    start();
    offer(LOCUM_HOOK_WARNING, LINE, 0);
    offer(LOCUM_HOOK_WARNING, LINE, 0);
    WAIT_FOR(hook(0)->failed, 1);
    assert_last(0, "not finished within 800 ms: killed");
    WAIT_FOR(hook(0)->failed, 2);
    assert_last(0, "the last run was killed but has not ended");
    assert_string_equal(read_got(), "x");
    assert_int_equal(unlink(the.file), 0);
    offer(LOCUM_HOOK_WARNING, LINE, 0);
    WAIT_FOR(strcmp(read_got(), "x"), 0); /* now it starts */
}

static void
test_a_full_queue_drops_and_counts(void **state)
{
    (void)state;
    (void)add_script(LOCUM_HOOK_WARNING, "sleep 1000");
    start();
    for (int i = 0; i < LOCUM_HOOKS_QUEUE_MAX + 5; i++) {
        offer(LOCUM_HOOK_WARNING, LINE, 0);
    }
    assert_int_equal(hook(0)->queued, LOCUM_HOOKS_QUEUE_MAX);
    assert_int_equal(hook(0)->dropped, 5);
    assert_int_not_equal(hook(0)->dropped_at, LOCUM_NEVER);
}

static void
test_a_url_gets_the_signed_event(void **state)
{
    (void)state;
    (void)snprintf(add_url(LOCUM_HOOK_WARNING, "/204?token=x")->secret, LOCUM_HOOK_SECRET_MAX, "%s",
                   SECRET);
    start();
    offer(LOCUM_HOOK_WARNING, LINE, 0);
    WAIT_FOR(hook(0)->delivered, 1);
    assert_int_equal(strlen(the.body), strlen(LINE) - 1); /* without the newline */
    assert_int_equal(strncmp(the.body, LINE, strlen(LINE) - 1), 0);
    assert_string_equal(the.type, "application/json");
    /* printf '%s' LINE | openssl dgst -sha256 -hmac 'a secret of the receiver' */
    assert_string_equal(the.signature,
                        "sha256=20976f64696f857cdc98d9df2d1fc8318b22fd0f26640655b4f3352e371f96f8");
    assert_last(0, "status 204 in * ms");
    char name[64];
    (void)snprintf(name, sizeof(name), "url http://127.0.0.1:%u", the.port);
    assert_string_equal(hook(0)->name, name);
}

static void
test_without_a_secret_nothing_is_signed(void **state)
{
    (void)state;
    (void)add_url(LOCUM_HOOK_WARNING, "/endless"); /* of the answer only the status counts */
    start();
    offer(LOCUM_HOOK_WARNING, LINE, 0);
    WAIT_FOR(hook(0)->delivered, 1);
    assert_string_equal(the.signature, "-");
}

static void
test_a_url_that_fails_for_now_is_repeated(void **state)
{
    (void)state;
    (void)add_url(LOCUM_HOOK_WARNING, "/204");
    start();
    the.failures_left = 1;
    offer(LOCUM_HOOK_WARNING, LINE, 0);
    WAIT_FOR(the.requests, 1);
    the.body[0] = '\0';
    WAIT_FOR(hook(0)->delivered, 1);
    assert_int_equal(the.requests, 2);
    assert_int_equal(strncmp(the.body, LINE, strlen(LINE) - 1), 0); /* the same id */
    assert_int_equal(hook(0)->failed, 0);
    assert_false(hook(0)->failing);
}

static void
test_an_answer_that_does_not_end_is_one(void **state)
{
    (void)state;
    add_url(LOCUM_HOOK_WARNING, "/unfinished")->timeout_ms = SHORT_MS;
    start();
    offer(LOCUM_HOOK_WARNING, LINE, 0);
    WAIT_FOR(hook(0)->queued, 0);
    assert_int_equal(hook(0)->delivered, 1);
    assert_last(0, "status 200 in * ms");
    assert_int_equal(the.requests, 1);
}

static void
test_a_refusal_is_not_repeated(void **state)
{
    (void)state;
    (void)add_url(LOCUM_HOOK_WARNING, "/denied");
    (void)add_url(LOCUM_HOOK_SERVICE, "/away");
    start();
    offer(LOCUM_HOOK_WARNING, LINE, 0);
    offer(LOCUM_HOOK_SERVICE, LINE, 0);
    WAIT_FOR(hook(0)->failed, 1);
    WAIT_FOR(hook(1)->failed, 1);
    assert_last(0, "status 403 in * ms: the server refuses this sender");
    assert_last(1, "status 302 in * ms: redirects are not followed");
    assert_int_equal(the.requests, 2);
}

static void
test_a_test_shows_what_happened(void **state)
{
    (void)state;
    (void)add_script(LOCUM_HOOK_WARNING, "cat > %s");
    (void)add_script(LOCUM_HOOK_WARNING, "exit 7");
    (void)add_url(LOCUM_HOOK_WARNING, "/204");
    add_hook(LOCUM_HOOK_WARNING)->lacks_secret = true;
    (void)snprintf(the.config.hooks[3].url, 64, "https://192.0.2.1/");
    start();
    assert_int_equal(locum_hooks_test(the.hooks, 0, LINE), 0);
    assert_int_equal(locum_hooks_test(the.hooks, 1, LINE), LOCUM_ERR_IN_USE);
    WAIT_FOR(the.tested, 1);
    assert_false(locum_hooks_is_testing(the.hooks));
    assert_true(locum_hooks_tested(the.hooks, 0)->good);
    assert_false(locum_hooks_tested(the.hooks, 1)->good);
    assert_int_equal(fnmatch("exit 7 in * ms", locum_hooks_tested(the.hooks, 1)->text, 0), 0);
    assert_true(locum_hooks_tested(the.hooks, 2)->good);
    assert_string_equal(locum_hooks_tested(the.hooks, 3)->text,
                        "its URL or its secret is not known");
    assert_int_equal(hook(0)->delivered + hook(1)->failed, 0); /* no events */
    assert_true(hook(1)->failing);
    assert_int_equal(locum_hooks_test(the.hooks, 3, LINE), 0);
    WAIT_FOR(the.tested, 2);
    assert_false(locum_hooks_tested(the.hooks, 0)->wanted);
}

/* The receiver is back: nobody waits for the repeat. */
static void
test_a_test_goes_before_a_repeat(void **state)
{
    (void)state;
    (void)add_url(LOCUM_HOOK_WARNING, "/204");
    start();
    the.failures_left = 1;
    offer(LOCUM_HOOK_WARNING, LINE, 0);
    WAIT_FOR(the.requests, 1);
    assert_int_equal(locum_hooks_test(the.hooks, 0, "test\n"), 0);
    WAIT_FOR(the.tested, 1);
    WAIT_FOR(hook(0)->delivered, 1);
    assert_int_equal(the.requests, 3);
}

static void
test_a_hook_does_not_get_the_warning_about_itself(void **state)
{
    (void)state;
    (void)add_script(LOCUM_HOOK_WARNING, "exit 1");
    (void)add_script(LOCUM_HOOK_WARNING, "exit 0");
    start();
    offer(LOCUM_HOOK_WARNING, LINE, 1);
    WAIT_FOR(hook(1)->delivered, 1);
    assert_int_equal(hook(0)->failed + hook(0)->queued, 0);
}

static void
test_a_reload_keeps_the_hooks_that_stay(void **state)
{
    const struct locum_config before = the.config;
    (void)state;
    (void)add_script(LOCUM_HOOK_WARNING, "sleep 1000"); /* goes */
    (void)add_url(LOCUM_HOOK_WARNING, "/silent");       /* stays, at another place */
    start();
    offer(LOCUM_HOOK_WARNING, LINE, 0);
    WAIT_FOR(the.requests, 1);
    the.config.hooks[0] = the.config.hooks[1];
    the.config.hooks[0].on[0] = LOCUM_HOOK_SERVICE;
    memset(&the.config.hooks[1], 0, sizeof(the.config.hooks[1]));
    the.config.hook_count = 1;
    (void)add_script(LOCUM_HOOK_WARNING, "cat > %s");
    locum_hooks_reconfigure(the.hooks, &before, &the.config);
    assert_int_equal(locum_hooks_count(the.hooks), 2);
    assert_int_equal(hook(0)->queued, 1);
    offer(LOCUM_HOOK_SERVICE, LINE, 0);
    offer(LOCUM_HOOK_WARNING, LINE, 0);
    assert_int_equal(hook(0)->queued, 2);
    WAIT_FOR(hook(1)->delivered, 1);
    evhttp_send_reply(the.silent, 200, NULL, NULL);
    WAIT_FOR(hook(0)->delivered, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "be-debugged") == 0) {
        return be_debugged(argv[2]);
    }
    const struct CMUnitTest tests[] = {
        TEST(test_a_command_reads_the_event),
        TEST(test_events_come_in_order_one_at_a_time),
        TEST(test_a_command_that_fails_is_not_repeated),
        TEST(test_one_that_hangs_is_killed_and_holds_up_no_other),
        TEST(test_while_one_that_was_killed_has_not_ended_no_other_starts),
        TEST(test_a_full_queue_drops_and_counts),
        TEST(test_a_url_gets_the_signed_event),
        TEST(test_without_a_secret_nothing_is_signed),
        TEST(test_a_url_that_fails_for_now_is_repeated),
        TEST(test_an_answer_that_does_not_end_is_one),
        TEST(test_a_refusal_is_not_repeated),
        TEST(test_a_test_shows_what_happened),
        TEST(test_a_test_goes_before_a_repeat),
        TEST(test_a_hook_does_not_get_the_warning_about_itself),
        TEST(test_a_reload_keeps_the_hooks_that_stay),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
