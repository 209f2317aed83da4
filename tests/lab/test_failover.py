#!/usr/bin/env python3
"""What clients get when a web server stops, when a host dies with the Redis master, on return."""
# deadline: 300 s

import sys
import time
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "site"))

import lab                                  # noqa: E402
from lab import check, check_times, check_verdict   # noqa: E402
from probe import Prober                    # noqa: E402
from programs import until                  # noqa: E402

ROUNDS = 5


def other(site, host):
    return next(h for h in site.servers if h is not host)


def all_on(site, host):
    return {name: host.name for name in site.names}


def own(site, host):
    """What this node answers when all is well."""
    return {f"{h.name}.{site.zone}": h.name for h in site.servers} | {site.zone: host.name}


def web_server_stops_and_comes_back(site):
    """The coordinator is new each round, so that each return is its first, which is no flap."""
    gone, back = [], []
    with Prober(site) as prober:
        begin = time.monotonic()
        for number in range(ROUNDS):
            host = site.servers[number % 2]
            moment = site.stop_web(host)
            gone += prober.wait_settled(all_on(site, other(site, host)), moment, 1.5).values()
            moment = site.start_web(host)
            back += prober.wait_settled(own(site, host), moment, 3.0, [host.name]).values()
            until("both names of each node are its own again", site.calm, 10)
            site.stop_locum(host)
            site.start_locum(host)
            site.wait_calm()
        check_verdict(prober, begin)
    check_times("both nodes right after a web server stopped", gone, 0.5)
    check_times("own DNS right after the web server came back", back, 1.0)


def host_dies_with_the_redis_master(site):
    """Taken over in time, once, and not given back while Redis fails over."""
    times = []
    with Prober(site) as prober:
        begin = time.monotonic()
        for _ in range(ROUNDS):
            host = site.redis_master()
            left, goal = other(site, host), all_on(site, other(site, host))
            site.say(f"{host.name} dies, the Redis master with it")
            moment = site.crash(host)
            first = prober.wait_settled(goal, moment, 4.5, [left.name])[left.name]
            check(site.redis_master() is left, "Redis did not fail over to the survivor")
            until("the survivor follows the new master",
                  lambda: left.locum.status().get("redis", {}).get("connected"), 20)
            last = prober.wait_settled(goal, moment, 60, [left.name])[left.name]
            check(first == last, f"the takeover was retracted: right after {first}, then {last} s")
            times.append(first)
            site.revive(host)
            site.wait_calm(60)
            site.wait_redis_whole()
        check_verdict(prober, begin)
    check_times("survivor right after a host died", times, 1.5)


if __name__ == "__main__":
    lab.main([web_server_stops_and_comes_back, host_dies_with_the_redis_master])
