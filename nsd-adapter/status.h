/*
 * status: print what the adapter, the coordinator, the zone file and NSD say. Each of them is asked
 * directly, so this also works while the adapter is stopped.
 */
#ifndef LOCUM_NSD_ADAPTER_STATUS_H
#define LOCUM_NSD_ADAPTER_STATUS_H

#include <stdio.h>

#include "nsd-adapter/settings.h"

/* The exit code: 0 NSD serves the right zone, 1 it does not, 3 the coordinator does not answer. */
int locum_nsd_status(const struct locum_nsd_settings *settings, FILE *out);

#endif
