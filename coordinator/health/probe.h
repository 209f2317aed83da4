/*
 * probe: the interface of the kinds of checks: http.c, tcp.c, tls.c, command.c. Used inside health/
 * only.
 *
 * A kind is a file with its struct locum_probe_kind; health.c has the table of kinds.
 */
#ifndef LOCUM_HEALTH_PROBE_H
#define LOCUM_HEALTH_PROBE_H

#include <event2/event.h>

#include "base/resolver.h"
#include "config/config.h"
#include "core/service.h"
#include "fetch/loop.h"
#include "fetch/name.h"
#include "health/health.h"

/* Room for an outcome's text for people, the NUL included. */
enum { LOCUM_PROBE_TEXT_MAX = 256 };

/* A probe has ended; `text` is borrowed. Of one that could not be run it says what this machine
 * lacks. Start the next probe from a timer, not from here. */
typedef void locum_probe_fn(void *user, enum locum_sample outcome, const char *text);

/* What every check needs; owned by health.c, borrowed by the check until it is destroyed. */
struct locum_probe {
    struct event_base *base;
    struct locum_fetch_loop *fetch; /* of all transfers (transfer.h) */
    struct locum_resolver *names;   /* host names that http checks connect to */
    const char *agent;              /* the User-Agent header */
    const struct locum_config *config;
    const struct locum_config_check *check; /* of it */
    locum_probe_fn *on_done;
    void *user;
    locum_ms started; /* mono time at which the last probe started */
};

struct locum_probe_kind {
    /* Prepare a check; nothing is sent or run yet. NULL: no memory. */
    void *(*create)(const struct locum_probe *probe);
    /* Start one probe; none may be running. on_done may run before this returns. */
    void (*start)(void *check);
    /* Cancel a running probe, without on_done, and free the check. */
    void (*destroy)(void *check);
    /* The certificates that it has looked at; NULL: this kind looks at none. */
    size_t (*certificates)(const void *check, const struct locum_health_certificate **ret);
};
extern const struct locum_probe_kind locum_probe_http, locum_probe_tcp, locum_probe_tls,
    locum_probe_command;

/* The addresses of a host name, or its error, changed: an http check may have waited for it. */
void locum_probe_names_changed(void *check);

/* What a web server answered. */
struct locum_probe_answer {
    long code;
    locum_ms took_ms;
    struct locum_slice body; /* the part that was read */
    const char *location;    /* the URL that it redirects to; NULL: not a redirect */
};

/* Judge it (answer.c); pure. The outcome, and its text: "302 in 2 ms to http://m1.example.org/f",
 * "503 in 3 ms, expected 200".
 */
enum locum_sample locum_probe_judge_answer(const struct locum_config_check *check,
                                           const struct locum_probe_answer *answer,
                                           struct locum_text *text);

/*
 * A failure is one of the service, unless locum_error_is_lack() or this table (lack.c) says that
 * this machine could not make the request: then the outcome is LOCUM_SAMPLE_NOT_RUN.
 */

/* When a result of libcurl means that. */
enum locum_probe_lack {
    LOCUM_LACK_NONE, /* never: the service failed */
    LOCUM_LACK_ALWAYS,
    LOCUM_LACK_WITHOUT_ANSWER,     /* if no byte of an answer has come */
    LOCUM_LACK_WITHOUT_SOCKET,     /* if socket(2) failed with an errno of the table */
    LOCUM_LACK_WITHOUT_DESCRIPTOR, /* if no descriptor is left */
};
enum locum_probe_lack locum_probe_lack_of(CURLcode result);

#endif
