#!/usr/bin/python3
"""Wildcards (RFC 4592), DNAME (RFC 6672), delegations (RFC 1034 4.2.1, 9471) and what their aliases lead to (RFC 6604),
as a running coordinator answers them over UDP and TCP."""

import random
import struct
import sys

sys.dont_write_bytecode = True
from rfc import SOA, ZONE, Coordinator, check, compare, config, run, same
from packets import RD, name, opt, query

DS = "30909 8 2 E2D3C916F6DEEAC73294E8268FB5885044A833FC5459588F4A9184CFC41A5766"
LONG = ".".join(["l" * 60] * 3)
RECORDS = [
    # The example of RFC 4592 2.2.1
    '* 3600 TXT "this is a wildcard"', "* 3600 MX 10 host1", 'sub.* 3600 TXT "this is not a wildcard"',
    "host1 3600 A 192.0.2.1", "_ssh._tcp.host1 3600 SRV 0 0 22 host1", "_ssh._tcp.host2 3600 SRV 0 0 22 host1",
    "subdel 3600 NS ns.example.com.", "subdel 3600 NS ns.example.net.",
    # More wildcards
    "*.alias CNAME host1", "*.lost CNAME nothing.host1", "*.out CNAME example.com.", "b.c.deep A 192.0.2.2",
    "*.deep A 192.0.2.3", "*.c.deep A 192.0.2.4", "*.chain CNAME x.alias",
    # Delegations
    "cut 300 NS ns1.cut", "cut 300 NS ns.example.com.", "ns1.cut 300 A 192.0.2.53", "ns1.cut 300 AAAA 2001:db8::53",
    "signed 300 NS ns.example.com.", f"signed 300 DS {DS}", "into CNAME x.cut", "*.into CNAME y.z.cut",
    *(f"wide 300 NS ns{i}{'w' * 30}.wide" for i in range(9)),
    *(f"ns{i}{'w' * 30}.wide 300 A 192.0.2.{100 + i}" for i in range(9)),
    # DNAME
    "old 300 DNAME fresh", 'old TXT "beside"', "a.fresh A 192.0.2.5", "c.fresh CNAME host1", "x.y.fresh A 192.0.2.6",
    "away 300 DNAME example.com.", f"long 300 DNAME {LONG}", "twice 300 DNAME old", "*.w.fresh A 192.0.2.7",
    "to-old CNAME a.old", "to-cut 300 DNAME cut"]
HOST1 = f"host1.{ZONE}. 3600 A 192.0.2.1"
CUT = [f"cut.{ZONE}. 300 NS ns.example.com.", f"cut.{ZONE}. 300 NS ns1.cut.{ZONE}."]
GLUE = [f"ns1.cut.{ZONE}. 300 A 192.0.2.53", f"ns1.cut.{ZONE}. 300 AAAA 2001:db8::53"]
SUBDEL = [f"subdel.{ZONE}. 3600 NS ns.example.com.", f"subdel.{ZONE}. 3600 NS ns.example.net."]
OLD = f"old.{ZONE}. 300 DNAME fresh.{ZONE}."


def gives(it, of, kind, *answer):
    """All of the answer, with authority."""
    for edns in (None, opt()):
        it.expect(query(f"{of}.{ZONE}", kind, edns=edns), flags="AA", answer=answer, authority=(), additional=())


def lacks(it, of, kind, rcode, *answer):
    """NODATA or NXDOMAIN, at the end of these aliases."""
    it.expect(query(f"{of}.{ZONE}", kind), rcode, flags="AA", answer=answer, authority=[SOA], additional=())


def refers(it, of, kind, authority, glue=()):
    """A referral: no answer, no authority of this server."""
    for flags, rd in ((0, ""), (RD, "RD")):
        it.expect(query(f"{of}.{ZONE}", kind, flags=flags), flags=rd, answer=(), authority=authority, additional=glue)


def test_rfc4592_2_2_1_what_the_example_synthesizes(it):
    gives(it, "host3", "MX", f"host3.{ZONE}. 3600 MX 10 host1.{ZONE}.")
    lacks(it, "host3", "A", "NOERROR")
    gives(it, "foo.bar", "TXT", f'foo.bar.{ZONE}. 3600 TXT "this is a wildcard"')


def test_rfc4592_2_2_1_what_the_example_does_not(it):
    lacks(it, "host1", "MX", "NOERROR")
    lacks(it, "sub.*", "MX", "NOERROR")
    lacks(it, "_telnet._tcp.host1", "SRV", "NXDOMAIN")
    refers(it, "host.subdel", "A", SUBDEL)
    lacks(it, "ghost.*", "MX", "NXDOMAIN")
    gives(it, "*", "MX", f"*.{ZONE}. 3600 MX 10 host1.{ZONE}.")
    gives(it, "sub.*", "TXT", f'sub.*.{ZONE}. 3600 TXT "this is not a wildcard"')


def test_rfc4592_2_2_2_names_between_exist(it):
    """Empty non-terminals are no place for a wildcard, nor is anything below them."""
    for of in ("_tcp.host1", "host2", "_tcp.host2", "deep", "c.deep", "alias"):
        for kind in ("MX", "TXT", "A"):
            lacks(it, of, kind, "NOERROR")
    for of in ("x.host1", "x.host2", "x._tcp.host2", "x.b.c.deep", "x._ssh._tcp.host1"):
        lacks(it, of, "TXT", "NXDOMAIN")


def test_rfc4592_3_3_1_the_closest_encloser_decides(it):
    gives(it, "x.deep", "A", f"x.deep.{ZONE}. 60 A 192.0.2.3")
    gives(it, "x.y.deep", "A", f"x.y.deep.{ZONE}. 60 A 192.0.2.3")
    gives(it, "x.c.deep", "A", f"x.c.deep.{ZONE}. 60 A 192.0.2.4")
    gives(it, "b.c.deep", "A", f"b.c.deep.{ZONE}. 60 A 192.0.2.2")
    lacks(it, "b.c.deep", "TXT", "NOERROR")
    lacks(it, "x.deep", "TXT", "NOERROR")
    gives(it, "x.*.deep2", "TXT", f'x.*.deep2.{ZONE}. 3600 TXT "this is a wildcard"')


def test_rfc4592_2_1_3_wildcards_in_a_question_are_names(it):
    gives(it, "*.deep", "A", f"*.deep.{ZONE}. 60 A 192.0.2.3")
    lacks(it, "x.*.deep", "A", "NXDOMAIN")
    gives(it, "*.no", "MX", f"*.no.{ZONE}. 3600 MX 10 host1.{ZONE}.")
    for label in ("**", "*x", "x*"):
        gives(it, label, "MX", f"{label}.{ZONE}. 3600 MX 10 host1.{ZONE}.")


def test_rfc4592_3_3_3_any_length_any_case(it):
    """The owner of the answer is the name that was asked for, byte for byte."""
    dice = random.Random(4592)
    print("seed 4592")
    for _ in range(30):
        labels = [bytes(dice.choice(b"abcXYZ019-_\0\xff.*") for _ in range(dice.randint(1, 12)))
                  for _ in range(dice.randint(1, 8))]
        owner = b"".join(bytes([len(label)]) + label for label in labels) + name(ZONE)
        if labels[-1] == b"*":      # a name that exists
            continue
        for way, reply in it.both(query(owner, "MX")):
            compare(reply, f"{way.name}: {labels}", flags="AA", authority=())
            same([found.owner for found in reply.answer], [owner], f"{way.name}: owner")
            same(reply.packet[12:12 + len(owner)], owner, f"{way.name}: question")
    longest = b"\x3f" + b"a" * 63 + b"\x3f" + b"b" * 63 + b"\x3f" + b"c" * 63
    rest = 255 - len(longest) - len(name(ZONE))
    owner = bytes([rest - 1]) + b"d" * (rest - 1) + longest + name(ZONE)
    same(len(owner), 255, "length")
    it.expect(query(owner, "MX"), flags="AA", authority=())


def test_rfc4592_4_4_aliases(it):
    gives(it, "x.alias", "A", f"x.alias.{ZONE}. 60 CNAME host1.{ZONE}.", HOST1)
    gives(it, "x.alias", "CNAME", f"x.alias.{ZONE}. 60 CNAME host1.{ZONE}.")
    lacks(it, "x.alias", "TXT", "NOERROR", f"x.alias.{ZONE}. 60 CNAME host1.{ZONE}.")
    lacks(it, "x.lost", "A", "NXDOMAIN", f"x.lost.{ZONE}. 60 CNAME nothing.host1.{ZONE}.")
    gives(it, "x.out", "A", f"x.out.{ZONE}. 60 CNAME example.com.")
    gives(it, "y.chain", "A", f"y.chain.{ZONE}. 60 CNAME x.alias.{ZONE}.", f"x.alias.{ZONE}. 60 CNAME host1.{ZONE}.",
          HOST1)


def test_rfc8482_4_1_any_of_a_wildcard(it):
    for of in ("host3", "foo.bar", "x.deep"):
        for way, reply in it.both(query(f"{of}.{ZONE}", "ANY")):
            compare(reply, f"{way.name}: {of}", flags="AA", authority=())
            same({found.owner for found in reply.answer}, {name(f"{of}.{ZONE}")}, f"{way.name}: owner")
            same(len({found.kind for found in reply.answer}), 1, f"{way.name}: types")


def test_rfc1034_4_2_1_referrals(it):
    """NS of the cut without AA, glue, and nothing else, for each name and type at and below it."""
    for of in ("cut", "x.cut", "ns1.cut", "a.b.c.cut", "ns2.cut", "*.cut"):
        for kind in ("A", "AAAA", "NS", "SOA", "TXT", "MX", "CNAME", "DNSKEY", "ANY", "TYPE65280"):
            refers(it, of, kind, CUT, GLUE)
    refers(it, "x.signed", "DS", [f"signed.{ZONE}. 300 NS ns.example.com."])
    refers(it, "Subdel", "A", [line.replace("subdel", "Subdel") for line in SUBDEL])


def test_rfc4035_3_1_4_1_ds_is_of_the_parent(it):
    digest = struct.pack("!HBB", 30909, 8, 2).hex() + DS.split()[-1].lower()
    gives(it, "signed", "DS", f"signed.{ZONE}. 300 DS {digest}")
    lacks(it, "cut", "DS", "NOERROR")
    refers(it, "x.cut", "DS", CUT, GLUE)


def test_rfc9471_3_glue_is_complete_or_tc(it):
    """No part of the addresses that a resolver needs: all of them, or TC."""
    packet = query(f"x.wide.{ZONE}")
    reply = it.udp.ask(packet)
    compare(reply, "512 bytes", flags="TC", answer=())
    check(len(reply.packet) <= 512, f"{len(reply.packet)} bytes")
    for way, packet in ((it.udp, query(f"x.wide.{ZONE}", edns=opt())), (it.tcp, packet)):
        reply = way.ask(packet)
        compare(reply, way.name, flags="", answer=())
        same((len(reply.authority), len(reply.additional)), (9, 9), f"{way.name}: {reply}")


def test_rfc1034_4_3_2_aliases_into_a_delegation(it):
    """The CNAME with authority, then the referral."""
    for of, link in (("into", f"into.{ZONE}. 60 CNAME x.cut.{ZONE}."),
                     ("q.into", f"q.into.{ZONE}. 60 CNAME y.z.cut.{ZONE}.")):
        for kind in ("A", "TXT"):
            it.expect(query(f"{of}.{ZONE}", kind), flags="AA", answer=[link], authority=CUT, additional=GLUE)
        gives(it, of, "CNAME", link)


def test_rfc6672_2_3_the_owner_is_not_redirected(it):
    gives(it, "old", "DNAME", OLD)
    gives(it, "old", "TXT", f'old.{ZONE}. 60 TXT "beside"')
    for kind in ("A", "MX", "NS", "CNAME"):
        lacks(it, "old", kind, "NOERROR")
    reply = it.expect(query(f"old.{ZONE}", "ANY"), flags="AA", authority=())
    check(reply.answer and {found.owner for found in reply.answer} == {name(f"old.{ZONE}")}, f"{reply}")


def test_rfc6672_2_2_and_3_1_names_below_are_rewritten(it):
    """DNAME, the CNAME that follows from it with the same TTL, and what it leads to."""
    for of in ("a", "x.y"):
        link = f"{of}.old.{ZONE}. 300 CNAME {of}.fresh.{ZONE}."
        gives(it, f"{of}.old", "A", OLD, link, f"{of}.fresh.{ZONE}. 60 A 192.0.2.{5 if of == 'a' else 6}")
        gives(it, f"{of}.old", "CNAME", OLD, link)
        lacks(it, f"{of}.old", "TXT", "NOERROR", OLD, link)
        lacks(it, f"{of}.old", "DNAME", "NOERROR", OLD, link)
    lacks(it, "y.old", "A", "NOERROR", OLD, f"y.old.{ZONE}. 300 CNAME y.fresh.{ZONE}.")
    lacks(it, "no.old", "A", "NXDOMAIN", OLD, f"no.old.{ZONE}. 300 CNAME no.fresh.{ZONE}.")
    gives(it, "c.old", "A", OLD, f"c.old.{ZONE}. 300 CNAME c.fresh.{ZONE}.",
          f"c.fresh.{ZONE}. 60 CNAME host1.{ZONE}.", HOST1)
    gives(it, "q.w.old", "A", OLD, f"q.w.old.{ZONE}. 300 CNAME q.w.fresh.{ZONE}.", f"q.w.fresh.{ZONE}. 60 A 192.0.2.7")
    for way, reply in it.both(query(f"a.old.{ZONE}")):
        same([found.kind for found in reply.answer], [39, 5, 1], f"{way.name}: order")


def test_rfc6672_2_2_case_is_kept(it):
    for way, reply in it.both(query(f"aBc.X.OLD.{ZONE}")):
        same(reply.answer[0].owner.lower(), name(f"old.{ZONE}"), f"{way.name}: owner of DNAME")
        same((reply.answer[1].owner, reply.answer[1].data), (name(f"aBc.X.OLD.{ZONE}"), name(f"aBc.X.fresh.{ZONE}")),
             f"{way.name}: CNAME")


def test_rfc6672_3_2_targets_elsewhere(it):
    away = f"away.{ZONE}. 300 DNAME example.com."
    for kind in ("A", "TXT", "CNAME"):
        gives(it, "x.y.away", kind, away, f"x.y.away.{ZONE}. 300 CNAME x.y.example.com.")
    cut = f"to-cut.{ZONE}. 300 DNAME cut.{ZONE}."
    it.expect(query(f"x.to-cut.{ZONE}"), flags="AA", answer=[cut, f"x.to-cut.{ZONE}. 300 CNAME x.cut.{ZONE}."],
              authority=CUT, additional=GLUE)


def test_rfc6672_2_4_chains(it):
    twice = f"twice.{ZONE}. 300 DNAME old.{ZONE}."
    gives(it, "a.twice", "A", twice, f"a.twice.{ZONE}. 300 CNAME a.old.{ZONE}.", OLD,
          f"a.old.{ZONE}. 300 CNAME a.fresh.{ZONE}.", f"a.fresh.{ZONE}. 60 A 192.0.2.5")
    gives(it, "to-old", "A", f"to-old.{ZONE}. 60 CNAME a.old.{ZONE}.", OLD,
          f"a.old.{ZONE}. 300 CNAME a.fresh.{ZONE}.", f"a.fresh.{ZONE}. 60 A 192.0.2.5")


def test_rfc6672_2_2_names_that_become_too_long(it):
    """YXDOMAIN with the DNAME, and no CNAME."""
    dname = f"long.{ZONE}. 300 DNAME {LONG}.{ZONE}."
    room = 255 - len(name(f"{LONG}.{ZONE}"))
    for length in range(1, 64):
        of, fits = "q" * length, length + 1 <= room
        reply = it.expect(query(f"{of}.long.{ZONE}", edns=opt()), "NOERROR" if fits else "YXDOMAIN",
                          flags="AA")
        same(str(reply.answer[0]), dname, "DNAME")
        same([found.kind for found in reply.answer], [39, 5] if fits else [39], f"{reply}")


if __name__ == "__main__":
    with Coordinator(config(RECORDS)) as coordinator:
        run(globals(), coordinator)
