#include "fetch/options.h"

#include "base/text.h"

bool
locum_fetch_options_set(CURL *easy, void *user, const char *agent, char error[CURL_ERROR_SIZE])
{
    static const struct {
        CURLoption option;
        long value;
    } numbers[] = {
        {CURLOPT_NOSIGNAL, 1},
        {CURLOPT_FOLLOWLOCATION, 0},
        {CURLOPT_FRESH_CONNECT, 1},
        {CURLOPT_FORBID_REUSE, 1},
        {CURLOPT_SSL_SESSIONID_CACHE, 0}, /* a resumed session verifies no certificate */
        {CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1},
    };
    for (size_t i = 0; i < LOCUM_COUNT(numbers); i++) {
        if (curl_easy_setopt(easy, numbers[i].option, numbers[i].value) != CURLE_OK) {
            return false;
        }
    }
    return (curl_version_info(CURLVERSION_NOW)->cainfo == NULL ||
            curl_easy_setopt(easy, CURLOPT_CAPATH, NULL) == CURLE_OK) &&
           curl_easy_setopt(easy, CURLOPT_PROXY, "") == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_USERAGENT, agent) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_PRIVATE, user) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, error) == CURLE_OK;
}
