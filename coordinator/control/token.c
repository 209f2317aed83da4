#include "control/token.h"

#include <string.h>

#include "base/base64.h"
#include "base/error.h"

enum { USER_MAX = 255 };

/* What is after the name of a scheme, in any case (RFC 9110 11.1), and blanks. `at` is NULL: it is
 * another scheme. */
static struct locum_slice
after_scheme(const char *value, const char *scheme)
{
    const size_t length = strlen(scheme);
    if (strncasecmp(value, scheme, length) != 0 || value[length] != ' ') {
        return (struct locum_slice){.at = NULL};
    }
    return locum_slice_of(value + length + strspn(value + length, " "));
}

/* The password of USER:PASSWORD in base64. */
static bool
find_password(struct locum_slice credentials, char ret[LOCUM_TOKEN_MAX + 1])
{
    uint8_t bytes[USER_MAX + 1 + LOCUM_TOKEN_MAX];
    size_t length = 0;
    struct locum_slice user, rest;
    bool found = locum_base64_decode(credentials, bytes, sizeof(bytes), &length) == 0;
    rest = (struct locum_slice){.at = (const char *)bytes, .length = length};
    found = found && locum_slice_cut(&rest, ':', &user) && rest.at != NULL &&
            memchr(rest.at, '\0', rest.length) == NULL &&
            locum_slice_copy(rest, ret, LOCUM_TOKEN_MAX + 1) == 0;
    explicit_bzero(bytes, sizeof(bytes));
    return found;
}

bool
locum_token_find(const struct evkeyvalq *headers, char ret[LOCUM_TOKEN_MAX + 1])
{
    const char *key = evhttp_find_header(headers, "X-Api-Key");
    const char *value = evhttp_find_header(headers, "Authorization");
    if (value == NULL) {
        return key != NULL && locum_slice_copy(locum_slice_of(key), ret, LOCUM_TOKEN_MAX + 1) == 0;
    }
    const struct locum_slice bearer = after_scheme(value, "Bearer");
    const struct locum_slice basic = after_scheme(value, "Basic");
    if (bearer.at != NULL) {
        return locum_slice_copy(bearer, ret, LOCUM_TOKEN_MAX + 1) == 0;
    }
    return basic.at != NULL && find_password(basic, ret);
}
