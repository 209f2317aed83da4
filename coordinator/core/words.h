/*
 * words: enum <-> text, the one place that knows the spelling. The same words stand in the log, in
 * Redis, in heartbeats, in the API and in the manual.
 */
#ifndef LOCUM_CORE_WORDS_H
#define LOCUM_CORE_WORDS_H

#include "base/text.h"
#include "core/types.h"

/* Static strings, never NULL. */
const char *locum_role_text(enum locum_role role);
const char *locum_condition_text(enum locum_condition condition);
const char *locum_service_text(enum locum_service service);
const char *locum_admin_text(enum locum_admin admin);
const char *locum_sample_text(enum locum_sample sample);
const char *locum_rank_text(enum locum_rank rank); /* "A" .. "F" */
const char *locum_path_text(enum locum_path path); /* "redis", "peer" */
const char *locum_policy_text(enum locum_policy policy);

/* 0 or LOCUM_ERR_INVALID; output untouched on failure. */
int locum_condition_parse(struct locum_slice text, enum locum_condition *ret) LOCUM_MUST_CHECK;
int locum_service_parse(struct locum_slice text, enum locum_service *ret) LOCUM_MUST_CHECK;
int locum_admin_parse(struct locum_slice text, enum locum_admin *ret) LOCUM_MUST_CHECK;

/* The code of a condition in a heartbeat: u a s d r. */
char locum_condition_code(enum locum_condition condition);
int locum_condition_from_code(char code, enum locum_condition *ret) LOCUM_MUST_CHECK;

/* The names of a set of nodes, in configured order, separated by commas; "-" for the empty set. */
void locum_nodes_add(struct locum_text *text, const struct locum_core_config *config,
                     locum_nodes set);

/* The configured node of this name, or LOCUM_NODE_NONE. */
locum_node locum_node_find(const struct locum_core_config *config, struct locum_slice name);

#endif
