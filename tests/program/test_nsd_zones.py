#!/usr/bin/env python3
"""A coordinator with two zones, a real NSD and locum-nsd: every zone is carried, or its absence shown."""
# deadline: 120 s

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "../self"), os.path.join(HERE, "../site")]
import alone
import cases
import signatures

PROGRAM = os.path.join(os.environ["BUILD"], "locum-nsd")
ZONE = "  - name: cdn.example.org\n    ns: [dc2.example.org]\n"

NSD_CONF = alone.NSD_SERVER + """\
remote-control:
  control-enable: yes
  control-interface: {folder}/ctl
zone:
  name: get.example.org
  zonefile: get.example.org.zone
pattern:
  name: locum
  zonefile: zones/%s.zone
"""


class Site(alone.Alone):
    """The coordinator, NSD and the adapter."""

    def __init__(self, signed=False):
        keys = "    dnssec: {{keys: {folder}/keys}}\n" if signed else ""
        self.signed = signed
        super().__init__(alone.CONFIG.replace('dns: ["{host}:15353"]', "dns: none")
                         .replace("    ns: [dc2", keys + "    ns: [dc2")
                         .replace("service:\n", ZONE + "service:\n"))

    def launch(self, *words):
        if self.signed and not os.path.exists(f"{self.folder}/keys"):
            done = self.call("keygen", "get.example.org")
            assert done.returncode == 0, done
        super().launch(*words)

    def __enter__(self):
        super().__enter__()
        self.adapter = None
        os.mkdir(f"{self.folder}/zones")
        self._write("nsd.conf", NSD_CONF.format(folder=self.folder, host=self.host, port=15353))
        self.nsd = subprocess.Popen([alone.NSD, "-d", "-c", f"{self.folder}/nsd.conf"],
                                    stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log,
                                    start_new_session=True)
        self.until("NSD's control socket", lambda: os.path.exists(f"{self.folder}/ctl"))
        return self

    def __exit__(self, *_):
        self.stop()
        os.killpg(self.nsd.pid, signal.SIGKILL)     # with the processes that it has forked
        self.nsd.wait()
        super().__exit__()

    def start(self, zone=""):
        """Start the adapter."""
        self._write("a.yaml", f"coordinator: {self.folder}/control.sock\n{zone}\n"
                    f"coordinator-lost: 5s\nstate-dir: {self.folder}\n"
                    f"nsd: {{config: {self.folder}/nsd.conf, address: \"{self.host}:15353\"}}\n")
        self.start_again()

    def start_again(self, *words):
        """The same with the files as they are."""
        self.adapter = subprocess.Popen([PROGRAM, "run", *words, "-c", f"{self.folder}/a.yaml"],
                                        stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)

    def stop(self):
        """Stop it."""
        if self.adapter:
            self.adapter.terminate()
            self.adapter.wait()
            self.adapter = None

    def adapter_call(self, word):
        """A sub-command of the adapter."""
        return subprocess.run([PROGRAM, word, "-c", f"{self.folder}/a.yaml"], capture_output=True,
                              text=True, check=False, timeout=20)

    def states(self):
        """What is reported of each zone."""
        zones = json.loads(self.get("/status"))["zones"]
        return {zone["name"]: (zone["nsd"] or {}).get("state") for zone in zones}

    def wait_states(self, expected, within=20.0):
        """Wait until the zones are in these states."""
        self.until(f"the zones {expected}, not {self.states()}",
                   lambda: self.states() == expected, within)

    def edit(self, change):
        """Change the coordinator's configuration and reload it."""
        with open(f"{self.folder}/locum.yaml", encoding="utf-8") as file:
            text = file.read()
        self._write("locum.yaml", change(text))
        done = self.call("reload")
        assert done.returncode == 0, done


BOTH = {"get.example.org.": "served", "cdn.example.org.": "served"}


def test_locum_nsd_carries_one_of_two_zones():
    """A row of the cases from the field."""
    with Site() as site:
        site.until("the coordinator", lambda: site.get("/healthz") and True)
        site.start("zone: get.example.org")
        site.wait_states({"get.example.org.": "served", "cdn.example.org.": "silent"})
        shown = site.call("status")
        assert shown.returncode == 1, shown
        for line in ("degraded: nsd: zone cdn.example.org.: no DNS server on this node serves it",
                     "nsd      get.example.org. served"):
            assert line in shown.stdout, shown.stdout
        assert "nsd: zone get.example.org." not in shown.stdout, shown.stdout
        assert any("zone cdn.example.org.: no DNS server on this node serves it" in warning
                   for warning in json.loads(site.get("/status"))["warnings"])
        assert 'locum_nsd_served{zone="cdn.example.org."} 0' in site.get("/metrics")
        # Without `zone:` it carries both; the lines say what was taken from nsd.conf.
        site.stop()
        site.start()
        site.wait_states(BOTH)
        shown = site.call("status")
        assert "no DNS server" not in shown.stdout and "degraded: nsd" not in shown.stdout
        done = site.adapter_call("status")
        assert done.returncode == 0 and done.stdout.count("adapter      running") == 2, done
        done = site.adapter_call("check")
        for words in (f"zone get.example.org: file {site.folder}/get.example.org.zone, from "
                      "`zonefile: get.example.org.zone` of its zone",
                      f"zone cdn.example.org: file {site.folder}/zones/cdn.example.org.zone, from "
                      "`zonefile: zones/%s.zone` of its pattern", "OK: 2 zone(s)"):
            assert words in done.stdout, done
        log = site.text()
        assert "event=zone zone=cdn.example.org state=carried" in log and "nsd-config=" in log, log


def test_zones_are_followed_and_known_without_the_coordinator():
    with Site(signed=True) as site:
        site.until("the coordinator", lambda: site.get("/healthz") and True)
        site.start()
        site.wait_states(BOTH)
        site.edit(lambda text: text.replace(ZONE, ""))
        site.until("the removal", lambda: "zone=cdn.example.org state=removed" in site.text())
        site.edit(lambda text: text.replace("service:\n", ZONE + "service:\n"))
        site.wait_states(BOTH)
        # A start without the coordinator: both zones get their fail-open zone.
        site.stop()
        site.process.kill()
        site.process.wait()
        site.start()
        site.process = site.adapter     # until() watches this one
        site.until("both fail-open zones", lambda: site.text().count("state=fail-open") == 2, 20)
        done = site.adapter_call("status")
        assert done.returncode == 3 and done.stdout.count("does not answer") == 2, done
        # It returns, and its serials are above those of the fail-open zones.
        site.launch()
        site.until("the coordinator", lambda: site.get("/healthz") and True)
        site.wait_states(BOTH)


def test_signatures_that_end_soon_are_an_alarm():
    """The coordinator does not renew them, because it does not believe its clock. They are placed, too."""
    day = 86400
    kept, secret = "get.signatures", bytes(range(32))
    with Site(signed=True) as site:
        site.until("the coordinator", lambda: site.get("/healthz") and True)
        site.edit(lambda text: text.replace("/keys}", "/keys, validity: 2d, refresh: 1d}"))
        site.start()
        site.wait_states(BOTH)
        assert "event=signatures" not in site.text()
        site.end()
        now_s = int(time.time())
        signatures.set_time(f"{site.folder}/{kept}", secret, 3600 * 1000, now_s - day)
        site.launch()
        site.until("the alarm", lambda: "event=signatures zone=get.example.org state=ending" in site.text())
        ends = time.strftime("%Y-%m-%dT00:00:00", time.gmtime(now_s + day))
        site.until("the warning", lambda: f"the signatures of the zone in NSD end at {ends}" in site.get("/status"))
        assert "degraded: nsd" in site.call("status").stdout
        site.wait_states(BOTH)
        served = subprocess.run(["dig", f"@{site.host}", "-p", "15353", "+dnssec", "+short", "get.example.org", "SOA"],
                                capture_output=True, text=True, check=True).stdout
        assert f" {ends[:4]}{ends[5:7]}{ends[8:10]}000000 " in served, served
        site.end()
        signatures.set_time(f"{site.folder}/{kept}", secret, 0, now_s)
        site.launch()
        site.until("the end of it", lambda: "event=signatures zone=get.example.org state=renewed" in site.text())
        site.wait_states(BOTH)
        site.until("no warning", lambda: "the signatures of" not in site.get("/status"))


def test_a_zone_that_cannot_be_carried_is_tried_again():
    with Site() as site:
        site.until("the coordinator", lambda: site.get("/healthz") and True)
        shutil.rmtree(f"{site.folder}/zones")
        site.start()
        site.wait_states({"get.example.org.": "served", "cdn.example.org.": "silent"})
        log = site.text()
        assert "zone=cdn.example.org state=not-carried" in log and "No such file" in log, log
        os.mkdir(f"{site.folder}/zones")
        site.wait_states(BOTH)


def add(site, name, text):
    """Append to a file. Returns what it held before."""
    with open(f"{site.folder}/{name}", "r+", encoding="utf-8") as file:
        before = file.read()
        file.write(text)
    return before


def restarted(site, *words, kill=False):
    """Start the adapter with the files as they are; a line for each zone comes once more."""
    if kill:
        site.adapter.kill()
    site.stop()
    site.log.truncate(0)
    site.start_again(*words)


def follows(site, number):
    """A change of the coordinator's zone reaches NSD."""
    record = f"    ns: [dc2.example.org]\n    records: [\"n{number} TXT x\"]\n"
    site.edit(lambda text: re.sub(r"    ns: \[dc2.example.org\]\n(    records.*\n)?", record, text))
    def served():
        with open(f"{site.folder}/zones/cdn.example.org.zone", encoding="utf-8") as file:
            return f"n{number}." in file.read()
    site.until(f"change {number} in the zone file", served)
    site.wait_states(BOTH)


def test_refused_files_do_not_stop_it():
    """locum-nsd.yaml and nsd.conf: what took effect last is used, and shown."""
    with Site() as site:
        site.until("the coordinator", lambda: site.get("/healthz") and True)
        site.start()
        site.wait_states(BOTH)
        for number, (name, junk) in enumerate((("a.yaml", "colour: red\n"),
                                               ("nsd.conf", "    colour: red\n"))):
            good = add(site, name, junk)
            restarted(site, kill=number == 0)
            site.until("it carries both", lambda: site.text().count("state=carried") == 2)
            follows(site, number)
            assert "event=kept" in site.text()
            shown = site.call("status")
            assert shown.returncode == 1 and f"/{name} is refused" in shown.stdout, shown.stdout
            assert "degraded: nsd: zone get.example.org.: " in shown.stdout, shown.stdout
            site.stop()
            site.start_again("--no-fallback")
            assert site.adapter.wait(10) == 1 and "event=not-started" in site.text()
            site._write(name, good)
            restarted(site)
            site.until("it carries both", lambda: site.text().count("state=carried") == 2)
            site.until("the end of it", lambda: "is refused" not in site.get("/status"))
            assert "event=kept" not in site.text()


def runs_checkconf(site):
    """Whether nsd-checkconf reads this site's file."""
    for number in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{number}/cmdline", encoding="utf-8") as file:
                words = file.read()
        except OSError:
            continue
        if words.startswith("nsd-checkconf") and f"{site.folder}/nsd.conf" in words:
            return True
    return False


def test_an_nsd_checkconf_that_hangs_delays_only_the_new_zone():
    with Site() as site:
        site.until("the coordinator", lambda: site.get("/healthz") and True)
        site.edit(lambda text: text.replace(ZONE, ""))
        site.start()
        site.wait_states({"get.example.org.": "served"})
        os.mkfifo(f"{site.folder}/fifo")    # an include that nobody writes
        with open(f"{site.folder}/nsd.conf", encoding="utf-8") as file:
            good = file.read()
        site._write("nsd.conf", f"include: {site.folder}/fifo\n" + good)
        site.edit(lambda text: text.replace("service:\n", ZONE + "service:\n"))
        site.until("nsd-checkconf hangs", lambda: runs_checkconf(site))
        site.edit(lambda text: text.replace("dc3.example.org]\n", "dc3.example.org]\n"
                                            "    records: [\"other TXT x\"]\n"))

        def served():
            with open(f"{site.folder}/get.example.org.zone", encoding="utf-8") as file:
                return "other." in file.read()
        site.until("a change of the other zone", served, 5)
        assert runs_checkconf(site), "it has ended"
        site._write("nsd.conf", good)
        site.wait_states(BOTH, 30)


def test_a_damaged_kept_file_is_not_used():
    with Site() as site:
        site.until("the coordinator", lambda: site.get("/healthz") and True)
        site.start()
        site.wait_states(BOTH)
        kept = next(name for name in os.listdir(site.folder) if name.startswith("a.yaml."))
        add(site, "a.yaml", "colour: red\n")
        add(site, kept, "x")
        restarted(site)
        assert site.adapter.wait(10) == 1 and "it is damaged" in site.text(), site.text()


cases.run(globals())
