#include "nsd-adapter/upstream.h"

#include <stdlib.h>
#include <string.h>

#include <curl/curl.h>

#include "base/backoff.h"
#include "base/error.h"
#include "base/timeval.h"

enum {
    ANSWER_BYTES_MAX = 40 * 1024 * 1024, /* two zones, escaped */
    TIMEOUT_MS = 8000, /* longer than the coordinator holds a request (3 s), shorter than lost */
    REPORT_TIMEOUT_MS = 2000,
    RETRY_FIRST_MS = 50,
    RETRY_MAX_MS = 1000,
    URL_BYTES = 1200,
    WHY_BYTES = 300,
};

struct call {
    struct locum_nsd_upstream *upstream;
    void (*on_done)(struct locum_nsd_upstream *upstream, CURLcode result);
    CURL *easy;
    bool running;
    char *bytes;
    size_t length;
};

struct locum_nsd_upstream {
    struct event_base *base;
    const char *socket;
    locum_nsd_upstream_fn *on_zone;
    void *user;
    CURLM *multi;
    struct event *timer; /* libcurl's own next deadline */
    struct event *again; /* the next question */
    struct call zone, report;
    char *zone_escaped;
    bool known; /* the last answer was whole: serial is what we have */
    uint32_t serial;
    struct locum_backoff backoff;
    char *unsent; /* the newest report, while an older one is under way; NULL */
};

static size_t
on_bytes(char *bytes, size_t one, size_t length, void *user)
{
    struct call *self = user;
    (void)one; /* always 1: CURLOPT_WRITEFUNCTION(3) */
    if (length > ANSWER_BYTES_MAX - self->length) {
        return 0;
    }
    char *grown = realloc(self->bytes, self->length + length + 1);
    if (grown == NULL) {
        return 0;
    }
    memcpy(grown + self->length, bytes, length);
    self->bytes = grown;
    self->length += length;
    return length;
}

static void
finish_all(struct locum_nsd_upstream *self)
{
    int left = 0;
    for (CURLMsg *message = curl_multi_info_read(self->multi, &left); message != NULL;
         message = curl_multi_info_read(self->multi, &left)) {
        if (message->msg == CURLMSG_DONE) {
            struct call *call =
                message->easy_handle == self->zone.easy ? &self->zone : &self->report;
            const CURLcode result = message->data.result;
            (void)curl_multi_remove_handle(self->multi, call->easy);
            call->running = false;
            call->on_done(self, result);
        }
    }
}

static void
on_socket(evutil_socket_t fd, short what, void *user)
{
    struct locum_nsd_upstream *self = user;
    const int flags = ((what & EV_READ) != 0 ? CURL_CSELECT_IN : 0) |
                      ((what & EV_WRITE) != 0 ? CURL_CSELECT_OUT : 0);
    int running;
    (void)curl_multi_socket_action(self->multi, fd, flags, &running);
    finish_all(self);
}

static void
on_timer(evutil_socket_t fd, short what, void *user)
{
    struct locum_nsd_upstream *self = user;
    int running;
    (void)fd, (void)what;
    (void)curl_multi_socket_action(self->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    finish_all(self);
}

/* CURLMOPT_SOCKETFUNCTION: the event of a socket is kept by libcurl as its `event`. */
static int
set_socket(CURL *easy, curl_socket_t fd, int what, void *user, void *old)
{
    struct locum_nsd_upstream *self = user;
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
    (void)curl_multi_assign(self->multi, fd, event); /* `old` is gone whatever happened */
    return event == NULL && what != CURL_POLL_REMOVE ? -1 : 0;
}

/* CURLMOPT_TIMERFUNCTION */
static int
set_timer(CURLM *multi, long timeout_ms, void *user)
{
    struct locum_nsd_upstream *self = user;
    const struct timeval wait = locum_timeval(timeout_ms);
    (void)multi;
    return timeout_ms < 0 ? event_del(self->timer) : event_add(self->timer, &wait);
}

/* False: no memory. */
static bool
begin(struct call *call, const char *target, const char *post, long timeout_ms)
{
    char url[URL_BYTES];
    struct locum_nsd_upstream *self = call->upstream;
    struct locum_text text = locum_text_init(url, sizeof(url));
    locum_text_add(&text, "http://locum");
    locum_text_add(&text, target);
    free(call->bytes);
    call->bytes = NULL;
    call->length = 0;
    call->running =
        !text.truncated && curl_easy_setopt(call->easy, CURLOPT_URL, url) == CURLE_OK &&
        curl_easy_setopt(call->easy, CURLOPT_UNIX_SOCKET_PATH, self->socket) == CURLE_OK &&
        curl_easy_setopt(call->easy, CURLOPT_PROXY, "") == CURLE_OK &&
        curl_easy_setopt(call->easy, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
        curl_easy_setopt(call->easy, CURLOPT_TIMEOUT_MS, timeout_ms) == CURLE_OK &&
        curl_easy_setopt(call->easy, CURLOPT_WRITEFUNCTION, on_bytes) == CURLE_OK &&
        curl_easy_setopt(call->easy, CURLOPT_WRITEDATA, call) == CURLE_OK &&
        (post == NULL || curl_easy_setopt(call->easy, CURLOPT_COPYPOSTFIELDS, post) == CURLE_OK) &&
        curl_multi_add_handle(self->multi, call->easy) == CURLM_OK;
    return call->running;
}

static void
ask_again(struct locum_nsd_upstream *self, bool good)
{
    struct timeval wait = {0};
    if (good) {
        locum_backoff_reset(&self->backoff);
    } else {
        self->known = false;
        wait = locum_timeval(locum_backoff_next(&self->backoff, (uint32_t)random()));
    }
    (void)event_add(self->again, &wait);
}

static void
on_again(evutil_socket_t fd, short what, void *user)
{
    struct locum_nsd_upstream *self = user;
    char target[URL_BYTES];
    struct locum_text text = locum_text_init(target, sizeof(target));
    (void)fd, (void)what;
    locum_text_add(&text, "/zone?name=");
    locum_text_add(&text, self->zone_escaped);
    if (self->known) {
        locum_text_add(&text, "&wait=");
        locum_text_add_u64(&text, self->serial);
    }
    if (!begin(&self->zone, target, NULL, TIMEOUT_MS)) {
        (void)self->on_zone(self->user, NULL, "out of memory");
        ask_again(self, false);
    }
}

/* The coordinator's own reason, "HTTP status 404: such is no zone of this cluster". */
static void
add_refusal(long status, const json_t *json, struct locum_text *why)
{
    const char *reason = json_string_value(json_array_get(json_object_get(json, "errors"), 0));
    locum_text_add(why, "HTTP status ");
    locum_text_add_i64(why, status);
    if (reason != NULL) {
        locum_text_add(why, ": ");
        locum_text_add_bytes(why, reason, strnlen(reason, WHY_BYTES / 2));
    }
}

static void
on_zone_done(struct locum_nsd_upstream *self, CURLcode result)
{
    char buffer[WHY_BYTES];
    struct locum_text why = locum_text_init(buffer, sizeof(buffer));
    long status = 0;
    long os_errno = 0;
    json_t *json = NULL;
    (void)curl_easy_getinfo(self->zone.easy, CURLINFO_RESPONSE_CODE, &status);
    (void)curl_easy_getinfo(self->zone.easy, CURLINFO_OS_ERRNO, &os_errno);
    if (result == CURLE_OK && self->zone.bytes != NULL) {
        json = json_loadb(self->zone.bytes, self->zone.length, JSON_REJECT_DUPLICATES, NULL);
    }
    if (result != CURLE_OK) {
        const bool refused = result == CURLE_COULDNT_CONNECT && os_errno != 0;
        locum_text_add(&why, refused ? strerror((int)os_errno) : curl_easy_strerror(result));
    } else if (status != 200) {
        add_refusal(status, json, &why);
    } else if (!json_is_object(json)) {
        locum_text_add(&why, "its answer is no JSON object");
    }
    const bool good = self->on_zone(self->user, why.length == 0 ? json : NULL, buffer);
    if (good) {
        self->known = true;
        self->serial = (uint32_t)json_integer_value(json_object_get(json, "serial"));
    }
    json_decref(json);
    ask_again(self, good);
}

static void
send_report(struct locum_nsd_upstream *self, const char *body)
{
    (void)begin(&self->report, "/nsd", body, REPORT_TIMEOUT_MS);
}

static void
on_report_done(struct locum_nsd_upstream *self, CURLcode result)
{
    (void)result; /* the next report says it all again */
    if (self->unsent != NULL) {
        send_report(self, self->unsent);
        free(self->unsent);
        self->unsent = NULL;
    }
}

void
locum_nsd_upstream_report(struct locum_nsd_upstream *self, json_t *body)
{
    char *text = body != NULL ? json_dumps(body, JSON_COMPACT) : NULL;
    json_decref(body);
    if (text == NULL) {
        return;
    }
    if (self->report.running) {
        free(self->unsent);
        self->unsent = text;
        return;
    }
    send_report(self, text);
    free(text);
}

void
locum_nsd_upstream_start(struct locum_nsd_upstream *self)
{
    ask_again(self, true);
}

int
locum_nsd_upstream_create(struct event_base *base, const char *socket, const char *zone,
                          locum_nsd_upstream_fn *on_zone, void *user,
                          struct locum_nsd_upstream **ret)
{
    struct locum_nsd_upstream *self = calloc(1, sizeof(*self));
    if (self == NULL || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        free(self);
        return LOCUM_ERR_MEMORY;
    }
    *self = (struct locum_nsd_upstream){
        .base = base,
        .socket = socket,
        .on_zone = on_zone,
        .user = user,
        .multi = curl_multi_init(),
        .timer = evtimer_new(base, on_timer, self),
        .again = evtimer_new(base, on_again, self),
        .zone = {.upstream = self, .on_done = on_zone_done, .easy = curl_easy_init()},
        .report = {.upstream = self, .on_done = on_report_done, .easy = curl_easy_init()},
        .zone_escaped = curl_easy_escape(NULL, zone, 0),
        .backoff = {.first_ms = RETRY_FIRST_MS, .max_ms = RETRY_MAX_MS},
    };
    if (self->multi == NULL || self->timer == NULL || self->again == NULL ||
        self->zone.easy == NULL || self->report.easy == NULL || self->zone_escaped == NULL ||
        curl_multi_setopt(self->multi, CURLMOPT_SOCKETFUNCTION, set_socket) != CURLM_OK ||
        curl_multi_setopt(self->multi, CURLMOPT_SOCKETDATA, self) != CURLM_OK ||
        curl_multi_setopt(self->multi, CURLMOPT_TIMERFUNCTION, set_timer) != CURLM_OK ||
        curl_multi_setopt(self->multi, CURLMOPT_TIMERDATA, self) != CURLM_OK) {
        locum_nsd_upstream_destroy(self);
        return LOCUM_ERR_MEMORY;
    }
    *ret = self;
    return 0;
}

static void
destroy_call(struct locum_nsd_upstream *self, struct call *call)
{
    if (call->running) {
        (void)curl_multi_remove_handle(self->multi, call->easy);
    }
    curl_easy_cleanup(call->easy);
    free(call->bytes);
}

void
locum_nsd_upstream_destroy(struct locum_nsd_upstream *self)
{
    if (self == NULL) {
        return;
    }
    destroy_call(self, &self->zone);
    destroy_call(self, &self->report);
    if (self->multi != NULL) {
        (void)curl_multi_cleanup(self->multi);
    }
    if (self->timer != NULL) {
        event_free(self->timer);
    }
    if (self->again != NULL) {
        event_free(self->again);
    }
    curl_free(self->zone_escaped);
    free(self->unsent);
    free(self);
    curl_global_cleanup();
}
