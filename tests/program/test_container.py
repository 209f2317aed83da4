#!/usr/bin/python3
"""A coordinator that inherits processes, as process 1 of a container does."""

import ctypes
import os
import sys
import time

sys.dont_write_bytecode = True
sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../self"))
import alone
import cases

PR_SET_CHILD_SUBREAPER = 36


def become_subreaper():
    assert ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0


def zombies_of(parent):
    """The processes that have ended and that `parent` has not reaped."""
    found = 0
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
                state, ppid = file.read().rpartition(")")[2].split()[:2]
        except OSError:
            continue
        found += state == "Z" and int(ppid) == parent
    return found


def test_zombies_do_not_pile_up():
    with alone.Alone(config=alone.CONFIG.replace(
            'tcp: {{address: "{host}:9"}}',
            "command: {{argv: [/bin/sh, -c, 'setsid -f true; setsid -f sleep 0.2'], "
            "interval: 100ms}}"), prepare=become_subreaper) as it:
        def passed():
            line = [line for line in it.get("/metrics").splitlines()
                    if line.startswith("locum_check_probes_total") and 'outcome="pass"' in line]
            return line and float(line[0].split()[-1]) >= 20
        it.until("20 probes have passed", passed)
        left = zombies_of(it.process.pid)
        deadline = time.monotonic() + 5
        while left > 2:  # those of this moment
            assert time.monotonic() < deadline, f"{left} zombies"
            left = zombies_of(it.process.pid)


cases.run(globals())
