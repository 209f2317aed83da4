#include "dns/soa.h"

#include <arpa/nameser.h>
#include <resolv.h>
#include <string.h>
#include <strings.h>

#include "base/invariant.h"

enum { QR = 0x80, OPCODE = 0x78, TYPE_AND_CLASS_BYTES = 4 };

size_t
locum_soa_question(const char *zone, uint16_t id, uint8_t ret[LOCUM_SOA_QUESTION_MAX])
{
    memset(ret, 0, LOCUM_SOA_QUESTION_MAX);
    ret[0] = (uint8_t)(id >> 8);
    ret[1] = (uint8_t)id;
    ret[5] = 1; /* question */
    const int length = dn_comp(zone, ret + NS_HFIXEDSZ, NS_MAXCDNAME, NULL, NULL);
    LOCUM_INVARIANT(length > 0);
    const size_t end = NS_HFIXEDSZ + (size_t)length;
    ret[end + 1] = ns_t_soa;
    ret[end + 3] = ns_c_in;
    return end + TYPE_AND_CLASS_BYTES;
}

static bool
repeats(const uint8_t *question, const uint8_t *reply, size_t length)
{
    const size_t name_end = length - TYPE_AND_CLASS_BYTES - 1; /* before the root */
    return strncasecmp((const char *)question + NS_HFIXEDSZ, (const char *)reply + NS_HFIXEDSZ,
                       name_end - NS_HFIXEDSZ) == 0 &&
           memcmp(question + name_end, reply + name_end, length - name_end) == 0;
}

bool
locum_soa_is_answered(const uint8_t *question, size_t question_length, uint16_t id,
                      const uint8_t *reply, size_t length)
{
    if (length < NS_HFIXEDSZ || reply[0] != id >> 8 || reply[1] != (id & 0xff) ||
        (reply[2] & QR) == 0 || (reply[2] & OPCODE) != 0) {
        return false;
    }
    const unsigned questions = (unsigned)reply[4] << 8 | reply[5];
    const bool error = (reply[3] & 0x0f) != 0;
    return (questions == 1 && length >= question_length &&
            repeats(question, reply, question_length)) ||
           (questions == 0 && error);
}
