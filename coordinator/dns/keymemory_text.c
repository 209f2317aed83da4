/*
 * What servers show each other, and what is saved.
 *
 *   1 zone=get.example.org. 13/12345/ps/1763863265/1763863265 13/777/p/1763950000/0
 *                           algorithm/tag/state/published since/signing since
 *
 * state: p published, s signing, k kept, l leaving, r signing what is not DNSKEY, c in CDS, d its
 * DS is at the parent. Words, letters and parts that are not known are skipped. What is saved has a
 * line for each server, zone, key and private half, and one at the end.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/text_format.h"
#include "dns/keymemory.h"

enum {
    TIMES = 12, /* of a key */
    KEY_LINE_BYTES = 64 + TIMES * 21,
    ZONE_LINE_BYTES = LOCUM_DOMAIN_MAX + 128,
    LETTERS_MAX = 16,
    RECORD_BYTES_MAX = 16 * 1024, /* as the files */
};

static const char head[] = "locum-keys 1";
static const char zone_word[] = "zone=";

static const struct {
    uint8_t bit;
    char letter;
} bits[] = {{LOCUM_KEYSTATE_PUBLISHED, 'p'}, {LOCUM_KEYSTATE_SIGNING, 's'},
            {LOCUM_KEYSTATE_KEPT, 'k'},      {LOCUM_KEYSTATE_LEAVING, 'l'},
            {LOCUM_KEYSTATE_CDS, 'c'},       {LOCUM_KEYSTATE_REST, 'r'},
            {LOCUM_KEYSTATE_DS, 'd'}};

static bool
cut_number(struct locum_slice *rest, char separator, uint64_t max, uint64_t *ret)
{
    struct locum_slice piece;
    return locum_slice_cut(rest, separator, &piece) && locum_slice_u64(piece, max, ret) == 0;
}

/* A time, from a peer or a file: a later one than LOCUM_KEYMEMORY_TIME_MAX_S is that. */
static bool
cut_time(struct locum_slice *rest, char separator, int64_t *ret)
{
    uint64_t number;
    const bool found = cut_number(rest, separator, UINT64_MAX, &number);
    if (found) {
        *ret = number < LOCUM_KEYMEMORY_TIME_MAX_S ? (int64_t)number : LOCUM_KEYMEMORY_TIME_MAX_S;
    }
    return found;
}

/* False: the word is not one of a key. */
static bool
read_shown(struct locum_slice word, struct locum_keymemory_shown *ret)
{
    uint64_t algorithm, tag;
    int64_t published_s, signing_s;
    struct locum_slice letters;
    if (!cut_number(&word, '/', UINT8_MAX, &algorithm) ||
        !cut_number(&word, '/', UINT16_MAX, &tag) || !locum_slice_cut(&word, '/', &letters) ||
        !cut_time(&word, '/', &published_s) || !cut_time(&word, '/', &signing_s)) {
        return false;
    }
    *ret = (struct locum_keymemory_shown){.algorithm = (uint8_t)algorithm,
                                          .tag = (uint16_t)tag,
                                          .published_since_s = published_s,
                                          .signing_since_s = signing_s};
    for (size_t i = 0; i < LOCUM_COUNT(bits); i++) {
        if (letters.length > 0 && memchr(letters.at, bits[i].letter, letters.length) != NULL) {
            ret->bits |= bits[i].bit;
        }
    }
    return true;
}

/* What follows the name of a zone in a document. `at` NULL: it is not there. */
static struct locum_slice
find_zone(const char *document, const char *zone)
{
    char pattern[sizeof(zone_word) + LOCUM_DOMAIN_MAX + 2];
    (void)locum_text_format_buffer(pattern, sizeof(pattern), " %s%s", zone_word, zone);
    const char *found = strstr(document, pattern);
    while (found != NULL && found[strlen(pattern)] != ' ') {
        found = strstr(found + 1, pattern); /* a longer name, or no key */
    }
    return found == NULL ? (struct locum_slice){0} : locum_slice_of(found + strlen(pattern) + 1);
}

size_t
locum_keymemory_read(const char *document, const char *zone,
                     struct locum_keymemory_shown ret[LOCUM_KEYSTATE_KEYS_MAX])
{
    static const char version[] = "1 ";
    struct locum_slice rest = {0}, word;
    size_t count = 0;
    if (strncmp(document, version, sizeof(version) - 1) == 0) {
        rest = find_zone(document, zone);
    }
    while (count < LOCUM_KEYSTATE_KEYS_MAX && locum_slice_cut(&rest, ' ', &word) &&
           !locum_slice_starts(word, zone_word)) {
        count += read_shown(word, &ret[count]) ? 1 : 0;
    }
    return count;
}

static void
show_key(const struct locum_keymemory_key *key, struct locum_text *text)
{
    const bool signs = key->state.signs_dnskey || key->state.signs_rest;
    locum_text_format(text, " %u/%u/%s%s%s%s%s%s%s/%" PRIi64 "/%" PRIi64, key->facts.algorithm,
                      key->facts.tag, key->state.published ? "p" : "", signs ? "s" : "",
                      key->state.published && !key->facts.has_record ? "k" : "",
                      signs && !key->facts.has_private ? "l" : "", key->state.signs_rest ? "r" : "",
                      key->in_cds ? "c" : "", key->at_parent ? "d" : "", key->published_since_s,
                      key->signing_since_s);
}

void
locum_keymemory_show(const struct locum_keymemory *self, struct locum_text *text)
{
    bool truncated = false;
    locum_text_add(text, "1");
    for (size_t i = 0; i < self->zone_count; i++) {
        const struct locum_keymemory_zone *zone = self->zones[i];
        const size_t before = text->length;
        locum_text_format(text, " %s%s", zone_word, zone->name);
        for (size_t j = 0; j < zone->count; j++) {
            if (zone->keys[j].state.published || zone->keys[j].signing_since_s != 0) {
                show_key(&zone->keys[j], text);
            }
        }
        if (text->truncated) { /* the zone is left out whole; a shorter one may fit */
            text->length = before;
            text->at[before] = '\0';
            text->truncated = false;
            truncated = true;
        }
    }
    text->truncated = truncated;
}

/* What of a key is yes or no, with its letter. */
static const struct {
    size_t at;
    char letter;
} flags[] = {
#define FLAG(member, letter)                                                                       \
    {                                                                                              \
        offsetof(struct locum_keymemory_key, member), letter                                       \
    }
    FLAG(facts.secure_entry, 'e'), FLAG(facts.has_record, 'f'), FLAG(state.published, 'p'),
    FLAG(state.signs_dnskey, 'd'), FLAG(state.signs_rest, 'r'), FLAG(in_cds, 'c'),
    FLAG(at_parent, 'a'),          FLAG(facts.dropped, 'x'),    FLAG(state.settled, 't'),
    FLAG(facts.has_private, 'v'),
#undef FLAG
};

static const size_t times[TIMES] = {
#define TIME(member) offsetof(struct locum_keymemory_key, member)
    TIME(facts.all_published_since_s), TIME(facts.algorithm_signing_since_s),
    TIME(facts.last_published_s),      TIME(facts.last_signed_dnskey_s),
    TIME(facts.last_signed_rest_s),    TIME(facts.last_signed_anywhere_s),
    TIME(facts.last_at_parent_s),      TIME(facts.maybe_at_parent_s),
    TIME(facts.last_private_s),        TIME(facts.last_wanted_s),
    TIME(published_since_s),           TIME(signing_since_s),
#undef TIME
};

static int64_t *
time_of(struct locum_keymemory_key *key, size_t i)
{
    return (int64_t *)(void *)((char *)key + times[i]);
}

void
locum_keymemory_clamp(struct locum_keymemory_key *key, int64_t now_s)
{
    for (size_t i = 0; i < TIMES; i++) {
        int64_t *at_s = time_of(key, i);
        *at_s = *at_s < now_s ? *at_s : now_s;
    }
}

static void
save_key(const struct locum_keymemory_key *key, struct locum_text *text)
{
    locum_text_format(text, "key %u %u -", key->facts.algorithm, key->facts.tag);
    for (size_t i = 0; i < LOCUM_COUNT(flags); i++) {
        if (*(const bool *)((const char *)key + flags[i].at)) {
            locum_text_add_char(text, flags[i].letter);
        }
    }
    for (size_t i = 0; i < TIMES; i++) {
        locum_text_format(text, " %" PRIi64,
                          *(const int64_t *)(const void *)((const char *)key + times[i]));
    }
    locum_text_format(text, " %s\n", key->record);
    if (key->private_half != NULL) {
        locum_text_add(text, "private ");
        for (const char *c = key->private_half; *c != '\0'; c++) {
            locum_text_add_char(text, *c == '\n' ? '|' : *c);
        }
        locum_text_add_char(text, '\n');
    }
}

static size_t
size_of(const struct locum_keymemory *self)
{
    size_t size = 64;
    for (size_t i = 0; i < self->server_count; i++) {
        const char *document = self->servers[i].document;
        size += 32 + (document != NULL ? strlen(document) : 0);
    }
    for (size_t i = 0; i < self->zone_count; i++) {
        size += ZONE_LINE_BYTES;
        for (size_t j = 0; j < self->zones[i]->count; j++) {
            const struct locum_keymemory_key *key = &self->zones[i]->keys[j];
            size += KEY_LINE_BYTES + strlen(key->record) +
                    (key->private_half != NULL ? strlen(key->private_half) : 0);
        }
    }
    return size;
}

char *
locum_keymemory_save(const struct locum_keymemory *self, size_t *ret_length)
{
    const size_t size = size_of(self);
    char *bytes = malloc(size);
    if (bytes == NULL) {
        return NULL;
    }
    struct locum_text text = locum_text_init(bytes, size);
    locum_text_format(&text, "%s\n", head);
    for (size_t i = 0; i < self->server_count; i++) {
        if (self->servers[i].document != NULL) {
            locum_text_format(&text, "server %s %s\n", self->servers[i].name,
                              self->servers[i].document);
        }
    }
    for (size_t i = 0; i < self->zone_count; i++) {
        const struct locum_keymemory_zone *zone = self->zones[i];
        locum_text_format(&text, "zone %s %d %d %" PRIi64 " %u %" PRIi64 " %u %" PRIi64 " %u\n",
                          zone->name, zone->parent_asked, zone->parent_has_ds,
                          zone->parent_answered_s, zone->ds_ttl_s, zone->ds_ttl_at_s,
                          zone->longest_ttl_s, zone->longest_at_s, zone->ttl_s);
        for (size_t j = 0; j < zone->count; j++) {
            save_key(&zone->keys[j], &text);
        }
    }
    locum_text_add(&text, "end\n");
    LOCUM_INVARIANT(!text.truncated);
    *ret_length = text.length;
    return bytes;
}

static int
load_server(struct locum_keymemory *self, struct locum_slice line, int64_t now_s)
{
    struct locum_slice name;
    struct locum_keymemory_server *server = &self->servers[self->server_count];
    if (self->server_count == LOCUM_NODES_MAX || !locum_slice_cut(&line, ' ', &name) ||
        line.at == NULL || line.length > LOCUM_KEYMEMORY_DOCUMENT_MAX ||
        !locum_slice_is_plain(line) ||
        locum_slice_copy(name, server->name, sizeof(server->name)) != 0) {
        return LOCUM_ERR_INVALID;
    }
    server->document = strndup(line.at, line.length);
    server->document_since_s = now_s;
    self->server_count += server->document != NULL ? 1 : 0;
    return server->document != NULL ? 0 : LOCUM_ERR_MEMORY;
}

static int
load_zone(struct locum_keymemory *self, struct locum_slice line, int64_t now_s)
{
    struct locum_slice name;
    uint64_t asked, has_ds, ds_ttl, longest, ttl;
    int64_t answered_s, ds_ttl_at_s, longest_at_s;
    char text[LOCUM_DOMAIN_MAX + 1];
    if (self->zone_count == LOCUM_ZONES_MAX || !locum_slice_cut(&line, ' ', &name) ||
        name.length == 0 || locum_slice_copy(name, text, sizeof(text)) != 0 ||
        locum_keymemory_find(self, text) != NULL || !cut_number(&line, ' ', 1, &asked) ||
        !cut_number(&line, ' ', 1, &has_ds) || !cut_time(&line, ' ', &answered_s) ||
        !cut_number(&line, ' ', UINT32_MAX, &ds_ttl) || !cut_time(&line, ' ', &ds_ttl_at_s) ||
        !cut_number(&line, ' ', UINT32_MAX, &longest) || !cut_time(&line, ' ', &longest_at_s) ||
        !cut_number(&line, ' ', UINT32_MAX, &ttl)) {
        return LOCUM_ERR_INVALID;
    }
    struct locum_keymemory_zone *zone = calloc(1, sizeof(*zone));
    if (zone == NULL) {
        return LOCUM_ERR_MEMORY;
    }
    memcpy(zone->name, text, sizeof(text));
    zone->parent_asked = asked != 0;
    zone->parent_has_ds = has_ds != 0;
    zone->parent_answered_s = answered_s < now_s ? answered_s : now_s;
    zone->ds_ttl_s = (uint32_t)ds_ttl;
    zone->ds_ttl_at_s = ds_ttl_at_s < now_s ? ds_ttl_at_s : now_s;
    zone->longest_ttl_s = (uint32_t)longest;
    zone->longest_at_s = longest_at_s < now_s ? longest_at_s : now_s;
    zone->ttl_s = (uint32_t)ttl;
    self->zones[self->zone_count++] = zone;
    return 0;
}

/* Letters and times. */
static bool
load_facts(struct locum_slice *line, struct locum_keymemory_key *ret, int64_t now_s)
{
    struct locum_slice letters;
    if (!locum_slice_cut(line, ' ', &letters) || letters.length == 0) {
        return false;
    }
    for (size_t i = 0; i < LOCUM_COUNT(flags); i++) {
        *(bool *)((char *)ret + flags[i].at) =
            memchr(letters.at, flags[i].letter, letters.length) != NULL;
    }
    for (size_t i = 0; i < TIMES; i++) {
        if (!cut_time(line, ' ', time_of(ret, i))) {
            return false;
        }
    }
    locum_keymemory_clamp(ret, now_s);
    struct locum_keystate_key *facts = &ret->facts;
    facts->last_wanted_s = facts->has_record ? now_s : facts->last_wanted_s;
    facts->last_at_parent_s = ret->at_parent ? now_s : facts->last_at_parent_s;
    facts->last_private_s = facts->has_private ? now_s : facts->last_private_s;
    facts->has_record = facts->has_private = false;
    return true;
}

static int
load_key(struct locum_keymemory_zone *zone, struct locum_slice line, int64_t now_s)
{
    uint64_t algorithm, tag;
    struct locum_keymemory_key key = {.record = NULL};
    if (zone == NULL || zone->count == LOCUM_KEYSTATE_KEYS_MAX ||
        !cut_number(&line, ' ', UINT8_MAX, &algorithm) ||
        !cut_number(&line, ' ', UINT16_MAX, &tag) || !load_facts(&line, &key, now_s) ||
        line.at == NULL || line.length == 0 || line.length > RECORD_BYTES_MAX ||
        !locum_slice_is_plain(line) ||
        locum_keymemory_find_key(zone, (uint8_t)algorithm, (uint16_t)tag) != NULL) {
        return LOCUM_ERR_INVALID;
    }
    key.facts.algorithm = (uint8_t)algorithm;
    key.facts.tag = (uint16_t)tag;
    key.record = strndup(line.at, line.length);
    if (key.record == NULL) {
        return LOCUM_ERR_MEMORY;
    }
    zone->keys[zone->count++] = key;
    return 0;
}

static int
load_private(struct locum_keymemory_zone *zone, struct locum_slice line)
{
    struct locum_keymemory_key *key =
        zone != NULL && zone->count > 0 ? &zone->keys[zone->count - 1] : NULL;
    if (key == NULL || key->private_half != NULL || line.at == NULL ||
        line.length > RECORD_BYTES_MAX || !locum_slice_is_plain(line)) {
        return LOCUM_ERR_INVALID;
    }
    key->private_half = strndup(line.at, line.length);
    for (char *c = key->private_half; c != NULL && *c != '\0'; c++) {
        *c = *c == '|' ? '\n' : *c;
    }
    return key->private_half != NULL ? 0 : LOCUM_ERR_MEMORY;
}

int
locum_keymemory_load(struct locum_keymemory *self, struct locum_slice text, int64_t now_s)
{
    struct locum_slice line, word;
    struct locum_keymemory_zone *zone = NULL; /* NULL: its line could not be read */
    bool whole = true, ended = false, key = false;
    if (!locum_slice_cut(&text, '\n', &line) || !locum_slice_is(line, head)) {
        return LOCUM_ERR_INVALID;
    }
    while (locum_slice_cut(&text, '\n', &line) && line.length > 0) {
        int status = 0;
        (void)locum_slice_cut(&line, ' ', &word);
        ended = locum_slice_is(word, "end");
        if (locum_slice_is(word, "server")) {
            status = load_server(self, line, now_s);
        } else if (locum_slice_is(word, "zone")) {
            status = load_zone(self, line, now_s);
            zone = status == 0 ? self->zones[self->zone_count - 1] : NULL;
            key = false;
        } else if (locum_slice_is(word, "key")) {
            status = load_key(zone, line, now_s);
            key = status == 0;
        } else if (locum_slice_is(word, "private")) {
            status = key ? load_private(zone, line) : LOCUM_ERR_INVALID;
        }
        if (status == LOCUM_ERR_MEMORY) {
            return status;
        }
        whole = whole && status == 0; /* the other lines are of use without this one */
    }
    return whole && ended ? 0 : LOCUM_ERR_INVALID;
}
