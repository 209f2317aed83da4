#include "daemon/signals.h"

#include <pthread.h>
#include <signal.h>
#include <stddef.h>

const int locum_signals[LOCUM_SIGNALS] = {
    [LOCUM_SIGNAL_TERM] = SIGTERM,  [LOCUM_SIGNAL_INT] = SIGINT,
    [LOCUM_SIGNAL_RELOAD] = SIGHUP, [LOCUM_SIGNAL_REPLACE] = SIGUSR2,
    [LOCUM_SIGNAL_CHILD] = SIGCHLD,
};

static void
mask(int how, size_t first)
{
    sigset_t set;
    sigemptyset(&set);
    for (size_t i = first; i < LOCUM_SIGNALS; i++) {
        sigaddset(&set, locum_signals[i]);
    }
    (void)pthread_sigmask(how, &set, NULL);
}

void
locum_signals_hold(enum locum_signal first)
{
    mask(SIG_BLOCK, first);
}

void
locum_signals_release(void)
{
    mask(SIG_UNBLOCK, 0);
}
