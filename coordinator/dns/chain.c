#include "dns/chain.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

/* One type of one name, as it was added. */
struct item {
    uint32_t key_at; /* in the bytes */
    uint16_t key_length;
    uint16_t type;
};

/* A name with its NSEC record. The one after it in the array is the next one. */
struct link {
    uint32_t key_at;
    uint16_t key_length;
    uint16_t bitmap_length;
    uint32_t bitmap_at;
    bool is_delegation;
};

struct locum_chain {
    atomic_uint references;
    uint8_t *bytes; /* keys and bitmaps */
    size_t byte_count, byte_room;
    struct item *items; /* until it is closed */
    size_t item_count, item_room;
    struct link *links; /* once it is closed */
    size_t link_count;
};

/* The escape byte of a key, and what follows it for itself and for 0. */
enum { ESCAPE = 1, ESCAPED_ZERO = 1, ESCAPED_ESCAPE = 2 };

void
locum_chain_key_of(const uint8_t *name, size_t length, struct locum_chain_key *ret)
{
    uint8_t starts[LOCUM_DNS_NAME_MAX / 2 + 1]; /* of the labels */
    size_t labels = 0;
    for (size_t at = 0; at < length && name[at] != 0; at += 1u + name[at]) {
        LOCUM_INVARIANT(labels < sizeof(starts));
        starts[labels++] = (uint8_t)at;
    }
    ret->length = 0;
    while (labels > 0) {
        const uint8_t *label = name + starts[--labels];
        for (size_t i = 1; i <= label[0]; i++) {
            const uint8_t byte = label[i];
            if (byte <= ESCAPE) {
                ret->at[ret->length++] = ESCAPE;
                ret->at[ret->length++] = byte == 0 ? ESCAPED_ZERO : ESCAPED_ESCAPE;
            } else {
                const bool upper = byte >= 'A' && byte <= 'Z';
                ret->at[ret->length++] = (uint8_t)(upper ? byte + 'a' - 'A' : byte);
            }
        }
        ret->at[ret->length++] = 0;
    }
}

static int
compare(const uint8_t *a, size_t a_length, const uint8_t *b, size_t b_length)
{
    const size_t shorter = a_length < b_length ? a_length : b_length;
    const int order = memcmp(a, b, shorter);
    return order != 0 ? order : (a_length > b_length) - (a_length < b_length);
}

int
locum_chain_key_compare(const struct locum_chain_key *a, const struct locum_chain_key *b)
{
    return compare(a->at, a->length, b->at, b->length);
}

/* The name of a key, in wire form and lower case. Returns its length. */
static size_t
name_of(const uint8_t *key, size_t length, uint8_t ret[LOCUM_DNS_NAME_MAX])
{
    size_t start = LOCUM_DNS_NAME_MAX; /* labels are written from the end */
    ret[--start] = 0;
    for (size_t at = 0; at < length; at++) {
        uint8_t label[LOCUM_DNS_NAME_MAX];
        uint8_t bytes = 0;
        for (; key[at] != 0; at++) {
            const bool escaped = key[at] == ESCAPE;
            at += escaped ? 1 : 0;
            label[bytes++] = (uint8_t)(escaped ? key[at] - ESCAPED_ZERO : key[at]);
        }
        start -= bytes;
        memcpy(ret + start, label, bytes);
        ret[--start] = bytes;
    }
    memmove(ret, ret + start, LOCUM_DNS_NAME_MAX - start);
    return LOCUM_DNS_NAME_MAX - start;
}

struct locum_chain *
locum_chain_create(void)
{
    struct locum_chain *self = calloc(1, sizeof(*self));
    if (self != NULL) {
        atomic_init(&self->references, 1);
    }
    return self;
}

void
locum_chain_hold(struct locum_chain *self)
{
    if (self != NULL) {
        atomic_fetch_add_explicit(&self->references, 1, memory_order_relaxed);
    }
}

void
locum_chain_destroy(struct locum_chain *self)
{
    if (self != NULL &&
        atomic_fetch_sub_explicit(&self->references, 1, memory_order_acq_rel) == 1) {
        free(self->bytes);
        free(self->items);
        free(self->links);
        free(self);
    }
}

/* Append bytes; their offset is in *ret_at. */
static int
add_bytes(struct locum_chain *self, const uint8_t *bytes, size_t length, uint32_t *ret_at)
{
    if (self->byte_count + length > self->byte_room) {
        const size_t room = 2 * self->byte_room + length + 1024;
        uint8_t *larger = realloc(self->bytes, room);
        if (larger == NULL) {
            return LOCUM_ERR_MEMORY;
        }
        self->bytes = larger;
        self->byte_room = room;
    }
    memcpy(self->bytes + self->byte_count, bytes, length);
    *ret_at = (uint32_t)self->byte_count;
    self->byte_count += length;
    return 0;
}

int
locum_chain_add(struct locum_chain *self, const uint8_t *name, size_t length, uint16_t type)
{
    struct locum_chain_key key;
    struct item item = {.type = type};
    if (self->item_count == self->item_room) {
        const size_t room = 2 * self->item_room + 32;
        struct item *larger = reallocarray(self->items, room, sizeof(*larger));
        if (larger == NULL) {
            return LOCUM_ERR_MEMORY;
        }
        self->items = larger;
        self->item_room = room;
    }
    locum_chain_key_of(name, length, &key);
    item.key_length = key.length;
    const int status = add_bytes(self, key.at, key.length, &item.key_at);
    if (status == 0) {
        self->items[self->item_count++] = item;
    }
    return status;
}

/* The order of items, for qsort_r(3): by name, then by type. */
static int
compare_items(const void *a_item, const void *b_item, void *bytes)
{
    const struct item *a = a_item;
    const struct item *b = b_item;
    const uint8_t *at = bytes;
    const int order = compare(at + a->key_at, a->key_length, at + b->key_at, b->key_length);
    return order != 0 ? order : (int)a->type - (int)b->type;
}

static bool
same_name(const struct locum_chain *self, const struct item *a, const struct item *b)
{
    return a->key_length == b->key_length &&
           memcmp(self->bytes + a->key_at, self->bytes + b->key_at, a->key_length) == 0;
}

static bool
has_type(const struct item *items, size_t count, uint16_t type)
{
    for (size_t i = 0; i < count; i++) {
        if (items[i].type == type) {
            return true;
        }
    }
    return false;
}

/* Set the bit of a type. Types come in ascending order. Returns the new length (RFC 4034 4.1.2). */
static size_t
set_bit(uint8_t bitmap[LOCUM_CHAIN_BITMAP_MAX], size_t *window_at, size_t length, uint16_t type)
{
    const uint8_t window = (uint8_t)(type >> 8);
    const uint8_t byte = (uint8_t)((type & 0xff) / 8);
    if (length == 0 || bitmap[*window_at] != window) {
        *window_at = length;
        bitmap[length] = window;
        bitmap[length + 1] = 0;
        length += 2;
    }
    while (bitmap[*window_at + 1] <= byte) {
        bitmap[length++] = 0;
        bitmap[*window_at + 1]++;
    }
    bitmap[*window_at + 2 + byte] |= (uint8_t)(0x80 >> (type & 7));
    return length;
}

/* Link the next name, which has these items. */
static int
add_link(struct locum_chain *self, const struct item *items, size_t count, bool delegation)
{
    static const uint16_t always[] = {LDNS_RR_TYPE_RRSIG, LDNS_RR_TYPE_NSEC};
    uint8_t bitmap[LOCUM_CHAIN_BITMAP_MAX];
    size_t length = 0, window_at = 0, added = 0;
    struct link link = {
        .key_at = items[0].key_at, .key_length = items[0].key_length, .is_delegation = delegation};
    for (size_t i = 0; i <= count; i++) {
        const uint32_t type = i < count ? items[i].type : UINT32_MAX;
        for (; added < LOCUM_COUNT(always) && always[added] <= type; added++) {
            length = set_bit(bitmap, &window_at, length, always[added]);
        }
        const bool shown = !delegation || type == LDNS_RR_TYPE_NS || type == LDNS_RR_TYPE_DS;
        if (i < count && shown) {
            length = set_bit(bitmap, &window_at, length, (uint16_t)type);
        }
    }
    link.bitmap_length = (uint16_t)length;
    const int status = add_bytes(self, bitmap, length, &link.bitmap_at);
    if (status == 0) {
        self->links[self->link_count++] = link;
    }
    return status;
}

int
locum_chain_close(struct locum_chain *self)
{
    const struct item *above = NULL; /* a delegation or a DNAME; names below it are left out */
    size_t end;
    int status = 0;
    LOCUM_INVARIANT(self->item_count > 0 && self->links == NULL);
    qsort_r(self->items, self->item_count, sizeof(*self->items), compare_items, self->bytes);
    self->links = calloc(self->item_count, sizeof(*self->links));
    if (self->links == NULL) {
        return LOCUM_ERR_MEMORY;
    }
    for (size_t i = 0; i < self->item_count && status == 0; i = end) {
        const struct item *first = &self->items[i];
        for (end = i + 1; end < self->item_count && same_name(self, first, &self->items[end]);) {
            end++;
        }
        if (above != NULL && first->key_length > above->key_length &&
            memcmp(self->bytes + first->key_at, self->bytes + above->key_at, above->key_length) ==
                0) {
            continue;
        }
        const bool delegation = i > 0 && has_type(first, end - i, LDNS_RR_TYPE_NS);
        above = delegation || has_type(first, end - i, LDNS_RR_TYPE_DNAME) ? first : NULL;
        status = add_link(self, first, end - i, delegation);
    }
    free(self->items);
    self->items = NULL;
    return status;
}

size_t
locum_chain_count(const struct locum_chain *self)
{
    return self->link_count;
}

static const struct link *
next_of(const struct locum_chain *self, size_t index)
{
    return &self->links[(index + 1) % self->link_count];
}

ldns_rr *
locum_chain_nsec(const struct locum_chain *self, size_t index, uint32_t ttl_s)
{
    uint8_t wire[LOCUM_DNS_NAME_MAX];
    const struct link *link = &self->links[index];
    const struct link *next = next_of(self, index);
    ldns_rr *rr = ldns_rr_new();
    size_t length = name_of(self->bytes + link->key_at, link->key_length, wire);
    ldns_rdf *owner = ldns_rdf_new_frm_data(LDNS_RDF_TYPE_DNAME, length, wire);
    length = name_of(self->bytes + next->key_at, next->key_length, wire);
    ldns_rdf *target = ldns_rdf_new_frm_data(LDNS_RDF_TYPE_DNAME, length, wire);
    ldns_rdf *types = ldns_rdf_new_frm_data(LDNS_RDF_TYPE_BITMAP, link->bitmap_length,
                                            self->bytes + link->bitmap_at);
    const bool has_target = rr != NULL && target != NULL && ldns_rr_push_rdf(rr, target);
    if (owner == NULL || types == NULL || !has_target || !ldns_rr_push_rdf(rr, types)) {
        ldns_rdf_deep_free(owner);
        ldns_rdf_deep_free(has_target ? NULL : target);
        ldns_rdf_deep_free(types);
        ldns_rr_free(rr);
        return NULL;
    }
    ldns_rr_set_owner(rr, owner);
    ldns_rr_set_type(rr, LDNS_RR_TYPE_NSEC);
    ldns_rr_set_class(rr, LDNS_RR_CLASS_IN);
    ldns_rr_set_ttl(rr, ttl_s);
    return rr;
}

int
locum_chain_digest(const struct locum_chain *self, uint32_t ttl_s,
                   uint8_t ret[LOCUM_CHAIN_DIGEST_BYTES])
{
    uint8_t whole[LDNS_SHA256_DIGEST_LENGTH];
    ldns_buffer *wire = ldns_buffer_new(LDNS_MIN_BUFLEN);
    ldns_status status = wire == NULL ? LDNS_STATUS_MEM_ERR : LDNS_STATUS_OK;
    for (size_t i = 0; i < self->link_count && status == LDNS_STATUS_OK; i++) {
        ldns_rr *rr = locum_chain_nsec(self, i, ttl_s);
        status =
            rr == NULL ? LDNS_STATUS_MEM_ERR : ldns_rr2buffer_wire(wire, rr, LDNS_SECTION_ANSWER);
        ldns_rr_free(rr);
    }
    if (status == LDNS_STATUS_OK) {
        (void)ldns_sha256(ldns_buffer_begin(wire), (unsigned)ldns_buffer_position(wire), whole);
        memcpy(ret, whole, LOCUM_CHAIN_DIGEST_BYTES);
    }
    ldns_buffer_free(wire);
    return status == LDNS_STATUS_OK ? 0 : LOCUM_ERR_MEMORY;
}

/* The last record whose owner is the name of this key or before it. */
static size_t
last_before(const struct locum_chain *self, const struct locum_chain_key *key, bool *ret_matches)
{
    size_t low = 0, high = self->link_count; /* it is in low .. high - 1: the apex is before all */
    while (high - low > 1) {
        const size_t middle = low + (high - low) / 2;
        const struct link *link = &self->links[middle];
        if (compare(self->bytes + link->key_at, link->key_length, key->at, key->length) <= 0) {
            low = middle;
        } else {
            high = middle;
        }
    }
    const struct link *found = &self->links[low];
    *ret_matches =
        compare(self->bytes + found->key_at, found->key_length, key->at, key->length) == 0;
    return low;
}

/* How many bytes of a key are whole labels that it has in common with a record's owner. */
static size_t
common(const struct locum_chain *self, const struct link *link, const struct locum_chain_key *key)
{
    const uint8_t *other = self->bytes + link->key_at;
    size_t whole = 0;
    for (size_t i = 0; i < link->key_length && i < key->length && other[i] == key->at[i]; i++) {
        whole = other[i] == 0 ? i + 1 : whole;
    }
    return whole;
}

/* Each name above the closest encloser is above a neighbour too: one of the two is below it. */
struct locum_chain_place
locum_chain_search(const struct locum_chain *self, const uint8_t *name, size_t length)
{
    struct locum_chain_place place = {.encloser_labels = 0};
    struct locum_chain_key key;
    locum_chain_key_of(name, length, &key);
    place.at = last_before(self, &key, &place.matches);
    place.is_delegation = place.matches && self->links[place.at].is_delegation;
    const size_t before = common(self, &self->links[place.at], &key);
    const size_t after = common(self, next_of(self, place.at), &key);
    const size_t encloser = before > after ? before : after;
    place.exists = encloser == key.length;
    for (size_t i = 0; i < encloser; i++) {
        place.encloser_labels += key.at[i] == 0;
    }
    /* It fits: a name has less than 250 bytes that may be escaped. */
    key.at[encloser] = '*';
    key.at[encloser + 1] = 0;
    key.length = (uint16_t)(encloser + 2);
    place.wildcard = last_before(self, &key, &place.wildcard_matches);
    return place;
}
