/* packet_cache: the answers of a worker that has one are those of a worker without, whatever it was
 * asked before. */
#include "fixture.h"

static uint32_t random_state = 20260101;

static uint32_t
random_below(uint32_t limit)
{
    random_state = random_state * 1664525u + 1013904223u;
    return (uint32_t)((uint64_t)random_state * limit >> 32);
}

/* Two workers, of which one has a cache, and what they are asked. */
struct pair {
    struct site *site;
    struct locum_dns_table *table;
    struct locum_limiter plain, cached;
    struct locum_packet_cache *cache;
    uint8_t packet[1024], in_place[1024], reply[LOCUM_DNS_UDP_BYTES_MAX];
    uint32_t wall_s, rotation;
    size_t hits;
};

static void
make_limiters(struct pair *self)
{
    assert_int_equal(locum_limit_init(&self->plain), 0);
    assert_int_equal(locum_limit_init(&self->cached), 0);
    memcpy(self->cached.key, self->plain.key, sizeof(self->plain.key));
}

static struct locum_dns_table *
table_of(struct site *site)
{
    struct locum_dns_table *table = site_table(site);
    site->config.rate_limit =
        (struct locum_config_rate_limit){.responses_per_second = 20, .slip = 2};
    locum_limit_rules_init(&table->limit, &site->config, 1);
    table->cookies = (struct locum_cookie_keys){.key = {{1}, {2}}, .count = 2};
    return table;
}

static int
setup(void **state)
{
    static const char *const records[] = {"@ TXT \"text\"",
                                          "www CNAME @",
                                          "far CNAME www.example.org.",
                                          "*.w TXT \"w\"",
                                          "d NS ns.d",
                                          "ns.d A 192.0.2.1",
                                          "o DNAME w",
                                          "65 HTTPS 1 . alpn=h2",
                                          "srv SRV 0 0 443 www"};
    struct pair *self = calloc(1, sizeof(*self));
    assert_non_null(self);
    self->site = site_new();
    site_node(self->site, "dc4", "192.0.2.14", "2001:db8:4::14");
    site_ns(self->site, site_zone(self->site, "all.test.", LOCUM_ANSWER_ALL), "ns.test.");
    site_name(self->site, 1, "all.test.", LOCUM_NODE_NONE, 7);
    site_record(self->site, 1, "www CNAME @");
    for (size_t i = 0; i < LOCUM_COUNT(records); i++) {
        site_record(self->site, 0, records[i]);
    }
    self->table = table_of(self->site);
    self->cache = locum_packet_cache_create();
    assert_non_null(self->cache);
    make_limiters(self);
    self->wall_s = 1559731985;
    *state = self;
    return 0;
}

static int
teardown(void **state)
{
    struct pair *self = *state;
    locum_packet_cache_destroy(self->cache);
    locum_dns_table_release(self->table);
    locum_limit_fini(&self->plain);
    locum_limit_fini(&self->cached);
    free(self->site);
    free(self);
    return 0;
}

static bool
is_cached(struct pair *self, size_t length)
{
    bool wanted;
    struct locum_cache_set before[LOCUM_CACHE_SETS];
    memcpy(before, self->cache->sets, sizeof(before));
    const bool found = locum_packet_cache_find(self->cache, self->packet, length, &wanted) != NULL;
    memcpy(self->cache->sets, before, sizeof(before));
    return found;
}

/* Ask both with self->packet. */
static void
ask_both(struct pair *self, size_t length, const uint8_t source[4])
{
    struct locum_dns_query query = {.packet = self->packet,
                                    .length = length,
                                    .client = {source, 4},
                                    .wall_s = self->wall_s,
                                    .rotation = self->rotation++,
                                    .limiter = &self->plain,
                                    .bytes_max = LOCUM_DNS_UDP_BYTES_MAX};
    self->hits += is_cached(self, length) ? 1 : 0;
    const struct locum_dns_reply want = locum_query_answer(self->table, &query, self->reply);
    memcpy(self->in_place, self->packet, length);
    query.packet = self->in_place;
    query.limiter = &self->cached;
    query.cache = self->cache;
    const struct locum_dns_reply given = locum_query_answer(self->table, &query, self->in_place);
    assert_int_equal(given.length, want.length);
    assert_int_equal(given.rcode, want.rcode);
    assert_int_equal(given.truncated, want.truncated);
    assert_int_equal(given.verdict, want.verdict);
    assert_int_equal(given.bucket, want.bucket);
    assert_memory_equal(self->in_place, self->reply, want.length);
}

/* Letters of the name in any case, as resolvers send them (draft-vixie-dnsext-dns0x20). */
static void
mix_case(struct pair *self, size_t length)
{
    for (size_t at = 12; at < length && self->packet[at] != 0; at += 1u + self->packet[at]) {
        for (size_t i = 1; i <= self->packet[at] && at + i < length; i++) {
            uint8_t *letter = &self->packet[at + i];
            if ((*letter | 0x20) >= 'a' && (*letter | 0x20) <= 'z' && random_below(2) == 1) {
                *letter ^= 0x20;
            }
        }
    }
}

static size_t
random_query(struct pair *self)
{
    static const char *const names[] = {"get.example.org",
                                        "dc2.get.example.org",
                                        "www.get.example.org",
                                        "far.get.example.org",
                                        "x.w.get.example.org",
                                        "host.d.get.example.org",
                                        "x.o.get.example.org",
                                        "65.get.example.org",
                                        "srv.get.example.org",
                                        "none.get.example.org",
                                        "all.test",
                                        "www.all.test",
                                        "example.com",
                                        "."};
    static const uint16_t types[] = {1, 28, 1, 2, 6, 16, 33, 43, 65, 97, 255, 5};
    static const struct {
        const char *bytes;
        size_t length;
    } options[] = {{"", 0},
                   {"\0\3\0\0", 4},
                   {"\0\12\0\10abcdefgh", 12},
                   {"\0\12\0\30abcdefgh\1\0\0\0\134\367\237\21abcdefgh", 28},
                   {"\0\12\0\10abcdefgh\0\3\0\0", 16},
                   {"\0\7\0\14\0\12\0\10abcdefgh", 16},
                   {"\0\12\0\7abcdefg", 11}};
    const size_t option = random_below(LOCUM_COUNT(options));
    const struct ask ask = {.name = names[random_below(LOCUM_COUNT(names))],
                            .type = types[random_below(LOCUM_COUNT(types))],
                            .class = random_below(20) == 0 ? 3 : 1,
                            .flags = {random_below(2) == 0 ? 1 : 0},
                            .edns = random_below(3) > 0,
                            .version = random_below(20) == 0,
                            .dnssec_ok = random_below(4) == 0,
                            .payload = random_below(2) == 0 ? 1232 : 512,
                            .options = (const uint8_t *)options[option].bytes,
                            .options_length = options[option].length};
    const size_t length = make_query(&ask, self->packet);
    self->packet[0] = (uint8_t)random_below(256);
    self->packet[1] = (uint8_t)random_below(256);
    mix_case(self, length);
    return length;
}

static void
test_answers_are_those_without_a_cache(void **state)
{
    struct pair *self = *state;
    enum { QUERIES = 40000 };
    for (size_t i = 0; i < QUERIES; i++) {
        const uint8_t source[4] = {10, 0, (uint8_t)random_below(3), (uint8_t)random_below(4)};
        self->plain.now_us = self->cached.now_us = 1000000 + i * 1000;
        ask_both(self, random_query(self), source);
    }
    print_message("%zu of %d from the cache\n", self->hits, QUERIES);
    assert_in_range(self->hits, QUERIES / 10, QUERIES);
}

/* The client's own cookie comes back: its age decides whether it is renewed. */
static void
test_cookies_are_made_for_each_query(void **state)
{
    struct pair *self = *state;
    static const uint8_t sources[2][4] = {{10, 0, 0, 1}, {10, 0, 1, 1}};
    uint8_t option[28] = {0, 10, 0, 8, 'c', 'l', 'i', 'e', 'n', 't', '0', '1'};
    struct ask ask = {.name = "get.example.org", .type = 1, .edns = true, .payload = 1232};
    ask.options = option;
    ask.options_length = 12;
    ask_both(self, make_query(&ask, self->packet), sources[0]);
    option[3] = 24;
    memcpy(option + 4, self->reply + 12 + 21 + 16 + 15, 24); /* header, question, A, OPT */
    ask.options_length = 28;
    for (uint32_t age_s = 0; age_s < 4000; age_s += 50) {
        self->wall_s = 1559731985 + age_s;
        for (size_t i = 0; i < 4; i++) {
            option[4] = (uint8_t)(i == 3 ? 'x' : 'c');
            ask_both(self, make_query(&ask, self->packet), sources[i % 2]);
        }
    }
    assert_in_range(self->hits, 300, 320);
}

/* Each bit of a query counts, except those that are named. */
static void
test_other_queries_have_other_entries(void **state)
{
    struct pair *self = *state;
    static const uint8_t source[4] = {10, 0, 0, 1};
    const struct ask ask = {.name = "get.example.org", .type = 65, .edns = true, .payload = 1232};
    const size_t length = make_query(&ask, self->packet);
    uint8_t first[512];
    memcpy(first, self->packet, length);
    for (size_t bit = 0; bit < 8 * length; bit++) {
        const size_t at = bit / 8;
        const bool letter = at >= 12 && at < 28 && first[at] >= 'a' && bit % 8 == 5;
        memcpy(self->packet, first, length);
        for (size_t i = 0; i < 3 && !is_cached(self, length); i++) { /* after the last one too */
            ask_both(self, length, source);
        }
        assert_true(is_cached(self, length));
        self->packet[at] ^= (uint8_t)(1u << bit % 8);
        assert_int_equal(is_cached(self, length), at < 2 || letter);
        ask_both(self, length, source);
    }
    for (size_t cut = 0; cut < length; cut++) {
        memcpy(self->packet, first, length);
        assert_false(is_cached(self, cut));
        ask_both(self, cut, source);
    }
}

static size_t
make_name_query(struct pair *self, const char *name)
{
    return make_query(&(struct ask){.name = name, .type = 1}, self->packet);
}

static void
test_random_names_replace_nothing(void **state)
{
    struct pair *self = *state;
    static const uint8_t source[4] = {127, 0, 0, 1};
    const size_t length = make_name_query(self, "get.example.org");
    ask_both(self, length, source);
    assert_false(is_cached(self, length));
    ask_both(self, length, source);
    assert_true(is_cached(self, length));
    for (uint32_t i = 0; i < 20000; i++) {
        char name[64];
        (void)snprintf(name, sizeof(name), "r%u.get.example.org", i);
        ask_both(self, make_name_query(self, name), source);
    }
    (void)make_name_query(self, "get.example.org");
    assert_true(is_cached(self, length));
    assert_int_equal(self->hits, 0);
}

/* More than fit are replaced in turn, so that the newest have their entries. */
static void
test_entries_are_replaced(void **state)
{
    struct pair *self = *state;
    static const uint8_t source[4] = {127, 0, 0, 1};
    enum { NAMES = 4 * LOCUM_CACHE_SETS * LOCUM_CACHE_WAYS };
    for (uint32_t i = 0; i < NAMES; i++) {
        char name[64];
        (void)snprintf(name, sizeof(name), "r%u.get.example.org", i);
        for (int again = 0; again < 3; again++) {
            ask_both(self, make_name_query(self, name), source);
        }
        assert_int_equal(self->hits, i + 1);
    }
}

static void
test_what_is_not_cached(void **state)
{
    struct pair *self = *state;
    static const uint8_t source[4] = {127, 0, 0, 1};
    char longest[160];
    (void)snprintf(longest, sizeof(longest), "%063d.%030d.get.example.org", 0, 0);
    const char *const names[] = {
        "x.o.get.example.org", /* a CNAME with the case of the question (RFC 6672 3.1) */
        "example.com",         /* refused */
        longest,
    };
    for (size_t i = 0; i < LOCUM_COUNT(names); i++) {
        const size_t length = make_name_query(self, names[i]);
        for (int again = 0; again < 4; again++) {
            ask_both(self, length, source);
            assert_false(is_cached(self, length));
        }
    }
}

static void
test_new_table(void **state)
{
    struct pair *self = *state;
    static const uint8_t source[4] = {127, 0, 0, 1};
    const size_t length = make_name_query(self, "get.example.org");
    for (int i = 0; i < 3; i++) {
        ask_both(self, length, source);
    }
    self->site->plan.answers[0][LOCUM_V4].nodes = 2;
    locum_dns_table_release(self->table);
    self->table = table_of(self->site);
    locum_packet_cache_empty(self->cache);
    assert_false(is_cached(self, length));
    for (int i = 0; i < 3; i++) {
        ask_both(self, length, source);
        assert_int_equal(self->in_place[length + 15], 13); /* the last octet of dc3 */
    }
    assert_true(is_cached(self, length));
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_answers_are_those_without_a_cache),
        TEST(test_cookies_are_made_for_each_query),
        TEST(test_other_queries_have_other_entries),
        TEST(test_random_names_replace_nothing),
        TEST(test_entries_are_replaced),
        TEST(test_what_is_not_cached),
        TEST(test_new_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
