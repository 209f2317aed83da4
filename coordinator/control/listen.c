#include "control/listen.h"

#include <errno.h>
#include <grp.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"
#include "base/socket.h"
#include "base/text_format.h"

enum { BACKLOG = 128, SOCKET_MODE = 0660 };

static int
refuse(struct locum_text *why, const char *path, int error, const char *advice)
{
    locum_text_format(why, "%s: %s: %s", path, locum_error_text(error), advice);
    return error;
}

static int
refuse_errno(struct locum_text *why, const char *path, int errno_value)
{
    const int error = locum_error_from_errno(errno_value);
    const char *advice = "check listen.control";
    if (error == LOCUM_ERR_NOT_FOUND) {
        advice = "create its directory, owned by the user that runs locum (systemd: "
                 "RuntimeDirectory=locum), or set listen.control";
    } else if (error == LOCUM_ERR_DENIED) {
        advice = "its directory must be writable for the user that runs locum: chown it, or set "
                 "listen.control";
    }
    locum_text_format(why, "%s: %s: %s", path, strerror(errno_value), advice);
    return error;
}

/* Make sure that nothing is at `path`: remove a stale socket, refuse anything else. */
static int
remove_stale(const char *path, struct locum_text *why)
{
    struct stat file;
    if (lstat(path, &file) != 0) {
        return errno == ENOENT ? 0 : refuse_errno(why, path, errno);
    }
    if (!S_ISSOCK(file.st_mode)) {
        return refuse(why, path, LOCUM_ERR_INVALID,
                      "a file that is not a socket is there: remove it, or set listen.control");
    }
    const int fd = locum_socket_connect_path(path);
    if (fd >= 0) {
        (void)close(fd);
    }
    if (fd >= 0 || errno == EAGAIN) { /* EAGAIN: the queue of its listener is full */
        return refuse(why, path, LOCUM_ERR_IN_USE,
                      "another locum answers on it: stop it (systemctl stop locum), or set "
                      "listen.control to another path");
    }
    if ((errno != ECONNREFUSED && errno != ENOENT) || (unlink(path) != 0 && errno != ENOENT)) {
        return refuse_errno(why, path, errno);
    }
    return 0;
}

/* Who may use all commands need not be able to read the secrets, so it is another group. */
static void
give_to_admins(const char *path)
{
    const struct group *admins = getgrnam(LOCUM_LISTEN_GROUP);
    if (admins != NULL && chown(path, (uid_t)-1, admins->gr_gid) != 0) {
        LOCUM_LOG(LOCUM_LOG_WARN, "control", "path", path, "reason", strerror(errno), "effect",
                  "its group is not " LOCUM_LISTEN_GROUP ": if this program's user is not in that "
                  "group, run usermod -aG " LOCUM_LISTEN_GROUP " locum, then restart it; if the "
                  "unit is older than the program, run systemctl daemon-reload");
    }
}

int
locum_listen_unix(const char *path, struct stat *ret_file, struct locum_text *ret_why)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (locum_slice_copy(locum_slice_of(path), address.sun_path, sizeof(address.sun_path)) != 0) {
        return refuse(ret_why, path, LOCUM_ERR_RANGE,
                      "the path of a socket has at most 107 characters: set listen.control");
    }
    const int error = remove_stale(path, ret_why);
    if (error != 0) {
        return error;
    }
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    const bool bound = fd >= 0 && bind(fd, (const struct sockaddr *)&address, sizeof(address)) == 0;
    if (bound) {
        give_to_admins(path);
    }
    /* No client can connect before listen(), so none sees another group or mode than this. */
    if (!bound || chmod(path, SOCKET_MODE) != 0 || lstat(path, ret_file) != 0 ||
        listen(fd, BACKLOG) != 0) {
        const int failed = refuse_errno(ret_why, path, errno);
        if (fd >= 0) {
            (void)close(fd);
        }
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

int
locum_listen_tcp(const struct locum_address *address, const char *option,
                 struct locum_text *ret_why)
{
    const int fd = locum_socket_listen(address, BACKLOG);
    if (fd < 0) {
        const int error = errno;
        locum_text_format(ret_why, "%s %s: ", option, locum_address_text(address).text);
        locum_socket_explain_bind(ret_why, error, address, SOCK_STREAM, option);
        return locum_error_from_errno(error);
    }
    return fd;
}
