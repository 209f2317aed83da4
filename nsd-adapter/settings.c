#include "nsd-adapter/settings.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/version.h"
#include "config/document.h"
#include "config/value.h"

enum { SECOND = 1000, HOUR = 3600 * SECOND };

#define AT(field) LOCUM_BASE_CONFIG, offsetof(struct locum_nsd_settings, field)

/* clang-format off */
const struct locum_option locum_nsd_options[] = {
{"coordinator", LOCUM_KIND_PATH, LOCUM_RULE_DEFAULT, "/run/locum/control.sock", 1, 107, NULL,
 AT(coordinator), "control socket of the coordinator on this host"},
{"coordinator-lost", LOCUM_KIND_DURATION, LOCUM_RULE_DEFAULT, "10s", 5 * SECOND, HOUR, NULL,
 AT(lost_ms), "no word from it for this long: NSD is given the fail-open zone"},
{"zone", LOCUM_KIND_DOMAIN, LOCUM_RULE_REQUIRED, NULL, 1, LOCUM_DOMAIN_MAX - 1, NULL,
 AT(zone), "the zone, one of the coordinator's"},
{"nsd", LOCUM_KIND_MAP, LOCUM_RULE_REQUIRED, NULL, 0, 0, NULL,
 LOCUM_BASE_NOWHERE, 0, "the NSD on this host"},
{"nsd.config", LOCUM_KIND_PATH, LOCUM_RULE_DEFAULT, "/etc/nsd/nsd.conf", 1, LOCUM_PATH_MAX, NULL,
 AT(nsd_config), "its configuration file"},
{"nsd.zonefile", LOCUM_KIND_PATH, LOCUM_RULE_REQUIRED, NULL, 1, LOCUM_PATH_MAX - 16, NULL,
 AT(zonefile), "the file that NSD reads the zone from; written by locum-nsd alone"},
{"nsd.address", LOCUM_KIND_ADDRESS, LOCUM_RULE_DEFAULT, "127.0.0.1:53", 0, 0, NULL,
 AT(address), "address:port at which it answers questions"},
{"nsd.pattern", LOCUM_KIND_TEXT, LOCUM_RULE_DEFAULT, "locum", 1, 63, NULL,
 AT(pattern), "pattern of its configuration by which the zone is added if NSD does not know it"},
};
/* clang-format on */
const size_t locum_nsd_option_count = LOCUM_COUNT(locum_nsd_options);

enum { OPTIONS = LOCUM_COUNT(locum_nsd_options) };

struct load {
    const char *path;
    struct locum_nsd_settings settings;
    struct locum_problems problems;
    yaml_document_t document;
    const yaml_node_t *seen[OPTIONS];
};

/* The part of an option's path behind `prefix` ("" or "nsd"), NULL: it is not directly below. */
static const char *
below(const struct locum_option *option, const char *prefix)
{
    const char *dot = strchr(option->key, '.');
    const size_t length = strlen(prefix);
    if (length == 0) {
        return dot == NULL ? option->key : NULL;
    }
    return dot != NULL && (size_t)(dot - option->key) == length &&
                   memcmp(option->key, prefix, length) == 0
               ? dot + 1
               : NULL;
}

static size_t
find(const char *prefix, struct locum_slice key)
{
    size_t i = 0;
    for (; i < OPTIONS; i++) {
        const char *name = below(&locum_nsd_options[i], prefix);
        if (name != NULL && locum_slice_is(key, name)) {
            break;
        }
    }
    return i;
}

static int
store(struct load *self, const struct locum_option *option, struct locum_slice text)
{
    char *field = (char *)&self->settings + option->offset;
    if (option->kind != LOCUM_KIND_PATH) {
        return locum_value_parse(option, text, field);
    }
    const int status = locum_value_parse(option, text, NULL);
    return status != 0 ? status
           : locum_document_path(self->path, text, field, (size_t)option->max + 1)
               ? 0
               : LOCUM_ERR_RANGE;
}

static void
refuse_key(struct load *self, const yaml_node_t *key, const char *prefix)
{
    char buffer[200];
    struct locum_text known = locum_text_init(buffer, sizeof(buffer));
    for (size_t i = 0; i < OPTIONS; i++) {
        const char *name = below(&locum_nsd_options[i], prefix);
        if (name != NULL) {
            locum_text_add(&known, known.length > 0 ? ", " : "");
            locum_text_add(&known, name);
        }
    }
    locum_problems_error(&self->problems, locum_document_at(key),
                         "unknown key %s in version %s: known here are %s",
                         locum_quote(locum_document_text(key)).text, LOCUM_VERSION, buffer);
}

static void bind_map(struct load *self, const yaml_node_t *map, const char *prefix);

static void
bind_value(struct load *self, const struct locum_option *option, const yaml_node_t *node)
{
    char buffer[200];
    struct locum_text right = locum_text_init(buffer, sizeof(buffer));
    if (option->kind == LOCUM_KIND_MAP) {
        bind_map(self, node, option->key);
        return;
    }
    locum_value_describe(option, &right);
    if (node->type != YAML_SCALAR_NODE || node->data.scalar.length == 0) {
        locum_problems_error(&self->problems, locum_document_at(node), "%s is no single value: %s",
                             option->key, buffer);
    } else if (store(self, option, locum_document_text(node)) != 0) {
        locum_problems_error(&self->problems, locum_document_at(node), "%s %s is not right: %s",
                             option->key, locum_quote(locum_document_text(node)).text, buffer);
    }
}

static void
bind_pair(struct load *self, const yaml_node_pair_t *pair, const char *prefix)
{
    const yaml_node_t *key = yaml_document_get_node(&self->document, pair->key);
    if (key->type != YAML_SCALAR_NODE) {
        locum_problems_error(&self->problems, locum_document_at(key), "a key must be plain text");
        return;
    }
    const size_t option = find(prefix, locum_document_text(key));
    if (option == OPTIONS) {
        refuse_key(self, key, prefix);
    } else if (self->seen[option] != NULL) {
        locum_problems_error(&self->problems, locum_document_at(key),
                             "key %s stands here twice, first at line %u: remove one",
                             locum_quote(locum_document_text(key)).text,
                             locum_document_at(self->seen[option]).line);
    } else {
        self->seen[option] = key;
        bind_value(self, &locum_nsd_options[option],
                   yaml_document_get_node(&self->document, pair->value));
    }
}

static void
bind_map(struct load *self, const yaml_node_t *map, const char *prefix)
{
    if (map->type != YAML_MAPPING_NODE) {
        locum_problems_error(&self->problems, locum_document_at(map),
                             "keys and values belong here, as in {key: value}");
        return;
    }
    for (const yaml_node_pair_t *pair = map->data.mapping.pairs.start;
         pair < map->data.mapping.pairs.top; pair++) {
        bind_pair(self, pair, prefix);
    }
    for (size_t i = 0; i < OPTIONS; i++) {
        const struct locum_option *option = &locum_nsd_options[i];
        if (below(option, prefix) == NULL || self->seen[i] != NULL) {
            continue;
        }
        if (option->rule == LOCUM_RULE_REQUIRED) {
            const bool top = prefix[0] == '\0';
            locum_problems_error(&self->problems,
                                 top ? (struct locum_position){0} : locum_document_at(map),
                                 "%s is missing: %s", option->key, option->note);
        } else {
            LOCUM_INVARIANT(store(self, option, locum_slice_of(option->fallback)) == 0);
        }
    }
}

int
locum_nsd_settings_load(const char *path, locum_problem_fn *report, void *user,
                        struct locum_nsd_settings *ret)
{
    bool shared;
    struct load *self = calloc(1, sizeof(*self));
    if (self == NULL) {
        return LOCUM_ERR_MEMORY;
    }
    self->path = path;
    int status = locum_document_load(path, &self->problems, &self->document, &shared);
    if (status == 0) {
        bind_map(self, yaml_document_get_root_node(&self->document), "");
        yaml_document_delete(&self->document);
    }
    locum_problems_tell(&self->problems, path, report, user);
    if (status == 0 && self->problems.error_count > 0) {
        status = LOCUM_ERR_INVALID;
    }
    if (status == 0) {
        *ret = self->settings;
    }
    free(self);
    return status;
}

void
locum_nsd_zone_plain(const char *zone, char ret[LOCUM_DOMAIN_MAX + 1])
{
    const size_t length = strlen(zone);
    const size_t kept = length > 1 && zone[length - 1] == '.' ? length - 1 : length;
    memcpy(ret, zone, kept);
    ret[kept] = '\0';
}
