/*
 * fuzz_tcp: the bytes of one TCP connection, in pieces of any size. The server gives the answers
 * that locum_query_answer() gives to the messages in them, in their order, up to the first message
 * that is no query, and then closes.
 *
 * An input is a number of pieces (its low four bits), the length of each but the last (two bytes),
 * and the bytes of the connection. Each run comes from another address, because the kernel keeps
 * the port of a connection for a minute.
 */
#include "fuzz.h"

#include "../unit/dns/fixture.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/socket.h"
#include "dns/tcp.h"

const unsigned fuzz_mutations = 6000;

enum { PIECES_MAX = 16, BYTES_MAX = 16384, ANSWERS_MAX = 1 << 20, PATIENCE_MS = 20000 };

/* Each of the answers is the same in every run: no rotation, no time, no cookie. */
static struct locum_dns_table *
table(void)
{
    static struct locum_dns_table *kept;
    if (kept == NULL) {
        struct site *site = site_new();
        site_record(site, 0, "www CNAME @");
        site_record(site, 0, "@ TXT \"text\"");
        kept = site_table(site);
        free(site);
    }
    return kept;
}

static const struct locum_dns_tcp_limits limits = {
    .connections_max = 4,
    .client_connections_max = 1,
    .output_bytes_max = 512,
    .message_ms = PATIENCE_MS,
    .write_ms = PATIENCE_MS,
    .idle_ms = PATIENCE_MS,
};

/* One server for all runs. */
static struct locum_address
serve(void)
{
    static struct locum_address at;
    static struct locum_dns_tcp *server;
    if (server == NULL) {
        struct sockaddr_storage name;
        socklen_t length = sizeof(name);
        REQUIRE(locum_address_parse(locum_slice_of("127.0.0.1"), &at) == 0);
        const int fd = locum_socket_listen(&at, 16);
        REQUIRE(fd >= 0 && getsockname(fd, (struct sockaddr *)&name, &length) == 0);
        REQUIRE(locum_address_from_sockaddr((struct sockaddr *)&name, &at) == 0);
        REQUIRE(locum_dns_tcp_create(&limits, &server) == 0);
        locum_dns_tcp_publish(server, table());
        REQUIRE(locum_dns_tcp_listen(server, fd) == 0);
    }
    return at;
}

static int
dial(const struct locum_address *at)
{
    static uint32_t run;
    struct sockaddr_storage name;
    const socklen_t length = locum_address_to_sockaddr(at, &name);
    const struct sockaddr_in source = {.sin_family = AF_INET,
                                       .sin_addr.s_addr = htonl(0x7f010000u + (run++ & 0xffff))};
    const int on = 1;
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    REQUIRE(fd >= 0);
    REQUIRE(bind(fd, (const struct sockaddr *)&source, sizeof(source)) == 0);
    REQUIRE(connect(fd, (const struct sockaddr *)&name, length) == 0);
    REQUIRE(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) == 0);
    return fd;
}

/* What must be answered to these bytes. Its length. *ret_whole: no message among them was no query.
 */
static size_t
expect(const uint8_t *bytes, size_t size, uint8_t *ret, bool *ret_whole)
{
    static const uint8_t client[] = {127, 1, 0, 0};
    size_t total = 0;
    *ret_whole = true;
    for (size_t at = 0; size - at >= 2;) {
        const size_t length = locum_packet_u16(bytes + at);
        if (length > size - at - 2) {
            break;
        }
        const struct locum_dns_query query = {.packet = bytes + at + 2,
                                              .length = length,
                                              .client = {client, sizeof(client)},
                                              .bytes_max = LOCUM_DNS_TCP_BYTES_MAX,
                                              .idle_ms = limits.idle_ms};
        REQUIRE(total + 2 + LOCUM_DNS_TCP_BYTES_MAX <= ANSWERS_MAX);
        const size_t answer = locum_query_answer(table(), &query, ret + total + 2).length;
        if (answer == 0) {
            *ret_whole = false;
            break;
        }
        locum_packet_put_u16(ret + total, (uint16_t)answer);
        total += 2 + answer;
        at += 2 + length;
    }
    return total;
}

struct exchange {
    const uint8_t *bytes;
    size_t size;
    size_t sent;
    uint8_t answers[ANSWERS_MAX];
    size_t answered;
};

/* Take what has been answered, and wait for all of it if `all`. */
static void
receive(struct exchange *self, int fd, bool all)
{
    for (;;) {
        struct pollfd wait = {.fd = fd, .events = POLLIN};
        if (poll(&wait, 1, all ? PATIENCE_MS : 0) != 1) {
            REQUIRE(!all);
            return;
        }
        const ssize_t n = recv(fd, self->answers + self->answered, ANSWERS_MAX - self->answered, 0);
        if (n <= 0) {
            return; /* also after a reset: it has closed with bytes unread */
        }
        self->answered += (size_t)n;
    }
}

/* The server may have closed already. */
static void
send_piece(struct exchange *self, int fd, size_t length)
{
    length = length < self->size - self->sent ? length : self->size - self->sent;
    while (length > 0) {
        const ssize_t n = send(fd, self->bytes + self->sent, length, MSG_NOSIGNAL);
        if (n <= 0) {
            return;
        }
        self->sent += (size_t)n;
        length -= (size_t)n;
        receive(self, fd, false);
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct exchange exchange;
    static uint8_t expected[ANSWERS_MAX];
    if (size < 1 || size > BYTES_MAX) {
        return 0;
    }
    const size_t pieces = data[0] % PIECES_MAX;
    if (size < 1 + 2 * pieces) {
        return 0;
    }
    const struct locum_address at = serve();
    exchange.bytes = data + 1 + 2 * pieces;
    exchange.size = size - 1 - 2 * pieces;
    exchange.sent = exchange.answered = 0;
    bool whole;
    const size_t wanted = expect(exchange.bytes, exchange.size, expected, &whole);
    const int fd = dial(&at);
    for (size_t i = 0; i < pieces; i++) {
        send_piece(&exchange, fd, locum_packet_u16(data + 1 + 2 * i));
    }
    send_piece(&exchange, fd, exchange.size);
    (void)shutdown(fd, SHUT_WR);
    receive(&exchange, fd, true);
    (void)close(fd);
    /* If it has not read all, a reset may overtake the last answers; but there are never others. */
    REQUIRE(whole ? exchange.answered == wanted : exchange.answered <= wanted);
    REQUIRE(memcmp(exchange.answers, expected, exchange.answered) == 0);
    return 0;
}
