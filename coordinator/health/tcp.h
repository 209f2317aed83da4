/*
 * tcp: a check that connects to an address and closes the connection at once. Pass: connected
 * within the timeout. Used by health.c only.
 */
#ifndef LOCUM_HEALTH_TCP_H
#define LOCUM_HEALTH_TCP_H

#include "health/probe.h"

struct locum_tcp_check;

/* Prepare a check; nothing is sent yet. `check` is borrowed. 0 or LOCUM_ERR_MEMORY. */
int locum_tcp_check_create(struct event_base *base, const struct locum_config_check *check,
                           locum_probe_fn *on_done, void *user,
                           struct locum_tcp_check **ret) LOCUM_MUST_CHECK;

/* Start one probe; none may be running. on_done may run before this returns. */
void locum_tcp_check_start(struct locum_tcp_check *self);

/* Cancel a running probe; on_done is not called. NULL is fine. */
void locum_tcp_check_destroy(struct locum_tcp_check *self);

#endif
