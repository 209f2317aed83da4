/*
 * emit: what leaves the daemon for people: the view that report/ reads, and events, which go to the
 * log, the kept events, the stream in Redis and the clients that wait for them.
 */
#ifndef LOCUM_DAEMON_EMIT_H
#define LOCUM_DAEMON_EMIT_H

#include "daemon/daemon.h"
#include "report/report.h"

/* Fill the view, with the time of this iteration. It borrows from self: use it at once. */
void locum_daemon_emit_view(const struct locum_daemon *self, struct locum_report *ret);

/*
 * Emit an event whose fields are texts, with the time of this iteration.
 *
 * kind   one that is the daemon's own (report/events.h), or LOCUM_EVENT_SERVING.
 * a b c  its fields in the order of its row; NULL: left out, or it has fewer.
 */
void locum_daemon_emit(struct locum_daemon *self, int kind, const char *a, const char *b,
                       const char *c);

/* Emit an event of the core. */
void locum_daemon_emit_core(struct locum_daemon *self, const struct locum_event *event);

/* Emit which warnings have begun, changed or ended since the last call. */
void locum_daemon_emit_warnings(struct locum_daemon *self);

#endif
