#!/usr/bin/python3
"""What a running coordinator says of names that exist, half exist, are aliases or do not exist: RFC 1034, 2308,
6604, 8020, 8482, over UDP and TCP."""

import os
import subprocess
import sys

sys.dont_write_bytecode = True
from rfc import RECORDS, SOA, ZONE, Coordinator, check, compare, config, run, same
from packets import name, opt, query

TYPES = ("A", "AAAA", "NS", "SOA", "CNAME", "MX", "TXT", "PTR", "SRV", "DS", "DNSKEY", "HTTPS", "CAA", "TYPE65000")
NEXT = f"{ZONE}."
MAIL4 = [f"mail.{ZONE}. 300 A 192.0.2.98", f"mail.{ZONE}. 300 A 192.0.2.99"]


def negative(it, of, kind, rcode, links=()):
    """The answer has these links of a chain and nothing else; the SOA of the zone is in its authority."""
    it.expect(query(of, kind), rcode, flags="AA", answer=links, authority=[SOA], additional=())


def test_rfc2308_2_1_no_name(it):
    for of in (f"no.{ZONE}", f"x.no.{ZONE}", f"x.mail.{ZONE}", f"x.a.b.c.{ZONE}", f"x.b.c.{ZONE}", f"x.www.{ZONE}",
               f"_y._tcp.{ZONE}", f"x._x._tcp.{ZONE}", f"mai.{ZONE}", f"mail2.{ZONE}", f"*.{ZONE}", f"0.{ZONE}"):
        for kind in (*TYPES, "ANY"):
            negative(it, of, kind, "NXDOMAIN")


def test_rfc2308_2_2_no_data(it):
    """Also of names that exist only because names below them do (RFC 8020 2, RFC 4592 2.2.2)."""
    have = {ZONE: {"A", "AAAA", "NS", "SOA", "MX"}, f"mail.{ZONE}": {"A", "AAAA"}, f"b.c.{ZONE}": set(),
            f"c.{ZONE}": set(), f"_tcp.{ZONE}": set(), f"a.b.c.{ZONE}": {"TXT"}, f"_x._tcp.{ZONE}": {"SRV"},
            f"raw.{ZONE}": set(), f"ptr.{ZONE}": {"PTR"}, f"last.{ZONE}": {"TXT"}}
    for of, types in have.items():
        for kind in set(TYPES) - types:
            negative(it, of, kind, "NOERROR")
        for kind in types:
            reply = it.expect(query(of, kind), flags="AA", authority=())
            check(reply.answer, f"{kind} of {of}")


def test_rfc8020_2_below_a_name_that_does_not_exist(it):
    """NXDOMAIN of a name means that nothing is below it, and NODATA that something may be."""
    for of in (f"no.{ZONE}", f"b.c.{ZONE}", f"c.{ZONE}", f"mail.{ZONE}", f"x.b.c.{ZONE}", f"_tcp.{ZONE}"):
        above = it.udp.ask(query(of, "TXT")).rcode
        below = {it.udp.ask(query(f"{label}.{of}", "TXT")).rcode for label in ("a", "b", "_x", "z", "z.z", "a.b")}
        check(above == "NOERROR" or below == {"NXDOMAIN"}, f"{of} is {above}, names below it {below}")


def test_rfc2308_3_the_soa_of_a_negative_answer(it):
    """Its TTL is the smaller one of that of the SOA and MINIMUM, its owner the apex in the case of the query."""
    for of, kind in ((f"no.{ZONE}", "A"), (ZONE, "TXT"), (f"gone.{ZONE}", "A"), (f"empty.{ZONE}", "A")):
        for way, reply in it.both(query(of, kind)):
            found = reply.authority[0]
            same((len(reply.authority), found.kind, found.ttl, found.owner), (1, 6, 15, name(ZONE)), way.name)
    asked = it.udp.ask(query(ZONE, "SOA")).answer[0]
    same(asked.ttl, 60, "TTL of the SOA itself")
    same(asked.data, it.udp.ask(query(f"no.{ZONE}")).authority[0].data, "the same SOA")


def test_rfc2308_2_1_aliases_of_names_that_do_not_exist(it):
    for kind in set(TYPES) - {"CNAME"}:
        negative(it, f"gone.{ZONE}", kind, "NXDOMAIN", [f"gone.{ZONE}. 60 CNAME nothing.{ZONE}."])
    it.expect(query(f"gone.{ZONE}", "CNAME"), flags="AA", answer=[f"gone.{ZONE}. 60 CNAME nothing.{ZONE}."],
              authority=())


def test_rfc2308_2_2_aliases_of_names_without_the_type(it):
    for kind in set(TYPES) - {"CNAME"}:
        negative(it, f"empty.{ZONE}", kind, "NOERROR", [f"empty.{ZONE}. 60 CNAME b.c.{ZONE}."])
    for kind in ("TXT", "HTTPS", "DS"):
        negative(it, f"www2.{ZONE}", kind, "NOERROR", [f"www2.{ZONE}. 60 CNAME www.{ZONE}.",
                                                       f"www.{ZONE}. 60 CNAME {NEXT}"])


def test_rfc1034_3_6_2_and_4_3_2_aliases_are_followed_in_the_zone(it):
    www, www2 = f"www.{ZONE}. 60 CNAME {NEXT}", f"www2.{ZONE}. 60 CNAME www.{ZONE}."
    address = f"{ZONE}. 60 A {it.host}"
    it.expect(query(ZONE), flags="AA", answer=[address], authority=())
    it.expect(query(f"www.{ZONE}"), flags="AA", answer=[www, address], authority=())
    it.expect(query(f"www2.{ZONE}"), flags="AA", answer=[www2, www, address], authority=())
    it.expect(query(f"www2.{ZONE}", "AAAA"), answer=[www2, www, f"{ZONE}. 60 AAAA 2001:db8::2"], authority=())
    it.expect(query(f"www2.{ZONE}", "MX"), answer=[www2, www, f"{ZONE}. 300 MX 10 mail.{ZONE}."], authority=())
    for kind in ("CNAME", "ANY"):
        it.expect(query(f"www2.{ZONE}", kind), flags="AA", answer=[www2], authority=())
    for way, reply in it.both(query(f"www2.{ZONE}")):
        same([found.kind for found in reply.answer], [5, 5, 1], f"{way.name}: order of the chain")


def test_rfc6604_2_1_and_3_aliases_out_of_the_zone(it):
    """The rcode is that of the last name that the server can judge; AA is for the first owner."""
    for kind in set(TYPES) - {"CNAME"}:
        it.expect(query(f"out.{ZONE}", kind), flags="AA", answer=[f"out.{ZONE}. 60 CNAME example.com."],
                  authority=(), additional=())


def test_rfc1034_4_3_2_the_longest_zone_counts(it):
    it.expect(query(f"mail.{ZONE}"), flags="AA", answer=MAIL4, authority=())
    for of in ("mail.example.org", f"mail.x{ZONE}", "mail", f"{ZONE}.com"):
        it.expect(query(of), "REFUSED", flags="", answer=(), authority=())


def test_rfc1034_4_2_1_ns_and_soa_at_the_apex_only(it):
    it.expect(query(ZONE, "NS"), flags="AA", answer=[f"{ZONE}. 3600 NS dc2.example.org.",
                                                     f"{ZONE}. 3600 NS dc3.example.org."], authority=())
    for of in (f"mail.{ZONE}", f"b.c.{ZONE}"):
        for kind in ("NS", "SOA"):
            negative(it, of, kind, "NOERROR")


def test_rfc8482_4_1_any_is_one_rrset(it):
    for of, kind in ((ZONE, "A"), (f"mail.{ZONE}", "A"), (f"a.b.c.{ZONE}", "TXT"), (f"www2.{ZONE}", "CNAME"),
                     (f"out.{ZONE}", "CNAME"), (f"raw.{ZONE}", None)):
        for way, reply in it.both(query(of, "ANY")):
            compare(reply, f"{way.name}: ANY of {of}", flags="AA", authority=(), additional=())
            same(len({found.kind for found in reply.answer}), 1, f"{way.name}: types of {of}")
            one = it.tcp.ask(query(of, kind or reply.answer[0].kind))
            if one.answer[0].kind == reply.answer[0].kind:
                count = sum(found.owner == one.answer[0].owner for found in one.answer)
                same(len(reply.answer), count, f"{way.name}: records of {of}")
    for of in (f"b.c.{ZONE}", f"_tcp.{ZONE}"):
        negative(it, of, "ANY", "NOERROR")
    it.expect(query(f"no.{ZONE}", "ANY"), "NXDOMAIN", authority=[SOA])
    it.expect(query("example.com", "ANY"), "REFUSED", answer=())


def test_rfc8482_4_1_any_is_no_longer_than_others(it):
    reply = it.udp.ask(query(f"big.{ZONE}", "ANY", edns=opt()))
    compare(reply, "ANY", flags="AA TC", answer=())
    check(len(reply.packet) <= 1232, f"{len(reply.packet)} bytes")


def test_rfc1035_4_3_2_the_order_of_rrsets_does_not_matter(it):
    """The same question has the same records each time, in any order."""
    for of, kind in ((f"mail.{ZONE}", "A"), (ZONE, "NS"), (f"big.{ZONE}", "TXT")):
        first = sorted(map(str, it.tcp.ask(query(of, kind)).answer))
        for _ in range(10):
            same(sorted(map(str, it.tcp.ask(query(of, kind)).answer)), first, f"{kind} of {of}")


def test_rfc1035_3_1_a_reload_refuses_names_of_256_octets(it):
    """Relative names that only the zone makes too long: the old configuration stays, and answers do."""
    path = f"{it.folder}/locum.yaml"
    good = open(path, encoding="utf-8").read()
    long = ".".join(["l" * 59] * 3 + ["l" * (255 - len(name(ZONE)) - 180)])
    for record in (f"{long} A 192.0.2.1", f"x NS {long}", f"x CNAME {long}", f"x DNAME {long}", f"x MX 10 {long}"):
        with open(path, "w", encoding="utf-8") as file:
            file.write(good.replace("    records:\n", f"    records:\n      - '{record}'\n"))
        for word in ("check", "reload"):
            done = subprocess.run([os.environ["LOCUM"], word, "-c", path], capture_output=True, text=True, timeout=30,
                                  check=False)
            check(done.returncode in (1, 2) and "longer than 255 octets" in done.stdout + done.stderr,
                  f"{word}, {record}: {done}")
        it.expect(query(f"mail.{ZONE}"), answer=MAIL4)
    with open(path, "w", encoding="utf-8") as file:
        file.write(good)


if __name__ == "__main__":
    with Coordinator(config(RECORDS)) as coordinator:
        run(globals(), coordinator)
