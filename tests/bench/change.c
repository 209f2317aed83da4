/*
 * change: what a full configuration costs, for tests/bench/cost: LOCUM_ZONES_MAX zones of
 * LOCUM_RECORDS_MAX static records, LOCUM_NAMES_MAX names. Prints the median of the milliseconds
 * from a new plan to its answer at a client over UDP, and those of a reload: to check the records
 * and to compile them.
 */
#include <string.h>

#include "base/error.h"
#include "base/text_format.h"
#include "dns/dns.h"
#include "tests/bench/room.h"

enum { CHANGES = 201 };

static struct locum_config config;
static struct locum_plan plan;

/* Different types, so that the figure is not that of one parser. */
static void
write_record(size_t i, char text[ROOM_RECORD_BYTES])
{
    static const char *const formats[] = {
        "h%zu A 192.0.2.1",
        "h%zu 300 IN AAAA 2001:db8::1",
        "h%zu TXT \"v=spf1 include:example.com -all\"",
        "h%zu MX 10 mail.example.com.",
        "h%zu HTTPS 1 . alpn=h2,h3",
        "*.h%zu CNAME h0",
        "d%zu NS ns.example.com.",
        "_s._tcp.h%zu SRV 0 0 443 h0",
    };
    (void)snprintf(text, ROOM_RECORD_BYTES, formats[i % LOCUM_COUNT(formats)], i);
}

static void
fill_zone(size_t index)
{
    struct locum_config_zone *zone = room_zone(&config, index, LOCUM_RECORDS_MAX);
    for (size_t i = 0; i < LOCUM_RECORDS_MAX; i++) {
        write_record(i, room_record(zone));
    }
}

static void
fill(void)
{
    config.core.node_count = 2;
    config.zone_count = LOCUM_ZONES_MAX;
    for (size_t i = 0; i < config.core.node_count; i++) {
        struct locum_address *address = &config.nodes[i].address[config.nodes[i].address_count++];
        *address = (struct locum_address){.family = LOCUM_V4, .bytes = {192, 0, 2, (uint8_t)i}};
    }
    for (size_t i = 0; i < LOCUM_ZONES_MAX; i++) {
        fill_zone(i);
    }
    for (; config.core.name_count < LOCUM_NAMES_MAX; config.core.name_count++) {
        const size_t i = config.core.name_count;
        struct locum_config_name *name = &config.names[i];
        name->zone = i % LOCUM_ZONES_MAX;
        (void)snprintf(name->name, sizeof(name->name), "n%zu.z%zu.example.org.",
                       i / LOCUM_ZONES_MAX, name->zone);
        config.core.names[i].owner = LOCUM_NODE_NONE;
    }
    config.listen_dns_count = 1;
    config.listen_dns[0] = room_address();
}

/* Ask for the address of the last name; its last byte is the node that is named. */
static int
ask(int fd)
{
    static const uint8_t query[] = "\0\1\0\0\0\1\0\0\0\0\0\0\2n3\3z63\7example\3org\0\0\1\0\1";
    uint8_t reply[512];
    require(send(fd, query, sizeof(query) - 1, 0) > 0, "a query cannot be sent");
    const ssize_t length = recv(fd, reply, sizeof(reply), 0);
    require(length > (ssize_t)sizeof(query), "no answer");
    return reply[length - 1];
}

static void
on_problem(void *user, const struct locum_problem *problem)
{
    (void)user;
    (void)fprintf(stderr, "change: %s\n", problem->text);
}

int
main(void)
{
    double wire_ms[CHANGES];
    struct locum_dns *dns = NULL;
    fill();
    const double begin = now_ms();
    require(locum_dns_check(&config, on_problem, NULL) == 0, "the records are refused");
    const double checked = now_ms();
    require(locum_dns_create(&config, NULL, room_report, NULL, &dns) == 0, "no server");
    const double created = now_ms();
    require(locum_dns_publish(dns, &config, &plan, NULL, 1, 0) == 0,
            "the records cannot be compiled");
    const double compiled = now_ms();
    const int fd = room_connect();
    for (uint32_t i = 0; i < CHANGES; i++) {
        const locum_nodes named = i % 2 == 0 ? 1 : 2;
        for (size_t name = 0; name < LOCUM_NAMES_MAX; name++) {
            plan.answers[name][LOCUM_V4] = (struct locum_answer){.nodes = named, .ttl_s = 15};
        }
        const double decided = now_ms();
        require(locum_dns_publish(dns, &config, &plan, NULL, 2 + i, 0) == 0,
                "a plan cannot be published");
        require(ask(fd) == (int)(i % 2), "the answer is not that of the plan");
        wire_ms[i] = now_ms() - decided;
    }
    (void)close(fd);
    locum_dns_destroy(dns);
    (void)printf("%.3f %.1f %.1f\n", median(wire_ms, CHANGES), checked - begin, compiled - created);
    return 0;
}
