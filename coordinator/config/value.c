#include "config/value.h"

#include <inttypes.h>
#include <string.h>
#include <strings.h>

#include "base/error.h"
#include "base/text_format.h"
#include "config/config.h"
#include "config/domain.h"

static bool
is_name(struct locum_slice text)
{
    bool good = text.length > 0 && text.at[0] != '-' && text.at[text.length - 1] != '-';
    for (size_t i = 0; i < text.length; i++) {
        const char c = text.at[i];
        good &= (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
    }
    return good;
}

/* Without a last dot: it is compared with certificates, and sent as the Host header. */
static bool
is_host(struct locum_slice text)
{
    char name[LOCUM_DOMAIN_MAX + 1];
    const char *why;
    return text.length > 0 && text.at[text.length - 1] != '.' &&
           locum_domain_absolute(text, name, &why) == 0;
}

/* Static records, the only lists of free text, may hold tabs, as zone files do. */
static int
parse_text(const struct locum_schema_row *row, struct locum_slice text, void *field)
{
    bool good = text.length >= (uint64_t)row->min && text.length <= (uint64_t)row->max;
    for (size_t i = 0; i < text.length; i++) {
        const char c = text.at[i];
        const bool tab = c == '\t' && row->shape == LOCUM_SHAPE_LIST;
        good &= ((uint8_t)c >= ' ' || tab) && c != 127;
    }
    return good ? locum_slice_copy(text, field, (size_t)row->max + 1) : LOCUM_ERR_INVALID;
}

/* Decimal, without leading zeros (which YAML 1.1 would read as octal). */
static int
parse_number(struct locum_slice text, int64_t min, int64_t max, uint64_t *ret)
{
    const int status = locum_slice_u64(text, (uint64_t)max, ret);
    if (status == 0 && text.length > 1 && text.at[0] == '0') {
        return LOCUM_ERR_INVALID;
    }
    return status == 0 && *ret < (uint64_t)min ? LOCUM_ERR_RANGE : status;
}

/* One or several of "200" and "200-399", separated by commas. */
static int
parse_status(const struct locum_schema_row *row, struct locum_slice text, void *field)
{
    struct locum_status_range ranges[LOCUM_STATUS_RANGES_MAX] = {0};
    struct locum_slice last;
    for (size_t i = 0; locum_slice_cut(&text, ',', &last); i++) {
        struct locum_slice first;
        uint64_t from, to;
        while (last.length > 0 && last.at[0] == ' ') {
            last = (struct locum_slice){.at = last.at + 1, .length = last.length - 1};
        }
        (void)locum_slice_cut(&last, '-', &first);
        last = last.at != NULL ? last : first;
        if (i >= LOCUM_COUNT(ranges) || parse_number(first, row->min, row->max, &from) != 0 ||
            parse_number(last, (int64_t)from, row->max, &to) != 0) {
            return LOCUM_ERR_INVALID;
        }
        ranges[i] = (struct locum_status_range){.min = (uint16_t)from, .max = (uint16_t)to};
    }
    memcpy(field, ranges, sizeof(ranges));
    return 0;
}

/* Numbers and durations: a value of at most 64 bits within the row's range. */
static int
parse_amount(const struct locum_schema_row *row, struct locum_slice text, void *field)
{
    uint64_t value = 0;
    int64_t ms = 0;
    int status;
    if (row->kind == LOCUM_KIND_NUMBER || row->kind == LOCUM_KIND_PORT) {
        status = parse_number(text, row->min, row->max, &value);
    } else {
        const bool seconds = row->kind == LOCUM_KIND_SECONDS;
        status = locum_slice_duration(text, &ms);
        if (status == 0 && (ms < row->min || ms > row->max || (seconds && ms % 1000 != 0))) {
            status = LOCUM_ERR_RANGE;
        }
        value = (uint64_t)ms / (seconds ? 1000 : 1);
    }
    if (status != 0) {
        return status;
    }
    switch (row->kind) {
    case LOCUM_KIND_PORT: *(uint16_t *)field = (uint16_t)value; break;
    case LOCUM_KIND_DURATION: *(locum_ms *)field = (locum_ms)value; break;
    default: *(uint32_t *)field = (uint32_t)value; break;
    }
    return 0;
}

enum { PORT_MAX = 65535 };

/* A host name whose last label ends in a digit is an address with a mistake (RFC 3696 2). */
static int
parse_endpoint(struct locum_slice text, struct locum_endpoint *field)
{
    struct locum_address address;
    struct locum_slice name;
    struct locum_text host = locum_text_init(field->host, sizeof(field->host));
    if (locum_address_parse_port(text, &address) == 0) {
        locum_text_add(&host, locum_address_host_text(&address).text);
        field->port = address.port;
        return 0;
    }
    uint64_t port;
    (void)locum_slice_cut(&text, ':', &name);
    const char last = name.length > 0 ? name.at[name.length - 1] : '.';
    if (!is_host(name) || (last >= '0' && last <= '9') || text.at == NULL ||
        parse_number(text, 1, PORT_MAX, &port) != 0) {
        return LOCUM_ERR_INVALID;
    }
    field->port = (uint16_t)port;
    locum_text_add_bytes(&host, name.at, name.length);
    return 0;
}

/* With a port, or without one if the row has a default. */
static int
parse_address(const struct locum_schema_row *row, struct locum_slice text,
              struct locum_address *field)
{
    if (row->min == 0 || locum_address_parse(text, field) != 0) {
        return locum_address_parse_port(text, field);
    }
    field->port = (uint16_t)row->min;
    return 0;
}

/* A field of an enum counts the words from 0; the table and the enum have the same order. */
static int
parse_choice(const struct locum_schema_row *row, struct locum_slice text, void *field)
{
    struct locum_slice words = locum_slice_of(row->words);
    struct locum_slice word;
    for (unsigned int i = 0; locum_slice_cut(&words, ' ', &word); i++) {
        if (word.length != text.length || memcmp(word.at, text.at, text.length) != 0) {
            continue;
        }
        if (row->kind == LOCUM_KIND_FLAG) {
            *(bool *)field = i == 1;
        } else {
            memcpy(field, &i, sizeof(i));
        }
        return 0;
    }
    return LOCUM_ERR_INVALID;
}
_Static_assert(sizeof(enum locum_role) == sizeof(unsigned int) &&
                   sizeof(enum locum_policy) == sizeof(unsigned int),
               "a choice is stored as an unsigned int");

struct locum_slice
locum_value_url_authority(struct locum_slice url)
{
    const size_t scheme = locum_slice_starts(url, "https://") ? 8 : 7;
    struct locum_slice authority = {.at = url.at + scheme};
    while (scheme + authority.length < url.length &&
           strchr("/?", authority.at[authority.length]) == NULL) {
        authority.length++;
    }
    return authority;
}

/* RFC 3986 3.2: a name or an address, and maybe a port; no user. */
static bool
is_authority(struct locum_slice text)
{
    struct locum_address address;
    if (locum_address_parse_port(text, &address) == 0) {
        return true;
    }
    if (text.length > 2 && text.at[0] == '[' && text.at[text.length - 1] == ']') {
        text = (struct locum_slice){.at = text.at + 1, .length = text.length - 2};
        return locum_address_parse(text, &address) == 0 && address.family == LOCUM_V6;
    }
    struct locum_slice host;
    const bool has_port = memchr(text.at, ':', text.length) != NULL;
    (void)locum_slice_cut(&text, ':', &host);
    uint64_t port;
    return is_host(host) && (!has_port || parse_number(text, 1, PORT_MAX, &port) == 0);
}

/* What a character that no URL may hold is, and the form that works. */
static void
explain_character(struct locum_slice url, size_t at, bool in_host, struct locum_text *why)
{
    const unsigned char c = (unsigned char)url.at[at];
    size_t place = 1, end = at + 1;
    for (size_t i = 0; i < at; i++) {
        place += ((uint8_t)url.at[i + 1] & 0xc0) != 0x80; /* RFC 3629 3 */
    }
    while (end < url.length && ((uint8_t)url.at[end] & 0xc0) == 0x80) {
        end++;
    }
    if (c == '#') {
        locum_text_add(why, "a fragment is never sent; remove # and what follows it");
        return;
    }
    locum_text_format(why, "character %zu is %s; ", place,
                      c == ' '  ? "a blank"
                      : c < 128 ? "a control character"
                                : "not ASCII");
    if (in_host) {
        locum_text_add(why, c < 128 ? "remove it" : "write the host in its xn-- form");
        return;
    }
    locum_text_add(why, "write it as ");
    for (size_t i = at; i < end; i++) {
        locum_text_format(why, "%%%02X", (unsigned)(uint8_t)url.at[i]);
    }
}

/* Stored as curl takes it: the scheme in lower case, and no dot behind the host. */
static int
parse_url(const struct locum_schema_row *row, struct locum_slice text, void *field,
          struct locum_text *why)
{
    static const char *const schemes[] = {"http://", "https://"};
    char buffer[LOCUM_STRING_MAX + 1];
    struct locum_text url = locum_text_init(buffer, sizeof(buffer));
    for (size_t i = 0; i < LOCUM_COUNT(schemes); i++) {
        const size_t length = strlen(schemes[i]);
        if (text.length >= length && strncasecmp(text.at, schemes[i], length) == 0) {
            locum_text_add(&url, schemes[i]);
        }
    }
    if (url.length == 0) {
        locum_text_add(why, "it begins with neither http:// nor https://");
        return LOCUM_ERR_INVALID;
    }
    size_t host_end = url.length;
    while (host_end < text.length && strchr("/?#", text.at[host_end]) == NULL) {
        host_end++;
    }
    for (size_t i = 0; i < text.length; i++) {
        if (text.at[i] <= ' ' || text.at[i] >= 127 || text.at[i] == '#') {
            explain_character(text, i, i < host_end, why);
            return LOCUM_ERR_INVALID;
        }
    }
    struct locum_slice authority = {.at = text.at + url.length, .length = host_end - url.length};
    if (memchr(authority.at, '@', authority.length) != NULL) {
        locum_text_add(why, "it names a user; remove what is before @");
        return LOCUM_ERR_INVALID;
    }
    const char *colon = memchr(authority.at, ':', authority.length);
    size_t host = colon != NULL ? (size_t)(colon - authority.at) : authority.length;
    const size_t dot = host > 1 && authority.at[host - 1] == '.' ? 1 : 0;
    locum_text_add_bytes(&url, authority.at, host - dot);
    locum_text_add_bytes(&url, authority.at + host,
                         text.length - (size_t)(authority.at - text.at) - host);
    const struct locum_slice whole = {.at = url.at, .length = url.length};
    if (url.truncated || !is_authority(locum_value_url_authority(whole))) {
        locum_text_add(why, url.truncated ? "it is too long" : "its host or its port is invalid");
        return LOCUM_ERR_INVALID;
    }
    return parse_text(row, whole, field);
}

int
locum_value_parse(const struct locum_schema_row *row, struct locum_slice text, void *field,
                  struct locum_text *why)
{
    char host[LOCUM_DOMAIN_MAX + 1];
    const char *wrong = "";
    int status;
    switch (row->kind) {
    case LOCUM_KIND_NAME: return is_name(text) ? parse_text(row, text, field) : LOCUM_ERR_INVALID;
    case LOCUM_KIND_HOST:
        if (is_host(text)) {
            return parse_text(row, text, field);
        }
        if (locum_domain_absolute(text, host, &wrong) == 0) {
            wrong = "write it without the dot behind it";
        }
        locum_text_add(why, wrong);
        return LOCUM_ERR_INVALID;
    case LOCUM_KIND_TEXT:
    case LOCUM_KIND_SECRET:
    case LOCUM_KIND_PATH: return parse_text(row, text, field);
    case LOCUM_KIND_DOMAIN:
        status = locum_domain_absolute(text, field, &wrong);
        locum_text_add(why, wrong);
        return status;
    case LOCUM_KIND_URL: return parse_url(row, text, field, why);
    case LOCUM_KIND_PATTERN:
        status = parse_text(row, text, field);
        return status == 0 && locum_pattern_check(field, why) != 0 ? LOCUM_ERR_INVALID : status;
    case LOCUM_KIND_FLAG:
    case LOCUM_KIND_CHOICE: return parse_choice(row, text, field);
    case LOCUM_KIND_STATUS: return parse_status(row, text, field);
    case LOCUM_KIND_NUMBER:
    case LOCUM_KIND_PORT:
    case LOCUM_KIND_DURATION:
    case LOCUM_KIND_SECONDS: return parse_amount(row, text, field);
    case LOCUM_KIND_ENDPOINT: return parse_endpoint(text, field);
    case LOCUM_KIND_ADDRESS: return parse_address(row, text, field);
    case LOCUM_KIND_IP: return locum_address_parse(text, field);
    case LOCUM_KIND_PREFIX:
        status = locum_address_parse_prefix(text, field);
        if (status == LOCUM_ERR_RANGE) {
            locum_text_add(why, "the bits after the prefix must be 0");
        }
        return status;
    case LOCUM_KIND_KEY: return locum_slice_hex(text, field, LOCUM_KEY_BYTES);
    case LOCUM_KIND_NODE: break;
    }
    return LOCUM_ERR_INVALID;
}

void
locum_value_print(const struct locum_schema_row *row, const void *field, struct locum_text *text)
{
    switch (row->kind) {
    case LOCUM_KIND_CHOICE:
    case LOCUM_KIND_NUMBER:
    case LOCUM_KIND_SECONDS: locum_text_add_u64(text, *(const uint32_t *)field); break;
    case LOCUM_KIND_PORT: locum_text_add_u64(text, *(const uint16_t *)field); break;
    case LOCUM_KIND_DURATION: locum_text_add_i64(text, *(const locum_ms *)field); break;
    case LOCUM_KIND_NODE: locum_text_add_u64(text, *(const locum_node *)field); break;
    case LOCUM_KIND_ENDPOINT: locum_config_endpoint_add(field, text); break;
    case LOCUM_KIND_ADDRESS: locum_text_add(text, locum_address_text(field).text); break;
    case LOCUM_KIND_IP: locum_text_add(text, locum_address_host_text(field).text); break;
    case LOCUM_KIND_PREFIX: locum_text_add(text, locum_address_prefix_text(field).text); break;
    case LOCUM_KIND_KEY: locum_text_add_hex(text, field, LOCUM_KEY_BYTES); break;
    case LOCUM_KIND_FLAG:
    case LOCUM_KIND_STATUS: break;
    default: locum_text_add(text, field); break;
    }
}

void
locum_value_range(const struct locum_schema_row *row, struct locum_text *text)
{
    const bool one = row->shape == LOCUM_SHAPE_ONE;
    if (one && (row->kind == LOCUM_KIND_DURATION || row->kind == LOCUM_KIND_SECONDS)) {
        locum_text_format(text, "%s to %s", locum_text_duration(row->min).text,
                          locum_text_duration(row->max).text);
    } else if (one && (row->kind == LOCUM_KIND_NUMBER || row->kind == LOCUM_KIND_PORT)) {
        locum_text_format(text, "%" PRId64 " to %" PRId64, row->min, row->max);
    } else if (!one && row->items_max > 0) {
        locum_text_format(text, "%u to %u", row->items_min, row->items_max);
    }
}

static void
describe_one(const struct locum_schema_row *row, struct locum_text *text)
{
    /* Texts: how many characters of what. Numbers and durations: what, then the range. */
    static const char *const forms[] = {
        [LOCUM_KIND_TEXT] = "without control characters",
        [LOCUM_KIND_SECRET] = "without control characters",
        [LOCUM_KIND_NAME] = "of a-z, 0-9 and -, with no - at either end",
        [LOCUM_KIND_PATH] = "(a path)",
        [LOCUM_KIND_PATTERN] = "of a POSIX extended regular expression",
        [LOCUM_KIND_HOST] = "a host name, as in vm-23362",
        [LOCUM_KIND_DOMAIN] = "a domain name, as in get.example.org",
        [LOCUM_KIND_URL] = "a URL without user or fragment, as in http://127.0.0.1:8080/",
        [LOCUM_KIND_NUMBER] = "a number from ",
        [LOCUM_KIND_PORT] = "a port number from ",
        [LOCUM_KIND_STATUS] = "status codes or ranges within 100 to 599, as in \"200-299,302\"",
        [LOCUM_KIND_DURATION] = "a duration with a unit, from ",
        [LOCUM_KIND_SECONDS] = "a duration in whole seconds with a unit, from ",
        [LOCUM_KIND_ENDPOINT] = "an address or a host name, and a port, as in 10.0.0.12:6379, "
                                "[2001:db8::12]:6379 or redis.example.org:6379",
        [LOCUM_KIND_ADDRESS] = "a numeric address and a port, as in 192.0.2.12:53 or "
                               "[2001:db8::12]:53",
        [LOCUM_KIND_IP] = "a numeric address without a port, as in 192.0.2.12 or 2001:db8::12",
        [LOCUM_KIND_PREFIX] = "an address or a network, as in 192.0.2.12, 192.0.2.0/24 or "
                              "2001:db8::/56",
        [LOCUM_KIND_NODE] = "the name of a node",
        [LOCUM_KIND_KEY] = "a public key of 64 hex digits, as `locum keygen --node` shows it",
    };
    struct locum_slice words = locum_slice_of(row->words != NULL ? row->words : "");
    struct locum_slice word;
    switch (row->kind) {
    case LOCUM_KIND_FLAG:
    case LOCUM_KIND_CHOICE: /* "server, witness or sentinel" */
        for (size_t i = 0; locum_slice_cut(&words, ' ', &word); i++) {
            locum_text_add(text, i == 0 ? "" : words.at == NULL ? " or " : ", ");
            locum_text_add_bytes(text, word.at, word.length);
        }
        break;
    case LOCUM_KIND_TEXT:
    case LOCUM_KIND_SECRET:
    case LOCUM_KIND_NAME:
    case LOCUM_KIND_PATH:
    case LOCUM_KIND_PATTERN:
        locum_text_format(text, "%" PRId64 " to %" PRId64 " characters %s", row->min, row->max,
                          forms[row->kind]);
        break;
    default:
        locum_text_add(text, forms[row->kind]);
        locum_value_range(row, text);
        break;
    }
}

void
locum_value_describe(const struct locum_schema_row *row, struct locum_text *text)
{
    static const char *const forms[] = {
        [LOCUM_SHAPE_LIST] = "a list in brackets, as in [one, two]",
        [LOCUM_SHAPE_LIST_OR_NONE] = "a list in brackets, as in [one, two], or none",
        [LOCUM_SHAPE_LISTS] = "server names, each with a list, as in {dc2: [dc2], dc3: [dc3]}",
        [LOCUM_SHAPE_VALUES] = "names, each with a value, as in {X-Forwarded-Proto: https}",
        [LOCUM_SHAPE_MAP] = "keys and values, indented below it",
        [LOCUM_SHAPE_NAMED_MAPS] = "names, each with keys and values, as in "
                                   "`dc2: {address: [192.0.2.12]}`",
        [LOCUM_SHAPE_MAPS] = "a list whose items begin with a dash",
    };
    if (row->shape == LOCUM_SHAPE_ONE) {
        describe_one(row, text);
    } else {
        locum_text_add(text, forms[row->shape]);
    }
}
