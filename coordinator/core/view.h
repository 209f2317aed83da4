/*
 * view: the facts that a node has received about its peers, and what follows directly from them:
 * ages and silence (SILENCE-1 to 5). Written by step, read by detector, vote and plan. Pure.
 */
#ifndef LOCUM_CORE_VIEW_H
#define LOCUM_CORE_VIEW_H

#include "core/heartbeat.h"
#include "core/types.h"

enum {
    LOCUM_DNS_MISSES = 2,        /* DNS-3: failures in a row that count */
    LOCUM_DNS_FORGET_MS = 30000, /* DNS-3: an older result says nothing */
    LOCUM_SENT_MAX = 512,        /* own heartbeats remembered, to tell when one was sent */
    LOCUM_DIRECT_MS = 10000, /* SILENCE-1: UDP that lags Redis by more than this is not evidence */
    LOCUM_PATH_MS = 2000,    /* GREEN-6: beyond its limit, a peer is missing on a path */
    LOCUM_MIRRORBITS_FORGET_MS = 5000, /* Mirrorbits forgets a node after 5 s of silence */
    LOCUM_MIRRORBITS_MOVE_MS = 30000,  /* SERVICE-7: to follow a change of the Redis master */
};

/* The place of a heartbeat in the order of its sender's; 0, 0: none. */
struct locum_order {
    uint64_t incarnation, seq;
};

/* Something that goes on, and since when it has done so without a gap. */
struct locum_series {
    locum_ms since, last; /* mono; LOCUM_NEVER: it does not go on */
};

/* What one path has brought of a peer. */
struct locum_path_facts {
    struct locum_order order; /* of the last that passed RECEIVE-9, never after order[P] */
    locum_ms heard;           /* mono time of the last that passed RECEIVE-7; LOCUM_NEVER */
    uint64_t received;        /* heartbeats read, for metrics */
    uint64_t dropped;         /* reordered and older ones (RECEIVE-4), for metrics */
    uint64_t accepted;        /* those that passed RECEIVE-7, for metrics */
};

/* How its DNS answers this node by one transport in one family. */
struct locum_dns_facts {
    enum locum_dns_state state; /* the last that counts */
    uint8_t misses;             /* failures in a row, at most LOCUM_DNS_MISSES */
    locum_ms asked;             /* mono time of the last result; LOCUM_NEVER */
};

/* What UDP over one address family has brought of a peer (FAMILY-1). */
struct locum_family_facts {
    struct locum_order order; /* of the last that counted, never after order[P] */
    locum_ms heard;           /* mono time of it; LOCUM_NEVER */
    locum_ms since;           /* heard without a gap of a limit since then; LOCUM_NEVER */
};

/* What a Sentinel at a node reported at its last poll. */
struct locum_sentinel_facts {
    locum_ms polled; /* mono time of the reply; LOCUM_NEVER */
    bool tilt;
    uint8_t known[LOCUM_NODES_MAX]; /* instances of each node that it lists */
    uint8_t down[LOCUM_NODES_MAX];  /* how many of these it holds s_down */
};

struct locum_peer_facts {
    struct locum_order order;     /* order[P]: of the last accepted; what is old (RECEIVE-4) */
    struct locum_order authentic; /* authentic[P]: the highest heard of late (RECEIVE-6) */
    locum_ms authentic_at;        /* mono; LOCUM_NEVER */
    struct locum_order refused;   /* RECEIVE-12: the last of those that are old but fresh */
    struct locum_series refusing;
    struct locum_order other; /* RECEIVE-14: the last of another run than order[P]'s */
    struct locum_series others;
    locum_ms duplicate;          /* mono: other runs have come for long; LOCUM_NEVER */
    locum_ms order_reset;        /* mono time of the last reset of order[P]; LOCUM_NEVER */
    locum_ms ignored;            /* mono: a heartbeat of it could not be read; LOCUM_NEVER */
    locum_ms beyond;             /* mono: it acknowledged more than INCARNATION-1; LOCUM_NEVER */
    uint64_t beyond_incarnation; /* that */
    struct locum_path_facts path[LOCUM_PATHS];
    struct locum_family_facts family[LOCUM_FAMILIES];
    locum_ms heard;             /* heard[P]: the last accepted; LOCUM_NEVER */
    locum_ms gap;               /* the last accepted one that came a limit or more after base(P),
                                 * also the first of all */
    locum_ms grace;             /* P's grace; LOCUM_NEVER */
    bool state_known;           /* some heartbeat of it was accepted: the fields below hold */
    uint64_t state_incarnation; /* the run that sent it */
    enum locum_service service; /* its last verdict: `unknown` never replaces another */
    enum locum_admin admin;
    bool leaving;
    locum_ms interval_ms;
    locum_ms wall_offset; /* its wall clock minus self's, without what the age of the last
                           * heartbeat can explain */
    char digest[LOCUM_DIGEST_CHARS + 1];
    char sections[LOCUM_SECTIONS_CHARS + 1]; /* "": it sends none */
    char version[LOCUM_VERSION_MAX + 1];
    enum locum_condition state_codes[LOCUM_NODES_MAX]; /* its conditions of the others */
    bool lost[LOCUM_FAMILIES];           /* x-lost: it says that its family does not work */
    locum_nodes unheard[LOCUM_FAMILIES]; /* x-unheard4, x-unheard6: its votes (FAMILY-3) */
    uint32_t degraded;                   /* x-degraded: so much is broken as it sees it */
    locum_ms unlisted;         /* mono: its newest heartbeat did not list this node; LOCUM_NEVER */
    bool one_way;              /* it has not heard self for 2 timeouts, though self hears it */
    locum_ms one_way_since;    /* its newest heartbeats acknowledge nothing fresh; LOCUM_NEVER */
    locum_ms restart_reported; /* mono time of the last LOCUM_EVENT_RESTART; LOCUM_NEVER */
    bool acked_leaving;        /* it has acknowledged a heartbeat that said leaving */
    locum_ms mirrorbits;       /* its Mirrorbits was last heard then; LOCUM_NEVER */
    struct locum_sentinel_facts sentinel; /* the Sentinel at this node */
    enum locum_dns_claim dns_claim;       /* x-dns; the own one too */
    struct locum_key_digests keys;        /* x-keys, x-nsec; the own ones too */
    struct locum_dns_facts dns[LOCUM_FAMILIES][LOCUM_TRANSPORTS]; /* not of this node itself */
};

struct locum_view {
    struct locum_peer_facts peer[LOCUM_NODES_MAX]; /* own: mirrorbits, sentinel, dns_claim, keys */
    locum_ms started;                              /* mono */
    locum_ms grace;                                /* self's grace */
    bool subscribed;                               /* to the heartbeat channel */
    locum_ms subscribed_at;                        /* LOCUM_NEVER before the first time */
    locum_ms own_return; /* RECEIVE-1: when the newest own heartbeat that came back was SENT */
    /* Own heartbeats have come back without a gap of `timeout` since then; LOCUM_NEVER. */
    locum_ms own_return_since;
    uint64_t incarnation;             /* of this run */
    uint64_t seq;                     /* of the last own heartbeat; 0: none sent yet */
    locum_ms sent[LOCUM_SENT_MAX];    /* when seq % LOCUM_SENT_MAX was sent */
    uint64_t sent_as[LOCUM_SENT_MAX]; /* and its incarnation (INCARNATION-4) */
    struct locum_series overtaken;    /* INCARNATION-3: every peer acknowledges a later run */
    uint64_t overtaken_by;            /* the highest incarnation of these */
    bool clock_synchronised;          /* LOCUM_INPUT_CLOCK */
};

void locum_view_init(struct locum_view *self, struct locum_now now, uint64_t incarnation);

/* a is later than b. */
bool locum_view_is_later(struct locum_order a, struct locum_order b);

/* It goes on now; after a gap of gap_ms or more it begins again. */
void locum_view_note_series(struct locum_series *self, locum_ms gap_ms, locum_ms now);

/* When the own heartbeat (incarnation, seq) was sent in this run, or LOCUM_NEVER if not known. */
locum_ms locum_view_sent(const struct locum_view *self, uint64_t incarnation, uint64_t seq);

/* The later of both; LOCUM_NEVER is before all. */
static inline locum_ms
locum_view_later(locum_ms a, locum_ms b)
{
    return a > b ? a : b;
}

/* RECEIVE-6: what this node acknowledges of the peer. */
struct locum_order locum_view_acknowledged(const struct locum_view *self,
                                           const struct locum_core_config *config, locum_node peer,
                                           locum_ms now);

/* The peer's heartbeat interval: as it says; before it was heard, the own one. */
locum_ms locum_view_interval(const struct locum_view *self, const struct locum_core_config *config,
                             locum_node peer);

/* SILENCE-2 */
locum_ms locum_view_limit(const struct locum_view *self, const struct locum_core_config *config,
                          locum_node peer);

/* SILENCE-3 */
locum_ms locum_view_base(const struct locum_view *self, locum_node peer);

/* SILENCE-1 */
bool locum_view_direct(const struct locum_view *self, locum_node peer, locum_ms now);

/* SILENCE-4, SILENCE-5 */
bool locum_view_silent(const struct locum_view *self, const struct locum_core_config *config,
                       locum_node peer, locum_ms now);

/* The Mirrorbits of this node has announced itself within the last 5 s. */
bool locum_view_mirrorbits_seen(const struct locum_view *self, locum_node node, locum_ms now);

/* This is the own node, and it has a mirrorbits check: its Mirrorbits is expected. */
bool locum_view_mirrorbits_checked(const struct locum_core_config *config, locum_node node);

/* GREEN-14: its Mirrorbits announced itself before, or is this node's and checked, but it has not
 * of late, although Redis worked all the time. */
bool locum_view_mirrorbits_silent(const struct locum_view *self,
                                  const struct locum_core_config *config, locum_node node,
                                  locum_ms now);

/* SERVICE-7: no Mirrorbits has been heard since the channel was subscribed, but some were before:
 * they may still be connected to the old master. */
bool locum_view_mirrorbits_moves(const struct locum_view *self, locum_ms now);

/* Own heartbeats came back through Redis during the whole of the last window_ms. */
bool locum_view_redis_worked(const struct locum_view *self, const struct locum_core_config *config,
                             locum_ms window_ms, locum_ms now);

/* DNS-3: how the peer's DNS answers this node. Values above LOCUM_DNS_OK are failures. */
enum locum_dns_state locum_view_dns(const struct locum_view *self, locum_node peer,
                                    enum locum_family family, enum locum_transport transport,
                                    locum_ms now);

/* Something about the node's DNS fails: it says that it is closed, or a question fails. */
bool locum_view_dns_fails(const struct locum_view *self, locum_node node, locum_ms now);

/* Nobody gets an answer from the node's DNS, as far as is known: for the cost of one more loss. */
bool locum_view_dns_is_lost(const struct locum_view *self, locum_node node, locum_ms now);
/* GREEN-6: a peer that is heard within its limit is not heard by this path. Through Redis only
 * while Redis works. */
bool locum_view_path_missing(const struct locum_view *self, const struct locum_core_config *config,
                             locum_node peer, enum locum_path path, locum_ms now);

/* A heartbeat of the peer was accepted within its limit. */
bool locum_view_heard_within_limit(const struct locum_view *self,
                                   const struct locum_core_config *config, locum_node peer,
                                   locum_ms now);

#endif
