/*
 * fuzz: a target is fuzz_NAME.c, one function that takes any bytes and ends the program (REQUIRE, a
 * sanitizer, a signal) if the program under test breaks its contract.
 *
 * Linked with replay.c it runs every input of corpus/NAME and mutations of them (`make check`).
 * Linked with clang's libFuzzer it continues from the corpus (`make fuzz`).
 */
#ifndef LOCUM_TESTS_FUZZ_H
#define LOCUM_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* Runs one input, in memory of exactly its size. Returns 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The number of mutations of a replay: about half a second. */
extern const unsigned fuzz_mutations;

#define REQUIRE(holds)                                                                             \
    do {                                                                                           \
        if (!(holds)) {                                                                            \
            fprintf(stderr, "%s:%d: %s() requires %s\n", __FILE__, __LINE__, __func__, #holds);    \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

#endif
