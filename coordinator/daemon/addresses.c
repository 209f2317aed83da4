#include "daemon/addresses.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/file.h"
#include "base/socket.h"
#include "base/text_format.h"

enum { FILE_BYTES_MAX = LOCUM_ADDRESSES_MAX * LOCUM_ADDRESS_TEXT_MAX + 1 };

enum presence { PRESENT, ABSENT, NOT_KNOWN };

static void
path_of(const struct locum_config *config, const char *suffix, char *ret, size_t size_bytes)
{
    (void)locum_text_format_buffer(ret, size_bytes, "%s.addresses%s", config->listen_control,
                                   suffix);
}

void
locum_addresses_init(struct locum_addresses *self, const struct locum_config *config)
{
    char path[LOCUM_PATH_MAX + 32];
    char buffer[FILE_BYTES_MAX];
    size_t length;
    memset(self, 0, sizeof(*self));
    path_of(config, "", path, sizeof(path));
    if (locum_file_read(path, buffer, sizeof(buffer), &length, NULL, NULL) != 0) {
        return;
    }
    struct locum_slice rest = {.at = buffer, .length = length};
    struct locum_slice line;
    while (self->had_count < LOCUM_ADDRESSES_MAX && locum_slice_cut(&rest, '\n', &line)) {
        if (locum_address_parse(line, &self->had[self->had_count]) == 0) {
            self->had_count++;
        }
    }
}

/* The file is for the next run only, so a failure costs nothing now. */
static void
keep(const struct locum_addresses *self, const struct locum_config *config)
{
    char path[LOCUM_PATH_MAX + 32];
    char temp[LOCUM_PATH_MAX + 32];
    char buffer[FILE_BYTES_MAX];
    struct locum_text text = locum_text_init(buffer, sizeof(buffer));
    for (size_t i = 0; i < self->had_count; i++) {
        locum_text_format(&text, "%s\n", locum_address_host_text(&self->had[i]).text);
    }
    path_of(config, "", path, sizeof(path));
    path_of(config, ".new", temp, sizeof(temp));
    (void)!locum_file_replace(path, temp, buffer, text.length, 0644);
}

static enum presence
presence_of(const struct locum_address *address)
{
    struct locum_address any_port = *address;
    any_port.port = 0;
    const int fd = locum_socket_bind(&any_port, SOCK_DGRAM, false);
    if (fd < 0) {
        return errno == EADDRNOTAVAIL ? ABSENT : NOT_KNOWN;
    }
    (void)close(fd);
    return PRESENT;
}

/* It was here since the boot, or `listen` names it. */
static bool
is_expected(const struct locum_addresses *self, const struct locum_config *config,
            const struct locum_address *address)
{
    bool expected = false;
    for (size_t i = 0; i < self->had_count; i++) {
        expected |= locum_address_same_host(&self->had[i], address);
    }
    for (size_t i = 0; i < config->listen_dns_count; i++) {
        expected |= locum_address_same_host(&config->listen_dns[i], address);
    }
    for (size_t i = 0; i < config->listen_peer_count; i++) {
        expected |= locum_address_same_host(&config->listen_peer[i], address);
    }
    return expected;
}

/* Remember an address that is here; the oldest one is forgotten if there is no room. */
static bool
remember(struct locum_addresses *self, const struct locum_address *address)
{
    for (size_t i = 0; i < self->had_count; i++) {
        if (locum_address_same_host(&self->had[i], address)) {
            return false;
        }
    }
    if (self->had_count == LOCUM_ADDRESSES_MAX) {
        memmove(&self->had[0], &self->had[1], (LOCUM_ADDRESSES_MAX - 1) * sizeof(self->had[0]));
        self->had_count--;
    }
    self->had[self->had_count++] = *address;
    return true;
}

bool
locum_addresses_look(struct locum_addresses *self, const struct locum_config *config)
{
    const struct locum_config_node *own = &config->nodes[config->core.self];
    bool absent[LOCUM_FAMILIES] = {false};
    bool known[LOCUM_FAMILIES] = {true, true};
    bool found = false;
    bool changed = false;
    for (size_t i = 0; i < own->address_count; i++) {
        const struct locum_address *address = &own->address[i];
        const enum presence presence = presence_of(address);
        known[address->family] = known[address->family] && presence != NOT_KNOWN;
        found |= presence == PRESENT && remember(self, address);
        absent[address->family] |= presence == ABSENT && is_expected(self, config, address);
    }
    if (found) {
        keep(self, config);
    }
    for (size_t family = 0; family < LOCUM_FAMILIES; family++) {
        if (known[family] && absent[family] != self->absent[family]) {
            self->absent[family] = absent[family];
            changed = true;
        }
    }
    return changed;
}
