"""article: the whole site of the article: ns0 (parent, witness), dc2, dc3 (servers), a client.

    client   Unbound, the probers
    ns0      NSD (parent zone), Sentinel, Locum as witness
    dc2      nginx, Redis, Sentinel, Locum
    dc3      nginx, Redis (first master), Sentinel, Locum
    dc4      nginx, Locum; only with dc4=True

far=True: packets between the hosts take as long as between data centres (DELAYS_S).
compare=True: the same servers answer for two more zones, under the same faults: all.example.org by
Locum with `answer: all`, and plain.example.org as in the article, with an NSD on each server that
names only this server. The client then has BIND in addition to Unbound.
mirrorbits=True: each server has a Mirrorbits (mirrorbits.py) with a filled database, which Locum
checks, and locum-unstick.
adapter=True: port 53 of the servers belongs to an NSD ("own"), which locum-nsd ("adapter") feeds
from the coordinator. With beside=True the coordinator answers too, at a second address, so that
both suffer the same fault.
managed=True: the coordinators of the servers run under a service manager that keeps their sockets
(manager.py).
records=[...]: more static records of the zone; the client has all four resolvers, ns0 the root and sub.get.example.org.
signed=True: the site's zone and the parent's are signed (signing.py), and the resolvers validate.
validators=True: the same with all four resolvers as for `records`, and with multi.example.org, in which each server has
a key of its own. Both zones have HTTPS records and records of an ACME account, and are signed again each midnight; the
clock of the coordinators is `midnight` (clock.py).
acme=True: servers take ACME challenges in every way, and the client has a certificate authority (acme.py).
bare=True: only the machines and the client exist. A test installs everything as a page tells its
reader. Here the resolver keeps an answer for a second.
by_hand=True: only the machines, the web servers, Redis, the Sentinels and the client exist. A test
installs name servers and Locum as doc/from-the-article.md tells its reader.
mirrors=[names]: the same without Redis, with these servers in place of dc2 and dc3; they share
geo.mirror.example.org, also by https (doc/from-archlinux-geo-mirror.md).

start() starts everything in the order of dependency and returns when every node sees every other as
alive. The faults below are methods of Site, since Site keeps the truth by which answers are judged:
which node could serve at which moment, and from when on it is wrong to name a node that cannot.
"""

import secrets
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace

import network
import wire
from acme import Authority, Ways
from adapter import LocumNsd, OwnedNsd
from clock import Midnight
from manager import Managed
from mirrorbits import Mirrorbits, Unstick, write_keys
from programs import Late, Locum, Nginx, Nsd, Plain, Redis, Sentinel, tool, until
from probe import Scheme
from resolvers import Bind, KnotResolver, Recursor, Unbound
from signing import Signing

PORTS = SimpleNamespace(dns=53, http=80, redis=6379, sentinel=26379, status=9854,
                        mirrorbits=8080)
HIGH_PORTS = SimpleNamespace(dns=15353, http=18080, redis=16379, sentinel=26380, status=19854,
                             mirrorbits=18081)

WEB_ALLOWED_S = 0.5     # after a web server stops, naming its node is wrong from then on
HOST_ALLOWED_S = 1.5    # the same for a whole host
LATER_ALLOWED_S = 0.25  # added to both where the zone goes through NSD

BEFORE_MIDNIGHT_S = 240
VALIDATORS_CACHE_S = 3      # so that a step of a roll-over waits for seconds, not for hours
ZONE_OPTIONS = """\
    https: {alpn: [h2]}
    acme: {persist: [{issuer: letsencrypt.org, account: "https://ca.example/account/1"}]}
"""

# One-way delay from the client to each host; between two servers it is the sum.
DELAYS_S = {"ns0": 0.005, "dc2": 0.008, "dc3": 0.012, "dc4": 0.020}


class Host:
    """One machine of the site: addresses, network link, programs in their start order."""

    def __init__(self, site, name, address, private, address6, kinds):
        self.site, self.name = site, name
        self.address, self.private, self.address6 = address, private, address6
        self.dir = site.dir / name
        self.ports = PORTS if site.network.namespaces else HIGH_PORTS
        # The addresses of the other way of answering, for comparison.
        self.second_address = address.replace("192.0.2.", "192.0.2.1") \
            if Plain in kinds or site.beside and Nginx in kinds else None
        self.addresses = list(dict.fromkeys(
            a for a in (address, private, address6, self.second_address) if a))
        own = [f"{a}/{32 if ':' in a else 24}" for a in self.addresses]
        if name == "client":
            site.network.address_client(*own)
            self.plug = network.Plug(name, None)        # the namespace of this process
        else:
            self.plug = site.network.plug(name, own, DELAYS_S[name] if site.far else 0.0)
        self.programs = {kind.name: kind(self) for kind in kinds}
        self.up = True

    def __getattr__(self, name):
        """host.redis, host.locum and so on are its programs."""
        try:
            return self.__dict__["programs"][name]
        except KeyError:
            raise AttributeError(name) from None

    def call(self, *words, env=None, within=20):
        """Run a command on this host; a CompletedProcess with text."""
        return subprocess.run([*self.plug.before, *words], capture_output=True, text=True,
                              errors="replace", stdin=subprocess.DEVNULL, timeout=within,
                              pass_fds=self.plug.pass_fds, env=env)

    def run(self, *words, env=None):
        """What a command on this host prints, errors included."""
        done = self.call(*words, env=env)
        return done.stdout + done.stderr

    @staticmethod
    def accepts(address, port):
        """Whether the client can open a TCP connection."""
        try:
            socket.create_connection((address, port), timeout=0.3).close()
            return True
        except OSError:
            return False

    def __repr__(self):
        return self.name


class Truth:
    """Which node could serve and which name server had to answer, at any moment so far."""

    def __init__(self, slack):
        self.slack = slack   # factor for the allowed times
        self.cannot = {}     # host name -> [[from, until or None, allowed_s]]
        self.mute = {}       # the same for its DNS

    @staticmethod
    def _begin(spans, host, allowed_s=0.0):
        mine = spans.setdefault(host.name, [])
        if not mine or mine[-1][1] is not None:
            mine.append([time.monotonic(), None, allowed_s])

    @staticmethod
    def _end(spans, host):
        mine = spans.get(host.name)
        if mine and mine[-1][1] is None:
            mine[-1][1] = time.monotonic()

    def unable(self, host, allowed_s):
        self._begin(self.cannot, host, allowed_s)

    def able(self, host):
        self._end(self.cannot, host)

    def muted(self, host):
        self._begin(self.mute, host)

    def speaks(self, host):
        self._end(self.mute, host)

    def able_now(self, name, at):
        """Whether it could serve at this moment, without an allowance."""
        return not any(begin < at and (end is None or at < end)
                       for begin, end, _ in self.cannot.get(name, []))

    def may_be_named(self, name, at, extra_s=0.0, slack=None):
        """Whether naming this node at this moment is right or within the allowed time."""
        slack = self.slack if slack is None else slack
        return not any(begin + allowed * slack + extra_s < at and (end is None or at < end)
                       for begin, end, allowed in self.cannot.get(name, []))

    def ought_to_answer(self, name, begin, end):
        """Whether its DNS ran and was reachable during this whole time."""
        return not any(b < end and (e is None or begin < e) for b, e, _ in self.mute.get(name, []))


class Site:
    """Builds the site. say(line) is called with each step."""

    cluster, parent, zone = "get", "example.org", "get.example.org"
    zone_all, zone_plain, zone_multi = "all.example.org", "plain.example.org", "multi.example.org"

    def __init__(self, network, say=lambda text: None, ttl_s=60, slack=1.0,
                 far=False, compare=False, dc4=False, mirrorbits=False, adapter=False,
                 beside=False, by_hand=False, bare=False, witness6=False,
                 managed=False, failover_ttl_s=None, mirrors=(), records=(),
                 signed=False, validators=False, acme=False, more_zones=()):
        self.network, self.say, self.ttl_s = network, say, ttl_s
        self.failover_ttl_s = failover_ttl_s or ttl_s
        self.far, self.compare, self.beside, self.by_hand = far, compare, beside, by_hand or bare
        self.bare, self.certificate, self.records = bare, None, list(records)
        self.root = bool(records) or validators
        # {zone: how it answers} of the coordinators' zones besides self.zone; more options of each zone.
        self.more_zones = {**dict(more_zones), **({self.zone_all: "all"} if compare else {})}
        # Of the resolvers; that of an authority keeps nothing.
        self.zone_options, self.cache_max_s = "    acme: {}\n" if acme else "", 1 if bare or acme else 86400
        if validators:
            self.more_zones[self.zone_multi], self.zone_options = "self", ZONE_OPTIONS
            self.cache_max_s = VALIDATORS_CACHE_S
        self.dir = Path(tempfile.mkdtemp(prefix="locum-site-"))
        self.midnight = Midnight(self.dir, BEFORE_MIDNIGHT_S) if validators else None
        self.acme = Ways(self.dir) if acme else None
        self.memory = Path(tempfile.mkdtemp(prefix="locum-site-", dir="/dev/shm"))  # as /run is
        self.redis_password = secrets.token_hex(8)      # of Mirrorbits
        self.locum_password = secrets.token_hex(8)
        self.replica_password = secrets.token_hex(8)
        self.sentinel_password = secrets.token_hex(8)
        self.admin_password = secrets.token_hex(8)      # of the Sentinels
        self.truth = Truth(slack)
        (self.dir / "secret").touch(mode=0o600)
        (self.dir / "secret").write_text(secrets.token_hex(32) + "\n")
        self.hosts = {}
        web, resolvers = ([Nginx, Plain, Locum], [Unbound, Bind]) if compare else \
            ([Nginx, Mirrorbits, Locum, Unstick] if mirrorbits else [Nginx, Locum], [Unbound])
        if self.root or acme:
            resolvers = [Unbound, Authority] if acme else [Unbound, Bind, KnotResolver, Recursor]
        if adapter:
            web = [*web[:-1], OwnedNsd, Locum, LocumNsd]
        redis, names = [Redis, Sentinel], [Nsd, Sentinel, Locum]
        if by_hand:
            web, names = [Nginx], [Sentinel]
        if bare:
            web, redis, names = [], [], []
        if managed:
            web = [Managed if kind is Locum else kind for kind in web]
        self._host("ns0", 10, "2001:db8:1::10" if witness6 or mirrors else None,
                   [] if mirrors else names)
        if mirrors:
            self._mirrors(mirrors)
        else:
            self._host("dc2", 12, "2001:db8:2::12", [*redis, *web])
            self._host("dc3", 13, "2001:db8:3::13", [*redis, *web])
        if dc4:
            self._host("dc4", 14, "2001:db8:4::14", web)
        self._host("client", 100, "2001:db8:1::100", resolvers)
        network.carry(tool("delay"))
        self.servers = [self.dc2, self.dc3] if bare else \
            [h for h in self.hosts.values() if Nginx.name in h.programs]
        self.coordinators = [h for h in (*self.servers, self.ns0) if Locum.name in h.programs]
        self.first_master = self.hosts.get("dc3")
        self.signing = Signing(self, [self.zone], [self.zone_multi] if validators else []) \
            if signed or validators else None
        self.names = [self.zone] + [f"{node.name}.{self.zone}" for node in self.servers]
        for host in self.hosts.values():
            for program in host.programs.values():
                program.configure()
        self._write_helpers()

    def _mirrors(self, names):
        """Servers from 192.0.2.11 on, and a certificate for their name that signs itself."""
        self.by_hand, self.zone = True, "geo.mirror.example.org"
        self.certificate = self.dir / "certificate"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
                        "-subj", "/CN=test", "-addext", f"subjectAltName=DNS:{self.zone}",
                        "-keyout", f"{self.certificate}.key", "-out", self.certificate],
                       check=True, capture_output=True)
        for last, name in enumerate(names, 11):
            self._host(name, last, f"2001:db8:{last}::{last}", [Nginx])

    def _host(self, name, last, address6, kinds):
        if self.network.namespaces:
            addresses = f"192.0.2.{last}", f"10.0.0.{last}", address6
        else:
            addresses = f"127.0.0.{last}", f"127.0.0.{last}", None
        self.hosts[name] = Host(self, name, *addresses, kinds)

    def __getattr__(self, name):
        """site.dc2, site.ns0 and so on are its hosts."""
        try:
            return self.__dict__["hosts"][name]
        except KeyError:
            raise AttributeError(name) from None

    # Start and end

    def start(self, redis=True):
        """Start everything except the probers. `redis` False: no Redis and no Sentinel."""
        begin = time.monotonic()
        if self.signing and self.network.namespaces:    # the coordinators ask the client's resolver for the DS
            self.network.resolve_by(self.client.address, self.dir)
        if not self.with_program("nginx"):
            return self._start("unbound")
        self.say(("" if self.by_hand else "NSD as the parent on ns0, ") +
                 f"nginx on {', '.join(host.name for host in self.servers)}")
        self._start("nsd", "nginx", "plain")
        if redis:
            self.say("Redis: dc3 is the master, dc2 its replica; a Sentinel on each host")
            self.start_redis()
            if self.with_program("mirrorbits"):
                write_keys(self.first_master)
        if self.by_hand:
            return self._start("unbound")
        self._start("mirrorbits")
        if self.with_program("own"):
            self.say("NSD on port 53 of dc2 and dc3, fed by locum-nsd")
            self._start("own")
        self.say("Locum on dc2, dc3 and, as a witness, on ns0" +
                 (f"; it signs {self.zone}, whose DS the parent has" if self.signing else ""))
        self._start("locum", "adapter", "unstick")
        self.wait_calm()
        self.say("Unbound as the client's resolver" + (", BIND too" if self.compare else "") +
                 ("; it validates" if self.signing else ""))
        self._start("unbound", "bind", "kresd", "recursor", "pebble")
        until("an answer through Unbound",
              lambda: self.asks(self.client, self.zone, recurse=True), 20)
        self.say(f"the site is up after {time.monotonic() - begin:.1f} s")

    def start_redis(self):
        """Replication first, then the Sentinels until each knows the others and the replica."""
        self._start("redis")
        replica = next(node for node in self.servers if node is not self.first_master)
        until("the replica follows the master", lambda: replica.redis.info("replication").get(
            "master_link_status") == "up", 20)
        self._start("sentinel")
        for host in self.with_program("sentinel"):
            until(f"{host.sentinel} knows all of Redis", host.sentinel.complete, 20)

    def _start(self, *kinds):
        programs = [h.programs[k] for k in kinds for h in self.with_program(k)]
        for program in programs:
            program.start(wait=False)
        for program in programs:
            program.wait_ready()

    def with_program(self, kind):
        return [host for host in self.hosts.values() if kind in host.programs]

    def close(self, keep=False):
        """Kill every program. Remove the folder unless `keep`."""
        for host in self.hosts.values():
            for program in host.programs.values():
                program.kill()
        self.network.close()
        if not keep:
            shutil.rmtree(self.dir, ignore_errors=True)
        shutil.rmtree(self.memory, ignore_errors=True)

    # Questions

    def asks(self, host, name, kind="A", recurse=False, within=0.5):
        """The addresses in a name server's answer to the client; None: no answer or an error."""
        return wire.ask(host.address, host.ports.dns, name, kind, recurse, within)

    def scheme(self):
        """Locum with `answer: self`, as on every site."""
        host = self.servers[0]
        kinds = ("A", "AAAA") if host.address6 else ("A",)
        return Scheme("Locum self", self.zone, self.names, kinds,
                      {h.name: (h.address, h.ports.dns) for h in self.servers})

    def schemes(self):
        """All ways in which the servers answer."""
        own = self.scheme()
        plain = {h.name: (h.second_address, h.ports.dns) for h in self.servers}
        if self.beside:
            return [Scheme("Locum itself", own.zone, own.names, own.kinds, plain),
                    Scheme("Locum by NSD", own.zone, own.names, own.kinds, own.servers)]
        if not self.compare:
            return [own]
        return [own, Scheme("Locum all", self.zone_all, [self.zone_all], own.kinds, own.servers),
                Scheme("NSD alone", self.zone_plain, [self.zone_plain], ("A",), plain)]

    def resolvers(self):
        """{name: (address, port)} of the client's resolvers."""
        client = self.client
        return {program.title: (client.address, program.port) for program in client.programs.values()}

    def host_of(self, address):
        """The name of the node with this address, else the address."""
        for host in self.servers:
            if address in (host.address, host.address6):
                return host.name
        return address

    def calm(self):
        """Whether every coordinator sees all others alive, up and named as normal."""
        for host in self.coordinators:
            nodes = host.locum.status().get("nodes", [])
            good = {n["name"] for n in nodes if n["self"] or n["condition"] == "alive"}
            well = {n["name"] for n in nodes if n["rank"] == "A" or n["role"] != "server"}
            everyone = {h.name for h in self.coordinators}
            if good != everyone or well != everyone:
                return False
        return self.by_hand or all(
            self.asks(node, f"{owner.name}.{self.zone}") == [owner.address]
            for node in self.servers for owner in self.servers)

    def wait_calm(self, within=30.0):
        until("every node is alive, up and named by its own name", self.calm, within, 0.1)

    def redis_master(self):
        """The host of the Redis master: most Sentinels name it and it reports that role."""
        def agreed():
            named = [h.sentinel.view().get("address") for h in self.with_program("sentinel")
                    if h.up and h.sentinel.running and not h.sentinel.frozen]
            for host in self.with_program("redis"):
                address = f"{host.private}:{host.ports.redis}"
                if named and all(t == address for t in named) and host.up and host.redis.is_master:
                    return host
            return None
        return until("the Sentinels agree on a Redis master", agreed, 30, 0.1)

    def wait_redis_whole(self, within=40.0):
        """Wait for one master, one synchronised replica, and Sentinels that know both."""
        def whole():
            master = self.redis_master()
            others = [h for h in self.with_program("redis") if h is not master]
            return all(o.redis.info("replication").get("master_link_status") == "up"
                       for o in others) and all(h.sentinel.complete()
                                                for h in self.with_program("sentinel"))
        until("Redis has a master, a replica and three Sentinels", whole, within, 0.2)

    # Faults. Each returns the moment when it began.

    def stop_web(self, host):
        begin = time.monotonic()
        self.truth.unable(host, WEB_ALLOWED_S)
        host.nginx.stop()
        return begin

    def start_web(self, host):
        host.nginx.start()
        self.truth.able(host)
        return time.monotonic()

    def crash(self, host):
        """
        The machine loses power: its packets stop first, so no leave message, then its processes.
        """
        begin = time.monotonic()
        self.truth.unable(host, HOST_ALLOWED_S)
        self.truth.muted(host)
        host.plug.pull()
        host.up = False
        for program in host.programs.values():
            program.kill()
        return begin

    def revive(self, host):
        """The machine boots with the files its programs had; the web server starts first."""
        begin = time.monotonic()
        host.plug.push()
        host.up = True
        host.nginx.start()
        self.truth.able(host)
        for program in host.programs.values():
            if not program.running:
                program.start(wait=False)
        for program in host.programs.values():
            program.wait_ready()
        until(f"{host.name} answers", lambda: self.asks(host, self.zone), 20)
        self.truth.speaks(host)
        return begin

    def freeze(self, host):
        """
        The hypervisor pauses the programs: the kernel still receives packets, no program reads
        them.
        """
        begin = time.monotonic()
        self.truth.unable(host, HOST_ALLOWED_S)
        self.truth.muted(host)
        host.up = False
        for program in host.programs.values():
            program.freeze()
        return begin

    def thaw(self, host):
        begin = time.monotonic()
        self.truth.able(host)
        host.up = True
        for program in host.programs.values():
            program.thaw()
        until(f"{host.name} answers", lambda: self.asks(host, self.zone), 20)
        self.truth.speaks(host)
        return begin

    def lose(self, a, b, percent=100, back=True):
        """Lose this share of the packets from a to b; from b to a too unless `back` is False."""
        b.plug.lose(a.addresses, percent)
        if back:
            a.plug.lose(b.addresses, percent)

    def lose_around(self, host, percent):
        """The same between this host and all others, including the client."""
        for other in self.hosts.values():
            if other is not host:
                self.lose(host, other, percent)

    def isolate(self, host):
        """It runs but is cut off: no packet leaves or arrives."""
        begin = time.monotonic()
        self.truth.unable(host, HOST_ALLOWED_S)
        self.truth.muted(host)
        self.lose_around(host, 100)
        return begin

    def rejoin(self, host):
        begin = time.monotonic()
        self.truth.able(host)
        self.lose_around(host, 0)
        self.truth.speaks(host)
        return begin

    def kill_locum(self, host):
        """Kill the coordinator with SIGKILL; everything else on its host continues."""
        begin = time.monotonic()
        self.truth.muted(host)
        host.locum.kill()
        return begin

    def freeze_locum(self, host):
        begin = time.monotonic()
        self.truth.muted(host)
        host.locum.freeze()
        return begin

    def thaw_locum(self, host):
        begin = time.monotonic()
        host.locum.thaw()
        until(f"{host.name} answers", lambda: host not in self.servers
              or self.asks(host, self.zone), 20)
        self.truth.speaks(host)
        return begin

    def stop_locum(self, host):
        """Stop the coordinator in order. Its names stay as they are; it answers no more."""
        begin = time.monotonic()
        self.truth.muted(host)
        code = host.locum.stop()
        if code != 0:
            raise Late(f"{host.locum} ended with {code}: {host.locum.last_words()}")
        return begin

    def start_locum(self, host):
        begin = time.monotonic()
        host.locum.start()
        if host in self.servers:
            until(f"{host.name} answers", lambda: self.asks(host, self.zone), 20)
        self.truth.speaks(host)
        return begin

    def forget(self, host):
        """
        Restart its coordinator as after a boot: it resumes nothing (RESUME-1), so that its service has
        no probation.
        """
        self.stop_locum(host)
        for kept in "run", "history":
            Path(f"{host.locum.socket}.{kept}").unlink(missing_ok=True)
        self.start_locum(host)

    def _is_calm_without_probation(self):
        for host in self.servers:
            if "locum" in host.programs and \
                    host.locum.peer(host.name).get("service") == "probation":
                self.forget(host)
        return self.calm()

    def heal(self):
        """Bring everything back up, whatever a test did."""
        for host in self.hosts.values():
            host.plug.push()
            host.plug.lose(list(host.plug.losses), 0)
            host.up = True
            for program in host.programs.values():
                if program.frozen:
                    program.thaw()
            for program in host.programs.values():
                if not program.running:
                    program.start()
            self.truth.able(host)
        until("all calm again", self._is_calm_without_probation, 90, 0.1)
        for host in self.servers:
            self.truth.speaks(host)

    # For people

    def _write_helpers(self):
        """Write DIR/in: `in HOST COMMAND...` runs a command on a host from outside."""
        lines = ["#!/bin/sh", "# in HOST COMMAND...: run a command on a host of the site",
                 "host=$1; shift", 'case "$host" in']
        if self.network.namespaces:
            main = network.main_pid()
            enter = f"exec nsenter --mount=/proc/{main}/ns/mnt --pid=/proc/{main}/ns/pid"
            if self.network.user:
                enter += f" --preserve-credentials --user=/proc/{main}/ns/user"
            for host in self.hosts.values():
                net = "ns/net" if host.plug.fd is None else f"fd/{host.plug.fd}"
                lines.append(f"{host.name}) {enter} --net=/proc/{main}/{net} -- \"$@\" ;;")
        else:
            lines.append(f"{'|'.join(self.hosts)}) exec \"$@\" ;;")
        lines += ['*) echo "no host $host; there are: ' + " ".join(self.hosts) + '" >&2; exit 2',
                  "esac", ""]
        script = self.dir / "in"
        script.write_text("\n".join(lines))
        script.chmod(0o755)
