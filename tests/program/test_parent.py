#!/usr/bin/env python3
"""The DS of a signed zone at its parent: none, of its key, of another one, and a resolver that fails. It runs
itself again in namespaces of its own, where the resolver of /etc/resolv.conf is in this process."""
# deadline: 60 s

import json
import os
import pathlib
import re
import socket
import struct
import subprocess
import sys
import tempfile
import threading

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "../self"), os.path.join(HERE, "../site")]
import alone
import cases
import promql
import rfc
from packets import name

ZONE = "get.example.org"
CONFIG = rfc.config(["www CNAME @"], "    dnssec: {{keys: {folder}/keys}}\n")
OTHER = "12345 13 2 E19CD85801B13ED702E1C2E6B251F979043B8EC640563346D44BC2F3ABC88681"
DS, SOA, TTL = 43, 6, 3600
DS_TTL = 86400     # at least, without a signature: a cache counts the TTL down


def record(owner, kind, data):
    return owner + struct.pack(">HHIH", kind, 1, TTL, len(data)) + data


class Resolver:
    """Answers each question by UDP. ds: the DS of every name; fails: SERVFAIL instead."""

    def __init__(self):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 53))
        self.ds, self.fails, self.questions = [], False, []
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            packet, sender = self.socket.recvfrom(4096)
            end = packet.index(b"\0", 12) + 5
            question, kind = packet[12:end], struct.unpack(">H", packet[end - 4:end - 2])[0]
            self.questions.append((question[:-4], kind))
            denial = record(name("org"), SOA, name("a.org") + name("b.org") + struct.pack(">5I", 1, 2, 3, 4, 5))
            answers = [] if self.fails else [record(b"\xc0\x0c", DS, self._data(ds)) for ds in self.ds]
            authority = denial if not answers and not self.fails else b""
            self.socket.sendto(packet[:2] + struct.pack(">HHHHH", 0x8182 if self.fails else 0x8180, 1, len(answers),
                                                        bool(authority), 0) +
                               question + b"".join(answers) + authority, sender)

    @staticmethod
    def _data(text):
        tag, algorithm, digest, data = text.split(None, 3)
        return struct.pack(">HBB", int(tag), int(algorithm), int(digest)) + bytes.fromhex(data)


class Site(alone.Alone):
    """The coordinator, with one key."""

    def launch(self, *words):
        self.resolver = Resolver()
        made = self.call("keygen", ZONE)
        assert made.returncode == 0, made
        self.ds = re.search(r"\tDS\t(.*)", made.stdout).group(1)
        super().launch(*words)

    def give(self, *records):
        """Let the parent have these DS records."""
        self.resolver.ds = list(records)
        done = self.call("reload")
        assert done.returncode == 0, done

    def zone(self):
        return json.loads(self.get("/status"))["zones"][0]["dnssec"]

    def wait_for(self, state):
        return self.until(state, lambda: (zone := self.zone())["ds"]["state"] == state and zone)

    def events(self):
        return [event["fields"] for event in json.loads(self.get("/events"))["events"]
                if event["fields"]["event"] == "ds"]

    def warnings(self):
        return [text for text in json.loads(self.get("/status"))["warnings"] if f"zone {ZONE}." in text]


def test_1_no_ds(it):
    zone = it.wait_for("none")
    assert zone["signed"] and len(zone["keys"]) == 1 and zone["keys"][0]["algorithm"] == "ECDSAP256SHA256", zone
    assert zone["ds"]["tags"] == [] and zone["ds"]["answered"] and not zone["ds"]["error"], zone
    assert it.events() == [] and it.warnings() == [], (it.events(), it.warnings())
    assert re.search(rf"{ZONE}\.  ECDSAP256SHA256 \d+  none  2\d\d\d-", it.call("status").stdout)
    metrics = it.get("/metrics")
    assert f'locum_dnssec_ds{{zone="{ZONE}.",state="none"}} 1' in metrics, metrics
    assert f'locum_dnssec_signature_expiry_timestamp_seconds{{zone="{ZONE}."}} ' in metrics, metrics
    known = promql.Metrics(metrics)
    for expression in promql.expressions(pathlib.Path(HERE, "../..")):
        if "locum_dnssec_" in expression:
            assert list(known.complaints(expression)) == [], expression
    assert set(it.resolver.questions) == {(name(ZONE), DS)}, it.resolver.questions


def test_2_the_ds_of_the_key(it):
    it.give(it.ds)
    zone = it.wait_for("ok")
    assert zone["ds"]["tags"] == [zone["keys"][0]["tag"]] and zone["ds"]["ttl_s"] == DS_TTL, zone
    it.until("event", it.events)
    event = it.events()[-1]
    assert (event["zone"], event["from"], event["to"]) == (f"{ZONE}.", "none", "ok"), event
    assert it.warnings() == [], it.warnings()


def test_3_another_one_beside_it(it):
    it.give(OTHER, it.ds)
    it.until("both", lambda: len(it.zone()["ds"]["tags"]) == 2)
    assert it.zone()["ds"]["state"] == "ok" and it.warnings() == []


def test_4_a_resolver_that_fails(it):
    """What was known stays."""
    it.resolver.fails = True
    it.give(OTHER)
    ds = it.until("a failure", lambda: (zone := it.zone())["ds"]["error"] and zone)["ds"]
    assert ds["error"] == "it answers SERVFAIL" and ds["state"] == "ok" and len(ds["tags"]) == 2, ds
    assert ds["failing_since"], ds      # made of two clocks, so it may differ by a millisecond
    assert re.search(r"  ok, no answer since 2\d{3}-[\dT:.-]+Z  ", it.call("status").stdout), ds
    it.resolver.fails = False


def test_5_another_one_alone(it):
    it.give(OTHER)
    it.wait_for("mismatch")
    warning = it.until("warning", it.warnings)[0]
    assert "(key tags 12345), but none of a key that signs here" in warning and "locum ds" in warning, warning
    assert re.search(rf"{ZONE}\. .* mismatch \(12345\) ", it.call("status").stdout), it.call("status")
    assert (it.events()[-1]["from"], it.events()[-1]["to"]) == ("ok", "mismatch"), it.events()
    assert 'locum_warnings{about="ds"} 1' in it.get("/metrics")
    it.give(it.ds)
    it.wait_for("ok")
    it.until("no warning", lambda: not it.warnings())


def test_6_a_key_whose_ds_the_parent_has_goes_on(it):
    """Although its files are gone."""
    os.rename(f"{it.folder}/keys", f"{it.folder}/before")
    assert it.call("keygen", ZONE).returncode == 0
    assert it.call("reload").returncode == 0
    zone = it.until("two keys", lambda: len((zone := it.zone())["keys"]) == 2 and zone)
    assert zone["ds"]["state"] == "ok" and zone["ds"]["tags"][0] in [key["tag"] for key in zone["keys"]], zone
    warning = it.until("warning", it.warnings)[0]
    assert f"key {zone['ds']['tags'][0]} goes on" in warning, warning
    it.until("the DS", lambda: sorted(
        (key["files"], key["ds"]) for key in json.loads(it.get("/keys"))["zones"][0]["keys"]) ==
        [("both", False), ("none", True)])


def test_7_a_zone_with_a_ds_stays_signed(it):
    """A reload without `dnssec` is refused; a start must answer whatever the file says."""
    path = f"{it.folder}/locum.yaml"
    with open(path, encoding="utf-8") as file:
        text = file.read()
    without = re.sub(r"(?m)^    dnssec: .*\n", "", text)
    assert without != text
    with open(path, "w", encoding="utf-8") as file:
        file.write(without)
    done = it.call("reload")
    assert done.returncode == 1 and f"zone {ZONE}.: it must stay signed while its parent has a DS" in done.stderr and \
        "1500 min after that" in done.stderr, done
    assert it.zone()["signed"]
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    assert it.call("reload").returncode == 0


def test_8_a_key_with_a_ds_is_dropped(it):
    """What is known of the parent is compared with the keys that sign now, before it is asked again."""
    it.give(it.ds)
    questions = len(it.resolver.questions) + 1
    it.until("the question", lambda: len(it.resolver.questions) == questions)
    zone = it.wait_for("ok")
    done = it.call("keys", "drop", str(zone["ds"]["tags"][0]), "--force")
    assert done.returncode == 0, done
    it.wait_for("mismatch")
    assert it.until("warning", it.warnings)
    assert (it.events()[-1]["from"], it.events()[-1]["to"]) == ("ok", "mismatch"), it.events()
    assert len(it.resolver.questions) == questions


def apart():
    """This program again, as root of a user, a network and a mount namespace."""
    with tempfile.NamedTemporaryFile("w", prefix="locum-resolv-") as file:
        file.write("nameserver 127.0.0.1\n")
        file.flush()
        return subprocess.run(
            ["unshare", "--map-root-user", "--net", "--mount", "sh", "-euc",
             'ip link set lo up; mount --bind "$1" /etc/resolv.conf; exec "$2" -B "$3" apart', "sh", file.name,
             sys.executable, os.path.abspath(__file__)], check=False).returncode


if sys.argv[1:] != ["apart"]:
    sys.exit(apart())
with Site(CONFIG) as site:
    site.until("status", lambda: site.get("/status"))
    cases.run({title: (lambda test=test: test(site)) for title, test in list(globals().items())
               if title.startswith("test_")})
