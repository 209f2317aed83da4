/*
 * nsdconf: what the adapter needs of NSD's configuration: where and how NSD is controlled, and
 * which file it reads the zone from. nsd-checkconf(8) -o prints it. Only before the loop runs.
 */
#ifndef LOCUM_NSD_ADAPTER_NSDCONF_H
#define LOCUM_NSD_ADAPTER_NSDCONF_H

#include "nsd-adapter/settings.h"

struct locum_nsd_conf {
    char socket[108];             /* path of the control socket; "": TLS to `control` */
    struct locum_address control; /* with its port */
    char server_cert[LOCUM_PATH_MAX + 1];
    char control_cert[LOCUM_PATH_MAX + 1], control_key[LOCUM_PATH_MAX + 1];
};

/*
 * Read NSD's configuration.
 *
 * report  called for each problem (no control channel, another zone file, no such zone or pattern),
 *         with settings->nsd_config as the file.
 * Returns 0 or LOCUM_ERR_INVALID.
 */
int locum_nsd_conf_read(const struct locum_nsd_settings *settings, locum_problem_fn *report,
                        void *user, struct locum_nsd_conf *ret) LOCUM_MUST_CHECK;

#endif
