"""page: follows the instructions of a Markdown page as its reader would.

The page itself contains what is tried:

    `/etc/nsd/nsd.conf.d/get.conf`, on dc2 and dc3:     the block below it is this file there
    ```console                                          commands, each behind the host's prompt,
    dc3# locum check                                    or behind `each#`: one host after the other
    good: ...                                           and what they print; `...` is anything

A command with output is repeated for up to 15 s until it prints that. All others must succeed.
`systemctl` is emulated: it starts and stops the same programs as the units say. Blocks of other
kinds are for a real machine. What follows "**Way back:**" in a step undoes it.
"""

import fnmatch
import os
import re
import socket
import subprocess
from pathlib import Path

from programs import ROOT, Late, Program, until, unconfined

FILE = re.compile(r"`(/\S+)`, on (.+):")
PROMPT = re.compile(r"(\w+)# (.*)")
PATIENCE_S = 15
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

# Private mounts on this machine: $1 is a folder, $2 the result of `make install`.
FURNISH = """
mount -t tmpfs -o mode=755 machine "$1"
mkdir -p "$1/etc" "$1/lib/nsd" "$1/cache/bind"
cp -a /etc/. "$1/etc" 2>/dev/null || true
mount --bind "$1/etc" /etc
mount --bind "$1/lib" /var/lib
mount --bind "$1/cache" /var/cache
mount -t tmpfs -o mode=755 run /run
mkdir /run/named /run/nsd
mount --bind "$2" /usr/local
cd /
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
                      "nsd": ["nsd", "-d", "-P", "", "-u", ""]}.get(name)
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
        try:
            return b"READY=1" in self.notify.recv(4096)
        except BlockingIOError:
            return False


class Machine:
    """A host of a site with its own files, on which the page's commands run."""

    def __init__(self, host, installed):
        self.host, self.installed, self.units = host, installed, {}
        folder = host.dir / "machine"
        folder.mkdir()
        self.before = host.plug.furnish(FURNISH, str(folder), str(installed))

    def unit(self, name):
        """The text of a unit file that Locum installs."""
        return (self.installed / "lib/systemd/system" / f"{name}.service").read_text()

    def call(self, command, stdin=""):
        """Run a shell command: a CompletedProcess with text, errors in its output."""
        return subprocess.run([*self.before, "sh", "-c", command], input=stdin,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              errors="replace", timeout=30, pass_fds=self.host.plug.pass_fds,
                              env={**os.environ, "PATH": PATH})

    def write(self, path, text):
        done = self.call(f'mkdir -p "$(dirname {path})" && cat >{path}', text)
        if done.returncode != 0:
            raise OSError(f"{path} on {self.host} cannot be written: {done.stdout}")

    def systemctl(self, verb, *words):
        """start, stop, restart, enable --now, disable --now; nginx belongs to the site."""
        now = verb if verb in ("start", "stop", "restart") else \
            {"enable": "start", "disable": "stop"}[verb] if "--now" in words else ""
        for name in (word for word in words if word != "--now"):
            if name == "nginx":
                site = self.host.site
                (site.stop_web if now == "stop" else site.start_web)(self.host)
                continue
            if now in ("stop", "restart"):
                self._stop(self.host.programs.pop(name))
            if now in ("start", "restart"):
                unit = self.units.get(name) or Unit(self, name)
                self.units[name] = self.host.programs[name] = unit
                unit.start()

    @staticmethod
    def _stop(unit):
        code = unit.stop()
        if code != 0:
            raise Late(f"{unit} ended with {code}: {unit.last_words()}")

    def check_running(self):
        for unit in self.units.values():
            if self.host.programs.get(unit.name) is unit and not unit.running:
                raise Late(f"{unit} ended: {unit.last_words()}")


class Reader:
    """Follows a page on the machines of a site."""

    def __init__(self, site, page):
        self.site, self.page = site, Page(page)
        installed = site.dir / "installed"
        subprocess.run(["make", "-o", "all", "install",
                        f"BUILD={os.environ.get('BUILD') or ROOT / 'build'}",
                        f"DESTDIR={installed}"], cwd=ROOT, check=True, capture_output=True,
                       env={k: v for k, v in os.environ.items()
                            if not k.startswith(("MAKE", "MFLAGS"))})
        self.machines = {h.name: Machine(h, installed / "usr/local")
                         for h in site.hosts.values() if h.name != "client"}

    def do(self, begin, back=False, other=None):
        """Do a step or undo it. `other`: (text, replacement) for the commands."""
        step = self.page.step(begin)
        acts = step.back if back else step.forth
        if not acts:
            raise ValueError(f"{step.title}: nothing to do")
        self.site.say(f"{'back from: ' if back else ''}{step.title}")
        for kind, where, what, more in acts:
            if kind == "file":
                for name in where:
                    self.machines[name].write(what, more)
            else:
                command = what.replace(*other) if other else what
                for name in [where] if where != "each" else self.machines:
                    self._run(self.machines[name], command, more)

    def stop(self):
        """Stop everything that the page's commands started."""
        for machine in self.machines.values():
            for name in [u.name for u in machine.units.values() if u.running]:
                machine.systemctl("stop", name)

    def _run(self, machine, command, output):
        print(f"    {machine.host}# {command}", flush=True)
        if command.startswith("systemctl "):
            return machine.systemctl(*command.split()[1:])
        last = []

        def done():
            machine.check_running()
            result = machine.call(command)
            last[:] = result.stdout.splitlines()
            return matches(last, output) if output else result.returncode == 0
        try:
            until(f"{machine.host}# {command}: {output or 'ends well'}", done,
                  PATIENCE_S if output else 0)
        except Late as late:
            raise Late("\n".join([f"{late}; it printed:", *last])) from None
        print("\n".join(f"      {line}" for line in last), flush=True)


def matches(lines, wanted):
    """Whether the lines match. `...` within a line matches anything, alone any lines."""
    if not wanted:
        return not lines
    if wanted[0] == "...":
        return any(matches(lines[skip:], wanted[1:]) for skip in range(len(lines) + 1))
    pattern = re.sub(r"([\[?*])", r"[\1]", wanted[0].rstrip()).replace("...", "*")
    return bool(lines) and fnmatch.fnmatchcase(lines[0].rstrip(), pattern) and \
        matches(lines[1:], wanted[1:])
