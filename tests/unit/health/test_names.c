/*
 * health: http checks by host name, against a name server on 127.0.0.1 that answers, says that
 * there is no such name, or is silent.
 */
#include "fixture.h"

#include <arpa/inet.h>
#include <event2/dns.h>
#include <event2/dns_struct.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>

enum { LONG_MS = 60000, SHORT_MS = 10 };

static struct {
    int fd;
    char address[32];
    struct evdns_server_port *port; /* NULL: silent */
    size_t questions;
    bool forgotten; /* web.test is no name any more */
} names;

/* In place of libevent's: the name server of this test, whatever /etc/resolv.conf says. */
int
evdns_base_resolv_conf_parse(struct evdns_base *base, int flags, const char *const path)
{
    (void)flags, (void)path;
    return evdns_base_nameserver_ip_add(base, names.address);
}

/* In place of the C library's: libcurl has nothing to look up. */
int
getaddrinfo(const char *restrict node, const char *restrict service,
            const struct addrinfo *restrict hints, struct addrinfo **restrict result)
{
    (void)service, (void)hints, (void)result;
    fail_msg("a thread looks up %s", node);
    return EAI_NONAME;
}

/* web.test is on this host, by IPv4 alone. */
static void
on_question(struct evdns_server_request *request, void *user)
{
    const struct evdns_server_question *question = request->questions[0];
    const bool known = !names.forgotten && strcasecmp(question->name, "web.test") == 0;
    const uint32_t address = htonl(INADDR_LOOPBACK);
    (void)user;
    names.questions++;
    if (known && question->type == EVDNS_TYPE_A) {
        evdns_server_request_add_a_reply(request, question->name, 1, &address, 60);
    }
    evdns_server_request_respond(request, known ? 0 : DNS_ERR_NOTEXIST);
}

static void
answer_questions(void)
{
    names.port = evdns_add_server_port_with_base(the.base, names.fd, 0, on_question, NULL);
    assert_non_null(names.port);
}

static int
setup_names(void **state)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof(address);
    const int status = setup(state);
    memset(&names, 0, sizeof(names));
    names.fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(names.fd, (struct sockaddr *)&address, length), 0);
    assert_int_equal(getsockname(names.fd, (struct sockaddr *)&address, &length), 0);
    (void)snprintf(names.address, sizeof(names.address), "127.0.0.1:%u", ntohs(address.sin_port));
    return status;
}

static int
teardown_names(void **state)
{
    locum_health_destroy(the.health); /* also while a lookup is under way */
    the.health = NULL;
    (void)event_base_loop(the.base, EVLOOP_NONBLOCK);
    if (names.port != NULL) {
        evdns_close_server_port(names.port);
    }
    (void)close(names.fd);
    return teardown(state);
}

static void
add_url(const char *host, locum_ms interval_ms, locum_ms timeout_ms)
{
    struct locum_config_check *check = add_http(&the.address, "/", interval_ms, timeout_ms);
    (void)snprintf(check->http.url, sizeof(check->http.url), "http://%s:%u/200", host,
                   the.address.port);
}

static void
test_a_name_is_looked_up_for_many_probes(void **state)
{
    (void)state;
    answer_questions();
    add_url("Web.test", 20, LONG_MS);
    add_url("web.test", 20, LONG_MS);
    start_health();
    wait_for(&the.samples[0], 5);
    wait_for(&the.samples[1], 5);
    assert_sample(LOCUM_SAMPLE_PASS, "200 in * ms");
    assert_int_equal(the.outcome[1], LOCUM_SAMPLE_PASS);
    assert_non_null(strcasestr(the.request, "\r\nHost: web.test:"));
    assert_int_equal(names.questions, 2); /* A and AAAA */
}

static void
test_a_name_of_the_hosts_file(void **state)
{
    (void)state;
    add_url("localhost", LONG_MS, LONG_MS);
    start_health();
    wait_for(&the.samples[0], 1);
    assert_sample(LOCUM_SAMPLE_PASS, "200 in * ms");
    assert_int_equal(names.questions, 0);
}

/* The server is asked at the address of the URL's own host, and by the name that the check has. */
static void
test_another_host_in_the_request(void **state)
{
    (void)state;
    answer_questions();
    add_url("web.test", LONG_MS, LONG_MS);
    memcpy(the.config->checks[0].http.host, "get.test", sizeof("get.test"));
    start_health();
    wait_for(&the.samples[0], 1);
    assert_sample(LOCUM_SAMPLE_PASS, "200 in * ms");
    assert_non_null(strstr(the.request, "\r\nHost: get.test\r\n"));
}

static void
test_an_unknown_name_fails(void **state)
{
    (void)state;
    answer_questions();
    add_url("unknown.test", LONG_MS, LONG_MS);
    add_url("web.test", LONG_MS, LONG_MS);
    the.config->checks[1].http.lacks_value = true; /* it cannot be run, and waits for no name */
    start_health();
    wait_for(&the.samples[0], 1);
    assert_sample(LOCUM_SAMPLE_FAIL, "unknown.test: no such name");
    assert_int_equal(the.outcome[1], LOCUM_SAMPLE_NOT_RUN);
}

static void
test_a_probe_waits_for_the_lookup(void **state)
{
    (void)state;
    add_url("web.test", LONG_MS, LONG_MS);
    start_health();
    for (int i = 0; i < 3; i++) {
        assert_int_not_equal(event_base_loop(the.base, EVLOOP_ONCE | EVLOOP_NONBLOCK), -1);
    }
    assert_int_equal(the.samples[0], 0);
    answer_questions();
    wait_for(&the.samples[0], 1);
    assert_sample(LOCUM_SAMPLE_PASS, "200 in * ms");
}

/* After a reload the addresses are known, though the name servers are silent by then. */
static void
test_known_addresses_are_kept_at_a_reload(void **state)
{
    (void)state;
    answer_questions();
    add_url("web.test", 20, LONG_MS);
    start_health();
    wait_for(&the.samples[0], 1);
    evdns_close_server_port(names.port);
    names.port = NULL;
    struct locum_health *former = the.health;
    the.samples[0] = 0;
    start_health();
    locum_health_learn(the.health, former);
    locum_health_destroy(former);
    wait_for(&the.samples[0], 3);
    assert_sample(LOCUM_SAMPLE_PASS, "200 in * ms");
}

/* Unlike the silence of name servers, this is an answer. */
static void
test_a_name_that_is_removed_fails(void **state)
{
    (void)state;
    answer_questions();
    add_url("web.test", 20, LONG_MS);
    start_health();
    wait_for(&the.samples[0], 1);
    assert_sample(LOCUM_SAMPLE_PASS, "200 in * ms");
    names.forgotten = true;
    struct locum_health *former = the.health;
    the.samples[0] = 0;
    start_health();
    locum_health_learn(the.health, former); /* and the name is looked up at once */
    locum_health_destroy(former);
    wait_for(&the.samples[0], 5);
    assert_sample(LOCUM_SAMPLE_FAIL, "web.test: no such name any more");
}

/*
 * Dead name servers: each probe ends at its deadline, and leaves neither a thread nor a descriptor
 * behind. (Sixteen such checks once had 908 threads and 3,235 descriptors.)
 */
static void
test_nothing_is_left_behind_by_lookups_that_hang(void **state)
{
    (void)state;
    char hosts[LOCUM_CHECKS_MAX][16];
    const size_t threads = count_entries("/proc/self/task");
    for (size_t i = 0; i < LOCUM_CHECKS_MAX; i++) {
        (void)snprintf(hosts[i], sizeof(hosts[i]), "web%zu.test", i);
        add_url(hosts[i], 20, SHORT_MS);
    }
    start_health();
    for (size_t i = 0; i < LOCUM_CHECKS_MAX; i++) {
        wait_for(&the.samples[i], 20);
        assert_int_equal(the.outcome[i], LOCUM_SAMPLE_FAIL);
    }
    assert_sample(LOCUM_SAMPLE_FAIL, "web0.test: no answer of a name server within 10 ms");
    assert_int_equal(count_entries("/proc/self/task"), threads);
    assert_in_range(count_entries("/proc/self/fd"), the.descriptors, the.descriptors + 16);
}

static void
test_lack_of_descriptors_for_a_lookup_is_no_failure(void **state)
{
    (void)state;
    answer_questions();
    add_url("unknown.test", 20, LONG_MS);
    start_health();
    wait_for(&the.samples[0], 1);
    assert_lack_is_no_failure("could not be run for * ms: Too many open files");
    assert_sample(LOCUM_SAMPLE_FAIL, "unknown.test: no such name");
}

#define NAMES_TEST(name) cmocka_unit_test_setup_teardown(name, setup_names, teardown_names)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        NAMES_TEST(test_a_name_is_looked_up_for_many_probes),
        NAMES_TEST(test_a_name_of_the_hosts_file),
        NAMES_TEST(test_another_host_in_the_request),
        NAMES_TEST(test_an_unknown_name_fails),
        NAMES_TEST(test_a_probe_waits_for_the_lookup),
        NAMES_TEST(test_known_addresses_are_kept_at_a_reload),
        NAMES_TEST(test_a_name_that_is_removed_fails),
        NAMES_TEST(test_nothing_is_left_behind_by_lookups_that_hang),
        NAMES_TEST(test_lack_of_descriptors_for_a_lookup_is_no_failure),
    };
    return cmocka_run_group_tests_name("health: names", tests, NULL, NULL);
}
