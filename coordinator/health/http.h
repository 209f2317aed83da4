/*
 * http: checks that fetch a URL (fetch/loop.h) and judge the answer (answer.h). Used by health.c
 * only.
 *
 * Every probe is a connection of its own with one deadline over all of it, name lookup and body
 * included, so a server that drips its answer cannot stretch it. Redirects are an answer and not
 * followed; the body is read up to LOCUM_HTTP_BYTES_MAX and the rest left unread; a proxy of the
 * environment is ignored; the chain and the name of a certificate are verified, against the
 * system's authorities or, with a ca-file, against those alone; what is wrong with it is in the
 * outcome's text, in libcurl's words.
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
 * Prepare a check; nothing is sent yet. `check` is borrowed. With a host given, it is
 * told in place of the URL's own, as Host header and SNI, and must be in the certificate. Connected
 * to is connect-to, else the URL's own host.
 * 0 or LOCUM_ERR_MEMORY.
 */
int locum_http_check_create(struct locum_http_pool *http, const struct locum_config_check *check,
                            locum_probe_fn *on_done, void *user,
                            struct locum_http_check **ret) LOCUM_MUST_CHECK;

/* Begin one probe; none may be under way. on_done may run before this returns. */
void locum_http_check_start(struct locum_http_check *self);

/* Without a word to on_done. NULL is fine. */
void locum_http_check_destroy(struct locum_http_check *self);

#endif
