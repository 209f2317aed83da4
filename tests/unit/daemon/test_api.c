/* What the handlers of the API answer, on a whole daemon that hears no peer. */
#include "fixture.h"

/* Every key of `words`, and no other but "error". */
static void
assert_keys(const json_t *object, const char *words)
{
    size_t count = 0;
    struct locum_slice rest = locum_slice_of(words);
    struct locum_slice word;
    char key[32];
    assert_true(json_is_object(object));
    while (locum_slice_cut(&rest, ' ', &word)) {
        assert_int_equal(locum_slice_copy(word, key, sizeof(key)), 0);
        if (json_object_get(object, key) == NULL) {
            fail_msg("%s is missing", key);
        }
        count++;
    }
    assert_int_equal(json_object_size(object), count);
}

static json_t *
node_of(const json_t *status, const char *name)
{
    size_t i;
    json_t *node;
    json_array_foreach(json_object_get(status, "nodes"), i, node)
    {
        if (strcmp(json_string_value(json_object_get(node, "name")), name) == 0) {
            return node;
        }
    }
    fail_msg("no node %s", name);
    return NULL;
}

static void
test_status_has_every_key(void **state)
{
    (void)state;
    write_config("", "redis: {master-name: mirrorbits}\n");
    start();
    json_t *status = get_status();
    assert_keys(status, "cluster node version incarnation uptime_ms serving quorum nodes names "
                        "redis sentinels checks dns zones nsd hooks next_loss warnings "
                        "counted_warnings degraded summary certificates");
    assert_keys(json_object_get(status, "quorum"), "needed reachable");
    assert_keys(json_object_get(status, "redis"), "connected master since error");
    assert_keys(json_object_get(status, "dns"), "serial queries queries_per_s closed");
    assert_keys(json_array_get(json_object_get(status, "names"), 0),
                "name type ttl_s answers nodes reason");
    assert_keys(json_array_get(json_object_get(status, "checks"), 0), "name state last since");
    for (size_t i = 0; i < 3; i++) {
        const json_t *node = json_array_get(json_object_get(status, "nodes"), i);
        assert_keys(node, "name role self condition service admin rank families excluded heard_ms "
                          "since votes sentinel_down mirrorbits dns digest version by_key");
        assert_keys(json_object_get(node, "families"), "ipv4 ipv6");
        assert_keys(json_object_get(node, "admin"), "state left_ms reason");
        assert_keys(json_object_get(node, "heard_ms"), "redis udp");
        assert_keys(json_object_get(node, "mirrorbits"), "seen state heard_ms");
    }
    json_decref(status);
}

/* A state file that somebody has edited must not take the node out of the answer. */
static void
test_a_reason_that_is_not_utf8_does_not_hide_the_node(void **state)
{
    (void)state;
    write_config("", "");
    write_file("get.state", "incarnation 1\nserial 1\nadmin drain\nreason caf\xe9\n");
    start();
    json_t *status = get_status();
    const json_t *admin = json_object_get(node_of(status, "dc2"), "admin");
    assert_string_equal(json_string_value(json_object_get(admin, "state")), "drain");
    assert_true(json_is_null(json_object_get(admin, "reason")));
    json_decref(status);
}

static bool
says(const json_t *list, const char *words)
{
    size_t i;
    const json_t *line;
    json_array_foreach(list, i, line)
    {
        if (strstr(json_string_value(line), words) != NULL) {
            return true;
        }
    }
    return false;
}

/* An exclusion outlives the run, and so does its warning, also of a node that is never heard. */
static void
test_an_excluded_node_is_a_warning(void **state)
{
    (void)state;
    write_config("", "");
    write_file("get.state", "incarnation 1\nserial 1\nadmin ready\nexcluded dc3\n");
    start();
    json_t *status = get_status();
    assert_true(says(json_object_get(status, "warnings"), "dc3 is excluded on this node"));
    json_decref(status);
}

/* Of each node and name, from the first commit on. */
static void
test_the_history_begins_with_the_daemon(void **state)
{
    (void)state;
    write_config("", "");
    const locum_ms before = locum_clock_read().wall;
    start();
    run_for(50);
    const struct locum_control_reply reply = locum_daemon_handlers.history(daemon_, &nothing);
    assert_int_equal(reply.status, 200);
    assert_keys(reply.body, "from until gaps nodes names");
    assert_true(json_integer_value(json_object_get(reply.body, "from")) >= before);
    assert_int_equal(json_array_size(json_object_get(reply.body, "gaps")), 0);
    const json_t *nodes = json_object_get(reply.body, "nodes");
    assert_int_equal(json_array_size(nodes), 3);
    assert_keys(json_array_get(nodes, 0), "node condition service admin");
    const json_t *span = json_array_get(json_object_get(json_array_get(nodes, 0), "condition"), 0);
    assert_keys(span, "from until value");
    assert_string_equal(json_string_value(json_object_get(span, "value")), "alive");
    const json_t *names = json_object_get(reply.body, "names");
    assert_int_equal(json_array_size(names), 3);
    assert_keys(json_array_get(names, 0), "name answers");
    span = json_array_get(json_object_get(json_array_get(names, 0), "answers"), 0);
    assert_keys(span, "from until nodes");
    json_decref(reply.body);
}

static struct locum_control_reply
explain(const char *supposed)
{
    const struct locum_control_request request = {
        .name = "DC3.get.example.org", .cond = supposed, .final = true};
    return locum_daemon_handlers.explain(daemon_, &request);
}

/* Who is named under this supposition; the API's answer is dropped. */
static const char *
named_if(const char *supposed)
{
    static char name[32];
    const struct locum_control_reply reply = explain(supposed);
    assert_int_equal(reply.status, 200);
    const json_t *answer = json_array_get(json_object_get(reply.body, "answers"), 0);
    assert_string_equal(json_string_value(json_object_get(reply.body, "supposed")), supposed);
    assert_int_equal(json_array_size(json_object_get(answer, "nodes")), 1);
    (void)snprintf(name, sizeof(name), "%s",
                   json_string_value(json_array_get(json_object_get(answer, "nodes"), 0)));
    json_decref(reply.body);
    return name;
}

/* Every state, and several at once. dc2's one check fails; dc3 is never heard. */
static void
test_explain_supposes(void **state)
{
    static const struct {
        const char *supposed, *named;
    } cases[] = {
        {"dc3=unknown", "dc3"},
        {"dc3=alive", "dc3"},
        {"dc3=suspect", "dc3"},
        {"dc2=up,dc3=down", "dc2"},
        {"dc2=up,dc3=returning,dc3=up", "dc2"},
        {"dc2=up,dc3=alive,dc3=failing", "dc2"},
        {"dc2=up,dc3=alive,dc3=probation", "dc2"},
        {"dc2=up,dc3=alive,dc3=up,dc3=ready", "dc3"},
        {"dc2=up,dc3=alive,dc3=up,dc3=drain", "dc2"},
        {"dc2=up,dc3=alive,dc3=up,dc3=maint", "dc2"},
        {"dc2=up,dc3=excluded", "dc2"},
        {"dc2=failing,dc3=alive,dc3=drain,dc3=up", "dc3"},
        {"dc2=down,dc3=alive,dc3=maint,dc3=up", "dc3"},
        {"ns0=down", "dc3"},
    };
    static const struct {
        const char *supposed;
        int status;
    } wrong[] = {{"dc3", 400},       {"dc3=", 400},         {"dc3=asleep", 400},
                 {"dc9=down", 404},  {"=down", 404},        {",", 400},
                 {"dc3=down,", 400}, {"dc3=down,dc2", 400}, {"dc2=alive", 400}};
    (void)state;
    write_config("", "");
    start();
    for (size_t i = 0; i < LOCUM_COUNT(cases); i++) {
        const char *named = named_if(cases[i].supposed);
        if (strcmp(named, cases[i].named) != 0) {
            fail_msg("%s: %s is named", cases[i].supposed, named);
        }
    }
    for (size_t i = 0; i < LOCUM_COUNT(wrong); i++) {
        const struct locum_control_reply reply = explain(wrong[i].supposed);
        json_decref(reply.body);
        if (reply.status != wrong[i].status) {
            fail_msg("%s: %d", wrong[i].supposed, reply.status);
        }
    }
}

/* The digest of the configuration in effect. */
static const char *
digest(void)
{
    static char text[16];
    json_t *status = get_status();
    (void)snprintf(text, sizeof(text), "%s",
                   json_string_value(json_object_get(node_of(status, "dc2"), "digest")));
    json_decref(status);
    return text;
}

static void
test_a_refused_reload_changes_nothing(void **state)
{
    char before[16];
    (void)state;
    write_config("", "");
    start();
    (void)snprintf(before, sizeof(before), "%s", digest());
    write_config("", "min-serving: 99\nevents: {keep: no}\n");
    struct locum_control_reply reply = locum_daemon_handlers.reload(daemon_, &nothing);
    assert_int_equal(reply.status, 409);
    assert_true(says(json_object_get(reply.body, "errors"), "min-serving"));
    assert_true(says(json_object_get(reply.body, "errors"), "keep"));
    json_decref(reply.body);
    write_config(", http: \"127.0.0.1:19854\"", "");
    reply = locum_daemon_handlers.reload(daemon_, &nothing);
    assert_int_equal(reply.status, 409);
    assert_true(says(json_object_get(reply.body, "errors"), "listen.http"));
    json_decref(reply.body);
    assert_string_equal(digest(), before);
}

static void
test_a_reload_takes_effect_and_returns_its_warnings(void **state)
{
    char before[16];
    (void)state;
    write_config("", "");
    start();
    run_for(50);
    const json_int_t serial = get_serial();
    (void)snprintf(before, sizeof(before), "%s", digest());
    write_config("", "heartbeat: {interval: 250ms}\n");
    const struct locum_control_reply reply = locum_daemon_handlers.reload(daemon_, &nothing);
    assert_int_equal(reply.status, 200);
    assert_true(json_is_true(json_object_get(reply.body, "reloaded")));
    assert_true(says(json_object_get(reply.body, "warnings"), "heartbeat"));
    json_decref(reply.body);
    assert_string_not_equal(digest(), before);
    run_for(50);
    assert_true(get_serial() > serial);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_status_has_every_key),
        TEST(test_a_reason_that_is_not_utf8_does_not_hide_the_node),
        TEST(test_an_excluded_node_is_a_warning),
        TEST(test_the_history_begins_with_the_daemon),
        TEST(test_explain_supposes),
        TEST(test_a_refused_reload_changes_nothing),
        TEST(test_a_reload_takes_effect_and_returns_its_warnings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
