#!/usr/bin/env python3
"""tests/lint/analyze reports what each of its tools finds, unless tests/lint/findings knows it."""
# deadline: 120 s, beside others

import os
import shutil
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
import cases

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BAD = "coordinator/base/bad.c"
FAULT = "int bad(void);\nint\nbad(void)\n{\n    int *none = 0;\n    return *none;\n}\n"
IDS = ("-Wanalyzer-null-dereference", "core.NullDereference", "nullPointer")


def analyze(source, findings=""):
    """(exit code, output)"""
    with tempfile.TemporaryDirectory(prefix="locum-analyze-") as root:
        for path, text in ((BAD, source), ("tests/lint/findings", findings)):
            os.makedirs(os.path.dirname(os.path.join(root, path)), exist_ok=True)
            with open(os.path.join(root, path), "w", encoding="utf-8") as file:
                file.write(text)
        run = subprocess.run([os.path.join(ROOT, "tests/lint/analyze"), root], text=True, stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT, env={**os.environ, "COMPILE": "cc -std=c17 -Werror"})
        return run.returncode, run.stdout


def test_each_tool_reports_a_fault():
    code, output = analyze(FAULT)
    assert code == 1 and output.count("not ok ") == 3, output
    for name in IDS:
        assert any(line.startswith(f"  {BAD}:6: ") and line.endswith(f" [{name}]")
                   for line in output.splitlines()), (name, output)


def test_a_known_finding_needs_a_reason():
    known = "".join(f"{name} {BAD} it is the fault of this test\n" for name in IDS)
    code, output = analyze(FAULT, known)
    assert code == 0 and "not ok" not in output, output
    code, output = analyze(FAULT, known.replace(f"{IDS[2]} {BAD} it is the fault of this test", f"{IDS[2]} {BAD}"))
    assert code == 1 and "not ok cppcheck" in output and "a reason is missing" in output, output


def test_a_finding_that_is_gone_is_to_be_removed():
    code, output = analyze(FAULT.replace("*none;", "none == 0;"), f"nullPointer {BAD} it was there\n")
    assert code == 1 and "tests/lint/findings:1: no tool reports this any more" in output, output


def test_a_file_that_cannot_be_compiled_is_no_success():
    code, output = analyze("int = ;\n")
    assert code == 1 and "not ok gcc" in output and "not ok clang" in output, output


absent = [tool for tool in ("gcc", "clang", "cppcheck") if not shutil.which(tool)]
if absent:
    print(f"SKIP test_each_tool_reports_a_fault: {' and '.join(absent)} not installed: deploy/deps all")
else:
    cases.run(globals())
