/* family: FAMILY-1 to 7, seen from dc2 of two servers, a witness and a site with a Sentinel. */
#include "fixture.h"

enum { SN0 = 3 };
enum { V4 = 1 << LOCUM_V4, V6 = 1 << LOCUM_V6, BOTH = V4 | V6 };

static struct site site;
static unsigned by[LOCUM_NODES_MAX]; /* the families in which each peer is heard */

/* The next heartbeat of a peer arrives by UDP in these families. */
static void
hear_in(locum_node peer, unsigned families)
{
    char buffer[LOCUM_HEARTBEAT_MAX];
    struct locum_heartbeat *say = &site.say[peer];
    struct locum_text text = locum_text_init(buffer, sizeof(buffer));
    say->seq++;
    say->acked = locum_nodes_of(DC2);
    say->acks[DC2] = (struct locum_ack){true, site.core.view.incarnation, site.core.view.seq, 0};
    locum_heartbeat_add(&text, &site.core.config, say);
    for (enum locum_family family = LOCUM_V4; family <= LOCUM_V6; family++) {
        if ((families >> family & 1) != 0) {
            step(&site, (struct locum_input){
                            .kind = LOCUM_INPUT_HEARTBEAT,
                            .heartbeat = {LOCUM_PATH_UDP, {buffer, text.length}, family}});
        }
    }
}

/* The peers are heard every 120 ms, each in its families. */
static void
run(locum_ms ms)
{
    for (locum_ms gone = 0; gone < ms; gone += ITERATION_MS) {
        sleep_ms(&site, ITERATION_MS);
        for (locum_node peer = DC3; peer <= NS0; peer++) {
            if (by[peer] != 0 && gone / 120 != (gone + ITERATION_MS) / 120) {
                hear_in(peer, by[peer]);
            }
        }
        commit(&site);
    }
}

static int
set_up(void **state)
{
    (void)state;
    const struct locum_core_config config = config_of(2, 1, 1);
    begin(&site, &config, NULL);
    site.core.config.quorum = 2;
    by[DC3] = by[NS0] = BOTH;
    commit(&site);
    run(2000);
    forget(&site);
    return 0;
}

static bool
lost(locum_node node, enum locum_family family)
{
    return site.core.families.at[node][family].lost;
}

/* The heartbeat to dc3 as it is now. */
static const char *
said(void)
{
    static char buffer[LOCUM_HEARTBEAT_MAX];
    struct locum_text text = locum_text_init(buffer, sizeof(buffer));
    locum_core_heartbeat(&site.core, DC3, site.now, &text);
    return buffer;
}

static bool
says(const char *field)
{
    return strstr(said(), field) != NULL;
}

static enum locum_rank
rank(locum_node node, enum locum_family family)
{
    return site.core.rank[node].in[family];
}

static void
set_absent(enum locum_family family, bool absent)
{
    step(&site, (struct locum_input){.kind = LOCUM_INPUT_ADDRESS, .address = {family, absent}});
    commit(&site);
}

/* FAMILY-2: a vote after the peer's limit, sent at once, and withdrawn when it is heard again. */
static void
test_a_peer_that_is_heard_in_one_family_only_gets_a_vote(void **state)
{
    (void)state;
    by[DC3] = V4;
    run(800);
    assert_null(strstr(said(), "x-unheard"));
    run(400);
    assert_true(says(" x-unheard6=dc3"));
    assert_false(says("x-unheard4"));
    assert_int_equal(condition(&site, DC3), LOCUM_ALIVE);
    assert_false(lost(DC3, LOCUM_V6)); /* one vote is no quorum */
    assert_int_equal(rank(DC3, LOCUM_V6), LOCUM_RANK_A);
    assert_int_equal(count_events(&site, LOCUM_EVENT_FAMILY), 0);
    by[DC3] = BOTH;
    run(200);
    assert_null(strstr(said(), "x-unheard"));
    by[DC3] = V6;
    run(1200);
    assert_true(says(" x-unheard4=dc3"));
}

/* FAMILY-2: the last heartbeats of a node that dies do not come in both families at once. */
static void
test_one_that_falls_silent_gets_no_vote(void **state)
{
    (void)state;
    by[DC3] = V4;
    run(360);
    by[DC3] = 0;
    for (int i = 0; i < 1500 / ITERATION_MS; i++) {
        run(ITERATION_MS);
        assert_null(strstr(said(), "x-unheard"));
    }
}

/* FAMILY-2: silence of the other family too is no matter of families. */
static void
test_a_vote_ends_with_the_peer(void **state)
{
    (void)state;
    by[DC3] = V4;
    run(1200);
    assert_true(says(" x-unheard6=dc3"));
    by[DC3] = 0;
    run(1200);
    assert_null(strstr(said(), "x-unheard"));
}

/* HEARTBEAT-1: a vote does not wait for the next heartbeat. */
static void
test_a_vote_is_sent_at_once(void **state)
{
    (void)state;
    const locum_ms heard = site.core.view.peer[DC3].family[LOCUM_V6].heard;
    by[DC3] = by[NS0] = 0;
    while (site.now.mono < heard + TIMEOUT - 20) {
        sleep_ms(&site, 10);
        hear_in(DC3, V4);
        hear_in(NS0, BOTH);
        commit(&site);
    }
    forget(&site);
    site.core.last_send = site.now.mono;
    sleep_ms(&site, 20);
    hear_in(DC3, V4);
    commit(&site);
    assert_int_equal(site.now.mono, heard + TIMEOUT);
    assert_int_equal(site.sent, 1);
}

/* FAMILY-2: a port that was always closed, and a peer that is not heard at all, get none. */
static void
test_no_vote_without_both(void **state)
{
    (void)state;
    const struct locum_core_config config = config_of(2, 1, 1);
    begin(&site, &config, NULL);
    by[DC3] = V4;
    commit(&site);
    run(3000);
    assert_null(strstr(said(), "x-unheard"));
    assert_int_equal(site.core.view.peer[DC3].family[LOCUM_V6].heard, LOCUM_NEVER);
    by[DC3] = BOTH;
    run(500);
    by[DC3] = 0; /* dead: that is a matter of its condition */
    run(3000);
    assert_int_equal(condition(&site, DC3), LOCUM_SUSPECT);
    assert_null(strstr(said(), "x-unheard"));
    by[DC3] = V6; /* back after three seconds: IPv4 has a limit of time to come back too */
    run(900);
    assert_null(strstr(said(), "x-unheard"));
    run(300);
    assert_true(says(" x-unheard4=dc3"));
}

/* FAMILY-2: heard in the other family within the limit, not longer. */
static void
test_the_vote_ends_with_the_other_family(void **state)
{
    (void)state;
    by[DC3] = V4;
    run(1300);
    assert_true(says(" x-unheard6=dc3"));
    by[DC3] = 0;
    const locum_ms heard = site.core.view.peer[DC3].family[LOCUM_V4].heard;
    run(heard + TIMEOUT - site.now.mono);
    assert_true(says(" x-unheard6=dc3"));
    run(ITERATION_MS);
    assert_null(strstr(said(), "x-unheard"));
}

/* GRACE-2: after a stall of this node nobody is unheard. */
static void
test_grace(void **state)
{
    (void)state;
    by[DC3] = V4;
    run(1200);
    assert_true(says(" x-unheard6=dc3"));
    sleep_ms(&site, 700);
    hear_in(DC3, V4);
    commit(&site);
    assert_int_equal(count_events(&site, LOCUM_EVENT_STALL), 1);
    assert_null(strstr(said(), "x-unheard"));
    run(1100);
    assert_true(says(" x-unheard6=dc3"));
    site.core.view.peer[DC3].grace = site.now.mono; /* GRACE-3 */
    commit(&site);
    assert_null(strstr(said(), "x-unheard"));
}

/* FAMILY-1: only what is in order and acknowledges a recent heartbeat counts. */
static void
test_what_counts_as_heard_in_a_family(void **state)
{
    (void)state;
    const struct locum_family_facts *facts = &site.core.view.peer[DC3].family[LOCUM_V6];
    const locum_ms heard = facts->heard;
    const locum_ms since = facts->since;
    struct locum_heartbeat *say = &site.say[DC3];
    by[DC3] = V4;
    run(200);
    assert_int_equal(facts->heard, heard);
    say->seq--;
    hear_in(DC3, V6); /* by IPv4 it came before: here it is the first */
    assert_int_equal(facts->heard, site.now.mono);
    assert_int_equal(facts->since, since); /* no gap of a limit */
    sleep_ms(&site, 10);
    say->seq--;
    hear_in(DC3, V6); /* a replay */
    assert_int_equal(facts->heard, site.now.mono - 10);
    say->seq++;
    say->incarnation--;
    hear_in(DC3, V6); /* of an earlier run */
    assert_int_equal(facts->heard, site.now.mono - 10);
    say->incarnation++;
    site.core.view.sent[site.core.view.seq % LOCUM_SENT_MAX] = site.now.mono - 2 * TIMEOUT - 1;
    hear_in(DC3, V6); /* it acknowledges an old one */
    assert_int_equal(facts->heard, site.now.mono - 10);
    by[DC3] = V4;
    run(1200);
    hear_in(DC3, V6);
    assert_int_equal(facts->since, site.now.mono);
}

/* FAMILY-3, FAMILY-4: two votes, this node's and the witness', are a quorum. */
static void
test_a_quorum_moves_the_names_of_one_family(void **state)
{
    (void)state;
    by[DC3] = V4;
    run(1200);
    site.say[NS0].unheard[LOCUM_V6] = 1u << DC3 | 1u << SN0;
    run(200);
    assert_true(lost(DC3, LOCUM_V6));
    assert_false(lost(DC3, LOCUM_V4));
    assert_int_equal(rank(DC3, LOCUM_V6), LOCUM_RANK_F);
    assert_int_equal(rank(DC3, LOCUM_V4), LOCUM_RANK_A);
    assert_int_equal(locum_core_rank(&site.core, DC3), LOCUM_RANK_A);
    assert_int_equal(condition(&site, DC3), LOCUM_ALIVE);
    assert_int_equal(site.core.plan.answers[2][LOCUM_V4].nodes, 1u << DC3);
    assert_int_equal(site.core.plan.answers[2][LOCUM_V6].nodes, 1u << DC2);
    const struct locum_event *event = last_event(&site, LOCUM_EVENT_FAMILY);
    assert_int_equal(event->family.node, DC3);
    assert_int_equal(event->family.family, LOCUM_V6);
    assert_true(event->family.lost);
    assert_int_equal(event->family.cause, LOCUM_CAUSE_QUORUM);
    assert_int_equal(event->family.voters, 1u << DC2 | 1u << NS0);
    assert_false(says("x-lost")); /* only dc3 says that of itself */
    assert_int_equal(site.core.families.at[DC3][LOCUM_V6].since_wall, site.now.wall - 200 + 120);
}

/* FAMILY-3: nodes without the family, not heard in time, or the node itself cast no vote. */
static void
test_who_casts_no_vote(void **state)
{
    (void)state;
    const struct locum_families *families = &site.core.families;
    struct locum_view *view = &site.core.view;
    struct locum_core_config *config = &site.core.config;
    const locum_ms now = site.now.mono;
    view->peer[NS0].unheard[LOCUM_V6] = view->peer[DC3].unheard[LOCUM_V6] = 1u << DC3;
    view->peer[SN0].unheard[LOCUM_V6] = 1u << DC3;
    view->peer[SN0].heard = now;
    assert_int_equal(locum_family_votes(families, view, config, DC3, LOCUM_V6, now), 1u << NS0);
    assert_int_equal(locum_family_votes(families, view, config, DC3, LOCUM_V4, now), 0);
    view->peer[NS0].heard = now - TIMEOUT - 1;
    assert_int_equal(locum_family_votes(families, view, config, DC3, LOCUM_V6, now), 0);
    view->peer[NS0].heard = now - TIMEOUT;
    config->nodes[NS0].has[LOCUM_V6] = false;
    assert_int_equal(locum_family_votes(families, view, config, DC3, LOCUM_V6, now), 0);
}

/* FAMILY-2: without the family at one of the two, or an own address, this node casts none. */
static void
test_votes_need_the_family_at_both(void **state)
{
    (void)state;
    by[DC3] = V4;
    run(1200);
    assert_true(says(" x-unheard6=dc3"));
    site.core.config.nodes[DC3].has[LOCUM_V6] = false;
    commit(&site);
    assert_false(says("x-unheard"));
    site.core.config.nodes[DC3].has[LOCUM_V6] = true;
    site.core.config.nodes[DC2].has[LOCUM_V6] = false;
    commit(&site);
    assert_false(says("x-unheard"));
    site.core.config.nodes[DC2].has[LOCUM_V6] = true;
    commit(&site);
    assert_true(says(" x-unheard6=dc3"));
    set_absent(LOCUM_V6, true);
    assert_false(says("x-unheard"));
}

/* FAMILY-5: lost until it has been heard without a gap for recover-after. */
static void
test_the_end_of_a_loss(void **state)
{
    (void)state;
    by[DC3] = V4;
    site.say[NS0].unheard[LOCUM_V6] = 1u << DC3;
    run(1300);
    assert_true(lost(DC3, LOCUM_V6));
    site.say[NS0].unheard[LOCUM_V6] = 0; /* it was restarted: this node still does not hear dc3 */
    run(RECOVER + 1000);
    assert_true(lost(DC3, LOCUM_V6));
    by[DC3] = BOTH;
    run(RECOVER - 1500);
    by[DC3] = V4; /* a gap: the trial starts again */
    run(1200);
    assert_true(says(" x-unheard6=dc3"));
    by[DC3] = BOTH;
    run(RECOVER - 200);
    assert_true(lost(DC3, LOCUM_V6));
    forget(&site);
    run(400);
    assert_false(lost(DC3, LOCUM_V6));
    assert_int_equal(rank(DC3, LOCUM_V6), LOCUM_RANK_A);
    assert_int_equal(count_events(&site, LOCUM_EVENT_FAMILY), 1);
    const struct locum_event *event = last_event(&site, LOCUM_EVENT_FAMILY);
    assert_false(event->family.lost);
    assert_int_equal(event->family.cause, LOCUM_CAUSE_RECOVERED);
    assert_int_equal(event->family.voters, 0);
}

/* FAMILY-4: a node that says so itself needs no votes, and its own word ends it. */
static void
test_a_node_says_so_itself(void **state)
{
    (void)state;
    site.say[DC3].lost[LOCUM_V6] = true;
    run(130);
    assert_true(lost(DC3, LOCUM_V6));
    assert_int_equal(last_event(&site, LOCUM_EVENT_FAMILY)->family.cause, LOCUM_CAUSE_REPORTED);
    assert_int_equal(rank(DC3, LOCUM_V6), LOCUM_RANK_F);
    assert_int_equal(rank(DC3, LOCUM_V4), LOCUM_RANK_A);
    site.core.config.nodes[DC3].has[LOCUM_V6] = false; /* a reload: it has none to lose */
    commit(&site);
    assert_false(lost(DC3, LOCUM_V6));
    site.core.config.nodes[DC3].has[LOCUM_V6] = true;
    commit(&site);
    assert_true(lost(DC3, LOCUM_V6));
    site.say[DC3].lost[LOCUM_V6] = false;
    run(130);
    assert_false(lost(DC3, LOCUM_V6));
}

/* FAMILY-6: an own address has been gone for `timeout`; then this node says so. */
static void
test_an_own_address_is_lost(void **state)
{
    (void)state;
    set_absent(LOCUM_V6, false); /* nothing has changed */
    assert_int_equal(site.core.families.absent_since[LOCUM_V6], LOCUM_NEVER);
    set_absent(LOCUM_V6, true);
    const locum_ms since = site.now.mono;
    run(500);
    set_absent(LOCUM_V6, true); /* it is still the same absence */
    assert_int_equal(site.core.families.absent_since[LOCUM_V6], since);
    run(490);
    assert_false(lost(DC2, LOCUM_V6));
    forget(&site);
    run(10);
    assert_true(lost(DC2, LOCUM_V6));
    assert_int_equal(last_event(&site, LOCUM_EVENT_FAMILY)->family.cause, LOCUM_CAUSE_ADDRESS);
    assert_true(says(" x-lost=ipv6"));
    assert_false(lost(DC2, LOCUM_V4));
    assert_int_equal(site.core.plan.answers[1][LOCUM_V4].nodes, 1u << DC2);
    assert_int_equal(site.core.plan.answers[1][LOCUM_V6].nodes, 1u << DC3);
    set_absent(LOCUM_V4, true);
    run(1000);
    assert_true(says(" x-lost=ipv4,ipv6"));
    set_absent(LOCUM_V4, false);
    set_absent(LOCUM_V6, false);
    run(RECOVER - 10);
    assert_true(says(" x-lost=ipv4,ipv6"));
    run(10);
    assert_false(says("x-lost"));
    assert_int_equal(site.core.plan.answers[1][LOCUM_V6].nodes, 1u << DC2);
}

/* FAMILY-6: an address that is gone for less than `timeout` is no loss. */
static void
test_a_short_absence(void **state)
{
    (void)state;
    set_absent(LOCUM_V6, true);
    run(900);
    set_absent(LOCUM_V6, false);
    run(2000);
    assert_int_equal(count_events(&site, LOCUM_EVENT_FAMILY), 0);
}

/* FAMILY-4, FAMILY-5: the others vote against this node; while it hears a quorum of them in the
 * other family only, it goes on saying so. */
static void
test_this_node_is_voted_out_of_a_family(void **state)
{
    (void)state;
    by[DC3] = by[NS0] = V4;
    site.say[DC3].unheard[LOCUM_V6] = site.say[NS0].unheard[LOCUM_V6] = 1u << DC2;
    run(200);
    assert_true(lost(DC2, LOCUM_V6));
    assert_int_equal(last_event(&site, LOCUM_EVENT_FAMILY)->family.cause, LOCUM_CAUSE_QUORUM);
    assert_true(says(" x-lost=ipv6"));
    run(1200);
    site.say[NS0].unheard[LOCUM_V6] = 0; /* it was restarted */
    run(2 * RECOVER);
    assert_true(says(" x-lost=ipv6"));
    by[NS0] = BOTH; /* now dc3 alone is not heard: that may be its own fault */
    run(RECOVER + 200);
    assert_false(says("x-lost"));
    assert_true(says(" x-unheard6=dc3"));
}

/* FAMILY-4: the plan and the ranks of suspects stay (RANK-E). */
static void
test_a_suspect_keeps_its_rank(void **state)
{
    (void)state;
    site.say[DC3].lost[LOCUM_V6] = true;
    run(200);
    assert_int_equal(rank(DC3, LOCUM_V6), LOCUM_RANK_F);
    by[DC3] = 0;
    run(1200);
    assert_int_equal(condition(&site, DC3), LOCUM_SUSPECT);
    assert_true(lost(DC3, LOCUM_V6));
    assert_int_equal(rank(DC3, LOCUM_V6), LOCUM_RANK_E);
    assert_int_equal(site.core.plan.answers[2][LOCUM_V6].nodes, 1u << DC3);
}

/* FAMILY-7 */
static void
test_where_no_quorum_has_the_family(void **state)
{
    (void)state;
    struct locum_core_config config = config_of(2, 1, 1);
    config.quorum = 2;
    assert_true(locum_family_votable(&config, DC3, LOCUM_V6));
    config.nodes[NS0].has[LOCUM_V6] = false;
    assert_false(locum_family_votable(&config, DC3, LOCUM_V6));
    assert_true(locum_family_votable(&config, DC3, LOCUM_V4));
    assert_true(locum_family_votable(&config, NS0, LOCUM_V6));
}

/* The rank of a node as a whole is that of its better family. */
static void
test_rank_as_a_whole(void **state)
{
    (void)state;
    static const struct {
        bool v4, v6;
        enum locum_rank in_v4, in_v6, whole;
    } cases[] = {
        {true, true, LOCUM_RANK_A, LOCUM_RANK_F, LOCUM_RANK_A},
        {true, true, LOCUM_RANK_F, LOCUM_RANK_A, LOCUM_RANK_A},
        {true, false, LOCUM_RANK_F, LOCUM_RANK_A, LOCUM_RANK_F},
        {false, true, LOCUM_RANK_A, LOCUM_RANK_F, LOCUM_RANK_F},
        {false, false, LOCUM_RANK_B, LOCUM_RANK_A, LOCUM_RANK_B},
    };
    for (size_t i = 0; i < LOCUM_COUNT(cases); i++) {
        site.core.config.nodes[DC3].has[LOCUM_V4] = cases[i].v4;
        site.core.config.nodes[DC3].has[LOCUM_V6] = cases[i].v6;
        site.core.rank[DC3] = (struct locum_ranks){.in = {cases[i].in_v4, cases[i].in_v6}};
        assert_int_equal(locum_core_rank(&site.core, DC3), cases[i].whole);
    }
}

/* Before the last server that works in both families is drained, a refusal says so. */
static void
test_a_server_without_a_family_does_not_serve_in_full(void **state)
{
    (void)state;
    size_t left;
    assert_int_equal(locum_core_admin_check(&site.core, LOCUM_DRAIN, false, &left), 0);
    assert_int_equal(left, 1);
    site.say[DC3].lost[LOCUM_V6] = true;
    run(200);
    assert_true(locum_core_admin_check(&site.core, LOCUM_DRAIN, false, &left) < 0);
    site.say[DC3].lost[LOCUM_V6] = false;
    site.say[DC3].lost[LOCUM_V4] = true;
    run(200);
    assert_true(locum_core_admin_check(&site.core, LOCUM_DRAIN, false, &left) < 0);
}

/* A heartbeat has room for ten names. */
static void
test_a_heartbeat_names_no_more_than_fit(void **state)
{
    (void)state;
    const struct locum_core_config config = config_of(6, 10, 0);
    begin(&site, &config, NULL);
    site.core.families.unheard[LOCUM_V4] = 0x001e;
    site.core.families.unheard[LOCUM_V6] = 0xffe0;
    assert_true(says(" x-unheard4=dc3,dc4,dc5,dc6 x-unheard6=dc7,ns0,ns1,ns2,ns3"));
    assert_false(says("ns3,"));
    site.core.families.unheard[LOCUM_V4] = 0xffe0;
    assert_true(says(" x-unheard4=dc7,ns0,ns1,ns2,ns3,ns4,ns5,ns6,ns7"));
    assert_false(says("x-unheard6"));
}

/* A reload keeps what is known of each node, by its name. */
static void
test_reload(void **state)
{
    (void)state;
    by[DC3] = V4;
    site.say[NS0].unheard[LOCUM_V6] = 1u << DC3;
    run(1300);
    set_absent(LOCUM_V4, true);
    run(100);
    assert_true(lost(DC3, LOCUM_V6));
    struct locum_core_config next = {0};
    const struct locum_core_config config = site.core.config;
    next = config;
    next.nodes[DC3] = config.nodes[NS0];
    next.nodes[NS0] = config.nodes[DC3];
    next.nodes[DC2].failover_count = 0;
    next.name_count = 1;
    const locum_ms absent = site.core.families.absent_since[LOCUM_V4];
    locum_core_reconfigure(&site.core, &next, 0, site.now);
    assert_true(lost(NS0, LOCUM_V6));
    assert_false(lost(DC3, LOCUM_V6));
    assert_int_equal(site.core.view.peer[DC3].unheard[LOCUM_V6], 1u << NS0);
    assert_int_equal(site.core.families.unheard[LOCUM_V6], 1u << NS0);
    assert_int_equal(site.core.families.absent_since[LOCUM_V4], absent);
}

#define TEST(name) cmocka_unit_test_setup(name, set_up)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_peer_that_is_heard_in_one_family_only_gets_a_vote),
        TEST(test_one_that_falls_silent_gets_no_vote),
        TEST(test_a_vote_ends_with_the_peer),
        TEST(test_a_vote_is_sent_at_once),
        TEST(test_no_vote_without_both),
        TEST(test_the_vote_ends_with_the_other_family),
        TEST(test_grace),
        TEST(test_what_counts_as_heard_in_a_family),
        TEST(test_a_quorum_moves_the_names_of_one_family),
        TEST(test_who_casts_no_vote),
        TEST(test_votes_need_the_family_at_both),
        TEST(test_the_end_of_a_loss),
        TEST(test_a_node_says_so_itself),
        TEST(test_an_own_address_is_lost),
        TEST(test_a_short_absence),
        TEST(test_this_node_is_voted_out_of_a_family),
        TEST(test_a_suspect_keeps_its_rank),
        TEST(test_where_no_quorum_has_the_family),
        TEST(test_rank_as_a_whole),
        TEST(test_a_server_without_a_family_does_not_serve_in_full),
        TEST(test_a_heartbeat_names_no_more_than_fit),
        TEST(test_reload),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
