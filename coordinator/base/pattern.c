#include "base/pattern.h"

#include <regex.h>
#include <time.h>

#include "base/error.h"
#include "base/invariant.h"

/* Read the number at *at and move *at behind it. Too large: LOCUM_PATTERN_COUNTS_MAX + 1. */
static uint64_t
read_count(const char **at)
{
    uint64_t count = 0;
    for (; **at >= '0' && **at <= '9'; (*at)++) {
        count = count > LOCUM_PATTERN_COUNTS_MAX ? count : count * 10 + (uint64_t)(**at - '0');
    }
    return count;
}

/* NULL, or what could make the matcher run without limit. */
static const char *
find_excess(const char *at)
{
    uint64_t product = 1;
    while (*at != '\0') {
        if (*at == '\\' && at[1] >= '1' && at[1] <= '9') {
            return "a back-reference takes too long to search";
        }
        if (*at == '{') {
            at++;
            const uint64_t least = read_count(&at);
            at += *at == ',' ? 1 : 0;
            const uint64_t most = read_count(&at);
            const uint64_t count = most > least ? most : least;
            product *= count > 1 ? count : 1;
            if (product > LOCUM_PATTERN_COUNTS_MAX) {
                return "the counts in braces multiply to more than 100";
            }
            continue;
        }
        at += *at == '\\' && at[1] != '\0' ? 2 : 1;
    }
    return NULL;
}

static int
compile(const char *expression, regex_t *ret)
{
    return regcomp(ret, expression, REG_EXTENDED | REG_NOSUB | REG_NEWLINE);
}

int
locum_pattern_check(const char *expression, struct locum_text *why)
{
    const char *excess = find_excess(expression);
    char words[80];
    regex_t compiled;
    if (excess != NULL) {
        locum_text_add(why, excess);
        return LOCUM_ERR_INVALID;
    }
    const int failure = compile(expression, &compiled);
    if (failure != 0) {
        (void)regerror(failure, &compiled, words, sizeof(words));
        locum_text_add(why, words);
        return LOCUM_ERR_INVALID;
    }
    regfree(&compiled);
    return 0;
}

/* Search the piece that begins at `at`. ^ sees the character before it, $ the one after it. */
static enum locum_pattern_result
search_piece(const regex_t *compiled, struct locum_slice text, size_t at)
{
    const size_t left = text.length - at;
    const bool whole = left <= LOCUM_PATTERN_PIECE_BYTES;
    const size_t end = whole ? text.length : at + LOCUM_PATTERN_PIECE_BYTES;
    const int flags = REG_STARTEND | (whole || text.at[end] == '\n' ? 0 : REG_NOTEOL);
    regmatch_t piece = {.rm_so = (regoff_t)at, .rm_eo = (regoff_t)end};
    switch (regexec(compiled, text.length > 0 ? text.at : "", 1, &piece, flags)) {
    case 0: return LOCUM_PATTERN_FOUND;
    case REG_NOMATCH: return LOCUM_PATTERN_ABSENT;
    default: return LOCUM_PATTERN_GIVEN_UP;
    }
}

/* CPU time, so that waiting for a busy processor does not count. */
static int64_t
read_cpu_ms(void)
{
    struct timespec used;
    const int status = clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
    LOCUM_INVARIANT(status == 0);
    return (int64_t)used.tv_sec * 1000 + used.tv_nsec / 1000000;
}

/* Compiled again each time: glibc keeps what it remembers of a text with the expression. */
enum locum_pattern_result
locum_pattern_search(const char *expression, struct locum_slice text)
{
    const int64_t end = read_cpu_ms() + LOCUM_PATTERN_SEARCH_MS;
    regex_t compiled;
    if (compile(expression, &compiled) != 0) {
        return LOCUM_PATTERN_GIVEN_UP;
    }
    size_t at = 0;
    enum locum_pattern_result result = search_piece(&compiled, text, at);
    while (result == LOCUM_PATTERN_ABSENT && text.length - at > LOCUM_PATTERN_PIECE_BYTES) {
        at += LOCUM_PATTERN_PIECE_BYTES / 2;
        result = read_cpu_ms() > end ? LOCUM_PATTERN_GIVEN_UP : search_piece(&compiled, text, at);
    }
    regfree(&compiled);
    return result;
}
