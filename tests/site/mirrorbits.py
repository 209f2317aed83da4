"""mirrorbits: Mirrorbits as a program of the site, its data, and locum-unstick.

MIRRORBITS in the environment names a real one, MIRRORBITS_TEMPLATES its folder `templates` (default:
beside the program). Without it the stand-in runs (redirector.py).
"""

import http.client
import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

from programs import MASTER, ROOT, Program, until
from redirector import CLUSTER, FILE_UPDATE, MIRROR_FILE_UPDATE, MIRROR_UPDATE, Link

REAL = os.environ.get("MIRRORBITS")
TEMPLATES = os.environ.get("MIRRORBITS_TEMPLATES") or REAL and Path(REAL).with_name("templates")
NOTICE = f"Mirrorbits here is {REAL}" if REAL else \
    "SKIP with a real Mirrorbits: MIRRORBITS names no program, so the stand-in runs"

FILE = "/pool/locum.iso"
SIZE, MODIFIED_S, MODIFIED = 1024, 1763863200, "2025-11-23 02:00:00 +0000 UTC"
MIRRORS = {"1": "m1.example.net", "2": "m2.example.net"}
FALLBACK = "fallback1.example.net"

SET = {"hash": "HSET", "set": "SADD", "string": "SET"}
GET = {"hash": "HGETALL", "set": "SMEMBERS", "string": "GET"}


def check_of(host, start):
    """The entry in a node's status of the check whose name begins with this."""
    return next(c for c in host.locum.status()["checks"] if c["name"].startswith(start))


def keys_of(files):
    """
    What Mirrorbits' scans leave of these files on two mirrors (database/v2, scan/scan.go,
    mirrors/mirrors.go): [(type, key, arguments)]. A scan of the repository finds nothing to change.
    """
    keys = [("string", "MIRRORBITS_DB_VERSION", ["2"]),
            ("hash", "MIRRORS", [word for pair in MIRRORS.items() for word in pair]),
            ("set", "FILES", files)]
    for number, name in MIRRORS.items():
        keys.append(("hash", f"MIRROR_{number}", [
            "ID", number, "name", name, "http", f"http://{name}/", "enabled", "true",
            "httpUp", "true", "lastSync", str(10**11)]))        # no scan is due
    for file in files:
        keys.append(("hash", f"FILE_{file}", ["size", SIZE, "modTime", MODIFIED, "sha1", "",
                                              "sha256", "0" * 64, "md5", ""]))
        keys.append(("set", f"FILEMIRRORS_{file}", list(MIRRORS)))
        keys += [("hash", f"FILEINFO_{number}_{file}", ["size", SIZE]) for number in MIRRORS]
    return keys


class Mirrorbits(Program):
    """Tests change: the database, whether it is found, the host name, gate of Locum's check."""

    name, FILE = "mirrorbits", FILE

    def __init__(self, host):
        super().__init__(host)
        self.db, self.found, self.gate = 0, True, False
        self.hostname = self.known_as = f"vm-{host.name}"   # known_as: to Locum
        self.port = host.ports.mirrorbits
        self.conf = self.dir / "mirrorbits.conf"

    def configure(self):
        site, host = self.host.site, self.host
        sentinels = [f"{h.private}:{h.ports.sentinel}" for h in site.with_program("sentinel")] \
            if self.found else [f"{host.private}:1"]
        hosts = "\n".join(f"    - Host: {s}" for s in sentinels)
        add_files(site, [FILE])
        self.conf.write_text(f"""\
Repository: {repository(site)}
Templates: {TEMPLATES or self._empty_templates()}
OutputMode: redirect
ListenAddress: {host.address}:{self.port}
RPCListenAddress: 127.0.0.1:3390
RepositoryScanInterval: 0
CheckInterval: 1000
RedisSentinelMasterName: {MASTER}
RedisSentinels:
{hosts}
RedisAddress: ""
RedisPassword: {site.redis_password}
RedisDB: {self.db}
Fallbacks:
    - URL: http://{FALLBACK}/
      CountryCode: fr
      ContinentCode: eu
""")

    def _empty_templates(self):
        """The stand-in only wants to find them."""
        folder = self.dir / "templates"
        folder.mkdir(exist_ok=True)
        folder.joinpath("base.html").touch()
        return folder

    def argv(self):
        if REAL:
            return ["unshare", "--uts", "sh", "-c", 'hostname "$0" && exec "$@"', self.hostname,
                    REAL, "daemon", "-config", str(self.conf), "-p", str(self.dir / "pid")]
        return [sys.executable, "-B", str(Path(__file__).with_name("redirector.py")),
                str(self.conf), self.hostname]

    def environment(self):
        return {**super().environment(), "TZ": "UTC"}

    @property
    def url(self):
        """The URL of a file that two mirrors have."""
        return f"http://{self.host.address}:{self.host.ports.mirrorbits}{FILE}"

    def ready(self):
        return self.host.accepts(self.host.address, self.port)

    def again(self):
        """Restart with the changes."""
        self.kill()
        self.configure()
        self.start()

    def reload(self, text):
        """Replace its configuration and send SIGHUP. Returns when it was read, or it has ended."""
        def answers():
            return self.log.read_text(errors="replace").count("SIGHUP Received")
        before = answers()
        self.conf.write_text(text)
        self.process.send_signal(signal.SIGHUP)
        until(f"{self} reads its configuration", lambda: answers() > before or not self.running, 5)

    def ask(self, path, method="GET", within=5.0):
        """(status, body, Location) of one request; OSError: no answer."""
        link = http.client.HTTPConnection(self.host.address, self.port, timeout=within)
        try:
            link.request(method, path)
            answer = link.getresponse()
            return answer.status, answer.read().decode(errors="replace"), \
                answer.getheader("Location")
        except http.client.HTTPException as error:
            raise OSError(repr(error)) from error
        finally:
            link.close()


class Unstick(Program):
    """Closes this host's connections to a Redis that is no longer the master."""

    name = "unstick"

    def argv(self):
        return [str(ROOT / "deploy/locum-unstick"), "-c", str(self.host.locum.config)]

    def environment(self):
        return {**super().environment(), "LOCUM": str(self.host.locum.binary())}

    def ready(self):
        return self.running


CANNOT_CLOSE = "the kernel lacks CONFIG_INET_DIAG_DESTROY, which locum-unstick needs"


def kernel_closes_connections():
    """Whether `ss -K` closes a connection here."""
    with socket.create_server(("127.0.0.1", 0)) as server, \
            socket.create_connection(server.getsockname(), timeout=0.2) as link:
        subprocess.run(["ss", "-K", "-H", "-t", "-n", "dst", "127.0.0.1:%d" % link.getpeername()[1]],
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
        try:
            return link.recv(1) == b""
        except TimeoutError:
            return False
        except OSError:
            return True


def ask_at_once(host, paths):
    """GET all these, each over a connection of its own, and read the answers."""
    links = [socket.create_connection((host.address, host.mirrorbits.port), timeout=5)
             for _ in paths]
    for link, path in zip(links, paths):
        link.sendall(f"GET {path} HTTP/1.0\r\n\r\n".encode())
    for link in links:
        while link.recv(65536):
            pass
        link.close()


# What operators get wrong in mirrorbits.conf: old text, new text. Mirrorbits refuses to take it.
REFUSED = {
    "not YAML": ("RedisDB:", ": [\nRedisDB:"),
    "a key twice": ("RedisDB:", "RedisDB: 1\nRedisDB:"),
    "no Repository": ("Repository:", "#Repository:"),
    "an unknown OutputMode": ("OutputMode: redirect", "OutputMode: redirects"),
    "Fallbacks that are no list": ("- URL:", "  URL:"),
}


def misspelt(text, change):
    """The text of a configuration with a change of REFUSED."""
    old, new = change
    assert text.count(old) == 1, old
    return text.replace(old, new)


def repository(site):
    """The folder with the files, the same for all servers."""
    return site.dir / "repository"


def add_files(site, files):
    """Put files into the repository. They are one file with many names."""
    content = site.dir / "content"
    if not content.exists():
        content.write_bytes(b"." * SIZE)
        os.utime(content, (MODIFIED_S, MODIFIED_S))
    for file in files:
        name = repository(site) / file.lstrip("/")
        name.parent.mkdir(parents=True, exist_ok=True)
        if not name.exists():
            os.link(content, name)


def link_to(host):
    """A connection to this host's Redis as Mirrorbits' user, with 5 s of patience."""
    link = Link(f"{host.private}:{host.ports.redis}", read_s=5)
    link.do("AUTH", host.site.redis_password)
    return link


def write_keys(host, files=(FILE,), link=None):
    """Fill Mirrorbits' database on the master, and tell each Mirrorbits as a scan does."""
    commands = [(SET[kind], key, *words) for kind, key, words in keys_of(files)]
    commands += [("PUBLISH", MIRROR_UPDATE, number) for number in MIRRORS]
    commands += [("PUBLISH", FILE_UPDATE, file) for file in files]
    commands += [("PUBLISH", MIRROR_FILE_UPDATE, f"{number} {file}")
                 for file in files for number in MIRRORS]
    link = link or link_to(host)
    for command in commands:
        link.send(*command)
    for _ in commands:
        link.reply()
    link.close()


def read_keys(host):
    """{key: value} of the whole database."""
    return {key: host.redis.cli(GET[kind], key) for kind, key, _ in keys_of([FILE])}


def set_mirrors(host, up):
    """Mark all mirrors as reachable ("true") or not, as Mirrorbits' own checks do."""
    link = link_to(host)
    for number in MIRRORS:
        link.do("HSET", f"MIRROR_{number}", "httpUp", up)
        link.do("PUBLISH", MIRROR_UPDATE, number)
    link.close()


def announcements(host, seconds):
    """What each Mirrorbits says on the cluster's channel of this host's Redis meanwhile."""
    link, end, data = link_to(host), time.monotonic() + seconds, b""
    link.send("SUBSCRIBE", CLUSTER)
    while (left := end - time.monotonic()) > 0:
        link.sock.settimeout(left)
        try:
            data += link.sock.recv(65536)
        except socket.timeout:
            break
    link.close()
    return re.findall(r"HELLO[^\r]*", data.decode(errors="replace"))


def read_statistics(host):
    """{file: how often it was counted as downloaded}."""
    words = host.redis.cli("HGETALL", "STATS_FILE").split()
    return dict(zip(words[::2], words[1::2]))
