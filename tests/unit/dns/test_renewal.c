/* renewal: what is served while a thread signs, and when what it has made is taken. */
#include "keyfiles.h"

#include <poll.h>

#include "dns/renewal.h"
#include "dns/table.h"

/* With an RSA key each RRset takes so long that some are left when the time to sign is over. */
enum { NOW = 1800000000, WEEK = 7 * 86400, RECORDS = 60, KEYS = 2, PATIENCE_MS = 120000 };

static struct key_folder folder;
static struct site *site;
static struct locum_renewal renewal;

static void
ignore(void *user, size_t zone, enum locum_severity severity, const char *text)
{
    (void)user, (void)zone, (void)severity;
    fail_msg("%s", text);
}

static struct locum_signer *
create(void)
{
    struct locum_signer *signer;
    assert_int_equal(locum_signer_create(&site->config, NULL, NOW, ignore, NULL, &signer), 0);
    return signer;
}

static void
add_records(const char *prefix)
{
    for (int i = 0; i < RECORDS; i++) {
        char record[32];
        (void)snprintf(record, sizeof(record), "%s%d TXT x", prefix, i);
        site_record(site, 0, record);
    }
}

static int
before(void **state)
{
    (void)state;
    key_folder_init(&folder);
    key_folder_add(&folder, key_file_of(45571));
    key_folder_add(&folder, key_file_of(13334)); /* RSA */
    site = calloc(1, sizeof(*site));
    site_node(site, "dc2", "192.0.2.12", NULL);
    site_node(site, "dc3", "192.0.2.13", NULL);
    site_ns(site, site_zone(site, "example.", LOCUM_ANSWER_SELF), "ns.other.test.");
    site_name(site, 0, "example.", LOCUM_NODE_NONE, 1);
    site_name(site, 0, "dc3.example.", 1, 2);
    for (size_t i = 0; i < 2; i++) {
        site->config.core.nodes[i].has[LOCUM_V4] = true;
    }
    add_records("r");
    strcpy(site->config.zones[0].dnssec.keys, folder.path);
    site->config.zones[0].dnssec.validity_s = 2 * WEEK;
    site->config.zones[0].dnssec.refresh_s = WEEK;
    assert_int_equal(locum_renewal_init(&renewal), 0);
    locum_renewal_set_signer(&renewal, create());
    return 0;
}

static int
after(void **state)
{
    (void)state;
    locum_renewal_fini(&renewal);
    free(site);
    key_folder_fini(&folder);
    return 0;
}

/* Until the thread has ended. */
static void
wait_for_thread(void)
{
    struct pollfd fd = {.fd = renewal.fd, .events = POLLIN};
    assert_int_equal(poll(&fd, 1, PATIENCE_MS), 1);
}

static void
choose(int64_t now_s)
{
    assert_int_equal(locum_renewal_choose(&renewal, &site->config, now_s), 0);
    assert_non_null(renewal.serving.names);
}

static void
begin(int64_t now_s)
{
    assert_true(locum_renewal_wants(&renewal, now_s));
    locum_renewal_begin(&renewal, &site->config, &site->plan, 1, now_s);
    assert_true(renewal.running);
}

/* Everything is signed, and nothing is left to do. */
static void
settle(void)
{
    choose(NOW);
    wait_for_thread();
    assert_true(locum_renewal_is_due(&renewal, NOW));
    choose(NOW);
    assert_false(renewal.serving.names->incomplete);
    begin(NOW);
    wait_for_thread();
    assert_false(locum_renewal_wants(&renewal, NOW));
}

static uint64_t
made(void)
{
    return locum_signer_counts(renewal.signer).made;
}

static struct locum_dns_table *
make_table(int64_t now_s)
{
    struct locum_dns_table *table =
        locum_dns_table_make(renewal.serving.names, &site->config, &site->plan, NULL, 7);
    assert_non_null(table);
    assert_int_equal(
        locum_dns_table_sign(table, &site->config, &site->plan, 7, renewal.signer, now_s), 0);
    return table;
}

static uint8_t reply[LOCUM_DNS_TCP_BYTES_MAX];

/* Ask a table, over TCP. */
static struct locum_dns_reply
ask(const struct locum_dns_table *table, const char *name, uint16_t type, bool dnssec_ok)
{
    uint8_t query[512];
    const struct ask question = {.name = name, .type = type, .edns = true, .dnssec_ok = dnssec_ok};
    return answer_packet(table, query, make_query(&question, query), 0, reply, sizeof(reply));
}

static size_t
signatures_in(const ldns_rr_list *section)
{
    size_t count = 0;
    for (size_t i = 0; i < ldns_rr_list_rr_count(section); i++) {
        count += ldns_rr_get_type(ldns_rr_list_rr(section, i)) == LDNS_RR_TYPE_RRSIG;
    }
    return count;
}

/* RRSIG records in the answer and authority sections. */
static size_t
signatures_of(struct locum_dns_reply given)
{
    ldns_pkt *packet = read_reply(reply, given.length);
    const size_t count =
        signatures_in(ldns_pkt_answer(packet)) + signatures_in(ldns_pkt_authority(packet));
    ldns_pkt_free(packet);
    return count;
}

/* "Not Ready" (RFC 8914 4.15), the only option of the OPT record at the end. */
static void
assert_not_ready(struct locum_dns_reply given)
{
    static const uint8_t option[] = {0, 15, 0, 2, 0, 14};
    assert_int_equal(given.rcode, LOCUM_RCODE_SERVFAIL);
    assert_false(given.truncated);
    assert_memory_equal(reply + given.length - sizeof(option), option, sizeof(option));
    ldns_pkt_free(read_reply(reply, given.length));
}

static void
test_a_start_answers_with_what_is_signed(void **state)
{
    (void)state;
    choose(NOW);
    assert_true(renewal.serving.names->incomplete);
    assert_true(renewal.running);
    struct locum_dns_table *table = make_table(NOW);
    assert_int_equal(signatures_of(ask(table, "example", LDNS_RR_TYPE_A, true)), KEYS);
    assert_int_equal(signatures_of(ask(table, "example", LDNS_RR_TYPE_SOA, true)), KEYS);
    assert_int_equal(signatures_of(ask(table, "example", LDNS_RR_TYPE_DNSKEY, true)), KEYS);
    /* NODATA of a name of the plan: SOA and NSEC */
    assert_int_equal(signatures_of(ask(table, "dc3.example", LDNS_RR_TYPE_AAAA, true)), 2 * KEYS);
    /* What is signed last is not there yet. */
    assert_not_ready(ask(table, "r59.example", LDNS_RR_TYPE_TXT, true));
    assert_not_ready(ask(table, "r59.example", LDNS_RR_TYPE_RRSIG, false));
    assert_int_equal(signatures_of(ask(table, "r59.example", LDNS_RR_TYPE_TXT, false)), 0);
    assert_int_equal(ask(table, "r59.example", LDNS_RR_TYPE_TXT, false).rcode, 0);
    assert_int_equal(ask(table, "nope.example", LDNS_RR_TYPE_A, false).rcode, 3);
    locum_dns_table_release(table);
    /* A change of plan in this time does not wait. */
    choose(NOW);
    wait_for_thread();
    assert_true(locum_renewal_is_due(&renewal, NOW));
    choose(NOW);
    assert_false(locum_renewal_is_due(&renewal, NOW));
    table = make_table(NOW);
    assert_int_equal(signatures_of(ask(table, "r59.example", LDNS_RR_TYPE_TXT, true)), KEYS);
    assert_int_equal(signatures_of(ask(table, "zzz.example", LDNS_RR_TYPE_TXT, true)), 3 * KEYS);
    locum_dns_table_release(table);
}

static void
test_the_next_window_is_signed_before_it_begins(void **state)
{
    (void)state;
    settle();
    const int64_t until_s = renewal.serving.until_s;
    struct locum_dns_names *names = renewal.serving.names;
    assert_false(locum_renewal_wants(&renewal, until_s - LOCUM_RENEWAL_AHEAD_S - 1));
    begin(until_s - LOCUM_RENEWAL_AHEAD_S);
    wait_for_thread();
    assert_false(locum_renewal_wants(&renewal, until_s - 1));
    assert_false(locum_renewal_is_due(&renewal, until_s - 1));
    choose(until_s - 1);
    assert_ptr_equal(renewal.serving.names, names);
    const uint64_t before_it = made();
    assert_true(locum_renewal_is_due(&renewal, until_s));
    choose(until_s);
    assert_ptr_not_equal(renewal.serving.names, names);
    assert_int_equal(renewal.serving.until_s, until_s + WEEK);
    assert_false(locum_renewal_is_due(&renewal, until_s));
    struct locum_dns_table *table = make_table(until_s);
    locum_dns_table_release(table);
    assert_int_equal(made(), before_it + KEYS); /* the SOA */
}

static void
test_old_signatures_are_served_after_a_jump_of_the_clock(void **state)
{
    (void)state;
    settle();
    static const int64_t jumps[] = {5 * WEEK, -3 * WEEK};
    for (size_t i = 0; i < LOCUM_COUNT(jumps); i++) {
        struct locum_dns_names *names = renewal.serving.names;
        const uint64_t before_it = made();
        assert_false(locum_renewal_is_due(&renewal, NOW + jumps[i]));
        choose(NOW + jumps[i]);
        assert_ptr_equal(renewal.serving.names, names);
        assert_int_equal(made(), before_it);
        begin(NOW + jumps[i]);
        choose(NOW + jumps[i]); /* a change of plan */
        wait_for_thread();
        assert_true(locum_renewal_is_due(&renewal, NOW + jumps[i]));
        choose(NOW + jumps[i]);
        assert_ptr_not_equal(renewal.serving.names, names);
        assert_int_equal(renewal.serving.at_s, NOW + jumps[i]);
        assert_false(locum_renewal_is_due(&renewal, NOW + jumps[i]));
    }
}

static void
test_a_plan_that_may_come_is_signed(void **state)
{
    (void)state;
    struct locum_plan plans[2];
    settle();
    plans[0] = plans[1] = site->plan;
    plans[1].answers[0][LOCUM_V4].nodes = plans[1].answers[1][LOCUM_V4].nodes = 3;
    choose(NOW);
    assert_true(locum_renewal_wants(&renewal, NOW));
    locum_renewal_begin(&renewal, &site->config, plans, 2, NOW);
    wait_for_thread();
    assert_false(locum_renewal_wants(&renewal, NOW));
    site->plan = plans[1];
    const uint64_t before_it = made();
    struct locum_dns_table *table = make_table(NOW);
    assert_int_equal(made(), before_it + KEYS); /* the SOA */
    locum_dns_table_release(table);
    /* Its use is a new plan, from which others may come. */
    choose(NOW);
    assert_true(locum_renewal_wants(&renewal, NOW));
}

static void
test_a_configuration_is_signed_before_it_is_used(void **state)
{
    (void)state;
    settle();
    struct locum_config old = site->config;
    struct locum_dns_names *names = renewal.serving.names;
    /* The same again: nothing is to be signed. */
    struct locum_signer *signer = create();
    const uint64_t before_it = made();
    assert_int_equal(locum_renewal_prepare(&renewal, &site->config, signer, NULL, 0, NOW), 0);
    assert_int_equal(made(), before_it);
    locum_renewal_abandon(&renewal, signer);
    locum_signer_destroy(signer);
    add_records("s");
    signer = create();
    assert_int_equal(locum_renewal_prepare(&renewal, &site->config, signer, NULL, 0, NOW),
                     LOCUM_ERR_TIMEOUT);
    assert_int_equal(locum_renewal_prepare(&renewal, &site->config, signer, NULL, 0, NOW),
                     LOCUM_ERR_TIMEOUT);
    assert_int_equal(locum_renewal_choose(&renewal, &old, NOW), 0);
    assert_ptr_equal(renewal.serving.names, names);
    wait_for_thread();
    assert_int_equal(locum_renewal_prepare(&renewal, &site->config, signer, NULL, 0, NOW), 0);
    assert_false(locum_renewal_is_due(&renewal, NOW));
    const uint64_t after_it = made();
    locum_renewal_set_signer(&renewal, signer);
    locum_renewal_forget(&renewal);
    choose(NOW);
    assert_false(renewal.serving.names->incomplete);
    assert_int_equal(made(), after_it);
}

static void
test_names_of_a_plan_are_signed_before_other_keys_are_used(void **state)
{
    (void)state;
    settle();
    add_records("s");
    site->config.core.names[0].ttl_s++; /* other signatures */
    site->config.core.names[1].ttl_s++;
    struct locum_signer *signer = create();
    assert_int_equal(locum_renewal_prepare(&renewal, &site->config, signer, &site->plan, 1, NOW),
                     LOCUM_ERR_TIMEOUT);
    wait_for_thread();
    assert_int_equal(locum_renewal_prepare(&renewal, &site->config, signer, &site->plan, 1, NOW),
                     0);
    locum_renewal_set_signer(&renewal, signer);
    choose(NOW);
    const uint64_t before_it = made();
    struct locum_dns_table *table = make_table(NOW);
    assert_int_equal(made(), before_it + KEYS); /* the SOA */
    locum_dns_table_release(table);
}

static void
test_a_configuration_can_be_given_up(void **state)
{
    (void)state;
    settle();
    struct locum_dns_names *names = renewal.serving.names;
    for (int i = 0; i < 2; i++) {
        site->config.zones[0].ttl_s--;
        struct locum_signer *signer = create();
        assert_int_equal(locum_renewal_prepare(&renewal, &site->config, signer, NULL, 0, NOW),
                         LOCUM_ERR_TIMEOUT);
        if (i > 0) {
            wait_for_thread();
            assert_int_equal(locum_renewal_prepare(&renewal, &site->config, signer, NULL, 0, NOW),
                             0);
        }
        locum_renewal_abandon(&renewal, signer);
        assert_false(renewal.running);
        locum_signer_destroy(signer);
        assert_false(locum_renewal_is_due(&renewal, NOW));
    }
    choose(NOW);
    assert_ptr_equal(renewal.serving.names, names);
}

static void
test_a_key_that_cannot_sign(void **state)
{
    (void)state;
    settle();
    struct locum_dns_names *names = renewal.serving.names;
    ldns_key *key = locum_signer_entry_key(renewal.signer, 0, 0)->key;
    const ldns_signing_algorithm algorithm = ldns_key_algorithm(key);
    ldns_key_set_algorithm(key, 0);
    begin(NOW + 5 * WEEK);
    wait_for_thread();
    assert_false(locum_renewal_is_due(&renewal, NOW + 5 * WEEK));
    assert_int_equal(renewal.status, LOCUM_ERR_IO);
    choose(NOW + 5 * WEEK);
    assert_ptr_equal(renewal.serving.names, names);
    /* It is tried again. */
    ldns_key_set_algorithm(key, algorithm);
    begin(NOW + 5 * WEEK);
    wait_for_thread();
    assert_true(locum_renewal_is_due(&renewal, NOW + 5 * WEEK));
    assert_int_equal(renewal.status, 0);
}

static void
test_without_keys_nothing_is_signed(void **state)
{
    (void)state;
    site->config.zones[0].dnssec.keys[0] = '\0';
    locum_renewal_set_signer(&renewal, create());
    struct locum_signer *signer = create();
    assert_int_equal(locum_renewal_prepare(&renewal, &site->config, signer, NULL, 0, NOW), 0);
    locum_renewal_set_signer(&renewal, signer);
    choose(NOW);
    assert_false(renewal.serving.names->incomplete);
    assert_int_equal(renewal.serving.until_s, INT64_MAX);
    assert_false(locum_renewal_wants(&renewal, NOW));
    assert_false(locum_renewal_is_due(&renewal, NOW + 5 * WEEK));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_start_answers_with_what_is_signed, before, after),
        cmocka_unit_test_setup_teardown(test_the_next_window_is_signed_before_it_begins, before,
                                        after),
        cmocka_unit_test_setup_teardown(test_old_signatures_are_served_after_a_jump_of_the_clock,
                                        before, after),
        cmocka_unit_test_setup_teardown(test_a_plan_that_may_come_is_signed, before, after),
        cmocka_unit_test_setup_teardown(test_a_configuration_is_signed_before_it_is_used, before,
                                        after),
        cmocka_unit_test_setup_teardown(test_names_of_a_plan_are_signed_before_other_keys_are_used,
                                        before, after),
        cmocka_unit_test_setup_teardown(test_a_configuration_can_be_given_up, before, after),
        cmocka_unit_test_setup_teardown(test_a_key_that_cannot_sign, before, after),
        cmocka_unit_test_setup_teardown(test_without_keys_nothing_is_signed, before, after),
    };
    return cmocka_run_group_tests_name("dns/renewal", tests, NULL, NULL);
}
