/* The web servers, and what the own daemon says of the nodes. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/text_format.h"
#include "doctor/judge.h"

enum {
    DAY_S = 86400,
    SILENT_TIMEOUTS = 3, /* a path over which nothing came for so many heartbeat timeouts is cut */
};

static void
judge_certificate(const struct locum_doctor_facts *facts, const struct locum_doctor_fetch *fetch,
                  const char *subject, const char *node, struct locum_doctor_findings *ret)
{
    const int64_t left_s = fetch->expires_s - facts->now_s;
    if (fetch->expires_s != 0 && left_s <= 0) {
        locum_doctor_finding_add(ret, LOCUM_DOCTOR_CERTIFICATE_EXPIRED, NULL, subject,
                                 "the certificate of %s at %s (%s) expired on %s", fetch->url, node,
                                 locum_address_host_text(&fetch->address).text,
                                 locum_text_time(fetch->expires_s * 1000).text);
    } else if (fetch->state == LOCUM_DOCTOR_WEB_CERTIFICATE) {
        locum_doctor_finding_add(ret, LOCUM_DOCTOR_CERTIFICATE, NULL, subject,
                                 "the certificate of %s at %s (%s) is not valid: %s", fetch->url,
                                 node, locum_address_host_text(&fetch->address).text, fetch->text);
    } else if (fetch->expires_s != 0 && left_s < LOCUM_DOCTOR_CERTIFICATE_DAYS * DAY_S) {
        locum_doctor_finding_add(ret, LOCUM_DOCTOR_CERTIFICATE_ENDS, NULL, subject,
                                 "the certificate of %s at %s (%s) ends on %s", fetch->url, node,
                                 locum_address_host_text(&fetch->address).text,
                                 locum_text_time(fetch->expires_s * 1000).text);
    }
}

static void
judge_fetch(const struct locum_doctor_facts *facts, const struct locum_doctor_fetch *fetch,
            struct locum_doctor_findings *ret)
{
    const char *node = facts->config->core.nodes[fetch->node].name;
    const struct locum_address_text address = locum_address_host_text(&fetch->address);
    char subject[LOCUM_DOCTOR_SUBJECT_MAX + 1];
    (void)locum_text_format_buffer(subject, sizeof(subject), "%s at %s (%s)",
                                   facts->config->names[fetch->name].name, node, address.text);
    switch (fetch->state) {
    case LOCUM_DOCTOR_WEB_NO_ROUTE:
        locum_doctor_finding_skip(ret, "the web server of %s at %s: this host has no route to it",
                                  node, address.text);
        return;
    case LOCUM_DOCTOR_WEB_UNREACHABLE:
        locum_doctor_finding_add(ret, LOCUM_DOCTOR_WEB_DEAD, NULL, subject, "%s at %s (%s): %s",
                                 fetch->url, node, address.text, fetch->text);
        break;
    case LOCUM_DOCTOR_WEB_STATUS:
        locum_doctor_finding_add(ret, LOCUM_DOCTOR_WEB_HOST, NULL, subject, "%s at %s (%s): %s",
                                 fetch->url, node, address.text, fetch->text);
        break;
    case LOCUM_DOCTOR_WEB_CERTIFICATE:
    case LOCUM_DOCTOR_WEB_OK: break;
    }
    judge_certificate(facts, fetch, subject, node, ret);
}

void
locum_doctor_judge_web(const struct locum_doctor_facts *facts, struct locum_doctor_findings *ret)
{
    for (size_t i = 0; i < facts->fetch_count; i++) {
        judge_fetch(facts, &facts->fetches[i], ret);
    }
    if (facts->fetches_left_out) {
        locum_doctor_finding_skip(ret,
                                  "the web servers beyond %zu requests: examine each zone alone",
                                  facts->fetch_count);
    }
}

/* The paths by which a node that is alive is heard. */
static void
judge_paths(const struct locum_doctor_facts *facts, const struct locum_doctor_node *node,
            const char *name, struct locum_doctor_findings *ret)
{
    const int64_t limit_ms = SILENT_TIMEOUTS * facts->config->core.timeout_ms;
    const bool udp = node->udp_ms >= 0 && node->udp_ms < limit_ms;
    const bool redis = node->redis_ms >= 0 && node->redis_ms < limit_ms;
    if (!udp && !redis) {
        return; /* its condition says so */
    }
    if (!udp) {
        locum_doctor_finding_add(ret, LOCUM_DOCTOR_NODE_UDP, NULL, name,
                                 "%s is not heard by UDP, but through Redis", name);
    } else if (!redis && facts->config->core.redis && !facts->redis_lost) {
        locum_doctor_finding_add(ret, LOCUM_DOCTOR_NODE_REDIS, NULL, name,
                                 "%s is not heard through Redis, but by UDP", name);
    }
}

static void
judge_node(const struct locum_doctor_facts *facts, locum_node at, struct locum_doctor_findings *ret)
{
    const struct locum_doctor_node *node = &facts->nodes[at];
    const struct locum_core_config *core = &facts->config->core;
    const char *name = core->nodes[at].name;
    const char *condition = node->condition;
    if (!node->listed) {
        locum_doctor_finding_add(ret, LOCUM_DOCTOR_CONFIGURATION, NULL, name,
                                 "the running daemon does not know %s: it has not loaded this file",
                                 name);
        return;
    }
    if (node->sentinel_lost) {
        locum_doctor_finding_add(ret, LOCUM_DOCTOR_SENTINEL, NULL, name,
                                 "the Sentinel of %s is not connected", name);
    }
    if (node->digest[0] != '\0' && strcmp(node->digest, core->digest) != 0) {
        locum_doctor_finding_add(ret, LOCUM_DOCTOR_CONFIGURATION, NULL, name,
                                 "the daemon of %s runs with the configuration %s, this file is %s",
                                 name, node->digest, core->digest);
    }
    if (node->self || condition[0] == '\0') {
        return;
    }
    if (strcmp(condition, "alive") != 0 && strcmp(condition, "returning") != 0) {
        locum_doctor_finding_add(ret, LOCUM_DOCTOR_NODE_DOWN, NULL, name, "%s is %s", name,
                                 condition);
        return;
    }
    judge_paths(facts, node, name, ret);
    if (node->clock_known && fabs(node->clock_s) > LOCUM_DOCTOR_CLOCK_S) {
        locum_doctor_finding_add(ret, LOCUM_DOCTOR_CLOCK, NULL, name,
                                 "the clock of %s is %.0f s %s this node's", name,
                                 fabs(node->clock_s), node->clock_s > 0 ? "ahead of" : "behind");
    }
}

void
locum_doctor_judge_nodes(const struct locum_doctor_facts *facts, struct locum_doctor_findings *ret)
{
    if (!facts->daemon) {
        locum_doctor_finding_skip(
            ret,
            "paths between the nodes (UDP, Redis, Sentinels), clocks, and whether all nodes have "
            "the same configuration: the daemon of this node does not answer (%s)",
            facts->lacks_daemon);
        return;
    }
    if (facts->redis_lost) {
        locum_doctor_finding_add(ret, LOCUM_DOCTOR_REDIS, NULL, "redis",
                                 "this node is not connected to Redis");
    }
    for (locum_node node = 0; node < facts->config->core.node_count; node++) {
        judge_node(facts, node, ret);
    }
}
