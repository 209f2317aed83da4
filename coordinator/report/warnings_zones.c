/* Warnings about signed zones, about nodes that sign them, and about signatures. */
#include "base/text_format.h"
#include "report/dnssec.h"
#include "report/keys.h"
#include "report/signatures.h"

enum { TEXT_BYTES = 2048 };

/* of: a zone or node; NULL: it is about neither. */
static void
add(json_t *warnings, const char *about, const char *of, const char *text)
{
    char key[LOCUM_DOMAIN_MAX + 80];
    (void)locum_text_format_buffer(key, sizeof(key), "%s%s%s", about, of != NULL ? " " : "",
                                   of != NULL ? of : "");
    (void)json_object_set_new(warnings, key, json_string(text));
}

void
locum_warnings_of_zones(json_t *warnings, const struct locum_report *report)
{
    const size_t zones = report->config->zone_count;
    for (size_t i = 0; i < zones * LOCUM_DNSSEC_WARNINGS; i++) {
        const size_t zone = i / LOCUM_DNSSEC_WARNINGS;
        char said[TEXT_BYTES];
        struct locum_text text = locum_text_init(said, sizeof(said));
        const char *about = locum_dnssec_warn(report, zone, i % LOCUM_DNSSEC_WARNINGS, &text);
        if (about != NULL) {
            add(warnings, about, report->config->zones[zone].name, said);
        }
    }
    for (size_t i = 0; i < zones + report->core->config.node_count; i++) {
        char said[TEXT_BYTES];
        const char *of;
        struct locum_text text = locum_text_init(said, sizeof(said));
        const char *about = locum_keys_warn(report, i, &text, &of);
        if (about != NULL) {
            add(warnings, about, of, said);
        }
    }
    char said[TEXT_BYTES];
    struct locum_text clock = locum_text_init(said, sizeof(said));
    if (locum_signatures_warn_of_clock(report, &clock)) {
        add(warnings, "clock", NULL, said);
    }
    struct locum_text bad = locum_text_init(said, sizeof(said));
    if (locum_signatures_warn_of_bad(report, &bad)) {
        add(warnings, "signatures", NULL, said);
    }
}
