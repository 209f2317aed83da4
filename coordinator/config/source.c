#include "config/source.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "config/config.h"
#include "config/document.h"

/* Where a text is written, and what is left out of it. */
struct writer {
    FILE *out;
    yaml_document_t *document;
    const yaml_node_t *secret; /* NULL: none */
    const char *const *keys;   /* of all mappings; NULL: any */
    bool fields;               /* in a mapping of header fields */
    bool hooks;                /* in the list of hooks */
};

bool
locum_source_is_secret_field(struct locum_slice name)
{
    static const char *const parts[] = {"auth", "cookie", "key", "password", "secret", "token"};
    for (size_t i = 0; i < LOCUM_COUNT(parts); i++) {
        const size_t length = strlen(parts[i]);
        for (size_t at = 0; at + length <= name.length; at++) {
            if (strncasecmp(name.at + at, parts[i], length) == 0) {
                return true;
            }
        }
    }
    return false;
}

/*
 * In double quotes with escapes (YAML 1.1, 5.6), so that nothing in it is a line break or forbidden
 * in a file. libyaml gives valid UTF-8.
 */
static void
write_text(FILE *out, struct locum_slice text)
{
    (void)fputc('"', out);
    for (size_t i = 0; i < text.length; i++) {
        const uint8_t c = (uint8_t)text.at[i];
        uint32_t code = c >= 0xf0 ? c & 7 : c >= 0xe0 ? c & 15 : c >= 0xc0 ? c & 31 : c;
        while (i + 1 < text.length && ((uint8_t)text.at[i + 1] & 0xc0) == 0x80) {
            code = code << 6 | ((uint8_t)text.at[++i] & 63);
        }
        if (c < ' ' || c >= 127) {
            (void)fprintf(out, "\\U%08" PRIx32, code);
        } else {
            (void)fprintf(out, c == '"' || c == '\\' ? "\\%c" : "%c", c);
        }
    }
    (void)fputc('"', out);
}

static bool
is_text(const yaml_node_t *node)
{
    return node->type == YAML_SCALAR_NODE && !locum_document_is_null(node);
}

static void
write_scalar(const struct writer *self, const yaml_node_t *node)
{
    const struct locum_slice text = locum_document_text(node);
    if (is_text(node)) {
        write_text(self->out, node != self->secret || text.length == 0 ? text
                              : self->hooks ? locum_slice_of(LOCUM_SOURCE_URL)
                                            : locum_slice_of(LOCUM_SOURCE_SECRET));
    } else {
        (void)fputs("null", self->out);
    }
}

static void write_node(const struct writer *self, int number, size_t depth);

static bool
is_wanted(const struct writer *self, const yaml_node_t *key)
{
    const char *const *keys = self->keys;
    while (keys != NULL && *keys != NULL && !locum_slice_is(locum_document_text(key), *keys)) {
        keys++;
    }
    return keys == NULL || *keys != NULL;
}

/* The value of a key. One that is secret is not written. */
static void
write_value(const struct writer *self, const yaml_node_t *key, int number, size_t depth)
{
    const struct locum_slice name = locum_document_text(key);
    struct writer inner = *self;
    inner.fields = self->keys == NULL && locum_slice_is(name, "headers");
    const yaml_node_t *node = yaml_document_get_node(self->document, number);
    const struct locum_slice text = locum_document_text(node);
    const bool secret = self->hooks ? locum_slice_is(name, "url") && text.at != NULL &&
                                          memchr(text.at, '?', text.length) != NULL
                                    : self->fields && locum_source_is_secret_field(name);
    if (secret) {
        inner.secret = node;
    }
    write_node(&inner, number, depth);
}

/* depth: of lists and mappings; the aliases of other programs' files can make them endless. */
static void
write_node(const struct writer *self, int number, size_t depth)
{
    const yaml_node_t *node = yaml_document_get_node(self->document, number);
    const char *separator = "";
    if (node->type == YAML_SCALAR_NODE) {
        write_scalar(self, node);
    } else if (node->type == YAML_SEQUENCE_NODE) {
        (void)fputc('[', self->out);
        for (const yaml_node_item_t *item = node->data.sequence.items.start;
             item < node->data.sequence.items.top && depth > 0; item++) {
            (void)fputs(separator, self->out);
            write_node(self, *item, depth - 1);
            separator = ", ";
        }
        (void)fputc(']', self->out);
    } else {
        (void)fputc('{', self->out);
        for (const yaml_node_pair_t *pair = node->data.mapping.pairs.start;
             pair < node->data.mapping.pairs.top && depth > 0; pair++) {
            const yaml_node_t *key = yaml_document_get_node(self->document, pair->key);
            if (is_wanted(self, key)) {
                (void)fputs(separator, self->out);
                write_scalar(self, key);
                (void)fputs(": ", self->out);
                write_value(self, key, pair->value, depth - 1);
                separator = ", ";
            }
        }
        (void)fputc('}', self->out);
    }
}

/* A line for each key of the file: people may want to read it. */
static char *
write_lines(struct writer *self, const char *secret_key)
{
    char *text = NULL;
    size_t length = 0;
    const yaml_node_t *root = yaml_document_get_root_node(self->document);
    self->out = open_memstream(&text, &length);
    if (self->out == NULL) {
        return NULL;
    }
    for (const yaml_node_pair_t *pair = root != NULL ? root->data.mapping.pairs.start : NULL;
         pair != NULL && pair < root->data.mapping.pairs.top; pair++) {
        const yaml_node_t *key = yaml_document_get_node(self->document, pair->key);
        if (secret_key != NULL && locum_slice_is(locum_document_text(key), secret_key)) {
            self->secret = yaml_document_get_node(self->document, pair->value);
        }
        self->hooks = self->keys == NULL && locum_slice_is(locum_document_text(key), "hooks");
        if (is_wanted(self, key)) {
            write_scalar(self, key);
            (void)fputs(": ", self->out);
            write_node(self, pair->value, self->keys == NULL ? LOCUM_CONFIG_DEPTH_MAX : 2);
            (void)fputc('\n', self->out);
        }
    }
    const bool failed = ferror(self->out) != 0;
    if (fclose(self->out) != 0 || failed) {
        free(text);
        return NULL;
    }
    return text;
}

char *
locum_source_of(yaml_document_t *document, const yaml_node_t *secret)
{
    struct writer self = {.document = document, .secret = secret};
    return write_lines(&self, NULL);
}

char *
locum_source_of_keys(yaml_document_t *document, const char *const *keys, const char *secret_key)
{
    struct writer self = {.document = document, .keys = keys};
    return write_lines(&self, secret_key);
}

bool
locum_source_find(const char *file, const char *section, const char *key, char *ret, size_t size)
{
    struct locum_problems ignored = {0};
    yaml_document_t document;
    if (locum_document_load(file, true, &ignored, &document, NULL) != 0) {
        return false;
    }
    const yaml_node_t *at = yaml_document_get_root_node(&document);
    at = section != NULL ? locum_document_find(&document, at, section) : at;
    const struct locum_slice text = locum_document_text(locum_document_find(&document, at, key));
    const bool found = text.length > 0 && locum_slice_copy(text, ret, size) == 0;
    yaml_document_delete(&document);
    return found;
}
