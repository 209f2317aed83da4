/*
 * trace: what happened, one line each: time, node ("*": a fault), and the text that the log has for
 * it (report/events). The same lines feed the digest that two runs must share.
 */
#include <stdarg.h>

#include "report/events.h"
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
sim_trace_fault(struct sim *sim, const struct sim_fault *fault)
{
    char buffer[128];
    struct locum_text text = locum_text_init(buffer, sizeof(buffer));
    sim_fault_print(sim, fault, &text);
    sim_trace(sim, LOCUM_NODE_NONE, "%s", buffer);
}
