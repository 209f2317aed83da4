#!/usr/bin/python3
"""A refused configuration file does not silence a node: it starts with the last good one.

Each case breaks something while the coordinator is stopped (or runs), starts it again and looks at
what it answers, what it says, and whether it sends heartbeats.
"""

import hashlib
import http.server
import json
import os
import socket
import subprocess
import sys
import threading

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path += [os.path.join(HERE, "../self"), os.path.join(HERE, "../site")]
import alone
import cases
import wire

PEER = "127.0.0.3"
OTHER_USER = 65534


class Node(alone.Alone):
    """One that has started with a good file, so that it is kept; its peer, and its service."""

    def __enter__(self):
        self.peer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.peer.bind((f"127.{os.getpid() % 60 + 180}.{os.getpid() // 60 % 250}.3", 19853))
        self.service = socket.create_server(("127.0.0.1", 0))
        port = self.service.getsockname()[1]
        self.config = self.config.replace(PEER, self.peer.getsockname()[0]).replace(
            '"{host}:9"', f'"127.0.0.1:{port}"')
        super().__enter__()
        self.until("the configuration is kept", self.kept)
        self.good = self.read("locum.yaml")
        return self

    def __exit__(self, *error):
        self.peer.close()
        self.service.close()
        super().__exit__(*error)

    def kept(self):
        found = [name for name in os.listdir(self.folder) if name.endswith(".kept")]
        return os.path.join(self.folder, found[0]) if found else None

    def read(self, name):
        with open(os.path.join(self.folder, name), encoding="utf-8") as file:
            return file.read()

    def answers(self):
        return wire.ask(self.host, 15353, "get.example.org") == [self.host]

    def beats(self, within=1.5):
        """Does a heartbeat arrive at the peer?"""
        self.peer.settimeout(0.001)
        try:
            while self.peer.recv(65536):    # what came earlier
                pass
        except TimeoutError:
            pass
        self.peer.settimeout(within)
        try:
            return b"locum1 get dc2" in self.peer.recv(65536)
        except TimeoutError:
            return False

    def degraded(self):
        return {item["about"]: item["text"] for item in json.loads(self.get("/status"))["degraded"]}

    def warned(self):
        return " ".join(json.loads(self.get("/status"))["warnings"])

    def command(self, *words):
        done = subprocess.run([os.environ["LOCUM"], *words, "-c",
                               os.path.join(self.folder, "locum.yaml")], text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        return done.returncode, done.stdout

    def restart(self, *words):
        self.end()
        self.log.truncate(0)
        self.launch(*words)

    def goes_on(self, *said):
        """It answers from the kept configuration, and each of these words is in its status."""
        self.until("it answers", self.answers)
        text = self.until("it says so", lambda: self.degraded().get("file"))
        for word in said:
            assert word in text, text
        assert "event=kept" in self.text()

    def gives_up(self, word):
        self.process.wait(5)
        assert self.process.returncode == 1 and "event=not-started" in self.text()
        assert word in self.text(), f"not {word}: {self.text()}"


def test_broken_yaml_and_its_repair():
    with Node() as it:
        it._write("locum.yaml", it.good + "heartbeat: {interval: [\n")
        it.restart()
        it.goes_on("locum.yaml:", "error: not YAML", "locum reload")
        assert it.beats()
        assert it.command("reload")[0] != 0
        it._write("locum.yaml", it.good)
        it.until("the repair is seen", lambda: "the file is good now" in it.degraded()["file"])
        code, text = it.command("reload")
        assert code == 0, text
        assert "file" not in it.degraded()


def test_a_wrong_key_as_the_operator_sees_it():
    with Node() as it:
        it._write("locum.yaml", it.good + "colour: red\n")
        it.restart()
        it.goes_on('error: key "colour"')
        code, text = it.command("status")
        assert code == 1 and "degraded: the configuration file is refused" in text, text
        assert 'locum_degraded{about="file"} 1' in it.get("/metrics")
        it.until("the event", lambda: "event=warning" in it.text() and "about=file" in it.text())


def test_a_missing_file():
    with Node() as it:
        os.unlink(os.path.join(it.folder, "locum.yaml"))
        it.environment["STATE_DIRECTORY"] = it.folder
        it.restart()
        it.goes_on("cannot be read: No such file")
        assert it.beats()
        it.restart()    # a kept configuration keeps itself
        it.goes_on("No such file")


def test_a_missing_secret_file():
    with Node() as it:
        assert it.beats()
        os.rename(os.path.join(it.folder, "secret"), os.path.join(it.folder, "away"))
        it.restart()
        it.goes_on("secret-file")
        assert "sends and accepts no heartbeats" in it.degraded()["secret"]
        assert not it.beats()
        os.rename(os.path.join(it.folder, "away"), os.path.join(it.folder, "secret"))
        it.until("it is seen", lambda: "the file is good now" in it.degraded()["file"], 20)
        assert it.command("reload")[0] == 0 and it.beats()
        assert not {"file", "secret"} & set(it.degraded())


def test_another_node():
    with Node() as it:
        it._write("locum.yaml", it.good.replace("node: dc2", "node: dc3") + "colour: red\n")
        it.restart()
        it.gives_up("it belongs to node dc2 of cluster get; this host is node dc3")


def test_a_damaged_kept_file():
    with Node() as it:
        with open(it.kept(), "r+b") as file:
            file.seek(-5, os.SEEK_END)
            file.write(b"#")
        it._write("locum.yaml", it.good + "colour: red\n")
        it.restart()
        it.gives_up("it is damaged")


class Guarded(http.server.BaseHTTPRequestHandler):
    """A service that wants to be asked with a secret."""

    refused = 0

    def do_GET(self):
        known = self.headers["X-Api-Key"] == "hush-hush"
        Guarded.refused += not known
        self.send_response(200 if known else 401)
        self.end_headers()

    def log_message(self, *_):
        pass


def test_a_secret_header_is_not_kept():
    """Without it a check would fail: it is not run, and its previous result stays."""
    with Node() as it, http.server.ThreadingHTTPServer((it.host, 0), Guarded) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()

        def service():
            nodes = json.loads(it.get("/status"))["nodes"]
            return next(node["service"] for node in nodes if node["self"])

        it.until("it is up", lambda: service() == "up")
        before = os.stat(it.kept()).st_mtime_ns
        it._write("locum.yaml", it.good + f"    - http: {{url: \"http://{it.host}:{server.server_port}/\", "
                                          "headers: {X-Api-Key: hush-hush}}\n")
        assert it.command("reload")[0] == 0, it.text()
        it.until("that is kept", lambda: os.stat(it.kept()).st_mtime_ns != before)
        assert "X-Api-Key" in it.read(it.kept()) and "hush" not in it.read(it.kept())
        it.until("the check passes", lambda: all(
            check["state"] == "up" for check in json.loads(it.get("/status"))["checks"]))
        it._write("locum.yaml", it.read("locum.yaml") + "colour: red\n")
        it.restart()
        it.goes_on("colour")
        assert "X-Api-Key is not kept" in it.degraded()["secret"], it.degraded()
        it.until("the other check passes", lambda: service() == "up")
        assert Guarded.refused == 0 and service() == "up"
        server.shutdown()


def test_a_copied_disk():
    """The state folder of another machine: a missing file must not make this one the same node."""
    with Node() as it:
        with open(it.kept(), "rb") as file:
            head, body = file.read().split(b"\n", 1)
        if b"\nmachine " not in body:
            print("SKIP a_copied_disk: this machine has no /etc/machine-id")
            return
        begin, machine = body.rsplit(b"\n", 2)[:2]
        body = b"\n".join((begin, machine.translate(bytes.maketrans(b"0123456789abcdef",
                                                                   b"123456789abcdef0")), b""))
        with open(it.kept(), "wb") as file:
            file.write(head.rsplit(b" ", 1)[0] + b" " + hashlib.sha256(body).hexdigest().encode()
                       + b"\n" + body)
        os.unlink(os.path.join(it.folder, "locum.yaml"))
        it.environment["STATE_DIRECTORY"] = it.folder
        it.restart()
        it.gives_up("it was kept on another machine: /etc/machine-id differs")


def test_no_fallback():
    with Node() as it:
        it._write("locum.yaml", it.good + "colour: red\n")
        it.restart("--no-fallback")
        it.gives_up("colour")
        assert "event=kept" not in it.text()


def as_another_user():
    os.setgid(OTHER_USER)
    os.setuid(OTHER_USER)


def test_a_state_folder_that_cannot_be_written():
    if os.getuid() != 0:
        print("SKIP a_state_folder_that_cannot_be_written: no root, so no second user")
        return
    with Node() as it:
        it.end()
        it.log.truncate(0)
        for name in os.listdir(it.folder):
            os.chown(os.path.join(it.folder, name), OTHER_USER, OTHER_USER)
        os.chmod(it.folder, 0o555)
        it._write("locum.yaml", it.good + "colour: red\n")
        os.chown(os.path.join(it.folder, "locum.yaml"), OTHER_USER, OTHER_USER)
        it.prepare = as_another_user
        it.launch()
        it.until("it answers", it.answers)
        # The control socket is in that folder too, so only the log can tell.
        it.until("it says so", lambda: "event=kept" in it.text() and "about=state" in it.text())
        assert "last good configuration" in it.text()


def test_an_edit_while_it_runs_is_warned_of():
    with Node() as it:
        it._write("locum.yaml", it.good + "colour: red\n")
        it.until("a warning", lambda: 'error: key "colour"' in it.warned())
        assert "file" not in it.degraded()
        it.until("it answers", it.answers)
        it._write("locum.yaml", it.good)
        it.until("its end", lambda: "colour" not in it.warned())
        os.chmod(os.path.join(it.folder, "secret"), 0o604)
        it.until("a warning", lambda: "secret-file" in it.warned())
        os.chmod(os.path.join(it.folder, "secret"), 0o600)
        it.until("its end", lambda: "secret-file" not in it.warned())


def test_no_secret_is_kept():
    with Node(files={"pw": "hush-hush\n"}, more="redis: {password-file: pw}\n") as it:
        with open(it.kept(), encoding="utf-8") as file:
            text = file.read()
        assert "hush" not in text and bytes(range(32)).hex() not in text
        assert os.stat(it.kept()).st_mode & 0o7777 == 0o600


cases.run(globals())
