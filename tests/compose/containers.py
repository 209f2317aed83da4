"""containers: the site of docker-compose.yml, used as a user does; a Site for probers.

All addresses come from the compose file.
"""

import json
import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace

from article import Truth
from probe import Fetch, Fetcher, Prober, Sample, Scheme
from programs import until

ROOT = Path(__file__).resolve().parents[2]
PROJECT = "locum-test"
ZONE = "get.example.org"
COMMANDS = {"redis": "redis-server", "sentinel": "redis-sentinel"}   # if the names differ
HERE = Path(__file__).resolve().parent
AGENT = [HERE / "asker.py", *(HERE.parent / "site" / name for name in ("probe.py", "background.py", "wire.py"))]


class Refused(Exception):
    """A docker command failed; the text is its output."""


def run(*words, within=60, **more):
    """The output of a command. Refused with its last lines if it fails."""
    done = subprocess.run([str(w) for w in words], capture_output=True, text=True, errors="replace",
                          stdin=subprocess.DEVNULL, timeout=within, check=False, **more)
    if done.returncode != 0:
        said = (done.stderr + done.stdout).strip().splitlines()
        raise Refused(f"{' '.join(map(str, words))}: " + " / ".join(said[-8:]))
    return done.stdout


def compose_tool():
    """The compose command of this machine: COMPOSE, else the newer, else the older; [] if none."""
    if os.environ.get("COMPOSE"):
        return os.environ["COMPOSE"].split()
    for words in (["docker", "compose"], ["docker-compose"]):
        if shutil.which(words[0]) and subprocess.run(
                [*words, "version"], capture_output=True, check=False).returncode == 0:
            return words
    return []


def missing():
    """Why this cannot run here, or ""."""
    if not shutil.which("docker") or not compose_tool():
        return "docker or docker-compose is not installed"
    if subprocess.run(["docker", "info"], capture_output=True, check=False).returncode != 0:
        return "no Docker engine runs"
    return ""


class Containers:
    """The site. say(line) is called with each step."""

    def __init__(self, say):
        self.say, self.ttl_s = say, 5      # as in deploy/docker/site/locum.yaml
        self.environment = {"BASE": "locum-base:bookworm", **os.environ}
        self.tool = [*compose_tool(), "-p", PROJECT, "--project-directory", str(ROOT),
                     "-f", str(ROOT / "docker-compose.yml")]
        self.ids = {}           # service -> container
        self.beside = False     # whether Mirrorbits runs
        self.truth = Truth(slack=3.0)

    def _host(self, name):
        """A host from the engine's data: its network and fixed addresses."""
        networks = json.loads(run("docker", "inspect", "--format", "{{json .NetworkSettings.Networks}}",
                                  self.ids[name]))
        (net, at), = networks.items()
        return SimpleNamespace(name=name, network=net, address=at["IPAddress"],
                               address6=at["GlobalIPv6Address"],
                               ports=SimpleNamespace(dns=53, http=80))

    # Start and end

    def compose(self, *words, within=600):
        return run(*self.tool, *words, within=within, env=self.environment)

    def up(self):
        begin = time.monotonic()
        self.say("docker-compose up --build (the first time compiles; some minutes)")
        self.compose("up", "-d", "--build", within=1200)
        self._find()
        self.dc2, self.dc3 = self.servers = [self._host("dc2"), self._host("dc3")]
        self.client, self.resolver = self._host("client"), self._host("resolver")
        self.names = [ZONE, *(f"{h.name}.{ZONE}" for h in self.servers)]
        until("every node is alive, up and named by its own name", self.calm, 180, 0.2)
        self.say(f"the site is up after {time.monotonic() - begin:.1f} s")

    def add(self, profile, environment):
        """Start a profile too. Its services belong to the site from now on."""
        begin = time.monotonic()
        self.tool += ["--profile", profile]
        self.environment |= environment
        self.compose("up", "-d")
        self._find()
        self.beside = True
        self.say(f"the profile {profile} is up after {time.monotonic() - begin:.1f} s")

    def _find(self):
        label = "com.docker.compose"
        lines = run("docker", "ps", "--all", "--filter", f"label={label}.project={PROJECT}", "--format",
                    f'{{{{.Label "{label}.service"}}}} {{{{.ID}}}}').splitlines()
        self.ids = dict(line.split() for line in lines)

    def keep_logs(self):
        """Write the containers' logs to a file; return its path."""
        path = Path(tempfile.mkdtemp(prefix="locum-containers-")) / "log"
        path.write_text(self.compose("logs", "--no-color", "--timestamps"))
        return path

    def down(self):
        self.compose("down", "--volumes", "--timeout", "2")

    # Questions

    def call(self, host, *words, within=60):
        """Run a command in a container; return its output."""
        return run("docker", "exec", self.ids[host], *words, within=within)

    def status(self, host):
        """`locum status --json` of a node as a dictionary; {} if it fails."""
        done = subprocess.run(["docker", "exec", self.ids[host], "locum", "status", "--json"],
                              capture_output=True, text=True, timeout=60, check=False)
        return json.loads(done.stdout) if done.returncode in (0, 1) and done.stdout else {}

    def untilted(self):
        """Whether no Sentinel is in TILT, in which it neither votes nor fails over."""
        return not any("TILT" in str(item) for name in ("dc2", "dc3", "ns0")
                       for item in self.status(name).get("degraded", ["TILT"]))

    def condition(self, at, of):
        return next((n["condition"] for n in self.status(at).get("nodes", []) if n["name"] == of),
                    None)

    def redis(self, host, *words):
        """The output of redis-cli on a host."""
        return self.call(host, "redis-cli", *words)

    def dig(self, *words):
        """The output of dig +short in the client, as a list."""
        try:
            return self.call("client", "dig", "+short", "+tries=1", "+time=1", *words).split()
        except Refused:
            return []

    def answers(self, host):
        return self.dig(f"@{host.address}", ZONE) != []

    def host_of(self, address):
        return next((h.name for h in self.servers if address in (h.address, h.address6)), address)

    def calm(self):
        """Whether each node finds all well, also each Mirrorbits, if it runs. A Sentinel stays in TILT
        for 30 s after a pause."""
        for name in ("dc2", "dc3", "ns0"):
            status = self.status(name)
            nodes = status.get("nodes", [])
            if not nodes or not status["redis"] or not status["redis"]["connected"] or \
                    any(n["condition"] != "alive" and not n["self"] for n in nodes) or \
                    any(n["rank"] != "A" for n in nodes) or \
                    any("TILT" not in str(item) for item in status["degraded"]) or \
                    self.beside and any(n["role"] == "server" and n["mirrorbits"]["state"] != "ok"
                                        for n in nodes):
                return False
        pairs = [(at, of) for at in self.servers for of in self.servers]
        asked = [word for at, of in pairs for word in (f"@{at.address}", f"{of.name}.{ZONE}")]
        return self.dig(*asked) == [of.address for _, of in pairs]

    def scheme(self):
        return Scheme("Locum self", ZONE, self.names, ("A", "AAAA"),
                      {h.name: (h.address, h.ports.dns) for h in self.servers})

    # Faults. Of the engine itself: the compose command takes seconds where the processors are busy.

    def kill(self, host):
        run("docker", "kill", self.ids[host])

    def stop(self, host):
        run("docker", "stop", "--time", "5", self.ids[host])

    def start(self, host):
        run("docker", "start", self.ids[host])

    def pause(self, host):
        run("docker", "pause", self.ids[host])

    def unpause(self, host):
        run("docker", "unpause", self.ids[host])

    def unplug(self, host):
        run("docker", "network", "disconnect", host.network, self.ids[host.name])

    def plug(self, host):
        """The engine sets a default route and fails if the host's own is there before it."""
        self.call(host.name, "sv", "stop", "/run/service/route")
        run("docker", "network", "connect", "--ip", host.address, "--ip6", host.address6,
            host.network, self.ids[host.name])
        self.start_program(host.name, "route")

    def cut(self, a, b, heal=False):
        """Cut the way from a to b at the router (one direction)."""
        verb = "del" if heal else "add"
        for version, x, y in (("-4", a.address, b.address), ("-6", a.address6, b.address6)):
            self.call("router", "ip", version, "rule", verb, "from", x, "to", y, "blackhole")

    def end_program(self, host, program):
        """Kill one program; its supervisor does not restart it."""
        self.call(host, "sv", "once", f"/run/service/{program}")
        self.call(host, "pkill", "-KILL", "-x", COMMANDS.get(program, program))

    def start_program(self, host, program):
        self.call(host, "sv", "up", f"/run/service/{program}")


class RemoteProber(Prober):
    """A Prober that asks and fetches in the client's container (asker.py)."""

    def __init__(self, site):
        super().__init__(site)
        self.fetches = Fetcher(site, site.names[0])     # never started: it only keeps the results
        for path in AGENT:
            run("docker", "cp", path, f"{site.ids['client']}:/tmp/")
        view = {"servers": {h.name: h.address for h in site.servers},
                "resolver": site.resolver.address, "names": site.names}
        self.agent = subprocess.Popen(
            ["docker", "exec", "-i", site.ids["client"], "python3", "/tmp/asker.py",
             json.dumps(view)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def run(self):
        for line in self.agent.stdout:
            self._keep(json.loads(line))

    def _keep(self, result):
        if "target" not in result:
            fetch = Fetch(result["at"], result["name"])
            fetch.address, fetch.page, fetch.error = result["address"], result["page"], result["error"]
            self.fetches.fetches.append(fetch)
            return
        sample = Sample(result["target"], result["name"], result["kind"], result["sent"])
        sample.received, sample.rcode = result["received"], result["rcode"]
        sample.addresses, sample.cut = tuple(result["addresses"]), result["cut"]
        sample.validated = result["validated"]
        self.targets[result["target"]].samples.append(sample)

    def stop(self):
        self.agent.stdin.close()
        self.join(5)
        self.agent.kill()
        self.agent.wait()
