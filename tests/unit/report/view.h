/*
 * view: what report/ reads, without a daemon: dc2 of two servers and a witness, in virtual time
 * (../core/fixture.h), with one check and one zone. Tests change its facts.
 */
#ifndef TESTS_UNIT_REPORT_VIEW_H
#define TESTS_UNIT_REPORT_VIEW_H

#include "../core/fixture.h"

#include <stdio.h>

#include "report/report.h"

static struct site site;
static struct locum_config config;
static struct locum_run run;
static struct locum_evidence evidence;
static struct locum_nsd_reports nsd;
static struct locum_report view;

/* All servers are alive and heard for 3 s; the node has been up for that long. */
static inline int
setup_view(void **state)
{
    const struct locum_core_config core = config_of(2, 1, 0);
    (void)state;
    begin(&site, &core, NULL);
    memset(&config, 0, sizeof(config));
    config.core = core;
    config.core.check_count = 1;
    memcpy(config.checks[0].name, "http \"x\\y\"\n", 12);
    memcpy(config.names[0].name, "get.example.org.", 17);
    memcpy(config.zones[0].name, "get.example.org.", 17);
    config.zone_count = 1;
    config.listen_dns_count = 1;
    memset(&run, 0, sizeof(run));
    memset(&nsd, 0, sizeof(nsd));
    run.started_mono = site.now.mono;
    run.serving_since = site.now.wall;
    run.serving_since_mono = site.now.mono;
    locum_evidence_init(&evidence);
    view = (struct locum_report){.config = &config,
                                 .core = &site.core,
                                 .run = &run,
                                 .evidence = &evidence,
                                 .nsd = &nsd,
                                 .state_written = LOCUM_NEVER};
    view.checks[0].last_ms = LOCUM_NEVER;
    view.checks[0].last = "";
    for (size_t node = 0; node < LOCUM_NODES_MAX; node++) {
        view.redis.other_db[node].heard_mono = LOCUM_NEVER;
    }
    view.redis.unknown_mirrorbits.heard_mono = LOCUM_NEVER;
    step(&site, (struct locum_input){.kind = LOCUM_INPUT_COMMIT});
    pass_hearing(&site, 3000, locum_nodes_of(DC3) | locum_nodes_of(NS0));
    view.now = site.now;
    return 0;
}

/* Is this one of the texts of what is degraded? */
static inline bool
is_degraded(const char *text)
{
    json_t *degraded = locum_report_degraded(&view);
    bool found = false;
    size_t i;
    const json_t *item;
    json_array_foreach(degraded, i, item)
    {
        found = found || strcmp(json_string_value(json_object_get(item, "text")), text) == 0;
    }
    json_decref(degraded);
    return found;
}

/* Time passes for the view alone. */
static inline void
wait_ms(locum_ms ms)
{
    view.now.mono += ms;
    view.now.boot += ms;
    view.now.wall += ms;
}

/* The warning of this kind about a zone or a node; "": there is none. */
static inline const char *
view_warned(const char *about, const char *of)
{
    static char text[2048];
    char key[64];
    (void)snprintf(key, sizeof(key), "%s %s", about, of);
    json_t *warnings = locum_warnings_find(&view);
    const char *found = json_string_value(json_object_get(warnings, key));
    (void)snprintf(text, sizeof(text), "%s", found != NULL ? found : "");
    json_decref(warnings);
    return text;
}

static inline void
view_says(const char *text, const char *part)
{
    if (strstr(text, part) == NULL) {
        fail_msg("\"%s\", expected \"%s\"", text, part);
    }
}

#endif
