/*
 * request: the bytes of one HTTP/1.1 request -> method, target and length of the body, or the
 * status and text of the refusal. Pure: no I/O, no allocation.
 *
 * Why not evhttp: as a server it has no cap on connections, its time-out starts anew with every
 * byte, a client that goes away during a long poll is not seen, and what it refuses by itself is
 * answered in HTML. One request a connection is all that the API needs.
 *
 * Strict where clients and servers have disagreed before: CRLF only, no folded header lines, no
 * blank before a colon, one Content-Length, no Transfer-Encoding. Source: RFC 9112 2 to 6.
 */
#ifndef LOCUM_CONTROL_REQUEST_H
#define LOCUM_CONTROL_REQUEST_H

#include "base/text.h"

enum { LOCUM_HTTP_HEAD_BYTES_MAX = 8 * 1024, LOCUM_HTTP_BODY_BYTES_MAX = 64 * 1024 };

enum locum_http_method {
    LOCUM_HTTP_GET,
    LOCUM_HTTP_POST,
    LOCUM_HTTP_HEAD, /* known only so that its refusal carries no body */
    LOCUM_HTTP_OTHER,
};

/* The start line and header fields of a request; slices are borrowed from the bytes. */
struct locum_http_head {
    enum locum_http_method method;
    struct locum_slice target; /* as sent: origin-form or absolute-form */
    size_t head_bytes;         /* up to and with the empty line */
    size_t body_bytes;         /* Content-Length, 0 .. LOCUM_HTTP_BODY_BYTES_MAX */
    bool expect_continue;      /* the client waits for "100 Continue" before its body */
};

enum locum_http_parsed {
    LOCUM_HTTP_MORE,    /* no empty line yet */
    LOCUM_HTTP_READ,    /* *ret is filled */
    LOCUM_HTTP_REFUSED, /* *ret_refusal is filled */
};

struct locum_http_refusal {
    int status;       /* 400, 411, 413, 417, 431, 505 */
    const char *text; /* static: what is wrong and what would be right */
};

/*
 * Parse what has arrived so far.
 *
 * bytes        all of the connection's bytes from the start.
 * ret          written on LOCUM_HTTP_READ; of a refusal only `method` is set, as far as known.
 * ret_refusal  written on LOCUM_HTTP_REFUSED.
 */
enum locum_http_parsed locum_http_parse(struct locum_slice bytes, struct locum_http_head *ret,
                                        struct locum_http_refusal *ret_refusal) LOCUM_MUST_CHECK;

#endif
