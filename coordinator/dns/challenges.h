/*
 * challenges: the values of ACME challenges (dns-01) that the nodes of the cluster have taken, and
 * what is answered at `_acme-challenge.NAME`: the union of all, on every node.
 *
 * Each node has a list of its own (challenge_list.h), which all others copy (peer/documents.h). An
 * entry sets a value, or removes one that another node has set, everywhere. Of several entries for
 * the same owner and value the one with the highest stamp counts, wherever it came from; a new one
 * gets a higher stamp than all that its node knows. So a removal and a later set of the same value
 * never depend on the order in which they arrive.
 *
 * An entry ends at a time on the boot clock. A document says it on the wall clock of its node; who
 * reads it takes the difference of the two clocks into account. What has ended is not answered.
 *
 * Each entry names the client that asked for it, so that a client can remove all that it has set
 * at this node and nothing else. The list also has the MACs of updates that were taken of late
 * (RFC 2136 with TSIG): no node takes one of them again.
 *
 * Pure: no clock, no I/O; the heap for the whole only.
 */
#ifndef LOCUM_DNS_CHALLENGES_H
#define LOCUM_DNS_CHALLENGES_H

#include "base/clock.h"
#include "config/config.h"

enum {
    LOCUM_CHALLENGE_TTL_S = 15,
    LOCUM_CHALLENGE_VALUES_MAX = 8,    /* answered of one name */
    LOCUM_CHALLENGE_CHARS_MAX = 255,   /* of a value: one string of a TXT record */
    LOCUM_CHALLENGE_CLIENT_MAX = 127,  /* characters */
    LOCUM_CHALLENGE_ENTRIES_MAX = 128, /* of one node; a quarter is for those that remove */
    LOCUM_CHALLENGE_MACS_MAX = 256,    /* of one node */
    LOCUM_CHALLENGE_MAC_BYTES = 8,     /* the first of a MAC: enough to know it again */
    LOCUM_CHALLENGE_BYTES_MAX = 21000, /* of a document: that is what peers take */
    LOCUM_CHALLENGE_FOR_MS_MAX = 24 * 3600 * 1000,
};

/* The answer while there is no value: the name must exist before a resolver first asks for it. */
#define LOCUM_CHALLENGE_PLACEHOLDER "-"

struct locum_challenges;

/* NULL: out of memory. */
struct locum_challenges *locum_challenges_create(void);
void locum_challenges_destroy(struct locum_challenges *self);

/* All that is done at this node since the last begin is undone by abort. */
void locum_challenges_begin(struct locum_challenges *self);
void locum_challenges_abort(struct locum_challenges *self);

/*
 * Set a value at this node, or extend it.
 *
 * owner   absolute, lower case.
 * value   1 to LOCUM_CHALLENGE_CHARS_MAX characters of visible ASCII without '"' and '\'.
 * client  who asks: the same characters, at most LOCUM_CHALLENGE_CLIENT_MAX.
 * for_ms  1 to LOCUM_CHALLENGE_FOR_MS_MAX.
 * Returns 0; LOCUM_ERR_INVALID (the value, the client or the time); LOCUM_ERR_RANGE (the name has
 * LOCUM_CHALLENGE_VALUES_MAX other values); LOCUM_ERR_SPACE (too many entries of this node).
 */
int locum_challenges_set(struct locum_challenges *self, const char *owner, const char *value,
                         const char *client, locum_ms for_ms,
                         struct locum_now now) LOCUM_MUST_CHECK;

/* Remove a value, or all (value NULL), of whichever node and client. The number of values removed,
 * or LOCUM_ERR_SPACE. */
int locum_challenges_unset(struct locum_challenges *self, const char *owner, const char *value,
                           struct locum_now now) LOCUM_MUST_CHECK;

/* Remove what this client has set at this node, except `value` (NULL: no exception) and the newest
 * `kept` of the others; a value that another has set too stays. The number of entries removed. */
int locum_challenges_unset_own(struct locum_challenges *self, const char *owner, const char *client,
                               const char *value, size_t kept, struct locum_now now);

/* Remember a MAC, of which the first LOCUM_CHALLENGE_MAC_BYTES count. 0 or LOCUM_ERR_SPACE. */
int locum_challenges_note_mac(struct locum_challenges *self, const uint8_t *mac, locum_ms for_ms,
                              struct locum_now now) LOCUM_MUST_CHECK;

/* Does any node remember this MAC? */
bool locum_challenges_has_mac(const struct locum_challenges *self, const uint8_t *mac,
                              struct locum_now now);

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

/* Has this node's document changed by what was forgotten since this was last asked? Then the others
 * must have it: what one of them has superseded must not come back when that one is gone. */
bool locum_challenges_own_changed(struct locum_challenges *self);

/* Append this node's document, or what is left of the copy of another one. */
void locum_challenges_add(const struct locum_challenges *self, struct locum_now now,
                          struct locum_text *text);
void locum_challenges_add_copy(const struct locum_challenges *self, locum_node node,
                               struct locum_now now, struct locum_text *text);

/* Take up own entries from the document of an earlier run, whose clock now.wall is: those before
 * the first that is malformed, without those that have ended. */
void locum_challenges_resume(struct locum_challenges *self, struct locum_slice text,
                             struct locum_now now);

/* Nodes have other numbers: node i is now to[i], or LOCUM_NODE_NONE. */
void locum_challenges_move(struct locum_challenges *self, const locum_node to[LOCUM_NODES_MAX]);

/* What is answered at a name now, sorted; the same on all nodes that know the same: the newest, if
 * there are more. Borrowed until the next change. */
size_t locum_challenges_at(const struct locum_challenges *self, const char *owner,
                           struct locum_now now,
                           const char *ret_values[LOCUM_CHALLENGE_VALUES_MAX]);

/* What is answered of a name of the configuration that has values. */
struct locum_challenge_answer {
    size_t name; /* config->names */
    size_t count;
    char values[LOCUM_CHALLENGE_VALUES_MAX][LOCUM_CHALLENGE_CHARS_MAX + 1];
};

/* What is answered of all names, at one time. NULL: no name has a value. */
struct locum_challenge_answers {
    size_t count;
    struct locum_challenge_answer at[];
};

/* Make them; freed by the caller with free(). 0 or LOCUM_ERR_MEMORY. */
int locum_challenges_answers(const struct locum_challenges *self, const struct locum_config *config,
                             struct locum_now now,
                             struct locum_challenge_answers **ret) LOCUM_MUST_CHECK;

/* That of a name; NULL: the placeholder. answers may be NULL. */
const struct locum_challenge_answer *
locum_challenges_answer(const struct locum_challenge_answers *answers, size_t name);

#endif
