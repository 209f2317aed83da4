"""manager: a coordinator under a service manager that keeps its sockets, as systemd does.

It speaks the protocol of sd_notify(3): READY, FDSTORE, FDSTOREREMOVE, BARRIER; and that of
sd_listen_fds(3) at a start. restart() starts the program again at once, as RestartSec=0 does. The
program is a copy in the host's folder, so that a test may put another one there.
"""

import fcntl
import os
import shutil
import signal
import socket
import subprocess
import threading

import network
from programs import Late, Locum, until

FIRST_FD = 3        # of LISTEN_FDS
KEPT_FROM = 100     # numbers of kept descriptors here, above those of LISTEN_FDS in the program


class Managed(Locum):
    """The coordinator of a site with `managed=True`."""

    def __init__(self, host):
        super().__init__(host)
        self.program = self.dir / "program"
        shutil.copy(self.binary(), self.program)
        self.store = {}         # name -> descriptor
        self.messages = []          # every message, as a dictionary
        self.notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.notify.bind(str(self.dir / "notify"))
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self):
        while True:
            data, fds, _, _ = socket.recv_fds(self.notify, 4096, 8)
            message = dict(line.split("=", 1) for line in data.decode().splitlines())
            if "FDSTORE" in message:
                number = fcntl.fcntl(fds[0], fcntl.F_DUPFD_CLOEXEC, KEPT_FROM)
                if message["FDNAME"] in self.store:
                    message["DOUBLE"] = message["FDNAME"]
                    os.close(number)
                else:
                    self.store[message["FDNAME"]] = number
            elif "FDSTOREREMOVE" in message and message["FDNAME"] in self.store:
                os.close(self.store.pop(message["FDNAME"]))
            for fd in fds:
                os.close(fd)
            self.messages.append(message)

    def count(self, key, value="1"):
        """How many messages had this so far."""
        return sum(1 for message in list(self.messages) if message.get(key) == value)

    def environment(self):
        return {**super().environment(), "NOTIFY_SOCKET": str(self.dir / "notify")}

    def argv(self):
        words = super().argv()
        words[len(self.before)] = str(self.program)
        return words

    def start(self, wait=True):
        """As Program.start(), but without the helpers, which would make the pause longer."""
        assert not self.running, f"{self} is running already"
        passed = list(self.store.items())
        variables = {**self.environment(), "LISTEN_FDS": str(len(passed)),
                     "LISTEN_FDNAMES": ":".join(name for name, _ in passed)}

        def move():
            """In the new process."""
            network.die_with_parent()
            self.host.plug.move()
            os.environ.update(variables, LISTEN_PID=str(os.getpid()))
            for i, (_, fd) in enumerate(passed):
                os.dup2(fd, FIRST_FD + i)

        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                self.argv(), stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.dir,
                close_fds=False, start_new_session=True, preexec_fn=move)
        self.frozen = False
        if wait:
            self.wait_ready()

    def stop(self, within=5.0):
        """An end without a restart: systemd closes the sockets."""
        code = super().stop(within)
        self.drop()
        return code

    def kill(self):
        super().kill()
        self.drop()

    def drop(self):
        """Close all kept sockets."""
        while self.store:
            os.close(self.store.popitem()[1])

    def restart(self, number=signal.SIGTERM, within=5.0):
        """End it with this signal, and start it at once. Returns when it has reported READY."""
        ready = self.count("READY")
        self.process.send_signal(number)
        try:
            self.process.wait(within)
        except Exception as error:
            raise Late(f"{self} did not end within {within:g} s") from error
        self.start(wait=False)
        until(f"{self} is ready (log: {self.log})", lambda: self.count("READY") > ready, within,
              0.005)
