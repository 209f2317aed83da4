/* world: a model of NSD, disk and coordinator around the reconciler, under virtual time. */
#ifndef LOCUM_TESTS_NSD_ADAPTER_WORLD_H
#define LOCUM_TESTS_NSD_ADAPTER_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "nsd-adapter/reconcile.h"

enum { LOST_MS = 10000, START_MS = 1000, OPEN_DIGEST = 7777 };

struct pending {
    locum_ms at; /* 0: none */
    struct locum_nsd_input input;
};

struct world {
    struct locum_nsd_reconciler core;
    locum_ms now;
    uint32_t seed;
    /* the coordinator */
    bool speaks;
    struct locum_nsd_version target;
    locum_ms speak_at;
    /* the disk */
    struct locum_nsd_version fresh, file, last;
    bool full;
    /* NSD */
    bool up, controllable, knows, refuses; /* refuses: drops the zone at a reload */
    bool fresh_mtime;                      /* the file's is another than the one that it loaded */
    locum_ms reload_ms, reload_at;
    struct locum_nsd_version loaded; /* unknown: dropped */
    /* outcomes to come */
    struct pending work, answer;
    /* what must hold */
    uint32_t highest; /* ever served */
    bool served_once, reported;
    enum locum_nsd_state last_state;
    unsigned prepared, restored, reloads, addzones;
};

static inline uint32_t
dice(struct world *w)
{
    w->seed = w->seed * 1664525u + 1013904223u;
    return w->seed >> 8;
}

static inline struct locum_nsd_version
version(uint32_t serial, uint64_t digest)
{
    return (struct locum_nsd_version){.known = true, .serial = serial, .digest = digest};
}

/* GET /zone: the fail-open zone has the serial after that of the zone. */
static inline struct locum_nsd_version
open_version(const struct world *w)
{
    struct locum_nsd_version open = version(w->target.serial + 1, OPEN_DIGEST);
    open.fixed = w->target.fixed;
    return open;
}

static inline void
load(struct world *w, bool restart)
{
    if (w->refuses) {
        w->loaded.known = false;
    } else if (w->file.known) {
        w->loaded = w->file;
        /* NSD never loads an older zone, neither after a reload nor after a restart. */
        if (w->served_once) {
            assert_true(w->loaded.serial - w->highest < UINT32_C(1) << 31);
        }
        w->highest = w->loaded.serial;
        w->served_once = true;
    } else if (restart) {
        w->loaded.known = false;
    }
    w->fresh_mtime = false;
}

static inline void step(struct world *w, const struct locum_nsd_input *input);

static inline void
perform(struct world *w, const struct locum_nsd_action *action)
{
    struct locum_nsd_input input = {.ok = true, .why = "why"};
    switch (action->kind) {
    case LOCUM_NSD_PREPARE:
        w->prepared++;
        input.kind = LOCUM_NSD_INPUT_PREPARED;
        input.ok = !w->full;
        w->fresh = action->source == LOCUM_NSD_SOURCE_OPEN
                       ? version(action->serial, OPEN_DIGEST)
                       : version(action->serial, w->target.digest);
        w->work = (struct pending){w->now + 5, input};
        break;
    case LOCUM_NSD_PLACE:
    case LOCUM_NSD_RESTORE:
        if (action->kind == LOCUM_NSD_RESTORE) {
            assert_true(w->last.known); /* NSD has served it */
            w->restored++;
            w->file = w->last;
            w->file.serial = action->serial;
        } else {
            w->last = action->keep ? w->file : w->last;
            w->file = w->fresh;
        }
        w->fresh_mtime = true;
        input.kind = LOCUM_NSD_INPUT_PLACED;
        step(w, &input);
        break;
    case LOCUM_NSD_RELOAD:
    case LOCUM_NSD_ADDZONE:
        w->reloads += action->kind == LOCUM_NSD_RELOAD;
        w->addzones += action->kind == LOCUM_NSD_ADDZONE;
        w->fresh_mtime = w->fresh_mtime || action->touch;
        input.kind = LOCUM_NSD_INPUT_CONTROL;
        if (!w->up || !w->controllable) {
            input.control = LOCUM_NSD_REPLY_FAILED;
        } else if (action->kind == LOCUM_NSD_RELOAD && !w->knows) {
            input.control = LOCUM_NSD_REPLY_NO_ZONE;
        } else {
            w->knows = true;
            w->reload_at = w->now + w->reload_ms;
        }
        w->work = (struct pending){w->now + 1, input};
        break;
    case LOCUM_NSD_ASK:
        input.kind = LOCUM_NSD_INPUT_SOA;
        input.soa = !w->up                        ? LOCUM_NSD_SOA_SILENT
                    : w->knows && w->loaded.known ? LOCUM_NSD_SOA_SERIAL
                                                  : LOCUM_NSD_SOA_NONE;
        input.serial = input.soa == LOCUM_NSD_SOA_SERIAL ? w->loaded.serial : 0;
        w->answer = (struct pending){w->now + (w->up ? 1 : 250), input};
        break;
    case LOCUM_NSD_REPORT: w->reported = true; break;
    }
}

static inline void
step(struct world *w, const struct locum_nsd_input *input)
{
    struct locum_nsd_actions actions;
    locum_nsd_reconcile_step(&w->core, input, w->now, dice(w), &actions);
    w->last_state = locum_nsd_reconcile_state(&w->core);
    for (size_t i = 0; i < actions.count; i++) {
        perform(w, &actions.at[i]);
    }
}

static inline void
give(struct world *w, struct pending *pending)
{
    if (pending->at != 0 && pending->at <= w->now) {
        const struct locum_nsd_input input = pending->input;
        pending->at = 0;
        step(w, &input);
    }
}

static inline void
speak(struct world *w)
{
    if (w->speaks) {
        step(w, &(struct locum_nsd_input){
                    .kind = LOCUM_NSD_INPUT_TARGET, .version = w->target, .open = open_version(w)});
        w->speak_at = w->now + 3000;
    }
}

static inline void
run(struct world *w, locum_ms duration)
{
    for (const locum_ms end = w->now + duration; w->now < end; w->now++) {
        give(w, &w->work);
        give(w, &w->answer);
        if (w->now >= w->speak_at) {
            speak(w);
        }
        if (w->up && w->reload_at != 0 && w->now >= w->reload_at) {
            w->reload_at = 0;
            if (w->fresh_mtime) {
                load(w, false);
            }
        }
        if (w->now >= locum_nsd_reconcile_next(&w->core)) {
            step(w, &(struct locum_nsd_input){.kind = LOCUM_NSD_INPUT_TIME});
        }
    }
}

static inline void
restart_nsd(struct world *w)
{
    w->up = true;
    w->reload_at = 0;
    load(w, true);
}

static inline struct world *
begin(uint32_t seed)
{
    static struct world w;
    w = (struct world){.now = START_MS,
                       .seed = seed,
                       .speaks = true,
                       .target = version(100, 1),
                       .up = true,
                       .controllable = true,
                       .reload_ms = 8};
    locum_nsd_reconcile_init(&w.core, LOST_MS, w.now);
    step(&w, &(struct locum_nsd_input){.kind = LOCUM_NSD_INPUT_FILE});
    return &w;
}

/* The adapter ends at any moment and starts again: the files and NSD are as it has left them. */
static inline void
restart_adapter(struct world *w)
{
    w->work.at = w->answer.at = 0; /* a command that NSD has accepted is still carried out */
    w->speak_at = w->now + 1;
    locum_nsd_reconcile_init(&w->core, LOST_MS, w->now);
    if (w->last.known) {
        step(w, &(struct locum_nsd_input){.kind = LOCUM_NSD_INPUT_LAST, .version = w->last});
    }
    step(w, &(struct locum_nsd_input){.kind = LOCUM_NSD_INPUT_FILE, .version = w->file});
}

static inline void
change(struct world *w)
{
    w->target = version(w->target.serial + 1, w->target.digest + 1);
    speak(w);
}

#define assert_served(w, what)                                                                     \
    do {                                                                                           \
        assert_true((w)->loaded.known);                                                            \
        assert_int_equal((w)->loaded.digest, (what));                                              \
        assert_int_equal((w)->loaded.serial, (w)->core.seen_serial);                               \
    } while (0)

#endif
