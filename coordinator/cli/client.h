/*
 * client: one request to the daemon over its control socket, with libcurl.
 */
#ifndef LOCUM_CLI_CLIENT_H
#define LOCUM_CLI_CLIENT_H

#include <jansson.h>
#include <stdio.h>

#include "base/invariant.h"

/*
 * Send one request.
 *
 * socket    path of the control socket.
 * target    path and query string, already encoded (locum_client_escape()).
 * body      a POST of this object, borrowed; NULL: a GET.
 * errors    gets the reason if there is no answer.
 * ret_json  on LOCUM_EXIT_OK the answer, an object; freed by the caller with json_decref().
 * Returns LOCUM_EXIT_OK; LOCUM_EXIT_NOT_FINE if the daemon refused (its reasons are in `errors`,
 * one a line) or if out of memory; LOCUM_EXIT_UNREACHABLE if it did not answer.
 */
int locum_client_ask(const char *socket, const char *target, const json_t *body, FILE *errors,
                     json_t **ret_json) LOCUM_MUST_CHECK;

/* POST, and copy the text that is answered to `out`. Messages and exit codes are those of
 * locum_client_ask(); LOCUM_EXIT_NOT_FINE too if `out` does not take it. */
int locum_client_copy(const char *socket, const char *target, FILE *out,
                      FILE *errors) LOCUM_MUST_CHECK;

/* The answer of a GET if it comes within `timeout_ms`, without any message; NULL: none. */
json_t *locum_client_try(const char *socket, const char *target, long timeout_ms);

/* The same for a request that is held for longer: wait for its answer for timeout_s. */
int locum_client_wait(const char *socket, const char *target, const json_t *body, long timeout_s,
                      FILE *errors, json_t **ret_json) LOCUM_MUST_CHECK;

/* Encode text for a query string; freed by the caller with free(). NULL: out of memory. */
char *locum_client_escape(const char *text);

#endif
