/* signer: a signed zone as text: each RRset with authority is signed, each name has its NSEC. */
#include "keyfiles.h"

#include "dns/signer.h"

enum { NOW = 1800000000 };

static struct key_folder folder;
static struct site *site;

static int
before(void **state)
{
    (void)state;
    key_folder_init(&folder);
    site = site_new();
    site_record(site, 0, "www CNAME @");
    site_record(site, 0, "a.b.c TXT \"text\"");
    site_record(site, 0, "@ MX 10 mail.example.org.");
    strcpy(site->config.zones[0].name, "example.");
    strcpy(site->config.names[0].name, "example.");
    strcpy(site->config.names[1].name, "dc2.example.");
    strcpy(site->config.names[2].name, "dc3.example.");
    strcpy(site->config.zones[0].soa.rname, "hostmaster.example.");
    strcpy(site->config.zones[0].dnssec.keys, folder.path);
    site->config.zones[0].dnssec.validity_s = LOCUM_SIGN_VALIDITY_S;
    site->config.zones[0].dnssec.refresh_s = LOCUM_SIGN_REFRESH_S;
    for (size_t i = 0; i < 2; i++) {
        site->config.core.nodes[i].has[LOCUM_V4] = true;
        site->config.core.nodes[i].has[LOCUM_V6] = i == 0;
    }
    return 0;
}

static int
after(void **state)
{
    (void)state;
    free(site);
    key_folder_fini(&folder);
    return 0;
}

struct found {
    size_t errors, warnings;
    char text[1024];
};

static void
note(void *user, size_t zone, enum locum_severity severity, const char *text)
{
    struct found *found = user;
    assert_int_equal(zone, 0);
    found->errors += severity == LOCUM_SEVERITY_ERROR;
    found->warnings += severity == LOCUM_SEVERITY_WARNING;
    (void)snprintf(found->text, sizeof(found->text), "%s", text);
}

static struct locum_signer *
create(void)
{
    struct found found = {0};
    struct locum_signer *signer;
    assert_int_equal(locum_signer_create(&site->config, NULL, NOW, note, &found, &signer), 0);
    assert_int_equal(found.errors + found.warnings, 0);
    return signer;
}

static ldns_zone *
parse(const char *text)
{
    ldns_zone *zone = NULL;
    FILE *file = fmemopen((void *)(uintptr_t)text, strlen(text), "r");
    assert_int_equal(ldns_zone_new_frm_fp(&zone, file, NULL, 0, LDNS_RR_CLASS_IN), LDNS_STATUS_OK);
    (void)fclose(file);
    ldns_zone_push_rr(zone, ldns_rr_clone(ldns_zone_soa(zone)));
    return zone;
}

static ldns_zone *
signed_zone(struct locum_signer *signer, int64_t now_s)
{
    char *text;
    assert_int_equal(
        locum_signer_zone_text(signer, &site->config, 0, &site->plan, NULL, 7, now_s, &text), 0);
    ldns_zone *zone = parse(text);
    free(text);
    return zone;
}

/* The records of an owner and type; with `covered`, its RRSIG records of that type. */
static ldns_rr_list *
records(const ldns_zone *zone, const ldns_rdf *owner, ldns_rr_type type, ldns_rr_type covered)
{
    const ldns_rr_list *all = ldns_zone_rrs(zone);
    ldns_rr_list *ret = ldns_rr_list_new();
    for (size_t i = 0; i < ldns_rr_list_rr_count(all); i++) {
        ldns_rr *rr = ldns_rr_list_rr(all, i);
        if (ldns_rr_get_type(rr) == type && ldns_dname_compare(ldns_rr_owner(rr), owner) == 0 &&
            (covered == 0 || ldns_rdf2rr_type(ldns_rr_rrsig_typecovered(rr)) == covered)) {
            assert_true(ldns_rr_list_push_rr(ret, rr));
        }
    }
    return ret;
}

/* Every RRset is signed so many times, and every signature verifies. Returns their number. */
static size_t
verify(const ldns_zone *zone, size_t of_keys, size_t of_rest)
{
    ldns_rdf *apex = ldns_rr_owner(ldns_zone_soa(zone));
    ldns_rr_list *keys = records(zone, apex, LDNS_RR_TYPE_DNSKEY, 0);
    size_t sets = 0;
    for (size_t i = 0; i < ldns_rr_list_rr_count(ldns_zone_rrs(zone)); i++) {
        const ldns_rr *rr = ldns_rr_list_rr(ldns_zone_rrs(zone), i);
        const ldns_rr_type type = ldns_rr_get_type(rr);
        if (type == LDNS_RR_TYPE_RRSIG) {
            continue;
        }
        const bool of_key =
            type == LDNS_RR_TYPE_DNSKEY || type == LDNS_RR_TYPE_CDS || type == LDNS_RR_TYPE_CDNSKEY;
        ldns_rr_list *set = records(zone, ldns_rr_owner(rr), type, 0);
        ldns_rr_list *signatures = records(zone, ldns_rr_owner(rr), LDNS_RR_TYPE_RRSIG, type);
        assert_int_equal(ldns_rr_list_rr_count(signatures), of_key ? of_keys : of_rest);
        assert_int_equal(locum_sign_verify(set, signatures, keys, NOW), 0);
        sets += ldns_rr_list_rr(set, 0) == rr;
        ldns_rr_list_free(set);
        ldns_rr_list_free(signatures);
    }
    ldns_rr_list_free(keys);
    return sets;
}

static void
test_one_key_signs_the_whole_zone(void **state)
{
    (void)state;
    key_folder_add(&folder, key_file_of(45571));
    struct locum_signer *signer = create();
    assert_true(locum_signer_is_on(signer, 0));
    site->plan.answers[0][LOCUM_V4].ttl_s = 15; /* after a failover */
    ldns_zone *zone = signed_zone(signer, NOW);
    /* SOA NS MX A AAAA DNSKEY CDS CDNSKEY, dc2 A AAAA, dc3 A, www CNAME, TXT, and 5 NSEC */
    assert_int_equal(verify(zone, 1, 1), 18);
    assert_int_equal(locum_signer_counts(signer).made, 18);
    ldns_zone_deep_free(zone);
    /* Another serial and TTL: only the SOA is signed again. */
    site->plan.answers[0][LOCUM_V4].ttl_s = 60;
    char *text;
    assert_int_equal(
        locum_signer_zone_text(signer, &site->config, 0, &site->plan, NULL, 8, NOW, &text), 0);
    assert_int_equal(locum_signer_counts(signer).made, 19);
    free(text);
    /* After a reload too. */
    struct locum_signer *next = create();
    locum_signer_share(next, signer);
    locum_signer_destroy(signer);
    zone = signed_zone(next, NOW);
    assert_int_equal(verify(zone, 1, 1), 18);
    assert_int_equal(locum_signer_counts(next).made, 19);
    assert_int_equal(locum_signer_until(next, NOW) % LOCUM_SIGN_DAY_S, 0);
    ldns_zone_deep_free(zone);
    locum_signer_destroy(next);
}

static void
test_the_chain_does_not_depend_on_the_plan(void **state)
{
    (void)state;
    uint8_t digests[2][LOCUM_CHAIN_DIGEST_BYTES];
    key_folder_add(&folder, key_file_of(45571));
    struct locum_signer *signer = create();
    assert_int_equal(locum_chain_digest(locum_signer_chain(signer, 0), 15, digests[0]), 0);
    locum_signer_destroy(signer);
    site->config.core.self = 1; /* as dc3 sees it */
    signer = create();
    assert_int_equal(locum_chain_digest(locum_signer_chain(signer, 0), 15, digests[1]), 0);
    assert_memory_equal(digests[0], digests[1], sizeof(digests[0]));
    assert_int_equal(locum_chain_count(locum_signer_chain(signer, 0)), 5);
    locum_signer_destroy(signer);
}

static void
test_key_257_signs_the_keys_and_256_the_rest(void **state)
{
    (void)state;
    key_folder_add(&folder, key_file_of(45571));
    key_folder_add(&folder, key_file_of(15605));
    key_folder_add(&folder, key_file_of(2492));
    struct locum_signer *signer = create();
    ldns_zone *zone = signed_zone(signer, NOW);
    assert_int_equal(verify(zone, 2, 1), 18);
    ldns_rr_list *cds = records(zone, ldns_rr_owner(ldns_zone_soa(zone)), LDNS_RR_TYPE_CDS, 0);
    assert_int_equal(ldns_rr_list_rr_count(cds), 2);
    ldns_rr_list_free(cds);
    ldns_zone_deep_free(zone);
    locum_signer_destroy(signer);
}

static void
test_withdraw_serves_the_delete_records(void **state)
{
    (void)state;
    key_folder_add(&folder, key_file_of(45571));
    site->config.zones[0].dnssec.withdraw = true;
    struct locum_signer *signer = create();
    const ldns_rr *cds = ldns_rr_list_rr(locum_signer_apex_set(signer, 0, 1), 0);
    assert_int_equal(ldns_rdf2native_int8(ldns_rr_rdf(cds, 1)), 0); /* the algorithm */
    ldns_zone *zone = signed_zone(signer, NOW);
    assert_int_equal(verify(zone, 1, 1), 18);
    ldns_zone_deep_free(zone);
    locum_signer_destroy(signer);
}

static void
test_keys_that_cannot_sign_are_reported(void **state)
{
    (void)state;
    struct locum_signer *signer;
    struct found found = {0};
    key_folder_put(&folder, "other", ".key",
                   "example. IN DNSKEY 257 3 15 AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n",
                   0644);
    assert_int_equal(locum_signer_create(&site->config, NULL, NOW, note, &found, &signer),
                     LOCUM_ERR_INVALID);
    assert_int_equal(found.errors, 1);
    assert_non_null(strstr(found.text, "no *.private file that can be used"));
    key_folder_add(&folder, key_file_of(45571));
    found = (struct found){0};
    assert_int_equal(locum_signer_create(&site->config, NULL, NOW, note, &found, &signer), 0);
    assert_int_equal(found.errors, 0);
    assert_int_equal(found.warnings, 1);
    assert_non_null(strstr(found.text, "other.key is not published: no *.private here signs with "
                                       "ED25519"));
    assert_int_equal(ldns_rr_list_rr_count(locum_signer_apex_set(signer, 0, 0)), 1);
    locum_signer_destroy(signer);
    /* One bad file is an error although the others could sign. */
    key_folder_put(&folder, "bad", ".key", "", 0644);
    found = (struct found){0};
    assert_int_equal(locum_signer_create(&site->config, NULL, NOW, note, &found, &signer),
                     LOCUM_ERR_INVALID);
    assert_int_equal(found.errors, 1);
    /* At a start with the last configuration the zone is served unsigned rather than not at all. */
    site->config.kept = true;
    key_folder_fini(&folder);
    key_folder_init(&folder);
    strcpy(site->config.zones[0].dnssec.keys, folder.path);
    found = (struct found){0};
    assert_int_equal(locum_signer_create(&site->config, NULL, NOW, note, &found, &signer), 0);
    assert_int_equal(found.errors, 0);
    assert_int_equal(found.warnings, 1);
    assert_false(locum_signer_is_on(signer, 0));
    locum_signer_destroy(signer);
}

/* A key is remembered that signs, and another one with its algorithm and tag is in the folder. */
static void
test_a_start_leaves_out_what_a_reload_refuses(void **state)
{
    (void)state;
    char record[512] = "";
    const char *from = strstr(key_file_of(45571)->record, "257 3 13");
    memcpy(record, from, strcspn(from, "\n"));
    const struct locum_keymemory_found other = {.algorithm = 13,
                                                .tag = 15605,
                                                .secure_entry = true,
                                                .record = record,
                                                .private_half = key_file_of(45571)->private_half};
    struct locum_keymemory *memory = locum_keymemory_create();
    struct locum_signer *signer;
    struct found found = {0};
    assert_non_null(memory);
    locum_keymemory_configure(memory, &site->config);
    assert_int_equal(locum_keymemory_take_folder(memory, "example.", &other, 1, 3600, NOW), 0);
    struct locum_keymemory_zone *zone = locum_keymemory_find(memory, "example.");
    locum_keymemory_decide(memory, zone, NOW);
    key_folder_add(&folder, key_file_of(15605));
    assert_int_equal(locum_signer_create(&site->config, memory, NOW, note, &found, &signer),
                     LOCUM_ERR_INVALID);
    assert_int_equal(found.errors, 1);
    assert_non_null(strstr(found.text, "has the algorithm and tag of another key"));
    assert_int_equal(locum_signer_create(&site->config, memory, NOW, NULL, NULL, &signer), 0);
    assert_string_equal(locum_keymemory_find_key(zone, 13, 15605)->record, record);
    assert_int_equal(locum_signer_dnskey_signer(signer, 0, 0)->tag, 45571); /* restored */
    assert_null(locum_signer_dnskey_signer(signer, 0, 1));
    locum_signer_destroy(signer);
    locum_keymemory_destroy(memory);
}

/* The *.key of a key whose *.private is elsewhere, or lost. */
static void
add_public_half(uint16_t tag)
{
    key_folder_put(&folder, key_file_of(tag)->name, ".key", key_file_of(tag)->record, 0644);
}

static void
test_a_key_257_that_is_published_needs_one_that_signs(void **state)
{
    (void)state;
    struct locum_signer *signer;
    struct found found = {0};
    key_folder_add(&folder,
                   key_file_of(2492)); /* flags 256: it signs DNSKEY too, which has no DS */
    add_public_half(15605);
    assert_int_equal(locum_signer_create(&site->config, NULL, NOW, note, &found, &signer),
                     LOCUM_ERR_INVALID);
    assert_int_equal(found.errors, 1);
    assert_non_null(strstr(found.text, "Kexample.+013+15605.key has flags 257"));
    assert_non_null(strstr(found.text, "copy a *.private"));
    key_folder_add(&folder, key_file_of(15605));
    locum_signer_destroy(create());
}

static void
test_a_folder_without_a_key_257_is_refused(void **state)
{
    (void)state;
    struct locum_signer *signer;
    struct found found = {0};
    key_folder_add(&folder, key_file_of(2492));
    assert_int_equal(locum_signer_create(&site->config, NULL, NOW, note, &found, &signer),
                     LOCUM_ERR_INVALID);
    assert_int_equal(found.errors, 1);
    assert_non_null(strstr(found.text, "no key that signs here has flags 257"));
    /* A start with the last configuration serves the zone unsigned. */
    site->config.kept = true;
    found = (struct found){0};
    assert_int_equal(locum_signer_create(&site->config, NULL, NOW, note, &found, &signer), 0);
    assert_int_equal(found.warnings, 1);
    assert_false(locum_signer_is_on(signer, 0));
    locum_signer_destroy(signer);
}

static void
test_cds_has_only_keys_that_sign(void **state)
{
    (void)state;
    struct locum_signer *signer;
    struct found found = {0};
    key_folder_add(&folder, key_file_of(45571));
    add_public_half(15605);
    assert_int_equal(locum_signer_create(&site->config, NULL, NOW, note, &found, &signer), 0);
    assert_int_equal(found.errors, 0);
    assert_int_equal(found.warnings, 0); /* a note */
    assert_non_null(strstr(found.text, "Kexample.+013+15605.key is published, and does not sign"));
    assert_int_equal(ldns_rr_list_rr_count(locum_signer_apex_set(signer, 0, 0)), 2);
    for (size_t i = 1; i <= 2; i++) { /* CDS and CDNSKEY */
        assert_int_equal(ldns_rr_list_rr_count(locum_signer_apex_set(signer, 0, i)), 1);
    }
    const ldns_rr *cds = ldns_rr_list_rr(locum_signer_apex_set(signer, 0, 1), 0);
    assert_int_equal(ldns_rdf2native_int16(ldns_rr_rdf(cds, 0)), 45571);
    assert_int_equal(locum_signer_entry_key(signer, 0, 0)->tag, 45571);
    assert_null(locum_signer_entry_key(signer, 0, 1));
    locum_signer_destroy(signer);
}

static void
test_a_witness_and_an_unsigned_zone_need_no_keys(void **state)
{
    (void)state;
    struct locum_signer *signer = NULL;
    char *text;
    site->config.core.nodes[0].role = LOCUM_ROLE_WITNESS;
    signer = create();
    assert_false(locum_signer_is_on(signer, 0));
    locum_signer_destroy(signer);
    site->config.core.nodes[0].role = LOCUM_ROLE_SERVER;
    site->config.zones[0].dnssec.keys[0] = '\0';
    signer = create();
    assert_int_equal(
        locum_signer_zone_text(signer, &site->config, 0, &site->plan, NULL, 7, NOW, &text), 0);
    assert_null(strstr(text, "RRSIG"));
    assert_int_equal(locum_signer_until(signer, NOW), INT64_MAX);
    assert_int_equal(locum_signer_counts(signer).made, 0);
    free(text);
    locum_signer_destroy(signer);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, before, after)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_one_key_signs_the_whole_zone),
        TEST(test_the_chain_does_not_depend_on_the_plan),
        TEST(test_key_257_signs_the_keys_and_256_the_rest),
        TEST(test_withdraw_serves_the_delete_records),
        TEST(test_keys_that_cannot_sign_are_reported),
        TEST(test_a_start_leaves_out_what_a_reload_refuses),
        TEST(test_a_key_257_that_is_published_needs_one_that_signs),
        TEST(test_a_folder_without_a_key_257_is_refused),
        TEST(test_cds_has_only_keys_that_sign),
        TEST(test_a_witness_and_an_unsigned_zone_need_no_keys),
    };
    return cmocka_run_group_tests_name("dns/signer", tests, NULL, NULL);
}
