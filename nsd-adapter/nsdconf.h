/*
 * nsdconf: what the adapter needs of NSD's configuration: where and how NSD is controlled, and
 * which files it reads the zones from. nsd-checkconf(8) -o prints it, so whatever nsd.conf(5) may
 * contain is read as NSD reads it. Blocks the loop until the program has ended.
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
 * Read how NSD is controlled.
 *
 * report  called for each problem, with settings->nsd_config as the file.
 * Returns 0 or LOCUM_ERR_INVALID.
 */
int locum_nsd_conf_read(const struct locum_nsd_settings *settings, locum_problem_fn *report,
                        void *user, struct locum_nsd_conf *ret) LOCUM_MUST_CHECK;

/* Where NSD reads a zone from. */
struct locum_nsd_zonefile {
    char path[LOCUM_PATH_MAX - 16 + 1]; /* absolute */
    char written[LOCUM_PATH_MAX + 1];   /* `zonefile:` in NSD's configuration */
    bool pattern;                       /* it is that of the pattern: NSD does not know the zone */
};

/*
 * Find the file of a zone: `zonefile:` of its own or of the pattern, with `zonesdir` and `chroot`.
 * If settings->zonefile names another file, or there is neither zone nor pattern, that is a
 * problem.
 *
 * plain   the zone, without its last dot.
 * report  as above. Returns 0 or LOCUM_ERR_INVALID.
 */
int locum_nsd_conf_zonefile(const struct locum_nsd_settings *settings, const char *plain,
                            locum_problem_fn *report, void *user,
                            struct locum_nsd_zonefile *ret) LOCUM_MUST_CHECK;

#endif
