#include <string.h>

#include "cli/show.h"

/* How many were found, and where they are printed. */
struct degraded {
    size_t count;
    const struct locum_print *print;
};

/* "degraded: " and a template filled from an object. */
static void
add(struct degraded *self, const json_t *object, const char *template)
{
    self->count++;
    if (self->print != NULL) {
        locum_print_in(self->print, LOCUM_RED, NULL, "degraded: ");
        locum_print_json(self->print->out, object, template);
        (void)fputc('\n', self->print->out);
    }
}

static void
check_node(struct degraded *self, const json_t *node)
{
    const json_t *admin = json_object_get(node, "admin");
    /* The operator wants it so: the node counts as failing anyway. */
    const bool maint = locum_print_is(admin, "state", "maint");
    if (locum_print_is(node, "role", "sentinel")) {
        return; /* it has no coordinator */
    }
    if (!locum_print_is(node, "condition", "alive")) {
        add(self, node, "{name} is {condition}");
    }
    if (!locum_print_is(node, "service", "up") && !maint) {
        add(self, node,
            locum_print_is(node, "service", "probation") ? "the service of {name} is in probation"
                                                         : "the service of {name} is {service}");
    }
    for (size_t i = 0; i < 2; i++) {
        const json_t *family =
            json_object_get(json_object_get(node, "families"), i == 0 ? "ipv4" : "ipv6");
        if (json_is_true(json_object_get(family, "lost"))) {
            add(self, node,
                i == 0 ? "{name} has lost ipv4: A answers name other servers while one is left"
                       : "{name} has lost ipv6: AAAA answers name other servers while one is left");
        }
    }
    if (json_is_true(json_object_get(node, "excluded"))) {
        add(self, node, "{name} is excluded on this node: `locum include {name}` ends that");
    }
}

static void
check_sentinel(struct degraded *self, const json_t *sentinel)
{
    if (!json_is_true(json_object_get(sentinel, "connected"))) {
        add(self, sentinel, "the Sentinel at {address} is not connected");
    } else if (json_is_true(json_object_get(sentinel, "tilt"))) {
        add(self, sentinel, "the Sentinel at {address} is in TILT");
    }
}

size_t
locum_show_degraded(const json_t *status, const struct locum_print *print)
{
    struct degraded self = {.print = print};
    const json_t *nodes = json_object_get(status, "nodes");
    const json_t *quorum = json_object_get(status, "quorum");
    const json_t *redis = json_object_get(status, "redis");
    const char *serving = json_string_value(json_object_get(status, "serving"));
    size_t i;
    const json_t *item;
    if (json_array_size(nodes) == 0) {
        add(&self, NULL, "the daemon reports no nodes");
    }
    json_array_foreach(nodes, i, item)
    {
        check_node(&self, item);
    }
    if (json_integer_value(json_object_get(quorum, "reachable")) <
        json_integer_value(json_object_get(quorum, "needed"))) {
        add(&self, NULL, "no quorum: the names of a dead node cannot be taken over");
    }
    if (json_is_object(redis) && !json_is_true(json_object_get(redis, "connected"))) {
        add(&self, redis, "Redis is not connected[: {error}]");
    } else if (json_is_string(json_object_get(redis, "error"))) {
        add(&self, redis, "Redis: {error}");
    }
    json_array_foreach(json_object_get(status, "sentinels"), i, item)
    {
        check_sentinel(&self, item);
    }
    if (serving != NULL && strncmp(serving, "fail-open", 9) == 0) {
        add(&self, status,
            "no server is known to be healthy: {node} answers with the best it has (fail-open)");
    }
    if (json_integer_value(json_object_get(json_object_get(status, "dns"), "closed")) > 0) {
        add(&self, NULL,
            "some addresses of listen.dns are not open: queries to them get no answer; see the "
            "log");
    }
    json_array_foreach(json_object_get(status, "zones"), i, item)
    {
        if (json_is_string(json_object_get(json_object_get(item, "nsd"), "error"))) {
            add(&self, item, "nsd: zone {name}: {nsd.error}");
        }
    }
    return self.count;
}
