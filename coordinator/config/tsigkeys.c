#include "config/tsigkeys.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/base64.h"
#include "base/error.h"
#include "base/text_format.h"
#include "config/domain.h"

/* The rest of a file. */
struct reader {
    struct locum_slice rest;
    unsigned line; /* of the token read last, or of what follows it */
    struct locum_text *why;
};

/* A word, a quoted text, or one of { } ; alone. Length 0 and not quoted: the file has ended. */
struct token {
    struct locum_slice text;
    bool quoted;
};

static int __attribute__((format(printf, 2, 3)))
refuse(struct reader *self, const char *format, ...)
{
    char buffer[LOCUM_PROBLEM_BYTES];
    va_list values;
    va_start(values, format);
    (void)vsnprintf(buffer, sizeof(buffer), format, values);
    va_end(values);
    locum_text_format(self->why, "line %u: %s", self->line, buffer);
    return LOCUM_ERR_INVALID;
}

static void
advance(struct reader *self, size_t count)
{
    for (size_t i = 0; i < count && self->rest.length > 0; i++) {
        self->line += *self->rest.at == '\n';
        self->rest.at++;
        self->rest.length--;
    }
}

static size_t
find(struct locum_slice text, const char *end)
{
    const char *at = memmem(text.at, text.length, end, strlen(end));
    return at == NULL ? text.length : (size_t)(at - text.at) + strlen(end);
}

/* Blanks and comments: # and // to the end of the line, and those of C. */
static void
skip_blanks(struct reader *self)
{
    for (;;) {
        const size_t before = self->rest.length;
        while (self->rest.length > 0 && strchr(" \t\r\n", *self->rest.at) != NULL &&
               *self->rest.at != '\0') {
            advance(self, 1);
        }
        if (locum_slice_starts(self->rest, "#") || locum_slice_starts(self->rest, "//")) {
            advance(self, find(self->rest, "\n"));
        } else if (locum_slice_starts(self->rest, "/*")) {
            advance(self, 2);
            advance(self, find(self->rest, "*/"));
        }
        if (self->rest.length == before) {
            return;
        }
    }
}

/* Is this the end of a word? */
static bool
ends_word(struct locum_slice rest, size_t at)
{
    return at == rest.length || (uint8_t)rest.at[at] <= ' ' ||
           strchr("{};\"#", rest.at[at]) != NULL;
}

static struct token
next(struct reader *self)
{
    struct token token = {0};
    skip_blanks(self);
    token.text.at = self->rest.at;
    if (locum_slice_starts(self->rest, "\"")) {
        token.quoted = true;
        advance(self, 1);
        token.text.at = self->rest.at;
        while (token.text.length < self->rest.length &&
               strchr("\"\n", self->rest.at[token.text.length]) == NULL) {
            token.text.length++;
        }
        advance(self, token.text.length);
        if (locum_slice_starts(self->rest, "\"")) {
            advance(self, 1);
        }
        return token;
    }
    while (!ends_word(self->rest, token.text.length)) {
        token.text.length++;
    }
    if (token.text.length == 0 && self->rest.length > 0) {
        token.text.length = 1;
    }
    advance(self, token.text.length);
    return token;
}

static bool
is_word(struct token token, const char *word)
{
    return !token.quoted && token.text.length == strlen(word) &&
           strncasecmp(token.text.at, word, token.text.length) == 0;
}

static int
expect(struct reader *self, const char *what, const char *after)
{
    return is_word(next(self), what) ? 0 : refuse(self, "'%s' is missing after %s", what, after);
}

static int
read_secret(struct reader *self, struct locum_slice text, struct locum_config_tsig_key *ret)
{
    size_t length = 0;
    switch (locum_base64_decode(text, ret->secret, sizeof(ret->secret), &length)) {
    case 0: break;
    case LOCUM_ERR_SPACE:
        return refuse(self, "the secret is longer than %d bytes", LOCUM_TSIG_SECRET_MAX);
    default: return refuse(self, "the secret is not base64");
    }
    if (length < LOCUM_TSIG_SECRET_MIN) {
        return refuse(self,
                      "the secret has fewer than %d bytes and could be guessed: make a key with "
                      "`tsig-keygen`",
                      LOCUM_TSIG_SECRET_MIN);
    }
    ret->secret_length = length;
    return 0;
}

static int
read_algorithm(struct reader *self, struct token token, struct locum_config_tsig_key *ret)
{
    static const char *const names[] = {
        [LOCUM_HMAC_SHA256] = "hmac-sha256", [LOCUM_HMAC_SHA512] = "hmac-sha512"};
    if (token.text.length > 0 && token.text.at[token.text.length - 1] == '.') {
        token.text.length--;
    }
    token.quoted = false;
    for (size_t i = 0; i < LOCUM_COUNT(names); i++) {
        if (is_word(token, names[i])) {
            ret->hash = (enum locum_hmac_hash)i;
            return 0;
        }
    }
    return refuse(self, "its algorithm is not supported: use hmac-sha256 or hmac-sha512");
}

static int
read_name(struct reader *self, struct token token, struct locum_config_tsig_key *ret)
{
    char name[LOCUM_DOMAIN_MAX + 1];
    const char *why = NULL;
    if (locum_domain_absolute(token.text, name, &why) != 0) {
        return refuse(self,
                      "the name of the key is no domain name; expected key \"NAME\" { algorithm "
                      "hmac-sha256; secret \"BASE64\"; };");
    }
    if (strlen(name) > LOCUM_TSIG_NAME_CHARS_MAX) {
        return refuse(self, "the name of the key is longer than %d characters",
                      LOCUM_TSIG_NAME_CHARS_MAX - 1);
    }
    memcpy(ret->name, name, strlen(name) + 1);
    return 0;
}

/* What follows the word `key`. No message repeats a word of the file: it may be a secret that is in
 * the wrong place. */
static int
read_key(struct reader *self, struct locum_config_tsig_key *ret)
{
    bool algorithm = false, secret = false;
    int status = read_name(self, next(self), ret);
    if (status == 0) {
        status = expect(self, "{", "the name of the key");
    }
    while (status == 0) {
        const struct token word = next(self);
        if (is_word(word, "}")) {
            break;
        }
        const struct token value = next(self);
        if (is_word(word, "algorithm") && !algorithm) {
            algorithm = true;
            status = read_algorithm(self, value, ret);
        } else if (is_word(word, "secret") && !secret) {
            secret = true;
            status = read_secret(self, value.text, ret);
        } else {
            status =
                refuse(self, "after '{' of a key come algorithm and secret, once each, and '}'");
        }
        if (status == 0) {
            status = expect(self, ";", "the value");
        }
    }
    if (status == 0 && !(algorithm && secret)) {
        status =
            refuse(self, "%s of the key is missing", algorithm ? "the secret" : "the algorithm");
    }
    return status != 0 ? status : expect(self, ";", "'}'");
}

int
locum_tsigkeys_parse(struct locum_slice text, struct locum_config_tsig_key *ret, size_t keys_max,
                     size_t *ret_count, struct locum_text *ret_why)
{
    struct reader reader = {.rest = text, .line = 1, .why = ret_why};
    size_t count = 0;
    for (;;) {
        const struct token word = next(&reader);
        if (word.text.length == 0 && !word.quoted) {
            break;
        }
        if (!is_word(word, "key")) {
            return refuse(&reader, "not a key: write key \"NAME\" { algorithm hmac-sha256; secret "
                                   "\"BASE64\"; };");
        }
        if (count == keys_max) {
            (void)refuse(&reader, "at most %d different keys, in all files", LOCUM_TSIG_KEYS_MAX);
            return LOCUM_ERR_SPACE;
        }
        const int status = read_key(&reader, &ret[count]);
        if (status != 0) {
            return status;
        }
        count++;
    }
    if (count == 0) {
        return refuse(&reader, "the file has no key: make one with `tsig-keygen NAME`");
    }
    *ret_count = count;
    return 0;
}
