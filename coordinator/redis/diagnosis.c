#include "redis/diagnosis.h"

#include <string.h>

#include "base/foreign.h"
#include "base/text_format.h"
#include "redis/resp.h"

/* The first row whose code begins the error. */
static const struct {
    const char *code;
    const char *redis;
    const char *sentinel; /* NULL: as for Redis */
} sentences[] = {
    {"NOAUTH", "a password is required; set redis.password, and redis.user if Redis has users",
     "a password is required; set redis.sentinel-password-file"},
    {"WRONGPASS", "wrong user or password; check redis.user and redis.password",
     "wrong user or password; check redis.sentinel-user and redis.sentinel-password-file"},
    {"ERR invalid password", "wrong password; check redis.password",
     "wrong password; check redis.sentinel-password-file"},
    {"NOPERM",
     "the user has no permission for this command, key or channel; load deploy/redis/locum.acl",
     "the user has no permission for this command or channel; load "
     "deploy/redis/locum-sentinel.acl"},
    {"READONLY", "it is a read-only replica, not the master; searching for the master", NULL},
    {"MASTERDOWN", "it is a replica that lost its master; searching for the master", NULL},
    {"LOADING", "it is loading its data; keys are written afterwards, heartbeats continue", NULL},
    {"MISCONF",
     "it cannot save to its disk and refuses writes; check its disk and log. Heartbeats continue",
     NULL},
    {"NOREPLICAS",
     "too few replicas are connected and it refuses writes; set min-replicas-to-write 0. "
     "Heartbeats continue",
     NULL},
    {"OOM", "it has reached its maxmemory and refuses writes; raise maxmemory. Heartbeats continue",
     NULL},
    {"WRONGTYPE", "the key exists with another type; remove or rename that locum:... key", NULL},
    {"ERR DB index is out of range",
     "it has no database with the number redis.db, so no key or event is written; set redis.db to "
     "the RedisDB of Mirrorbits, or raise its `databases`",
     NULL},
    {"DENIED", "it is in protected mode; set a password or `bind` on it", NULL},
    {"ERR max number of clients", "it accepts no more connections; raise its maxclients", NULL},
};

struct locum_diagnosis
locum_diagnosis_of(bool sentinel, enum locum_command command, struct locum_slice error)
{
    struct locum_diagnosis ret;
    struct locum_text text = locum_text_init(ret.text, sizeof(ret.text));
    locum_command_add_name(command, &text);
    for (size_t i = 0; i < LOCUM_COUNT(sentences); i++) {
        const char *code = sentences[i].code;
        if (locum_slice_starts(error, code)) {
            const bool own = sentinel && sentences[i].sentinel != NULL;
            locum_text_format(&text, " refused (%.*s): %s", (int)strcspn(code, " "), code,
                              own ? sentences[i].sentinel : sentences[i].redis);
            return ret;
        }
    }
    /* "ERR unknown command 'AUTH', with args beginning with: 'USER' 'PASSWORD'" must not be logged.
     */
    if (command == LOCUM_COMMAND_AUTH) {
        locum_text_add(&text, " refused; check user and password in the configuration");
    } else {
        locum_text_add(&text, " refused: '");
        locum_foreign_add(&text, error, LOCUM_RESP_SHOWN_MAX);
        locum_text_add(&text, "'");
    }
    return ret;
}

bool
locum_diagnosis_is_not_master(struct locum_slice error)
{
    return locum_slice_starts(error, "READONLY") || locum_slice_starts(error, "MASTERDOWN");
}

bool
locum_diagnosis_ends_login(enum locum_command command, struct locum_slice error)
{
    if (command == LOCUM_COMMAND_AUTH) { /* Redis 6 and later, and before it */
        return !locum_slice_starts(error, "ERR AUTH <password> called without any password") &&
               !locum_slice_starts(error, "ERR Client sent AUTH, but no password is set");
    }
    return locum_slice_starts(error, "NOAUTH") || locum_slice_starts(error, "DENIED") ||
           locum_slice_starts(error, "ERR max number of clients");
}
