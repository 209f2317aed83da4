/*
 * recorder: the flight recorder. Every input of the core is written as a line (core/record.h) into
 * a memory file of two halves. A half begins with the whole state (daemon/snapshot.h); when it is
 * full, the other one is begun. So the last minutes can always be replayed exactly: `locum dump`,
 * then `sim --replay FILE`.
 *
 * The lines after a snapshot, which begins with the line `begin CAUSE`:
 *
 *   > INPUT       as in core/record.h
 *   = HASH        of the actions that it led to; without this line there were none
 *
 * No secret is in it: signatures are left out, and the core knows no secret. The memory file
 * is no private memory of the process, but the kernel charges it to the unit's or container's
 * limit; at most LOCUM_RECORDER_BYTES_MAX.
 */
#ifndef LOCUM_DAEMON_RECORDER_H
#define LOCUM_DAEMON_RECORDER_H

#include "core/step.h"

enum {
    LOCUM_RECORDER_BYTES_MAX = 4 * 1024 * 1024,
    LOCUM_RECORDER_BUFFER = 4096,
};

#define LOCUM_RECORDER_MAGIC "locum-dump 1"

struct locum_recorder {
    bool is_open;
    int fd;
    int current;      /* which half is written */
    size_t length[2]; /* bytes of each half in the file */
    bool paused;      /* the next commit begins another half */
    size_t buffered;
    char buffer[LOCUM_RECORDER_BUFFER]; /* of the current half, not yet in the file */
};

/* Without memory for it, nothing is recorded. */
void locum_recorder_open(struct locum_recorder *self);

/* The state did not follow from inputs: begin the other half. cause: one word, `start` ... */
void locum_recorder_begin(struct locum_recorder *self, struct locum_core *core, const char *cause);

/* An input and its actions; `core` is the state after it. */
void locum_recorder_note(struct locum_recorder *self, struct locum_core *core,
                         const struct locum_input *input, const struct locum_actions *actions);

/* The whole recording as text; free() it. NULL: nothing is recorded, or out of memory. */
char *locum_recorder_text(struct locum_recorder *self);

void locum_recorder_close(struct locum_recorder *self);

/* Of what the actions say, `core` being the state after them. */
uint64_t locum_recorder_hash(const struct locum_core *core, struct locum_now now,
                             const struct locum_actions *actions);

#endif
