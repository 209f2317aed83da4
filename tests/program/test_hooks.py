#!/usr/bin/env python3
"""doc/hooks.md: its programs get an event, its receiver checks the signature of a real coordinator."""

import hashlib
import hmac
import http.server
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import threading
import time

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path += [HERE, os.path.join(HERE, "../self"), os.path.join(HERE, "../site")]
import cases                    # noqa: E402
from alone import Alone         # noqa: E402

ROOT = os.path.dirname(os.path.dirname(HERE))
EVENT = {"cluster": "get", "id": 1, "time": "2026-11-29T15:00:00.000Z", "fields":
         {"event": "condition", "node": "dc2", "peer": "dc3", "from": "suspect", "to": "down"}}
SECRET = "a secret of the receiver"


def block(path):
    """The text of a file of the page."""
    with open(os.path.join(ROOT, "doc/hooks.md"), encoding="utf-8") as file:
        page = file.read()
    found = re.search(rf"^`{re.escape(path)}`[^\n]*:\n(?:\n[^`\n][^\n]*\n)?\n```\w*\n(.*?)^```", page, re.S | re.M)
    assert found, path
    return found.group(1)


def free_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def write(folder, name, text, mode=0o600):
    path = os.path.join(folder, name)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    os.chmod(path, mode)
    return path


def run(path, *words, code=0):
    """As a hook runs it."""
    done = subprocess.run([path, *words], input=json.dumps(EVENT) + "\n", text=True, cwd="/", timeout=20,
                          env={"PATH": "/usr/bin:/bin", "HOME": "/", "LC_ALL": "C"}, capture_output=True)
    assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
    return done.stdout + done.stderr


class Web:
    """with Web() as it: a web server that notes what is posted."""

    def __init__(self, status=200):
        noted = self.noted = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                noted.append((self.path, self.headers, self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(status)
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


def take_mail(listener, mails):
    """One conversation of SMTP."""
    link, _ = listener.accept()
    with link, link.makefile("rw", encoding="utf-8", newline="\r\n") as talk:
        talk.write("220 mail\r\n")
        talk.flush()
        text = None
        for line in talk:
            line = line.rstrip("\r\n")
            if text is not None and line != ".":
                text.append(line)
                continue
            if text is not None:
                mails.append("\n".join(text))
                text = None
            elif line.upper() == "DATA":
                text = []
            talk.write("354 go on\r\n" if text is not None else "221 bye\r\n" if line.upper() == "QUIT" else "250 ok\r\n")
            talk.flush()
            if line.upper() == "QUIT":
                return


def test_the_mail_program():
    with tempfile.TemporaryDirectory(prefix="locum-hooks-") as folder, \
            socket.create_server(("127.0.0.1", 0)) as listener:
        port, mails = listener.getsockname()[1], []
        text = block("/usr/local/lib/locum-mail")
        assert '"127.0.0.1", 25' in text
        path = write(folder, "mail", text.replace('"127.0.0.1", 25', f'"127.0.0.1", {port}'), 0o755)
        server = threading.Thread(target=take_mail, args=(listener, mails), daemon=True)
        server.start()
        run(path, "locum@dc2.example.org", "admin@example.org")
        server.join(10)
        assert "\nSubject: Locum get: dc2 condition dc3 down\n" in mails[0], mails
        assert "\nTo: admin@example.org\n" in mails[0] and "\npeer: dc3\n" in mails[0], mails
        listener.close()
        assert "refused" in run(path, "a@example.org", "b@example.org", code=1)


def test_the_chat_program():
    with tempfile.TemporaryDirectory(prefix="locum-hooks-") as folder, Web() as web, Web(403) as closed:
        path = write(folder, "chat", block("/usr/local/lib/locum-chat"), 0o755)
        run(path, write(folder, "url", f"{web.url}/hooks/secret\n"))
        where, headers, body = web.noted[0]
        assert where == "/hooks/secret" and headers["Content-Type"] == "application/json"
        text = json.loads(body)["text"]
        assert text.startswith("Locum get: event condition, node dc2, peer dc3"), text
        said = run(path, write(folder, "url", f"{closed.url}/hooks/secret\n"), code=1)
        assert "403" in said and "secret" not in said, said


def test_the_ntfy_program():
    with tempfile.TemporaryDirectory(prefix="locum-hooks-") as folder, Web() as web, Web(403) as closed:
        path = write(folder, "ntfy", block("/usr/local/lib/locum-ntfy"), 0o755)
        options = block("/etc/locum/ntfy")
        assert "https://ntfy.example.org/" in options
        run(path, write(folder, "to", options.replace("https://ntfy.example.org/", web.url + "/")))
        where, headers, body = web.noted[0]
        assert where == "/locum" and headers["Title"] == "Locum", (where, headers)
        assert headers["Authorization"] == "Bearer tk_..." and json.loads(body) == EVENT
        said = run(path, write(folder, "to", options.replace("https://ntfy.example.org/", closed.url + "/")),
                   code=22)
        assert "403" in said and "tk_" not in said, said


def hooks_test(it, *words):
    done = subprocess.run([os.environ["LOCUM"], "hooks", "test", *words, "-c", os.path.join(it.folder, "locum.yaml")],
                          capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL)
    return done.returncode, done.stdout + done.stderr


def test_a_receiver_checks_the_signature():
    """The receiver of the page, the coordinator, and `locum hooks test`; a second hook has another secret."""
    port = free_port()
    more = "hooks:\n" + "".join(
        f"  - {{on: [warning], url: \"http://127.0.0.1:{port}/?token=hush\", secret-file: {name}}}\n"
        for name in ("right", "wrong"))
    with tempfile.TemporaryDirectory(prefix="locum-hooks-") as folder:
        program = write(folder, "receiver", block("/usr/local/lib/receiver"), 0o755)
        secret = write(folder, "secret", SECRET + "\n")
        receiver = subprocess.Popen([program, str(port), secret], stdout=subprocess.PIPE, text=True)
        try:
            end = time.monotonic() + 10
            while socket.socket().connect_ex(("127.0.0.1", port)) != 0:
                assert time.monotonic() < end, "the receiver does not start"
                time.sleep(0.02)
            with Alone(more=more, files={"right": SECRET + "\n", "wrong": SECRET + "!\n"}) as it:
                it.until("it answers", lambda: it.get("/healthz"))
                code, text = hooks_test(it, "1")
                assert code == 0 and re.match(r"hook 1, url http://127\.0\.0\.1:\d+: delivered: status 204 in \d+ ms\n",
                                              text), text
                event = json.loads(receiver.stdout.readline())
                assert event["fields"] == {"event": "test", "node": "dc2"}, event
                code, text = hooks_test(it)
                assert code == 1 and ": NOT delivered: status 403 in " in text.splitlines()[1], text
                status = it.until("the warning", lambda: next(
                    (line for line in json.loads(it.get("/status"))["warnings"] if line.startswith("hook 2")), None))
                assert "locum hooks test 2" in status, status
                everything = it.get("/status") + it.get("/events") + it.get("/metrics") + it.text()
                for hidden in ("hush", SECRET):
                    assert hidden not in everything, hidden
                kept = "".join(open(os.path.join(it.folder, name), encoding="utf-8").read()
                               for name in os.listdir(it.folder) if name.endswith(".kept"))
                assert "not-kept.invalid" in kept and "hush" not in kept and SECRET not in kept, kept
                assert hooks_test(it, "3")[0] == 1
        finally:
            receiver.terminate()
            receiver.communicate(timeout=10)


def test_a_shell_makes_the_same_signature():
    with open(os.path.join(ROOT, "doc/hooks.md"), encoding="utf-8") as file:
        command = re.search(r"In a shell: `([^`]+)`", file.read()).group(1)
    with tempfile.TemporaryDirectory(prefix="locum-hooks-") as folder:
        secret = write(folder, "secret", SECRET + "\nanother line\n")
        done = subprocess.run(["sh", "-c", command.replace("/etc/locum/hook-secret", secret)], text=True,
                              env={**os.environ, "body": json.dumps(EVENT)}, capture_output=True)
    right = hmac.new(SECRET.encode(), json.dumps(EVENT).encode(), hashlib.sha256).hexdigest()
    assert done.stdout.split()[-1] == right, (done.stdout, done.stderr)


def test_the_configuration_of_the_page_is_right():
    with open(os.path.join(ROOT, "doc/hooks.md"), encoding="utf-8") as file:
        example = re.search(r"```yaml\n(.*?)```", file.read(), re.S).group(1)
    with tempfile.TemporaryDirectory(prefix="locum-hooks-") as folder:
        import alone
        write(folder, "secret", bytes(range(32)).hex() + "\n")
        write(folder, "hook-secret", SECRET + "\n")
        path = write(folder, "locum.yaml", alone.CONFIG.format(folder=folder, host="127.0.0.2") +
                     example.replace("/etc/locum/hook-secret", "hook-secret"))
        done = subprocess.run([os.environ["LOCUM"], "check", "-c", path], capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        assert done.stderr.count("the hook fails until the program can be run") == 2, done.stderr


if __name__ == "__main__":
    cases.run(globals())
