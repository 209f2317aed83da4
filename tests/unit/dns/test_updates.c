/* updates: an UPDATE on real sockets: from a worker to the main thread, and its answer back. */
#include <time.h>

#include "serve.h"
#include "update.h"

#include "dns/updates.h"

static struct locum_tsig_keys of_updates; /* ns8.example.org, ns7.example.org */
static struct locum_tsig_keys of_transfers;

/* The site with keys, which tests copy to sign with. */
static struct site *
site_with_keys(const char *host)
{
    struct site *site = site_on(host);
    site_keys(site);
    strcpy(site->config.acme.key_file, "keys");
    site->config.acme.keys[0] = config_key(2, "ns8.example.org.");
    site->config.acme.keys[1] = config_key(3, "ns7.example.org.");
    site->config.acme.key_count = 2;
    struct locum_access *access = site_access(site);
    of_updates = access->update_keys;
    of_transfers = access->keys;
    locum_access_destroy(access);
    return site;
}

/* An UPDATE that adds a value. Signed if there is a key; its length. */
static size_t
make_update(const struct locum_tsig_key *key, struct locum_tsig *exchange, uint8_t *to)
{
    struct message message = update_of("get.example.org", LOCUM_TYPE_SOA, LOCUM_CLASS_IN);
    add_record(&message, OPERATIONS, CHALLENGE, TXT, LOCUM_CLASS_IN, "value");
    if (key != NULL) {
        message.length = sign(exchange, key, message.at, message.length, (uint64_t)time(NULL));
    }
    memcpy(to, message.at, message.length);
    return message.length;
}

/* Send by UDP and take the answer; 0: none came in this time. */
static size_t
exchange_udp(const struct locum_address *to, uint8_t *bytes, size_t length, int wait_ms)
{
    const int fd = connect_from(NULL, to, SOCK_DGRAM);
    assert_int_equal(send(fd, bytes, length, 0), length);
    const size_t got = receive_datagram(fd, bytes, 1232, wait_ms);
    close(fd);
    return got;
}

static struct locum_dns_pending *
take(struct locum_dns *dns)
{
    struct locum_dns_updates *updates = locum_dns_updates(dns);
    struct pollfd readable = {.fd = locum_dns_updates_fd(updates), .events = POLLIN};
    assert_int_equal(poll(&readable, 1, PATIENCE_MS), 1);
    struct locum_dns_pending *pending = locum_dns_updates_take(updates);
    assert_non_null(pending);
    return pending;
}

static void
answer(struct locum_dns *dns, struct locum_dns_pending *pending, enum locum_dns_rcode rcode)
{
    uint8_t bytes[LOCUM_DNS_PLAIN_BYTES_MAX];
    const size_t length = locum_dns_updates_compose(pending->packet, &pending->is, rcode, 33, true,
                                                    (uint64_t)time(NULL), bytes);
    locum_dns_answer_update(dns, pending, bytes, length);
}

/* What no key for updates has signed is answered by the worker. */
static void
test_refused_by_the_worker(void **state)
{
    (void)state;
    struct site *site = site_with_keys("127.0.0.1");
    struct locum_dns *dns = start(site);
    struct locum_tsig exchange;
    uint8_t bytes[1232];
    uint16_t error;
    publish(dns, site, 1);
    const struct locum_address *to = &site->config.listen_dns[0];
    size_t length = exchange_udp(to, bytes, make_update(NULL, NULL, bytes), PATIENCE_MS);
    assert_int_equal(length, LOCUM_DNS_HEADER_BYTES);
    assert_int_equal(bytes[2], 0x80 | 5 << 3);
    assert_int_equal(bytes[3], LOCUM_RCODE_REFUSED);

    length = make_update(&of_transfers.key[0], &exchange, bytes);
    length = exchange_udp(to, bytes, length, PATIENCE_MS);
    assert_int_equal(bytes[3], LOCUM_RCODE_NOTAUTH);
    assert_int_not_equal(locum_tsig_check(&exchange, bytes, length, (uint64_t)time(NULL), &error),
                         0);
    assert_int_equal(error, LOCUM_TSIG_BADKEY);

    length = make_update(&of_updates.key[0], &exchange, bytes);
    bytes[length - 7] ^= 1; /* the last byte of the MAC */
    length = exchange_udp(to, bytes, length, PATIENCE_MS);
    assert_int_equal(bytes[3], LOCUM_RCODE_NOTAUTH);
    assert_int_not_equal(locum_tsig_check(&exchange, bytes, length, (uint64_t)time(NULL), &error),
                         0);
    assert_int_equal(error, LOCUM_TSIG_BADSIG);

    /* An update key may sign a query. */
    length =
        sign(&exchange, &of_updates.key[0], bytes, make_query(&plain, bytes), (uint64_t)time(NULL));
    length = exchange_udp(to, bytes, length, PATIENCE_MS);
    assert_int_equal(bytes[3], LOCUM_RCODE_NOERROR);
    assert_int_equal(locum_tsig_check(&exchange, bytes, length, (uint64_t)time(NULL), NULL), 0);
    assert_null(locum_dns_updates_take(locum_dns_updates(dns)));
    assert_int_equal(locum_dns_updates_overflow(locum_dns_updates(dns)), 0);
    locum_dns_destroy(dns);
    free(site);
}

/* Without acme.keys the opcode is not implemented, signed or not. */
static void
test_not_configured(void **state)
{
    (void)state;
    struct site *site = site_with_keys("127.0.0.1");
    struct locum_tsig exchange;
    uint8_t bytes[1232];
    site->config.acme.key_file[0] = '\0';
    site->config.acme.key_count = 0;
    struct locum_dns *dns = start(site);
    publish(dns, site, 1);
    const struct locum_address *to = &site->config.listen_dns[0];
    (void)exchange_udp(to, bytes, make_update(NULL, NULL, bytes), PATIENCE_MS);
    assert_int_equal(bytes[3], LOCUM_RCODE_NOTIMP);
    (void)exchange_udp(to, bytes, make_update(&of_updates.key[0], &exchange, bytes), PATIENCE_MS);
    assert_int_equal(bytes[3], LOCUM_RCODE_NOTAUTH);
    locum_dns_destroy(dns);
    free(site);
}

static void
test_udp(void **state)
{
    (void)state;
    static const char *const hosts[] = {"127.0.0.1", "::1"};
    for (size_t i = 0; i < LOCUM_COUNT(hosts); i++) {
        struct site *site = site_with_keys(hosts[i]);
        struct locum_dns *dns = start(site);
        struct locum_tsig exchange;
        uint8_t bytes[1232];
        publish(dns, site, 1);
        const struct locum_address *to = &site->config.listen_dns[0];
        const int fd = connect_from(NULL, to, SOCK_DGRAM);
        const size_t length = make_update(&of_updates.key[i], &exchange, bytes);
        assert_int_equal(send(fd, bytes, length, 0), length);
        struct locum_dns_pending *pending = take(dns);
        assert_int_equal(pending->length, length);
        assert_memory_equal(pending->packet, bytes, length);
        assert_int_equal(pending->is.tsig.key->name_length, of_updates.key[i].name_length);
        assert_memory_equal(pending->is.tsig.mac, exchange.mac, exchange.mac_length);
        assert_string_equal(locum_address_host_text(&pending->client).text, hosts[i]);
        publish(dns, site, 2); /* the table with its key is replaced meanwhile */
        answer(dns, pending, LOCUM_RCODE_NXRRSET);
        const size_t got = receive_datagram(fd, bytes, sizeof(bytes), PATIENCE_MS);
        assert_int_equal(locum_tsig_check(&exchange, bytes, got, (uint64_t)time(NULL), NULL), 0);
        assert_int_equal(bytes[2], 0x80 | 5 << 3);
        assert_int_equal(bytes[3], LOCUM_RCODE_NXRRSET);
        assert_int_equal(bytes[5], 1);
        assert_int_equal(bytes[11], 2);
        assert_int_equal(bytes[got - 1], 0);
        close(fd);
        locum_dns_destroy(dns);
        free(site);
    }
}

/* Over TCP the next query of the connection is answered after it, those of others before. */
static void
test_tcp(void **state)
{
    (void)state;
    struct site *site = site_with_keys("127.0.0.1");
    struct locum_dns *dns = start(site);
    struct locum_tsig exchange;
    uint8_t bytes[1232];
    publish(dns, site, 1);
    const struct locum_address *to = &site->config.listen_dns[0];
    const int fd = connect_from(NULL, to, SOCK_STREAM);
    size_t length = make_update(&of_updates.key[0], &exchange, bytes + 2);
    locum_packet_put_u16(bytes, (uint16_t)length);
    length += 2;
    length += make_message(&plain, 7, bytes + length);
    send_all(fd, bytes, length);
    struct locum_dns_pending *pending = take(dns);
    assert_int_equal(ask_tcp(to), 12);
    answer(dns, pending, LOCUM_RCODE_NOERROR);
    length = receive_message(fd, bytes, sizeof(bytes));
    assert_int_equal(locum_tsig_check(&exchange, bytes, length, (uint64_t)time(NULL), NULL), 0);
    assert_int_equal(bytes[2], 0x80 | 5 << 3);
    assert_int_equal(bytes[3], LOCUM_RCODE_NOERROR);
    length = receive_message(fd, bytes, sizeof(bytes));
    assert_int_equal(bytes[length - 1], 12);
    /* The client has gone before it is answered. */
    length = make_update(&of_updates.key[0], &exchange, bytes + 2);
    locum_packet_put_u16(bytes, (uint16_t)length);
    send_all(fd, bytes, length + 2);
    pending = take(dns);
    close(fd);
    answer(dns, pending, LOCUM_RCODE_NOERROR);
    assert_int_equal(ask_tcp(to), 12);
    locum_dns_destroy(dns);
    free(site);
}

/* More than there is room for: dropped over UDP, SERVFAIL over TCP. */
static void
test_overflow(void **state)
{
    (void)state;
    struct site *site = site_with_keys("127.0.0.1");
    struct locum_dns *dns = start(site);
    struct locum_tsig exchange;
    uint8_t bytes[1232];
    size_t length;
    publish(dns, site, 1);
    const struct locum_address *to = &site->config.listen_dns[0];
    struct locum_dns_updates *updates = locum_dns_updates(dns);
    struct locum_dns_pending *pending[LOCUM_DNS_UPDATES_MAX];
    for (size_t i = 0; i < LOCUM_DNS_UPDATES_MAX; i++) {
        length = make_update(&of_updates.key[0], &exchange, bytes);
        const int fd = connect_from(NULL, to, SOCK_DGRAM);
        assert_int_equal(send(fd, bytes, length, 0), length);
        pending[i] = take(dns);
        close(fd);
    }
    length = make_update(&of_updates.key[0], &exchange, bytes);
    const int fd = connect_from(NULL, to, SOCK_DGRAM);
    assert_int_equal(send(fd, bytes, length, 0), length);
    assert_int_equal(ask_udp(NULL, to, PATIENCE_MS), 12);
    while (locum_dns_updates_overflow(updates) == 0) {
        (void)poll(NULL, 0, 1);
    }
    assert_int_equal(receive_datagram(fd, bytes, sizeof(bytes), 1), 0);
    close(fd);

    const int stream = connect_from(NULL, to, SOCK_STREAM);
    length = make_update(&of_updates.key[0], &exchange, bytes + 2);
    locum_packet_put_u16(bytes, (uint16_t)length);
    send_all(stream, bytes, length + 2);
    length = receive_message(stream, bytes, sizeof(bytes));
    assert_int_equal(locum_tsig_check(&exchange, bytes, length, (uint64_t)time(NULL), NULL), 0);
    assert_int_equal(bytes[3], LOCUM_RCODE_SERVFAIL);
    assert_int_equal(locum_dns_updates_overflow(updates), 2);
    close(stream);
    for (size_t i = 0; i < LOCUM_DNS_UPDATES_MAX; i++) {
        answer(dns, pending[i], LOCUM_RCODE_NOERROR);
    }
    /* There is room again; what is in the queue at the end is freed. */
    length = make_update(&of_updates.key[0], &exchange, bytes);
    const int last = connect_from(NULL, to, SOCK_DGRAM);
    assert_int_equal(send(last, bytes, length, 0), length);
    struct pollfd readable = {.fd = locum_dns_updates_fd(updates), .events = POLLIN};
    assert_int_equal(poll(&readable, 1, PATIENCE_MS), 1);
    assert_int_equal(locum_dns_updates_overflow(updates), 2);
    close(last);
    locum_dns_destroy(dns);
    free(site);
}

/* Who has seen a signed message can repeat it: such are limited as errors are, and a message over
 * the limit is dropped, for nothing shorter could be sent. */
static void
test_limited(void **state)
{
    (void)state;
    struct site *site = site_with_keys("127.0.0.1");
    struct locum_limiter limiter = {0};
    struct locum_dns_tally tally = {0};
    struct locum_dns_signed_update update;
    struct locum_tsig exchange;
    uint8_t bytes[1232], reply[1232];
    static const uint8_t source[] = {198, 51, 100, 7};
    assert_int_equal(locum_limit_init(&limiter), 0);
    limiter.now_us = UINT64_C(1000000000);
    struct locum_dns_table *table = site_table(site);
    table->access = site_access(site);
    site->config.rate_limit.responses_per_second = 3;
    site->config.rate_limit.slip = 1;
    locum_limit_rules_init(&table->limit, &site->config, 1);
    const struct locum_dns_query query = {
        .packet = bytes,
        .length = make_update(&of_updates.key[0], &exchange, bytes),
        .client = {source, sizeof(source)},
        .wall_s = (uint32_t)time(NULL),
        .limiter = &limiter,
        .bytes_max = LOCUM_DNS_UDP_BYTES_MAX,
        .update = &update,
    };
    size_t taken = 0;
    for (size_t i = 0; i < 50; i++) {
        const struct locum_dns_reply given = locum_query_answer(table, &query, reply);
        locum_query_count(&tally, &given);
        assert_int_equal(given.length, 0);
        assert_int_equal(given.update, given.verdict == LOCUM_LIMIT_ANSWER);
        taken += given.update ? 1 : 0;
    }
    assert_in_range(taken, 1, 6);
    assert_int_equal(tally.limited_dropped, 50 - taken);
    assert_int_equal(tally.dropped, 0);
    locum_dns_table_release(table);
    locum_limit_fini(&limiter);
    free(site);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refused_by_the_worker),
        cmocka_unit_test(test_not_configured),
        cmocka_unit_test(test_udp),
        cmocka_unit_test(test_tcp),
        cmocka_unit_test(test_overflow),
        cmocka_unit_test(test_limited),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
