/* answer: wildcards, delegations, DNAME and chains, each by the section of its RFC. */
#include "fixture.h"

#include "dns/answer.h"

static uint8_t query[1024];
static uint8_t reply[LOCUM_DNS_TCP_BYTES_MAX];

struct answer_row {
    const char *name;
    uint16_t type;
    const char *flags; /* "aa" or ""; then the rcode's number, if it is not 0 */
    const char *text;
};

/* Each row asked without EDNS, over TCP, so that all answers fit. */
static void
check_rows(const struct site *site, const struct answer_row *rows, size_t count)
{
    struct locum_dns_table *table = site_table(site);
    for (size_t i = 0; i < count; i++) {
        char text[4096];
        char flags[8];
        const struct ask ask = {.name = rows[i].name, .type = rows[i].type};
        const size_t length = make_query(&ask, query);
        const struct locum_dns_reply given =
            answer_packet(table, query, length, 0, reply, LOCUM_DNS_TCP_BYTES_MAX);
        ldns_pkt *packet = read_reply(reply, given.length);
        describe(packet, text, sizeof(text));
        (void)snprintf(flags, sizeof(flags), "%s%s", ldns_pkt_aa(packet) ? "aa" : "",
                       ldns_pkt_tc(packet) ? "tc" : "");
        if (given.rcode != 0) {
            (void)snprintf(flags + strlen(flags), sizeof(flags) - strlen(flags), "%u", given.rcode);
        }
        ldns_pkt_free(packet);
        if (strcmp(text, rows[i].text) != 0 || strcmp(flags, rows[i].flags) != 0) {
            fail_msg("%s %u: %s %s", rows[i].name, rows[i].type, flags, text);
        }
    }
    locum_dns_table_release(table);
}

static struct site *
site_with(const char *zone, const char *const records[])
{
    struct site *site = calloc(1, sizeof(*site));
    assert_non_null(site);
    site_node(site, "dc2", "192.0.2.12", "2001:db8:2::12");
    site_node(site, "dc3", "192.0.2.13", NULL);
    site_ns(site, site_zone(site, zone, LOCUM_ANSWER_SELF), "ns.example.com.");
    site_ns(site, 0, "ns.example.net.");
    for (size_t i = 0; records[i] != NULL; i++) {
        site_record(site, 0, records[i]);
    }
    return site;
}

#define NEGATIVE(zone)                                                                             \
    "ns " zone " 15 IN SOA ns.example.com. hostmaster." zone " 1763863258 3600 600 604800 15"
#define HOST1 "host1.example."

/* The zone of RFC 4592 2.2.1 and its questions, and some more. */
static void
test_wildcards_of_rfc4592(void **state)
{
    (void)state;
    static const char *const records[] = {
        "* TXT \"this is a wildcard\"",
        "* MX 10 host1",
        "sub.* TXT \"this is not a wildcard\"",
        "host1 A 192.0.2.1",
        "_ssh._tcp.host1 SRV 0 0 22 host1",
        "_ssh._tcp.host2 SRV 0 0 22 host1",
        "subdel NS ns.example.com.",
        "subdel NS ns.example.net.",
        NULL,
    };
    static const struct answer_row rows[] = {
        {"host3.example", 15, "aa", "an host3.example. 60 IN MX 10 " HOST1},
        {"host3.example", 1, "aa", NEGATIVE("example.")},
        {"foo.bar.example", 16, "aa", "an foo.bar.example. 60 IN TXT \"this is a wildcard\""},
        {"host1.example", 15, "aa", NEGATIVE("example.")},
        {"sub.*.example", 15, "aa", NEGATIVE("example.")},
        {"_telnet._tcp.host1.example", 33, "aa3", NEGATIVE("example.")},
        {"host.subdel.example", 1, "",
         "ns subdel.example. 3600 IN NS ns.example.com. | "
         "ns subdel.example. 3600 IN NS ns.example.net."},
        {"ghost.*.example", 15, "aa3", NEGATIVE("example.")},
        /* 2.2.2: empty non-terminals exist. */
        {"_tcp.host1.example", 16, "aa", NEGATIVE("example.")},
        {"host2.example", 16, "aa", NEGATIVE("example.")},
        {"x.host2.example", 16, "aa3", NEGATIVE("example.")},
        /* 2.3, 2.1.1: asked for itself, a wildcard is an ordinary name; case does not matter. */
        {"*.example", 16, "aa", "an *.example. 60 IN TXT \"this is a wildcard\""},
        {"*.example", 1, "aa", NEGATIVE("example.")},
        {"SUB.*.Example", 16, "aa", "an SUB.*.Example. 60 IN TXT \"this is not a wildcard\""},
        {"*.*.example", 16, "aa3", NEGATIVE("example.")},
        {"**.example", 16, "aa", "an **.example. 60 IN TXT \"this is a wildcard\""},
        {"a.*.b.example", 16, "aa", "an a.*.b.example. 60 IN TXT \"this is a wildcard\""},
        {"HOST3.example", 255, "aa", "an HOST3.example. 60 IN MX 10 " HOST1},
    };
    struct site *site = site_with("example.", records);
    check_rows(site, rows, LOCUM_COUNT(rows));
    free(site);
}

/* Wildcards below the apex, empty ones, and those with a CNAME. */
static void
test_wildcards(void **state)
{
    (void)state;
    static const char *const records[] = {
        "*.w TXT any",
        "b.w TXT b",
        "x.*.empty TXT deep",
        "*.c CNAME www",
        "www A 192.0.2.1",
        "*.loop CNAME x.y.w",
        "*.out CNAME a.example.net.",
        "*.gone CNAME none",
        "*.chain CNAME z.c",
        NULL,
    };
#define ZONE "t.test."
    static const struct answer_row rows[] = {
        {"a.w.t.test", 16, "aa", "an a.w.t.test. 60 IN TXT \"any\""},
        {"a.b.w.t.test", 16, "aa3", NEGATIVE(ZONE)},
        {"y.a.w.t.test", 16, "aa", "an y.a.w.t.test. 60 IN TXT \"any\""},
        {"w.t.test", 16, "aa", NEGATIVE(ZONE)},
        {"a.empty.t.test", 16, "aa", NEGATIVE(ZONE)},
        {"a.t.test", 16, "aa3", NEGATIVE(ZONE)},
        {"a.c.t.test", 1, "aa",
         "an a.c.t.test. 60 IN CNAME www.t.test. | an www.t.test. 60 IN A 192.0.2.1"},
        {"a.c.t.test", 5, "aa", "an a.c.t.test. 60 IN CNAME www.t.test."},
        {"a.c.t.test", 28, "aa", "an a.c.t.test. 60 IN CNAME www.t.test. | " NEGATIVE(ZONE)},
        {"a.loop.t.test", 16, "aa",
         "an a.loop.t.test. 60 IN CNAME x.y.w.t.test. | an x.y.w.t.test. 60 IN TXT \"any\""},
        {"a.out.t.test", 16, "aa", "an a.out.t.test. 60 IN CNAME a.example.net."},
        {"a.gone.t.test", 16, "aa3",
         "an a.gone.t.test. 60 IN CNAME none.t.test. | " NEGATIVE(ZONE)},
        {"a.chain.t.test", 1, "aa",
         "an a.chain.t.test. 60 IN CNAME z.c.t.test. | an z.c.t.test. 60 IN CNAME www.t.test. | "
         "an www.t.test. 60 IN A 192.0.2.1"},
    };
    struct site *site = site_with(ZONE, records);
    check_rows(site, rows, LOCUM_COUNT(rows));
    free(site);
}

/* RFC 1034 4.3.2 3b, RFC 4035 3.1.4.1. */
static void
test_delegations(void **state)
{
    (void)state;
    static const char *const records[] = {
        "d NS ns.d",
        "d NS NS2.t.test.",
        "d NS ns.example.com.",
        "ns.d A 192.0.2.1",
        "ns.d AAAA 2001:db8::1",
        "ns2 A 192.0.2.2",
        "s NS ns.u",
        "s DS 7 13 3 00ff",
        "u NS u",
        "u 60 A 192.0.2.3",
        "to CNAME a.d",
        "tods CNAME s",
        "x.deep NS ns.example.com.",
        NULL,
    };
#define REFERRAL                                                                                   \
    "ns d.t.test. 3600 IN NS ns.d.t.test. | ns d.t.test. 3600 IN NS NS2.t.test. | "                \
    "ns d.t.test. 3600 IN NS ns.example.com. | ar ns.d.t.test. 3600 IN A 192.0.2.1 | "             \
    "ar ns.d.t.test. 3600 IN AAAA 2001:db8::1 | ar NS2.t.test. 3600 IN A 192.0.2.2"
    static const struct answer_row rows[] = {
        {"d.t.test", 1, "", REFERRAL},
        {"d.t.test", 2, "", REFERRAL},
        {"d.t.test", 255, "", REFERRAL},
        {"d.t.test", 6, "", REFERRAL},
        {"a.b.d.t.test", 16, "", REFERRAL},
        {"ns.d.t.test", 1, "", REFERRAL}, /* glue is no answer */
        {"ns.d.t.test", 43, "", REFERRAL},
        {"d.t.test", 43, "aa", NEGATIVE(ZONE)},
        {"s.t.test", 43, "aa", "an s.t.test. 3600 IN DS 7 13 3 00ff"},
        {"x.s.t.test", 43, "", "ns s.t.test. 3600 IN NS ns.u.t.test."},
        {"u.t.test", 1, "", "ns u.t.test. 3600 IN NS u.t.test. | ar u.t.test. 60 IN A 192.0.2.3"},
        {"t.test", 43, "aa", NEGATIVE(ZONE)},
        {"ns2.t.test", 43, "aa", NEGATIVE(ZONE)},
        {"deep.t.test", 2, "aa", NEGATIVE(ZONE)},
        {"y.x.deep.t.test", 2, "", "ns x.deep.t.test. 3600 IN NS ns.example.com."},
        {"to.t.test", 1, "aa", "an to.t.test. 60 IN CNAME a.d.t.test. | " REFERRAL},
        {"tods.t.test", 43, "aa",
         "an tods.t.test. 60 IN CNAME s.t.test. | an s.t.test. 3600 IN DS 7 13 3 00ff"},
    };
    struct site *site = site_with(ZONE, records);
    check_rows(site, rows, LOCUM_COUNT(rows));
    free(site);
}

/* RFC 9471: what a resolver cannot find elsewhere is complete, or TC is set. */
static void
test_glue_that_does_not_fit(void **state)
{
    (void)state;
    static const char *const records[] = {NULL};
    for (int inside = 0; inside < 2; inside++) {
        struct site *site = site_with(ZONE, records);
        char record[64];
        site_record(site, 0, inside != 0 ? "d NS ns.d" : "d NS ns.e");
        site_record(site, 0, "e NS ns.e");
        for (int i = 1; i < 40; i++) {
            (void)snprintf(record, sizeof(record), "ns.%c A 192.0.2.%d", inside != 0 ? 'd' : 'e',
                           i);
            site_record(site, 0, record);
        }
        struct locum_dns_table *table = site_table(site);
        const struct ask ask = {.name = "x.d.t.test", .type = 1};
        const size_t length = make_query(&ask, query);
        ldns_pkt *packet = read_reply(
            reply, answer_packet(table, query, length, 0, reply, LOCUM_DNS_UDP_BYTES_MAX).length);
        assert_int_equal(ldns_pkt_tc(packet), inside);
        assert_int_equal(ldns_pkt_nscount(packet), !inside);
        assert_int_equal(ldns_pkt_arcount(packet), 0);
        ldns_pkt_free(packet);
        packet = read_reply(
            reply, answer_packet(table, query, length, 0, reply, LOCUM_DNS_TCP_BYTES_MAX).length);
        assert_int_equal(ldns_pkt_arcount(packet), 39);
        ldns_pkt_free(packet);
        locum_dns_table_release(table);
        free(site);
    }
}

#define L50 "a2345678901234567890123456789012345678901234567890"
#define L60 L50 "1234567890"

/* RFC 6672. */
static void
test_dname(void **state)
{
    (void)state;
    static const char *const records[] = {
        "o 300 DNAME n",    "o TXT beside",
        "a.n A 192.0.2.1",  "*.w.n TXT any",
        "x DNAME example.", "to CNAME a.o",
        "twice DNAME o",    "d NS ns.example.com.",
        "below DNAME d",    "long DNAME " L60 "." L60 "." L60 "." L50,
        "*.c CNAME a.o",    NULL,
    };
#define DNAME_O         "an o.t.test. 300 IN DNAME n.t.test."
#define SYNTHETIC(name) " | an " name ".o.t.test. 300 IN CNAME " name ".n.t.test."
    static const struct answer_row rows[] = {
        {"o.t.test", 39, "aa", DNAME_O},
        {"o.t.test", 16, "aa", "an o.t.test. 60 IN TXT \"beside\""},
        {"o.t.test", 1, "aa", NEGATIVE(ZONE)},
        {"a.o.t.test", 1, "aa", DNAME_O SYNTHETIC("a") " | an a.n.t.test. 60 IN A 192.0.2.1"},
        {"A.o.t.test", 1, "aa", DNAME_O SYNTHETIC("A") " | an A.n.t.test. 60 IN A 192.0.2.1"},
        {"a.o.t.test", 5, "aa", DNAME_O SYNTHETIC("a")},
        {"a.o.t.test", 255, "aa", DNAME_O SYNTHETIC("a")},
        {"a.o.t.test", 39, "aa", DNAME_O SYNTHETIC("a") " | " NEGATIVE(ZONE)},
        {"b.o.t.test", 1, "aa3", DNAME_O SYNTHETIC("b") " | " NEGATIVE(ZONE)},
        {"b.w.o.t.test", 16, "aa",
         DNAME_O SYNTHETIC("b.w") " | an b.w.n.t.test. 60 IN TXT \"any\""},
        {"a.x.t.test", 1, "aa",
         "an x.t.test. 60 IN DNAME example. | an a.x.t.test. 60 IN CNAME a.example."},
        {"to.t.test", 1, "aa",
         "an to.t.test. 60 IN CNAME a.o.t.test. | " DNAME_O SYNTHETIC(
             "a") " | an a.n.t.test. 60 IN A 192.0.2.1"},
        {"z.c.t.test", 1, "aa",
         "an z.c.t.test. 60 IN CNAME a.o.t.test. | " DNAME_O SYNTHETIC(
             "a") " | an a.n.t.test. 60 IN A 192.0.2.1"},
        {"a.twice.t.test", 1, "aa",
         "an twice.t.test. 60 IN DNAME o.t.test. | an a.twice.t.test. 60 IN CNAME a.o.t.test. "
         "| " DNAME_O SYNTHETIC("a") " | an a.n.t.test. 60 IN A 192.0.2.1"},
        {"a.below.t.test", 1, "aa",
         "an below.t.test. 60 IN DNAME d.t.test. | an a.below.t.test. 60 IN CNAME a.d.t.test. | "
         "ns d.t.test. 3600 IN NS ns.example.com."},
        {"a.long.t.test", 1, "aa3",
         "an long.t.test. 60 IN DNAME " L60 "." L60 "." L60 "." L50 ".t.test. | "
         "an a.long.t.test. 60 IN CNAME a." L60 "." L60 "." L60 "." L50
         ".t.test. | " NEGATIVE(ZONE)},
        {L50 ".long.t.test", 1, "aa6",
         "an long.t.test. 60 IN DNAME " L60 "." L60 "." L60 "." L50 ".t.test."},
    };
    struct site *site = site_with(ZONE, records);
    check_rows(site, rows, LOCUM_COUNT(rows));
    free(site);
}

/* A resolver asks for each zone itself: what is in another one is not part of the answer. */
static void
test_chains_end_with_the_zone(void **state)
{
    (void)state;
    static const char *const records[] = {"c CNAME a.u.test.", "d DNAME u.test.",
                                          "n CNAME x.u.test.", "a.b A 192.0.2.2", NULL};
    static const struct answer_row rows[] = {
        {"c.t.test", 1, "aa", "an c.t.test. 60 IN CNAME a.u.test."},
        {"n.t.test", 1, "aa", "an n.t.test. 60 IN CNAME x.u.test."},
        {"a.d.t.test", 1, "aa",
         "an d.t.test. 60 IN DNAME u.test. | an a.d.t.test. 60 IN CNAME a.u.test."},
        {"back.u.test", 1, "aa", "an back.u.test. 60 IN CNAME a.b.t.test."},
        {"a.u.test", 1, "aa", "an a.u.test. 60 IN A 192.0.2.1"},
    };
    struct site *site = site_with(ZONE, records);
    site_ns(site, site_zone(site, "u.test.", LOCUM_ANSWER_SELF), "ns.example.com.");
    site_record(site, 1, "a A 192.0.2.1");
    site_record(site, 1, "back CNAME a.b.t.test.");
    check_rows(site, rows, LOCUM_COUNT(rows));
    free(site);
}

/* A loop that the checks would refuse ends after the most links, and so does a chain. */
static void
test_chains_end(void **state)
{
    (void)state;
    static const char *const records[] = {"a CNAME b", "b CNAME a", "d DNAME e", "e DNAME d", NULL};
    struct site *site = site_with(ZONE, records);
    struct locum_dns_table *table = site_table(site);
    static const char *const names[] = {"a.t.test", "x.d.t.test"};
    for (size_t i = 0; i < 2; i++) {
        const struct ask ask = {.name = names[i], .type = 1};
        const size_t length = make_query(&ask, query);
        ldns_pkt *packet = read_reply(
            reply, answer_packet(table, query, length, 0, reply, LOCUM_DNS_TCP_BYTES_MAX).length);
        assert_int_equal(ldns_pkt_ancount(packet), (LOCUM_CNAME_CHAIN_MAX + 1) * (i + 1));
        assert_int_equal(ldns_pkt_get_rcode(packet), 0);
        ldns_pkt_free(packet);
    }
    locum_dns_table_release(table);
    free(site);
}

/* Shared and owned names: wildcards, names at the end of a chain, and without an answer. */
static void
test_names_of_the_plan(void **state)
{
    (void)state;
    static const char *const records[] = {"www CNAME any", "sub.here TXT t", "old DNAME @", NULL};
    static const struct answer_row rows[] = {
        {"foo.t.test", 1, "aa", "an foo.t.test. 60 IN A 192.0.2.12"},
        {"foo.bar.t.test", 28, "aa", "an foo.bar.t.test. 60 IN AAAA 2001:db8:2::12"},
        {"*.t.test", 1, "aa", "an *.t.test. 60 IN A 192.0.2.12"},
        {"foo.t.test", 16, "aa", NEGATIVE(ZONE)},
        {"here.t.test", 1, "aa", NEGATIVE(ZONE)},
        {"x.here.t.test", 1, "aa3", NEGATIVE(ZONE)},
        {"www.t.test", 1, "aa",
         "an www.t.test. 60 IN CNAME any.t.test. | an any.t.test. 60 IN A 192.0.2.12"},
        {"x.old.t.test", 1, "aa",
         "an old.t.test. 60 IN DNAME t.test. | an x.old.t.test. 60 IN CNAME x.t.test. | "
         "an x.t.test. 60 IN A 192.0.2.12"},
        {"dc3.t.test", 1, "aa", "an dc3.t.test. 60 IN A 192.0.2.13"},
        {"dc3.t.test", 28, "aa", NEGATIVE(ZONE)},
        {"none.t.test", 1, "aa", NEGATIVE(ZONE)},
        {"none.t.test", 255, "aa", NEGATIVE(ZONE)},
    };
    struct site *site = site_with(ZONE, records);
    site_name(site, 0, "*.t.test.", LOCUM_NODE_NONE, 1);
    site_name(site, 0, "dc3.t.test.", 1, 2);
    site_name(site, 0, "none.t.test.", 1, 0);
    check_rows(site, rows, LOCUM_COUNT(rows));
    free(site);
}

/* What answers belong to for the limiter: random names share a bucket. */
static void
test_owners_for_the_limiter(void **state)
{
    (void)state;
    static const char *const records[] = {"*.w TXT any",
                                          "d NS ns.example.com.",
                                          "o DNAME n",
                                          "*.n A 192.0.2.1",
                                          "l CNAME nothing",
                                          "a TXT t",
                                          NULL};
    static const struct {
        const char *name, *same; /* share a bucket */
        uint16_t type;
        enum locum_limit_kind kind;
    } rows[] = {
        {"x1.w.t.test", "y.x2.w.t.test", 16, LOCUM_LIMIT_NAME},
        {"x1.d.t.test", "y.x2.d.t.test", 16, LOCUM_LIMIT_NAME},
        {"x1.o.t.test", "x2.o.t.test", 1, LOCUM_LIMIT_NAME},
        {"x1.t.test", "x2.t.test", 1, LOCUM_LIMIT_NXDOMAIN},
        {"l.t.test", "x2.t.test", 1, LOCUM_LIMIT_NXDOMAIN},
        {"x1.w.t.test", "a.t.test", 1, LOCUM_LIMIT_NODATA},
        {"x1.w.t.test", "a.t.test", 255, LOCUM_LIMIT_ANY},
    };
    struct site *site = site_with(ZONE, records);
    struct locum_dns_table *table = site_table(site);
    for (size_t i = 0; i < LOCUM_COUNT(rows); i++) {
        struct locum_answer_draft drafts[2];
        for (size_t j = 0; j < 2; j++) {
            const struct ask ask = {.name = j == 0 ? rows[i].name : rows[i].same,
                                    .type = rows[i].type};
            struct locum_question question;
            const size_t length = make_query(&ask, reply);
            assert_int_equal(locum_packet_parse(reply, length, &question), LOCUM_PARSED_QUESTION);
            drafts[j] = (struct locum_answer_draft){.table = table,
                                                    .question = &question,
                                                    .message = reply,
                                                    .length = length,
                                                    .length_max = sizeof(reply)};
            assert_true(locum_answer_compose(&drafts[j]));
            assert_int_equal(drafts[j].kind, rows[i].kind);
        }
        assert_int_equal(drafts[0].owner, drafts[1].owner);
    }
    locum_dns_table_release(table);
    free(site);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wildcards_of_rfc4592),
        cmocka_unit_test(test_wildcards),
        cmocka_unit_test(test_delegations),
        cmocka_unit_test(test_glue_that_does_not_fit),
        cmocka_unit_test(test_dname),
        cmocka_unit_test(test_chains_end_with_the_zone),
        cmocka_unit_test(test_chains_end),
        cmocka_unit_test(test_names_of_the_plan),
        cmocka_unit_test(test_owners_for_the_limiter),
    };
    return cmocka_run_group_tests_name("dns/answer", tests, NULL, NULL);
}
