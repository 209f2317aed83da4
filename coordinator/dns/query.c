#include "dns/query.h"

#include <string.h>

#include "dns/answer.h"
#include "dns/packet_cache.h"

enum {
    QR = 0x80,
    OPCODE_RD = 0x79, /* copied from the query */
    AA = 0x04,
    TC = 0x02,
    IDLE_UNIT_MS = 100, /* RFC 7828 3.1 */
};

/* A reply under construction. */
struct reply_draft {
    uint8_t *at;
    size_t length;
    const struct locum_dns_query *query;
    struct locum_question *question;
    struct locum_edns_reply edns;
    uint8_t cookie[LOCUM_COOKIE_BYTES];
    struct locum_tsig *tsig; /* NULL: the query is not signed */
    bool proved;             /* by cookie: the client has the address that the query comes from */
    bool truncated;
    uint64_t bucket; /* of the limiter */
    enum locum_dns_signed_as signed_as;
    bool wanted; /* by the cache */
};

static bool
is_tcp(const struct locum_dns_query *query)
{
    return query->bytes_max == LOCUM_DNS_TCP_BYTES_MAX;
}

/* What the OPT record will say, except the rcode, so that its length is known before the answer. */
static void
begin_edns(struct reply_draft *self, const struct locum_dns_table *table)
{
    const struct locum_edns *asked = &self->question->edns;
    self->edns.dnssec_ok = asked->dnssec_ok;
    self->edns.error = LOCUM_EDNS_NO_ERROR;
    if (asked->nsid) {
        self->edns.nsid = table->names->nsid;
        self->edns.nsid_length = table->names->nsid_length;
    }
    if (asked->keepalive == LOCUM_EDNS_KEEPALIVE_ASKED && is_tcp(self->query)) {
        self->edns.keepalive = true;
        self->edns.idle_100ms = (uint16_t)(self->query->idle_ms / IDLE_UNIT_MS);
    }
    if (asked->cookie_length > 0 && table->cookies.count > 0) {
        self->proved = locum_cookie_check(&table->cookies, &self->query->client, asked,
                                          self->query->wall_s, self->cookie);
        self->edns.cookie = self->cookie;
    }
}

/* Finish the reply with its rcode, OPT record and signature. */
static struct locum_dns_reply
end(struct reply_draft *self, uint16_t rcode)
{
    struct locum_dns_reply given = {.rcode = rcode,
                                    .truncated = self->truncated,
                                    .bucket = self->bucket,
                                    .signed_as = self->signed_as,
                                    .question_end = (uint16_t)self->question->end,
                                    .opt_at = (uint16_t)self->length};
    self->at[3] = (uint8_t)(rcode & 0x0f);
    if (self->question->edns.present) {
        self->edns.rcode = rcode;
        self->length +=
            locum_edns_write(&self->edns, LOCUM_DNS_UDP_BYTES_MAX, self->at + self->length);
        locum_packet_put_u16(self->at + 10, (uint16_t)(locum_packet_u16(self->at + 10) + 1));
    }
    if (self->tsig != NULL) {
        self->length = locum_tsig_sign(self->tsig, self->at, self->length, self->query->wall_s);
    }
    given.length = self->length;
    given.opt_at = self->question->edns.present ? given.opt_at : (uint16_t)given.length;
    return given;
}

_Static_assert(LOCUM_DNS_HEADER_BYTES + LOCUM_DNS_NAME_MAX + 4 + LOCUM_EDNS_BYTES_MAX +
                       LOCUM_TSIG_BYTES_MAX <=
                   LOCUM_DNS_PLAIN_BYTES_MAX,
               "a truncated answer can be signed");

/* The greatest length of this reply without its OPT record and its signature. */
static size_t
room(const struct reply_draft *self)
{
    const struct locum_edns *edns = &self->question->edns;
    size_t bytes = self->query->bytes_max;
    if (!is_tcp(self->query) && edns->payload < bytes) {
        /* `payload` is 0 without EDNS; values below 512 mean 512 (RFC 6891 6.2.3). */
        bytes =
            edns->payload < LOCUM_DNS_PLAIN_BYTES_MAX ? LOCUM_DNS_PLAIN_BYTES_MAX : edns->payload;
    }
    bytes -= self->tsig != NULL ? locum_tsig_length(self->tsig) : 0;
    return edns->present ? bytes - locum_edns_length(&self->edns) : bytes;
}

/* Finish an answer with what was put together. */
static struct locum_dns_reply
serve(struct reply_draft *self, const struct locum_answer_draft *answer)
{
    self->at[2] |= (uint8_t)((answer->authoritative ? AA : 0) | (answer->truncated ? TC : 0));
    for (size_t i = 0; i < LOCUM_COUNT(answer->counts); i++) {
        locum_packet_put_u16(self->at + 6 + 2 * i, answer->counts[i]);
    }
    self->length = answer->length;
    self->truncated = answer->truncated;
    return end(self, answer->rcode);
}

/* The answer to the names of class CH that identify the server (RFC 4892); NULL for others. */
static const struct locum_dns_part *
find_chaos(const struct locum_dns_table *table, const struct locum_question *question)
{
    static const struct {
        const char *name;
        size_t length;
        bool version;
    } names[] = {
        {"\7version\4bind", 14, true},
        {"\7version\6server", 16, true},
        {"\10hostname\4bind", 15, false},
        {"\2id\6server", 11, false},
    };
    if (question->type != LOCUM_TYPE_TXT && question->type != LOCUM_TYPE_ANY) {
        return NULL;
    }
    for (size_t i = 0; i < LOCUM_COUNT(names); i++) {
        if (question->name.length == names[i].length &&
            memcmp(question->name.bytes, names[i].name, names[i].length) == 0) {
            return names[i].version ? &table->names->version : &table->names->host;
        }
    }
    return NULL;
}

/* The bucket of a reply; 0: it is not limited. */
static uint64_t
bucket_of(const struct locum_dns_table *table, const struct locum_dns_query *query, bool proved,
          enum locum_limit_kind kind, uint32_t owner)
{
    return query->limiter == NULL || proved
               ? 0
               : locum_limit_bucket(query->limiter, &table->limit, &query->client, kind, owner);
}

/* What the reply is for the limiter. */
static void
classify(struct reply_draft *self, const struct locum_dns_table *table, enum locum_limit_kind kind,
         uint32_t owner)
{
    self->bucket = bucket_of(table, self->query, self->proved, kind, owner);
}

static struct locum_dns_reply
end_error(struct reply_draft *self, const struct locum_dns_table *table, uint16_t rcode,
          enum locum_edns_error error)
{
    classify(self, table, LOCUM_LIMIT_ERROR, 0);
    self->edns.error = error;
    return end(self, rcode);
}

/* Class CH: one record, or none. */
static bool
compose_chaos(struct locum_answer_draft *answer)
{
    const struct locum_dns_part *part = find_chaos(answer->table, answer->question);
    if (part == NULL) {
        return false;
    }
    answer->authoritative = true;
    answer->owner = LOCUM_DNS_NONE;
    answer->truncated = part->length > answer->length_max - answer->length;
    if (!answer->truncated) {
        memcpy(answer->message + answer->length, part->bytes, part->length);
        answer->length += part->length;
        answer->counts[LOCUM_SECTION_ANSWER] = part->count;
    }
    return true;
}

/* Add an answer to the cache, unless it depends on more than the key. */
static void
add_to_cache(const struct reply_draft *self, const struct locum_answer_draft *answer,
             const struct locum_dns_reply *given)
{
    const struct locum_dns_query *query = self->query;
    const struct locum_edns *asked = &self->question->edns;
    const size_t cookie_length = query->cache->wanted.cookie_length;
    if (answer->uncacheable || self->tsig != NULL || asked->cookie_length != cookie_length ||
        (cookie_length > 0 && asked->cookie != query->packet + query->length - cookie_length)) {
        return;
    }
    const struct locum_rotation *rotated =
        answer->truncated ? &(struct locum_rotation){0} : &answer->rotated;
    struct locum_cached *entry =
        locum_packet_cache_add(query->cache, given, self->at, rotated,
                               locum_answer_first(query->rotation, rotated->count));
    if (entry != NULL) {
        entry->kind = answer->kind;
        entry->owner = answer->owner;
        entry->cookie_at = self->edns.cookie == NULL
                               ? 0
                               : (uint16_t)(given->opt_at + LOCUM_EDNS_FIXED_BYTES +
                                            LOCUM_EDNS_OPTION_BYTES); /* it is the first option */
    }
}

static struct locum_dns_reply
answer_question(struct reply_draft *self, const struct locum_dns_table *table)
{
    struct locum_answer_draft answer = {.table = table,
                                        .question = self->question,
                                        .message = self->at,
                                        .length = self->length,
                                        .length_max = room(self),
                                        .rotation = self->query->rotation};
    const uint16_t class = self->question->class;
    if (class == LOCUM_CLASS_IN   ? !locum_answer_compose(&answer)
        : class == LOCUM_CLASS_CH ? !compose_chaos(&answer)
                                  : true) {
        return end_error(self, table, LOCUM_RCODE_REFUSED, LOCUM_EDNS_NOT_AUTHORITATIVE);
    }
    if (answer.unready) {
        return end_error(self, table, LOCUM_RCODE_SERVFAIL, LOCUM_EDNS_NOT_READY);
    }
    classify(self, table, answer.kind, answer.owner);
    const struct locum_dns_reply given = serve(self, &answer);
    if (self->wanted) {
        add_to_cache(self, &answer, &given);
    }
    return given;
}

/* What is needed to send the zone. */
static void
put_outgoing(const struct reply_draft *self, size_t zone)
{
    struct locum_dns_outgoing *to = self->query->outgoing;
    *to = (struct locum_dns_outgoing){.zone = zone, .type = self->question->type};
    memcpy(to->header, self->at, sizeof(to->header));
    to->header[2] |= AA;
    to->question_length = self->length - LOCUM_DNS_HEADER_BYTES;
    memcpy(to->question, self->at + LOCUM_DNS_HEADER_BYTES, to->question_length);
    if (self->question->edns.present) {
        to->opt_length = locum_edns_write(&self->edns, LOCUM_DNS_UDP_BYTES_MAX, to->opt);
    }
    if (self->tsig != NULL) {
        to->tsig = *self->tsig;
    }
}

/* The zone whose apex is asked for; LOCUM_ZONES_MAX: none. */
static size_t
find_zone(const struct locum_dns_names *names, const struct locum_question *question)
{
    const struct locum_dns_match match = locum_dns_names_find(names, &question->name);
    if (question->class != LOCUM_CLASS_IN || match.kind != LOCUM_MATCH_EXACT ||
        match.name != &names->names[names->zones[match.name->zone].apex]) {
        return LOCUM_ZONES_MAX;
    }
    return match.name->zone;
}

/* Does the client have this version, or one that it takes for a newer one (RFC 1982 3.2)? */
static bool
has_version(const struct locum_question *question, uint32_t serial)
{
    return question->has_serial && (int32_t)(serial - question->serial) <= 0;
}

/*
 * AXFR (RFC 5936) and IXFR (RFC 1995). Differences are not kept: IXFR is answered with the whole
 * zone, or with its SOA record alone if the client has this version or asks over UDP (RFC 1995 2).
 */
static struct locum_dns_reply
answer_transfer(struct reply_draft *self, const struct locum_dns_table *table)
{
    struct locum_question *question = self->question;
    const struct locum_dns_query *query = self->query;
    const struct locum_tsig_key *key = self->tsig != NULL ? self->tsig->key : NULL;
    const size_t zone = find_zone(table->names, question);
    if (zone == LOCUM_ZONES_MAX) {
        return end_error(self, table, LOCUM_RCODE_NOTAUTH, LOCUM_EDNS_NOT_AUTHORITATIVE);
    }
    if (query->outgoing != NULL) {
        query->outgoing->zone = zone; /* also if it is refused */
    }
    const bool by_soa = question->type == LOCUM_TYPE_IXFR &&
                        (query->outgoing == NULL || has_version(question, table->serial));
    if (table->access == NULL || !locum_access_allows(table->access, zone, &query->client, key) ||
        (query->outgoing == NULL && !by_soa)) {
        struct locum_dns_reply reply =
            end_error(self, table, LOCUM_RCODE_REFUSED, LOCUM_EDNS_NO_ERROR);
        reply.transfer = LOCUM_DNS_TRANSFER_REFUSED;
        return reply;
    }
    if (by_soa) {
        question->type = LOCUM_TYPE_SOA;
        return answer_question(self, table);
    }
    put_outgoing(self, zone);
    return (struct locum_dns_reply){.transfer = LOCUM_DNS_TRANSFER_BEGIN,
                                    .signed_as = self->signed_as};
}

/* What a TSIG record of a query needs, beside its packet. */
struct signing {
    struct locum_tsig tsig;
    struct locum_tsig_record record;
};

/* The answer to an unknown key sends its names back, which may be longer than those of any key.
 * Over UDP it fits into 512 bytes, or has no TSIG record. */
static bool
has_room(const struct reply_draft *self, const struct locum_tsig *tsig)
{
    const size_t opt = self->question->edns.present ? LOCUM_EDNS_BYTES_MAX : 0;
    return is_tcp(self->query) ||
           self->question->end + opt + locum_tsig_length(tsig) <= LOCUM_DNS_PLAIN_BYTES_MAX;
}

/* Check the TSIG record of a query (RFC 8945 5.2). Its rcode. */
static enum locum_dns_rcode
verify(struct reply_draft *self, const struct locum_access *access, enum locum_parsed parsed,
       struct signing *signing)
{
    const struct locum_dns_query *query = self->query;
    if (!locum_tsig_parse(query->packet, query->length, self->question->signed_at,
                          &signing->record)) {
        return LOCUM_RCODE_FORMERR;
    }
    const enum locum_dns_rcode rcode =
        locum_access_verify(access, parsed == LOCUM_PARSED_UPDATE, &signing->tsig, query->packet,
                            &signing->record, query->wall_s);
    if (rcode == LOCUM_RCODE_FORMERR || !has_room(self, &signing->tsig)) {
        return LOCUM_RCODE_FORMERR;
    }
    self->tsig = &signing->tsig;
    switch (signing->tsig.error) {
    case LOCUM_TSIG_GOOD:
        /* Not `proved`: who has seen the query can send it again from any address. */
        self->signed_as = LOCUM_DNS_VERIFIED;
        break;
    case LOCUM_TSIG_BADKEY: self->signed_as = LOCUM_DNS_BADKEY; break;
    case LOCUM_TSIG_BADSIG: self->signed_as = LOCUM_DNS_BADSIG; break;
    case LOCUM_TSIG_BADTIME: self->signed_as = LOCUM_DNS_BADTIME; break;
    case LOCUM_TSIG_BADTRUNC: self->signed_as = LOCUM_DNS_BADTRUNC; break;
    }
    return rcode;
}

/* The signature of an UPDATE is accepted. It is limited, because who has seen it can repeat it; by
 * its key, so that what others send from the same network does not silence it. */
static struct locum_dns_reply
pass_update(struct reply_draft *self, const struct locum_dns_table *table)
{
    const ptrdiff_t key = self->tsig->key - table->access->update_keys.key;
    classify(self, table, LOCUM_LIMIT_UPDATE, (uint32_t)key);
    self->query->update->tsig = *self->tsig;
    self->query->update->signed_at = self->question->signed_at;
    return (struct locum_dns_reply){
        .update = true, .signed_as = self->signed_as, .bucket = self->bucket};
}

/* Copy the header, and the question if there is one; they may be there already. */
static void
begin(struct reply_draft *self)
{
    const uint8_t *packet = self->query->packet;
    self->length = self->question->end;
    if (self->at != packet) {
        memcpy(self->at, packet, self->length);
    }
    self->at[2] = (uint8_t)(QR | (packet[2] & OPCODE_RD));
    memset(self->at + 3, 0, LOCUM_DNS_HEADER_BYTES - 3);
    self->at[5] = self->length > LOCUM_DNS_HEADER_BYTES;
}

/* locum_packet_parse(), and what is legal depends on the transport and the configuration. */
static enum locum_parsed
parse(const struct locum_dns_table *table, const struct locum_dns_query *query,
      struct locum_question *ret)
{
    const enum locum_parsed parsed = locum_packet_parse(query->packet, query->length, ret);
    if (parsed == LOCUM_PARSED_UPDATE &&
        (query->update == NULL || table->access == NULL || !table->access->takes_updates)) {
        return LOCUM_PARSED_NOTIMP;
    }
    if ((parsed == LOCUM_PARSED_QUESTION || parsed == LOCUM_PARSED_COOKIE) && is_tcp(query) &&
        ret->edns.keepalive == LOCUM_EDNS_KEEPALIVE_ILLEGAL) {
        ret->end = LOCUM_DNS_HEADER_BYTES;
        return LOCUM_PARSED_FORMERR;
    }
    return parsed;
}

/* Answer with an entry of the cache. */
static struct locum_dns_reply
repeat(const struct locum_dns_table *table, const struct locum_dns_query *query,
       const struct locum_cached *entry, uint8_t *reply)
{
    struct locum_dns_reply given = entry->reply;
    uint8_t cookie[LOCUM_COOKIE_BYTES];
    bool proved = false;
    if (entry->cookie_at > 0) {
        const struct locum_edns asked = {.cookie_length = entry->key.cookie_length,
                                         .cookie = query->packet + query->length -
                                                   entry->key.cookie_length};
        proved = locum_cookie_check(&table->cookies, &query->client, &asked, query->wall_s, cookie);
    }
    if (reply != query->packet) {
        memcpy(reply, query->packet, given.question_end);
    }
    locum_packet_cache_write(entry, query->rotation, reply);
    if (entry->cookie_at > 0) {
        memcpy(reply + entry->cookie_at, cookie, sizeof(cookie));
    }
    given.bucket = bucket_of(table, query, proved, entry->kind, entry->owner);
    return given;
}

struct locum_dns_reply
locum_query_compose(const struct locum_dns_table *table, const struct locum_dns_query *query,
                    uint8_t *reply)
{
    bool wanted = false;
    if (query->cache != NULL) {
        const struct locum_cached *entry =
            locum_packet_cache_find(query->cache, query->packet, query->length, &wanted);
        if (entry != NULL) {
            return repeat(table, query, entry, reply);
        }
    }
    static const uint16_t rcodes[] = {
        [LOCUM_PARSED_COOKIE] = LOCUM_RCODE_NOERROR, [LOCUM_PARSED_FORMERR] = LOCUM_RCODE_FORMERR,
        [LOCUM_PARSED_NOTIMP] = LOCUM_RCODE_NOTIMP,  [LOCUM_PARSED_BADVERS] = LOCUM_RCODE_BADVERS,
        [LOCUM_PARSED_UPDATE] = LOCUM_RCODE_REFUSED,
    };
    struct locum_question question;
    struct signing signing;
    enum locum_dns_rcode refused = LOCUM_RCODE_NOERROR;
    const enum locum_parsed parsed = parse(table, query, &question);
    if (parsed == LOCUM_PARSED_SILENCE) {
        return (struct locum_dns_reply){0};
    }
    struct reply_draft draft = {
        .at = reply, .query = query, .question = &question, .wanted = wanted};
    if (question.signed_at > 0) { /* while the packet is whole */
        refused = verify(&draft, table->access, parsed, &signing);
        if (parsed == LOCUM_PARSED_UPDATE && refused == LOCUM_RCODE_NOERROR) {
            return pass_update(&draft, table);
        }
    }
    begin(&draft);
    begin_edns(&draft, table);
    if (refused != LOCUM_RCODE_NOERROR) {
        return end_error(&draft, table, (uint16_t)refused, LOCUM_EDNS_NO_ERROR);
    }
    if (parsed == LOCUM_PARSED_TRANSFER) {
        return answer_transfer(&draft, table);
    }
    if (parsed == LOCUM_PARSED_QUESTION) {
        return answer_question(&draft, table);
    }
    return end_error(&draft, table, rcodes[parsed],
                     parsed == LOCUM_PARSED_NOTIMP ? LOCUM_EDNS_NOT_SUPPORTED
                                                   : LOCUM_EDNS_NO_ERROR);
}

/* Replace an answer over the limit by a short one, which is made of it. */
static void
shorten(uint8_t *reply, struct locum_dns_reply *given)
{
    const uint8_t *opt = reply + given->opt_at;
    const bool has_opt = given->opt_at < given->length;
    given->truncated = false;
    if (has_opt && locum_edns_has_cookie(opt)) {
        given->rcode = LOCUM_RCODE_BADCOOKIE;
        reply[2] &= (uint8_t) ~(AA | TC);
    } else if (given->rcode == LOCUM_RCODE_NOERROR || given->rcode == LOCUM_RCODE_NXDOMAIN ||
               given->rcode == LOCUM_RCODE_YXDOMAIN) {
        given->rcode = LOCUM_RCODE_NOERROR;
        given->truncated = true;
        reply[2] |= TC;
    }
    memset(reply + 6, 0, LOCUM_DNS_HEADER_BYTES - 6);
    reply[3] = (uint8_t)(given->rcode & 0x0f);
    reply[11] = has_opt;
    given->length = given->question_end;
    if (has_opt) {
        given->length += locum_edns_shorten(opt, given->rcode, reply + given->question_end);
    }
}

void
locum_query_limit(const struct locum_dns_table *table, const struct locum_dns_query *query,
                  uint8_t *reply, struct locum_dns_reply *given)
{
    if (given->bucket == 0) {
        return;
    }
    given->verdict = locum_limit_take(query->limiter, &table->limit, &query->client, given->bucket);
    if (given->verdict == LOCUM_LIMIT_SLIP && given->update) {
        given->verdict = LOCUM_LIMIT_DROP; /* it would not come back by TCP */
    }
    if (given->verdict == LOCUM_LIMIT_DROP) {
        *given =
            (struct locum_dns_reply){.verdict = LOCUM_LIMIT_DROP, .signed_as = given->signed_as};
    } else if (given->verdict == LOCUM_LIMIT_SLIP) {
        shorten(reply, given);
    }
}

struct locum_dns_reply
locum_query_answer(const struct locum_dns_table *table, const struct locum_dns_query *query,
                   uint8_t *reply)
{
    struct locum_dns_reply given = locum_query_compose(table, query, reply);
    locum_query_limit(table, query, reply, &given);
    return given;
}

/* Only the worker writes, so a load and a store suffice: no locked instruction. */
static void
bump(_Atomic uint64_t *counter)
{
    const uint64_t value = atomic_load_explicit(counter, memory_order_relaxed);
    atomic_store_explicit(counter, value + 1, memory_order_relaxed);
}

void
locum_query_count(struct locum_dns_tally *self, const struct locum_dns_reply *reply)
{
    if (reply->signed_as != LOCUM_DNS_UNSIGNED) {
        bump(&self->signed_as[reply->signed_as]);
    }
    if (reply->transfer == LOCUM_DNS_TRANSFER_REFUSED) {
        bump(&self->transfers_refused);
    }
    if (reply->transfer == LOCUM_DNS_TRANSFER_BEGIN || reply->update) {
        return; /* counted when the first message is sent; updates by the main thread */
    }
    if (reply->length == 0) {
        bump(reply->verdict == LOCUM_LIMIT_DROP ? &self->limited_dropped : &self->dropped);
        return;
    }
    if (reply->verdict == LOCUM_LIMIT_SLIP) {
        bump(reply->rcode == LOCUM_RCODE_BADCOOKIE ? &self->limited_badcookie
                                                   : &self->limited_short);
    }
    bump(&self->queries);
    bump(&self->answers_by_rcode[reply->rcode]);
    if (reply->truncated) {
        bump(&self->truncated);
    }
}

void
locum_query_count_failed(struct locum_dns_tally *self)
{
    bump(&self->transfers_failed);
}

void
locum_query_sum(const struct locum_dns_tally *self, struct locum_dns_tallied *ret)
{
    ret->queries += self->queries;
    for (size_t i = 0; i < LOCUM_DNS_RCODES; i++) {
        ret->answers_by_rcode[i] += self->answers_by_rcode[i];
    }
    ret->truncated += self->truncated;
    ret->dropped += self->dropped;
    ret->limited_short += self->limited_short;
    ret->limited_badcookie += self->limited_badcookie;
    ret->limited_dropped += self->limited_dropped;
    for (size_t i = 0; i < LOCUM_DNS_SIGNED_AS; i++) {
        ret->signed_as[i] += self->signed_as[i];
    }
    ret->transfers_refused += self->transfers_refused;
    ret->transfers_failed += self->transfers_failed;
}
