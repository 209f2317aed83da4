/* forge: heartbeats that are signed and not true: single ones, and an insider. */
#ifndef LOCUM_SIM_FORGE_H
#define LOCUM_SIM_FORGE_H

#include "sim.h"

/* What an insider lies about: a set. */
enum sim_lies {
    SIM_LIE_VOTES = 1,
    SIM_LIE_ACKS = 2,
    SIM_LIE_SEQ = 4,
    SIM_LIE_RUN = 8,
    SIM_LIE_STATES = 16, /* its own */
    SIM_LIE_FAMILIES = 32,
    SIM_LIES = 64, /* more than all of them */
};

void sim_forge(struct sim *sim, const struct sim_fault *fault);
void sim_insider_begin(struct sim *sim, const struct sim_fault *fault);
/* For a bounded time these two may not accept each other. */
void sim_forge_disturbs(struct sim *sim, locum_node a, locum_node b);
/* It lies, or what it said has an effect yet. */
bool sim_is_liar(const struct sim *sim, locum_node node);
/* Replace the heartbeat of an insider by a lie. */
void sim_lie(struct sim *sim, locum_node node, struct locum_text *text);
/* Warnings that begin: the core has no events of them. */
void sim_trace_warnings(struct sim *sim, locum_node node);
/* INV-10: whom it must have accepted of late. */
void sim_check_accepted(struct sim *sim, locum_node node);
void sim_node_clock(struct sim *sim, locum_node node);

/* --- keys.c --- */

/* With world.keys: create them, or do nothing. */
void sim_keys_create(struct sim *sim);
void sim_keys_destroy(struct sim *sim);
/* Append the signature by the keys of `node`, if it has some. */
void sim_keys_sign(const struct sim *sim, locum_node node, locum_nodes receivers,
                   struct locum_text *text);
/* Does this message count at `node`? ret: what its core gets, borrowed. */
bool sim_keys_open(const struct sim *sim, locum_node node, const struct sim_text *text,
                   struct locum_slice *ret);
/* To each node that runs, once. */
void sim_keys_impersonate(struct sim *sim, locum_node insider, locum_node of);

#endif
