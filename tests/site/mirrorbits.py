"""
mirrorbits: the stand-in for Mirrorbits (redirector.py) as a program of the site, and its data.
"""

import sys
from pathlib import Path

from programs import MASTER, Program

FILE = "/pool/locum.iso"

# The keys of Mirrorbits (database/v2, scan/scan.go, mirrors/mirrors.go): type, key, arguments.
KEYS = [
    ("hash", "MIRRORS", ["1", "m1.example.net", "2", "m2.example.net"]),
    ("hash", "MIRROR_1", ["ID", "1", "name", "m1.example.net", "http", "http://m1.example.net/",
                          "enabled", "true", "up", "true"]),
    ("hash", "MIRROR_2", ["ID", "2", "name", "m2.example.net", "http", "http://m2.example.net/",
                          "enabled", "true", "up", "true"]),
    ("set", "FILES", [FILE]),
    ("hash", f"FILE_{FILE}", ["size", "1048576", "modTime", "2025-11-23 02:00:00 +0000 UTC",
                              "sha1", "", "sha256", "0" * 64, "md5", ""]),
    ("set", f"FILEMIRRORS_{FILE}", ["1", "2"]),
    ("hash", f"FILEINFO_1_{FILE}", ["size", "1048576"]),
    ("hash", f"FILEINFO_2_{FILE}", ["size", "1048576"]),
]


class Mirrorbits(Program):
    """Tests change: the database, whether it is found, whether Locum requires it (gate)."""

    name = "mirrorbits"

    def __init__(self, host):
        super().__init__(host)
        self.db, self.found, self.gate = 0, True, False
        self.hostname = f"vm-{host.name}"

    def configure(self):
        site, host = self.host.site, self.host
        sentinels = [f"{h.private}:{h.ports.sentinel}" for h in site.with_program("sentinel")] \
            if self.found else [f"{host.private}:1"]
        hosts = "\n".join(f"    - Host: {s}" for s in sentinels)
        (self.dir / "mirrorbits.conf").write_text(f"""\
Repository: /srv/repo
OutputMode: redirect
ListenAddress: {host.address}:{host.ports.mirrorbits}
RedisSentinelMasterName: {MASTER}
RedisSentinels:
{hosts}
RedisPassword: {site.redis_password}
RedisDB: {self.db}
Fallbacks:
    - URL: http://fallback1.example.net/
      CountryCode: fr
      ContinentCode: eu
""")

    def argv(self):
        return [sys.executable, "-B", str(Path(__file__).with_name("redirector.py")),
                str(self.dir / "mirrorbits.conf"), self.hostname]

    @property
    def url(self):
        """The URL of a file that two mirrors have."""
        return f"http://{self.host.address}:{self.host.ports.mirrorbits}{FILE}"

    def ready(self):
        return self.host.accepts(self.host.address, self.host.ports.mirrorbits)

    def again(self):
        """Restart with the changes."""
        self.kill()
        self.configure()
        self.start()


def write_keys(host):
    """Fill Mirrorbits' database on the master."""
    for kind, key, words in KEYS:
        host.redis.cli({"hash": "HSET", "set": "SADD"}[kind], key, *words)


def read_keys(host):
    """{key: value} of the whole database."""
    return {key: host.redis.cli({"hash": "HGETALL", "set": "SMEMBERS"}[kind], key)
            for kind, key, _ in KEYS}
