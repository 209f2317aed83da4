/*
 * ondisk: would the configuration file, as it is on the disk now, be refused at the next start? An
 * edit that breaks it, or a file that it names, shows at once, not with the next restart.
 *
 * Not for the loop: it reads files. The thread that writes the state calls it (state.c).
 */
#ifndef LOCUM_DAEMON_ONDISK_H
#define LOCUM_DAEMON_ONDISK_H

#include <sys/stat.h>

#include "config/config.h"

enum {
    LOCUM_ONDISK_BYTES_MAX = 400, /* of an error, cut to that */
    LOCUM_ONDISK_FILES = 9,
    LOCUM_ONDISK_LOOKS = 5, /* from one reading of a refused file to the next */
};

/* All zero: no such file. */
struct locum_ondisk_stats {
    struct stat of[LOCUM_ONDISK_FILES];
};

struct locum_ondisk {
    char path[LOCUM_ONDISK_FILES][LOCUM_PATH_MAX + 1]; /* the first is locum.yaml; "": none */
    struct locum_ondisk_stats seen;                    /* at the last look */
    struct locum_ondisk_stats judged;                  /* when they were last read */
    bool begun, read;                                  /* `seen` is valid; `judged` is */
    size_t refused; /* looks until it is read anyway, for it may name files that are not known here;
                     * 0: it is good */
};

/* Begin with the files of a configuration, which are read at the second look. */
void locum_ondisk_init(struct locum_ondisk *self, const struct locum_config *config);

/*
 * Have the files changed since they were last read, and been left alone since the last look (an
 * editor may be writing)? Then read all of it, as a start does, and return true with the first
 * error in ret_error; "" if there is none.
 */
bool locum_ondisk_look(struct locum_ondisk *self, char ret_error[LOCUM_ONDISK_BYTES_MAX]);

#endif
