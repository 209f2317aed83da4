"""Runs the functions named test_... of a module and prints the lines of tests/README.md."""

import sys
import traceback


def run(module):
    """module: globals() of the caller. Ends the program."""
    failed = 0
    for name, case in list(module.items()):
        if not name.startswith("test_"):
            continue
        try:
            case()
        except Exception as error:  # any exception fails the case
            traceback.print_exc(file=sys.stdout)
            print(f"not ok {name}: {type(error).__name__} {str(error).splitlines()[:1]}")
            failed += 1
        else:
            print(f"ok {name}")
        sys.stdout.flush()
    sys.exit(1 if failed else 0)
