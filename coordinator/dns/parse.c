/* locum_zone_parse_record(): what ldns reads of a record, and what it reads wrongly. */
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

/* Has the text a word, in quotes or not, of more than 255 octets (RFC 1035 3.3)? */
static bool
has_long_string(const char *text)
{
    size_t length = 0;
    bool quoted = false;
    for (; *text != '\0' && length <= STRING_MAX; text++) {
        if (*text == '"') {
            quoted = !quoted;
            length = 0;
        } else if (!quoted && strchr(BLANKS, *text) != NULL) {
            length = 0;
        } else {
            if (*text == '\\') { /* \DDD or \X */
                const size_t digits = strspn(text + 1, "0123456789");
                text += digits >= 3 ? 3 : text[1] != '\0';
            }
            length++;
        }
    }
    return length > STRING_MAX;
}

/* How many digits a record has after its type and `fields` fields; 0: it is not written so. */
static size_t
count_digits(const char *text, const char *type, size_t fields)
{
    static const char between[] = BLANKS "()";
    size_t digits = 0;
    size_t seen = 0; /* words from the type on */
    while (*text != '\0' && *text != ';') {
        const size_t length = strcspn(text, BLANKS "();");
        if (seen > fields) {
            digits += length;
        }
        seen += seen > 0 || (length == strlen(type) && strncasecmp(text, type, length) == 0);
        text += length;
        text += strspn(text, between);
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
    return type == LDNS_RR_TYPE_SVCB || type == LDNS_RR_TYPE_HTTPS ? svcb_wrong(rr, text)
                                                                   : digest_wrong(rr, text);
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
    const int ttl_status = put_ttl_first(text, ordered, ret_why);
    if (ttl_status != 0) {
        return ttl_status;
    }
    const ldns_status status = ldns_rr_new_frm_str(&rr, ordered, LOCUM_TTL_NONE, apex, NULL);
    if (status != LDNS_STATUS_OK) {
        *ret_why = has_long_string(ordered) ? "a string is longer than 255 octets: split it into "
                                              "several, \"first part\" \"second part\""
                                            : ldns_get_errorstr_by_id(status);
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
