"""rfc: one coordinator for the tests test_rfc_*.py, and what they ask of its answers.

A test is named by RFC and section and asks over UDP and TCP. Every comparison is counted; the last line
of a program says how many there were.
"""

import os
import re
import sys

for folder in ("../self", "../site"):
    sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), folder))
import alone
import cases
from packets import Reply, Tcp, Udp, query

ZONE = "get.example.org"
PORT = 15353
NEGATIVE_TTL = 15   # of the SOA in negative answers, min(ttl, soa.minimum)
SOA = f"{ZONE}. {NEGATIVE_TTL} SOA dc2.example.org. hostmaster.{ZONE}. SERIAL 3600 600 604800 {NEGATIVE_TTL}"
SERIAL = re.compile(r"( SOA \S+ \S+) \d+")
RECORDS = [
    "www CNAME get.example.org.", "www2 CNAME www", "out CNAME example.com.", "gone CNAME nothing",
    "empty CNAME b.c", "mail 300 A 192.0.2.99", "mail 300 A 192.0.2.98", "mail 300 AAAA 2001:db8::99",
    "@ 300 MX 10 mail", 'a.b.c TXT "deep"', r"raw TYPE65280 \# 3 c00cff", r"raw TYPE65281 \# 0",
    "_x._tcp SRV 1 2 53 Mail", "PtR PTR Mail", '9 TXT "digit"', 'under_score TXT "_"',
    'a[b TXT "bracket"', r'dot\.in TXT "dot"', r'\000\200\255 TXT "octets"',
    *(f'mid TXT "{i:02}{"m" * 90}"' for i in range(8)),     # 512 < answer <= 1232
    *(f'big TXT "{i:02}{"b" * 250}"' for i in range(8)),    # 1232 < answer
    'last TXT "last"']


def config(records=(), more="", zones=""):
    """
    A cluster of one node, whose address all dynamic names have. more: lines of the zone, zones: further
    zones, each with its indent.
    """
    return f"""\
cluster: get
node: dc2
secret-file: secret
state-dir: {{folder}}
listen:
  dns: ["{{host}}:{PORT}"]
  control: {{folder}}/control.sock
nodes:
  dc2: {{{{address: [{{host}}, "2001:db8::2"], port: 19853}}}}
zones:
  - name: {ZONE}
    ns: [dc2.example.org, dc3.example.org]
    ttl: 60s
    failover-ttl: 60s
    soa: {{{{minimum: {NEGATIVE_TTL}s}}}}
{more}    records:
{"".join(f"      - '{record}'" + chr(10) for record in records)}{zones}service:
  checks:
    - tcp: {{{{address: "{{host}}:{PORT}"}}}}
"""


class Checks:
    """Counts."""

    made = 0


def check(true, what):
    """Assert that it is true, and count it."""
    Checks.made += 1
    assert true, what


def same(found, expected, what):
    check(found == expected, f"{what}: {found!r} instead of {expected!r}")


class Way:
    """UDP or TCP to the coordinator, one socket that is opened again if it was closed."""

    def __init__(self, kind, host):
        self.kind, self.host, self.link = kind, host, None
        self.name = kind.__name__

    def send(self, packet):
        if self.link is None:
            self.link = self.kind(self.host, PORT)
        self.link.send(packet)

    def receive(self, sent):
        """The next reply, which must belong to this query."""
        reply = Reply(self.link.receive())
        same(reply.number, sent[0] << 8 | sent[1], f"{self.name}: id")
        check("QR" in reply.flags, f"{self.name}: QR of {reply}")
        return reply

    def ask(self, packet):
        self.send(packet)
        return self.receive(packet)

    def is_silent(self, packet):
        """Whether the query behind this packet is the next to get a reply."""
        after = query(ZONE, number=0x7777)
        self.send(packet)
        self.send(after)
        return Reply(self.link.receive()).number == 0x7777

    def close(self):
        if self.link:
            self.link.close()
        self.link = None


class Coordinator(alone.Alone):
    """with Coordinator(records=RECORDS) as it: for way in it.ways: way.ask(packet)"""

    def __enter__(self):
        super().__enter__()
        self.ways = [Way(Udp, self.host), Way(Tcp, self.host)]
        self.udp, self.tcp = self.ways
        self.until("an answer", lambda: self.tcp.ask(query(ZONE)).answer)
        return self

    def __exit__(self, *words):
        for way in self.ways:
            way.close()
        super().__exit__(*words)

    def both(self, packet):
        """(way, reply) over UDP and TCP."""
        for way in self.ways:
            yield way, way.ask(packet)

    def expect(self, packet, rcode="NOERROR", **expected):
        """The same over UDP and TCP; returns the last reply. See compare()."""
        for way, reply in self.both(packet):
            compare(reply, f"{way.name}, {packet.hex()}", rcode, **expected)
        return reply


def compare(reply, what, rcode="NOERROR", flags=None, answer=None, authority=None, additional=None,
            edns=None):
    """Sections: the records as text, in any order; flags: all but QR; edns: whether there is OPT."""
    what = f"{what}: {reply}"
    same(reply.rcode, rcode, what)
    if flags is not None:
        same(reply.flags - {"QR"}, set(flags.split()), f"flags of {what}")
    for part, expected in (("answer", answer), ("authority", authority), ("additional", additional)):
        if expected is not None:
            found = [SERIAL.sub(r"\1 SERIAL", str(record)) for record in getattr(reply, part)]
            same(sorted(found), sorted(expected), f"{part} of {what}")
    if edns is not None:
        same(reply.edns, edns, f"OPT of {what}")


def run(module, it):
    """Run the functions test_... of the module with the coordinator, and end the program."""
    def on_it(test):
        def case():
            try:
                test(it)
            finally:
                for way in it.ways:
                    way.close()
        return case

    try:
        cases.run({name: on_it(test) for name, test in module.items() if name.startswith("test_")})
    finally:
        print(f"{Checks.made} comparisons")
