#include "health/probe.h"

#include <inttypes.h>

#include "base/foreign.h"
#include "base/pattern.h"
#include "base/text_format.h"

enum { LOCATION_SHOWN_MAX = 120 };

static bool
code_passes(const struct locum_config_check *check, long code, struct locum_text *text)
{
    const struct locum_status_range *range = check->http.expect;
    const struct locum_status_range *end = range + LOCUM_STATUS_RANGES_MAX;
    for (; range < end && range->max != 0; range++) {
        if (code >= range->min && code <= range->max) {
            return true;
        }
    }
    end = range;
    for (range = check->http.expect; range < end; range++) {
        locum_text_format(text, "%s%u", range == check->http.expect ? ", expected " : ",",
                          (unsigned)range->min);
        if (range->max != range->min) {
            locum_text_format(text, "-%u", (unsigned)range->max);
        }
    }
    return false;
}

/* `wanted` is found and `unwanted` is not; each may be "". `what` and `key` are for the text. */
static bool
patterns_pass(const char *wanted, const char *unwanted, struct locum_slice subject,
              const char *what, const char *key, struct locum_text *text)
{
    const enum locum_pattern_result good =
        wanted[0] == '\0' ? LOCUM_PATTERN_FOUND : locum_pattern_search(wanted, subject);
    const enum locum_pattern_result bad =
        unwanted[0] == '\0' ? LOCUM_PATTERN_ABSENT : locum_pattern_search(unwanted, subject);
    if (good == LOCUM_PATTERN_FOUND && bad == LOCUM_PATTERN_ABSENT) {
        return true;
    }
    const bool unfinished = good == LOCUM_PATTERN_GIVEN_UP || bad == LOCUM_PATTERN_GIVEN_UP;
    const char *verb = unfinished                    ? "takes too long to search for"
                       : good == LOCUM_PATTERN_FOUND ? "matches"
                                                     : "does not match";
    locum_text_format(text, "%s %s %s%s", what, verb, key,
                      good == LOCUM_PATTERN_FOUND ? "-not" : "");
    return false;
}

/* A redirect to a target that is not wanted: it works, but users are served worse. */
static enum locum_sample
judge_location(const struct locum_config_check *check, const char *location,
               struct locum_text *text)
{
    if (check->http.location[0] == '\0' && check->http.location_not[0] == '\0') {
        return LOCUM_SAMPLE_PASS;
    }
    if (location == NULL) {
        locum_text_add(text, ", which is not a redirect");
        return LOCUM_SAMPLE_FAIL;
    }
    const struct locum_slice target = locum_slice_of(location);
    locum_text_add(text, " to ");
    locum_foreign_add(text, target, LOCATION_SHOWN_MAX);
    if (!patterns_pass(check->http.location, "", target, ", which", "location", text)) {
        return LOCUM_SAMPLE_FAIL;
    }
    return patterns_pass("", check->http.location_not, target, ", which", "location", text)
               ? LOCUM_SAMPLE_PASS
               : LOCUM_SAMPLE_DEGRADED;
}

static bool
body_passes(const struct locum_config_check *check, struct locum_slice body,
            struct locum_text *text)
{
    const char *absent = check->http.body_absent;
    if (absent != NULL && locum_pattern_search(check->http.body, body) == LOCUM_PATTERN_ABSENT) {
        locum_text_format(text, ", but %s", absent);
        return false;
    }
    return patterns_pass(check->http.body, check->http.body_not, body, ", and its body", "body",
                         text);
}

enum locum_sample
locum_probe_judge_answer(const struct locum_config_check *check,
                         const struct locum_probe_answer *answer, struct locum_text *text)
{
    locum_text_format(text, "%ld in %" PRId64 " ms", answer->code, answer->took_ms);
    const enum locum_sample redirect = code_passes(check, answer->code, text)
                                           ? judge_location(check, answer->location, text)
                                           : LOCUM_SAMPLE_FAIL;
    const bool body = redirect == LOCUM_SAMPLE_FAIL || body_passes(check, answer->body, text);
    return body ? redirect : LOCUM_SAMPLE_FAIL;
}
