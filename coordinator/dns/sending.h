/*
 * sending: the zone transfers of the TCP thread, and what it and the main thread say to each other
 * about them.
 *
 *   TCP thread: request -> note WANTED -> pipe -> main thread: content of the zone
 *     -> locum_dns_give() -> TCP thread: messages, one batch at a time
 *
 * Only the main thread may use ldns' text functions and knows configuration and plan; the TCP
 * thread answers other clients meanwhile. A note is written whole or not at all (pipe(7)), and
 * never waited for: without room in the pipe a transfer is answered with SERVFAIL, and a note for
 * the log is lost. Anyone can cause the notes of refused clients, so they are limited here, before
 * the pipe: they leave room in it for the transfers of others, and the main thread its time.
 */
#ifndef LOCUM_DNS_SENDING_H
#define LOCUM_DNS_SENDING_H

#include "dns/axfr.h"

enum {
    LOCUM_DNS_SENDINGS_MAX = 16,         /* transfers at once; the next one gets SERVFAIL */
    LOCUM_DNS_REPORTS_MAX = 10,          /* notes for the log alone, in */
    LOCUM_DNS_REPORTS_PERIOD_MS = 10000, /* this time */
};

/* What the TCP thread tells the main thread. */
enum locum_dns_note_kind {
    LOCUM_DNS_NOTE_WANTED,   /* a content: locum_dns_give() answers it */
    LOCUM_DNS_NOTE_SENT,     /* the kernel has taken all messages of a transfer */
    LOCUM_DNS_NOTE_BROKEN,   /* the client or a deadline ended it */
    LOCUM_DNS_NOTE_FAILED,   /* no room for another transfer, no memory, or no content */
    LOCUM_DNS_NOTE_REFUSED,  /* the client may not have the zone */
    LOCUM_DNS_NOTE_UNSIGNED, /* signed_as says why its signature is not accepted; no zone */
};

struct locum_dns_note {
    enum locum_dns_note_kind kind;
    uint64_t id;                      /* of the transfer */
    uint8_t zone[LOCUM_DNS_NAME_MAX]; /* wire form, lower case */
    uint8_t zone_length;
    struct locum_address client;
    enum locum_dns_signed_as signed_as;
    uint32_t serial;
    uint64_t bytes;
    uint32_t left_out; /* reports that were left out before this one */
};

struct locum_dns_connection;

/* A transfer of one connection. */
struct locum_dns_sending {
    struct locum_axfr axfr;
    struct locum_dns_connection *connection;
    struct locum_dns_note note; /* id, zone and client */
};

struct locum_dns_sendings {
    struct locum_dns_sending *active[LOCUM_DNS_SENDINGS_MAX]; /* owned */
    size_t count;
    uint64_t last_id;
    locum_ms period_began; /* of reports */
    uint32_t reports, left_out;
    int notes; /* the pipe, borrowed, non-blocking; -1: no transfers */
};

void locum_dns_sending_init(struct locum_dns_sendings *self);

/*
 * Begin a transfer that locum_query_answer() has allowed, and ask for its content.
 *
 * note  zone, zone_length, client and signed_as are set.
 * Returns NULL if there is no room, memory, or main thread to ask.
 */
struct locum_dns_sending *locum_dns_sending_begin(struct locum_dns_sendings *self,
                                                  struct locum_dns_connection *connection,
                                                  const struct locum_dns_outgoing *request,
                                                  const struct locum_dns_note *note);

/* The transfer with this number; NULL: it has ended. */
struct locum_dns_sending *locum_dns_sending_find(const struct locum_dns_sendings *self,
                                                 uint64_t id);

/* End and free it, and tell the main thread: SENT, BROKEN or FAILED. */
void locum_dns_sending_end(struct locum_dns_sendings *self, struct locum_dns_sending *sending,
                           enum locum_dns_note_kind kind);

/* Tell the main thread what is only logged: FAILED, REFUSED or UNSIGNED. Most are left out if there
 * are many. */
void locum_dns_sending_report(struct locum_dns_sendings *self, enum locum_dns_note_kind kind,
                              struct locum_dns_note *note);

#endif
