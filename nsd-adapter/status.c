#include "nsd-adapter/status.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "cli/client.h"
#include "nsd-adapter/ask.h"
#include "nsd-adapter/files.h"
#include "nsd-adapter/zonetext.h"

enum { EXIT_FINE = 0, EXIT_NOT_FINE = 1 };

struct served {
    struct event_base *base;
    enum locum_nsd_soa outcome;
    uint32_t serial;
    char why[160];
};

static void
on_soa(void *user, enum locum_nsd_soa outcome, uint32_t serial, const char *why)
{
    struct served *self = user;
    struct locum_text text = locum_text_init(self->why, sizeof(self->why));
    self->outcome = outcome;
    self->serial = serial;
    locum_text_add(&text, why != NULL ? why : "");
    (void)event_base_loopbreak(self->base);
}

static void
ask_nsd(const struct locum_nsd_settings *settings, struct served *ret)
{
    *ret = (struct served){.base = event_base_new(), .why = "out of memory"};
    struct locum_nsd_asker *asker =
        ret->base == NULL
            ? NULL
            : locum_nsd_asker_create(ret->base, &settings->address, settings->zone, on_soa, ret);
    if (asker != NULL) {
        locum_nsd_asker_ask(asker);
        (void)event_base_dispatch(ret->base);
        locum_nsd_asker_destroy(asker);
    }
    if (ret->base != NULL) {
        event_base_free(ret->base);
    }
}

/* False: there is no such zone in it; why says it. */
static bool
read_file(const struct locum_nsd_settings *settings, uint32_t *ret, struct locum_text *why)
{
    struct locum_nsd_zonetext read;
    const char *wrong;
    char *text;
    size_t length;
    if (locum_nsd_files_read(settings->zonefile, &text, &length, why) != 0) {
        return false;
    }
    const bool good = locum_nsd_zonetext_read((struct locum_slice){.at = text, .length = length},
                                              settings->zone, &read, &wrong) == 0;
    free(text);
    locum_text_add(why, good ? "" : wrong);
    *ret = good ? read.serial : 0;
    return good;
}

static void
print_serial(FILE *out, const char *who, bool known, uint32_t serial, const char *where,
             const char *why)
{
    if (known) {
        (void)fprintf(out, "%-12s serial %" PRIu32 "  %s\n", who, serial, where);
    } else {
        (void)fprintf(out, "%-12s %s\n", who, why);
    }
}

/* What the adapter has reported; returns whether that is well. */
static bool
print_report(FILE *out, const json_t *status)
{
    const json_t *report = json_object_get(status, "nsd");
    const char *state = json_string_value(json_object_get(report, "state"));
    const char *error = json_string_value(json_object_get(report, "error"));
    const json_t *lag = json_object_get(report, "lag_ms");
    if (state == NULL) {
        (void)fprintf(out, "%-12s none has reached the coordinator\n", "report");
        return false;
    }
    (void)fprintf(out, "%-12s %s", "report", state);
    if (json_is_integer(lag)) {
        (void)fprintf(out, ", %" JSON_INTEGER_FORMAT " ms", json_integer_value(lag));
    }
    (void)fprintf(out, "%s%s\n", error != NULL ? ": " : "", error != NULL ? error : "");
    return strcmp(state, "served") == 0;
}

int
locum_nsd_status(const struct locum_nsd_settings *settings, FILE *out)
{
    struct locum_nsd_files files;
    struct served nsd;
    char address[LOCUM_ADDRESS_TEXT_MAX];
    char buffer[300];
    struct locum_text where = locum_text_init(address, sizeof(address));
    struct locum_text why = locum_text_init(buffer, sizeof(buffer));
    json_t *status = NULL;
    uint32_t in_file = 0;
    locum_nsd_files_init(&files, settings->zonefile);
    const pid_t holder = locum_nsd_files_holder(&files);
    (void)fprintf(out, "%-12s %s\n", "zone", settings->zone);
    (void)fprintf(out, holder > 0 ? "%-12s running, process %d\n" : "%-12s not running\n",
                  "adapter", (int)holder);
    const int asked = locum_client_ask(settings->coordinator, "/status", NULL, stderr, &status);
    if (asked == 0) {
        const json_t *serial = json_object_get(json_object_get(status, "dns"), "serial");
        print_serial(out, "coordinator", json_is_integer(serial),
                     (uint32_t)json_integer_value(serial), settings->coordinator, "no serial");
    } else {
        (void)fprintf(out, "%-12s cannot be reached\n", "coordinator");
    }
    const bool filed = read_file(settings, &in_file, &why);
    print_serial(out, "zone file", filed, in_file, settings->zonefile, buffer);
    locum_address_add_port(&settings->address, &where);
    ask_nsd(settings, &nsd);
    const bool served = nsd.outcome == LOCUM_NSD_SOA_SERIAL;
    print_serial(out, "NSD", served, nsd.serial, address, nsd.why);
    const bool reported = asked == 0 && print_report(out, status);
    json_decref(status);
    const bool fine = reported && holder > 0 && filed && served && nsd.serial == in_file;
    return fine ? EXIT_FINE : asked != 0 ? asked : EXIT_NOT_FINE;
}
