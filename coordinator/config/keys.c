#include "config/keys.h"
#include "config/bind.h"

#include <string.h>

#include "config/acme.h"
#include "config/config.h"
#include "config/row.h"

#define AT(member) STORED(struct locum_config, member)
#define OF_NODE(member)                                                                            \
    STORED(struct locum_config, nodes[0].member), .stride = sizeof(struct locum_config_node)
#define OF_CORE_NODE(member)                                                                       \
    STORED(struct locum_config, core.nodes[0].member), .stride = sizeof(struct locum_core_node)
#define OF_ZONE(member)                                                                            \
    STORED(struct locum_config, zones[0].member), .stride = sizeof(struct locum_config_zone)
#define OF_PERSIST(member)                                                                         \
    STORED(struct locum_config, persist[0].member), .stride = sizeof(struct locum_config_persist)
#define OF_CHECK(member)                                                                           \
    STORED(struct locum_config, checks[0].member), .stride = sizeof(struct locum_config_check)
#define OF_CORE_CHECK(member)                                                                      \
    STORED(struct locum_config, core.checks[0].member), .stride = sizeof(struct locum_core_check)
#define OF_HOOK(member)                                                                            \
    STORED(struct locum_config, hooks[0].member), .stride = sizeof(struct locum_config_hook)
#define COUNT(member) .count_offset = offsetof(struct locum_config, member)
#define ITEMS(member) .item_size = sizeof(((struct locum_config *)0)->member)

/* Can users or heartbeats be sent to this address? */
static const char *
host_address_wrong(const void *value)
{
    static const uint8_t zero[16];
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    const struct locum_address *address = value;
    const uint8_t *bytes = address->bytes;
    const bool v6 = address->family == LOCUM_V6;
    if (v6 ? memcmp(bytes, zero, sizeof(zero)) == 0 || bytes[0] == 0xff
           : bytes[0] == 0 || bytes[0] >= 224) {
        return "not the address of one host";
    }
    if (v6 && bytes[0] == 0xfe && (bytes[1] & 0xc0) == 0x80) {
        return "a link-local address; write one that users can reach";
    }
    return v6 && memcmp(bytes, mapped, sizeof(mapped)) == 0 ? "an IPv4 address; write it as one"
                                                            : NULL;
}

_Static_assert(LOCUM_ZONES_MAX <= (int)LOCUM_BIND_INSTANCES_MAX &&
                   LOCUM_NODES_MAX <= (int)LOCUM_BIND_INSTANCES_MAX &&
                   LOCUM_RECORD_TEXT_MAX <= (int)LOCUM_SCHEMA_TEXT_MAX,
               "the binder has room for all");

/* From a wildcard socket an answer could leave with another address than the query came to. */
static const char *
listener_wrong(const void *value)
{
    static const uint8_t zero[16];
    const struct locum_address *address = value;
    return memcmp(address->bytes, zero, sizeof(zero)) == 0
               ? "a wildcard address; list the addresses themselves"
               : NULL;
}

/* The token crosses it in clear text. */
static const char *
not_loopback(const void *value)
{
    const struct locum_address *address = value;
    return locum_address_is_loopback(address) ? NULL
                                              : "not a loopback address; the token would cross the "
                                                "network in clear text: write one such as "
                                                "127.0.0.1:9854";
}

static const char *
name_server_wrong(const void *value)
{
    const char *dot = strchr(value, '.');
    return dot == NULL || dot[1] == '\0' ? "a single label; write an absolute name, as in "
                                           "ns1.example.org"
                                         : NULL;
}

/* Those that need no escape in an HTTPS record (RFC 9460 7.1.1). */
static const char *
protocol_wrong(const void *value)
{
    return strpbrk(value, " \t,\\\"") != NULL ? "not the name of a protocol; write one such as h2"
                                              : NULL;
}

/* The characters that `sentinel monitor` of sentinel.conf cannot take. */
static const char *
master_name_wrong(const void *value)
{
    return strpbrk(value, " \t\"\\") != NULL ? "not a name that `sentinel monitor` accepts" : NULL;
}

/* clang-format off */
static const struct locum_schema_row rows[] = {
[LOCUM_KEY_CLUSTER] = {"cluster", NAME(LOCUM_CLUSTER_NAME_MAX), REQUIRED, AT(core.cluster),
    .digest = true, .restart = true,
    .note = "Name of the cluster, the same on every node",
    .help = "It is part of every Redis key and of every heartbeat, so clusters that share a Redis "
    "do not hear each other."},
[LOCUM_KEY_NODE] = {"node", NODE, DERIVED("the host name or its first label"), AT(core.self),
    .restart = true,
    .note = "Name of the node that this is",
    .help = "Besides it, only keys that are not part of the digest may differ between nodes, such as "
    "`listen`, `state-dir`, the checks and the hooks."},
[LOCUM_KEY_SECRET_FILE] = {"secret-file", PATH(LOCUM_PATH_MAX), REQUIRED, AT(secret_file),
    .note = "File with the secrets that sign heartbeats, the same on every node",
    .help = "Each line is one secret of 64 hex digits; make one with `locum keygen --cluster`. The first "
    "secret signs. All of them are accepted, so a secret can be replaced without a gap. The file "
    "is refused if other users can read it."},
[LOCUM_KEY_KEY_FILE] = {"key-file", PATH(LOCUM_PATH_MAX), NONE, AT(key_file),
    .note = "File with the private key of this node, on this node only",
    .help = "Its public key is in `nodes.*.key`. Each line is one private key of 64 hex digits; make "
    "the file with `locum keygen --node`. It holds two while the key is replaced. The file is refused "
    "if other users can read it."},
[LOCUM_KEY_PEER_KEYS] = {"peer-keys", CHOICE("accept require"), DEFAULT("accept"), AT(peer_keys),
    .note = "Whether a heartbeat must be signed with the keys of nodes",
    .help = "`accept`: a heartbeat also counts if it is signed with the cluster secret only, and "
    "`locum status` names the nodes that are heard so. `require`: it counts only if it is signed with "
    "the key that its sender and this node share. A stolen machine can then send heartbeats in its own "
    "name only. Write `require` on every node once no node is heard by the secret only."},
[LOCUM_KEY_STATE_DIR] = {"state-dir", PATH(LOCUM_PATH_MAX), DEFAULT("/var/lib/locum"),
    AT(state_dir), .restart = true,
    .note = "Directory for what must survive a restart",
    .help = "It holds the administrative state and its remaining time, excluded peers, the "
    "incarnation, the SOA serial and the last configuration that took effect, for a start whose "
    "file is refused. If it cannot be written, an event is logged and answers go on."},
[LOCUM_KEY_QUORUM] = {"quorum", NUMBER(1, LOCUM_NODES_MAX), DERIVED("majority of all nodes"),
    AT(core.quorum), .digest = true,
    .note = "How many nodes must find a peer silent before other servers take over its owned names",
    .help = "The majority is that of all configured nodes, including dead ones, so it never "
    "shrinks. Two servers without a third site have no majority after one fails. Write `1` if you "
    "prefer a takeover to certainty: two servers that lose contact then each take over the other's "
    "names."},
[LOCUM_KEY_MIN_SERVING] = {"min-serving", NUMBER(0, LOCUM_NODES_MAX), DEFAULT("1"),
    AT(core.min_serving), .digest = true,
    .note = "`locum drain` and `locum maint` refuse to leave fewer serving servers than this, "
    "unless forced"},

[LOCUM_KEY_NODES] = {"nodes", NAME(LOCUM_NODE_NAME_MAX), NAMED_MAPS(1, LOCUM_NODES_MAX), REQUIRED,
    AT(core.nodes[0].name), ITEMS(core.nodes[0]), COUNT(core.node_count),
    .digest = true,
    .note = "The members of the cluster by name, each with its settings",
    .help = "A name has 1 to 15 characters of a-z, 0-9 and `-`. The order decides which server "
    "takes over first, so it must be the same on every node."},
[LOCUM_KEY_NODE_ROLE] = {"nodes.*.role", CHOICE("server witness sentinel"), DEFAULT("server"),
    OF_CORE_NODE(role), .digest = true,
    .note = "What the node does",
    .help = "A `server` serves downloads and answers DNS queries. A `witness` runs a coordinator "
    "that votes; no answer names it and it does not open port 53. A `sentinel` is a site with a "
    "Redis Sentinel and no coordinator; the view of its Sentinel counts in the quorum."},
[LOCUM_KEY_NODE_ADDRESS] = {"nodes.*.address", IP, LIST(1, LOCUM_ADDRESSES_MAX), NONE,
    OF_NODE(address), ITEMS(nodes[0].address[0]), COUNT(nodes[0].address_count), .digest = true,
    .check = host_address_wrong,
    .note = "Addresses that users reach, IPv4 and IPv6",
    .help = "Answers name them, and heartbeats go to them: a server counts as alive when it can be "
    "reached the way its users reach it. Required unless the role is `sentinel`. A server whose "
    "IPv6 address is gone, or that a quorum does not hear over IPv6, is not named in AAAA answers "
    "while a better one is left; its A answers stay. The same holds for IPv4."},
[LOCUM_KEY_NODE_PORT] = {"nodes.*.port", PORT, DEFAULT("9853"), OF_NODE(peer_port), .digest = true,
    .note = "UDP port for heartbeats to this node"},
[LOCUM_KEY_NODE_REDIS] = {"nodes.*.redis", ENDPOINT, NONE, OF_NODE(redis), .digest = true,
    .note = "Address or host name, and port, of the Redis at this node",
    .help = "Host names are looked up in the background, and again when a connection is lost. A "
    "Sentinel votes on a site by the instances there, so configure it for every node that has "
    "one. If any node has it, Locum logs in to these addresses only, and warns of a Sentinel that "
    "names another one as the master."},
[LOCUM_KEY_NODE_SENTINEL] = {"nodes.*.sentinel", ENDPOINT, NONE, OF_NODE(sentinel), .digest = true,
    .note = "Address or host name, and port, of the Sentinel at this node"},
[LOCUM_KEY_NODE_FAILOVER] = {"nodes.*.failover", NODE, LIST(1, LOCUM_NODES_MAX),
    DERIVED("the nodes after this one, in their order"), OF_CORE_NODE(failover),
    ITEMS(core.nodes[0].failover[0]), COUNT(core.nodes[0].failover_count), .digest = true,
    .note = "Servers that take over this one's owned names, best first",
    .help = "Servers that are not listed follow in the order of `nodes`."},
[LOCUM_KEY_NODE_MIRRORBITS] = {"nodes.*.mirrorbits", HOST, DERIVED("the node's name"),
    OF_NODE(mirrorbits), .digest = true,
    .note = "Host name by which this node's Mirrorbits announces itself, without its dash and five "
    "digits"},
[LOCUM_KEY_NODE_KEY] = {"nodes.*.key", KEY, LIST(1, LOCUM_KEYRING_KEYS_MAX), NONE, OF_NODE(key),
    ITEMS(nodes[0].key[0]), COUNT(nodes[0].key_count), .digest = true,
    .note = "Public keys of the node, as `locum keygen --node` shows them",
    .help = "The first one is used to sign, all are accepted. There are two only while the key of the node "
    "is replaced."},

[LOCUM_KEY_ZONES] = {"zones", TEXT(0, 0), MAPS(1, LOCUM_ZONES_MAX), REQUIRED, COUNT(zone_count),
    .note = "The zones to answer",
    .help = "The file fixes the names and types that exist; only the addresses in answers change."},
[LOCUM_KEY_ZONE_NAME] = {"zones[].name", DOMAIN, REQUIRED, OF_ZONE(name), .digest = true,
    .note = "Name of the zone"},
[LOCUM_KEY_ZONE_ANSWER] = {"zones[].answer", CHOICE("self all"), DEFAULT("self"), OF_ZONE(policy),
    .digest = true,
    .note = "How shared names are answered",
    .help = "`self`: with the server that is asked, while it works. This needs no vote, because a "
    "server knows its own health best. `all`: with every healthy server, in rotating order; this "
    "suits clients that try a second address."},
[LOCUM_KEY_ZONE_TTL] = {"zones[].ttl", SECONDS(SECOND, DAY), DEFAULT("60s"), OF_ZONE(ttl_s),
    .digest = true,
    .note = "TTL of the usual answers, while every node in them is known to work",
    .help = "Caches keep an answer this long, so it bounds the time of a failover for clients that "
    "have just asked. Less than 30s brings many more queries, and some resolvers keep answers "
    "longer anyway."},
[LOCUM_KEY_ZONE_FAILOVER_TTL] = {"zones[].failover-ttl", SECONDS(SECOND, DAY),
    DERIVED("15s, or ttl if that is less"), OF_ZONE(failover_ttl_s), .digest = true,
    .note = "TTL of all other answers, at most `ttl`",
    .help = "Those are takeovers, and answers with a server that is suspect, not yet heard, failing "
    "or drained. Keep it short, so that clients soon return to the right server."},
[LOCUM_KEY_ZONE_SHARED] = {"zones[].shared", TEXT(0, 0), LIST(0, LOCUM_NAMES_MAX),
    DERIVED("[\"@\"]"),
    .note = "Names that all servers share, relative to the zone",
    .help = "`@` is the zone itself. `*`, alone or as the first label, stands for all names there that do not "
    "exist otherwise (RFC 4592): a name exists if it, or a name below it, is written here or in "
    "`records`."},
[LOCUM_KEY_ZONE_OWNED] = {"zones[].owned", TEXT(0, 0), LISTS(0, LOCUM_NAMES_MAX),
    DERIVED("each server owns the label of its name"),
    .note = "Names of single servers: for each server a list of its names, relative to the zone",
    .help = "For example `{dc2: [dc2], dc3: [dc3, eu]}`. Such a name is answered with its owner, "
    "and with another server while the owner is down. A name belongs to all servers or to one. `*` is "
    "possible as in `shared`."},
[LOCUM_KEY_ZONE_NS] = {"zones[].ns", DOMAIN, LIST(1, LOCUM_NS_MAX), REQUIRED, OF_ZONE(ns),
    ITEMS(zones[0].ns[0]), COUNT(zones[0].ns_count), .digest = true, .check = name_server_wrong,
    .note = "Absolute names of the name servers, as the parent zone has them",
    .help = "None of them may be a shared or owned name, because those move at a failover."},
[LOCUM_KEY_SOA] = {"zones[].soa", MAP, DEFAULT(NULL),
    .note = "The start of authority; the daemon maintains the serial"},
[LOCUM_KEY_SOA_MNAME] = {"zones[].soa.mname", DOMAIN, DERIVED("the first of ns"),
    OF_ZONE(soa.mname), .digest = true, .note = "Primary name server"},
[LOCUM_KEY_SOA_RNAME] = {"zones[].soa.rname", DOMAIN, DERIVED("hostmaster. and the zone"),
    OF_ZONE(soa.rname), .digest = true,
    .note = "Mailbox of the person responsible for the zone, as a domain name"},
[LOCUM_KEY_SOA_REFRESH] = {"zones[].soa.refresh", SECONDS(MINUTE, 30 * DAY), DEFAULT("1h"),
    OF_ZONE(soa.refresh_s), .digest = true, .note = "Refresh interval of secondaries"},
[LOCUM_KEY_SOA_RETRY] = {"zones[].soa.retry", SECONDS(SECOND, 30 * DAY), DEFAULT("10m"),
    OF_ZONE(soa.retry_s), .digest = true, .note = "Retry interval of secondaries"},
[LOCUM_KEY_SOA_EXPIRE] = {"zones[].soa.expire", SECONDS(MINUTE, 365 * DAY), DEFAULT("7d"),
    OF_ZONE(soa.expire_s), .digest = true,
    .note = "Expiry time of secondaries, longer than refresh and retry together"},
[LOCUM_KEY_SOA_MINIMUM] = {"zones[].soa.minimum", SECONDS(SECOND, DAY), DERIVED("failover-ttl"),
    OF_ZONE(soa.minimum_s), .digest = true,
    .note = "How long resolvers remember that a name does not exist (RFC 2308)"},
[LOCUM_KEY_ZONE_RECORDS] = {"zones[].records", TEXT(0, LOCUM_RECORD_TEXT_MAX), LIST(0, LOCUM_RECORDS_MAX), NONE,
    OF_ZONE(records), APART, ITEMS(zones[0].records[0]), COUNT(zones[0].record_count), .digest = true,
    .note = "Static records in zone-file syntax, with owner names relative to the zone",
    .help = "For example `\"@ CAA 0 issue \\\"letsencrypt.org\\\"\"`. TTL and class may be in "
    "either order. Wildcards (RFC 4592), delegations (NS with glue and DS) and DNAME are possible. "
    "At or for a shared or owned name no record may hold an address (A, AAAA, `ipv4hint` of HTTPS "
    "and the like): it would be answered while the server is down."},
[LOCUM_KEY_DNSSEC] = {"zones[].dnssec", MAP, NONE,
    .note = "Sign the zone; without this key it is not signed"},
[LOCUM_KEY_DNSSEC_KEYS] = {"zones[].dnssec.keys", PATH(LOCUM_PATH_MAX), REQUIRED, OF_ZONE(dnssec.keys),
    .note = "Folder with the keys of the zone, as `locum keygen ZONE` writes them",
    .help = "Each `*.key` in it is published, and each `*.private` signs; files of dnssec-keygen(1) and "
    "ldns-keygen(1) serve as well. The simplest is the same files on all nodes. The folder is read at the start "
    "and at each reload. A `.private` is refused if other users can read it."},
[LOCUM_KEY_DNSSEC_VALIDITY] = {"zones[].dnssec.validity", SECONDS(2 * DAY, 90 * DAY), DEFAULT("14d"),
    OF_ZONE(dnssec.validity_s), .digest = true,
    .note = "How long a new signature is valid, in whole days"},
[LOCUM_KEY_DNSSEC_REFRESH] = {"zones[].dnssec.refresh", SECONDS(DAY, 89 * DAY), DEFAULT("7d"),
    OF_ZONE(dnssec.refresh_s), .digest = true,
    .note = "Signatures are replaced before they are valid for less than this, in whole days"},
[LOCUM_KEY_DNSSEC_WITHDRAW] = {"zones[].dnssec.withdraw", FLAG, DEFAULT("false"), OF_ZONE(dnssec.withdraw),
    .digest = true,
    .note = "Ask the parent zone to remove its DS records (RFC 8078); the first step to end signing",
    .help = "The zone stays signed. Remove `dnssec` only when the DS records have been gone for their TTL and an hour."},
[LOCUM_KEY_TRANSFER] = {"zones[].transfer", MAP, DEFAULT(NULL),
    .note = "Who may transfer the zone (AXFR and IXFR): secondary name servers"},
[LOCUM_KEY_TRANSFER_ALLOW] = {"zones[].transfer.allow", PREFIX, LIST(0, LOCUM_TRANSFER_ALLOW_MAX),
    DERIVED("loopback and the addresses of listen.dns"), OF_ZONE(transfer.allow[0]),
    ITEMS(zones[0].transfer.allow[0]), COUNT(zones[0].transfer.allow_count),
    .note = "Addresses and networks that may transfer the zone",
    .help = "A zone that has shared names and `answer: self` can be transferred by this host only: "
    "a secondary would go on naming this server while it is down. See doc/transfers.md."},
[LOCUM_KEY_TRANSFER_KEY_FILE] = {"zones[].transfer.key-file", PATH(LOCUM_PATH_MAX), NONE,
    OF_ZONE(transfer.key_file),
    .note = "File with the keys (TSIG) of which one must sign each request for a transfer",
    .help = "The address must be in `allow` too. The file has the form of BIND, as `tsig-keygen NAME` writes it: "
    "`key \"NAME\" { algorithm hmac-sha256; secret \"BASE64\"; };`, once for each key; hmac-sha512 is the "
    "other algorithm. It is refused if other users can read it. Any key of any zone also verifies an ordinary "
    "query that is signed with it, and the answer is signed too."},
[LOCUM_KEY_TRANSFER_NOTIFY] = {"zones[].transfer.notify", ADDRESS_OR(53), LIST(0, LOCUM_TRANSFER_NOTIFY_MAX), NONE,
    OF_ZONE(transfer.notify[0]), ITEMS(zones[0].transfer.notify[0]), COUNT(zones[0].transfer.notify_count),
    .note = "Secondaries that get a NOTIFY after each change",
    .help = "Each is sent again, for about two minutes, until the secondary answers. It comes from an address of "
    "`listen.dns` and is signed with the first key of `key-file`. Write the same on every node: when one is down, "
    "the others tell the secondaries."},

[LOCUM_KEY_ZONE_HTTPS] = {"zones[].https", MAP, NONE,
    .note = "HTTPS records for the shared and owned names, which follow the plan",
    .help = "They have the protocols below, and hints: the addresses that the name has in A and AAAA "
    "answers at the same time. Without this key there are none. See doc/certificates.md."},
[LOCUM_KEY_ZONE_ALPN] = {"zones[].https.alpn", TEXT(1, LOCUM_ALPN_CHARS_MAX), LIST(1, LOCUM_ALPN_MAX),
    REQUIRED, OF_ZONE(alpn), ITEMS(zones[0].alpn[0]), COUNT(zones[0].alpn_count), .digest = true,
    .check = protocol_wrong,
    .note = "Protocols (ALPN) that every server speaks on port 443 under these names, as in `[h2, h3]`",
    .help = "Browsers then begin with TLS, so each of these names needs a certificate on every server."},
[LOCUM_KEY_ACME] = {"zones[].acme", MAP, NONE,
    .note = "Certificates for the shared and owned names of the zone; see doc/certificates.md"},
[LOCUM_KEY_ACME_DNS] = {"zones[].acme.dns-01", FLAG, DEFAULT("true"), OF_ZONE(dns_01), .digest = true,
    .note = "Whether every node answers `_acme-challenge.NAME` for each of these names, with the values of `locum acme set`",
    .help = "While there are none, the answer is `TXT \"-\"`. A static record of that name takes its place. "
    "With `acme: {}` this is all that is on."},
[LOCUM_KEY_PERSIST] = {"zones[].acme.persist", TEXT(0, 0), MAPS(1, LOCUM_PERSIST_MAX), NONE,
    .stride = sizeof(struct locum_config_zone), COUNT(zones[0].persist_count),
    .note = "Authorities that may issue certificates for each of these names, to these accounts (dns-persist-01)",
    .help = "The record `_validation-persist.NAME TXT \"ISSUER; accounturi=ACCOUNT\"` is served for each name. "
    "So each server renews by itself, with no challenge. Every entry is an account."},
[LOCUM_KEY_PERSIST_ISSUER] = {"zones[].acme.persist[].issuer", DOMAIN, REQUIRED, OF_PERSIST(issuer),
    .digest = true, .note = "Name of the authority, as in CAA records: `letsencrypt.org`"},
[LOCUM_KEY_PERSIST_ACCOUNT] = {"zones[].acme.persist[].account", URL, REQUIRED, OF_PERSIST(account),
    .digest = true, .check = locum_acme_account_wrong,
    .note = "URI of the ACME account", .help = "`certbot show_account` shows it."},
[LOCUM_KEY_PERSIST_WILDCARD] = {"zones[].acme.persist[].wildcard", FLAG, DEFAULT("false"),
    OF_PERSIST(wildcard), .digest = true,
    .note = "Whether it may also issue for `*.NAME` and the names below (`policy=wildcard`)",
    .help = "Where a wildcard is a shared or owned name, it may anyway."},
[LOCUM_KEY_PERSIST_UNTIL] = {"zones[].acme.persist[].until", TEXT(10, 10), NONE, OF_PERSIST(until),
    .digest = true, .check = locum_acme_day_wrong,
    .note = "Last day (UTC) on which the entry is valid, as in `2027-12-31`"},

[LOCUM_KEY_CLIENTS] = {"acme", MAP, NONE,
    .note = "How ACME clients set challenges at this node (dns-01); see doc/certificates.md"},
[LOCUM_KEY_CLIENTS_KEYS] = {"acme.keys", PATH(LOCUM_PATH_MAX), NONE, AT(acme.key_file),
    .note = "File with the keys (TSIG) of which one must sign each UPDATE (RFC 2136)",
    .help = "Certbot, lego, Caddy, Traefik, cert-manager and nsupdate send such messages. Each key may change the TXT "
    "records at the `_acme-challenge` names of all zones with `acme`, and nothing else. The file has the form of "
    "BIND, as for `transfer.key-file`, and is refused if other users can read it. A key must not be in a "
    "`transfer.key-file` too, and allows no transfer. A query that it signs is verified too, as Certbot wants it. "
    "Without `keys` an UPDATE gets NOTIMP."},
[LOCUM_KEY_CLIENTS_TOKEN_FILE] = {"acme.token-file", PATH(LOCUM_PATH_MAX), NONE, AT(acme.token_file),
    .note = "File with the token of HTTP clients, 32 to 255 characters on its first line; refused if other users can read it",
    .help = "Make it with `openssl rand -hex 32`. A client sends it as a bearer token, as the password of basic "
    "authentication (lego: `HTTPREQ_PASSWORD`) or as `X-Api-Key` (acme-dns). A client that has it can get a certificate "
    "for every name of the zones with `acme`."},
[LOCUM_KEY_CLIENTS_LISTEN] = {"acme.listen", ADDRESS, NONE, AT(acme.listen), .restart = true,
    .check = not_loopback,
    .note = "Loopback address and TCP port for HTTP clients, as in `127.0.0.1:9854`",
    .help = "It takes `POST /present` and `POST /cleanup` (lego's provider httpreq) and `POST /update` (acme-dns), "
    "with the token, and nothing else. The control socket takes them too, without a token."},

[LOCUM_KEY_HEARTBEAT] = {"heartbeat", MAP, DEFAULT(NULL),
    .note = "Heartbeats between nodes; each is sent twice, through Redis and directly by UDP"},
[LOCUM_KEY_HEARTBEAT_INTERVAL] = {"heartbeat.interval", DURATION(20, 10 * SECOND),
    DEFAULT("125ms"), AT(core.interval_ms), .digest = true, .note = "Time between two heartbeats"},
[LOCUM_KEY_HEARTBEAT_TIMEOUT] = {"heartbeat.timeout", DURATION(100, 60 * SECOND), DEFAULT("1s"),
    AT(core.timeout_ms), .digest = true,
    .note = "Silence after which a node is suspected, 2 to 100 intervals",
    .help = "With the defaults eight heartbeats fit into it, so single lost packets cause no "
    "suspicion. If a network path is interrupted for 200ms now and then, use 1250ms or more."},
[LOCUM_KEY_HEARTBEAT_RECOVER_AFTER] = {"heartbeat.recover-after", DURATION(100, 600 * SECOND),
    DEFAULT("5s"), AT(core.recover_after_ms), .digest = true,
    .note = "Time of steady heartbeats after which a returned node gets its owned names back",
    .help = "It keeps clients away from a server that fails and returns repeatedly."},

[LOCUM_KEY_REDIS] = {"redis", MAP, DEFAULT(NULL),
    .note = "The Redis that Mirrorbits uses",
    .help = "It carries heartbeats and holds keys for people to read. No answer waits for it; the "
    "daemon starts and runs without it."},
[LOCUM_KEY_REDIS_MASTER_NAME] = {"redis.master-name", TEXT(1, 63),
    DERIVED("mirrorbits if a Redis or a Sentinel is known, else none"), AT(redis.master_name),
    .digest = true, .check = master_name_wrong,
    .note = "Name of the master in the Sentinels' `sentinel monitor`"},
[LOCUM_KEY_REDIS_MIRRORBITS_CONFIG] = {"redis.mirrorbits-config", PATH(LOCUM_PATH_MAX), NONE,
    AT(redis.mirrorbits_config),
    .note = "Configuration file of Mirrorbits, from which missing settings are taken",
    .help = "These are `RedisSentinelMasterName`, `RedisDB`, `RedisPassword` (unless there is a "
    "`user`), `RedisAddress` if no node has `redis`, and `RedisSentinels` if no node has "
    "`sentinel`. Without Sentinels the default of `RedisAddress` counts too, 127.0.0.1:6379. "
    "`locum check` and the log say in one line what was taken. A Sentinel of that file votes only if it is "
    "at an address of a node, or at the host of the node's `redis`. The file is read at the start "
    "and at each reload. If it does not exist, this is an error only if the master's name or all "
    "addresses are missing."},
[LOCUM_KEY_REDIS_USER] = {"redis.user", TEXT(1, 63), NONE, AT(redis.user),
    .note = "ACL user at Redis; needs a password",
    .help = "The required permissions are in `locum.acl`, among the examples."},
[LOCUM_KEY_REDIS_PASSWORD] = {"redis.password", SECRET(255), NONE, AT(redis.password),
    .note = "Password of that user, or of the default user; prefer `password-file`"},
[LOCUM_KEY_REDIS_PASSWORD_FILE] = {"redis.password-file", PATH(LOCUM_PATH_MAX), NONE,
    AT(redis.password_file),
    .note = "File with the password on its first line; refused if other users can read it"},
[LOCUM_KEY_REDIS_SENTINEL_USER] = {"redis.sentinel-user", TEXT(1, 63), NONE,
    AT(redis.sentinel_user),
    .note = "ACL user at the Sentinels; needs a password",
    .help = "The required permissions are in `locum-sentinel.acl`, among the examples."},
[LOCUM_KEY_REDIS_SENTINEL_PASSWORD_FILE] = {"redis.sentinel-password-file", PATH(LOCUM_PATH_MAX),
    NONE, AT(redis.sentinel_password_file),
    .note = "File with the password for the Sentinels on its first line; refused if other users "
    "can read it"},
[LOCUM_KEY_REDIS_DB] = {"redis.db", NUMBER(0, 65535), DEFAULT("0"), AT(redis.db), .digest = true,
    .note = "Database for the keys, the same as that of Mirrorbits",
    .help = "`redis-cli` then shows both. Pub/sub channels have no database, but Mirrorbits sends "
    "its own in its announcements: an announcement for another database does not count, and `locum "
    "status` warns of it."},
[LOCUM_KEY_TLS] = {"redis.tls", MAP, NONE,
    .note = "Use TLS 1.2 or later to Redis and to the Sentinels; without this key, plain text",
    .help = "Chain and name of every certificate are verified. The files are read at the start and "
    "at each reload. If one of them is unusable at a reload, this is logged and the previous "
    "certificates stay in use."},
[LOCUM_KEY_TLS_FOR] = {"redis.tls.for", CHOICE("both redis sentinels"), DEFAULT("both"),
    AT(redis.tls.to),
    .note = "Which connections use TLS, those to `redis`, those to the `sentinels`, or `both`; the "
    "others are plain text"},
[LOCUM_KEY_TLS_CA_FILE] = {"redis.tls.ca-file", PATH(LOCUM_PATH_MAX), REQUIRED,
    AT(redis.tls.ca_file),
    .note = "Trusted certificate authorities, PEM",
    .help = "Those of the system are in `/etc/ssl/certs/ca-certificates.crt`."},
[LOCUM_KEY_TLS_CERT_FILE] = {"redis.tls.cert-file", PATH(LOCUM_PATH_MAX), NONE,
    AT(redis.tls.cert_file),
    .note = "Own certificate and its chain, PEM, if Redis asks for one",
    .help = "It does by default (`tls-auth-clients yes`)."},
[LOCUM_KEY_TLS_KEY_FILE] = {"redis.tls.key-file", PATH(LOCUM_PATH_MAX), NONE,
    AT(redis.tls.key_file),
    .note = "Private key of that certificate, PEM, without passphrase; refused if other users can "
    "read it"},
[LOCUM_KEY_TLS_NAME] = {"redis.tls.name", HOST,
    DERIVED("the host name or address that is connected to"), AT(redis.tls.name),
    .note = "Name that all certificates must be for",
    .help = "Sentinels report addresses. So without this key a certificate must contain the "
    "address, or `nodes.*.redis` must be a host name."},
[LOCUM_KEY_REDIS_TIMEOUT] = {"redis.timeout", DURATION(100, 60 * SECOND), DEFAULT("1s"),
    AT(redis.timeout_ms),
    .note = "Time without a reply after which the connection is closed and the master is looked up "
    "again",
    .help = "A frozen Redis still accepts connections, so only replies count."},
[LOCUM_KEY_REDIS_SENTINEL_POLL] = {"redis.sentinel-poll", DURATION(100, 60 * SECOND),
    DEFAULT("500ms"), AT(core.sentinel_poll_ms),
    .note = "Time between two polls of each Sentinel",
    .help = "The vote of a Sentinel is normally not older than this."},

[LOCUM_KEY_SERVICE] = {"service", MAP, DEFAULT(NULL), .note = "The download service of this node"},
[LOCUM_KEY_CHECKS] = {"service.checks", TEXT(0, 0), MAPS(1, LOCUM_CHECKS_MAX), NONE,
    COUNT(core.check_count),
    .note = "Checks of the service, all of which must pass",
    .help = "A server needs at least one `http`, `tcp`, `tls` or `command` check; a witness ignores them. "
    "Each item has one key, the type of the check, with the settings inside it: `- http: {url: "
    "\"http://127.0.0.1:8080/\"}`."},
[LOCUM_KEY_HTTP] = {"service.checks[].http", MAP, NONE,
    .note = "Request a URL",
    .help = "Redirects are not followed: the check judges this server's own answer."},
[LOCUM_KEY_HTTP_URL] = {"service.checks[].http.url", URL, REQUIRED, OF_CHECK(http.url),
    .note = "The `http://` or `https://` URL, without user and fragment",
    .help = "The server's certificate is verified. A host name is looked up in `/etc/hosts` and by "
    "the name servers of `/etc/resolv.conf`; if they do not answer, its last known addresses "
    "are used. A character outside ASCII is written as its "
    "bytes, `%C3%BC`, and in a host name in its `xn--` form."},
[LOCUM_KEY_HTTP_EXPECT] = {"service.checks[].http.expect", STATUS, DEFAULT("200-399"),
    OF_CHECK(http.expect),
    .note = "Status codes and ranges that pass, at most 8, as in `\"200-299,302\"`"},
[LOCUM_KEY_HTTP_METHOD] = {"service.checks[].http.method", EITHER("GET HEAD"), DEFAULT("GET"),
    OF_CHECK(http.head), .note = "Request method, `GET` or `HEAD`"},
[LOCUM_KEY_HTTP_HOST] = {"service.checks[].http.host", HOST, DERIVED("from the URL"),
    OF_CHECK(http.host),
    .note = "Host header and TLS server name, if the URL has an address",
    .help = "The certificate must be for this name."},
[LOCUM_KEY_HTTP_CONNECT_TO] = {"service.checks[].http.connect-to", ADDRESS, NONE,
    OF_CHECK(http.connect_to),
    .note = "Address and port to connect to instead of the host of the URL",
    .help = "With it a check asks this server by its public name."},
[LOCUM_KEY_HTTP_CA_FILE] = {"service.checks[].http.ca-file", PATH(LOCUM_PATH_MAX), NONE,
    OF_CHECK(http.ca_file),
    .note = "Certificate authorities, PEM, to trust instead of the system's; read again at a "
    "reload",
    .help = "Those of the system, `/etc/ssl/certs/ca-certificates.crt`, are read at the first check, "
    "after a reload, and once a day."},
[LOCUM_KEY_HTTP_HEADERS] = {"service.checks[].http.headers", TEXT(0, 0),
    VALUES(1, LOCUM_HEADERS_MAX), NONE,
    .note = "Header fields to send, by name, as in `{X-Forwarded-Proto: https}`",
    .help = "At most 499 characters in all. They replace the fields that are sent anyway, such as "
    "`User-Agent`. For `Host` use the key `host`. The status and the log do not show the values. "
    "If one is secret, other users must not be able to read this file: `locum check` warns if they "
    "can and a name says so, as `Authorization` does."},
[LOCUM_KEY_HTTP_BODY] = {"service.checks[].http.body", PATTERN, NONE, OF_CHECK(http.body),
    .note = "Pattern that the body must match: a POSIX extended regular expression",
    .help = "Each line of the first 64 KiB of the answer is searched, as `grep -E` does. A match "
    "has at most 256 characters. Counts in braces may multiply to at most 100. A search that takes "
    "longer than 50 ms fails. The same holds for the patterns below."},
[LOCUM_KEY_HTTP_BODY_NOT] = {"service.checks[].http.body-not", PATTERN, NONE,
    OF_CHECK(http.body_not), .note = "Pattern that the body must not match"},
[LOCUM_KEY_HTTP_LOCATION] = {"service.checks[].http.location", PATTERN, NONE,
    OF_CHECK(http.location),
    .note = "The answer must be a redirect to a URL that matches this pattern",
    .help = "`expect` must allow the redirect."},
[LOCUM_KEY_HTTP_LOCATION_NOT] = {"service.checks[].http.location-not", PATTERN, NONE,
    OF_CHECK(http.location_not),
    .note = "The answer must be a redirect; one to a URL that matches this pattern makes the service "
    "degraded, not failing",
    .help = "A server that redirects to a fallback is named only if no other works better. "
    "Mirrorbits without its database redirects so; see the check `mirrorbits` with `file`."},
[LOCUM_KEY_TCP] = {"service.checks[].tcp", MAP, NONE, .note = "Open a TCP connection"},
[LOCUM_KEY_TCP_ADDRESS] = {"service.checks[].tcp.address", ADDRESS, REQUIRED, OF_CHECK(tcp),
    .note = "Address and port to connect to"},
[LOCUM_KEY_CHECK_TLS] = {"service.checks[].tls", MAP, NONE,
    .note = "Look at the certificates of a server that speaks TLS",
    .help = "One connection for each name. `locum status` warns before a certificate ends, "
    "and the metric `locum_certificate_expiry_timestamp_seconds` has its end. The check fails if "
    "nothing answers within the timeout (for each name), or if no handshake succeeds. "
    "Here `interval` is 1m and `timeout` 5s by default. See doc/certificates.md."},
[LOCUM_KEY_CHECK_TLS_ADDRESS] = {"service.checks[].tls.address", ADDRESS, REQUIRED,
    OF_CHECK(tls.address),
    .note = "Address and port to connect to, as in `127.0.0.1:443`"},
[LOCUM_KEY_CHECK_TLS_NAMES] = {"service.checks[].tls.names", DOMAIN, LIST(1, LOCUM_TLS_NAMES_MAX),
    DERIVED("the shared names, and those that this node owns"), OF_CHECK(tls.names),
    ITEMS(checks[0].tls.names[0]), COUNT(checks[0].tls.name_count),
    .note = "Names whose certificates to look at, absolute",
    .help = "Each is sent as the TLS server name, and its certificate must be for it."},
[LOCUM_KEY_CHECK_TLS_WARN_DAYS] = {"service.checks[].tls.warn-days", NUMBER(0, 365), DEFAULT("14"),
    OF_CHECK(tls.warn_days),
    .note = "Days before the end of a certificate from which on there is a warning"},
[LOCUM_KEY_CHECK_TLS_EXPIRY] = {"service.checks[].tls.expiry", EITHER("warn fail"), DEFAULT("warn"),
    OF_CHECK(tls.expiry_fails),
    .note = "What a certificate does that has expired, or that clients refuse for another reason, "
    "such as its name: `warn` or `fail` the check",
    .help = "With `fail`, other servers take over: of use if each server renews its certificates "
    "by itself. If the certificates of all servers end together, all keep their names."},
[LOCUM_KEY_CHECK_TLS_CA_FILE] = {"service.checks[].tls.ca-file", PATH(LOCUM_PATH_MAX), NONE,
    OF_CHECK(tls.ca_file),
    .note = "Certificate authorities, PEM, to trust instead of the system's; read again at a "
    "reload"},
[LOCUM_KEY_COMMAND] = {"service.checks[].command", MAP, NONE,
    .note = "Run a program: exit code 0 passes; another code, a signal or the timeout fails",
    .help = "`locum status` shows the first line of its output. The program runs as the daemon's "
    "user, in `/`, with empty standard input and only `PATH`, `HOME` and `LC_ALL` in its "
    "environment. It leads a process group of its own. When it ends or times out, the whole group "
    "is killed. It gains no rights from a setuid program such as sudo, and cannot mount, trace or "
    "use namespaces (SERVICE in locum(8))."},
[LOCUM_KEY_COMMAND_ARGV] = {"service.checks[].command.argv", TEXT(0, 0), LIST(1, LOCUM_ARGV_MAX),
    REQUIRED,
    .note = "Absolute path of the program and its arguments, at most 499 characters in all",
    .help = "No shell is involved. If you need one, run it: `argv: [/bin/sh, -c, \"test -e "
    "/srv/ready\"]`."},
[LOCUM_KEY_MIRRORBITS] = {"service.checks[].mirrorbits", MAP, NONE,
    .note = "Whether this node's Mirrorbits works",
    .help = "Without `file` it only tells whether Mirrorbits announces itself through Redis: it "
    "fails after 5 seconds without an announcement."},
[LOCUM_KEY_MIRRORBITS_FILE] = {"service.checks[].mirrorbits.file", TEXT(1, 200), NONE,
    OF_CHECK(mirrorbits_file),
    .note = "Path of a file that your mirrors have, as in `/pool/vlc.exe`: also ask Mirrorbits for it",
    .help = "Adds two checks that must pass. `mirrorbits file` sends a HEAD request, which Mirrorbits "
    "does not count as a download: a redirect to one of its `Fallbacks` makes the service degraded; "
    "anything else that is not a redirect, no answer or a refused connection makes it failing, so "
    "`severity` cannot be `degraded`. "
    "`mirrorbits database` asks for `/?mirrorstats` and makes the service degraded after 6 failures "
    "in a row: Mirrorbits has no Redis, or no mirror in it. It reads the page of Mirrorbits' own "
    "template; raise `timeout` where Redis is far away. A fallback must not be a mirror too. Address and `Fallbacks` are taken from "
    "`redis.mirrorbits-config`, which is then needed."},
[LOCUM_KEY_MIRRORBITS_GATE] = {"service.checks[].mirrorbits.gate", FLAG, DEFAULT("false"),
    OF_CORE_CHECK(counts),
    .note = "Whether the announcements must be heard too",
    .help = "`true`: it must. While Redis is unreachable it keeps its last result, and so it does "
    "for 30 seconds after a change of the Redis master while every Mirrorbits is silent; before the "
    "first result it does not count. `false`: the result is only shown."},
[LOCUM_KEY_CHECK_INTERVAL] = {"service.checks[].*.interval", DURATION(50, 600 * SECOND),
    DEFAULT("500ms"), OF_CORE_CHECK(interval_ms), .note = "Time between two probes"},
[LOCUM_KEY_CHECK_TIMEOUT] = {"service.checks[].*.timeout", DURATION(10, 60 * SECOND),
    DEFAULT("500ms"), OF_CHECK(timeout_ms), .note = "A probe that takes longer fails"},
[LOCUM_KEY_CHECK_RISE] = {"service.checks[].*.rise", NUMBER(1, 100), DEFAULT("2"),
    OF_CORE_CHECK(rise), .note = "Successes in a row after which the check passes"},
[LOCUM_KEY_CHECK_FALL] = {"service.checks[].*.fall", NUMBER(1, 100), DEFAULT("3"),
    OF_CORE_CHECK(fall), .note = "Failures in a row after which the check fails"},
[LOCUM_KEY_CHECK_FAST_FAIL] = {"service.checks[].*.fast-fail", FLAG, DEFAULT("true"),
    OF_CORE_CHECK(fast_fail),
    .note = "Whether one refused connection is enough to fail the check",
    .help = "A refused connection means that nothing listens there. `false`: it counts like any "
    "other failure."},
[LOCUM_KEY_CHECK_SEVERITY] = {"service.checks[].*.severity", EITHER("failing degraded"),
    DEFAULT("failing"), OF_CORE_CHECK(degrades),
    .note = "What the service is while this check fails, `failing` or `degraded`",
    .help = "A degraded server is named only if no server works better, but before every failing "
    "one. Use `degraded` for what users notice as slow or incomplete, not as broken."},

[LOCUM_KEY_EVENTS] = {"events", MAP, DEFAULT(NULL),
    .note = "What happened, as shown by `locum events` and the stream in Redis"},
[LOCUM_KEY_EVENTS_KEEP] = {"events.keep", NUMBER(10, 100000), DEFAULT("1000"), AT(events_keep),
    .note = "Number of events to keep"},

[LOCUM_KEY_HOOKS] = {"hooks", TEXT(0, 0), MAPS(1, LOCUM_HOOKS_MAX), NONE, COUNT(hook_count),
    .note = "Programs and web addresses that get events as they happen, for alerts",
    .help = "Each item has `on` and either `command` or `url`. What is sent, who sends it, and "
    "examples: HOOKS in locum(8). Write the same hooks on every node: one that is alone with an alert then "
    "can send it. `locum hooks test` tries them."},
[LOCUM_KEY_HOOK_ON] = {"hooks[].on", CHOICE("condition serving service warning"),
    LIST(1, LOCUM_HOOK_KINDS), REQUIRED, OF_HOOK(on), ITEMS(hooks[0].on[0]), COUNT(hooks[0].on_count),
    .note = "Which events to send",
    .help = "`condition`: a peer is down, silent for longer than 5 seconds without a quorum, or back. "
    "`serving`: what a node answers changed. `service`: the own service changed. `warning`: a warning "
    "began, changed or ended. Reported by one node of the cluster: the condition of a peer, and "
    "`all(...)` and `fail-open`. The rest each node reports for itself."},
[LOCUM_KEY_HOOK_COMMAND] = {"hooks[].command", TEXT(0, 0), LIST(1, LOCUM_ARGV_MAX), NONE,
    .note = "Absolute path of a program and its arguments, at most 499 characters in all",
    .help = "The event is on its standard input, as a line of JSON. It runs as the program of a command check "
    "does. Exit code 0: delivered. It is not repeated. Other users can see the arguments while it runs, so a "
    "secret belongs into a file that the program reads."},
[LOCUM_KEY_HOOK_URL] = {"hooks[].url", URL, NONE, OF_HOOK(url),
    .note = "The `http://` or `https://` URL, without user and fragment, to which the event is posted as JSON",
    .help = "A status of 200 to 299 means that it was delivered. Redirects are not followed. The server's "
    "certificate is verified. Without an answer, and after 408, 429 and 500 to 599, it is repeated up to four "
    "times, after about 1, 2, 4 and 8 seconds; a repeat has the same `id`. Only the host of the URL is shown, "
    "because the rest may be secret. A URL with a query is not part of the kept configuration."},
[LOCUM_KEY_HOOK_SECRET_FILE] = {"hooks[].secret-file", PATH(LOCUM_PATH_MAX), NONE, OF_HOOK(secret_file),
    .note = "File with a secret of 16 to 255 characters on its first line; refused if other users can read it",
    .help = "The header `X-Locum-Signature: sha256=HEX` then has the HMAC-SHA256 of the body with this secret "
    "as the key, so that the receiver can tell who sent it."},
[LOCUM_KEY_HOOK_TIMEOUT] = {"hooks[].timeout", DURATION(100, 60 * SECOND), DEFAULT("10s"), OF_HOOK(timeout_ms),
    .note = "An attempt that takes longer has failed; a program is killed with its process group"},

[LOCUM_KEY_LISTEN] = {"listen", MAP, DEFAULT(NULL),
    .note = "The daemon's own sockets",
    .help = "Wildcard addresses are refused for DNS and heartbeats: an answer must leave from the "
    "address that was asked."},
[LOCUM_KEY_LISTEN_DNS] = {"listen.dns", ADDRESS, LIST_OR_NONE(1, LOCUM_ADDRESSES_MAX),
    DERIVED("the node's addresses, port 53"), AT(listen_dns), ITEMS(listen_dns[0]),
    COUNT(listen_dns_count), .check = listener_wrong,
    .note = "Addresses and ports for DNS, UDP and TCP",
    .help = "Write it if they differ from `address`, for example behind NAT. Write `none` if NSD "
    "owns port 53 and locum-nsd(8) updates it. A witness has none. If one of them has port 53, "
    "or locum-nsd reports, the other nodes ask every `address` of this node on port 53, and the "
    "status is degraded while one does not answer. "
    "Of TCP, 256 connections are open at most, 128 of one client: an IPv4 address, or a /64 of "
    "IPv6. When all are taken, one of the client that has most is closed."},
[LOCUM_KEY_LISTEN_PEER] = {"listen.peer", ADDRESS, LIST(1, LOCUM_ADDRESSES_MAX),
    DERIVED("the node's addresses and port"), AT(listen_peer), ITEMS(listen_peer[0]),
    COUNT(listen_peer_count), .restart = true, .check = listener_wrong,
    .note = "Addresses and UDP ports for heartbeats, if they differ"},
[LOCUM_KEY_LISTEN_HTTP] = {"listen.http", ADDRESS, NONE, AT(listen_http), .restart = true,
    .note = "Address and TCP port of the read-only API with the metrics and the status page, for "
    "monitoring",
    .help = "The status page is at `/`. Ask it by address, as localhost, or by the name of a node (also within the domain of a zone, as "
    "ns0.example.org), of a name server or in a zone: a request for another Host gets 421."},
[LOCUM_KEY_LISTEN_STATUS] = {"listen.status", ADDRESS, LIST(1, LOCUM_ADDRESSES_MAX), NONE,
    AT(listen_status), ITEMS(listen_status[0]), COUNT(listen_status_count), .restart = true,
    .note = "Addresses and TCP ports of the public status page",
    .help = "They serve `/` and no other path, for any Host. The page shows the servers, their states "
    "and the answers. It does not show witnesses, Redis, Sentinels, checks, warnings, events or "
    "the reasons that operators and programs gave."},
[LOCUM_KEY_LISTEN_CONTROL] = {"listen.control", PATH(107), DEFAULT("/run/locum/control.sock"),
    AT(listen_control), .restart = true,
    .note = "Unix socket for commands, mode 0660, group `locum-admin` if there is such a group and the "
    "daemon's user is in it",
    .help = "Every user who may write to it may use all commands."},
[LOCUM_KEY_DNS] = {"dns", MAP, DEFAULT(NULL), .note = "The DNS server"},
[LOCUM_KEY_DNS_WORKERS] = {"dns.workers", NUMBER(1, 16), DEFAULT("1"), AT(dns_workers),
    .restart = true,
    .note = "Threads for each UDP address",
    .help = "One thread answers tens of thousands of queries a second."},
[LOCUM_KEY_RATE_LIMIT] = {"dns.rate-limit", MAP, DEFAULT(NULL),
    .note = "Limits the answers by UDP to clients in one network, so that queries with a forged source do not flood it",
    .help = "Answers are counted for each IPv4 /24 or IPv6 /56 of clients: records for each name; names that do "
    "not exist, types that a name does not have, and ANY for each zone; errors together. "
    "Not limited are TCP, clients with a valid cookie, loopback, the addresses of `listen.dns` and `exempt`. See "
    "doc/operations.md for what to do when a resolver is limited."},
[LOCUM_KEY_RATE_LIMIT_RESPONSES] = {"dns.rate-limit.responses-per-second", NUMBER(0, 100000), DEFAULT("200"),
    AT(rate_limit.responses_per_second),
    .note = "Answers a second from one address of `listen.dns`, for each of these counts",
    .help = "Each of `dns.workers` gives its share. A client that uses one source port reaches one worker and gets one share: "
    "exempt such a forwarder or load balancer. `0`: no limit."},
[LOCUM_KEY_RATE_LIMIT_SLIP] = {"dns.rate-limit.slip", NUMBER(0, 10), DEFAULT("2"), AT(rate_limit.slip),
    .note = "One in so many answers over the limit is sent short, and the rest are dropped",
    .help = "A short answer is no longer than the query: truncated, so that the client asks again by TCP, or "
    "an error without its options. A client that sends a cookie gets BADCOOKIE with a new one instead. `1`: all of them; "
    "`0`: none."},
[LOCUM_KEY_RATE_LIMIT_EXEMPT] = {"dns.rate-limit.exempt", PREFIX, LIST(0, LOCUM_CONFIG_EXEMPT_MAX), NONE,
    AT(rate_limit.exempt), ITEMS(rate_limit.exempt[0]), COUNT(rate_limit.exempt_count),
    .note = "Addresses and networks of clients that are not limited, such as a large resolver"},
};
/* clang-format on */

_Static_assert(LOCUM_COUNT(rows) == LOCUM_KEYS && LOCUM_COUNT(rows) <= LOCUM_SCHEMA_ROWS_MAX,
               "every key has a row");
const struct locum_schema locum_keys = {rows, LOCUM_COUNT(rows)};
