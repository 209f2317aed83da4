"""resolvers: the client's resolvers of the site: Unbound and BIND."""

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

    name = "unbound"

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

    name = "bind"

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
