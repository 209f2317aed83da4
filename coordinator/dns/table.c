#include "dns/table.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"

/* FNV-1a, 32 bits. */
static uint32_t
hash_of(const uint8_t *name, size_t length)
{
    uint32_t hash = 2166136261u;
    for (size_t i = 0; i < length; i++) {
        hash = (hash ^ name[i]) * 16777619u;
    }
    return hash;
}

struct locum_table *
locum_table_create(size_t names_max)
{
    struct locum_table *self = calloc(1, sizeof(*self));
    if (self == NULL) {
        return NULL;
    }
    size_t slots = 16;
    while (slots < 2 * names_max) {
        slots *= 2;
    }
    self->slots = calloc(slots, sizeof(*self->slots));
    if (self->slots == NULL) {
        free(self);
        return NULL;
    }
    self->slot_mask = slots - 1;
    atomic_init(&self->references, 1);
    return self;
}

void
locum_table_hold(struct locum_table *self)
{
    if (self != NULL) {
        atomic_fetch_add_explicit(&self->references, 1, memory_order_relaxed);
    }
}

void
locum_table_release(struct locum_table *self)
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
    free(self);
}

/* Make room for `more` further elements of `size` bytes. */
static int
reserve(void **array, size_t count, size_t *room, size_t more, size_t size)
{
    if (more <= *room - count) {
        return 0;
    }
    const size_t wanted = 2 * (count + more);
    void *grown = realloc(*array, wanted * size);
    if (grown == NULL) {
        return LOCUM_ERR_MEMORY;
    }
    *array = grown;
    *room = wanted;
    return 0;
}

static int
append_bytes(struct locum_table *self, const uint8_t *bytes, size_t length, uint32_t *ret_at)
{
    void *array = self->bytes;
    const int status = reserve(&array, self->byte_count, &self->byte_room, length, 1);
    if (status != 0) {
        return status;
    }
    self->bytes = array;
    *ret_at = (uint32_t)self->byte_count;
    if (length > 0) {
        memcpy(self->bytes + self->byte_count, bytes, length);
    }
    self->byte_count += length;
    return 0;
}

/* The slot that holds this name, or the empty one where it would be. */
static uint32_t *
slot_of(const struct locum_table *self, const uint8_t *name, size_t length, uint32_t hash)
{
    for (size_t i = hash & self->slot_mask;; i = (i + 1) & self->slot_mask) {
        uint32_t *slot = &self->slots[i];
        if (*slot == 0) {
            return slot;
        }
        const struct locum_table_name *entry = &self->names[*slot - 1];
        if (entry->hash == hash && entry->length == length &&
            memcmp(self->bytes + entry->at, name, length) == 0) {
            return slot;
        }
    }
}

struct locum_table_name *
locum_table_find_name(const struct locum_table *self, const uint8_t *name, size_t length)
{
    const uint32_t *slot = slot_of(self, name, length, hash_of(name, length));
    return *slot == 0 ? NULL : &self->names[*slot - 1];
}

int
locum_table_name(struct locum_table *self, const uint8_t *name, size_t length, size_t zone,
                 uint32_t *ret_index)
{
    const uint32_t hash = hash_of(name, length);
    uint32_t *slot = slot_of(self, name, length, hash);
    if (*slot == 0) {
        /* Half of the slots stay empty, so that every search ends. */
        LOCUM_INVARIANT(2 * self->name_count <= self->slot_mask);
        struct locum_table_name entry = {.hash = hash,
                                         .otherwise = LOCUM_TABLE_NONE,
                                         .any = LOCUM_TABLE_NONE,
                                         .first_set = LOCUM_TABLE_NONE,
                                         .length = (uint8_t)length,
                                         .zone = (uint8_t)zone};
        void *array = self->names;
        int status = reserve(&array, self->name_count, &self->name_room, 1, sizeof(*self->names));
        self->names = array;
        if (status == 0) {
            status = append_bytes(self, name, length, &entry.at);
        }
        if (status != 0) {
            return status;
        }
        self->names[self->name_count++] = entry;
        *slot = (uint32_t)self->name_count;
    }
    *ret_index = *slot - 1;
    return 0;
}

int
locum_table_wire(struct locum_table *self, const struct locum_wire *wire, const uint8_t *body,
                 uint32_t *ret_index)
{
    struct locum_wire copy = *wire;
    void *array = self->wires;
    int status = reserve(&array, self->wire_count, &self->wire_room, 1, sizeof(*self->wires));
    self->wires = array;
    if (status == 0) {
        status = append_bytes(self, body, (size_t)wire->length + wire->extra_length, &copy.at);
    }
    if (status != 0) {
        return status;
    }
    *ret_index = (uint32_t)self->wire_count;
    self->wires[self->wire_count++] = copy;
    return 0;
}

int
locum_table_set(struct locum_table *self, uint32_t name, uint16_t type, uint32_t wire)
{
    void *array = self->sets;
    const int status = reserve(&array, self->set_count, &self->set_room, 1, sizeof(*self->sets));
    self->sets = array;
    if (status != 0) {
        return status;
    }
    self->sets[self->set_count] =
        (struct locum_table_set){.type = type, .wire = wire, .next = self->names[name].first_set};
    self->names[name].first_set = (uint32_t)self->set_count++;
    return 0;
}

static const struct locum_wire *
wire_of_type(const struct locum_table *self, const struct locum_table_name *name, uint16_t type)
{
    if (type == LOCUM_TYPE_ANY) {
        return &self->wires[name->any];
    }
    for (uint32_t i = name->first_set; i != LOCUM_TABLE_NONE; i = self->sets[i].next) {
        if (self->sets[i].type == type) {
            return &self->wires[self->sets[i].wire];
        }
    }
    return &self->wires[name->otherwise];
}

/* The longest zone that a name lies in; zones stand in order of falling length. */
static const struct locum_table_zone *
zone_of(const struct locum_table *self, const struct locum_question *question)
{
    for (size_t i = 0; i < self->zone_count; i++) {
        const struct locum_table_zone *zone = &self->zones[i];
        size_t at = 0; /* of a label */
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
locum_table_find(const struct locum_table *self, const struct locum_question *question)
{
    const struct locum_table_name *name =
        locum_table_find_name(self, question->name, question->name_length);
    if (name != NULL) {
        return (struct locum_found){.wire = wire_of_type(self, name, question->type),
                                    .zone = &self->zones[name->zone]};
    }
    const struct locum_table_zone *zone = zone_of(self, question);
    if (zone == NULL) {
        return (struct locum_found){0};
    }
    return (struct locum_found){.wire = &self->wires[zone->nxdomain], .zone = zone};
}
