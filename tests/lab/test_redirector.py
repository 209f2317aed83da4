#!/usr/bin/env python3
"""What Mirrorbits does, one by one: the table in tests/site/redirector.py is true."""
# deadline: 240 s, beside others

import re
import sys
import time
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "site"))

import lab                                  # noqa: E402
from background import Background           # noqa: E402
from lab import check                       # noqa: E402
from mirrorbits import (FALLBACK, FILE, REFUSED, add_files, announcements, ask_at_once,     # noqa: E402
                        link_to, misspelt, read_statistics, write_keys)
from programs import until                  # noqa: E402
from redirector import IDLE, MIRROR_FILE_UPDATE # noqa: E402

INDEXED = [f"/pool/indexed{i:02d}.iso" for i in range(60)]     # each is asked for once
UNKNOWN = "/pool/unknown.iso"                   # in the repository, not in the index
MIRROR, OTHER = r"http://m[12]\.example\.net", f"http://{FALLBACK}"
indexed = iter(INDEXED)


def redirects(host, path, to, method="GET"):
    """Check that this is answered with a redirect to this server and the same path."""
    status, _, location = host.mirrorbits.ask(path, method)
    check(status == 302 and re.fullmatch(to + path, location or ""),
          f"{method} {path}: {status} {location}, not to {to}")


def refused(host, path, status, text=None):
    """Check that this is answered with an error and, if given, this text."""
    answer = host.mirrorbits.ask(path)
    check(answer[0] == status and text in (None, answer[1]), f"{path}: {answer}, not {status}")


class Monitor(Background):
    """The commands of this host on the Redis master meanwhile: {connection: [command]}."""

    def __init__(self, master, host):
        super().__init__()
        self.master, self.host, self.of, self.data = master, host, {}, b""
        self.link = link_to(master)
        self.link.do("MONITOR")
        self.link.sock.settimeout(0.2)

    def run(self):
        while not self._ending.is_set():
            try:
                self.data += self.link.sock.recv(65536)
            except OSError:
                pass

    def stop(self):
        super().stop()
        self.link.close()
        address = re.escape(self.host.private)
        for at, command in re.findall(rf'\[\d+ ({address}:\d+)\] "(\w+)"', self.data.decode()):
            self.of.setdefault(at, []).append(command.lower())


def connections(master, host, kind):
    """The number of connections of this host's Mirrorbits to the Redis master."""
    return sum(kind in c for c in master.redis.cli("CLIENT", "LIST").splitlines()
               if f" addr={host.private}:" in c and " user=default " in c and " name= " in c
               and " flags=S " not in c)


def the_master_is_found_by_any_sentinel(site):
    """Without its first Sentinel it finds the master, without a password; then AUTH, SELECT, ROLE."""
    host, master = site.dc2, site.redis_master()
    first = site.with_program("sentinel")[0]
    check(f"- Host: {first.private}" in host.mirrorbits.conf.read_text().split("Sentinels:")[1]
          .splitlines()[1], "another Sentinel comes first")
    first.sentinel.kill()
    with Monitor(master, host) as monitor:
        host.mirrorbits.again()
        until("it has its database", lambda: "//m" in (
            host.mirrorbits.ask(FILE, "HEAD")[2] or ""), 10)
        time.sleep(1)
    logins = [c[:3] for c in monitor.of.values() if c[:1] == ["auth"] or "role" in c[:3]]
    check(["auth", "select", "role"] in logins, f"the connections begin with {logins}")


def a_pool_keeps_ten_connections_and_asks_each_before_its_use(site):
    host, master = site.dc2, site.redis_master()
    redirects(host, next(indexed), MIRROR)
    with Monitor(master, host) as monitor:
        ask_at_once(host, [next(indexed) for _ in range(4 * IDLE)])
    # The real one has one more, which its monitor takes at the start and never gives back.
    until("the others are closed", lambda: 1 < connections(master, host, " sub=0 ") <= IDLE + 1, 3)
    check(connections(master, host, " sub=4 ") == 1, "not one subscription to four channels")
    pairs = [pair for commands in monitor.of.values() for pair in zip(commands, commands[1:])
             if pair[1] in ("hmget", "smembers", "multi")]
    check(len(pairs) > 40, f"only {pairs} were seen")
    check(all(before in ("ping", "role") for before, _ in pairs), f"not asked before: {pairs}")


def each_announces_itself_once_a_second(site):
    heard = announcements(site.redis_master(), 3.5)
    for host in site.servers:
        own = [text for text in heard if re.fullmatch(rf"HELLO0 vm-{host.name}-\d{{5}}", text)]
        check(len(set(own)) == 1 and 2 <= len(own) <= 4, f"{host}: {heard}")


def a_get_is_counted_and_nothing_else(site):
    host, path = site.dc3, next(indexed)
    for _ in range(3):
        redirects(host, path, MIRROR, "HEAD")
        check(host.mirrorbits.ask(path + "?stats")[0] == 200, "?stats")
        check(host.mirrorbits.ask("/?mirrorstats")[0] == 200, "?mirrorstats")
    redirects(host, "/", OTHER)
    redirects(host, UNKNOWN, OTHER)
    redirects(host, path, MIRROR)
    redirects(host, path, MIRROR)
    master = site.redis_master()
    until("it is saved", lambda: read_statistics(master).get(path) == "2", 2)
    time.sleep(0.6)                         # one more chance to save
    counts = read_statistics(master)
    check(counts.get(path) == "2" and counts.get(UNKNOWN) == "1", f"counted: {counts}")
    check(not {"", "/", "/pool"} & set(counts), f"a folder is counted: {counts}")
    text = host.mirrorbits.ask(path + "?stats")[1]
    check(re.sub(r"\s", "", text) == '{"Today":2,"Month":2,"Year":2,"Total":2}', text)


def a_file_outside_the_repository_is_not_found(site):
    for host in site.servers:
        refused(host, "/pool/nowhere.iso", 404, "Not Found\n")
        redirects(host, UNKNOWN, OTHER)
        redirects(host, "/", OTHER)


def reloading(site):
    """Wrong files change nothing; right ones hold from now on."""
    program = site.dc3.mirrorbits
    good = program.conf.read_text()
    for what, change in REFUSED.items():
        program.reload(misspelt(good, change))
        check(program.running, f"{what}: it has ended")
        redirects(site.dc3, next(indexed), MIRROR)
        redirects(site.dc3, UNKNOWN, OTHER)
    program.reload(good.replace(f"{FALLBACK}/", "fallback2.example.net"))
    redirects(site.dc3, UNKNOWN, "http://fallback2.example.net")
    program.reload(good.split("Fallbacks:")[0])
    refused(site.dc3, UNKNOWN, 503, "Service Unavailable\n")
    redirects(site.dc3, next(indexed), MIRROR)
    program.reload(re.sub("Repository: .*", f"Repository: {program.dir}", good))
    refused(site.dc3, FILE, 404, "Not Found\n")
    program.reload(good)
    redirects(site.dc3, FILE, MIRROR)


def another_address_ends_the_service(site):
    """It is not served, nor is the old one; the announcements go on."""
    program = site.dc3.mirrorbits
    program.reload(program.conf.read_text().replace(f":{program.port}", ":8081"))
    until("the old address is closed", lambda: not program.ready(), 3)
    time.sleep(0.5)
    check(not site.dc3.accepts(site.dc3.address, 8081), "the new address is served")
    check(program.running and any("vm-dc3" in text for text in announcements(
        site.redis_master(), 2.5)), "it does not announce itself")
    program.again()


def missing_templates_end_it(site):
    program = site.dc3.mirrorbits
    good = program.conf.read_text()
    program.reload(re.sub("Templates: .*", "Templates: /nowhere", good))
    until("it has ended", lambda: not program.running, 5)
    program.again()


def sigterm_ends_it(site):
    program = site.dc3.mirrorbits
    begin = time.monotonic()
    check(program.stop() == 0 and time.monotonic() - begin < 2, "it does not end at once")
    program.start()


def what_was_asked_once_stays_without_a_database(site):
    """After FLUSHALL: until a message names it, or the subscription is lost and restored."""
    host, (one, two, three) = site.dc2, (next(indexed) for _ in range(3))
    master = site.redis_master()
    for path in (one, two):
        redirects(host, path, MIRROR)
    link = link_to(master)
    link.do("FLUSHALL")
    check("m1.example.net" not in host.mirrorbits.ask("/?mirrorstats")[1], "mirrors after FLUSHALL")
    check(host.mirrorbits.ask("/?mirrorstats")[0] == 200, "no list of mirrors after FLUSHALL")
    for path, to in ((one, MIRROR), (two, MIRROR), (three, OTHER)):
        redirects(host, path, to)
    for number in "12":
        link.do("PUBLISH", MIRROR_FILE_UPDATE, f"{number} {one}")
    until("a message names it", lambda: OTHER in host.mirrorbits.ask(one)[2], 2)
    redirects(host, two, MIRROR)
    link.do("CLIENT", "KILL", "TYPE", "pubsub")
    link.close()
    until("it has subscribed again", lambda: OTHER in host.mirrorbits.ask(two)[2], 5)
    write_keys(master, [FILE, *INDEXED])


def without_redis_only_the_cache_is_left(site):
    host, known, cold = site.dc2, next(indexed), next(indexed)
    redirects(host, known, MIRROR)
    check("m1.example.net" in host.mirrorbits.ask("/?mirrorstats")[1], "no mirrors")
    for server in site.servers:
        server.redis.kill()
    redirects(host, known, MIRROR)
    redirects(host, cold, OTHER)
    for path in ("/?mirrorstats", known + "?stats"):
        refused(host, path, 500)


def prepared(case):
    """The files of this program exist before each case."""
    def run(site):
        add_files(site, [UNKNOWN, *INDEXED])
        write_keys(site.redis_master(), [FILE, *INDEXED])
        case(site)
    run.__name__ = case.__name__
    return run


if __name__ == "__main__":
    lab.main([prepared(case) for case in (
        the_master_is_found_by_any_sentinel, a_pool_keeps_ten_connections_and_asks_each_before_its_use,
        each_announces_itself_once_a_second, a_get_is_counted_and_nothing_else,
        a_file_outside_the_repository_is_not_found, reloading, another_address_ends_the_service,
        missing_templates_end_it, sigterm_ends_it, what_was_asked_once_stays_without_a_database,
        without_redis_only_the_cache_is_left)], mirrorbits=True)
