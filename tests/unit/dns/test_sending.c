/* sending: transfers over real connections; this program is the main thread. */
#include "tcp.h"

#include <fcntl.h>
#include <poll.h>

#include "tsig.h"

#include "dns/sending.h"

static const struct ask axfr = {.name = "get.example.org", .type = 252};

/* A server that allows transfers to loopback, and the pipe of its notes. */
struct primary {
    struct server server;
    int notes[2];
};

static struct primary
start(const struct locum_dns_tcp_limits *limits)
{
    struct primary self = {.server.at = address("127.0.0.1", 0)};
    struct site *site = site_new();
    struct locum_config_transfer *transfer = &site->config.zones[0].transfer;
    transfer->allow[0] = (struct locum_prefix){.address = address("127.0.0.1", 0), .bits = 32};
    transfer->allow_count = 1;
    struct locum_dns_table *table = site_table(site);
    table->access = site_access(site);
    self.server.at.port = free_port("127.0.0.1");
    const int fd = locum_socket_listen(&self.server.at, 128);
    assert_true(fd >= 0);
    assert_int_equal(pipe2(self.notes, O_CLOEXEC | O_NONBLOCK), 0);
    assert_int_equal(locum_dns_tcp_create(limits, &self.server.tcp), 0);
    locum_dns_tcp_tell(self.server.tcp, self.notes[1]);
    locum_dns_tcp_publish(self.server.tcp, table);
    assert_int_equal(locum_dns_tcp_listen(self.server.tcp, fd), 0);
    locum_dns_table_release(table);
    free(site);
    return self;
}

static void
stop(struct primary *self)
{
    locum_dns_tcp_destroy(self->server.tcp);
    close(self->notes[0]);
    close(self->notes[1]);
}

static struct locum_dns_note
take_note(const struct primary *self, enum locum_dns_note_kind kind)
{
    struct locum_dns_note note;
    struct pollfd ready = {.fd = self->notes[0], .events = POLLIN};
    assert_int_equal(poll(&ready, 1, 10000), 1);
    assert_int_equal(read(self->notes[0], &note, sizeof(note)), sizeof(note));
    assert_int_equal(note.kind, kind);
    return note;
}

/* A zone of one SOA record, and so many TXT records of 233 bytes with their owners. */
static struct locum_axfr_content *
content_of(size_t records)
{
    static const uint8_t soa[] = "\3get\7example\3org\0\0\6\0\1\0\0\0\74\0\26\0\0\0\0\0\1\0\0\0\1"
                                 "\0\0\0\1\0\0\0\1\0\0\0\1";
    static const uint8_t txt[] = "\1t\3get\7example\3org\0\0\20\0\1\0\0\0\74\0\311\310";
    struct locum_axfr_content *self = calloc(1, sizeof(*self));
    assert_non_null(self);
    const size_t each = sizeof(txt) - 1 + 200;
    self->bytes = calloc(1, sizeof(soa) - 1 + records * each);
    assert_non_null(self->bytes);
    memcpy(self->bytes, soa, sizeof(soa) - 1);
    self->length = sizeof(soa) - 1;
    for (size_t i = 0; i < records; i++) {
        memcpy(self->bytes + self->length, txt, sizeof(txt) - 1);
        self->length += each;
    }
    self->serial = 1;
    atomic_init(&self->references, 2); /* the second is that of the test */
    return self;
}

static void
release(struct locum_axfr_content *content)
{
    const locum_ms by = now_ms() + 10000;
    while (content->references != 1 && now_ms() < by) {
        (void)poll(NULL, 0, 1);
    }
    assert_int_equal(content->references, 1);
    locum_axfr_content_release(content);
}

static void
ask(int fd, const struct ask *what, uint16_t id)
{
    uint8_t bytes[512];
    send_all(fd, bytes, make_message(what, id, bytes));
}

static void
test_whole_zone_and_then_the_next_query(void **state)
{
    (void)state;
    enum { RECORDS = 1000 };
    struct primary primary = start(&locum_dns_tcp_limits_default);
    struct locum_axfr_content *content = content_of(RECORDS);
    static uint8_t bytes[65535];
    const int fd = dial(&primary.server);
    ask(fd, &axfr, 7);
    ask(fd, &plain, 8);
    const struct locum_dns_note wanted = take_note(&primary, LOCUM_DNS_NOTE_WANTED);
    assert_int_equal(wanted.zone_length, 17);
    assert_memory_equal(wanted.zone, "\3get\7example\3org", 17);
    assert_string_equal(locum_address_host_text(&wanted.client).text, "127.0.0.1");
    locum_dns_tcp_give(primary.server.tcp, wanted.id, content);
    size_t records = 0, messages = 0;
    uint64_t total = 0;
    while (records < RECORDS + 2) {
        const size_t length = receive_message(fd, bytes, sizeof(bytes));
        assert_true(length > 0 && length <= LOCUM_AXFR_BYTES_MAX);
        assert_int_equal(locum_packet_u16(bytes), 7);
        records += locum_packet_u16(bytes + 6);
        total += length;
        messages++;
    }
    assert_int_equal(records, RECORDS + 2);
    assert_true(messages > 10);
    const struct locum_dns_note sent = take_note(&primary, LOCUM_DNS_NOTE_SENT);
    assert_int_equal(sent.bytes, total);
    assert_int_equal(sent.serial, 1);
    assert_true(receive_message(fd, bytes, sizeof(bytes)) > 0);
    assert_int_equal(locum_packet_u16(bytes), 8);
    const struct locum_dns_counts counts = counts_of(&primary.server);
    assert_int_equal(counts.tcp.queries, 2);
    assert_int_equal(counts.tcp.dropped, 0);
    release(content);
    close(fd);
    stop(&primary);
}

static void
assert_failed(int fd, uint16_t id)
{
    uint8_t bytes[512];
    assert_true(receive_message(fd, bytes, sizeof(bytes)) > 0);
    assert_int_equal(locum_packet_u16(bytes), id);
    assert_int_equal(bytes[3] & 15, LOCUM_RCODE_SERVFAIL);
}

/* No content, or too many transfers at once: SERVFAIL, and the connection stays. A table without
 * rules of access allows nobody. */
static void
test_what_cannot_be_sent(void **state)
{
    (void)state;
    struct primary primary = start(&locum_dns_tcp_limits_default);
    int fds[LOCUM_DNS_SENDINGS_MAX + 1];
    uint64_t first = 0;
    for (uint16_t i = 0; i <= LOCUM_DNS_SENDINGS_MAX; i++) {
        fds[i] = dial(&primary.server);
        ask(fds[i], &axfr, i);
        if (i < LOCUM_DNS_SENDINGS_MAX) {
            const struct locum_dns_note note = take_note(&primary, LOCUM_DNS_NOTE_WANTED);
            first = i == 0 ? note.id : first;
        }
    }
    assert_failed(fds[LOCUM_DNS_SENDINGS_MAX], LOCUM_DNS_SENDINGS_MAX);
    assert_int_equal(take_note(&primary, LOCUM_DNS_NOTE_FAILED).zone_length, 17);
    assert_int_equal(counts_of(&primary.server).tcp.transfers_failed, 1);
    assert_answered(fds[LOCUM_DNS_SENDINGS_MAX], 99);
    locum_dns_tcp_give(primary.server.tcp, first, NULL);
    assert_failed(fds[0], 0);
    assert_int_equal(take_note(&primary, LOCUM_DNS_NOTE_FAILED).id, first);
    ask(fds[LOCUM_DNS_SENDINGS_MAX], &axfr, 100);
    (void)take_note(&primary, LOCUM_DNS_NOTE_WANTED);
    for (size_t i = 0; i <= LOCUM_DNS_SENDINGS_MAX; i++) {
        close(fds[i]);
    }
    stop(&primary);
    struct server without = serve(&locum_dns_tcp_limits_default);
    const int fd = dial(&without);
    uint8_t bytes[512];
    ask(fd, &axfr, 5);
    assert_true(receive_message(fd, bytes, sizeof(bytes)) > 0);
    assert_int_equal(bytes[3] & 15, LOCUM_RCODE_REFUSED);
    close(fd);
    locum_dns_tcp_destroy(without.tcp);
}

static void
test_no_main_thread(void **state)
{
    (void)state;
    struct locum_dns_sendings sendings;
    const struct locum_dns_outgoing request = {0};
    const struct locum_dns_note note = {0};
    locum_dns_sending_init(&sendings);
    assert_null(locum_dns_sending_begin(&sendings, NULL, &request, &note));
    assert_int_equal(sendings.count, 0);
}

/* A client that reads nothing is closed at its deadline. Others are answered all the time. */
static void
test_slow_reader(void **state)
{
    (void)state;
    struct locum_dns_tcp_limits limits = locum_dns_tcp_limits_default;
    limits.write_ms = 300;
    struct primary primary = start(&limits);
    struct locum_axfr_content *content = content_of(100000); /* 23 MB */
    const int slow = dial(&primary.server), other = dial(&primary.server);
    ask(slow, &axfr, 1);
    const struct locum_dns_note wanted = take_note(&primary, LOCUM_DNS_NOTE_WANTED);
    const locum_ms began = now_ms();
    locum_dns_tcp_give(primary.server.tcp, wanted.id, content);
    locum_ms longest = 0;
    uint16_t id = 0;
    while (counts_of(&primary.server).tcp_closed[LOCUM_DNS_TCP_SLOW_READER] == 0) {
        const locum_ms before = now_ms();
        assert_true(before - began < 20000);
        assert_answered(other, ++id);
        longest = now_ms() - before > longest ? now_ms() - before : longest;
    }
    assert_true(id > 10);
    assert_true(longest < 1000);
    const struct locum_dns_note broken = take_note(&primary, LOCUM_DNS_NOTE_BROKEN);
    assert_true(broken.bytes < content->length); /* the rest was never made */
    release(content);
    close(slow);
    close(other);
    stop(&primary);
}

/* A transfer whose messages are all made but not taken is not yet sent. */
static void
test_made_is_not_sent(void **state)
{
    (void)state;
    struct locum_dns_tcp_limits limits = locum_dns_tcp_limits_default;
    limits.write_ms = 300;
    limits.output_bytes_max = 64 * 1024 * 1024;
    struct primary primary = start(&limits);
    struct locum_axfr_content *content = content_of(80000); /* more than the kernel keeps */
    const int fd = dial(&primary.server);
    ask(fd, &axfr, 1);
    const struct locum_dns_note wanted = take_note(&primary, LOCUM_DNS_NOTE_WANTED);
    locum_dns_tcp_give(primary.server.tcp, wanted.id, content);
    (void)take_note(&primary, LOCUM_DNS_NOTE_BROKEN);
    assert_int_equal(counts_of(&primary.server).tcp_closed[LOCUM_DNS_TCP_SLOW_READER], 1);
    release(content);
    close(fd);
    stop(&primary);
}

/* A content that comes after its client has gone is released. */
static void
test_client_that_has_gone(void **state)
{
    (void)state;
    struct locum_dns_tcp_limits limits = locum_dns_tcp_limits_default;
    limits.idle_ms = 100;
    struct primary primary = start(&limits);
    struct locum_axfr_content *content = content_of(10);
    const int fd = dial(&primary.server);
    ask(fd, &axfr, 1);
    const struct locum_dns_note wanted = take_note(&primary, LOCUM_DNS_NOTE_WANTED);
    assert_true(is_closed_within(fd, 10000));
    (void)take_note(&primary, LOCUM_DNS_NOTE_BROKEN);
    locum_dns_tcp_give(primary.server.tcp, wanted.id, content);
    release(content);
    close(fd);
    stop(&primary);
}

static void
test_refused_clients_are_reported(void **state)
{
    (void)state;
    struct primary primary = start(&locum_dns_tcp_limits_default);
    const int fd = connect_from("127.0.0.2", &primary.server.at, SOCK_STREAM);
    uint8_t bytes[512];
    ask(fd, &axfr, 1);
    assert_true(receive_message(fd, bytes, sizeof(bytes)) > 0);
    assert_int_equal(bytes[3] & 15, LOCUM_RCODE_REFUSED);
    const struct locum_dns_note note = take_note(&primary, LOCUM_DNS_NOTE_REFUSED);
    assert_int_equal(note.zone_length, 17);
    assert_string_equal(locum_address_host_text(&note.client).text, "127.0.0.2");
    struct locum_tsig client;
    struct locum_tsig_key key = {.name = "\1k", .name_length = 3};
    locum_hmac_key_init(&key.hmac, LOCUM_HMAC_SHA256, (const uint8_t *)"", 0);
    const size_t length =
        sign(&client, &key, bytes + 2, make_message(&axfr, 2, bytes) - 2, TSIG_NOW_S);
    locum_packet_put_u16(bytes, (uint16_t)length);
    send_all(fd, bytes, length + 2);
    assert_true(receive_message(fd, bytes, sizeof(bytes)) > 0);
    assert_int_equal(bytes[3] & 15, LOCUM_RCODE_NOTAUTH);
    assert_int_equal(take_note(&primary, LOCUM_DNS_NOTE_UNSIGNED).signed_as, LOCUM_DNS_BADKEY);
    assert_int_equal(counts_of(&primary.server).tcp.transfers_refused, 1);
    close(fd);
    stop(&primary);
}

/* Clients that may not transfer a zone cannot fill the pipe that the others need. */
static void
test_flood_of_refused_clients(void **state)
{
    (void)state;
    enum { ASKED = 1000 };
    struct primary primary = start(&locum_dns_tcp_limits_default);
    const int refused = connect_from("127.0.0.2", &primary.server.at, SOCK_STREAM);
    uint8_t bytes[512];
    for (uint16_t i = 0; i < ASKED; i++) {
        ask(refused, &axfr, i);
        assert_true(receive_message(refused, bytes, sizeof(bytes)) > 0);
        assert_int_equal(bytes[3] & 15, LOCUM_RCODE_REFUSED);
    }
    const int allowed = dial(&primary.server);
    ask(allowed, &axfr, 1);
    for (size_t i = 0; i < LOCUM_DNS_REPORTS_MAX; i++) {
        assert_int_equal(take_note(&primary, LOCUM_DNS_NOTE_REFUSED).left_out, 0);
    }
    const struct locum_dns_note wanted = take_note(&primary, LOCUM_DNS_NOTE_WANTED);
    struct locum_axfr_content *content = content_of(1);
    locum_dns_tcp_give(primary.server.tcp, wanted.id, content);
    assert_true(receive_message(allowed, bytes, sizeof(bytes)) > 0);
    assert_int_equal(bytes[3] & 15, LOCUM_RCODE_NOERROR);
    (void)take_note(&primary, LOCUM_DNS_NOTE_SENT);
    assert_int_equal(counts_of(&primary.server).tcp.transfers_refused, ASKED);
    assert_int_equal(counts_of(&primary.server).tcp.transfers_failed, 0);
    release(content);
    close(refused);
    close(allowed);
    stop(&primary);
}

/* What was left out is said with the next report, in the next period. */
static void
test_left_out_reports(void **state)
{
    (void)state;
    struct locum_dns_sendings sendings;
    struct primary primary;
    struct locum_dns_note note = {0};
    locum_dns_sending_init(&sendings);
    assert_int_equal(pipe2(primary.notes, O_CLOEXEC | O_NONBLOCK), 0);
    sendings.notes = primary.notes[1];
    for (size_t i = 0; i < LOCUM_DNS_REPORTS_MAX + 3; i++) {
        locum_dns_sending_report(&sendings, LOCUM_DNS_NOTE_UNSIGNED, &note);
    }
    for (size_t i = 0; i < LOCUM_DNS_REPORTS_MAX; i++) {
        assert_int_equal(take_note(&primary, LOCUM_DNS_NOTE_UNSIGNED).left_out, 0);
    }
    sendings.period_began -= LOCUM_DNS_REPORTS_PERIOD_MS;
    locum_dns_sending_report(&sendings, LOCUM_DNS_NOTE_UNSIGNED, &note);
    assert_int_equal(take_note(&primary, LOCUM_DNS_NOTE_UNSIGNED).left_out, 3);
    locum_dns_sending_report(&sendings, LOCUM_DNS_NOTE_UNSIGNED, &note);
    assert_int_equal(take_note(&primary, LOCUM_DNS_NOTE_UNSIGNED).left_out, 0);
    close(primary.notes[0]);
    close(primary.notes[1]);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole_zone_and_then_the_next_query),
        cmocka_unit_test(test_what_cannot_be_sent),
        cmocka_unit_test(test_no_main_thread),
        cmocka_unit_test(test_slow_reader),
        cmocka_unit_test(test_made_is_not_sent),
        cmocka_unit_test(test_client_that_has_gone),
        cmocka_unit_test(test_refused_clients_are_reported),
        cmocka_unit_test(test_flood_of_refused_clients),
        cmocka_unit_test(test_left_out_reports),
    };
    return cmocka_run_group_tests_name("dns/sending", tests, NULL, NULL);
}
