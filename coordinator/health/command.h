/*
 * command: a check that runs a program (base/process.h). Exit code 0 passes.
 *
 * The text is the code, the time it took and the first line of output. At the deadline the whole
 * process group is killed. Used by health.c only.
 */
#ifndef LOCUM_HEALTH_COMMAND_H
#define LOCUM_HEALTH_COMMAND_H

#include "health/probe.h"

struct locum_command_check;

/* Prepare a check; nothing is run yet. `check` is borrowed. 0, LOCUM_ERR_MEMORY, LOCUM_ERR_IO. */
int locum_command_check_create(struct event_base *base, const struct locum_config_check *check,
                               locum_probe_fn *on_done, void *user,
                               struct locum_command_check **ret) LOCUM_MUST_CHECK;

/* Start one probe; none may be running. on_done may run before this returns. */
void locum_command_check_start(struct locum_command_check *self);

/* Kill a running program; on_done is not called. NULL is fine. */
void locum_command_check_destroy(struct locum_command_check *self);

#endif
