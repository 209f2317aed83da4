/*
 * document: a file -> a libyaml document in which nothing is left that could surprise: UTF-8, one
 * document, one mapping at the top, no anchors, aliases or tags, neither too deep nor too large.
 */
#ifndef LOCUM_CONFIG_DOCUMENT_H
#define LOCUM_CONFIG_DOCUMENT_H

#include <yaml.h>

#include "config/problems.h"

/*
 * Read and parse. Every problem is added to `problems`; the document is the caller's, to be given
 * to yaml_document_delete().
 *
 * foreign     another program's file: tags, a few anchors and aliases, and more depth are allowed,
 *             and it may be empty.
 *             The document's root is a mapping, or NULL. A byte order mark is skipped in any file.
 * ret_shared  users other than owner and group may read the file; NULL: not needed.
 * 0, LOCUM_ERR_INVALID, LOCUM_ERR_MEMORY.
 */
int locum_document_load(const char *path, bool foreign, struct locum_problems *problems,
                        yaml_document_t *ret, bool *ret_shared) LOCUM_MUST_CHECK;

/* The same of a text. */
int locum_document_parse(struct locum_slice text, bool foreign, struct locum_problems *problems,
                         yaml_document_t *ret) LOCUM_MUST_CHECK;

/* The value of a key of a mapping, the last if there are several; NULL: there is none. */
yaml_node_t *locum_document_find(yaml_document_t *document, const yaml_node_t *mapping,
                                 const char *key);

/* Where a node begins. */
struct locum_position locum_document_at(const yaml_node_t *node);

/* YAML 1.1 "null": nothing behind the colon, ~ or null; in quotes they are texts. */
bool locum_document_is_null(const yaml_node_t *node);

/* The text of a scalar node; empty for other nodes and for NULL. */
struct locum_slice locum_document_text(const yaml_node_t *node);

/*
 * A path that is written in `file`: relative ones start at the file's folder. Not empty. False if
 * it does not fit into `size` bytes.
 */
bool locum_document_path(const char *file, struct locum_slice path, char *ret,
                         size_t size) LOCUM_MUST_CHECK;

#endif
