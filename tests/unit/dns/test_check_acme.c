/* Records that are made from acme.persist, and static records that contradict it. */
#include "fixture.h"

#include "config/acme.h"
#include "dns/dns.h"

#define ACCOUNT "https://acme.example/acct/1"

static char report[8192];

static void
note(void *user, const struct locum_problem *problem)
{
    (void)user;
    struct locum_text text = {.at = report, .size = sizeof(report), .length = strlen(report)};
    locum_text_add(&text, problem->severity == LOCUM_SEVERITY_ERROR     ? "error: "
                          : problem->severity == LOCUM_SEVERITY_WARNING ? "warning: "
                                                                        : "note: ");
    locum_text_add(&text, problem->text);
    locum_text_add(&text, "\n");
}

/* A site with an entry of acme.persist for ca.example in its first zone. */
static struct site *
site_with_persist(void)
{
    struct site *site = site_new();
    site->config.zones[0].persist_count = 1;
    strcpy(site->config.persist[0].issuer, "ca.example.");
    strcpy(site->config.persist[0].account, ACCOUNT);
    return site;
}

/* The problems of a site with these records; NULL ends the list. */
static int
check(struct site *site, const char *const *records)
{
    report[0] = '\0';
    for (; *records != NULL; records++) {
        site_record(site, 0, *records);
    }
    return locum_dns_check(&site->config, note, NULL);
}

static void
test_caa_records(void **state)
{
    static const struct {
        const char *records[4];
        bool allowed;
    } rows[] = {
        {{NULL}, true},
        {{"@ CAA 0 issue \"ca.example\""}, true},
        {{"@ CAA 0 issue \" CA.example ; validationmethods=dns-01,dns-persist-01\""}, true},
        {{"@ CAA 0 issue \"ca.example; accounturi=" ACCOUNT "\""}, true},
        {{"@ CAA 0 issue \"other.example\"", "@ CAA 0 issue \"ca.example\""}, true},
        {{"@ CAA 0 iodef \"mailto:a@example.org\""}, true},
        {{"@ CAA 0 issuewild \";\""}, true}, /* no name is a wildcard */
        {{"x CAA 0 issue \"other.example\""}, true},
        {{"@ CAA 0 issue \"other.example\""}, false},
        {{"@ CAA 0 issue \"ca.example.org\""}, false},
        {{"@ CAA 0 issue \";\""}, false},
        {{"@ CAA 0 issue \"ca.example; validationmethods=dns-01\""}, false},
        {{"@ CAA 0 issue \"ca.example; accounturi=" ACCOUNT "2\""}, false},
        {{"@ CAA 0 issue \"ca.example\"", "dc2 CAA 0 issue \"other.example\""}, false},
        {{"@ CAA 0 issue \"other.example\"", "dc2 CAA 0 issue \"ca.example\""}, false},
    };
    (void)state;
    for (size_t i = 0; i < LOCUM_COUNT(rows); i++) {
        struct site *site = site_with_persist();
        assert_int_equal(check(site, rows[i].records), 0);
        const bool warned = strstr(report, "warning: record '") != NULL &&
                            strstr(report, "does not let ca.example,") != NULL;
        if (warned == rows[i].allowed || (rows[i].allowed && report[0] != '\0')) {
            fail_msg("%s: \"%s\"", rows[i].records[0], report);
        }
        free(site);
    }
}

static void
test_records_at_the_owner_are_refused(void **state)
{
    static const char *const records[] = {LOCUM_ACME_PERSIST_LABEL " TXT x", NULL};
    static const char *const others[] = {LOCUM_ACME_PERSIST_LABEL ".x TXT x", NULL};
    (void)state;
    struct site *site = site_with_persist();
    assert_int_equal(check(site, others), 0);
    assert_int_equal(check(site, records), LOCUM_ERR_INVALID);
    assert_non_null(strstr(report, "made from acme.persist"));
    site->config.zones[0].persist_count = 0;
    site->config.zones[0].record_count = 0;
    assert_int_equal(check(site, records), 0);
    free(site);
}

/* What is below a DNAME or a delegation is not answered. */
static void
test_records_that_hide_the_owner(void **state)
{
    static const char *const hiding[] = {"dl DNAME example.net.", "@ DNAME example.net.",
                                         "_validation-persist NS ns.example.net."};
    static const char *const not_hiding[] = {"x DNAME example.net.", "x NS ns.example.net."};
    (void)state;
    for (size_t i = 0; i < LOCUM_COUNT(hiding); i++) {
        const char *const records[] = {hiding[i], NULL};
        struct site *site = site_with_persist();
        (void)site_name(site, 0, "dl.get.example.org.", LOCUM_NODE_NONE, 1);
        assert_int_equal(check(site, records), LOCUM_ERR_INVALID);
        if (strstr(report, i < 2 ? "it hides what acme.persist makes for" : "made from") == NULL) {
            fail_msg("%s: %s", hiding[i], report);
        }
        free(site);
    }
    for (size_t i = 0; i < LOCUM_COUNT(not_hiding); i++) {
        const char *const records[] = {not_hiding[i], NULL};
        struct site *site = site_with_persist();
        assert_int_equal(check(site, records), 0);
        assert_string_equal(report, "");
        free(site);
    }
}

static void
assert_line(const char *text, const char *line)
{
    if (strstr(text, line) == NULL) {
        fail_msg("no \"%s\" in:\n%s", line, text);
    }
}

static void
test_the_records_of_a_zone(void **state)
{
    (void)state;
    char *text;
    struct site *site = site_with_persist();
    site->config.zones[0].persist_count = 2;
    strcpy(site->config.persist[1].issuer, "other.example.");
    strcpy(site->config.persist[1].account, ACCOUNT);
    strcpy(site->config.persist[1].until, "2027-12-31");
    site->config.persist[1].wildcard = true;
    assert_int_equal(locum_dns_zone_text(NULL, &site->config, 0, &site->plan, NULL, 7, &text), 0);
    assert_line(text, "\n_validation-persist.get.example.org.\t60\tIN\tTXT\t"
                      "\"ca.example; accounturi=" ACCOUNT "\"\n");
    assert_line(text, "\n_validation-persist.get.example.org.\t60\tIN\tTXT\t"
                      "\"other.example; accounturi=" ACCOUNT
                      "; policy=wildcard; persistUntil=1830297599\"\n");
    assert_line(text, "\n_validation-persist.dc2.get.example.org.\t60\tIN\tTXT\t\"ca.example; ");
    free(text);
    site->config.zones[0].persist_count = 0;
    assert_int_equal(locum_dns_zone_text(NULL, &site->config, 0, &site->plan, NULL, 7, &text), 0);
    assert_null(strstr(text, "_validation-persist"));
    free(text);
    free(site);
}

/* A wildcard and the name that it is of share an owner, with policy=wildcard. */
static void
test_a_wildcard_name(void **state)
{
    (void)state;
    char owner[LOCUM_DOMAIN_MAX + 1];
    bool wildcard;
    struct site *site = site_with_persist();
    const size_t first = site_name(site, 0, "dl.get.example.org.", LOCUM_NODE_NONE, 1);
    assert_true(locum_acme_persist_owner(&site->config, first, owner, &wildcard));
    assert_string_equal(owner, "_validation-persist.dl.get.example.org.");
    assert_false(wildcard);
    const size_t second = site_name(site, 0, "*.dl.get.example.org.", LOCUM_NODE_NONE, 1);
    assert_true(locum_acme_persist_owner(&site->config, first, owner, &wildcard));
    assert_true(wildcard);
    assert_false(locum_acme_persist_owner(&site->config, second, owner, &wildcard));
    const size_t alone = site_name(site, 0, "*.x.get.example.org.", LOCUM_NODE_NONE, 1);
    assert_true(locum_acme_persist_owner(&site->config, alone, owner, &wildcard));
    assert_string_equal(owner, "_validation-persist.x.get.example.org.");
    assert_true(wildcard);
    free(site);
}

/* A static record at the name of challenges turns dns-01 off there, and so does one that hides
 * it. */
static void
test_static_records_at_the_names_of_challenges(void **state)
{
    static const struct {
        const char *records[3];
        const char *noted; /* the name; NULL: none */
    } rows[] = {
        {{"_acme-challenge CNAME elsewhere.test."}, "get.example.org."},
        {{"_acme-challenge.dc2 TXT x"}, "dc2.get.example.org."},
        {{"_acme-challenge.dc2 NS ns.test."}, "dc2.get.example.org."},
        {{"_acme-challenge.other TXT x"}, NULL},
        {{"x._acme-challenge TXT x"}, NULL},
        {{"_acme-challenge2 TXT x"}, NULL},
    };
    (void)state;
    for (size_t i = 0; i < LOCUM_COUNT(rows); i++) {
        struct site *site = site_new();
        site->config.zones[0].dns_01 = true;
        assert_int_equal(check(site, rows[i].records), 0);
        if (rows[i].noted == NULL) {
            assert_string_equal(report, "");
        } else {
            char line[512];
            (void)snprintf(line, sizeof(line),
                           "note: record '%s': it takes the place of what acme makes at "
                           "_acme-challenge.%s, so dns-01 is off for %s\n",
                           rows[i].records[0], rows[i].noted, rows[i].noted);
            assert_string_equal(report, line);
        }
        site->config.zones[0].dns_01 = false;
        assert_int_equal(check(site, (const char *const[]){NULL}), 0);
        assert_string_equal(report, "");
        free(site);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_caa_records),
        cmocka_unit_test(test_records_at_the_owner_are_refused),
        cmocka_unit_test(test_records_that_hide_the_owner),
        cmocka_unit_test(test_the_records_of_a_zone),
        cmocka_unit_test(test_a_wildcard_name),
        cmocka_unit_test(test_static_records_at_the_names_of_challenges),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
