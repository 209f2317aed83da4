/*
 * state: what must survive a restart, in one text file a cluster (STATE-DIR/CLUSTER.state), one
 * `key value` a line:
 *
 *   incarnation 1763863200123      serial 1763863258       boot-id 0b8e...
 *   admin drain                    until-boot-ms 8123000   left-ms 1500000
 *   reason moving the rack         excluded dc4
 *
 * What a restart in the same boot continues with (core/resume.h) is in a file of its own beside the
 * control socket, below /run: CONTROL-SOCKET.run. Beside that are the history (report/history.h)
 * and the values of ACME challenges (acme.h): CONTROL-SOCKET.history and CONTROL-SOCKET.acme.
 *
 * What is remembered of DNSSEC keys, with their private halves, is in STATE-DIR/CLUSTER.keys
 * (dns/keymemory.h).
 *
 * A thread of its own writes the state file, so that a slow disk never stops the loop; every 2 s it
 * looks at the configuration file too. What is in memory (tmpfs, as /run is) no disk can delay:
 * there the loop itself writes CONTROL-SOCKET.run and CONTROL-SOCKET.acme, so that a new plan is
 * never published, and no value is acknowledged, before the state that it follows from is kept;
 * elsewhere the thread does that too. If one cannot be written,
 * a warning says so, DNS answers go on, and the write is retried.
 *
 *   state.c  the files   state_writer.c  the thread
 */
#ifndef LOCUM_DAEMON_STATE_H
#define LOCUM_DAEMON_STATE_H

#include "config/config.h"
#include "core/resume.h"
#include "daemon/fallback.h"
#include "daemon/ondisk.h"
#include "dns/signkeep.h"
#include "report/history.h"

enum {
    LOCUM_STATE_BYTES_MAX = 8192,
    LOCUM_STATE_ACME_BYTES_MAX = LOCUM_HISTORY_BYTES_MAX, /* 9 full documents of challenges */
    LOCUM_STATE_PATH_MAX = LOCUM_PATH_MAX + LOCUM_CLUSTER_NAME_MAX + 32,
};

/* The id of this boot; "" if the kernel does not give it. */
void locum_state_boot_id(char ret[LOCUM_BOOT_ID_MAX + 1]);

/*
 * Read the state of the last run into `buffer`; *ret is empty if there is none.
 *
 * 0, also if there is no file; else an error as of locum_file_read_private(), and *ret_why names
 * the file and the reason.
 */
int locum_state_load_run(const struct locum_config *config, char buffer[LOCUM_RESUME_BYTES_MAX],
                         struct locum_slice *ret, struct locum_text *ret_why) LOCUM_MUST_CHECK;

/* The same of the history, for locum_history_load(). */
int locum_state_load_history(const struct locum_config *config,
                             char buffer[LOCUM_HISTORY_BYTES_MAX], struct locum_slice *ret,
                             struct locum_text *ret_why) LOCUM_MUST_CHECK;

/* The same of ACME challenges (acme.c): below /run, or in the state folder. */
int locum_state_load_acme(const struct locum_config *config, bool run,
                          char buffer[LOCUM_STATE_ACME_BYTES_MAX], struct locum_slice *ret,
                          struct locum_text *ret_why) LOCUM_MUST_CHECK;

/* CONTROL-SOCKET and a suffix such as ".run". */
void locum_state_run_path(const struct locum_config *config, const char *suffix,
                          char ret[LOCUM_STATE_PATH_MAX]);

/* STATE-DIR/CLUSTER and a suffix such as ".state". */
void locum_state_path(const struct locum_config *config, const char *suffix,
                      char ret[LOCUM_STATE_PATH_MAX]);

/* Append the file's text. Control characters in the reason become blanks. */
void locum_state_add(struct locum_text *text, const struct locum_config *config,
                     const struct locum_saved *saved, uint32_t serial, struct locum_now now);

/*
 * Read what the last run saved. A lease of the same boot ends when it was to end; after a reboot
 * the time that was left of it counts from now. Peers that are no longer configured are skipped.
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

/*
 * The same for the state of this run, a text of locum_core_save() that was not truncated. If its
 * folder is in memory, it is written when this returns, or locum_state_writer_lacks_run().
 */
void locum_state_writer_put_run(struct locum_state_writer *self, const struct locum_text *text);

/* The same for the history, a text of locum_history_save(), soon and always by the thread. */
void locum_state_writer_put_history(struct locum_state_writer *self, const struct locum_text *text);

/* The same for the values of ACME challenges, and soon also in the state folder, for a boot; a
 * failure is tried again by the next change. */
void locum_state_writer_put_acme(struct locum_state_writer *self, const struct locum_text *text);

/*
 * Protect these signatures (dns/signkeep.h) with a copy of the key, and write them to
 * STATE-DIR/CLUSTER.signatures, soon and always by the thread. The bytes are taken.
 */
void locum_state_writer_put_signatures(struct locum_state_writer *self, char *bytes, size_t length,
                                       const struct locum_hmac_key *key);

/* The same for what is remembered of DNSSEC keys: it takes the bytes of locum_keymemory_save(). */
void locum_state_writer_put_keys(struct locum_state_writer *self, char *bytes, size_t length);

/* The last ones are not on the disk yet. */
bool locum_state_writer_lacks_keys(struct locum_state_writer *self);

/* The last locum_state_writer_put_run() has failed, and nothing but another one will try again. */
bool locum_state_writer_lacks_run(struct locum_state_writer *self);

/* True if the last try failed; then *ret_why says why and what to do. */
bool locum_state_writer_error(struct locum_state_writer *self, struct locum_text *ret_why);

/*
 * This configuration has taken effect. Keep it for a later start (fallback.h), unless it is such a
 * kept one itself, and look at its files from now on.
 *
 * refused  the first error of its file; "": it is good.
 */
void locum_state_writer_keep(struct locum_state_writer *self, const struct locum_config *config,
                             const char *refused);

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
