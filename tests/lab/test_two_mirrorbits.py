#!/usr/bin/env python3
"""Follows doc/mirrorbits.md from one Mirrorbits to two, and on, while users download."""
# deadline: 300 s, beside others

import sys
import time
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "site"))

import lab                                  # noqa: E402
from lab import check                       # noqa: E402
from mirrorbits import FILE, NOTICE, add_files, repository, write_keys  # noqa: E402
from page import Reader                     # noqa: E402
from programs import ROOT, until            # noqa: E402
from redirector import Link                 # noqa: E402
from users import RATE, Users, cold_files   # noqa: E402

COLD = cold_files(3000)
FIRST = ROOT / "tests/program/redis-first-start"
# In these steps a file that nobody has asked for before may be redirected to a fallback.
EMPTY = "FLUSHALL, or an empty Redis"
RESTART = "3. dc3 and ns0: the master and two Sentinels"
STEPS = ["1.", "2.", "3.", "4.", "5.", "6.", "7.", "8.", "A copy that is too old",
         "Upgrade of Redis", "Access lists of an older version", "FLUSHALL"]


class Tried:
    """The page, and the users meanwhile."""

    def __init__(self, site):
        self.site, self.reader = site, Reader(site, ROOT / "doc/mirrorbits.md")
        self.spans = []

    def prepare(self):
        """What the packages bring, the files, and the database of the one Mirrorbits."""
        site = self.site
        add_files(site, [FILE, *COLD])
        for machine in self.reader.machines.values():
            machine.call("rm -rf /etc/redis; mkdir -p /etc/redis /etc/locum")
            for name in ("redis", "sentinel"):
                machine.write(f"/etc/redis/{name}.conf", first_file(machine, name))
            machine.call("sed -i 's/^user .*/user root root;/' /etc/nginx/nginx.conf")
        dc3 = self.reader.machines["dc3"]
        done = dc3.call(f"cp -a {repository(site)} /srv/mirror && date +%s >/srv/mirror/trace")
        check(done.returncode == 0, done.stdout)

    def one(self):
        """The site with one Mirrorbits. Its mirrors are not asked whether they live."""
        host, dc3 = self.site.dc3, self.reader.machines["dc3"]
        dc3.systemctl("start", "redis-server")
        with host.plug.inside():
            link = Link(f"127.0.0.1:{host.ports.redis}", read_s=5)
        write_keys(host, [FILE, *COLD], link)
        self.reader.do("What you have")
        self.reader.do("nginx in front")
        until("the name resolves", lambda: self.site.asks(
            self.site.client, self.site.zone, recurse=True) == [host.address], 10)

    def follow(self):
        with Users(self.site, COLD, self.site.client.ports.http) as users:
            for step in STEPS:
                begin = time.monotonic()
                self.reader.do(step)
                until("a second of this", lambda end=time.monotonic() + 1:
                      time.monotonic() > end, 2)
                self.spans.append((self.reader.page.step(step).title, begin, time.monotonic()))
        for title, begin, end in self.spans:
            self._judge(users, title, begin, end)
        # What had no mirror after FLUSHALL has one again: also the caches are right.
        lost = [f[3] for f in users.judge(begin, end, True)[2]]
        found = {users.get(h.address, path) for path in lost for h in self.site.servers}
        check(lost and all("//m" in url for url in found), f"after the restore: {found}")
        hosts = {fetch[4] for fetch in users.fetches}
        check(hosts == {h.address for h in self.site.servers}, f"only {hosts} was used")

    @staticmethod
    def _judge(users, title, begin, end):
        count, failed, fallbacks, slow, slowest = users.judge(begin, end, True)
        text = (f"{title}: {count} downloads, {len(failed)} failed, {len(fallbacks)} to a fallback,"
                f" slowest {slowest:.2f} s")
        print(f"  {text}", flush=True)
        allowed = {RESTART: 2 * RATE, EMPTY: count}.get(title, 0)
        check(count > 0 and not failed and not slow and len(fallbacks) <= allowed,
              f"{text}: {[f[3:] for f in (failed + slow + fallbacks)[:5]]}")


def first_file(machine, name):
    """What the first start of the package has left, for the Redis of this machine."""
    release = "trixie" if "v=8" in machine.call("redis-server --version").stdout else "bookworm"
    return (FIRST / release / f"{name}.conf").read_text()


def one_mirrorbits_becomes_two(site):
    tried = Tried(site)
    tried.prepare()
    try:
        tried.one()
        tried.follow()
    finally:
        tried.reader.stop()


if __name__ == "__main__":
    print(NOTICE, flush=True)
    lab.main([one_mirrorbits_becomes_two], bare=True)
