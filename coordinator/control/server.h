/*
 * server: one listening socket and the connections taken from it, one request each.
 *
 *   accept -> bytes -> locum_http_parse() -> on_request -> answered at once, or held -> close
 *
 * Limits: LOCUM_SERVER_CLIENTS_MAX connections (further ones wait in the kernel's queue),
 * LOCUM_SERVER_DEADLINE_MS from accept until the request is there, and again from the answer until
 * it is read, however many bytes trickle in; sizes in request.h. A held request ends with its wait
 * or when the client goes away. Must be used from the loop's thread.
 */
#ifndef LOCUM_CONTROL_SERVER_H
#define LOCUM_CONTROL_SERVER_H

#include <event2/event.h>

#include "base/clock.h"
#include "control/request.h"

enum {
    LOCUM_SERVER_CLIENTS_MAX = 64,
    LOCUM_SERVER_DEADLINE_MS = 10000,
    LOCUM_SERVER_LINGER_MS = 1000, /* after a refusal: time for the client to stop sending */
};

struct locum_server;        /* a listener */
struct locum_server_client; /* a connection; gone once it was answered */

struct locum_server_answer {
    int status;
    const char *type;  /* Content-Type */
    const char *allow; /* methods, of a 405; NULL: none */
    const char *body;  /* borrowed, copied */
};

struct locum_server_events {
    /* A whole request. Before it returns it is answered or held. Slices are borrowed. */
    void (*request)(void *user, struct locum_server_client *client,
                    const struct locum_http_head *head, struct locum_slice body);
    /* The request itself is refused: make an answer of it with locum_server_answer(). */
    void (*refused)(void *user, struct locum_server_client *client,
                    const struct locum_http_refusal *refusal);
    /* The wait of a held request is over: answer it now. */
    void (*wait_over)(void *user, void *held);
    /* The client of a held request went away, or the listener is being destroyed. */
    void (*gone)(void *user, void *held);
};

/*
 * Take connections from `fd`.
 *
 * fd        a listening, non-blocking socket; taken, also on failure.
 * deadline  LOCUM_SERVER_DEADLINE_MS, but for tests.
 * events    copied. None is called before this returns.
 * 0 or LOCUM_ERR_MEMORY.
 */
int locum_server_create(struct event_base *base, int fd, locum_ms deadline_ms,
                        const struct locum_server_events *events, void *user,
                        struct locum_server **ret) LOCUM_MUST_CHECK;

/* Send the answer, then close. Once a client; it must not be used after it. */
void locum_server_answer(struct locum_server_client *client,
                         const struct locum_server_answer *answer);

/* Keep the request. `held` is handed to wait_over (after wait_ms, > 0) or gone. */
void locum_server_hold(struct locum_server_client *client, locum_ms wait_ms, void *held);

/* Close all connections (held ones: gone is called) and the socket. NULL is fine. */
void locum_server_destroy(struct locum_server *self);

#endif
