#include "nsd-adapter/reply.h"

enum { SHOWN_MAX = 120 };

static bool
ends_with(struct locum_slice text, const char *end)
{
    const struct locum_slice tail = locum_slice_of(end);
    return text.length >= tail.length &&
           locum_slice_is((struct locum_slice){.at = text.at + text.length - tail.length,
                                               .length = tail.length},
                          end);
}

static void
add_printable(struct locum_text *text, struct locum_slice line)
{
    for (size_t i = 0; i < line.length && i < SHOWN_MAX; i++) {
        const char c = line.at[i];
        locum_text_add_char(text, (unsigned char)c < ' ' || (unsigned char)c > 126 ? '?' : c);
    }
}

enum locum_nsd_control
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
        return LOCUM_NSD_CONTROL_OK;
    }
    if (locum_slice_starts(first, "error zone ") && ends_with(first, " not configured")) {
        return LOCUM_NSD_CONTROL_NO_ZONE;
    }
    locum_text_add(why, first.length > 0 ? "NSD says: "
                                         : "NSD closed the control connection "
                                           "without a word");
    add_printable(why, first);
    return LOCUM_NSD_CONTROL_FAILED;
}
