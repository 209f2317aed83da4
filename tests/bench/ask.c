/*
 * ask: asks a name server over UDP or TCP, checks every answer and measures the server's CPU time.
 *
 *     ask [OPTION...] ADDRESS PORT MIX
 *
 * MIX is a file of lines "WEIGHT NAME TYPE RCODE ANSWERS": of the sum of all weights so many
 * queries ask for NAME and the number TYPE, and the answer has the number RCODE and so many records
 * in its answer section. Each `?` of a name becomes a random letter.
 *
 *     --seconds S       how long to ask
 *     --outstanding N   queries without an answer at any time: the next is sent for each answer
 *     --rate R          instead: R queries a second, evenly spaced, while N or fewer wait for
 *                       an answer
 *     --edns            queries have an OPT record
 *     --dnssec          and DO in it
 *     --cookies         and a cookie, first got from the server for each source (RFC 7873)
 *     --sources N       the queries come from so many networks 10.64.0.0/24, 10.64.1.0/24 ...,
 *                       whose addresses must be local; default: from one address
 *     --connections N   over TCP, with N connections
 *     --echo            the server returns each query
 *     --patience MS     after this time a query is lost; default: 1000
 *     --pids P,P...     whose CPU time to count
 *
 * It never sleeps, so that no server pays for waking it, and it sends runs of queries of the same
 * length as one datagram that the kernel cuts (UDP_SEGMENT, udp(7)): its own share is small, and
 * the server always has a queue. It prints a line of JSON: how many queries were sent, answered
 * rightly, answered with TC, answered wrongly, lost, the sources that got a server cookie,
 * the seconds that it took, and the CPU seconds.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "tests/bench/queries.h"

enum {
    RUN = 16,     /* queries in one datagram, and answers read at once */
    RUNS = 8,     /* datagrams sent at once */
    SLOTS = 1024, /* outstanding queries at most: the low bits of an identifier */
    ANSWER_MAX = 4096,
    STREAM_MAX = 1 << 17,
    CONNECTIONS_MAX = 64,
    SOURCES_MAX = 4096,
    PIDS_MAX = 32,
    CLIENT_COOKIE = 8,
    COOKIE = 24, /* of a client and a server that makes none, and of most that do (RFC 9018) */
    COOKIE_MAX = 40,
    FIRST_US = 1000000, /* how long to wait for a cookie */
};

struct slot {
    const struct query *query;
    uint64_t sent_us;
    uint16_t turn; /* the high bits of the identifier */
    bool busy;
    uint8_t connection;
};

struct connection {
    int fd;
    uint8_t in[STREAM_MAX], out[STREAM_MAX];
    size_t in_length, out_length;
    size_t outstanding;
};

static struct {
    struct sockaddr_in server;
    double seconds;
    size_t outstanding, rate, sources, connections, patience_ms;
    bool edns, dnssec, cookies, echo;
    pid_t pids[PIDS_MAX];
    size_t pid_count;
} options = {.seconds = 1, .outstanding = 128, .patience_ms = 1000};

static struct {
    size_t sent, answered, truncated, wrong, lost, cookies;
} counts;

static struct query pool[QUERIES_POOL];
static size_t next_query, next_source;
static struct slot slots[SLOTS];
static uint16_t free_slots[SLOTS];
static size_t free_count;
static uint8_t cookies[SOURCES_MAX][COOKIE_MAX];
static size_t cookie_length = COOKIE; /* all of one server have the same */

static void
fail(const char *what)
{
    (void)fprintf(stderr, "ask: %s: %s\n", what, strerror(errno));
    exit(1);
}

static uint64_t
now_us(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

/* --- The queries --- */

/* Copy the next query, with a new identifier and the cookie of its source. */
static size_t
take_query(uint8_t *to, size_t source, uint8_t connection, uint64_t now)
{
    const struct query *query = &pool[next_query++ % QUERIES_POOL];
    const uint16_t number = free_slots[--free_count];
    struct slot *slot = &slots[number];
    const uint16_t turn = (uint16_t)(slot->turn + 1);
    *slot = (struct slot){
        .query = query, .sent_us = now, .turn = turn, .busy = true, .connection = connection};
    memcpy(to, query->bytes, query->length);
    queries_put_u16(to, (size_t)turn * SLOTS + number);
    if (options.cookies) {
        memcpy(to + query->length - cookie_length, cookies[source], cookie_length);
    }
    counts.sent++;
    return query->length;
}

/* Check an answer and count it. The slot that it frees, or NULL. */
static const struct slot *
take_answer(const uint8_t *answer, size_t length)
{
    const size_t id = length >= 12 ? queries_get_u16(answer) : 0;
    struct slot *slot = &slots[id % SLOTS];
    if (length < 12 || !slot->busy || (uint16_t)(slot->turn * SLOTS) != id - id % SLOTS) {
        return NULL; /* it came too late */
    }
    const struct query *query = slot->query;
    const bool same = length >= 12 + query->question_length &&
                      memcmp(answer + 12, query->bytes + 12, query->question_length) == 0;
    slot->busy = false;
    free_slots[free_count++] = (uint16_t)(id % SLOTS);
    if (options.echo) {
        *(same && length == query->length ? &counts.answered : &counts.wrong) += 1;
    } else if (!same || (answer[2] & 0x80) == 0) {
        counts.wrong++;
    } else if ((answer[2] & 2) != 0 && queries_get_u16(answer + 6) == 0) {
        counts.truncated++;
    } else if ((answer[3] & 15u) == query->rcode && queries_get_u16(answer + 6) == query->answers &&
               (answer[11] > 0 || !options.edns)) {
        counts.answered++;
    } else {
        counts.wrong++;
    }
    return slot;
}

/* Give up what was sent too long ago. `connection`: only its queries; -1: of all. */
static void
take_lost(uint64_t sent_before_us, int connection)
{
    for (uint16_t i = 0; i < SLOTS; i++) {
        if (slots[i].busy && slots[i].sent_us < sent_before_us &&
            (connection < 0 || slots[i].connection == connection)) {
            slots[i].busy = false;
            free_slots[free_count++] = i;
            counts.lost++;
        }
    }
}

/* How many queries may be sent now. What was not sent in time, as this program did not run, is not
 * sent at once afterwards. */
static size_t
due(uint64_t now)
{
    static uint64_t next_ns;
    if (options.rate == 0 || free_count == 0) {
        return free_count;
    }
    const uint64_t interval_ns = 1000000000 / options.rate;
    if (now * 1000 < next_ns) {
        return 0;
    }
    next_ns = now * 1000 < next_ns + interval_ns ? next_ns + interval_ns : now * 1000;
    return 1;
}

/* --- UDP --- */

static uint8_t run_bytes[RUNS][RUN * QUERY_BYTES_MAX];
static struct iovec run_parts[RUNS];
static struct mmsghdr run_messages[RUNS];
static struct {
    _Alignas(struct cmsghdr) char bytes[CMSG_SPACE(sizeof(struct in_pktinfo)) +
                                        CMSG_SPACE(sizeof(uint16_t))];
} run_controls[RUNS];

static char *
put_control(struct msghdr *header, char *at, int level, int type, const void *value, size_t length)
{
    const struct cmsghdr control = {
        .cmsg_level = level, .cmsg_type = type, .cmsg_len = CMSG_LEN(length)};
    memcpy(at, &control, sizeof(control));
    memcpy(at + CMSG_LEN(0), value, length);
    header->msg_controllen += CMSG_SPACE(length);
    return at + CMSG_SPACE(length);
}

/* Where message i goes and comes from, and at which lengths it is cut; 0: nowhere. */
static void
address_message(size_t i, size_t source, uint16_t cut)
{
    struct msghdr *header = &run_messages[i].msg_hdr;
    char *at = run_controls[i].bytes;
    *header = (struct msghdr){.msg_name = &options.server,
                              .msg_namelen = sizeof(options.server),
                              .msg_iov = &run_parts[i],
                              .msg_iovlen = 1,
                              .msg_control = run_controls[i].bytes};
    if (options.sources > 0) {
        struct in_pktinfo from = {0};
        from.ipi_spec_dst.s_addr = htonl(0x0a400001u + (uint32_t)(source << 8));
        at = put_control(header, at, IPPROTO_IP, IP_PKTINFO, &from, sizeof(from));
    }
    if (cut > 0) {
        (void)put_control(header, at, IPPROTO_UDP, UDP_SEGMENT, &cut, sizeof(cut));
    }
}

/* A run of at most `count` queries as message i. How many it has. */
static size_t
make_run(size_t i, size_t count, uint64_t now)
{
    const size_t source = options.sources > 0 ? next_source++ % options.sources : 0;
    const size_t length = pool[next_query % QUERIES_POOL].length;
    size_t made = 0, at = 0;
    while (made < RUN && made < count && pool[next_query % QUERIES_POOL].length == length) {
        at += take_query(run_bytes[i] + at, source, 0, now);
        made++;
    }
    run_parts[i] = (struct iovec){.iov_base = run_bytes[i], .iov_len = at};
    address_message(i, source, made > 1 ? (uint16_t)length : 0);
    return made;
}

/* In the closed loop, only when enough may be sent at once. */
static void
send_datagrams(int fd, uint64_t now, size_t count)
{
    const size_t least = options.outstanding < 2 * RUN ? 1 : RUN;
    if (count == 0 || (options.rate == 0 && count < least)) {
        return;
    }
    size_t runs = 0;
    while (runs < RUNS && count > 0) {
        count -= make_run(runs++, count, now);
    }
    for (size_t sent = 0; sent < runs;) {
        const int n = sendmmsg(fd, run_messages + sent, (unsigned)(runs - sent), 0);
        if (n <= 0) {
            fail("sendmmsg");
        }
        sent += (size_t)n;
    }
}

static size_t
read_datagrams(int fd)
{
    static uint8_t answers[RUN][ANSWER_MAX];
    static struct iovec parts[RUN];
    static struct mmsghdr messages[RUN];
    for (size_t i = 0; i < RUN; i++) {
        parts[i] = (struct iovec){.iov_base = answers[i], .iov_len = ANSWER_MAX};
        messages[i].msg_hdr = (struct msghdr){.msg_iov = &parts[i], .msg_iovlen = 1};
    }
    const int received = recvmmsg(fd, messages, RUN, MSG_DONTWAIT, NULL);
    for (int i = 0; i < received; i++) {
        (void)take_answer(answers[i], messages[i].msg_len);
    }
    return received > 0 ? (size_t)received : 0;
}

/* The answer to one query; 0: none has come. */
static size_t
ask_once(int fd, size_t source, const uint8_t *query, size_t length, uint8_t *answer)
{
    run_parts[0] = (struct iovec){.iov_base = (void *)(uintptr_t)query, .iov_len = length};
    address_message(0, source, 0);
    if (sendmsg(fd, &run_messages[0].msg_hdr, 0) < 0) {
        fail("sendmsg");
    }
    for (const uint64_t end = now_us() + FIRST_US; now_us() < end;) {
        const ssize_t received = recv(fd, answer, ANSWER_MAX, MSG_DONTWAIT);
        if (received > 0) {
            return (size_t)received;
        }
    }
    return 0;
}

/* Ask once from each source, and keep the cookie of the answer. The pool is made after it. */
static void
get_cookies(int fd)
{
    static const uint8_t client[CLIENT_COOKIE] = "Locum123";
    static struct query query;
    uint8_t answer[ANSWER_MAX];
    queries_make(&query, 1, true, options.dnssec, CLIENT_COOKIE, false);
    memcpy(query.bytes + query.length - CLIENT_COOKIE, client, CLIENT_COOKIE);
    for (size_t source = 0; source < (options.sources > 0 ? options.sources : 1); source++) {
        const size_t length = ask_once(fd, source, query.bytes, query.length, answer);
        const uint8_t *found = memmem(answer, length, client, CLIENT_COOKIE);
        memcpy(cookies[source], client, CLIENT_COOKIE);
        memset(cookies[source] + CLIENT_COOKIE, 1, COOKIE_MAX - CLIENT_COOKIE);
        const size_t size = found != NULL ? queries_get_u16(found - 2) : 0;
        if (size > CLIENT_COOKIE && size <= COOKIE_MAX && found + size <= answer + length) {
            memcpy(cookies[source], found, size);
            cookie_length = size;
            counts.cookies++;
        }
    }
}

static int
open_datagrams(void)
{
    const int room = 4 << 20;
    const int fd = socket(AF_INET, SOCK_DGRAM, 0);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room)) != 0) {
        fail("socket");
    }
    return fd;
}

/* --- TCP --- */

static struct connection connections[CONNECTIONS_MAX];

static void
open_connection(struct connection *self)
{
    const int on = 1;
    self->fd = socket(AF_INET, SOCK_STREAM, 0);
    if (self->fd < 0 ||
        connect(self->fd, (const struct sockaddr *)&options.server, sizeof(options.server)) != 0 ||
        setsockopt(self->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) != 0 ||
        fcntl(self->fd, F_SETFL, O_NONBLOCK) != 0) {
        fail("TCP connection");
    }
    self->in_length = self->out_length = self->outstanding = 0;
}

/* Send what is due on this connection, which has its share of the outstanding queries. */
static void
fill_connection(size_t i, uint64_t now)
{
    struct connection *self = &connections[i];
    const size_t share = options.outstanding / options.connections;
    if (self->out_length == 0 && self->outstanding <= share / 2) {
        while (self->outstanding < share && free_count > 0) {
            uint8_t *to = self->out + self->out_length;
            const size_t length = take_query(to + 2, 0, (uint8_t)i, now);
            queries_put_u16(to, length);
            self->out_length += 2 + length;
            self->outstanding++;
        }
    }
    if (self->out_length > 0) {
        const ssize_t sent = send(self->fd, self->out, self->out_length, MSG_NOSIGNAL);
        if (sent > 0) {
            self->out_length -= (size_t)sent;
            memmove(self->out, self->out + sent, self->out_length);
        }
    }
}

static void
read_connection(size_t i)
{
    struct connection *self = &connections[i];
    size_t at = 0;
    const ssize_t length =
        recv(self->fd, self->in + self->in_length, sizeof(self->in) - self->in_length, 0);
    if (length == 0 || (length < 0 && errno != EAGAIN)) { /* the server has closed it */
        take_lost(UINT64_MAX, (int)i);
        close(self->fd);
        open_connection(self);
        return;
    }
    self->in_length += length > 0 ? (size_t)length : 0;
    while (self->in_length - at >= 2 &&
           queries_get_u16(self->in + at) <= self->in_length - at - 2) {
        const size_t size = queries_get_u16(self->in + at);
        self->outstanding -= take_answer(self->in + at + 2, size) != NULL;
        at += 2 + size;
    }
    self->in_length -= at;
    memmove(self->in, self->in + at, self->in_length);
}

/* --- The measurement --- */

static double
cpu_s(void)
{
    double sum = 0;
    for (size_t i = 0; i < options.pid_count; i++) {
        clockid_t clock;
        struct timespec used;
        if (clock_getcpuclockid(options.pids[i], &clock) == 0 && clock_gettime(clock, &used) == 0) {
            sum += (double)used.tv_sec + (double)used.tv_nsec / 1e9;
        }
    }
    return sum;
}

/* Send and read once, over what there is. */
static void
step(int fd, uint64_t now, bool sends)
{
    for (size_t i = 0; i < options.connections; i++) {
        if (sends) {
            fill_connection(i, now);
        }
        read_connection(i);
    }
    if (options.connections == 0) {
        if (sends) {
            send_datagrams(fd, now, due(now));
        }
        while (read_datagrams(fd) == RUN) {
        }
    }
}

/* Ask until the time is over, then wait for the last answers. */
static void
measure(int fd)
{
    const uint64_t wanted_us = (uint64_t)(options.seconds * 1e6);
    const double cpu_before = cpu_s();
    const uint64_t begin = now_us();
    uint64_t now = begin, looked = begin;
    while (now - begin < wanted_us || free_count < options.outstanding) {
        step(fd, now, now - begin < wanted_us);
        now = now_us();
        if (now - looked > options.patience_ms * 100) {
            take_lost(now - options.patience_ms * 1000, -1);
            looked = now;
        }
    }
    (void)printf("{\"sent\": %zu, \"answered\": %zu, \"truncated\": %zu, \"wrong\": %zu, "
                 "\"lost\": %zu, \"cookies\": %zu, \"seconds\": %.6f, \"cpu_s\": %.9f}\n",
                 counts.sent, counts.answered, counts.truncated, counts.wrong, counts.lost,
                 counts.cookies, (double)(now - begin) / 1e6, cpu_s() - cpu_before);
}

static void
take_pids(char *text)
{
    for (char *word = strtok(text, ","); word != NULL && options.pid_count < PIDS_MAX;
         word = strtok(NULL, ",")) {
        options.pids[options.pid_count++] = (pid_t)strtol(word, NULL, 10);
    }
}

/* False: the command line is not one. */
static bool
take_options(int argc, char **argv)
{
    static size_t *const numbers[] = {&options.outstanding, &options.rate, &options.sources,
                                      &options.connections, &options.patience_ms};
    static const struct option known[] = {
        {"outstanding", 1, NULL, 0}, {"rate", 1, NULL, 1},     {"sources", 1, NULL, 2},
        {"connections", 1, NULL, 3}, {"patience", 1, NULL, 4}, {"seconds", 1, NULL, 's'},
        {"pids", 1, NULL, 'p'},      {"edns", 0, NULL, 'e'},   {"cookies", 0, NULL, 'c'},
        {"echo", 0, NULL, 'o'},      {"dnssec", 0, NULL, 'd'}, {NULL, 0, NULL, 0}};
    for (int option; (option = getopt_long(argc, argv, "", known, NULL)) != -1;) {
        options.echo = options.echo || option == 'o';
        options.cookies = options.cookies || option == 'c';
        options.dnssec = options.dnssec || option == 'd';
        options.edns = options.edns || option == 'e' || option == 'c' || option == 'd';
        if (option == '?') {
            return false;
        } else if (option == 's') {
            options.seconds = strtod(optarg, NULL);
        } else if (option == 'p') {
            take_pids(optarg);
        } else if (option < (int)(sizeof(numbers) / sizeof(*numbers))) {
            *numbers[option] = strtoul(optarg, NULL, 10);
        }
    }
    options.server.sin_family = AF_INET;
    return argc - optind == 3 && inet_pton(AF_INET, argv[optind], &options.server.sin_addr) == 1 &&
           options.outstanding > 0 && options.outstanding <= SLOTS &&
           options.sources <= SOURCES_MAX && options.connections <= CONNECTIONS_MAX &&
           options.connections <= options.outstanding;
}

int
main(int argc, char **argv)
{
    if (!take_options(argc, argv)) {
        (void)fprintf(stderr, "usage: ask [OPTION...] ADDRESS PORT MIX\n");
        return 2;
    }
    options.server.sin_port = htons((uint16_t)strtoul(argv[optind + 1], NULL, 10));
    if (!queries_read(argv[optind + 2])) {
        fail(argv[optind + 2]);
    }
    const int fd = options.connections == 0 ? open_datagrams() : -1;
    for (size_t i = 0; i < options.connections; i++) {
        open_connection(&connections[i]);
    }
    if (options.cookies && options.connections == 0) {
        get_cookies(fd);
    }
    queries_make(pool, QUERIES_POOL, options.edns, options.dnssec,
                 options.cookies ? cookie_length : 0, options.rate == 0);
    for (free_count = 0; free_count < options.outstanding; free_count++) {
        free_slots[free_count] = (uint16_t)free_count;
    }
    measure(fd);
    return 0;
}
