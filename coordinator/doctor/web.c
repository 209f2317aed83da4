#include "doctor/web.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <curl/curl.h>

#include "base/error.h"
#include "base/foreign.h"
#include "base/text_format.h"
#include "config/domain.h"
#include "fetch/certificate.h"
#include "fetch/options.h"

enum {
    TIMEOUT_MS = 5000,
    CONNECT_TIMEOUT_MS = 3000,
    BODY_BYTES_MAX = 64 * 1024,
    OPEN_MAX = 64, /* requests at the same time */
};
#define PLACE "NAME"

/* One running request. */
struct request {
    CURL *easy;
    struct curl_slist *connect_to;
    const struct locum_doctor_target *target;
    struct locum_doctor_fetch *fetch;
    bool unverified; /* the certificate was refused; it is only looked at */
    size_t body_bytes;
    char error[CURL_ERROR_SIZE];
};

static bool
is_loopback(const char *host)
{
    return strcmp(host, "localhost") == 0 || strncmp(host, "127.", 4) == 0 ||
           strcmp(host, "[::1]") == 0;
}

/* The URL of a check with NAME as its host. False: visitors do not use its port. */
static bool
make_template(const char *url, char ret[LOCUM_STRING_MAX + 1])
{
    char *host = NULL, *port = NULL, *path = NULL, *scheme = NULL, *query = NULL;
    CURLU *parsed = curl_url();
    bool used = parsed != NULL && curl_url_set(parsed, CURLUPART_URL, url, 0) == CURLUE_OK &&
                curl_url_get(parsed, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
                curl_url_get(parsed, CURLUPART_HOST, &host, 0) == CURLUE_OK &&
                curl_url_get(parsed, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) == CURLUE_OK &&
                curl_url_get(parsed, CURLUPART_PATH, &path, 0) == CURLUE_OK;
    if (used) {
        const bool standard = strcmp(port, strcmp(scheme, "https") == 0 ? "443" : "80") == 0;
        const bool query_given = curl_url_get(parsed, CURLUPART_QUERY, &query, 0) == CURLUE_OK;
        used = (standard || !is_loopback(host)) &&
               locum_text_format_buffer(ret, LOCUM_STRING_MAX + 1, "%s://" PLACE "%s%s%s%s%s",
                                        scheme, standard ? "" : ":", standard ? "" : port, path,
                                        query_given ? "?" : "", query_given ? query : "");
    }
    curl_free(host);
    curl_free(port);
    curl_free(path);
    curl_free(scheme);
    curl_free(query);
    curl_url_cleanup(parsed);
    return used;
}

/* Is it a check that was made for `file` of a mirrorbits check? */
static bool
is_of_mirrorbits(const struct locum_config *config, size_t check)
{
    const struct locum_config_mirrorbits *mirrorbits = &config->mirrorbits;
    return mirrorbits->file_check != 0 &&
           (check == mirrorbits->file_check || check == mirrorbits->database_check);
}

static size_t
add_target(struct locum_doctor_target *list, size_t count, const struct locum_config_check *check)
{
    char url[LOCUM_STRING_MAX + 1];
    if (count == LOCUM_DOCTOR_TARGETS_MAX || !make_template(check->http.url, url)) {
        return count;
    }
    for (size_t i = 0; i < count; i++) {
        if (strcmp(list[i].url, url) == 0) {
            return count;
        }
    }
    list[count] = (struct locum_doctor_target){.check = check, .head = check->http.head};
    (void)strcpy(list[count].url, url);
    return count + 1;
}

size_t
locum_doctor_web_targets(const struct locum_config *config, const char *url,
                         struct locum_doctor_target ret[LOCUM_DOCTOR_TARGETS_MAX])
{
    const char *file = "/";
    size_t count = 0;
    if (url != NULL && strcmp(url, "none") == 0) {
        return 0;
    }
    if (url != NULL) {
        ret[0] = (struct locum_doctor_target){0};
        return locum_text_format_buffer(ret[0].url, sizeof(ret[0].url), "%s", url) ? 1 : 0;
    }
    for (size_t i = 0; i < config->core.check_count; i++) {
        const struct locum_config_check *check = &config->checks[i];
        if (check->kind == LOCUM_CHECK_HTTP && !is_of_mirrorbits(config, i)) {
            count = add_target(ret, count, check);
        } else if (check->kind == LOCUM_CHECK_MIRRORBITS && check->mirrorbits_file[0] != '\0') {
            file = check->mirrorbits_file;
        }
    }
    if (count == 0) { /* HEAD of a file is not counted as a download */
        ret[0] = (struct locum_doctor_target){.head = true};
        count = locum_text_format_buffer(ret[0].url, sizeof(ret[0].url), "http://" PLACE "%s", file)
                    ? 1
                    : 0;
    }
    return count;
}

/* Write the URL for a host. */
static void
make_url(const char *template, const char *host, struct locum_doctor_fetch *ret)
{
    const char *place = strstr(template, PLACE);
    const int before = place != NULL ? (int)(place - template) : (int)strlen(template);
    (void)locum_text_format_buffer(ret->url, sizeof(ret->url), "%.*s%s%s", before, template,
                                   place != NULL ? host : "",
                                   place != NULL ? place + strlen(PLACE) : "");
}

/* CURLOPT_WRITEFUNCTION: read on to a limit. */
static size_t
count_bytes(char *bytes, size_t size, size_t count, void *user)
{
    struct request *self = user;
    (void)bytes;
    self->body_bytes += size * count;
    return self->body_bytes <= BODY_BYTES_MAX ? size * count : 0;
}

static bool
set_verified(struct request *self, bool verified)
{
    self->unverified = !verified;
    return locum_fetch_certificate_verify(self->easy, verified);
}

/* False: out of memory. */
static bool
prepare(struct request *self)
{
    const struct locum_config_check *check = self->target->check;
    const char *ca_file = check != NULL ? check->http.ca_file : "";
    char connect_to[LOCUM_ADDRESS_TEXT_MAX + 8];
    const bool v6 = self->fetch->address.family == LOCUM_V6;
    (void)locum_text_format_buffer(connect_to, sizeof(connect_to), v6 ? "::[%s]:" : "::%s:",
                                   locum_address_host_text(&self->fetch->address).text);
    self->connect_to = curl_slist_append(NULL, connect_to);
    self->easy = curl_easy_init();
    return self->connect_to != NULL && self->easy != NULL &&
           locum_fetch_options_set(self->easy, self, "locum-doctor", self->error) &&
           set_verified(self, true) &&
           curl_easy_setopt(self->easy, CURLOPT_URL, self->fetch->url) == CURLE_OK &&
           curl_easy_setopt(self->easy, CURLOPT_CONNECT_TO, self->connect_to) == CURLE_OK &&
           curl_easy_setopt(self->easy, CURLOPT_NOBODY, self->target->head ? 1L : 0L) == CURLE_OK &&
           curl_easy_setopt(self->easy, CURLOPT_TIMEOUT_MS, (long)TIMEOUT_MS) == CURLE_OK &&
           curl_easy_setopt(self->easy, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_TIMEOUT_MS) ==
               CURLE_OK &&
           curl_easy_setopt(self->easy, CURLOPT_WRITEFUNCTION, count_bytes) == CURLE_OK &&
           curl_easy_setopt(self->easy, CURLOPT_WRITEDATA, self) == CURLE_OK &&
           (ca_file[0] == '\0' ||
            curl_easy_setopt(self->easy, CURLOPT_CAINFO, ca_file) == CURLE_OK);
}

/* A status from 200 to 399, or one that the check expects. */
static bool
is_wanted(const struct locum_config_check *check, long code)
{
    bool wanted = code >= 200 && code <= 399;
    for (size_t i = 0; check != NULL && i < LOCUM_STATUS_RANGES_MAX; i++) {
        const struct locum_status_range *range = &check->http.expect[i];
        wanted = wanted || (range->max != 0 && code >= range->min && code <= range->max);
    }
    return wanted;
}

/* Why there is no HTTP answer. */
static void
judge_failure(const struct request *self, CURLcode result)
{
    struct locum_doctor_fetch *fetch = self->fetch;
    struct locum_text text = locum_text_init(fetch->text, sizeof(fetch->text));
    const char *message = self->error[0] != '\0' ? self->error : curl_easy_strerror(result);
    long os_errno = 0;
    (void)curl_easy_getinfo(self->easy, CURLINFO_OS_ERRNO, &os_errno);
    if (result == CURLE_COULDNT_CONNECT && (os_errno == ENETUNREACH || os_errno == EADDRNOTAVAIL)) {
        fetch->state = LOCUM_DOCTOR_WEB_NO_ROUTE;
        return;
    }
    switch (result) {
    case CURLE_PEER_FAILED_VERIFICATION: fetch->state = LOCUM_DOCTOR_WEB_CERTIFICATE; break;
    case CURLE_SSL_CONNECT_ERROR: /* also an alert: unrecognized name */
    case CURLE_GOT_NOTHING: fetch->state = LOCUM_DOCTOR_WEB_STATUS; break;
    default: fetch->state = LOCUM_DOCTOR_WEB_UNREACHABLE; break;
    }
    locum_foreign_add(&text, locum_slice_of(message), LOCUM_DOCTOR_TEXT_MAX / 2);
}

/* A request has ended. True: it is made again, to look at the certificate. */
static bool
finish(struct request *self, CURLcode result)
{
    struct locum_doctor_fetch *fetch = self->fetch;
    long code = 0;
    (void)curl_easy_getinfo(self->easy, CURLINFO_RESPONSE_CODE, &code);
    const int64_t expires_s = locum_fetch_certificate_end(self->easy);
    fetch->expires_s = expires_s != 0 ? expires_s : fetch->expires_s;
    if (self->unverified) {
        return false;
    }
    fetch->code = code;
    if (code == 0) {
        judge_failure(self, result);
        return fetch->state == LOCUM_DOCTOR_WEB_CERTIFICATE && set_verified(self, false);
    }
    fetch->state = LOCUM_DOCTOR_WEB_OK;
    if (!is_wanted(self->target->check, code)) {
        fetch->state = LOCUM_DOCTOR_WEB_STATUS;
        (void)locum_text_format_buffer(fetch->text, sizeof(fetch->text),
                                       "the answer has the status %ld", code);
    }
    return false;
}

/* Run what was added to the handle, until all have ended. False: it cannot go on. */
static bool
perform(CURLM *multi)
{
    int running = 1;
    while (running > 0) {
        int left;
        if (curl_multi_perform(multi, &running) != CURLM_OK) {
            return false;
        }
        for (CURLMsg *message = curl_multi_info_read(multi, &left); message != NULL;
             message = curl_multi_info_read(multi, &left)) {
            struct request *request = NULL;
            CURL *easy = message->easy_handle;
            const CURLcode result = message->data.result; /* freed with the handle */
            if (curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&request) != CURLE_OK) {
                return false;
            }
            (void)curl_multi_remove_handle(multi, easy);
            if (finish(request, result)) {
                if (curl_multi_add_handle(multi, easy) != CURLM_OK) {
                    return false;
                }
                running++;
            }
        }
        if (running > 0 && curl_multi_poll(multi, NULL, 0, TIMEOUT_MS, NULL) != CURLM_OK) {
            return false;
        }
    }
    return true;
}

/* Run up to OPEN_MAX requests at the same time. */
static int
run(struct request *requests, size_t count)
{
    CURLM *multi = curl_multi_init();
    bool complete = multi != NULL;
    for (size_t i = 0; i < count && complete; i++) {
        complete =
            prepare(&requests[i]) && curl_multi_add_handle(multi, requests[i].easy) == CURLM_OK;
    }
    complete = complete && perform(multi);
    for (size_t i = 0; i < count; i++) {
        if (requests[i].easy != NULL && multi != NULL) {
            (void)curl_multi_remove_handle(multi, requests[i].easy);
        }
        curl_easy_cleanup(requests[i].easy);
        curl_slist_free_all(requests[i].connect_to);
    }
    (void)curl_multi_cleanup(multi);
    return complete ? 0 : LOCUM_ERR_MEMORY;
}

/* Add the requests for one name and target: one for each address of each server. */
static void
add_fetches(const struct locum_config *config, size_t name,
            const struct locum_doctor_target *target, struct locum_doctor_facts *facts,
            struct request *requests)
{
    char buffer[2 * LOCUM_DOMAIN_MAX];
    struct locum_text host = locum_text_init(buffer, sizeof(buffer));
    locum_domain_add_host(config->names[name].name, &host);
    for (locum_node node = 0; node < config->core.node_count; node++) {
        const struct locum_config_node *from = &config->nodes[node];
        const bool server = config->core.nodes[node].role == LOCUM_ROLE_SERVER;
        for (size_t i = 0; server && i < from->address_count; i++) {
            if (facts->fetch_count == LOCUM_DOCTOR_FETCHES_MAX) {
                facts->fetches_left_out = true;
                return;
            }
            struct locum_doctor_fetch *fetch = &facts->fetches[facts->fetch_count];
            *fetch = (struct locum_doctor_fetch){
                .name = name, .node = node, .address = from->address[i]};
            make_url(target->url, buffer, fetch);
            requests[facts->fetch_count++] = (struct request){.target = target, .fetch = fetch};
        }
    }
}

int
locum_doctor_web_ask(const struct locum_doctor_options *options, const struct locum_config *config,
                     size_t zone, struct locum_doctor_facts *facts)
{
    struct locum_doctor_target targets[LOCUM_DOCTOR_TARGETS_MAX];
    const size_t target_count = locum_doctor_web_targets(config, options->url, targets);
    struct request *requests = calloc(LOCUM_DOCTOR_FETCHES_MAX, sizeof(*requests));
    facts->fetches = calloc(LOCUM_DOCTOR_FETCHES_MAX, sizeof(*facts->fetches));
    int status = requests == NULL || facts->fetches == NULL ? LOCUM_ERR_MEMORY : 0;
    for (size_t name = 0; name < config->core.name_count && status == 0; name++) {
        for (size_t i = 0; i < target_count; i++) {
            if (zone == LOCUM_ZONES_MAX || config->names[name].zone == zone) {
                add_fetches(config, name, &targets[i], facts, requests);
            }
        }
    }
    for (size_t at = 0; at < facts->fetch_count && status == 0; at += OPEN_MAX) {
        const size_t left = facts->fetch_count - at;
        locum_doctor_walk_progress(options, "asking the web servers, %zu request(s) left", left);
        status = run(requests + at, left < OPEN_MAX ? left : OPEN_MAX);
    }
    free(requests);
    return status;
}
