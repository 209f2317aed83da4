/* cookie: the vectors of SipHash and of RFC 9018, times, keys, and legal lengths. */
#include "fixture.h"

#include "dns/cookie.h"

static size_t
from_hex(const char *hex, uint8_t *ret)
{
    size_t length = 0;
    for (; hex[2 * length] != '\0'; length++) {
        const char byte[] = {hex[2 * length], hex[2 * length + 1], '\0'};
        ret[length] = (uint8_t)strtoul(byte, NULL, 16);
    }
    return length;
}

/* The first of the vectors in the reference implementation (github.com/veorq/SipHash, vectors.h),
 * and those around the borders of a word. */
static void
test_siphash_reference_vectors(void **state)
{
    (void)state;
    static const struct {
        size_t length;
        const char *out; /* its bytes, the lowest first */
    } vectors[] = {
        {0, "310e0edd47db6f72"},  {1, "fd67dc93c539f874"},  {2, "5a4fa9d909806c0d"},
        {15, "e545be4961ca29a1"}, {32, "ce7cf2722f512771"},
    };
    uint8_t key[16], bytes[64], expected[8];
    for (size_t i = 0; i < sizeof(bytes); i++) {
        bytes[i] = (uint8_t)i;
        key[i % 16] = (uint8_t)(i % 16);
    }
    for (size_t i = 0; i < LOCUM_COUNT(vectors); i++) {
        uint64_t value = locum_siphash(key, bytes, vectors[i].length);
        (void)from_hex(vectors[i].out, expected);
        for (size_t j = 0; j < 8; j++, value >>= 8) {
            assert_int_equal(value & 0xff, expected[j]);
        }
    }
}

/* A query with this cookie, from this address at this time, to a server with these secrets. */
struct cookie_case {
    const char *secrets[2];
    const char *client;
    const char *cookie;
    uint32_t now_s;
    bool valid;
    const char *reply;
};

static void
run_case(const struct cookie_case *row)
{
    struct locum_cookie_keys keys = {0};
    const struct locum_address from = address(row->client, 0);
    const struct locum_dns_source client = {from.bytes, from.family == LOCUM_V6 ? 16 : 4};
    uint8_t cookie[64], expected[24], reply[24];
    for (size_t i = 0; i < 2 && row->secrets[i] != NULL; i++) {
        assert_int_equal(from_hex(row->secrets[i], keys.key[keys.count++]), 16);
    }
    const struct locum_edns edns = {.cookie = cookie,
                                    .cookie_length = from_hex(row->cookie, cookie)};
    assert_int_equal(from_hex(row->reply, expected), 24);
    assert_int_equal(locum_cookie_check(&keys, &client, &edns, row->now_s, reply), row->valid);
    assert_memory_equal(reply, expected, 24);
}

#define SECRET "e5e973e5a6b2a43f48e7dc849e37bfcf"
#define OLD_V6 "dd3bdf9344b678b185a6f5cb60fca715"
#define NEW_V6 "445536bcd2513298075a5d379663c962"
#define V6     "2001:db8:220:1:59de:d0f4:8769:82b8"

/* RFC 9018 A.1 to A.4. The cookie of A.3 is two hours old when it is renewed there; this server
 * accepts one hour (4.3). */
static void
test_rfc9018_appendix_a(void **state)
{
    (void)state;
    static const struct cookie_case rows[] = {
        {{SECRET},
         "198.51.100.100",
         "2464c4abcf10c957",
         1559731985,
         false,
         "2464c4abcf10c957010000005cf79f111f8130c3eee29480"},
        {{SECRET},
         "198.51.100.100",
         "2464c4abcf10c957010000005cf79f111f8130c3eee29480",
         1559734385,
         true,
         "2464c4abcf10c957010000005cf7a871d4a564a1442aca77"},
        {{SECRET},
         "203.0.113.203",
         "fc93fc62807ddb8601abcdef5cf78f71a314227b6679ebf5",
         1559727985,
         true,
         "fc93fc62807ddb8601abcdef5cf78f71a314227b6679ebf5"},
        {{SECRET},
         "203.0.113.203",
         "fc93fc62807ddb8601abcdef5cf78f71a314227b6679ebf5",
         1559734700,
         false,
         "fc93fc62807ddb86010000005cf7a9acf73a7810aca2381e"},
        {{NEW_V6, OLD_V6},
         V6,
         "22681ab97d52c298010000005cf7c57926556bd0934c72f8",
         1559741961,
         true,
         "22681ab97d52c298010000005cf7c609a6bb79d16625507a"},
        {{NEW_V6},
         V6,
         "22681ab97d52c298010000005cf7c57926556bd0934c72f8",
         1559741961,
         false,
         "22681ab97d52c298010000005cf7c609a6bb79d16625507a"},
    };
    for (size_t i = 0; i < LOCUM_COUNT(rows); i++) {
        run_case(&rows[i]);
    }
}

/* RFC 9018 4.3: accepted from one hour old to five minutes in the future, renewed after half an
 * hour; the time stamp is a serial number (RFC 1982), so it may wrap. */
static void
test_rfc9018_4_3_times(void **state)
{
    (void)state;
    static const struct {
        int32_t age_s;
        bool valid, renewed;
    } rows[] = {
        {0, true, false},    {1800, true, false},  {1801, true, true},
        {3600, true, true},  {3601, false, true},  {-300, true, false},
        {-301, false, true}, {86400, false, true}, {-86400, false, true},
    };
    static const uint32_t made_at[] = {1559731985, UINT32_MAX - 100, 0, 100};
    const uint8_t address[] = {192, 0, 2, 1};
    const struct locum_dns_source client = {address, sizeof(address)};
    const struct locum_cookie_keys keys = {.key = {{1, 2, 3}}, .count = 1};
    const uint8_t fresh[8] = {9};
    const struct locum_edns first = {.cookie = fresh, .cookie_length = 8};
    for (size_t i = 0; i < LOCUM_COUNT(rows) * LOCUM_COUNT(made_at); i++) {
        const size_t row = i / LOCUM_COUNT(made_at);
        const uint32_t at = made_at[i % LOCUM_COUNT(made_at)];
        uint8_t cookie[24], reply[24];
        assert_false(locum_cookie_check(&keys, &client, &first, at, cookie));
        const struct locum_edns edns = {.cookie = cookie, .cookie_length = 24};
        assert_int_equal(
            locum_cookie_check(&keys, &client, &edns, at + (uint32_t)rows[row].age_s, reply),
            rows[row].valid);
        assert_int_equal(memcmp(cookie, reply, 24) != 0, rows[row].renewed);
    }
}

/* RFC 9018 4: every bit counts, and so does the address of the client. */
static void
test_rfc9018_4_every_bit_counts(void **state)
{
    (void)state;
    uint8_t addresses[2][16] = {{192, 0, 2, 1}, {192, 0, 2, 2}};
    const struct locum_dns_source client = {addresses[0], 4}, other = {addresses[1], 4};
    const struct locum_dns_source longer = {addresses[0], 16};
    const struct locum_cookie_keys keys = {.key = {{1, 2, 3}}, .count = 1};
    uint8_t fresh[8] = {9}, cookie[40], reply[24];
    struct locum_edns edns = {.cookie = fresh, .cookie_length = 8};
    assert_false(locum_cookie_check(&keys, &client, &edns, 1000, cookie));
    edns = (struct locum_edns){.cookie = cookie, .cookie_length = 24};
    assert_true(locum_cookie_check(&keys, &client, &edns, 1000, reply));
    assert_false(locum_cookie_check(&keys, &other, &edns, 1000, reply));
    assert_false(locum_cookie_check(&keys, &longer, &edns, 1000, reply));
    for (size_t bit = 0; bit < 8 * 24; bit++) {
        cookie[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_false(locum_cookie_check(&keys, &client, &edns, 1000, reply));
        cookie[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    /* Server cookies of other lengths are another server's: legal, and not valid here. */
    for (edns.cookie_length = 16; edns.cookie_length <= 40; edns.cookie_length++) {
        assert_int_equal(locum_cookie_check(&keys, &client, &edns, 1000, reply),
                         edns.cookie_length == 24);
    }
}

/* RFC 9018 4.1: another version is another construction, even if its hash would be right here. */
static void
test_rfc9018_4_1_version(void **state)
{
    (void)state;
    const uint8_t source[] = {192, 0, 2, 1};
    const struct locum_dns_source client = {source, sizeof(source)};
    const struct locum_cookie_keys keys = {.key = {{1, 2, 3}}, .count = 1};
    for (uint8_t version = 0; version < 3; version++) {
        uint8_t cookie[24] = {9, [8] = version, [15] = 100}, input[20], reply[24];
        memcpy(input, cookie, 16);
        memcpy(input + 16, source, sizeof(source));
        uint64_t value = locum_siphash(keys.key[0], input, sizeof(input));
        for (size_t i = 16; i < 24; i++, value >>= 8) {
            cookie[i] = (uint8_t)value;
        }
        const struct locum_edns edns = {.cookie = cookie, .cookie_length = 24};
        assert_int_equal(locum_cookie_check(&keys, &client, &edns, 100, reply), version == 1);
    }
}

/* RFC 9018 5: a key for each cluster secret, in their order; equal secrets give equal keys, and the
 * secret itself is not the key. */
static void
test_rfc9018_5_keys_follow_the_secrets(void **state)
{
    (void)state;
    struct locum_secrets secrets = {.key = {{1}, {2}}, .count = 2};
    struct locum_cookie_keys keys, rotated;
    locum_cookie_keys_init(&keys, &secrets);
    assert_int_equal(keys.count, 2);
    assert_memory_not_equal(keys.key[0], keys.key[1], 16);
    assert_memory_not_equal(keys.key[0], secrets.key[0], 16);
    secrets = (struct locum_secrets){.key = {{2}, {1}}, .count = 2};
    locum_cookie_keys_init(&rotated, &secrets);
    assert_memory_equal(rotated.key[0], keys.key[1], 16);
    assert_memory_equal(rotated.key[1], keys.key[0], 16);
    secrets.count = 0;
    locum_cookie_keys_init(&keys, &secrets);
    assert_int_equal(keys.count, 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_siphash_reference_vectors),
        cmocka_unit_test(test_rfc9018_appendix_a),
        cmocka_unit_test(test_rfc9018_4_3_times),
        cmocka_unit_test(test_rfc9018_4_every_bit_counts),
        cmocka_unit_test(test_rfc9018_4_1_version),
        cmocka_unit_test(test_rfc9018_5_keys_follow_the_secrets),
    };
    return cmocka_run_group_tests_name("dns/cookie", tests, NULL, NULL);
}
