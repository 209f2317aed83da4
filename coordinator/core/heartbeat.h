/*
 * heartbeat: the text of a heartbeat without its seal (base/signature adds and checks that):
 *
 *   locum1 get dc2 1763863200123 522 125 up ready - 1763863265373 a1b2c3d4 dc3=1763863199001,529,a
 *          cluster name inc      seq interval service admin leaving wall digest peer=inc,seq,code
 *
 * These fields are frozen for ever; extensions are x-key=value at the end; an unknown version or
 * field is read as if it were absent. Pure.
 */
#ifndef LOCUM_CORE_HEARTBEAT_H
#define LOCUM_CORE_HEARTBEAT_H

#include "core/types.h"
#include "core/words.h"

/* The longest heartbeat: 32 peers with every number at its longest, the seal and a NUL included. */
enum { LOCUM_HEARTBEAT_MAX = 2560 };

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
    char version[LOCUM_VERSION_MAX + 1]; /* "" if not told */
    locum_nodes told;                    /* the nodes that `acks` says something about */
    struct locum_ack acks[LOCUM_NODES_MAX];
};

/* Append the text (no seal, no newline); the caller checks text->truncated. */
void locum_heartbeat_add(struct locum_text *text, const struct locum_core_config *config,
                         const struct locum_heartbeat *heartbeat);

/*
 * Read a text whose seal was found good.
 *
 * Returns 0; LOCUM_ERR_NOT_FOUND: another version or cluster, or a sender that is not configured or
 * of role sentinel (ignored without a word in the log but counted); LOCUM_ERR_INVALID or
 * LOCUM_ERR_RANGE: malformed. Peers that are not configured, and x-fields not known, are skipped.
 */
int locum_heartbeat_parse(struct locum_slice text, const struct locum_core_config *config,
                          struct locum_heartbeat *ret) LOCUM_MUST_CHECK;

#endif
