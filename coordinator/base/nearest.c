#include "base/nearest.h"

enum { CHANGES_MAX = 2, LENGTH_MAX = 64 };

/* Levenshtein's distance, of words of at most LENGTH_MAX bytes. */
static size_t
distance(struct locum_slice a, struct locum_slice b)
{
    size_t row[LENGTH_MAX + 1];
    for (size_t j = 0; j <= b.length; j++) {
        row[j] = j;
    }
    for (size_t i = 1; i <= a.length; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b.length; j++) {
            size_t best = diagonal + (a.at[i - 1] == b.at[j - 1] ? 0 : 1);
            best = row[j] + 1 < best ? row[j] + 1 : best;
            best = row[j - 1] + 1 < best ? row[j - 1] + 1 : best;
            diagonal = row[j];
            row[j] = best;
        }
    }
    return row[b.length];
}

void
locum_nearest_try(struct locum_nearest *self, struct locum_slice word)
{
    const size_t longer = self->written.length > word.length ? self->written.length : word.length;
    const size_t shorter = self->written.length + word.length - longer;
    if (longer > LENGTH_MAX || longer - shorter > CHANGES_MAX) {
        return;
    }
    const size_t changes = distance(self->written, word);
    const size_t least = self->match.at != NULL ? self->changes : CHANGES_MAX + 1;
    if (changes < least && changes < self->written.length) {
        self->changes = changes;
        self->match = word;
    }
}
