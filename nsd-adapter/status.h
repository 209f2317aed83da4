/*
 * status: what the adapter, the coordinator, the zone file and NSD say, side by side, each asked
 * itself: it tells the truth also when the adapter is dead.
 */
#ifndef LOCUM_NSD_ADAPTER_STATUS_H
#define LOCUM_NSD_ADAPTER_STATUS_H

#include <stdio.h>

#include "nsd-adapter/settings.h"

/* Exit code: 0 NSD serves what it should, 1 it does not, 3 the coordinator cannot be reached. */
int locum_nsd_status(const struct locum_nsd_settings *settings, FILE *out);

#endif
