/*
 * address: an IPv4 or IPv6 address with a port, as text and as a sockaddr. Numeric only:
 * base/resolver.h looks host names up.
 */
#ifndef LOCUM_BASE_ADDRESS_H
#define LOCUM_BASE_ADDRESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/family.h"
#include "base/text.h"

enum { LOCUM_HOST_MAX = 253 }; /* characters of a host name */

/* Room for "[" + the longest IPv6 text + "]:65535" + NUL. */
enum { LOCUM_ADDRESS_TEXT_MAX = 56 };

struct locum_address {
    enum locum_family family;
    uint8_t bytes[16]; /* network order; IPv4 uses the first 4, the rest is 0 */
    uint16_t port;     /* host order; 0: none given */
};

/* "192.0.2.1" or "2001:db8::1", nothing else; port 0. 0 or LOCUM_ERR_INVALID. */
int locum_address_parse(struct locum_slice text, struct locum_address *ret) LOCUM_MUST_CHECK;

/* "192.0.2.1:53" or "[2001:db8::1]:53"; port 1..65535. 0, LOCUM_ERR_INVALID or LOCUM_ERR_RANGE. */
int locum_address_parse_port(struct locum_slice text, struct locum_address *ret) LOCUM_MUST_CHECK;

/* The address with its port, as locum_address_parse_port() reads it, or without it. By value, for
 * use within one expression: locum_address_text(&address).text */
struct locum_address_text {
    char text[LOCUM_ADDRESS_TEXT_MAX];
};
struct locum_address_text locum_address_text(const struct locum_address *self);
struct locum_address_text locum_address_host_text(const struct locum_address *self);

/* Equal in family, bytes and port. */
bool locum_address_equal(const struct locum_address *a, const struct locum_address *b);

/* Equal in family and bytes. */
bool locum_address_same_host(const struct locum_address *a, const struct locum_address *b);

/* Are they one client to a limit: the same IPv4 address, or the same /64 of IPv6? */
bool locum_address_same_client(const struct locum_address *a, const struct locum_address *b);

/* Is it equal to one of `count` addresses? */
bool locum_address_is_in(const struct locum_address *self, const struct locum_address *list,
                         size_t count);

/* All addresses that begin with the same bits. */
struct locum_prefix {
    struct locum_address address; /* port 0; the bits after the first `bits` are 0 */
    uint8_t bits;                 /* 0 .. 32 or 128 */
};

/* "192.0.2.0/24" or "2001:db8::/56", or an address, which is a prefix of all its bits. 0,
 * LOCUM_ERR_INVALID or LOCUM_ERR_RANGE (a bit after the prefix is not 0). */
int locum_address_parse_prefix(struct locum_slice text, struct locum_prefix *ret) LOCUM_MUST_CHECK;

/* Does the address begin with the bits of the prefix? */
bool locum_address_is_within(const struct locum_address *self, const struct locum_prefix *prefix);

/* 127.0.0.0/8 or ::1. */
bool locum_address_is_loopback(const struct locum_address *self);

/* As it is read, always with its length. */
struct locum_address_text locum_address_prefix_text(const struct locum_prefix *self);

/* To a socket address; returns its length. */
socklen_t locum_address_to_sockaddr(const struct locum_address *self, struct sockaddr_storage *ret);

/* From a socket address (IPv4-mapped IPv6 becomes IPv4). 0 or LOCUM_ERR_INVALID. */
int locum_address_from_sockaddr(const struct sockaddr *from,
                                struct locum_address *ret) LOCUM_MUST_CHECK;

#endif
