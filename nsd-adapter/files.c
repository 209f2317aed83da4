#include "nsd-adapter/files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "nsd-adapter/zonetext.h"

enum { MODE = 0644, NANOSECONDS = 1000000000 };

static int
complain(const char *path, const char *what, struct locum_text *why)
{
    const int error = errno;
    locum_text_add(why, path);
    locum_text_add(why, what);
    locum_text_add(why, strerror(error));
    return locum_error_from_errno(error);
}

static void
name(const char *zonefile, const char *behind, char ret[LOCUM_PATH_MAX + 1])
{
    struct locum_text text = locum_text_init(ret, LOCUM_PATH_MAX + 1);
    locum_text_add(&text, zonefile);
    locum_text_add(&text, behind);
    LOCUM_INVARIANT(!text.truncated);
}

void
locum_nsd_files_init(struct locum_nsd_files *self, const char *zonefile)
{
    *self = (struct locum_nsd_files){.lock_fd = -1};
    name(zonefile, "", self->path);
    name(zonefile, ".new", self->fresh);
    name(zonefile, ".last", self->last);
    name(zonefile, ".fail-open", self->open);
    name(zonefile, ".lock", self->lock);
    const char *slash = strrchr(zonefile, '/');
    struct locum_text text = locum_text_init(self->folder, sizeof(self->folder));
    if (slash != NULL) {
        locum_text_add_bytes(&text, zonefile, (size_t)(slash - zonefile) + 1);
    } else {
        locum_text_add_char(&text, '.');
    }
}

void
locum_nsd_files_fini(struct locum_nsd_files *self)
{
    if (self->lock_fd >= 0) {
        (void)close(self->lock_fd); /* the file stays: another adapter may wait on it already */
        self->lock_fd = -1;
    }
}

pid_t
locum_nsd_files_holder(const struct locum_nsd_files *self)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    const int fd = open(self->lock, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) {
        return 0;
    }
    const bool held = fcntl(fd, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
    (void)close(fd);
    return held ? lock.l_pid : 0;
}

int
locum_nsd_files_lock(struct locum_nsd_files *self, struct locum_text *ret_why)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    const int fd = open(self->lock, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, MODE);
    if (fd < 0) {
        return complain(self->lock, ": ", ret_why);
    }
    (void)fchmod(fd, MODE); /* for `status` of anybody */
    if (fcntl(fd, F_SETLK, &lock) == 0) {
        self->lock_fd = fd;
        return 0;
    }
    const bool held = errno == EAGAIN || errno == EACCES;
    const int status = held ? LOCUM_ERR_IN_USE : complain(self->lock, ": ", ret_why);
    if (held) {
        const pid_t holder =
            fcntl(fd, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK ? lock.l_pid : 0;
        locum_text_add(ret_why, self->lock);
        locum_text_add(ret_why, " is held by another locum-nsd, process ");
        locum_text_add_i64(ret_why, holder);
        locum_text_add(ret_why, ": one zone file has one adapter; stop one of them");
    }
    (void)close(fd);
    return status;
}

int
locum_nsd_files_read(const char *path, char **ret, size_t *ret_length, struct locum_text *ret_why)
{
    struct stat info;
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        return complain(path, ": ", ret_why);
    }
    char *text = NULL;
    ssize_t length = -1;
    if (fstat(fd, &info) == 0 && S_ISREG(info.st_mode) &&
        info.st_size <= LOCUM_NSD_ZONE_BYTES_MAX) {
        text = malloc((size_t)info.st_size + 1);
        length = text != NULL ? read(fd, text, (size_t)info.st_size) : -1;
    } else {
        errno = EINVAL;
    }
    (void)close(fd);
    if (length < 0) {
        free(text);
        return complain(path, ": ", ret_why);
    }
    text[length] = '\0';
    *ret = text;
    *ret_length = (size_t)length;
    return 0;
}

static bool
write_all(int fd, const char *text)
{
    size_t left = strlen(text);
    while (left > 0) {
        const ssize_t written = write(fd, text, left);
        if (written < 0 && errno == EINTR) {
            continue;
        }
        if (written <= 0) {
            return false;
        }
        text += written;
        left -= (size_t)written;
    }
    return true;
}

/* A new file of this name, down to the disk; on failure there is none. */
static int
write_file(const char *path, const char *text, struct locum_text *why)
{
    (void)unlink(path); /* never through a link, nor into a file that somebody holds open */
    const int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, MODE);
    if (fd < 0) {
        return complain(path, ": ", why);
    }
    const bool written = write_all(fd, text) && fchmod(fd, MODE) == 0 && fsync(fd) == 0;
    const int status = written ? 0 : complain(path, ": ", why);
    if (close(fd) != 0 && status == 0) {
        (void)unlink(path);
        return complain(path, ": ", why);
    }
    if (status != 0) {
        (void)unlink(path);
    }
    return status;
}

int
locum_nsd_files_write(struct locum_nsd_files *self, const char *text, struct locum_text *ret_why)
{
    return write_file(self->fresh, text, ret_why);
}

/* NSD skips a file whose mtime it knows: now, and never the time that path has, or had. */
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

/* The names themselves, down to the disk: after a power cut NSD starts with what it served. */
static void
sync_folder(const struct locum_nsd_files *self)
{
    const int fd = open(self->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        (void)fsync(fd);
        (void)close(fd);
    }
}

static void
look(struct locum_nsd_files *self)
{
    if (lstat(self->path, &self->seen) != 0) {
        self->seen = (struct stat){0};
    }
}

/* Both names swap their files; where the file system cannot, `path` alone is replaced. */
static int
swap(struct locum_nsd_files *self, const char *other)
{
    if (renameat2(AT_FDCWD, other, AT_FDCWD, self->path, RENAME_EXCHANGE) == 0) {
        return 0;
    }
    return rename(other, self->path);
}

int
locum_nsd_files_place(struct locum_nsd_files *self, bool keep, struct locum_text *ret_why)
{
    new_mtime(self, self->fresh);
    if ((keep ? swap(self, self->fresh) : rename(self->fresh, self->path)) != 0) {
        return complain(self->path, ": ", ret_why);
    }
    if (keep) {
        (void)rename(self->fresh, self->last);
    }
    sync_folder(self);
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
                          struct locum_text *ret_why)
{
    char path[LOCUM_PATH_MAX + 8];
    struct locum_text build = locum_text_init(path, sizeof(path));
    locum_text_add(&build, self->open);
    locum_text_add(&build, "~");
    const int status = write_file(path, text, ret_why);
    if (status != 0) {
        return status;
    }
    if (rename(path, self->open) != 0) {
        return complain(self->open, ": ", ret_why);
    }
    return 0;
}
