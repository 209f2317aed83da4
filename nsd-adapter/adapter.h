/*
 * adapter: connects the reconciler to the coordinator, NSD and the zone file, on one loop.
 *
 *   upstream (coordinator) ->  \                    /  -> files, child (nsd-checkzone)
 *   ask (NSD's SOA)        ->    reconcile (pure)       -> control (NSD), ask
 *   files (changed)        ->  /                    \  -> upstream (report), log
 *
 * status.c prints what the adapter, the coordinator, the zone file and NSD say. Each of them is
 * asked directly, so this also works while the adapter is stopped.
 */
#ifndef LOCUM_NSD_ADAPTER_ADAPTER_H
#define LOCUM_NSD_ADAPTER_ADAPTER_H

#include "nsd-adapter/settings.h"

/* Run until SIGTERM or SIGINT; NSD keeps serving its zone. Returns the exit code. */
int locum_nsd_adapter_run(const struct locum_nsd_settings *settings);

/*
 * Print the status to stdout. The exit code: 0 NSD serves the right zone, 1 it does not, 3 the
 * coordinator does not answer.
 */
int locum_nsd_adapter_status(const struct locum_nsd_settings *settings);

#endif
