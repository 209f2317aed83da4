/*
 * fixture: what the tests of the sub-commands share. A daemon that was recorded: a child process on
 * a temporary socket that notes what it was asked and gives one answer. Standard output and error
 * go to files.
 */
#ifndef LOCUM_TESTS_CLI_FIXTURE_H
#define LOCUM_TESTS_CLI_FIXTURE_H

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

#define WELL OK "{\"nodes\": [{\"name\": \"x\"}], \"degraded\": [], \"summary\": \"OK\"}"

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#endif
