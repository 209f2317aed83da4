/* status: what the operator sees of Redis and the Sentinels. */
#include <string.h>

#include "base/text_format.h"
#include "redis/private.h"

/* Does a Sentinel before number `number` list this unknown instance, too? */
static bool
is_repeated(const struct locum_redis *self, size_t number, const char *instance)
{
    for (size_t i = 0; i < number; i++) {
        for (size_t j = 0; j < self->views[i].unknown_count; j++) {
            if (strcmp(self->views[i].unknown_instances[j], instance) == 0) {
                return true;
            }
        }
    }
    return false;
}

static void
add_unknown_instances(const struct locum_redis *self, struct locum_text *text)
{
    for (size_t i = 0; i < self->endpoints.sentinel_count; i++) {
        for (size_t j = 0; j < self->views[i].unknown_count; j++) {
            const char *instance = self->views[i].unknown_instances[j];
            if (!is_repeated(self, i, instance)) {
                locum_text_format(text, "%s%s", text->length > 0 ? ", " : "", instance);
            }
        }
    }
}

/* The first Redis whose host name has no address. */
static void
add_unresolved(const struct locum_redis *self, struct locum_text *text)
{
    for (size_t i = 0; i < self->endpoints.redis_count && text->length == 0; i++) {
        const struct locum_endpoint *endpoint = &self->endpoints.at[i].endpoint;
        const char *why = locum_resolver_error(self->resolver, endpoint->host);
        if (why[0] != '\0') {
            locum_text_format(text, "Redis %s:%u: the host name has no address: %s", endpoint->host,
                              endpoint->port, why);
        }
    }
}

/* The error that an operator should see first: the first of these that there is. */
static void
add_error(const struct locum_redis *self, struct locum_text *text)
{
    locum_text_add(text, self->tls_error);
    locum_text_add(text, text->length == 0 ? locum_master_diagnosis(self->master) : "");
    if (self->subscribed || self->config->redis.master_name[0] == '\0') {
        return;
    }
    locum_text_add(text, text->length == 0 ? self->error : "");
    locum_text_add(text, text->length == 0 ? self->unresolved : "");
    for (size_t i = 0; i < self->endpoints.sentinel_count && text->length == 0; i++) {
        if (self->sentinels[i] != NULL) {
            locum_text_add(text, locum_sentinel_status(self->sentinels[i])->error);
        }
    }
    add_unresolved(self, text);
    if (text->length == 0 && self->endpoints.count == 0) {
        locum_text_add(text, "no node has a Redis or a Sentinel; set nodes.X.redis and "
                             "nodes.X.sentinel");
    }
}

void
locum_redis_status(const struct locum_redis *self, struct locum_redis_status *ret)
{
    memset(ret, 0, sizeof(*ret));
    struct locum_text error = locum_text_init(ret->error, sizeof(ret->error));
    struct locum_text unknown =
        locum_text_init(ret->unknown_instances, sizeof(ret->unknown_instances));
    const struct locum_address *master = locum_master_address(self->master);
    ret->connected = locum_master_is_ready(self->master);
    ret->since_wall = self->since_wall;
    ret->commands = self->commands;
    ret->failures = self->failures;
    memcpy(ret->other_db, self->other_db, sizeof(ret->other_db));
    if (master != NULL) {
        ret->master = *master;
    }
    add_error(self, &error);
    add_unknown_instances(self, &unknown);
    for (size_t i = 0; i < self->endpoints.sentinel_count; i++) {
        if (self->sentinels[i] != NULL) {
            ret->sentinels[ret->sentinel_count++] = *locum_sentinel_status(self->sentinels[i]);
        }
    }
}
