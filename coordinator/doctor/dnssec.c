#include "doctor/dnssec.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <ldns/ldns.h>

#include "base/error.h"
#include "base/text_format.h"
#include "config/domain.h"
#include "dns/cds.h"

/* In each zone but those that have a wildcard at the apex there is no such name. */
static const char absent_name[] = "no-such-name-asks-locum-doctor.";

/* The fields of a record that are used here: ldns makes records without any of an empty one. */
static bool
is_whole(const ldns_rr *rr)
{
    switch (ldns_rr_get_type(rr)) {
    case LDNS_RR_TYPE_RRSIG: return ldns_rr_rd_count(rr) == 9;
    case LDNS_RR_TYPE_SOA: return ldns_rr_rd_count(rr) == 7;
    case LDNS_RR_TYPE_DNSKEY:
    case LDNS_RR_TYPE_DS: return ldns_rr_rd_count(rr) == 4;
    default: return ldns_rr_rd_count(rr) > 0;
    }
}

/* The records of one type (0: any but RRSIG), and of this owner (NULL: any); borrowed. */
static ldns_rr_list *
select_records(const ldns_rr_list *from, ldns_rr_type type, const ldns_rdf *owner)
{
    ldns_rr_list *list = ldns_rr_list_new();
    for (size_t i = 0; list != NULL && i < ldns_rr_list_rr_count(from); i++) {
        ldns_rr *rr = ldns_rr_list_rr(from, i);
        const bool wanted =
            type == 0 ? ldns_rr_get_type(rr) != LDNS_RR_TYPE_RRSIG : ldns_rr_get_type(rr) == type;
        if (wanted && is_whole(rr) && ldns_rr_get_class(rr) == LDNS_RR_CLASS_IN &&
            (owner == NULL || ldns_dname_compare(ldns_rr_owner(rr), owner) == 0)) {
            (void)ldns_rr_list_push_rr(list, rr);
        }
    }
    return list;
}

/* How a set is signed, the better the higher. */
static const unsigned ranks[] = {
    [LOCUM_DOCTOR_SIGNATURE_UNKNOWN] = 0, [LOCUM_DOCTOR_SIGNATURE_NONE] = 1,
    [LOCUM_DOCTOR_SIGNATURE_WRONG] = 2,   [LOCUM_DOCTOR_SIGNATURE_EARLY] = 3,
    [LOCUM_DOCTOR_SIGNATURE_EXPIRED] = 3, [LOCUM_DOCTOR_SIGNATURE_GOOD] = 4,
};

struct judged {
    enum locum_doctor_signature state;
    int64_t ends_s; /* if it is good */
};

/* Serial numbers (RFC 4034 3.1.5). */
static struct judged
judge_times(const ldns_rr *signature, int64_t now_s)
{
    const uint32_t end = ldns_rdf2native_int32(ldns_rr_rrsig_expiration(signature));
    const uint32_t begin = ldns_rdf2native_int32(ldns_rr_rrsig_inception(signature));
    const int32_t left_s = (int32_t)(end - (uint32_t)now_s);
    const int32_t age_s = (int32_t)((uint32_t)now_s - begin);
    return (struct judged){.state = left_s < 0  ? LOCUM_DOCTOR_SIGNATURE_EXPIRED
                                    : age_s < 0 ? LOCUM_DOCTOR_SIGNATURE_EARLY
                                                : LOCUM_DOCTOR_SIGNATURE_GOOD,
                           .ends_s = now_s + left_s};
}

/* What a zone's keys are used for. */
struct verifier {
    ldns_rdf *zone;
    ldns_rr_list *keys;   /* DNSKEY; borrowed records */
    ldns_rr_list *proved; /* those that have made a signature of DNSKEY */
    int64_t now_s;
};

/* A validator needs one good signature of a set. */
static struct judged
judge_set(const struct verifier *self, const ldns_rr_list *set, const ldns_rr_list *signatures)
{
    const ldns_rr *first = ldns_rr_list_rr(set, 0);
    struct judged best = {.state = LOCUM_DOCTOR_SIGNATURE_NONE};
    size_t tried = 0;
    for (size_t i = 0; i < ldns_rr_list_rr_count(signatures) && tried < LOCUM_DOCTOR_SIGNATURES_MAX;
         i++) {
        const ldns_rr *signature = ldns_rr_list_rr(signatures, i);
        if (ldns_rdf2rr_type(ldns_rr_rrsig_typecovered(signature)) != ldns_rr_get_type(first) ||
            ldns_dname_compare(ldns_rr_owner(signature), ldns_rr_owner(first)) != 0) {
            continue;
        }
        struct judged one = {.state = LOCUM_DOCTOR_SIGNATURE_WRONG};
        ldns_rr_list *good = ldns_rr_list_new();
        tried++;
        if (good != NULL && ldns_dname_compare(ldns_rr_rrsig_signame(signature), self->zone) == 0 &&
            ldns_verify_rrsig_keylist_notime(set, signature, self->keys, good) == LDNS_STATUS_OK) {
            one = judge_times(signature, self->now_s);
            if (ldns_rr_get_type(first) == LDNS_RR_TYPE_DNSKEY) {
                (void)ldns_rr_list_cat(self->proved, good);
            }
        }
        ldns_rr_list_free(good);
        if (ranks[one.state] > ranks[best.state] ||
            (one.state == best.state && one.ends_s > best.ends_s)) {
            best = one;
        }
    }
    return best;
}

/* All sets of these records; the worst counts. */
static struct judged
judge_records(const struct verifier *self, const ldns_rr_list *records,
              const ldns_rr_list *signatures)
{
    struct judged worst = {.state = LOCUM_DOCTOR_SIGNATURE_GOOD, .ends_s = INT64_MAX};
    for (size_t i = 0; i < ldns_rr_list_rr_count(records); i++) {
        const ldns_rr *rr = ldns_rr_list_rr(records, i);
        ldns_rr_list *set = select_records(records, ldns_rr_get_type(rr), ldns_rr_owner(rr));
        if (set != NULL && ldns_rr_list_rr(set, 0) == rr) { /* each set once */
            const struct judged one = judge_set(self, set, signatures);
            if (ranks[one.state] < ranks[worst.state] ||
                (one.state == worst.state && one.ends_s < worst.ends_s)) {
                worst = one;
            }
        }
        ldns_rr_list_free(set);
    }
    return worst;
}

/* Mix the data of records into a digest, in any order. */
static void
digest(const ldns_rr_list *records, uint8_t ret[LDNS_SHA256_DIGEST_LENGTH])
{
    for (size_t i = 0; i < ldns_rr_list_rr_count(records); i++) {
        ldns_rr *rr = ldns_rr_clone(ldns_rr_list_rr(records, i));
        uint8_t one[LDNS_SHA256_DIGEST_LENGTH];
        uint8_t *wire = NULL;
        size_t length = 0;
        if (rr != NULL) {
            ldns_rr2canonical(rr);
            ldns_rr_set_ttl(rr, 0);
        }
        if (rr != NULL && ldns_rr2wire(&wire, rr, LDNS_SECTION_ANSWER, &length) == LDNS_STATUS_OK) {
            (void)ldns_sha256(wire, (unsigned)length, one);
            for (size_t j = 0; j < sizeof(one); j++) {
                ret[j] ^= one[j];
            }
        }
        free(wire);
        ldns_rr_free(rr);
    }
}

static ldns_pkt *
parse(const struct locum_doctor_message *message)
{
    return message->length > 0 ? locum_doctor_reply_parse(message->bytes, message->length) : NULL;
}

static void
read_keys(struct verifier *self, const ldns_pkt *packet, const struct locum_ds_answer *ds,
          struct locum_doctor_signed *ret)
{
    struct locum_text tags = locum_text_init(ret->tags, sizeof(ret->tags));
    ldns_rr_list *signatures =
        select_records(ldns_pkt_answer(packet), LDNS_RR_TYPE_RRSIG, self->zone);
    ldns_rr_list *all = select_records(ldns_pkt_answer(packet), LDNS_RR_TYPE_DNSKEY, self->zone);
    for (size_t i = 0; i < ldns_rr_list_rr_count(all) && i < LOCUM_DOCTOR_KEYS_MAX; i++) {
        ldns_rr *key = ldns_rr_list_rr(all, i);
        (void)ldns_rr_list_push_rr(self->keys, key);
        locum_text_format(&tags, "%s%u", i > 0 ? ", " : "", ldns_calc_keytag(key));
    }
    ret->has_keys = ldns_rr_list_rr_count(self->keys) > 0;
    digest(self->keys, ret->keys_digest);
    if (ret->has_keys) {
        const struct judged judged = judge_records(self, self->keys, signatures);
        ret->state[LOCUM_DOCTOR_SIGNED_KEYS] = judged.state;
        ret->ends_s[LOCUM_DOCTOR_SIGNED_KEYS] = judged.ends_s;
    } else {
        ret->state[LOCUM_DOCTOR_SIGNED_KEYS] = LOCUM_DOCTOR_SIGNATURE_NONE;
    }
    for (size_t i = 0; i < ldns_rr_list_rr_count(self->proved); i++) {
        for (size_t j = 0; j < ds->count; j++) {
            ret->fits =
                ret->fits || locum_cds_is_ds_of(&ds->ds[j], ldns_rr_list_rr(self->proved, i));
        }
    }
    ldns_rr_list_free(signatures);
    ldns_rr_list_free(all);
}

/* The answer to the question for the SOA or for a name that does not exist. */
static void
read_rest(const struct verifier *self, const ldns_pkt *packet, enum locum_doctor_signed_set which,
          struct locum_doctor_signed *ret)
{
    const bool denial =
        which == LOCUM_DOCTOR_SIGNED_DENIAL && ldns_rr_list_rr_count(ldns_pkt_answer(packet)) == 0;
    const ldns_rr_list *section = denial ? ldns_pkt_authority(packet) : ldns_pkt_answer(packet);
    ldns_rr_list *records = select_records(section, 0, NULL);
    ldns_rr_list *signatures = select_records(section, LDNS_RR_TYPE_RRSIG, NULL);
    struct judged judged = {.state = LOCUM_DOCTOR_SIGNATURE_NONE};
    if (records != NULL && signatures != NULL && ldns_rr_list_rr_count(records) > 0 &&
        ldns_rr_list_rr_count(signatures) > 0) {
        judged = judge_records(self, records, signatures);
    }
    ret->state[which] = judged.state;
    ret->ends_s[which] = judged.ends_s;
    ldns_rr_list_free(records);
    ldns_rr_list_free(signatures);
}

void
locum_doctor_dnssec_read(const struct locum_doctor_message messages[LOCUM_DOCTOR_SIGNED_SETS],
                         const char *zone, const struct locum_ds_answer *ds, int64_t now_s,
                         struct locum_doctor_signed *ret)
{
    struct verifier verifier = {.zone = ldns_dname_new_frm_str(zone),
                                .keys = ldns_rr_list_new(),
                                .proved = ldns_rr_list_new(),
                                .now_s = now_s};
    ldns_pkt *keys = parse(&messages[LOCUM_DOCTOR_SIGNED_KEYS]); /* verifier.keys borrows of it */
    *ret = (struct locum_doctor_signed){.has_keys = false};
    if (verifier.zone != NULL && keys != NULL) {
        read_keys(&verifier, keys, ds, ret);
        for (size_t i = LOCUM_DOCTOR_SIGNED_KEYS + 1; i < LOCUM_DOCTOR_SIGNED_SETS; i++) {
            ldns_pkt *packet = parse(&messages[i]);
            if (packet != NULL) {
                read_rest(&verifier, packet, (enum locum_doctor_signed_set)i, ret);
            }
            ldns_pkt_free(packet);
        }
    }
    ldns_rr_list_free(verifier.keys);
    ldns_rr_list_free(verifier.proved);
    ldns_rdf_deep_free(verifier.zone);
    ldns_pkt_free(keys);
}

bool
locum_doctor_dnssec_read_nsec(const struct locum_doctor_message *message, const char *name,
                              uint8_t chain[32], char ret_next[LOCUM_DOMAIN_MAX + 1])
{
    ldns_pkt *packet = parse(message);
    ldns_rdf *owner = ldns_dname_new_frm_str(name);
    bool read = false;
    if (packet != NULL && owner != NULL) {
        ldns_rr_list *found = select_records(ldns_pkt_answer(packet), LDNS_RR_TYPE_NSEC, owner);
        if (ldns_rr_list_rr_count(found) == 1) {
            ldns_rdf *next = ldns_rdf_clone(ldns_rr_rdf(ldns_rr_list_rr(found, 0), 0));
            ldns_dname2canonical(next);
            char *text = ldns_rdf2str(next);
            read = text != NULL &&
                   locum_slice_copy(locum_slice_of(text), ret_next, LOCUM_DOMAIN_MAX + 1) == 0;
            digest(found, chain);
            free(text);
            ldns_rdf_deep_free(next);
        }
        ldns_rr_list_free(found);
    }
    ldns_rdf_deep_free(owner);
    ldns_pkt_free(packet);
    return read;
}

bool
locum_doctor_dnssec_read_ds(const struct locum_doctor_message *message, const char *zone,
                            struct locum_ds_answer *ret)
{
    ldns_pkt *packet = parse(message);
    ldns_rdf *apex = ldns_dname_new_frm_str(zone);
    bool tells = false;
    *ret = (struct locum_ds_answer){.count = 0};
    if (packet != NULL && apex != NULL && ldns_pkt_get_rcode(packet) == LDNS_RCODE_NOERROR) {
        ldns_rr_list *found = select_records(ldns_pkt_answer(packet), LDNS_RR_TYPE_DS, apex);
        ldns_rr_list *soa = select_records(ldns_pkt_authority(packet), LDNS_RR_TYPE_SOA, NULL);
        for (size_t i = 0; i < ldns_rr_list_rr_count(found); i++) {
            uint8_t data[LOCUM_DS_DIGEST_BYTES_MAX + 4];
            const ldns_rr *rr = ldns_rr_list_rr(found, i);
            size_t length = 0;
            for (size_t j = 0; j < ldns_rr_rd_count(rr); j++) {
                const size_t size = ldns_rdf_size(ldns_rr_rdf(rr, j));
                if (size <= sizeof(data) - length) {
                    memcpy(data + length, ldns_rdf_data(ldns_rr_rdf(rr, j)), size);
                    length += size;
                }
            }
            tells = locum_ds_add(ret, data, length) == 0 || tells;
        }
        for (size_t i = 0; i < ldns_rr_list_rr_count(soa); i++) { /* of the parent, not its own */
            tells = tells || ldns_dname_compare(ldns_rr_owner(ldns_rr_list_rr(soa, i)), apex) != 0;
        }
        ldns_rr_list_free(found);
        ldns_rr_list_free(soa);
    }
    ldns_rdf_deep_free(apex);
    ldns_pkt_free(packet);
    return tells;
}

/* Ask; those whose answer is truncated once more by TCP. */
static int
exchange(struct locum_doctor_question *questions, size_t count)
{
    int status = locum_doctor_exchange(questions, count);
    for (size_t i = 0; i < count && status == 0; i++) {
        if (questions[i].ret->outcome == LOCUM_DOCTOR_ANSWERED && questions[i].ret->truncated) {
            questions[i].tcp = true;
            questions[i].message->length = 0;
            status = locum_doctor_exchange(&questions[i], 1);
        }
    }
    return status;
}

/* Ask the servers of the parent one after the other, until one tells. */
static int
ask_for_ds(struct locum_doctor_zone *zone, struct locum_doctor_message *message,
           struct locum_doctor_reply *reply)
{
    int status = 0;
    for (size_t i = 0; i < zone->parent_count && status == 0 && !zone->dnssec->ds_known; i++) {
        struct locum_doctor_question question = {.to = zone->parents[i].address,
                                                 .name = zone->expected.zone,
                                                 .type = LOCUM_DOCTOR_TYPE_DS,
                                                 .dnssec = true,
                                                 .message = message,
                                                 .ret = reply};
        if (locum_doctor_reply_tells(&zone->parents[i].referral)) {
            message->length = 0;
            status = exchange(&question, 1);
            zone->dnssec->ds_known =
                locum_doctor_dnssec_read_ds(message, zone->expected.zone, &zone->dnssec->ds);
        }
    }
    return status;
}

/* Ask all servers that answer, at the same time, for one thing after the other. */
static int
ask_servers(struct locum_doctor_zone *zone, int64_t now_s,
            struct locum_doctor_message (*messages)[LOCUM_DOCTOR_SIGNED_SETS],
            struct locum_doctor_reply *replies)
{
    static const enum locum_doctor_type types[LOCUM_DOCTOR_SIGNED_SETS] = {
        [LOCUM_DOCTOR_SIGNED_KEYS] = LOCUM_DOCTOR_TYPE_DNSKEY,
        [LOCUM_DOCTOR_SIGNED_SOA] = LOCUM_DOCTOR_TYPE_SOA,
        [LOCUM_DOCTOR_SIGNED_DENIAL] = LOCUM_DOCTOR_TYPE_A,
    };
    char absent[sizeof(absent_name) + LOCUM_DOMAIN_MAX];
    int status = 0;
    (void)snprintf(absent, sizeof(absent), "%s%s", absent_name, zone->expected.zone);
    for (size_t set = 0; set < LOCUM_DOCTOR_SIGNED_SETS && status == 0; set++) {
        struct locum_doctor_question questions[LOCUM_DOCTOR_SERVERS_MAX] = {0};
        size_t count = 0;
        for (size_t i = 0; i < zone->server_count; i++) {
            if (zone->servers[i].reply[LOCUM_DOCTOR_EDNS].outcome == LOCUM_DOCTOR_ANSWERED) {
                questions[count] = (struct locum_doctor_question){
                    .to = zone->servers[i].address,
                    .name = set == LOCUM_DOCTOR_SIGNED_DENIAL ? absent : zone->expected.zone,
                    .type = types[set],
                    .dnssec = true,
                    .message = &messages[i][set],
                    .ret = &replies[count]};
                count++;
            }
        }
        if (set != LOCUM_DOCTOR_SIGNED_DENIAL || strlen(absent) <= LOCUM_DOMAIN_MAX) {
            status = exchange(questions, count);
        }
    }
    for (size_t i = 0; i < zone->server_count && status == 0; i++) {
        locum_doctor_dnssec_read(messages[i], zone->expected.zone, &zone->dnssec->ds, now_s,
                                 &zone->dnssec->servers[i]);
    }
    return status;
}

/* Follow the NSEC records of each server that has keys, from the apex. */
static int
walk_chains(struct locum_doctor_zone *zone,
            struct locum_doctor_message (*messages)[LOCUM_DOCTOR_SIGNED_SETS],
            struct locum_doctor_reply *replies)
{
    struct locum_doctor_signed *all = zone->dnssec->servers;
    char names[LOCUM_DOCTOR_SERVERS_MAX][LOCUM_DOMAIN_MAX + 1];
    size_t walking[LOCUM_DOCTOR_SERVERS_MAX];
    size_t left = 0;
    int status = 0;
    for (size_t i = 0; i < zone->server_count; i++) {
        if (all[i].has_keys) {
            (void)strcpy(names[i], zone->expected.zone);
            walking[left++] = i;
        }
    }
    for (size_t step = 0; step < LOCUM_DOCTOR_CHAIN_MAX && left > 0 && status == 0; step++) {
        struct locum_doctor_question questions[LOCUM_DOCTOR_SERVERS_MAX] = {0};
        const size_t count = left;
        for (size_t i = 0; i < count; i++) {
            messages[i][0].length = 0;
            questions[i] = (struct locum_doctor_question){.to = zone->servers[walking[i]].address,
                                                          .name = names[walking[i]],
                                                          .type = LOCUM_DOCTOR_TYPE_NSEC,
                                                          .dnssec = true,
                                                          .message = &messages[i][0],
                                                          .ret = &replies[i]};
        }
        status = exchange(questions, count);
        left = 0;
        for (size_t i = 0; i < count && status == 0; i++) {
            const size_t at = walking[i];
            char next[LOCUM_DOMAIN_MAX + 1];
            const bool read = locum_doctor_dnssec_read_nsec(&messages[i][0], names[at],
                                                            all[at].chain_digest, next);
            all[at].has_chain = read && (strcmp(next, zone->expected.zone) == 0 ||
                                         step + 1 == LOCUM_DOCTOR_CHAIN_MAX);
            if (read && !all[at].has_chain && locum_domain_within(next, zone->expected.zone)) {
                (void)strcpy(names[at], next);
                walking[left++] = at;
            }
        }
    }
    return status;
}

/* A resolver that answers SERVFAIL, but not if the client says that it validates itself (CD), does
 * not accept the signatures. */
static int
ask_resolvers(const struct locum_doctor_options *options, struct locum_doctor_zone *zone,
              struct locum_doctor_reply *replies)
{
    struct locum_doctor_dnssec *dnssec = zone->dnssec;
    struct locum_doctor_question questions[2 * LOCUM_RESOLV_MAX] = {0};
    size_t count = 0;
    for (size_t i = 0; i < 2 * options->resolver_count; i++) {
        questions[count] = (struct locum_doctor_question){.to = options->resolver[i / 2],
                                                          .name = zone->expected.zone,
                                                          .type = LOCUM_DOCTOR_TYPE_SOA,
                                                          .recursion = true,
                                                          .edns = true,
                                                          .unchecked = i % 2 != 0,
                                                          .ret = &replies[count]};
        count++;
    }
    const int status = locum_doctor_exchange(questions, count);
    for (size_t i = 0; i + 1 < count && status == 0; i += 2) {
        if (replies[i].outcome == LOCUM_DOCTOR_ANSWERED &&
            replies[i].rcode == LDNS_RCODE_SERVFAIL &&
            replies[i + 1].outcome == LOCUM_DOCTOR_ANSWERED &&
            replies[i + 1].rcode == LDNS_RCODE_NOERROR) {
            dnssec->refusing[dnssec->refusing_count++] = questions[i].to;
        }
    }
    return status;
}

int
locum_doctor_dnssec_ask(const struct locum_doctor_options *options,
                        const struct locum_config *config, size_t zone, int64_t now_s,
                        struct locum_doctor_zone *ret)
{
    const size_t room =
        ret->server_count > 2 * LOCUM_RESOLV_MAX ? ret->server_count : 2 * LOCUM_RESOLV_MAX;
    struct locum_doctor_message(*messages)[LOCUM_DOCTOR_SIGNED_SETS] =
        calloc(room, sizeof(*messages));
    struct locum_doctor_reply *replies = calloc(room, sizeof(*replies));
    int status = messages == NULL || replies == NULL ? LOCUM_ERR_MEMORY : 0;
    locum_doctor_walk_progress(options, "asking for the DS of %s", config->zones[zone].name);
    ret->dnssec = calloc(1, sizeof(*ret->dnssec));
    if (ret->dnssec == NULL) {
        status = LOCUM_ERR_MEMORY;
    }
    if (status == 0) {
        status = ask_for_ds(ret, &messages[0][0], &replies[0]);
        messages[0][0].length = 0;
    }
    if (status == 0 && config->zones[zone].dnssec.keys[0] == '\0' && ret->dnssec->ds.count == 0) {
        free(ret->dnssec);
        ret->dnssec = NULL;
    } else if (status == 0) {
        locum_doctor_walk_progress(options, "asking for the signatures of %s",
                                   config->zones[zone].name);
        status = ask_servers(ret, now_s, messages, replies);
        if (status == 0) {
            status = walk_chains(ret, messages, replies);
        }
        if (status == 0 && ret->dnssec->ds.count > 0) {
            status = ask_resolvers(options, ret, replies);
        }
    }
    free(messages);
    free(replies);
    return status;
}
