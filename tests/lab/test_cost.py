#!/usr/bin/env python3
"""A coordinator at rest stays cheap: a regression is seen here, the figures are `make bench`'s."""

import sys
import time
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "site"))

import lab                                  # noqa: E402
from lab import Skip, check                 # noqa: E402

# Half more than what make bench allows, since other work on the machine makes caches cold.
CPU_PERCENT = 0.9
MEMORY_KIB = 5 * 1024
WAKES_A_SECOND = 68             # 52 are usual: heartbeats on both paths, polls, checks
ROUNDS, ROUND_S = 4, 2.0


def as_it_is_built_for_use(site):
    """A sanitizer's own cost is no regression."""
    if site.dc2.locum.sanitized():
        raise Skip("built with a sanitizer, which costs more than what is measured")


def rates(site, count):
    """What each coordinator counts in a second, the least of some windows: others only ever add."""
    least = {}
    for _ in range(ROUNDS):
        begin, before = time.monotonic(), {host: count(host) for host in site.coordinators}
        time.sleep(ROUND_S)
        took = time.monotonic() - begin
        for host, start in before.items():
            rate = (count(host) - start) / took
            least[host] = min(least.get(host, rate), rate)
    return least


def an_idle_coordinator_uses_little_of_a_processor(site):
    as_it_is_built_for_use(site)
    best = rates(site, lambda host: 100 * host.locum.cpu_s())
    told = ", ".join(f"{host} {share:.2f} %" for host, share in best.items())
    print(f"  {told}; allowed {CPU_PERCENT:g} %", flush=True)
    check(max(best.values()) <= CPU_PERCENT, f"{told} of a processor")


def wakes(host):
    """How often its loop has gone to sleep so far."""
    pid = host.locum.process.pid
    status = Path(f"/proc/{pid}/task/{pid}/status").read_text()
    return int(status.split("\nvoluntary_ctxt_switches:")[1].split()[0])


def an_idle_coordinator_wakes_seldom(site):
    """It wakes for heartbeats, polls and checks, and for nothing else."""
    least = rates(site, wakes)
    told = ", ".join(f"{host} {rate:.0f}" for host, rate in least.items())
    print(f"  {told} a second; allowed {WAKES_A_SECOND}", flush=True)
    check(max(least.values()) <= WAKES_A_SECOND, f"woken {told} times a second")


def a_coordinator_holds_little_memory(site):
    """Private and dirty: what no other process shares and no file holds."""
    as_it_is_built_for_use(site)
    held = {host: host.locum.private_dirty_kib() for host in site.coordinators}
    told = ", ".join(f"{host} {kib} KiB" for host, kib in held.items())
    print(f"  {told}; allowed {MEMORY_KIB} KiB", flush=True)
    check(max(held.values()) <= MEMORY_KIB, told)


if __name__ == "__main__":
    lab.main([an_idle_coordinator_uses_little_of_a_processor, an_idle_coordinator_wakes_seldom,
              a_coordinator_holds_little_memory])
