/* resume: RESUME-1 to 4, 6: what a run saves, and what the next one makes of it. */
#include "restart.h"

/* --- a state that is not older than timeout (RESUME-4) ---------------------------------------- */

/* Every field of some value: what is read is what was written. */
static void
test_what_is_read_is_what_was_written(void **state)
{
    (void)state;
    static char again[LOCUM_RESUME_BYTES_MAX];
    struct locum_text out = locum_text_init(again, sizeof(again));
    bring_back_dc3();
    struct locum_condition_state *dc3 = &site.core.detector.peer[DC3];
    struct locum_peer_facts *facts = &site.core.view.peer[DC3];
    dc3->adopted = dc3->resumed = dc3->left = dc3->trusted = dc3->silent = dc3->was_alive = true;
    facts->leaving = facts->lost[LOCUM_V6] = true;
    facts->unheard[LOCUM_V4] = HEAR_NS0;
    facts->service = LOCUM_SERVICE_DEGRADED;
    facts->admin = LOCUM_DRAIN;
    strcpy(facts->version, "0.2.0");
    facts->mirrorbits = facts->grace = site.now.mono - 77;
    site.core.families.at[DC2][LOCUM_V6] =
        (struct locum_family_state){true, true, true, site.now.mono - 5, 1763863200001};
    site.core.service.check[0].run = 2;
    site.core.service.check[0].nearest = LOCUM_FAILING;
    site.core.service.check[0].next_sample = site.now.mono + 100;
    site.core.service.check[0].stale = true;
    site.core.service.recovered = site.now.mono - 20;
    site.core.service.probation_ms = 5000;
    site.core.service.probation_until = site.now.mono + 4980;
    site.core.admin = (struct locum_admin_state){
        .state = LOCUM_DRAIN, .until_boot = 300000, .reason = "new disk", .excluded = HEAR_NS0};
    site.core.send_wanted = true;
    save();
    assert_int_equal(resume(LOCUM_REPLACE, 0), LOCUM_RESUMED);
    locum_core_save(&site.core, boot_id, 42, site.now, &out);
    assert_string_equal(again, text);
}

/* RESUME-3: a replaced program continues its run: peers have nothing to notice. */
static void
test_a_replaced_program_continues(void **state)
{
    (void)state;
    lose_dc3();
    const uint64_t incarnation = site.core.view.incarnation;
    const uint64_t seq = site.core.view.seq;
    const struct locum_plan plan = site.core.plan;
    save();
    assert_int_equal(resume(LOCUM_REPLACE, 20), LOCUM_RESUMED);
    assert_int_equal(site.core.view.incarnation, incarnation);
    assert_int_equal(site.core.view.seq, seq);
    assert_memory_equal(&site.core.plan, &plan, sizeof(plan));
    assert_int_equal(answer(2)->nodes, 1u << DC2);
    hear_ack(&site, NS0, LOCUM_PATH_UDP, seq - 3); /* sent by the old program */
    assert_int_equal(site.core.view.peer[NS0].heard, site.now.mono);
    commit(&site);
    assert_int_equal(site.events, 0);
    pass_hearing(&site, 500, HEAR_NS0);
    assert_int_equal(site.events, 0);
}

/* RESUME-3: any other process is a new run, and has sent nothing; what it knew holds. */
static void
test_a_new_process_is_a_new_run(void **state)
{
    (void)state;
    lose_dc3();
    const uint64_t incarnation = site.core.view.incarnation;
    const struct locum_plan plan = site.core.plan;
    save();
    site.now.wall -= 86400000; /* the clock was set back */
    assert_int_equal(resume(LOCUM_START, TIMEOUT / 2), LOCUM_RESUMED);
    assert_int_equal(site.core.view.incarnation, incarnation + 1);
    assert_int_equal(site.core.view.seq, 0);
    assert_int_equal(site.core.view.started, site.now.mono);
    assert_memory_equal(&site.core.plan, &plan, sizeof(plan));
    assert_int_equal(condition(&site, NS0), LOCUM_ALIVE);
    commit(&site);
    assert_int_equal(site.core.view.seq, 1); /* at once */
    assert_int_equal(site.events, 0);
    const struct locum_heartbeat says = site.say[NS0];
    struct locum_heartbeat old = says;
    old.seq++;
    old.acks[DC2] = (struct locum_ack){true, incarnation, 3, LOCUM_ALIVE};
    hear_as_is(&site, &old, LOCUM_PATH_UDP); /* RECEIVE-7: of the last run */
    assert_int_not_equal(site.core.view.peer[NS0].heard, site.now.mono);
    site.say[NS0].seq++;
    hear(&site, NS0, LOCUM_PATH_UDP);
    assert_int_equal(site.core.view.peer[NS0].heard, site.now.mono);
}

/* RESUME-3: the incarnation is later than any that is known. */
static void
test_the_incarnation_grows(void **state)
{
    (void)state;
    struct locum_saved saved = {.incarnation = 1763863300000, .admin.until_boot = LOCUM_NEVER};
    struct locum_last_run last = last_run(LOCUM_START);
    uint32_t serial;
    save();
    last.text.length = strlen(text);
    last.saved = &saved;
    assert_int_equal(locum_core_resume(&site.core, &config, &last, site.now, &serial),
                     LOCUM_RESUMED);
    assert_int_equal(site.core.view.incarnation, 1763863300001);
    site.now.wall = 1763863400000;
    assert_int_equal(locum_core_resume(&site.core, &config, &last, site.now, &serial),
                     LOCUM_RESUMED);
    assert_int_equal(site.core.view.incarnation, 1763863400000);
}

/* GRACE-2: the time between two runs is a stall. */
static void
test_the_gap_is_a_stall(void **state)
{
    (void)state;
    for (locum_ms late = 0; late <= 1; late++) {
        (void)set_up(NULL);
        site.say[NS0].acks[DC3].state_code = LOCUM_ALIVE;
        pass_hearing(&site, TIMEOUT + 50, HEAR_NS0);
        assert_int_equal(condition(&site, DC3), LOCUM_SUSPECT);
        save();
        const locum_ms wait = site.core.next_commit - site.now.mono;
        assert_int_equal(resume(LOCUM_REPLACE, wait + TIMEOUT / 2 + late), LOCUM_RESUMED);
        commit(&site);
        assert_int_equal(count_events(&site, LOCUM_EVENT_STALL), late);
        assert_int_equal(condition(&site, DC3), late != 0 ? LOCUM_UNKNOWN : LOCUM_SUSPECT);
        assert_int_equal(condition(&site, NS0), LOCUM_ALIVE);
    }
}

/* RESUME-3: the operator's wishes are those on the disk, or of the program that was replaced. */
static void
test_the_operator(void **state)
{
    (void)state;
    struct locum_saved saved = {.admin = {LOCUM_MAINT, LOCUM_NEVER, "disk", 0}};
    uint32_t serial;
    site.core.admin = (struct locum_admin_state){
        .state = LOCUM_DRAIN, .until_boot = 300000, .reason = "a\nb", .excluded = HEAR_NS0};
    save();
    for (enum locum_start how = LOCUM_START; how <= LOCUM_REPLACE; how++) {
        struct locum_last_run last = last_run(how);
        last.saved = &saved;
        assert_int_equal(locum_core_resume(&site.core, &config, &last, site.now, &serial),
                         LOCUM_RESUMED);
        assert_int_equal(site.core.admin.state, how == LOCUM_START ? LOCUM_MAINT : LOCUM_DRAIN);
        assert_string_equal(site.core.admin.reason, how == LOCUM_START ? "disk" : "a b");
        assert_int_equal(site.core.admin.excluded, how == LOCUM_START ? 0 : HEAR_NS0);
    }
    assert_int_equal(site.core.admin.until_boot, 300000);
}

/* --- another configuration (RESUME-6) --------------------------------------------------------- */

static void
test_checks_are_found_by_their_ids(void **state)
{
    (void)state;
    save();
    config.check_count = 3;
    config.checks[2] = config.checks[0];
    config.checks[0].id = config.checks[1].id = 99;
    config.checks[1].counts = true;
    assert_int_equal(resume(LOCUM_START, 10), LOCUM_RESUMED);
    assert_int_equal(site.core.service.check[2].verdict, LOCUM_UP);
    assert_int_equal(site.core.service.check[0].verdict, LOCUM_SERVICE_UNKNOWN);
    assert_int_equal(site.core.service.check[1].verdict, LOCUM_SERVICE_UNKNOWN);
    assert_int_equal(site.core.service.state, LOCUM_UP); /* as after a reload */
}

static void
test_nodes_are_found_by_their_names(void **state)
{
    (void)state;
    lose_dc3();
    site.core.view.peer[NS0].unheard[LOCUM_V6] = locum_nodes_of(DC3);
    save();
    struct locum_core_node *nodes = config.nodes;
    const struct locum_core_node dc3 = nodes[DC3];
    nodes[DC3] = nodes[NS0];
    nodes[NS0] = dc3;
    assert_int_equal(resume(LOCUM_START, 10), LOCUM_RESUMED);
    assert_int_equal(condition(&site, 2), LOCUM_DOWN);
    assert_int_equal(condition(&site, 1), LOCUM_ALIVE);
    assert_int_equal(site.core.view.peer[1].unheard[LOCUM_V6], locum_nodes_of(2));
    assert_int_equal(site.core.view.peer[1].state_codes[2], LOCUM_SUSPECT);
    save();
    strcpy(nodes[2].name, "dc9"); /* dc3 is gone, ns0 has no coordinator any more */
    nodes[1].role = LOCUM_ROLE_SENTINEL;
    assert_int_equal(resume(LOCUM_START, 10), LOCUM_RESUMED);
    assert_int_equal(condition(&site, 2), LOCUM_UNKNOWN);
    assert_int_equal(condition(&site, 1), LOCUM_UNKNOWN);
    assert_int_equal(site.core.view.peer[1].unheard[LOCUM_V6], 0);
}

/* --- what is not resumed (RESUME-2) ----------------------------------------------------------- */

static void
assert_fresh(enum locum_resumed outcome)
{
    static struct locum_core fresh;
    locum_core_init(&fresh, &config, NULL, site.now);
    assert_int_equal(resume(LOCUM_START, 0), outcome);
    assert_memory_equal(&site.core, &fresh, sizeof(fresh));
}

/* Put `to` in the place of the first `from`. */
static void
edit(const char *from, const char *to)
{
    static char rest[LOCUM_RESUME_BYTES_MAX];
    char *found = strstr(text, from);
    assert_non_null(found);
    strcpy(rest, found + strlen(from));
    strcpy(found, to);
    strcat(text, rest);
}

static void
test_other_heads_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *from, *to;
        enum locum_resumed outcome;
    } cases[] = {
        {"locum-run 1\n", "locum-run 2\n", LOCUM_OTHER_VERSION},
        {"locum-run 1\n", "locum-run x\n", LOCUM_RESUME_MALFORMED},
        {"locum-run 1\n", "incarnation 1\n", LOCUM_RESUME_MALFORMED},
        {"of get", "of put", LOCUM_OTHER_NODE},
        {"of get dc2", "of get dc3", LOCUM_OTHER_NODE},
        {"dc2 0b8e", "dc2 1b8e", LOCUM_OTHER_BOOT},
        {"e21 ", "e21 9", LOCUM_OTHER_BOOT}, /* its boot clock is ahead */
        {"e21 ", "e21 x", LOCUM_RESUME_MALFORMED},
    };
    for (size_t i = 0; i < LOCUM_COUNT(cases); i++) {
        (void)set_up(NULL);
        save();
        edit(cases[i].from, cases[i].to);
        assert_fresh(cases[i].outcome);
        assert_true(strlen(locum_resume_text(cases[i].outcome)) > 0);
    }
    text[0] = '\0';
    assert_fresh(LOCUM_NOT_SAVED);
    save();
    struct locum_last_run last = last_run(LOCUM_START);
    uint32_t serial;
    last.boot_id = "";
    assert_int_equal(locum_core_resume(&site.core, &config, &last, site.now, &serial),
                     LOCUM_NOT_SAVED);
}

/* A part is no state: cut anywhere, nothing of it is resumed. */
static void
test_a_part_of_a_state_is_refused(void **state)
{
    (void)state;
    static char whole[LOCUM_RESUME_BYTES_MAX];
    save();
    strcpy(whole, text);
    const size_t length = strlen(whole);
    for (size_t cut = 1; cut < length; cut++) {
        strcpy(text, whole);
        text[cut] = '\0';
        assert_fresh(LOCUM_RESUME_MALFORMED);
    }
}

static void
test_malformed_fields_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *from, *to;
    } cases[] = {
        {"\nrun 1", "\nrun x"},
        {"\nsent ", "\nsent x "},
        {"admin ready - - ", "admin asleep - - "},
        {"admin ready - - ", "admin ready - -"}, /* the reason is missing */
        {"admin ready - - ", "admin ready - - more than there is room for in it: 123456789 "
                             "123456789 123456789 123456789 1234567"},
        {"service up", "service good"},
        {"check 7", "check x"},
        {"check 7 up", "check 7 good"},
        {"node dc3 alive", "node dc3 asleep"},
        {"node dc3 alive 0", "node dc3 alive 2"},
        {"a1b2c3d4", "a1b2c3d4e"},
        {"ns0=a", "ns0=x"},
        {"ns0=a", "ns0=ab"},
        {"ns0=a", "ns0="},
        {"ns0=a", "ns0"},
    };
    for (size_t i = 0; i < LOCUM_COUNT(cases); i++) {
        (void)set_up(NULL);
        site.say[DC3].acks[NS0].state_code = LOCUM_ALIVE;
        hear(&site, DC3, LOCUM_PATH_UDP);
        save();
        edit(cases[i].from, cases[i].to);
        assert_fresh(LOCUM_RESUME_MALFORMED);
    }
}

/* A key of a later version of the program is skipped. */
static void
test_an_unknown_line_is_skipped(void **state)
{
    (void)state;
    save();
    edit("\nservice", "\nweather fine\nservice");
    assert_int_equal(resume(LOCUM_START, 10), LOCUM_RESUMED);
}

/* --- saving (RESUME-1) ------------------------------------------------------------------------ */

static bool
wants_save(void)
{
    bool wanted = false;
    for (size_t i = 0; i < site.actions.count; i++) {
        wanted = wanted || site.actions.at[i].kind == LOCUM_ACTION_SAVE;
    }
    return wanted;
}

/* Each input of the plan that changes is saved, once. */
static void
test_each_change_is_saved(void **state)
{
    (void)state;
    struct locum_family_state *family = &site.core.families.at[DC3][LOCUM_V6];
    commit(&site);
    assert_false(wants_save());
    site.say[DC3].service = LOCUM_SERVICE_DEGRADED;
    hear(&site, DC3, LOCUM_PATH_UDP);
    commit(&site);
    assert_true(wants_save());
    commit(&site);
    assert_false(wants_save());
    site.say[DC3].admin = LOCUM_DRAIN;
    hear(&site, DC3, LOCUM_PATH_UDP);
    commit(&site);
    assert_true(wants_save());
    site.say[DC3].leaving = true;
    hear(&site, DC3, LOCUM_PATH_UDP);
    commit(&site);
    assert_true(wants_save());
    family->lost = family->voted = family->held = true;
    family->trial = site.now.mono;
    commit(&site);
    assert_true(wants_save());
    site.core.families.at[DC3][LOCUM_V4] = *family;
    commit(&site);
    assert_true(wants_save());
    site.core.service.check[0].verdict = LOCUM_FAILING;
    commit(&site);
    assert_true(wants_save());
    site.core.detector.peer[NS0].silent = true;
    commit(&site);
    assert_true(wants_save());
    begin_well(&site, &config);
    site.say[NS0].acks[DC3].state_code = LOCUM_ALIVE;
    for (size_t i = 0; i < 200 && condition(&site, DC3) == LOCUM_ALIVE; i++) {
        pass_hearing(&site, 10, HEAR_NS0);
    }
    assert_true(wants_save());
}

/* Without the id of the boot nothing could be resumed. */
static void
test_without_a_boot_id_nothing_is_saved(void **state)
{
    (void)state;
    struct locum_text out = locum_text_init(text, sizeof(text));
    locum_core_save(&site.core, "", 42, site.now, &out);
    assert_int_equal(out.length, 0);
}

/* 32 nodes with long names, 16 checks, and as many heartbeats as are remembered. */
static void
test_the_longest_state_fits(void **state)
{
    (void)state;
    static struct locum_core_config many;
    many = config_of(9, 0, 0);
    many.check_count = LOCUM_CHECKS_MAX;
    many.timeout_ms = 3600000;
    while (many.node_count < LOCUM_NODES_MAX) {
        many.nodes[many.node_count] = many.nodes[0];
        many.node_count++;
    }
    for (size_t i = 0; i < LOCUM_NODES_MAX; i++) {
        strcpy(many.nodes[i].name, "download-mirro0");
        many.nodes[i].name[13] = (char)('a' + i % 26);
        many.nodes[i].name[14] = (char)('0' + i / 26);
    }
    begin(&site, &many, NULL);
    for (size_t i = 0; i < LOCUM_NODES_MAX; i++) {
        struct locum_peer_facts *facts = &site.core.view.peer[i];
        facts->unheard[LOCUM_V4] = facts->unheard[LOCUM_V6] = ~(locum_nodes)0;
        memset(facts->sections, 'f', sizeof(facts->sections) - 1);
        memset(facts->version, 'v', sizeof(facts->version) - 1);
        facts->order.incarnation = facts->state_incarnation = (uint64_t)1 << 53;
    }
    memset(site.core.admin.reason, 'r', sizeof(site.core.admin.reason) - 1);
    site.core.admin.excluded = ~(locum_nodes)1;
    site.core.view.seq = (uint64_t)1 << 53;
    save();
    config = many;
    assert_int_equal(resume(LOCUM_REPLACE, 0), LOCUM_RESUMED);
    (void)set_up(NULL);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, set_up)
    const struct CMUnitTest tests[] = {
        TEST(test_what_is_read_is_what_was_written),
        TEST(test_a_replaced_program_continues),
        TEST(test_a_new_process_is_a_new_run),
        TEST(test_the_incarnation_grows),
        TEST(test_the_gap_is_a_stall),
        TEST(test_the_operator),
        TEST(test_checks_are_found_by_their_ids),
        TEST(test_nodes_are_found_by_their_names),
        TEST(test_other_heads_are_refused),
        TEST(test_a_part_of_a_state_is_refused),
        TEST(test_malformed_fields_are_refused),
        TEST(test_an_unknown_line_is_skipped),
        TEST(test_each_change_is_saved),
        TEST(test_without_a_boot_id_nothing_is_saved),
        TEST(test_the_longest_state_fits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
