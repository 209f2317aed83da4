#include "redis/command.h"

#include <stdarg.h>

#include "base/text_format.h"

const struct locum_command_row locum_command_table[LOCUM_COMMANDS] = {
    [LOCUM_COMMAND_AUTH] = {"AUTH", NULL, true, true, true},
    [LOCUM_COMMAND_CLIENT_SETNAME] = {"CLIENT", "SETNAME", true, true, false},
    [LOCUM_COMMAND_SELECT] = {"SELECT", NULL, true, false, false},
    [LOCUM_COMMAND_ROLE] = {"ROLE", NULL, true, false, false},
    [LOCUM_COMMAND_PUBLISH] = {"PUBLISH", NULL, true, false, false},
    [LOCUM_COMMAND_SUBSCRIBE] = {"SUBSCRIBE", NULL, true, true, false},
    [LOCUM_COMMAND_HSET] = {"HSET", NULL, true, false, false},
    [LOCUM_COMMAND_PEXPIRE] = {"PEXPIRE", NULL, true, false, false},
    [LOCUM_COMMAND_ZADD] = {"ZADD", NULL, true, false, false},
    [LOCUM_COMMAND_ZREMRANGEBYSCORE] = {"ZREMRANGEBYSCORE", NULL, true, false, false},
    [LOCUM_COMMAND_XADD] = {"XADD", NULL, true, false, false},
    [LOCUM_COMMAND_INFO] = {"INFO", NULL, false, true, false},
    [LOCUM_COMMAND_SENTINEL_ADDRESS] = {"SENTINEL", "GET-MASTER-ADDR-BY-NAME", false, true, false},
    [LOCUM_COMMAND_SENTINEL_MASTER] = {"SENTINEL", "MASTER", false, true, false},
    [LOCUM_COMMAND_SENTINEL_MASTERS] = {"SENTINEL", "MASTERS", false, true, false},
    [LOCUM_COMMAND_SENTINEL_REPLICAS] = {"SENTINEL", "REPLICAS", false, true, false},
    [LOCUM_COMMAND_SENTINEL_SENTINELS] = {"SENTINEL", "SENTINELS", false, true, false},
};

const char *const locum_sentinel_channels[LOCUM_SENTINEL_CHANNELS] = {
    "+switch-master", "+sdown", "-sdown", "+odown", "-odown", "+tilt", "-tilt",
};

void
locum_command_add_name(enum locum_command command, struct locum_text *text)
{
    const struct locum_command_row *row = &locum_command_table[command];
    const bool two = row->subcommand != NULL;
    locum_text_format(text, "%s%s%s", row->name, two ? " " : "", two ? row->subcommand : "");
}

/* argv form: Redis takes each argument by its length, so no quoting is needed (RESP, arrays). */
struct locum_command_argv
locum_command_argv(enum locum_command command, ...)
{
    struct locum_command_argv self;
    va_list arguments;
    self.command = command;
    self.count = 0;
    locum_command_add(&self, locum_command_table[command].name);
    if (locum_command_table[command].subcommand != NULL) {
        locum_command_add(&self, locum_command_table[command].subcommand);
    }
    va_start(arguments, command);
    for (const char *argument; (argument = va_arg(arguments, const char *)) != NULL;) {
        locum_command_add(&self, argument);
    }
    va_end(arguments);
    return self;
}

void
locum_command_add(struct locum_command_argv *self, const char *argument)
{
    locum_command_add_slice(self, locum_slice_of(argument));
}

void
locum_command_add_slice(struct locum_command_argv *self, struct locum_slice argument)
{
    LOCUM_INVARIANT(self->count < LOCUM_COMMAND_ARGUMENTS_MAX);
    self->at[self->count] = argument.at;
    self->length[self->count] = argument.length;
    self->count++;
}

struct locum_command_key
locum_command_key(const char *cluster, const char *name, const char *node)
{
    struct locum_command_key key;
    struct locum_text text = locum_text_init(key.text, sizeof(key.text));
    locum_text_format(&text, "locum:%s:%s%s%s", cluster, name, node != NULL ? ":" : "",
                      node != NULL ? node : "");
    LOCUM_INVARIANT(!text.truncated); /* config limits the names of cluster and nodes */
    return key;
}
