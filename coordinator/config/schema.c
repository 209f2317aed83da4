#include "config/schema.h"

#include <string.h>

#include "config/value.h"

/* The length of all but the last part of a key: 0 for "quorum". */
static size_t
parent_length(const char *key)
{
    const char *dot = strrchr(key, '.');
    return dot == NULL ? 0 : (size_t)(dot - key);
}

bool
locum_schema_below(const struct locum_schema_row *row, const char *prefix)
{
    const size_t length = parent_length(row->key);
    const struct locum_slice parent = {.at = row->key, .length = length};
    const size_t stem = parent_length(prefix);
    const bool any =
        length == stem + 2 && row->key[stem + 1] == '*' && memcmp(row->key, prefix, stem + 1) == 0;
    return any || locum_slice_is(parent, prefix);
}

size_t
locum_schema_find(const struct locum_schema *self, const char *prefix, struct locum_slice key)
{
    size_t row = 0;
    while (row < self->count && !(locum_schema_below(&self->rows[row], prefix) &&
                                  locum_slice_is(key, locum_schema_name(&self->rows[row])))) {
        row++;
    }
    return row;
}

const char *
locum_schema_name(const struct locum_schema_row *row)
{
    const size_t length = parent_length(row->key);
    return row->key + length + (length > 0 ? 1 : 0);
}

/* The row whose key is the first `length` characters of `key`, or the number of rows. */
static size_t
row_of(const struct locum_schema *self, const char *key, size_t length)
{
    size_t row = 0;
    while (row < self->count &&
           !locum_slice_is((struct locum_slice){key, length}, self->rows[row].key)) {
        row++;
    }
    return row;
}

size_t
locum_schema_parent(const struct locum_schema *self, size_t row)
{
    const char *key = self->rows[row].key;
    size_t length = parent_length(key);
    while (length > 0 && strchr(".*[]", key[length - 1]) != NULL) {
        length--; /* "nodes" of "nodes.*", "zones" of "zones[]" */
    }
    return row_of(self, key, length);
}

/* The number of items that a structure holds. */
static size_t
count_at(const void *structure, size_t offset)
{
    return *(const size_t *)(const void *)((const char *)structure + offset);
}

void
locum_schema_print(const struct locum_schema *self, size_t index, const void *structure,
                   struct locum_text *text)
{
    const struct locum_schema_row *row = &self->rows[index];
    const bool one = row->shape == LOCUM_SHAPE_ONE;
    size_t instances = 1;
    if (row->stride > 0) {
        const size_t length = strcspn(row->key, "*[");
        const size_t holder =
            row_of(self, row->key, length - (row->key[length] == '*' ? 1 : 0)); /* of "nodes.*" */
        LOCUM_INVARIANT(holder < self->count);
        instances = count_at(structure, self->rows[holder].count_offset);
        const char *inner = row->key[length] == '[' ? strstr(row->key + length + 2, "[]") : NULL;
        if (inner != NULL) {
            instances *= self->rows[row_of(self, row->key, (size_t)(inner - row->key))].items_max;
        }
    }
    for (size_t i = 0; i < instances; i++) {
        const char *first = (const char *)structure + row->offset + i * row->stride;
        first = row->apart ? *(const char *const *)(const void *)first : first;
        const size_t count = one ? 1 : count_at(structure, row->count_offset + i * row->stride);
        locum_text_add(text, row->key);
        for (size_t item = 0; item < count; item++) {
            locum_text_add_char(text, ' ');
            const char *value = first + item * row->item_size;
            value = row->apart ? *(const char *const *)(const void *)value : value;
            locum_value_print(row, value, text);
        }
        locum_text_add_char(text, '\n');
    }
}
