#include "daemon/ondisk.h"

#include <string.h>

#include "base/error.h"
#include "base/text_format.h"
#include "dns/dns.h"

void
locum_ondisk_init(struct locum_ondisk *self, const char *path)
{
    *self = (struct locum_ondisk){0};
    (void)locum_text_format_buffer(self->path, sizeof(self->path), "%s", path);
}

static bool
is_same(const struct stat *a, const struct stat *b)
{
    return a->st_ino == b->st_ino && a->st_dev == b->st_dev && a->st_size == b->st_size &&
           a->st_mode == b->st_mode && a->st_uid == b->st_uid && a->st_gid == b->st_gid &&
           a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
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
    struct stat now;
    if (stat(self->path, &now) != 0) {
        memset(&now, 0, sizeof(now));
    }
    const bool quiet = self->begun && is_same(&now, &self->seen);
    self->begun = true;
    self->seen = now;
    if (!quiet || (self->read && is_same(&now, &self->judged))) {
        return false;
    }
    struct locum_text error = locum_text_init(ret_error, LOCUM_ONDISK_BYTES_MAX);
    struct locum_config *config = NULL;
    int status = locum_config_load(self->path, NULL, keep_error, &error, &config);
    if (status == 0) {
        status = locum_dns_check(config, keep_error, &error);
    }
    if (status != 0 && error.length == 0) {
        locum_text_add(&error, locum_error_text(status));
    }
    locum_config_free(config);
    self->read = true;
    self->judged = now;
    return true;
}
