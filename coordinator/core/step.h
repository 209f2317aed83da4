/*
 * step: the decision core as one function, (state, input) -> actions.
 *
 * The shells turn bytes into events and perform the actions; nothing else decides anything. No
 * clock (each event carries the turn's time), no I/O, no heap, also at init: the memory is the
 * caller's, and a copy of the struct is a copy of the core (`explain --if` asks a copy).
 *
 * A turn of the loop: every event that has arrived, then one LOCUM_INPUT_COMMIT with the same or a
 * later time. Conditions and the plan advance at the tick only, after all sockets were read.
 * A tick follows every input, locum_core_init() and locum_core_reconfigure(); without any the next
 * must come at `next_commit`: it is what time alone will change. One that comes more than timeout/2
 * after that is a stall; one that comes before changes nothing.
 */
#ifndef LOCUM_CORE_STEP_H
#define LOCUM_CORE_STEP_H

#include "core/admin.h"
#include "core/detector.h"
#include "core/heartbeat.h"
#include "core/plan.h"
#include "core/rank.h"
#include "core/service.h"
#include "core/view.h"

enum {
    LOCUM_SEND_GAP_MS = 20,     /* heartbeats out of turn are at least this far apart */
    LOCUM_LEAVING_MAX_MS = 200, /* an orderly stop waits at most this long for acknowledgements */
};

enum locum_input_kind {
    LOCUM_INPUT_COMMIT,
    LOCUM_INPUT_HEARTBEAT,  /* .heartbeat: seal already checked */
    LOCUM_INPUT_REDIS,      /* .subscribed: the heartbeat channel was (re)subscribed or lost */
    LOCUM_INPUT_SENTINEL,   /* .sentinel: a Sentinel's view was read */
    LOCUM_INPUT_SAMPLE,     /* .sample: a check has an outcome */
    LOCUM_INPUT_MIRRORBITS, /* .node: the Mirrorbits of that node announced itself */
    LOCUM_INPUT_ADMIN,      /* .admin: already checked with locum_core_admin_check() */
    LOCUM_INPUT_EXCLUDE,    /* .exclude */
    LOCUM_INPUT_LEAVE,      /* an orderly stop begins; LOCUM_ACTION_LEFT ends it */
};

struct locum_input {
    enum locum_input_kind kind;
    struct locum_now now;
    union {
        struct {
            enum locum_path path;
            struct locum_slice text; /* without the seal; borrowed during the step */
        } heartbeat;
        bool subscribed;
        struct {
            locum_node voter; /* the node this Sentinel belongs to */
            bool tilt;
            uint8_t known[LOCUM_NODES_MAX];
            uint8_t down[LOCUM_NODES_MAX];
        } sentinel;
        struct {
            size_t check;
            enum locum_sample outcome;
        } sample;
        locum_node node;
        struct {
            enum locum_admin state;
            locum_ms for_ms; /* LOCUM_NEVER: no lease */
            char reason[LOCUM_REASON_MAX + 1];
        } admin;
        struct {
            locum_node node; /* not this node itself */
            bool excluded;
        } exclude;
    };
};

enum locum_event_kind {
    LOCUM_EVENT_CONDITION,   /* .condition */
    LOCUM_EVENT_SERVICE,     /* .service: the own word */
    LOCUM_EVENT_ADMIN,       /* .admin: the own word */
    LOCUM_EVENT_SERVING,     /* .serving */
    LOCUM_EVENT_EXCLUDED,    /* .exclude */
    LOCUM_EVENT_STALL,       /* .late_ms: a turn came that late; all silence counts from now */
    LOCUM_EVENT_INCARNATION, /* .incarnation: a peer remembers a later run of mine: raised to this
                              */
    LOCUM_EVENT_DUPLICATE_NODE, /* .incarnation: another node runs under my name */
    LOCUM_EVENT_ONE_WAY,        /* .one_way: a peer began or ceased not to hear me */
    LOCUM_EVENT_LEAVING,
};

struct locum_event {
    enum locum_event_kind kind;
    union {
        struct locum_condition_event condition;
        struct {
            enum locum_service from, to;
        } service;
        struct {
            enum locum_admin from, to;
            enum locum_cause cause; /* operator or lease */
        } admin;
        struct {
            struct locum_serving from, to;
        } serving;
        struct {
            locum_node node;
            bool excluded;
        } exclude;
        struct {
            locum_node node;
            bool one_way;
        } one_way;
        locum_ms late_ms;
        uint64_t incarnation;
    };
};

enum locum_action_kind {
    LOCUM_ACTION_HEARTBEAT, /* send one: locum_core_heartbeat() gives its texts, at once */
    LOCUM_ACTION_PLAN,      /* the plan changed: locum_core.plan */
    LOCUM_ACTION_EVENT,     /* .event: log it, put it into the event stream */
    LOCUM_ACTION_PERSIST,   /* what must outlive the run changed: locum_core_saved() */
    LOCUM_ACTION_LEFT,      /* the orderly stop may end */
};

struct locum_action {
    enum locum_action_kind kind;
    struct locum_event event;
};

/* One event a peer by grace and one by time, and a dozen of others. */
enum { LOCUM_ACTIONS_MAX = 2 * LOCUM_NODES_MAX + 16 };

struct locum_actions {
    size_t count;
    struct locum_action at[LOCUM_ACTIONS_MAX];
};

/* Append an action; its event is zero but for .kind. Returns it. */
struct locum_action *locum_actions_add(struct locum_actions *self, enum locum_action_kind kind);
struct locum_event *locum_actions_add_event(struct locum_actions *self, enum locum_event_kind kind);

/* What outlives a run: kept in the state file by daemon/. No condition of a peer is in it. */
struct locum_saved {
    uint64_t incarnation; /* 0: none saved */
    struct locum_admin_state admin;
};

struct locum_core {
    struct locum_core_config config; /* a copy */
    struct locum_view view;
    struct locum_detector detector;
    struct locum_service_state service;
    struct locum_admin_state admin;
    enum locum_rank rank[LOCUM_NODES_MAX];
    struct locum_plan plan;
    struct locum_serving serving;
    bool plan_reported;   /* the first plan was handed out */
    bool send_wanted;     /* at once, but for LOCUM_SEND_GAP_MS */
    locum_ms last_send;   /* mono; LOCUM_NEVER */
    locum_ms next_commit; /* mono, when time alone asks for a tick; LOCUM_NEVER: at once */
    bool leaving;
    uint64_t leaving_seq;        /* the first heartbeat that said leaving; 0: none yet */
    locum_ms leaving_since;      /* mono */
    bool left;                   /* LOCUM_ACTION_LEFT was given */
    locum_ms duplicate_reported; /* mono time of the last LOCUM_EVENT_DUPLICATE_NODE; LOCUM_NEVER */
    locum_ms raise_reported;     /* mono time of the last LOCUM_EVENT_INCARNATION; LOCUM_NEVER */
    uint64_t ignored;            /* heartbeats of no known version, cluster or node, or malformed */
};

/*
 * Begin a run.
 *
 * config  copied. Must be valid (config/ has checked it); its ranges are invariants here.
 * saved   of the last run, or NULL. The incarnation becomes max(saved + 1, now.wall).
 * The plan is made at once (everything unknown: every node names itself); the first tick tells it.
 */
void locum_core_init(struct locum_core *self, const struct locum_core_config *config,
                     const struct locum_saved *saved, struct locum_now now);

/*
 * The first moment after `now` at which a tick could change anything though no event has come: not
 * sooner than `now` + 1, not later than `now` + interval, so that no mistake here stops time. For
 * the tick, which leaves it in `next_commit`.
 *
 * now  of the tick that has just been performed.
 */
locum_ms locum_core_next(const struct locum_core *self, struct locum_now now);

/* Perform one input. `ret_actions` is written whole. */
void locum_core_step(struct locum_core *self, const struct locum_input *input,
                     struct locum_actions *ret_actions);

/*
 * Take a new configuration. The cluster, the own name and node, or nothing of it, is kept: facts of
 * nodes that are still there (by name) stay, those of others are forgotten; checks start anew. The
 * plan is made at once, and is the caller's to hand out.
 * Returns 0 or LOCUM_ERR_REFUSED (cluster or own name differ), and then nothing has changed.
 */
int locum_core_reconfigure(struct locum_core *self, const struct locum_core_config *config,
                           struct locum_now now) LOCUM_MUST_CHECK;

/*
 * The text of the heartbeat that LOCUM_ACTION_HEARTBEAT asks for, without its seal.
 *
 * to  a peer (UDP: acknowledgements for it alone), or LOCUM_NODE_NONE (Redis: all of them).
 */
void locum_core_heartbeat(const struct locum_core *self, locum_node to, struct locum_now now,
                          struct locum_text *text);

/* What is to be persisted. */
void locum_core_saved(const struct locum_core *self, struct locum_saved *ret);

/*
 * May the operator take this node out of service? 0, or LOCUM_ERR_REFUSED if fewer than min-serving
 * servers of rank A or B would stay. *ret_left says how many would.
 */
int locum_core_admin_check(const struct locum_core *self, enum locum_admin word, bool force,
                           size_t *ret_left) LOCUM_MUST_CHECK;

/* The condition of a node at this one: itself is alive, role sentinel unknown. */
enum locum_condition locum_core_condition(const struct locum_core *self, locum_node node);

/* A node's service, admin word as known here (own or last heard). */
enum locum_service locum_core_service(const struct locum_core *self, locum_node node);
enum locum_admin locum_core_admin(const struct locum_core *self, locum_node node);

/* Some rank is another than the plan was made from: nothing else of what moves goes into it. */
bool locum_core_ranks_moved(const struct locum_core *self);

/* Ranks, plan and serving anew from the state; returns true if plan or serving changed. */
bool locum_core_replan(struct locum_core *self);

/*
 * For `explain --if` and `next_loss`, on a copy of the core: suppose this of a node, then replan.
 * word: a condition ("down"), a service ("failing"), an admin word ("drain") or "excluded".
 * 0 or LOCUM_ERR_INVALID (no such word, or it makes no sense for that node).
 */
int locum_core_assume(struct locum_core *copy, locum_node node,
                      struct locum_slice word) LOCUM_MUST_CHECK;

#endif
