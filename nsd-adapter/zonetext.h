/*
 * zonetext: a zone in master-file text as the coordinator writes it (one record a line, absolute
 * names, the SOA first), as far as the adapter looks into it: serial, contents, signed or not.
 * Pure. Whether the whole text is good is nsd-checkzone's to say.
 */
#ifndef LOCUM_NSD_ADAPTER_ZONETEXT_H
#define LOCUM_NSD_ADAPTER_ZONETEXT_H

#include "base/text.h"

enum { LOCUM_NSD_ZONE_BYTES_MAX = 16 * 1024 * 1024 };

struct locum_nsd_zonetext {
    uint32_t serial;
    struct locum_slice serial_at; /* its digits in the text */
    uint64_t digest;              /* of all but the serial */
    bool is_signed;               /* it holds signatures, so its serial cannot be changed */
};

/*
 * zone  absolute, with its last dot; the owner of the SOA must be this name, in any case.
 * 0, or LOCUM_ERR_INVALID and *ret_why (static).
 */
int locum_nsd_zonetext_read(struct locum_slice text, const char *zone,
                            struct locum_nsd_zonetext *ret, const char **ret_why) LOCUM_MUST_CHECK;

/*
 * The same text with this serial.
 *
 * ret  NUL-terminated, the caller's to free(). 0 or LOCUM_ERR_MEMORY.
 */
int locum_nsd_zonetext_render(struct locum_slice text, const struct locum_nsd_zonetext *self,
                              uint32_t serial, char **ret) LOCUM_MUST_CHECK;

#endif
