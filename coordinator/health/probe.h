/*
 * probe: what the kinds of checks (http, tcp, command) share. Used inside health/ only.
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
 * In place of an outcome: this machine could not make the request, and `text` says which resource
 * it lacks. That says nothing about the service.
 */
#define LOCUM_PROBE_NOT_RUN ((enum locum_sample)LOCUM_SAMPLES)

/* A probe has ended; `text` is borrowed. Start the next probe from a timer, not from here. */
typedef void locum_probe_fn(void *user, enum locum_sample outcome, const char *text);

/* This errno means that this machine lacks descriptors, memory or processes. */
static inline bool
locum_probe_lacks(int failure)
{
    return failure == EMFILE || failure == ENFILE || failure == ENOMEM || failure == ENOBUFS ||
           failure == EAGAIN;
}

#endif
