#!/usr/bin/env python3
# deadline: 120 s
# beside others
"""`locum dump` of a real failover: `sim --replay` shows what the node decided, and decides the same."""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../self"))
import cases

BUILD = os.environ["BUILD"]
LOCUM = os.environ.get("LOCUM", os.path.join(BUILD, "locum"))
SIM = os.path.join(BUILD, "tests/sim/sim")
SECRET = "5ec4e7" * 10 + "5ec4"
HEADER = "a-value-of-a-header"
NET = f"127.{os.getpid() // 65536 % 100 + 80}.{os.getpid() // 256 % 256}"
FIRST = os.getpid() % 80 * 3 + 1
CONFIG = """\
cluster: get
node: {node}
secret-file: secret
key-file: {node}.key
state-dir: {folder}/{node}
listen: {{dns: {dns}, control: {folder}/{node}.sock, http: "{host}:19854"}}
nodes:
  dc2: {{address: [{hosts[0]}], port: 19853, key: ["{keys[dc2]}"]}}
  dc3: {{address: [{hosts[1]}], port: 19853, key: ["{keys[dc3]}"]}}
  ns0: {{role: witness, address: [{hosts[2]}], port: 19853, key: ["{keys[ns0]}"]}}
zones:
  - name: get.example.org
    ns: [dc2.example.org, dc3.example.org]
service:
  checks:
    - command: {{argv: ["/bin/true"], interval: 1s}}
    - http: {{url: "http://127.0.0.1:9/", headers: {{Authorization: "{header}"}}, severity: degraded, interval: 10s}}
"""
NODES = ("dc2", "dc3", "ns0")


class Site:
    """Three coordinators on loopback addresses, without Redis."""

    def __enter__(self):
        self.folder = tempfile.mkdtemp(prefix="locum-dump-")
        self.hosts = [f"{NET}.{FIRST + i}" for i in range(3)]
        self.processes, self.keys = {}, {}
        self.write("secret", SECRET + "\n")
        for node in NODES:
            text = subprocess.run([LOCUM, "keygen", "--node"], capture_output=True, text=True, check=True).stdout
            self.keys[node] = re.search(r"[0-9a-f]{64}", text).group()
            self.write(f"{node}.key", text)
        for node in NODES:
            os.mkdir(os.path.join(self.folder, node))
            self.configure(node)
            self.start(node)
        return self

    def write(self, name, text):
        with open(os.path.join(self.folder, name), "w", encoding="utf-8") as file:
            os.fchmod(file.fileno(), 0o600)
            file.write(text)

    def configure(self, node, more=""):
        host = self.hosts[NODES.index(node)]
        self.write(f"{node}.yaml", CONFIG.format(
            node=node, folder=self.folder, hosts=self.hosts, host=host, keys=self.keys, header=HEADER,
            dns="none" if node == "ns0" else f'["{host}:15353"]') + more)

    def path(self, name):
        return os.path.join(self.folder, name)

    def start(self, node):
        with open(self.path(f"{node}.log"), "a", encoding="utf-8") as log:
            self.processes[node] = subprocess.Popen(
                [LOCUM, "run", "-c", self.path(f"{node}.yaml")], stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def locum(self, node, *words, wanted=(0,)):
        run = subprocess.run([LOCUM, *words, "-c", self.path(f"{node}.yaml")], stdin=subprocess.DEVNULL,
                             capture_output=True, text=True, check=False, timeout=20)
        assert run.returncode in wanted, run
        return run.stdout

    def until(self, what, true, within=30):
        end = time.monotonic() + within
        while not (found := true()):
            assert time.monotonic() < end, what + open(self.path("dc2.log"), encoding="utf-8").read()[-3000:]
            time.sleep(0.05)
        return found

    def condition(self, node):
        status = self.locum("dc2", "status", "--json", wanted=(0, 1, 3))
        return next((row["condition"] for row in json.loads(status)["nodes"] if row["name"] == node), "") \
            if status else ""

    def kill(self, node):
        process = self.processes.pop(node)
        process.kill()
        process.wait()

    def dump(self):
        text = self.locum("dc2", "dump")
        self.write("dump", text)
        return text

    def __exit__(self, *_):
        for node in list(self.processes):
            self.kill(node)
        shutil.rmtree(self.folder)


def replay(path):
    return subprocess.run([SIM, "--replay", path], capture_output=True, text=True, check=False, timeout=60)


def recorded_events(site):
    """What the daemon's own log says, of what the core decides."""
    with open(site.path("dc2.log"), encoding="utf-8") as file:
        return [(match[1], match[2], match[3]) for match in re.finditer(
            r"event=condition node=\S+ peer=(\S+) from=(\S+) to=(\S+)", file.read())]


def test_a_failover_is_explained():
    with Site() as site:
        site.until("all are alive", lambda: {site.condition("dc3"), site.condition("ns0")} == {"alive"})
        site.locum("dc2", "drain", "--force", "--for", "1h", "--reason", "new disk")
        site.kill("dc3")
        site.until("dc3 is down", lambda: site.condition("dc3") == "down")
        site.locum("dc2", "ready")
        dump = site.dump()
        shown = replay(site.path("dump"))
        assert shown.returncode == 0 and shown.stderr == "", shown
        assert "as they were recorded" in shown.stdout.splitlines()[-1], shown.stdout[-300:]
        assert re.search(r"condition peer=dc3 from=suspect to=down votes=dc2,ns0 .*reason=quorum", shown.stdout), shown.stdout
        assert re.search(r"> admin drain 1h new disk$", shown.stdout, re.M), shown.stdout
        assert re.search(r"= serving from=\S+ to=\S*takeover\(dc3\)", shown.stdout), shown.stdout
        conditions = re.findall(r"condition peer=(\S+) from=(\S+) to=(\S+)", shown.stdout)
        assert conditions == recorded_events(site), (conditions, open(site.path("dc2.log")).read())
        print(f"{len(dump)} bytes: {dump.count(chr(10) + '> ')} inputs")
        for secret in (SECRET, HEADER, "x-mac", "Authorization", *(open(site.path(f"{node}.key"), encoding="utf-8")
                       .read().split()[-1] for node in NODES)):
            assert secret not in dump, secret
        for line in dump.splitlines():
            assert not re.search(r"[0-9a-f]{32}", line), line
        a_changed_dump_is_refused(site, dump)
        # After a reload a new state is recorded, and the recording goes on.
        site.configure("dc2", "events: {keep: 300}\n")
        site.locum("dc2", "reload")
        site.until("something is recorded", lambda: site.dump().rpartition("begin reload")[2].count("\n> ") > 30)
        shown = replay(site.path("dump"))
        assert shown.returncode == 0 and "(reload)" in shown.stdout, shown


def a_changed_dump_is_refused(site, dump):
    """What was changed or cut is an error that names the line, never a crash."""
    lines = dump.splitlines(keepends=True)
    heartbeat = next(i for i, line in enumerate(lines) if i > len(lines) // 4 and " heartbeat udp4 " in line)
    commit = next(i for i, line in enumerate(lines) if line.startswith("= "))
    for wanted, text in ((2, dump[:len(dump) // 2].rpartition("\n")[0] + "\n> 1"), (2, "".join(lines[1:])),
                         (2, "".join(lines[:1])), (2, dump.replace("locum-dump 1", "locum-dump 2", 1)),
                         (2, dump.replace("\npeer ", "\npeer 9", 1)), (2, dump.replace("\nend\n", "\n", 1)),
                         (1, "".join(lines[:commit] + lines[commit + 1:])),
                         (1, "".join(lines[:commit] + ["= 0123456789abcdef\n"] + lines[commit + 1:])),
                         (2, "".join(lines[:heartbeat] + ["> x\n"] + lines[heartbeat:])), (2, dump + "\xff\n")):
        site.write("changed", text)
        shown = replay(site.path("changed"))
        assert shown.returncode == wanted and re.search(r"^(line \d+: |\S+: )", shown.stderr), (wanted, shown)


def test_only_the_control_socket_has_it():
    with Site() as site:
        site.until("it answers", lambda: site.condition("dc3"))
        host = f"{site.hosts[0]}:19854"
        for method in ("GET", "POST"):
            run = subprocess.run(["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "-X", method,
                                  f"http://{host}/dump"], capture_output=True, text=True, check=False)
            assert run.stdout in ("403", "404", "405"), (method, run)
        assert os.stat(site.path("dc2.sock")).st_mode & 0o007 == 0


if __name__ == "__main__":
    cases.run(globals())
