/* Values in HTML: whatever they are, they stay text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "report/html.h"

static const char *
filled(const char *json, const char *template)
{
    static char buffer[512];
    struct locum_text text = locum_text_init(buffer, sizeof(buffer));
    json_t *value = json_loads(json, JSON_DECODE_ANY, NULL);
    assert_non_null(value);
    locum_html_fill(&text, value, template);
    json_decref(value);
    return buffer;
}

static void
test_templates(void **state)
{
    (void)state;
    static const struct {
        const char *json, *template, *html;
    } cases[] = {
        {"\"a\"", "<b>{}</b>", "<b>a</b>"},
        {"{\"a\": {\"b\": 7}}", "{a.b} {a.c}", "7 \xe2\x80\x93"},
        {"{\"a\": 1.25}", "{a}", "1.2"},
        {"{\"a\": null}", "x[, {a}]y", "xy"},
        {"{\"a\": 1}", "x[, {a}]y", "x, 1y"},
        {"{\"a\": 1}", "[{b}: {a}][{a}]", "1"},
        {"{\"a\": 4200}", "{a:age}", "4.2 s"},
        {"{\"a\": \"2025-11-23T02:00:58.173Z\"}", "{a:time}", "2025-11-23 02:00:58"},
        {"{\"a\": \"<soon>\"}", "{a:time}", "&lt;soon&gt;"},
        {"{\"a\": [\"x\", \"<y>\"]}", "{a/, }", "x, &lt;y&gt;"},
        {"{\"a\": []}", "[votes: {a/, }]-", "-"},
        {"{\"a\": \"{b}\", \"b\": 1}", "{a}", "{b}"}, /* a value is no template */
        {"\"<script>alert('1')</script>&\\\"\"", "<p title=\"{}\">",
         "<p title=\"&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;&amp;&quot;\">"},
        {"\"a\\u0001\\u001b[31m\\u007f\"", "{}", "a??[31m?"},
        {"\"\\u202egnp.exe\\u2066\\u00e4\"", "{}", "?gnp.exe?\xc3\xa4"},
    };
    for (size_t i = 0; i < LOCUM_COUNT(cases); i++) {
        assert_string_equal(filled(cases[i].json, cases[i].template), cases[i].html);
    }
}

/* Put what was escaped back. */
static void
unescape(const char *html, char *ret)
{
    static const struct {
        const char *entity;
        char c;
    } entities[] = {{"&amp;", '&'}, {"&lt;", '<'}, {"&gt;", '>'}, {"&quot;", '"'}, {"&#39;", '\''}};
    while (*html != '\0') {
        size_t taken = 0;
        for (size_t i = 0; i < LOCUM_COUNT(entities) && taken == 0; i++) {
            if (strncmp(html, entities[i].entity, strlen(entities[i].entity)) == 0) {
                *ret = entities[i].c;
                taken = strlen(entities[i].entity);
            }
        }
        if (taken == 0) {
            *ret = *html;
        }
        ret++;
        html += taken > 0 ? taken : 1;
    }
    *ret = '\0';
}

/* Random bytes: nothing of them is markup, and printable ASCII is still the same text. */
static void
test_no_text_is_markup(void **state)
{
    (void)state;
    static const char often[] = "<>&\"'/=;# abcscript\xe2\x80\xae\x01";
    unsigned seed = 20261129;
    for (int round = 0; round < 20000; round++) {
        char value[64], buffer[512], back[512];
        bool ascii = true;
        seed = seed * 1103515245 + 12345;
        const size_t length = seed >> 16 & 31;
        for (size_t i = 0; i < length; i++) {
            seed = seed * 1103515245 + 12345;
            const unsigned draw = seed >> 16;
            value[i] = (draw & 1) != 0 ? often[(draw >> 1) % (sizeof(often) - 1)]
                                       : (char)(1 + (draw >> 1) % 255);
            ascii = ascii && value[i] >= ' ' && value[i] < 127;
        }
        value[length] = '\0';
        struct locum_text text = locum_text_init(buffer, sizeof(buffer));
        locum_html_add(&text, value);
        assert_false(text.truncated);
        assert_int_equal(strcspn(buffer, "<>\"'"), strlen(buffer));
        unescape(buffer, back);
        if (ascii) {
            assert_string_equal(back, value);
        }
    }
}

/* What does not fit is missing; nothing is written behind the end. */
static void
test_a_full_text_stays_a_text(void **state)
{
    (void)state;
    for (size_t size = 1; size < 40; size++) {
        char *buffer = malloc(size); /* valgrind and ASan watch its end */
        struct locum_text text = locum_text_init(buffer, size);
        json_t *value = json_pack("{s:s, s:[s,s]}", "a", "<&>\"", "b", "x", "y");
        locum_html_fill(&text, value, "<p>{a}[, {b/, }][{c}]</p>");
        assert_true(text.length < size && strlen(buffer) == text.length);
        json_decref(value);
        free(buffer);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_templates),
        cmocka_unit_test(test_no_text_is_markup),
        cmocka_unit_test(test_a_full_text_stays_a_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
