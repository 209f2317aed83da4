/* redis: the name of the master and the passwords. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/load.h"

static const struct locum_position whole_file = {0};

static bool
is_written(const struct locum_load *self, const char *key)
{
    return locum_load_value(self, key, 0)->node != NULL;
}

static void
default_master_name(struct locum_load *self)
{
    struct locum_config *config = self->config;
    if (is_written(self, "redis.master-name")) {
        for (const char *c = config->redis.master_name; *c != '\0'; c++) {
            if (*c == ' ' || *c == '"' || *c == '\\') {
                locum_problems_error(
                    &self->problems, locum_load_at(self, "redis.master-name", 0, whole_file),
                    "master-name %s is not right: write it as in the Sentinels' `sentinel monitor`",
                    locum_quote(locum_slice_of(config->redis.master_name)).text);
                return;
            }
        }
        return;
    }
    bool known = config->redis.server.port != 0 || config->redis.sentinel_count > 0;
    for (size_t i = 0; i < config->core.node_count; i++) {
        known |= config->nodes[i].redis.port != 0 || config->nodes[i].sentinel.port != 0;
    }
    if (known && config->redis.master_name[0] == '\0') {
        memcpy(config->redis.master_name, "mirrorbits", sizeof("mirrorbits"));
    }
}

/* Read at most `size` bytes of a private file. What keeps it from that, or NULL. */
static const char *
read_private(const char *path, char *ret, size_t size, size_t *ret_length)
{
    struct stat info;
    const char *wrong = NULL;
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        return strerror(errno);
    }
    if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) {
        wrong = "not a regular file";
    } else if ((info.st_mode & S_IRWXO) != 0) {
        wrong = "others may read it: take that right away with chmod o=";
    } else {
        const ssize_t got = read(fd, ret, size);
        wrong = got < 0 ? strerror(errno) : NULL;
        *ret_length = got < 0 ? 0 : (size_t)got;
    }
    (void)close(fd);
    return wrong;
}

/* Its first line as a C string. */
static const char *
read_first_line(const char *path, char *ret, size_t size)
{
    size_t got = 0;
    const char *wrong = read_private(path, ret, size, &got);
    if (wrong != NULL) {
        return wrong;
    }
    const char *end = memchr(ret, '\n', got);
    const size_t length = end != NULL ? (size_t)(end - ret) : got;
    if (length > 0 && length < size && memchr(ret, '\0', length) == NULL) {
        memset(ret + length, 0, size - length);
        return NULL;
    }
    explicit_bzero(ret, size);
    return length == 0 ? "its first line is empty"
                       : "its first line is no password of at most 255 characters";
}

static void
take_password_file(struct locum_load *self, const char *key, char *ret, size_t size)
{
    char path[LOCUM_PATH_MAX + 1];
    if (!locum_load_good(self, key, 0)) {
        return;
    }
    const yaml_node_t *node = locum_load_value(self, key, 0)->node;
    const struct locum_slice text = locum_document_text(node);
    const char *wrong = "the path is longer than 255 characters";
    if (locum_load_path(self, text, path, sizeof(path))) {
        wrong = read_first_line(path, ret, size);
    }
    if (wrong != NULL) {
        locum_problems_error(&self->problems, locum_document_at(node), "%s %s: %s",
                             strchr(key, '.') + 1, locum_quote(text).text, wrong);
    }
}

static void
require_password(struct locum_load *self, const char *user, const char *file, bool given)
{
    if (is_written(self, user) && !given) {
        locum_problems_error(&self->problems, locum_load_at(self, user, 0, whole_file),
                             "%s without a password: write %s", strchr(user, '.') + 1, file);
    }
}

/* Can the file be read, and, if it is private, by nobody else? Its contents are read later. */
static void
check_file(struct locum_load *self, const char *key, const char *path, bool private)
{
    struct stat info;
    const char *wrong = NULL;
    if (!locum_load_good(self, key, 0)) {
        return;
    }
    if (stat(path, &info) != 0 || access(path, R_OK) != 0) {
        wrong = strerror(errno);
    } else if (!S_ISREG(info.st_mode)) {
        wrong = "not a regular file";
    } else if (private && (info.st_mode & S_IRWXO) != 0) {
        wrong = "others may read it: take that right away with chmod o=";
    }
    if (wrong != NULL) {
        locum_problems_error(&self->problems, locum_load_at(self, key, 0, whole_file), "%s %s: %s",
                             strrchr(key, '.') + 1, locum_quote(locum_slice_of(path)).text, wrong);
    }
}

static void
check_tls(struct locum_load *self)
{
    struct locum_config_tls *tls = &self->config->redis.tls;
    tls->on = is_written(self, "redis.tls");
    check_file(self, "redis.tls.ca-file", tls->ca_file, false);
    check_file(self, "redis.tls.cert-file", tls->cert_file, false);
    check_file(self, "redis.tls.key-file", tls->key_file, true);
    if (is_written(self, "redis.tls.cert-file") != is_written(self, "redis.tls.key-file")) {
        const bool cert = is_written(self, "redis.tls.cert-file");
        locum_problems_error(&self->problems, locum_load_at(self, "redis.tls", 0, whole_file),
                             "tls has %s without %s: write both, or neither",
                             cert ? "cert-file" : "key-file", cert ? "key-file" : "cert-file");
    }
}

void
locum_load_redis(struct locum_load *self)
{
    struct locum_config_redis *redis = &self->config->redis;
    default_master_name(self);
    check_tls(self);
    if (is_written(self, "redis.password") && is_written(self, "redis.password-file")) {
        locum_problems_error(&self->problems,
                             locum_load_at(self, "redis.password-file", 0, whole_file),
                             "password-file beside password: write one of them");
    } else {
        take_password_file(self, "redis.password-file", redis->password, sizeof(redis->password));
    }
    take_password_file(self, "redis.sentinel-password-file", redis->sentinel_password,
                       sizeof(redis->sentinel_password));
    require_password(self, "redis.user", "password-file",
                     is_written(self, "redis.password") || is_written(self, "redis.password-file"));
    require_password(self, "redis.sentinel-user", "sentinel-password-file",
                     is_written(self, "redis.sentinel-password-file"));
}
