#!/usr/bin/env python3
"""`locum doctor` on a site: nothing on a healthy one, and of each planted fault exactly that."""
# deadline: 150 s, beside others

import contextlib
import json
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "site"))

import clock                                # noqa: E402
import lab                                  # noqa: E402
from lab import check                       # noqa: E402
from programs import Locum, Nsd, until      # noqa: E402

ACCOUNT = "https://ca.example/account/1"


class Bench:
    """The site with HTTPS, a name server inside the zone, and what plants the faults."""

    def __init__(self, site):
        self.site, self.zone, self.keys = site, site.zone, None
        self.dir = site.dir / "doctor"
        self.dir.mkdir()
        self.shim = clock.library(self.dir)
        self.certificate("good", site.names, 365)
        self.certificate("expired", site.names, 10, shift_s=-20 * 86400)
        self.certificate("ending", site.names, 5)
        self.certificate("other", ["www.example.org"], 365)
        with open(self.dir / "ca.pem", "w", encoding="ascii") as ca:
            for name in ("good", "expired", "ending", "other"):
                ca.write((self.dir / f"{name}.pem").read_text())
        self.parent = (site.ns0.nsd.dir / "zone").read_text().replace(
            f"{self.zone}. NS dc3.{site.parent}.",
            f"{self.zone}. NS ns3.{self.zone}.\nns3.{self.zone}. A {site.dc3.address}\n"
            f"ns3.{self.zone}. AAAA {site.dc3.address6}")
        self.serve_parent(self.parent)
        for host in site.servers:
            self.serve_web(host)
        for host in site.coordinators:
            host.locum.config.write_text(self.yaml(host))
            host.locum.command("reload", check=True)

    def certificate(self, name, names, days, shift_s=0):
        subject = ",".join(f"DNS:{name}" for name in names)
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
             "-keyout", str(self.dir / f"{name}.key"), "-out", str(self.dir / f"{name}.pem"),
             "-subj", f"/CN={name}", "-addext", f"subjectAltName={subject}", "-days", str(days)],
            check=True, capture_output=True,
            env=clock.shifted(self.shim, shift_s))

    def yaml(self, host):
        text = host.locum.yaml().replace(
            f"ns: [dc2.{self.site.parent}, dc3.{self.site.parent}]",
            f"ns: [dc2.{self.site.parent}, ns3.{self.zone}]").replace(
            "    records: [", f"    acme: {{persist: [{{issuer: ca.example, account: \"{ACCOUNT}\"}}]}}\n"
            f'    records: ["ns3 A {self.site.dc3.address}", '
            f'"ns3 AAAA {self.site.dc3.address6}", ')
        if self.keys is not None:
            text = text.replace("    records: [", f"    dnssec: {{keys: {self.keys}}}\n    records: [")
        if host in self.site.servers:
            text += (f'    - http: {{url: "https://{self.zone}/", connect-to: "{host.address}:443", '
                     f"ca-file: {self.dir}/ca.pem}}\n")
        return text

    def serve_parent(self, zone):
        nsd = self.site.ns0.nsd
        mark = f"mark-{time.monotonic_ns()}"
        (nsd.dir / "zone").write_text(f"{zone}{mark} A 192.0.2.1\n")
        nsd.process.send_signal(signal.SIGHUP)
        until("NSD has the new zone", lambda: self.site.asks(
            self.site.ns0, f"{mark}.{self.site.parent}"), 10)

    def serve_web(self, host, certificate="good", names=None, else_="404"):
        """All names, or only these; of others the answer is `else_`."""
        conf = host.nginx.dir / "nginx.conf"
        head = conf.read_text().partition("    server {")[0]
        listen = "".join(f"        listen {a}:{port};\n" for a in (host.address, f"[{host.address6}]",
                                                                "127.0.0.1") for port in ("80", "443 ssl"))
        pair = "".join(f"        {key} {self.dir}/{certificate}.{end};\n" for key, end in (
            ("ssl_certificate", "pem"), ("ssl_certificate_key", "key")))
        served = " ".join([*(names or self.site.names), host.address])
        default = listen.replace(";", " default_server;")
        conf.write_text(f"{head}    server {{\n{default}{pair}        return {else_};\n    }}\n"
                        f"    server {{\n{listen}{pair}        server_name {served};\n"
                        f'        location / {{ return 200 "{host.name}\\n"; }}\n    }}\n}}\n')
        host.nginx.kill()
        host.nginx.start()

    def doctor(self, *words, host=None):
        """The exit code and the object that it prints."""
        done = (host or self.site.dc2).locum.command("doctor", "--json", "--resolver",
                                                     self.site.client.address, *words)
        check(done.returncode in (0, 1, 2) and done.stderr == "", f"{done.returncode}: {done.stderr}")
        return done.returncode, json.loads(done.stdout)

    def make_keys(self, name):
        """(the folder, the DS record)."""
        folder = self.dir / name
        made = self.site.dc2.locum.command("keygen", self.zone, "--folder", str(folder))
        check(made.returncode == 0, made.stderr)
        return folder, next(line for line in made.stdout.splitlines() if "\tDS\t" in line)

    def configure(self, keys):
        self.keys = keys
        for host in self.site.coordinators:
            host.locum.config.write_text(self.yaml(host))
            host.locum.command("reload", check=True)

    # Faults

    @contextlib.contextmanager
    def parent_with(self, *pairs):
        zone = self.parent
        for old, new in pairs:
            check(old in zone, f"no {old} in {zone}")
            zone = zone.replace(old, new)
        self.serve_parent(zone)
        try:
            yield
        finally:
            self.serve_parent(self.parent)

    @contextlib.contextmanager
    def filter(self, host, *rules):
        table = "\n".join(["table inet doctor {", "chain arrive {", "type filter hook input priority 0", *(
            f'iifname "eth0" {rule}' for rule in rules), "}", "}", ""])
        done = subprocess.run([*host.plug.before, "nft", "-f", "-"], input=table, text=True,
                              capture_output=True, pass_fds=host.plug.pass_fds)
        check(done.returncode == 0, done.stderr)
        try:
            yield
        finally:
            host.run("nft", "delete", "table", "inet", "doctor")

    @contextlib.contextmanager
    def web(self, host, **options):
        self.serve_web(host, **options)
        try:
            yield
        finally:
            self.serve_web(host)

    @contextlib.contextmanager
    def configured(self, host, old, new):
        text = self.yaml(host)
        check(old in text, f"no {old} in {text}")
        host.locum.config.write_text(text.replace(old, new))
        host.locum.command("reload", check=True)
        try:
            yield
        finally:
            host.locum.config.write_text(self.yaml(host))
            host.locum.command("reload", check=True)

    @contextlib.contextmanager
    def set_up(self, host, old, new):
        """The same of a node that has no keys to remember: it would go on with them, and refuse to end the signing."""
        text = self.yaml(host)
        check(old in text, f"no {old} in {text}")
        self.begin_with(host, text.replace(old, new))
        try:
            yield
        finally:
            self.begin_with(host, text)
            until("it has the CDS of the others", lambda: all(self.has_cds(h) for h in self.site.servers), 30, 0.2)

    def has_cds(self, host):
        return "13 2" in self.site.client.run("dig", "+short", f"@{host.address}", self.zone, "CDS")

    def begin_with(self, host, text):
        self.site.stop_locum(host)
        (host.locum.state_dir / f"{self.site.cluster}.keys").unlink(missing_ok=True)
        host.locum.config.write_text(text)
        self.site.start_locum(host)

    @contextlib.contextmanager
    def other_server(self, zone, lines):
        """Another program answers on port 53 of dc3, for this zone."""
        host = self.site.dc3
        impostor = Impostor(host)
        impostor.serve_at(zone, (host.address, host.address6), lines)
        with self.configured(host, f":{host.ports.dns}\"", ':5354"'):
            impostor.start()
            try:
                yield
            finally:
                impostor.kill()

    @contextlib.contextmanager
    def clock(self, host, shift_s):
        host.locum.environment = lambda: clock.shifted(self.shim, shift_s)
        self.restart(host)
        try:
            yield
        finally:
            del host.locum.environment
            self.restart(host)

    def restart(self, host):
        self.site.stop_locum(host)
        self.site.start_locum(host)

    @contextlib.contextmanager
    def without_sentinel(self, host):
        host.sentinel.kill()
        try:
            yield
        finally:
            host.sentinel.start()


class Impostor(Nsd):
    """A name server that is not the configured one."""

    name = "impostor"

    def __init__(self, host):
        self.host, self.dir = host, host.dir / f"impostor-{time.monotonic_ns()}"
        self.dir.mkdir()
        self.log, self.process, self.frozen = self.dir / "log", None, False

    def serve_at(self, zone, addresses, lines):
        self.zone = zone
        self.serve(addresses[0], {zone: lines})
        conf = self.dir / "nsd.conf"
        conf.write_text(conf.read_text().replace(
            "server:\n", f"server:\n    ip-address: {addresses[1]}@{self.host.ports.dns}\n", 1))

    def ready(self):
        return self.host.site.asks(self.host, self.zone) is not None


def faults(bench):
    """(what is planted, how, {id: the subjects that it is found at})."""
    site, zone = bench.site, bench.zone
    dc2, dc3 = site.dc2, site.dc3
    at = [f"({a})" for a in (dc3.address, dc3.address6)]
    ns2, ns3 = f"dc2.{site.parent}.", f"ns3.{zone}."
    names = [f"{name}. at dc3 {a}" for name in site.names for a in at]
    servers = [f"{ns3} {a}" for a in at]
    soa = f"@ SOA {ns2} hostmaster.{zone}. 1 3600 600 604800 {site.failover_ttl_s}"
    records = [f"$ORIGIN {zone}.", "$TTL 3600", f"@ NS {ns2}", f"@ NS {ns3}",
               f"{ns3} A {dc3.address}", f"{ns3} AAAA {dc3.address6}",
               *(f'_validation-persist.{name}. TXT "ca.example; accounturi={ACCOUNT}"' for name in site.names)]
    one = (f"{zone}. NS {ns3}", f"{zone}. 3600 NS {ns3}")
    return [
        ("an NS record is missing at the parent", bench.parent_with((f"{zone}. NS {ns3}\n", "")),
         {"parent-ns-missing": [ns3]}),
        ("the parent has one more", bench.parent_with((one[0], f"{one[0]}\n{zone}. NS ns9.{zone}.\n"
                                                       f"ns9.{zone}. A {dc2.address}")),
         {"parent-ns-unknown": [f"ns9.{zone}."]}),
        ("the parent has one without an address", bench.parent_with((one[0], f"{one[0]}\n{zone}. NS ns9.{zone}.")),
         {"parent-ns-unknown": [f"ns9.{zone}."], "address-missing": [f"ns9.{zone}."]}),
        ("no delegation", bench.parent_with((f"{zone}. NS {ns3}\n", ""), (f"{zone}. NS {ns2}\n", "")),
         {"no-delegation": [f"{zone}."]}),
        ("glue with another address", bench.parent_with((f"{ns3} A {dc3.address}",
                                                         f"{ns3} A {dc2.address}")),
         {"glue-wrong": [ns3]}),
        ("no IPv6 glue", bench.parent_with((f"{ns3} AAAA {dc3.address6}\n", "")),
         {"glue-missing": [ns3]}),
        ("another address of a name server outside the zone",
         bench.parent_with((f"dc2 A {dc2.address}", f"dc2 A {dc3.address}")), {"address-wrong": [ns2]}),
        ("another TTL at the parent", bench.parent_with(
            (f"{zone}. NS {ns2}", f"{zone}. 300 NS {ns2}"), (one[0], f"{zone}. 300 NS {ns3}")),
         {"ns-ttl": [f"{zone}."]}),
        ("no TCP", bench.filter(dc3, "tcp dport 53 reject with tcp reset"), {"dns-tcp": servers}),
        ("no UDP", bench.filter(dc3, "udp dport 53 drop"), {"dns-udp": servers}),
        ("no DNS", bench.filter(dc3, "udp dport 53 reject", "tcp dport 53 reject with tcp reset"),
         {"dns-silent": servers}),
        ("EDNS is blocked", bench.filter(dc3, "udp dport 53 @th,144,16 1 drop"),
         {"edns-blocked": servers}),
        ("large packets are lost", bench.filter(dc3, "udp dport 53 udp length > 900 drop"),
         {"edns-large": servers}),
        ("a lame server", bench.other_server("example.net", [
            "$ORIGIN example.net.", "$TTL 60", "@ SOA a b 1 1 1 1 1", "@ NS a", "a A 192.0.2.13"]),
         {"lame": servers}),
        ("another SOA", bench.other_server(zone, [*records, soa.replace("hostmaster", "root")]),
         {"soa": servers}),
        ("other NS records in the zone", bench.other_server(
            zone, [*records, soa, f"@ NS ns9.{zone}.", f"ns9.{zone}. A {dc2.address}"]),
         {"child-ns": servers}),
        ("another account in acme.persist", bench.configured(dc3, ACCOUNT, f"{ACCOUNT}2"),
         {"configuration": ["dc3"],
          "acme-persist": [f"{name}. at {server}" for name in site.names for server in servers]}),
        ("no virtual host on a successor", bench.web(dc3, names=[site.zone, f"dc3.{zone}"]),
         {"web-host": [name for name in names if name.startswith("dc2.")] * 2}),
        ("a connection without an answer", bench.web(dc3, names=[f"dc3.{zone}", f"dc2.{zone}"], else_="444"),
         {"web-host": [name for name in names if name.startswith(site.zone)] * 2}),
        ("a closed web port", bench.filter(dc3, "tcp dport 80 reject with tcp reset"),
         {"web-unreachable": names}),
        ("an expired certificate", bench.web(dc3, certificate="expired"), {"certificate-expired": names}),
        ("a certificate that ends soon", bench.web(dc3, certificate="ending"), {"certificate-ends": names}),
        ("a certificate of another name", bench.web(dc3, certificate="other"), {"certificate": names}),
        ("the peer port is closed", bench.filter(dc2, f"ip saddr {dc3.address} udp dport 9853 drop",
                                                 f"ip6 saddr {dc3.address6} udp dport 9853 drop"),
         {"node-udp": ["dc3"]}),
        ("another configuration", bench.configured(site.ns0, "failover-ttl: 5s", "failover-ttl: 4s"),
         {"configuration": ["ns0"]}),
        ("no Sentinel", bench.without_sentinel(site.ns0), {"sentinel": ["ns0"]}),
    ] + ([] if Locum.sanitized() else [
        ("another clock", bench.clock(dc3, -8), {"clock": ["dc3"]})])


def faults_of_a_signed_zone(bench, good, other):
    """The same, of a zone whose parent has the DS of its key. good, other: of make_keys()."""
    zone, dc3 = bench.zone, bench.site.dc3
    hosts = (bench.site.dc2, f"dc2.{bench.site.parent}."), (dc3, f"ns3.{zone}.")
    servers = [f"{name} ({a})" for host, name in hosts for a in (host.address, host.address6)]
    of_dc3 = [server for server in servers if server.startswith("ns3")]
    return [
        ("no DS", bench.parent_with((good[1], "")), {"no-ds": [f"{zone}."]}),
        ("the DS of another key", bench.parent_with((good[1], other[1])), {"ds-mismatch": servers}),
        ("another key at one node", bench.set_up(dc3, str(good[0]), str(other[0])),
         {"ds-mismatch": of_dc3, "dnskey-differs": of_dc3}),
        ("an unsigned node", bench.set_up(dc3, f"    dnssec: {{keys: {good[0]}}}\n", ""),
         {"unsigned": of_dc3, "configuration": ["dc3"]}),
        ("a record at one node", bench.configured(dc3, "    records: [", '    records: ["a TXT x", '),
         {"nsec-differs": of_dc3, "configuration": ["dc3"]}),
    ] + ([] if Locum.sanitized() else [
        # It signs by the clocks of its peers.
        ("a clock 20 days ago", bench.clock(dc3, -20 * 86400), {"clock": ["dc3"]})])


def found_by(bench):
    """{id: subjects} of the findings; fails if something was not examined."""
    code, result = bench.doctor()
    found = {}
    for finding in result["findings"]:
        found.setdefault(finding["id"], []).extend([finding["subject"]] * (1 + finding["more"]))
    check(code == bool(found), f"exit code {code} with {found}")
    check(result["not_examined"] == [], str(result["not_examined"]))
    return {key: sorted(subjects) for key, subjects in found.items()}


def wait_found(bench, what, wanted):
    """The daemon notices some faults, and the end of each, after a moment."""
    wanted = {key: sorted(subjects) for key, subjects in wanted.items()}
    deadline = time.monotonic() + 12
    while True:
        begin, found = time.monotonic(), found_by(bench)
        if found == wanted:
            return time.monotonic() - begin
        check(time.monotonic() < deadline, f"{what}: found {found}, not {wanted}")
        time.sleep(0.1)


def each_planted_fault_is_found_and_nothing_else(site):
    bench = Bench(site)
    wait_found(bench, "a healthy site", {})
    plant_each(bench, faults(bench))
    wait_found(bench, "the site healed", {})
    good, other = bench.make_keys("keys"), bench.make_keys("other-keys")
    bench.parent += f"{good[1]}\n"
    bench.configure(good[0])
    bench.serve_parent(bench.parent)
    wait_found(bench, "a healthy signed site", {})
    plant_each(bench, faults_of_a_signed_zone(bench, good, other))
    wait_found(bench, "the signed site healed", {})


def plant_each(bench, planted):
    for what, plant, wanted in planted:
        begin = time.monotonic()
        with plant:
            took = wait_found(bench, what, wanted)
        bench.site.say(f"{what}: {', '.join(wanted)} in {took:.1f} s of {time.monotonic() - begin:.1f} s")


def what_cannot_be_asked_is_listed(site):
    """Without a resolver, a daemon or a route the doctor says so, and exits with 2."""
    host, closed = site.dc2, f"{site.ns0.address}:1"

    def doctor(config, *words):
        return host.call(str(host.locum.binary()), "doctor", "-c", str(config), *words)

    own = host.locum.config
    done = doctor(own, "--resolver", closed)
    check(done.returncode == 2 and "no resolver answered" in done.stdout and "--parent" in done.stdout,
          done.stdout + done.stderr)
    done = doctor(own, site.zone, "--resolver", closed, "--parent", site.ns0.address)
    check(done.returncode == 0 and "0 finding(s)" in done.stdout and "2 round trips" in done.stdout,
          done.stdout + done.stderr)
    without = host.locum.dir / "without.yaml"
    without.write_text(own.read_text().replace(str(host.locum.socket), str(host.dir / "none")))
    done = doctor(without, "--resolver", site.client.address)
    check(done.returncode == 2 and "the daemon of this node does not answer" in done.stdout,
          done.stdout + done.stderr)
    done = doctor(own, "--parent", site.ns0.address, "--port", "5355")
    check(done.returncode == 1 and "dns-silent" in done.stdout and "fix: " in done.stdout, done.stdout)
    done = doctor(own, "--parent", site.ns0.address, "--url", "https://NAME/")
    check(done.returncode == 1 and "certificate: " in done.stdout, done.stdout)
    done = doctor(own, "--resolver", site.client.address, "--url", "none")
    check(done.returncode == 0 and " 0 request(s)" in done.stdout, done.stdout)
    done = doctor(own, "--url", "https://get.example.org/")
    check(done.returncode == 2 and "NAME" in done.stderr, done.stderr)
    done = doctor(own, "other.example.org")
    check(done.returncode == 2 and "no zone" in done.stderr, done.stderr)


def a_hostile_name_server_is_reported(site):
    """Each answer of the parent is garbage: no crash, and it is listed as not examined."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as hostile:
        hostile.bind((site.client.address, 5355))
        hostile.settimeout(0.1)
        stop = threading.Event()

        def answer():
            while not stop.is_set():
                with contextlib.suppress(OSError):
                    packet, peer = hostile.recvfrom(4096)
                    hostile.sendto(packet[:2] + b"\x84\0\xff\xff" * 200, peer)

        thread = threading.Thread(target=answer)
        thread.start()
        done = site.dc2.locum.command("doctor", "--parent", f"{site.client.address}:5355")
        stop.set()
        thread.join()
    check(done.returncode == 2 and "an answer that cannot be read" in done.stdout,
          f"{done.returncode}: {done.stdout}{done.stderr}")


if __name__ == "__main__":
    lab.main([each_planted_fault_is_found_and_nothing_else, what_cannot_be_asked_is_listed,
              a_hostile_name_server_is_reported], ttl_s=5)
