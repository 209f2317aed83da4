/*
 * update: UPDATE messages for tests, and the values that they find.
 */
#ifndef LOCUM_TESTS_DNS_UPDATE_H
#define LOCUM_TESTS_DNS_UPDATE_H

#include "tsig.h"

#include "dns/update.h"

enum { ZONE_SECTION = 4, PREREQUISITES = 6, OPERATIONS = 8, ADDITIONAL = 10 };
enum { CLASS_NONE = 254, CLASS_ANY = 255, TXT = 16, ANY = 255 };

#define CHALLENGE "_acme-challenge.get.example.org"

struct message {
    uint8_t at[4096];
    size_t length;
};

static inline struct message
update_of(const char *zone, uint16_t type, uint16_t class)
{
    struct message self = {.at = {0x12, 0x34, 5 << 3, 0, 0, 1}, .length = LOCUM_DNS_HEADER_BYTES};
    self.length += put_name(self.at + self.length, zone);
    locum_packet_put_u16(self.at + self.length, type);
    locum_packet_put_u16(self.at + self.length + 2, class);
    self.length += 4;
    return self;
}

static inline void
add_raw(struct message *self, size_t section, const char *owner, uint16_t type, uint16_t class,
        uint32_t ttl_s, const void *data, size_t length)
{
    uint8_t *at = self->at + self->length;
    at += put_name(at, owner);
    locum_packet_put_u16(at, type);
    locum_packet_put_u16(at + 2, class);
    locum_packet_put_u32(at + 4, ttl_s);
    locum_packet_put_u16(at + 8, (uint16_t)length);
    if (length > 0) {
        memcpy(at + 10, data, length);
    }
    self->length = (size_t)(at - self->at) + 10 + length;
    self->at[section + 1]++;
}

/* value NULL: no data. */
static inline void
add_record(struct message *self, size_t section, const char *owner, uint16_t type, uint16_t class,
           const char *value)
{
    char data[256] = "";
    const size_t length = value == NULL ? 0 : strlen(value);
    data[0] = (char)length;
    if (length > 0) {
        memcpy(data + 1, value, length);
    }
    add_raw(self, section, owner, type, class,
            class == LOCUM_CLASS_IN && section == OPERATIONS ? 60 : 0, data,
            value == NULL ? 0 : length + 1);
}

static inline bool
is_test_zone(void *user, const char *zone)
{
    (void)user;
    return strcmp(zone, "get.example.org.") == 0;
}

/* user: the values of the name, ended by NULL. */
static inline bool
test_values(void *user, const char *owner, size_t *ret_count,
            const char *ret[LOCUM_UPDATE_VALUES_MAX])
{
    const char *const *values = user;
    for (*ret_count = 0; values[*ret_count] != NULL; (*ret_count)++) {
        ret[*ret_count] = values[*ret_count];
    }
    return strcmp(owner, CHALLENGE ".") == 0;
}

#endif
