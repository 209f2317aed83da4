"""acme_pair: two coordinators of one cluster on loopback, for the tests of ACME clients.

    with Pair() as pair: pair.dc2.get("/status"); pair.values(pair.dc3)
"""

import base64
import os
import re
import subprocess
import sys

for folder in ("../self", "../site"):
    sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), folder))
import alone
from packets import Reply, Udp, query

ZONE = "get.example.org"
CHALLENGE = f"_acme-challenge.{ZONE}"
PORT, HTTP = 15353, 19854
SECRETS = {name: bytes(range(first, first + 32)) for first, name in enumerate(
    ("web.example.org", "mail.example.org", "ns9.example.org", "other.example.org"))}
UPDATE_KEYS = ("web.example.org", "mail.example.org")
TOKEN = "0123456789abcdef" * 2

OF_ZONE = """\
    acme: {{}}
    transfer: {{key-file: ns9.key}}
  - name: other.example.org
    ns: [dc2.example.org, dc3.example.org]
"""
ACME = """\
acme:
  keys: acme.keys
  token-file: acme.token
  listen: {own}:19854
"""


def key_file(*names):
    return "".join(f'key "{name}" {{ algorithm hmac-sha256; secret "{base64.b64encode(SECRETS[name]).decode()}"; }};\n'
                   for name in names)


FILES = {"ns9.key": key_file("ns9.example.org"), "acme.keys": key_file(*UPDATE_KEYS), "acme.token": TOKEN + "\n",
         **{f"{name}.key": key_file(name) for name in SECRETS}}


class Node(alone.Alone):
    """One of the two: with its address."""

    def __init__(self, node, hosts, files=None):
        more = ACME.format(own=hosts[node])
        super().__init__(alone.ONE_OF_TWO.format(node=node, own=hosts[node], zone=OF_ZONE, more=more, **hosts), files=FILES | (files or {}))
        self.name, self.host = node, hosts[node]

    def __enter__(self):
        own = self.host
        super().__enter__()
        self.host = own
        return self

    def path(self, name):
        return os.path.join(self.folder, name)

    def texts(self, of=CHALLENGE):
        """The strings of its TXT records, sorted."""
        link = Udp(self.host, PORT)
        try:
            link.send(query(of, "TXT"))
            reply = Reply(link.receive())
        finally:
            link.close()
        assert reply.rcode == "NOERROR" and reply.answer, reply
        return sorted(record.data[1:].decode() for record in reply.answer)

    def nsupdate(self, *lines, key="web.example.org", words=(), zone=ZONE):
        """What nsupdate says of these lines, and its exit code."""
        script = "\n".join([f"server {self.host} {PORT}", f"zone {zone}", *lines, "send", "answer", ""])
        signed = ["-k", self.path(f"{key}.key")] if key else []
        done = subprocess.run(["nsupdate", *signed, *words], input=script, capture_output=True, text=True,
                              timeout=30, check=False)
        found = re.search(r"status: (\w+)", done.stdout) or re.search(r"update failed: (\w+)", done.stderr)
        return (found.group(1) if found else None), done.stdout + done.stderr

    def metric(self, name):
        return {key: int(value) for key, value in
                re.findall(rf'^{name}_total{{result="(\w+)"}} (\d+)$', self.get("/metrics"), re.M)}


class Pair:
    """Both nodes, which hear each other."""

    def __enter__(self):
        hosts = alone.two_addresses()
        self.dc2, self.dc3 = self.nodes = [Node(node, hosts) for node in hosts]
        for node in self.nodes:
            node.__enter__()
        for node in self.nodes:
            node.until("the other one", lambda node=node: "from=unknown to=alive" in node.text())
        return self

    def __exit__(self, *words):
        for node in self.nodes:
            node.__exit__(*words)
        self.nodes = []

    def texts(self):
        """Those of both nodes, which must be the same."""
        found = [node.texts() for node in self.nodes]
        assert found[0] == found[1], found
        return found[0]

    def clear(self):
        """Remove all values."""
        for text in self.dc2.texts():
            if text != "-":
                rcode, said = self.dc2.nsupdate(f"update delete {CHALLENGE} TXT {text}")
                assert rcode == "NOERROR", said
        assert self.texts() == ["-"]
