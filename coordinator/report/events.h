/*
 * events: what operators are shown when something happens: a line in the log, an entry of GET
 * /events and of the stream in Redis, and a count in the metrics.
 *
 * One table (events.c) has a row for each event: name, fields and advice. An event of the core
 * carries values and an event of the daemon carries texts; one function walks the row and makes the
 * fields that all outputs share. A new event is a row there; `make doc` writes its entry in
 * locum(8).
 */
#ifndef LOCUM_REPORT_EVENTS_H
#define LOCUM_REPORT_EVENTS_H

#include <jansson.h>

#include "base/log.h"
#include "core/step.h"
#include "redis/redis.h"

/* Kinds of event: those of the core (enum locum_event_kind), then those of the daemon itself. */
enum {
    LOCUM_EVENT_PUBLISH_FAILED = LOCUM_CORE_EVENTS, /* texts: reason, effect */
    LOCUM_EVENT_REDIS_CONNECTED,                    /* texts: master */
    LOCUM_EVENT_REDIS_LOST,                         /* texts: reason */
    LOCUM_EVENT_DS,                                 /* texts: zone, from, to */
    LOCUM_EVENT_DNSSEC_KEY,                         /* texts: zone, key, state */
    LOCUM_EVENT_RELOAD,                             /* texts: digest */
    LOCUM_EVENT_START,                              /* texts: version, digest */
    LOCUM_EVENT_STOP,
    LOCUM_EVENT_REPLACED,       /* texts: from, to, pause-ms */
    LOCUM_EVENT_REPLACE_FAILED, /* texts: reason */
    LOCUM_EVENT_ACME,           /* texts: name, state, client */
    LOCUM_EVENT_ACME_LATE,      /* texts: peers, reason */
    LOCUM_EVENT_WARNING,        /* texts: about, peer, reason */
    LOCUM_EVENT_WARNING_OVER,   /* texts: about, peer */
    LOCUM_EVENTS,               /* their number */
};

enum {
    LOCUM_EVENT_TEXTS_MAX = 3,
    LOCUM_EVENT_BYTES_MAX = 4096,
    LOCUM_EVENTS_ANSWER_MAX = 1000, /* so that one answer does not hold up the loop */
};

/* What happened. */
struct locum_event_facts {
    int kind;
    const struct locum_event *event; /* NULL: all fields are texts, in the order of the row */
    /* Borrowed; NULL: the field is left out. With an event of the core, [0] is the operator's text
     * (admin) or the failing and degraded checks (service). */
    const char *texts[LOCUM_EVENT_TEXTS_MAX];
};

/* The same as fields: `event`, `node`, then those of its row that have a value. */
struct locum_event_fields {
    enum locum_level level;
    size_t count;
    struct locum_field at[LOCUM_REDIS_FIELDS_MAX]; /* values in `buffer`, in `texts`, or static */
    char buffer[LOCUM_EVENT_BYTES_MAX];
};

/* The name of a kind. Static. */
const char *locum_events_name(int kind);

/* For locum(8): what it means, and the names of its fields beside `event` and `node`, separated by
 * blanks. */
const char *locum_events_meaning(int kind);
void locum_events_add_keys(struct locum_text *text, int kind);

void locum_events_describe(const struct locum_event_facts *what,
                           const struct locum_core_config *config, struct locum_event_fields *ret);

/*
 * Append an event of the core as one line of a trace, with its values alone, no advice:
 *
 *   condition peer=dc3 from=suspect to=down votes=dc2,ns0 ages=dc2=1004,ns0=30 reason=quorum
 */
void locum_events_add_line(struct locum_text *text, const struct locum_core_config *config,
                           const struct locum_event *event);

/* The newest events, and how many there have been of each kind. */
struct locum_events;

/* Keep the newest `keep` (>= 1) events. NULL: out of memory. */
struct locum_events *locum_events_create(size_t keep);
void locum_events_destroy(struct locum_events *self); /* NULL is fine */

/* Keep that many from now on. */
void locum_events_keep(struct locum_events *self, size_t keep);

/* Keep and count one. Its id is its wall time in Unix ms, or one more than the last id. Without
 * memory it is counted only. */
void locum_events_add(struct locum_events *self, locum_ms wall, int kind,
                      const struct locum_event_fields *fields);

/*
 * The newest event as hooks get it, one line of JSON: {"cluster", "id", "time", "fields"}, the last
 * three as in GET /events. Freed by the caller; NULL: out of memory.
 */
char *locum_events_line(const struct locum_events *self, const char *cluster);

/* The line of an event `test` of this node, which is kept nowhere. Freed by the caller; NULL. */
char *locum_events_test_line(const struct locum_core_config *config, locum_ms wall);

/* How many of a kind there have been since the start. NULL: none. */
uint64_t locum_events_count(const struct locum_events *self, int kind);

/*
 * The first events with an id > `after`, at most LOCUM_EVENTS_ANSWER_MAX: {"events": [{id, time,
 * fields}], "next": id, "more": bool, "lost": id}. To read on, ask for those after `next`; `more`
 * says that there are some already. `lost` is the id of the newest event that is not kept any more,
 * 0 if all are.
 *
 * *ret_count of events. A new reference; NULL: out of memory.
 */
json_t *locum_events_since(const struct locum_events *self, uint64_t after, size_t *ret_count);

/* The newest events, at most `count`, newest first: [{id, time, fields}]. A new reference, whose
 * items are borrowed. self may be NULL: there are none. NULL: out of memory. */
json_t *locum_events_newest(const struct locum_events *self, size_t count);

/* The first kept event with an id > `after`, whose texts are borrowed until the next one is added;
 * false: there is none. */
bool locum_events_next(const struct locum_events *self, uint64_t after,
                       struct locum_redis_event *ret);

#endif
