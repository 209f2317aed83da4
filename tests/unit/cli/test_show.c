/*
 * show: recorded answers of the daemon against the text that belongs to them, in the files beside
 * this one: NAME.json, NAME.txt. To accept a new text: LOCUM_ACCEPT=1, then read the difference.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/show.h"

typedef void show_fn(const json_t *json, const struct locum_print *print);

enum { TEXT_BYTES = 64 * 1024 };

static void
path_of(const char *name, const char *suffix, char *ret, size_t size)
{
    const char *slash = strrchr(__FILE__, '/');
    (void)snprintf(ret, size, "%.*s/%s%s", (int)(slash - __FILE__), __FILE__, name, suffix);
}

static json_t *
load(const char *name)
{
    char path[512];
    json_error_t error;
    path_of(name, ".json", path, sizeof(path));
    json_t *json = json_load_file(path, 0, &error);
    if (json == NULL) {
        fail_msg("%s:%d: %s", path, error.line, error.text);
    }
    return json;
}

static char *
shown(const char *name, show_fn *show, bool colour)
{
    char *text = NULL;
    size_t size = 0;
    json_t *json = load(name);
    const struct locum_print print = {.out = open_memstream(&text, &size), .colour = colour};
    assert_non_null(print.out);
    show(json, &print);
    assert_int_equal(fclose(print.out), 0);
    json_decref(json);
    return text;
}

static void
compare(const char *name, show_fn *show)
{
    char path[512];
    char expected[TEXT_BYTES];
    char *text = shown(name, show, false);
    path_of(name, ".txt", path, sizeof(path));
    if (getenv("LOCUM_ACCEPT") != NULL) {
        FILE *file = fopen(path, "w");
        assert_non_null(file);
        (void)fputs(text, file);
        (void)fclose(file);
    }
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        fail_msg("%s is not there", path);
    }
    expected[fread(expected, 1, sizeof(expected) - 1, file)] = '\0';
    (void)fclose(file);
    if (strcmp(text, expected) != 0) {
        print_error("%s is shown as\n%s", name, text);
    }
    assert_string_equal(text, expected);
    free(text);
}

static void
test_status(void **state)
{
    (void)state;
    compare("status-failover", locum_show_status);
    compare("status-well", locum_show_status);
    compare("status-degraded", locum_show_status);
    compare("status-families", locum_show_status);
    compare("status-operator", locum_show_status);
}

static void
test_status_of_empty_and_hostile_answers(void **state)
{
    (void)state;
    compare("status-empty", locum_show_status);
    compare("status-hostile", locum_show_status);
}

static void
test_explain(void **state)
{
    (void)state;
    compare("explain-takeover", locum_show_explain);
    compare("explain-supposed", locum_show_explain);
}

static void
test_history(void **state)
{
    (void)state;
    compare("history", locum_show_history);
    compare("history-hostile", locum_show_history);
}

static void
test_keys(void **state)
{
    (void)state;
    compare("keys", locum_show_keys);
}

static void
test_events(void **state)
{
    (void)state;
    compare("events", locum_show_events);
}

/* Whatever comes in, the only control characters that go out are ours. */
static void
test_no_control_character(void **state)
{
    static const struct {
        const char *name;
        show_fn *show;
    } cases[] = {
        {"status-hostile", locum_show_status},
        {"explain-supposed", locum_show_explain},
        {"events", locum_show_events},
    };
    (void)state;
    for (size_t i = 0; i < LOCUM_COUNT(cases); i++) {
        char *text = shown(cases[i].name, cases[i].show, false);
        for (const char *at = text; *at != '\0'; at++) {
            assert_true(*at == '\n' || (unsigned char)*at >= ' ');
        }
        free(text);
    }
}

/* Without its colours the coloured text is the plain one. */
static void
test_colours(void **state)
{
    (void)state;
    char *plain = shown("status-failover", locum_show_status, false);
    char *coloured = shown("status-failover", locum_show_status, true);
    assert_non_null(strstr(coloured, "\033[31mdown\033[0m"));
    assert_non_null(strstr(coloured, "\033[32malive\033[0m"));
    assert_null(strchr(plain, '\033'));
    char *to = coloured;
    for (const char *from = coloured; *from != '\0';) {
        if (*from == '\033') {
            from = strchr(from, 'm') + 1;
        } else {
            *to++ = *from++;
        }
    }
    *to = '\0';
    assert_string_equal(coloured, plain);
    free(plain);
    free(coloured);
}

static void
test_print_text(void **state)
{
    static const struct {
        const char *text, *printed;
    } cases[] = {
        {"plain", "plain"},
        {"", ""},
        {"\xc3\xbc \xe2\x82\xac \xf0\x9f\x98\x80", "\xc3\xbc \xe2\x82\xac \xf0\x9f\x98\x80"},
        {"a\tb\nc\x7f", "a\\x09b\\x0ac\\x7f"},
        {"\xc2\x9b", "\\xc2\\x9b"},                   /* C1: CSI in one character */
        {"\xe2\x80\xae", "\\xe2\\x80\\xae"},          /* right-to-left override */
        {"\xc0\xaf", "\\xc0\\xaf"},                   /* overlong */
        {"\xed\xa0\x80", "\\xed\\xa0\\x80"},          /* a surrogate */
        {"\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80"}, /* beyond Unicode */
        {"\xc3", "\\xc3"},                            /* cut off */
        {"\xe2\x82", "\\xe2\\x82"},
        {"\xff\x80", "\\xff\\x80"},
    };
    (void)state;
    for (size_t i = 0; i < LOCUM_COUNT(cases); i++) {
        char *text = NULL;
        size_t size = 0;
        FILE *out = open_memstream(&text, &size);
        locum_print_text(out, cases[i].text);
        assert_int_equal(fclose(out), 0);
        assert_string_equal(text, cases[i].printed);
        free(text);
    }
}

static void
test_print_age(void **state)
{
    static const struct {
        json_int_t ms;
        const char *printed;
    } cases[] = {{0, "0 ms"}, {59999, "59.9 s"}, {-1, "-"}};
    (void)state;
    for (size_t i = 0; i < LOCUM_COUNT(cases); i++) {
        char *text = NULL;
        size_t size = 0;
        FILE *out = open_memstream(&text, &size);
        json_t *ms = json_integer(cases[i].ms);
        locum_print_age(out, ms);
        json_decref(ms);
        assert_int_equal(fclose(out), 0);
        assert_string_equal(text, cases[i].printed);
        free(text);
    }
}

/* What the exit code depends on is what the daemon says, and nothing else. */
static void
test_degraded(void **state)
{
    static const struct {
        const char *json;
        size_t count;
    } cases[] = {
        {"{}", 1},
        {"{\"degraded\": null}", 1},
        {"{\"degraded\": []}", 0},
        {"{\"degraded\": [], \"warnings\": [\"x\"], \"redis\": {\"connected\": false}}", 0},
        {"{\"degraded\": [{\"text\": \"dc3 is down\"}]}", 1},
        {"{\"degraded\": [{}, {}]}", 2},
    };
    (void)state;
    for (size_t i = 0; i < LOCUM_COUNT(cases); i++) {
        json_t *status = json_loads(cases[i].json, 0, NULL);
        assert_non_null(status);
        if (locum_show_degraded(status) != cases[i].count) {
            fail_msg("%s: %zu", cases[i].json, locum_show_degraded(status));
        }
        json_decref(status);
    }
}

/* The last line for each summary; only "OK" is green. */
static void
test_summary(void **state)
{
    static const struct {
        const char *json, *last;
    } cases[] = {
        {"{\"degraded\": [], \"summary\": \"OK\"}", "\n\033[32mOK\033[0m\n"},
        {"{\"degraded\": [], \"summary\": \"OK, with warnings\"}",
         "\n\033[33mOK, with warnings\033[0m\n"},
        {"{\"degraded\": [], \"summary\": \"OK, not redundant: x\"}",
         "\n\033[33mOK, not redundant: x\033[0m\n"},
        {"{\"degraded\": [{\"text\": \"x\"}], \"summary\": \"OK\"}",
         "\n\033[31mdegraded: \033[0mx\n"},
        {"{\"summary\": \"OK\"}",
         "\n\033[31mdegraded: the daemon does not report its state\033[0m\n"},
    };
    (void)state;
    for (size_t i = 0; i < LOCUM_COUNT(cases); i++) {
        char *text = NULL;
        size_t size = 0;
        json_t *status = json_loads(cases[i].json, 0, NULL);
        const struct locum_print print = {.out = open_memstream(&text, &size), .colour = true};
        locum_show_status(status, &print);
        assert_int_equal(fclose(print.out), 0);
        assert_true(size > strlen(cases[i].last));
        assert_string_equal(text + size - strlen(cases[i].last), cases[i].last);
        free(text);
        json_decref(status);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_status),
        cmocka_unit_test(test_status_of_empty_and_hostile_answers),
        cmocka_unit_test(test_explain),
        cmocka_unit_test(test_history),
        cmocka_unit_test(test_keys),
        cmocka_unit_test(test_events),
        cmocka_unit_test(test_no_control_character),
        cmocka_unit_test(test_colours),
        cmocka_unit_test(test_print_text),
        cmocka_unit_test(test_print_age),
        cmocka_unit_test(test_degraded),
        cmocka_unit_test(test_summary),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
