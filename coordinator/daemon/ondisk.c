#include "daemon/ondisk.h"

#include <malloc.h>
#include <string.h>

#include "base/error.h"
#include "dns/dns.h"

void
locum_ondisk_init(struct locum_ondisk *self, const struct locum_config *config)
{
    const struct locum_config_redis *redis = &config->redis;
    const char *const paths[LOCUM_ONDISK_FILES] = {
        config->path,         config->secret_file,
        redis->password_file, redis->sentinel_password_file,
        redis->tls.ca_file,   redis->tls.cert_file,
        redis->tls.key_file,  redis->mirrorbits_config,
        config->key_file};
    *self = (struct locum_ondisk){0};
    for (size_t i = 0; i < LOCUM_ONDISK_FILES; i++) {
        memcpy(self->path[i], paths[i], strlen(paths[i]) + 1);
    }
}

static bool
is_same(const struct stat *a, const struct stat *b)
{
    return a->st_ino == b->st_ino && a->st_dev == b->st_dev && a->st_size == b->st_size &&
           a->st_mode == b->st_mode && a->st_uid == b->st_uid && a->st_gid == b->st_gid &&
           a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

static bool
are_same(const struct locum_ondisk_stats *a, const struct locum_ondisk_stats *b)
{
    bool same = true;
    for (size_t i = 0; i < LOCUM_ONDISK_FILES; i++) {
        same = same && is_same(&a->of[i], &b->of[i]);
    }
    return same;
}

/* Keep the first error. */
static void
keep_error(void *user, const struct locum_problem *problem)
{
    struct locum_text *text = user;
    if (problem->severity == LOCUM_SEVERITY_ERROR && text->length == 0) {
        locum_problems_format(text, problem);
    }
}

bool
locum_ondisk_look(struct locum_ondisk *self, char ret_error[LOCUM_ONDISK_BYTES_MAX])
{
    struct locum_ondisk_stats now = {0};
    for (size_t i = 0; i < LOCUM_ONDISK_FILES; i++) {
        if (self->path[i][0] == '\0' || stat(self->path[i], &now.of[i]) != 0) {
            memset(&now.of[i], 0, sizeof(now.of[i]));
        }
    }
    const bool quiet = self->begun && are_same(&now, &self->seen);
    const bool again = self->refused > 0 && --self->refused == 0;
    self->begun = true;
    self->seen = now;
    if (!quiet || (self->read && are_same(&now, &self->judged) && !again)) {
        self->refused += again ? 1 : 0;
        return false;
    }
    struct locum_text error = locum_text_init(ret_error, LOCUM_ONDISK_BYTES_MAX);
    struct locum_config *config = NULL;
    int status = locum_config_load(self->path[0], NULL, keep_error, &error, &config);
    if (status == 0) {
        status = locum_dns_check(config, keep_error, &error);
    }
    if (status != 0 && error.length == 0) {
        locum_text_add(&error, locum_error_text(status));
    }
    locum_config_free(config);
    (void)malloc_trim(0); /* this thread needs as much again only after the next change */
    self->refused = status != 0 ? LOCUM_ONDISK_LOOKS : 0;
    self->read = true;
    self->judged = now;
    return true;
}
