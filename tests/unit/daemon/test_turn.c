/* When the tick comes: after all sockets, and whatever they do. */
#include "fixture.h"

#include <arpa/inet.h>
#include <hiredis/hiredis.h>
#include <sys/socket.h>
#include <sys/time.h>

enum { BURST = 200 };

static struct event *noise;
static size_t left;

static void
on_noise(evutil_socket_t fd, short what, void *user)
{
    const struct timeval soon = {.tv_usec = 1000};
    (void)fd, (void)what, (void)user;
    struct locum_input event = {.kind = LOCUM_INPUT_MIRRORBITS, .node = 1};
    locum_daemon_deliver(daemon_, &event);
    if (--left > 0) {
        (void)event_add(noise, &soon);
    }
}

static bool
noise_is_over(void)
{
    return left == 0;
}

/* The tick waits for the moment that the core asks for, and no longer. */
static void
assert_armed(void)
{
    struct timeval due;
    struct timeval now;
    struct timeval wait;
    assert_true(event_pending(daemon_->tick, EV_TIMEOUT, &due));
    const locum_ms before = locum_now_read().mono;
    (void)gettimeofday(&now, NULL); /* at some time between the two others */
    const locum_ms after = locum_now_read().mono;
    timersub(&due, &now, &wait);
    const locum_ms wait_ms = wait.tv_sec * 1000 + wait.tv_usec / 1000;
    assert_true(wait_ms >= daemon_->core.next_commit - after - 5);
    assert_true(wait_ms <= daemon_->core.next_commit - before + 5);
    assert_true(daemon_->core.next_commit - before <= daemon_->config->core.interval_ms);
}

/* Events, each of which ends a turn, must not move the time of the next tick. */
static void
test_many_events_put_off_no_tick(void **state)
{
    (void)state;
    write_config("", "");
    start();
    left = BURST;
    noise = event_new(daemon_->base, -1, 0, on_noise, NULL);
    assert_int_equal(event_add(noise, &(struct timeval){0}), 0);
    assert_true(wait_until(noise_is_over));
    event_free(noise);
    turn_for(1);
    assert_armed();
}

/* Between heartbeats nothing wakes it: its loop turns for what happens, not to look. */
static void
test_no_turn_without_need(void **state)
{
    (void)state;
    write_config("", "");
    start();
    turn_for(200); /* the start is behind it */
    size_t turns = 0;
    const locum_ms end = locum_now_read().mono + 1000;
    const uint64_t before = daemon_->core.view.seq;
    for (; locum_now_read().mono < end; turns++) {
        assert_int_equal(event_base_loop(daemon_->base, EVLOOP_ONCE), 0);
    }
    /* A heartbeat, at most three turns; each second two checks and what is written for people. */
    assert_true(daemon_->core.view.seq - before >= 2);
    assert_true(turns <= 3 * (daemon_->core.view.seq - before) + 12);
}

static locum_ms told_at;

static bool
people_are_told(void)
{
    return daemon_->second_at != told_at;
}

/* Each second, whether heartbeats come often or rarely. */
static void
test_people_are_told_each_second(void **state)
{
    static const char *const heartbeats[] = {"", "heartbeat: {interval: 3s, timeout: 12s}\n"};
    for (size_t i = 0; i < LOCUM_COUNT(heartbeats); i++) {
        write_config("", heartbeats[i]);
        start();
        for (size_t told = 0; told < 3; told++) {
            told_at = daemon_->second_at;
            assert_true(wait_until(people_are_told));
            assert_in_range(daemon_->second_at - told_at, 875, 1300);
        }
        assert_int_equal(teardown(state), 0);
        assert_int_equal(setup(state), 0);
    }
}

static locum_ms no_stall;

static bool
stall_is_seen(void)
{
    return daemon_->core.view.grace > no_stall;
}

static void
on_byte(evutil_socket_t fd, short what, void *user)
{
    char byte;
    (void)what, (void)user;
    assert_int_equal(read(fd, &byte, 1), 1); /* one of several: the kernel reports it again */
    assert_int_equal(daemon_->core.view.grace, no_stall);
}

/* After a stall no time passes before everything that has arrived is read, however often the kernel
 * must be asked for it. */
static void
test_a_late_turn_reads_all_first(void **state)
{
    (void)state;
    int pipes[2];
    write_config("", "");
    start();
    turn_for(200);
    assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
    assert_int_equal(write(pipes[1], "12345", 5), 5);
    noise = event_new(daemon_->base, pipes[0], EV_READ | EV_PERSIST, on_byte, NULL);
    assert_int_equal(event_add(noise, NULL), 0);
    no_stall = daemon_->core.view.grace;
    daemon_->core.next_commit -= 1000; /* as if this turn were so late */
    assert_int_equal(event_add(daemon_->tick, &(struct timeval){0}), 0);
    assert_true(wait_until(stall_is_seen));
    event_free(noise);
    char byte;
    assert_int_equal(fcntl(pipes[0], F_SETFL, O_NONBLOCK), 0);
    assert_int_equal(read(pipes[0], &byte, 1), -1);
    (void)close(pipes[0]);
    (void)close(pipes[1]);
}

/* A Redis that is as it ought to be; its clients are the daemon's. */
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
    self->events[which] =
        event_new(daemon_->base, self->client[which], EV_READ | EV_PERSIST, on_command, self);
    assert_int_equal(event_add(self->events[which], NULL), 0);
}

static bool
is_subscribed(void)
{
    return daemon_->core.view.subscribed;
}

static uint64_t lines_at_stall;

/* At the very tick that finds the stall, before anything comes of it. */
static void
on_step(void *user, const struct locum_input *event, const struct locum_actions *actions)
{
    (void)event, (void)actions;
    if (stall_is_seen()) {
        daemon_->watch = NULL;
        lines_at_stall = *(const uint64_t *)user;
    }
}

/* Also what Redis has brought. */
static void
test_a_late_turn_reads_redis_first(void **state)
{
    static const char message[] =
        "*3\r\n$7\r\nmessage\r\n$19\r\nlocum:get:heartbeat\r\n$1\r\nx\r\n";
    struct redis redis = {.client = {-1, -1}, .listener = socket(AF_INET, SOCK_STREAM, 0)};
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof(name);
    char text[128];
    (void)state;
    assert_int_equal(bind(redis.listener, (struct sockaddr *)&name, length), 0);
    assert_int_equal(listen(redis.listener, 2), 0);
    assert_int_equal(getsockname(redis.listener, (struct sockaddr *)&name, &length), 0);
    (void)snprintf(text, sizeof(text), "RedisAddress: 127.0.0.1:%d\n", ntohs(name.sin_port));
    write_file("mirrorbits.conf", text);
    (void)snprintf(text, sizeof(text), "redis: {mirrorbits-config: %s/mirrorbits.conf}\n", folder);
    write_config("", text);
    start();
    redis.events[2] =
        event_new(daemon_->base, redis.listener, EV_READ | EV_PERSIST, on_client, &redis);
    assert_int_equal(event_add(redis.events[2], NULL), 0);
    assert_true(wait_until(is_subscribed));
    assert_int_equal(send(redis.subscriber, message, sizeof(message) - 1, 0), sizeof(message) - 1);
    no_stall = daemon_->core.view.grace;
    daemon_->core.next_commit -= 1000;
    assert_int_equal(event_add(daemon_->tick, &(struct timeval){0}), 0);
    assert_int_equal(daemon_->bad_lines[LOCUM_PATH_REDIS], 0);
    daemon_->watch_user = &daemon_->bad_lines[LOCUM_PATH_REDIS];
    daemon_->watch = on_step;
    assert_true(wait_until(stall_is_seen));
    assert_null(daemon_->watch);
    assert_int_equal(lines_at_stall, 1);
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
    (void)fd, (void)what, (void)user; /* it stays readable */
}

/* A socket that never runs dry, and brings nothing that is an event of the core. */
static void
test_an_endless_socket_keeps_no_tick_away(void **state)
{
    (void)state;
    write_config("", "");
    start();
    int pipes[2];
    assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
    assert_int_equal(write(pipes[1], "", 1), 1);
    noise = event_new(daemon_->base, pipes[0], EV_READ | EV_PERSIST, on_endless, NULL);
    assert_int_equal(event_add(noise, NULL), 0);
    turn_for(300);
    const uint64_t before = daemon_->core.view.seq;
    turn_for(600);
    event_free(noise);
    (void)close(pipes[0]);
    (void)close(pipes[1]);
    assert_true(daemon_->core.view.seq - before >= 2);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_many_events_put_off_no_tick, setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_turn_without_need, setup, teardown),
        cmocka_unit_test_setup_teardown(test_people_are_told_each_second, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_late_turn_reads_all_first, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_late_turn_reads_redis_first, setup, teardown),
        cmocka_unit_test_setup_teardown(test_an_endless_socket_keeps_no_tick_away, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
