/*
 * lack: which failures say nothing about the service.
 */
#include "fixture.h"

#include "base/error.h"
#include "health/probe.h"

/* Each errno is a failure of the service, or means that the check could not be run. */
static void
test_every_errno_is_sorted(void **state)
{
    static const int lacks[] = {EAGAIN, ENOMEM, ENFILE, EMFILE, ENOBUFS, ECANCELED};
    (void)state;
    for (int failure = 0; failure < 200; failure++) {
        bool expected = false;
        for (size_t i = 0; i < LOCUM_COUNT(lacks); i++) {
            expected = expected || failure == lacks[i];
        }
        if (locum_error_is_lack(failure) != expected) {
            fail_msg("errno %d: %s", failure, strerror(failure));
        }
    }
}

/* The same for each result of libcurl, also those of later versions. */
static void
test_every_result_of_libcurl_is_sorted(void **state)
{
    (void)state;
    for (int result = 0; result < 200; result++) {
        enum locum_probe_lack expected = LOCUM_LACK_NONE;
        switch (result) {
        case CURLE_FAILED_INIT:
        case CURLE_AGAIN: expected = LOCUM_LACK_ALWAYS; break;
        case CURLE_OUT_OF_MEMORY: expected = LOCUM_LACK_WITHOUT_ANSWER; break;
        case CURLE_COULDNT_CONNECT: expected = LOCUM_LACK_WITHOUT_SOCKET; break;
        case CURLE_COULDNT_RESOLVE_HOST:
        case CURLE_SSL_CACERT_BADFILE: expected = LOCUM_LACK_WITHOUT_DESCRIPTOR; break;
        default: break;
        }
        if (locum_probe_lack_of((CURLcode)result) != expected) {
            fail_msg("CURLcode %d", result);
        }
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_every_errno_is_sorted),
        TEST(test_every_result_of_libcurl_is_sorted),
    };
    return cmocka_run_group_tests_name("health: lack", tests, NULL, NULL);
}
