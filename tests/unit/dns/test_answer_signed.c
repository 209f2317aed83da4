/* answer: a signed zone: each RRset with its RRSIG, each denial with its NSEC (RFC 4035 3.1). */
#include "keyfiles.h"

#include "dns/compile.h"

enum { NOW = 1800000000, SERIAL = 1763863258 };

static struct key_folder folder;
static struct site *site;
static struct locum_signer *signer;
static struct locum_dns_table *table; /* signed */
static struct locum_dns_table *plain; /* of the same configuration without keys */
static ldns_rr_list *dnskeys;

static void
ignore(void *user, size_t zone, enum locum_severity severity, const char *text)
{
    (void)user, (void)zone, (void)severity;
    fail_msg("%s", text);
}

static struct locum_dns_table *
make_table(void)
{
    struct locum_dns_names *names = NULL;
    assert_int_equal(locum_dns_compile(&site->config, signer, NOW, NULL, &names), 0);
    struct locum_dns_table *made =
        locum_dns_table_make(names, &site->config, &site->plan, NULL, SERIAL);
    assert_non_null(made);
    locum_dns_names_release(names);
    assert_int_equal(locum_dns_table_sign(made, &site->config, &site->plan, SERIAL, signer, NOW),
                     0);
    return made;
}

static int
before(void **state)
{
    (void)state;
    static const char *const records[] = {
        "www CNAME @",
        "out CNAME other.test.",
        "chain CNAME www",
        "nx CNAME nothing",
        "to-wild CNAME q.w",
        "a.b TXT \"hello\"",
        "*.w TXT \"wild\"",
        "*.cw CNAME www",
        "*.cx CNAME q.cw",
        "sub NS ns.sub",
        "ns.sub A 192.0.2.50",
        "sec NS ns.other.test.",
        "oob NS a.b",
        "a.b A 192.0.2.51",
        ("sec DS 12345 13 2 "
         "E19CD85801B13ED702E1C2E6B251F979043B8EC640563346D44BC2F3ABC88681"),
        "d DNAME other.test.",
        "in DNAME example."};
    key_folder_init(&folder);
    key_folder_add(&folder, key_file_of(45571));
    site = calloc(1, sizeof(*site));
    site_node(site, "dc2", "192.0.2.12", "2001:db8:2::12");
    site_node(site, "dc3", "192.0.2.13", NULL);
    site->config.core.nodes[0].has[LOCUM_V4] = site->config.core.nodes[0].has[LOCUM_V6] = true;
    site->config.core.nodes[1].has[LOCUM_V4] = true;
    site_ns(site, site_zone(site, "example.", LOCUM_ANSWER_ALL), "ns.other.test.");
    site_ns(site, 0, "a.b.example.");
    site_name(site, 0, "example.", LOCUM_NODE_NONE, 3);
    site_name(site, 0, "dc3.example.", 1, 2);
    for (size_t i = 0; i < LOCUM_COUNT(records); i++) {
        site_record(site, 0, records[i]);
    }
    strcpy(site->config.zones[0].alpn[0], "h2");
    site->config.zones[0].alpn_count = 1;
    plain = site_table(site);
    strcpy(site->config.zones[0].dnssec.keys, folder.path);
    site->config.zones[0].dnssec.validity_s = LOCUM_SIGN_VALIDITY_S;
    site->config.zones[0].dnssec.refresh_s = LOCUM_SIGN_REFRESH_S;
    site->plan.answers[0][LOCUM_V4].ttl_s = 15;
    assert_int_equal(locum_signer_create(&site->config, NULL, NOW, ignore, NULL, &signer), 0);
    table = make_table();
    dnskeys = ldns_rr_list_clone(locum_signer_apex_set(signer, 0, 0));
    return 0;
}

static int
after(void **state)
{
    (void)state;
    ldns_rr_list_deep_free(dnskeys);
    locum_dns_table_release(table);
    locum_dns_table_release(plain);
    locum_signer_destroy(signer);
    free(site);
    key_folder_fini(&folder);
    return 0;
}

static uint8_t reply[LOCUM_DNS_TCP_BYTES_MAX];

static struct locum_dns_reply
ask_of(const struct locum_dns_table *of, const char *name, uint16_t type, bool dnssec_ok,
       size_t bytes_max)
{
    uint8_t query[512];
    const struct ask ask = {.name = name,
                            .type = type,
                            .edns = true,
                            .dnssec_ok = dnssec_ok,
                            .payload = (uint16_t)bytes_max};
    return answer_packet(of, query, make_query(&ask, query), 7, reply, bytes_max);
}

/* "an CNAME+ A+ | ns SOA+ NSEC(b)+": + for RRSIG records, of NSEC the owner below the apex. */
static void
describe_types(const ldns_pkt *packet, char *text, size_t size)
{
    const ldns_rr_list *sections[] = {ldns_pkt_answer(packet), ldns_pkt_authority(packet),
                                      ldns_pkt_additional(packet)};
    static const char *const names[] = {"an", "ns", "ar"};
    struct locum_text out = locum_text_init(text, size);
    for (size_t s = 0; s < 3; s++) {
        const ldns_rr *last = NULL;
        for (size_t i = 0; i < ldns_rr_list_rr_count(sections[s]); i++) {
            const ldns_rr *rr = ldns_rr_list_rr(sections[s], i);
            const ldns_rr_type type = ldns_rr_get_type(rr);
            if (i == 0) {
                locum_text_add(&out, out.length > 0 ? " | " : "");
                locum_text_add(&out, names[s]);
            }
            if (type == LDNS_RR_TYPE_RRSIG) {
                locum_text_add_char(&out, '+');
                continue;
            }
            if (last != NULL && ldns_rr_get_type(last) == type && type != LDNS_RR_TYPE_NSEC &&
                ldns_dname_compare(ldns_rr_owner(last), ldns_rr_owner(rr)) == 0) {
                continue; /* of the same set */
            }
            char *type_text = ldns_rr_type2str(type);
            locum_text_add_char(&out, ' ');
            locum_text_add(&out, type_text);
            free(type_text);
            if (type == LDNS_RR_TYPE_NSEC) {
                char *owner = ldns_rdf2str(ldns_rr_owner(rr));
                locum_text_add_char(&out, '(');
                locum_text_add_bytes(&out, owner, strlen(owner) - strlen("example."));
                locum_text_add_char(&out, ')');
                free(owner);
            }
            last = rr;
        }
    }
}

/* Every RRSIG of a section verifies for the set that it covers. Returns their number. */
static size_t
verify_section(const ldns_rr_list *section)
{
    size_t count = 0;
    for (size_t i = 0; i < ldns_rr_list_rr_count(section); i++) {
        ldns_rr *signature = ldns_rr_list_rr(section, i);
        if (ldns_rr_get_type(signature) != LDNS_RR_TYPE_RRSIG) {
            continue;
        }
        ldns_rr_list *set = ldns_rr_list_new();
        ldns_rr_list *one = ldns_rr_list_new();
        assert_true(ldns_rr_list_push_rr(one, signature));
        for (size_t j = 0; j < ldns_rr_list_rr_count(section); j++) {
            ldns_rr *rr = ldns_rr_list_rr(section, j);
            if (ldns_rr_get_type(rr) == ldns_rdf2rr_type(ldns_rr_rrsig_typecovered(signature)) &&
                ldns_dname_compare(ldns_rr_owner(rr), ldns_rr_owner(signature)) == 0) {
                assert_true(ldns_rr_list_push_rr(set, rr));
                assert_int_equal(ldns_rr_ttl(rr), ldns_rr_ttl(signature));
            }
        }
        assert_true(ldns_rr_list_rr_count(set) > 0);
        assert_int_equal(locum_sign_verify(set, one, dnskeys, NOW), 0);
        ldns_rr_list_free(set);
        ldns_rr_list_free(one);
        count++;
    }
    return count;
}

static const struct {
    const char *name;
    uint16_t type;
    const char *expected; /* "aa" or not, rcode, records */
} rows[] = {
    {"example", LDNS_RR_TYPE_A, "aa 0 an A+"},
    {"EXample", LDNS_RR_TYPE_AAAA, "aa 0 an AAAA+"},
    {"example", LDNS_RR_TYPE_HTTPS, "aa 0 an HTTPS+"},
    {"example", LDNS_RR_TYPE_SOA, "aa 0 an SOA+"},
    {"example", LDNS_RR_TYPE_NS, "aa 0 an NS+"},
    {"example", LDNS_RR_TYPE_DNSKEY, "aa 0 an DNSKEY+"},
    {"example", LDNS_RR_TYPE_CDS, "aa 0 an CDS+"},
    {"example", LDNS_RR_TYPE_CDNSKEY, "aa 0 an CDNSKEY+"},
    {"example", LDNS_RR_TYPE_NSEC, "aa 0 an NSEC()+"},
    {"example", LDNS_RR_TYPE_ANY, "aa 0 an A+"},
    {"a.b.example", LDNS_RR_TYPE_RRSIG, "aa 0 an+"},
    /* 3.1.3.1: no data; at an empty non-terminal the record that covers it */
    {"example", LDNS_RR_TYPE_MX, "aa 0 ns SOA+ NSEC()+"},
    {"example", LDNS_RR_TYPE_DS, "aa 0 ns SOA+ NSEC()+"},
    {"dc3.example", LDNS_RR_TYPE_AAAA, "aa 0 ns SOA+ NSEC(dc3.)+"},
    {"b.example", LDNS_RR_TYPE_A, "aa 0 ns SOA+ NSEC()+"},
    /* 3.1.3.2: no such name: what covers it, and the wildcard; once if that is the same */
    {"zz.example", LDNS_RR_TYPE_A, "aa 3 ns SOA+ NSEC(www.)+ NSEC()+"},
    {"A.example", LDNS_RR_TYPE_A, "aa 3 ns SOA+ NSEC()+"},
    {"x.y.dc3.example", LDNS_RR_TYPE_A, "aa 3 ns SOA+ NSEC(dc3.)+"},
    {"c.a.b.example", LDNS_RR_TYPE_A, "aa 3 ns SOA+ NSEC(a.b.)+"},
    /* 3.1.3.3: a wildcard; the record that covers the question */
    {"q.w.example", LDNS_RR_TYPE_TXT, "aa 0 an TXT+ | ns NSEC(*.w.)+"},
    {"*.w.example", LDNS_RR_TYPE_TXT, "aa 0 an TXT+"},
    {"-.w.example", LDNS_RR_TYPE_TXT, "aa 0 an TXT+ | ns NSEC(*.w.)+"},
    {"!.w.example", LDNS_RR_TYPE_TXT, "aa 0 an TXT+ | ns NSEC(to-wild.)+"},
    {"q.w.example", LDNS_RR_TYPE_NSEC, "aa 0 an NSEC(q.w.)+ | ns NSEC(*.w.)+"},
    /* 3.1.3.4: no data at a wildcard */
    {"q.w.example", LDNS_RR_TYPE_A, "aa 0 ns SOA+ NSEC(*.w.)+"},
    {"!.w.example", LDNS_RR_TYPE_A, "aa 0 ns SOA+ NSEC(to-wild.)+ NSEC(*.w.)+"},
    /* chains: each link is signed, each wildcard denied, and then the end */
    {"chain.example", LDNS_RR_TYPE_A, "aa 0 an CNAME+ CNAME+ A+"},
    {"out.example", LDNS_RR_TYPE_A, "aa 0 an CNAME+"},
    {"www.example", LDNS_RR_TYPE_MX, "aa 0 an CNAME+ | ns SOA+ NSEC()+"},
    {"nx.example", LDNS_RR_TYPE_A, "aa 3 an CNAME+ | ns SOA+ NSEC(in.)+ NSEC()+"},
    {"to-wild.example", LDNS_RR_TYPE_TXT, "aa 0 an CNAME+ TXT+ | ns NSEC(*.w.)+"},
    {"q.cw.example", LDNS_RR_TYPE_A, "aa 0 an CNAME+ CNAME+ A+ | ns NSEC(*.cw.)+"},
    {"q.cx.example", LDNS_RR_TYPE_A,
     "aa 0 an CNAME+ CNAME+ CNAME+ A+ | ns NSEC(*.cx.)+ NSEC(*.cw.)+"},
    {"q.cx.example", LDNS_RR_TYPE_MX,
     "aa 0 an CNAME+ CNAME+ CNAME+ | ns SOA+ NSEC(*.cx.)+ NSEC(*.cw.)+ NSEC()+"},
    {"q.cw.example", LDNS_RR_TYPE_CNAME, "aa 0 an CNAME+ | ns NSEC(*.cw.)+"},
    /* 3.1.4: referrals; DS at the cut is the parent's */
    {"sub.example", LDNS_RR_TYPE_A, " 0 ns NS NSEC(sub.)+ | ar A"},
    {"x.sub.example", LDNS_RR_TYPE_A, " 0 ns NS NSEC(sub.)+ | ar A"},
    {"sub.example", LDNS_RR_TYPE_DS, "aa 0 ns SOA+ NSEC(sub.)+"},
    {"sec.example", LDNS_RR_TYPE_A, " 0 ns NS DS+"},
    {"x.sec.example", LDNS_RR_TYPE_TXT, " 0 ns NS DS+"},
    {"sec.example", LDNS_RR_TYPE_DS, "aa 0 an DS+"},
    /* 3.1.1: an address that may be left out would need its signature */
    {"x.oob.example", LDNS_RR_TYPE_A, " 0 ns NS NSEC(oob.)+"},
    /* RFC 6672 5.3: the CNAME that is made has no signature */
    {"x.d.example", LDNS_RR_TYPE_A, "aa 0 an DNAME+ CNAME"},
    {"d.example", LDNS_RR_TYPE_DNAME, "aa 0 an DNAME+"},
    {"d.example", LDNS_RR_TYPE_A, "aa 0 ns SOA+ NSEC(d.)+"},
    {"www.in.example", LDNS_RR_TYPE_A, "aa 0 an DNAME+ CNAME CNAME+ A+"},
    {"zz.in.example", LDNS_RR_TYPE_A, "aa 3 an DNAME+ CNAME | ns SOA+ NSEC(www.)+ NSEC()+"},
};

static void
test_answers_are_signed_and_denied(void **state)
{
    (void)state;
    for (size_t i = 0; i < LOCUM_COUNT(rows); i++) {
        char text[512], whole[600];
        const struct locum_dns_reply given =
            ask_of(table, rows[i].name, rows[i].type, true, sizeof(reply));
        ldns_pkt *packet = read_reply(reply, given.length);
        describe_types(packet, text, sizeof(text));
        (void)snprintf(whole, sizeof(whole), "%s %u %s", ldns_pkt_aa(packet) ? "aa" : "",
                       given.rcode, text);
        if (strcmp(whole, rows[i].expected) != 0) {
            fail_msg("%s %u: %s instead of %s", rows[i].name, rows[i].type, whole,
                     rows[i].expected);
        }
        if (rows[i].type != LDNS_RR_TYPE_RRSIG) {
            assert_true(verify_section(ldns_pkt_answer(packet)) +
                            verify_section(ldns_pkt_authority(packet)) >
                        0);
        }
        assert_true(ldns_pkt_edns_do(packet));
        ldns_pkt_free(packet);
    }
}

/* Decision 10: not by one byte, except for the types that only a signed zone has. */
static void
test_answers_without_do_are_those_of_the_unsigned_zone(void **state)
{
    (void)state;
    static uint8_t other[sizeof(reply)];
    site->plan.answers[0][LOCUM_V4].ttl_s = 60;
    struct locum_dns_table *same_plan = make_table();
    for (size_t i = 0; i < LOCUM_COUNT(rows); i++) {
        const uint16_t type = rows[i].type;
        if (type == LDNS_RR_TYPE_RRSIG || type == LDNS_RR_TYPE_NSEC ||
            type == LDNS_RR_TYPE_DNSKEY || type == LDNS_RR_TYPE_CDS ||
            type == LDNS_RR_TYPE_CDNSKEY) {
            continue;
        }
        const size_t length = ask_of(plain, rows[i].name, type, false, sizeof(reply)).length;
        memcpy(other, reply, length);
        assert_int_equal(ask_of(same_plan, rows[i].name, type, false, sizeof(reply)).length,
                         length);
        assert_memory_equal(reply, other, length);
    }
    locum_dns_table_release(same_plan);
}

/* Where no chain is, NSEC and RRSIG are types like any other: a CNAME leads on. */
static void
test_a_cname_of_an_unsigned_zone_leads_on_for_every_type(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        uint16_t type;
        uint8_t answers, authorities;
    } unsigned_rows[] = {
        {"www.example", LDNS_RR_TYPE_NSEC, 1, 1},   {"www.example", LDNS_RR_TYPE_RRSIG, 1, 1},
        {"chain.example", LDNS_RR_TYPE_NSEC, 2, 1}, {"out.example", LDNS_RR_TYPE_RRSIG, 1, 0},
        {"q.cw.example", LDNS_RR_TYPE_NSEC, 2, 1},  {"a.b.example", LDNS_RR_TYPE_NSEC, 0, 1},
    };
    for (size_t i = 0; i < LOCUM_COUNT(unsigned_rows); i++) {
        (void)ask_of(plain, unsigned_rows[i].name, unsigned_rows[i].type, false, sizeof(reply));
        const uint8_t counts[] = {0, unsigned_rows[i].answers, 0, unsigned_rows[i].authorities};
        assert_memory_equal(reply + 6, counts, sizeof(counts));
    }
}

/* At every size: all of it, or TC and none of it. */
static void
test_no_rrset_is_without_its_signature(void **state)
{
    (void)state;
    for (size_t i = 0; i < LOCUM_COUNT(rows); i++) {
        const size_t whole = ask_of(table, rows[i].name, rows[i].type, true, sizeof(reply)).length;
        for (size_t size = 512; size <= LOCUM_DNS_UDP_BYTES_MAX; size += 3) {
            const struct locum_dns_reply given =
                ask_of(table, rows[i].name, rows[i].type, true, size);
            assert_int_equal(given.truncated, whole > size);
            assert_true(given.length == whole || (given.truncated && given.length < 100));
        }
    }
}

static void
test_negative_answers_fit_into_a_datagram(void **state)
{
    (void)state;
    const size_t length =
        ask_of(table, "zz.example", LDNS_RR_TYPE_A, true, LOCUM_DNS_UDP_BYTES_MAX).length;
    print_message("NXDOMAIN: %zu bytes\n", length);
    assert_true(length < 540);
}

/* Compression points to the first 16 KiB only (RFC 1035 4.1.4): the NSEC record is behind them. */
static void
test_an_answer_beyond_16_kib_is_well_formed(void **state)
{
    (void)state;
    char text[512];
    for (int i = 0; i < 90; i++) {
        (void)snprintf(text, sizeof(text), "*.big TXT \"%03d%0240d\"", i, 0);
        site_record(site, 0, text);
    }
    locum_dns_table_release(table);
    locum_signer_destroy(signer);
    assert_int_equal(locum_signer_create(&site->config, NULL, NOW, ignore, NULL, &signer), 0);
    table = make_table();
    const struct locum_dns_reply given =
        ask_of(table, "q.big.example", LDNS_RR_TYPE_TXT, true, sizeof(reply));
    assert_true(given.length > LOCUM_POINTED_MAX + 4096);
    ldns_pkt *packet = read_reply(reply, given.length);
    describe_types(packet, text, sizeof(text));
    assert_string_equal(text, "an TXT+ | ns NSEC(*.big.)+");
    assert_int_equal(verify_section(ldns_pkt_answer(packet)), 1);
    assert_int_equal(verify_section(ldns_pkt_authority(packet)), 1);
    ldns_pkt_free(packet);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers_are_signed_and_denied),
        cmocka_unit_test(test_answers_without_do_are_those_of_the_unsigned_zone),
        cmocka_unit_test(test_a_cname_of_an_unsigned_zone_leads_on_for_every_type),
        cmocka_unit_test(test_no_rrset_is_without_its_signature),
        cmocka_unit_test(test_negative_answers_fit_into_a_datagram),
        cmocka_unit_test(test_an_answer_beyond_16_kib_is_well_formed), /* changes the zone */
    };
    return cmocka_run_group_tests_name("dns/answer of a signed zone", tests, before, after);
}
