"""The file of kept signatures (coordinator/dns/signkeep.h), read and written as the daemon does."""

import hashlib
import hmac
import struct
import time

MAGIC = b"locum-signatures 1 "
LINES = 7
HEAD = ">32sIBH"        # of an entry: digest, until, verified, length


def protect(secret, rest):
    """The HMAC of what follows, with a key that HKDF (RFC 5869) makes of the cluster secret."""
    material = hmac.new(bytes(32), secret, hashlib.sha256).digest()
    key = hmac.new(material, b"locum signatures 1\1", hashlib.sha256).digest()
    return hmac.new(key, rest, hashlib.sha256).hexdigest().encode()


def read(path, secret):
    """(lines, entries): a dict, and tuples (digest, until, verified, signature)."""
    with open(path, "rb") as file:
        first, rest = file.read().split(b"\n", 1)
    assert first == MAGIC + protect(secret, rest), first
    lines, entries = {}, []
    for _ in range(LINES):
        line, rest = rest.split(b"\n", 1)
        key, value = line.decode().split(" ")
        lines[key] = value
    size = struct.calcsize(HEAD)
    while rest:
        *entry, length = struct.unpack(HEAD, rest[:size])
        entries.append((*entry, rest[size:size + length]))
        rest = rest[size + length:]
    assert len(entries) == int(lines["count"])
    return lines, entries


def write(path, secret, lines, entries):
    rest = "".join(f"{key} {value}\n" for key, value in lines.items()).encode()
    for *entry, signature in entries:
        rest += struct.pack(HEAD, *entry, len(signature)) + signature
    with open(path, "wb") as file:
        file.write(MAGIC + protect(secret, rest) + b"\n" + rest)


def set_time(path, secret, off_ms, signed_s):
    """As if the run before had signed at a time, by a clock that was off_ms behind this one."""
    lines, _ = read(path, secret)
    difference = time.clock_gettime_ns(time.CLOCK_REALTIME) - time.clock_gettime_ns(time.CLOCK_BOOTTIME)
    write(path, secret, {**lines, "believed-ms": difference // 10**6 - off_ms, "signed-s": signed_s, "count": 0}, [])
