/* GET /keys. */
#include <string.h>

#include "base/text_format.h"
#include "dns/dnskey.h"
#include "report/keys.h"

enum { NEXT_BYTES = 512 };

/* A time in seconds; null: 0. */
static json_t *
time_of(int64_t at_s)
{
    return at_s == 0 ? json_null() : json_string(locum_text_time(at_s * 1000).text);
}

/* When a key may sign alone, if all goes on as it does; 0: not known. */
static int64_t
settles_at_s(const struct locum_keymemory_key *key)
{
    const int64_t since_s = key->facts.all_published_since_s;
    return since_s == 0 ? 0 : since_s + LOCUM_KEYMEMORY_TTL_S + LOCUM_KEYSTATE_MARGIN_S;
}

static json_t *
server_of(const struct locum_keymemory *keys, size_t server,
          const struct locum_keymemory_shown *shown)
{
    const uint8_t bits = shown->bits;
    const bool published = (bits & LOCUM_KEYSTATE_PUBLISHED) != 0;
    const bool signing = (bits & LOCUM_KEYSTATE_SIGNING) != 0;
    return json_pack(
        "{s:s, s:b, s:o, s:b, s:o, s:b, s:b, s:b, s:b}", "server", keys->servers[server].name,
        "published", published, "published_since",
        published ? time_of(shown->published_since_s) : json_null(), "signing", signing,
        "signing_since", signing ? time_of(shown->signing_since_s) : json_null(), "kept",
        (bits & LOCUM_KEYSTATE_KEPT) != 0, "leaving", (bits & LOCUM_KEYSTATE_LEAVING) != 0, "cds",
        (bits & LOCUM_KEYSTATE_CDS) != 0, "ds", (bits & LOCUM_KEYSTATE_DS) != 0);
}

/* What each server shows of a key, and which of them do not show it as published. */
static json_t *
servers_of(const struct locum_keymemory *keys, const struct locum_keymemory_zone *zone,
           const struct locum_keymemory_key *key, struct locum_text *missing)
{
    json_t *servers = json_array();
    for (size_t i = 0; i < keys->server_count; i++) {
        const struct locum_keymemory_shown shown =
            locum_keymemory_shown_of(keys, zone, i, &key->facts);
        if ((shown.bits & LOCUM_KEYSTATE_PUBLISHED) == 0) {
            locum_text_format(missing, "%s%s", missing->length > 0 ? ", " : "",
                              keys->servers[i].name);
        }
        (void)json_array_append_new(servers, server_of(keys, i, &shown));
    }
    return servers;
}

/* Does another key 257 do all that this one does? */
static bool
is_replaced(const struct locum_keymemory_zone *zone, const struct locum_keymemory_key *key)
{
    bool found = false;
    for (size_t i = 0; i < zone->count; i++) {
        const struct locum_keymemory_key *other = &zone->keys[i];
        found = found || (other != key && other->facts.secure_entry && other->facts.has_private &&
                          other->state.settled && other->state.published &&
                          (other->at_parent || !key->at_parent));
    }
    return found;
}

/* What happens next with a key, or what may be done. */
static void
add_next(const struct locum_keymemory_zone *zone, const struct locum_keymemory_key *key,
         const char *missing, struct locum_text *text)
{
    const struct locum_keystate *state = &key->state;
    if (!key->facts.has_record) {
        locum_text_format(
            text, "its files are gone; it goes by itself: %s",
            locum_keystate_why_text(state->published ? state->why_published : state->why_signs));
    } else if (!state->published) {
        locum_text_format(text, "not published: %s", locum_keystate_why_text(state->why_published));
    } else if (missing[0] != '\0') {
        locum_text_format(text, "not published yet by %s", missing);
    } else if (!state->settled && settles_at_s(key) != 0) {
        locum_text_format(text, "it may sign alone from %s",
                          locum_text_time(settles_at_s(key) * 1000).text);
    } else if (state->removable == LOCUM_KEYSTATE_REMOVE_BOTH) {
        locum_text_add(text, "its files may be removed");
    } else if (key->at_parent && is_replaced(zone, key)) {
        locum_text_add(text,
                       "its files may be removed: it goes on until its DS has left the parent");
    } else if (state->removable == LOCUM_KEYSTATE_REMOVE_PRIVATE) {
        locum_text_add(text, "its .private may be removed, its .key not yet");
    } else if (state->signs_dnskey || state->signs_rest) {
        locum_text_add(text, "in use");
    } else {
        locum_text_add(text, "of another server");
    }
}

static json_t *
key_of(const struct locum_keymemory *keys, const struct locum_keymemory_zone *zone,
       const struct locum_keymemory_key *key)
{
    static const char *const removable[] = {[LOCUM_KEYSTATE_REMOVE_NOTHING] = "nothing",
                                            [LOCUM_KEYSTATE_REMOVE_PRIVATE] = "private",
                                            [LOCUM_KEYSTATE_REMOVE_BOTH] = "both"};
    char next[NEXT_BYTES], names[NEXT_BYTES];
    struct locum_text text = locum_text_init(next, sizeof(next));
    struct locum_text missing = locum_text_init(names, sizeof(names));
    const struct locum_keystate *state = &key->state;
    json_t *servers = servers_of(keys, zone, key, &missing);
    add_next(zone, key, names, &text);
    return json_pack(
        "{s:i, s:s, s:i, s:s, s:b, s:s, s:b, s:b, s:s, s:b, s:b, s:b, s:o, s:s, s:s, s:o}", "tag",
        key->facts.tag, "algorithm", locum_dnskey_algorithm_text(key->facts.algorithm).text,
        "flags", key->facts.secure_entry ? 257 : 256, "files",
        key->facts.has_private  ? "both"
        : key->facts.has_record ? "key"
                                : "none",
        "published", state->published, "published_because",
        locum_keystate_why_text(state->why_published), "signs_dnskey", state->signs_dnskey,
        "signs_rest", state->signs_rest, "signs_because", locum_keystate_why_text(state->why_signs),
        "cds", key->in_cds, "ds", key->at_parent, "may_sign_alone", state->settled,
        "may_sign_alone_from", time_of(settles_at_s(key)), "removable", removable[state->removable],
        "next", next, "servers", servers);
}

static json_t *
keys_of(const struct locum_keymemory *keys, const struct locum_keymemory_zone *zone)
{
    json_t *array = json_array();
    for (size_t i = 0; i < zone->count; i++) {
        (void)json_array_append_new(array, key_of(keys, zone, &zone->keys[i]));
    }
    return array;
}

static const char *
cds_of(const struct locum_config_zone *config, const struct locum_keymemory_zone *zone)
{
    bool any = false;
    for (size_t i = 0; i < zone->count; i++) {
        any = any || zone->keys[i].in_cds;
    }
    return config->dnssec.withdraw ? "delete"
           : !any                  ? "none"
           : zone->cds_is_old      ? "old"
                                   : "current";
}

json_t *
locum_keys_json(const struct locum_report *report)
{
    json_t *zones = json_array();
    for (size_t i = 0; i < report->config->zone_count; i++) {
        const struct locum_config_zone *config = &report->config->zones[i];
        const struct locum_keymemory_zone *zone = locum_keymemory_find(report->keys, config->name);
        if (zone != NULL) {
            (void)json_array_append_new(
                zones,
                json_pack("{s:s, s:s, s:o, s:o, s:o}", "zone", zone->name, "cds",
                          cds_of(config, zone), "parent_answered",
                          zone->parent_asked ? time_of(zone->parent_answered_s) : json_null(),
                          "parent_has_ds",
                          zone->parent_asked ? json_boolean(zone->parent_has_ds) : json_null(),
                          "keys", keys_of(report->keys, zone)));
        }
    }
    return json_pack("{s:o}", "zones", zones);
}
