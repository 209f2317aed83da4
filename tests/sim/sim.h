/*
 * sim: the real decision core of every node of a cluster under one virtual clock, with a model of
 * the network, of Redis and of Sentinel around it. Everything that happens follows from a schedule:
 * the shape of the world, a seed, and what goes wrong when (faults).
 *
 *   schedule.c            a random schedule
 *   text.c                a schedule as text: read, written
 *   shrink.c              a schedule that fails, made smaller
 *   fault.c, tape.c       perform faults; record and replay heartbeats
 *   keys.c, forge.c       keys of nodes, an insider; heartbeats that are signed and not true
 *   net.c                 links: delay, jitter, loss, duplication, cuts in one or both directions
 *   redis.c               Redis instances, each coordinator's connection, publish and subscribe
 *   sentinel.c            what each Sentinel sees; failover of Redis; polls by the coordinators
 *   dns.c                 the servers' port 53, and the coordinators' questions to it
 *   node.c                a coordinator: inputs, actions, freezing, restarts
 *   check.c, oracle.c     the invariants, after every commit
 *   green.c               INV-8: what a node says of one more loss, tried in a copy of the world
 *   world.c, queue.c      the cluster's shape, the loop
 *   trace.c               what happened, as text
 *   figures.c             measurements over many runs
 *
 * The models replace the rooms around the core: what a connection does, not what is decided.
 */
#ifndef LOCUM_SIM_H
#define LOCUM_SIM_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/keyring.h"
#include "core/resume.h"
#include "core/step.h"
#include "core/vote.h"

enum {
    SIM_NODES_MAX = LOCUM_NODES_MAX,
    SIM_NAMES_MAX = SIM_NODES_MAX + 2, /* two shared ones, one owned by each server */
    SIM_FAULTS_MAX = 128,
    SIM_INBOX_MAX = 2048,    /* events kept while a process is frozen */
    SIM_DATAGRAMS_MAX = 200, /* of them datagrams: a socket buffer is limited */
    SIM_STATE_MAX = 32768,   /* bytes of what a run has left for the next one */
    SIM_LINE_MAX = LOCUM_HEARTBEAT_MAX + LOCUM_KEYRING_BYTES_MAX,
    SIM_TAPE_MAX = 2048, /* datagrams that an attacker has recorded */
    SIM_SHELL_MS = 50,   /* a coordinator checks its connections this often */
    SIM_WORLD_MS = 100,  /* Sentinel's own timer */
    SIM_REDIS_TIMEOUT_MS = 1000,
    SIM_DNS_MS = 2000,       /* DNS-2: each peer's DNS is asked this often */
    SIM_CHECK_MS = 250,      /* a sample of the download service */
    SIM_HEAL_MS = 20000,     /* a random schedule's faults end here */
    SIM_END_MS = 30000,      /* and it ends here, later only if a node is on probation */
    SIM_FORGED_TIMEOUTS = 6, /* INV-10: a forged heartbeat has no effect for longer */
    SIM_VARIANT_MS = 500,    /* recover-after is longer by this in the other configuration */
};

/* INV-1 to INV-10, each with a check of its own. */
enum sim_check {
    SIM_NO_FALSE_TAKEOVER,
    SIM_TAKEOVER_IN_TIME,
    SIM_NEVER_SILENT,
    SIM_NEVER_WORSE,
    SIM_CONVERGENCE,
    SIM_NO_FLAPPING,
    SIM_DETERMINISM,
    SIM_NO_GREEN_LIE,
    SIM_RESTART,
    SIM_ACCEPTED,
};
enum { SIM_CHECKS = SIM_ACCEPTED + 1 };

/* The shape of a world. Times in ms, rates per mille. Its text form: text.c. */
struct sim_world {
    int64_t seed; /* of all random numbers of the run */
    int64_t servers, witnesses;
    int64_t sentinels; /* sites with a Sentinel and no coordinator */
    int64_t lone;      /* 1: the last node alone has a Sentinel */
    int64_t quorum;    /* 0: the default */
    int64_t interval, timeout, recover_after;
    int64_t down_after;                   /* of the Sentinels */
    int64_t udp;                          /* 0: the peer port is closed everywhere */
    int64_t delay_min, delay_max, jitter; /* of each link, one way */
    int64_t loss, duplicate;
    int64_t mixed;    /* 1: some have IPv6 too, some a list of successors */
    int64_t dual;     /* 1: all coordinators have IPv6 too */
    int64_t keys;     /* 1: coordinators have key pairs and require them */
    int64_t newcomer; /* 1: before a reload no other node knows the last one */
    int64_t calm;     /* 1: only loss, up to 10 %: no node may be suspected */
    int64_t end;
};

/* Faults, and their ends. `a`, `b`: nodes; `amount`: ms unless noted. */
enum sim_fault_kind {
    SIM_HOST_CRASH, /* a: its coordinator, Redis, Sentinel and network */
    SIM_HOST_BOOT,
    SIM_CRASH,       /* a: the coordinator's process */
    SIM_START,       /* a: with what it had saved */
    SIM_START_EMPTY, /* a: what it had saved is lost */
    SIM_START_OLDER, /* a: the last save was not written; it has the one before */
    SIM_START_NEXT,  /* a: the next version of the program */
    SIM_REPLACE,     /* a: its program replaces itself, in `amount`; the sockets stay */
    SIM_LEAVE,       /* a: an orderly stop */
    SIM_FREEZE,      /* a: the coordinator is frozen for `amount` */
    SIM_FREEZE_HOST, /* a: Redis and Sentinel too */
    SIM_SUSPEND,     /* a: the host, and its monotonic clock does not advance */
    SIM_WALL_STEP,   /* a: by `amount` */
    SIM_ADMIN,       /* a: b is an enum locum_admin; `amount` is its lease, 0: none */
    SIM_EXCLUDE,     /* a keeps b out of its answers */
    SIM_INCLUDE,
    SIM_SERVICE_FAIL,    /* a: times out */
    SIM_SERVICE_REFUSE,  /* a: refuses connections */
    SIM_SERVICE_FLAKY,   /* a: fails `amount` per mille of the samples */
    SIM_SERVICE_DEGRADE, /* a: works, but worse than it should */
    SIM_SERVICE_LACK,    /* a: cannot run its check; the service stays as it is */
    SIM_SERVICE_BACK,
    SIM_RECONFIGURE, /* a: a reload; `amount` 1: the other configuration, 0: the first */
    SIM_SECRET,      /* a: `amount` 0 old, 1 old signs, 2 new signs, 3 new */
    SIM_REPLAY,      /* a: what it has sent is replayed to its receivers for `amount` */
    SIM_SPOOF,       /* a: an attacker forges its heartbeats for `amount` */
    SIM_IMPERSONATE, /* b: someone with the secret and the keys of a forges its heartbeats */
    SIM_UNSYNC,      /* a: the kernel does not call its clock synchronised */
    SIM_SYNC,
    /* One signed heartbeat in the name of a reaches b, with a number that a never used: 2^`amount`,
     * or 1000 more than the true one if `amount` is 0. */
    SIM_FORGE_SEQ,
    SIM_FORGE_RUN,
    SIM_FORGE_STALE, /* a seq, and it acknowledges nothing */
    SIM_FORGE_ACK,   /* it acknowledges that run of b */
    SIM_INSIDER,     /* a lies for `amount`; b is a set of enum sim_lies */
    SIM_CUT,         /* a, b: in both directions */
    SIM_UNCUT,
    SIM_CUT_ONE_WAY, /* a -> b */
    SIM_UNCUT_ONE_WAY,
    SIM_ISOLATE, /* a: from all other nodes */
    SIM_REJOIN,
    SIM_MUTE, /* a: nothing that it sends arrives */
    SIM_UNMUTE,
    SIM_BLOCK_IN, /* a: nothing reaches it */
    SIM_UNBLOCK_IN,
    SIM_UDP_BLOCK, /* a, b: datagrams only, in both directions */
    SIM_UDP_UNBLOCK,
    SIM_UDP_BLOCK_IN, /* a: no datagram reaches it */
    SIM_UDP_UNBLOCK_IN,
    /* Of one address family, `amount` 4 or 6: datagrams only, TCP uses the other one. */
    SIM_FAMILY_CUT, /* a: nothing of it reaches or leaves a */
    SIM_FAMILY_UNCUT,
    SIM_FAMILY_MUTE, /* a: nothing of it that a sends arrives */
    SIM_FAMILY_UNMUTE,
    SIM_FAMILY_CUT_LINK, /* a, b: in both directions */
    SIM_FAMILY_UNCUT_LINK,
    SIM_ADDRESS_LOST, /* a: the same as SIM_FAMILY_CUT, and a knows it */
    SIM_ADDRESS_BACK,
    SIM_LAG,  /* a: what it sends takes `amount` longer; 0: no longer */
    SIM_LOSS, /* everywhere: `amount` per mille; 0: none */
    SIM_REDIS_KILL,
    SIM_REDIS_START,
    SIM_REDIS_FREEZE,  /* a: for `amount` */
    SIM_REDIS_LOADING, /* a: publishes, but cannot be promoted */
    SIM_REDIS_MISCONF, /* a: publishes, but Sentinel does not accept its reply to PING */
    SIM_REDIS_WELL,
    SIM_KICK,      /* a: Redis closes this subscriber's connection */
    SIM_KICK_EACH, /* a: repeatedly, every `amount`; 0: stop */
    SIM_SENTINEL_KILL,
    SIM_SENTINEL_START,
    SIM_TILT, /* a: its Sentinel is in TILT */
    SIM_UNTILT,
    SIM_LIE, /* a, b: the Sentinel of a reports b's instances as down if they are up, or as up */
    SIM_HONEST,
    SIM_REMOVE, /* a: its Sentinel forgets the master (SENTINEL REMOVE): no poll is complete */
    SIM_MONITOR,
    SIM_UNMAP, /* a: Sentinels list its instances by addresses that no node has */
    SIM_MAP,
    SIM_RESET,  /* a: its Sentinel forgets all instances that do not answer it now */
    SIM_REFUSE, /* a: Redis refuses its PUBLISH (ACL) */
    SIM_ALLOW,
    /* a: its port 53, and nothing else. Of a firewall a itself knows nothing. */
    SIM_DNS_BLOCK,
    SIM_DNS_UNBLOCK,
    SIM_DNS_TAKEN, /* by another program, which refuses all questions */
    SIM_DNS_FREED,
    SIM_HEAL, /* everything */
};

struct sim_fault {
    locum_ms at;
    enum sim_fault_kind kind;
    locum_node a, b;
    locum_ms amount;
};

struct sim_schedule {
    struct sim_world world;
    struct sim_fault fault[SIM_FAULTS_MAX];
    size_t faults;
};

/* A text on its way, shared by its receivers. */
struct sim_text {
    unsigned holders;
    unsigned key; /* the secret that signed it */
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
    SIM_EVENT_POLLED,   /* .node gets .text, a struct sim_sentinel_report */
    SIM_EVENT_SAMPLE,   /* .node's service check */
    SIM_EVENT_CLOCK,    /* .node learns whether its clock is synchronised */
    SIM_EVENT_ADDRESS,  /* .node learns whether it has the addresses of .family */
    SIM_EVENT_SHELL,    /* .node looks after its connection */
    SIM_EVENT_DNS,      /* .node asks the DNS of its peers */
    SIM_EVENT_KICK,     /* .node's connection is closed once more */
    SIM_EVENT_ATTACK,   /* .index: the fault that continues */
    SIM_EVENT_VERDICT,  /* .index: a takeover must have happened by now */
    SIM_EVENT_COMMIT,   /* .node's commit, after inputs or at next_commit; last in its ms */
};

struct sim_sentinel_report {
    locum_node voter;
    bool tilt;
    uint8_t known[SIM_NODES_MAX];
    uint8_t down[SIM_NODES_MAX];
};

struct sim_event {
    locum_ms at;
    uint64_t order;        /* of being scheduled; commits after all others */
    struct sim_text *text; /* held */
    uint32_t
        token; /* must still be the node's run, connection or commit_token, else it is dropped */
    uint32_t index;
    uint8_t kind;   /* enum sim_event_kind */
    uint8_t family; /* of a datagram, an address */
    locum_node node;
};

/* One direction between two nodes. */
struct sim_link {
    unsigned cut;                        /* the number of reasons why nothing passes */
    unsigned udp_cut;                    /* reasons why datagrams do not */
    unsigned family_cut[LOCUM_FAMILIES]; /* and those of one family */
    locum_ms delay_ms, lag_ms;
    locum_ms jitter_ms;
};

enum { SIM_INSTANCES = 2 }; /* at a node: Redis, Sentinel */

struct sim_redis {
    bool exists, alive, master;
    bool loading, misconf;
    bool unmapped; /* the instances at this node are listed under other addresses */
    uint32_t run;
    locum_ms frozen_until;
    locum_ms demote_at; /* a returned old master learns of the new one then; LOCUM_NEVER */
};

struct sim_sentinel {
    bool exists, alive, tilt;
    bool removed;     /* it does not know the master */
    locum_nodes lies; /* about these */
    locum_ms lied;    /* until then; LOCUM_NEVER */
    bool forgotten[SIM_NODES_MAX][SIM_INSTANCES];
    locum_ms frozen_until;
    uint64_t epoch;
    locum_ms next_ping[SIM_NODES_MAX][SIM_INSTANCES];
    locum_ms unanswered[SIM_NODES_MAX][SIM_INSTANCES]; /* since; LOCUM_NEVER */
};

/* A coordinator's connection to the Redis that it believes to be the master. */
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
    locum_ms suspended_at; /* its monotonic clock does not advance since; LOCUM_NEVER */
    locum_ms mono_offset, boot_offset, wall_offset;
    struct locum_core core;
    struct locum_saved saved;
    bool has_saved;
    char state[2][SIM_STATE_MAX]; /* of locum_core_save(): the last one, the one before */
    size_t state_length[2];
    unsigned boots;
    bool replacing;             /* it is frozen, and the program is another one when it thaws */
    bool next_version, variant; /* of the program; of the configuration */
    bool older;                 /* its configuration lacks the last node */
    unsigned sign, accepts;     /* secrets: the one that signs, a set */
    unsigned stage;             /* of their rotation */
    uint32_t commit_token;      /* only the commit event with this token counts */
    locum_ms commit_at;
    struct sim_event *inbox;
    size_t inbox_count, inbox_room, inbox_datagrams;
    struct sim_connection redis;
    bool publish_refused;
    bool dns_blocked, dns_taken; /* its port 53 */
    uint32_t kick_token;         /* only the kick event with this token counts */
    locum_ms kick_each;
    uint64_t epoch; /* of the master that it follows */
    bool service_ok, service_refuses, service_degraded, service_lacks;
    unsigned service_flaky; /* per mille */
    locum_ms up_since;      /* its own service is up since; LOCUM_NEVER */
    bool address_lost[LOCUM_FAMILIES];
    bool address_known[LOCUM_FAMILIES];    /* since the boot it had it */
    locum_ms said_lost[LOCUM_FAMILIES];    /* it held the family lost itself; LOCUM_NEVER */
    locum_ms address_back[LOCUM_FAMILIES]; /* LOCUM_NEVER: was never lost */
    struct sim_sentinel_report reports[SIM_NODES_MAX]; /* the last poll of each Sentinel */
    locum_ms reported_at[SIM_NODES_MAX];
    bool ever_left; /* an orderly stop was asked for */
    bool unsynchronised;
    unsigned lies; /* a set of enum sim_lies, until: */
    locum_ms lies_until;
    locum_ms warned[LOCUM_NODES_MAX][3];                     /* as sim_trace_warnings() saw it */
    struct locum_ranks rank[LOCUM_NODES_MAX];                /* at the last check */
    bool checked;                                            /* the two fields below hold */
    struct locum_answer plan[SIM_NAMES_MAX][LOCUM_FAMILIES]; /* at the last check */
};

/* The same in one address family, by UDP. */
struct sim_family_pair {
    locum_ms heard;    /* the core's stamp */
    locum_ms accepted; /* LOCUM_NEVER */
    locum_ms gap;      /* the end of the last period of `timeout` without any; LOCUM_NEVER */
    locum_ms lost;     /* I held P lost since; LOCUM_NEVER */
    locum_ms not_working, not_clean; /* two-way datagrams of the family */
};

/* What node I has accepted of P, for the oracles. */
struct sim_pair {
    locum_ms heard;       /* the core's stamp, to see a new one */
    locum_ms accepted;    /* when; LOCUM_NEVER */
    locum_ms gap;         /* the end of the last period of `timeout` without any; LOCUM_NEVER */
    locum_ms held_down;   /* I held P down last; LOCUM_NEVER */
    bool adopted;         /* COND-2 */
    locum_ms returned;    /* I held P returning since */
    bool dead_verdict;    /* P was not running when I held it down */
    uint32_t verdict_run; /* P's run at that verdict */
    locum_ms not_working; /* two-way UDP between them was bad (> 10 % loss) last */
    locum_ms not_clean;   /* or not without any loss */
    locum_ms
        forged_until; /* or disturbed by a forged heartbeat; between a node and itself: a liar */
    struct sim_family_pair family[LOCUM_FAMILIES];
};

/* A crash that is watched: who must have taken over by `deadline`. */
struct sim_crash {
    locum_node node;
    uint32_t run;
    locum_ms at;
    bool family_only; /* it lost `family` alone */
    enum locum_family family;
    bool sentinels;        /* the later deadline: Sentinels' votes count too */
    locum_nodes witnesses; /* coordinators that had clean two-way UDP with it */
};

/* A datagram that an attacker has recorded. */
struct sim_taped {
    locum_node from, to;
    enum locum_family family;
    struct sim_text *text;
};

/* Counters for the figures. */
struct sim_counts {
    uint64_t steps, heartbeats, datagrams, publications, deliveries;
    uint64_t datagram_bytes, delivered_bytes; /* without signatures and packet headers */
    uint64_t suspicions, downs;               /* conditions that became suspect, down by votes */
    uint64_t families_lost;                   /* by votes */
    locum_ms first_down, last_down;           /* LOCUM_NEVER */
    locum_ms disagree_since; /* two answer an owned name differently; LOCUM_NEVER */
    locum_ms disagreed;      /* the longest such time that has ended */
    uint64_t cpu_ns;         /* in the core, texts of heartbeats included; if `clock` asks for it */
};

struct sim {
    struct sim_schedule schedule;
    uint64_t random;
    locum_ms now;
    struct locum_core_config config; /* with self = 0 */
    size_t nodes, servers;
    locum_ms down_after_ms;
    locum_ms delay_max_ms; /* the longest one-way delay of any link */
    bool udp;
    unsigned loss_permille, duplicate_permille;
    struct sim_link link[SIM_NODES_MAX][SIM_NODES_MAX];
    struct sim_redis redis[SIM_NODES_MAX];
    struct sim_sentinel sentinel[SIM_NODES_MAX];
    struct sim_node node[SIM_NODES_MAX];
    struct sim_pair pair[SIM_NODES_MAX][SIM_NODES_MAX];
    locum_node master[SIM_FAULTS_MAX + 1]; /* by config epoch */
    uint64_t epoch;                        /* the highest */
    locum_ms failover_at;                  /* LOCUM_NEVER: none under way */
    struct sim_crash crash[SIM_FAULTS_MAX];
    size_t crashes;
    bool taping;           /* some fault replays the tape */
    bool closes_dns;       /* some fault closes a port 53: the trace tells of the questions */
    struct sim_keys *keys; /* NULL: the secret alone signs; shared with copies */
    struct sim_taped tape[SIM_TAPE_MAX];
    size_t taped;
    locum_ms last_fault;   /* LOCUM_NEVER */
    locum_ms changed;      /* the last change of the world, also one that follows from a fault */
    unsigned lies_tried;   /* copies made for INV-8 */
    bool copy;             /* this is one */
    locum_ms healed;       /* LOCUM_NEVER */
    locum_ms forged_until; /* of any pair */
    locum_ms end;
    struct sim_event *queue;
    size_t queued, queue_room;
    uint64_t scheduled;
    struct sim_counts counts;
    bool clock;                  /* fill in counts.cpu_ns */
    uint64_t judged[SIM_CHECKS]; /* how often each check was made */
    FILE *trace;                 /* NULL: none */
    uint64_t digest;             /* of all events: two runs of one schedule are the same */
    bool violated;               /* and how: */
    enum sim_check violated_check;
    char violation[512];
};

/* --- world.c ---------------------------------------------------------------------------------- */

/* The default world: two servers and a witness, no faults. */
extern const struct sim_world sim_world_usual;
/* Nodes and their names, as the world says: enough to read and write faults. */
void sim_world_config(struct sim *sim);
/* Run sim->schedule to its end, or to the first violation. The rest is zero, except the trace. */
void sim_run(struct sim *sim);
/* Perform one event. */
void sim_happen(struct sim *sim, struct sim_event *event);
void sim_fini(struct sim *sim);
/* Uniform in 0 .. below - 1; below >= 1. */
uint64_t sim_random(struct sim *sim, uint64_t below);
locum_ms sim_between(struct sim *sim, locum_ms from, locum_ms to);
bool sim_chance(struct sim *sim, unsigned permille);

/* --- schedule.c, text.c, shrink.c ------------------------------------------------------------- */

void sim_schedule_random(struct sim_schedule *ret, uint64_t seed);
void sim_schedule_add(struct sim_schedule *schedule, struct sim_fault fault);
void sim_world_print(const struct sim_world *world, FILE *out);
void sim_fault_print(const struct sim *sim, const struct sim_fault *fault, struct locum_text *text);
/*
 * Read a schedule: comments, the world, then faults; all other lines (of a trace) are skipped. The
 * comments go to `echo`. 0, or -1 after a message on standard error.
 */
int sim_schedule_read(FILE *in, const char *name, FILE *echo, struct sim_schedule *ret);

struct sim_outcome {
    bool violated;
    enum sim_check check;
    char violation[512];
    uint64_t digest;
    struct sim_counts counts;
    uint64_t judged[SIM_CHECKS];
};
struct sim_outcome sim_schedule_run(const struct sim_schedule *schedule, FILE *trace);
/* Remove what is not needed for a violation of the same invariant. */
void sim_shrink(struct sim_schedule *schedule);

/* --- queue.c ---------------------------------------------------------------------------------- */

void sim_push(struct sim *sim, struct sim_event event);
/* An event of another queue, in the order that it had there. */
void sim_push_again(struct sim *sim, struct sim_event event);
bool sim_pop(struct sim *sim, struct sim_event *ret);
struct sim_text *sim_text_make(const void *at, size_t length, unsigned key);
void sim_text_drop(struct sim_text *text);

/* --- net.c ------------------------------------------------------------------------------------ */

/* TCP between two hosts works, in both directions. */
bool sim_connects(const struct sim *sim, locum_node a, locum_node b);
bool sim_passes(const struct sim *sim, locum_node from, locum_node to);
/* One datagram in each family that both have. */
void sim_datagram(struct sim *sim, locum_node from, locum_node to, struct sim_text *text);
/* One-way time of a TCP segment, retransmissions included. */
locum_ms sim_tcp_delay(struct sim *sim, locum_node from, locum_node to);
/* Something else than a heartbeat passes in both directions; the peer port does not matter. */
bool sim_family_connects(const struct sim *sim, locum_node a, locum_node b,
                         enum locum_family family);
/* Record which paths are bad now; called around each change. */
void sim_paths_note(struct sim *sim);
bool sim_path_working_for(struct sim *sim, locum_node a, locum_node b, locum_ms duration);
bool sim_path_clean_for(struct sim *sim, locum_node a, locum_node b, locum_ms duration);
bool sim_family_working_for(struct sim *sim, locum_node a, locum_node b, enum locum_family family,
                            locum_ms duration);
bool sim_family_clean_for(struct sim *sim, locum_node a, locum_node b, enum locum_family family,
                          locum_ms duration);

/* --- redis.c ---------------------------------------------------------------------------------- */

void sim_redis_publish(struct sim *sim, locum_node node, struct sim_text *text);
void sim_redis_arrived(struct sim *sim, const struct sim_event *event);
void sim_redis_message(struct sim *sim, const struct sim_event *event);
void sim_redis_drop(struct sim *sim, locum_node node);
void sim_redis_shell(struct sim *sim, locum_node node);

/* --- sentinel.c ------------------------------------------------------------------------------- */

void sim_sentinel_world(struct sim *sim);
void sim_sentinel_poll(struct sim *sim, locum_node node);
void sim_sentinel_lie(struct sim *sim, locum_node node, locum_nodes about);
/* Does it lie, or may one of its lies still count? */
bool sim_sentinel_lied(const struct sim *sim, locum_node node);
bool sim_sentinel_answers(const struct sim *sim, locum_node at, locum_node asker);

/* --- dns.c ------------------------------------------------------------------------------------ */

bool sim_dns_is_open(const struct sim *sim, locum_node node);
/* Tell the core of a running node whether its own DNS is open, if it does not know it yet. */
void sim_dns_claim(struct sim *sim, locum_node node);
void sim_dns_ask(struct sim *sim, locum_node node);

/* --- node.c ----------------------------------------------------------------------------------- */

/* What the last run of a node has left for the next one. */
enum sim_left { SIM_LEFT_NOTHING, SIM_LEFT_OLDER, SIM_LEFT_ALL };

void sim_node_start(struct sim *sim, locum_node node, enum sim_left left);
void sim_node_stop(struct sim *sim, locum_node node);
void sim_node_address(struct sim *sim, locum_node node, enum locum_family family);
void sim_node_step(struct sim *sim, locum_node node, struct locum_input *event);
void sim_node_input(struct sim *sim, const struct sim_event *event);
void sim_node_commit(struct sim *sim, const struct sim_event *event);
void sim_node_freeze(struct sim *sim, locum_node node, locum_ms duration);
void sim_node_replace(struct sim *sim, locum_node node, locum_ms duration);
void sim_node_thaw(struct sim *sim, locum_node node);
void sim_node_reload(struct sim *sim, locum_node node, bool variant);
bool sim_node_frozen(const struct sim *sim, locum_node node);
struct locum_now sim_node_now(const struct sim *sim, locum_node node);
/* The configuration that this node has now. */
void sim_node_config(const struct sim *sim, locum_node node, struct locum_core_config *ret);

/* --- fault.c, tape.c -------------------------------------------------------------------------- */

void sim_fault_do(struct sim *sim, size_t index);
void sim_tape(struct sim *sim, locum_node from, locum_node to, enum locum_family family,
              struct sim_text *text);
void sim_fault_host_crash(struct sim *sim, locum_node node);
/* By both paths, at once. */
void sim_attack_deliver(struct sim *sim, locum_node to, enum locum_family family,
                        struct sim_text *text);

/* The next step of an attack, event->index is its fault. */
void sim_attack(struct sim *sim, const struct sim_event *event);

/* --- check.c, oracle.c ------------------------------------------------------------------------ */

const char *sim_check_name(enum sim_check check);
void sim_violated(struct sim *sim, locum_node node, enum sim_check check, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
void sim_check_commit(struct sim *sim, locum_node node);
/* INV-9: it has just resumed what `before` had saved. */
void sim_check_restart(struct sim *sim, locum_node node, const struct locum_core *before,
                       enum locum_start how, enum locum_resumed outcome);
/* Before the core's next_commit time alone changes nothing. */
void sim_check_next(struct sim *sim, locum_node node);
/* At the end: true if the probation of a node must be awaited; then sim->end was moved. */
bool sim_check_end(struct sim *sim);
void sim_oracle_heard(struct sim *sim, locum_node node);
void sim_oracle_heard_in_families(struct sim *sim, locum_node node);
void sim_oracle_event(struct sim *sim, locum_node node, const struct locum_condition_event *event);
void sim_oracle_family(struct sim *sim, locum_node node, const struct locum_family_event *event);
void sim_oracle_crash(struct sim *sim, locum_node node, bool host);
/* The node is about to lose a family alone. */
void sim_oracle_family_cut(struct sim *sim, locum_node node, enum locum_family family);
void sim_oracle_verdict(struct sim *sim, size_t index);

/* --- green.c ---------------------------------------------------------------------------------- */

/* INV-8, for some nodes and some moments: those at which the world has not changed of late. */
void sim_green_try(struct sim *sim);

/* --- trace.c ---------------------------------------------------------------------------------- */

/* node LOCUM_NODE_NONE: the world */
void sim_trace(struct sim *sim, locum_node node, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void sim_trace_event(struct sim *sim, locum_node node, const struct locum_event *event);
void sim_trace_fault(struct sim *sim, const struct sim_fault *fault);
const char *sim_name(const struct sim *sim, locum_node node);

/* --- figures.c -------------------------------------------------------------------------------- */

int sim_figures(const char *which);

#endif
