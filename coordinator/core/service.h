/*
 * service: samples of the own checks -> the service state of this node, with rise, fall, severity
 * and probation (SERVICE-1 to 8). Pure.
 */
#ifndef LOCUM_CORE_SERVICE_H
#define LOCUM_CORE_SERVICE_H

#include "core/types.h"

enum {
    LOCUM_FLAP_WINDOW_MS = 60000,
    LOCUM_PROBATION_FIRST_MS = 5000,
    LOCUM_PROBATION_MAX_MS = 60000,
    LOCUM_PROBATION_FORGET_MS = 600000,
    LOCUM_NOT_RUN_KEPT_MS = 10000, /* at least (SERVICE-8) */
};

/* One check as it is judged. */
struct locum_check_state {
    enum locum_service verdict; /* unknown, up, degraded or failing */
    uint32_t run;               /* samples in a row, all worse or all better than the verdict */
    enum locum_service nearest; /* of these to the verdict */
    /* It is of the last run, or had no sample in it: the first one decides (RESUME-5). */
    bool stale;
    bool not_run; /* no probe could be run since `not_run_since` (mono) */
    locum_ms not_run_since;
    locum_ms since_wall;  /* wall time of the last change; LOCUM_NEVER */
    locum_ms next_sample; /* Mirrorbits checks: mono time of the next own sample */
};

struct locum_service_state {
    struct locum_check_state check[LOCUM_CHECKS_MAX];
    enum locum_service state; /* what heartbeats say */
    locum_ms recovered;       /* mono time of the last recovery; LOCUM_NEVER */
    locum_ms probation_ms;    /* at the next recovery; 0: none */
    locum_ms probation_until; /* mono; while `state` is probation */
};

/* A witness is always up (SERVICE-4). A server starts unknown, or up if no check counts. */
void locum_service_init(struct locum_service_state *self, const struct locum_core_config *config);

/* Take one sample of check `check` (< check_count). */
void locum_service_sample(struct locum_service_state *self, const struct locum_core_config *config,
                          size_t check, enum locum_sample sample, struct locum_now now);

/* A check that counts has not been sampled in this run: the state is the last known one. A
 * mirrorbits check, which Redis can delay for long, is no reason. */
bool locum_service_is_stale(const struct locum_service_state *self,
                            const struct locum_core_config *config);

/* The first check that counts and whose last probe could not be run; check_count: none. */
size_t locum_service_not_run(const struct locum_service_state *self,
                             const struct locum_core_config *config);

/* Derive the state from the checks and the time. Returns true if it changed. */
bool locum_service_advance(struct locum_service_state *self, const struct locum_core_config *config,
                           struct locum_now now);

#endif
