#include "dns/ds.h"

#include <arpa/nameser.h>
#include <resolv.h>
#include <string.h>

#include "base/error.h"
#include "dns/packet.h"
#include "dns/soa.h"

enum {
    OPT_BYTES = 11, /* without options (RFC 6891 6.1.2) */
    EDNS_BYTES = 1232,
    DO_AT = 7, /* the byte of the DO bit in the OPT record */
    TC = 0x02,
    RD = 0x01,
    RECORDS_MAX = 256,      /* of a section that is read */
    UNSIGNED_TTL_S = 86400, /* at least: what a resolver says may be the rest of a longer one */
    DS_FIXED_BYTES = 4,
    RRSIG_FIXED_BYTES = 18,
};

size_t
locum_ds_question(const char *zone, uint16_t id, uint8_t ret[LOCUM_DS_QUESTION_MAX])
{
    const size_t length = locum_soa_question(zone, id, ret);
    uint8_t *opt = ret + length;
    ret[2] = RD;
    locum_packet_put_u16(ret + length - 4, LOCUM_TYPE_DS);
    locum_packet_put_u16(ret + 10, 1);
    memset(opt, 0, OPT_BYTES);
    locum_packet_put_u16(opt + 1, LOCUM_TYPE_OPT);
    locum_packet_put_u16(opt + 3, EDNS_BYTES);
    opt[DO_AT] = 0x80;
    return length + OPT_BYTES;
}

static int
compare(const struct locum_ds *a, const struct locum_ds *b)
{
    const int32_t differences[] = {a->tag - b->tag, a->algorithm - b->algorithm,
                                   a->digest_type - b->digest_type,
                                   a->digest_length - b->digest_length};
    for (size_t i = 0; i < LOCUM_COUNT(differences); i++) {
        if (differences[i] != 0) {
            return differences[i];
        }
    }
    return memcmp(a->digest, b->digest, a->digest_length);
}

int
locum_ds_add(struct locum_ds_answer *self, const uint8_t *data, size_t length)
{
    if (self->count == LOCUM_DS_MAX || length <= DS_FIXED_BYTES ||
        length > DS_FIXED_BYTES + LOCUM_DS_DIGEST_BYTES_MAX) {
        return LOCUM_ERR_SPACE;
    }
    struct locum_ds ds = {.tag = locum_packet_u16(data),
                          .algorithm = data[2],
                          .digest_type = data[3],
                          .digest_length = (uint8_t)(length - DS_FIXED_BYTES)};
    size_t at = self->count++;
    memcpy(ds.digest, data + DS_FIXED_BYTES, ds.digest_length);
    for (; at > 0 && compare(&self->ds[at - 1], &ds) > 0; at--) {
        self->ds[at] = self->ds[at - 1];
    }
    self->ds[at] = ds;
    return 0;
}

bool
locum_ds_equal(const struct locum_ds_answer *a, const struct locum_ds_answer *b)
{
    bool equal = a->count == b->count;
    for (size_t i = 0; equal && i < a->count; i++) {
        equal = compare(&a->ds[i], &b->ds[i]) == 0;
    }
    return equal;
}

/* A reply while it is read. */
struct ds_reading {
    const uint8_t *begin, *at, *end;
    const uint8_t *zone; /* wire form, as in the question */
    size_t zone_length;
    bool is_signed; /* there is an RRSIG of the DS */
};

struct record {
    uint8_t owner[NS_MAXCDNAME]; /* wire form */
    size_t owner_length;
    uint16_t type, class;
    uint32_t ttl_s;
    const uint8_t *data;
    size_t length;
};

static size_t
name_length(const uint8_t *name)
{
    size_t length = 0;
    while (name[length] != 0) {
        length += 1 + (size_t)name[length];
    }
    return length + 1;
}

/* False: there is no whole record here. */
static bool
next_record(struct ds_reading *self, struct record *ret)
{
    const int used =
        ns_name_unpack(self->begin, self->end, self->at, ret->owner, sizeof(ret->owner));
    if (used < 0 || self->end - self->at - used < NS_RRFIXEDSZ) {
        return false;
    }
    const uint8_t *fixed = self->at + used;
    ret->owner_length = name_length(ret->owner);
    ret->type = locum_packet_u16(fixed);
    ret->class = locum_packet_u16(fixed + 2);
    ret->ttl_s = (uint32_t)locum_packet_u16(fixed + 4) << 16 | locum_packet_u16(fixed + 6);
    ret->length = locum_packet_u16(fixed + 8);
    ret->data = fixed + NS_RRFIXEDSZ;
    if ((size_t)(self->end - ret->data) < ret->length) {
        return false;
    }
    self->at = ret->data + ret->length;
    return true;
}

/* Length bytes of labels are below 64, so they are no letters. */
static bool
is_name(const uint8_t *a, const uint8_t *b, size_t length)
{
    bool same = true;
    for (size_t i = 0; i < length; i++) {
        const bool letter = (a[i] | 0x20) >= 'a' && (a[i] | 0x20) <= 'z';
        same = same && (a[i] == b[i] || (letter && (a[i] ^ b[i]) == 0x20));
    }
    return same;
}

static bool
is_of_zone(const struct ds_reading *self, const struct record *record)
{
    return record->owner_length == self->zone_length &&
           is_name(record->owner, self->zone, self->zone_length);
}

/* Does the zone lie below the owner of this record? */
static bool
is_below(const struct ds_reading *self, const struct record *record)
{
    const uint8_t *name = self->zone;
    while (*name != 0 && self->zone_length - (size_t)(name - self->zone) > record->owner_length) {
        name += 1 + *name;
    }
    const size_t left = self->zone_length - (size_t)(name - self->zone);
    return left < self->zone_length && left == record->owner_length &&
           is_name(record->owner, name, left);
}

/* RFC 2181 8: a TTL with its first bit is 0. */
static uint32_t
valid_ttl_s(uint32_t ttl_s)
{
    return ttl_s <= INT32_MAX ? ttl_s : 0;
}

/* What this record of the answer section says. NULL, or why it makes the reply malformed. */
static const char *
take_record(struct ds_reading *self, const struct record *record, struct locum_ds_answer *ret)
{
    uint32_t ttl_s = valid_ttl_s(record->ttl_s);
    if (record->class != LOCUM_CLASS_IN || !is_of_zone(self, record)) {
        return NULL;
    }
    if (record->type == LOCUM_TYPE_CNAME) {
        return "its answer says that the zone is an alias (CNAME)";
    }
    if (record->type == LOCUM_TYPE_DS) {
        if (locum_ds_add(ret, record->data, record->length) != 0) {
            return "its answer has a DS that cannot be read, or too many";
        }
    } else if (record->type != LOCUM_TYPE_RRSIG || record->length <= RRSIG_FIXED_BYTES ||
               locum_packet_u16(record->data) != LOCUM_TYPE_DS) {
        return NULL;
    } else { /* RFC 4034 3.1.4: a resolver counts the TTL down, but not the one that is signed */
        ttl_s = valid_ttl_s((uint32_t)locum_packet_u16(record->data + 4) << 16 |
                            locum_packet_u16(record->data + 6));
        self->is_signed = true;
    }
    ret->ttl_s = ttl_s > ret->ttl_s ? ttl_s : ret->ttl_s;
    return NULL;
}

static const char *
rcode_text(unsigned rcode)
{
    static const char *const texts[] = {
        [LOCUM_RCODE_FORMERR] = "it answers FORMERR",
        [LOCUM_RCODE_SERVFAIL] = "it answers SERVFAIL",
        [LOCUM_RCODE_NXDOMAIN] = "it answers NXDOMAIN: the parent does not have the zone",
        [LOCUM_RCODE_NOTIMP] = "it answers NOTIMP",
        [LOCUM_RCODE_REFUSED] = "it answers REFUSED",
    };
    const char *text = rcode < LOCUM_COUNT(texts) ? texts[rcode] : NULL;
    return text != NULL ? text : "it answers with an error";
}

/* Read the records of a reply without an error. NULL, or why it says nothing. */
static const char *
read_records(struct ds_reading *self, const uint8_t *reply, struct locum_ds_answer *ret)
{
    static const char malformed[] = "its reply is malformed";
    const unsigned answers = locum_packet_u16(reply + 6);
    const unsigned authorities = locum_packet_u16(reply + 8);
    struct record record;
    bool denied = false;
    if (answers > RECORDS_MAX || authorities > RECORDS_MAX) {
        return malformed;
    }
    for (unsigned i = 0; i < answers; i++) {
        const char *why = next_record(self, &record) ? take_record(self, &record, ret) : malformed;
        if (why != NULL) {
            return why;
        }
    }
    for (unsigned i = 0; i < authorities; i++) {
        if (!next_record(self, &record)) {
            return malformed;
        }
        denied = denied || (record.type == LOCUM_TYPE_SOA && record.class == LOCUM_CLASS_IN &&
                            is_below(self, &record));
    }
    if (ret->count == 0) {
        ret->ttl_s = 0;
    } else if (!self->is_signed && ret->ttl_s < UNSIGNED_TTL_S) {
        ret->ttl_s = UNSIGNED_TTL_S;
    }
    return ret->count > 0 || denied
               ? NULL
               : "its reply has no DS, and no SOA of the parent that would deny it";
}

enum locum_ds_reply
locum_ds_read(const uint8_t *question, size_t question_length, const uint8_t *reply, size_t length,
              struct locum_ds_answer *ret, const char **ret_why)
{
    const size_t asked = question_length - OPT_BYTES;
    struct locum_ds_answer answer = {.count = 0};
    if (length > LOCUM_DS_REPLY_BYTES_MAX ||
        !locum_soa_is_answered(question, asked, locum_packet_u16(question), reply, length)) {
        return LOCUM_DS_STRAY;
    }
    struct ds_reading reading = {.begin = reply,
                                 .at = reply + asked,
                                 .end = reply + length,
                                 .zone = question + LOCUM_DNS_HEADER_BYTES,
                                 .zone_length = asked - LOCUM_DNS_HEADER_BYTES - 4};
    const unsigned rcode = reply[3] & 0x0f;
    if (rcode != LOCUM_RCODE_NOERROR) {
        *ret_why = rcode_text(rcode);
        return LOCUM_DS_FAILED;
    }
    if ((reply[2] & TC) != 0) {
        return LOCUM_DS_TRUNCATED;
    }
    const char *why = read_records(&reading, reply, &answer);
    if (why != NULL) {
        *ret_why = why;
        return LOCUM_DS_FAILED;
    }
    *ret = answer;
    return LOCUM_DS_ANSWERED;
}
