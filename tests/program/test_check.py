#!/usr/bin/env python3
"""`locum check` as an operator runs it."""

import os
import shutil
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../self"))
import cases

LOCUM = os.environ.get("LOCUM", os.path.join(os.environ["BUILD"], "locum"))
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CONFIG = """\
cluster: get
node: dc2
secret-file: secret
nodes: {dc2: {address: [192.0.2.12]}}
zones: [{name: get.example.org, ns: [dc3.example.org]}]
service: {checks: [{tcp: {address: "127.0.0.1:80"}}]}
"""
SECRET = bytes(range(32)).hex() + "\n"
UNKNOWN_UID = 64731  # of no user of the machine


class Folder:
    """with Folder() as it: a configuration that every user may read, with its secret."""

    def __enter__(self):
        self.path = tempfile.mkdtemp(prefix="locum-check-")
        os.chmod(self.path, 0o755)
        self.write("locum.yaml", CONFIG, 0o644)
        self.write("secret", SECRET, 0o600, UNKNOWN_UID)
        return self

    def write(self, name, text, mode, user=None):
        file = os.path.join(self.path, name)
        with open(file, "w", encoding="utf-8") as out:
            out.write(text)
        os.chmod(file, mode)
        if user is not None and os.getuid() == 0:
            os.chown(file, user, user)

    def check(self, *command, program="locum"):
        run = subprocess.run([*command, os.path.join(os.path.dirname(LOCUM), program), "check", "-c",
                              os.path.join(self.path, program + ".yaml")],
                             cwd=ROOT, capture_output=True, text=True, check=False)
        return run.returncode, run.stdout + run.stderr

    def check_where_the_service_has_a_user(self, program="locum"):
        """As root, in a mount namespace where there is a user of the name of the program."""
        with open("/etc/passwd", encoding="utf-8") as file:
            users = [line for line in file if not line.startswith("locum")]
        self.write("passwd", "".join(users) + f"{program}:x:{UNKNOWN_UID}:{UNKNOWN_UID}::/:/bin/sh\n", 0o644)
        return self.check("unshare", "-m", "sh", "-c",
                          f'mount --bind {self.path}/passwd /etc/passwd && exec "$@"', "sh",
                          program=program)

    def __exit__(self, *_):
        shutil.rmtree(self.path)


def can_mount():
    return os.getuid() == 0 and subprocess.run(["unshare", "-m", "true"], check=False,
                                               stderr=subprocess.DEVNULL).returncode == 0


def test_without_a_file_check_names_the_example():
    with Folder() as it:
        os.unlink(os.path.join(it.path, "locum.yaml"))
        code, text = it.check()
        assert code == 1 and "No such file" in text, text
        assert "examples/locum.yaml" in text, text


def test_a_secret_that_can_be_guessed_is_a_warning():
    with Folder() as it:
        code, text = it.check()
        assert code == 0 and "guessed" not in text, text
        it.write("secret", 64 * "0" + "\n", 0o600, UNKNOWN_UID)
        code, text = it.check()
        assert code == 0 and "the secret number 1 repeats itself, so it can be guessed" in text, text


if can_mount():
    def test_a_secret_that_only_root_can_read_is_found_by_roots_check():
        with Folder() as it:
            code, text = it.check_where_the_service_has_a_user()
            assert code == 0 and "files were read as user locum" in text, text
            it.write("secret", SECRET, 0o600, 0)
            code, text = it.check_where_the_service_has_a_user()
            assert code == 1 and "Permission denied" in text and "chown locum" in text, text

    def test_a_mirrorbits_conf_that_only_root_can_read_is_found_by_roots_check():
        with Folder() as it:
            it.write("locum.yaml", CONFIG + "redis: {mirrorbits-config: mirrorbits.conf}\n", 0o644)
            it.write("mirrorbits.conf", "RedisDB: 1\n", 0o600, 0)
            code, text = it.check_where_the_service_has_a_user()
            assert code == 1 and "mirrorbits.conf: cannot be read: Permission denied" in text, text
            assert "usermod -aG" in text, text

    def test_a_certificate_that_only_root_can_read_is_found_by_roots_check():
        with Folder() as it:
            it.write("locum.yaml", CONFIG + "redis: {tls: {ca-file: ca.pem}}\n", 0o644)
            it.write("ca.pem", "", 0o600, 0)
            code, text = it.check_where_the_service_has_a_user()
            assert code == 1 and "ca-file" in text and "Permission denied" in text, text

    def test_a_zone_file_that_only_root_can_read_is_found_by_roots_check():
        if shutil.which("nsd-checkconf") is None:
            print("SKIP a_zone_file_that_only_root_can_read: needs nsd-checkconf")
            return
        with Folder() as it:
            zones = os.path.join(it.path, "zones")
            os.mkdir(zones)
            os.chown(zones, UNKNOWN_UID, UNKNOWN_UID)
            it.write("locum-nsd.yaml", f"zone: get.example.org\nnsd: {{config: {it.path}/nsd.conf}}\n",
                     0o644)
            it.write("nsd.conf", f'server:\n  zonesdir: "{zones}"\nremote-control:\n'
                     f'  control-enable: yes\n  control-interface: {it.path}/nsd.ctl\nzone:\n'
                     '  name: "get.example.org"\n  zonefile: "get.zone"\n', 0o644)
            it.write("zones/get.zone", "", 0o600, UNKNOWN_UID)
            code, text = it.check_where_the_service_has_a_user("locum-nsd")
            assert code == 0 and "files are read as user locum-nsd" in text, text
            it.write("zones/get.zone", "", 0o600, 0)
            code, text = it.check_where_the_service_has_a_user("locum-nsd")
            assert code == 1 and "get.zone: error: permission denied" in text, text
            os.chown(zones, 0, 0)
            code, text = it.check_where_the_service_has_a_user("locum-nsd")
            assert code == 1 and "zones/: error: permission denied" in text, text

    def test_a_draft_that_only_root_can_read_is_checked_with_a_warning():
        with Folder() as it:
            it.write("locum.yaml", CONFIG, 0o600, 0)
            code, text = it.check_where_the_service_has_a_user()
            assert code == 0 and "warning: user locum" in text and "2 warning(s)" in text, text
else:
    print("SKIP roots_check: needs root and mount namespaces")

cases.run(globals())
