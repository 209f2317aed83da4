/* The kinds of warnings, with their meaning, and what is judged by the kind alone. */
#include <string.h>

#include "base/error.h"
#include "report/report.h"
#include "report/warnings.h"

/* What warnings with events are about. Those about `excluded`, `one-way` and `answers` have other
 * events: excluded, one-way and publish-failed. */
static const struct {
    const char *about;
    const char *meaning; /* for locum(8) */
} rows[] = {
    {"check", "A check could not be run for a minute, because this machine lacks descriptors, "
              "memory or processes, or because the value of its header is not kept."},
    {"certificate",
     "A certificate that a `tls` check looks at (its address and name are in `peer`) "
     "ends within `warn-days`, has expired, or clients refuse it."},
    {"clock", "The peer's clock and this node's differ by more than 5 seconds; or, without a peer, "
              "this node signs zones and its clock is in doubt: more than 5 minutes off its peers, "
              "or set by more than that."},
    {"configuration", "The peer has a different configuration; the text names the keys."},
    {"dns",
     "An address of `listen.dns` is not open; or the peer says so of its own, or its DNS does "
     "not answer this node."},
    {"dnssec",
     "The zone (its name is in `peer`) is served unsigned, because its keys cannot be used."},
    {"ds", "The parent's DS records for the zone (its name is in `peer`) are of no key that signs "
           "here, so resolvers that validate refuse its answers."},
    {"duplicate",
     "Two nodes run under the peer's name, or heartbeats of a run of it are replayed."},
    {"family", "The peer or this node has lost an address family; the other one works."},
    {"file", "The configuration file, or one that it names, is refused as it is on the disk now."},
    {"hook", "The last event of a hook (its number is in `peer`) was not delivered, or events were "
             "dropped in the last hour because its queue was full, or it is off."},
    {"ignored", "Heartbeats of the peer with a valid signature were ignored in the last minute, "
                "because they could not be read."},
    {"incarnation", "The peer acknowledges a run of this node that is more than a day ahead of "
                    "this node's clock, or beyond every clock; it was ignored."},
    {"key", "With keys of nodes: the peer is heard by the cluster secret only. Such heartbeats do "
            "not count with `peer-keys: require`."},
    {"keys", "The keys of the signed zone (its name is in `peer`) are not as their files say, or "
             "CDS cannot follow them; or the peer's keys are not known here. `locum keys` shows "
             "them."},
    {"mirrorbits",
     "The node's Mirrorbits announces itself for a database other than `redis.db`; or, "
     "without a node, one announces itself under a host name that is no node's."},
    {"nodes", "A coordinator that has this cluster's secret is not in `nodes`, or the peer does "
              "not have this node in its `nodes`."},
    {"nsec", "The peer has other NSEC records for the signed zones than this node."},
    {"nsd",
     "With `listen: {dns: none}`: the zone (its name is in `peer`) is missing or out of date in "
     "NSD on this node. No `locum-nsd` has it in its configuration, or `locum-nsd` could not load "
     "it into NSD, or no longer reports."},
    {"order", "The peer was not accepted for two timeouts, because a heartbeat with a far higher "
              "number had been; its order was reset in the last ten minutes."},
    {"parent",
     "For an hour no resolver of this machine has reported which DS records the parent has for the "
     "zone (its name is in `peer`)."},
    {"path", "Three false suspicions of the peer in the last hour: heartbeats are being lost "
             "on the network path."},
    {"rate-limit", "Answers by UDP to a network of clients are limited (`dns.rate-limit`). The "
                   "status stays OK: anyone can cause it with forged sources."},
    {"redis", "The peer is heard by UDP but not through Redis; or, without a peer, this node is "
              "connected to Redis but its own heartbeats do not come back."},
    {"secondary", "A secondary in `zones[].transfer.notify` did not confirm a NOTIFY for about two "
                  "minutes. Its answers may be old."},
    {"secret", "The peer signs with another accepted secret than this node: the rotation is not "
               "finished."},
    {"signature",
     "Heartbeats with an invalid signature, in the name of the peer or of an unknown sender, "
     "arrived in the last minute. The status stays OK if they cannot be the peer's own."},
    {"signatures",
     "The signatures of the zone (its name is in `peer`) end within 24 hours, or have expired; or, "
     "without a zone, one that this node made in the last hour did not verify, and was made "
     "again."},
    {"state",
     "The state folder is not writable: a restart would lose drains, exclusions and the last "
     "good configuration."},
    {"tilt", "The peer's Sentinel is in TILT and no coordinator votes for that site."},
    {"udp", "The peer is heard through Redis but not by UDP, usually because a firewall blocks the "
            "port; or, without a peer, an address of `listen.peer` is not open on this node."},
    {"unknown-instances",
     "A Sentinel lists a Redis or Sentinel that belongs to no node or to two nodes."},
    {"unknown-master",
     "The Sentinel of the peer (or, without a peer, one that belongs to no node) names a master "
     "that is in no `nodes.*.redis`. This node does not log in there, because the server would "
     "receive a password."},
    {"vote", "The peer's Sentinel answers, but cannot vote on some servers."},
};

const char *
locum_warnings_about(size_t i, const char **ret_meaning)
{
    if (i == LOCUM_COUNT(rows)) {
        return NULL;
    }
    *ret_meaning = rows[i].meaning;
    return rows[i].about;
}

static bool
is_about(const char *key, const char *about)
{
    const size_t length = strcspn(key, " ");
    return strncmp(key, about, length) == 0 && about[length] == '\0';
}

bool
locum_warnings_has_event(const char *key)
{
    size_t i = 0;
    while (i < LOCUM_COUNT(rows) && !is_about(key, rows[i].about)) {
        i++;
    }
    return i < LOCUM_COUNT(rows);
}

bool
locum_warnings_is_limited(const char *key)
{
    static const char *const abouts[] = {
        "ds",     "duplicate",  "hook",      "key",       "mirrorbits",
        "parent", "rate-limit", "secondary", "signature", "unknown-instances"};
    for (size_t i = 0; i < LOCUM_COUNT(abouts); i++) {
        if (is_about(key, abouts[i])) {
            return true;
        }
    }
    return false;
}

bool
locum_warnings_matters(const struct locum_report *report, const char *key)
{
    const struct locum_core *core = report->core;
    const char *name = key + strcspn(key, " ");
    const locum_node node =
        *name == ' ' ? locum_nodes_find(&core->config, locum_slice_of(name + 1)) : LOCUM_NODE_NONE;
    if (is_about(key, "key")) { /* of one that is heard by its key, others send the rest */
        return node == LOCUM_NODE_NONE ||
               locum_evidence_heard_by(report->evidence, node, report->now.mono) !=
                   LOCUM_HEARD_BY_KEY;
    }
    if (is_about(key, "rate-limit")) {
        return false;
    }
    if (!is_about(key, "signature")) {
        return true;
    }
    return node != LOCUM_NODE_NONE &&
           !locum_view_heard_within_limit(&core->view, &core->config, node, report->now.mono);
}

size_t
locum_warnings_count_about(const struct locum_report *report, json_t *warnings, const char *about)
{
    size_t count = 0;
    const char *key;
    json_t *text;
    json_object_foreach(warnings, key, text)
    {
        count += is_about(key, about) && locum_warnings_matters(report, key);
    }
    return count;
}

size_t
locum_warnings_count(const struct locum_report *report, bool events_only)
{
    size_t count = 0;
    const char *key;
    json_t *text;
    json_t *warnings = locum_warnings_find(report);
    json_object_foreach(warnings, key, text)
    {
        count +=
            locum_warnings_matters(report, key) && (!events_only || locum_warnings_has_event(key));
    }
    json_decref(warnings);
    return count;
}
