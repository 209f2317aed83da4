/* file: reading whole files, refusing secrets that others may read, replacing in one step. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"

static char directory[] = "/tmp/locum-file-XXXXXX";
static char path[64];
static char temp[64];
static char bytes[8];
static size_t length;
static char why_buffer[256];
static struct locum_text why;

static void
write_plain(const char *text, mode_t mode)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(path, mode), 0);
}

static void
assert_content(const char *expected)
{
    assert_int_equal(locum_file_read(path, bytes, sizeof(bytes), &length, NULL, NULL), 0);
    assert_string_equal(bytes, expected);
    assert_int_equal(length, strlen(expected));
}

static int
set_up(void **state)
{
    (void)state;
    (void)unlink(path);
    why = locum_text_init(why_buffer, sizeof(why_buffer));
    return 0;
}

static int
create_directory(void **state)
{
    (void)state;
    assert_non_null(mkdtemp(directory));
    (void)snprintf(path, sizeof(path), "%s/file", directory);
    (void)snprintf(temp, sizeof(temp), "%s/file.new", directory);
    return 0;
}

static int
remove_directory(void **state)
{
    (void)state;
    (void)unlink(path);
    return rmdir(directory);
}

static void
test_read_returns_the_whole_file(void **state)
{
    bool public = false;
    (void)state;
    write_plain("1234567", 0644);
    assert_int_equal(locum_file_read(path, bytes, sizeof(bytes), &length, &public, &why), 0);
    assert_string_equal(bytes, "1234567");
    assert_int_equal(length, 7);
    assert_true(public);
    write_plain("", 0640);
    assert_int_equal(locum_file_read(path, bytes, sizeof(bytes), &length, &public, &why), 0);
    assert_int_equal(length, 0);
    assert_false(public);
    assert_string_equal(why_buffer, "");
}

static void
test_read_refuses_a_file_that_is_too_large(void **state)
{
    (void)state;
    write_plain("12345678", 0600);
    assert_int_equal(locum_file_read(path, bytes, sizeof(bytes), &length, NULL, &why),
                     LOCUM_ERR_RANGE);
    assert_string_equal(why_buffer, "larger than 7 bytes");
}

static void
test_read_says_why_it_failed(void **state)
{
    (void)state;
    assert_int_equal(locum_file_read(path, bytes, sizeof(bytes), &length, NULL, &why),
                     LOCUM_ERR_NOT_FOUND);
    assert_non_null(strstr(why_buffer, "No such file"));
    why = locum_text_init(why_buffer, sizeof(why_buffer));
    assert_int_equal(locum_file_read(directory, bytes, sizeof(bytes), &length, NULL, &why),
                     LOCUM_ERR_INVALID);
    assert_non_null(strstr(why_buffer, "regular"));
}

static void
test_read_does_not_wait_for_a_fifo(void **state)
{
    (void)state;
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(locum_file_read(path, bytes, sizeof(bytes), &length, NULL, &why),
                     LOCUM_ERR_INVALID);
}

/* A library that is given a path would wait for a FIFO; what is opened stays the file it was. */
static void
test_open_is_for_regular_files_only(void **state)
{
    char via[LOCUM_FILE_VIA_MAX];
    (void)state;
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(locum_file_open(path, via, &why), LOCUM_ERR_INVALID);
    assert_non_null(strstr(why_buffer, "regular"));
    assert_int_equal(locum_file_open("/dev/null", via, &why), LOCUM_ERR_INVALID);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(locum_file_open(path, via, &why), LOCUM_ERR_NOT_FOUND);
    write_plain("first", 0600);
    const int fd = locum_file_open(path, via, &why);
    assert_true(fd >= 0);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(locum_file_read(via, bytes, sizeof(bytes), &length, NULL, &why), 0);
    assert_string_equal(bytes, "first");
    assert_int_equal(close(fd), 0);
}

static void
test_private_read_refuses_access_of_others(void **state)
{
    static const mode_t modes[] = {0604, 0602, 0601};
    (void)state;
    for (size_t i = 0; i < LOCUM_COUNT(modes); i++) {
        write_plain("secret", modes[i]);
        why = locum_text_init(why_buffer, sizeof(why_buffer));
        assert_int_equal(locum_file_read_private(path, bytes, sizeof(bytes), &length, &why),
                         LOCUM_ERR_DENIED);
        assert_non_null(strstr(why_buffer, "chmod o= "));
    }
    write_plain("secret", 0640);
    assert_int_equal(locum_file_read_private(path, bytes, sizeof(bytes), &length, &why), 0);
    assert_string_equal(bytes, "secret");
}

static void
test_write_creates_a_file_with_its_mode(void **state)
{
    struct stat info;
    const mode_t before = umask(077);
    (void)state;
    assert_int_equal(locum_file_write(path, "one", 3, 0644), 0);
    (void)umask(before);
    assert_content("one");
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 07777, 0644);
}

static void
test_write_replaces_a_link_instead_of_its_target(void **state)
{
    (void)state;
    write_plain("target", 0600);
    assert_int_equal(rename(path, temp), 0);
    assert_int_equal(symlink(temp, path), 0);
    assert_int_equal(locum_file_write(path, "new", 3, 0600), 0);
    assert_content("new");
    assert_int_equal(rename(temp, path), 0);
    assert_content("target");
}

static void
test_replace_changes_the_file_and_removes_the_temporary_one(void **state)
{
    (void)state;
    write_plain("old", 0600);
    assert_int_equal(locum_file_replace(path, temp, "new", 3, 0600), 0);
    assert_content("new");
    assert_int_equal(access(temp, F_OK), -1);
}

static void
test_failed_replace_reports_errno_and_leaves_nothing(void **state)
{
    (void)state;
    assert_int_equal(locum_file_replace(path, "/nonexistent/file.new", "new", 3, 0600), -1);
    assert_int_equal(errno, ENOENT);
    assert_int_equal(locum_file_replace(directory, temp, "new", 3, 0600), -1);
    assert_int_equal(errno, ENOTEMPTY);
    assert_int_equal(access(temp, F_OK), -1);
}

#define TEST(name) cmocka_unit_test_setup(name, set_up)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_read_returns_the_whole_file),
        TEST(test_read_refuses_a_file_that_is_too_large),
        TEST(test_read_says_why_it_failed),
        TEST(test_read_does_not_wait_for_a_fifo),
        TEST(test_open_is_for_regular_files_only),
        TEST(test_private_read_refuses_access_of_others),
        TEST(test_write_creates_a_file_with_its_mode),
        TEST(test_write_replaces_a_link_instead_of_its_target),
        TEST(test_replace_changes_the_file_and_removes_the_temporary_one),
        TEST(test_failed_replace_reports_errno_and_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, create_directory, remove_directory);
}
