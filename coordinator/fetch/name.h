/*
 * name: the host name that a transfer connects to, and its addresses in the form of libcurl.
 *
 * Host names are looked up by base/resolver.h: libcurl would begin a thread for each lookup, which
 * lives on when its transfer has ended.
 */
#ifndef LOCUM_FETCH_NAME_H
#define LOCUM_FETCH_NAME_H

#include <curl/curl.h>

#include "base/resolver.h"

/* The host name that a URL connects to. Zeros: it is an address. */
struct locum_fetch_name {
    char host[LOCUM_HOST_MAX + 1];
    char port[8];
    struct curl_slist *addresses; /* for libcurl; the owner frees it */
};

/* Note the host of the URL, if it is a name, and have it looked up. */
void locum_fetch_name_note(struct locum_fetch_name *self, CURLU *url, struct locum_resolver *names);

/* Give libcurl the addresses, so that it looks nothing up. False: no memory. */
bool locum_fetch_name_set(struct locum_fetch_name *self, CURL *easy, const struct locum_address *at,
                          size_t count) LOCUM_MUST_CHECK;

#endif
