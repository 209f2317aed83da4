/* status: what people are told of the room. */
#include <string.h>

#include "redis/private.h"

/* Is this stranger of the Sentinel number `number` one that an earlier Sentinel lists too? */
static bool
is_told_before(const struct locum_redis *self, size_t number, const char *stranger)
{
    for (size_t i = 0; i < number; i++) {
        for (size_t j = 0; j < self->seen[i].unknown_count; j++) {
            if (strcmp(self->seen[i].unknown_instances[j], stranger) == 0) {
                return true;
            }
        }
    }
    return false;
}

static void
add_strangers(const struct locum_redis *self, struct locum_text *text)
{
    for (size_t i = 0; i < self->endpoints.sentinel_count; i++) {
        for (size_t j = 0; j < self->seen[i].unknown_count; j++) {
            const char *stranger = self->seen[i].unknown_instances[j];
            if (!is_told_before(self, i, stranger)) {
                locum_text_add(text, text->length > 0 ? ", " : "");
                locum_text_add(text, stranger);
            }
        }
    }
}

/* A Redis whose host name has no address. */
static void
add_unresolved(const struct locum_redis *self, struct locum_text *text)
{
    for (size_t i = 0; i < self->endpoints.redis_count && text->length == 0; i++) {
        const struct locum_endpoint *endpoint = &self->endpoints.redis[i].endpoint;
        const char *why = locum_resolver_error(self->resolver, endpoint->host);
        if (why[0] != '\0') {
            locum_text_add(text, "Redis ");
            locum_endpoint_add(endpoint, text);
            locum_text_add(text, ": the host name has no address: ");
            locum_text_add(text, why);
        }
    }
}

/* The sentence an operator should see first. */
static void
add_error(const struct locum_redis *self, struct locum_text *text)
{
    locum_text_add(text, self->tls_error);
    locum_text_add(text, text->length == 0 ? locum_master_diagnosis(self->master) : "");
    if (text->length > 0 || self->told || !locum_redis_is_wanted(self)) {
        return;
    }
    locum_text_add(text, self->error);
    locum_text_add(text, text->length == 0 ? self->lost : "");
    for (size_t i = 0; i < self->endpoints.sentinel_count && text->length == 0; i++) {
        if (self->sentinels[i] != NULL) {
            locum_text_add(text, locum_sentinel_error(self->sentinels[i]));
        }
    }
    add_unresolved(self, text);
    if (text->length == 0 && self->endpoints.sentinel_count + self->endpoints.redis_count == 0) {
        locum_text_add(text, "no node has a redis or sentinel address: set nodes.X.redis and "
                             "nodes.X.sentinel");
    }
}

static void
add_sentinel(const struct locum_redis *self, size_t number, struct locum_redis_status *ret)
{
    const struct locum_sentinel *sentinel = self->sentinels[number];
    const size_t at = ret->sentinel_count++;
    struct locum_text text =
        locum_text_init(ret->sentinels[at].error, sizeof(ret->sentinels[at].error));
    struct locum_text where =
        locum_text_init(ret->sentinels[at].where, sizeof(ret->sentinels[at].where));
    locum_endpoint_add(&self->endpoints.sentinels[number].endpoint, &where);
    ret->sentinels[at].node = self->endpoints.sentinels[number].node;
    ret->sentinels[at].connected = locum_sentinel_is_connected(sentinel);
    ret->sentinels[at].tilt = locum_sentinel_tilt(sentinel);
    ret->sentinels[at].polled_mono = locum_sentinel_polled(sentinel);
    ret->sentinels[at].polls = self->polls[number];
    locum_text_add(&text, locum_sentinel_error(sentinel));
}

void
locum_redis_status(const struct locum_redis *self, struct locum_redis_status *ret)
{
    memset(ret, 0, sizeof(*ret));
    struct locum_text error = locum_text_init(ret->error, sizeof(ret->error));
    struct locum_text strangers =
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
    add_strangers(self, &strangers);
    for (size_t i = 0; i < self->endpoints.sentinel_count; i++) {
        if (self->sentinels[i] != NULL) {
            add_sentinel(self, i, ret);
        }
    }
}
