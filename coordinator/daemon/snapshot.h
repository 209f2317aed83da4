/*
 * snapshot: the whole state of a core as text, and back, so that a recording (record.h) can begin
 * at any moment and be replayed exactly. Unlike the text that a run leaves for the next one
 * (resume.h) nothing is left out and no time is shifted. Pure.
 *
 * The text is lines of fields: `config`, `node`, `name`, `check`, `core`, `view`, `sent`, `peer`
 * ..., the last is `end`. It belongs to one version of the program and holds no secret: the core
 * knows none.
 */
#ifndef LOCUM_DAEMON_SNAPSHOT_H
#define LOCUM_DAEMON_SNAPSHOT_H

#include "core/step.h"

/* Enough for the largest core. */
enum { LOCUM_SNAPSHOT_BYTES_MAX = 192 * 1024 };

/* Right after a commit, locum_core_init(), locum_core_resume() or locum_core_reconfigure(). Changes
 * nothing in the core. */
void locum_snapshot_write(struct locum_text *text, struct locum_core *core);

/*
 * Read a text up to its line `end`; *rest is then what follows. What comes from others is checked:
 * every number is within its range. False: it is malformed; *ret is then not to be used, and *rest
 * begins with the line that is wrong.
 */
bool locum_snapshot_read(struct locum_slice *rest, struct locum_core *ret) LOCUM_MUST_CHECK;

#endif
