#include "health/answer.h"

#include "base/error.h"

enum { LOCATION_SHOWN_MAX = 120 };

static int
compile(const char *expression, bool *ret_wanted, regex_t *ret)
{
    char buffer[100];
    struct locum_text why = locum_text_init(buffer, sizeof(buffer));
    if (expression[0] == '\0') {
        return 0;
    }
    *ret_wanted = locum_pattern_compile(expression, ret, &why) == 0;
    return *ret_wanted ? 0 : LOCUM_ERR_MEMORY;
}

int
locum_answer_patterns_init(struct locum_answer_patterns *self,
                           const struct locum_config_check *check)
{
    *self = (struct locum_answer_patterns){0};
    if (compile(check->http.body, &self->body.wanted, &self->body.compiled) != 0 ||
        compile(check->http.body_not, &self->body_not.wanted, &self->body_not.compiled) != 0 ||
        compile(check->http.location, &self->location.wanted, &self->location.compiled) != 0 ||
        compile(check->http.location_not, &self->location_not.wanted,
                &self->location_not.compiled) != 0) {
        locum_answer_patterns_fini(self);
        return LOCUM_ERR_MEMORY;
    }
    return 0;
}

static void
release(bool *wanted, regex_t *compiled)
{
    if (*wanted) {
        regfree(compiled);
        *wanted = false;
    }
}

void
locum_answer_patterns_fini(struct locum_answer_patterns *self)
{
    release(&self->body.wanted, &self->body.compiled);
    release(&self->body_not.wanted, &self->body_not.compiled);
    release(&self->location.wanted, &self->location.compiled);
    release(&self->location_not.wanted, &self->location_not.compiled);
}

void
locum_answer_add_printable(struct locum_text *text, struct locum_slice foreign, size_t max)
{
    for (size_t i = 0; i < foreign.length && i < max; i++) {
        const char c = foreign.at[i];
        locum_text_add_char(text, c >= ' ' && c < 127 ? c : '?');
    }
    locum_text_add(text, foreign.length > max ? "..." : "");
}

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
        locum_text_add(text, range == check->http.expect ? ", expected " : ",");
        locum_text_add_u64(text, range->min);
        if (range->max != range->min) {
            locum_text_add_char(text, '-');
            locum_text_add_u64(text, range->max);
        }
    }
    return false;
}

static bool
location_passes(const struct locum_answer_patterns *patterns, const char *location,
                struct locum_text *text)
{
    if (!patterns->location.wanted && !patterns->location_not.wanted) {
        return true;
    }
    if (location == NULL) {
        locum_text_add(text, ", which is no redirect");
        return false;
    }
    const struct locum_slice target = locum_slice_of(location);
    locum_text_add(text, " to ");
    locum_answer_add_printable(text, target, LOCATION_SHOWN_MAX);
    if (patterns->location.wanted && !locum_pattern_found(&patterns->location.compiled, target)) {
        locum_text_add(text, ", which does not match location");
        return false;
    }
    if (patterns->location_not.wanted &&
        locum_pattern_found(&patterns->location_not.compiled, target)) {
        locum_text_add(text, ", which matches location-not");
        return false;
    }
    return true;
}

static bool
body_passes(const struct locum_answer_patterns *patterns, struct locum_slice body,
            struct locum_text *text)
{
    if (patterns->body.wanted && !locum_pattern_found(&patterns->body.compiled, body)) {
        locum_text_add(text, ", and its body does not match body");
        return false;
    }
    if (patterns->body_not.wanted && locum_pattern_found(&patterns->body_not.compiled, body)) {
        locum_text_add(text, ", and its body matches body-not");
        return false;
    }
    return true;
}

enum locum_sample
locum_answer_judge(const struct locum_answer_patterns *patterns,
                   const struct locum_config_check *check, const struct locum_answer *answer,
                   struct locum_text *text)
{
    locum_text_add_i64(text, answer->code);
    locum_text_add(text, " in ");
    locum_text_add_i64(text, answer->took_ms);
    locum_text_add(text, " ms");
    const bool pass = code_passes(check, answer->code, text) &&
                      location_passes(patterns, answer->location, text) &&
                      body_passes(patterns, answer->body, text);
    return pass ? LOCUM_SAMPLE_PASS : LOCUM_SAMPLE_FAIL;
}
