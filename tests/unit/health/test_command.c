/* health: command checks run real programs, which inherit nothing and leave nothing. */
#include "fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>

enum { LONG_MS = 60000, AMPLE_MS = 20000, SHORT_MS = 500 };

/* words: ended by NULL. */
static void
add_argv(const char *const *words, locum_ms interval_ms, locum_ms timeout_ms)
{
    struct locum_config_check *check = add_check(LOCUM_CHECK_COMMAND, interval_ms, timeout_ms);
    struct locum_text text = locum_text_init(check->command.at, sizeof(check->command.at));
    for (; *words != NULL; words++) {
        locum_text_add(&text, *words);
        locum_text_add_bytes(&text, "", 1);
        check->command.count++;
    }
    assert_false(text.truncated);
}

static void
add_script(const char *script, locum_ms interval_ms, locum_ms timeout_ms)
{
    const char *const words[] = {"/bin/sh", "-c", script, NULL};
    add_argv(words, interval_ms, timeout_ms);
}

/* Threads that run a command; a sanitizer may have one of its own. */
static size_t
count_threads(void)
{
    char path[300];
    char name[32];
    size_t count = 0;
    DIR *folder = opendir("/proc/self/task");
    assert_non_null(folder);
    for (struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
        (void)snprintf(path, sizeof(path), "/proc/self/task/%s/comm", entry->d_name);
        FILE *file = fopen(path, "r");
        if (file != NULL && fgets(name, sizeof(name), file) != NULL) {
            count += strcmp(name, "locum-process\n") == 0 ? 1 : 0;
        }
        if (file != NULL) {
            (void)fclose(file);
        }
    }
    (void)closedir(folder);
    return count;
}

/* Every thread of a run has ended, and no child is left, not even a zombie. */
static void
assert_nothing_left(void)
{
    const locum_ms patience = locum_clock_read().mono + PATIENCE_S * 1000;
    siginfo_t info;
    /* Both: /proc may leave out a thread while another one ends. */
    while (count_threads() > 0 || waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0) {
        assert_true(locum_clock_read().mono < patience);
        (void)sched_yield();
    }
    assert_int_equal(errno, ECHILD);
}

static void
end_health(void)
{
    locum_health_destroy(the.health);
    the.health = NULL;
    the.config->core.check_count = 0;
    memset(the.config->checks, 0, sizeof(the.config->checks));
    memset(the.samples, 0, sizeof(the.samples));
    assert_nothing_left();
}

/* It does not run; a zombie is dead, too. */
static bool
is_dead(const char *pid)
{
    char path[64];
    char state = 'X';
    (void)snprintf(path, sizeof(path), "/proc/%s/stat", pid);
    FILE *file = fopen(path, "r");
    if (file != NULL) {
        if (fscanf(file, "%*d (%*[^)]) %c", &state) != 1) {
            state = 'X';
        }
        (void)fclose(file);
    }
    return state == 'X' || state == 'Z';
}

static void
assert_dies(const char *pid)
{
    const locum_ms patience = locum_clock_read().mono + PATIENCE_S * 1000;
    assert_true(pid[0] >= '1' && pid[0] <= '9');
    while (!is_dead(pid)) {
        assert_true(locum_clock_read().mono < patience);
        (void)sched_yield();
    }
}

static void
test_exit_code_0_passes(void **state)
{
    static const struct {
        const char *script;
        enum locum_sample outcome;
        const char *pattern;
    } rows[] = {
        {"exit 0", LOCUM_SAMPLE_PASS, "exit 0 in * ms"},
        {"echo fine; echo more", LOCUM_SAMPLE_PASS, "exit 0 in * ms: fine"},
        {"echo disk full >&2; exit 3", LOCUM_SAMPLE_FAIL, "exit 3 in * ms: disk full"},
        {"printf '\\n\\nlate'; exit 255", LOCUM_SAMPLE_FAIL, "exit 255 in * ms: late"},
        {"printf 'a\\033[1mb\\377'; exit 1", LOCUM_SAMPLE_FAIL, "exit 1 in * ms: a?\\[1mb\\?"},
        {"kill -SEGV $$", LOCUM_SAMPLE_FAIL, "killed by SIGSEGV in * ms"},
        {"kill -KILL $$", LOCUM_SAMPLE_FAIL, "killed by SIGKILL in * ms"},
        {"yes | head -c 1000000", LOCUM_SAMPLE_PASS, "exit 0 in * ms: y"},
        {"yes | head -c 1000 | tr -d '\\n'", LOCUM_SAMPLE_PASS, "exit 0 in * ms: yyyyyyy*y"},
        {"exec >&- 2>&-; exit 0", LOCUM_SAMPLE_PASS, "exit 0 in * ms"},
    };
    (void)state;
    for (size_t i = 0; i < LOCUM_COUNT(rows); i++) {
        add_script(rows[i].script, LONG_MS, AMPLE_MS);
        start_health();
        wait_for(&the.samples[0], 1);
        assert_sample(rows[i].outcome, rows[i].pattern);
        end_health();
    }
}

static void
test_program_that_cannot_be_run_fails_with_the_reason(void **state)
{
    static const char *const absent[] = {"/absent/program", NULL};
    static const char *const plain[] = {"/dev/null", NULL};
    (void)state;
    add_argv(absent, LONG_MS, AMPLE_MS);
    start_health();
    wait_for(&the.samples[0], 1);
    assert_sample(LOCUM_SAMPLE_FAIL, "cannot be run: No such file or directory");
    end_health();
    add_argv(plain, LONG_MS, AMPLE_MS);
    start_health();
    wait_for(&the.samples[0], 1);
    assert_sample(LOCUM_SAMPLE_FAIL, "cannot be run: Permission denied");
    end_health();
}

/* Neither descriptors nor signal settings nor the environment. */
static void
test_program_inherits_nothing(void **state)
{
    static const char *const list[] = {"/bin/ls", "-m", "/proc/self/fd", NULL};
    static const char *const scripts[][2] = {
        {"pwd; :", "exit 0 in * ms: /"},
        {"readlink /proc/$$/fd/0", "exit 0 in * ms: /dev/null"},
        {"read -r pid name state parent group rest </proc/$$/stat; test $group = $$",
         "exit 0 in * ms"},
        {"grep -Ec 'SigBlk:.0+$|SigIgn:.*0000000$' /proc/self/status", "exit 0 in * ms: 2"},
        {"tr '\\0' ' ' </proc/$$/environ",
         "exit 0 in * ms: PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "
         "HOME=/ LC_ALL=C "},
    };
    sigset_t blocked;
    sigset_t before;
    (void)state;
    const int open_fd = open("/dev/null", O_RDONLY); /* without O_CLOEXEC */
    assert_int_equal(setenv("SECRET", "x", 1), 0);
    (void)signal(SIGPIPE, SIG_IGN);
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGUSR1);
    (void)sigprocmask(SIG_BLOCK, &blocked, &before);
    add_argv(list, LONG_MS, AMPLE_MS);
    start_health();
    wait_for(&the.samples[0], 1);
    assert_sample(LOCUM_SAMPLE_PASS, "exit 0 in * ms: 0, 1, 2, 3"); /* the 3 is ls's own */
    end_health();
    for (size_t i = 0; i < LOCUM_COUNT(scripts); i++) {
        add_script(scripts[i][0], LONG_MS, AMPLE_MS);
        start_health();
        wait_for(&the.samples[0], 1);
        assert_sample(LOCUM_SAMPLE_PASS, scripts[i][1]);
        end_health();
    }
    (void)sigprocmask(SIG_SETMASK, &before, NULL);
    (void)signal(SIGPIPE, SIG_DFL);
    (void)unsetenv("SECRET");
    (void)close(open_fd);
}

/* The grandchild's pid: the first line of output, after the last blank of the text. */
static const char *
printed_pid(void)
{
    const char *blank = strrchr(the.text[0], ' ');
    assert_non_null(blank);
    return blank + 1;
}

static void
test_deadline_kills_the_whole_group(void **state)
{
    (void)state;
    const locum_ms before = locum_clock_read().mono;
    add_script("trap '' TERM; sleep 1000 & echo $!; sleep 1000", LONG_MS, SHORT_MS);
    start_health();
    wait_for(&the.samples[0], 1);
    assert_true(locum_clock_read().mono - before >= SHORT_MS - 10);
    assert_sample(LOCUM_SAMPLE_FAIL, "not finished within 500 ms: killed: *");
    assert_dies(printed_pid());
    end_health();
}

static void
test_background_processes_are_killed_at_the_end(void **state)
{
    (void)state;
    add_script("sleep 1000 & echo $!", LONG_MS, AMPLE_MS);
    start_health();
    wait_for(&the.samples[0], 1);
    assert_sample(LOCUM_SAMPLE_PASS, "exit 0 in * ms: *");
    assert_dies(printed_pid());
    end_health();
}

/* Also after a run that was killed at its deadline. */
static void
test_a_run_starts_after_the_end_of_the_last(void **state)
{
    (void)state;
    add_script("echo fine", 20, AMPLE_MS);
    start_health();
    wait_for(&the.samples[0], 5);
    assert_sample(LOCUM_SAMPLE_PASS, "exit 0 in * ms: fine");
    end_health();
    add_script("sleep 1000", 20, 50);
    start_health();
    wait_for(&the.samples[0], 1);
    assert_sample(LOCUM_SAMPLE_FAIL, "not finished within 50 ms: killed");
    wait_for(&the.samples[0], 4);
    assert_sample(LOCUM_SAMPLE_FAIL, "*killed*"); /* on a busy machine it may not have ended */
    end_health();
}

/* At each stage of a run, as a reload or a stop does. */
static void
test_destroy_kills_running_programs(void **state)
{
    (void)state;
    for (size_t iterations = 0; iterations < 6; iterations++) {
        add_script("sleep 1000 & sleep 1000", LONG_MS, LONG_MS);
        add_script("exit 0", 20, LONG_MS);
        start_health();
        for (size_t i = 0; i < iterations; i++) {
            (void)event_base_loop(the.base, EVLOOP_ONCE);
        }
        end_health();
    }
    char path[] = "/tmp/locum-command-XXXXXX"; /* the process reports that it runs */
    char script[64];
    char pid[32] = "";
    const int fd = mkstemp(path);
    assert_true(fd >= 0);
    (void)snprintf(script, sizeof(script), "sleep 1000 & echo $! >%s; wait", path);
    add_script(script, LONG_MS, LONG_MS);
    start_health();
    const locum_ms patience = locum_clock_read().mono + PATIENCE_S * 1000;
    while (pread(fd, pid, sizeof(pid) - 1, 0) == 0 || strchr(pid, '\n') == NULL) {
        assert_true(locum_clock_read().mono < patience);
        (void)event_base_loop(the.base, EVLOOP_NONBLOCK);
    }
    *strchr(pid, '\n') = '\0';
    end_health();
    assert_dies(pid);
    (void)unlink(path);
    (void)close(fd);
}

/* Other code of the program may wait for children: only the exit code is lost. */
static void
test_exit_code_taken_by_other_code_is_a_failure(void **state)
{
    (void)state;
    (void)signal(SIGCHLD, SIG_IGN);
    add_script("exit 0", LONG_MS, AMPLE_MS);
    start_health();
    wait_for(&the.samples[0], 1);
    assert_sample(LOCUM_SAMPLE_FAIL, "cannot be run: No child processes");
    (void)signal(SIGCHLD, SIG_DFL);
    end_health();
}

static void
test_lack_of_descriptors_is_no_failure(void **state)
{
    (void)state;
    add_script("exit 0", 20, AMPLE_MS);
    start_health();
    wait_for(&the.samples[0], 1);
    assert_lack_is_no_failure("could not be run for * ms: no memory, descriptor *");
    assert_int_equal(the.outcome[0], LOCUM_SAMPLE_PASS);
    end_health();
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_exit_code_0_passes),
        TEST(test_program_that_cannot_be_run_fails_with_the_reason),
        TEST(test_program_inherits_nothing),
        TEST(test_deadline_kills_the_whole_group),
        TEST(test_background_processes_are_killed_at_the_end),
        TEST(test_a_run_starts_after_the_end_of_the_last),
        TEST(test_destroy_kills_running_programs),
        TEST(test_lack_of_descriptors_is_no_failure),
        TEST(test_exit_code_taken_by_other_code_is_a_failure),
    };
    return cmocka_run_group_tests_name("health: command", tests, NULL, NULL);
}
