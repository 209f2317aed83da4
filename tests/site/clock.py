"""clock: a false wall clock for programs, by a library that is loaded before theirs."""

import os
import struct
import subprocess
import time

DAY_S = 86400
# Shifts the wall clock of a program by SHIFT_S seconds, and by the 64-bit number in the file SHIFT_FILE.
LIBRARY = r"""
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>
static const volatile int64_t *moved;
__attribute__((constructor)) static void begin(void) {
    const char *name = getenv("SHIFT_FILE");
    const int file = name == NULL ? -1 : open(name, O_RDONLY | O_CLOEXEC);
    if (file < 0) return;
    void *map = mmap(NULL, sizeof(*moved), PROT_READ, MAP_SHARED, file, 0);
    moved = map == MAP_FAILED ? NULL : map;
    close(file);
}
int clock_gettime(clockid_t id, struct timespec *now) {
    const long failed = syscall(SYS_clock_gettime, id, now);
    const char *shift = getenv("SHIFT_S");
    if (failed == 0 && id == CLOCK_REALTIME && shift != NULL) now->tv_sec += atol(shift);
    if (failed == 0 && id == CLOCK_REALTIME && moved != NULL) now->tv_sec += *moved;
    return (int)failed;
}
time_t time(time_t *ret) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (ret != NULL) *ret = now.tv_sec;
    return now.tv_sec;
}
int gettimeofday(struct timeval *ret, void *zone) {
    struct timespec now;
    (void)zone;
    clock_gettime(CLOCK_REALTIME, &now);
    ret->tv_sec = now.tv_sec;
    ret->tv_usec = now.tv_nsec / 1000;
    return 0;
}
"""


def library(folder):
    """Build it in this folder; returns its path."""
    path = folder / "clock.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-o", str(path), "-x", "c", "-"], input=LIBRARY, text=True, check=True)
    return str(path)


def environment(path, **shift):
    """With the library; AddressSanitizer wants to be the first one, and need not be."""
    options = ":".join(filter(None, [os.environ.get("ASAN_OPTIONS"), "verify_asan_link_order=0"]))
    return {**os.environ, "LD_PRELOAD": path, "ASAN_OPTIONS": options, **shift}


def shifted(path, shift_s):
    """An environment in which programs have this clock."""
    return environment(path, SHIFT_S=str(shift_s))


class Midnight:
    """A clock that several programs share. It begins shortly before midnight UTC, and can be moved closer."""

    def __init__(self, folder, before_s):
        """before_s: how long before midnight it begins; less than 5 minutes, which counts as a wrong clock."""
        self.library, self.file = library(folder), folder / "shift"
        self.file.write_bytes(bytes(8))
        self.environment = environment(self.library, SHIFT_FILE=str(self.file))
        now = time.time()
        self.midnight = (int(now) // DAY_S + 1) * DAY_S
        self._shift(int(self.midnight - before_s - now))

    def _shift(self, shift_s):
        self.shift_s = shift_s
        with open(self.file, "r+b") as file:      # in place: the programs have it mapped
            file.write(struct.pack("=q", shift_s))

    def left_s(self):
        """Seconds until midnight on this clock."""
        return self.midnight - time.time() - self.shift_s

    def approach(self, left_s):
        """Move it forward, so that this much is left until midnight; not if less is left already."""
        self._shift(self.shift_s + max(0, int(self.left_s() - left_s)))
