/* advice: what is allowed and risky; `locum check` warns of it, the daemon runs. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "config/load.h"

enum { TTL_S_WISE = 30, HEARTBEATS_WISE = 6 };

static const struct locum_position whole_file = {0};

static void
advise_quorum(struct locum_load *self)
{
    const struct locum_core_config *core = &self->config->core;
    const struct locum_position at =
        locum_load_at(self, "quorum", 0, locum_load_at(self, "nodes", 0, whole_file));
    if (core->node_count < 2) {
        return;
    }
    if (core->quorum > core->node_count - 1) {
        locum_problems_warning(
            &self->problems, at,
            "a dead node leaves %zu of the %u votes that the quorum needs: owned "
            "names are never taken over; add a third site (a witness or a "
            "sentinel) or write quorum: 1",
            core->node_count - 1, core->quorum);
    } else if (core->quorum < core->node_count / 2 + 1) {
        locum_problems_warning(&self->problems, at,
                               "quorum %u is less than the majority of %zu nodes (%zu): nodes that "
                               "only lost sight of each other take over each other's names",
                               core->quorum, core->node_count, core->node_count / 2 + 1);
    }
}

static void
advise_ttl(struct locum_load *self)
{
    for (size_t i = 0; i < self->config->zone_count; i++) {
        const struct locum_config_zone *zone = &self->config->zones[i];
        if (zone->ttl_s < TTL_S_WISE) {
            locum_problems_warning(&self->problems, locum_load_at(self, "zones[].ttl", i, zone->at),
                                   "ttl %us is under %ds: many more queries, and some resolvers "
                                   "keep answers longer anyway",
                                   zone->ttl_s, TTL_S_WISE);
        }
    }
}

static void
advise_families(struct locum_load *self)
{
    const struct locum_core_config *core = &self->config->core;
    static const char *const names[] = {[LOCUM_V4] = "IPv4", [LOCUM_V6] = "IPv6"};
    for (int family = 0; family < LOCUM_FAMILIES; family++) {
        bool any = false;
        for (size_t i = 0; i < core->node_count; i++) {
            any |= core->nodes[i].has[family];
        }
        for (size_t i = 0; i < core->node_count && any; i++) {
            if (core->nodes[i].role == LOCUM_ROLE_SERVER && !core->nodes[i].has[family]) {
                locum_problems_warning(&self->problems,
                                       locum_load_at(self, "nodes.*.address", i, whole_file),
                                       "server %s has no %s address and others have: it cannot "
                                       "stand in for them there",
                                       core->nodes[i].name, names[family]);
            }
        }
    }
}

static void
advise_heartbeat(struct locum_load *self)
{
    const struct locum_core_config *core = &self->config->core;
    if (core->timeout_ms < HEARTBEATS_WISE * core->interval_ms) {
        locum_problems_warning(
            &self->problems,
            locum_load_at(self, "heartbeat.timeout", 0,
                          locum_load_at(self, "heartbeat.interval", 0, whole_file)),
            "only %lld heartbeats fit into the timeout: with less than %d a lost packet or two "
            "makes a node suspect",
            (long long)(core->timeout_ms / core->interval_ms), HEARTBEATS_WISE);
    }
}

static void
advise_redis(struct locum_load *self)
{
    const struct locum_config *config = self->config;
    bool redis = false;
    bool sentinel = false;
    for (size_t i = 0; i < config->core.node_count; i++) {
        redis |= config->nodes[i].redis.port != 0;
        sentinel |= config->nodes[i].sentinel.port != 0;
    }
    const struct locum_position at = locum_load_at(self, "nodes", 0, whole_file);
    if (sentinel && !redis) {
        locum_problems_warning(
            &self->problems, at,
            "nodes have a sentinel and none has redis: a Sentinel votes on a site "
            "by the Redis and the Sentinel there, so none can vote");
    } else if (!sentinel && redis && config->redis.sentinel_count == 0) {
        locum_problems_warning(&self->problems, at,
                               "nodes have redis and none has a sentinel: a failover of Redis is "
                               "followed late, by trying one after the other");
    }
}

/* A Sentinel votes on a site only if it knows two instances there and holds both down. */
static void
advise_sentinel_votes(struct locum_load *self)
{
    const struct locum_config *config = self->config;
    const struct locum_core_node *voter = NULL;
    for (size_t i = 0; i < config->core.node_count; i++) {
        if (config->core.nodes[i].role == LOCUM_ROLE_SENTINEL) {
            voter = &config->core.nodes[i];
        }
    }
    for (size_t i = 0; i < config->core.node_count && voter != NULL; i++) {
        if (config->core.nodes[i].role == LOCUM_ROLE_SERVER &&
            (config->nodes[i].redis.port == 0 || config->nodes[i].sentinel.port == 0)) {
            locum_problems_warning(&self->problems, locum_document_at(self->node_keys[i]),
                                   "server %s has not both redis and sentinel: node %s, of role "
                                   "sentinel, cannot vote on it",
                                   config->core.nodes[i].name, voter->name);
        }
    }
}

static void
advise_password(struct locum_load *self)
{
    if (self->shared && self->config->redis.password[0] != '\0' &&
        locum_load_good(self, "redis.password", 0)) {
        locum_problems_warning(&self->problems,
                               locum_load_at(self, "redis.password", 0, whole_file),
                               "a password in a file that others may read: use password-file, or "
                               "chmod o= this file");
    }
}

/*
 * A file that a check needs and this process cannot read. No error: the check will fail and say so,
 * which is better than no daemon; and the file may be there only where the check runs.
 */
static void
advise_check_files(struct locum_load *self)
{
    for (size_t i = 0; i < self->config->core.check_count; i++) {
        const char *program = self->config->checks[i].command.words;
        const char *file = self->config->checks[i].http.ca_file;
        if (program[0] != '\0' && access(program, X_OK) != 0) {
            locum_problems_warning(
                &self->problems,
                locum_load_at(self, "service.checks[].command.argv", i, whole_file),
                "program %s: %s: the check fails until it can be run", program, strerror(errno));
        }
        if (file[0] != '\0' && access(file, R_OK) != 0) {
            locum_problems_warning(
                &self->problems,
                locum_load_at(self, "service.checks[].http.ca-file", i, whole_file),
                "ca-file %s: %s: the check fails until it can be read", file, strerror(errno));
        }
    }
}

void
locum_load_advice(struct locum_load *self)
{
    advise_quorum(self);
    advise_ttl(self);
    advise_families(self);
    advise_heartbeat(self);
    advise_redis(self);
    advise_sentinel_votes(self);
    advise_password(self);
    advise_check_files(self);
}
