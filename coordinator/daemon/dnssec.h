/*
 * dnssec: watches the parent of each signed zone (dns/parent.h), and compares its DS with the keys
 * here.
 */
#ifndef LOCUM_DAEMON_DNSSEC_H
#define LOCUM_DAEMON_DNSSEC_H

#include "config/config.h"

struct locum_daemon;

/* Begin to watch, once self->dns has its keys. 0 or LOCUM_ERR_MEMORY. */
int locum_daemon_dnssec_create(struct locum_daemon *self) LOCUM_MUST_CHECK;

/* Other keys sign. */
void locum_daemon_dnssec_compare(struct locum_daemon *self);

/* self->config has replaced `old`, and its keys are in use. */
void locum_daemon_dnssec_reload(struct locum_daemon *self, const struct locum_config *old);

#endif
