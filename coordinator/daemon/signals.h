/*
 * signals: those that the daemon handles, and when they wait.
 */
#ifndef LOCUM_DAEMON_SIGNALS_H
#define LOCUM_DAEMON_SIGNALS_H

/* In this order. From RELOAD on, none may end a start. */
enum locum_signal {
    LOCUM_SIGNAL_TERM,
    LOCUM_SIGNAL_INT,
    LOCUM_SIGNAL_RELOAD,
    LOCUM_SIGNAL_REPLACE,
    LOCUM_SIGNAL_CHILD,
    LOCUM_SIGNALS,
};

/* Their numbers. */
extern const int locum_signals[LOCUM_SIGNALS];

/* From this one on they stay pending; they would be lost between two handlers. */
void locum_signals_hold(enum locum_signal first);

/* They are delivered, all of them. */
void locum_signals_release(void);

#endif
