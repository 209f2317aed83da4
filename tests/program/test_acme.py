#!/usr/bin/python3
"""doc/certificates.md, dns-01: two servers and a witness answer the values of ACME challenges that one has taken."""
# deadline: 120 s

import json
import os
import re
import signal
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../self"))
import alone
import cases

LOCUM = os.environ["LOCUM"]
ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../..")
ZONE = "get.example.org"
NAME = "_acme-challenge." + ZONE
VALUE = "LoqXcYV8q5ONbJQxbmR7SCTNo3tiAXDfowyjxAjEuX0"
OTHER = "-9XcYV8q5ONbJQxbmR7SCTNo3tiAXDfowyjxAjEuX0"
CONFIG = """\
cluster: get
node: NODE
secret-file: secret
state-dir: FOLDER
listen: {dns: DNS, control: FOLDER/control.sock}
nodes:
  dc2: {address: [NET.2], port: 19853}
  dc3: {address: [NET.3], port: 19853}
  ns0: {role: witness, address: [NET.10], port: 19853}
zones:
  - name: get.example.org
    ns: [dc2.example.org, dc3.example.org]
    shared: ["@", "*", mirror]
    acme: {}
MORE"""
SERVICE = 'service: {checks: [{tcp: {address: "NET.2:15353"}}]}\n'


class Node(alone.Alone):
    """One of the three."""

    def __init__(self, cluster, name, last):
        self.name, self.address = name, f"{cluster.net}.{last}"
        witness = name == "ns0"
        config = CONFIG + ("" if witness else SERVICE)
        for word, text in (("MORE", cluster.more), ("NODE", name), ("NET", cluster.net),
                           ("DNS", "none" if witness else f'["{self.address}:15353"]')):
            config = config.replace(word, text)
        super().__init__(config.replace("{", "{{").replace("}", "}}").replace("FOLDER", "{folder}"),
                         files=cluster.files)

    def run(self, *words):
        return subprocess.run([LOCUM, *words, "-c", os.path.join(self.folder, "locum.yaml")], capture_output=True,
                              text=True, check=False)

    def dig(self, *words):
        return subprocess.run(["dig", f"@{self.address}", "-p", "15353", "+tries=2", "+time=2", *words],
                              capture_output=True, text=True, check=True).stdout

    def answers(self, name=NAME):
        """The TXT records of a name, sorted, and their TTLs."""
        lines = [line.split(None, 4) for line in self.dig("+noall", "+answer", name, "TXT").splitlines()]
        assert all(line[3] == "TXT" for line in lines), lines
        return sorted(line[4].strip('"') for line in lines), {int(line[1]) for line in lines}

    def status(self):
        return json.loads(self.get("/status"))

    def crash(self):
        self.process.kill()
        self.process.wait()


class Cluster:
    """with Cluster() as it: it.dc2, it.dc3, it.ns0."""

    def __init__(self, more="", files=None):
        pid = os.getpid()
        self.net = f"127.{160 + pid % 60}.{pid // 60 % 250}"
        self.more, self.files = more, files or {}

    def __enter__(self):
        self.nodes = []
        try:
            for name, last in (("dc2", 2), ("dc3", 3), ("ns0", 10)):
                node = Node(self, name, last)
                node.__enter__()
                self.nodes.append(node)
                setattr(self, name, node)
            for node in self.nodes:
                node.until("all are alive", lambda node=node: self.all_alive(node), within=30)
        except BaseException:
            self.__exit__()
            raise
        return self

    @staticmethod
    def all_alive(node):
        return all(one["condition"] == "alive" for one in node.status()["nodes"])

    def __exit__(self, *_):
        for node in self.nodes:
            node.__exit__()


def check_all(cluster, values, name=NAME):
    for node in (cluster.dc2, cluster.dc3):
        said, ttls = node.answers(name)
        assert said == sorted(values) and ttls == {15}, (node.name, name, said, ttls)


def succeeds(done):
    assert done.returncode == 0, done
    return done.stdout


def test_a_value_is_answered_by_all_when_set_returns():
    with Cluster() as it:
        for name in (NAME, "_acme-challenge.mirror." + ZONE, "_acme-challenge.dc3." + ZONE):
            check_all(it, ["-"], name)
        serial = it.dc3.dig("+short", ZONE, "SOA").split()[2]
        said = succeeds(it.dc2.run("acme", "set", ZONE, VALUE))
        assert said == f"{NAME}. answers the value for 600 s, on dc2, dc3\n", said
        check_all(it, [VALUE])
        assert int(it.dc3.dig("+short", ZONE, "SOA").split()[2]) > int(serial)
        for node in it.nodes:       # the witness too
            assert node.status()["acme"] == {"values": 1}, node.name
            assert "\nlocum_acme_values 1\n" in node.get("/metrics"), node.name
        assert "values of ACME challenges answered now: 1\n" in it.dc3.run("status").stdout
        # Written in any way, a second value, and one that begins with a dash.
        succeeds(it.dc3.run("acme", "set", "*.Get.Example.org.", OTHER, "--for", "1h"))
        check_all(it, [VALUE, OTHER])
        succeeds(it.dc3.run("acme", "set", "--", NAME.upper() + ".", VALUE))
        check_all(it, [VALUE, OTHER])
        text = json.loads(it.dc3.get(f"/zone?name={ZONE}"))
        assert f'{NAME}.\t15\tIN\tTXT\t"{VALUE}"\n' in text["zone"], text["zone"]
        assert f'{NAME}.\t15\tIN\tTXT\t"-"\n' in text["fail_open"] and VALUE not in text["fail_open"]
        # One is removed where another node has taken it, then all.
        said = succeeds(it.dc2.run("acme", "unset", ZONE, OTHER))
        assert said == f"{NAME}.: removed 1, on dc2, dc3\n", said
        check_all(it, [VALUE])
        assert "has no such value" in succeeds(it.dc2.run("acme", "unset", ZONE, OTHER))
        succeeds(it.dc3.run("acme", "unset", NAME))
        check_all(it, ["-"])
        assert "acme" not in it.dc2.status()
        # Every change is an event of the node that was asked, without the value.
        events = [event["fields"] for event in json.loads(it.dc2.get("/events"))["events"]
                  if event["fields"]["event"] == "acme"]
        assert [(event["name"], event["state"], event["client"]) for event in events] == \
            [(NAME, "set", "cli"), (NAME, "unset", "cli")], events
        for node in it.nodes:
            assert VALUE not in node.text() and VALUE not in node.get("/events"), node.name


def test_the_commands_of_the_page():
    with open(os.path.join(ROOT, "doc/certificates.md"), encoding="utf-8") as file:
        page = file.read().split("## Challenges on all nodes at once: dns-01")[1].split("\n## ")[0]
    steps = re.findall(r"^\$ (.*)\n((?:[^$`].*\n)+)", page, re.M)
    assert len(steps) == 3 and "    acme: {}\n" in page, steps
    with Cluster() as it:
        def run(command, **environment):
            command = command.replace("@192.0.2.13", f"@{it.dc3.address} -p 15353")
            command = re.sub(r"^locum (.*)", rf"{LOCUM} \1 -c {it.dc2.folder}/locum.yaml", command)
            return subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True,
                                  env={**os.environ, **environment}).stdout
        for command, said in steps:
            assert run(command) == said, (command, said)
        # A value may begin with a dash. The hook finds `locum` in the path, and that the node's configuration.
        program, dashed = os.path.join(it.dc2.folder, "locum"), "-" + VALUE[1:]
        with open(program, "w", encoding="ascii") as file:
            file.write(f'#!/bin/sh\nexec "{LOCUM}" "$@" -c "{it.dc2.folder}/locum.yaml"\n')
        os.chmod(program, 0o755)
        for word, values in (("auth", [dashed]), ("cleanup", ["-"])):
            hook = re.search(rf"--manual-{word}-hook '/usr/share/locum/(\S+ (?:un)?set)'", page).group(1)
            run(f"{ROOT}/deploy/{hook}", CERTBOT_DOMAIN=ZONE, CERTBOT_VALIDATION=dashed,
                PATH=f"{it.dc2.folder}:{os.environ['PATH']}")
            check_all(it, values)


def test_what_is_refused():
    with Cluster(more='    records: ["_acme-challenge.mirror CNAME elsewhere.test."]\n') as it:
        checked = it.dc2.run("check")
        assert checked.returncode == 0 and "dns-01 is off" in checked.stdout + checked.stderr, checked
        assert it.dc2.dig("+short", "_acme-challenge.mirror." + ZONE, "TXT") == "elsewhere.test.\n"
        for words, code, part in (
                (("set", "other.example.org", VALUE), 1, "is not a shared or owned name of a zone with acme"),
                (("set", "x." + ZONE, VALUE), 1, "is not a shared or owned name of a zone with acme"),
                (("set", "mirror." + ZONE, VALUE), 1, "a static record has this name"),
                (("set", ZONE, "a b"), 1, "visible ASCII characters"),
                (("set", ZONE, "v" * 256), 1, "1 to 255"),
                (("set", ZONE, VALUE, "--for", "25h"), 1, "for_s: seconds from 1 to 86400"),
                (("set", ZONE), 2, "usage: locum acme set NAME VALUE"),
                (("get", ZONE), 2, "usage: locum acme set NAME VALUE"),
                (("unset", ZONE, VALUE, "--for", "10m"), 2, "usage: locum acme set NAME VALUE"),
                (("unset", ZONE, VALUE, VALUE), 2, "is an unexpected argument")):
            done = it.dc2.run("acme", *words)
            assert done.returncode == code and part in done.stderr, (words, done)
        for number in range(8):
            succeeds(it.dc2.run("acme", "set", ZONE, f"value-{number}"))
        done = it.dc3.run("acme", "set", ZONE, VALUE)
        assert done.returncode == 1 and "has 8 other values already" in done.stderr, done
        check_all(it, [f"value-{number}" for number in range(8)])


def kept(node, *values):
    with open(os.path.join(node.folder, "control.sock.acme"), encoding="utf-8") as file:
        text = file.read()
    return all(value in text for value in values)


def test_a_value_survives_a_crash_and_a_replace_and_expires():
    with Cluster() as it:
        succeeds(it.dc2.run("acme", "set", ZONE, VALUE))
        succeeds(it.dc3.run("acme", "set", ZONE, OTHER))
        for node in (it.dc2, it.dc3):
            node.until("the file", lambda node=node: kept(node, VALUE, OTHER))     # a thread may write it
            node.crash()
            node.launch()
            node.until("it answers", lambda node=node: node.get("/healthz"))
            assert node.answers()[0] == sorted([VALUE, OTHER]), node.name       # from the first answer on
            node.until("it hears all", lambda node=node: Cluster.all_alive(node), within=30)
        check_all(it, [VALUE, OTHER])
        assert "runs version" in succeeds(it.dc2.run("replace"))
        check_all(it, [VALUE, OTHER])
        # A value that ends is not answered any more, anywhere, and one that was removed stays so.
        succeeds(it.dc2.run("acme", "unset", ZONE))
        succeeds(it.dc2.run("acme", "set", ZONE, VALUE, "--for", "1s"))
        for node in (it.dc2, it.dc3):
            node.until("it has expired", lambda node=node: node.answers()[0] == ["-"])
        it.dc3.crash()
        it.dc3.launch()
        it.dc3.until("it answers", lambda: it.dc3.get("/healthz"))
        assert it.dc3.answers()[0] == ["-"]


def test_a_server_that_does_not_answer_is_named():
    with Cluster() as it:
        os.kill(it.dc3.process.pid, signal.SIGSTOP)
        it.dc2.until("dc3 is down", lambda: [one["condition"] for one in it.dc2.status()["nodes"]][1] == "down",
                     within=30)
        said = succeeds(it.dc2.run("acme", "set", ZONE, VALUE))
        assert said == f"{NAME}. answers the value for 600 s, on dc2\n  down, and not waited for: dc3\n", said
        os.kill(it.dc3.process.pid, signal.SIGCONT)
        it.dc3.until("it has heard it", lambda: it.dc3.answers()[0] == [VALUE])
        it.dc2.until("all are alive", lambda: Cluster.all_alive(it.dc2), within=30)


def test_a_signed_zone():
    def keys():
        with alone.Alone(alone.CONFIG) as maker:
            done = subprocess.run([LOCUM, "keygen", ZONE, "--algorithm", "ed25519", "--folder", maker.folder, "-c",
                                   os.path.join(maker.folder, "locum.yaml")], capture_output=True, text=True, check=True)
            assert done.returncode == 0, done
            return {name: open(os.path.join(maker.folder, name), encoding="utf-8").read()
                    for name in os.listdir(maker.folder) if name.startswith("K")}
    with Cluster(more="    dnssec: {keys: .}\n", files=keys()) as it:
        def signed(node, name):
            said = node.dig("+dnssec", "+noall", "+answer", name, "TXT")
            assert len(re.findall(r"\sRRSIG\s+TXT 15 \d+ 15 ", said)) == 1, said
            return said
        for node in (it.dc2, it.dc3):
            signed(node, NAME)
            denied = node.dig("+dnssec", "+noall", "+authority", NAME, "A")
            assert re.search(rf"^{re.escape(NAME)}\.\s+\d+\s+IN\s+NSEC\s+\S+ TXT RRSIG NSEC$", denied, re.M), denied
        succeeds(it.dc2.run("acme", "set", ZONE, VALUE))
        succeeds(it.dc2.run("acme", "set", ZONE, OTHER))
        for node in (it.dc2, it.dc3):
            assert VALUE in signed(node, NAME) and OTHER in signed(node, NAME)
            folder = node.folder
            text = node.until("the zone is signed",
                              lambda node=node: json.loads(node.get(f"/zone?name={ZONE}")).get("zone"))
            assert VALUE in text and OTHER in text
            transfer = node.dig("+noall", "+answer", ZONE, "AXFR")
            assert VALUE in transfer and OTHER in transfer and f"{NAME}. 15 IN RRSIG TXT" in " ".join(transfer.split())
            path = os.path.join(folder, "zone.text")
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
            subprocess.run(["ldns-verify-zone", path], check=True, capture_output=True)
            anchor = os.path.join(folder, "anchor")
            with open(anchor, "w", encoding="utf-8") as file:
                flags, protocol, algorithm, key = node.dig("+short", ZONE, "DNSKEY").strip().split(None, 3)
                file.write(f'trust-anchors {{ "{ZONE}." static-key {flags} {protocol} {algorithm} "{key}"; }};\n')
            for kind in ("TXT", "A"):
                said = subprocess.run(["delv", f"@{node.address}", "-p", "15353", "-a", anchor, f"+root={ZONE}", NAME, kind],
                                      capture_output=True, text=True, check=False)
                assert "fully validated" in said.stdout, said


cases.run(globals())
