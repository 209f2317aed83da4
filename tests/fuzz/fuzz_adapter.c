/*
 * fuzz_adapter: the adapter's configuration file. The error of a refused file names place and
 * value; the values of an accepted file are within their limits.
 */
#include "folder.h"

#include "nsd-adapter/settings.h"

const unsigned fuzz_mutations = 3000;

static void
report(void *user, const struct locum_problem *problem)
{
    char line[2048];
    struct locum_text text = locum_text_init(line, sizeof(line));
    *(size_t *)user += 1;
    REQUIRE((problem->at.line == 0) == (problem->at.column == 0));
    locum_problems_format(&text, problem);
    REQUIRE(!text.truncated && problem->text[0] != '\0');
    for (const char *c = line; *c != '\0'; c++) {
        REQUIRE((uint8_t)*c >= ' ' && *c != 127); /* always one line */
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t errors = 0;
    struct locum_nsd_settings settings;
    struct locum_nsd_settings again;
    const char *path = write_own("locum-nsd.yaml", data, size);
    if (locum_nsd_settings_load(path, NULL, report, &errors, &settings) != 0) {
        REQUIRE(errors > 0);
        return 0;
    }
    REQUIRE(errors == 0);
    REQUIRE(settings.lost_ms >= 5000 && settings.address.port != 0);
    REQUIRE(settings.coordinator[0] != '\0' && settings.nsd_config[0] != '\0' &&
            settings.pattern[0] != '\0' && settings.state_dir[0] != '\0');
    REQUIRE(locum_nsd_settings_load(path, settings.source, report, &errors, &again) == 0);
    REQUIRE(strcmp(settings.source, again.source) == 0 && settings.lost_ms == again.lost_ms);
    REQUIRE(strcmp(settings.zonefile, again.zonefile) == 0);
    locum_nsd_settings_free(&settings);
    locum_nsd_settings_free(&again);
    REQUIRE(settings.zone[0] == '\0' ? settings.zonefile[0] == '\0'
                                     : settings.zone[strlen(settings.zone) - 1] == '.');
    return 0;
}
