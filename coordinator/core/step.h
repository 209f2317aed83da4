/*
 * step: the decision core as one function, (state, input) -> actions.
 *
 * The other rooms turn bytes into inputs and perform the actions; only the core decides. No clock
 * (each input carries the time of its loop iteration), no I/O, no heap, not even at init: the
 * memory belongs to the caller, and a copy of the struct is a copy of the core (`explain --if` uses
 * one).
 *
 * An iteration of the loop: every input that has arrived, then one LOCUM_INPUT_COMMIT with the same
 * or a later time. Conditions and the plan advance only at the commit, after all sockets were read.
 * A commit follows every input, locum_core_init() and locum_core_reconfigure(). Without any of them
 * the next commit must come at `next_commit`, when the passing of time alone changes something.
 * More than timeout/2 after that it is a stall (GRACE-2); before that it changes nothing.
 */
#ifndef LOCUM_CORE_STEP_H
#define LOCUM_CORE_STEP_H

#include "core/admin.h"
#include "core/detector.h"
#include "core/family.h"
#include "core/heartbeat.h"
#include "core/plan.h"
#include "core/rank.h"
#include "core/service.h"
#include "core/view.h"

enum {
    LOCUM_SEND_GAP_MS = 20,     /* HEARTBEAT-1: from one heartbeat to the next, at least */
    LOCUM_LEAVING_MAX_MS = 200, /* LEAVE-1 */
};

enum locum_input_kind {
    LOCUM_INPUT_COMMIT,
    LOCUM_INPUT_HEARTBEAT,  /* .heartbeat: its signature is valid */
    LOCUM_INPUT_REDIS,      /* .subscribed: the heartbeat channel was (re)subscribed or lost */
    LOCUM_INPUT_SENTINEL,   /* .sentinel: a Sentinel's view was read */
    LOCUM_INPUT_SAMPLE,     /* .sample: a check has an outcome */
    LOCUM_INPUT_MIRRORBITS, /* .node: the Mirrorbits of that node announced itself */
    LOCUM_INPUT_ADMIN,      /* .admin: checked with locum_core_admin_check() */
    LOCUM_INPUT_EXCLUDE,    /* .exclude */
    LOCUM_INPUT_DNS,        /* .dns: a peer's DNS was asked */
    LOCUM_INPUT_DNS_CLAIM,  /* .dns_claim: what is open here */
    LOCUM_INPUT_ADDRESS,    /* .address: an own address of the family is gone, or all are there */
    LOCUM_INPUT_CLOCK,      /* .synchronised: the kernel says so of the wall clock, or no longer */
    LOCUM_INPUT_DEGRADED,   /* .degraded: something is, here, that the core cannot know */
    LOCUM_INPUT_KEYS,       /* .keys: the digests of DNSSEC are these now */
    LOCUM_INPUT_LEAVE,      /* an orderly stop begins; LOCUM_ACTION_LEFT ends it */
};

struct locum_input {
    enum locum_input_kind kind;
    struct locum_now now;
    union {
        struct {
            enum locum_path path;
            struct locum_slice text;  /* without the signature; borrowed during the step */
            enum locum_family family; /* of a datagram */
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
        struct {
            locum_node peer; /* not this node itself */
            enum locum_family family;
            enum locum_transport transport;
            enum locum_dns_state state;
        } dns;
        enum locum_dns_claim dns_claim;
        struct {
            enum locum_family family;
            bool absent;
        } address;
        bool synchronised;
        bool degraded;
        struct locum_key_digests keys;
    };
};

enum locum_event_kind {
    LOCUM_EVENT_CONDITION,      /* .condition */
    LOCUM_EVENT_SERVICE,        /* .service of this node */
    LOCUM_EVENT_ADMIN,          /* .admin of this node */
    LOCUM_EVENT_SERVING,        /* .serving */
    LOCUM_EVENT_EXCLUDED,       /* .peer: the operator keeps it out of this node's answers */
    LOCUM_EVENT_INCLUDED,       /* .peer */
    LOCUM_EVENT_STALL,          /* .late_ms: a commit came that late (GRACE-2) */
    LOCUM_EVENT_INCARNATION,    /* .incarnation: raised to this (RECEIVE-3) */
    LOCUM_EVENT_DUPLICATE_NODE, /* .incarnation: another node has this node's name (RECEIVE-2) */
    LOCUM_EVENT_ONE_WAY,        /* .peer: it does not hear this node any more (RECEIVE-7) */
    LOCUM_EVENT_TWO_WAY,        /* .peer: it hears this node again */
    LOCUM_EVENT_RESTART,        /* .restart: a peer has begun another run (RECEIVE-11) */
    LOCUM_EVENT_LEAVING,
    LOCUM_EVENT_DNS,    /* .dns: a peer's DNS fails, or works again (DNS-3) */
    LOCUM_EVENT_FAMILY, /* .family: a node has lost an address family, or has it back */
    LOCUM_CORE_EVENTS,  /* their number; report/events.h goes on from here */
};

struct locum_event {
    enum locum_event_kind kind;
    union {
        struct locum_condition_event condition;
        struct locum_family_event family;
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
            locum_node peer;
            bool left; /* its last run ended in order, with `leaving` */
        } restart;
        struct {
            locum_node peer;
            enum locum_family family;
            enum locum_transport transport;
            enum locum_dns_state from, to;
        } dns;
        locum_node peer;
        locum_ms late_ms;
        uint64_t incarnation;
    };
};

enum locum_action_kind {
    LOCUM_ACTION_HEARTBEAT, /* send one now: locum_core_heartbeat() writes its texts */
    LOCUM_ACTION_PLAN,      /* the plan changed: locum_core.plan */
    LOCUM_ACTION_EVENT,     /* .event: log it, put it into the event stream */
    LOCUM_ACTION_PERSIST,   /* what must outlive the boot has changed: locum_core_saved() */
    LOCUM_ACTION_SAVE,      /* what a restart continues with has changed: RESUME-1 */
    LOCUM_ACTION_LEFT,      /* the orderly stop may end */
};

struct locum_action {
    enum locum_action_kind kind;
    struct locum_event event;
};

/* For each peer one event by grace and one by time, for each node one a family, and some more. */
enum { LOCUM_ACTIONS_MAX = (2 + LOCUM_FAMILIES) * LOCUM_NODES_MAX + 16 };

struct locum_actions {
    size_t count;
    struct locum_action at[LOCUM_ACTIONS_MAX];
};

/* For the files of core/: append an action or an event. Returned to be filled in; the rest is zero.
 */
struct locum_action *locum_core_add_action(struct locum_actions *actions,
                                           enum locum_action_kind kind);
struct locum_event *locum_core_add_event(struct locum_actions *actions, enum locum_event_kind kind);

/* What outlives a boot (SAVE-1): kept in the state file by daemon/. */
struct locum_saved {
    uint64_t incarnation; /* 0: none saved */
    struct locum_admin_state admin;
};

/* The inputs of the plan as they were at the last commit (RESUME-1). */
struct locum_noted {
    uint8_t node[LOCUM_NODES_MAX][5 + LOCUM_FAMILIES];
    uint8_t check[LOCUM_CHECKS_MAX];
};

struct locum_core {
    struct locum_core_config config; /* a copy */
    struct locum_view view;
    struct locum_detector detector;
    struct locum_families families;
    struct locum_service_state service;
    struct locum_admin_state admin;
    struct locum_ranks rank[LOCUM_NODES_MAX];
    struct locum_plan plan;
    struct locum_serving serving;
    struct locum_noted noted;
    bool save_wanted;      /* by the end of the next commit */
    bool plan_reported;    /* the first plan was handed out */
    bool send_wanted;      /* a heartbeat, LOCUM_SEND_GAP_MS after the last at the earliest */
    locum_ms last_send;    /* mono; LOCUM_NEVER */
    locum_ms next_commit;  /* mono, when time alone needs a commit; LOCUM_NEVER: now */
    uint32_t degraded;     /* what the last heartbeat said is broken here (GREEN-5) */
    bool degraded_besides; /* LOCUM_INPUT_DEGRADED */
    bool leaving;
    uint64_t leaving_seq;        /* the first heartbeat that said leaving; 0: none yet */
    locum_ms leaving_since;      /* mono */
    bool left;                   /* LOCUM_ACTION_LEFT was given */
    locum_ms duplicate_reported; /* mono time of the last LOCUM_EVENT_DUPLICATE_NODE; LOCUM_NEVER */
    bool raise_unreported;       /* it was raised, and no event has said so yet */
    locum_ms raise_reported;     /* mono time of the last LOCUM_EVENT_INCARNATION; LOCUM_NEVER */
    uint64_t ignored;            /* heartbeats of no known version, cluster or node, or malformed */
};

/* The incarnation of a run that begins now, after one of incarnation `last`; 0: none is known. */
uint64_t locum_core_incarnation_after(uint64_t last, struct locum_now now);

/*
 * Begin a run.
 *
 * config  copied. Must be valid (config/ has checked it); its ranges are invariants here.
 * saved   of the last run, or NULL. The incarnation becomes max(saved + 1, now.wall).
 * The plan is made at once (everything unknown: every node names itself); the first commit hands it
 * out.
 */
void locum_core_init(struct locum_core *self, const struct locum_core_config *config,
                     const struct locum_saved *saved, struct locum_now now);

/*
 * The first moment after `now` at which a commit could change anything without any input: between
 * `now` + 1 and `now` + interval, so that an error here cannot stop time. The commit stores it in
 * `next_commit`.
 *
 * now  of the commit that has just been performed.
 */
locum_ms locum_core_next(const struct locum_core *self, struct locum_now now);

/* Perform one input. `ret_actions` is written whole. */
void locum_core_step(struct locum_core *self, const struct locum_input *input,
                     struct locum_actions *ret_actions);

/*
 * Take a new configuration of the same cluster and own name (config_reloadable() has checked that).
 * The facts about nodes that are still there (by name) stay, those about others are forgotten;
 * checks start again. The plan is made at once, and the caller hands it out.
 *
 * mirrorbits  nodes whose Mirrorbits is now expected under another host name or database.
 */
void locum_core_reconfigure(struct locum_core *self, const struct locum_core_config *config,
                            locum_nodes mirrorbits, struct locum_now now);

/*
 * The text of the heartbeat that LOCUM_ACTION_HEARTBEAT asks for, without its signature.
 *
 * to  a peer (UDP: acknowledgements for it alone), or LOCUM_NODE_NONE (Redis: all of them).
 */
void locum_core_heartbeat(const struct locum_core *self, locum_node to, struct locum_now now,
                          struct locum_text *text);

/* What is to be persisted beyond the boot. What a restart in the same boot continues with:
 * core/resume.h. */
void locum_core_saved(const struct locum_core *self, struct locum_saved *ret);

/*
 * May the operator take this node out of service? 0, or LOCUM_ERR_REFUSED if fewer than min-serving
 * servers of rank A or B would stay. *ret_left says how many would.
 */
int locum_core_admin_check(const struct locum_core *self, enum locum_admin state, bool force,
                           size_t *ret_left) LOCUM_MUST_CHECK;

/* The condition of a node at this one: its own is alive, that of role sentinel unknown. */
enum locum_condition locum_core_condition(const struct locum_core *self, locum_node node);

/* A node's service and admin state as known here (own or last heard). */
enum locum_service locum_core_service(const struct locum_core *self, locum_node node);
enum locum_admin locum_core_admin(const struct locum_core *self, locum_node node);

/* The best rank of a node in the families that it has; of the first if it has none. */
enum locum_rank locum_core_rank(const struct locum_core *self, locum_node node);

/* Some rank differs from those that the plan was made of; only ranks change a plan. */
bool locum_core_ranks_moved(const struct locum_core *self);

/* Make ranks, plan and serving from the state; returns true if plan or serving changed. */
bool locum_core_replan(struct locum_core *self);

/*
 * For `explain --if` and `next_loss`, on a copy of the core: assume a state of a node, then replan.
 * state: a condition ("down"), a service state ("failing"), an admin state ("drain") or "excluded".
 * 0 or LOCUM_ERR_INVALID (there is no such state, or this node cannot have it).
 */
int locum_core_assume(struct locum_core *copy, locum_node node,
                      struct locum_slice state) LOCUM_MUST_CHECK;

#endif
