/*
 * settings: the adapter's YAML file -> what it needs, or every error in it with file:line:col; and
 * what NSD's own configuration says about itself, asked of nsd-checkconf(8), never parsed here.
 */
#ifndef LOCUM_NSD_ADAPTER_SETTINGS_H
#define LOCUM_NSD_ADAPTER_SETTINGS_H

#include "config/config.h"
#include "config/schema.h"

#define LOCUM_NSD_SETTINGS_DEFAULT_PATH "/etc/locum/locum-nsd.yaml"

struct locum_nsd_settings {
    char coordinator[LOCUM_PATH_MAX + 1]; /* its control socket */
    locum_ms lost_ms;                     /* coordinator-lost */
    char zone[LOCUM_DOMAIN_MAX + 1];      /* absolute, with its last dot */
    char nsd_config[LOCUM_PATH_MAX + 1];
    char zonefile[LOCUM_PATH_MAX + 1];
    struct locum_address address; /* where NSD answers questions */
    char pattern[64];
};

/* The keys of the file; offsets count from struct locum_nsd_settings. */
extern const struct locum_schema locum_nsd_keys;

/*
 * Read and validate.
 *
 * report  called for each error before this returns; never NULL.
 * 0, LOCUM_ERR_INVALID, LOCUM_ERR_MEMORY.
 */
int locum_nsd_settings_load(const char *path, locum_problem_fn *report, void *user,
                            struct locum_nsd_settings *ret) LOCUM_MUST_CHECK;

/* The zone without its last dot (the root keeps it), as NSD's programs want it; of `zone`'s size.
 */
void locum_nsd_settings_plain_zone(const char *zone, char ret[LOCUM_DOMAIN_MAX + 1]);

#endif
