/*
 * answer: judge what a web server answered. Pure. In: status, body and the target of a redirect.
 * Out: the outcome and a text for people. Used by http.c and command.c.
 */
#ifndef LOCUM_HEALTH_ANSWER_H
#define LOCUM_HEALTH_ANSWER_H

#include "health/probe.h"

struct locum_http_answer {
    long code;
    locum_ms took_ms;
    struct locum_slice body; /* the part that was read */
    const char *location;    /* the URL that it redirects to; NULL: not a redirect */
};

/* The outcome, and its text: "302 in 2 ms to http://m1.example.org/f", "503 in 3 ms, expected 200".
 */
enum locum_sample locum_answer_judge(const struct locum_config_check *check,
                                     const struct locum_http_answer *answer,
                                     struct locum_text *text);

#endif
