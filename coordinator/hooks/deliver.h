/*
 * deliver: the interface of the two ways to deliver an event: command.c and url.c. Used inside
 * hooks/ only.
 */
#ifndef LOCUM_HOOKS_DELIVER_H
#define LOCUM_HOOKS_DELIVER_H

#include <event2/event.h>

#include "base/resolver.h"
#include "config/config.h"
#include "fetch/loop.h"

/* Room for an outcome's text for people, the NUL included. */
enum { LOCUM_DELIVER_TEXT_MAX = 256 };

enum locum_deliver_outcome {
    LOCUM_DELIVERED,
    LOCUM_DELIVER_FAILED, /* a repeat would fail as well */
    LOCUM_DELIVER_AGAIN,  /* a repeat may succeed */
};

/* An attempt has ended; `text` is borrowed. Start the next one from a timer, not from here. */
typedef void locum_deliver_fn(void *user, enum locum_deliver_outcome outcome, const char *text);

/* What both need; owned by hook.c, borrowed until the way is destroyed. */
struct locum_deliver {
    struct event_base *base;
    struct locum_fetch_loop *fetch; /* of all URLs; its on_done is locum_deliver_fetched() */
    struct locum_resolver *names;   /* host names of URLs */
    const char *agent;              /* the User-Agent header */
    const struct locum_config_hook *hook;
    locum_deliver_fn *on_done;
    void *user;
    locum_ms started; /* mono time at which the last attempt started */
};

struct locum_deliver_way {
    /* NULL: no memory. */
    void *(*create)(const struct locum_deliver *means);
    /* Start one attempt; none may be running. body: a line of JSON with its newline, borrowed until
     * the attempt has ended. on_done may run before this returns. */
    void (*start)(void *way, struct locum_slice body);
    /* Cancel a running attempt, without on_done, and free the way. */
    void (*destroy)(void *way);
};
extern const struct locum_deliver_way locum_deliver_command, locum_deliver_url;

/* The transfer of a URL has ended. */
locum_fetch_done_fn locum_deliver_fetched;

/* The addresses of a host name, or its error, changed: an attempt may have waited for it. */
void locum_deliver_names_changed(void *way);

#endif
