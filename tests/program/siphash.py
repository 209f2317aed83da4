"""siphash: SipHash-2-4, by which server cookies are made (RFC 9018 4.4)."""

MASK = (1 << 64) - 1


def _left(word, bits):
    return (word << bits | word >> (64 - bits)) & MASK


def siphash(key, data):
    """The 8 bytes, little-endian, for a key of 16 bytes."""
    first, second = int.from_bytes(key[:8], "little"), int.from_bytes(key[8:], "little")
    v0, v1 = first ^ 0x736f6d6570736575, second ^ 0x646f72616e646f6d
    v2, v3 = first ^ 0x6c7967656e657261, second ^ 0x7465646279746573
    padded = data + bytes(-(len(data) + 1) % 8) + bytes([len(data) % 256])
    words = [int.from_bytes(padded[at:at + 8], "little") for at in range(0, len(padded), 8)]
    for rounds, word in [(2, word) for word in words] + [(4, None)]:
        if word is None:
            v2 ^= 0xff
        else:
            v3 ^= word
        for _ in range(rounds):
            v0, v2 = v0 + v1 & MASK, v2 + v3 & MASK
            v1, v3 = _left(v1, 13) ^ v0, _left(v3, 16) ^ v2
            v0 = _left(v0, 32)
            v2, v0 = v2 + v1 & MASK, v0 + v3 & MASK
            v1, v3 = _left(v1, 17) ^ v2, _left(v3, 21) ^ v0
            v2 = _left(v2, 32)
        if word is not None:
            v0 ^= word
    return (v0 ^ v1 ^ v2 ^ v3).to_bytes(8, "little")
