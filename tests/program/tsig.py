"""tsig: signatures of DNS messages (RFC 8945) for the tests, made and checked with Python's hmac."""

import hashlib
import hmac
import struct
import time

from packets import name, read_name

ALGORITHMS = {"hmac-sha256": hashlib.sha256, "hmac-sha512": hashlib.sha512, "hmac-sha1": hashlib.sha1}
FUDGE_S = 300


class Key:
    """A key that signs the messages of one exchange: sign() the query, then check() each answer."""

    def __init__(self, of, algorithm, secret):
        self.of, self.algorithm, self.secret = of, algorithm, secret
        self.before = b""       # the MAC of the message before
        self.first = True       # the next answer is the first

    def _variables(self, at_s, fudge, error, other, timers_only=False):
        times = at_s.to_bytes(6, "big") + struct.pack("!H", fudge)
        if timers_only:
            return times
        return name(self.of.lower()) + struct.pack("!HI", 255, 0) + name(self.algorithm) + times + \
            struct.pack("!HH", error, len(other)) + other

    def mac(self, *parts):
        return hmac.digest(self.secret, b"".join(parts), ALGORITHMS[self.algorithm])

    def record(self, at_s, mac, original, error=0, other=b"", klass=255, ttl=0, fudge=FUDGE_S, algorithm=None):
        data = name(algorithm or self.algorithm) + at_s.to_bytes(6, "big") + struct.pack("!HH", fudge, len(mac)) + \
            mac + struct.pack("!3H", original, error, len(other)) + other
        return name(self.of) + struct.pack("!HHIH", 250, klass, ttl, len(data)) + data

    def sign(self, packet, late_s=0, original=None, length=None, spoil=False, fudge=FUDGE_S, **record):
        """The packet with a TSIG record. late_s: its clock; length: of a MAC cut short; spoil: a wrong MAC."""
        at_s = int(time.time()) + late_s
        sent, = struct.unpack_from("!H", packet)
        original = sent if original is None else original
        self.first = True
        mac = self.mac(struct.pack("!H", original), packet[2:], self._variables(at_s, fudge, 0, b""))
        mac = mac[:length]
        self.before = mac
        if spoil:
            mac = bytes([mac[0] ^ 1]) + mac[1:]
        count, = struct.unpack_from("!H", packet, 10)
        return packet[:10] + struct.pack("!H", count + 1) + packet[12:] + \
            self.record(at_s, mac, original, fudge=fudge, **record)

    def check(self, reply):
        """Check the signature of the next answer. Returns its error and other data."""
        found = Found(reply)
        assert (found.owner, found.algorithm) == (name(self.of.lower()), name(self.algorithm)), reply
        count, = struct.unpack_from("!H", reply.packet, 10)
        plain = struct.pack("!H", found.original) + reply.packet[2:10] + struct.pack("!H", count - 1) + \
            reply.packet[12:found.at]
        right = self.mac(struct.pack("!H", len(self.before)) + self.before if self.before else b"", plain,
                         self._variables(found.at_s, found.fudge, found.error, found.other, not self.first))
        assert hmac.compare_digest(right, found.mac), f"the signature of {reply} is wrong"
        self.before, self.first = found.mac, False
        return found.error, found.other


class Found:
    """The TSIG record of a reply, which is its last."""

    def __init__(self, reply):
        records = [record for record in reply.additional if record.kind == 250]
        assert len(records) == 1 and reply.additional[-1] is records[0], f"TSIG is not the last of {reply}"
        record = records[0]
        assert (record.klass, record.ttl) == (255, 0), reply
        data = record.data
        algorithm, at = read_name(data, 0, compressed=False)
        self.owner, self.algorithm = record.owner.lower(), algorithm.lower()
        self.at_s = int.from_bytes(data[at:at + 6], "big")
        self.fudge, length = struct.unpack_from("!HH", data, at + 6)
        self.mac = data[at + 10:at + 10 + length]
        at += 10 + length
        self.original, self.error, length = struct.unpack_from("!3H", data, at)
        self.other = data[at + 6:]
        assert len(self.other) == length, reply
        wire = record.owner_sent + struct.pack("!HHIH", 250, 255, 0, len(record.sent)) + record.sent
        assert reply.packet.endswith(wire), f"TSIG is not the end of {reply}"
        self.at = len(reply.packet) - len(wire)
