/*
 * login: how every connection introduces itself, to a Redis and to a Sentinel alike.
 */
#ifndef LOCUM_REDIS_LOGIN_H
#define LOCUM_REDIS_LOGIN_H

#include "redis/link.h"

struct locum_login {
    const char *user;     /* "": the default user; borrowed */
    const char *password; /* "": none; borrowed */
    const char *name;     /* for CLIENT SETNAME, e.g. "locum-dc2"; borrowed */
};

/* Send AUTH, if there is a password, and CLIENT SETNAME; both replies go to `reply`. */
void locum_login_send(const struct locum_login *self, struct locum_link *link,
                      locum_link_reply_fn *reply, void *user);

/*
 * Does this reply to AUTH or CLIENT SETNAME mean that we are not let in? Then the sentence for it
 * is appended to `text`. (A name is a courtesy: not being allowed to set it is no matter.)
 */
bool locum_login_refused(enum locum_command command, const redisReply *reply, const char *kind,
                         const char *where, struct locum_text *text);

#endif
