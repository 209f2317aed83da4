/* query: every kind of answer, read back with ldns. */
#include "fixture.h"

/* The allocators of this program, counting: an answer must cost none. */
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *old, size_t size);
static size_t allocations;

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
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

static struct locum_reply
give(const struct locum_table *table, const struct ask *ask, uint32_t turn, size_t bytes_max)
{
    const size_t length = make_query(ask, query);
    return locum_query_answer(table, query, length, turn, reply, bytes_max);
}

/* The sections as text: "A: rr; rr N: rr X: rr", in presentation format with single blanks. */
static void
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
test_answers(void **state)
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
    struct locum_table *table = site_table(site);
    for (size_t i = 0; i < LOCUM_COUNT(cases); i++) {
        char text[4096];
        const struct ask ask = {.name = cases[i].name, .type = cases[i].type, .flags = {1, 0x30}};
        const struct locum_reply given = give(table, &ask, 0, LOCUM_DNS_UDP_BYTES_MAX);
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
    locum_table_release(table);
    free(site);
}

static void
test_no_allocation(void **state)
{
    (void)state;
    static const char *const names[] = {"get.example.org",     "nope.get.example.org",
                                        "www.get.example.org", "c.get.example.org",
                                        "example.com",         "version.bind"};
    struct site *site = rich_site();
    struct locum_table *table = site_table(site);
    if (!COUNTS_ALLOCATIONS) {
        print_message("not counted: the sanitizer owns the allocator\n");
    }
    const size_t before = allocations;
    free(malloc(1));
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
            const struct locum_reply given =
                locum_query_answer(table, query, length, type, reply, LOCUM_DNS_UDP_BYTES_MAX);
            assert_int_equal(allocations, start);
            assert_true(given.length > 0);
        }
    }
    locum_table_release(table);
    free(site);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_no_allocation),
    };
    return cmocka_run_group_tests_name("dns/query", tests, NULL, NULL);
}
