/*
 * invariant: assertions that stay on in release.
 *
 * They guard what this program itself promises, never what comes from the wire, a file, Redis, NSD
 * or an operator: that is an error path. Pure, so that core/ may use it.
 */
#ifndef LOCUM_BASE_INVARIANT_H
#define LOCUM_BASE_INVARIANT_H

/* Stops the program at once (systemd restarts it within 100 ms) if `holds` is false. */
#define LOCUM_INVARIANT(holds)                                                                     \
    do {                                                                                           \
        if (!(holds)) {                                                                            \
            __builtin_trap();                                                                      \
        }                                                                                          \
    } while (0)

/* On every function whose result must not be ignored. */
#define LOCUM_MUST_CHECK __attribute__((warn_unused_result))

#define LOCUM_COUNT(array) (sizeof(array) / sizeof((array)[0]))

#endif
