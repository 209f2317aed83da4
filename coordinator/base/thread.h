/*
 * thread: start a thread. Work that could block the loop is done by another thread.
 */
#ifndef LOCUM_BASE_THREAD_H
#define LOCUM_BASE_THREAD_H

#include <pthread.h>

#include "base/invariant.h"

/*
 * Start a joinable thread with all signals blocked (the main thread alone handles them).
 *
 * name  at most 15 characters, as ps -L and gdb show it.
 * 0 or LOCUM_ERR_IO.
 */
int locum_thread_start(pthread_t *ret, const char *name, void *(*run)(void *),
                       void *argument) LOCUM_MUST_CHECK;

#endif
