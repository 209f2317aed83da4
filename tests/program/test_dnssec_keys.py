#!/usr/bin/env python3
"""Two coordinators that sign a zone: what they show each other of their keys, and what follows."""
# deadline: 60 s

import json
import os
import shutil
import subprocess
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "../self"), os.path.join(HERE, "../site")]
import alone
import cases
from packets import Reply, Udp, opt, query

ZONE = "get.example.org"
DNSKEY, CDS, RRSIG = 48, 59, 46
HOSTS = alone.two_addresses()
OF_ZONE = "    dnssec: {{keys: {folder}/keys}}\n"


class Node(alone.Alone):
    """A coordinator with its own folder of keys."""

    def __init__(self, node, keys):
        own = HOSTS[node]
        super().__init__(alone.ONE_OF_TWO.format(node=node, own=own, zone=OF_ZONE, more="", **HOSTS))
        self.node, self.own, self.keys = node, own, keys

    def launch(self, *words):
        if not os.path.isdir(f"{self.folder}/keys"):
            os.mkdir(f"{self.folder}/keys", 0o750)
            for base in self.keys:
                self.add(base)
        super().launch(*words)

    def add(self, base, *ends):
        for end in ends or (".key", ".private"):
            shutil.copy(f"{base}{end}", f"{self.folder}/keys/")

    def remove(self, base, *ends):
        for end in ends or (".key", ".private"):
            os.unlink(f"{self.folder}/keys/{os.path.basename(base)}{end}")

    def reload(self):
        done = self.call("reload")
        assert done.returncode == 0, done

    def ask(self, kind):
        link = Udp(self.own, 15353)
        try:
            link.send(query(ZONE, kind, edns=opt(flags=0x8000)))
            return Reply(link.receive()).answer
        finally:
            link.close()

    def published(self):
        """The number of DNSKEY records, and of their signatures."""
        answer = self.ask("DNSKEY")
        return [sum(record.kind == kind for record in answer) for kind in (DNSKEY, RRSIG)]

    def cds(self):
        """The key tags of CDS."""
        return sorted(int.from_bytes(record.data[:2], "big") for record in self.ask("TYPE59") if record.kind == CDS)

    def key(self, base):
        """What `locum keys` says of a key; None: it does not know it."""
        zones = json.loads(self.call("keys", "--json").stdout)["zones"]
        return next((key for key in zones[0]["keys"] if key["tag"] == tag_of(base)), None)


def tag_of(base):
    return int(base.rsplit("+", 1)[1])


def new_key(folder):
    done = subprocess.run(["ldns-keygen", "-a", "ECDSAP256SHA256", "-k", ZONE], cwd=folder, capture_output=True,
                          text=True, check=True)
    base = f"{folder}/{done.stdout.strip()}"
    os.chmod(f"{base}.private", 0o640)
    return base


def test_1_cds_is_there_when_both_servers_sign(dc2, dc3, old, new):
    for node in (dc2, dc3):
        node.until("CDS", lambda node=node: node.cds() == [tag_of(old)])
        assert node.published() == [1, 1]
        node.until("what both show", lambda node=node: all(
            server["published"] and server["signing"] and server["cds"] for server in node.key(old)["servers"]))
        key = node.key(old)
        assert [server["server"] for server in key["servers"]] == ["dc2", "dc3"], key
        assert key["files"] == "both" and key["next"].startswith("it may sign alone from 20"), key


def test_2_a_new_key_is_not_in_cds_before_resolvers_have_it(dc2, dc3, old, new):
    """dc3 alone has the private half: from now on the zone has two signers."""
    dc3.add(new)
    dc3.reload()
    dc3.until("two keys", lambda: dc3.published() == [2, 2])
    assert dc2.cds() == dc3.cds() == [tag_of(old)]
    assert dc3.key(new)["next"] == "not published yet by dc2", dc3.key(new)
    dc2.add(new, ".key")
    dc2.reload()
    for node in (dc2, dc3):
        node.until("the new key at both", lambda node=node: node.key(new)["next"].startswith("it may sign alone from"))
        assert node.cds() == [tag_of(old)]
    assert dc2.published() == [2, 1] and dc2.key(new)["files"] == "key", dc2.key(new)
    shown = dc2.call("keys")
    assert shown.returncode == 0 and f"zone {ZONE}.: CDS current" in shown.stdout and \
        f"key {tag_of(new)}: it may sign alone from" in shown.stdout, shown


def test_3_a_key_whose_files_are_gone_goes_on(dc2, dc3, old, new):
    dc3.remove(new)
    dc3.reload()
    dc3.until("the warning", lambda: "its files are gone" in dc3.call("keys").stdout)
    assert dc3.published() == [2, 2] and dc3.key(new)["files"] == "none"
    assert dc2.cds() == dc3.cds() == [tag_of(old)]
    dc3.end()
    dc3.launch()
    dc3.until("an answer", lambda: dc3.published() == [2, 2])
    assert dc3.key(new)["files"] == "none"


def test_4_drop(dc2, dc3, old, new):
    tag = str(tag_of(new))
    refused = dc3.call("keys", "drop", tag)
    assert refused.returncode == 1 and "--force" in refused.stderr, refused
    refused = dc2.call("keys", "drop", tag, "--force")
    assert refused.returncode == 1 and "remove its files" in refused.stderr, refused
    refused = dc3.call("keys", "drop", "x")
    assert refused.returncode == 2 and "usage" in refused.stderr, refused
    done = dc3.call("keys", "drop", tag, "--force", ZONE)
    assert done.returncode == 0 and f"key {tag} of {ZONE}. is dropped" in done.stdout, done
    dc3.until("one key", lambda: dc3.published() == [1, 1])
    assert dc3.key(new) is None
    events = [line for line in dc3.call("events").stdout.splitlines() if "dnssec-key" in line]
    assert any(f"key={tag}" in line and "state=withdrawn" in line for line in events), events
    assert dc2.published() == [2, 1]
    dc2.until("dc2 hears of it", lambda: dc2.key(new)["next"] == "not published yet by dc3")


def test_5_what_the_others_show_survives_a_restart(dc2, dc3, old, new):
    dc3.end()
    dc2.end()
    dc2.launch()
    dc2.until("an answer", dc2.published)
    shown = dc2.key(old)["servers"][1]
    assert shown["server"] == "dc3" and shown["published"] and shown["signing"], shown
    assert dc2.cds() == [tag_of(old)]
    dc3.launch()
    dc3.until("an answer", dc3.published)


def test_6_a_file_that_cannot_be_read_is_kept(dc2, dc3, old, new):
    path = f"{dc3.folder}/get.keys"
    aside = f"{path}.broken"
    dc3.end()
    with open(path, "rb") as file:
        before = file.read()
    os.chmod(path, 0o644)           # a secret that others can read is refused
    os.mkdir(aside)                 # nor can it be renamed
    dc3.launch()
    dc3.until("an answer", dc3.published)
    dc3.until("what it decided", lambda: dc3.key(old)["files"] == "both")
    dc3.end()
    assert "nothing is saved in it" in dc3.text(), dc3.text()
    with open(path, "rb") as file:
        assert file.read() == before
    os.rmdir(aside)
    dc3.launch()
    dc3.until("an answer", dc3.published)
    dc3.until("another file", lambda: os.path.exists(path))
    with open(aside, "rb") as file:
        assert file.read() == before
    assert f"kept-as={aside}" in dc3.text().replace('"', ""), dc3.text()
    dc3.end()
    dc3.launch()
    dc3.until("an answer", dc3.published)
    dc3.until("the warning", lambda: "an earlier start could not read is still there" in dc3.text())


def main():
    alone.own_address = lambda: HOSTS["dc2"]
    folder = os.path.join(os.environ.get("TMPDIR", "/tmp"), f"locum-keys-{os.getpid()}")
    os.mkdir(folder, 0o700)
    try:
        old, new = new_key(folder), new_key(folder)
        with Node("dc2", [old]) as dc2, Node("dc3", [old]) as dc3:
            for node in (dc2, dc3):
                node.until("an answer", node.published)
            cases.run({name: (lambda test=test: test(dc2, dc3, old, new)) for name, test in list(globals().items())
                       if name.startswith("test_")})
    finally:
        shutil.rmtree(folder)


main()
