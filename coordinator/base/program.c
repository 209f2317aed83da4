#include "base/program.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/error.h"

enum { FIRST_FD = 3 };

/* The kernel adds this to the path of a file that is there no more. */
static const char deleted[] = " (deleted)";

static int
read_path(struct locum_program *self)
{
    const ssize_t got = readlink("/proc/self/exe", self->path, sizeof(self->path) - 1);
    if (got <= 0) {
        return LOCUM_ERR_IO;
    }
    size_t length = (size_t)got;
    const size_t end = sizeof(deleted) - 1;
    if (length > end && memcmp(self->path + length - end, deleted, end) == 0) {
        length -= end;
    }
    self->path[length] = '\0';
    return 0;
}

/* Each argument ends with a NUL. */
static int
read_arguments(struct locum_program *self)
{
    const int fd = open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC);
    const ssize_t length = fd >= 0 ? read(fd, self->bytes, sizeof(self->bytes)) : -1;
    if (fd >= 0) {
        (void)close(fd);
    }
    if (length <= 0) {
        return LOCUM_ERR_IO;
    }
    size_t count = 0;
    for (size_t at = 0; at < (size_t)length; at += strlen(self->bytes + at) + 1) {
        if (count == LOCUM_PROGRAM_ARGUMENTS_MAX ||
            memchr(self->bytes + at, '\0', (size_t)length - at) == NULL) {
            return LOCUM_ERR_RANGE;
        }
        self->arguments[count++] = self->bytes + at;
    }
    self->arguments[count] = NULL;
    return 0;
}

int
locum_program_read(struct locum_program *self)
{
    const int status = read_path(self);
    return status != 0 ? status : read_arguments(self);
}

/* Libraries open descriptors without close-on-exec. */
static void
close_all_at_exec(void)
{
    if (close_range(FIRST_FD, ~0U, CLOSE_RANGE_CLOEXEC) == 0) {
        return;
    }
    struct rlimit limit = {.rlim_cur = 0}; /* Linux before 5.11 */
    (void)getrlimit(RLIMIT_NOFILE, &limit);
    for (rlim_t fd = FIRST_FD; fd < limit.rlim_cur; fd++) {
        (void)fcntl((int)fd, F_SETFD, FD_CLOEXEC);
    }
}

static void
set_kept(const int *keep, size_t count, int flags)
{
    for (size_t i = 0; i < count; i++) {
        (void)fcntl(keep[i], F_SETFD, flags);
    }
}

/* The environment and `extra`; free() it. NULL: out of memory. */
static char **
make_environment(const char *const *extra)
{
    size_t own = 0;
    size_t more = 0;
    while (environ[own] != NULL) {
        own++;
    }
    while (extra[more] != NULL) {
        more++;
    }
    char **all = calloc(own + more + 1, sizeof(*all));
    if (all != NULL) {
        memcpy(all, environ, own * sizeof(*all));
        memcpy(all + own, extra, more * sizeof(*all));
    }
    return all;
}

int
locum_program_execute(const struct locum_program *self, const int *keep, size_t keep_count,
                      const char *const *extra)
{
    char **environment = make_environment(extra);
    if (environment == NULL) {
        return ENOMEM;
    }
    close_all_at_exec();
    set_kept(keep, keep_count, 0);
    (void)execve(self->path, self->arguments, environment);
    const int error = errno;
    set_kept(keep, keep_count, FD_CLOEXEC);
    free(environment);
    return error;
}
