/*
 * probe: one link against a server that answers from a table, in plain text or with TLS, and a
 * record of its callbacks.
 */
#ifndef TESTS_REDIS_PROBE_H
#define TESTS_REDIS_PROBE_H

#include "certificate.h"
#include "fake.h"

#include "base/error.h"
#include "redis/link.h"
#include "redis/tls.h"

enum { TIMEOUT_MS = 100 };

enum when { CLOSE_NEVER, CLOSE_IN_UP, CLOSE_IN_REPLY, CLOSE_IN_MESSAGE, CLOSE_IN_CLOSED };

/* What the link does when it is up, and its callbacks so far. */
struct probe {
    struct locum_link *link;
    unsigned up, replies, messages, empty, closed;
    char why[256];
    char order[16];
    enum locum_command commands_answered[16];
    locum_ms began, ended;
    uint64_t commands, oversized;
    /* what to do */
    unsigned ask;      /* commands to send when up */
    locum_ms stall_ms; /* how long the iteration takes before that */
    enum when close;
};

static struct event_base *base;
static struct fake fake;
static struct probe probe;
static struct locum_tls *tls; /* NULL: plain text */

static inline void
close_link(enum when when)
{
    if (probe.close == when) {
        locum_link_close(probe.link);
        probe.link = NULL;
    }
}

static inline void
on_reply(void *user, enum locum_command command, const redisReply *reply)
{
    (void)user;
    if (probe.replies < LOCUM_COUNT(probe.order) - 1) {
        probe.order[probe.replies] = reply->str != NULL && reply->len > 0 ? reply->str[0] : '?';
        probe.commands_answered[probe.replies] = command;
    }
    probe.replies++;
    close_link(CLOSE_IN_REPLY);
}

static inline void
send_one(enum locum_command command)
{
    const struct locum_command_argv argv = locum_command_argv(command, NULL);
    locum_link_send(probe.link, &argv, on_reply, NULL);
}

static inline void
ask(void)
{
    send_one(LOCUM_COMMAND_ROLE);
}

static inline void
on_up(void *user)
{
    (void)user;
    probe.up++;
    const locum_ms stalled = locum_clock_read().mono + probe.stall_ms;
    do {
        probe.began = locum_clock_read().mono;
    } while (probe.began < stalled);
    for (unsigned i = 0; i < probe.ask; i++) {
        ask();
    }
    close_link(CLOSE_IN_UP);
}

static inline void
on_message(void *user, struct locum_slice channel, struct locum_slice payload)
{
    (void)user;
    (void)channel;
    probe.empty += payload.length == 0;
    probe.messages++;
    close_link(CLOSE_IN_MESSAGE);
}

static inline void
on_closed(void *user, const char *why)
{
    (void)user;
    probe.closed++;
    probe.ended = locum_clock_read().mono;
    struct locum_text text = locum_text_init(probe.why, sizeof(probe.why));
    locum_text_add(&text, why);
    close_link(CLOSE_IN_CLOSED);
}

static const struct locum_link_events plain_events = {on_up, NULL, on_closed};
static const struct locum_link_events subscriber_events = {on_up, on_message, on_closed};

static locum_ms timeout_ms = TIMEOUT_MS;

static inline void
open_link(const struct locum_link_events *events)
{
    probe.began = locum_clock_read().mono;
    static struct locum_link_settings settings; /* while the link lives */
    settings = (struct locum_link_settings){.base = base,
                                            .timeout_ms = timeout_ms,
                                            .tls = tls,
                                            .commands = &probe.commands,
                                            .oversized = &probe.oversized};
    probe.link = locum_link_open(&settings, &fake.address, "127.0.0.1", events, NULL);
    assert_non_null(probe.link);
    assert_int_equal(probe.closed, 0);
}

static inline int
setup(void **state)
{
    (void)state;
    base = event_base_new();
    assert_int_equal(event_base_priority_init(base, 3), 0); /* as the daemon has */
    memset(&probe, 0, sizeof(probe));
    fake_start(&fake, base);
    return 0;
}

static inline int
teardown(void **state)
{
    (void)state;
    locum_link_close(probe.link);
    fake_stop(&fake);
    event_base_free(base);
    return 0;
}

static inline bool
is_closed(void *user)
{
    (void)user;
    return probe.closed > 0;
}

/* Wait for the end of the link, and for this in its reason. */
static inline void
assert_closed(const char *want)
{
    if (!wait_until(base, is_closed, NULL, 2000) || strstr(probe.why, want) == NULL) {
        fail_msg("wanted \"%s\", closed with \"%s\"", want, probe.why);
    }
    assert_int_equal(probe.closed, 1);
}

static inline bool
has_replies(void *user)
{
    return probe.replies >= *(const unsigned *)user;
}

static inline bool
is_up(void *user)
{
    (void)user;
    return probe.up > 0;
}

static inline void
renew(void)
{
    void *none = NULL;
    assert_int_equal(teardown(&none), 0);
    assert_int_equal(setup(&none), 0);
}

/* An issuer, a certificate of it for the fake server, and the client's side. */
static inline int
start_tls(void **state)
{
    (void)state;
    char path[128];
    struct locum_config_tls config = {.on = true};
    char why[256];
    struct locum_text text = locum_text_init(why, sizeof(why));
    make_folder();
    struct issuer issuer = make_issuer("ca");
    issue(&issuer, "server", "IP:127.0.0.1", 86400);
    free_issuer(&issuer);
    fake_tls = SSL_CTX_new(TLS_server_method());
    snprintf(path, sizeof(path), "%s/server.pem", live_folder);
    assert_int_equal(SSL_CTX_use_certificate_chain_file(fake_tls, path), 1);
    snprintf(path, sizeof(path), "%s/server.key", live_folder);
    assert_int_equal(SSL_CTX_use_PrivateKey_file(fake_tls, path, SSL_FILETYPE_PEM), 1);
    snprintf(config.ca_file, sizeof(config.ca_file), "%s/ca.pem", live_folder);
    tls = locum_tls_create(&config, &text);
    assert_non_null(tls);
    return 0;
}

static inline int
end_tls(void **state)
{
    (void)state;
    locum_tls_destroy(tls);
    SSL_CTX_free(fake_tls);
    return remove_folder();
}

#define TEST(suffix, name)                                                                         \
    {                                                                                              \
#name suffix, name, setup, teardown, NULL                                                  \
    }

#endif
