#include "cli/client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <curl/curl.h>

#include "base/error.h"
#include "cli/cli.h"
#include "cli/print.h"
#include "fetch/api.h"

enum {
    ANSWER_BYTES_MAX = 16 * 1024 * 1024,
    /* Longer than the daemon holds a request (3 s) and than a busy machine stalls. */
    TIMEOUT_S = 10,
};

/* Report why there is no answer, and what to do. */
static int
complain_unreachable(const char *socket, CURL *curl, CURLcode code, long timeout_s, FILE *errors)
{
    char late[48];
    long errno_value = 0;
    (void)curl_easy_getinfo(curl, CURLINFO_OS_ERRNO, &errno_value);
    const char *why = curl_easy_strerror(code);
    const char *advice = "it is probably not running; see systemctl status locum";
    if (code == CURLE_COULDNT_CONNECT && errno_value != 0) {
        why = strerror((int)errno_value);
        if (locum_error_from_errno((int)errno_value) == LOCUM_ERR_DENIED) {
            advice =
                "join the group of the socket (sudo usermod -aG locum-admin $USER, then log in "
                "again), or use sudo";
        }
    } else if (code == CURLE_OPERATION_TIMEDOUT) {
        (void)snprintf(late, sizeof(late), "no answer within %ld s", timeout_s);
        why = late;
        advice = "the daemon hangs or the machine is overloaded; see journalctl -u locum";
    }
    (void)fprintf(errors, "locum: cannot reach the daemon at %s (%s): %s\n", socket, why, advice);
    return LOCUM_EXIT_UNREACHABLE;
}

/* Print the daemon's reasons, one a line. */
static void
complain_refused(long status, const json_t *json, FILE *errors)
{
    const json_t *reasons = json_object_get(json, "errors");
    size_t i;
    const json_t *reason;
    if (json_array_size(reasons) == 0) {
        (void)fprintf(errors,
                      "locum: the daemon refused the request without a reason (HTTP status %ld); "
                      "see journalctl -u locum\n",
                      status);
    }
    json_array_foreach(reasons, i, reason)
    {
        locum_print_text(errors, json_string_value(reason));
        (void)fputc('\n', errors);
    }
}

/* Takes the answer's JSON; NULL: it has none. */
static int
read_answer(const char *socket, long status, json_t *json, FILE *errors, json_t **ret_json)
{
    if (status < 200 || status > 299) {
        complain_refused(status, json, errors);
        json_decref(json);
        return LOCUM_EXIT_NOT_FINE;
    }
    if (!json_is_object(json)) {
        json_decref(json);
        (void)fprintf(errors,
                      "locum: the program at %s does not answer like this version of locum; after "
                      "an upgrade: systemctl restart locum\n",
                      socket);
        return LOCUM_EXIT_UNREACHABLE;
    }
    *ret_json = json;
    return LOCUM_EXIT_OK;
}

/* The bytes of the answer, in *answer; *ret_status is the one of HTTP. */
static int
transfer(const char *socket, const char *target, const char *post, long timeout_s,
         struct locum_fetch_api_reply *answer, long *ret_status, FILE *errors)
{
    int result = LOCUM_EXIT_OK;
    CURL *curl = curl_easy_init();
    if (curl == NULL ||
        !locum_fetch_api_prepare(curl, socket, target, post, timeout_s * 1000, answer)) {
        (void)fputs("locum: out of memory\n", errors);
        result = LOCUM_EXIT_NOT_FINE;
    } else {
        const CURLcode code = curl_easy_perform(curl);
        (void)curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, ret_status);
        result =
            code != CURLE_OK ? complain_unreachable(socket, curl, code, timeout_s, errors) : result;
    }
    curl_easy_cleanup(curl);
    return result;
}

static json_t *
parse(const struct locum_fetch_api_reply *answer)
{
    return answer->bytes != NULL ? json_loadb(answer->bytes, answer->length, 0, NULL) : NULL;
}

int
locum_client_wait(const char *socket, const char *target, const json_t *body, long timeout_s,
                  FILE *errors, json_t **ret_json)
{
    long status = 0;
    struct locum_fetch_api_reply answer = {.size_max = ANSWER_BYTES_MAX};
    char *post = body != NULL ? json_dumps(body, JSON_COMPACT) : NULL;
    if (body != NULL && post == NULL) {
        (void)fputs("locum: out of memory\n", errors);
        return LOCUM_EXIT_NOT_FINE;
    }
    int result = transfer(socket, target, post, timeout_s, &answer, &status, errors);
    if (result == LOCUM_EXIT_OK) {
        result = read_answer(socket, status, parse(&answer), errors, ret_json);
    }
    free(post);
    locum_fetch_api_reply_fini(&answer);
    return result;
}

int
locum_client_copy(const char *socket, const char *target, FILE *out, FILE *errors)
{
    long status = 0;
    json_t *unused = NULL;
    struct locum_fetch_api_reply answer = {.size_max = ANSWER_BYTES_MAX};
    int result = transfer(socket, target, "{}", TIMEOUT_S, &answer, &status, errors);
    if (result == LOCUM_EXIT_OK && status != 200) {
        result = read_answer(socket, status, parse(&answer), errors, &unused);
        json_decref(unused);
    } else if (result == LOCUM_EXIT_OK &&
               (fwrite(answer.bytes, 1, answer.length, out) != answer.length || fflush(out) != 0)) {
        (void)fprintf(errors, "locum: cannot write the answer: %s\n", strerror(errno));
        result = LOCUM_EXIT_NOT_FINE;
    }
    locum_fetch_api_reply_fini(&answer);
    return result;
}

json_t *
locum_client_try(const char *socket, const char *target, long timeout_ms)
{
    struct locum_fetch_api_reply answer = {.size_max = ANSWER_BYTES_MAX};
    json_t *json = NULL;
    long status = 0;
    CURL *curl = curl_easy_init();
    if (curl != NULL && locum_fetch_api_prepare(curl, socket, target, NULL, timeout_ms, &answer) &&
        curl_easy_perform(curl) == CURLE_OK &&
        curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status) == CURLE_OK && status == 200 &&
        answer.bytes != NULL) {
        json = json_loadb(answer.bytes, answer.length, 0, NULL);
    }
    curl_easy_cleanup(curl);
    locum_fetch_api_reply_fini(&answer);
    return json;
}

int
locum_client_ask(const char *socket, const char *target, const json_t *body, FILE *errors,
                 json_t **ret_json)
{
    return locum_client_wait(socket, target, body, TIMEOUT_S, errors, ret_json);
}

char *
locum_client_escape(const char *text)
{
    char *escaped = curl_easy_escape(NULL, text, 0);
    char *copy = escaped != NULL ? strdup(escaped) : NULL;
    curl_free(escaped);
    return copy;
}
