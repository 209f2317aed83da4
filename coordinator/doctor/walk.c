#include "doctor/walk.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "config/domain.h"
#include "doctor/exchange.h"

enum { PARENT_NAMES_MAX = 8, LABELS_MAX = 128, STEP_BYTES = 400 };

static const enum locum_doctor_type address_types[] = {LOCUM_DOCTOR_TYPE_A, LOCUM_DOCTOR_TYPE_AAAA};
enum { ADDRESS_TYPES = 2 };

struct walk {
    const struct locum_doctor_options *options;
    struct locum_doctor_zone *zone;
    struct locum_doctor_resolvers *resolvers;
};

void
locum_doctor_walk_progress(const struct locum_doctor_options *options, const char *format, ...)
{
    char step[STEP_BYTES];
    va_list values;
    if (options->progress == NULL) {
        return;
    }
    va_start(values, format);
    (void)vsnprintf(step, sizeof(step), format, values);
    va_end(values);
    options->progress(options->user, step);
}

/* Ask one resolver for those types that `ret` does not tell yet. */
static int
ask_resolver(const struct walk *self, size_t at, const char *name,
             const enum locum_doctor_type *types, size_t count, struct locum_doctor_reply *ret)
{
    struct locum_doctor_resolvers *resolvers = self->resolvers;
    struct locum_doctor_question questions[ADDRESS_TYPES];
    size_t asked = 0;
    for (size_t i = 0; i < count; i++) {
        if (!locum_doctor_reply_tells(&ret[i])) {
            questions[asked++] = (struct locum_doctor_question){.to = self->options->resolver[at],
                                                                .name = name,
                                                                .type = types[i],
                                                                .recursion = true,
                                                                .edns = true,
                                                                .ret = &ret[i]};
        }
    }
    const int status = locum_doctor_exchange(questions, asked);
    for (size_t i = 0; i < asked && status == 0; i++) {
        const enum locum_doctor_outcome outcome = questions[i].ret->outcome;
        resolvers->heard[at] = resolvers->heard[at] || outcome == LOCUM_DOCTOR_ANSWERED;
        resolvers->silent[at] = resolvers->silent[at] || outcome == LOCUM_DOCTOR_SILENT;
    }
    return status;
}

/* Ask one resolver after the other until `ret` tells all. What none tells is then not asked. */
static int
resolve_rest(const struct walk *self, const char *name, const enum locum_doctor_type *types,
             size_t count, struct locum_doctor_reply *ret)
{
    struct locum_doctor_resolvers *resolvers = self->resolvers;
    int status = 0;
    for (size_t at = 0; at < self->options->resolver_count && status == 0; at++) {
        if (resolvers->heard[at] || !resolvers->silent[at]) {
            status = ask_resolver(self, at, name, types, count, ret);
        }
    }
    for (size_t i = 0; i < count && status == 0; i++) {
        if (!locum_doctor_reply_tells(&ret[i])) {
            ret[i] = (struct locum_doctor_reply){.outcome = LOCUM_DOCTOR_NOT_ASKED};
            resolvers->failed = true;
        }
    }
    return status;
}

/* Ask the resolvers for `count` types of a name. */
static int
resolve(const struct walk *self, const char *name, const enum locum_doctor_type *types,
        size_t count, struct locum_doctor_reply *ret)
{
    for (size_t i = 0; i < count; i++) {
        ret[i] = (struct locum_doctor_reply){.outcome = LOCUM_DOCTOR_NOT_ASKED};
    }
    return resolve_rest(self, name, types, count, ret);
}

/* The name without its first label; "." of a top-level domain. */
static const char *
above(const char *name)
{
    const char *dot = strchr(name, '.');
    return dot != NULL && dot[1] != '\0' ? dot + 1 : ".";
}

/* Everything is within the root. */
static bool
is_within(const char *name, const char *zone)
{
    return strcmp(zone, ".") == 0 || locum_domain_within(name, zone);
}

/* Find the name of the parent zone: the owner of the SOA that a resolver has for a name above. */
static int
find_parent_name(const struct walk *self)
{
    static const enum locum_doctor_section sections[] = {LOCUM_DOCTOR_ANSWER,
                                                         LOCUM_DOCTOR_AUTHORITY};
    static const enum locum_doctor_type soa = LOCUM_DOCTOR_TYPE_SOA;
    struct locum_doctor_reply reply;
    const char *name = above(self->zone->expected.zone);
    for (unsigned labels = 0; labels < LABELS_MAX; labels++, name = above(name)) {
        const int status = resolve(self, name, &soa, 1, &reply);
        if (status != 0 || reply.outcome != LOCUM_DOCTOR_ANSWERED) {
            return status;
        }
        for (size_t i = 0; i < LOCUM_COUNT(sections); i++) {
            size_t at = 0;
            const struct locum_doctor_record *record =
                locum_doctor_reply_next(&reply, sections[i], NULL, soa, &at);
            if (record != NULL && is_within(name, record->owner)) {
                (void)strcpy(self->zone->parent, record->owner);
                return 0;
            }
        }
        if (strcmp(name, ".") == 0) {
            break;
        }
    }
    return 0;
}

/* Copy the addresses that the replies have in this section for `name`. Returns the new count. */
static size_t
take_addresses(const struct locum_doctor_reply *reply, enum locum_doctor_section section,
               const char *name, struct locum_address *list, size_t count, size_t max)
{
    for (size_t i = 0; i < LOCUM_COUNT(address_types); i++) {
        const struct locum_doctor_record *record;
        size_t at = 0;
        while ((record = locum_doctor_reply_next(reply, section, name, address_types[i], &at)) !=
               NULL) {
            if (count < max && !locum_address_is_in(&record->address, list, count)) {
                list[count++] = record->address;
            }
        }
    }
    return count;
}

/* Add the addresses of a server of the parent. */
static int
add_parent_server(const struct walk *self, const char *name)
{
    struct locum_doctor_zone *zone = self->zone;
    struct locum_doctor_reply replies[ADDRESS_TYPES];
    struct locum_address found[LOCUM_DOCTOR_PARENTS_MAX];
    size_t count = 0;
    const int status = resolve(self, name, address_types, ADDRESS_TYPES, replies);
    if (status != 0) {
        return status;
    }
    for (size_t i = 0; i < ADDRESS_TYPES; i++) {
        count = take_addresses(&replies[i], LOCUM_DOCTOR_ANSWER, name, found, count,
                               LOCUM_COUNT(found));
    }
    for (size_t i = 0; i < count && zone->parent_count < LOCUM_DOCTOR_PARENTS_MAX; i++) {
        struct locum_doctor_parent *parent = &zone->parents[zone->parent_count++];
        parent->address = found[i];
        parent->address.port = self->options->dns_port;
        (void)strcpy(parent->name, name);
    }
    return 0;
}

/* Find the addresses of the parent's servers. */
static int
find_parents(const struct walk *self)
{
    static const enum locum_doctor_type ns = LOCUM_DOCTOR_TYPE_NS;
    struct locum_doctor_zone *zone = self->zone;
    struct locum_doctor_reply reply;
    const struct locum_doctor_record *record;
    size_t at = 0;
    if (self->options->parent_count > 0) {
        zone->parent_count = self->options->parent_count;
        for (size_t i = 0; i < zone->parent_count; i++) {
            zone->parents[i].address = self->options->parent[i];
        }
        (void)strcpy(zone->parent, above(zone->expected.zone));
        return 0;
    }
    int status = find_parent_name(self);
    if (status != 0 || zone->parent[0] == '\0') {
        return status;
    }
    status = resolve(self, zone->parent, &ns, 1, &reply);
    for (unsigned i = 0; i < PARENT_NAMES_MAX && status == 0; i++) {
        record = locum_doctor_reply_next(&reply, LOCUM_DOCTOR_ANSWER, zone->parent, ns, &at);
        if (record == NULL) {
            break;
        }
        status = add_parent_server(self, record->name);
    }
    return status;
}

/* Ask each of them; those whose answer by UDP is truncated once more by TCP. */
static int
ask_parents(const struct walk *self)
{
    struct locum_doctor_zone *zone = self->zone;
    struct locum_doctor_question questions[LOCUM_DOCTOR_PARENTS_MAX];
    int status = 0;
    for (unsigned tcp = 0; tcp < 2 && status == 0; tcp++) {
        size_t count = 0;
        for (size_t i = 0; i < zone->parent_count; i++) {
            struct locum_doctor_reply *referral = &zone->parents[i].referral;
            if (tcp == 0 || referral->truncated) {
                questions[count++] = (struct locum_doctor_question){.to = zone->parents[i].address,
                                                                    .name = zone->expected.zone,
                                                                    .type = LOCUM_DOCTOR_TYPE_NS,
                                                                    .tcp = tcp != 0,
                                                                    .edns = true,
                                                                    .ret = referral};
            }
        }
        status = locum_doctor_exchange(questions, count);
    }
    return status;
}

static void
add_host(struct locum_doctor_zone *zone, const char *name,
         const struct locum_delegation_host *expected)
{
    for (size_t i = 0; i < zone->host_count; i++) {
        if (strcmp(zone->hosts[i].name, name) == 0) {
            return;
        }
    }
    if (zone->host_count < LOCUM_DOCTOR_HOSTS_MAX) {
        struct locum_doctor_host *host = &zone->hosts[zone->host_count++];
        (void)strcpy(host->name, name);
        host->expected = expected;
    }
}

/* Collect the name servers of the configuration, and others that the parent has. */
static void
add_hosts(struct locum_doctor_zone *zone)
{
    static const enum locum_doctor_section sections[] = {LOCUM_DOCTOR_ANSWER,
                                                         LOCUM_DOCTOR_AUTHORITY};
    for (size_t i = 0; i < zone->expected.host_count; i++) {
        add_host(zone, zone->expected.host[i].name, &zone->expected.host[i]);
    }
    for (size_t i = 0; i < zone->parent_count; i++) {
        for (size_t section = 0; section < LOCUM_COUNT(sections); section++) {
            const struct locum_doctor_record *ns;
            size_t at = 0;
            while ((ns = locum_doctor_reply_next(&zone->parents[i].referral, sections[section],
                                                 zone->expected.zone, LOCUM_DOCTOR_TYPE_NS, &at)) !=
                   NULL) {
                add_host(zone, ns->name, NULL);
            }
        }
    }
}

/* Has it addresses of the name, or does the zone of the name itself say that there are none? A
 * referral says neither. */
static bool
tells_addresses(const struct locum_doctor_reply *reply, const char *name)
{
    struct locum_address any[1];
    return locum_doctor_reply_tells(reply) &&
           (reply->authoritative ||
            take_addresses(reply, LOCUM_DOCTOR_ANSWER, name, any, 0, LOCUM_COUNT(any)) > 0);
}

/* Ask a server of the parent for the addresses of a name in its zone, or below a delegation in it;
 * then it may not know them, and a resolver is asked. */
static int
ask_parent_for(const struct walk *self, const char *name,
               struct locum_doctor_reply ret[ADDRESS_TYPES])
{
    const struct locum_doctor_zone *zone = self->zone;
    struct locum_doctor_question questions[ADDRESS_TYPES];
    size_t at = 0;
    while (at < zone->parent_count && !locum_doctor_reply_tells(&zone->parents[at].referral)) {
        at++;
    }
    if (at == zone->parent_count) {
        return resolve(self, name, address_types, ADDRESS_TYPES, ret);
    }
    for (size_t i = 0; i < ADDRESS_TYPES; i++) {
        questions[i] = (struct locum_doctor_question){.to = zone->parents[at].address,
                                                      .name = name,
                                                      .type = address_types[i],
                                                      .edns = true,
                                                      .ret = &ret[i]};
    }
    const int status = locum_doctor_exchange(questions, ADDRESS_TYPES);
    bool complete = true;
    for (size_t i = 0; i < ADDRESS_TYPES && status == 0; i++) {
        if (!tells_addresses(&ret[i], name)) {
            ret[i] = (struct locum_doctor_reply){.outcome = LOCUM_DOCTOR_NOT_ASKED};
            complete = false;
        }
    }
    return status != 0 || complete ? status
                                   : resolve_rest(self, name, address_types, ADDRESS_TYPES, ret);
}

/* Fill `given`: from the referrals, otherwise from the parent zone, otherwise by a resolver. */
static int
look_up(const struct walk *self, struct locum_doctor_host *host)
{
    const struct locum_doctor_zone *zone = self->zone;
    struct locum_doctor_reply replies[ADDRESS_TYPES];
    for (size_t i = 0; i < zone->parent_count; i++) {
        host->given_count =
            take_addresses(&zone->parents[i].referral, LOCUM_DOCTOR_ADDITIONAL, host->name,
                           host->given, host->given_count, LOCUM_COUNT(host->given));
    }
    host->looked_up = host->given_count > 0;
    if (host->looked_up) {
        return 0;
    }
    if (is_within(host->name, zone->expected.zone)) { /* so only the referrals have it */
        for (size_t i = 0; i < zone->parent_count; i++) {
            host->looked_up =
                host->looked_up || locum_doctor_reply_tells(&zone->parents[i].referral);
        }
        return 0;
    }
    const int status = zone->parent[0] != '\0' && is_within(host->name, zone->parent)
                           ? ask_parent_for(self, host->name, replies)
                           : resolve(self, host->name, address_types, ADDRESS_TYPES, replies);
    if (status != 0) {
        return status;
    }
    host->looked_up = true;
    for (size_t i = 0; i < ADDRESS_TYPES; i++) {
        host->looked_up = host->looked_up && locum_doctor_reply_tells(&replies[i]);
        host->given_count =
            take_addresses(&replies[i], LOCUM_DOCTOR_ANSWER, host->name, host->given,
                           host->given_count, LOCUM_COUNT(host->given));
    }
    return 0;
}

static void
add_server(const struct walk *self, const struct locum_doctor_host *host,
           const struct locum_address *address)
{
    struct locum_doctor_zone *zone = self->zone;
    struct locum_address to = *address;
    to.port = self->options->dns_port;
    for (size_t i = 0; i < zone->server_count; i++) {
        if (locum_address_equal(&zone->servers[i].address, &to)) {
            return;
        }
    }
    if (zone->server_count < LOCUM_DOCTOR_SERVERS_MAX) {
        struct locum_doctor_server *server = &zone->servers[zone->server_count++];
        server->address = to;
        (void)strcpy(server->name, host->name);
    }
}

/* Each address that resolvers find, and each in the static records of its zone. */
static void
add_servers(const struct walk *self, const struct locum_doctor_host *host)
{
    const struct locum_delegation_host *expected = host->expected;
    for (size_t i = 0; i < host->given_count; i++) {
        add_server(self, host, &host->given[i]);
    }
    if (expected != NULL &&
        (expected->home != LOCUM_DELEGATION_OUTSIDE || host->given_count == 0)) {
        for (size_t i = 0; i < expected->address_count; i++) {
            add_server(self, host, &expected->address[i]);
        }
    }
}

/* Ask once more by TCP for the NS records: a server that answers, but not all of them by UDP. */
static int
ask_servers_for_ns(const struct walk *self)
{
    struct locum_doctor_zone *zone = self->zone;
    struct locum_doctor_question questions[LOCUM_DOCTOR_SERVERS_MAX];
    size_t count = 0;
    for (size_t i = 0; i < zone->server_count; i++) {
        struct locum_doctor_server *server = &zone->servers[i];
        struct locum_doctor_reply *ns = &server->reply[LOCUM_DOCTOR_NS];
        if (server->reply[LOCUM_DOCTOR_UDP].outcome == LOCUM_DOCTOR_ANSWERED &&
            (ns->outcome != LOCUM_DOCTOR_ANSWERED || ns->truncated)) {
            questions[count++] = (struct locum_doctor_question){.to = server->address,
                                                                .name = zone->expected.zone,
                                                                .type = LOCUM_DOCTOR_TYPE_NS,
                                                                .tcp = true,
                                                                .edns = true,
                                                                .ret = ns};
        }
    }
    return locum_doctor_exchange(questions, count);
}

static int
ask_servers(const struct walk *self)
{
    struct locum_doctor_zone *zone = self->zone;
    const size_t count = zone->server_count * LOCUM_DOCTOR_PROBES;
    struct locum_doctor_question *questions = calloc(count + 1, sizeof(*questions));
    if (questions == NULL) {
        return LOCUM_ERR_MEMORY;
    }
    for (size_t i = 0; i < count; i++) {
        struct locum_doctor_server *server = &zone->servers[i / LOCUM_DOCTOR_PROBES];
        const enum locum_doctor_probe probe = (enum locum_doctor_probe)(i % LOCUM_DOCTOR_PROBES);
        questions[i] = (struct locum_doctor_question){
            .to = server->address,
            .name = zone->expected.zone,
            .type = probe == LOCUM_DOCTOR_NS ? LOCUM_DOCTOR_TYPE_NS : LOCUM_DOCTOR_TYPE_SOA,
            .tcp = probe == LOCUM_DOCTOR_TCP,
            .edns = probe != LOCUM_DOCTOR_UDP && probe != LOCUM_DOCTOR_TCP,
            .padded = probe == LOCUM_DOCTOR_PADDED,
            .ret = &server->reply[probe]};
    }
    const int status = locum_doctor_exchange(questions, count);
    free(questions);
    return status == 0 ? ask_servers_for_ns(self) : status;
}

int
locum_doctor_walk(const struct locum_doctor_options *options, const struct locum_config *config,
                  size_t zone, struct locum_doctor_zone *ret,
                  struct locum_doctor_resolvers *resolvers)
{
    const struct walk self = {.options = options, .zone = ret, .resolvers = resolvers};
    int status = locum_delegation_make(config, zone, &ret->expected);
    ret->config = &config->zones[zone];
    locum_doctor_walk_progress(options, "finding the parent of %s", ret->config->name);
    if (status == 0) {
        status = find_parents(&self);
    }
    locum_doctor_walk_progress(options, "asking %zu server(s) of the parent of %s",
                               ret->parent_count, ret->config->name);
    if (status == 0) {
        status = ask_parents(&self);
    }
    add_hosts(ret);
    for (size_t i = 0; i < ret->host_count && status == 0; i++) {
        status = look_up(&self, &ret->hosts[i]);
        add_servers(&self, &ret->hosts[i]);
    }
    locum_doctor_walk_progress(options, "asking %zu name server address(es) of %s",
                               ret->server_count, ret->config->name);
    return status == 0 ? ask_servers(&self) : status;
}
