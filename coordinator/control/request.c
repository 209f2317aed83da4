#include "control/request.h"

#include <string.h>
#include <strings.h>

#include "base/error.h"

struct fields {
    bool host;
    bool length;
    bool encoding;
};

static enum locum_http_parsed
refuse(struct locum_http_refusal *ret, int status, const char *text)
{
    *ret = (struct locum_http_refusal){.status = status, .text = text};
    return LOCUM_HTTP_REFUSED;
}

static bool
is_token(struct locum_slice text)
{
    for (size_t i = 0; i < text.length; i++) {
        const char c = text.at[i];
        const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!letter && !(c >= '0' && c <= '9') && memchr("!#$%&'*+-.^_`|~", c, 15) == NULL) {
            return false;
        }
    }
    return text.length > 0;
}

static struct locum_slice
trimmed(struct locum_slice text)
{
    while (text.length > 0 && (text.at[0] == ' ' || text.at[0] == '\t')) {
        text.at++;
        text.length--;
    }
    while (text.length > 0 &&
           (text.at[text.length - 1] == ' ' || text.at[text.length - 1] == '\t')) {
        text.length--;
    }
    return text;
}

static bool
is_field(struct locum_slice text, const char *word)
{
    return text.length == strlen(word) && strncasecmp(text.at, word, text.length) == 0;
}

/*
 * The bytes up to the empty line, or as far as they go. A line may end in CRLF only, and hold no
 * other control character than a tab: RFC 9112 2.2, 5.5.
 */
static enum locum_http_parsed
find_end(struct locum_slice bytes, size_t *ret_end, struct locum_http_refusal *ret_refusal)
{
    size_t line = 0;
    for (size_t i = 0; i < bytes.length; i++) {
        if (i >= LOCUM_HTTP_HEAD_BYTES_MAX) {
            return refuse(ret_refusal, 431, "the request's headers are longer than 8 KiB");
        }
        const unsigned char c = (unsigned char)bytes.at[i];
        if (c == '\r') {
            if (i + 1 < bytes.length && bytes.at[i + 1] != '\n') {
                return refuse(ret_refusal, 400, "not HTTP: a carriage return inside a line");
            }
        } else if (c == '\n') {
            if (i == 0 || bytes.at[i - 1] != '\r') {
                return refuse(ret_refusal, 400, "not HTTP: lines must end in CRLF");
            }
            if (i - 1 == line) {
                *ret_end = i + 1;
                return LOCUM_HTTP_READ;
            }
            line = i + 1;
        } else if ((c < ' ' && c != '\t') || c == 127) {
            return refuse(ret_refusal, 400, "not HTTP: a control character in the headers");
        }
    }
    return LOCUM_HTTP_MORE;
}

/* Cut one line off the front; its CRLF is known to be there. */
static struct locum_slice
cut_line(struct locum_slice *rest)
{
    struct locum_slice line;
    if (!locum_slice_cut(rest, '\n', &line)) {
        return (struct locum_slice){.at = ""};
    }
    line.length -= line.length > 0 ? 1 : 0;
    return line;
}

static enum locum_http_method
method_of(struct locum_slice word)
{
    if (locum_slice_is(word, "GET")) {
        return LOCUM_HTTP_GET;
    }
    if (locum_slice_is(word, "POST")) {
        return LOCUM_HTTP_POST;
    }
    return locum_slice_is(word, "HEAD") ? LOCUM_HTTP_HEAD : LOCUM_HTTP_OTHER;
}

/* method SP target SP version; RFC 9112 3. */
static enum locum_http_parsed
parse_start(struct locum_slice line, struct locum_http_head *ret, bool *ret_old,
            struct locum_http_refusal *ret_refusal)
{
    static const char malformed[] =
        "not HTTP: the first line must be like \"GET /status HTTP/1.1\"";
    struct locum_slice method;
    struct locum_slice target;
    struct locum_slice version;
    if (!locum_slice_cut(&line, ' ', &method) || !locum_slice_cut(&line, ' ', &target) ||
        !locum_slice_cut(&line, ' ', &version) || line.at != NULL) {
        return refuse(ret_refusal, 400, malformed);
    }
    if (!is_token(method) || target.length == 0 || !locum_slice_starts(version, "HTTP/")) {
        return refuse(ret_refusal, 400, malformed);
    }
    ret->method = method_of(method);
    ret->target = target;
    *ret_old = locum_slice_is(version, "HTTP/1.0");
    if (!*ret_old && !locum_slice_is(version, "HTTP/1.1")) {
        return refuse(ret_refusal, 505, "only HTTP/1.1 and HTTP/1.0 are spoken here");
    }
    return LOCUM_HTTP_READ;
}

static enum locum_http_parsed
take_length(struct locum_slice value, struct fields *fields, struct locum_http_head *ret,
            struct locum_http_refusal *ret_refusal)
{
    uint64_t length = 0;
    const int error = locum_slice_u64(value, LOCUM_HTTP_BODY_BYTES_MAX, &length);
    if (error == LOCUM_ERR_RANGE) {
        return refuse(ret_refusal, 413, "the body is longer than 64 KiB");
    }
    if (error != 0 || fields->length) {
        return refuse(ret_refusal, 400, "Content-Length must be there once, a number of bytes");
    }
    fields->length = true;
    ret->body_bytes = (size_t)length;
    return LOCUM_HTTP_READ;
}

static enum locum_http_parsed
take_field(struct locum_slice line, struct fields *fields, struct locum_http_head *ret,
           struct locum_http_refusal *ret_refusal)
{
    struct locum_slice value = line;
    struct locum_slice name;
    if (!locum_slice_cut(&value, ':', &name) || value.at == NULL || !is_token(name)) {
        return refuse(ret_refusal, 400, "not HTTP: a header line must be like \"Name: value\"");
    }
    value = trimmed(value);
    if (is_field(name, "content-length")) {
        return take_length(value, fields, ret, ret_refusal);
    }
    if (is_field(name, "expect")) {
        if (!is_field(value, "100-continue")) {
            return refuse(ret_refusal, 417, "Expect may ask for 100-continue only");
        }
        ret->expect_continue = true;
    } else if (is_field(name, "host")) {
        if (fields->host) {
            return refuse(ret_refusal, 400, "Host must be there once only");
        }
        fields->host = true;
    } else if (is_field(name, "transfer-encoding")) {
        fields->encoding = true;
    }
    return LOCUM_HTTP_READ;
}

static enum locum_http_parsed
parse_lines(struct locum_slice rest, struct locum_http_head *ret,
            struct locum_http_refusal *ret_refusal)
{
    struct fields fields = {0};
    bool old = false;
    enum locum_http_parsed parsed = parse_start(cut_line(&rest), ret, &old, ret_refusal);
    while (parsed == LOCUM_HTTP_READ) {
        const struct locum_slice line = cut_line(&rest);
        if (line.length == 0) {
            break;
        }
        parsed = take_field(line, &fields, ret, ret_refusal);
    }
    if (parsed != LOCUM_HTTP_READ) {
        return parsed;
    }
    if (fields.encoding) {
        return refuse(ret_refusal, 411, "Transfer-Encoding is not taken: send a Content-Length");
    }
    if (!fields.host && !old) {
        return refuse(ret_refusal, 400, "the Host header is missing (any value will do)");
    }
    return LOCUM_HTTP_READ;
}

enum locum_http_parsed
locum_http_parse(struct locum_slice bytes, struct locum_http_head *ret,
                 struct locum_http_refusal *ret_refusal)
{
    struct locum_http_head head = {.method = LOCUM_HTTP_OTHER};
    enum locum_http_parsed parsed = find_end(bytes, &head.head_bytes, ret_refusal);
    if (parsed == LOCUM_HTTP_READ) {
        bytes.length = head.head_bytes;
        parsed = parse_lines(bytes, &head, ret_refusal);
    }
    if (parsed == LOCUM_HTTP_READ) {
        *ret = head;
    } else if (parsed == LOCUM_HTTP_REFUSED) {
        ret->method = head.method;
    }
    return parsed;
}
