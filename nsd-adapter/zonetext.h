/*
 * zonetext: a zone as the coordinator writes it (master file, one record per line, absolute names,
 * the SOA first), as far as the adapter reads it: serial, digest, signed or not, until when.
 * nsd-checkzone checks the rest. Pure.
 */
#ifndef LOCUM_NSD_ADAPTER_ZONETEXT_H
#define LOCUM_NSD_ADAPTER_ZONETEXT_H

#include "base/text.h"

enum { LOCUM_NSD_ZONE_BYTES_MAX = 16 * 1024 * 1024 };

struct locum_nsd_zonetext {
    struct locum_slice text; /* the whole zone, borrowed */
    uint32_t serial;
    struct locum_slice serial_at; /* its digits in the text, borrowed */
    uint64_t digest;              /* of everything except the serial */
    bool is_signed;               /* it has RRSIG records, so its serial cannot be changed */
    int64_t expires_s; /* end of its first signature, as of all, seconds since 1970; 0: not known */
};

/*
 * Read a zone.
 *
 * zone     absolute, with its last dot; the owner of the SOA must be this name, in any case.
 * ret_why  set on LOCUM_ERR_INVALID only: the reason, a static text.
 * Returns 0 or LOCUM_ERR_INVALID.
 */
int locum_nsd_zonetext_read(struct locum_slice text, const char *zone,
                            struct locum_nsd_zonetext *ret, const char **ret_why) LOCUM_MUST_CHECK;

/*
 * Write the same zone with another serial.
 *
 * ret NUL-terminated; the caller's, who calls free().
 * Returns 0 or LOCUM_ERR_MEMORY.
 */
int locum_nsd_zonetext_render(const struct locum_nsd_zonetext *self, uint32_t serial,
                              char **ret) LOCUM_MUST_CHECK;

#endif
