/*
 * fuzz_mirrorbits: a mirrorbits.conf from which the configuration takes its Redis and a check. The
 * error of a refused file is at the key that names it; an accepted file gives the same digest on
 * every node.
 */
#include "loading.h"

const unsigned fuzz_mutations = 1500;

static const char locum_yaml[] =
    "cluster: get\n"
    "secret-file: secret\n"
    "nodes: {dc2: {address: 192.0.2.12, redis: \"10.0.0.12:6379\"}, dc3: {address: 192.0.2.13}}\n"
    "zones: [{name: get.example.org, ns: [dc2.example.org]}]\n"
    "redis: {mirrorbits-config: mirrorbits.conf}\n"
    "service: {checks: [{mirrorbits: {file: /pool/x}}]}\n";

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    (void)write_own("secret", secret, sizeof(secret) - 1);
    (void)write_own("mirrorbits.conf", data, size);
    const char *path = write_own("locum.yaml", locum_yaml, sizeof(locum_yaml) - 1);
    struct locum_config *one = load(path, "dc2");
    struct locum_config *other = load(path, "dc3");
    REQUIRE((one == NULL) == (other == NULL));
    if (one != NULL) {
        REQUIRE(strcmp(one->core.digest, other->core.digest) == 0);
        REQUIRE(one->redis.master_name[0] != '\0');
        REQUIRE(strcmp(one->redis.password, other->redis.password) == 0);
    }
    locum_config_free(one);
    locum_config_free(other);
    return 0;
}
