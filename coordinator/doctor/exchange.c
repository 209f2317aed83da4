#include "doctor/exchange.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include <ldns/ldns.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/socket.h"

enum {
    LENGTH_BYTES = 2, /* before a message over TCP (RFC 1035 4.2.2) */
    DO_AT = 7,        /* in an OPT record */
    OPT_BYTES = 11,   /* an OPT record without options (RFC 6891 6.1.2) */
    OPTION_PADDING = 12,
    OPTION_BYTES = 4, /* before the data of an option */
    AGAIN_MS = 900,   /* a question by UDP is then sent once more */
};

struct pending {
    const struct locum_doctor_question *question;
    int fd; /* -1: it is over */
    uint16_t id;
    bool again; /* it was sent once more */
    uint8_t query[LENGTH_BYTES + LOCUM_DOCTOR_EDNS_BYTES];
    size_t length, sent; /* of it */
    uint8_t answer[LENGTH_BYTES + LOCUM_DOCTOR_REPLY_BYTES_MAX];
    size_t received; /* of it, by TCP */
};

static void
put_u16(uint8_t *at, size_t value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

/* Append an OPT record to a message of `length`; padded: until it has LOCUM_DOCTOR_EDNS_BYTES. */
static size_t
add_opt(uint8_t *message, size_t length, bool padded, bool dnssec)
{
    uint8_t *at = message + length;
    const size_t padding = padded ? LOCUM_DOCTOR_EDNS_BYTES - length - OPT_BYTES : 0;
    memset(at, 0, OPT_BYTES + padding);
    put_u16(at + 1, LDNS_RR_TYPE_OPT);
    put_u16(at + 3, LOCUM_DOCTOR_EDNS_BYTES);
    at[DO_AT] = dnssec ? 0x80 : 0;
    put_u16(at + 9, padding);
    if (padded) {
        put_u16(at + OPT_BYTES, OPTION_PADDING);
        put_u16(at + OPT_BYTES + 2, padding - OPTION_BYTES);
    }
    put_u16(message + 10, 1); /* ARCOUNT */
    return length + OPT_BYTES + padding;
}

/* Write the query, by TCP behind its length. False: out of memory. */
static bool
write_query(struct pending *self)
{
    const struct locum_doctor_question *question = self->question;
    uint8_t *to = self->query + (question->tcp ? LENGTH_BYTES : 0);
    ldns_pkt *packet = NULL;
    uint8_t *wire = NULL;
    size_t length = 0;
    if (ldns_pkt_query_new_frm_str(
            &packet, question->name, (ldns_rr_type)question->type, LDNS_RR_CLASS_IN,
            (uint16_t)((question->recursion ? LDNS_RD : 0) |
                       (question->unchecked ? LDNS_CD : 0))) != LDNS_STATUS_OK) {
        return false;
    }
    ldns_pkt_set_id(packet, self->id);
    const ldns_status status = ldns_pkt2wire(&wire, packet, &length);
    ldns_pkt_free(packet);
    if (status != LDNS_STATUS_OK || length > LOCUM_DOCTOR_EDNS_BYTES / 2) {
        free(wire);
        return false;
    }
    memcpy(to, wire, length);
    free(wire);
    if (question->edns || question->dnssec) {
        length = add_opt(to, length, question->padded, question->dnssec);
    }
    if (question->tcp) {
        put_u16(self->query, length);
        length += LENGTH_BYTES;
    }
    self->length = length;
    return true;
}

static void
end(struct pending *self, enum locum_doctor_outcome outcome)
{
    if (outcome != LOCUM_DOCTOR_ANSWERED) { /* otherwise the reply is set */
        *self->question->ret = (struct locum_doctor_reply){.outcome = outcome};
    }
    (void)close(self->fd);
    self->fd = -1;
}

static enum locum_doctor_outcome
outcome_of(int error)
{
    switch (error) {
    case ENETUNREACH:
    case EADDRNOTAVAIL:
    case EAFNOSUPPORT: return LOCUM_DOCTOR_NO_ROUTE;
    case ETIMEDOUT: return LOCUM_DOCTOR_SILENT;
    default: return LOCUM_DOCTOR_UNREACHABLE;
    }
}

static bool
is_transient(int error)
{
    return error == EAGAIN || error == EINTR || error == EINPROGRESS;
}

/* Send what is left of the query. */
static void
send_query(struct pending *self)
{
    const int error = locum_socket_error(self->fd);
    if (error != 0) {
        end(self, outcome_of(error));
        return;
    }
    const ssize_t sent =
        send(self->fd, self->query + self->sent, self->length - self->sent, MSG_NOSIGNAL);
    if (sent >= 0) {
        self->sent += (size_t)sent;
    } else if (!is_transient(errno)) {
        end(self, outcome_of(errno));
    }
}

/* Take a message, if it is the answer. */
static void
take(struct pending *self, const uint8_t *message, size_t length)
{
    if (locum_doctor_reply_read(self->question->name, self->question->type, self->id, message,
                                length, self->question->ret)) {
        struct locum_doctor_message *whole = self->question->message;
        if (whole != NULL) {
            whole->length = length;
            memcpy(whole->bytes, message, length);
        }
        end(self, LOCUM_DOCTOR_ANSWERED);
    } else if (self->question->tcp) {
        end(self, LOCUM_DOCTOR_MALFORMED);
    }
}

static void
receive(struct pending *self)
{
    const bool tcp = self->question->tcp;
    uint8_t *to = self->answer + (tcp ? self->received : 0);
    const ssize_t got = recv(self->fd, to, sizeof(self->answer) - (tcp ? self->received : 0), 0);
    if (got < 0) {
        if (!is_transient(errno)) {
            end(self, outcome_of(errno));
        }
        return;
    }
    if (!tcp) {
        take(self, to,
             (size_t)got < LOCUM_DOCTOR_REPLY_BYTES_MAX ? (size_t)got
                                                        : LOCUM_DOCTOR_REPLY_BYTES_MAX);
        return;
    }
    self->received += (size_t)got;
    if (got == 0) {
        end(self, LOCUM_DOCTOR_UNREACHABLE);
    } else if (self->received >= LENGTH_BYTES) {
        const size_t length = (size_t)self->answer[0] << 8 | self->answer[1];
        if (length > LOCUM_DOCTOR_REPLY_BYTES_MAX) {
            end(self, LOCUM_DOCTOR_MALFORMED);
        } else if (self->received >= LENGTH_BYTES + length) {
            take(self, self->answer + LENGTH_BYTES, length);
        }
    }
}

/* False: out of memory. */
static bool
begin(struct pending *self, const struct locum_doctor_question *question)
{
    self->question = question;
    self->fd = -1;
    if (getrandom(&self->id, sizeof(self->id), 0) != sizeof(self->id) || !write_query(self)) {
        return false;
    }
    self->fd = locum_socket_connect(&question->to, question->tcp ? SOCK_STREAM : SOCK_DGRAM);
    if (self->fd < 0) {
        *question->ret = (struct locum_doctor_reply){.outcome = outcome_of(errno)};
    }
    return true;
}

/* Wait once, for one of them or until `left` has passed. */
static void
wait_once(struct pending *all, size_t count, locum_ms left)
{
    struct pollfd ready[LOCUM_DOCTOR_EXCHANGES_MAX];
    for (size_t i = 0; i < count; i++) {
        const short wanted = all[i].sent < all[i].length ? POLLOUT : POLLIN;
        ready[i] = (struct pollfd){.fd = all[i].fd, .events = wanted}; /* fd -1: ignored */
    }
    if (poll(ready, count, (int)left) <= 0) {
        return;
    }
    for (size_t i = 0; i < count; i++) {
        if (ready[i].revents == 0) {
            continue;
        }
        if (all[i].sent < all[i].length) {
            send_query(&all[i]);
        } else {
            receive(&all[i]);
        }
    }
}

/* Until all are over or the time is. */
static void
run(struct pending *all, size_t count)
{
    const locum_ms start = locum_clock_read().mono;
    for (;;) {
        const locum_ms age = locum_clock_read().mono - start;
        bool open = false;
        for (size_t i = 0; i < count; i++) {
            if (all[i].fd >= 0 && !all[i].question->tcp && !all[i].again && age >= AGAIN_MS) {
                all[i].again = true;
                all[i].sent = 0;
            }
            open = open || all[i].fd >= 0;
        }
        if (!open || age >= LOCUM_DOCTOR_EXCHANGE_MS) {
            break;
        }
        wait_once(all, count, (age < AGAIN_MS ? AGAIN_MS : LOCUM_DOCTOR_EXCHANGE_MS) - age);
    }
    for (size_t i = 0; i < count; i++) {
        if (all[i].fd >= 0) {
            end(&all[i], LOCUM_DOCTOR_SILENT);
        }
    }
}

int
locum_doctor_exchange(const struct locum_doctor_question *questions, size_t count)
{
    int status = 0;
    for (size_t first = 0; first < count && status == 0; first += LOCUM_DOCTOR_EXCHANGES_MAX) {
        const size_t left = count - first;
        const size_t batch = left < LOCUM_DOCTOR_EXCHANGES_MAX ? left : LOCUM_DOCTOR_EXCHANGES_MAX;
        struct pending *all = calloc(batch, sizeof(*all));
        size_t begun = 0;
        status = all == NULL ? LOCUM_ERR_MEMORY : 0;
        while (status == 0 && begun < batch) {
            status = begin(&all[begun], &questions[first + begun]) ? 0 : LOCUM_ERR_MEMORY;
            begun++;
        }
        if (all != NULL) {
            run(all, begun);
        }
        free(all);
    }
    return status;
}
