/*
 * heartbeat: the text of a heartbeat without its signature (base/signature adds and checks that):
 *
 *   locum1 get dc2 1763863200123 522 125 up ready - 1763863265373 a1b2c3d4 dc3=1763863199001,529,a
 *          cluster name inc      seq interval service admin leaving wall digest peer=inc,seq,code
 *
 * These fields never change (HEARTBEAT-5). Extensions are x-key=value at the end. A heartbeat of an
 * unknown version is ignored, and so is an unknown field:
 *
 *   x-digest=1f0a44c2...     the digest of each section of the configuration (enum locum_section)
 *   x-service=degraded       only with `probation`, which is what a version that does not know
 *                            `degraded` reads
 *   x-dns=ok|closed|none     whether its sender's DNS is open; none: it has none (DNS-1)
 *   x-lost=ipv6              only if so: the sender has lost this family (FAMILY-4)
 *   x-unheard6=dc3,dc4       only if so: it does not hear these over IPv6 any more (FAMILY-2); and
 *                            x-unheard4
 *   x-keys=1f0a44c2          only with signed zones: the digest of what its sender shows of its
 * DNSSEC keys, and x-nsec= that of the NSEC records of all zones x-degraded=2             so many
 * things are broken at the sender (GREEN-5); absent: none
 *
 * Pure.
 */
#ifndef LOCUM_CORE_HEARTBEAT_H
#define LOCUM_CORE_HEARTBEAT_H

#include "core/names.h"
#include "core/nodes.h"

/* The longest heartbeat: 32 peers with every number at its longest, signature and NUL included. */
enum { LOCUM_HEARTBEAT_MAX = 2560 };

/* A heartbeat names at most this many nodes that are not heard in a family, so that the longest one
 * still is one datagram. */
enum { LOCUM_UNHEARD_MAX = 9 };

/* A datagram never exceeds this (RFC 8085 3.2: no fragmentation on any IPv6 path). */
enum { LOCUM_DATAGRAM_MAX = 1232 };

/* What a heartbeat says about one peer of its sender. */
struct locum_ack {
    bool has_number;           /* false on UDP for all but the receiver */
    uint64_t incarnation, seq; /* highest authentic heartbeat heard of that peer; 0,0: never */
    enum locum_condition state_code; /* the sender's condition of it */
};

/* A heartbeat, read or to be written. Nodes are indices of the reader's configuration. */
struct locum_heartbeat {
    locum_node sender;
    uint64_t incarnation;
    uint64_t seq;
    locum_ms interval_ms;
    enum locum_service service;
    enum locum_admin admin;
    bool leaving;
    locum_ms wall;
    char digest[LOCUM_DIGEST_CHARS + 1];
    char sections[LOCUM_SECTIONS_CHARS + 1]; /* "" if absent */
    char version[LOCUM_VERSION_MAX + 1];     /* "" if absent */
    enum locum_dns_claim dns;                /* unknown: absent */
    struct locum_key_digests keys;           /* "" if absent */
    locum_nodes acked;                       /* the nodes that have an entry in `acks` */
    struct locum_ack acks[LOCUM_NODES_MAX];
    bool lost[LOCUM_FAMILIES];
    locum_nodes unheard[LOCUM_FAMILIES];
    uint32_t degraded; /* x-degraded: how much of what its sender sees is broken; 0: nothing */
};

/* Append the text (no signature, no newline); the caller checks text->truncated. */
void locum_heartbeat_add(struct locum_text *text, const struct locum_core_config *config,
                         const struct locum_heartbeat *heartbeat);

/*
 * Read a text whose signature is valid.
 *
 * Returns false, and *ret is unchanged, if the text is malformed, has another version or cluster,
 * or if its sender is not configured or has role sentinel: the caller counts it as ignored. Peers
 * that are not configured and unknown x-fields are skipped.
 */
bool locum_heartbeat_parse(struct locum_slice text, const struct locum_core_config *config,
                           struct locum_heartbeat *ret) LOCUM_MUST_CHECK;

/* The name of the sender that a line gives, and of its cluster; unchecked, may be empty. */
struct locum_slice locum_heartbeat_sender(struct locum_slice line, struct locum_slice *ret_cluster);

/*
 * Whose heartbeat this is, of any version and role: the node of this cluster that it names.
 * LOCUM_NODE_NONE: it is no heartbeat, or of no configured node.
 */
locum_node locum_heartbeat_node(struct locum_slice text, const struct locum_core_config *config);

#endif
