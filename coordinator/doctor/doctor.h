/*
 * doctor: compares the delegation and what the nodes serve with the configuration, for `locum
 * doctor`. A process of its own; of the daemon it only reads.
 *
 *   walk (DNS), web (HTTP), nodes (daemon) -> facts -> judge -> findings -> text or JSON
 */
#ifndef LOCUM_DOCTOR_DOCTOR_H
#define LOCUM_DOCTOR_DOCTOR_H

#include <stdio.h>

#include "doctor/facts.h"
#include "doctor/finding.h"
#include "doctor/walk.h"

/*
 * Ask everything.
 *
 * zone  number of a zone; LOCUM_ZONES_MAX: all.
 * ret   the caller calls locum_doctor_facts_fini(), also after an error.
 * Returns 0, LOCUM_ERR_MEMORY or LOCUM_ERR_INVALID (locum_delegation_make()).
 */
int locum_doctor_examine(const struct locum_config *config, size_t zone,
                         const struct locum_doctor_options *options,
                         struct locum_doctor_facts *ret) LOCUM_MUST_CHECK;
void locum_doctor_facts_fini(struct locum_doctor_facts *self);

/* Print the findings for people. */
void locum_doctor_print(const struct locum_doctor_facts *facts,
                        const struct locum_doctor_findings *findings, FILE *out);

/* Print one object, as locum(8) says. 0 or LOCUM_ERR_MEMORY. */
int locum_doctor_print_json(const struct locum_doctor_facts *facts,
                            const struct locum_doctor_findings *findings,
                            FILE *out) LOCUM_MUST_CHECK;

#endif
