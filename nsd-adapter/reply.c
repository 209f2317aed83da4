#include "nsd-adapter/reply.h"

#include <arpa/nameser.h>
#include <resolv.h>
#include <string.h>

#include "base/error.h"
#include "base/foreign.h"
#include "dns/soa.h"

#define NOT_KNOWN " not configured"

enum { FLAG_AA = 0x04, SHOWN_MAX = 120 };

/* The serial of the SOA record that the answer section begins with. */
static bool
read_serial(const uint8_t *at, const uint8_t *end, uint32_t *ret)
{
    enum { NUMBERS_BYTES = 20 }; /* serial to minimum, after the names (RFC 1035 3.3.13) */
    unsigned type;
    unsigned class;
    unsigned data_length;
    const int owner_length = dn_skipname(at, end);
    if (owner_length < 0 || end - at < owner_length + NS_RRFIXEDSZ) {
        return false;
    }
    at += owner_length;
    NS_GET16(type, at);
    NS_GET16(class, at);
    at += NS_INT32SZ; /* the TTL */
    NS_GET16(data_length, at);
    if (type != ns_t_soa || class != ns_c_in || data_length <= NUMBERS_BYTES ||
        data_length > end - at) {
        return false;
    }
    at += data_length - NUMBERS_BYTES;
    NS_GET32(*ret, at);
    return true;
}

int
locum_nsd_reply_read_soa(const uint8_t *query, size_t query_length, const uint8_t *reply,
                         size_t length, enum locum_nsd_soa *ret, uint32_t *ret_serial,
                         uint8_t *ret_rcode)
{
    const uint16_t id = (uint16_t)(query[0] << 8 | query[1]);
    if (!locum_soa_is_answered(query, query_length, id, reply, length)) {
        return LOCUM_ERR_PROTOCOL;
    }
    const uint8_t rcode = reply[3] & 0x0f;
    const bool answers = reply[6] != 0 || reply[7] != 0;
    const bool found = rcode == 0 && (reply[2] & FLAG_AA) != 0 && answers &&
                       read_serial(reply + query_length, reply + length, ret_serial);
    *ret = found ? LOCUM_NSD_SOA_SERIAL : LOCUM_NSD_SOA_NONE;
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

enum locum_nsd_reply
locum_nsd_reply_read(struct locum_slice reply, struct locum_text *why)
{
    struct locum_slice rest = reply;
    struct locum_slice line;
    struct locum_slice first = locum_slice_of("");
    bool ok = false;
    while (rest.at != NULL && locum_slice_cut(&rest, '\n', &line)) {
        first = first.length == 0 ? line : first;
        ok = line.length > 0 ? locum_slice_is(line, "ok") : ok;
    }
    if (ok) {
        return LOCUM_NSD_REPLY_OK;
    }
    if (locum_slice_starts(first, "error zone ") &&
        memmem(first.at, first.length, NOT_KNOWN, strlen(NOT_KNOWN)) != NULL) {
        return LOCUM_NSD_REPLY_NO_ZONE;
    }
    locum_text_add(why, first.length > 0 ? "NSD answers: "
                                         : "NSD closed the control connection without a reply");
    locum_foreign_add(why, first, SHOWN_MAX);
    return LOCUM_NSD_REPLY_FAILED;
}
