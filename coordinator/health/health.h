/*
 * health: run the service checks on their schedule and report each outcome as a sample. The core
 * judges the samples (rise, fall, fast-fail, probation), and makes those of mirrorbits checks
 * itself.
 *
 * http and tls by libcurl's multi interface in the loop (http.c, tls.c), tcp by a plain connect
 * (tcp.c), command by a process that a thread starts and waits for (command.c); each with a
 * deadline.
 */
#ifndef LOCUM_HEALTH_HEALTH_H
#define LOCUM_HEALTH_HEALTH_H

#include <event2/event.h>

#include "config/config.h"
#include "core/service.h"

struct locum_health;

/*
 * One outcome. That of a probe that this machine could not run, for lack of descriptors, memory or
 * processes, is LOCUM_SAMPLE_NOT_RUN, and the first of several is logged. `text` is for people,
 * printable ASCII, borrowed: "200 in 3 ms", "503 in 2 ms, expected 200-399", "connection refused",
 * "no answer within 500 ms", "exit 3 in 9 ms: disk full", "could not be run for 3.2 s: Too many
 * open files". Called from the loop; must not destroy.
 */
typedef void locum_health_sample_fn(void *user, size_t check, enum locum_sample outcome,
                                    const char *text);

/*
 * Start one probe of each check at once, then one per interval; probes of a check never overlap.
 * config is borrowed until destroy: on a reload the caller destroys this and creates another.
 * 0, LOCUM_ERR_MEMORY, LOCUM_ERR_IO.
 */
int locum_health_create(struct event_base *base, const struct locum_config *config,
                        locum_health_sample_fn *on_sample, void *user,
                        struct locum_health **ret) LOCUM_MUST_CHECK;

/* After a reload: begin with the addresses of host names that the former one knows. */
void locum_health_learn(struct locum_health *self, const struct locum_health *former);

/* What a tls check has last seen of the certificate for a name. */
enum { LOCUM_CERTIFICATE_WHY_MAX = 160 };
struct locum_health_certificate {
    const char *name;  /* absolute; of the configuration */
    int64_t expires_s; /* the end of the certificate, seconds since 1970; 0: none was seen yet */
    char why[LOCUM_CERTIFICATE_WHY_MAX]; /* why clients refuse it, for people; "": they do not */
};

/* Outcomes of a check since it was configured; none for a kind that this room does not run. */
struct locum_health_outcomes {
    uint64_t counts[LOCUM_SAMPLES]; /* by enum locum_sample */
    locum_ms last_ms;               /* how long the last one took that was run; LOCUM_NEVER */
    const char *last; /* it for people, "" before the first; borrowed until the next */
    const struct locum_health_certificate *certificates; /* of a tls check; borrowed */
    size_t certificate_count;
};
struct locum_health_outcomes locum_health_outcomes(const struct locum_health *self, size_t check);

/* Cancel running probes, kill running commands; on_sample is not called. NULL is fine. */
void locum_health_destroy(struct locum_health *self);

#endif
