/*
 * Answers while plans and records change without a pause: none is lost, each is whole and of one
 * plan. CHANGES=100000 makes so many (in `make check` it is far fewer).
 */
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#include "serve.h"

enum { CHANGES = 1500, RELOAD_EACH = 25, CLIENTS = 4, FIRST_SERIAL = 1000 };

/* Odd serials name dc3 for 15 s, even ones dc2 for 60 s; each reload changes the TXT record. */
static void
set_plan(struct site *site, uint32_t serial)
{
    const bool odd = serial % 2 == 1;
    site->plan.answers[0][LOCUM_V4] = (struct locum_answer){
        .nodes = odd ? 2 : 1, .ttl_s = odd ? 15 : 60, .reason = LOCUM_REASON_SELF};
}

/* What a question gets. */
struct wanted {
    const char *name;
    uint16_t type;
    ldns_pkt_rcode rcode;
    size_t links;  /* CNAME and DNAME records before the end */
    bool moves;    /* the end is the address of the plan */
    bool negative; /* an SOA is in the authority section */
};

static const struct wanted wanted[] = {
    {.name = "get.example.org", .type = 1, .moves = true},
    {.name = "alias.get.example.org", .type = 1, .links = 1, .moves = true},
    {.name = "any.wild.get.example.org", .type = 1, .links = 1, .moves = true},
    {.name = "www.tree.get.example.org", .type = 1, .links = 4, .moves = true},
    {.name = "none.get.example.org", .type = 1, .rcode = LDNS_RCODE_NXDOMAIN, .negative = true},
    {.name = "alias.get.example.org", .type = 15, .links = 1, .negative = true},
    {.name = "text.get.example.org", .type = 16},
};

static struct site *
make_site(void)
{
    struct site *site = site_on("127.0.0.1");
    site->config.dns_workers = 2;
    site_record(site, 0, "text TXT \"0\"");
    site_record(site, 0, "alias CNAME @");
    site_record(site, 0, "*.wild CNAME @");
    site_record(site, 0, "tree DNAME below");
    site_record(site, 0, "www.below CNAME alias");
    return site;
}

/* The addresses of an answer: one, of one plan. */
static bool
is_of_one_plan(const ldns_rr *rr)
{
    const uint8_t last = ldns_rdf_data(ldns_rr_rdf(rr, 0))[3];
    return ldns_rr_get_type(rr) == LDNS_RR_TYPE_A &&
           ((last == 12 && ldns_rr_ttl(rr) == 60) || (last == 13 && ldns_rr_ttl(rr) == 15));
}

static bool
is_right(const struct wanted *want, const uint8_t *bytes, size_t length)
{
    ldns_pkt *packet;
    if (ldns_wire2pkt(&packet, bytes, length) != LDNS_STATUS_OK) {
        return false;
    }
    const ldns_rr_list *answer = ldns_pkt_answer(packet);
    const ldns_rr_list *authority = ldns_pkt_authority(packet);
    const size_t count = ldns_rr_list_rr_count(answer);
    const size_t end = want->negative ? 0 : 1;
    bool right = ldns_pkt_get_rcode(packet) == want->rcode && count == want->links + end &&
                 ldns_rr_list_rr_count(authority) == (want->negative ? 1u : 0u);
    if (right && want->moves) {
        right = is_of_one_plan(ldns_rr_list_rr(answer, count - 1));
    }
    if (right && !want->moves && !want->negative) {
        right = ldns_rr_get_type(ldns_rr_list_rr(answer, count - 1)) == want->type;
    }
    if (right && want->negative) {
        const ldns_rr *soa = ldns_rr_list_rr(authority, 0);
        right = ldns_rr_get_type(soa) == LDNS_RR_TYPE_SOA &&
                ldns_rdf2native_int32(ldns_rr_rdf(soa, 2)) >= FIRST_SERIAL;
    }
    ldns_pkt_free(packet);
    return right;
}

struct client {
    struct locum_address to;
    int type;
    atomic_bool stop;
    atomic_uint answers, lost, wrong;
    char first[64]; /* the first that was lost or wrong */
};

static void
note(struct client *self, atomic_uint *count, const struct wanted *want)
{
    if (atomic_fetch_add(count, 1) == 0) {
        (void)snprintf(self->first, sizeof(self->first), "%s %u", want->name, want->type);
    }
}

static void *
run(void *user)
{
    struct client *self = user;
    uint8_t bytes[1500];
    const int fd = connect_from(NULL, &self->to, self->type);
    for (size_t i = 0; !atomic_load(&self->stop); i++) {
        const struct wanted *want = &wanted[i % LOCUM_COUNT(wanted)];
        const struct ask ask = {.name = want->name, .type = want->type};
        size_t got;
        if (self->type == SOCK_DGRAM) {
            const size_t length = make_query(&ask, bytes);
            (void)!send(fd, bytes, length, 0);
            got = receive_datagram(fd, bytes, sizeof(bytes), PATIENCE_MS);
        } else {
            send_all(fd, bytes, make_message(&ask, 1, bytes));
            got = receive_message(fd, bytes, sizeof(bytes));
        }
        atomic_fetch_add(&self->answers, 1);
        if (got == 0) {
            note(self, &self->lost, want);
            break;
        }
        if (!is_right(want, bytes, got)) {
            note(self, &self->wrong, want);
        }
    }
    close(fd);
    return NULL;
}

static void
change(struct locum_dns *dns, struct site *site, uint32_t changes, const struct client *pace)
{
    for (uint32_t i = 1; i <= changes; i++) {
        const unsigned seen = atomic_load(&pace->answers);
        if (i % RELOAD_EACH == 0) {
            struct reports reports = {0};
            (void)snprintf(site->texts[0][0], sizeof(site->texts[0][0]), "text TXT \"%u\"", i);
            assert_int_equal(locum_dns_reconfigure(dns, &site->config, record, &reports), 0);
        }
        set_plan(site, FIRST_SERIAL + i);
        publish(dns, site, FIRST_SERIAL + i);
        const locum_ms end = now_ms() + PATIENCE_MS;
        while (i % 8 == 0 && atomic_load(&pace->answers) == seen && now_ms() < end) {
            poll(NULL, 0, 0);
        }
    }
}

static void
test_changes_under_load_lose_and_spoil_nothing(void **state)
{
    (void)state;
    const char *number = getenv("CHANGES");
    const uint32_t changes = number != NULL ? (uint32_t)strtoul(number, NULL, 10) : CHANGES;
    struct site *site = make_site();
    struct locum_dns *dns = start(site);
    struct client clients[CLIENTS] = {0};
    pthread_t threads[CLIENTS];
    set_plan(site, FIRST_SERIAL);
    publish(dns, site, FIRST_SERIAL);
    for (size_t i = 0; i < CLIENTS; i++) {
        clients[i].to = site->config.listen_dns[0];
        clients[i].type = i < CLIENTS - 1 ? SOCK_DGRAM : SOCK_STREAM;
        assert_int_equal(pthread_create(&threads[i], NULL, run, &clients[i]), 0);
    }
    change(dns, site, changes, &clients[0]);
    for (size_t i = 0; i < CLIENTS; i++) {
        atomic_store(&clients[i].stop, true);
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        print_message("%s: %u answers to %u changes\n", i < CLIENTS - 1 ? "UDP" : "TCP",
                      atomic_load(&clients[i].answers), changes);
        assert_string_equal(clients[i].first, "");
        assert_int_equal(atomic_load(&clients[i].lost) + atomic_load(&clients[i].wrong), 0);
        assert_true(atomic_load(&clients[i].answers) > LOCUM_COUNT(wanted));
    }
    locum_dns_destroy(dns);
    free(site);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_changes_under_load_lose_and_spoil_nothing),
    };
    return cmocka_run_group_tests_name("dns/changes", tests, NULL, NULL);
}
