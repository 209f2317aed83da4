/* zone, check: refused records and name servers, and the text of a zone. */
#include "fixture.h"

#define L64  "aaaaaaaaaaaaaaaabbbbbbbbbbbbbbbbccccccccccccccccdddddddddddddddd"
#define LONG L64 L64 L64 "aaaaaaaaaaaaaaaabbbbbbbbbbbbbbbbccccccccccccccccddddddddddddddd"

struct collected {
    size_t count;
    struct locum_position at;
    char text[2048]; /* of the last */
};

static void
collect(void *user, const struct locum_problem *problem)
{
    struct collected *self = user;
    assert_int_equal(problem->severity, LOCUM_SEVERITY_ERROR);
    self->count++;
    self->at = problem->at;
    strcpy(self->text, problem->text);
}

static void
test_good_records_are_accepted(void **state)
{
    (void)state;
    struct site *site = site_new();
    struct collected found = {0};
    site_record(site, 0, "@ CAA 0 issue \"letsencrypt.org\"");
    site_record(site, 0, "www CNAME @");
    site_record(site, 0, "www2 CNAME www");
    site_record(site, 0, "@ TXT a");
    site_record(site, 0, "@ TXT b");
    site_record(site, 0, "mail 1h A 192.0.2.1");
    site_record(site, 0, "mail AAAA 2001:db8::1");
    site_record(site, 0, "ns A 192.0.2.1");
    site_record(site, 0, "t TXT " LONG " \"" LONG "\"");
    site_record(site, 0, "t SVCB 1 . mandatory=alpn,port alpn=\"h2,h3\" port=\"65535\" key65000=x");
    site_record(site, 0, "t SVCB 0 www");
    site_record(site, 0, "t NAPTR 100 50 \"s\" \"http\" \"\" _http._tcp");
    site_record(site, 0, "t LOC 42 21 54 N 71 06 18 W -24m 30m");
    site_record(site, 0, "t SSHFP 1 1 123456789abcdef67890 123456789abcdef67890");
    site_record(site, 0, "sshfp SSHFP 1 1 123456789abcdef67890123456789abcdef67890");
    site_record(site, 0,
                "t TLSA 3 1 1 ( 0123456789abcdef0123456789abcdef0 ; first part\n"
                "123456789abcdef0123456789abcdef )");
    site_record(site, 0, "t URI 10 1 \"https://example.com/\"");
    site_record(site, 0, "u TXT a\\\"b ( \"(\" ; )\n c ) ; \" ( \\# 4 00");
    site_record(site, 0, "u A \\# ( 4 C0 00\n0201 )");
    site_record(site, 0, "u MX \\# 8 000a 046d61696c 00 ; mail");
    site_record(site, 0, "u TXT \"\\# 3 0161\"");
    site_record(site, 0, "t IN 300 TYPE65281 \\# 3 abcdef");
    site_record(site, 0,
                "_443._tcp TLSA 3 1 1 "
                "0c72ac70b745ac19998811b131d662c9ac69dbdbe7cb23e5b514b56664c5d3d6");
    site_record(site, 0, "* TXT any");
    site_record(site, 0, "x.*.y TXT label");
    site_record(site, 0, "*.cname CNAME www");
    site_record(site, 0, "old DNAME new");
    site_record(site, 0, "old TXT beside");
    site_record(site, 0, "sub NS ns.sub");
    site_record(site, 0, "sub NS NS2.Other");
    site_record(site, 0, "sub NS other");
    site_record(site, 0, "sub NS host.old.example.com.");
    site_record(site, 0, "sub DS 1 13 3 00");
    site_record(site, 0, "ns.sub A 192.0.2.1");
    site_record(site, 0, "ns.sub AAAA 2001:db8::1");
    site_record(site, 0, "other NS other");
    site_record(site, 0, "other A 192.0.2.1");
    site_ns(site, 0, "ns.get.example.org.");
    assert_int_equal(locum_dns_check(&site->config, collect, &found), 0);
    assert_int_equal(found.count, 0);
    free(site);
}

static void
test_bad_records_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *first; /* a good record before it, or NULL */
        const char *record;
        const char *why;
    } cases[] = {
        {NULL, "www AX 1", "type is unknown"},
        {NULL, "www A 192.0.2", "not one IPv4 address"},
        {NULL, "www A", "not one IPv4 address"},
        {NULL, "www A 192.0.2.1 x", "not one IPv4 address"},
        {NULL, "", "type is missing"},
        {NULL, "www", "type is missing"},
        {NULL, "a..b A 192.0.2.1", "owner is no name"},
        {NULL, "raw TYPE65280 \\# 4 0102", "raw data"},
        {NULL, "www 300", "type is missing"},
        {NULL, "www MX mail", "a priority and a host"},
        {NULL, "www LOC 1", "form of its type"},
        {NULL, "www HTTPS 1 www mandatory=ipv4hint", "value"},
        {NULL, "www HTTPS 0 www alpn=h2", "alias"},
        {NULL, "$ORIGIN foo.", "$ORIGIN"},
        {NULL, "$TTL 5", "$TTL"},
        {NULL, "www TXT ( a", "parentheses"},
        {NULL, "www TXT a )", "parentheses"},
        {NULL, "www TXT ) a (", "parentheses"},
        {NULL, "www TXT \"a", "quotes are not closed"},
        {NULL, "\"www\" A 192.0.2.1", "owner is in quotes"},
        {NULL, "www A \\# 8 c0000201c0000202", "raw data"},
        {NULL, "www A \\# 4 c000020", "raw data"},
        {NULL, "www A \\# 4 c000020100", "raw data"},
        {NULL, "www CNAME \\# 5 0161000161", "raw data"},
        {NULL, "www MX \\# 4 000ac002", "raw data"},
        {NULL, "www RP \\# 7 c002 03616263 00", "raw data"}, /* one octet less, one more */
        {NULL, "www TXT a \\# 2 0161", "raw data"},
        {NULL, "www CNAME \\# 0", "short"},
        {NULL, "www A \\# 0", "short"},
        {NULL, "www TXT " LONG "x", "split it"},
        {NULL, "www TXT \"" LONG "\\120\"", "split it"},
        {NULL, "www TXT short \"" LONG " \"", "split it"},
        {NULL, "www HTTPS 1 . port=65536", "port"},
        {NULL, "www HTTPS 1 . alpn=h2 alpn=h3", "once"},
        {NULL, "www HTTPS 1 . alpn", "value"},
        {NULL, "www HTTPS 1 . no-default-alpn", "value"},
        {NULL, "www HTTPS 1 . mandatory=port alpn=h2", "value"},
        {NULL, "www TYPE65 \\# 7 000100 0003 0000", "value"},
        {NULL, "www TYPE65 \\# 6 000100 0003 00", "whole"},
        {NULL, "www SSHFP 4 2 abc", "digits"},
        {NULL, "www sshfp 1 1 123456789abcdef67890123456789abcdef6789", "digits"}, /* 39 */
        {NULL, "www TLSA 3 1 1 00", "digits"},
        {NULL, "www SRV \\# 2 0001", "short"},
        {NULL, "www 2147483648 A 192.0.2.1", "TTL"},
        {NULL, "www 4294967356 A 192.0.2.1", "TTL"}, /* ldns: 60 */
        {NULL, "www 7102w A 192.0.2.1", "TTL"},      /* ldns: 60 */
        {NULL, "www 99999999999999999 A 192.0.2.1", "TTL"},
        {NULL, "www 3550w1w A 192.0.2.1", "TTL"},
        {NULL, "www 60x A 192.0.2.1", "TTL"},   /* ldns: 60 */
        {NULL, "www 60-30 A 192.0.2.1", "TTL"}, /* ldns: 6030 */
        {NULL, "www 1mm A 192.0.2.1", "TTL"},
        {NULL, "www ; 60\n A 192.0.2.1", "type is missing"}, /* ldns: 0 */
        {NULL, "www IN 60x A 192.0.2.1", "TTL"},
        {NULL, "www IN 300", "type is missing"},
        {NULL, "www CH 300 TXT a", "class IN"},
        {NULL, " A 192.0.2.1", "blank"},
        {NULL, "www CH TXT a", "class IN"},
        {NULL, "www.example.com. A 192.0.2.1", "outside"},
        {NULL, "*.x NS ns.example.com.", "wildcard cannot be a delegation"},
        {NULL, "*.x DNAME example.com.", "wildcard cannot be a delegation"},
        {NULL, "@ SOA a b 1 2 3 4 5", "soa:"},
        {NULL, "@ NS ns", "ns"},
        {NULL, "sub NS ns", "ns.get.example.org has no address here"},
        {NULL, "sub NS ns.sub", "ns.sub.get.example.org has no address here"},
        {NULL, "sub NS dc3", "moves at a failover"},
        {NULL, "dc3 NS ns.example.com.", "shared or owned"},
        {NULL, "@ DS 1 13 3 00", "parent"},
        {NULL, "sub DNSKEY 256 3 13 AA==", "DNSSEC"},
        {NULL, "sub DS 1 13 3 00", "add the NS records"},
        {"sub NS ns.example.com.", "sub TXT x", "sub.get.example.org is delegated"},
        {"sub NS ns.example.com.", "sub A 192.0.2.1", "sub.get.example.org is delegated"},
        {"sub NS ns.example.com.", "ns.sub A 192.0.2.1", "sub.get.example.org is delegated"},
        {"sub NS ns.example.com.", "x.y.SUB TXT x", "sub.get.example.org is delegated"},
        {"sub NS ns.example.com.", "x.sub NS ns.example.com.", "sub.get.example.org is delegated"},
        {"sub NS ns.example.com.", "sub DNAME example.com.", "a DNAME"},
        {"sub NS ns.example.com.", "sub CNAME example.com.", "delegated"},
        {"sub DNAME example.com.", "x.sub A 192.0.2.1", "has a DNAME"},
        {"sub DNAME example.com.", "sub DNAME example.net.", "one DNAME"},
        {"sub DNAME example.com.", "sub CNAME example.net.", "only record"},
        {"ns CNAME ns.example.com.", "sub NS ns", "is a CNAME"},
        {NULL, "sub TYPE255 \\# 0", "questions"},
        {NULL, "@ A 192.0.2.1", "shared"},
        {NULL, "dc3 AAAA 2001:db8::1", "shared"},
        {NULL, "DC3 CNAME www", "shared"},
        {NULL, "@ CNAME www", "apex"},
        {"www A 192.0.2.1", "WWW CNAME x", "only record"},
        {"www CNAME x", "www CNAME y", "only record"},
        {"www CNAME x", "www TXT y", "only record"},
        {"www A 192.0.2.1", "www A 192.0.2.1", "duplicate"},
        {"www 60 A 192.0.2.1", "www 61 A 192.0.2.2", "different TTL"},
        {NULL, "www CNAME www", "loop"},
        {NULL, "* CNAME nothing", "loop"},
        {NULL, "*.x CNAME a.x", "loop"},
        {NULL, "a DNAME a", "loop"},
        {NULL, "a DNAME b.a", "loop"},
        {NULL, "x.other.example.org. A 192.0.2.1", "outside"},
    };
    for (size_t i = 0; i < LOCUM_COUNT(cases); i++) {
        struct site *site = site_new();
        struct collected found = {0};
        const size_t other = site_zone(site, "other.example.org.", LOCUM_ANSWER_SELF);
        site_ns(site, other, "ns.example.com.");
        if (cases[i].first != NULL) {
            site_record(site, 0, cases[i].first);
        }
        site_record(site, 0, cases[i].record);
        char quoted[101];
        (void)snprintf(quoted, sizeof(quoted), "%s", cases[i].record);
        const int status = locum_dns_check(&site->config, collect, &found);
        if (status != LOCUM_ERR_INVALID || found.count != 1 ||
            strstr(found.text, cases[i].why) == NULL || strstr(found.text, quoted) == NULL) {
            fail_msg("%s: status %d, %zu problems: %s", cases[i].record, status, found.count,
                     found.text);
        }
        assert_int_equal(found.at.line, cases[i].first == NULL ? 20 : 21);
        assert_int_equal(found.at.column, 9);
        free(site);
    }
}

/* RFC 1035 3.1: 255 octets on the wire, of which .get.example.org is 17. */
static void
test_names_of_255_octets(void **state)
{
    (void)state;
    static const struct {
        const char *before, *after; /* the name */
        const char *why;
    } cases[] = {
        {"", " A 192.0.2.1", "its owner"},          {"sub NS ", "", "a name in its data"},
        {"www CNAME ", "", "a name in its data"},   {"www DNAME ", "", "a name in its data"},
        {"www MX 10 ", "", "a name in its data"},   {"www RP . ", "", "a name in its data"},
        {"www HTTPS 1 ", "", "a name in its data"},
    };
    for (size_t i = 0; i < LOCUM_COUNT(cases); i++) {
        for (int octets = 255; octets <= 256; octets++) {
            struct site *site = site_new();
            struct collected found = {0};
            char record[400];
            char name[240];
            memset(name, 'a', sizeof(name));
            name[59] = name[119] = name[179] = '.';
            (void)snprintf(record, sizeof(record), "%s%.*s%s", cases[i].before, octets - 18, name,
                           cases[i].after);
            site_record(site, 0, record);
            if (octets == 255 && strstr(record, " NS ") != NULL) {
                (void)snprintf(record, sizeof(record), "%.*s A 192.0.2.1", octets - 18, name);
                site_record(site, 0, record);
            }
            const int status = locum_dns_check(&site->config, collect, &found);
            if (octets == 255 ? status != 0
                              : status != LOCUM_ERR_INVALID || found.count != 1 ||
                                    strstr(found.text, cases[i].why) == NULL) {
                fail_msg("%s: status %d, %zu problems: %s", record, status, found.count,
                         found.text);
            }
            struct locum_dns_names *names = NULL;
            assert_int_equal(locum_dns_compile(&site->config, NULL, 0, NULL, &names),
                             octets == 255 ? 0 : LOCUM_ERR_INVALID);
            locum_dns_names_release(names);
            free(site);
        }
    }
}

/* cases.md, E: the kind is any static record with an address at or for a name that moves. */
static void
test_case_ipv4hint_beside_a_shared_name(void **state)
{
    (void)state;
    static const struct {
        const char *first; /* a good record before it, or NULL */
        const char *record;
        const char *why; /* NULL: it is accepted */
    } cases[] = {
        {NULL, "@ HTTPS 1 . ipv4hint=192.0.2.12", "its ipv4hint would"},
        {NULL, "@ HTTPS 1 . alpn=h2 ipv6hint=2001:db8::12", "its ipv6hint would"},
        {NULL, "@ HTTPS 1 . alpn=h2 port=8443", NULL},
        {NULL, "DC3 SVCB 1 www ipv4hint=192.0.2.12", "its ipv4hint would"},
        {NULL, "@ TYPE65 \\# 11 000100 00040004 c0000201", "its ipv4hint would"},
        {NULL, "_8443._https HTTPS 1 . ipv4hint=192.0.2.12", "its ipv4hint would"},
        {NULL, "www HTTPS 1 get.example.org. ipv4hint=192.0.2.12", "its ipv4hint would"},
        {NULL, "www HTTPS 1 GET.example.org. ipv4hint=192.0.2.12", "its ipv4hint would"},
        {"alias CNAME dc3", "www HTTPS 1 alias ipv4hint=192.0.2.12", "its ipv4hint would"},
        {"alias CNAME x", "www HTTPS 1 alias ipv4hint=192.0.2.12", NULL},
        {NULL, "www HTTPS 1 . ipv4hint=192.0.2.99", NULL},
        {NULL, "www HTTPS 1 cdn.example.com. ipv4hint=192.0.2.99", NULL},
        {NULL, "@ L32 10 192.0.2.1", "its address would"},
        {NULL, "@ L64 10 2001:db8:1140:1000", "its address would"},
        {NULL, "@ NID 10 14:4fff:ff20:ee64", NULL},
        {NULL, "@ WKS 192.0.2.1 tcp 80", "its address would"},
        {NULL, "@ IPSECKEY 10 1 2 192.0.2.38 AQNRU3mG7TVTO2BkR47usntb102uFJtugbo6BSGvgqt4AQ==",
         "its gateway would"},
        {NULL, "@ IPSECKEY 10 0 2 . AQNRU3mG7TVTO2BkR47usntb102uFJtugbo6BSGvgqt4AQ==", NULL},
        {NULL, "@ TXT \"v=spf1 ip4:192.0.2.12 -all\"", NULL},
        {"old DNAME @", "www HTTPS 1 dc3.old ipv4hint=192.0.2.12", "its ipv4hint would"},
        {"*.x CNAME @", "www HTTPS 1 y.x ipv4hint=192.0.2.12", "its ipv4hint would"},
        {"*.x CNAME a", "www HTTPS 1 y.x ipv4hint=192.0.2.12", NULL},
        {"a.x TXT t", "www HTTPS 1 x ipv4hint=192.0.2.12", NULL},
    };
    for (size_t i = 0; i < LOCUM_COUNT(cases); i++) {
        struct site *site = site_new();
        struct collected found = {0};
        if (cases[i].first != NULL) {
            site_record(site, 0, cases[i].first);
        }
        site_record(site, 0, cases[i].record);
        const int status = locum_dns_check(&site->config, collect, &found);
        if (cases[i].why == NULL ? status != 0
                                 : status != LOCUM_ERR_INVALID || found.count != 1 ||
                                       strstr(found.text, cases[i].why) == NULL) {
            fail_msg("%s: status %d, %zu problems: %s", cases[i].record, status, found.count,
                     found.text);
        }
        free(site);
    }
}

/* cases.md, E. RFC 1035 5.1: both orders. */
static void
test_case_class_before_ttl(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint32_t ttl_s;
    } cases[] = {
        {"host IN 300 A 192.0.2.1", 300},         {"host 300 IN A 192.0.2.1", 300},
        {"host IN A 192.0.2.1", LOCUM_TTL_NONE},  {"host in 5m A 192.0.2.1", 300},
        {"host\tCLASS1  1h\tA\t192.0.2.1", 3600}, {"host IN 2147483647 TXT \"IN 300\"", INT32_MAX},
    };
    ldns_rdf *apex = locum_zone_dname("get.example.org.");
    assert_non_null(apex);
    for (size_t i = 0; i < LOCUM_COUNT(cases); i++) {
        const char *why = "";
        ldns_rr *rr = NULL;
        if (locum_zone_parse_record(cases[i].text, apex, &rr, &why) != 0) {
            fail_msg("%s: %s", cases[i].text, why);
        }
        assert_int_equal(ldns_rr_ttl(rr), cases[i].ttl_s);
        assert_int_equal(ldns_rr_get_class(rr), LDNS_RR_CLASS_IN);
        ldns_rr_free(rr);
    }
    ldns_rdf_deep_free(apex);
}

static void
test_name_servers_without_address_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *host;
        const char *why;
    } cases[] = {
        {"ns.get.example.org.", "no address"},
        {"alias.get.example.org.", "CNAME"},
    };
    for (size_t i = 0; i < LOCUM_COUNT(cases); i++) {
        struct site *site = site_new();
        struct collected found = {0};
        site_ns(site, 0, cases[i].host);
        site_record(site, 0, "alias CNAME www");
        assert_int_equal(locum_dns_check(&site->config, collect, &found), LOCUM_ERR_INVALID);
        assert_int_equal(found.count, 1);
        assert_int_equal(found.at.line, 10);
        assert_non_null(strstr(found.text, cases[i].why));
        assert_non_null(strstr(found.text, cases[i].host));
        free(site);
    }
}

/* A shared or owned name that would never be answered. */
static void
test_hidden_names_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *record;
        const char *name;
        bool good;
    } cases[] = {
        {"sub NS ns.example.com.", "x.sub.get.example.org.", false},
        {"sub DNAME example.com.", "x.sub.get.example.org.", false},
        {"sub DNAME example.com.", "*.sub.get.example.org.", false},
        {"sub DNAME example.com.", "sub.get.example.org.", true},
        {"x.sub NS ns.example.com.", "sub.get.example.org.", true},
        {"x TXT t", "*.get.example.org.", true},
    };
    for (size_t i = 0; i < LOCUM_COUNT(cases); i++) {
        struct site *site = site_new();
        struct collected found = {0};
        const size_t name = site_name(site, 0, cases[i].name, LOCUM_NODE_NONE, 1);
        site->config.names[name].at = (struct locum_position){.line = 7, .column = 3};
        site_record(site, 0, cases[i].record);
        assert_int_equal(locum_dns_check(&site->config, collect, &found),
                         cases[i].good ? 0 : LOCUM_ERR_INVALID);
        assert_int_equal(found.count, !cases[i].good);
        if (!cases[i].good) {
            assert_int_equal(found.at.line, 7);
            char start[64]; /* no dot at its end */
            (void)snprintf(start, sizeof(start), "name %.*s is below sub.get.example.org,",
                           (int)strlen(cases[i].name) - 1, cases[i].name);
            assert_non_null(strstr(found.text, start));
            assert_non_null(strstr(found.text, "shared or owned"));
        }
        free(site);
    }
}

static void
test_all_problems_are_reported(void **state)
{
    (void)state;
    struct site *site = site_new();
    struct collected found = {0};
    site_record(site, 0, "www A x");
    site_record(site, 0, "l1 CNAME l2");
    site_record(site, 0, "l2 CNAME l1");
    site_record(site, 0, "@ NS ns");
    site_ns(site, 0, "ns.get.example.org.");
    assert_int_equal(locum_dns_check(&site->config, collect, &found), LOCUM_ERR_INVALID);
    assert_int_equal(found.count, 5);
    free(site);
}

static void
test_cname_chain_of_nine_is_refused(void **state)
{
    (void)state;
    for (size_t links = 7; links <= 9; links++) {
        struct site *site = site_new();
        struct collected found = {0};
        for (size_t i = 0; i < links; i++) {
            char record[32] = "c0 CNAME c1";
            record[1] = (char)('0' + i);
            record[10] = (char)('1' + i);
            site_record(site, 0, record);
        }
        assert_int_equal(locum_dns_check(&site->config, collect, &found),
                         links > 8 ? LOCUM_ERR_INVALID : 0);
        assert_int_equal(found.count, links > 8 ? 1 : 0);
        free(site);
    }
}

/* A loop through two zones is one; a chain of nine that the zones share is none. */
static void
test_chains_through_zones(void **state)
{
    (void)state;
    static const struct {
        const char *records[2][5];
        size_t errors;
    } cases[] = {
        {{{"a CNAME b.u.test."}, {"b CNAME a.t.test."}}, 2},
        {{{"a DNAME u.test."}, {"x CNAME x.a.t.test."}}, 2},
        {{{"d DNAME d.u.test."}, {"d DNAME d.t.test."}}, 2},
        {{{"in CNAME a.u.test."}, {"a CNAME b", "b CNAME a"}}, 3},
        {{{"1 CNAME 1.u.test.", "2 CNAME 2.u.test.", "3 CNAME 3.u.test.", "4 CNAME 4.u.test.",
           "5 CNAME www.example.com."},
          {"1 CNAME 2.t.test.", "2 CNAME 3.t.test.", "3 CNAME 4.t.test.", "4 CNAME 5.t.test."}},
         0},
    };
    for (size_t i = 0; i < LOCUM_COUNT(cases); i++) {
        struct site *site = calloc(1, sizeof(*site));
        struct collected found = {0};
        assert_non_null(site);
        site_node(site, "dc2", "192.0.2.12", NULL);
        for (size_t zone = 0; zone < 2; zone++) {
            site_zone(site, zone == 0 ? "t.test." : "u.test.", LOCUM_ANSWER_SELF);
            site_ns(site, zone, "ns.example.com.");
            for (size_t j = 0; j < 5 && cases[i].records[zone][j] != NULL; j++) {
                site_record(site, zone, cases[i].records[zone][j]);
            }
        }
        assert_int_equal(locum_dns_check(&site->config, collect, &found),
                         cases[i].errors == 0 ? 0 : LOCUM_ERR_INVALID);
        assert_int_equal(found.count, cases[i].errors);
        assert_true(found.count == 0 || strstr(found.text, "loop") != NULL);
        free(site);
    }
}

/* Delegations that need each other: one address among them is enough. */
static void
test_delegations_that_need_each_other(void **state)
{
    (void)state;
    static const struct {
        const char *records[6];
        size_t errors;
    } cases[] = {
        {{"a NS ns.b", "b NS ns.a"}, 2},
        {{"a NS ns.b", "b NS ns.c", "c NS ns.a", "c NS x.y.b"}, 4},
        {{"a NS ns.b", "b NS ns.a", "ns.a A 192.0.2.1"}, 0},
        {{"a NS ns.b", "b NS ns.a", "b NS ns.example.com."}, 0},
        {{"a NS ns.b", "b NS ns.a", "c NS ns.a"}, 3},
        {{"a NS ns.b", "b NS ns.c", "c NS ns.d", "d NS ns.e", "e NS e", "e A 192.0.2.1"}, 0},
    };
    for (size_t i = 0; i < LOCUM_COUNT(cases); i++) {
        struct site *site = site_new();
        struct collected found = {0};
        for (size_t j = 0; j < 6 && cases[i].records[j] != NULL; j++) {
            site_record(site, 0, cases[i].records[j]);
        }
        assert_int_equal(locum_dns_check(&site->config, collect, &found),
                         cases[i].errors == 0 ? 0 : LOCUM_ERR_INVALID);
        assert_int_equal(found.count, cases[i].errors);
        assert_true(found.count == 0 || strstr(found.text, "need each other") != NULL);
        free(site);
    }
}

static void
test_zone_text(void **state)
{
    (void)state;
    struct site *site = site_new();
    char *text = NULL;
    site_record(site, 0, "ns A 192.0.2.1");
    site_record(site, 0, "Www TXT \"a b\"");
    site_ns(site, 0, "ns.get.example.org.");
    site->plan.answers[0][LOCUM_V4].nodes = 3; /* both */
    site->plan.answers[2][LOCUM_V4].ttl_s = 15;
    assert_int_equal(locum_dns_zone_text(NULL, &site->config, 0, &site->plan, NULL, 7, &text), 0);
    assert_string_equal(
        text, "get.example.org.\t60\tIN\tSOA\tdc2.example.org. hostmaster.get.example.org. 7 3600 "
              "600 604800 15\n"
              "get.example.org.\t3600\tIN\tNS\tdc2.example.org.\n"
              "get.example.org.\t3600\tIN\tNS\tdc3.example.org.\n"
              "get.example.org.\t3600\tIN\tNS\tns.get.example.org.\n"
              "ns.get.example.org.\t3600\tIN\tA\t192.0.2.1\n"
              "www.get.example.org.\t60\tIN\tTXT\t\"a b\"\n"
              "get.example.org.\t60\tIN\tA\t192.0.2.12\n"
              "get.example.org.\t60\tIN\tA\t192.0.2.13\n"
              "get.example.org.\t60\tIN\tAAAA\t2001:db8:2::12\n"
              "dc2.get.example.org.\t60\tIN\tA\t192.0.2.12\n"
              "dc2.get.example.org.\t60\tIN\tAAAA\t2001:db8:2::12\n"
              "dc3.get.example.org.\t15\tIN\tA\t192.0.2.13\n");
    free(text);
    strcpy(site->config.zones[0].records[1].text, "www A x");
    assert_int_equal(locum_dns_zone_text(NULL, &site->config, 0, &site->plan, NULL, 7, &text),
                     LOCUM_ERR_INVALID);
    free(site);
}

/* ldns 1.8.3 ends the program where the parameters of SVCB cross the end of its buffer. */
static void
test_zone_text_of_any_length(void **state)
{
    (void)state;
    for (size_t length = 1; length < 400; length++) {
        struct site *site = site_new();
        char record[600] = "a TXT \"";
        char *text = NULL;
        for (size_t i = 0; i < length; i++) {
            strcat(record, i % 200 == 199 ? "\" \"" : "x");
        }
        strcat(record, "\"");
        site_record(site, 0, record);
        site_record(site, 0,
                    "b HTTPS 1 . alpn=h2,h3 no-default-alpn port=8443 key65000=abcdefghijklmnop");
        assert_int_equal(locum_dns_zone_text(NULL, &site->config, 0, &site->plan, NULL, 7, &text),
                         0);
        free(text);
        free(site);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good_records_are_accepted),
        cmocka_unit_test(test_bad_records_are_refused),
        cmocka_unit_test(test_names_of_255_octets),
        cmocka_unit_test(test_case_ipv4hint_beside_a_shared_name),
        cmocka_unit_test(test_case_class_before_ttl),
        cmocka_unit_test(test_name_servers_without_address_are_refused),
        cmocka_unit_test(test_hidden_names_are_refused),
        cmocka_unit_test(test_all_problems_are_reported),
        cmocka_unit_test(test_cname_chain_of_nine_is_refused),
        cmocka_unit_test(test_chains_through_zones),
        cmocka_unit_test(test_delegations_that_need_each_other),
        cmocka_unit_test(test_zone_text),
        cmocka_unit_test(test_zone_text_of_any_length),
    };
    return cmocka_run_group_tests_name("dns/zone", tests, NULL, NULL);
}
