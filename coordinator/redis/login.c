#include "redis/login.h"

#include "redis/diagnosis.h"
#include "redis/resp.h"

void
locum_login_send(const struct locum_login *self, struct locum_link *link,
                 locum_link_reply_fn *reply, void *user)
{
    if (self->password[0] != '\0') {
        struct locum_command_argv auth = locum_command_argv_init(LOCUM_COMMAND_AUTH);
        if (self->user[0] != '\0') {
            locum_command_argv_add(&auth, self->user);
        }
        locum_command_argv_add(&auth, self->password);
        locum_link_send(link, &auth, reply, user);
    }
    struct locum_command_argv name = locum_command_argv_init(LOCUM_COMMAND_CLIENT_SETNAME);
    locum_command_argv_add(&name, self->name);
    locum_link_send(link, &name, reply, user);
}

bool
locum_login_refused(enum locum_command command, const redisReply *reply, const char *kind,
                    const char *where, struct locum_text *text)
{
    struct locum_slice error;
    if (!locum_resp_error(reply, &error)) {
        return false;
    }
    const bool refused = command == LOCUM_COMMAND_AUTH ? !locum_diagnosis_is_no_password_set(error)
                                                       : locum_diagnosis_is_shut_out(error);
    if (refused) {
        locum_diagnosis_add(text, kind, where, command, error);
    }
    return refused;
}
