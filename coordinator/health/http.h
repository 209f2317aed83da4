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

#include "fetch/loop.h"
#include "health/probe.h"

enum { LOCUM_HTTP_BYTES_MAX = 64 * 1024 }; /* head and body together */

struct locum_http_check;

/* on_done of the loop that the checks share: the transfer of a check has ended. */
void locum_http_check_end(void *check, CURLcode result);

/*
 * Prepare a check; nothing is sent yet. `check` is borrowed. If it has a host, that replaces the
 * URL's own in the Host header and SNI, and must be in the certificate; the connection goes to
 * connect-to, or else to the URL's own host.
 *
 * loop   borrowed; created with locum_http_check_end().
 * agent  the User-Agent header, copied.
 * 0 or LOCUM_ERR_MEMORY.
 */
int locum_http_check_create(struct locum_fetch_loop *loop, const char *agent,
                            const struct locum_config_check *check, locum_probe_fn *on_done,
                            void *user, struct locum_http_check **ret) LOCUM_MUST_CHECK;

/* Start one probe; none may be running. on_done may run before this returns. */
void locum_http_check_start(struct locum_http_check *self);

/* Cancel a running probe; on_done is not called. NULL is fine. */
void locum_http_check_destroy(struct locum_http_check *self);

#endif
