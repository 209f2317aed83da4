#!/usr/bin/env python3
"""Redis and its Sentinels freeze, restart, crash or are absent: no answer changes."""
# deadline: 300 s, beside others

import contextlib
import socket
import sys
import threading
import time
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "site"))

import lab                                  # noqa: E402
from access import redis_acl                # noqa: E402
from lab import check, check_times, check_verdict   # noqa: E402
from probe import Prober                    # noqa: E402
from programs import until                  # noqa: E402

FROZEN_S = 12.0     # four times the failover-timeout of the Sentinels


class Undisturbed:
    """Check that no node changes its answers meanwhile."""

    def __init__(self, site):
        self.site, self.prober = site, Prober(site)

    def __enter__(self):
        self.prober.start()
        self.begin = time.monotonic()
        return self.prober

    def __exit__(self, kind, *_):
        self.prober.stop()
        if kind is not None:
            return
        check_verdict(self.prober, self.begin)
        for host in self.site.servers:
            goal = {f"{h.name}.{self.site.zone}": h.name for h in self.site.servers}
            goal[self.site.zone] = host.name
            check(self.prober.settled(host.name, goal, self.begin) is not None,
                  f"{host.name} does not answer as before")
            changed = sum(1 for s in self.prober.targets[host.name].samples if s.received
                          and {self.site.host_of(a) for a in s.addresses} != {goal[s.name]})
            check(changed == 0, f"{host.name} changed {changed} answers because of Redis")


def connected(site, yes=True):
    return all(h.locum.status().get("redis", {}).get("connected") is yes
               for h in site.coordinators)


def redis_may_be_absent_at_start(site):
    """The site starts without Redis and Sentinels; they start later."""
    with Undisturbed(site):
        for host in site.coordinators:
            status = host.locum.status()
            check(status["redis"]["connected"] is False, "connected to a Redis that does not run")
            check(status["redis"]["error"], f"{host.name} reports no error of Redis")
            check(all(not s["connected"] for s in status["sentinels"]), "connected to a Sentinel")
        site.start_redis()
        until("every coordinator found Redis", lambda: connected(site), 15)
        for host in site.coordinators:
            master = f"{site.first_master.private}:{site.first_master.ports.redis}"
            check(host.locum.status()["redis"]["master"] == master, "not the master")


def a_frozen_redis_master_changes_no_answer(site):
    """Frozen for FROZEN_S: Redis fails over; the coordinators follow and stay with the new master."""
    master = site.redis_master()
    begin = time.monotonic()
    with Undisturbed(site):
        master.redis.freeze()
        new = site.redis_master()
        check(new is not master, "the Sentinels kept the frozen master")
        address = f"{new.private}:{new.ports.redis}"

        def followed():
            return all(h.locum.status().get("redis", {}).get("master") == address
                       for h in site.coordinators) and connected(site)
        until("every coordinator follows to the new master", followed, 10)
        site.say(f"all follow to {new.name} after {time.monotonic() - begin:.2f} s")
        until("the freeze is over", lambda: time.monotonic() - begin >= FROZEN_S, 40, 0.2)
        check(followed(), "a coordinator left the new master")
        master.redis.thaw()
        site.wait_redis_whole()
        check(followed(), "a coordinator went back to the thawed master")


def a_restart_of_all_sentinels_changes_no_answer(site):
    with Undisturbed(site):
        for host in site.with_program("sentinel"):
            host.sentinel.stop()
        for host in site.with_program("sentinel"):
            host.sentinel.start()
        until("every coordinator is connected to every Sentinel",
              lambda: all(len(s) == 3 and all(one["connected"] for one in s) for s in
                          (h.locum.status().get("sentinels", []) for h in site.coordinators)), 15)
        check(connected(site), "a coordinator lost Redis with its Sentinels")


def wait_degraded(site, about, words):
    """Every node's status says so within 5 s: in words, by its exit code and in its metrics."""
    def said(host):
        return any(d["about"] == about and words in d["text"]
                   for d in host.locum.status().get("degraded", []))
    until(f"every status says: {words}", lambda: all(said(h) for h in site.coordinators), 5)
    for host in site.coordinators:
        done = host.locum.command("status")
        check(done.returncode == 1, f"{host.name} exits with {done.returncode}")
        check(any(line.startswith("degraded: ") and words in line
                  for line in done.stdout.splitlines()), done.stdout)
        check("\nOK" not in done.stdout, f"{host.name} is well: {done.stdout}")
        check(host.locum.metrics().get(f'locum_degraded{{about="{about}"}}', 0) > 0,
              f"{host.name} does not measure it")


def wait_well(site):
    until("no status says that anything is degraded",
          lambda: all(h.locum.command("status").returncode == 0 for h in site.coordinators), 20)


def the_access_lists_are_enough_and_allow_no_attack(site):
    """Nobody was refused anything since the start. What moved or blocked the master is refused."""
    epoch = "9223372036854775807"
    evil = f"{site.ns0.private},1,{'0' * 40},{epoch},mirrorbits,{site.ns0.private},1,{epoch}"
    for host in site.with_program("redis"):
        check(host.redis.cli("ACL", "LOG").strip() == "", host.redis.cli("ACL", "LOG"))
        check(("NOPERM" in host.redis.cli("PUBLISH", "_mirrorbits_cluster", "HELLO0", user="locum"))
              == (redis_acl() == "locum.acl"), f"{host}: Locum may announce a Mirrorbits")
        check("NOPERM" in host.redis.cli("PUBLISH", "__sentinel__:hello", evil, user="locum"),
              f"{host}: Locum may move the master")
    with Undisturbed(site):
        before = site.redis_master()
        for host in site.with_program("sentinel"):
            sentinel = host.sentinel
            check(sentinel.cli("ACL", "LOG").strip() == "", sentinel.cli("ACL", "LOG"))
            for words in (("PUBLISH", "__sentinel__:hello", evil), ("INFO",),
                          ("SENTINEL", "IS-MASTER-DOWN-BY-ADDR", before.private,
                           str(before.ports.redis), epoch, "0" * 40)):
                said = sentinel.cli(*words, user="default")
                check("NOPERM" in said, f"{host}: {words}: {said}")
            address = sentinel.cli("SENTINEL", "GET-MASTER-ADDR-BY-NAME", "mirrorbits",
                                   user="default").split()
            check(address == [before.private, str(before.ports.redis)], f"{host}: {address}")
            check(sentinel.cli("ROLE", user="default").split() == ["sentinel", "mirrorbits"],
                  f"{host}: ROLE is refused to Mirrorbits")
        check(connected(site) and site.redis_master() is before, "the master has moved")


class Elsewhere:
    """An address that is no Redis of the site; what is sent there."""

    def __init__(self, host):
        self.host, self.received, self.links = host, b"", []
        self.address = f"{host.private}:{host.ports.redis}"

    def __enter__(self):
        with self.host.plug.inside():
            self.listener = socket.create_server((self.host.private, self.host.ports.redis))
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()
        return self

    def _serve(self):
        with contextlib.suppress(OSError):
            while True:
                link = self.listener.accept()[0]
                link.settimeout(2)
                self.links.append(link)     # kept open: they wait for an answer
                with contextlib.suppress(OSError):
                    self.received += link.recv(4096)

    def __exit__(self, *_):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join()
        for link in self.links:
            link.close()


def a_sentinel_names_a_master_that_is_not_configured(site):
    """Someone has moved one Sentinel elsewhere: Locum sends no password there, and says so."""
    rogue = site.with_program("sentinel")[-1].sentinel
    master = site.redis_master()
    with Undisturbed(site), Elsewhere(site.ns0) as elsewhere:
        host, port = elsewhere.address.split(":")
        for words in ("ACL SETUSER sentinel reset",     # the others would correct it
                      "SENTINEL REMOVE mirrorbits", f"SENTINEL MONITOR mirrorbits {host} {port} 2",
                      "SENTINEL SET mirrorbits auth-user sentinel auth-pass x"):
            said = rogue.cli(*words.split()).strip()
            check(said == "OK", f"{words}: {said}")

        def warned(host):
            return any(f"names the master {elsewhere.address}" in text
                       for text in host.locum.status().get("warnings", []))
        until("every coordinator warns of it", lambda: all(map(warned, site.coordinators)), 15)
        until("the Sentinel itself has connected", lambda: elsewhere.received, 15)
        for host in site.coordinators:
            check(f"names the unknown master {elsewhere.address}" in
                  host.locum.command("status").stdout, f"{host} does not show it")
        check(connected(site), "a coordinator has left the master")
        check(site.locum_password.encode() not in elsewhere.received, "the password was sent there")
        check(b"locum" not in elsewhere.received, f"Locum connects there: {elsewhere.received}")
        check(master.redis.is_master, "the master has moved")
    rogue.stop()
    rogue.configure()
    rogue.start()
    until("no coordinator warns of it",
          lambda: not any(map(warned, site.coordinators)), 15)
    wait_well(site)


def the_redis_user_may_not_publish(site):
    """Case A of the field: the ACL is changed at run time. The status says so within 5 s."""
    master = site.redis_master()
    with Undisturbed(site):
        master.redis.cli("ACL", "SETUSER", "locum", "-publish")
        until("no coordinator is connected", lambda: connected(site, False), 5)
        for host in site.coordinators:
            error = host.locum.status()["redis"]["error"]
            check("PUBLISH refused (NOPERM)" in error, f"{host.name} says: {error}")
        wait_degraded(site, "redis", "PUBLISH refused (NOPERM)")
        master.redis.cli("ACL", "SETUSER", "locum", "+publish")
        until("every coordinator is connected", lambda: connected(site), 5)
        wait_well(site)


def a_sentinel_no_longer_knows_the_master(site):
    """Case A of the field: SENTINEL REMOVE. The status says so within 5 s."""
    sentinel = site.with_program("sentinel")[0].sentinel
    address = f"{sentinel.host.private}:{sentinel.host.ports.sentinel}"

    def known_to_all(yes):
        return all(s["connected"] is yes for h in site.coordinators
                   for s in h.locum.status()["sentinels"] if s["address"] == address)

    with Undisturbed(site):
        sentinel.cli("SENTINEL", "REMOVE", "mirrorbits")
        until("no coordinator is connected to it", lambda: known_to_all(False), 5)
        for host in site.coordinators:
            errors = [s["error"] for s in host.locum.status()["sentinels"]
                      if s["address"] == address]
            check("no master is named 'mirrorbits'" in errors[0], f"{host.name} says: {errors}")
        wait_degraded(site, "sentinel", f"the Sentinel of {sentinel.host.name} is not connected")
        sentinel.stop()
        sentinel.configure()
        sentinel.start()
        until("every coordinator is connected to it", lambda: known_to_all(True), 15)
        wait_well(site)


def a_sentinel_without_rights(site):
    """Its user may run no command any more: its vote counts nowhere, and every status says so."""
    sentinel = site.with_program("sentinel")[0].sentinel
    with Undisturbed(site):
        wait_well(site)
        sentinel.cli("ACL", "SETUSER", "locum", "nocommands")
        wait_degraded(site, "sentinel", f"the Sentinel of {sentinel.host.name} is not connected")
        sentinel.stop()
        sentinel.configure()
        sentinel.start()
        wait_well(site)


def failover_works_without_redis(site):
    """All Redis servers and Sentinels killed: no change, and a failover still works."""
    with Undisturbed(site):
        for host in site.with_program("redis"):
            host.redis.kill()
        for host in site.with_program("sentinel"):
            host.sentinel.kill()
        until("the coordinators notice", lambda: connected(site, False), 10)
        gone = time.monotonic()
        until("10 s are over", lambda: time.monotonic() - gone >= 10, 15, 0.2)
        for host in site.coordinators:
            check(host.locum.status()["redis"]["error"], f"{host.name} does not report the reason")
    with Prober(site) as prober:
        begin = time.monotonic()
        moment = site.stop_web(site.dc2)
        times = prober.wait_settled({n: "dc3" for n in site.names}, moment, 1.5).values()
        check_times("right without Redis after a web server stopped", list(times), 0.5)
        site.start_web(site.dc2)
        until("calm", site.calm, 10)
        moment = site.crash(site.dc3)
        times = prober.wait_settled({n: "dc2" for n in site.names}, moment, 4.5, ["dc2"]).values()
        check_times("right without Redis after a host crashed", list(times), 1.5)
        site.revive(site.dc3)
        site.wait_calm()
        check_verdict(prober, begin)


if __name__ == "__main__":
    lab.main([redis_may_be_absent_at_start, a_frozen_redis_master_changes_no_answer,
              a_restart_of_all_sentinels_changes_no_answer,
              the_access_lists_are_enough_and_allow_no_attack,
              a_sentinel_names_a_master_that_is_not_configured, the_redis_user_may_not_publish,
              a_sentinel_no_longer_knows_the_master, a_sentinel_without_rights,
              failover_works_without_redis], redis=False)
