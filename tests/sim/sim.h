/*
 * sim: the real decision core of every node of a cluster under one virtual clock, with a model of
 * the network, of Redis and of Sentinel around it. Everything that happens follows from one seed.
 *
 *   schedule.c, story.c   what goes wrong, and when (faults)
 *   fault.c               does it
 *   net.c                 links: delay, jitter, loss, duplication, cuts in one or both directions
 *   redis.c               Redis instances, each coordinator's connection, publish and subscribe
 *   sentinel.c            what each Sentinel sees; failover of Redis; polls by the coordinators
 *   node.c                a coordinator: events in, actions performed; freezing, restarts
 *   check.c, oracle.c     the invariants, after every turn
 *   world.c, queue.c      the cluster's shape, the loop
 *   trace.c               what happened, for a reader
 *
 * The models are those of the shells around the core: what a connection does, not what it decides.
 */
#ifndef LOCUM_SIM_H
#define LOCUM_SIM_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "core/step.h"
#include "core/vote.h"

enum {
    SIM_NODES_MAX = 8,
    SIM_FAULTS_MAX = 128,
    SIM_INBOX_MAX = 2048,    /* events kept while a process is frozen */
    SIM_DATAGRAMS_MAX = 200, /* of them datagrams: a socket buffer is not endless */
    SIM_SHELL_MS = 50,       /* a coordinator looks after its connections this often */
    SIM_WORLD_MS = 100,      /* Sentinel's own timer */
    SIM_REDIS_TIMEOUT_MS = 1000,
    SIM_CHECK_MS = 250,  /* a sample of the download service */
    SIM_HEAL_MS = 20000, /* a random schedule's faults end here */
    SIM_END_MS = 30000,  /* and it ends here, later only if somebody is on probation */
};

/* What goes wrong or right again. `a`, `b`: nodes; `amount`: see each. */
enum sim_fault_kind {
    SIM_HOST_CRASH, /* a: its coordinator, Redis, Sentinel and network */
    SIM_HOST_BOOT,
    SIM_CRASH,       /* a: the coordinator's process */
    SIM_START,       /* a: with what it had saved */
    SIM_START_EMPTY, /* a: its state file is lost */
    SIM_LEAVE,       /* a: an orderly stop */
    SIM_FREEZE,      /* a: the coordinator stands still for `amount` ms */
    SIM_FREEZE_HOST, /* a: Redis and Sentinel too */
    SIM_CUT,         /* a, b: in both directions */
    SIM_UNCUT,
    SIM_CUT_ONE_WAY, /* a -> b */
    SIM_UNCUT_ONE_WAY,
    SIM_ISOLATE, /* a: from everybody */
    SIM_REJOIN,
    SIM_UDP_BLOCK, /* a, b: datagrams only, in both directions */
    SIM_UDP_UNBLOCK,
    SIM_DEAF, /* a: no datagram reaches it */
    SIM_UNDEAF,
    SIM_LAG,  /* a: what it sends takes `amount` ms longer; 0: as ever */
    SIM_LOSS, /* everywhere: `amount` per mille; 0: none */
    SIM_REDIS_KILL,
    SIM_REDIS_START,
    SIM_REDIS_FREEZE, /* a: for `amount` ms */
    SIM_KICK,         /* a: Redis throws this subscriber out */
    SIM_SENTINEL_KILL,
    SIM_SENTINEL_START,
    SIM_TILT, /* a: its Sentinel trusts nothing, itself included */
    SIM_UNTILT,
    SIM_WALL_STEP,    /* a: by `amount` ms */
    SIM_ADMIN,        /* a: `amount` is an enum locum_admin */
    SIM_SERVICE_FAIL, /* a: times out (`amount` 0) or refuses (1) */
    SIM_SERVICE_BACK,
    SIM_EXCLUDE, /* a keeps b out of its answers */
    SIM_INCLUDE,
    SIM_HEAL, /* everything */
};

struct sim_fault {
    locum_ms at;
    enum sim_fault_kind kind;
    locum_node a, b;
    locum_ms amount;
};

/* A text on its way, shared by its receivers. */
struct sim_text {
    unsigned holders;
    size_t length;
    char at[];
};

enum sim_event_kind {
    SIM_EVENT_FAULT,    /* .index */
    SIM_EVENT_THAW,     /* .node */
    SIM_EVENT_WORLD,    /* Sentinels ping, Redis fails over */
    SIM_EVENT_DATAGRAM, /* .text reaches .node */
    SIM_EVENT_PUBLISH,  /* .text of .node reaches the Redis it is connected to */
    SIM_EVENT_MESSAGE,  /* .text reaches .node, a subscriber */
    SIM_EVENT_POLL,     /* .node asks all Sentinels */
    SIM_EVENT_POLLED,   /* .node gets .sentinel */
    SIM_EVENT_SAMPLE,   /* .node's service check */
    SIM_EVENT_SHELL,    /* .node looks after its connection */
    SIM_EVENT_VERDICT,  /* .index: a takeover must have happened by now */
    SIM_EVENT_TURN,     /* .node's tick, after input or when its time has come; ends its ms */
};

struct sim_sentinel_told {
    locum_node voter;
    bool tilt;
    uint8_t known[SIM_NODES_MAX];
    uint8_t down[SIM_NODES_MAX];
};

struct sim_event {
    locum_ms at;
    uint64_t order; /* of being scheduled */
    enum sim_event_kind kind;
    locum_node node;
    uint32_t token; /* must still be the node's run, connection or turn, else it is void */
    size_t index;
    struct sim_text *text; /* held */
    struct sim_sentinel_told sentinel;
};

/* One direction between two nodes. */
struct sim_link {
    unsigned cut;     /* reasons why nothing passes */
    unsigned udp_cut; /* reasons why datagrams do not */
    locum_ms delay_ms, lag_ms;
    locum_ms jitter_ms;
};

struct sim_redis {
    bool exists, alive, master;
    uint32_t run;
    locum_ms frozen_until;
    locum_ms demote_at; /* a returned old master learns of the new one then; LOCUM_NEVER */
};

enum { SIM_INSTANCES = 2 }; /* at a node: Redis, Sentinel */

struct sim_sentinel {
    bool exists, alive, tilt;
    locum_ms frozen_until;
    uint64_t epoch;
    locum_ms next_ping[SIM_NODES_MAX][SIM_INSTANCES];
    locum_ms unanswered[SIM_NODES_MAX][SIM_INSTANCES]; /* since; LOCUM_NEVER */
};

/* A coordinator's connection to the Redis it takes for the master. */
struct sim_connection {
    bool connected;
    locum_node to;
    uint32_t token;
    uint32_t redis_run;
    locum_ms last_reply, retry_at, since;
    locum_ms last_arrival[2]; /* TCP keeps the order: out, in */
    locum_ms held_until[2];   /* what arrives before is sent again then */
};

struct sim_node {
    bool host_up, running;
    uint32_t run;
    locum_ms frozen_until;
    locum_ms mono_offset, wall_offset;
    struct locum_core core;
    struct locum_saved saved;
    bool has_saved;
    uint32_t turn; /* only the turn event with this token counts */
    locum_ms turn_at;
    struct sim_event inbox[SIM_INBOX_MAX];
    size_t inbox_count, inbox_datagrams;
    struct sim_connection redis;
    uint64_t epoch; /* of the master it goes by */
    bool service_ok, service_refuses;
    locum_ms up_since; /* its own service word is up since; LOCUM_NEVER */
    struct sim_sentinel_told told[SIM_NODES_MAX]; /* the last poll of each Sentinel */
    locum_ms told_at[SIM_NODES_MAX];
    locum_ms last_send;
    bool ever_left;                        /* an orderly stop was asked for */
    enum locum_rank rank[LOCUM_NODES_MAX]; /* as last looked at */
};

/* What node I has really accepted of P, for the oracles. */
struct sim_pair {
    locum_ms heard;       /* the core's stamp, to see a new one */
    locum_ms accepted;    /* when; LOCUM_NEVER */
    locum_ms gap;         /* a stretch of `timeout` without any was seen last; LOCUM_NEVER */
    locum_ms held_down;   /* I held P down last; LOCUM_NEVER */
    bool adopted;         /* that verdict came from somebody else */
    locum_ms returned;    /* I held P returning since */
    bool dead_verdict;    /* P was not running when I held it down */
    uint32_t verdict_run; /* P's run at that verdict */
    locum_ms not_working; /* two-way UDP between them was bad (> 10 % loss) last */
    locum_ms not_clean;   /* or not without any loss */
};

/* A crash that is watched: who must have taken over by `deadline`. */
struct sim_crash {
    locum_node node;
    uint32_t run;
    locum_ms at;
    bool sentinels;        /* the later deadline: Sentinels' votes count too */
    locum_nodes witnesses; /* coordinators that had clean two-way UDP with it */
};

struct sim {
    uint64_t seed, random;
    locum_ms now;
    struct locum_core_config config; /* with self = 0 */
    size_t nodes, servers;
    bool udp;               /* the peer port is open at all */
    bool calm;              /* nothing but loss up to 10 %: no suspicion may be raised */
    locum_ms down_after_ms; /* of the Sentinels */
    locum_ms delay_max_ms;  /* the longest one-way delay of any link */
    unsigned loss_permille, duplicate_permille;
    struct sim_link link[SIM_NODES_MAX][SIM_NODES_MAX];
    struct sim_redis redis[SIM_NODES_MAX];
    struct sim_sentinel sentinel[SIM_NODES_MAX];
    struct sim_node node[SIM_NODES_MAX];
    struct sim_pair pair[SIM_NODES_MAX][SIM_NODES_MAX];
    locum_node master[SIM_FAULTS_MAX + 1]; /* by config epoch */
    uint64_t epoch;                        /* the highest */
    locum_ms failover_at;                  /* LOCUM_NEVER: none under way */
    struct sim_fault fault[SIM_FAULTS_MAX];
    size_t faults;
    struct sim_crash crash[SIM_FAULTS_MAX];
    size_t crashes;
    locum_ms last_fault; /* LOCUM_NEVER */
    locum_ms healed;     /* LOCUM_NEVER */
    locum_ms end;
    struct sim_event *queue;
    size_t queued, queue_room;
    uint64_t scheduled;
    uint64_t steps;
    FILE *trace;     /* NULL: none */
    uint64_t digest; /* of all edges: two runs of one seed are the same */
    unsigned violations;
};

/* --- world.c ---------------------------------------------------------------------------------- */

/* A random cluster. `sim` is all zero but for the trace. */
void sim_world_random(struct sim *sim, uint64_t seed);
/* The cluster of the stories: `servers` dc2, dc3, ..., then ns0, ... and s0, .... */
void sim_world_shape(struct sim *sim, uint64_t seed, size_t servers, size_t witnesses,
                     size_t sentinels);
/* Run it to its end, or to the first violation. */
void sim_run(struct sim *sim);
void sim_fini(struct sim *sim);
/* Uniform in 0 .. below - 1; below >= 1. */
uint64_t sim_random(struct sim *sim, uint64_t below);
locum_ms sim_between(struct sim *sim, locum_ms from, locum_ms to);
bool sim_chance(struct sim *sim, unsigned permille);

/* --- queue.c ---------------------------------------------------------------------------------- */

void sim_push(struct sim *sim, struct sim_event event);
bool sim_pop(struct sim *sim, struct sim_event *ret);
struct sim_text *sim_text_make(const char *at, size_t length);
void sim_text_drop(struct sim_text *text);

/* --- net.c ------------------------------------------------------------------------------------ */

/* TCP between two hosts works, in both directions. */
bool sim_connects(const struct sim *sim, locum_node a, locum_node b);
bool sim_passes(const struct sim *sim, locum_node from, locum_node to);
void sim_datagram(struct sim *sim, locum_node from, locum_node to, struct sim_text *text);
/* One-way time of a piece of a TCP stream, retransmissions included. */
locum_ms sim_tcp_delay(struct sim *sim, locum_node from, locum_node to);
/* Note which paths are bad now; called around each change. */
void sim_paths_note(struct sim *sim);
bool sim_path_working_for(struct sim *sim, locum_node a, locum_node b, locum_ms duration);
bool sim_path_clean_for(struct sim *sim, locum_node a, locum_node b, locum_ms duration);

/* --- redis.c ---------------------------------------------------------------------------------- */

void sim_redis_publish(struct sim *sim, locum_node node, struct sim_text *text);
void sim_redis_arrived(struct sim *sim, const struct sim_event *event);
void sim_redis_message(struct sim *sim, const struct sim_event *event);
void sim_redis_drop(struct sim *sim, locum_node node);
void sim_redis_shell(struct sim *sim, locum_node node);

/* --- sentinel.c ------------------------------------------------------------------------------- */

void sim_sentinel_world(struct sim *sim);
void sim_sentinel_poll(struct sim *sim, locum_node node);
bool sim_sentinel_answers(const struct sim *sim, locum_node at, locum_node asker);
/* Does the Sentinel at `voter` hold all instances of `node` s_down now? */
bool sim_sentinel_holds_down(const struct sim *sim, locum_node voter, locum_node node);

/* --- node.c ----------------------------------------------------------------------------------- */

void sim_node_start(struct sim *sim, locum_node node, bool with_saved);
void sim_node_stop(struct sim *sim, locum_node node);
bool sim_node_frozen(const struct sim *sim, locum_node node);
void sim_node_freeze(struct sim *sim, locum_node node, locum_ms duration);
/* An input from the queue: handled now, or kept until the process is thawed. */
void sim_node_input(struct sim *sim, const struct sim_event *event);
void sim_node_thaw(struct sim *sim, locum_node node);
void sim_node_turn(struct sim *sim, const struct sim_event *event);
/* Hand an event to the core and perform what comes of it. */
void sim_node_step(struct sim *sim, locum_node node, struct locum_event *event);
struct locum_now sim_node_now(const struct sim *sim, locum_node node);

/* --- fault.c, schedule.c, story.c ------------------------------------------------------------- */

void sim_fault_do(struct sim *sim, const struct sim_fault *fault);
void sim_fault_add(struct sim *sim, locum_ms at, enum sim_fault_kind kind, locum_node a,
                   locum_node b, locum_ms amount);
void sim_schedule_random(struct sim *sim);
/* Set up the story of that name; false if there is none. */
bool sim_story(struct sim *sim, const char *name);
void sim_story_list(FILE *out);

/* --- check.c, oracle.c ------------------------------------------------------------------------ */

void sim_check_turn(struct sim *sim, locum_node node);
/* The core's next turn is the first that can change anything. */
void sim_check_next(struct sim *sim, locum_node node);
/* The schedule is over: is everybody well again? True if there is reason to wait a while longer. */
bool sim_check_end(struct sim *sim);
void sim_oracle_heard(struct sim *sim, locum_node node);
void sim_oracle_edge(struct sim *sim, locum_node node, const struct locum_condition_edge *edge);
void sim_oracle_crash(struct sim *sim, locum_node node, bool host);
void sim_oracle_verdict(struct sim *sim, size_t crash);
void sim_violated(struct sim *sim, locum_node node, const char *invariant, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* --- trace.c ---------------------------------------------------------------------------------- */

void sim_trace(struct sim *sim, locum_node node, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void sim_trace_edge(struct sim *sim, locum_node node, const struct locum_edge *edge);
void sim_trace_fault(struct sim *sim, const struct sim_fault *fault);
const char *sim_name(const struct sim *sim, locum_node node);

#endif
