/*
 * confine: the program gives up, for itself, its threads, its children and whatever it executes,
 * the system calls that only an attacker would want (seccomp(2), on top of a unit's sandbox).
 *
 * It cannot be undone, and outlives execve(2). So the filter is the same for every configuration:
 * it allows everything but a list (confine.c). A denied call fails with EPERM. A program of another
 * architecture is killed (SIGSYS). no_new_privs is set: no setuid program gains rights (prctl(2)).
 *
 * The program's memory holds keys and passwords: it leaves no core file, and no other process of
 * its user can trace it or read its memory (PR_SET_DUMPABLE). This does not hold for what it
 * executes.
 */
#ifndef LOCUM_BASE_CONFINE_H
#define LOCUM_BASE_CONFINE_H

/*
 * Call it while this process has one thread. Does nothing if this list is in force already, as it
 * is in a program that has replaced another one. A failure (a kernel without seccomp) is logged,
 * and the program goes on without it.
 */
void locum_confine(void);

#endif
