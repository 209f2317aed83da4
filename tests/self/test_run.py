#!/usr/bin/env python3
"""tests/run counts results, detects every failure of a suite, and stops suites that hang."""

import json
import os
import re
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
import cases

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def run(*scripts, options=("-j", "2"), group="", seconds=None, ci=False):
    """Runs these shell scripts as suites; returns (exit code, lines of output)."""
    with tempfile.TemporaryDirectory(prefix="locum-run-") as folder:
        paths = []
        if seconds:
            os.mkdir(os.path.join(folder, "logs"))
            with open(os.path.join(folder, "logs/seconds.json"), "w", encoding="utf-8") as file:
                json.dump(seconds, file)
        for number, script in enumerate(scripts):
            place = os.path.join(folder, group if isinstance(group, str) else group[number])
            os.makedirs(place, exist_ok=True)
            paths.append(os.path.join(place, f"suite{number}"))
            with open(paths[-1], "w", encoding="utf-8") as file:
                file.write("#!/bin/sh\n" + script)
            os.chmod(paths[-1], 0o755)
        command = [os.path.join(ROOT, "tests/run"), *options, "--build", folder, *paths]
        environment = {name: value for name, value in os.environ.items() if name != "CI"}
        environment.update({"CI": "true"} if ci else {})
        process = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                 env=environment)
        return process.returncode, process.stdout.splitlines()


def expect(code, last, *scripts, words="", **more):
    got, lines = run(*scripts, **more)
    text = "\n".join(lines)
    assert (got, lines[-1]) == (code, last), f"{got}:\n{text}"
    assert words in text, f"no {words!r} in:\n{text}"
    return text


CMOCKA = """cat <<'END'
[==========] Running 3 test(s).
[ RUN      ] test_a
[       OK ] test_a
[ RUN      ] test_b
boom
[  FAILED  ] test_b
[ RUN      ] test_c
SKIP: no ::1
[  SKIPPED ] test_c
[==========] 3 test(s) run.
[  PASSED  ] 1 test(s).
[  FAILED  ] 1 test(s), listed below:
[  FAILED  ] test_b
END
exit 1
"""


def test_results_of_scripts_are_counted():
    expect(0, "2 passed, 0 failed", "echo ok a; echo ok b\n")
    expect(0, "2 passed, 0 failed, 1 skipped", "echo ok a\n", "echo ok b; echo 'SKIP c: no root'\n",
           words="SKIP c: no root")


def test_results_of_cmocka_are_counted():
    expect(1, "1 passed, 1 failed, 1 skipped", CMOCKA, words="failed: test_b")
    expect(1, "1 passed, 1 failed, 1 skipped", CMOCKA, words="SKIP test_c: no ::1")


def test_failure_is_shown_with_reason_and_log():
    text = expect(1, "1 passed, 1 failed", "echo ok a; echo noise; echo 'not ok b: too late'; "
                  "exit 1\n", words="failed: b: too late")
    assert "| noise" in text and "log: " in text, text
    text = expect(0, "1 passed, 0 failed", "echo noise; echo ok a\n")
    assert "noise" not in text, text


def test_suite_with_a_bad_exit_has_failed():
    expect(1, "1 passed, 1 failed", "echo ok a; exit 3\n", words="exit code 3")
    expect(1, "1 passed, 1 failed", "echo ok a; kill -SEGV $$\n", words="died of SIGSEGV")
    expect(1, "0 passed, 1 failed", "echo '[ RUN      ] test_x'; kill -ABRT $$\n",
           words="failed: test_x: died of SIGABRT")
    expect(1, "0 passed, 1 failed", "echo nothing\n", words="ran no test")


def test_failed_line_with_exit_code_0_is_a_failure():
    expect(1, "0 passed, 1 failed", "echo 'not ok a: why'\n", words="failed: a: why")


def test_suite_is_stopped_at_its_deadline():
    text = expect(1, "1 passed, 1 failed", "# deadline: 1 s\necho ok a; sleep 100\n",
                  words="not done after 1 s")
    assert "died of" not in text, text


MEET = 'cd "$(dirname "$0")" && { mkfifo meet 2>/dev/null; %s meet && echo ok met; }\n'
BOTH = [MEET % "echo >", MEET % "read -r _ <"]  # each waits for the other


def test_suites_run_alone_unless_they_say_so():
    expect(0, "2 passed, 0 failed", *(f"# deadline: 5 s, beside others\n{one}" for one in BOTH))
    expect(1, "0 passed, 2 failed", *(f"# deadline: 1 s\n{one}" for one in BOTH),
           words="not done after 1 s")


def test_a_pair_runs_at_the_same_time_and_beside_nothing_else():
    expect(0, "2 passed, 0 failed", *(f"# deadline: 5 s, beside one other\n{one}" for one in BOTH))
    both = zip(("one other", "others"), BOTH)
    expect(1, "0 passed, 2 failed", *(f"# deadline: 1 s, beside {whom}\n{one}" for whom, one in both),
           words="not done after 1 s")
    expect(1, "0 passed, 2 failed", *(f"# deadline: 1 s, beside one other\n{one}" for one in BOTH),
           options=("-j", "1"), words="not done after 1 s")


def test_suites_that_compute_yield_to_those_of_the_lab():
    now = os.nice(0)
    same, lower = (f'[ "$(nice)" = {n} ] && echo ok nice\n' for n in (now, 19))
    expect(0, "1 passed, 0 failed", same, group="tests/sim")
    expect(0, "1 passed, 0 failed", same, group="tests/lab")
    expect(0, "2 passed, 0 failed", lower, "# beside others\n" + same, group=("tests/sim", "tests/lab"))
    expect(0, "2 passed, 0 failed", same, same, group=("tests/sim", "tests/lab"), options=("--busy",))
    both = [one.replace("$0", "$(dirname $0)") for one in BOTH]     # they meet in tests/
    expect(0, "2 passed, 0 failed", *(f"# deadline: 5 s, beside one other\n{one}" for one in both),
           group=("tests/sim", "tests/lab"))
    expect(1, "0 passed, 2 failed", *(f"# deadline: 1 s\n{one}" for one in both),
           group=("tests/sim", "tests/lab"), words="not done after 1 s")


def test_two_unit_tests_share_a_processor_unless_they_are_busy():
    both = [f"# deadline: 1 s\n{one}" for one in BOTH]
    expect(0, "2 passed, 0 failed", *both, options=("-j", "1"), group="tests/unit")
    expect(1, "0 passed, 2 failed", *both, options=("-j", "1", "--busy"), group="tests/unit",
           words="not done after 1 s")


def test_the_longest_suites_of_the_last_run_start_first():
    text = expect(0, "3 passed, 0 failed", *["echo ok a\n"] * 3, options=("-j", "1", "--busy"),
                  group="tests/unit", seconds={"suite0": 1.0, "suite1": 3.0, "suite2": 2.0})
    order = re.findall(r"suite\d", text)
    assert order == ["suite1", "suite2", "suite0"], text


def test_without_a_last_run_the_longest_deadlines_start_first():
    text = expect(0, "3 passed, 0 failed", *(f"# deadline: {d} s\necho ok a\n" for d in (2, 9, 5)),
                  options=("-j", "1", "--busy"), group="tests/unit")
    assert re.findall(r"suite\d", text) == ["suite1", "suite2", "suite0"], text


def test_a_suite_beside_others_takes_half_a_processor():
    expect(0, "2 passed, 0 failed", *(f"# deadline: 5 s, beside others\n{one}" for one in BOTH),
           options=("-j", "1"))


ONCE = 'cd "$(dirname "$0")" && mkdir once && echo "not ok a: slow" || echo ok a\n'


def test_in_ci_a_failed_program_of_the_lab_runs_once_more():
    expect(0, "1 passed, 0 failed", ONCE, ci=True,
           words="unsteady: suite0: a: slow; it passed alone")
    expect(1, "0 passed, 1 failed", ONCE)
    expect(1, "0 passed, 1 failed", ONCE, ci=True, group="tests/unit")
    expect(1, "0 passed, 1 failed", "echo not ok a\n", ci=True)


def test_processes_left_behind_are_a_failure():
    expect(1, "1 passed, 1 failed", "sleep 100 & echo ok a\n", words="left processes behind")


def test_unknown_group_is_refused():
    process = subprocess.run([os.path.join(ROOT, "tests/run"), "nosuch"], capture_output=True,
                             text=True)
    assert process.returncode != 0 and "neither a group" in process.stderr


cases.run(globals())
