#!/usr/bin/env python3
"""deploy/redis/setup on the files that the first start of Debian's packages leaves (the folder
redis-first-start: what redis-server and redis-sentinel of each release, and valkey-sentinel of Debian
13, have written there, and the valkey.conf of Debian 13, without comments): real Redis and Sentinels
start with the result and work together."""
# deadline: 180 s

import hashlib
import os
import re
import shutil
import signal
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
RELEASE = "trixie" if re.search(r"Redis server v=([89]|\d\d)\.", VERSION) else "bookworm"


def free_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def password(folder, user):
    with open(f"{folder}/p", encoding="utf-8") as file:
        return dict(line.split() for line in file)[user]


def until(what, true, within=40):
    end = time.monotonic() + within
    while not (found := true()):
        assert time.monotonic() < end, f"{what}: not within {within} s"
        time.sleep(0.05)
    return found


# Those whose files are tried with real programs.
RELEASES = [RELEASE] + (["valkey"] if shutil.which("valkey-server") else [])


class Host:
    """A folder like /etc/redis after the installation, with ports and paths of its own."""

    def __init__(self, base, name, release=RELEASE):
        self.folder = f"{base}/{name}"
        self.address = f"127.9.{os.getpid() % 250}.{sum(name.encode()) % 250}"
        self.ports = {"redis": free_port(), "sentinel": free_port()}
        self.running = {}
        self.kind = "valkey" if release == "valkey" else "redis"
        os.mkdir(self.folder)
        for program, port in self.ports.items():
            with open(f"{FILES}/{release}/{self.file(program)}", encoding="utf-8") as file:
                text = re.sub(r"(?m)^port .*", f"port {port}", file.read())
            text = re.sub(r"(?m)^(dir|logfile|pidfile) .*",
                          lambda found: f'{found.group(1)} "{self.folder}'
                          + ("" if found.group(1) == "dir" else f"/{found.group(1)}.{program}") + '"',
                          text).replace('"\n', '"\n')
            self.write(program, text)

    def file(self, program):
        return "sentinel.conf" if program == "sentinel" else f"{self.kind}.conf"

    def read(self, program):
        with open(f"{self.folder}/{self.file(program)}", encoding="utf-8") as file:
            return file.read()

    def write(self, program, text):
        with open(f"{self.folder}/{self.file(program)}", "w", encoding="utf-8") as file:
            file.write(text)

    def setup(self, master, passwords, *more, path=""):
        return subprocess.run(
            [SETUP, "--folder", self.folder, "--address", self.address, "--master", master,
             "--passwords", passwords, *more], capture_output=True, text=True, check=False,
            env={**os.environ, "PATH": path + os.environ["PATH"]})

    def start(self, program):
        """Start it; the process."""
        self.running[program] = subprocess.Popen(
            [f"{self.kind}-{'server' if program == 'redis' else program}",
             f"{self.folder}/{self.file(program)}", "--supervised", "no", "--daemonize", "no"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        return self.running[program]

    def stop(self, signal=signal.SIGTERM):
        for process in self.running.values():
            process.send_signal(signal)
            process.wait()
        self.running = {}

    def ask(self, program, *words, user=None, password=None):
        login = ["--user", user, "--pass", password, "--no-auth-warning"] if user else []
        return subprocess.run(["redis-cli", "-p", str(self.ports[program]), *login, *words],
                              capture_output=True, text=True, check=False, timeout=10).stdout


class Site:
    """with Site() as it: two servers and a third site with a Sentinel alone."""

    def __init__(self, release=RELEASE):
        self.release = release

    def __enter__(self):
        self.folder = tempfile.mkdtemp(prefix="locum-setup-")
        self.passwords = f"{self.folder}/p"
        self.hosts = [Host(self.folder, name, self.release) for name in ("dc2", "dc3", "ns0")]
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

    def start(self, hosts=None):
        """Redis first: a Sentinel that finds no replica asks again after 10 s only."""
        hosts = hosts or self.hosts
        for host in hosts:
            if host in self.hosts[:2]:
                host.start("redis")
        until("the replica", lambda: any("state=online" in self.replication(h)
                                         for h in self.hosts[:2]))
        for host in hosts:
            host.start("sentinel")

    def replication(self, host):
        return host.ask("redis", "info", "replication", user="default",
                        password=self.password("mirrorbits"))

    def password(self, user):
        return password(self.folder, user)

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
            for words in (("sentinel", "reset", "mirrorbits"),
                          ("publish", "__sentinel__:hello", "127.0.0.1,1,x,9,mirrorbits,127.0.0.1,1,9"),
                          ("sentinel", "is-master-down-by-addr", "127.0.0.1", "1", str(2**63 - 1),
                           "x")):
                assert "NOPERM" in host.ask("sentinel", *words), words
        locum = {"user": "locum", "password": self.password("locum")}
        assert first.ask("redis", "role", **locum).startswith("master")
        assert "mirrorbits" in self.hosts[2].ask("sentinel", "sentinel", "masters", **locum)


class OldSite(Site):
    """A site that the version of before has set up: replicas and Sentinels log in as `default`."""

    LISTS = {"locum.acl": """\
user default on #mirrorbits ~* &* +@all
user locum on #locum resetkeys ~locum:get:nodes ~locum:get:node:* ~locum:get:events resetchannels \
&locum:get:heartbeat &_mirrorbits_cluster -@all +client|setname +select +role +publish +subscribe \
+hset +pexpire +zadd +zremrangebyscore +xadd
""", "locum-sentinel.acl": """\
user default on nopass resetkeys resetchannels &__sentinel__:hello -@all +ping +publish \
+client|setname +role +info +sentinel|is-master-down-by-addr +sentinel|get-master-addr-by-name
user admin on #admin ~* &* +@all
user locum on #locum resetkeys resetchannels &+switch-master &+sdown &-sdown &+odown &-odown &+tilt \
&-tilt -@all +client|setname +subscribe +info +sentinel|get-master-addr-by-name +sentinel|master \
+sentinel|masters +sentinel|replicas +sentinel|sentinels
"""}

    def __enter__(self):
        super().__enter__()
        self.setup()
        with open(self.passwords, encoding="utf-8") as file:
            lines = file.readlines()
        with open(self.passwords, "w", encoding="utf-8") as file:
            file.writelines(line for line in lines if line.split()[0] in ("mirrorbits", "locum", "admin"))
        old = self.password("mirrorbits")
        for host in self.hosts:
            for name, text in self.LISTS.items():
                with open(f"{host.folder}/{name}", "w", encoding="utf-8") as file:
                    file.write(re.sub("#([a-z]+)", lambda user: "#" + hashlib.sha256(
                        self.password(user[1]).encode()).hexdigest(), text))
            host.write("redis", re.sub("(?m)^masteruser .*\\n", "", re.sub(
                "(?m)^masterauth .*", f"masterauth {old}", host.read("redis"))))
            host.write("sentinel", re.sub("(?m)^sentinel (auth-user|sentinel-).*\\n", "", re.sub(
                "(?m)^sentinel auth-pass .*", f"sentinel auth-pass mirrorbits {old}",
                host.read("sentinel"))))
        return self

    def master(self):
        return until("one master", lambda: (
            found := [h for h in self.hosts[:2] if "role:master" in self.replication(h)])
            and len(found) == 1 and found[0])

    def whole(self):
        """Three Sentinels that see each other and both Redis."""
        admin = {"user": "admin", "password": self.password("admin")}
        def works():
            return all(
                re.search(r"flags\nmaster\n[^$]*num-slaves\n1\nnum-other-sentinels\n2\n",
                          host.ask("sentinel", "sentinel", "master", "mirrorbits", **admin))
                and not re.search("s_down|disconnected", "".join(
                    host.ask("sentinel", "sentinel", of, "mirrorbits", **admin)
                    for of in ("replicas", "sentinels"))) for host in self.hosts)
        until("the whole site", works)

    def lose_master(self):
        """The host with the master dies: two Sentinels are left, and move the master."""
        lost = self.master()
        other = next(h for h in self.hosts[:2] if h is not lost)
        lost.stop(signal.SIGKILL)
        until(f"{other.folder} is the master", lambda: "role:master" in self.replication(other))
        return lost

    def again(self, host):
        """What an operator does: setup, with the address of the master. Whether to do it again."""
        master = self.master()
        where = f"{master.address}:{master.ports['redis']}"
        host.stop()
        done = host.setup(where, self.passwords,
                          *([] if host in self.hosts[:2] else ["--sentinel-only"]))
        assert done.returncode == 0, done
        self.start([host])
        self.whole()
        return "and then here again" in done.stdout


def test_a_site_of_an_older_version_works_after_each_step():
    for release in RELEASES:
        check_older_version(release)


def check_older_version(release):
    with OldSite(release) as site:
        dc2, dc3, ns0 = site.hosts
        site.start()
        site.whole()
        assert "NOPERM" not in ns0.ask("sentinel", "publish", "__sentinel__:hello", "x")
        assert site.master() is dc2
        assert site.again(dc3)      # the replica first
        assert f"masterauth {site.password('mirrorbits')}\n" in dc3.read("redis")
        # One Sentinel of each version is left.
        assert site.lose_master() is dc2
        assert not site.again(dc2)
        assert not site.again(ns0)
        assert not site.again(dc3)
        site.lose_master()
        for host in (dc2, dc3):
            assert re.search("(?m)^(masteruser|primaryuser) \"?replica", host.read("redis")), \
                host.read("redis")
        for host in site.hosts:
            assert "sentinel auth-user mirrorbits sentinel\n" in host.read("sentinel")
        for program, text in (("sentinel", "NOPERM"), ("redis", "NOAUTH")):
            host = site.master()
            assert text in host.ask(program, "publish", "__sentinel__:hello", "x"), program


def test_passwords_of_an_older_version_become_the_same_on_every_host():
    found = set()
    for name in ("dc2", "dc3"):
        with tempfile.TemporaryDirectory(prefix="locum-setup-") as folder:
            host = Host(folder, name)
            with open(f"{folder}/p", "w", encoding="utf-8") as file:
                file.write("mirrorbits a\nlocum b\nadmin c\n")
            assert host.setup(host.address, f"{folder}/p").returncode == 0
            with open(f"{folder}/p", encoding="utf-8") as file:
                found.add(file.read())
    assert len(found) == 1 and re.fullmatch(
        r"mirrorbits a\nlocum b\nadmin c\nreplica \w{48}\nsentinel \w{48}\n", (text := found.pop())), text
    assert text.split()[7] != text.split()[9]


def test_deploy_redis_on_the_packages_first_files():
    """A row of the cases from the field: `user default on nopass` and `aclfile`."""
    for release in RELEASES:
        check_first_files(release)


def check_first_files(release):
    with Site(release) as site:
        # With only an `aclfile` added, they do not start: the files are those of the field.
        for program in ("sentinel", "redis"):
            broken = Host(site.folder, f"broken-{program}", release)
            broken.write(program, broken.read(program) + f"aclfile {broken.folder}/acl\n")
            open(f"{broken.folder}/acl", "w", encoding="utf-8").close()
            if re.search("(?m)^user ", broken.read(program)):
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
    for release in ("bookworm", "trixie", "valkey"):
        with tempfile.TemporaryDirectory(prefix="locum-setup-") as folder:
            host = Host(folder, release, release)
            host.write("redis", host.read("redis") + "maxmemory 100mb\nrequirepass old\n")
            host.write("sentinel", host.read("sentinel")
                       + "sentinel monitor other 192.0.2.1 6379 2\nsentinel auth-pass other x\n")
            done = host.setup("[::1]:6380", f"{folder}/p", "--name", "mine", "--cluster", "c")
            assert done.returncode == 0 and "user: locum" in done.stdout, done
            redis, sentinel = host.read("redis"), host.read("sentinel")
            for text in (redis, sentinel):
                assert not re.search(r"(?m)^(user|requirepass) ", text), text
                assert len(re.findall(r"(?m)^bind ", text)) == 1, text
            assert "replicaof ::1 6380\n" in redis and "maxmemory 100mb\n" in redis
            assert re.findall("(?m)^appendonly .*", redis) == ["appendonly yes"]
            for line in ("masteruser replica", f"masterauth {password(folder, 'replica')}"):
                assert line + "\n" in redis, redis
            for line in ("auth-user mine sentinel", "sentinel-user sentinel",
                         *(f"{key} {password(folder, 'sentinel')}"
                           for key in ("auth-pass mine", "sentinel-pass"))):
                assert sentinel.count(f"sentinel {line}\n") == 1, sentinel
            assert "mymaster" not in sentinel and "sentinel auth-pass other x\n" in sentinel
            assert "sentinel monitor mine ::1 6380 2\n" in sentinel
            assert "sentinel down-after-milliseconds mine 500\n" in sentinel
            with open(f"{host.folder}/locum.acl", encoding="utf-8") as file:
                assert "~locum:c:nodes" in (text := file.read()) and "PASSWORD" not in text, text
            assert os.stat(f"{host.folder}/locum.acl").st_mode & 0o777 == 0o640
            once = redis + sentinel
            assert host.setup("[::1]:6380", f"{folder}/p", "--name", "mine",
                              "--cluster", "c").returncode == 0
            assert host.read("redis") + host.read("sentinel") == once


def test_valkey_is_found_where_it_alone_is_installed():
    """/etc is another folder here, with Debian's Valkey and without Redis."""
    with tempfile.TemporaryDirectory(prefix="locum-setup-") as folder:
        etc = f"{folder}/etc"
        shutil.copytree(f"{FILES}/valkey", f"{etc}/valkey")
        os.mkdir(f"{etc}/alternatives")
        os.symlink(os.path.realpath("/usr/bin/awk"), f"{etc}/alternatives/awk")
        run = subprocess.run(
            ["unshare", "--map-root-user", "--mount", "--net", "sh", "-euc",
             'mount --bind "$1" /etc; mount -t tmpfs run /run; shift; exec "$@"', "sh", etc, SETUP,
             "--address", "10.0.0.12", "--master", "10.0.0.13", "--passwords", f"{folder}/p"],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        assert run.returncode == 0, run.stdout
        for name, line in (("valkey.conf", "aclfile /etc/valkey/locum.acl\n"),
                           ("sentinel.conf", "sentinel monitor mirrorbits 10.0.0.13 6379 2\n")):
            with open(f"{etc}/valkey/{name}", encoding="utf-8") as file:
                assert line in file.read(), name


def test_redis_6_0_is_refused():
    """It does not load the access lists. The message says what to do, and no file changes."""
    for version, code in (("6.0.16", 1), ("5.0.14", 1), ("6.2.0", 0), ("10.0.1", 0)):
        with tempfile.TemporaryDirectory(prefix="locum-setup-") as folder:
            with open(f"{folder}/redis-sentinel", "w", encoding="utf-8") as file:
                file.write(f"#!/bin/sh\necho Redis server v={version} sha=00000000:0 bits=64\n")
            os.chmod(f"{folder}/redis-sentinel", 0o755)
            host = Host(folder, "dc2")
            before = host.read("redis") + host.read("sentinel")
            done = host.setup("127.9.0.13", f"{folder}/p", path=f"{folder}:")
            assert done.returncode == code, done
            if code == 0:
                with open(f"{host.folder}/locum.acl", encoding="utf-8") as file:
                    text = file.read()
                for word in ("%W~", "(resetchannels"):      # Redis 6.2 does not know them
                    assert (word in text) == (version[:2] == "10"), text
            else:
                assert f"Redis {version} does not load the access lists" in done.stderr, done
                assert "Install Redis 6.2" in done.stderr, done
                assert host.read("redis") + host.read("sentinel") == before
                assert not os.path.exists(f"{folder}/p")


def test_data_of_before_stay():
    """With `appendonly yes` alone Redis would start empty: it does not read its dump file then."""
    with Site() as site:
        host = site.hosts[0]
        host.start("redis")
        until("Redis", lambda: "PONG" in host.ask("redis", "ping"))
        host.ask("redis", "hset", "MIRRORS", "1", "m1.example.net")
        host.stop()
        done = host.setup(f"{host.address}:{host.ports['redis']}", site.passwords)
        assert done.returncode == 0 and "appendonly stays off" in done.stdout, done
        default = {"user": "default", "password": site.password("mirrorbits")}

        def start_and_look():
            host.start("redis")
            until("Redis", lambda: "PONG" in host.ask("redis", "ping", **default))
            assert "m1.example.net" in host.ask("redis", "hgetall", "MIRRORS", **default)

        start_and_look()
        assert "OK" in host.ask("redis", "config", "set", "appendonly", "yes", **default)
        until("the log of commands", lambda: "aof_rewrite_in_progress:0" in (
            text := host.ask("redis", "info", "persistence", **default))
            and "aof_last_bgrewrite_status:ok" in text and "aof_rewrite_scheduled:0" in text)
        assert "OK" in host.ask("redis", "config", "rewrite", **default)
        host.stop()
        done = host.setup(f"{host.address}:{host.ports['redis']}", site.passwords)
        assert done.returncode == 0 and "appendonly" not in done.stdout, done
        start_and_look()
        assert "aof_enabled:1" in host.ask("redis", "info", "persistence", **default)


def test_wrong_use_is_refused_and_changes_nothing():
    with tempfile.TemporaryDirectory(prefix="locum-setup-") as folder:
        host = Host(folder, "dc2")
        before = host.read("redis") + host.read("sentinel")
        with open(f"{folder}/bad", "w", encoding="utf-8") as file:
            file.write("mirrorbits a b\nlocum x\n")
        done = host.setup("127.9.0.13", f"{folder}/bad")
        assert done.returncode == 1 and "write the line 'mirrorbits PASSWORD'" in done.stderr, done
        assert subprocess.run([SETUP, "--nonsense"], capture_output=True, check=False).returncode == 2
        os.remove(f"{host.folder}/redis.conf")
        done = host.setup("127.9.0.13", f"{folder}/p")
        assert done.returncode == 1 and "redis.conf is missing: install" in done.stderr, done
        host.write("redis", "")
        assert before.endswith(host.read("sentinel"))


cases.run(globals())
