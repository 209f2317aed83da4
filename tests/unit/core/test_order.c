/* order: what is old, what is acknowledged, and when the order of a peer is reset (RECEIVE-4, 6,
 * 12); the number of the own run (INCARNATION-1 to 5). */
#include "core/incarnation.h"
#include "fixture.h"

#define HEAR_NS0  locum_nodes_of(NS0)
#define HEAR_BOTH (locum_nodes_of(DC3) | locum_nodes_of(NS0))
#define FAR       ((uint64_t)1 << 50)

enum { DAY_MS = 24 * 3600 * 1000 };

static struct site site;
static struct locum_peer_facts *const dc3 = &site.core.view.peer[DC3];

static int
set_up(void **state)
{
    (void)state;
    begin_usual_well(&site);
    return 0;
}

/* What the own heartbeat acknowledges of the peer. */
static struct locum_order
acknowledged(locum_node peer)
{
    char buffer[LOCUM_HEARTBEAT_MAX];
    struct locum_text text = locum_text_init(buffer, sizeof(buffer));
    struct locum_heartbeat own;
    locum_core_heartbeat(&site.core, peer, site.now, &text);
    assert_true(
        locum_heartbeat_parse((struct locum_slice){buffer, text.length}, &site.core.config, &own));
    return (struct locum_order){own.acks[peer].incarnation, own.acks[peer].seq};
}

static void
assert_acknowledged(uint64_t incarnation, uint64_t seq)
{
    assert_int_equal(acknowledged(DC3).incarnation, incarnation);
    assert_int_equal(acknowledged(DC3).seq, seq);
}

/* A heartbeat in dc3's name that it did not send. Its own numbers stay. */
static void
forge(uint64_t incarnation, uint64_t seq, bool fresh)
{
    struct locum_heartbeat forged = site.say[DC3];
    forged.incarnation = incarnation;
    forged.seq = seq;
    forged.acks[DC2].seq = fresh ? site.core.view.seq : 0;
    forged.acks[DC2].has_number = true;
    hear_as_is(&site, &forged, LOCUM_PATH_UDP);
}

/* Every 100 ms a heartbeat of dc3 by UDP, and commits. */
static void
run(locum_ms ms)
{
    for (locum_ms gone = 0; gone < ms; gone += 100) {
        sleep_ms(&site, 100);
        hear(&site, NS0, LOCUM_PATH_UDP);
        hear(&site, DC3, LOCUM_PATH_UDP);
        commit(&site);
    }
}

/* The attack that this was made for: without a fresh acknowledgement nothing is old because of it.
 */
static void
test_a_forged_number_makes_nothing_old(void **state)
{
    (void)state;
    const uint64_t run_of_dc3 = site.say[DC3].incarnation;
    forge(run_of_dc3, FAR, false);
    forge(FAR, 1, false);
    assert_acknowledged(run_of_dc3, site.say[DC3].seq);
    sleep_ms(&site, 100);
    hear(&site, DC3, LOCUM_PATH_UDP);
    assert_int_equal(dc3->heard, site.now.mono);
    assert_int_equal(dc3->order.seq, site.say[DC3].seq);
    assert_int_equal(dc3->family[LOCUM_V4].order.seq, site.say[DC3].seq);
    assert_acknowledged(run_of_dc3, site.say[DC3].seq);
}

/* RECEIVE-6 */
static void
test_what_is_acknowledged(void **state)
{
    (void)state;
    const uint64_t old = site.say[DC3].incarnation;
    const uint64_t last = site.say[DC3].seq;
    const locum_ms accepted = dc3->heard;
    pass(&site, accepted + TIMEOUT - site.now.mono);
    forge(FAR, 5, false);
    const locum_ms forged = site.now.mono;
    assert_acknowledged(old, last); /* accepted within its limit */
    pass(&site, ITERATION_MS);
    assert_acknowledged(FAR, 5);
    site.say[DC3].incarnation = old - 7; /* another run, which has heard nothing of this node */
    site.say[DC3].seq = 0;
    hear_without_ack(&site, DC3, LOCUM_PATH_UDP); /* the highest is acknowledged, not the last */
    while (site.now.mono < forged + 2 * TIMEOUT) {
        assert_acknowledged(FAR, 5);
        sleep_ms(&site, ITERATION_MS);
        hear_without_ack(&site, DC3, LOCUM_PATH_UDP);
    }
    assert_acknowledged(FAR, 5);
    sleep_ms(&site, 1);
    hear_without_ack(&site, DC3, LOCUM_PATH_UDP);
    assert_acknowledged(old - 7, site.say[DC3].seq); /* of the last two timeouts */
    sleep_ms(&site, 2 * TIMEOUT);
    assert_acknowledged(old - 7, site.say[DC3].seq);
    sleep_ms(&site, 1);
    assert_acknowledged(old, last); /* nothing was heard of late */
}

/* A copy is heard as late as the first: two addresses, two paths. */
static void
test_a_copy_is_heard_of_late(void **state)
{
    (void)state;
    forge(FAR, 5, false);
    sleep_ms(&site, 1500);
    forge(FAR, 5, false);
    sleep_ms(&site, 2 * TIMEOUT);
    hear_without_ack(&site, DC3, LOCUM_PATH_UDP);
    assert_acknowledged(FAR, 5);
}

/* RECEIVE-12 */
static void
test_order_is_reset(void **state)
{
    (void)state;
    for (int by_run = 0; by_run < 2; by_run++) {
        begin_usual_well(&site);
        forge(by_run ? FAR : site.say[DC3].incarnation, by_run ? 1 : FAR,
              true); /* it is accepted */
        const locum_ms forged = site.now.mono;
        assert_int_equal(dc3->heard, forged);
        forge(by_run ? FAR : site.say[DC3].incarnation, by_run ? 1 : FAR, true); /* a copy of it */
        run(2 * TIMEOUT + 100); /* the first of these begins the series */
        assert_int_equal(dc3->heard, forged);
        assert_int_equal(dc3->order_reset, LOCUM_NEVER);
        assert_int_equal(condition(&site, DC3), LOCUM_SUSPECT);
        run(100);
        assert_int_equal(dc3->order_reset, site.now.mono);
        assert_int_equal(dc3->heard, site.now.mono);
        assert_int_equal(dc3->order.seq, site.say[DC3].seq);
        assert_int_equal(dc3->path[LOCUM_PATH_UDP].heard, site.now.mono);
        assert_int_equal(condition(&site, DC3), LOCUM_ALIVE);
        run(100);
        assert_int_equal(dc3->family[LOCUM_V4].heard, site.now.mono);
        assert_int_equal(dc3->order_reset, site.now.mono - 100); /* once */
    }
}

/* RECEIVE-12: not by those that acknowledge nothing fresh, as recorded ones. */
static void
test_order_is_not_reset_by_replays(void **state)
{
    (void)state;
    forge(FAR, 1, true);
    for (int i = 0; i < 50; i++) {
        sleep_ms(&site, 100);
        hear_ack(&site, DC3, LOCUM_PATH_UDP, 1);
        commit(&site);
    }
    assert_int_equal(dc3->order_reset, LOCUM_NEVER);
    assert_int_equal(dc3->order.incarnation, FAR);
}

/* RECEIVE-12: nor by the copies of a slower path: each accepted one ends the series. */
static void
test_order_is_not_reset_by_slow_copies(void **state)
{
    (void)state;
    struct locum_heartbeat slow[5];
    for (size_t i = 0; i < 50; i++) {
        sleep_ms(&site, 100);
        hear(&site, DC3, LOCUM_PATH_UDP);
        if (i >= LOCUM_COUNT(slow)) {
            hear_as_is(&site, &slow[i % LOCUM_COUNT(slow)], LOCUM_PATH_REDIS);
        }
        slow[i % LOCUM_COUNT(slow)] = site.say[DC3];
        commit(&site);
    }
    assert_int_equal(dc3->order_reset, LOCUM_NEVER);
    assert_int_equal(dc3->path[LOCUM_PATH_REDIS].heard, site.now.mono);
}

/* RECEIVE-12: they increase among themselves; copies and late ones neither help nor harm, and one
 * forged below order[P] delays a reset by a timeout. */
static void
test_order_is_reset_by_an_increasing_series(void **state)
{
    (void)state;
    forge(FAR, 2, true);
    forge(FAR, 1, true); /* refused, and higher than all of dc3 */
    const locum_ms forged = site.now.mono;
    run(TIMEOUT); /* the last of them begins the series */
    for (locum_ms gone = 0; gone < 2 * TIMEOUT; gone += 100) {
        struct locum_heartbeat late = site.say[DC3];
        run(100);
        late.acks[DC2] = site.say[DC3].acks[DC2];
        hear_as_is(&site, &late, LOCUM_PATH_REDIS);
    }
    assert_int_equal(dc3->order_reset, LOCUM_NEVER);
    sleep_ms(&site, 1);
    hear_as_is(&site, &site.say[DC3], LOCUM_PATH_REDIS); /* it does not increase */
    assert_int_equal(dc3->order_reset, LOCUM_NEVER);
    hear(&site, DC3, LOCUM_PATH_REDIS);
    assert_int_equal(dc3->order_reset, forged + 3 * TIMEOUT + 1);
}

/* RECEIVE-12: without a gap of a timeout, or of four of its intervals. */
static void
test_a_gap_begins_the_series_again(void **state)
{
    static const struct {
        locum_ms interval, gap;
        bool reset;
    } cases[] = {{INTERVAL, TIMEOUT - 1, true},
                 {INTERVAL, TIMEOUT, false},
                 {TIMEOUT / 2, 2 * TIMEOUT - 1, true},
                 {TIMEOUT / 2, 2 * TIMEOUT, false}};
    (void)state;
    for (size_t i = 0; i < LOCUM_COUNT(cases); i++) {
        begin_usual_well(&site);
        site.say[DC3].interval_ms = cases[i].interval;
        forge(FAR, 1, true);
        run(2 * TIMEOUT);
        sleep_ms(&site, cases[i].gap);
        commit(&site);
        sleep_ms(&site, 0);
        hear(&site, DC3, LOCUM_PATH_UDP);
        assert_int_equal(dc3->order_reset, cases[i].reset ? site.now.mono : LOCUM_NEVER);
    }
}

/* RECEIVE-9: one that comes too late advances no order, of no path and no family. */
static void
test_a_late_heartbeat_advances_no_order(void **state)
{
    (void)state;
    site.say[NS0].acks[DC3].state_code = LOCUM_SUSPECT;
    pass_hearing(&site, TIMEOUT + 200, HEAR_NS0);
    assert_int_equal(condition(&site, DC3), LOCUM_DOWN);
    const struct locum_order before = dc3->order;
    const locum_ms heard = dc3->family[LOCUM_V4].heard;
    struct locum_heartbeat late = site.say[DC3];
    late.seq = FAR;
    late.acks[DC2].seq = site.core.view.seq;
    while (locum_view_sent(&site.core.view, site.core.view.incarnation, late.acks[DC2].seq) >=
           site.core.detector.peer[DC3].verdict) {
        late.acks[DC2].seq--;
    }
    hear_as_is(&site, &late, LOCUM_PATH_UDP);
    assert_int_equal(dc3->path[LOCUM_PATH_UDP].heard, site.now.mono); /* RECEIVE-8 */
    assert_memory_equal(&dc3->order, &before, sizeof(before));
    assert_memory_equal(&dc3->path[LOCUM_PATH_UDP].order, &before, sizeof(before));
    assert_memory_equal(&dc3->family[LOCUM_V4].order, &before, sizeof(before));
    assert_int_equal(dc3->family[LOCUM_V4].heard, heard);
}

/* RECEIVE-5: a run that is new is answered when it is first heard, and when it is accepted. */
static void
test_a_new_run_is_answered_at_once(void **state)
{
    (void)state;
    pass_hearing(&site, INTERVAL, HEAR_BOTH);
    while (site.now.mono - site.core.last_send != 2 * ITERATION_MS) {
        pass(&site, ITERATION_MS);
    }
    forget(&site);
    site.say[DC3].incarnation++;
    site.say[DC3].seq = 0;
    hear_without_ack(&site, DC3, LOCUM_PATH_UDP);
    commit(&site);
    assert_int_equal(site.core.last_send, site.now.mono);
    pass(&site, 2 * ITERATION_MS);
    hear_without_ack(&site, DC3, LOCUM_PATH_UDP); /* nothing new */
    commit(&site);
    assert_int_not_equal(site.core.last_send, site.now.mono);
    hear(&site, DC3, LOCUM_PATH_UDP);
    commit(&site);
    assert_int_equal(site.core.last_send, site.now.mono);
    pass(&site, 2 * ITERATION_MS);
    hear(&site, DC3, LOCUM_PATH_UDP);
    commit(&site);
    assert_int_not_equal(site.core.last_send, site.now.mono);
}

/* --- the own run ------------------------------------------------------------------------------ */

static void
set_clock(locum_ms wall, bool synchronised)
{
    site.now.wall = wall;
    step(&site, (struct locum_input){.kind = LOCUM_INPUT_CLOCK, .synchronised = synchronised});
}

/* The next heartbeat of a peer acknowledges this run. */
static void
hear_of_run(locum_node peer, uint64_t incarnation)
{
    struct locum_heartbeat *say = &site.say[peer];
    say->seq++;
    say->acks[DC2] = (struct locum_ack){true, incarnation, 9, LOCUM_ALIVE};
    hear_as_is(&site, say, LOCUM_PATH_UDP);
}

/* INCARNATION-1, INCARNATION-2 */
static void
test_no_node_raises_its_run_beyond_the_bound(void **state)
{
    static const locum_ms now = 1763863300000;
    static const uint64_t max = LOCUM_INCARNATION_MAX;
    static const struct {
        locum_ms wall;
        bool synchronised;
        uint64_t acknowledged;
        bool raised;
    } cases[] = {
        {now, true, (uint64_t)now + DAY_MS, true},
        {now, true, (uint64_t)now + DAY_MS + 1, false},
        {now, true, 2 * max, false},
        {now, false, (uint64_t)now + DAY_MS + 1, true},
        {now, false, max, true},
        {now, false, max + 1, false},
        {now, false, 2 * max, false},
        {-5, true, 1763863200123 + 1, false}, /* a clock of 1970 that is called right */
        {-5, false, max, true},
        {(locum_ms)max, true, max, true},
        {(locum_ms)max, true, max + 1, false},
        {now, true, 1763863200123, false}, /* it is this run */
        {now, true, 7, false},
        {now, true, 0, false},
    };
    (void)state;
    for (size_t i = 0; i < LOCUM_COUNT(cases); i++) {
        begin_usual_well(&site);
        const uint64_t before = site.core.view.incarnation;
        const bool beyond = !cases[i].raised && cases[i].acknowledged > before;
        set_clock(cases[i].wall, cases[i].synchronised);
        hear_of_run(DC3, cases[i].acknowledged);
        assert_int_equal(site.core.view.incarnation,
                         cases[i].raised ? cases[i].acknowledged + 1 : before);
        assert_int_equal(dc3->beyond, beyond ? site.now.mono : LOCUM_NEVER);
        assert_int_equal(dc3->beyond_incarnation, beyond ? cases[i].acknowledged : 0);
        assert_int_equal(count_events(&site, LOCUM_EVENT_INCARNATION), cases[i].raised);
    }
}

static size_t
count_actions(enum locum_action_kind kind)
{
    size_t count = 0;
    for (size_t i = 0; i < site.actions.count; i++) {
        count += site.actions.at[i].kind == kind ? 1 : 0;
    }
    return count;
}

/* INCARNATION-2: each raise is kept for a restart in this boot; the last one is written to disk and
 * reported, late if another one was of late. */
static void
test_the_last_raise_is_reported_and_persisted(void **state)
{
    (void)state;
    const uint64_t first = site.core.view.incarnation + 7;
    commit(&site);
    hear_of_run(DC3, first);
    assert_int_equal(count_actions(LOCUM_ACTION_SAVE), 0);
    assert_int_equal(count_actions(LOCUM_ACTION_PERSIST), 1);
    hear_of_run(DC3, first + 7);
    assert_int_equal(count_actions(LOCUM_ACTION_SAVE), 0);
    assert_int_equal(count_actions(LOCUM_ACTION_PERSIST), 0);
    commit(&site); /* once for both */
    assert_int_equal(count_actions(LOCUM_ACTION_SAVE), 1);
    commit(&site);
    assert_int_equal(count_actions(LOCUM_ACTION_SAVE), 0);
    sleep_ms(&site, 9999);
    hear_of_run(DC3, first);
    assert_int_equal(count_actions(LOCUM_ACTION_PERSIST), 0);
    sleep_ms(&site, 1);
    hear_of_run(DC3, first);
    assert_int_equal(count_actions(LOCUM_ACTION_PERSIST), 1);
    assert_int_equal(last_event(&site, LOCUM_EVENT_INCARNATION)->incarnation, first + 8);
    sleep_ms(&site, 10000);
    hear_of_run(DC3, first);
    assert_int_equal(count_actions(LOCUM_ACTION_PERSIST), 0);
}

/* RECEIVE-7: one that does not list this node is not one-way; its next configuration does. */
static void
test_a_peer_that_does_not_list_this_node(void **state)
{
    (void)state;
    for (int i = 0; i < 30; i++) {
        sleep_ms(&site, 100);
        site.say[DC3].seq++;
        site.say[DC3].acked = locum_nodes_of(NS0);
        hear_as_is(&site, &site.say[DC3], LOCUM_PATH_UDP);
        assert_int_equal(dc3->unlisted, site.now.mono);
    }
    assert_null(last_event(&site, LOCUM_EVENT_ONE_WAY));
    hear(&site, DC3, LOCUM_PATH_UDP);
    assert_int_equal(dc3->unlisted, LOCUM_NEVER);
}

/* INCARNATION-2: a recorded heartbeat, older than others of late, raises nothing. */
static void
test_only_the_newest_raises(void **state)
{
    (void)state;
    const uint64_t before = site.core.view.incarnation;
    struct locum_heartbeat old = site.say[DC3];
    hear(&site, DC3, LOCUM_PATH_UDP);
    old.acks[DC2] = (struct locum_ack){true, before + 5, 9, LOCUM_ALIVE};
    hear_as_is(&site, &old, LOCUM_PATH_REDIS);
    assert_int_equal(site.core.view.incarnation, before);
}

/* For 2 x timeout every peer acknowledges a run beyond the bound: that of dc3 is the highest. */
static void
overtake(locum_ms ms, uint64_t by_ns0)
{
    for (locum_ms gone = 0; gone <= ms; gone += 100) {
        hear_of_run(DC3, FAR + 4);
        hear_of_run(NS0, by_ns0);
        if (gone < ms) {
            sleep_ms(&site, 100);
        }
    }
}

/* INCARNATION-3 */
static void
test_a_run_that_all_have_overtaken_takes_the_next(void **state)
{
    (void)state;
    const uint64_t before = site.core.view.incarnation;
    set_clock(site.now.wall, true);
    overtake(2 * TIMEOUT - 100, FAR);
    assert_int_equal(site.core.view.incarnation, before);
    sleep_ms(&site, 100);
    hear_of_run(NS0, FAR);
    assert_int_equal(site.core.view.incarnation, FAR + 5);
    assert_non_null(last_event(&site, LOCUM_EVENT_INCARNATION));
    hear_of_run(NS0, FAR + 9); /* it counts from the beginning again */
    assert_int_equal(site.core.view.incarnation, FAR + 5);
}

/* INCARNATION-3: not while one of them acknowledges this run, or nothing. */
static void
test_one_peer_that_hears_this_run_is_enough(void **state)
{
    (void)state;
    const uint64_t before = site.core.view.incarnation;
    set_clock(site.now.wall, true);
    overtake(5 * TIMEOUT, before);
    assert_int_equal(site.core.view.incarnation, before);
    overtake(5 * TIMEOUT, 0);
    assert_int_equal(site.core.view.incarnation, before);
    /* One that no run can overtake says nothing. */
    overtake(2 * TIMEOUT, LOCUM_INCARNATION_MAX + 1);
    assert_int_equal(site.core.view.incarnation, FAR + 5);
}

/* INCARNATION-3: after a timeout in which none was heard it counts from the beginning again, and
 * what was acknowledged before does not count. */
static void
test_a_gap_begins_the_time_again(void **state)
{
    (void)state;
    const uint64_t before = site.core.view.incarnation;
    set_clock(site.now.wall, true);
    hear_of_run(DC3, FAR + 99);
    sleep_ms(&site, TIMEOUT);
    overtake(2 * TIMEOUT - 100, FAR);
    assert_int_equal(site.core.view.incarnation, before);
    sleep_ms(&site, 100);
    hear_of_run(NS0, FAR);
    assert_int_equal(site.core.view.incarnation, FAR + 5);
}

/* INCARNATION-4: what peers have acknowledged before it was raised is still fresh, else one that
 * raises it again and again would keep all others away. */
static void
test_raising_it_voids_no_acknowledgement(void **state)
{
    (void)state;
    pass_hearing(&site, 500, HEAR_BOTH);
    const uint64_t run_before = site.core.view.incarnation;
    const uint64_t sent = site.core.view.seq;
    hear_of_run(NS0, run_before + 1);
    assert_int_equal(site.core.view.incarnation, run_before + 2);
    sleep_ms(&site, 10);
    site.say[DC3].seq++;
    site.say[DC3].acks[DC2] = (struct locum_ack){true, run_before, sent, LOCUM_ALIVE};
    hear_as_is(&site, &site.say[DC3], LOCUM_PATH_UDP);
    assert_int_equal(dc3->heard, site.now.mono);
    site.say[DC3].seq++;
    site.say[DC3].acks[DC2].incarnation = run_before + 2; /* nothing was sent as that yet */
    sleep_ms(&site, 10);
    hear_as_is(&site, &site.say[DC3], LOCUM_PATH_UDP);
    assert_int_not_equal(dc3->heard, site.now.mono);
}

/* INCARNATION-5 */
static void
test_a_saved_run_beyond_all_numbers_is_not_continued(void **state)
{
    static const uint64_t top = (uint64_t)1 << 53;
    const struct locum_now now = {.wall = 5000};
    (void)state;
    assert_int_equal(locum_core_incarnation_after(0, now), 5000);
    assert_int_equal(locum_core_incarnation_after(7000, now), 7001);
    assert_int_equal(locum_core_incarnation_after(top - 1, now), top);
    assert_int_equal(locum_core_incarnation_after(top, now), 5000);
    assert_int_equal(locum_core_incarnation_after(UINT64_MAX, now), 5000);
    assert_int_equal(locum_core_incarnation_after(0, (struct locum_now){.wall = -1}), 1);
}

/* RECEIVE-13 */
static void
test_a_heartbeat_of_a_node_that_is_not_read_is_noted(void **state)
{
    static const struct {
        const char *text;
        bool noted;
    } cases[] = {
        {"locum1 get dc3 1 1 125 up ready - 1 a1b2c3", true}, /* too short a digest */
        {"locum2 get dc3 whatever", true},                    /* another version */
        {"locum1 get dc3 9007199254740993 1 125 up ready - 1 a1b2c3d4", true}, /* 2^53 + 1 */
        {"locum1 get dc3", true},
        {"locum1 got dc3 1 1 125 up ready - 1 a1b2c3", false}, /* another cluster */
        {"locum1 get dc9 1 1 125 up ready - 1 a1b2c3", false},
        {"locum get dc3 1", false},
        {"locum-macs get dc3 1", false},
        {"lofum1 get dc3 1", false},
        {"locum1", false},
        {"locum1 get", false},
        {"", false},
    };
    (void)state;
    for (size_t i = 0; i < LOCUM_COUNT(cases); i++) {
        begin_usual_well(&site);
        step(&site, (struct locum_input){.kind = LOCUM_INPUT_HEARTBEAT,
                                         .heartbeat = {.path = LOCUM_PATH_UDP,
                                                       .text = locum_slice_of(cases[i].text)}});
        assert_int_equal(site.core.ignored, 1);
        assert_int_equal(dc3->ignored, cases[i].noted ? site.now.mono : LOCUM_NEVER);
    }
    const struct locum_core_config config = config_of(2, 1, 1);
    begin_well(&site, &config);
    step(&site, (struct locum_input){.kind = LOCUM_INPUT_HEARTBEAT,
                                     .heartbeat.text = locum_slice_of(
                                         "locum1 get sn0 1 1 125 up ready - 1 a1b2c3d4")});
    assert_int_equal(site.core.view.peer[3].ignored, site.now.mono);
}

#define TEST(function) cmocka_unit_test_setup(function, set_up)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_forged_number_makes_nothing_old),
        TEST(test_what_is_acknowledged),
        TEST(test_a_copy_is_heard_of_late),
        TEST(test_order_is_reset),
        TEST(test_order_is_not_reset_by_replays),
        TEST(test_order_is_not_reset_by_slow_copies),
        TEST(test_order_is_reset_by_an_increasing_series),
        TEST(test_a_gap_begins_the_series_again),
        TEST(test_a_late_heartbeat_advances_no_order),
        TEST(test_a_new_run_is_answered_at_once),
        TEST(test_no_node_raises_its_run_beyond_the_bound),
        TEST(test_the_last_raise_is_reported_and_persisted),
        TEST(test_a_peer_that_does_not_list_this_node),
        TEST(test_only_the_newest_raises),
        TEST(test_a_run_that_all_have_overtaken_takes_the_next),
        TEST(test_one_peer_that_hears_this_run_is_enough),
        TEST(test_a_gap_begins_the_time_again),
        TEST(test_raising_it_voids_no_acknowledgement),
        TEST(test_a_saved_run_beyond_all_numbers_is_not_continued),
        TEST(test_a_heartbeat_of_a_node_that_is_not_read_is_noted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
