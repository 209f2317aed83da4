#!/usr/bin/python3
"""Zone transfers and signed messages, as a running coordinator answers them: RFC 1995, 5936, 8945."""

import base64
import hashlib
import json
import struct
import sys
import time

sys.dont_write_bytecode = True
from rfc import PORT, RECORDS, ZONE, Coordinator, check, compare, config, run, same
from packets import COOKIE, NSID, RD, Reply, Tcp, Udp, message, name, opt, option, query, question, record
from tsig import FUDGE_S, Found, Key

KEYED, FAR = "keyed.example.org", "far.example.org"
SECRETS = {"one.example.org": ("hmac-sha256", hashlib.sha256(b"one").digest()),
           "two": ("hmac-sha512", hashlib.sha512(b"two").digest())}
KEY_FILE = "".join(f'key "{of}" {{{{ algorithm {algorithm}; secret "{base64.b64encode(secret).decode()}"; }}}};\n'
                   for of, (algorithm, secret) in SECRETS.items()).replace("{{", "{").replace("}}", "}")
ZONES = f"""\
  - name: {KEYED}
    ns: [dc2.example.org]
    transfer: {{{{key-file: keys}}}}
    records: ["a A 192.0.2.1"]
  - name: {FAR}
    ns: [dc2.example.org]
    transfer: {{{{allow: [127.0.0.77]}}}}
    records: ["a A 192.0.2.1"]
"""
LONG = [f'long TXT "{i:02}{"x" * 250}" "{"y" * 235}"' for i in range(27)]     # more than one message


def key(of="one.example.org", algorithm=None, secret=None):
    return Key(of, algorithm or SECRETS[of.lower()][0], secret or SECRETS[of.lower()][1])


def transfer(it, packet, signer=None, source=None):
    """The messages of the answer to AXFR or IXFR, up to the second SOA record of the zone's version."""
    link = Tcp(it.host, PORT, source)
    link.send(signer.sign(packet) if signer else packet)
    replies, soas = [], 0
    while soas < 2:
        reply = Reply(link.receive())
        if signer:
            same(signer.check(reply)[0], 0, f"error of {reply}")
        replies.append(reply)
        soas += sum(found.kind == 6 for found in reply.answer)
        if reply.rcode != "NOERROR" or not reply.answer or len(replies) == 1 and len(reply.answer) == 1:
            break
    link.close()
    return replies


def serial_of(it, zone=ZONE):
    return int.from_bytes(it.tcp.ask(query(zone, "SOA")).answer[0].data[-20:-16], "big")


def ixfr(serial, zone=ZONE, **header):
    data = name("dc2.example.org") + name(f"hostmaster.{ZONE}") + struct.pack("!5I", serial % 2 ** 32, 1, 1, 1, 1)
    return message(question(zone, "IXFR"), authority=[record(zone, "SOA", data)], **header)


def lines(it, zone=ZONE):
    """The records of GET /zone, owners in lower case, as `owner ttl type`."""
    rows = [line.split("\t") for line in json.loads(it.get(f"/zone?name={zone}"))["zone"].splitlines()]
    return sorted(f"{owner.lower()} {ttl} {kind.removeprefix('TYPE')}" for owner, ttl, _, kind, *_ in rows)


def escaped(owner):
    """A name as ldns writes it."""
    text, at = "", 0
    while owner[at]:
        for byte in owner[at + 1:at + 1 + owner[at]]:
            char = chr(byte)
            text += "\\" + char if char in '.;()\\"' else char if 0x20 < byte < 0x7f else f"\\{byte:03}"
        text += "."
        at += 1 + owner[at]
    return text


def test_rfc5936_2_2_the_whole_zone(it):
    """From SOA to SOA, with each record of the zone once, in one or more messages."""
    packet = query(ZONE, "AXFR", number=0x4711, flags=RD)
    replies = transfer(it, packet)
    check(len(replies) > 1, f"{len(replies)} message")
    for index, reply in enumerate(replies):
        compare(reply, f"message {index}", flags="AA RD", authority=(), additional=(), edns=False)
        same((reply.number, reply.opcode), (0x4711, 0), f"header of message {index}")
        check(reply.counts[0] == 1 or index > 0 and reply.counts[0] == 0, f"QDCOUNT of message {index}")
        check(not reply.questions or reply.questions == [packet[12:]], f"question of message {index}")
        check(reply.answer, f"message {index} is empty")
    found = [rr for reply in replies for rr in reply.answer]
    same((found[0].kind, found[-1].kind), (6, 6), "first and last")
    same(found[0].sent, found[-1].sent, "the SOA records")
    kinds = [str(rr).split(" ")[2] for rr in found]
    same(sorted(f"{escaped(rr.owner)} {rr.ttl} {kind}" for rr, kind in zip(found[:-1], kinds)), lines(it), "records")
    check(all(rr.klass == 1 for rr in found), "classes")


def test_rfc5936_3_2_the_records_are_those_that_queries_get(it):
    found = [rr for reply in transfer(it, query(ZONE, "AXFR")) for rr in reply.answer][:-1]
    sets = {}
    for rr in found:
        sets.setdefault((rr.owner, rr.kind), set()).add((rr.ttl, rr.data))
    check(len(sets) > 20, f"{len(sets)} RRsets")
    for (owner, kind), expected in sets.items():
        answer = [rr for rr in it.tcp.ask(query(owner, kind)).answer if rr.kind == kind]
        same({(rr.ttl, rr.data) for rr in answer}, expected, f"type {kind} of {owner}")


def test_rfc5936_4_2_not_over_udp(it):
    for packet in (query(ZONE, "AXFR"), query(ZONE, "AXFR", edns=opt(size=65535)), query(KEYED, "AXFR")):
        compare(it.udp.ask(packet), "AXFR over UDP", "REFUSED", flags="", answer=(), authority=())


def test_rfc5936_2_2_1_other_names(it):
    """A name that is not the apex of a zone of this server: NOTAUTH."""
    for of in ("example.org", f"no.{ZONE}", f"mail.{ZONE}", "com", "."):
        compare(it.tcp.ask(query(of, "AXFR")), f"AXFR of {of}", "NOTAUTH", flags="", answer=(), authority=())
        compare(it.tcp.ask(query(of, "IXFR")), f"IXFR of {of}", "NOTAUTH", flags="", answer=(), authority=())
    for klass in ("CH", "ANY", 5):
        for way, reply in it.both(query(ZONE, "AXFR", klass)):
            check(reply.rcode in ("NOTAUTH", "REFUSED") and not reply.answer, f"{way.name}: class {klass}: {reply}")


def test_rfc5936_5_who_is_not_allowed_is_refused(it):
    for kind in ("AXFR", "IXFR"):
        compare(it.tcp.ask(query(FAR, kind)), kind, "REFUSED", flags="", answer=(), authority=())
        compare(it.tcp.ask(query(KEYED, kind)), kind, "REFUSED", flags="", answer=(), authority=())
    replies = transfer(it, query(FAR, "AXFR"), source="127.0.0.77")
    compare(replies[0], "from the address that is allowed", flags="AA")
    check(replies[0].answer[0].kind == 6, f"{replies[0]}")
    compare(it.udp.ask(query(FAR, "SOA")), "an ordinary query", flags="AA")


def test_rfc5936_4_1_the_connection_serves_other_queries(it):
    """Before, behind and after a transfer; each has its own id."""
    link = Tcp(it.host, PORT)
    packets = [query(ZONE, number=1), query(ZONE, "AXFR", number=2), query(f"no.{ZONE}", number=3),
               query(ZONE, "AXFR", number=4), query("example.com", number=5)]
    link.socket.sendall(b"".join(struct.pack("!H", len(packet)) + packet for packet in packets))
    seen = {}
    while set(seen) != {1, 2, 3, 4, 5} or any(
            sum(rr.kind == 6 for reply in seen[number] for rr in reply.answer) < 2 for number in (2, 4)):
        reply = Reply(link.receive())
        seen.setdefault(reply.number, []).append(reply)
    same([seen[number][0].rcode for number in range(1, 6)],
         ["NOERROR", "NOERROR", "NXDOMAIN", "NOERROR", "REFUSED"], "rcodes")
    same(*(sum(len(reply.answer) for reply in seen[number]) for number in (2, 4)), "records of both transfers")
    link.send(query(ZONE))
    compare(Reply(link.receive()), "a query after them", flags="AA")
    link.close()


def test_rfc5936_2_2_5_options(it):
    """OPT where it was asked for, with NSID and a cookie."""
    edns = opt(option(NSID) + option(COOKIE, b"12345678"), flags=0x8000)
    replies = transfer(it, query(ZONE, "AXFR", edns=edns))
    check(replies[0].edns, f"{replies[0]}")
    same((replies[0].option(NSID), replies[0].option(COOKIE)[:8]), (b"dc2", b"12345678"), "options")


def test_rfc1995_2_and_4_versions(it):
    """The whole zone for an older version or none; one SOA record for this one and newer ones (RFC 1982)."""
    serial = serial_of(it)
    for packet in (ixfr(serial - 1), ixfr(serial - 2 ** 31 + 1), query(ZONE, "IXFR")):
        replies = transfer(it, packet)
        found = [rr for reply in replies for rr in reply.answer]
        check(len(found) > 60 and found[0].kind == found[-1].kind == 6 and found[1].kind != 6, f"{found[:3]}")
        for reply in replies:
            compare(reply, "IXFR", flags="AA", authority=())
    for newer in (serial, serial + 1, serial + 2 ** 31 - 1):
        for way, reply in it.both(ixfr(newer)):
            compare(reply, f"{way.name}: IXFR from {newer}", flags="AA", authority=())
            same([rr.kind for rr in reply.answer], [6], f"{way.name}: IXFR from {newer}")


def test_rfc1995_2_over_udp_the_soa_alone(it):
    """From which the client sees that it should ask over TCP."""
    reply = it.udp.ask(ixfr(serial_of(it) - 1))
    compare(reply, "IXFR over UDP", flags="AA", authority=())
    same([rr.kind for rr in reply.answer], [6], f"{reply}")
    compare(it.udp.ask(ixfr(1, KEYED)), "not allowed", "REFUSED", answer=())


def test_rfc1995_3_malformed_versions(it):
    soa = record(ZONE, "SOA", name("a") + name("b") + struct.pack("!5I", 1, 1, 1, 1, 1))
    for packet in (message(question(ZONE, "IXFR"), authority=[soa, soa]),
                   message(question(ZONE, "IXFR"), answer=[soa]), message(question(ZONE, "IXFR"), additional=[soa]),
                   message(question(ZONE, "IXFR"), authority=[record(ZONE, "A", b"\1\2\3\4")]),
                   message(question(ZONE, "IXFR"), authority=[record(ZONE, "SOA", b"\0\0")]),
                   message(question(ZONE, "IXFR"), authority=[soa[:-1]]),
                   message(question(ZONE, "AXFR"), authority=[soa]), query(ZONE, "AXFR") + b"\0"):
        it.expect(packet, "FORMERR", flags="", answer=(), authority=())


KINDS = ((query(ZONE), "NOERROR"), (query(f"no.{ZONE}"), "NXDOMAIN"), (query("example.com"), "REFUSED"),
         (query(f"www2.{ZONE}", "TXT"), "NOERROR"), (query(ZONE, opcode=9), "NOTIMP"),
         (query(ZONE, edns=opt(option(NSID))), "NOERROR"), (query(ZONE, edns=opt(version=1)), "BADVERS"),
         (query("id.server", "TXT", "CH"), "NOERROR"))


def signed(it, signer, packet, **words):
    """(way, reply) over UDP and TCP to a packet that is signed with these words, for each."""
    for way in it.ways:
        yield way, way.ask(signer.sign(packet, **words))


def test_rfc8945_5_3_signed_queries_have_signed_answers(it):
    for of in ("one.example.org", "two", "ONE.Example.ORG"):
        signer = key(of)
        for packet, rcode in KINDS:
            for way, reply in signed(it, signer, packet):
                compare(reply, f"{way.name}, {packet.hex()}", rcode)
                same(signer.check(reply), (0, b""), f"{way.name}: error")
                found = Found(reply)
                check(found.original == reply.number and found.fudge == FUDGE_S
                      and abs(found.at_s - time.time()) < 3, f"{way.name}: {reply}")


def test_rfc8945_5_3_unsigned_queries_have_unsigned_answers(it):
    for packet, rcode in KINDS:
        for way, reply in it.both(packet):
            compare(reply, way.name, rcode, additional=())


def test_rfc8945_5_3_2_the_original_id(it):
    """The MAC is of the original id, the answer has that of the message."""
    signer = key()
    for way, reply in signed(it, signer, query(ZONE, number=0x1111), original=0x2222):
        compare(reply, way.name)
        same(reply.number, 0x1111, f"{way.name}: id")
        same(signer.check(reply), (0, b""), f"{way.name}: error")


def unverified(it, signer, packet, error, what, **words):
    """NOTAUTH with this error, no MAC, and the request's key, algorithm and time (RFC 8945 5.3.2)."""
    for way, reply in signed(it, signer, packet, **words):
        compare(reply, f"{way.name}: {what}", "NOTAUTH", answer=(), authority=())
        found = Found(reply)
        same((found.error, found.mac, found.owner), (error, b"", name(signer.of.lower())), f"{way.name}: {what}")


def test_rfc8945_5_2_1_unknown_keys(it):
    for signer in (Key("no", "hmac-sha256", b"x" * 32), Key("two", "hmac-sha256", SECRETS["two"][1]),
                   Key("one.example.org", "hmac-sha1", b"x" * 20), Key("example.org", "hmac-sha256", b"x" * 32),
                   Key("a." * 100, "hmac-sha256", b"x" * 32)):
        for packet, _ in KINDS[:4]:
            unverified(it, signer, packet, 17, "BADKEY")
    unverified(it, key(), query(ZONE), 17, "BADKEY", algorithm="hmac-sha384")


def test_rfc8945_5_2_2_wrong_macs(it):
    for packet, _ in KINDS[:4]:
        unverified(it, key(), packet, 16, "BADSIG", spoil=True)
        unverified(it, key(secret=b"x" * 32), packet, 16, "BADSIG")
    signer = key()
    whole = signer.sign(query(ZONE))
    for at in (2, 3, 13, len(query(ZONE)) - 1):
        # A changed byte of the query: its flags, its name, its class.
        packet = whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1:]
        for way, reply in it.both(packet):
            check(reply.rcode == "NOTAUTH" and Found(reply).error == 16, f"{way.name}: byte {at}: {reply}")


def test_rfc8945_5_2_3_times(it):
    """Signed, with the time of the request, and the server's own one as other data."""
    for late_s, error in ((-FUDGE_S - 60, 18), (FUDGE_S + 60, 18), (-10 ** 9, 18), (-FUDGE_S + 30, 0),
                          (FUDGE_S - 30, 0)):
        signer = key()
        for way in it.ways:
            reply = way.ask(signer.sign(query(ZONE), late_s=late_s))
            compare(reply, f"{way.name}: {late_s} s", "NOTAUTH" if error else "NOERROR")
            found, other = signer.check(reply)
            same(found, error, f"{way.name}: {late_s} s")
            same(len(other), 6 if error else 0, f"{way.name}: other data")
            if error:
                check(abs(int.from_bytes(other, "big") - time.time()) < 3, f"{way.name}: {other.hex()}")
                check(abs(Found(reply).at_s - late_s - time.time()) < 3, f"{way.name}: time of the request")
    signer = key()
    compare(it.udp.ask(signer.sign(query(ZONE), late_s=-20, fudge=5)), "fudge of 5 s", "NOTAUTH")
    compare(it.udp.ask(signer.sign(query(ZONE), late_s=-20, fudge=60)), "fudge of 60 s")


def test_rfc8945_5_2_2_1_truncated_macs(it):
    for of, whole in (("one.example.org", 32), ("two", 64)):
        signer = key(of)
        for length in range(whole // 2, whole):
            way = it.ways[length % 2]
            reply = way.ask(signer.sign(query(ZONE), length=length))
            compare(reply, f"{way.name}: {length} bytes", "NOTAUTH", answer=())
            same(Found(reply).error, 22, f"{way.name}: {length} bytes: BADTRUNC")
        for length in (0, 1, 9, whole // 2 - 1):
            for way, reply in signed(it, signer, query(ZONE), length=length):
                check(reply.rcode == "FORMERR" or length == 0 and reply.rcode == "NOTAUTH",
                      f"{way.name}: {length} bytes: {reply}")


def test_rfc8945_5_1_place_and_number(it):
    """One TSIG record, the last of the additional section; anything else is a format error."""
    at_s = int(time.time())
    found = key().record(at_s, b"x" * 32, 1)
    ask = question(ZONE)
    for packet in (message(ask, additional=[found, found]), message(ask, additional=[found, opt()]),
                   message(ask, answer=[found]), message(ask, authority=[found]),
                   message(ask, additional=[found], tail=b"\0"), message(ask, additional=[found, found, found])):
        it.expect(packet, "FORMERR", flags="", answer=(), authority=())
    for bad in (key().record(at_s, b"x" * 32, 1, klass=1), key().record(at_s, b"x" * 32, 1, ttl=1),
                found[:-1], found[:-10]):
        it.expect(message(ask, additional=[bad]), "FORMERR", flags="", answer=())
    signer = key()
    for way, reply in signed(it, signer, query(ZONE, edns=opt(option(COOKIE, b"12345678")))):
        compare(reply, f"{way.name}: TSIG behind OPT", flags="AA", edns=True)
        same(signer.check(reply), (0, b""), f"{way.name}: error")


def test_rfc8945_5_3_a_long_answer_with_its_signature(it):
    """What does not fit with its TSIG record is cut: TC, only question, OPT and TSIG are left."""
    whole = it.udp.ask(query(f"mid.{ZONE}", "TXT", edns=opt())).packet
    signer = key()
    for size in (None, 512, len(whole), len(whole) + 50, 1232):
        edns = None if size is None else opt(size=size)
        reply = it.udp.ask(signer.sign(query(f"mid.{ZONE}", "TXT", edns=edns)))
        short = size is None or size < len(whole) + 100
        compare(reply, f"size {size}", flags="AA TC" if short else "AA")
        check(len(reply.packet) <= (size or 512) and bool(reply.answer) != short, f"size {size}: {reply}")
        same(signer.check(reply), (0, b""), f"size {size}")
    reply = it.tcp.ask(signer.sign(query(f"big.{ZONE}", "TXT")))
    same((len(reply.answer), signer.check(reply)), (8, (0, b"")), "over TCP")


def test_rfc8945_5_3_1_each_message_of_a_transfer_is_signed(it):
    for of in SECRETS:
        for zone, least in ((ZONE, 2), (KEYED, 1)):
            replies = transfer(it, query(zone, "AXFR"), key(of))
            check(len(replies) >= least, f"{len(replies)} messages of {zone}")
            for reply in replies:
                compare(reply, zone, flags="AA")
        replies = transfer(it, ixfr(serial_of(it, KEYED) - 1, KEYED), key(of))
        check(replies[-1].answer[-1].kind == 6, "IXFR")


def test_rfc8945_5_2_a_transfer_with_a_wrong_signature(it):
    for signer, error in ((Key("no", "hmac-sha256", b"x" * 32), 17), (key(secret=b"x" * 32), 16)):
        for zone in (ZONE, KEYED):
            reply = it.tcp.ask(signer.sign(query(zone, "AXFR")))
            compare(reply, zone, "NOTAUTH", answer=())
            same(Found(reply).error, error, zone)
    for kind in ("AXFR", "IXFR"):
        compare(it.tcp.ask(query(KEYED, kind)), f"{kind} without a signature", "REFUSED", answer=())


def test_rfc2136_3_and_rfc1996_3_signed_updates_and_notifies(it):
    """Not implemented either, and their answers are signed."""
    for opcode in (4, 5):
        signer = key()
        for way, reply in signed(it, signer, query(ZONE, "SOA", opcode=opcode)):
            compare(reply, f"{way.name}: opcode {opcode}", "NOTIMP", answer=(), authority=())
            same(signer.check(reply), (0, b""), f"{way.name}: error")
        unverified(it, key(), query(ZONE, "SOA", opcode=opcode), 16, f"opcode {opcode}", spoil=True)


if __name__ == "__main__":
    with Coordinator(config(RECORDS + LONG, zones=ZONES), files={"keys": KEY_FILE}) as coordinator:
        run(globals(), coordinator)
