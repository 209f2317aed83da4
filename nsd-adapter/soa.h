/*
 * soa: write the query for a zone's SOA, and read the reply (RFC 1035 4.1). Pure. Any bytes may
 * come as a reply, because any program can send to the socket.
 */
#ifndef LOCUM_NSD_ADAPTER_SOA_H
#define LOCUM_NSD_ADAPTER_SOA_H

#include "base/text.h"

enum { LOCUM_NSD_QUERY_MAX = 12 + 255 + 4, LOCUM_NSD_SOA_BYTES_MAX = 4096 };

/* What a query has shown. */
enum locum_nsd_soa {
    LOCUM_NSD_SOA_SILENT, /* no reply in time, or the port is closed */
    LOCUM_NSD_SOA_NONE,   /* NSD does not serve the zone: not configured, not loaded, removed */
    LOCUM_NSD_SOA_SERIAL, /* NSD serves the zone, with this serial */
};

/*
 * Write the query.
 *
 * zone  a valid absolute name, with its last dot, without escapes (struct locum_nsd_settings).
 * Returns its length.
 */
size_t locum_nsd_soa_query(const char *zone, uint16_t id, uint8_t ret[LOCUM_NSD_QUERY_MAX]);

/*
 * Read a reply to this query.
 *
 * ret         SERIAL or NONE.
 * ret_serial  set with SERIAL only.
 * ret_rcode   set with NONE only; 0: the answer has no SOA of the zone, or lacks AA.
 * Returns 0, or LOCUM_ERR_PROTOCOL: this is no reply to the query; wait for another one.
 */
int locum_nsd_soa_read(const uint8_t *query, size_t query_length, const uint8_t *reply,
                       size_t length, enum locum_nsd_soa *ret, uint32_t *ret_serial,
                       uint8_t *ret_rcode) LOCUM_MUST_CHECK;

/* "REFUSED", "SERVFAIL", ...; "" for 0; static. */
const char *locum_nsd_soa_rcode_text(uint8_t rcode);

#endif
