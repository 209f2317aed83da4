#include "config/config.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/foreign.h"
#include "base/version.h"
#include "config/load.h"
#include "config/source.h"
#include "core/names.h"

/* More than a file of LOCUM_CONFIG_FILE_BYTES_MAX can unfold to. */
enum { NORMAL_BYTES_MAX = 2 * LOCUM_CONFIG_FILE_BYTES_MAX, VALUE_BYTES_MAX = 1024 };

_Static_assert(sizeof(LOCUM_VERSION) <= LOCUM_VERSION_MAX + 1, "the version fits");

/* The section of a key: the first part of its name; LOCUM_SECTIONS: none, the cluster's name. */
static enum locum_section
section_of(const char *key)
{
    const struct locum_slice first = {.at = key, .length = strcspn(key, ".[")};
    enum locum_section section = 0;
    while (section < LOCUM_SECTIONS && !locum_slice_is(first, locum_names_section(section))) {
        section++;
    }
    return section;
}

/* All values of a section that the table of keys marks, and the names in the zones. */
static void
add_section(const struct locum_config *config, enum locum_section section, struct locum_text *text)
{
    const struct locum_core_config *core = &config->core;
    for (size_t row = 0; row < locum_keys.count; row++) {
        if (locum_keys.rows[row].digest && section_of(locum_keys.rows[row].key) == section) {
            locum_schema_print(&locum_keys, row, config, text);
        }
    }
    for (size_t i = 0; i < core->name_count && section == LOCUM_SECTION_ZONES; i++) {
        locum_text_add(text, config->names[i].name);
        locum_text_add_char(text, ' ');
        locum_text_add_u64(text, core->names[i].owner);
        locum_text_add_char(text, '\n');
    }
}

/*
 * Eight hex digits that tell whether two nodes decide by the same configuration, and four for each
 * section of it: defaults and derived values included. Not of what may differ: `node`, checks, own
 * sockets, files, passwords, or the way it is written.
 */
static int
add_digest(struct locum_config *config)
{
    uint8_t digest[LOCUM_DIGEST_BYTES];
    struct locum_core_config *core = &config->core;
    char *buffer = malloc(NORMAL_BYTES_MAX);
    if (buffer == NULL) {
        return LOCUM_ERR_MEMORY;
    }
    struct locum_text text = locum_text_init(buffer, NORMAL_BYTES_MAX);
    struct locum_text sections = locum_text_init(core->sections, sizeof(core->sections));
    for (enum locum_section section = 0; section < LOCUM_SECTIONS; section++) {
        const size_t begin = text.length;
        add_section(config, section, &text);
        locum_signature_digest(text.at + begin, text.length - begin, digest);
        locum_text_add_hex(&sections, digest, LOCUM_SECTION_CHARS / 2);
    }
    add_section(config, LOCUM_SECTIONS, &text);
    locum_signature_digest(text.at, text.length, digest);
    struct locum_text hex = locum_text_init(core->digest, sizeof(core->digest));
    locum_text_add_hex(&hex, digest, LOCUM_DIGEST_CHARS / 2);
    free(buffer);
    return 0;
}

void
locum_load_lack_at(struct locum_bind *bind, size_t row, size_t instance, const char *format, ...)
{
    struct locum_config *config = bind->target;
    char buffer[LOCUM_PROBLEM_BYTES];
    va_list values;
    va_start(values, format);
    (void)vsnprintf(buffer, sizeof(buffer), format, values);
    va_end(values);
    if (!config->kept) {
        locum_bind_error(bind, row, instance, "%s", buffer);
        return;
    }
    locum_bind_warning(bind, row, instance, "%s", buffer);
    struct locum_text text = {
        .at = config->lacks, .size = sizeof(config->lacks), .length = strlen(config->lacks)};
    locum_text_add(&text, text.length > 0 ? "; " : "");
    locum_text_add(&text, buffer);
}

/* Only for a file that is good. */
static int
keep_source(struct locum_bind *bind, struct locum_config *config)
{
    const yaml_node_t *password = bind->values[LOCUM_KEY_REDIS_PASSWORD][0].node;
    config->source.yaml = locum_source_of(&bind->document, password);
    return config->source.yaml != NULL ? 0 : LOCUM_ERR_MEMORY;
}

/* All steps, even after an error, so that the user sees every error at once. */
static int
load(struct locum_bind *bind, struct locum_config *config, const char *path, const char *node)
{
    if (locum_slice_copy(locum_slice_of(path), config->path, sizeof(config->path)) != 0) {
        locum_problems_error(&bind->problems, (struct locum_position){0},
                             "the path is longer than %d characters", LOCUM_PATH_MAX);
        return LOCUM_ERR_INVALID;
    }
    config->core.self = LOCUM_NODE_NONE;
    memcpy(config->core.version, LOCUM_VERSION, sizeof(LOCUM_VERSION));
    int status = locum_bind_file(bind, &locum_keys, config->path, config->source.yaml, config);
    if (status != 0) {
        return status;
    }
    locum_load_nodes(bind, node);
    locum_load_zones(bind);
    locum_load_acme(bind);
    locum_load_mirrorbits(bind);
    locum_load_redis(bind);
    locum_load_service(bind);
    locum_load_cluster(bind);
    locum_load_peer_keys(bind);
    locum_load_transfers(bind);
    locum_load_acme_clients(bind);
    locum_load_hooks(bind);
    if (bind->problems.error_count > 0) {
        status = LOCUM_ERR_INVALID;
    } else {
        locum_load_advice(bind);
        status = config->kept ? 0 : keep_source(bind, config);
        status = status == 0 ? add_digest(config) : status;
    }
    yaml_document_delete(&bind->document);
    return status;
}

static void
hide_lines(const struct locum_secrets *secrets)
{
    for (size_t i = 0; i < secrets->count; i++) {
        char hex[2 * LOCUM_SECRET_BYTES + 1];
        struct locum_text text = locum_text_init(hex, sizeof(hex));
        locum_text_add_hex(&text, secrets->key[i], LOCUM_SECRET_BYTES);
        locum_foreign_hide(locum_slice_of(hex));
        explicit_bzero(hex, sizeof(hex));
    }
}

/* No server may make this process show them: it repeats what it was sent, or what it knows. */
static void
hide_secrets(const struct locum_config *config)
{
    locum_foreign_hide(locum_slice_of(config->redis.password));
    locum_foreign_hide(locum_slice_of(config->redis.sentinel_password));
    for (size_t i = 0; i < config->hook_count; i++) {
        locum_foreign_hide(locum_slice_of(config->hooks[i].secret));
    }
    locum_foreign_hide(locum_slice_of(config->acme.token));
    hide_lines(&config->secrets);
    hide_lines(&config->private_keys);
}

/* Copy what the steps read instead of the files. False: out of memory. */
static bool
use_source(struct locum_config *config, const struct locum_config_source *source)
{
    config->kept = true;
    config->source.yaml = strdup(source->yaml);
    config->source.mirrorbits = source->mirrorbits != NULL ? strdup(source->mirrorbits) : NULL;
    return config->source.yaml != NULL &&
           (config->source.mirrorbits != NULL) == (source->mirrorbits != NULL);
}

/* source NULL: read the files. */
static int
make(const char *path, const char *node, const struct locum_config_source *source,
     locum_problem_fn *report, void *user, struct locum_config **ret)
{
    int status = LOCUM_ERR_MEMORY;
    struct locum_config *config = calloc(1, sizeof(*config));
    struct locum_bind *bind = calloc(1, sizeof(*bind));
    if (config != NULL && bind != NULL && (source == NULL || use_source(config, source))) {
        status = load(bind, config, path, node);
        for (size_t i = 0; i < bind->problems.count && config->kept; i++) {
            bind->problems.list[i].at = (struct locum_position){0};
        }
        locum_problems_report(&bind->problems, path, report, user);
    }
    if (status == 0) {
        hide_secrets(config);
        *ret = config;
    } else {
        locum_config_free(config);
    }
    free(bind);
    return status;
}

int
locum_config_load(const char *path, const char *node, locum_problem_fn *report, void *user,
                  struct locum_config **ret)
{
    return make(path, node, NULL, report, user, ret);
}

int
locum_config_load_kept(const char *path, const char *node, const struct locum_config_source *source,
                       locum_problem_fn *report, void *user, struct locum_config **ret)
{
    return make(path, node, source, report, user, ret);
}

bool
locum_config_speaks(const struct locum_config *self)
{
    return self->secrets.count > 0 &&
           (self->peer_keys == LOCUM_PEER_KEYS_ACCEPT || self->keyring != NULL);
}

static void
free_records(struct locum_config_zone *zone)
{
    for (size_t i = 0; i < zone->record_count; i++) {
        free(zone->records[i].text);
    }
    free(zone->records);
}

void
locum_config_free(struct locum_config *self)
{
    if (self != NULL) {
        free((char *)self->source.yaml);
        free((char *)self->source.mirrorbits);
        for (size_t i = 0; i < self->zone_count; i++) {
            free_records(&self->zones[i]);
        }
        locum_keyring_destroy(self->keyring);
        explicit_bzero(self, sizeof(*self));
        free(self);
    }
}

void
locum_config_endpoint_add(const struct locum_endpoint *self, struct locum_text *text)
{
    const bool bracketed = strchr(self->host, ':') != NULL;
    locum_text_add(text, bracketed ? "[" : "");
    locum_text_add(text, self->host);
    locum_text_add(text, bracketed ? "]:" : ":");
    locum_text_add_u64(text, self->port);
}

/* Are these the node's own addresses, as without the key `listen.*`? */
static bool
follows_node(const struct locum_config *config, size_t row)
{
    const struct locum_config_node *node = &config->nodes[config->core.self];
    const bool dns = row == LOCUM_KEY_LISTEN_DNS;
    const struct locum_address *list = dns ? config->listen_dns : config->listen_peer;
    bool same = node->address_count == (dns ? config->listen_dns_count : config->listen_peer_count);
    for (size_t i = 0; i < node->address_count && same; i++) {
        same = locum_address_same_host(&list[i], &node->address[i]) &&
               list[i].port == (dns ? LOCUM_LOAD_DNS_PORT : node->peer_port);
    }
    return same;
}

/* The key that an operator has changed, where one follows from another. */
static void
add_changed_key(const struct locum_config *running, const struct locum_config *next, size_t row,
                struct locum_text *why)
{
    const bool port =
        row == LOCUM_KEY_LISTEN_PEER &&
        running->nodes[running->core.self].peer_port != next->nodes[next->core.self].peer_port;
    const bool listens = row == LOCUM_KEY_LISTEN_DNS || row == LOCUM_KEY_LISTEN_PEER;
    locum_text_add(why, locum_keys.rows[row].key);
    if (listens && follows_node(running, row) && follows_node(next, row)) {
        locum_text_add(why, " follows nodes.");
        locum_text_add(why, next->core.nodes[next->core.self].name);
        locum_text_add(why, port ? ".port, which" : ".address, which");
    }
    locum_text_add(why, " changed");
}

int
locum_config_reloadable(const struct locum_config *running, const struct locum_config *next,
                        struct locum_text *ret_why)
{
    const struct locum_core_node *self = &running->core.nodes[running->core.self];
    const struct locum_core_node *next_self = &next->core.nodes[next->core.self];
    for (size_t row = 0; row < locum_keys.count; row++) {
        char buffers[2][VALUE_BYTES_MAX];
        struct locum_text before = locum_text_init(buffers[0], sizeof(buffers[0]));
        struct locum_text after = locum_text_init(buffers[1], sizeof(buffers[1]));
        if (!locum_keys.rows[row].restart) {
            continue;
        }
        locum_schema_print(&locum_keys, row, running, &before);
        locum_schema_print(&locum_keys, row, next, &after);
        /* The node may move in the list of nodes, but not change its name or role. */
        if (row == LOCUM_KEY_NODE
                ? strcmp(self->name, next_self->name) != 0 || self->role != next_self->role
                : strcmp(buffers[0], buffers[1]) != 0) {
            add_changed_key(running, next, row, ret_why);
            return LOCUM_ERR_REFUSED;
        }
    }
    return 0;
}
