#!/usr/bin/env python3
"""
Random static zones, which are signed, and random questions to a coordinator, to NSD and to Knot with the text of the
same zones, without DO and with it: all three must give the same rcode, flags and records.

    tests/program/test_differential.py [SEED [ZONES [QUESTIONS]]]     without them: the seeds of `make test`

What may differ is in ACCEPTED, by name, with its reason.
"""
# deadline: 120 s

import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "../self"), os.path.join(HERE, "../site")]
import alone
import cases
from packets import Reply, Tcp, Udp, opt, query, text

PORTS = {"locum": 15353, "nsd": 15354, "knot": 15355}
SEEDS = ((1, 10, 110), (2, 10, 110))
TYPES = ("A", "AAAA", "NS", "DS", "MX", "TXT", "CNAME", "DNAME", "SOA", "SRV", "TYPE65280", "HTTPS")
LABELS = ("a", "b", "c", "w", "B", "_x", "sub")
LONG = "l" * 60
LONG_TARGET = f"{LONG}.{LONG}.{LONG}"
HEAD = """\
cluster: get
node: dc2
secret-file: secret
state-dir: {folder}
listen:
  dns: ["{host}:15353"]
  control: {folder}/control.sock
nodes:
  dc2: {{address: ["{host}"], port: 19853}}
service:
  checks:
    - tcp: {{address: "{host}:15353"}}
zones:
"""


def records_of(rng):
    """Candidates; the checks of the program remove what does not go together."""
    def name():
        return ".".join(rng.choice(LABELS) for _ in range(rng.choice((1, 1, 1, 2, 2, 3))))

    def wild():
        return rng.choice(("*.", "", "", "")) + name() if rng.random() < 0.9 else "*"

    def target():
        return rng.choice((name(), name(), name(), "x." + name(), "@", "out.example.com.", LONG_TARGET))

    made = []
    for _ in range(rng.randint(5, 14)):
        made += [lambda: f"{wild()} A 192.0.2.{rng.randint(1, 99)}", lambda: f"{wild()} AAAA 2001:db8::{rng.randint(1, 99)}",
                 lambda: f"{wild()} TXT t{rng.randint(1, 9)}", lambda: f"{wild()} MX {rng.randint(1, 9)} {target()}",
                 lambda: f"{wild()} SRV 1 2 3 {target()}", lambda: f"{wild()} TYPE65280 \\# 2 00{rng.randint(10, 99)}",
                 lambda: f"{wild()} HTTPS 1 . alpn=h2"][rng.randrange(7)](),
    for _ in range(rng.randint(1, 5)):
        made.append(f"{wild()} CNAME {target()}")
    for _ in range(rng.randint(0, 3)):
        made.append(f"{name()} DNAME {rng.choice((target(), target(), LONG_TARGET))}")
    for _ in range(rng.randint(0, 3)):
        cut = name()
        hosts = rng.sample((f"ns.{cut}", f"x.y.{cut}", cut, "ns", "ns.example.com."), rng.randint(1, 3))
        for host in hosts:
            made.append(f"{cut} NS {host}")
            if not host.endswith("."):
                made.append(f"{host} A 192.0.2.{rng.randint(100, 199)}")
        if rng.random() < 0.5:
            made.append(f"{cut} DS 7 13 2 {str(rng.randint(10, 99)) * 32}")
    rng.shuffle(made)
    return made


def zone_text(number, records, shared):
    lines = "".join(f"      - '{record}'\n" for record in records)
    return (f"  - name: z{number}.test\n    ns: [ns.example.org, ns.example.net]\n    owned: {{{{}}}}\n    failover-ttl: 60s\n"
            f"    dnssec: {{{{keys: {{folder}}/keys/z{number}.test}}}}\n    shared: [{', '.join(shared)}]\n    records:\n{lines}")


class Servers(alone.Alone):
    """A coordinator with these zones, and NSD and Knot with the same."""

    def __init__(self, rng, count):
        self.zones = [(records_of(rng), ['"@"'] + (['"*.p"'] if rng.random() < 0.5 else [])) for _ in range(count)]
        self.others = []
        super().__init__(HEAD)

    def launch(self, *words):
        for number in range(len(self.zones)):
            done = self.call("keygen", f"z{number}.test", "--folder", f"{self.folder}/keys/z{number}.test")
            assert done.returncode == 0, done
        for _ in range(8):
            body = "".join(zone_text(i, *zone) for i, zone in enumerate(self.zones))
            self._write("locum.yaml", (HEAD + body).format(folder=self.folder, host=self.host))
            done = self.call("check")
            wrong = {int(line) for line in re.findall(r"locum\.yaml:(\d+):\d+: error", done.stdout + done.stderr)}
            if not wrong:
                assert done.returncode == 0, done
                break
            self._remove(wrong)
        else:
            raise AssertionError(done.stderr)
        super().launch(*words)

    def _remove(self, wrong):
        """Remove the records on these lines of the file."""
        line = HEAD.count("\n") + 1
        for i, (records, shared) in enumerate(self.zones):
            line += 7
            kept = [record for at, record in enumerate(records) if line + at not in wrong]
            line += len(records)
            self.zones[i] = (kept or ["only TXT one"], shared)

    def __enter__(self):
        super().__enter__()
        try:
            self._start_others()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _start_others(self):
        names = [f"z{i}.test" for i in range(len(self.zones))]
        self.until("an answer of the API", self.is_up)
        for name in names:
            self._write(f"{name}.zone", self.until("a zone", lambda: self.zone(name)))    # pylint: disable=W0640
            done = subprocess.run(["ldns-verify-zone", f"{self.folder}/{name}.zone"], capture_output=True, text=True,
                                  check=False, timeout=20)
            assert done.returncode == 0, done
        self._write("nsd.conf", alone.NSD_SERVER.format(
            host=self.host, port=PORTS["nsd"], folder=self.folder) + """\
  rrl-ratelimit: 0
  minimal-responses: yes
remote-control:
  control-enable: no
""" + "".join(f"zone:\n  name: {name}\n  zonefile: {name}.zone\n" for name in names))
        self._write("knot.conf", f"""\
server:
    listen: {self.host}@{PORTS["knot"]}
    rundir: {self.folder}/knot
    udp-workers: 1
    tcp-workers: 1
    background-workers: 1
log:
  - target: stderr
    any: warning
database:
    storage: {self.folder}/knot
template:
  - id: default
    storage: {self.folder}
    semantic-checks: off
    journal-content: none
    zonefile-sync: -1
zone:
""" + "".join(f"  - domain: {name}\n    file: {name}.zone\n" for name in names))
        os.mkdir(f"{self.folder}/knot")
        for words in ([alone.NSD, "-d", "-c", f"{self.folder}/nsd.conf"],
                      [shutil.which("knotd", path="/usr/sbin:/usr/bin"), "-c", f"{self.folder}/knot.conf"]):
            self.others.append(subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log,
                                                start_new_session=True))
        self.sockets = {server: Udp(self.host, port) for server, port in PORTS.items()}
        for server in PORTS:
            self.until(server, lambda: self.is_ready(server, names[-1]))    # pylint: disable=W0640

    def is_up(self):
        """The service was checked, so that the plan does not change during the test."""
        try:
            return json.loads(self.get("/status"))["nodes"][0]["service"] == "up"
        except AssertionError:      # it closes connections until it serves
            return False

    def zone(self, name):
        """The text of a zone; None: the API closed the connection."""
        try:
            return json.loads(self.get(f"/zone?name={name}."))["zone"]
        except AssertionError:
            return None

    def is_ready(self, server, name):
        try:
            return Reply(self.ask(server, query(name, "SOA"))).rcode == "NOERROR"
        except ConnectionRefusedError:
            return False

    def ask(self, server, packet):
        self.sockets[server].send(packet)
        return self.sockets[server].receive()

    def ask_by_tcp(self, server, packet):
        link = Tcp(self.host, PORTS[server])
        try:
            link.send(packet)
            return link.receive()
        finally:
            link.close()

    def __exit__(self, *_):
        for other in self.others:
            os.killpg(other.pid, signal.SIGKILL)
            other.wait()
        for link in getattr(self, "sockets", {}).values():
            link.close()
        super().__exit__()


def questions(rng, number, records, count):
    apex = f"z{number}.test"
    names = [record.split()[0] for record in records] + [
        record.split()[-1] for record in records if record.split()[-2] in ("CNAME", "DNAME", "NS")]
    for _ in range(count):
        of = rng.choice(names)
        of = apex if of == "@" else of.rstrip(".") if of.endswith(".") else f"{of}.{apex}"
        if of.startswith("*") and rng.random() < 0.7:
            of = rng.choice(LABELS) + of[1:]
        if (kind := rng.random()) < 0.35:
            of = rng.choice((*LABELS, "x", "*", "x.y", "*.x", LONG, f"{LONG}.{LONG}")) + "." + of
        elif kind < 0.45 and of.count(".") > 2:
            of = of.split(".", 1)[1]
        elif kind < 0.5:
            of = ".".join((rng.choice(LABELS), "p", apex))
        elif kind < 0.55 and len(of) < 100:
            of = f"{LONG}.{LONG}.{of}"
        if len(of) <= 250:
            yield of, rng.choice(TYPES)


def shape(records):
    """Records as a set, without regard to order and case."""
    return {(text(record.owner).lower(), record.kind, record.ttl, record.data.lower()) for record in records}


def signed_parts(reply):
    """What is compared with DO: all of the answer and authority sections."""
    return {"rcode": reply.rcode, "flags": reply.flags, "answer": shape(reply.answer), "authority": shape(reply.authority)}


def parts(reply):
    """What is compared without DO."""
    soa = [record for record in reply.authority if record.kind == 6]
    ns = [record for record in reply.authority if record.kind == 2]
    referral = bool(ns) and (not reply.answer or "AA" not in reply.flags)
    cut = text(ns[0].owner).lower() if ns else None
    return {"rcode": reply.rcode, "flags": reply.flags, "answer": shape(reply.answer), "soa": shape(soa),
            "referral": shape(ns) if referral else set(),
            "glue": {record for record in shape(reply.additional) if referral and ("." + record[0]).endswith("." + cut)}}


def is_yxdomain(other, _, ours, theirs):
    """
    The same DNAME, from which no name can be made. RFC 6672 2.2 says YXDOMAIN, as Locum and NSD answer. Knot 3.2
    goes on with the target of the DNAME, as if it were the name that was asked for.
    """
    return other == "knot" and ours.rcode == "YXDOMAIN" and shape(ours.answer) <= shape(theirs.answer)


def is_asterisk(other, of, ours, theirs):
    """
    A name that begins with an asterisk and that a wildcard further up stands for. Knot 3.2 leaves out the NSEC
    record that denies the name itself, and its signature.
    """
    names = {of, *(text(record.owner) for record in ours.answer)}
    missing = shape(ours.authority) - shape(theirs.authority)
    return other == "knot" and any(name.startswith("*.") for name in names) and \
        shape(ours.answer) == shape(theirs.answer) and shape(theirs.authority) < shape(ours.authority) and \
        {kind for _, kind, _, _ in missing} == {46, 47}


def is_behind_dname(other, _, ours, theirs):
    """
    The end of a chain behind a DNAME. NSD 4.6 leaves out the NSEC record that denies the last name, or gives that
    of the apex. Knot gives those that Locum gives.
    """
    return other == "nsd" and any(record.kind == 39 for record in ours.answer) and \
        shape(ours.answer) == shape(theirs.answer) and \
        {kind for _, kind, _, _ in shape(ours.authority) ^ shape(theirs.authority)} == {46, 47}


# Not compared at all: other authority and additional records, which are optional, and glue that is not below the
# cut (parts()); the order of records; ANY, of which RFC 8482 leaves the answer to the server.
ACCEPTED = {"YXDOMAIN of Knot": is_yxdomain, "asterisk of Knot": is_asterisk,
            "DNAME of NSD": is_behind_dname}


def differ(servers, of, kind, flags, parts_of):
    """Ask all; ({server: reply}, [what differs])."""
    packet = query(of, kind, edns=opt(flags=flags))
    replies = {server: Reply(servers.ask(server, packet)) for server in PORTS}
    if any("TC" in reply.flags for reply in replies.values()):      # what is left then is no answer
        replies = {server: Reply(servers.ask_by_tcp(server, packet)) for server in PORTS}
    ours = parts_of(replies["locum"])
    found = []
    for other in ("nsd", "knot"):
        theirs = parts_of(replies[other])
        wrong = [key for key in ours if ours[key] != theirs[key]]
        if wrong and not any(fits(other, of, replies["locum"], replies[other]) for fits in ACCEPTED.values()):
            found.append(f"{of} {kind}{' DO' if flags else ''}: {', '.join(wrong)}\n  locum {replies['locum']}\n"
                         f"  {other} {replies[other]}\n")
    return replies, found


def compare(seed, count, asked):
    rng = random.Random(seed)
    print(f"# seed {seed}", flush=True)
    with Servers(rng, count) as servers:
        kinds = dict.fromkeys(("NOERROR", "NXDOMAIN", "YXDOMAIN", "REFUSED", "referral", "no data", "chain", "DNAME"), 0)
        total = 0
        found = []
        for number, (records, _) in enumerate(servers.zones):
            for of, kind in questions(rng, number, records, asked):
                total += 1
                found += differ(servers, of, kind, 0x8000, signed_parts)[1]
                replies, more = differ(servers, of, kind, 0, parts)
                found += more
                ours = parts(replies["locum"])
                aliases = {record.kind for record in replies["locum"].answer} & {5, 39}
                kinds[ours["rcode"]] += 1
                kinds["referral"] += bool(ours["referral"])
                kinds["no data"] += ours["rcode"] == "NOERROR" and bool(ours["soa"])
                kinds["chain"] += bool(aliases)
                kinds["DNAME"] += 39 in aliases
        print(f"# {total} questions to {count} zones: {kinds}", flush=True)
        for text_ in found[:int(os.environ.get("SHOWN", "10"))]:
            print(text_, flush=True)
        assert not found, f"{len(found)} differences; the first: {found[0]}"
        return kinds


def test_the_same_answers_as_nsd_and_knot():
    runs = [compare(*each) for each in SEEDS]
    for kind in runs[0]:
        assert any(run[kind] for run in runs), f"no question had this answer: {kind}"


if __name__ == "__main__":
    if len(sys.argv) > 1:
        SEEDS = (tuple(int(word) for word in sys.argv[1:]) + (20, 300)[len(sys.argv) - 2:],)
    cases.run(globals())
