/*
 * files: the zone file and what lies beside it.
 *
 *   ZONEFILE            what NSD reads; replaced whole (rename), synced to the disk, a new mtime
 *   ZONEFILE.new        the next one, being checked
 *   ZONEFILE.last       the one before, if NSD was seen to serve it
 *   ZONEFILE.fail-open  all servers: for a start without the coordinator
 *   ZONEFILE.lock       held by the one adapter of this file, with its process id
 *
 * The zone files may be read by everybody, whatever the umask: NSD runs as a user of its own.
 */
#ifndef LOCUM_NSD_ADAPTER_FILES_H
#define LOCUM_NSD_ADAPTER_FILES_H

#include <sys/stat.h>
#include <sys/types.h>

#include "config/config.h"

struct locum_nsd_files {
    char path[LOCUM_PATH_MAX + 1], fresh[LOCUM_PATH_MAX + 1], last[LOCUM_PATH_MAX + 1];
    char open[LOCUM_PATH_MAX + 1], lock[LOCUM_PATH_MAX + 1], folder[LOCUM_PATH_MAX + 1];
    int lock_fd;      /* -1 */
    struct stat seen; /* of path, as it was left or last looked at; st_ino 0: there was none */
};

/* All below: 0, or a code and the reason, with the path, in *ret_why. */

/* Names, and nothing touched; fini() gives up the lock. */
void locum_nsd_files_init(struct locum_nsd_files *self, const char *zonefile);
void locum_nsd_files_fini(struct locum_nsd_files *self);

/* Become the one adapter. LOCUM_ERR_IN_USE: another one is (its process id is told). */
int locum_nsd_files_lock(struct locum_nsd_files *self, struct locum_text *ret_why) LOCUM_MUST_CHECK;

/* The process that holds the lock; 0: nobody. */
pid_t locum_nsd_files_holder(const struct locum_nsd_files *self);

/* A whole file; LOCUM_ERR_NOT_FOUND if there is none. *ret: NUL-terminated, the caller's. */
int locum_nsd_files_read(const char *path, char **ret, size_t *ret_length,
                         struct locum_text *ret_why) LOCUM_MUST_CHECK;

/* Write `fresh`, down to the disk. On failure it is gone. */
int locum_nsd_files_write(struct locum_nsd_files *self, const char *text,
                          struct locum_text *ret_why) LOCUM_MUST_CHECK;

/* fresh -> path; keep: what path was -> last. */
int locum_nsd_files_place(struct locum_nsd_files *self, bool keep,
                          struct locum_text *ret_why) LOCUM_MUST_CHECK;

/* A new mtime for path. */
void locum_nsd_files_touch(struct locum_nsd_files *self);

/* Has another hand changed path since it was left or asked for the last time? */
bool locum_nsd_files_changed(struct locum_nsd_files *self);

/* Replace `open`. */
int locum_nsd_files_keep_open(struct locum_nsd_files *self, const char *text,
                              struct locum_text *ret_why) LOCUM_MUST_CHECK;

#endif
