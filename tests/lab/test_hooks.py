#!/usr/bin/env python3
"""Hooks on a whole site: of what all nodes see one reports, by command and by URL; one that hangs disturbs nothing."""
# deadline: 120 s, beside others

import hashlib
import hmac
import http.server
import json
import sys
import threading
import time
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "site"))

import lab                                  # noqa: E402
from lab import check                       # noqa: E402
from programs import until                  # noqa: E402

PORT = 18090
SECRET = "a secret of the receiver"
HANGING = 3         # the number of that hook
WAITS = 64          # events for one hook


class Receiver:
    """Notes what each node posts to /NODE, and checks its signature."""

    def __init__(self, address):
        posted = self.posted = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                right = "sha256=" + hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
                signed = hmac.compare_digest(right, self.headers.get("X-Locum-Signature", ""))
                posted.append((self.path[1:], signed, json.loads(body)))
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer((address, PORT), Handler)
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()


def got(host):
    """What the command of a host was given, a dictionary for each event."""
    path = host.locum.dir / "got"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def conditions(events, peer=None):
    """[(peer, to)] of the events about a condition."""
    return [(e["fields"]["peer"], e["fields"]["to"]) for e in events
            if e["fields"]["event"] == "condition" and peer in (None, e["fields"]["peer"])]


def posted_by(site, host):
    return [event for name, _, event in site.receiver.posted if name == host.name]


def hooks_are_tested(site):
    """A reload adds the hooks; `locum hooks test` sends to each."""
    site.receiver = Receiver(site.client.address)
    for host in site.coordinators:
        secret = host.locum.dir / "hook-secret"
        secret.touch(mode=0o600)
        secret.write_text(SECRET + "\n")
        with host.locum.config.open("a") as file:
            file.write("hooks:\n"
                       f"  - {{on: [condition, serving], command: [/bin/sh, -c, \"cat >> {host.locum.dir}/got\"]}}\n"
                       f"  - {{on: [condition], url: \"http://{site.client.address}:{PORT}/{host.name}\","
                       f" secret-file: {secret}}}\n"
                       "  - {on: [serving, condition], command: [/bin/sleep, \"1000\"], timeout: 60s}\n")
        host.locum.command("reload", check=True)
        for number in "1", "2":
            done = host.locum.command("hooks", "test", number)
            check(done.returncode == 0 and "delivered: " in done.stdout, done.stdout + done.stderr)
        check(posted_by(site, host)[0]["fields"] == {"event": "test", "node": host.name}, site.receiver.posted)


def one_death_makes_one_report(site):
    """dc3 dies: dc2 reports it. dc2 dies, the reporter: dc3 reports that. The witness reports nothing."""
    for dead, reporter in ((site.dc3, site.dc2), (site.dc2, site.dc3)):
        began = time.monotonic()
        site.crash(dead)
        until(f"{reporter} reports {dead} by command and by URL", lambda: all(
            (dead.name, "down") in conditions(events)
            for events in (got(reporter), posted_by(site, reporter))), 10)
        print(f"  {reporter} reported after {time.monotonic() - began:.2f} s", flush=True)
        site.revive(dead)
        until(f"{reporter} reports that {dead} is back", lambda: all(
            (dead.name, "alive") in conditions(events)
            for events in (got(reporter), posted_by(site, reporter))), 20)
    for dead, reporter in ((site.dc3, site.dc2), (site.dc2, site.dc3)):
        for events in got(reporter), posted_by(site, reporter):
            check(conditions(events) == [(dead.name, "down"), (dead.name, "alive")], f"{reporter}: {events}")
        ids = [[e["id"] for e in events if e["fields"]["event"] == "condition"]
               for events in (got(reporter), posted_by(site, reporter))]
        check(ids[0] == ids[1], f"{reporter}: {ids}")
        events = {e["id"]: e for e in json.loads(reporter.locum.get("/events"))["events"]}
        for event in got(reporter):         # what happened before its own death is not in it any more
            if event["id"] in events:
                check(events[event["id"]]["fields"] == event["fields"], f"{event} is {events[event['id']]}")
    # The witness has held both deaths for 5 s, and left them. It may have reported that dc3 is back: dc2 died within 5 s after.
    for events in got(site.ns0), posted_by(site, site.ns0):
        check(("dc2", "down") not in conditions(events) and ("dc3", "down") not in conditions(events), f"ns0: {events}")
    check(all(signed for _, signed, _ in site.receiver.posted), "a signature is wrong")


def one_that_hangs_disturbs_nothing(site):
    """More events than wait for a hook that hangs: they are dropped and counted; the others go out, and DNS answers."""
    before = len(got(site.dc2))
    metric = f'locum_hook_events_total{{hook="{HANGING}",outcome="dropped"}}'
    slowest, changes = 0.0, 0
    while changes < 2 * (WAITS + 8):
        for verb in "exclude", "include":
            site.dc2.locum.command(verb, "dc3", check=True)
            changes += 1
        began = time.monotonic()
        check(site.asks(site.dc2, site.zone) == [site.dc2.address], "dc2 does not answer")
        slowest = max(slowest, time.monotonic() - began)
        if site.dc2.locum.metrics()[metric] >= 3:
            break
    dropped = site.dc2.locum.metrics()[metric]
    check(dropped >= 3, f"{dropped} dropped after {changes} changes")
    check(site.dc2.locum.metrics()[f'locum_hook_queue{{hook="{HANGING}"}}'] == WAITS, "the queue has another length")
    until("the other hook gets them all", lambda: len(got(site.dc2)) == before + changes, 15,
          seen=lambda: len(got(site.dc2)) - before)
    print(f"  {changes} events, {dropped:.0f} dropped; the slowest answer took {slowest * 1000:.1f} ms", flush=True)
    status = until("a warning", lambda: next((line for line in site.dc2.locum.status()["warnings"]
                                              if line.startswith(f"hook {HANGING} ")), None))
    check("events were dropped" in status, status)
    check(site.dc3.locum.peer("dc2")["condition"] == "alive", "dc2 is not alive at dc3")
    check(conditions(got(site.dc3))[2:] == [], got(site.dc3))


if __name__ == "__main__":
    lab.main([hooks_are_tested, one_death_makes_one_report, one_that_hangs_disturbs_nothing], redis=False)
