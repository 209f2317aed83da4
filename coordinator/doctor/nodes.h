/*
 * nodes: what the daemon of this node says of all nodes, from GET /status and GET /metrics on its
 * control socket.
 */
#ifndef LOCUM_DOCTOR_NODES_H
#define LOCUM_DOCTOR_NODES_H

#include "doctor/facts.h"

/* Ask the daemon, and fill facts->daemon and what belongs to it. Without it, lacks_daemon says why.
 * Blocks for at most 10 s. */
void locum_doctor_nodes_ask(const struct locum_config *config, struct locum_doctor_facts *facts);

/* Read a status and the metrics, not NUL-terminated; they may be anything. False: it is no status.
 */
bool locum_doctor_nodes_read(struct locum_slice status, struct locum_slice metrics,
                             const struct locum_config *config, struct locum_doctor_facts *facts);

#endif
