#include "redis/diagnosis.h"

#include "redis/resp.h"

/* The first row whose word begins the error. The sentence follows "Redis 10.0.0.12:6379 ". */
static const struct {
    const char *word;
    const char *redis;
    const char *sentinel; /* NULL: as for Redis */
} sentences[] = {
    {"NOAUTH", "asks for a password: set redis.password (and redis.user, if it has users)",
     "asks for a password: set redis.sentinel-password-file"},
    {"WRONGPASS", "refuses the password: check redis.user and redis.password",
     "refuses the password: check redis.sentinel-user and redis.sentinel-password-file"},
    {"ERR invalid password", "refuses the password: check redis.password",
     "refuses the password: check redis.sentinel-password-file"},
    {"READONLY", "is a read-only replica, not the master: looking for the master", NULL},
    {"MASTERDOWN", "is a replica that lost its master: looking for the master", NULL},
    {"LOADING", "is loading its data: keys are written when it is done, heartbeats go on", NULL},
    {"MISCONF",
     "cannot save to its disk and refuses writes: check its disk and log; heartbeats go "
     "on",
     NULL},
    {"NOREPLICAS",
     "refuses writes, too few replicas are connected: set min-replicas-to-write 0; "
     "heartbeats go on",
     NULL},
    {"OOM", "is at its maxmemory and refuses writes: raise it; heartbeats go on", NULL},
    {"DENIED", "is in protected mode: set a password or `bind` on it", NULL},
    {"ERR max number of clients", "has no connection left: raise its maxclients", NULL},
};

void
locum_diagnosis_add_who(struct locum_text *text, const char *kind, const char *where)
{
    locum_text_add(text, kind);
    locum_text_add_char(text, ' ');
    locum_text_add(text, where);
}

/* Errors whose sentence names the command; false if it is none of them. */
static bool
add_with_command(struct locum_text *text, const char *kind, enum locum_command command,
                 struct locum_slice error)
{
    if (locum_slice_starts(error, "NOPERM")) {
        locum_text_add(text, " does not let our user run ");
        locum_command_add_name(command, text);
        locum_text_add(text, ": give it the commands, keys and channels of ");
        locum_text_add(text, kind[0] == 'S' ? "locum-sentinel.acl" : "locum.acl");
        return true;
    }
    if (locum_slice_starts(error, "WRONGTYPE")) {
        locum_text_add(text, " holds a foreign key where ");
        locum_command_add_name(command, text);
        locum_text_add(text, " writes: remove or rename that locum:... key");
        return true;
    }
    return false;
}

void
locum_diagnosis_add(struct locum_text *text, const char *kind, const char *where,
                    enum locum_command command, struct locum_slice error)
{
    locum_diagnosis_add_who(text, kind, where);
    if (add_with_command(text, kind, command, error)) {
        return;
    }
    for (size_t i = 0; i < LOCUM_COUNT(sentences); i++) {
        if (locum_slice_starts(error, sentences[i].word)) {
            const bool own = kind[0] == 'S' && sentences[i].sentinel != NULL;
            locum_text_add_char(text, ' ');
            locum_text_add(text, own ? sentences[i].sentinel : sentences[i].redis);
            return;
        }
    }
    locum_text_add(text, " answered ");
    locum_command_add_name(command, text);
    locum_text_add(text, " with: ");
    locum_resp_add_printable(text, error);
}

bool
locum_diagnosis_is_not_master(struct locum_slice error)
{
    return locum_slice_starts(error, "READONLY") || locum_slice_starts(error, "MASTERDOWN");
}

bool
locum_diagnosis_is_shut_out(struct locum_slice error)
{
    static const char *const words[] = {"NOAUTH", "DENIED", "ERR max number of clients"};
    for (size_t i = 0; i < LOCUM_COUNT(words); i++) {
        if (locum_slice_starts(error, words[i])) {
            return true;
        }
    }
    return false;
}

/* Redis 6 and later, and before it. */
bool
locum_diagnosis_is_no_password_set(struct locum_slice error)
{
    return locum_slice_starts(error, "ERR AUTH <password> called without any password") ||
           locum_slice_starts(error, "ERR Client sent AUTH, but no password is set");
}
