/*
 * tcp: one check that connects to an address and hangs up at once. Pass: the connection stands
 * within the timeout. Used by health.c only.
 */
#ifndef LOCUM_HEALTH_TCP_H
#define LOCUM_HEALTH_TCP_H

#include "health/probe.h"

struct locum_tcp_check;

/* Prepare the check; nothing is sent yet. `check` is borrowed. 0 or LOCUM_ERR_MEMORY. */
int locum_tcp_check_create(struct event_base *base, const struct locum_config_check *check,
                           locum_probe_fn *on_done, void *user,
                           struct locum_tcp_check **ret) LOCUM_MUST_CHECK;

/* Begin one probe; none may be under way. on_done may run before this returns. */
void locum_tcp_check_start(struct locum_tcp_check *self);

/* Without a word to on_done. NULL is fine. */
void locum_tcp_check_destroy(struct locum_tcp_check *self);

#endif
