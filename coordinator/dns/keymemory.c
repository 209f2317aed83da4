#include "dns/keymemory.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"

struct locum_keymemory *
locum_keymemory_create(void)
{
    struct locum_keymemory *self = calloc(1, sizeof(*self));
    if (self != NULL) {
        self->own = SIZE_MAX;
    }
    return self;
}

static void
clear_private(struct locum_keymemory_key *key)
{
    if (key->private_half != NULL) {
        explicit_bzero(key->private_half, strlen(key->private_half));
    }
    free(key->private_half);
    key->private_half = NULL;
}

static void
free_key(struct locum_keymemory_key *key)
{
    clear_private(key);
    free(key->record);
}

static void
free_zone(struct locum_keymemory_zone *zone)
{
    for (size_t i = 0; zone != NULL && i < zone->count; i++) {
        free_key(&zone->keys[i]);
    }
    free(zone);
}

void
locum_keymemory_destroy(struct locum_keymemory *self)
{
    for (size_t i = 0; self != NULL && i < self->zone_count; i++) {
        free_zone(self->zones[i]);
    }
    for (size_t i = 0; self != NULL && i < self->server_count; i++) {
        free(self->servers[i].document);
    }
    free(self);
}

/* NULL: out of memory. */
static struct locum_keymemory_zone *
copy_zone(const struct locum_keymemory_zone *of)
{
    struct locum_keymemory_zone *zone = malloc(sizeof(*zone));
    bool whole = zone != NULL;
    if (whole) {
        memcpy(zone, of, sizeof(*zone));
    }
    for (size_t i = 0; whole && i < of->count; i++) {
        struct locum_keymemory_key *key = &zone->keys[i];
        key->record = strdup(of->keys[i].record);
        key->private_half =
            of->keys[i].private_half != NULL ? strdup(of->keys[i].private_half) : NULL;
        whole =
            key->record != NULL && (of->keys[i].private_half == NULL || key->private_half != NULL);
        zone->count = i + 1;
    }
    if (!whole) {
        free_zone(zone);
    }
    return whole ? zone : NULL;
}

struct locum_keymemory *
locum_keymemory_copy(const struct locum_keymemory *self)
{
    struct locum_keymemory *copy = locum_keymemory_create();
    bool whole = copy != NULL;
    for (size_t i = 0; whole && i < self->server_count; i++) {
        const char *document = self->servers[i].document;
        copy->servers[i] = self->servers[i];
        copy->servers[i].document = document != NULL ? strdup(document) : NULL;
        copy->server_count = i + 1;
        whole = document == NULL || copy->servers[i].document != NULL;
    }
    for (size_t i = 0; whole && i < self->zone_count; i++) {
        copy->zones[i] = copy_zone(self->zones[i]);
        whole = copy->zones[i] != NULL;
        copy->zone_count += whole ? 1 : 0;
    }
    if (!whole) {
        locum_keymemory_destroy(copy);
        return NULL;
    }
    copy->own = self->own;
    return copy;
}

struct locum_keymemory_zone *
locum_keymemory_find(const struct locum_keymemory *self, const char *zone)
{
    for (size_t i = 0; i < self->zone_count; i++) {
        if (strcmp(self->zones[i]->name, zone) == 0) {
            return self->zones[i];
        }
    }
    return NULL;
}

static struct locum_keymemory_server *
find_server(struct locum_keymemory_server *servers, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(servers[i].name, name) == 0) {
            return &servers[i];
        }
    }
    return NULL;
}

bool
locum_keymemory_is_signed(const struct locum_config *config, const char *zone)
{
    for (size_t i = 0; i < config->zone_count; i++) {
        if (config->zones[i].dnssec.keys[0] != '\0' && strcmp(config->zones[i].name, zone) == 0) {
            return true;
        }
    }
    return false;
}

static void
configure_servers(struct locum_keymemory *self, const struct locum_core_config *core)
{
    struct locum_keymemory_server next[LOCUM_NODES_MAX] = {0};
    size_t count = 0;
    self->own = SIZE_MAX;
    for (size_t i = 0; i < core->node_count; i++) {
        if (core->nodes[i].role == LOCUM_ROLE_SERVER) {
            struct locum_keymemory_server *before =
                find_server(self->servers, self->server_count, core->nodes[i].name);
            self->own = i == core->self ? count : self->own;
            memcpy(next[count].name, core->nodes[i].name, sizeof(next[count].name));
            if (before != NULL) {
                next[count].document = before->document;
                next[count].heard_s = before->heard_s;
                before->document = NULL;
            }
            count++;
        }
    }
    for (size_t i = 0; i < self->server_count; i++) {
        free(self->servers[i].document);
    }
    memcpy(self->servers, next, sizeof(next));
    self->server_count = count;
}

void
locum_keymemory_configure(struct locum_keymemory *self, const struct locum_config *config)
{
    configure_servers(self, &config->core);
    for (size_t i = self->zone_count; i-- > 0;) {
        if (!locum_keymemory_is_signed(config, self->zones[i]->name)) {
            free_zone(self->zones[i]);
            self->zones[i] = self->zones[--self->zone_count];
        }
    }
    self->changed = true;
}

int64_t
locum_keymemory_needed_s(const struct locum_keymemory *self, const char *zone, int64_t now_s)
{
    const struct locum_keymemory_zone *of = locum_keymemory_find(self, zone);
    if (of == NULL || !of->parent_asked) {
        return 0;
    }
    int64_t last_s = of->parent_has_ds ? now_s : 0;
    for (size_t i = 0; i < of->count; i++) {
        const int64_t key_s = of->keys[i].facts.last_at_parent_s;
        last_s = key_s > last_s ? key_s : last_s;
    }
    last_s = last_s > now_s ? now_s : last_s;
    const int64_t left_s = last_s + of->ds_ttl_s + LOCUM_KEYSTATE_MARGIN_S - now_s;
    return last_s > 0 && left_s > 0 ? left_s : 0;
}

static size_t
find_number(const struct locum_keymemory_zone *zone, uint8_t algorithm, uint16_t tag)
{
    size_t i = 0;
    while (i < zone->count &&
           (zone->keys[i].facts.algorithm != algorithm || zone->keys[i].facts.tag != tag)) {
        i++;
    }
    return i;
}

const struct locum_keymemory_key *
locum_keymemory_find_key(const struct locum_keymemory_zone *zone, uint8_t algorithm, uint16_t tag)
{
    const size_t i = find_number(zone, algorithm, tag);
    return i < zone->count ? &zone->keys[i] : NULL;
}

int
locum_keymemory_fits(const struct locum_keymemory *self, const char *zone,
                     const struct locum_keymemory_found *found, size_t count, size_t *ret_key)
{
    const struct locum_keymemory_zone *known = locum_keymemory_find(self, zone);
    size_t all = known != NULL ? known->count : 0;
    for (size_t i = 0; i < count && known != NULL; i++) {
        const struct locum_keymemory_key *key =
            locum_keymemory_find_key(known, found[i].algorithm, found[i].tag);
        if (key != NULL && strcmp(key->record, found[i].record) != 0) {
            *ret_key = i;
            return LOCUM_ERR_INVALID;
        }
        all += key == NULL ? 1 : 0;
    }
    return all <= LOCUM_KEYSTATE_KEYS_MAX ? 0 : LOCUM_ERR_SPACE;
}

/* The zone of this name, which is added if it is not there. NULL: out of memory. */
static struct locum_keymemory_zone *
zone_of(struct locum_keymemory *self, const char *name)
{
    struct locum_keymemory_zone *zone = locum_keymemory_find(self, name);
    if (zone == NULL && self->zone_count < LOCUM_ZONES_MAX &&
        (zone = calloc(1, sizeof(*zone))) != NULL) {
        memcpy(zone->name, name, strlen(name) + 1);
        zone->ds_ttl_s = LOCUM_KEYMEMORY_DS_TTL_S;
        self->zones[self->zone_count++] = zone;
    }
    return zone;
}

/* False: out of memory. */
static bool
take_key(struct locum_keymemory_zone *zone, const struct locum_keymemory_found *found)
{
    const size_t number = find_number(zone, found->algorithm, found->tag);
    struct locum_keymemory_key *key = &zone->keys[number];
    if (number == LOCUM_KEYSTATE_KEYS_MAX ||
        (number < zone->count && strcmp(key->record, found->record) != 0)) {
        return true; /* what is remembered goes on */
    }
    if (number == zone->count) {
        *key = (struct locum_keymemory_key){.record = strdup(found->record),
                                            .facts = {.algorithm = found->algorithm,
                                                      .tag = found->tag,
                                                      .secure_entry = found->secure_entry}};
        zone->count += key->record != NULL ? 1 : 0;
    }
    if (key->record == NULL) {
        return false;
    }
    if (found->private_half != NULL && key->private_half == NULL) {
        key->private_half = strdup(found->private_half);
    }
    key->facts.has_record = true;
    key->facts.has_private = found->private_half != NULL;
    return found->private_half == NULL || key->private_half != NULL;
}

int
locum_keymemory_take_folder(struct locum_keymemory *self, const char *zone,
                            const struct locum_keymemory_found *found, size_t count,
                            uint32_t longest_ttl_s, int64_t now_s)
{
    struct locum_keymemory_zone *to = zone_of(self, zone);
    bool whole = true;
    if (to == NULL) {
        return LOCUM_ERR_MEMORY;
    }
    for (size_t i = 0; i < to->count; i++) {
        to->keys[i].facts.has_record = to->keys[i].facts.has_private = false;
    }
    for (size_t i = 0; i < count; i++) {
        whole = take_key(to, &found[i]) && whole;
    }
    /* Records with a longer TTL of before may be cached as long as that. */
    if (longest_ttl_s >= to->longest_ttl_s ||
        now_s - to->longest_at_s > (int64_t)to->longest_ttl_s + LOCUM_KEYSTATE_MARGIN_S) {
        to->longest_ttl_s = longest_ttl_s;
        to->longest_at_s = now_s;
    }
    self->changed = true;
    return whole ? 0 : LOCUM_ERR_MEMORY;
}

void
locum_keymemory_take_document(struct locum_keymemory *self, const char *server,
                              struct locum_slice document, int64_t now_s)
{
    struct locum_keymemory_server *of = find_server(self->servers, self->server_count, server);
    if (of == NULL || (size_t)(of - self->servers) == self->own || document.at == NULL ||
        document.length > LOCUM_KEYMEMORY_DOCUMENT_MAX || !locum_slice_is_plain(document)) {
        return;
    }
    if (of->document == NULL || !locum_slice_is(document, of->document)) {
        char *copy = strndup(document.at, document.length);
        if (copy == NULL) {
            return;
        }
        free(of->document);
        of->document = copy;
        self->changed = true;
    }
    of->heard_s = now_s;
}

void
locum_keymemory_take_parent(struct locum_keymemory_zone *zone,
                            const struct locum_keymemory_parent *answer, uint32_t at_parent)
{
    const int64_t before_s = zone->parent_asked ? zone->parent_answered_s : 0;
    zone->parent_asked = true;
    zone->parent_has_ds = answer->has_ds;
    zone->parent_answered_s = answer->answered_s;
    zone->ds_ttl_s = answer->has_ds ? answer->ttl_s : zone->ds_ttl_s;
    for (size_t i = 0; i < zone->count; i++) {
        struct locum_keymemory_key *key = &zone->keys[i];
        const bool was_there = key->at_parent; /* and may have been until now */
        key->at_parent = (at_parent >> i & 1) != 0;
        key->facts.last_at_parent_s =
            key->at_parent || was_there ? answer->answered_s : key->facts.last_at_parent_s;
        key->facts.maybe_at_parent_s = key->facts.last_wanted_s >= before_s
                                           ? answer->answered_s
                                           : key->facts.maybe_at_parent_s;
    }
}

bool
locum_keymemory_drop(struct locum_keymemory *self, struct locum_keymemory_zone *zone, uint16_t tag)
{
    bool found = false;
    for (size_t i = 0; i < zone->count; i++) {
        struct locum_keymemory_key *key = &zone->keys[i];
        if (key->facts.tag == tag && !key->facts.has_record) {
            key->facts.dropped = found = true;
            key->in_cds = false;
            clear_private(key);
        }
    }
    self->changed = self->changed || found;
    return found;
}
