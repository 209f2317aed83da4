/* GET /explain: the rule for a name, the facts of each server with ages and votes, the answers. */
#include "base/text_format.h"
#include "core/vote.h"
#include "dns/https.h"
#include "report/report.h"

enum { LINE_BYTES_MAX = 1024, HTTPS_BYTES_MAX = 16384 };

json_t *
locum_report_names(const struct locum_core_config *config, locum_nodes set)
{
    json_t *names = json_array();
    for (locum_node node = 0; node < config->node_count; node++) {
        if (locum_nodes_has(set, node)) {
            (void)json_array_append_new(names, json_string(config->nodes[node].name));
        }
    }
    return names;
}

static json_t *
addresses_of(const struct locum_config *config, locum_nodes set, enum locum_family family)
{
    json_t *addresses = json_array();
    for (locum_node node = 0; node < config->core.node_count; node++) {
        const struct locum_config_node *of = &config->nodes[node];
        for (size_t i = 0; locum_nodes_has(set, node) && i < of->address_count; i++) {
            if (of->address[i].family == family) {
                (void)json_array_append_new(
                    addresses, json_string(locum_address_host_text(&of->address[i]).text));
            }
        }
    }
    return addresses;
}

/* The HTTPS record that is made of both. */
static void
add_https(const struct locum_config *config, const struct locum_core *core, size_t name,
          json_t *answers)
{
    const struct locum_answer *from = core->plan.answers[name];
    const locum_nodes nodes = from[LOCUM_V4].nodes | from[LOCUM_V6].nodes;
    char data[HTTPS_BYTES_MAX];
    struct locum_text text = locum_text_init(data, sizeof(data));
    if (nodes == 0 || !locum_https_is_on(config, name)) {
        return;
    }
    locum_https_add(config, name, from, &text);
    (void)json_array_append_new(
        answers, json_pack("{s:s, s:s, s:I, s:[s], s:o, s:s}", "name", config->names[name].name,
                           "type", "HTTPS", "ttl_s", (json_int_t)locum_https_ttl(from), "answers",
                           data, "nodes", locum_report_names(&core->config, nodes), "reason",
                           "its hints are the addresses of A and AAAA"));
}

void
locum_report_add_answers(const struct locum_config *config, const struct locum_core *core,
                         size_t name, json_t *answers)
{
    static const char *const types[] = {"A", "AAAA"};
    for (enum locum_family family = LOCUM_V4; family <= LOCUM_V6; family++) {
        const struct locum_answer *answer = &core->plan.answers[name][family];
        char reason[LINE_BYTES_MAX];
        struct locum_text text = locum_text_init(reason, sizeof(reason));
        if (answer->nodes == 0) {
            continue;
        }
        locum_plan_reason_add(&text, &core->config, name, answer);
        (void)json_array_append_new(
            answers, json_pack("{s:s, s:s, s:I, s:o, s:o, s:s}", "name", config->names[name].name,
                               "type", types[family], "ttl_s", (json_int_t)answer->ttl_s, "answers",
                               addresses_of(config, answer->nodes, family), "nodes",
                               locum_report_names(&core->config, answer->nodes), "reason", reason));
    }
    add_https(config, core, name, answers);
}

locum_nodes
locum_report_voters(const struct locum_core *core, locum_node node, struct locum_now now)
{
    const enum locum_condition own = locum_detector_state_code(&core->detector, node);
    const locum_nodes voters = locum_vote_count(&core->view, &core->config, node, now.mono);
    return own == LOCUM_SUSPECT || own == LOCUM_DOWN ? voters
                                                     : voters & ~locum_nodes_of(core->config.self);
}

static void
add_age(struct locum_text *line, const char *path, locum_ms heard, struct locum_now now)
{
    if (heard == LOCUM_NEVER) {
        locum_text_format(line, "%s never", path);
    } else {
        locum_text_format(line, "%s %s ago", path, locum_text_age(now.mono - heard).text);
    }
}

/* One server: the facts that its rank follows from, as this node sees them. */
static void
add_server(struct locum_text *line, const struct locum_core *core, locum_node node,
           struct locum_now now)
{
    const struct locum_path_facts *path = core->view.peer[node].path;
    const bool own = node == core->config.self;
    const enum locum_condition condition = locum_core_condition(core, node);
    const enum locum_service service = locum_core_service(core, node);
    const bool past =
        service != LOCUM_SERVICE_UNKNOWN &&
        (condition == LOCUM_UNKNOWN || condition == LOCUM_SUSPECT || condition == LOCUM_DOWN);
    locum_text_format(line, "%s: rank %s%s%s, service %s%s, admin %s%s",
                      core->config.nodes[node].name, locum_names_rank(locum_core_rank(core, node)),
                      own ? " (this node)" : ", condition ",
                      own ? "" : locum_names_condition(condition), past ? "was " : "",
                      locum_names_service(service), locum_names_admin(locum_core_admin(core, node)),
                      locum_nodes_has(core->admin.excluded, node) ? ", excluded here" : "");
    for (enum locum_family family = LOCUM_V4; family <= LOCUM_V6; family++) {
        if (core->families.at[node][family].lost) {
            locum_text_format(line, ", rank %s in %s, which it has lost",
                              locum_names_rank(core->rank[node].in[family]),
                              locum_names_family(family));
        }
    }
    if (!own) {
        const locum_nodes voters = locum_vote_count(&core->view, &core->config, node, now.mono) &
                                   ~locum_nodes_of(core->config.self);
        add_age(line, "; heard by redis", path[LOCUM_PATH_REDIS].heard, now);
        add_age(line, ", by udp", path[LOCUM_PATH_UDP].heard, now);
        locum_text_add(line, "; silent to other nodes: ");
        if (voters != 0) {
            locum_nodes_add(line, &core->config, voters);
        } else {
            locum_text_add(line, "none");
        }
        locum_text_format(line, " (quorum: %u of %zu nodes, this one included)",
                          core->config.quorum, core->config.node_count);
    }
}

/* The rule by which doc/decisions.md chooses the servers of this name. */
static void
add_rule(struct locum_text *line, const struct locum_core_config *config,
         const struct locum_core_name *name)
{
    locum_node order[LOCUM_NODES_MAX];
    const bool shared = name->owner == LOCUM_NODE_NONE;
    const locum_node first = shared ? config->self : name->owner;
    const size_t count = locum_plan_successors(config, first, order);
    if (shared && name->policy == LOCUM_ANSWER_ALL) {
        locum_text_add(line, "rule: a shared name, answer all: every server of the best rank; if "
                             "that is A to D, those of rank E too");
        return;
    }
    locum_text_format(line, "rule: %s; ties go to %s",
                      shared ? "a shared name, answer self: the best rank"
                             : "an owned name: its owner while it has rank A or E, else the best "
                               "rank",
                      config->nodes[first].name);
    for (size_t i = 0; i < count; i++) {
        locum_text_format(line, ", then %s", config->nodes[order[i]].name);
    }
}

json_t *
locum_report_explain(const struct locum_report *report, size_t name, const struct locum_core *core,
                     const char *supposed)
{
    char buffer[LINE_BYTES_MAX];
    json_t *lines = json_array();
    json_t *answers = json_array();
    struct locum_text line = locum_text_init(buffer, sizeof(buffer));
    add_rule(&line, &core->config, &core->config.names[name]);
    (void)json_array_append_new(lines, json_string(buffer));
    for (locum_node node = 0; node < core->config.node_count; node++) {
        if (core->config.nodes[node].role == LOCUM_ROLE_SERVER) {
            line = locum_text_init(buffer, sizeof(buffer));
            add_server(&line, core, node, report->now);
            (void)json_array_append_new(lines, json_string(buffer));
        }
    }
    locum_report_add_answers(report->config, core, name, answers);
    return json_pack("{s:s, s:s?, s:o, s:o}", "name", report->config->names[name].name, "supposed",
                     supposed, "lines", lines, "answers", answers);
}
