/*
 * settings: the adapter's YAML file -> struct locum_nsd_settings, or every error in it with its
 * line and column.
 */
#ifndef LOCUM_NSD_ADAPTER_SETTINGS_H
#define LOCUM_NSD_ADAPTER_SETTINGS_H

#include "config/config.h"
#include "config/schema.h"

#define LOCUM_NSD_SETTINGS_DEFAULT_PATH  "/etc/locum/locum-nsd.yaml"
#define LOCUM_NSD_SETTINGS_DEFAULT_STATE "/var/lib/locum-nsd"

struct locum_nsd_settings {
    const char *path;                     /* of the file itself, borrowed */
    char coordinator[LOCUM_PATH_MAX + 1]; /* its control socket */
    locum_ms lost_ms;                     /* coordinator-lost */
    char zone[LOCUM_DOMAIN_MAX + 1]; /* absolute, lower case, with its last dot; "": all zones */
    char state_dir[LOCUM_PATH_MAX + 1];
    char nsd_config[LOCUM_PATH_MAX + 1];
    char zonefile[LOCUM_PATH_MAX + 1]; /* "": what nsd_config says */
    struct locum_address address;      /* where NSD answers queries */
    char pattern[64];
    char *source; /* the text of the file (config/source.h) */
};

/* The keys of the file; offsets count from struct locum_nsd_settings. */
extern const struct locum_schema locum_nsd_keys;

/*
 * Read and validate the file.
 *
 * text    what to read instead of the file; NULL.
 * report  called for each error before this returns; never NULL.
 * Returns 0, LOCUM_ERR_INVALID or LOCUM_ERR_MEMORY.
 */
int locum_nsd_settings_load(const char *path, const char *text, locum_problem_fn *report,
                            void *user, struct locum_nsd_settings *ret) LOCUM_MUST_CHECK;

/* Free what they hold. */
void locum_nsd_settings_free(struct locum_nsd_settings *self);

#endif
