/*
 * state: what must survive a restart, in one text file a cluster (STATE-DIR/CLUSTER.state), one
 * `key value` a line:
 *
 *   incarnation 1763863200123      serial 1763863258       boot-id 0b8e...
 *   admin drain                    until-boot-ms 8123000   left-ms 1500000
 *   reason moving the rack         excluded dc4
 *   node dc2                       down dc3=8100000,dc4=8122000
 *
 * Of the conditions of peers it holds only since when (boot clock) they are confirmed down, for a
 * restart in the same boot (COND-14). A thread of its own writes it, so that a slow disk never
 * stops the loop; every 2 s it looks at the configuration file too. If the state cannot be written,
 * a warning says so, DNS answers go on, and the write is retried.
 */
#ifndef LOCUM_DAEMON_STATE_H
#define LOCUM_DAEMON_STATE_H

#include "config/config.h"
#include "core/step.h"
#include "daemon/ondisk.h"

enum {
    LOCUM_STATE_BYTES_MAX = 8192,
    LOCUM_STATE_PATH_MAX = LOCUM_PATH_MAX + LOCUM_CLUSTER_NAME_MAX + 32,
};

/* STATE-DIR/CLUSTER and a suffix such as ".state". */
void locum_state_path(const struct locum_config *config, const char *suffix,
                      char ret[LOCUM_STATE_PATH_MAX]);

/* Append the file's text. Control characters in the reason become blanks. */
void locum_state_add(struct locum_text *text, const struct locum_config *config,
                     const struct locum_saved *saved, uint32_t serial, struct locum_now now);

/*
 * Read what the last run saved. A lease of the same boot ends when it was to end; after a reboot
 * the time that was left of it counts from now. Peers that are no longer configured are skipped.
 * What was down counts only if the file is of this boot and this node.
 *
 * No file: all zero, 0. A file that cannot be read or understood: what could be read of it, the
 * error, and *ret_why says what is wrong; a malformed file is kept as FILE.broken.
 * 0, LOCUM_ERR_DENIED, LOCUM_ERR_INVALID, LOCUM_ERR_IO.
 */
int locum_state_load(const struct locum_config *config, struct locum_now now,
                     struct locum_saved *ret_saved, uint32_t *ret_serial,
                     struct locum_text *ret_why) LOCUM_MUST_CHECK;

struct locum_state_writer;

/* Start the thread. 0, LOCUM_ERR_MEMORY, LOCUM_ERR_IO. */
int locum_state_writer_create(const struct locum_config *config,
                              struct locum_state_writer **ret) LOCUM_MUST_CHECK;

/* Have this written soon; the newest one wins. Never blocks on a disk. */
void locum_state_writer_put(struct locum_state_writer *self, const struct locum_config *config,
                            const struct locum_saved *saved, uint32_t serial, struct locum_now now);

/* True if the last try failed; then *ret_why says why and what to do. */
bool locum_state_writer_error(struct locum_state_writer *self, struct locum_text *ret_why);

/*
 * The first error of the configuration file, if the next start would refuse it as it is on the disk
 * now (ondisk.h); "" if it is good.
 */
void locum_state_writer_refused(struct locum_state_writer *self,
                                char ret_error[LOCUM_ONDISK_BYTES_MAX]);

/* When it last wrote the file, mono; LOCUM_NEVER. */
locum_ms locum_state_writer_written(struct locum_state_writer *self);

/* Write what is still to be written, waiting at most about a second; end the thread, free. NULL is
 * fine. */
void locum_state_writer_destroy(struct locum_state_writer *self);

#endif
