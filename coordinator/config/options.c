#include "config/options.h"

#include <string.h>

#define SECOND 1000
#define MINUTE (60 * SECOND)
#define HOUR   (60 * MINUTE)
#define DAY    (24 * HOUR)

#define NOWHERE            LOCUM_BASE_NOWHERE, 0
#define CONFIG(member)     LOCUM_BASE_CONFIG, offsetof(struct locum_config, member)
#define NODE(member)       LOCUM_BASE_NODE, offsetof(struct locum_config_node, member)
#define CORE_NODE(member)  LOCUM_BASE_CORE_NODE, offsetof(struct locum_core_node, member)
#define ZONE(member)       LOCUM_BASE_ZONE, offsetof(struct locum_config_zone, member)
#define CHECK(member)      LOCUM_BASE_CHECK, offsetof(struct locum_config_check, member)
#define CORE_CHECK(member) LOCUM_BASE_CORE_CHECK, offsetof(struct locum_core_check, member)

#define REQUIRED      LOCUM_RULE_REQUIRED, NULL
#define DEFAULT(text) LOCUM_RULE_DEFAULT, text
#define DERIVED(text) LOCUM_RULE_DERIVED, text
#define NONE          LOCUM_RULE_NONE, NULL

/* clang-format off */
const struct locum_option locum_options[] = {
/* key, kind, rule and default, min, max, words, where, note */
{"cluster", LOCUM_KIND_NAME, REQUIRED, 1, LOCUM_CLUSTER_NAME_MAX, NULL, CONFIG(core.cluster),
 "name of the cluster, the same on every node; part of every Redis key"},
{"node", LOCUM_KIND_NAME, DERIVED("the host name, or its first label"), 1, LOCUM_NODE_NAME_MAX,
 NULL, NOWHERE, "which of the nodes this is: the only key that differs between them"},
{"secret-file", LOCUM_KIND_PATH, REQUIRED, 1, LOCUM_PATH_MAX, NULL, NOWHERE,
 "64 hex digits a line; the first secret signs heartbeats, all are accepted"},
{"state-dir", LOCUM_KIND_PATH, DEFAULT("/var/lib/locum"), 1, LOCUM_PATH_MAX, NULL,
 CONFIG(state_dir), "folder for what must outlive a restart"},
{"quorum", LOCUM_KIND_NUMBER, DERIVED("majority of all nodes"), 1, LOCUM_NODES_MAX, NULL,
 CONFIG(core.quorum), "how many nodes must find a peer silent before its names are taken over"},
{"min-serving", LOCUM_KIND_NUMBER, DEFAULT("1"), 0, LOCUM_NODES_MAX, NULL,
 CONFIG(core.min_serving), "drain and maint refuse to leave fewer wanted servers than this"},

{"nodes", LOCUM_KIND_NODES, REQUIRED, 1, LOCUM_NODES_MAX, NULL, NOWHERE,
 "the members; their order decides who takes over whose names"},
{"nodes.*.role", LOCUM_KIND_CHOICE, DEFAULT("server"), 0, 0, "server witness sentinel",
 CORE_NODE(role), "server: serves and answers; witness: votes; sentinel: a Sentinel that votes"},
{"nodes.*.address", LOCUM_KIND_LIST, NONE, 1, LOCUM_ADDRESSES_MAX, NULL, NOWHERE,
 "addresses that users reach: served in answers, used by the peer port; not for role sentinel"},
{"nodes.*.port", LOCUM_KIND_PORT, DEFAULT("9853"), 1, 65535, NULL, NODE(peer_port),
 "peer port, UDP"},
{"nodes.*.redis", LOCUM_KIND_ENDPOINT, NONE, 0, 0, NULL, NODE(redis), "Redis at this node"},
{"nodes.*.sentinel", LOCUM_KIND_ENDPOINT, NONE, 0, 0, NULL, NODE(sentinel),
 "Sentinel at this node"},
{"nodes.*.failover", LOCUM_KIND_LIST, DERIVED("the nodes after this one, in their order"), 1,
 LOCUM_NODES_MAX, NULL, NOWHERE, "servers that take over this one's owned names, best first"},
{"nodes.*.mirrorbits", LOCUM_KIND_HOST, DERIVED("the node's name"), 1, LOCUM_HOST_MAX, NULL,
 NODE(mirrorbits), "host name by which this node's Mirrorbits announces itself"},

{"zones", LOCUM_KIND_ITEMS, REQUIRED, 1, LOCUM_ZONES_MAX, NULL, NOWHERE, "zones to answer"},
{"zones[].name", LOCUM_KIND_DOMAIN, REQUIRED, 1, LOCUM_DOMAIN_MAX - 1, NULL, ZONE(name),
 "name of the zone"},
{"zones[].answer", LOCUM_KIND_CHOICE, DEFAULT("self"), 0, 0, "self all", ZONE(policy),
 "shared names: self: what this node vouches for; all: every live node, rotated"},
{"zones[].ttl", LOCUM_KIND_SECONDS, DEFAULT("60s"), SECOND, DAY, NULL, ZONE(ttl_s),
 "TTL while all is well"},
{"zones[].failover-ttl", LOCUM_KIND_SECONDS, DERIVED("15s, or ttl if that is less"), SECOND, DAY,
 NULL, ZONE(failover_ttl_s), "TTL of any other answer"},
{"zones[].shared", LOCUM_KIND_LIST, DERIVED("[\"@\"]"), 0, LOCUM_NAMES_MAX, NULL, NOWHERE,
 "names that all servers share, relative to the zone"},
{"zones[].owned", LOCUM_KIND_LISTS, DERIVED("each server owns the label of its name"), 0,
 LOCUM_NODES_MAX, NULL, NOWHERE, "server: [names that are its own, relative to the zone]"},
{"zones[].ns", LOCUM_KIND_LIST, REQUIRED, 1, LOCUM_NS_MAX, NULL, NOWHERE,
 "name servers, absolute names; none of them a shared or owned name"},
{"zones[].soa", LOCUM_KIND_MAP, DEFAULT(NULL), 0, 0, NULL, NOWHERE, "start of authority"},
{"zones[].soa.mname", LOCUM_KIND_DOMAIN, DERIVED("the first of ns"), 1, LOCUM_DOMAIN_MAX - 1, NULL,
 ZONE(soa.mname), "primary name server"},
{"zones[].soa.rname", LOCUM_KIND_DOMAIN, DERIVED("hostmaster. and the zone"), 1,
 LOCUM_DOMAIN_MAX - 1, NULL, ZONE(soa.rname), "who answers for the zone, as a domain name"},
{"zones[].soa.refresh", LOCUM_KIND_SECONDS, DEFAULT("1h"), MINUTE, 30LL * DAY, NULL,
 ZONE(soa.refresh_s), "for secondaries"},
{"zones[].soa.retry", LOCUM_KIND_SECONDS, DEFAULT("10m"), SECOND, 30LL * DAY, NULL,
 ZONE(soa.retry_s), "for secondaries"},
{"zones[].soa.expire", LOCUM_KIND_SECONDS, DEFAULT("7d"), MINUTE, 365LL * DAY, NULL,
 ZONE(soa.expire_s), "for secondaries"},
{"zones[].soa.minimum", LOCUM_KIND_SECONDS, DERIVED("failover-ttl"), SECOND, DAY, NULL,
 ZONE(soa.minimum_s), "TTL of \"no such name\""},
{"zones[].records", LOCUM_KIND_LIST, NONE, 0, LOCUM_RECORDS_MAX, NULL, NOWHERE,
 "static records in zone-file syntax, owners relative to the zone"},

{"heartbeat", LOCUM_KIND_MAP, DEFAULT(NULL), 0, 0, NULL, NOWHERE, "signs of life among nodes"},
{"heartbeat.interval", LOCUM_KIND_DURATION, DEFAULT("125ms"), 20, 10 * SECOND, NULL,
 CONFIG(core.interval_ms), "time between heartbeats"},
{"heartbeat.timeout", LOCUM_KIND_DURATION, DEFAULT("1s"), 100, MINUTE, NULL,
 CONFIG(core.timeout_ms), "silence that makes a node suspect; 2 to 100 intervals"},
{"heartbeat.recover-after", LOCUM_KIND_DURATION, DEFAULT("5s"), 100, 10 * MINUTE, NULL,
 CONFIG(core.recover_after_ms), "steady heartbeats that give a returned node its names back"},

{"redis", LOCUM_KIND_MAP, DEFAULT(NULL), 0, 0, NULL, NOWHERE, "the Redis that Mirrorbits uses"},
{"redis.master-name", LOCUM_KIND_TEXT,
 DERIVED("mirrorbits if a Redis or a Sentinel is known, else none"), 1, 63, NULL,
 CONFIG(redis.master_name), "name by which the Sentinels know the master"},
{"redis.mirrorbits-config", LOCUM_KIND_PATH, NONE, 1, LOCUM_PATH_MAX, NULL, NOWHERE,
 "Mirrorbits' own configuration: what is not written here is taken from it, at each reload again"},
{"redis.user", LOCUM_KIND_TEXT, NONE, 1, 63, NULL, CONFIG(redis.user), "Redis ACL user"},
{"redis.password", LOCUM_KIND_SECRET, NONE, 1, 255, NULL, CONFIG(redis.password),
 "password of the user, or of the default user"},
{"redis.password-file", LOCUM_KIND_PATH, NONE, 1, LOCUM_PATH_MAX, NULL, NOWHERE,
 "file that holds it instead, on its first line"},
{"redis.sentinel-user", LOCUM_KIND_TEXT, NONE, 1, 63, NULL, CONFIG(redis.sentinel_user),
 "ACL user at the Sentinels"},
{"redis.sentinel-password-file", LOCUM_KIND_PATH, NONE, 1, LOCUM_PATH_MAX, NULL, NOWHERE,
 "file that holds the password for the Sentinels, on its first line"},
{"redis.db", LOCUM_KIND_NUMBER, DEFAULT("0"), 0, 65535, NULL, CONFIG(redis.db),
 "database that Locum's keys are written to"},
{"redis.tls", LOCUM_KIND_MAP, NONE, 0, 0, NULL, NOWHERE,
 "connect to Redis and Sentinels with TLS; without this key in plain text"},
{"redis.tls.ca-file", LOCUM_KIND_PATH, REQUIRED, 1, LOCUM_PATH_MAX, NULL,
 CONFIG(redis.tls.ca_file), "certificates, PEM, of the issuers that are trusted"},
{"redis.tls.cert-file", LOCUM_KIND_PATH, NONE, 1, LOCUM_PATH_MAX, NULL,
 CONFIG(redis.tls.cert_file), "own certificate, PEM, for a Redis that asks for one"},
{"redis.tls.key-file", LOCUM_KIND_PATH, NONE, 1, LOCUM_PATH_MAX, NULL, CONFIG(redis.tls.key_file),
 "its private key, PEM, without passphrase"},
{"redis.tls.name", LOCUM_KIND_HOST, DERIVED("the host name or address that is connected to"), 1,
 LOCUM_HOST_MAX, NULL, CONFIG(redis.tls.name), "name that all certificates must be for"},
{"redis.timeout", LOCUM_KIND_DURATION, DEFAULT("1s"), 100, MINUTE, NULL,
 CONFIG(redis.timeout_ms), "no reply for this long: the connection is given up"},
{"redis.sentinel-poll", LOCUM_KIND_DURATION, DEFAULT("500ms"), 100, MINUTE, NULL,
 CONFIG(core.sentinel_poll_ms), "time between two looks at each Sentinel"},

{"service", LOCUM_KIND_MAP, DEFAULT(NULL), 0, 0, NULL, NOWHERE, "the download service"},
{"service.checks", LOCUM_KIND_ITEMS, NONE, 1, LOCUM_CHECKS_MAX, NULL, NOWHERE,
 "checks of this node's service, all must pass; a witness ignores them"},
{"service.checks[].http", LOCUM_KIND_MAP, NONE, 0, 0, NULL, NOWHERE, "ask for a URL"},
{"service.checks[].http.url", LOCUM_KIND_URL, REQUIRED, 1, LOCUM_STRING_MAX, NULL,
 CHECK(http.url), "http:// or https:// URL"},
{"service.checks[].http.expect", LOCUM_KIND_STATUS, DEFAULT("200-399"), 100, 599, NULL,
 CHECK(http.expect), "status codes that pass, as in \"200-299,302\""},
{"service.checks[].http.method", LOCUM_KIND_WORD, DEFAULT("GET"), 0, 0, "GET HEAD",
 CHECK(http.method), "request method"},
{"service.checks[].http.host", LOCUM_KIND_HOST, DERIVED("from the URL"), 1, LOCUM_HOST_MAX, NULL,
 CHECK(http.host), "Host header and TLS server name"},
{"service.checks[].http.connect-to", LOCUM_KIND_ADDRESS, NONE, 0, 0, NULL, CHECK(http.connect_to),
 "connect there, whatever the host of the URL stands for"},
{"service.checks[].http.ca-file", LOCUM_KIND_PATH, NONE, 1, LOCUM_PATH_MAX, NULL,
 CHECK(http.ca_file), "certificate authorities (PEM) to trust instead of the system's"},
{"service.checks[].http.body", LOCUM_KIND_PATTERN, NONE, 1, LOCUM_PATTERN_MAX, NULL,
 CHECK(http.body), "pattern that the body (its first 64 KiB) must match"},
{"service.checks[].http.body-not", LOCUM_KIND_PATTERN, NONE, 1, LOCUM_PATTERN_MAX, NULL,
 CHECK(http.body_not), "pattern that the body must not match"},
{"service.checks[].http.location", LOCUM_KIND_PATTERN, NONE, 1, LOCUM_PATTERN_MAX, NULL,
 CHECK(http.location), "the answer must be a redirect to a URL that matches this pattern"},
{"service.checks[].http.location-not", LOCUM_KIND_PATTERN, NONE, 1, LOCUM_PATTERN_MAX, NULL,
 CHECK(http.location_not), "the answer must be a redirect to a URL that does not match this one"},
{"service.checks[].tcp", LOCUM_KIND_MAP, NONE, 0, 0, NULL, NOWHERE, "connect"},
{"service.checks[].tcp.address", LOCUM_KIND_ADDRESS, REQUIRED, 0, 0, NULL, CHECK(tcp),
 "where to connect"},
{"service.checks[].command", LOCUM_KIND_MAP, NONE, 0, 0, NULL, NOWHERE, "run a program"},
{"service.checks[].command.argv", LOCUM_KIND_LIST, REQUIRED, 1, LOCUM_ARGV_MAX, NULL, NOWHERE,
 "the program's whole path and its arguments; exit code 0 passes"},
{"service.checks[].mirrorbits", LOCUM_KIND_MAP, NONE, 0, 0, NULL, NOWHERE,
 "this node's Mirrorbits announces itself"},
{"service.checks[].mirrorbits.gate", LOCUM_KIND_FLAG, DEFAULT("false"), 0, 0, NULL,
 CORE_CHECK(counts), "true: it must pass; false: it is shown only"},
{"service.checks[].*.interval", LOCUM_KIND_DURATION, DEFAULT("500ms"), 50, 10 * MINUTE, NULL,
 CORE_CHECK(interval_ms), "time between two probes"},
{"service.checks[].*.timeout", LOCUM_KIND_DURATION, DEFAULT("500ms"), 10, MINUTE, NULL,
 CHECK(timeout_ms), "a probe that takes longer has failed"},
{"service.checks[].*.rise", LOCUM_KIND_NUMBER, DEFAULT("2"), 1, 100, NULL, CORE_CHECK(rise),
 "passes in a row that make the check up"},
{"service.checks[].*.fall", LOCUM_KIND_NUMBER, DEFAULT("3"), 1, 100, NULL, CORE_CHECK(fall),
 "failures in a row that make it failing"},
{"service.checks[].*.fast-fail", LOCUM_KIND_FLAG, DEFAULT("true"), 0, 0, NULL,
 CORE_CHECK(fast_fail), "a refused connection makes it failing at once"},

{"events", LOCUM_KIND_MAP, DEFAULT(NULL), 0, 0, NULL, NOWHERE, "what happened"},
{"events.keep", LOCUM_KIND_NUMBER, DEFAULT("1000"), 10, 100000, NULL, CONFIG(events_keep),
 "entries kept"},

{"listen", LOCUM_KIND_MAP, DEFAULT(NULL), 0, 0, NULL, NOWHERE, "own sockets"},
{"listen.dns", LOCUM_KIND_LIST_OR_NONE, DERIVED("the node's addresses, port 53"), 1,
 LOCUM_ADDRESSES_MAX, NULL, NOWHERE, "address:port list (behind NAT), or none; not for a witness"},
{"listen.peer", LOCUM_KIND_LIST, DERIVED("the node's addresses and port"), 1, LOCUM_ADDRESSES_MAX,
 NULL, NOWHERE, "address:port list of the peer port"},
{"listen.http", LOCUM_KIND_ADDRESS, NONE, 0, 0, NULL, CONFIG(listen_http),
 "read-only API and metrics"},
{"listen.control", LOCUM_KIND_PATH, DEFAULT("/run/locum/control.sock"), 1, 107, NULL,
 CONFIG(listen_control), "Unix socket of the commands, mode 0660"},

{"dns", LOCUM_KIND_MAP, DEFAULT(NULL), 0, 0, NULL, NOWHERE, "the DNS server"},
{"dns.workers", LOCUM_KIND_NUMBER, DEFAULT("1"), 1, 16, NULL, CONFIG(dns_workers),
 "UDP threads per address"},
};
/* clang-format on */

const size_t locum_option_count = LOCUM_COUNT(locum_options);
_Static_assert(LOCUM_COUNT(locum_options) <= LOCUM_OPTIONS_MAX, "room for every option");

size_t
locum_option_index(const char *key)
{
    size_t index = 0;
    while (index < locum_option_count && strcmp(locum_options[index].key, key) != 0) {
        index++;
    }
    LOCUM_INVARIANT(index < locum_option_count);
    return index;
}

/* The length of all but the last part of a path: 0 for "quorum". */
static size_t
parent_length(const char *path)
{
    const char *dot = strrchr(path, '.');
    return dot == NULL ? 0 : (size_t)(dot - path);
}

/* Equal, or `pattern` ends in a * where `prefix` has some key. */
static bool
parent_matches(struct locum_slice pattern, const char *prefix)
{
    if (locum_slice_is(pattern, prefix)) {
        return true;
    }
    const size_t stem = parent_length(prefix);
    return pattern.length == stem + 2 && pattern.at[stem + 1] == '*' &&
           memcmp(pattern.at, prefix, stem + 1) == 0;
}

bool
locum_option_below(const struct locum_option *option, const char *prefix,
                   struct locum_slice *ret_key)
{
    const size_t parent = parent_length(option->key);
    const struct locum_slice pattern = {.at = option->key, .length = parent};
    if (!parent_matches(pattern, prefix)) {
        return false;
    }
    *ret_key = locum_slice_of(option->key + (parent > 0 ? parent + 1 : 0));
    return true;
}

const struct locum_option *
locum_option_find(const char *prefix, struct locum_slice key)
{
    for (size_t i = 0; i < locum_option_count; i++) {
        struct locum_slice name;
        if (locum_option_below(&locum_options[i], prefix, &name) && name.length == key.length &&
            memcmp(name.at, key.at, key.length) == 0) {
            return &locum_options[i];
        }
    }
    return NULL;
}
