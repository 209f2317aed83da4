/*
 * answer: is what a web server answered what the check wants? Pure: status, body and the target of
 * a redirect in; outcome and a text for people out. Used by http.c only.
 */
#ifndef LOCUM_HEALTH_ANSWER_H
#define LOCUM_HEALTH_ANSWER_H

#include "health/probe.h"

struct locum_http_answer {
    long code;
    locum_ms took_ms;
    struct locum_slice body; /* as much of it as was read */
    const char *location;    /* the URL that it redirects to; NULL: it is no redirect */
};

/* The outcome, and its text: "302 in 2 ms to http://m1.example.org/f", "503 in 3 ms, expected 200".
 */
enum locum_sample locum_answer_judge(const struct locum_config_check *check,
                                     const struct locum_http_answer *answer,
                                     struct locum_text *text);

/* Append at most `max` characters, what is not printable ASCII as '?'. */
void locum_answer_add_printable(struct locum_text *text, struct locum_slice foreign, size_t max);

#endif
