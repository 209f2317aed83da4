/*
 * fuzz_sentinel: what a Sentinel sends on its two connections, to the real watcher. The first two
 * bytes say how much of the rest the polling connection receives; the subscribed one receives the
 * remainder. A resulting view is within its limits, and every message is one line.
 */
#include "wire.h"

#include <string.h>

#include "base/error.h"
#include "redis/endpoints.h"
#include "redis/sentinel.h"

const unsigned fuzz_mutations = 5000;

static struct locum_endpoints endpoints;

static void
on_polled(void *user, const struct locum_endpoints_entry *entry, struct locum_sentinel_view *view)
{
    struct locum_endpoints_view sorted;
    unsigned *polls = user;
    ++*polls;
    REQUIRE(entry == &endpoints.sentinels[2] && view->instances.count <= LOCUM_INSTANCES_MAX &&
            view->master.address.port != 0);
    locum_endpoints_sort(&endpoints, &view->instances, 2, &sorted);
    REQUIRE(sorted.unknown_count <= LOCUM_ENDPOINTS_UNKNOWN_MAX && sorted.known[2] >= 1);
    for (locum_node i = 0; i < LOCUM_NODES_MAX; i++) {
        REQUIRE(sorted.down[i] <= sorted.known[i] && sorted.known[i] <= 3);
    }
}

static void
on_lost(void *user, const struct locum_endpoints_entry *entry)
{
    (void)user;
    REQUIRE(entry == &endpoints.sentinels[2]);
}

static const struct locum_sentinel_events events = {on_polled, on_lost};

static struct locum_config config = {.core = {.node_count = 3, .sentinel_poll_ms = 3600000},
                                     .redis.master_name = "mirrorbits"};

static void
begin(void)
{
    static const char *const hosts[] = {"10.0.0.12", "10.0.0.13", "10.0.0.10"};
    for (size_t i = 0; i < 3; i++) {
        strcpy(config.nodes[i].redis.host, hosts[i]);
        strcpy(config.nodes[i].sentinel.host, hosts[i]);
        config.nodes[i].redis.port = 6379;
        config.nodes[i].sentinel.port = 26379;
    }
    locum_endpoints_init(&endpoints, &config);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const bool never;
    uint64_t commands = 0;
    uint64_t oversized = 0;
    unsigned polls = 0;
    struct locum_sentinel_settings settings = {.link = {.timeout_ms = 3600000,
                                                        .login = {true, "", "", "locum-dc2"},
                                                        .commands = &commands,
                                                        .oversized = &oversized},
                                               .config = &config};
    if (size < 2 || size > WIRE_BYTES_MAX) {
        return 0;
    }
    if (endpoints.redis_count == 0) {
        begin();
    }
    const size_t rest = size - 2;
    const size_t asked = ((size_t)data[0] << 8 | data[1]) % (rest + 1);
    wires[0] = (struct wire){.say = data + 2, .size = asked};
    wires[1] = (struct wire){.say = data + 2 + asked, .size = rest - asked};
    settings.link.base = loop();
    struct locum_sentinel *sentinel =
        locum_sentinel_create(&endpoints.sentinels[2], &settings, &events, &polls);
    REQUIRE(sentinel != NULL);
    turn_until(&never);
    const struct locum_redis_sentinel *status = locum_sentinel_status(sentinel);
    REQUIRE(strchr(status->error, '\n') == NULL);
    REQUIRE((status->polled_mono == LOCUM_NEVER) == (polls == 0) && status->polls == polls);
    locum_sentinel_destroy(sentinel);
    hang_up();
    return 0;
}
