#include "base/base64.h"

#include <string.h>

#include "base/error.h"

/* The value of a digit, or -1. */
static int
digit_of(char c)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *at = c == '\0' ? NULL : strchr(digits, c);
    return at == NULL ? -1 : (int)(at - digits);
}

int
locum_base64_decode(struct locum_slice text, uint8_t *ret, size_t size, size_t *ret_length)
{
    uint32_t bits = 0;
    size_t end = text.length, written = 0;
    for (int i = 0; i < 2 && end > 0 && text.at[end - 1] == '='; i++) {
        end--;
    }
    if (text.length % 4 != 0) {
        return LOCUM_ERR_INVALID;
    }
    for (size_t i = 0; i < end; i++) {
        const int digit = digit_of(text.at[i]);
        if (digit < 0) {
            return LOCUM_ERR_INVALID;
        }
        bits = bits << 6 | (uint32_t)digit;
        if (i % 4 != 0) {
            if (written == size) {
                return LOCUM_ERR_SPACE;
            }
            ret[written++] = (uint8_t)(bits >> (2 * (3 - i % 4)));
        }
    }
    *ret_length = written;
    return 0;
}

void
locum_base64_add_url(struct locum_text *text, const uint8_t *bytes, size_t length)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    for (size_t i = 0; i < length; i += 3) {
        const size_t left = length - i < 3 ? length - i : 3;
        uint32_t bits = 0;
        for (size_t j = 0; j < 3; j++) {
            bits = bits << 8 | (j < left ? bytes[i + j] : 0);
        }
        for (size_t j = 0; j <= left; j++) {
            locum_text_add_char(text, digits[bits >> (18 - 6 * j) & 0x3f]);
        }
    }
}
