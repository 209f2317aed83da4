/*
 * reply: what NSD's control channel answers (nsd-control(8); NSD 4: lines of text, the last "ok",
 * or one that begins with "error"). Pure.
 */
#ifndef LOCUM_NSD_ADAPTER_REPLY_H
#define LOCUM_NSD_ADAPTER_REPLY_H

#include "base/text.h"

enum { LOCUM_NSD_CONTROL_REPLY_MAX = 4096 };

enum locum_nsd_control {
    LOCUM_NSD_CONTROL_OK,      /* understood; a reload is queued, no more */
    LOCUM_NSD_CONTROL_NO_ZONE, /* NSD does not know the zone */
    LOCUM_NSD_CONTROL_FAILED,  /* everything else: refused, unreachable, no certificate */
};

/* Judge a whole reply. With FAILED `why` is NSD's own first line, or that there was none. */
enum locum_nsd_control locum_nsd_reply_read(struct locum_slice reply, struct locum_text *why);

#endif
