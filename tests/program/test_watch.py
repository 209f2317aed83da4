#!/usr/bin/env python3
"""`locum status --watch` on a terminal: it fits, scrolls, ends with q, and leaves the terminal as it was."""

import fcntl
import json
import os
import pty
import re
import select
import signal
import socket
import struct
import sys
import tempfile
import termios
import threading
import time

sys.dont_write_bytecode = True
sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../self"))
import cases

LOCUM = os.environ.get("LOCUM", os.path.join(os.environ["BUILD"], "locum"))
FRAME = re.compile(r"\033\[H")
COLOUR = re.compile(r"\033\[[0-9;]*m")


class Daemon:
    """Answers GET /status on a control socket with the JSON in `status`."""

    def __init__(self, folder):
        self.folder, self.status = folder, {}
        self.path = os.path.join(folder, "control.sock")
        self.config = os.path.join(folder, "locum.yaml")
        with open(self.config, "w", encoding="utf-8") as file:
            file.write(f"listen: {{control: {self.path}}}\n")
        self.start()

    def start(self):
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.path)
        self.listener.listen(8)
        threading.Thread(target=self.serve, args=(self.listener,), daemon=True).start()

    def serve(self, listener):
        while True:
            try:
                link, _ = listener.accept()
            except OSError:
                return
            with link:
                link.recv(65536)
                body = json.dumps(self.status, ensure_ascii=False).encode()
                link.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(body) + body)

    def stop(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        os.unlink(self.path)


class Watch:
    """with Watch(daemon, rows, columns) as it: the program on a terminal of that size."""

    def __init__(self, daemon, rows, columns, term="xterm"):
        self.daemon, self.rows, self.columns, self.term = daemon, rows, columns, term

    def __enter__(self):
        self.terminal, self.slave = pty.openpty()
        self.resize(self.rows, self.columns)
        self.before = termios.tcgetattr(self.slave)
        self.shown = ""
        self.process = os.fork()
        if self.process == 0:
            os.setsid()
            fcntl.ioctl(self.slave, termios.TIOCSCTTY, 0)
            for fd in range(3):
                os.dup2(self.slave, fd)
            os.execve(LOCUM, ["locum", "status", "--watch", "-c", self.daemon.config],
                      {**os.environ, "TERM": self.term})
        return self

    def resize(self, rows, columns):
        self.rows, self.columns = rows, columns
        fcntl.ioctl(self.terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def read(self, wait=0.2):
        if select.select([self.terminal], [], [], wait)[0]:
            self.shown += os.read(self.terminal, 65536).decode(errors="replace")

    def screen(self):
        """The lines of the last whole frame, without colours."""
        frames = FRAME.split(self.shown)
        whole = [frame for frame in frames[1:] if frame.count("\033[K") == self.rows]
        if not whole:
            return []
        return [COLOUR.sub("", line).rstrip("\r") for line in whole[-1].split("\033[K")[0:self.rows]]

    def until(self, what, true, within=20):
        end = time.monotonic() + within
        while not (found := true([line.lstrip("\r\n") for line in self.screen()])):
            assert time.monotonic() < end, f"{what}: {self.shown[-3000:]!r}"
            self.read()
        return found

    def press(self, keys):
        self.shown = ""
        os.write(self.terminal, keys.encode())

    def ended(self):
        """The wait status of the program, once it has ended."""
        end = time.monotonic() + 20
        while True:
            done, status = os.waitpid(self.process, os.WNOHANG)
            if done:
                self.process = None
                self.read(0)
                return status
            assert time.monotonic() < end, self.shown
            self.read(0.05)

    def is_restored(self):
        now = termios.tcgetattr(self.slave)
        assert now == self.before, (now, self.before)
        assert self.shown.rstrip("\r\n").endswith("\033[?25h\033[?1049l"), self.shown[-200:]

    def __exit__(self, *_):
        if self.process is not None:
            os.kill(self.process, signal.SIGKILL)
            os.waitpid(self.process, 0)
        os.close(self.terminal)
        os.close(self.slave)


def status(nodes, text="n"):
    return {"cluster": "get", "node": "n0", "serving": "self", "summary": "OK", "degraded": [],
            "nodes": [{"name": f"{text}{i}", "condition": "alive"} for i in range(nodes)]}


def site():
    folder = tempfile.TemporaryDirectory(prefix="locum-watch-")
    daemon = Daemon(folder.name)
    daemon.status = status(40)
    return folder, daemon


def test_it_fits_and_scrolls():
    folder, daemon = site()
    with folder, Watch(daemon, 10, 40) as it:
        top = it.until("the first screen", lambda lines: lines)
        assert "cluster get" in top[0], top
        assert all(len(line) <= 40 for line in top), top
        assert re.match(r"lines 1 to 9 of \d\d  ", top[-1]), top
        assert termios.tcgetattr(it.slave)[3] & (termios.ICANON | termios.ECHO) == 0
        for keys in ("j", "\033[B", "\033OB"):
            it.press(keys)
            it.until("one line down", lambda lines, want=top[1]: lines and lines[0] == want)
            it.press("k" if keys == "j" else keys[:-1] + "A")
            it.until("back", lambda lines: lines and lines[0] == top[0])
        it.press("\033[6~")
        it.until("a page", lambda lines: lines and lines[0] == top[8])
        it.press("\033[5~")
        it.until("a page back", lambda lines: lines and lines[0] == top[0])
        it.press("G")
        last = it.until("the end", lambda lines: lines if lines and "OK" in lines[-2] else None)
        it.press("jjj\033[6~")
        it.until("no further", lambda lines: lines and lines[:-1] == last[:-1])
        it.press("k")
        it.until("one up from the end", lambda lines: lines and lines[1] == last[0])
        it.press("g")
        it.until("the top", lambda lines: lines and lines[0] == top[0])
        it.press("q")
        assert it.ended() == 0
        it.is_restored()


def test_a_new_size_is_drawn():
    folder, daemon = site()
    with folder, Watch(daemon, 10, 40) as it:
        it.until("the first screen", lambda lines: lines)
        for rows, columns in ((60, 120), (5, 12), (1, 1), (2, 3), (24, 80)):
            it.shown = ""
            it.resize(rows, columns)
            shown = it.until("the new size", lambda lines: lines)
            assert len(shown) == rows and max(map(len, shown)) <= columns, shown
        it.press("q")
        assert it.ended() == 0


def test_wide_characters_and_long_lines():
    folder, daemon = site()
    daemon.status = status(3, "x")
    # Two columns each; then what has no width.
    daemon.status["degraded"] = [{"text": "\u6771\u4eac" * 30}, {"text": "e\u0301" * 60}, {"text": "\u00fc" * 20}]
    with folder, Watch(daemon, 50, 31) as it:
        lines = it.until("the wide lines", lambda lines: [line for line in lines if "degraded" in line])
        wide, marked, short = lines
        assert wide == "degraded: " + "\u6771\u4eac" * 5 + ">" and len(short) == 30 and short.endswith("\u00fc"), lines
        assert marked == "degraded: " + "e\u0301" * 20 + ">", marked
        it.press("l")
        it.until("shifted by 8 columns", lambda lines: [line for line in lines if line.startswith("d: \u6771")
                                                        or line.startswith(": \u6771")])
        it.press("\033[D")
        it.until("shifted back", lambda lines: [line for line in lines if line == wide])
        it.press("q")
        assert it.ended() == 0


def test_every_end_restores_the_terminal():
    folder, daemon = site()
    with folder:
        for end, wanted in (("q", 0), ("\003", 0), (signal.SIGTERM, signal.SIGTERM), (signal.SIGHUP, signal.SIGHUP)):
            with Watch(daemon, 10, 40) as it:
                it.until("the first screen", lambda lines: lines)
                if isinstance(end, str):
                    it.press(end)
                else:
                    it.shown = ""
                    os.kill(it.process, end)
                assert it.ended() == wanted, (end, wanted)
                it.is_restored()


def test_the_daemon_goes_away_and_comes_back():
    folder, daemon = site()
    with folder, Watch(daemon, 20, 60) as it:
        it.until("the first screen", lambda lines: lines and "cluster get" in lines[0])
        daemon.stop()
        lines = it.until("it says so", lambda lines: lines if lines and "the daemon does not" in lines[-1] else None)
        assert "cannot reach the daemon" in lines[0], lines
        assert any("last status, of" in line for line in lines) and any("cluster get" in line for line in lines), lines
        daemon.start()
        it.until("it is back", lambda lines: lines and "cluster get" in lines[0] and "does not" not in lines[-1])
        it.press("q")
        assert it.ended() == 0
        it.is_restored()


def test_ctrl_z_and_fg():
    folder, daemon = site()
    with folder, Watch(daemon, 10, 40) as it:
        it.until("the first screen", lambda lines: lines)
        it.shown = ""
        os.kill(it.process, signal.SIGTSTP)
        _, stopped = os.waitpid(it.process, os.WUNTRACED)
        assert os.WIFSTOPPED(stopped), stopped
        it.read(0)
        it.is_restored()
        it.shown = ""
        os.kill(it.process, signal.SIGCONT)
        it.until("it goes on", lambda lines: lines)
        assert termios.tcgetattr(it.slave)[3] & termios.ICANON == 0
        it.press("q")
        assert it.ended() == 0


def test_a_terminal_that_can_nothing_gets_plain_text():
    folder, daemon = site()
    with folder, Watch(daemon, 10, 40, "dumb") as it:
        end = time.monotonic() + 20
        while it.shown.count("cluster get") < 2:
            assert time.monotonic() < end, it.shown
            it.read()
        assert "\033" not in it.shown and termios.tcgetattr(it.slave) == it.before, it.shown


if __name__ == "__main__":
    cases.run(globals())
