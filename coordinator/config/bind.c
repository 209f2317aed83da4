/* The binder: walks the document along the table of options. */
#include <inttypes.h>
#include <string.h>

#include "base/error.h"
#include "base/version.h"
#include "config/load.h"
#include "config/value.h"

enum { KEYS_MAX = 256, DESCRIBED_MAX = 200, DISTANCE_MAX = 2, KEY_LENGTH_MAX = 32 };

struct described {
    char text[DESCRIBED_MAX];
};

static struct described
describe(const struct locum_option *option)
{
    struct described described;
    struct locum_text text = locum_text_init(described.text, sizeof(described.text));
    locum_value_describe(option, &text);
    return described;
}

/* The last part of an option's path: how a person calls it. */
static const char *
short_key(const struct locum_option *option)
{
    const char *dot = strrchr(option->key, '.');
    return dot == NULL ? option->key : dot + 1;
}

static struct locum_load_value *
slot(struct locum_load *self, const struct locum_option *option, size_t instance)
{
    return &self->values[option - locum_options][instance];
}

static void *
field_of(struct locum_config *config, const struct locum_option *option, size_t instance)
{
    char *base = NULL;
    switch (option->base) {
    case LOCUM_BASE_NOWHERE: return NULL;
    case LOCUM_BASE_CONFIG: base = (char *)config; break;
    case LOCUM_BASE_NODE: base = (char *)&config->nodes[instance]; break;
    case LOCUM_BASE_CORE_NODE: base = (char *)&config->core.nodes[instance]; break;
    case LOCUM_BASE_ZONE: base = (char *)&config->zones[instance]; break;
    case LOCUM_BASE_CHECK: base = (char *)&config->checks[instance]; break;
    case LOCUM_BASE_CORE_CHECK: base = (char *)&config->core.checks[instance]; break;
    }
    return base + option->offset;
}

static bool
is_shape(enum locum_option_kind kind)
{
    return kind >= LOCUM_KIND_MAP;
}

static bool
is_null(const yaml_node_t *node)
{
    if (node->type != YAML_SCALAR_NODE || node->data.scalar.style != YAML_PLAIN_SCALAR_STYLE) {
        return false;
    }
    const struct locum_slice text = locum_document_text(node);
    return text.length == 0 || locum_slice_is(text, "~") || locum_slice_is(text, "null");
}

static void
refuse_shape(struct locum_load *self, const struct locum_option *option, const yaml_node_t *node)
{
    static const char *const found[] = {
        [YAML_SCALAR_NODE] = "a single value",
        [YAML_SEQUENCE_NODE] = "a list",
        [YAML_MAPPING_NODE] = "a mapping of keys",
    };
    const char *what = is_null(node) ? "without a value" : found[node->type];
    locum_problems_error(&self->problems, locum_document_at(node), "%s is %s: %s",
                         short_key(option), what, describe(option).text);
}

static void bind_map(struct locum_load *self, const yaml_node_t *node, const char *prefix,
                     size_t instance);

static int
store_scalar(struct locum_load *self, const struct locum_option *option, struct locum_slice text,
             size_t instance)
{
    void *field = field_of(self->config, option, instance);
    if (option->kind != LOCUM_KIND_PATH) {
        return locum_value_parse(option, text, field);
    }
    const int status = locum_value_parse(option, text, NULL);
    if (status != 0 || field == NULL) {
        return status;
    }
    return locum_load_path(self, text, field, (size_t)option->max + 1) ? 0 : LOCUM_ERR_RANGE;
}

/* Passwords are not, nor a URL that holds one. */
static bool
is_shown(const struct locum_option *option, struct locum_slice text)
{
    return option->kind != LOCUM_KIND_SECRET &&
           (option->kind != LOCUM_KIND_URL || memchr(text.at, '@', text.length) == NULL);
}

static bool
bind_scalar(struct locum_load *self, const struct locum_option *option, const yaml_node_t *node,
            size_t instance)
{
    if (node->type != YAML_SCALAR_NODE || is_null(node)) {
        refuse_shape(self, option, node);
        return false;
    }
    const struct locum_slice text = locum_document_text(node);
    const int status = store_scalar(self, option, text, instance);
    if (status != 0) {
        const bool shown = is_shown(option, text);
        char buffer[DESCRIBED_MAX];
        struct locum_text reason = locum_text_init(buffer, sizeof(buffer));
        locum_value_reason(option, text, &reason);
        locum_problems_error(&self->problems, locum_document_at(node), "%s%s%s is not right%s: %s",
                             short_key(option), shown ? " " : "",
                             shown ? locum_quote(text).text : "", buffer, describe(option).text);
    }
    return status == 0;
}

/* The first of `count` keys that reads so, or NULL. */
static const yaml_node_t *
find_key(struct locum_load *self, const yaml_node_pair_t *pairs, size_t count,
         struct locum_slice text)
{
    for (size_t i = 0; i < count; i++) {
        const yaml_node_t *key = yaml_document_get_node(&self->document, pairs[i].key);
        if (key->type == YAML_SCALAR_NODE && key->data.scalar.length == text.length &&
            memcmp(key->data.scalar.value, text.at, text.length) == 0) {
            return key;
        }
    }
    return NULL;
}

static size_t
length_of_map(const yaml_node_t *node)
{
    return (size_t)(node->data.mapping.pairs.top - node->data.mapping.pairs.start);
}

static size_t
length_of_list(const yaml_node_t *node)
{
    return (size_t)(node->data.sequence.items.top - node->data.sequence.items.start);
}

static bool
fits(struct locum_load *self, const struct locum_option *option, const yaml_node_t *node,
     size_t length)
{
    if (length >= (uint64_t)option->min && length <= (uint64_t)option->max) {
        return true;
    }
    locum_problems_error(&self->problems, locum_document_at(node),
                         "%s holds %zu: write %" PRId64 " to %" PRId64, short_key(option), length,
                         option->min, option->max);
    return false;
}

/* A list of texts; what they mean is read later. */
static bool
bind_list(struct locum_load *self, const struct locum_option *option, const yaml_node_t *node)
{
    if (node->type != YAML_SEQUENCE_NODE) {
        refuse_shape(self, option, node);
        return false;
    }
    bool good = fits(self, option, node, length_of_list(node));
    for (size_t i = 0; i < length_of_list(node); i++) {
        const yaml_node_t *item =
            yaml_document_get_node(&self->document, node->data.sequence.items.start[i]);
        if (item->type != YAML_SCALAR_NODE || is_null(item)) {
            locum_problems_error(&self->problems, locum_document_at(item),
                                 "an item of %s is no plain text: %s", short_key(option),
                                 describe(option).text);
            good = false;
        }
    }
    return good;
}

static bool
bind_list_or_none(struct locum_load *self, const struct locum_option *option,
                  const yaml_node_t *node)
{
    const bool none =
        node->type == YAML_SCALAR_NODE && locum_slice_is(locum_document_text(node), "none");
    return none || bind_list(self, option, node);
}

/* Everything that can be wrong with the keys of a mapping themselves. */
static bool
check_keys(struct locum_load *self, const yaml_node_t *map)
{
    const yaml_node_pair_t *pairs = map->data.mapping.pairs.start;
    const size_t count = length_of_map(map);
    bool good = count <= KEYS_MAX;
    if (!good) {
        locum_problems_error(&self->problems, locum_document_at(map),
                             "%zu keys in one mapping: at most %d", count, KEYS_MAX);
        return good;
    }
    for (size_t i = 0; i < count; i++) {
        const yaml_node_t *key = yaml_document_get_node(&self->document, pairs[i].key);
        if (key->type != YAML_SCALAR_NODE) {
            locum_problems_error(&self->problems, locum_document_at(key),
                                 "a key must be plain text");
            good = false;
            continue;
        }
        const yaml_node_t *first = find_key(self, pairs, i, locum_document_text(key));
        if (first != NULL) {
            locum_problems_error(&self->problems, locum_document_at(key),
                                 "key %s stands here twice, first at line %u: remove one",
                                 locum_quote(locum_document_text(key)).text,
                                 locum_document_at(first).line);
            good = false;
        }
    }
    return good;
}

static bool
bind_lists(struct locum_load *self, const struct locum_option *option, const yaml_node_t *node)
{
    static const struct locum_option names = {
        .key = "owned", .kind = LOCUM_KIND_LIST, .min = 0, .max = LOCUM_NAMES_MAX};
    if (node->type != YAML_MAPPING_NODE) {
        refuse_shape(self, option, node);
        return false;
    }
    bool good = check_keys(self, node);
    for (const yaml_node_pair_t *pair = node->data.mapping.pairs.start;
         pair < node->data.mapping.pairs.top; pair++) {
        good &= bind_list(self, &names, yaml_document_get_node(&self->document, pair->value));
    }
    return good;
}

static bool
bind_items(struct locum_load *self, const struct locum_option *option, const yaml_node_t *node)
{
    if (node->type != YAML_SEQUENCE_NODE) {
        refuse_shape(self, option, node);
        return false;
    }
    const size_t length = length_of_list(node);
    if (!fits(self, option, node, length)) {
        return false;
    }
    const bool zones = strcmp(option->key, "zones") == 0;
    *(zones ? &self->config->zone_count : &self->config->core.check_count) = length;
    for (size_t i = 0; i < length; i++) {
        const yaml_node_t *item =
            yaml_document_get_node(&self->document, node->data.sequence.items.start[i]);
        if (zones) {
            self->config->zones[i].at = locum_document_at(item);
        } else {
            self->check_items[i] = item;
        }
        bind_map(self, item, zones ? "zones[]" : "service.checks[]", i);
    }
    return true;
}

static bool
bind_nodes(struct locum_load *self, const struct locum_option *option, const yaml_node_t *node)
{
    if (node->type != YAML_MAPPING_NODE) {
        refuse_shape(self, option, node);
        return false;
    }
    const yaml_node_pair_t *pairs = node->data.mapping.pairs.start;
    const size_t count = length_of_map(node);
    if (!fits(self, option, node, count)) {
        return false;
    }
    const bool good = check_keys(self, node);
    self->config->core.node_count = good ? count : 0;
    for (size_t i = 0; i < count; i++) {
        self->node_keys[i] = yaml_document_get_node(&self->document, pairs[i].key);
        bind_map(self, yaml_document_get_node(&self->document, pairs[i].value), "nodes.*", i);
    }
    return good;
}

static bool
bind_value(struct locum_load *self, const struct locum_option *option, const yaml_node_t *node,
           size_t instance)
{
    switch (option->kind) {
    case LOCUM_KIND_MAP:
        if (node->type != YAML_MAPPING_NODE) {
            refuse_shape(self, option, node);
            return false;
        }
        bind_map(self, node, option->key, instance);
        return true;
    case LOCUM_KIND_NODES: return bind_nodes(self, option, node);
    case LOCUM_KIND_ITEMS: return bind_items(self, option, node);
    case LOCUM_KIND_LIST: return bind_list(self, option, node);
    case LOCUM_KIND_LIST_OR_NONE: return bind_list_or_none(self, option, node);
    case LOCUM_KIND_LISTS: return bind_lists(self, option, node);
    default: return bind_scalar(self, option, node, instance);
    }
}

/* Levenshtein's distance, of keys of at most KEY_LENGTH_MAX characters. */
static size_t
distance(struct locum_slice a, struct locum_slice b)
{
    size_t row[KEY_LENGTH_MAX + 1];
    for (size_t j = 0; j <= b.length; j++) {
        row[j] = j;
    }
    for (size_t i = 1; i <= a.length; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b.length; j++) {
            size_t best = diagonal + (a.at[i - 1] == b.at[j - 1] ? 0 : 1);
            best = row[j] + 1 < best ? row[j] + 1 : best;
            best = row[j - 1] + 1 < best ? row[j - 1] + 1 : best;
            diagonal = row[j];
            row[j] = best;
        }
    }
    return row[b.length];
}

static void
add_known(struct locum_text *known, struct locum_slice key)
{
    locum_text_add(known, known->length > 0 ? ", " : "");
    locum_text_add_bytes(known, key.at, key.length);
}

static void
refuse_key(struct locum_load *self, const yaml_node_t *key, const char *prefix)
{
    const struct locum_slice text = locum_document_text(key);
    char buffer[400];
    struct locum_text known = locum_text_init(buffer, sizeof(buffer));
    struct locum_slice nearest = {0};
    size_t least = DISTANCE_MAX + 1;
    for (size_t i = 0; i < locum_option_count; i++) {
        struct locum_slice name;
        if (!locum_option_below(&locum_options[i], prefix, &name)) {
            continue;
        }
        add_known(&known, name);
        const size_t far = text.length <= KEY_LENGTH_MAX ? distance(text, name) : least;
        if (far < least && far < text.length) {
            least = far;
            nearest = name;
        }
    }
    if (nearest.at != NULL) {
        locum_problems_error(&self->problems, locum_document_at(key),
                             "unknown key %s in version %s: did you mean %s?",
                             locum_quote(text).text, LOCUM_VERSION, locum_quote(nearest).text);
    } else {
        locum_problems_error(&self->problems, locum_document_at(key),
                             "unknown key %s in version %s: known here are %s",
                             locum_quote(text).text, LOCUM_VERSION, buffer);
    }
}

/* What holds for the keys below prefix that are not written. */
static void
bind_absent(struct locum_load *self, struct locum_position at, const char *prefix, size_t instance)
{
    for (size_t i = 0; i < locum_option_count; i++) {
        const struct locum_option *option = &locum_options[i];
        struct locum_slice key;
        if (!locum_option_below(option, prefix, &key) ||
            slot(self, option, instance)->node != NULL) {
            continue;
        }
        if (option->rule == LOCUM_RULE_REQUIRED) {
            locum_problems_error(&self->problems, at, "%s is missing: %s", short_key(option),
                                 option->note);
        } else if (option->rule == LOCUM_RULE_DEFAULT && option->kind == LOCUM_KIND_MAP) {
            bind_map(self, NULL, option->key, instance);
        } else if (option->rule == LOCUM_RULE_DEFAULT) {
            LOCUM_INVARIANT(
                !is_shape(option->kind) &&
                store_scalar(self, option, locum_slice_of(option->fallback), instance) == 0);
        }
    }
}

static void
bind_pairs(struct locum_load *self, const yaml_node_t *map, const char *prefix, size_t instance)
{
    for (const yaml_node_pair_t *pair = map->data.mapping.pairs.start;
         pair < map->data.mapping.pairs.top; pair++) {
        const yaml_node_t *key = yaml_document_get_node(&self->document, pair->key);
        const yaml_node_t *node = yaml_document_get_node(&self->document, pair->value);
        if (key->type != YAML_SCALAR_NODE) {
            continue; /* complained about already */
        }
        const struct locum_option *option = locum_option_find(prefix, locum_document_text(key));
        if (option == NULL) {
            refuse_key(self, key, prefix);
            continue;
        }
        struct locum_load_value *value = slot(self, option, instance);
        if (value->node == NULL) {
            value->node = node;
            value->bad = !bind_value(self, option, node, instance);
        }
    }
}

/* node NULL: not written, only the defaults below it are wanted. */
static void
bind_map(struct locum_load *self, const yaml_node_t *node, const char *prefix, size_t instance)
{
    struct locum_position at = {0};
    if (node != NULL && node->type != YAML_MAPPING_NODE) {
        locum_problems_error(&self->problems, locum_document_at(node),
                             "keys and values belong here, as in {key: value}");
        return;
    }
    if (node != NULL) {
        at = prefix[0] == '\0' ? at : locum_document_at(node);
        if (!check_keys(self, node) && length_of_map(node) > KEYS_MAX) {
            return;
        }
        bind_pairs(self, node, prefix, instance);
    }
    bind_absent(self, at, prefix, instance);
}

void
locum_load_bind(struct locum_load *self)
{
    bind_map(self, yaml_document_get_root_node(&self->document), "", 0);
}
