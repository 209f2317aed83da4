#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/text_format.h"

enum { KIB = 1024 };

/* Close without changing errno. */
static void
close_quietly(int fd)
{
    const int error = errno;
    (void)close(fd);
    errno = error;
}

/* Fill the buffer. Returns the number of bytes, or -1 with errno. */
static ssize_t
read_all(int fd, char *buffer, size_t size_bytes)
{
    size_t length = 0;
    while (length < size_bytes) {
        const ssize_t got = read(fd, buffer + length, size_bytes - length);
        if (got < 0 && errno != EINTR) {
            return -1;
        }
        if (got == 0) {
            break;
        }
        length += got > 0 ? (size_t)got : 0;
    }
    return (ssize_t)length;
}

static int
fail_with_errno(struct locum_text *why)
{
    locum_text_format(why, "%s", strerror(errno));
    return locum_error_from_errno(errno);
}

/* Open a regular file; a descriptor or a negative code. */
static int
open_regular(const char *path, struct stat *ret_info, struct locum_text *why)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        return fail_with_errno(why);
    }
    if (fstat(fd, ret_info) != 0 || !S_ISREG(ret_info->st_mode)) {
        (void)close(fd);
        locum_text_add(why, "not a regular file");
        return LOCUM_ERR_INVALID;
    }
    return fd;
}

static int
read_open_file(int fd, char *buffer, size_t size_bytes, size_t *ret_length, struct locum_text *why)
{
    const size_t limit = size_bytes - 1;
    const ssize_t length = read_all(fd, buffer, size_bytes);
    if (length < 0) {
        return fail_with_errno(why);
    }
    if ((size_t)length > limit) {
        const bool kib = limit % KIB == 0;
        locum_text_format(why, "larger than %zu %s", kib ? limit / KIB : limit,
                          kib ? "KiB" : "bytes");
        return LOCUM_ERR_RANGE;
    }
    buffer[length] = '\0';
    *ret_length = (size_t)length;
    return 0;
}

int
locum_file_read(const char *path, char *buffer, size_t size_bytes, size_t *ret_length,
                bool *ret_public, struct locum_text *ret_why)
{
    char unwanted[1];
    struct locum_text ignored = locum_text_init(unwanted, sizeof(unwanted));
    struct locum_text *why = ret_why != NULL ? ret_why : &ignored;
    struct stat info;
    const int fd = open_regular(path, &info, why);
    if (fd < 0) {
        return fd;
    }
    const int status = read_open_file(fd, buffer, size_bytes, ret_length, why);
    (void)close(fd);
    if (status == 0 && ret_public != NULL) {
        *ret_public = (info.st_mode & S_IROTH) != 0;
    }
    return status;
}

int
locum_file_read_private(const char *path, char *buffer, size_t size_bytes, size_t *ret_length,
                        struct locum_text *ret_why)
{
    struct stat info;
    const int fd = open_regular(path, &info, ret_why);
    if (fd == LOCUM_ERR_DENIED) {
        locum_text_format(ret_why, ": let this user read it: chgrp locum %s; chmod 0640 %s", path,
                          path);
    }
    if (fd < 0) {
        return fd;
    }
    int status = LOCUM_ERR_DENIED;
    if ((info.st_mode & S_IRWXO) != 0) {
        locum_text_format(ret_why, "others may read it: chmod o= %s", path);
    } else {
        status = read_open_file(fd, buffer, size_bytes, ret_length, ret_why);
    }
    (void)close(fd);
    return status;
}

static int
write_all(int fd, const char *bytes, size_t length)
{
    while (length > 0) {
        const ssize_t written = write(fd, bytes, length);
        if (written < 0 && errno != EINTR) {
            return -1;
        }
        bytes += written > 0 ? written : 0;
        length -= written > 0 ? (size_t)written : 0;
    }
    return 0;
}

static void
remove_quietly(const char *path)
{
    const int error = errno;
    (void)unlink(path);
    errno = error;
}

int
locum_file_write(const char *path, const char *bytes, size_t length, mode_t mode)
{
    (void)unlink(path);
    const int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
    if (fd < 0) {
        return -1;
    }
    if (write_all(fd, bytes, length) != 0 || fchmod(fd, mode) != 0 || fsync(fd) != 0) {
        close_quietly(fd);
        remove_quietly(path);
        return -1;
    }
    if (close(fd) != 0) {
        remove_quietly(path);
        return -1;
    }
    return 0;
}

int
locum_file_sync_directory(const char *path)
{
    char directory[PATH_MAX];
    const char *slash = strrchr(path, '/');
    struct locum_text text = locum_text_init(directory, sizeof(directory));
    locum_text_add_bytes(&text, slash != NULL ? path : "./",
                         slash != NULL ? (size_t)(slash - path) + 1 : 2);
    const int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return -1;
    }
    const int status = fsync(fd);
    close_quietly(fd);
    return status;
}

int
locum_file_replace(const char *path, const char *temp, const char *bytes, size_t length,
                   mode_t mode)
{
    if (locum_file_write(temp, bytes, length, mode) != 0) {
        return -1;
    }
    if (rename(temp, path) != 0) {
        remove_quietly(temp);
        return -1;
    }
    return locum_file_sync_directory(path);
}
