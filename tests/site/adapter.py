"""adapter: the programs of a node whose port 53 belongs to NSD: that NSD and locum-nsd."""

import json
import os
import socket
import struct
from pathlib import Path

import wire
from programs import ROOT, Nsd, Program


class OwnedNsd(Nsd):
    """The public NSD. It has only the zones that locum-nsd adds with its pattern."""

    name = "own"
    pattern = "locum"

    def __init__(self, host):
        super().__init__(host)
        self.control = f"{self.dir}/ctl"    # or an address: then TLS, with keys in self.dir
        self.zones = self.dir / "zones"
        self.zonefile = self.zones / f"{host.site.zone}.zone"

    def configure(self):
        host = self.host
        self.zones.mkdir(exist_ok=True)
        listen = "\n".join(f"    ip-address: {a}@{host.ports.dns}"
                           for a in (host.address, host.address6) if a)
        (self.dir / "nsd.conf").write_text(f"""\
server:
{listen}
    username: ""
    chroot: ""
    zonesdir: ""
    database: ""
    pidfile: "{self.dir}/pid"
    xfrdfile: "{self.dir}/xfrd.state"
    xfrdir: "{self.dir}"
    zonelistfile: "{self.dir}/zone.list"
    cookie-secret-file: "{self.dir}/cookies"
    server-count: 1
    rrl-ratelimit: 0
remote-control:
    control-enable: yes
    control-interface: {self.control}
    server-key-file: "{self.dir}/nsd_server.key"
    server-cert-file: "{self.dir}/nsd_server.pem"
    control-key-file: "{self.dir}/nsd_control.key"
    control-cert-file: "{self.dir}/nsd_control.pem"
pattern:
    name: {self.pattern}
    zonefile: "{self.zones}/%s.zone"
""")

    def ready(self):
        return self.host.accepts(self.host.address, self.host.ports.dns)

    def soa(self, within=0.5):
        """The serial of the zone it serves; None: no answer, 0: an answer without a serial."""
        question = wire.question(self.host.site.zone, "A")[:-4] + struct.pack("!2H", 6, 1)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.settimeout(within)
            sock.connect((self.host.address, self.host.ports.dns))
            try:
                sock.send(question)
                reply = sock.recv(4096)
            except OSError:
                return None
        if reply[3] & 15 or struct.unpack("!H", reply[6:8])[0] != 1:
            return 0
        # One record, then NS records: mname and rname point back, so the serial is found from the
        # start of the answer: name (2), type, class, TTL, length (10), mname, rname, serial.
        at = len(question) + 12
        for _ in range(2):
            while reply[at] not in (0,) and reply[at] < 0xc0:
                at += 1 + reply[at]
            at += 1 if reply[at] == 0 else 2
        return struct.unpack_from("!I", reply, at)[0]


class LocumNsd(Program):
    """The adapter."""

    name = "adapter"

    def __init__(self, host):
        super().__init__(host)
        self.config = self.dir / "locum-nsd.yaml"
        self.lost = "10s"

    def configure(self):
        host, own = self.host, self.host.own
        self.config.write_text(f"""\
coordinator: {host.locum.socket}
coordinator-lost: {self.lost}
zone: {host.site.zone}
nsd:
  config: {own.dir}/nsd.conf
  zonefile: {own.zonefile}
  address: "{host.address}:{host.ports.dns}"
  pattern: {own.pattern}
""")

    @staticmethod
    def binary():
        """The program under test: LOCUM_NSD, else the one in the build folder BUILD."""
        build = Path(os.environ.get("BUILD") or ROOT / "build")
        return Path(os.environ.get("LOCUM_NSD") or build / "locum-nsd").resolve()

    def argv(self):
        return [str(self.binary()), "run", "-c", str(self.config)]

    def command(self, word):
        """Run a sub-command: a CompletedProcess with text."""
        return self.host.call(str(self.binary()), word, "-c", str(self.config))

    def report(self):
        """What it has reported to the coordinator, as `locum status --json` shows it, or {}."""
        return self.host.locum.status().get("nsd") or {}

    def ready(self):
        return bool(self.host.own.soa())

    def logged(self, *words):
        """The lines of its log that contain all these words."""
        return [line for line in self.log.read_text(errors="replace").splitlines()
                if all(word in line for word in words)]


def post(control_socket, path, body):
    """POST to a coordinator's control socket directly: faster than a command."""
    text = json.dumps(body).encode()
    with socket.socket(socket.AF_UNIX) as sock:
        sock.connect(str(control_socket))
        sock.sendall(f"POST {path} HTTP/1.1\r\nHost: locum\r\nContent-Length: {len(text)}\r\n"
                     "Connection: close\r\n\r\n".encode() + text)
        reply = b""
        while chunk := sock.recv(65536):
            reply += chunk
    assert reply.startswith(b"HTTP/1.1 200"), reply
    return json.loads(reply.split(b"\r\n\r\n", 1)[1])
