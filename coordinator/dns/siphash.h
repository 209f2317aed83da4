/*
 * siphash: SipHash (Aumasson, Bernstein: "SipHash: a fast short-input PRF"), 64 bits. Pure, no
 * allocation: OpenSSL's EVP_MAC needs a context for each thread and a call through four layers.
 */
#ifndef LOCUM_DNS_SIPHASH_H
#define LOCUM_DNS_SIPHASH_H

#include <stddef.h>
#include <stdint.h>

enum { LOCUM_SIPHASH_KEY_BYTES = 16 };

/* SipHash-2-4, as a number; on the wire its lowest byte comes first. */
uint64_t locum_siphash(const uint8_t key[LOCUM_SIPHASH_KEY_BYTES], const uint8_t *bytes,
                       size_t length);

#endif
