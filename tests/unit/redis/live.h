/*
 * live: real Redis and Sentinel processes on 127.0.0.1, in a temporary folder, ended by process id.
 */
#ifndef TESTS_REDIS_LIVE_H
#define TESTS_REDIS_LIVE_H

#include "fixture.h"

#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include <hiredis/hiredis.h>

static char live_folder[64];

struct process {
    pid_t pid;     /* 0: none */
    uint16_t port; /* 0: one is chosen at the start */
};

static inline bool
is_installed(const char *program)
{
    const char *path = getenv("PATH");
    char file[512];
    struct locum_slice rest = locum_slice_of(path != NULL ? path : "/usr/bin");
    struct locum_slice folder;
    while (locum_slice_cut(&rest, ':', &folder)) {
        snprintf(file, sizeof(file), "%.*s/%s", (int)folder.length, folder.at, program);
        if (access(file, X_OK) == 0) {
            return true;
        }
    }
    return false;
}

/* Start a program in the site's folder, without output; it is killed when the test ends. */
static inline pid_t
start(const char *const argv[])
{
    const pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        const int null = open("/dev/null", O_RDWR);
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        dup2(null, 0);
        dup2(null, 1);
        dup2(null, 2);
        if (chdir(live_folder) == 0) {
            execvp(argv[0], (char *const *)argv);
        }
        _exit(127);
    }
    return pid;
}

static inline void
stop(struct process *process)
{
    if (process->pid > 0) {
        kill(process->pid, SIGKILL);
        waitpid(process->pid, NULL, 0);
        process->pid = 0;
    }
}

/* A connection for the test's own commands, once the server answers. */
static inline redisContext *
reach(uint16_t port)
{
    const locum_ms end = locum_clock_read().mono + 5000;
    const struct timeval tv = {.tv_sec = 2};
    while (locum_clock_read().mono < end) {
        redisContext *context = redisConnectWithTimeout("127.0.0.1", port, tv);
        if (context != NULL && context->err == 0) {
            redisSetTimeout(context, tv);
            return context;
        }
        redisFree(context);
        usleep(10000);
    }
    fail_msg("no Redis answers on port %u", port);
    return NULL;
}

/* Redis before 7.0 lets everyone use DEBUG and knows no option for it; and it has other access
 * lists. */
static inline bool
is_redis_7(void)
{
    char line[256] = "";
    FILE *version = popen("redis-server --version", "r");
    assert_non_null(version);
    assert_non_null(fgets(line, sizeof(line), version));
    (void)pclose(version);
    const char *number = strstr(line, " v=");
    assert_non_null(number);
    return atoi(number + 3) >= 7;
}

/*
 * A redis-server on its own port, with more options.
 *
 * options  words, NULL at their end; NULL: none.
 */
static inline void
start_server(struct process *process, const char *const *options)
{
    char port[8];
    const char *argv[32] = {"redis-server", "--port", port, "--bind", "127.0.0.1"};
    size_t count = 5;
    process->port = process->port != 0 ? process->port : free_port();
    snprintf(port, sizeof(port), "%u", process->port);
    static const char *const more[] = {"--save", "", "--repl-diskless-sync-delay", "0",
                                       "--dbfilename"};
    static const char *const debug[] = {"--enable-debug-command", "yes"};
    for (size_t i = 0; i < LOCUM_COUNT(more); i++) {
        argv[count++] = more[i];
    }
    argv[count++] = port;
    const size_t debug_count = is_redis_7() ? LOCUM_COUNT(debug) : 0;
    for (size_t i = 0; i < debug_count; i++) {
        argv[count++] = debug[i];
    }
    for (; options != NULL && *options != NULL && count < LOCUM_COUNT(argv) - 1; options++) {
        argv[count++] = *options;
    }
    process->pid = start(argv);
    redisFree(reach(process->port));
}

/* A Sentinel of the master "mirrorbits" at 127.0.0.1:`master`, with more lines in its file. */
static inline void
start_sentinel(struct process *process, uint16_t master, const char *lines)
{
    char file[128];
    char name[32];
    process->port = process->port != 0 ? process->port : free_port();
    snprintf(name, sizeof(name), "sentinel-%u.conf", process->port);
    snprintf(file, sizeof(file), "%s/%s", live_folder, name);
    FILE *out = fopen(file, "w");
    assert_non_null(out);
    fprintf(out,
            "port %u\nbind 127.0.0.1\ndir %s\n"
            "sentinel monitor mirrorbits 127.0.0.1 %u 2\n"
            "sentinel down-after-milliseconds mirrorbits 500\n"
            "sentinel failover-timeout mirrorbits 3000\n%s",
            process->port, live_folder, master, lines);
    fclose(out);
    const char *argv[] = {"redis-sentinel", name, NULL};
    process->pid = start(argv);
    redisFree(reach(process->port));
}

static inline long long
ask_number(uint16_t port, const char *command)
{
    redisContext *context = reach(port);
    redisReply *reply = redisCommand(context, command);
    assert_non_null(reply);
    const long long number = reply->type == REDIS_REPLY_INTEGER ? reply->integer : -1;
    freeReplyObject(reply);
    redisFree(context);
    return number;
}

static inline void
ask_text(uint16_t port, const char *command, char *buffer, size_t size)
{
    redisContext *context = reach(port);
    redisReply *reply = redisCommand(context, command);
    assert_non_null(reply);
    buffer[0] = '\0';
    if (reply->str != NULL) {
        snprintf(buffer, size, "%s", reply->str);
    }
    freeReplyObject(reply);
    redisFree(context);
}

static inline int
remove_one(const char *path, const struct stat *status, int flag, struct FTW *ftw)
{
    (void)status;
    (void)flag;
    (void)ftw;
    return remove(path);
}

/* Before the first program, and after the last has been stopped. */
static inline void
make_folder(void)
{
    SET_TEXT(live_folder, "/tmp/locum-test-redis-XXXXXX");
    assert_non_null(mkdtemp(live_folder));
}

static inline int
remove_folder(void)
{
    return nftw(live_folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

/* If Redis is missing, print a line that tests/run counts as skipped. */
static inline bool
is_redis_installed(void)
{
    const bool installed = is_installed("redis-server") && is_installed("redis-sentinel");
    if (!installed) {
        print_message("SKIP: redis-server and redis-sentinel are not installed; nothing was "
                      "tested against a real Redis (apt-get install redis-server "
                      "redis-sentinel)\n");
    }
    return installed;
}

#endif
