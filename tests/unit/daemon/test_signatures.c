/* What the peers' heartbeats say of their clocks decides by which time a zone is signed. */
#include "fixture.h"

#include <arpa/inet.h>
#include <sys/socket.h>

#include "base/text_format.h"
#include "core/heartbeat.h"
#include "daemon/inside.h"
#include "dns/keygen.h"

enum { DC2, DC3, NS0, PORT = 19853, HOUR_S = 3600, DAY_S = 86400, DAY_MS = 1000 * DAY_S };

static struct locum_secrets secrets;
static int udp = -1; /* the socket of the peers */
static uint64_t seq;
static locum_ms said[3];  /* the wall clock of each peer, minus the right time */
static locum_nodes heard; /* who speaks */

static int
setup_zone(void **state)
{
    char keys[64];
    char zone[96];
    struct locum_text why = locum_text_init(logged, sizeof(logged));
    assert_int_equal(setup(state), 0);
    assert_int_equal(locum_signature_read_secrets("secret", &secrets, &why), 0);
    (void)snprintf(keys, sizeof(keys), "%s/keys", folder);
    FILE *out = fopen("/dev/null", "w");
    assert_int_equal(locum_keygen_make(keys, "get.example.org.", "ecdsap256sha256", out, &why), 0);
    (void)fclose(out);
    (void)snprintf(zone, sizeof(zone), "    dnssec: {keys: %s}\n", keys);
    write_config("", zone);
    udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    seq = 0;
    heard = 0;
    memset(said, 0, sizeof(said));
    return 0;
}

static int
teardown_zone(void **state)
{
    (void)close(udp);
    DIR *files = opendir("keys");
    for (const struct dirent *file; (file = readdir(files)) != NULL;) {
        (void)unlinkat(dirfd(files), file->d_name, 0);
    }
    (void)closedir(files);
    assert_int_equal(rmdir("keys"), 0);
    return teardown(state);
}

/* Each peer that speaks sends a heartbeat, which acknowledges the last own one. */
static void
speak(void)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(PORT)};
    assert_int_equal(inet_pton(AF_INET, host, &to.sin_addr), 1);
    seq++;
    for (locum_node node = DC3; node <= NS0; node++) {
        char line[LOCUM_HEARTBEAT_MAX + LOCUM_SIGNATURE_BYTES];
        struct locum_text text = locum_text_init(line, sizeof(line));
        struct locum_heartbeat heartbeat = {.sender = node,
                                            .incarnation = 7,
                                            .seq = seq,
                                            .interval_ms = 125,
                                            .service = node == DC3 ? LOCUM_UP : 0,
                                            .wall = locum_clock_read().wall + said[node],
                                            .digest = "a1b2c3d4",
                                            .acked = 1u << DC2};
        heartbeat.acks[DC2] = (struct locum_ack){.has_number = true,
                                                 .incarnation = daemon_->core.view.incarnation,
                                                 .seq = daemon_->core.view.seq,
                                                 .state_code = LOCUM_ALIVE};
        locum_heartbeat_add(&text, &daemon_->core.config, &heartbeat);
        assert_int_equal(locum_signature_add(&secrets, &text), 0);
        if (locum_nodes_has(heard, node)) {
            (void)sendto(udp, line, text.length, 0, (struct sockaddr *)&to, sizeof(to));
        }
    }
}

static bool
is_in_doubt(void)
{
    speak();
    return get_metric("locum_clock_in_doubt") == 1;
}

static bool
is_sure(void)
{
    return !is_in_doubt();
}

static bool
has_heard(void)
{
    const struct locum_peer_facts *peer = daemon_->core.view.peer;
    speak();
    return peer[DC3].state_known && peer[NS0].state_known &&
           llabs(peer[DC3].wall_offset - said[DC3]) < 5000 &&
           llabs(peer[NS0].wall_offset - said[NS0]) < 5000;
}

/* The inception of the signatures, seconds since 1970. */
static int64_t
begin_of_signatures(void)
{
    char *text;
    struct tm time = {.tm_year = 0};
    assert_int_equal(locum_dns_zone_text(daemon_->dns, daemon_->config, 0, &daemon_->core.plan,
                                         NULL, daemon_->run.serial, &text),
                     0);
    const char *at = strstr(text, "\tRRSIG\t");
    assert_non_null(at);
    for (int blanks = 0; blanks < 5; at++) { /* covered algorithm labels ttl expiration inception */
        blanks += *at == ' ';
    }
    assert_non_null(strptime(at, "%Y%m%d%H%M%S", &time));
    free(text);
    return (int64_t)timegm(&time);
}

static bool
warning_has_begun(void)
{
    static const char words[] =
        "event=warning node=dc2 about=clock reason=\"the clock of this node "
        "is in doubt: it is 10079 min behind the peers' clocks";
    speak();
    return strstr(read_log(), words) != NULL;
}

static int64_t expected_s;

static bool
are_signed_by_it(void)
{
    speak();
    return begin_of_signatures() == expected_s;
}

/* The inception of signatures made at a time from now. */
static int64_t
begin_at(locum_ms later)
{
    const int64_t at_s = (locum_clock_read().wall + later) / 1000;
    return at_s - at_s % (7 * DAY_S) - DAY_S;
}

static void
test_a_clock_that_differs_from_the_peers_renews_nothing(void **state)
{
    (void)state;
    start();
    const int64_t begin_s = begin_of_signatures();
    assert_int_equal(begin_s, begin_at(0));
    assert_true(is_sure());
    heard = 1u << DC3 | 1u << NS0;
    said[DC3] = said[NS0] = 7 * (locum_ms)DAY_MS - 30000; /* then others would be made, */
    assert_true(wait_until(is_in_doubt));
    assert_true(wait_until(warning_has_begun));
    run_for(1500);
    assert_int_equal(begin_of_signatures(), begin_s); /* but these are valid */
    said[DC3] = said[NS0] = 20 * (locum_ms)DAY_MS;    /* by the peers' clocks they have expired */
    expected_s = begin_at(said[DC3]);
    assert_true(wait_until(are_signed_by_it));
    assert_true(is_in_doubt());
    said[DC3] = said[NS0] = 0;
    expected_s = begin_s;
    assert_true(wait_until(is_sure));
    assert_true(wait_until(are_signed_by_it));
}

/* A single peer, 10 days ahead: the time of keys does not follow it. */
static void
test_one_wrong_peer_makes_no_time_pass_for_keys(void **state)
{
    (void)state;
    start();
    const int64_t begin_s = locum_daemon_signatures_now_s(daemon_);
    assert_true(llabs(begin_s - locum_clock_read().wall / 1000) < 60);
    heard = 1u << DC3;
    said[DC3] = 10 * (locum_ms)DAY_MS;
    assert_true(wait_until(is_in_doubt));
    const int64_t still_s = locum_daemon_signatures_now_s(daemon_);
    assert_true(still_s - begin_s < HOUR_S);
    run_for(1500);
    assert_true(is_in_doubt());
    assert_int_equal(daemon_->keys.memory->server_count, 2);
    assert_int_equal(daemon_->keys.memory->servers[1].heard_s, 0);
    assert_true(locum_daemon_signatures_now_s(daemon_) - still_s <= 1);
    said[DC3] = 0;
    assert_true(wait_until(is_sure));
    assert_true(locum_daemon_signatures_now_s(daemon_) - begin_s < HOUR_S);
}

static void
test_one_wrong_clock_among_three_is_outvoted(void **state)
{
    (void)state;
    start();
    heard = 1u << DC3 | 1u << NS0;
    said[DC3] = DAY_MS; /* the witness agrees with this node */
    assert_true(wait_until(has_heard));
    assert_true(is_sure());
    said[NS0] = DAY_MS; /* no more */
    assert_true(wait_until(is_in_doubt));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_clock_that_differs_from_the_peers_renews_nothing,
                                        setup_zone, teardown_zone),
        cmocka_unit_test_setup_teardown(test_one_wrong_peer_makes_no_time_pass_for_keys, setup_zone,
                                        teardown_zone),
        cmocka_unit_test_setup_teardown(test_one_wrong_clock_among_three_is_outvoted, setup_zone,
                                        teardown_zone),
    };
    return cmocka_run_group_tests_name("daemon/signatures", tests, NULL, NULL);
}
