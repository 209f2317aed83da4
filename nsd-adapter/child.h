/*
 * child: one of NSD's programs (nsd-checkzone, nsd-checkconf), run by a thread of its own
 * (base/process.h) with a time limit; what it prints is kept. The loop never waits for it.
 */
#ifndef LOCUM_NSD_ADAPTER_CHILD_H
#define LOCUM_NSD_ADAPTER_CHILD_H

#include <event2/event.h>

#include "base/text.h"

enum { LOCUM_NSD_CHILD_MS = 10000, LOCUM_NSD_OUTPUT_MAX = 4096 };

struct locum_nsd_child;

/* It ended: exit code 0 is ok. `output` is what it printed, or why it could not be run; borrowed.
 * The child is gone already. */
typedef void locum_nsd_child_fn(void *user, bool ok, const char *output);

/*
 * Begin. on_done comes from the loop, never from here.
 *
 * argv  ended by NULL; argv[0] without a folder is looked for where NSD's programs are.
 * 0, LOCUM_ERR_NOT_FOUND (no such program), LOCUM_ERR_RANGE (too long), LOCUM_ERR_MEMORY,
 * LOCUM_ERR_IO.
 */
int locum_nsd_child_start(struct event_base *base, const char *const *argv,
                          locum_nsd_child_fn *on_done, void *user,
                          struct locum_nsd_child **ret) LOCUM_MUST_CHECK;

/* Killed, without a word to on_done. NULL is fine. */
void locum_nsd_child_destroy(struct locum_nsd_child *self);

/*
 * Run one to its end and wait for it: for the time before the loop turns.
 *
 * ret_output  what it printed; on failure why, too. Its size is LOCUM_NSD_OUTPUT_MAX.
 * 0, LOCUM_ERR_REFUSED (another exit code), or as above.
 */
int locum_nsd_child_wait(const char *const *argv,
                         char ret_output[LOCUM_NSD_OUTPUT_MAX]) LOCUM_MUST_CHECK;

#endif
