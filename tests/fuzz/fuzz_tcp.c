/*
 * fuzz_tcp: the bytes of one TCP connection, in pieces of any size. The server gives the answers
 * that locum_query_answer() gives to the messages in them, in their order, up to the first message
 * that is no query, and then closes.
 *
 * An input is a number of pieces (its low four bits), the length of each but the last (two bytes),
 * and the bytes of the connection, which is one end of a socket pair. All runs in one thread.
 */
#include "fuzz.h"

#include "../unit/dns/fixture.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/event.h>

#include "base/timer.h"
#include "dns/connection.h"

const unsigned fuzz_mutations = 8000;

enum {
    PIECES_MAX = 16,
    BYTES_MAX = 16384,
    ANSWERS_MAX = 1 << 20,
    ITERATIONS_MAX = 10000, /* of the loop, until the connection is closed */
};

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

static struct locum_dns_service service = {
    .limits = {.connections_max = 4,
               .client_connections_max = 4,
               .output_bytes_max = 512,
               .message_ms = 3600000,
               .write_ms = 3600000,
               .idle_ms = 10000},
};

/* The client's end of a new connection. */
static int
dial(void)
{
    static const struct sockaddr_in from = {.sin_family = AF_INET};
    int ends[2];
    if (service.base == NULL) {
        service.base = locum_timer_base(EVENT_BASE_FLAG_NOLOCK);
        REQUIRE(service.base != NULL);
        service.table = table();
        locum_dns_clients_init(&service.clients);
    }
    REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) == 0);
    struct locum_dns_connection *connection =
        locum_dns_connection_create(&service, ends[1], (const struct sockaddr *)&from);
    REQUIRE(connection != NULL);
    locum_dns_connection_serve(connection);
    return ends[0];
}

/* What must be answered to these bytes. Its length. */
static size_t
expect(const uint8_t *bytes, size_t size, uint8_t *ret)
{
    static const uint8_t client[] = {127, 1, 0, 0};
    size_t total = 0;
    for (size_t at = 0; size - at >= 2;) {
        const size_t length = locum_packet_u16(bytes + at);
        if (length > size - at - 2) {
            break;
        }
        const struct locum_dns_query query = {.packet = bytes + at + 2,
                                              .length = length,
                                              .client = {client, sizeof(client)},
                                              .bytes_max = LOCUM_DNS_TCP_BYTES_MAX,
                                              .idle_ms = service.limits.idle_ms};
        REQUIRE(total + 2 + LOCUM_DNS_TCP_BYTES_MAX <= ANSWERS_MAX);
        const size_t answer = locum_query_answer(table(), &query, ret + total + 2).length;
        if (answer == 0) {
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

/* Let the server work, and take what it has answered. */
static void
turn(struct exchange *self, int fd)
{
    ssize_t n;
    REQUIRE(event_base_loop(service.base, EVLOOP_NONBLOCK) >= 0);
    while ((n = recv(fd, self->answers + self->answered, ANSWERS_MAX - self->answered, 0)) > 0) {
        self->answered += (size_t)n;
    }
}

/* The server may have closed already. */
static void
send_piece(struct exchange *self, int fd, size_t length)
{
    length = length < self->size - self->sent ? length : self->size - self->sent;
    while (length > 0 && service.open_count > 0) {
        const ssize_t n = send(fd, self->bytes + self->sent, length, MSG_NOSIGNAL);
        if (n > 0) {
            self->sent += (size_t)n;
            length -= (size_t)n;
        }
        turn(self, fd);
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct exchange exchange;
    static uint8_t expected[ANSWERS_MAX];
    const size_t pieces = size > 0 ? data[0] % PIECES_MAX : 0;
    if (size < 1 + 2 * pieces || size > BYTES_MAX) {
        return 0;
    }
    exchange.bytes = data + 1 + 2 * pieces;
    exchange.size = size - 1 - 2 * pieces;
    exchange.sent = exchange.answered = 0;
    const int fd = dial();
    for (size_t i = 0; i < pieces; i++) {
        send_piece(&exchange, fd, locum_packet_u16(data + 1 + 2 * i));
    }
    send_piece(&exchange, fd, exchange.size);
    REQUIRE(shutdown(fd, SHUT_WR) == 0);
    for (size_t i = 0; service.open_count > 0; i++) {
        REQUIRE(i < ITERATIONS_MAX);
        turn(&exchange, fd);
    }
    turn(&exchange, fd);
    (void)close(fd);
    REQUIRE(exchange.answered == expect(exchange.bytes, exchange.size, expected));
    REQUIRE(memcmp(exchange.answers, expected, exchange.answered) == 0);
    return 0;
}
