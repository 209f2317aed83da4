/*
 * A stretch of a real daemon, recorded line by line (core/record), replays through the same core: a
 * copy of it that is told the events again gives the same actions and becomes the same core.
 */
#include "fixture.h"

#include <arpa/inet.h>
#include <sys/socket.h>

#include "core/record.h"

enum { LINES_MAX = 4096, LINE_BYTES = 4096, PEER_PORT = 19853, DC3 = 1, NS0 = 2 };

struct line {
    bool event; /* else an action */
    char *text;
};

static struct line recorded[LINES_MAX];
static size_t lines, replayed;
static struct locum_core copy; /* of the core, when the recording began */
static int udp = -1;

static void
keep(bool event, const char *text)
{
    assert_true(lines < LINES_MAX);
    recorded[lines].event = event;
    recorded[lines].text = strdup(text);
    assert_non_null(recorded[lines++].text);
}

static void
record(void *user, const struct locum_input *event, const struct locum_actions *actions)
{
    const struct locum_daemon *daemon = user;
    char line[LINE_BYTES];
    struct locum_text text = locum_text_init(line, sizeof(line));
    locum_record_input(&text, &daemon->core.config, event);
    keep(true, line);
    for (size_t i = 0; i < actions->count; i++) {
        text = locum_text_init(line, sizeof(line));
        locum_record_action(&text, &daemon->core, event->now, &actions->at[i]);
        assert_false(text.truncated);
        keep(false, line);
    }
}

/* A peer speaks: it has heard the last heartbeat of the daemon. */
static void
say(locum_node peer, uint64_t seq)
{
    const struct locum_core *core = &daemon_->core;
    char line[LOCUM_HEARTBEAT_MAX];
    struct locum_text text = locum_text_init(line, sizeof(line));
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(PEER_PORT)};
    struct locum_heartbeat heartbeat = {.sender = peer,
                                        .incarnation = 7,
                                        .seq = seq,
                                        .interval_ms = 50,
                                        .service = seq > 9 ? LOCUM_FAILING : LOCUM_UP,
                                        .wall = 1763863200123,
                                        .digest = "a1b2c3d4",
                                        .acked = 1};
    heartbeat.acks[0] = (struct locum_ack){.has_number = true,
                                           .incarnation = core->view.incarnation,
                                           .seq = core->view.seq,
                                           .state_code = LOCUM_ALIVE};
    locum_heartbeat_add(&text, &core->config, &heartbeat);
    assert_int_equal(locum_signature_add(&daemon_->config->secrets, &text), 0);
    assert_int_equal(inet_pton(AF_INET, host, &to.sin_addr), 1);
    assert_int_equal(sendto(udp, line, text.length, 0, (struct sockaddr *)&to, sizeof(to)),
                     text.length);
}

static void
wish(enum locum_admin word, locum_ms for_ms)
{
    struct locum_input event = {.kind = LOCUM_INPUT_ADMIN};
    event.admin.state = word;
    event.admin.for_ms = for_ms;
    memcpy(event.admin.reason, "a new disk", 11);
    locum_daemon_deliver(daemon_, &event);
}

static bool
is_suspect(void)
{
    return locum_core_condition(&daemon_->core, DC3) == LOCUM_SUSPECT;
}

/* Two peers, whose services fail and one of which falls silent; a drain that ends by itself; a
 * check that fails. */
static void
live(void)
{
    udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_true(udp >= 0);
    for (uint64_t seq = 1; seq <= 12; seq++) {
        say(DC3, seq);
        say(NS0, seq);
        turn_for(30);
        if (seq == 6) {
            wish(LOCUM_DRAIN, 100);
        }
    }
    assert_true(wait_until(is_suspect));
    (void)close(udp);
}

static void
same_action(size_t i, const char *text)
{
    if (i >= lines || recorded[i].event || strcmp(recorded[i].text, text) != 0) {
        print_message("replayed: %s\nrecorded: %s\n", text,
                      i >= lines || recorded[i].event ? "(nothing)" : recorded[i].text);
        fail();
    }
}

/* Each event again, and each action compared. */
static void
replay(void)
{
    static struct locum_actions actions;
    char line[LINE_BYTES];
    for (size_t i = 0; i < lines;) {
        struct locum_input event;
        assert_true(recorded[i].event);
        assert_true(
            locum_record_input_parse(locum_slice_of(recorded[i++].text), &copy.config, &event));
        locum_core_step(&copy, &event, &actions);
        for (size_t k = 0; k < actions.count; k++, replayed++) {
            struct locum_text text = locum_text_init(line, sizeof(line));
            locum_record_action(&text, &copy, event.now, &actions.at[k]);
            same_action(i++, line);
        }
    }
}

static bool
was_recorded(const char *piece)
{
    size_t i = 0;
    while (i < lines && strstr(recorded[i].text, piece) == NULL) {
        i++;
    }
    return i < lines;
}

static void
test_a_recorded_stretch_replays(void **state)
{
    (void)state;
    write_config("", "heartbeat: {interval: 50ms, timeout: 400ms}\n");
    start();
    turn_for(50); /* a stretch, not the begin */
    copy = daemon_->core;
    daemon_->watch = record;
    daemon_->watch_user = daemon_;
    live();
    daemon_->watch = NULL;
    static const char *const pieces[] = {
        "heartbeat udp locum1 get dc3",
        "from=unknown to=alive reason=heard",
        "admin drain 100ms a new disk",
        "admin from=drain to=ready reason=lease-end",
        "sample 0 refused",
        "condition peer=dc3 from=alive to=suspect",
        "plan 0/4=",
        "heartbeat locum1 get dc2",
        "persist",
    };
    for (size_t i = 0; i < LOCUM_COUNT(pieces); i++) {
        if (!was_recorded(pieces[i])) {
            print_message("not recorded: %s\n", pieces[i]);
            fail();
        }
    }
    replay();
    assert_true(replayed > 20);
    assert_memory_equal(&copy, &daemon_->core, sizeof(copy));
    while (lines > 0) {
        free(recorded[--lines].text);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_recorded_stretch_replays, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
