/* Signed zones: what the status, the warnings and the metrics say of the DS and the signatures. */
#include "view.h"

#include "report/dnssec.h"

static const char zone[] = "get.example.org.";
static struct locum_parent_zone parent;

/* Signed with key 7, and the parent has the DS of key 7. */
static int
setup_zone(void **state)
{
    static const uint8_t ds[] = {0, 7, 13, 2, 0xaa};
    const int status = setup_view(state);
    (void)strcpy(config.zones[0].dnssec.keys, "/k");
    parent = (struct locum_parent_zone){.known = true,
                                        .answer.ttl_s = 3600,
                                        .answered_s = view.now.wall / 1000,
                                        .failing_mono = LOCUM_NEVER,
                                        .why = ""};
    assert_int_equal(locum_ds_add(&parent.answer, ds, sizeof(ds)), 0);
    view.dnssec[0] =
        (struct locum_report_dnssec){.parent = &parent,
                                     .state = LOCUM_TRUST_OK,
                                     .served = {.is_signed = true,
                                                .keys = {{.tag = 7, .algorithm = "ED25519"}},
                                                .key_count = 1,
                                                .valid_until_s = view.now.wall / 1000 + 7 * 86400}};
    return status;
}

static void
assert_metric(const char *line)
{
    char *text = locum_report_metrics(&view);
    assert_non_null(text);
    view_says(text, line);
    free(text);
}

static void
test_a_healthy_zone(void **state)
{
    (void)state;
    assert_int_equal(locum_warnings_count(&view, false), 0);
    json_t *found = locum_dnssec_of_zone(&view, 0);
    json_t *ds = json_object_get(found, "ds");
    const json_t *key = json_array_get(json_object_get(found, "keys"), 0);
    assert_true(json_is_true(json_object_get(found, "signed")));
    assert_int_equal(json_integer_value(json_object_get(key, "tag")), 7);
    assert_string_equal(json_string_value(json_object_get(key, "algorithm")), "ED25519");
    assert_string_equal(json_string_value(json_object_get(found, "valid_until")),
                        locum_text_time(view.now.wall / 1000 * 1000 + 7 * 86400000).text);
    assert_string_equal(json_string_value(json_object_get(ds, "state")), "ok");
    assert_int_equal(json_integer_value(json_array_get(json_object_get(ds, "tags"), 0)), 7);
    assert_int_equal(json_integer_value(json_object_get(ds, "ttl_s")), 3600);
    assert_true(json_is_string(json_object_get(ds, "answered")));
    assert_true(json_is_null(json_object_get(ds, "failing_since")));
    assert_true(json_is_null(json_object_get(ds, "error")));
    json_decref(found);
    assert_metric("locum_dnssec_ds{zone=\"get.example.org.\",state=\"ok\"} 1\n");
    assert_metric("locum_dnssec_ds{zone=\"get.example.org.\",state=\"mismatch\"} 0\n");
    assert_metric("locum_dnssec_signature_expiry_timestamp_seconds{zone=\"get.example.org.\"} 1");
}

static void
test_an_unsigned_zone_has_nothing(void **state)
{
    (void)state;
    view.dnssec[0] = (struct locum_report_dnssec){.state = LOCUM_TRUST_UNKNOWN};
    json_t *found = locum_dnssec_of_zone(&view, 0);
    assert_true(json_is_null(found));
    json_decref(found);
    assert_int_equal(locum_warnings_count(&view, false), 0);
    char *text = locum_report_metrics(&view);
    assert_null(strstr(text, "locum_dnssec_ds{"));
    assert_null(strstr(text, "locum_dnssec_signature_expiry_timestamp_seconds{"));
    free(text);
}

static void
test_mismatch(void **state)
{
    static const uint8_t ds[] = {0, 9, 13, 2, 0xaa};
    (void)state;
    assert_int_equal(locum_ds_add(&parent.answer, ds, sizeof(ds)), 0);
    view.dnssec[0].state = LOCUM_TRUST_MISMATCH;
    view_says(view_warned("ds", zone), "(key tags 7, 9), but none of a key that signs here (7)");
    view_says(view_warned("ds", zone), "copy its key folder (/k) and run `locum reload`");
    view_says(view_warned("ds", zone), "`locum ds get.example.org.`");
    assert_int_equal(locum_warnings_count(&view, true), 1);
    assert_metric("locum_warnings{about=\"ds\"} 1\n");
    assert_metric("locum_dnssec_ds{zone=\"get.example.org.\",state=\"mismatch\"} 1\n");
    /* What is wrong then is that it is not signed. */
    view.dnssec[0].served.is_signed = false;
    view.zone_lacks_keys[0] = true;
    assert_string_equal(view_warned("ds", zone), "");
    view_says(view_warned("dnssec", zone), "is served unsigned");
}

static void
test_no_ds_is_no_warning(void **state)
{
    (void)state;
    parent.answer.count = 0;
    view.dnssec[0].state = LOCUM_TRUST_NONE;
    assert_int_equal(locum_warnings_count(&view, false), 0);
    assert_metric("locum_dnssec_ds{zone=\"get.example.org.\",state=\"none\"} 1\n");
}

static void
test_a_parent_that_cannot_be_asked(void **state)
{
    (void)state;
    parent.failing_mono = view.now.mono;
    parent.failing_s = view.now.wall / 1000;
    parent.why = "it does not answer";
    json_t *found = locum_dnssec_of_zone(&view, 0);
    const json_t *ds = json_object_get(found, "ds");
    assert_string_equal(json_string_value(json_object_get(ds, "failing_since")),
                        locum_text_time(view.now.wall / 1000 * 1000).text);
    assert_string_equal(json_string_value(json_object_get(ds, "error")), "it does not answer");
    assert_string_equal(json_string_value(json_object_get(ds, "state")), "ok");
    json_decref(found);
    wait_ms(LOCUM_DNSSEC_FAILING_WARN_MS - 1);
    assert_string_equal(view_warned("parent", zone), "");
    wait_ms(1);
    view_says(view_warned("parent", zone), "for more than an hour no resolver");
    view_says(view_warned("parent", zone), "the parent has: it does not answer. Nothing");
    assert_string_equal(view_warned("ds", zone), "");
}

static void
test_signatures_that_end(void **state)
{
    (void)state;
    const int64_t now_s = view.now.wall / 1000;
    view.dnssec[0].served.valid_until_s = now_s + LOCUM_DNSSEC_EXPIRY_WARN_S;
    assert_string_equal(view_warned("signatures", zone), "");
    view.dnssec[0].served.valid_until_s--;
    view_says(view_warned("signatures", zone), "its signatures end at 2");
    view_says(view_warned("signatures", zone), "run `locum reload`");
    view.dnssec[0].served.valid_until_s = 0; /* after the start */
    assert_string_equal(view_warned("signatures", zone), "");
    view.dnssec[0].served.valid_until_s = now_s - 1;
    view_says(view_warned("signatures", zone), "its signatures expired at 2");
    assert_int_equal(locum_warnings_count(&view, true), 1);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_a_healthy_zone, setup_zone),
        cmocka_unit_test_setup(test_an_unsigned_zone_has_nothing, setup_zone),
        cmocka_unit_test_setup(test_mismatch, setup_zone),
        cmocka_unit_test_setup(test_no_ds_is_no_warning, setup_zone),
        cmocka_unit_test_setup(test_a_parent_that_cannot_be_asked, setup_zone),
        cmocka_unit_test_setup(test_signatures_that_end, setup_zone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
