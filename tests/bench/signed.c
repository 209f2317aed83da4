/*
 * signed: what signing a zone costs a name server of the size of a usual site, for
 * tests/bench/cost: a zone with 40 RRsets, two of which the plan changes.
 *
 *     signed yes|no|full
 *
 * With DNSSEC, or the same without. Prints four numbers: the milliseconds of a start, from its
 * beginning to its first answer; the medians of those from a new plan to its answer at a client
 * over UDP, if the plan was signed before as one that may come, and if it was not; and the KiB of
 * private memory. Questions have DO. `full`: 64 zones of 1,000 records, 256 names, all signed.
 */
#include <ftw.h>
#include <poll.h>
#include <string.h>

#include "base/error.h"
#include "base/text_format.h"
#include "dns/dns.h"
#include "dns/keygen.h"
#include "tests/bench/room.h"

enum { CHANGES = 201, RECORDS = 36 };

static struct locum_config config;
static struct locum_plan plans[2]; /* all names with node 0, with node 1 */
static char folder[] = "/tmp/locum-signed-XXXXXX";
static int64_t now_s;

static int
remove_one(const char *path, const struct stat *status, int kind, struct FTW *where)
{
    (void)status, (void)kind, (void)where;
    return remove(path);
}

static void
clean(void)
{
    (void)nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static void
make_key(struct locum_config_zone *zone)
{
    char reason[256];
    struct locum_text why = locum_text_init(reason, sizeof(reason));
    FILE *ignored = fopen("/dev/null", "w");
    require(ignored != NULL, "/dev/null cannot be opened");
    (void)locum_text_format_buffer(zone->dnssec.keys, sizeof(zone->dnssec.keys), "%s/%s", folder,
                                   zone->name);
    zone->dnssec.validity_s = 14 * 86400;
    zone->dnssec.refresh_s = 7 * 86400;
    if (locum_keygen_make(zone->dnssec.keys, zone->name, "ecdsap256sha256", ignored, &why) != 0) {
        require(false, reason);
    }
    (void)fclose(ignored);
}

static void
fill_zone(size_t index, size_t records, bool dnssec)
{
    static const char *const formats[] = {"h%zu A 192.0.2.1", "h%zu AAAA 2001:db8::1",
                                          "h%zu TXT \"v=spf1 -all\"", "h%zu MX 10 h0"};
    struct locum_config_zone *zone = room_zone(&config, index, records);
    for (size_t i = 0; i < records; i++) {
        (void)snprintf(room_record(zone), ROOM_RECORD_BYTES, formats[i % LOCUM_COUNT(formats)],
                       i / LOCUM_COUNT(formats));
    }
    if (dnssec) {
        make_key(zone);
    }
}

static void
fill_names(size_t count)
{
    for (; config.core.name_count < count; config.core.name_count++) {
        const size_t i = config.core.name_count;
        config.names[i].zone = i % config.zone_count;
        (void)locum_text_format_buffer(config.names[i].name, sizeof(config.names[i].name),
                                       "n%zu.z%zu.example.org.", i / config.zone_count,
                                       config.names[i].zone);
        config.core.names[i] =
            (struct locum_core_name){.owner = LOCUM_NODE_NONE, .ttl_s = 60, .failover_ttl_s = 60};
        for (size_t plan = 0; plan < 2; plan++) {
            plans[plan].answers[i][LOCUM_V4] =
                (struct locum_answer){.nodes = locum_nodes_of((locum_node)plan), .ttl_s = 60};
        }
    }
}

static void
fill(bool dnssec, bool full)
{
    config.core.node_count = 2;
    config.zone_count = full ? LOCUM_ZONES_MAX : 1;
    for (size_t i = 0; i < config.core.node_count; i++) {
        struct locum_address *address = &config.nodes[i].address[config.nodes[i].address_count++];
        *address = (struct locum_address){.family = LOCUM_V4, .bytes = {192, 0, 2, (uint8_t)i}};
        config.core.nodes[i].has[LOCUM_V4] = true;
    }
    for (size_t i = 0; i < config.zone_count; i++) {
        fill_zone(i, full ? LOCUM_RECORDS_MAX : RECORDS, dnssec);
    }
    fill_names(full ? LOCUM_NAMES_MAX : 2); /* and SOA and NS: 40 RRsets */
    config.listen_dns_count = 1;
    config.listen_dns[0] = room_address();
}

/* Ask for the address of the first name, with DO. Returns the node that is named. */
static int
ask(int fd, bool dnssec)
{
    static const uint8_t query[] =
        "\0\1\0\0\0\1\0\0\0\0\0\1\2n0\2z0\7example\3org\0\0\1\0\1\0\0\51\4\320\0\0\200\0\0";
    enum { QUESTION_END = 12 + 19 + 4, ADDRESS_AT = QUESTION_END + 12 };
    uint8_t reply[1232];
    require(send(fd, query, sizeof(query), 0) > 0, "a query cannot be sent");
    const ssize_t length = recv(fd, reply, sizeof(reply), 0);
    require(length > ADDRESS_AT + 4 && reply[7] == (dnssec ? 2 : 1), "no answer");
    return reply[ADDRESS_AT + 3];
}

static void
publish(struct locum_dns *dns, size_t plan, uint32_t serial)
{
    require(locum_dns_publish(dns, &config, &plans[plan], NULL, serial, now_s) == 0,
            "a plan cannot be published");
}

/* Let the thread sign all there is to sign, with both plans. */
static void
settle(struct locum_dns *dns)
{
    enum { PATIENCE_MS = 60000 };
    struct pollfd fd = {.fd = locum_dns_signed_fd(dns), .events = POLLIN};
    for (uint32_t serial = 2; locum_dns_signed_at(dns) == INT64_MIN; serial++) {
        require(poll(&fd, 1, PATIENCE_MS) == 1, "the thread does not end");
        publish(dns, 0, serial);
    }
    require(locum_dns_wants_to_sign(dns, now_s), "the plans are not to be signed");
    locum_dns_sign(dns, &config, plans, LOCUM_COUNT(plans), now_s);
    require(poll(&fd, 1, PATIENCE_MS) == 1, "the thread does not end");
}

/* The median of the milliseconds from a plan to its answer. If the plans are `new`, each has an
 * address that no plan has had. */
static double
change_ms(struct locum_dns *dns, int fd, bool dnssec, bool new)
{
    static uint32_t serial = 4;
    double times[CHANGES];
    for (size_t i = 0; i < CHANGES; i++) {
        struct locum_address *named = config.nodes[i % 2].address;
        named->bytes[3] = (uint8_t)(new ? i : i % 2);
        named->bytes[2] = new ? 100 : 2;
        const double decided = now_ms();
        publish(dns, i % 2, serial++);
        require(ask(fd, dnssec) == named->bytes[3], "the answer is not that of the plan");
        times[i] = now_ms() - decided;
    }
    return median(times, CHANGES);
}

static long
private_kib(void)
{
    char line[128];
    long kib = 0;
    FILE *file = fopen("/proc/self/smaps_rollup", "r");
    require(file != NULL, "no smaps_rollup");
    while (fgets(line, sizeof(line), file) != NULL) {
        if (strncmp(line, "Private_Dirty:", 14) == 0) {
            kib = strtol(line + 14, NULL, 10);
        }
    }
    (void)fclose(file);
    return kib;
}

int
main(int argc, char **argv)
{
    const bool full = argc == 2 && strcmp(argv[1], "full") == 0;
    const bool dnssec = full || (argc == 2 && strcmp(argv[1], "yes") == 0);
    struct locum_dns *dns = NULL;
    struct locum_signer *signer;
    require(mkdtemp(folder) != NULL, "no folder for keys");
    (void)atexit(clean);
    now_s = (int64_t)time(NULL);
    fill(dnssec, full);
    const double begin = now_ms();
    require(locum_dns_create(&config, NULL, room_report, NULL, &dns) == 0, "no server");
    require(locum_dns_signer_create(&config, NULL, now_s, &signer) == 0, "the keys cannot be read");
    locum_dns_set_signer(dns, signer);
    publish(dns, 0, 1);
    const int fd = room_connect();
    (void)ask(fd, dnssec);
    const double start_ms = now_ms() - begin;
    if (dnssec) {
        settle(dns);
    }
    const double known_ms = change_ms(dns, fd, dnssec, false);
    const long kib = private_kib();
    const double new_ms = change_ms(dns, fd, dnssec, true);
    (void)printf("%.3f %.3f %.3f %ld\n", start_ms, known_ms, new_ms, kib);
    (void)close(fd);
    locum_dns_destroy(dns);
    return 0;
}
