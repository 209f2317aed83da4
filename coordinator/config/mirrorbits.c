/*
 * mirrorbits: what Mirrorbits' own configuration says of Redis and Sentinel, for what is not
 * written in ours. It is read as Mirrorbits reads it: any key may be absent or empty, unknown keys
 * are ignored, and the last of two equal keys counts.
 *
 * Source: mirrorbits.conf and config/config.go of Mirrorbits 0.5.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/text_format.h"
#include "config/load.h"
#include "config/source.h"
#include "config/value.h"

enum { MIRRORBITS_PORT = 8080 }; /* its default */

struct import {
    struct locum_bind *bind;
    struct locum_config *config;
    yaml_document_t document; /* Mirrorbits' */
    struct locum_text *taken; /* what was taken from it: "RedisDB 3, ..." */
};

/* An error at our key, with the place in the other file. */
static void
refuse(struct import *self, struct locum_position at, const char *text)
{
    char place[32] = "";
    if (at.line > 0) {
        (void)locum_text_format_buffer(place, sizeof(place), ":%u:%u", at.line, at.column);
    }
    locum_bind_error(self->bind, LOCUM_KEY_REDIS_MIRRORBITS_CONFIG, 0, "%s%s: %s",
                     self->config->redis.mirrorbits_config, place, text);
}

/* An item of the list of what was taken. */
__attribute__((format(printf, 2, 3))) static void
take(struct import *self, const char *format, ...)
{
    char item[LOCUM_HOST_MAX + 64];
    va_list values;
    va_start(values, format);
    (void)vsnprintf(item, sizeof(item), format, values);
    va_end(values);
    locum_text_add(self->taken, self->taken->length > 0 ? ", " : "");
    locum_text_add(self->taken, item);
}

static bool
is_empty(const yaml_node_t *node)
{
    return node == NULL ||
           (node->type == YAML_SCALAR_NODE &&
            (locum_document_is_null(node) || locum_document_text(node).length == 0));
}

/* Read the value as our key `row` is read, into `field`. False: it is empty, or refused. */
static bool
read_value(struct import *self, const yaml_node_t *node, const char *key, size_t row, void *field)
{
    const struct locum_schema_row *like = &locum_keys.rows[row];
    char buffer[LOCUM_PROBLEM_BYTES];
    struct locum_text text = locum_text_init(buffer, sizeof(buffer));
    if (is_empty(node)) {
        return false;
    }
    const bool scalar = node->type == YAML_SCALAR_NODE;
    if (scalar && locum_value_parse(like, locum_document_text(node), field, NULL) == 0) {
        return true;
    }
    locum_text_format(&text, "%s: %s is not valid; expected ", key,
                      scalar && like->kind != LOCUM_KIND_SECRET
                          ? locum_problems_quote(locum_document_text(node)).text
                          : "the value");
    locum_value_describe(like, &text);
    refuse(self, locum_document_at(node), buffer);
    return false;
}

/* To Mirrorbits ":6379" means this host. */
static bool
read_endpoint(struct import *self, const yaml_node_t *node, const char *key,
              struct locum_endpoint *ret)
{
    const struct locum_schema_row *like = &locum_keys.rows[LOCUM_KEY_NODE_REDIS];
    const struct locum_slice text = locum_document_text(node);
    char buffer[32];
    if (locum_slice_starts(text, ":") &&
        locum_text_format_buffer(buffer, sizeof(buffer), "127.0.0.1%.*s", LOCUM_SLICE(text)) &&
        locum_value_parse(like, locum_slice_of(buffer), ret, NULL) == 0) {
        return true;
    }
    return read_value(self, node, key, LOCUM_KEY_NODE_REDIS, ret);
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
add_sentinel(struct locum_config *config, const struct locum_endpoint *endpoint)
{
    struct locum_config_node *node = node_of_host(config, endpoint->host);
    size_t servers, sentinels;
    locum_load_count(config, &servers, &sentinels);
    if (node != NULL) {
        node->sentinel = *endpoint;
    } else if (config->redis.sentinel_count + sentinels < LOCUM_NODES_MAX) {
        config->redis.sentinels[config->redis.sentinel_count++] = *endpoint;
    }
}

/* Returns their number. */
static size_t
read_sentinels(struct import *self, const yaml_node_t *list)
{
    size_t count = 0;
    if (is_empty(list)) {
        return 0;
    }
    if (list->type != YAML_SEQUENCE_NODE) {
        refuse(self, locum_document_at(list),
               "RedisSentinels: expected a list; write `- Host: 10.0.0.12:26379` below it");
        return 0;
    }
    for (const yaml_node_item_t *item = list->data.sequence.items.start;
         item < list->data.sequence.items.top; item++) {
        const yaml_node_t *entry = yaml_document_get_node(&self->document, *item);
        const yaml_node_t *host = locum_document_find(&self->document, entry, "Host");
        struct locum_endpoint endpoint;
        if (host == NULL && !is_empty(entry)) {
            refuse(self, locum_document_at(entry),
                   "RedisSentinels: this item has no Host; write `- Host: 10.0.0.12:26379`");
        } else if (read_endpoint(self, host, "Host", &endpoint)) {
            add_sentinel(self->config, &endpoint);
            count++;
        }
    }
    if (count > 0) {
        take(self, "%zu RedisSentinels", count);
    }
    return count;
}

/*
 * Mirrorbits asks Sentinels first. Where it knows none, its RedisAddress counts, and the default of
 * that key where it is not written.
 */
static void
read_address(struct import *self, const yaml_node_t *node, bool sentinels)
{
    struct locum_endpoint *server = &self->config->redis.server;
    char buffer[LOCUM_HOST_MAX + 16];
    struct locum_text text = locum_text_init(buffer, sizeof(buffer));
    const bool written = node != NULL && !locum_document_is_null(node);
    if (written && read_endpoint(self, node, "RedisAddress", server)) {
        locum_config_endpoint_add(server, &text);
        take(self, "RedisAddress %s", buffer);
    } else if (!written && !sentinels) {
        *server = (struct locum_endpoint){.host = "127.0.0.1", .port = 6379};
        take(self, "RedisAddress 127.0.0.1:6379 (the default of Mirrorbits)");
    }
}

/* Where this node asks Mirrorbits: without a host it listens on every address. */
static void
read_listen_address(struct import *self, const yaml_node_t *node)
{
    struct locum_endpoint endpoint = {.host = "127.0.0.1", .port = MIRRORBITS_PORT};
    struct locum_config_mirrorbits *web = &self->config->mirrorbits;
    struct locum_text text = locum_text_init(web->authority, sizeof(web->authority));
    if (!is_empty(node) && !read_endpoint(self, node, "ListenAddress", &endpoint)) {
        return;
    }
    if (strcmp(endpoint.host, "0.0.0.0") == 0) {
        (void)locum_text_format_buffer(endpoint.host, sizeof(endpoint.host), "127.0.0.1");
    } else if (strcmp(endpoint.host, "::") == 0) {
        (void)locum_text_format_buffer(endpoint.host, sizeof(endpoint.host), "::1");
    }
    locum_config_endpoint_add(&endpoint, &text);
    take(self, "ListenAddress (%s)", web->authority);
}

/* A URL in a pattern, from after its scheme. Mirrorbits adds a missing scheme, and a missing slash
 * at the end: without it, the host would also match as the beginning of a longer one. */
static void
add_escaped(struct locum_text *pattern, struct locum_slice url)
{
    static const char special[] = "\\.[]()*+?{}|^$";
    const char *scheme = memmem(url.at, url.length, "://", 3);
    for (const char *at = scheme != NULL ? scheme + 3 : url.at; at < url.at + url.length; at++) {
        if (strchr(special, *at) != NULL) {
            locum_text_add_char(pattern, '\\');
        }
        locum_text_add_char(pattern, *at);
    }
    if (url.at[url.length - 1] != '/') {
        locum_text_add_char(pattern, '/');
    }
}

static void
read_fallbacks(struct import *self, const yaml_node_t *list)
{
    struct locum_config_mirrorbits *web = &self->config->mirrorbits;
    struct locum_text pattern = locum_text_init(web->fallbacks, sizeof(web->fallbacks));
    size_t count = 0;
    if (is_empty(list)) {
        return;
    }
    if (list->type != YAML_SEQUENCE_NODE) {
        refuse(self, locum_document_at(list),
               "Fallbacks: expected a list; write `- URL: http://fallback.example.org/` below it");
        return;
    }
    for (const yaml_node_item_t *item = list->data.sequence.items.start;
         item < list->data.sequence.items.top; item++) {
        const yaml_node_t *entry = yaml_document_get_node(&self->document, *item);
        const yaml_node_t *url = locum_document_find(&self->document, entry, "URL");
        if (is_empty(url) || url->type != YAML_SCALAR_NODE ||
            memchr(locum_document_text(url).at, '\0', locum_document_text(url).length) != NULL) {
            refuse(self, locum_document_at(is_empty(url) ? entry : url),
                   "Fallbacks: this item has no URL; write `- URL: http://fallback.example.org/`");
            return;
        }
        locum_text_add(&pattern, count++ == 0 ? "^https?://(" : "|");
        add_escaped(&pattern, locum_document_text(url));
    }
    locum_text_add(&pattern, count > 0 ? ")" : "");
    if (pattern.truncated) {
        refuse(self, locum_document_at(list),
               "Fallbacks: together too long for `mirrorbits: {file: ...}`; use an http check with "
               "location-not instead");
    } else if (count > 0) {
        take(self, "%zu Fallbacks", count);
    }
}

/* Its web service: what a mirrorbits check with a file needs. */
static void
read_web(struct import *self, const yaml_node_t *root)
{
    bool wanted = false;
    for (size_t i = 0; i < self->config->core.check_count; i++) {
        wanted = wanted || locum_bind_good(self->bind, LOCUM_KEY_MIRRORBITS_FILE, i);
    }
    if (!wanted) {
        return;
    }
    const yaml_node_t *mode = locum_document_find(&self->document, root, "OutputMode");
    if (mode != NULL && mode->type == YAML_SCALAR_NODE &&
        locum_slice_is(locum_document_text(mode), "json")) {
        refuse(self, locum_document_at(mode),
               "OutputMode: json answers without redirects, which `mirrorbits: {file: ...}` needs; "
               "use http checks instead");
    }
    read_listen_address(self, locum_document_find(&self->document, root, "ListenAddress"));
    read_fallbacks(self, locum_document_find(&self->document, root, "Fallbacks"));
}

static const char password_key[] = "RedisPassword";

/* What is written in our file has precedence. */
static void
read_all(struct import *self)
{
    static const struct {
        size_t row;
        const char *key;
    } values[] = {
        {LOCUM_KEY_REDIS_MASTER_NAME, "RedisSentinelMasterName"},
        {LOCUM_KEY_REDIS_DB, "RedisDB"},
        {LOCUM_KEY_REDIS_PASSWORD, password_key},
    };
    const yaml_node_t *root = yaml_document_get_root_node(&self->document);
    struct locum_config *config = self->config;
    /* A password belongs to a user; that of Mirrorbits is not the password of another one. */
    const bool password = locum_bind_written(self->bind, LOCUM_KEY_REDIS_USER, 0) ||
                          locum_bind_written(self->bind, LOCUM_KEY_REDIS_PASSWORD_FILE, 0);
    size_t servers, sentinels;
    locum_load_count(config, &servers, &sentinels);
    if (sentinels == 0) {
        sentinels =
            read_sentinels(self, locum_document_find(&self->document, root, "RedisSentinels"));
    }
    if (servers == 0) {
        read_address(self, locum_document_find(&self->document, root, "RedisAddress"),
                     sentinels > 0);
    }
    for (size_t i = 0; i < LOCUM_COUNT(values); i++) {
        const struct locum_schema_row *row = &locum_keys.rows[values[i].row];
        const yaml_node_t *node = locum_document_find(&self->document, root, values[i].key);
        const bool secret = row->kind == LOCUM_KIND_SECRET;
        if (!locum_bind_written(self->bind, values[i].row, 0) && !(password && secret) &&
            read_value(self, node, values[i].key, values[i].row, (char *)config + row->offset)) {
            take(self, "%s %.*s", values[i].key,
                 LOCUM_SLICE(secret ? locum_slice_of("(not shown)") : locum_document_text(node)));
            if (secret) {
                locum_load_kept_password(self->bind, LOCUM_KEY_REDIS_MIRRORBITS_CONFIG,
                                         config->redis.mirrorbits_config, NULL, password_key);
            }
        }
    }
    read_web(self, root);
}

/* For a later start: what read_all() reads. */
static int
keep(struct import *self)
{
    static const char *const keys[] = {"RedisSentinels",
                                       "Host",
                                       "RedisAddress",
                                       "RedisSentinelMasterName",
                                       "RedisDB",
                                       "OutputMode",
                                       "ListenAddress",
                                       "Fallbacks",
                                       "URL",
                                       password_key,
                                       NULL};
    self->config->source.mirrorbits = locum_source_of_keys(&self->document, keys, password_key);
    return self->config->source.mirrorbits != NULL ? 0 : LOCUM_ERR_MEMORY;
}

/* The file, or what is kept of it. LOCUM_ERR_NOT_FOUND: there is none. */
static int
load(struct import *self, struct locum_problems *problems)
{
    const struct locum_config *config = self->config;
    const char *path = config->redis.mirrorbits_config;
    const bool absent = config->kept
                            ? config->source.mirrorbits == NULL
                            : access(path, F_OK) != 0 && (errno == ENOENT || errno == ENOTDIR);
    return absent         ? LOCUM_ERR_NOT_FOUND
           : config->kept ? locum_document_parse(locum_slice_of(config->source.mirrorbits), true,
                                                 problems, &self->document)
                          : locum_document_load(path, true, problems, &self->document, NULL);
}

/* Not an error if our file names all that a connection needs. A witness has no Mirrorbits. */
static void
report_absent(struct locum_bind *bind, const struct locum_config *config)
{
    const char *path = config->redis.mirrorbits_config;
    size_t servers, sentinels;
    locum_load_count(config, &servers, &sentinels);
    const bool enough =
        locum_bind_written(bind, LOCUM_KEY_REDIS_MASTER_NAME, 0) && servers + sentinels > 0;
    const locum_node self = config->core.self;
    if (enough && self != LOCUM_NODE_NONE && config->core.nodes[self].role == LOCUM_ROLE_WITNESS) {
        return;
    }
    if (enough) {
        locum_bind_warning(bind, LOCUM_KEY_REDIS_MIRRORBITS_CONFIG, 0,
                           "mirrorbits-config: \"%s\" does not exist; nothing is taken from it",
                           path);
    } else {
        locum_bind_error(bind, LOCUM_KEY_REDIS_MIRRORBITS_CONFIG, 0,
                         "mirrorbits-config: \"%s\" does not exist, and master-name or the "
                         "addresses of Redis and Sentinels are missing; set them, or correct the "
                         "path",
                         path);
    }
}

void
locum_load_mirrorbits(struct locum_bind *bind)
{
    struct locum_config *config = bind->target;
    char buffer[LOCUM_PROBLEM_BYTES - LOCUM_PATH_MAX];
    struct locum_text taken = locum_text_init(buffer, sizeof(buffer));
    struct import import = {.bind = bind, .config = config, .taken = &taken};
    const size_t errors = bind->problems.error_count;
    const char *path = config->redis.mirrorbits_config;
    if (!locum_bind_good(bind, LOCUM_KEY_REDIS_MIRRORBITS_CONFIG, 0)) {
        return;
    }
    struct locum_problems problems = {0};
    int status = load(&import, &problems);
    if (status == LOCUM_ERR_NOT_FOUND) {
        report_absent(bind, config);
        return;
    }
    if (status == 0) {
        read_all(&import);
        status = config->kept || bind->problems.error_count > errors ? 0 : keep(&import);
        yaml_document_delete(&import.document);
    }
    if (status == LOCUM_ERR_MEMORY) {
        refuse(&import, (struct locum_position){0}, locum_error_text(status));
    }
    for (size_t i = 0; i < problems.count; i++) {
        refuse(&import, problems.list[i].at, problems.list[i].text);
    }
    if (bind->problems.error_count == errors) {
        locum_bind_note(bind, LOCUM_KEY_REDIS_MIRRORBITS_CONFIG, 0,
                        "mirrorbits-config: taken from %s: %s", path,
                        taken.length > 0 ? buffer : "nothing");
    }
}
