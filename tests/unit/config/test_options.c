/* The table of options itself, and the example that is made of it. */
#include "fixture.h"

#include "config/options.h"
#include "config/value.h"
#include "core/names.h"

#define EXAMPLE "deploy/examples/locum.yaml"

static char example[REPORT_BYTES];

/* The example is read before the tests leave the folder they are run in, the project's. */
static int
read_example(void **state)
{
    FILE *file = fopen(EXAMPLE, "r");
    if (file == NULL) {
        print_error("%s: run this in the project's folder\n", EXAMPLE);
        return 1;
    }
    const size_t length = fread(example, 1, sizeof(example) - 1, file);
    example[length] = '\0';
    return fclose(file) == 0 ? setup(state) : 1;
}

static void
test_the_example_loads_on_each_node(void **state)
{
    (void)state;
    static const char *const nodes[] = {NULL, "dc2", "dc3", "ns0"};
    write_file("locum.yaml", example, 0644);
    for (size_t i = 0; i < LOCUM_COUNT(nodes); i++) {
        struct locum_config *config = load_path("locum.yaml", nodes[i]);
        assert_string_equal(report, "");
        assert_non_null(config);
        assert_string_equal(config->core.cluster, "get");
        assert_int_equal(config->core.name_count, 3);
        assert_int_equal(config->core.check_count, i == 3 ? 0 : 1);
        locum_config_free(config);
    }
}

static void
test_keys_are_unique_and_explained(void **state)
{
    (void)state;
    for (size_t i = 0; i < locum_option_count; i++) {
        const struct locum_option *option = &locum_options[i];
        assert_int_equal(locum_option_index(option->key), i);
        assert_true(strlen(option->note) > 0);
        assert_null(strchr(option->note, '\n'));
        if (option->rule == LOCUM_RULE_DERIVED) {
            assert_non_null(option->fallback);
        }
        if (option->kind == LOCUM_KIND_WORD || option->kind == LOCUM_KIND_CHOICE) {
            assert_non_null(option->words);
        }
        assert_true(option->min <= option->max);
    }
}

/* "nodes.*.port" stands below "nodes", "zones[].soa.mname" below "zones[].soa". */
static void
test_every_option_stands_below_another(void **state)
{
    (void)state;
    for (size_t i = 0; i < locum_option_count; i++) {
        char parent[128];
        (void)snprintf(parent, sizeof(parent), "%s", locum_options[i].key);
        char *dot = strrchr(parent, '.');
        if (dot == NULL) {
            continue;
        }
        *dot = '\0';
        if (strcmp(dot - 2, ".*") == 0 || strcmp(dot - 2, "[]") == 0) {
            dot[-2] = '\0';
        }
        if (strcmp(parent, "service.checks[]") == 0) {
            (void)snprintf(parent, sizeof(parent), "service.checks"); /* of the * below it */
        }
        const enum locum_option_kind kind = locum_options[locum_option_index(parent)].kind;
        assert_true(kind == LOCUM_KIND_MAP || kind == LOCUM_KIND_NODES || kind == LOCUM_KIND_ITEMS);
    }
}

static void
test_every_default_is_a_value(void **state)
{
    (void)state;
    union {
        uint64_t align;
        char bytes[1024];
    } field;
    for (size_t i = 0; i < locum_option_count; i++) {
        const struct locum_option *option = &locum_options[i];
        if (option->rule == LOCUM_RULE_DEFAULT && option->kind != LOCUM_KIND_MAP) {
            const struct locum_slice text = locum_slice_of(option->fallback);
            assert_int_equal(locum_value_parse(option, text, &field), 0);
        }
    }
}

static void
test_find(void **state)
{
    (void)state;
    static const struct {
        const char *prefix, *key, *expected;
    } cases[] = {
        {"", "quorum", "quorum"},
        {"", "port", NULL},
        {"nodes.*", "port", "nodes.*.port"},
        {"nodes", "port", NULL},
        {"zones[].soa", "mname", "zones[].soa.mname"},
        {"zones[]", "soa.mname", NULL},
        {"service.checks[].http", "rise", "service.checks[].*.rise"},
        {"service.checks[].http", "url", "service.checks[].http.url"},
        {"service.checks[].tcp", "url", NULL},
        {"service.checks[]", "tcp", "service.checks[].tcp"},
        {"service.checks[]", "*", NULL},
        {"service.checks[]", "rise", NULL},
    };
    for (size_t i = 0; i < LOCUM_COUNT(cases); i++) {
        const struct locum_option *option =
            locum_option_find(cases[i].prefix, locum_slice_of(cases[i].key));
        if (cases[i].expected == NULL) {
            assert_null(option);
        } else {
            assert_non_null(option);
            assert_string_equal(option->key, cases[i].expected);
        }
    }
}

/* core/words.c spells the same words in the same order. */
static void
test_words_are_those_of_the_core(void **state)
{
    (void)state;
    struct locum_slice words =
        locum_slice_of(locum_options[locum_option_index("nodes.*.role")].words);
    struct locum_slice word;
    for (enum locum_role role = LOCUM_ROLE_SERVER; role <= LOCUM_ROLE_SENTINEL; role++) {
        assert_true(locum_slice_cut(&words, ' ', &word));
        assert_true(locum_slice_is(word, locum_names_role(role)));
    }
    assert_null(words.at);
    words = locum_slice_of(locum_options[locum_option_index("zones[].answer")].words);
    for (enum locum_policy policy = LOCUM_ANSWER_SELF; policy <= LOCUM_ANSWER_ALL; policy++) {
        assert_true(locum_slice_cut(&words, ' ', &word));
        assert_true(locum_slice_is(word, locum_names_policy(policy)));
    }
    assert_null(words.at);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_example_loads_on_each_node),
        cmocka_unit_test(test_keys_are_unique_and_explained),
        cmocka_unit_test(test_every_option_stands_below_another),
        cmocka_unit_test(test_every_default_is_a_value),
        cmocka_unit_test(test_find),
        cmocka_unit_test(test_words_are_those_of_the_core),
    };
    return cmocka_run_group_tests(tests, read_example, teardown);
}
