#include "redis/resp.h"

#include <string.h>

#include "base/error.h"
#include "base/foreign.h"

/* Mirrorbits names an instance HOST-NNNNN, with a random number (its cluster.go). */
enum { MIRRORBITS_DIGITS = 5, MIRRORBITS_INSTANCE_MAX = 253 + 1 + MIRRORBITS_DIGITS };

#if HIREDIS_MAJOR >= 1
typedef size_t array_size;
#else
typedef int array_size; /* Debian 12 has 0.14 */
#endif

/*
 * hiredis would allocate as many elements as a reply announces, before any of them has come; and
 * since 1.0 it takes arrays nested to any depth, which it frees by recursion.
 */
static void *
create_array(const redisReadTask *task, array_size elements)
{
    const redisReplyObjectFunctions *original = task->privdata;
    size_t depth = 1;
    for (const redisReadTask *outer = task->parent; outer != NULL; outer = outer->parent) {
        depth++;
    }
    return elements > LOCUM_RESP_ELEMENTS_MAX || depth > LOCUM_RESP_DEPTH_MAX
               ? NULL
               : original->createArray(task, elements);
}

redisReader *
locum_resp_reader(redisReplyObjectFunctions *functions)
{
    redisReader *reader = redisReaderCreate();
    if (reader != NULL) {
        *functions = *reader->fn;
        reader->privdata = reader->fn;
        functions->createArray = create_array;
        reader->fn = functions;
    }
    return reader;
}

bool
locum_resp_error(const redisReply *reply, struct locum_slice *ret_text)
{
    if (reply->type != REDIS_REPLY_ERROR || reply->str == NULL) {
        return false;
    }
    *ret_text = (struct locum_slice){.at = reply->str, .length = (size_t)reply->len};
    return true;
}

/* A bulk or status string, borrowed. False for any other reply. */
static bool
get_text(const redisReply *reply, struct locum_slice *ret_text)
{
    if (reply == NULL || reply->str == NULL ||
        (reply->type != REDIS_REPLY_STRING && reply->type != REDIS_REPLY_STATUS)) {
        return false;
    }
    *ret_text = (struct locum_slice){.at = reply->str, .length = (size_t)reply->len};
    return true;
}

/* An array; hiredis has no `element` for an empty one. */
static bool
is_array(const redisReply *reply)
{
    return reply != NULL && reply->type == REDIS_REPLY_ARRAY &&
           (reply->elements == 0 || reply->element != NULL);
}

/* The value of a key in a map, which RESP2 sends as a flat array of keys and values. */
static bool
get_field(const redisReply *map, const char *key, struct locum_slice *ret_value)
{
    struct locum_slice name;
    if (!is_array(map) || map->elements % 2 != 0) {
        return false;
    }
    for (size_t i = 0; i < map->elements && get_text(map->element[i], &name); i += 2) {
        if (locum_slice_is(name, key)) {
            return get_text(map->element[i + 1], ret_value);
        }
    }
    return false;
}

static bool
consists_of(struct locum_slice text, const char *characters)
{
    for (size_t i = 0; i < text.length; i++) {
        if (memchr(characters, text.at[i], strlen(characters)) == NULL) {
            return false;
        }
    }
    return text.length > 0;
}

#define DIGITS "0123456789"

static bool
is_host(struct locum_slice name)
{
    return consists_of(name, DIGITS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-_");
}

/* The location of an instance from two texts. A port of 0 is a protocol error here. */
static int
parse_location(struct locum_slice host, struct locum_slice port, struct locum_instance *ret)
{
    uint64_t number;
    struct locum_instance instance = {0};
    if (locum_slice_u64(port, UINT16_MAX, &number) != 0 || number == 0) {
        return LOCUM_ERR_PROTOCOL;
    }
    if (locum_address_parse(host, &instance.address) != 0 &&
        (!is_host(host) || locum_slice_copy(host, instance.host, sizeof(instance.host)) != 0)) {
        return LOCUM_ERR_INVALID;
    }
    instance.address.port = (uint16_t)number;
    *ret = instance;
    return 0;
}

int
locum_resp_address(const redisReply *reply, struct locum_instance *ret)
{
    struct locum_slice ip;
    struct locum_slice port;
    if (!is_array(reply) || reply->elements != 2 || !get_text(reply->element[0], &ip) ||
        !get_text(reply->element[1], &port)) {
        return LOCUM_ERR_PROTOCOL;
    }
    return parse_location(ip, port, ret);
}

int
locum_resp_epoch(const redisReply *map, uint64_t *ret_epoch)
{
    struct locum_slice text;
    const bool found =
        get_field(map, "config-epoch", &text) && locum_slice_u64(text, UINT64_MAX, ret_epoch) == 0;
    return found ? 0 : LOCUM_ERR_PROTOCOL;
}

/* Flags are separated by commas: "s_down,o_down,master" (addReplySentinelRedisInstance() of Redis).
 */
static bool
has_down_flag(struct locum_slice flags)
{
    struct locum_slice flag;
    while (locum_slice_cut(&flags, ',', &flag)) {
        if (locum_slice_is(flag, "s_down") || locum_slice_is(flag, "o_down")) {
            return true;
        }
    }
    return false;
}

int
locum_resp_instance(const redisReply *map, struct locum_instances *list)
{
    struct locum_slice ip;
    struct locum_slice port;
    struct locum_slice flags;
    struct locum_instance instance;
    if (!get_field(map, "ip", &ip) || !get_field(map, "port", &port) ||
        !get_field(map, "flags", &flags)) {
        return LOCUM_ERR_PROTOCOL;
    }
    if (locum_slice_is(port, "0")) { /* an address that Sentinel has replaced by another */
        return 0;
    }
    const int status = parse_location(ip, port, &instance);
    if (status != 0) {
        return status;
    }
    if (list->count == LOCUM_INSTANCES_MAX) {
        return LOCUM_ERR_SPACE;
    }
    instance.down = has_down_flag(flags);
    list->at[list->count++] = instance;
    return 0;
}

int
locum_resp_instances(const redisReply *reply, struct locum_instances *list)
{
    if (!is_array(reply)) {
        return LOCUM_ERR_PROTOCOL;
    }
    for (size_t i = 0; i < reply->elements; i++) {
        const int status = locum_resp_instance(reply->element[i], list);
        if (status != 0) {
            return status;
        }
    }
    return 0;
}

int
locum_resp_masters(const redisReply *reply, struct locum_text *text)
{
    if (!is_array(reply)) {
        return LOCUM_ERR_PROTOCOL;
    }
    for (size_t i = 0; i < reply->elements; i++) {
        struct locum_slice name;
        if (!get_field(reply->element[i], "name", &name)) {
            return LOCUM_ERR_PROTOCOL;
        }
        locum_text_add(text, i > 0 ? ", " : "");
        locum_foreign_add(text, name, LOCUM_RESP_SHOWN_MAX);
    }
    if (reply->elements == 0) {
        locum_text_add(text, "none");
    }
    return 0;
}

int
locum_resp_role(const redisReply *reply, struct locum_slice *ret)
{
    const bool found = is_array(reply) && reply->elements >= 1 && get_text(reply->element[0], ret);
    return found ? 0 : LOCUM_ERR_PROTOCOL;
}

int
locum_resp_tilt(const redisReply *reply, bool *ret_tilt)
{
    static const char key[] = "sentinel_tilt:";
    struct locum_slice rest;
    struct locum_slice line;
    if (!get_text(reply, &rest)) {
        return LOCUM_ERR_PROTOCOL;
    }
    while (locum_slice_cut(&rest, '\n', &line)) {
        if (locum_slice_starts(line, key) && line.length > sizeof(key) - 1) {
            *ret_tilt = line.at[sizeof(key) - 1] != '0';
            return 0;
        }
    }
    return LOCUM_ERR_PROTOCOL;
}

/* [kind, text, ...] of three elements, as a subscribed connection receives; the text borrowed. */
static bool
is_push(const redisReply *reply, const char *kind, struct locum_slice *ret_channel)
{
    struct locum_slice first;
    return is_array(reply) && reply->elements == 3 && get_text(reply->element[0], &first) &&
           locum_slice_is(first, kind) && get_text(reply->element[1], ret_channel);
}

bool
locum_resp_message(const redisReply *reply, struct locum_slice *ret_channel,
                   struct locum_slice *ret_payload)
{
    return is_push(reply, "message", ret_channel) && get_text(reply->element[2], ret_payload);
}

bool
locum_resp_subscribed(const redisReply *reply, const char *channel)
{
    struct locum_slice name;
    return is_push(reply, "subscribe", &name) && locum_slice_is(name, channel);
}

/* The last `length` bytes of a text that is at least as long. */
static struct locum_slice
end_of(struct locum_slice text, size_t length)
{
    return (struct locum_slice){.at = text.at + text.length - length, .length = length};
}

int
locum_resp_mirrorbits(struct locum_slice payload, uint32_t *ret_db, struct locum_slice *ret_host,
                      struct locum_slice *ret_instance)
{
    static const char hello[] = "HELLO";
    uint64_t db;
    struct locum_slice instance = payload;
    struct locum_slice first;
    if (!locum_slice_cut(&instance, ' ', &first) || instance.at == NULL ||
        !locum_slice_starts(first, hello) ||
        locum_slice_u64(end_of(first, first.length - strlen(hello)), UINT32_MAX, &db) != 0 ||
        instance.length < 1 + 1 + MIRRORBITS_DIGITS || instance.length > MIRRORBITS_INSTANCE_MAX) {
        return LOCUM_ERR_INVALID;
    }
    const struct locum_slice host = {.at = instance.at,
                                     .length = instance.length - 1 - MIRRORBITS_DIGITS};
    if (!is_host(host) || instance.at[host.length] != '-' ||
        !consists_of(end_of(instance, MIRRORBITS_DIGITS), DIGITS)) {
        return LOCUM_ERR_INVALID;
    }
    *ret_db = (uint32_t)db;
    *ret_host = host;
    *ret_instance = instance;
    return 0;
}
