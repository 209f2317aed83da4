#include "fetch/api.h"

#include <stdlib.h>
#include <string.h>

#include "base/text_format.h"

enum { URL_BYTES = 2048 };

static size_t
on_bytes(char *bytes, size_t one, size_t length, void *user)
{
    struct locum_fetch_api_reply *self = user;
    (void)one; /* always 1: CURLOPT_WRITEFUNCTION(3) */
    if (length > self->size_max - self->length) {
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

void
locum_fetch_api_reply_fini(struct locum_fetch_api_reply *self)
{
    free(self->bytes);
    *self = (struct locum_fetch_api_reply){.size_max = self->size_max};
}

bool
locum_fetch_api_prepare(CURL *easy, const char *socket, const char *target, const char *post,
                        long timeout_ms, struct locum_fetch_api_reply *reply)
{
    char url[URL_BYTES];
    locum_fetch_api_reply_fini(reply);
    return locum_text_format_buffer(url, sizeof(url), "http://locum%s", target) &&
           curl_easy_setopt(easy, CURLOPT_URL, url) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_UNIX_SOCKET_PATH, socket) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_PROXY, "") == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, timeout_ms) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_bytes) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_WRITEDATA, reply) == CURLE_OK &&
           (post == NULL || curl_easy_setopt(easy, CURLOPT_COPYPOSTFIELDS, post) == CURLE_OK);
}
