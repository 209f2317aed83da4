/*
 * http: one listening socket served by libevent's evhttp, within limits.
 *
 *   accept -> evhttp reads a request -> locum_http_request_fn -> evhttp_send_reply() -> close
 *
 * Limits: LOCUM_HTTP_CLIENTS_MAX connections, or their share of the descriptors (one more replaces
 * the oldest without a complete request, or else waits in the kernel's queue), 8 KiB of headers,
 * 64 KiB of body, LOCUM_HTTP_IDLE_S without a byte, LOCUM_HTTP_LIFE_MS in total. What evhttp itself
 * refuses (no HTTP, sizes, methods other than GET and POST) it answers in HTML or by closing.
 */
#ifndef LOCUM_CONTROL_HTTP_H
#define LOCUM_CONTROL_HTTP_H

#include <event2/event.h>
#include <event2/http.h>

#include "base/clock.h"
#include "base/invariant.h"

enum {
    LOCUM_HTTP_CLIENTS_MAX = 64,
    LOCUM_HTTP_HEAD_BYTES_MAX = 8 * 1024,
    LOCUM_HTTP_BODY_BYTES_MAX = 64 * 1024,
    LOCUM_HTTP_IDLE_S = 10,
    LOCUM_HTTP_LIFE_MS = 20000,
};

struct locum_http;

/* A complete request, to be answered now or later. Nothing more is read from its client. */
typedef void locum_http_request_fn(struct evhttp_request *request, void *user);

/*
 * Accept connections from `fd`.
 *
 * fd       a listening, non-blocking socket; owned from here on, also on failure.
 * life_ms  LOCUM_HTTP_LIFE_MS; shorter in tests.
 * 0 or LOCUM_ERR_MEMORY.
 */
int locum_http_create(struct event_base *base, int fd, locum_ms life_ms,
                      locum_http_request_fn *on_request, void *user,
                      struct locum_http **ret) LOCUM_MUST_CHECK;

/* Close all connections (close callbacks of evhttp are called) and the socket. NULL is fine. */
void locum_http_destroy(struct locum_http *self);

#endif
