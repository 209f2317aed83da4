/*
 * source: the texts that a configuration was made of, so that it can be made once more after its
 * files have become bad (locum_config_load_kept()). They hold every value that counts, without
 * comments and without secrets: the password of Redis, the values of header fields whose name says
 * that they are secret, and the URLs of hooks that have a query. In their place they say only that.
 * Arguments of commands are in them: each user of the host can see these while the check runs
 * (ps(1)).
 */
#ifndef LOCUM_CONFIG_SOURCE_H
#define LOCUM_CONFIG_SOURCE_H

#include <yaml.h>

#include "base/text.h"

/* In the place of a password. */
#define LOCUM_SOURCE_SECRET "(not kept)"
/* In the place of the URL of a hook. */
#define LOCUM_SOURCE_URL "http://not-kept.invalid/"

/* Does the name of a header field say that its value is secret ("Authorization", "X-Api-Key")? */
bool locum_source_is_secret_field(struct locum_slice name);

/*
 * The text of locum.yaml.
 *
 * secret  the value that is not to be written; NULL: there is none.
 * Freed by the caller; NULL: out of memory.
 */
char *locum_source_of(yaml_document_t *document, const yaml_node_t *secret);

/*
 * The text of another program's file: the texts of these keys, also in lists of mappings below
 * them.
 *
 * keys        ended by NULL.
 * secret_key  the one whose value is not to be written.
 * Freed by the caller; NULL: out of memory.
 */
char *locum_source_of_keys(yaml_document_t *document, const char *const *keys,
                           const char *secret_key);

/*
 * Read a password where it was written: in the file as it is now, at `key` of the mapping
 * `section`, or of the file itself if that is NULL. False: the file cannot be read as YAML, or it
 * is not there, or longer than `size` bytes.
 */
bool locum_source_find(const char *file, const char *section, const char *key, char *ret,
                       size_t size) LOCUM_MUST_CHECK;

#endif
