/*
 * acme: a daemon, dc2, and its peer dc3 set and remove values of ACME challenges: what is answered,
 * who is waited for, what survives a restart.
 */
#include "peer.h"

#include "daemon/acme.h"

#define ZONE  "get.example.org"
#define OWNER "_acme-challenge." ZONE "."

/* SHORT_MS: of what is not expected to be acknowledged. */
enum { SHORT_MS = 300, WAIT_MS = 10000, LONG_MS = 600000, VALUE_MS = 3000 };

static struct {
    size_t calls;
    struct locum_acme_outcome outcome;
} done;

static void
on_done(void *user, const struct locum_acme_outcome *outcome)
{
    (void)user;
    done.calls++;
    done.outcome = *outcome;
}

static bool
is_done(void)
{
    dc3_run();
    return done.calls > 0;
}

static bool
dc3_is_alive(void)
{
    dc3_run();
    return daemon_->core.detector.peer[DC3].condition == LOCUM_ALIVE;
}

static bool
dc3_is_suspect(void)
{
    dc3_run();
    return daemon_->core.detector.peer[DC3].condition == LOCUM_SUSPECT;
}

static void
start_with(const char *zone)
{
    dc3.topic = LOCUM_DOCUMENT_ACME;
    memset(&done, 0, sizeof(done));
    write_peer_config("", false, zone);
    start();
}

static struct locum_acme_name
find(const char *written)
{
    struct locum_acme_name name;
    char reason[512];
    struct locum_text why = locum_text_init(reason, sizeof(reason));
    (void)locum_daemon_loop_now(daemon_);
    assert_int_equal(locum_acme_find(daemon_, written, &name, &why), 0);
    return name;
}

/* "a b": what is answered, and as many in the metric. */
static const char *
values(void)
{
    static char text[4096];
    const char *list[LOCUM_CHALLENGE_VALUES_MAX];
    struct locum_text out = locum_text_init(text, sizeof(text));
    const struct locum_acme_name name = find(ZONE);
    const size_t count = locum_acme_values(daemon_, &name, list);
    for (size_t i = 0; i < count; i++) {
        locum_text_add(&out, i > 0 ? " " : "");
        locum_text_add(&out, list[i]);
    }
    assert_int_equal(get_metric("locum_acme_values"), count);
    return text;
}

static void
commit(locum_ms wait_ms)
{
    done.calls = 0;
    assert_int_equal(locum_acme_commit(daemon_, wait_ms, on_done, NULL, NULL), 0);
    assert_int_equal(done.calls, 0); /* never from inside */
}

static void
set_within(const char *value, const char *client, locum_ms for_ms, locum_ms wait_ms)
{
    const struct locum_acme_name name = find(ZONE);
    locum_acme_begin(daemon_);
    assert_int_equal(locum_acme_set(daemon_, &name, value, for_ms, client), 0);
    commit(wait_ms);
}

static void
set(const char *value, const char *client, locum_ms for_ms)
{
    set_within(value, client, for_ms, WAIT_MS);
}

/* dc3 has this document from now on. */
static const char *wanted;

static bool
has_wanted(void)
{
    dc3_run();
    return strcmp(values(), wanted) == 0;
}

static void
dc3_sets(const char *value)
{
    char text[512];
    (void)snprintf(text, sizeof(text), "+ " OWNER " 1 %lld cli %s",
                   (long long)locum_clock_read().wall + LONG_MS, value);
    assert_int_equal(locum_documents_set(dc3.documents, LOCUM_DOCUMENT_ACME, locum_slice_of(text)),
                     0);
}

static void
test_a_change_waits_for_the_peer(void **state)
{
    (void)state;
    start_with("    acme: {}\n");
    assert_true(wait_until(dc3_is_alive));
    const json_int_t serial = get_serial();
    set("v1", "cli", LONG_MS);
    assert_string_equal(values(), "v1"); /* at once here */
    assert_true(get_serial() > serial);
    assert_true(wait_until(is_done));
    assert_int_equal(done.outcome.missing, 0);
    run_for(SHORT_MS);
    assert_int_equal(done.calls, 1);
    const struct locum_slice copy = locum_documents_get(dc3.documents, LOCUM_DOCUMENT_ACME, DC2);
    assert_true(copy.length > 0 && strncmp(copy.at, "+ " OWNER " ", strlen(OWNER) + 3) == 0);
    wanted = "v1 v2";
    dc3_sets("v2");
    assert_true(wait_until(has_wanted));
    assert_non_null(strstr(read_log(), "event=acme node=dc2 name=_acme-challenge." ZONE
                                       " state=set client=cli"));
    assert_null(strstr(read_log(), "v1"));
}

/* It hears dc3, which is of a version that does not know documents. */
static void
test_a_peer_that_does_not_acknowledge_is_named(void **state)
{
    (void)state;
    start_with("    acme: {}\n");
    dc3.old = true;
    assert_true(wait_until(dc3_is_alive));
    set_within("v1", "cli", LONG_MS, SHORT_MS);
    assert_true(wait_until(is_done));
    assert_int_equal(done.outcome.missing, locum_nodes_of(DC3));
    assert_non_null(strstr(read_log(), "event=acme-late node=dc2 peers=dc3 reason="));
    assert_string_equal(values(), "v1");
    /* One that is silent, but not held down, may answer others: it is named too. */
    dc3.silent = true;
    assert_true(wait_until(dc3_is_suspect));
    set_within("v2", "cli", LONG_MS, SHORT_MS);
    assert_true(wait_until(is_done));
    assert_int_equal(done.outcome.missing, locum_nodes_of(DC3));
}

static void
test_who_has_cancelled_is_not_called(void **state)
{
    (void)state;
    struct locum_acme_wait *wait;
    start_with("    acme: {}\n");
    const struct locum_acme_name name = find(ZONE);
    locum_acme_begin(daemon_);
    assert_int_equal(locum_acme_set(daemon_, &name, "v1", LONG_MS, "cli"), 0);
    done.calls = 0;
    assert_int_equal(locum_acme_commit(daemon_, 50, on_done, NULL, &wait), 0);
    locum_acme_cancel(wait);
    run_for(300);
    assert_int_equal(done.calls, 0);
    assert_string_equal(values(), "v1");
}

static void
test_a_change_is_all_or_nothing(void **state)
{
    (void)state;
    static const uint8_t mac[] = "0123456789abcdef";
    start_with("    acme: {}\n");
    set("v1", "key:k", LONG_MS);
    const struct locum_acme_name name = find(OWNER);
    locum_acme_begin(daemon_);
    assert_int_equal(locum_acme_unset(daemon_, &name, "v1", "key:k"), 1);
    assert_int_equal(locum_acme_note_update(daemon_, mac, LONG_MS), 0);
    assert_int_equal(locum_acme_set(daemon_, &name, "v 2", LONG_MS, "key:k"), LOCUM_ERR_INVALID);
    assert_non_null(strstr(locum_acme_error_text(LOCUM_ERR_INVALID), "visible ASCII"));
    locum_acme_abort(daemon_);
    assert_string_equal(values(), "v1");
    assert_false(locum_acme_is_replay(daemon_, mac));
    locum_acme_begin(daemon_);
    assert_int_equal(locum_acme_unset_own(daemon_, &name, "key:other", NULL, 0), 0);
    assert_int_equal(locum_acme_unset_own(daemon_, &name, "key:k", NULL, 0), 1);
    assert_int_equal(locum_acme_set(daemon_, &name, "v2", LONG_MS, "key:k"), 0);
    assert_int_equal(locum_acme_note_update(daemon_, mac, LONG_MS), 0);
    commit(WAIT_MS);
    assert_string_equal(values(), "v2");
    assert_true(locum_acme_is_replay(daemon_, mac));
    locum_acme_begin(daemon_);
    int status = 0;
    for (int i = 0; i < 2 * LOCUM_ACME_NOTES_MAX && status == 0; i++) {
        status = locum_acme_set(daemon_, &name, "v2", LONG_MS, "key:k");
    }
    assert_int_equal(status, LOCUM_ERR_SPACE);
    assert_int_equal(locum_acme_unset(daemon_, &name, "v2", "key:k"), LOCUM_ERR_SPACE);
    locum_acme_abort(daemon_);
}

static void
test_names_are_found_however_they_are_written(void **state)
{
    (void)state;
    static const char *const good[] = {
        ZONE, ZONE ".", "*." ZONE, "Get.Example.ORG", OWNER, "_Acme-Challenge." ZONE};
    static const char *const wrong[] = {
        "", ".", "example.org", "x." ZONE, "_acme-challenge.", "*.*." ZONE};
    start_with("    acme: {}\n    records: [\"_acme-challenge.dc3 CNAME x.test.\"]\n");
    char reason[1024];
    struct locum_acme_name name;
    for (size_t i = 0; i < LOCUM_COUNT(good); i++) {
        name = find(good[i]);
        assert_string_equal(name.owner, OWNER);
    }
    for (size_t i = 0; i < LOCUM_COUNT(wrong); i++) {
        struct locum_text why = locum_text_init(reason, sizeof(reason));
        assert_int_equal(locum_acme_find(daemon_, wrong[i], &name, &why), LOCUM_ERR_NOT_FOUND);
        assert_non_null(strstr(reason, "is not a shared or owned name of a zone with acme"));
    }
    struct locum_text why = locum_text_init(reason, sizeof(reason));
    assert_int_equal(locum_acme_find(daemon_, "dc3." ZONE, &name, &why), LOCUM_ERR_DENIED);
    assert_non_null(strstr(reason, "a static record has this name"));
}

/* Without a chance to save anything at its end. */
static void
restart(void)
{
    locum_daemon_destroy(daemon_);
    daemon_ = NULL;
    dc3.heard = (struct locum_order){0};
    start();
}

static void
test_a_restart_keeps_all_that_was_known(void **state)
{
    (void)state;
    start_with("    acme: {}\n");
    assert_true(wait_until(dc3_is_alive));
    set("v1", "cli", LONG_MS);
    set("short", "cli", 1);
    wanted = "v1 v2";
    dc3_sets("v2");
    assert_true(wait_until(has_wanted)); /* and the short one has ended */
    restart();
    assert_string_equal(values(), "v1 v2"); /* before any peer was heard */
    assert_true(wait_until(dc3_is_alive));
    assert_string_equal(values(), "v1 v2");
    /* A boot: below /run there is nothing, and the clock has begun again. */
    locum_daemon_destroy(daemon_);
    daemon_ = NULL;
    char text[LOG_BYTES];
    const int fd = open("get.acme", O_RDONLY | O_CLOEXEC);
    const ssize_t length = read(fd, text, sizeof(text) - 1);
    (void)close(fd);
    assert_true(length > 0);
    text[length] = '\0';
    char *boot = strchr(text, ' ') + 1;
    assert_true(boot[0] != '\n');
    boot[0] = boot[0] == '0' ? '1' : '0';
    assert_int_equal(unlink("control.sock.acme"), 0);
    assert_int_equal(unlink("get.acme"), 0);
    write_file("get.acme", text);
    start();
    assert_string_equal(values(), "v1 v2");
    const locum_ms left = daemon_->acme.next - daemon_->now.boot;
    assert_true(left > LONG_MS / 2 && left <= LONG_MS);
}

static void
test_a_file_that_cannot_be_read_stops_nothing(void **state)
{
    (void)state;
    static const char *const texts[] = {"", "x", "locum-acme1\n", "locum-acme1 \n\n \n", "\n\n"};
    start_with("    acme: {}\n");
    for (size_t i = 0; i < LOCUM_COUNT(texts); i++) {
        locum_daemon_destroy(daemon_);
        daemon_ = NULL;
        (void)unlink("control.sock.acme");
        (void)unlink("get.acme");
        write_file("control.sock.acme", texts[i]);
        start();
        assert_string_equal(values(), "");
    }
}

static bool
is_empty(void)
{
    return values()[0] == '\0';
}

static void
test_a_value_ends(void **state)
{
    (void)state;
    start_with("    acme: {}\n");
    set("v1", "cli", VALUE_MS);
    assert_string_equal(values(), "v1");
    const json_int_t serial = get_serial();
    assert_true(wait_until(is_empty));
    /* values() is by the clock; what is published follows. */
    while (daemon_->acme.answers != NULL) {
        run_for(5);
    }
    assert_true(get_serial() > serial);
}

static bool
dc3_is_acknowledged(void)
{
    dc3_run();
    return dc3.acknowledgements > 0;
}

static bool
is_logged(void)
{
    dc3_run();
    return strstr(read_log(), "event=acme peer=dc3 reason=") != NULL;
}

/* A document of a later version: what was known stays, and the log says it. */
static void
test_a_document_that_cannot_be_read(void **state)
{
    (void)state;
    start_with("    acme: {}\n");
    assert_true(wait_until(dc3_is_alive));
    wanted = "v2";
    dc3_sets("v2");
    assert_true(wait_until(has_wanted));
    assert_true(wait_until(dc3_is_acknowledged));
    dc3.acknowledgements = 0;
    assert_int_equal(
        locum_documents_set(dc3.documents, LOCUM_DOCUMENT_ACME, locum_slice_of("? new")), 0);
    assert_true(wait_until(is_logged));
    assert_string_equal(values(), "v2");
    assert_int_equal(dc3.acknowledgements, 0); /* dc3 must not believe that it is answered */
}

static void
reload(const char *zone, bool swapped)
{
    json_t *messages;
    write_peer_config("", swapped, zone);
    assert_int_equal(locum_daemon_wiring_reload(daemon_, &messages), 0);
    json_decref(messages);
}

static void
test_values_follow_a_reload(void **state)
{
    (void)state;
    start_with("");
    char reason[512];
    struct locum_text why = locum_text_init(reason, sizeof(reason));
    struct locum_acme_name name;
    assert_int_equal(locum_acme_find(daemon_, ZONE, &name, &why), LOCUM_ERR_NOT_FOUND);
    assert_non_null(strstr(reason, "no zone has acme; add `acme: {}`"));
    assert_true(wait_until(dc3_is_alive));
    dc3_sets("v2");
    reload("    acme: {}\n", false);
    wanted = "v2";
    assert_true(wait_until(has_wanted));
    set("v1", "cli", LONG_MS);
    reload("    acme: {}\n", true); /* dc3 has another number */
    assert_string_equal(values(), "v1 v2");
    reload("    acme: {dns-01: false}\n", true);
    assert_null(daemon_->acme.answers);
    reload("    acme: {}\n", false);
    assert_string_equal(values(), "v1 v2");
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup_peer, teardown_peer)
    const struct CMUnitTest tests[] = {
        TEST(test_a_change_waits_for_the_peer),
        TEST(test_a_peer_that_does_not_acknowledge_is_named),
        TEST(test_who_has_cancelled_is_not_called),
        TEST(test_a_change_is_all_or_nothing),
        TEST(test_names_are_found_however_they_are_written),
        TEST(test_a_restart_keeps_all_that_was_known),
        TEST(test_a_file_that_cannot_be_read_stops_nothing),
        TEST(test_a_value_ends),
        TEST(test_a_document_that_cannot_be_read),
        TEST(test_values_follow_a_reload),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
