/*
 * judge: facts -> findings. Pure: no clock, no I/O. What could not be asked is no finding; it is
 * listed as not examined.
 */
#ifndef LOCUM_DOCTOR_JUDGE_H
#define LOCUM_DOCTOR_JUDGE_H

#include "doctor/facts.h"
#include "doctor/finding.h"

enum {
    LOCUM_DOCTOR_CERTIFICATE_DAYS = 14, /* a certificate should have been renewed by then */
    LOCUM_DOCTOR_CLOCK_S = 5,
    LOCUM_DOCTOR_SIGNATURES_S = 24 * 60 * 60, /* that much is left, and of `refresh` all but that */
    LOCUM_DOCTOR_ROUND_TRIPS_MAX = 3,
};

/* All of it. `ret` is empty at the call. */
void locum_doctor_judge(const struct locum_doctor_facts *facts, struct locum_doctor_findings *ret);

/* Parts of it: the web servers, and what the own daemon says of the nodes (judge_nodes.c). */
void locum_doctor_judge_web(const struct locum_doctor_facts *facts,
                            struct locum_doctor_findings *ret);
void locum_doctor_judge_dnssec(const struct locum_doctor_facts *facts,
                               struct locum_doctor_findings *ret); /* judge_dnssec.c */
void locum_doctor_judge_nodes(const struct locum_doctor_facts *facts,
                              struct locum_doctor_findings *ret);

/* "dc2.example.org. (192.0.2.12)" */
struct locum_doctor_judge_text {
    char text[LOCUM_DOCTOR_SUBJECT_MAX + 1];
};
struct locum_doctor_judge_text locum_doctor_judge_place(const char *name,
                                                        const struct locum_address *address);

/*
 * The round trips from the first question to the parent until the answer, for a resolver that knows
 * the parent's servers only. 0: not known.
 */
unsigned locum_doctor_judge_round_trips(const struct locum_doctor_zone *zone);

#endif
