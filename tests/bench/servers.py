"""The name servers that tests/bench/dns compares: their configuration, their start, their processes.

All serve the same zone, the one that Locum answers with. As far as they have these: one thread or process for
queries, short answers, cookies, a rate limit of 200 answers a second with a short answer for each one over it. Each
has its own port of one address.
"""

import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.append(os.path.join(ROOT, "tests/site"))
import control

BUILD = os.environ.get("BUILD", os.path.join(ROOT, "build"))
ADDRESS = "192.0.2.12"
ZONE = "get.example.org"
# Name, type, rcode, records in the answer section, and how many of a hundred queries ask it. tests/bench/ask makes
# random letters of the question marks.
MIX = [(ZONE, 1, 0, 1, 70), (ZONE, 28, 0, 1, 15),
       (f"dc2.{ZONE}", 1, 0, 1, 2), (f"dc3.{ZONE}", 1, 0, 1, 2), (f"dc3.{ZONE}", 28, 0, 1, 1),
       (f"???.{ZONE}", 1, 3, 0, 5),
       (ZONE, 2, 0, 2, 2), (ZONE, 6, 0, 1, 2), (ZONE, 16, 0, 1, 1)]
# The same zone again, signed. With DO an answer has one record more.
SIGNED = "signed.example.org"
SIGNED_MIX = [(name.replace(ZONE, SIGNED), kind, rcode, count + (count > 0), weight)
              for name, kind, rcode, count, weight in MIX]

LOCUM = """
cluster: bench
node: dc2
secret-file: {folder}/secret
nodes:
  dc2: {{address: [192.0.2.12, "2001:db8:2::12"]}}
zones:
  - name: {zone}
    ns: [dc2.example.org, dc3.example.org]
    owned: {{dc2: [dc2, dc3]}}
    records: ["@ TXT \\"one line of text\\""]
  - name: {signed}
    ns: [dc2.example.org, dc3.example.org]
    owned: {{dc2: [dc2, dc3]}}
    dnssec: {{keys: {folder}/keys}}
    records: ["@ TXT \\"one line of text\\""]
service:
  checks:
    - tcp: {{address: "127.0.0.1:9"}}
state-dir: {folder}
dns: {{workers: 1, rate-limit: {{responses-per-second: 200, slip: 1}}}}
listen:
  dns: ["{address}:{port}"]
  peer: ["127.0.0.1:9853"]
  control: {folder}/control.sock
"""

NSD = """
server:
    server-count: 1
    ip-address: {address}@{port}
    username: ""
    chroot: ""
    zonesdir: "{folder}"
    zonelistfile: "{folder}/zone.list"
    database: ""
    pidfile: "{folder}/nsd.pid"
    xfrdfile: "{folder}/xfrd.state"
    xfrdir: "{folder}"
    minimal-responses: yes
    answer-cookie: yes
    rrl-ratelimit: 200
    rrl-whitelist-ratelimit: 200
    rrl-slip: 1
remote-control:
    control-enable: no
zone:
    name: "{zone}"
    zonefile: "zone"
zone:
    name: "{signed}"
    zonefile: "signed"
"""

KNOT = """
server:
    rundir: {folder}
    listen: {address}@{port}
    udp-workers: 1
    tcp-workers: 1
    background-workers: 1
log:
  - target: stderr
    any: warning
database:
    storage: {folder}/knot
mod-cookies:
  - id: on
mod-rrl:
  - id: on
    rate-limit: 200
    slip: 1
template:
  - id: default
    storage: {folder}
    global-module: [mod-cookies/on, mod-rrl/on]
    zonefile-sync: -1
    journal-content: none
zone:
  - domain: {zone}
    file: zone
  - domain: {signed}
    file: signed
"""

GDNSD = """
options => {{
    listen => {{ "{address}:{port}" => {{ udp_threads => 1, tcp_threads => 1 }} }}
    run_dir => "{folder}/run"
    state_dir => "{folder}/state"
}}
"""

BIND = """
options {{
    directory "{folder}";
    pid-file "{folder}/named.pid";
    session-keyfile "{folder}/named.key";
    listen-on port {port} {{ {address}; }};
    listen-on-v6 {{ none; }};
    recursion no;
    minimal-responses yes;
    notify no;
    rate-limit {{ responses-per-second 200; slip 1; }};
}};
controls {{ }};
zone "{zone}" {{ type primary; file "zone"; }};
zone "{signed}" {{ type primary; file "signed"; }};
"""

# Name, Debian package, program and its arguments, file of the configuration, configuration.
OTHERS = [
    ("nsd", "nsd", ["nsd", "-d", "-c", "{folder}/nsd.conf"], "nsd.conf", NSD),
    ("knot", "knot", ["knotd", "-c", "{folder}/knot.conf"], "knot.conf", KNOT),
    ("gdnsd", "gdnsd", ["gdnsd", "-c", "{folder}/gdnsd", "start"], "gdnsd/config", GDNSD),
    ("bind", "bind9", ["named", "-f", "-4", "-n", "1", "-U", "1", "-c", "{folder}/named.conf"],
     "named.conf", BIND),
]
NO_LIMIT = ("gdnsd",)                       # has no rate limit
NO_DNSSEC = ("gdnsd",)


class Failed(Exception):
    """An error for the user; ends the program."""


def ask(port, name, kind, dnssec=False, timeout_s=0.5):
    """The answer: (rcode, AA, records in the answer section), or None."""
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    query = struct.pack(">6H", 1, 0, 1, 0, 0, 1) + labels + b"\0" + \
        struct.pack(">2H", kind, 1) + b"\0" + struct.pack(">2HIH", 41, 1232, 0x8000 if dnssec else 0, 0)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.settimeout(timeout_s)
        try:
            udp.connect((ADDRESS, port))
            udp.send(query)
            _, flags, _, answers, _, _ = struct.unpack(">6H", udp.recv(4096)[:12])
        except OSError:
            return None
    return flags & 15, bool(flags & 0x400), answers


def wrong_answer(port, mix, dnssec=False):
    """The first question of a mix that is answered wrongly, as text; None if there is none."""
    for name, kind, rcode, count, _ in mix:
        answer = ask(port, name.replace("?", "x"), kind, dnssec)
        if answer != (rcode, True, count):
            return f"to {name} type {kind} it answers {answer}, not {(rcode, True, count)} " \
                   "(rcode, authoritative, answers)"
    return None


class Server:
    """A running server with its child processes."""

    def __init__(self, name, folder, port, words, cpus):
        self.name, self.port = name, port
        self.log = os.path.join(folder, name + ".log")
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                words, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                preexec_fn=lambda: os.sched_setaffinity(0, cpus))

    def pids(self):
        """Its process and all below it."""
        parents = {}
        for entry in os.listdir("/proc"):
            if entry.isdigit():
                try:
                    with open(f"/proc/{entry}/stat", encoding="ascii", errors="replace") as file:
                        parents[int(entry)] = int(file.read().rpartition(")")[2].split()[1])
                except OSError:
                    continue
        found = [self.process.pid]
        for pid in found:
            found += [child for child, parent in parents.items() if parent == pid]
        return found

    def wait(self, ready, seconds=10.0):
        """Until ready() is true. Raises Failed with the end of its log."""
        deadline = time.monotonic() + seconds
        while not ready():
            ended = self.process.poll() is not None
            if ended or time.monotonic() > deadline:
                with open(self.log, encoding="utf-8", errors="replace") as file:
                    text = "".join(file.readlines()[-10:])
                why = f"ended with exit code {self.process.returncode}" if ended else \
                    f"does not answer after {seconds:.0f} s"
                raise Failed(f"{self.name} {why}; its log:\n{text}")
            time.sleep(0.05)

    def stop(self):
        for number in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(self.process.pid, number)
                self.process.wait(5)
                return
            except (subprocess.TimeoutExpired, ProcessLookupError):
                continue


def write(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "w", encoding="ascii") as file:
        file.write(text)


def start_echo(folder, port, cpus):
    return Server("echo", folder, port,
                  [os.path.join(BUILD, "tests/bench/echo"), ADDRESS, str(port)], cpus)


def start_locum(folder, port, cpus, program=None, name="locum"):
    """Started, with its answers."""
    folder = os.path.join(folder, name)
    write(f"{folder}/secret", "5a" * 32 + "\n")
    write(f"{folder}/locum.yaml",
          LOCUM.format(folder=folder, zone=ZONE, signed=SIGNED, address=ADDRESS, port=port))
    program = program or os.path.join(BUILD, "locum")
    made = subprocess.run([program, "keygen", SIGNED, "-c", f"{folder}/locum.yaml"], capture_output=True, text=True,
                          check=False)
    if made.returncode:
        raise Failed(f"{name} makes no key: {made.stderr}")
    server = Server(name, folder, port, [program, "run", "-c", f"{folder}/locum.yaml"], cpus)
    server.wait(lambda: (ask(port, ZONE, 1) or (9, 0, 0))[2] > 0)
    return server


def start_other(row, folder, port, cpus):
    """Started, with its answers, which it reads from {folder}/zone. Raises Failed."""
    name, package, words, file, text = row
    program = shutil.which(words[0], path="/usr/sbin:/usr/bin")
    if program is None:
        raise Failed(f"the Debian package {package} is not installed, or this Debian has none")
    for below in ("knot", "run", "state"):
        os.makedirs(os.path.join(folder, below), exist_ok=True)
    write(f"{folder}/{file}", text.format(folder=folder, zone=ZONE, signed=SIGNED, address=ADDRESS, port=port))
    server = Server(name, folder, port,
                    [program, *(word.format(folder=folder) for word in words[1:])], cpus)
    try:
        server.wait(lambda: (ask(port, ZONE, 1) or (9, 0, 0))[2] > 0)
    except Failed:
        server.stop()
        raise
    return server


def write_zone(folder):
    """The zones that Locum answers with, for the others."""
    zone, signed = (json.loads(control.get(os.path.join(folder, "locum/control.sock"), f"/zone?name={name}."))["zone"]
                    for name in (ZONE, SIGNED))
    write(f"{folder}/zone", zone)
    write(f"{folder}/signed", signed)
    write(f"{folder}/gdnsd/zones/{ZONE}", zone)
