"""A coordinator without peers: a server with its own folder and loopback addresses."""

import os
import shutil
import subprocess
import sys
import tempfile
import time

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../site"))
import control

CONFIG = """\
cluster: get
node: dc2
secret-file: secret
state-dir: {folder}
listen:
  dns: ["{host}:15353"]
  control: {folder}/control.sock
nodes:
  dc2: {{address: [{host}], port: 19853, redis: "{host}:16379", sentinel: "{host}:16380"}}
  dc3: {{address: [127.0.0.3], port: 19853}}
  ns0: {{role: witness, address: [127.0.0.4], port: 19853}}
zones:
  - name: get.example.org
    ns: [dc2.example.org, dc3.example.org]
service:
  checks:
    - tcp: {{address: "{host}:9"}}
"""

# One of two coordinators: format() it with node, own, dc2, dc3, zone and more. Alone formats the result again.
ONE_OF_TWO = """\
cluster: get
node: {node}
secret-file: secret
state-dir: {{folder}}
listen:
  dns: ["{own}:15353"]
  control: {{folder}}/control.sock
nodes:
  dc2: {{{{address: [{dc2}], port: 19853}}}}
  dc3: {{{{address: [{dc3}], port: 19853}}}}
zones:
  - name: get.example.org
    ns: [dc2.example.org, dc3.example.org]
{zone}{more}service:
  checks:
    - tcp: {{{{address: "{own}:15353"}}}}
"""

NSD = shutil.which("nsd", path="/usr/sbin:/usr/bin")
NSD_SERVER = """\
server:
  ip-address: {host}@{port}
  username: ""
  chroot: ""
  zonesdir: {folder}
  database: ""
  pidfile: {folder}/nsd.pid
  xfrdfile: {folder}/xfrd.state
  xfrdir: {folder}
  zonelistfile: {folder}/nsd.list
  cookie-secret-file: {folder}/cookies
  server-count: 1
"""


def own_address():
    """A loopback address that no other test program has."""
    return f"127.{os.getpid() // 65536 % 100 + 80}.{os.getpid() // 256 % 256}.{os.getpid() % 254 + 1}"


def two_addresses():
    """The addresses of two coordinators, by node: of the second one the second number is 150 to 249."""
    first = own_address()
    one, two, rest = first.split(".", 2)
    return {"dc2": first, "dc3": f"{one}.{int(two) + 70}.{rest}"}


class Alone:
    """with Alone() as it: it.get("/status"). more: lines to add to the configuration; files: the
    text of files beside it, by name; prepare: called in its process before the program; program: instead
    of LOCUM; other arguments are added to the environment."""

    def __init__(self, config=CONFIG, more="", files=None, prepare=None, program=None,
                 **environment):
        self.config, self.more, self.files = config, more, files or {}
        self.prepare = prepare
        self.program = program or os.environ["LOCUM"]
        self.environment = {**os.environ, **environment}

    def __enter__(self):
        self.folder = tempfile.mkdtemp(prefix="locum-alone-")
        self.host = own_address()
        self._write("secret", bytes(range(32)).hex() + "\n")
        self._write("locum.yaml", self.config.format(folder=self.folder, host=self.host) + self.more)
        for name, text in self.files.items():
            self._write(name, text)
        self.log = open(os.path.join(self.folder, "log"), "a+", encoding="utf-8")
        self.launch()
        return self

    def launch(self, *words):
        """words: options of `locum run`."""
        self.process = subprocess.Popen(
            [self.program, "run", *words, "-c", os.path.join(self.folder, "locum.yaml")],
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log, env=self.environment,
            preexec_fn=self.prepare)

    def end(self):
        self.process.terminate()
        assert self.process.wait(5) == 0, self.text()

    def _write(self, name, text):
        with open(os.path.join(self.folder, name), "w", encoding="utf-8") as file:
            os.fchmod(file.fileno(), 0o600)
            file.write(text)

    def call(self, *words):
        """A sub-command of the program."""
        return subprocess.run([self.program, *words, "-c", os.path.join(self.folder, "locum.yaml")],
                              capture_output=True, text=True, check=False, timeout=20)

    def get(self, path):
        """The body of the API's reply."""
        return control.get(os.path.join(self.folder, "control.sock"), path)

    def until(self, what, true, within=10.0):
        """Wait until true() returns something true; return that."""
        end = time.monotonic() + within
        while time.monotonic() < end:
            try:
                if found := true():
                    return found
            except OSError:
                pass
            assert self.process.poll() is None, f"it exited: {self.text()}"
            time.sleep(0.02)
        raise AssertionError(f"{what}: not within {within:.0f} s; its log: {self.text()}")

    def text(self):
        with open(self.log.name, encoding="utf-8") as file:
            return file.read()

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.log.close()
        shutil.rmtree(self.folder)
