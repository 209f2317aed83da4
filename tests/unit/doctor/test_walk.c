/* walk: whom it asks and which answers count, with name servers of the test on the loopback. */
#include "fixture.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <unistd.h>

enum role { PARENT, SERVER, RESOLVER, OTHER_RESOLVER, ROLES };
enum { LENGTH_BYTES = 2 };

struct net {
    int udp[ROLES], tcp; /* tcp: of SERVER */
    struct locum_address at[ROLES];
    ldns_pkt_rcode rcode[ROLES]; /* an error of all its answers */
    bool silent[ROLES];
    bool truncates; /* SERVER, by UDP */
    atomic_uint asked[ROLES];
    atomic_bool over;
    pthread_t thread;
    struct bench *bench;
    struct locum_doctor_options options;
    struct locum_doctor_resolvers resolvers;
    struct locum_doctor_zone *zone;
};

static void
push(ldns_pkt *reply, ldns_pkt_section section, const char *text)
{
    ldns_rr *rr = NULL;
    assert_int_equal(ldns_rr_new_frm_str(&rr, text, 0, NULL, NULL), LDNS_STATUS_OK);
    assert_true(ldns_pkt_push_rr(reply, section, rr));
}

/* The answer without an error: the parent delegates other.example.org too, without addresses. */
static void
fill(enum role role, bool apex, ldns_rr_type type, ldns_pkt *reply)
{
    if (role == PARENT && apex) {
        push(reply, LDNS_SECTION_AUTHORITY, "get.example.org. 3600 NS ns1.other.example.org.");
        push(reply, LDNS_SECTION_AUTHORITY, "get.example.org. 3600 NS ns2.other.example.org.");
    } else if (role == PARENT) {
        push(reply, LDNS_SECTION_AUTHORITY, "other.example.org. 60 NS ns1.other.example.org.");
    } else if (role == SERVER && type == LDNS_RR_TYPE_NS) {
        push(reply, LDNS_SECTION_ANSWER, "get.example.org. 3600 NS ns1.other.example.org.");
        push(reply, LDNS_SECTION_ANSWER, "get.example.org. 3600 NS ns2.other.example.org.");
    } else if (role == SERVER) {
        push(reply, LDNS_SECTION_ANSWER,
             "get.example.org. 60 SOA ns1.other.example.org. hostmaster.get.example.org. "
             "1 3600 600 604800 15");
    } else if (type == LDNS_RR_TYPE_A) {
        push(reply, LDNS_SECTION_ANSWER, "ns1.other.example.org. 60 A 127.0.0.1");
        push(reply, LDNS_SECTION_ANSWER, "ns2.other.example.org. 60 A 127.0.0.1");
    }
}

/* Returns the length of the answer, 0 if there is none. */
static size_t
answer(struct net *net, enum role role, bool tcp, const uint8_t *query, size_t length, uint8_t *to)
{
    ldns_pkt *asked = NULL;
    uint8_t *wire = NULL;
    size_t size = 0;
    atomic_fetch_add(&net->asked[role], 1);
    if (net->silent[role]) {
        return 0;
    }
    assert_int_equal(ldns_wire2pkt(&asked, query, length), LDNS_STATUS_OK);
    const ldns_rr *question = ldns_rr_list_rr(ldns_pkt_question(asked), 0);
    char *name = ldns_rdf2str(ldns_rr_owner(question));
    ldns_pkt *reply = ldns_pkt_new();
    ldns_pkt_set_id(reply, ldns_pkt_id(asked));
    ldns_pkt_set_qr(reply, true);
    ldns_pkt_set_aa(reply, role == SERVER);
    ldns_pkt_set_rcode(reply, (uint8_t)net->rcode[role]);
    assert_true(ldns_pkt_push_rr(reply, LDNS_SECTION_QUESTION, ldns_rr_clone(question)));
    if (role == SERVER && net->truncates && !tcp) {
        ldns_pkt_set_tc(reply, true);
    } else if (net->rcode[role] == LDNS_RCODE_NOERROR) {
        fill(role, strcmp(name, "get.example.org.") == 0, ldns_rr_get_type(question), reply);
    }
    if (ldns_pkt_edns(asked)) {
        ldns_pkt_set_edns_udp_size(reply, LOCUM_DOCTOR_REPLY_BYTES_MAX);
    }
    assert_int_equal(ldns_pkt2wire(&wire, reply, &size), LDNS_STATUS_OK);
    memcpy(to, wire, size);
    free(wire);
    free(name);
    ldns_pkt_free(reply);
    ldns_pkt_free(asked);
    return size;
}

static void
serve_tcp(struct net *net)
{
    uint8_t query[LOCUM_DOCTOR_REPLY_BYTES_MAX], to[LOCUM_DOCTOR_REPLY_BYTES_MAX];
    const int fd = accept(net->tcp, NULL, NULL);
    const ssize_t got = recv(fd, query, sizeof(query), 0);
    assert_true(got > LENGTH_BYTES);
    const size_t size = answer(net, SERVER, true, query + LENGTH_BYTES, (size_t)got - LENGTH_BYTES,
                               to + LENGTH_BYTES);
    to[0] = (uint8_t)(size >> 8);
    to[1] = (uint8_t)size;
    (void)send(fd, to, size + LENGTH_BYTES, MSG_NOSIGNAL);
    (void)close(fd);
}

static void *
serve(void *user)
{
    struct net *net = user;
    uint8_t query[LOCUM_DOCTOR_REPLY_BYTES_MAX], to[LOCUM_DOCTOR_REPLY_BYTES_MAX];
    while (!atomic_load(&net->over)) {
        struct pollfd ready[ROLES + 1] = {[ROLES] = {.fd = net->tcp, .events = POLLIN}};
        for (size_t i = 0; i < ROLES; i++) {
            ready[i] = (struct pollfd){.fd = net->udp[i], .events = POLLIN};
        }
        (void)poll(ready, ROLES + 1, 20);
        for (size_t i = 0; i < ROLES; i++) {
            struct sockaddr_in peer;
            socklen_t peer_size = sizeof(peer);
            const ssize_t got = ready[i].revents == 0
                                    ? -1
                                    : recvfrom(net->udp[i], query, sizeof(query), 0,
                                               (struct sockaddr *)&peer, &peer_size);
            const size_t size =
                got > 0 ? answer(net, (enum role)i, false, query, (size_t)got, to) : 0;
            if (size > 0) {
                (void)sendto(net->udp[i], to, size, 0, (struct sockaddr *)&peer, peer_size);
            }
        }
        if (ready[ROLES].revents != 0) {
            serve_tcp(net);
        }
    }
    return NULL;
}

/* A socket on the loopback. Returns its port, which is any one if `port` is 0; 0: it is in use. */
static uint16_t
open_socket(int type, uint16_t port, int *ret)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(port)};
    socklen_t size = sizeof(at);
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    *ret = socket(AF_INET, type | SOCK_CLOEXEC, 0);
    if (bind(*ret, (struct sockaddr *)&at, sizeof(at)) != 0) {
        assert_int_equal(errno, EADDRINUSE);
        (void)close(*ret);
        return 0;
    }
    assert_int_equal(getsockname(*ret, (struct sockaddr *)&at, &size), 0);
    return ntohs(at.sin_port);
}

static struct net *
net_new(void)
{
    struct net *net = calloc(1, sizeof(*net));
    assert_non_null(net);
    net->bench = bench_new();
    net->zone = calloc(1, sizeof(*net->zone));
    assert_non_null(net->zone);
    net->bench->site->config.zones[0].ns_count = 0;
    site_ns(net->bench->site, 0, "ns1.other.example.org.");
    site_ns(net->bench->site, 0, "ns2.other.example.org.");
    for (size_t i = 0; i < ROLES; i++) {
        net->at[i] = address("127.0.0.1", open_socket(SOCK_DGRAM, 0, &net->udp[i]));
    }
    while (open_socket(SOCK_STREAM, net->at[SERVER].port, &net->tcp) == 0) {
        const int old = net->udp[SERVER];
        net->at[SERVER].port = open_socket(SOCK_DGRAM, 0, &net->udp[SERVER]);
        (void)close(old);
    }
    assert_int_equal(listen(net->tcp, 8), 0);
    net->options = (struct locum_doctor_options){.parent = {net->at[PARENT]},
                                                 .parent_count = 1,
                                                 .resolver = {net->at[RESOLVER]},
                                                 .resolver_count = 1,
                                                 .dns_port = net->at[SERVER].port};
    return net;
}

static void
net_walk(struct net *net)
{
    atomic_store(&net->over, false);
    assert_int_equal(pthread_create(&net->thread, NULL, serve, net), 0);
    memset(net->zone, 0, sizeof(*net->zone)); /* too large for a copy on the stack */
    assert_int_equal(
        locum_doctor_walk(&net->options, net->bench->facts.config, 0, net->zone, &net->resolvers),
        0);
    atomic_store(&net->over, true);
    assert_int_equal(pthread_join(net->thread, NULL), 0);
}

/* Judge the zone alone. */
static const struct locum_doctor_findings *
net_judge(struct net *net)
{
    const struct locum_doctor_facts facts = {
        .config = net->bench->facts.config, .zones = net->zone, .zone_count = 1, .now_s = NOW_S};
    memset(&net->bench->found, 0, sizeof(net->bench->found));
    locum_doctor_judge(&facts, &net->bench->found);
    return &net->bench->found;
}

static bool
finds(struct net *net, enum locum_doctor_kind kind)
{
    const struct locum_doctor_findings *found = net_judge(net);
    for (size_t i = 0; i < found->count; i++) {
        if (found->at[i].kind == kind) {
            return true;
        }
    }
    return false;
}

static void
net_free(struct net *net)
{
    for (size_t i = 0; i < ROLES; i++) {
        (void)close(net->udp[i]);
    }
    (void)close(net->tcp);
    free(net->zone);
    bench_free(net->bench);
    free(net);
}

/* The parent answers with a referral to the zone of the name server: a resolver knows its address.
 */
static void
test_a_name_server_below_another_delegation(void **state)
{
    (void)state;
    struct net *net = net_new();
    net_walk(net);
    assert_int_equal(net->zone->host_count, 2);
    for (size_t i = 0; i < 2; i++) {
        assert_true(net->zone->hosts[i].looked_up);
        assert_int_equal(net->zone->hosts[i].given_count, 1);
    }
    assert_int_equal(net->zone->server_count, 1);
    assert_int_equal(net_judge(net)->count, 0);
    net_free(net);
}

static void
test_an_error_of_a_resolver_is_no_answer(void **state)
{
    (void)state;
    static const ldns_pkt_rcode errors[] = {LDNS_RCODE_SERVFAIL, LDNS_RCODE_REFUSED};
    for (size_t i = 0; i < LOCUM_COUNT(errors); i++) {
        struct net *net = net_new();
        net->rcode[RESOLVER] = errors[i];
        net_walk(net);
        assert_true(net->resolvers.failed);
        assert_false(net->zone->hosts[0].looked_up);
        assert_false(finds(net, LOCUM_DOCTOR_ADDRESS_MISSING));
        net->options.resolver[net->options.resolver_count++] = net->at[OTHER_RESOLVER];
        net->resolvers = (struct locum_doctor_resolvers){0};
        net_walk(net);
        assert_false(net->resolvers.failed);
        assert_int_equal(net->zone->hosts[0].given_count, 1);
        assert_int_equal(net_judge(net)->count, 0);
        net_free(net);
    }
}

static void
test_a_silent_resolver_is_asked_once(void **state)
{
    (void)state;
    struct net *net = net_new();
    net->silent[RESOLVER] = true;
    net->options.resolver[net->options.resolver_count++] = net->at[OTHER_RESOLVER];
    net_walk(net);
    const unsigned asked = atomic_load(&net->asked[RESOLVER]);
    assert_in_range(asked, 1, 4); /* two types, each sent twice */
    assert_int_equal(net->zone->hosts[1].given_count, 1);
    net_walk(net);
    assert_int_equal(atomic_load(&net->asked[RESOLVER]), asked);
    assert_int_equal(net->zone->hosts[0].given_count, 1);
    net_free(net);
}

/* By UDP the server truncates all, as a rate limiter does: its answers by TCP are judged. */
static void
test_truncated_answers_are_asked_by_tcp(void **state)
{
    (void)state;
    struct net *net = net_new();
    net->truncates = true;
    net_walk(net);
    const struct locum_doctor_reply *ns = &net->zone->servers[0].reply[LOCUM_DOCTOR_NS];
    assert_true(net->zone->servers[0].reply[LOCUM_DOCTOR_UDP].truncated);
    assert_false(ns->truncated);
    assert_int_equal(ns->record_count, 2);
    assert_int_equal(net_judge(net)->count, 0);
    net_free(net);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_name_server_below_another_delegation),
        cmocka_unit_test(test_an_error_of_a_resolver_is_no_answer),
        cmocka_unit_test(test_a_silent_resolver_is_asked_once),
        cmocka_unit_test(test_truncated_answers_are_asked_by_tcp),
    };
    return cmocka_run_group_tests_name("doctor/walk", tests, NULL, NULL);
}
