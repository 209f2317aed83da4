/*
 * The node's hash in Redis, for people and dashboards: what the node says of itself and of the
 * others. locum(8) lists the fields from here.
 */
#include <inttypes.h>

#include "base/text_format.h"
#include "report/report.h"

enum { ANSWERS_BYTES_MAX = 64 * 1024, FIELD_BYTES_MAX = 2048 };

/* The fields, in the order in which locum_report_hash() gives their values; with their meaning, for
 * locum(8). */
static const struct {
    const char *name, *meaning;
} rows[LOCUM_HASH_FIELDS] = {
    {"role", "`server` or `witness`."},
    {"service", "State of the node's own service."},
    {"admin", "`ready`, `drain` or `maint`."},
    {"serving", "What the node answers, as in the event `serving`."},
    {"conditions", "The condition of each peer at this node: dc3=down,ns0=alive."},
    {"ranks", "The rank of each server, A (best) to G; where its families differ, IPv4/IPv6: A/F."},
    {"answers", "Each name and type with its addresses."},
    {"since", "Time of the last change of `serving`."},
    {"seq", "Number of its last heartbeat."},
    {"incarnation", "Number of this run."},
    {"version", "Version of the program."},
    {"digest",
     "Digest of the configuration; nodes with the same digest have the same configuration."},
    {"heartbeat-ms", "Unix time of its last heartbeat in milliseconds."},
    {"mirrorbits", "Name that its Mirrorbits announces; empty if not heard for 5 seconds."},
};

const char *
locum_report_hash_name(size_t i, const char **ret_meaning)
{
    *ret_meaning = rows[i].meaning;
    return rows[i].name;
}

/* A name and its addresses: get.example.org./A=192.0.2.12+192.0.2.13 */
static void
add_answer(const struct locum_report *report, size_t name, enum locum_family family,
           struct locum_text *text)
{
    const locum_nodes nodes = report->core->plan.answers[name][family].nodes;
    const char *separator = "=";
    if (nodes == 0) {
        return;
    }
    locum_text_format(text, "%s%s/%s", text->length > 0 ? " " : "",
                      report->config->names[name].name, family == LOCUM_V4 ? "A" : "AAAA");
    for (locum_node node = 0; node < report->config->core.node_count; node++) {
        const struct locum_config_node *config = &report->config->nodes[node];
        for (size_t i = 0; locum_nodes_has(nodes, node) && i < config->address_count; i++) {
            if (config->address[i].family == family) {
                locum_text_add(text, separator);
                locum_text_add(text, locum_address_host_text(&config->address[i]).text);
                separator = "+";
            }
        }
    }
}

/* "dc2=alive,dc3=down": the peers' conditions, or the servers' ranks. */
static void
add_states(const struct locum_core *core, bool ranks, struct locum_text *text)
{
    for (locum_node node = 0; node < core->config.node_count; node++) {
        const enum locum_role role = core->config.nodes[node].role;
        const bool has = ranks ? role == LOCUM_ROLE_SERVER
                               : node != core->config.self && role != LOCUM_ROLE_SENTINEL;
        if (has) {
            const enum locum_rank *in = core->rank[node].in;
            const bool *both = core->config.nodes[node].has;
            const bool differ =
                ranks && both[LOCUM_V4] && both[LOCUM_V6] && in[LOCUM_V4] != in[LOCUM_V6];
            locum_text_format(text, "%s%s=%s%s%s", text->length > 0 ? "," : "",
                              core->config.nodes[node].name,
                              differ  ? locum_names_rank(in[LOCUM_V4])
                              : ranks ? locum_names_rank(locum_core_rank(core, node))
                                      : locum_names_condition(locum_core_condition(core, node)),
                              differ ? "/" : "", differ ? locum_names_rank(in[LOCUM_V6]) : "");
        }
    }
}

void
locum_report_hash(const struct locum_report *report,
                  struct locum_field ret_fields[LOCUM_HASH_FIELDS])
{
    static char answers[ANSWERS_BYTES_MAX];
    static char conditions[FIELD_BYTES_MAX], ranks[FIELD_BYTES_MAX], serving[FIELD_BYTES_MAX];
    static char since[32], seq[24], incarnation[24], heartbeat[24];
    const struct locum_core *core = report->core;
    const struct locum_core_config *config = &core->config;
    struct locum_text text = locum_text_init(answers, sizeof(answers));
    for (size_t i = 0; i < config->name_count; i++) {
        add_answer(report, i, LOCUM_V4, &text);
        add_answer(report, i, LOCUM_V6, &text);
    }
    text = locum_text_init(conditions, sizeof(conditions));
    add_states(core, false, &text);
    text = locum_text_init(ranks, sizeof(ranks));
    add_states(core, true, &text);
    text = locum_text_init(serving, sizeof(serving));
    locum_plan_serving_add(&text, config, core->serving);
    (void)locum_text_format_buffer(since, sizeof(since), "%s",
                                   locum_text_time(report->run->serving_since).text);
    (void)locum_text_format_buffer(seq, sizeof(seq), "%" PRIu64, core->view.seq);
    (void)locum_text_format_buffer(incarnation, sizeof(incarnation), "%" PRIu64,
                                   core->view.incarnation);
    (void)locum_text_format_buffer(heartbeat, sizeof(heartbeat), "%" PRIi64, report->now.wall);
    const bool seen = locum_view_mirrorbits_seen(&core->view, config->self, report->now.mono);
    const char *const values[] = {
        locum_names_role(config->nodes[config->self].role),
        locum_names_service(core->service.state),
        locum_names_admin(core->admin.state),
        serving,
        conditions,
        ranks,
        answers,
        since,
        seq,
        incarnation,
        config->version,
        config->digest,
        heartbeat,
        seen ? report->run->mirrorbits : "",
    };
    _Static_assert(LOCUM_COUNT(values) == LOCUM_HASH_FIELDS, "a value for each name");
    for (size_t i = 0; i < LOCUM_HASH_FIELDS; i++) {
        ret_fields[i] = (struct locum_field){.key = rows[i].name, .value = values[i]};
    }
}
