/*
 * challenge_list: what one node has taken of ACME challenges, and its text, which the other nodes
 * copy and the next run takes up. For challenges.c, which knows what counts of all the lists.
 *
 * Document: "+ OWNER STAMP UNTIL CLIENT VALUE" for each entry, or - in the place of +; "m UNTIL
 * MAC" for each MAC, in hex; blanks between. STAMP and UNTIL are in milliseconds, UNTIL on the wall
 * clock of its writer.
 *
 * Pure: no clock, no I/O, no heap.
 */
#ifndef LOCUM_DNS_CHALLENGE_LIST_H
#define LOCUM_DNS_CHALLENGE_LIST_H

#include "base/text.h"
#include "dns/challenges.h"

enum {
    /* Of a MAC in a document, at most. */
    LOCUM_CHALLENGE_LIST_MAC_BYTES_MAX = 2 + 14 + 1 + 2 * LOCUM_CHALLENGE_MAC_BYTES + 1,
};

/* An entry: it sets a value or removes it. */
struct locum_challenge {
    char owner[LOCUM_DOMAIN_MAX + 1];
    char value[LOCUM_CHALLENGE_CHARS_MAX + 1];
    char client[LOCUM_CHALLENGE_CLIENT_MAX + 1];
    uint64_t stamp;
    locum_ms until; /* boot */
    bool removes;
};

struct locum_challenge_mac {
    uint8_t bytes[LOCUM_CHALLENGE_MAC_BYTES];
    locum_ms until; /* boot */
};

struct locum_challenge_list {
    struct locum_challenge at[LOCUM_CHALLENGE_ENTRIES_MAX];
    size_t count;
    struct locum_challenge_mac macs[LOCUM_CHALLENGE_MACS_MAX];
    size_t mac_count;
};

/* May it be a word of a document: 1 to max characters of visible ASCII without '"' and '\'? */
bool locum_challenge_list_is_word(struct locum_slice text, size_t max);

/* An upper limit of the length of its document. */
size_t locum_challenge_list_length(const struct locum_challenge_list *self);

/* Is the MAC in it, and has not ended? */
bool locum_challenge_list_has_mac(const struct locum_challenge_list *self, const uint8_t *mac,
                                  locum_ms boot);

/*
 * Read a document, up to what is malformed.
 *
 * text       "" or NULL: it is empty.
 * offset_ms  the wall clock of its writer minus that of `now`.
 * False: something is malformed, or there is more than a list holds.
 */
bool locum_challenge_list_read(struct locum_challenge_list *self, struct locum_slice text,
                               locum_ms offset_ms, struct locum_now now) LOCUM_MUST_CHECK;

/* Append its document, without what has ended. */
void locum_challenge_list_add(const struct locum_challenge_list *self, struct locum_now now,
                              struct locum_text *text);

#endif
