/* "Port 53 of dc2 is taken by another program after a restart, or blocked by a firewall": what the
 * status, the warnings and the metrics of a peer say (DNS-1 to 3). Here the peer is dc3. */
#include "view.h"

static void
ask(enum locum_family family, enum locum_transport transport, enum locum_dns_state state)
{
    struct locum_input input = {.kind = LOCUM_INPUT_DNS};
    input.dns.peer = DC3;
    input.dns.family = family;
    input.dns.transport = transport;
    input.dns.state = state;
    step(&site, input);
    step(&site, input); /* two in a row count */
}

static void
hear_claim(enum locum_dns_claim claim)
{
    site.say[DC3].dns = claim;
    hear(&site, DC3, LOCUM_PATH_UDP);
    view.now = site.now;
}

/* A value of dc3 in the status, such as "dns.ipv4.udp"; "null" if it is null. */
static const char *
shown(const char *path)
{
    static char text[64];
    struct locum_slice rest = locum_slice_of(path);
    struct locum_slice key;
    json_t *status = locum_report_status(&view);
    const json_t *at = json_array_get(json_object_get(status, "nodes"), DC3);
    while (locum_slice_cut(&rest, '.', &key)) {
        char name[16];
        assert_int_equal(locum_slice_copy(key, name, sizeof(name)), 0);
        at = json_object_get(at, name);
        assert_non_null(at);
    }
    (void)snprintf(text, sizeof(text), "%s", json_is_null(at) ? "null" : json_string_value(at));
    json_decref(status);
    return text;
}

static bool
warns(const char *what)
{
    json_t *warnings = locum_warnings_find(&view);
    const char *text = json_string_value(json_object_get(warnings, "dns dc3"));
    const bool found = text != NULL && strstr(text, what) != NULL;
    if (text != NULL && !found) {
        print_message("%s\n", text);
    }
    json_decref(warnings);
    return found;
}

static bool
measured(const char *line)
{
    char *text = locum_report_metrics(&view);
    assert_non_null(text);
    const bool found = strstr(text, line) != NULL;
    free(text);
    return found;
}

static void
test_nothing_is_shown_before_anything_is_known(void **state)
{
    (void)state;
    assert_string_equal(shown("dns.state"), "unknown");
    assert_string_equal(shown("dns.ipv4.udp"), "null");
    assert_string_equal(shown("dns.asked_ms"), "null");
    assert_false(measured("\nlocum_peer_dns_up{"));
    assert_false(measured("\nlocum_dns_open{"));
    assert_false(warns(""));
}

static void
test_a_peer_that_answers(void **state)
{
    (void)state;
    hear_claim(LOCUM_DNS_OPEN);
    assert_string_equal(shown("dns.state"), "ok"); /* it says so */
    ask(LOCUM_V4, LOCUM_TRANSPORT_UDP, LOCUM_DNS_OK);
    assert_string_equal(shown("dns.state"), "ok");
    assert_string_equal(shown("dns.ipv4.udp"), "ok");
    assert_string_equal(shown("dns.ipv6.udp"), "null");
    assert_true(measured("\nlocum_dns_open{node=\"dc3\"} 1\n"));
    assert_true(
        measured("\nlocum_peer_dns_up{peer=\"dc3\",family=\"ipv4\",transport=\"udp\"} 1\n"));
    assert_false(warns(""));
}

static void
test_a_peer_that_fails(void **state)
{
    (void)state;
    static const struct {
        enum locum_dns_state state;
        const char *text, *advice;
    } rows[] = {
        {LOCUM_DNS_SILENT, "silent", "firewall"},
        {LOCUM_DNS_UNREACHABLE, "unreachable", "Nothing listens on port 53"},
        {LOCUM_DNS_REFUSED, "refused", "ss -lntup sport = :53"},
        {LOCUM_DNS_RCODE, "error", "ss -lntup sport = :53"},
        {LOCUM_DNS_NO_AUTHORITY, "not-authoritative", "resolver"},
        {LOCUM_DNS_OTHER_SOA, "other-soa", "soa differs"},
    };
    hear_claim(LOCUM_DNS_OPEN);
    ask(LOCUM_V4, LOCUM_TRANSPORT_UDP, LOCUM_DNS_OK);
    for (size_t i = 0; i < LOCUM_COUNT(rows); i++) {
        char failure[64];
        ask(LOCUM_V6, LOCUM_TRANSPORT_TCP, rows[i].state);
        assert_string_equal(shown("dns.state"), rows[i].text);
        assert_string_equal(shown("dns.ipv6.tcp"), rows[i].text);
        assert_string_equal(shown("dns.ipv4.udp"), "ok");
        (void)snprintf(failure, sizeof(failure), "does not answer this node: ipv6 tcp (%s). ",
                       rows[i].text);
        assert_true(warns(failure));
        (void)snprintf(failure, sizeof(failure), "the DNS of dc3 fails: ipv6 tcp (%s)",
                       rows[i].text);
        assert_true(is_degraded(failure));
        assert_true(warns(rows[i].advice));
    }
    assert_true(
        measured("\nlocum_peer_dns_up{peer=\"dc3\",family=\"ipv6\",transport=\"tcp\"} 0\n"));
    ask(LOCUM_V6, LOCUM_TRANSPORT_TCP, LOCUM_DNS_OK);
    assert_false(warns(""));
}

/* One loss, one warning: that of the family. */
static void
test_a_family_that_is_lost_is_another_warning(void **state)
{
    (void)state;
    hear_claim(LOCUM_DNS_OPEN);
    ask(LOCUM_V6, LOCUM_TRANSPORT_UDP, LOCUM_DNS_SILENT);
    assert_true(warns("ipv6 udp (silent)"));
    site.core.families.at[DC3][LOCUM_V6].lost = true;
    assert_false(warns(""));
    assert_true(is_degraded("the DNS of dc3 fails: ipv6 udp (silent)"));
    ask(LOCUM_V4, LOCUM_TRANSPORT_UDP, LOCUM_DNS_REFUSED);
    assert_true(warns("Another program"));
    site.core.families.at[DC3][LOCUM_V6].lost = false;
}

static void
test_a_peer_that_says_so_itself(void **state)
{
    (void)state;
    hear_claim(LOCUM_DNS_CLOSED);
    assert_string_equal(shown("dns.state"), "closed");
    assert_true(warns("dc3 reports that its own DNS is not open: run `locum status` on it"));
    assert_true(is_degraded("the DNS of dc3 fails: closed"));
    assert_true(measured("\nlocum_dns_open{node=\"dc3\"} 0\n"));
    ask(LOCUM_V4, LOCUM_TRANSPORT_UDP, LOCUM_DNS_OK);
    assert_string_equal(shown("dns.state"), "closed");
    ask(LOCUM_V4, LOCUM_TRANSPORT_UDP, LOCUM_DNS_REFUSED);
    assert_string_equal(shown("dns.state"), "refused");
    assert_true(warns("; this node finds ipv4 udp (refused): run"));
    hear_claim(LOCUM_DNS_NONE);
    assert_false(measured("\nlocum_dns_open{"));
}

/* A peer that is not heard has more than its DNS to look at. */
static void
test_a_peer_that_is_not_heard_has_no_warning(void **state)
{
    (void)state;
    hear_claim(LOCUM_DNS_OPEN);
    ask(LOCUM_V4, LOCUM_TRANSPORT_UDP, LOCUM_DNS_SILENT);
    assert_true(warns("silent"));
    wait_ms(TIMEOUT + 1);
    assert_false(warns(""));
    assert_string_equal(shown("dns.state"), "silent");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_nothing_is_shown_before_anything_is_known, setup_view),
        cmocka_unit_test_setup(test_a_peer_that_answers, setup_view),
        cmocka_unit_test_setup(test_a_peer_that_fails, setup_view),
        cmocka_unit_test_setup(test_a_family_that_is_lost_is_another_warning, setup_view),
        cmocka_unit_test_setup(test_a_peer_that_says_so_itself, setup_view),
        cmocka_unit_test_setup(test_a_peer_that_is_not_heard_has_no_warning, setup_view),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
