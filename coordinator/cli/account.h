/*
 * account: `locum acme account NAME`, for clients of acme-dns. It needs no daemon; it reads the
 * token, so the user must be able to read acme.token-file.
 */
#ifndef LOCUM_CLI_ACCOUNT_H
#define LOCUM_CLI_ACCOUNT_H

#include "cli/cli.h"

/* Part of the command `acme`. */
extern const struct locum_cli_command locum_account_command;

/* Do these arguments ask for it? argv[0] is the name of the command. */
bool locum_account_is_meant(int argc, char **argv);

#endif
