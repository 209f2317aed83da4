#include "nsd-adapter/files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/text_format.h"

enum { MODE = 0644, WHY_BYTES = 120, NANOSECONDS = 1000000000 };

static int
fail_with_errno(const char *path, char why[LOCUM_NSD_FILES_WHY_MAX])
{
    const int error = errno;
    (void)locum_text_format_buffer(why, LOCUM_NSD_FILES_WHY_MAX, "%s: %s", path, strerror(error));
    return locum_error_from_errno(error);
}

void
locum_nsd_files_init(struct locum_nsd_files *self, const char *zonefile)
{
    const struct {
        char *path;
        const char *suffix;
    } names[] = {{self->path, ""},
                 {self->fresh, ".new"},
                 {self->last, ".last"},
                 {self->open, ".fail-open"},
                 {self->lock, ".lock"}};
    *self = (struct locum_nsd_files){.lock_fd = -1};
    for (size_t i = 0; i < LOCUM_COUNT(names); i++) {
        const bool whole = locum_text_format_buffer(names[i].path, LOCUM_PATH_MAX + 1, "%s%s",
                                                    zonefile, names[i].suffix);
        LOCUM_INVARIANT(whole);
    }
}

void
locum_nsd_files_fini(struct locum_nsd_files *self)
{
    if (self->lock_fd >= 0) {
        (void)close(self->lock_fd); /* the file stays: another adapter may have opened it already */
        self->lock_fd = -1;
    }
}

pid_t
locum_nsd_files_holder(const struct locum_nsd_files *self)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    const int fd = open(self->lock, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0) {
        return 0;
    }
    const bool held = fcntl(fd, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
    (void)close(fd);
    return held ? lock.l_pid : 0;
}

int
locum_nsd_files_lock(struct locum_nsd_files *self, char ret_why[LOCUM_NSD_FILES_WHY_MAX])
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    const int fd = open(self->lock, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, MODE);
    if (fd < 0) {
        return fail_with_errno(self->lock, ret_why);
    }
    (void)fchmod(fd, MODE); /* any user may run `locum-nsd status` */
    if (fcntl(fd, F_SETLK, &lock) == 0) {
        self->lock_fd = fd;
        return 0;
    }
    int status = LOCUM_ERR_IN_USE;
    if (errno != EAGAIN && errno != EACCES) {
        status = fail_with_errno(self->lock, ret_why);
    } else {
        (void)locum_text_format_buffer(
            ret_why, LOCUM_NSD_FILES_WHY_MAX,
            "%s is locked by another locum-nsd, process %d. A zone file can have only "
            "one adapter: stop one of them",
            self->lock, (int)locum_nsd_files_holder(self));
    }
    (void)close(fd);
    return status;
}

int
locum_nsd_files_read(const char *path, const char *zone, char **ret_text,
                     struct locum_nsd_zonetext *ret, char ret_why[LOCUM_NSD_FILES_WHY_MAX])
{
    char buffer[WHY_BYTES];
    struct locum_text reason = locum_text_init(buffer, sizeof(buffer));
    struct locum_slice text = {.length = 0};
    const char *wrong = buffer;
    /* The kernel provides only the pages that are used; the rest is given back below. */
    char *bytes = malloc(LOCUM_NSD_ZONE_BYTES_MAX + 1);
    if (bytes == NULL) {
        (void)locum_text_format_buffer(ret_why, LOCUM_NSD_FILES_WHY_MAX, "out of memory");
        return LOCUM_ERR_MEMORY;
    }
    int status =
        locum_file_read(path, bytes, LOCUM_NSD_ZONE_BYTES_MAX + 1, &text.length, NULL, &reason);
    if (status == 0) {
        char *exact = realloc(bytes, text.length + 1);
        bytes = exact != NULL ? exact : bytes;
        text.at = bytes;
        status = locum_nsd_zonetext_read(text, zone, ret, &wrong);
    }
    if (status != 0) {
        (void)locum_text_format_buffer(ret_why, LOCUM_NSD_FILES_WHY_MAX, "%s: %s", path, wrong);
        free(bytes);
        return status;
    }
    *ret_text = bytes;
    return 0;
}

int
locum_nsd_files_write(struct locum_nsd_files *self, const char *text,
                      char ret_why[LOCUM_NSD_FILES_WHY_MAX])
{
    return locum_file_write(self->fresh, text, strlen(text), MODE) == 0
               ? 0
               : fail_with_errno(self->fresh, ret_why);
}

/* NSD does not read a file again that has the same mtime: set it to now, but never to the mtime
 * that `path` has. */
static void
new_mtime(const struct locum_nsd_files *self, const char *path)
{
    struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}};
    struct timespec *mtime = &times[1];
    (void)clock_gettime(CLOCK_REALTIME, mtime);
    if (mtime->tv_sec == self->seen.st_mtim.tv_sec &&
        mtime->tv_nsec == self->seen.st_mtim.tv_nsec) {
        mtime->tv_nsec = (mtime->tv_nsec + 1) % NANOSECONDS;
    }
    (void)utimensat(AT_FDCWD, path, times, AT_SYMLINK_NOFOLLOW);
}

static void
look(struct locum_nsd_files *self)
{
    if (lstat(self->path, &self->seen) != 0) {
        self->seen = (struct stat){0};
    }
}

int
locum_nsd_files_place(struct locum_nsd_files *self, bool keep,
                      char ret_why[LOCUM_NSD_FILES_WHY_MAX])
{
    new_mtime(self, self->fresh);
    /* If the file system cannot exchange two files, or there is only one, the former one is lost.
     */
    const bool exchanged =
        keep && renameat2(AT_FDCWD, self->fresh, AT_FDCWD, self->path, RENAME_EXCHANGE) == 0;
    if (!exchanged && rename(self->fresh, self->path) != 0) {
        return fail_with_errno(self->path, ret_why);
    }
    if (exchanged) {
        (void)rename(self->fresh, self->last);
    }
    (void)locum_file_sync_directory(self->path); /* after a power cut NSD starts with this file */
    look(self);
    return 0;
}

void
locum_nsd_files_touch(struct locum_nsd_files *self)
{
    new_mtime(self, self->path);
    look(self);
}

bool
locum_nsd_files_changed(struct locum_nsd_files *self)
{
    const struct stat before = self->seen;
    look(self);
    return before.st_ino != self->seen.st_ino || before.st_size != self->seen.st_size ||
           before.st_mtim.tv_sec != self->seen.st_mtim.tv_sec ||
           before.st_mtim.tv_nsec != self->seen.st_mtim.tv_nsec;
}

int
locum_nsd_files_keep_open(struct locum_nsd_files *self, const char *text,
                          char ret_why[LOCUM_NSD_FILES_WHY_MAX])
{
    char temp[LOCUM_PATH_MAX + 8];
    (void)locum_text_format_buffer(temp, sizeof(temp), "%s~", self->open);
    if (locum_file_replace(self->open, temp, text, strlen(text), MODE) != 0) {
        return fail_with_errno(self->open, ret_why);
    }
    return 0;
}
