#include "report/keys.h"

#include <string.h>

#include "base/text_format.h"

enum { HELD_S = 2 * 3600 }; /* a key without files may go on for so long without a warning */

static const struct locum_keymemory_zone *
zone_of(const struct locum_report *report, size_t zone)
{
    return report->keys == NULL
               ? NULL
               : locum_keymemory_find(report->keys, report->config->zones[zone].name);
}

/* Append the servers that are not heard. False: all are. */
static bool
add_unheard(const struct locum_report *report, struct locum_text *text)
{
    const struct locum_keymemory *keys = report->keys;
    const int64_t now_s = report->keys_now_s;
    bool any = false;
    for (size_t i = 0; i < keys->server_count; i++) {
        const int64_t heard_s = keys->servers[i].heard_s;
        if (i != keys->own && (heard_s == 0 || now_s - heard_s >= LOCUM_KEYSTATE_HEARD_S)) {
            locum_text_format(text, "%s%s", any ? ", " : "", keys->servers[i].name);
            any = true;
        }
    }
    return any;
}

/* Does it go on longer than its signatures are cached, because a server is not heard (KEYS-7)? What
 * that server showed last may say that it signs with the key: then it would go on without end. */
static bool
waits_for_server(const struct locum_report *report, const struct locum_keymemory_zone *zone,
                 const struct locum_keymemory_key *key)
{
    const struct locum_keystate_key *facts = &key->facts;
    char buffer[512];
    struct locum_text names = locum_text_init(buffer, sizeof(buffer));
    int64_t signed_s = facts->last_signed_dnskey_s;
    signed_s = signed_s > facts->last_signed_rest_s ? signed_s : facts->last_signed_rest_s;
    if (!add_unheard(report, &names) && facts->last_signed_anywhere_s > signed_s) {
        signed_s = facts->last_signed_anywhere_s;
    }
    return zone->decided_s - signed_s >= (int64_t)zone->longest_ttl_s + LOCUM_KEYSTATE_MARGIN_S;
}

/* A key whose files are gone goes on: KEYS-3, KEYS-8, or KEYS-7 for a long time. */
static bool
is_held(const struct locum_report *report, const struct locum_keymemory_zone *zone,
        const struct locum_keymemory_key *key)
{
    const bool is_long = zone->decided_s - key->facts.last_wanted_s >= HELD_S;
    switch (key->state.why_published) {
    case LOCUM_KEYSTATE_AT_PARENT:
    case LOCUM_KEYSTATE_IN_CDS:
    case LOCUM_KEYSTATE_LAST: return true;
    case LOCUM_KEYSTATE_PARENT_UNKNOWN: return is_long;
    case LOCUM_KEYSTATE_CACHED: return is_long && waits_for_server(report, zone, key);
    default: return false;
    }
}

static const struct locum_keymemory_key *
find_held(const struct locum_report *report, const struct locum_keymemory_zone *zone)
{
    for (size_t i = 0; i < zone->count; i++) {
        const struct locum_keymemory_key *key = &zone->keys[i];
        if (!key->facts.has_record && key->state.published && is_held(report, zone, key)) {
            return key;
        }
    }
    return NULL;
}

/* KEYS-2: a key without its .private signs on. */
static const struct locum_keymemory_key *
find_addition(const struct locum_keymemory_zone *zone)
{
    for (size_t i = 0; i < zone->count; i++) {
        if (zone->keys[i].state.why_signs == LOCUM_KEYSTATE_OTHERS_TOO_NEW) {
            return &zone->keys[i];
        }
    }
    return NULL;
}

static bool
is_in_any_cds(const struct locum_keymemory_zone *zone)
{
    bool found = false;
    for (size_t i = 0; i < zone->count; i++) {
        found = found || zone->keys[i].in_cds;
    }
    return found;
}

/* " (dc3 is not heard)" or nothing. */
static void
add_reason(const struct locum_report *report, struct locum_text *text)
{
    char buffer[512];
    struct locum_text names = locum_text_init(buffer, sizeof(buffer));
    if (add_unheard(report, &names)) {
        locum_text_format(text, " (not heard now: %s)", buffer);
    }
}

/* Does no key sign here that every server publishes? */
static bool
signs_unknown(const struct locum_keymemory_zone *zone)
{
    bool known = false;
    for (size_t i = 0; i < zone->count; i++) {
        known = known ||
                (zone->keys[i].state.signs_rest && zone->keys[i].facts.all_published_since_s != 0);
    }
    return !known;
}

static bool
warn_of_addition(const struct locum_report *report, const char *name,
                 const struct locum_keymemory_zone *of, struct locum_text *text)
{
    const struct locum_keymemory_key *key = find_addition(of);
    if (of->summary.alone && of->parent_asked && signs_unknown(of)) {
        locum_text_format(
            text,
            "zone %s: no key that signs here is published by all servers, and no earlier "
            "key is here to sign too: some resolvers may refuse answers. Let all "
            "servers have its .key file, and put back the files of the keys that "
            "signed before, then run `locum reload`",
            name);
        add_reason(report, text);
        return true;
    }
    if (key == NULL) {
        return false;
    }
    locum_text_format(text,
                      "zone %s: key %u goes on signing, although its .private file is gone: the "
                      "others have not been published by all servers for 2 hours",
                      name, key->facts.tag);
    add_reason(report, text);
    locum_text_add(text, ". Wait, or remove a server that is gone for good from `nodes`");
    return true;
}

/* " (reported by dc3)": if the parent has not reported its DS to this server. */
static void
add_who_sees_ds(const struct locum_report *report, const struct locum_keymemory_zone *zone,
                const struct locum_keymemory_key *key, struct locum_text *text)
{
    const struct locum_keymemory *keys = report->keys;
    const char *before = " (reported by ";
    for (size_t i = 0; i < keys->server_count && !key->at_parent; i++) {
        const struct locum_keymemory_shown shown =
            locum_keymemory_shown_of(keys, zone, i, &key->facts);
        if ((shown.bits & LOCUM_KEYSTATE_DS) != 0) {
            locum_text_format(text, "%s%s", before, keys->servers[i].name);
            before = ", ";
        }
    }
    locum_text_add(text, before[0] == ',' ? ")" : "");
}

static void
warn_of_held(const struct locum_report *report, const struct locum_keymemory_zone *zone,
             const struct locum_keymemory_key *key, struct locum_text *text)
{
    const enum locum_keystate_why why = key->state.why_published;
    const bool waits = why == LOCUM_KEYSTATE_CACHED || why == LOCUM_KEYSTATE_PARENT_UNKNOWN;
    locum_text_format(text, "zone %s: key %u goes on, although its files are gone: %s", zone->name,
                      key->facts.tag,
                      why == LOCUM_KEYSTATE_CACHED ? "not all servers were heard since"
                                                   : locum_keystate_why_text(why));
    if (waits) {
        add_reason(report, text);
        locum_text_add(text, ". Remove a server that is gone for good from `nodes`, on all nodes");
        if (why == LOCUM_KEYSTATE_PARENT_UNKNOWN) {
            locum_text_add(text, ", and check that the resolvers of this machine can ask the "
                                 "parent for its DS");
        }
    } else if (why == LOCUM_KEYSTATE_LAST) {
        locum_text_add(text, ". Put its files back, or those of another key, then run `locum "
                             "reload`");
    } else {
        if (why == LOCUM_KEYSTATE_AT_PARENT) {
            add_who_sees_ds(report, zone, key, text);
        }
        locum_text_add(text, ". Remove its DS at the parent, unless that reads CDS; if the key is "
                             "to stay, put its files back");
    }
}

static bool
warn_of_zone(const struct locum_report *report, size_t zone, struct locum_text *text)
{
    const struct locum_keymemory_zone *of = zone_of(report, zone);
    const char *name = report->config->zones[zone].name;
    if (of == NULL || warn_of_addition(report, name, of, text)) {
        return of != NULL;
    }
    const struct locum_keymemory_key *held = find_held(report, of);
    if (report->keys_too_long) {
        locum_text_format(text,
                          "zone %s: what this node shows its peers of its keys does not fit into "
                          "one message, so some zones make no progress: remove the files of keys "
                          "that are not needed any more",
                          name);
    } else if (held != NULL) {
        warn_of_held(report, of, held, text);
    } else if (of->cds_is_old && is_in_any_cds(of) &&
               !report->config->zones[zone].dnssec.withdraw) {
        locum_text_format(text,
                          "zone %s: CDS stays as it was: no key 257 is published by all servers "
                          "and signs at each of them",
                          name);
        add_reason(report, text);
        locum_text_add(text, ". Let all servers have the .key files of all keys, and each the "
                             ".private file of one, then run `locum reload`");
    }
    return text->length > 0;
}

static bool
lasts(const struct locum_report *report, const locum_ms *since, locum_node node)
{
    return since != NULL && since[node] != LOCUM_NEVER &&
           report->now.mono - since[node] >= LOCUM_KEYS_WARN_MS;
}

static const char *
warn_of_peer(const struct locum_report *report, locum_node node, struct locum_text *text)
{
    const char *name = report->core->config.nodes[node].name;
    if (lasts(report, report->nsec_differ_since, node)) {
        locum_text_format(text,
                          "%s has other NSEC records than this node: resolvers may deny names that "
                          "exist. Give both the same `zones`, `names` and `nodes`, then run `locum "
                          "reload` on both; see also `locum keys` for CDS",
                          name);
        return "nsec";
    }
    if (lasts(report, report->keys_lack_since, node)) {
        locum_text_format(text,
                          "%s shows other DNSSEC keys than those that this node knows of it: its "
                          "messages do not arrive whole. Until they do, no key changes here. "
                          "Check the path between them, and that both run the same version",
                          name);
        return "keys";
    }
    return NULL;
}

const char *
locum_keys_warn(const struct locum_report *report, size_t i, struct locum_text *text,
                const char **ret_of)
{
    const size_t zones = report->config->zone_count;
    if (i < zones) {
        *ret_of = report->config->zones[i].name;
        return warn_of_zone(report, i, text) ? "keys" : NULL;
    }
    *ret_of = report->core->config.nodes[i - zones].name;
    return warn_of_peer(report, (locum_node)(i - zones), text);
}
