/*
 * fake: a server on 127.0.0.1 that answers RESP commands from a table, on the test's own loop. It
 * may break the protocol in any way a test wants.
 */
#ifndef TESTS_REDIS_FAKE_H
#define TESTS_REDIS_FAKE_H

#include "fixture.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <event2/listener.h>
#include <hiredis/hiredis.h>
#include <openssl/ssl.h>
#include <signal.h>

/* What the servers speak TLS with; NULL: plain text. */
__attribute__((unused)) static SSL_CTX *fake_tls;

#define FAKE_SILENCE ((const char *)0)
#define FAKE_CLOSE   "CLOSE"
#define FAKE_PAUSE   "PAUSE"

/*
 * The first rule whose words begin the command answers it. A reply that starts with '@' is a list
 * of words to be sent as an array ("@subscribe x"); "CLOSE" closes, with what precedes it sent;
 * "PAUSE" answers nothing more to this client, as after CLIENT PAUSE; anything else is sent as it
 * is. No rule, or FAKE_SILENCE: no answer.
 */
struct fake_rule {
    const char *match;
    const char *reply;
};

enum { FAKE_CLIENTS_MAX = 16, FAKE_RULES_MAX = 24, FAKE_LOG_MAX = 1 << 16 };

struct fake;
struct fake_client {
    struct fake *fake;
    struct bufferevent *bev; /* NULL: gone */
    redisReader *reader;
    bool subscribed;
    bool paused;
    bool answered; /* anything at all */
};

struct fake {
    struct event_base *base;
    struct evconnlistener *listener;
    struct locum_address address;
    struct fake_rule rules[FAKE_RULES_MAX];
    const char *greeting; /* sent to each client that connects; NULL: nothing */
    bool endless;         /* sends without limit after the first answer */
    bool reads_nothing;
    unsigned accepted;
    struct fake_client clients[FAKE_CLIENTS_MAX];
    char log[FAKE_LOG_MAX]; /* every command, a line each */
    struct locum_text text;
};

static void
fake_add_words(struct evbuffer *out, const char *words)
{
    size_t count = 0;
    struct locum_slice rest = locum_slice_of(words);
    struct locum_slice word;
    while (locum_slice_cut(&rest, ' ', &word)) {
        count++;
    }
    evbuffer_add_printf(out, "*%zu\r\n", count);
    rest = locum_slice_of(words);
    while (locum_slice_cut(&rest, ' ', &word)) {
        evbuffer_add_printf(out, "$%zu\r\n%.*s\r\n", word.length, (int)word.length, word.at);
    }
}

static void
fake_drop(struct fake_client *client)
{
    if (client->bev != NULL) {
        bufferevent_free(client->bev);
        redisReaderFree(client->reader);
        memset(client, 0, sizeof(*client));
    }
}

static void
fake_on_flushed(struct bufferevent *bev, void *user)
{
    struct fake_client *client = user;
    static char filler[16384];
    if (client->fake->endless && client->answered) {
        memset(filler, 'a', sizeof(filler));
        bufferevent_write(bev, filler, sizeof(filler));
    }
}

/* Send the reply of a rule; false if that closed the connection. */
static bool
fake_send(struct fake_client *client, const char *reply)
{
    struct evbuffer *out = bufferevent_get_output(client->bev);
    const size_t length = strlen(reply);
    const size_t word = sizeof(FAKE_CLOSE) - 1;
    const bool closes = length >= word && strcmp(reply + length - word, FAKE_CLOSE) == 0;
    client->answered = true;
    if (closes) {
        SSL *ssl = fake_tls != NULL ? bufferevent_openssl_get_ssl(client->bev) : NULL;
        if (ssl == NULL) {
            (void)!write(bufferevent_getfd(client->bev), reply, length - word);
        } else if (SSL_is_init_finished(ssl) && length > word) {
            (void)SSL_write(ssl, reply, (int)(length - word));
        }
        fake_drop(client);
    } else if (reply[0] == '@') {
        fake_add_words(out, reply + 1);
    } else {
        evbuffer_add(out, reply, length);
    }
    return !closes;
}

static bool
fake_answer(struct fake_client *client, const char *command)
{
    const struct fake_rule *rules = client->fake->rules;
    if (client->paused) {
        return true;
    }
    for (size_t i = 0; i < FAKE_RULES_MAX && rules[i].match != NULL; i++) {
        if (strncmp(command, rules[i].match, strlen(rules[i].match)) == 0) {
            client->paused =
                rules[i].reply != FAKE_SILENCE && strcmp(rules[i].reply, FAKE_PAUSE) == 0;
            return client->paused || rules[i].reply == FAKE_SILENCE ||
                   fake_send(client, rules[i].reply);
        }
    }
    if (strncmp(command, "SUBSCRIBE ", 10) == 0) {
        evbuffer_add_printf(bufferevent_get_output(client->bev),
                            "*3\r\n$9\r\nsubscribe\r\n$%zu\r\n%s\r\n:1\r\n", strlen(command + 10),
                            command + 10);
        client->subscribed = true;
    }
    return true;
}

static void
fake_on_read(struct bufferevent *bev, void *user)
{
    struct fake_client *client = user;
    char chunk[4096];
    void *parsed = NULL;
    const size_t length = bufferevent_read(bev, chunk, sizeof(chunk));
    assert_int_equal(redisReaderFeed(client->reader, chunk, length), REDIS_OK);
    while (redisReaderGetReply(client->reader, &parsed) == REDIS_OK && parsed != NULL) {
        char command[1024];
        struct locum_text text = locum_text_init(command, sizeof(command));
        redisReply *reply = parsed;
        for (size_t i = 0; i < reply->elements; i++) {
            locum_text_add(&text, i > 0 ? " " : "");
            locum_text_add_bytes(&text, reply->element[i]->str, (size_t)reply->element[i]->len);
        }
        freeReplyObject(reply);
        locum_text_add(&client->fake->text, command);
        locum_text_add(&client->fake->text, "\n");
        if (!fake_answer(client, command)) {
            return;
        }
    }
}

static void
fake_on_event(struct bufferevent *bev, short what, void *user)
{
    (void)bev;
    if ((what & BEV_EVENT_CONNECTED) == 0) {
        fake_drop(user);
    }
}

static void
fake_on_accept(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *from,
               int length, void *user)
{
    (void)listener;
    (void)from;
    (void)length;
    struct fake *fake = user;
    struct fake_client *client = NULL;
    for (size_t i = 0; i < FAKE_CLIENTS_MAX; i++) {
        client = fake->clients[i].bev == NULL ? &fake->clients[i] : client;
    }
    fake->accepted++;
    if (client == NULL) {
        close(fd);
        return;
    }
    client->fake = fake;
    client->reader = redisReaderCreate();
    client->bev =
        fake_tls != NULL
            ? bufferevent_openssl_socket_new(fake->base, fd, SSL_new(fake_tls),
                                             BUFFEREVENT_SSL_ACCEPTING, BEV_OPT_CLOSE_ON_FREE)
            : bufferevent_socket_new(fake->base, fd, BEV_OPT_CLOSE_ON_FREE);
    bufferevent_setcb(client->bev, fake_on_read, fake_on_flushed, fake_on_event, client);
    bufferevent_enable(client->bev, fake->reads_nothing ? EV_WRITE : EV_READ | EV_WRITE);
    if (fake->greeting != NULL) {
        (void)fake_send(client, fake->greeting);
    }
}

/* Listen; the caller adds the rules. */
static inline void
fake_start(struct fake *fake, struct event_base *base)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct sockaddr_storage bound;
    socklen_t length = sizeof(bound);
    signal(SIGPIPE, SIG_IGN); /* a client may have closed before the answer */
    memset(fake, 0, sizeof(*fake));
    fake->base = base;
    fake->text = locum_text_init(fake->log, sizeof(fake->log));
    fake->listener =
        evconnlistener_new_bind(base, fake_on_accept, fake, LEV_OPT_CLOSE_ON_FREE, -1,
                                (const struct sockaddr *)&address, (int)sizeof(address));
    assert_non_null(fake->listener);
    assert_int_equal(
        getsockname(evconnlistener_get_fd(fake->listener), (struct sockaddr *)&bound, &length), 0);
    assert_int_equal(locum_address_from_sockaddr((const struct sockaddr *)&bound, &fake->address),
                     0);
}

/* Add a rule, or replace the reply of the same one. */
static inline void
fake_rule(struct fake *fake, const char *match, const char *reply)
{
    for (size_t i = 0; i < FAKE_RULES_MAX; i++) {
        if (fake->rules[i].match == NULL || strcmp(fake->rules[i].match, match) == 0) {
            fake->rules[i] = (struct fake_rule){match, reply};
            return;
        }
    }
    fail_msg("no room for a rule");
}

/* Send to every client that subscribed to something. */
static inline void
fake_broadcast(struct fake *fake, const char *words)
{
    for (size_t i = 0; i < FAKE_CLIENTS_MAX; i++) {
        if (fake->clients[i].bev != NULL && fake->clients[i].subscribed) {
            fake_add_words(bufferevent_get_output(fake->clients[i].bev), words);
        }
    }
}

/* How often the log contains this. */
static inline size_t
fake_count(const struct fake *fake, const char *line)
{
    size_t count = 0;
    for (const char *at = strstr(fake->log, line); at != NULL; at = strstr(at + 1, line)) {
        count++;
    }
    return count;
}

static inline void
fake_stop(struct fake *fake)
{
    if (fake->listener != NULL) {
        evconnlistener_free(fake->listener);
    }
    for (size_t i = 0; i < FAKE_CLIENTS_MAX; i++) {
        fake_drop(&fake->clients[i]);
    }
    memset(fake, 0, sizeof(*fake));
}

#endif
