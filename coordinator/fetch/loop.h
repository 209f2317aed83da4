/*
 * loop: libcurl's transfers in libevent's loop (libcurl-multi(3), curl_multi_socket_action(3)).
 *
 * In: prepared easy handles, whose CURLOPT_PRIVATE the caller has set. Out: each handle when its
 * transfer has succeeded or failed. Everything happens in the thread of the loop.
 */
#ifndef LOCUM_FETCH_LOOP_H
#define LOCUM_FETCH_LOOP_H

#include <curl/curl.h>
#include <event2/event.h>

#include "base/invariant.h"

struct locum_fetch_loop;

/* The transfer of a handle has ended; the handle may be added again or cleaned up from here. */
typedef void locum_fetch_done_fn(void *curlopt_private, CURLcode result);

/* base: borrowed. 0 or LOCUM_ERR_MEMORY. */
int locum_fetch_loop_create(struct event_base *base, locum_fetch_done_fn *on_done,
                            struct locum_fetch_loop **ret) LOCUM_MUST_CHECK;

/* After all its transfers have ended or were removed. NULL is fine. */
void locum_fetch_loop_destroy(struct locum_fetch_loop *self);

/* Start a transfer; `easy` is borrowed until it has ended. Only the loop calls on_done. */
CURLMcode locum_fetch_loop_add(struct locum_fetch_loop *self, CURL *easy) LOCUM_MUST_CHECK;

/* Cancel a running transfer; on_done is not called. */
void locum_fetch_loop_remove(struct locum_fetch_loop *self, CURL *easy);

#endif
