/*
 * mirrorbits: what Mirrorbits' own configuration says of Redis and Sentinel, for what is not
 * written in ours. It is read as Mirrorbits reads it: any key may be absent or without a value,
 * unknown ones are none of our business, of two the last counts.
 *
 * Source: mirrorbits.conf and config/config.go of Mirrorbits 0.5.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "config/load.h"
#include "config/value.h"

struct import {
    struct locum_load *load;
    struct locum_position at; /* of mirrorbits-config in our file */
    char path[LOCUM_PATH_MAX + 1];
    yaml_document_t document;
};

static bool
is_written(const struct locum_load *self, const char *key)
{
    return locum_load_value(self, key, 0)->node != NULL;
}

/* An error at our key that names the other file's place. */
static void
complain(struct import *self, struct locum_position at, const char *text)
{
    char line[LOCUM_PROBLEM_BYTES];
    struct locum_text where = locum_text_init(line, sizeof(line));
    locum_text_add(&where, self->path);
    if (at.line > 0) {
        locum_text_add_char(&where, ':');
        locum_text_add_u64(&where, at.line);
        locum_text_add_char(&where, ':');
        locum_text_add_u64(&where, at.column);
    }
    locum_problems_error(&self->load->problems, self->at, "%s: %s", line, text);
}

static bool
is_empty(const yaml_node_t *node)
{
    if (node == NULL) {
        return true;
    }
    const struct locum_slice text =
        node->type == YAML_SCALAR_NODE ? locum_document_text(node) : (struct locum_slice){"x", 1};
    return text.length == 0 || (node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
                                (locum_slice_is(text, "~") || locum_slice_is(text, "null")));
}

/*
 * Read the value as our option `like` is read, into `field`. False: it has none, or a wrong one,
 * which was complained about.
 */
static bool
take(struct import *self, const yaml_node_t *node, const char *key, const char *like, void *field)
{
    const struct locum_option *option = &locum_options[locum_option_index(like)];
    char buffer[LOCUM_PROBLEM_BYTES];
    struct locum_text text = locum_text_init(buffer, sizeof(buffer));
    if (is_empty(node)) {
        return false;
    }
    if (node->type == YAML_SCALAR_NODE &&
        locum_value_parse(option, locum_document_text(node), field) == 0) {
        return true;
    }
    locum_text_add(&text, key);
    if (node->type == YAML_SCALAR_NODE && option->kind != LOCUM_KIND_SECRET) {
        locum_text_add_char(&text, ' ');
        locum_text_add(&text, locum_quote(locum_document_text(node)).text);
    }
    locum_text_add(&text, " is not right: ");
    locum_value_describe(option, &text);
    complain(self, locum_document_at(node), buffer);
    return false;
}

/* ":6379" is this host, for Mirrorbits. */
static bool
take_endpoint(struct import *self, const yaml_node_t *node, const char *key,
              struct locum_endpoint *ret)
{
    if (!is_empty(node) && node->type == YAML_SCALAR_NODE &&
        locum_document_text(node).at[0] == ':') {
        char buffer[32];
        struct locum_slice port = locum_document_text(node);
        struct locum_text text = locum_text_init(buffer, sizeof(buffer));
        locum_text_add(&text, "127.0.0.1");
        locum_text_add_bytes(&text, port.at, port.length);
        const struct locum_option *option = &locum_options[locum_option_index("nodes.*.redis")];
        if (locum_value_parse(option, locum_slice_of(buffer), ret) == 0) {
            return true;
        }
    }
    return take(self, node, key, "nodes.*.redis", ret);
}

/* The node that has no Sentinel yet and this host among its addresses; NULL: none. */
static struct locum_config_node *
node_of_host(struct locum_config *config, const char *host)
{
    struct locum_address address;
    const bool numeric = locum_address_parse(locum_slice_of(host), &address) == 0;
    for (size_t i = 0; i < config->core.node_count; i++) {
        struct locum_config_node *node = &config->nodes[i];
        bool here = node->redis.port != 0 && strcasecmp(node->redis.host, host) == 0;
        for (size_t j = 0; j < node->address_count && numeric; j++) {
            here |= locum_address_same_host(&node->address[j], &address);
        }
        if (here && node->sentinel.port == 0) {
            return node;
        }
    }
    return NULL;
}

/* A Sentinel on a node's host is that node's, as if it were written there, and so may vote. */
static void
add_sentinel(struct import *self, const struct locum_endpoint *endpoint)
{
    struct locum_config *config = self->load->config;
    struct locum_config_node *node = node_of_host(config, endpoint->host);
    size_t used = config->redis.sentinel_count;
    for (size_t i = 0; i < config->core.node_count; i++) {
        used += config->nodes[i].sentinel.port != 0;
    }
    if (node != NULL) {
        node->sentinel = *endpoint;
    } else if (used < LOCUM_NODES_MAX) {
        config->redis.sentinels[config->redis.sentinel_count++] = *endpoint;
    }
}

static void
take_sentinels(struct import *self, const yaml_node_t *root)
{
    const yaml_node_t *list = locum_document_find(&self->document, root, "RedisSentinels");
    if (is_empty(list)) {
        return;
    }
    if (list->type != YAML_SEQUENCE_NODE) {
        complain(self, locum_document_at(list),
                 "RedisSentinels is no list: write `- Host: 10.0.0.12:26379` below it");
        return;
    }
    for (const yaml_node_item_t *item = list->data.sequence.items.start;
         item < list->data.sequence.items.top; item++) {
        const yaml_node_t *entry = yaml_document_get_node(&self->document, *item);
        const yaml_node_t *host = locum_document_find(&self->document, entry, "Host");
        struct locum_endpoint endpoint;
        if (host == NULL && !is_empty(entry)) {
            complain(self, locum_document_at(entry),
                     "no Host in this item of RedisSentinels: write `- Host: 10.0.0.12:26379`");
        } else if (take_endpoint(self, host, "Host", &endpoint)) {
            add_sentinel(self, &endpoint);
        }
    }
}

/* A node's own addresses, a user, a password, ...: whatever is written in our file stands. */
static void
take_all(struct import *self)
{
    const yaml_node_t *root = yaml_document_get_root_node(&self->document);
    struct locum_config *config = self->load->config;
    bool has_redis = false;
    bool has_sentinel = false;
    for (size_t i = 0; i < config->core.node_count; i++) {
        has_redis |= config->nodes[i].redis.port != 0;
        has_sentinel |= config->nodes[i].sentinel.port != 0;
    }
#define FOUND(key) locum_document_find(&self->document, root, key), key
    if (!has_redis) {
        (void)take_endpoint(self, FOUND("RedisAddress"), &config->redis.server);
    }
    if (!has_sentinel) {
        take_sentinels(self, root);
    }
    if (!is_written(self->load, "redis.master-name")) {
        (void)take(self, FOUND("RedisSentinelMasterName"), "redis.master-name",
                   config->redis.master_name);
    }
    if (!is_written(self->load, "redis.db")) {
        (void)take(self, FOUND("RedisDB"), "redis.db", &config->redis.db);
    }
    if (!is_written(self->load, "redis.user") && !is_written(self->load, "redis.password") &&
        !is_written(self->load, "redis.password-file")) {
        (void)take(self, FOUND("RedisPassword"), "redis.password", config->redis.password);
    }
#undef FOUND
}

/* Is all that a connection needs written in our file? */
static bool
can_do_without(const struct locum_load *self)
{
    bool known = false;
    for (size_t i = 0; i < self->config->core.node_count; i++) {
        known |=
            self->config->nodes[i].redis.port != 0 || self->config->nodes[i].sentinel.port != 0;
    }
    return known && is_written(self, "redis.master-name");
}

static void
tell_absent(struct import *self)
{
    const struct locum_quoted path = locum_quote(locum_slice_of(self->path));
    if (can_do_without(self->load)) {
        locum_problems_warning(&self->load->problems, self->at,
                               "mirrorbits-config %s is not there: nothing is taken from it",
                               path.text);
    } else {
        locum_problems_error(&self->load->problems, self->at,
                             "mirrorbits-config %s is not there, and without it master-name or "
                             "the addresses of Redis and Sentinels (nodes.X.redis, "
                             "nodes.X.sentinel) are missing",
                             path.text);
    }
}

/* Everything that is wrong with the other file, told at our key. */
static void
tell_problems(struct import *self, const struct locum_problems *problems)
{
    for (size_t i = 0; i < problems->count; i++) {
        complain(self, problems->list[i].at, problems->list[i].text);
    }
}

static void
read_file(struct import *self)
{
    struct locum_problems *problems = calloc(1, sizeof(*problems));
    const int status = problems == NULL
                           ? LOCUM_ERR_MEMORY
                           : locum_document_load_foreign(self->path, problems, &self->document);
    if (status == 0) {
        take_all(self);
        yaml_document_delete(&self->document);
    } else if (status == LOCUM_ERR_MEMORY) {
        complain(self, (struct locum_position){0}, locum_error_text(status));
    } else {
        tell_problems(self, problems);
    }
    free(problems);
}

void
locum_load_mirrorbits(struct locum_load *self)
{
    static const char key[] = "redis.mirrorbits-config";
    struct import import = {.load = self};
    if (!locum_load_good(self, key, 0)) {
        return;
    }
    const yaml_node_t *node = locum_load_value(self, key, 0)->node;
    import.at = locum_document_at(node);
    if (!locum_load_path(self, locum_document_text(node), import.path, sizeof(import.path))) {
        locum_problems_error(&self->problems, import.at,
                             "mirrorbits-config: the path is longer than 255 characters");
    } else if (access(import.path, F_OK) != 0 && (errno == ENOENT || errno == ENOTDIR)) {
        tell_absent(&import);
    } else {
        read_file(&import);
    }
}
