#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/error.h"
#include "base/text_format.h"

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 8U /* Linux 6.3 */
#endif

enum { KIB = 1024 };

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

/* The descriptor, or an error. */
static int
open_regular(const char *path, struct stat *ret_info, struct locum_text *why)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0) {
        return fail_with_errno(why);
    }
    if (fstat(fd, ret_info) == 0 && S_ISREG(ret_info->st_mode)) {
        return fd;
    }
    (void)close(fd);
    locum_text_add(why, "not a regular file");
    return LOCUM_ERR_INVALID;
}

int
locum_file_open(const char *path, char ret_via[LOCUM_FILE_VIA_MAX], struct locum_text *ret_why)
{
    struct stat info;
    const int fd = open_regular(path, &info, ret_why);
    if (fd >= 0) {
        (void)locum_text_format_buffer(ret_via, LOCUM_FILE_VIA_MAX, "/proc/self/fd/%d", fd);
    }
    return fd;
}

/* forbidden: mode bits that the file must not have; 0: it is no secret. */
static int
read_regular(const char *path, mode_t forbidden, char *buffer, size_t size_bytes,
             size_t *ret_length, mode_t *ret_mode, struct locum_text *why)
{
    struct stat info = {.st_mode = 0};
    int status;
    const int fd = open_regular(path, &info, why);
    if (fd < 0) {
        if (fd == LOCUM_ERR_DENIED && forbidden != 0) {
            locum_text_format(why, ": let this user read it: chown locum %s; chmod 0400 %s", path,
                              path);
        }
        return fd;
    }
    if ((info.st_mode & forbidden) != 0) {
        status = LOCUM_ERR_DENIED;
        locum_text_format(why, "users other than its owner and group can read it: chmod o= %s",
                          path);
    } else {
        status = read_open_file(fd, buffer, size_bytes, ret_length, why);
        *ret_mode = info.st_mode;
    }
    (void)close(fd);
    return status;
}

int
locum_file_read(const char *path, char *buffer, size_t size_bytes, size_t *ret_length,
                bool *ret_public, struct locum_text *ret_why)
{
    char unused[1];
    struct locum_text ignored = locum_text_init(unused, sizeof(unused));
    mode_t mode = 0;
    const int status = read_regular(path, 0, buffer, size_bytes, ret_length, &mode,
                                    ret_why != NULL ? ret_why : &ignored);
    if (status == 0 && ret_public != NULL) {
        *ret_public = (mode & S_IROTH) != 0;
    }
    return status;
}

int
locum_file_read_private(const char *path, char *buffer, size_t size_bytes, size_t *ret_length,
                        struct locum_text *ret_why)
{
    mode_t mode;
    return read_regular(path, S_IRWXO, buffer, size_bytes, ret_length, &mode, ret_why);
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

/* Remove the file of a failed call, and keep its errno. */
static int
discard(const char *path, int error)
{
    (void)unlink(path);
    errno = error;
    return -1;
}

int
locum_file_write(const char *path, const char *bytes, size_t length, mode_t mode)
{
    (void)unlink(path);
    const int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
    if (fd < 0) {
        return -1;
    }
    int error = 0;
    if (write_all(fd, bytes, length) != 0 || fchmod(fd, mode) != 0 || fsync(fd) != 0) {
        error = errno;
    }
    if (close(fd) != 0 && error == 0) {
        error = errno;
    }
    return error == 0 ? 0 : discard(path, error);
}

static void
directory_of(const char *path, char ret[PATH_MAX])
{
    const char *slash = strrchr(path, '/');
    (void)locum_text_format_buffer(ret, PATH_MAX, "%.*s",
                                   slash != NULL ? (int)(slash - path) + 1 : 2,
                                   slash != NULL ? path : "./");
}

bool
locum_file_is_in_memory(const char *path)
{
    char directory[PATH_MAX];
    struct statfs found;
    directory_of(path, directory);
    return statfs(directory, &found) == 0 &&
           (found.f_type == TMPFS_MAGIC || found.f_type == RAMFS_MAGIC);
}

int
locum_file_sync_directory(const char *path)
{
    char directory[PATH_MAX];
    directory_of(path, directory);
    const int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return errno == EACCES ? 0 : -1; /* writable, but not readable: the rename has worked */
    }
    const int error = fsync(fd) == 0 ? 0 : errno;
    (void)close(fd);
    errno = error;
    return error == 0 ? 0 : -1;
}

int
locum_file_replace(const char *path, const char *temp, const char *bytes, size_t length,
                   mode_t mode)
{
    if (locum_file_write(temp, bytes, length, mode) != 0) {
        return -1;
    }
    return rename(temp, path) == 0 ? locum_file_sync_directory(path) : discard(temp, errno);
}

/* Kernels before 6.3 do not know MFD_NOEXEC_SEAL, later ones may insist on it. */
int
locum_file_memory(const char *name)
{
    const int fd = memfd_create(name, MFD_CLOEXEC | MFD_NOEXEC_SEAL);
    return fd < 0 && errno == EINVAL ? memfd_create(name, MFD_CLOEXEC) : fd;
}
