/*
 * daemon: builds the rooms, hands their events to locum_core_step(), performs the actions.
 *
 *   redis/ peer/ health/ control/  --events-->  turn.c  -->  core  -->  perform.c  --> dns/ redis/
 * peer/
 *
 * One thread runs the loop; nothing here waits for a disk, a peer or a Redis. This header is the
 * inside of the room; main.c uses locum_daemon_run() only.
 */
#ifndef LOCUM_DAEMON_DAEMON_H
#define LOCUM_DAEMON_DAEMON_H

#include <event2/event.h>
#include <jansson.h>

#include "config/config.h"
#include "control/control.h"
#include "control/notify.h"
#include "core/step.h"
#include "daemon/lag.h"
#include "daemon/nsd.h"
#include "daemon/state.h"
#include "daemon/story.h"
#include "daemon/vocabulary.h"
#include "daemon/warnings.h"
#include "dns/dns.h"
#include "health/health.h"
#include "peer/peer.h"
#include "redis/redis.h"

/* libevent gives every event the middle one, so what has the last comes after all sockets. */
enum { LOCUM_DAEMON_PRIORITIES = 3 };

struct locum_daemon {
    struct event_base *base;
    struct locum_config *config; /* replaced whole by a reload */
    struct locum_core core;
    struct locum_actions actions; /* of the last step; too large for the stack */
    /* Sees each event and the actions that it led to, before they are performed; NULL: nobody. */
    void (*watch)(void *user, const struct locum_input *event, const struct locum_actions *actions);
    void *watch_user;
    struct locum_story *story; /* what happened, newest last */

    struct locum_dns *dns;
    struct locum_redis *redis;
    struct locum_peer *peer;
    struct locum_health *health;
    struct locum_control *control; /* NULL: it could not be opened; everything else goes on */
    struct locum_state_writer *writer;

    struct locum_notify notify; /* to the service manager */

    struct event *tick;  /* ends a turn; in the queue behind the sockets that have been reported */
    struct event *late;  /* ends a late one; after every socket: all that arrived is seen first */
    struct event *press; /* higher priority: sees that the tick is not kept away */
    struct event *signals[3];

    struct locum_now now; /* of this turn */
    bool in_turn;         /* now is valid */
    bool pressed;         /* `press` came once since the last tick */
    locum_ms second_at;   /* mono: people were told last, or the start */
    uint64_t turns;       /* since the start */
    struct locum_lag lag; /* of turns that time alone asked for */
    locum_ms started_mono;
    locum_ms serving_since; /* wall time of the last change of serving */
    locum_ms serving_since_mono;
    uint32_t serial;     /* SOA serial of what is served */
    bool publish_failed; /* the answers are older than the plan: tried again each second */
    bool told_dirty;     /* the node's hash in Redis is older than the state */
    struct locum_evidence evidence; /* for warnings */
    json_t *warned;                 /* the warnings that were told as events */
    size_t dns_closed;              /* addresses of listen.dns that could not be opened */
    locum_ms named_until;           /* mono: when the last answer that named this node runs out, */
    locum_ms named_ttl_ms;          /* but for those of now, which live this long; 0: they do not */
    uint64_t tcp_short;             /* of locum_dns_counts, as it was told last */
    uint64_t plan_changes;
    uint64_t told[LOCUM_TOLD_COUNT];     /* events told since the start */
    uint64_t bad_lines[LOCUM_PATHS];     /* lines that no accepted secret has sealed */
    char mirrorbits[LOCUM_HOST_MAX + 8]; /* the own Mirrorbits' last instance; "": never heard */
    struct locum_daemon_nsd nsd;         /* what the adapters last reported */
};

/*
 * Run until SIGTERM or SIGINT. Returns the exit code of the program: 0 after an orderly stop, 1 if
 * it could not start; what went wrong has been logged.
 */
int locum_daemon_run(const char *config_path);

/* Its two halves, for run and for tests: all rooms on one loop, which does not turn yet. 0 or what
 * was wrong, which has been logged. */
int locum_daemon_create(const char *config_path, struct locum_daemon **ret) LOCUM_MUST_CHECK;
void locum_daemon_destroy(struct locum_daemon *self); /* NULL is fine */

/* turn.c: one event from a room; its time is this turn's. Who asks for that has a tick follow. */
void locum_daemon_deliver(struct locum_daemon *self, struct locum_input *event);
struct locum_now locum_daemon_now(struct locum_daemon *self);
int locum_daemon_turn_create(struct locum_daemon *self) LOCUM_MUST_CHECK;

/* rooms.c: build the rooms, and their callbacks. */
int locum_daemon_rooms_create(struct locum_daemon *self) LOCUM_MUST_CHECK;
void locum_daemon_rooms_destroy(struct locum_daemon *self);
/* The checks of a configuration, begun; they deliver to self. */
int locum_daemon_health_create(struct locum_daemon *self, const struct locum_config *config,
                               struct locum_health **ret) LOCUM_MUST_CHECK;
void locum_daemon_dns_retry(struct locum_daemon *self);

/* perform.c: the actions, and what is written each second. */
void locum_daemon_perform(struct locum_daemon *self);
void locum_daemon_publish(struct locum_daemon *self); /* the plan to dns/, with a new serial */
void locum_daemon_persist(struct locum_daemon *self);
void locum_daemon_each_second(struct locum_daemon *self);

/* hash.c: write the node's hash, for people, now. */
void locum_daemon_write_node(struct locum_daemon *self);

/* Tell an event of the daemon itself: log, stream, story. Key, value pairs ended by NULL; a key
 * that the event's row in vocabulary.c has not is left out. */
void locum_daemon_tell(struct locum_daemon *self, enum locum_level level, enum locum_told told, ...)
    __attribute__((sentinel));

/* reload.c: all of the new configuration or nothing of it. *ret_told: an array of texts, owned, the
 * errors if it is refused, else the warnings; NULL: no memory. */
int locum_daemon_reload(struct locum_daemon *self, json_t **ret_told) LOCUM_MUST_CHECK;

/* checks.c: append what a check last said, for people. */
enum { LOCUM_CHECK_SAID_MAX = 256 };
void locum_daemon_add_check(struct locum_daemon *self, size_t check, struct locum_text *text);

/* api.c: the handlers of the control room. */
extern const struct locum_control_handlers locum_daemon_handlers;

/* The connection to Redis was won or lost. */
void locum_daemon_redis_changed(struct locum_daemon *self);

/* How long resolvers may go on with answers that named this node. */
locum_ms locum_daemon_named_ms(struct locum_daemon *self);

/* warnings.c: each second, what has begun and what is over, as events. */
void locum_daemon_watch_warnings(struct locum_daemon *self);

/* status.c, warnings.c, next_loss.c, explain.c, metrics.c: what the API tells. New references; NULL
 * on lack of memory. */
json_t *locum_daemon_status(struct locum_daemon *self);
json_t *locum_daemon_warnings(struct locum_daemon *self);
json_t *locum_daemon_next_loss(const struct locum_core *core, struct locum_now now);
json_t *locum_daemon_answers(const struct locum_daemon *self, const struct locum_core *core,
                             size_t name);
json_t *locum_daemon_names_of(const struct locum_core_config *config, locum_nodes set);
json_t *locum_daemon_explain(struct locum_daemon *self, size_t name, const struct locum_core *core,
                             const char *supposed);
char *locum_daemon_metrics(struct locum_daemon *self);
/* Who votes against a peer now: this node too only if it holds it silent itself. */
locum_nodes locum_daemon_voters(const struct locum_core *core, locum_node node,
                                struct locum_now now);

#endif
