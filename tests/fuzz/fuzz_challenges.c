/*
 * fuzz_challenges: a document of ACME challenges, of another node or of the file of the run before.
 * What is taken is written as a document that is taken too and says the same; what is answered is
 * within its limits and has not ended.
 */
#include "fuzz.h"

#include <string.h>

#include "base/text.h"
#include "dns/challenges.h"

const unsigned fuzz_mutations = 20000;

enum { TEXT_BYTES = 128 * 1024 };

static const struct locum_now now = {100000, 200000, 1763863200123};

/* The copy as a document. */
static const char *
write_copy(const struct locum_challenges *self, char ret[TEXT_BYTES])
{
    struct locum_text text = locum_text_init(ret, TEXT_BYTES);
    locum_challenges_add_copy(self, 1, now, &text);
    REQUIRE(!text.truncated);
    return ret;
}

/* Of each owner that the document names. */
static void
check_answers(const struct locum_challenges *self, struct locum_slice text, struct locum_now at)
{
    struct locum_slice field;
    while (locum_slice_cut(&text, ' ', &field)) {
        char owner[LOCUM_DOMAIN_MAX + 1];
        const char *values[LOCUM_CHALLENGE_VALUES_MAX];
        if (locum_slice_copy(field, owner, sizeof(owner)) != 0) {
            continue;
        }
        const size_t count = locum_challenges_at(self, owner, at, values);
        REQUIRE(count <= LOCUM_CHALLENGE_VALUES_MAX);
        for (size_t i = 0; i < count; i++) {
            REQUIRE(strlen(values[i]) > 0 && strlen(values[i]) <= LOCUM_CHALLENGE_CHARS_MAX);
            REQUIRE(i == 0 || strcmp(values[i - 1], values[i]) < 0);
        }
        struct locum_now later = at;
        later.boot += LOCUM_CHALLENGE_FOR_MS_MAX;
        REQUIRE(locum_challenges_at(self, owner, later, values) == 0);
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char first[TEXT_BYTES], second[TEXT_BYTES];
    const struct locum_slice text = {.at = (const char *)data, .length = size};
    struct locum_challenges *self = locum_challenges_create();
    REQUIRE(self != NULL);
    locum_challenges_resume(self, text, now);
    check_answers(self, text, now);
    const locum_ms next = locum_challenges_expire(self, now);
    REQUIRE(next == LOCUM_NEVER || next > now.boot);
    locum_challenges_destroy(self);
    self = locum_challenges_create();
    if (locum_challenges_take(self, 1, text, 0, now)) {
        (void)write_copy(self, first);
        REQUIRE(locum_challenges_take(self, 1, locum_slice_of(first), 0, now));
        REQUIRE(strcmp(write_copy(self, second), first) == 0);
        check_answers(self, text, now);
    } else {
        REQUIRE(write_copy(self, first)[0] == '\0');
    }
    locum_challenges_destroy(self);
    return 0;
}
