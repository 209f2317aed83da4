/* GET /explain: why a name is answered so; facts with their ages, votes, the rule, the answer. */
#include "daemon/daemon.h"

#include "core/vote.h"

enum { LINE_BYTES_MAX = 1024 };

static void
add_age(struct locum_text *line, const char *path, locum_ms heard, struct locum_now now)
{
    locum_text_add(line, path);
    if (heard == LOCUM_NEVER) {
        locum_text_add(line, " never");
    } else {
        locum_text_add_char(line, ' ');
        locum_text_add_i64(line, now.mono - heard);
        locum_text_add(line, " ms ago");
    }
}

static void
add_votes(struct locum_text *line, const struct locum_core *core, locum_node node,
          struct locum_now now)
{
    const locum_nodes voters = locum_vote_count(&core->view, &core->config, node, now.mono) &
                               ~locum_nodes_of(core->config.self);
    locum_text_add(line, "; votes against it by others: ");
    locum_nodes_add(line, &core->config, voters);
    locum_text_add(line, " (quorum ");
    locum_text_add_u64(line, core->config.quorum);
    locum_text_add(line, " of ");
    locum_text_add_u64(line, core->config.node_count);
    locum_text_add(line, " with this node's own)");
}

/* One server as this node sees it. */
static void
add_server(struct locum_text *line, const struct locum_core *core, locum_node node,
           struct locum_now now)
{
    const struct locum_peer_facts *facts = &core->view.peer[node];
    const bool own = node == core->config.self;
    locum_text_add(line, core->config.nodes[node].name);
    locum_text_add(line, ": rank ");
    locum_text_add(line, locum_names_rank(core->rank[node]));
    locum_text_add(line, own ? " (this node)" : ", condition ");
    locum_text_add(line, own ? "" : locum_names_condition(locum_core_condition(core, node)));
    locum_text_add(line, ", service ");
    locum_text_add(line, locum_names_service(locum_core_service(core, node)));
    locum_text_add(line, ", admin ");
    locum_text_add(line, locum_names_admin(locum_core_admin(core, node)));
    locum_text_add(line, locum_nodes_has(core->admin.excluded, node) ? ", excluded here" : "");
    if (!own) {
        add_age(line, "; heard by redis", facts->path[LOCUM_PATH_REDIS].heard, now);
        add_age(line, ", by peer", facts->path[LOCUM_PATH_UDP].heard, now);
        add_votes(line, core, node, now);
    }
}

static void
add_rule(struct locum_text *line, const struct locum_core_config *config,
         const struct locum_core_name *name)
{
    locum_node order[LOCUM_NODES_MAX];
    const bool shared = name->owner == LOCUM_NODE_NONE;
    const size_t count = locum_plan_successors(config, shared ? config->self : name->owner, order);
    if (shared && name->policy == LOCUM_ANSWER_ALL) {
        locum_text_add(line, "rule: a shared name, answer all: every server of the best rank, and "
                             "while that is A, B or C those of rank D too");
        return;
    }
    locum_text_add(line, shared ? "rule: a shared name, answer self: the best rank; ties go to "
                                : "rule: an owned name: its owner while of rank A or D, else the "
                                  "best rank; ties go to ");
    locum_text_add(line, config->nodes[shared ? config->self : name->owner].name);
    for (size_t i = 0; i < count; i++) {
        locum_text_add(line, ", then ");
        locum_text_add(line, config->nodes[order[i]].name);
    }
}

json_t *
locum_daemon_explain(struct locum_daemon *self, size_t name, const struct locum_core *core,
                     const char *supposed)
{
    char buffer[LINE_BYTES_MAX];
    const struct locum_now now = locum_daemon_now(self);
    json_t *lines = json_array();
    struct locum_text line = locum_text_init(buffer, sizeof(buffer));
    add_rule(&line, &core->config, &core->config.names[name]);
    (void)json_array_append_new(lines, json_string(buffer));
    for (locum_node node = 0; node < core->config.node_count; node++) {
        if (core->config.nodes[node].role == LOCUM_ROLE_SERVER) {
            line = locum_text_init(buffer, sizeof(buffer));
            add_server(&line, core, node, now);
            (void)json_array_append_new(lines, json_string(buffer));
        }
    }
    return json_pack("{s:s, s:s?, s:o, s:o}", "name", self->config->names[name].name, "supposed",
                     supposed, "lines", lines, "answers", locum_daemon_answers(self, core, name));
}
