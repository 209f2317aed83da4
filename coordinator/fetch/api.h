/*
 * api: one question to the coordinator over its control socket (HTTP/1.1, architecture.md "Names
 * of the API"), as a libcurl handle for whoever performs it: at once or in a loop (loop.h).
 */
#ifndef LOCUM_FETCH_API_H
#define LOCUM_FETCH_API_H

#include <stdbool.h>
#include <stddef.h>

#include <curl/curl.h>

#include "base/invariant.h"

/* An answer's body. {.size_max = ...} to begin with; freed by locum_fetch_answer_fini(). */
struct locum_fetch_answer {
    char *bytes;     /* no NUL behind them; NULL: none came */
    size_t length;   /* of them */
    size_t size_max; /* a longer answer ends with CURLE_WRITE_ERROR */
};

/* What came is gone; as it was to begin with. */
void locum_fetch_answer_fini(struct locum_fetch_answer *self);

/*
 * Make a handle ask.
 *
 * socket      path of the control socket.
 * target      path and query string, already encoded.
 * post        a POST of this text, copied; NULL: a GET.
 * timeout_ms  over all of it.
 * answer      borrowed until the transfer has ended; what is in it goes.
 * False: no memory, or the target is too long.
 */
bool locum_fetch_api_prepare(CURL *easy, const char *socket, const char *target, const char *post,
                             long timeout_ms, struct locum_fetch_answer *answer) LOCUM_MUST_CHECK;

#endif
