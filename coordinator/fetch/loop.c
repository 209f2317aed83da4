#include "fetch/loop.h"

#include <stdlib.h>

#include "base/error.h"
#include "base/timer.h"

struct locum_fetch_loop {
    struct event_base *base;
    locum_fetch_done_fn *on_done;
    CURLM *multi;
    struct locum_timer timer; /* the next deadline of libcurl */
};

static void
finish_all(struct locum_fetch_loop *self)
{
    int left = 0;
    for (CURLMsg *message = curl_multi_info_read(self->multi, &left); message != NULL;
         message = curl_multi_info_read(self->multi, &left)) {
        char *private = NULL;
        CURL *easy = message->easy_handle;
        const CURLcode result = message->data.result; /* freed with the handle */
        if (message->msg == CURLMSG_DONE &&
            curl_easy_getinfo(easy, CURLINFO_PRIVATE, &private) == CURLE_OK) {
            (void)curl_multi_remove_handle(self->multi, easy);
            self->on_done(private, result);
        }
    }
}

static void
on_socket(evutil_socket_t fd, short what, void *user)
{
    struct locum_fetch_loop *self = user;
    const int flags = ((what & EV_READ) != 0 ? CURL_CSELECT_IN : 0) |
                      ((what & EV_WRITE) != 0 ? CURL_CSELECT_OUT : 0);
    int running;
    (void)curl_multi_socket_action(self->multi, fd, flags, &running);
    finish_all(self);
}

static void
on_timer(void *user)
{
    struct locum_fetch_loop *self = user;
    int running;
    (void)curl_multi_socket_action(self->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    finish_all(self);
}

/* CURLMOPT_SOCKETFUNCTION: libcurl keeps the event of each socket; `old` is the one so far. */
static int
set_socket(CURL *easy, curl_socket_t fd, int what, void *user, void *old)
{
    struct locum_fetch_loop *self = user;
    struct event *event = NULL;
    (void)easy;
    if (old != NULL) {
        event_free(old);
    }
    if (what != CURL_POLL_REMOVE) {
        const int flags = ((what & CURL_POLL_IN) != 0 ? EV_READ : 0) |
                          ((what & CURL_POLL_OUT) != 0 ? EV_WRITE : 0) | EV_PERSIST;
        event = event_new(self->base, fd, (short)flags, on_socket, self);
        if (event != NULL && event_add(event, NULL) != 0) {
            event_free(event);
            event = NULL;
        }
    }
    (void)curl_multi_assign(self->multi, fd, event); /* `old` is freed in any case */
    return event == NULL && what != CURL_POLL_REMOVE ? -1 : 0;
}

/* CURLMOPT_TIMERFUNCTION */
static int
set_timer(CURLM *multi, long timeout_ms, void *user)
{
    struct locum_fetch_loop *self = user;
    (void)multi;
    if (timeout_ms < 0) {
        locum_timer_disarm(&self->timer);
    } else if (timeout_ms == 0) {
        locum_timer_fire(&self->timer);
    } else {
        locum_timer_arm(&self->timer, timeout_ms);
    }
    return 0;
}

int
locum_fetch_loop_create(struct event_base *base, locum_fetch_done_fn *on_done,
                        struct locum_fetch_loop **ret)
{
    struct locum_fetch_loop *self = calloc(1, sizeof(*self));
    if (self == NULL || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) { /* libcurl counts */
        free(self);
        return LOCUM_ERR_MEMORY;
    }
    self->base = base;
    self->on_done = on_done;
    self->multi = curl_multi_init();
    locum_timer_init(&self->timer, base, on_timer, self);
    if (self->multi == NULL ||
        curl_multi_setopt(self->multi, CURLMOPT_SOCKETFUNCTION, set_socket) != CURLM_OK ||
        curl_multi_setopt(self->multi, CURLMOPT_SOCKETDATA, self) != CURLM_OK ||
        curl_multi_setopt(self->multi, CURLMOPT_TIMERFUNCTION, set_timer) != CURLM_OK ||
        curl_multi_setopt(self->multi, CURLMOPT_TIMERDATA, self) != CURLM_OK) {
        locum_fetch_loop_destroy(self);
        return LOCUM_ERR_MEMORY;
    }
    *ret = self;
    return 0;
}

void
locum_fetch_loop_destroy(struct locum_fetch_loop *self)
{
    if (self == NULL) {
        return;
    }
    if (self->multi != NULL) {
        (void)curl_multi_cleanup(self->multi);
    }
    locum_timer_fini(&self->timer);
    curl_global_cleanup();
    free(self);
}

CURLMcode
locum_fetch_loop_add(struct locum_fetch_loop *self, CURL *easy)
{
    return curl_multi_add_handle(self->multi, easy);
}

void
locum_fetch_loop_remove(struct locum_fetch_loop *self, CURL *easy)
{
    (void)curl_multi_remove_handle(self->multi, easy);
}
