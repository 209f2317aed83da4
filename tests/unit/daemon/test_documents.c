/* documents: a daemon exchanges them with a peer, and nothing of it reaches the core. */
#include "peer.h"

/* The user of the topic at dc2. */
static struct {
    size_t changes, acknowledgements;
    locum_node other;
} user;

static bool
on_changed(void *seen, locum_node owner)
{
    (void)seen;
    user.changes++;
    user.other = owner;
    return true;
}

static void
on_acknowledged(void *seen, locum_node peer)
{
    (void)seen;
    user.acknowledgements++;
    user.other = peer;
}

static void
start_subscribed(const char *role)
{
    static const struct locum_daemon_documents_user users = {.changed = on_changed,
                                                             .acknowledged = on_acknowledged};
    write_peer_config(role, false, "");
    dc3.topic = LOCUM_DOCUMENT_KEYS;
    memset(&user, 0, sizeof(user));
    start();
    locum_daemon_documents_subscribe(daemon_, LOCUM_DOCUMENT_KEYS, &users);
}

static const char *wanted; /* of dc3's document at dc2 */

static bool
dc2_has_it(void)
{
    dc3_run();
    const locum_node owner = locum_nodes_find(&daemon_->config->core, locum_slice_of("dc3"));
    return locum_slice_is(locum_daemon_documents_get(daemon_, LOCUM_DOCUMENT_KEYS, owner), wanted);
}

static bool
dc3_has_it(void)
{
    dc3_run();
    return locum_slice_is(locum_documents_get(dc3.documents, LOCUM_DOCUMENT_KEYS, DC2), wanted);
}

static bool
dc2_is_acknowledged(void)
{
    dc3_run();
    return user.acknowledgements > 0;
}

static bool
dc3_is_acknowledged(void)
{
    dc3_run();
    return dc3.acknowledgements > 0;
}

static void
dc2_set(const char *text)
{
    (void)locum_daemon_loop_now(daemon_);
    assert_int_equal(locum_daemon_documents_set(daemon_, LOCUM_DOCUMENT_KEYS, locum_slice_of(text)),
                     0);
}

static uint64_t passed;

/* Some heartbeats have gone both ways. */
static bool
time_has_passed(void)
{
    dc3_run();
    return daemon_->core.view.seq >= passed;
}

static void
let_heartbeats_pass(void)
{
    passed = daemon_->core.view.seq + 6;
    assert_true(wait_until(time_has_passed));
}

static void
check_exchange(void)
{
    wanted = "one";
    dc2_set(wanted);
    assert_true(wait_until(dc3_has_it));
    assert_true(wait_until(dc2_is_acknowledged));
    assert_int_equal(user.other, DC3);
    assert_false(locum_daemon_documents_lacks(daemon_, LOCUM_DOCUMENT_KEYS, DC3));
    wanted = "two";
    assert_int_equal(
        locum_documents_set(dc3.documents, LOCUM_DOCUMENT_KEYS, locum_slice_of(wanted)), 0);
    assert_true(wait_until(dc2_has_it));
    assert_true(wait_until(dc3_is_acknowledged));
    assert_int_equal(user.changes, 1);
    assert_int_equal(user.other, DC3);
    assert_int_equal(dc3.changes, 1);
    assert_int_equal(daemon_->run.bad_signatures[LOCUM_PATH_UDP], 0);
    assert_int_equal(daemon_->core.ignored, 0);
}

static void
test_documents_go_both_ways(void **state)
{
    (void)state;
    start_subscribed("");
    check_exchange();
    const size_t messages = dc3.messages;
    let_heartbeats_pass();
    assert_int_equal(dc3.messages, messages); /* what is acknowledged is not sent again */
}

static void
test_a_witness_takes_part(void **state)
{
    (void)state;
    start_subscribed("role: witness,");
    check_exchange();
}

static void
test_without_a_document_nothing_is_sent(void **state)
{
    (void)state;
    start_subscribed("");
    let_heartbeats_pass();
    assert_int_equal(dc3.messages, 0);
}

/* dc3 restarts: it gets the document again, and its own begins again. */
static void
test_a_peer_that_restarts_gets_it_again(void **state)
{
    (void)state;
    start_subscribed("");
    check_exchange();
    dc3_begin(0x34);
    wanted = "three";
    assert_int_equal(
        locum_documents_set(dc3.documents, LOCUM_DOCUMENT_KEYS, locum_slice_of(wanted)), 0);
    assert_true(wait_until(dc2_has_it));
    wanted = "one";
    assert_true(wait_until(dc3_has_it));
}

/* A peer that is not heard is not sent anything, and nobody waits for it. */
static void
test_a_peer_that_is_not_heard_is_not_waited_for(void **state)
{
    (void)state;
    start_subscribed("");
    dc3.silent = true;
    dc2_set("one");
    let_heartbeats_pass();
    assert_int_equal(dc3.messages, 0);
    assert_false(locum_daemon_documents_lacks(daemon_, LOCUM_DOCUMENT_KEYS, DC3));
    assert_false(daemon_->documents.waits);
    dc3.silent = false;
    wanted = "one";
    assert_true(wait_until(dc3_has_it));
}

/* A replay names a heartbeat that is not recent; a forgery has no valid signature. */
static void
test_what_is_not_proved_or_not_fresh_does_not_count(void **state)
{
    (void)state;
    start_subscribed("");
    assert_int_equal(locum_documents_set(dc3.documents, LOCUM_DOCUMENT_KEYS, locum_slice_of("two")),
                     0);
    dc3.stale = true;
    let_heartbeats_pass();
    assert_int_equal(user.changes, 0);
    assert_int_equal(daemon_->run.bad_signatures[LOCUM_PATH_UDP], 0);
    dc3.stale = false;
    dc3.forgery = true;
    let_heartbeats_pass();
    assert_int_equal(user.changes, 0);
    assert_true(daemon_->run.bad_signatures[LOCUM_PATH_UDP] > 0);
    dc3.forgery = false;
    wanted = "two";
    assert_true(wait_until(dc2_has_it));
}

/* A reload moves the nodes: their documents follow. */
static void
test_documents_follow_a_reload(void **state)
{
    (void)state;
    start_subscribed("");
    check_exchange();
    json_t *messages;
    write_peer_config("", true, "");
    assert_int_equal(locum_daemon_wiring_reload(daemon_, &messages), 0);
    json_decref(messages);
    assert_int_equal(locum_nodes_find(&daemon_->config->core, locum_slice_of("dc3")), NS0);
    wanted = "two";
    assert_true(dc2_has_it());
    wanted = "four";
    dc2_set(wanted);
    assert_true(wait_until(dc3_has_it));
}

/* A version that does not know these messages gives them to its core, which takes them for those of
 * an unknown version: they are counted, and nothing else. */
static void
test_the_core_ignores_them(void **state)
{
    (void)state;
    start_subscribed("");
    struct locum_input input = {.kind = LOCUM_INPUT_HEARTBEAT};
    input.heartbeat.text = locum_slice_of("locum-doc1 get dc3 5f1c2a90 dc2=1,2 keys dc3 1 1/1 two");
    const uint64_t ignored = daemon_->core.ignored;
    locum_daemon_loop_deliver(daemon_, &input);
    assert_int_equal(daemon_->core.ignored, ignored + 1);
    assert_int_equal(daemon_->core.view.peer[DC3].ignored, LOCUM_NEVER);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup_peer, teardown_peer)
    const struct CMUnitTest tests[] = {
        TEST(test_documents_go_both_ways),
        TEST(test_a_witness_takes_part),
        TEST(test_without_a_document_nothing_is_sent),
        TEST(test_a_peer_that_restarts_gets_it_again),
        TEST(test_a_peer_that_is_not_heard_is_not_waited_for),
        TEST(test_what_is_not_proved_or_not_fresh_does_not_count),
        TEST(test_documents_follow_a_reload),
        TEST(test_the_core_ignores_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
