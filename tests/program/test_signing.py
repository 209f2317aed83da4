#!/usr/bin/env python3
"""Many records to sign: a start answers with what is signed, a reload takes effect when all of it is."""
# deadline: 120 s

import json
import os
import re
import subprocess
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "../self"), os.path.join(HERE, "../site")]
import alone
import cases
import rfc
from packets import Reply, Udp, opt, query

ZONE = "get.example.org"
COUNT = 400         # with a key of RSA 2048 about half a millisecond for each RRset and each NSEC
RECORDS = [f"r{i} 300 A 192.0.2.{i % 250}" for i in range(COUNT)]
CONFIG = rfc.config(RECORDS, "    dnssec: {{keys: {folder}/keys}}\n")


class Site(alone.Alone):
    def launch(self, *words):
        os.makedirs(f"{self.folder}/keys", exist_ok=True)
        if not os.listdir(f"{self.folder}/keys"):
            subprocess.run(["ldns-keygen", "-a", "RSASHA256", "-b", "2048", "-k", ZONE], cwd=f"{self.folder}/keys",
                           check=True, stdout=subprocess.DEVNULL)
            for name in os.listdir(f"{self.folder}/keys"):
                os.chmod(f"{self.folder}/keys/{name}", 0o640)
        super().launch(*words)

    def ask(self, name, kind, dnssec=True):
        link = Udp(self.host, rfc.PORT)
        try:
            link.send(query(f"{name}.{ZONE}".lstrip("."), kind, edns=opt(flags=0x8000 if dnssec else 0)))
            return Reply(link.receive())
        finally:
            link.close()

    def answers(self):
        try:
            return self.ask("", "SOA").answer
        except OSError:
            return False

    def change(self, old, new):
        with open(f"{self.folder}/locum.yaml", encoding="utf-8") as file:
            text = file.read()
        assert old in text
        self._write("locum.yaml", text.replace(old, new))

    def command(self, *words):
        return subprocess.Popen([os.environ["LOCUM"], *words, "-c", f"{self.folder}/locum.yaml"], text=True,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def ttl(self, i=COUNT - 1):
        """The TTL of the address of r399, which is always signed."""
        reply = self.ask(f"r{i}", "A")
        assert [record.kind for record in reply.answer] == [1, 46], reply
        return reply.answer[0].ttl

    def loaded(self):
        return len(re.findall(r"event=reload ", self.text()))


def test_a_start_answers_with_what_is_signed(it):
    """The names of the plan at once; what is not signed yet only without DO; nothing without its signature."""
    seen = {"waits": 0, "signed": 0}

    def whole():
        for kind in ("A", "DNSKEY", "SOA"):
            reply = it.ask("", kind)
            assert reply.rcode == "NOERROR" and any(record.kind == 46 for record in reply.answer), reply
        assert it.ask("r399", "A", dnssec=False).answer
        reply = it.ask("r399", "A")
        if reply.rcode == "SERVFAIL":
            seen["waits"] += 1
            return False
        assert [record.kind for record in reply.answer] == [1, 46], reply
        return True
    it.until("all signatures", whole, within=60)
    print(f"# {seen['waits']} questions came too early")
    reply = json.loads(it.until("the text", lambda: it.get(f"/zone?name={ZONE}.")))
    assert len(re.findall(r"^r\d+\..*\tRRSIG\tA ", reply["zone"], re.M)) == COUNT, reply["zone"]


def test_a_reload_takes_effect_when_it_is_signed(it):
    assert it.ttl() == 300
    it.change(" 300 A ", " 301 A ")
    before = it.loaded()
    reload = it.command("reload")
    old = 0
    while (loaded := it.loaded()) == before or it.ttl() == 300:
        old += it.ttl() == 300
        assert loaded == before, "an answer of the old configuration after the reload"
    assert {it.ttl(i) for i in range(0, COUNT, 40)} == {301}
    out, error = reload.communicate(timeout=60)
    assert reload.returncode == 0 and "the configuration" in out, (out, error)
    assert "reload-signing" in it.text()
    print(f"# {old} answers of the old configuration")


def test_a_reload_while_one_waits_replaces_it(it):
    before, count = it.loaded(), it.text().count("reload-signing")
    it.change(" 301 A ", " 302 A ")
    first = it.command("reload")
    it.until("the first", lambda: it.text().count("reload-signing") > count)
    it.change(" 302 A ", " 303 A ")
    second = it.command("reload")
    it.until("the last", lambda: it.ttl() == 303, within=60)
    for one in (first, second):
        one.communicate(timeout=60)
    assert second.returncode == 0
    assert it.loaded() in (before + 1, before + 2), it.text()


def test_a_reload_with_an_error_ends_one_that_waits(it):
    it.change(" 303 A ", " 304 A ")
    count = it.text().count("reload-signing")
    first = it.command("reload")
    it.until("the first", lambda: it.text().count("reload-signing") > count)
    it.change("r0 304 A 192.0.2.0", "r0 304 A 192.0.2.999")
    second = it.command("reload")
    assert second.wait(30) == 1 and "192.0.2.999" in second.stderr.read()
    assert first.wait(30) in (0, 1)
    assert it.ttl() in (303, 304)
    it.change("r0 304 A 192.0.2.999", "r0 304 A 192.0.2.0")
    third = it.command("reload")
    it.until("the third", lambda: it.ttl() == 304, within=60)
    third.communicate(timeout=60)
    assert third.returncode == 0


def test_z_it_stops_while_it_signs(it):
    it.change(" 304 A ", " 305 A ")
    count = it.text().count("reload-signing")
    reload = it.command("reload")
    it.until("the reload", lambda: it.text().count("reload-signing") > count)
    it.end()
    reload.communicate(timeout=30)


with Site(CONFIG) as site:
    site.until("an answer", site.answers, within=60)
    cases.run({name: (lambda test=test: test(site)) for name, test in list(globals().items())
               if name.startswith("test_")})
