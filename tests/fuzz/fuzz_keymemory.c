/*
 * fuzz_keymemory: a line with what another server shows of its keys, then a text that was saved, as
 * a damaged disk may give it. What is taken is decided on; what is saved again can be read whole.
 */
#include "fuzz.h"

#include <string.h>

#include "dns/keymemory.h"

const unsigned fuzz_mutations = 3000;

enum { NOW = 1800000000 };
#define ZONE "get.example.org."

static const struct locum_keymemory_found found[] = {
    {.algorithm = 13,
     .tag = 1,
     .secure_entry = true,
     .record = "257 3 13 AA==",
     .private_half = "a\nb"},
    {.algorithm = 13, .tag = 2, .record = "256 3 13 AA=="},
};

static struct locum_config config = {
    .core = {.nodes = {{.name = "dc2"}, {.name = "dc3"}}, .node_count = 2}, .zone_count = 1};

static void
decide(struct locum_keymemory *memory)
{
    for (size_t i = 0; i < memory->zone_count; i++) {
        struct locum_keymemory_zone *zone = memory->zones[i];
        for (int64_t day = 0; day < 3; day++) {
            locum_keymemory_decide(memory, zone, NOW + day * 86400);
        }
        REQUIRE(zone->count <= LOCUM_KEYSTATE_KEYS_MAX);
    }
}

static void
save(const struct locum_keymemory *memory)
{
    size_t length;
    char *text = locum_keymemory_save(memory, &length);
    struct locum_keymemory *again = locum_keymemory_create();
    REQUIRE(text != NULL && again != NULL);
    REQUIRE(locum_keymemory_load(again, (struct locum_slice){.at = text, .length = length}, NOW) ==
            0);
    REQUIRE(again->zone_count == memory->zone_count);
    for (size_t i = 0; i < memory->zone_count; i++) {
        REQUIRE(again->zones[i]->count == memory->zones[i]->count);
    }
    locum_keymemory_destroy(again);
    free(text);
}

static void
show(const struct locum_keymemory *memory)
{
    static char buffer[LOCUM_KEYMEMORY_DOCUMENT_MAX + 1];
    struct locum_text text = locum_text_init(buffer, sizeof(buffer));
    locum_keymemory_show(memory, &text);
    REQUIRE(locum_slice_is_plain(locum_slice_of(buffer)));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct locum_slice rest = {.at = (const char *)data, .length = size}, line;
    struct locum_keymemory *memory = locum_keymemory_create();
    size_t bad;
    REQUIRE(memory != NULL);
    (void)strcpy(config.zones[0].name, ZONE);
    (void)strcpy(config.zones[0].dnssec.keys, "/keys");
    (void)locum_slice_cut(&rest, '\n', &line);
    if (rest.at != NULL) {
        (void)!locum_keymemory_load(memory, rest, NOW);
    }
    locum_keymemory_configure(memory, &config);
    if (locum_keymemory_fits(memory, ZONE, found, 2, &bad) == 0) {
        REQUIRE(locum_keymemory_take_folder(memory, ZONE, found, 2, 3600, NOW) == 0);
    }
    locum_keymemory_take_document(memory, "dc3", line, NOW);
    show(memory);
    save(memory);
    decide(memory);
    show(memory);
    save(memory);
    locum_keymemory_destroy(memory);
    return 0;
}
