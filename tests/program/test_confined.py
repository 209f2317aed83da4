#!/usr/bin/python3
"""The programs confine themselves, and do all of their work so: checks that run programs, reload, replace."""

import ctypes
import errno
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../self"))
import alone
import cases

PR_SET_SECCOMP = 22
SCMP_ACT_ALLOW = 0x7fff0000
SCMP_ACT_ERRNO = 0x00050000
SCMP_CMP_EQ = 4
TRY = """import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
failed = getattr(libc, sys.argv[1])(None, None, None, None, None) < 0
print(sys.argv[1], os.strerror(ctypes.get_errno()) if failed else "done")"""


class Compare(ctypes.Structure):
    _fields_ = [("arg", ctypes.c_uint), ("op", ctypes.c_int), ("a", ctypes.c_uint64), ("b", ctypes.c_uint64)]


def withhold_seccomp(code, *calls):
    """What a kernel without seccomp, or a sandbox, does: from now on these calls fail."""
    library = ctypes.CDLL("libseccomp.so.2")
    library.seccomp_init.restype = ctypes.c_void_p
    context = ctypes.c_void_p(library.seccomp_init(SCMP_ACT_ALLOW))
    option = Compare(0, SCMP_CMP_EQ, PR_SET_SECCOMP, 0)
    for call in calls:
        number = library.seccomp_syscall_resolve_name(call.encode())
        arguments = (1, ctypes.byref(option)) if call == "prctl" else (0, None)
        assert library.seccomp_rule_add_array(context, SCMP_ACT_ERRNO | code, number, *arguments) == 0
    assert library.seccomp_load(context) == 0


def process_status(pid):
    with open(f"/proc/{pid}/status", encoding="utf-8") as file:
        return dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)


def filters(it):
    """How many filters are on beside those of this test; None: Linux before 5.9 does not say."""
    counts = [process_status(pid).get("Seccomp_filters") for pid in (it.process.pid, "self")]
    return int(counts[0]) - int(counts[1]) if None not in counts else None


def config(*commands):
    """The template of a configuration with these `command` checks."""
    rows = [f"command: {json.dumps({'argv': argv, 'interval': '2s', 'timeout': '2s'})}" for argv in commands]
    rows = "\n    - ".join(rows).replace("{", "{{").replace("}", "}}")
    return alone.CONFIG.replace('tcp: {{address: "{host}:9"}}', rows)


def wait_check(it, wanted):
    """Wait until a check's last text matches."""
    it.until(f"a check says {wanted}", lambda: any(
        re.search(wanted, check["last"] or "") for check in json.loads(it.get("/status"))["checks"]), 30)


def locum(it, word, template):
    """locum reload, or replace, after a change of the configuration."""
    it._write("locum.yaml", template.format(folder=it.folder, host=it.host))
    run = subprocess.run([os.environ["LOCUM"], word, "-c", os.path.join(it.folder, "locum.yaml")],
                         capture_output=True, text=True, timeout=30, check=False)
    assert run.returncode == 0, run.stdout + run.stderr


def test_replace_and_reload_bring_checks_that_run_programs():
    first, second = ["/bin/echo", "runs"], ["/bin/sh", "-c", "ls -d /; exit 3"]
    with alone.Alone() as it:
        it.until("it runs", lambda: it.get("/healthz"))
        assert filters(it) in (1, None)
        locum(it, "replace", config(first))
        wait_check(it, "^exit 0 in .*: runs$")
        locum(it, "reload", config(first, second))
        wait_check(it, "^exit 3 in .*: /$")
        locum(it, "replace", config(second))
        wait_check(it, "^exit 3 in .*: /$")
        assert filters(it) in (1, None), "a replace adds a filter"
        state = process_status(it.process.pid)
        assert state["NoNewPrivs"] == "1" and state["Seccomp"] == "2", state
        assert "not-confined" not in it.text(), it.text()


def test_a_check_cannot_attack_the_host():
    calls = ["unshare", "mount", "setns", "ptrace"]
    if os.environ["BUILD"].endswith("/asan"):
        calls.remove("ptrace")  # used by the leak sanitizer
    tool = ["/usr/bin/unshare", "--fork", "/bin/true"]
    tries = [["/usr/bin/python3", "-c", TRY, call] for call in calls]
    with alone.Alone(config=config(tool, *tries)) as it:
        wait_check(it, "^exit 1 in .*: unshare: unshare failed: Operation not permitted$")
        for call in calls:
            wait_check(it, f"^exit 0 in .*: {call} Operation not permitted$")


def test_a_check_has_no_capability_of_the_unit_and_no_memory_is_dumped():
    """AmbientCapabilities of a unit are handed on to whatever a program executes."""
    show = ["/bin/sh", "-c", "grep -E '^Cap(Prm|Eff|Amb|Inh)' /proc/self/status | tr -s '\\n\\t' ' '"]
    with tempfile.TemporaryDirectory(prefix="locum-file-") as folder:
        os.chmod(folder, 0o755)
        program = shutil.copy(os.environ["LOCUM"], folder)
        start = os.path.join(folder, "start")
        with open(start, "w", encoding="utf-8") as file:
            file.write("#!/bin/sh\nexec setpriv --reuid 65534 --regid 65534 --clear-groups "
                       "--inh-caps +net_bind_service --ambient-caps +net_bind_service "
                       f'{program} "$@"\n')
        os.chmod(start, 0o755)

        def give_files():
            for path in (it.folder, *(os.path.join(it.folder, name) for name in os.listdir(it.folder))):
                os.chown(path, 65534, 65534)
        it = alone.Alone(config=config(show), prepare=give_files, program=start)
        with it:
            wait_check(it, "^exit 0 in .*: .*CapPrm: 0+ CapEff: 0+ .*CapAmb: 0+")
            state = process_status(it.process.pid)
            assert int(state["CapEff"], 16) == int(state["CapAmb"], 16) == 1 << 10, state
            assert state["Uid"].split()[0] == "65534", state
            if not os.environ["BUILD"].endswith("/asan"):  # the leak sanitizer traces the program
                assert os.stat(f"/proc/{it.process.pid}/environ").st_uid == 0  # not dumpable, proc(5)
            locum(it, "replace", it.config)
            state = process_status(it.process.pid)
            assert int(state["CapEff"], 16) == 1 << 10, state
            if not os.environ["BUILD"].endswith("/asan"):
                assert os.stat(f"/proc/{it.process.pid}/environ").st_uid == 0


def test_a_capability_of_the_file_survives_a_replace():
    """As in the container image, whose program has the right to port 53."""
    with tempfile.TemporaryDirectory(prefix="locum-file-") as folder:
        program = shutil.copy(os.environ["LOCUM"], folder)
        os.chmod(folder, 0o755)
        subprocess.run(["setcap", "cap_net_bind_service=ep", program], check=True)

        def become_nobody():
            for path in (it.folder, *(os.path.join(it.folder, name) for name in os.listdir(it.folder))):
                os.chown(path, 65534, 65534)
            os.setgroups([])
            os.setgid(65534)
            os.setuid(65534)
        it = alone.Alone(prepare=become_nobody, program=program)
        with it:
            it.until("it runs", lambda: it.get("/healthz"))
            assert int(process_status(it.process.pid)["CapEff"], 16) == 1 << 10, process_status(it.process.pid)
            locum(it, "replace", it.config)
            assert process_status(it.process.pid)["NoNewPrivs"] == "1"
            assert int(process_status(it.process.pid)["CapEff"], 16) == 1 << 10, process_status(it.process.pid)


def test_a_kernel_without_seccomp_is_a_warning():
    with alone.Alone(prepare=lambda: withhold_seccomp(errno.EINVAL, "seccomp", "prctl")) as it:
        it.until("it runs", lambda: it.get("/healthz"))
        assert 'event=not-confined reason="Invalid argument"' in it.text(), it.text()


def test_a_sandbox_that_withholds_seccomp_2_leaves_prctl_2():
    """As systemd's @system-service does."""
    with alone.Alone(prepare=lambda: withhold_seccomp(errno.EPERM, "seccomp")) as it:
        it.until("it runs", lambda: it.get("/healthz"))
        assert filters(it) in (2, None) and "not-confined" not in it.text(), it.text()


if os.geteuid() != 0:
    print("SKIP test_a_check_has_no_capability_of_the_unit_and_no_memory_is_dumped: this needs root")
    del test_a_check_has_no_capability_of_the_unit_and_no_memory_is_dumped
if os.geteuid() != 0 or not shutil.which("setcap"):
    print("SKIP test_a_capability_of_the_file_survives_a_replace: this needs root and setcap")
    del test_a_capability_of_the_file_survives_a_replace
cases.run(globals())
