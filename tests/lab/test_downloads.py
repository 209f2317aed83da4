#!/usr/bin/env python3
"""Downloads beside Mirrorbits: what users get while each part of a site fails in turn."""
# deadline: 480 s, beside others

import http.client
import re
import sys
import threading
import time
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "site"))

import lab                                  # noqa: E402
from lab import check, check_verdict        # noqa: E402
from mirrorbits import (CANNOT_CLOSE, FILE, REFUSED, add_files, announcements,   # noqa: E402
                        ask_at_once, check_of, kernel_closes_connections, link_to, misspelt,
                        read_statistics, set_mirrors, write_keys)
from probe import Prober                    # noqa: E402
from programs import Late, until            # noqa: E402
from redirector import IDLE, QUEUE          # noqa: E402
from users import Users, cold_files         # noqa: E402

COLD = cold_files(6300)
AT_ONCE = iter(COLD[6000:])
FIRST_S, SHARE = 3.0, 0.02
NAMED_S, GREEN_S = 10, 60
BURST = QUEUE + 500         # fetches at once: more than Mirrorbits keeps while it cannot count them
PROBE_S = 0.05

# From when on naming a server is wrong, after its host, its Mirrorbits or its way to Redis has failed.
# A database that only one server has lost is missed after six failed probes, each with its time-out.
HOST_S, MIRRORBITS_S, DATABASE_S = 4.5, 3.0, 5.0


class Burst:
    """BURST users fetch one file at each server that works, over four connections each."""

    def __init__(self, site, patience_s=5.0):
        self.hosts = [h for h in site.servers if h.up]
        self.answered, self.patience_s = {h.name: 0 for h in self.hosts}, patience_s
        begin, self._lock = time.monotonic(), threading.Lock()
        threads = [threading.Thread(target=self._fetch, args=(host, BURST // 4), daemon=True)
                   for host in self.hosts for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.seconds = time.monotonic() - begin

    def _fetch(self, host, times):
        link = http.client.HTTPConnection(host.address, host.mirrorbits.port,
                                          timeout=self.patience_s)
        try:
            for _ in range(times):
                link.request("GET", FILE)
                link.getresponse().read()
                with self._lock:
                    self.answered[host.name] += 1
        except (OSError, http.client.HTTPException):
            pass
        finally:
            link.close()

    @property
    def whole(self):
        return all(times == BURST for times in self.answered.values())

    def __str__(self):
        return f"a burst of {BURST}: {self.answered} answered in {self.seconds:.1f} s"


def degraded(host):
    return [entry["text"] for entry in host.locum.status().get("degraded", [])]


def green(site):
    return site.calm() and not any(degraded(h) for h in site.coordinators) and all(
        h.locum.peer(h.name)["mirrorbits"]["state"] == "ok" for h in site.servers)


def own_states(site):
    """What each server says of its own Mirrorbits."""
    return {h.locum.peer(h.name)["mirrorbits"]["state"] for h in site.servers}


def other_than(site, host):
    return next(h for h in site.servers if h is not host)


def counted(site):
    """How often the file of the bursts was counted."""
    return int(read_statistics(site.redis_master()).get(FILE, 0))


def fill_pools(site):
    """
    Each Mirrorbits keeps all ten connections to the master that its pool has room for. With fewer,
    some requests that hang on them may empty it, and the next count goes to the new master.
    """
    for host in site.servers:
        ask_at_once(host, [next(AT_ONCE) for _ in range(3 * IDLE)])


def unable(site, host, within):
    """No answer may name this server after so many seconds."""
    site.truth.unable(host, within / site.truth.slack)


# The faults: each breaks something and returns how to repair it.

def power_loss_of_the_host_with_the_redis_master(site):
    host = site.redis_master()
    unable(site, host, HOST_S)
    site.crash(host)
    return lambda: site.revive(host)


def a_frozen_redis_master(site):
    redis = site.redis_master().redis
    redis.freeze()
    return redis.thaw


def a_planned_sentinel_failover(site):
    said = site.ns0.sentinel.cli("SENTINEL", "FAILOVER", "mirrorbits")
    check(said.strip() == "OK", f"SENTINEL FAILOVER: {said}")
    return lambda: None


def flushall(site):
    link = link_to(site.redis_master())
    link.do("FLUSHALL")
    link.close()
    return lambda: write_keys(site.redis_master(), [FILE, *COLD])


def maxmemory(site):
    master = site.redis_master().redis
    master.cli("CONFIG", "SET", "maxmemory", "1mb")
    return lambda: master.cli("CONFIG", "SET", "maxmemory", "0")


def one_server_without_redis(site):
    host = other_than(site, site.redis_master())
    unable(site, host, DATABASE_S)
    host.plug.lose([h.private for h in site.hosts.values() if h is not host], 100)

    def repair():
        site.truth.able(host)
        host.plug.lose(list(host.plug.losses), 0)
    return repair


def both_mirrors_gone_and_one_server_dead(site):
    dead = other_than(site, site.redis_master())
    set_mirrors(site.redis_master(), "false")
    unable(site, dead, HOST_S)
    site.crash(dead)

    def repair():
        site.revive(dead)
        set_mirrors(site.redis_master(), "true")
    return repair


def mirrorbits_killed(site):
    unable(site, site.dc3, MIRRORBITS_S)
    site.dc3.mirrorbits.kill()

    def repair():
        site.truth.able(site.dc3)
        site.dc3.mirrorbits.start()
    return repair


def mirrorbits_hung(site):
    unable(site, site.dc2, MIRRORBITS_S)
    site.dc2.mirrorbits.freeze()

    def repair():
        site.truth.able(site.dc2)
        site.dc2.mirrorbits.thaw()
    return repair


def mirrorbits_upgraded(site):
    unable(site, site.dc3, MIRRORBITS_S)
    site.dc3.mirrorbits.kill()
    site.dc3.mirrorbits.start()
    site.truth.able(site.dc3)
    return lambda: None


def mirrorbits_reloaded_with_files_that_it_refuses(site):
    program = site.dc3.mirrorbits
    good = program.conf.read_text()
    for change in REFUSED.values():
        program.reload(misspelt(good, change))
    return lambda: program.reload(good)


def mirrorbits_reloaded_with_another_repository(site):
    program = site.dc3.mirrorbits
    good = program.conf.read_text()
    unable(site, site.dc3, MIRRORBITS_S)
    program.reload(re.sub("Repository: .*", f"Repository: {program.dir}", good))

    def repair():
        site.truth.able(site.dc3)
        program.reload(good)
    return repair


def mirrorbits_reloaded_with_another_address(site):
    program = site.dc3.mirrorbits
    good = program.conf.read_text()
    unable(site, site.dc3, MIRRORBITS_S)
    program.reload(good.replace(f":{program.port}", ":8081"))

    def repair():
        site.truth.able(site.dc3)
        program.again()
    return repair


def a_fully_qualified_host_name(site):
    program = site.dc3.mirrorbits
    program.hostname = "vm-dc3.example.org"
    unable(site, site.dc3, MIRRORBITS_S)
    program.again()
    site.truth.able(site.dc3)
    return lambda: None


class Row:
    """
    A fault, how long it lasts, what the status of a coordinator says within 10 s (None: it need
    not), what users may get: "good", or "fallback" where no server could do better; whether BURST
    of them come at once; from when on they are judged.
    """

    def __init__(self, fault, lasts, problem, allowed="good", burst=False, first=FIRST_S):
        self.fault, self.lasts, self.problem, self.allowed = fault, lasts, problem, allowed
        self.burst, self.first = burst, first
        self.name = fault.__name__.replace("_", " ")


ROWS = [
    Row(power_loss_of_the_host_with_the_redis_master, 7, r"dc\d is (suspect|down)", burst=True),
    Row(a_frozen_redis_master, 7, r"redis|Redis", burst=True),
    Row(a_planned_sentinel_failover, 7, None, burst=True),
    Row(flushall, 7, r"the service of dc\d is degraded", "fallback"),
    Row(maxmemory, 5, r"redis|Redis"),
    # With one second in which caches keep the old answer.
    Row(one_server_without_redis, 9, r"the service of dc\d is degraded", first=DATABASE_S + 1),
    Row(both_mirrors_gone_and_one_server_dead, 6, r"dc\d is (suspect|down)", "fallback"),
    Row(mirrorbits_killed, 5, r"the service of dc3 is failing"),
    Row(mirrorbits_hung, 6, r"the service of dc2 is failing"),
    Row(mirrorbits_upgraded, 5, None),
    Row(mirrorbits_reloaded_with_files_that_it_refuses, 5, None),
    Row(mirrorbits_reloaded_with_another_repository, 5, r"the service of dc3 is failing"),
    Row(mirrorbits_reloaded_with_another_address, 5, r"the service of dc3 is failing"),
    Row(a_fully_qualified_host_name, 5, None),
]


class Watch:
    """
    One row while its fault lasts: when a status names it, and how a burst is answered. Where a
    busy machine lets the Sentinels elect a new master late, users are judged from then on.
    """

    def __init__(self, site, row, begin):
        self.site, self.row, self.begin, self.first = site, row, begin, row.first
        self.named = self.burst = None

    @property
    def lasted(self):
        return time.monotonic() - self.begin

    def run(self):
        row = self.row
        while self.lasted < max(row.lasts, self.first + 2) or self._unnamed(NAMED_S):
            if self._unnamed() and any(re.search(row.problem, text) for h in self.site.coordinators
                                       if h.up for text in degraded(h)):
                self.named = self.lasted
            if row.burst and not self.burst and self.lasted > row.first:
                self._burst()
            time.sleep(0.2)

    def _unnamed(self, within=float("inf")):
        return self.row.problem and self.named is None and self.lasted < within

    def _burst(self):
        """All are answered and counted: Mirrorbits has left the previous master."""
        before = counted(self.site)
        self.first = self.lasted
        self.burst = Burst(self.site)
        self.site.say(str(self.burst))
        check(self.burst.whole, f"{self.row.name}: {self.burst}")
        until("all of the burst are counted", lambda: counted(self.site) - before
              >= sum(self.burst.answered.values()), 5)


def last_wrong(prober, site, begin, end):
    """Seconds until no node answered with a server that could not serve."""
    return max((s.received - begin for t in prober.targets if t != "client"
                for s in list(prober.targets[t].samples)
                if begin <= s.sent < end and s.received and any(
                    not site.truth.able_now(site.host_of(a), s.sent) for a in s.addresses)),
               default=0.0)


def forget_failures(site, row, since):
    """Each coordinator whose service was not up forgets it, so that its next return is the first."""
    for host in site.servers:
        if row.allowed == "fallback" or any(
                begin >= since for begin, _, _ in site.truth.cannot.get(host.name, [])):
            site.forget(host)
    until("calm", site.calm, GREEN_S, 0.1)


def run_row(site, users, prober, row):
    """Break, watch, repair, watch; one line of figures."""
    if row.burst:
        site.wait_redis_whole()     # the previous master has become a replica
        fill_pools(site)
    begin = time.monotonic()
    repair = row.fault(site)
    watch = Watch(site, row, begin)     # the fault itself may take some time
    watch.run()
    end = time.monotonic()
    repair()
    repaired = time.monotonic()
    until("green again", lambda: green(site), GREEN_S, 0.2)
    count, failed, fallbacks, slow, slowest = users.judge(
        begin + watch.first, end, row.allowed == "good")
    named = "-" if watch.named is None else f"{watch.named:.1f} s"
    site.say(f"{row.name}: {count} fetches after {watch.first:.1f} s, {len(failed)} failed,"
             f" {len(fallbacks)} fallbacks, {len(slow)} slow, slowest {slowest:.2f} s; answers right"
             f" after {last_wrong(prober, site, begin, end):.1f} s, named after {named}, green"
             f" {time.monotonic() - repaired:.1f} s after the repair")
    bad = len({*failed, *slow, *(fallbacks if row.allowed == "good" else ())})
    check(count > 0 and bad <= SHARE * count + 1,
          f"{row.name}: {len(failed)} failed, {len(fallbacks)} fallbacks, {len(slow)} slow of {count}:"
          f" {[f[3:] for f in (failed + slow + fallbacks)[:5]]}")
    check_verdict(prober, begin)
    forget_failures(site, row, begin)
    check(row.problem is None or watch.named is not None, f"{row.name}: no status names it")


def checks_are_not_counted_as_downloads(site):
    add_files(site, COLD)
    write_keys(site.redis_master(), [FILE, *COLD])
    until("green", lambda: green(site), GREEN_S, 0.2)
    before = read_statistics(site.redis_master())
    time.sleep(2)
    check(read_statistics(site.redis_master()) == before, "Locum's checks are counted as downloads")


def downloads_flow_while_the_redis_master_fails(site):
    if not kernel_closes_connections():
        raise lab.Skip(CANNOT_CLOSE)
    run_rows(site, [row for row in ROWS if row.burst], COLD[:2000])


def downloads_flow_whatever_else_fails(site):
    run_rows(site, [row for row in ROWS if not row.burst], COLD[2000:6000])


def run_rows(site, rows, cold):
    """Row by row; all rows are tried, also after a failure."""
    wrong = []
    with Users(site, cold, site.dc2.ports.mirrorbits) as users, \
            Prober(site, interval_s=PROBE_S) as prober:
        time.sleep(1)
        for row in rows:
            try:
                run_row(site, users, prober, row)
            except (AssertionError, Late) as error:
                wrong.append(f"{row.name}: {error}")
                site.heal()
                write_keys(site.redis_master(), [FILE, *COLD])
        for host in site.with_program("redis"):
            refused = host.redis.cli("ACL", "LOG")
            check("locum" not in refused, f"refused to Locum on {host}: {refused}")
    check(not wrong, "; ".join(wrong))


def without_locum_unstick_downloads_hang(site):
    """The same fault and burst as in a row above, without it, and with it again."""
    if not kernel_closes_connections():
        raise lab.Skip(CANNOT_CLOSE)
    until("each has heard its own", lambda: own_states(site) == {"ok"}, 10, 0.2)
    for host in site.servers:
        host.unstick.kill()
        host.mirrorbits.ask(FILE)           # from now on it is in the cache
    fill_pools(site)
    old = site.redis_master()
    old.redis.freeze()
    for host in site.servers:
        check(host.mirrorbits.ask(FILE)[0] == 302, "the first count is awaited")
    new = site.redis_master()
    check(new is not old, "Redis did not fail over")
    burst = Burst(site, 2.0)
    site.say(f"without locum-unstick {burst}")
    for host in site.servers:
        # The queue may hold a few counts of the files before.
        check(QUEUE - 100 <= burst.answered[host.name] < BURST, f"{host}: {burst}")
        check(host.mirrorbits.ask(FILE, "HEAD")[0] == 302, "HEAD is not answered")
    heard = announcements(new, 2.0)
    check(not heard, f"they announce themselves: {heard}")
    until("a status names it", lambda: any(
        "Mirrorbits" in text for h in site.servers for text in degraded(h)), 10, 0.2)
    # After 5 s in which Redis has worked without a gap, which a busy machine interrupts.
    until("each says that its own hangs", lambda: own_states(site) == {"hung"}, 30, 0.2,
          lambda: [h.locum.peer(h.name)["mirrorbits"] for h in site.servers])
    for host in site.servers:
        host.unstick.start()
    begin = time.monotonic()
    until("they announce themselves", lambda: len(announcements(new, 1.0)) >= 2, 5)
    burst = Burst(site)
    site.say(f"{time.monotonic() - begin:.1f} s after its start {burst}")
    check(burst.whole, f"with locum-unstick {burst}")
    old.redis.thaw()
    until("green", lambda: green(site), GREEN_S, 0.2)


if __name__ == "__main__":
    lab.main([checks_are_not_counted_as_downloads, downloads_flow_while_the_redis_master_fails,
              downloads_flow_whatever_else_fails, without_locum_unstick_downloads_hang],
             mirrorbits=True, ttl_s=1)
