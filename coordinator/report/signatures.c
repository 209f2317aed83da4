#include "report/signatures.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/text_format.h"

enum { BAD_WARN_MS = 3600 * 1000, MINUTE_MS = 60 * 1000 };

/* zone: NULL: it is about none. */
__attribute__((format(printf, 4, 5))) static void
warn(json_t *warnings, const char *about, const char *zone, const char *format, ...)
{
    char text[LOCUM_PATH_MAX + LOCUM_DOMAIN_MAX + 512];
    char key[LOCUM_DOMAIN_MAX + 80];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    (void)locum_text_format_buffer(key, sizeof(key), "%s%s%s", about, zone != NULL ? " " : "",
                                   zone != NULL ? zone : "");
    (void)json_object_set_new(warnings, key, json_string(text));
}

/* In whole minutes, so that the text stays the same. */
static void
warn_of_clock(json_t *warnings, locum_ms off_ms)
{
    const locum_ms minutes = (off_ms < 0 ? -off_ms : off_ms) / MINUTE_MS;
    warn(warnings, "clock", NULL,
         "the clock of this node is in doubt: it is %" PRIi64 " min %s the peers' clocks, or what "
         "it was before it was set. The signatures of signed zones stay as they are until it is "
         "right: check NTP on this node and its peers",
         minutes, off_ms < 0 ? "behind" : "ahead of");
}

void
locum_signatures_add_warnings(json_t *warnings, const struct locum_report *report)
{
    const struct locum_report_signing *signing = &report->signing;
    for (size_t zone = 0; zone < report->config->zone_count; zone++) {
        const char *name = report->config->zones[zone].name;
        if (report->zone_lacks_keys[zone]) {
            warn(warnings, "dnssec", name,
                 "zone %s is served unsigned: resolvers that validate refuse its answers if the "
                 "parent has its DS. Copy the key folder (%s) from another node, then run `locum "
                 "reload`",
                 name, report->config->zones[zone].dnssec.keys);
        }
    }
    if (signing->clock_in_doubt) {
        warn_of_clock(warnings, signing->clock_off_ms);
    }
    if (signing->expired) {
        warn(warnings, "signatures", NULL,
             "the signatures that this node serves have expired: resolvers that validate refuse "
             "its answers. The log (publish-failed) says why no new ones are made; check the clock "
             "too. If this node cannot be repaired, stop its coordinator");
    } else if (signing->counts.bad > 0 &&
               locum_evidence_is_recent(signing->bad_at, BAD_WARN_MS, report->now.mono)) {
        warn(warnings, "signatures", NULL,
             "a signature that this node made in the last hour did not verify, and was made again "
             "(%" PRIu64 " so far): its processor, its memory or OpenSSL may be faulty. If there "
             "are more, stop its coordinator and test the machine",
             signing->counts.bad);
    }
}
