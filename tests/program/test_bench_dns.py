#!/usr/bin/python3
"""tests/bench/ask, the generator of `make bench`, counts rightly: against an echo, one that drops every tenth
datagram, and a coordinator, over UDP and TCP. No figure is asserted."""

import json
import os
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path += [os.path.join(HERE, "../self"), os.path.join(HERE, "../bench")]
import alone
import cases

TOOLS = os.path.join(os.environ["BUILD"], "tests/bench")
RIGHT = "5 get.example.org 1 0 1\n3 ???.get.example.org 1 3 0\n2 get.example.org 2 0 2\n"
PORT = 15300


def ask(host, port, *options, mix=RIGHT, seconds=0.1):
    with tempfile.NamedTemporaryFile("w", encoding="ascii") as file:
        file.write(mix)
        file.flush()
        run = subprocess.run([f"{TOOLS}/ask", "--seconds", str(seconds), *options, host, str(port), file.name],
                             capture_output=True, text=True, timeout=20, check=False)
    assert run.returncode == 0, run.stderr
    counts = json.loads(run.stdout)
    print(options, counts)
    assert counts["sent"] == sum(counts[key] for key in ("answered", "truncated", "wrong", "lost")), counts
    assert counts["sent"] > 0 and counts["seconds"] >= seconds, counts
    return counts


class Echo:
    """An echo at a loopback address of its own."""

    def __init__(self, *words):
        self.words = words

    def __enter__(self):
        self.host = alone.own_address()
        self.process = subprocess.Popen([f"{TOOLS}/echo", self.host, str(PORT), *self.words])
        wanted = ":" + f"{PORT:04X} "
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            with open("/proc/net/udp", encoding="ascii") as file:
                address = "".join(f"{int(part):02X}" for part in reversed(self.host.split(".")))
                if address + wanted in file.read():
                    return self
            time.sleep(0.01)
        raise AssertionError("the echo does not listen")

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()


def test_echo():
    with Echo() as it:
        counts = ask(it.host, PORT, "--echo", "--pids", str(it.process.pid))
        assert counts["answered"] == counts["sent"] and counts["cpu_s"] > 0, counts
        counts = ask(it.host, PORT, "--echo", "--cookies", "--rate", "1000")
        assert counts["answered"] == counts["sent"] <= 105 and counts["cookies"] == 0, counts
        counts = ask(it.host, PORT)         # a query is no answer
        assert counts["wrong"] == counts["sent"], counts


def test_loss():
    with Echo("10") as it:
        counts = ask(it.host, PORT, "--echo", "--outstanding", "32", "--patience", "200")
        assert counts["lost"] >= counts["sent"] // 10 > 0 and counts["answered"] > 0, counts
    counts = ask(it.host, PORT, "--outstanding", "8", "--patience", "200")
    assert counts["lost"] == counts["sent"], counts


def test_coordinator():
    with alone.Alone() as it:
        it.until("its start", lambda: "event=serving" in it.text() and it.get("/healthz"))
        for options in ([], ["--edns"], ["--cookies"], ["--rate", "2000"], ["--connections", "4"]):
            counts = ask(it.host, 15353, *options)
            assert counts["answered"] == counts["sent"], counts
            assert counts["cookies"] == ("--cookies" in options), counts
        for wrong in ("1 get.example.org 1 0 2\n", "1 get.example.org 1 3 1\n", "1 ??.example.org 1 0 1\n"):
            counts = ask(it.host, 15353, mix=wrong)
            assert counts["wrong"] == counts["sent"], counts


if __name__ == "__main__":
    cases.run(globals())
