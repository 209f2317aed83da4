/*
 * reply: reads what NSD answers on its control channel (nsd-control(8)): lines of text, of which
 * the last is "ok" or the first begins with "error". Pure.
 */
#ifndef LOCUM_NSD_ADAPTER_REPLY_H
#define LOCUM_NSD_ADAPTER_REPLY_H

#include "base/text.h"

enum { LOCUM_NSD_REPLY_BYTES_MAX = 4096 };

enum locum_nsd_reply {
    LOCUM_NSD_REPLY_OK,      /* accepted; a reload is queued but not done */
    LOCUM_NSD_REPLY_NO_ZONE, /* NSD does not have the zone */
    LOCUM_NSD_REPLY_FAILED,  /* all else: refused, unreachable, bad certificate */
};

/* Read a whole reply. After FAILED, `why` has its first line, or says that there was none. */
enum locum_nsd_reply locum_nsd_reply_read(struct locum_slice reply, struct locum_text *why);

#endif
