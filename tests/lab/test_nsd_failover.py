#!/usr/bin/env python3
"""
The additional delay of a failover where NSD owns port 53: each server answers in two ways, by Locum
itself and by the NSD that locum-nsd feeds from the same coordinator, under the same faults.
"""
# deadline: 300 s, beside one other

import sys

sys.dont_write_bytecode = True

import matrix                               # noqa: E402  (it sets the path for the others)
import lab                                  # noqa: E402
from article import LATER_ALLOWED_S         # noqa: E402
from lab import check, check_times          # noqa: E402


class Beside(matrix.Matrix):
    """The rows of the laboratory about failover, in both ways."""

    def _draw(self, row, one, host):
        """No picture: it shows the three ways of test_matrix.py."""

    @staticmethod
    def _judge(row, rounds, schemes):
        itself, by_nsd = schemes
        for scheme in schemes:
            for word in ("wrong", "empty", "lost"):
                number = sum(r.counts(scheme)[word] for r in rounds)
                check(number == 0, f"{scheme.label}: {number} answers {word}")
            check(all(r.counts(scheme)["right"] for r in rounds),
                  f"{scheme.label}: no query was sent")
        for scheme, allowed_s in ((itself, row.right_s), (by_nsd, row.right_s + LATER_ALLOWED_S)):
            check_times(f"{row.name}, {scheme.label}: all nodes right",
                        [r.right(scheme) for r in rounds], allowed_s)
        back = [(r.normal(itself), r.normal(by_nsd)) for r in rounds]
        check(all(None not in pair for pair in back), f"not as before again: {back}")
        check_times(f"{row.name}: back to normal, NSD later than Locum",
                    [max(nsd - own, 0.0) for own, nsd in back], LATER_ALLOWED_S)


if __name__ == "__main__":
    rows = Beside("nsd").tests(matrix.HOSTS, ["web server stops", "Redis master on it"])
    lab.main(rows, far=True, adapter=True, beside=True)
