#include "daemon/keys_api.h"

#include <string.h>

#include "base/text_format.h"
#include "daemon/act.h"
#include "daemon/inside.h"
#include "report/keys.h"

enum { REASON_BYTES = 512 };

struct locum_control_reply
locum_keys_api_get(void *user, const struct locum_control_request *request)
{
    struct locum_daemon *self = user;
    struct locum_report view;
    (void)request;
    (void)locum_daemon_loop_now(self);
    locum_daemon_act_view(self, &view);
    return locum_control_json(locum_keys_json(&view));
}

/* With the last dot or without it. */
static bool
is_zone(const char *zone, const char *written)
{
    const size_t length = strlen(written);
    return strncasecmp(zone, written, length) == 0 &&
           (zone[length] == '\0' || strcmp(zone + length, ".") == 0);
}

/* May this key be dropped, which is not in the folder any more? */
static bool
has_key(const struct locum_keymemory_zone *zone, uint16_t tag)
{
    bool found = false;
    for (size_t i = 0; i < zone->count; i++) {
        found = found || (zone->keys[i].facts.tag == tag && !zone->keys[i].facts.has_record);
    }
    return found;
}

static struct locum_control_reply
drop(struct locum_daemon *self, uint16_t tag, const char *written)
{
    const struct locum_keymemory *memory = self->keys.memory;
    const struct locum_keymemory_zone *found = NULL;
    char reason[REASON_BYTES];
    size_t count = 0;
    for (size_t i = 0; i < memory->zone_count; i++) {
        if ((written == NULL || is_zone(memory->zones[i]->name, written)) &&
            has_key(memory->zones[i], tag)) {
            found = memory->zones[i];
            count++;
        }
    }
    if (count != 1) {
        (void)locum_text_format_buffer(
            reason, sizeof(reason),
            count == 0 ? "no key %u is kept without its files: remove its files from the key "
                         "folder first, and run `locum reload`; `locum keys` shows all keys"
                       : "more than one zone has a key %u: add the name of the zone",
            tag);
        return locum_control_error(409, reason);
    }
    if (!locum_daemon_keys_drop(self, found->name, tag)) {
        (void)locum_text_format_buffer(reason, sizeof(reason),
                                       "key %u is the last that signs %s: put the files of a key "
                                       "into the key folder first, and run `locum reload`",
                                       tag, found->name);
        return locum_control_error(409, reason);
    }
    return locum_control_json(json_pack("{s:i, s:s}", "dropped", tag, "zone", found->name));
}

struct locum_control_reply
locum_keys_api_drop(void *user, const struct locum_control_request *request)
{
    struct locum_daemon *self = user;
    const json_t *tag = json_object_get(request->body, "tag");
    const json_t *zone = json_object_get(request->body, "zone");
    const json_int_t number = json_integer_value(tag);
    if (!json_is_integer(tag) || number < 0 || number > UINT16_MAX) {
        return locum_control_error(400, "tag: the tag of a key, a number up to 65535");
    }
    if (zone != NULL && !json_is_null(zone) && !json_is_string(zone)) {
        return locum_control_error(400, "zone: the name of a zone");
    }
    if (!json_is_true(json_object_get(request->body, "force"))) {
        return locum_control_error(
            409, "resolvers that validate refuse the zone if they have a DS of this key alone: "
                 "remove its DS at the parent first, and let the node drop it by itself, or use "
                 "--force");
    }
    (void)locum_daemon_loop_now(self);
    return drop(self, (uint16_t)number, json_string_value(zone));
}
