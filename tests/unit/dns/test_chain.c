/* chain: the NSEC records of a zone and the search for a gap, compared with ldns. */
#include "fixture.h"

#include "dns/chain.h"

#define APEX "example."

static ldns_rdf *
dname(const char *text)
{
    ldns_rdf *name = ldns_dname_new_frm_str(text);
    assert_non_null(name);
    return name;
}

static void
add(struct locum_chain *chain, const ldns_rdf *name, ldns_rr_type type)
{
    assert_int_equal(
        locum_chain_add(chain, ldns_rdf_data(name), ldns_rdf_size(name), (uint16_t)type), 0);
}

static void
add_text(struct locum_chain *chain, const char *name, ldns_rr_type type)
{
    ldns_rdf *owner = dname(name);
    add(chain, owner, type);
    ldns_rdf_deep_free(owner);
}

static struct locum_chain *
with_apex(void)
{
    struct locum_chain *chain = locum_chain_create();
    assert_non_null(chain);
    add_text(chain, APEX, LDNS_RR_TYPE_NS);
    add_text(chain, APEX, LDNS_RR_TYPE_SOA);
    return chain;
}

static void
assert_nsec(const struct locum_chain *chain, size_t index, const char *expected)
{
    ldns_rr *rr = locum_chain_nsec(chain, index, 15);
    char *text = ldns_rr2str(rr);
    text[strcspn(text, "\n")] = '\0';
    assert_string_equal(text, expected);
    free(text);
    ldns_rr_free(rr);
}

/* Close the chain, which has exactly these NSEC records, and free it. */
static void
assert_chain(struct locum_chain *chain, const char *const *expected, size_t count)
{
    assert_int_equal(locum_chain_close(chain), 0);
    assert_int_equal(locum_chain_count(chain), count);
    for (size_t i = 0; i < count; i++) {
        assert_nsec(chain, i, expected[i]);
    }
    locum_chain_destroy(chain);
}

static void
test_names_are_linked_in_canonical_order(void **state)
{
    (void)state;
    /* RFC 4034 6.1, in another order */
    static const char *const names[] = {
        "z.example.",   "\\200.z.example.", "a.example.",   "yljkjljk.a.example.",
        "Z.a.example.", "zABC.a.EXAMPLE.",  "*.z.example.", "\\001.z.example."};
    struct locum_chain *chain = with_apex();
    for (size_t i = 0; i < LOCUM_COUNT(names); i++) {
        add_text(chain, names[i], LDNS_RR_TYPE_A);
    }
    add_text(chain, "z.example.", LDNS_RR_TYPE_CAA);
    add_text(chain, "z.example.", LDNS_RR_TYPE_A);
    add_text(chain, "z.example.", LDNS_RR_TYPE_HTTPS);
    static const char *const expected[] = {
        "example.\t15\tIN\tNSEC\ta.example. NS SOA RRSIG NSEC ",
        "a.example.\t15\tIN\tNSEC\tyljkjljk.a.example. A RRSIG NSEC ",
        "yljkjljk.a.example.\t15\tIN\tNSEC\tz.a.example. A RRSIG NSEC ",
        "z.a.example.\t15\tIN\tNSEC\tzabc.a.example. A RRSIG NSEC ",
        "zabc.a.example.\t15\tIN\tNSEC\tz.example. A RRSIG NSEC ",
        "z.example.\t15\tIN\tNSEC\t\\001.z.example. A RRSIG NSEC HTTPS CAA ",
        "\\001.z.example.\t15\tIN\tNSEC\t*.z.example. A RRSIG NSEC ",
        "*.z.example.\t15\tIN\tNSEC\t\\200.z.example. A RRSIG NSEC ",
        "\\200.z.example.\t15\tIN\tNSEC\texample. A RRSIG NSEC ",
    };
    assert_chain(chain, expected, LOCUM_COUNT(expected));
}

static void
test_names_below_a_delegation_or_a_dname_have_no_nsec(void **state)
{
    (void)state;
    struct locum_chain *chain = with_apex();
    add_text(chain, "cut.example.", LDNS_RR_TYPE_NS);
    add_text(chain, "cut.example.", LDNS_RR_TYPE_DS);
    add_text(chain, "cut.example.", LDNS_RR_TYPE_A);
    add_text(chain, "ns.cut.example.", LDNS_RR_TYPE_A);
    add_text(chain, "cuts.example.", LDNS_RR_TYPE_A);
    add_text(chain, "d.example.", LDNS_RR_TYPE_DNAME);
    add_text(chain, "d.example.", LDNS_RR_TYPE_TXT);
    add_text(chain, "a.d.example.", LDNS_RR_TYPE_TXT);
    static const char *const expected[] = {
        "example.\t15\tIN\tNSEC\tcut.example. NS SOA RRSIG NSEC ",
        "cut.example.\t15\tIN\tNSEC\tcuts.example. NS DS RRSIG NSEC ",
        "cuts.example.\t15\tIN\tNSEC\td.example. A RRSIG NSEC ",
        "d.example.\t15\tIN\tNSEC\texample. TXT DNAME RRSIG NSEC ",
    };
    assert_chain(chain, expected, LOCUM_COUNT(expected));
}

static void
test_search_finds_gap_encloser_and_wildcard(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        size_t at;
        bool matches, exists;
        size_t encloser_labels, wildcard;
        bool wildcard_matches;
    } rows[] = {
        {"example.", 0, true, true, 1, 0, false},
        {"A.example.", 0, false, false, 1, 0, false},
        {"b.example.", 1, true, true, 2, 1, false},
        {"x.b.example.", 1, false, false, 2, 1, false},
        {"ent.example.", 1, false, true, 2, 1, false}, /* an empty non-terminal */
        {"a.ent.example.", 1, false, false, 2, 1, false},
        {"y.x.ent.example.", 2, false, false, 3, 2, false},
        {"q.w.example.", 4, false, false, 2, 4, true}, /* what *.w.example gives */
        {"\\000.w.example.", 3, false, false, 2, 4, true},
        {"r.q.w.example.", 4, false, false, 2, 4, true},
        {"zz.example.", 4, false, false, 1, 0, false},
    };
    struct locum_chain *chain = with_apex();           /* 0 */
    add_text(chain, "b.example.", LDNS_RR_TYPE_A);     /* 1 */
    add_text(chain, "x.ent.example.", LDNS_RR_TYPE_A); /* 2 */
    add_text(chain, "w.example.", LDNS_RR_TYPE_A);     /* 3 */
    add_text(chain, "*.w.example.", LDNS_RR_TYPE_A);   /* 4 */
    assert_int_equal(locum_chain_close(chain), 0);
    for (size_t i = 0; i < LOCUM_COUNT(rows); i++) {
        ldns_rdf *name = dname(rows[i].name);
        const struct locum_chain_place place =
            locum_chain_search(chain, ldns_rdf_data(name), ldns_rdf_size(name));
        print_message("%s\n", rows[i].name);
        assert_int_equal(place.at, rows[i].at);
        assert_int_equal(place.matches, rows[i].matches);
        assert_int_equal(place.exists, rows[i].exists);
        assert_int_equal(place.encloser_labels, rows[i].encloser_labels);
        assert_int_equal(place.wildcard, rows[i].wildcard);
        assert_int_equal(place.wildcard_matches, rows[i].wildcard_matches);
        ldns_rdf_deep_free(name);
    }
    locum_chain_destroy(chain);
}

static void
test_digest_depends_on_all_names_types_and_the_ttl(void **state)
{
    (void)state;
    uint8_t digests[5][LOCUM_CHAIN_DIGEST_BYTES];
    for (size_t i = 0; i < 5; i++) {
        struct locum_chain *chain = with_apex();
        if (i == 4) { /* the same as number 0, in another order */
            add_text(chain, "b.example.", LDNS_RR_TYPE_A);
        }
        add_text(chain, "A.example.", i == 1 ? LDNS_RR_TYPE_AAAA : LDNS_RR_TYPE_A);
        add_text(chain, i == 2 ? "c.example." : "b.example.", LDNS_RR_TYPE_A);
        assert_int_equal(locum_chain_close(chain), 0);
        assert_int_equal(locum_chain_digest(chain, i == 3 ? 16 : 15, digests[i]), 0);
        locum_chain_destroy(chain);
    }
    for (size_t i = 1; i < 4; i++) {
        assert_memory_not_equal(digests[0], digests[i], LOCUM_CHAIN_DIGEST_BYTES);
    }
    assert_memory_equal(digests[0], digests[4], LOCUM_CHAIN_DIGEST_BYTES);
}

/* The property test. splitmix64 (public domain, S. Vigna). */
static uint64_t random_state;

static uint32_t
below(uint32_t bound)
{
    uint64_t z = random_state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return (uint32_t)((z >> 32) % bound);
}

/* A name at the apex or below it. Few labels, so that names are often above each other. */
static void
random_name(char *text)
{
    static const char *const labels[] = {"a", "B", "aa", "*", "\\000", "\\001", "\\255a", "-", "["};
    *text = '\0';
    for (uint32_t depth = below(4); depth > 0; depth--) {
        strcat(text, labels[below(LOCUM_COUNT(labels))]);
        strcat(text, ".");
    }
    strcat(text, APEX);
}

static void
add_record(ldns_dnssec_zone *zone, struct locum_chain *chain, const char *text)
{
    ldns_rr *rr = NULL;
    assert_int_equal(ldns_rr_new_frm_str(&rr, text, 60, NULL, NULL), LDNS_STATUS_OK);
    ldns_dname2canonical(ldns_rr_owner(rr));
    add(chain, ldns_rr_owner(rr), ldns_rr_get_type(rr));
    if (ldns_dnssec_zone_find_rrset(zone, ldns_rr_owner(rr), ldns_rr_get_type(rr)) != NULL) {
        ldns_rr_free(rr); /* ldns would neither store nor free it */
    } else {
        assert_int_equal(ldns_dnssec_zone_add_rr(zone, rr), LDNS_STATUS_OK);
    }
}

static void
random_zone(ldns_dnssec_zone *zone, struct locum_chain *chain)
{
    static const char *const types[] = {"A 192.0.2.1",      "AAAA ::1",     "TXT x",
                                        "MX 1 m.other.",    "HTTPS 1 .",    "TYPE65000 \\# 1 00",
                                        "NS ns.other.",     "DS 1 13 2 AB", "DNAME d.other.",
                                        "CAA 0 issue \"x\""};
    char name[256], text[400];
    add_record(zone, chain, APEX " SOA ns.other. a.other. 1 2 3 4 5");
    add_record(zone, chain, APEX " NS ns.other.");
    for (uint32_t i = below(12); i > 0; i--) {
        do {
            random_name(name);
        } while (strcmp(name, APEX) == 0);
        for (uint32_t j = 1 + below(3); j > 0; j--) {
            (void)snprintf(text, sizeof(text), "%s %s", name, types[below(LOCUM_COUNT(types))]);
            add_record(zone, chain, text);
        }
    }
}

/* The same records as those that ldns makes. */
static void
compare_records(const struct locum_chain *chain, ldns_rr_list *theirs)
{
    assert_int_equal(locum_chain_count(chain), ldns_rr_list_rr_count(theirs));
    for (size_t i = 0; i < locum_chain_count(chain); i++) {
        ldns_rr *rr = locum_chain_nsec(chain, i, ldns_rr_ttl(ldns_rr_list_rr(theirs, i)));
        assert_int_equal(ldns_rr_compare(rr, ldns_rr_list_rr(theirs, i)), 0);
        ldns_rr_free(rr);
    }
}

/* The number of labels that the name has in common with any name of the zone. */
static size_t
encloser_labels(const ldns_rr_list *theirs, const ldns_rdf *name)
{
    size_t most = 0;
    for (size_t i = 0; i < ldns_rr_list_rr_count(theirs); i++) {
        const ldns_rdf *owner = ldns_rr_owner(ldns_rr_list_rr(theirs, i));
        ldns_rdf *above = ldns_rdf_clone(name);
        while (ldns_dname_compare(above, owner) != 0 && !ldns_dname_is_subdomain(owner, above)) {
            ldns_rdf *parent = ldns_dname_left_chop(above);
            ldns_rdf_deep_free(above);
            above = parent;
        }
        const size_t labels = ldns_dname_label_count(above);
        most = labels > most ? labels : most;
        ldns_rdf_deep_free(above);
    }
    return most;
}

static void
compare_search(const struct locum_chain *chain, const ldns_rr_list *theirs)
{
    char text[256];
    random_name(text);
    ldns_rdf *name = dname(text);
    ldns_dname2canonical(name);
    const struct locum_chain_place place =
        locum_chain_search(chain, ldns_rdf_data(name), ldns_rdf_size(name));
    const ldns_rr *nsec = ldns_rr_list_rr(theirs, place.at);
    const size_t labels = encloser_labels(theirs, name);
    assert_int_equal(place.matches, ldns_dname_compare(ldns_rr_owner(nsec), name) == 0);
    assert_true(place.matches || ldns_nsec_covers_name(nsec, name));
    assert_int_equal(place.encloser_labels, labels);
    assert_int_equal(place.exists, labels == ldns_dname_label_count(name));
    ldns_rdf *encloser =
        ldns_dname_clone_from(name, (uint16_t)(ldns_dname_label_count(name) - labels));
    ldns_rdf *wildcard = dname("*");
    assert_int_equal(ldns_dname_cat(wildcard, encloser), LDNS_STATUS_OK);
    nsec = ldns_rr_list_rr(theirs, place.wildcard);
    assert_int_equal(place.wildcard_matches,
                     ldns_dname_compare(ldns_rr_owner(nsec), wildcard) == 0);
    assert_true(place.wildcard_matches || ldns_nsec_covers_name(nsec, wildcard));
    ldns_rdf_deep_free(wildcard);
    ldns_rdf_deep_free(encloser);
    ldns_rdf_deep_free(name);
}

static void
test_random_zones_have_the_same_chain_as_in_ldns(void **state)
{
    (void)state;
    const char *seed = getenv("SEED");
    random_state = seed != NULL ? strtoull(seed, NULL, 10) : (uint64_t)time(NULL);
    print_message("SEED=%llu\n", (unsigned long long)random_state);
    for (size_t i = 0; i < 1000; i++) {
        ldns_dnssec_zone *zone = ldns_dnssec_zone_new();
        ldns_rr_list *theirs = ldns_rr_list_new();
        struct locum_chain *chain = locum_chain_create();
        random_zone(zone, chain);
        assert_int_equal(locum_chain_close(chain), 0);
        assert_int_equal(ldns_dnssec_zone_mark_glue(zone), LDNS_STATUS_OK);
        assert_int_equal(ldns_dnssec_zone_create_nsecs(zone, theirs), LDNS_STATUS_OK);
        compare_records(chain, theirs);
        for (size_t j = 0; j < 20; j++) {
            compare_search(chain, theirs);
        }
        locum_chain_destroy(chain);
        ldns_rr_list_free(theirs);
        ldns_dnssec_zone_deep_free(zone);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names_are_linked_in_canonical_order),
        cmocka_unit_test(test_names_below_a_delegation_or_a_dname_have_no_nsec),
        cmocka_unit_test(test_search_finds_gap_encloser_and_wildcard),
        cmocka_unit_test(test_digest_depends_on_all_names_types_and_the_ttl),
        cmocka_unit_test(test_random_zones_have_the_same_chain_as_in_ldns),
    };
    return cmocka_run_group_tests_name("dns/chain", tests, NULL, NULL);
}
