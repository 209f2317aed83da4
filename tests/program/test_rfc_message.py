#!/usr/bin/python3
"""Header, question, names, classes and types of messages, as RFC 1034, 1035, 2181, 3225, 3597, 4035, 4343,
4892, 6895, 8906 and 9619 say, over UDP and TCP."""

import random
import socket
import struct
import sys

sys.dont_write_bytecode = True
from rfc import PORT, RECORDS, SOA, ZONE, Coordinator, check, compare, config, run, same
from packets import AA, AD, CD, COOKIE, QR, RA, RD, TC, TYPES, Z, Reply, message, name, opt, option, query, question, \
    record

OPCODES_UNKNOWN = (1, 2, 3, *range(6, 16))
# A query of each kind of answer, and its rcode and flags.
KINDS = (("A", ZONE, "NOERROR", "AA"), ("TXT", ZONE, "NOERROR", "AA"), ("A", f"www.{ZONE}", "NOERROR", "AA"),
         ("A", f"no.{ZONE}", "NXDOMAIN", "AA"), ("A", f"gone.{ZONE}", "NXDOMAIN", "AA"),
         ("ANY", ZONE, "NOERROR", "AA"), ("A", "example.com", "REFUSED", ""), ("A", ".", "REFUSED", ""))


def test_rfc1035_4_1_1_id_is_copied(it):
    for number in (0, 1, 0x7fff, 0x8000, 0xffff):
        for kind, of, rcode, _ in KINDS:
            it.expect(query(of, kind, number=number), rcode)


def test_rfc1035_4_1_1_flags_of_each_kind_of_answer(it):
    for kind, of, rcode, flags in KINDS:
        it.expect(query(of, kind), rcode, flags=flags)
        it.expect(query(of, kind, flags=RD), rcode, flags=f"{flags} RD")


def test_rfc1035_4_1_1_flags_of_a_query_do_not_matter(it):
    for bits in range(0, 0x800, 0x10):
        it.expect(query(ZONE, flags=bits), flags="AA RD" if bits & RD else "AA", edns=False)
    for kind, of, rcode, flags in KINDS:
        it.expect(query(of, kind, flags=AA | TC | RA | Z), rcode, flags=flags)


def test_rfc4035_3_1_6_ad_and_cd_are_clear(it):
    for bits in (AD, CD, AD | CD, AD | CD | RD):
        for kind, of, rcode, flags in KINDS:
            flags = f"{flags} RD" if bits & RD else flags
            it.expect(query(of, kind, flags=bits), rcode, flags=flags)
            it.expect(query(of, kind, flags=bits, edns=opt(flags=0x8000)), rcode, flags=flags)


def test_rfc1035_4_1_1_rcode_of_a_query_does_not_matter(it):
    for rcode in range(16):
        it.expect(query(ZONE, rcode=rcode), flags="AA")


def test_rfc1034_4_3_1_recursion_is_not_available(it):
    for kind in ("A", "NS", "ANY"):
        for of in ("example.com", "example.org", "org", ".", f"x{ZONE}"):
            it.expect(query(of, kind, flags=RD), "REFUSED", flags="RD", answer=(), authority=(), additional=())


def test_rfc1035_7_3_responses_get_no_answer(it):
    for packet in (query(ZONE, flags=QR), query(ZONE, flags=QR, opcode=5), message(flags=QR),
                   query(ZONE, flags=QR, edns=opt()),
                   message(question(ZONE), flags=QR | AA, answer=[record(ZONE, "A", b"\1\2\3\4")])):
        check(it.udp.is_silent(packet), f"{packet.hex()} got an answer over UDP")
        it.tcp.send(packet)
        check(it.tcp.link.is_closed(), f"{packet.hex()} got an answer over TCP")
        it.tcp.close()


def test_rfc8906_3_2_1_messages_without_a_header_get_no_answer(it):
    for length in range(12):
        check(it.udp.is_silent(query(ZONE)[:length]), f"{length} bytes got an answer")


def test_rfc1035_4_1_2_the_question_is_echoed(it):
    for kind, of, _, _ in KINDS:
        packet = query(of, kind)
        for way, reply in it.both(packet):
            same(reply.questions, [packet[12:]], f"{way.name}: question")
    rcodes = {}
    for kind in (*range(0, 65536, 257), *range(100)):
        packet = query(f"x.{ZONE}", kind)
        reply = it.tcp.ask(packet)
        same(reply.questions, [packet[12:]], f"question of type {kind}")
        rcodes[reply.rcode] = rcodes.get(reply.rcode, 0) + 1
    same(set(rcodes), {"NXDOMAIN"}, "rcodes")


def test_rfc1035_2_3_3_and_rfc4343_3_case_is_ignored_and_kept(it):
    dice = random.Random(1035)
    print("seed 1035")
    for of, kind, rcode in ((ZONE, "A", "NOERROR"), (f"www2.{ZONE}", "AAAA", "NOERROR"),
                            (f"a.b.c.{ZONE}", "TXT", "NOERROR"), (f"ptr.{ZONE}", "PTR", "NOERROR"),
                            (f"no.{ZONE}", "A", "NXDOMAIN"), ("id.server", "TXT", "REFUSED")):
        plain = it.tcp.ask(query(of, kind))
        for _ in range(8):
            mixed = "".join(dice.choice((c.lower(), c.upper())) for c in of)
            packet = query(mixed, kind)
            for way, reply in it.both(packet):
                compare(reply, f"{way.name}: {mixed}", rcode)
                same(reply.questions, [packet[12:]], f"{way.name}: case of the question")
                same(len(reply.answer), len(plain.answer), f"{way.name}: answer to {mixed}")
                check(not reply.answer or reply.answer[0].owner == name(mixed),
                      f"{way.name}: owner of {reply}")


def test_rfc4343_2_1_only_letters_have_a_case(it):
    it.expect(query(f"A[B.{ZONE}", "TXT"), flags="AA", answer=[f'A[B.{ZONE}. 60 TXT "bracket"'])
    for of, rcode in ((f"a[b.{ZONE}", "NOERROR"), (f"A[B.{ZONE}", "NOERROR"), (f"a{{b.{ZONE}", "NXDOMAIN"),
                      (f"a;b.{ZONE}", "NXDOMAIN"), (f"a\x1bb.{ZONE}", "NXDOMAIN"),
                      (f"a\xdbb.{ZONE}", "NXDOMAIN")):
        it.expect(query(of, "TXT"), rcode)
    for letter in range(ord("A"), ord("Z") + 1):
        for byte in (letter ^ 0x40, letter ^ 0x80, letter ^ 0xa0):
            it.expect(query(bytes([1, byte]) + name(ZONE)), "NXDOMAIN")


def test_rfc2181_11_labels_may_hold_any_octet(it):
    rest = name(ZONE)
    for label, rcode in ((b"\0\xc8\xff", "NOERROR"), (b"\0\xc8\xfe", "NXDOMAIN"), (b"\0", "NXDOMAIN"),
                         (b"dot.in", "NOERROR"), (b"DOT.IN", "NOERROR"), (b"under_score", "NOERROR"),
                         (b"*", "NXDOMAIN"), (b" ", "NXDOMAIN"), (b"\\", "NXDOMAIN"), (b"9", "NOERROR")):
        it.expect(query(bytes([len(label)]) + label + rest, "TXT"), rcode)
    it.expect(query(b"\3dot\2in" + rest, "TXT"), "NXDOMAIN")


def test_rfc1035_2_3_4_sizes_of_labels_and_names(it):
    it.expect(query(b"\x3f" + b"a" * 63 + name(ZONE)), "NXDOMAIN")
    rest = name(ZONE)
    for first in range(1, 64):
        # 255 octets with the labels of the zone and three more of 63.
        labels = b"".join(b"\x3f" + b"a" * 63 for _ in range(3))
        length = 1 + first + len(labels) + len(rest)
        wire = bytes([first]) + b"b" * first + labels + rest
        it.expect(query(wire), "NXDOMAIN" if length <= 255 else "FORMERR")
    it.expect(query(b"\1a" * 127 + b"\0"), "REFUSED")
    it.expect(query(b"\1a" * 128 + b"\0"), "FORMERR")


def test_rfc1035_4_1_4_pointers_in_a_question_are_refused(it):
    for wire in (b"\xc0\x0c", b"\xc0\x00", b"\xc0\x0e", b"\1a\xc0\x0c", b"\1a\xc0\x0e", b"\xff\xff",
                 b"\x40\0", b"\x80\0", b"\1a\x41\1\0"):
        it.expect(query(wire), "FORMERR", flags="", answer=(), authority=(), additional=())


def test_rfc1035_4_1_4_owners_of_answers_point_to_the_question(it):
    for of, kind in ((ZONE, "A"), (f"mail.{ZONE}", "A"), (f"mail.{ZONE}", "AAAA"), (ZONE, "NS"),
                     (f"raw.{ZONE}", "TYPE65280")):
        packet = query(of, kind)
        for way, reply in it.both(packet):
            same(reply.packet[len(packet):len(packet) + 2], b"\xc0\x0c", f"{way.name}: owner")
            same(reply.answer[0].owner, name(of), f"{way.name}: owner")


def test_rfc3597_4_names_in_newer_types_are_not_compressed(it):
    reply = it.expect(query(f"_x._tcp.{ZONE}", "SRV"), flags="AA")
    same(reply.answer[0].sent, struct.pack("!3H", 1, 2, 53) + name(f"Mail.{ZONE}"), "data of SRV")


def test_rfc3597_3_unknown_types_are_opaque(it):
    for kind, data in ((65280, b"\xc0\x0c\xff"), (65281, b"")):
        reply = it.expect(query(f"raw.{ZONE}", kind), flags="AA", authority=())
        same([(found.kind, found.klass, found.sent) for found in reply.answer], [(kind, 1, data)], "record")
    for kind in (65282, 1000, 65535, 0, 260):
        it.expect(query(f"raw.{ZONE}", kind), flags="AA", answer=(), authority=[SOA])


def test_rfc1035_3_3_data_on_the_wire(it):
    for of, kind, data in ((f"mail.{ZONE}", "AAAA", bytes.fromhex("20010db8" + "0" * 20 + "0099")),
                           (f"a.b.c.{ZONE}", "TXT", b"\4deep"),
                           (f"ptr.{ZONE}", "PTR", name(f"Mail.{ZONE}")),
                           (ZONE, "MX", b"\0\12" + name(f"mail.{ZONE}")),
                           (f"out.{ZONE}", "CNAME", name("example.com"))):
        reply = it.expect(query(of, kind), flags="AA")
        same([found.data for found in reply.answer], [data], f"{kind} of {of}")
    reply = it.expect(query(ZONE, "SOA"))
    same(reply.answer[0].data, name("dc2.example.org") + name(f"hostmaster.{ZONE}") + reply.answer[0].data[-20:-16]
         + struct.pack("!4I", 3600, 600, 604800, 15), "SOA")


# Of newer types: RFC, record, data. Names in them are not compressed.
NEWER = (
    ("RFC 3403 4.1", r'naptr NAPTR 100 10 "u" "E2U+sip" "!^.*$!sip:i@example.com!" .',
     struct.pack("!2H", 100, 10) + b"\1u\7E2U+sip\x18!^.*$!sip:i@example.com!\0"),
    ("RFC 1876 2", "loc LOC 52 22 23.000 N 4 53 32.000 E -2.00m 0.00m 10000m 10m",
     b"\0\0\x16\x13" + struct.pack("!3I", 2 ** 31 + 188543000, 2 ** 31 + 17612000, 10000000 - 200)),
    ("RFC 4255 3.1", "ssh SSHFP 4 2 " + 32 * "5a", b"\4\2" + 32 * b"Z"),
    ("RFC 6698 2.1", "_443._tcp.mail TLSA 3 1 1 " + 32 * "5a", b"\3\1\1" + 32 * b"Z"),
    ("RFC 7553 4.5", '_ftp._tcp URI 10 1 "ftp://example.com/"', struct.pack("!2H", 10, 1) + b"ftp://example.com/"),
    ("RFC 8659 4.1", 'caa CAA 128 issue "example.com; a=b"', b"\x80\5issueexample.com; a=b"),
    ("RFC 9460 2.2", "svc SVCB 1 Mail alpn=h2,h3 port=8443 ipv4hint=192.0.2.9",
     b"\0\1" + name(f"Mail.{ZONE}") + b"\0\1\0\6\2h2\2h3" + b"\0\3\0\2\x20\xfb" + b"\0\4\0\4\xc0\0\2\x09"),
    ("RFC 9460 2.4.2", "alias HTTPS 0 example.com.", b"\0\0" + name("example.com")),
)


def test_rfc3597_4_data_of_newer_types_on_the_wire(it):
    for rfc, line, data in NEWER:
        owner, kind, _ = line.split(" ", 2)
        reply = it.expect(query(f"{owner}.{ZONE}", kind), flags="AA", authority=())
        same([found.sent for found in reply.answer], [data], f"{kind}, {rfc}")


def test_rfc1035_3_2_4_classes(it):
    for klass in (0, 2, 4, 5, 254, 255, 0x101, 65535):
        for of in (ZONE, f"no.{ZONE}", "example.com", "id.server"):
            packet = query(of, "TXT", klass)
            for way, reply in it.both(packet):
                compare(reply, f"{way.name}: class {klass}", "REFUSED", flags="", answer=(), authority=())
                same(reply.questions, [packet[12:]], f"{way.name}: question of class {klass}")
    it.expect(query(ZONE, "A", "CH"), "REFUSED", flags="", answer=())


def test_rfc4892_the_server_is_named_in_class_ch(it):
    for of in ("id.server", "hostname.bind", "ID.Server", "HOSTNAME.BIND"):
        for kind in ("TXT", "ANY"):
            reply = it.expect(query(of, kind, "CH"), additional=())
            same([(found.kind, found.klass, found.data) for found in reply.answer], [(16, 3, b"\3dc2")], of)
            same(reply.answer[0].owner, name(of), "owner")
    for of in ("version.server", "version.bind"):
        reply = it.expect(query(of, "TXT", "CH"))
        check(len(reply.answer) == 1 and b"ocum" in reply.answer[0].data, f"{of}: {reply}")
    for of in ("server", "bind", "x.id.server", "authors.bind", ""):
        it.expect(query(of, "TXT", "CH"), "REFUSED", answer=())


def test_rfc1035_4_1_1_unknown_opcodes(it):
    """RFC 8906 8.1.4 and 3.1.4: NOTIMP, whatever follows the header."""
    for opcode in OPCODES_UNKNOWN:
        for packet in (query(ZONE, "SOA", opcode=opcode), message(opcode=opcode),
                       query(ZONE, opcode=opcode, edns=opt()), message(opcode=opcode, tail=b"\xff\xff"),
                       query("example.com", opcode=opcode), message(question(ZONE), question(ZONE), opcode=opcode)):
            for way, reply in it.both(packet):
                compare(reply, f"{way.name}: opcode {opcode}", "NOTIMP", flags="", answer=(), authority=())
                same(reply.opcode, opcode, f"{way.name}: opcode")
                check(reply.counts[0] in (0, 1), f"{way.name}: QDCOUNT of {reply}")


def test_rfc2136_3_updates_change_nothing(it):
    """UPDATE is not implemented: NOTIMP, whatever it asks for; the zone stays."""
    before, zone = it.tcp.ask(query(ZONE, "SOA")).answer[0].data, question(ZONE, "SOA")
    add = record(f"new.{ZONE}", "A", b"\1\2\3\4", ttl=60)
    for packet in (message(zone, opcode=5), message(zone, authority=[add], opcode=5),
                   message(zone, answer=[record(ZONE, "ANY", b"", "ANY")], authority=[add], opcode=5),
                   message(zone, authority=[record(f"mail.{ZONE}", "A", b"", "ANY")], opcode=5),
                   message(zone, authority=[record(f"mail.{ZONE}", "ANY", b"", "ANY")], opcode=5),
                   message(question("example.com", "SOA"), authority=[add], opcode=5)):
        for way, reply in it.both(packet):
            compare(reply, f"{way.name}: {packet.hex()}", "NOTIMP", flags="", answer=(), authority=())
            same(reply.opcode, 5, f"{way.name}: opcode")
    same(it.tcp.ask(query(ZONE, "SOA")).answer[0].data, before, "SOA")
    it.expect(query(f"new.{ZONE}"), "NXDOMAIN", authority=[SOA])
    same(len(it.expect(query(f"mail.{ZONE}")).answer), 2, "addresses of mail")


def test_rfc1996_3_notifies_of_others_are_not_taken(it):
    """This server is no secondary: NOTIMP."""
    soa = record(ZONE, "SOA", name("a") + name("b") + struct.pack("!5I", 2 ** 31, 1, 1, 1, 1))
    for packet in (query(ZONE, "SOA", opcode=4), query(ZONE, "SOA", opcode=4, flags=AA),
                   message(question(ZONE, "SOA"), opcode=4, answer=[soa]), query("example.com", "SOA", opcode=4)):
        for way, reply in it.both(packet):
            compare(reply, f"{way.name}: {packet.hex()}", "NOTIMP", flags="", answer=(), authority=())
            same(reply.opcode, 4, f"{way.name}: opcode")


def test_rfc9619_4_one_question(it):
    ask = question(ZONE)
    for count in (2, 3, 255, 256, 65535):
        for body in ((ask, ask), (ask,), (ask, question(f"no.{ZONE}")), ()):
            it.expect(message(*body, counts=(count, 0, 0, 0)), "FORMERR", flags="", answer=(), authority=(),
                      additional=())
    cookie = opt(option(COOKIE, b"12345678"))
    for packet in (message(ask, ask, additional=[opt()]), message(ask, ask, additional=[cookie]), message(additional=[cookie], counts=(2, 0, 0, 1)),
                   message(ask, additional=[cookie], counts=(2, 0, 0, 1))):
        it.expect(packet, "FORMERR", flags="", answer=())
    for packet in (message(), message(ask, counts=(0, 0, 0, 0)), message(additional=[opt()]),
                   message(flags=RD)):
        for way, reply in it.both(packet):
            compare(reply, f"{way.name}: no question", "FORMERR", answer=(), authority=())
            check("AA" not in reply.flags and reply.counts[0] == 0, f"{way.name}: {reply}")


def test_rfc1035_4_1_records_in_other_sections_are_refused(it):
    ask, found = question(ZONE), record(ZONE, "A", b"\1\2\3\4")
    for packet in (message(ask, answer=[found]), message(ask, authority=[found]), message(ask, additional=[found]),
                   message(ask, answer=[opt()]), message(ask, authority=[opt()]),
                   message(ask, counts=(1, 1, 0, 0)), message(ask, counts=(1, 0, 1, 0)),
                   message(ask, counts=(1, 0, 0, 1)), message(ask, counts=(1, 0, 0, 65535))):
        it.expect(packet, "FORMERR", flags="", answer=(), authority=())


def test_rfc1035_4_1_messages_cut_short_or_with_more(it):
    whole = query(f"a.b.c.{ZONE}", "TXT")
    for length in range(12, len(whole)):
        it.expect(whole[:length], "FORMERR", flags="", answer=())
    for tail in (b"\0", b"\0\0", whole[12:], b"\xff" * 100):
        it.expect(whole + tail, "FORMERR", flags="", answer=())


def test_rfc6895_3_1_types_without_data_of_their_own(it):
    for kind in ("OPT", "MAILA", "MAILB", 128, 200, 249, 250, 0):
        for way, reply in it.both(query(ZONE, kind)):
            check(reply.rcode in ("NOERROR", "FORMERR", "NOTIMP", "REFUSED") and not reply.answer,
                  f"{way.name}: type {kind}: {reply}")


def test_rfc8906_8_1_2_no_type_is_unanswered(it):
    """All types that are assigned, and a sample of the others, pipelined on one connection."""
    have = {"A", "NS", "SOA", "MX", "AAAA"}
    known = {TYPES[kind] for kind in have} | {TYPES["ANY"]}
    kinds = [kind for kind in (*range(1, 270), *range(1000, 65536, 500), 32768, 32769, 65535)
             if kind not in (41, 249, 250, 251, 252, 253, 254)]
    it.tcp.ask(query(ZONE))
    for kind in kinds:
        it.tcp.send(query(ZONE, kind, number=kind))
    for kind in kinds:
        reply = it.tcp.receive(struct.pack("!H", kind))
        if kind in known:
            compare(reply, f"type {kind}", authority=(), flags="AA")
            check(reply.answer, f"type {kind}: {reply}")
        else:
            compare(reply, f"type {kind}", answer=(), authority=[SOA], additional=(), flags="AA")


def test_rfc2181_5_2_and_8_ttls(it):
    for of, kind, ttl, count in ((f"mail.{ZONE}", "A", 300, 2), (f"big.{ZONE}", "TXT", 60, 8), (ZONE, "NS", 3600, 2),
                                 (ZONE, "A", 60, 1), (ZONE, "MX", 300, 1), (ZONE, "SOA", 60, 1)):
        found = it.tcp.ask(query(of, kind)).answer
        same([record.ttl for record in found], [ttl] * count, f"TTLs of {kind} of {of}")
        same(len({record.data for record in found}), count, f"{kind} of {of} (RFC 2181 5: no duplicates)")


def test_rfc2181_9_no_part_of_an_rrset_is_sent(it):
    """TC, and none of its records, if the RRset does not fit (RFC 1035 4.2.1: 512 bytes without EDNS)."""
    for of, sizes in ((f"mid.{ZONE}", (None, 0, 512, 800)), (f"big.{ZONE}", (None, 512, 1232, 4096, 65535))):
        for size in sizes:
            packet = query(of, "TXT", edns=None if size is None else opt(size=size))
            reply = it.udp.ask(packet)
            compare(reply, f"{of} with {size} bytes", flags="AA TC", answer=(), authority=(), additional=(),
                    edns=size is not None)
            check(len(reply.packet) <= 512, f"{of} with {size} bytes: {len(reply.packet)}")
            compare(it.tcp.ask(packet), of, flags="AA", authority=())
            same(len(it.tcp.ask(packet).answer), 8, f"records of {of} over TCP")
    whole = it.udp.ask(query(f"mid.{ZONE}", "TXT", edns=opt(size=1232)))
    compare(whole, "mid", flags="AA")
    check(512 < len(whole.packet) <= 1232, f"{len(whole.packet)} bytes")


def test_rfc2181_6_1_the_parent_is_not_answered(it):
    for of in ("example.org", "org", "dc2.example.org", "xget.example.org", "get.example.org.example.org"):
        for kind in ("A", "NS", "SOA", "DS"):
            it.expect(query(of, kind), "REFUSED", flags="", answer=(), authority=(), additional=())


def test_rfc2181_4_the_source_of_a_reply_is_the_address_asked(it):
    """The sockets of these tests take no others; here a reply arrives at one that takes all."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as open_socket:
        open_socket.settimeout(5)
        open_socket.sendto(query(ZONE), (it.host, PORT))
        packet, source = open_socket.recvfrom(4096)
    same(source, (it.host, PORT), "source")
    compare(Reply(packet), "reply")


def test_rfc6895_2_3_error_replies_have_no_records(it):
    """Nor a byte of what was wrong."""
    for packet in (query(b"\xc0\x0c"), message(question(ZONE), question(ZONE)), query(ZONE, opcode=9)):
        for way, reply in it.both(packet):
            same(reply.counts[1:], [0, 0, 0], f"{way.name}: counts")
            check(len(reply.packet) <= len(packet), f"{way.name}: {len(reply.packet)} bytes")
    for packet in (query(ZONE, edns=opt(option(10, b"123"))), query(ZONE, edns=opt(owner=b"\1a\0"))):
        for way, reply in it.both(packet):
            compare(reply, way.name, "FORMERR", answer=(), authority=(), additional=())


def test_rfc1035_4_any_bytes_get_a_whole_reply_or_none(it):
    """Queries with some bytes changed, cut or added: Reply() reads each reply strictly."""
    dice = random.Random(4)
    print("seed 4")
    queries = [query(ZONE), query(f"no.{ZONE}", edns=opt()), query(f"www2.{ZONE}", "AAAA", edns=opt(option(COOKIE, bytes(8)))),
               query(f"big.{ZONE}", "ANY"), query("id.server", "TXT", "CH", edns=opt(option(3))), message(additional=[opt()])]
    marker, rcodes = query(ZONE, number=0x7777), {}
    for _ in range(3000):
        packet = bytearray(dice.choice(queries))
        for _ in range(dice.choice((1, 1, 2, 5))):
            at = dice.randrange(2, len(packet))
            change = dice.randrange(4)
            if change == 0:
                packet[at:] = b""
            elif change == 1:
                packet[at:at] = dice.randbytes(dice.randint(1, 20))
            else:
                packet[at] = dice.choice((0, 1, 0x0c, 0x3f, 0x40, 0xc0, 0xff, dice.randrange(256)))
            if len(packet) < 4:
                break
        packet[:2] = b"\x12\x34"
        it.udp.send(bytes(packet))
        it.udp.send(marker)
        reply = Reply(it.udp.link.receive())
        if reply.number != 0x7777:
            check(reply.number == 0x1234 and "QR" in reply.flags and len(reply.packet) <= 1232, f"{packet.hex()}: {reply}")
            same(reply.opcode, packet[2] >> 3 & 15, f"opcode of the reply to {packet.hex()}")
            rcodes[reply.rcode] = rcodes.get(reply.rcode, 0) + 1
            reply = Reply(it.udp.link.receive())
        same(reply.number, 0x7777, f"behind {packet.hex()}")
    check({"NOERROR", "FORMERR", "NXDOMAIN", "NOTIMP", "REFUSED", "BADVERS"} <= set(rcodes), f"{rcodes}")


if __name__ == "__main__":
    with Coordinator(config(RECORDS + [line for _, line, _ in NEWER])) as coordinator:
        run(globals(), coordinator)
