#!/usr/bin/env python3
"""Signatures outlive the program, new ones are verified, and a clock in doubt renews none."""
# deadline: 90 s

import json
import os
import re
import subprocess
import sys
import time

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "../self"), os.path.join(HERE, "../site")]
import alone
import cases
import rfc
import signatures

ZONE = "get.example.org"
DAY = 86400
PERIOD = 7 * DAY        # of the windows: validity minus refresh
CONFIG = rfc.config([f"n{i} TXT text" for i in range(20)], "    dnssec: {{keys: {folder}/keys}}\n")
SECRET = bytes(range(32))


class Site(alone.Alone):
    def launch(self, *words):
        if "made" not in vars(self):
            self.made = self.call("keygen", ZONE)
            assert self.made.returncode == 0, self.made
        super().launch(*words)

    def metric(self, name):
        return int(float(re.search(rf"^locum_{name}(?:{{[^}}]*}})? (\S+)$", self.get("/metrics"), re.M).group(1)))

    def wait_for_rest(self):
        """
        The check has its verdict, and all signatures are verified. Returns how many were made, without those of
        the SOA: each publication has another serial.
        """
        self.until("verified signatures", lambda: json.loads(self.get("/status"))["nodes"][0]["service"] == "up"
                   and self.metric("signatures_unverified") == 0)
        while True:
            changes = self.metric("plan_changes_total")
            made = self.metric("signatures_made_total")
            if changes == self.metric("plan_changes_total"):
                return made - changes

    def warnings(self):
        return json.dumps(json.loads(self.get("/status"))["warnings"])

    def zone(self):
        return json.loads(self.get(f"/zone?name={ZONE}"))["zone"]

    def begins(self):
        """When the signatures become valid, as text and number."""
        found = set(re.findall(r"\tRRSIG\t.*? (\d{14}) (\d{14}) \d+ ", self.zone()))
        assert len(found) == 1, found
        return found.pop()[1]

    def path(self):
        return f"{self.folder}/get.signatures"

    def read(self):
        return signatures.read(self.path(), SECRET)

    def write(self, lines, entries):
        signatures.write(self.path(), SECRET, lines, entries)

    def verifies(self):
        self._write("zone.check", self.zone())
        return subprocess.run(["ldns-verify-zone", f"{self.folder}/zone.check"], capture_output=True,
                              check=False).returncode == 0

    def answers(self):
        """The signatures of some answers."""
        found = ""
        for name in ("n0", "n19"):
            found += subprocess.run(["dig", f"@{self.host}", "-p", "15353", "+dnssec", "+short", "+nosplit",
                                     f"{name}.{ZONE}", "TXT"], capture_output=True, text=True, check=True).stdout
        return set(re.findall(r"^TXT 13 .* (\S+)$", found, re.M))


def window(at_s):
    """The inception of the signatures made at a time, as in the zone's text."""
    return time.strftime("%Y%m%d%H%M%S", time.gmtime(at_s - at_s % PERIOD - DAY))


def test_a_the_first_run_signs_and_verifies(it):
    made = it.wait_for_rest()
    assert made >= 20 * 2 + 5, made           # each name and its NSEC, and the apex
    assert it.metric("signatures_bad_total") == 0
    assert it.metric("clock_in_doubt") == 0
    it.until("the file", lambda: os.path.exists(it.path()))
    assert os.stat(it.path()).st_mode & 0o777 == 0o600
    assert it.verifies()


def test_b_a_restart_signs_nothing_again(it):
    it.end()
    lines, entries = it.read()
    assert all(verified for _, _, verified, _ in entries), [verified for _, _, verified, _ in entries]
    assert abs(int(lines["keys-ms"]) - time.time() * 1000) < 60000, lines
    it.launch()
    assert it.wait_for_rest() == 0
    assert it.verifies()


def test_c_a_replace_signs_nothing_again(it):
    os.unlink(it.path())                      # what is handed over is enough
    for _ in range(2):
        done = it.call("replace")
        assert done.returncode == 0, done
        assert it.wait_for_rest() == 0
    it.end()
    assert len(it.read()[1]) >= 45
    it.launch()


def test_d_after_a_kill_nothing_is_signed_again(it):
    it.wait_for_rest()
    it.process.kill()
    it.process.wait()
    it.launch()
    assert it.wait_for_rest() == 0


def test_e_a_damaged_file_is_not_used(it):
    def bytes_of(path):
        with open(path, "rb") as file:
            return file.read()
    it.end()
    whole = bytes_of(it.path())
    for what in (whole[:-1], whole[:-3] + b"abc", b"", b"x" * 1000, whole.replace(b"signatures 1 ", b"signatures 2 ")):
        with open(it.path(), "wb") as file:
            file.write(what)
        logged = len(it.text())
        it.launch()
        assert it.wait_for_rest() >= 45
        log = it.text()[logged:]
        assert "event=signatures" in log and "damaged" in log and "all are made again" in log, log
        assert it.verifies()
        it.end()
    os.truncate(it.path(), 65 * 1024 * 1024)  # a file with a hole
    it.launch()
    assert it.wait_for_rest() >= 45
    assert "too long" in it.text()


def test_f_a_signature_that_does_not_verify_is_replaced(it):
    """One is served first and verified then, so for a moment it is in the zone."""
    it.end()
    lines, entries = it.read()
    it.write(lines, [(digest, until, 0, signature[:9] + bytes([signature[9] ^ 1]) + signature[10:])
                     for digest, until, _, signature in entries])
    it.launch()
    it.until("the wrong ones are found", lambda: it.metric("signatures_bad_total") >= 45)
    it.until("the zone is right again", it.verifies)
    it.until("the answers are, too", lambda: len(it.answers()) == 2 and all(text in it.zone() for text in it.answers()))
    it.wait_for_rest()
    assert it.verifies()
    assert "did not verify, and was made again" in it.warnings(), it.warnings()
    assert "event=bad-signature" in it.text()
    it.until("its event", lambda: "event=warning node=dc2 about=signatures" in it.text())
    assert 'locum_warnings{about="signatures"} 1' in it.get("/metrics")


def start_with(it, off_ms, signed_s):
    """A run after one in this boot that signed at a time, and whose clock was off_ms behind this one."""
    it.end()
    signatures.set_time(it.path(), SECRET, off_ms, signed_s)
    it.launch()
    it.wait_for_rest()


def test_g_a_clock_in_doubt_renews_nothing(it):
    now_s = int(time.time())
    start_with(it, 630 * 1000, now_s - PERIOD)
    assert it.begins() == window(now_s - PERIOD) != window(now_s)
    assert it.verifies(), "they are still valid"
    assert "in doubt: it is 10 min ahead" in it.warnings(), it.warnings()
    assert it.metric("clock_in_doubt") == 1
    it.until("its event", lambda: "event=warning node=dc2 about=clock" in it.text())
    it.end()
    assert it.read()[0]["signed-s"] == str(now_s - PERIOD), "another restart ends no doubt"
    it.launch()
    it.wait_for_rest()
    assert it.begins() == window(now_s - PERIOD)
    assert it.call("reload").returncode == 0
    assert it.begins() == window(now_s - PERIOD)


def test_h_a_clock_in_doubt_signs_when_the_old_ones_are_of_no_use(it):
    now_s = int(time.time())
    start_with(it, -(3 * 3600 + 30) * 1000, now_s - 30 * DAY)
    assert it.begins() == window(now_s + 3 * 3600), "by the time that is believed"
    assert "180 min behind" in it.warnings(), it.warnings()


def test_i_the_doubt_is_over_when_the_clock_is_right(it):
    now_s = int(time.time())
    start_with(it, 4 * 60 * 1000, now_s - PERIOD)
    assert it.begins() == window(now_s)
    assert it.metric("clock_in_doubt") == 0 and "in doubt" not in it.warnings()


def test_j_after_a_reboot_no_time_before_the_newest_that_was_kept(it):
    now_s = int(time.time())
    it.end()
    lines, _ = it.read()
    it.write({**lines, "boot-id": "another", "newest-ms": (now_s + 30 * DAY) * 1000, "signed-s": now_s - PERIOD,
              "count": 0}, [])
    it.launch()
    it.wait_for_rest()
    assert it.begins() == window(now_s + 30 * DAY)
    assert it.metric("clock_in_doubt") == 1


with Site(CONFIG) as site:
    site.until("an answer", lambda: site.get("/status"))
    cases.run({name: (lambda test=test: test(site)) for name, test in list(globals().items())
               if name.startswith("test_")})
