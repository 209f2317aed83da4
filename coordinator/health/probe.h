/*
 * probe: what the kinds of checks (http, tcp, command) have in common. Used inside health/ only.
 */
#ifndef LOCUM_HEALTH_PROBE_H
#define LOCUM_HEALTH_PROBE_H

#include <errno.h>

#include <event2/event.h>

#include "config/config.h"
#include "core/service.h"

/* Room for an outcome's text for people, the NUL included. */
enum { LOCUM_PROBE_TEXT_MAX = 256 };

/*
 * In place of an outcome: this machine could not put the question, and `text` is what it lacks.
 * That says nothing about the service.
 */
#define LOCUM_PROBE_NOT_RUN ((enum locum_sample)LOCUM_SAMPLES)

/* A probe has ended; `text` is borrowed. Start the next from a timer, not from here. */
typedef void locum_probe_fn(void *user, enum locum_sample outcome, const char *text);

/* Is this errno a lack of this machine's own: descriptors, memory, processes? */
static inline bool
locum_probe_lacks(int failure)
{
    return failure == EMFILE || failure == ENFILE || failure == ENOMEM || failure == ENOBUFS ||
           failure == EAGAIN;
}

#endif
