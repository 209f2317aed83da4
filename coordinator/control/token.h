/*
 * token: the secret that a client of acme.listen sends.
 */
#ifndef LOCUM_CONTROL_TOKEN_H
#define LOCUM_CONTROL_TOKEN_H

#include <event2/http.h>
#include <event2/keyvalq_struct.h>

#include "config/config.h"

/*
 * Find it in the headers of a request: `Authorization: Bearer TOKEN`; the password of `Basic` (RFC
 * 7617), with any user; or `X-Api-Key: TOKEN`. False: there is none that could be one.
 */
bool locum_token_find(const struct evkeyvalq *headers, char ret[LOCUM_TOKEN_MAX + 1]);

#endif
