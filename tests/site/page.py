"""page: follows the instructions of a Markdown page as its reader would.

The page itself contains what is tried:

    `/etc/nsd/nsd.conf.d/get.conf`, on dc2 and dc3:     the block below it is this file there
    ```console                                          commands, each behind the host's prompt,
    dc3# locum check                                    or behind `each#`: one host after the other,
    good: ...                                           and what they print; `...` is anything

A test may name more groups like `each`; a file is then `on every` host of a group.

Each command must succeed. If the page shows its output, it is repeated for up to 25 s until it also
prints that. If this has a line `degraded: ...`, it must end with 1, as `locum status` then does.
`systemctl` is emulated: it starts and stops the same programs as the units say. So are `scp`,
`rsync` and `ssh HOST COMMAND` between the machines of the site. Commands of `mirrorbits` need a real one;
beside the stand-in they are skipped. Blocks of other kinds are for a real machine. What follows "**Way back:**" in a step undoes it.
"""

import contextlib
import fnmatch
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

from mirrorbits import REAL, TEMPLATES
from programs import ROOT, Late, Nginx, Program, until
from resolvers import unconfined

FILE = re.compile(r"`(/\S+)`, on (?:every )?(.+):")
PROMPT = re.compile(r"(\w+)# (.*)")
PATIENCE_S = 25
PATH = f"/usr/local/sbin:/usr/local/bin:{os.environ.get('PATH', '')}:/usr/sbin:/usr/bin:/sbin:/bin"

# Private mounts on this machine: $1 is a folder, $2 the result of `make install`.
FURNISH = """
mount -t tmpfs -o mode=755 machine "$1"
mkdir -p "$1/etc" "$1/lib/nsd" "$1/lib/redis" "$1/lib/nginx" "$1/cache/bind" "$1/srv" \
    "$1/log/nginx" "$1/log/redis" "$1/backups"
cp -a /etc/. "$1/etc" 2>/dev/null || true
mount --bind "$1/etc" /etc
mount --bind "$1/lib" /var/lib
mount --bind "$1/cache" /var/cache
mount --bind "$1/log" /var/log
mount --bind "$1/backups" /var/backups
mount --bind "$1/srv" /srv
mount -t tmpfs -o mode=755 run /run
mkdir -p /run/named /run/nsd /run/redis /run/sentinel /run/systemd/system
mount --bind "$2" /usr/local
cd /
"""


# Services that do not report when they are ready: the program, and a command that then succeeds.
# `mirrorbits` and `--supervised systemd` could, but not every build of Redis.
OTHERS = {
    "nginx": (["nginx", "-g", "daemon off;"], "curl -so /dev/null http://127.0.0.1/"),
    "redis-server": (["redis-server", "/etc/redis/redis.conf", "--supervised", "no",
                      "--daemonize", "no"], "redis-cli ping"),
    "redis-sentinel": (["redis-sentinel", "/etc/redis/sentinel.conf", "--supervised", "no",
                        "--daemonize", "no"], "redis-cli -p 26379 ping"),
    "mirrorbits": ([REAL, "daemon", "-config", "/etc/mirrorbits.conf", "-p", "/run/mirrorbits.pid"]
                   if REAL else [sys.executable, "-B",
                                 str(Path(__file__).with_name("redirector.py")),
                                 "/etc/mirrorbits.conf"],
                   "curl -so /dev/null http://127.0.0.1:8080/"),
    "locum-unstick": (["locum-unstick"], "true"),
}

# The emulated commands on a machine: each asks the test to do it.
EMULATED = ("systemctl", "scp", "rsync", "ssh")
EMULATION = f"""\
#!{sys.executable} -B
import os, socket, sys
with socket.socket(socket.AF_UNIX) as link:
    link.connect(os.environ["EMULATION"])
    name = os.path.basename(sys.argv[0])
    link.sendall(" ".join([name, *sys.argv[1:]]).encode() + b"\\n")
    link.sendall(sys.stdin.buffer.read() if name == "ssh" else b"")
    link.shutdown(socket.SHUT_WR)
    failed, _, text = link.makefile().read().partition("\\n")
    print(text, end="", file=sys.stderr if failed else sys.stdout)
    sys.exit(bool(failed))
"""


class Step:
    """One heading of the page: what to do and how to undo it."""

    def __init__(self, title):
        self.title, self.forth, self.back = title, [], []


class Page:
    """The steps of a page, found by the beginning of their headings."""

    def __init__(self, path):
        self.steps, target, lines = [], None, iter(Path(path).read_text().splitlines())
        said = ""
        for line in lines:
            if line.startswith("#"):
                self.steps.append(Step(line.lstrip("# ")))
                target = self.steps[-1].forth
            elif line.startswith("**Way back:**"):
                target = self.steps[-1].back
            if line.startswith("```"):
                target += self._block(line[3:], said, self._inside(lines))
            said = line or said

    @staticmethod
    def _inside(lines):
        block = []
        for line in lines:
            if line == "```":
                return block
            block.append(line)
        raise ValueError("a block has no end")

    @staticmethod
    def _block(kind, said, lines):
        """A block as ("file", hosts, path, text) or ("run", host, command, output)."""
        named = FILE.search(said)
        if named and kind != "console":
            return [("file", re.findall(r"\w+", named[2].replace(" and ", " ")), named[1],
                     "\n".join(lines) + "\n")]
        acts = []
        for line in lines if kind == "console" else []:
            prompt = PROMPT.fullmatch(line)
            if prompt:
                acts.append(("run", prompt[1], prompt[2], []))
            else:
                acts[-1][3].append(line)
        return acts

    def step(self, begin):
        """The one step whose heading begins so."""
        found = [step for step in self.steps if step.title.startswith(begin)]
        if len(found) != 1:
            raise ValueError(f"{len(found)} headings begin with {begin!r}")
        return found[0]


class Unit(Program):
    """A service of a machine, started as its unit says but as the current user."""

    def __init__(self, machine, name):
        self.machine, self.name, self.notify = machine, name, None
        super().__init__(machine.host)
        self.words = {"named": [unconfined("/usr/sbin/named", self.dir), "-g", "-n", "1"],
                      "nsd": ["nsd", "-d", "-P", "", "-u", ""],
                      "pdns": ["pdns_server", "--guardian=no", "--daemon=no", "--disable-syslog",
                               "--setuid=", "--setgid=", "--socket-dir=/run"]}.get(name)
        other, self.answers = OTHERS.get(name, (None, None))
        if other:
            named = [machine.host.name] if name == "mirrorbits" and not REAL else []
            self.words = other + named
        if self.words is None:
            unit = dict(re.findall(r"^(\w+)=(.*)$", machine.unit(name), re.M))
            self.words = unit["ExecStart"].split()
            for key, where in (("RuntimeDirectory", "/run"), ("StateDirectory", "/var/lib")):
                if key in unit:
                    machine.call(f"mkdir -p {where}/{unit[key]}")

    @property
    def place(self):
        return self.machine.before

    def argv(self):
        return self.words

    def environment(self):
        return {**os.environ, "PATH": PATH, "NOTIFY_SOCKET": str(self.dir / "notify")}

    def start(self, wait=True):
        """Wait until it reports that it is ready (sd_notify(3)), as all these services do."""
        (self.dir / "notify").unlink(missing_ok=True)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as self.notify:
            self.notify.bind(str(self.dir / "notify"))
            self.notify.setblocking(False)
            super().start()

    def ready(self):
        if self.answers:
            return self.machine.call(self.answers).returncode == 0
        if self.notify.fileno() < 0:    # it was ready in start()
            return True
        try:
            return b"READY=1" in self.notify.recv(4096)
        except BlockingIOError:
            return False


class Machine:
    """A host of a site with its own files, on which the page's commands run."""

    def __init__(self, host, installed, machines):
        self.host, self.installed, self.units, self.machines = host, installed, {}, machines
        self.control = host.dir / "emulation"
        folder = host.dir / "machine"
        folder.mkdir(parents=True)
        self.before = host.plug.furnish(FURNISH, str(folder), str(installed))
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listener.bind(str(self.control))
        listener.listen()
        threading.Thread(target=self._serve, args=(listener,), daemon=True).start()

    def _serve(self, listener):
        """Emulated commands. What a thread starts dies with it, so it never ends."""
        while True:
            link = listener.accept()[0]
            with link, contextlib.suppress(OSError):
                with link.makefile("rb") as stream:
                    words, data = stream.readline().decode().split(), stream.read()
                failed, text = "", ""
                try:
                    if words[0] == "ssh":
                        text = self.machines[words[1]].pipe(" ".join(words[2:]), data).decode()
                    else:
                        act = self.systemctl if words[0] == "systemctl" else self._copy
                        text = act(*words[1:]) or ""
                except (Late, OSError, KeyError, ValueError, AssertionError) as error:
                    failed, text = "failed", f"{' '.join(words)}: {error!r}\n"
                link.sendall(f"{failed}\n{text}".encode())

    def unit(self, name):
        """The text of a unit file: one that the page wrote, or one that Locum installs."""
        own = self.call(f"cat /etc/systemd/system/{name}.service")
        return own.stdout if own.returncode == 0 else \
            (self.installed / "lib/systemd/system" / f"{name}.service").read_text()

    def call(self, command, stdin=""):
        """Run a shell command: a CompletedProcess with text, errors in its output."""
        return subprocess.run([*self.before, "sh", "-c", command], input=stdin,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              errors="replace", timeout=30, pass_fds=self.host.plug.pass_fds,
                              env={**os.environ, "PATH": PATH, "EMULATION": str(self.control)})

    def pipe(self, command, data=b""):
        """Run a shell command that must succeed: its output, as bytes."""
        done = subprocess.run([*self.before, "sh", "-c", command], input=data, timeout=60,
                              capture_output=True, pass_fds=self.host.plug.pass_fds, check=False)
        if done.returncode != 0:
            raise OSError(f"{command} on {self.host}: {done.stderr.decode(errors='replace')}")
        return done.stdout

    def write(self, path, text):
        done = self.call(f'mkdir -p "$(dirname {path})" && cat >{path}', text)
        if done.returncode != 0:
            raise OSError(f"{path} on {self.host} cannot be written: {done.stdout}")

    def systemctl(self, verb, *words):
        """
        start, stop, restart, reload, enable --now, disable --now; nginx may be the site's. cat and
        daemon-reload. reboot: what runs here is stopped in order and started again, without the files of /run.
        """
        if verb in ("cat", "daemon-reload"):
            return "".join(map(self.unit, words))
        if verb == "reboot":
            running = [name for name, unit in self.units.items() if unit.running]
            self.systemctl("stop", *running)
            self.call("rm -rf /run/locum*/*")
            return self.systemctl("start", *running)
        now = verb if verb in ("start", "stop", "restart", "reload") else \
            {"enable": "start", "disable": "stop"}[verb] if "--now" in words else ""
        for name in (word for word in words if word != "--now"):
            if isinstance(self.host.programs.get(name), Nginx):
                site = self.host.site
                (site.stop_web if now == "stop" else site.start_web)(self.host)
                continue
            if now == "reload":
                self.units[name].process.send_signal(signal.SIGHUP)
            if now in ("stop", "restart") and name in self.host.programs:
                self._stop(self.host.programs.pop(name))
            if now in ("start", "restart"):
                unit = self.units.get(name) or Unit(self, name)
                self.units[name] = self.host.programs[name] = unit
                if not unit.running:
                    unit.start()
        return None

    def _copy(self, *words):
        """scp and rsync, with modes and times: a file, or what is in a folder with / at its end."""
        options, ends = [], []
        for word in words:
            if word.startswith("--exclude=/"):
                options += ["--anchored", f"--exclude=./{word.partition('/')[2]}"]
            elif word not in ("-a", "-p"):
                name, _, path = word.rpartition(":")
                ends.append((self.machines[name] if name else self, path))
        (giver, path), (taker, to) = ends
        (folder, name), (target, renamed) = path.rsplit("/", 1), to.rsplit("/", 1)
        if renamed:
            options.append(f"--transform=s,^{name}$,{renamed},")
        data = giver.pipe(shlex.join(["tar", "-C", folder, *options, "-c", name or "."]))
        taker.pipe(f"mkdir -p {shlex.quote(target)} && tar -C {shlex.quote(target)} -x", data)

    @staticmethod
    def _stop(unit):
        code = unit.stop()
        by_signal = code == -signal.SIGTERM and (unit.answers or unit.name == "pdns")
        if code != 0 and not by_signal:     # for systemd SIGTERM is as good as 0
            raise Late(f"{unit} ended with {code}: {unit.last_words()}")

    def check_running(self):
        for unit in self.units.values():
            if self.host.programs.get(unit.name) is unit and not unit.running:
                raise Late(f"{unit} ended: {unit.last_words()}")


class Reader:
    """Follows a page on the machines of a site."""

    def __init__(self, site, page, groups=None):
        """groups: {name: [host names]}."""
        self.site, self.page = site, Page(page)
        installed = site.dir / "installed"
        subprocess.run(["make", "-o", "all", "install",
                        f"BUILD={os.environ.get('BUILD') or ROOT / 'build'}",
                        f"DESTDIR={installed}"], cwd=ROOT, check=True, capture_output=True,
                       env={k: v for k, v in os.environ.items()
                            if not k.startswith(("MAKE", "MFLAGS"))})
        for name in EMULATED:
            program = installed / "usr/local/bin" / name
            program.write_text(EMULATION)
            program.chmod(0o755)
        if REAL:
            (installed / "usr/local/bin/mirrorbits").symlink_to(Path(REAL).resolve())
            (installed / "usr/local/share/mirrorbits").symlink_to(Path(TEMPLATES).resolve())
        self.machines = {}
        for host in site.hosts.values():
            if host.name != "client":
                self.machines[host.name] = Machine(host, installed / "usr/local", self.machines)
        self.groups = {"each": self.machines, **(groups or {})}

    def do(self, begin, back=False, other=None):
        """Do a step or undo it. `other`: (text, replacement) for the commands."""
        step = self.page.step(begin)
        acts = step.back if back else step.forth
        if not acts:
            raise ValueError(f"{step.title}: nothing to do")
        self.site.say(f"{'back from: ' if back else ''}{step.title}")
        for kind, where, what, more in acts:
            for name in (host for named in ([where] if kind == "run" else where)
                         for host in self.groups.get(named, [named])):
                if kind == "file":
                    self.machines[name].write(what, more)
                else:
                    command = what.replace(*other) if other else what
                    self._run(self.machines[name], command, more)

    def stop(self):
        """Stop everything that the page's commands started."""
        for machine in self.machines.values():
            for name in [u.name for u in machine.units.values() if u.running]:
                machine.systemctl("stop", name)

    def _run(self, machine, command, output):
        print(f"    {machine.host}# {command}", flush=True)
        words = command.split()
        if words[0] == "systemctl" and not {"&&", "|"} & set(words):
            return machine.systemctl(*words[1:])
        if words[0] == "mirrorbits" and not REAL:
            print("      not run: this needs a real Mirrorbits (MIRRORBITS)", flush=True)
            return None
        last, code = [], []

        def done():
            machine.check_running()
            result = machine.call(command)
            last[:] = result.stdout.splitlines()
            code[:] = [result.returncode]
            return as_shown(result.returncode, last, output)
        try:
            until(f"{machine.host}# {command}: {output or 'ends well'}", done,
                  PATIENCE_S if output else 0)
        except Late as late:
            raise Late("\n".join([f"{late}; it ended with {code} and printed:", *last])) from None
        print("\n".join(f"      {line}" for line in last), flush=True)


def as_shown(code, lines, shown):
    """Whether a command that ended with `code` and printed `lines` did what the page shows."""
    degraded = any(line.startswith("degraded: ") for line in shown)
    return code == int(degraded) and (not shown or matches(lines, shown))


def matches(lines, wanted):
    """
    Whether the lines match. `...` within a line matches anything, alone any lines. Tabs are a space.
    """
    if not wanted:
        return not lines
    if wanted[0] == "...":
        return any(matches(lines[skip:], wanted[1:]) for skip in range(len(lines) + 1))
    line, pattern = (re.sub("\t+", " ", text.rstrip()) for text in (lines[0] if lines else "", wanted[0]))
    pattern = re.sub(r"([\[?*])", r"[\1]", pattern).replace("...", "*")
    return bool(lines) and fnmatch.fnmatchcase(line, pattern) and matches(lines[1:], wanted[1:])
