/*
 * fixture: a folder of its own with a secret, a configuration that is right, and what loading a
 * changed copy of it reports.
 */
#ifndef LOCUM_TESTS_CONFIG_FIXTURE_H
#define LOCUM_TESTS_CONFIG_FIXTURE_H

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
#include <unistd.h>

#include "base/error.h"
#include "config/config.h"

enum { REPORT_BYTES = 128 * 1024, CHANGES_MAX = 4, FILES_MAX = 8 };

#define SECRET_LINE "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n"

#define HEAD                                                                                       \
    "cluster: get\n"                                                                               \
    "node: dc2\n"                                                                                  \
    "secret-file: secret\n"
#define NODES                                                                                      \
    "nodes:\n"                                                                                     \
    "  dc2: {address: [192.0.2.12], redis: \"10.0.0.12:6379\", sentinel: \"10.0.0.12:26379\"}\n"   \
    "  dc3: {address: [192.0.2.13], redis: \"10.0.0.13:6379\", sentinel: \"10.0.0.13:26379\"}\n"   \
    "  ns0: {role: witness, address: [192.0.2.10], sentinel: \"10.0.0.10:26379\"}\n"
#define NS    "    ns: [ns1.example.org, ns2.example.org]\n"
#define ZONES "zones:\n  - name: get.example.org\n" NS
#define CHECK "    - http: {url: \"http://127.0.0.1:8080/\"}\n"
#define GOOD  HEAD NODES ZONES "service:\n  checks:\n" CHECK

/* The first `from` becomes `to`; from NULL: the whole text does. */
struct change {
    const char *from;
    const char *to;
};

static char folder[] = "/tmp/locum-config-XXXXXX";
static const char *files[FILES_MAX];
static size_t file_count;
static char report[REPORT_BYTES]; /* every problem of the last load, a line each */

static void
write_bytes(const char *name, const char *bytes, size_t length, mode_t mode)
{
    const int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, length), length);
    assert_int_equal(fchmod(fd, mode), 0);
    assert_int_equal(close(fd), 0);
    for (size_t i = 0; i < file_count; i++) {
        if (strcmp(files[i], name) == 0) {
            return;
        }
    }
    assert_true(file_count < FILES_MAX);
    files[file_count++] = name;
}

static void
write_file(const char *name, const char *text, mode_t mode)
{
    write_bytes(name, text, strlen(text), mode);
}

static int
setup(void **state)
{
    (void)state;
    if (mkdtemp(folder) == NULL || chdir(folder) != 0) {
        return 1;
    }
    write_file("secret", SECRET_LINE, 0640);
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    for (size_t i = 0; i < file_count; i++) {
        (void)unlink(files[i]);
    }
    return chdir("/") == 0 && rmdir(folder) == 0 ? 0 : 1;
}

static void
take_problem(void *user, const struct locum_problem *problem)
{
    locum_problem_add(user, problem);
    locum_text_add_char(user, '\n');
}

/* Load a file into `report`; the caller frees. NULL if it is refused. */
static struct locum_config *
load_path(const char *path, const char *node)
{
    struct locum_config *config = NULL;
    struct locum_text text = locum_text_init(report, sizeof(report));
    const int status = locum_config_load(path, node, take_problem, &text, &config);
    assert_false(text.truncated);
    assert_int_equal(status, config == NULL ? LOCUM_ERR_INVALID : 0);
    return config;
}

/* Load GOOD with the changes made. */
static struct locum_config *
load_changed(const struct change *changes, size_t count)
{
    static char text[REPORT_BYTES];
    static char changed[REPORT_BYTES];
    (void)snprintf(text, sizeof(text), "%s", GOOD);
    for (size_t i = 0; i < count && changes[i].to != NULL; i++) {
        const char *from = changes[i].from == NULL ? text : changes[i].from;
        const char *at = strstr(text, from);
        assert_non_null(at);
        (void)snprintf(changed, sizeof(changed), "%.*s%s%s", (int)(at - text), text, changes[i].to,
                       at + strlen(from));
        (void)snprintf(text, sizeof(text), "%s", changed);
    }
    write_file("locum.yaml", text, 0640);
    return load_path("locum.yaml", NULL);
}

/* One change of GOOD that must load without a word. */
__attribute__((unused)) static struct locum_config *
load_quietly(const char *from, const char *to)
{
    const struct change change = {from, to};
    struct locum_config *config = load_changed(&change, 1);
    assert_string_equal(report, "");
    assert_non_null(config);
    return config;
}

/* A configuration that is refused, with all that is said about it. */
struct broken {
    const char *name;
    struct change changes[CHANGES_MAX];
    const char *expected;
};

__attribute__((unused)) static void
assert_each_refused(const struct broken *broken, size_t count)
{
    write_file("open-secret", SECRET_LINE, 0644);
    write_file("pw", "hello\n", 0600);
    write_file("empty", "", 0600);
    for (size_t i = 0; i < count; i++) {
        struct locum_config *config = load_changed(broken[i].changes, CHANGES_MAX);
        if (config != NULL || strcmp(report, broken[i].expected) != 0) {
            print_error("configuration %zu: %s\n", i, broken[i].name);
        }
        assert_null(config);
        assert_string_equal(report, broken[i].expected);
    }
}

#endif
