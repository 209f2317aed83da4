#include "nsd-adapter/adapter.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/text_format.h"
#include "base/user.h"
#include "cli/client.h"
#include "nsd-adapter/ask.h"
#include "nsd-adapter/files.h"
#include "nsd-adapter/names.h"
#include "nsd-adapter/nsdconf.h"

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
ask_nsd(const struct locum_nsd_settings *settings, const char *zone, struct nsd_answer *ret)
{
    struct locum_nsd_ask ask;
    *ret = (struct nsd_answer){.base = event_base_new(), .why = "out of memory"};
    if (ret->base != NULL) {
        locum_nsd_ask_init(&ask, ret->base, &settings->address, zone, on_soa, ret);
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
print_report(const json_t *status, const char *name)
{
    const json_t *zones = json_object_get(status, "zones");
    const json_t *zone;
    const json_t *report = NULL;
    size_t i;
    json_array_foreach(zones, i, zone)
    {
        const char *other = json_string_value(json_object_get(zone, "name"));
        report = other != NULL && strcmp(other, name) == 0 ? json_object_get(zone, "nsd") : report;
    }
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

/* Print one zone. status: NULL: the coordinator does not answer. True: NSD serves the right zone.
 */
static bool
print_zone(const struct locum_nsd_settings *settings, const char *name, const json_t *status)
{
    struct locum_nsd_files files = {.lock_fd = -1};
    struct nsd_answer nsd;
    char plain[LOCUM_DOMAIN_MAX + 1] = "";
    char why[LOCUM_NSD_FILES_WHY_MAX] = "";
    struct locum_nsd_zonetext zone = {.serial = 0};
    struct locum_nsd_zonefile file;
    char *text = NULL;
    memcpy(plain, name, strlen(name) - 1);
    (void)printf("%-12s %s\n", "zone", name);
    if (locum_nsd_conf_zonefile(settings, plain, NULL, locum_problems_print, NULL, &file) != 0) {
        return false;
    }
    locum_nsd_files_init(&files, file.path);
    const pid_t holder = locum_nsd_files_holder(&files);
    (void)printf(holder > 0 ? "%-12s running, process %d\n" : "%-12s not running\n", "adapter",
                 (int)holder);
    const json_t *serial = json_object_get(json_object_get(status, "dns"), "serial");
    print_serial("coordinator", json_is_integer(serial), (uint32_t)json_integer_value(serial),
                 settings->coordinator, status != NULL ? "no serial" : "does not answer");
    const bool filed = locum_nsd_files_read(file.path, name, &text, &zone, why) == 0;
    free(text);
    print_serial("zone file", filed, zone.serial, file.path, why);
    ask_nsd(settings, name, &nsd);
    const bool served = nsd.outcome == LOCUM_NSD_SOA_SERIAL;
    print_serial("NSD", served, nsd.serial, locum_address_text(&settings->address).text, nsd.why);
    const bool reported = status != NULL && print_report(status, name);
    return reported && holder > 0 && filed && served && nsd.serial == zone.serial;
}

int
locum_nsd_adapter_status(const struct locum_nsd_settings *settings)
{
    struct locum_nsd_names names;
    json_t *status = NULL;
    const int asked = locum_client_ask(settings->coordinator, "/status", NULL, stderr, &status);
    locum_nsd_names_find(&names, settings, status);
    bool fine = names.count > 0;
    for (size_t i = 0; i < names.count; i++) {
        (void)printf("%s", i > 0 ? "\n" : "");
        fine = print_zone(settings, names.at[i], status) && fine;
    }
    if (names.count == 0) {
        (void)printf("%-12s none: the coordinator has named none yet\n", "zones");
    }
    json_decref(status);
    return fine ? EXIT_FINE : asked != 0 ? asked : EXIT_NOT_FINE;
}

/* A zone file is replaced by renaming, so its folder counts. The unit makes one that is absent. */
static int
check_access(const char *path)
{
    char folder[LOCUM_PATH_MAX + 1];
    const char *slash = strrchr(path, '/');
    (void)locum_text_format_buffer(folder, sizeof(folder), "%.*s",
                                   slash != NULL ? (int)(slash - path) + 1 : 0, path);
    const char *denied = access(folder, W_OK | X_OK) != 0 && errno == EACCES ? folder
                         : access(path, R_OK) != 0 && errno == EACCES        ? path
                                                                             : NULL;
    if (denied != NULL) {
        (void)fprintf(stderr, "%s: error: permission denied: run chown " LOCUM_USER_NSD " on it\n",
                      denied);
    }
    return denied == NULL ? 0 : LOCUM_ERR_DENIED;
}

int
locum_nsd_adapter_check(const struct locum_nsd_settings *settings)
{
    struct locum_nsd_conf conf;
    struct locum_nsd_names names;
    json_t *status = NULL;
    int wrong = locum_nsd_conf_read(settings, NULL, locum_problems_print, NULL, &conf);
    if (wrong == 0 && settings->zone[0] == '\0' &&
        locum_client_ask(settings->coordinator, "/status", NULL, stderr, &status) != 0) {
        (void)fprintf(stderr, "%s: the zones that the coordinator had last are checked\n",
                      settings->path);
    }
    locum_nsd_names_find(&names, settings, status);
    json_decref(status);
    for (size_t i = 0; wrong == 0 && i < names.count; i++) {
        struct locum_nsd_zonefile file;
        names.at[i][strlen(names.at[i]) - 1] = '\0';
        wrong =
            locum_nsd_conf_zonefile(settings, names.at[i], NULL, locum_problems_print, NULL, &file);
        if (wrong == 0) {
            (void)printf("%s: zone %s: file %s, from `zonefile: %s` of its %s\n",
                         settings->nsd_config, names.at[i], file.path, file.written,
                         file.pattern ? "pattern" : "zone");
            wrong = check_access(file.path);
        }
    }
    if (wrong != 0) {
        (void)fprintf(stderr, "%s: refused\n", settings->path);
        return EXIT_NOT_FINE;
    }
    (void)printf("%s: OK: %zu zone(s), NSD's control by %s\n", settings->path, names.count,
                 conf.socket[0] != '\0' ? conf.socket : "TLS");
    return EXIT_FINE;
}
