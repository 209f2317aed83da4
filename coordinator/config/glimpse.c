#include "config/glimpse.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/text.h"
#include "config/document.h"
#include "config/keys.h"

/* A path of the file, or `fallback` where it is not written or does not fit. */
static void
copy_path(const char *file, struct locum_slice written, const char *fallback,
          char ret[LOCUM_PATH_MAX + 1])
{
    if (written.length == 0 || !locum_document_path(file, written, ret, LOCUM_PATH_MAX + 1)) {
        memcpy(ret, fallback, strlen(fallback) + 1);
    }
}

static void
copy_name(struct locum_slice written, char *ret, size_t size)
{
    if (locum_slice_copy(written, ret, size) != 0) {
        ret[0] = '\0';
    }
}

bool
locum_glimpse_control(const char *path, char ret_path[LOCUM_PATH_MAX + 1])
{
    struct locum_problems ignored = {0};
    const char *fallback = locum_keys.rows[LOCUM_KEY_LISTEN_CONTROL].fallback;
    yaml_document_t document;
    copy_path(path, (struct locum_slice){0}, fallback, ret_path);
    if (locum_document_load(path, false, &ignored, &document, NULL) != 0) {
        return false;
    }
    const yaml_node_t *root = yaml_document_get_root_node(&document);
    const yaml_node_t *listen = locum_document_find(&document, root, "listen");
    const yaml_node_t *control = locum_document_find(&document, listen, "control");
    copy_path(path, locum_document_text(control), fallback, ret_path);
    yaml_document_delete(&document);
    return true;
}

/* Whom to give names, and the zone that they are in. */
struct each {
    locum_glimpse_fn *each;
    void *user;
    struct locum_slice zone;
};

/* A name as `shared` and `owned` write it: "@", a label, or absolute with the last dot. */
static void
give(const struct each *self, struct locum_slice written)
{
    char name[LOCUM_DOMAIN_MAX + 1];
    struct locum_text text = locum_text_init(name, sizeof(name));
    const bool apex = locum_slice_is(written, "@");
    const bool absolute = written.length > 0 && written.at[written.length - 1] == '.';
    if (!apex) {
        locum_text_add_bytes(&text, written.at, written.length - (absolute ? 1 : 0));
    }
    if (!absolute && self->zone.length > 0) {
        locum_text_add(&text, apex ? "" : ".");
        locum_text_add_bytes(&text, self->zone.at, self->zone.length);
    }
    if (text.length > 0 && !text.truncated) {
        self->each(self->user, name);
    }
}

/* The texts of a list, or one text. */
static void
give_texts(const struct each *self, yaml_document_t *document, const yaml_node_t *node)
{
    if (node == NULL || node->type != YAML_SEQUENCE_NODE) {
        give(self, locum_document_text(node));
        return;
    }
    for (const int *item = node->data.sequence.items.start; item < node->data.sequence.items.top;
         item++) {
        give(self, locum_document_text(yaml_document_get_node(document, *item)));
    }
}

/* The keys of a mapping, or with `lists` the texts of their values. */
static void
give_pairs(const struct each *self, yaml_document_t *document, const yaml_node_t *node, bool lists)
{
    if (node == NULL || node->type != YAML_MAPPING_NODE) {
        return;
    }
    for (const yaml_node_pair_t *pair = node->data.mapping.pairs.start;
         pair < node->data.mapping.pairs.top; pair++) {
        if (lists) {
            give_texts(self, document, yaml_document_get_node(document, pair->value));
        } else {
            give(self, locum_document_text(yaml_document_get_node(document, pair->key)));
        }
    }
}

/* The names of a zone. Without both keys it is shared, and each node owns the label of its name. */
static void
give_names(const struct each *self, yaml_document_t *document, const yaml_node_t *zone,
           const yaml_node_t *nodes)
{
    const yaml_node_t *shared = locum_document_find(document, zone, "shared");
    const yaml_node_t *owned = locum_document_find(document, zone, "owned");
    if (shared == NULL && owned == NULL) {
        give(self, locum_slice_of("@"));
        give_pairs(self, document, nodes, false);
        return;
    }
    give_texts(self, document, shared);
    give_pairs(self, document, owned, true);
}

void
locum_glimpse_each(const char *path, enum locum_glimpse_kind kind, locum_glimpse_fn *each,
                   void *user)
{
    struct locum_problems ignored = {0};
    struct each self = {.each = each, .user = user};
    yaml_document_t document;
    if (locum_document_load(path, false, &ignored, &document, NULL) != 0) {
        return;
    }
    const yaml_node_t *root = yaml_document_get_root_node(&document);
    const yaml_node_t *nodes = locum_document_find(&document, root, "nodes");
    const yaml_node_t *zones = locum_document_find(&document, root, "zones");
    if (kind == LOCUM_GLIMPSE_NODES) {
        give_pairs(&self, &document, nodes, false);
    } else if (zones != NULL && zones->type == YAML_SEQUENCE_NODE) {
        for (const int *item = zones->data.sequence.items.start;
             item < zones->data.sequence.items.top; item++) {
            const yaml_node_t *zone = yaml_document_get_node(&document, *item);
            struct locum_slice name =
                locum_document_text(locum_document_find(&document, zone, "name"));
            name.length -= name.length > 0 && name.at[name.length - 1] == '.' ? 1 : 0;
            self.zone = (struct locum_slice){0};
            if (kind == LOCUM_GLIMPSE_ZONES) {
                give(&self, name);
            } else if (name.length > 0) {
                self.zone = name;
                give_names(&self, &document, zone, nodes);
            }
        }
    }
    yaml_document_delete(&document);
}

/* Most mistakes that make a file no YAML are on other lines. */
static void
search_state_dir(const char *path, char ret[LOCUM_PATH_MAX + 1])
{
    static const char key[] = "state-dir: ";
    char *buffer = malloc(LOCUM_CONFIG_FILE_BYTES_MAX + 1);
    struct locum_slice rest = {.at = buffer};
    struct locum_slice line, value;
    if (buffer != NULL && locum_file_read(path, buffer, LOCUM_CONFIG_FILE_BYTES_MAX + 1,
                                          &rest.length, NULL, NULL) == 0) {
        while (locum_slice_cut(&rest, '\n', &line)) {
            if (locum_slice_starts(line, key)) {
                line.at += sizeof(key) - 1;
                line.length -= sizeof(key) - 1;
                (void)locum_slice_cut(&line, ' ', &value); /* a comment may follow */
                copy_path(path, value, "", ret);
            }
        }
    }
    free(buffer);
}

void
locum_glimpse_file(const char *path, struct locum_glimpse *ret)
{
    struct locum_problems ignored = {0};
    yaml_document_t document;
    *ret = (struct locum_glimpse){0};
    if (locum_document_load(path, true, &ignored, &document, NULL) != 0) {
        search_state_dir(path, ret->state_dir);
        return;
    }
    const yaml_node_t *root = yaml_document_get_root_node(&document);
    copy_path(path, locum_document_text(locum_document_find(&document, root, "state-dir")), "",
              ret->state_dir);
    copy_name(locum_document_text(locum_document_find(&document, root, "cluster")), ret->cluster,
              sizeof(ret->cluster));
    copy_name(locum_document_text(locum_document_find(&document, root, "node")), ret->node,
              sizeof(ret->node));
    yaml_document_delete(&document);
}
