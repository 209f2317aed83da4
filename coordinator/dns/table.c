#include "dns/table.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"

/* FNV-1a, 32 bits (draft-eastlake-fnv). */
static uint32_t
hash_of(const uint8_t *name, size_t length)
{
    uint32_t hash = 2166136261u;
    for (size_t i = 0; i < length; i++) {
        hash = (hash ^ name[i]) * 16777619u;
    }
    return hash;
}

struct locum_dns_table *
locum_dns_table_create(size_t names_max)
{
    struct locum_dns_table *self = calloc(1, sizeof(*self));
    if (self == NULL) {
        return NULL;
    }
    size_t slots = 16;
    while (slots < 2 * names_max) {
        slots *= 2;
    }
    atomic_init(&self->references, 1);
    self->slot_mask = slots - 1;
    self->slots = calloc(slots, sizeof(*self->slots));
    self->names = calloc(names_max + 1, sizeof(*self->names));
    if (self->slots == NULL || self->names == NULL) {
        locum_dns_table_release(self);
        return NULL;
    }
    return self;
}

void
locum_dns_table_hold(struct locum_dns_table *self)
{
    if (self != NULL) {
        atomic_fetch_add_explicit(&self->references, 1, memory_order_relaxed);
    }
}

void
locum_dns_table_release(struct locum_dns_table *self)
{
    if (self == NULL ||
        atomic_fetch_sub_explicit(&self->references, 1, memory_order_acq_rel) != 1) {
        return;
    }
    free(self->slots);
    free(self->names);
    free(self->sets);
    free(self->wires);
    free(self->bytes);
    explicit_bzero(&self->cookies, sizeof(self->cookies));
    free(self);
}

void
locum_dns_table_mailbox_put(struct locum_dns_table_mailbox *self, struct locum_dns_table *table)
{
    locum_dns_table_hold(table);
    locum_dns_table_release(atomic_exchange_explicit(&self->box, table, memory_order_acq_rel));
}

void
locum_dns_table_mailbox_take(struct locum_dns_table_mailbox *self, struct locum_dns_table **current)
{
    /* Mostly there is no new table, and a load is cheaper than an exchange. */
    if (atomic_load_explicit(&self->box, memory_order_relaxed) == NULL) {
        return;
    }
    struct locum_dns_table *table =
        atomic_exchange_explicit(&self->box, NULL, memory_order_acq_rel);
    if (table != NULL) {
        locum_dns_table_release(*current);
        *current = table;
    }
}

/*
 * An array of `count` elements with room for `more` (>= 1): `array`, or where it was moved to;
 * NULL: out of memory, and `array` is as before.
 */
static void *
reserve(void *array, size_t count, size_t *room, size_t more, size_t size_bytes)
{
    if (more <= *room - count) {
        return array;
    }
    const size_t wanted = 2 * (count + more);
    void *grown = realloc(array, wanted * size_bytes);
    *room = grown != NULL ? wanted : *room;
    return grown;
}

/* length >= 1. */
static int
append_bytes(struct locum_dns_table *self, const uint8_t *bytes, size_t length, uint32_t *ret_at)
{
    uint8_t *array = reserve(self->bytes, self->byte_count, &self->byte_room, length, 1);
    if (array == NULL) {
        return LOCUM_ERR_MEMORY;
    }
    self->bytes = array;
    *ret_at = (uint32_t)self->byte_count;
    memcpy(self->bytes + self->byte_count, bytes, length);
    self->byte_count += length;
    return 0;
}

/* The slot of this name, or the empty slot where it belongs. */
static uint32_t *
slot_of(const struct locum_dns_table *self, const uint8_t *name, size_t length, uint32_t hash)
{
    for (size_t i = hash & self->slot_mask;; i = (i + 1) & self->slot_mask) {
        uint32_t *slot = &self->slots[i];
        if (*slot == 0) {
            return slot;
        }
        const struct locum_dns_table_name *entry = &self->names[*slot - 1];
        if (entry->hash == hash && entry->length == length &&
            memcmp(self->bytes + entry->at, name, length) == 0) {
            return slot;
        }
    }
}

struct locum_dns_table_name *
locum_dns_table_find_name(const struct locum_dns_table *self, const uint8_t *name, size_t length)
{
    const uint32_t *slot = slot_of(self, name, length, hash_of(name, length));
    return *slot == 0 ? NULL : &self->names[*slot - 1];
}

int
locum_dns_table_add_name(struct locum_dns_table *self, const uint8_t *name, size_t length,
                         size_t zone)
{
    const uint32_t hash = hash_of(name, length);
    uint32_t *slot = slot_of(self, name, length, hash);
    if (*slot != 0) {
        return 0;
    }
    /* Half of the slots stay empty, so that every search ends. */
    LOCUM_INVARIANT(2 * self->name_count <= self->slot_mask);
    struct locum_dns_table_name *entry = &self->names[self->name_count];
    *entry = (struct locum_dns_table_name){.hash = hash,
                                           .otherwise = LOCUM_DNS_NONE,
                                           .any = LOCUM_DNS_NONE,
                                           .first_set = LOCUM_DNS_NONE,
                                           .length = (uint8_t)length,
                                           .zone = (uint8_t)zone};
    const int status = append_bytes(self, name, length, &entry->at);
    if (status != 0) {
        return status;
    }
    *slot = (uint32_t)++self->name_count;
    return 0;
}

int
locum_dns_table_wire(struct locum_dns_table *self, const struct locum_wire *wire,
                     const uint8_t *body, uint32_t *ret_index)
{
    struct locum_wire *wires =
        reserve(self->wires, self->wire_count, &self->wire_room, 1, sizeof(*wires));
    if (wires == NULL) {
        return LOCUM_ERR_MEMORY;
    }
    self->wires = wires;
    wires[self->wire_count] = *wire;
    const int status = append_bytes(self, body, (size_t)wire->length + wire->extra_length,
                                    &wires[self->wire_count].at);
    if (status == 0) {
        *ret_index = (uint32_t)self->wire_count++;
    }
    return status;
}

int
locum_dns_table_set(struct locum_dns_table *self, struct locum_dns_table_name *name, uint16_t type,
                    uint32_t wire)
{
    struct locum_dns_table_set *sets =
        reserve(self->sets, self->set_count, &self->set_room, 1, sizeof(*sets));
    if (sets == NULL) {
        return LOCUM_ERR_MEMORY;
    }
    self->sets = sets;
    sets[self->set_count] =
        (struct locum_dns_table_set){.type = type, .wire = wire, .next = name->first_set};
    name->first_set = (uint32_t)self->set_count++;
    return 0;
}

static const struct locum_wire *
wire_of_type(const struct locum_dns_table *self, const struct locum_dns_table_name *name,
             uint16_t type)
{
    if (type == LOCUM_TYPE_ANY) {
        return &self->wires[name->any];
    }
    for (uint32_t i = name->first_set; i != LOCUM_DNS_NONE; i = self->sets[i].next) {
        if (self->sets[i].type == type) {
            return &self->wires[self->sets[i].wire];
        }
    }
    return &self->wires[name->otherwise];
}

/* The zone that a name is in, or NULL. No zone is inside another, so the first match is it. */
static const struct locum_dns_table_zone *
zone_of(const struct locum_dns_table *self, const struct locum_question *question)
{
    for (size_t i = 0; i < self->zone_count; i++) {
        const struct locum_dns_table_zone *zone = &self->zones[i];
        size_t at = 0; /* offset of a label */
        while (question->name_length - at > zone->length) {
            at += 1u + question->name[at];
        }
        if (question->name_length - at == zone->length &&
            memcmp(question->name + at, zone->name, zone->length) == 0) {
            return zone;
        }
    }
    return NULL;
}

struct locum_found
locum_dns_table_find(const struct locum_dns_table *self, const struct locum_question *question)
{
    const struct locum_dns_table_name *name =
        locum_dns_table_find_name(self, question->name, question->name_length);
    if (name != NULL) {
        return (struct locum_found){.wire = wire_of_type(self, name, question->type),
                                    .zone = &self->zones[name->zone],
                                    .owner = name->hash};
    }
    const struct locum_dns_table_zone *zone = zone_of(self, question);
    if (zone == NULL) {
        return (struct locum_found){0};
    }
    return (struct locum_found){.wire = &self->wires[zone->nxdomain], .zone = zone};
}
