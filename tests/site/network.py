"""network: namespaces of our own, and in them a cable to every host of the site.

enter() is called first thing: it moves this program into a user, network, mount and process
namespace, where port 53 is free and nothing of the machine is touched. The process that goes on
is the client of the site; every host gets a network namespace of its own on one bridge:

    client (this process, br0)  --- v-ns0 | eth0 (ns0)
                                --- v-dc2 | eth0 (dc2)
                                --- v-dc3 | eth0 (dc3)

A cable may be a long one: then v-dc2 and eth0 end in one more namespace, without addresses, where
the program line.c carries every frame from one to the other, later. (Not netem: many kernels lack
it, and of two ways one would be untried.) What is lost on the way between two hosts nftables drops
where it arrives.

Where the kernel or the administrator allows no namespaces, the same site runs on 127.0.0.x with
high ports; that is said loudly, since a dead host then refuses packets instead of losing them.
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
JITTER = 0.1            # of a long cable's delay, at most, on top of it

_libc = ctypes.CDLL(None, use_errno=True)

# Set in the process that goes on.
_kept_fd = None     # tells the one outside that the site stays
_main_pid = None    # its own process id outside
_turn = None        # the lock of the sites without namespaces


def enter():
    """Move into namespaces. Returns a Network; the process that called it waits outside."""
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
    global _turn
    _turn = open(f"/tmp/locum-site-{os.getuid()}.lock", "w")    # they share addresses and ports
    try:
        fcntl.flock(_turn, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        print("!! waiting for another site to end", file=sys.stderr, flush=True)
        fcntl.flock(_turn, fcntl.LOCK_EX)
    return Network(False)


def keep(code):
    """Let the site outlive the terminal: who waits outside goes home now with this exit code."""
    if _kept_fd is None:
        return
    os.write(_kept_fd, bytes([code]))
    os.kill(1, signal.SIGUSR1)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)


def main_pid():
    """This process as seen from outside, for nsenter and kill."""
    return _main_pid or os.getpid()


class Network:
    """Where hosts are plugged in. `namespaces` tells which of the two kinds it is."""

    def __init__(self, namespaces, user=False):
        self.namespaces = namespaces
        self.user = user        # in a user namespace of its own, too
        self.lines, self.wires, self.carrier = [], None, None
        if namespaces:
            _ip("link set lo up", "link add br0 type bridge mcast_snooping 0", "link set br0 up")

    def address_client(self, *addresses):
        """Give this process's own end of the network its addresses."""
        if self.namespaces:
            _ip(*(f"addr add {a} dev br0 nodad" if ":" in a else f"addr add {a} dev br0"
                  for a in addresses))

    def plug(self, name, addresses, delay_s=0.0):
        """A namespace with these addresses (`a/prefix`), so far away from the client."""
        if not self.namespaces:
            return Plug(name, None)
        plug = Plug(name, _new_network())
        if delay_s:
            self._long_cable(plug, delay_s)
        else:
            _ip(f"link add v-{name} type veth peer name eth0 netns /proc/self/fd/{plug.fd}",
                fd=plug.fd)
        _ip(f"link set v-{name} master br0 up")
        lines = ["link set lo up", "link set eth0 up"]
        lines += [f"addr add {a} dev eth0" + (" nodad" if ":" in a else "") for a in addresses]
        _ip(*lines, before=plug.before, fd=plug.fd)
        return plug

    def _long_cable(self, plug, delay_s):
        if self.wires is None:
            self.wires = Plug("wires", _new_network())
        ends = {f"near-{plug.name}": (f"v-{plug.name}", os.getpid()),
                f"far-{plug.name}": ("eth0", f"/proc/self/fd/{plug.fd}")}
        for end, (other, place) in ends.items():
            _ip(f"link add {end} type veth peer name {other} netns {place}",
                f"link set {end} addrgenmode none", f"link set {end} up",
                before=self.wires.before, fds=(self.wires.fd, plug.fd))
        delay_us = int(delay_s * 1e6)
        self.lines.append(":".join([*ends, str(delay_us), str(int(delay_us * JITTER))]))

    def carry(self, program):
        """All long cables are there: from now on frames pass. `program`: line.c, built."""
        if self.lines:
            self.carrier = subprocess.Popen(
                [*self.wires.before, "setpriv", "--pdeathsig", "KILL", "--", program, *self.lines],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, pass_fds=self.wires.pass_fds)
            if self.carrier.stdout.readline() != b"ready\n":
                raise OSError(f"{program} did not join {self.lines}")

    def close(self):
        if self.carrier:
            self.carrier.kill()
            self.carrier.wait()


class Plug:
    """One host's cable."""

    def __init__(self, name, fd):
        self.name, self.fd = name, fd
        self.losses = {}        # address of a sender -> percent of its packets that are lost
        self.before = ["nsenter", f"--net=/proc/self/fd/{fd}", "--"] if fd is not None else []
        self.pass_fds = (fd,) if fd is not None else ()

    def furnish(self, script, *words):
        """
        A host name and a mount namespace of its own, in which this shell script has run: what is
        to be put before a command so that it runs there. None of it is seen anywhere else.
        """
        wait = 'read -r pid rest </proc/self/stat; echo "$pid"; read -r end'
        made = subprocess.Popen(
            [*self.before, "unshare", "--mount", "--uts", "setpriv", "--pdeathsig", "KILL", "--",
             "sh", "-euc", f'hostname "$0"\n{script}\n{wait}', self.name, *words],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, pass_fds=self.pass_fds)
        try:
            pid = made.stdout.readline().strip()
            if not pid:
                raise OSError(f"{self.name} was not furnished: sh ended with {made.wait()}")
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
        """What this thread opens meanwhile belongs to this host."""
        here = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        try:
            if self.fd is not None:
                _check(_libc.setns(self.fd, CLONE_NEWNET), "setns")
            yield
        finally:
            _check(_libc.setns(here, CLONE_NEWNET), "setns")
            os.close(here)

    def pull(self):
        """From now on every packet from and to the host is lost."""
        if self.fd is not None:
            _ip(f"link set v-{self.name} down")

    def push(self):
        """Packets pass again."""
        if self.fd is not None:
            _ip(f"link set v-{self.name} up")


    def lose(self, addresses, percent):
        """Of what comes from these addresses so much is lost before anybody here sees it."""
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
    """As a shell tells it: 128 + signal for who died of one."""
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code


def _new_network():
    """A file descriptor that holds a new network namespace; this thread stays where it is."""
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
    """Try all of it in a child: unshare, a bridge, a cable into a second namespace."""
    child = os.fork()
    if child == 0:
        try:
            _unshare(flags)
            first = os.fork()       # process 1 of the new namespace: it alone may have children
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
    Three processes: the one outside waits; the first inside (process 1 of the namespace: when it
    ends, the kernel kills everything in there) collects the dead; the second inside goes on.
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
    # A /proc of these processes, for sanitizers; refused in a container that hides parts of its own.
    subprocess.run(["mount", "-t", "proc", "proc", "/proc"], check=False, capture_output=True)
    _catch_signals()


def _wait_outside(first, kept_read):
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: os.kill(first, signal.SIGTERM))
    told = b""
    while chunk := os.read(kept_read, 2):
        told += chunk
        if told.endswith(b"k"):         # after the exit code: the site stays
            os._exit(told[0])
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
    """The first signal unwinds through every `finally`; what follows cannot disturb that."""
    def stop(*_):
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        raise KeyboardInterrupt

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stop)
