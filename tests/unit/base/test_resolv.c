/* resolv: the resolvers of the host. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/resolv.h"

static void
test_resolvers_of_the_host(void **state)
{
    (void)state;
    char path[] = "/tmp/locum-resolv-XXXXXX";
    struct locum_address found[LOCUM_RESOLV_MAX];
    const int fd = mkstemp(path);
    static const char text[] = "# nameserver 192.0.2.9\nsearch example.org\nnameserver 192.0.2.1\n"
                               " nameserver\t2001:db8::1 # second\nnameserver fe80::1%eth0\n"
                               "nameserver x\nnameserver 192.0.2.2\nnameserver 192.0.2.3\n"
                               "nameserver 192.0.2.4\n";
    assert_true(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    (void)close(fd);
    assert_int_equal(locum_resolv_read(path, 53, found), LOCUM_RESOLV_MAX);
    assert_string_equal(locum_address_text(&found[0]).text, "192.0.2.1:53");
    assert_string_equal(locum_address_text(&found[1]).text, "[2001:db8::1]:53");
    assert_string_equal(locum_address_text(&found[3]).text, "192.0.2.3:53");
    (void)unlink(path);
    assert_int_equal(locum_resolv_read(path, 53, found), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_resolvers_of_the_host),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
