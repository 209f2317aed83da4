#include "dns/dns.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/descriptors.h"
#include "base/error.h"
#include "base/socket.h"
#include "base/text_format.h"
#include "dns/tcp.h"
#include "dns/udp.h"
#include "dns/zone.h"

enum { REPORT_BYTES = 512, BACKLOG = 128 };

/* One address of listen.dns. */
struct dns_listener {
    struct locum_address address;
    struct locum_dns_udp *workers; /* worker_count of them; NULL: it is not open */
};

/* A socket that could not be bound. */
struct bind_failure {
    int error; /* errno; 0: none */
    int type;  /* SOCK_DGRAM or SOCK_STREAM */
};

struct locum_dns {
    struct dns_listener listeners[LOCUM_ADDRESSES_MAX];
    size_t listener_count;
    size_t worker_count;           /* UDP threads of an address, >= 1 */
    struct locum_dns_tcp *tcp;     /* NULL: no addresses to listen on */
    struct locum_dns_table *table; /* the one published last; NULL before the first */
};

static void
report_failure(locum_dns_report_fn *report, void *user, const struct locum_address *address,
               const struct bind_failure *failure)
{
    char buffer[REPORT_BYTES];
    struct locum_text text = locum_text_init(buffer, sizeof(buffer));
    locum_text_format(&text, "cannot listen on %s (%s): ", locum_address_text(address).text,
                      failure->type == SOCK_STREAM ? "TCP" : "UDP");
    locum_socket_explain_bind(&text, failure->error, address, failure->type, "listen.dns");
    if (failure->error == EADDRINUSE) {
        locum_text_add(&text, "; often it is systemd-resolved, dnsmasq, NSD, Unbound or BIND");
    }
    locum_text_add(&text, "; Locum keeps trying");
    report(user, address, locum_error_from_errno(failure->error), buffer);
}

static void
stop_workers(struct dns_listener *listener, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        locum_dns_udp_stop(&listener->workers[i]);
    }
    free(listener->workers);
    listener->workers = NULL;
}

/* Bind and start the UDP workers, which answer from the last table at once. */
static int
open_udp(struct locum_dns *self, struct dns_listener *listener, struct bind_failure *ret_failure)
{
    listener->workers = calloc(self->worker_count, sizeof(*listener->workers));
    if (listener->workers == NULL) {
        return LOCUM_ERR_MEMORY;
    }
    for (size_t i = 0; i < self->worker_count; i++) {
        struct locum_dns_udp *worker = &listener->workers[i];
        const int fd = locum_socket_bind(&listener->address, SOCK_DGRAM, self->worker_count > 1);
        if (fd >= 0) {
            locum_dns_table_mailbox_put(&worker->mailbox, self->table);
            if (locum_dns_udp_start(worker, &listener->address, fd) == 0) {
                continue;
            }
            locum_dns_table_mailbox_put(&worker->mailbox, NULL);
            close(fd);
        } else {
            *ret_failure = (struct bind_failure){.error = errno, .type = SOCK_DGRAM};
        }
        stop_workers(listener, i);
        return LOCUM_ERR_IO;
    }
    return 0;
}

/*
 * Open one address, UDP and TCP or neither. Returns 0, LOCUM_ERR_MEMORY or LOCUM_ERR_IO; if it
 * could not be bound, *ret_failure says why.
 */
static int
open_listener(struct locum_dns *self, struct dns_listener *listener,
              struct bind_failure *ret_failure)
{
    *ret_failure = (struct bind_failure){0};
    const int fd = locum_socket_listen(&listener->address, BACKLOG);
    if (fd < 0) {
        *ret_failure = (struct bind_failure){.error = errno, .type = SOCK_STREAM};
        return LOCUM_ERR_IO;
    }
    int status = open_udp(self, listener, ret_failure);
    if (status == 0) {
        status = locum_dns_tcp_listen(self->tcp, fd);
        if (status != 0) {
            stop_workers(listener, self->worker_count);
        }
    }
    if (status != 0) {
        close(fd);
        return status;
    }
    return 0;
}

int
locum_dns_create(const struct locum_config *config, locum_dns_report_fn *report, void *user,
                 struct locum_dns **ret)
{
    struct locum_dns *self = calloc(1, sizeof(*self));
    if (self == NULL) {
        return LOCUM_ERR_MEMORY;
    }
    int status = 0;
    self->listener_count = config->listen_dns_count;
    self->worker_count = config->dns_workers == 0 ? 1 : config->dns_workers;
    if (self->listener_count > 0) {
        struct locum_dns_tcp_limits limits = locum_dns_tcp_limits_default;
        limits.connections_max = locum_descriptors_share(limits.connections_max);
        status = locum_dns_tcp_create(&limits, &self->tcp);
    }
    for (size_t i = 0; i < self->listener_count && status == 0; i++) {
        struct dns_listener *listener = &self->listeners[i];
        struct bind_failure failure;
        listener->address = config->listen_dns[i];
        status = open_listener(self, listener, &failure);
        if (failure.error != 0) {
            report_failure(report, user, &listener->address, &failure);
            status = 0;
        }
    }
    if (status != 0) {
        locum_dns_destroy(self);
        return status;
    }
    *ret = self;
    return 0;
}

void
locum_dns_retry(struct locum_dns *self, locum_dns_report_fn *report, void *user)
{
    for (size_t i = 0; i < self->listener_count; i++) {
        struct dns_listener *listener = &self->listeners[i];
        struct bind_failure failure;
        if (listener->workers == NULL && open_listener(self, listener, &failure) == 0) {
            report(user, &listener->address, 0, locum_address_text(&listener->address).text);
        }
    }
}

/* Build the zones of a plan, then the table of their answers. */
static int
make_table(const struct locum_config *config, const struct locum_plan *plan, uint32_t serial,
           struct locum_dns_table **ret)
{
    struct locum_zone zones[LOCUM_ZONES_MAX];
    char version[32 + LOCUM_VERSION_MAX];
    size_t built = 0;
    int status = 0;
    while (built < config->zone_count && status == 0) {
        status = locum_zone_build(config, built, plan, serial, &zones[built]);
        built += status == 0;
    }
    if (status == 0) {
        (void)locum_text_format_buffer(version, sizeof(version), "Locum %s", config->core.version);
        status = locum_zone_compile(zones, built, version,
                                    config->core.nodes[config->core.self].name, ret);
    }
    for (size_t i = 0; i < built; i++) {
        locum_zone_fini(&zones[i]);
    }
    return status;
}

int
locum_dns_publish(struct locum_dns *self, const struct locum_config *config,
                  const struct locum_plan *plan, uint32_t serial)
{
    if (self->listener_count == 0) {
        return 0;
    }
    struct locum_dns_table *table;
    const int status = make_table(config, plan, serial, &table);
    if (status != 0) {
        return status;
    }
    for (size_t i = 0; i < self->listener_count; i++) {
        for (size_t j = 0; self->listeners[i].workers != NULL && j < self->worker_count; j++) {
            locum_dns_table_mailbox_put(&self->listeners[i].workers[j].mailbox, table);
        }
    }
    locum_dns_tcp_publish(self->tcp, table);
    locum_dns_table_release(self->table);
    self->table = table;
    return 0;
}

void
locum_dns_counts(const struct locum_dns *self, struct locum_dns_counts *ret)
{
    *ret = (struct locum_dns_counts){0};
    for (size_t i = 0; i < self->listener_count; i++) {
        for (size_t j = 0; self->listeners[i].workers != NULL && j < self->worker_count; j++) {
            locum_query_sum(&self->listeners[i].workers[j].tally, &ret->udp);
        }
    }
    if (self->tcp != NULL) {
        locum_dns_tcp_sum(self->tcp, ret);
    }
}

void
locum_dns_destroy(struct locum_dns *self)
{
    if (self == NULL) {
        return;
    }
    for (size_t i = 0; i < self->listener_count; i++) {
        if (self->listeners[i].workers != NULL) {
            stop_workers(&self->listeners[i], self->worker_count);
        }
    }
    locum_dns_tcp_destroy(self->tcp);
    locum_dns_table_release(self->table);
    free(self);
}
