/*
 * fixture: the facts of a healthy site: get.example.org with the name servers dc2.example.org and
 * ns3.get.example.org, one server of the parent, a daemon that hears all nodes.
 */
#ifndef LOCUM_TESTS_DOCTOR_FIXTURE_H
#define LOCUM_TESTS_DOCTOR_FIXTURE_H

#include "../dns/fixture.h"

#include "doctor/doctor.h"
#include "doctor/judge.h"

enum { NOW_S = 1796000000 };

struct bench {
    struct site *site;
    struct locum_doctor_facts facts;
    struct locum_doctor_findings found;
};

static inline struct locum_doctor_record *
add(struct locum_doctor_reply *reply, enum locum_doctor_section section, const char *owner,
    enum locum_doctor_type type)
{
    struct locum_doctor_record *record = &reply->record[reply->record_count++];
    *record = (struct locum_doctor_record){.section = section, .type = type, .ttl_s = 3600};
    strcpy(record->owner, owner);
    reply->outcome = LOCUM_DOCTOR_ANSWERED;
    return record;
}

static inline void
add_ns(struct locum_doctor_reply *reply, enum locum_doctor_section section, const char *server)
{
    strcpy(add(reply, section, "get.example.org.", LOCUM_DOCTOR_TYPE_NS)->name, server);
}

static inline void
add_glue(struct locum_doctor_reply *reply, const char *server, const char *text)
{
    const struct locum_address at = address(text, 0);
    add(reply, LOCUM_DOCTOR_ADDITIONAL, server,
        at.family == LOCUM_V4 ? LOCUM_DOCTOR_TYPE_A : LOCUM_DOCTOR_TYPE_AAAA)
        ->address = at;
}

static inline void
add_soa(struct locum_doctor_reply *reply, const struct locum_config_zone *config)
{
    struct locum_doctor_record *soa =
        add(reply, LOCUM_DOCTOR_ANSWER, "get.example.org.", LOCUM_DOCTOR_TYPE_SOA);
    strcpy(soa->name, config->soa.mname);
    strcpy(soa->soa.rname, config->soa.rname);
    soa->soa.serial = 7;
    soa->soa.refresh_s = config->soa.refresh_s;
    soa->soa.retry_s = config->soa.retry_s;
    soa->soa.expire_s = config->soa.expire_s;
    soa->soa.minimum_s = config->soa.minimum_s;
    reply->authoritative = true;
}

static inline void
add_server(struct locum_doctor_zone *zone, const char *name, const char *text)
{
    struct locum_doctor_server *server = &zone->servers[zone->server_count++];
    strcpy(server->name, name);
    server->address = address(text, 53);
    for (size_t i = 0; i < LOCUM_DOCTOR_NS; i++) {
        add_soa(&server->reply[i], zone->config);
        server->reply[i].edns = i == LOCUM_DOCTOR_EDNS || i == LOCUM_DOCTOR_PADDED;
    }
    add_ns(&server->reply[LOCUM_DOCTOR_NS], LOCUM_DOCTOR_ANSWER, "dc2.example.org.");
    add_ns(&server->reply[LOCUM_DOCTOR_NS], LOCUM_DOCTOR_ANSWER, "ns3.get.example.org.");
    server->reply[LOCUM_DOCTOR_NS].authoritative = true;
}

static inline void
add_zone(struct bench *bench)
{
    struct site *site = bench->site;
    struct locum_doctor_zone *zone = calloc(1, sizeof(*zone));
    assert_non_null(zone);
    strcpy(site->config.zones[0].ns[1], "ns3.get.example.org.");
    site_record(site, 0, "ns3 A 192.0.2.13");
    bench->facts.zones = zone;
    bench->facts.zone_count = 1;
    zone->config = &site->config.zones[0];
    assert_int_equal(locum_delegation_make(&site->config, 0, &zone->expected), 0);
    strcpy(zone->parent, "example.org.");
    zone->parent_count = 1;
    strcpy(zone->parents[0].name, "ns0.example.org.");
    zone->parents[0].address = address("192.0.2.10", 53);
    struct locum_doctor_reply *referral = &zone->parents[0].referral;
    add_ns(referral, LOCUM_DOCTOR_AUTHORITY, "dc2.example.org.");
    add_ns(referral, LOCUM_DOCTOR_AUTHORITY, "ns3.get.example.org.");
    add_glue(referral, "dc2.example.org.", "192.0.2.12");
    add_glue(referral, "ns3.get.example.org.", "192.0.2.13");
    zone->host_count = 2;
    for (size_t i = 0; i < 2; i++) {
        struct locum_doctor_host *host = &zone->hosts[i];
        host->expected = &zone->expected.host[i];
        strcpy(host->name, host->expected->name);
        host->looked_up = true;
        host->given[host->given_count++] = address(i == 0 ? "192.0.2.12" : "192.0.2.13", 0);
    }
    add_server(zone, "dc2.example.org.", "192.0.2.12");
    add_server(zone, "ns3.get.example.org.", "192.0.2.13");
}

static inline struct bench *
bench_new(void)
{
    struct bench *self = calloc(1, sizeof(*self));
    assert_non_null(self);
    self->site = site_new();
    struct locum_config *config = &self->site->config;
    config->core.redis = true;
    config->core.timeout_ms = 1000;
    strcpy(config->core.digest, "5beaaee0");
    self->facts = (struct locum_doctor_facts){.config = config, .now_s = NOW_S, .daemon = true};
    add_zone(self);
    self->facts.fetch_count = 1;
    self->facts.fetches = calloc(1, sizeof(*self->facts.fetches));
    assert_non_null(self->facts.fetches);
    self->facts.fetches[0] = (struct locum_doctor_fetch){
        .name = 1, .node = 1, .code = 200, .expires_s = NOW_S + 60 * 86400};
    self->facts.fetches[0].address = address("192.0.2.13", 0);
    strcpy(self->facts.fetches[0].url, "https://dc2.get.example.org/");
    for (locum_node node = 0; node < config->core.node_count; node++) {
        struct locum_doctor_node *at = &self->facts.nodes[node];
        *at = (struct locum_doctor_node){.listed = true, .self = node == 0, .clock_known = true};
        strcpy(at->condition, "alive");
        strcpy(at->digest, config->core.digest);
        at->udp_ms = at->redis_ms = node == 0 ? -1 : 100;
    }
    return self;
}

static inline void
bench_free(struct bench *self)
{
    locum_doctor_facts_fini(&self->facts);
    free(self->site);
    free(self);
}

#endif
