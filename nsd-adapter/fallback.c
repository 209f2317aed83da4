#include "nsd-adapter/fallback.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/kept.h"
#include "base/log.h"
#include "base/text_format.h"
#include "config/glimpse.h"

_Static_assert(4 + LOCUM_NSD_ANSWERS_MAX <= LOCUM_KEPT_TEXTS_MAX, "all texts fit");

/* Of each answer, before its question. */
static const char prefix[] = "nsd.";

/* Find what is kept. NULL: there is nothing, which was logged; else the text of this name in it. */
static const char *
find(const char *path, const char *state_dir, const char *text, struct locum_kept *ret)
{
    char name[LOCUM_KEPT_NAME_MAX];
    char buffer[400];
    char line[sizeof(buffer) + LOCUM_KEPT_PATH_MAX];
    struct locum_text why = locum_text_init(buffer, sizeof(buffer));
    locum_kept_name(path, name);
    const int status =
        locum_kept_find_file(name, state_dir, LOCUM_NSD_SETTINGS_DEFAULT_STATE, ret, &why);
    const char *found = status == 0 ? locum_kept_find(ret, text) : NULL;
    if (found == NULL) {
        (void)locum_text_format_buffer(line, sizeof(line), "%s cannot be used instead: %s",
                                       ret->path, status != 0 ? buffer : "it is damaged");
        LOCUM_LOG(status == LOCUM_ERR_NOT_FOUND ? LOCUM_LOG_INFO : LOCUM_LOG_ERR, "kept", "reason",
                  line);
    }
    return found;
}

/* Log and remember that `file` is refused and what is used instead. */
static void
explain(const struct locum_kept *kept, const char *file, struct locum_nsd_fallback *ret)
{
    const char *since = locum_kept_find(kept, "since");
    (void)locum_text_format_buffer(ret->reason, sizeof(ret->reason),
                                   "%s is refused, so locum-nsd uses what took effect at %s. "
                                   "Correct the file, then restart locum-nsd",
                                   file, since != NULL ? since : "an unknown time");
    LOCUM_LOG(LOCUM_LOG_WARN, "kept", "reason", ret->reason, "file", kept->path);
}

int
locum_nsd_fallback_settings(const char *path, struct locum_nsd_settings *ret,
                            struct locum_nsd_fallback *ret_why)
{
    struct locum_glimpse glimpse;
    struct locum_kept kept;
    locum_glimpse_file(path, &glimpse);
    const char *yaml = find(path, glimpse.state_dir, "yaml", &kept);
    const int status = yaml == NULL
                           ? LOCUM_ERR_NOT_FOUND
                           : locum_nsd_settings_load(path, yaml, locum_problems_log, NULL, ret);
    if (status == 0) {
        explain(&kept, path, ret_why);
    }
    locum_kept_free(&kept);
    return status;
}

int
locum_nsd_fallback_answers(const struct locum_nsd_settings *settings, struct locum_nsd_answers *ret,
                           struct locum_nsd_fallback *ret_why)
{
    struct locum_kept kept;
    const char *of = find(settings->path, settings->state_dir, "nsd-config", &kept);
    const bool same = of != NULL && strcmp(of, settings->nsd_config) == 0;
    if (same) {
        *ret = (struct locum_nsd_answers){.kept = true};
        for (size_t i = 0; i < kept.count; i++) {
            if (strncmp(kept.texts[i].name, prefix, sizeof(prefix) - 1) == 0) {
                locum_nsd_conf_note(ret, kept.texts[i].name + sizeof(prefix) - 1,
                                    kept.texts[i].text);
            }
        }
        explain(&kept, settings->nsd_config, ret_why);
    }
    locum_kept_free(&kept);
    return same ? 0 : LOCUM_ERR_NOT_FOUND;
}

void
locum_nsd_fallback_keep(const struct locum_nsd_settings *settings,
                        const struct locum_nsd_answers *answers)
{
    char name[LOCUM_KEPT_NAME_MAX];
    char path[LOCUM_KEPT_PATH_MAX];
    char names[LOCUM_NSD_ANSWERS_MAX][LOCUM_NSD_QUESTION_MAX + sizeof(prefix)];
    const struct locum_text_value since = locum_text_time(locum_clock_read().wall);
    locum_kept_name(settings->path, name);
    struct locum_kept_text texts[4 + LOCUM_NSD_ANSWERS_MAX] = {
        {"path", name},
        {"since", since.text},
        {"yaml", settings->source},
        {"nsd-config", settings->nsd_config},
    };
    for (size_t i = 0; i < answers->count; i++) {
        (void)locum_text_format_buffer(names[i], sizeof(names[i]), "%s%s", prefix,
                                       answers->at[i].question);
        texts[4 + i] = (struct locum_kept_text){names[i], answers->at[i].value};
    }
    size_t length;
    char *bytes = locum_kept_make(texts, 4 + answers->count, &length);
    errno = ENOMEM;
    if (bytes == NULL || !locum_kept_path(settings->state_dir, name, path) ||
        locum_kept_write(path, bytes, length) != 0) {
        LOCUM_LOG(LOCUM_LOG_WARN, "kept", "folder", settings->state_dir, "reason", strerror(errno),
                  "effect", "a start with a refused file would not have the last good one");
    }
    free(bytes);
}
