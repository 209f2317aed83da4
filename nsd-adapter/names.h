/*
 * names: which zones are carried: the one of the configuration; else all that the coordinator has;
 * else, while it does not answer, those that it had last (state-dir/zone.list).
 */
#ifndef LOCUM_NSD_ADAPTER_NAMES_H
#define LOCUM_NSD_ADAPTER_NAMES_H

#include <jansson.h>

#include "nsd-adapter/settings.h"

/* Absolute, with the last dot. Bytes that are not used are zero. */
struct locum_nsd_names {
    char at[LOCUM_ZONES_MAX][LOCUM_DOMAIN_MAX + 1];
    size_t count;
};

/* status: the coordinator's answer to GET /status; NULL: none. */
void locum_nsd_names_find(struct locum_nsd_names *self, const struct locum_nsd_settings *settings,
                          const json_t *status);

/* Keep them on the disk. 0, or -1 with errno. */
int locum_nsd_names_keep(const struct locum_nsd_names *self,
                         const struct locum_nsd_settings *settings);

#endif
