/*
 * soa: the question for the SOA of a zone, and whether a message answers it. For a program
 * that asks a name server: the coordinator asks its peers' (ask.h), locum-nsd its NSD. Pure.
 */
#ifndef LOCUM_DNS_SOA_H
#define LOCUM_DNS_SOA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { LOCUM_SOA_QUESTION_MAX = 12 + 255 + 4 };

/*
 * Write the question, without recursion desired. Returns its length.
 *
 * zone  a valid domain name; with or without its last dot.
 */
size_t locum_soa_question(const char *zone, uint16_t id, uint8_t ret[LOCUM_SOA_QUESTION_MAX]);

/*
 * Is this a response to the question, with this id? The question that it repeats is compared
 * without regard to case; a server may leave it out of an error.
 */
bool locum_soa_is_answered(const uint8_t *question, size_t question_length, uint16_t id,
                           const uint8_t *reply, size_t length);

#endif
