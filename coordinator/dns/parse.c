/* locum_zone_parse_record(): what ldns reads of a record, and what it reads wrongly. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/error.h"
#include "dns/zone.h"

enum {
    RECORD_BYTES = LOCUM_RECORD_TEXT_MAX + 16, /* blanks may come between its first words */
    STRING_MAX = 255,
};
#define BLANKS "\t\n "

/* True if `text` is digits with units, as in 3600 or 1h30m, of at most INT32_MAX s (RFC 2181 8). */
static bool
is_ttl(const char *text)
{
    static const char units[] = "smhdwSMHDW";
    static const uint64_t seconds[] = {1, 60, 3600, 86400, 604800};
    uint64_t total = 0;
    do {
        const size_t digits = strspn(text, "0123456789");
        const char *unit = text[digits] == '\0' ? units : strchr(units, text[digits]);
        uint64_t number;
        if (unit == NULL || locum_slice_u64((struct locum_slice){.at = text, .length = digits},
                                            INT32_MAX, &number) != 0) {
            return false;
        }
        total += number * seconds[(size_t)(unit - units) % LOCUM_COUNT(seconds)];
        text += digits + (text[digits] != '\0');
    } while (*text != '\0' && total <= INT32_MAX);
    return total <= INT32_MAX;
}

/*
 * Copy a record with its TTL before its class. RFC 1035 5.1 allows both orders, and ldns 1.8.3
 * reads only this one. Refuse TTLs that it misreads without an error: it wraps at 2^32, stops at
 * the first letter that is no unit, and takes an empty token (before a comment) for 0. The tokens
 * are read as ldns reads them.
 */
static int
put_ttl_first(const char *text, char ret[RECORD_BYTES], const char **ret_why)
{
    char token[2][LDNS_MAX_DOMAINLEN + 1] = {"", ""};
    int status = 0;
    ldns_buffer *buffer = ldns_buffer_new(strlen(text) + 1);
    if (buffer == NULL) {
        return LOCUM_ERR_MEMORY;
    }
    ldns_buffer_write_string(buffer, text);
    ldns_buffer_flip(buffer);
    const bool owner = ldns_bget_token(buffer, token[0], BLANKS, sizeof(token[0])) != -1;
    const size_t begin = ldns_buffer_position(buffer); /* of the second token */
    const bool second = owner && ldns_bget_token(buffer, token[0], BLANKS, sizeof(token[0])) != -1;
    const bool swapped = second && ldns_get_rr_class_by_name(token[0]) != 0 &&
                         ldns_bget_token(buffer, token[1], BLANKS, sizeof(token[1])) != -1 &&
                         token[1][0] >= '0' && token[1][0] <= '9';
    const char *ttl = token[swapped ? 1 : 0];
    if (second && ttl[0] == '\0') {
        *ret_why = "its type is missing after the owner";
        status = LOCUM_ERR_INVALID;
    } else if (second && ttl[0] >= '0' && ttl[0] <= '9' && !is_ttl(ttl)) {
        *ret_why = "invalid TTL: use e.g. 3600 or 1h, at most 2147483647 s (RFC 2181 8)";
        status = LOCUM_ERR_INVALID;
    } else if (swapped) {
        (void)snprintf(ret, RECORD_BYTES, "%.*s %s %s %s", (int)begin, text, ttl, token[0],
                       text + ldns_buffer_position(buffer));
    } else {
        (void)snprintf(ret, RECORD_BYTES, "%s", text);
    }
    ldns_buffer_free(buffer);
    return status;
}

/* The words of a record as ldns reads them: in quotes, or up to a blank, parenthesis or comment. */
struct words {
    const char *at;
    const char *word;
    size_t length;
    int depth;   /* of parentheses; < 0: one was closed that was not open */
    bool quoted; /* the word ends in the middle of quotes */
};

/* Go on to the next word. False: there is none. */
static bool
next_word(struct words *self)
{
    static const char between[] = BLANKS "()";
    for (; *self->at != '\0' && (*self->at == ';' || strchr(between, *self->at) != NULL);) {
        if (*self->at == ';') {
            self->at += strcspn(self->at, "\n");
            continue;
        }
        if (self->depth >= 0) {
            self->depth += (*self->at == '(') - (*self->at == ')');
        }
        self->at++;
    }
    self->word = self->at;
    for (; *self->at != '\0' && (self->quoted || strchr(BLANKS "();", *self->at) == NULL);
         self->at++) {
        if (*self->at == '"') {
            self->quoted = !self->quoted;
        } else if (*self->at == '\\' && self->at[1] != '\0') {
            self->at++;
        }
    }
    self->length = (size_t)(self->at - self->word);
    return self->length > 0;
}

/* What ldns reads over, or takes for a name. */
static const char *
form_wrong(const char *text)
{
    struct words words = {.at = text};
    if (text[0] == '$') {
        return "it begins with $: $ORIGIN, $TTL and the like cannot be used here; names are "
               "relative to the zone, a TTL comes after the owner";
    }
    if (text[0] == '"') {
        return "its owner is in quotes: remove them";
    }
    while (next_word(&words)) {
    }
    if (words.quoted) {
        return "quotes are not closed: add \"";
    }
    return words.depth == 0 ? NULL : "its parentheses are not in pairs: each ( needs one )";
}

/* Has the text a word, in quotes or not, of more than 255 octets (RFC 1035 3.3)? */
static bool
has_long_string(const char *text)
{
    struct words words = {.at = text};
    while (next_word(&words)) {
        size_t length = 0;
        for (size_t i = 0; i < words.length; i++) {
            length += words.word[i] != '"';
            if (words.word[i] == '\\') { /* \DDD or \X */
                i += strspn(words.word + i + 1, "0123456789") >= 3 ? 3 : 1;
            }
        }
        if (length > STRING_MAX) {
            return true;
        }
    }
    return false;
}

/* Find the word \# after the owner (RFC 3597 5). False: the data is not raw. */
static bool
find_raw(const char *text, struct words *ret)
{
    *ret = (struct words){.at = text};
    bool found = false;
    for (size_t i = 0; !found && next_word(ret); i++) {
        found = i > 0 && ret->length == 2 && memcmp(ret->word, "\\#", 2) == 0;
    }
    return found;
}

/* ldns reads raw data up to where the type ends, and resolves pointers in it. */
static const char *
raw_wrong(const ldns_rr *rr, const char *text)
{
    static const char why[] =
        "its raw data (\\#) is not what its type holds: check the length, and "
        "write names in full, without pointers (RFC 3597 5)";
    struct words words;
    uint64_t length;
    if (!find_raw(text, &words)) {
        return NULL;
    }
    if (!next_word(&words) ||
        locum_slice_u64((struct locum_slice){.at = words.word, .length = words.length}, UINT16_MAX,
                        &length) != 0 ||
        length != locum_zone_data_length(rr)) {
        return why;
    }
    size_t digit = words.length; /* in the word */
    for (size_t i = 0; i < ldns_rr_rd_count(rr); i++) {
        const ldns_rdf *rdf = ldns_rr_rdf(rr, i);
        for (size_t j = 0; j < 2 * ldns_rdf_size(rdf); j++) {
            const int nibble = ldns_rdf_data(rdf)[j / 2] >> (j % 2 == 0 ? 4 : 0) & 0x0f;
            if (digit == words.length) {
                digit = 0;
                if (!next_word(&words)) {
                    return why;
                }
            }
            if (isxdigit((unsigned char)words.word[digit]) == 0 ||
                ldns_hexdigit_to_int(words.word[digit]) != nibble) {
                return why;
            }
            digit++;
        }
    }
    return digit == words.length && !next_word(&words) ? NULL : why;
}

/* The type of a record that ldns does not read; 0: unknown. False: there is no word for it. */
static bool
find_type(const char *text, ldns_rr_type *ret)
{
    struct words words = {.at = text};
    bool found = next_word(&words);
    char word[24] = "";
    do {
        found = found && next_word(&words);
        (void)snprintf(word, sizeof(word), "%.*s", (int)(found ? words.length : 0), words.word);
    } while (found &&
             (isdigit((unsigned char)word[0]) != 0 || ldns_get_rr_class_by_name(word) != 0));
    *ret = found ? ldns_get_rr_type_by_name(word) : 0;
    return found;
}

/* Has the record an owner that is a name? */
static bool
has_owner(const char *text)
{
    struct words words = {.at = text};
    char owner[RECORD_BYTES];
    (void)next_word(&words);
    (void)snprintf(owner, sizeof(owner), "%.*s", (int)words.length, words.word);
    ldns_rdf *name = NULL;
    const ldns_status status = ldns_str2rdf_dname(&name, owner);
    ldns_rdf_deep_free(name);
    return status == LDNS_STATUS_OK || status == LDNS_STATUS_MEM_ERR;
}

/* Why ldns does not read a record. */
static const char *
syntax_wrong(const char *text, ldns_status status)
{
    static const struct {
        ldns_rr_type type;
        const char *why;
    } rows[] = {
        {LDNS_RR_TYPE_A, "its data is not one IPv4 address, as in 192.0.2.1"},
        {LDNS_RR_TYPE_AAAA, "its data is not one IPv6 address, as in 2001:db8::1"},
        {LDNS_RR_TYPE_CNAME, "its data is not one name, as in www or www.example.com."},
        {LDNS_RR_TYPE_DNAME, "its data is not one name, as in www or www.example.com."},
        {LDNS_RR_TYPE_PTR, "its data is not one name, as in www or www.example.com."},
        {LDNS_RR_TYPE_NS, "its data is not one name, as in ns1 or ns1.example.com."},
        {LDNS_RR_TYPE_MX, "its data is not a priority and a host, as in 10 mail"},
        {LDNS_RR_TYPE_SRV, "its data is not priority, weight, port and host, as in 0 0 5060 sip"},
        {LDNS_RR_TYPE_CAA,
         "its data is not flags, tag and value, as in 0 issue \"letsencrypt.org\""},
        {LDNS_RR_TYPE_DS, "its data is not key tag, algorithm, digest type and digest"},
        {LDNS_RR_TYPE_TLSA, "its data is not usage, selector, matching type and digest"},
        {LDNS_RR_TYPE_SSHFP, "its data is not algorithm, type and fingerprint"},
        {LDNS_RR_TYPE_SVCB, "its data is not a priority, a name and parameters, as in 1 . alpn=h2"},
        {LDNS_RR_TYPE_HTTPS,
         "its data is not a priority, a name and parameters, as in 1 . alpn=h2"},
    };
    struct words words = {.at = text};
    ldns_rr_type type;
    if (has_long_string(text)) {
        return "a string is longer than 255 octets: split it into several, \"first part\" "
               "\"second part\"";
    }
    if (!find_type(text, &type)) {
        return "its type is missing after the owner: use zone-file syntax, e.g. "
               "'www A 192.0.2.1'";
    }
    if (type == 0) {
        return "its type is unknown: write e.g. A, or TYPE1234 for a type that has only a number";
    }
    if (!has_owner(text)) {
        return "its owner is no name: labels of 1 to 63 characters with one dot between them";
    }
    if (find_raw(text, &words)) {
        return "its raw data (\\#) is not a length and that many octets of its type in hexadecimal "
               "digits (RFC 3597 5)";
    }
    if (status != LDNS_STATUS_SYNTAX_RDATA_ERR && status != LDNS_STATUS_SYNTAX_MISSING_VALUE_ERR &&
        status != LDNS_STATUS_SYNTAX_SUPERFLUOUS_TEXT_ERR) {
        return ldns_get_errorstr_by_id(status);
    }
    for (size_t i = 0; i < LOCUM_COUNT(rows); i++) {
        if (rows[i].type == type) {
            return rows[i].why;
        }
    }
    return "its data is not in the form of its type";
}

/* How many digits a record has after its type and `fields` fields; 0: it is not written so. */
static size_t
count_digits(const char *text, const char *type, size_t fields)
{
    struct words words = {.at = text};
    size_t digits = 0;
    size_t seen = 0;         /* words from the type on */
    (void)next_word(&words); /* the owner, which may be called like a type */
    while (next_word(&words)) {
        digits += seen > fields ? words.length : 0;
        seen += seen > 0 ||
                (words.length == strlen(type) && strncasecmp(words.word, type, words.length) == 0);
    }
    return digits;
}

/* Fingerprints and digests: ldns accepts any number of digits, and fills up an odd one. */
static const char *
digest_wrong(const ldns_rr *rr, const char *text)
{
    static const struct {
        ldns_rr_type type;
        uint8_t kind_at; /* which field is the kind of digest; the one after it is the digest */
        uint8_t kind;
        uint8_t bytes;
    } rows[] = {
        {LDNS_RR_TYPE_SSHFP, 1, 1, 20},  {LDNS_RR_TYPE_SSHFP, 1, 2, 32}, /* RFC 4255, RFC 6594 */
        {LDNS_RR_TYPE_TLSA, 2, 1, 32},   {LDNS_RR_TYPE_TLSA, 2, 2, 64},  /* RFC 6698 2.1.3 */
        {LDNS_RR_TYPE_SMIMEA, 2, 1, 32}, {LDNS_RR_TYPE_SMIMEA, 2, 2, 64},
        {LDNS_RR_TYPE_DS, 2, 1, 20},     {LDNS_RR_TYPE_DS, 2, 2, 32},
        {LDNS_RR_TYPE_DS, 2, 4, 48}, /* RFC 6605 */
    };
    for (size_t i = 0; i < LOCUM_COUNT(rows); i++) {
        const char *type = ldns_rr_descript((uint16_t)rows[i].type)->_name;
        if (ldns_rr_get_type(rr) == rows[i].type && ldns_rr_rd_count(rr) == rows[i].kind_at + 2u &&
            ldns_rdf_data(ldns_rr_rdf(rr, rows[i].kind_at))[0] == rows[i].kind &&
            (ldns_rdf_size(ldns_rr_rdf(rr, rows[i].kind_at + 1u)) != rows[i].bytes ||
             count_digits(text, type, rows[i].kind_at + 1u) % 2 != 0)) {
            return "its digest does not have the length of its kind: check the number of digits";
        }
    }
    return NULL;
}

/* Is the key among the parameters that end before `end`? */
static bool
has_param(const uint8_t *at, const uint8_t *end, uint16_t key)
{
    while (end - at >= 4 && locum_packet_u16(at) != key) {
        at += 4 + locum_packet_u16(at + 2);
    }
    return end - at >= 4;
}

/* Is this the value of one parameter, in its form (RFC 9460 7, 8)? all: from `all` to `end`. */
static bool
is_param_good(uint16_t key, const uint8_t *value, size_t length, const uint8_t *all,
              const uint8_t *end)
{
    enum { MANDATORY, ALPN, NO_DEFAULT_ALPN, PORT, IPV4HINT, ECH, IPV6HINT };
    size_t at = 0;
    switch (key) {
    case MANDATORY:
        for (; at + 2 <= length; at += 2) {
            const uint16_t other = locum_packet_u16(value + at);
            if (other == MANDATORY || !has_param(all, end, other) ||
                (at > 0 && locum_packet_u16(value + at - 2) >= other)) {
                return false;
            }
        }
        return length > 0 && at == length;
    case ALPN:
        while (at < length && value[at] > 0) {
            at += 1u + value[at];
        }
        return length > 0 && at == length;
    case NO_DEFAULT_ALPN: return length == 0 && has_param(all, end, ALPN);
    case PORT: return length == 2;
    case IPV4HINT: return length > 0 && length % 4 == 0;
    case ECH: return length > 0;
    case IPV6HINT: return length > 0 && length % 16 == 0;
    default: return true;
    }
}

/* SVCB and HTTPS: ldns accepts what RFC 9460 2.2 forbids, and wraps a port at 2^16. */
static const char *
svcb_wrong(const ldns_rr *rr, const char *text)
{
    const ldns_rdf *params = ldns_rr_rdf(rr, 2);
    for (const char *port = strstr(text, " port="); port != NULL;
         port = strstr(port + 1, " port=")) {
        const char *digits = port + strlen(" port=");
        digits += *digits == '"';
        if (strtoul(digits, NULL, 10) > UINT16_MAX) {
            return "port: use 0 to 65535";
        }
    }
    if (params == NULL || ldns_rdf_get_type(params) != LDNS_RDF_TYPE_SVCPARAMS) {
        return NULL;
    }
    if (ldns_rdf_size(params) > 0 && ldns_rdf2native_int16(ldns_rr_rdf(rr, 0)) == 0) {
        return "its priority is 0, an alias, which has no parameters: remove them, or use 1 "
               "(RFC 9460 2.4.2)";
    }
    const uint8_t *all = ldns_rdf_data(params);
    const uint8_t *end = all + ldns_rdf_size(params);
    size_t length = 0;
    for (const uint8_t *at = all; at < end; at += 4 + length) {
        if (end - at < 4 || (length = locum_packet_u16(at + 2)) > (size_t)(end - at) - 4) {
            return "its parameters are not whole";
        }
        const uint16_t key = locum_packet_u16(at);
        if (at + 4 + length < end && end - at - 4 - (ptrdiff_t)length >= 2 &&
            locum_packet_u16(at + 4 + length) <= key) {
            return "its parameters must each be there once, in ascending order (RFC 9460 2.2)";
        }
        if (!is_param_good(key, at + 4, length, all, end)) {
            return "a parameter has a value that its kind cannot have (RFC 9460 7, 8)";
        }
    }
    return NULL;
}

/* What ldns accepts and should not, or NULL. */
static const char *
data_wrong(const ldns_rr *rr, const char *text)
{
    const ldns_rr_type type = ldns_rr_get_type(rr);
    const char *why = raw_wrong(rr, text);
    if (why == NULL) {
        why = type == LDNS_RR_TYPE_SVCB || type == LDNS_RR_TYPE_HTTPS ? svcb_wrong(rr, text)
                                                                      : digest_wrong(rr, text);
    }
    return why;
}

/* Is the name whole? A relative name may be too long only once the zone is behind it. */
static bool
is_name(const ldns_rdf *rdf)
{
    struct locum_wire_name name;
    return ldns_rdf_size(rdf) <= LOCUM_DNS_NAME_MAX &&
           locum_packet_name(ldns_rdf_data(rdf), ldns_rdf_size(rdf), 0, &name) ==
               ldns_rdf_size(rdf);
}

/* Why a name of the record cannot be in a message, or NULL. */
static const char *
name_wrong(const ldns_rr *rr)
{
    if (!is_name(ldns_rr_owner(rr))) {
        return "its owner, with the name of the zone, is longer than 255 octets (RFC 1035 3.1): "
               "use a shorter name";
    }
    for (size_t i = 0; i < ldns_rr_rd_count(rr); i++) {
        const ldns_rdf *rdf = ldns_rr_rdf(rr, i);
        if (ldns_rdf_get_type(rdf) == LDNS_RDF_TYPE_DNAME && !is_name(rdf)) {
            return "a name in its data, with the name of the zone if it is relative, is longer "
                   "than 255 octets (RFC 1035 3.1): use a shorter name";
        }
    }
    return NULL;
}

int
locum_zone_parse_record(const char *text, const ldns_rdf *apex, ldns_rr **ret_rr,
                        const char **ret_why)
{
    char ordered[RECORD_BYTES];
    ldns_rr *rr = NULL;
    *ret_why = form_wrong(text);
    if (*ret_why != NULL) {
        return LOCUM_ERR_INVALID;
    }
    const int ttl_status = put_ttl_first(text, ordered, ret_why);
    if (ttl_status != 0) {
        return ttl_status;
    }
    const ldns_status status = ldns_rr_new_frm_str(&rr, ordered, LOCUM_TTL_NONE, apex, NULL);
    if (status != LDNS_STATUS_OK) {
        *ret_why = syntax_wrong(ordered, status);
        return status == LDNS_STATUS_MEM_ERR ? LOCUM_ERR_MEMORY : LOCUM_ERR_INVALID;
    }
    *ret_why = name_wrong(rr);
    if (*ret_why == NULL) {
        *ret_why = data_wrong(rr, ordered);
    }
    if (*ret_why != NULL) {
        ldns_rr_free(rr);
        return LOCUM_ERR_INVALID;
    }
    ldns_dname2canonical(ldns_rr_owner(rr));
    *ret_rr = rr;
    return 0;
}
