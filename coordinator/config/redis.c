/* redis: the name of the master, passwords, and the files of TLS. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text_format.h"
#include "config/load.h"
#include "config/source.h"

enum { PASSWORD_FILE_BYTES_MAX = 4096 };

void
locum_load_first_line(struct locum_bind *bind, size_t row, size_t instance, const char *path,
                      size_t least, char *ret, size_t size)
{
    char buffer[PASSWORD_FILE_BYTES_MAX], reason[LOCUM_PATH_MAX + 200];
    struct locum_text why = locum_text_init(reason, sizeof(reason));
    size_t got = 0;
    if (!locum_bind_good(bind, row, instance)) {
        return;
    }
    if (locum_file_read_private(path, buffer, sizeof(buffer), &got, &why) == 0) {
        const char *end = memchr(buffer, '\n', got);
        const size_t length = end != NULL ? (size_t)(end - buffer) : got;
        if (length == 0) {
            locum_text_add(&why, "its first line is empty; write the password there");
        } else if (length < least || length >= size || memchr(buffer, '\0', length) != NULL) {
            locum_text_format(&why, "its first line does not have %zu to %zu characters", least,
                              size - 1);
        } else {
            memcpy(ret, buffer, length);
        }
    }
    explicit_bzero(buffer, sizeof(buffer));
    if (why.length > 0) {
        locum_load_lack_at(bind, row, instance, "%s: \"%s\": %s",
                           locum_schema_name(&locum_keys.rows[row]), path, reason);
    }
}

static void
read_password(struct locum_bind *bind, size_t row, const char *path, char *ret, size_t size)
{
    locum_load_first_line(bind, row, 0, path, 1, ret, size);
}

void
locum_load_kept_password(struct locum_bind *bind, size_t row, const char *file, const char *section,
                         const char *key)
{
    struct locum_config *config = bind->target;
    char *password = config->redis.password;
    if (!config->kept) {
        return;
    }
    if (!locum_source_find(file, section, key, password, sizeof(config->redis.password))) {
        password[0] = '\0';
        locum_load_lack(bind, row, "%s: %s, where the password of Redis is written, cannot be read",
                        locum_schema_name(&locum_keys.rows[row]), file);
    }
}

/* Can the file be read, and, if it is private, by nobody else? redis/ reads its contents. */
static void
check_file(struct locum_bind *bind, size_t row, const char *path, bool private)
{
    struct stat info;
    const char *wrong = NULL;
    if (!locum_bind_good(bind, row, 0)) {
        return;
    }
    if (stat(path, &info) != 0 || access(path, R_OK) != 0) {
        wrong = strerror(errno);
    } else if (!S_ISREG(info.st_mode)) {
        wrong = "not a regular file";
    } else if (private && (info.st_mode & S_IRWXO) != 0) {
        wrong = "users other than its owner and group can read it; run chmod o= on it";
    }
    if (wrong != NULL) {
        locum_load_lack(bind, row, "%s: %s: %s", locum_schema_name(&locum_keys.rows[row]),
                        locum_problems_quote(locum_slice_of(path)).text, wrong);
    }
}

/* A client certificate is of use only with its key. */
static void
check_tls(struct locum_bind *bind, struct locum_config_tls *tls)
{
    const bool cert = locum_bind_written(bind, LOCUM_KEY_TLS_CERT_FILE, 0);
    tls->on = locum_bind_written(bind, LOCUM_KEY_TLS, 0);
    check_file(bind, LOCUM_KEY_TLS_CA_FILE, tls->ca_file, false);
    check_file(bind, LOCUM_KEY_TLS_CERT_FILE, tls->cert_file, false);
    check_file(bind, LOCUM_KEY_TLS_KEY_FILE, tls->key_file, true);
    if (cert != locum_bind_written(bind, LOCUM_KEY_TLS_KEY_FILE, 0)) {
        locum_bind_error(bind, LOCUM_KEY_TLS, 0, "tls: %s needs %s; write both or neither",
                         cert ? "cert-file" : "key-file", cert ? "key-file" : "cert-file");
    }
}

void
locum_load_redis(struct locum_bind *bind)
{
    struct locum_config *config = bind->target;
    struct locum_config_redis *redis = &config->redis;
    size_t servers, sentinels;
    locum_load_count(config, &servers, &sentinels);
    if ((redis->server.port != 0 || redis->sentinel_count + servers + sentinels > 0) &&
        redis->master_name[0] == '\0') {
        memcpy(redis->master_name, "mirrorbits", sizeof("mirrorbits"));
    }
    config->core.redis = redis->master_name[0] != '\0';
    for (size_t node = 0; node < config->core.node_count; node++) {
        config->core.nodes[node].redis = config->nodes[node].redis.port != 0;
        config->core.nodes[node].sentinel = config->nodes[node].sentinel.port != 0;
    }
    check_tls(bind, &redis->tls);
    const bool password = locum_bind_written(bind, LOCUM_KEY_REDIS_PASSWORD, 0);
    const bool password_file = locum_bind_written(bind, LOCUM_KEY_REDIS_PASSWORD_FILE, 0);
    if (password) {
        locum_load_kept_password(bind, LOCUM_KEY_REDIS_PASSWORD, config->path, "redis", "password");
    }
    if (password && password_file) {
        locum_bind_error(bind, LOCUM_KEY_REDIS_PASSWORD_FILE, 0,
                         "password-file: password is set too; remove one of them");
    } else {
        read_password(bind, LOCUM_KEY_REDIS_PASSWORD_FILE, redis->password_file, redis->password,
                      sizeof(redis->password));
    }
    read_password(bind, LOCUM_KEY_REDIS_SENTINEL_PASSWORD_FILE, redis->sentinel_password_file,
                  redis->sentinel_password, sizeof(redis->sentinel_password));
    if (locum_bind_written(bind, LOCUM_KEY_REDIS_USER, 0) && !password && !password_file) {
        locum_bind_error(bind, LOCUM_KEY_REDIS_USER, 0,
                         "user: a user needs a password; add password-file");
    }
    if (locum_bind_written(bind, LOCUM_KEY_REDIS_SENTINEL_USER, 0) &&
        !locum_bind_written(bind, LOCUM_KEY_REDIS_SENTINEL_PASSWORD_FILE, 0)) {
        locum_bind_error(bind, LOCUM_KEY_REDIS_SENTINEL_USER, 0,
                         "sentinel-user: a user needs a password; add sentinel-password-file");
    }
}
