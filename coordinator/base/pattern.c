#include "base/pattern.h"

#include <string.h>

#include "base/error.h"

/* The number at *at, which is moved behind it; too large ones are LOCUM_PATTERN_COUNTS_MAX + 1. */
static uint64_t
read_count(const char **at)
{
    uint64_t count = 0;
    for (; **at >= '0' && **at <= '9'; (*at)++) {
        count = count > LOCUM_PATTERN_COUNTS_MAX ? count : count * 10 + (uint64_t)(**at - '0');
    }
    return count;
}

/* NULL, or what could take the matcher for ever. */
static const char *
find_excess(const char *at)
{
    uint64_t product = 1;
    while (*at != '\0') {
        if (*at == '\\' && at[1] >= '1' && at[1] <= '9') {
            return "a reference to a group takes too long to search";
        }
        if (*at == '{') {
            at++;
            const uint64_t least = read_count(&at);
            at += *at == ',' ? 1 : 0;
            const uint64_t most = read_count(&at);
            const uint64_t count = most > least ? most : least;
            product *= count > 1 ? count : 1;
            if (product > LOCUM_PATTERN_COUNTS_MAX) {
                return "the counts in braces multiply to more than 1000";
            }
            continue;
        }
        at += *at == '\\' && at[1] != '\0' ? 2 : 1;
    }
    return NULL;
}

int
locum_pattern_compile(const char *expression, regex_t *ret, struct locum_text *why)
{
    const char *excess = find_excess(expression);
    char words[80];
    if (excess != NULL) {
        locum_text_add(why, excess);
        return LOCUM_ERR_INVALID;
    }
    const int failure = regcomp(ret, expression, REG_EXTENDED | REG_NOSUB | REG_NEWLINE);
    if (failure != 0) {
        (void)regerror(failure, ret, words, sizeof(words));
        locum_text_add(why, words);
        return LOCUM_ERR_INVALID;
    }
    return 0;
}

bool
locum_pattern_found(const regex_t *self, struct locum_slice text)
{
    regmatch_t whole = {.rm_so = 0, .rm_eo = (regoff_t)text.length};
    return regexec(self, text.length > 0 ? text.at : "", 1, &whole, REG_STARTEND) == 0;
}
