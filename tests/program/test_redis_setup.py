#!/usr/bin/env python3
"""deploy/redis/setup on the files that the first start of Debian's packages leaves (the folder
redis-first-start: what redis-server and redis-sentinel of each release have written there, without
comments): real Redis and Sentinels start with the result and work together."""
# deadline: 120 s

import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.append(os.path.join(HERE, "../self"))
import cases

ROOT = os.path.dirname(os.path.dirname(HERE))
SETUP = os.path.join(ROOT, "deploy/redis/setup")
FILES = os.path.join(HERE, "redis-first-start")
# The release whose files this machine's Redis understands.
VERSION = subprocess.run(["redis-server", "--version"], capture_output=True, text=True,
                         check=True).stdout
RELEASE = "bookworm" if " v=7." in VERSION else "trixie"


def free_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def until(what, true, within=20):
    end = time.monotonic() + within
    while not (found := true()):
        assert time.monotonic() < end, f"{what}: not within {within} s"
        time.sleep(0.05)
    return found


class Host:
    """A folder like /etc/redis after the installation, with ports and paths of its own."""

    def __init__(self, base, name, release=RELEASE):
        self.folder = f"{base}/{name}"
        self.address = f"127.9.{os.getpid() % 250}.{sum(name.encode()) % 250}"
        self.ports = {"redis": free_port(), "sentinel": free_port()}
        self.running = {}
        os.mkdir(self.folder)
        for program, port in self.ports.items():
            with open(f"{FILES}/{release}/{program}.conf", encoding="utf-8") as file:
                text = re.sub(r"(?m)^port .*", f"port {port}", file.read())
            text = re.sub(r"(?m)^(dir|logfile|pidfile) .*",
                          lambda found: f'{found.group(1)} "{self.folder}'
                          + ("" if found.group(1) == "dir" else f"/{found.group(1)}.{program}") + '"',
                          text).replace('"\n', '"\n')
            self.write(program, text)

    def read(self, program):
        with open(f"{self.folder}/{program}.conf", encoding="utf-8") as file:
            return file.read()

    def write(self, program, text):
        with open(f"{self.folder}/{program}.conf", "w", encoding="utf-8") as file:
            file.write(text)

    def setup(self, master, passwords, *more):
        return subprocess.run(
            [SETUP, "--folder", self.folder, "--address", self.address, "--master", master,
             "--passwords", passwords, *more], capture_output=True, text=True, check=False)

    def start(self, program):
        """Start it; the process."""
        self.running[program] = subprocess.Popen(
            [f"redis-{'server' if program == 'redis' else program}",
             f"{self.folder}/{program}.conf", "--supervised", "no", "--daemonize", "no"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        return self.running[program]

    def stop(self):
        for process in self.running.values():
            process.terminate()
            process.wait()
        self.running = {}

    def ask(self, program, *words, user=None, password=None):
        login = ["--user", user, "--pass", password, "--no-auth-warning"] if user else []
        return subprocess.run(["redis-cli", "-p", str(self.ports[program]), *login, *words],
                              capture_output=True, text=True, check=False, timeout=10).stdout


class Site:
    """with Site() as it: two servers and a third site with a Sentinel alone."""

    def __enter__(self):
        self.folder = tempfile.mkdtemp(prefix="locum-setup-")
        self.passwords = f"{self.folder}/passwords"
        self.hosts = [Host(self.folder, name) for name in ("dc2", "dc3", "ns0")]
        return self

    def __exit__(self, *_):
        for host in self.hosts:
            host.stop()
        shutil.rmtree(self.folder)

    def setup(self):
        for host, more in zip(self.hosts, ([], [], ["--sentinel-only"])):
            first = self.hosts[0]
            done = host.setup(f"{first.address}:{first.ports['redis']}", self.passwords, *more)
            assert done.returncode == 0, done

    def start(self):
        for host in self.hosts:
            host.start("sentinel")
        for host in self.hosts[:2]:
            host.start("redis")

    def password(self, user):
        with open(self.passwords, encoding="utf-8") as file:
            return dict(line.split() for line in file)[user]

    def check(self):
        """All work together, and only with passwords."""
        first = self.hosts[0]
        admin = {"user": "admin", "password": self.password("admin")}
        until("three Sentinels that agree", lambda: all(
            "OK 3 usable Sentinels" in host.ask("sentinel", "sentinel", "ckquorum", "mirrorbits",
                                                **admin) for host in self.hosts))
        default = {"user": "default", "password": self.password("mirrorbits")}
        until("the replica", lambda: "state=online" in first.ask("redis", "info", "replication",
                                                                 **default))
        until("the replica at the Sentinels", lambda: re.search(
            r"num-slaves\n1\n", first.ask("sentinel", "sentinel", "master", "mirrorbits", **admin)))
        for host in self.hosts[:2]:
            assert "NOAUTH" in host.ask("redis", "info"), "Redis is open without a password"
        for host in self.hosts:
            assert "NOPERM" in host.ask("sentinel", "sentinel", "reset", "mirrorbits")
        locum = {"user": "locum", "password": self.password("locum")}
        assert first.ask("redis", "role", **locum).startswith("master")
        assert "mirrorbits" in self.hosts[2].ask("sentinel", "sentinel", "masters", **locum)


def test_deploy_redis_on_the_packages_first_files():
    """A row of the cases from the field: `user default on nopass` and `aclfile`."""
    with Site() as site:
        # With only an `aclfile` added, they do not start: the files are those of the field.
        for program in ("sentinel", "redis"):
            broken = Host(site.folder, f"broken-{program}")
            broken.write(program, broken.read(program) + f"aclfile {broken.folder}/acl\n")
            open(f"{broken.folder}/acl", "w", encoding="utf-8").close()
            assert broken.start(program).wait(10) == 1, f"{program} starts"
        site.setup()
        site.start()
        site.check()
        # The Sentinels have written their files again. A second run has the same result.
        for host in site.hosts:
            host.stop()
        site.setup()
        site.start()
        site.check()
        for host in site.hosts:
            with open(f"{host.folder}/sentinel.conf.before-locum", encoding="utf-8") as file:
                assert "user default on nopass" in file.read()


def test_result_of_every_release():
    for release in ("bookworm", "trixie"):
        with tempfile.TemporaryDirectory(prefix="locum-setup-") as folder:
            host = Host(folder, release, release)
            host.write("redis", host.read("redis") + "maxmemory 100mb\nrequirepass old\n")
            host.write("sentinel", host.read("sentinel")
                       + "sentinel monitor other 192.0.2.1 6379 2\nsentinel auth-pass other x\n")
            done = host.setup("[2001:db8::13]:6380", f"{folder}/p", "--name", "mine", "--cluster", "c")
            assert done.returncode == 0 and "user: locum" in done.stdout, done
            redis, sentinel = host.read("redis"), host.read("sentinel")
            for text in (redis, sentinel):
                assert not re.search(r"(?m)^(user|requirepass) ", text), text
                assert len(re.findall(r"(?m)^bind ", text)) == 1, text
            assert "replicaof 2001:db8::13 6380\n" in redis and "maxmemory 100mb\n" in redis
            assert re.findall("(?m)^appendonly .*", redis) == ["appendonly yes"]
            assert "mymaster" not in sentinel and "sentinel auth-pass other x\n" in sentinel
            assert "sentinel monitor mine 2001:db8::13 6380 2\n" in sentinel
            assert "sentinel down-after-milliseconds mine 500\n" in sentinel
            with open(f"{host.folder}/locum.acl", encoding="utf-8") as file:
                assert "~locum:c:nodes" in (text := file.read()) and "PASSWORD" not in text, text
            assert os.stat(f"{host.folder}/locum.acl").st_mode & 0o777 == 0o640
            once = redis + sentinel
            assert host.setup("[2001:db8::13]:6380", f"{folder}/p", "--name", "mine",
                              "--cluster", "c").returncode == 0
            assert host.read("redis") + host.read("sentinel") == once


def test_wrong_use_is_refused_and_changes_nothing():
    with tempfile.TemporaryDirectory(prefix="locum-setup-") as folder:
        host = Host(folder, "dc2")
        before = host.read("redis") + host.read("sentinel")
        with open(f"{folder}/bad", "w", encoding="utf-8") as file:
            file.write("mirrorbits a b\nlocum x\n")
        done = host.setup("10.0.0.13", f"{folder}/bad")
        assert done.returncode == 1 and "write the line 'mirrorbits PASSWORD'" in done.stderr, done
        assert subprocess.run([SETUP, "--nonsense"], capture_output=True, check=False).returncode == 2
        os.remove(f"{host.folder}/redis.conf")
        done = host.setup("10.0.0.13", f"{folder}/p")
        assert done.returncode == 1 and "redis.conf is missing: install" in done.stderr, done
        host.write("redis", "")
        assert before.endswith(host.read("sentinel"))


cases.run(globals())
