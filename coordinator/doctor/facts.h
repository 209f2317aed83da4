/*
 * facts: what was seen of the delegation, the name servers, the web servers and the nodes. It is
 * filled by asking (walk.h, web.h, nodes.h) and judged by judge.h. All text in it is printable.
 */
#ifndef LOCUM_DOCTOR_FACTS_H
#define LOCUM_DOCTOR_FACTS_H

#include "base/resolv.h"
#include "dns/delegation.h"
#include "dns/ds.h"
#include "doctor/reply.h"

enum {
    LOCUM_DOCTOR_PARENTS_MAX = 16,                             /* addresses of a parent */
    LOCUM_DOCTOR_HOSTS_MAX = 2 * LOCUM_NS_MAX,                 /* configured, and at the parent */
    LOCUM_DOCTOR_HOST_ADDRESSES_MAX = 2 * LOCUM_ADDRESSES_MAX, /* of one name server */
    LOCUM_DOCTOR_SERVERS_MAX = 48,                             /* addresses of name servers */
    LOCUM_DOCTOR_TEXT_MAX = 256,
};

/* One address of the parent's name servers. */
struct locum_doctor_parent {
    char name[LOCUM_DOMAIN_MAX + 1]; /* "": named by its address (--parent) */
    struct locum_address address;
    struct locum_doctor_reply referral; /* to the question for NS of the zone, RD=0 */
};

/* The questions to a name server of the zone; each is for the SOA, the last one for the NS (with
 * EDNS; if that is truncated or not answered, by TCP). */
enum locum_doctor_probe {
    LOCUM_DOCTOR_UDP,    /* without EDNS */
    LOCUM_DOCTOR_EDNS,   /* with EDNS, 1232 bytes */
    LOCUM_DOCTOR_PADDED, /* and as long as that (RFC 7830) */
    LOCUM_DOCTOR_TCP,
    LOCUM_DOCTOR_NS,
    LOCUM_DOCTOR_PROBES
};

/* One address of a name server of the zone. */
struct locum_doctor_server {
    char name[LOCUM_DOMAIN_MAX + 1];
    struct locum_address address;
    struct locum_doctor_reply reply[LOCUM_DOCTOR_PROBES];
};

/* A name server of the zone, as configured or as the parent has it. */
struct locum_doctor_host {
    char name[LOCUM_DOMAIN_MAX + 1];
    const struct locum_delegation_host *expected; /* NULL: it is not in the configuration */
    bool looked_up;                               /* `given` is known */
    struct locum_address given[LOCUM_DOCTOR_HOST_ADDRESSES_MAX]; /* what resolvers find */
    size_t given_count;
};

/* The records of acme.persist for one name, at one name server. */
struct locum_doctor_persist {
    size_t name;   /* of config.names */
    size_t server; /* of the zone */
    enum locum_doctor_outcome outcome;
    unsigned rcode;
    uint32_t has;    /* bit i: the entry i is there as configured */
    unsigned others; /* other records */
};

/* What a name server is asked for with DO. */
enum locum_doctor_signed_set {
    LOCUM_DOCTOR_SIGNED_KEYS, /* DNSKEY */
    LOCUM_DOCTOR_SIGNED_SOA,
    LOCUM_DOCTOR_SIGNED_DENIAL, /* a name that does not exist */
    LOCUM_DOCTOR_SIGNED_SETS,
};

enum locum_doctor_signature {
    LOCUM_DOCTOR_SIGNATURE_UNKNOWN, /* no answer */
    LOCUM_DOCTOR_SIGNATURE_NONE,    /* the answer is not signed */
    LOCUM_DOCTOR_SIGNATURE_WRONG,   /* no DNSKEY of this server verifies it */
    LOCUM_DOCTOR_SIGNATURE_EARLY,   /* it is not valid yet */
    LOCUM_DOCTOR_SIGNATURE_EXPIRED,
    LOCUM_DOCTOR_SIGNATURE_GOOD,
};

/* What is signed at a name server. */
struct locum_doctor_signed {
    enum locum_doctor_signature
        state[LOCUM_DOCTOR_SIGNED_SETS];      /* of the worst set in the answer */
    int64_t ends_s[LOCUM_DOCTOR_SIGNED_SETS]; /* seconds since 1970, if they are good */
    bool has_keys, has_chain; /* the digests are of DNSKEY, and of the first NSEC records */
    uint8_t keys_digest[32], chain_digest[32];
    char tags[LOCUM_DOCTOR_TEXT_MAX]; /* of its DNSKEY */
    bool fits;                        /* a DS is of a key that signs its DNSKEY */
};

struct locum_doctor_dnssec {
    bool ds_known; /* a server of the parent has reported it */
    struct locum_ds_answer ds;
    struct locum_doctor_signed servers[LOCUM_DOCTOR_SERVERS_MAX];
    struct locum_address refusing[LOCUM_RESOLV_MAX]; /* resolvers, the zone's signatures */
    size_t refusing_count;
};

struct locum_doctor_zone {
    const struct locum_config_zone *config;
    struct locum_delegation expected;
    char parent[LOCUM_DOMAIN_MAX + 1]; /* the name of the parent zone; "": not found */
    struct locum_doctor_parent parents[LOCUM_DOCTOR_PARENTS_MAX];
    size_t parent_count;
    struct locum_doctor_host hosts[LOCUM_DOCTOR_HOSTS_MAX];
    size_t host_count;
    struct locum_doctor_server servers[LOCUM_DOCTOR_SERVERS_MAX];
    size_t server_count;
    struct locum_doctor_persist *persist; /* owned; NULL: the zone has no acme.persist */
    size_t persist_count;
    struct locum_doctor_dnssec *dnssec; /* owned; NULL: not signed, and without a DS */
    bool persist_left_out;              /* there are more names and servers than are asked */
};

/* How a request to a web server ended. */
enum locum_doctor_web_state {
    LOCUM_DOCTOR_WEB_OK,
    LOCUM_DOCTOR_WEB_NO_ROUTE,    /* this host has no route to the address */
    LOCUM_DOCTOR_WEB_UNREACHABLE, /* no connection, no answer, no HTTP; see text */
    LOCUM_DOCTOR_WEB_STATUS,      /* the status code is not one of those expected */
    LOCUM_DOCTOR_WEB_CERTIFICATE, /* refused: chain, name or time; see text */
};

/* One name, asked from one address of one server that may have to answer for it. */
struct locum_doctor_fetch {
    size_t name;     /* of config.names */
    locum_node node; /* the server */
    struct locum_address address;
    char url[LOCUM_STRING_MAX + LOCUM_DOMAIN_MAX + 1];
    enum locum_doctor_web_state state;
    long code;                        /* HTTP status; 0: none */
    int64_t expires_s;                /* the end of its certificate, seconds since 1970; 0: none */
    char text[LOCUM_DOCTOR_TEXT_MAX]; /* why it failed */
};

/* What the own daemon says of a node. */
struct locum_doctor_node {
    bool listed; /* in the status; all else is unset without it */
    bool self;
    char condition[16]; /* "": none, of a Sentinel alone */
    int64_t udp_ms;     /* since the last heartbeat by UDP; -1: never */
    int64_t redis_ms;   /* the same through Redis */
    char digest[64];    /* ""; not known */
    bool clock_known;
    double clock_s;     /* its clock minus this node's */
    bool sentinel_lost; /* its Sentinel is not connected */
};

struct locum_doctor_facts {
    const struct locum_config *config;
    struct locum_doctor_zone *zones; /* owned, one for each that is examined */
    size_t zone_count;
    struct locum_doctor_fetch *fetches; /* owned */
    size_t fetch_count;
    bool fetches_left_out; /* there are more names and servers than are asked */
    int64_t now_s;         /* wall clock, seconds since 1970 */
    bool daemon;           /* it answered */
    bool redis_lost;
    struct locum_doctor_node nodes[LOCUM_NODES_MAX]; /* of config->core.nodes */
    char lacks_daemon[LOCUM_DOCTOR_TEXT_MAX];        /* why it did not answer */
    bool resolver_silent; /* to some question no resolver answered without an error */
};

#endif
