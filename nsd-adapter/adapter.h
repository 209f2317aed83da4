/*
 * adapter: the shells around the reconciler, on one loop.
 *
 *   upstream (coordinator) -> \                     / -> files, child (nsd-checkzone)
 *   ask (NSD's SOA)        ->   reconcile (pure)      -> control (NSD), ask
 *   files (another hand)   -> /                     \ -> upstream (report), log
 */
#ifndef LOCUM_NSD_ADAPTER_ADAPTER_H
#define LOCUM_NSD_ADAPTER_ADAPTER_H

#include "nsd-adapter/settings.h"

/* Until SIGTERM or SIGINT. NSD goes on with what it has. The program's exit code. */
int locum_nsd_adapter_run(const struct locum_nsd_settings *settings);

#endif
