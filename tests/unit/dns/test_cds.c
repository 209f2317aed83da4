/* cds: the records that a parent reads, as the key programs print them. */
#include "keyfiles.h"

#include "dns/cds.h"

static void
assert_record(const ldns_rr_list *list, size_t i, const char *expected)
{
    char *text = ldns_rr2str(ldns_rr_list_rr(list, i));
    text[strcspn(text, ";\n")] = '\0';
    print_message("%s\n", text);
    assert_int_equal(strncmp(text, expected, strlen(expected)), 0);
    free(text);
}

static void
test_ds_cds_and_cdnskey_are_those_of_the_keys(void **state)
{
    (void)state;
    struct key_folder folder;
    struct locum_cds made;
    key_folder_init(&folder);
    key_folder_add(&folder, key_file_of(45571));
    key_folder_add(&folder, key_file_of(56601));
    assert_int_equal(key_folder_read(&folder), 0);
    const struct locum_dnskey *keys[] = {&folder.keys.keys[0], &folder.keys.keys[1]};
    ldns_rr *ds = locum_cds_ds(keys[0], 3600);
    ldns_rr_list *list = ldns_rr_list_new();
    assert_true(ldns_rr_list_push_rr(list, ds));
    assert_record(list, 0,
                  "example.\t3600\tIN\tDS\t45571 13 2 "
                  "e19cd85801b13ed702e1c2e6b251f979043b8ec640563346d44bc2f3abc88681");
    assert_int_equal(locum_cds_make(keys, 2, 60, &made), 0);
    assert_int_equal(ldns_rr_list_rr_count(made.cds), 2);
    assert_int_equal(ldns_rr_list_rr_count(made.cdnskey), 2);
    assert_record(made.cds, 0,
                  "example.\t60\tIN\tCDS\t45571 13 2 "
                  "e19cd85801b13ed702e1c2e6b251f979043b8ec640563346d44bc2f3abc88681");
    assert_record(made.cds, 1, "example.\t60\tIN\tCDS\t56601 15 2 ");
    assert_record(made.cdnskey, 0,
                  "example.\t60\tIN\tCDNSKEY\t257 3 13 +Numd1uF9nGFwnJKqv5M22vQdFh5Ri05klWKFRnePi");
    assert_record(made.cdnskey, 1, "example.\t60\tIN\tCDNSKEY\t257 3 15 ");
    locum_cds_fini(&made);
    ldns_rr_list_deep_free(list);
    key_folder_fini(&folder);
}

static void
test_delete_records_are_those_of_rfc_8078(void **state)
{
    (void)state;
    static const uint8_t cds[] = {0, 0, 0, 0, 0}, cdnskey[] = {0, 0, 3, 0, 0};
    struct locum_cds made;
    ldns_rdf *apex = ldns_dname_new_frm_str("example.");
    assert_int_equal(locum_cds_make_delete(apex, 60, &made), 0);
    for (int i = 0; i < 2; i++) {
        const ldns_rr_list *list = i == 0 ? made.cds : made.cdnskey;
        ldns_buffer *wire = ldns_buffer_new(64);
        assert_int_equal(ldns_rr_list_rr_count(list), 1);
        assert_int_equal(ldns_rr_ttl(ldns_rr_list_rr(list, 0)), 60);
        assert_int_equal(ldns_rr_rdata2buffer_wire(wire, ldns_rr_list_rr(list, 0)), LDNS_STATUS_OK);
        assert_int_equal(ldns_buffer_position(wire), sizeof(cds));
        assert_memory_equal(ldns_buffer_begin(wire), i == 0 ? cds : cdnskey, sizeof(cds));
        ldns_buffer_free(wire);
    }
    assert_record(made.cds, 0, "example.\t60\tIN\tCDS\t0 0 0 00");
    locum_cds_fini(&made);
    ldns_rdf_deep_free(apex);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ds_cds_and_cdnskey_are_those_of_the_keys),
        cmocka_unit_test(test_delete_records_are_those_of_rfc_8078),
    };
    return cmocka_run_group_tests_name("dns/cds", tests, NULL, NULL);
}
