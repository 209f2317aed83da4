#!/usr/bin/env python3
"""A signed zone: its keys, its text, and each answer beside that of an NSD that serves the same text."""
# deadline: 60 s

import glob
import itertools
import json
import os
import re
import signal
import subprocess
import sys
import time

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "../self"), os.path.join(HERE, "../site")]
import alone
import cases
import packets
import rfc
from packets import Reply, Udp, opt, query

ZONE = "get.example.org"
RECORDS = [
    "www CNAME @", "ext CNAME other.test.", "chain CNAME www", "to-wild CNAME q.w", "nx CNAME nothing",
    "a.b TXT hello", '@ CAA 0 issue "x.test"', "*.w TXT wild", "*.w A 192.0.2.9", "*.cw CNAME www",
    "*.cx CNAME q.cw", "sub NS ns.sub", "ns.sub A 192.0.2.50", "sec NS ns.other.test.",
    "sec DS 12345 13 2 E19CD85801B13ED702E1C2E6B251F979043B8EC640563346D44BC2F3ABC88681",
    "d DNAME get.example.org."]
CONFIG = rfc.config(RECORDS, "    dnssec: {{keys: {folder}/keys}}\n")     # one node: its plan never changes
NAMES = ["", "www", "ext", "chain", "to-wild", "nx", "a.b", "b", "q.w", "w", "*.w", "r.q.w", "q.cw", "q.cx",
         "sub", "x.sub", "ns.sub", "sec", "x.sec", "d", "www.d", "nope.d", "dc2", "dc1", "zzz", "x.dc2",
         "A.B", "x.a.b", "\\x00"]
KINDS = ["A", "AAAA", "TXT", "SOA", "NS", "DNSKEY", "TYPE59", "TYPE60", "DS", "CNAME", "NSEC", "DNAME", "CAA"]
NSD_CONF = alone.NSD_SERVER + """\
  minimal-responses: yes
remote-control:
  control-enable: no
zone:
  name: get.example.org
  zonefile: zone.text
"""


class Site(alone.Alone):
    """The coordinator with one key, and NSD with the text of its zone."""

    def __init__(self, config=CONFIG):
        super().__init__(config)

    def launch(self, *words):
        if "made" not in vars(self):
            done = self.call("keygen", ZONE, "--algorithm", "ecdsap256sha256")
            assert done.returncode == 0, done
            self.made = done.stdout
            self.checked = self.call("check")
        super().launch(*words)

    def zone(self):
        """(text, fail-open text)."""
        reply = json.loads(self.get(f"/zone?name={ZONE}"))
        return reply["zone"], reply["fail_open"]

    def answers(self):
        """Whether the program has read its configuration and answers."""
        try:
            return self.ask("", "SOA", True, 15353).answer
        except OSError:
            return False

    def ask(self, name, kind, dnssec, port):
        link = Udp(self.host, port)
        try:
            of = b"\1\0" + packets.name(ZONE) if name == "\\x00" else f"{name}.{ZONE}" if name else ZONE
            link.send(query(of, kind, edns=opt(flags=0x8000 if dnssec else 0)))
            return Reply(link.receive())
        finally:
            link.close()

    def wait_for_rest(self):
        """Until the plan has been the same for 2 s: after the start the verdict of the check comes."""
        seen = [None, 0]

        def rests():
            text = self.zone()[0]
            if text != seen[0]:
                seen[:] = text, time.monotonic()
            return time.monotonic() - seen[1] > 2
        self.until("rest", rests)

    def serve_with_nsd(self):
        self.wait_for_rest()
        self._write("zone.text", self.zone()[0])
        self._write("nsd.conf", NSD_CONF.format(folder=self.folder, host=self.host, port=15354))
        nsd = subprocess.Popen([alone.NSD, "-d", "-c", f"{self.folder}/nsd.conf"], stdin=subprocess.DEVNULL,
                               stdout=self.log, stderr=self.log, start_new_session=True)

        def ready():
            try:
                return self.ask("", "SOA", False, 15354).answer
            except OSError:
                return False
        self.until("NSD", ready)
        return nsd


def sections(reply):
    """What two servers must agree on."""
    return [reply.rcode, sorted(reply.flags), *(
        sorted((record.owner.lower(), record.kind, record.ttl, record.data) for record in section)
        for section in (reply.answer, reply.authority, reply.additional))]


def test_every_answer_is_that_of_nsd(it):
    nsd = it.serve_with_nsd()
    try:
        count = 0
        for name, kind, dnssec in itertools.product(NAMES, KINDS, (False, True)):
            own, other = (it.ask(name, kind, dnssec, port) for port in (15353, 15354))
            if dnssec and name == "nope.d":
                # Behind a DNAME NSD 4.6 leaves out the NSEC record that covers the target, and its RRSIG.
                own.authority = [record for record in own.authority if not record.owner.startswith(b"\3ext")]
            assert sections(own) == sections(other), f"{name} {kind} {dnssec}:\n{own}\n{other}"
            count += 1
        print(f"{count} comparisons")
    finally:
        os.killpg(nsd.pid, signal.SIGKILL)
        nsd.wait()


def test_any_and_rrsig_have_one_rrset(it):
    reply = it.ask("", "ANY", True, 15353)
    assert [record.kind for record in reply.answer] == [1, 46], reply
    reply = it.ask("a.b", "RRSIG", True, 15353)
    assert [record.kind for record in reply.answer] == [46], reply
    assert it.ask("a.b", "RRSIG", False, 15353).answer, "without DO too"


def test_the_zone_text_is_complete(it):
    for text in it.zone():
        it._write("zone.check", text)
        for command in (["ldns-verify-zone"], ["named-checkzone", "-q", ZONE], ["nsd-checkzone", ZONE]):
            done = subprocess.run([*command, f"{it.folder}/zone.check"], capture_output=True, text=True,
                                  check=False, env={**os.environ, "PATH": os.environ["PATH"] + ":/usr/sbin"})
            assert done.returncode == 0, (command, done)


def test_a_transfer_is_complete(it):
    done = subprocess.run(["dig", f"@{it.host}", "-p", "15353", "+onesoa", "+nocomments", "+nostats", "+nocmd",
                           ZONE, "AXFR"], capture_output=True, text=True, check=False)
    assert "\tRRSIG\t" in done.stdout, done
    it._write("zone.axfr", done.stdout)
    checked = subprocess.run(["ldns-verify-zone", f"{it.folder}/zone.axfr"], capture_output=True, text=True,
                             check=False)
    assert checked.returncode == 0, checked


def test_the_fail_open_text_has_the_next_serial(it):
    """locum-nsd cannot change the serial of a signed zone, and NSD loads no zone with the one it serves."""
    serials = [int(re.search(r"\tSOA\t\S+ \S+ (\d+)", text).group(1)) for text in it.zone()]
    assert serials[1] == serials[0] + 1, serials


def test_a_validator_accepts_every_answer(it):
    key = next(line for line in it.zone()[0].splitlines() if "\tDNSKEY\t257" in line)
    flags = key.split("\tDNSKEY\t")[1].split(" ;")[0].split()
    it._write("anchor", f'trust-anchors {{ {ZONE}. static-key {" ".join(flags[:3])} "{flags[3]}"; }};\n')
    for name, kind, shown in (("", "A", "fully validated"), ("chain", "A", "fully validated"),
                              ("q.w", "TXT", "fully validated"), ("www", "TXT", "fully validated"),
                              ("zzz", "A", "negative response"), ("b", "A", "negative response"),
                              ("r.q.w", "MX", "negative response"), ("", "DNSKEY", "fully validated"),
                              ("", "CDS", "fully validated")):
        done = subprocess.run(["delv", f"@{it.host}", "-p", "15353", "-a", f"{it.folder}/anchor", f"+root={ZONE}",
                               f"{name}.{ZONE}".lstrip("."), kind], capture_output=True, text=True, check=False)
        assert shown in done.stdout and "unsigned" not in done.stdout, (name, kind, done)


def test_a_denial_is_short(it):
    reply = it.ask("zzz", "A", True, 15353)
    assert len(reply.authority) == 6 and reply.rcode == "NXDOMAIN", reply
    print(f"{len(reply.packet)} bytes of NXDOMAIN")
    assert len(reply.packet) <= 560, len(reply.packet)


def test_keygen_and_ds_print_the_same_ds(it):
    records = [line for line in it.made.splitlines() if "\tDS\t" in line]
    assert len(records) == 1 and records[0] in it.call("ds", ZONE).stdout, it.made
    names = sorted(os.listdir(f"{it.folder}/keys"))
    assert [name.rsplit(".", 1)[1] for name in names] == ["key", "private"], names
    assert os.stat(f"{it.folder}/keys/{names[1]}").st_mode & 0o777 == 0o640
    assert it.checked.returncode == 0 and "keys" not in it.checked.stderr, it.checked


def test_keygen_makes_the_folders_above_too(it):
    folder = f"{it.folder}/deep/keys/{ZONE}"
    done = it.call("keygen", ZONE, "--folder", folder)
    assert done.returncode == 0 and len(os.listdir(folder)) == 2, done
    assert os.stat(f"{it.folder}/deep").st_mode & 0o777 == 0o750


def test_keygen_names_the_waits(it):
    assert "wait" in it.made and "dnssec.md" in it.made, it.made


def test_ds_says_what_it_is_about(it):
    with open(f"{it.folder}/locum.yaml", encoding="utf-8") as file:
        text = file.read()
    try:
        it._write("locum.yaml", text.replace("/keys}", "/keys, withdraw: true}"))
        done = it.call("ds")
        assert done.returncode == 0 and "let the parent remove these" in done.stdout and \
            "takes them" not in done.stdout and "\tDS\t" in done.stdout, done
        it._write("locum.yaml", text.replace("node: dc2", "node: ns0").replace(
            "nodes:\n", "nodes:\n  ns0: {role: witness, address: [127.0.0.4], port: 19853}\n"))
        done = it.call("ds")
        assert done.returncode == 1 and not done.stdout and "run it on a server" in done.stderr, done
    finally:
        it._write("locum.yaml", text)


def test_a_reload_reads_the_folder_again(it):
    before = it.ask("", "DNSKEY", True, 15353)
    done = it.call("keygen", ZONE, "--algorithm", "ed25519", "--folder", f"{it.folder}/keys")
    assert done.returncode == 0, done
    public = next(name for name in os.listdir(f"{it.folder}/keys") if "+015+" in name and name.endswith(".key"))
    private = public.replace(".key", ".private")
    os.chmod(f"{it.folder}/keys/{private}", 0o644)
    refused = it.call("reload")
    assert refused.returncode == 1 and f"chmod o= {it.folder}/keys/{private}" in \
        refused.stdout + refused.stderr, refused
    assert sections(before) == sections(it.ask("", "DNSKEY", True, 15353))
    os.unlink(f"{it.folder}/keys/{private}")
    warned = it.call("reload")
    assert warned.returncode == 0 and "is not published" in warned.stdout + warned.stderr, warned
    os.unlink(f"{it.folder}/keys/{public}")
    assert it.call("reload").returncode == 0
    assert sections(before) == sections(it.ask("", "DNSKEY", True, 15353)), "no signature was made again"


def test_z_a_start_without_the_keys_signs_with_those_that_are_remembered(it):
    before = it.ask("", "DNSKEY", True, 15353)
    kept = glob.glob(f"{it.folder}/**/*.keys", recursive=True)
    assert len(kept) == 1 and os.stat(kept[0]).st_mode & 0o777 == 0o600, kept
    os.rename(f"{it.folder}/keys", f"{it.folder}/gone")
    it.end()
    it.launch()
    it.until("an answer", it.answers)
    assert "served unsigned" not in it.call("status").stdout
    assert len(it.ask("", "SOA", True, 15353).answer) == 2
    now = it.ask("", "DNSKEY", True, 15353)
    assert [record.data for record in before.answer if record.kind == 48] == \
        [record.data for record in now.answer if record.kind == 48], now
    # Without its memory the zone is served unsigned.
    it.end()
    os.unlink(kept[0])
    it.launch()
    it.until("an answer", it.answers)
    shown = it.call("status").stdout
    assert f"zone {ZONE}. is served unsigned" in shown and "locum reload" in shown, shown
    os.rename(f"{it.folder}/gone", f"{it.folder}/keys")
    assert it.call("reload").returncode == 0
    assert "served unsigned" not in it.call("status").stdout
    assert len(it.ask("", "SOA", True, 15353).answer) == 2


with Site() as site:
    site.until("an answer", site.answers)
    cases.run({name: (lambda test=test: test(site)) for name, test in list(globals().items())
               if name.startswith("test_")})
