/* Which failures say nothing about the service, because this machine could not make the request. */
#include "health/probe.h"

enum locum_probe_lack
locum_probe_lack_of(CURLcode result)
{
    static const struct {
        CURLcode result;
        enum locum_probe_lack lack;
    } table[] = {
        {CURLE_OK, LOCUM_LACK_NONE},
        {CURLE_FAILED_INIT, LOCUM_LACK_ALWAYS},
        {CURLE_AGAIN, LOCUM_LACK_ALWAYS},
        /* Also the result for an answer that is larger than libcurl takes. */
        {CURLE_OUT_OF_MEMORY, LOCUM_LACK_WITHOUT_ANSWER},
        {CURLE_COULDNT_CONNECT, LOCUM_LACK_WITHOUT_SOCKET},
        /* libcurl has no result for a lookup or a file that could not be opened for lack. */
        {CURLE_COULDNT_RESOLVE_HOST, LOCUM_LACK_WITHOUT_DESCRIPTOR},
        {CURLE_SSL_CACERT_BADFILE, LOCUM_LACK_WITHOUT_DESCRIPTOR},
    };
    for (size_t i = 0; i < LOCUM_COUNT(table); i++) {
        if (result == table[i].result) {
            return table[i].lack;
        }
    }
    return LOCUM_LACK_NONE;
}
