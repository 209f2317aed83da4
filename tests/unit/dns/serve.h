/*
 * serve: a whole room on real sockets, what it reports, and clients that ask it.
 */
#ifndef TESTS_UNIT_DNS_SERVE_H
#define TESTS_UNIT_DNS_SERVE_H

#include "net.h"

static const struct ask plain = {.name = "get.example.org", .type = 1};

struct reports {
    size_t count;
    int error; /* of the last */
    char text[1024];
};

static inline void
record(void *user, const struct locum_address *at, int error, const char *text)
{
    struct reports *self = user;
    (void)at;
    self->count++;
    self->error = error;
    strcpy(self->text, text);
}

/* The site, listening on one address. */
static inline struct site *
site_on(const char *host)
{
    struct site *site = site_new();
    site->config.listen_dns[0] = address(host, free_port(host));
    site->config.listen_dns_count = 1;
    return site;
}

static inline struct locum_dns *
start(const struct site *site)
{
    struct locum_dns *dns = NULL;
    struct reports reports = {0};
    assert_int_equal(locum_dns_create(&site->config, NULL, record, &reports, &dns), 0);
    assert_int_equal(reports.count, 0);
    return dns;
}

static inline void
publish(struct locum_dns *dns, const struct site *site, uint32_t serial)
{
    assert_int_equal(locum_dns_publish(dns, &site->config, &site->plan, NULL, serial, 0), 0);
}

/* The last octet of the only A record of the answer by UDP; 0 if none comes. */
static inline int
ask_udp(const char *from, const struct locum_address *to, int wait_ms)
{
    uint8_t bytes[1232];
    const int fd = connect_from(from, to, SOCK_DGRAM);
    const size_t length = make_query(&plain, bytes);
    assert_int_equal(send(fd, bytes, length, 0), length);
    const size_t got = receive_datagram(fd, bytes, sizeof(bytes), wait_ms);
    close(fd);
    if (got == 0) {
        return 0;
    }
    assert_int_equal(bytes[3], 0);
    assert_int_equal(bytes[7], 1);
    return bytes[got - 1];
}

static inline int
ask_tcp(const struct locum_address *to)
{
    uint8_t bytes[1232];
    const int fd = connect_from(NULL, to, SOCK_STREAM);
    send_all(fd, bytes, make_message(&plain, 1, bytes));
    const size_t got = receive_message(fd, bytes, sizeof(bytes));
    close(fd);
    return got == 0 ? 0 : bytes[got - 1];
}

static inline struct locum_dns_counts
counts_of(const struct locum_dns *dns)
{
    struct locum_dns_counts counts;
    locum_dns_counts(dns, &counts);
    return counts;
}

struct load {
    struct locum_address to;
    int type;
    atomic_bool stop;
    atomic_uint answers;
    atomic_uint wrong;
};

/* Ask without a pause; every answer must be complete and of one plan or the other. */
static inline void *
ask_on(void *user)
{
    struct load *self = user;
    uint8_t bytes[1232];
    const int fd = connect_from(NULL, &self->to, self->type);
    while (!atomic_load(&self->stop)) {
        size_t got;
        if (self->type == SOCK_DGRAM) {
            const size_t length = make_query(&plain, bytes);
            (void)!send(fd, bytes, length, 0);
            got = receive_datagram(fd, bytes, sizeof(bytes), PATIENCE_MS);
        } else {
            send_all(fd, bytes, make_message(&plain, 1, bytes));
            got = receive_message(fd, bytes, sizeof(bytes));
        }
        const int last = got == 0 ? 0 : bytes[got - 1];
        atomic_fetch_add(&self->answers, 1);
        if ((last != 12 && last != 13) || bytes[7] != 1) {
            atomic_fetch_add(&self->wrong, 1);
        }
    }
    close(fd);
    return NULL;
}

#endif
