#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/fsuid.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "daemon/state.h"
#include "tests/unit/entries.h"

enum { PATIENCE_MS = 10000, HOUR_MS = 3600000, NOBODY = 65534 };

static const struct locum_now now = {.mono = 5000, .boot = 7000000, .wall = 1763863200000};

static struct locum_config *config; /* nodes dc2 (self), dc3, ns0 */
static char path[LOCUM_STATE_PATH_MAX];
static char broken[LOCUM_STATE_PATH_MAX];
static char temp[LOCUM_STATE_PATH_MAX];

static int
setup(void **state)
{
    static const char *const names[] = {"dc2", "dc3", "ns0"};
    (void)state;
    config = calloc(1, sizeof(*config));
    assert_non_null(config);
    memcpy(config->core.cluster, "get", 4);
    config->core.node_count = LOCUM_COUNT(names);
    for (size_t i = 0; i < LOCUM_COUNT(names); i++) {
        memcpy(config->core.nodes[i].name, names[i], 4);
    }
    memcpy(config->state_dir, "/tmp/locum-test-state-XXXXXX", 29);
    assert_non_null(mkdtemp(config->state_dir));
    locum_state_path(config, ".state", path);
    locum_state_path(config, ".state.broken", broken);
    locum_state_path(config, ".state.new", temp);
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    (void)chmod(config->state_dir, 0700);
    (void)unlink(path);
    (void)unlink(broken);
    (void)unlink(temp);
    (void)rmdir(temp);
    assert_int_equal(rmdir(config->state_dir), 0);
    free(config);
    return 0;
}

static void
write_text(const char *text, size_t length)
{
    const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, length), length);
    (void)close(fd);
}

static void
read_text(char *ret, size_t size)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    const ssize_t length = read(fd, ret, size - 1);
    assert_true(length >= 0);
    ret[length] = '\0';
    (void)close(fd);
}

/* What was loaded last. */
static struct {
    int status;
    struct locum_saved saved;
    uint32_t serial;
    char why[512];
} loaded;

static void
load_at(struct locum_now at)
{
    struct locum_text why = locum_text_init(loaded.why, sizeof(loaded.why));
    memset(&loaded.saved, 0xa5, sizeof(loaded.saved));
    loaded.status = locum_state_load(config, at, &loaded.saved, &loaded.serial, &why);
    assert_false(why.truncated);
}

/* A node in drain until an hour from now, that keeps dc3 out. */
static struct locum_saved
drained(void)
{
    return (struct locum_saved){.incarnation = 1763863200123,
                                .admin = {.state = LOCUM_DRAIN,
                                          .until_boot = 7000000 + HOUR_MS,
                                          .reason = "kernel upgrade = reboot, \"soon\"",
                                          .excluded = 1u << 1}};
}

static void
save(const struct locum_saved *saved, uint32_t serial)
{
    char buffer[LOCUM_STATE_BYTES_MAX];
    struct locum_text text = locum_text_init(buffer, sizeof(buffer));
    locum_state_add(&text, config, saved, serial, now);
    assert_false(text.truncated);
    write_text(buffer, text.length);
}

static void
test_no_file_is_a_fresh_state(void **state)
{
    (void)state;
    load_at(now);
    assert_int_equal(loaded.status, 0);
    assert_string_equal(loaded.why, "");
    assert_int_equal(loaded.saved.incarnation, 0);
    assert_int_equal(loaded.saved.admin.state, LOCUM_READY);
    assert_int_equal(loaded.saved.admin.until_boot, LOCUM_NEVER);
    assert_string_equal(loaded.saved.admin.reason, "");
    assert_int_equal(loaded.saved.admin.excluded, 0);
    assert_int_equal(loaded.serial, 0);
}

static void
test_what_was_saved_is_loaded(void **state)
{
    (void)state;
    const struct locum_saved saved = drained();
    save(&saved, 4294967295u);
    load_at((struct locum_now){.mono = 1, .boot = 7000000 + 1000});
    assert_int_equal(loaded.status, 0);
    assert_int_equal(loaded.saved.incarnation, saved.incarnation);
    assert_int_equal(loaded.saved.admin.state, LOCUM_DRAIN);
    assert_int_equal(loaded.saved.admin.until_boot, saved.admin.until_boot); /* same boot */
    assert_string_equal(loaded.saved.admin.reason, saved.admin.reason);
    assert_int_equal(loaded.saved.admin.excluded, saved.admin.excluded);
    assert_int_equal(loaded.serial, 4294967295u);
}

static void
test_an_admin_state_without_a_lease_does_not_end(void **state)
{
    (void)state;
    struct locum_saved saved = drained();
    saved.admin.state = LOCUM_MAINT;
    saved.admin.until_boot = LOCUM_NEVER;
    save(&saved, 1);
    load_at(now);
    assert_int_equal(loaded.saved.admin.state, LOCUM_MAINT);
    assert_int_equal(loaded.saved.admin.until_boot, LOCUM_NEVER);
}

/* Make the saved file one of another boot. */
static void
reboot(void)
{
    char text[LOCUM_STATE_BYTES_MAX];
    read_text(text, sizeof(text));
    char *id = strstr(text, "boot-id ");
    assert_non_null(id);
    id += strlen("boot-id ");
    *id = *id == '0' ? '1' : '0';
    write_text(text, strlen(text));
}

/* It is not known for how long the host was off: what was left of the lease counts from now. */
static void
test_a_lease_does_not_run_while_the_host_is_off(void **state)
{
    (void)state;
    const struct locum_saved saved = drained();
    save(&saved, 1);
    reboot();
    load_at((struct locum_now){.mono = 1, .boot = 20000});
    assert_int_equal(loaded.status, 0);
    assert_int_equal(loaded.saved.admin.until_boot, 20000 + HOUR_MS);
}

static void
test_a_lease_that_is_over_stays_over(void **state)
{
    (void)state;
    struct locum_saved saved = drained();
    saved.admin.until_boot = now.boot - 5;
    save(&saved, 1);
    load_at(now);
    assert_true(loaded.saved.admin.until_boot <= now.boot);
    reboot();
    load_at((struct locum_now){.mono = 1, .boot = 20000});
    assert_int_equal(loaded.saved.admin.until_boot, 20000);
}

static void
test_a_reason_cannot_break_its_line(void **state)
{
    (void)state;
    struct locum_saved saved = drained();
    memcpy(saved.admin.reason, "one\nadmin maint\ttwo", 20);
    save(&saved, 1);
    load_at(now);
    assert_int_equal(loaded.status, 0);
    assert_int_equal(loaded.saved.admin.state, LOCUM_DRAIN);
    assert_string_equal(loaded.saved.admin.reason, "one admin maint two");
}

static void
test_the_largest_state_fits(void **state)
{
    (void)state;
    struct locum_saved saved = {.incarnation = (uint64_t)1 << 53};
    config->core.node_count = LOCUM_NODES_MAX;
    for (size_t i = 0; i < LOCUM_NODES_MAX; i++) {
        char *name = config->core.nodes[i].name;
        memset(name, 'n', LOCUM_NODE_NAME_MAX);
        name[0] = (char)('a' + i / 16);
        name[1] = (char)('a' + i % 16);
    }
    saved.admin.state = LOCUM_MAINT;
    saved.admin.until_boot = (locum_ms)1 << 53;
    saved.admin.excluded = 0xfffffffe;
    memset(saved.admin.reason, 'r', LOCUM_REASON_MAX);
    save(&saved, 4294967295u);
    load_at(now);
    assert_int_equal(loaded.status, 0);
    assert_int_equal(loaded.saved.incarnation, saved.incarnation);
    assert_int_equal(loaded.saved.admin.excluded, saved.admin.excluded);
    assert_string_equal(loaded.saved.admin.reason, saved.admin.reason);
}

static void
test_unknown_peers_and_keys_and_the_node_itself_are_skipped(void **state)
{
    static const char text[] = "incarnation 7\nserial 9\nadmin ready\n"
                               "excluded gone,dc3,dc2\nx-later some thing\n";
    (void)state;
    write_text(text, sizeof(text) - 1);
    load_at(now);
    assert_int_equal(loaded.status, 0);
    assert_int_equal(loaded.saved.incarnation, 7);
    assert_int_equal(loaded.saved.admin.excluded, 1u << 1);
    assert_int_equal(loaded.serial, 9);
}

static void
test_a_malformed_file_is_reported_and_kept_aside(void **state)
{
    static const struct {
        const char *text, *why;
    } rows[] = {
        {"", "a part is missing"},
        {"incarnation 7\nserial 9\n", "a part is missing"},
        {"incarnation 7\nserial 9\nadmin drain", "a part is missing"},
        {"incarnation 7\nserial 9\nadmin\n", "line 3 is malformed: admin"},
        {"incarnation seven\nadmin ready\n", "line 1 is malformed: incarnation\\x20seven"},
        {"incarnation 7\nserial 4294967296\nadmin ready\n",
         "line 2 is malformed: serial\\x204294967296"},
        {"incarnation -7\nadmin ready\n", "line 1 is malformed"},
        {"admin asleep\n", "line 1 is malformed"},
        {"admin drain\nleft-ms 1h\n", "line 2 is malformed"},
        {"admin drain\nuntil-boot-ms \n", "line 2 is malformed"},
        {"admin drain\nboot-id 0123456789012345678901234567890123456789\n", "line 2 is malformed"},
        {"\x01\xff\x00\n", "line 1 is malformed"},
    };
    (void)state;
    for (size_t i = 0; i < LOCUM_COUNT(rows); i++) {
        write_text(rows[i].text, strlen(rows[i].text));
        load_at(now);
        if (loaded.status != LOCUM_ERR_INVALID || strstr(loaded.why, rows[i].why) == NULL) {
            fail_msg("row %zu: %d, \"%s\"", i, loaded.status, loaded.why);
        }
        assert_non_null(strstr(loaded.why, "; kept as "));
        assert_non_null(strstr(loaded.why, broken));
        assert_int_not_equal(access(path, F_OK), 0);
        assert_int_equal(unlink(broken), 0);
        load_at(now);
        assert_int_equal(loaded.status, 0);
    }
}

static void
test_a_file_too_long_is_malformed(void **state)
{
    static char text[LOCUM_STATE_BYTES_MAX + 10] = "admin ready\nx-later ";
    (void)state;
    memset(text + 20, 'x', sizeof(text) - 20);
    for (size_t i = 63; i < sizeof(text); i += 64) {
        memcpy(text + i - 2, "\na ", 3);
    }
    text[LOCUM_STATE_BYTES_MAX - 1] = '\n'; /* a line ends where the buffer does */
    text[sizeof(text) - 1] = '\n';
    write_text(text, sizeof(text));
    load_at(now);
    assert_int_equal(loaded.status, LOCUM_ERR_INVALID);
}

static void
test_a_file_that_cannot_be_read_is_reported(void **state)
{
    (void)state;
    assert_int_equal(mkdir(path, 0700), 0);
    load_at(now);
    assert_int_equal(rmdir(path), 0);
    assert_true(loaded.status < 0);
    assert_int_equal(loaded.saved.incarnation, 0);
    assert_int_equal(loaded.saved.admin.until_boot, LOCUM_NEVER);
    assert_non_null(strstr(loaded.why, path));
    assert_non_null(strstr(loaded.why, "not a regular file"));
}

/* Between two checks of a condition. */
static void
pause_1ms(void)
{
    (void)nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
}

/* The writer under test, and what it reports. */
static struct locum_state_writer *writer;
static char problem[512];

static void
start_writer(void)
{
    assert_int_equal(locum_state_writer_create(config, &writer), 0);
}

static void
put(uint32_t serial)
{
    const struct locum_saved saved = drained();
    locum_state_writer_put(writer, config, &saved, serial, now);
}

static bool
has_problem(void)
{
    struct locum_text text = locum_text_init(problem, sizeof(problem));
    const bool found = locum_state_writer_error(writer, &text);
    assert_false(text.truncated);
    return found;
}

static bool
is_saved(uint32_t serial)
{
    if (access(path, F_OK) != 0) {
        return false;
    }
    load_at(now);
    return loaded.status == 0 && loaded.serial == serial && loaded.saved.incarnation != 0;
}

static void
wait_for_problem(bool wanted)
{
    const locum_ms patience = locum_clock_read().mono + PATIENCE_MS;
    while (has_problem() != wanted && locum_clock_read().mono < patience) {
        pause_1ms();
    }
    assert_int_equal(has_problem(), wanted);
}

static void
wait_for_saved(uint32_t serial)
{
    const locum_ms patience = locum_clock_read().mono + PATIENCE_MS;
    while (!is_saved(serial) && locum_clock_read().mono < patience) {
        pause_1ms();
    }
    assert_true(is_saved(serial));
}

static void
test_the_writer_saves_and_the_last_one_wins(void **state)
{
    struct stat info;
    (void)state;
    start_writer();
    put(1);
    wait_for_saved(1);
    assert_false(has_problem());
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & (S_IRWXG | S_IRWXO), 0);
    for (uint32_t serial = 2; serial <= 500; serial++) {
        put(serial);
    }
    locum_state_writer_destroy(writer);
    assert_true(is_saved(500));
    assert_int_not_equal(access(temp, F_OK), 0);
    locum_state_writer_destroy(NULL);
}

static void
test_a_writer_without_work_ends(void **state)
{
    (void)state;
    start_writer();
    assert_false(has_problem());
    locum_state_writer_destroy(writer);
    assert_int_not_equal(access(path, F_OK), 0);
}

static void
test_a_read_only_folder_is_reported_and_retried(void **state)
{
    (void)state;
    assert_int_equal(chmod(config->state_dir, 0500), 0);
    if (geteuid() == 0) { /* root may write everywhere; new threads inherit this */
        assert_int_equal(chown(config->state_dir, NOBODY, NOBODY), 0);
        (void)setfsuid(NOBODY);
    }
    start_writer();
    put(3);
    wait_for_problem(true);
    assert_non_null(strstr(problem, config->state_dir));
    assert_non_null(strstr(problem, "(Permission denied)"));
    assert_non_null(strstr(problem, "not affected"));
    assert_non_null(strstr(problem, "write access"));
    assert_int_equal(chmod(config->state_dir, 0700), 0);
    wait_for_problem(false);
    wait_for_saved(3);
    locum_state_writer_destroy(writer);
    (void)setfsuid(geteuid());
}

static void
test_a_missing_folder_is_reported(void **state)
{
    (void)state;
    assert_int_equal(rmdir(config->state_dir), 0);
    start_writer();
    put(4);
    wait_for_problem(true);
    assert_non_null(strstr(problem, "(No such file or directory)"));
    assert_non_null(strstr(problem, "create it"));
    assert_int_equal(mkdir(config->state_dir, 0700), 0);
    wait_for_saved(4);
    locum_state_writer_destroy(writer);
}

/* The old file stays whole if the new one cannot be written. */
static void
test_a_write_that_stops_halfway_leaves_the_old_file(void **state)
{
    struct rlimit old;
    (void)state;
    start_writer();
    put(5);
    wait_for_saved(5);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    assert_true(signal(SIGXFSZ, SIG_IGN) != SIG_ERR);
    assert_int_equal(
        setrlimit(RLIMIT_FSIZE, &(struct rlimit){.rlim_cur = 16, .rlim_max = old.rlim_max}), 0);
    put(6);
    wait_for_problem(true);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    assert_non_null(strstr(problem, "(File too large)"));
    assert_true(is_saved(5));
    wait_for_saved(6);
    locum_state_writer_destroy(writer);
    assert_true(signal(SIGXFSZ, SIG_DFL) != SIG_ERR);
}

/* Write to a new file in the folder until the disk is full. */
static void
fill_disk(void)
{
    static const char block[4096];
    const int fd = open(broken, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    while (write(fd, block, sizeof(block)) > 0) {
    }
    assert_int_equal(errno, ENOSPC);
    (void)close(fd);
}

static void
test_a_full_disk_is_reported(void **state)
{
    (void)state;
    if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("none", config->state_dir, "tmpfs", 0, "size=64k") != 0) {
        print_message("SKIP: a small tmpfs needs root: %s\n", strerror(errno));
        skip();
    }
    fill_disk();
    start_writer();
    put(7);
    wait_for_problem(true);
    assert_non_null(strstr(problem, "(No space left on device)"));
    assert_non_null(strstr(problem, "free space"));
    assert_int_equal(unlink(broken), 0);
    wait_for_saved(7);
    locum_state_writer_destroy(writer);
    assert_int_equal(umount(config->state_dir), 0);
}

static atomic_bool hangs;

/* In place of libc's: while the disk hangs it does not return. */
int
fsync(int fd)
{
    while (hangs) {
        pause_1ms();
    }
    return (int)syscall(SYS_fsync, fd);
}

static void
test_a_disk_that_hangs_delays_the_end_by_a_second_at_most(void **state)
{
    (void)state;
    const size_t threads = count_entries("/proc/self/task");
    hangs = true;
    start_writer();
    for (uint32_t serial = 1; serial < 100; serial++) {
        put(serial);
        assert_false(has_problem());
    }
    const locum_ms before = locum_clock_read().mono;
    locum_state_writer_destroy(writer);
    assert_in_range(locum_clock_read().mono - before, 900, 5000);
    hangs = false; /* the thread ends by itself */
    const locum_ms patience = locum_clock_read().mono + PATIENCE_MS;
    while (count_entries("/proc/self/task") > threads && locum_clock_read().mono < patience) {
        pause_1ms();
    }
    assert_int_equal(count_entries("/proc/self/task"), threads);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_no_file_is_a_fresh_state),
        TEST(test_what_was_saved_is_loaded),
        TEST(test_an_admin_state_without_a_lease_does_not_end),
        TEST(test_a_lease_does_not_run_while_the_host_is_off),
        TEST(test_a_lease_that_is_over_stays_over),
        TEST(test_a_reason_cannot_break_its_line),
        TEST(test_the_largest_state_fits),
        TEST(test_unknown_peers_and_keys_and_the_node_itself_are_skipped),
        TEST(test_a_malformed_file_is_reported_and_kept_aside),
        TEST(test_a_file_too_long_is_malformed),
        TEST(test_a_file_that_cannot_be_read_is_reported),
        TEST(test_the_writer_saves_and_the_last_one_wins),
        TEST(test_a_writer_without_work_ends),
        TEST(test_a_read_only_folder_is_reported_and_retried),
        TEST(test_a_missing_folder_is_reported),
        TEST(test_a_write_that_stops_halfway_leaves_the_old_file),
        TEST(test_a_full_disk_is_reported),
        TEST(test_a_disk_that_hangs_delays_the_end_by_a_second_at_most),
    };
    return cmocka_run_group_tests_name("state", tests, NULL, NULL);
}
