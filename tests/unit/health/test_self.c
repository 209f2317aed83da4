/* health: a tcp check that is connected to itself is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "health/health.h"

static enum locum_sample seen;
static char said[256];

static void
on_sample(void *user, size_t check, enum locum_sample outcome, const char *text)
{
    struct locum_text copy = locum_text_init(said, sizeof(said));
    (void)check;
    seen = outcome;
    locum_text_add(&copy, text);
    (void)event_base_loopbreak(user);
}

/* A network namespace whose only local port for outgoing connections is the checked one. */
static bool
enter_network(void)
{
    static const char range[] = "20000 20000";
    struct ifreq up = {.ifr_name = "lo", .ifr_flags = IFF_UP};
    if (unshare(CLONE_NEWNET) != 0 && unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0) {
        return false;
    }
    const int fd = socket(AF_INET, SOCK_DGRAM, 0);
    const int file = open("/proc/sys/net/ipv4/ip_local_port_range", O_WRONLY);
    const bool entered = fd >= 0 && ioctl(fd, SIOCSIFFLAGS, &up) == 0 && file >= 0 &&
                         write(file, range, sizeof(range) - 1) == (ssize_t)sizeof(range) - 1;
    (void)close(fd);
    (void)close(file);
    return entered;
}

static void
a_connection_to_itself_is_refused(void **state)
{
    (void)state;
    struct locum_health *health;
    struct locum_config *config = calloc(1, sizeof(*config));
    struct event_base *base = event_base_new();
    assert_non_null(config);
    assert_non_null(base);
    if (!enter_network()) {
        print_message("SKIP: no network namespace can be made here\n");
        event_base_free(base);
        free(config);
        skip();
    }
    config->core.check_count = 1;
    config->core.checks[0].interval_ms = 10000;
    config->checks[0].kind = LOCUM_CHECK_TCP;
    config->checks[0].timeout_ms = 1000;
    assert_int_equal(
        locum_address_parse_port(locum_slice_of("127.0.0.1:20000"), &config->checks[0].tcp), 0);
    assert_int_equal(locum_health_create(base, config, on_sample, base, &health), 0);
    (void)event_base_dispatch(base);
    assert_string_equal(said, "connection refused");
    assert_int_equal(seen, LOCUM_SAMPLE_REFUSED);
    locum_health_destroy(health);
    event_base_free(base);
    free(config);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_connection_to_itself_is_refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
