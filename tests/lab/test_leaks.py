#!/usr/bin/env python3
"""A node under valgrind through all events: no invalid read, no leak at the end."""
# deadline: 300 s, beside others

import re
import shutil
import socket
import sys
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "site"))

import lab                          # noqa: E402
from lab import Skip, check         # noqa: E402
from programs import Late, until    # noqa: E402

LOST = ("definitely lost", "indirectly lost", "possibly lost")


def use_everything(site, host):
    """Everything that happens to a node, once."""
    for words in (("status",), ("explain", site.zone, "--if", "dc3=down"), ("events",),
                  ("drain", "--for", "10m"), ("ready",), ("exclude", "dc3"), ("include", "dc3"),
                  ("reload",)):
        host.locum.command(*words)
    good = host.locum.config.read_text()
    host.locum.config.write_text(good + "colour: red\n")
    check(host.locum.command("reload").returncode == 1, "a broken configuration was taken")
    host.locum.config.write_text(good)
    site.client.run("dig", f"@{host.address}", "-p", str(host.ports.dns), "+tcp", site.zone)
    for request in (b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n",
                    f"GET /zone?name={site.zone} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode(),
                    b"GET /events?after=99999999999999&wait=3000 HTTP/1.1\r\nHost: localhost\r\n\r\n",
                    b"nonsense\r\n\r\n"):
        with socket.create_connection((host.address, host.ports.status), timeout=10) as stream:
            stream.sendall(request)
            while stream.recv(65536):
                pass
    site.crash(site.dc3)        # it runs the first Redis master
    until("the names of dc3 are taken over",
          lambda: site.asks(host, f"dc3.{site.zone}") == [host.address], 20)
    site.redis_master()
    until("Redis is there again", lambda: host.locum.status()["redis"]["connected"], 20, 0.2)
    site.revive(site.dc3)
    site.wait_calm(60)


def no_memory_is_leaked(site):
    """Valgrind is slow: this node gets longer times, the others keep theirs."""
    host = site.dc2
    if shutil.which("valgrind") is None:
        raise Skip("valgrind is not installed")
    if host.locum.sanitized():
        raise Skip("built with a sanitizer, which valgrind cannot run")
    report = host.locum.dir / "valgrind"
    site.stop_locum(host)
    host.locum.before = ["valgrind", "--quiet", "--leak-check=full", "--show-leak-kinds=all",
                         "--errors-for-leak-kinds=definite,indirect,possible",
                         "--error-exitcode=99", f"--log-file={report}"]
    try:
        host.locum.start(wait=False)
        host.locum.wait_ready(40)
        until(f"{host.name} answers", lambda: site.asks(host, site.zone), 20)
        site.truth.speaks(host)
        site.wait_calm(60)
        use_everything(site, host)
        code = host.locum.stop(30)
        text = report.read_text(errors="replace")
        bad = [line for line in text.splitlines()
               if any(re.search(rf"[1-9][0-9,]* .*{kind}", line) for kind in LOST)]
        check(code == 0 and not bad, f"exit code {code}: {bad[:3]} {text[:2000]}")
        print("  " + (text.strip().splitlines() or ["no report by valgrind"])[-1])
    finally:
        host.locum.before = []
        if host.locum.running:
            try:
                host.locum.stop(30)
            except Late:
                host.locum.kill()
        site.start_locum(host)


if __name__ == "__main__":
    lab.main([no_memory_is_leaked])
