/* tcp: messages split in any way, and how long and how much a connection may hold. */
#include "tcp.h"

#include <sys/resource.h>

static void
test_queries_in_one_segment_are_answered(void **state)
{
    (void)state;
    struct server server = serve(&locum_dns_tcp_limits_default);
    const int fd = dial(&server);
    uint8_t bytes[50 * 64];
    size_t length = 0;
    for (uint16_t id = 0; id < 50; id++) {
        length += make_message(&plain, id, bytes + length);
    }
    send_all(fd, bytes, length);
    for (uint16_t id = 0; id < 50; id++) {
        assert_true(receive_message(fd, bytes, sizeof(bytes)) > 0);
        assert_int_equal(locum_packet_u16(bytes), id);
    }
    struct locum_dns_counts counts = {0};
    locum_dns_tcp_sum(server.tcp, &counts);
    assert_int_equal(counts.tcp.queries, 50);
    assert_int_equal(counts.tcp.answers_by_rcode[0], 50);
    assert_int_equal(counts.tcp_connections, 1);
    close(fd);
    locum_dns_tcp_destroy(server.tcp);
}

/* Three messages, cut after each number of bytes. */
static void
test_split_messages_are_answered(void **state)
{
    (void)state;
    struct server server = serve(&locum_dns_tcp_limits_default);
    uint8_t bytes[256];
    size_t length = 0;
    for (uint16_t id = 0; id < 3; id++) {
        length += make_message(&plain, id, bytes + length);
    }
    const int fd = dial(&server);
    for (size_t cut = 1; cut < length; cut++) {
        uint8_t answer[512];
        send_all(fd, bytes, cut);
        send_all(fd, bytes + cut, length - cut);
        for (uint16_t id = 0; id < 3; id++) {
            assert_true(receive_message(fd, answer, sizeof(answer)) > 0);
            assert_int_equal(locum_packet_u16(answer), id);
        }
    }
    for (size_t i = 0; i < length; i++) {
        send_all(fd, bytes + i, 1);
    }
    for (uint16_t id = 0; id < 3; id++) {
        assert_true(receive_message(fd, bytes, sizeof(bytes)) > 0);
        assert_int_equal(locum_packet_u16(bytes), id);
    }
    close(fd);
    locum_dns_tcp_destroy(server.tcp);
}

/* Single bytes do not extend the deadline. */
static void
test_slow_message_is_closed_at_its_deadline(void **state)
{
    (void)state;
    struct locum_dns_tcp_limits limits = locum_dns_tcp_limits_default;
    limits.message_ms = 200;
    struct server server = serve(&limits);
    const int fd = dial(&server);
    uint8_t bytes[64];
    const size_t length = make_message(&plain, 1, bytes);
    const locum_ms start = now_ms();
    bool closed = false;
    for (size_t i = 0; i < length && !closed; i++) {
        closed = send(fd, bytes + i, 1, MSG_NOSIGNAL) != 1 || is_closed_within(fd, 40);
    }
    assert_true(closed); /* sent one each 40 ms, all would have taken 1400 */
    assert_true(now_ms() - start >= 180);
    assert_int_equal(closed_only_for(&server, LOCUM_DNS_TCP_SLOW_QUERY), 1);
    close(fd);
    locum_dns_tcp_destroy(server.tcp);
}

/* An answered query does not extend the deadline of a message that began before it. */
static void
test_deadline_restarts_with_each_message(void **state)
{
    (void)state;
    struct locum_dns_tcp_limits limits = locum_dns_tcp_limits_default;
    limits.message_ms = 600;
    struct server server = serve(&limits);
    const int fd = dial(&server);
    uint8_t bytes[64];
    const size_t length = make_message(&plain, 1, bytes);
    const locum_ms start = now_ms();
    send_all(fd, bytes, 5);
    while (now_ms() - start <
           900) { /* always in the middle of a message, none longer than 150 ms */
        uint8_t answer[512];
        assert_false(is_closed_within(fd, 100));
        send_all(fd, bytes + 5, length - 5);
        send_all(fd, bytes, 5);
        assert_true(receive_message(fd, answer, sizeof(answer)) > 0);
    }
    assert_true(is_closed_within(fd, PATIENCE_MS));
    close(fd);
    locum_dns_tcp_destroy(server.tcp);
}

static void
test_idle_connection_is_closed(void **state)
{
    (void)state;
    struct locum_dns_tcp_limits limits = locum_dns_tcp_limits_default;
    limits.idle_ms = 200;
    struct server server = serve(&limits);
    const int silent = dial(&server);
    const int asked = dial(&server);
    assert_answered(asked, 7);
    const locum_ms start = now_ms();
    assert_true(is_closed_within(silent, PATIENCE_MS));
    assert_true(is_closed_within(asked, PATIENCE_MS));
    assert_true(now_ms() - start >= 150);
    assert_int_equal(closed_only_for(&server, LOCUM_DNS_TCP_IDLE), 2);
    close(silent);
    close(asked);
    locum_dns_tcp_destroy(server.tcp);
}

/* A peer that takes its answers may have queries waiting all the time. */
static void
test_output_limit_pauses_reading(void **state)
{
    (void)state;
    enum { BLOCK = 1000 };
    struct locum_dns_tcp_limits limits = locum_dns_tcp_limits_default;
    limits.output_bytes_max = 1024;
    limits.write_ms = 200;
    struct server server = serve(&limits);
    const int fd = dial(&server);
    uint8_t answers[16384];
    uint8_t block[BLOCK * 64];
    size_t length = 0;
    size_t sent = 0; /* bytes of the block */
    for (uint16_t id = 0; id < BLOCK; id++) {
        length += make_message(&plain, id, block + length);
    }
    for (const locum_ms end = now_ms() + 800; now_ms() < end;) {
        struct pollfd poll_fd = {.fd = fd, .events = POLLIN | POLLOUT};
        assert_int_equal(poll(&poll_fd, 1, PATIENCE_MS), 1);
        if ((poll_fd.revents & POLLOUT) != 0) {
            const ssize_t n = send(fd, block + sent, length - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
            assert_true(n > 0);
            sent = (sent + (size_t)n) % length;
        }
        if ((poll_fd.revents & POLLIN) != 0) {
            assert_true(recv(fd, answers, sizeof(answers), 0) > 0);
        }
    }
    struct locum_dns_counts counts;
    const locum_ms patience = now_ms() + PATIENCE_MS;
    do { /* until it has filled what it keeps of answers, for nobody takes them any more */
        counts = (struct locum_dns_counts){0};
        locum_dns_tcp_sum(server.tcp, &counts);
    } while (counts.tcp.answers_by_rcode[0] != counts.tcp.queries && now_ms() < patience);
    assert_true(counts.tcp.queries > BLOCK);
    assert_int_equal(counts.tcp.answers_by_rcode[0], counts.tcp.queries);
    close(fd);
    locum_dns_tcp_destroy(server.tcp);
}

static bool
closes_within(const struct server *server, locum_ms wait_ms)
{
    const locum_ms end = now_ms() + wait_ms;
    while (open_connections(server) > 0 && now_ms() < end) {
        poll(NULL, 0, 5);
    }
    return open_connections(server) == 0;
}

/* The deadline for taking answers closes the connection. */
static void
test_peer_that_never_reads_is_closed(void **state)
{
    (void)state;
    struct locum_dns_tcp_limits limits = locum_dns_tcp_limits_default;
    limits.write_ms = 300;
    struct server server = serve(&limits);
    const int fd = dial(&server);
    uint8_t bytes[64];
    const size_t length = make_message(&plain, 1, bytes);
    const locum_ms end = now_ms() + PATIENCE_MS;
    bool closed = false;
    while (!closed && now_ms() < end) {
        struct pollfd poll_fd = {.fd = fd, .events = POLLOUT};
        if (poll(&poll_fd, 1, 20) == 1) {
            const ssize_t n = send(fd, bytes, length, MSG_NOSIGNAL | MSG_DONTWAIT);
            closed = n < 0 && errno != EAGAIN;
        } else {
            closed = open_connections(&server) == 0;
        }
    }
    assert_true(closed);
    assert_int_equal(open_connections(&server), 0);
    assert_int_equal(closed_only_for(&server, LOCUM_DNS_TCP_SLOW_READER), 1);
    close(fd);
    locum_dns_tcp_destroy(server.tcp);
}

/* In the kernel's buffers too, which grow to megabytes for a peer that has read fast. */
static void
test_answers_to_a_slow_reader_are_bounded(void **state)
{
    (void)state;
    enum { READ_FAST = 2000, MANY = 4000, WINDOW_BYTES = 8192 };
    struct locum_dns_tcp_limits limits = locum_dns_tcp_limits_default;
    limits.output_bytes_max = 16384;
    limits.write_ms = 300;
    struct server server = serve(&limits);
    const struct ask big = {.name = "big.get.example.org", .type = 16};
    uint8_t bytes[8192];
    struct sockaddr_storage name;
    const socklen_t length = locum_address_to_sockaddr(&server.at, &name);
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    const int window = WINDOW_BYTES;
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &window, sizeof(window)), 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)&name, length), 0);
    size_t answer = 0;
    for (uint16_t i = 0; i < READ_FAST; i++) {
        send_all(fd, bytes, make_message(&big, i, bytes));
        answer = 2 + receive_message(fd, bytes, sizeof(bytes));
    }
    const size_t message = make_message(&big, 1, bytes);
    for (size_t i = 0; i < MANY; i++) { /* until it reads no more */
        (void)!send(fd, bytes, message, MSG_NOSIGNAL | MSG_DONTWAIT);
    }
    assert_true(closes_within(&server, PATIENCE_MS + limits.write_ms));
    const size_t kept = (counts_of(&server).tcp.queries - READ_FAST) * answer;
    assert_in_range(kept, answer, 3 * WINDOW_BYTES + 2 * limits.output_bytes_max + 3 * answer);
    close(fd);
    locum_dns_tcp_destroy(server.tcp);
}

/* The peer has closed its side and waits for its answers. */
static void
test_half_closed_connection_gets_its_answers(void **state)
{
    (void)state;
    struct server server = serve(&locum_dns_tcp_limits_default);
    const int fd = dial(&server);
    uint8_t bytes[512];
    size_t length = make_message(&plain, 1, bytes);
    length += make_message(&plain, 2, bytes + length);
    send_all(fd, bytes, length);
    assert_int_equal(shutdown(fd, SHUT_WR), 0);
    for (uint16_t id = 1; id <= 2; id++) {
        assert_true(receive_message(fd, bytes, sizeof(bytes)) > 0);
        assert_int_equal(locum_packet_u16(bytes), id);
    }
    assert_true(is_closed_within(fd, PATIENCE_MS));
    close(fd);
    locum_dns_tcp_destroy(server.tcp);
}

/* The same while answers wait to be taken. */
static void
test_half_closed_connection_gets_waiting_answers(void **state)
{
    (void)state;
    enum { QUERIES = 2000 };
    struct locum_dns_tcp_limits limits = locum_dns_tcp_limits_default;
    limits.output_bytes_max = 64 * 1024 * 1024;
    struct server server = serve(&limits);
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    const int window_bytes = 32 * 1024;
    struct sockaddr_storage name;
    const socklen_t length = locum_address_to_sockaddr(&server.at, &name);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &window_bytes, sizeof(int)), 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)&name, length), 0);
    const struct ask big = {.name = "big.get.example.org", .type = 16};
    uint8_t bytes[8192];
    for (int i = 0; i < QUERIES; i++) {
        send_all(fd, bytes, make_message(&big, (uint16_t)i, bytes));
    }
    assert_int_equal(shutdown(fd, SHUT_WR), 0);
    const locum_ms end = now_ms() + PATIENCE_MS;
    struct locum_dns_counts counts = {0};
    while (counts.tcp.queries < QUERIES && now_ms() < end) {
        poll(NULL, 0, 1);
        counts = (struct locum_dns_counts){0};
        locum_dns_tcp_sum(server.tcp, &counts);
    }
    for (int i = 0; i < QUERIES; i++) {
        assert_true(receive_message(fd, bytes, sizeof(bytes)) > 0);
        assert_int_equal(locum_packet_u16(bytes), (uint16_t)i);
    }
    assert_true(is_closed_within(fd, PATIENCE_MS));
    close(fd);
    locum_dns_tcp_destroy(server.tcp);
}

static void
test_other_protocols_are_closed(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t length;
    } cases[] = {
        {"\0\0", 2}, /* an empty message */
        {"\0\13"
         "12345678901",
         13},                                        /* 11 bytes: no header */
        {"\0\14\x12\x34\x80\0\0\1\0\0\0\0\0\0", 14}, /* a response */
        {"\0\1GET / HTTP/1.1\r\n\r\n", 20},
    };
    struct server server = serve(&locum_dns_tcp_limits_default);
    for (size_t i = 0; i < LOCUM_COUNT(cases); i++) {
        const int fd = dial(&server);
        send_all(fd, (const uint8_t *)cases[i].bytes, cases[i].length);
        assert_true(is_closed_within(fd, PATIENCE_MS));
        close(fd);
    }
    assert_int_equal(closed_only_for(&server, LOCUM_DNS_TCP_MALFORMED), LOCUM_COUNT(cases));
    /* What is a message, and wrong, is answered: FORMERR, and the next one is heard. */
    const int fd = dial(&server);
    uint8_t bytes[64];
    send_all(fd, (const uint8_t *)"\0\14\x12\x34\0\0\0\1\0\0\0\0\0\0", 14);
    assert_int_equal(receive_message(fd, bytes, sizeof(bytes)), 12);
    assert_int_equal(bytes[3], 1);
    assert_answered(fd, 9);
    close(fd);
    locum_dns_tcp_destroy(server.tcp);
}

/* The queries came in the same segment as the broken message; then the connection is closed. */
static void
test_queries_before_a_broken_message_are_answered(void **state)
{
    (void)state;
    static const char broken[] = "\0\1GET / HTTP/1.1\r\n\r\n";
    struct server server = serve(&locum_dns_tcp_limits_default);
    uint8_t bytes[256];
    size_t length = make_message(&plain, 1, bytes);
    length += make_message(&plain, 2, bytes + length);
    memcpy(bytes + length, broken, sizeof(broken));
    const int fd = dial(&server);
    send_all(fd, bytes, length + sizeof(broken));
    for (uint16_t id = 1; id <= 2; id++) {
        assert_true(receive_message(fd, bytes, sizeof(bytes)) > 0);
        assert_int_equal(locum_packet_u16(bytes), id);
    }
    assert_true(is_closed_within(fd, PATIENCE_MS));
    close(fd);
    locum_dns_tcp_destroy(server.tcp);
}

static locum_ms
cpu_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return now.tv_sec * (locum_ms)1000 + now.tv_nsec / 1000000;
}

static struct rlimit descriptors_before;

static int
restore_descriptors(void **state)
{
    (void)state;
    return setrlimit(RLIMIT_NOFILE, &descriptors_before);
}

/* It does not spin, and accepts again later. */
static void
test_without_descriptors_the_listener_pauses(void **state)
{
    (void)state;
    struct server server = serve(&locum_dns_tcp_limits_default);
    uint8_t bytes[512];
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &descriptors_before), 0);
    const struct rlimit none = {.rlim_cur = 0, .rlim_max = descriptors_before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    struct sockaddr_storage name;
    const socklen_t length = locum_address_to_sockaddr(&server.at, &name);
    assert_int_equal(connect(fd, (const struct sockaddr *)&name, length),
                     0); /* the backlog has it */
    send_all(fd, bytes, make_message(&plain, 1, bytes));
    const locum_ms cpu = cpu_ms();
    uint8_t answer[1];
    /* recv() with a time-out, since poll() respects the limit too. */
    const struct timeval wait = {.tv_usec = 400000};
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait)), 0);
    assert_int_equal(recv(fd, answer, sizeof(answer), 0), -1);
    const locum_ms used = cpu_ms() - cpu;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &descriptors_before), 0);
    assert_true(used < 150);
    assert_true(receive_message(fd, bytes, sizeof(bytes)) > 0);
    assert_int_equal(locum_packet_u16(bytes), 1);
    assert_in_range(counts_of(&server).tcp_short, 2, 8); /* once in 100 ms */
    close(fd);
    locum_dns_tcp_destroy(server.tcp);
}

/* The longest idle connection makes room. */
static void
test_without_descriptors_the_longest_idle_is_closed(void **state)
{
    (void)state;
    struct server server = serve(&locum_dns_tcp_limits_default);
    struct sockaddr_storage name;
    const socklen_t length = locum_address_to_sockaddr(&server.at, &name);
    const int next = socket(AF_INET, SOCK_STREAM, 0);
    int fds[2];
    for (uint16_t i = 0; i < 2; i++) {
        fds[i] = dial(&server);
        assert_answered(fds[i], i);
    }
    assert_answered(fds[0], 2);
    const int lowest = dup(next); /* all numbers below it are in use */
    close(lowest);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &descriptors_before), 0);
    const struct rlimit full = {.rlim_cur = (rlim_t)lowest,
                                .rlim_max = descriptors_before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &full), 0);
    assert_int_equal(connect(next, (const struct sockaddr *)&name, length), 0);
    assert_answered(next, 3);
    assert_true(is_closed_within(fds[1], PATIENCE_MS));
    assert_answered(fds[0], 4);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &descriptors_before), 0);
    assert_int_equal(closed_only_for(&server, LOCUM_DNS_TCP_DESCRIPTORS), 1);
    assert_int_equal(counts_of(&server).tcp_short, 1);
    close(fds[0]);
    close(fds[1]);
    close(next);
    locum_dns_tcp_destroy(server.tcp);
}

static void
test_destroy_closes_open_connections(void **state)
{
    (void)state;
    struct server server = serve(&locum_dns_tcp_limits_default);
    int fds[8];
    for (uint16_t i = 0; i < 8; i++) {
        fds[i] = dial(&server);
        if (i % 2 == 0) {
            assert_answered(fds[i], i);
            send_all(fds[i], (const uint8_t *)"\0", 1);
        }
    }
    locum_dns_tcp_destroy(server.tcp);
    for (size_t i = 0; i < 8; i++) {
        assert_true(is_closed_within(fds[i], PATIENCE_MS));
        close(fds[i]);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_queries_in_one_segment_are_answered),
        cmocka_unit_test(test_split_messages_are_answered),
        cmocka_unit_test(test_slow_message_is_closed_at_its_deadline),
        cmocka_unit_test(test_deadline_restarts_with_each_message),
        cmocka_unit_test(test_idle_connection_is_closed),
        cmocka_unit_test(test_output_limit_pauses_reading),
        cmocka_unit_test(test_peer_that_never_reads_is_closed),
        cmocka_unit_test(test_answers_to_a_slow_reader_are_bounded),
        cmocka_unit_test(test_half_closed_connection_gets_its_answers),
        cmocka_unit_test(test_half_closed_connection_gets_waiting_answers),
        cmocka_unit_test(test_other_protocols_are_closed),
        cmocka_unit_test(test_queries_before_a_broken_message_are_answered),
        cmocka_unit_test_teardown(test_without_descriptors_the_listener_pauses,
                                  restore_descriptors),
        cmocka_unit_test_teardown(test_without_descriptors_the_longest_idle_is_closed,
                                  restore_descriptors),
        cmocka_unit_test(test_destroy_closes_open_connections),
    };
    return cmocka_run_group_tests_name("dns/tcp", tests, NULL, NULL);
}
