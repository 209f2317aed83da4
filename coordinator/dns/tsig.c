#include "dns/tsig.h"

#include <string.h>

#include "base/error.h"

enum {
    TYPE_TSIG = 250,
    CLASS_ANY = 255,
    POINTER = 0xc0,     /* RFC 1035 4.1.4 */
    QUESTION_BYTES = 4, /* after its name */
    RR_BYTES = 10,      /* type, class, TTL and RDLENGTH, after the owner */
    TIME_BYTES = 6,     /* time signed; 2 of fudge follow */
    TRUNCATED_MIN = 10, /* bytes of a MAC (RFC 8945 5.2.2.1) */
};

static const uint8_t algorithms[][LOCUM_TSIG_ALGORITHM_BYTES] = {
    [LOCUM_HMAC_SHA256] = "\13hmac-sha256",
    [LOCUM_HMAC_SHA512] = "\13hmac-sha512",
};

static uint64_t
read_u48(const uint8_t *at)
{
    uint64_t value = 0;
    for (size_t i = 0; i < TIME_BYTES; i++) {
        value = value << 8 | at[i];
    }
    return value;
}

static void
put_u48(uint8_t *at, uint64_t value)
{
    for (size_t i = 0; i < TIME_BYTES; i++) {
        at[i] = (uint8_t)(value >> 8 * (TIME_BYTES - 1 - i));
    }
}

size_t
locum_tsig_skip_name(const uint8_t *packet, size_t length, size_t at)
{
    while (at < length) {
        const uint8_t label = packet[at];
        if ((label & POINTER) == POINTER) {
            return length - at >= 2 ? at + 2 : 0;
        }
        if (label > LOCUM_DNS_LABEL_MAX) {
            return 0;
        }
        at += 1u + label;
        if (label == 0) {
            return at;
        }
    }
    return 0;
}

/* The offset after the record at `at`, and its type; 0: it leaves the packet. */
static size_t
skip_record(const uint8_t *packet, size_t length, size_t at, uint16_t *ret_type)
{
    at = locum_tsig_skip_name(packet, length, at);
    if (at == 0 || length - at < RR_BYTES) {
        return 0;
    }
    *ret_type = locum_packet_u16(packet + at);
    const size_t data = locum_packet_u16(packet + at + 8);
    at += RR_BYTES;
    return data <= length - at ? at + data : 0;
}

enum locum_tsig_found
locum_tsig_find(const uint8_t *packet, size_t length, size_t *ret_at)
{
    const size_t records = (size_t)locum_packet_u16(packet + 6) + locum_packet_u16(packet + 8) +
                           locum_packet_u16(packet + 10);
    size_t at = LOCUM_DNS_HEADER_BYTES;
    for (size_t i = locum_packet_u16(packet + 4); i > 0; i--) {
        at = locum_tsig_skip_name(packet, length, at);
        if (at == 0 || length - at < QUESTION_BYTES) {
            return LOCUM_TSIG_BROKEN;
        }
        at += QUESTION_BYTES;
    }
    for (size_t i = 1; i <= records; i++) {
        uint16_t type;
        const size_t begin = at;
        at = skip_record(packet, length, at, &type);
        if (at == 0) {
            return LOCUM_TSIG_BROKEN;
        }
        if (type == TYPE_TSIG) {
            const bool last = i == records && at == length && locum_packet_u16(packet + 10) > 0;
            *ret_at = begin;
            return last ? LOCUM_TSIG_FOUND : LOCUM_TSIG_BROKEN;
        }
    }
    return at == length ? LOCUM_TSIG_ABSENT : LOCUM_TSIG_BROKEN;
}

bool
locum_tsig_parse(const uint8_t *packet, size_t length, size_t at, struct locum_tsig_record *ret)
{
    ret->at = at;
    at = locum_packet_expand(packet, length, at, ret->name, &ret->name_length);
    if (at == 0 || length - at < RR_BYTES || locum_packet_u16(packet + at + 2) != CLASS_ANY ||
        memcmp(packet + at + 4, "\0\0\0\0", 4) != 0) {
        return false; /* RFC 8945 4.2: class ANY, TTL 0 */
    }
    at += RR_BYTES;
    const size_t begin = at;
    at = locum_packet_expand(packet, length, at, ret->algorithm, &ret->algorithm_length);
    if (at != begin + ret->algorithm_length || length - at < TIME_BYTES + 4) {
        return false; /* RFC 3597 4: no compression */
    }
    ret->time_s = read_u48(packet + at);
    ret->fudge_s = locum_packet_u16(packet + at + 6);
    ret->mac_length = locum_packet_u16(packet + at + 8);
    ret->mac = packet + at + 10;
    at += TIME_BYTES + 4;
    if (length - at < 6 || ret->mac_length > length - at - 6) {
        return false;
    }
    at += ret->mac_length;
    ret->original_id = locum_packet_u16(packet + at);
    ret->error = locum_packet_u16(packet + at + 2);
    ret->other_length = locum_packet_u16(packet + at + 4);
    ret->other = packet + at + 6;
    return ret->other_length == length - at - 6;
}

static bool
is_name(const uint8_t *a, size_t a_length, const uint8_t *b, size_t b_length)
{
    return a_length == b_length && memcmp(a, b, a_length) == 0;
}

static bool
is_of_key(const struct locum_tsig_record *record, const struct locum_tsig_key *key)
{
    return is_name(record->name, record->name_length, key->name, key->name_length) &&
           is_name(record->algorithm, record->algorithm_length, algorithms[key->hmac.hash],
                   LOCUM_TSIG_ALGORITHM_BYTES);
}

/* What a record says besides its names, MAC and identifier. */
struct variables {
    uint64_t time_s;
    uint16_t fudge_s, error;
    const uint8_t *other;
    size_t other_length;
};

static void
add_u16(struct locum_hmac *hmac, size_t value)
{
    uint8_t bytes[2];
    locum_packet_put_u16(bytes, (uint16_t)value);
    locum_hmac_add(hmac, bytes, sizeof(bytes));
}

/* The TSIG variables (RFC 8945 4.3.3); of a later message only the times (5.3.1). */
static void
add_variables(struct locum_hmac *hmac, const struct locum_tsig_key *key,
              const struct variables *values, bool later)
{
    static const uint8_t class_and_ttl[] = {0, CLASS_ANY, 0, 0, 0, 0};
    uint8_t time_s[TIME_BYTES];
    put_u48(time_s, values->time_s);
    if (!later) {
        locum_hmac_add(hmac, key->name, key->name_length);
        locum_hmac_add(hmac, class_and_ttl, sizeof(class_and_ttl));
        locum_hmac_add(hmac, algorithms[key->hmac.hash], LOCUM_TSIG_ALGORITHM_BYTES);
    }
    locum_hmac_add(hmac, time_s, sizeof(time_s));
    add_u16(hmac, values->fudge_s);
    if (!later) {
        add_u16(hmac, values->error);
        add_u16(hmac, values->other_length);
        locum_hmac_add(hmac, values->other, values->other_length);
    }
}

/* The MAC of the message before, and its length (RFC 8945 4.3.1). */
static void
add_before(struct locum_hmac *hmac, const struct locum_tsig *self)
{
    if (self->mac_length > 0) {
        add_u16(hmac, self->mac_length);
        locum_hmac_add(hmac, self->mac, self->mac_length);
    }
}

/* The MAC of a packet that has a record, as its sender has made it (RFC 8945 4.3.2): with the
 * original identifier and without the record. */
static void
compute(const struct locum_tsig *self, const struct locum_tsig_key *key, const uint8_t *packet,
        const struct locum_tsig_record *record, uint8_t ret[LOCUM_HMAC_BYTES_MAX])
{
    const struct variables values = {.time_s = record->time_s,
                                     .fudge_s = record->fudge_s,
                                     .error = record->error,
                                     .other = record->other,
                                     .other_length = record->other_length};
    uint8_t header[LOCUM_DNS_HEADER_BYTES];
    struct locum_hmac hmac;
    memcpy(header, packet, sizeof(header));
    locum_packet_put_u16(header, record->original_id);
    locum_packet_put_u16(header + 10, (uint16_t)(locum_packet_u16(header + 10) - 1));
    locum_hmac_begin(&hmac, &key->hmac);
    add_before(&hmac, self);
    locum_hmac_add(&hmac, header, sizeof(header));
    locum_hmac_add(&hmac, packet + sizeof(header), record->at - sizeof(header));
    add_variables(&hmac, key, &values, self->later);
    locum_hmac_end(&hmac, ret);
}

/* May a MAC have this length at all (RFC 8945 5.2.2.1)? */
static bool
is_mac_length(const struct locum_tsig_key *key, size_t length)
{
    const size_t whole = locum_hmac_length(key->hmac.hash);
    return length <= whole && length >= TRUNCATED_MIN && length >= whole / 2;
}

static bool
is_in_time(const struct locum_tsig_record *record, uint64_t now_s)
{
    const uint64_t fudge_s =
        record->fudge_s < LOCUM_TSIG_FUDGE_S ? record->fudge_s : LOCUM_TSIG_FUDGE_S;
    return now_s <= record->time_s + fudge_s && record->time_s <= now_s + fudge_s;
}

static enum locum_dns_rcode
refuse(struct locum_tsig *self, const struct locum_tsig_record *record, enum locum_tsig_error error)
{
    self->error = error;
    self->refused = record;
    return LOCUM_RCODE_NOTAUTH;
}

enum locum_dns_rcode
locum_tsig_verify(struct locum_tsig *self, const struct locum_tsig_keys *keys,
                  const uint8_t *packet, const struct locum_tsig_record *record, uint64_t now_s)
{
    uint8_t mac[LOCUM_HMAC_BYTES_MAX];
    const struct locum_tsig_key *key = NULL;
    *self = (struct locum_tsig){0};
    for (size_t i = 0; keys != NULL && i < keys->count && key == NULL; i++) {
        key = is_of_key(record, &keys->key[i]) ? &keys->key[i] : NULL;
    }
    if (key == NULL) {
        return refuse(self, record, LOCUM_TSIG_BADKEY);
    }
    if (!is_mac_length(key, record->mac_length)) {
        return LOCUM_RCODE_FORMERR;
    }
    compute(self, key, packet, record, mac);
    if (!locum_hmac_equal(mac, record->mac, record->mac_length)) {
        return refuse(self, record, LOCUM_TSIG_BADSIG);
    }
    self->key = key;
    self->mac_length = record->mac_length;
    memcpy(self->mac, record->mac, record->mac_length);
    self->request_time_s = record->time_s;
    if (!is_in_time(record, now_s)) {
        self->error = LOCUM_TSIG_BADTIME;
    } else if (record->mac_length < locum_hmac_length(key->hmac.hash)) {
        self->error = LOCUM_TSIG_BADTRUNC; /* this server makes and takes whole ones only */
    }
    return self->error == LOCUM_TSIG_GOOD ? LOCUM_RCODE_NOERROR : LOCUM_RCODE_NOTAUTH;
}

size_t
locum_tsig_length(const struct locum_tsig *self)
{
    if (self->key != NULL) {
        return LOCUM_TSIG_FIXED_BYTES + self->key->name_length + LOCUM_TSIG_ALGORITHM_BYTES +
               locum_hmac_length(self->key->hmac.hash) +
               (self->error == LOCUM_TSIG_BADTIME ? LOCUM_TSIG_OTHER_BYTES : 0);
    }
    return self->refused == NULL ? 0
                                 : LOCUM_TSIG_FIXED_BYTES + self->refused->name_length +
                                       self->refused->algorithm_length;
}

static uint8_t *
put_bytes(uint8_t *to, const uint8_t *bytes, size_t length)
{
    if (length > 0) {
        memcpy(to, bytes, length);
    }
    return to + length;
}

static uint8_t *
put_u16(uint8_t *to, size_t value)
{
    locum_packet_put_u16(to, (uint16_t)value);
    return to + 2;
}

/* Append the record to a message. Its new length. */
static size_t
put_record(const struct locum_tsig *self, uint8_t *message, size_t length,
           const struct variables *values)
{
    static const uint8_t type_class_ttl[] = {0, TYPE_TSIG, 0, CLASS_ANY, 0, 0, 0, 0};
    const bool is_signed = self->key != NULL;
    const uint8_t *algorithm =
        is_signed ? algorithms[self->key->hmac.hash] : self->refused->algorithm;
    const size_t algorithm_length =
        is_signed ? LOCUM_TSIG_ALGORITHM_BYTES : self->refused->algorithm_length;
    const size_t mac_length = is_signed ? self->mac_length : 0;
    uint8_t *at = message + length;
    at = put_bytes(at, is_signed ? self->key->name : self->refused->name,
                   is_signed ? self->key->name_length : self->refused->name_length);
    at = put_bytes(at, type_class_ttl, sizeof(type_class_ttl));
    at = put_u16(at, algorithm_length + TIME_BYTES + 4 + mac_length + 6 + values->other_length);
    at = put_bytes(at, algorithm, algorithm_length);
    put_u48(at, values->time_s);
    at = put_u16(at + TIME_BYTES, values->fudge_s);
    at = put_u16(at, mac_length);
    at = put_bytes(at, self->mac, mac_length);
    at = put_bytes(at, message, 2); /* the identifier is its original one */
    at = put_u16(at, values->error);
    at = put_u16(at, values->other_length);
    at = put_bytes(at, values->other, values->other_length);
    locum_packet_put_u16(message + 10, (uint16_t)(locum_packet_u16(message + 10) + 1));
    return (size_t)(at - message);
}

size_t
locum_tsig_sign(struct locum_tsig *self, uint8_t *message, size_t length, uint64_t now_s)
{
    uint8_t own_time_s[LOCUM_TSIG_OTHER_BYTES];
    struct variables values = {
        .time_s = now_s, .fudge_s = LOCUM_TSIG_FUDGE_S, .error = (uint16_t)self->error};
    if (self->key == NULL && self->refused == NULL) {
        return length;
    }
    if (self->error == LOCUM_TSIG_BADTIME) { /* RFC 8945 5.2.3 */
        put_u48(own_time_s, now_s);
        values.time_s = self->request_time_s;
        values.other = own_time_s;
        values.other_length = sizeof(own_time_s);
    }
    if (self->key == NULL) { /* RFC 8945 5.3.2 */
        values.time_s = self->refused->time_s;
        values.fudge_s = self->refused->fudge_s;
    } else {
        struct locum_hmac hmac;
        locum_hmac_begin(&hmac, &self->key->hmac);
        add_before(&hmac, self);
        locum_hmac_add(&hmac, message, length);
        add_variables(&hmac, self->key, &values, self->later);
        locum_hmac_end(&hmac, self->mac);
        self->mac_length = locum_hmac_length(self->key->hmac.hash);
        self->later = !self->asks;
    }
    return put_record(self, message, length, &values);
}

void
locum_tsig_begin(struct locum_tsig *self, const struct locum_tsig_key *key)
{
    *self = (struct locum_tsig){.key = key, .asks = true};
}

int
locum_tsig_check(struct locum_tsig *self, const uint8_t *packet, size_t length, uint64_t now_s,
                 uint16_t *ret_error)
{
    struct locum_tsig_record record;
    uint8_t mac[LOCUM_HMAC_BYTES_MAX];
    size_t at;
    if (ret_error != NULL) {
        *ret_error = 0;
    }
    if (length < LOCUM_DNS_HEADER_BYTES ||
        locum_tsig_find(packet, length, &at) != LOCUM_TSIG_FOUND ||
        !locum_tsig_parse(packet, length, at, &record)) {
        return LOCUM_ERR_INVALID;
    }
    if (ret_error != NULL) {
        *ret_error = record.error;
    }
    if (!is_of_key(&record, self->key) ||
        record.mac_length != locum_hmac_length(self->key->hmac.hash)) {
        return LOCUM_ERR_SIGNATURE;
    }
    compute(self, self->key, packet, &record, mac);
    if (!locum_hmac_equal(mac, record.mac, record.mac_length) || !is_in_time(&record, now_s)) {
        return LOCUM_ERR_SIGNATURE;
    }
    self->mac_length = record.mac_length;
    memcpy(self->mac, record.mac, record.mac_length);
    self->later = true;
    return 0;
}
