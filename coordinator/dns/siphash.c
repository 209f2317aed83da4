#include "dns/siphash.h"

#include <endian.h>
#include <string.h>

struct sip_state {
    uint64_t v0, v1, v2, v3;
};

static inline uint64_t
rotate_left(uint64_t value, unsigned bits)
{
    return value << bits | value >> (64 - bits);
}

/* The first byte is the lowest. */
static inline uint64_t
read_word(const uint8_t *at)
{
    uint64_t value;
    memcpy(&value, at, sizeof(value));
    return le64toh(value);
}

/* Less than 8 bytes. */
static inline uint64_t
read_rest(const uint8_t *at, size_t length)
{
    uint64_t value = 0;
    for (size_t i = 0; i < length; i++) {
        value |= (uint64_t)at[i] << 8 * i;
    }
    return value;
}

static inline void
sip_round(struct sip_state *self)
{
    self->v0 += self->v1;
    self->v1 = rotate_left(self->v1, 13) ^ self->v0;
    self->v0 = rotate_left(self->v0, 32);
    self->v2 += self->v3;
    self->v3 = rotate_left(self->v3, 16) ^ self->v2;
    self->v0 += self->v3;
    self->v3 = rotate_left(self->v3, 21) ^ self->v0;
    self->v2 += self->v1;
    self->v1 = rotate_left(self->v1, 17) ^ self->v2;
    self->v2 = rotate_left(self->v2, 32);
}

static inline void
take_word(struct sip_state *self, uint64_t word)
{
    self->v3 ^= word;
    sip_round(self);
    sip_round(self);
    self->v0 ^= word;
}

static inline struct sip_state
begin(const uint8_t key[LOCUM_SIPHASH_KEY_BYTES])
{
    const uint64_t k0 = read_word(key);
    const uint64_t k1 = read_word(key + 8);
    return (struct sip_state){
        .v0 = k0 ^ 0x736f6d6570736575,
        .v1 = k1 ^ 0x646f72616e646f6d,
        .v2 = k0 ^ 0x6c7967656e657261,
        .v3 = k1 ^ 0x7465646279746573,
    };
}

uint64_t
locum_siphash(const uint8_t key[LOCUM_SIPHASH_KEY_BYTES], const uint8_t *bytes, size_t length)
{
    struct sip_state state = begin(key);
    const size_t whole = length & ~(size_t)7;
    for (size_t at = 0; at < whole; at += 8) {
        take_word(&state, read_word(bytes + at));
    }
    take_word(&state, read_rest(bytes + whole, length - whole) | (uint64_t)length << 56);
    state.v2 ^= 0xff;
    for (int i = 0; i < 4; i++) {
        sip_round(&state);
    }
    return state.v0 ^ state.v1 ^ state.v2 ^ state.v3;
}
