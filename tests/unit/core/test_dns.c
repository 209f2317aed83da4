/* DNS-1 to 4: what the nodes' DNS answers is a fact that is shown, and no input of the plan. */
#include "fixture.h"

static void
ask(struct site *site, enum locum_family family, enum locum_transport transport,
    enum locum_dns_state state)
{
    struct locum_input input = {.kind = LOCUM_INPUT_DNS};
    input.dns.peer = DC3;
    input.dns.family = family;
    input.dns.transport = transport;
    input.dns.state = state;
    step(site, input);
}

static enum locum_dns_state
shown(const struct site *site, enum locum_family family, enum locum_transport transport)
{
    return locum_view_dns(&site->core.view, DC3, family, transport, site->now.mono);
}

static void
claim(struct site *site, enum locum_dns_claim what)
{
    step(site, (struct locum_input){.kind = LOCUM_INPUT_DNS_CLAIM, .dns_claim = what});
}

/* DNS-1 */
static void
test_a_change_of_the_own_claim_is_sent_at_once(void **state)
{
    (void)state;
    struct site site;
    char buffer[LOCUM_HEARTBEAT_MAX];
    struct locum_text text = locum_text_init(buffer, sizeof(buffer));
    begin_usual(&site);
    commit(&site);
    claim(&site, LOCUM_DNS_OPEN);
    forget(&site);
    pass(&site, LOCUM_SEND_GAP_MS);
    assert_int_equal(site.sent, 1);
    locum_core_heartbeat(&site.core, LOCUM_NODE_NONE, site.now, &text);
    assert_non_null(strstr(buffer, " x-dns=ok"));
    claim(&site, LOCUM_DNS_OPEN);
    forget(&site);
    pass(&site, LOCUM_SEND_GAP_MS);
    assert_int_equal(site.sent, 0); /* nothing changed */
    claim(&site, LOCUM_DNS_NONE);
    claim(&site, LOCUM_DNS_CLOSED);
    pass(&site, LOCUM_SEND_GAP_MS);
    assert_int_equal(site.sent, 1);
    assert_true(locum_view_dns_fails(&site.core.view, DC2, site.now.mono));
    assert_true(locum_view_dns_is_lost(&site.core.view, DC2, site.now.mono));
}

/* DNS-1, RECEIVE-10 */
static void
test_the_claim_of_a_peer_is_that_of_its_last_heartbeat(void **state)
{
    (void)state;
    struct site site;
    begin_usual(&site);
    commit(&site);
    site.say[DC3].dns = LOCUM_DNS_CLOSED;
    hear(&site, DC3, LOCUM_PATH_UDP);
    assert_true(locum_view_dns_fails(&site.core.view, DC3, site.now.mono));
    assert_true(locum_view_dns_is_lost(&site.core.view, DC3, site.now.mono));
    ask(&site, LOCUM_V6, LOCUM_TRANSPORT_UDP, LOCUM_DNS_OK);
    assert_true(locum_view_dns_fails(&site.core.view, DC3, site.now.mono));
    assert_false(locum_view_dns_is_lost(&site.core.view, DC3, site.now.mono));
    site.say[DC3].dns = LOCUM_DNS_OPEN;
    hear(&site, DC3, LOCUM_PATH_UDP);
    assert_false(locum_view_dns_fails(&site.core.view, DC3, site.now.mono));
}

/* DNS-3: one miss is no failure; the second in a row is; one answer ends it. */
static void
test_two_misses_in_a_row_are_a_failure(void **state)
{
    (void)state;
    struct site site;
    begin_usual(&site);
    ask(&site, LOCUM_V4, LOCUM_TRANSPORT_UDP, LOCUM_DNS_OK);
    for (size_t i = 0; i < 3; i++) {
        ask(&site, LOCUM_V4, LOCUM_TRANSPORT_UDP, LOCUM_DNS_SILENT);
        assert_int_equal(shown(&site, LOCUM_V4, LOCUM_TRANSPORT_UDP), LOCUM_DNS_OK);
        ask(&site, LOCUM_V4, LOCUM_TRANSPORT_UDP, LOCUM_DNS_OK);
    }
    assert_int_equal(site.events, 0);
    ask(&site, LOCUM_V4, LOCUM_TRANSPORT_UDP, LOCUM_DNS_SILENT);
    ask(&site, LOCUM_V4, LOCUM_TRANSPORT_UDP, LOCUM_DNS_REFUSED);
    assert_int_equal(shown(&site, LOCUM_V4, LOCUM_TRANSPORT_UDP), LOCUM_DNS_REFUSED);
    assert_true(locum_view_dns_fails(&site.core.view, DC3, site.now.mono));
    assert_true(locum_view_dns_is_lost(&site.core.view, DC3, site.now.mono));
    assert_int_equal(site.events, 1);
    assert_int_equal(site.event[0].kind, LOCUM_EVENT_DNS);
    assert_int_equal(site.event[0].dns.peer, DC3);
    assert_int_equal(site.event[0].dns.from, LOCUM_DNS_OK);
    assert_int_equal(site.event[0].dns.to, LOCUM_DNS_REFUSED);
    for (size_t i = 0; i < 300; i++) { /* the reason may change; it is the same failure */
        ask(&site, LOCUM_V4, LOCUM_TRANSPORT_UDP, LOCUM_DNS_SILENT);
    }
    assert_int_equal(shown(&site, LOCUM_V4, LOCUM_TRANSPORT_UDP), LOCUM_DNS_SILENT);
    assert_int_equal(site.events, 1);
    ask(&site, LOCUM_V4, LOCUM_TRANSPORT_UDP, LOCUM_DNS_OK);
    assert_int_equal(shown(&site, LOCUM_V4, LOCUM_TRANSPORT_UDP), LOCUM_DNS_OK);
    assert_int_equal(site.events, 2);
    assert_int_equal(site.event[1].dns.to, LOCUM_DNS_OK);
}

/* DNS-3: families and transports are separate facts, and an old result says nothing. */
static void
test_each_family_and_transport_is_a_fact_with_an_age(void **state)
{
    (void)state;
    struct site site;
    begin_usual(&site);
    ask(&site, LOCUM_V6, LOCUM_TRANSPORT_TCP, LOCUM_DNS_UNREACHABLE);
    ask(&site, LOCUM_V6, LOCUM_TRANSPORT_TCP, LOCUM_DNS_UNREACHABLE);
    ask(&site, LOCUM_V4, LOCUM_TRANSPORT_UDP, LOCUM_DNS_OK);
    assert_int_equal(shown(&site, LOCUM_V6, LOCUM_TRANSPORT_TCP), LOCUM_DNS_UNREACHABLE);
    assert_int_equal(shown(&site, LOCUM_V6, LOCUM_TRANSPORT_UDP), LOCUM_DNS_UNKNOWN);
    assert_int_equal(shown(&site, LOCUM_V4, LOCUM_TRANSPORT_UDP), LOCUM_DNS_OK);
    assert_true(locum_view_dns_fails(&site.core.view, DC3, site.now.mono));
    assert_false(locum_view_dns_is_lost(&site.core.view, DC3, site.now.mono));
    sleep_ms(&site, LOCUM_DNS_FORGET_MS);
    assert_int_equal(shown(&site, LOCUM_V6, LOCUM_TRANSPORT_TCP), LOCUM_DNS_UNREACHABLE);
    sleep_ms(&site, 1);
    assert_int_equal(shown(&site, LOCUM_V6, LOCUM_TRANSPORT_TCP), LOCUM_DNS_UNKNOWN);
    assert_false(locum_view_dns_fails(&site.core.view, DC3, site.now.mono));
}

/* DNS-4 */
static void
test_dns_is_no_input_of_the_plan(void **state)
{
    (void)state;
    struct site site;
    begin_usual(&site);
    pass(&site, INTERVAL);
    hear(&site, DC3, LOCUM_PATH_UDP);
    hear(&site, NS0, LOCUM_PATH_UDP);
    commit(&site);
    const struct locum_plan plan = site.core.plan;
    struct locum_ranks ranks[LOCUM_NODES_MAX];
    memcpy(ranks, site.core.rank, sizeof(ranks));
    forget(&site);
    claim(&site, LOCUM_DNS_CLOSED);
    site.say[DC3].dns = LOCUM_DNS_CLOSED;
    hear(&site, DC3, LOCUM_PATH_UDP);
    for (size_t i = 0; i < 4; i++) {
        ask(&site, (enum locum_family)(i / 2), (enum locum_transport)(i % 2), LOCUM_DNS_SILENT);
        ask(&site, (enum locum_family)(i / 2), (enum locum_transport)(i % 2), LOCUM_DNS_SILENT);
    }
    commit(&site);
    assert_true(locum_view_dns_is_lost(&site.core.view, DC3, site.now.mono));
    assert_memory_equal(&site.core.plan, &plan, sizeof(plan));
    assert_memory_equal(site.core.rank, ranks, sizeof(ranks));
    assert_int_equal(site.events, 4); /* those of the questions alone */
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_change_of_the_own_claim_is_sent_at_once),
        cmocka_unit_test(test_the_claim_of_a_peer_is_that_of_its_last_heartbeat),
        cmocka_unit_test(test_two_misses_in_a_row_are_a_failure),
        cmocka_unit_test(test_each_family_and_transport_is_a_fact_with_an_age),
        cmocka_unit_test(test_dns_is_no_input_of_the_plan),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
