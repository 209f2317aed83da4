#include "dns/query.h"

#include <string.h>

enum {
    OPT_BYTES = 11,
    QR = 0x80,
    OPCODE_RD = 0x79, /* copied from the query */
    AA = 0x04,
    TC = 0x02,
    DO = 0x80,
};

/* A reply under construction. */
struct answer {
    uint8_t *at;
    size_t length, bytes_max;
    const struct locum_question *question; /* NULL: header only */
    uint16_t rcode;
    bool truncated;
};

/* The header, all counts 0; `question` NULL: nothing of the body is understood, so none comes. */
static void
begin(struct answer *self, const uint8_t *packet, const struct locum_question *question)
{
    self->question = question;
    self->length = question == NULL ? (size_t)LOCUM_DNS_HEADER_BYTES : question->end;
    memcpy(self->at, packet, self->length);
    self->at[2] = (uint8_t)(QR | (packet[2] & OPCODE_RD));
    memset(self->at + 3, 0, LOCUM_DNS_HEADER_BYTES - 3);
    self->at[5] = question != NULL;
}

/* Close the reply with rcode and OPT. */
static struct locum_reply
end(struct answer *self)
{
    self->at[3] = (uint8_t)(self->rcode & 0x0f);
    if (self->question != NULL && self->question->edns) {
        const uint8_t opt[OPT_BYTES] = {
            0,
            LOCUM_TYPE_OPT >> 8,
            LOCUM_TYPE_OPT,
            LOCUM_DNS_UDP_BYTES_MAX >> 8,
            LOCUM_DNS_UDP_BYTES_MAX & 0xff,
            (uint8_t)(self->rcode >> 4),
            0,
            self->question->dnssec_ok ? DO : 0,
        };
        memcpy(self->at + self->length, opt, sizeof(opt));
        self->length += sizeof(opt);
        locum_put_u16(self->at + 10, (uint16_t)(locum_get_u16(self->at + 10) + 1));
    }
    return (struct locum_reply){
        .length = self->length, .rcode = self->rcode, .truncated = self->truncated};
}

static struct locum_reply
refuse(struct answer *self, uint16_t rcode)
{
    self->rcode = rcode;
    return end(self);
}

/* How long this reply may be, the OPT not counted. */
static size_t
room(const struct answer *self)
{
    const struct locum_question *question = self->question;
    size_t bytes = self->bytes_max;
    if (bytes == LOCUM_DNS_UDP_BYTES_MAX && question->payload < bytes) {
        /* Also where no OPT came; sizes under 512 mean 512 (RFC 6891 6.2.3). */
        bytes = question->payload < LOCUM_DNS_PLAIN_BYTES_MAX ? LOCUM_DNS_PLAIN_BYTES_MAX
                                                              : question->payload;
    }
    return question->edns ? bytes - OPT_BYTES : bytes;
}

/*
 * Which of `count` records comes first: turns that are multiples of the golden ratio fall evenly on
 * all of them also for who has only every second turn, as a client that asks for A, then AAAA.
 */
static size_t
first_of(uint32_t turn, size_t count)
{
    return (size_t)((uint64_t)(turn * 0x9e3779b1u) * count >> 32);
}

/* Copy the body; records that may come in any order start with another one in each turn. */
static void
copy_body(const struct locum_table *table, const struct locum_wire *wire, size_t length,
          uint32_t turn, uint8_t *to)
{
    const uint8_t *body = table->bytes + wire->at;
    memcpy(to, body, length);
    if (wire->rotate_count > 1) {
        const size_t skip = (size_t)wire->rotate_bytes * first_of(turn, wire->rotate_count);
        const size_t rest = (size_t)wire->rotate_bytes * wire->rotate_count - skip;
        memcpy(to + wire->rotate_at, body + wire->rotate_at + skip, rest);
        memcpy(to + wire->rotate_at + rest, body + wire->rotate_at, skip);
    }
}

/* The compiled answer behind the question, as much of it as fits. */
static struct locum_reply
serve(struct answer *self, const struct locum_table *table, const struct locum_wire *wire,
      size_t apex_length, uint32_t turn)
{
    const size_t left = room(self) - self->length;
    self->at[2] |= AA;
    self->rcode = wire->rcode;
    if (wire->length > left) {
        self->at[2] |= TC;
        self->truncated = true;
        return end(self);
    }
    const bool whole = (size_t)wire->length + wire->extra_length <= left;
    const size_t length = wire->length + (whole ? (size_t)wire->extra_length : 0);
    uint8_t *body = self->at + self->length;
    copy_body(table, wire, length, turn, body);
    if (wire->apex_at != LOCUM_WIRE_NO_APEX) {
        const size_t apex = LOCUM_DNS_HEADER_BYTES + self->question->name_length - apex_length;
        locum_put_u16(body + wire->apex_at, (uint16_t)(0xc000 | apex));
    }
    locum_put_u16(self->at + 6, wire->answer_count);
    locum_put_u16(self->at + 8, wire->authority_count);
    locum_put_u16(self->at + 10, whole ? wire->extra_count : 0);
    self->length += length;
    return end(self);
}

/* The names of class CH that say who answers (RFC 4892), as wire forms; NULL for all others. */
static const struct locum_wire *
find_chaos(const struct locum_table *table, const struct locum_question *question)
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
        if (question->name_length == names[i].length &&
            memcmp(question->name, names[i].name, names[i].length) == 0) {
            return &table->wires[names[i].version ? table->chaos_version : table->chaos_host];
        }
    }
    return NULL;
}

static struct locum_reply
answer_question(struct answer *self, const struct locum_table *table, uint32_t turn)
{
    struct locum_found found = {0};
    if (self->question->class == LOCUM_CLASS_IN) {
        found = locum_table_find(table, self->question);
    } else if (self->question->class == LOCUM_CLASS_CH) {
        found.wire = find_chaos(table, self->question);
    }
    if (found.wire == NULL) {
        return refuse(self, LOCUM_RCODE_REFUSED);
    }
    return serve(self, table, found.wire, found.zone == NULL ? 0 : found.zone->length, turn);
}

struct locum_reply
locum_query_answer(const struct locum_table *table, const uint8_t *packet, size_t length,
                   uint32_t turn, uint8_t *reply, size_t bytes_max)
{
    struct locum_question question;
    struct answer answer = {.at = reply, .bytes_max = bytes_max};
    const enum locum_parsed parsed = locum_parse(packet, length, &question);
    const bool understood = parsed == LOCUM_PARSED_QUESTION || parsed == LOCUM_PARSED_TRANSFER ||
                            parsed == LOCUM_PARSED_BADVERS;
    if (parsed == LOCUM_PARSED_SILENCE) {
        return (struct locum_reply){0};
    }
    begin(&answer, packet, understood ? &question : NULL);
    /* clang-format off */
    switch (parsed) {
    case LOCUM_PARSED_FORMERR:  return refuse(&answer, LOCUM_RCODE_FORMERR);
    case LOCUM_PARSED_NOTIMP:   return refuse(&answer, LOCUM_RCODE_NOTIMP);
    case LOCUM_PARSED_TRANSFER: return refuse(&answer, LOCUM_RCODE_REFUSED);
    case LOCUM_PARSED_BADVERS:  return refuse(&answer, LOCUM_RCODE_BADVERS);
    default:                    return answer_question(&answer, table, turn);
    }
    /* clang-format on */
}

/* Only the worker writes, so a load and a store do; no locked instruction. */
static void
bump(_Atomic uint64_t *counter)
{
    const uint64_t value = atomic_load_explicit(counter, memory_order_relaxed);
    atomic_store_explicit(counter, value + 1, memory_order_relaxed);
}

void
locum_tally_reply(struct locum_tally *self, struct locum_reply reply)
{
    if (reply.length == 0) {
        bump(&self->dropped);
        return;
    }
    bump(&self->queries);
    bump(&self->answers_by_rcode[reply.rcode]);
    if (reply.truncated) {
        bump(&self->truncated);
    }
}

static uint64_t
read_counter(const _Atomic uint64_t *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

void
locum_tally_sum(const struct locum_tally *self, struct locum_dns_tallied *ret)
{
    ret->queries += read_counter(&self->queries);
    for (size_t i = 0; i < LOCUM_DNS_RCODES; i++) {
        ret->answers_by_rcode[i] += read_counter(&self->answers_by_rcode[i]);
    }
    ret->truncated += read_counter(&self->truncated);
    ret->dropped += read_counter(&self->dropped);
}
