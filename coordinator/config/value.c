#include "config/value.h"

#include <string.h>

#include "base/error.h"
#include "config/domain.h"

bool
locum_value_is_name(struct locum_slice text, size_t max)
{
    if (text.length == 0 || text.length > max || text.at[0] == '-' ||
        text.at[text.length - 1] == '-') {
        return false;
    }
    for (size_t i = 0; i < text.length; i++) {
        const char c = text.at[i];
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-')) {
            return false;
        }
    }
    return true;
}

static bool
is_plain_text(struct locum_slice text)
{
    for (size_t i = 0; i < text.length; i++) {
        if ((uint8_t)text.at[i] < ' ' || text.at[i] == 127) {
            return false;
        }
    }
    return true;
}

static bool
is_host(struct locum_slice text)
{
    char name[LOCUM_DOMAIN_MAX + 1];
    const char *why;
    return text.length > 0 && text.at[text.length - 1] != '.' &&
           locum_domain_absolute(text, name, &why) == 0;
}

static int
parse_text(const struct locum_option *option, struct locum_slice text, void *field)
{
    if (text.length < (uint64_t)option->min || text.length > (uint64_t)option->max ||
        !is_plain_text(text)) {
        return LOCUM_ERR_INVALID;
    }
    return field == NULL ? 0 : locum_slice_copy(text, field, (size_t)option->max + 1);
}

/* Decimal, without leading zeros (which YAML 1.1 would read as octal). */
static int
parse_number(struct locum_slice text, int64_t min, int64_t max, uint64_t *ret)
{
    uint64_t value;
    if (text.length > 1 && text.at[0] == '0') {
        return LOCUM_ERR_INVALID;
    }
    const int status = locum_slice_u64(text, (uint64_t)max, &value);
    if (status == 0 && value < (uint64_t)min) {
        return LOCUM_ERR_RANGE;
    }
    if (status == 0) {
        *ret = value;
    }
    return status;
}

static int
parse_u32(const struct locum_option *option, struct locum_slice text, void *field)
{
    uint64_t value;
    const int status = parse_number(text, option->min, option->max, &value);
    if (status == 0 && field != NULL) {
        *(uint32_t *)field = (uint32_t)value;
    }
    return status;
}

static int
parse_u16(const struct locum_option *option, struct locum_slice text, uint16_t *field)
{
    uint64_t value;
    const int status = parse_number(text, option->min, option->max, &value);
    if (status == 0 && field != NULL) {
        *field = (uint16_t)value;
    }
    return status;
}

/* "200" or "200-399" */
static int
parse_status_range(const struct locum_option *option, struct locum_slice text,
                   struct locum_status_range *ret)
{
    struct locum_slice rest = text;
    struct locum_slice first;
    struct locum_slice last;
    (void)locum_slice_cut(&rest, '-', &first);
    last = rest.at != NULL ? rest : first;
    return parse_u16(option, first, &ret->min) != 0 || parse_u16(option, last, &ret->max) != 0 ||
                   ret->min > ret->max
               ? LOCUM_ERR_INVALID
               : 0;
}

/* One or several of them, separated by commas. */
static int
parse_status(const struct locum_option *option, struct locum_slice text, void *field)
{
    struct locum_status_range ranges[LOCUM_STATUS_RANGES_MAX] = {0};
    struct locum_slice piece;
    for (size_t i = 0; locum_slice_cut(&text, ',', &piece); i++) {
        while (piece.length > 0 && piece.at[0] == ' ') {
            piece = (struct locum_slice){.at = piece.at + 1, .length = piece.length - 1};
        }
        if (i >= LOCUM_COUNT(ranges) || parse_status_range(option, piece, &ranges[i]) != 0) {
            return LOCUM_ERR_INVALID;
        }
    }
    memcpy(field, ranges, sizeof(ranges));
    return 0;
}

static int
parse_pattern(const struct locum_option *option, struct locum_slice text, void *field,
              struct locum_text *why)
{
    char expression[LOCUM_PATTERN_MAX + 1];
    if (parse_text(option, text, expression) != 0 || locum_pattern_check(expression, why) != 0) {
        return LOCUM_ERR_INVALID;
    }
    return field == NULL ? 0 : parse_text(option, text, field);
}

void
locum_value_reason(const struct locum_option *option, struct locum_slice value,
                   struct locum_text *text)
{
    char buffer[100];
    struct locum_text why = locum_text_init(buffer, sizeof(buffer));
    if (option->kind == LOCUM_KIND_PATTERN && parse_pattern(option, value, NULL, &why) != 0 &&
        why.length > 0) {
        locum_text_add(text, ": ");
        locum_text_add(text, buffer);
    }
}

static int
parse_duration(const struct locum_option *option, struct locum_slice text, void *field)
{
    int64_t ms;
    const int status = locum_slice_duration(text, &ms);
    if (status != 0) {
        return status;
    }
    if (ms < option->min || ms > option->max) {
        return LOCUM_ERR_RANGE;
    }
    if (option->kind == LOCUM_KIND_DURATION) {
        *(locum_ms *)field = ms;
        return 0;
    }
    if (ms % 1000 != 0) {
        return LOCUM_ERR_INVALID;
    }
    *(uint32_t *)field = (uint32_t)(ms / 1000);
    return 0;
}

static const struct locum_option any_port = {.min = 1, .max = 65535};

static bool
is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* A host name whose last label ends in a digit is an address with a mistake (RFC 3696 2). */
static int
parse_endpoint(struct locum_slice text, struct locum_endpoint *field)
{
    struct locum_address address;
    struct locum_slice name;
    struct locum_text host = locum_text_init(field->host, sizeof(field->host));
    if (locum_address_parse_port(text, &address) == 0) {
        locum_address_add(&address, &host);
        field->port = address.port;
        return 0;
    }
    (void)locum_slice_cut(&text, ':', &name);
    if (!is_host(name) || is_digit(name.at[name.length - 1]) || text.at == NULL ||
        parse_u16(&any_port, text, &field->port) != 0) {
        return LOCUM_ERR_INVALID;
    }
    locum_text_add_bytes(&host, name.at, name.length);
    return 0;
}

static int
parse_flag(struct locum_slice text, bool *field)
{
    if (!locum_slice_is(text, "true") && !locum_slice_is(text, "false")) {
        return LOCUM_ERR_INVALID;
    }
    *field = locum_slice_is(text, "true");
    return 0;
}

static int
parse_choice(const struct locum_option *option, struct locum_slice text, void *field)
{
    struct locum_slice words = locum_slice_of(option->words);
    struct locum_slice word;
    for (unsigned int i = 0; locum_slice_cut(&words, ' ', &word); i++) {
        if (word.length != text.length || memcmp(word.at, text.at, text.length) != 0) {
            continue;
        }
        if (option->kind == LOCUM_KIND_WORD) {
            return locum_slice_copy(word, field, word.length + 1);
        }
        memcpy(field, &i, sizeof(i));
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
    return is_host(host) && (!has_port || parse_u16(&any_port, text, NULL) == 0);
}

static int
parse_url(const struct locum_option *option, struct locum_slice text, void *field)
{
    if (!locum_slice_starts(text, "http://") && !locum_slice_starts(text, "https://")) {
        return LOCUM_ERR_INVALID;
    }
    for (size_t i = 0; i < text.length; i++) {
        if (text.at[i] <= ' ' || text.at[i] >= 127 || text.at[i] == '#') {
            return LOCUM_ERR_INVALID;
        }
    }
    return is_authority(locum_value_url_authority(text)) ? parse_text(option, text, field)
                                                         : LOCUM_ERR_INVALID;
}

int
locum_value_parse(const struct locum_option *option, struct locum_slice text, void *field)
{
    const char *why;
    switch (option->kind) {
    case LOCUM_KIND_NAME:
        return locum_value_is_name(text, (size_t)option->max) ? parse_text(option, text, field)
                                                              : LOCUM_ERR_INVALID;
    case LOCUM_KIND_HOST:
        return is_host(text) ? parse_text(option, text, field) : LOCUM_ERR_INVALID;
    case LOCUM_KIND_TEXT:
    case LOCUM_KIND_SECRET:
    case LOCUM_KIND_PATH: return parse_text(option, text, field);
    case LOCUM_KIND_DOMAIN: return locum_domain_absolute(text, field, &why);
    case LOCUM_KIND_URL: return parse_url(option, text, field);
    case LOCUM_KIND_WORD:
    case LOCUM_KIND_CHOICE: return parse_choice(option, text, field);
    case LOCUM_KIND_FLAG: return parse_flag(text, field);
    case LOCUM_KIND_NUMBER: return parse_u32(option, text, field);
    case LOCUM_KIND_PORT: return parse_u16(option, text, field);
    case LOCUM_KIND_STATUS: return parse_status(option, text, field);
    case LOCUM_KIND_PATTERN: {
        char buffer[100];
        struct locum_text why_not = locum_text_init(buffer, sizeof(buffer));
        return parse_pattern(option, text, field, &why_not);
    }
    case LOCUM_KIND_DURATION:
    case LOCUM_KIND_SECONDS: return parse_duration(option, text, field);
    case LOCUM_KIND_ENDPOINT: return parse_endpoint(text, field);
    case LOCUM_KIND_ADDRESS: return locum_address_parse_port(text, field);
    case LOCUM_KIND_MAP:
    case LOCUM_KIND_NODES:
    case LOCUM_KIND_ITEMS:
    case LOCUM_KIND_LIST:
    case LOCUM_KIND_LIST_OR_NONE:
    case LOCUM_KIND_LISTS: break;
    }
    return LOCUM_ERR_INVALID;
}

static void
describe_range(const struct locum_option *option, struct locum_text *text)
{
    if (option->kind == LOCUM_KIND_DURATION || option->kind == LOCUM_KIND_SECONDS) {
        locum_text_add_duration(text, option->min);
        locum_text_add(text, " to ");
        locum_text_add_duration(text, option->max);
        return;
    }
    locum_text_add_i64(text, option->min);
    locum_text_add(text, " to ");
    locum_text_add_i64(text, option->max);
}

/* "server, witness or sentinel" */
static void
describe_words(const struct locum_option *option, struct locum_text *text)
{
    struct locum_slice rest = locum_slice_of(option->words);
    struct locum_slice word;
    for (size_t i = 0; locum_slice_cut(&rest, ' ', &word); i++) {
        if (i > 0) {
            locum_text_add(text, rest.at == NULL ? " or " : ", ");
        }
        locum_text_add_bytes(text, word.at, word.length);
    }
}

static const char *
form_of(enum locum_option_kind kind)
{
    switch (kind) {
    case LOCUM_KIND_NAME: return " characters of a-z 0-9 -, with no - at either end";
    case LOCUM_KIND_TEXT:
    case LOCUM_KIND_SECRET: return " characters, none of them a control character";
    case LOCUM_KIND_PATH: return " characters of a path";
    case LOCUM_KIND_HOST: return "a host name, as in vm-23362";
    case LOCUM_KIND_DOMAIN: return "a domain name, as in get.example.org";
    case LOCUM_KIND_URL: return "a URL without user or fragment, as in http://127.0.0.1:8080/";
    case LOCUM_KIND_FLAG: return "true or false";
    case LOCUM_KIND_NUMBER:
    case LOCUM_KIND_PORT: return "a number from ";
    case LOCUM_KIND_STATUS: return "statuses or ranges within 100 to 599, as in \"200-299,302\"";
    case LOCUM_KIND_PATTERN: return " characters of a POSIX extended regular expression";
    case LOCUM_KIND_DURATION: return ", as in 250ms, 1s or 5m";
    case LOCUM_KIND_SECONDS: return " in whole seconds, as in 15s or 5m";
    case LOCUM_KIND_ENDPOINT:
        return "an address or a host name, and a port, as in 10.0.0.12:6379, "
               "[2001:db8::12]:6379 or redis.example.org:6379";
    case LOCUM_KIND_ADDRESS:
        return "a numeric address and a port, as in 127.0.0.1:9854 or [::1]:9854";
    case LOCUM_KIND_MAP: return "its keys and their values, indented below it";
    case LOCUM_KIND_NODES:
        return "a name and settings for each, as in `dc2: {address: [192.0.2.12]}`";
    case LOCUM_KIND_LISTS: return "a list for each server, as in {dc2: [dc2], dc3: [dc3]}";
    case LOCUM_KIND_ITEMS: return ", each beginning with a dash";
    case LOCUM_KIND_LIST: return ", as in [one, two]";
    case LOCUM_KIND_LIST_OR_NONE: return ", as in [\"192.0.2.12:53\"], or none";
    case LOCUM_KIND_WORD:
    case LOCUM_KIND_CHOICE: break;
    }
    return "";
}

void
locum_value_describe(const struct locum_option *option, struct locum_text *text)
{
    locum_text_add(text, "write ");
    switch (option->kind) {
    case LOCUM_KIND_WORD:
    case LOCUM_KIND_CHOICE: describe_words(option, text); return;
    case LOCUM_KIND_NUMBER:
    case LOCUM_KIND_PORT:
        locum_text_add(text, form_of(option->kind));
        describe_range(option, text);
        return;
    case LOCUM_KIND_ITEMS:
    case LOCUM_KIND_LIST:
    case LOCUM_KIND_LIST_OR_NONE: locum_text_add(text, "a list of "); break;
    case LOCUM_KIND_NAME:
    case LOCUM_KIND_TEXT:
    case LOCUM_KIND_SECRET:
    case LOCUM_KIND_PATH:
    case LOCUM_KIND_PATTERN:
    case LOCUM_KIND_DURATION:
    case LOCUM_KIND_SECONDS: break;
    default: locum_text_add(text, form_of(option->kind)); return;
    }
    describe_range(option, text);
    locum_text_add(text, form_of(option->kind));
}
