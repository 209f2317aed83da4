/* trace: what happened, one line each; the same lines feed the digest that two runs must share. */
#include <stdarg.h>

#include "sim.h"

const char *
sim_name(const struct sim *sim, locum_node node)
{
    return node < sim->nodes ? sim->config.nodes[node].name : "*";
}

static void
hash(struct sim *sim, const char *line)
{
    for (; *line != '\0'; line++) { /* FNV-1a */
        sim->digest = (sim->digest ^ (uint8_t)*line) * 0x100000001b3u;
    }
}

void
sim_trace(struct sim *sim, locum_node node, const char *format, ...)
{
    char line[512];
    char what[400];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(what, sizeof(what), format, arguments);
    va_end(arguments);
    snprintf(line, sizeof(line), "%3lld.%03lld  %-4s %s\n", (long long)(sim->now / 1000),
             (long long)(sim->now % 1000), sim_name(sim, node), what);
    hash(sim, line);
    if (sim->trace != NULL) {
        fputs(line, sim->trace);
    }
}

static void
trace_condition(struct sim *sim, locum_node node, const struct locum_condition_edge *edge)
{
    char buffer[256];
    struct locum_text text = locum_text_init(buffer, sizeof(buffer));
    for (locum_node voter = 0; voter < sim->nodes; voter++) {
        if (locum_nodes_has(edge->voters, voter)) {
            locum_text_add(&text, text.length == 0 ? ": " : ", ");
            locum_text_add(&text, sim_name(sim, voter));
            locum_text_add_char(&text, ' ');
            locum_text_add_duration(&text, edge->age_ms[voter]);
        }
    }
    sim_trace(sim, node, "%s: %s -> %s, %s%s", sim_name(sim, edge->peer),
              locum_condition_text(edge->from), locum_condition_text(edge->to),
              locum_cause_text(edge->cause), buffer);
}

static void
trace_serving(struct sim *sim, locum_node node, const struct locum_edge *edge)
{
    char from[128];
    char to[128];
    struct locum_text from_text = locum_text_init(from, sizeof(from));
    struct locum_text to_text = locum_text_init(to, sizeof(to));
    locum_serving_add(&from_text, &sim->config, edge->serving.from);
    locum_serving_add(&to_text, &sim->config, edge->serving.to);
    sim_trace(sim, node, "serving %s -> %s", from, to);
}

void
sim_trace_edge(struct sim *sim, locum_node node, const struct locum_edge *edge)
{
    switch (edge->kind) {
    case LOCUM_EDGE_CONDITION: trace_condition(sim, node, &edge->condition); break;
    case LOCUM_EDGE_SERVICE:
        sim_trace(sim, node, "service %s -> %s", locum_service_text(edge->service.from),
                  locum_service_text(edge->service.to));
        break;
    case LOCUM_EDGE_ADMIN:
        sim_trace(sim, node, "admin %s -> %s", locum_admin_text(edge->admin.from),
                  locum_admin_text(edge->admin.to));
        break;
    case LOCUM_EDGE_SERVING: trace_serving(sim, node, edge); break;
    case LOCUM_EDGE_EXCLUDED:
        sim_trace(sim, node, "%s %s", edge->exclude.excluded ? "excludes" : "includes",
                  sim_name(sim, edge->exclude.node));
        break;
    case LOCUM_EDGE_STALL:
        sim_trace(sim, node, "stall of %lld ms", (long long)edge->late_ms);
        break;
    case LOCUM_EDGE_INCARNATION: sim_trace(sim, node, "takes a later incarnation"); break;
    case LOCUM_EDGE_TWIN: sim_trace(sim, node, "has a twin"); break;
    case LOCUM_EDGE_DEAF:
        sim_trace(sim, node, "%s %s", sim_name(sim, edge->deaf.node),
                  edge->deaf.deaf ? "does not hear me" : "hears me again");
        break;
    case LOCUM_EDGE_LEAVING: sim_trace(sim, node, "leaves"); break;
    }
}

void
sim_trace_fault(struct sim *sim, const struct sim_fault *fault)
{
    static const char *const words[] = {
        [SIM_HOST_CRASH] = "host %a crashes",
        [SIM_HOST_BOOT] = "host %a boots",
        [SIM_CRASH] = "coordinator of %a crashes",
        [SIM_START] = "coordinator of %a starts",
        [SIM_START_EMPTY] = "coordinator of %a starts, its state lost",
        [SIM_LEAVE] = "coordinator of %a is stopped",
        [SIM_FREEZE] = "coordinator of %a freezes for %n ms",
        [SIM_FREEZE_HOST] = "host %a freezes for %n ms",
        [SIM_CUT] = "line %a - %b is cut",
        [SIM_UNCUT] = "line %a - %b is back",
        [SIM_CUT_ONE_WAY] = "line %a -> %b is cut",
        [SIM_UNCUT_ONE_WAY] = "line %a -> %b is back",
        [SIM_ISOLATE] = "%a is cut off",
        [SIM_REJOIN] = "%a is back",
        [SIM_UDP_BLOCK] = "datagrams %a - %b are blocked",
        [SIM_UDP_UNBLOCK] = "datagrams %a - %b pass",
        [SIM_DEAF] = "datagrams to %a are blocked",
        [SIM_UNDEAF] = "datagrams to %a pass",
        [SIM_LAG] = "what %a sends takes %n ms longer",
        [SIM_LOSS] = "loss %n per mille",
        [SIM_REDIS_KILL] = "Redis at %a dies",
        [SIM_REDIS_START] = "Redis at %a starts",
        [SIM_REDIS_FREEZE] = "Redis at %a freezes for %n ms",
        [SIM_KICK] = "Redis throws %a out",
        [SIM_SENTINEL_KILL] = "Sentinel at %a dies",
        [SIM_SENTINEL_START] = "Sentinel at %a starts",
        [SIM_TILT] = "Sentinel at %a is in TILT",
        [SIM_UNTILT] = "Sentinel at %a leaves TILT",
        [SIM_WALL_STEP] = "wall clock of %a steps by %n ms",
        [SIM_ADMIN] = "operator at %a: %w",
        [SIM_SERVICE_FAIL] = "download service at %a fails",
        [SIM_SERVICE_BACK] = "download service at %a is back",
        [SIM_EXCLUDE] = "operator at %a excludes %b",
        [SIM_INCLUDE] = "operator at %a includes %b",
        [SIM_HEAL] = "everything is healed",
    };
    char buffer[128];
    struct locum_text text = locum_text_init(buffer, sizeof(buffer));
    for (const char *c = words[fault->kind]; *c != '\0'; c++) {
        if (*c != '%') {
            locum_text_add_char(&text, *c);
            continue;
        }
        switch (*++c) {
        case 'a': locum_text_add(&text, sim_name(sim, fault->a)); break;
        case 'b': locum_text_add(&text, sim_name(sim, fault->b)); break;
        case 'w': locum_text_add(&text, locum_admin_text((enum locum_admin)fault->amount)); break;
        default: locum_text_add_i64(&text, fault->amount); break;
        }
    }
    sim_trace(sim, LOCUM_NODE_NONE, "%s", buffer);
}
