/* trim: long texts become empty, whatever the pieces; everything else passes unchanged. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/invariant.h"
#include "redis/trim.h"

enum { STREAM_BYTES = 3 * (LOCUM_TRIM_BYTES_MAX + 100) };

struct stream {
    char *at;
    size_t length;
};

static struct stream
stream(void)
{
    struct stream self = {.at = malloc(STREAM_BYTES)};
    assert_non_null(self.at);
    return self;
}

static void
add(struct stream *self, const char *text)
{
    const size_t length = strlen(text);
    assert_true(self->length + length <= STREAM_BYTES);
    memcpy(self->at + self->length, text, length);
    self->length += length;
}

static void
add_filler(struct stream *self, size_t length)
{
    assert_true(self->length + length <= STREAM_BYTES);
    memset(self->at + self->length, '$', length); /* the worst of all bytes */
    self->length += length;
}

/* Feed `in` in pieces of `piece` bytes; what passes must be `want`. */
static void
assert_trimmed(const struct stream *in, const struct stream *want, size_t piece, uint64_t trimmed)
{
    struct locum_trim trim = {0};
    struct stream out = stream();
    for (size_t at = 0; at < in->length; at += piece) {
        const size_t length = in->length - at < piece ? in->length - at : piece;
        char *bytes = malloc(length); /* so that a sanitizer sees reads beyond it */
        char *room = malloc(length + LOCUM_TRIM_ROOM);
        memcpy(bytes, in->at + at, length);
        const size_t written = locum_trim(&trim, bytes, length, room);
        assert_true(written <= length + LOCUM_TRIM_ROOM);
        memcpy(out.at + out.length, room, written);
        out.length += written;
        free(bytes);
        free(room);
    }
    assert_int_equal(out.length, want->length);
    assert_memory_equal(out.at, want->at, want->length);
    assert_int_equal(trim.trimmed, trimmed);
    free(out.at);
}

static void
test_short_texts_pass_unchanged(void **state)
{
    (void)state;
    struct stream in = stream();
    add(&in, "+OK\r\n*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$0\r\n\r\n-ERR $99999999\r\n:5\r\n");
    add(&in, "$-1\r\n*-1\r\n$5\r\na\r\nb\r\r\n$10\r\n$999999999\r\n+x\r\n");
    for (size_t piece = 1; piece <= in.length; piece++) {
        assert_trimmed(&in, &in, piece, 0);
    }
    free(in.at);
}

static void
test_text_of_the_limit_passes_and_a_longer_one_is_emptied(void **state)
{
    (void)state;
    const size_t pieces[] = {1, 7, 4096, STREAM_BYTES};
    struct stream in = stream();
    struct stream want = stream();
    add(&in, "*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$65536\r\n");
    add_filler(&in, LOCUM_TRIM_BYTES_MAX);
    add(&in, "\r\n");
    memcpy(want.at, in.at, in.length);
    want.length = in.length;
    add(&in, "*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$65537\r\n");
    add(&want, "*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$0\r\n");
    add_filler(&in, LOCUM_TRIM_BYTES_MAX + 1);
    add(&in, "\r\n+OK\r\n");
    add(&want, "\r\n+OK\r\n");
    for (size_t i = 0; i < LOCUM_COUNT(pieces); i++) {
        assert_trimmed(&in, &want, pieces[i], 1);
    }
    free(in.at);
    free(want.at);
}

/* hiredis refuses them as before. */
static void
test_what_is_no_length_passes_unchanged(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "$\r\n",
        "$\n",
        "$5\n",
        "$ 99999999\r\nx\r\n",
        "$99999999999999999999999999999999\r\nx\r\n",
        "$9999999999999999999\r\nx\r\n",
        "$-2\r\n",
        "HTTP/1.1 400 Bad Request\r\n\r\n",
        "$99999999x\r\n",
    };
    for (size_t i = 0; i < LOCUM_COUNT(texts); i++) {
        struct stream in = stream();
        add(&in, texts[i]);
        for (size_t piece = 1; piece <= in.length; piece++) {
            assert_trimmed(&in, &in, piece, 0);
        }
        free(in.at);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_short_texts_pass_unchanged),
        cmocka_unit_test(test_text_of_the_limit_passes_and_a_longer_one_is_emptied),
        cmocka_unit_test(test_what_is_no_length_passes_unchanged),
    };
    return cmocka_run_group_tests_name("redis/trim", tests, NULL, NULL);
}
