/* The table of keys itself, and the examples in the manual page and in deploy/. */
#include "fixture.h"

#include "config/keys.h"
#include "config/value.h"
#include "core/names.h"

#define EXAMPLE "deploy/examples/locum.yaml"
#define PAGE    "doc/locum.yaml.5"

static char example[REPORT_BYTES];
static char page[REPORT_BYTES];

/* The files are read before the tests leave the folder they are run in, the project's. */
static int
read_files(void **state)
{
    return read_text(EXAMPLE, example) && read_text(PAGE, page) ? setup(state) : 1;
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
test_examples_of_the_manual_page_load(void **state)
{
    (void)state;
    static char text[REPORT_BYTES];
    size_t count = 0;
    const char *at = strstr(page, "\n.Sh EXAMPLES");
    assert_non_null(at);
    for (at = strstr(at, "\n.Bd "); at != NULL; at = strstr(at, "\n.Bd ")) {
        at = strchr(at + 1, '\n') + 1;
        const char *end = strstr(at, "\n.Ed");
        assert_non_null(end);
        (void)snprintf(text, sizeof(text), "%.*s\n", (int)(end - at), at);
        write_file("locum.yaml", text, 0640);
        struct locum_config *config = load_path("locum.yaml", "dc2");
        if (config == NULL) {
            fail_msg("example %zu of %s: %s", count + 1, PAGE, report);
        }
        locum_config_free(config);
        count++;
    }
    assert_int_equal(count, 2);
}

static void
test_every_row_is_complete(void **state)
{
    (void)state;
    for (size_t i = 0; i < locum_keys.count; i++) {
        const struct locum_schema_row *row = &locum_keys.rows[i];
        assert_non_null(row->key);
        assert_true(strlen(row->key) + strlen(".*") < LOCUM_SCHEMA_KEY_MAX);
        for (size_t other = 0; other < i; other++) {
            assert_string_not_equal(locum_keys.rows[other].key, row->key);
        }
        assert_true(strlen(row->note) > 0 && strchr(row->note, '\n') == NULL);
        assert_true(row->min <= row->max && row->items_min <= row->items_max);
        assert_int_equal(row->rule == LOCUM_RULE_DERIVED && row->fallback == NULL, 0);
        if (row->shape == LOCUM_SHAPE_ONE || row->digest || row->restart) {
            assert_true(row->stored);
        }
        /* A digest that differs is reported by its section; the name of the cluster never differs.
         */
        bool in_section = !row->digest || i == LOCUM_KEY_CLUSTER;
        for (enum locum_section section = 0; section < LOCUM_SECTIONS; section++) {
            const char *name = locum_names_section(section);
            in_section |= strncmp(row->key, name, strlen(name)) == 0;
        }
        assert_true(in_section);
        if (row->shape == LOCUM_SHAPE_ONE && row->words != NULL) {
            assert_true(row->kind == LOCUM_KIND_CHOICE || row->kind == LOCUM_KIND_FLAG);
        }
    }
}

/* "nodes.*.port" is below "nodes", "zones[].soa.mname" below "zones[].soa". */
static void
test_every_row_is_below_a_mapping(void **state)
{
    (void)state;
    for (size_t i = 0; i < locum_keys.count; i++) {
        const size_t parent = locum_schema_parent(&locum_keys, i);
        assert_int_equal(parent == locum_keys.count, strchr(locum_keys.rows[i].key, '.') == NULL);
        if (parent < locum_keys.count) {
            const enum locum_schema_shape shape = locum_keys.rows[parent].shape;
            assert_true(shape == LOCUM_SHAPE_MAP || shape == LOCUM_SHAPE_NAMED_MAPS ||
                        shape == LOCUM_SHAPE_MAPS);
        }
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
    for (size_t i = 0; i < locum_keys.count; i++) {
        const struct locum_schema_row *row = &locum_keys.rows[i];
        if (row->rule == LOCUM_RULE_DEFAULT && row->shape != LOCUM_SHAPE_MAP) {
            assert_int_equal(locum_value_parse(row, locum_slice_of(row->fallback), &field, NULL),
                             0);
        }
    }
}

/* The text of a choice in the manual page explains each of its words. */
static void
test_every_word_of_a_choice_is_explained(void **state)
{
    (void)state;
    for (size_t i = 0; i < locum_keys.count; i++) {
        const struct locum_schema_row *row = &locum_keys.rows[i];
        struct locum_slice words = locum_slice_of(row->words != NULL ? row->words : "");
        struct locum_slice word;
        while (row->words != NULL && row->kind != LOCUM_KIND_FLAG &&
               locum_slice_cut(&words, ' ', &word)) {
            const char *text = row->help != NULL ? row->help : row->note;
            assert_non_null(memmem(text, strlen(text), word.at, word.length));
        }
    }
}

static void
test_keys_are_found_below_a_prefix(void **state)
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
        const size_t row =
            locum_schema_find(&locum_keys, cases[i].prefix, locum_slice_of(cases[i].key));
        if (cases[i].expected == NULL) {
            assert_int_equal(row, locum_keys.count);
        } else {
            assert_true(row < locum_keys.count);
            assert_string_equal(locum_keys.rows[row].key, cases[i].expected);
        }
    }
}

/* core/names.c spells the same words in the same order. */
static void
test_choices_are_the_names_of_the_core(void **state)
{
    (void)state;
    struct locum_slice words = locum_slice_of(locum_keys.rows[LOCUM_KEY_NODE_ROLE].words);
    struct locum_slice word;
    for (enum locum_role role = LOCUM_ROLE_SERVER; role <= LOCUM_ROLE_SENTINEL; role++) {
        assert_true(locum_slice_cut(&words, ' ', &word));
        assert_true(locum_slice_is(word, locum_names_role(role)));
    }
    assert_null(words.at);
    words = locum_slice_of(locum_keys.rows[LOCUM_KEY_ZONE_ANSWER].words);
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
        cmocka_unit_test(test_examples_of_the_manual_page_load),
        cmocka_unit_test(test_every_row_is_complete),
        cmocka_unit_test(test_every_row_is_below_a_mapping),
        cmocka_unit_test(test_every_default_is_a_value),
        cmocka_unit_test(test_every_word_of_a_choice_is_explained),
        cmocka_unit_test(test_keys_are_found_below_a_prefix),
        cmocka_unit_test(test_choices_are_the_names_of_the_core),
    };
    return cmocka_run_group_tests(tests, read_files, teardown);
}
