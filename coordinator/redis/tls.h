/*
 * tls: the connections to Redis and Sentinel, encrypted. Only this file of the room knows OpenSSL.
 *
 * In: the files of redis.tls. Out: a bufferevent that speaks TLS 1.2 or later and has verified the
 * chain and the name of the certificate before its BEV_EVENT_CONNECTED; and a sentence for whatever
 * kept it from that.
 */
#ifndef LOCUM_REDIS_TLS_H
#define LOCUM_REDIS_TLS_H

#include <event2/bufferevent.h>

#include "config/config.h"

struct locum_tls;

/*
 * Read the files.
 *
 * ret_why  gets a sentence if that fails.
 * Returns NULL if it fails.
 */
struct locum_tls *locum_tls_create(const struct locum_config_tls *config,
                                   struct locum_text *ret_why);

/* The same once more, to be destroyed on its own. NULL: no memory. */
struct locum_tls *locum_tls_copy(const struct locum_tls *self);

/*
 * Begin a handshake on a connected socket.
 *
 * name  what the certificate must be for: a host name, which the other side is told too (SNI), or
 *       an address.
 * Returns a bufferevent that owns the socket, or NULL if there is no memory: it is the caller's.
 */
struct bufferevent *locum_tls_begin(const struct locum_tls *self, struct event_base *base, int fd,
                                    const char *name);

/* Append why it ended before anything was heard: "its certificate has expired". name: as above. */
void locum_tls_explain(struct bufferevent *bev, const char *name, struct locum_text *text);

/* NULL is fine. */
void locum_tls_destroy(struct locum_tls *self);

#endif
