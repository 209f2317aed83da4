/*
 * dump: a recording of a real daemon (`locum dump`), replayed through the same core. What it
 * decided is printed, and that it is what the daemon had decided.
 */
#ifndef LOCUM_TESTS_SIM_DUMP_H
#define LOCUM_TESTS_SIM_DUMP_H

#include <stdbool.h>
#include <stdio.h>

#include "base/slice.h"

/* Now and then each core goes on from its own snapshot (daemon/snapshot), which must change
 * nothing. */
extern bool sim_snapshots;

/* The text is a dump, good or bad. */
bool sim_dump_is(struct locum_slice text);

/*
 * Replay it.
 *
 * out  what happened, and at the end how much; errors: what is wrong, with the number of the line.
 * 0; 1: the core decided otherwise than was recorded; 2: the text is malformed.
 */
int sim_dump_replay(struct locum_slice text, FILE *out, FILE *errors);

#endif
