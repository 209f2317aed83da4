#include "control/query.h"

#include <string.h>

#include "base/error.h"

static const char *const keys[LOCUM_QUERY_KEYS] = {"name", "if", "after", "wait"};

int
locum_target_cut(struct locum_slice target, struct locum_slice *ret_path,
                 struct locum_slice *ret_query)
{
    if (locum_slice_starts(target, "http://")) {
        const char *path = memchr(target.at + 7, '/', target.length - 7);
        if (path == NULL) {
            return LOCUM_ERR_INVALID;
        }
        target.length -= (size_t)(path - target.at);
        target.at = path;
    }
    if (!locum_slice_starts(target, "/") || memchr(target.at, '#', target.length) != NULL) {
        return LOCUM_ERR_INVALID;
    }
    struct locum_slice path;
    if (!locum_slice_cut(&target, '?', &path)) {
        return LOCUM_ERR_INVALID;
    }
    *ret_path = path;
    *ret_query = target;
    return 0;
}

/* Percent-decoding, RFC 3986 2.1. */
static int
decode(struct locum_slice from, char ret[LOCUM_QUERY_VALUE_MAX + 1])
{
    size_t length = 0;
    while (from.length > 0) {
        uint8_t c = (uint8_t)from.at[0];
        size_t used = 1;
        if (c == '%') {
            used = 3;
            if (from.length < used ||
                locum_slice_hex((struct locum_slice){.at = from.at + 1, .length = 2}, &c, 1) != 0) {
                return LOCUM_ERR_INVALID;
            }
        }
        if (c <= ' ' || c >= 127) {
            return LOCUM_ERR_INVALID;
        }
        if (length == LOCUM_QUERY_VALUE_MAX) {
            return LOCUM_ERR_RANGE;
        }
        ret[length++] = (char)c;
        from.at += used;
        from.length -= used;
    }
    ret[length] = '\0';
    return length > 0 ? 0 : LOCUM_ERR_INVALID;
}

static void
add_allowed(struct locum_text *why, unsigned allowed)
{
    if (allowed == 0) {
        locum_text_add(why, "; nothing is taken here");
        return;
    }
    const char *before = "; taken here: ";
    for (size_t i = 0; i < LOCUM_QUERY_KEYS; i++) {
        if ((allowed >> i & 1u) != 0) {
            locum_text_add(why, before);
            locum_text_add(why, keys[i]);
            before = ", ";
        }
    }
}

static int
refuse(struct locum_text *why, struct locum_slice pair, const char *what, unsigned allowed)
{
    struct locum_slice key;
    if (!locum_slice_cut(&pair, '=', &key)) {
        key = pair;
    }
    locum_text_add(why, "query key \"");
    locum_text_add_escaped(why, key.at, key.length < 64 ? key.length : 64);
    locum_text_add(why, "\": ");
    locum_text_add(why, what);
    add_allowed(why, allowed);
    return LOCUM_ERR_INVALID;
}

static size_t
find_key(struct locum_slice text, unsigned allowed)
{
    for (size_t i = 0; i < LOCUM_QUERY_KEYS; i++) {
        if ((allowed >> i & 1u) != 0 && locum_slice_is(text, keys[i])) {
            return i;
        }
    }
    return LOCUM_QUERY_KEYS;
}

static int
take_pair(struct locum_slice pair, unsigned allowed, struct locum_query *query,
          struct locum_text *why)
{
    struct locum_slice value = pair;
    struct locum_slice text;
    if (!locum_slice_cut(&value, '=', &text) || value.at == NULL) {
        return refuse(why, pair, "not of the form key=value", allowed);
    }
    const size_t key = find_key(text, allowed);
    if (key == LOCUM_QUERY_KEYS) {
        return refuse(why, pair, "no such key", allowed);
    }
    if (query->has[key]) {
        return refuse(why, pair, "this key is there twice", allowed);
    }
    const int error = decode(value, query->value[key]);
    if (error == LOCUM_ERR_RANGE) {
        (void)refuse(why, pair, "longer than 255 characters", allowed);
        return LOCUM_ERR_RANGE;
    }
    if (error != 0) {
        return refuse(why, pair, "the value must be printable ASCII, and %XX for the rest",
                      allowed);
    }
    query->has[key] = true;
    return 0;
}

int
locum_query_parse(struct locum_slice query, unsigned allowed, struct locum_query *ret,
                  struct locum_text *ret_why)
{
    struct locum_query parsed = {0};
    struct locum_slice pair;
    while (locum_slice_cut(&query, '&', &pair)) {
        const int error = take_pair(pair, allowed, &parsed, ret_why);
        if (error != 0) {
            return error;
        }
    }
    *ret = parsed;
    return 0;
}

const char *
locum_query_value(const struct locum_query *self, enum locum_query_key key)
{
    return self->has[key] ? self->value[key] : NULL;
}
