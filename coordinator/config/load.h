/*
 * load: what the files of this room share while one configuration is read. First the binder
 * (bind.c) stores every scalar and remembers where each value stands; then nodes.c, zones.c,
 * service.c, links.c and listen.c read the lists, derive what is not written and check how it all
 * fits together; digest.c and advice.c come last.
 */
#ifndef LOCUM_CONFIG_LOAD_H
#define LOCUM_CONFIG_LOAD_H

#include "config/document.h"
#include "config/options.h"

struct locum_load_value {
    const yaml_node_t *node; /* NULL: not written */
    bool bad;                /* written, and complained about */
};

struct locum_load {
    struct locum_config *config;
    struct locum_problems problems;
    yaml_document_t document;
    bool shared; /* others may read the file */
    struct locum_load_value values[LOCUM_OPTIONS_MAX][LOCUM_NODES_MAX];
    const yaml_node_t *node_keys[LOCUM_NODES_MAX]; /* the names of nodes */
    const yaml_node_t *check_items[LOCUM_CHECKS_MAX];
    struct locum_position address_at[LOCUM_NODES_MAX][LOCUM_ADDRESSES_MAX];
    struct locum_position name_at[LOCUM_NAMES_MAX]; /* config->names[i] */
    struct locum_position ns_at[LOCUM_ZONES_MAX][LOCUM_NS_MAX];
};

/* Bind the whole document and the defaults. */
void locum_load_bind(struct locum_load *self);

/* The value of a key as the table writes it, of node, zone or check `instance` (else 0). */
const struct locum_load_value *locum_load_value(const struct locum_load *self, const char *key,
                                                size_t instance);
/* Written and well formed. */
bool locum_load_good(const struct locum_load *self, const char *key, size_t instance);
/* Written and not well formed: say no more about it. */
bool locum_load_bad(const struct locum_load *self, const char *key, size_t instance);
/* Where it stands, else `otherwise`. */
struct locum_position locum_load_at(const struct locum_load *self, const char *key, size_t instance,
                                    struct locum_position otherwise);

/* The items of a good list; 0 if it is not written or bad. */
size_t locum_load_items(const struct locum_load *self, const char *key, size_t instance);
const yaml_node_t *locum_load_item(struct locum_load *self, const char *key, size_t instance,
                                   size_t index);

/* The node whose key this is, or LOCUM_NODE_NONE. */
locum_node locum_load_node(const struct locum_load *self, struct locum_slice name);

/* "dc2, dc3, ns0" */
void locum_load_add_nodes(const struct locum_load *self, struct locum_text *text);

/* A path, relative ones from the file's folder. False if it does not fit into `size`. */
bool locum_load_path(const struct locum_load *self, struct locum_slice path, char *ret,
                     size_t size) LOCUM_MUST_CHECK;

/* The steps after binding, in this order; each leaves alone what is bad already. */
void locum_load_nodes(struct locum_load *self, const char *self_name);
void locum_load_zones(struct locum_load *self);
void locum_load_service(struct locum_load *self);
void locum_load_mirrorbits(struct locum_load *self);
void locum_load_redis(struct locum_load *self);
void locum_load_listen(struct locum_load *self);
void locum_load_cluster(struct locum_load *self);
void locum_load_advice(struct locum_load *self);

/* Fill core.digest. */
int locum_load_digest(struct locum_config *config) LOCUM_MUST_CHECK;

#endif
