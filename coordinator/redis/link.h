/*
 * link: one connection to a Redis or a Sentinel.
 *
 * In: commands. Out: one reply each, in order; messages, if it subscribes; one `closed` at its end.
 * Bytes go through a libevent bufferevent, with TLS or without; hiredis formats and parses. The
 * connections of hiredis are not used: they abort on odd replies and have no deadlines.
 *
 * One timer watches the connection: first the connect, then the oldest command without a reply.
 * Sending never moves it. Whatever the server does wrong (a reply without a command, one that is
 * too long or nested too deep, invalid protocol) ends the link with a message that says what.
 *
 * A link may be closed from inside its own callbacks; its memory is freed after they have returned.
 */
#ifndef LOCUM_REDIS_LINK_H
#define LOCUM_REDIS_LINK_H

#include <event2/event.h>
#include <hiredis/hiredis.h>

#include "base/address.h"
#include "base/clock.h"
#include "redis/command.h"

enum {
    LOCUM_LINK_REPLY_BYTES_MAX = 256 * 1024,  /* of one reply */
    LOCUM_LINK_OUTPUT_BYTES_MAX = 256 * 1024, /* waiting to be sent */
    LOCUM_LINK_WAITING_MAX = 256,             /* commands without a reply */
};

struct locum_link;
struct locum_tls;

/* How a connection introduces itself: AUTH, if there is a password, and CLIENT SETNAME. */
struct locum_link_login {
    bool sentinel;        /* to a Sentinel: errors name its options */
    const char *user;     /* "": the default user */
    const char *password; /* "": none */
    const char *name;     /* for CLIENT SETNAME, e.g. "locum-dc2"; NULL: no login at all */
};

/* The same for all links of a kind. All pointers are borrowed. */
struct locum_link_settings {
    struct event_base *base;
    locum_ms timeout_ms;         /* of the connect with the TLS handshake, and each reply */
    const struct locum_tls *tls; /* NULL: plain text */
    struct locum_link_login login;
    uint64_t *commands;  /* counts those sent */
    uint64_t *oversized; /* counts messages of a subscribed link that were too long (trim.h) */
};

/* No callback runs inside a function of this header. */
struct locum_link_events {
    /* Connected, and the login is sent: commands may follow. */
    void (*up)(void *user);
    /* A message of a subscribed channel, borrowed; empty if it was too long (trim.h). NULL: this
     * link subscribes to nothing. */
    void (*message)(void *user, struct locum_slice channel, struct locum_slice payload);
    /*
     * The connection has ended; `why` is for messages ("connection refused"), borrowed. Outstanding
     * replies will not come. locum_link_close() is still to be called.
     */
    void (*closed)(void *user, const char *why);
};

/* The reply to a command; borrowed, never NULL, of any shape. */
typedef void locum_link_reply_fn(void *user, enum locum_command command, const redisReply *reply);

/*
 * Begin to connect.
 *
 * settings  borrowed while the link lives; may change meanwhile only in the memory of its strings,
 *           and to another `tls`, not from or to NULL.
 * address   numeric, with its port.
 * name      with TLS: the name in its certificate (tls.h); copied.
 * events    borrowed while the link lives.
 * Returns NULL if there is no memory.
 */
struct locum_link *locum_link_open(const struct locum_link_settings *settings,
                                   const struct locum_address *address, const char *name,
                                   const struct locum_link_events *events, void *user);

/* Connected and not closed yet? false for NULL. */
bool locum_link_is_up(const struct locum_link *self);

/* Send a command; dropped silently unless the link is up. reply may be NULL (not interested). */
void locum_link_send(struct locum_link *self, const struct locum_command_argv *argv,
                     locum_link_reply_fn *reply, void *user);

/* Write now what was sent, instead of at the end of this iteration with all else that is sent. */
void locum_link_flush(struct locum_link *self);

/* Close and free; no callback comes any more. NULL is fine. */
void locum_link_close(struct locum_link *self);

#endif
