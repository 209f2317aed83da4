/* transfer: who may have a copy of a zone, and the keys that sign the requests. */
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "config/load.h"
#include "config/tsigkeys.h"

enum { FILE_BYTES_MAX = 16384 };

static const struct locum_prefix loopback[] = {
    {.address = {.family = LOCUM_V4, .bytes = {127}}, .bits = 8},
    {.address = {.family = LOCUM_V6, .bytes = {[15] = 1}}, .bits = 128},
};

static struct locum_prefix
prefix_of(const struct locum_address *address)
{
    struct locum_prefix prefix = {.address = *address,
                                  .bits = address->family == LOCUM_V4 ? 32 : 128};
    prefix.address.port = 0;
    return prefix;
}

/* Without the key: this host alone. */
static void
derive_allow(struct locum_config *config, struct locum_config_transfer *transfer)
{
    memcpy(transfer->allow, loopback, sizeof(loopback));
    transfer->allow_count = LOCUM_COUNT(loopback);
    for (size_t i = 0; i < config->listen_dns_count; i++) {
        transfer->allow[transfer->allow_count++] = prefix_of(&config->listen_dns[i]);
    }
}
_Static_assert(LOCUM_COUNT(loopback) + LOCUM_ADDRESSES_MAX <= LOCUM_TRANSFER_ALLOW_MAX, "they fit");

/* Does it hold no address but those of this host? */
static bool
is_here(const struct locum_config *config, const struct locum_prefix *prefix)
{
    bool here = false;
    for (size_t i = 0; i < LOCUM_COUNT(loopback); i++) {
        here = here || (prefix->bits >= loopback[i].bits &&
                        locum_address_is_within(&prefix->address, &loopback[i]));
    }
    for (size_t i = 0; i < config->listen_dns_count; i++) {
        const struct locum_prefix own = prefix_of(&config->listen_dns[i]);
        here = here || (prefix->bits == own.bits &&
                        locum_address_same_host(&prefix->address, &own.address));
    }
    return here;
}

/* A name that each server answers with itself; LOCUM_NAMES_MAX: the zone has none. */
static size_t
find_self_name(const struct locum_config *config, size_t zone)
{
    size_t i = 0;
    while (i < config->core.name_count &&
           (config->names[i].zone != zone || config->core.names[i].owner != LOCUM_NODE_NONE ||
            config->core.names[i].policy != LOCUM_ANSWER_SELF)) {
        i++;
    }
    return i < config->core.name_count ? i : LOCUM_NAMES_MAX;
}

/* A secondary of a node cannot know that the node is down: it would go on naming it. */
static void
refuse_remote(struct locum_bind *bind, size_t index)
{
    const struct locum_config *config = bind->target;
    const struct locum_config_zone *zone = &config->zones[index];
    const size_t name = find_self_name(config, index);
    if (name == LOCUM_NAMES_MAX) {
        return;
    }
    for (size_t i = 0; i < locum_bind_items(bind, LOCUM_KEY_TRANSFER_ALLOW, index) &&
                       i < zone->transfer.allow_count;
         i++) {
        if (!is_here(config, &zone->transfer.allow[i])) {
            LOCUM_BIND_ERROR(
                bind, locum_bind_item(bind, LOCUM_KEY_TRANSFER_ALLOW, index, i),
                "allow: %s is not this host, and each server answers %s with itself: a secondary "
                "would go on naming a server that is down; use answer: all, or remove the address",
                locum_address_prefix_text(&zone->transfer.allow[i]).text, config->names[name].name);
        }
    }
}

/* An address that no host has: unspecified, of this network, multicast, reserved. */
static bool
is_no_host(const struct locum_address *address)
{
    static const struct locum_prefix none[] = {
        {.address = {.family = LOCUM_V4}, .bits = 8},
        {.address = {.family = LOCUM_V4, .bytes = {224}}, .bits = 3},
        {.address = {.family = LOCUM_V6}, .bits = 128},
        {.address = {.family = LOCUM_V6, .bytes = {0xff}}, .bits = 8},
    };
    bool found = false;
    for (size_t i = 0; i < LOCUM_COUNT(none); i++) {
        found = found || locum_address_is_within(address, &none[i]);
    }
    return found;
}

/* Without a key the address is all that is asked for. No private network is so wide. */
static void
check_allow(struct locum_bind *bind, size_t index)
{
    const struct locum_config *config = bind->target;
    const struct locum_config_transfer *transfer = &config->zones[index].transfer;
    if (transfer->key_file[0] != '\0' || find_self_name(config, index) < LOCUM_NAMES_MAX) {
        return; /* or refuse_remote() has said more */
    }
    for (size_t i = 0; i < transfer->allow_count; i++) {
        const struct locum_prefix *prefix = &transfer->allow[i];
        if (prefix->bits < (prefix->address.family == LOCUM_V4 ? 8 : 7)) {
            locum_bind_warning(bind, LOCUM_KEY_TRANSFER_ALLOW, index,
                               "allow: anyone in %s may transfer the zone; add key-file, or write "
                               "the addresses of the secondaries alone",
                               locum_address_prefix_text(prefix).text);
        }
    }
}

/* A secondary that gets a NOTIFY asks for the zone. */
static void
check_notify(struct locum_bind *bind, size_t index)
{
    const struct locum_config *config = bind->target;
    const struct locum_config_transfer *transfer = &config->zones[index].transfer;
    for (size_t i = 0;
         i < locum_bind_items(bind, LOCUM_KEY_TRANSFER_NOTIFY, index) && i < transfer->notify_count;
         i++) {
        const struct locum_address *secondary = &transfer->notify[i];
        const struct locum_prefix prefix = prefix_of(secondary);
        const size_t name = find_self_name(config, index);
        bool allowed = false;
        for (size_t j = 0; j < transfer->allow_count; j++) {
            allowed = allowed || locum_address_is_within(secondary, &transfer->allow[j]);
        }
        if (is_no_host(secondary)) {
            LOCUM_BIND_ERROR(bind, locum_bind_item(bind, LOCUM_KEY_TRANSFER_NOTIFY, index, i),
                             "notify: %s is not the address of one host; write that of a secondary",
                             locum_address_host_text(secondary).text);
        } else if (locum_address_is_in(secondary, config->listen_dns, config->listen_dns_count)) {
            LOCUM_BIND_ERROR(
                bind, locum_bind_item(bind, LOCUM_KEY_TRANSFER_NOTIFY, index, i),
                "notify: %s is this server itself, an address of listen.dns; remove it",
                locum_address_text(secondary).text);
        } else if (name < LOCUM_NAMES_MAX && !is_here(config, &prefix)) {
            LOCUM_BIND_ERROR(
                bind, locum_bind_item(bind, LOCUM_KEY_TRANSFER_NOTIFY, index, i),
                "notify: %s is not this host, and each server answers %s with itself: a secondary "
                "would go on naming a server that is down; use answer: all, or remove the address",
                locum_address_host_text(secondary).text, config->names[name].name);
        } else if (!allowed) {
            locum_bind_warning(
                bind, LOCUM_KEY_TRANSFER_NOTIFY, index,
                "notify: %s is not in transfer.allow, so if it asks for the zone from "
                "this address it is refused; add it there",
                locum_address_host_text(secondary).text);
        }
    }
}

/* Add a key to those of all files. Two files may hold the same one. False: refused. */
static bool
add_key(struct locum_bind *bind, size_t index, const struct locum_config_tsig_key *key)
{
    struct locum_config *config = bind->target;
    size_t at = 0;
    while (at < config->tsig_key_count && strcmp(config->tsig_keys[at].name, key->name) != 0) {
        at++;
    }
    struct locum_config_tsig_key *kept = &config->tsig_keys[at];
    if (at == LOCUM_TSIG_KEYS_MAX) {
        locum_load_lack_at(bind, LOCUM_KEY_TRANSFER_KEY_FILE, index,
                           "key-file: key %s is one too many; at most %d different keys, in all "
                           "files",
                           key->name, LOCUM_TSIG_KEYS_MAX);
        return false;
    }
    if (at == config->tsig_key_count) {
        *kept = *key;
        config->tsig_key_count++;
    } else if (kept->hash != key->hash || kept->secret_length != key->secret_length ||
               memcmp(kept->secret, key->secret, key->secret_length) != 0) {
        locum_load_lack_at(bind, LOCUM_KEY_TRANSFER_KEY_FILE, index,
                           "key-file: key %s is there twice with different secrets or algorithms; "
                           "give each key a name of its own",
                           key->name);
        return false;
    }
    struct locum_config_transfer *transfer = &config->zones[index].transfer;
    transfer->first_key = transfer->keys == 0 ? at : transfer->first_key;
    transfer->keys |= UINT32_C(1) << at;
    return true;
}
_Static_assert(LOCUM_TSIG_KEYS_MAX <= 32, "a bit for each key");

bool
locum_load_tsig_keys(struct locum_bind *bind, size_t row, size_t instance, const char *path,
                     struct locum_config_tsig_key *ret, size_t *ret_count)
{
    char file[FILE_BYTES_MAX];
    char buffer[LOCUM_PATH_MAX + 300];
    struct locum_text why = locum_text_init(buffer, sizeof(buffer));
    size_t length = 0;
    *ret_count = 0;
    int status = locum_file_read_private(path, file, sizeof(file), &length, &why);
    locum_text_add(&why, status == LOCUM_ERR_NOT_FOUND
                             ? ": make it with `tsig-keygen NAME` of BIND, mode 0640"
                             : "");
    if (status == 0) {
        status = locum_tsigkeys_parse((struct locum_slice){.at = file, .length = length}, ret,
                                      LOCUM_TSIG_KEYS_MAX, ret_count, &why);
    }
    if (status != 0) {
        locum_load_lack_at(bind, row, instance, "%s: %s: %s",
                           locum_schema_name(&locum_keys.rows[row]),
                           locum_problems_quote(locum_slice_of(path)).text, buffer);
    }
    explicit_bzero(file, sizeof(file));
    return status == 0;
}

static void
read_keys(struct locum_bind *bind, size_t index)
{
    const struct locum_config *config = bind->target;
    struct locum_config_tsig_key keys[LOCUM_TSIG_KEYS_MAX];
    size_t count = 0;
    bool good = locum_load_tsig_keys(bind, LOCUM_KEY_TRANSFER_KEY_FILE, index,
                                     config->zones[index].transfer.key_file, keys, &count);
    for (size_t i = 0; i < count && good; i++) {
        good = add_key(bind, index, &keys[i]);
    }
    explicit_bzero(keys, sizeof(keys));
}

void
locum_load_transfers(struct locum_bind *bind)
{
    struct locum_config *config = bind->target;
    for (size_t i = 0; i < config->zone_count; i++) {
        if (!locum_bind_written(bind, LOCUM_KEY_TRANSFER_ALLOW, i)) {
            derive_allow(config, &config->zones[i].transfer);
        } else if (locum_bind_good(bind, LOCUM_KEY_TRANSFER_ALLOW, i)) {
            refuse_remote(bind, i);
            check_allow(bind, i);
        }
        check_notify(bind, i);
        if (locum_bind_good(bind, LOCUM_KEY_TRANSFER_KEY_FILE, i)) {
            read_keys(bind, i);
        }
    }
}
