/* limit, limited: buckets, what is exempt, collisions, periods; and what a limited query gets. */
#include "fixture.h"

#include "base/text_format.h"
#include "dns/limit.h"
#include "dns/limited.h"

#define SECOND UINT64_C(1000000)

static const struct locum_dns_source here = {(const uint8_t[]){198, 51, 100, 7}, 4};

static struct locum_limit_rules
rules_of(uint32_t responses_per_second, uint32_t slip, size_t workers)
{
    struct site *site = site_new();
    struct locum_limit_rules rules;
    site->config.rate_limit.responses_per_second = responses_per_second;
    site->config.rate_limit.slip = slip;
    locum_limit_rules_init(&rules, &site->config, workers);
    free(site);
    return rules;
}

static struct locum_limiter *
limiter_new(void)
{
    struct locum_limiter *self = calloc(1, sizeof(*self));
    assert_non_null(self);
    assert_int_equal(locum_limit_init(self), 0);
    self->now_us = 1000 * SECOND;
    return self;
}

static void
limiter_free(struct locum_limiter *self)
{
    locum_limit_fini(self);
    free(self);
}

static enum locum_limit_verdict
judge(struct locum_limiter *self, const struct locum_limit_rules *rules,
      const struct locum_dns_source *source, enum locum_limit_kind kind, uint32_t owner)
{
    const uint64_t bucket = locum_limit_bucket(self, rules, source, kind, owner);
    return bucket == 0 ? LOCUM_LIMIT_ANSWER : locum_limit_take(self, rules, source, bucket);
}

/* How many of `count` answers are given, over `us` microseconds. */
static size_t
given(struct locum_limiter *self, const struct locum_limit_rules *rules,
      const struct locum_dns_source *source, enum locum_limit_kind kind, size_t count, uint64_t us)
{
    const uint64_t start = self->now_us;
    size_t answers = 0;
    for (size_t i = 0; i < count; i++) {
        self->now_us = start + us * i / count;
        answers += judge(self, rules, source, kind, 1) == LOCUM_LIMIT_ANSWER;
    }
    self->now_us = start + us;
    return answers;
}

/* One second's answers at once, then the rate, whatever is asked. */
static void
test_rate(void **state)
{
    (void)state;
    static const struct {
        uint32_t rate;
        size_t workers, burst, in_ten_seconds;
    } rows[] = {
        {200, 1, 200, 2000}, {200, 4, 50, 500}, {1, 1, 1, 10}, {1, 4, 1, 2}, {5, 16, 1, 3},
    };
    for (size_t i = 0; i < LOCUM_COUNT(rows); i++) {
        struct locum_limiter *self = limiter_new();
        const struct locum_limit_rules rules = rules_of(rows[i].rate, 2, rows[i].workers);
        assert_int_equal(given(self, &rules, &here, LOCUM_LIMIT_NAME, 1000, 0), rows[i].burst);
        const size_t later = given(self, &rules, &here, LOCUM_LIMIT_NAME, 100000, 10 * SECOND);
        assert_in_range(later, rows[i].in_ten_seconds - 1, rows[i].in_ten_seconds + 1);
        limiter_free(self);
    }
}

/* Below the rate nothing is limited. */
static void
test_below_the_rate(void **state)
{
    (void)state;
    struct locum_limiter *self = limiter_new();
    const struct locum_limit_rules rules = rules_of(200, 2, 1);
    assert_int_equal(given(self, &rules, &here, LOCUM_LIMIT_NAME, 1990, 10 * SECOND), 1990);
    const struct locum_limit_rules off = rules_of(0, 2, 1);
    assert_int_equal(given(self, &off, &here, LOCUM_LIMIT_NAME, 1000, 0), 1000);
    limiter_free(self);
}

/* A bucket is that of a /24 or /56, a kind and an owner. */
static void
test_buckets(void **state)
{
    (void)state;
    static const struct {
        const char *source;
        enum locum_limit_kind kind;
        uint32_t owner;
        bool same;
    } rows[] = {
        {"198.51.100.255", LOCUM_LIMIT_NAME, 1, true},
        {"198.51.101.7", LOCUM_LIMIT_NAME, 1, false},
        {"198.51.100.7", LOCUM_LIMIT_NAME, 2, false},
        {"198.51.100.7", LOCUM_LIMIT_NXDOMAIN, 1, false},
        {"198.51.100.7", LOCUM_LIMIT_ERROR, 1, false},
        {"2001:db8:0:100::1", LOCUM_LIMIT_NAME, 1, false}, /* the first of its /56 */
        {"2001:db8:0:1ff::2", LOCUM_LIMIT_NAME, 1, true},
        {"2001:db8:0:200::1", LOCUM_LIMIT_NAME, 1, false},
    };
    struct locum_limiter *self = limiter_new();
    const struct locum_limit_rules rules = rules_of(1, 2, 1);
    assert_int_equal(given(self, &rules, &here, LOCUM_LIMIT_NAME, 1, 0), 1);
    for (size_t i = 0; i < LOCUM_COUNT(rows); i++) {
        const struct locum_address from = address(rows[i].source, 0);
        const struct locum_dns_source source = {from.bytes, from.family == LOCUM_V4 ? 4 : 16};
        const bool answer =
            judge(self, &rules, &source, rows[i].kind, rows[i].owner) == LOCUM_LIMIT_ANSWER;
        assert_int_equal(answer, !rows[i].same);
    }
    limiter_free(self);
}

/* Loopback, the own addresses and the prefixes of the configuration are not limited, nor counted:
 * their neighbours have all of the rate. */
static void
test_exempt(void **state)
{
    (void)state;
    static const struct {
        const char *source;
        bool exempt;
    } rows[] = {
        {"127.0.0.1", true},
        {"127.255.0.1", true},
        {"128.0.0.1", false},
        {"::1", true},
        {"::2", false},
        {"192.0.2.12", true},
        {"192.0.2.13", false},
        {"2001:db8:2::12", true},
        {"2001:db8:2::13", false},
        {"203.0.113.77", true},
        {"203.0.112.255", false},
        {"2001:db8:5300::1", true},
        {"2001:db8:5380::1", true},
        {"2001:db8:5400::", false},
        {"198.51.100.1", true},
        {"198.51.100.2", false},
    };
    static const char *const prefixes[] = {"203.0.113.0/24", "2001:db8:5300::/40", "198.51.100.1"};
    struct site *site = site_new();
    struct locum_config_rate_limit *limit = &site->config.rate_limit;
    struct locum_limit_rules rules;
    *limit = (struct locum_config_rate_limit){.responses_per_second = 1, .slip = 2};
    for (size_t i = 0; i < LOCUM_COUNT(prefixes); i++) {
        assert_int_equal(locum_address_parse_prefix(locum_slice_of(prefixes[i]),
                                                    &limit->exempt[limit->exempt_count++]),
                         0);
    }
    site->config.listen_dns[site->config.listen_dns_count++] = address("192.0.2.12", 53);
    site->config.listen_dns[site->config.listen_dns_count++] = address("2001:db8:2::12", 53);
    locum_limit_rules_init(&rules, &site->config, 1);
    for (size_t i = 0; i < LOCUM_COUNT(rows); i++) {
        struct locum_limiter *self = limiter_new();
        const struct locum_address from = address(rows[i].source, 0);
        const struct locum_dns_source source = {from.bytes, from.family == LOCUM_V4 ? 4 : 16};
        assert_int_equal(given(self, &rules, &source, LOCUM_LIMIT_NAME, 10, 0),
                         rows[i].exempt ? 10 : 1);
        limiter_free(self);
    }
    free(site);
}

static void
test_slip(void **state)
{
    (void)state;
    static const size_t expected[][3] = {{0, 100, 0}, {1, 0, 100}, {2, 50, 50}, {10, 90, 10}};
    for (size_t i = 0; i < LOCUM_COUNT(expected); i++) {
        struct locum_limiter *self = limiter_new();
        const struct locum_limit_rules rules = rules_of(1, (uint32_t)expected[i][0], 1);
        size_t seen[3] = {0};
        for (size_t j = 0; j < 101; j++) {
            seen[judge(self, &rules, &here, LOCUM_LIMIT_NAME, 1)]++;
        }
        assert_int_equal(seen[LOCUM_LIMIT_ANSWER], 1);
        assert_int_equal(seen[LOCUM_LIMIT_DROP], expected[i][1]);
        assert_int_equal(seen[LOCUM_LIMIT_SLIP], expected[i][2]);
        limiter_free(self);
    }
}

/*
 * However many sources fill the table, those that stay below the rate get every answer, and one
 * that is limited stays so: new buckets take the place of those with most room.
 */
static void
test_a_full_table_is_never_stricter(void **state)
{
    (void)state;
    struct locum_limiter *self = limiter_new();
    const struct locum_limit_rules rules = rules_of(200, 2, 1);
    size_t flood = 0;
    for (uint32_t i = 0; i < 400000; i++) {
        /* Two queries of as many prefixes as there are, among a flood from one. */
        const uint8_t bytes[] = {10, (uint8_t)(i >> 9), (uint8_t)(i >> 1), 1};
        const struct locum_dns_source source = {bytes, 4};
        self->now_us += 10;
        assert_int_equal(judge(self, &rules, &source, LOCUM_LIMIT_NXDOMAIN, 0), LOCUM_LIMIT_ANSWER);
        flood += judge(self, &rules, &here, LOCUM_LIMIT_NXDOMAIN, 0) == LOCUM_LIMIT_ANSWER;
    }
    assert_in_range(flood, 998, 1001); /* one second's at once, and four seconds' */
    limiter_free(self);
}

/* The hash has a key of its own for each start. */
static void
test_the_key_is_random(void **state)
{
    (void)state;
    struct locum_limiter *a = limiter_new(), *b = limiter_new();
    assert_memory_not_equal(a->key, b->key, sizeof(a->key));
    limiter_free(a);
    limiter_free(b);
}

static void
test_prefix_as_number_and_text(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"198.51.100.7", "198.51.100.0/24"},
        {"0.0.0.1", "0.0.0.0/24"},
        {"2001:db8:1:2ff:3::4", "2001:db8:1:200::/56"},
        {"::5", "::/56"},
    };
    for (size_t i = 0; i < LOCUM_COUNT(rows); i++) {
        const struct locum_address from = address(rows[i][0], 0);
        const struct locum_dns_source source = {from.bytes, from.family == LOCUM_V4 ? 4 : 16};
        struct locum_prefix prefix;
        locum_limit_prefix_of(locum_limit_prefix(&source), &prefix);
        assert_string_equal(locum_address_prefix_text(&prefix).text, rows[i][1]);
    }
}

/* What locum_limited_update() has shown: "+" begun, "-SECONDS" ended, each with its prefix. */
static void
note(void *user, const char *prefix, int64_t seconds)
{
    struct locum_text *text = user;
    if (seconds < 0) {
        locum_text_format(text, "+%s ", prefix);
    } else {
        locum_text_format(text, "-%d %s ", (int)seconds, prefix);
    }
}

static void
test_periods_begin_and_end(void **state)
{
    (void)state;
    struct locum_limited self = {0};
    char buffer[256];
    struct locum_text text = locum_text_init(buffer, sizeof(buffer));
    const uint64_t prefix = locum_limit_prefix(&here);
    locum_limited_update(&self, 70000, note, &text);
    assert_string_equal(buffer, "");
    for (locum_ms now = 71000; now <= 75000; now += 1000) { /* reports of several workers */
        locum_limited_add(&self, prefix, now - 100, now);
        locum_limited_add(&self, prefix, now - 900, now);
        locum_limited_update(&self, now, note, &text);
    }
    assert_string_equal(buffer, "+198.51.100.0/24 ");
    assert_int_equal(self.count, 1);
    locum_limited_add(&self, prefix, 74900, 84000);
    locum_limited_update(&self, 84000, note, &text);
    assert_string_equal(buffer, "+198.51.100.0/24 ");
    locum_limited_add(&self, prefix, 74900, 85000);
    locum_limited_update(&self, 85000, note, &text);
    assert_string_equal(buffer, "+198.51.100.0/24 -4 198.51.100.0/24 ");
    locum_limited_add(&self, prefix, 74900, 86000); /* the report stays with the worker */
    locum_limited_update(&self, 86000, note, &text);
    assert_int_equal(self.count, 0);
}

/* Limited once, a moment before or after the update that sees it: it ends after 0 seconds. */
static void
test_short_periods_end(void **state)
{
    (void)state;
    static const locum_ms rows[][2] = {{100001, 101003}, {101003, 101003}, {101004, 101003}};
    for (size_t i = 0; i < LOCUM_COUNT(rows); i++) {
        struct locum_limited self = {0};
        char buffer[256];
        struct locum_text text = locum_text_init(buffer, sizeof(buffer));
        locum_limited_add(&self, locum_limit_prefix(&here), rows[i][0], rows[i][1]);
        locum_limited_update(&self, rows[i][1], note, &text);
        locum_limited_update(&self, rows[i][0] + LOCUM_LIMITED_OVER_MS, note, &text);
        assert_string_equal(buffer, "+198.51.100.0/24 -0 198.51.100.0/24 ");
    }
}

static void
count_call(void *user, const char *prefix, int64_t seconds)
{
    size_t *counts = user;
    (void)prefix;
    counts[seconds >= 0]++;
}

/* Forged sources cannot fill the log. */
static void
test_periods_shown_a_minute(void **state)
{
    (void)state;
    struct locum_limited self = {0};
    size_t counts[2] = {0};
    for (locum_ms now = 60000; now < 180000; now += 1000) {
        for (uint64_t i = 0; i < 16; i++) {
            locum_limited_add(&self, (uint64_t)now / 1000 * 16 + i + 1, now, now);
        }
        locum_limited_update(&self, now, count_call, counts);
        assert_true(self.count <= LOCUM_LIMITED_MAX);
    }
    locum_limited_update(&self, 300000, count_call, counts);
    assert_int_equal(counts[0], 2 * LOCUM_LIMITED_CALLS);
    assert_int_equal(counts[1], counts[0]);
    assert_int_equal(self.count, 0);
}

/* A worker reports who is limited, as many as it has room for. */
static void
test_reports(void **state)
{
    (void)state;
    struct locum_limiter *self = limiter_new();
    const struct locum_limit_rules rules = rules_of(1, 2, 1);
    for (int round = 0; round < 3; round++) {
        for (uint8_t i = 0; i < 40; i++) {
            const uint8_t bytes[] = {10, 0, i, 1};
            const struct locum_dns_source source = {bytes, 4};
            (void)judge(self, &rules, &source, LOCUM_LIMIT_NAME, 1);
        }
    }
    for (size_t i = 0; i < LOCUM_LIMIT_PREFIXES; i++) {
        struct locum_prefix prefix;
        locum_limit_prefix_of(self->reports[i].prefix, &prefix);
        assert_int_equal(prefix.address.bytes[2], i);
        assert_int_equal(self->reports[i].last_us, self->now_us);
    }
    self->now_us += 10 * SECOND; /* their periods are not over yet */
    (void)given(self, &rules, &here, LOCUM_LIMIT_NAME, 2, 0);
    for (size_t i = 0; i < LOCUM_LIMIT_PREFIXES; i++) {
        assert_int_not_equal(self->reports[i].prefix, locum_limit_prefix(&here));
    }
    self->now_us += 2 * SECOND;
    (void)given(self, &rules, &here, LOCUM_LIMIT_NAME, 2, 0);
    assert_int_equal(self->reports[0].prefix, locum_limit_prefix(&here));
    limiter_free(self);
}

/* What the query path gives when its bucket is empty. */

static uint8_t query[1024], reply[LOCUM_DNS_UDP_BYTES_MAX];

struct path {
    struct locum_dns_table *table;
    struct locum_limiter *limiter;
};

#define L60 "a23456789012345678901234567890123456789012345678901234567890"

static struct path
path_new(uint32_t slip)
{
    struct site *site = site_new();
    site_record(site, 0, "long DNAME " L60 "." L60 "." L60);
    const struct path self = {site_table(site), limiter_new()};
    self.table->cookies = (struct locum_cookie_keys){.key = {{1, 2, 3}}, .count = 1};
    self.table->limit = rules_of(1, slip, 1);
    free(site);
    return self;
}

static void
path_free(const struct path *self)
{
    locum_dns_table_release(self->table);
    limiter_free(self->limiter);
}

static struct locum_dns_reply
ask_path(const struct path *self, const struct ask *ask, bool tcp)
{
    const struct locum_dns_query asked = {.packet = query,
                                          .length = make_query(ask, query),
                                          .client = here,
                                          .wall_s = 1559731985,
                                          .limiter = tcp ? NULL : self->limiter,
                                          .bytes_max = LOCUM_DNS_UDP_BYTES_MAX};
    return locum_query_answer(self->table, &asked, reply);
}

#define EDNS(given_name, given_type)                                                               \
    .name = given_name, .type = given_type, .edns = true, .payload = 1232
#define NSID_ASKED .options = (const uint8_t *)"\0\3\0\0", .options_length = 4

static void
test_short_answers_are_no_longer_than_the_query(void **state)
{
    (void)state;
    static const struct {
        struct ask ask;
        uint16_t rcode;
        bool truncated;
    } rows[] = {
        {{.name = "get.example.org", .type = 1}, 0, true},
        {{EDNS("get.example.org", 1), NSID_ASKED}, 0, true},
        {{EDNS("get.example.org", 16)}, 0, true},
        {{EDNS("get.example.org", 255)}, 0, true},
        {{EDNS("no.get.example.org", 1)}, 0, true},
        {{EDNS(L60 ".long.get.example.org", 1)}, 0, true}, /* YXDOMAIN */
        {{EDNS("id.server", 16), .class = 3}, 0, true},
        {{EDNS("example.com", 1), NSID_ASKED}, 5, false},
        {{EDNS("get.example.org", 252), NSID_ASKED}, 5, false},
        {{EDNS("get.example.org", 1), .version = 1, NSID_ASKED}, 16, false},
        {{EDNS("get.example.org", 1), .flags = {0x20, 0}, NSID_ASKED}, 4, false},
    };
    for (size_t i = 0; i < LOCUM_COUNT(rows); i++) {
        const struct path path = path_new(2);
        struct locum_dns_reply got = ask_path(&path, &rows[i].ask, false);
        assert_true(got.length > 0 && got.verdict == LOCUM_LIMIT_ANSWER);
        got = ask_path(&path, &rows[i].ask, false);
        assert_int_equal(got.verdict, LOCUM_LIMIT_SLIP);
        assert_int_equal(got.rcode, rows[i].rcode);
        assert_int_equal(got.truncated, rows[i].truncated);
        assert_true(got.length <= make_query(&rows[i].ask, query));
        ldns_pkt *packet = read_reply(reply, got.length);
        assert_int_equal(ldns_pkt_tc(packet), rows[i].truncated);
        assert_int_equal(ldns_pkt_ancount(packet) + ldns_pkt_nscount(packet), 0);
        assert_int_equal(ldns_pkt_edns(packet), rows[i].ask.edns);
        ldns_pkt_free(packet);
        got = ask_path(&path, &rows[i].ask, false);
        assert_int_equal(got.length, 0);
        assert_int_equal(got.verdict, LOCUM_LIMIT_DROP);
        got = ask_path(&path, &rows[i].ask, true); /* TCP is not limited */
        assert_true(got.length > 0 && got.verdict == LOCUM_LIMIT_ANSWER);
        path_free(&path);
    }
}

/* RFC 7873 5.2.3: under rate limiting, and only then, a client without a valid cookie gets
 * BADCOOKIE with one; with that (5.2.4) it is not limited. */
static void
test_rfc7873_5_2_3_badcookie(void **state)
{
    (void)state;
    static const size_t lengths[] = {8, 24};
    for (size_t i = 0; i < LOCUM_COUNT(lengths); i++) {
        const struct path path = path_new(1);
        uint8_t options[4 + 24] = {0, 10, 0, (uint8_t)lengths[i], 1, 2, 3};
        const struct ask ask = {EDNS("get.example.org", 1), .options = options,
                                .options_length = 4 + lengths[i]};
        struct ask again = ask;
        assert_int_equal(ask_path(&path, &ask, false).rcode, 0);
        const struct locum_dns_reply got = ask_path(&path, &ask, false);
        assert_int_equal(got.rcode, LOCUM_RCODE_BADCOOKIE);
        assert_false(got.truncated);
        assert_true(got.length <= make_query(&ask, query) + 24 - lengths[i]);
        ldns_pkt *packet = read_reply(reply, got.length);
        assert_int_equal(ldns_pkt_edns_extended_rcode(packet), 1);
        assert_int_equal(ldns_pkt_get_rcode(packet), 7);
        ldns_pkt_free(packet);
        again.options = reply + got.length - 28;
        uint8_t kept[28];
        memcpy(kept, again.options, sizeof(kept));
        again.options = kept;
        again.options_length = sizeof(kept);
        for (int j = 0; j < 100; j++) {
            assert_int_equal(ask_path(&path, &again, false).rcode, 0);
        }
        path_free(&path);
    }
}

/* Random names share the bucket of their zone, and a flood of them leaves the names that exist. */
static void
test_random_names(void **state)
{
    (void)state;
    const struct path path = path_new(2);
    size_t answers = 0;
    for (int i = 0; i < 1000; i++) {
        char name[64];
        (void)snprintf(name, sizeof(name), "x%d.get.example.org", i);
        const struct ask ask = {.name = name, .type = 1};
        answers += ask_path(&path, &ask, false).verdict == LOCUM_LIMIT_ANSWER;
    }
    assert_int_equal(answers, 1);
    const struct ask ask = {.name = "get.example.org", .type = 1};
    assert_int_equal(ask_path(&path, &ask, false).verdict, LOCUM_LIMIT_ANSWER);
    path_free(&path);
}

/* NODATA of all names of a zone is one bucket, and so is NXDOMAIN; each zone has its own. */
static void
test_negative_answers_are_counted_by_zone(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        uint16_t type;
        bool answered;
    } rows[] = {
        {"get.example.org", 16, true},      {"dc2.get.example.org", 16, false},
        {"x.get.example.org", 1, true},     {"y.get.example.org", 1, false},
        {"dc2.get.example.org", 255, true}, {"dc3.get.example.org", 255, false},
        {"x.example.net", 1, true},         {"dc2.get.example.org", 1, true},
        {"dc3.get.example.org", 1, true},   {"dc3.get.example.org", 1, false},
    };
    struct site *site = site_new();
    site_ns(site, site_zone(site, "example.net.", LOCUM_ANSWER_SELF), "dc2.example.org.");
    const struct path path = {site_table(site), limiter_new()};
    path.table->limit = rules_of(1, 2, 1);
    for (size_t i = 0; i < LOCUM_COUNT(rows); i++) {
        const struct ask ask = {.name = rows[i].name, .type = rows[i].type};
        assert_int_equal(ask_path(&path, &ask, false).verdict == LOCUM_LIMIT_ANSWER,
                         rows[i].answered);
    }
    path_free(&path);
    free(site);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rate),
        cmocka_unit_test(test_below_the_rate),
        cmocka_unit_test(test_buckets),
        cmocka_unit_test(test_exempt),
        cmocka_unit_test(test_slip),
        cmocka_unit_test(test_a_full_table_is_never_stricter),
        cmocka_unit_test(test_the_key_is_random),
        cmocka_unit_test(test_prefix_as_number_and_text),
        cmocka_unit_test(test_periods_begin_and_end),
        cmocka_unit_test(test_short_periods_end),
        cmocka_unit_test(test_periods_shown_a_minute),
        cmocka_unit_test(test_reports),
        cmocka_unit_test(test_short_answers_are_no_longer_than_the_query),
        cmocka_unit_test(test_rfc7873_5_2_3_badcookie),
        cmocka_unit_test(test_random_names),
        cmocka_unit_test(test_negative_answers_are_counted_by_zone),
    };
    return cmocka_run_group_tests_name("dns/limit", tests, NULL, NULL);
}
