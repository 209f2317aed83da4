/* tcp: a server of DNS over TCP on loopback, and clients of it. */
#ifndef LOCUM_TESTS_DNS_TCP_H
#define LOCUM_TESTS_DNS_TCP_H

#include "net.h"

#include "base/socket.h"
#include "dns/tcp.h"

static const struct ask plain = {.name = "get.example.org", .type = 1};

struct server {
    struct locum_dns_tcp *tcp;
    struct locum_address at;
};

static inline struct server
serve_at(const char *host, const struct locum_dns_tcp_limits *limits)
{
    struct server self = {.at = address(host, 0)};
    struct site *site = site_new();
    for (size_t i = 0; i < 20; i++) {
        char record[LOCUM_STRING_MAX] = "big TXT ";
        memset(record + strlen(record), (int)('a' + i), 250);
        site_record(site, 0, record);
    }
    struct locum_dns_table *table = site_table(site);
    self.at.port = free_port(host);
    const int fd = locum_socket_listen(&self.at, 128);
    assert_true(fd >= 0);
    assert_int_equal(locum_dns_tcp_create(limits, &self.tcp), 0);
    locum_dns_tcp_publish(self.tcp, table);
    assert_int_equal(locum_dns_tcp_listen(self.tcp, fd), 0);
    locum_dns_table_release(table);
    free(site);
    return self;
}

static inline struct server
serve(const struct locum_dns_tcp_limits *limits)
{
    return serve_at("127.0.0.1", limits);
}

static inline int
dial(const struct server *self)
{
    return connect_from(NULL, &self->at, SOCK_STREAM);
}

/* Ask once and see the answer. */
static inline void
assert_answered(int fd, uint16_t id)
{
    uint8_t bytes[1024];
    send_all(fd, bytes, make_message(&plain, id, bytes));
    assert_true(receive_message(fd, bytes, sizeof(bytes)) > 0);
    assert_int_equal(locum_packet_u16(bytes), id);
    assert_int_equal(bytes[7], 1);
}

static inline struct locum_dns_counts
counts_of(const struct server *self)
{
    struct locum_dns_counts counts = {0};
    locum_dns_tcp_sum(self->tcp, &counts);
    return counts;
}

static inline uint64_t
open_connections(const struct server *self)
{
    return counts_of(self).tcp_connections;
}

/* How many connections the server closed, all for this reason. */
static inline uint64_t
closed_only_for(const struct server *self, enum locum_dns_tcp_closed reason)
{
    const struct locum_dns_counts counts = counts_of(self);
    for (size_t i = 0; i < LOCUM_DNS_TCP_CLOSED; i++) {
        assert_true(i == reason || counts.tcp_closed[i] == 0);
    }
    return counts.tcp_closed[reason];
}

#endif
