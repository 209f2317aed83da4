/*
 * http: checks that fetch a URL (fetch/loop.h) and judge the answer (answer.h). Used by health.c
 * only.
 *
 * Every probe has its own connection and one deadline for all of it, name lookup and body included,
 * so a server that sends slowly cannot prolong it. Redirects are not followed: they are an answer.
 * The body is read up to LOCUM_HTTP_BYTES_MAX. A proxy of the environment is ignored. Chain and
 * name of a certificate are verified, against the system's authorities or, with a ca-file, against
 * those only; libcurl's message for a failure is in the outcome's text.
 */
#ifndef LOCUM_HEALTH_HTTP_H
#define LOCUM_HEALTH_HTTP_H

#include "health/probe.h"

enum { LOCUM_HTTP_BYTES_MAX = 64 * 1024 }; /* head and body together */

struct locum_http_pool;  /* shared by all http checks */
struct locum_http_check; /* one of them */

/* `agent`: the User-Agent header, copied when a check is created. 0 or LOCUM_ERR_MEMORY. */
int locum_http_pool_create(struct event_base *base, const char *agent,
                           struct locum_http_pool **ret) LOCUM_MUST_CHECK;

/* After all its checks. NULL is fine. */
void locum_http_pool_destroy(struct locum_http_pool *self);

/*
 * Prepare a check; nothing is sent yet. `check` is borrowed. If it has a host, that replaces the
 * URL's own in the Host header and SNI, and must be in the certificate; the connection goes to
 * connect-to, or else to the URL's own host.
 * 0 or LOCUM_ERR_MEMORY.
 */
int locum_http_check_create(struct locum_http_pool *http, const struct locum_config_check *check,
                            locum_probe_fn *on_done, void *user,
                            struct locum_http_check **ret) LOCUM_MUST_CHECK;

/* Start one probe; none may be running. on_done may run before this returns. */
void locum_http_check_start(struct locum_http_check *self);

/* Cancel a running probe; on_done is not called. NULL is fine. */
void locum_http_check_destroy(struct locum_http_check *self);

#endif
