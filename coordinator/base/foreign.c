#include "base/foreign.h"

#include <pthread.h>
#include <string.h>

static struct {
    char bytes[LOCUM_FOREIGN_SECRET_BYTES_MAX];
    size_t length;
    uint64_t hidden; /* number of the call that last named it; 0: never */
} secrets[LOCUM_FOREIGN_SECRETS_MAX];
static uint64_t calls;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* of both */

void
locum_foreign_hide(struct locum_slice secret)
{
    if (secret.length == 0 || secret.length > LOCUM_FOREIGN_SECRET_BYTES_MAX) {
        return;
    }
    (void)pthread_mutex_lock(&lock);
    size_t at = 0; /* the same one, or else the oldest */
    for (size_t i = 0; i < LOCUM_FOREIGN_SECRETS_MAX; i++) {
        if (secrets[i].length == secret.length &&
            memcmp(secrets[i].bytes, secret.at, secret.length) == 0) {
            at = i;
            break;
        }
        at = secrets[i].hidden < secrets[at].hidden ? i : at;
    }
    memcpy(secrets[at].bytes, secret.at, secret.length);
    secrets[at].length = secret.length;
    secrets[at].hidden = ++calls;
    (void)pthread_mutex_unlock(&lock);
}

static char
lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* How much of the text's beginning is a secret, or the beginning of one. */
static size_t
measure_secret(struct locum_slice text)
{
    size_t longest = 0;
    for (size_t i = 0; i < LOCUM_FOREIGN_SECRETS_MAX; i++) {
        const size_t whole = secrets[i].length;
        size_t length = 0;
        while (length < whole && length < text.length &&
               lower(text.at[length]) == lower(secrets[i].bytes[length])) {
            length++;
        }
        if (whole > 0 && (length == whole || length >= LOCUM_FOREIGN_PART_BYTES) &&
            length > longest) {
            longest = length;
        }
    }
    return longest;
}

/* The length of the key that the text begins with; 0: none. */
static size_t
measure_key(struct locum_slice text)
{
    bool letters = false;
    bool digits = false;
    size_t length = 0;
    for (; length < text.length; length++) {
        const char c = lower(text.at[length]);
        const bool letter = c >= 'a' && c <= 'z';
        const bool digit = c >= '0' && c <= '9';
        if (!letter && !digit && c != '+' && c != '/' && c != '=') {
            break;
        }
        letters |= letter;
        digits |= digit;
    }
    return length >= LOCUM_FOREIGN_KEY_BYTES && letters && digits ? length : 0;
}

void
locum_foreign_add(struct locum_text *text, struct locum_slice foreign, size_t max)
{
    size_t shown = 0;
    size_t i = 0;
    (void)pthread_mutex_lock(&lock);
    while (i < foreign.length && shown < max) {
        const struct locum_slice rest = {.at = foreign.at + i, .length = foreign.length - i};
        const size_t secret = measure_secret(rest);
        const size_t hidden = secret > 0 ? secret : measure_key(rest);
        if (hidden > 0) {
            locum_text_add(text, "***");
            i += hidden;
            shown += 3;
        } else {
            locum_text_add_char(text, *rest.at >= ' ' && *rest.at < 127 ? *rest.at : '?');
            i++;
            shown++;
        }
    }
    (void)pthread_mutex_unlock(&lock);
    locum_text_add(text, i < foreign.length ? "..." : "");
}
