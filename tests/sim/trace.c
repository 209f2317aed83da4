/*
 * trace: what happened, one line each: time, node ("*": a fault), and the text that the log has for
 * it (report/events). The same lines feed the digest that two runs must share.
 */
#include <stdarg.h>

#include "forge.h"
#include "report/events.h"

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
    char line[4200];
    char what[4096];
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

void
sim_trace_event(struct sim *sim, locum_node node, const struct locum_event *event)
{
    char buffer[4096];
    struct locum_text text = locum_text_init(buffer, sizeof(buffer));
    locum_events_add_line(&text, &sim->config, event);
    sim_trace(sim, node, "%s", buffer);
}

void
sim_trace_warnings(struct sim *sim, locum_node node)
{
    static const char *const about[] = {"order", "incarnation", "ignored"};
    enum { LASTS_MS = 60000 };
    for (locum_node peer = 0; peer < sim->nodes; peer++) {
        const struct locum_peer_facts *facts = &sim->node[node].core.view.peer[peer];
        const locum_ms times[] = {facts->order_reset, facts->beyond, facts->ignored};
        for (size_t i = 0; i < LOCUM_COUNT(times); i++) {
            locum_ms *before = &sim->node[node].warned[peer][i];
            if (times[i] != LOCUM_NEVER &&
                (*before == LOCUM_NEVER || times[i] - *before >= LASTS_MS)) {
                sim_trace(sim, node, "warning about=%s peer=%s", about[i], sim_name(sim, peer));
            }
            *before = times[i];
        }
    }
}

void
sim_trace_fault(struct sim *sim, const struct sim_fault *fault)
{
    char buffer[128];
    struct locum_text text = locum_text_init(buffer, sizeof(buffer));
    sim_fault_print(sim, fault, &text);
    sim_trace(sim, LOCUM_NODE_NONE, "%s", buffer);
}
