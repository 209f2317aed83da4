#include "daemon/fallback.h"

#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "base/text_format.h"
#include "config/glimpse.h"
#include "config/keys.h"
#include "dns/dns.h"

_Static_assert(LOCUM_PATH_MAX + LOCUM_KEPT_SUFFIX_MAX < LOCUM_KEPT_PATH_MAX, "the path fits");

int
locum_fallback_make(const struct locum_config *config, int64_t since,
                    struct locum_fallback_file *ret)
{
    char name[LOCUM_KEPT_NAME_MAX];
    const struct locum_text_value time = locum_text_time(since);
    locum_kept_name(config->path, name);
    const struct locum_kept_text texts[] = {
        {"path", name},
        {"cluster", config->core.cluster},
        {"node", config->core.nodes[config->core.self].name},
        {"since", time.text},
        {"yaml", config->source.yaml},
        {"mirrorbits", config->source.mirrorbits},
    };
    const bool fits = locum_kept_path(config->state_dir, name, ret->path);
    LOCUM_INVARIANT(fits);
    ret->bytes = locum_kept_make(texts, LOCUM_COUNT(texts), &ret->length);
    return ret->bytes != NULL ? 0 : LOCUM_ERR_MEMORY;
}

/* A kept file, and the texts in it. */
struct found {
    struct locum_kept kept;
    const char *cluster, *node, *since;
    struct locum_config_source source;
};

static int
find_texts(struct found *self, struct locum_text *why)
{
    self->cluster = locum_kept_find(&self->kept, "cluster");
    self->node = locum_kept_find(&self->kept, "node");
    self->since = locum_kept_find(&self->kept, "since");
    self->source.yaml = locum_kept_find(&self->kept, "yaml");
    self->source.mirrorbits = locum_kept_find(&self->kept, "mirrorbits");
    if (self->cluster == NULL || self->node == NULL || self->since == NULL ||
        self->source.yaml == NULL) {
        locum_text_add(why, "it is damaged");
        return LOCUM_ERR_INVALID;
    }
    return 0;
}

static bool
differs(const char *said, const char *kept)
{
    return said[0] != '\0' && strcmp(said, kept) != 0;
}

/* A folder that was copied from another host must not make this host that node. */
static bool
is_of_this_node(const struct found *found, const struct locum_config *config,
                const struct locum_glimpse *glimpse, struct locum_text *why)
{
    const char *node = config->core.nodes[config->core.self].name;
    if (strcmp(config->core.cluster, found->cluster) == 0 && strcmp(node, found->node) == 0 &&
        !differs(glimpse->cluster, found->cluster) && !differs(glimpse->node, found->node)) {
        return true;
    }
    locum_text_format(
        why, "it belongs to node %s of cluster %s; this host is node %s of cluster %s", found->node,
        found->cluster, differs(glimpse->node, found->node) ? glimpse->node : node,
        differs(glimpse->cluster, found->cluster) ? glimpse->cluster : config->core.cluster);
    return false;
}

static int
load_kept(const char *path, struct found *found, struct locum_config **ret, struct locum_text *why)
{
    char name[LOCUM_KEPT_NAME_MAX];
    struct locum_glimpse glimpse;
    struct locum_config *config = NULL;
    locum_kept_name(path, name);
    locum_glimpse_file(path, &glimpse);
    int status = locum_kept_find_file(
        name, glimpse.state_dir, locum_keys.rows[LOCUM_KEY_STATE_DIR].fallback, &found->kept, why);
    if (status != 0 || (status = find_texts(found, why)) != 0) {
        return status;
    }
    status = locum_config_load_kept(path, NULL, &found->source, locum_problems_log, NULL, &config);
    if (status == 0) {
        status = locum_dns_check(config, locum_problems_log, NULL);
    }
    if (status != 0) {
        locum_text_add(why, "it is refused too, see the errors above");
    } else if (!is_of_this_node(found, config, &glimpse, why)) {
        status = LOCUM_ERR_INVALID;
    }
    if (status != 0) {
        locum_config_free(config);
        return status;
    }
    *ret = config;
    return 0;
}

static int
fall_back(const char *path, struct locum_config **ret, struct locum_fallback_reason *reason)
{
    char buffer[LOCUM_FALLBACK_ERROR_MAX];
    char line[LOCUM_FALLBACK_ERROR_MAX + LOCUM_KEPT_PATH_MAX + LOCUM_PATH_MAX];
    struct locum_text why = locum_text_init(buffer, sizeof(buffer));
    struct locum_text text = locum_text_init(line, sizeof(line));
    struct found found = {.since = ""};
    const int status = load_kept(path, &found, ret, &why);
    if (status == 0) {
        locum_text_format(&text,
                          "%s is refused, so the daemon uses the configuration that took effect at "
                          "%s (%s). Correct the file, then run `locum reload`",
                          path, found.since, found.kept.path);
        (void)locum_text_format_buffer(reason->since, sizeof(reason->since), "%s", found.since);
    } else {
        locum_text_format(&text, "%s cannot be used instead: %s", found.kept.path, buffer);
    }
    LOCUM_LOG(status == 0                     ? LOCUM_LOG_WARN
              : status == LOCUM_ERR_NOT_FOUND ? LOCUM_LOG_INFO
                                              : LOCUM_LOG_ERR,
              "kept", "reason", line);
    locum_kept_free(&found.kept);
    return status;
}

/* Log all problems, and keep the first error. */
static void
note_problem(void *user, const struct locum_problem *problem)
{
    struct locum_text *text = user;
    locum_problems_log(NULL, problem);
    if (problem->severity == LOCUM_SEVERITY_ERROR && text->length == 0) {
        locum_problems_format(text, problem);
    }
}

int
locum_fallback_start(const char *path, bool allowed, struct locum_config **ret,
                     struct locum_fallback_reason *ret_reason)
{
    struct locum_config *config = NULL;
    *ret_reason = (struct locum_fallback_reason){.since = ""};
    struct locum_text error = locum_text_init(ret_reason->error, sizeof(ret_reason->error));
    int status = locum_config_load(path, NULL, note_problem, &error, &config);
    if (status == 0) {
        status = locum_dns_check(config, note_problem, &error);
    }
    if (status == 0) {
        *ret = config;
        return 0;
    }
    locum_config_free(config);
    return status != LOCUM_ERR_MEMORY && allowed && fall_back(path, ret, ret_reason) == 0 ? 0
                                                                                          : status;
}
