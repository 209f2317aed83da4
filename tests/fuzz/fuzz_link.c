/*
 * fuzz_link: bytes from a Redis or a Sentinel, through the real link and hiredis' reader, to every
 * decoder. The first byte says whether the link subscribes and how many commands wait for replies.
 * The link ends once, with a message, and no reply comes that no command waits for.
 */
#include "wire.h"

#include <string.h>

#include "base/error.h"
#include "redis/link.h"
#include "redis/resp.h"

const unsigned fuzz_mutations = 8000;

struct seen {
    struct locum_link *link;
    unsigned wanted, ups, replies, ends;
    bool over;
};

static unsigned sum; /* of all bytes returned by a decoder: they are readable */

static void
use(int status, struct locum_slice slice)
{
    for (size_t i = 0; status == 0 && i < slice.length; i++) {
        sum += (uint8_t)slice.at[i];
    }
}

static void
decode(const redisReply *reply)
{
    static struct locum_instances instances;
    char buffer[512];
    struct locum_text text = locum_text_init(buffer, sizeof(buffer));
    struct locum_slice slice = {0};
    struct locum_slice other = {0};
    struct locum_instance instance;
    struct locum_slice role;
    uint64_t epoch;
    bool tilt;
    use(locum_resp_error(reply, &slice) ? 0 : -1, slice);
    if (locum_resp_address(reply, &instance) == 0) {
        REQUIRE(instance.address.port != 0 && strlen(instance.host) <= LOCUM_INSTANCE_HOST_MAX);
    }
    (void)!locum_resp_epoch(reply, &epoch);
    (void)!locum_resp_role(reply, &role);
    (void)!locum_resp_tilt(reply, &tilt);
    (void)locum_resp_subscribed(reply, "get");
    if (locum_resp_message(reply, &slice, &other)) {
        use(0, slice);
        uint32_t db;
        use(locum_resp_mirrorbits(other, &db, &slice, &other), other);
    }
    instances.count = 0;
    (void)!locum_resp_instance(reply, &instances);
    (void)!locum_resp_instances(reply, &instances);
    REQUIRE(instances.count <= LOCUM_INSTANCES_MAX);
    (void)!locum_resp_masters(reply, &text);
    REQUIRE(strchr(buffer, '\n') == NULL);
}

static void
on_reply(void *user, enum locum_command command, const redisReply *reply)
{
    struct seen *seen = user;
    REQUIRE(command == LOCUM_COMMAND_ROLE && ++seen->replies <= seen->wanted);
    decode(reply);
}

static void
on_up(void *user)
{
    struct seen *seen = user;
    const struct locum_command_argv argv = locum_command_argv(LOCUM_COMMAND_ROLE, NULL);
    REQUIRE(++seen->ups == 1);
    for (unsigned i = 0; i < seen->wanted; i++) {
        locum_link_send(seen->link, &argv, on_reply, seen);
    }
}

static void
on_message(void *user, struct locum_slice channel, struct locum_slice payload)
{
    (void)user;
    use(0, channel);
    use(0, payload);
}

static void
on_closed(void *user, const char *why)
{
    struct seen *seen = user;
    REQUIRE(!seen->over && why[0] != '\0' && strchr(why, '\n') == NULL);
    seen->over = true;
}

static const struct locum_link_events plain = {on_up, NULL, on_closed};
static const struct locum_link_events subscribed = {on_up, on_message, on_closed};

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint64_t commands = 0;
    uint64_t oversized = 0;
    struct locum_link_settings settings = {
        .timeout_ms = 3600000, .commands = &commands, .oversized = &oversized};
    struct locum_address address;
    if (size < 1 || size > WIRE_BYTES_MAX) {
        return 0;
    }
    struct seen seen = {.wanted = data[0] >> 1 & 15};
    wires[0] = (struct wire){.say = data + 1, .size = size - 1};
    REQUIRE(locum_address_parse(locum_slice_of("127.0.0.1"), &address) == 0);
    address.port = 6379;
    settings.base = loop();
    seen.link = locum_link_open(&settings, &address, NULL,
                                (data[0] & 1) != 0 ? &subscribed : &plain, &seen);
    REQUIRE(seen.link != NULL);
    turn_until(&seen.over);
    REQUIRE(seen.over && seen.ups == 1 && commands == seen.wanted);
    locum_link_close(seen.link);
    hang_up();
    return 0;
}
