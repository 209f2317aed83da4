/*
 * domain: domain names as text. Inside this program a name is absolute, lower case and ends with a
 * dot; its labels hold a-z 0-9 - _ (RFC 1035 2.3.1, with the underscore of RFC 8552). Only the
 * first label of a shared or owned name may be * (RFC 4592).
 */
#ifndef LOCUM_CONFIG_DOMAIN_H
#define LOCUM_CONFIG_DOMAIN_H

#include "config/config.h"

/*
 * An absolute name, written with or without its last dot. On LOCUM_ERR_INVALID *ret_why is a static
 * text of what is wrong with it.
 */
int locum_domain_absolute(struct locum_slice text, char ret[LOCUM_DOMAIN_MAX + 1],
                          const char **ret_why) LOCUM_MUST_CHECK;

/* A name relative to `zone` (absolute); "@" is the zone itself, "*" may be its first label. Errors
 * as above. */
int locum_domain_relative(struct locum_slice text, const char *zone, char ret[LOCUM_DOMAIN_MAX + 1],
                          const char **ret_why) LOCUM_MUST_CHECK;

/* Is `name` the zone or below it? Both absolute and lower case. */
bool locum_domain_within(const char *name, const char *zone);

/*
 * Append the host to ask for what a name serves, without its last dot: the name itself, or, of a
 * wildcard, one that it stands for.
 */
void locum_domain_add_host(const char *name, struct locum_text *text);

/*
 * Is this a host name of the cluster? A node's name or its Mirrorbits' (`dc2`), a name server, a
 * name in a zone, or a node's name in the domain that a zone belongs to (`ns0.example.org`, if
 * `get.example.org` is a zone). Any case, with or without the last dot.
 */
bool locum_domain_is_of_cluster(const struct locum_config *config, struct locum_slice host);

#endif
