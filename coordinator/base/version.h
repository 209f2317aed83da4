/*
 * version: the version of this program, shown in heartbeats, `locum version` and the status. This
 * is the only place where it is written; it follows semantic versioning (semver.org).
 */
#ifndef LOCUM_BASE_VERSION_H
#define LOCUM_BASE_VERSION_H

#define LOCUM_VERSION "0.1.0"

/* What `version` prints. The Makefile sets LOCUM_COMMIT for the main.c of a build from git. */
#ifdef LOCUM_COMMIT
#define LOCUM_VERSION_TEXT LOCUM_VERSION " (commit " LOCUM_COMMIT ")"
#else
#define LOCUM_VERSION_TEXT LOCUM_VERSION
#endif

#endif
