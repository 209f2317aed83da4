/*
 * reply: read what NSD replies to a query for a zone's SOA (dns/soa.h, RFC 1035 4.1) and to a
 * command on its control channel (nsd-control(8)). Pure. Any bytes may come as a reply to the
 * query, because any program can send to the socket.
 */
#ifndef LOCUM_NSD_ADAPTER_REPLY_H
#define LOCUM_NSD_ADAPTER_REPLY_H

#include "base/text.h"

enum {
    LOCUM_NSD_SOA_BYTES_MAX = 4096,
    LOCUM_NSD_REPLY_BYTES_MAX = 4096,
};

/* What a query has shown. */
enum locum_nsd_soa {
    LOCUM_NSD_SOA_SILENT, /* no reply in time, or the port is closed */
    LOCUM_NSD_SOA_NONE,   /* NSD does not serve the zone: not configured, not loaded, removed */
    LOCUM_NSD_SOA_SERIAL, /* NSD serves the zone, with this serial */
};

/*
 * Read a reply to this query.
 *
 * ret         SERIAL or NONE.
 * ret_serial  set with SERIAL only.
 * ret_rcode   set with NONE only; 0: the answer has no SOA of the zone, or lacks AA.
 * Returns 0, or LOCUM_ERR_PROTOCOL: this is no reply to the query; wait for another one.
 */
int locum_nsd_reply_read_soa(const uint8_t *query, size_t query_length, const uint8_t *reply,
                             size_t length, enum locum_nsd_soa *ret, uint32_t *ret_serial,
                             uint8_t *ret_rcode) LOCUM_MUST_CHECK;

/* "REFUSED", "SERVFAIL", ...; "" for 0; static. */
const char *locum_nsd_reply_rcode_text(uint8_t rcode);

/* What NSD has answered to a command: lines of text, of which the last is "ok" or the first begins
 * with "error". */
enum locum_nsd_reply {
    LOCUM_NSD_REPLY_OK,      /* accepted; a reload is queued but not done */
    LOCUM_NSD_REPLY_NO_ZONE, /* NSD does not have the zone */
    LOCUM_NSD_REPLY_FAILED,  /* all else: refused, unreachable, bad certificate */
};

/* Read a whole reply. After FAILED, `why` has its first line, or says that there was none. */
enum locum_nsd_reply locum_nsd_reply_read(struct locum_slice reply, struct locum_text *why);

#endif
