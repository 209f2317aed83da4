/*
 * options: what every transfer of this program does: no proxy, HTTP or HTTPS 1.1 alone, a
 * connection of its own, no redirect, and a certificate that is verified each time.
 *
 * The system's certificate authorities are read once and kept by libcurl in the loop of the
 * transfers (loop.h) for 24 hours (CURLOPT_CA_CACHE_TIMEOUT(3)), which it only does if it searches
 * no directory besides its bundle.
 */
#ifndef LOCUM_FETCH_OPTIONS_H
#define LOCUM_FETCH_OPTIONS_H

#include <stdbool.h>

#include <curl/curl.h>

#include "base/invariant.h"

/*
 * Set them. False: no memory.
 *
 * user   CURLOPT_PRIVATE.
 * agent  the User-Agent header; copied.
 * error  libcurl's message for the last failure; borrowed.
 */
bool locum_fetch_options_set(CURL *easy, void *user, const char *agent,
                             char error[CURL_ERROR_SIZE]) LOCUM_MUST_CHECK;

#endif
