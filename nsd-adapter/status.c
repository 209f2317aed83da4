#include "nsd-adapter/adapter.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/text_format.h"
#include "cli/client.h"
#include "nsd-adapter/ask.h"
#include "nsd-adapter/files.h"

enum { EXIT_FINE = 0, EXIT_NOT_FINE = 1 };

struct nsd_answer {
    struct event_base *base;
    enum locum_nsd_soa outcome;
    uint32_t serial;
    char why[160];
};

static void
on_soa(void *user, enum locum_nsd_soa outcome, uint32_t serial, const char *why)
{
    struct nsd_answer *self = user;
    self->outcome = outcome;
    self->serial = serial;
    (void)locum_text_format_buffer(self->why, sizeof(self->why), "%s", why != NULL ? why : "");
    (void)event_base_loopbreak(self->base);
}

static void
ask_nsd(const struct locum_nsd_settings *settings, struct nsd_answer *ret)
{
    struct locum_nsd_ask ask;
    *ret = (struct nsd_answer){.base = event_base_new(), .why = "out of memory"};
    if (ret->base != NULL) {
        locum_nsd_ask_init(&ask, ret->base, &settings->address, settings->zone, on_soa, ret);
        locum_nsd_ask_send(&ask);
        (void)event_base_dispatch(ret->base);
        locum_nsd_ask_fini(&ask);
        event_base_free(ret->base);
    }
}

static void
print_serial(const char *who, bool known, uint32_t serial, const char *where, const char *why)
{
    if (known) {
        (void)printf("%-12s serial %" PRIu32 "  %s\n", who, serial, where);
    } else {
        (void)printf("%-12s %s\n", who, why);
    }
}

/* Print what the adapter has reported last. True if it reported that NSD serves the zone. */
static bool
print_report(const json_t *status)
{
    const json_t *report = json_object_get(status, "nsd");
    const char *state = json_string_value(json_object_get(report, "state"));
    const char *error = json_string_value(json_object_get(report, "error"));
    const json_t *lag = json_object_get(report, "lag_ms");
    if (state == NULL) {
        (void)printf("%-12s the coordinator has received none\n", "report");
        return false;
    }
    (void)printf("%-12s %s", "report", state);
    if (json_is_integer(lag)) {
        (void)printf(", %s", locum_text_age(json_integer_value(lag)).text);
    }
    (void)printf("%s%s\n", error != NULL ? ": " : "", error != NULL ? error : "");
    return strcmp(state, "served") == 0;
}

int
locum_nsd_adapter_status(const struct locum_nsd_settings *settings)
{
    struct locum_nsd_files files;
    struct nsd_answer nsd;
    char why[LOCUM_NSD_FILES_WHY_MAX] = "";
    json_t *status = NULL;
    struct locum_nsd_zonetext zone = {.serial = 0};
    char *text = NULL;
    locum_nsd_files_init(&files, settings->zonefile);
    const pid_t holder = locum_nsd_files_holder(&files);
    (void)printf("%-12s %s\n", "zone", settings->zone);
    (void)printf(holder > 0 ? "%-12s running, process %d\n" : "%-12s not running\n", "adapter",
                 (int)holder);
    const int asked = locum_client_ask(settings->coordinator, "/status", NULL, stderr, &status);
    if (asked == 0) {
        const json_t *serial = json_object_get(json_object_get(status, "dns"), "serial");
        print_serial("coordinator", json_is_integer(serial), (uint32_t)json_integer_value(serial),
                     settings->coordinator, "no serial");
    } else {
        (void)printf("%-12s does not answer\n", "coordinator");
    }
    const bool filed =
        locum_nsd_files_read(settings->zonefile, settings->zone, &text, &zone, why) == 0;
    free(text);
    print_serial("zone file", filed, zone.serial, settings->zonefile, why);
    ask_nsd(settings, &nsd);
    const bool served = nsd.outcome == LOCUM_NSD_SOA_SERIAL;
    print_serial("NSD", served, nsd.serial, locum_address_text(&settings->address).text, nsd.why);
    const bool reported = asked == 0 && print_report(status);
    json_decref(status);
    const bool fine = reported && holder > 0 && filed && served && nsd.serial == zone.serial;
    return fine ? EXIT_FINE : asked != 0 ? asked : EXIT_NOT_FINE;
}
