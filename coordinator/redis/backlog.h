/*
 * backlog: events for the stream, until Redis has said that it has them.
 *
 * The stream tells the story of a failover, and its first events fall into the second in which the
 * old master is dead and no new one is known. They wait here and go to the new master; what an old
 * master has taken without a reply goes there again, so an event may be told twice, never lost
 * (but for more than LOCUM_BACKLOG_MAX of them, or a Redis that refuses it).
 */
#ifndef LOCUM_REDIS_BACKLOG_H
#define LOCUM_REDIS_BACKLOG_H

#include <stdbool.h>

#include "base/clock.h"
#include "base/log.h"

enum { LOCUM_BACKLOG_MAX = 128 };

struct locum_backlog {
    struct locum_backlog_entry {
        char *words; /* key NUL value NUL ...; heap */
        size_t count;
        locum_ms wall;
        bool late; /* could not be sent when it happened */
    } entries[LOCUM_BACKLOG_MAX];
    size_t first; /* the oldest */
    size_t count;
    size_t sent; /* of these, the oldest, without a reply yet */
};

/* Take an event, copied. Full or without memory: the oldest unsent one, or this one, is lost. */
void locum_backlog_add(struct locum_backlog *self, const struct locum_field *fields, size_t count,
                       locum_ms wall);

/*
 * The oldest event that was not sent, which counts as sent now; NULL: none.
 *
 * ret_fields  room for its fields, which are borrowed until the next call of this header.
 */
const struct locum_backlog_entry *locum_backlog_take(struct locum_backlog *self,
                                                     struct locum_field *ret_fields, size_t size);

/* The oldest one sent has its reply: forget it. */
void locum_backlog_done(struct locum_backlog *self);

/* The connection is gone: what has no reply, and what was not sent, is late and to be sent. */
void locum_backlog_again(struct locum_backlog *self);

/* Free the events. */
void locum_backlog_fini(struct locum_backlog *self);

#endif
