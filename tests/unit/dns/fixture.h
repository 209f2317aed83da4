/*
 * fixture: the article's site as a configuration and a plan, and small DNS tools for the tests of
 * this room: queries made by hand, replies read with ldns.
 */
#ifndef LOCUM_TESTS_DNS_FIXTURE_H
#define LOCUM_TESTS_DNS_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <ldns/ldns.h>

#include "base/error.h"
#include "base/text_format.h"
#include "dns/compile.h"
#include "dns/packet_cache.h"
#include "dns/query.h"
#include "dns/zone.h"

#define UNUSED __attribute__((unused))

enum { SITE_ZONES = 4, SITE_RECORDS = 160, SITE_RECORD_BYTES = 700 };

struct site {
    struct locum_config config;
    struct locum_plan plan;
    struct locum_config_record records[SITE_ZONES][SITE_RECORDS];
    char texts[SITE_ZONES][SITE_RECORDS][SITE_RECORD_BYTES];
};

static inline struct locum_address
address(const char *text, uint16_t port)
{
    struct locum_address ret;
    assert_int_equal(locum_address_parse(locum_slice_of(text), &ret), 0);
    ret.port = port;
    return ret;
}

static inline void
site_node(struct site *self, const char *name, const char *v4, const char *v6)
{
    struct locum_config *config = &self->config;
    const size_t i = config->core.node_count++;
    strcpy(config->core.nodes[i].name, name);
    config->nodes[i].address[config->nodes[i].address_count++] = address(v4, 0);
    if (v6 != NULL) {
        config->nodes[i].address[config->nodes[i].address_count++] = address(v6, 0);
    }
}

/* A name that answers with these nodes, in both families. */
static inline size_t
site_name(struct site *self, size_t zone, const char *name, locum_node owner, locum_nodes nodes)
{
    struct locum_config *config = &self->config;
    const size_t i = config->core.name_count++;
    strcpy(config->names[i].name, name);
    config->names[i].zone = zone;
    config->core.names[i] = (struct locum_core_name){
        .owner = owner, .policy = config->zones[zone].policy, .ttl_s = 60, .failover_ttl_s = 15};
    for (int f = 0; f < LOCUM_FAMILIES; f++) {
        self->plan.answers[i][f] =
            (struct locum_answer){.nodes = nodes, .ttl_s = 60, .reason = LOCUM_REASON_SELF};
    }
    return i;
}

static inline size_t
site_zone(struct site *self, const char *name, enum locum_policy policy)
{
    const size_t i = self->config.zone_count++;
    struct locum_config_zone *zone = &self->config.zones[i];
    strcpy(zone->name, name);
    zone->policy = policy;
    zone->ttl_s = 60;
    zone->failover_ttl_s = 15;
    strcpy(zone->soa.rname, "hostmaster.");
    strcat(zone->soa.rname, name);
    zone->soa.refresh_s = 3600;
    zone->soa.retry_s = 600;
    zone->soa.expire_s = 604800;
    zone->soa.minimum_s = 15;
    zone->at = (struct locum_position){.line = 10, .column = 5};
    return i;
}

static inline void
site_ns(struct site *self, size_t zone, const char *host)
{
    struct locum_config_zone *to = &self->config.zones[zone];
    if (to->ns_count == 0) {
        strcpy(to->soa.mname, host);
    }
    strcpy(to->ns[to->ns_count++], host);
}

static inline void
site_record(struct site *self, size_t zone, const char *text)
{
    struct locum_config_zone *to = &self->config.zones[zone];
    const size_t i = to->record_count++;
    assert_true(i < SITE_RECORDS && zone < SITE_ZONES && strlen(text) < SITE_RECORD_BYTES);
    to->records = self->records[zone];
    to->records[i].at = (struct locum_position){.line = (uint32_t)(20 + i), .column = 9};
    to->records[i].text = strcpy(self->texts[zone][i], text);
}

/* dc2, dc3 and the zone get.example.org, policy self, as dc2 sees it when all is well. */
static inline struct site *
site_new(void)
{
    struct site *self = calloc(1, sizeof(*self));
    assert_non_null(self);
    strcpy(self->config.core.version, "0.1.0");
    site_node(self, "dc2", "192.0.2.12", "2001:db8:2::12");
    site_node(self, "dc3", "192.0.2.13", NULL);
    const size_t zone = site_zone(self, "get.example.org.", LOCUM_ANSWER_SELF);
    site_ns(self, zone, "dc2.example.org.");
    site_ns(self, zone, "dc3.example.org.");
    site_name(self, zone, "get.example.org.", LOCUM_NODE_NONE, 1u << 0);
    site_name(self, zone, "dc2.get.example.org.", 0, 1u << 0);
    site_name(self, zone, "dc3.get.example.org.", 1, 1u << 1);
    return self;
}

static inline struct locum_dns_table *
site_table(const struct site *self)
{
    struct locum_dns_names *names = NULL;
    assert_int_equal(locum_dns_compile(&self->config, NULL, 0, NULL, &names), 0);
    struct locum_dns_table *table =
        locum_dns_table_make(names, &self->config, &self->plan, NULL, 1763863258);
    assert_non_null(table);
    locum_dns_names_release(names);
    return table;
}

/* How a query differs from the plainest one. */
struct ask {
    const char *name; /* dotted, no escapes */
    uint16_t type;
    uint16_t class;   /* 0: IN */
    uint8_t flags[2]; /* third and fourth byte of the header */
    bool edns;
    uint8_t version;
    bool dnssec_ok;
    uint16_t payload;
    const uint8_t *options; /* of the OPT record */
    size_t options_length;
};

static inline size_t
put_name(uint8_t *to, const char *name)
{
    size_t length = 0;
    while (*name != '\0' && strcmp(name, ".") != 0) {
        const size_t label = strcspn(name, ".");
        to[length++] = (uint8_t)label;
        memcpy(to + length, name, label);
        length += label;
        name += label + (name[label] == '.');
    }
    to[length++] = 0;
    return length;
}

static inline size_t
make_query(const struct ask *ask, uint8_t *packet)
{
    const uint8_t header[12] = {0x12,
                                0x34,
                                ask->flags[0],
                                ask->flags[1],
                                0,
                                1,
                                0,
                                0,
                                0,
                                0,
                                0,
                                (uint8_t)(ask->edns ? 1 : 0)};
    size_t length = sizeof(header);
    memcpy(packet, header, length);
    length += put_name(packet + length, ask->name);
    locum_packet_put_u16(packet + length, ask->type);
    locum_packet_put_u16(packet + length + 2, ask->class == 0 ? 1 : ask->class);
    length += 4;
    if (ask->edns) {
        const uint8_t opt[11] = {0,
                                 0,
                                 41,
                                 (uint8_t)(ask->payload >> 8),
                                 (uint8_t)ask->payload,
                                 0,
                                 ask->version,
                                 ask->dnssec_ok ? 0x80 : 0,
                                 0,
                                 (uint8_t)(ask->options_length >> 8),
                                 (uint8_t)ask->options_length};
        memcpy(packet + length, opt, sizeof(opt));
        length += sizeof(opt);
        for (size_t i = 0; i < ask->options_length; i++) {
            packet[length++] = ask->options[i];
        }
    }
    return length;
}

/* Does an empty cache, then one with the answer, change nothing of it? In place, as in udp.c. */
static inline void
answer_cached(const struct locum_dns_table *table, const struct locum_dns_query *query,
              const struct locum_dns_reply *given, const uint8_t *reply)
{
    static struct locum_packet_cache cache;
    static uint8_t packet[65535];
    struct locum_dns_query again = *query;
    locum_packet_cache_empty(&cache);
    again.packet = packet;
    again.cache = &cache;
    for (int i = 0; i < 3; i++) {
        memcpy(packet, query->packet, query->length);
        const struct locum_dns_reply same = locum_query_answer(table, &again, packet);
        assert_int_equal(same.length, given->length);
        assert_int_equal(same.rcode, given->rcode);
        assert_int_equal(same.truncated, given->truncated);
        assert_int_equal(same.question_end, given->question_end);
        assert_int_equal(same.opt_at, given->opt_at);
        assert_int_equal(same.bucket, given->bucket);
        assert_memory_equal(packet, reply, given->length);
    }
}

/* Answer a packet of 192.0.2.200 at 1559731985 (RFC 9018 A.1). */
static inline struct locum_dns_reply
answer_packet(const struct locum_dns_table *table, const uint8_t *packet, size_t length,
              uint32_t rotation, uint8_t *reply, size_t bytes_max)
{
    static const uint8_t client[] = {192, 0, 2, 200};
    const struct locum_dns_query query = {.packet = packet,
                                          .length = length,
                                          .client = {client, sizeof(client)},
                                          .wall_s = 1559731985,
                                          .rotation = rotation,
                                          .bytes_max = bytes_max};
    if (packet == reply || bytes_max != LOCUM_DNS_UDP_BYTES_MAX) {
        return locum_query_answer(table, &query, reply);
    }
    const struct locum_dns_reply given = locum_query_answer(table, &query, reply);
    answer_cached(table, &query, &given, reply);
    return given;
}

/* Read a reply with ldns; freed by the caller. */
static inline ldns_pkt *
read_reply(const uint8_t *reply, size_t length)
{
    ldns_pkt *packet = NULL;
    assert_int_equal(ldns_wire2pkt(&packet, reply, length), LDNS_STATUS_OK);
    return packet;
}

/* The sections as text: "an RR | ns RR | ar RR", in presentation format with single blanks. */
static inline void
describe(const ldns_pkt *packet, char *text, size_t size)
{
    const struct {
        const char *name;
        const ldns_rr_list *rrs;
    } sections[] = {{"an", ldns_pkt_answer(packet)},
                    {"ns", ldns_pkt_authority(packet)},
                    {"ar", ldns_pkt_additional(packet)}};
    struct locum_text out = locum_text_init(text, size);
    for (size_t s = 0; s < 3; s++) {
        for (size_t i = 0; i < ldns_rr_list_rr_count(sections[s].rrs); i++) {
            char *rr = ldns_rr2str(ldns_rr_list_rr(sections[s].rrs, i));
            rr[strcspn(rr, "\n")] = '\0';
            for (char *c = rr; *c != '\0'; c++) {
                *c = *c == '\t' ? ' ' : *c;
            }
            locum_text_add(&out, out.length > 0 ? " | " : "");
            locum_text_add(&out, sections[s].name);
            locum_text_add(&out, " ");
            locum_text_add(&out, rr);
            free(rr);
        }
    }
    assert_false(out.truncated);
}

#endif
