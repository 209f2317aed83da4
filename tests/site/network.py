"""network: the network namespaces of the site, one per host, and the links between them.

Call enter() first: it moves this program into a user, network, mount and process namespace, where
port 53 is free and the machine is not touched. The process that continues is the client of the
site. Every host gets its own network namespace on one bridge:

    client (this process, br0)  --- v-ns0 | eth0 (ns0)
                                --- v-dc2 | eth0 (dc2)
                                --- v-dc3 | eth0 (dc3)

A link may have a delay: then v-dc2 and eth0 end in another namespace without addresses, where the
program delay.c forwards every frame later. (Not netem: many kernels lack it.) Packet loss between
two hosts is done by nftables at the receiver.

Without permission for namespaces the same site runs on 127.0.0.x with high ports. A warning says
so, since a dead host then refuses packets instead of losing them.
"""

import contextlib
import ctypes
import fcntl
import os
import signal
import subprocess
import sys

CLONE_NEWNS, CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET = (
    0x00020000, 0x10000000, 0x20000000, 0x40000000)
PR_SET_PDEATHSIG = 1
JITTER = 0.1            # maximum jitter, as a share of the delay and added to it

_libc = ctypes.CDLL(None, use_errno=True)

# Set in the process that continues.
_kept_fd = None     # tells the process outside that the site stays
_main_pid = None    # its process id outside
_lock = None        # the lock of the sites without namespaces


def enter():
    """Move into namespaces. Returns a Network; the calling process waits outside."""
    if os.environ.get("LOCUM_SITE") != "loopback":
        for flags in (CLONE_NEWUSER, 0):
            if _possible(flags):
                _move(flags)
                return Network(True, bool(flags))
    loud = "!" * 78
    print(f"{loud}\n!! No namespaces here (unshare, veth or bridge refused): the site runs on"
          f" 127.0.0.x,\n!! with high ports. A dead host refuses packets instead of losing them,"
          f" and Unbound\n!! asks the nodes directly, without the parent.\n{loud}",
          file=sys.stderr, flush=True)
    _catch_signals()
    global _lock
    _lock = open(f"/tmp/locum-site-{os.getuid()}.lock", "w")    # they share addresses and ports
    try:
        fcntl.flock(_lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        print("!! waiting for another site to end", file=sys.stderr, flush=True)
        fcntl.flock(_lock, fcntl.LOCK_EX)
    return Network(False)


def keep(code):
    """Let the site outlive the terminal: the waiting process outside exits with this code."""
    if _kept_fd is None:
        return
    os.write(_kept_fd, bytes([code]))
    os.kill(1, signal.SIGUSR1)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)


def die_with_parent():
    """The kernel kills this process when its parent ends."""
    _check(_libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL), "prctl")


def main_pid():
    """The id of this process outside, for nsenter and kill."""
    return _main_pid or os.getpid()


class Network:
    """The network of the hosts. `namespaces`: whether it has namespaces or uses loopback."""

    def __init__(self, namespaces, user=False):
        self.namespaces = namespaces
        self.user = user        # also in its own user namespace
        self.links, self.wires, self.carrier = [], None, None
        if namespaces:
            _ip("link set lo up", "link add br0 type bridge mcast_snooping 0", "link set br0 up")

    def address_client(self, *addresses):
        """Assign addresses to this process's end of the network."""
        if self.namespaces:
            _ip(*(f"addr add {a} dev br0 nodad" if ":" in a else f"addr add {a} dev br0"
                  for a in addresses))

    @staticmethod
    def resolve_by(address, folder):
        """This resolver is the one of all hosts: they share the files of this process."""
        (folder / "resolv.conf").write_text(f"nameserver {address}\n")
        subprocess.run(["mount", "--bind", folder / "resolv.conf", "/etc/resolv.conf"], check=True, capture_output=True)

    def plug(self, name, addresses, delay_s=0.0):
        """A namespace with these addresses (`a/prefix`) and this delay to the client."""
        if not self.namespaces:
            return Plug(name, None)
        plug = Plug(name, _new_network())
        if delay_s:
            self._delayed_link(plug, delay_s)
        else:
            _ip(f"link add v-{name} type veth peer name eth0 netns /proc/self/fd/{plug.fd}",
                fd=plug.fd)
        _ip(f"link set v-{name} master br0 up")
        lines = ["link set lo up", "link set eth0 up"]
        lines += [f"addr add {a} dev eth0" + (" nodad" if ":" in a else "") for a in addresses]
        _ip(*lines, before=plug.before, fd=plug.fd)
        return plug

    def _delayed_link(self, plug, delay_s):
        if self.wires is None:
            self.wires = Plug("wires", _new_network())
        here = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        ends = {f"near-{plug.name}": (f"v-{plug.name}", here),
                f"far-{plug.name}": ("eth0", plug.fd)}
        for end, (other, place) in ends.items():
            _ip(f"link add {end} type veth peer name {other} netns /proc/self/fd/{place}",
                f"link set {end} addrgenmode none", f"link set {end} up",
                before=self.wires.before, fds=(self.wires.fd, place))
        os.close(here)
        delay_us = int(delay_s * 1e6)
        self.links.append(":".join([*ends, str(delay_us), str(int(delay_us * JITTER))]))

    def carry(self, program):
        """Start forwarding on all links with a delay. `program`: delay.c, built."""
        if self.links:
            self.carrier = subprocess.Popen(
                [*self.wires.before, "setpriv", "--pdeathsig", "KILL", "--", program, *self.links],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, pass_fds=self.wires.pass_fds)
            if self.carrier.stdout.readline() != b"ready\n":
                raise OSError(f"{program} did not join {self.links}")

    def close(self):
        if self.carrier:
            self.carrier.kill()
            self.carrier.wait()


class Plug:
    """The link of one host."""

    def __init__(self, name, fd):
        self.name, self.fd = name, fd
        self.losses = {}        # sender address -> percentage of its packets that are lost
        self.before = ["nsenter", f"--net=/proc/self/fd/{fd}", "--"] if fd is not None else []
        self.pass_fds = (fd,) if fd is not None else ()

    def furnish(self, script, *words):
        """
        Create a host name and a mount namespace and run this shell script there. Returns the words
        to put before a command that shall run there.
        """
        wait = 'read -r pid rest </proc/self/stat; echo "$pid"; read -r end'
        made = subprocess.Popen(
            [*self.before, "unshare", "--mount", "--uts", "setpriv", "--pdeathsig", "KILL", "--",
             "sh", "-euc", f'hostname "$0"\n{script}\n{wait}', self.name, *words],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, pass_fds=self.pass_fds)
        try:
            pid = made.stdout.readline().strip()
            if not pid:
                raise OSError(f"{self.name} could not be prepared: sh ended with {made.wait()}")
            fds = [os.open(f"/proc/{pid}/ns/{kind}", os.O_RDONLY) for kind in ("mnt", "uts")]
        finally:
            made.stdin.close()
            made.stdout.close()
            made.wait()
        self.pass_fds += tuple(fds)
        return [*self.before[:-1], f"--mount=/proc/self/fd/{fds[0]}",
                f"--uts=/proc/self/fd/{fds[1]}", "--"]

    @contextlib.contextmanager
    def inside(self):
        """Sockets that this thread opens inside `with` belong to this host."""
        here = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        try:
            if self.fd is not None:
                _check(_libc.setns(self.fd, CLONE_NEWNET), "setns")
            yield
        finally:
            _check(_libc.setns(here, CLONE_NEWNET), "setns")
            os.close(here)

    def move(self):
        """Move this process to this host."""
        if self.fd is not None:
            _check(_libc.setns(self.fd, CLONE_NEWNET), "setns")

    def pull(self):
        """Lose every packet from and to the host from now on."""
        if self.fd is not None:
            _ip(f"link set v-{self.name} down")

    def push(self):
        """Forward packets again."""
        if self.fd is not None:
            _ip(f"link set v-{self.name} up")


    def lose(self, addresses, percent):
        """Lose this percentage of the packets that arrive from these addresses."""
        if not addresses:
            return
        for address in addresses:
            self.losses.pop(address, None)
            if percent:
                self.losses[address] = percent
        rules = [f"{'ip6' if ':' in a else 'ip'} saddr {a}"
                 + (f" numgen random mod 100 < {p}" if p < 100 else "") + " drop"
                 for a, p in self.losses.items()]
        table = "\n".join(["add table inet lost", "delete table inet lost", "table inet lost {",
                           "chain arrive {", "type filter hook prerouting priority -300",
                           *rules, "}", "}", ""])
        done = subprocess.run([*self.before, "nft", "-f", "-"], input=table, text=True,
                              capture_output=True, pass_fds=self.pass_fds)
        if done.returncode != 0:
            raise OSError(f"nft refused {rules}: {done.stderr.strip()}")


def _ip(*lines, before=(), fd=None, fds=()):
    done = subprocess.run([*before, "ip", "-batch", "-"], input="\n".join(lines) + "\n", text=True,
                          capture_output=True, pass_fds=fds or (() if fd is None else (fd,)))
    if done.returncode != 0:
        raise OSError(f"ip refused {lines}: {done.stderr.strip()}")


def _check(result, what):
    if result != 0:
        raise OSError(ctypes.get_errno(), f"{what}: {os.strerror(ctypes.get_errno())}")


def _exit_code(status):
    """The exit code as a shell reports it: 128 + signal after a signal."""
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code


def _new_network():
    """A file descriptor of a new network namespace. This thread stays in its own."""
    here = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    _check(_libc.unshare(CLONE_NEWNET), "unshare(CLONE_NEWNET)")
    there = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    _check(_libc.setns(here, CLONE_NEWNET), "setns")
    os.close(here)
    return there


def _unshare(flags):
    uid, gid = os.geteuid(), os.getegid()
    _check(_libc.unshare(flags | CLONE_NEWNET | CLONE_NEWNS | CLONE_NEWPID), "unshare")
    if flags & CLONE_NEWUSER:
        for name, text in (("setgroups", "deny"), ("uid_map", f"0 {uid} 1"),
                           ("gid_map", f"0 {gid} 1")):
            with open(f"/proc/self/{name}", "w", encoding="ascii") as file:
                file.write(text)


def _possible(flags):
    """Try everything in a child process: unshare, a bridge, a link into a second namespace."""
    child = os.fork()
    if child == 0:
        try:
            _unshare(flags)
            first = os.fork()       # process 1 of the new namespace: only it may have children
            if first != 0:
                os._exit(_exit_code(os.waitpid(first, 0)[1]))
            Network(True).plug("try", ["192.0.2.1/24"])
            subprocess.run(["mount", "--make-rprivate", "/"], check=True, capture_output=True)
        except (OSError, subprocess.SubprocessError):
            os._exit(1)
        os._exit(0)
    return os.waitpid(child, 0)[1] == 0


def _move(flags):
    """
    Three processes: the one outside waits. The first one inside (process 1 of the namespace: when
    it ends, the kernel kills all others there) reaps children. The second one inside continues.
    """
    global _kept_fd, _main_pid
    kept_read, kept_write = os.pipe()
    _unshare(flags)
    first = os.fork()
    if first != 0:
        os.close(kept_write)
        _wait_outside(first, kept_read)
    os.close(kept_read)
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    second = os.fork()
    if second != 0:
        _collect(second, kept_write)
    os.setsid()
    _kept_fd = kept_write
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    _main_pid = int(os.readlink("/proc/self"))
    subprocess.run(["mount", "--make-rprivate", "/"], check=True)
    # Sanitizers need a /proc of these processes. Containers that hide parts of /proc refuse it.
    subprocess.run(["mount", "-t", "proc", "proc", "/proc"], check=False, capture_output=True)
    _catch_signals()


def _wait_outside(first, kept_read):
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: os.kill(first, signal.SIGTERM))
    message = b""
    while chunk := os.read(kept_read, 2):
        message += chunk
        if message.endswith(b"k"):         # after the exit code: keep the site
            os._exit(message[0])
    _, status = os.waitpid(first, 0)
    os._exit(_exit_code(status))


def _collect(second, kept_write):
    def kept(*_):
        _libc.prctl(PR_SET_PDEATHSIG, 0)
        os.write(kept_write, b"k")

    signal.signal(signal.SIGUSR1, kept)
    signal.signal(signal.SIGTERM, lambda *_: os.kill(second, signal.SIGTERM))
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    while True:
        pid, status = os.wait()
        if pid == second:
            os._exit(_exit_code(status))


def _catch_signals():
    """The first signal unwinds through every `finally`; later signals are ignored."""
    def stop(*_):
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        raise KeyboardInterrupt

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stop)
