/*
 * fuzz_record: a recorded event, as somebody may have sent it in. What is read is written as one
 * line that says the same again, and the core takes it.
 */
#include "fuzz.h"

#include "../unit/core/fixture.h"
#include "core/record.h"

const unsigned fuzz_mutations = 40000;

enum { LINE = 65536 + 256 };

static const struct locum_core *
began(void)
{
    static struct locum_core core;
    static bool made;
    if (!made) {
        struct locum_core_config config = config_of(2, 1, 1);
        config.checks[0] = (struct locum_core_check){.counts = true, .rise = 1, .fall = 1};
        config.check_count = 1;
        locum_core_init(&core, &config, NULL, beginning);
        made = true;
    }
    return &core;
}

static void
check_core(struct locum_input event)
{
    static struct locum_core core;
    static struct locum_actions actions;
    core = *began();
    event.now = beginning; /* time goes on as it does, whatever the line says */
    locum_core_step(&core, &event, &actions);
    event.kind = LOCUM_INPUT_COMMIT;
    locum_core_step(&core, &event, &actions);
    for (size_t i = 0; i < core.config.name_count; i++) {
        REQUIRE(core.plan.answers[i][LOCUM_V4].nodes != 0); /* never silent */
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char first[LINE];
    static char second[LINE];
    const struct locum_core_config *config = &began()->config;
    const struct locum_slice line = {.at = (const char *)data, .length = size};
    struct locum_input event;
    if (size > 65536 || !locum_record_input_parse(line, config, &event)) {
        return 0;
    }
    struct locum_text text = locum_text_init(first, sizeof(first));
    locum_record_input(&text, config, &event);
    REQUIRE(!text.truncated);
    for (const char *c = first; *c != '\0'; c++) {
        REQUIRE(*c >= ' ' && *c < 127);
    }
    check_core(event);
    REQUIRE(locum_record_input_parse(locum_slice_of(first), config, &event));
    text = locum_text_init(second, sizeof(second));
    locum_record_input(&text, config, &event);
    REQUIRE(strcmp(first, second) == 0);
    return 0;
}
