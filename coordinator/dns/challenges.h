/*
 * challenges: the values of ACME challenges (dns-01) that the nodes of the cluster have taken, and
 * what is answered at `_acme-challenge.NAME`: the union of all, on every node.
 *
 * Each node has a list of its own, which is a document that all others copy (peer/documents.h). An
 * entry sets a value, or removes one that another node has set, everywhere. Of several entries for
 * the same owner and value the one with the highest stamp counts, wherever it came from; a new one
 * gets a higher stamp than all that its node knows. So a removal and a later set of the same value
 * never depend on the order in which they arrive.
 *
 * An entry ends at a time on the boot clock. A document says it on the wall clock of its node; who
 * reads it takes the difference of the two clocks into account. What has ended is not answered.
 *
 * Document: "OWNER + STAMP UNTIL VALUE" for each entry, or - in the place of +; blanks between.
 * STAMP and UNTIL are in milliseconds.
 *
 * Pure: no clock, no I/O; the heap for the whole only. Not used yet: no name is answered from it.
 */
#ifndef LOCUM_DNS_CHALLENGES_H
#define LOCUM_DNS_CHALLENGES_H

#include "base/clock.h"
#include "config/config.h"

enum {
    LOCUM_CHALLENGE_VALUES_MAX = 8,   /* answered of one name */
    LOCUM_CHALLENGE_CHARS_MAX = 255,  /* of a value: one string of a TXT record */
    LOCUM_CHALLENGE_ENTRIES_MAX = 64, /* of one node */
    LOCUM_CHALLENGE_FOR_MS_MAX = 24 * 3600 * 1000,
};

struct locum_challenges;

/* NULL: out of memory. */
struct locum_challenges *locum_challenges_create(void);
void locum_challenges_destroy(struct locum_challenges *self);

/*
 * Set a value at this node, or extend it.
 *
 * owner  absolute, lower case.
 * value  1 to LOCUM_CHALLENGE_CHARS_MAX characters of visible ASCII without '"' and '\'.
 * for_ms at most LOCUM_CHALLENGE_FOR_MS_MAX.
 * Returns 0; LOCUM_ERR_INVALID (the value); LOCUM_ERR_RANGE (the name has
 * LOCUM_CHALLENGE_VALUES_MAX other values); LOCUM_ERR_SPACE (too many entries of this node).
 */
int locum_challenges_set(struct locum_challenges *self, const char *owner, const char *value,
                         locum_ms for_ms, struct locum_now now) LOCUM_MUST_CHECK;

/* Remove a value, or all (value NULL), of whichever node. The number of values removed, or
 * LOCUM_ERR_SPACE. */
int locum_challenges_unset(struct locum_challenges *self, const char *owner, const char *value,
                           struct locum_now now) LOCUM_MUST_CHECK;

/*
 * Take the document of another node.
 *
 * text       "": it has none any more.
 * offset_ms  its wall clock minus this one's.
 * False: it is malformed; what was known of the node stays.
 */
bool locum_challenges_take(struct locum_challenges *self, locum_node node, struct locum_slice text,
                           locum_ms offset_ms, struct locum_now now) LOCUM_MUST_CHECK;

/* Forget the entries of this node that have ended or that others have superseded. When the next one
 * ends, on the boot clock; LOCUM_NEVER: none. */
locum_ms locum_challenges_expire(struct locum_challenges *self, struct locum_now now);

/* Append this node's document. */
void locum_challenges_add(const struct locum_challenges *self, struct locum_now now,
                          struct locum_text *text);

/* Take up own entries from the document of an earlier run of this boot: those before the first that
 * is malformed, without those that have ended. */
void locum_challenges_resume(struct locum_challenges *self, struct locum_slice text,
                             struct locum_now now);

/* What is answered at a name now, sorted; the same on all nodes that know the same. Borrowed until
 * the next change. */
size_t locum_challenges_at(const struct locum_challenges *self, const char *owner,
                           struct locum_now now,
                           const char *ret_values[LOCUM_CHALLENGE_VALUES_MAX]);

#endif
