/*
 * certificate: the server's certificate of a transfer.
 */
#ifndef LOCUM_FETCH_CERTIFICATE_H
#define LOCUM_FETCH_CERTIFICATE_H

#include <stdbool.h>
#include <stdint.h>

#include <curl/curl.h>

#include "base/invariant.h"

/* Verify chain and name, or only look at it; keep what it says. False: no memory. */
bool locum_fetch_certificate_verify(CURL *easy, bool verify) LOCUM_MUST_CHECK;

/* After the transfer: when it ends, in seconds since 1970; 0: none was seen. */
int64_t locum_fetch_certificate_end(CURL *easy);

#endif
