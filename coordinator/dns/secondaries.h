/*
 * secondaries: NOTIFY (RFC 1996) to the secondaries of each zone, after each change of its serial.
 *
 * A message has the SOA record in its answer section, and is signed with the first key of the
 * zone's key file (RFC 8945). It goes by UDP, from an address of listen.dns if there is one of the
 * same family, because a secondary knows its primaries by their addresses. Without an answer it is
 * sent again, after about 1, 2, 4, ... 60 seconds, LOCUM_SECONDARIES_TRIES times in all; the next
 * serial begins again. Each message has a socket of its own until its answer comes. If more than
 * LOCUM_SECONDARIES_SOCKETS_MAX wait, the others wait for an answer, or 0.4 s. Main thread only;
 * nothing waits, and answers have gone to the workers before.
 */
#ifndef LOCUM_DNS_SECONDARIES_H
#define LOCUM_DNS_SECONDARIES_H

#include "config/config.h"
#include "dns/tsig.h"

enum {
    LOCUM_SECONDARIES_TRIES = 8,        /* about two minutes */
    LOCUM_SECONDARIES_SPACING_MS = 200, /* between two messages to one secondary */
    LOCUM_SECONDARIES_SOCKETS_MAX = 64, /* part of LOCUM_DESCRIPTORS_OWN */
    LOCUM_SECONDARIES_SHOWN_MAX = 3,    /* addresses in a message */
    /* Header, question, SOA record with two more names, signature. */
    LOCUM_SECONDARIES_MESSAGE_MAX = 12 + 259 + 12 + 2 * 255 + 20 + LOCUM_TSIG_BYTES_MAX,
};

struct event_base;
struct locum_secondaries;

/* Since the start. */
struct locum_secondaries_counts {
    uint64_t sent;         /* messages */
    uint64_t acknowledged; /* serials that a secondary has confirmed */
    uint64_t unanswered;   /* serials that were given up */
    size_t silent;         /* secondaries that have not confirmed the serial they were sent last */
    /* The addresses of those whose last serial was given up; "": none. */
    char failed[LOCUM_SECONDARIES_SHOWN_MAX * (LOCUM_ADDRESS_TEXT_MAX + 2) + 16];
};

/* base: borrowed. 0 or LOCUM_ERR_MEMORY. */
int locum_secondaries_create(struct event_base *base,
                             struct locum_secondaries **ret) LOCUM_MUST_CHECK;
void locum_secondaries_destroy(struct locum_secondaries *self); /* NULL is fine */

/* These answers were published: send to the secondaries of the configuration, in the next iteration
 * of the loop. The configuration is not used after this returns. */
void locum_secondaries_publish(struct locum_secondaries *self, const struct locum_config *config,
                               uint32_t serial);

void locum_secondaries_counts(const struct locum_secondaries *self,
                              struct locum_secondaries_counts *ret);

/*
 * What the answer to a NOTIFY says, for secondaries.c and its fuzz target.
 *
 * exchange  of the request; key NULL: it was not signed.
 * Returns false if this is no answer to the request with this identifier, or one without proof
 * of its sender: keep waiting. *ret_reason is then, or if the answer is no NOERROR, why, for
 * people; else NULL.
 */
bool locum_secondaries_read(const struct locum_tsig *exchange, uint16_t id, const uint8_t *packet,
                            size_t length, uint64_t now_s, const char **ret_reason);

#endif
