/*
 * nsdconf: what NSD's own configuration says: where and how it is controlled, and where it has the
 * zone from. Asked of nsd-checkconf(8) -o, once at the start, before the loop turns.
 */
#ifndef LOCUM_NSD_ADAPTER_NSDCONF_H
#define LOCUM_NSD_ADAPTER_NSDCONF_H

#include "nsd-adapter/settings.h"

struct locum_nsd_conf {
    char socket[108];             /* of control, a path; "": `control` */
    struct locum_address control; /* with its port: TLS */
    char server_cert[LOCUM_PATH_MAX + 1];
    char control_cert[LOCUM_PATH_MAX + 1], control_key[LOCUM_PATH_MAX + 1];
};

/*
 * Ask. What is wrong or would surprise (no control, another zone file than ours, a secondary) goes
 * to `report`, as of settings->nsd_config.
 *
 * 0, or LOCUM_ERR_INVALID: there were errors; LOCUM_ERR_MEMORY.
 */
int locum_nsd_conf_read(const struct locum_nsd_settings *settings, locum_problem_fn *report,
                        void *user, struct locum_nsd_conf *ret) LOCUM_MUST_CHECK;

#endif
