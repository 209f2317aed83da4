/* The file below /run that a run leaves for the next one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "daemon/state.h"

static char content[] = "locum-run 1\nof get dc2 x 1\nend\n";
static char buffer[LOCUM_RESUME_BYTES_MAX];
static char reason[512];
static char folder[] = "/tmp/locum-run-XXXXXX";
static char file[LOCUM_PATH_MAX + 32];
static struct locum_config *config;
static struct locum_slice got;

static int
load(void)
{
    struct locum_text why = locum_text_init(reason, sizeof(reason));
    return locum_state_load_run(config, buffer, &got, &why);
}

static int
set_up(void **state)
{
    (void)state;
    config = calloc(1, sizeof(*config));
    assert_non_null(config);
    assert_non_null(mkdtemp(folder));
    memcpy(config->core.cluster, "get", 4);
    strcpy(config->state_dir, folder);
    strcat(strcpy(config->listen_control, folder), "/c.sock");
    strcat(strcpy(file, config->listen_control), ".run");
    return 0;
}

static int
tear_down(void **state)
{
    (void)state;
    assert_int_equal(rmdir(folder), 0);
    free(config);
    return 0;
}

/* RESUME-1 */
static void
test_it_is_written_and_read(void **state)
{
    struct locum_state_writer *writer;
    const struct locum_text text = {content, sizeof(content), strlen(content), false};
    struct stat found;
    (void)state;
    assert_int_equal(load(), 0);
    assert_int_equal(got.length, 0);
    assert_int_equal(locum_state_writer_create(config, &writer), 0);
    locum_state_writer_put_run(writer, &text);
    locum_state_writer_destroy(writer);
    assert_int_equal(load(), 0);
    assert_true(locum_slice_is(got, content));
    assert_int_equal(stat(file, &found), 0);
    assert_int_equal(found.st_mode & 0777, 0600);
    assert_int_equal(unlink(file), 0);
}

/* What others may have written, or what cannot be read, is not used, and named. */
static void
test_a_file_that_cannot_be_trusted_is_named(void **state)
{
    (void)state;
    FILE *out = fopen(file, "w");
    assert_non_null(out);
    assert_true(fputs(content, out) >= 0 && fclose(out) == 0);
    assert_int_equal(chmod(file, 0666), 0);
    assert_int_equal(load(), LOCUM_ERR_DENIED);
    assert_int_equal(got.length, 0);
    assert_ptr_equal(strstr(reason, file), reason);
    assert_non_null(strstr(reason, "chmod"));
    assert_int_equal(unlink(file), 0);
    assert_int_equal(mkdir(file, 0700), 0);
    assert_int_equal(load(), LOCUM_ERR_INVALID);
    assert_int_equal(got.length, 0);
    assert_int_equal(rmdir(file), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_it_is_written_and_read),
        cmocka_unit_test(test_a_file_that_cannot_be_trusted_is_named),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
