/*
 * fallback: a start whose configuration file is refused or missing has the last configuration that
 * took effect. So a bad file never silences a node.
 *
 * What is kept for that (base/kept.h, in `state-dir`) is the text of the configuration
 * (config/source.h), and whose it is: it is used only on the same node of the same cluster. The
 * state folder is searched where the refused file names it, in $STATE_DIRECTORY, and at the default
 * of `state-dir`.
 */
#ifndef LOCUM_DAEMON_FALLBACK_H
#define LOCUM_DAEMON_FALLBACK_H

#include "base/kept.h"
#include "config/config.h"

enum { LOCUM_FALLBACK_ERROR_MAX = 400, LOCUM_FALLBACK_SINCE_MAX = 32 };

/* What is to be kept. */
struct locum_fallback_file {
    char path[LOCUM_KEPT_PATH_MAX];
    char *bytes; /* NULL: nothing; freed by the owner */
    size_t length;
};

/* since: wall. 0 or LOCUM_ERR_MEMORY. */
int locum_fallback_make(const struct locum_config *config, int64_t since,
                        struct locum_fallback_file *ret) LOCUM_MUST_CHECK;

/* Why a start has the kept configuration; "" with the file itself. */
struct locum_fallback_reason {
    char error[LOCUM_FALLBACK_ERROR_MAX]; /* the first error of the file */
    char since[LOCUM_FALLBACK_SINCE_MAX]; /* when the kept one took effect, RFC 3339 */
};

/*
 * Read the configuration of a start, and log what is wrong with it.
 *
 * allowed  take the kept one if the file is refused.
 * Returns 0, or the error of the file, and then nothing can be used instead.
 */
int locum_fallback_start(const char *path, bool allowed, struct locum_config **ret,
                         struct locum_fallback_reason *ret_reason) LOCUM_MUST_CHECK;

#endif
