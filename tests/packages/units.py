"""units: what the installed units do under systemd, as PID 1's child. Run by tests/packages/systemd.

Three nodes on addresses of this host: dc2 is locum.service, dc3 and ns0 are services of the test.
dc3 is killed, so dc2 answers its name too. Then dc2 is restarted, replaced and killed under load.
"""

import grp
import json
import os
import pwd
import re
import subprocess
import sys

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path[:0] = [os.path.join(TESTS, "self"), os.path.join(TESTS, "site")]

import cases                                        # noqa: E402
import wire                                         # noqa: E402
from load import Load                               # noqa: E402
from programs import until                          # noqa: E402

NODES = {"dc2": "10.99.0.12", "dc3": "10.99.0.13", "ns0": "10.99.0.10"}
ZONE = "get.example.org"
CONFIGURATION = """\
cluster: get
node: {node}
secret-file: /etc/locum/secret
nodes:
  dc2: {{address: [10.99.0.12]}}
  dc3: {{address: [10.99.0.13]}}
  ns0: {{role: witness, address: [10.99.0.10]}}
zones:
  - name: get.example.org
    ns: [dc2.example.org, dc3.example.org]
    owned: {{dc2: [dc2], dc3: [dc3]}}
service: {{checks: [{{command: {{argv: [/bin/grep, "^CapEff", /proc/self/status]}}}}]}}
"""
DENIED = re.compile(r".*(?:not permitted|[Pp]ermission denied|[Rr]ead-only).*")
TIMES = 20
RATES = (1000, 5000)
QUEUE = 400         # datagrams that a socket holds with the kernel's usual net.core.rmem_max
BATCH = 32          # what a worker has read and not answered (dns/udp.c)


def as_here(text):
    """A text of the page with the addresses of this host."""
    return text.replace("192.0.2.", "10.99.0.")


def run(*words, check=True):
    done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          check=False)
    assert not check or done.returncode == 0, f"{' '.join(words)}: {done.stdout}"
    return done.stdout


def write(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def status():
    out = run("locum", "status", "--json", check=False)
    return json.loads(out) if out.startswith("{") else {}


def condition(name):
    return next((n["condition"] for n in status().get("nodes", []) if n["name"] == name), None)


def property_of(name, unit="locum"):
    return run("systemctl", "show", "--property", name, "--value", unit).strip()


def journal(unit="locum"):
    return run("journalctl", "--unit", unit, "--output", "cat", "--no-pager")


def refused(user, *words):
    """Run it as this user: it must fail. What it says."""
    done = subprocess.run(["runuser", "-u", user, "--", *words], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, check=False)
    assert done.returncode != 0, f"{user} may run {' '.join(words)}: {done.stdout}"
    return done.stdout


def service(name, text):
    """A service of the test, which a boot starts too."""
    write(f"/etc/systemd/system/{name}.service", text + "[Install]\nWantedBy=multi-user.target\n")
    run("systemctl", "daemon-reload")
    run("systemctl", "enable", "--now", name)


def set_up_addresses():
    commands = "".join(f"ExecStart=ip address replace {address}/32 dev lo\n"
                       for address in NODES.values())
    service("addresses", "[Unit]\nBefore=network.target locum.service dc3.service ns0.service\n"
            f"[Service]\nType=oneshot\nRemainAfterExit=yes\n{commands}")


def set_up():
    """The two other nodes."""
    run("useradd", "--system", "--groups", "locum-admin", "auditor")
    for node in ("dc3", "ns0"):
        write(f"/etc/locum/{node}.yaml", CONFIGURATION.format(node=node) +
              f"state-dir: /var/lib/{node}\nlisten: {{control: /run/{node}/control.sock}}\n")
        service(node, f"""[Service]
Type=notify
ExecStart=/usr/bin/locum run -c /etc/locum/{node}.yaml
RuntimeDirectory={node}
StateDirectory={node}
""")


def test_the_unit_starts_and_answers():
    run("systemctl", "start", "locum")
    assert property_of("ActiveState") == "active"
    until("dc2 names itself", lambda: wire.ask(NODES["dc2"], 53, ZONE) == [NODES["dc2"]])
    until("all nodes are alive", lambda: condition("dc3") == condition("ns0") == "alive", 20)
    assert not DENIED.findall(journal()), journal()
    assert "not-confined" not in journal()
    assert property_of("User") == "locum" and property_of("NRestarts") == "0"


def test_the_group_of_the_control_socket_reads_no_secret():
    file = os.stat("/run/locum/control.sock")
    assert file.st_gid == grp.getgrnam("locum-admin").gr_gid and file.st_mode & 0o777 == 0o660
    assert run("runuser", "-u", "auditor", "--", "locum", "status", "--json").startswith("{")
    assert "denied" in refused("auditor", "cat", "/etc/locum/secret")
    assert "locum-admin" in refused("nobody", "locum", "status")


def test_keys_stay_in_the_program():
    """No core file, no memory for others of its user, no capability for a check."""
    pid = property_of("MainPID")
    with open(f"/proc/{pid}/limits", encoding="utf-8") as file:
        assert re.search(r"^Max core file size +0 +0 ", file.read(), re.M)
    assert os.stat(f"/proc/{pid}/environ").st_uid == 0  # of a program that may be dumped: its user
    assert "denied" in refused("locum", "cat", f"/proc/{pid}/environ")
    said = status()["checks"][0]["last"]
    assert re.search(r"CapEff:.0+$", said), said


def test_a_secret_of_root_comes_as_a_credential():
    drop_in = "/run/systemd/system/locum.service.d/credential.conf"
    write(drop_in, "[Service]\nLoadCredential=secret:/etc/locum/root-secret\n")
    run("install", "-m", "400", "/etc/locum/secret", "/etc/locum/root-secret")
    write("/etc/locum/locum.yaml", CONFIGURATION.format(node="dc2").replace(
        "/etc/locum/secret", "/run/credentials/locum.service/secret"))
    run("systemctl", "daemon-reload")
    restart()
    until("the nodes hear dc2", lambda: condition("dc3") == condition("ns0") == "alive", 20)
    assert not [line for line in status()["degraded"] if line["about"] == "secret"], status()
    os.unlink(drop_in)
    write("/etc/locum/locum.yaml", CONFIGURATION.format(node="dc2"))
    run("systemctl", "daemon-reload")
    restart()
    until("the nodes hear dc2", lambda: condition("dc3") == condition("ns0") == "alive", 20)


def test_a_reload_of_a_broken_file_fails_and_changes_nothing():
    write("/etc/locum/locum.yaml", CONFIGURATION.format(node="dc2") + "ndoes: 1\n")
    assert subprocess.run(["systemctl", "reload", "locum"], check=False,
                          stderr=subprocess.DEVNULL).returncode != 0
    assert "ndoes" in journal()
    assert wire.ask(NODES["dc2"], 53, ZONE) == [NODES["dc2"]]
    write("/etc/locum/locum.yaml", CONFIGURATION.format(node="dc2"))
    run("systemctl", "reload", "locum")
    assert property_of("ActiveState") == "active"


def test_dc3_is_taken_over():
    run("systemctl", "kill", "--signal=KILL", "dc3")
    until("dc2 answers the name of dc3", lambda: wire.ask(
        NODES["dc2"], 53, f"dc3.{ZONE}") == [NODES["dc2"]])


def wait_ready(before):
    """Wait until a process other than this one is the running main process."""
    until("locum.service is active again", lambda: property_of("ActiveState") == "active" and
          property_of("MainPID") not in ("0", before))


def restart():
    run("systemctl", "restart", "locum")


def kill():
    before = property_of("MainPID")
    run("systemctl", "kill", "--kill-who=main", "--signal=KILL", "locum")
    wait_ready(before)


def replace():
    before = property_of("MainPID")
    run("locum", "replace")
    assert property_of("MainPID") == before


def under_load(act, lost=0):
    """
    Many times, at both rates. dc2 answers the name of the dead dc3; no answer may change. lost: so
    many queries each time, and what a pause brings that is longer than the queue.
    """
    suspicions = [run("journalctl", "--unit", "ns0", "--output", "cat").count("to=suspect")]
    for rate in RATES:
        with Load(NODES["dc2"], 53, f"dc3.{ZONE}", rate) as load:
            for _ in range(TIMES):
                act()
        print(f"  {act.__name__} {TIMES} times at {rate} queries/s: {load.result}", flush=True)
        overflow = max(0, int(load.result["gap_s"] * rate) - QUEUE)
        assert load.result["lost"] <= TIMES * (lost + overflow), load.result
        assert list(load.result["answers"]) == [NODES["dc2"]], load.result
    suspicions.append(run("journalctl", "--unit", "ns0", "--output", "cat").count("to=suspect"))
    assert suspicions[0] == suspicions[1], "ns0 suspected dc2"


def test_restarts_lose_nothing():
    under_load(restart)


def test_replaces_lose_nothing():
    under_load(replace)


def test_kills_lose_what_was_read_and_not_answered():
    under_load(kill, BATCH)


def test_the_watchdog_restarts_what_hangs():
    before = property_of("MainPID")
    run("systemctl", "kill", "--kill-who=main", "--signal=STOP", "locum")
    until("the watchdog has ended it", lambda: property_of("MainPID") not in ("0", before), 60)
    wait_ready(before)
    assert "watchdog" in run("journalctl", "--unit", "locum", "--no-pager").lower()
    assert wire.ask(NODES["dc2"], 53, ZONE) == [NODES["dc2"]]


def test_a_program_that_hangs_after_its_check_is_ended():
    """By the watchdog; the next run has the kept sockets."""
    program, before = "/usr/bin/locum", int(property_of("NRestarts"))
    run("cp", "--preserve", program, f"{program}.good")
    write(f"{program}.new", f'#!/bin/sh\n[ "$1" = run ] || exec {program}.good "$@"\nexec sleep 600\n')
    run("chmod", "755", f"{program}.new")
    run("mv", f"{program}.new", program)
    run("systemctl", "kill", "--kill-who=main", "--signal=USR2", "locum")
    until("it hangs", lambda: wire.ask(NODES["dc2"], 53, ZONE) is None, 20)
    run("mv", f"{program}.good", program)
    until("it answers again", lambda: wire.ask(NODES["dc2"], 53, ZONE) == [NODES["dc2"]], 40)
    until("it is active", lambda: property_of("ActiveState") == "active")
    assert int(property_of("NRestarts")) == before + 1
    assert "atchdog timeout" in journal()


def test_stop_frees_the_port():
    run("systemctl", "stop", "locum")
    assert wire.ask(NODES["dc2"], 53, ZONE) is None
    assert ":53 " not in run("ss", "-Hlun", f"src {NODES['dc2']}")


def test_unstick_reaches_the_coordinator_and_reads_no_secret():
    run("systemctl", "start", "locum-unstick")
    pid = property_of("MainPID", "locum-unstick")

    def started():
        """Before, it is still systemd, as root."""
        with open(f"/proc/{pid}/comm", encoding="utf-8") as name:
            return name.read() == "locum-unstick\n"
    until("it is the program", started)
    with open(f"/proc/{pid}/status", encoding="utf-8") as file:
        words = dict(line.split(":", 1) for line in file)
    locum = pwd.getpwnam("locum")
    groups = {int(number) for number in words["Groups"].split()} | {int(words["Gid"].split()[1])}
    assert int(words["Uid"].split()[1]) not in (0, locum.pw_uid) and locum.pw_gid not in groups, words
    assert property_of("ActiveState", "locum-unstick") == "active"
    assert not DENIED.findall(journal("locum-unstick")), journal("locum-unstick")
    run("systemctl", "stop", "locum-unstick")


if __name__ == "__main__":
    cases.run(globals())
