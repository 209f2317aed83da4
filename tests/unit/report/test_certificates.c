/* Certificates that end or are refused: when that is a warning, and what the status lists. */
#include "view.h"

#include "report/certificates.h"

static struct locum_health_certificate certificate;

/* What the warning says; "": there is none. */
static const char *
warned(void)
{
    static char text[1024];
    static const char key[] = "certificate 127.0.0.1:443 get.example.org.";
    json_t *warnings = locum_warnings_find(&view);
    const char *found = json_string_value(json_object_get(warnings, key));
    (void)snprintf(text, sizeof(text), "%s", found != NULL ? found : "");
    assert_int_equal(locum_warnings_count(&view, true), found != NULL);
    json_decref(warnings);
    return text;
}

static void
assert_starts(const char *text, const char *start)
{
    if (strncmp(text, start, strlen(start)) != 0) {
        fail_msg("\"%s\", expected \"%s\"", text, start);
    }
}

static int
setup_certificate(void **state)
{
    static const struct locum_address address = {
        .family = LOCUM_V4, .bytes = {127, 0, 0, 1}, .port = 443};
    const int status = setup_view(state);
    certificate = (struct locum_health_certificate){.name = "get.example.org."};
    site.core.config.check_count = 1;
    config.checks[0].tls.warn_days = 14;
    config.checks[0].tls.address = address;
    view.checks[0].certificates = &certificate;
    view.checks[0].certificate_count = 1;
    return status;
}

static void
test_when_it_is_a_warning(void **state)
{
    const int64_t now_s = view.now.wall / 1000;
    (void)state;
    assert_string_equal(warned(), ""); /* not seen yet */
    certificate.expires_s = now_s + 14 * 86400;
    assert_string_equal(warned(), "");
    certificate.expires_s--;
    assert_starts(warned(), "the certificate for get.example.org at 127.0.0.1:443 ends on 2");
    (void)strcpy(certificate.why, "certificate is not yet valid");
    assert_starts(warned(), "the certificate for get.example.org at 127.0.0.1:443 is refused by "
                            "clients: certificate is not yet valid. Install one");
    certificate.expires_s = now_s;
    assert_starts(warned(), "the certificate for get.example.org at 127.0.0.1:443 expired on 2");
}

static void
test_what_is_listed(void **state)
{
    static const struct {
        int64_t left_s;
        int days;
    } rows[] = {{1, 0}, {86399, 0}, {86400, 1}, {0, 0}, {-1, -1}, {-86400, -1}, {-86401, -2}};
    (void)state;
    for (size_t i = 0; i < LOCUM_COUNT(rows); i++) {
        certificate.expires_s = view.now.wall / 1000 + rows[i].left_s;
        json_t *status = locum_report_status(&view);
        const json_t *first = json_array_get(json_object_get(status, "certificates"), 0);
        assert_int_equal(json_integer_value(json_object_get(first, "left_days")), rows[i].days);
        assert_true(json_is_null(json_object_get(first, "error")));
        json_decref(status);
    }
    certificate.expires_s = 0;
    json_t *list = locum_certificates_list(&view);
    assert_true(json_is_null(json_object_get(json_array_get(list, 0), "left_days")));
    assert_true(json_is_null(json_object_get(json_array_get(list, 0), "expires")));
    json_decref(list);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_when_it_is_a_warning, setup_certificate),
        cmocka_unit_test_setup(test_what_is_listed, setup_certificate),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
