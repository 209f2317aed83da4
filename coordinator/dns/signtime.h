/*
 * signtime: the time by which this node signs, and whether its clock may be believed.
 *
 * In: the three clocks, what the peers' heartbeats say of their wall clocks, what the run before
 * has left. Out: the time of the signatures. Pure: no clock, no I/O, no allocation. No decision of
 * the core depends on it.
 *
 * The wall clock minus the boot clock changes only when the wall clock is set. That difference is
 * kept for the time that is believed. The clock is in doubt while it is more than
 * LOCUM_SIGNTIME_LIMIT_MS off it:
 *
 *   - Peers are heard (a witness counts too): the median of their clocks is believed, unless the
 *     own clock is within the limit of it. Then the own clock is. So a doubt ends by itself.
 *     Against one peer alone the own clock is believed if the kernel has called it synchronised
 *     for a minute (adjtimex(2), as NTP clients tell it).
 *   - None is heard: what was believed before goes on with the boot clock. Smaller steps of the own
 *     clock are followed after an hour; any after the kernel has called it synchronised for an
 *     hour, or, if no peer was heard in this run, after an hour without a step, unless the own
 *     clock is before the newest time that was confirmed.
 *   - At a start: the own clock, but never earlier than the newest time that peers or the kernel
 *     confirmed; after a restart in the same boot what was believed then.
 *
 * In doubt the time of the signatures does not go on, so that none is replaced; it goes on with
 * what is believed when they would be of no use any more.
 *
 * The states of keys go by a time of their own, which only the boot clock moves forward. No step of
 * a clock, and no clock of a peer, makes a duration of theirs pass. It stops in doubt, and
 * between two boots. When the wall clock is confirmed, the time of the keys is set to it, and the
 * caller moves what it has noted by the same amount (locum_keymemory_shift()).
 */
#ifndef LOCUM_DNS_SIGNTIME_H
#define LOCUM_DNS_SIGNTIME_H

#include <stddef.h>

#include "base/clock.h"

enum {
    LOCUM_SIGNTIME_LIMIT_MS = 300 * 1000,
    LOCUM_SIGNTIME_STEP_MS = 1000, /* a step of the wall clock: earlier offsets of peers are void */
    LOCUM_SIGNTIME_FOLLOW_MS = 3600 * 1000,
    LOCUM_SIGNTIME_SETTLE_MS = 60 * 1000,
};

/* What a heartbeat says of a peer's clock. */
struct locum_signtime_peer {
    locum_ms heard;  /* mono: when */
    locum_ms offset; /* its wall clock minus the own one then */
};

/* What survives a restart. */
struct locum_signtime_kept {
    bool same_boot;    /* it is of this boot, so `believed` holds */
    locum_ms believed; /* wall minus boot */
    locum_ms newest;   /* wall: the newest that peers or the kernel confirmed; 0: none */
    int64_t signed_s;  /* by which was signed last; 0: none */
    locum_ms keys;     /* the time of the keys when it was kept; 0: not known */
    locum_ms boot;     /* and the boot clock then */
};

/* Only the functions below write the members. */
struct locum_signtime {
    locum_ms believed;     /* wall minus boot of the time that is believed */
    locum_ms followed;     /* boot: when the own clock last agreed or was followed */
    locum_ms difference;   /* wall minus boot at the last update */
    locum_ms stepped;      /* mono: the last step of the wall clock, or the start */
    locum_ms synchronised; /* boot: since when the kernel says so; -1: it does not */
    locum_ms off;          /* the own clock minus the believed one, at the last update */
    locum_ms newest;       /* wall: the newest that was confirmed; 0: none */
    locum_ms keys;         /* the time of the keys at the last update */
    locum_ms keys_at;      /* boot: that update */
    bool in_doubt;
    bool confirmed;   /* peers agree with the own clock, or the kernel calls it synchronised */
    bool heard;       /* a peer was, in this run */
    int64_t signed_s; /* the time of the last signatures; 0: none */
};

/* kept: NULL: nothing was. */
void locum_signtime_init(struct locum_signtime *self, const struct locum_signtime_kept *kept,
                         struct locum_now now);

/* Look at the clocks again: once a second, and before each use. peers: those that are heard. */
void locum_signtime_update(struct locum_signtime *self, struct locum_now now,
                           const struct locum_signtime_peer *peers, size_t count,
                           bool synchronised);

/* The time that is believed, seconds since 1970. */
int64_t locum_signtime_believed_s(const struct locum_signtime *self, struct locum_now now);

/* The time by which the states of keys go, after an update; seconds since 1970. */
int64_t locum_signtime_keys_s(const struct locum_signtime *self);

/* After an update: set the time of the keys to a wall clock that is confirmed. Returns by how many
 * seconds it moved; those are not to count as passed. */
int64_t locum_signtime_set_keys(struct locum_signtime *self, struct locum_now now);

/* Are signatures of a time of any use at another one? */
typedef bool locum_signtime_usable_fn(const void *user, int64_t signed_s, int64_t now_s);

/*
 * The time by which to sign now, after an update: what is believed, or in doubt the time of the
 * last signatures, as long as these are of use.
 */
int64_t locum_signtime_take(struct locum_signtime *self, struct locum_now now,
                            locum_signtime_usable_fn *usable, const void *user);

/* What is to be kept. */
struct locum_signtime_kept locum_signtime_keep(const struct locum_signtime *self,
                                               struct locum_now now);

#endif
