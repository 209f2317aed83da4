/*
 * bind: reads a YAML file along a schema. It stores the values, fills in the defaults, and reports
 * everything that can be wrong with one value. What concerns several keys is left to the caller,
 * who finds here which keys were written, where, and whether they were right.
 */
#ifndef LOCUM_CONFIG_BIND_H
#define LOCUM_CONFIG_BIND_H

#include "config/document.h"
#include "config/schema.h"
#include "core/types.h"

/* The most instances of a row: entries of acme.persist in all zones. */
enum { LOCUM_BIND_INSTANCES_MAX = 256 };

/* Large: allocate it on the heap, zeroed. */
struct locum_bind {
    const struct locum_schema *schema;
    const char *path; /* of the file, borrowed */
    void *target;     /* the structure that the schema's offsets count from */
    struct locum_problems problems;
    yaml_document_t document;
    bool shared; /* others may read the file */
    struct {
        const yaml_node_t *node; /* NULL: not written */
        bool bad;                /* written, and an error was reported */
    } values[LOCUM_SCHEMA_ROWS_MAX][LOCUM_BIND_INSTANCES_MAX];
};

/*
 * Read the file and bind all of it into `target`, which is zeroed. On success the document is to
 * be freed with yaml_document_delete(); there may have been errors (problems.error_count).
 *
 * text  what to read instead of the file, whose folder is still where relative paths start; NULL.
 * 0, LOCUM_ERR_INVALID (it is no YAML mapping; no document), LOCUM_ERR_MEMORY.
 */
int locum_bind_file(struct locum_bind *self, const struct locum_schema *schema, const char *path,
                    const char *text, void *target) LOCUM_MUST_CHECK;

/* Below, `row` is a constant such as LOCUM_KEY_QUORUM, and `instance` as in schema.h. */

bool locum_bind_written(const struct locum_bind *self, size_t row, size_t instance);
/* Written and well formed. */
bool locum_bind_good(const struct locum_bind *self, size_t row, size_t instance);
/* Written and not well formed: an error was reported, so report no other about it. */
bool locum_bind_bad(const struct locum_bind *self, size_t row, size_t instance);

/* The items of a good list, the values of a good mapping with any keys; else 0. */
size_t locum_bind_items(const struct locum_bind *self, size_t row, size_t instance);
const yaml_node_t *locum_bind_item(const struct locum_bind *self, size_t row, size_t instance,
                                   size_t index);
/* The key of such an item of a mapping. */
const yaml_node_t *locum_bind_item_key(const struct locum_bind *self, size_t row, size_t instance,
                                       size_t index);

/* The node of this name, or LOCUM_NODE_NONE; known as soon as the file is read. */
locum_node locum_bind_find(const struct locum_bind *self, struct locum_slice name);

/* Report that `what`, e.g. "owner", refers to no node. */
void locum_bind_no_node(struct locum_bind *self, struct locum_position at, const char *what,
                        struct locum_slice name);

/* Where a value is written, else what encloses it; 0,0 if that is the whole file. */
struct locum_position locum_bind_at(const struct locum_bind *self, size_t row, size_t instance);

/* Report an error, a warning or a note there, with a text as of printf(3). */
#define locum_bind_error(self, row, instance, ...)                                                 \
    locum_problems_add(&(self)->problems, LOCUM_SEVERITY_ERROR,                                    \
                       locum_bind_at(self, row, instance), __VA_ARGS__)
#define locum_bind_warning(self, row, instance, ...)                                               \
    locum_problems_add(&(self)->problems, LOCUM_SEVERITY_WARNING,                                  \
                       locum_bind_at(self, row, instance), __VA_ARGS__)
#define locum_bind_note(self, row, instance, ...)                                                  \
    locum_problems_add(&(self)->problems, LOCUM_SEVERITY_NOTE, locum_bind_at(self, row, instance), \
                       __VA_ARGS__)

/* Report an error at a node of the document. */
#define LOCUM_BIND_ERROR(self, node, ...)                                                          \
    locum_problems_error(&(self)->problems, locum_document_at(node), __VA_ARGS__)

#endif
