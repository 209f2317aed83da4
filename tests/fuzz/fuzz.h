/*
 * fuzz: what a target of this folder is: fuzz_NAME.c, one function that takes any bytes and ends
 * the program (REQUIRE, a sanitizer, a signal) where the program under test breaks a promise.
 *
 * Linked with replay.c it takes every input of corpus/NAME and some mutations of them (`make
 * check`); linked with clang's libFuzzer it goes on from there (`make fuzz`).
 */
#ifndef LOCUM_TESTS_FUZZ_H
#define LOCUM_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* One input, in memory of exactly its size. Always 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* How many mutations a replay tries: about half a second's. */
extern const unsigned fuzz_mutations;

#define REQUIRE(holds)                                                                             \
    do {                                                                                           \
        if (!(holds)) {                                                                            \
            fprintf(stderr, "%s:%d: %s() does not keep: %s\n", __FILE__, __LINE__, __func__,       \
                    #holds);                                                                       \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

#endif
