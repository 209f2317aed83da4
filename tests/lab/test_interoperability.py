#!/usr/bin/env python3
"""DNS programs of others and the coordinators: four resolvers behind the parent's delegation; dig, kdig, drill,
delv; programs that read and sign a zone. tests/lab/judges has two more, which are slow."""
# beside others

import json
import re
import subprocess
import sys
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "site"))

import lab                                              # noqa: E402
from lab import check                                   # noqa: E402
from packets import RD, Reply, Tcp, Udp, opt, query     # noqa: E402

ZONE = "get.example.org"
NEGATIVE_TTL, LATE_S = 15, 10
RECORDS = [
    "www CNAME get.example.org.", "www2 CNAME www", "out CNAME away.example.org.", "gone CNAME nothing",
    "empty CNAME b.c", "mail 300 A 192.0.2.99", "mail 300 A 192.0.2.98", "mail 300 AAAA 2001:db8::99",
    "@ 300 MX 10 mail", 'a.b.c TXT "deep"', r"raw TYPE65280 \# 3 c00cff", "_x._tcp SRV 1 2 53 mail",
    "_443._tcp.mail TLSA 3 1 1 " + 32 * "ab", "svc HTTPS 1 . alpn=h2",
    "*.wild A 192.0.2.7", "b.wild A 192.0.2.8", "*.alias CNAME mail", "old 300 DNAME fresh", "a.fresh A 192.0.2.5",
    "away 300 DNAME example.org.", "sub NS ns0.example.org.", "into CNAME below.sub",
    *(f'mid TXT "{i:02}{"m" * 90}"' for i in range(8)),     # more than 512 bytes: TC without EDNS
    *(f'big TXT "{i:02}{"b" * 250}"' for i in range(8))]    # more than 1232 bytes: TCP
WWW = [f"www.{ZONE} 60 CNAME {ZONE}"]
# Name, type, rcode, records of the answer as `owner TTL type data`; SELF: a node's address.
SELF = "SELF"
# Answers of the zone's delegation, of which its own servers give referrals.
DELEGATED = [
    (f"below.sub.{ZONE}", "A", "NOERROR", [f"below.sub.{ZONE} 3600 A 192.0.2.10"]),
    (f"into.{ZONE}", "A", "NOERROR", [f"into.{ZONE} 60 CNAME below.sub.{ZONE}", f"below.sub.{ZONE} 3600 A 192.0.2.10"]),
]
CASES = [
    (ZONE, "A", "NOERROR", [f"{ZONE} 60 A {SELF}"]),
    (ZONE, "AAAA", "NOERROR", [f"{ZONE} 60 AAAA {SELF}"]),
    (f"dc2.{ZONE}", "A", "NOERROR", [f"dc2.{ZONE} 60 A 192.0.2.12"]),
    (f"DC3.{ZONE}", "AAAA", "NOERROR", [f"dc3.{ZONE} 60 AAAA 2001:db8:3::13"]),
    (f"mail.{ZONE}", "A", "NOERROR", [f"mail.{ZONE} 300 A 192.0.2.98", f"mail.{ZONE} 300 A 192.0.2.99"]),
    (ZONE, "MX", "NOERROR", [f"{ZONE} 300 MX 10 mail.{ZONE}"]),
    (ZONE, "NS", "NOERROR", [f"{ZONE} 3600 NS dc2.example.org", f"{ZONE} 3600 NS dc3.example.org"]),
    (f"a.b.c.{ZONE}", "TXT", "NOERROR", [f'a.b.c.{ZONE} 60 TXT "deep"']),
    (f"raw.{ZONE}", "TYPE65280", "NOERROR", [f"raw.{ZONE} 60 65280 c00cff"]),
    (f"svc.{ZONE}", "HTTPS", "NOERROR", [f"svc.{ZONE} 60 HTTPS 00010000010003026832"]),
    (f"_443._tcp.mail.{ZONE}", "TLSA", "NOERROR", [f"_443._tcp.mail.{ZONE} 60 TLSA 030101" + 32 * "ab"]),
    (f"www.{ZONE}", "A", "NOERROR", [*WWW, f"{ZONE} 60 A {SELF}"]),
    (f"www2.{ZONE}", "MX", "NOERROR", [f"www2.{ZONE} 60 CNAME www.{ZONE}", *WWW, f"{ZONE} 300 MX 10 mail.{ZONE}"]),
    (f"out.{ZONE}", "A", "NOERROR", [f"out.{ZONE} 60 CNAME away.example.org", "away.example.org 3600 A 192.0.2.10"]),
    (f"gone.{ZONE}", "A", "NXDOMAIN", [f"gone.{ZONE} 60 CNAME nothing.{ZONE}"]),
    (f"empty.{ZONE}", "A", "NOERROR", [f"empty.{ZONE} 60 CNAME b.c.{ZONE}"]),
    (f"www.{ZONE}", "TXT", "NOERROR", WWW),
    (f"no.{ZONE}", "A", "NXDOMAIN", []),
    (f"x.b.c.{ZONE}", "A", "NXDOMAIN", []),
    (f"b.c.{ZONE}", "A", "NOERROR", []),
    (ZONE, "TXT", "NOERROR", []),
    (f"x.wild.{ZONE}", "A", "NOERROR", [f"x.wild.{ZONE} 60 A 192.0.2.7"]),
    (f"y.x.wild.{ZONE}", "A", "NOERROR", [f"y.x.wild.{ZONE} 60 A 192.0.2.7"]),
    (f"b.wild.{ZONE}", "A", "NOERROR", [f"b.wild.{ZONE} 60 A 192.0.2.8"]),
    (f"x.wild.{ZONE}", "TXT", "NOERROR", []),
    (f"x.b.wild.{ZONE}", "A", "NXDOMAIN", []),
    (f"x.alias.{ZONE}", "AAAA", "NOERROR", [f"x.alias.{ZONE} 60 CNAME mail.{ZONE}", f"mail.{ZONE} 300 AAAA 2001:db8::99"]),
    (f"a.old.{ZONE}", "A", "NOERROR", [f"old.{ZONE} 300 DNAME fresh.{ZONE}", f"a.old.{ZONE} 300 CNAME a.fresh.{ZONE}",
                                       f"a.fresh.{ZONE} 60 A 192.0.2.5"]),
    (f"no.old.{ZONE}", "A", "NXDOMAIN", [f"old.{ZONE} 300 DNAME fresh.{ZONE}",
                                         f"no.old.{ZONE} 300 CNAME no.fresh.{ZONE}"]),
    (f"dc2.away.{ZONE}", "A", "NOERROR", [f"away.{ZONE} 300 DNAME example.org", f"dc2.away.{ZONE} 300 CNAME dc2.example.org",
                                          "dc2.example.org 3600 A 192.0.2.12"]),
    *DELEGATED,
    (f"mid.{ZONE}", "TXT", "NOERROR", [f'mid.{ZONE} 60 TXT "{i:02}{"m" * 90}"' for i in range(8)]),
    (f"big.{ZONE}", "TXT", "NOERROR", [f'big.{ZONE} 60 TXT "{i:02}{"b" * 250}"' for i in range(8)]),
]
FINE = re.compile(r"truncated reply from .*, retrying over TCP$")   # by kdig; right
COMPLAINT = re.compile(r"warn|malformed|mismatch|extra|\berror|timed out|unreachable|bad |failed|unexpected", re.I)


def untimed(line):
    """(record without its TTL, its TTL); addresses of the nodes are SELF at the names that all share."""
    owner, ttl, kind, data = line.split(" ", 3)
    owner, data = owner.rstrip(".").lower(), data if kind == "TXT" else data.rstrip(".")
    if owner == ZONE and data in ("192.0.2.12", "192.0.2.13", "2001:db8:2::12", "2001:db8:3::13"):
        data = SELF
    return f"{owner} {kind} {data}", int(ttl)


def judge(reply, what, rcode, answer, least=0):
    """The records are these and nothing else; each TTL is at most LATE_S below its value."""
    what = f"{what}: {reply}"
    check(reply.rcode == rcode, what)
    found, right = (sorted(map(untimed, map(str, lines))) for lines in (reply.answer, answer))
    check([record for record, _ in found] == [record for record, _ in right], f"{what} instead of {right}")
    check(all(least or most - LATE_S <= ttl <= most for (_, ttl), (_, most) in zip(found, right)), f"TTLs of {what}")
    if not any(record.kind != 5 for record in reply.answer):
        soa = [record for record in reply.authority if record.kind == 6]
        check(len(soa) == 1 and str(soa[0]).startswith(f"{ZONE}. "), f"no SOA in {what}")
        check(NEGATIVE_TTL - LATE_S <= soa[0].ttl <= NEGATIVE_TTL, f"negative TTL of {what}")


def ask(kind, where, packet):
    link = kind(*where)
    link.send(packet)
    reply = Reply(link.receive())
    link.close()
    return reply


def queries(site, transport):
    """How many messages the servers have answered over this transport."""
    return sum(node.locum.metrics().get(f'locum_dns_queries_total{{transport="{transport}"}}', 0)
               for node in site.servers)


def resolves(site, title):
    """Each case twice, over UDP (again over TCP if the answer has TC) and over TCP, then from the cache."""
    where = site.resolvers()[title]
    udp, tcp = queries(site, "udp"), queries(site, "tcp")
    for of, kind, rcode, answer in CASES:
        for edns in (None, opt()):
            packet = query(of, kind, flags=RD, edns=edns)
            reply = ask(Udp, where, packet)
            check("TC" not in reply.flags or of.startswith(("mid", "big")), f"{title}: TC in {reply}")
            if "TC" not in reply.flags:
                judge(reply, f"{title}, UDP", rcode, answer)
            judge(ask(Tcp, where, packet), f"{title}, TCP", rcode, answer)
    check(queries(site, "udp") > udp, f"{title} asked nothing over UDP")
    check(queries(site, "tcp") > tcp, f"{title} asked nothing over TCP")


def unbound_resolves_every_kind_of_name(site):
    resolves(site, "Unbound")


def bind_resolves_every_kind_of_name(site):
    resolves(site, "BIND")
    for line in site.client.bind.log.read_text(errors="replace").splitlines():
        check(not re.search(r"lame|FORMERR|format error|unexpected RCODE|invalid response", line), line)


def knot_resolver_resolves_every_kind_of_name(site):
    resolves(site, "Knot Resolver")


def powerdns_recursor_resolves_every_kind_of_name(site):
    resolves(site, "PowerDNS Recursor")


def run(*words, code=0):
    """The output of a program, which must end with this code and without a complaint."""
    done = subprocess.run(words, capture_output=True, text=True, timeout=30, check=False)
    text = done.stdout + done.stderr
    check(done.returncode == code, f"{words} ended with {done.returncode}: {text}")
    complaints = [line for line in text.splitlines() if COMPLAINT.search(line) and not FINE.search(line)]
    check(not complaints, f"{words}: {complaints}")
    return text


def statuses(text, word):
    return re.findall(rf"{word}: (\w+)", text)


def asked(tool, site, word, *words):
    """All cases at once, of each server and family: dig and kdig take several questions."""
    questions = [part for of, kind, _, _ in CASES for part in (of, kind)]
    for node in site.servers:
        for address in (node.address, node.address6):
            text = run(tool, f"@{address}", *words, *questions)
            found = statuses(text, word)
            check(found == [rcode for _, _, rcode, _ in CASES], f"{tool} {words}: {found}")
            check("bbbb" in text and "aa" in text, f"{tool} {words}: {text}")


def dig_has_no_complaint(site):
    for words in (["+notcp"], ["+tcp"], ["+tcp", "+keepopen"], ["+noedns"], ["+dnssec", "+nsid"],
                  ["+ednsopt=100:abcd", "+subnet=192.0.2.0/24", "+expire", "+padding=128", "+keepalive"]):
        asked("dig", site, "status", "+norec", "+tries=1", *words)


def kdig_has_no_complaint(site):
    for words in ([], ["+tcp"], ["+tcp", "+keepopen"], ["+edns", "+nsid", "+cookie", "+padding=64"],
                  ["+dnssec", "+subnet=192.0.2.0/24"]):
        asked("kdig", site, "status", "+norec", "+retry=0", *words)


def drill_has_no_complaint(site):
    for way in ("-u", "-t"):
        for of, kind, rcode, _ in CASES[:-1] if way == "-u" else CASES:     # UDP: all but the long answer
            text = run("drill", way, "-o", "rd", "-b", "1232", f"@{site.dc2.address}", of, kind)
            check(statuses(text, "rcode") == [rcode], f"drill {way} {of} {kind}: {text}")


def delv_has_no_complaint(site):
    """Unsigned, so it validates nothing; it takes answers of an authority and of a resolver."""
    for server in (site.dc2.address, site.client.address):
        for way in ("+notcp", "+tcp"):
            text = run("delv", "-i", way, f"@{server}", f"www2.{ZONE}", "A")
            check(text.count("CNAME") == 2 and f"{ZONE}." in text, text)
        done = subprocess.run(["delv", "-i", f"@{server}", f"no.{ZONE}"], capture_output=True, text=True, check=False)
        check("$NXDOMAIN" in done.stdout and "ncache nxdomain" in done.stdout + done.stderr, done.stdout)


def zone_text(site):
    """A file with the text of GET /zone of dc2."""
    path = site.dir / "zone-of-dc2"
    path.write_text(json.loads(site.dc2.locum.get(f"/zone?name={ZONE}"))["zone"])
    return str(path)


def the_text_of_a_zone_loads(site):
    path = zone_text(site)
    lines = len(Path(path).read_text().splitlines())
    read = run("ldns-read-zone", "-z", path)
    check(len(read.splitlines()) == lines, f"ldns-read-zone: {read}")
    check("is ok" in run("nsd-checkzone", ZONE, path), "nsd-checkzone")
    check("OK" in run("named-checkzone", "-i", "full", "-k", "fail", "-n", "fail", "-m", "fail", ZONE, path),
          "named-checkzone")


def the_text_of_a_zone_can_be_signed_and_verified(site):
    """An unsigned zone is nothing that ldns-verify-zone takes; signed by another program it is."""
    path = zone_text(site)
    key = subprocess.run(["ldns-keygen", "-a", "ECDSAP256SHA256", "-k", ZONE], cwd=site.dir, capture_output=True,
                         text=True, check=True).stdout.strip()
    for words in ([], ["-n"]):      # NSEC, NSEC3
        signed = f"{path}.signed"
        run("ldns-signzone", *words, "-f", signed, path, str(site.dir / key))
        check("Zone is verified and complete" in run("ldns-verify-zone", signed), "ldns-verify-zone")


def a_transfer_is_the_zone(site):
    """AXFR and IXFR; from the server's host, which alone may transfer a zone with a name that is `self`."""
    path = zone_text(site)
    right = run("ldns-read-zone", "-z", path)
    for words in (["dig", "+noall", "+answer", "-t", "AXFR", ZONE], ["dig", "+noall", "+answer", "-t", "IXFR=1", ZONE],
                  ["kdig", "+nocrypto", "-t", "AXFR", ZONE], ["kdig", "-t", "IXFR=1", ZONE], ["drill", ZONE, "AXFR"]):
        done = site.dc2.call(words[0], f"@{site.dc2.address}", *words[1:])
        lines = [line for line in done.stdout.splitlines() if line and line[0] != ";"]
        check(done.returncode == 0 and len(lines) > 2 and lines[0] == lines[-1], f"{words}: {done.stdout}{done.stderr}")
        check(not COMPLAINT.search(done.stderr), f"{words}: {done.stderr}")
        Path(f"{path}.axfr").write_text("\n".join(lines[:-1]) + "\n")
        check(run("ldns-read-zone", "-z", f"{path}.axfr") == right, f"{words}: {lines}")
    reply = ask(Tcp, (site.dc2.address, site.dc2.ports.dns), query(ZONE, "AXFR"))
    check(reply.rcode == "REFUSED" and not reply.answer, f"a client's AXFR: {reply}")


if __name__ == "__main__":
    lab.main([unbound_resolves_every_kind_of_name, bind_resolves_every_kind_of_name,
              knot_resolver_resolves_every_kind_of_name, powerdns_recursor_resolves_every_kind_of_name,
              dig_has_no_complaint, kdig_has_no_complaint, drill_has_no_complaint, delv_has_no_complaint,
              the_text_of_a_zone_loads, the_text_of_a_zone_can_be_signed_and_verified, a_transfer_is_the_zone],
             redis=False, records=RECORDS)
