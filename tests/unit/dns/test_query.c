/* query: every kind of answer, read back with ldns. */
#include "fixture.h"

/* Allocators that count their calls. */
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *old, size_t size);
static size_t allocations;

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#elif defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#endif

#ifndef SANITIZED
#define COUNTS_ALLOCATIONS 1
void *
malloc(size_t size)
{
    allocations++;
    return __libc_malloc(size);
}

void *
calloc(size_t count, size_t size)
{
    allocations++;
    return __libc_calloc(count, size);
}

void *
realloc(void *old, size_t size)
{
    allocations++;
    return __libc_realloc(old, size);
}
#else
#define COUNTS_ALLOCATIONS 0
#endif

static uint8_t query[1024];
static uint8_t reply[LOCUM_DNS_TCP_BYTES_MAX];

static struct locum_dns_reply
give(const struct locum_dns_table *table, const struct ask *ask, uint32_t rotation,
     size_t bytes_max)
{
    const size_t length = make_query(ask, query);
    return answer_packet(table, query, length, rotation, reply, bytes_max);
}

#define SOA_TEXT                                                                                   \
    "get.example.org. 15 IN SOA dc2.example.org. hostmaster.get.example.org. 1763863258 3600 "     \
    "600 604800 15"

static struct site *
rich_site(void)
{
    struct site *site = site_new();
    site_record(site, 0, "@ CAA 0 issue \"letsencrypt.org\"");
    site_record(site, 0, "@ 300 MX 10 mail");
    site_record(site, 0, "mail A 192.0.2.99");
    site_record(site, 0, "a.b.c TXT \"deep\"");
    site_record(site, 0, "www CNAME get.example.org.");
    site_record(site, 0, "www2 CNAME WWW");
    site_record(site, 0, "out CNAME example.com.");
    site_record(site, 0, "gone CNAME nothing");
    site_record(site, 0, "raw TYPE65280 \\# 2 abcd");
    site_record(site, 0, "_x.svc HTTPS 1 . alpn=h2");
    return site;
}

static void
test_answers_and_sections(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        uint16_t type;
        ldns_pkt_rcode rcode;
        const char *text;
    } cases[] = {
        {"get.example.org", 1, 0, "an get.example.org. 60 IN A 192.0.2.12"},
        {"get.example.org", 28, 0, "an get.example.org. 60 IN AAAA 2001:db8:2::12"},
        {"GeT.eXample.ORG", 1, 0, "an GeT.eXample.ORG. 60 IN A 192.0.2.12"},
        {"dc3.get.example.org", 1, 0, "an dc3.get.example.org. 60 IN A 192.0.2.13"},
        {"dc3.get.example.org", 28, 0, "ns " SOA_TEXT},
        {"get.example.org", 6, 0,
         "an get.example.org. 60 IN SOA dc2.example.org. hostmaster.get.example.org. 1763863258 "
         "3600 600 604800 15"},
        {"get.example.org", 2, 0,
         "an get.example.org. 3600 IN NS dc2.example.org. | "
         "an get.example.org. 3600 IN NS dc3.example.org."},
        {"get.example.org", 257, 0, "an get.example.org. 60 IN CAA 0 issue \"letsencrypt.org\""},
        {"get.example.org", 15, 0, "an get.example.org. 300 IN MX 10 mail.get.example.org."},
        {"get.example.org", 16, 0, "ns " SOA_TEXT},
        {"get.example.org", 255, 0, "an get.example.org. 60 IN A 192.0.2.12"},
        {"dc3.get.example.org", 255, 0, "an dc3.get.example.org. 60 IN A 192.0.2.13"},
        {"nope.get.example.org", 1, 3, "ns " SOA_TEXT},
        {"nope.get.example.org", 255, 3, "ns " SOA_TEXT},
        {"x.nope.GET.example.org", 1, 3, "ns get.example.org"}, /* see below */
        {"a.b.c.get.example.org", 16, 0, "an a.b.c.get.example.org. 60 IN TXT \"deep\""},
        {"b.c.get.example.org", 1, 0, "ns " SOA_TEXT},
        {"c.get.example.org", 255, 0, "ns " SOA_TEXT},
        {"x.c.get.example.org", 1, 3, "ns " SOA_TEXT},
        {"www.get.example.org", 5, 0, "an www.get.example.org. 60 IN CNAME get.example.org."},
        {"www.get.example.org", 255, 0, "an www.get.example.org. 60 IN CNAME get.example.org."},
        {"www.get.example.org", 1, 0,
         "an www.get.example.org. 60 IN CNAME get.example.org. | "
         "an get.example.org. 60 IN A 192.0.2.12"},
        {"www2.get.example.org", 28, 0,
         "an www2.get.example.org. 60 IN CNAME WWW.get.example.org. | "
         "an WWW.get.example.org. 60 IN CNAME get.example.org. | "
         "an get.example.org. 60 IN AAAA 2001:db8:2::12"},
        {"www.get.example.org", 16, 0,
         "an www.get.example.org. 60 IN CNAME get.example.org. | ns " SOA_TEXT},
        {"out.get.example.org", 1, 0, "an out.get.example.org. 60 IN CNAME example.com."},
        {"gone.get.example.org", 1, 3,
         "an gone.get.example.org. 60 IN CNAME nothing.get.example.org. | ns " SOA_TEXT},
        {"raw.get.example.org", 65280, 0, "an raw.get.example.org. 60 IN TYPE65280 \\# 2 abcd"},
        {"_x.svc.get.example.org", 65, 0, "an _x.svc.get.example.org. 60 IN HTTPS 1 . alpn=h2"},
        {"example.org", 1, 5, ""},
        {"forget.example.org", 1, 5, ""},
        {"x.forget.example.org", 1, 5, ""},
        {".", 1, 5, ""},
        {"get.example.org", 252, 5, ""},
        {"get.example.org", 251, 5, ""},
    };
    struct site *site = rich_site();
    struct locum_dns_table *table = site_table(site);
    for (size_t i = 0; i < LOCUM_COUNT(cases); i++) {
        char text[4096];
        const struct ask ask = {.name = cases[i].name, .type = cases[i].type, .flags = {1, 0x30}};
        const struct locum_dns_reply given = give(table, &ask, 0, LOCUM_DNS_UDP_BYTES_MAX);
        const size_t question = make_query(&ask, query) - 12;
        assert_true(given.length >= 12 + question);
        assert_memory_equal(reply + 12, query + 12, question);
        ldns_pkt *packet = read_reply(reply, given.length);
        describe(packet, text, sizeof(text));
        if (strcmp(cases[i].name, "x.nope.GET.example.org") == 0) {
            assert_non_null(strstr(text, "ns GET.example.org. 15 IN SOA"));
        } else {
            assert_string_equal(text, cases[i].text);
        }
        assert_int_equal(ldns_pkt_get_rcode(packet), cases[i].rcode);
        assert_int_equal(given.rcode, cases[i].rcode);
        assert_true(ldns_pkt_qr(packet));
        assert_int_equal(ldns_pkt_aa(packet), cases[i].rcode != 5);
        assert_true(ldns_pkt_rd(packet));
        assert_false(ldns_pkt_ra(packet) || ldns_pkt_tc(packet) || ldns_pkt_ad(packet) ||
                     ldns_pkt_cd(packet) || ldns_pkt_edns(packet));
        assert_int_equal(ldns_pkt_id(packet), 0x1234);
        ldns_pkt_free(packet);
    }
    locum_dns_table_release(table);
    free(site);
}

static void
test_refused_and_malformed_queries(void **state)
{
    (void)state;
    static const struct {
        struct ask ask;
        size_t cut; /* bytes taken off the end */
        int rcode;  /* -1: silence */
        bool header_only;
    } cases[] = {
        {{.name = "get.example.org", .type = 1, .flags = {0x80, 0}}, 0, -1, false},
        {{.name = "get.example.org", .type = 1}, 22, -1, false},
        {{.name = "get.example.org", .type = 1, .flags = {1, 0}}, 1, 1, true},
        {{.name = "get.example.org", .type = 1, .flags = {0x29, 0}}, 0, 4, true},
        {{.name = "get.example.org", .type = 1, .class = 4}, 0, 5, false},
        {{.name = "get.example.org", .type = 1, .class = 255}, 0, 5, false},
        {{.name = "get.example.org", .type = 16, .class = 3}, 0, 5, false},
        {{.name = "version.bind", .type = 1, .class = 3}, 0, 5, false},
        {{.name = "version.bind", .type = 16, .class = 1}, 0, 5, false},
        {{.name = "get.example.org", .type = 1, .edns = true, .version = 1}, 0, 16, false},
    };
    struct site *site = site_new();
    struct locum_dns_table *table = site_table(site);
    for (size_t i = 0; i < LOCUM_COUNT(cases); i++) {
        const size_t length = make_query(&cases[i].ask, query) - cases[i].cut;
        const struct locum_dns_reply given =
            answer_packet(table, query, length, 0, reply, LOCUM_DNS_UDP_BYTES_MAX);
        if (cases[i].rcode < 0) {
            assert_int_equal(given.length, 0);
            continue;
        }
        assert_int_equal(given.rcode, cases[i].rcode);
        assert_int_equal(reply[0], 0x12);
        assert_int_equal(reply[2], 0x80 | (cases[i].ask.flags[0] & 0x79));
        assert_int_equal(reply[3], cases[i].rcode & 15);
        if (cases[i].header_only) {
            assert_int_equal(given.length, 12);
            assert_memory_equal(reply + 4, "\0\0\0\0\0\0\0\0", 8);
            continue;
        }
        ldns_pkt *packet = read_reply(reply, given.length);
        assert_int_equal(ldns_pkt_ancount(packet) + ldns_pkt_nscount(packet), 0);
        assert_int_equal(ldns_pkt_edns_extended_rcode(packet), cases[i].rcode >> 4);
        assert_int_equal(ldns_pkt_edns_version(packet), 0);
        ldns_pkt_free(packet);
    }
    locum_dns_table_release(table);
    free(site);
}

static void
test_chaos_identity(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        const char *text;
    } cases[] = {
        {"version.bind", "an version.bind. 0 CH TXT \"Locum 0.1.0\""},
        {"VERSION.server", "an VERSION.server. 0 CH TXT \"Locum 0.1.0\""},
        {"hostname.bind", "an hostname.bind. 0 CH TXT \"dc2\""},
        {"id.server", "an id.server. 0 CH TXT \"dc2\""},
    };
    struct site *site = site_new();
    struct locum_dns_table *table = site_table(site);
    for (size_t i = 0; i < LOCUM_COUNT(cases); i++) {
        char text[512];
        const struct ask ask = {.name = cases[i].name, .type = 16, .class = 3};
        ldns_pkt *packet = read_reply(reply, give(table, &ask, 0, LOCUM_DNS_UDP_BYTES_MAX).length);
        describe(packet, text, sizeof(text));
        assert_string_equal(text, cases[i].text);
        ldns_pkt_free(packet);
    }
    locum_dns_table_release(table);
    free(site);
}

static void
test_edns_is_answered_with_opt(void **state)
{
    (void)state;
    struct site *site = site_new();
    struct locum_dns_table *table = site_table(site);
    for (int dnssec_ok = 0; dnssec_ok < 2; dnssec_ok++) {
        const struct ask ask = {.name = "nope.get.example.org",
                                .type = 1,
                                .edns = true,
                                .payload = 4096,
                                .dnssec_ok = dnssec_ok != 0};
        ldns_pkt *packet = read_reply(reply, give(table, &ask, 0, LOCUM_DNS_UDP_BYTES_MAX).length);
        assert_true(ldns_pkt_edns(packet));
        assert_int_equal(ldns_pkt_edns_udp_size(packet), 1232);
        assert_int_equal(ldns_pkt_edns_do(packet), dnssec_ok);
        assert_int_equal(ldns_pkt_edns_unassigned(packet), 0);
        assert_int_equal(ldns_pkt_get_rcode(packet), LDNS_RCODE_NXDOMAIN);
        assert_int_equal(ldns_pkt_nscount(packet), 1);
        ldns_pkt_free(packet);
    }
    locum_dns_table_release(table);
    free(site);
}

/* 20 records of 50 characters: more than 1232 bytes and less than 65535. */
static void
test_long_answers_are_truncated(void **state)
{
    (void)state;
    static const struct {
        bool edns;
        uint16_t payload;
        size_t bytes_max;
        const char *name;
        bool truncated;
    } cases[] = {
        {false, 0, LOCUM_DNS_UDP_BYTES_MAX, "big.get.example.org", true},
        {true, 4096, LOCUM_DNS_UDP_BYTES_MAX, "big.get.example.org", true},
        {true, 4096, LOCUM_DNS_TCP_BYTES_MAX, "big.get.example.org", false},
        {false, 0, LOCUM_DNS_TCP_BYTES_MAX, "big.get.example.org", false},
        {false, 0, LOCUM_DNS_UDP_BYTES_MAX, "mid.get.example.org", true},
        {true, 100, LOCUM_DNS_UDP_BYTES_MAX, "mid.get.example.org", true},
        {true, 800, LOCUM_DNS_UDP_BYTES_MAX, "mid.get.example.org", false},
        {true, 65535, LOCUM_DNS_UDP_BYTES_MAX, "mid.get.example.org", false},
    };
    struct site *site = site_new();
    for (int i = 0; i < 20; i++) {
        char record[] = "big TXT \"a123456789012345678901234567890123456789012345678\"";
        record[9] = (char)('a' + i);
        site_record(site, 0, record);
        if (i < 9) {
            memcpy(record, "mid", 3);
            site_record(site, 0, record);
        }
    }
    struct locum_dns_table *table = site_table(site);
    for (size_t i = 0; i < LOCUM_COUNT(cases); i++) {
        const struct ask ask = {
            .name = cases[i].name, .type = 16, .edns = cases[i].edns, .payload = cases[i].payload};
        const struct locum_dns_reply given = give(table, &ask, 0, cases[i].bytes_max);
        ldns_pkt *packet = read_reply(reply, given.length);
        assert_int_equal(given.truncated, cases[i].truncated);
        assert_int_equal(ldns_pkt_tc(packet), cases[i].truncated);
        assert_int_equal(ldns_pkt_edns(packet), cases[i].edns);
        assert_true(ldns_pkt_aa(packet));
        assert_int_equal(ldns_pkt_ancount(packet), cases[i].truncated        ? 0
                                                   : cases[i].name[0] == 'b' ? 20
                                                                             : 9);
        ldns_pkt_free(packet);
    }
    /* To the byte: the payload that just fits, and one less. */
    const struct ask probe = {
        .name = "mid.get.example.org", .type = 16, .edns = true, .payload = 1232};
    const size_t whole = give(table, &probe, 0, LOCUM_DNS_UDP_BYTES_MAX).length;
    for (size_t less = 0; less < 2; less++) {
        struct ask ask = probe;
        ask.payload = (uint16_t)(whole - less);
        assert_int_equal(give(table, &ask, 0, LOCUM_DNS_UDP_BYTES_MAX).truncated, less == 1);
    }
    locum_dns_table_release(table);
    free(site);
}

static void
test_glue_is_added_where_it_fits(void **state)
{
    (void)state;
    struct site *site = site_new();
    char text[4096];
    site_ns(site, 0, "ns.get.example.org.");
    site_record(site, 0, "ns A 192.0.2.7");
    site_record(site, 0, "ns AAAA 2001:db8::7");
    struct locum_dns_table *table = site_table(site);
    const struct ask ask = {.name = "get.example.org", .type = 2};
    ldns_pkt *packet = read_reply(reply, give(table, &ask, 0, LOCUM_DNS_UDP_BYTES_MAX).length);
    describe(packet, text, sizeof(text));
    assert_string_equal(text, "an get.example.org. 3600 IN NS dc2.example.org. | "
                              "an get.example.org. 3600 IN NS dc3.example.org. | "
                              "an get.example.org. 3600 IN NS ns.get.example.org. | "
                              "ar ns.get.example.org. 3600 IN A 192.0.2.7 | "
                              "ar ns.get.example.org. 3600 IN AAAA 2001:db8::7");
    ldns_pkt_free(packet);
    locum_dns_table_release(table);
    for (int i = 0; i < 40; i++) {
        char record[] = "ns A 192.0.3.a";
        record[13] = (char)('0' + i % 10);
        record[11] = (char)('3' + i / 10);
        site_record(site, 0, record);
    }
    table = site_table(site);
    const struct locum_dns_reply given = give(table, &ask, 0, LOCUM_DNS_UDP_BYTES_MAX);
    packet = read_reply(reply, given.length);
    assert_false(ldns_pkt_tc(packet) || given.truncated);
    assert_int_equal(ldns_pkt_ancount(packet), 3);
    assert_int_equal(ldns_pkt_arcount(packet), 0);
    ldns_pkt_free(packet);
    packet = read_reply(reply, give(table, &ask, 0, LOCUM_DNS_TCP_BYTES_MAX).length);
    assert_int_equal(ldns_pkt_arcount(packet), 42);
    ldns_pkt_free(packet);
    locum_dns_table_release(table);
    free(site);
}

/* Which of the three addresses comes first; the others must follow it in their order. */
static size_t
first_of(const struct locum_dns_table *table, const struct ask *ask, uint32_t rotation, size_t at,
         const char *const addresses[3])
{
    ldns_pkt *packet =
        read_reply(reply, give(table, ask, rotation, LOCUM_DNS_UDP_BYTES_MAX).length);
    size_t first = 3;
    assert_int_equal(ldns_pkt_ancount(packet), at + 3);
    for (size_t j = 0; j < 3; j++) {
        const ldns_rr *rr = ldns_rr_list_rr(ldns_pkt_answer(packet), at + j);
        char *shown = ldns_rdf2str(ldns_rr_rdf(rr, 0));
        for (size_t k = 0; j == 0 && k < 3; k++) {
            first = strcmp(shown, addresses[k]) == 0 ? k : first;
        }
        assert_true(first < 3);
        assert_string_equal(shown, addresses[(first + j) % 3]);
        free(shown);
    }
    ldns_pkt_free(packet);
    return first;
}

static void
test_records_rotate_under_policy_all(void **state)
{
    (void)state;
    static const char *const firsts[] = {"192.0.2.12", "192.0.2.13", "192.0.2.14"};
    struct site *site = calloc(1, sizeof(*site));
    assert_non_null(site);
    site_node(site, "dc2", firsts[0], NULL);
    site_node(site, "dc3", firsts[1], NULL);
    site_node(site, "dc4", firsts[2], NULL);
    site_ns(site, site_zone(site, "all.test.", LOCUM_ANSWER_ALL), "ns.test.");
    site_ns(site, site_zone(site, "self.test.", LOCUM_ANSWER_SELF), "ns.test.");
    site_name(site, 0, "all.test.", LOCUM_NODE_NONE, 7);
    site_name(site, 0, "dc2.all.test.", 0, 7);
    site_name(site, 1, "self.test.", LOCUM_NODE_NONE, 7);
    site_record(site, 0, "www CNAME @");
    struct locum_dns_table *table = site_table(site);
    static const struct {
        const char *name;
        size_t at; /* of the first address in the answer */
        bool rotates;
    } cases[] = {{"all.test", 0, true},
                 {"www.all.test", 1, true},
                 {"dc2.all.test", 0, false},
                 {"self.test", 0, false}};
    enum { TURNS = 300 };
    for (size_t i = 0; i < LOCUM_COUNT(cases); i++) {
        /* A client that asks for A, then AAAA, comes with every second rotation. */
        for (uint32_t stride = 1; stride <= 6; stride++) {
            size_t counts[3] = {0};
            for (uint32_t rotation = 0; rotation < TURNS; rotation++) {
                const struct ask ask = {.name = cases[i].name, .type = 1};
                counts[first_of(table, &ask, rotation * stride, cases[i].at, firsts)]++;
            }
            for (size_t j = 0; j < 3; j++) {
                const size_t fair = cases[i].rotates ? TURNS / 3 : j == 0 ? TURNS : 0;
                assert_in_range(counts[j] + TURNS / 20, fair, fair + TURNS / 10);
            }
        }
    }
    locum_dns_table_release(table);
    free(site);
}

/* Each zone answers for its own names, and no zone for others. */
static void
test_names_belong_to_their_zone(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        ldns_pkt_rcode rcode;
        const char *soa;
    } cases[] = {
        {"x.get.example.net", 3, "get.example.net."},
        {"get.example.org", 0, "get.example.org."},
        {"x.get.example.org", 3, "get.example.org."},
        {"get.get.example.org", 3, "get.example.org."},
        {"xget.example.org", 5, NULL},
        {"example.org", 5, NULL},
        {"org", 5, NULL},
    };
    struct site *site = calloc(1, sizeof(*site));
    assert_non_null(site);
    site_ns(site, site_zone(site, "get.example.net.", LOCUM_ANSWER_SELF), "ns.test.");
    site_ns(site, site_zone(site, "get.example.org.", LOCUM_ANSWER_SELF), "ns.test.");
    struct locum_dns_table *table = site_table(site);
    for (size_t i = 0; i < LOCUM_COUNT(cases); i++) {
        const struct ask ask = {.name = cases[i].name, .type = 1};
        ldns_pkt *packet = read_reply(reply, give(table, &ask, 0, LOCUM_DNS_UDP_BYTES_MAX).length);
        assert_int_equal(ldns_pkt_get_rcode(packet), cases[i].rcode);
        assert_int_equal(ldns_pkt_nscount(packet), cases[i].soa != NULL);
        if (cases[i].soa != NULL) {
            char *owner =
                ldns_rdf2str(ldns_rr_owner(ldns_rr_list_rr(ldns_pkt_authority(packet), 0)));
            assert_string_equal(owner, cases[i].soa);
            free(owner);
        }
        ldns_pkt_free(packet);
    }
    locum_dns_table_release(table);
    free(site);
}

/* As many names as a configuration may have. */
static void
test_all_names_of_a_full_table_are_found(void **state)
{
    (void)state;
    struct site *site = site_new();
    for (size_t i = site->config.core.name_count; i < LOCUM_NAMES_MAX; i++) {
        char name[] = "aa.get.example.org.";
        name[0] = (char)('a' + i % 26);
        name[1] = (char)('a' + i / 26);
        site_name(site, 0, name, LOCUM_NODE_NONE, 1);
    }
    struct locum_dns_table *table = site_table(site);
    for (size_t i = 0; i < LOCUM_NAMES_MAX; i++) {
        const struct ask ask = {.name = site->config.names[i].name, .type = 1};
        const struct locum_dns_reply given = give(table, &ask, 0, LOCUM_DNS_UDP_BYTES_MAX);
        assert_int_equal(given.rcode, 0);
        assert_int_equal(reply[7], 1);
    }
    locum_dns_table_release(table);
    free(site);
}

static void
test_answering_allocates_nothing(void **state)
{
    (void)state;
    static const char *const names[] = {"get.example.org",     "nope.get.example.org",
                                        "www.get.example.org", "c.get.example.org",
                                        "example.com",         "version.bind"};
    struct site *site = rich_site();
    struct locum_dns_table *table = site_table(site);
    if (!COUNTS_ALLOCATIONS) {
        print_message("not counted: the sanitizer owns the allocator\n");
    }
    const size_t before = allocations;
    void *volatile block = malloc(1);
    free(block);
    assert_true(!COUNTS_ALLOCATIONS || allocations > before); /* the count works */
    for (size_t i = 0; i < LOCUM_COUNT(names); i++) {
        for (uint16_t type = 0; type < 300; type++) {
            const struct ask ask = {.name = names[i],
                                    .type = type,
                                    .class = i == 5 ? 3 : 1,
                                    .edns = (type & 1) != 0,
                                    .payload = 1232};
            const size_t length = make_query(&ask, query);
            const size_t start = allocations;
            const struct locum_dns_reply given =
                answer_packet(table, query, length, type, reply, LOCUM_DNS_UDP_BYTES_MAX);
            assert_int_equal(allocations, start);
            assert_true(given.length > 0);
        }
    }
    locum_dns_table_release(table);
    free(site);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers_and_sections),
        cmocka_unit_test(test_refused_and_malformed_queries),
        cmocka_unit_test(test_chaos_identity),
        cmocka_unit_test(test_edns_is_answered_with_opt),
        cmocka_unit_test(test_long_answers_are_truncated),
        cmocka_unit_test(test_glue_is_added_where_it_fits),
        cmocka_unit_test(test_records_rotate_under_policy_all),
        cmocka_unit_test(test_names_belong_to_their_zone),
        cmocka_unit_test(test_all_names_of_a_full_table_are_found),
        cmocka_unit_test(test_answering_allocates_nothing),
    };
    return cmocka_run_group_tests_name("dns/query", tests, NULL, NULL);
}
