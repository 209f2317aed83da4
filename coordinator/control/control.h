/*
 * control: the API over HTTP/1.1 on the control socket (mode 0660) and, GETs only, on listen.http;
 * the public status page, GET / alone, on listen.status; and what ACME clients need, with a token,
 * on acme.listen. HEAD is a GET without the body.
 *
 *   GET  / (the status page)
 *   GET  /status /explain?name=&if= /events?after=&wait= /history /keys /zone?name=&wait=SERIAL
 *        /metrics /healthz
 *   POST /admin {admin, for_s, reason, force}  /exclude {node}  /include {node}  /reload
 *        /replace: held until it is done  /hooks {hook}: held until the test has ended
 *        /acme {action, name, value, for_s}: held until all servers have acknowledged it
 *        /keys/drop {tag, zone, force}
 *        /nsd {zone, serial, lag_ms, state, error}: of locum-nsd, every 2 s
 *        /present /cleanup {fqdn, value} or {domain, token, keyAuth}: lego's provider httpreq
 *        /update {subdomain, txt}: acme-dns; these are held until the other nodes have the value
 *
 * HTTP is libevent's evhttp. This room adds the table of paths, the limits, and requests that are
 * held until something changes. The handlers make the replies. We refuse requests with 4xx and
 * {"errors": [...]}; what evhttp itself refuses (see http.h) it answers in HTML. One request per
 * connection. At most three quarters of a listener's connections may wait; one more gets 503, so
 * that there is room for requests that need not wait. A client that disconnects while its request
 * is held is noticed when the request is answered, within LOCUM_CONTROL_WAIT_MAX_MS. The process
 * must ignore SIGPIPE.
 *
 * A request to listen.http for another host (Host: evil.example) gets 421: a web page whose name
 * was pointed at this address after it was loaded (DNS rebinding) must not read the API. On
 * listen.status any Host is fine: all that it shows is public; on acme.listen a page lacks the
 * token.
 *
 *   listen.c  the sockets            http.c     evhttp within limits
 *   route.c   the table of the API   control.c  request -> handler -> reply, now or later
 *   token.c   of acme.listen
 */
#ifndef LOCUM_CONTROL_CONTROL_H
#define LOCUM_CONTROL_CONTROL_H

#include <event2/event.h>
#include <jansson.h>

#include "config/config.h"

struct locum_control;

enum { LOCUM_CONTROL_WAIT_MAX_MS = 3000 };

/*
 * A handler's reply. `status`: 200, 400, 404, 409, 500 ... `body`: JSON, owned by the reply (NULL
 * with `text`: text/plain). `later`: there is nothing to say yet; call the handler again at the
 * next locum_control_wake(), or with `final` when the request's wait is over: then it must reply.
 */
struct locum_control_reply {
    int status;
    json_t *body;
    char *text; /* heap, freed by control; used when body is NULL */
    /* Not NULL: `text` is HTML, with this Content-Security-Policy; static. */
    const char *policy;
    bool later;
};

/* A request, as the handler gets it; borrowed during the call. */
struct locum_control_request {
    const char *name;   /* ?name=, NULL if absent */
    const char *cond;   /* ?if= */
    const char *after;  /* ?after= */
    const char *wait;   /* ?wait=: for /events how many ms at most, for /zone the serial known */
    const json_t *body; /* POST: an object; NULL if the body was empty */
    bool again;         /* not the first call: the reply before was `later` */
    bool final;         /* the wait is over: reply now, not `later` */
    int client;         /* its connection, for locum_control_reply_late() */
};

typedef struct locum_control_reply
locum_control_handler_fn(void *user, const struct locum_control_request *request);

struct locum_control_handlers {
    locum_control_handler_fn *page, *public_page; /* GET /; that of listen.status */
    locum_control_handler_fn *status, *explain, *events, *history, *keys, *zone, *metrics;
    locum_control_handler_fn *healthz;
    locum_control_handler_fn *admin, *exclude, *include, *reload, *nsd; /* control socket only */
    locum_control_handler_fn *replace, *dump, *hooks, *acme, *drop_key;
    locum_control_handler_fn *present, *cleanup, *update; /* on acme.listen too */
    /* Is this the token of acme.listen? In constant time. */
    bool (*knows_token)(void *user, const char *token);
    /* Is this host name one of this cluster's? Requests to listen.http for others are refused. */
    bool (*knows_host)(void *user, const char *host);
};

/* {"errors": [text]} with this status. Out of memory: the body is NULL, which is sent as 500. */
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
        return locum_control_error(500, "out of memory while the reply was made");
    }
    return (struct locum_control_reply){.status = 200, .body = body};
}

/*
 * Listen. A stale control socket, which no program listens on, is replaced.
 *
 * config    borrowed during the call: listen_control, listen_http, listen_status,
 *           acme.listen.
 * handlers  copied; one that is NULL makes its path unknown (404). They are called from the loop
 *           and must not destroy the room.
 * ret_why   on failure the reason and the cure. On success empty, or why an address of listen.http
 * or listen.status could not be bound: the rest works nevertheless, and it is tried again every
 * second (success is logged). 0, LOCUM_ERR_IN_USE (another program listens on it),
 * LOCUM_ERR_INVALID (not a socket), LOCUM_ERR_DENIED, LOCUM_ERR_NOT_FOUND (no directory for the
 * socket), LOCUM_ERR_RANGE (its path is too long), LOCUM_ERR_MEMORY, LOCUM_ERR_IO.
 */
int locum_control_create(struct event_base *base, const struct locum_config *config,
                         const struct locum_control_handlers *handlers, void *user,
                         struct locum_control **ret, struct locum_text *ret_why) LOCUM_MUST_CHECK;

/*
 * Send a reply on a connection that the program before this one accepted (POST /replace), and close
 * it. Never blocks: what the socket does not take is lost. Takes the reply.
 */
void locum_control_reply_late(int client, struct locum_control_reply reply);

/* Something changed: call the handlers of held requests again, in this iteration of the loop but
 * not from here. Cheap if no request is held. */
void locum_control_wake(struct locum_control *self);

/* Close everything, held requests too, and remove the socket file. NULL is fine. */
void locum_control_destroy(struct locum_control *self);

#endif
