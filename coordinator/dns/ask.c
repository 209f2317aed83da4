#include "dns/ask.h"

#include <arpa/nameser.h>
#include <errno.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <resolv.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"
#include "base/socket.h"
#include "core/nodes.h"
#include "dns/packet.h"
#include "dns/soa.h"
#include "dns/zone.h"

enum {
    LENGTH_BYTES = 2, /* before a message over TCP (RFC 1035 4.2.2) */
    ANSWER_BYTES_MAX = 4096,
    STRAY_MAX = 16, /* datagrams read from one socket for one question */
    AA = 0x04,
};

/* By transport, in seconds: from one question to the next, and from its begin to its result. */
static const unsigned period_s[LOCUM_TRANSPORTS] = {2, 10};
static const unsigned result_s[LOCUM_TRANSPORTS] = {1, 2};

struct wire_name {
    uint8_t at[LOCUM_DNS_NAME_MAX]; /* lower case */
    size_t length;
};

/* What is asked about one zone, and what its SOA must have. */
struct zone_question {
    uint8_t query[LOCUM_SOA_QUESTION_MAX]; /* with id 0 */
    size_t length;
    struct wire_name mname, rname;
};

/* A question to one address. */
struct exchange {
    int fd; /* -1: it is over, and `state` is its result */
    uint16_t id;
    enum locum_dns_state state;
    const struct zone_question *question;
    struct event ready; /* of a TCP connection: it is made, then an answer has come */
};

/* A question to all addresses of a peer in one family. */
struct round {
    bool running;
    unsigned age_s; /* since it began */
    unsigned due_s; /* the age at which the next one begins */
    size_t zone;
    struct exchange at[LOCUM_ADDRESSES_MAX]; /* as in the configuration of the node */
};

struct locum_dns_ask {
    struct event_base *base;
    const struct locum_config *config;
    locum_dns_ask_fn *on_result;
    void *user;
    struct zone_question zones[LOCUM_ZONES_MAX];
    struct round rounds[LOCUM_NODES_MAX][LOCUM_FAMILIES][LOCUM_TRANSPORTS];
};

static int
make_name(const char *text, struct wire_name *ret)
{
    ldns_rdf *name = locum_zone_dname(text);
    if (name == NULL) {
        return LOCUM_ERR_MEMORY;
    }
    ret->length = ldns_rdf_size(name);
    memcpy(ret->at, ldns_rdf_data(name), ret->length);
    ldns_rdf_deep_free(name);
    return 0;
}

static int
make_question(const struct locum_config_zone *zone, struct zone_question *ret)
{
    if (make_name(zone->soa.mname, &ret->mname) != 0 ||
        make_name(zone->soa.rname, &ret->rname) != 0) {
        return LOCUM_ERR_MEMORY;
    }
    ret->length = locum_soa_question(zone->name, 0, ret->query);
    return 0;
}

int
locum_dns_ask_create(struct event_base *base, const struct locum_config *config,
                     locum_dns_ask_fn *on_result, void *user, struct locum_dns_ask **ret)
{
    struct locum_dns_ask *self = calloc(1, sizeof(*self));
    if (self == NULL) {
        return LOCUM_ERR_MEMORY;
    }
    self->base = base;
    self->config = config;
    self->on_result = on_result;
    self->user = user;
    for (size_t zone = 0; zone < config->zone_count; zone++) {
        if (make_question(&config->zones[zone], &self->zones[zone]) != 0) {
            free(self);
            return LOCUM_ERR_MEMORY;
        }
    }
    *ret = self;
    return 0;
}

/* Read the name at *at and move *at behind it. Is it this one? */
static bool
is_name(const uint8_t *packet, const uint8_t *end, const uint8_t **at, const struct wire_name *name)
{
    uint8_t read[NS_MAXCDNAME];
    const int used = ns_name_unpack(packet, end, *at, read, sizeof(read));
    if (used < 0) {
        return false;
    }
    *at += used;
    for (size_t i = 0; i < name->length; i++) { /* `read` is whole, so this ends with it */
        const uint8_t c = read[i] >= 'A' && read[i] <= 'Z' ? (uint8_t)(read[i] + 32) : read[i];
        if (c != name->at[i]) {
            return false;
        }
    }
    return true;
}

/* Does the answer section begin with the SOA that the zone is configured with? */
static bool
has_soa(const struct zone_question *question, const uint8_t *packet, size_t length)
{
    const uint8_t *end = packet + length;
    const uint8_t *at = packet + question->length;
    const int owner_length = dn_skipname(at, end);
    if (owner_length < 0 || end - at < owner_length + NS_RRFIXEDSZ ||
        locum_packet_u16(at + owner_length) != LOCUM_TYPE_SOA) {
        return false;
    }
    at += owner_length + NS_RRFIXEDSZ;
    return is_name(packet, end, &at, &question->mname) &&
           is_name(packet, end, &at, &question->rname);
}

/* What an answer says; UNKNOWN: it is no answer to this question. */
static enum locum_dns_state
read_answer(const struct zone_question *question, uint16_t id, const uint8_t *packet, size_t length)
{
    if (!locum_soa_is_answered(question->query, question->length, id, packet, length)) {
        return LOCUM_DNS_UNKNOWN;
    }
    const uint8_t rcode = packet[3] & 0x0f;
    if (rcode != 0) {
        return rcode == LOCUM_RCODE_REFUSED ? LOCUM_DNS_REFUSED : LOCUM_DNS_RCODE;
    }
    if ((packet[2] & AA) == 0) {
        return LOCUM_DNS_NO_AUTHORITY;
    }
    return locum_packet_u16(packet + 6) > 0 && has_soa(question, packet, length)
               ? LOCUM_DNS_OK
               : LOCUM_DNS_OTHER_SOA;
}

static void
finish(struct exchange *exchange, enum locum_dns_state state)
{
    if (exchange->fd >= 0) {
        if (event_initialized(&exchange->ready)) {
            (void)event_del(&exchange->ready);
        }
        (void)close(exchange->fd);
    }
    *exchange = (struct exchange){.fd = -1, .state = state};
}

/* The result after a system call failed. Without a route, or a descriptor, nothing was asked. */
static enum locum_dns_state
failed_state(int error)
{
    switch (error) {
    case ENETUNREACH:
    case EADDRNOTAVAIL:
    case EAFNOSUPPORT:
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM: return LOCUM_DNS_UNKNOWN;
    default: return LOCUM_DNS_UNREACHABLE;
    }
}

static void
send_query(struct exchange *exchange, enum locum_transport transport)
{
    const struct zone_question *question = exchange->question;
    uint8_t message[LENGTH_BYTES + LOCUM_SOA_QUESTION_MAX];
    const size_t skipped = transport == LOCUM_TRANSPORT_TCP ? 0 : LENGTH_BYTES;
    (void)!getrandom(&exchange->id, sizeof(exchange->id), 0);
    locum_packet_put_u16(message, (uint16_t)question->length);
    memcpy(message + LENGTH_BYTES, question->query, question->length);
    locum_packet_put_u16(message + LENGTH_BYTES, exchange->id);
    if (send(exchange->fd, message + skipped, LENGTH_BYTES + question->length - skipped,
             MSG_NOSIGNAL) < 0) {
        finish(exchange, failed_state(errno));
    }
}

/* What a whole answer over UDP says, if it has come. */
static enum locum_dns_state
receive_udp(const struct exchange *exchange)
{
    uint8_t bytes[ANSWER_BYTES_MAX];
    for (size_t i = 0; i < STRAY_MAX; i++) {
        const ssize_t got = recv(exchange->fd, bytes, sizeof(bytes), MSG_DONTWAIT);
        if (got < 0) {
            return errno == EAGAIN ? LOCUM_DNS_SILENT : LOCUM_DNS_UNREACHABLE;
        }
        const enum locum_dns_state state =
            read_answer(exchange->question, exchange->id, bytes, (size_t)got);
        if (state != LOCUM_DNS_UNKNOWN) {
            return state;
        }
    }
    return LOCUM_DNS_SILENT;
}

/* The same over TCP. A part of an answer stays in the socket. */
static enum locum_dns_state
receive_tcp(const struct exchange *exchange)
{
    uint8_t bytes[LENGTH_BYTES + ANSWER_BYTES_MAX];
    const ssize_t got = recv(exchange->fd, bytes, sizeof(bytes), MSG_DONTWAIT | MSG_PEEK);
    if (got < 0 && errno != EAGAIN) {
        return LOCUM_DNS_UNREACHABLE;
    }
    const size_t length = got < LENGTH_BYTES ? 0 : locum_packet_u16(bytes);
    if (length == 0 || (size_t)got - LENGTH_BYTES < length) {
        return LOCUM_DNS_SILENT; /* also one that was closed without an answer */
    }
    const enum locum_dns_state state =
        read_answer(exchange->question, exchange->id, bytes + LENGTH_BYTES, length);
    /* Unread, it would make close() reset the connection. */
    (void)!recv(exchange->fd, bytes, sizeof(bytes), MSG_DONTWAIT);
    return state != LOCUM_DNS_UNKNOWN ? state : LOCUM_DNS_SILENT;
}

/*
 * A TCP connection is made, or an answer has come. Both are handled at once, because NSD 4.12 waits
 * for open connections before it takes a new zone. An answer in pieces is read with the result.
 */
static void
on_ready(evutil_socket_t fd, short what, void *user)
{
    struct exchange *exchange = user;
    if ((what & EV_WRITE) != 0) {
        struct event_base *base = event_get_base(&exchange->ready);
        send_query(exchange, LOCUM_TRANSPORT_TCP);
        if (exchange->fd >= 0 &&
            event_assign(&exchange->ready, base, fd, EV_READ, on_ready, exchange) == 0) {
            (void)event_add(&exchange->ready, NULL);
        }
        return;
    }
    const enum locum_dns_state state = receive_tcp(exchange);
    if (state != LOCUM_DNS_SILENT) {
        finish(exchange, state);
    }
}

static void
begin_exchange(struct locum_dns_ask *self, struct exchange *exchange,
               const struct zone_question *question, const struct locum_address *address,
               enum locum_transport transport)
{
    const bool tcp = transport == LOCUM_TRANSPORT_TCP;
    struct locum_address to = *address;
    to.port = to.port != 0 ? to.port : LOCUM_DNS_PORT;
    *exchange = (struct exchange){.fd = locum_socket_connect(&to, tcp ? SOCK_STREAM : SOCK_DGRAM),
                                  .question = question};
    if (exchange->fd < 0) {
        finish(exchange, failed_state(errno));
    } else if (!tcp) {
        send_query(exchange, transport);
    } else if (event_assign(&exchange->ready, self->base, exchange->fd, EV_WRITE, on_ready,
                            exchange) != 0 ||
               event_add(&exchange->ready, NULL) != 0) {
        finish(exchange, LOCUM_DNS_UNKNOWN);
    }
}

/* One round of one peer, family and transport. */
struct target {
    struct locum_dns_ask *self;
    locum_node peer;
    enum locum_family family;
    enum locum_transport transport;
    struct round *round;
};

static void
begin_round(const struct target *target)
{
    const struct locum_config_node *node = &target->self->config->nodes[target->peer];
    struct round *round = target->round;
    round->age_s = 0;
    for (size_t i = 0; i < node->address_count; i++) {
        if (node->address[i].family == target->family) {
            round->running = true;
            begin_exchange(target->self, &round->at[i], &target->self->zones[round->zone],
                           &node->address[i], target->transport);
        }
    }
}

/* End the round, and return its result. */
static enum locum_dns_state
end_round(const struct target *target)
{
    const struct locum_config_node *node = &target->self->config->nodes[target->peer];
    struct round *round = target->round;
    enum locum_dns_state worst = LOCUM_DNS_UNKNOWN;
    for (size_t i = 0; round->running && i < node->address_count; i++) {
        struct exchange *exchange = &round->at[i];
        if (node->address[i].family != target->family) {
            continue;
        }
        if (exchange->fd >= 0) {
            finish(exchange, target->transport == LOCUM_TRANSPORT_TCP ? receive_tcp(exchange)
                                                                      : receive_udp(exchange));
        }
        worst = exchange->state > worst ? exchange->state : worst;
    }
    round->running = false;
    return worst;
}

/* A zone that failed is asked again at once; else the next zone, when the period is over. */
static void
advance_round(const struct target *target)
{
    struct round *round = target->round;
    round->age_s++;
    if (round->running && round->age_s < result_s[target->transport]) {
        return;
    }
    if (round->running) {
        const enum locum_dns_state state = end_round(target);
        const bool fails = state > LOCUM_DNS_OK;
        round->due_s = fails ? 0 : period_s[target->transport];
        round->zone = fails ? round->zone : (round->zone + 1) % target->self->config->zone_count;
        target->self->on_result(target->self->user, target->peer, target->family, target->transport,
                                state);
    }
    if (round->age_s >= round->due_s) {
        begin_round(target);
    }
}

/* Do it for each round. */
static void
each_round(struct locum_dns_ask *self, locum_nodes peers)
{
    for (size_t i = 0; i < self->config->core.node_count * LOCUM_FAMILIES * LOCUM_TRANSPORTS; i++) {
        struct target target = {
            .self = self,
            .peer = (locum_node)(i / (LOCUM_FAMILIES * LOCUM_TRANSPORTS)),
            .family = (enum locum_family)(i / LOCUM_TRANSPORTS % LOCUM_FAMILIES),
            .transport = (enum locum_transport)(i % LOCUM_TRANSPORTS),
        };
        target.round = &self->rounds[target.peer][target.family][target.transport];
        if (locum_nodes_has(peers, target.peer)) {
            advance_round(&target);
        } else {
            (void)end_round(&target);
        }
    }
}

void
locum_dns_ask_second(struct locum_dns_ask *self, locum_nodes peers)
{
    each_round(self, self->config->zone_count > 0 ? peers : 0);
}

void
locum_dns_ask_destroy(struct locum_dns_ask *self)
{
    if (self != NULL) {
        each_round(self, 0);
        free(self);
    }
}
