/*
 * files: the zone file and the files beside it.
 *
 *   ZONEFILE            NSD reads it; replaced by rename(2), synced to the disk, with a new mtime
 *   ZONEFILE.new        the next one, while it is checked
 *   ZONEFILE.last       the one before, if NSD has served it
 *   ZONEFILE.fail-open  the addresses of all servers, for a start without the coordinator
 *   ZONEFILE.lock       held by the only adapter of this file, with its process id
 *
 * All users may read the zone files, whatever the umask is: NSD runs as another user.
 */
#ifndef LOCUM_NSD_ADAPTER_FILES_H
#define LOCUM_NSD_ADAPTER_FILES_H

#include <sys/stat.h>
#include <sys/types.h>

#include "config/config.h"
#include "nsd-adapter/zonetext.h"

enum { LOCUM_NSD_FILES_WHY_MAX = 300 };

struct locum_nsd_files {
    char path[LOCUM_PATH_MAX + 1], fresh[LOCUM_PATH_MAX + 1], last[LOCUM_PATH_MAX + 1];
    char open[LOCUM_PATH_MAX + 1], lock[LOCUM_PATH_MAX + 1];
    int lock_fd;      /* -1: not locked */
    struct stat seen; /* of `path`, when it was last written or checked; st_ino 0: no file */
};

/* All functions that return int: 0, or an error code with the reason and the path in ret_why. */

/* Set the paths; no file is touched. */
void locum_nsd_files_init(struct locum_nsd_files *self, const char *zonefile);

/* Release the lock. */
void locum_nsd_files_fini(struct locum_nsd_files *self);

/* Take the lock. LOCUM_ERR_IN_USE: another adapter holds it; ret_why has its process id. */
int locum_nsd_files_lock(struct locum_nsd_files *self,
                         char ret_why[LOCUM_NSD_FILES_WHY_MAX]) LOCUM_MUST_CHECK;

/* The process that holds the lock; 0: none. Not for the holder itself (fcntl(2)). */
pid_t locum_nsd_files_holder(const struct locum_nsd_files *self);

/*
 * Read a zone file. LOCUM_ERR_NOT_FOUND: there is none; LOCUM_ERR_INVALID: it is not a zone.
 *
 * zone      absolute, with its last dot.
 * ret_text  the text of *ret; the caller's, who calls free().
 */
int locum_nsd_files_read(const char *path, const char *zone, char **ret_text,
                         struct locum_nsd_zonetext *ret,
                         char ret_why[LOCUM_NSD_FILES_WHY_MAX]) LOCUM_MUST_CHECK;

/* Write `fresh` and sync it to the disk. On failure there is no such file. */
int locum_nsd_files_write(struct locum_nsd_files *self, const char *text,
                          char ret_why[LOCUM_NSD_FILES_WHY_MAX]) LOCUM_MUST_CHECK;

/* Rename `fresh` to `path`; keep: the former `path` becomes `last`. */
int locum_nsd_files_place(struct locum_nsd_files *self, bool keep,
                          char ret_why[LOCUM_NSD_FILES_WHY_MAX]) LOCUM_MUST_CHECK;

/* Set a new mtime of `path`. */
void locum_nsd_files_touch(struct locum_nsd_files *self);

/* True if another program has changed `path` since it was last written or checked. */
bool locum_nsd_files_changed(struct locum_nsd_files *self);

/* Replace `open` in one step. */
int locum_nsd_files_keep_open(struct locum_nsd_files *self, const char *text,
                              char ret_why[LOCUM_NSD_FILES_WHY_MAX]) LOCUM_MUST_CHECK;

#endif
