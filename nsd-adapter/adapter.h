/*
 * adapter: connects the reconciler to the coordinator, NSD and the zone file, on one loop.
 *
 *   upstream (coordinator) ->  \                    /  -> files, child (nsd-checkzone)
 *   ask (NSD's SOA)        ->    reconcile (pure)       -> control (NSD), ask
 *   files (changed)        ->  /                    \  -> upstream (report), log
 */
#ifndef LOCUM_NSD_ADAPTER_ADAPTER_H
#define LOCUM_NSD_ADAPTER_ADAPTER_H

#include "nsd-adapter/settings.h"

/* Run until SIGTERM or SIGINT; NSD keeps serving its zone. Returns the exit code. */
int locum_nsd_adapter_run(const struct locum_nsd_settings *settings);

#endif
