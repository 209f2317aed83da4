"""resolvers: the client's resolvers of the site: Unbound, BIND, Knot Resolver, PowerDNS Recursor."""

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


class Unbound(Program):
    """The client's resolver. It knows only the parent zone's server."""

    name, title = "unbound", "Unbound"

    def __init__(self, host):
        super().__init__(host)
        self.port = host.ports.dns

    def configure(self):
        site, host = self.host.site, self.host
        if site.network.namespaces:
            where = [f"{site.hosts['ns0'].address}@{site.hosts['ns0'].ports.dns}"]
            zone = site.parent
        else:
            where = [f"{node.address}@{node.ports.dns}" for node in site.servers]
            zone = site.zone
        stubs = "\n".join(f"    stub-addr: {a}" for a in where)
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
    module-config: "iterator"
    do-not-query-localhost: no
    num-threads: 1
    cache-max-ttl: {1 if site.bare else 86400}
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


class Bind(Program):
    """The client's second resolver, on its own port."""

    name, title = "bind", "BIND"

    def __init__(self, host):
        super().__init__(host)
        self.port = host.ports.dns + 1000

    def configure(self):
        site, host = self.host.site, self.host
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
    dnssec-validation no;
    empty-zones-enable no;
}};
controls {{ }};
zone "{site.parent}" {{ type static-stub; server-addresses {{ {site.hosts["ns0"].address}; }}; }};
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

    def configure(self):
        root = self.host.site.hosts["ns0"]
        (self.dir / "config.lua").write_text(f"""\
net.listen("{self.host.address}", {self.port}, {{ kind = "dns" }})
modules.unload("ta_update")
modules.unload("ta_signal_query")
modules.unload("priming")
modules.unload("detect_time_skew")
trust_anchors.remove(".")
cache.size = 10 * MB
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

    def configure(self):
        root = self.host.site.hosts["ns0"]
        server = f"{root.name}.{self.host.site.parent}."
        (self.dir / "hints").write_text(f". 3600 NS {server}\n{server} 3600 A {root.address}\n")
        (self.dir / "recursor.conf").write_text(f"""\
local-address={self.host.address}:{self.port}
allow-from=0.0.0.0/0
dont-query=
hint-file={self.dir}/hints
socket-dir={self.dir}
dnssec=off
daemon=no
threads=1
security-poll-suffix=
disable-syslog=yes
""")

    def argv(self):
        return ["/usr/sbin/pdns_recursor", f"--config-dir={self.dir}"]

    def ready(self):
        return self.host.accepts(self.host.address, self.port)
