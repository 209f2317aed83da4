/*
 * soa: the question for a zone's SOA, and what a reply says (RFC 1035 4.1). Pure, and bounded
 * against any bytes: whoever can send to our port may have sent them.
 */
#ifndef LOCUM_NSD_ADAPTER_SOA_H
#define LOCUM_NSD_ADAPTER_SOA_H

#include "base/text.h"

enum { LOCUM_NSD_QUERY_MAX = 12 + 255 + 4, LOCUM_NSD_REPLY_MAX = 4096 };

/* What NSD shows of the zone. */
enum locum_nsd_soa {
    LOCUM_NSD_SOA_SILENT, /* no reply in time, or nobody listens */
    LOCUM_NSD_SOA_NONE,   /* a reply without the zone: not configured, not loaded, wiped */
    LOCUM_NSD_SOA_SERIAL, /* it is served, with this serial */
};

/*
 * Build the question.
 *
 * zone  absolute, with its last dot, without escapes.
 * Returns its length, or 0: the name cannot be written (a label over 63, the name over 255 octets).
 */
size_t locum_nsd_soa_query(const char *zone, uint16_t id, uint8_t ret[LOCUM_NSD_QUERY_MAX]);

/*
 * Read a reply to this question.
 *
 * ret         SERIAL or NONE. ret_serial: with SERIAL. ret_rcode: with NONE; 0: no SOA in it.
 * 0, or LOCUM_ERR_PROTOCOL: this is no reply to the question, go on waiting.
 */
int locum_nsd_soa_read(const uint8_t *query, size_t query_length, const uint8_t *reply,
                       size_t length, enum locum_nsd_soa *ret, uint32_t *ret_serial,
                       uint8_t *ret_rcode) LOCUM_MUST_CHECK;

/* "REFUSED", "SERVFAIL", ...; "" for 0; static. */
const char *locum_nsd_rcode_text(uint8_t rcode);

#endif
