/*
 * version: the version of this program, shown in heartbeats, `locum version` and the status.
 */
#ifndef LOCUM_BASE_VERSION_H
#define LOCUM_BASE_VERSION_H

#define LOCUM_VERSION "0.1.0"

#endif
