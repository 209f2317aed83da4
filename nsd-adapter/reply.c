#include "nsd-adapter/reply.h"

#include <arpa/nameser.h>
#include <resolv.h>
#include <string.h>
#include <strings.h>

#include "base/error.h"

enum { FLAG_QR = 0x80, OPCODE = 0x78, FLAG_AA = 0x04, SHOWN_MAX = 120 };

size_t
locum_nsd_reply_soa_query(const char *zone, uint16_t id, uint8_t ret[LOCUM_NSD_QUERY_MAX])
{
    memset(ret, 0, LOCUM_NSD_QUERY_MAX);
    ret[0] = (uint8_t)(id >> 8);
    ret[1] = (uint8_t)id;
    ret[5] = 1; /* question */
    const int length = dn_comp(zone, ret + NS_HFIXEDSZ, NS_MAXCDNAME, NULL, NULL);
    LOCUM_INVARIANT(length > 0);
    const size_t end = NS_HFIXEDSZ + (size_t)length;
    ret[end + 1] = ns_t_soa;
    ret[end + 3] = ns_c_in;
    return end + NS_QFIXEDSZ;
}

/* The serial of the first SOA record of the zone in the answer section. */
static bool
find_serial(const uint8_t *query, size_t query_length, const uint8_t *reply, size_t length,
            uint32_t *ret)
{
    enum { NUMBERS_BYTES = 20 }; /* serial to minimum, after the names (RFC 1035 3.3.13) */
    const uint8_t *const end = reply + length;
    const uint8_t *at = reply + 6;
    char zone[NS_MAXDNAME];
    char owner[NS_MAXDNAME];
    unsigned left;
    if (dn_expand(query, query + query_length, query + NS_HFIXEDSZ, zone, sizeof(zone)) < 0) {
        return false;
    }
    NS_GET16(left, at);
    for (at = reply + query_length; left > 0; left--) {
        unsigned type;
        unsigned class;
        unsigned data_length;
        const int owner_length = dn_expand(reply, end, at, owner, sizeof(owner));
        if (owner_length < 0 || end - at < owner_length + NS_RRFIXEDSZ) {
            return false;
        }
        at += owner_length;
        NS_GET16(type, at);
        NS_GET16(class, at);
        at += NS_INT32SZ; /* the TTL */
        NS_GET16(data_length, at);
        if (data_length > end - at) {
            return false;
        }
        at += data_length;
        if (type == ns_t_soa && class == ns_c_in && strncasecmp(owner, zone, sizeof(zone)) == 0) {
            at -= NUMBERS_BYTES;
            NS_GET32(*ret, at);
            return data_length > NUMBERS_BYTES;
        }
    }
    return false;
}

int
locum_nsd_reply_read_soa(const uint8_t *query, size_t query_length, const uint8_t *reply,
                         size_t length, enum locum_nsd_soa *ret, uint32_t *ret_serial,
                         uint8_t *ret_rcode)
{
    uint32_t serial;
    const uint8_t *at = reply + 4;
    unsigned questions;
    if (length < NS_HFIXEDSZ || memcmp(query, reply, 2) != 0 || (reply[2] & FLAG_QR) == 0 ||
        (reply[2] & OPCODE) != 0) {
        return LOCUM_ERR_PROTOCOL;
    }
    const uint8_t rcode = reply[3] & 0x0f;
    NS_GET16(questions, at);
    /* A server may leave the question out of an error. */
    const bool echoed =
        questions == 1 && length >= query_length &&
        strncasecmp((const char *)query + NS_HFIXEDSZ, (const char *)reply + NS_HFIXEDSZ,
                    query_length - NS_HFIXEDSZ - 5) == 0 &&
        memcmp(query + query_length - 5, reply + query_length - 5, 5) == 0;
    if (!echoed && (questions != 0 || rcode == 0)) {
        return LOCUM_ERR_PROTOCOL;
    }
    if (rcode == 0 && (reply[2] & FLAG_AA) != 0 &&
        find_serial(query, query_length, reply, length, &serial)) {
        *ret = LOCUM_NSD_SOA_SERIAL;
        *ret_serial = serial;
        return 0;
    }
    *ret = LOCUM_NSD_SOA_NONE;
    *ret_rcode = rcode;
    return 0;
}

const char *
locum_nsd_reply_rcode_text(uint8_t rcode)
{
    static const char *const texts[16] = {"",        "FORMERR", "SERVFAIL", "NXDOMAIN",
                                          "NOTIMP",  "REFUSED", "YXDOMAIN", "YXRRSET",
                                          "NXRRSET", "NOTAUTH", "NOTZONE"};
    return rcode < LOCUM_COUNT(texts) && texts[rcode] != NULL ? texts[rcode] : "an unknown code";
}

static bool
ends_with(struct locum_slice text, const char *end)
{
    for (; text.length > 0 && !locum_slice_is(text, end); text.length--) {
        text.at++;
    }
    return text.length > 0;
}

enum locum_nsd_reply
locum_nsd_reply_read(struct locum_slice reply, struct locum_text *why)
{
    struct locum_slice rest = reply;
    struct locum_slice line;
    struct locum_slice first = {0};
    bool ok = false;
    while (rest.at != NULL && locum_slice_cut(&rest, '\n', &line)) {
        first = first.length == 0 ? line : first;
        ok = line.length > 0 ? locum_slice_is(line, "ok") : ok;
    }
    if (ok) {
        return LOCUM_NSD_REPLY_OK;
    }
    if (locum_slice_starts(first, "error zone ") && ends_with(first, " not configured")) {
        return LOCUM_NSD_REPLY_NO_ZONE;
    }
    locum_text_add(why, first.length > 0 ? "NSD answers: "
                                         : "NSD closed the control connection without a reply");
    locum_text_add_printable(why, first, SHOWN_MAX);
    return LOCUM_NSD_REPLY_FAILED;
}
