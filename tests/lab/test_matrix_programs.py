#!/usr/bin/env python3
"""The faults of programs, each alone, on the site of test_matrix.py; matrix.py has the rows."""
# deadline: 400 s, beside one other

import sys

sys.dont_write_bytecode = True

import matrix                               # noqa: E402  (it sets the path for the others)
import lab                                  # noqa: E402

if __name__ == "__main__":
    lab.main(matrix.Matrix("matrix-programs").tests(matrix.PROGRAMS), far=True, compare=True)
