/* delegation: the records that the parent must have, with glue only where it is needed. */
#include "fixture.h"

#include "dns/delegation.h"

static char *
printed(const struct site *site, size_t zone)
{
    struct locum_delegation made;
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);
    assert_non_null(out);
    assert_int_equal(locum_delegation_make(&site->config, zone, &made), 0);
    locum_delegation_print(&site->config, zone, &made, out);
    assert_int_equal(fclose(out), 0);
    return text;
}

static void
test_outside_the_zone_there_is_no_glue(void **state)
{
    (void)state;
    struct site *site = site_new();
    site_ns(site, 0, "ns.example.net.");
    site_name(site, 0, "*.get.example.org.", LOCUM_NODE_NONE,
              1); /* a browser asks for no such name */
    char *text = printed(site, 0);
    assert_string_equal(
        text, "; The parent of get.example.org. must have these records.\n"
              "get.example.org.\t3600\tIN\tNS\tdc2.example.org.\n"
              "get.example.org.\t3600\tIN\tNS\tdc3.example.org.\n"
              "get.example.org.\t3600\tIN\tNS\tns.example.net.\n"
              "; No glue for dc2.example.org.: it is outside get.example.org. Its own zone must "
              "have its addresses; those of the node of that name are:\n"
              "; dc2.example.org.\t3600\tIN\tA\t192.0.2.12\n"
              "; dc2.example.org.\t3600\tIN\tAAAA\t2001:db8:2::12\n"
              "; No glue for dc3.example.org.: it is outside get.example.org. Its own zone must "
              "have its addresses; those of the node of that name are:\n"
              "; dc3.example.org.\t3600\tIN\tA\t192.0.2.13\n"
              "; No glue for ns.example.net.: it is outside get.example.org. Its own zone must "
              "have its addresses.\n"
              "; No DS: the zone is not signed.\n"
              "; For web pages that link to these names: browsers then look them up before a "
              "click.\n"
              "; <link rel=\"dns-prefetch\" href=\"//get.example.org\">\n"
              "; <link rel=\"dns-prefetch\" href=\"//dc2.get.example.org\">\n"
              "; <link rel=\"dns-prefetch\" href=\"//dc3.get.example.org\">\n");
    free(text);
    free(site);
}

static void
test_inside_the_zone_there_is_glue(void **state)
{
    (void)state;
    struct site *site = site_new();
    struct locum_delegation made;
    site_ns(site, 0, "ns.get.example.org.");
    site_record(site, 0, "ns 7200 A 192.0.2.1");
    site_record(site, 0, "ns 7200 A 192.0.2.2");
    site_record(site, 0, "ns 7200 AAAA 2001:db8::1");
    site_record(site, 0, "ns TXT x");
    const size_t other = site_zone(site, "all.example.org.", LOCUM_ANSWER_ALL);
    site_ns(site, other, "ns.get.example.org.");
    char *text = printed(site, 0);
    assert_non_null(strstr(text, "; Glue: ns.get.example.org. is inside get.example.org.\n"
                                 "ns.get.example.org.\t7200\tIN\tA\t192.0.2.1\n"
                                 "ns.get.example.org.\t7200\tIN\tA\t192.0.2.2\n"
                                 "ns.get.example.org.\t7200\tIN\tAAAA\t2001:db8::1\n"));
    free(text);
    text = printed(site, other);
    assert_non_null(strstr(text, "all.example.org.\t3600\tIN\tNS\tns.get.example.org.\n"));
    assert_non_null(strstr(text, "is in another zone of this cluster"));
    assert_non_null(strstr(text, "\nns.get.example.org.\t7200\tIN\tA\t192.0.2.1\n"));
    assert_null(strstr(text, "//get.example.org"));
    free(text);
    assert_int_equal(locum_delegation_make(&site->config, other, &made), 0);
    assert_int_equal(made.host[0].home, LOCUM_DELEGATION_SIBLING);
    strcpy(site->config.zones[0].records[0].text, "ns A x");
    assert_int_equal(locum_delegation_make(&site->config, 0, &made), LOCUM_ERR_INVALID);
    free(site);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_outside_the_zone_there_is_no_glue),
        cmocka_unit_test(test_inside_the_zone_there_is_glue),
    };
    return cmocka_run_group_tests_name("dns/delegation", tests, NULL, NULL);
}
