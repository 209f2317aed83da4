/*
 * change: what a full configuration costs, for tests/bench/cost: LOCUM_ZONES_MAX zones of
 * LOCUM_RECORDS_MAX static records, LOCUM_NAMES_MAX names. Prints the median of the milliseconds
 * from a new plan to its answer at a client over UDP, and those of a reload: to check the records
 * and to compile them.
 */
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "base/text_format.h"
#include "dns/dns.h"

enum { CHANGES = 201, TEXT_BYTES = 96 };

static struct locum_config config;
static struct locum_plan plan;

static void
require(bool holds, const char *what)
{
    if (!holds) {
        (void)fprintf(stderr, "change: %s\n", what);
        exit(1);
    }
}

static double
now_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

/* Different types, so that the figure is not that of one parser. */
static void
write_record(size_t i, char text[TEXT_BYTES])
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
    (void)snprintf(text, TEXT_BYTES, formats[i % LOCUM_COUNT(formats)], i);
}

static void
fill_zone(size_t index)
{
    struct locum_config_zone *zone = &config.zones[index];
    (void)snprintf(zone->name, sizeof(zone->name), "z%zu.example.org.", index);
    zone->ttl_s = zone->failover_ttl_s = 60;
    (void)strcpy(zone->ns[zone->ns_count++], "ns.example.com.");
    (void)strcpy(zone->soa.mname, "ns.example.com.");
    (void)strcpy(zone->soa.rname, "hostmaster.example.com.");
    zone->soa.refresh_s = zone->soa.retry_s = zone->soa.expire_s = zone->soa.minimum_s = 60;
    zone->records = calloc(LOCUM_RECORDS_MAX, sizeof(*zone->records));
    require(zone->records != NULL, "out of memory");
    for (; zone->record_count < LOCUM_RECORDS_MAX; zone->record_count++) {
        char *text = malloc(TEXT_BYTES);
        require(text != NULL, "out of memory");
        write_record(zone->record_count, text);
        zone->records[zone->record_count].text = text;
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
    config.listen_dns[0] =
        (struct locum_address){.family = LOCUM_V4, .port = 0, .bytes = {127, 0, 0, 1}};
}

/* A free port of the loopback address. */
static uint16_t
free_port(void)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t length = sizeof(at);
    const int fd = socket(AF_INET, SOCK_DGRAM, 0);
    require(fd >= 0 && bind(fd, (const struct sockaddr *)&at, length) == 0 &&
                getsockname(fd, (struct sockaddr *)&at, &length) == 0,
            "no free port");
    (void)close(fd);
    return ntohs(at.sin_port);
}

static int
connect_to(uint16_t port)
{
    const struct sockaddr_in at = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    const struct timeval patience = {.tv_sec = 5};
    const int fd = socket(AF_INET, SOCK_DGRAM, 0);
    require(fd >= 0 && connect(fd, (const struct sockaddr *)&at, sizeof(at)) == 0 &&
                setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) == 0,
            "no socket");
    return fd;
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

static int
compare(const void *a, const void *b)
{
    const double left = *(const double *)a;
    const double right = *(const double *)b;
    return (left > right) - (left < right);
}

static void
on_problem(void *user, const struct locum_problem *problem)
{
    (void)user;
    (void)fprintf(stderr, "change: %s\n", problem->text);
}

static void
on_report(void *user, const struct locum_address *address, int error, const char *text)
{
    (void)user;
    (void)address;
    (void)error;
    (void)fprintf(stderr, "change: %s\n", text);
}

int
main(void)
{
    double wire_ms[CHANGES];
    struct locum_dns *dns = NULL;
    fill();
    config.listen_dns[0].port = free_port();
    const double begin = now_ms();
    require(locum_dns_check(&config, on_problem, NULL) == 0, "the records are refused");
    const double checked = now_ms();
    require(locum_dns_create(&config, NULL, on_report, NULL, &dns) == 0, "no server");
    const double created = now_ms();
    require(locum_dns_publish(dns, &config, &plan, NULL, 1, 0) == 0,
            "the records cannot be compiled");
    const double compiled = now_ms();
    const int fd = connect_to(config.listen_dns[0].port);
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
    qsort(wire_ms, CHANGES, sizeof(wire_ms[0]), compare);
    (void)printf("%.3f %.1f %.1f\n", wire_ms[CHANGES / 2], checked - begin, compiled - created);
    return 0;
}
