/*
 * dnssec: asks the parent for the DS of a zone, each name server for what is signed, and the
 * resolvers whether they accept it. To be called after walk.h, which has found the servers.
 *
 * A zone that is neither signed by the configuration nor has a DS is only asked for its DS.
 */
#ifndef LOCUM_DOCTOR_DNSSEC_H
#define LOCUM_DOCTOR_DNSSEC_H

#include "doctor/exchange.h"
#include "doctor/walk.h"

enum {
    LOCUM_DOCTOR_KEYS_MAX = 32,       /* DNSKEY records that are read of a reply */
    LOCUM_DOCTOR_SIGNATURES_MAX = 32, /* that are verified of a set */
    LOCUM_DOCTOR_CHAIN_MAX = 128,     /* NSEC records that are compared */
};

/* Fill zone->dnssec for zone number `zone` of the configuration, if there is something to judge.
 * now_s: seconds since 1970. 0 or LOCUM_ERR_MEMORY. */
int locum_doctor_dnssec_ask(const struct locum_doctor_options *options,
                            const struct locum_config *config, size_t zone, int64_t now_s,
                            struct locum_doctor_zone *ret) LOCUM_MUST_CHECK;

/*
 * Read what one name server has answered; any bytes.
 *
 * messages  to the questions of enum locum_doctor_signed_set; of length 0: not answered.
 * zone      absolute, lower case.
 * ds        that the parent has.
 */
void locum_doctor_dnssec_read(const struct locum_doctor_message messages[LOCUM_DOCTOR_SIGNED_SETS],
                              const char *zone, const struct locum_ds_answer *ds, int64_t now_s,
                              struct locum_doctor_signed *ret);

/* Read the NSEC record of a name, mix it into a digest, and find the next name, absolute and in
 * lower case. False: there is none. */
bool locum_doctor_dnssec_read_nsec(const struct locum_doctor_message *message, const char *name,
                                   uint8_t chain[32], char ret_next[LOCUM_DOMAIN_MAX + 1]);

/* Read the DS that a server of the parent has answered. False: it does not tell. */
bool locum_doctor_dnssec_read_ds(const struct locum_doctor_message *message, const char *zone,
                                 struct locum_ds_answer *ret);

#endif
