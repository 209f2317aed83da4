/* dns: real sockets, from the plan to what a client receives. */
#include "keyfiles.h"
#include "serve.h"

#include <poll.h>
#include <pthread.h>

static void
test_answers_follow_the_plan(void **state)
{
    (void)state;
    struct site *site = site_on("127.0.0.1");
    site->config.listen_dns[1] = address("127.0.0.2", free_port("127.0.0.2"));
    site->config.listen_dns_count = 2;
    struct locum_dns *dns = start(site);
    for (uint32_t serial = 1; serial <= 4; serial++) {
        const int expected = serial % 2 == 0 ? 13 : 12;
        site->plan.answers[0][LOCUM_V4].nodes = serial % 2 == 0 ? 2 : 1;
        publish(dns, site, serial);
        for (size_t i = 0; i < 2; i++) {
            assert_int_equal(ask_udp(NULL, &site->config.listen_dns[i], PATIENCE_MS), expected);
            assert_int_equal(ask_tcp(&site->config.listen_dns[i]), expected);
        }
    }
    const struct locum_dns_counts counts = counts_of(dns);
    assert_int_equal(counts.udp.queries, 8);
    assert_int_equal(counts.udp.answers_by_rcode[0], 8);
    assert_int_equal(counts.tcp.queries, 8);
    assert_int_equal(counts.tcp.answers_by_rcode[0], 8);
    assert_int_equal(counts.udp.dropped + counts.tcp.dropped, 0);
    locum_dns_destroy(dns);
    free(site);
}

static void
test_ipv6_is_answered(void **state)
{
    (void)state;
    const int fd = socket(AF_INET6, SOCK_DGRAM, 0);
    const struct sockaddr_in6 name = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    const bool there = fd >= 0 && bind(fd, (const struct sockaddr *)&name, sizeof(name)) == 0;
    close(fd);
    if (!there) {
        print_message("SKIP: this host has no ::1\n");
        skip();
    }
    struct site *site = site_on("::1");
    struct locum_dns *dns = start(site);
    publish(dns, site, 1);
    assert_int_equal(ask_udp(NULL, &site->config.listen_dns[0], PATIENCE_MS), 12);
    assert_int_equal(ask_tcp(&site->config.listen_dns[0]), 12);
    locum_dns_destroy(dns);
    free(site);
}

static void
test_queries_wait_for_the_first_plan(void **state)
{
    (void)state;
    struct site *site = site_on("127.0.0.1");
    const struct locum_address *at = &site->config.listen_dns[0];
    struct locum_dns *dns = start(site);
    uint8_t bytes[1232];
    const int udp = connect_from(NULL, at, SOCK_DGRAM);
    const int tcp = connect_from(NULL, at, SOCK_STREAM);
    const size_t length = make_query(&plain, bytes);
    assert_int_equal(send(udp, bytes, length, 0), length);
    send_all(tcp, bytes, make_message(&plain, 1, bytes));
    assert_false(readable(udp, 50));
    assert_false(readable(tcp, 0));
    publish(dns, site, 1);
    assert_true(receive_datagram(udp, bytes, sizeof(bytes), PATIENCE_MS) > 0);
    assert_true(receive_message(tcp, bytes, sizeof(bytes)) > 0);
    assert_int_equal(counts_of(dns).udp.dropped + counts_of(dns).tcp.dropped, 0);
    close(udp);
    close(tcp);
    locum_dns_destroy(dns);
    locum_dns_destroy(start(site)); /* a run that ends before its first plan */
    free(site);
}

static void
test_witness_opens_no_socket(void **state)
{
    (void)state;
    struct site *site = site_new();
    struct locum_dns *dns = start(site);
    publish(dns, site, 1);
    assert_int_equal(counts_of(dns).udp.queries, 0);
    locum_dns_destroy(dns);
    locum_dns_destroy(NULL);
    free(site);
}

static void
test_failed_publish_keeps_the_last_answers(void **state)
{
    (void)state;
    struct site *site = site_on("127.0.0.1");
    struct locum_dns *dns = start(site);
    publish(dns, site, 1);
    site->plan.answers[0][LOCUM_V4].nodes = 2;
    site_record(site, 0, "no record at all");
    assert_int_equal(locum_dns_reconfigure(dns, &site->config, record, NULL), 0);
    assert_int_equal(locum_dns_publish(dns, &site->config, &site->plan, NULL, 2, 0),
                     LOCUM_ERR_INVALID);
    assert_int_equal(ask_udp(NULL, &site->config.listen_dns[0], PATIENCE_MS), 12);
    locum_dns_destroy(dns);
    free(site);
}

/* Another program uses the port, over one transport or the other. */
static void
test_port_in_use_is_reported_and_retried(void **state)
{
    (void)state;
    static const struct {
        int type;
        const char *transport;
    } cases[] = {{SOCK_DGRAM, "UDP"}, {SOCK_STREAM, "TCP"}};
    for (size_t i = 0; i < LOCUM_COUNT(cases); i++) {
        struct site *site = site_on("127.0.0.1");
        struct locum_dns *dns = NULL;
        struct reports reports = {0};
        struct sockaddr_storage name;
        const socklen_t length = locum_address_to_sockaddr(&site->config.listen_dns[0], &name);
        const int holder = socket(AF_INET, cases[i].type, 0);
        assert_int_equal(bind(holder, (const struct sockaddr *)&name, length), 0);
        assert_int_equal(cases[i].type == SOCK_STREAM ? listen(holder, 1) : 0, 0);

        assert_int_equal(locum_dns_create(&site->config, NULL, record, &reports, &dns), 0);
        assert_int_equal(reports.count, 1);
        assert_int_equal(reports.error, LOCUM_ERR_IN_USE);
        assert_non_null(strstr(reports.text, "127.0.0.1:"));
        assert_non_null(strstr(reports.text, cases[i].transport));
        assert_non_null(strstr(reports.text, "systemd-resolved"));
        assert_non_null(strstr(reports.text, "listen.dns"));
        publish(dns, site, 1);
        locum_dns_retry(dns, record, &reports);
        assert_int_equal(reports.count, 1);

        close(holder);
        locum_dns_retry(dns, record, &reports);
        assert_int_equal(reports.count, 2);
        assert_int_equal(reports.error, 0);
        assert_non_null(strstr(reports.text, "127.0.0.1:"));
        /* It answers from the plan that was published while it was not open. */
        assert_int_equal(ask_udp(NULL, &site->config.listen_dns[0], PATIENCE_MS), 12);
        assert_int_equal(ask_tcp(&site->config.listen_dns[0]), 12);
        locum_dns_retry(dns, record, &reports);
        assert_int_equal(reports.count, 2);
        locum_dns_destroy(dns);
        free(site);
    }
}

static void
test_missing_address_is_reported_and_others_answer(void **state)
{
    (void)state;
    struct site *site = site_on("127.0.0.1");
    struct locum_dns *dns = NULL;
    struct reports reports = {0};
    site->config.listen_dns[1] = address("192.0.2.1", 53);
    site->config.listen_dns_count = 2;
    assert_int_equal(locum_dns_create(&site->config, NULL, record, &reports, &dns), 0);
    assert_int_equal(reports.count, 1);
    assert_non_null(strstr(reports.text, "192.0.2.1:53"));
    assert_non_null(strstr(reports.text, "listen.dns"));
    publish(dns, site, 1);
    assert_int_equal(ask_udp(NULL, &site->config.listen_dns[0], PATIENCE_MS), 12);
    locum_dns_destroy(dns);
    free(site);
}

/* More queries at once than one batch holds, mixed with datagrams that are no queries. */
static void
test_bursts_are_answered_by_all_workers(void **state)
{
    (void)state;
    enum { ROUNDS = 20, BURST = 100 };
    for (uint32_t workers = 1; workers <= 3; workers += 2) {
        struct site *site = site_on("127.0.0.1");
        site->config.dns_workers = workers;
        struct locum_dns *dns = start(site);
        uint8_t bytes[1232];
        int fds[4];
        size_t got = 0;
        publish(dns, site, 1);
        for (size_t i = 0; i < LOCUM_COUNT(fds); i++) {
            fds[i] = connect_from(NULL, &site->config.listen_dns[0], SOCK_DGRAM);
        }
        for (size_t round = 0; round < ROUNDS; round++) {
            for (size_t i = 0; i < BURST; i++) {
                const size_t length = make_query(&plain, bytes);
                assert_int_equal(send(fds[i % 4], bytes, length, 0), length);
                assert_int_equal(send(fds[i % 4], bytes, 7, 0), 7);
            }
            for (size_t i = 0; i < BURST; i++) {
                got += receive_datagram(fds[i % 4], bytes, sizeof(bytes), PATIENCE_MS) > 0;
            }
        }
        assert_int_equal(got, ROUNDS * BURST);
        const locum_ms end = now_ms() + PATIENCE_MS;
        while (counts_of(dns).udp.dropped < ROUNDS * BURST && now_ms() < end) {
            poll(NULL, 0, 1);
        }
        assert_int_equal(counts_of(dns).udp.queries, ROUNDS * BURST);
        assert_int_equal(counts_of(dns).udp.dropped, ROUNDS * BURST);
        for (size_t i = 0; i < LOCUM_COUNT(fds); i++) {
            close(fds[i]);
        }
        locum_dns_destroy(dns);
        free(site);
    }
}

static void
test_answers_are_whole_while_plans_change(void **state)
{
    (void)state;
    enum { PLANS = 500 };
    struct site *site = site_on("127.0.0.1");
    site->config.dns_workers = 2;
    struct locum_dns *dns = start(site);
    struct load loads[3] = {0};
    pthread_t threads[3];
    publish(dns, site, 1);
    for (size_t i = 0; i < 3; i++) {
        loads[i].to = site->config.listen_dns[0];
        loads[i].type = i < 2 ? SOCK_DGRAM : SOCK_STREAM;
        assert_int_equal(pthread_create(&threads[i], NULL, ask_on, &loads[i]), 0);
    }
    for (uint32_t serial = 2; serial < PLANS; serial++) {
        const unsigned seen = atomic_load(&loads[0].answers);
        site->plan.answers[0][LOCUM_V4].nodes = 1u + serial % 2;
        publish(dns, site, serial);
        (void)counts_of(dns);
        const locum_ms end = now_ms() + PATIENCE_MS;
        while (serial % 8 == 0 && atomic_load(&loads[0].answers) == seen && now_ms() < end) {
            poll(NULL, 0, 0);
        }
    }
    for (size_t i = 0; i < 3; i++) {
        atomic_store(&loads[i].stop, true);
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_true(atomic_load(&loads[i].answers) > 0);
        assert_int_equal(atomic_load(&loads[i].wrong), 0);
    }
    locum_dns_destroy(dns);
    free(site);
}

/* Publish; if something is left to sign, wait for it and publish again. */
static void
publish_whole(struct locum_dns *dns, const struct site *site, uint32_t serial, int64_t now_s)
{
    struct pollfd fd = {.fd = locum_dns_signed_fd(dns), .events = POLLIN};
    assert_int_equal(locum_dns_publish(dns, &site->config, &site->plan, NULL, serial, now_s), 0);
    if (locum_dns_wants_to_sign(dns, now_s)) {
        locum_dns_sign(dns, &site->config, &site->plan, 1, now_s);
    }
    while (!locum_dns_is_due(dns, now_s) && locum_dns_signed_at(dns) != now_s) {
        assert_int_equal(poll(&fd, 1, PATIENCE_MS), 1);
    }
    assert_int_equal(locum_dns_publish(dns, &site->config, &site->plan, NULL, serial + 1, now_s),
                     0);
    assert_int_equal(locum_dns_signed_at(dns), now_s);
    assert_false(locum_dns_is_due(dns, now_s));
}

static void
test_signatures_are_replaced_in_time(void **state)
{
    (void)state;
    enum { NOW = 1800000000, WEEK = 7 * 86400, KEYS = 2 };
    struct key_folder folder;
    struct site *site = site_new();
    struct locum_config_zone *zone = &site->config.zones[0];
    struct locum_dns *dns;
    struct locum_signer *signer;
    char *text[3];
    key_folder_init(&folder);
    key_folder_add(&folder, key_file_of(45571));
    key_folder_add(&folder, key_file_of(13334));
    for (int i = 0; i < 20; i++) {
        char record[32];
        (void)snprintf(record, sizeof(record), "r%d TXT x", i);
        site_record(site, 0, record);
    }
    strcpy(zone->name, "example.");
    for (size_t i = 0; i < site->config.core.name_count; i++) {
        (void)snprintf(site->config.names[i].name, sizeof(site->config.names[i].name),
                       "n%zu.example.", i);
    }
    strcpy(zone->dnssec.keys, folder.path);
    zone->dnssec.validity_s = 2 * WEEK;
    zone->dnssec.refresh_s = WEEK;
    assert_int_equal(locum_dns_create(&site->config, NULL, NULL, NULL, &dns), 0);
    assert_int_equal(locum_dns_signer_create(&site->config, NULL, NOW, &signer), 0);
    locum_dns_set_signer(dns, signer);
    publish_whole(dns, site, 1, NOW);
    /* The text is signed as what is published. */
    assert_int_equal(locum_dns_zone_text(dns, &site->config, 0, &site->plan, NULL, 1, &text[0]), 0);
    assert_int_equal(locum_dns_publish(dns, &site->config, &site->plan, NULL, 3, NOW + WEEK), 0);
    assert_int_equal(locum_dns_zone_text(dns, &site->config, 0, &site->plan, NULL, 1, &text[1]), 0);
    assert_string_equal(text[0], text[1]);
    publish_whole(dns, site, 4, NOW + WEEK);
    assert_int_equal(locum_dns_zone_text(dns, &site->config, 0, &site->plan, NULL, 1, &text[2]), 0);
    assert_string_not_equal(text[0], text[2]);
    /* A clock that was ahead is put right: signatures of the future are not valid yet. */
    publish_whole(dns, site, 6, NOW);
    for (int i = 0; i < 3; i++) {
        free(text[i]);
    }
    locum_dns_destroy(dns);
    free(site);
    key_folder_fini(&folder);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers_follow_the_plan),
        cmocka_unit_test(test_ipv6_is_answered),
        cmocka_unit_test(test_queries_wait_for_the_first_plan),
        cmocka_unit_test(test_witness_opens_no_socket),
        cmocka_unit_test(test_failed_publish_keeps_the_last_answers),
        cmocka_unit_test(test_port_in_use_is_reported_and_retried),
        cmocka_unit_test(test_missing_address_is_reported_and_others_answer),
        cmocka_unit_test(test_bursts_are_answered_by_all_workers),
        cmocka_unit_test(test_answers_are_whole_while_plans_change),
        cmocka_unit_test(test_signatures_are_replaced_in_time),
    };
    return cmocka_run_group_tests_name("dns/dns", tests, NULL, NULL);
}
