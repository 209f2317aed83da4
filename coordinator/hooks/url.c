/*
 * A hook that posts the event to a URL (fetch/loop.h). A status of 200 to 299: delivered.
 *
 * Every attempt has its own connection and one deadline for all of it, name lookup and answer
 * included. Redirects are not followed, and only HTTP and HTTPS are spoken. A proxy of the
 * environment is ignored. Chain and name of a certificate are verified, against the system's
 * authorities. Of the answer only the status counts; at most ANSWER_BYTES_MAX are read.
 *
 * With a secret the header X-Locum-Signature has the HMAC-SHA256 (RFC 2104) of the body.
 *
 * Nothing of the URL but its host is in a text that others see: the rest may be secret.
 */
#include <curl/curl.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/foreign.h"
#include "base/signature.h"
#include "base/text_format.h"
#include "base/timer.h"
#include "fetch/name.h"
#include "fetch/options.h"
#include "hooks/deliver.h"

enum { ANSWER_BYTES_MAX = 16 * 1024 }; /* head and body together */

struct url_way {
    const struct locum_deliver *means;
    CURL *easy;
    struct curl_slist *headers;  /* of this attempt */
    struct locum_slice body;     /* of this attempt; borrowed */
    char error[CURL_ERROR_SIZE]; /* libcurl's message for the last failure */
    struct locum_fetch_name name;
    struct locum_timer deadline; /* armed while an attempt waits for the addresses of the name */
    bool running;
    size_t answer_bytes;
};

static void
end(struct url_way *self, enum locum_deliver_outcome outcome, const char *text)
{
    self->running = false;
    locum_timer_disarm(&self->deadline);
    self->means->on_done(self->means->user, outcome, text);
}

/* Of an answer. */
static enum locum_deliver_outcome
judge_status(long code, struct locum_text *text)
{
    if (code >= 200 && code <= 299) {
        return LOCUM_DELIVERED;
    }
    if (code >= 300 && code <= 399) {
        locum_text_add(text, ": redirects are not followed");
    } else if (code == 401 || code == 403) {
        locum_text_add(text, ": the server refuses this sender");
    }
    return code == 408 || code == 429 || code >= 500 ? LOCUM_DELIVER_AGAIN : LOCUM_DELIVER_FAILED;
}

static enum locum_deliver_outcome
judge(const struct url_way *self, CURLcode result, struct locum_text *text)
{
    long code = 0;
    long os_errno = 0;
    (void)curl_easy_getinfo(self->easy, CURLINFO_RESPONSE_CODE, &code);
    (void)curl_easy_getinfo(self->easy, CURLINFO_OS_ERRNO, &os_errno);
    if (result == CURLE_OK || code >= 200) { /* a status is an outcome, whatever follows it */
        locum_text_format(text, "status %ld in %" PRId64 " ms", code,
                          locum_clock_read().mono - self->means->started);
        return judge_status(code, text);
    }
    if (result == CURLE_OPERATION_TIMEDOUT) {
        locum_text_format(text, "no answer within %s",
                          locum_text_duration(self->means->hook->timeout_ms).text);
    } else if (result == CURLE_COULDNT_CONNECT && os_errno != 0) {
        locum_text_add(text, strerror((int)os_errno));
    } else {
        const char *message = self->error[0] != '\0' ? self->error : curl_easy_strerror(result);
        locum_foreign_add(text, locum_slice_of(message), LOCUM_DELIVER_TEXT_MAX);
    }
    return LOCUM_DELIVER_AGAIN;
}

void
locum_deliver_fetched(void *way, CURLcode result)
{
    struct url_way *self = way;
    char buffer[LOCUM_DELIVER_TEXT_MAX];
    struct locum_text text = locum_text_init(buffer, sizeof(buffer));
    const enum locum_deliver_outcome outcome = judge(self, result, &text);
    if (result == CURLE_COULDNT_CONNECT && self->name.host[0] != '\0') {
        locum_resolver_refresh(self->means->names, self->name.host);
    }
    end(self, outcome, buffer);
}

/* CURLOPT_HEADERFUNCTION and CURLOPT_WRITEFUNCTION: drop it; end the transfer beyond the limit. */
static size_t
count_bytes(char *bytes, size_t size, size_t count, void *user)
{
    struct url_way *self = user;
    (void)bytes;
    self->answer_bytes += size * count;
    return self->answer_bytes > ANSWER_BYTES_MAX ? 0 : size * count;
}

/* False: no memory. */
static bool
set_options(struct url_way *self)
{
    CURL *easy = self->easy;
    return locum_fetch_options_set(easy, self, self->means->agent, self->error) &&
           curl_easy_setopt(easy, CURLOPT_POST, 1L) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_WRITEDATA, self) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, count_bytes) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_HEADERDATA, self) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, count_bytes) == CURLE_OK;
}

/* False: no memory. */
static bool
set_url(struct url_way *self)
{
    const char *text = self->means->hook->url;
    CURLU *url = curl_url();
    bool set = url != NULL;
    if (set && curl_url_set(url, CURLUPART_URL, text, 0) == CURLUE_OK) {
        locum_fetch_name_note(&self->name, url, self->means->names);
    }
    set = set && curl_easy_setopt(self->easy, CURLOPT_URL, text) == CURLE_OK;
    curl_url_cleanup(url);
    return set;
}

static void
destroy(void *way)
{
    struct url_way *self = way;
    if (self->running && !locum_timer_armed(&self->deadline)) {
        locum_fetch_loop_remove(self->means->fetch, self->easy);
    }
    locum_timer_fini(&self->deadline);
    curl_easy_cleanup(self->easy);
    curl_slist_free_all(self->headers);
    curl_slist_free_all(self->name.addresses);
    free(self);
}

/* False: no memory. */
static bool
add_header(struct url_way *self, const char *header)
{
    struct curl_slist *longer = curl_slist_append(self->headers, header);
    self->headers = longer != NULL ? longer : self->headers;
    return longer != NULL;
}

/* Body and headers of an attempt. False: no memory. */
static bool
set_body(struct url_way *self)
{
    const struct locum_slice secret = locum_slice_of(self->means->hook->secret);
    uint8_t mac[LOCUM_DIGEST_BYTES];
    char header[sizeof("X-Locum-Signature: sha256=") + 2 * LOCUM_DIGEST_BYTES];
    struct locum_text text = locum_text_init(header, sizeof(header));
    curl_slist_free_all(self->headers);
    self->headers = NULL;
    if (secret.length > 0) {
        if (locum_signature_hmac(secret, self->body, mac) != 0) {
            return false;
        }
        locum_text_add(&text, "X-Locum-Signature: sha256=");
        locum_text_add_hex(&text, mac, sizeof(mac));
    }
    return add_header(self, "Content-Type: application/json") && add_header(self, "Expect:") &&
           (secret.length == 0 || add_header(self, header)) &&
           curl_easy_setopt(self->easy, CURLOPT_HTTPHEADER, self->headers) == CURLE_OK &&
           curl_easy_setopt(self->easy, CURLOPT_POSTFIELDSIZE, (long)self->body.length) ==
               CURLE_OK &&
           curl_easy_setopt(self->easy, CURLOPT_POSTFIELDS, self->body.at) == CURLE_OK;
}

/* Begin the transfer; the rest of the time is its own. */
static void
transfer(struct url_way *self)
{
    const locum_ms gone_ms = locum_clock_read().mono - self->means->started;
    const locum_ms left_ms = self->means->hook->timeout_ms - gone_ms;
    const long timeout_ms = left_ms > 1 ? (long)left_ms : 1;
    if (!set_body(self) ||
        curl_easy_setopt(self->easy, CURLOPT_TIMEOUT_MS, timeout_ms) != CURLE_OK ||
        curl_easy_setopt(self->easy, CURLOPT_CONNECTTIMEOUT_MS, timeout_ms) != CURLE_OK ||
        locum_fetch_loop_add(self->means->fetch, self->easy) != CURLM_OK) {
        end(self, LOCUM_DELIVER_AGAIN, strerror(ENOMEM));
    }
}

/* The name has no address. */
static void
fail_lookup(struct url_way *self, const char *why)
{
    char buffer[LOCUM_DELIVER_TEXT_MAX];
    struct locum_text text = locum_text_init(buffer, sizeof(buffer));
    locum_foreign_add(&text, locum_slice_of(self->name.host), LOCUM_DELIVER_TEXT_MAX);
    locum_text_format(&text, ": %s", why);
    end(self, LOCUM_DELIVER_AGAIN, buffer);
}

static void
on_deadline(void *user)
{
    fail_lookup(user, "no answer of a name server");
}

/* Connect to the addresses that are known; if none is, wait for the lookup. */
static void
connect_to_name(struct url_way *self)
{
    const struct locum_address *addresses;
    const char *why;
    const size_t count =
        locum_resolver_addresses(self->means->names, self->name.host, &addresses, &why);
    if (count == 0 && why[0] == '\0') {
        if (!locum_timer_armed(&self->deadline)) {
            locum_timer_arm(&self->deadline, self->means->hook->timeout_ms);
        }
        return;
    }
    locum_timer_disarm(&self->deadline);
    if (count == 0) {
        fail_lookup(self, why);
    } else if (locum_fetch_name_set(&self->name, self->easy, addresses, count)) {
        transfer(self);
    } else {
        end(self, LOCUM_DELIVER_AGAIN, strerror(ENOMEM));
    }
}

void
locum_deliver_names_changed(void *way)
{
    struct url_way *self = way;
    if (locum_timer_armed(&self->deadline)) {
        connect_to_name(self);
    }
}

static void
start(void *way, struct locum_slice body)
{
    struct url_way *self = way;
    LOCUM_INVARIANT(!self->running && body.length > 0);
    self->running = true;
    self->answer_bytes = 0;
    self->error[0] = '\0';
    self->body = (struct locum_slice){.at = body.at, .length = body.length - 1};
    if (self->name.host[0] != '\0') {
        connect_to_name(self);
    } else {
        transfer(self);
    }
}

static void *
create(const struct locum_deliver *means)
{
    struct url_way *self = calloc(1, sizeof(*self));
    if (self == NULL) {
        return NULL;
    }
    self->means = means;
    locum_timer_init(&self->deadline, means->base, on_deadline, self);
    self->easy = curl_easy_init();
    if (self->easy == NULL || !set_options(self) || !set_url(self)) {
        destroy(self);
        return NULL;
    }
    return self;
}

const struct locum_deliver_way locum_deliver_url = {create, start, destroy};
