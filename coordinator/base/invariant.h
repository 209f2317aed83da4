/*
 * invariant: assertions that stay on in release.
 *
 * They guard what this program itself promises, never what comes from the wire, a file, Redis, NSD
 * or an operator: that is an error path. This header is pure, so that core/ may use it.
 */
#ifndef LOCUM_BASE_INVARIANT_H
#define LOCUM_BASE_INVARIANT_H

#define LOCUM_STRING_OF(token) #token
#define LOCUM_LINE_TEXT(line)  LOCUM_STRING_OF(line)

/*
 * If `holds` is false: print file, line and expression, and stop the program at once (systemd
 * restarts it within 100 ms). `holds` must do no work and have no side effect.
 */
#define LOCUM_INVARIANT(holds)                                                                     \
    do {                                                                                           \
        if (!(holds)) {                                                                            \
            locum_invariant_failed(__FILE__ ":" LOCUM_LINE_TEXT(__LINE__) ": " #holds);            \
        }                                                                                          \
    } while (0)

/* Print the message to standard error with write(2) alone, and trap. Safe in a signal handler. */
void locum_invariant_failed(const char *message) __attribute__((noreturn, cold));

/* On every function whose result must not be ignored. */
#define LOCUM_MUST_CHECK __attribute__((warn_unused_result))

#define LOCUM_COUNT(array) (sizeof(array) / sizeof((array)[0]))

#endif
