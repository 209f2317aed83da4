/*
 * nearest: which of the known words did somebody mean who mistyped one? Pure.
 */
#ifndef LOCUM_BASE_NEAREST_H
#define LOCUM_BASE_NEAREST_H

#include "base/slice.h"

/* A search: begin with {.written = ...}, then give it each known word. */
struct locum_nearest {
    struct locum_slice written;
    struct locum_slice match; /* the nearest so far, borrowed; at is NULL: none is near */
    size_t changes;           /* how many characters differ from it */
};

/*
 * A word is near if at most two characters are inserted, dropped or replaced (Levenshtein), and
 * not all. Of equally near ones the first counts. No word that is longer than 64 bytes is near.
 */
void locum_nearest_try(struct locum_nearest *self, struct locum_slice word);

#endif
