/*
 * fixture: a whole daemon in the test's process, with a folder and a loopback address of its own.
 * It is dc2 of two servers and a witness; the other two do not exist. Its log goes to a file.
 */
#ifndef TESTS_UNIT_DAEMON_FIXTURE_H
#define TESTS_UNIT_DAEMON_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/timer.h"
#include "control/control.h"
#include "daemon/daemon.h"
#include "daemon/loop.h"
#include "daemon/wiring.h"
#include "report/report.h"

enum { CONFIG_BYTES = 4096, LOG_BYTES = 64 * 1024 };

#ifndef FOLDER
#define FOLDER "/tmp/locum-daemon-XXXXXX"
#endif
#define SECRET "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n"

static struct locum_daemon *daemon_;
static char folder[32], host[20]; /* the own address: each process has another */
static int stderr_kept = -1;
static char logged[LOG_BYTES];

/* The configuration; `more`, first options of the zone, is its end; `http` is added to `listen`. */
static inline void
write_config(const char *http, const char *more)
{
    char text[CONFIG_BYTES];
    const int length = snprintf(text, sizeof(text),
                                "cluster: get\n"
                                "node: dc2\n"
                                "secret-file: %s/secret\n"
                                "state-dir: %s\n"
                                "listen: {dns: none, control: %s/control.sock%s}\n"
                                "nodes:\n"
                                "  dc2: {address: [%s], port: 19853}\n"
                                "  dc3: {address: [192.0.2.13]}\n"
                                "  ns0: {role: witness, address: [192.0.2.10]}\n"
                                "service: {checks: [{tcp: {address: \"127.0.0.1:9\"}}]}\n"
                                "zones:\n"
                                "  - name: get.example.org\n"
                                "    ns: [dc2.example.org, dc3.example.org]\n"
                                "%s",
                                folder, folder, folder, http, host, more);
    assert_true(length > 0 && length < CONFIG_BYTES);
    const int fd = open("locum.yaml", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_int_equal(write(fd, text, (size_t)length), length);
    (void)close(fd);
}

static void
write_file(const char *name, const char *text)
{
    const int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    (void)close(fd);
}

/* What was logged so far. */
static const char *
read_log(void)
{
    const int fd = open("log", O_RDONLY | O_CLOEXEC);
    const ssize_t length = read(fd, logged, sizeof(logged) - 1);
    (void)close(fd);
    logged[length > 0 ? length : 0] = '\0';
    return logged;
}

static int
setup(void **state)
{
    const int pid = (int)getpid();
    (void)state;
    memcpy(folder, FOLDER, sizeof(FOLDER));
    assert_non_null(mkdtemp(folder));
    assert_int_equal(chdir(folder), 0);
    (void)snprintf(host, sizeof(host), "127.77.%d.%d", (pid >> 8) & 255, 1 + pid % 254);
    write_file("secret", SECRET);
    stderr_kept = dup(STDERR_FILENO);
    const int log = open("log", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    assert_int_equal(dup2(log, STDERR_FILENO), STDERR_FILENO);
    (void)close(log);
    locum_log_repeat(); /* lines of the last test are no repetition */
    daemon_ = NULL;
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    locum_daemon_destroy(daemon_);
    daemon_ = NULL;
    (void)dup2(stderr_kept, STDERR_FILENO);
    (void)close(stderr_kept);
    DIR *files = opendir(folder);
    for (const struct dirent *file; (file = readdir(files)) != NULL;) {
        (void)unlink(file->d_name);
    }
    (void)closedir(files);
    assert_int_equal(chdir("/"), 0);
    assert_int_equal(rmdir(folder), 0);
    return 0;
}

static void
start(void)
{
    if (locum_daemon_create("locum.yaml", true, &daemon_) != 0) {
        (void)dup2(stderr_kept, STDERR_FILENO);
        fail_msg("it does not start: %s", read_log());
    }
}

/* Run the loop until the condition holds; false after 15 s. */
static inline bool
wait_until(bool (*holds)(void))
{
    const locum_ms end = locum_clock_read().mono + 15000;
    while (!holds() && locum_clock_read().mono < end) {
        const struct timeval tv = {.tv_usec = 5000};
        (void)event_base_loopexit(locum_daemon_loop(daemon_), &tv);
        (void)event_base_dispatch(locum_daemon_loop(daemon_));
    }
    return holds();
}

/* Run the loop for a while. */
static inline void
run_for(locum_ms ms)
{
    const struct timeval tv = locum_timer_timeval(ms);
    (void)event_base_loopexit(locum_daemon_loop(daemon_), &tv);
    (void)event_base_dispatch(locum_daemon_loop(daemon_));
}

static const struct locum_control_request nothing = {.final = true};

/* GET /status; the caller drops it. */
static inline json_t *
get_status(void)
{
    const struct locum_control_reply reply = locum_daemon_handlers.status(daemon_, &nothing);
    assert_int_equal(reply.status, 200);
    return reply.body;
}

/* The SOA serial of the answers. */
static inline json_int_t
get_serial(void)
{
    json_t *status = get_status();
    const json_int_t serial =
        json_integer_value(json_object_get(json_object_get(status, "dns"), "serial"));
    json_decref(status);
    return serial;
}

/* A sample of GET /metrics that is a whole number: "locum_x", "locum_y{z=\"1\"}". */
static inline long long
get_metric(const char *sample)
{
    char line[128];
    const struct locum_control_reply reply = locum_daemon_handlers.metrics(daemon_, &nothing);
    assert_int_equal(reply.status, 200);
    (void)snprintf(line, sizeof(line), "\n%s ", sample);
    const char *at = strstr(reply.text, line);
    assert_non_null(at);
    const long long value = strtoll(at + strlen(line), NULL, 10);
    free(reply.text);
    return value;
}

#endif
