/*
 * control: send one command to NSD over its control channel (nsd.conf(5), remote-control).
 *
 * The channel is a local socket with plain text, or TLS with NSD's client certificate, where the
 * only trusted server certificate is NSD's own file. "NSDCT1 reload get.example.org\n" is sent, NSD
 * replies with a few lines and closes. Each command has a connection of its own and takes at most
 * LOCUM_NSD_CONTROL_MS.
 */
#ifndef LOCUM_NSD_ADAPTER_CONTROL_H
#define LOCUM_NSD_ADAPTER_CONTROL_H

#include "base/timer.h"
#include "nsd-adapter/nsdconf.h"
#include "nsd-adapter/reply.h"

enum { LOCUM_NSD_CONTROL_MS = 3000, LOCUM_NSD_CONTROL_WHY_MAX = 400 };

/* why: the reason of FAILED, else empty; borrowed. */
typedef void locum_nsd_control_fn(void *user, enum locum_nsd_reply outcome, const char *why);

struct locum_nsd_control {
    struct event_base *base;
    const struct locum_nsd_conf *conf;
    locum_nsd_control_fn *on_done;
    void *user;
    struct bufferevent *stream;              /* NULL: no command is in progress */
    struct locum_timer deadline;             /* due at once if the command could not be sent */
    char failure[LOCUM_NSD_CONTROL_WHY_MAX]; /* why; "": it was sent */
};

/* conf: borrowed until the end. */
void locum_nsd_control_init(struct locum_nsd_control *self, struct event_base *base,
                            const struct locum_nsd_conf *conf, locum_nsd_control_fn *on_done,
                            void *user);

/*
 * Send one command, such as "reload get.example.org"; none may be in progress. on_done is always
 * called, later, from the loop.
 */
void locum_nsd_control_send(struct locum_nsd_control *self, const char *command);

/* on_done is not called any more. One of zeros, never initialised, is fine. */
void locum_nsd_control_fini(struct locum_nsd_control *self);

#endif
