/*
 * glimpse: single values of a configuration file that as a whole may be refused.
 */
#ifndef LOCUM_CONFIG_GLIMPSE_H
#define LOCUM_CONFIG_GLIMPSE_H

#include "config/config.h"

/*
 * listen.control of a file, its default where the file does not say: for the sub-commands, which
 * must find the daemon also when the file has become invalid, or names a secret they may not read.
 * False: it could not be read at all, or is no YAML mapping, and the default may be wrong.
 */
bool locum_glimpse_control(const char *path, char ret_path[LOCUM_PATH_MAX + 1]);

/* What can be named on a command line. */
enum locum_glimpse_kind { LOCUM_GLIMPSE_NODES, LOCUM_GLIMPSE_ZONES, LOCUM_GLIMPSE_NAMES };

/* A name without the last dot; lives until the call returns. */
typedef void locum_glimpse_fn(void *user, const char *name);

/* Each node, zone, or shared and owned name of a file; none if it cannot be read or is no YAML. */
void locum_glimpse_each(const char *path, enum locum_glimpse_kind kind, locum_glimpse_fn *each,
                        void *user);

/* What a file says of these keys; "" where it does not. */
struct locum_glimpse {
    char state_dir[LOCUM_PATH_MAX + 1];
    char cluster[LOCUM_CLUSTER_NAME_MAX + 1];
    char node[LOCUM_NODE_NAME_MAX + 1];
};

/* Of a file that is no YAML: state-dir alone, if a line begins with it. */
void locum_glimpse_file(const char *path, struct locum_glimpse *ret);

#endif
