/*
 * acme: values of ACME challenges (dns-01) on all nodes at once. What takes requests for a change
 * (the control socket, RFC 2136, an HTTP endpoint) calls this; dns/challenges.h keeps the values,
 * and daemon/documents.h carries them to the other nodes.
 *
 * A change is: begin, any number of set, unset and note_update, then commit or abort. All of it
 * takes effect, or nothing. It is answered by this node when commit returns, and by a peer when
 * that has acknowledged it. Between begin and commit or abort the caller must not return to the
 * loop. Call it from the loop's thread, in an iteration (locum_daemon_loop_now()).
 *
 * No decision depends on any of this.
 */
#ifndef LOCUM_DAEMON_ACME_H
#define LOCUM_DAEMON_ACME_H

#include "base/text.h"
#include "daemon/daemon.h"
#include "daemon/documents.h"
#include "dns/challenges.h"

enum {
    LOCUM_ACME_FOR_MS = 10 * 60 * 1000, /* a value stays so long, unless who sets it says */
    LOCUM_ACME_NOTES_MAX = 64,          /* values set and removed in one change */
};

/* The owner of challenges for a name: "_acme-challenge.get.example.org.". */
struct locum_acme_name {
    char owner[LOCUM_DOMAIN_MAX + 1]; /* absolute, lower case */
    size_t zone;                      /* of the configuration */
};

/*
 * Find what someone has written: with or without "_acme-challenge.", a leading "*.", and the last
 * dot; in any case.
 *
 * ret_why  on failure what is wrong and what to do, for people.
 * Returns 0; LOCUM_ERR_NOT_FOUND (no shared or owned name of a zone with `acme`);
 * LOCUM_ERR_DENIED (a static record has the name, so dns-01 is off there).
 */
int locum_acme_find(const struct locum_daemon *self, const char *written,
                    struct locum_acme_name *ret, struct locum_text *ret_why) LOCUM_MUST_CHECK;

/* The values that are answered now, sorted; none: the placeholder is. Borrowed until the next
 * change or the end of the iteration. */
size_t locum_acme_values(const struct locum_daemon *self, const struct locum_acme_name *name,
                         const char *ret_values[LOCUM_CHALLENGE_VALUES_MAX]);

/* Begin a change. */
void locum_acme_begin(struct locum_daemon *self);

/*
 * Set a value, or extend it. `client` is who asks, for locum_acme_unset_own(): "cli", "key:NAME",
 * "account:NAME"; at most LOCUM_CHALLENGE_CLIENT_MAX visible characters. It is also in the event.
 *
 * for_ms  1 .. LOCUM_CHALLENGE_FOR_MS_MAX.
 * Returns 0 or an error of locum_challenges_set(); locum_acme_error_text() explains it.
 */
int locum_acme_set(struct locum_daemon *self, const struct locum_acme_name *name, const char *value,
                   locum_ms for_ms, const char *client) LOCUM_MUST_CHECK;

/* Remove one value, or all (NULL), of whichever node and client. How many were removed, or
 * LOCUM_ERR_SPACE. `client` is for the event. */
int locum_acme_unset(struct locum_daemon *self, const struct locum_acme_name *name,
                     const char *value, const char *client) LOCUM_MUST_CHECK;

/* Remove the values that this node has taken of the same client, except `value` (NULL: no
 * exception) and the newest `kept` of the others. How many were removed, or LOCUM_ERR_SPACE. */
int locum_acme_unset_own(struct locum_daemon *self, const struct locum_acme_name *name,
                         const char *client, const char *value, size_t kept) LOCUM_MUST_CHECK;

/* Was an update with this MAC (at least LOCUM_CHALLENGE_MAC_BYTES) taken by any node, within the
 * time that was given to note_update? */
bool locum_acme_is_replay(const struct locum_daemon *self, const uint8_t *mac);

/* Remember the MAC of an update, here and with the change at all nodes. 0 or LOCUM_ERR_SPACE (too
 * many of late: refuse the update, SERVFAIL). */
int locum_acme_note_update(struct locum_daemon *self, const uint8_t *mac,
                           locum_ms for_ms) LOCUM_MUST_CHECK;

/* What went wrong with a change: a sentence for people, static. */
const char *locum_acme_error_text(int error);

/* How a change has ended. */
struct locum_acme_outcome {
    locum_nodes missing; /* servers that are not held down, and have not acknowledged in time */
};

/* Called once from the loop, never from inside commit. It may begin another change. */
typedef void locum_acme_done_fn(void *user, const struct locum_acme_outcome *outcome);

struct locum_acme_wait; /* a caller that waits for acknowledgements */

/* Undo all since begin. */
void locum_acme_abort(struct locum_daemon *self);

/*
 * Answer, keep and spread what has changed since begin (nothing: that is fine), and call `done`
 * when every server that is not held down has acknowledged it, or after wait_ms. If some have not,
 * an event names them.
 *
 * done      NULL: nobody waits.
 * ret_wait  NULL, or to cancel it; invalid once `done` was called. NULL is stored if nobody waits.
 * Returns 0 or LOCUM_ERR_MEMORY: then all since begin is undone.
 */
int locum_acme_commit(struct locum_daemon *self, locum_ms wait_ms, locum_acme_done_fn *done,
                      void *user, struct locum_acme_wait **ret_wait) LOCUM_MUST_CHECK;

/* The servers that are not held down and have not acknowledged the last change; this one too if it
 * cannot publish its answers. */
locum_nodes locum_acme_missing(const struct locum_daemon *self);

/* `done` will not be called; the change stays, and so does the event. NULL is fine. */
void locum_acme_cancel(struct locum_acme_wait *wait);

/* For the files of this room. */

/* A value that was set or removed since begin: an event, if it is committed. */
struct locum_acme_note {
    struct locum_acme_name name;
    bool removed;
    char client[LOCUM_CHALLENGE_CLIENT_MAX + 1];
};

struct locum_acme {
    uint16_t sorted[LOCUM_NAMES_MAX]; /* names with an owner of challenges, by that */
    size_t sorted_count;
    struct locum_challenges *challenges;     /* NULL: not created */
    struct locum_challenge_answers *answers; /* as they are published; NULL: none */
    bool on[LOCUM_NAMES_MAX];                /* names of the configuration that have challenges */
    bool any;                                /* one of them has */
    locum_ms next;                           /* boot: when an entry ends; LOCUM_NEVER */
    bool spread_wanted;                      /* the own document may be another one */
    struct locum_acme_note *notes;           /* LOCUM_ACME_NOTES_MAX */
    size_t note_count;
    struct locum_acme_wait *waits; /* a list, oldest first */
};

/* Take up what the run before has kept. 0 or LOCUM_ERR_MEMORY. */
int locum_acme_create(struct locum_daemon *self) LOCUM_MUST_CHECK;
/* Nobody who waits is called any more. */
void locum_acme_destroy(struct locum_daemon *self);

/* At the end of each iteration: what has expired is not answered any more, who waits is called. */
void locum_acme_look(struct locum_daemon *self);

/* Until the next value expires; LOCUM_NEVER: there is none. */
locum_ms locum_acme_next_ms(const struct locum_daemon *self);

/* The new configuration is in effect, and its answers are published next. Nodes may have other
 * numbers. */
void locum_acme_reconfigure(struct locum_daemon *self, const struct locum_config *old);

#endif
