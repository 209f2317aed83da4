/* judge: nothing is found on a healthy site; each fault is found as one finding of its kind. */
#include "fixture.h"

#define ZONE     (bench->facts.zones)
#define PARENT   (&ZONE->parents[0].referral)
#define REPLY(i) (ZONE->servers[1].reply[i])
#define FETCH    (bench->facts.fetches[0])
#define NODE     (bench->facts.nodes[1])

/* Remove record number i. */
static void
drop(struct locum_doctor_reply *reply, size_t i)
{
    reply->record[i] = reply->record[--reply->record_count];
}

static void
silence(struct locum_doctor_reply *reply)
{
    *reply = (struct locum_doctor_reply){.outcome = LOCUM_DOCTOR_SILENT};
}

static void
break_no_delegation(struct bench *bench)
{
    PARENT->record_count = 0;
}

static void
break_ns_missing(struct bench *bench)
{
    drop(PARENT, 1);
}

static void
break_ns_unknown(struct bench *bench)
{
    add_ns(PARENT, LOCUM_DOCTOR_AUTHORITY, "ns9.get.example.org.");
}

static void
break_ns_ttl(struct bench *bench)
{
    PARENT->record[0].ttl_s = 86400;
}

static void
break_glue_missing(struct bench *bench)
{
    drop(PARENT, 3);
}

static void
break_glue_wrong(struct bench *bench)
{
    PARENT->record[3].address = address("192.0.2.99", 0);
}

static void
break_address_missing(struct bench *bench)
{
    ZONE->hosts[0].given_count = 0;
}

static void
break_address_wrong(struct bench *bench)
{
    ZONE->hosts[0].given[0] = address("192.0.2.99", 0);
}

static void
break_round_trips(struct bench *bench)
{
    PARENT->record_count = 2;
    strcpy(PARENT->record[0].name, "ns.example.net.");
    strcpy(PARENT->record[1].name, "ns.example.com.");
    strcpy(ZONE->expected.host[0].name, "ns.example.net.");
    strcpy(ZONE->expected.host[1].name, "ns.example.com.");
    ZONE->expected.host[1].home = LOCUM_DELEGATION_OUTSIDE;
    for (size_t i = 0; i < 2; i++) {
        struct locum_doctor_reply *ns = &ZONE->servers[i].reply[LOCUM_DOCTOR_NS];
        ns->record_count = 0;
        add_ns(ns, LOCUM_DOCTOR_ANSWER, "ns.example.net.");
        add_ns(ns, LOCUM_DOCTOR_ANSWER, "ns.example.com.");
    }
}

static void
break_dns(struct bench *bench)
{
    for (size_t i = 0; i < LOCUM_DOCTOR_PROBES; i++) {
        silence(&REPLY(i));
    }
}

static void
break_dns_udp(struct bench *bench)
{
    silence(&REPLY(LOCUM_DOCTOR_UDP));
    silence(&REPLY(LOCUM_DOCTOR_EDNS));
    silence(&REPLY(LOCUM_DOCTOR_PADDED));
}

static void
break_dns_tcp(struct bench *bench)
{
    REPLY(LOCUM_DOCTOR_TCP).outcome = LOCUM_DOCTOR_UNREACHABLE;
}

static void
break_lame(struct bench *bench)
{
    REPLY(LOCUM_DOCTOR_UDP).rcode = 5;
}

static void
break_authority(struct bench *bench)
{
    REPLY(LOCUM_DOCTOR_UDP).authoritative = false;
}

static void
break_edns(struct bench *bench)
{
    silence(&REPLY(LOCUM_DOCTOR_EDNS));
    silence(&REPLY(LOCUM_DOCTOR_PADDED));
}

static void
break_opt(struct bench *bench)
{
    REPLY(LOCUM_DOCTOR_EDNS).edns = false;
}

static void
break_size(struct bench *bench)
{
    silence(&REPLY(LOCUM_DOCTOR_PADDED));
}

static void
break_mname(struct bench *bench)
{
    strcpy(REPLY(LOCUM_DOCTOR_UDP).record[0].name, "other.example.org.");
}

static void
break_minimum(struct bench *bench)
{
    REPLY(LOCUM_DOCTOR_UDP).record[0].soa.minimum_s++;
}

static void
break_child_ns(struct bench *bench)
{
    strcpy(REPLY(LOCUM_DOCTOR_NS).record[0].name, "ns9.example.org.");
}

static void
break_web(struct bench *bench)
{
    FETCH.state = LOCUM_DOCTOR_WEB_UNREACHABLE;
}

static void
break_web_host(struct bench *bench)
{
    FETCH.state = LOCUM_DOCTOR_WEB_STATUS;
}

static void
break_certificate(struct bench *bench)
{
    FETCH.state = LOCUM_DOCTOR_WEB_CERTIFICATE;
}

static void
break_certificate_time(struct bench *bench)
{
    FETCH.state = LOCUM_DOCTOR_WEB_CERTIFICATE;
    FETCH.expires_s = NOW_S;
}

static void
break_renewal(struct bench *bench)
{
    FETCH.expires_s = NOW_S + 13 * 86400;
}

static void
break_node(struct bench *bench)
{
    strcpy(NODE.condition, "down");
    NODE.udp_ms = NODE.redis_ms = 60000;
}

static void
break_udp(struct bench *bench)
{
    NODE.udp_ms = 3000;
}

static void
break_udp_always(struct bench *bench)
{
    NODE.udp_ms = -1;
}

static void
break_node_redis(struct bench *bench)
{
    NODE.redis_ms = -1;
}

static void
break_redis(struct bench *bench)
{
    bench->facts.redis_lost = true;
    NODE.redis_ms = 60000;
}

static void
break_sentinel(struct bench *bench)
{
    NODE.sentinel_lost = true;
}

static void
break_clock(struct bench *bench)
{
    NODE.clock_s = -5.1;
}

static void
break_configuration(struct bench *bench)
{
    strcpy(NODE.digest, "00000000");
}

/* One of two entries of acme.persist is missing at the second server. */
static void
break_persist(struct bench *bench)
{
    bench->site->config.zones[0].persist_count = 2;
    ZONE->persist = calloc(2, sizeof(*ZONE->persist));
    assert_non_null(ZONE->persist);
    ZONE->persist_count = 2;
    for (size_t i = 0; i < 2; i++) {
        ZONE->persist[i] = (struct locum_doctor_persist){
            .name = 1, .server = i, .outcome = LOCUM_DOCTOR_ANSWERED, .has = i == 0 ? 3 : 2};
    }
}

/* There is one record that is not configured. */
static void
break_persist_others(struct bench *bench)
{
    break_persist(bench);
    ZONE->persist[1].has = 3;
    ZONE->persist[1].others = 1;
}

static void
break_list(struct bench *bench)
{
    NODE = (struct locum_doctor_node){0};
}

static const struct {
    const char *name;
    void (*apply)(struct bench *bench);
    enum locum_doctor_kind kind;
    const char *what; /* the text has it */
} faults[] = {
    {"no delegation", break_no_delegation, LOCUM_DOCTOR_NO_DELEGATION,
     "ns0.example.org. (192.0.2.10)"},
    {"NS missing", break_ns_missing, LOCUM_DOCTOR_PARENT_NS_MISSING, "ns3.get.example.org."},
    {"NS unknown", break_ns_unknown, LOCUM_DOCTOR_PARENT_NS_UNKNOWN, "ns9.get.example.org."},
    {"TTL", break_ns_ttl, LOCUM_DOCTOR_NS_TTL, "86400 s"},
    {"glue missing", break_glue_missing, LOCUM_DOCTOR_GLUE_MISSING,
     "none; the zone has 192.0.2.13"},
    {"glue wrong", break_glue_wrong, LOCUM_DOCTOR_GLUE_WRONG, "192.0.2.99; the zone has"},
    {"address missing", break_address_missing, LOCUM_DOCTOR_ADDRESS_MISSING, "dc2.example.org."},
    {"address wrong", break_address_wrong, LOCUM_DOCTOR_ADDRESS_WRONG, "192.0.2.99"},
    {"round trips", break_round_trips, LOCUM_DOCTOR_ROUND_TRIPS, "needs 4 round trips"},
    {"silent", break_dns, LOCUM_DOCTOR_DNS_SILENT, "(192.0.2.13) does not answer"},
    {"TCP only", break_dns_udp, LOCUM_DOCTOR_DNS_UDP, "by UDP, but does by TCP"},
    {"UDP only", break_dns_tcp, LOCUM_DOCTOR_DNS_TCP, "rejected"},
    {"refused", break_lame, LOCUM_DOCTOR_LAME, "rcode 5"},
    {"no authority", break_authority, LOCUM_DOCTOR_LAME, "not authoritative"},
    {"EDNS blocked", break_edns, LOCUM_DOCTOR_EDNS_BLOCKED, "does not answer"},
    {"no OPT", break_opt, LOCUM_DOCTOR_EDNS_MISSING, "without it"},
    {"size", break_size, LOCUM_DOCTOR_EDNS_LARGE, "1232 bytes"},
    {"MNAME", break_mname, LOCUM_DOCTOR_SOA,
     "mname other.example.org. instead of dc2.example.org."},
    {"minimum", break_minimum, LOCUM_DOCTOR_SOA, "has minimum 16 instead of 15"},
    {"child NS", break_child_ns, LOCUM_DOCTOR_CHILD_NS,
     "it lacks dc2.example.org., it also has ns9"},
    {"persist", break_persist, LOCUM_DOCTOR_PERSIST,
     "at ns3.get.example.org. (192.0.2.13): 1 of 2 are as in acme.persist, 0 are others"},
    {"another persist", break_persist_others, LOCUM_DOCTOR_PERSIST, "2 of 2 are as in"},
    {"web", break_web, LOCUM_DOCTOR_WEB_DEAD, "https://dc2.get.example.org/ at dc3 (192.0.2.13)"},
    {"virtual host", break_web_host, LOCUM_DOCTOR_WEB_HOST, "at dc3"},
    {"certificate", break_certificate, LOCUM_DOCTOR_CERTIFICATE, "not valid"},
    {"expired", break_certificate_time, LOCUM_DOCTOR_CERTIFICATE_EXPIRED, "expired on 2026-11-30T"},
    {"renewal", break_renewal, LOCUM_DOCTOR_CERTIFICATE_ENDS, "ends on"},
    {"node", break_node, LOCUM_DOCTOR_NODE_DOWN, "dc3 is down"},
    {"UDP path", break_udp, LOCUM_DOCTOR_NODE_UDP, "dc3 is not heard by UDP"},
    {"UDP path, never", break_udp_always, LOCUM_DOCTOR_NODE_UDP, "dc3"},
    {"Redis path", break_node_redis, LOCUM_DOCTOR_NODE_REDIS, "dc3 is not heard through Redis"},
    {"Redis", break_redis, LOCUM_DOCTOR_REDIS, "not connected"},
    {"Sentinel", break_sentinel, LOCUM_DOCTOR_SENTINEL, "dc3"},
    {"clock", break_clock, LOCUM_DOCTOR_CLOCK, "5 s behind"},
    {"configuration", break_configuration, LOCUM_DOCTOR_CONFIGURATION, "00000000"},
    {"node unknown to the daemon", break_list, LOCUM_DOCTOR_CONFIGURATION,
     "has not loaded this file"},
};

static void
test_a_healthy_site_has_no_findings(void **state)
{
    (void)state;
    struct bench *bench = bench_new();
    locum_doctor_judge(&bench->facts, &bench->found);
    assert_int_equal(bench->found.count, 0);
    assert_int_equal(bench->found.not_examined_count, 0);
    assert_int_equal(locum_doctor_judge_round_trips(ZONE), 2);
    bench_free(bench);
}

static void
test_each_fault_is_one_finding(void **state)
{
    (void)state;
    bool seen[LOCUM_DOCTOR_KINDS] = {false};
    for (size_t i = 0; i < LOCUM_COUNT(faults); i++) {
        struct bench *bench = bench_new();
        faults[i].apply(bench);
        locum_doctor_judge(&bench->facts, &bench->found);
        if (bench->found.count != 1 || bench->found.at[0].kind != faults[i].kind ||
            strstr(bench->found.at[0].what, faults[i].what) == NULL) {
            fail_msg("%s: %zu finding(s), the first is %d: %s", faults[i].name, bench->found.count,
                     (int)bench->found.at[0].kind, bench->found.at[0].what);
        }
        assert_int_equal(bench->found.not_examined_count, 0);
        seen[faults[i].kind] = true;
        bench_free(bench);
    }
    for (size_t kind = 0; kind < LOCUM_DOCTOR_KINDS; kind++) {
        const struct locum_doctor_row *row = locum_doctor_finding_row((enum locum_doctor_kind)kind);
        const bool of_dnssec = kind >= LOCUM_DOCTOR_NO_DS && kind <= LOCUM_DOCTOR_RESOLVER_REFUSES;
        if ((!seen[kind] && !of_dnssec) /* test_dnssec.c */ || row->meaning[0] == '\0' ||
            row->why[0] == '\0' || row->fix[0] == '\0') {
            fail_msg("%s: no test, or a text is missing", row->id);
        }
    }
}

/* Things that differ on healthy sites too. */
static void
test_allowed_differences_are_no_findings(void **state)
{
    (void)state;
    struct bench *bench = bench_new();
    REPLY(LOCUM_DOCTOR_UDP).record[0].soa.serial = 1; /* each node counts its own */
    NODE.clock_s = 5.0;
    NODE.udp_ms = 2999;
    strcpy(NODE.condition, "returning");
    FETCH.expires_s = 0;          /* no TLS */
    strcpy(ZONE->parent, "org."); /* a registry sets the TTL */
    PARENT->record[0].ttl_s = 172800;
    add_glue(PARENT, "ns3.get.example.org.", "192.0.2.13");
    locum_doctor_judge(&bench->facts, &bench->found);
    assert_int_equal(bench->found.count, 0);
    bench_free(bench);
}

static void
test_what_was_not_asked_is_listed(void **state)
{
    (void)state;
    struct bench *bench = bench_new();
    bench->facts.daemon = false;
    strcpy(bench->facts.lacks_daemon, "no socket");
    NODE = (struct locum_doctor_node){0};
    bench->facts.resolver_silent = true;
    bench->facts.fetches_left_out = true;
    silence(PARENT);
    ZONE->hosts[0].looked_up = false;
    for (size_t i = 0; i < LOCUM_DOCTOR_PROBES; i++) {
        REPLY(i).outcome = LOCUM_DOCTOR_NO_ROUTE;
    }
    FETCH.state = LOCUM_DOCTOR_WEB_NO_ROUTE;
    locum_doctor_judge(&bench->facts, &bench->found);
    assert_int_equal(bench->found.count, 0);
    assert_int_equal(bench->found.not_examined_count, 7);
    assert_int_equal(locum_doctor_judge_round_trips(ZONE), 0);
    ZONE->parent_count = 0;
    bench->found = (struct locum_doctor_findings){0};
    locum_doctor_judge(&bench->facts, &bench->found);
    assert_non_null(strstr(bench->found.not_examined[1], "--parent"));
    bench_free(bench);
}

/* The TTL is judged only where no registry can have set it. */
static void
test_the_ttl_below_registries_is_not_judged(void **state)
{
    (void)state;
    static const struct {
        const char *parent;
        size_t found;
    } rows[] = {{".", 0},       {"org.", 0},         {"co.uk.", 0},
                {"com.au.", 0}, {"example.org.", 1}, {"example.co.uk.", 1}};
    for (size_t i = 0; i < LOCUM_COUNT(rows); i++) {
        struct bench *bench = bench_new();
        break_ns_ttl(bench);
        strcpy(ZONE->parent, rows[i].parent);
        locum_doctor_judge(&bench->facts, &bench->found);
        if (bench->found.count != rows[i].found) {
            fail_msg("%s: %zu finding(s)", rows[i].parent, bench->found.count);
        }
        bench_free(bench);
    }
}

static void
test_an_error_of_the_parent_is_not_examined(void **state)
{
    (void)state;
    static const unsigned errors[] = {2, 5}; /* SERVFAIL, REFUSED */
    for (size_t i = 0; i < LOCUM_COUNT(errors); i++) {
        struct bench *bench = bench_new();
        PARENT->record_count = 0;
        PARENT->rcode = errors[i];
        locum_doctor_judge(&bench->facts, &bench->found);
        assert_int_equal(bench->found.count, 0);
        assert_int_equal(bench->found.not_examined_count, 1);
        assert_non_null(strstr(bench->found.not_examined[0], "answers with an error (rcode"));
        bench_free(bench);
    }
}

static void
test_truncated_answers_are_not_judged(void **state)
{
    (void)state;
    struct bench *bench = bench_new();
    for (size_t i = 0; i < LOCUM_DOCTOR_PROBES; i++) {
        if (i != LOCUM_DOCTOR_TCP) {
            REPLY(i).truncated = true;
            REPLY(i).edns = false;
            REPLY(i).record_count = 0;
        }
    }
    locum_doctor_judge(&bench->facts, &bench->found);
    assert_int_equal(bench->found.count, 0);
    break_dns_tcp(bench);
    locum_doctor_judge(&bench->facts, &bench->found);
    assert_int_equal(bench->found.count, 1);
    assert_int_equal(bench->found.at[0].kind, LOCUM_DOCTOR_DNS_TCP);
    bench_free(bench);
}

/* The same at each server of the parent is one finding. */
static void
test_repeated_findings_are_counted(void **state)
{
    (void)state;
    struct bench *bench = bench_new();
    drop(PARENT, 1);
    ZONE->parents[1] = ZONE->parents[2] = ZONE->parents[0];
    ZONE->parent_count = 3;
    locum_doctor_judge(&bench->facts, &bench->found);
    assert_int_equal(bench->found.count, 1);
    assert_int_equal(bench->found.at[0].more, 2);
    for (int i = 0; i < 300; i++) {
        char subject[16];
        (void)snprintf(subject, sizeof(subject), "%d", i);
        locum_doctor_finding_add(&bench->found, LOCUM_DOCTOR_LAME, NULL, subject, "x");
        locum_doctor_finding_skip(&bench->found, "%d", i);
    }
    assert_int_equal(bench->found.count, LOCUM_DOCTOR_FINDINGS_MAX);
    assert_int_equal(bench->found.dropped, 301 - LOCUM_DOCTOR_FINDINGS_MAX);
    assert_int_equal(bench->found.not_examined_count, LOCUM_DOCTOR_FINDINGS_MAX);
    bench_free(bench);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_healthy_site_has_no_findings),
        cmocka_unit_test(test_each_fault_is_one_finding),
        cmocka_unit_test(test_allowed_differences_are_no_findings),
        cmocka_unit_test(test_what_was_not_asked_is_listed),
        cmocka_unit_test(test_the_ttl_below_registries_is_not_judged),
        cmocka_unit_test(test_an_error_of_the_parent_is_not_examined),
        cmocka_unit_test(test_truncated_answers_are_not_judged),
        cmocka_unit_test(test_repeated_findings_are_counted),
    };
    return cmocka_run_group_tests_name("doctor/judge", tests, NULL, NULL);
}
