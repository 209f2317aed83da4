"""packets: DNS messages byte by byte (RFC 1035 4): queries with any fault, and replies, which are read
strictly: every byte belongs to a record, and every pointer leads back."""

import ipaddress
import socket
import struct

TYPES = {"A": 1, "NS": 2, "CNAME": 5, "SOA": 6, "PTR": 12, "MX": 15, "TXT": 16, "AAAA": 28, "LOC": 29,
         "SRV": 33, "NAPTR": 35, "DNAME": 39, "OPT": 41, "DS": 43, "SSHFP": 44, "RRSIG": 46, "NSEC": 47,
         "DNSKEY": 48, "NSEC3": 50, "TLSA": 52, "SVCB": 64, "HTTPS": 65, "TSIG": 250, "IXFR": 251,
         "AXFR": 252, "MAILB": 253, "MAILA": 254, "ANY": 255, "URI": 256, "CAA": 257}
CLASSES = {"IN": 1, "CH": 3, "HS": 4, "NONE": 254, "ANY": 255}
RCODES = ("NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED", "YXDOMAIN", "YXRRSET",
          "NXRRSET", "NOTAUTH", "NOTZONE")
EXTENDED = {16: "BADVERS", 17: "BADKEY", 18: "BADTIME", 22: "BADTRUNC", 23: "BADCOOKIE"}
QR, AA, TC, RD, RA, Z, AD, CD = 0x8000, 0x0400, 0x0200, 0x0100, 0x0080, 0x0040, 0x0020, 0x0010
FLAGS = {"QR": QR, "AA": AA, "TC": TC, "RD": RD, "RA": RA, "Z": Z, "AD": AD, "CD": CD}
NSID, SUBNET, COOKIE, KEEPALIVE, PADDING, ERROR = 3, 8, 10, 11, 12, 15
# Where names are in the data of the types of RFC 1035, which alone may be compressed (RFC 3597 4).
COMPRESSIBLE = {2: (0,), 5: (0,), 6: (0, 0), 12: (0,), 15: (2,)}
PLAIN_NAMES = {33: 6, 39: 0}


def number(text, table, prefix):
    """A type or class as a number: of a name, of TYPE65280, or itself."""
    if isinstance(text, int):
        return text
    return table[text] if text in table else int(text.removeprefix(prefix))


def name(text):
    """The wire form of a name; bytes are already wire form. Labels may hold any character below 256."""
    if isinstance(text, bytes):
        return text
    return b"".join(bytes([len(part)]) + part.encode("latin-1")
                    for part in text.rstrip(".").split(".") if part) + b"\0"


def question(of, kind="A", klass="IN"):
    return name(of) + struct.pack("!2H", number(kind, TYPES, "TYPE"), number(klass, CLASSES, "CLASS"))


def record(of, kind, data=b"", klass="IN", ttl=0):
    return question(of, kind, klass) + struct.pack("!IH", ttl, len(data)) + data


def option(code, data=b""):
    return struct.pack("!2H", code, len(data)) + data


def opt(options=b"", size=1232, version=0, flags=0, rcode=0, owner=b"\0"):
    """flags: the 16 bits behind the version; DO is 0x8000."""
    return owner + struct.pack("!2H2BHH", 41, size, rcode, version, flags, len(options)) + options


def message(*questions, answer=(), authority=(), additional=(), flags=0, opcode=0, rcode=0, number=0x1234,
            counts=None, tail=b""):
    """Sections are lists of wire forms. counts: in place of the right ones."""
    sections = (questions, answer, authority, additional)
    return struct.pack("!6H", number, flags | opcode << 11 | rcode,
                       *(counts or (len(section) for section in sections))) + \
        b"".join(b"".join(section) for section in sections) + tail


def query(of, kind="A", klass="IN", edns=None, **header):
    """edns: the wire form of the OPT record."""
    return message(question(of, kind, klass), additional=[edns] if edns else [], **header)


class Record:
    """One record of a reply. data: with names in full; sent, owner_sent: as they were sent."""

    def __init__(self, owner, kind, klass, ttl, data, sent, owner_sent):
        self.owner, self.kind, self.klass, self.ttl, self.data = owner, kind, klass, ttl, data
        self.sent, self.owner_sent = sent, owner_sent

    def __str__(self):
        kinds = {value: key for key, value in TYPES.items()}
        return f"{text(self.owner)} {self.ttl} {kinds.get(self.kind, self.kind)} {self._value()}"

    def _value(self):
        data = self.data
        if self.kind in (1, 28):
            return str(ipaddress.ip_address(data))
        if self.kind in (2, 5, 12, 39):
            return text(data)
        if self.kind == 16:
            parts, at = [], 0
            while at < len(data):
                parts.append('"' + data[at + 1:at + 1 + data[at]].decode("latin-1") + '"')
                at += 1 + data[at]
            return " ".join(parts)
        if self.kind == 15:
            return f"{data[0] * 256 + data[1]} {text(data[2:])}"
        if self.kind == 6:
            master, at = read_name(data, 0)
            mail, at = read_name(data, at)
            return " ".join([text(master), text(mail), *map(str, struct.unpack("!5I", data[at:]))])
        return data.hex()


def text(wire):
    """A name as text, as in name()."""
    labels, at = [], 0
    while wire[at]:
        labels.append(wire[at + 1:at + 1 + wire[at]].decode("latin-1"))
        at += 1 + wire[at]
    return ".".join(labels) + "."


def read_name(packet, at, compressed=True):
    """(wire form, offset behind it). AssertionError: a bad label, or a pointer that does not lead back."""
    wire, end, least = b"", None, at
    while True:
        length = packet[at]
        if length >= 0xc0:
            assert compressed, f"compressed at {at}"
            to = (length & 0x3f) << 8 | packet[at + 1]
            assert 12 <= to < least, f"pointer at {at} to {to}"
            end = end or at + 2
            at = least = to
            continue
        assert length < 64, f"label type at {at}"
        wire += packet[at:at + 1 + length]
        at += 1 + length
        if length == 0:
            assert len(wire) <= 255
            return wire, end or at


class Reply:
    """A response, read completely. Raises if anything in it is malformed."""

    def __init__(self, packet):
        self.packet = packet
        self.number, self.bits, *self.counts = struct.unpack_from("!6H", packet)
        self.flags = {key for key, bit in FLAGS.items() if self.bits & bit}
        self.opcode = self.bits >> 11 & 15
        self.questions, at = [], 12
        for _ in range(self.counts[0]):
            begin = at
            _, at = read_name(packet, at, compressed=False)
            at += 4
            self.questions.append(packet[begin:at])
        sections = []
        for count in self.counts[1:]:
            section = []
            for _ in range(count):
                found, at = self._record(at)
                section.append(found)
            sections.append(section)
        assert at == len(packet), f"{len(packet) - at} bytes behind the last record"
        self.answer, self.authority, additional = sections
        opts = [found for found in additional if found.kind == 41]
        assert len(opts) <= 1, "two OPT records"
        self.additional = [found for found in additional if found.kind != 41]
        self.edns = bool(opts)
        self.rcode = self.bits & 15
        if opts:
            self._opt(opts[0])
        self.rcode = EXTENDED.get(self.rcode) or RCODES[self.rcode]

    def _record(self, at):
        packet, first = self.packet, at
        owner, at = read_name(packet, at)
        owner_sent = packet[first:at]
        kind, klass, ttl, length = struct.unpack_from("!2HIH", packet, at)
        begin, end = at + 10, at + 10 + length
        assert end <= len(packet), "data beyond the end"
        data, at = b"", begin
        if kind in COMPRESSIBLE:
            for skip in COMPRESSIBLE[kind]:
                data += packet[at:at + skip]
                wire, at = read_name(packet, at + skip)
                data += wire
        elif kind in PLAIN_NAMES:
            assert read_name(packet, begin + PLAIN_NAMES[kind], compressed=False)[1] == end
        assert at <= end
        return Record(owner, kind, klass, ttl, data + packet[at:end], packet[begin:end], owner_sent), end

    def _opt(self, found):
        assert found.owner == b"\0", "the owner of OPT"
        self.rcode |= found.ttl >> 24 << 4
        self.size, self.version, self.edns_flags = found.klass, found.ttl >> 16 & 255, found.ttl & 0xffff
        self.options, at = [], 0
        while at < len(found.data):
            code, length = struct.unpack_from("!2H", found.data, at)
            self.options.append((code, found.data[at + 4:at + 4 + length]))
            at += 4 + length
        assert at == len(found.data), "the length of an option"

    def option(self, code):
        """The data of the option that the reply has once; None: it has none."""
        found = [data for number, data in self.options if number == code]
        assert len(found) <= 1, f"option {code} twice"
        return found[0] if found else None

    def __str__(self):
        return (f"{self.rcode} {sorted(self.flags)} answer {[*map(str, self.answer)]} authority "
                f"{[*map(str, self.authority)]} additional {[*map(str, self.additional)]}"
                + (f" options {self.options}" if self.edns else ""))


class Udp:
    """A socket that takes replies only from the address that it asks."""

    def __init__(self, host, port, source=None):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        if source:
            self.socket.bind((source, 0))
        self.socket.connect((host, port))
        self.socket.settimeout(5)

    def send(self, packet):
        self.socket.send(packet)

    def receive(self):
        return self.socket.recv(65536)

    def close(self):
        self.socket.close()


class Tcp:
    """A connection on which messages are sent and read with their length (RFC 1035 4.2.2)."""

    def __init__(self, host, port, source=None, buffer=None):
        """buffer: how many bytes the kernel keeps for it."""
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        if buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        if source:
            self.socket.bind((source, 0))
        self.socket.settimeout(5)
        self.socket.connect((host, port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def send(self, packet):
        self.socket.sendall(struct.pack("!H", len(packet)) + packet)

    def receive(self):
        return self._read(struct.unpack("!H", self._read(2))[0])

    def _read(self, length):
        data = b""
        while len(data) < length:
            part = self.socket.recv(length - len(data))
            if not part:
                raise EOFError("the server has closed the connection")
            data += part
        return data

    def is_closed(self):
        """Whether the server closes it without sending more."""
        try:
            return self.socket.recv(1) == b""
        except ConnectionResetError:
            return True

    def close(self):
        self.socket.close()
