#!/usr/bin/env python3
"""doc/mirrorbits.md: its nginx, its changes of mirrorbits.conf, its copy of the files, and mirror-age."""

import http.server
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path += [os.path.join(HERE, "../self"), os.path.join(HERE, "../site")]
import cases                    # noqa: E402
from page import Page           # noqa: E402

ROOT = os.path.dirname(os.path.dirname(HERE))
PAGE = os.path.join(ROOT, "doc/mirrorbits.md")
MIRROR_AGE = os.path.join(ROOT, "deploy/examples/mirror-age")


class Web:
    """with Web(bodies) as it: a web server with these bodies by path; it notes the headers it got."""

    def __init__(self, bodies):
        noted = self.noted = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                noted.append(self.headers)
                body = bodies.get(self.path)
                self.send_response(404 if body is None else 200)
                self.send_header("Content-Length", str(len(body or "")))
                self.end_headers()
                self.wfile.write((body or "").encode())

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


def free_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def write(path, text):
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def start_nginx(folder, block):
    temp = "".join(f"{kind}_temp_path {folder}/{kind};\n" for kind in
                   ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    write(f"{folder}/nginx.conf", "daemon off;\nmaster_process off;\n"
          f"pid {folder}/pid;\nevents {{ }}\nhttp {{ access_log off;\n{temp}{block} }}\n")
    return subprocess.Popen(["nginx", "-p", folder, "-e", "stderr", "-c", f"{folder}/nginx.conf"],
                            stderr=subprocess.PIPE, text=True)


def fetch(url, headers):
    end = time.monotonic() + 10
    while True:
        try:
            request = urllib.request.Request(url, headers=headers)
            with urllib.request.urlopen(request, timeout=5) as answer:
                return answer.read().decode()
        except ConnectionRefusedError:
            assert time.monotonic() < end, "nginx does not start"
        except urllib.error.URLError as error:
            assert isinstance(error.reason, ConnectionRefusedError), error
            assert time.monotonic() < end, "nginx does not start"
        time.sleep(0.05)


def test_nginx_tells_mirrorbits_who_asks_and_how():
    """A user cannot choose the address; /trace comes from the disk."""
    with open(PAGE, encoding="utf-8") as file:
        page = file.read()
    block = re.search(r"`/etc/nginx/conf.d/get.conf`, on dc2 and dc3:\n\n```\n(.*?)```", page,
                      re.S).group(1)
    with tempfile.TemporaryDirectory(prefix="locum-page-") as folder, \
            Web({"/pool/a": "of Mirrorbits"}) as mirrorbits:
        port = free_port()
        write(f"{folder}/trace", "1764374400\n")
        for old, new in (("listen 80;", f"listen 127.0.0.1:{port};"),
                         ("127.0.0.1:8080", f"127.0.0.1:{mirrorbits.port}"),
                         ("root /srv/mirror", f"root {folder}")):
            assert old in block, block
            block = block.replace(old, new)
        nginx = start_nginx(folder, block)
        try:
            forged = {"Host": "get.example.org", "X-Forwarded-For": "203.0.113.9, 203.0.113.10",
                      "X-Forwarded-Proto": "https"}
            assert fetch(f"http://127.0.0.1:{port}/pool/a", forged) == "of Mirrorbits"
            assert fetch(f"http://127.0.0.1:{port}/trace", forged) == "1764374400\n"
        finally:
            nginx.terminate()
            nginx.communicate(timeout=10)
        assert len(mirrorbits.noted) == 1, mirrorbits.noted
        got = mirrorbits.noted[0]
        assert got.get_all("X-Forwarded-For") == ["127.0.0.1"], got
        assert got.get_all("X-Forwarded-Proto") == ["http"], got
        assert got["Host"] == "get.example.org", got


def age(own, *urls, limit="600", path=None):
    """(exit code, output) with this text in the own file; None: there is none."""
    with tempfile.TemporaryDirectory(prefix="locum-page-") as folder:
        if own is not None:
            write(f"{folder}/trace", own)
        run = subprocess.run([MIRROR_AGE, f"{folder}/trace", limit, *urls], text=True, check=False,
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=20,
                             env={**os.environ, "PATH": path or os.environ["PATH"]})
        return run.returncode, run.stdout.replace(folder, "FOLDER")


def test_mirror_age():
    with Web({"/t": "1764375000\n", "/same": "1764374400", "/text": "<html>no number</html>",
              "/long": "9" * 50, "/empty": "", "/own": "1764374399\n"}) as peer:
        base = f"http://127.0.0.1:{peer.port}"
        own_url = f"{base}/own"
        dead = f"http://127.0.0.1:{free_port()}/t"
        mute = [dead, f"{base}/text", f"{base}/long", f"{base}/empty", f"{base}/absent"]
        assert age("1764374400\n", own_url, f"{base}/t") == (0, "not older than 1 of 1 copies\n")
        assert age("1764374400", own_url, f"{base}/t", limit="599") == (
            1, f"FOLDER/trace is 600 s older than {base}/t\n")
        assert age("1764374399\n", own_url, *mute, f"{base}/same", f"{base}/t") == (
            1, f"FOLDER/trace is 601 s older than {base}/t\n")
        # A peer that gives no number does not fail this server, nor does an older one.
        assert age("1764374400\n", own_url, *mute) == (0, "not older than 0 of 5 copies\n")
        assert age("1764399999\n", own_url, f"{base}/t", dead) == (
            0, "not older than 1 of 2 copies\n")
        for own, text in ((None, "cannot be read"), ("", "cannot be read"), ("x\n", "hold a time"),
                          ("1 2\n", "hold a time"), ("-5\n", "hold a time"),
                          ("08\n", "hold a time")):
            code, output = age(own, own_url, f"{base}/t")
            assert code == 1 and text in output and output.count("\n") == 1, (own, output)
        for url in mute:                # the own web server does not serve the file
            assert age("1764374400\n", url, f"{base}/same") == (
                1, f"{url} gives no number within 2 s: does the web server serve FOLDER/trace "
                "there?\n")
        assert age("1\n", own_url, f"{base}/t", limit="x")[1].startswith("usage: ")
        assert age("1\n", own_url)[1].startswith("usage: ")


def test_mirror_age_asks_all_peers_at_the_same_time():
    """Six silent peers cost 2 s, not 12: the check ends before its timeout of 8 s."""
    with Web({"/own": "1764374400\n"}) as peer, socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(16)
        url, begin = f"http://127.0.0.1:{silent.getsockname()[1]}/t", time.monotonic()
        assert age("1764374400\n", f"http://127.0.0.1:{peer.port}/own", *[url] * 6) == (
            0, "not older than 0 of 6 copies\n")
        assert time.monotonic() - begin < 6


def test_mirror_age_without_curl():
    with tempfile.TemporaryDirectory(prefix="locum-page-") as folder:
        assert age("1\n", "http://127.0.0.1/", "http://127.0.0.2/", path=folder) == (
            1, "curl is not installed\n")


# rsync as it is, or what matters of it: the files of a folder come before its sub-folders, and a
# folder where a file should be is an error at the end. Then the master repository goes on: the
# next file and time are there before a copy of the folder ends.
RSYNC = r"""#!/bin/sh
for target; do from=${source:-}; source=$target; done
if [ -n "$REAL_RSYNC" ]; then
    "$REAL_RSYNC" "$@"
    code=$?
else
    code=0
    case $from in
        */) case "$*" in *--exclude=/trace*) ;; *) cp -p "$from"trace "$target" ;; esac
            mkdir -p "$target"pool; cp "$from"pool/* "$target"pool || code=23 ;;
        *) cp -p "$from" "$target" || code=23 ;;
    esac
fi
case $from in
    */) echo new >"$from"pool/later; echo 1764376000 >"$from"trace ;;
esac
exit $code
"""


def copy_files(command, folder, fails):
    """Runs a page's copy on local folders: (exit code, the copy's time, whether it has the file)."""
    for name in ("bin", "dc3/pool", "dc2"):
        os.makedirs(f"{folder}/{name}")
    write(f"{folder}/bin/rsync", RSYNC)
    os.chmod(f"{folder}/bin/rsync", 0o755)
    write(f"{folder}/dc3/pool/a", "new\n")
    write(f"{folder}/dc3/trace", "1764375000\n")
    write(f"{folder}/dc2/trace", "1764370000\n")
    os.utime(f"{folder}/dc2/trace", (1764370000, 1764370000))
    if fails:
        os.makedirs(f"{folder}/dc2/pool/a/not-empty")
    command = command.replace("dc3:/srv/mirror", f"{folder}/dc3")
    command = command.replace("/srv/mirror", f"{folder}/dc2").replace("/srv/", f"{folder}/")
    run = subprocess.run(["sh", "-c", command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                         check=False, timeout=20,
                         env={**os.environ, "PATH": f"{folder}/bin:{os.environ['PATH']}",
                              "REAL_RSYNC": shutil.which("rsync") or ""})
    with open(f"{folder}/dc2/trace", encoding="utf-8") as file:
        return run.returncode, file.read(), os.path.isfile(f"{folder}/dc2/pool/a")


def test_the_time_of_a_copy_is_never_newer_than_its_files():
    commands = [act[2] for step in Page(PAGE).steps for act in step.forth
                if act[0] == "run" and "rsync " in act[2]]
    assert len(commands) == 2 and len(set(commands)) == 1, commands
    with tempfile.TemporaryDirectory(prefix="locum-page-") as folder:
        code, trace, there = copy_files(commands[0], f"{folder}/good", False)
        assert (code, trace, there) == (0, "1764375000\n", True), (code, trace, there)
        code, trace, there = copy_files(commands[0], f"{folder}/broken", True)
        assert code != 0 and (trace, there) == ("1764370000\n", False), (code, trace, there)


CONF = """Repository: /srv/mirror
RedisAddress: 127.0.0.1:6379
ListenAddress: 127.0.0.1:8080"""


def test_mirrorbits_conf_has_each_key_once_and_is_private():
    """The commands of steps 2, 4 and 5, on files as they are found."""
    commands = [act[2] for step in Page(PAGE).steps for act in step.forth
                if act[0] == "run" and "/etc/mirrorbits.conf" in act[2] and
                act[2].split()[0] in ("sed", "printf", "chmod")]
    assert len(commands) == 5, commands
    for more in ("", "\n", '\nRedisPassword: ""\n', "\nRedisPassword: old",
                 '\nRedisSentinelMasterName: ""\nRedisSentinels: []\nRedisPassword: ""\n'):
        for text in (CONF + more, CONF.replace("RedisAddress: 127.0.0.1:6379\n", "") + more):
            with tempfile.TemporaryDirectory(prefix="locum-page-") as folder:
                write(f"{folder}/conf", text)
                os.chmod(f"{folder}/conf", 0o644)
                write(f"{folder}/passwords", "mirrorbits 12ab\nlocum 34cd\nadmin 56ef\n")
                for command in commands:
                    command = command.replace("/etc/mirrorbits.conf", f"{folder}/conf")
                    command = command.replace("/etc/redis/passwords", f"{folder}/passwords")
                    subprocess.run(["sh", "-c", command], check=True)
                assert os.stat(f"{folder}/conf").st_mode & 0o777 == 0o640, commands
                with open(f"{folder}/conf", encoding="utf-8") as file:
                    got = file.read()
            assert sorted(line for line in got.splitlines() if line[0] != " ") == [
                "ListenAddress: 127.0.0.1:8080", 'RedisAddress: ""', "RedisPassword: 12ab",
                "RedisSentinelMasterName: mirrorbits", "RedisSentinels:",
                "Repository: /srv/mirror"], (text, got)
            assert re.findall("RedisSentinels:|    - Host: .*", got) == [
                "RedisSentinels:", "    - Host: 10.0.0.12:26379", "    - Host: 10.0.0.13:26379",
                "    - Host: 10.0.0.10:26379"], got


cases.run(globals())
