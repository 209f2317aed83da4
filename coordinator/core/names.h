/*
 * names: enum <-> text. This is the only place that spells these values; logs, Redis, heartbeats,
 * the API and the manual use the same texts.
 */
#ifndef LOCUM_CORE_NAMES_H
#define LOCUM_CORE_NAMES_H

#include "base/text.h"
#include "core/types.h"

/* The text of a value. Static, never NULL. */
const char *locum_names_role(enum locum_role value);
const char *locum_names_condition(enum locum_condition value);
const char *locum_names_service(enum locum_service value);
const char *locum_names_admin(enum locum_admin value);
const char *locum_names_sample(enum locum_sample value);
const char *locum_names_rank(enum locum_rank value);           /* "A" .. "G" */
const char *locum_names_path(enum locum_path value);           /* "redis", "udp" */
const char *locum_names_family(enum locum_family value);       /* "ipv4", "ipv6" */
const char *locum_names_transport(enum locum_transport value); /* "udp", "tcp" */
const char *locum_names_dns_claim(enum locum_dns_claim value); /* as in x-dns */
const char *locum_names_dns_state(enum locum_dns_state value);
const char *locum_names_section(enum locum_section value); /* the key in locum.yaml */
const char *locum_names_policy(enum locum_policy value);
const char *locum_names_cause(enum locum_cause value); /* as in the field `reason` of events */

/* The value of a text. False if no value has this text; *ret is then unchanged. */
bool locum_names_find_condition(struct locum_slice text, enum locum_condition *ret);
bool locum_names_find_service(struct locum_slice text, enum locum_service *ret);
bool locum_names_find_admin(struct locum_slice text, enum locum_admin *ret);
bool locum_names_find_sample(struct locum_slice text, enum locum_sample *ret);
bool locum_names_find_family(struct locum_slice text, enum locum_family *ret);
bool locum_names_find_transport(struct locum_slice text, enum locum_transport *ret);
bool locum_names_find_dns_claim(struct locum_slice text, enum locum_dns_claim *ret);
bool locum_names_find_dns_state(struct locum_slice text, enum locum_dns_state *ret);

/* The state code of a condition in a heartbeat: u a s d r (HEARTBEAT-3). */
char locum_names_state_code(enum locum_condition condition);
bool locum_names_find_state_code(char code, enum locum_condition *ret);

#endif
