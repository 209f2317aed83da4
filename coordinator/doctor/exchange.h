/*
 * exchange: questions to name servers, all of them at the same time.
 *
 * Each question has a socket, an id and a port of its own, and a deadline. By UDP it is sent twice.
 * Blocks for at most LOCUM_DOCTOR_EXCHANGE_MS per LOCUM_DOCTOR_EXCHANGES_MAX questions.
 */
#ifndef LOCUM_DOCTOR_EXCHANGE_H
#define LOCUM_DOCTOR_EXCHANGE_H

#include "doctor/reply.h"

enum {
    LOCUM_DOCTOR_EXCHANGES_MAX = 64, /* open at the same time */
    LOCUM_DOCTOR_EXCHANGE_MS = 2000,
    LOCUM_DOCTOR_EDNS_BYTES = 1232, /* the size that DNS flag day 2020 recommends */
};

/* A reply as it came. */
struct locum_doctor_message {
    size_t length; /* 0: none has */
    uint8_t bytes[LOCUM_DOCTOR_REPLY_BYTES_MAX];
};

struct locum_doctor_question {
    struct locum_address to; /* with port */
    const char *name;        /* absolute, lower case; borrowed */
    enum locum_doctor_type type;
    bool recursion; /* desired */
    bool tcp;
    bool edns;                            /* of LOCUM_DOCTOR_EDNS_BYTES */
    bool padded;                          /* the question is that long */
    bool dnssec;                          /* with EDNS, and DO */
    bool unchecked;                       /* with CD: the client validates itself */
    struct locum_doctor_message *message; /* set if it is answered; borrowed; NULL */
    struct locum_doctor_reply *ret;       /* the result; borrowed */
};

/* Ask. Returns 0 or LOCUM_ERR_MEMORY; then no result is set. */
int locum_doctor_exchange(const struct locum_doctor_question *questions,
                          size_t count) LOCUM_MUST_CHECK;

#endif
