#include <string.h>

#include "cli/show.h"

/* How many were found, and where they are printed. */
struct degraded {
    size_t count;
    const struct locum_print *print;
};

/* "degraded: " and the three texts; any of them may come from outside. */
static void
add(struct degraded *self, const char *before, const char *text, const char *after)
{
    self->count++;
    if (self->print != NULL) {
        locum_print_in(self->print, LOCUM_RED, "degraded: ");
        locum_print_text(self->print->out, before);
        locum_print_text(self->print->out, text);
        locum_print_text(self->print->out, after);
        (void)fputc('\n', self->print->out);
    }
}

static const char *
word_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text != NULL ? text : "unknown";
}

static void
check_node(struct degraded *self, const json_t *node)
{
    const char *name = word_of(node, "name");
    if (strcmp(word_of(node, "role"), "sentinel") == 0) {
        return; /* no coordinator there: nothing is expected of it */
    }
    if (strcmp(word_of(node, "condition"), "alive") != 0) {
        add(self, name, " is ", word_of(node, "condition"));
    }
    if (strcmp(word_of(node, "service"), "up") != 0) {
        add(self, name, ": service ", word_of(node, "service"));
    }
    const char *admin = word_of(json_object_get(node, "admin"), "state");
    const bool witness = strcmp(word_of(node, "role"), "witness") == 0; /* is named in no answer */
    if (!witness && strcmp(admin, "ready") != 0) {
        add(self, name, ": admin ", admin);
    }
    if (json_is_true(json_object_get(node, "excluded"))) {
        add(self, name, " is excluded", " by this node's operator");
    }
}

static void
check_redis(struct degraded *self, const json_t *redis)
{
    if (json_is_object(redis) && !json_is_true(json_object_get(redis, "connected"))) {
        const char *error = json_string_value(json_object_get(redis, "error"));
        add(self, "redis is not connected", error != NULL ? ": " : "", error != NULL ? error : "");
    }
}

static void
check_sentinel(struct degraded *self, const json_t *sentinel)
{
    const char *address = word_of(sentinel, "address");
    if (!json_is_true(json_object_get(sentinel, "connected"))) {
        add(self, "the sentinel at ", address, " is not connected");
    } else if (json_is_true(json_object_get(sentinel, "tilt"))) {
        add(self, "the sentinel at ", address, " is in TILT");
    }
}

size_t
locum_show_degraded(const json_t *status, const struct locum_print *print)
{
    struct degraded self = {.print = print};
    size_t i;
    const json_t *item;
    if (json_array_size(json_object_get(status, "nodes")) == 0) {
        add(&self, "the daemon names no node", "", "");
    }
    json_array_foreach(json_object_get(status, "nodes"), i, item)
    {
        check_node(&self, item);
    }
    const json_t *quorum = json_object_get(status, "quorum");
    if (json_integer_value(json_object_get(quorum, "reachable")) <
        json_integer_value(json_object_get(quorum, "needed"))) {
        add(&self, "no quorum", "", ": the names of a dead node cannot be taken over");
    }
    check_redis(&self, json_object_get(status, "redis"));
    json_array_foreach(json_object_get(status, "sentinels"), i, item)
    {
        check_sentinel(&self, item);
    }
    if (strncmp(word_of(status, "serving"), "fail-open", 9) == 0) {
        add(&self, word_of(status, "node"), " fails open", ": no node is known to be good");
    }
    if (json_integer_value(json_object_get(json_object_get(status, "dns"), "closed")) > 0) {
        add(&self, "dns: ", "nobody is answered", " at an address of listen.dns that is not open");
    }
    const json_t *nsd_error = json_object_get(json_object_get(status, "nsd"), "error");
    if (json_is_string(nsd_error)) {
        add(&self, "nsd: ", json_string_value(nsd_error), "");
    }
    return self.count;
}
