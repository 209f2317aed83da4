#include "health/http.h"

#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"
#include "fetch/loop.h"
#include "health/answer.h"

struct locum_http_pool {
    struct locum_fetch_loop *loop;
    const char *agent; /* borrowed */
};

struct locum_http_check {
    struct locum_http_pool *http;
    const struct locum_config_check *check;
    locum_probe_fn *on_done;
    void *user;
    CURL *easy;
    struct curl_slist *headers;    /* the Host header; NULL: none given */
    struct curl_slist *connect_to; /* where to connect instead of the told host; NULL: the same */
    char *body;                    /* LOCUM_HTTP_BYTES_MAX; NULL: no pattern asks for it */
    size_t body_bytes;             /* of it, read by this probe */
    char error[CURL_ERROR_SIZE];   /* libcurl's text of the last failure */
    bool running;
    locum_ms started;  /* mono */
    size_t size_bytes; /* received by this probe */
    int lack;          /* errno: there was no socket for this probe; 0 */
};

/* There is an answer. */
static enum locum_sample
judge_answer(const struct locum_http_check *self, long code, struct locum_text *text)
{
    char *location = NULL;
    (void)curl_easy_getinfo(self->easy, CURLINFO_REDIRECT_URL, &location);
    const struct locum_http_answer answer = {
        .code = code,
        .took_ms = locum_now_read().mono - self->started,
        .body = {.at = self->body, .length = self->body_bytes},
        .location = location,
    };
    return locum_answer_judge(self->check, &answer, text);
}

static enum locum_sample
judge(const struct locum_http_check *self, CURLcode result, struct locum_text *text)
{
    long code = 0;
    long os_errno = 0;
    (void)curl_easy_getinfo(self->easy, CURLINFO_RESPONSE_CODE, &code);
    (void)curl_easy_getinfo(self->easy, CURLINFO_OS_ERRNO, &os_errno);
    if (result == CURLE_OK || (code > 0 && self->size_bytes > LOCUM_HTTP_BYTES_MAX)) {
        return judge_answer(self, code, text);
    }
    if (result == CURLE_COULDNT_CONNECT && os_errno == ECONNREFUSED) {
        locum_text_add(text, "connection refused");
        return LOCUM_SAMPLE_REFUSED;
    }
    if (result == CURLE_OPERATION_TIMEDOUT) {
        if (code > 0) {
            locum_text_add_i64(text, code);
        }
        locum_text_add(text, code > 0 ? ", but not whole within " : "no answer within ");
        locum_text_add_i64(text, self->check->timeout_ms);
        locum_text_add(text, " ms");
    } else if (result == CURLE_COULDNT_CONNECT && os_errno != 0) {
        locum_text_add(text, strerror((int)os_errno));
    } else {
        const char *words = self->error[0] != '\0' ? self->error : curl_easy_strerror(result);
        locum_answer_add_printable(text, locum_slice_of(words), LOCUM_PROBE_TEXT_MAX);
    }
    return LOCUM_SAMPLE_FAIL;
}

/* errno: why the question could not be put, 0: it could. */
static int
find_lack(const struct locum_http_check *self, CURLcode result)
{
    int ends[2];
    if (result == CURLE_OUT_OF_MEMORY) {
        return ENOMEM;
    }
    if (result != CURLE_COULDNT_RESOLVE_HOST && result != CURLE_SSL_CACERT_BADFILE) {
        return result == CURLE_COULDNT_CONNECT ? self->lack : 0;
    }
    if (pipe2(ends, O_CLOEXEC) != 0) { /* nor could libcurl and the resolver open theirs */
        return errno;
    }
    (void)close(ends[0]);
    (void)close(ends[1]);
    return 0;
}

static void
finish(struct locum_http_check *self, CURLcode result)
{
    char buffer[LOCUM_PROBE_TEXT_MAX];
    struct locum_text text = locum_text_init(buffer, sizeof(buffer));
    const int lack = find_lack(self, result);
    enum locum_sample outcome = LOCUM_PROBE_NOT_RUN;
    if (lack != 0) {
        locum_text_add(&text, strerror(lack));
    } else {
        outcome = judge(self, result, &text);
    }
    self->running = false;
    self->on_done(self->user, outcome, buffer);
}

static void
on_fetched(void *user, CURLcode result)
{
    finish(user, result);
}

int
locum_http_pool_create(struct event_base *base, const char *agent, struct locum_http_pool **ret)
{
    struct locum_http_pool *self = calloc(1, sizeof(*self));
    if (self == NULL || locum_fetch_loop_create(base, on_fetched, &self->loop) != 0) {
        free(self);
        return LOCUM_ERR_MEMORY;
    }
    self->agent = agent;
    *ret = self;
    return 0;
}

void
locum_http_pool_destroy(struct locum_http_pool *self)
{
    if (self != NULL) {
        locum_fetch_loop_destroy(self->loop);
        free(self);
    }
}

/* CURLOPT_OPENSOCKETFUNCTION: as libcurl does it, but for noting why there is none. */
static curl_socket_t
open_socket(void *user, curlsocktype purpose, struct curl_sockaddr *address)
{
    struct locum_http_check *self = user;
    (void)purpose;
    const int fd = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
    if (fd < 0 && locum_probe_lacks(errno)) {
        self->lack = errno;
    }
    return fd;
}

/* CURLOPT_HEADERFUNCTION: count; past the limit end the transfer. */
static size_t
count_bytes(char *bytes, size_t size, size_t count, void *user)
{
    struct locum_http_check *self = user;
    (void)bytes;
    self->size_bytes += size * count;
    return self->size_bytes > LOCUM_HTTP_BYTES_MAX ? 0 : size * count;
}

/* CURLOPT_WRITEFUNCTION: the same, and keep what a pattern is looked for in. */
static size_t
take_body(char *bytes, size_t size, size_t count, void *user)
{
    struct locum_http_check *self = user;
    const size_t room = LOCUM_HTTP_BYTES_MAX - self->body_bytes;
    const size_t taken = size * count < room ? size * count : room;
    if (self->body != NULL) {
        memcpy(self->body + self->body_bytes, bytes, taken);
        self->body_bytes += taken;
    }
    return count_bytes(bytes, size, count, user);
}

/* Any host and port of a URL -> this one; the port "" stays as it is. */
static CURLcode
set_target(struct locum_http_check *self, const char *target)
{
    self->connect_to = curl_slist_append(NULL, target);
    return self->connect_to == NULL
               ? CURLE_OUT_OF_MEMORY
               : curl_easy_setopt(self->easy, CURLOPT_CONNECT_TO, self->connect_to);
}

/* Connect to the address that the configuration names, or else to the host of the URL. */
static CURLcode
set_connect_to(struct locum_http_check *self, CURLU *url)
{
    char buffer[LOCUM_STRING_MAX + 8];
    struct locum_text text = locum_text_init(buffer, sizeof(buffer));
    char *target = NULL;
    locum_text_add(&text, "::");
    if (self->check->http.connect_to.port != 0) {
        locum_address_add_port(&self->check->http.connect_to, &text);
        return set_target(self, buffer);
    }
    if (curl_url_get(url, CURLUPART_HOST, &target, 0) != CURLUE_OK) {
        return CURLE_OUT_OF_MEMORY;
    }
    locum_text_add(&text, target);
    locum_text_add(&text, ":");
    curl_free(target);
    return set_target(self, buffer);
}

/* Tell `host` in place of the URL's own. */
static CURLcode
set_host(struct locum_http_check *self, CURLU *url, const char *host)
{
    char buffer[LOCUM_STRING_MAX + 8];
    struct locum_text text = locum_text_init(buffer, sizeof(buffer));
    locum_text_add(&text, "Host: ");
    locum_text_add(&text, host);
    self->headers = curl_slist_append(NULL, buffer);
    if (self->headers == NULL ||
        curl_url_set(url, CURLUPART_HOST, host, 0) == CURLUE_OUT_OF_MEMORY) {
        return CURLE_OUT_OF_MEMORY;
    }
    return curl_easy_setopt(self->easy, CURLOPT_HTTPHEADER, self->headers);
}

/* A URL that libcurl cannot read is given to it all the same: each probe fails with its words. */
static CURLcode
set_url(struct locum_http_check *self)
{
    const struct locum_config_check *check = self->check;
    char *whole = NULL;
    CURLcode failure = CURLE_OK;
    CURLU *url = curl_url();
    if (url == NULL) {
        return CURLE_OUT_OF_MEMORY;
    }
    if (curl_url_set(url, CURLUPART_URL, check->http.url, 0) == CURLUE_OK) {
        if (check->http.host[0] != '\0' || check->http.connect_to.port != 0) {
            failure = set_connect_to(self, url);
        }
        if (failure == CURLE_OK && check->http.host[0] != '\0') {
            failure = set_host(self, url, check->http.host);
        }
        if (failure == CURLE_OK && curl_url_get(url, CURLUPART_URL, &whole, 0) != CURLUE_OK) {
            failure = CURLE_OUT_OF_MEMORY;
        }
    }
    if (failure == CURLE_OK) {
        failure =
            curl_easy_setopt(self->easy, CURLOPT_URL, whole != NULL ? whole : check->http.url);
    }
    curl_free(whole);
    curl_url_cleanup(url);
    return failure;
}

/* Only the authorities of this file. It is read by the first probe, and again after a reload. */
static CURLcode
set_authorities(struct locum_http_check *self)
{
    const char *file = self->check->http.ca_file;
    if (file[0] == '\0') {
        return CURLE_OK;
    }
    const CURLcode failure = curl_easy_setopt(self->easy, CURLOPT_CAPATH, NULL);
    return failure != CURLE_OK ? failure : curl_easy_setopt(self->easy, CURLOPT_CAINFO, file);
}

/* All but the URL. CURLE_OK or the first failure, which can only be a lack of memory. */
static CURLcode
set_options(struct locum_http_check *self)
{
    const long timeout_ms = (long)self->check->timeout_ms;
    const bool head = locum_slice_is(locum_slice_of(self->check->http.method), "HEAD");
    const struct {
        CURLoption option;
        long value;
    } numbers[] = {
        {CURLOPT_NOSIGNAL, 1},
        {CURLOPT_TIMEOUT_MS, timeout_ms}, /* over all of it */
        {CURLOPT_CONNECTTIMEOUT_MS, timeout_ms},
        {CURLOPT_FRESH_CONNECT, 1},
        {CURLOPT_FORBID_REUSE, 1},
        {CURLOPT_SSL_SESSIONID_CACHE, 0}, /* a resumed session verifies no certificate */
        {CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1},
        {CURLOPT_NOBODY, head},
        /* Else a name lookup that is past its deadline is waited for, and the loop with it. */
        {CURLOPT_QUICK_EXIT, 1},
    };
    const struct {
        CURLoption option;
        const char *value;
    } strings[] = {
        {CURLOPT_PROXY, ""},
        {CURLOPT_PROTOCOLS_STR, "http,https"},
        {CURLOPT_USERAGENT, self->http->agent},
    };
    const struct {
        CURLoption option;
        void *value;
    } pointers[] = {
        {CURLOPT_PRIVATE, self},
        {CURLOPT_WRITEDATA, self},
        {CURLOPT_HEADERDATA, self},
        {CURLOPT_OPENSOCKETDATA, self},
        {CURLOPT_ERRORBUFFER, self->error},
    };
    CURLcode failure = CURLE_OK;
    for (size_t i = 0; failure == CURLE_OK && i < LOCUM_COUNT(numbers); i++) {
        failure = curl_easy_setopt(self->easy, numbers[i].option, numbers[i].value);
    }
    for (size_t i = 0; failure == CURLE_OK && i < LOCUM_COUNT(strings); i++) {
        failure = curl_easy_setopt(self->easy, strings[i].option, strings[i].value);
    }
    for (size_t i = 0; failure == CURLE_OK && i < LOCUM_COUNT(pointers); i++) {
        failure = curl_easy_setopt(self->easy, pointers[i].option, pointers[i].value);
    }
    if (failure == CURLE_OK) {
        failure = curl_easy_setopt(self->easy, CURLOPT_WRITEFUNCTION, take_body);
    }
    if (failure == CURLE_OK) {
        failure = curl_easy_setopt(self->easy, CURLOPT_HEADERFUNCTION, count_bytes);
    }
    if (failure == CURLE_OK) {
        failure = curl_easy_setopt(self->easy, CURLOPT_OPENSOCKETFUNCTION, open_socket);
    }
    return failure == CURLE_OK ? set_authorities(self) : failure;
}

int
locum_http_check_create(struct locum_http_pool *http, const struct locum_config_check *check,
                        locum_probe_fn *on_done, void *user, struct locum_http_check **ret)
{
    struct locum_http_check *self = calloc(1, sizeof(*self));
    if (self == NULL) {
        return LOCUM_ERR_MEMORY;
    }
    self->http = http;
    self->check = check;
    self->on_done = on_done;
    self->user = user;
    self->easy = curl_easy_init();
    const bool searched = check->http.body[0] != '\0' || check->http.body_not[0] != '\0';
    self->body = searched ? malloc(LOCUM_HTTP_BYTES_MAX) : NULL;
    if (self->easy == NULL || (searched && self->body == NULL) || set_options(self) != CURLE_OK ||
        set_url(self) != CURLE_OK) {
        locum_http_check_destroy(self);
        return LOCUM_ERR_MEMORY;
    }
    *ret = self;
    return 0;
}

void
locum_http_check_start(struct locum_http_check *self)
{
    LOCUM_INVARIANT(!self->running);
    self->running = true;
    self->started = locum_now_read().mono;
    self->size_bytes = 0;
    self->body_bytes = 0;
    self->lack = 0;
    self->error[0] = '\0';
    if (locum_fetch_loop_add(self->http->loop, self->easy) != CURLM_OK) {
        finish(self, CURLE_OUT_OF_MEMORY);
    }
}

void
locum_http_check_destroy(struct locum_http_check *self)
{
    if (self == NULL) {
        return;
    }
    if (self->running) {
        locum_fetch_loop_remove(self->http->loop, self->easy);
    }
    curl_easy_cleanup(self->easy);
    curl_slist_free_all(self->headers);
    curl_slist_free_all(self->connect_to);
    free(self->body);
    free(self);
}
