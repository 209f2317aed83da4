/* hooks: where events are sent, and the command of a hook or a check. */
#include <string.h>

#include "config/load.h"
#include "config/source.h"

void
locum_load_command(struct locum_bind *bind, size_t row, size_t instance,
                   struct locum_config_words *ret)
{
    const char *name = locum_schema_name(&locum_keys.rows[row]);
    struct locum_text words = locum_text_init(ret->at, sizeof(ret->at));
    const size_t count = locum_bind_items(bind, row, instance);
    for (size_t i = 0; i < count; i++) {
        const yaml_node_t *item = locum_bind_item(bind, row, instance, i);
        const struct locum_slice word = locum_document_text(item);
        const bool relative = i == 0 && (word.length == 0 || word.at[0] != '/');
        if (relative || memchr(word.at, '\0', word.length) != NULL) {
            LOCUM_BIND_ERROR(bind, item, "%s: %s %s", name, locum_problems_quote(word).text,
                             relative ? "is not an absolute path; write the path of the program, "
                                        "as in /usr/local/lib/check"
                                      : "contains a NUL; remove it");
            return;
        }
        locum_text_add_bytes(&words, word.at, word.length);
        locum_text_add_bytes(&words, "", 1);
    }
    if (words.truncated) {
        locum_bind_error(bind, row, instance,
                         "%s: longer than %d characters; put the command into a script", name,
                         LOCUM_WORDS_BYTES_MAX - 1);
        return;
    }
    ret->count = count;
}

/* Exactly one of the two; a secret only signs what is posted. */
static void
check_target(struct locum_bind *bind, size_t index)
{
    const bool command = locum_bind_written(bind, LOCUM_KEY_HOOK_COMMAND, index);
    const bool url = locum_bind_written(bind, LOCUM_KEY_HOOK_URL, index);
    const yaml_node_t *item = locum_bind_item(bind, LOCUM_KEY_HOOKS, 0, index);
    if (item->type != YAML_MAPPING_NODE) {
        return; /* the binder has reported it */
    }
    if (command == url) {
        LOCUM_BIND_ERROR(bind, item,
                         "hooks: a hook has either command or url, as in {on: [condition], "
                         "command: [/usr/local/lib/alert]}");
    } else if (command && locum_bind_written(bind, LOCUM_KEY_HOOK_SECRET_FILE, index)) {
        locum_bind_error(bind, LOCUM_KEY_HOOK_SECRET_FILE, index,
                         "secret-file: it signs what is posted to a url; remove this key");
    }
}

/* A kept configuration does not hold a URL with a query. */
static void
load_url(struct locum_bind *bind, size_t index)
{
    struct locum_config *config = bind->target;
    struct locum_config_hook *hook = &config->hooks[index];
    locum_load_first_line(bind, LOCUM_KEY_HOOK_SECRET_FILE, index, hook->secret_file,
                          LOCUM_HOOK_SECRET_MIN, hook->secret, sizeof(hook->secret));
    if (config->kept && strcmp(hook->url, LOCUM_SOURCE_URL) == 0) {
        hook->lacks_secret = true;
        locum_load_lack_at(bind, LOCUM_KEY_HOOK_URL, index,
                           "url: a URL with a query is not kept, so hook %zu sends nothing",
                           index + 1);
    } else if (hook->secret_file[0] != '\0' && hook->secret[0] == '\0') {
        hook->lacks_secret = true; /* said already */
    }
}

void
locum_load_hooks(struct locum_bind *bind)
{
    struct locum_config *config = bind->target;
    const size_t count = locum_bind_items(bind, LOCUM_KEY_HOOKS, 0);
    for (size_t i = 0; i < count; i++) {
        check_target(bind, i);
        if (locum_bind_good(bind, LOCUM_KEY_HOOK_COMMAND, i)) {
            locum_load_command(bind, LOCUM_KEY_HOOK_COMMAND, i, &config->hooks[i].command);
        }
        if (locum_bind_good(bind, LOCUM_KEY_HOOK_URL, i)) {
            load_url(bind, i);
        }
    }
}
