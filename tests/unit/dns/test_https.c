/* HTTPS records follow the plan: their hints are the addresses of A and AAAA, whatever it is. */
#include "fixture.h"

#include "dns/https.h"

enum { PLANS = 400, NODES = 5, REPLY_BYTES = 65535 };

static void
turn_on(struct site *site)
{
    strcpy(site->config.zones[0].alpn[0], "h2");
    strcpy(site->config.zones[0].alpn[1], "h3");
    site->config.zones[0].alpn_count = 2;
}

/* The answer as text. */
static void
answer(const struct locum_dns_table *table, const char *name, uint16_t type, char *text,
       size_t size)
{
    uint8_t query[512];
    uint8_t reply[REPLY_BYTES];
    const struct ask ask = {.name = name, .type = type};
    const struct locum_dns_reply sent =
        answer_packet(table, query, make_query(&ask, query), 7, reply, sizeof(reply));
    ldns_pkt *packet = read_reply(reply, sent.length);
    describe(packet, text, size);
    ldns_pkt_free(packet);
}

static void
assert_answer(const struct site *site, const char *name, uint16_t type, const char *expected)
{
    char text[4096];
    struct locum_dns_table *table = site_table(site);
    answer(table, name, type, text, sizeof(text));
    assert_string_equal(text, expected);
    locum_dns_table_release(table);
}

static void
test_the_record(void **state)
{
    (void)state;
    struct site *site = site_new();
    static const char soa[] = "ns get.example.org. 15 IN SOA dc2.example.org. "
                              "hostmaster.get.example.org. 1763863258 3600 600 604800 15";
    assert_answer(site, "get.example.org", LOCUM_TYPE_HTTPS, soa);
    turn_on(site);
    assert_answer(site, "get.example.org", LOCUM_TYPE_HTTPS,
                  "an get.example.org. 60 IN HTTPS 1 . alpn=h2,h3 ipv4hint=192.0.2.12 "
                  "ipv6hint=2001:db8:2::12");
    /* A takeover: dc3 has no IPv6 address. The shorter TTL of both. */
    site->plan.answers[1][LOCUM_V4] = (struct locum_answer){.nodes = 1u << 1, .ttl_s = 15};
    assert_answer(site, "dc2.get.example.org", LOCUM_TYPE_HTTPS,
                  "an dc2.get.example.org. 15 IN HTTPS 1 . alpn=h2,h3 ipv4hint=192.0.2.13 "
                  "ipv6hint=2001:db8:2::12");
    assert_answer(site, "dc3.get.example.org", LOCUM_TYPE_HTTPS,
                  "an dc3.get.example.org. 60 IN HTTPS 1 . alpn=h2,h3 ipv4hint=192.0.2.13");
    /* No address at all: the type exists, and has no record. */
    memset(site->plan.answers[2], 0, sizeof(site->plan.answers[2]));
    assert_answer(site, "dc3.get.example.org", LOCUM_TYPE_HTTPS, soa);
    free(site);
}

static uint32_t
next_random(uint32_t *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 8;
}

/* Five nodes, each with up to four addresses; any of them in each answer of each name. */
static void
make_random(struct site *site, uint32_t *seed)
{
    while (site->config.core.node_count < NODES) {
        char name[8], v4[16];
        (void)snprintf(name, sizeof(name), "n%zu", site->config.core.node_count);
        (void)snprintf(v4, sizeof(v4), "192.0.2.%zu", 50 + site->config.core.node_count);
        site_node(site, name, v4, NULL);
    }
    for (size_t node = 0; node < NODES; node++) {
        struct locum_config_node *to = &site->config.nodes[node];
        for (uint32_t more = next_random(seed) % 3; more > 0; more--) {
            char text[40];
            const bool v6 = next_random(seed) % 2 == 0;
            (void)snprintf(text, sizeof(text), v6 ? "2001:db8::%zx:%x" : "198.51.%zu.%u", node,
                           next_random(seed) % 200);
            to->address[to->address_count++] = address(text, 0);
        }
    }
    for (size_t name = 0; name < site->config.core.name_count; name++) {
        for (int f = 0; f < LOCUM_FAMILIES; f++) {
            struct locum_answer *of = &site->plan.answers[name][f];
            of->nodes = next_random(seed) % (1u << NODES);
            of->ttl_s = next_random(seed) % 2 == 0 ? 60 : 15;
        }
    }
}

/* How many addresses an answer has; each is in the hints. */
static size_t
count_in_hints(const char *records, const char *hints)
{
    size_t count = 0;
    char copy[4096];
    (void)strcpy(copy, records);
    for (char *rest = copy, *rr = strsep(&rest, "|"); rr != NULL; rr = strsep(&rest, "|")) {
        char wanted[2][64];
        char *end = rr + strlen(rr);
        end[-(end > rr && end[-1] == ' ')] = '\0';
        const char *data = strrchr(rr, ' ') + 1;
        (void)snprintf(wanted[0], sizeof(wanted[0]), "=%s", data);
        (void)snprintf(wanted[1], sizeof(wanted[1]), ",%s", data);
        if (strstr(rr, " SOA ") != NULL) {
            return 0;
        }
        if (strstr(hints, wanted[0]) == NULL && strstr(hints, wanted[1]) == NULL) {
            fail_msg("%s is not in %s", data, hints);
        }
        count++;
    }
    return count;
}

static size_t
count_hints(const char *hints)
{
    const char *at = strstr(hints, "hint=");
    size_t count = 0;
    for (; at != NULL && *at != '\0'; at++) {
        count += *at == ',' || strncmp(at, "hint=", 5) == 0;
    }
    return count;
}

/* Hints never contain an address that A and AAAA of the same plan do not, and all of them. The
 * text of the zone, which NSD gets, has the same record. */
static void
test_hints_are_the_addresses_of_any_plan(void **state)
{
    uint32_t seed = 4711;
    (void)state;
    for (size_t round = 0; round < PLANS; round++) {
        struct site *site = site_new();
        turn_on(site);
        make_random(site, &seed);
        char *zone;
        struct locum_dns_table *table = site_table(site);
        assert_int_equal(locum_dns_zone_text(NULL, &site->config, 0, &site->plan, NULL, 7, &zone),
                         0);
        for (size_t name = 0; name < site->config.core.name_count; name++) {
            char a[4096], aaaa[4096], https[4096], line[4200];
            const char *of = site->config.names[name].name;
            answer(table, of, LOCUM_TYPE_A, a, sizeof(a));
            answer(table, of, LOCUM_TYPE_AAAA, aaaa, sizeof(aaaa));
            answer(table, of, LOCUM_TYPE_HTTPS, https, sizeof(https));
            const size_t addresses = count_in_hints(a, https) + count_in_hints(aaaa, https);
            assert_int_equal(addresses, strstr(https, " SOA ") != NULL ? 0 : count_hints(https));
            if (addresses > 0) {
                const char *data = strstr(https, " HTTPS ") + 7;
                (void)snprintf(line, sizeof(line), "\tHTTPS\t%s", data);
                if (strstr(zone, line) == NULL) {
                    fail_msg("no \"%s\" in\n%s", line, zone);
                }
                struct locum_text text = locum_text_init(line, sizeof(line));
                locum_https_add(&site->config, name, site->plan.answers[name], &text);
                assert_string_equal(line, data);
            }
        }
        free(zone);
        locum_dns_table_release(table);
        free(site);
    }
}

static void
note(void *user, const struct locum_problem *problem)
{
    (void)strcpy(user, problem->text);
}

static void
test_static_records_beside_it(void **state)
{
    (void)state;
    char said[LOCUM_PROBLEM_BYTES] = "";
    struct site *site = site_new();
    site_record(site, 0, "@ HTTPS 1 . alpn=h2");
    assert_int_equal(locum_dns_check(&site->config, note, said), 0);
    turn_on(site);
    assert_int_equal(locum_dns_check(&site->config, note, said), LOCUM_ERR_INVALID);
    assert_non_null(strstr(said, "made from https of the zone"));
    (void)strcpy(site->config.zones[0].records[0].text, "www HTTPS 1 @ ipv4hint=192.0.2.12");
    assert_int_equal(locum_dns_check(&site->config, note, said), LOCUM_ERR_INVALID);
    assert_non_null(strstr(said, "its ipv4hint would be answered for a shared or owned name"));
    free(site);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_record),
        cmocka_unit_test(test_hints_are_the_addresses_of_any_plan),
        cmocka_unit_test(test_static_records_beside_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
