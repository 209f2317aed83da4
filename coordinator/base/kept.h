/*
 * kept: a file of named texts that is whole or not used at all: what a program needs at a start
 * whose own files are refused.
 *
 *   locum-kept 1 DIGEST-OF-ALL-THAT-FOLLOWS
 *   node 3
 *   dc2
 *
 * and so on: of each text the name, its length in bytes, and it. The last one, `machine`, says
 * where it was kept, by a digest of /etc/machine-id: it is used only there.
 *
 * The file of a program is in its state folder, NAME.DIGITS.kept: the last part of the path of its
 * configuration file, and eight digits of the digest of that path.
 */
#ifndef LOCUM_BASE_KEPT_H
#define LOCUM_BASE_KEPT_H

#include "base/text.h"

enum {
    LOCUM_KEPT_PATH_MAX = 512,      /* of the file, with its NUL */
    LOCUM_KEPT_TEXTS_MAX = 64,      /* in a file */
    LOCUM_KEPT_SUFFIX_MAX = 64 + 8, /* from the folder to the file's end */
};

/* The path of a configuration file, absolute: a missing file has no other name. */
enum { LOCUM_KEPT_NAME_MAX = 1024 };
void locum_kept_name(const char *configuration, char ret[LOCUM_KEPT_NAME_MAX]);

/* The path of the kept file. name: as of locum_kept_name(). False: it does not fit. */
bool locum_kept_path(const char *folder, const char *name,
                     char ret[LOCUM_KEPT_PATH_MAX]) LOCUM_MUST_CHECK;

/* One text; its name is without blanks. text NULL: it is left out. */
struct locum_kept_text {
    const char *name, *text;
};

/* The bytes of a file with these texts and `machine`, freed by the caller. NULL: out of memory. */
char *locum_kept_make(const struct locum_kept_text *texts, size_t count, size_t *ret_length);

/* Replace the file in one step, with mode 0600. 0, or -1 with errno. */
int locum_kept_write(const char *path, const char *bytes, size_t length) LOCUM_MUST_CHECK;

/* A file that was read. All is borrowed from `bytes`. */
struct locum_kept {
    char path[LOCUM_KEPT_PATH_MAX];
    char *bytes; /* NULL: none */
    struct locum_kept_text texts[LOCUM_KEPT_TEXTS_MAX];
    size_t count;
};

/*
 * Find and read the file of a configuration file. Freed with locum_kept_free(), also after an
 * error; then path is where it was looked for last.
 *
 * name     of the configuration file, as of locum_kept_name(). Its text "path" is this name.
 * written  the state folder that the configuration file names; "": none.
 * usual    the default; between them $STATE_DIRECTORY is looked at.
 * ret_why  on failure the reason.
 * 0, LOCUM_ERR_NOT_FOUND, LOCUM_ERR_INVALID (it is damaged, of another file or machine),
 * LOCUM_ERR_DENIED (others may read it), LOCUM_ERR_MEMORY, LOCUM_ERR_IO.
 */
int locum_kept_find_file(const char *name, const char *written, const char *usual,
                         struct locum_kept *ret, struct locum_text *ret_why) LOCUM_MUST_CHECK;
void locum_kept_free(struct locum_kept *self);

/* The text of this name; NULL: there is none. */
const char *locum_kept_find(const struct locum_kept *self, const char *name);

#endif
