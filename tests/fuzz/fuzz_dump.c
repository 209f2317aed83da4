/*
 * fuzz_dump: a recording of a daemon, as somebody may have sent it in, after its first line. It is
 * replayed or refused with a message; the core is never given what it could not have had.
 */
#include "fuzz.h"

#include "../sim/dump.c"

const unsigned fuzz_mutations = 3000;

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char head[] = LOCUM_RECORDER_MAGIC " " LOCUM_VERSION "\n";
    static FILE *nowhere;
    char *errors = NULL;
    size_t length = 0;
    nowhere = nowhere != NULL ? nowhere : fopen("/dev/null", "w");
    FILE *stream = open_memstream(&errors, &length);
    char *text = malloc(sizeof(head) + size);
    REQUIRE(nowhere != NULL && stream != NULL && text != NULL);
    memcpy(text, head, sizeof(head) - 1);
    memcpy(text + sizeof(head) - 1, data, size);
    const int status =
        sim_dump_replay((struct locum_slice){text, sizeof(head) - 1 + size}, nowhere, stream);
    (void)fclose(stream);
    REQUIRE((status == 0) == (length == 0));
    REQUIRE(status == 0 || strncmp(errors, "line ", 5) == 0);
    free(errors);
    free(text);
    return 0;
}
