/*
 * types: limits, enums and the configuration of the decision core. A node is an index here, never
 * an address or a file name; only dns/ turns nodes into addresses.
 *
 * Source of the rules: doc/decisions.md. Comments cite the id of a rule, such as COND-5.
 */
#ifndef LOCUM_CORE_TYPES_H
#define LOCUM_CORE_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/family.h"

enum {
    LOCUM_NODES_MAX = 32,     /* a set of nodes is one 32-bit mask */
    LOCUM_NODE_NAME_MAX = 15, /* characters a-z 0-9 - */
    LOCUM_CLUSTER_NAME_MAX = 15,
    LOCUM_NAMES_MAX = 256, /* shared and owned names of all zones */
    LOCUM_CHECKS_MAX = 16,
    LOCUM_DIGEST_CHARS = 8,  /* hex digits of the configuration's digest */
    LOCUM_SECTION_CHARS = 4, /* hex digits of the digest of one section of it */
    LOCUM_VERSION_MAX = 23,  /* characters of a program version */
    LOCUM_REASON_MAX = 79,   /* characters of an operator's reason */
};

typedef uint8_t locum_node;   /* index of a configured node, 0 .. node_count - 1 */
typedef uint32_t locum_nodes; /* a set of them: bit i is node i */

#define LOCUM_NODE_NONE ((locum_node)0xff)
#define LOCUM_NEVER     ((locum_ms)-1) /* a time that has not come, an age that is not known */

#define LOCUM_INCARNATION_MAX ((uint64_t)1 << 52) /* INCARNATION-1: nobody is raised further */

/* The order is that of the texts in names.c. */
enum locum_role { LOCUM_ROLE_SERVER, LOCUM_ROLE_WITNESS, LOCUM_ROLE_SENTINEL };
enum locum_condition { LOCUM_UNKNOWN, LOCUM_ALIVE, LOCUM_SUSPECT, LOCUM_DOWN, LOCUM_RETURNING };
enum locum_service {
    LOCUM_SERVICE_UNKNOWN,
    LOCUM_UP,
    LOCUM_FAILING,
    LOCUM_PROBATION,
    LOCUM_SERVICE_DEGRADED, /* it works, but worse than it should */
    LOCUM_SERVICES          /* their number */
};
/* The outcome of one probe of a check. */
enum locum_sample {
    LOCUM_SAMPLE_PASS,
    LOCUM_SAMPLE_FAIL,
    LOCUM_SAMPLE_REFUSED,  /* the connection; it counts at once with fast_fail */
    LOCUM_SAMPLE_DEGRADED, /* the service works, but worse than it should */
    LOCUM_SAMPLE_NOT_RUN,  /* this machine lacked something: it says nothing about the service */
    LOCUM_SAMPLES          /* their number */
};
enum locum_admin { LOCUM_READY, LOCUM_DRAIN, LOCUM_MAINT };
enum locum_rank {
    LOCUM_RANK_A,
    LOCUM_RANK_B,
    LOCUM_RANK_C,
    LOCUM_RANK_D, /* degraded */
    LOCUM_RANK_E, /* may work: suspect, unknown */
    LOCUM_RANK_F, /* failing */
    LOCUM_RANK_G  /* not to be named */
};
/* Of one node, by address family. */
struct locum_ranks {
    enum locum_rank in[LOCUM_FAMILIES];
    unsigned int stale; /* 1: they are only its last known ones (RANK-2), PLAN-4; not a bool, so
                         * that equal ranks are equal in memory */
};
/* Parts of the configuration with a digest each, in the order of x-digest; new ones go last. */
enum locum_section {
    LOCUM_SECTION_NODES,
    LOCUM_SECTION_ZONES,
    LOCUM_SECTION_HEARTBEAT,
    LOCUM_SECTION_REDIS,
    LOCUM_SECTION_QUORUM,
    LOCUM_SECTION_MIN_SERVING,
    LOCUM_SECTIONS /* their number */
};
/* Of DNSSEC, in hex; "": none. */
struct locum_key_digests {
    char shown[LOCUM_DIGEST_CHARS + 1]; /* what a server shows of its keys */
    char nsec[LOCUM_DIGEST_CHARS + 1];  /* the NSEC records of all zones */
};

enum { LOCUM_SECTIONS_CHARS = LOCUM_SECTIONS * LOCUM_SECTION_CHARS };
enum locum_path { LOCUM_PATH_REDIS, LOCUM_PATH_UDP };
enum { LOCUM_PATHS = 2 };
enum locum_transport { LOCUM_TRANSPORT_UDP, LOCUM_TRANSPORT_TCP };
enum { LOCUM_TRANSPORTS = 2 };
/* What a node says of its own DNS (DNS-1). */
enum locum_dns_claim { LOCUM_DNS_CLAIM_UNKNOWN, LOCUM_DNS_NONE, LOCUM_DNS_OPEN, LOCUM_DNS_CLOSED };
/* How a node's DNS answered when it was asked for the SOA of a zone (DNS-2). */
enum locum_dns_state {
    LOCUM_DNS_UNKNOWN,      /* not asked, or this host has no route to the address */
    LOCUM_DNS_OK,           /* all after this one are failures */
    LOCUM_DNS_SILENT,       /* no answer in time */
    LOCUM_DNS_UNREACHABLE,  /* refused by its host: nothing listens, or a firewall rejects */
    LOCUM_DNS_REFUSED,      /* RCODE REFUSED: another program, or a zone that it does not have */
    LOCUM_DNS_RCODE,        /* another RCODE */
    LOCUM_DNS_NO_AUTHORITY, /* an answer without AA: a resolver answers */
    LOCUM_DNS_OTHER_SOA,    /* no SOA, or that of another configuration */
};
enum locum_policy { LOCUM_ANSWER_SELF, LOCUM_ANSWER_ALL };
/* Why a state changed. */
enum locum_cause {
    LOCUM_CAUSE_HEARD,     /* an accepted heartbeat */
    LOCUM_CAUSE_SILENT,    /* silent for its limit */
    LOCUM_CAUSE_QUORUM,    /* silent for a quorum */
    LOCUM_CAUSE_LEFT,      /* its last heartbeat said `leaving`, and it is silent */
    LOCUM_CAUSE_ADOPTED,   /* a peer that is heard holds it down */
    LOCUM_CAUSE_GRACE,     /* self could not have heard anybody */
    LOCUM_CAUSE_RECOVERED, /* returning for long enough, and its service is up */
    LOCUM_CAUSE_OPERATOR,
    LOCUM_CAUSE_LEASE,    /* the lease of an admin state has ended */
    LOCUM_CAUSE_CHECKS,   /* the service checks */
    LOCUM_CAUSE_ADDRESS,  /* an own address of the family is gone */
    LOCUM_CAUSE_REPORTED, /* the node itself says so */
};

/* One configured node. */
struct locum_core_node {
    char name[LOCUM_NODE_NAME_MAX + 1];
    enum locum_role role;
    bool has[LOCUM_FAMILIES];             /* a server or witness with an address of this family */
    locum_node failover[LOCUM_NODES_MAX]; /* configured successors of its owned names, in order */
    size_t failover_count;                /* 0: the configured node order decides */
    bool redis, sentinel;                 /* a Redis, a Sentinel is configured there */
};

/* One shared or owned name of some zone; its text is known to config/ and dns/ only. */
struct locum_core_name {
    locum_node owner;         /* LOCUM_NODE_NONE: a shared name */
    enum locum_policy policy; /* of its zone; an owned name ignores it */
    uint32_t ttl_s; /* TTL of the answer when every rank is A, while its nodes have it (PLAN-4) */
    uint32_t failover_ttl_s; /* TTL of any other answer */
};

/* How one check's samples are judged. */
struct locum_core_check {
    bool counts;     /* false: it reports only */
    bool mirrorbits; /* sampled by the core itself, from LOCUM_INPUT_MIRRORBITS, each interval_ms */
    uint32_t rise;   /* better samples in a row that make its verdict better, >= 1 */
    uint32_t fall;   /* worse samples in a row that make it worse, >= 1 */
    bool fast_fail;  /* one refused connection is enough */
    uint32_t id;     /* of its name: what was known of it is resumed by this (RESUME-6) */
    bool degrades;   /* severity: a failed or refused sample counts as degraded */
    locum_ms interval_ms;
};

struct locum_core_config {
    char cluster[LOCUM_CLUSTER_NAME_MAX + 1];
    locum_node self;
    struct locum_core_node nodes[LOCUM_NODES_MAX]; /* in configured order, the same on every node */
    size_t node_count;                             /* 1 .. LOCUM_NODES_MAX */
    struct locum_core_name names[LOCUM_NAMES_MAX];
    size_t name_count;
    struct locum_core_check checks[LOCUM_CHECKS_MAX];
    size_t check_count;
    bool redis;                /* there is a Redis, so heartbeats go by both paths */
    locum_ms interval_ms;      /* heartbeat.interval */
    locum_ms timeout_ms;       /* heartbeat.timeout */
    locum_ms recover_after_ms; /* heartbeat.recover-after */
    locum_ms sentinel_poll_ms; /* redis.sentinel-poll */
    uint32_t quorum;           /* >= 1; the default floor(n/2) + 1 is filled in by config/ */
    uint32_t min_serving;
    char digest[LOCUM_DIGEST_CHARS + 1];     /* of the normalised configuration without `node` */
    char sections[LOCUM_SECTIONS_CHARS + 1]; /* the digest of each section */
    char version[LOCUM_VERSION_MAX + 1];     /* of this program */
};

#endif
