#include "nsd-adapter/upstream.h"

#include <stdlib.h>
#include <string.h>

#include <curl/curl.h>

#include "base/backoff.h"
#include "base/error.h"
#include "base/timeval.h"
#include "fetch/api.h"
#include "fetch/loop.h"

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
    struct locum_fetch_api_reply answer;
};

struct locum_nsd_upstream {
    const char *socket;
    locum_nsd_upstream_fn *on_zone;
    void *user;
    struct locum_fetch_loop *loop;
    struct event *again; /* the next question */
    struct call zone, report;
    char *zone_escaped;
    bool known; /* the last answer was whole: serial is what we have */
    uint32_t serial;
    struct locum_backoff backoff;
    char *unsent; /* the newest report, while an older one is under way; NULL */
};

static void
on_fetched(void *user, CURLcode result)
{
    struct call *call = user;
    call->running = false;
    call->on_done(call->upstream, result);
}

/* False: no memory. */
static bool
begin(struct call *call, const char *target, const char *post, long timeout_ms)
{
    struct locum_nsd_upstream *self = call->upstream;
    call->running = locum_fetch_api_prepare(call->easy, self->socket, target, post, timeout_ms,
                                            &call->answer) &&
                    locum_fetch_loop_add(self->loop, call->easy) == CURLM_OK;
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
    if (result == CURLE_OK && self->zone.answer.bytes != NULL) {
        json = json_loadb(self->zone.answer.bytes, self->zone.answer.length, JSON_REJECT_DUPLICATES,
                          NULL);
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

/* False: no memory. */
static bool
init_call(struct call *self)
{
    self->easy = curl_easy_init();
    self->answer.size_max = ANSWER_BYTES_MAX;
    return self->easy != NULL && curl_easy_setopt(self->easy, CURLOPT_PRIVATE, self) == CURLE_OK;
}

int
locum_nsd_upstream_create(struct event_base *base, const char *socket, const char *zone,
                          locum_nsd_upstream_fn *on_zone, void *user,
                          struct locum_nsd_upstream **ret)
{
    struct locum_fetch_loop *loop;
    struct locum_nsd_upstream *self = calloc(1, sizeof(*self));
    if (self == NULL || locum_fetch_loop_create(base, on_fetched, &loop) != 0) {
        free(self);
        return LOCUM_ERR_MEMORY;
    }
    *self = (struct locum_nsd_upstream){
        .socket = socket,
        .on_zone = on_zone,
        .user = user,
        .loop = loop,
        .again = evtimer_new(base, on_again, self),
        .zone = {.upstream = self, .on_done = on_zone_done},
        .report = {.upstream = self, .on_done = on_report_done},
        .zone_escaped = curl_easy_escape(NULL, zone, 0),
        .backoff = {.first_ms = RETRY_FIRST_MS, .max_ms = RETRY_MAX_MS},
    };
    if (self->again == NULL || self->zone_escaped == NULL || !init_call(&self->zone) ||
        !init_call(&self->report)) {
        locum_nsd_upstream_destroy(self);
        return LOCUM_ERR_MEMORY;
    }
    *ret = self;
    return 0;
}

static void
fini_call(struct call *self)
{
    if (self->running) {
        locum_fetch_loop_remove(self->upstream->loop, self->easy);
    }
    curl_easy_cleanup(self->easy);
    locum_fetch_api_reply_fini(&self->answer);
}

void
locum_nsd_upstream_destroy(struct locum_nsd_upstream *self)
{
    if (self == NULL) {
        return;
    }
    fini_call(&self->zone);
    fini_call(&self->report);
    if (self->again != NULL) {
        event_free(self->again);
    }
    curl_free(self->zone_escaped);
    free(self->unsent);
    locum_fetch_loop_destroy(self->loop);
    free(self);
}
