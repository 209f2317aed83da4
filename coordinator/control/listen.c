#include "control/listen.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/error.h"

enum { BACKLOG = 128, SOCKET_MODE = 0660 };

/* "PATH: ERROR: ADVICE" */
static int
explain(struct locum_text *why, const char *what, int error, const char *advice)
{
    locum_text_add(why, what);
    locum_text_add(why, ": ");
    locum_text_add(why, locum_error_text(error));
    locum_text_add(why, ": ");
    locum_text_add(why, advice);
    return error;
}

static int
explain_bind(struct locum_text *why, const char *path, int errno_value)
{
    const int error = locum_error_from_errno(errno_value);
    switch (errno_value) {
    case ENOENT:
    case ENOTDIR:
        return explain(why, path, error,
                       "its folder is not there: create it, owned by the user that locum runs as "
                       "(systemd: RuntimeDirectory=locum), or set listen.control");
    case EACCES:
    case EPERM:
        return explain(why, path, error,
                       "its folder must be writable for the user that locum runs as: chown it, or "
                       "set listen.control");
    case EROFS:
        return explain(why, path, error, "its file system is read-only: set listen.control");
    default: return explain(why, path, error, strerror(errno_value));
    }
}

static int
stream_socket(int family)
{
    return socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

/* Does anybody answer there? 0: nobody, else errno of the try; EISCONN: somebody. */
static int
try_connect(const struct sockaddr_un *address)
{
    const int fd = stream_socket(AF_UNIX);
    if (fd < 0) {
        return errno;
    }
    int result = EISCONN;
    if (connect(fd, (const struct sockaddr *)address, sizeof(*address)) != 0) {
        result = errno == ECONNREFUSED || errno == ENOENT ? 0 : errno;
    }
    (void)close(fd);
    return result == EAGAIN ? EISCONN : result; /* its queue is full: somebody is there */
}

/* Make room at `path`: nothing there, or a stale socket, which is removed. */
static int
remove_stale(const char *path, const struct sockaddr_un *address, struct locum_text *why)
{
    struct stat file;
    if (lstat(path, &file) != 0) {
        return errno == ENOENT ? 0 : explain_bind(why, path, errno);
    }
    if (!S_ISSOCK(file.st_mode)) {
        return explain(why, path, LOCUM_ERR_INVALID,
                       "it is there and is no socket: remove it, or set listen.control");
    }
    const int answer = try_connect(address);
    if (answer == EISCONN) {
        return explain(why, path, LOCUM_ERR_IN_USE,
                       "another locum answers on it: stop that one first (systemctl stop locum), "
                       "or set listen.control to another path");
    }
    if (answer != 0 || (unlink(path) != 0 && errno != ENOENT)) {
        return explain_bind(why, path, answer != 0 ? answer : errno);
    }
    return 0;
}

int
locum_listen_unix(const char *path, struct stat *ret_file, struct locum_text *ret_why)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (locum_slice_copy(locum_slice_of(path), address.sun_path, sizeof(address.sun_path)) != 0) {
        return explain(ret_why, path, LOCUM_ERR_RANGE,
                       "a socket's path has at most 107 characters: set listen.control");
    }
    const int error = remove_stale(path, &address, ret_why);
    if (error != 0) {
        return error;
    }
    const int fd = stream_socket(AF_UNIX);
    if (fd < 0) {
        return explain_bind(ret_why, path, errno);
    }
    /* Nobody can connect before listen(), so nobody sees another mode than this. */
    if (bind(fd, (const struct sockaddr *)&address, sizeof(address)) != 0 ||
        chmod(path, SOCKET_MODE) != 0 || lstat(path, ret_file) != 0 || listen(fd, BACKLOG) != 0) {
        const int failed = explain_bind(ret_why, path, errno);
        (void)close(fd);
        return failed;
    }
    return fd;
}

void
locum_listen_unlink(const char *path, const struct stat *file)
{
    struct stat now;
    if (lstat(path, &now) == 0 && now.st_dev == file->st_dev && now.st_ino == file->st_ino) {
        (void)unlink(path);
    }
}

static int
explain_tcp(struct locum_text *why, const struct locum_address *address, int errno_value)
{
    char buffer[LOCUM_ADDRESS_TEXT_MAX + 16];
    struct locum_text what = locum_text_init(buffer, sizeof(buffer));
    locum_text_add(&what, "listen.http ");
    locum_address_add_port(address, &what);
    const int error = locum_error_from_errno(errno_value);
    switch (errno_value) {
    case EADDRINUSE:
        return explain(why, what.at, error,
                       "another program listens there (ss -ltnp shows which): stop it, or choose "
                       "another port");
    case EADDRNOTAVAIL:
        return explain(why, what.at, error, "no interface has this address (ip address)");
    case EACCES:
    case EPERM:
        return explain(why, what.at, error,
                       "ports below 1024 need CAP_NET_BIND_SERVICE: choose a higher one");
    default: return explain(why, what.at, error, strerror(errno_value));
    }
}

int
locum_listen_tcp(const struct locum_address *address, struct locum_text *ret_why)
{
    static const int on = 1;
    struct sockaddr_storage storage;
    const socklen_t length = locum_address_to_sockaddr(address, &storage);
    const int fd = stream_socket(storage.ss_family);
    if (fd < 0) {
        return explain_tcp(ret_why, address, errno);
    }
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
        (storage.ss_family == AF_INET6 &&
         setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) != 0) ||
        bind(fd, (const struct sockaddr *)&storage, length) != 0 || listen(fd, BACKLOG) != 0) {
        const int failed = explain_tcp(ret_why, address, errno);
        (void)close(fd);
        return failed;
    }
    return fd;
}
