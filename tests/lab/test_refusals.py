#!/usr/bin/env python3
"""Faults of the environment: each is reported with advice, and the node serves where it can."""
# deadline: 300 s, beside others

import os
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "site"))

import lab                                  # noqa: E402
from lab import Skip, check, check_verdict  # noqa: E402
from probe import Prober                    # noqa: E402
from programs import Program, until         # noqa: E402


@contextmanager
def other_settings(site, host, **attributes):
    """Run the host's Locum with these settings, afterwards with the right ones again."""
    locum = host.locum
    before = {key: getattr(locum, key) for key in attributes}
    site.stop_locum(host)
    said = locum.log.stat().st_size
    try:
        for key, value in attributes.items():
            setattr(locum, key, value)
        locum.configure()
        site.start_locum(host)
        yield lambda: locum.log.read_text()[said:]
    finally:
        if locum.running:
            site.stop_locum(host)
        for key, value in before.items():
            setattr(locum, key, value)
        locum.configure()
        site.start_locum(host)


@contextmanager
def undisturbed(site):
    """Check that no answer is wrong or empty meanwhile."""
    with Prober(site) as prober:
        begin = time.monotonic()
        yield prober
        check_verdict(prober, begin)


def wait_said(what, source, *words):
    """Wait until all these words are in the text."""
    text = until(f"{what} says {words}",
                 lambda: (t := source() or "") and all(w in t for w in words) and t, 10, 0.1)
    line = next((x for x in text.splitlines() if all(w in x for w in words)), text[:300])
    print(f"  {what}: {line}", flush=True)


def redis_error(host):
    return lambda: host.locum.status().get("redis", {}).get("error")


def a_wrong_cluster_secret_is_reported(site):
    """Its heartbeats are ignored, all nodes report why, and all continue to answer."""
    other = site.dir / "other-secret"
    other.touch(mode=0o600)
    other.write_text("ab" * 32 + "\n")
    with undisturbed(site), other_settings(site, site.dc3, secret_file=other) as log:
        wait_said("dc3's log", log, "secret")
        wait_said("dc2's log", site.dc2.locum.log.read_text, "secret")
        until("dc2 does not hear dc3 any more",
              lambda: site.dc2.locum.peer("dc3")["condition"] == "down", 10)
        check(site.asks(site.dc3, site.zone) == [site.dc3.address], "dc3 does not serve itself")
        check(site.asks(site.dc2, site.zone) == [site.dc2.address], "dc2 does not serve itself")
    site.wait_calm()


def a_wrong_redis_password_is_reported(site):
    with undisturbed(site), other_settings(site, site.dc2, redis_password="wrong") as log:
        wait_said("status", redis_error(site.dc2), "password")
        wait_said("log", log, "password")
        check(site.asks(site.dc2, f"dc3.{site.zone}") == [site.dc3.address], "the names")


def a_wrong_password_in_mirrorbits_conf_is_reported(site):
    """
    A wrong password is reported; a reload with the right one connects; invalid YAML is refused.
    """
    file = site.dir / "mirrorbits.conf"

    def write(password):
        file.write_text("# vim: set ft=yaml:\nRepository: /srv/repo\nListenAddress: :8080\n"
                        "RedisSentinelMasterName: mirrorbits\nRedisSentinels:\n" +
                        "".join(f"    - Host: {h.private}:{h.ports.sentinel}\n"
                                for h in site.with_program("sentinel")) +
                        f"RedisPassword: {password}\nRedisDB: 0\n")
    write("wrong")
    with undisturbed(site), other_settings(site, site.dc2, mirrorbits_config=file) as log:
        wait_said("log", log, f"taken from {file}: 3 RedisSentinels, RedisSentinelMasterName")
        wait_said("status", redis_error(site.dc2), "password")
        write(site.redis_password)
        site.dc2.locum.command("reload", check=True)
        until("dc2 is connected", lambda: site.dc2.locum.status()["redis"]["connected"], 10)
        sentinels = site.dc2.locum.status()["sentinels"]
        check(len(sentinels) == 3 and all(s["connected"] for s in sentinels), f"{sentinels}")
        file.write_text("RedisDB: many\n")
        done = site.dc2.locum.command("reload")
        check(done.returncode == 1 and "mirrorbits.conf:1:10: RedisDB" in done.stdout + done.stderr,
              f"reload ended with {done.returncode}: {done.stdout}{done.stderr}")
        check(site.dc2.locum.status()["redis"]["connected"], "a refused reload closed the connection")
        write(site.redis_password)


def an_unknown_master_name_is_reported(site):
    with undisturbed(site), other_settings(site, site.dc2, master_name="nosuch") as log:
        wait_said("status", redis_error(site.dc2), "nosuch")
        wait_said("log", log, "nosuch")
        check(site.dc2.locum.status()["redis"]["connected"] is False, "connected without a master")
        check(site.dc2.locum.peer("dc3")["condition"] == "alive", "dc3 is heard by UDP")


def a_redis_that_is_not_the_master_is_reported(site):
    """REPLICAOF was run on the master while no Sentinel was running to correct it."""
    master = site.redis_master()
    replica = next(h for h in site.servers if h is not master)
    with undisturbed(site):
        for host in site.with_program("sentinel"):
            host.sentinel.kill()
        master.redis.cli("REPLICAOF", replica.private, str(replica.ports.redis))
        for host in site.coordinators:
            wait_said(f"status of {host.name}", redis_error(host), "master")
        master.redis.cli("REPLICAOF", "NO", "ONE")
        until("all are connected to a master again", lambda: all(
            h.locum.status().get("redis", {}).get("connected") for h in site.coordinators), 20, 0.2)
        for host in site.with_program("sentinel"):
            host.sentinel.start()
        site.wait_redis_whole(60)


class Squatter(Program):
    """Another program on port 53."""

    name = "squatter"

    def argv(self):
        return ["python3", "-c", "import socket, signal\n"
                "s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n"
                f"s.bind(('{self.host.address}', {self.host.ports.dns}))\n"
                "print('bound', flush=True)\nsignal.pause()\n"]

    def ready(self):
        return "bound" in self.log.read_text()


def port_53_in_use_is_reported(site):
    """The other address is served, and this one as soon as it is free."""
    host, squatter = site.dc2, Squatter(site.dc2)
    site.stop_locum(host)
    said = host.locum.log.stat().st_size
    squatter.start()
    try:
        host.locum.start()
        wait_said("log", lambda: host.locum.log.read_text()[said:],
                  f"{host.address}:{host.ports.dns}", "another program", "top it")
        check(site.asks(host, site.zone) is None, "who answered?")
        if host.address6:
            text = site.client.run("dig", f"@{host.address6}", "+short", site.zone)
            check(text.strip() == host.address, f"the free address does not answer: {text}")
        check(host.locum.peer("dc3")["condition"] == "alive", "no heartbeats")
    finally:
        squatter.kill()
    until("the address is served once it is free", lambda: site.asks(host, site.zone), 20, 0.1)
    site.truth.speaks(host)


def refused_start(site, host, *words):
    """It exits with code 1 and a message with these words."""
    said = host.locum.log.stat().st_size
    host.locum.start(wait=False)
    try:
        code = host.locum.process.wait(10)
    except subprocess.TimeoutExpired:
        host.locum.kill()
        raise AssertionError(f"it started despite {words}") from None
    text = host.locum.log.read_text()[said:]
    check(code == 1, f"exit code {code}: {text}")
    check(all(w in text for w in words), f"not {words}, but: {text}")
    print("  " + text.strip().replace("\n", "\n  "), flush=True)


def an_unreadable_secret_stops_the_start(site):
    """Missing, readable by others, unreadable, too short: it exits with a message."""
    host, folder = site.ns0, site.dir / "secrets"
    folder.mkdir()
    key = "ab" * 32 + "\n"
    cases = [("absent", None, 0, ("No such file",)), ("open", key, 0o644, ("can read it",)),
             ("short", "abcd\n", 0o600, ("64",)), ("locked", key, 0o000, ("ermission",))]
    right = host.locum.secret_file
    site.stop_locum(host)
    try:
        for name, text, mode, words in cases:
            file = host.locum.secret_file = folder / name
            if text is not None:
                file.write_text(text)
                file.chmod(mode)
            # Without capabilities even root cannot read a file without read permission.
            host.locum.before = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"] \
                if name == "locked" and os.geteuid() == 0 else []
            host.locum.options = ["--no-fallback"]  # else it goes on with the last good one
            host.locum.configure()
            refused_start(site, host, str(file), *words)
    finally:
        host.locum.secret_file, host.locum.before, host.locum.options = right, [], []
        host.locum.configure()
        site.start_locum(host)


def a_full_or_read_only_state_folder_is_reported(site):
    """A warning in log and status; the node serves; admin commands last until the restart."""
    if not site.network.namespaces:
        raise Skip("needs a mount namespace to fill a file system")
    host, folder = site.dc2, site.dir / "small"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=32k", "none", str(folder)], check=True)
    try:
        (folder / "full").write_bytes(bytes(32768))
        with undisturbed(site), other_settings(site, host, state_dir=folder) as log:
            wait_said("log", log, str(folder), "No space left")
            wait_said("status", lambda: "\n".join(host.locum.status().get("warnings", [])),
                      str(folder))
            host.locum.command("drain", check=True)
            until("the drain takes effect", lambda: site.asks(host, site.zone) == [site.dc3.address])
            host.locum.command("ready", check=True)
            (folder / "full").unlink()
            until("the warning ends when there is space",
                  lambda: host.locum.status().get("warnings") == [], 30, 0.2)
        subprocess.run(["mount", "-o", "remount,bind,ro", str(folder)], check=True)
        with undisturbed(site), other_settings(site, host, state_dir=folder) as log:
            wait_said("log", log, str(folder), "ead-only")
            check(site.asks(host, site.zone) == [host.address], "it does not serve")
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=False)


if __name__ == "__main__":
    lab.main([a_wrong_cluster_secret_is_reported, a_wrong_redis_password_is_reported,
              a_wrong_password_in_mirrorbits_conf_is_reported, an_unknown_master_name_is_reported,
              a_redis_that_is_not_the_master_is_reported, port_53_in_use_is_reported,
              an_unreadable_secret_stops_the_start, a_full_or_read_only_state_folder_is_reported])
