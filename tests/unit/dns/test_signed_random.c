/*
 * Random zones and plans: the NSEC records are the same on all nodes, and every answer validates.
 * While signatures are missing, after a start, an answer is either the same, or SERVFAIL.
 *
 *     test_signed_random [SEED]     without: the seeds of `make check`
 */
#include "keyfiles.h"

#include "dns/answer.h"
#include "dns/table.h"
#include "proof.h"

enum { NOW = 1800000000, SEEDS = 12, QUESTIONS = 400, NODES = 3, RECORDS_MAX = 40 };

static struct key_folder folder;
static struct site *site;
static struct locum_signer *signer;
static ldns_rr_list *dnskeys;
static ldns_rdf *apex;
static uint64_t random_state;
static unsigned first_seed = 1, seeds = SEEDS;
static struct {
    size_t answers, nxdomain, nodata, wildcards, chains, dnames, referrals, ds, needed, unready;
} seen;

static size_t
below(size_t limit)
{
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return (size_t)((random_state >> 33) % limit);
}

static const char *
one_of(const char *const *texts, size_t count)
{
    return texts[below(count)];
}
#define ONE_OF(...)                                                                                \
    one_of((const char *const[]){__VA_ARGS__},                                                     \
           sizeof((const char *const[]){__VA_ARGS__}) / sizeof(const char *))

/* One to three labels, some of which sort unusually. */
static void
put_random_name(struct locum_text *text)
{
    const size_t labels = 1 + below(3);
    for (size_t i = 0; i < labels; i++) {
        locum_text_format(text, "%s%s", i > 0 ? "." : "",
                          ONE_OF("a", "b", "c", "w", "B", "_x", "sub", "a-a", "-", "zz", "*"));
    }
}

/* A record that may not fit to the others. */
static void
put_random_record(struct locum_text *text)
{
    if (below(4) == 0) {
        locum_text_add(text, "*.");
    }
    put_random_name(text);
    switch (below(9)) {
    case 0: locum_text_format(text, " A 192.0.2.%zu", below(250)); break;
    case 1: locum_text_format(text, " AAAA 2001:db8::%zu", 1 + below(99)); break;
    case 2: locum_text_format(text, " MX 10 mail"); break;
    case 3:
    case 4:
        locum_text_add(text, " CNAME ");
        put_random_name(text);
        break;
    case 5:
        locum_text_add(text, " DNAME ");
        put_random_name(text);
        break;
    case 6: locum_text_add(text, " NS ns.other.test."); break;
    case 7: locum_text_add(text, " TYPE65280 \\# 2 0011"); break;
    default: locum_text_format(text, " TXT t%zu", below(3));
    }
}

/* Records that the check complains of. */
struct refused {
    bool record[RECORDS_MAX];
    bool other;
};

static void
note(void *user, const struct locum_problem *problem)
{
    struct refused *refused = user;
    const size_t i = (size_t)problem->at.line - 20;
    if (problem->severity == LOCUM_SEVERITY_ERROR) {
        if (problem->at.line >= 20 && i < RECORDS_MAX) {
            refused->record[i] = true;
        } else {
            refused->other = true;
        }
    }
}

/* Remove records until the rest is accepted. False: it is not. */
static bool
remove_refused(void)
{
    struct locum_config_zone *zone = &site->config.zones[0];
    for (;;) {
        struct refused refused = {.other = false};
        if (locum_dns_check(&site->config, note, &refused) == 0) {
            return true;
        }
        if (refused.other) {
            return false;
        }
        const size_t count = zone->record_count;
        zone->record_count = 0;
        for (size_t i = 0; i < count; i++) {
            if (!refused.record[i]) {
                struct locum_config_record *to = &zone->records[zone->record_count];
                to->text = zone->records[i].text;
                to->at.line = (uint32_t)(20 + zone->record_count++);
            }
        }
    }
}

static bool
is_there(locum_node node, enum locum_family family)
{
    return site->config.core.nodes[node].has[family];
}

/* Nodes that a plan may name: of an owned name, its owner's families have any server's address
 * (PLAN-6). */
static locum_nodes
random_nodes(const struct locum_core_name *name, enum locum_family family)
{
    locum_nodes there = 0;
    for (locum_node node = 0; node < NODES; node++) {
        there |= is_there(node, family) ? locum_nodes_of(node) : 0;
    }
    if (there == 0 || (name->owner != LOCUM_NODE_NONE && !is_there(name->owner, family))) {
        return 0;
    }
    locum_nodes nodes = 0;
    while (nodes == 0) {
        nodes = there & (locum_nodes)below(1u << NODES);
    }
    return nodes;
}

static void
make_plan(void)
{
    for (size_t i = 0; i < site->config.core.name_count; i++) {
        for (enum locum_family f = LOCUM_V4; f <= LOCUM_V6; f++) {
            site->plan.answers[i][f] =
                (struct locum_answer){.nodes = random_nodes(&site->config.core.names[i], f),
                                      .ttl_s = below(2) == 0 ? 60 : 15};
        }
    }
}

static void
make_site(void)
{
    char text[SITE_RECORD_BYTES];
    do {
        free(site);
        site = calloc(1, sizeof(*site));
        for (size_t i = 0; i < NODES; i++) {
            const bool v4 = i == 0 || below(3) > 0;
            const bool v6 = below(2) == 0;
            char name[8], v4_text[32], v6_text[32];
            (void)snprintf(name, sizeof(name), "dc%zu", i);
            (void)snprintf(v4_text, sizeof(v4_text), "192.0.2.%zu", 100 + i);
            (void)snprintf(v6_text, sizeof(v6_text), "2001:db8:%zu::1", i);
            site_node(site, name, v4 ? v4_text : v6_text, v4 && v6 ? v6_text : NULL);
            site->config.core.nodes[i].has[LOCUM_V4] = v4;
            site->config.core.nodes[i].has[LOCUM_V6] = v6 || !v4;
        }
        site_ns(site, site_zone(site, "example.", LOCUM_ANSWER_ALL), "ns.other.test.");
        site_name(site, 0, "example.", LOCUM_NODE_NONE, 0);
        site_name(site, 0, below(2) == 0 ? "*.p.example." : "q.p.example.", LOCUM_NODE_NONE, 0);
        site_name(site, 0, "dc1.example.", 1, 0);
        if (below(2) == 0) {
            strcpy(site->config.zones[0].alpn[0], "h2");
            site->config.zones[0].alpn_count = 1;
        }
        const size_t count = 5 + below(RECORDS_MAX - 5);
        for (size_t i = 0; i < count; i++) {
            struct locum_text out = locum_text_init(text, sizeof(text));
            put_random_record(&out);
            site_record(site, 0, text);
            char *ns = strstr(text, " NS ");
            if (ns != NULL && below(2) == 0) {
                (void)snprintf(ns, 80, " DS 7 13 2 %s",
                               "E19CD85801B13ED702E1C2E6B251F979043B8EC640563346D44BC2F3ABC88681");
                site_record(site, 0, text);
            }
        }
    } while (!remove_refused());
    strcpy(site->config.zones[0].dnssec.keys, folder.path);
    site->config.zones[0].dnssec.validity_s = LOCUM_SIGN_VALIDITY_S;
    site->config.zones[0].dnssec.refresh_s = LOCUM_SIGN_REFRESH_S;
}

static void
ignore(void *user, size_t zone, enum locum_severity severity, const char *text)
{
    (void)user, (void)zone, (void)severity;
    fail_msg("%s", text);
}

static void
compare_chains(void)
{
    uint8_t digests[2][LOCUM_CHAIN_DIGEST_BYTES];
    for (locum_node self = NODES; self-- > 0;) {
        site->config.core.self = self;
        locum_signer_destroy(signer);
        assert_int_equal(locum_signer_create(&site->config, NULL, NOW, ignore, NULL, &signer), 0);
        assert_int_equal(locum_chain_digest(locum_signer_chain(signer, 0), 15,
                                            digests[self == NODES - 1 ? 0 : 1]),
                         0);
        if (self < NODES - 1) {
            assert_memory_equal(digests[0], digests[1], sizeof(digests[0]));
        }
    }
}

/* An owner, a target, or a name near one. */
static void
put_question(struct locum_text *text)
{
    const struct locum_config_zone *zone = &site->config.zones[0];
    char owner[SITE_RECORD_BYTES];
    const size_t number = below(zone->record_count + 4);
    for (size_t i = below(4); i == 0; i = 1 + below(2)) {
        locum_text_format(text, "%s.", ONE_OF("a", "x", "*", "0", "zzz", "w"));
    }
    if (number < zone->record_count) {
        (void)snprintf(owner, sizeof(owner), "%s", zone->records[number].text);
        owner[strcspn(owner, " ")] = '\0';
        const char *from = owner;
        if (owner[0] == '*' && owner[1] == '.' && below(3) > 0) {
            locum_text_add(text, ONE_OF("a", "q", "b.c", "x.w"));
            from++;
        } else if (below(6) == 0 && strchr(owner, '.') != NULL) {
            from = strchr(owner, '.') + 1;
        }
        locum_text_format(text, "%s.", from);
    } else if (number < zone->record_count + 2) {
        put_random_name(text);
        locum_text_add(text, ".");
    } else {
        locum_text_add(text, ONE_OF("", "p.", "q.p.", "r.q.p.", "dc1.", "x.dc1."));
    }
    locum_text_add(text, "example");
}

/* What kind of answer it is. */
static void
classify(const ldns_pkt *packet, const ldns_rdf *name)
{
    const ldns_rr_list *answer = ldns_pkt_answer(packet);
    const ldns_rr_list *authority = ldns_pkt_authority(packet);
    bool cname = false;
    for (size_t i = 0; i < ldns_rr_list_rr_count(answer); i++) {
        const ldns_rr *rr = ldns_rr_list_rr(answer, i);
        const ldns_rr_type type = ldns_rr_get_type(rr);
        cname = cname || type == LDNS_RR_TYPE_CNAME;
        seen.dnames += type == LDNS_RR_TYPE_DNAME;
        seen.wildcards += type == LDNS_RR_TYPE_RRSIG && !ldns_dname_is_wildcard(name) &&
                          ldns_rdf2native_int8(ldns_rr_rrsig_labels(rr)) <
                              ldns_dname_label_count(ldns_rr_owner(rr));
    }
    const ldns_rr_type first =
        ldns_rr_list_rr_count(authority) == 0 ? 0 : ldns_rr_get_type(ldns_rr_list_rr(authority, 0));
    const bool nxdomain = ldns_pkt_get_rcode(packet) == LDNS_RCODE_NXDOMAIN;
    seen.answers++;
    seen.chains += cname ? 1 : 0;
    seen.nxdomain += nxdomain ? 1 : 0;
    seen.nodata += !nxdomain && first == LDNS_RR_TYPE_SOA;
    seen.referrals += first == LDNS_RR_TYPE_NS;
    for (size_t i = 0; i < ldns_rr_list_rr_count(authority); i++) {
        seen.ds += ldns_rr_get_type(ldns_rr_list_rr(authority, i)) == LDNS_RR_TYPE_DS;
    }
}

/* No NSEC record is there that is not needed: without one of them the answer does not validate. */
static void
remove_each(struct proof *proof, const ldns_rdf *name, ldns_rr_type type)
{
    ldns_rr_list *authority = ldns_pkt_authority(proof->packet);
    for (size_t i = 0; i < ldns_rr_list_rr_count(authority); i++) {
        ldns_rr *rr = ldns_rr_list_rr(authority, i);
        if (ldns_rr_get_type(rr) == LDNS_RR_TYPE_NSEC) {
            ldns_rr_set_type(rr, LDNS_RR_TYPE_NULL);
            assert_false(proves(proof, name, type, LOCUM_CNAME_CHAIN_MAX));
            ldns_rr_set_type(rr, LDNS_RR_TYPE_NSEC);
            seen.needed++;
        }
    }
}

/* The answer of a table in which signatures are missing. */
static void
ask_incomplete(const struct locum_dns_table *table, const uint8_t *query, size_t length,
               const uint8_t *whole, size_t whole_length)
{
    static uint8_t reply[LOCUM_DNS_TCP_BYTES_MAX];
    const struct locum_dns_reply given =
        answer_packet(table, query, length, 0, reply, sizeof(reply));
    if (given.rcode == LOCUM_RCODE_SERVFAIL) {
        seen.unready++;
        return;
    }
    assert_int_equal(given.length, whole_length);
    assert_memory_equal(reply, whole, whole_length);
}

static void
ask_random(const struct locum_dns_table *table, const struct locum_dns_table *incomplete)
{
    static const uint16_t types[] = {LDNS_RR_TYPE_A,
                                     LDNS_RR_TYPE_AAAA,
                                     LDNS_RR_TYPE_TXT,
                                     LDNS_RR_TYPE_MX,
                                     LDNS_RR_TYPE_NS,
                                     LDNS_RR_TYPE_DS,
                                     LDNS_RR_TYPE_CNAME,
                                     LDNS_RR_TYPE_DNAME,
                                     LDNS_RR_TYPE_SOA,
                                     LDNS_RR_TYPE_HTTPS,
                                     65280,
                                     LDNS_RR_TYPE_DNSKEY,
                                     LDNS_RR_TYPE_CDS};
    static uint8_t reply[LOCUM_DNS_TCP_BYTES_MAX];
    uint8_t query[512];
    char name[128];
    struct locum_text text = locum_text_init(name, sizeof(name));
    put_question(&text);
    const struct ask ask = {
        .name = name, .type = types[below(LOCUM_COUNT(types))], .edns = true, .dnssec_ok = true};
    const size_t length = make_query(&ask, query);
    const struct locum_dns_reply given =
        answer_packet(table, query, length, 0, reply, sizeof(reply));
    ask_incomplete(incomplete, query, length, reply, given.length);
    ldns_pkt *packet = read_reply(reply, given.length);
    ldns_rdf *owner = ldns_dname_new_frm_str(name);
    ldns_dname2canonical(owner);
    struct proof proof = {.packet = packet, .keys = dnskeys, .apex = apex, .now_s = NOW};
    if (!proves(&proof, owner, ask.type, LOCUM_CNAME_CHAIN_MAX)) {
        char described[8192];
        describe(packet, described, sizeof(described));
        for (size_t i = 0; i < site->config.zones[0].record_count; i++) {
            print_message("%s\n", site->config.zones[0].records[i].text);
        }
        fail_msg("%s %u, rcode %d: %s: %s", name, ask.type, ldns_pkt_get_rcode(packet), proof.why,
                 described);
    }
    classify(packet, owner);
    remove_each(&proof, owner, ask.type);
    ldns_rdf_deep_free(owner);
    ldns_pkt_free(packet);
}

static struct locum_dns_table *
make_table(struct locum_dns_names *names)
{
    struct locum_dns_table *table =
        locum_dns_table_make(names, &site->config, &site->plan, NULL, 7);
    assert_non_null(table);
    assert_int_equal(locum_dns_table_sign(table, &site->config, &site->plan, 7, signer, NOW), 0);
    return table;
}

static void
test_every_answer_validates(void **state)
{
    (void)state;
    key_folder_init(&folder);
    key_folder_add(&folder, key_file_of(45571));
    apex = ldns_dname_new_frm_str("example.");
    for (unsigned seed = first_seed; seed < first_seed + seeds; seed++) {
        struct locum_dns_names *names[2];
        struct locum_sign_budget nothing = {.left_us = 0, .partly = true};
        print_message("seed %u\n", seed);
        random_state = seed;
        make_site();
        compare_chains();
        dnskeys = locum_signer_apex_set(signer, 0, 0);
        assert_int_equal(locum_dns_compile(&site->config, signer, NOW, &nothing, &names[1]), 0);
        assert_true(names[1]->incomplete);
        nothing.partly = false;
        assert_int_equal(locum_dns_compile(&site->config, signer, NOW, &nothing, &names[0]),
                         LOCUM_ERR_TIMEOUT);
        assert_int_equal(locum_dns_compile(&site->config, signer, NOW, NULL, &names[0]), 0);
        for (int plan = 0; plan < 2; plan++) {
            make_plan();
            struct locum_dns_table *tables[] = {make_table(names[0]), make_table(names[1])};
            for (int i = 0; i < QUESTIONS / 2; i++) {
                ask_random(tables[0], tables[1]);
            }
            locum_dns_table_release(tables[0]);
            locum_dns_table_release(tables[1]);
        }
        locum_dns_names_release(names[0]);
        locum_dns_names_release(names[1]);
        locum_signer_destroy(signer);
        signer = NULL;
    }
    print_message(
        "%zu answers: %zu NXDOMAIN, %zu NODATA, %zu of wildcards, %zu chains, %zu with "
        "DNAME, %zu referrals, %zu with DS; %zu NSEC records, all needed; %zu not ready\n",
        seen.answers, seen.nxdomain, seen.nodata, seen.wildcards, seen.chains, seen.dnames,
        seen.referrals, seen.ds, seen.needed, seen.unready);
    assert_true(seeds == 1 || (seen.nxdomain > 0 && seen.nodata > 0 && seen.wildcards > 0 &&
                               seen.chains > 0 && seen.dnames > 0 && seen.referrals > seen.ds &&
                               seen.ds > 0 && seen.unready > 0 && seen.unready < seen.answers));
    ldns_rdf_deep_free(apex);
    free(site);
    key_folder_fini(&folder);
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_every_answer_validates)};
    if (argc > 1) {
        first_seed = (unsigned)strtoul(argv[1], NULL, 10);
        seeds = 1;
    }
    return cmocka_run_group_tests_name("dns/signed_random", tests, NULL, NULL);
}
