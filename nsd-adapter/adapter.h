/*
 * adapter: the program's loop and its zones: the one of the configuration, or all that the
 * coordinator has, followed while it runs.
 *
 * status.c prints what the adapter, the coordinator, the zone files and NSD say. Each of them is
 * asked directly, so this also works while the adapter is stopped.
 */
#ifndef LOCUM_NSD_ADAPTER_ADAPTER_H
#define LOCUM_NSD_ADAPTER_ADAPTER_H

#include "nsd-adapter/fallback.h"

/*
 * Run until SIGTERM or SIGINT; NSD keeps serving its zones. Returns the exit code.
 *
 * fallback  why the settings are kept ones, if they are. NULL: nothing that was kept is to be used.
 */
int locum_nsd_adapter_run(const struct locum_nsd_settings *settings,
                          const struct locum_nsd_fallback *fallback);

/*
 * Print the status to stdout. The exit code: 0 NSD serves the right zones, 1 it does not, 3 the
 * coordinator does not answer.
 */
int locum_nsd_adapter_status(const struct locum_nsd_settings *settings);

/* Validate NSD's configuration, and print what is taken from it. The exit code. */
int locum_nsd_adapter_check(const struct locum_nsd_settings *settings);

#endif
