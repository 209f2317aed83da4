/* When an iteration is committed: after all sockets, but never kept away by them. */
#include "fixture.h"

#include <arpa/inet.h>
#include <hiredis/hiredis.h>
#include <sys/socket.h>

enum { BURST = 200, IN_TIME_MS = 20, STALL_MS = 300 };

/* Heartbeats come often, and half a timeout without an iteration is a stall: 200 ms. */
#define QUICK "heartbeat: {interval: 50ms, timeout: 400ms}\n"

static struct event *noise;
static size_t left;

static void
on_noise(evutil_socket_t fd, short what, void *user)
{
    const struct timeval soon = {.tv_usec = 1000};
    (void)fd, (void)what, (void)user;
    struct locum_input input = {.kind = LOCUM_INPUT_MIRRORBITS, .node = 1};
    locum_daemon_loop_deliver(daemon_, &input);
    if (--left > 0) {
        (void)event_add(noise, &soon);
    }
}

/* What the commits show, of all since watch() was called. */
static struct {
    size_t commits;
    size_t punctual;   /* came when the core had asked for one, with no other input between */
    size_t early;      /* came without an input before the core had asked for one */
    size_t stalls;     /* events */
    locum_ms due;      /* when the core wants the next; LOCUM_NEVER: at once */
    bool idle;         /* no input since the last commit */
    long long refused; /* messages with a bad signature, when the stall was seen */
} seen;

static void
on_step(void *user, const struct locum_core *core, const struct locum_input *input,
        const struct locum_actions *actions)
{
    (void)user;
    if (input->kind == LOCUM_INPUT_COMMIT) {
        const locum_ms late = input->now.mono - seen.due;
        seen.commits++;
        seen.punctual += seen.idle && late >= 0 && late <= IN_TIME_MS;
        seen.early += seen.idle && late < 0 && seen.commits > 1;
        seen.due = core->next_commit;
    }
    seen.idle = input->kind == LOCUM_INPUT_COMMIT;
    for (size_t i = 0; i < actions->count; i++) {
        if (actions->at[i].kind == LOCUM_ACTION_EVENT &&
            actions->at[i].event.kind == LOCUM_EVENT_STALL) {
            seen.stalls++;
            seen.refused = get_metric("locum_heartbeats_refused_total{path=\"redis\"}");
        }
    }
}

static void
watch(void)
{
    memset(&seen, 0, sizeof(seen));
    seen.due = LOCUM_NEVER;
    locum_daemon_loop_watch(daemon_, on_step, NULL);
}

static bool
is_committed_in_time_again(void)
{
    return left == 0 && seen.punctual >= 3;
}

/* Inputs, each of which is committed, must not move the time of the next commit. */
static void
test_many_inputs_do_not_delay_the_next_commit(void **state)
{
    (void)state;
    write_config("", "");
    start();
    left = BURST;
    noise = event_new(locum_daemon_loop(daemon_), -1, 0, on_noise, NULL);
    assert_int_equal(event_add(noise, &(struct timeval){0}), 0);
    watch();
    assert_true(wait_until(is_committed_in_time_again));
    assert_true(seen.commits >= BURST);
    event_free(noise);
}

/* Between heartbeats the loop sleeps: it wakes for events and timers, it does not poll. */
static void
test_the_loop_does_not_wake_without_need(void **state)
{
    (void)state;
    write_config("", "");
    start();
    run_for(200); /* the start is over */
    const long long before = get_metric("locum_heartbeats_sent_total");
    const locum_ms end = locum_clock_read().mono + 1000;
    size_t rounds = 0;
    for (; locum_clock_read().mono < end; rounds++) {
        assert_int_equal(event_base_loop(locum_daemon_loop(daemon_), EVLOOP_ONCE), 0);
    }
    /* At most three rounds a heartbeat; each second two checks and what is written for people. */
    const size_t sent = (size_t)(get_metric("locum_heartbeats_sent_total") - before);
    assert_true(sent >= 2);
    assert_true(rounds <= 3 * sent + 12);
}

static char warned[64]; /* the last warning that the test has caused */

static bool
is_warned(void)
{
    return strstr(read_log(), warned) != NULL;
}

/* Warnings are looked for each second, whether heartbeats come often or rarely. */
static void
test_the_work_of_each_second_is_done_each_second(void **state)
{
    static const char *const heartbeats[] = {"", "heartbeat: {interval: 3s, timeout: 12s}\n"};
    static const char *const senders[] = {"dc3", "ns0"};
    for (size_t i = 0; i < LOCUM_COUNT(heartbeats); i++) {
        locum_ms last = 0;
        struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(19853)};
        const int udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        write_config("", heartbeats[i]);
        start();
        assert_int_equal(inet_pton(AF_INET, host, &to.sin_addr), 1);
        for (size_t k = 0; k < LOCUM_COUNT(senders); k++) { /* forged heartbeats */
            char line[64];
            (void)snprintf(line, sizeof(line), "locum1 get %s 1 2", senders[k]);
            (void)snprintf(warned, sizeof(warned), "about=signature peer=%s", senders[k]);
            assert_true(sendto(udp, line, strlen(line), 0, (struct sockaddr *)&to, sizeof(to)) > 0);
            assert_true(wait_until(is_warned));
            if (last > 0) {
                assert_in_range(locum_clock_read().mono - last, 875, 1300);
            }
            last = locum_clock_read().mono;
        }
        (void)close(udp);
        assert_int_equal(teardown(state), 0);
        assert_int_equal(setup(state), 0);
    }
}

static bool
is_stall_seen(void)
{
    return seen.stalls > 0;
}

static void
on_byte(evutil_socket_t fd, short what, void *user)
{
    char byte;
    (void)what, (void)user;
    assert_int_equal(read(fd, &byte, 1), 1); /* one of several: the kernel reports it again */
    assert_int_equal(seen.stalls, 0);
}

/* After a stall, everything that has arrived is read before time passes for the core, however often
 * the kernel must be asked. */
static void
test_a_late_iteration_reads_all_sockets_first(void **state)
{
    char byte;
    int pipes[2];
    (void)state;
    write_config("", QUICK);
    start();
    run_for(200);
    watch();
    assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
    assert_int_equal(write(pipes[1], "12345", 5), 5);
    noise = event_new(locum_daemon_loop(daemon_), pipes[0], EV_READ | EV_PERSIST, on_byte, NULL);
    assert_int_equal(event_add(noise, NULL), 0);
    (void)usleep(STALL_MS * 1000);
    assert_true(wait_until(is_stall_seen));
    event_free(noise);
    assert_int_equal(fcntl(pipes[0], F_SETFL, O_NONBLOCK), 0);
    assert_int_equal(read(pipes[0], &byte, 1), -1);
    (void)close(pipes[0]);
    (void)close(pipes[1]);
}

/* A Redis master that answers correctly; its clients are the daemon's. */
struct redis {
    int listener;
    int client[2];
    redisReader *reader[2];
    struct event *events[3];
    int subscriber;
};

static void
on_command(evutil_socket_t fd, short what, void *user)
{
    static const char master[] = "*3\r\n$6\r\nmaster\r\n:0\r\n*0\r\n";
    struct redis *self = user;
    redisReader *reader = self->reader[fd == self->client[1]];
    char bytes[4096];
    void *command = NULL;
    (void)what;
    const ssize_t length = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT);
    assert_true(length > 0);
    assert_int_equal(redisReaderFeed(reader, bytes, (size_t)length), REDIS_OK);
    while (redisReaderGetReply(reader, &command) == REDIS_OK && command != NULL) {
        const redisReply *words = command;
        const char *word = words->element[0]->str;
        if (strcmp(word, "ROLE") == 0) {
            assert_int_equal(dprintf(fd, "%s", master), sizeof(master) - 1);
        } else if (strcmp(word, "SUBSCRIBE") != 0) {
            assert_true(dprintf(fd, strcmp(word, "CLIENT") == 0 ? "+OK\r\n" : ":1\r\n") > 0);
        }
        for (size_t i = 1; i < words->elements && strcmp(word, "SUBSCRIBE") == 0; i++) {
            const char *channel = words->element[i]->str;
            self->subscriber = fd;
            assert_true(dprintf(fd, "*3\r\n$9\r\nsubscribe\r\n$%zu\r\n%s\r\n:%zu\r\n",
                                strlen(channel), channel, i) > 0);
        }
        freeReplyObject(command);
    }
}

static void
on_client(evutil_socket_t fd, short what, void *user)
{
    struct redis *self = user;
    const int which = self->client[0] >= 0;
    (void)what;
    assert_int_equal(self->client[which], -1);
    self->client[which] = accept(fd, NULL, NULL);
    self->reader[which] = redisReaderCreate();
    self->events[which] = event_new(locum_daemon_loop(daemon_), self->client[which],
                                    EV_READ | EV_PERSIST, on_command, self);
    assert_int_equal(event_add(self->events[which], NULL), 0);
}

static bool
is_subscribed(void)
{
    return get_metric("locum_redis_connected") == 1;
}

/* The same for what Redis has sent. */
static void
test_a_late_iteration_reads_redis_first(void **state)
{
    static const char message[] =
        "*3\r\n$7\r\nmessage\r\n$19\r\nlocum:get:heartbeat\r\n$1\r\nx\r\n";
    struct redis redis = {.client = {-1, -1}, .listener = socket(AF_INET, SOCK_STREAM, 0)};
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof(name);
    char text[160];
    (void)state;
    assert_int_equal(bind(redis.listener, (struct sockaddr *)&name, length), 0);
    assert_int_equal(listen(redis.listener, 2), 0);
    assert_int_equal(getsockname(redis.listener, (struct sockaddr *)&name, &length), 0);
    (void)snprintf(text, sizeof(text), "RedisAddress: 127.0.0.1:%d\n", ntohs(name.sin_port));
    write_file("mirrorbits.conf", text);
    (void)snprintf(text, sizeof(text), QUICK "redis: {mirrorbits-config: %s/mirrorbits.conf}\n",
                   folder);
    write_config("", text);
    start();
    redis.events[2] = event_new(locum_daemon_loop(daemon_), redis.listener, EV_READ | EV_PERSIST,
                                on_client, &redis);
    assert_int_equal(event_add(redis.events[2], NULL), 0);
    assert_true(wait_until(is_subscribed));
    run_for(100);
    assert_int_equal(get_metric("locum_heartbeats_refused_total{path=\"redis\"}"), 0);
    watch();
    assert_int_equal(send(redis.subscriber, message, sizeof(message) - 1, 0), sizeof(message) - 1);
    (void)usleep(STALL_MS * 1000);
    assert_true(wait_until(is_stall_seen));
    assert_int_equal(seen.refused, 1);
    for (size_t i = 0; i < 3; i++) {
        event_free(redis.events[i]);
        (void)close(i < 2 ? redis.client[i] : redis.listener);
    }
    redisReaderFree(redis.reader[0]);
    redisReaderFree(redis.reader[1]);
}

static void
on_endless(evutil_socket_t fd, short what, void *user)
{
    (void)fd, (void)what, (void)user;
}

static void
test_a_socket_that_stays_readable_does_not_stop_commits(void **state)
{
    int pipes[2];
    (void)state;
    write_config("", "");
    start();
    assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
    assert_int_equal(write(pipes[1], "", 1), 1);
    noise = event_new(locum_daemon_loop(daemon_), pipes[0], EV_READ | EV_PERSIST, on_endless, NULL);
    assert_int_equal(event_add(noise, NULL), 0);
    run_for(300);
    const long long before = get_metric("locum_heartbeats_sent_total");
    run_for(600);
    event_free(noise);
    (void)close(pipes[0]);
    (void)close(pipes[1]);
    assert_true(get_metric("locum_heartbeats_sent_total") - before >= 2);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_many_inputs_do_not_delay_the_next_commit),
        TEST(test_the_loop_does_not_wake_without_need),
        TEST(test_the_work_of_each_second_is_done_each_second),
        TEST(test_a_late_iteration_reads_all_sockets_first),
        TEST(test_a_late_iteration_reads_redis_first),
        TEST(test_a_socket_that_stays_readable_does_not_stop_commits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
