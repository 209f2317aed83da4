/*
 * api: one request to the coordinator over its control socket (HTTP/1.1), prepared as a libcurl
 * handle. The caller performs it, at once or in a loop (loop.h).
 */
#ifndef LOCUM_FETCH_API_H
#define LOCUM_FETCH_API_H

#include <stdbool.h>
#include <stddef.h>

#include <curl/curl.h>

#include "base/invariant.h"

/* A reply's body. {.size_max = ...} to begin with; freed by locum_fetch_api_reply_fini(). */
struct locum_fetch_api_reply {
    char *bytes;     /* not NUL-terminated; NULL: none arrived */
    size_t length;   /* of them */
    size_t size_max; /* a longer reply ends with CURLE_WRITE_ERROR */
};

/* Free the body; the reply is as at the start. */
void locum_fetch_api_reply_fini(struct locum_fetch_api_reply *self);

/*
 * Prepare a handle.
 *
 * socket      path of the control socket.
 * target      path and query string, already encoded.
 * post        a POST of this text, copied; NULL: a GET.
 * timeout_ms  over all of it.
 * reply       borrowed until the transfer has ended; an older body is freed.
 * False: no memory, or the target is too long.
 */
bool locum_fetch_api_prepare(CURL *easy, const char *socket, const char *target, const char *post,
                             long timeout_ms, struct locum_fetch_api_reply *reply) LOCUM_MUST_CHECK;

#endif
