"""wire: the DNS that a client needs (RFC 1035, section 4): query an address, read the answer."""

import ipaddress
import socket
import struct

TYPES = {"A": 1, "AAAA": 28}
RD, AD = 0x0100, 0x0020
RCODES = {0: "NOERROR", 1: "FORMERR", 2: "SERVFAIL", 3: "NXDOMAIN", 4: "NOTIMP", 5: "REFUSED"}


def question(name, kind, recurse=False):
    """
    A query with message id 0; the caller writes its own into the first two bytes. That to a resolver asks it
    to say whether it has validated the answer (AD, RFC 6840 5.7).
    """
    labels = b"".join(bytes([len(part)]) + part.encode("ascii")
                      for part in name.rstrip(".").split("."))
    return (struct.pack("!6H", 0, RD | AD if recurse else 0, 1, 0, 0, 0)
            + labels + b"\0" + struct.pack("!2H", TYPES[kind], 1))


def answer(packet):
    """(id, rcode, [addresses]) of a response; ValueError for other data."""
    number, rcode, records = _records(packet)
    return number, rcode, [address for address, _ in records]


def is_cut(packet):
    """Whether a response asks to come again by TCP (TC)."""
    return len(packet) > 2 and bool(packet[2] & 2)


def is_validated(packet):
    """Whether the resolver has validated a response (AD)."""
    return len(packet) > 3 and bool(packet[3] & AD)


def ttl(packet):
    """How many seconds a cache may keep the addresses of a response; 0 without addresses."""
    return min((seconds for _, seconds in _records(packet)[2]), default=0)


def _records(packet):
    """(id, rcode, [(address, TTL)])."""
    try:
        number, flags, questions, answers = struct.unpack_from("!4H", packet)
        if not flags & 0x8000:
            raise ValueError("not a response")
        at = 12
        for _ in range(questions):
            at = _skip_name(packet, at) + 4
        records = []
        for _ in range(answers):
            at = _skip_name(packet, at)
            kind, _, seconds, length = struct.unpack_from("!HHIH", packet, at)
            at += 10
            if kind in TYPES.values():
                records.append((str(ipaddress.ip_address(packet[at:at + length])), seconds))
            at += length
        return number, flags & 15, records
    except (struct.error, IndexError) as error:
        raise ValueError("cut short") from error


def ask(address, port, name, kind="A", recurse=False, within=0.5):
    """The addresses in a name server's answer; None: no answer or an error."""
    try:
        _, rcode, addresses = answer(exchange(address, port, name, kind, recurse, within))
    except (OSError, ValueError):
        return None
    return addresses if rcode == 0 else None


def exchange(address, port, name, kind="A", recurse=False, within=0.5):
    """The packet that a name server answers with; OSError: none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(within)
        sock.sendto(b"\x12\x34" + question(name, kind, recurse)[2:], (address, port))
        return sock.recv(4096)


def _skip_name(packet, at):
    while True:
        length = packet[at]
        if length >= 0xC0:
            return at + 2
        at += 1 + length
        if length == 0:
            return at
