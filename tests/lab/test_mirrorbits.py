#!/usr/bin/env python3
"""With Mirrorbits: Locum sees it, judges it by its redirects, and does not touch its data."""
# deadline: 300 s, beside others

import re
import socket
import sys
import threading
import time
import urllib.request
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "site"))

import lab                                  # noqa: E402
from background import Background           # noqa: E402
from lab import check, check_times, check_verdict   # noqa: E402
from mirrorbits import FALLBACK, FILE, check_of, read_keys, set_mirrors   # noqa: E402
from probe import Prober                    # noqa: E402
from programs import until                  # noqa: E402
from redirector import CHANNELS, Gone, Link # noqa: E402

# The commands Locum may send to Redis and the position of their key; None: no key.
COMMANDS = {"auth": None, "client": None, "select": None, "role": None, "subscribe": None,
            "publish": None, "hset": 1, "pexpire": 1, "zadd": 1,
            "zremrangebyscore": 1, "xadd": 1}
LINE = re.compile(r'[0-9.]+ \[\d+ (\S+)\] (.*)')
WORD = re.compile(r'"((?:[^"\\]|\\.)*)"')


class Monitor(Background):
    """Records every command that one Redis runs, also after a restart: (sender, words)."""

    def __init__(self, host):
        super().__init__()
        self.host, self.site = host, host.site
        self.commands, self.locum = [], set()       # locum: addresses of its connections
        self.watching = threading.Event()

    def __enter__(self):
        super().__enter__()
        check(self.watching.wait(10), f"no MONITOR on {self.host}")
        return self

    def _link(self):
        link = Link(f"{self.host.private}:{self.host.ports.redis}")
        link.do("AUTH", self.site.redis_password)
        return link

    def run(self):
        while not self._ending.is_set():
            try:
                self._watch()
            except (OSError, Gone, ValueError):
                self._ending.wait(0.01)

    def _list(self, link):
        """Redis before 7.0 does not show CLIENT SETNAME: a list each second does."""
        for line in link.do("CLIENT", "LIST").splitlines():
            fields = dict(pair.partition("=")[::2] for pair in line.split())
            if fields.get("name", "").startswith("locum-"):
                self.locum.add(fields["addr"])

    def _watch(self):
        """MONITOR first, then list the clients, so that no client is missed."""
        link, clients = self._link(), self._link()
        try:
            link.do("MONITOR")
            link.sock.settimeout(0.2)
            rest, due = b"", 0.0
            while not self._ending.is_set():
                if time.monotonic() >= due:
                    self._list(clients)
                    self.watching.set()
                    due = time.monotonic() + 1
                try:
                    chunk = link.sock.recv(65536)
                except socket.timeout:
                    continue
                if not chunk:
                    return
                *lines, rest = (rest + chunk).split(b"\r\n")
                for line in lines:
                    self._take(line.decode(errors="replace").lstrip("+"))
        finally:
            link.close()
            clients.close()

    def _take(self, line):
        match = LINE.fullmatch(line)
        if match is None:
            return
        sender, words = match.group(1), WORD.findall(match.group(2))
        words = [words[0].lower(), *words[1:]]
        if words[:2] == ["client", "SETNAME"] and words[2].startswith("locum-"):
            self.locum.add(sender)
        self.commands.append((sender, words))


def judge(monitors):
    """Locum uses only its commands, keys and channel, never Mirrorbits' channels."""
    published, announced = 0, 0
    for monitor in monitors:
        for sender, words in monitor.commands:
            if sender not in monitor.locum:
                announced += words[:2] == ["publish", CHANNELS[0]]
                continue
            where = f"on {monitor.host}: {' '.join(words)[:200]}"
            check(words[0] in COMMANDS, f"a command that Locum has no use for {where}")
            key = COMMANDS[words[0]]
            check(key is None or words[key].startswith("locum:get:"), f"another's key {where}")
            check(words[0] != "select" or words[1] == "0", f"another database {where}")
            if words[0] == "publish":
                check(words[1] == "locum:get:heartbeat", f"another's channel {where}")
                published += 1
        refused = monitor.host.redis.cli("ACL", "LOG").splitlines()
        check("locum" not in refused, f"refused to Locum on {monitor.host}: {refused}")
    return published, announced


def seen_by(host, name):
    return host.locum.peer(name).get("mirrorbits", {}).get("seen")


def in_hash(site, host):
    return site.redis_master().redis.cli("HGET", f"locum:get:node:{host.name}", "mirrorbits").strip()


def all_seen(site):
    return all(seen_by(host, server.name) for host in site.coordinators for server in site.servers)


def all_on(site, host):
    return {name: host.name for name in site.names}


def own(site, host):
    """The names of this node's answers when all nodes work."""
    return {f"{h.name}.{site.zone}": h.name for h in site.servers} | {site.zone: host.name}


def each_mirrorbits_is_seen_by_all_nodes(site):
    until("every node sees both", lambda: all_seen(site), 10)
    for host in site.servers:
        until("the hash names it", lambda h=host: re.fullmatch(r"vm-dc\d-\d{5}", in_hash(site, h)))
        check(check_of(host, "mirrorbits")["state"] == "up", "its check is not up")
        check(re.search("http://m[12].example.net" + FILE, check_of(host, "mirrorbits file")["last"]),
              "the check does not show its redirect")
        check(host.locum.peer(host.name)["mirrorbits"]["state"] == "ok", "it is not shown as ok")
    address = f"{site.dc2.address}:{site.dc2.ports.status}"
    with urllib.request.urlopen(f"http://{address}/metrics", timeout=5) as page:
        text = page.read().decode()
    check('locum_mirrorbits_seen{node="dc3"} 1' in text, "the metric does not say so")
    site.dc3.mirrorbits.kill()
    begin = time.monotonic()
    until("gone after 5 s of silence", lambda: not any(
        seen_by(h, "dc3") for h in site.coordinators), 10)
    check(time.monotonic() - begin > 3.5, "gone too early")
    until("gone from the hash", lambda: in_hash(site, site.dc3) == "", 5)
    until("its check fails", lambda: check_of(site.dc3, "mirrorbits")["state"] == "failing", 5)


def the_data_of_mirrorbits_is_never_touched(site):
    """Monitors all commands while a web server stops, a host crashes and an operator works."""
    until("every node sees both", lambda: all_seen(site), 10)
    keys = read_keys(site.redis_master())
    check("m1.example.net" in keys["MIRRORS"], "there is no database")
    with Monitor(site.dc2) as one, Monitor(site.dc3) as two, Prober(site) as prober:
        begin = time.monotonic()
        moment = site.stop_web(site.dc2)
        prober.wait_settled(all_on(site, site.dc3), moment, 1.5)
        site.start_web(site.dc2)
        until("calm", site.calm, 20)
        host = site.redis_master()
        left = next(h for h in site.servers if h is not host)
        site.say(f"{host.name} crashes, and with it the Redis master")
        moment = site.crash(host)
        check(prober.wait_settled(all_on(site, left), moment, 4.5, [left.name])[left.name],
              "not taken over")
        check(site.redis_master() is left, "Redis did not fail over")
        until("the survivor's Mirrorbits is seen through the new master, the other is gone",
              lambda: seen_by(left, left.name) and not seen_by(left, host.name), 20)
        site.revive(host)
        site.wait_calm(60)
        site.wait_redis_whole()
        left.locum.command("drain", "--for", "1m", check=True)
        left.locum.command("ready", check=True)
        left.locum.command("reload", check=True)
        site.stop_locum(left)
        site.start_locum(left)
        site.wait_calm()
        until("every node sees both again", lambda: all_seen(site), 20)
        check_verdict(prober, begin)
    published, announced = judge([one, two])
    site.say(f"monitored: {len(one.commands) + len(two.commands)} commands, {published} heartbeats,"
             f" {announced} announcements")
    check(published > 200 and announced > 20, "the monitors did not see what there is")
    check(all(m.locum for m in (one, two)), "a monitor knows no connection of Locum")
    check(read_keys(site.redis_master()) == keys, "a key of Mirrorbits has changed")


def a_mirrorbits_that_redirects_to_a_fallback_is_degraded(site):
    """Started without its database Mirrorbits redirects to a fallback: the node is degraded."""
    host, other = site.dc3, site.dc2
    with Prober(site) as prober:
        begin = time.monotonic()
        host.mirrorbits.found = False
        host.mirrorbits.again()
        until("its check says so", lambda: check_of(host, "mirrorbits file")["state"]
              == "degraded", 10)
        prober.wait_settled(all_on(site, other), begin, 5)
        check(host.locum.peer("dc3")["service"] == "degraded", "its service is not degraded")
        until("the database is missed too",
              lambda: host.locum.peer("dc3")["mirrorbits"]["state"] == "no-database", 5)
        last = check_of(host, "mirrorbits file")["last"]
        check(last.startswith("302 in ") and "http://fallback1.example.net" in last,
              f"the check says: {last}")
        check("mirrorbits file (302" in host.locum.command("events").stdout, "no event says why")
        host.mirrorbits.found = True
        host.mirrorbits.again()
        moment = time.monotonic()
        times = prober.wait_settled(own(site, host), moment, 20, [host.name])
        check_times("named again with its database", list(times.values()), 15)
        until("calm", site.calm, 20)
        check_verdict(prober, begin)


def other_fallbacks_are_known_after_a_reload(site):
    """Locum reads the Fallbacks of mirrorbits.conf at its start and at a reload."""
    host, other = site.dc3, "http://fallback2.example.net/"
    good = host.mirrorbits.conf.read_text()

    def file_check(state):
        result = check_of(host, "mirrorbits file")
        return result["state"] == state and other in result["last"]

    set_mirrors(site.redis_master(), "false")
    host.mirrorbits.reload(good.replace(f"http://{FALLBACK}/", other))
    until("it takes the other one for a mirror", lambda: file_check("up"), 5)
    host.locum.command("reload", check=True)
    until("it knows it", lambda: file_check("degraded"), 5)
    set_mirrors(site.redis_master(), "true")
    host.mirrorbits.reload(good)
    host.locum.command("reload", check=True)
    until("its check is up", lambda: check_of(host, "mirrorbits file")["state"] == "up", 10)


def a_mirrorbits_of_another_database_causes_a_warning(site):
    """A warning; with gate: true the node is failing."""
    host = site.dc3
    host.mirrorbits.gate = True
    host.locum.configure()
    host.locum.command("reload", check=True)
    until("its check is up", lambda: check_of(host, "mirrorbits")["state"] == "up", 10)
    host.mirrorbits.db = 3
    host.mirrorbits.again()
    until("not seen any more", lambda: not seen_by(host, "dc3"), 15)
    warning = "the Mirrorbits of dc3 announces itself for database 3, and redis.db is 0"
    until("the status warns of it", lambda: any(
        warning in w for w in host.locum.status()["warnings"]), 10)
    until("the gate is shut", lambda: check_of(host, "mirrorbits")["state"] == "failing", 10)
    check(host.locum.peer("dc3")["service"] == "failing", "its service is not failing")
    host.mirrorbits.db = 0
    host.mirrorbits.again()
    until("seen again", lambda: seen_by(host, "dc3"), 15)
    until("calm", site.calm, 90)


def a_reload_forgets_a_hung_mirrorbits_only_if_its_name_changes(site):
    """A reload for another reason must not hide that a peer's Mirrorbits hangs."""
    other, host = site.dc2, site.dc3
    name = host.mirrorbits.known_as

    def state():
        return other.locum.peer("dc3")["mirrorbits"]["state"]

    host.mirrorbits.freeze()
    until("it hangs", lambda: state() == "hung", 30)     # Redis has worked for 5 s without a gap
    other.locum.command("reload", check=True)
    check(state() == "hung", f"after a reload it is {state()}")
    host.mirrorbits.known_as = "another-name"
    other.locum.configure()
    other.locum.command("reload", check=True)
    check(state() == "unseen", f"under another name it is {state()}")
    host.mirrorbits.known_as = name
    other.locum.configure()
    other.locum.command("reload", check=True)
    host.mirrorbits.thaw()
    until("seen again", lambda: all_seen(site), 15)
    until("calm", site.calm, 90)


def without_redis_no_node_is_failing(site):
    """The loss of Redis does not make every node fail."""
    for host in site.servers:
        host.mirrorbits.gate = True
        host.locum.configure()
        host.locum.command("reload", check=True)
    until("both are up", lambda: all(
        check_of(h, "mirrorbits")["state"] == "up" for h in site.servers), 10)
    with Prober(site) as prober:
        begin = time.monotonic()
        for host in site.with_program("redis"):
            host.redis.kill()
        until("8 s are over", lambda: time.monotonic() - begin > 8, 10, 0.2)
        for host in site.servers:
            result = check_of(host, "mirrorbits")
            check(result["state"] == "up" and "Redis" in result["last"], f"{host}: {result}")
            check(host.locum.peer(host.name)["service"] != "failing", f"{host} fails without Redis")
        check_verdict(prober, begin)


if __name__ == "__main__":
    lab.main([each_mirrorbits_is_seen_by_all_nodes, the_data_of_mirrorbits_is_never_touched,
              a_mirrorbits_that_redirects_to_a_fallback_is_degraded,
              other_fallbacks_are_known_after_a_reload,
              a_reload_forgets_a_hung_mirrorbits_only_if_its_name_changes,
              a_mirrorbits_of_another_database_causes_a_warning, without_redis_no_node_is_failing],
             mirrorbits=True)
