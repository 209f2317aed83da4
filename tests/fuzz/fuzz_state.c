/*
 * fuzz_state: the state file. An accepted file is written with the same contents; a refused file is
 * kept aside and its error names the reason. Neither can damage what is displayed or written later.
 */
#include "folder.h"

#include <jansson.h>

#include "base/error.h"
#include "daemon/state.h"

const unsigned fuzz_mutations = 3000;

static const struct locum_now now = {100000, 200000, 1763863200123};

static const struct locum_config *
config(void)
{
    static struct locum_config made;
    if (made.core.node_count == 0) {
        static const char *const names[] = {"dc2", "dc3", "ns0"};
        strcpy(made.core.cluster, "get");
        (void)snprintf(made.state_dir, sizeof(made.state_dir), "%s", own_folder());
        for (size_t i = 0; i < LOCUM_COUNT(names); i++) {
            strcpy(made.core.nodes[made.core.node_count++].name, names[i]);
        }
    }
    return &made;
}

/* The file's text after reading and writing it once. Returns false if it is refused. */
static bool
rewrite(const void *bytes, size_t size, char *ret, size_t room, struct locum_text *why)
{
    struct locum_saved saved;
    uint32_t serial;
    struct locum_text text = locum_text_init(ret, room);
    (void)write_own("get.state", bytes, size);
    const int status = locum_state_load(config(), now, &saved, &serial, why);
    REQUIRE((status == 0) == (why->length == 0));
    REQUIRE(!locum_nodes_has(saved.admin.excluded, config()->core.self));
    locum_state_add(&text, config(), &saved, serial, now);
    REQUIRE(!text.truncated);
    return status == 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char reason[1024];
    char first[LOCUM_STATE_BYTES_MAX];
    char second[LOCUM_STATE_BYTES_MAX];
    struct locum_text why = locum_text_init(reason, sizeof(reason));
    if (!rewrite(data, size, first, sizeof(first), &why)) {
        REQUIRE(strstr(reason, "kept as") != NULL && strchr(reason, '\n') == NULL);
        why = locum_text_init(reason, sizeof(reason));
    }
    /* The next run finds what could be read, also from a broken file. */
    REQUIRE(rewrite(first, strlen(first), second, sizeof(second), &why));
    REQUIRE(strcmp(first, second) == 0);
    return 0;
}
