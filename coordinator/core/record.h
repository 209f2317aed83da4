/*
 * record: what goes into the core and what comes out of it, one line of text each. The traces of
 * the simulation use the same text, and a recording made by a daemon can be replayed through the
 * same core. Pure.
 *
 * An input is its time and its content:
 *
 *   MONO BOOT WALL commit
 *   MONO BOOT WALL heartbeat redis|udp4|udp6 TEXT without the signature
 *   MONO BOOT WALL redis subscribed|lost
 *   MONO BOOT WALL sentinel ns0 tilt|- dc2=2,0    instances known, of them s_down; 0,0 left out
 *   MONO BOOT WALL sample CHECK pass|fail|refused
 *   MONO BOOT WALL mirrorbits NODE
 *   MONO BOOT WALL admin drain 5m|- REASON
 *   MONO BOOT WALL exclude|include NODE
 *   MONO BOOT WALL dns NODE ipv4|ipv6 udp|tcp STATE
 *   MONO BOOT WALL dns-claim ok|closed|none
 *   MONO BOOT WALL address ipv4|ipv6 absent|present   of this node
 *   MONO BOOT WALL clock synchronised|free            of this host, as the kernel says
 *   MONO BOOT WALL degraded yes|no                    besides what the core finds
 *   MONO BOOT WALL keys DIGEST|- DIGEST|-             of keys and NSEC records of this node
 *   MONO BOOT WALL leave
 *
 * An action other than an event (report/events.h writes those):
 *
 *   plan 0/4=dc2,60 3/4=dc2,15                    name/family=nodes,TTL
 *   heartbeat TEXT, persist, save, left
 */
#ifndef LOCUM_CORE_RECORD_H
#define LOCUM_CORE_RECORD_H

#include "core/step.h"

/* The longest input; a plan may be longer. */
enum { LOCUM_RECORD_MAX = LOCUM_HEARTBEAT_MAX + 128 };

/* Append one input, without a newline. Bytes of others that are not printable become '?'. */
void locum_record_input(struct locum_text *text, const struct locum_core_config *config,
                        const struct locum_input *input);

/*
 * Read one input. A heartbeat's text is borrowed from `line`.
 * Returns false, and *ret is unchanged, if the line is malformed or names an unknown node or check.
 */
bool locum_record_input_parse(struct locum_slice line, const struct locum_core_config *config,
                              struct locum_input *ret) LOCUM_MUST_CHECK;

/* Append one action, not LOCUM_ACTION_EVENT, of the last step; the core is as that step left it. */
void locum_record_action(struct locum_text *text, const struct locum_core *core,
                         struct locum_now now, const struct locum_action *action);

#endif
