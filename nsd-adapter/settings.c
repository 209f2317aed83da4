#include "nsd-adapter/settings.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "config/bind.h"
#include "config/row.h"
#include "config/source.h"

#define AT(member) STORED(struct locum_nsd_settings, member)

enum {
    COORDINATOR,
    COORDINATOR_LOST,
    ZONE,
    STATE_DIR,
    NSD,
    NSD_CONFIG,
    NSD_ZONEFILE,
    NSD_ADDRESS,
    NSD_PATTERN
};

/* clang-format off */
static const struct locum_schema_row rows[] = {
[COORDINATOR] = {"coordinator", PATH(107), DEFAULT("/run/locum/control.sock"), AT(coordinator),
    .note = "Control socket of the coordinator on this host"},
[COORDINATOR_LOST] = {"coordinator-lost", DURATION(5 * SECOND, HOUR), DEFAULT("10s"), AT(lost_ms),
    .note = "If the coordinator does not answer for this long, NSD gets the fail-open zone"},
[ZONE] = {"zone", DOMAIN, DERIVED("every zone of the coordinator"), AT(zone),
    .note = "Carry only this zone of the coordinator"},
[STATE_DIR] = {"state-dir", PATH(LOCUM_PATH_MAX - 16), DEFAULT(LOCUM_NSD_SETTINGS_DEFAULT_STATE), AT(state_dir),
    .note = "Folder of what an earlier run has kept",
    .help = "Without `zone` the file `zone.list` names the coordinator's zones, for a start without "
            "the coordinator. A file `*.kept` holds the last configuration that took effect, for a "
            "start whose files are refused."},
[NSD] = {"nsd", MAP, DEFAULT(NULL), .note = "The NSD on this host"},
[NSD_CONFIG] = {"nsd.config", PATH(LOCUM_PATH_MAX), DEFAULT("/etc/nsd/nsd.conf"), AT(nsd_config),
    .note = "NSD's configuration file",
    .help = "The control channel, its certificates and the zone files are read from it with "
            "nsd-checkconf(8)."},
[NSD_ZONEFILE] = {"nsd.zonefile", PATH(LOCUM_PATH_MAX - 16),
    DERIVED("the `zonefile:` in `nsd.config`"), AT(zonefile),
    .note = "The file that NSD reads the zone from; needs `zone`",
    .help = "An error if NSD's configuration names another file. Only `locum-nsd` writes it."},
[NSD_ADDRESS] = {"nsd.address", ADDRESS, DEFAULT("127.0.0.1:53"), AT(address),
    .note = "Address and port at which NSD answers queries"},
[NSD_PATTERN] = {"nsd.pattern", TEXT(1, 63), DEFAULT("locum"), AT(pattern),
    .note = "Pattern of NSD's configuration that is used to add the zone if NSD does not know it"},
};
/* clang-format on */

const struct locum_schema locum_nsd_keys = {rows, LOCUM_COUNT(rows)};

int
locum_nsd_settings_load(const char *path, const char *text, locum_problem_fn *report, void *user,
                        struct locum_nsd_settings *ret)
{
    struct locum_nsd_settings settings = {.path = path};
    struct locum_bind *bind = calloc(1, sizeof(*bind));
    if (bind == NULL) {
        return LOCUM_ERR_MEMORY;
    }
    int status = locum_bind_file(bind, &locum_nsd_keys, path, text, &settings);
    if (status == 0) {
        if (settings.zonefile[0] != '\0' && settings.zone[0] == '\0') {
            locum_bind_error(bind, NSD_ZONEFILE, 0,
                             "zonefile: it needs `zone`; without both, the "
                             "zone files are those of nsd.config");
        }
        status = bind->problems.error_count > 0 ? LOCUM_ERR_INVALID : 0;
        settings.source = status == 0 ? locum_source_of(&bind->document, NULL) : NULL;
        status = status == 0 && settings.source == NULL ? LOCUM_ERR_MEMORY : status;
        yaml_document_delete(&bind->document); /* the last error may have its place there */
    }
    locum_problems_report(&bind->problems, path, report, user);
    if (status == 0) {
        *ret = settings;
    }
    free(bind);
    return status;
}

void
locum_nsd_settings_free(struct locum_nsd_settings *self)
{
    free(self->source);
    self->source = NULL;
}
