"""
resolvers: the client's resolvers of the site: Unbound, BIND, Knot Resolver, PowerDNS Recursor. If the site is
signed, they validate, and deny what NSEC records in their caches deny.
"""

import shutil
from pathlib import Path

from programs import Program


def unconfined(program, folder):
    """
    A copy of a program in this folder. Debian's AppArmor profiles for Unbound and BIND apply to
    their paths and allow configuration files only in /etc.
    """
    copy = folder / Path(program).name
    if not copy.exists():
        shutil.copy(program, copy)
    return str(copy)


def anchors_of(site):
    """The DS records to trust; none if the site is not signed."""
    return site.signing.anchors() if site.signing else []


def hints(site):
    """The root's server, as a file of hints."""
    server = f"{site.ns0.name}.{site.parent}."
    return f". 3600 NS {server}\n{server} 3600 A {site.ns0.address}\n"


class Unbound(Program):
    """The client's resolver. It knows only the server of the parent zone, or of the root."""

    name, title = "unbound", "Unbound"

    def __init__(self, host):
        super().__init__(host)
        self.port = host.ports.dns
        self.cache_max_s = host.site.cache_max_s

    def configure(self):
        site, host = self.host.site, self.host
        if site.network.namespaces:
            where = [f"{site.hosts['ns0'].address}@{site.hosts['ns0'].ports.dns}"]
            zone = "." if site.root else site.parent
        else:
            where = [f"{node.address}@{node.ports.dns}" for node in site.servers]
            zone = site.zone
        stubs = "\n".join(f"    stub-addr: {a}" for a in where)
        anchors = "".join(f"    trust-anchor: \"{ds}\"\n" for ds in anchors_of(site))
        if anchors:
            anchors += "    aggressive-nsec: yes\n    val-log-level: 2\n"
        (self.dir / "unbound.conf").write_text(f"""\
server:
    interface: {host.address}
    port: {host.ports.dns}
    access-control: 0.0.0.0/0 allow
    username: ""
    chroot: ""
    directory: "{self.dir}"
    pidfile: "{self.dir}/pid"
    use-syslog: no
    logfile: ""
    module-config: "{"validator " if anchors else ""}iterator"
{anchors}\
    do-not-query-localhost: no
    num-threads: 1
    cache-max-ttl: {self.cache_max_s}
stub-zone:
    name: {zone}
{stubs}
remote-control:
    control-enable: no
""")

    def argv(self):
        return [unconfined("/usr/sbin/unbound", self.dir), "-d", "-p", "-c",
                str(self.dir / "unbound.conf")]

    def ready(self):
        return self.host.site.asks(self.host, "localhost", recurse=True) is not None

    def bogus(self):
        """The lines of its log about answers that did not validate."""
        return [line for line in self.log.read_text(errors="replace").splitlines() if "validation failure" in line]


class Bind(Program):
    """The client's second resolver, on its own port."""

    name, title = "bind", "BIND"

    def __init__(self, host):
        super().__init__(host)
        self.port = host.ports.dns + 1000
        self.cache_max_s = host.site.cache_max_s

    def configure(self):
        site, host = self.host.site, self.host
        anchors = "".join('    {0} static-ds {4} {5} {6} "{7}";\n'.format(*ds.split()) for ds in anchors_of(site))
        zone = f'zone "{site.parent}" {{ type static-stub; server-addresses {{ {site.ns0.address}; }}; }};'
        if site.root:
            (self.dir / "hints").write_text(hints(site))
            zone = 'zone "." { type hint; file "hints"; };'
        (self.dir / "named.conf").write_text(f"""\
options {{
    directory "{self.dir}";
    pid-file "{self.dir}/pid";
    session-keyfile "{self.dir}/session.key";
    managed-keys-directory "{self.dir}";
    listen-on port {self.port} {{ {host.address}; }};
    listen-on-v6 {{ none; }};
    allow-query {{ any; }};
    recursion yes;
    dnssec-validation {"yes" if anchors else "no"};
    {"synth-from-dnssec yes;" if anchors else ""}
    empty-zones-enable no;
    max-cache-ttl {self.cache_max_s};
}};
controls {{ }};
{f"trust-anchors {{{chr(10)}{anchors}}};" if anchors else ""}
{zone}
""")

    def argv(self):
        return [unconfined("/usr/sbin/named", self.dir), "-g", "-n", "1",
                "-c", str(self.dir / "named.conf")]

    def ready(self):
        return self.host.accepts(self.host.address, self.port)


class KnotResolver(Program):
    """A resolver that knows only the root's server; on its own port."""

    name, title = "kresd", "Knot Resolver"

    def __init__(self, host):
        super().__init__(host)
        self.port = host.ports.dns + 2000
        # What ends within 5 s is asked for again, and no NSEC record of it denies.
        self.cache_max_s = host.site.cache_max_s + 3

    def configure(self):
        root = self.host.site.ns0
        anchors = "".join(f"trust_anchors.add('{ds}')\n" for ds in anchors_of(self.host.site))
        (self.dir / "config.lua").write_text(f"""\
net.listen("{self.host.address}", {self.port}, {{ kind = "dns" }})
modules.unload("ta_update")
modules.unload("ta_signal_query")
modules.unload("priming")
modules.unload("detect_time_skew")
trust_anchors.remove(".")
{anchors}\
cache.size = 10 * MB
cache.max_ttl({self.cache_max_s})
modules.load("hints")
hints.root({{ ["{root.name}.{self.host.site.parent}."] = {{ "{root.address}" }} }})
""")

    def argv(self):
        return ["/usr/sbin/kresd", "-n", "-c", str(self.dir / "config.lua"), str(self.dir)]

    def ready(self):
        return self.host.accepts(self.host.address, self.port)


class Recursor(Program):
    """The resolver of PowerDNS, which knows only the root's server; on its own port."""

    name, title = "recursor", "PowerDNS Recursor"

    def __init__(self, host):
        super().__init__(host)
        self.port = host.ports.dns + 3000
        self.cache_max_s = max(host.site.cache_max_s, 15)       # it takes no less

    def configure(self):
        anchors = [ds.split() for ds in anchors_of(self.host.site)]
        (self.dir / "hints").write_text(hints(self.host.site))
        (self.dir / "anchors.lua").write_text(
            'clearTA(".")\n' + "".join('addTA("{0}", "{4} {5} {6} {7}")\n'.format(*ds) for ds in anchors))
        (self.dir / "recursor.conf").write_text(f"""\
local-address={self.host.address}:{self.port}
allow-from=0.0.0.0/0
dont-query=
hint-file={self.dir}/hints
socket-dir={self.dir}
dnssec={"validate" if anchors else "off"}
lua-config-file={self.dir}/anchors.lua
max-cache-ttl={self.cache_max_s}
daemon=no
threads=1
security-poll-suffix=
disable-syslog=yes
""")

    def argv(self):
        return ["/usr/sbin/pdns_recursor", f"--config-dir={self.dir}"]

    def wipe(self):
        """Empty its cache."""
        said = self.host.run("rec_control", f"--config-dir={self.dir}", f"--socket-dir={self.dir}", "wipe-cache", "$")
        if "wiped" not in said:
            raise OSError(f"{self}: {said}")

    def ready(self):
        return self.host.accepts(self.host.address, self.port)
