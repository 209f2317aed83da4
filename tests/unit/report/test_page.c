/* The status page: the facts of GET /status, nothing hostile, nothing internal for everyone. */
#include "view.h"

#include <stdlib.h>
#include <time.h>

#include "markup.h"
#include "report/history.h"
#include "report/html.h"
#include "report/page.h"

static const char hostile[] = "</p><script>alert(1)</script><b onclick=\"x('y')\">&amp;";

static void
put(char *to, size_t size, const char *text)
{
    const size_t length = strnlen(text, size - 1); /* the rest is cut */
    memcpy(to, text, length);
    to[length] = '\0';
}

static char *
make(enum locum_page_readers readers)
{
    char *page = locum_page_make(&view, readers);
    assert_non_null(page);
    const char *wrong = markup_wrong(page);
    if (wrong != NULL) {
        print_message("not well formed: %.80s\n", wrong);
    }
    assert_null(wrong);
    return page;
}

static size_t
count(const char *page, const char *text)
{
    size_t found = 0;
    for (const char *at = page; (at = strstr(at, text)) != NULL; at += strlen(text)) {
        found++;
    }
    return found;
}

static struct locum_events *
add_event(const char *reason)
{
    struct locum_events *events = locum_events_create(64);
    struct locum_event_fields fields;
    const struct locum_event_facts what = {.kind = LOCUM_EVENT_REDIS_LOST, .texts = {reason}};
    locum_events_describe(&what, &config.core, &fields);
    locum_events_add(events, view.now.wall, LOCUM_EVENT_REDIS_LOST, &fields);
    view.events = events;
    return events;
}

/* Fill each place where text of others gets in. */
static void
make_hostile(void)
{
    static char said[128];
    put(said, sizeof(said), hostile);
    site.core.config.check_count = config.core.check_count = 1;
    put(config.checks[0].name, sizeof(config.checks[0].name), hostile);
    put(config.names[0].name, sizeof(config.names[0].name), hostile);
    put(config.redis.master_name, sizeof(config.redis.master_name), "mirrorbits");
    put(site.core.admin.reason, sizeof(site.core.admin.reason), hostile);
    put(site.core.view.peer[DC3].version, sizeof(site.core.view.peer[DC3].version), hostile);
    view.checks[0].last = said;
    put(view.redis.error, sizeof(view.redis.error), hostile);
    view.redis.sentinel_count = 1;
    view.redis.sentinels[0].node = DC3;
    put(view.redis.sentinels[0].where, sizeof(view.redis.sentinels[0].where), hostile);
    put(view.redis.sentinels[0].error, sizeof(view.redis.sentinels[0].error), hostile);
    nsd.report[0] = json_pack("{s:s, s:i, s:i, s:s, s:s, s:n}", "zone", "z", "serial", 1, "lag_ms",
                              2, "state", hostile, "error", hostile, "warning");
    nsd.heard[0] = view.now.mono;
    put(view.state_error, sizeof(view.state_error), hostile);
}

static void
test_text_of_others_is_no_markup(void **state)
{
    (void)state;
    struct locum_events *events = add_event(hostile);
    make_hostile();
    char *page = make(LOCUM_PAGE_OPERATORS);
    assert_null(strstr(page, "<script>alert"));
    assert_true(count(page, "&lt;script&gt;alert(1)") > 8);
    free(page);
    free(make(LOCUM_PAGE_EVERYONE));
    json_decref(nsd.report[0]);
    locum_events_destroy(events);
}

/* Keys whose texts the page shows in another form, or not at all. */
static bool
is_left_out(const char *key)
{
    static const char *const keys[] = {"digest", "since",   "about", "node",
                                       "zone",   "cluster", "names"};
    for (size_t i = 0; i < LOCUM_COUNT(keys); i++) {
        if (strcmp(key, keys[i]) == 0) {
            return true;
        }
    }
    return false;
}

/* Each text of the status is on the page; counts the numbers of them. */
static size_t
compare(const json_t *value, const char *key, const char *page)
{
    char buffer[4096];
    struct locum_text text = locum_text_init(buffer, sizeof(buffer));
    size_t found = 0;
    size_t i;
    json_t *item;
    if (json_is_string(value) && !is_left_out(key)) {
        locum_html_add(&text, json_string_value(value));
        if (strstr(page, buffer) == NULL) {
            print_message("the page lacks %s: %s\n", key, buffer);
        }
        assert_non_null(strstr(page, buffer));
        return 1;
    }
    json_array_foreach(value, i, item)
    {
        found += compare(item, key, page);
    }
    json_object_foreach((json_t *)(uintptr_t)value, key, item)
    {
        found += compare(item, key, page);
    }
    return found;
}

static void
compare_with_status(void)
{
    json_t *status = locum_report_status(&view);
    char *page = make(LOCUM_PAGE_OPERATORS);
    if (json_array_size(json_object_get(status, "degraded")) > 0) {
        (void)json_object_del(status, "summary");
    }
    assert_true(compare(status, "", page) > 40);
    free(page);
    json_decref(status);
}

static void
test_the_page_says_what_the_status_says(void **state)
{
    (void)state;
    struct locum_events *events = add_event("gone");
    compare_with_status(); /* no Redis: a warning or two */
    view.redis.sentinel_count = 1;
    view.redis.sentinels[0].node = DC3;
    put(view.redis.sentinels[0].where, sizeof(view.redis.sentinels[0].where), "10.0.0.13:26379");
    site.core.admin.state = LOCUM_DRAIN;
    put(site.core.admin.reason, sizeof(site.core.admin.reason), "new disk");
    pass_hearing(&site, 3000, locum_nodes_of(NS0)); /* dc3 is suspect */
    view.now = site.now;
    compare_with_status();
    char *page = make(LOCUM_PAGE_OPERATORS);
    assert_non_null(strstr(page, "<title>Degraded: get</title>"));
    assert_non_null(strstr(page, "drain: new disk"));
    assert_non_null(strstr(page, "Without dc2, lost: everything"));
    assert_non_null(strstr(page, "<i>reason</i> gone"));
    free(page);
    locum_events_destroy(events);
}

static void
test_signed_zones(void **state)
{
    (void)state;
    static const struct {
        enum locum_trust_state ds;
        bool is_signed;
        const char *text;
    } rows[] = {
        {LOCUM_TRUST_OK, true, "class=\"state good\""},
        {LOCUM_TRUST_MISMATCH, true, "DS at the parent: mismatch"},
        {LOCUM_TRUST_NONE, true, "DS at the parent: none, no answer since 2"},
        {LOCUM_TRUST_NONE, false, "not signed"},
    };
    struct locum_parent_zone parent = {.why = "no answer"};
    char *page = make(LOCUM_PAGE_OPERATORS);
    assert_null(strstr(page, "DNSSEC"));
    free(page);
    for (size_t i = 0; i < LOCUM_COUNT(rows); i++) {
        parent.failing_s = view.now.wall / 1000;
        parent.failing_mono = rows[i].ds == LOCUM_TRUST_NONE ? view.now.mono : LOCUM_NEVER;
        view.dnssec[0] = (struct locum_report_dnssec){
            .parent = &parent,
            .state = rows[i].ds,
            .served = {.is_signed = rows[i].is_signed,
                       .valid_until_s = view.now.wall / 1000 + 604800}};
        page = make(LOCUM_PAGE_OPERATORS);
        const char *item = strstr(page, "<dt>DNSSEC, get.example.org.</dt>");
        assert_non_null(item);
        char *end = strstr(item, "</div>");
        *end = '\0';
        print_message("%s\n", item);
        assert_non_null(strstr(item, rows[i].text));
        assert_true((strstr(item, "; signed until 2") != NULL) == rows[i].is_signed);
        free(page);
        page = make(LOCUM_PAGE_EVERYONE);
        assert_null(strstr(page, "DNSSEC"));
        free(page);
    }
    view.dnssec[0].state = LOCUM_TRUST_OK; /* but they have expired */
    view.dnssec[0].served =
        (struct locum_trust_zone){.is_signed = true, .valid_until_s = view.now.wall / 1000 - 1};
    page = make(LOCUM_PAGE_OPERATORS);
    assert_non_null(strstr(page, "#bad\"/></svg>DS at the parent: ok"));
    free(page);
}

static void
test_everyone_sees_no_internals(void **state)
{
    (void)state;
    static const char *const secrets[] = {"ns0",      "witness",        "Redis", "redis",
                                          "Sentinel", "10.0.0.",        "check", "votes",
                                          "http",     "internal-reason"};
    struct locum_events *events = add_event("internal-reason");
    put(config.redis.master_name, sizeof(config.redis.master_name), "mirrorbits");
    put(view.redis.error, sizeof(view.redis.error), "10.0.0.12:6379 internal-reason");
    view.redis.sentinel_count = 1;
    view.redis.sentinels[0].node = NS0;
    put(view.redis.sentinels[0].where, sizeof(view.redis.sentinels[0].where), "10.0.0.10:26379");
    site.core.admin.state = LOCUM_DRAIN;
    put(site.core.admin.reason, sizeof(site.core.admin.reason), "internal-reason");
    pass_hearing(&site, 3000, locum_nodes_of(NS0));
    view.now = site.now;
    char *page = make(LOCUM_PAGE_EVERYONE);
    char *facts = strstr(page, "<main>");
    *strstr(facts, "<script>") = '\0';
    for (size_t i = 0; i < LOCUM_COUNT(secrets); i++) {
        if (strstr(facts, secrets[i]) != NULL) {
            print_message("the public page shows %s\n", strstr(facts, secrets[i]));
        }
        assert_null(strstr(facts, secrets[i]));
    }
    assert_non_null(strstr(facts, "Degraded"));
    assert_non_null(strstr(facts, "drain"));
    assert_non_null(strstr(facts, "get.example.org."));
    free(page);
    /* The name of a witness is not told either. */
    site.core.config.nodes[DC2].role = config.core.nodes[DC2].role = LOCUM_ROLE_WITNESS;
    page = make(LOCUM_PAGE_EVERYONE);
    assert_null(strstr(strstr(page, "<main>"), "as dc2 sees it"));
    free(page);
    locum_events_destroy(events);
}

/* 32 nodes and 256 names of the greatest length, with both families. */
static void
make_largest(void)
{
    struct locum_core_config core = config_of(32, 0, 0);
    for (size_t i = core.name_count; i < LOCUM_NAMES_MAX; i++) {
        core.names[core.name_count++] = (struct locum_core_name){(locum_node)(i % 32), 0, 300, 20};
    }
    core.check_count = LOCUM_CHECKS_MAX;
    begin(&site, &core, NULL);
    config.core = core;
    for (size_t i = 0; i < LOCUM_NAMES_MAX; i++) {
        memset(config.names[i].name, 'a', LOCUM_DOMAIN_MAX);
        config.names[i].name[0] = (char)('a' + i % 16);
        config.names[i].name[1] = (char)('a' + i / 16);
    }
    for (size_t i = 0; i < LOCUM_CHECKS_MAX; i++) {
        memset(config.checks[i].name, '<', LOCUM_STRING_MAX);
        view.checks[i].last = hostile;
    }
    for (size_t i = 0; i < LOCUM_NODES_MAX; i++) {
        config.nodes[i].address_count = LOCUM_ADDRESSES_MAX;
        for (size_t j = 0; j < LOCUM_ADDRESSES_MAX; j++) {
            config.nodes[i].address[j].family = j % 2 == 0 ? LOCUM_V4 : LOCUM_V6;
        }
    }
    step(&site, (struct locum_input){.kind = LOCUM_INPUT_COMMIT});
    view.now = site.now;
}

static void
test_the_largest_page_is_bounded_and_quick(void **state)
{
    (void)state;
    double best_ms = 1e9;
    make_largest();
    for (int i = 0; i < 5; i++) {
        struct timespec from, to;
        (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &from);
        char *page = locum_page_make(&view, LOCUM_PAGE_OPERATORS);
        (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &to);
        const double ms =
            (double)(to.tv_sec - from.tv_sec) * 1e3 + (double)(to.tv_nsec - from.tv_nsec) / 1e6;
        best_ms = ms < best_ms ? ms : best_ms;
        assert_non_null(page);
        assert_true(strlen(page) < LOCUM_PAGE_BYTES_MAX);
        assert_null(markup_wrong(page));
        assert_non_null(strstr(page, "</html>\n"));
        if (i == 0) {
            print_message("the largest page has %zu bytes\n", strlen(page));
        }
        free(page);
    }
    print_message("it takes %.1f ms\n", best_ms);
    assert_true(best_ms < 100); /* also with valgrind and sanitizers */
}

/* A list that is longer than its share says how much is missing. */
static void
test_what_is_left_out_is_counted(void **state)
{
    (void)state;
    make_largest();
    for (size_t i = 0; i < LOCUM_NAMES_MAX; i++) {
        memset(config.names[i].name, '"', LOCUM_DOMAIN_MAX); /* six bytes each */
    }
    char *page = make(LOCUM_PAGE_OPERATORS);
    const size_t shown = count(page, "A, TTL ");
    json_t *status = locum_report_status(&view);
    const size_t all = json_array_size(json_object_get(status, "names"));
    char more[64];
    (void)snprintf(more, sizeof(more), "%zu more: see `locum status`", all - shown);
    assert_true(shown > 20 && shown < all);
    assert_non_null(strstr(page, more));
    json_decref(status);
    free(page);
}

/* dc2 names itself, then dc3 fails three times. */
static struct locum_history *
make_history(void)
{
    struct locum_history *history = locum_history_create();
    locum_history_configure(history, &config);
    locum_history_note(history, &site.core, true, site.now);
    for (int i = 0; i < 6; i++) {
        sleep_ms(&site, 4000);
        site.core.detector.peer[DC3].condition = i % 2 == 0 ? LOCUM_DOWN : LOCUM_ALIVE;
        site.core.plan.answers[0][LOCUM_V4].nodes =
            locum_nodes_of(DC2) | (i % 2 == 0 ? 0 : locum_nodes_of(DC3));
        locum_history_note(history, &site.core, true, site.now);
    }
    sleep_ms(&site, 1000);
    locum_history_note(history, &site.core, true, site.now);
    view.now = site.now;
    view.history = history;
    return history;
}

static void
test_the_timeline_shows_the_history(void **state)
{
    (void)state;
    put(config.names[0].name, sizeof(config.names[0].name), hostile);
    struct locum_history *history = make_history();
    char *page = make(LOCUM_PAGE_OPERATORS);
    assert_non_null(strstr(page, "<b>dc3</b> condition "));
    assert_non_null(strstr(page, "6 changes</summary><ul><li>alive from "));
    assert_non_null(strstr(page, " for 4.0 s</li>"));
    assert_int_equal(count(page, "<rect class=\"bad\""), 3);
    assert_non_null(strstr(page, "answered with "));
    assert_non_null(strstr(page, "<b>ns0</b> condition"));
    assert_null(strstr(page, "<b>dc2</b> admin")); /* always ready */
    free(page);
    page = make(LOCUM_PAGE_EVERYONE);
    assert_non_null(strstr(page, "<b>dc3</b> condition "));
    assert_null(strstr(page, "<b>ns0</b>"));
    free(page);
    locum_history_destroy(history);
}

/* More changes and rows than are shown. */
static void
test_the_largest_timeline_is_bounded(void **state)
{
    (void)state;
    make_largest();
    struct locum_history *history = locum_history_create();
    locum_history_configure(history, &config);
    for (int i = 0; i < 3000; i++) {
        sleep_ms(&site, 1000);
        site.core.detector.peer[1 + i % 3].condition = i % 2 == 0 ? LOCUM_DOWN : LOCUM_ALIVE;
        locum_history_note(history, &site.core, true, site.now);
    }
    view.now = site.now;
    view.history = history;
    char *page = make(LOCUM_PAGE_OPERATORS);
    char *timeline = strstr(page, "<section id=\"timeline\">");
    assert_non_null(timeline);
    assert_non_null(strstr(timeline, " older ones</li>"));
    assert_non_null(strstr(timeline, " more rows: see GET /history"));
    assert_true(strlen(page) < LOCUM_PAGE_BYTES_MAX);
    free(page);
    locum_history_destroy(history);
}

static void
test_queries_per_second(void **state)
{
    (void)state;
    for (int i = 0; i < 30; i++) { /* 250 a second, at last */
        locum_report_note_queries(&run.queries, (uint64_t)(i < 15 ? 0 : (i - 15) * 250), i * 1000);
    }
    json_t *status = locum_report_status(&view);
    assert_true(json_number_value(
                    json_object_get(json_object_get(status, "dns"), "queries_per_s")) == 250.0);
    json_decref(status);
    char *page = make(LOCUM_PAGE_OPERATORS);
    assert_non_null(strstr(page, "250.0 per second"));
    free(page);
    memset(&run.queries, 0, sizeof(run.queries));
    locum_report_note_queries(&run.queries, 7, 1000);
    page = make(LOCUM_PAGE_OPERATORS);
    assert_null(strstr(page, "per second"));
    free(page);
}

static void
test_the_policy_allows_nothing_but_the_page(void **state)
{
    (void)state;
    const char *policy = locum_page_policy();
    assert_non_null(strstr(policy, "default-src 'none'; style-src 'sha256-"));
    assert_non_null(strstr(policy, "; script-src 'sha256-"));
    assert_non_null(strstr(policy, "frame-ancestors 'none'"));
    assert_null(strstr(policy, "unsafe"));
    char *page = make(LOCUM_PAGE_OPERATORS);
    assert_null(strstr(page, " style="));
    free(page);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_text_of_others_is_no_markup, setup_view),
        cmocka_unit_test_setup(test_the_page_says_what_the_status_says, setup_view),
        cmocka_unit_test_setup(test_signed_zones, setup_view),
        cmocka_unit_test_setup(test_everyone_sees_no_internals, setup_view),
        cmocka_unit_test_setup(test_the_largest_page_is_bounded_and_quick, setup_view),
        cmocka_unit_test_setup(test_what_is_left_out_is_counted, setup_view),
        cmocka_unit_test_setup(test_the_timeline_shows_the_history, setup_view),
        cmocka_unit_test_setup(test_the_largest_timeline_is_bounded, setup_view),
        cmocka_unit_test_setup(test_queries_per_second, setup_view),
        cmocka_unit_test_setup(test_the_policy_allows_nothing_but_the_page, setup_view),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
