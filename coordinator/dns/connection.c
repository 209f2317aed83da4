#include "dns/connection.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>

#include "base/timer.h"
#include "dns/updates.h"

struct locum_dns_connection {
    struct locum_dns_seat seat; /* first: a seat is cast to its connection */
    struct locum_dns_service *service;
    struct bufferevent *stream;
    struct locum_timer deadline;
    struct locum_address peer;
    /* Before these no other query is answered: a transfer; the number of an UPDATE, or 0. */
    struct locum_dns_sending *sending;
    uint64_t updating;
    locum_ms message_by, write_by; /* deadlines (struct locum_now, mono), or LOCUM_NEVER */
    bool ended;                    /* nothing more is read; close it when its answers are sent */
    bool served;                   /* it has had an answer */
};

struct locum_dns_connection *
locum_dns_connection_of(struct locum_dns_seat *seat)
{
    return (struct locum_dns_connection *)seat;
}

const struct locum_dns_client *
locum_dns_connection_client(const struct locum_dns_connection *self)
{
    return self->seat.client;
}

void
locum_dns_connection_close(struct locum_dns_connection *self)
{
    struct locum_dns_service *service = self->service;
    if (self->sending != NULL) {
        locum_dns_sending_end(&service->sendings, self->sending, LOCUM_DNS_NOTE_BROKEN);
    }
    locum_dns_clients_remove(&service->clients, &self->seat);
    service->open_count--;
    locum_timer_fini(&self->deadline);
    /* bufferevent_free() alone would keep the descriptor open until the loop's next iteration, and
     * this one may still accept a hundred more connections. The loop lets go of it first: another
     * thread may have the number as soon as it is closed. */
    const int fd = bufferevent_getfd(self->stream);
    (void)bufferevent_setfd(self->stream, -1);
    (void)close(fd);
    bufferevent_free(self->stream);
    free(self);
}

void
locum_dns_connection_close_for(struct locum_dns_connection *self, enum locum_dns_tcp_closed reason)
{
    self->service->closed_counts[reason]++;
    locum_dns_connection_close(self);
}

static size_t
input_bytes(const struct locum_dns_connection *self)
{
    return evbuffer_get_length(bufferevent_get_input(self->stream));
}

static size_t
output_bytes(const struct locum_dns_connection *self)
{
    return evbuffer_get_length(bufferevent_get_output(self->stream));
}

/* Its answer comes from the main thread. */
static bool
is_busy(const struct locum_dns_connection *self)
{
    return self->sending != NULL || self->updating != 0;
}

bool
locum_dns_connection_is_done(const struct locum_dns_connection *self)
{
    return self->served && !is_busy(self) && input_bytes(self) == 0 && output_bytes(self) == 0;
}

/*
 * Arm the timer for what the connection waits for: until the peer has taken its answers, else for
 * the rest of a message, else for any query. A deadline is set when its wait begins and does not
 * move.
 */
static void
set_deadline(struct locum_dns_connection *self, bool answered)
{
    const struct locum_dns_tcp_limits *limits = &self->service->limits;
    const locum_ms now = locum_clock_read().mono;
    if (output_bytes(self) == 0) {
        self->write_by = LOCUM_NEVER;
    } else if (self->write_by == LOCUM_NEVER) {
        self->write_by = now + limits->write_ms;
    }
    if (input_bytes(self) == 0) {
        self->message_by = LOCUM_NEVER;
    } else if (self->message_by == LOCUM_NEVER || answered) {
        self->message_by = now + limits->message_ms;
    }
    locum_ms by = now + limits->idle_ms;
    if (self->write_by != LOCUM_NEVER) {
        by = self->write_by;
    } else if (self->message_by != LOCUM_NEVER) {
        by = self->message_by;
    }
    locum_timer_arm(&self->deadline, by > now ? by - now : 0);
}

/* user: the connection. What it has waited for did not happen in time. */
static void
on_deadline(void *user)
{
    struct locum_dns_connection *self = user;
    if (self->write_by != LOCUM_NEVER) {
        locum_dns_connection_close_for(self, LOCUM_DNS_TCP_SLOW_READER);
    } else if (self->message_by != LOCUM_NEVER) {
        locum_dns_connection_close_for(self, LOCUM_DNS_TCP_SLOW_QUERY);
    } else {
        locum_dns_connection_close_for(self, LOCUM_DNS_TCP_IDLE);
    }
}

/* Send the first `length` bytes of the service's buffer. False: out of memory. */
static bool
send_reply(struct locum_dns_connection *self, size_t length)
{
    uint8_t *reply = self->service->reply;
    locum_packet_put_u16(reply, (uint16_t)length);
    return bufferevent_write(self->stream, reply, LOCUM_DNS_LENGTH_BYTES + length) == 0;
}

/* Tell the main thread of a client whose signature or request for a transfer is not accepted. */
static void
tell_refused(struct locum_dns_connection *self, const struct locum_dns_reply *given,
             struct locum_dns_note *note)
{
    struct locum_dns_sendings *sendings = &self->service->sendings;
    if (given->transfer == LOCUM_DNS_TRANSFER_REFUSED) {
        locum_dns_sending_report(sendings, LOCUM_DNS_NOTE_REFUSED, note);
    } else if (given->signed_as > LOCUM_DNS_VERIFIED) {
        locum_dns_sending_report(sendings, LOCUM_DNS_NOTE_UNSIGNED, note);
    }
}

/* The first message, or the only one: an error. */
static void
count_transfer(struct locum_dns_service *service, const struct locum_axfr *axfr, uint16_t rcode)
{
    const struct locum_dns_reply reply = {.length = (size_t)axfr->bytes, .rcode = rcode};
    if (axfr->messages == 1) {
        locum_query_count(&service->tally, &reply);
    }
}

/* Begin a transfer, or answer that it cannot begin. */
static bool
begin_transfer(struct locum_dns_connection *self, const struct locum_dns_outgoing *request,
               struct locum_dns_note *note)
{
    struct locum_dns_service *service = self->service;
    self->sending = locum_dns_sending_begin(&service->sendings, self, request, note);
    if (self->sending != NULL) {
        return true;
    }
    locum_query_count_failed(&service->tally);
    locum_dns_sending_report(&service->sendings, LOCUM_DNS_NOTE_FAILED, note);
    struct locum_axfr axfr;
    locum_axfr_init(&axfr, request);
    const size_t length = locum_axfr_fail(&axfr, service->reply + LOCUM_DNS_LENGTH_BYTES,
                                          (uint64_t)locum_clock_read().wall / 1000);
    count_transfer(service, &axfr, LOCUM_RCODE_SERVFAIL);
    locum_axfr_fini(&axfr);
    return send_reply(self, length);
}

/* What the main thread learns of this client and zone. */
static void
describe(const struct locum_dns_connection *self, const struct locum_dns_outgoing *request,
         const struct locum_dns_reply *given, struct locum_dns_note *ret)
{
    *ret = (struct locum_dns_note){.client = self->peer, .signed_as = given->signed_as};
    if (given->transfer != LOCUM_DNS_TRANSFER_NONE) {
        const struct locum_dns_names *names = self->service->table->names;
        const struct locum_dns_name *apex = &names->names[names->zones[request->zone].apex];
        ret->zone_length = apex->length;
        memcpy(ret->zone, apex->wire, apex->length);
    }
}

/* Give an UPDATE to the main thread, or answer that there is no room. False: out of memory. */
static bool
pass_update(struct locum_dns_connection *self, const struct locum_dns_query *query)
{
    struct locum_dns_service *service = self->service;
    const struct locum_dns_pending pending = {
        .client = self->peer, .fd = -1, .id = ++service->last_update};
    if (locum_dns_updates_put(service->table->updates, service->table, query, &pending)) {
        self->updating = pending.id;
        return true;
    }
    return send_reply(self, locum_dns_updates_compose(query->packet, query->update,
                                                      LOCUM_RCODE_SERVFAIL, 0, false, query->wall_s,
                                                      service->reply + LOCUM_DNS_LENGTH_BYTES));
}

/* Answer one whole message. False: it is no query, or out of memory. */
static bool
answer_message(struct locum_dns_connection *self, const uint8_t *message, size_t length)
{
    struct locum_dns_service *service = self->service;
    struct locum_dns_reply given = {0};
    struct locum_dns_outgoing outgoing;
    struct locum_dns_signed_update update;
    (void)locum_dns_table_mailbox_take(&service->mailbox, &service->table);
    if (service->table != NULL) {
        const struct locum_address *peer = &self->peer;
        const struct locum_dns_query query = {
            .packet = message,
            .length = length,
            .client = {peer->bytes, peer->family == LOCUM_V6 ? 16 : 4},
            .wall_s = (uint32_t)(locum_clock_read().wall / 1000),
            .rotation = service->rotation++,
            .bytes_max = LOCUM_DNS_TCP_BYTES_MAX,
            .idle_ms = service->paused ? 0 : service->limits.idle_ms,
            .outgoing = &outgoing,
            .update = &update,
        };
        given = locum_query_answer(service->table, &query, service->reply + LOCUM_DNS_LENGTH_BYTES);
        if (given.update) {
            locum_query_count(&service->tally, &given);
            return pass_update(self, &query);
        }
    }
    locum_query_count(&service->tally, &given);
    if (given.transfer != LOCUM_DNS_TRANSFER_NONE || given.signed_as > LOCUM_DNS_VERIFIED) {
        struct locum_dns_note note;
        describe(self, &outgoing, &given, &note);
        if (given.transfer == LOCUM_DNS_TRANSFER_BEGIN) {
            return begin_transfer(self, &outgoing, &note);
        }
        tell_refused(self, &given, &note);
    }
    return given.length > 0 && send_reply(self, given.length);
}

/* Send messages of the transfer until the peer has enough to take; it ends when all are taken.
 * False: out of memory. */
static bool
send_messages(struct locum_dns_connection *self)
{
    struct locum_dns_service *service = self->service;
    struct locum_axfr *axfr = &self->sending->axfr;
    while (!locum_axfr_is_done(axfr) && output_bytes(self) < service->limits.output_bytes_max) {
        const size_t length = locum_axfr_next(axfr, service->reply + LOCUM_DNS_LENGTH_BYTES,
                                              (uint64_t)locum_clock_read().wall / 1000);
        count_transfer(service, axfr, LOCUM_RCODE_NOERROR);
        if (!send_reply(self, length)) {
            return false;
        }
    }
    if (locum_axfr_is_done(axfr) && output_bytes(self) == 0) {
        locum_dns_sending_end(&service->sendings, self->sending, LOCUM_DNS_NOTE_SENT);
        self->sending = NULL;
    }
    return true;
}

enum message_outcome { WAITING, ANSWERED, BROKEN };

/* Answer the next message of the input, if it is whole. */
static enum message_outcome
answer_next(struct locum_dns_connection *self)
{
    struct evbuffer *input = bufferevent_get_input(self->stream);
    uint8_t prefix[LOCUM_DNS_LENGTH_BYTES];
    if (evbuffer_copyout(input, prefix, sizeof(prefix)) < (ev_ssize_t)sizeof(prefix)) {
        return WAITING;
    }
    const size_t length = locum_packet_u16(prefix);
    if (length < LOCUM_DNS_HEADER_BYTES) {
        return BROKEN;
    }
    if (evbuffer_get_length(input) < LOCUM_DNS_LENGTH_BYTES + length) {
        return WAITING;
    }
    const uint8_t *message = evbuffer_pullup(input, (ev_ssize_t)(LOCUM_DNS_LENGTH_BYTES + length));
    if (message == NULL || !answer_message(self, message + LOCUM_DNS_LENGTH_BYTES, length)) {
        return BROKEN;
    }
    evbuffer_drain(input, LOCUM_DNS_LENGTH_BYTES + length);
    return ANSWERED;
}

void
locum_dns_connection_serve(struct locum_dns_connection *self)
{
    struct locum_dns_service *service = self->service;
    enum message_outcome outcome = ANSWERED;
    bool answered = false;
    if (self->sending != NULL && self->sending->axfr.content != NULL && !send_messages(self)) {
        locum_dns_connection_close(self);
        return;
    }
    while (outcome == ANSWERED && !is_busy(self) &&
           output_bytes(self) < service->limits.output_bytes_max) {
        outcome = answer_next(self);
        answered = answered || outcome == ANSWERED;
    }
    if (outcome == BROKEN) {
        self->ended = true; /* its earlier queries are still answered */
        service->closed_counts[LOCUM_DNS_TCP_MALFORMED]++;
        evbuffer_drain(bufferevent_get_input(self->stream), input_bytes(self));
    }
    self->served = self->served || answered;
    if (service->paused && self->served && !is_busy(self) && input_bytes(self) == 0) {
        self->ended = true;
    }
    if (self->ended && !is_busy(self) && output_bytes(self) == 0) {
        locum_dns_connection_close(self);
        return;
    }
    if (answered) {
        locum_dns_clients_use(&service->clients, &self->seat);
    }
    if (output_bytes(self) >= service->limits.output_bytes_max || self->ended || is_busy(self)) {
        bufferevent_disable(self->stream, EV_READ);
    } else {
        bufferevent_enable(self->stream, EV_READ);
    }
    set_deadline(self, answered);
}

void
locum_dns_connection_give(struct locum_dns_service *service, uint64_t id,
                          struct locum_axfr_content *content)
{
    struct locum_dns_sending *sending = locum_dns_sending_find(&service->sendings, id);
    if (sending == NULL) {
        locum_axfr_content_release(content);
        return;
    }
    struct locum_dns_connection *self = sending->connection;
    sending->axfr.content = content;
    if (content == NULL) {
        const size_t length =
            locum_axfr_fail(&sending->axfr, service->reply + LOCUM_DNS_LENGTH_BYTES,
                            (uint64_t)locum_clock_read().wall / 1000);
        count_transfer(service, &sending->axfr, LOCUM_RCODE_SERVFAIL);
        locum_dns_sending_end(&service->sendings, sending, LOCUM_DNS_NOTE_FAILED);
        self->sending = NULL;
        if (!send_reply(self, length)) {
            locum_dns_connection_close(self);
            return;
        }
    }
    locum_dns_connection_serve(self);
}

void
locum_dns_connection_answer(struct locum_dns_service *service, uint64_t id, const uint8_t *message,
                            size_t length)
{
    struct locum_dns_seat *seat;
    TAILQ_FOREACH(seat, &service->clients.seats, link)
    {
        struct locum_dns_connection *self = locum_dns_connection_of(seat);
        if (self->updating == id) {
            self->updating = 0;
            memcpy(service->reply + LOCUM_DNS_LENGTH_BYTES, message, length);
            if (send_reply(self, length)) {
                locum_dns_connection_serve(self);
            } else {
                locum_dns_connection_close(self);
            }
            return;
        }
    }
}

static void
on_input(struct bufferevent *stream, void *user)
{
    (void)stream;
    locum_dns_connection_serve(user);
}

/* All answers were taken: go on with queries that waited because of output_bytes_max. */
static void
on_output_taken(struct bufferevent *stream, void *user)
{
    struct locum_dns_connection *self = user;
    (void)stream;
    self->write_by = LOCUM_NEVER;
    locum_dns_connection_serve(self);
}

static void
on_end(struct bufferevent *stream, short what, void *user)
{
    struct locum_dns_connection *self = user;
    (void)stream;
    if ((what & BEV_EVENT_EOF) != 0) {
        self->ended = true;
        locum_dns_connection_serve(self);
    } else {
        locum_dns_connection_close(self);
    }
}

/* An answer is sent at once. What the kernel takes before the peer does is bounded: it would keep
 * megabytes for a peer that reads fast and then stops (tcp_wmem). */
static void
set_options(const struct locum_dns_service *service, int fd)
{
    static const int on = 1;
    const int unsent_bytes = (int)service->limits.output_bytes_max;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent_bytes, sizeof(unsent_bytes));
}

struct locum_dns_connection *
locum_dns_connection_create(struct locum_dns_service *service, int fd, const struct sockaddr *from)
{
    struct locum_dns_connection *self = calloc(1, sizeof(*self));
    if (self == NULL || locum_address_from_sockaddr(from, &self->peer) != 0 ||
        (self->stream = bufferevent_socket_new(service->base, fd, 0)) == NULL ||
        locum_dns_clients_add(&service->clients, &self->seat, &self->peer) != 0) {
        if (self != NULL && self->stream != NULL) {
            bufferevent_free(self->stream);
        }
        close(fd);
        free(self);
        return NULL;
    }
    set_options(service, fd);
    self->service = service;
    self->message_by = LOCUM_NEVER;
    self->write_by = LOCUM_NEVER;
    locum_timer_init(&self->deadline, service->base, on_deadline, self);
    bufferevent_setcb(self->stream, on_input, on_output_taken, on_end, self);
    bufferevent_setwatermark(self->stream, EV_READ, 0,
                             LOCUM_DNS_LENGTH_BYTES + LOCUM_DNS_TCP_BYTES_MAX);
    service->open_count++;
    return self;
}
