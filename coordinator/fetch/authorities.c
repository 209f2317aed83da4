#include "fetch/authorities.h"

bool
locum_fetch_authorities_set(CURL *easy)
{
    const curl_version_info_data *info = curl_version_info(CURLVERSION_NOW);
    return info->cainfo == NULL || curl_easy_setopt(easy, CURLOPT_CAPATH, NULL) == CURLE_OK;
}
