/*
 * plugin: the status as one line for Nagios, Icinga and what runs their plugins. It says what the
 * daemon's own status says; nothing is judged here.
 *
 * Source: Monitoring Plugins Development Guidelines, "Plugin Output" and "Plugin Return Codes".
 */
#ifndef LOCUM_CLI_PLUGIN_H
#define LOCUM_CLI_PLUGIN_H

#include "base/invariant.h"

enum locum_plugin_code {
    LOCUM_PLUGIN_OK,       /* nothing is degraded; also in drain or maint */
    LOCUM_PLUGIN_WARNING,  /* a warning keeps the status from being OK */
    LOCUM_PLUGIN_CRITICAL, /* degraded, or the daemon does not answer */
    LOCUM_PLUGIN_UNKNOWN,  /* this program cannot ask, or cannot read the answer */
};

/*
 * Print one line on standard output: the state, what is wrong, and performance data.
 *
 * socket  path of the control socket.
 * Returns a locum_plugin_code.
 */
int locum_plugin_status(const char *socket) LOCUM_MUST_CHECK;

/* Print the line for a status that cannot be asked for. Returns LOCUM_PLUGIN_UNKNOWN. */
int locum_plugin_unknown(const char *text) LOCUM_MUST_CHECK;

#endif
