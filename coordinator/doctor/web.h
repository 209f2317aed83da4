/*
 * web: asks every name over HTTP(S) from every server that may have to answer for it, with the name
 * as Host and SNI.
 *
 * The URL is that of each http check with its host replaced by the name. A check on another port
 * than 80 or 443 of a loopback address is left out: what it asks is not what visitors ask. Without
 * any check it is http://NAME/, or the file of a mirrorbits check there.
 */
#ifndef LOCUM_DOCTOR_WEB_H
#define LOCUM_DOCTOR_WEB_H

#include "doctor/walk.h"

enum {
    LOCUM_DOCTOR_TARGETS_MAX = 4, /* different URLs */
    LOCUM_DOCTOR_FETCHES_MAX = 4096,
};

/* What is asked of each name. */
struct locum_doctor_target {
    char url[LOCUM_STRING_MAX + 1];         /* with NAME as its host */
    const struct locum_config_check *check; /* it comes from; NULL: none */
    bool head;                              /* the method is HEAD, not GET */
};

/* Find them. url: as in struct locum_doctor_options. Returns how many. */
size_t locum_doctor_web_targets(const struct locum_config *config, const char *url,
                                struct locum_doctor_target ret[LOCUM_DOCTOR_TARGETS_MAX]);

/*
 * Ask, and add to facts->fetches. Blocks, at most 5 s for 64 requests.
 *
 * zone  only names of this zone; LOCUM_ZONES_MAX: of all.
 * Returns 0 or LOCUM_ERR_MEMORY.
 */
int locum_doctor_web_ask(const struct locum_doctor_options *options,
                         const struct locum_config *config, size_t zone,
                         struct locum_doctor_facts *facts) LOCUM_MUST_CHECK;

#endif
