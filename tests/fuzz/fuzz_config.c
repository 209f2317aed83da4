/*
 * fuzz_config: a configuration file. The error of a refused file names place and value; an accepted
 * file has the same digest on every node, and its zones can be served.
 */
#include "loading.h"

#include "config/glimpse.h"
#include "core/plan.h"
#include "dns/compile.h"
#include "dns/dns.h"
#include "dns/table.h"

const unsigned fuzz_mutations = 1500;

/* With every node up, the zones can be compiled, and written as text that ldns can read. */
static void
serve(const struct locum_config *config)
{
    static struct locum_plan plan;
    static const struct locum_ranks all_well[LOCUM_NODES_MAX];
    struct locum_dns_names *names = NULL;
    locum_plan_make(&config->core, all_well, &plan);
    for (size_t i = 0; i < config->zone_count; i++) {
        char *text = NULL;
        REQUIRE(locum_dns_zone_text(NULL, config, i, &plan, NULL, 1, &text) == 0);
        free(text);
    }
    REQUIRE(locum_dns_compile(config, NULL, 0, NULL, &names) == 0);
    struct locum_dns_table *table = locum_dns_table_make(names, config, &plan, NULL, 1);
    REQUIRE(table != NULL);
    locum_dns_names_release(names);
    locum_dns_table_release(table);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static bool began;
    char control[LOCUM_PATH_MAX + 1];
    if (!began) {
        (void)write_own("secret", secret, sizeof(secret) - 1);
        began = true;
    }
    const char *path = write_own("locum.yaml", data, size);
    struct reported reported = {.file = path};
    struct locum_config *one = load(path, "dc2");
    struct locum_config *other = one == NULL ? NULL : load(path, "dc3");
    locum_glimpse_control(path, control);
    REQUIRE(control[0] != '\0');
    if (other != NULL) {
        REQUIRE(strcmp(one->core.digest, other->core.digest) == 0);
    }
    if (one != NULL && locum_dns_check(one, report, &reported) == 0) {
        REQUIRE(reported.errors == 0);
        serve(one);
    } else if (one != NULL) {
        REQUIRE(reported.errors > 0);
    }
    locum_config_free(one);
    locum_config_free(other);
    return 0;
}
