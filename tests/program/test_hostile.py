#!/usr/bin/python3
"""What a local user, a server that is asked, or a machine without resources can do to one
coordinator: it goes on.

Name servers that are silent: a lookup leaves neither threads nor descriptors behind. A FIFO in the place of each file that it opens: no open waits for a writer. No descriptor left: a
check that cannot be run is degraded after 10 s.
"""

import ctypes
import glob
import json
import os
import re
import resource
import shutil
import socket
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../self"))
import alone
import cases

ENDED_S = 20
CLONE_NEWNS, MS_BIND, MS_PRIVATE = 0x20000, 0x1000, 0x44000    # MS_REC | MS_PRIVATE
CHECKS = """\
    - http: {{url: "https://{host}:15353/", ca-file: fifo, interval: 250ms}}
    - command: {{argv: ["{folder}/fifo"], interval: 250ms}}
"""
FILES = {"secret-file": alone.CONFIG.replace("secret-file: secret", "secret-file: fifo"),
         "mirrorbits.conf": alone.CONFIG + "redis: {{mirrorbits-config: fifo}}\n",
         "redis.tls": alone.CONFIG + "redis: {{tls: {{ca-file: fifo}}}}\n",
         "password-file": alone.CONFIG + "redis: {{user: locum, password-file: fifo}}\n"}


def refusal(*words):
    run = subprocess.run([os.environ["LOCUM"], *words], capture_output=True, text=True,
                         timeout=ENDED_S, check=False)
    return run.returncode, run.stdout + run.stderr


def test_no_file_of_a_configuration_is_waited_for():
    with tempfile.TemporaryDirectory(prefix="locum-hostile-") as folder:
        os.mkfifo(os.path.join(folder, "fifo"))
        path = os.path.join(folder, "locum.yaml")
        for name, text in FILES.items():
            with open(path, "w", encoding="utf-8") as file:
                file.write(text.format(folder=folder, host="127.0.0.2"))
            for command in ("check", "run"):
                code, said = refusal(command, "-c", path)
                assert code != 0 and "not a regular file" in said, (name, command, code, said)
        code, said = refusal("check", "-c", os.path.join(folder, "fifo"))
        assert code != 0 and "not a regular file" in said, (code, said)


def last(it, number):
    return json.loads(it.get("/status"))["checks"][number]["last"] or ""


def test_no_file_of_a_check_or_reload_is_waited_for():
    def prepare():
        os.mkfifo(os.path.join(it.folder, "fifo"))

    it = alone.Alone(alone.CONFIG + CHECKS, prepare=prepare)
    with it:
        it.until("the ca-file is refused", lambda: "fifo: not a regular file" in last(it, 1))
        it.until("the program is refused", lambda: "cannot be run" in last(it, 2))
        path = os.path.join(it.folder, "locum.yaml")
        shutil.copy(path, path + ".copy")
        os.rename(os.path.join(it.folder, "fifo"), path)
        code, said = refusal("reload", "-c", path + ".copy")    # that names the control socket
        assert code != 0 and "not a regular file" in said, (code, said)
        assert json.loads(it.get("/status"))["node"] == "dc2"


def test_no_file_of_the_last_run_is_waited_for():
    with alone.Alone() as it:
        it.until("it runs", lambda: it.get("/healthz"))
        it.until("a configuration is kept", lambda: glob.glob(it.folder + "/*.kept"))
        it.end()
        left = [path for path in glob.glob(it.folder + "/*") if
                os.path.basename(path) not in ("secret", "locum.yaml", "log")]
        assert len(left) >= 3, left     # the state of the run, what is kept, the starts
        for path in left:
            os.unlink(path)
            os.mkfifo(path)
        it.launch()
        it.until("it runs again", lambda: it.get("/healthz"))
        it.end()


def silent_name_server(address):
    """Called in the process before the program: it has a mount namespace with such a resolv.conf."""
    libc = ctypes.CDLL(None, use_errno=True)
    with tempfile.NamedTemporaryFile("w") as file:
        file.write(f"nameserver {address}\n")
        file.flush()
        private = libc.unshare(CLONE_NEWNS) or libc.mount(b"none", b"/", None, MS_PRIVATE, None)
        if private or libc.mount(file.name.encode(), b"/etc/resolv.conf", None, MS_BIND, None):
            raise OSError(ctypes.get_errno(), "mount")


def count(it, what):
    return len(os.listdir(f"/proc/{it.process.pid}/{what}"))


def test_a_lookup_leaves_nothing_behind():
    """16 checks by name and silent name servers: once 908 threads and 3,235 descriptors."""
    if os.geteuid() != 0:
        print("SKIP test_a_lookup_leaves_nothing_behind: only root may mount another resolv.conf")
        return
    checks = "".join(f'    - http: {{{{url: "http://web{number}.test/", interval: 200ms, '
                     f"timeout: 100ms}}}}\n" for number in range(15))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        address = f"127.{os.getpid() // 254 % 254 + 1}.{os.getpid() % 254 + 1}.53"
        server.bind((address, 53))
        with alone.Alone(alone.CONFIG + checks, prepare=lambda: silent_name_server(address)) as it:
            pattern = r'locum_check_probes_total{check="http web14[^}]*"fail"} (\d+)'

            def probes():
                found = re.search(pattern, it.get("/metrics"))
                return int(found[1]) if found else 0

            it.until("the first probe of each check", lambda: probes() > 0)
            before = count(it, "task"), count(it, "fd")
            it.until("30 probes of each check", lambda: probes() > 30, 30)
            after = count(it, "task"), count(it, "fd")
            assert after[0] <= before[0] + 2 and after[1] <= before[1] + 8, (before, after)


def events(it, name):
    """The lines of the log of one event."""
    return [line for line in it.text().splitlines() if f" event={name} " in line]


def test_a_check_that_cannot_be_run_is_degraded():
    """SERVICE-8: without a descriptor the verdict is kept for 10 s. Not failing: nobody knows."""
    config = alone.CONFIG.replace('"{host}:9"', '"{host}:15353", interval: 250ms')
    with alone.Alone(config) as it:
        it.until("it is up", lambda: "from=unknown to=up" in it.text())
        pid = it.process.pid
        limit = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        begin = time.monotonic()
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (3, limit[1]))
        it.until("the log says so", lambda: "Too many open files" in "".join(events(it, "check")))
        it.until("it is degraded", lambda: len(events(it, "service")) > 1, 30)
        assert time.monotonic() - begin > 10, "sooner than after 10 s"
        assert "from=up to=degraded" in events(it, "service")[1], events(it, "service")
        resource.prlimit(pid, resource.RLIMIT_NOFILE, limit)
        it.until("it is up again", lambda: "from=degraded to=up" in it.text())
        status = json.loads(it.get("/status"))
        assert not [found for found in status["degraded"] if found["about"] == "check"], status


cases.run(globals())
