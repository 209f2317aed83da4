#include "dns/table.h"

#include <stdlib.h>
#include <string.h>

#include "core/nodes.h"
#include "dns/access.h"
#include "dns/challenges.h"
#include "dns/https.h"

enum {
    SOA_NUMBERS_BYTES = 20, /* serial, refresh, retry, expire, minimum: the end of the data */
    TTL_AT = 6,             /* in a record whose owner is a pointer */
};

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
    locum_dns_names_release(self->names);
    free(self->parts);
    free(self->bytes);
    free(self->signatures);
    free(self->signature_bytes);
    locum_access_destroy(self->access);
    explicit_bzero(&self->cookies, sizeof(self->cookies));
    free(self);
}

void
locum_dns_table_mailbox_put(struct locum_dns_table_mailbox *self, struct locum_dns_table *table)
{
    locum_dns_table_hold(table);
    locum_dns_table_release(atomic_exchange_explicit(&self->box, table, memory_order_acq_rel));
}

bool
locum_dns_table_mailbox_take(struct locum_dns_table_mailbox *self, struct locum_dns_table **current)
{
    /* Mostly there is no new table, and a load is cheaper than an exchange. */
    if (atomic_load_explicit(&self->box, memory_order_relaxed) == NULL) {
        return false;
    }
    struct locum_dns_table *table =
        atomic_exchange_explicit(&self->box, NULL, memory_order_acq_rel);
    if (table != NULL) {
        locum_dns_table_release(*current);
        *current = table;
    }
    return table != NULL;
}

/* The SOA of a zone twice, at `to`. Returns the bytes written. */
static size_t
put_soa(struct locum_dns_table *self, size_t zone, uint32_t serial, uint8_t *to)
{
    const struct locum_dns_zone *from = &self->names->zones[zone];
    const uint32_t ttls_s[] = {from->ttl_s, from->negative_ttl_s};
    const uint16_t length = from->soa.length;
    for (size_t i = 0; i < LOCUM_COUNT(ttls_s); i++, to += length) {
        memcpy(to, from->soa.bytes, length);
        locum_packet_put_u32(to + TTL_AT, ttls_s[i]);
        locum_packet_put_u32(to + length - SOA_NUMBERS_BYTES, serial);
        self->parts[locum_dns_table_soa(zone) + i] = from->soa;
        self->parts[locum_dns_table_soa(zone) + i].bytes = to;
    }
    return 2u * length;
}

/* Write one A or AAAA record. Returns its bytes. */
static size_t
put_address(const struct locum_address *address, uint32_t ttl_s, uint8_t *to)
{
    const bool v4 = address->family == LOCUM_V4;
    const uint16_t length = v4 ? 4 : 16;
    locum_packet_put_fixed(to, LOCUM_OWNER_NAME, v4 ? LOCUM_TYPE_A : LOCUM_TYPE_AAAA,
                           LOCUM_CLASS_IN, ttl_s, length);
    memcpy(to + LOCUM_RR_FIXED_BYTES, address->bytes, length);
    return LOCUM_RR_FIXED_BYTES + length;
}

/* The addresses of the nodes in one answer. Returns the bytes written. */
static size_t
put_addresses(struct locum_dns_table *self, const struct locum_config *config, size_t name,
              enum locum_family family, const struct locum_answer *answer, uint8_t *to)
{
    const struct locum_core_name *core = &config->core.names[name];
    const bool rotate = core->owner == LOCUM_NODE_NONE && core->policy == LOCUM_ANSWER_ALL;
    struct locum_dns_part *part = &self->parts[locum_dns_table_addresses(name, family)];
    size_t length = 0;
    size_t each = 0;
    for (size_t node = 0; node < config->core.node_count; node++) {
        const struct locum_config_node *from = &config->nodes[node];
        for (size_t i = 0; i < from->address_count; i++) {
            if (from->address[i].family == family &&
                locum_nodes_has(answer->nodes, (locum_node)node)) {
                each = put_address(&from->address[i], answer->ttl_s, to + length);
                length += each;
                part->count++;
            }
        }
    }
    part->bytes = to;
    part->length = (uint16_t)length;
    part->rotate_bytes = rotate && part->count > 1 ? (uint16_t)each : 0;
    return length;
}

/* The HTTPS record of one name. Returns the bytes written. */
static size_t
put_https(struct locum_dns_table *self, const struct locum_config *config, size_t name,
          const struct locum_answer answers[LOCUM_FAMILIES], uint8_t *to)
{
    struct locum_dns_part *part = &self->parts[locum_dns_table_https(name)];
    part->bytes = to;
    if (!locum_https_is_on(config, name)) {
        return 0;
    }
    const size_t length = locum_https_write(config, name, answers, to + LOCUM_RR_FIXED_BYTES);
    if (length == 0) {
        return 0;
    }
    locum_packet_put_fixed(to, LOCUM_OWNER_NAME, LOCUM_TYPE_HTTPS, LOCUM_CLASS_IN,
                           locum_https_ttl(answers), length);
    part->count = 1;
    part->length = (uint16_t)(LOCUM_RR_FIXED_BYTES + length);
    return part->length;
}

/* The TXT records of a name's challenges, or the placeholder. Returns the bytes written. */
static size_t
put_challenges(struct locum_dns_table *self, size_t name,
               const struct locum_challenge_answer *answer, uint8_t *to)
{
    struct locum_dns_part *part = &self->parts[locum_dns_table_challenge(name)];
    size_t length = 0;
    part->bytes = to;
    if (self->names->challenges[name] == LOCUM_DNS_NONE) {
        return 0;
    }
    part->count = answer != NULL ? (uint16_t)answer->count : 1;
    for (size_t i = 0; i < part->count; i++) {
        const char *text = answer != NULL ? answer->values[i] : LOCUM_CHALLENGE_PLACEHOLDER;
        const size_t chars = strlen(text);
        locum_packet_put_fixed(to + length, LOCUM_OWNER_NAME, LOCUM_TYPE_TXT, LOCUM_CLASS_IN,
                               LOCUM_CHALLENGE_TTL_S, 1 + chars);
        length += LOCUM_RR_FIXED_BYTES;
        to[length++] = (uint8_t)chars;
        memcpy(to + length, text, chars);
        length += chars;
    }
    part->length = (uint16_t)length;
    return length;
}

/* An upper limit of the bytes of all parts. */
static size_t
bytes_needed(const struct locum_dns_names *names, const struct locum_config *config,
             const struct locum_challenge_answers *answers)
{
    size_t addresses = 0;
    for (size_t node = 0; node < config->core.node_count; node++) {
        addresses += config->nodes[node].address_count;
    }
    const size_t https = LOCUM_RR_FIXED_BYTES + locum_https_bytes_max(config);
    size_t bytes = names->plan_name_count * (addresses * (LOCUM_RR_FIXED_BYTES + 16u) + https);
    for (size_t i = 0; i < names->zone_count; i++) {
        bytes += 2u * names->zones[i].soa.length;
    }
    bytes +=
        names->plan_name_count * (LOCUM_RR_FIXED_BYTES + 1 + sizeof(LOCUM_CHALLENGE_PLACEHOLDER));
    bytes += answers != NULL
                 ? answers->count * sizeof(answers->at[0].values) +
                       answers->count * LOCUM_CHALLENGE_VALUES_MAX * (LOCUM_RR_FIXED_BYTES + 1u)
                 : 0;
    return bytes;
}

struct locum_dns_table *
locum_dns_table_make(struct locum_dns_names *names, const struct locum_config *config,
                     const struct locum_plan *plan, const struct locum_challenge_answers *answers,
                     uint32_t serial)
{
    struct locum_dns_table *self = calloc(1, sizeof(*self));
    if (self == NULL) {
        return NULL;
    }
    atomic_init(&self->references, 1);
    self->names = names;
    locum_dns_names_hold(names);
    self->parts =
        calloc(locum_dns_table_addresses(names->plan_name_count, 0), sizeof(*self->parts));
    self->bytes = malloc(bytes_needed(names, config, answers) + 1);
    if (self->parts == NULL || self->bytes == NULL) {
        locum_dns_table_release(self);
        return NULL;
    }
    uint8_t *to = self->bytes;
    for (size_t i = 0; i < names->zone_count; i++) {
        to += put_soa(self, i, serial, to);
    }
    for (size_t i = 0; i < names->plan_name_count; i++) {
        for (int f = 0; f < LOCUM_FAMILIES; f++) {
            const enum locum_family family = (enum locum_family)f;
            to += put_addresses(self, config, i, family, &plan->answers[i][f], to);
        }
        to += put_https(self, config, i, plan->answers[i], to);
        to += put_challenges(self, i, locum_challenges_answer(answers, i), to);
    }
    return self;
}
