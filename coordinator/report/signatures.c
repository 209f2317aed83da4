#include "report/signatures.h"

#include <inttypes.h>

#include "base/text_format.h"

enum { BAD_WARN_MS = 3600 * 1000, MINUTE_MS = 60 * 1000 };

bool
locum_signatures_warn_of_clock(const struct locum_report *report, struct locum_text *text)
{
    const locum_ms off = report->signing.clock_off_ms;
    if (!report->signing.clock_in_doubt) {
        return false;
    }
    locum_text_format(
        text,
        "the clock of this node is in doubt: it is %" PRIi64
        " min %s the peers' clocks, or what it was before it was set. The signatures "
        "of signed zones stay as they are, and no roll-over of keys goes on, until it "
        "is right: check NTP on this node and its peers",
        (off < 0 ? -off : off) / MINUTE_MS, off < 0 ? "behind" : "ahead of");
    return true;
}

bool
locum_signatures_warn_of_bad(const struct locum_report *report, struct locum_text *text)
{
    const uint64_t bad = report->signing.counts.bad;
    if (bad == 0 ||
        !locum_evidence_is_recent(report->signing.bad_at, BAD_WARN_MS, report->now.mono)) {
        return false;
    }
    locum_text_format(text,
                      "a signature that this node made in the last hour did not verify, and was "
                      "made again (%" PRIu64
                      " so far): its processor, its memory or OpenSSL may be faulty. If there are "
                      "more, stop its coordinator and test the machine",
                      bad);
    return true;
}
