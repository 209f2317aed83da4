/*
 * control: one command to NSD over its control channel (nsd.conf(5), remote-control): a local
 * socket in plain text, or TLS with NSD's client certificate, where the one server certificate that
 * is trusted is NSD's own file. "NSDCT1 reload get.example.org\n" goes out, a few lines come back,
 * NSD closes. A connection of its own for each command, within LOCUM_NSD_CONTROL_MS.
 */
#ifndef LOCUM_NSD_ADAPTER_CONTROL_H
#define LOCUM_NSD_ADAPTER_CONTROL_H

#include <event2/event.h>

#include "nsd-adapter/nsdconf.h"
#include "nsd-adapter/reply.h"

enum { LOCUM_NSD_CONTROL_MS = 3000 };

struct locum_nsd_channel;

/* `why` for people, with FAILED; borrowed. */
typedef void locum_nsd_control_fn(void *user, enum locum_nsd_control outcome, const char *why);

/* conf: borrowed for good. NULL: no memory. */
struct locum_nsd_channel *locum_nsd_channel_create(struct event_base *base,
                                                   const struct locum_nsd_conf *conf,
                                                   locum_nsd_control_fn *on_done, void *user);

/* Send one command, such as "reload get.example.org"; none may be under way. on_done comes from the
 * loop, never from here, and always. */
void locum_nsd_channel_send(struct locum_nsd_channel *self, const char *command);

/* Without a word to on_done. NULL is fine. */
void locum_nsd_channel_destroy(struct locum_nsd_channel *self);

#endif
