#include "dns/names.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

enum { SLOTS_MIN = 64, BLOCK_BYTES = 32 * 1024 };

struct locum_dns_block {
    struct locum_dns_block *next;
    size_t used, size;
    _Alignas(max_align_t) uint8_t bytes[];
};

#define HASH_START UINT64_C(0x9e3779b97f4a7c15)

static uint64_t
mix(uint64_t hash, uint64_t word)
{
    hash = (hash ^ word) * UINT64_C(0xff51afd7ed558ccd);
    return hash ^ hash >> 32;
}

/* Put one more label before the name of which `hash` is the hash. */
static inline uint64_t
hash_label(uint64_t hash, const uint8_t *label)
{
    size_t left = 1u + label[0];
    uint64_t word;
    for (; left > 8; left -= 8, label += 8) {
        memcpy(&word, label, sizeof(word));
        hash = mix(hash, word);
    }
    memcpy(&word, label, sizeof(word)); /* more than the label */
    return mix(hash, le64toh(word) & UINT64_MAX >> (64 - 8 * left));
}

static inline uint32_t
hash_of(const struct locum_wire_name *name)
{
    uint64_t hash = HASH_START;
    for (size_t i = name->label_count; i > 0; i--) {
        hash = hash_label(hash, name->bytes + name->label_at[i - 1]);
    }
    return (uint32_t)hash;
}

/* The slot of this name, or the empty slot where it belongs. */
static inline struct locum_dns_slot *
slot_of(const struct locum_dns_names *self, const uint8_t *name, size_t length, uint32_t hash)
{
    for (size_t i = hash & self->slot_mask;; i = (i + 1) & self->slot_mask) {
        struct locum_dns_slot *slot = &self->slots[i];
        if (slot->name == 0) {
            return slot;
        }
        if (slot->hash == hash) {
            const struct locum_dns_name *entry = &self->names[slot->name - 1];
            if (entry->length == length && memcmp(entry->wire, name, length) == 0) {
                return slot;
            }
        }
    }
}

static inline const struct locum_dns_name *
entry_of(const struct locum_dns_names *self, const uint8_t *name, size_t length, uint32_t hash)
{
    const struct locum_dns_slot *slot = slot_of(self, name, length, hash);
    return slot->name == 0 ? NULL : &self->names[slot->name - 1];
}

/*
 * The deepest ancestor that exists (RFC 4592 3.3.1), or NULL: the name is in no zone. From the
 * zone's apex down all ancestors of a name exist, so the first one that does not ends the search.
 */
static const struct locum_dns_name *
find_encloser(const struct locum_dns_names *self, const struct locum_wire_name *name)
{
    const struct locum_dns_name *encloser = NULL;
    uint64_t hash = HASH_START;
    for (size_t labels = 0; labels < name->label_count; labels++) {
        if (labels >= self->apex_labels_min) {
            const size_t at =
                labels == 0 ? name->length - 1u : name->label_at[name->label_count - labels];
            const struct locum_dns_name *entry =
                entry_of(self, name->bytes + at, name->length - at, (uint32_t)hash);
            if (entry == NULL && (encloser != NULL || labels >= self->apex_labels_max)) {
                break;
            }
            encloser = entry;
        }
        hash = hash_label(hash, name->bytes + name->label_at[name->label_count - labels - 1]);
    }
    return encloser;
}

/* What answers a name that does not exist. */
static struct locum_dns_match
find_missing(const struct locum_dns_names *self, const struct locum_wire_name *name)
{
    struct locum_dns_match match = {.name = find_encloser(self, name)};
    if (match.name == NULL) {
        match.kind = LOCUM_MATCH_NONE;
    } else if (match.name->sort == LOCUM_SORT_CUT) {
        match.kind = LOCUM_MATCH_CUT;
    } else if (match.name->sort == LOCUM_SORT_DNAME) {
        match.kind = LOCUM_MATCH_DNAME;
    } else if (match.name->wildcard != LOCUM_DNS_NONE) {
        match.kind = LOCUM_MATCH_WILDCARD;
        match.name = &self->names[match.name->wildcard];
    } else {
        match.kind = LOCUM_MATCH_NXDOMAIN;
    }
    return match;
}

struct locum_dns_match
locum_dns_names_find(const struct locum_dns_names *self, const struct locum_wire_name *name)
{
    const struct locum_dns_name *entry = entry_of(self, name->bytes, name->length, hash_of(name));
    if (entry == NULL) {
        return find_missing(self, name);
    }
    return (struct locum_dns_match){
        .kind = entry->sort == LOCUM_SORT_CUT ? LOCUM_MATCH_CUT : LOCUM_MATCH_EXACT, .name = entry};
}

void
locum_dns_names_hold(struct locum_dns_names *self)
{
    if (self != NULL) {
        atomic_fetch_add_explicit(&self->references, 1, memory_order_relaxed);
    }
}

void
locum_dns_names_release(struct locum_dns_names *self)
{
    if (self == NULL ||
        atomic_fetch_sub_explicit(&self->references, 1, memory_order_acq_rel) != 1) {
        return;
    }
    for (size_t i = 0; i < self->zone_count; i++) {
        locum_chain_destroy(self->zones[i].chain);
    }
    while (self->block != NULL) {
        struct locum_dns_block *next = self->block->next;
        free(self->block);
        self->block = next;
    }
    free(self->slots);
    free(self->names);
    free(self->sets);
    free(self);
}

struct locum_dns_names *
locum_dns_names_create(void)
{
    struct locum_dns_names *self = calloc(1, sizeof(*self));
    if (self == NULL) {
        return NULL;
    }
    atomic_init(&self->references, 1);
    self->slot_mask = SLOTS_MIN - 1;
    self->slots = calloc(SLOTS_MIN, sizeof(*self->slots));
    self->names = calloc(SLOTS_MIN / 2, sizeof(*self->names));
    if (self->slots == NULL || self->names == NULL) {
        locum_dns_names_release(self);
        return NULL;
    }
    return self;
}

void *
locum_dns_names_take(struct locum_dns_names *self, size_t length)
{
    const size_t wanted = (length + _Alignof(max_align_t) - 1) & ~(_Alignof(max_align_t) - 1);
    struct locum_dns_block *block = self->block;
    if (block == NULL || wanted > block->size - block->used) {
        const size_t size = wanted > BLOCK_BYTES ? wanted : BLOCK_BYTES;
        block = malloc(sizeof(*block) + size);
        if (block == NULL) {
            return NULL;
        }
        *block = (struct locum_dns_block){.next = self->block, .size = size};
        self->block = block;
    }
    block->used += wanted;
    return block->bytes + block->used - wanted;
}

/* Twice as many slots and names. */
static int
grow(struct locum_dns_names *self)
{
    const size_t count = 2 * (self->slot_mask + 1);
    struct locum_dns_name *names = realloc(self->names, count / 2 * sizeof(*names));
    struct locum_dns_slot *slots = calloc(count, sizeof(*slots));
    self->names = names != NULL ? names : self->names;
    if (names == NULL || slots == NULL) {
        free(slots);
        return LOCUM_ERR_MEMORY;
    }
    for (size_t i = 0; i < self->name_count; i++) {
        size_t at = names[i].hash & (count - 1);
        while (slots[at].name != 0) {
            at = (at + 1) & (count - 1);
        }
        slots[at] = (struct locum_dns_slot){.hash = names[i].hash, .name = (uint32_t)i + 1};
    }
    free(self->slots);
    self->slots = slots;
    self->slot_mask = count - 1;
    return 0;
}

/* Add this name alone. */
static int
add_one(struct locum_dns_names *self, const struct locum_wire_name *name, size_t zone,
        uint32_t *ret_index)
{
    const uint32_t hash = hash_of(name);
    *ret_index = locum_dns_names_index(self, name);
    if (*ret_index != LOCUM_DNS_NONE) {
        return 0;
    }
    /* Half of the slots stay empty, so that every search ends. */
    if (2 * (self->name_count + 1) > self->slot_mask && grow(self) != 0) {
        return LOCUM_ERR_MEMORY;
    }
    uint8_t *wire = locum_dns_names_take(self, name->length);
    if (wire == NULL) {
        return LOCUM_ERR_MEMORY;
    }
    memcpy(wire, name->bytes, name->length);
    *ret_index = (uint32_t)self->name_count++;
    self->names[*ret_index] = (struct locum_dns_name){.wire = wire,
                                                      .hash = hash,
                                                      .wildcard = LOCUM_DNS_NONE,
                                                      .length = name->length,
                                                      .labels = name->label_count,
                                                      .zone = (uint8_t)zone};
    *slot_of(self, wire, name->length, hash) =
        (struct locum_dns_slot){.hash = hash, .name = *ret_index + 1};
    return 0;
}

int
locum_dns_names_add_zone(struct locum_dns_names *self, const struct locum_wire_name *apex)
{
    const size_t zone = self->zone_count;
    LOCUM_INVARIANT(zone < LOCUM_ZONES_MAX);
    if (zone == 0 || apex->label_count < self->apex_labels_min) {
        self->apex_labels_min = apex->label_count;
    }
    if (apex->label_count > self->apex_labels_max) {
        self->apex_labels_max = apex->label_count;
    }
    self->zone_count++;
    return add_one(self, apex, zone, &self->zones[zone].apex);
}

int
locum_dns_names_add(struct locum_dns_names *self, const struct locum_wire_name *name, size_t zone,
                    uint32_t *ret_index)
{
    const size_t apex_labels = self->names[self->zones[zone].apex].labels;
    uint32_t child = LOCUM_DNS_NONE; /* the name before, if it is a wildcard */
    int status = 0;
    for (size_t i = 0; i + apex_labels <= name->label_count && status == 0; i++) {
        struct locum_wire_name each;
        uint32_t index;
        locum_dns_names_ancestor(name, i, &each);
        status = add_one(self, &each, zone, &index);
        if (status == 0 && child != LOCUM_DNS_NONE) {
            self->names[index].wildcard = child;
        }
        if (status == 0 && i == 0) {
            *ret_index = index;
        }
        child = each.bytes[0] == 1 && each.bytes[1] == '*' ? index : LOCUM_DNS_NONE;
    }
    return status;
}

const struct locum_dns_name *
locum_dns_names_hider(const struct locum_dns_names *self, const struct locum_wire_name *name)
{
    const struct locum_dns_name *hider = NULL;
    for (size_t i = 1; i < name->label_count; i++) {
        struct locum_wire_name each;
        locum_dns_names_ancestor(name, i, &each);
        const uint32_t index = locum_dns_names_index(self, &each);
        if (index != LOCUM_DNS_NONE && (self->names[index].sort == LOCUM_SORT_CUT ||
                                        self->names[index].sort == LOCUM_SORT_DNAME)) {
            hider = &self->names[index];
        }
    }
    return hider;
}

uint32_t
locum_dns_names_index(const struct locum_dns_names *self, const struct locum_wire_name *name)
{
    const struct locum_dns_name *entry = entry_of(self, name->bytes, name->length, hash_of(name));
    return entry == NULL ? LOCUM_DNS_NONE : (uint32_t)(entry - self->names);
}

int
locum_dns_names_add_set(struct locum_dns_names *self, uint32_t name,
                        const struct locum_dns_set *set)
{
    if (self->set_count == self->set_room) {
        const size_t room = self->set_room == 0 ? 32 : 2 * self->set_room;
        struct locum_dns_set *sets = realloc(self->sets, room * sizeof(*sets));
        if (sets == NULL) {
            return LOCUM_ERR_MEMORY;
        }
        self->sets = sets;
        self->set_room = room;
    }
    struct locum_dns_name *entry = &self->names[name];
    if (entry->set_count == 0) {
        entry->first_set = (uint32_t)self->set_count;
    }
    LOCUM_INVARIANT(entry->first_set + entry->set_count == self->set_count);
    self->sets[self->set_count++] = *set;
    entry->set_count++;
    return 0;
}

void
locum_dns_names_ancestor(const struct locum_wire_name *name, size_t labels,
                         struct locum_wire_name *ret)
{
    const size_t at =
        labels == name->label_count ? name->length - 1u : (size_t)name->label_at[labels];
    ret->length = (uint8_t)(name->length - at);
    ret->label_count = (uint8_t)(name->label_count - labels);
    memset(ret->bytes, 0, sizeof(ret->bytes));
    memcpy(ret->bytes, name->bytes + at, ret->length);
    for (size_t i = 0; i < ret->label_count; i++) {
        ret->label_at[i] = (uint8_t)(name->label_at[labels + i] - at);
    }
}
