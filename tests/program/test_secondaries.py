#!/usr/bin/python3
"""NSD, Knot and BIND as secondaries of a running coordinator: they transfer the zone with a key and follow NOTIFY."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time

sys.dont_write_bytecode = True
sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../self"))
import alone
import cases

ZONE = "get.example.org"
KEY = subprocess.run(["/usr/sbin/tsig-keygen", "ns9.example.org"], capture_output=True, text=True, check=True).stdout
SECRET = re.search(r'secret "(.*)";', KEY).group(1)
# What a server needs here besides what doc/transfers.md says.
SERVERS = {
    "nsd": """\
server:
  ip-address: {host}@{port}
  zonesdir: {folder}
  database: ""
  pidfile: {folder}/pid
  xfrdfile: {folder}/xfrd
  xfrdir: {folder}
  zonelistfile: {folder}/zones
  logfile: {folder}/log
  username: ""
  server-count: 1
remote-control:
  control-enable: no
""",
    "knot": """\
server:
  listen: {host}@{port}
  rundir: {folder}
database:
  storage: {folder}
log:
  - target: {folder}/log
    any: info
template:
  - id: default
    storage: {folder}
""",
    "named": """\
options {{
  directory "{folder}";
  pid-file "{folder}/pid";
  session-keyfile "{folder}/session";
  listen-on port {port} {{ 127.0.0.1; }};
  listen-on-v6 {{ none; }};
  recursion no;
  notify no;
}};
controls {{ }};
"""}
# The addresses of doc/transfers.md, where a port belongs to them: this is the first primary. The second does not run.
PORTED = {"nsd": (r"(AXFR )192.0.2.12", r"\g<1>{host}@15353"), "knot": (r"(address: )192.0.2.12\n", r"\g<1>{host}@15353\n"),
          "named": (r"192.0.2.12 key", "{host} port 15353 key")}


def of_page(kind, host, folder):
    """The configuration of the page, for these addresses."""
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    with open(os.path.join(root, "doc/transfers.md"), encoding="utf-8") as page:
        text = re.search(rf"```{kind}\n(.*?)```", page.read(), re.S).group(1)
    text = re.sub(PORTED[kind][0], PORTED[kind][1].format(host=host), text)
    text = text.replace("192.0.2.12", host).replace("192.0.2.13", "127.0.0.13").replace("SECRET", SECRET)
    return text.replace("/etc/bind/ns9.key", f"{folder}/key").replace("/var/cache/bind", folder)


COMMANDS = {"nsd": ["nsd", "-d", "-c"], "knot": ["knotd", "-c"], "named": ["named", "-g", "-c"]}
PORTS = {"nsd": 15361, "knot": 15362, "named": 15363}


def host_of(it_host, kind):
    """BIND listens on addresses that an interface has."""
    return "127.0.0.1" if kind == "named" else it_host


def config():
    notify = ", ".join(f'"{host_of("{host}", kind)}:{port}"' for kind, port in [*PORTS.items(), ("silent", 15364)])
    return alone.CONFIG.replace(
        "service:", f"    answer: all\n    transfer: {{{{key-file: key, notify: [{notify}]}}}}\nservice:")


class Secondary:
    """A name server of its own folder, on the address of the coordinator."""

    def __init__(self, it, kind):
        self.it, self.kind, self.port = it, kind, PORTS[kind]
        self.folder = os.path.join(it.folder, kind)
        os.mkdir(self.folder)
        shutil.copy(os.path.join(it.folder, "key"), self.folder)
        path = os.path.join(self.folder, "conf")
        with open(path, "w", encoding="utf-8") as file:
            file.write(SERVERS[kind].format(host=it.host, port=self.port, folder=self.folder)
                       + of_page(kind, it.host, self.folder))
        self.log = open(os.path.join(self.folder, "output"), "w", encoding="utf-8")
        self.process = subprocess.Popen([*COMMANDS[kind], path], stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log,
                                        start_new_session=True, env={**os.environ, "PATH": os.environ["PATH"] + ":/usr/sbin"})

    def serial(self):
        return serial(host_of(self.it.host, self.kind), self.port)

    def text(self):
        found = []
        for name in "output", "log":
            path = os.path.join(self.folder, name)
            if os.path.exists(path):
                with open(path, encoding="utf-8", errors="replace") as file:
                    found.append(file.read())
        return "\n".join(found)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            pass
        try:
            os.killpg(self.process.pid, signal.SIGKILL)  # children that have not ended yet
        except ProcessLookupError:
            pass
        self.process.wait()
        self.log.close()


def serial(host, port):
    """The SOA serial that a server answers with; 0: none."""
    done = subprocess.run(["dig", f"@{host}", "-p", str(port), "+tries=1", "+time=1", "+short", "SOA", ZONE],
                          capture_output=True, text=True, timeout=10, check=False)
    found = re.match(r"\S+ \S+ (\d+) ", done.stdout)
    return int(found.group(1)) if found else 0


def changes_serial(it):
    before = serial(it.host, 15353)
    it.process.send_signal(signal.SIGHUP)
    return it.until("a new serial", lambda: (now := serial(it.host, 15353)) > before and now)


def follows(it, secondary):
    """It gets the zone, and the new one soon after a change, long before it would refresh. Returns the seconds."""
    try:
        it.until(f"a transfer to {secondary.kind}", lambda: secondary.serial() > 0, 15)
        new = changes_serial(it)
        begun = time.monotonic()
        it.until(f"{secondary.kind} with serial {new}", lambda: secondary.serial() >= new, 10)
    except AssertionError as error:
        raise AssertionError(f"{error}\n{secondary.text()}") from error
    return time.monotonic() - begun


def test_each_transfers_and_follows():
    with alone.Alone(config(), files={"key": KEY}) as it:
        it.until("an answer", lambda: serial(it.host, 15353))
        secondaries = [Secondary(it, kind) for kind in SERVERS]
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
            silent.bind((it.host, 15364))
            silent.settimeout(10)
            try:
                took = {one.kind: follows(it, one) for one in secondaries}
                print({kind: round(seconds, 2) for kind, seconds in took.items()})
                # RFC 1996, sections 3.6 to 3.8: opcode, AA, question and SOA record; from our address; again and again.
                first, source = silent.recvfrom(2048)
                assert source[0] == it.host and first[2:12] == b"\x24\0\0\1\0\1\0\0\0\1", first
                while (again := silent.recvfrom(2048)[0])[30:60] != first[30:60] or again[:2] == first[:2]:
                    pass
            finally:
                for one in secondaries:
                    one.stop()
        words = ["dig", f"@{it.host}", "-p", "15353", "-k", os.path.join(it.folder, "key"), ZONE, "AXFR"]
        assert "XFR size" in subprocess.run(words, capture_output=True, text=True, timeout=10, check=False).stdout
        text = it.get("/metrics")
        counts = dict(re.findall(r'^locum_dns_notify_total\{result="(\w+)"\} (\d+)$', text, re.M))
        assert int(counts["acknowledged"]) >= 3 and int(counts["sent"]) > int(counts["acknowledged"]), counts
        assert re.search(r"^locum_dns_secondaries_silent [1-4]$", text, re.M), text
        for kind, port in PORTS.items():
            it.until("a line in the log", lambda at=f"{host_of(it.host, kind)}:{port}": re.search(
                rf"event=secondary zone={ZONE}\. address={at} state=acknowledged", it.text()))


if __name__ == "__main__":
    cases.run(globals())
