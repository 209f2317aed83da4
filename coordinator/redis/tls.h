/*
 * tls: encrypted connections to Redis and Sentinel. Only tls.c knows OpenSSL in this folder.
 *
 * In: the files of redis.tls. Out: a bufferevent that speaks TLS 1.2 or later and has verified the
 * chain and the name of the certificate before its BEV_EVENT_CONNECTED; and the reason, as a
 * message, if that failed.
 */
#ifndef LOCUM_REDIS_TLS_H
#define LOCUM_REDIS_TLS_H

#include <event2/bufferevent.h>

#include "config/config.h"

struct locum_tls;

/* Read the files. If that fails, append why to ret_why and return NULL. */
struct locum_tls *locum_tls_create(const struct locum_config_tls *config,
                                   struct locum_text *ret_why);

/*
 * Begin a handshake on a connected socket.
 *
 * name  what the certificate must be for: an address, or a host name, which is also sent to the
 *       server (SNI, RFC 6066 section 3).
 * Returns a bufferevent that owns the socket, or NULL if there is no memory: then the caller still
 * owns it.
 */
struct bufferevent *locum_tls_begin(const struct locum_tls *self, struct event_base *base, int fd,
                                    const char *name);

/* Append why the connection ended before any reply: "its certificate has expired". name: as above.
 */
void locum_tls_explain(struct bufferevent *bev, const char *name, struct locum_text *text);

/* Handshakes that have begun go on. NULL is fine. */
void locum_tls_destroy(struct locum_tls *self);

#endif
