#include "daemon/snapshot.h"

#include <string.h>

/*
 * One walk over the fields writes a line and reads it, so that both agree: with `out` it writes,
 * else it reads what is left of the line in `in`.
 */
struct fields {
    struct locum_text *out;
    struct locum_slice in;
    bool bad;
};

static const int64_t number_max = (int64_t)1 << 53;

enum { SHORTEST_MS = 1, LONGEST_MS = 86400000 };

static struct locum_slice
next_field(struct fields *walk)
{
    struct locum_slice field = {.at = "", .length = 0};
    walk->bad = !locum_slice_cut(&walk->in, ' ', &field) || walk->bad;
    return field;
}

/* A whole number from min to max. */
static int64_t
code_number(struct fields *walk, int64_t value, int64_t min, int64_t max)
{
    uint64_t number = 0;
    if (walk->out != NULL) {
        locum_text_add_char(walk->out, ' ');
        locum_text_add_i64(walk->out, value);
        return value;
    }
    struct locum_slice field = next_field(walk);
    const bool negative = locum_slice_starts(field, "-");
    field.at += negative ? 1 : 0;
    field.length -= negative ? 1 : 0;
    walk->bad = locum_slice_u64(field, (uint64_t)number_max, &number) != 0 || walk->bad;
    const int64_t read = negative ? -(int64_t)number : (int64_t)number;
    walk->bad = walk->bad || read < min || read > max;
    return walk->bad ? min : read;
}

/* A field of any integer type, or an enum. */
#define CODE(walk, field, min, max)                                                                \
    ((field) = (__typeof__(field))code_number(walk, (int64_t)(field), min, max))
#define FLAG(walk, field)  ((field) = code_number(walk, (field), 0, 1) != 0)
#define TIME(walk, field)  CODE(walk, field, LOCUM_NEVER, number_max)
#define COUNT(walk, field) CODE(walk, field, 0, number_max)

/* Text of printable characters without blanks; "-" if it is empty. */
static void
code_text(struct fields *walk, char *text, size_t size)
{
    if (walk->out != NULL) {
        locum_text_add_char(walk->out, ' ');
        locum_text_add(walk->out, text[0] != '\0' ? text : "-");
        return;
    }
    const struct locum_slice field = next_field(walk);
    const bool empty = locum_slice_is(field, "-");
    bool good = empty || locum_slice_copy(field, text, size) == 0;
    for (size_t i = 0; i < field.length; i++) {
        good = good && field.at[i] > ' ' && field.at[i] < 127;
    }
    if (empty || !good) {
        text[0] = '\0';
    }
    walk->bad = walk->bad || !good;
}

/* Text of bytes in hex; "-" if it is empty. */
static void
code_bytes(struct fields *walk, char *text, size_t size)
{
    if (walk->out != NULL) {
        locum_text_add(walk->out, text[0] != '\0' ? " " : " -");
        locum_text_add_hex(walk->out, (const uint8_t *)text, strlen(text));
        return;
    }
    const struct locum_slice field = next_field(walk);
    memset(text, 0, size);
    if (!locum_slice_is(field, "-")) {
        walk->bad = walk->bad || field.length % 2 != 0 || field.length / 2 >= size ||
                    locum_slice_hex(field, (uint8_t *)text, field.length / 2) != 0;
    }
}

/* A set of configured nodes. */
static locum_nodes
code_nodes(struct fields *walk, locum_nodes set, size_t node_count)
{
    return (locum_nodes)code_number(walk, set, 0, ((int64_t)1 << node_count) - 1);
}

static void
code_order(struct fields *walk, struct locum_order *order)
{
    COUNT(walk, order->incarnation);
    COUNT(walk, order->seq);
}

static void
code_series(struct fields *walk, struct locum_series *series)
{
    TIME(walk, series->since);
    TIME(walk, series->last);
}

/* --- the configuration ------------------------------------------------------------------------ */

static void
code_config(struct fields *walk, struct locum_core *core, size_t index)
{
    struct locum_core_config *config = &core->config;
    (void)index;
    code_text(walk, config->cluster, sizeof(config->cluster));
    CODE(walk, config->node_count, 1, LOCUM_NODES_MAX);
    CODE(walk, config->self, 0, (int64_t)config->node_count - 1);
    CODE(walk, config->name_count, 0, LOCUM_NAMES_MAX);
    CODE(walk, config->check_count, 0, LOCUM_CHECKS_MAX);
    FLAG(walk, config->redis);
    CODE(walk, config->interval_ms, SHORTEST_MS, LONGEST_MS);
    CODE(walk, config->timeout_ms, SHORTEST_MS, LONGEST_MS);
    CODE(walk, config->recover_after_ms, 0, LONGEST_MS);
    CODE(walk, config->sentinel_poll_ms, 0, LONGEST_MS);
    CODE(walk, config->quorum, 1, LOCUM_NODES_MAX);
    CODE(walk, config->min_serving, 0, LOCUM_NODES_MAX);
    code_text(walk, config->digest, sizeof(config->digest));
    code_text(walk, config->sections, sizeof(config->sections));
    code_text(walk, config->version, sizeof(config->version));
}

static void
code_node(struct fields *walk, struct locum_core *core, size_t index)
{
    const struct locum_core_config *config = &core->config;
    struct locum_core_node *node = &core->config.nodes[index];
    code_text(walk, node->name, sizeof(node->name));
    CODE(walk, node->role, LOCUM_ROLE_SERVER, LOCUM_ROLE_SENTINEL);
    FLAG(walk, node->has[LOCUM_V4]);
    FLAG(walk, node->has[LOCUM_V6]);
    FLAG(walk, node->redis);
    FLAG(walk, node->sentinel);
    CODE(walk, node->failover_count, 0, (int64_t)config->node_count);
    for (size_t i = 0; i < node->failover_count && i < LOCUM_NODES_MAX; i++) {
        CODE(walk, node->failover[i], 0, (int64_t)config->node_count - 1);
    }
}

static void
code_name(struct fields *walk, struct locum_core *core, size_t index)
{
    struct locum_core_name *name = &core->config.names[index];
    CODE(walk, name->owner, 0, LOCUM_NODE_NONE);
    CODE(walk, name->policy, LOCUM_ANSWER_SELF, LOCUM_ANSWER_ALL);
    CODE(walk, name->ttl_s, 0, INT32_MAX);
    CODE(walk, name->failover_ttl_s, 0, INT32_MAX);
    walk->bad =
        walk->bad || (name->owner >= core->config.node_count && name->owner != LOCUM_NODE_NONE);
}

static void
code_check(struct fields *walk, struct locum_core *core, size_t index)
{
    struct locum_core_check *check = &core->config.checks[index];
    FLAG(walk, check->counts);
    FLAG(walk, check->mirrorbits);
    CODE(walk, check->rise, 1, UINT32_MAX);
    CODE(walk, check->fall, 1, UINT32_MAX);
    FLAG(walk, check->fast_fail);
    CODE(walk, check->id, 0, UINT32_MAX);
    FLAG(walk, check->degrades);
    CODE(walk, check->interval_ms, 0, LONGEST_MS);
}

/* --- the state -------------------------------------------------------------------------------- */

static void
code_core(struct fields *walk, struct locum_core *core, size_t index)
{
    const size_t count = core->config.node_count;
    (void)index;
    FLAG(walk, core->save_wanted);
    FLAG(walk, core->plan_reported);
    FLAG(walk, core->send_wanted);
    TIME(walk, core->last_send);
    TIME(walk, core->next_commit);
    CODE(walk, core->degraded, 0, UINT32_MAX);
    FLAG(walk, core->degraded_besides);
    FLAG(walk, core->leaving);
    COUNT(walk, core->leaving_seq);
    TIME(walk, core->leaving_since);
    FLAG(walk, core->left);
    TIME(walk, core->duplicate_reported);
    FLAG(walk, core->raise_unreported);
    TIME(walk, core->raise_reported);
    COUNT(walk, core->ignored);
    CODE(walk, core->admin.state, LOCUM_READY, LOCUM_MAINT);
    TIME(walk, core->admin.until_boot);
    core->admin.excluded = code_nodes(walk, core->admin.excluded, count);
    code_bytes(walk, core->admin.reason, sizeof(core->admin.reason));
    for (size_t family = 0; family < LOCUM_FAMILIES; family++) {
        core->families.unheard[family] = code_nodes(walk, core->families.unheard[family], count);
        TIME(walk, core->families.absent_since[family]);
    }
}

static void
code_service(struct fields *walk, struct locum_core *core, size_t index)
{
    struct locum_service_state *service = &core->service;
    (void)index;
    CODE(walk, service->state, 0, LOCUM_SERVICES - 1);
    TIME(walk, service->recovered);
    CODE(walk, service->probation_ms, 0, LOCUM_PROBATION_MAX_MS);
    TIME(walk, service->probation_until);
}

static void
code_judged(struct fields *walk, struct locum_core *core, size_t index)
{
    struct locum_check_state *check = &core->service.check[index];
    CODE(walk, check->verdict, 0, LOCUM_SERVICES - 1);
    CODE(walk, check->run, 0, UINT32_MAX);
    CODE(walk, check->nearest, 0, LOCUM_SERVICES - 1);
    FLAG(walk, check->stale);
    FLAG(walk, check->not_run);
    TIME(walk, check->not_run_since);
    TIME(walk, check->since_wall);
    TIME(walk, check->next_sample);
    CODE(walk, core->noted.check[index], 0, UINT8_MAX);
}

static void
code_view(struct fields *walk, struct locum_core *core, size_t index)
{
    struct locum_view *view = &core->view;
    (void)index;
    TIME(walk, view->started);
    TIME(walk, view->grace);
    FLAG(walk, view->subscribed);
    TIME(walk, view->subscribed_at);
    TIME(walk, view->own_return);
    TIME(walk, view->own_return_since);
    COUNT(walk, view->incarnation);
    COUNT(walk, view->seq);
    code_series(walk, &view->overtaken);
    COUNT(walk, view->overtaken_by);
    FLAG(walk, view->clock_synchronised);
}

static void
code_sent(struct fields *walk, struct locum_core *core, size_t index)
{
    TIME(walk, core->view.sent[index]);
    COUNT(walk, core->view.sent_as[index]);
}

static void
code_condition(struct fields *walk, struct locum_condition_state *state)
{
    CODE(walk, state->condition, LOCUM_UNKNOWN, LOCUM_RETURNING);
    FLAG(walk, state->accepted);
    FLAG(walk, state->adopted);
    FLAG(walk, state->resumed);
    FLAG(walk, state->left);
    FLAG(walk, state->trusted);
    FLAG(walk, state->silent);
    FLAG(walk, state->was_alive);
    TIME(walk, state->verdict);
    TIME(walk, state->down_since);
    COUNT(walk, state->down_incarnation);
    TIME(walk, state->returning_since);
    TIME(walk, state->since_wall);
}

/* What decides which of its heartbeats count. */
static void
code_orders(struct fields *walk, struct locum_peer_facts *facts)
{
    code_order(walk, &facts->order);
    code_order(walk, &facts->authentic);
    TIME(walk, facts->authentic_at);
    code_order(walk, &facts->refused);
    code_series(walk, &facts->refusing);
    code_order(walk, &facts->other);
    code_series(walk, &facts->others);
    TIME(walk, facts->duplicate);
    TIME(walk, facts->order_reset);
    TIME(walk, facts->ignored);
    TIME(walk, facts->beyond);
    COUNT(walk, facts->beyond_incarnation);
    for (size_t path = 0; path < LOCUM_PATHS; path++) {
        code_order(walk, &facts->path[path].order);
        TIME(walk, facts->path[path].heard);
        COUNT(walk, facts->path[path].received);
        COUNT(walk, facts->path[path].dropped);
        COUNT(walk, facts->path[path].accepted);
    }
    for (size_t family = 0; family < LOCUM_FAMILIES; family++) {
        code_order(walk, &facts->family[family].order);
        TIME(walk, facts->family[family].heard);
        TIME(walk, facts->family[family].since);
    }
}

/* What it said of itself and of the others. */
static void
code_said(struct fields *walk, struct locum_peer_facts *facts, size_t node_count)
{
    FLAG(walk, facts->state_known);
    COUNT(walk, facts->state_incarnation);
    CODE(walk, facts->service, 0, LOCUM_SERVICES - 1);
    CODE(walk, facts->admin, LOCUM_READY, LOCUM_MAINT);
    FLAG(walk, facts->leaving);
    CODE(walk, facts->interval_ms, 0, LONGEST_MS);
    CODE(walk, facts->wall_offset, -number_max, number_max);
    code_bytes(walk, facts->digest, sizeof(facts->digest));
    code_bytes(walk, facts->sections, sizeof(facts->sections));
    code_bytes(walk, facts->version, sizeof(facts->version));
    for (size_t node = 0; node < node_count; node++) {
        CODE(walk, facts->state_codes[node], LOCUM_UNKNOWN, LOCUM_RETURNING);
    }
    for (size_t family = 0; family < LOCUM_FAMILIES; family++) {
        FLAG(walk, facts->lost[family]);
        facts->unheard[family] = code_nodes(walk, facts->unheard[family], node_count);
    }
    CODE(walk, facts->degraded, 0, UINT32_MAX);
    code_bytes(walk, facts->keys.shown, sizeof(facts->keys.shown));
    code_bytes(walk, facts->keys.nsec, sizeof(facts->keys.nsec));
}

static void
code_heard(struct fields *walk, struct locum_peer_facts *facts)
{
    TIME(walk, facts->heard);
    TIME(walk, facts->gap);
    TIME(walk, facts->grace);
    TIME(walk, facts->unlisted);
    FLAG(walk, facts->one_way);
    TIME(walk, facts->one_way_since);
    TIME(walk, facts->restart_reported);
    FLAG(walk, facts->acked_leaving);
    TIME(walk, facts->mirrorbits);
}

/* What its Sentinel and its DNS said. */
static void
code_beside(struct fields *walk, struct locum_peer_facts *facts, size_t node_count)
{
    TIME(walk, facts->sentinel.polled);
    FLAG(walk, facts->sentinel.tilt);
    for (size_t node = 0; node < node_count; node++) {
        CODE(walk, facts->sentinel.known[node], 0, UINT8_MAX);
        CODE(walk, facts->sentinel.down[node], 0, UINT8_MAX);
    }
    CODE(walk, facts->dns_claim, LOCUM_DNS_CLAIM_UNKNOWN, LOCUM_DNS_CLOSED);
    for (size_t family = 0; family < LOCUM_FAMILIES; family++) {
        for (size_t transport = 0; transport < LOCUM_TRANSPORTS; transport++) {
            struct locum_dns_facts *dns = &facts->dns[family][transport];
            CODE(walk, dns->state, LOCUM_DNS_UNKNOWN, LOCUM_DNS_OTHER_SOA);
            CODE(walk, dns->misses, 0, LOCUM_DNS_MISSES);
            TIME(walk, dns->asked);
        }
    }
}

static void
code_peer(struct fields *walk, struct locum_core *core, size_t node)
{
    struct locum_peer_facts *facts = &core->view.peer[node];
    code_condition(walk, &core->detector.peer[node]);
    code_orders(walk, facts);
    code_said(walk, facts, core->config.node_count);
    code_heard(walk, facts);
    code_beside(walk, facts, core->config.node_count);
    for (size_t family = 0; family < LOCUM_FAMILIES; family++) {
        struct locum_family_state *state = &core->families.at[node][family];
        FLAG(walk, state->lost);
        FLAG(walk, state->voted);
        FLAG(walk, state->held);
        TIME(walk, state->trial);
        TIME(walk, state->since_wall);
        CODE(walk, core->rank[node].in[family], LOCUM_RANK_A, LOCUM_RANK_G);
    }
    CODE(walk, core->rank[node].stale, 0, 1);
    for (size_t i = 0; i < LOCUM_COUNT(core->noted.node[node]); i++) {
        CODE(walk, core->noted.node[node][i], 0, UINT8_MAX);
    }
}

/* --- lines ------------------------------------------------------------------------------------ */

/* The lines in their order. */
static const struct {
    const char *key;
    void (*code)(struct fields *walk, struct locum_core *core, size_t index);
    enum { ONE, EACH_NODE, EACH_NAME, EACH_CHECK, EACH_SENT } times;
} lines[] = {
    {"config", code_config, ONE},
    {"node", code_node, EACH_NODE},
    {"name", code_name, EACH_NAME},
    {"check", code_check, EACH_CHECK},
    {"core", code_core, ONE},
    {"service", code_service, ONE},
    {"judged", code_judged, EACH_CHECK},
    {"view", code_view, ONE},
    {"sent", code_sent, EACH_SENT},
    {"peer", code_peer, EACH_NODE},
};

/* How many lines; known once `config` was read. */
static size_t
times(const struct locum_core *core, size_t line)
{
    switch (lines[line].times) {
    case EACH_NODE: return core->config.node_count;
    case EACH_NAME: return core->config.name_count;
    case EACH_CHECK: return core->config.check_count;
    case EACH_SENT: return LOCUM_SENT_MAX;
    case ONE:
    default: return 1;
    }
}

void
locum_snapshot_write(struct locum_text *text, struct locum_core *core)
{
    struct fields walk = {.out = text};
    for (size_t line = 0; line < LOCUM_COUNT(lines); line++) {
        for (size_t index = 0; index < times(core, line); index++) {
            locum_text_add(text, lines[line].key);
            lines[line].code(&walk, core, index);
            locum_text_add_char(text, '\n');
        }
    }
    locum_text_add(text, "end\n");
}

/* The next line, which must begin with `key`; *rest stays if it does not, or is malformed. */
static bool
read_line(struct locum_slice *rest, struct locum_core *core, size_t line, size_t index)
{
    struct locum_slice after = *rest;
    struct locum_slice key;
    struct fields walk = {.out = NULL};
    if (!locum_slice_cut(&after, '\n', &walk.in) || !locum_slice_cut(&walk.in, ' ', &key) ||
        !locum_slice_is(key, lines[line].key)) {
        return false;
    }
    lines[line].code(&walk, core, index);
    if (walk.bad || walk.in.at != NULL) {
        return false;
    }
    *rest = after;
    return true;
}

bool
locum_snapshot_read(struct locum_slice *rest, struct locum_core *ret)
{
    struct locum_slice end;
    /* As at a start, for the places of nodes that are not there. */
    memset(ret, 0, sizeof(*ret));
    locum_view_init(&ret->view, (struct locum_now){0}, 0);
    locum_detector_init(&ret->detector);
    locum_family_init(&ret->families);
    for (size_t line = 0; line < LOCUM_COUNT(lines); line++) {
        if (lines[line].code == code_core) { /* the configuration is known */
            locum_service_init(&ret->service, &ret->config);
        }
        for (size_t index = 0; index < times(ret, line); index++) {
            if (!read_line(rest, ret, line, index)) {
                return false;
            }
        }
    }
    if (ret->config.nodes[ret->config.self].role == LOCUM_ROLE_SENTINEL ||
        !locum_slice_cut(rest, '\n', &end) || !locum_slice_is(end, "end")) {
        return false;
    }
    locum_plan_make(&ret->config, ret->rank, &ret->plan);
    ret->serving = locum_plan_serving(&ret->config, &ret->plan);
    return true;
}
