/* doc/locum.yaml.5 and the table of options say the same, in both directions; its examples load. */
#include "fixture.h"

#include "config/options.h"

#define PAGE "doc/locum.yaml.5"
#define ITEM "\n.It Cm "

enum { PAGE_BYTES = 64 * 1024, LINE_BYTES = 256 };

static char page[PAGE_BYTES]; /* with \(dq as the character it stands for */

/* Read before the tests leave the folder they are run in, the project's. */
static int
read_page(void **state)
{
    FILE *file = fopen(PAGE, "r");
    if (file == NULL) {
        print_error("%s: run this in the project's folder\n", PAGE);
        return 1;
    }
    page[fread(page, 1, sizeof(page) - 1, file)] = '\0';
    for (char *at = strstr(page, "\\(dq"); at != NULL; at = strstr(at, "\\(dq")) {
        *at = '"';
        memmove(at + 1, at + 4, strlen(at + 4) + 1);
    }
    return fclose(file) == 0 ? setup(state) : 1;
}

/* What the page has to say of an option where it is not written. */
static const char *
absence(const struct locum_option *option)
{
    switch (option->rule) {
    case LOCUM_RULE_REQUIRED: return "required";
    case LOCUM_RULE_DEFAULT: return option->fallback != NULL ? option->fallback : "the keys below";
    case LOCUM_RULE_DERIVED: return option->fallback;
    case LOCUM_RULE_NONE: break;
    }
    return "no default";
}

/* The range of values as a person writes it, "20ms to 10s"; "" for what has none of interest. */
static void
add_range(const struct locum_option *option, struct locum_text *text)
{
    switch (option->kind) {
    case LOCUM_KIND_DURATION:
    case LOCUM_KIND_SECONDS:
        locum_text_add_duration(text, option->min);
        locum_text_add(text, " to ");
        locum_text_add_duration(text, option->max);
        break;
    case LOCUM_KIND_NUMBER:
    case LOCUM_KIND_PORT:
    case LOCUM_KIND_NODES:
    case LOCUM_KIND_ITEMS:
        locum_text_add_i64(text, option->min);
        locum_text_add(text, " to ");
        locum_text_add_i64(text, option->max);
        break;
    default: break;
    }
}

/* The option's entry: from its .It to the next, or to the end of the list. */
static struct locum_slice
entry_of(const struct locum_option *option)
{
    char line[LINE_BYTES];
    (void)snprintf(line, sizeof(line), ITEM "%s Pq %s\n", option->key, absence(option));
    const char *at = strstr(page, line);
    if (at == NULL) {
        fail_msg("%s has no line \"%.*s\"", PAGE, (int)strcspn(line + 1, "\n"), line + 1);
    }
    at += strlen(line) - 1;
    const char *item = strstr(at, "\n.It ");
    const char *list = strstr(at, "\n.El");
    const char *end = item != NULL && (list == NULL || item < list) ? item : list;
    assert_non_null(end);
    return (struct locum_slice){.at = at, .length = (size_t)(end - at)};
}

static void
assert_entry_has(const struct locum_option *option, struct locum_slice entry,
                 struct locum_slice part)
{
    if (memmem(entry.at, entry.length, part.at, part.length) == NULL) {
        fail_msg("%s: %s does not say \"%.*s\"", PAGE, option->key, (int)part.length, part.at);
    }
}

static void
test_every_option_has_its_entry(void **state)
{
    (void)state;
    for (size_t i = 0; i < locum_option_count; i++) {
        const struct locum_option *option = &locum_options[i];
        const struct locum_slice entry = entry_of(option);
        char buffer[64];
        struct locum_text range = locum_text_init(buffer, sizeof(buffer));
        struct locum_slice words = locum_slice_of(option->words != NULL ? option->words : "");
        struct locum_slice word;
        assert_true(entry.length > 1);
        add_range(option, &range);
        assert_entry_has(option, entry, locum_slice_of(buffer));
        while (locum_slice_cut(&words, ' ', &word)) {
            assert_entry_has(option, entry, word);
        }
    }
}

static void
test_every_entry_is_an_option(void **state)
{
    (void)state;
    size_t count = 0;
    for (const char *at = strstr(page, ITEM); at != NULL; at = strstr(at, ITEM)) {
        at += strlen(ITEM);
        const struct locum_slice key = {.at = at, .length = strcspn(at, " \n")};
        size_t index = 0;
        while (index < locum_option_count && !locum_slice_is(key, locum_options[index].key)) {
            index++;
        }
        if (index == locum_option_count) {
            fail_msg("%s: \"%.*s\" is no option", PAGE, (int)key.length, key.at);
        }
        count++;
    }
    assert_int_equal(count, locum_option_count); /* none twice */
}

static void
test_examples_load(void **state)
{
    (void)state;
    static char example[PAGE_BYTES];
    size_t count = 0;
    const char *at = strstr(page, "\n.Sh EXAMPLES");
    assert_non_null(at);
    for (at = strstr(at, "\n.Bd "); at != NULL; at = strstr(at, "\n.Bd ")) {
        at = strchr(at + 1, '\n') + 1;
        const char *end = strstr(at, "\n.Ed");
        assert_non_null(end);
        (void)snprintf(example, sizeof(example), "%.*s\n", (int)(end - at), at);
        write_file("locum.yaml", example, 0640);
        struct locum_config *config = load_path("locum.yaml", "dc2");
        if (config == NULL) {
            fail_msg("example %zu of %s: %s", count + 1, PAGE, report);
        }
        locum_config_free(config);
        count++;
    }
    assert_int_equal(count, 2);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_option_has_its_entry),
        cmocka_unit_test(test_every_entry_is_an_option),
        cmocka_unit_test(test_examples_load),
    };
    return cmocka_run_group_tests(tests, read_page, teardown);
}
