"""signing: the keys of a site whose zones are signed, from the trust anchor of the resolvers down.

The coordinators sign their zones with the files in DIR/HOST/keys/ZONE. ldns-signzone signs the zones of
ns0: the parent, and the root where ns0 serves it. Zones below are delegated with the DS of the keys in
`delegated`.
"""

import shutil
import subprocess
import time
from pathlib import Path

VALID_S = 30 * 86400        # signatures of the zones of ns0


class Key:
    """The two files of a key with flags 257, made by `locum keygen`, or by ldns-keygen."""

    def __init__(self, zone, folder, locum=None):
        self.zone = zone
        folder.mkdir(parents=True, exist_ok=True)
        before = set(folder.iterdir())
        words = [locum, "keygen", zone, "--folder", "."] if locum else \
            ["ldns-keygen", "-a", "ECDSAP256SHA256", "-k", zone]
        _run(*words, folder=folder)
        (record,) = (path for path in set(folder.iterdir()) - before if path.suffix == ".key")
        self.base = record.with_suffix("")
        self.ds = " ".join(_run("ldns-key2ds", "-n", "-2", str(record), folder=folder).split())

    @property
    def record(self):
        return Path(f"{self.base}.key")

    @property
    def private(self):
        return Path(f"{self.base}.private")

    @property
    def tag(self):
        return int(self.base.name.rsplit("+", 1)[1])


class Signing:
    """The keys of a site. zones: those of the coordinators, in which all nodes share a key; own: those in
    which each node has a key of its own and publishes the keys of all."""

    def __init__(self, site, zones, own=()):
        self.site, self.dir = site, site.dir / "keys"
        self.of_ns0 = {zone: Key(zone, self.dir) for zone in ((".", site.parent) if site.root else (site.parent,))}
        self.delegated = {}
        for zone in zones:
            key = self.new_key(zone)
            self.delegated[zone] = [key]
            for host in site.servers:
                self.publish(key, host)
                self.sign_with(key, host)
        for zone in own:
            keys = [self.new_key(zone) for _ in site.servers]
            self.delegated[zone] = keys
            for host, private in zip(site.servers, keys):
                for key in keys:
                    self.publish(key, host)
                self.sign_with(private, host)

    def new_key(self, zone):
        return Key(zone, self.dir, str(self.site.servers[0].locum.binary()))

    # The folders of the nodes: publish a key, sign with it, do neither any more.

    @staticmethod
    def folder(host, zone):
        return host.dir / "keys" / zone

    def publish(self, key, host):
        self._copy(key.record, host, key.zone)

    def sign_with(self, key, host):
        self._copy(key.private, host, key.zone)

    def remove(self, key, host):
        for path in (key.record, key.private):
            (self.folder(host, key.zone) / path.name).unlink()

    def _copy(self, path, host, zone):
        self.folder(host, zone).mkdir(parents=True, exist_ok=True)
        shutil.copy(path, self.folder(host, zone))      # with its mode

    # The zones above

    def entries(self, above):
        """The DS records in a zone of ns0."""
        below = [self.of_ns0[self.site.parent]] if above == "." else \
            [key for keys in self.delegated.values() for key in keys]
        return [key.ds for key in below]

    def sign(self, path, zone):
        """Sign a zone of ns0 in its file; others stay as they are."""
        if zone in self.of_ns0:
            now = int(time.time())
            _run("ldns-signzone", "-o", zone, "-i", str(now - 3600), "-e", str(now + VALID_S), "-f", str(path),
                 str(path), str(self.of_ns0[zone].base), folder=self.dir)

    def anchors(self):
        """The DS records that the resolvers trust: of the highest zone that they can reach."""
        if not self.site.network.namespaces:        # they ask the nodes directly
            return [key.ds for key in self.delegated[self.site.zone]]
        return [self.of_ns0["." if self.site.root else self.site.parent].ds]


def _run(*words, folder):
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False, timeout=60)
    if done.returncode != 0:
        raise OSError(f"{' '.join(words)} ended with {done.returncode}: {done.stdout}{done.stderr}")
    return done.stdout
