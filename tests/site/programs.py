"""programs: the programs of the site: configuration file, start, and when each is ready.

Each runs in its host's namespace and in its own session (so that signals reach its children too),
logs into its folder, and is killed by the kernel if the test program dies.
"""

import json
import os
import signal
import socket
import subprocess
import time
from pathlib import Path

import control
from access import DEPLOY, redis_acl, write_acl

ROOT = Path(__file__).resolve().parents[2]
MASTER = "mirrorbits"       # the name under which the Sentinels know the Redis master


class Late(Exception):
    """A condition was not met in time."""


def until(what, true, within=10.0, pause=0.03, seen=None):
    """
    Wait until true() returns something true; return that. Late names what was missing, and what
    seen() returns.
    """
    deadline = time.monotonic() + within
    while True:
        result = true()
        if result:
            return result
        if time.monotonic() > deadline:
            raise Late(f"not within {within:g} s: {what}" + (f": {seen()}" if seen else ""))
        time.sleep(pause)


def tool(name):
    """A program of this folder as built by `make programs`."""
    return str(Path(os.environ.get("BUILD") or ROOT / "build").resolve() / "tests/site" / name)


class Program:
    """One program on one host. Subclasses define argv(), configure() and ready()."""

    name = ""

    def __init__(self, host):
        self.host = host
        self.dir = host.dir / self.name
        self.dir.mkdir(parents=True)
        self.log = self.dir / "log"
        self.process = None
        self.frozen = False

    def configure(self):
        """Write the configuration. Called once, so that changes by the program itself stay."""

    def argv(self):
        raise NotImplementedError

    def ready(self):
        raise NotImplementedError

    def environment(self):
        return os.environ

    @property
    def place(self):
        """The words before a command that make it run where this program does."""
        return self.host.plug.before

    @property
    def running(self):
        return self.process is not None and self.process.poll() is None

    def start(self, wait=True):
        assert not self.running, f"{self} is running already"
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [*self.place, "setpriv", "--pdeathsig", "KILL", "--", *self.argv()],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.dir,
                env=self.environment(), pass_fds=self.host.plug.pass_fds, start_new_session=True)
        self.frozen = False
        if wait:
            self.wait_ready()

    def wait_ready(self, within=10.0):
        def ready():
            if not self.running:
                raise Late(f"{self} ended with {self.process.returncode}: {self.last_words()}")
            return self.ready()
        until(f"{self} ready (log: {self.log})", ready, within)

    def last_words(self):
        lines = self.log.read_text(errors="replace").splitlines()
        return " / ".join(lines[-3:]) or "(said nothing)"

    def cpu_s(self):
        """CPU seconds of all its threads so far, from the scheduler's counters."""
        return sum(int(thread.read_text().split()[0]) for thread in
                   Path(f"/proc/{self.process.pid}/task").glob("*/schedstat")) / 1e9

    def private_dirty_kib(self):
        """
        Its private memory in KiB. The kernel also counts pages of a file that were written a moment
        ago, such as a program just built, until they are on the disk.
        """
        with open(f"/proc/{self.process.pid}/exe", "rb") as program:
            os.fsync(program.fileno())
        text = Path(f"/proc/{self.process.pid}/smaps_rollup").read_text()
        return int(text.split("Private_Dirty:")[1].split()[0])

    def signal(self, number):
        """Signal the program and its children."""
        if self.running:
            os.killpg(self.process.pid, number)

    def kill(self):
        """Kill it with SIGKILL."""
        self.signal(signal.SIGKILL)
        if self.process is not None:
            self.process.wait()

    def stop(self, within=5.0):
        """Stop it with SIGTERM. Returns the exit code."""
        if self.running:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(within)
            except subprocess.TimeoutExpired as error:
                raise Late(f"{self} did not stop within {within:g} s of SIGTERM") from error
        return self.process.returncode

    def freeze(self):
        self.signal(signal.SIGSTOP)
        self.frozen = True

    def thaw(self):
        self.signal(signal.SIGCONT)
        self.frozen = False

    def __str__(self):
        return f"{self.name} on {self.host.name}"


class Redis(Program):
    """redis-server. The site chooses the first master; later the Sentinels do."""

    name = "redis"

    def stop(self, within=15.0):
        """
        A master waits up to 10 s for its replicas (redis.conf, shutdown-timeout). While Redis writes
        its first append-only file, it forgets a SIGTERM.
        """
        deadline = time.monotonic() + within
        while True:
            try:
                return super().stop(1.0)
            except Late:
                if time.monotonic() > deadline:
                    raise

    def configure(self):
        host, site = self.host, self.host.site
        text = f"""\
bind {host.private}
port {host.ports.redis}
dir {self.dir}
aclfile {self.dir}/locum.acl
masteruser replica
masterauth {site.replica_password}
replica-announce-ip {host.private}
"""
        if site.first_master is not host:
            master = site.first_master
            text += f"replicaof {master.private} {master.ports.redis}\n"
        (self.dir / "redis.conf").write_text(text + (DEPLOY / "redis.conf").read_text())
        write_acl(site, redis_acl(), self.dir / "locum.acl")

    def argv(self):
        return ["redis-server", str(self.dir / "redis.conf")]

    def cli(self, *words, user="default"):
        """The output of redis-cli on this host. Users: default and locum."""
        site = self.host.site
        password = site.locum_password if user == "locum" else site.redis_password
        return self.host.run("redis-cli", "-h", self.host.private, "-p", str(self.host.ports.redis),
                             "--user", user, *words, env={**os.environ, "REDISCLI_AUTH": password})

    def info(self, section):
        return dict(line.split(":", 1) for line in self.cli("INFO", section).splitlines()
                    if ":" in line)

    @property
    def is_master(self):
        return self.running and not self.frozen and \
            self.info("replication").get("role") == "master"

    def ready(self):
        return self.cli("PING").strip() == "PONG"


class Sentinel(Program):
    """redis-sentinel."""

    name = "sentinel"

    def configure(self):
        host, site = self.host, self.host.site
        master = site.first_master
        text = f"""\
bind {host.private}
port {host.ports.sentinel}
dir {self.dir}
{"" if site.by_hand else f"aclfile {self.dir}/locum-sentinel.acl"}
sentinel announce-ip {host.private}
sentinel announce-port {host.ports.sentinel}
sentinel monitor {MASTER} {master.private} {master.ports.redis} 2
sentinel auth-user {MASTER} sentinel
sentinel auth-pass {MASTER} {site.sentinel_password}
"""
        if not site.by_hand:
            text += "sentinel sentinel-user sentinel\n"
            text += f"sentinel sentinel-pass {site.sentinel_password}\n"
        (self.dir / "sentinel.conf").write_text(text + (DEPLOY / "sentinel.conf").read_text())
        write_acl(site, "locum-sentinel.acl", self.dir / "locum-sentinel.acl")

    def argv(self):
        return ["redis-sentinel", str(self.dir / "sentinel.conf")]

    def cli(self, *words, user="admin"):
        """The output of redis-cli on this host. `default` has no password here."""
        login = [] if user == "default" or self.host.site.by_hand else \
            ["--user", user, "--pass", self.host.site.admin_password, "--no-auth-warning"]
        return self.host.run("redis-cli", "-h", self.host.private,
                             "-p", str(self.host.ports.sentinel), *login, *words)

    def view(self):
        """This Sentinel's view of the master: {'status': 'ok', 'address': ..., ...}."""
        for line in self.cli("INFO", "sentinel").splitlines():
            if line.startswith("master0:"):
                return dict(pair.split("=", 1) for pair in line[8:].split(","))
        return {}

    def ready(self):
        return self.view() != {}

    def complete(self):
        """Whether it knows the other Sentinels and the replica."""
        view = self.view()
        sentinels = sum(1 for h in self.host.site.hosts.values() if "sentinel" in h.programs)
        redis = sum(1 for h in self.host.site.hosts.values() if "redis" in h.programs)
        return (view.get("status") == "ok" and int(view.get("sentinels", 0)) == sentinels
                and int(view.get("slaves", 0)) == redis - 1)


class Nginx(Program):
    """The web server of a node; its page is the node's name."""

    name = "nginx"

    def configure(self):
        host = self.host
        listen = [host.address] + ([f"[{host.address6}]"] if host.address6 else [])
        if host.site.network.namespaces:
            listen.append("127.0.0.1")
        lines = "\n".join(f"        listen {a}:{host.ports.http};" for a in listen)
        if host.site.certificate:
            lines += "".join(f"\n        listen {a}:443 ssl;" for a in listen)
            lines += f"\n        ssl_certificate {host.site.certificate};"
            lines += f"\n        ssl_certificate_key {host.site.certificate}.key;"
        temp = "\n".join(f"    {kind}_temp_path {self.dir}/{kind};" for kind in
                         ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        (self.dir / "nginx.conf").write_text(f"""\
user root root;
daemon off;
master_process off;
pid {self.dir}/pid;
error_log stderr;
events {{ worker_connections 128; }}
http {{
{temp}
    access_log off;
    default_type text/plain;
    server {{
{lines}
        location / {{ return 200 "{host.name}\\n"; }}
    }}
}}
""")

    def argv(self):
        return ["nginx", "-p", str(self.dir), "-e", "stderr", "-c", str(self.dir / "nginx.conf")]

    def ready(self):
        return self.host.accepts(self.host.address, self.host.ports.http)


class Nsd(Program):
    """The parent's name server: it delegates the site's zone to the nodes."""

    name = "nsd"
    serial = 0

    def configure(self):
        site, host = self.host.site, self.host
        self.serial += 1
        zone = [f"$ORIGIN {site.parent}.", "$TTL 3600",
                f"@ SOA {host.name} hostmaster {self.serial} 3600 600 604800 60",
                f"@ NS {host.name}", f"{host.name} A {host.address}"]
        for node in site.servers:
            zone += [f"{name}. NS {node.name}.{site.parent}." for name in (site.zone, *site.more_zones)]
            zone.append(f"{node.name} A {node.address}")
            if node.address6:
                zone.append(f"{node.name} AAAA {node.address6}")
            if "plain" in node.programs:
                zone += [f"{site.zone_plain}. NS plain-{node.name}",
                         f"plain-{node.name} A {node.second_address}"]
        zone += site.signing.entries(site.parent) if site.signing else []
        zones = {site.parent: zone}
        if site.root:
            apex = ["$TTL 3600", f"@ SOA {host.name}.{site.parent}. hostmaster.{site.parent}. 1 3600 600 604800 60",
                    f"@ NS {host.name}.{site.parent}."]
            zone.append(f"away A {host.address}")
            zones["."] = ["$ORIGIN .", *apex, f"{site.parent}. NS {host.name}.{site.parent}.",
                          f"{host.name}.{site.parent}. A {host.address}",
                          *(site.signing.entries(".") if site.signing else [])]
            zones[f"sub.{site.zone}"] = [f"$ORIGIN sub.{site.zone}.", *apex, f"@ A {host.address}",
                                         f"below A {host.address}"]
        self.serve(host.address, zones)

    def serve(self, address, zones):
        """Zones, {name: lines}, at one address, without rate limiting."""
        names = list(zones)
        for index, name in enumerate(names):
            path = self.dir / f"zone{index or ''}"
            path.write_text("\n".join(zones[name]) + "\n")
            if self.host.site.signing:
                self.host.site.signing.sign(path, name)
        (self.dir / "nsd.conf").write_text(f"""\
server:
    ip-address: {address}@{self.host.ports.dns}
    username: ""
    chroot: ""
    database: ""
    pidfile: "{self.dir}/pid"
    xfrdfile: "{self.dir}/xfrd.state"
    xfrdir: "{self.dir}"
    zonelistfile: "{self.dir}/zone.list"
    cookie-secret-file: "{self.dir}/cookies"
    server-count: 1
    rrl-ratelimit: 0
remote-control:
    control-enable: no
""" + "".join(f"""\
zone:
    name: {name}
    zonefile: "{self.dir}/zone{index or ''}"
""" for index, name in enumerate(names)))

    def reload(self):
        """Serve the zones as they are to be now."""
        self.configure()
        self.signal(signal.SIGHUP)

    def argv(self):
        return ["nsd", "-d", "-c", str(self.dir / "nsd.conf")]

    def ready(self):
        return self.host.site.asks(self.host, self.host.site.parent) is not None


class Plain(Nsd):
    """As in the article: an NSD on each server whose zone names only this server."""

    name = "plain"

    def configure(self):
        site, host = self.host.site, self.host
        self.serve(host.second_address, {site.zone_plain: [
            f"$ORIGIN {site.zone_plain}.", f"$TTL {site.ttl_s}",
            f"@ SOA plain-{host.name}.{site.parent}. hostmaster 1 3600 3600 3600000 3600",
            f"@ NS plain-{host.name}.{site.parent}.", f"@ A {host.address}"]})

    def ready(self):
        return self.host.accepts(self.host.second_address, self.host.ports.dns)


class Locum(Program):
    """The coordinator. Tests change its attributes before they call configure()."""

    name = "locum"

    def __init__(self, host):
        super().__init__(host)
        self.config = self.dir / "locum.yaml"
        self.socket = host.site.memory / f"{host.name}.sock"
        self.secret_file = host.site.dir / "secret"
        self.state_dir = self.dir / "state"
        self.redis_password = host.site.locum_password
        self.sentinel_password = host.site.locum_password
        self.master_name = MASTER
        self.mirrorbits_config = None   # a file from which Locum takes Redis and Sentinels
        self.check_interval = "250ms"
        self.options = []           # of `locum run`
        self.before = []            # words before the command that drop privileges

    def configure(self):
        self.state_dir.mkdir(exist_ok=True)
        for kind in ("redis", "sentinel"):
            password = self.dir / f"{kind}-password"
            password.touch(mode=0o600)
            password.write_text(getattr(self, f"{kind}_password") + "\n")
        self.config.write_text(self.yaml())

    def yaml(self):
        site, host = self.host.site, self.host
        listen = [f"control: {self.socket}"]
        if "own" in host.programs:      # an NSD owns port 53
            listen += [f'dns: ["{host.second_address}:{host.ports.dns}"]' if site.beside
                       else "dns: none", f'http: "{host.address}:{host.ports.status}"']
        elif host in site.servers:
            dns = [f"{host.address}:{host.ports.dns}"]
            if host.address6:
                dns.append(f"[{host.address6}]:{host.ports.dns}")
            listen.append("dns: [" + ", ".join(f'"{a}"' for a in dns) + "]")
            listen.append(f'http: "{host.address}:{host.ports.status}"')
        records = ['@ CAA 0 issue "letsencrypt.org"', *site.records]
        text = f"""\
cluster: {site.cluster}
node: {host.name}
secret-file: {self.secret_file}
state-dir: {self.state_dir}
nodes:
{self._nodes()}
zones:
{self._zone(site.zone, "self")}\
{"    soa: {minimum: 15s}" + chr(10) if site.records else ""}    records: [{", ".join(map(json.dumps, records))}]
"""
        for zone, answer in site.more_zones.items():
            text += self._zone(zone, answer)
        text += f"""\
redis:
{self._redis()}
  sentinel-user: locum
  sentinel-password-file: {self.dir}/sentinel-password
listen: {{{", ".join(listen)}}}
# The load of the tests has few sources; tests/program/test_flood.py tests the limit.
dns: {{rate-limit: {{exempt: ["0.0.0.0/0", "::/0"]}}}}
"""
        text += site.acme.yaml() if site.acme and host in site.servers else ""
        if host in site.servers:
            text += f"""\
service:
  checks:
    - http: {{url: "http://{host.address}:{host.ports.http}/", interval: {self.check_interval}}}
"""
            if "mirrorbits" in host.programs:
                text += f"""\
    - mirrorbits: {{file: {host.mirrorbits.FILE}, interval: 250ms,
                   gate: {str(host.mirrorbits.gate).lower()}}}
"""
        return text

    def _zone(self, zone, answer):
        site = self.host.site
        owned = "" if answer == "all" else ", ".join(f"{node.name}: [{node.name}]" for node in site.servers)
        text = f"""\
  - name: {zone}
    answer: {answer}
    ns: [{", ".join(f"{node.name}.{site.parent}" for node in site.servers)}]
    shared: ["@"]
    owned: {{{owned}}}
    ttl: {site.ttl_s}s
    failover-ttl: {site.failover_ttl_s}s
{site.zone_options}\
"""
        if site.signing and zone in site.signing.delegated:
            often = ", validity: 2d, refresh: 1d" if site.midnight else ""
            text += f"    dnssec: {{keys: {site.signing.folder(self.host, zone)}{often}}}\n"
        return text

    def _redis(self):
        if self.mirrorbits_config:
            return f"  mirrorbits-config: {self.mirrorbits_config}"
        own = f"\n  mirrorbits-config: {self.host.mirrorbits.conf}" \
            if "mirrorbits" in self.host.programs else ""
        return (f"  master-name: {self.master_name}\n  user: locum\n"
                f"  password-file: {self.dir}/redis-password{own}")

    def _nodes(self):
        lines = []
        for node in self.host.site.coordinators:
            addresses = ", ".join(f'"{a}"' for a in (node.address, node.address6) if a)
            parts = [] if node in self.host.site.servers else ["role: witness"]
            parts.append(f"address: [{addresses}]")
            for kind in ("redis", "sentinel"):
                if kind in node.programs and not self.mirrorbits_config:
                    parts.append(f'{kind}: "{node.private}:{getattr(node.ports, kind)}"')
            if "mirrorbits" in node.programs:
                parts.append(f"mirrorbits: {node.mirrorbits.known_as}")
            lines.append(f"  {node.name}: {{{', '.join(parts)}}}")
        return "\n".join(lines)

    def environment(self):
        return self.host.site.midnight.environment if self.host.site.midnight else os.environ

    def argv(self):
        return [*self.before, str(self.binary()), "run", *self.options, "-c", str(self.config)]

    @staticmethod
    def binary():
        """The program under test: LOCUM, else the one in the build folder BUILD."""
        build = Path(os.environ.get("BUILD") or ROOT / "build")
        return Path(os.environ.get("LOCUM") or build / "locum").resolve()

    @classmethod
    def sanitized(cls):
        """Whether it is built with a sanitizer."""
        program = cls.binary().read_bytes()
        return b"__asan_init" in program or b"__tsan_init" in program

    def command(self, *words, check=False):
        """Run a sub-command of this node: a CompletedProcess with text."""
        done = self.host.call(str(self.binary()), words[0], "-c", str(self.config), *words[1:])
        if "Sanitizer" in done.stderr or "runtime error" in done.stderr:
            raise AssertionError(f"locum {' '.join(words)} on {self.host.name}: {done.stderr}")
        if check and done.returncode != 0:
            raise AssertionError(f"locum {' '.join(words)} on {self.host.name} ended with "
                                 f"{done.returncode}: {done.stdout}{done.stderr}")
        return done

    def status(self):
        """`locum status --json` as a dictionary; {} while the daemon cannot be reached."""
        done = self.command("status", "--json")
        try:
            return json.loads(done.stdout) if done.returncode in (0, 1) else {}
        except ValueError:
            raise AssertionError(f"{self}: status ended with {done.returncode}: "
                                 f"{done.stdout}{done.stderr}") from None

    def get(self, path):
        """The body of GET path."""
        return control.get(self.socket, path)

    def metrics(self):
        """{name with labels: value} of GET /metrics."""
        return {name: float(value) for name, value in
                (line.rsplit(" ", 1) for line in self.get("/metrics").splitlines() if line[0] != "#")}

    def peer(self, name):
        """This node's view of another one: its entry in the status."""
        return next((n for n in self.status().get("nodes", []) if n["name"] == name), {})

    def ready(self):
        return self.socket.exists() and self.status() != {}
