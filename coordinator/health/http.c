/*
 * A check that fetches a URL (fetch/loop.h) and judges the answer (answer.c).
 *
 * Every probe has its own connection and one deadline for all of it, name lookup and body included,
 * so a server that sends slowly cannot prolong it. Host names are looked up by base/resolver.h
 * (fetch/name.h). Redirects are not followed: they are an answer. The body is read up to
 * HTTP_BYTES_MAX. A proxy of the environment is ignored. Chain and name of a certificate are
 * verified, against the system's authorities or, with a ca-file, against those only; libcurl's
 * message for a failure is in the outcome's text.
 *
 * If the check has a host, that replaces the URL's own in the Host header and SNI, and must be in
 * the certificate; the connection goes to connect-to, or else to the URL's own host.
 */
#include <curl/curl.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/foreign.h"
#include "base/text_format.h"
#include "base/timer.h"
#include "health/transfer.h"

enum { HTTP_BYTES_MAX = 64 * 1024 }; /* head and body together */

/* CURLE_too_large of libcurl 8.6; before, CURLE_OUT_OF_MEMORY. */
static const CURLcode too_large = (CURLcode)100;

struct http_check {
    const struct locum_probe *probe;
    struct locum_transfer transfer;
    struct curl_slist *headers;    /* those of the check, and Host; NULL: none given */
    struct curl_slist *connect_to; /* where to connect; NULL: to the host of the URL */
    char *body;                    /* HTTP_BYTES_MAX; NULL: no pattern needs it */
    size_t body_bytes;             /* bytes of it that this probe read */
    struct locum_fetch_name name;
    struct locum_timer deadline; /* armed while a probe waits for the addresses of the name */
    bool running;
    size_t size_bytes; /* received by this probe */
};

/* The probe has ended. */
static void
end(struct http_check *self, enum locum_sample outcome, const char *text)
{
    self->running = false;
    locum_timer_disarm(&self->deadline);
    self->probe->on_done(self->probe->user, outcome, text);
}

/* Results that libcurl's own texts do not explain. False: it is another one. */
static bool
explain(const struct http_check *self, CURLcode result, long code, struct locum_text *text)
{
    if (result == CURLE_OUT_OF_MEMORY || result == too_large) {
        if (code > 0) {
            locum_text_format(text, "%ld, but ", code);
        }
        locum_text_add(text, "a line of its headers is too long to be read");
    } else if (result == CURLE_OPERATION_TIMEDOUT) {
        if (code > 0) {
            locum_text_format(text, "%ld, but not complete", code);
        } else {
            locum_text_add(text, "no answer");
        }
        locum_text_format(text, " within %" PRId64 " ms", self->probe->check->timeout_ms);
    } else if (strstr(self->transfer.error, "HTTP/0.9") != NULL ||
               strstr(self->transfer.error, "no application protocol") !=
                   NULL) { /* an alert of TLS */
        locum_text_add(text, "the server does not speak HTTP/1.1 on this port, but only HTTP/2 or "
                             "another protocol");
    } else {
        return false;
    }
    return true;
}

static enum locum_sample
judge(const struct http_check *self, CURLcode result, struct locum_text *text)
{
    long code = 0;
    char *location = NULL;
    (void)curl_easy_getinfo(self->transfer.easy, CURLINFO_REDIRECT_URL, &location);
    (void)curl_easy_getinfo(self->transfer.easy, CURLINFO_RESPONSE_CODE, &code);
    if (result == CURLE_OK || (code > 0 && self->size_bytes > HTTP_BYTES_MAX)) {
        const struct locum_probe_answer answer = {
            .code = code,
            .took_ms = locum_clock_read().mono - self->probe->started,
            .body = {.at = self->body, .length = self->body_bytes},
            .location = location,
        };
        return locum_probe_judge_answer(self->probe->check, &answer, text);
    }
    return explain(self, result, code, text) ? LOCUM_SAMPLE_FAIL
                                             : locum_transfer_judge(&self->transfer, result, text);
}

static void
on_end(void *check, CURLcode result)
{
    struct http_check *self = check;
    char buffer[LOCUM_PROBE_TEXT_MAX];
    struct locum_text text = locum_text_init(buffer, sizeof(buffer));
    const int lack = locum_transfer_lack(&self->transfer, result);
    enum locum_sample outcome = LOCUM_SAMPLE_NOT_RUN;
    if (lack != 0) {
        locum_text_add(&text, strerror(lack));
    } else {
        outcome = judge(self, result, &text);
    }
    if (result == CURLE_COULDNT_CONNECT && self->name.host[0] != '\0') {
        locum_resolver_refresh(self->probe->names, self->name.host);
    }
    end(self, outcome, buffer);
}

/* CURLOPT_HEADERFUNCTION: count the bytes; end the transfer beyond the limit. */
static size_t
count_bytes(char *bytes, size_t size, size_t count, void *user)
{
    struct http_check *self = user;
    (void)bytes;
    self->size_bytes += size * count;
    return self->size_bytes > HTTP_BYTES_MAX ? 0 : size * count;
}

/* CURLOPT_WRITEFUNCTION: the same, and keep the body if a pattern is searched in it. */
static size_t
keep_body(char *bytes, size_t size, size_t count, void *user)
{
    struct http_check *self = user;
    const size_t room = HTTP_BYTES_MAX - self->body_bytes;
    const size_t taken = size * count < room ? size * count : room;
    if (self->body != NULL) {
        memcpy(self->body + self->body_bytes, bytes, taken);
        self->body_bytes += taken;
    }
    return count_bytes(bytes, size, count, user);
}

/* Connect to connect-to if it is given, or else to the URL's own host. False: no memory. */
static bool
set_connect_to(struct http_check *self, CURLU *url)
{
    char target[LOCUM_STRING_MAX + 8]; /* "::HOST:PORT": any host and port of the URL -> this one */
    char *host = NULL;
    if (self->probe->check->http.connect_to.port != 0) {
        (void)locum_text_format_buffer(
            target, sizeof(target), "::%s",
            locum_address_text(&self->probe->check->http.connect_to).text);
    } else if (curl_url_get(url, CURLUPART_HOST, &host, 0) == CURLUE_OK) {
        (void)locum_text_format_buffer(target, sizeof(target), "::%s:", host);
        curl_free(host);
    } else {
        return false;
    }
    self->connect_to = curl_slist_append(NULL, target);
    return self->connect_to != NULL &&
           curl_easy_setopt(self->transfer.easy, CURLOPT_CONNECT_TO, self->connect_to) == CURLE_OK;
}

/* False: no memory. */
static bool
add_header(struct http_check *self, const char *header)
{
    struct curl_slist *longer = curl_slist_append(self->headers, header);
    self->headers = longer != NULL ? longer : self->headers;
    return longer != NULL;
}

/* The headers of the check, after that of its host. False: no memory. */
static bool
set_headers(struct http_check *self)
{
    const struct locum_config_words *headers = &self->probe->check->http.headers;
    const char *header = headers->at;
    bool set = true;
    for (size_t i = 0; i < headers->count && set; i++) {
        set = add_header(self, header);
        header += strlen(header) + 1;
    }
    return set &&
           (self->headers == NULL ||
            curl_easy_setopt(self->transfer.easy, CURLOPT_HTTPHEADER, self->headers) == CURLE_OK);
}

/* Send `host` in place of the URL's own. False: no memory. */
static bool
set_host(struct http_check *self, CURLU *url, const char *host)
{
    char header[LOCUM_STRING_MAX + 8];
    (void)locum_text_format_buffer(header, sizeof(header), "Host: %s", host);
    return add_header(self, header) &&
           curl_url_set(url, CURLUPART_HOST, host, 0) != CURLUE_OUT_OF_MEMORY;
}

/*
 * False: no memory. A URL that libcurl cannot parse is set nevertheless: each probe then fails with
 * libcurl's message.
 */
static bool
set_url(struct http_check *self)
{
    const struct locum_config_check *check = self->probe->check;
    const bool host_given = check->http.host[0] != '\0';
    CURLU *url = curl_url();
    char *whole = NULL;
    bool set = url != NULL;
    if (set && curl_url_set(url, CURLUPART_URL, check->http.url, 0) == CURLUE_OK) {
        if (check->http.connect_to.port == 0) {
            locum_fetch_name_note(&self->name, url, self->probe->names);
        }
        set = (!host_given && check->http.connect_to.port == 0) || set_connect_to(self, url);
        set = set && (!host_given || set_host(self, url, check->http.host)) &&
              curl_url_get(url, CURLUPART_URL, &whole, 0) == CURLUE_OK;
    }
    set = set && curl_easy_setopt(self->transfer.easy, CURLOPT_URL,
                                  whole != NULL ? whole : check->http.url) == CURLE_OK;
    curl_free(whole);
    curl_url_cleanup(url);
    return set;
}

/* All but the URL. False: no memory. */
static bool
set_options(struct http_check *self)
{
    CURL *easy = self->transfer.easy;
    const long timeout_ms = (long)self->probe->check->timeout_ms;
    const long head = self->probe->check->http.head;
    return curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, timeout_ms) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_NOBODY, head) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_WRITEDATA, self) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, keep_body) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_HEADERDATA, self) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, count_bytes) == CURLE_OK;
}

static void
destroy(void *check)
{
    struct http_check *self = check;
    if (self->running && !locum_timer_armed(&self->deadline)) {
        locum_fetch_loop_remove(self->probe->fetch, self->transfer.easy);
    }
    locum_timer_fini(&self->deadline);
    locum_transfer_fini(&self->transfer);
    curl_slist_free_all(self->headers);
    curl_slist_free_all(self->connect_to);
    curl_slist_free_all(self->name.addresses);
    free(self->body);
    free(self);
}

/* Begin the transfer; the rest of the probe's time is its own. */
static void
transfer(struct http_check *self)
{
    const locum_ms gone_ms = locum_clock_read().mono - self->probe->started;
    const locum_ms left_ms = self->probe->check->timeout_ms - gone_ms;
    const long timeout_ms = left_ms > 1 ? (long)left_ms : 1;
    locum_transfer_start(&self->transfer, timeout_ms);
}

/* The name has no address. */
static void
fail_lookup(struct http_check *self, const char *why)
{
    const int lack =
        locum_transfer_lack_of_descriptors(); /* so the resolver could not ask, either */
    char buffer[LOCUM_PROBE_TEXT_MAX];
    struct locum_text text = locum_text_init(buffer, sizeof(buffer));
    if (lack != 0) {
        locum_text_add(&text, strerror(lack));
    } else {
        locum_foreign_add(&text, locum_slice_of(self->name.host), LOCUM_PROBE_TEXT_MAX);
        locum_text_format(&text, ": %s", why);
    }
    end(self, lack != 0 ? LOCUM_SAMPLE_NOT_RUN : LOCUM_SAMPLE_FAIL, buffer);
}

static void
on_deadline(void *user)
{
    struct http_check *self = user;
    char why[64];
    (void)locum_text_format_buffer(why, sizeof(why),
                                   "no answer of a name server within %" PRId64 " ms",
                                   self->probe->check->timeout_ms);
    fail_lookup(self, why);
}

/* Connect to the addresses that are known; if none is, wait for the lookup. */
static void
connect_to_name(struct http_check *self)
{
    const struct locum_address *addresses;
    const char *why;
    const size_t count =
        locum_resolver_addresses(self->probe->names, self->name.host, &addresses, &why);
    if (count == 0 && why[0] == '\0') {
        if (!locum_timer_armed(&self->deadline)) {
            locum_timer_arm(&self->deadline, self->probe->check->timeout_ms);
        }
        return;
    }
    locum_timer_disarm(&self->deadline);
    if (count == 0 || locum_resolver_is_absent(self->probe->names, self->name.host)) {
        fail_lookup(self, count == 0 ? why : "no such name any more");
    } else if (locum_fetch_name_set(&self->name, self->transfer.easy, addresses, count)) {
        transfer(self);
    } else {
        end(self, LOCUM_SAMPLE_NOT_RUN, strerror(ENOMEM));
    }
}

void
locum_probe_names_changed(void *check)
{
    struct http_check *self = check;
    if (locum_timer_armed(&self->deadline)) {
        connect_to_name(self);
    }
}

static void
start(void *check)
{
    struct http_check *self = check;
    LOCUM_INVARIANT(!self->running);
    self->running = true;
    self->size_bytes = 0;
    self->body_bytes = 0;
    char why[LOCUM_PROBE_TEXT_MAX];
    const enum locum_sample outcome = locum_transfer_open(&self->transfer, why);
    if (outcome != LOCUM_SAMPLE_PASS) {
        end(self, outcome, why);
        return;
    }
    if (self->name.host[0] != '\0') {
        connect_to_name(self);
    } else {
        transfer(self);
    }
}

static void *
create(const struct locum_probe *probe)
{
    const struct locum_config_check *check = probe->check;
    const bool searched = check->http.body[0] != '\0' || check->http.body_not[0] != '\0';
    struct http_check *self = calloc(1, sizeof(*self));
    if (self == NULL) {
        return NULL;
    }
    self->probe = probe;
    locum_timer_init(&self->deadline, probe->base, on_deadline, self);
    const bool begun =
        locum_transfer_init(&self->transfer, probe, check->http.ca_file, on_end, self);
    self->body = searched ? malloc(HTTP_BYTES_MAX) : NULL;
    if (!begun || (searched && self->body == NULL) || !set_options(self) || !set_url(self) ||
        !set_headers(self)) {
        destroy(self);
        return NULL;
    }
    return self;
}

const struct locum_probe_kind locum_probe_http = {create, start, destroy, NULL};
