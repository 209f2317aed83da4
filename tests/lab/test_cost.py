#!/usr/bin/env python3
"""The cost of a coordinator at rest: finds regressions; `make bench` measures the figures."""

import sys
import time
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "site"))

import lab                                  # noqa: E402
from lab import Skip, check                 # noqa: E402

# The same work costs a busy or slow processor more, so a coordinator may use the larger of a fixed
# share (1.5 times the limit of make bench) and a multiple of what the idle Sentinel beside it used
# in the same windows (1.6 to 2.1 are usual).
CPU_PERCENT = 0.9
CPU_SENTINELS = 3.0
MEMORY_KIB = 5 * 1024
WAKES_A_SECOND = 68             # 52 are usual: heartbeats on both paths, polls, checks
ROUNDS, ROUND_S = 4, 2.0


def not_sanitized(site):
    """Skip under sanitizers: their cost is not a regression."""
    if site.dc2.locum.sanitized():
        raise Skip("built with a sanitizer, which costs more than the limits")


def rates(things, count):
    """Each counter's rate: the smallest of several windows, since other work adds to it."""
    least = {}
    for _ in range(ROUNDS):
        begin, before = time.monotonic(), {thing: count(thing) for thing in things}
        time.sleep(ROUND_S)
        took = time.monotonic() - begin
        for thing, start in before.items():
            rate = (count(thing) - start) / took
            least[thing] = min(least.get(thing, rate), rate)
    return least


def an_idle_coordinator_uses_little_cpu(site):
    not_sanitized(site)
    programs = [program for host in site.coordinators for program in (host.locum, host.sentinel)]
    best = rates(programs, lambda program: 100 * program.cpu_s())
    for host in site.coordinators:
        used, beside = best[host.locum], best[host.sentinel]
        allowed = max(CPU_PERCENT, CPU_SENTINELS * beside)
        text = f"{host} {used:.2f} % of a core, Sentinel {beside:.2f} %; allowed {allowed:.2f} %"
        print(f"  {text}", flush=True)
        check(used <= allowed, text)


def wakes(host):
    """The number of times its loop has slept so far."""
    pid = host.locum.process.pid
    status = Path(f"/proc/{pid}/task/{pid}/status").read_text()
    return int(status.split("\nvoluntary_ctxt_switches:")[1].split()[0])


def an_idle_coordinator_rarely_wakes(site):
    """It wakes only for heartbeats, polls and checks."""
    least = rates(site.coordinators, wakes)
    rates_text = ", ".join(f"{host} {rate:.0f}" for host, rate in least.items())
    print(f"  {rates_text} a second; allowed {WAKES_A_SECOND}", flush=True)
    check(max(least.values()) <= WAKES_A_SECOND, f"woken {rates_text} times a second")


def a_coordinator_uses_little_memory(site):
    """Its private memory that no file backs."""
    not_sanitized(site)
    held = {host: host.locum.private_dirty_kib() for host in site.coordinators}
    rates_text = ", ".join(f"{host} {kib} KiB" for host, kib in held.items())
    print(f"  {rates_text}; allowed {MEMORY_KIB} KiB", flush=True)
    check(max(held.values()) <= MEMORY_KIB, rates_text)


if __name__ == "__main__":
    lab.main([an_idle_coordinator_uses_little_cpu, an_idle_coordinator_rarely_wakes,
              a_coordinator_uses_little_memory])
