/*
 * control: the API over HTTP/1.1 on the control socket (mode 0660) and, GETs only, on listen.http.
 *
 *   GET  /status /explain?name=&if= /events?after=&wait= /zone?name=&wait=SERIAL /metrics /healthz
 *   POST /admin {admin, for_s, reason, force}  /exclude {node}  /include {node}  /reload
 *        /nsd {zone, serial, lag_ms, state, error}: of locum-nsd, every 2 s
 *
 * HTTP is libevent's evhttp; this room adds the table of the API, the limits and the holding of
 * requests; what to answer comes from the handlers. Refused by us: 4xx with {"errors": [...]}; what
 * evhttp itself refuses (see http.h) it answers in HTML. One request a connection. Three quarters
 * of a listener's connections may wait for something to happen: a further one that would is told
 * 503, so that who asks for what is known finds a place. That a client has gone is noticed when its
 * held request is answered, within LOCUM_CONTROL_WAIT_MAX_MS. The process must ignore SIGPIPE.
 *
 *   listen.c  the sockets            http.c     evhttp within limits
 *   route.c   the table of the API   control.c  request -> handler -> answer, now or later
 */
#ifndef LOCUM_CONTROL_CONTROL_H
#define LOCUM_CONTROL_CONTROL_H

#include <event2/event.h>
#include <jansson.h>

#include "config/config.h"

struct locum_control;

enum { LOCUM_CONTROL_WAIT_MAX_MS = 3000 };

/*
 * A handler's answer. `status`: 200, 400, 404, 409, 500 ... `body`: JSON, owned by the answer (NULL
 * with `text`: text/plain). `later`: nothing to say yet, ask again at the next
 * locum_control_wake() or when the request's wait is over (then `final` is true and the handler
 * must answer).
 */
struct locum_control_reply {
    int status;
    json_t *body;
    char *text; /* heap, freed by control; used when body is NULL */
    bool later;
};

/* One request as a handler sees it; borrowed during the call. */
struct locum_control_request {
    const char *name;   /* ?name=, NULL if absent */
    const char *cond;   /* ?if= */
    const char *after;  /* ?after= */
    const char *wait;   /* ?wait=: for /events how many ms at most, for /zone the serial known */
    const json_t *body; /* POST: an object; NULL if the body was empty */
    bool final;         /* no (more) waiting: answer now, not `later` */
};

typedef struct locum_control_reply
locum_control_handler_fn(void *user, const struct locum_control_request *request);

struct locum_control_handlers {
    locum_control_handler_fn *status, *explain, *events, *zone, *metrics, *healthz;
    locum_control_handler_fn *admin, *exclude, *include, *reload, *nsd; /* control socket only */
};

/* {"errors": [text]} with this status. Aborts nothing: on lack of memory the body is NULL. */
static inline struct locum_control_reply
locum_control_error(int status, const char *text)
{
    return (struct locum_control_reply){.status = status,
                                        .body = json_pack("{s:[s]}", "errors", text)};
}

/* 200; takes body; NULL becomes a 500. */
static inline struct locum_control_reply
locum_control_json(json_t *body)
{
    if (body == NULL) {
        return locum_control_error(500, "out of memory while the answer was made");
    }
    return (struct locum_control_reply){.status = 200, .body = body};
}

/*
 * Listen. A stale control socket is replaced (only if nobody answers on it).
 *
 * config    borrowed during the call: listen_control, listen_http.
 * handlers  copied; one that is NULL makes its path unknown (404). They are called from the loop
 *           and must not destroy the room.
 * ret_why   on failure what is wrong and what to do. On success it is empty, or says why
 *           listen.http could not be had: the control socket works all the same, and it is tried
 *           again each second (its success is logged).
 * 0, LOCUM_ERR_IN_USE (somebody answers on it), LOCUM_ERR_INVALID (no socket), LOCUM_ERR_DENIED,
 * LOCUM_ERR_NOT_FOUND (no folder for the socket), LOCUM_ERR_RANGE (its path is too long),
 * LOCUM_ERR_MEMORY, LOCUM_ERR_IO.
 */
int locum_control_create(struct event_base *base, const struct locum_config *config,
                         const struct locum_control_handlers *handlers, void *user,
                         struct locum_control **ret, struct locum_text *ret_why) LOCUM_MUST_CHECK;

/* Something changed: answers held back by `later` are asked for again, after the caller's callback
 * has returned to the loop. Cheap if nothing is held. */
void locum_control_wake(struct locum_control *self);

/* Close everything, held requests too, and remove the socket file. NULL is fine. */
void locum_control_destroy(struct locum_control *self);

#endif
