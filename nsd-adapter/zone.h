/*
 * zone: carries one zone: connects its reconciler to the coordinator, NSD and the zone file.
 *
 *   upstream (coordinator) ->  \                    /  -> files, child (nsd-checkzone)
 *   ask (NSD's SOA)        ->    reconcile (pure)       -> control (NSD), ask
 *   files (changed)        ->  /                    \  -> upstream (report), log
 */
#ifndef LOCUM_NSD_ADAPTER_ZONE_H
#define LOCUM_NSD_ADAPTER_ZONE_H

#include "base/timer.h"
#include "nsd-adapter/fallback.h"

struct locum_nsd_zone;

/* What the zones share; `answers` grows with each. Borrowed until the last one is destroyed. */
struct locum_nsd_site {
    const struct locum_nsd_settings *settings;
    struct locum_nsd_conf conf;
    struct locum_nsd_answers answers;
    struct locum_nsd_fallback fallback;
    struct event_base *base;
    void (*on_step)(void *user);   /* a zone has taken a step */
    void (*on_report)(void *user); /* and has reported */
    void *user;
};

/*
 * Find the zone's file, lock it and begin.
 *
 * name  absolute, with its last dot; copied.
 * Returns 0, or an error that was logged.
 */
int locum_nsd_zone_create(struct locum_nsd_site *site, const char *name,
                          struct locum_nsd_zone **ret) LOCUM_MUST_CHECK;

const char *locum_nsd_zone_name(const struct locum_nsd_zone *self);

/* Append e.g. "get.example.org: served, serial 5", for people. */
void locum_nsd_zone_describe(const struct locum_nsd_zone *self, struct locum_text *text);

/* NSD keeps what it serves. NULL is fine. */
void locum_nsd_zone_destroy(struct locum_nsd_zone *self);

#endif
