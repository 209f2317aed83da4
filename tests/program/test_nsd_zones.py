#!/usr/bin/env python3
"""A coordinator with two zones, a real NSD and locum-nsd: every zone is carried, or its absence shown."""
# deadline: 120 s

import json
import os
import shutil
import signal
import subprocess
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "../self")]
import alone
import cases

PROGRAM = os.path.join(os.environ["BUILD"], "locum-nsd")
NSD = shutil.which("nsd", path="/usr/sbin:/usr/bin")
ZONE = "  - name: cdn.example.org\n    ns: [dc2.example.org]\n"

NSD_CONF = """\
server:
  ip-address: {host}@15353
  username: ""
  chroot: ""
  zonesdir: {folder}
  database: ""
  pidfile: {folder}/nsd.pid
  xfrdfile: {folder}/xfrd.state
  xfrdir: {folder}
  zonelistfile: {folder}/nsd.list
  cookie-secret-file: {folder}/cookies
  server-count: 1
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

    def __init__(self):
        super().__init__(alone.CONFIG.replace('dns: ["{host}:15353"]', "dns: none")
                         .replace("service:\n", ZONE + "service:\n"))

    def __enter__(self):
        super().__enter__()
        self.adapter = None
        os.mkdir(f"{self.folder}/zones")
        self._write("nsd.conf", NSD_CONF.format(folder=self.folder, host=self.host))
        self.nsd = subprocess.Popen([NSD, "-d", "-c", f"{self.folder}/nsd.conf"],
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
        self.adapter = subprocess.Popen([PROGRAM, "run", "-c", f"{self.folder}/a.yaml"],
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

    def call(self, *words):
        """A sub-command of the coordinator."""
        return subprocess.run([os.environ["LOCUM"], *words, "-c", f"{self.folder}/locum.yaml"],
                              capture_output=True, text=True, check=False, timeout=20)

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
        for line in ("degraded: nsd: zone cdn.example.org.: nobody serves it on this node",
                     "nsd      get.example.org. served"):
            assert line in shown.stdout, shown.stdout
        assert "nsd: zone get.example.org." not in shown.stdout, shown.stdout
        assert any("zone cdn.example.org.: nobody serves it" in warning
                   for warning in json.loads(site.get("/status"))["warnings"])
        assert 'locum_nsd_served{zone="cdn.example.org."} 0' in site.get("/metrics")
        # Without `zone:` it carries both; the lines say what was taken from nsd.conf.
        site.stop()
        site.start()
        site.wait_states(BOTH)
        shown = site.call("status")
        assert "nobody serves" not in shown.stdout and "degraded: nsd" not in shown.stdout
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
    with Site() as site:
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


cases.run(globals())
