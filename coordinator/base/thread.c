#include "base/thread.h"

#include <signal.h>

#include "base/error.h"

/* Threads of dns/ keep their buffers, about 200 KiB, on the stack; the default may be less. */
enum { STACK_BYTES = 1024 * 1024 };

int
locum_thread_start(pthread_t *ret, const char *name, void *(*run)(void *), void *argument)
{
    pthread_t thread;
    pthread_attr_t attributes;
    sigset_t all;
    sigset_t before;
    if (pthread_attr_init(&attributes) != 0) {
        return LOCUM_ERR_IO;
    }
    pthread_attr_setstacksize(&attributes, STACK_BYTES);
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    const int failed = pthread_create(&thread, &attributes, run, argument);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    if (failed != 0) {
        return LOCUM_ERR_IO;
    }
    pthread_setname_np(thread, name);
    *ret = thread;
    return 0;
}
