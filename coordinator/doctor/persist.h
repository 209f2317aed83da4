/*
 * persist: asks each name server of a zone for the records of acme.persist. To be called after
 * walk.h, which has found the servers.
 */
#ifndef LOCUM_DOCTOR_PERSIST_H
#define LOCUM_DOCTOR_PERSIST_H

#include "doctor/walk.h"

enum { LOCUM_DOCTOR_PERSIST_QUESTIONS_MAX = 512 }; /* of one zone */

/* Fill zone->persist for zone number `zone` of the configuration. 0 or LOCUM_ERR_MEMORY. */
int locum_doctor_persist_ask(const struct locum_doctor_options *options,
                             const struct locum_config *config, size_t zone,
                             struct locum_doctor_zone *ret) LOCUM_MUST_CHECK;

#endif
