#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "nsd-adapter/child.h"
#include "nsd-adapter/files.h"

static char folder[40], path[64];
static struct locum_nsd_files files;
static char why[LOCUM_NSD_FILES_WHY_MAX];

static int
setup(void **state)
{
    (void)state;
    memcpy(folder, "/tmp/locum-nsd-XXXXXX", 22);
    assert_non_null(mkdtemp(folder));
    (void)snprintf(path, sizeof(path), "%s/z", folder);
    locum_nsd_files_init(&files, path);
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    const char *const names[] = {files.path, files.fresh, files.last, files.open, files.lock};
    locum_nsd_files_fini(&files);
    for (size_t i = 0; i < LOCUM_COUNT(names); i++) {
        (void)unlink(names[i]);
    }
    assert_int_equal(rmdir(folder), 0);
    return 0;
}

static void
put(const char *text, bool keep)
{
    assert_int_equal(locum_nsd_files_write(&files, text, why), 0);
    assert_int_equal(locum_nsd_files_place(&files, keep, why), 0);
}

static void
assert_holds(const char *name, const char *text)
{
    char found[64] = "";
    FILE *file = fopen(name, "r");
    assert_non_null(file);
    (void)!fread(found, 1, sizeof(found) - 1, file);
    (void)fclose(file);
    assert_string_equal(found, text);
}

static void
test_place_replaces_the_file_and_keeps_the_former(void **state)
{
    (void)state;
    struct stat info;
    const mode_t mask = umask(0077);
    put("one\n", false);
    (void)umask(mask);
    assert_int_equal(stat(files.path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0644); /* NSD runs as another user */
    put("two\n", true);
    assert_holds(files.path, "two\n");
    assert_holds(files.last, "one\n");
    put("three\n", false);
    assert_holds(files.last, "one\n");
    assert_int_not_equal(access(files.fresh, F_OK), 0);
    assert_false(locum_nsd_files_changed(&files));
}

/* NSD does not read a file again that has the same mtime, whatever the clock does. */
static void
test_every_file_has_a_new_mtime(void **state)
{
    (void)state;
    struct stat before;
    struct stat after;
    put("one\n", false);
    for (int i = 0; i < 50; i++) {
        assert_int_equal(stat(files.path, &before), 0);
        if (i % 2 == 0) {
            put("two\n", true);
        } else {
            locum_nsd_files_touch(&files);
        }
        assert_int_equal(stat(files.path, &after), 0);
        assert_true(before.st_mtim.tv_sec != after.st_mtim.tv_sec ||
                    before.st_mtim.tv_nsec != after.st_mtim.tv_nsec);
    }
    const struct timespec ahead[2] = {{.tv_sec = time(NULL) + 86400},
                                      {.tv_sec = time(NULL) + 86400}};
    assert_int_equal(utimensat(AT_FDCWD, files.path, ahead, 0),
                     0); /* the clock was set back since then */
    assert_true(locum_nsd_files_changed(&files));
    put("three\n", true);
    assert_int_equal(stat(files.path, &after), 0);
    assert_true(after.st_mtim.tv_sec < ahead[1].tv_sec);
}

static void
test_change_by_another_program_is_noticed_once(void **state)
{
    (void)state;
    put("one\n", false);
    assert_false(locum_nsd_files_changed(&files));
    assert_int_equal(unlink(files.path), 0);
    assert_true(locum_nsd_files_changed(&files));
    assert_false(locum_nsd_files_changed(&files));
    put("two\n", true); /* there is no file to keep */
    assert_holds(files.path, "two\n");
}

static void
test_zone_file_is_read(void **state)
{
    (void)state;
    static const char text[] = "z. 60 IN SOA a. b. 7 1 1 1 1\nz. 60 IN A 192.0.2.1\n";
    struct locum_nsd_zonetext zone;
    char *read;
    assert_int_equal(locum_nsd_files_read(files.path, "z.", &read, &zone, why),
                     LOCUM_ERR_NOT_FOUND);
    assert_non_null(strstr(why, files.path));
    put(text, false);
    assert_int_equal(locum_nsd_files_read(files.path, "z.", &read, &zone, why), 0);
    assert_string_equal(read, text);
    assert_int_equal(zone.serial, 7);
    free(read);
    assert_int_equal(locum_nsd_files_read(files.path, "x.", &read, &zone, why), LOCUM_ERR_INVALID);
}

static void
test_failed_write_is_explained_and_keeps_the_file(void **state)
{
    (void)state;
    put("one\n", false);
    assert_int_equal(mkdir(files.fresh, 0700), 0); /* also fails for root */
    assert_int_not_equal(locum_nsd_files_write(&files, "two\n", why), 0);
    assert_non_null(strstr(why, files.fresh));
    assert_int_equal(rmdir(files.fresh), 0);
    assert_int_not_equal(locum_nsd_files_place(&files, true, why), 0);
    assert_holds(files.path, "one\n");
}

static void
test_lock_has_one_holder(void **state)
{
    (void)state;
    int status;
    assert_int_equal(locum_nsd_files_holder(&files), 0);
    assert_int_equal(mkfifo(files.lock, 0600), 0);
    assert_int_equal(locum_nsd_files_holder(&files), 0); /* without waiting for its writer */
    assert_int_equal(unlink(files.lock), 0);
    assert_int_equal(locum_nsd_files_lock(&files, why), 0);
    const pid_t parent = getpid();
    const pid_t child = fork(); /* a lock belongs to a process */
    if (child == 0) {
        struct locum_nsd_files other;
        char number[16];
        locum_nsd_files_init(&other, path);
        (void)snprintf(number, sizeof(number), "process %d.", (int)parent);
        const bool good = locum_nsd_files_holder(&other) == parent &&
                          locum_nsd_files_lock(&other, why) == LOCUM_ERR_IN_USE &&
                          strstr(why, number) != NULL;
        _exit(good ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/* The message names the package, not the exit code of env(1). */
static void
test_missing_program_is_reported(void **state)
{
    (void)state;
    static const char *const argv[] = {LOCUM_NSD_ENV, "no-such-program", NULL};
    char output[LOCUM_NSD_OUTPUT_MAX];
    assert_int_equal(locum_nsd_child_wait(argv, output), LOCUM_ERR_REFUSED);
    assert_non_null(strstr(output, "not installed"));
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_place_replaces_the_file_and_keeps_the_former),
        TEST(test_every_file_has_a_new_mtime),
        TEST(test_change_by_another_program_is_noticed_once),
        TEST(test_zone_file_is_read),
        TEST(test_failed_write_is_explained_and_keeps_the_file),
        TEST(test_lock_has_one_holder),
        cmocka_unit_test(test_missing_program_is_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
