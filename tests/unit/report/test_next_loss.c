/* What one more failure would cost, at sites of several shapes. */
#include "../core/fixture.h"

#include "report/report.h"

static struct site site;

/* "dc2: everything, ns0: takeover (no quorum)" */
static const char *
next_loss(void)
{
    static char line[512];
    struct locum_text text = locum_text_init(line, sizeof(line));
    size_t i;
    const json_t *loss;
    json_t *losses = locum_report_next_loss(&site.core, site.now);
    json_array_foreach(losses, i, loss)
    {
        locum_text_add(&text, i > 0 ? ", " : "");
        locum_text_add(&text, json_string_value(json_object_get(loss, "node")));
        locum_text_add(&text, ": ");
        locum_text_add(&text, json_string_value(json_object_get(loss, "lost")));
    }
    json_decref(losses);
    return line;
}

/* The own service is up; every peer but `dead` has been heard for 3 s. */
static void
begin_site(const struct locum_core_config *config, locum_nodes dead)
{
    begin_well(&site, config);
    site.core.service.state = LOCUM_UP;
    locum_nodes peers = 0;
    for (locum_node node = 1; node < config->node_count; node++) {
        const bool heard = config->nodes[node].role != LOCUM_ROLE_SENTINEL;
        peers |= heard && !locum_nodes_has(dead, node) ? locum_nodes_of(node) : 0;
    }
    pass_hearing(&site, 3000, peers);
}

/* The Sentinel at this node has just been polled. */
static void
poll_sentinel(locum_node voter, bool tilt)
{
    struct locum_input event = {.kind = LOCUM_INPUT_SENTINEL};
    event.sentinel.voter = voter;
    event.sentinel.tilt = tilt;
    step(&site, event);
}

static void
test_two_servers_and_a_witness(void **state)
{
    (void)state;
    const struct locum_core_config config = config_of(2, 1, 0);
    begin_site(&config, 0);
    assert_string_equal(next_loss(), "");
    begin_site(&config, locum_nodes_of(DC3));
    assert_string_equal(next_loss(), "dc2: everything, ns0: takeover (no quorum)");
    begin_site(&config, locum_nodes_of(NS0));
    assert_string_equal(next_loss(), "dc2: takeover (no quorum), dc3: takeover (no quorum)");
}

/* No third site: owned names are never taken over, and status says so from the beginning. */
static void
test_two_servers_alone(void **state)
{
    (void)state;
    struct locum_core_config config = config_of(2, 0, 0);
    begin_site(&config, 0);
    assert_string_equal(next_loss(), "dc2: takeover (no quorum), dc3: takeover (no quorum)");
    config.quorum = 1;
    begin_site(&config, 0);
    assert_string_equal(next_loss(), "");
    begin_site(&config, locum_nodes_of(DC3));
    assert_string_equal(next_loss(), "dc2: everything");
}

static void
test_two_servers_and_a_sentinel(void **state)
{
    (void)state;
    const struct locum_core_config config = config_of(2, 0, 1);
    begin_site(&config, 0);
    poll_sentinel(2, false);
    assert_string_equal(next_loss(), "");
    poll_sentinel(2, true); /* no voter any more */
    assert_string_equal(next_loss(), "dc2: takeover (no quorum), dc3: takeover (no quorum)");
    begin_site(&config, locum_nodes_of(DC3));
    poll_sentinel(2, false);
    assert_string_equal(next_loss(), "dc2: everything, sn0: takeover (no quorum)");
}

static void
test_five_servers(void **state)
{
    (void)state;
    const struct locum_core_config config = config_of(5, 0, 0);
    begin_site(&config, 0);
    assert_string_equal(next_loss(), "");
    begin_site(&config, locum_nodes_of(1));
    assert_string_equal(next_loss(), "");
    begin_site(&config, locum_nodes_of(1) | locum_nodes_of(2));
    assert_string_equal(next_loss(), "dc2: takeover (no quorum), dc5: takeover (no quorum), "
                                     "dc6: takeover (no quorum)");
}

/* A server that is drained may be named, one that fails or is in maint may not. */
static void
test_the_state_that_a_peer_reports(void **state)
{
    (void)state;
    const struct locum_core_config config = config_of(2, 1, 0);
    begin_site(&config, 0);
    site.say[DC3].admin = LOCUM_DRAIN;
    pass_hearing(&site, 200, locum_nodes_of(DC3) | locum_nodes_of(NS0));
    assert_string_equal(next_loss(), "");
    site.say[DC3].admin = LOCUM_MAINT;
    pass_hearing(&site, 200, locum_nodes_of(DC3) | locum_nodes_of(NS0));
    assert_string_equal(next_loss(), "dc2: everything");
    site.say[DC3].admin = LOCUM_READY;
    site.say[DC3].service = LOCUM_FAILING;
    pass_hearing(&site, 200, locum_nodes_of(DC3) | locum_nodes_of(NS0));
    assert_string_equal(next_loss(), "dc2: everything");
}

static void
test_the_only_server_of_a_family(void **state)
{
    (void)state;
    struct locum_core_config config = config_of(3, 0, 0);
    config.nodes[0].has[LOCUM_V6] = false;
    config.nodes[1].has[LOCUM_V6] = false;
    config.nodes[1].has[LOCUM_V4] = false;
    begin_site(&config, 0);
    assert_string_equal(next_loss(), "dc4: every AAAA answer");
    config.nodes[2].has[LOCUM_V4] = false;
    begin_site(&config, 0);
    assert_string_equal(next_loss(), "dc2: every A answer, dc4: every AAAA answer");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_two_servers_and_a_witness),
        cmocka_unit_test(test_two_servers_alone),
        cmocka_unit_test(test_two_servers_and_a_sentinel),
        cmocka_unit_test(test_five_servers),
        cmocka_unit_test(test_the_state_that_a_peer_reports),
        cmocka_unit_test(test_the_only_server_of_a_family),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
