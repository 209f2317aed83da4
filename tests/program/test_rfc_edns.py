#!/usr/bin/python3
"""EDNS of a running coordinator: RFC 6891 and what is built on it (RFC 3225, 5001, 7828, 7873, 8906, 8914,
9018, 9715), over UDP and TCP. What dig sends by itself is in test_dns_options.py."""

import hashlib
import random
import socket
import struct
import sys
import time

sys.dont_write_bytecode = True
from rfc import NEGATIVE_TTL, PORT, RECORDS, SOA, ZONE, Coordinator, check, compare, config, run, same
from siphash import siphash
from packets import AD, CD, COOKIE, ERROR, KEEPALIVE, NSID, PADDING, RD, SUBNET, Z, Reply, Tcp, Udp, message, \
    name, opt, option, query, question

DO = 0x8000
CLIENT = bytes.fromhex("2464c4abcf10c957")
# A query of each kind of answer with an OPT record, made by a function of that record, and its rcode.
KINDS = (("address", lambda edns: query(ZONE, edns=edns), "NOERROR"),
         ("no data", lambda edns: query(ZONE, "TXT", edns=edns), "NOERROR"),
         ("no name", lambda edns: query(f"no.{ZONE}", edns=edns), "NXDOMAIN"),
         ("alias", lambda edns: query(f"www2.{ZONE}", edns=edns), "NOERROR"),
         ("any", lambda edns: query(ZONE, "ANY", edns=edns), "NOERROR"),
         ("not ours", lambda edns: query("example.com", edns=edns), "REFUSED"),
         ("class", lambda edns: query(ZONE, "A", "HS", edns=edns), "REFUSED"),
         ("version", lambda edns: query("version.bind", "TXT", "CH", edns=edns), "NOERROR"),
         ("opcode", lambda edns: query(ZONE, opcode=9, edns=edns), "NOTIMP"))


def test_rfc6891_6_1_1_opt_is_answered_with_opt(it):
    for what, packet, rcode in KINDS:
        for way, reply in it.both(packet(opt())):
            compare(reply, f"{way.name}: {what}", rcode, edns=True)
            same((reply.version, reply.edns_flags, reply.size), (0, 0, 1232), f"{way.name}: OPT of {what}")
        for way, reply in it.both(packet(None)):
            compare(reply, f"{way.name}: {what}", rcode, edns=False)


def test_rfc6891_6_1_1_more_than_one_opt(it):
    for count in (2, 3, 10):
        it.expect(message(question(ZONE), additional=[opt()] * count), "FORMERR", answer=(), authority=())
    it.expect(message(question(ZONE), authority=[opt()], additional=[opt()]), "FORMERR", answer=())


def test_rfc6891_6_1_2_the_owner_is_the_root(it):
    for owner in (b"\1", b"\x3f", b"\xc0", b"\1a\0", name(ZONE), b"\xc0\x0c"):
        it.expect(query(ZONE, edns=opt(owner=owner)), "FORMERR", answer=())


def test_rfc6891_6_1_2_lengths_of_options(it):
    for options in (b"\0", b"\0\3\0", option(NSID) + b"\0", struct.pack("!2H", NSID, 1),
                    struct.pack("!2H", 65001, 0xffff) + b"abc", option(65001, b"abc") + b"\0\0\0"):
        it.expect(query(ZONE, edns=opt(options)), "FORMERR", answer=(), edns=True)
    whole = opt(option(65001, b"abcd"))
    for length in range(1, len(whole)):
        it.expect(query(ZONE, edns=whole[:length]), "FORMERR", answer=())
    it.expect(query(ZONE, edns=whole + b"\0"), "FORMERR", answer=())


def test_rfc6891_6_1_3_versions(it):
    for version in (1, 2, 100, 255):
        for what, packet, rcode in KINDS[:8]:
            for way, reply in it.both(packet(opt(version=version))):
                compare(reply, f"{way.name}: version {version}, {what}", "BADVERS", answer=(), authority=(),
                        additional=(), edns=True)
                same((reply.version, reply.edns_flags), (0, 0), f"{way.name}: OPT for version {version}")
                check("AA" not in reply.flags, f"{way.name}: {reply}")
        it.expect(query(ZONE, edns=opt(option(65001, b"x"), version=version)), "BADVERS", edns=True)


def test_rfc6891_6_1_3_an_extended_rcode_in_a_query_does_not_matter(it):
    for rcode in (1, 16, 255):
        it.expect(query(ZONE, edns=opt(rcode=rcode)), flags="AA", edns=True)


def test_rfc6891_6_1_4_unknown_flags_are_cleared(it):
    for bit in range(15):
        for what, packet, rcode in KINDS:
            way = it.ways[bit % 2]
            reply = way.ask(packet(opt(flags=1 << bit)))
            compare(reply, f"{way.name}: flag {bit}, {what}", rcode, edns=True)
            same(reply.edns_flags, 0, f"flags of the answer to flag {bit}, {what}")


def test_rfc3225_3_do_is_copied(it):
    for what, packet, rcode in KINDS:
        for others in (0, 0x4000, 0x7fff):
            for way, reply in it.both(packet(opt(flags=DO | others))):
                compare(reply, f"{way.name}: {what}", rcode)
                same(reply.edns_flags, DO, f"{way.name}: flags of {what}")
    for packet, rcode in ((query(ZONE, edns=opt(version=1, flags=DO)), "BADVERS"),
                          (query(f"big.{ZONE}", "TXT", edns=opt(flags=DO)), "NOERROR")):
        for way, reply in it.both(packet):
            compare(reply, way.name, rcode)
            same(reply.edns_flags, DO, f"{way.name}: flags")


def test_rfc3225_3_do_changes_nothing_in_an_unsigned_zone(it):
    for what, packet, _ in KINDS:
        plain, asked = (it.udp.ask(packet(opt(flags=flags))) for flags in (0, DO))
        same([str(found) for found in asked.answer + asked.authority],
             [str(found) for found in plain.answer + plain.authority], what)


def test_rfc6891_6_2_3_small_sizes_are_512(it):
    packet = query(f"last.{ZONE}", "TXT")
    whole = len(it.udp.ask(packet).packet)
    for size in (0, 1, 12, 100, 511, 512):
        reply = it.udp.ask(query(f"last.{ZONE}", "TXT", edns=opt(size=size)))
        compare(reply, f"size {size}", flags="AA")
        same(len(reply.packet), whole + 11, f"size {size}")
        reply = it.udp.ask(query(f"mid.{ZONE}", "TXT", edns=opt(size=size)))
        compare(reply, f"size {size}", flags="AA TC", answer=(), edns=True)


def test_rfc6891_6_2_3_the_size_of_the_client_is_kept(it):
    whole = it.udp.ask(query(f"mid.{ZONE}", "TXT", edns=opt())).packet
    for size in (*range(len(whole) - 3, len(whole) + 3), 1232, 4096, 65535):
        reply = it.udp.ask(query(f"mid.{ZONE}", "TXT", edns=opt(size=size)))
        compare(reply, f"size {size}", flags="AA TC" if size < len(whole) else "AA")
        check(len(reply.packet) <= size, f"{len(reply.packet)} bytes for size {size}")


def test_rfc9715_3_2_no_answer_over_udp_has_more_than_1232_bytes(it):
    for size in (1232, 1233, 1400, 1452, 4096, 65535):
        reply = it.udp.ask(query(f"big.{ZONE}", "TXT", edns=opt(size=size)))
        compare(reply, f"size {size}", flags="AA TC", answer=(), edns=True)
        check(len(reply.packet) <= 1232 and reply.size == 1232, f"size {size}: {reply}")


def test_rfc6891_6_2_5_the_size_does_not_matter_over_tcp(it):
    for size in (0, 512, 1232):
        reply = it.tcp.ask(query(f"big.{ZONE}", "TXT", edns=opt(size=size)))
        compare(reply, f"size {size}", flags="AA", edns=True)
        same(len(reply.answer), 8, "records")


def test_rfc6891_7_a_format_error_has_opt(it):
    for options in (option(COOKIE, b"1234567"), b"\0\3\0\1"):
        it.expect(query(ZONE, edns=opt(options)), "FORMERR", edns=True, answer=())
    it.expect(message(additional=[opt()]), "FORMERR", edns=True)


def test_rfc6891_6_1_2_unknown_options_are_ignored(it):
    for code in (*range(1, 27), 100, 20292, 26946, 65001, 65534, 65535):
        if code in (NSID, COOKIE, KEEPALIVE):
            continue
        for data in (b"", b"\0", b"\xff" * 40):
            way = it.ways[code % 2]
            reply = way.ask(query(ZONE, edns=opt(option(code, data))))
            compare(reply, f"{way.name}: option {code}", flags="AA", edns=True)
            same(reply.options, [], f"{way.name}: options after {code}")
    it.expect(query(ZONE, edns=opt(b"".join(option(code) for code in range(1000, 1250)))), edns=True)


def test_rfc5001_2_nsid(it):
    """Once, as often as it is asked for, and with unknown options around it."""
    for options in (option(NSID), option(NSID, b"who"), option(NSID) * 2, option(65001, b"x") + option(NSID),
                    option(NSID) + option(SUBNET, b"\0\1\0\0"), option(NSID) + option(COOKIE, CLIENT)):
        for what, packet, rcode in KINDS:
            for way, reply in it.both(packet(opt(options))):
                compare(reply, f"{way.name}: {what}", rcode)
                same(reply.option(NSID), b"dc2", f"{way.name}: {what}")


def test_rfc7873_5_2_3_client_cookies(it):
    """A server cookie of RFC 9018 4 comes back: version 1, reserved zeros, the time, a hash."""
    seen = set()
    for what, packet, rcode in KINDS:
        for way, reply in it.both(packet(opt(option(COOKIE, CLIENT)))):
            compare(reply, f"{way.name}: {what}", rcode)
            cookie = reply.option(COOKIE)
            same((len(cookie), cookie[:12]), (24, CLIENT + b"\1\0\0\0"), f"{way.name}: cookie of {what}")
            check(abs(int.from_bytes(cookie[12:16], "big") - time.time()) <= 2, f"{way.name}: {cookie.hex()}")
            seen.add(cookie[12:])
    for _ in range(20):
        client = random.randbytes(8)
        seen.add(it.udp.ask(query(ZONE, edns=opt(option(COOKIE, client)))).option(COOKIE)[12:])
    check(len({cookie[4:] for cookie in seen}) >= 20, "the hash does not depend on the client cookie")


def test_rfc7873_5_2_4_unknown_server_cookies_are_replaced(it):
    for length in (8, 15, 16, 17, 31, 32):
        for fill in (b"\0", b"\1", b"\xff"):
            cookie = CLIENT + b"\1\0\0\0" + fill * (length - 4)
            for way, reply in it.both(query(ZONE, edns=opt(option(COOKIE, cookie)))):
                compare(reply, f"{way.name}: server cookie of {length} bytes", flags="AA")
                found = reply.option(COOKIE)
                check(len(found) == 24 and found != cookie and found[:8] == CLIENT, f"{way.name}: {found.hex()}")


def test_rfc9018_4_4_a_cookie_is_for_one_address_and_one_client(it):
    """It is kept for them, and replaced for another address, another client cookie, or if changed."""
    given = it.udp.ask(query(ZONE, edns=opt(option(COOKIE, CLIENT)))).option(COOKIE)
    for way, reply in it.both(query(ZONE, edns=opt(option(COOKIE, given)))):
        same(reply.option(COOKIE), given, f"{way.name}: kept")
    for at in range(8, 24):
        wrong = given[:at] + bytes([given[at] ^ 1]) + given[at + 1:]
        found = it.udp.ask(query(ZONE, edns=opt(option(COOKIE, wrong)))).option(COOKIE)
        check(found != wrong, f"kept with byte {at} changed")
    other = bytes([CLIENT[0] ^ 1]) + given[1:]
    check(it.udp.ask(query(ZONE, edns=opt(option(COOKIE, other)))).option(COOKIE) != other, "other client")
    for kind in (Udp, Tcp):
        link = kind(it.host, PORT, source="127.0.0.99")
        link.send(query(ZONE, edns=opt(option(COOKIE, given))))
        reply = Reply(link.receive())
        link.close()
        check(reply.option(COOKIE) != given and reply.option(COOKIE)[:8] == CLIENT, "other address")


def test_rfc9018_4_3_and_4_4_age_and_version(it):
    """Kept up to 30 minutes old and 5 minutes in the future, else replaced; cookies of other versions are not known."""
    example = bytes.fromhex("2464c4abcf10c957" "01000000" "5cf79f11")     # RFC 9018 A.1
    key = bytes.fromhex("e5e973e5a6b2a43f48e7dc849e37bfcf")
    same(siphash(key, example + socket.inet_aton("198.51.100.100")).hex(), "1f8130c3eee29480", "SipHash of these tests")
    key = hashlib.sha256(b"locum dns cookie\0" + bytes(range(32))).digest()[:16]
    for late_s, version, kept in ((-5, 1, True), (-1790, 1, True), (-1810, 1, False), (-3590, 1, False), (-3610, 1, False),
                                  (-10 ** 9, 1, False), (290, 1, True), (310, 1, False), (10 ** 9, 1, False),
                                  (-5, 0, False), (-5, 2, False), (-5, 255, False)):
        for way in it.ways:
            way.send(query(ZONE))
            way.receive(query(ZONE))
            source = way.link.socket.getsockname()[0]
            cookie = CLIENT + bytes([version, 0, 0, 0]) + struct.pack("!I", int(time.time()) + late_s)
            cookie += siphash(key, cookie + socket.inet_aton(source))
            reply = way.ask(query(ZONE, edns=opt(option(COOKIE, cookie))))
            compare(reply, f"{way.name}: {late_s} s, version {version}", flags="AA")
            same(reply.option(COOKIE) == cookie, kept, f"{way.name}: {late_s} s, version {version}: kept")
            check(abs(int.from_bytes(reply.option(COOKIE)[12:16], "big") - time.time() - (late_s if kept else 0)) <= 2,
                  f"{way.name}: {reply}")


def test_rfc7873_5_4_no_question_but_a_cookie(it):
    for options in (option(COOKIE, CLIENT), option(NSID) + option(COOKIE, CLIENT)):
        for way, reply in it.both(message(additional=[opt(options)])):
            compare(reply, way.name, answer=(), authority=(), additional=(), edns=True)
            same((reply.counts[0], reply.option(COOKIE)[:8]), (0, CLIENT), f"{way.name}: {reply}")
            check("AA" not in reply.flags, f"{way.name}: {reply}")
    it.expect(message(additional=[opt(option(NSID))]), "FORMERR", edns=True)
    it.expect(message(additional=[opt(option(COOKIE, CLIENT), version=1)]), "BADVERS", edns=True)


def test_rfc8914_3_codes_without_text(it):
    for what, packet, rcode in KINDS:
        for way, reply in it.both(packet(opt())):
            code = {"REFUSED": b"\0\24", "NOTIMP": b"\0\25"}.get(rcode)
            same(reply.option(ERROR), code, f"{way.name}: {what}")
    for way, reply in it.both(query(ZONE, edns=opt(option(ERROR, b"\0\1text")))):
        same(reply.options, [], f"{way.name}: an error in a query (RFC 8914 3)")


def test_rfc7828_3_keepalive(it):
    """Over TCP each answer tells the idle time, 10 s in units of 100 ms; over UDP the option is ignored."""
    asked, valued = opt(option(KEEPALIVE)), opt(option(KEEPALIVE, b"\0\x64"))
    for what, packet, rcode in (*KINDS, ("version 1", lambda _: query(ZONE, edns=opt(option(KEEPALIVE), version=1)),
                                         "BADVERS")):
        for edns, value in ((asked, b"\0\x64"), (opt(), None)):
            if value or rcode != "BADVERS":
                reply = it.tcp.ask(packet(edns))
                compare(reply, f"TCP: {what}", rcode)
                same(reply.option(KEEPALIVE), value, f"TCP: {what}")
        for edns in (asked, valued):
            reply = it.udp.ask(packet(edns))
            compare(reply, f"UDP: {what}", rcode)
            same(reply.option(KEEPALIVE), None, f"UDP: {what}")
    for value in (b"\0", b"\0\x64", b"\0\x64\0"):
        compare(it.tcp.ask(query(ZONE, edns=opt(option(KEEPALIVE, value)))), f"value {value}", "FORMERR", edns=True)
    compare(it.tcp.ask(query(ZONE, edns=asked)), "the connection stays open", edns=True)


def test_rfc7830_3_padding_is_not_answered(it):
    """Padding belongs to encrypted transports only (RFC 7830 6)."""
    for data in (b"", b"\0" * 100):
        for way, reply in it.both(query(ZONE, edns=opt(option(PADDING, data)))):
            same(reply.options, [], f"{way.name}: options")


def test_rfc7871_7_2_subnet_is_not_answered(it):
    """A server that does not know the option ignores it; also an illegal one."""
    for data in (b"\0\1\0\0", b"\0\1\30\0\300\0\2", b"\0\2\70\0\40\1\15\270\0\0\0", b"\0\0\0\0", b"\0\1\77", b""):
        for way, reply in it.both(query(ZONE, edns=opt(option(SUBNET, data)))):
            compare(reply, f"{way.name}: subnet {data.hex()}", flags="AA")
            same(reply.options, [], f"{way.name}: options")


# RFC 8906 8: the tests that its program genreport makes, each as (rest of the name, query, what the reply must be).
SOA_QUERY = {"of": ZONE, "kind": "SOA"}
SOA_RECORD = SOA.replace(f" {NEGATIVE_TTL} SOA", " 60 SOA")
GENREPORT = (
    ("8.1.1 is the server configured", {}, {"flags": "AA", "edns": False}),
    ("8.1.2 unknown type", {"kind": "TYPE1000"}, {"flags": "AA", "edns": False, "answer": ()}),
    ("8.1.3.1 CD", {"flags": CD}, {"flags": "AA", "edns": False}),
    ("8.1.3.2 AD", {"flags": AD}, {"flags": "AA", "edns": False}),
    ("8.1.3.3 Z", {"flags": Z}, {"flags": "AA", "edns": False}),
    ("8.1.3.4 RD", {"flags": RD}, {"flags": "AA RD", "edns": False}),
    ("8.2.1 minimal EDNS", {"edns": opt()}, {"flags": "AA", "edns": True}),
    ("8.2.2 version", {"edns": opt(version=1)}, {"rcode": "BADVERS", "edns": True, "answer": ()}),
    ("8.2.3 unknown option", {"edns": opt(option(100))}, {"flags": "AA", "edns": True}),
    ("8.2.4 unknown flag", {"edns": opt(flags=0x40)}, {"flags": "AA", "edns": True}),
    ("8.2.5 version with unknown flag", {"edns": opt(version=1, flags=0x40)},
     {"rcode": "BADVERS", "edns": True, "answer": ()}),
    ("8.2.6 version with unknown option", {"edns": opt(option(100), version=1)},
     {"rcode": "BADVERS", "edns": True, "answer": ()}),
    ("8.2.8 DO", {"edns": opt(flags=DO)}, {"flags": "AA", "edns": True}),
    ("8.2.9 version with DO", {"edns": opt(version=1, flags=DO)}, {"rcode": "BADVERS", "edns": True, "answer": ()}),
    ("8.2.10 several options", {"edns": opt(option(NSID) + option(COOKIE, CLIENT) + option(9)
                                            + option(SUBNET, b"\0\0\0\0"))}, {"flags": "AA", "edns": True}),
)


def test_rfc8906_8_as_genreport_asks(it):
    for what, ask, expected in GENREPORT:
        for flags in {ask.get("flags", 0), ask.get("flags", 0) | RD}:
            expected = dict(expected)
            if flags & RD and "flags" in expected and "RD" not in expected["flags"]:
                expected["flags"] += " RD"
            if "answer" not in expected:
                expected["answer"] = [SOA_RECORD]
            for way, reply in it.both(query(**{**SOA_QUERY, **ask, "flags": flags})):
                compare(reply, f"{way.name}: {what}", **expected)
                same(reply.opcode, 0, f"{way.name}: {what}")
                if reply.edns:
                    sent = struct.unpack("!H", ask["edns"][7:9])[0]
                    same((reply.version, reply.edns_flags), (0, sent & DO), f"{way.name}: OPT of {what}")
                    check(all(code in (NSID, COOKIE) for code, _ in reply.options), f"{way.name}: {reply}")


def test_rfc8906_8_2_7_a_truncated_answer_has_opt(it):
    reply = it.udp.ask(query(f"big.{ZONE}", "TXT", edns=opt(size=512, flags=DO)))
    compare(reply, "512 bytes", flags="AA TC", edns=True, answer=())
    same((reply.version, reply.edns_flags), (0, DO), "OPT")
    check(len(reply.packet) <= 512, f"{len(reply.packet)} bytes")


if __name__ == "__main__":
    with Coordinator(config(RECORDS)) as coordinator:
        run(globals(), coordinator)
