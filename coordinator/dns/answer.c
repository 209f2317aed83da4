#include "dns/answer.h"

#include <string.h>

enum {
    TTL_AT = 6,     /* in a record whose owner is a pointer */
    LENGTH_AT = 10, /* of its data */
    TTL_BYTES = 4,
};

/* A name in the message whose answer is put together: the question, or the target of a CNAME. */
struct answered {
    size_t at;
    size_t length;
    struct locum_dns_match match;
};

/* Copy a part, and rotate its records if they may come in any order. */
static inline void
copy_part(const struct locum_dns_part *part, uint32_t rotation, uint8_t *to)
{
    size_t skip = 0;
    if (part->rotate_bytes > 0) {
        skip = part->rotate_bytes * locum_answer_first(rotation, part->count);
        memcpy(to + part->length - skip, part->bytes, skip);
    }
    memcpy(to, part->bytes + skip, part->length - skip);
}

/* Let the owners of a copied part point to where their names are in this message. False: a name is
 * beyond the 16 KiB that pointers reach (RFC 1035 4.1.4). */
static bool
point(uint8_t *records, size_t length, const struct answered *subject, size_t base)
{
    for (size_t at = 0; at < length;
         at += LOCUM_RR_FIXED_BYTES + locum_packet_u16(records + at + LENGTH_AT)) {
        size_t owner = locum_packet_u16(records + at);
        if (owner == LOCUM_OWNER_NAME) {
            owner = LOCUM_POINTER + subject->at;
        } else if (owner < LOCUM_OWNER_NAME) {
            owner += subject->length + subject->at - LOCUM_DNS_HEADER_BYTES;
        } else {
            owner += base - (LOCUM_OWNER_PART & LOCUM_POINTED_MAX);
        }
        if (owner - LOCUM_POINTER > LOCUM_POINTED_MAX) {
            return false;
        }
        locum_packet_put_u16(records + at, (uint16_t)owner);
    }
    return true;
}

/*
 * Append a part that belongs to a name; mostly that is one copy.
 *
 * base  offset in the message of the part that its owners may be in.
 * False: it does not fit, or a name is too far for a pointer.
 */
static inline bool
put_part(struct locum_answer_draft *self, enum locum_dns_section section,
         const struct locum_dns_part *part, const struct answered *subject, size_t base)
{
    if (part->length > self->length_max - self->length) {
        self->unready = self->unready || part->length == LOCUM_DNS_MISSING;
        return false;
    }
    uint8_t *to = self->message + self->length;
    copy_part(part, self->rotation, to);
    if (part->rotate_bytes > 0) {
        self->uncacheable = self->uncacheable || self->rotated.count > 0;
        self->rotated =
            (struct locum_rotation){(uint16_t)self->length, part->rotate_bytes, part->count};
    }
    if ((part->points || subject->at != LOCUM_DNS_HEADER_BYTES) &&
        !point(to, part->length, subject, base)) {
        return false;
    }
    self->length += part->length;
    self->counts[section] = (uint16_t)(self->counts[section] + part->count);
    return true;
}

static inline void
put(struct locum_answer_draft *self, enum locum_dns_section section,
    const struct locum_dns_part *part, const struct answered *subject)
{
    if (!put_part(self, section, part, subject, self->length)) {
        self->truncated = true;
    }
}

/* The RRSIG records of a set; none: it is not signed, or that is not asked for. */
static const struct locum_dns_part *
signature_of(const struct locum_answer_draft *self, const struct locum_dns_set *set)
{
    return set->changing == LOCUM_DNS_FIXED ? &set->signature
                                            : &self->table->signatures[set->changing];
}

/* A set with its RRSIG records. */
static void
put_signed(struct locum_answer_draft *self, enum locum_dns_section section,
           const struct locum_dns_part *part, const struct locum_dns_part *signature,
           const struct answered *subject)
{
    put(self, section, part, subject);
    if (self->signed_zone != NULL && signature->count > 0 && !self->truncated) {
        put(self, section, signature, subject);
    }
}

/* Where a name of the message, without its first `skip` bytes, is in the chain of its zone. */
static struct locum_chain_place
place_of(const struct locum_answer_draft *self, const struct locum_chain *chain,
         const struct answered *subject, size_t skip)
{
    return locum_chain_search(chain, self->message + subject->at + skip, subject->length - skip);
}

/* The answer needs an NSEC record, once. */
static void
deny(struct locum_answer_draft *self, size_t nsec)
{
    size_t i = 0;
    while (i < self->denial_count && self->denials[i] != nsec) {
        i++;
    }
    if (i == self->denial_count) {
        LOCUM_INVARIANT(i < LOCUM_DENIALS_MAX);
        self->denials[self->denial_count++] = nsec;
    }
}

/* Append the signatures of an NSEC record that no pointer reaches: their owners are in full, up
 * to the apex. False: they do not fit. */
static bool
put_far_signature(struct locum_answer_draft *self, enum locum_dns_section section,
                  const struct locum_dns_nsec *nsec, size_t apex_at)
{
    const struct locum_dns_part *part = &nsec->signature;
    const size_t prefix = nsec->prefix_length;
    if (part->length + part->count * prefix > self->length_max - self->length) {
        self->unready = self->unready || part->length == LOCUM_DNS_MISSING;
        return false;
    }
    for (size_t at = 0; at < part->length;) {
        const uint8_t *from = part->bytes + at;
        const size_t length = LOCUM_RR_FIXED_BYTES + locum_packet_u16(from + LENGTH_AT);
        uint8_t *to = self->message + self->length;
        memcpy(to, nsec->bytes, prefix);
        memcpy(to + prefix, from, length);
        locum_packet_put_u16(to + prefix, (uint16_t)(LOCUM_POINTER | apex_at));
        self->length += prefix + length;
        at += length;
    }
    self->counts[section] = (uint16_t)(self->counts[section] + part->count);
    return true;
}

/* Append an NSEC record of this zone. Its owner ends in a pointer to the apex, in the question. */
static void
put_nsec(struct locum_answer_draft *self, enum locum_dns_section section,
         const struct locum_dns_zone *zone, size_t number)
{
    const struct locum_dns_nsec *nsec = &zone->nsecs[number];
    const size_t question_length = self->question->name.length;
    const size_t apex_at =
        LOCUM_DNS_HEADER_BYTES + question_length - self->table->names->names[zone->apex].length;
    const struct answered question = {.at = LOCUM_DNS_HEADER_BYTES, .length = question_length};
    const size_t at = self->length;
    if (self->truncated || nsec->length > self->length_max - at) {
        self->truncated = true;
        return;
    }
    memcpy(self->message + at, nsec->bytes, nsec->length);
    locum_packet_put_u16(self->message + at + nsec->prefix_length,
                         (uint16_t)(LOCUM_POINTER | apex_at));
    self->length += nsec->length;
    self->counts[section]++;
    if (self->signed_zone != NULL &&
        !(at <= LOCUM_POINTED_MAX ? put_part(self, section, &nsec->signature, &question, at)
                                  : put_far_signature(self, section, nsec, apex_at))) {
        self->truncated = true;
    }
}

/* The NSEC records that the answer needs, after all else in the authority section. */
static void
put_denials(struct locum_answer_draft *self)
{
    while (self->denials_put < self->denial_count) {
        put_nsec(self, LOCUM_SECTION_AUTHORITY, self->signed_zone,
                 self->denials[self->denials_put++]);
    }
}

static const struct locum_dns_part *
part_of(const struct locum_answer_draft *self, const struct locum_dns_set *set)
{
    return set->changing == LOCUM_DNS_FIXED ? &set->part : &self->table->parts[set->changing];
}

/* The addresses of name servers whose records are at offset `base` of the message. With DO only
 * those that are needed, which no zone signs: the others would need their RRSIG (RFC 4035 3.1.1).
 */
static void
put_glue(struct locum_answer_draft *self, const struct locum_dns_glue *glue,
         const struct answered *subject, size_t base)
{
    if (self->truncated ||
        !put_part(self, LOCUM_SECTION_ADDITIONAL, &glue->needed, subject, base)) {
        self->truncated = true;
    } else if (self->signed_zone == NULL) {
        (void)put_part(self, LOCUM_SECTION_ADDITIONAL, &glue->other, subject, base);
    }
}

/* The SOA in the authority section (RFC 2308 2). */
static void
put_negative(struct locum_answer_draft *self, const struct answered *subject, uint16_t rcode)
{
    const uint16_t part = locum_dns_table_negative(subject->match.name->zone);
    self->rcode = rcode;
    if (self->signed_zone == NULL) {
        put(self, LOCUM_SECTION_AUTHORITY, &self->table->parts[part], subject);
        return;
    }
    put_signed(self, LOCUM_SECTION_AUTHORITY, &self->table->parts[part],
               &self->table->signatures[part], subject);
    const struct locum_chain_place place = place_of(self, self->signed_zone->chain, subject, 0);
    deny(self, place.at);
    if (!place.exists) {
        deny(self, place.wildcard);
    }
}

/* The set that answers ANY (RFC 8482 4.1): that of the lowest type; NULL: none. */
static const struct locum_dns_set *
any_set(const struct locum_answer_draft *self, const struct locum_dns_name *name)
{
    const struct locum_dns_set *sets = &self->table->names->sets[name->first_set];
    for (size_t i = 0; i < name->set_count; i++) {
        if (part_of(self, &sets[i])->count > 0) {
            return &sets[i];
        }
    }
    return NULL;
}

/* The NSEC record of a wildcard as the answer to a name that it is expanded to. */
static void
put_expanded_nsec(struct locum_answer_draft *self, const struct locum_dns_nsec *nsec,
                  const struct answered *subject)
{
    const size_t length = nsec->length - (size_t)nsec->prefix_length;
    if (length > self->length_max - self->length || subject->at > LOCUM_POINTED_MAX) {
        self->truncated = true;
        return;
    }
    memcpy(self->message + self->length, nsec->bytes + nsec->prefix_length, length);
    locum_packet_put_u16(self->message + self->length, (uint16_t)(LOCUM_POINTER | subject->at));
    self->length += length;
    self->counts[LOCUM_SECTION_ANSWER]++;
    if (self->signed_zone != NULL &&
        !put_part(self, LOCUM_SECTION_ANSWER, &nsec->signature, subject, subject->at)) {
        self->truncated = true;
    }
}

/* The answer to type NSEC. False: the name has none. */
static bool
put_nsec_of(struct locum_answer_draft *self, const struct locum_dns_zone *zone,
            const struct answered *subject)
{
    const struct locum_chain_place place = place_of(self, zone->chain, subject, 0);
    if (place.matches) {
        put_nsec(self, LOCUM_SECTION_ANSWER, zone, place.at);
        return true;
    }
    if (subject->match.kind != LOCUM_MATCH_WILDCARD || !place.wildcard_matches) {
        return false;
    }
    put_expanded_nsec(self, &zone->nsecs[place.wildcard], subject);
    if (self->signed_zone != NULL) {
        deny(self, place.at);
    }
    return true;
}

/* Types that no set of a name has: its NSEC record, or the RRSIG records of one of its sets (one is
 * enough, as of ANY). False: the name has none, or its zone is not signed. */
static bool
put_meta(struct locum_answer_draft *self, const struct answered *subject)
{
    const struct locum_dns_names *names = self->table->names;
    const struct locum_dns_name *name = subject->match.name;
    const struct locum_dns_zone *zone = &names->zones[name->zone];
    if (zone->chain == NULL || subject->match.kind == LOCUM_MATCH_CUT) {
        return false;
    }
    if (self->question->type == LOCUM_TYPE_NSEC) {
        return put_nsec_of(self, zone, subject);
    }
    for (size_t i = 0; i < name->set_count && self->question->type == LOCUM_TYPE_RRSIG; i++) {
        const struct locum_dns_part *part = signature_of(self, &names->sets[name->first_set + i]);
        if (part->count > 0) {
            put(self, LOCUM_SECTION_ANSWER, part, subject);
            return true;
        }
    }
    return false;
}

/* Answer from the sets of a name. Offset of the CNAME in the answer that leads on; 0: none does. */
static inline size_t
put_name(struct locum_answer_draft *self, const struct answered *subject)
{
    const struct locum_dns_name *name = subject->match.name;
    const uint16_t type = self->question->type;
    const bool beside_cname = /* RFC 4035 2.5 */
        self->table->names->zones[name->zone].chain != NULL &&
        (type == LOCUM_TYPE_NSEC || type == LOCUM_TYPE_RRSIG);
    const bool leads_on = name->sort == LOCUM_SORT_CNAME && type != LOCUM_TYPE_CNAME &&
                          type != LOCUM_TYPE_ANY && !beside_cname;
    const struct locum_dns_set *set =
        type == LOCUM_TYPE_ANY
            ? any_set(self, name)
            : locum_dns_names_set(self->table->names, name, leads_on ? LOCUM_TYPE_CNAME : type);
    const struct locum_dns_part *part = set == NULL ? NULL : part_of(self, set);
    const size_t at = self->length;
    if (part == NULL || part->count == 0) {
        if (!put_meta(self, subject)) {
            put_negative(self, subject, LOCUM_RCODE_NOERROR);
        }
        return 0;
    }
    if (self->signed_zone == NULL) {
        put(self, LOCUM_SECTION_ANSWER, part, subject);
    } else {
        put_signed(self, LOCUM_SECTION_ANSWER, part, signature_of(self, set), subject);
        if (subject->match.kind == LOCUM_MATCH_WILDCARD) {
            deny(self, place_of(self, self->signed_zone->chain, subject, 0).at);
        }
    }
    if (set->glue != NULL) {
        put_denials(self);
        put_glue(self, set->glue, subject, at);
    }
    return leads_on ? at : 0;
}

/* Of a delegation: its DS, or the NSEC record that denies one (RFC 4035 3.1.4). */
static void
put_ds(struct locum_answer_draft *self, const struct answered *subject)
{
    const struct locum_dns_name *name = subject->match.name;
    const struct locum_dns_set *set = locum_dns_names_set(self->table->names, name, LOCUM_TYPE_DS);
    if (set != NULL) {
        put_signed(self, LOCUM_SECTION_AUTHORITY, &set->part, &set->signature, subject);
    } else {
        deny(self,
             place_of(self, self->signed_zone->chain, subject, subject->length - name->length).at);
    }
}

/* At and below a delegation. */
static void
put_referral(struct locum_answer_draft *self, const struct answered *subject)
{
    const struct locum_dns_set *set =
        locum_dns_names_set(self->table->names, subject->match.name, LOCUM_TYPE_NS);
    const size_t base = self->length;
    self->authoritative = self->counts[LOCUM_SECTION_ANSWER] > 0;
    put(self, LOCUM_SECTION_AUTHORITY, &set->part, subject);
    if (self->signed_zone != NULL) {
        put_ds(self, subject);
        put_denials(self);
    }
    if (set->glue != NULL) {
        put_glue(self, set->glue, subject, base);
    }
}

/*
 * Below a DNAME (RFC 6672 3.1): the DNAME, and a CNAME made of it. The owner of the DNAME is
 * replaced by its target. Returns the offset of the CNAME; 0: it does not lead on.
 */
static size_t
put_dname(struct locum_answer_draft *self, const struct answered *subject)
{
    const struct locum_dns_name *name = subject->match.name;
    const struct locum_dns_set *set =
        locum_dns_names_set(self->table->names, name, LOCUM_TYPE_DNAME);
    const uint8_t *target = set->part.bytes + LOCUM_RR_FIXED_BYTES;
    const size_t target_length = set->part.length - (size_t)LOCUM_RR_FIXED_BYTES;
    const size_t prefix = subject->length - name->length;
    const size_t length = prefix + target_length;
    put_signed(self, LOCUM_SECTION_ANSWER, &set->part, &set->signature, subject);
    if (length > LOCUM_DNS_NAME_MAX) {
        self->rcode = LOCUM_RCODE_YXDOMAIN;
        return 0;
    }
    if (self->truncated || subject->at > LOCUM_POINTED_MAX ||
        LOCUM_RR_FIXED_BYTES + length > self->length_max - self->length) {
        self->truncated = true;
        return 0;
    }
    const size_t at = self->length;
    uint8_t *to = self->message + at;
    self->uncacheable = true;
    locum_packet_put_u16(to, (uint16_t)(LOCUM_POINTER | subject->at));
    locum_packet_put_u16(to + 2, LOCUM_TYPE_CNAME);
    locum_packet_put_u16(to + 4, LOCUM_CLASS_IN);
    memcpy(to + TTL_AT, set->part.bytes + TTL_AT, TTL_BYTES);
    locum_packet_put_u16(to + LENGTH_AT, (uint16_t)length);
    memcpy(to + LOCUM_RR_FIXED_BYTES, self->message + subject->at, prefix);
    memcpy(to + LOCUM_RR_FIXED_BYTES + prefix, target, target_length);
    self->length += LOCUM_RR_FIXED_BYTES + length;
    self->counts[LOCUM_SECTION_ANSWER]++;
    const uint16_t type = self->question->type;
    return type != LOCUM_TYPE_CNAME && type != LOCUM_TYPE_ANY ? at : 0;
}

/* Answer one name. Offset of the CNAME in the answer that leads on; 0: none does. */
static inline size_t
put_subject(struct locum_answer_draft *self, const struct answered *subject)
{
    switch (subject->match.kind) {
    case LOCUM_MATCH_CUT:
        /* Of its types only DS is the parent's (RFC 4035 3.1.4.1). */
        if (self->question->type != LOCUM_TYPE_DS ||
            subject->match.name->length != subject->length) {
            put_referral(self, subject);
            return 0;
        }
        return put_name(self, subject);
    case LOCUM_MATCH_DNAME: return put_dname(self, subject);
    case LOCUM_MATCH_NXDOMAIN: put_negative(self, subject, LOCUM_RCODE_NXDOMAIN); return 0;
    default: return put_name(self, subject);
    }
}

/* Go on with the target of the CNAME at this offset. False: not in this zone. */
static bool
follow(const struct locum_answer_draft *self, size_t cname_at, struct answered *subject)
{
    const uint8_t zone = subject->match.name->zone;
    struct locum_wire_name name;
    subject->at = cname_at + LOCUM_RR_FIXED_BYTES;
    subject->length = locum_packet_u16(self->message + cname_at + LENGTH_AT);
    const size_t end = subject->at + subject->length;
    if (locum_packet_name(self->message, end, subject->at, &name) != end) {
        return false;
    }
    subject->match = locum_dns_names_find(self->table->names, &name);
    return subject->match.kind != LOCUM_MATCH_NONE && subject->match.name->zone == zone;
}

/* What the answer is for the limiter. Random names share a bucket: the wildcard's, the
 * delegation's, that of the DNAME or of the zone. */
static void
judge(struct locum_answer_draft *self, const struct locum_dns_name *name)
{
    self->owner = name->zone;
    if (self->rcode == LOCUM_RCODE_NXDOMAIN) {
        self->kind = LOCUM_LIMIT_NXDOMAIN;
    } else if (self->question->type == LOCUM_TYPE_ANY) {
        self->kind = LOCUM_LIMIT_ANY;
    } else if (self->authoritative && self->counts[LOCUM_SECTION_ANSWER] == 0 && !self->truncated) {
        self->kind = LOCUM_LIMIT_NODATA;
    } else {
        self->kind = LOCUM_LIMIT_NAME;
        self->owner = name->hash;
    }
}

bool
locum_answer_compose(struct locum_answer_draft *self)
{
    const struct locum_wire_name *name = &self->question->name;
    const size_t question_end = self->length;
    struct answered subject = {.at = LOCUM_DNS_HEADER_BYTES,
                               .length = name->length,
                               .match = locum_dns_names_find(self->table->names, name)};
    const struct locum_dns_name *first = subject.match.name;
    if (subject.match.kind == LOCUM_MATCH_NONE) {
        return false;
    }
    self->authoritative = true;
    if (self->question->edns.dnssec_ok && self->table->names->zones[first->zone].chain != NULL) {
        self->signed_zone = &self->table->names->zones[first->zone];
    }
    /* The rcode is that of the end of the chain (RFC 6604 2.1). */
    for (size_t links = 0; links <= LOCUM_CNAME_CHAIN_MAX; links++) {
        const size_t cname_at = put_subject(self, &subject);
        if (cname_at == 0 || self->truncated || links == LOCUM_CNAME_CHAIN_MAX ||
            !follow(self, cname_at, &subject)) {
            break;
        }
    }
    put_denials(self);
    judge(self, first);
    if (self->truncated) {
        self->length = question_end;
        memset(self->counts, 0, sizeof(self->counts));
    }
    return true;
}
