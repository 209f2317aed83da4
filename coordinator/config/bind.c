#include "config/bind.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/nearest.h"
#include "base/version.h"
#include "config/config.h"
#include "config/value.h"

enum { KEYS_MAX = 256, PHRASE_MAX = 256 };

/* What is expected of a value, for "%s". */
struct phrase {
    char text[PHRASE_MAX];
};

static struct phrase
expected(const struct locum_schema_row *row, enum locum_schema_shape shape)
{
    struct phrase phrase;
    struct locum_text text = locum_text_init(phrase.text, sizeof(phrase.text));
    struct locum_schema_row described = *row;
    described.shape = shape;
    locum_value_describe(&described, &text);
    return phrase;
}

/* libyaml's function takes no const pointer, though it changes nothing. */
static const yaml_node_t *
node_of(const struct locum_bind *self, int number)
{
    return yaml_document_get_node((yaml_document_t *)&self->document, number);
}

static size_t
length_of(const yaml_node_t *node)
{
    switch (node->type) {
    case YAML_SEQUENCE_NODE:
        return (size_t)(node->data.sequence.items.top - node->data.sequence.items.start);
    case YAML_MAPPING_NODE:
        return (size_t)(node->data.mapping.pairs.top - node->data.mapping.pairs.start);
    default: return 0;
    }
}

static const yaml_node_t *
item_of(const struct locum_bind *self, const yaml_node_t *node, size_t index)
{
    return node_of(self, node->type == YAML_SEQUENCE_NODE
                             ? node->data.sequence.items.start[index]
                             : node->data.mapping.pairs.start[index].value);
}

static const yaml_node_t *
key_of(const struct locum_bind *self, const yaml_node_t *map, size_t index)
{
    return node_of(self, map->data.mapping.pairs.start[index].key);
}

/* The index of the first of `count` keys of a mapping that reads so, else `count`. */
static size_t
find_key(const struct locum_bind *self, const yaml_node_t *map, size_t count,
         struct locum_slice text)
{
    size_t i = 0;
    for (; i < count; i++) {
        const yaml_node_t *key = key_of(self, map, i);
        if (key->type == YAML_SCALAR_NODE && key->data.scalar.length == text.length &&
            memcmp(key->data.scalar.value, text.at, text.length) == 0) {
            break;
        }
    }
    return i;
}

/* What can be wrong with the keys of a mapping themselves. libyaml accepts repeated keys. */
static bool
check_keys(struct locum_bind *self, const yaml_node_t *map)
{
    const size_t count = length_of(map);
    bool good = count <= KEYS_MAX;
    if (!good) {
        LOCUM_BIND_ERROR(self, map, "%zu keys in one mapping; at most %d are possible", count,
                         KEYS_MAX);
        return good;
    }
    for (size_t i = 0; i < count; i++) {
        const yaml_node_t *key = key_of(self, map, i);
        if (key->type != YAML_SCALAR_NODE) {
            LOCUM_BIND_ERROR(self, key, "found a list or a mapping as a key; write plain text");
            good = false;
            continue;
        }
        const struct locum_slice text = locum_document_text(key);
        const size_t first = find_key(self, map, i, text);
        if (first < i) {
            LOCUM_BIND_ERROR(self, key, "key %s is already used at line %u; remove one of them",
                             locum_problems_quote(text).text,
                             locum_document_at(key_of(self, map, first)).line);
            good = false;
        }
    }
    return good;
}

static bool
refuse_shape(struct locum_bind *self, const struct locum_schema_row *row, const yaml_node_t *node)
{
    static const char *const found[] = {
        [YAML_SCALAR_NODE] = "a single value",
        [YAML_SEQUENCE_NODE] = "a list",
        [YAML_MAPPING_NODE] = "a mapping of keys",
    };
    LOCUM_BIND_ERROR(self, node, "%s: found %s; expected %s", locum_schema_name(row),
                     locum_document_is_null(node) ? "no value" : found[node->type],
                     expected(row, row->shape).text);
    return false;
}

/*
 * `nodes` of the file; NULL: it is not a mapping. It is looked up in the document because a key
 * that refers to a node may be written before `nodes`, and is bound first then.
 */
static const yaml_node_t *
find_nodes(const struct locum_bind *self)
{
    yaml_document_t *document = (yaml_document_t *)&self->document;
    const yaml_node_t *root = yaml_document_get_root_node(document);
    const yaml_node_t *nodes = locum_document_find(document, root, "nodes");
    return nodes != NULL && nodes->type == YAML_MAPPING_NODE ? nodes : NULL;
}

locum_node
locum_bind_find(const struct locum_bind *self, struct locum_slice name)
{
    const yaml_node_t *nodes = find_nodes(self);
    const size_t count = nodes == NULL ? 0 : length_of(nodes);
    const size_t index = find_key(self, nodes, count, name);
    return index < count && index < LOCUM_NODES_MAX ? (locum_node)index : LOCUM_NODE_NONE;
}

void
locum_bind_no_node(struct locum_bind *self, struct locum_position at, const char *what,
                   struct locum_slice name)
{
    char buffer[LOCUM_NODES_MAX * (LOCUM_NODE_NAME_MAX + 2) + 1];
    struct locum_text known = locum_text_init(buffer, sizeof(buffer));
    const yaml_node_t *nodes = find_nodes(self);
    for (size_t i = 0; nodes != NULL && i < length_of(nodes); i++) {
        const struct locum_slice key = locum_document_text(key_of(self, nodes, i));
        locum_text_add(&known, i > 0 ? ", " : "");
        locum_text_add_escaped(&known, key.at, key.length);
    }
    if (nodes != NULL) { /* else the error is that there are no nodes */
        locum_problems_error(&self->problems, at,
                             "%s: %s is not a configured node; expected one of %s", what,
                             locum_problems_quote(name).text, buffer);
    }
}

static int
parse(struct locum_bind *self, const struct locum_schema_row *row, struct locum_slice text,
      void *field, struct locum_text *why)
{
    if (row->kind == LOCUM_KIND_NODE) {
        *(locum_node *)field = locum_bind_find(self, text);
        return *(locum_node *)field == LOCUM_NODE_NONE ? LOCUM_ERR_NOT_FOUND : 0;
    }
    const int status = locum_value_parse(row, text, field, why);
    if (status != 0 || row->kind != LOCUM_KIND_PATH) {
        return status;
    }
    return locum_document_path(self->path, text, field, (size_t)row->max + 1) ? 0 : LOCUM_ERR_RANGE;
}

/* Parse one value into `field`, or report what is wrong with it. */
static bool
store(struct locum_bind *self, const struct locum_schema_row *row, const yaml_node_t *node,
      void *field)
{
    const struct locum_slice text = locum_document_text(node);
    const char *name = locum_schema_name(row);
    struct phrase reason;
    struct locum_text why = locum_text_init(reason.text, sizeof(reason.text));
    const int status = parse(self, row, text, field, &why);
    const char *wrong = status == 0 && row->check != NULL ? row->check(field) : NULL;
    /* A password is not shown, nor is a URL that may hold one. */
    const bool shown = row->kind != LOCUM_KIND_SECRET &&
                       (row->kind != LOCUM_KIND_URL || (memchr(text.at, '@', text.length) == NULL &&
                                                        memchr(text.at, '?', text.length) == NULL));
    const struct locum_quoted quoted = locum_problems_quote(text);
    if (status != 0 && row->kind == LOCUM_KIND_NODE) {
        locum_bind_no_node(self, locum_document_at(node), name, text);
    } else if (status != 0) {
        LOCUM_BIND_ERROR(self, node, "%s: %s is not valid%s%s; expected %s", name,
                         shown ? quoted.text : "the value", why.length > 0 ? ": " : "", why.at,
                         expected(row, LOCUM_SHAPE_ONE).text);
    } else if (wrong != NULL) {
        LOCUM_BIND_ERROR(self, node, "%s: %s is %s", name, quoted.text, wrong);
    }
    return status == 0 && wrong == NULL;
}

/* Where the value of an instance, or the first item of its list, is stored. */
static void *
field_of(const struct locum_bind *self, const struct locum_schema_row *row, size_t instance)
{
    return (char *)self->target + row->offset + instance * row->stride;
}

static size_t *
count_of(const struct locum_bind *self, const struct locum_schema_row *row, size_t instance)
{
    return (size_t *)(void *)((char *)self->target + row->count_offset + instance * row->stride);
}

static bool
fits(struct locum_bind *self, const struct locum_schema_row *row, const yaml_node_t *node)
{
    const size_t length = length_of(node);
    if (length >= row->items_min && length <= row->items_max) {
        return true;
    }
    LOCUM_BIND_ERROR(self, node, "%s: found %zu items; expected %u to %u", locum_schema_name(row),
                     length, row->items_min, row->items_max);
    return false;
}

static bool
refuse_item(struct locum_bind *self, const struct locum_schema_row *row, const yaml_node_t *item)
{
    LOCUM_BIND_ERROR(self, item, "%s: an item is not plain text; expected %s",
                     locum_schema_name(row), expected(row, LOCUM_SHAPE_LIST).text);
    return false;
}

/*
 * Is the last of `count` stored items equal to an earlier one? They are compared as printed, so
 * that two ways of writing an address are equal.
 */
static bool
is_repeated(const struct locum_schema_row *row, const char *items, size_t count)
{
    char buffers[2][LOCUM_DOMAIN_MAX + 1];
    struct locum_text last = locum_text_init(buffers[1], sizeof(buffers[1]));
    bool repeated = false;
    locum_value_print(row, items + (count - 1) * row->item_size, &last);
    for (size_t i = 0; i + 1 < count; i++) {
        struct locum_text other = locum_text_init(buffers[0], sizeof(buffers[0]));
        locum_value_print(row, items + i * row->item_size, &other);
        repeated |= strcmp(buffers[0], buffers[1]) == 0;
    }
    return repeated;
}

/* The same for texts that are stored apart. `field` holds a pointer to the items. */
static bool
bind_texts(struct locum_bind *self, const struct locum_schema_row *row, const yaml_node_t *node,
           size_t instance)
{
    const size_t length = length_of(node) < row->items_max ? length_of(node) : row->items_max;
    char *items = length == 0 ? NULL : calloc(length, row->item_size);
    bool good = fits(self, row, node);
    size_t count = 0;
    *(void **)field_of(self, row, instance) = items;
    for (size_t i = 0; i < length && items != NULL; i++) {
        const yaml_node_t *item = item_of(self, node, i);
        char value[LOCUM_SCHEMA_TEXT_MAX + 1];
        if (item->type != YAML_SCALAR_NODE || locum_document_is_null(item)) {
            good = refuse_item(self, row, item);
            continue;
        }
        if (!store(self, row, item, value)) {
            good = false;
            continue;
        }
        char *text = strdup(value);
        if (text == NULL) {
            break;
        }
        *(char **)(void *)(items + count++ * row->item_size) = text;
    }
    *count_of(self, row, instance) = count;
    if (good && count < length) {
        LOCUM_BIND_ERROR(self, node, "%s: out of memory", locum_schema_name(row));
        good = false;
    }
    return good;
}

/* The items of a list. Those that are right are stored one behind the other. */
static bool
bind_list(struct locum_bind *self, const struct locum_schema_row *row, const yaml_node_t *node,
          size_t instance)
{
    if (node->type != YAML_SEQUENCE_NODE) {
        return refuse_shape(self, row, node);
    }
    if (row->apart) {
        return bind_texts(self, row, node, instance);
    }
    bool good = fits(self, row, node);
    size_t count = 0;
    char *items = field_of(self, row, instance);
    for (size_t i = 0; i < length_of(node); i++) {
        const yaml_node_t *item = item_of(self, node, i);
        if (item->type != YAML_SCALAR_NODE || locum_document_is_null(item)) {
            good = refuse_item(self, row, item);
        } else if (row->stored && count < row->items_max) {
            if (!store(self, row, item, items + count * row->item_size)) {
                good = false;
            } else if (is_repeated(row, items, ++count)) {
                LOCUM_BIND_ERROR(self, item, "%s: %s is listed twice; remove one of them",
                                 locum_schema_name(row),
                                 locum_problems_quote(locum_document_text(item)).text);
                good = false;
            }
        }
    }
    if (row->stored) {
        *count_of(self, row, instance) = count;
    }
    return good;
}

/* A mapping with any keys, each with a single value. */
static bool
bind_values(struct locum_bind *self, const struct locum_schema_row *row, const yaml_node_t *node)
{
    bool good = fits(self, row, node) && check_keys(self, node);
    for (size_t i = 0; good && i < length_of(node); i++) {
        const yaml_node_t *value = item_of(self, node, i);
        if (value->type != YAML_SCALAR_NODE || locum_document_is_null(value)) {
            LOCUM_BIND_ERROR(self, value, "%s: a value is not plain text; expected %s",
                             locum_schema_name(row), expected(row, row->shape).text);
            good = false;
        }
    }
    return good;
}

static void bind_map(struct locum_bind *self, const yaml_node_t *map, const char *prefix,
                     size_t instance);

/* Mappings by name, or in a list: each is an instance of the rows below this one. */
static bool
bind_maps(struct locum_bind *self, const struct locum_schema_row *row, const yaml_node_t *node,
          size_t instance)
{
    const bool named = row->shape == LOCUM_SHAPE_NAMED_MAPS;
    char prefix[LOCUM_SCHEMA_KEY_MAX];
    if (!fits(self, row, node)) {
        return false;
    }
    bool good = !named || check_keys(self, node);
    *count_of(self, row, instance) = good ? length_of(node) : 0;
    (void)snprintf(prefix, sizeof(prefix), named ? "%s.*" : "%s[]", row->key);
    for (size_t i = 0; i < length_of(node); i++) {
        if (named) {
            char *name = (char *)field_of(self, row, 0) + i * row->item_size;
            const yaml_node_t *key = key_of(self, node, i);
            good &= key->type == YAML_SCALAR_NODE && store(self, row, key, name);
        }
        bind_map(self, item_of(self, node, i), prefix, instance * row->items_max + i);
    }
    return good;
}

/* Returns whether the value is right; if not, an error was reported. */
static bool
bind_value(struct locum_bind *self, const struct locum_schema_row *row, const yaml_node_t *node,
           size_t instance)
{
    const bool list = row->shape == LOCUM_SHAPE_LIST || row->shape == LOCUM_SHAPE_LIST_OR_NONE ||
                      row->shape == LOCUM_SHAPE_MAPS;
    const yaml_node_type_t type = row->shape == LOCUM_SHAPE_ONE ? YAML_SCALAR_NODE
                                  : list                        ? YAML_SEQUENCE_NODE
                                                                : YAML_MAPPING_NODE;
    if (row->shape == LOCUM_SHAPE_LIST_OR_NONE &&
        locum_slice_is(locum_document_text(node), "none")) {
        return true;
    }
    if (node->type != type || locum_document_is_null(node)) {
        return refuse_shape(self, row, node);
    }
    switch (row->shape) {
    case LOCUM_SHAPE_ONE: return store(self, row, node, field_of(self, row, instance));
    case LOCUM_SHAPE_LIST:
    case LOCUM_SHAPE_LIST_OR_NONE: return bind_list(self, row, node, instance);
    case LOCUM_SHAPE_MAPS:
    case LOCUM_SHAPE_NAMED_MAPS: return bind_maps(self, row, node, instance);
    case LOCUM_SHAPE_VALUES: return bind_values(self, row, node);
    case LOCUM_SHAPE_MAP: bind_map(self, node, row->key, instance); return true;
    case LOCUM_SHAPE_LISTS: break;
    }
    bool good = check_keys(self, node);
    for (size_t i = 0; i < length_of(node); i++) {
        good &= bind_list(self, row, item_of(self, node, i), 0);
    }
    return good;
}

/* Name the nearest key if a typing error is likely, else all keys that are possible here. */
static void
refuse_key(struct locum_bind *self, const yaml_node_t *key, const char *prefix)
{
    const struct locum_slice text = locum_document_text(key);
    char buffer[400];
    struct locum_text known = locum_text_init(buffer, sizeof(buffer));
    struct locum_nearest nearest = {.written = text};
    for (size_t i = 0; i < self->schema->count; i++) {
        const struct locum_slice name = locum_slice_of(locum_schema_name(&self->schema->rows[i]));
        if (!locum_schema_below(&self->schema->rows[i], prefix)) {
            continue;
        }
        locum_text_add(&known, known.length > 0 ? ", " : "");
        locum_text_add(&known, name.at);
        locum_nearest_try(&nearest, name);
    }
    LOCUM_BIND_ERROR(self, key,
                     nearest.match.at != NULL
                         ? "key %s is not known to version %s; did you mean \"%s\"?"
                         : "key %s is not known to version %s; expected one of %s",
                     locum_problems_quote(text).text, LOCUM_VERSION,
                     nearest.match.at != NULL ? nearest.match.at : buffer);
}

/* What holds for the keys below prefix that are not written. */
static void
bind_absent(struct locum_bind *self, struct locum_position at, const char *prefix, size_t instance)
{
    for (size_t i = 0; i < self->schema->count; i++) {
        const struct locum_schema_row *row = &self->schema->rows[i];
        if (!locum_schema_below(row, prefix) || locum_bind_written(self, i, instance)) {
            continue;
        }
        if (row->rule == LOCUM_RULE_REQUIRED) {
            locum_problems_error(&self->problems, at, "%s: this required key is missing (%s)",
                                 locum_schema_name(row), row->note);
        } else if (row->rule == LOCUM_RULE_DEFAULT && row->shape == LOCUM_SHAPE_MAP) {
            bind_map(self, NULL, row->key, instance);
        } else if (row->rule == LOCUM_RULE_DEFAULT) {
            const int status = parse(self, row, locum_slice_of(row->fallback),
                                     field_of(self, row, instance), NULL);
            LOCUM_INVARIANT(status == 0);
        }
    }
}

/* map NULL: not written; only the defaults below it are wanted. */
static void
bind_map(struct locum_bind *self, const yaml_node_t *map, const char *prefix, size_t instance)
{
    struct locum_position at = {0};
    if (map != NULL && map->type != YAML_MAPPING_NODE) {
        LOCUM_BIND_ERROR(self, map, "found no keys; expected a mapping, as in {key: value}");
        return;
    }
    if (map != NULL) {
        at = prefix[0] == '\0' ? at : locum_document_at(map);
        if (!check_keys(self, map) && length_of(map) > KEYS_MAX) {
            return;
        }
    }
    for (size_t i = 0; map != NULL && i < length_of(map); i++) {
        const yaml_node_t *key = key_of(self, map, i);
        if (key->type != YAML_SCALAR_NODE) {
            continue; /* check_keys() has reported it */
        }
        const size_t row = locum_schema_find(self->schema, prefix, locum_document_text(key));
        if (row == self->schema->count) {
            refuse_key(self, key, prefix);
        } else if (!locum_bind_written(self, row, instance)) {
            const yaml_node_t *value = item_of(self, map, i);
            self->values[row][instance].node = value;
            self->values[row][instance].bad =
                !bind_value(self, &self->schema->rows[row], value, instance);
        }
    }
    bind_absent(self, at, prefix, instance);
}

int
locum_bind_file(struct locum_bind *self, const struct locum_schema *schema, const char *path,
                const char *text, void *target)
{
    self->schema = schema;
    self->path = path;
    self->target = target;
    const int status =
        text != NULL
            ? locum_document_parse(locum_slice_of(text), false, &self->problems, &self->document)
            : locum_document_load(path, false, &self->problems, &self->document, &self->shared);
    if (status == 0) {
        bind_map(self, yaml_document_get_root_node(&self->document), "", 0);
    }
    return status;
}

bool
locum_bind_written(const struct locum_bind *self, size_t row, size_t instance)
{
    return self->values[row][instance].node != NULL;
}

bool
locum_bind_good(const struct locum_bind *self, size_t row, size_t instance)
{
    return locum_bind_written(self, row, instance) && !self->values[row][instance].bad;
}

bool
locum_bind_bad(const struct locum_bind *self, size_t row, size_t instance)
{
    return self->values[row][instance].bad;
}

size_t
locum_bind_items(const struct locum_bind *self, size_t row, size_t instance)
{
    return locum_bind_good(self, row, instance) ? length_of(self->values[row][instance].node) : 0;
}

const yaml_node_t *
locum_bind_item(const struct locum_bind *self, size_t row, size_t instance, size_t index)
{
    return item_of(self, self->values[row][instance].node, index);
}

const yaml_node_t *
locum_bind_item_key(const struct locum_bind *self, size_t row, size_t instance, size_t index)
{
    return key_of(self, self->values[row][instance].node, index);
}

struct locum_position
locum_bind_at(const struct locum_bind *self, size_t row, size_t instance)
{
    const size_t parent = locum_schema_parent(self->schema, row);
    if (locum_bind_written(self, row, instance)) {
        return locum_document_at(self->values[row][instance].node);
    }
    if (parent == self->schema->count) {
        return (struct locum_position){0};
    }
    const enum locum_schema_shape shape = self->schema->rows[parent].shape;
    if (shape != LOCUM_SHAPE_NAMED_MAPS && shape != LOCUM_SHAPE_MAPS) {
        return locum_bind_at(self, parent, instance);
    }
    const size_t items_max = self->schema->rows[parent].items_max;
    const size_t of = instance / items_max, index = instance % items_max;
    return locum_document_at(shape == LOCUM_SHAPE_MAPS
                                 ? locum_bind_item(self, parent, of, index)
                                 : locum_bind_item_key(self, parent, of, index));
}
