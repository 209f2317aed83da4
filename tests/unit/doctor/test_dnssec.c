/* dnssec: what is read of answers that are signed, and what is found of them. */
#include "fixture.h"

#include "doctor/dnssec.h"

#define ZONE "get.example.org."
enum { DAY_S = 86400, SETS = LOCUM_DOCTOR_SIGNED_SETS };

static ldns_key *key, *other_key;
static struct locum_doctor_message messages[SETS];
static struct locum_ds_answer ds;
static struct locum_doctor_signed seen;

/* How a set is signed. */
struct how {
    ldns_key *with; /* NULL: not at all */
    int64_t begin_s, end_s;
    bool altered; /* afterwards */
};
static struct how good;

static ldns_key *
new_key(void)
{
    ldns_key *made = ldns_key_new_frm_algorithm(LDNS_SIGN_ECDSAP256SHA256, 256);
    assert_non_null(made);
    ldns_key_set_pubkey_owner(made, ldns_dname_new_frm_str(ZONE));
    ldns_key_set_flags(made, 257);
    ldns_rr *rr = ldns_key2rr(made);
    ldns_key_set_keytag(made, ldns_calc_keytag(rr));
    ldns_rr_free(rr);
    return made;
}

static int
setup(void **state)
{
    (void)state;
    key = new_key();
    other_key = new_key();
    good = (struct how){.with = key, .begin_s = NOW_S - DAY_S, .end_s = NOW_S + 13 * DAY_S};
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    ldns_key_deep_free(key);
    ldns_key_deep_free(other_key);
    return 0;
}

/* Add a set to a section, and its signature. */
static void
put(ldns_pkt *packet, ldns_pkt_section section, ldns_rr_list *set, const struct how *how)
{
    if (how->with != NULL) {
        ldns_key_list *keys = ldns_key_list_new();
        ldns_key_set_inception(how->with, (uint32_t)how->begin_s);
        ldns_key_set_expiration(how->with, (uint32_t)how->end_s);
        (void)ldns_key_list_push_key(keys, how->with);
        ldns_rr_list *signatures = ldns_sign_public(set, keys);
        assert_non_null(signatures);
        assert_int_equal(ldns_rr_list_rr_count(signatures), 1);
        (void)ldns_pkt_push_rr_list(packet, section, signatures);
        ldns_rr_list_free(signatures);
        free(keys->_keys); /* ldns_key_list_free() would free the key */
        free(keys);
    }
    if (how->altered) {
        ldns_rr *first = ldns_rr_list_rr(set, 0);
        ldns_rdf *last = ldns_rr_rdf(first, ldns_rr_rd_count(first) - 1);
        ldns_rdf_data(last)[ldns_rdf_size(last) - 1] ^= 1;
    }
    (void)ldns_pkt_push_rr_list(packet, section, set);
    ldns_rr_list_free(set);
}

static ldns_rr_list *
set_of(const char *text)
{
    ldns_rr_list *list = ldns_rr_list_new();
    ldns_rr *rr = NULL;
    assert_int_equal(ldns_rr_new_frm_str(&rr, text, 60, NULL, NULL), LDNS_STATUS_OK);
    assert_true(ldns_rr_list_push_rr(list, rr));
    return list;
}

static ldns_pkt *
new_packet(void)
{
    ldns_pkt *packet = NULL;
    assert_int_equal(
        ldns_pkt_query_new_frm_str(&packet, ZONE, LDNS_RR_TYPE_SOA, LDNS_RR_CLASS_IN, 0),
        LDNS_STATUS_OK);
    ldns_pkt_set_qr(packet, true);
    return packet;
}

static void
finish(ldns_pkt *packet, enum locum_doctor_signed_set which)
{
    uint8_t *wire = NULL;
    size_t length = 0;
    assert_int_equal(ldns_pkt2wire(&wire, packet, &length), LDNS_STATUS_OK);
    assert_true(length <= sizeof(messages[which].bytes));
    memcpy(messages[which].bytes, wire, length);
    messages[which].length = length;
    free(wire);
    ldns_pkt_free(packet);
}

/* DNSKEY with the keys that are not NULL. */
static void
make_keys(ldns_key *one, ldns_key *two, const struct how *how)
{
    ldns_pkt *packet = new_packet();
    ldns_rr_list *set = ldns_rr_list_new();
    ldns_key *const all[] = {one, two};
    for (size_t i = 0; i < 2; i++) {
        if (all[i] != NULL) {
            ldns_rr *rr = ldns_key2rr(all[i]);
            ldns_rr_set_ttl(rr, 3600);
            (void)ldns_rr_list_push_rr(set, rr);
        }
    }
    put(packet, LDNS_SECTION_ANSWER, set, how);
    finish(packet, LOCUM_DOCTOR_SIGNED_KEYS);
}

static void
make_soa(const struct how *how)
{
    ldns_pkt *packet = new_packet();
    put(packet, LDNS_SECTION_ANSWER, set_of(ZONE " 60 IN SOA a. b. 1 2 3 4 5"), how);
    finish(packet, LOCUM_DOCTOR_SIGNED_SOA);
}

static void
make_denial(const char *next, const struct how *how)
{
    ldns_pkt *packet = new_packet();
    char nsec[128];
    (void)snprintf(nsec, sizeof(nsec), ZONE " 5 IN NSEC %s A RRSIG NSEC", next);
    ldns_pkt_set_rcode(packet, LDNS_RCODE_NXDOMAIN);
    put(packet, LDNS_SECTION_AUTHORITY, set_of(ZONE " 5 IN SOA a. b. 1 2 3 4 5"), &good);
    put(packet, LDNS_SECTION_AUTHORITY, set_of(nsec), how);
    finish(packet, LOCUM_DOCTOR_SIGNED_DENIAL);
}

static void
give_ds_of(ldns_key *of)
{
    ldns_rr *rr = ldns_key2rr(of);
    ldns_rr *made = ldns_key_rr2ds(rr, LDNS_SHA256);
    const ldns_rdf *digest = ldns_rr_rdf(made, 3);
    ds = (struct locum_ds_answer){.count = 1};
    ds.ds[0] = (struct locum_ds){.tag = ldns_calc_keytag(rr),
                                 .algorithm = 13,
                                 .digest_type = 2,
                                 .digest_length = (uint8_t)ldns_rdf_size(digest)};
    memcpy(ds.ds[0].digest, ldns_rdf_data(digest), ldns_rdf_size(digest));
    ldns_rr_free(rr);
    ldns_rr_free(made);
}

/* All is well. */
static void
make_all(void)
{
    make_keys(key, NULL, &good);
    make_soa(&good);
    make_denial("x." ZONE, &good);
    give_ds_of(key);
}

static void
read_all(void)
{
    locum_doctor_dnssec_read(messages, ZONE, &ds, NOW_S, &seen);
}

static void
assert_states(enum locum_doctor_signature keys, enum locum_doctor_signature soa,
              enum locum_doctor_signature denial)
{
    read_all();
    assert_int_equal(seen.state[LOCUM_DOCTOR_SIGNED_KEYS], keys);
    assert_int_equal(seen.state[LOCUM_DOCTOR_SIGNED_SOA], soa);
    assert_int_equal(seen.state[LOCUM_DOCTOR_SIGNED_DENIAL], denial);
}

static void
test_good_signatures(void **state)
{
    (void)state;
    make_all();
    assert_states(LOCUM_DOCTOR_SIGNATURE_GOOD, LOCUM_DOCTOR_SIGNATURE_GOOD,
                  LOCUM_DOCTOR_SIGNATURE_GOOD);
    assert_true(seen.fits && seen.has_keys);
    for (size_t i = 0; i < SETS; i++) {
        assert_int_equal(seen.ends_s[i], good.end_s);
    }
    char tag[16];
    (void)snprintf(tag, sizeof(tag), "%u", ldns_key_keytag(key));
    assert_string_equal(seen.tags, tag);
    give_ds_of(other_key);
    read_all();
    assert_false(seen.fits);
}

static void
test_wrong_signatures(void **state)
{
    (void)state;
    const struct how none = {.with = NULL};
    struct how expired = good, early = good, altered = good, other = good;
    expired.end_s = NOW_S - 1;
    early.begin_s = NOW_S + 1;
    altered.altered = true;
    other.with = other_key;
    const struct {
        const struct how *how;
        enum locum_doctor_signature state;
    } rows[] = {{&none, LOCUM_DOCTOR_SIGNATURE_NONE},
                {&expired, LOCUM_DOCTOR_SIGNATURE_EXPIRED},
                {&early, LOCUM_DOCTOR_SIGNATURE_EARLY},
                {&altered, LOCUM_DOCTOR_SIGNATURE_WRONG},
                {&other, LOCUM_DOCTOR_SIGNATURE_WRONG}};
    for (size_t i = 0; i < LOCUM_COUNT(rows); i++) {
        make_all();
        make_soa(rows[i].how);
        assert_states(LOCUM_DOCTOR_SIGNATURE_GOOD, rows[i].state, LOCUM_DOCTOR_SIGNATURE_GOOD);
        make_soa(&good);
        make_denial("x." ZONE, rows[i].how);
        assert_states(LOCUM_DOCTOR_SIGNATURE_GOOD, LOCUM_DOCTOR_SIGNATURE_GOOD, rows[i].state);
    }
    make_all();
    make_keys(key, NULL, &expired);
    assert_states(LOCUM_DOCTOR_SIGNATURE_EXPIRED, LOCUM_DOCTOR_SIGNATURE_GOOD,
                  LOCUM_DOCTOR_SIGNATURE_GOOD);
    make_keys(key, NULL, &none);
    assert_states(LOCUM_DOCTOR_SIGNATURE_NONE, LOCUM_DOCTOR_SIGNATURE_GOOD,
                  LOCUM_DOCTOR_SIGNATURE_GOOD);
    assert_true(seen.has_keys);
    assert_false(seen.fits); /* the key of the DS has signed nothing */
    make_keys(key, other_key, &other);
    assert_states(LOCUM_DOCTOR_SIGNATURE_GOOD, LOCUM_DOCTOR_SIGNATURE_GOOD,
                  LOCUM_DOCTOR_SIGNATURE_GOOD);
    assert_false(seen.fits);
    make_keys(key, other_key, &good);
    assert_states(LOCUM_DOCTOR_SIGNATURE_GOOD, LOCUM_DOCTOR_SIGNATURE_GOOD,
                  LOCUM_DOCTOR_SIGNATURE_GOOD);
    assert_true(seen.fits);
}

static void
test_answers_that_are_not_there(void **state)
{
    (void)state;
    make_all();
    messages[LOCUM_DOCTOR_SIGNED_SOA].length = 0;
    assert_states(LOCUM_DOCTOR_SIGNATURE_GOOD, LOCUM_DOCTOR_SIGNATURE_UNKNOWN,
                  LOCUM_DOCTOR_SIGNATURE_GOOD);
    messages[LOCUM_DOCTOR_SIGNED_KEYS].length = 0;
    assert_states(LOCUM_DOCTOR_SIGNATURE_UNKNOWN, LOCUM_DOCTOR_SIGNATURE_UNKNOWN,
                  LOCUM_DOCTOR_SIGNATURE_UNKNOWN);
    make_all();
    finish(new_packet(), LOCUM_DOCTOR_SIGNED_KEYS); /* an unsigned zone */
    read_all();
    assert_false(seen.has_keys);
    assert_int_equal(seen.state[LOCUM_DOCTOR_SIGNED_KEYS], LOCUM_DOCTOR_SIGNATURE_NONE);
}

static void
test_digests(void **state)
{
    (void)state;
    make_all();
    make_keys(key, other_key, &good);
    read_all();
    const struct locum_doctor_signed first = seen;
    make_keys(other_key, key, &good); /* another order, other signatures */
    read_all();
    assert_memory_equal(first.keys_digest, seen.keys_digest, sizeof(seen.keys_digest));
    make_keys(key, NULL, &good);
    read_all();
    assert_memory_not_equal(first.keys_digest, seen.keys_digest, sizeof(seen.keys_digest));
}

static void
test_nsec_records(void **state)
{
    (void)state;
    static const struct {
        const char *text, *next;
        bool same; /* as the first one */
    } rows[] = {
        {ZONE " 5 IN NSEC X." ZONE " A NSEC", "x." ZONE, true},
        {"GET.example.org. 6 IN NSEC X." ZONE " A NSEC", "x." ZONE, true},
        {ZONE " 5 IN NSEC x." ZONE " A TXT NSEC", "x." ZONE, false},
        {ZONE " 5 IN NSEC y." ZONE " A NSEC", "y." ZONE, false},
        {"x." ZONE " 5 IN NSEC x." ZONE " A NSEC", NULL, false},
        {ZONE " 5 IN A 192.0.2.1", NULL, false},
    };
    uint8_t first[32] = {0};
    for (size_t i = 0; i < LOCUM_COUNT(rows); i++) {
        ldns_pkt *packet = new_packet();
        uint8_t chain[32] = {0};
        char next[LOCUM_DOMAIN_MAX + 1];
        put(packet, LDNS_SECTION_ANSWER, set_of(rows[i].text), &(struct how){.with = NULL});
        finish(packet, LOCUM_DOCTOR_SIGNED_DENIAL);
        const bool found =
            locum_doctor_dnssec_read_nsec(&messages[LOCUM_DOCTOR_SIGNED_DENIAL], ZONE, chain, next);
        assert_int_equal(found, rows[i].next != NULL);
        if (found) {
            assert_string_equal(next, rows[i].next);
        }
        memcpy(first, i == 0 ? chain : first, sizeof(first));
        assert_int_equal(memcmp(first, chain, sizeof(first)) == 0, rows[i].same);
    }
}

/* Each prefix of each answer, and each byte of it changed. */
static void
test_hostile_answers(void **state)
{
    (void)state;
    make_all();
    for (size_t which = 0; which < SETS; which++) {
        const struct locum_doctor_message whole = messages[which];
        for (size_t i = 0; i < whole.length; i++) {
            messages[which].length = i;
            read_all();
            messages[which].length = whole.length;
            messages[which].bytes[i] ^= 0xff;
            read_all();
            messages[which].bytes[i] = whole.bytes[i];
        }
    }
    assert_states(LOCUM_DOCTOR_SIGNATURE_GOOD, LOCUM_DOCTOR_SIGNATURE_GOOD,
                  LOCUM_DOCTOR_SIGNATURE_GOOD);
}

static void
test_ds_of_the_parent(void **state)
{
    (void)state;
    struct locum_doctor_message message = {.length = 0};
    struct locum_ds_answer found;
    assert_false(locum_doctor_dnssec_read_ds(&message, ZONE, &found));
    static const struct {
        ldns_pkt_section section;
        const char *text;
        bool tells;
        size_t count;
    } rows[] = {
        {LDNS_SECTION_ANSWER, ZONE " 60 IN DS 7 13 2 aabb", true, 1},
        {LDNS_SECTION_ANSWER, "other.org. 60 IN DS 7 13 2 aabb", false, 0},
        {LDNS_SECTION_AUTHORITY, "example.org. 60 IN SOA a. b. 1 2 3 4 5", true, 0},
        {LDNS_SECTION_AUTHORITY, ZONE " 60 IN SOA a. b. 1 2 3 4 5", false, 0},
        {LDNS_SECTION_AUTHORITY, ZONE " 60 IN NS a.", false, 0},
    };
    for (size_t i = 0; i < LOCUM_COUNT(rows); i++) {
        ldns_pkt *packet = new_packet();
        put(packet, rows[i].section, set_of(rows[i].text), &(struct how){.with = NULL});
        finish(packet, LOCUM_DOCTOR_SIGNED_SOA);
        assert_int_equal(
            locum_doctor_dnssec_read_ds(&messages[LOCUM_DOCTOR_SIGNED_SOA], ZONE, &found),
            rows[i].tells);
        assert_int_equal(found.count, rows[i].count);
    }
}

/* --- what is found ---------------------------------------------------------------------------- */

static struct locum_doctor_dnssec *
signed_site(struct bench *bench)
{
    struct locum_doctor_dnssec *dnssec = calloc(1, sizeof(*dnssec));
    make_all();
    read_all();
    seen.has_chain = true;
    strcpy(bench->site->config.zones[0].dnssec.keys, "/k");
    bench->site->config.zones[0].dnssec.refresh_s = 7 * DAY_S;
    bench->facts.zones[0].dnssec = dnssec;
    dnssec->ds_known = true;
    dnssec->ds = ds;
    dnssec->servers[0] = dnssec->servers[1] = seen;
    return dnssec;
}

static bool found_kinds[LOCUM_DOCTOR_KINDS];

/* One finding of this kind, which says `what`; what NULL: none at all. */
static void
assert_found(struct bench *bench, const char *id, const char *what)
{
    bench->found.count = bench->found.not_examined_count = 0;
    locum_doctor_judge(&bench->facts, &bench->found);
    for (size_t i = 0; i < bench->found.count; i++) {
        print_message("%s\n", bench->found.at[i].what);
    }
    assert_int_equal(bench->found.count, what != NULL);
    if (what != NULL) {
        assert_string_equal(locum_doctor_finding_row(bench->found.at[0].kind)->id, id);
        assert_non_null(strstr(bench->found.at[0].what, what));
        found_kinds[bench->found.at[0].kind] = true;
    }
    assert_int_equal(bench->found.not_examined_count, 0);
}

static void
test_what_is_found(void **state)
{
    (void)state;
    struct bench *bench = bench_new();
    struct locum_doctor_dnssec *dnssec = signed_site(bench);
    struct locum_doctor_signed *second = &dnssec->servers[1];
    const struct locum_doctor_signed well = *second;
    static const char at[] = "ns3.get.example.org. (192.0.2.13)";
    assert_found(bench, NULL, NULL);

    second->fits = false;
    assert_found(bench, "ds-mismatch", at);
    *second = (struct locum_doctor_signed){.state = {LOCUM_DOCTOR_SIGNATURE_NONE,
                                                     LOCUM_DOCTOR_SIGNATURE_NONE,
                                                     LOCUM_DOCTOR_SIGNATURE_NONE}};
    assert_found(bench, "unsigned", "is not signed: DNSKEY, SOA, the denial of a name");
    *second = well;
    second->state[LOCUM_DOCTOR_SIGNED_SOA] = LOCUM_DOCTOR_SIGNATURE_WRONG;
    assert_found(bench, "signature-wrong", "wrong: SOA");
    second->state[LOCUM_DOCTOR_SIGNED_SOA] = LOCUM_DOCTOR_SIGNATURE_EXPIRED;
    assert_found(bench, "signature-time", "has expired: SOA");
    second->state[LOCUM_DOCTOR_SIGNED_SOA] = LOCUM_DOCTOR_SIGNATURE_EARLY;
    assert_found(bench, "signature-time", "not valid yet: SOA");
    *second = well;
    second->ends_s[LOCUM_DOCTOR_SIGNED_DENIAL] = NOW_S + 6 * DAY_S;
    assert_found(bench, NULL, NULL);
    second->ends_s[LOCUM_DOCTOR_SIGNED_DENIAL]--;
    assert_found(bench, "signature-ends", at);
    bench->site->config.zones[0].dnssec.refresh_s = DAY_S;
    assert_found(bench, NULL, NULL);
    second->ends_s[LOCUM_DOCTOR_SIGNED_DENIAL] = NOW_S + DAY_S - 1;
    assert_found(bench, "signature-ends", at);
    *second = well;
    second->keys_digest[0] ^= 1;
    assert_found(bench, "dnskey-differs", at);
    *second = well;
    second->chain_digest[0] ^= 1;
    assert_found(bench, "nsec-differs", at);
    *second = well;
    dnssec->ds.count = 0;
    assert_found(bench, "no-ds", "the parent of get.example.org. has no DS");
    dnssec->ds.count = 1;
    dnssec->refusing[0] = address("192.0.2.53", 53);
    dnssec->refusing_count = 1;
    assert_found(bench, "resolver-refuses", "192.0.2.53 answers SERVFAIL");
    for (int kind = LOCUM_DOCTOR_NO_DS; kind <= LOCUM_DOCTOR_RESOLVER_REFUSES; kind++) {
        assert_true(found_kinds[kind]);
    }
    bench_free(bench);
}

static void
test_what_is_not_examined(void **state)
{
    (void)state;
    struct bench *bench = bench_new();
    struct locum_doctor_dnssec *dnssec = signed_site(bench);
    dnssec->servers[0] = (struct locum_doctor_signed){.has_keys = false};
    dnssec->ds_known = false;
    locum_doctor_judge(&bench->facts, &bench->found);
    assert_int_equal(bench->found.count, 0);
    assert_int_equal(bench->found.not_examined_count, 2);
    assert_non_null(strstr(bench->found.not_examined[0], "dc2.example.org. (192.0.2.12)"));
    assert_non_null(strstr(bench->found.not_examined[1], "the DS of get.example.org."));

    /* Also if only a part of the answers is there. */
    dnssec->ds_known = true;
    dnssec->servers[0] = seen;
    dnssec->servers[0].state[LOCUM_DOCTOR_SIGNED_SOA] = LOCUM_DOCTOR_SIGNATURE_UNKNOWN;
    dnssec->servers[0].has_chain = false;
    bench->found.count = bench->found.not_examined_count = 0;
    locum_doctor_judge(&bench->facts, &bench->found);
    assert_int_equal(bench->found.count, 0);
    assert_int_equal(bench->found.not_examined_count, 2);
    assert_non_null(strstr(bench->found.not_examined[0], "asked for: SOA"));
    assert_non_null(strstr(bench->found.not_examined[1], "the NSEC records of get.example.org."));
    bench_free(bench);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_good_signatures),
        TEST(test_wrong_signatures),
        TEST(test_answers_that_are_not_there),
        TEST(test_digests),
        TEST(test_nsec_records),
        TEST(test_hostile_answers),
        TEST(test_ds_of_the_parent),
        TEST(test_what_is_found),
        TEST(test_what_is_not_examined),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
