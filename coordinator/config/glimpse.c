#include "config/glimpse.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
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
