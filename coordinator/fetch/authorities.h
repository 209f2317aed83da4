/*
 * authorities: the system's certificate authorities, read once and kept by libcurl.
 *
 * libcurl keeps what it has read from a bundle (CURLOPT_CA_CACHE_TIMEOUT(3), 24 hours), in the loop
 * of the transfers (loop.h), but only if it searches no directory besides.
 */
#ifndef LOCUM_FETCH_AUTHORITIES_H
#define LOCUM_FETCH_AUTHORITIES_H

#include <stdbool.h>

#include <curl/curl.h>

#include "base/invariant.h"

/* Trust those of libcurl's own bundle, if it has one. False: no memory. */
bool locum_fetch_authorities_set(CURL *easy) LOCUM_MUST_CHECK;

#endif
