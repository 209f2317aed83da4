/* advice: what is allowed but risky. `locum check` warns of it; the daemon runs. */
#include <errno.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text_format.h"
#include "config/load.h"
#include "config/source.h"
#include "config/value.h"
#include "core/family.h"

enum { TTL_S_WISE = 30, HEARTBEATS_WISE = 6, WHY_BYTES = 100 };

static void
advise_quorum(struct locum_bind *bind, const struct locum_core_config *core)
{
    const size_t majority = core->node_count / 2 + 1;
    const size_t row =
        locum_bind_written(bind, LOCUM_KEY_QUORUM, 0) ? LOCUM_KEY_QUORUM : LOCUM_KEY_NODES;
    if (core->node_count < 2) {
        return;
    }
    if (core->quorum > core->node_count - 1) {
        locum_bind_warning(
            bind, row, 0,
            "quorum: %u votes are needed, but while one node is down at most %zu can vote: "
            "owned names are never taken over; add a third site (a witness or a "
            "sentinel) or set quorum: 1",
            core->quorum, core->node_count - 1);
    } else if (core->quorum < majority) {
        locum_bind_warning(bind, row, 0,
                           "quorum: %u is less than the majority of %zu nodes: nodes that only "
                           "lose contact take over each other's names; use %zu to prevent that",
                           core->quorum, core->node_count, majority);
    }
}

/* LOSS-5: what is lost by configuration has a warning: here, or in the advice on quorum, families
 * and the votes of Sentinels. */
static void
advise_servers(struct locum_bind *bind, const struct locum_core_config *core)
{
    size_t servers = 0;
    size_t last = 0;
    for (size_t i = 0; i < core->node_count; i++) {
        if (core->nodes[i].role == LOCUM_ROLE_SERVER) {
            servers++;
            last = i;
        }
    }
    if (servers == 1) {
        locum_bind_warning(bind, LOCUM_KEY_NODES, 0,
                           "nodes: %s is the only server: if it fails, no name has a healthy "
                           "answer; add another server",
                           core->nodes[last].name);
    }
}

static void
advise_ttl(struct locum_bind *bind, const struct locum_config *config)
{
    for (size_t i = 0; i < config->zone_count; i++) {
        if (config->zones[i].ttl_s < TTL_S_WISE) {
            locum_bind_warning(bind, LOCUM_KEY_ZONE_TTL, i,
                               "ttl: %us is less than %ds: there will be many more queries, and "
                               "some resolvers keep answers longer anyway",
                               config->zones[i].ttl_s, TTL_S_WISE);
        }
    }
}

static const char *const family_names[] = {[LOCUM_V4] = "IPv4", [LOCUM_V6] = "IPv6"};

/* A family of a name is answered only with servers that have an address of it. */
static void
advise_families(struct locum_bind *bind, const struct locum_core_config *core)
{
    for (int family = 0; family < LOCUM_FAMILIES; family++) {
        bool any = false;
        for (size_t i = 0; i < core->node_count; i++) {
            any |= core->nodes[i].role == LOCUM_ROLE_SERVER && core->nodes[i].has[family];
        }
        for (size_t i = 0; i < core->node_count && any; i++) {
            if (core->nodes[i].role == LOCUM_ROLE_SERVER && !core->nodes[i].has[family]) {
                locum_bind_warning(bind, LOCUM_KEY_NODE_ADDRESS, i,
                                   "address: server %s has no %s address, so it cannot replace "
                                   "servers that have one",
                                   core->nodes[i].name, family_names[family]);
            }
        }
    }
}

/* The first server with both families that too few others can hear in this one (FAMILY-7). */
static size_t
find_unvotable(const struct locum_core_config *core, enum locum_family family)
{
    size_t found = core->node_count;
    size_t servers = 0;
    for (size_t i = core->node_count; i > 0; i--) {
        const struct locum_core_node *node = &core->nodes[i - 1];
        servers += node->role == LOCUM_ROLE_SERVER && node->has[family] ? 1 : 0;
        if (node->role == LOCUM_ROLE_SERVER && node->has[LOCUM_V4] && node->has[LOCUM_V6] &&
            !locum_family_votable(core, (locum_node)(i - 1), family)) {
            found = i - 1;
        }
    }
    return servers > 1 ? found : core->node_count; /* one server has nobody to hand a name to */
}

static void
advise_votes(struct locum_bind *bind, const struct locum_core_config *core)
{
    for (enum locum_family family = LOCUM_V4; family <= LOCUM_V6; family++) {
        const size_t node = find_unvotable(core, family);
        if (node < core->node_count) {
            locum_bind_warning(bind, LOCUM_KEY_NODE_ADDRESS, node,
                               "address: fewer than %u nodes other than %s have an %s address, so "
                               "no vote can find that it has lost %s; only %s itself can report "
                               "that its address is gone. Give other nodes an %s address",
                               core->quorum, core->nodes[node].name, family_names[family],
                               family_names[family], core->nodes[node].name, family_names[family]);
        }
    }
}

/* The families of a node's addresses; of this node those of its sockets, which may differ. */
static void
families_of(const struct locum_config *config, size_t node, bool ret[LOCUM_FAMILIES])
{
    const bool self = node == config->core.self;
    const struct locum_address *list = self ? config->listen_peer : config->nodes[node].address;
    const size_t count = self ? config->listen_peer_count : config->nodes[node].address_count;
    memset(ret, 0, LOCUM_FAMILIES * sizeof(*ret));
    for (size_t i = 0; i < count; i++) {
        ret[list[i].family] = true;
    }
}

/* UDP needs a family that both nodes have. Without one, Redis alone carries their heartbeats. */
static void
advise_common_family(struct locum_bind *bind, const struct locum_config *config)
{
    const struct locum_core_node *nodes = config->core.nodes;
    for (size_t i = 0; i < config->core.node_count; i++) {
        for (size_t other = 0; other < i; other++) {
            bool a[LOCUM_FAMILIES], b[LOCUM_FAMILIES];
            families_of(config, i, a);
            families_of(config, other, b);
            if (nodes[i].role != LOCUM_ROLE_SENTINEL && nodes[other].role != LOCUM_ROLE_SENTINEL &&
                !(a[LOCUM_V4] && b[LOCUM_V4]) && !(a[LOCUM_V6] && b[LOCUM_V6])) {
                locum_bind_warning(bind, LOCUM_KEY_NODE_ADDRESS, i,
                                   "address: %s (%s) and %s (%s) have no address family in common: "
                                   "no UDP heartbeat can pass between them, so each suspects the "
                                   "other as soon as Redis fails; give both IPv4 or both IPv6",
                                   nodes[i].name, a[LOCUM_V4] ? "IPv4" : "IPv6", nodes[other].name,
                                   b[LOCUM_V4] ? "IPv4" : "IPv6");
            }
        }
    }
}

static void
advise_heartbeat(struct locum_bind *bind, const struct locum_core_config *core)
{
    if (core->timeout_ms < HEARTBEATS_WISE * core->interval_ms) {
        locum_bind_warning(
            bind,
            locum_bind_written(bind, LOCUM_KEY_HEARTBEAT_TIMEOUT, 0) ? LOCUM_KEY_HEARTBEAT_TIMEOUT
                                                                     : LOCUM_KEY_HEARTBEAT_INTERVAL,
            0,
            "timeout: it spans only %lld heartbeats: one or two lost packets make a node "
            "suspect; use at least %d intervals",
            (long long)(core->timeout_ms / core->interval_ms), HEARTBEATS_WISE);
    }
}

static void
advise_redis(struct locum_bind *bind, const struct locum_config *config)
{
    size_t redis, sentinels;
    locum_load_count(config, &redis, &sentinels);
    if (redis == 0 && sentinels + config->redis.sentinel_count > 0 &&
        config->redis.master_name[0] != '\0') {
        locum_bind_warning(
            bind, LOCUM_KEY_NODES, 0,
            "nodes: none has redis, so this node logs in to Redis, with its "
            "password, at any address that a Sentinel names as the master: someone who "
            "controls one Sentinel can receive the password; set nodes.X.redis");
    }
    if (sentinels > 0 && redis == 0) {
        locum_bind_warning(bind, LOCUM_KEY_NODES, 0,
                           "nodes: some have a sentinel and none has redis: a Sentinel votes on a "
                           "site by the Redis and the Sentinel there, so no Sentinel can vote");
    } else if (sentinels == 0 && redis > 0 && config->redis.sentinel_count == 0) {
        locum_bind_warning(bind, LOCUM_KEY_NODES, 0,
                           "nodes: some have redis and none has a sentinel: after a failover of "
                           "Redis the new master is found late, by trying one after the other");
    }
}

/* A Sentinel votes on a site only if it knows two instances there and holds both down. */
static void
advise_sentinel_votes(struct locum_bind *bind, const struct locum_config *config)
{
    const struct locum_core_node *voter = NULL;
    for (size_t i = 0; i < config->core.node_count; i++) {
        if (config->core.nodes[i].role == LOCUM_ROLE_SENTINEL) {
            voter = &config->core.nodes[i];
        }
    }
    for (size_t i = 0; i < config->core.node_count && voter != NULL; i++) {
        if (config->core.nodes[i].role == LOCUM_ROLE_SERVER &&
            (config->nodes[i].redis.port == 0 || config->nodes[i].sentinel.port == 0)) {
            const size_t missing =
                config->nodes[i].redis.port == 0 ? LOCUM_KEY_NODE_REDIS : LOCUM_KEY_NODE_SENTINEL;
            locum_bind_warning(bind, missing, i,
                               "server %s lacks redis or sentinel: node %s, of role sentinel, "
                               "cannot vote on it; set both",
                               config->core.nodes[i].name, voter->name);
        }
    }
}

static void
advise_ca_file(struct locum_bind *bind, size_t row, size_t check, const char *path)
{
    char via[LOCUM_FILE_VIA_MAX];
    char buffer[WHY_BYTES];
    struct locum_text why = locum_text_init(buffer, sizeof(buffer));
    if (path[0] == '\0') {
        return;
    }
    const int fd = locum_file_open(path, via, &why);
    if (fd >= 0) {
        (void)close(fd);
    } else {
        locum_bind_warning(bind, row, check,
                           "ca-file: %s: %s; the check fails until it can be read", path, buffer);
    }
}

/*
 * A file that a check needs and this process cannot read. This is no error: the check will fail and
 * say so, which is better than no daemon; and the file may exist only where the check runs.
 */
static void
advise_check_files(struct locum_bind *bind, const struct locum_config *config)
{
    for (size_t i = 0; i < config->core.check_count; i++) {
        const char *program = config->checks[i].command.at;
        if (program[0] != '\0' && access(program, X_OK) != 0) {
            locum_bind_warning(bind, LOCUM_KEY_COMMAND_ARGV, i,
                               "argv: %s: %s; the check fails until the program can be run",
                               locum_problems_quote(locum_slice_of(program)).text, strerror(errno));
        }
        advise_ca_file(bind, LOCUM_KEY_HTTP_CA_FILE, i, config->checks[i].http.ca_file);
        advise_ca_file(bind, LOCUM_KEY_CHECK_TLS_CA_FILE, i, config->checks[i].tls.ca_file);
    }
}

static void
advise_secret_headers(struct locum_bind *bind, const struct locum_config *config)
{
    for (size_t i = 0; i < config->core.check_count && bind->shared; i++) {
        const struct locum_config_words *headers = &config->checks[i].http.headers;
        const char *header = headers->at;
        for (size_t j = 0; j < headers->count; j++, header += strlen(header) + 1) {
            const struct locum_slice name = {header, strcspn(header, ":;")};
            if (locum_source_is_secret_field(name)) {
                locum_bind_warning(bind, LOCUM_KEY_HTTP_HEADERS, i,
                                   "headers: other users can read this file, and so the value of "
                                   "%.*s; run chmod o= on it",
                                   LOCUM_SLICE(name));
                break;
            }
        }
    }
}

/* Does the URL lead to this host? */
static bool
is_loopback(const char *url)
{
    struct locum_address address;
    struct locum_slice authority = locum_value_url_authority(locum_slice_of(url));
    struct locum_slice host;
    if (locum_slice_starts(authority, "[::1]")) {
        return true;
    }
    (void)locum_slice_cut(&authority, ':', &host);
    return locum_slice_is(host, "localhost") ||
           (locum_address_parse(host, &address) == 0 && locum_address_is_loopback(&address));
}

static void
advise_hooks(struct locum_bind *bind, const struct locum_config *config)
{
    for (size_t i = 0; i < config->hook_count; i++) {
        const struct locum_config_hook *hook = &config->hooks[i];
        const char *program = hook->command.at;
        if (program[0] != '\0' && access(program, X_OK) != 0) {
            locum_bind_warning(bind, LOCUM_KEY_HOOK_COMMAND, i,
                               "command: %s: %s; the hook fails until the program can be run",
                               locum_problems_quote(locum_slice_of(program)).text, strerror(errno));
        }
        if (locum_slice_starts(locum_slice_of(hook->url), "http://") && !hook->lacks_secret &&
            !is_loopback(hook->url)) {
            locum_bind_warning(bind, LOCUM_KEY_HOOK_URL, i,
                               "url: http:// sends events in plain text, and who answers in the "
                               "place of this host gets them; use https://");
        }
        if (bind->shared && strchr(hook->url, '?') != NULL) {
            locum_bind_warning(bind, LOCUM_KEY_HOOK_URL, i,
                               "url: other users can read this file, and so the query of the URL; "
                               "run chmod o= on it");
        }
    }
}

/* Is it a part of it, again and again, such as 64 zeros? No random one is. */
static bool
is_repetition(const uint8_t key[LOCUM_SECRET_BYTES])
{
    const size_t half = LOCUM_SECRET_BYTES / 2; /* a shorter part makes two equal halves too */
    return memcmp(key, key + half, half) == 0;
}

static void
advise_secrets(struct locum_bind *bind, const struct locum_config *config)
{
    for (size_t i = 0; i < config->secrets.count; i++) {
        if (is_repetition(config->secrets.key[i])) {
            locum_bind_warning(bind, LOCUM_KEY_SECRET_FILE, 0,
                               "secret-file: the secret number %zu repeats itself, so it can be "
                               "guessed: make one with `locum keygen --cluster`, and rotate the "
                               "secrets (locum(8))",
                               i + 1);
        }
    }
}

void
locum_load_advice(struct locum_bind *bind)
{
    const struct locum_config *config = bind->target;
    advise_quorum(bind, &config->core);
    advise_servers(bind, &config->core);
    advise_ttl(bind, config);
    advise_families(bind, &config->core);
    advise_votes(bind, &config->core);
    advise_common_family(bind, config);
    advise_heartbeat(bind, &config->core);
    advise_redis(bind, config);
    advise_sentinel_votes(bind, config);
    if (bind->shared && locum_bind_good(bind, LOCUM_KEY_REDIS_PASSWORD, 0)) {
        locum_bind_warning(
            bind, LOCUM_KEY_REDIS_PASSWORD, 0,
            "password: other users can read this file; use password-file, or run chmod "
            "o= on it");
    }
    advise_secrets(bind, config);
    advise_secret_headers(bind, config);
    advise_check_files(bind, config);
    advise_hooks(bind, config);
}
