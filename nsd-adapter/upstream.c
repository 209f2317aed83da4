#include "nsd-adapter/upstream.h"

#include <stdlib.h>
#include <string.h>

#include <curl/curl.h>

#include "base/backoff.h"
#include "base/text_format.h"
#include "base/timer.h"
#include "fetch/api.h"
#include "fetch/loop.h"

enum {
    ANSWER_BYTES_MAX = 40 * 1024 * 1024, /* two zones as JSON strings */
    TIMEOUT_MS = 8000,                   /* the coordinator answers within 3 s */
    REPORT_TIMEOUT_MS = 2000,
    STATUS_MS = 2000,
    RETRY_FIRST_MS = 50,
    RETRY_MAX_MS = 1000,
    URL_BYTES = 400,
    WHY_BYTES = 300,
};

struct api_call {
    struct locum_nsd_upstream *upstream;
    CURL *easy;
    bool running;
    struct locum_fetch_api_reply answer;
};

struct locum_nsd_upstream {
    const char *socket;
    locum_nsd_upstream_fn *on_zone;
    void *user;
    struct locum_fetch_loop *loop;
    struct locum_timer again; /* ask for the zone again */
    struct api_call zone, report;
    const char *zone_name;
    bool known; /* the last answer was usable, with this serial */
    uint32_t serial;
    struct locum_backoff backoff;
};

static void
cancel(struct api_call *call)
{
    if (call->running) {
        locum_fetch_loop_remove(call->upstream->loop, call->easy);
        call->running = false;
    }
}

/* An earlier request is forgotten. False: out of memory. */
static bool
begin(struct api_call *call, const char *target, const char *post, long timeout_ms)
{
    struct locum_nsd_upstream *self = call->upstream;
    cancel(call);
    call->running = locum_fetch_api_prepare(call->easy, self->socket, target, post, timeout_ms,
                                            &call->answer) &&
                    locum_fetch_loop_add(self->loop, call->easy) == CURLM_OK;
    return call->running;
}

static void
ask_again(struct locum_nsd_upstream *self, bool good)
{
    locum_ms pause_ms = self->zone_name == NULL ? STATUS_MS : 0;
    if (good) {
        locum_backoff_reset(&self->backoff);
    } else {
        self->known = false;
        pause_ms = locum_backoff_next(&self->backoff, (uint32_t)random());
    }
    locum_timer_arm(&self->again, pause_ms);
}

static void
on_again(void *user)
{
    struct locum_nsd_upstream *self = user;
    char target[URL_BYTES];
    struct locum_text text = locum_text_init(target, sizeof(target));
    if (self->zone_name == NULL) {
        locum_text_add(&text, "/status");
    } else {
        locum_text_format(&text, "/zone?name=%s", self->zone_name);
    }
    if (self->known) {
        locum_text_format(&text, "&wait=%u", self->serial);
    }
    if (!begin(&self->zone, target, NULL, TIMEOUT_MS)) {
        (void)self->on_zone(self->user, NULL, "out of memory");
        ask_again(self, false);
    }
}

static void
on_fetched(void *user, CURLcode result)
{
    struct api_call *call = user;
    struct locum_nsd_upstream *self = call->upstream;
    char buffer[WHY_BYTES];
    struct locum_text why = locum_text_init(buffer, sizeof(buffer));
    long status = 0;
    long os_errno = 0;
    json_t *json = NULL;
    call->running = false;
    if (call == &self->report) {
        return; /* whatever the outcome: the next report is complete, too */
    }
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
        const char *reason = json_string_value(json_array_get(json_object_get(json, "errors"), 0));
        locum_text_format(&why, "HTTP status %ld%s%.*s", status, reason != NULL ? ": " : "",
                          WHY_BYTES / 2, reason != NULL ? reason : "");
    } else if (!json_is_object(json)) {
        locum_text_add(&why, "its answer is not a JSON object");
    }
    const bool good = self->on_zone(self->user, why.length == 0 ? json : NULL, buffer);
    if (good && self->zone_name != NULL) {
        self->known = true;
        self->serial = (uint32_t)json_integer_value(json_object_get(json, "serial"));
    }
    json_decref(json);
    ask_again(self, good);
}

void
locum_nsd_upstream_report(struct locum_nsd_upstream *self, json_t *body)
{
    char *text = body != NULL ? json_dumps(body, JSON_COMPACT) : NULL;
    json_decref(body);
    if (text != NULL) {
        (void)begin(&self->report, "/nsd", text, REPORT_TIMEOUT_MS);
    }
    free(text);
}

/* False: out of memory. */
static bool
init_call(struct api_call *self)
{
    self->easy = curl_easy_init();
    self->answer.size_max = ANSWER_BYTES_MAX;
    return self->easy != NULL && curl_easy_setopt(self->easy, CURLOPT_PRIVATE, self) == CURLE_OK;
}

struct locum_nsd_upstream *
locum_nsd_upstream_create(struct event_base *base, const char *socket, const char *zone,
                          locum_nsd_upstream_fn *on_zone, void *user)
{
    struct locum_fetch_loop *loop;
    struct locum_nsd_upstream *self = calloc(1, sizeof(*self));
    if (self == NULL || locum_fetch_loop_create(base, on_fetched, &loop) != 0) {
        free(self);
        return NULL;
    }
    *self = (struct locum_nsd_upstream){
        .socket = socket,
        .on_zone = on_zone,
        .user = user,
        .loop = loop,
        .zone = {.upstream = self},
        .report = {.upstream = self},
        .zone_name = zone,
        .backoff = {.first_ms = RETRY_FIRST_MS, .max_ms = RETRY_MAX_MS},
    };
    locum_timer_init(&self->again, base, on_again, self);
    if (!init_call(&self->zone) || !init_call(&self->report)) {
        locum_nsd_upstream_destroy(self);
        return NULL;
    }
    locum_timer_arm(&self->again, 0);
    return self;
}

static void
fini_call(struct api_call *self)
{
    cancel(self);
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
    locum_timer_fini(&self->again);
    locum_fetch_loop_destroy(self->loop);
    free(self);
}
