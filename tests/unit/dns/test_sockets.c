/* Sockets that outlive a run, and addresses that change. */
#include "serve.h"

#include <malloc.h>
#include <pthread.h>

#include "base/socket.h"

static atomic_bool no_threads;

/* In place of that of base/, which can be made to fail here. */
int
locum_thread_start(pthread_t *ret, const char *name, void *(*run)(void *), void *argument)
{
    (void)name;
    return !no_threads && pthread_create(ret, NULL, run, argument) == 0 ? 0 : LOCUM_ERR_IO;
}

/* Sockets of an earlier run, in which queries wait. */
static void
test_waiting_queries_are_answered_after_a_start(void **state)
{
    (void)state;
    struct site *site = site_on("127.0.0.1");
    const struct locum_address *at = &site->config.listen_dns[0];
    struct locum_sockets sockets;
    struct locum_dns *dns = NULL;
    struct reports reports = {0};
    uint8_t bytes[1232];
    locum_sockets_init(&sockets, NULL);
    locum_sockets_add(&sockets, locum_socket_bind(at, SOCK_DGRAM, false), "", false);
    locum_sockets_add(&sockets, locum_socket_listen(at, 8), "", false);
    const int udp = connect_from(NULL, at, SOCK_DGRAM);
    const int tcp = connect_from(NULL, at, SOCK_STREAM);
    const size_t length = make_query(&plain, bytes);
    assert_int_equal(send(udp, bytes, length, 0), length);
    send_all(tcp, bytes, make_message(&plain, 1, bytes));
    assert_int_equal(locum_dns_create(&site->config, &sockets, record, &reports, &dns), 0);
    assert_int_equal(reports.count, 0);
    assert_false(locum_dns_has_surplus(dns));
    publish(dns, site, 1);
    assert_true(receive_datagram(udp, bytes, sizeof(bytes), PATIENCE_MS) > 0);
    assert_true(receive_message(tcp, bytes, sizeof(bytes)) > 0);
    close(udp);
    close(tcp);
    locum_dns_destroy(dns);
    free(site);
}

/* Four workers in the last run, two in this one: the kernel gives two sockets their share. */
static void
test_surplus_sockets_are_read_and_then_drained(void **state)
{
    (void)state;
    enum { CLIENTS = 64, LOADS = 6 };
    struct site *site = site_on("127.0.0.1");
    const struct locum_address *at = &site->config.listen_dns[0];
    struct locum_sockets sockets;
    struct locum_dns *dns = NULL;
    struct reports reports = {0};
    struct load loads[LOADS] = {0};
    pthread_t threads[LOADS];
    uint8_t bytes[1232];
    int fds[CLIENTS];
    site->config.dns_workers = 2;
    locum_sockets_init(&sockets, NULL);
    for (size_t i = 0; i < 4; i++) {
        locum_sockets_add(&sockets, locum_socket_bind(at, SOCK_DGRAM, true), "", false);
    }
    assert_int_equal(locum_dns_create(&site->config, &sockets, record, &reports, &dns), 0);
    assert_true(locum_dns_has_surplus(dns));
    publish(dns, site, 1);
    for (size_t i = 0; i < LOADS; i++) {
        loads[i] = (struct load){.to = *at, .type = SOCK_DGRAM};
        assert_int_equal(pthread_create(&threads[i], NULL, ask_on, &loads[i]), 0);
    }
    for (size_t i = 0; i < CLIENTS; i++) {
        fds[i] = connect_from(NULL, at, SOCK_DGRAM);
    }
    for (size_t round = 0; round < 3; round++) {
        const size_t length = make_query(&plain, bytes);
        for (size_t i = 0; i < CLIENTS; i++) {
            assert_int_equal(send(fds[i], bytes, length, 0), length);
        }
        if (round == 1) {
            locum_dns_close_surplus(dns);
            assert_false(locum_dns_has_surplus(dns));
        }
        for (size_t i = 0; i < CLIENTS; i++) {
            uint8_t reply[1232];
            assert_true(receive_datagram(fds[i], reply, sizeof(reply), PATIENCE_MS) > 0);
        }
    }
    for (size_t i = 0; i < LOADS; i++) {
        atomic_store(&loads[i].stop, true);
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_true(atomic_load(&loads[i].answers) > 0);
        assert_int_equal(atomic_load(&loads[i].wrong), 0);
    }
    for (size_t i = 0; i < CLIENTS; i++) {
        close(fds[i]);
    }
    assert_true(counts_of(dns).udp.queries >= (uint64_t)3 * CLIENTS); /* those of all workers */
    locum_dns_destroy(dns);
    free(site);
}

/* What a replace does before the exec, and after an exec that has failed. */
static void
test_queries_wait_while_workers_are_stopped(void **state)
{
    (void)state;
    struct site *site = site_on("127.0.0.1");
    const struct locum_address *at = &site->config.listen_dns[0];
    site->config.dns_workers = 2;
    struct locum_dns *dns = start(site);
    uint8_t bytes[1232];
    publish(dns, site, 1);
    const int idle = connect_from(NULL, at, SOCK_STREAM); /* it has its answer */
    send_all(idle, bytes, make_message(&plain, 1, bytes));
    assert_true(receive_message(idle, bytes, sizeof(bytes)) > 0);
    const int silent = connect_from(NULL, at, SOCK_STREAM); /* its query is on the way */
    const locum_ms end = now_ms() + PATIENCE_MS;
    while (counts_of(dns).tcp_connections < 2 && now_ms() < end) {
        poll(NULL, 0, 1);
    }
    struct reports reports = {0};
    locum_dns_pause_tcp(dns, true);
    assert_int_equal(receive_message(idle, bytes, sizeof(bytes)), 0);
    assert_false(locum_dns_is_tcp_quiet(dns));
    send_all(silent, bytes, make_message(&plain, 2, bytes));
    assert_true(receive_message(silent, bytes, sizeof(bytes)) > 0);
    while (!locum_dns_is_tcp_quiet(dns) && now_ms() < end) {
        poll(NULL, 0, 1);
    }
    assert_true(locum_dns_is_tcp_quiet(dns));
    locum_dns_stop_workers(dns);
    const int udp = connect_from(NULL, at, SOCK_DGRAM);
    const int tcp = connect_from(NULL, at, SOCK_STREAM);
    const size_t length = make_query(&plain, bytes);
    assert_int_equal(send(udp, bytes, length, 0), length);
    send_all(tcp, bytes, make_message(&plain, 3, bytes));
    assert_false(readable(udp, 30));
    assert_false(readable(tcp, 0));
    no_threads = true;
    locum_dns_start_workers(dns, record, &reports);
    locum_dns_retry(dns, record, &reports);
    assert_int_equal(reports.count, 1);
    assert_int_equal(locum_dns_closed(dns), 1);
    publish(dns, site, 2);
    assert_false(readable(udp, 30));
    locum_dns_stop_workers(dns);
    no_threads = false;
    locum_dns_retry(dns, record, &reports);
    assert_int_equal(reports.count, 2);
    assert_int_equal(locum_dns_closed(dns), 0);
    locum_dns_pause_tcp(dns, false);
    assert_true(receive_datagram(udp, bytes, sizeof(bytes), PATIENCE_MS) > 0);
    assert_true(receive_message(tcp, bytes, sizeof(bytes)) > 0);
    close(idle);
    close(silent);
    close(udp);
    close(tcp);
    locum_dns_destroy(dns);
    free(site);
}

static size_t
memory_in_use(void)
{
    const struct mallinfo2 all = mallinfo2();
    return all.uordblks + all.hblkhd;
}

/* A thread that cannot be started is tried again each second, maybe for days. */
static void
test_a_worker_that_cannot_start_leaves_no_memory(void **state)
{
    (void)state;
    struct site *site = site_on("127.0.0.1");
    struct locum_dns *dns = start(site);
    struct reports reports = {0};
    site->config.listen_dns[1] = address("127.0.0.2", free_port("127.0.0.2"));
    site->config.listen_dns_count = 2;
    no_threads = true;
    assert_int_equal(locum_dns_reconfigure(dns, &site->config, record, &reports), 0);
    assert_int_equal(locum_dns_closed(dns), 1);
    const size_t before = memory_in_use();
    for (int i = 0; i < 20; i++) {
        locum_dns_retry(dns, record, &reports);
    }
    assert_in_range(memory_in_use(), 0, before + 100000); /* the limits of a worker: 256 KiB */
    no_threads = false;
    locum_dns_retry(dns, record, &reports);
    assert_int_equal(locum_dns_closed(dns), 0);
    locum_dns_destroy(dns);
    free(site);
}

static bool
can_bind(const struct locum_address *at)
{
    const int udp = locum_socket_bind(at, SOCK_DGRAM, false);
    const int tcp = locum_socket_listen(at, 1);
    const bool both = udp >= 0 && tcp >= 0;
    close(udp);
    close(tcp);
    return both;
}

/* Other addresses, none at all, and the first ones again. */
static void
test_addresses_change_while_it_runs(void **state)
{
    (void)state;
    struct site *site = site_on("127.0.0.1");
    const struct locum_address first = site->config.listen_dns[0];
    const struct locum_address second = address("127.0.0.2", free_port("127.0.0.2"));
    struct locum_dns *dns = start(site);
    struct reports reports = {0};
    uint8_t bytes[1232];
    publish(dns, site, 1);
    site->config.listen_dns[0] = second;
    assert_int_equal(locum_dns_reconfigure(dns, &site->config, record, &reports), 0);
    assert_int_equal(reports.count, 0);
    publish(dns, site, 2);
    assert_int_equal(ask_udp(NULL, &second, PATIENCE_MS), 12);
    assert_int_equal(ask_tcp(&second), 12);
    assert_true(locum_dns_has_surplus(dns));
    assert_int_equal(ask_udp(NULL, &first, PATIENCE_MS), 12); /* until it is closed */
    const int late = connect_from(NULL, &first, SOCK_DGRAM);
    const size_t length = make_query(&plain, bytes);
    assert_int_equal(send(late, bytes, length, 0), length);
    locum_dns_close_surplus(dns);
    assert_true(receive_datagram(late, bytes, sizeof(bytes), PATIENCE_MS) > 0);
    assert_false(locum_dns_has_surplus(dns));
    const locum_ms end = now_ms() + PATIENCE_MS;
    while (!can_bind(&first) && now_ms() < end) {
        poll(NULL, 0, 1); /* its thread closes the listener of TCP */
    }
    assert_true(can_bind(&first));
    site->config.listen_dns_count = 0;
    assert_int_equal(locum_dns_reconfigure(dns, &site->config, record, &reports), 0);
    locum_dns_close_surplus(dns);
    assert_int_equal(locum_dns_closed(dns), 0);
    publish(dns, site, 3);
    site->config.listen_dns[0] = first;
    site->config.listen_dns_count = 1;
    assert_int_equal(locum_dns_reconfigure(dns, &site->config, record, &reports), 0);
    publish(dns, site, 4);
    assert_int_equal(ask_udp(NULL, &first, PATIENCE_MS), 12);
    assert_int_equal(ask_tcp(&first), 12);
    assert_int_equal(reports.count, 0);
    assert_true(counts_of(dns).udp.queries >= 4); /* those of closed sockets too */
    close(late);
    locum_dns_destroy(dns);
    free(site);
}

/* A node without DNS gets an address that another program still has. */
static void
test_an_address_added_later_is_tried_again(void **state)
{
    (void)state;
    struct site *site = site_new();
    struct locum_dns *dns = start(site);
    struct reports reports = {0};
    const struct locum_address at = address("127.0.0.1", free_port("127.0.0.1"));
    const int holder = locum_socket_bind(&at, SOCK_DGRAM, false);
    publish(dns, site, 1);
    site->config.listen_dns[0] = at;
    site->config.listen_dns_count = 1;
    assert_int_equal(locum_dns_reconfigure(dns, &site->config, record, &reports), 0);
    assert_int_equal(reports.count, 1);
    assert_int_equal(locum_dns_closed(dns), 1);
    publish(dns, site, 2);
    close(holder);
    locum_dns_retry(dns, record, &reports);
    assert_int_equal(locum_dns_closed(dns), 0);
    assert_int_equal(ask_udp(NULL, &at, PATIENCE_MS), 12);
    locum_dns_destroy(dns);
    free(site);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_waiting_queries_are_answered_after_a_start),
        cmocka_unit_test(test_surplus_sockets_are_read_and_then_drained),
        cmocka_unit_test(test_queries_wait_while_workers_are_stopped),
        cmocka_unit_test(test_a_worker_that_cannot_start_leaves_no_memory),
        cmocka_unit_test(test_addresses_change_while_it_runs),
        cmocka_unit_test(test_an_address_added_later_is_tried_again),
    };
    return cmocka_run_group_tests_name("dns/sockets", tests, NULL, NULL);
}
