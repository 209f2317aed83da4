#!/usr/bin/env python3
"""--help of every command, wrong usage, and completion in a real bash."""

import functools
import os
import pty
import re
import select
import signal
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../self"))
import alone
import cases

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SCRIPT = os.path.join(ROOT, "deploy/completion/locum")
PROGRAMS = [os.path.join(os.environ["BUILD"], name) for name in ("locum", "locum-nsd")]
LOCUM = PROGRAMS[0]
EXAMPLE = os.path.join(ROOT, "deploy/examples/locum.yaml")
STATES = {"unknown", "alive", "suspect", "down", "returning", "up", "degraded", "failing", "probation",
          "ready", "drain", "maint", "excluded"}


def run(*command):
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=20)


def complete(program, *words):
    result = run(program, "complete", *words)
    assert result.returncode == 0 and result.stderr == "", result
    return result.stdout.split()


@functools.lru_cache
def commands(program):
    return [word for word in complete(program, "") if word != "help"]


@functools.lru_cache
def options(program, command):
    return complete(program, command, "-")


@functools.lru_cache
def help_of(program, command):
    result = run(program, command, "--help")
    assert (result.returncode, result.stderr) == (0, ""), result
    return result.stdout


def test_help_of_every_command():
    for program in PROGRAMS:
        name = os.path.basename(program)
        listed = commands(program)
        assert len(listed) >= (14 if name == "locum" else 4), listed
        for words in [("--help",), ("-h",), ("help",)]:
            result = run(program, *words)
            assert (result.returncode, result.stderr) == (0, ""), result
            # The table is the only list: help and completion show the same commands.
            shown = re.findall(r"^  ([a-z-]+) ", result.stdout, re.M)
            assert [word for word in shown if word != "help"] == listed, (shown, listed)
        for command in listed:
            shown = help_of(program, command)
            assert shown.startswith(f"usage: {name} {command}"), shown
            result = run(program, "help", command)
            assert (result.returncode, result.stderr, result.stdout) == (0, "", shown), result
            for option in options(program, command):
                assert option in shown or option == "--help", (command, option)


def test_the_manual_pages_have_every_command_and_option():
    for program in PROGRAMS:
        with open(os.path.join(ROOT, f"doc/{os.path.basename(program)}.8"), encoding="utf-8") as file:
            page = file.read()
        for command in commands(program):
            assert re.search(rf"^(\.It )?(Cm|\.Cm) {command}\b|^\.It Cm {command}\b", page, re.M), command
            for option in options(program, command):
                assert f"Fl {option[1:]}" in page, (command, option)


def test_wrong_usage_says_what_to_do():
    for words, text in {
            (): "usage: locum COMMAND", ("statsu",): "did you mean status?", ("help", "reday"): "did you mean ready?",
            ("nothing-like-it",): "`locum help` lists them", ("status", "--jsno"): "did you mean --json?",
            ("status", "--jsno=1"): "did you mean --json?", ("keygen",): "write one of --cluster, --node and ZONE",
            ("exclude",): "NODE is missing", ("status", "-c"): "-c needs a FILE, for example"}.items():
        result = run(LOCUM, *words)
        assert result.returncode == 2 and result.stdout == "" and text in result.stderr, result
    for words, text in {
            (): "usage: locum-nsd COMMAND", ("stauts",): "did you mean status?", ("run", "-c"): "-c needs a FILE",
            ("nothing-like-it",): "`locum-nsd help` lists all", ("check", "--no-fallback"): "unexpected argument"}.items():
        result = run(PROGRAMS[1], *words)
        assert result.returncode == 2 and result.stdout == "" and text in result.stderr, result
    # A monitor would read 2 as CRITICAL.
    for words in (("status", "--check", "-c"), ("-c", EXAMPLE, "status", "--check", "-c")):
        result = run(LOCUM, *words)
        assert result.returncode == 3 and result.stdout == "" and "-c needs a FILE" in result.stderr, result
    assert run(LOCUM, "-c").returncode == 2
    # What a terminal would obey is not repeated.
    for words in (("\033[2J",), ("status", "\033[2J")):
        assert "\033" not in run(LOCUM, *words).stderr, words


def test_every_command_is_completed():
    """By the table: each command with its options; what is not one of these words has a reason."""
    for command in commands(LOCUM):
        usage = help_of(LOCUM, command).splitlines()[0]
        for option in re.findall(r"--[a-z-]+", usage):
            assert option in options(LOCUM, command), (command, option)
        wanted = re.sub(r"\[?--?[a-z-]+( [A-Z=a-z0-9]+)?\]?|\.\.\.", "", usage.partition(command)[2]).split("(")[0]
        for word in re.findall(r"[A-Z]+", wanted):
            if word in ("NAME", "NODE", "ZONE"):
                assert complete(LOCUM, "-c", EXAMPLE, command, "") != [], (command, word)


def test_a_monitor_never_sees_the_daemon_of_another_configuration():
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        file.write("no mapping\n")
        file.flush()
        for path in ("/absent/locum.yaml", file.name):
            for words in (("status", "--check", "-c", path), ("-c", path, "status", "--check")):
                result = run(LOCUM, *words)
                assert (result.returncode, result.stderr) == (3, ""), result
                assert result.stdout == f"LOCUM UNKNOWN: {path} cannot be read or is not a valid configuration (see locum check)\n"
        result = run(LOCUM, "status", "-c", file.name)
        assert "using the default control socket" in result.stderr, result
    result = run(LOCUM, "status", "--check", "-c", EXAMPLE)
    assert "cannot be read or is not" not in result.stdout, result


def test_names_of_the_configuration():
    words = ("-c", EXAMPLE)
    assert complete(LOCUM, *words, "exclude", "") == ["dc2", "dc3", "ns0"]
    assert complete(LOCUM, "explain", *words, "dc") == ["dc2.get.example.org", "dc3.get.example.org"]
    assert complete(LOCUM, *words, "explain", "x", "--if", "dc3=d") == ["dc3=down", "dc3=degraded", "dc3=drain"]
    assert complete(LOCUM, *words, "explain", "--if", "n") == ["ns0="]
    assert complete(LOCUM, *words, "acme", "") == ["set", "unset", "account"]
    assert complete(LOCUM, *words, "acme", "set", "dc2") == ["dc2.get.example.org"]
    assert set(complete(LOCUM, *words, "explain", "--if", "ns0=")) == {f"ns0={state}" for state in STATES}
    assert "--for" not in complete(LOCUM, "drain", "--for", "30m", "-")
    assert complete(LOCUM, "drain", "--for", "3") == ["30m"]
    assert complete(LOCUM, "status", "-c", "") == []
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        file.write("node: dc1\nzones:\n  - {name: a.example.}\n  - {name: b.example, shared: [w, x.b.example.],"
                   " owned: {dc1: [y, z]}}\n  - 7\nnodes: {dc1: {}, dc2: }\n")
        file.flush()
        words = ("-c", file.name)
        assert complete(LOCUM, *words, "explain", "") == ["a.example", "dc1.a.example", "dc2.a.example", "w.b.example",
                                                          "x.b.example", "y.b.example", "z.b.example"]
        file.write("{")
        file.flush()
        assert complete(LOCUM, *words, "explain", "") == []
    for path in ("/absent", "/dev/null", ROOT):
        assert complete(LOCUM, "-c", path, "exclude", "") == []


class Bash:
    """An interactive bash on a terminal, with the script and both programs."""

    def __enter__(self):
        self.process, self.terminal = pty.fork()
        if self.process == 0:
            path = os.environ["BUILD"] + ":" + os.environ["PATH"]
            os.execve("/bin/bash", ["bash", "--norc", "--noprofile", "-i"],
                      {"PATH": path, "TERM": "dumb", "PS1": "", "HISTFILE": "", "HOME": "/", "LC_ALL": "C.UTF-8"})
        self.shown = ""
        self.ask("bind 'set enable-bracketed-paste off'; bind 'set bell-style none'; stty -echo columns 4000; "
                 f". {SCRIPT}; cd {ROOT}; printf '<%s>' begun", "<begun>")
        return self

    def ask(self, line, until, within=15):
        """Type it, return what is shown from then on up to the text `until`."""
        os.write(self.terminal, line.encode() + b"\n")
        return self.wait(until, within)

    def wait(self, until, within=15):
        self.shown, end = "", time.monotonic() + within
        while until not in self.shown.replace("\r", ""):
            assert time.monotonic() < end, self.shown
            if select.select([self.terminal], [], [], 0.5)[0]:
                self.shown += os.read(self.terminal, 65536).decode(errors="replace")
        return self.shown

    def completions(self, line):
        """The words that the line has when all completions are inserted (M-*)."""
        os.write(self.terminal, line.encode() + b"\033*\001printf '<%s>' \005 '<end>'\n")
        # bash shows the edited line, then printf its words.
        shown = self.wait("<<end>>")
        return re.findall(r"<([^<>]*)>(?=<)", shown.replace("\r", "").rpartition("<locum")[2])

    def __exit__(self, *_):
        os.kill(self.process, signal.SIGKILL)
        os.waitpid(self.process, 0)
        os.close(self.terminal)


def test_bash_without_a_daemon():
    with Bash() as bash:
        assert bash.completions("locum stat") == ["status"], bash.shown
        assert bash.completions("locum drain --f") == ["drain", "--for", "--force"], bash.shown
        assert bash.completions(f"locum -c {EXAMPLE} exclude ") == ["-c", EXAMPLE, "exclude", "dc2", "dc3", "ns0"], bash.shown
        assert bash.completions(f"locum -c {EXAMPLE} explain x --if dc3=do")[-1] == "dc3=down", bash.shown
        assert bash.completions("locum status -c deploy/examples/locum.y")[-1] == "deploy/examples/locum.yaml", bash.shown
        assert bash.completions("locum-nsd ch") == ["check"], bash.shown
        # Nothing is known, and nothing is said.
        assert bash.completions("locum -c /absent exclude ") == ["-c", "/absent", "exclude"], bash.shown
        assert "cannot" not in bash.shown and "No such" not in bash.shown, bash.shown


def test_with_a_daemon():
    with alone.Alone() as it:
        it.until("it answers", lambda: it.get("/healthz"))
        path = os.path.join(it.folder, "locum.yaml")
        # The daemon knows them, the file does not any more.
        with open(path, "w", encoding="utf-8") as file:
            file.write(f"listen: {{control: {it.folder}/control.sock}}\n")
        assert complete(LOCUM, "-c", path, "exclude", "") == ["dc2", "dc3", "ns0"]
        assert complete(LOCUM, "-c", path, "explain", "") == [
            "get.example.org", "dc2.get.example.org", "dc3.get.example.org"]
        with Bash() as bash:
            assert bash.completions(f"locum -c {path} explain --if ns0=dr")[-1] == "ns0=drain", bash.shown
        # Each state that is offered is one; a wrong node, state or name is answered with the right ones.
        for word in complete(LOCUM, "-c", path, "explain", "--if", "dc3="):
            result = run(LOCUM, "-c", path, "explain", "get.example.org", "--if", word)
            assert result.returncode == 0, result
        for words, text in {
                ("exclude", "dc33"): "there is no node dc33; the nodes are dc2, dc3, ns0\n",
                ("explain", "get.example.org", "--if", "dc9=down"): "the nodes are dc2, dc3, ns0\n",
                ("explain", "dc2.get.exmaple.org."): "; did you mean dc2.get.example.org?\n",
                ("explain", "www.example.net"): ": locum status lists them\n"}.items():
            result = run(LOCUM, "-c", path, *words)
            assert result.returncode == 1 and result.stderr.endswith(text), result


if __name__ == "__main__":
    cases.run(globals())
