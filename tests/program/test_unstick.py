#!/usr/bin/env python3
"""locum-unstick: what it closes, what it leaves alone, and what it says when it cannot."""
# deadline: 60 s, beside others

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path += [os.path.join(HERE, "../self"), os.path.join(HERE, "../site")]
import cases                                                        # noqa: E402
from mirrorbits import CANNOT_CLOSE, kernel_closes_connections      # noqa: E402

ROOT = os.path.dirname(os.path.dirname(HERE))
PROGRAM = os.path.join(ROOT, "deploy/locum-unstick")
OLD, NEW, OTHER = "10.9.9.1", "10.9.9.2", "10.9.9.3"
EVENT = "2026-11-29T04:00:00.000Z redis-connected node=dc2 master={}:6379"


class Host:
    """A network of its own with three addresses, and a coordinator that prints given events."""

    def __enter__(self):
        self.folder = tempfile.mkdtemp(prefix="locum-unstick-")
        with open(os.path.join(self.folder, "locum"), "w", encoding="utf-8") as file:
            file.write('#!/bin/sh\n[ -e "$0-away" ] && exit 1\nexec tail -n +1 -f "$0-events"\n')
        os.chmod(os.path.join(self.folder, "locum"), 0o755)
        self.events = os.path.join(self.folder, "locum-events")
        with open(self.events, "w", encoding="utf-8"):
            pass
        self.started = []
        return self

    def __exit__(self, *_):
        for process in self.started:    # also after a failed assertion: it holds our output open
            try:
                os.killpg(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            process.wait()
        shutil.rmtree(self.folder)

    def away(self):
        with open(os.path.join(self.folder, "locum-away"), "w", encoding="utf-8"):
            pass

    def say(self, line):
        with open(self.events, "a", encoding="utf-8") as file:
            file.write(line + "\n")

    def start(self, *before, path=None):
        environment = {**os.environ, "LOCUM": os.path.join(self.folder, "locum")}
        if path is not None:
            environment["PATH"] = path
        process = subprocess.Popen([*before, PROGRAM], env=environment, stderr=subprocess.PIPE,
                                   text=True, start_new_session=True)
        self.started.append(process)
        return process


def end(process):
    process.terminate()
    return process.communicate(timeout=10)[1]


def own_network():
    """Furnish a new network namespace: two addresses, and a route to one that nobody has."""
    for words in (["link", "set", "lo", "up"],
                  *(["addr", "add", f"{a}/32", "dev", "lo"] for a in (NEW, OTHER))):
        subprocess.run(["ip", *words], check=True)
    subprocess.run(["ip", "route", "add", "local", f"{OLD}/32", "dev", "lo"], check=True)


def pair(address, port=6379):
    """A connection to this address: both ends."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((address, port))
    listener.listen()
    out = socket.create_connection((address, port), source_address=(NEW, 0))
    inward, _ = listener.accept()
    listener.close()
    out.settimeout(0.2)
    return out, inward


def is_closed(ends):
    try:
        return ends[0].recv(1) == b""
    except socket.timeout:
        return False
    except OSError:
        return True


def wait_closed(ends, within=3.0):
    limit = time.monotonic() + within
    while time.monotonic() < limit:
        if is_closed(ends):
            return True
    return False


def in_own_network(case):
    """Run a function of this file in a network namespace, as root of it."""
    run = subprocess.run(["unshare", "--map-root-user", "--net", sys.executable, "-B",
                          os.path.abspath(__file__), case.__name__],
                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    assert run.returncode == 0, run.stdout


def check_ability():
    assert kernel_closes_connections()


def test_it_closes_what_leads_to_the_previous_master_alone():
    in_own_network(check_closing)


def test_a_missing_capability_is_named():
    in_own_network(check_capability)


def test_a_kernel_that_cannot_close_is_named():
    in_own_network(check_kernel)


def check_closing():
    with Host() as host:
        host.say(EVENT.format(OLD))
        old, new, other, another_port = pair(OLD), pair(NEW), pair(OTHER), pair(OLD, 6380)
        process = host.start()
        assert not wait_closed(old, 1.5), "closed while it leads to the master"
        host.say(f'2026-11-29T04:00:01.000Z admin node=dc2 reason="x redis-connected master={NEW}:6379"')
        assert not wait_closed(old, 1.5), "closed because of a text in another event"
        host.say(EVENT.format(NEW))
        assert wait_closed(old), "the connection to the previous master stays"
        again = pair(OLD)
        assert wait_closed(again), "it does not look again"
        for kept in (new, other, another_port):
            assert not is_closed(kept), kept
        host.say(EVENT.format(OLD))         # the master again
        assert wait_closed(new), "the master in between is the previous one now"
        back = pair(OLD)
        assert not wait_closed(back, 1.5), "closed although it is the master again"
        text = end(process)
        assert f"-> {OLD}:6379: {OLD}:6379 is no longer the Redis master" in text, text


def test_events_that_end_are_named_once():
    with Host() as host:
        host.away()
        process = host.start()
        time.sleep(3.5)
        text = end(process)
        assert text.count("events --follow` has ended") == 1, text


def test_a_coordinator_that_is_away_is_named_once():
    """By the real program, which waits for it."""
    with Host() as host:
        config = os.path.join(host.folder, "locum.yaml")
        with open(config, "w", encoding="utf-8") as file:
            file.write(f"listen: {{control: {host.folder}/control.sock}}\n")
        process = subprocess.Popen([PROGRAM, "-c", config], stderr=subprocess.PIPE, text=True,
                                   start_new_session=True)
        host.started.append(process)
        time.sleep(3.5)
        text = end(process)
        assert text.count(f"cannot reach the daemon at {host.folder}/control.sock") == 1, text


def test_it_ends_alone():
    """The supervisor that started it stays, and so do the others in its process group."""
    with Host() as host:
        script = '"$0" & trap "echo ended; exit 1" TERM; sleep 1.5; kill $!; wait $!; sleep 0.5'
        environment = {**os.environ, "LOCUM": os.path.join(host.folder, "locum")}
        done = subprocess.run(["bash", "-c", script, PROGRAM], env=environment, text=True,
                              capture_output=True, start_new_session=True, timeout=20, check=False)
        assert done.returncode == 0 and "ended" not in done.stdout, done
        left = subprocess.run(["pgrep", "-f", host.events], capture_output=True, text=True,
                              check=False).stdout
        assert not left, left


def test_a_master_that_was_the_previous_one_in_between_is_left_alone():
    in_own_network(check_back_again)


def test_a_missing_tool_is_named():
    with Host() as host:
        os.symlink("/bin/bash", os.path.join(host.folder, "bash"))
        os.symlink("/usr/bin/env", os.path.join(host.folder, "env"))
        process = host.start(path=host.folder)
        text = process.communicate(timeout=10)[1]
        assert process.returncode == 1 and "ss is not installed" in text, text


def check_back_again():
    with Host() as host:
        for address in (OLD, NEW, OLD):
            host.say(EVENT.format(address))
        old, new = pair(OLD), pair(NEW)
        process = host.start()
        assert wait_closed(new), "the previous master keeps its connection"
        assert not is_closed(old), "closed although it is the master"
        end(process)


def check_kernel():
    """Such a kernel closes nothing and says nothing: an ss without -K does the same."""
    with Host() as host:
        tool = os.path.join(host.folder, "ss")
        with open(tool, "w", encoding="utf-8") as file:
            file.write(f'#!/bin/sh\n[ "$1" = -K ] || exec {shutil.which("ss")} "$@"\n')
        os.chmod(tool, 0o755)
        host.say(EVENT.format(OLD))
        host.say(EVENT.format(NEW))
        old = pair(OLD)
        process = host.start(path=f"{host.folder}:{os.environ['PATH']}")
        assert not wait_closed(old, 2.5), "closed by a tool that does not"
        text = end(process)
        assert text.count("the kernel lacks CONFIG_INET_DIAG_DESTROY") == 1, text


def check_capability():
    with Host() as host:
        host.say(EVENT.format(OLD))
        host.say(EVENT.format(NEW))
        old = pair(OLD)
        process = host.start("setpriv", "--bounding-set", "-net_admin", "--inh-caps", "-net_admin")
        assert not wait_closed(old, 2.5), "closed without the capability"
        text = end(process)
        assert "CAP_NET_ADMIN is missing" in text, text


if sys.argv[1:]:
    own_network()
    globals()[sys.argv[1]]()
else:
    try:
        in_own_network(check_ability)
    except AssertionError:
        for case in ("it_closes_what_leads_to_the_previous_master_alone", "a_missing_capability_is_named",
                     "a_master_that_was_the_previous_one_in_between_is_left_alone"):
            print(f"SKIP test_{case}: {CANNOT_CLOSE}")
            del globals()[f"test_{case}"]
    cases.run(globals())
