/* What one more loss would cost, at sites of several shapes: LOSS-1 to 5. */
#include "fixture.h"

#include <stdio.h>

#include "core/loss.h"

static struct site site;
static struct locum_losses losses;

/* "dc2: all, dc3 (config): 2/4 2/6": names by index and family. */
static const char *
text_of_losses(void)
{
    static char line[1024];
    const struct locum_core_config *config = &site.core.config;
    struct locum_text text = locum_text_init(line, sizeof(line));
    for (size_t i = 0; i < losses.count; i++) {
        const struct locum_loss *loss = &losses.at[i];
        locum_text_add(&text, i > 0 ? ", " : "");
        locum_text_add(&text, config->nodes[loss->node].name);
        locum_text_add(&text, loss->by_configuration ? " (config):" : ":");
        size_t count = 0;
        for (size_t name = 0; name < config->name_count; name++) {
            for (size_t family = 0; family < LOCUM_FAMILIES; family++) {
                if (loss->lost[family][name]) {
                    char field[32];
                    (void)snprintf(field, sizeof(field), " %zu/%c", name, "46"[family]);
                    locum_text_add(&text, field);
                    count++;
                }
            }
        }
        assert_int_equal(count, loss->count);
    }
    assert_false(text.truncated);
    return line;
}

static const char *
next_loss(void)
{
    locum_loss_find(&site.core, site.now.mono, &losses);
    return text_of_losses();
}

/* The own service is up; every peer but `dead` has been heard for 3 s, and does not
 * hear those either. */
static void
begin_site(const struct locum_core_config *config, locum_nodes dead)
{
    begin_well(&site, config);
    site.core.service.state = LOCUM_UP;
    locum_nodes peers = 0;
    for (locum_node node = 1; node < config->node_count; node++) {
        const bool heard = config->nodes[node].role != LOCUM_ROLE_SENTINEL;
        peers |= heard && !locum_nodes_has(dead, node) ? locum_nodes_of(node) : 0;
        for (locum_node other = 1; other < config->node_count; other++) {
            site.say[node].acks[other].state_code =
                locum_nodes_has(dead, other) ? LOCUM_SUSPECT : LOCUM_ALIVE;
        }
    }
    pass_hearing(&site, 3000, peers);
}

/* The Sentinel at this node has just been polled; it lists both instances at dc2 and dc3. */
static void
poll_sentinel(locum_node voter, bool tilt)
{
    struct locum_input event = {.kind = LOCUM_INPUT_SENTINEL};
    event.sentinel.voter = voter;
    event.sentinel.tilt = tilt;
    event.sentinel.known[DC2] = event.sentinel.known[DC3] = 2;
    step(&site, event);
}

/* Name 0 is shared, 1 is owned by dc2, 2 by dc3, and so on. */
#define EVERYTHING_OF_TWO " 0/4 0/6 1/4 1/6 2/4 2/6"

/* LOSS-1, LOSS-4 */
static void
test_two_servers_and_a_witness(void **state)
{
    (void)state;
    const struct locum_core_config config = config_of(2, 1, 0);
    begin_site(&config, 0);
    assert_string_equal(next_loss(), "");
    begin_site(&config, locum_nodes_of(DC3)); /* one that is down cannot be lost again */
    assert_int_equal(condition(&site, DC3), LOCUM_DOWN);
    assert_string_equal(next_loss(), "dc2:" EVERYTHING_OF_TWO);
    begin_site(&config, locum_nodes_of(NS0)); /* nobody else could vote */
    assert_string_equal(next_loss(), "dc2: 1/4 1/6, dc3: 2/4 2/6");
}

/* What would be answered then. */
static void
test_the_plan_after_a_loss(void **state)
{
    (void)state;
    struct locum_plan plan;
    const struct locum_core_config config = config_of(2, 1, 0);
    begin_site(&config, 0);
    locum_loss_plan(&site.core, DC3, &plan);
    for (enum locum_family family = LOCUM_V4; family <= LOCUM_V6; family++) {
        assert_int_equal(plan.answers[1][family].nodes, locum_nodes_of(DC2));
        assert_int_equal(plan.answers[2][family].nodes, locum_nodes_of(DC2));
    }
    locum_loss_plan(&site.core, DC2, &plan); /* self */
    assert_int_equal(plan.answers[0][LOCUM_V4].nodes, locum_nodes_of(DC3));
    assert_int_equal(plan.answers[1][LOCUM_V4].nodes, locum_nodes_of(DC3));
    assert_int_equal(plan.answers[2][LOCUM_V4].nodes, locum_nodes_of(DC3));
}

/* LOSS-5: no third site: owned names are never taken over. */
static void
test_two_servers_alone(void **state)
{
    (void)state;
    struct locum_core_config config = config_of(2, 0, 0);
    begin_site(&config, 0);
    assert_string_equal(next_loss(), "dc2 (config): 1/4 1/6, dc3 (config): 2/4 2/6");
    config.names[0].policy = LOCUM_ANSWER_ALL; /* LOSS-4: names the lost one on */
    begin_site(&config, 0);
    assert_string_equal(next_loss(),
                        "dc2 (config): 0/4 0/6 1/4 1/6, dc3 (config): 0/4 0/6 2/4 2/6");
    locum_loss_of_config(&config, &losses);
    assert_string_equal(text_of_losses(),
                        "dc2 (config): 0/4 0/6 1/4 1/6, dc3 (config): 0/4 0/6 2/4 2/6");
    config.quorum = 1;
    begin_site(&config, 0);
    assert_string_equal(next_loss(), "");
    begin_site(&config, locum_nodes_of(DC3));
    assert_string_equal(next_loss(), "dc2:" EVERYTHING_OF_TWO);
}

/* LOSS-5 and LOSS-4 of one node: by configuration, and beyond that for now. */
static void
test_both_at_once(void **state)
{
    (void)state;
    struct locum_core_config config = config_of(2, 0, 0);
    begin_site(&config, locum_nodes_of(DC3)); /* without a quorum it stays suspect */
    assert_string_equal(next_loss(), "dc2 (config): 1/4 1/6, dc2: 0/4 0/6 2/4 2/6, "
                                     "dc3 (config): 2/4 2/6");
}

/* LOSS-3: a Sentinel-only site votes by VOTE-2. */
static void
test_two_servers_and_a_sentinel(void **state)
{
    (void)state;
    struct locum_core_config config = config_of(2, 0, 1);
    locum_loss_of_config(&config, &losses); /* no instances: it cannot vote */
    begin_site(&config, 0);
    assert_string_equal(next_loss(), "dc2 (config): 1/4 1/6, dc3 (config): 2/4 2/6");
    for (locum_node node = 0; node < 2; node++) {
        config.nodes[node].redis = config.nodes[node].sentinel = true;
    }
    begin_site(&config, 0); /* a Sentinel there is not configured */
    assert_string_equal(next_loss(), "dc2 (config): 1/4 1/6, dc3 (config): 2/4 2/6");
    config.nodes[2].sentinel = true;
    begin_site(&config, 0);
    assert_string_equal(next_loss(), "dc2: 1/4 1/6, dc3: 2/4 2/6"); /* not polled */
    poll_sentinel(2, false);
    assert_string_equal(next_loss(), "");
    poll_sentinel(2, true); /* no voter any more */
    assert_string_equal(next_loss(), "dc2: 1/4 1/6, dc3: 2/4 2/6");
}

/* LOSS-3: VOTE-2 needs an instance of a third node, also in the configuration. */
static void
test_a_sentinel_without_a_third_site(void **state)
{
    (void)state;
    struct locum_core_config config = config_of(2, 0, 1);
    config.nodes[DC3].redis = config.nodes[DC3].sentinel = config.nodes[2].sentinel = true;
    assert_false(locum_loss_has_quorum(&config, DC3));
    config.nodes[DC2].sentinel = true;
    assert_true(locum_loss_has_quorum(&config, DC3));
    config.nodes[DC2].sentinel = false;
    config.nodes[DC2].redis = true;
    assert_true(locum_loss_has_quorum(&config, DC3));
    config.nodes[DC3].redis = false;
    assert_false(locum_loss_has_quorum(&config, DC3));
    config.nodes[DC3].redis = true;
    config.nodes[DC3].sentinel = false;
    assert_false(locum_loss_has_quorum(&config, DC3));
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
    assert_string_equal(next_loss(), "dc2: 1/4 1/6, dc5: 4/4 4/6, dc6: 5/4 5/6");
}

/* LOSS-1: a server that is drained may be named, one that fails or is in maint may not. */
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
    assert_string_equal(next_loss(), "dc2:" EVERYTHING_OF_TWO);
    site.say[DC3].admin = LOCUM_READY;
    site.say[DC3].service = LOCUM_FAILING;
    pass_hearing(&site, 200, locum_nodes_of(DC3) | locum_nodes_of(NS0));
    assert_string_equal(next_loss(), "dc2:" EVERYTHING_OF_TWO);
    site.say[DC3].service = LOCUM_SERVICE_DEGRADED; /* named then, but not healthy */
    pass_hearing(&site, 200, locum_nodes_of(DC3) | locum_nodes_of(NS0));
    assert_string_equal(next_loss(), "dc2:" EVERYTHING_OF_TWO);
    /* Then no name has a healthy answer anyway. */
    step(&site, (struct locum_input){.kind = LOCUM_INPUT_ADMIN,
                                     .admin = {.state = LOCUM_MAINT, .for_ms = LOCUM_NEVER}});
    commit(&site);
    assert_string_equal(next_loss(), "dc2:" EVERYTHING_OF_TWO ", dc3:" EVERYTHING_OF_TWO
                                     ", ns0:" EVERYTHING_OF_TWO);
}

/* LOSS-5: dc4 alone has IPv6. */
static void
test_the_only_server_of_a_family(void **state)
{
    (void)state;
    struct locum_core_config config = config_of(3, 0, 0);
    config.nodes[0].has[LOCUM_V6] = false;
    config.nodes[1].has[LOCUM_V6] = false;
    config.nodes[1].has[LOCUM_V4] = false;
    begin_site(&config, 0);
    assert_string_equal(next_loss(), "dc4 (config): 0/6 3/6");
    config.nodes[2].has[LOCUM_V4] = false;
    begin_site(&config, 0);
    assert_string_equal(next_loss(), "dc2 (config): 0/4 1/4, dc4 (config): 0/6 3/6");
}

/* LOSS-2: one server answers no DNS but its own. */
static void
test_one_server(void **state)
{
    (void)state;
    const struct locum_core_config config = config_of(1, 2, 0);
    begin_site(&config, 0);
    assert_string_equal(next_loss(), "dc2 (config): 0/4 0/6 1/4 1/6");
}

/* LOSS-2: the other server is healthy, but nobody gets an answer from its DNS. */
static void
test_dns_of_the_other_server(void **state)
{
    (void)state;
    const struct locum_core_config config = config_of(2, 1, 0);
    begin_site(&config, 0);
    site.say[DC3].dns = LOCUM_DNS_CLOSED;
    pass_hearing(&site, 200, locum_nodes_of(DC3) | locum_nodes_of(NS0));
    assert_string_equal(next_loss(), "dc2:" EVERYTHING_OF_TWO);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_two_servers_and_a_witness),
        cmocka_unit_test(test_the_plan_after_a_loss),
        cmocka_unit_test(test_two_servers_alone),
        cmocka_unit_test(test_both_at_once),
        cmocka_unit_test(test_two_servers_and_a_sentinel),
        cmocka_unit_test(test_a_sentinel_without_a_third_site),
        cmocka_unit_test(test_five_servers),
        cmocka_unit_test(test_the_state_that_a_peer_reports),
        cmocka_unit_test(test_the_only_server_of_a_family),
        cmocka_unit_test(test_one_server),
        cmocka_unit_test(test_dns_of_the_other_server),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
