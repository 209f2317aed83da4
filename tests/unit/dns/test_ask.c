/* ask: what the peers' DNS answers, against peers that answer, refuse, lie or say nothing. */
#include "net.h"

#include <event2/event.h>

#include "dns/ask.h"

enum { DC2, DC3, RESULTS_MAX = 64 };

static struct {
    size_t count;
    enum locum_dns_state state[RESULTS_MAX];
    enum locum_transport transport[RESULTS_MAX];
} results;

static void
record(void *user, locum_node peer, enum locum_family family, enum locum_transport transport,
       enum locum_dns_state state)
{
    assert_null(user);
    assert_int_equal(peer, DC3);
    assert_int_equal(family, LOCUM_V4);
    assert_true(results.count < RESULTS_MAX);
    results.state[results.count] = state;
    results.transport[results.count++] = transport;
}

/* dc2, which asks dc3 at a free port of 127.0.0.1; dc3 answers from `table`. */
struct bench {
    struct event_base *base;
    struct site *site;
    struct locum_dns_table *table;
    struct locum_dns_ask *ask;
    struct locum_address peer;
    int udp, listener; /* of dc3; -1: closed */
};

static struct bench
bench_new(bool udp, bool listener)
{
    struct bench self = {.base = event_base_new(), .site = site_new(), .udp = -1, .listener = -1};
    struct sockaddr_storage name;
    self.table = site_table(self.site);
    self.peer = address("127.0.0.1", free_port("127.0.0.1"));
    self.site->config.nodes[DC3].address[0] = self.peer;
    const socklen_t length = locum_address_to_sockaddr(&self.peer, &name);
    if (udp) {
        self.udp = socket(AF_INET, SOCK_DGRAM, 0);
        assert_int_equal(bind(self.udp, (const struct sockaddr *)&name, length), 0);
    }
    if (listener) {
        self.listener = socket(AF_INET, SOCK_STREAM, 0);
        assert_int_equal(bind(self.listener, (const struct sockaddr *)&name, length), 0);
        assert_int_equal(listen(self.listener, 8), 0);
    }
    results.count = 0;
    assert_int_equal(locum_dns_ask_create(self.base, &self.site->config, record, NULL, &self.ask),
                     0);
    return self;
}

static void
bench_free(struct bench *self)
{
    locum_dns_ask_destroy(self->ask);
    event_base_free(self->base);
    locum_dns_table_release(self->table);
    close(self->udp);
    close(self->listener);
    free(self->site);
}

static void
second(const struct bench *self)
{
    locum_dns_ask_second(self->ask, 1u << DC3);
    (void)event_base_loop(self->base, EVLOOP_NONBLOCK);
}

/* The last result of a transport since the start; -1: none. */
static int
last(enum locum_transport transport)
{
    for (size_t i = results.count; i > 0; i--) {
        if (results.transport[i - 1] == transport) {
            return (int)results.state[i - 1];
        }
    }
    return -1;
}

/* What dc3 does with a question. */
struct lie {
    const char *name;
    void (*change)(uint8_t *reply, size_t *length); /* NULL: it answers truly */
    bool from_elsewhere;                            /* from another port */
    bool and_truly;                                 /* and then it answers truly, too */
    enum locum_dns_state state;
};

static void
say_nothing(uint8_t *reply, size_t *length)
{
    (void)reply;
    *length = 0;
}

static void
refuse(uint8_t *reply, size_t *length)
{
    (void)length;
    reply[3] = 5;
}

static void
refuse_without_the_question(uint8_t *reply, size_t *length)
{
    memset(reply + 4, 0, 8);
    reply[3] = 5;
    *length = LOCUM_DNS_HEADER_BYTES;
}

static void
fail_to_serve(uint8_t *reply, size_t *length)
{
    (void)length;
    reply[3] = 2; /* SERVFAIL */
}

static void
be_a_resolver(uint8_t *reply, size_t *length)
{
    (void)length;
    reply[2] &= (uint8_t)~0x04; /* AA */
}

static void
change_the_id(uint8_t *reply, size_t *length)
{
    (void)length;
    reply[1] ^= 1;
}

static void
change_the_question(uint8_t *reply, size_t *length)
{
    (void)length;
    reply[LOCUM_DNS_HEADER_BYTES + 1] = 'x';
}

static void
be_a_query(uint8_t *reply, size_t *length)
{
    (void)length;
    reply[2] &= 0x7f; /* QR */
}

/* MNAME dc2.example.org. becomes dc9.example.org. */
static void
change_the_soa(uint8_t *reply, size_t *length)
{
    uint8_t *mname = memmem(reply, *length, "\3dc2", 4);
    assert_non_null(mname);
    mname[3] = '9';
}

static void
change_the_type(uint8_t *reply, size_t *length)
{
    /* The owner is a pointer; the type follows. */
    uint8_t *owner = memmem(reply, *length, "\xc0\x0c\0\6", 4);
    assert_non_null(owner);
    owner[3] = 16;
}

static void
leave_out_the_answer(uint8_t *reply, size_t *length)
{
    (void)length;
    reply[7] = 0;
}

static void
cut_in_the_soa(uint8_t *reply, size_t *length)
{
    (void)reply;
    *length -= 30;
}

static void
cut_in_the_header(uint8_t *reply, size_t *length)
{
    (void)reply;
    *length = 7;
}

static const struct lie lies[] = {
    {"answers", NULL, false, false, LOCUM_DNS_OK},
    {"is silent", say_nothing, false, false, LOCUM_DNS_SILENT},
    {"refuses", refuse, false, false, LOCUM_DNS_REFUSED},
    {"refuses without the question", refuse_without_the_question, false, false, LOCUM_DNS_REFUSED},
    {"fails", fail_to_serve, false, false, LOCUM_DNS_RCODE},
    {"is a resolver", be_a_resolver, false, false, LOCUM_DNS_NO_AUTHORITY},
    {"wrong id", change_the_id, false, false, LOCUM_DNS_SILENT},
    {"wrong question", change_the_question, false, false, LOCUM_DNS_SILENT},
    {"a query", be_a_query, false, false, LOCUM_DNS_SILENT},
    {"wrong SOA", change_the_soa, false, false, LOCUM_DNS_OTHER_SOA},
    {"no SOA", change_the_type, false, false, LOCUM_DNS_OTHER_SOA},
    {"no answer record", leave_out_the_answer, false, false, LOCUM_DNS_OTHER_SOA},
    {"cut in the SOA", cut_in_the_soa, false, false, LOCUM_DNS_OTHER_SOA},
    {"cut in the header", cut_in_the_header, false, false, LOCUM_DNS_SILENT},
    {"spoofed source", NULL, true, false, LOCUM_DNS_SILENT},
    {"a wrong id, then the answer", change_the_id, false, true, LOCUM_DNS_OK},
};

/* Answer one message; returns the length of the reply, 0: none. */
static size_t
reply_to(const struct bench *self, const struct lie *lie, const uint8_t *query, size_t length,
         uint8_t *reply)
{
    const struct locum_dns_reply answer =
        answer_packet(self->table, query, length, 0, reply, LOCUM_DNS_UDP_BYTES_MAX);
    size_t bytes = answer.length;
    assert_true(bytes > 0);
    if (lie->change != NULL) {
        lie->change(reply, &bytes);
    }
    return bytes;
}

/* Answer the question that has come to dc3 by UDP. False: none has. */
static bool
serve_udp(const struct bench *self, const struct lie *lie, uint8_t query[1232])
{
    static const struct lie truth = {0};
    uint8_t reply[1232];
    struct sockaddr_storage from;
    socklen_t from_length = sizeof(from);
    const ssize_t length =
        recvfrom(self->udp, query, 1232, MSG_DONTWAIT, (struct sockaddr *)&from, &from_length);
    if (length < 0) {
        return false;
    }
    const int fd = lie->from_elsewhere ? socket(AF_INET, SOCK_DGRAM, 0) : self->udp;
    for (int i = 0; i < (lie->and_truly ? 2 : 1); i++) {
        const size_t bytes = reply_to(self, i == 0 ? lie : &truth, query, (size_t)length, reply);
        if (bytes > 0) {
            assert_int_equal(
                sendto(fd, reply, bytes, 0, (const struct sockaddr *)&from, from_length), bytes);
        }
    }
    if (lie->from_elsewhere) {
        close(fd);
    }
    return true;
}

static void
test_what_a_peer_answers_by_udp(void **state)
{
    (void)state;
    for (size_t i = 0; i < LOCUM_COUNT(lies); i++) {
        struct bench bench = bench_new(true, false);
        uint8_t query[1232];
        second(&bench);
        assert_int_equal(last(LOCUM_TRANSPORT_UDP), -1);
        assert_true(serve_udp(&bench, &lies[i], query));
        second(&bench);
        print_message("%s\n", lies[i].name);
        assert_int_equal(last(LOCUM_TRANSPORT_UDP), lies[i].state);
        bench_free(&bench);
    }
}

static void
test_what_a_peer_answers_by_tcp(void **state)
{
    (void)state;
    for (size_t i = 0; i < LOCUM_COUNT(lies); i++) {
        struct bench bench = bench_new(false, true);
        uint8_t query[1232];
        uint8_t reply[2 + 1232];
        if (lies[i].from_elsewhere || lies[i].and_truly) {
            bench_free(&bench);
            continue;
        }
        second(&bench);
        const int fd = accept(bench.listener, NULL, NULL);
        second(&bench);
        const size_t length = receive_message(fd, query, sizeof(query));
        assert_true(length > 0);
        const size_t bytes = reply_to(&bench, &lies[i], query, length, reply + 2);
        locum_packet_put_u16(reply, (uint16_t)bytes);
        if (bytes > 0) {
            send_all(fd, reply, 1); /* in pieces */
            send_all(fd, reply + 1, 1 + bytes);
        }
        assert_int_equal(last(LOCUM_TRANSPORT_TCP), -1);
        second(&bench);
        print_message("%s\n", lies[i].name);
        assert_int_equal(last(LOCUM_TRANSPORT_TCP), lies[i].state);
        close(fd);
        bench_free(&bench);
    }
}

/* "Port 53 of dc2 is taken by another program after a restart, or blocked by a firewall" */
static void
test_a_closed_port_differs_from_silence(void **state)
{
    (void)state;
    struct bench bench = bench_new(false, false);
    for (int i = 0; i < 3; i++) {
        second(&bench);
    }
    assert_int_equal(last(LOCUM_TRANSPORT_UDP), LOCUM_DNS_UNREACHABLE);
    assert_int_equal(last(LOCUM_TRANSPORT_TCP), LOCUM_DNS_UNREACHABLE);
    bench_free(&bench);
}

/* The kernel accepts for a program that hangs; and one accepts, then closes. */
static void
test_tcp_half_open_and_closed_without_an_answer(void **state)
{
    (void)state;
    struct bench bench = bench_new(false, true);
    for (int i = 0; i < 3; i++) {
        second(&bench);
    }
    assert_int_equal(last(LOCUM_TRANSPORT_TCP), LOCUM_DNS_SILENT);
    bench_free(&bench);
    bench = bench_new(false, true);
    uint8_t query[1232];
    second(&bench);
    const int fd = accept(bench.listener, NULL, NULL);
    second(&bench);
    assert_true(receive_message(fd, query, sizeof(query)) > 0);
    close(fd);
    second(&bench);
    assert_int_equal(last(LOCUM_TRANSPORT_TCP), LOCUM_DNS_SILENT);
    bench_free(&bench);
}

/* DNS-2: every 2 s; after a failure at once, with another id from another port. */
static void
test_when_a_peer_is_asked_by_udp(void **state)
{
    (void)state;
    static const bool asked_when_well[] = {true, false, true, false, true};
    struct bench bench = bench_new(true, false);
    uint8_t query[1232];
    uint16_t ids[3];
    for (size_t i = 0; i < LOCUM_COUNT(asked_when_well); i++) {
        second(&bench);
        assert_int_equal(serve_udp(&bench, &lies[0], query), asked_when_well[i]);
    }
    for (size_t i = 0; i < LOCUM_COUNT(ids); i++) {
        /* i == 0: the answer to the last one comes; a second later the peer falls silent */
        second(&bench);
        while (i == 0 && !serve_udp(&bench, &lies[1], query)) {
            second(&bench);
        }
        if (i > 0) {
            assert_true(serve_udp(&bench, &lies[1], query)); /* each second */
            assert_int_equal(last(LOCUM_TRANSPORT_UDP), LOCUM_DNS_SILENT);
        }
        ids[i] = locum_packet_u16(query);
    }
    assert_true(ids[0] != ids[1] || ids[1] != ids[2]);
    bench_free(&bench);
}

/* DNS-2: the zones in turn; one that failed is asked again first. */
static void
test_zones_are_asked_in_turn(void **state)
{
    (void)state;
    struct bench bench = bench_new(true, false);
    uint8_t query[1232];
    locum_dns_ask_destroy(bench.ask);
    locum_dns_table_release(bench.table);
    const size_t zone = site_zone(bench.site, "test.", LOCUM_ANSWER_SELF);
    site_ns(bench.site, zone, "dc2.example.org.");
    bench.table = site_table(bench.site);
    assert_int_equal(
        locum_dns_ask_create(bench.base, &bench.site->config, record, NULL, &bench.ask), 0);
    static const struct {
        char first; /* letter of the zone that is asked */
        size_t lie;
    } rows[] = {{'g', 0}, {'t', 0}, {'g', 0}, {'t', 2}, {'t', 2}, {'t', 0}, {'g', 0}};
    for (size_t i = 0; i < LOCUM_COUNT(rows); i++) {
        second(&bench);
        while (!serve_udp(&bench, &lies[rows[i].lie], query)) {
            second(&bench);
        }
        assert_int_equal(query[LOCUM_DNS_HEADER_BYTES + 1], rows[i].first);
    }
    bench_free(&bench);
}

/* DNS-2: by TCP every 10 s. */
static void
test_when_a_peer_is_asked_by_tcp(void **state)
{
    (void)state;
    struct bench bench = bench_new(false, true);
    size_t connections = 0;
    uint8_t query[1232];
    uint8_t reply[2 + 1232];
    int fd = -1;
    for (size_t i = 0; i < 21; i++) { /* at 0, 10 and 20 */
        second(&bench);
        if (readable(bench.listener, 0)) {
            assert_int_equal(i, 10 * connections);
            connections++;
            close(fd);
            fd = accept(bench.listener, NULL, NULL);
        } else if (readable(fd, 0)) {
            const size_t length = receive_message(fd, query, sizeof(query));
            if (length > 0) {
                const size_t bytes = reply_to(&bench, &lies[0], query, length, reply + 2);
                locum_packet_put_u16(reply, (uint16_t)bytes);
                send_all(fd, reply, 2 + bytes);
            }
        }
    }
    assert_int_equal(connections, 3);
    assert_int_equal(last(LOCUM_TRANSPORT_TCP), LOCUM_DNS_OK);
    close(fd);
    bench_free(&bench);
}

/* NSD 4.12 waits for open connections before it takes a new zone. */
static void
test_a_connection_is_open_no_longer_than_it_takes(void **state)
{
    (void)state;
    struct bench bench = bench_new(false, true);
    uint8_t query[1232];
    uint8_t reply[2 + 1232];
    second(&bench);
    const int fd = accept(bench.listener, NULL, NULL);
    const size_t length = receive_message(fd, query, sizeof(query)); /* within this second */
    assert_true(length > 0);
    const size_t bytes = reply_to(&bench, &lies[0], query, length, reply + 2);
    locum_packet_put_u16(reply, (uint16_t)bytes);
    send_all(fd, reply, 2 + bytes);
    (void)event_base_loop(bench.base, EVLOOP_NONBLOCK);
    assert_int_equal(recv(fd, query, sizeof(query), 0), 0); /* closed */
    assert_int_equal(last(LOCUM_TRANSPORT_TCP), -1);
    second(&bench);
    second(&bench);
    assert_int_equal(last(LOCUM_TRANSPORT_TCP), LOCUM_DNS_OK);
    close(fd);
    bench_free(&bench);
}

/* Of several addresses the worst counts. */
static void
test_the_worst_address_counts(void **state)
{
    (void)state;
    struct bench bench = bench_new(true, false);
    uint8_t query[1232];
    struct locum_config_node *node = &bench.site->config.nodes[DC3];
    node->address[node->address_count++] = address("127.0.0.1", free_port("127.0.0.1"));
    second(&bench);
    assert_true(serve_udp(&bench, &lies[0], query));
    second(&bench);
    assert_int_equal(last(LOCUM_TRANSPORT_UDP), LOCUM_DNS_UNREACHABLE);
    bench_free(&bench);
}

/* A peer that is not to be asked any more gives no result. */
static void
test_a_peer_that_leaves_is_not_asked(void **state)
{
    (void)state;
    struct bench bench = bench_new(true, true);
    uint8_t query[1232];
    second(&bench);
    assert_true(serve_udp(&bench, &lies[0], query));
    for (int i = 0; i < 4; i++) {
        locum_dns_ask_second(bench.ask, 0);
    }
    assert_int_equal(results.count, 0);
    assert_false(serve_udp(&bench, &lies[0], query));
    bench_free(&bench);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_a_peer_answers_by_udp),
        cmocka_unit_test(test_what_a_peer_answers_by_tcp),
        cmocka_unit_test(test_a_closed_port_differs_from_silence),
        cmocka_unit_test(test_tcp_half_open_and_closed_without_an_answer),
        cmocka_unit_test(test_when_a_peer_is_asked_by_udp),
        cmocka_unit_test(test_when_a_peer_is_asked_by_tcp),
        cmocka_unit_test(test_a_connection_is_open_no_longer_than_it_takes),
        cmocka_unit_test(test_zones_are_asked_in_turn),
        cmocka_unit_test(test_the_worst_address_counts),
        cmocka_unit_test(test_a_peer_that_leaves_is_not_asked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
