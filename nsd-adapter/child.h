/*
 * child: run one of NSD's programs (nsd-checkzone, nsd-checkconf) with a time limit and keep what
 * it prints. The loop does not wait for it (base/process.h).
 */
#ifndef LOCUM_NSD_ADAPTER_CHILD_H
#define LOCUM_NSD_ADAPTER_CHILD_H

#include <event2/event.h>

#include "base/text.h"

enum { LOCUM_NSD_CHILD_MS = 10000, LOCUM_NSD_OUTPUT_MAX = 4096 };

/* env(1) searches the PATH of base/process.h. */
#define LOCUM_NSD_ENV "/usr/bin/env"

struct locum_nsd_child;

/*
 * The program has ended, and the child is destroyed already.
 *
 * ok      it ended with exit code 0.
 * output  what it printed, or why it could not be run; borrowed.
 */
typedef void locum_nsd_child_fn(void *user, bool ok, const char *output);

/*
 * Start a program. on_done is called later, from the loop.
 *
 * argv  as in locum_process_start(). LOCUM_NSD_ENV as argv[0] finds a program where NSD's programs
 *       are, or prints that there is none.
 * Returns 0, LOCUM_ERR_MEMORY or LOCUM_ERR_IO.
 */
int locum_nsd_child_start(struct event_base *base, const char *const *argv,
                          locum_nsd_child_fn *on_done, void *user,
                          struct locum_nsd_child **ret) LOCUM_MUST_CHECK;

/* Kill the program, and do not call on_done. NULL is fine. */
void locum_nsd_child_destroy(struct locum_nsd_child *self);

/*
 * Run a program and wait for its end. Only before the loop runs.
 *
 * ret_output  what it printed, or why it failed; of LOCUM_NSD_OUTPUT_MAX bytes.
 * Returns 0, LOCUM_ERR_REFUSED (another exit code), or as above.
 */
int locum_nsd_child_wait(const char *const *argv,
                         char ret_output[LOCUM_NSD_OUTPUT_MAX]) LOCUM_MUST_CHECK;

#endif
