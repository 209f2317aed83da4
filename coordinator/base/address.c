#include "base/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include "base/error.h"
#include "base/text_format.h"

int
locum_address_parse(struct locum_slice text, struct locum_address *ret)
{
    char string[INET6_ADDRSTRLEN];
    struct locum_address address = {0};
    if (locum_slice_copy(text, string, sizeof(string)) != 0) {
        return LOCUM_ERR_INVALID;
    }
    if (inet_pton(AF_INET, string, address.bytes) == 1) {
        address.family = LOCUM_V4;
    } else if (inet_pton(AF_INET6, string, address.bytes) == 1) {
        address.family = LOCUM_V6;
    } else {
        return LOCUM_ERR_INVALID;
    }
    *ret = address;
    return 0;
}

/* Split "host:port" or "[host]:port" at the last colon. */
static int
split_port(struct locum_slice text, struct locum_slice *ret_host, struct locum_slice *ret_port)
{
    const char *colon = memrchr(text.at, ':', text.length);
    if (colon == NULL || colon == text.at) {
        return LOCUM_ERR_INVALID;
    }
    struct locum_slice host = {.at = text.at, .length = (size_t)(colon - text.at)};
    const bool bracketed = host.at[0] == '[' && host.at[host.length - 1] == ']';
    if (bracketed) {
        host = (struct locum_slice){.at = host.at + 1, .length = host.length - 2};
    }
    if (bracketed != (memchr(host.at, ':', host.length) != NULL)) {
        return LOCUM_ERR_INVALID;
    }
    *ret_host = host;
    *ret_port = (struct locum_slice){.at = colon + 1,
                                     .length = text.length - (size_t)(colon - text.at) - 1};
    return 0;
}

int
locum_address_parse_port(struct locum_slice text, struct locum_address *ret)
{
    struct locum_slice host;
    struct locum_slice port_text;
    struct locum_address address;
    uint64_t port;
    if (split_port(text, &host, &port_text) != 0 || locum_address_parse(host, &address) != 0) {
        return LOCUM_ERR_INVALID;
    }
    const int status = locum_slice_u64(port_text, 65535, &port);
    if (status != 0 || port == 0) {
        return status != 0 ? status : LOCUM_ERR_RANGE;
    }
    address.port = (uint16_t)port;
    *ret = address;
    return 0;
}

struct locum_address_text
locum_address_host_text(const struct locum_address *self)
{
    struct locum_address_text ret;
    const int family = self->family == LOCUM_V4 ? AF_INET : AF_INET6;
    const char *made = inet_ntop(family, self->bytes, ret.text, sizeof(ret.text));
    LOCUM_INVARIANT(made != NULL);
    return ret;
}

struct locum_address_text
locum_address_text(const struct locum_address *self)
{
    struct locum_address_text ret;
    (void)locum_text_format_buffer(ret.text, sizeof(ret.text),
                                   self->family == LOCUM_V6 ? "[%s]:%u" : "%s:%u",
                                   locum_address_host_text(self).text, self->port);
    return ret;
}

/* Is a bit set in `bytes` after the first `bits`? */
static bool
has_bits_after(const uint8_t bytes[16], unsigned bits)
{
    for (unsigned i = bits; i < 128; i++) {
        if ((bytes[i / 8] & 0x80 >> i % 8) != 0) {
            return true;
        }
    }
    return false;
}

int
locum_address_parse_prefix(struct locum_slice text, struct locum_prefix *ret)
{
    struct locum_prefix prefix;
    struct locum_slice host;
    uint64_t bits;
    (void)locum_slice_cut(&text, '/', &host);
    int status = locum_address_parse(host, &prefix.address);
    if (status != 0) {
        return status;
    }
    const uint64_t bits_max = prefix.address.family == LOCUM_V4 ? 32 : 128;
    bits = bits_max;
    if (text.at != NULL) {
        status = locum_slice_u64(text, bits_max, &bits);
    }
    if (status != 0) {
        return LOCUM_ERR_INVALID;
    }
    if (has_bits_after(prefix.address.bytes, (unsigned)bits)) {
        return LOCUM_ERR_RANGE;
    }
    prefix.bits = (uint8_t)bits;
    *ret = prefix;
    return 0;
}

bool
locum_address_is_within(const struct locum_address *self, const struct locum_prefix *prefix)
{
    const size_t bytes = prefix->bits / 8;
    const uint8_t mask = (uint8_t)(0xff00 >> prefix->bits % 8);
    return self->family == prefix->address.family &&
           memcmp(self->bytes, prefix->address.bytes, bytes) == 0 &&
           (mask == 0 || ((self->bytes[bytes] ^ prefix->address.bytes[bytes]) & mask) == 0);
}

bool
locum_address_is_loopback(const struct locum_address *self)
{
    static const uint8_t v6[16] = {[15] = 1};
    return self->family == LOCUM_V4 ? self->bytes[0] == 127
                                    : memcmp(self->bytes, v6, sizeof(v6)) == 0;
}

struct locum_address_text
locum_address_prefix_text(const struct locum_prefix *self)
{
    struct locum_address_text ret;
    (void)locum_text_format_buffer(ret.text, sizeof(ret.text), "%s/%u",
                                   locum_address_host_text(&self->address).text, self->bits);
    return ret;
}

bool
locum_address_same_host(const struct locum_address *a, const struct locum_address *b)
{
    return a->family == b->family &&
           memcmp(a->bytes, b->bytes, a->family == LOCUM_V4 ? 4 : 16) == 0;
}

bool
locum_address_same_client(const struct locum_address *a, const struct locum_address *b)
{
    return a->family == b->family && memcmp(a->bytes, b->bytes, a->family == LOCUM_V4 ? 4 : 8) == 0;
}

bool
locum_address_equal(const struct locum_address *a, const struct locum_address *b)
{
    return locum_address_same_host(a, b) && a->port == b->port;
}

bool
locum_address_is_in(const struct locum_address *self, const struct locum_address *list,
                    size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (locum_address_equal(&list[i], self)) {
            return true;
        }
    }
    return false;
}

socklen_t
locum_address_to_sockaddr(const struct locum_address *self, struct sockaddr_storage *ret)
{
    memset(ret, 0, sizeof(*ret));
    if (self->family == LOCUM_V4) {
        struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(self->port)};
        memcpy(&v4.sin_addr, self->bytes, 4);
        memcpy(ret, &v4, sizeof(v4));
        return sizeof(v4);
    }
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(self->port)};
    memcpy(&v6.sin6_addr, self->bytes, 16);
    memcpy(ret, &v6, sizeof(v6));
    return sizeof(v6);
}

int
locum_address_from_sockaddr(const struct sockaddr *from, struct locum_address *ret)
{
    struct locum_address address = {0};
    if (from->sa_family == AF_INET) {
        struct sockaddr_in v4;
        memcpy(&v4, from, sizeof(v4));
        memcpy(address.bytes, &v4.sin_addr, 4);
        address.port = ntohs(v4.sin_port);
    } else if (from->sa_family == AF_INET6) {
        struct sockaddr_in6 v6;
        memcpy(&v6, from, sizeof(v6));
        address.port = ntohs(v6.sin6_port);
        if (IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr)) {
            memcpy(address.bytes, v6.sin6_addr.s6_addr + 12, 4);
        } else {
            address.family = LOCUM_V6;
            memcpy(address.bytes, &v6.sin6_addr, 16);
        }
    } else {
        return LOCUM_ERR_INVALID;
    }
    *ret = address;
    return 0;
}
