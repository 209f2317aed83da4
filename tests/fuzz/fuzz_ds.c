/*
 * fuzz_ds: the reply of any resolver to the question for a DS. What is read of it is bounded,
 * sorted, and was in it.
 */
#include <string.h>

#include "dns/ds.h"
#include "fuzz.h"

const unsigned fuzz_mutations = 100000;

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t question[LOCUM_DS_QUESTION_MAX];
    struct locum_ds_answer answer = {.count = SIZE_MAX};
    const char *why = NULL;
    const size_t length = locum_ds_question("get.example.org.", 0x1234, question);
    switch (locum_ds_read(question, length, data, size, &answer, &why)) {
    case LOCUM_DS_FAILED: REQUIRE(why != NULL && answer.count == SIZE_MAX); return 0;
    case LOCUM_DS_ANSWERED: break;
    case LOCUM_DS_STRAY:
    case LOCUM_DS_TRUNCATED:
    default: REQUIRE(why == NULL && answer.count == SIZE_MAX); return 0;
    }
    REQUIRE(size > 12 && data[0] == 0x12 && data[1] == 0x34 && (data[2] & 0x82) == 0x80);
    REQUIRE(answer.count <= LOCUM_DS_MAX && answer.ttl_s <= INT32_MAX);
    for (size_t i = 0; i < answer.count; i++) {
        const struct locum_ds *ds = &answer.ds[i];
        REQUIRE(ds->digest_length > 0 && ds->digest_length <= LOCUM_DS_DIGEST_BYTES_MAX);
        REQUIRE(memmem(data, size, ds->digest, ds->digest_length) != NULL);
        REQUIRE(i == 0 || answer.ds[i - 1].tag <= ds->tag);
    }
    return 0;
}
