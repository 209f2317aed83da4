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
#include "base/version.h"
#include "config/config.h"

enum { REPORT_BYTES = 128 * 1024, CHANGES_MAX = 4, FILES_MAX = 12 };

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
/* In the place of "service:". */
#define HOOK(keys) "hooks: [{" keys "}]\nservice:"
#define GOOD       HEAD NODES ZONES "service:\n  checks:\n" CHECK

/* Key pairs: the private keys are 32 bytes 1, 2 and 3. */
#define PRIVATE_1 "0101010101010101010101010101010101010101010101010101010101010101\n"
#define PRIVATE_2 "0202020202020202020202020202020202020202020202020202020202020202\n"
#define PUBLIC_1  "a4e09292b651c278b9772c569f5fa9bb13d906b46ab68c9df9dc2b4409f8a209"
#define PUBLIC_2  "ce8d3ad1ccb633ec7b70c17814a5c76ecd029685050d344745ba05870e587d59"
#define PUBLIC_3  "5dfedd3b6bd47f6fa28ee15d969d5bb0ea53774d488bdaf9df1c6e0124b3ef22"

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

/* A file of the project, while its folder is the current one. */
__attribute__((unused)) static bool
read_text(const char *path, char ret[REPORT_BYTES])
{
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        print_error("%s: run this in the project's folder\n", path);
        return false;
    }
    ret[fread(ret, 1, REPORT_BYTES - 1, file)] = '\0';
    return fclose(file) == 0;
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
    locum_problems_format(user, problem);
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

/* One change of GOOD that must load without a message. */
__attribute__((unused)) static struct locum_config *
load_quietly(const char *from, const char *to)
{
    const struct change change = {from, to};
    struct locum_config *config = load_changed(&change, 1);
    assert_string_equal(report, "");
    assert_non_null(config);
    return config;
}

/*
 * Does `report` hold these problems and no others? Each line of `expected` is a place, a key and a
 * word of the text: "5:19 address 192.0.2.256". The place is 0:0 for the file as a whole; a word
 * behind ! must not occur.
 */
static bool
is_reported(const char *expected)
{
    struct locum_slice rest = locum_slice_of(report);
    struct locum_slice wanted = locum_slice_of(expected);
    struct locum_slice line, problem;
    while (wanted.at != NULL && locum_slice_cut(&wanted, '\n', &line) && line.length > 0) {
        char text[LOCUM_PROBLEM_BYTES];
        struct locum_slice place, word;
        (void)locum_slice_cut(&rest, '\n', &problem);
        (void)snprintf(text, sizeof(text), "%.*s", (int)problem.length, problem.at);
        (void)locum_slice_cut(&line, ' ', &place);
        char begin[64];
        (void)snprintf(begin, sizeof(begin), "locum.yaml:%.*s: ", (int)place.length, place.at);
        const char *said = locum_slice_is(place, "0:0") ? "locum.yaml: " : begin;
        if (strncmp(text, said, strlen(said)) != 0) {
            return false;
        }
        while (line.at != NULL && locum_slice_cut(&line, ' ', &word)) {
            const bool absent = word.at[0] == '!';
            if ((memmem(text, strlen(text), word.at + absent, word.length - absent) == NULL) !=
                absent) {
                return false;
            }
        }
    }
    return rest.at == NULL || rest.length == 0;
}

/*
 * The prose of all reports of a program is kept in tests/unit/config/PROGRAM.txt, so that a change
 * of words is one change there: run the program with the argument `write`, and read the difference.
 */
static char prose_path[512];
static char prose[REPORT_BYTES]; /* what was reported */
static char kept[REPORT_BYTES];  /* what the file holds */

__attribute__((unused)) static bool
prose_begin(const char *name)
{
    char folder_before[256];
    if (getcwd(folder_before, sizeof(folder_before)) == NULL) {
        return false;
    }
    (void)snprintf(prose_path, sizeof(prose_path), "%s/tests/unit/config/%s.txt", folder_before,
                   name);
    return read_text(prose_path, kept);
}

__attribute__((unused)) static void
prose_add(const char *name)
{
    struct locum_text text = {.at = prose, .size = sizeof(prose), .length = strlen(prose)};
    locum_text_add(&text, "# ");
    locum_text_add(&text, name);
    locum_text_add(&text, "\n");
    for (const char *c = report; *c != '\0'; c++) { /* the version changes for other reasons */
        const bool version = strncmp(c, LOCUM_VERSION, strlen(LOCUM_VERSION)) == 0 && c[-1] == ' ';
        locum_text_add_bytes(&text, version ? "VERSION" : c, version ? strlen("VERSION") : 1);
        c += version ? strlen(LOCUM_VERSION) - 1 : 0;
    }
    assert_false(text.truncated);
}

__attribute__((unused)) static void
test_the_prose_is_as_kept(void **state)
{
    (void)state;
    if (strcmp(prose, kept) != 0) {
        size_t line = 1;
        for (size_t i = 0; prose[i] == kept[i]; i++) {
            line += prose[i] == '\n' ? 1 : 0;
        }
        fail_msg("%s:%zu differs; run this program with the argument write", prose_path, line);
    }
}

/* `write`: keep what was reported, and read the difference in version control. */
__attribute__((unused)) static int
prose_write(int argc, char **argv)
{
    FILE *file = argc == 2 && strcmp(argv[1], "write") == 0 ? fopen(prose_path, "w") : NULL;
    return file != NULL && fputs(prose, file) >= 0 ? fclose(file) : 0;
}

/* A configuration that is refused, and the problems reported. */
struct broken {
    const char *name;
    struct change changes[CHANGES_MAX];
    const char *expected;
};

#define TSIG_KEY                                                                                   \
    "key \"ns9.example.org\" { algorithm hmac-sha256; "                                            \
    "secret \"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\"; };\n"

__attribute__((unused)) static void
assert_each_refused(const struct broken *broken, size_t count)
{
    write_file("open-secret", SECRET_LINE, 0644);
    write_file("pw", "hello\n", 0600);
    write_file("empty", "", 0600);
    write_file("keys", TSIG_KEY, 0600);
    write_file("twice", TSIG_KEY TSIG_KEY, 0600);
    write_file("token", "0123456789abcdef0123456789abcdef\n", 0600);
    write_file("blank", "0123456789abcdef 0123456789abcdef\n", 0600);
    for (size_t i = 0; i < count; i++) {
        struct locum_config *config = load_changed(broken[i].changes, CHANGES_MAX);
        prose_add(broken[i].name);
        if (config != NULL || !is_reported(broken[i].expected)) {
            fail_msg("%s: expected %s, reported %s", broken[i].name, broken[i].expected, report);
        }
    }
}

#endif
