"""matrix: the faults of the laboratory, one per row; runs, prints and judges the rows.

A row runs on one site that answers in three ways at once (article.py, compare): Locum with `answer:
self`, Locum with `answer: all`, and the article's own set-up, an NSD on each server. So all three
suffer the same fault and serve the same clients.
"""

import json
import os
import sys
import time
from contextlib import nullcontext
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "site"))

from article import HOST_ALLOWED_S, WEB_ALLOWED_S, Site     # noqa: E402
from clients import Crowd                                   # noqa: E402
from lab import SLACK, check, check_times                   # noqa: E402
from load import Load                                       # noqa: E402
from measure import COLUMNS, NEVER, Round, cells, lay_out   # noqa: E402
from programs import ROOT, until                            # noqa: E402
import timeline                                             # noqa: E402

LOAD_PER_S = 1000
NORMAL_WITHIN_S = 90        # after this time the site counts as not recovering
FOLDER = Path(os.environ.get("BUILD") or ROOT / "build") / "lab"


# The actions of rows. Each returns the moment when it began.

def moment(act):
    """A fault or a repair that does not change which nodes can serve."""
    def do(site, host):
        begin = time.monotonic()
        act(site, host)
        return begin
    return do


def start_redis(site, host):
    host.redis.start()
    site.wait_redis_whole()


def thaw_redis(site, host):
    host.redis.thaw()
    site.wait_redis_whole()


def cut(percent=100, back=True):
    """Lose the packets from this server to the next one, and back unless `back` is False."""
    return moment(lambda site, host: site.lose(host, other(site, host), percent, back))


def lossy(site, host):
    """The link of one server loses packets of all kinds, also queries of the probers."""
    begin = time.monotonic()
    site.truth.muted(host)
    site.lose_around(host, 30)
    return begin


def restart(site, *hosts):
    for host in hosts:
        site.stop_locum(host)
        site.start_locum(host)
        until("every node alive", site.calm, 20, 0.1)


def forget(site, host):
    site.forget(host)
    until("every node alive", site.calm, 20, 0.1)


def rolling_restart(site, host):
    restart(site, *site.coordinators)


def reload(site, host):
    for _ in range(3):
        host.locum.command("reload", check=True)


# On which host.

def other(site, host):
    return next(h for h in site.servers if h is not host)


def replica(site, number):
    return other(site, site.redis_master())


def master(site, number):
    return site.redis_master()


def each(site, number):
    return site.servers[number % len(site.servers)]


class Row:
    """One fault: how it begins and ends, and its required results."""

    def __init__(self, name, host, fault, heal, hold_s, rounds=1, right_s=None, still=False,
                 second=False, plain=True, after=None, load=False, lossy=False, picture=False,
                 long=None):
        self.name, self.host, self.fault, self.heal = name, host, fault, heal
        self.hold_s, self.rounds = hold_s, rounds
        self.right_s = right_s      # limit in seconds for right answers of every node
        self.still = still          # no answer may change
        self.second = second        # cached clients of `all` with a second try: no page may fail
        self.plain = plain          # it also concerns a plain NSD
        self.after = after or (lambda site, host: None)     # before the next round
        self.load = load            # under LOAD_PER_S queries a second
        self.lossy = lossy          # some of them may be lost
        self.picture = picture      # draw its first round
        self.long = long or (3, 10)         # (rounds, seconds) of the long run


LONG = (3, 75)      # longer than the TTL: clients with a cache see the whole fault
HOSTS = [
    # The coordinator forgets each round, so each return is its first: no probation.
    Row("web server stops", each, Site.stop_web, Site.start_web, 1.5, 4, right_s=WEB_ALLOWED_S,
        after=forget, long=LONG),
    Row("host crashes", replica, Site.crash, Site.revive, 3, 3, right_s=HOST_ALLOWED_S,
        second=True, long=LONG),
    Row("host crashes, Redis master on it", master, Site.crash, Site.revive, 4, 3,
        right_s=HOST_ALLOWED_S, second=True, after=lambda s, h: s.wait_redis_whole(),
        picture=True, long=LONG),
    Row("host frozen", replica, Site.freeze, Site.thaw, 4, right_s=HOST_ALLOWED_S, long=LONG),
    Row("host cut off from all", replica, Site.isolate, Site.rejoin, 4, right_s=HOST_ALLOWED_S,
        second=True, long=LONG),
    Row("partition, both ways", each, cut(), cut(0), 10, still=True, long=(1, 120)),
    Row("partition, one way", each, cut(back=False), cut(0), 8, 2, still=True, long=(2, 60)),
    Row("30 % loss at one server", each, lossy, Site.rejoin, 10, still=True, long=(1, 120)),
]
PROGRAMS = [
    Row("coordinator killed", replica, Site.kill_locum, Site.start_locum, 3, plain=False),
    Row("coordinator frozen", replica, Site.freeze_locum, Site.thaw_locum, 3, plain=False),
    Row("Redis master killed", master, moment(lambda s, h: h.redis.kill()), moment(start_redis),
        5, still=True, plain=False),
    Row("Redis master frozen", master, moment(lambda s, h: h.redis.freeze()), moment(thaw_redis),
        5, still=True, plain=False),
    Row("Sentinel killed", master, moment(lambda s, h: h.sentinel.kill()),
        moment(lambda s, h: h.sentinel.start()), 2, still=True, plain=False),
    Row("coordinator restarted", each, moment(restart), moment(lambda s, h: None), 0, 2,
        still=True, plain=False, load=True, lossy=True),
    Row("all restarted, one by one", each, moment(rolling_restart), moment(lambda s, h: None), 0,
        still=True, plain=False, load=True, lossy=True),
    Row("reloaded three times", each, moment(reload), moment(lambda s, h: None), 0, still=True,
        plain=False, load=True),
]


class Matrix:
    """Rows that run on one site with the same clients. Keeps their results."""

    def __init__(self, name, long=False):
        self.name, self.long, self.crowd = name, long, None
        self.lines, self.notes = [], []

    def tests(self, rows, words=()):
        """The rows whose name contains one of the words, as tests for lab.main()."""
        rows = [row for row in rows if not words or any(word in row.name for word in words)]
        return [self._test(row) for row in rows] + [self.the_table_and_the_picture]

    def _test(self, row):
        def run(site):
            if self.crowd is None:
                self.crowd = Crowd(site.schemes(), site.resolvers(), site.client.ports.http)
                self.crowd.start()
            self._run(site, row)
        run.__name__ = row.name.replace(" ", "_")
        return run

    def the_table_and_the_picture(self, site):
        """Print all rows again, together, and write them to files for the documentation."""
        print("\n".join(["", *lay_out(COLUMNS, self.lines), "", *self.notes]), flush=True)
        self._write("table.md", "\n".join([*lay_out(COLUMNS, self.lines, True), "",
                                           *(f"- {note}" for note in self.notes), ""]))
        check(self.crowd.is_alive(), "the clients' thread died")

    def _write(self, name, text):
        FOLDER.mkdir(parents=True, exist_ok=True)
        (FOLDER / f"{self.name}-{name}").write_text(text)

    def _run(self, site, row):
        rounds, loads = [], []
        count, hold_s = row.long if self.long else (row.rounds, row.hold_s)
        for number in range(count):
            host = row.host(site, number)
            site.say(f"{row.name}: {host}")
            rounds.append(self._round(site, row, host, hold_s, loads))
            row.after(site, host)
            site.wait_calm(NORMAL_WITHIN_S)
            if row.picture and number == 0:
                self._draw(row, rounds[0], host)
        schemes = [s for s in site.schemes() if row.plain or s.label.startswith("Locum")]
        lines = [cells(row.name if s is schemes[0] else "", rounds, s) for s in schemes]
        self.lines += lines
        print("\n".join(lay_out(COLUMNS, lines)), flush=True)
        for load in loads:
            self.notes.append(f"{row.name}, under {LOAD_PER_S} queries a second: "
                              f"{load['lost']} of {load['sent']} lost, "
                              f"longest without an answer {load['gap_s']:.3f} s")
            print("  " + self.notes[-1], flush=True)
            check(load["lost"] < load["sent"] / 2, "the load was not answered")
            check(load["lost"] == 0 or row.lossy, f"{load['lost']} queries lost")
        self._judge(row, rounds, site.schemes())

    def _round(self, site, row, host, hold_s, loads):
        ours = [s for s in site.schemes() if s.label.startswith("Locum")]
        with Round(site, site.schemes(), self.crowd) as one:
            with Load(host.address, host.ports.dns, site.zone, LOAD_PER_S) if row.load \
                    else nullcontext() as load:
                one.begin(row.fault(site, host))
                until("the fault has lasted long enough",
                      lambda: time.monotonic() - one.begun >= hold_s, hold_s + 5)
                self._settle(one, ours, one.begun, (row.right_s or 0.5) * SLACK)
                one.healed(row.heal(site, host))
                self._settle(one, ours, one.healed_at, NORMAL_WITHIN_S)
        loads += [load.result] if load else []
        return one

    @staticmethod
    def _settle(one, schemes, since, within):
        """Wait until all answers have been right for a second, or the time is over."""
        deadline = since + within + 2.0
        while one.calm_for(schemes, since) < 1.0 and time.monotonic() < deadline:
            time.sleep(0.1)

    def _draw(self, row, one, host):
        right, healed = one.right(one.schemes[0]), one.healed_at - one.begun
        moments = [(0.0, f"{host} crashes")]
        moments += [(right, "all answers right")] if right else []
        normal = one.normal(one.schemes[0])
        moments += [(healed, f"{host} boots")]
        moments += [(healed + normal, "as before")] if normal else []
        data = timeline.record(one, f"{row.name} ({host})", moments)
        self._write("failover.json", json.dumps(data))
        self._write("failover.svg", timeline.draw(data))

    @staticmethod
    def _judge(row, rounds, schemes):
        """Check the results of a row; the article's own set-up is only measured."""
        own, everyone, plain = schemes
        if row.fault is Site.stop_web:      # a plain NSD cannot detect it; that must be visible
            check({r.right(plain) for r in rounds} == {NEVER}, "the probers see no wrong answers")
            check(any(r.fetches(plain, "fresh")[0] for r in rounds), "the clients miss no page")
        for scheme in (own, everyone):
            counts = [r.counts(scheme) for r in rounds]     # SLACK of a single time
            for word in ("wrong", "empty") + (() if row.load else ("lost",)):
                number = sum(c[word] for c in counts)
                check(number == 0, f"{scheme.label}: {number} answers {word}")
            check(all(c["right"] for c in counts), f"{scheme.label}: nobody was asked")
            check(None not in [r.normal(scheme) for r in rounds],
                  f"{scheme.label}: not as before the fault after {NORMAL_WITHIN_S} s")
            if row.right_s:
                check_times(f"{row.name}, {scheme.label}: all nodes right",
                            [r.right(scheme) for r in rounds], row.right_s)
            changes = max(r.changes(scheme) for r in rounds)
            most = 0 if row.still else 2        # one change, and back
            check(changes <= most, f"{scheme.label}: an answer changed {changes} times")
        if row.second:
            failed = sum(r.fetches(everyone, "cached", True)[0] for r in rounds)
            check(failed == 0, f"{failed} pages failed for clients that try a second address")
