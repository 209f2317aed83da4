#include "hooks/choose.h"

locum_ms
locum_choose_hold_ms(const struct locum_core_config *config)
{
    const locum_ms silent_ms = 2 * config->timeout_ms;
    return silent_ms > LOCUM_HOOKS_HOLD_MS ? silent_ms : LOCUM_HOOKS_HOLD_MS;
}

/* The first node that is alive and may report; LOCUM_NODE_NONE: there is none. */
static locum_node
first_alive(const struct locum_core *core, locum_node about, bool server)
{
    const struct locum_core_config *config = &core->config;
    for (locum_node node = 0; node < config->node_count; node++) {
        if (node != about && (config->nodes[node].role == LOCUM_ROLE_SERVER) == server &&
            locum_core_condition(core, node) == LOCUM_ALIVE) {
            return node;
        }
    }
    return LOCUM_NODE_NONE;
}

locum_node
locum_choose_reporter(const struct locum_core *core, locum_node about)
{
    const locum_node server = first_alive(core, about, true);
    return server != LOCUM_NODE_NONE ? server : first_alive(core, about, false);
}

/* Do all servers answer so, and not this one alone? Who is named has then changed for all. A
 * takeover is that of one server. */
static bool
is_served_by_all(const struct locum_event *event)
{
    const struct locum_serving *from = &event->serving.from;
    const struct locum_serving *to = &event->serving.to;
    const bool all = from->kind == LOCUM_SERVING_ALL || to->kind == LOCUM_SERVING_ALL ||
                     from->kind == LOCUM_SERVING_FAIL_OPEN || to->kind == LOCUM_SERVING_FAIL_OPEN;
    return all && from->taken == to->taken && (from->kind != to->kind || from->named != to->named);
}

bool
locum_choose_agrees(const struct locum_core *core, const struct locum_event *event)
{
    const bool condition = event->kind == LOCUM_EVENT_CONDITION;
    const locum_node about = condition ? event->condition.peer : LOCUM_NODE_NONE;
    const locum_node reporter = locum_choose_reporter(core, about);
    const struct locum_peer_facts *facts = &core->view.peer[reporter];
    if (!facts->state_known) {
        return false; /* also of this node itself */
    }
    if (condition) {
        const enum locum_condition seen = facts->state_codes[about];
        return seen == event->condition.to ||
               (event->condition.to == LOCUM_SUSPECT && seen == LOCUM_DOWN);
    }
    bool same = core->admin.excluded == 0; /* the reporter may hold other nodes excluded */
    for (locum_node node = 0; node < core->config.node_count; node++) {
        if (node != reporter && node != core->config.self) {
            same = same && facts->state_codes[node] == locum_core_condition(core, node);
        }
    }
    return same;
}

static enum locum_hooks_choice
choose_of_cluster(const struct locum_core *core, locum_node about,
                  const struct locum_choose_memory *memory)
{
    if (locum_choose_reporter(core, about) == core->config.self) {
        return LOCUM_HOOKS_REPORT;
    }
    if (memory->age_ms < locum_choose_hold_ms(&core->config)) {
        return LOCUM_HOOKS_HOLD;
    }
    return memory->agreed ? LOCUM_HOOKS_LEAVE : LOCUM_HOOKS_REPORT;
}

static enum locum_hooks_choice
choose_condition(const struct locum_core *core, const struct locum_event *event,
                 const struct locum_choose_memory *memory)
{
    const locum_node peer = event->condition.peer;
    const enum locum_condition from = event->condition.from;
    switch (event->condition.to) {
    case LOCUM_DOWN: break;
    case LOCUM_ALIVE:
        if (memory->own) {
            return LOCUM_HOOKS_REPORT; /* that alert ends here, too */
        }
        if (from != LOCUM_DOWN && from != LOCUM_RETURNING && !memory->reported) {
            return LOCUM_HOOKS_LEAVE; /* it was lost to nobody */
        }
        break;
    case LOCUM_SUSPECT:
        if (locum_core_condition(core, peer) != LOCUM_SUSPECT) {
            return LOCUM_HOOKS_LEAVE; /* it became another event */
        }
        if (memory->age_ms < locum_choose_hold_ms(&core->config)) {
            return LOCUM_HOOKS_HOLD;
        }
        break;
    case LOCUM_UNKNOWN:
    case LOCUM_RETURNING: return LOCUM_HOOKS_LEAVE;
    }
    return choose_of_cluster(core, peer, memory);
}

/* A service that is up for the first time is no news. */
static enum locum_hooks_choice
choose_service(const struct locum_event *event)
{
    const enum locum_service to = event->service.to;
    return to == LOCUM_FAILING || to == LOCUM_SERVICE_DEGRADED ||
                   (to == LOCUM_UP && event->service.from != LOCUM_SERVICE_UNKNOWN)
               ? LOCUM_HOOKS_REPORT
               : LOCUM_HOOKS_LEAVE;
}

enum locum_hooks_choice
locum_hooks_choose(const struct locum_core *core, const struct locum_event *event,
                   const struct locum_choose_memory *memory)
{
    if (event != NULL && event->kind == LOCUM_EVENT_CONDITION) {
        return choose_condition(core, event, memory);
    }
    if (event != NULL && event->kind == LOCUM_EVENT_SERVICE) {
        return choose_service(event);
    }
    if (event != NULL && event->kind == LOCUM_EVENT_SERVING && is_served_by_all(event)) {
        return choose_of_cluster(core, LOCUM_NODE_NONE, memory);
    }
    return LOCUM_HOOKS_REPORT;
}
