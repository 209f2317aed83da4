#include "nsd-adapter/reply.h"

enum { SHOWN_MAX = 120 };

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
