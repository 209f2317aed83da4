/*
 * What a real daemon gives its core, recorded line by line (core/record), can be replayed: a copy
 * of the core that gets the same inputs gives the same actions and ends in the same state.
 */
#include "fixture.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <sys/timex.h>

#include "core/record.h"
#include "report/events.h"

enum { LINES_MAX = 4096, LINE_BYTES = 4096, PEER_PORT = 19853, DC3 = 1, NS0 = 2 };

struct line {
    bool input; /* else an action */
    char *text;
};

static struct line recorded[LINES_MAX];
static size_t lines, replayed;
static struct locum_core copy; /* of the core, when the recording began */
static struct locum_core last; /* of the core, after the last input */
static struct locum_secrets secrets;
static int udp = -1;

static void
keep(bool input, const char *text)
{
    assert_true(lines < LINES_MAX);
    recorded[lines].input = input;
    recorded[lines].text = strdup(text);
    assert_non_null(recorded[lines++].text);
}

static void
add_action(struct locum_text *text, const struct locum_core *core, struct locum_now now,
           const struct locum_action *action)
{
    if (action->kind == LOCUM_ACTION_EVENT) {
        locum_events_add_line(text, &core->config, &action->event);
    } else {
        locum_record_action(text, core, now, action);
    }
}

static bool recording, suspect;
static uint64_t incarnation, sequence; /* of the daemon's last heartbeat */

static void
record(void *user, const struct locum_core *core, const struct locum_input *input,
       const struct locum_actions *actions)
{
    char line[LINE_BYTES];
    struct locum_text text = locum_text_init(line, sizeof(line));
    (void)user;
    incarnation = core->view.incarnation;
    sequence = core->view.seq;
    suspect = locum_core_condition(core, DC3) == LOCUM_SUSPECT;
    last = *core;
    if (!recording) {
        return;
    }
    locum_record_input(&text, &core->config, input);
    keep(true, line);
    for (size_t i = 0; i < actions->count; i++) {
        text = locum_text_init(line, sizeof(line));
        add_action(&text, core, input->now, &actions->at[i]);
        assert_false(text.truncated);
        keep(false, line);
    }
}

/* A peer speaks: it has heard the last heartbeat of the daemon. */
static void
say(locum_node peer, uint64_t seq)
{
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
    heartbeat.acks[0] = (struct locum_ack){
        .has_number = true, .incarnation = incarnation, .seq = sequence, .state_code = LOCUM_ALIVE};
    locum_heartbeat_add(&text, &last.config, &heartbeat);
    assert_int_equal(locum_signature_add(&secrets, &text), 0);
    assert_int_equal(inet_pton(AF_INET, host, &to.sin_addr), 1);
    assert_int_equal(sendto(udp, line, text.length, 0, (struct sockaddr *)&to, sizeof(to)),
                     text.length);
}

static void
wish(enum locum_admin state, locum_ms for_ms)
{
    struct locum_input input = {.kind = LOCUM_INPUT_ADMIN};
    input.admin.state = state;
    input.admin.for_ms = for_ms;
    memcpy(input.admin.reason, "a new disk", 11);
    locum_daemon_loop_deliver(daemon_, &input);
}

static int clock_status = STA_UNSYNC;

/* In place of the one in the C library: what the kernel says of the clock. */
int
adjtimex(struct timex *buf)
{
    buf->status = clock_status;
    return TIME_OK;
}

static bool
is_synchronised(void)
{
    return last.view.clock_synchronised;
}

static bool
is_free(void)
{
    return !last.view.clock_synchronised;
}

static bool
is_suspect(void)
{
    return suspect;
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
        run_for(30);
        if (seq == 6) {
            wish(LOCUM_DRAIN, 100);
        }
    }
    assert_true(wait_until(is_suspect));
    clock_status = STA_PLL;
    assert_true(wait_until(is_synchronised));
    clock_status = STA_UNSYNC;
    assert_true(wait_until(is_free));
    (void)close(udp);
}

static void
same_action(size_t i, const char *text)
{
    if (i >= lines || recorded[i].input || strcmp(recorded[i].text, text) != 0) {
        print_message("replayed: %s\nrecorded: %s\n", text,
                      i >= lines || recorded[i].input ? "(nothing)" : recorded[i].text);
        fail();
    }
}

/* Give the copy each input, and compare each action. */
static void
replay(void)
{
    static struct locum_actions actions;
    char line[LINE_BYTES];
    for (size_t i = 0; i < lines;) {
        struct locum_input input;
        assert_true(recorded[i].input);
        assert_true(
            locum_record_input_parse(locum_slice_of(recorded[i++].text), &copy.config, &input));
        locum_core_step(&copy, &input, &actions);
        for (size_t k = 0; k < actions.count; k++, replayed++) {
            struct locum_text text = locum_text_init(line, sizeof(line));
            add_action(&text, &copy, input.now, &actions.at[k]);
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
test_a_recording_can_be_replayed(void **state)
{
    (void)state;
    write_config("", "heartbeat: {interval: 50ms, timeout: 400ms}\n");
    char buffer[256];
    struct locum_text why = locum_text_init(buffer, sizeof(buffer));
    assert_int_equal(locum_signature_read_secrets("secret", &secrets, &why), 0);
    start();
    locum_daemon_loop_watch(daemon_, record, NULL);
    run_for(50);
    copy = last;
    recording = true;
    live();
    locum_daemon_loop_watch(daemon_, NULL, NULL);
    static const char *const pieces[] = {
        "heartbeat udp4 locum1 get dc3",
        "from=unknown to=alive reason=heard",
        "admin drain 100ms a new disk",
        "admin from=drain to=ready reason=lease-end",
        "sample 0 refused",
        "condition peer=dc3 from=alive to=suspect",
        "plan 0/4=",
        "heartbeat locum1 get dc2",
        "persist",
        "clock synchronised",
        "clock free",
    };
    for (size_t i = 0; i < LOCUM_COUNT(pieces); i++) {
        if (!was_recorded(pieces[i])) {
            print_message("not recorded: %s\n", pieces[i]);
            fail();
        }
    }
    replay();
    assert_true(replayed > 20);
    assert_memory_equal(&copy, &last, sizeof(copy));
    while (lines > 0) {
        free(recorded[--lines].text);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_recording_can_be_replayed, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
