/*
 * fuzz_page: text of others on the status page (value NUL value NUL ...): the reason of an
 * operator, what a check, a Sentinel and NSD say, an event, a name. Whatever it is, the page has no
 * other markup than its own, and is whole.
 */
#include "fuzz.h"

#include "../unit/report/view.h"

#include "../unit/report/markup.h"
#include "report/page.h"

const unsigned fuzz_mutations = 800;

/* Take the next value, or as much of it as fits. */
static void
take(const uint8_t **data, size_t *left, char *to, size_t size)
{
    const size_t length = strnlen((const char *)*data, *left);
    const size_t copied = length < size - 1 ? length : size - 1;
    memcpy(to, *data, copied);
    to[copied] = '\0';
    *data += length + (length < *left);
    *left -= length + (length < *left);
}

static void
check_page(enum locum_page_readers readers)
{
    char *page = locum_page_make(&view, readers);
    REQUIRE(page != NULL);
    REQUIRE(markup_wrong(page) == NULL);
    free(page);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char said[LOCUM_CHECK_SAID_MAX], event[512], state[256];
    struct locum_event_fields fields;
    REQUIRE(setup_view(NULL) == 0);
    take(&data, &size, site.core.admin.reason, sizeof(site.core.admin.reason));
    take(&data, &size, said, sizeof(said));
    take(&data, &size, event, sizeof(event));
    take(&data, &size, state, sizeof(state));
    take(&data, &size, view.redis.sentinels[0].error, sizeof(view.redis.sentinels[0].error));
    take(&data, &size, config.names[0].name, sizeof(config.names[0].name));
    take(&data, &size, config.checks[0].name, sizeof(config.checks[0].name));
    site.core.admin.state = LOCUM_DRAIN;
    site.core.config.check_count = 1;
    view.checks[0].last = said;
    view.redis.sentinel_count = 1;
    nsd.report[0] = json_pack("{s:s, s:n, s:n, s:s, s:n, s:n}", "zone", "z", "serial", "lag_ms",
                              "state", "ok", "error", "warning");
    (void)json_object_set_new(nsd.report[0], "error", json_string(state));
    const struct locum_event_facts what = {.kind = LOCUM_EVENT_REDIS_LOST, .texts = {event}};
    struct locum_events *events = locum_events_create(2);
    locum_events_describe(&what, &config.core, &fields);
    locum_events_add(events, view.now.wall, LOCUM_EVENT_REDIS_LOST, &fields);
    view.events = events;
    check_page(LOCUM_PAGE_OPERATORS);
    check_page(LOCUM_PAGE_EVERYONE);
    json_decref(nsd.report[0]);
    locum_events_destroy(events);
    return 0;
}
