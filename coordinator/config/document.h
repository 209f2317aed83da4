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
 * to yaml_document_delete(). *ret_shared: users beyond owner and group may read the file.
 * 0, LOCUM_ERR_INVALID, LOCUM_ERR_MEMORY.
 */
int locum_document_load(const char *path, struct locum_problems *problems, yaml_document_t *ret,
                        bool *ret_shared) LOCUM_MUST_CHECK;

/* Where a node begins. */
struct locum_position locum_document_at(const yaml_node_t *node);

/* The text of a scalar node. */
struct locum_slice locum_document_text(const yaml_node_t *node);

#endif
