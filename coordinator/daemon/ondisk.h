/*
 * ondisk: would the configuration file, as it is on the disk now, be refused at the next start? An
 * edit that breaks it shows at once, not when a restart silences the node.
 *
 * Not for the loop: it reads files. The thread that writes the state calls it (state.c).
 */
#ifndef LOCUM_DAEMON_ONDISK_H
#define LOCUM_DAEMON_ONDISK_H

#include <sys/stat.h>

#include "config/config.h"

enum { LOCUM_ONDISK_BYTES_MAX = 400 }; /* of an error, cut to that */

struct locum_ondisk {
    char path[LOCUM_PATH_MAX + 1];
    struct stat seen;   /* at the last look; all zero: no such file */
    struct stat judged; /* when it was last read */
    bool begun, read;   /* `seen` is valid; `judged` is */
};

/* Begin with the file of a configuration, which is read at the second look. */
void locum_ondisk_init(struct locum_ondisk *self, const char *path);

/*
 * Has the file changed since it was last read, and been left alone since the last look (an editor
 * may be writing it)? Then read it whole, as a start does, and return true with its first error in
 * ret_error; "" if there is none.
 */
bool locum_ondisk_look(struct locum_ondisk *self, char ret_error[LOCUM_ONDISK_BYTES_MAX]);

#endif
