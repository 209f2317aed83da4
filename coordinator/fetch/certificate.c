#include "fetch/certificate.h"

#include <string.h>

bool
locum_fetch_certificate_verify(CURL *easy, bool verify)
{
    return curl_easy_setopt(easy, CURLOPT_CERTINFO, 1L) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, verify ? 1L : 0L) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, verify ? 2L : 0L) == CURLE_OK;
}

/* The server's own is the first of the chain. */
int64_t
locum_fetch_certificate_end(CURL *easy)
{
    static const char key[] = "Expire date:";
    struct curl_certinfo *chain = NULL;
    if (curl_easy_getinfo(easy, CURLINFO_CERTINFO, &chain) != CURLE_OK || chain == NULL ||
        chain->num_of_certs < 1) {
        return 0;
    }
    for (const struct curl_slist *at = chain->certinfo[0]; at != NULL; at = at->next) {
        if (strncmp(at->data, key, sizeof(key) - 1) == 0) {
            const time_t end = curl_getdate(at->data + sizeof(key) - 1, NULL);
            return end > 0 ? (int64_t)end : 0;
        }
    }
    return 0;
}
