/*
 * loop: libcurl's transfers in libevent's loop (libcurl-multi(3), curl_multi_socket_action(3)).
 *
 * In: prepared easy handles, whose CURLOPT_PRIVATE the caller has set. Out: each of them when its
 * transfer has ended, well or not. Everything happens in the thread of the loop.
 */
#ifndef LOCUM_FETCH_LOOP_H
#define LOCUM_FETCH_LOOP_H

#include <curl/curl.h>
#include <event2/event.h>

#include "base/invariant.h"

struct locum_fetch_loop;

/* This handle's transfer has ended, and it may be added again or cleaned up, also from here. */
typedef void locum_fetch_done_fn(void *curlopt_private, CURLcode result);

/* base: borrowed. 0 or LOCUM_ERR_MEMORY. */
int locum_fetch_loop_create(struct event_base *base, locum_fetch_done_fn *on_done,
                            struct locum_fetch_loop **ret) LOCUM_MUST_CHECK;

/* After all its transfers have ended or were removed. NULL is fine. */
void locum_fetch_loop_destroy(struct locum_fetch_loop *self);

/* Begin a transfer; `easy` is borrowed until it has ended. on_done comes from the loop only. */
CURLMcode locum_fetch_loop_add(struct locum_fetch_loop *self, CURL *easy) LOCUM_MUST_CHECK;

/* End a transfer that is under way, without a word to on_done. */
void locum_fetch_loop_remove(struct locum_fetch_loop *self, CURL *easy);

#endif
