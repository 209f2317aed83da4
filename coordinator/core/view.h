/*
 * view: the facts a node has received of its peers, and what follows from them without judgement:
 * ages, freshness, silence. Written by step, read by detector, vote and plan. Pure.
 */
#ifndef LOCUM_CORE_VIEW_H
#define LOCUM_CORE_VIEW_H

#include "core/heartbeat.h"
#include "core/types.h"

enum {
    LOCUM_SENT_MAX = 512,    /* own heartbeats remembered, to tell when one was sent */
    LOCUM_DIRECT_MS = 10000, /* UDP may lag Redis by this much before it is no evidence any more */
};

enum { LOCUM_MIRRORBITS_FORGET_MS = 5000 }; /* Mirrorbits forgets a node after 5 s of silence */

/* What one path has brought of a peer. */
struct locum_path_facts {
    uint64_t incarnation, seq; /* the last heartbeat by this path */
    locum_ms heard;            /* mono time of the last that passed the ack check; LOCUM_NEVER */
    uint64_t received;         /* heartbeats read, for metrics */
    uint64_t dropped;          /* replays, reordered and older ones, for metrics */
    uint64_t accepted;         /* those that passed the ack check, for metrics */
};

/* What a Sentinel at a node told at its last poll. */
struct locum_sentinel_facts {
    locum_ms polled; /* mono time of the reply; LOCUM_NEVER */
    bool tilt;
    uint8_t known[LOCUM_NODES_MAX]; /* instances of each node that it lists */
    uint8_t down[LOCUM_NODES_MAX];  /* how many of these it holds s_down */
};

struct locum_peer_facts {
    uint64_t incarnation, seq; /* recorded[P]: the highest authentic heartbeat; acknowledged */
    struct locum_path_facts path[LOCUM_PATHS];
    locum_ms heard;             /* heard[P]: the last accepted; LOCUM_NEVER */
    locum_ms gap;               /* the last accepted one that came a limit or more after base(P) */
    locum_ms grace;             /* P's grace; LOCUM_NEVER */
    bool state_known;           /* some heartbeat of it was accepted: the fields below hold */
    uint64_t state_incarnation; /* the run whose word this is */
    enum locum_service service; /* its last verdict: `unknown` never replaces another */
    enum locum_admin admin;
    bool leaving;
    locum_ms interval_ms;
    locum_ms wall_offset; /* its wall clock minus mine; what the last heartbeat's age may explain is
                           * not in it */
    char digest[LOCUM_DIGEST_CHARS + 1];
    char version[LOCUM_VERSION_MAX + 1];
    enum locum_condition state_codes[LOCUM_NODES_MAX]; /* its conditions of the others */
    bool one_way;           /* it has not heard me for 2 timeouts, though I hear it */
    locum_ms one_way_since; /* its newest heartbeats acknowledge nothing fresh; LOCUM_NEVER */
    bool acked_leaving;     /* it has acknowledged a heartbeat that said leaving */
    locum_ms mirrorbits;    /* its Mirrorbits was last heard then; LOCUM_NEVER */
    struct locum_sentinel_facts sentinel; /* the Sentinel at this node */
};

struct locum_view {
    struct locum_peer_facts peer[LOCUM_NODES_MAX]; /* the own entry: mirrorbits and sentinel only */
    locum_ms started;                              /* mono */
    locum_ms grace;                                /* my grace */
    bool subscribed;                               /* to the heartbeat channel */
    locum_ms subscribed_at;                        /* LOCUM_NEVER before the first time */
    locum_ms own_return; /* when the newest of my heartbeats that came back was SENT */
    locum_ms
        own_return_since; /* returns have come without a gap of limit since then; LOCUM_NEVER */
    uint64_t incarnation; /* mine */
    uint64_t seq;         /* of my last heartbeat; 0: none sent yet */
    locum_ms sent[LOCUM_SENT_MAX]; /* when seq % LOCUM_SENT_MAX was sent */
};

void locum_view_init(struct locum_view *self, struct locum_now now, uint64_t incarnation);

/* When my heartbeat (incarnation, seq) was sent in this run, or LOCUM_NEVER if it is not known. */
locum_ms locum_view_sent(const struct locum_view *self, uint64_t incarnation, uint64_t seq);

/* Each how many ms the peer sends: as it says, until then as I do. */
locum_ms locum_view_interval(const struct locum_view *self, const struct locum_core_config *config,
                             locum_node peer);

/* max(timeout, 4 * P's interval) */
locum_ms locum_view_limit(const struct locum_view *self, const struct locum_core_config *config,
                          locum_node peer);

/* The latest of heard (never: my start), my grace, the peer's grace. */
locum_ms locum_view_base(const struct locum_view *self, locum_node peer);

/* Evidence by UDP may be relied on for this peer. */
bool locum_view_direct(const struct locum_view *self, locum_node peer, locum_ms now);

/* Nothing came for the peer's limit, by a path that would have brought it. */
bool locum_view_silent(const struct locum_view *self, const struct locum_core_config *config,
                       locum_node peer, locum_ms now);

/* The node's Mirrorbits has announced itself lately enough to be a member of its cluster. */
bool locum_view_mirrorbits_seen(const struct locum_view *self, locum_node node, locum_ms now);

/* My own heartbeats came back through Redis during the whole of the last window_ms. */
bool locum_view_redis_worked(const struct locum_view *self, const struct locum_core_config *config,
                             locum_ms window_ms, locum_ms now);

/* Heard (accepted) at some time, and not longer ago than its limit. */
bool locum_view_heard_within_limit(const struct locum_view *self,
                                   const struct locum_core_config *config, locum_node peer,
                                   locum_ms now);

#endif
