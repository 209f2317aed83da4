#include "dns/dns.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/descriptors.h"
#include "base/error.h"
#include "base/socket.h"
#include "base/text_format.h"
#include "config/domain.h"
#include "dns/access.h"
#include "dns/renewal.h"
#include "dns/tcp.h"
#include "dns/udp.h"
#include "dns/updates.h"
#include "dns/zone.h"

enum { REPORT_BYTES = 512, BACKLOG = 1024, QUIET_WAIT_MS = 2, QUIET_WAITS = 50 };

/* One address of listen.dns. */
struct dns_listener {
    struct locum_address address;
    struct locum_dns_udp *workers; /* NULL: it is not open */
    size_t worker_count;           /* self->worker_count, and surplus ones after them */
    int tcp_fd;                    /* while it is open */
    bool halted;                   /* a worker has no thread */
    bool removed;                  /* it left the configuration: all of it is surplus */
};

/* A socket that could not be bound. */
struct bind_failure {
    int error; /* errno; 0: none */
    int type;  /* SOCK_DGRAM or SOCK_STREAM */
};

struct locum_dns {
    struct locum_sockets *sockets;                          /* may be NULL */
    struct dns_listener listeners[2 * LOCUM_ADDRESSES_MAX]; /* removed ones for a moment */
    size_t listener_count;
    size_t worker_count;       /* UDP threads of an address, >= 1 */
    struct locum_dns_tcp *tcp; /* NULL: no addresses to listen on */
    int notes[2];              /* pipe: read by primary.c, written by the TCP thread */
    struct locum_dns_updates *updates;
    bool tcp_paused;
    struct locum_renewal renewal;  /* what is compiled, and the keys */
    struct locum_dns_table *table; /* the one published last; NULL before the first */
    struct locum_limited limited;
    struct locum_dns_tallied gone; /* of workers that have ended */
    uint64_t gone_overflow;        /* the same, of struct locum_dns_counts */
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

static uint64_t
overflow(const struct locum_dns_udp *worker)
{
    return locum_socket_dropped(worker->fd) - worker->dropped_before;
}

/* Stop the workers from this one on, and close their sockets, which then leave the store. */
static void
close_workers(struct locum_dns *self, struct dns_listener *listener, size_t first)
{
    while (listener->worker_count > first) {
        struct locum_dns_udp *worker = &listener->workers[--listener->worker_count];
        locum_dns_udp_stop(worker, true);
        locum_query_sum(&worker->tally, &self->gone);
        self->gone_overflow += overflow(worker);
        locum_limit_fini(&worker->limiter);
        locum_sockets_close(self->sockets, worker->fd);
    }
    if (first == 0) {
        free(listener->workers);
        listener->workers = NULL;
    }
}

/* One more UDP worker, which answers from the last table at once. */
static int
open_worker(struct locum_dns *self, struct dns_listener *listener, struct bind_failure *ret_failure)
{
    struct locum_dns_udp *worker = &listener->workers[listener->worker_count];
    const int fd = locum_sockets_open(self->sockets, &listener->address, SOCK_DGRAM,
                                      self->worker_count > 1, 0);
    if (fd < 0) {
        *ret_failure = (struct bind_failure){.error = errno, .type = SOCK_DGRAM};
        return LOCUM_ERR_IO;
    }
    worker->dropped_before = locum_socket_dropped(fd);
    locum_dns_table_mailbox_put(&worker->mailbox, self->table);
    const int status = locum_dns_udp_start(worker, &listener->address, fd);
    if (status != 0) {
        locum_dns_table_mailbox_put(&worker->mailbox, NULL);
        locum_limit_fini(&worker->limiter);
        locum_sockets_close(self->sockets, fd);
        return status;
    }
    if (++listener->worker_count > self->worker_count) {
        locum_sockets_forget(self->sockets, fd); /* surplus */
    }
    return 0;
}

/* Open the UDP sockets: one for each worker, and all inherited ones. */
static int
open_udp(struct locum_dns *self, struct dns_listener *listener, struct bind_failure *ret_failure)
{
    const size_t inherited = locum_sockets_unused(self->sockets, &listener->address, SOCK_DGRAM);
    const size_t count = inherited > self->worker_count ? inherited : self->worker_count;
    int status = 0;
    struct locum_dns_udp *workers = calloc(count, sizeof(*workers));
    if (workers == NULL) {
        return LOCUM_ERR_MEMORY;
    }
    listener->workers = workers;
    while (listener->worker_count < count && status == 0) {
        status = open_worker(self, listener, ret_failure);
    }
    if (status != 0) {
        close_workers(self, listener, 0);
    }
    return status;
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
    const int fd = locum_sockets_open(self->sockets, &listener->address,
                                      SOCK_STREAM | SOCK_NONBLOCK, false, BACKLOG);
    if (fd < 0) {
        *ret_failure = (struct bind_failure){.error = errno, .type = SOCK_STREAM};
        return LOCUM_ERR_IO;
    }
    int status = open_udp(self, listener, ret_failure);
    if (status == 0) {
        status = locum_dns_tcp_listen(self->tcp, fd);
        if (status != 0) {
            close_workers(self, listener, 0);
        }
    }
    if (status != 0) {
        locum_sockets_close(self->sockets, fd);
    }
    listener->tcp_fd = fd;
    return status;
}

/* Open one more address. 0 also if it could not be bound, which is reported. */
static int
add_listener(struct locum_dns *self, const struct locum_address *address,
             locum_dns_report_fn *report, void *user)
{
    struct dns_listener *listener = &self->listeners[self->listener_count++];
    struct bind_failure failure;
    *listener = (struct dns_listener){.address = *address};
    const int status = open_listener(self, listener, &failure);
    if (failure.error != 0) {
        report_failure(report, user, &listener->address, &failure);
        return 0;
    }
    return status;
}

/* The thread of TCP, once there is an address. */
static int
create_tcp(struct locum_dns *self)
{
    struct locum_dns_tcp_limits limits = locum_dns_tcp_limits_default;
    if (self->tcp != NULL) {
        return 0;
    }
    limits.connections_max = locum_descriptors_share(limits.connections_max);
    limits.client_connections_max = locum_descriptors_share(limits.client_connections_max);
    const int status = locum_dns_tcp_create(&limits, &self->tcp);
    if (status == 0) {
        locum_dns_tcp_tell(self->tcp, self->notes[1]);
    }
    return status;
}

int
locum_dns_create(const struct locum_config *config, struct locum_sockets *sockets,
                 locum_dns_report_fn *report, void *user, struct locum_dns **ret)
{
    struct locum_dns *self = calloc(1, sizeof(*self));
    if (self == NULL) {
        return LOCUM_ERR_MEMORY;
    }
    if (pipe2(self->notes, O_CLOEXEC | O_NONBLOCK) != 0) {
        free(self);
        return LOCUM_ERR_IO;
    }
    int status = locum_renewal_init(&self->renewal);
    self->sockets = sockets;
    self->worker_count = config->dns_workers == 0 ? 1 : config->dns_workers;
    status = status == 0 ? locum_dns_updates_create(&self->updates) : status;
    if (config->listen_dns_count > 0 && status == 0) {
        status = create_tcp(self);
    }
    for (size_t i = 0; i < config->listen_dns_count && status == 0; i++) {
        status = add_listener(self, &config->listen_dns[i], report, user);
    }
    if (status != 0) {
        locum_dns_destroy(self);
        return status;
    }
    *ret = self;
    return 0;
}

static bool
is_closed(const struct dns_listener *listener)
{
    return (listener->workers == NULL || listener->halted) && !listener->removed;
}

size_t
locum_dns_closed(const struct locum_dns *self)
{
    size_t count = 0;
    for (size_t i = 0; i < self->listener_count; i++) {
        count += is_closed(&self->listeners[i]);
    }
    return count;
}

/* Start the workers without a thread. False: for one there is none. */
static bool
start_workers(struct locum_dns *self, struct dns_listener *listener)
{
    bool all = true;
    for (size_t i = 0; i < listener->worker_count; i++) {
        struct locum_dns_udp *worker = &listener->workers[i];
        if (!worker->running) {
            locum_dns_table_mailbox_put(&worker->mailbox, self->table);
            all = locum_dns_udp_start(worker, &worker->address, worker->fd) == 0 && all;
        }
    }
    return all;
}

void
locum_dns_start_workers(struct locum_dns *self, locum_dns_report_fn *report, void *user)
{
    for (size_t i = 0; i < self->listener_count; i++) {
        struct dns_listener *listener = &self->listeners[i];
        const bool halted = !start_workers(self, listener);
        if (halted && !listener->halted) {
            report(user, &listener->address, LOCUM_ERR_IO,
                   "no thread could be started to answer UDP; Locum keeps trying");
        } else if (!halted && listener->halted) {
            report(user, &listener->address, 0, locum_address_text(&listener->address).text);
        }
        listener->halted = halted;
    }
}

void
locum_dns_retry(struct locum_dns *self, locum_dns_report_fn *report, void *user)
{
    for (size_t i = 0; i < self->listener_count; i++) {
        struct dns_listener *listener = &self->listeners[i];
        struct bind_failure failure;
        if (is_closed(listener) && !listener->halted &&
            open_listener(self, listener, &failure) == 0) {
            report(user, &listener->address, 0, locum_address_text(&listener->address).text);
        }
    }
    locum_dns_start_workers(self, report, user);
}

/* Its address has left the configuration: its sockets leave the store, and are read until
 * locum_dns_close_surplus(). */
static void
remove_listener(struct locum_dns *self, struct dns_listener *listener)
{
    listener->removed = true;
    for (size_t i = 0; i < listener->worker_count; i++) {
        locum_sockets_forget(self->sockets, listener->workers[i].fd);
    }
    if (listener->workers != NULL) {
        locum_sockets_forget(self->sockets, listener->tcp_fd);
    }
}

static bool
has_listener(const struct locum_dns *self, const struct locum_address *address)
{
    bool found = false;
    for (size_t i = 0; i < self->listener_count; i++) {
        found = found || (!self->listeners[i].removed &&
                          locum_address_equal(&self->listeners[i].address, address));
    }
    return found;
}

int
locum_dns_reconfigure(struct locum_dns *self, const struct locum_config *config,
                      locum_dns_report_fn *report, void *user)
{
    locum_renewal_forget(&self->renewal); /* compile the new one */
    const int status = config->listen_dns_count > 0 ? create_tcp(self) : 0;
    if (status != 0) {
        return status;
    }
    locum_dns_close_surplus(self); /* of the last reload: now there is room */
    for (size_t i = 0; i < self->listener_count; i++) {
        if (!locum_address_is_in(&self->listeners[i].address, config->listen_dns,
                                 config->listen_dns_count)) {
            remove_listener(self, &self->listeners[i]);
        }
    }
    for (size_t i = 0; i < config->listen_dns_count; i++) {
        if (!has_listener(self, &config->listen_dns[i])) {
            /* Without memory or a thread it is closed, and tried again each second. */
            (void)!add_listener(self, &config->listen_dns[i], report, user);
        }
    }
    return 0;
}

bool
locum_dns_has_surplus(const struct locum_dns *self)
{
    bool found = false;
    for (size_t i = 0; i < self->listener_count; i++) {
        found = found || self->listeners[i].removed ||
                self->listeners[i].worker_count > self->worker_count;
    }
    return found;
}

void
locum_dns_close_surplus(struct locum_dns *self)
{
    for (size_t i = self->listener_count; i-- > 0;) {
        struct dns_listener *listener = &self->listeners[i];
        if (listener->removed) {
            if (listener->workers != NULL) {
                locum_dns_tcp_close(self->tcp, listener->tcp_fd);
            }
            close_workers(self, listener, 0);
            *listener = self->listeners[--self->listener_count];
        } else if (listener->worker_count > self->worker_count) {
            close_workers(self, listener, self->worker_count);
        }
    }
}

/* Make the table of a plan, signed. */
static int
make_table(const struct locum_dns *self, const struct locum_config *config,
           const struct locum_plan *plan, const struct locum_challenge_answers *answers,
           uint32_t serial, int64_t now_s, struct locum_dns_table **ret)
{
    struct locum_signer *signer = self->renewal.signer;
    struct locum_dns_table *table =
        locum_dns_table_make(self->renewal.serving.names, config, plan, answers, serial);
    int status = table == NULL ? LOCUM_ERR_MEMORY : 0;
    if (status == 0 && self->renewal.serving.until_s != INT64_MAX) {
        status = locum_dns_table_sign(table, config, plan, serial, signer, now_s);
    }
    if (status == 0) {
        status = locum_access_create(config, &table->access);
    }
    if (status != 0) {
        locum_dns_table_release(table);
        return status;
    }
    table->serial = serial;
    table->updates = self->updates;
    locum_cookie_keys_init(&table->cookies, &config->secrets);
    locum_limit_rules_init(&table->limit, config, self->worker_count);
    *ret = table;
    return 0;
}

int
locum_dns_publish(struct locum_dns *self, const struct locum_config *config,
                  const struct locum_plan *plan, const struct locum_challenge_answers *answers,
                  uint32_t serial, int64_t now_s)
{
    struct locum_dns_table *table = NULL;
    /* Without an address locum-nsd reads the text. */
    if (self->listener_count == 0 && locum_signer_until(self->renewal.signer, now_s) == INT64_MAX) {
        return 0;
    }
    int status = locum_renewal_choose(&self->renewal, config, now_s);
    if (status == 0 && self->listener_count > 0) {
        status = make_table(self, config, plan, answers, serial, now_s, &table);
    }
    if (status != 0 || self->listener_count == 0) {
        return status;
    }
    for (size_t i = 0; i < self->listener_count; i++) {
        for (size_t j = 0; j < self->listeners[i].worker_count; j++) {
            locum_dns_table_mailbox_put(&self->listeners[i].workers[j].mailbox, table);
        }
    }
    locum_dns_tcp_publish(self->tcp, table);
    locum_dns_table_release(self->table);
    self->table = table;
    return 0;
}

struct locum_renewal *
locum_dns_renewal(struct locum_dns *self)
{
    return &self->renewal;
}

size_t
locum_dns_plan_name(const struct locum_dns *self, const char *name)
{
    char absolute[LOCUM_DOMAIN_MAX + 1];
    const char *why;
    const struct locum_dns_names *names = self->renewal.serving.names;
    struct locum_wire_name wire;
    if (names == NULL || locum_domain_relative(locum_slice_of(name), "", absolute, &why) != 0 ||
        locum_zone_name(absolute, &wire) != 0) {
        return SIZE_MAX;
    }
    const struct locum_dns_match match = locum_dns_names_find(names, &wire);
    const struct locum_dns_set *set =
        match.kind == LOCUM_MATCH_EXACT || match.kind == LOCUM_MATCH_WILDCARD
            ? locum_dns_names_set(names, match.name, LOCUM_TYPE_A)
            : NULL;
    return set == NULL ? SIZE_MAX : locum_dns_table_name(set->changing);
}

int
locum_dns_notes(const struct locum_dns *self)
{
    return self->notes[0];
}

void
locum_dns_give(struct locum_dns *self, uint64_t id, struct locum_axfr_content *content)
{
    locum_dns_tcp_give(self->tcp, id, content);
}

struct locum_dns_updates *
locum_dns_updates(const struct locum_dns *self)
{
    return self->updates;
}

void
locum_dns_answer_update(struct locum_dns *self, struct locum_dns_pending *pending,
                        const uint8_t *message, size_t length)
{
    const struct sockaddr *peer = (const struct sockaddr *)&pending->peer;
    if (pending->fd >= 0) {
        (void)!sendto(pending->fd, message, length, MSG_DONTWAIT, peer, pending->peer_length);
    } else {
        locum_dns_tcp_answer(self->tcp, pending->id, message, length);
    }
    locum_dns_updates_free(self->updates, pending);
}

void
locum_dns_update_limited(struct locum_dns *self, locum_ms now, locum_limited_fn *show, void *user)
{
    for (size_t i = 0; i < self->listener_count; i++) {
        for (size_t j = 0; j < self->listeners[i].worker_count; j++) {
            locum_limited_take(&self->limited, &self->listeners[i].workers[j].limiter, now);
        }
    }
    locum_limited_update(&self->limited, now, show, user);
}

void
locum_dns_counts(const struct locum_dns *self, struct locum_dns_counts *ret)
{
    *ret = (struct locum_dns_counts){.udp = self->gone,
                                     .udp_overflow = self->gone_overflow,
                                     .limited = self->limited.count,
                                     .updates_overflow = locum_dns_updates_overflow(self->updates)};
    if (self->limited.count > 0) {
        struct locum_prefix prefix;
        locum_limit_prefix_of(self->limited.periods[0].prefix, &prefix);
        (void)locum_text_format_buffer(ret->limited_prefix, sizeof(ret->limited_prefix), "%s",
                                       locum_address_prefix_text(&prefix).text);
    }
    for (size_t i = 0; i < self->listener_count; i++) {
        for (size_t j = 0; j < self->listeners[i].worker_count; j++) {
            locum_query_sum(&self->listeners[i].workers[j].tally, &ret->udp);
            ret->udp_overflow += overflow(&self->listeners[i].workers[j]);
            ret->limiter_bytes += LOCUM_LIMIT_BUCKETS * sizeof(struct locum_limit_bucket);
        }
    }
    if (self->tcp != NULL) {
        locum_dns_tcp_sum(self->tcp, ret);
    }
}

void
locum_dns_pause_tcp(struct locum_dns *self, bool paused)
{
    self->tcp_paused = paused;
    if (self->tcp != NULL) {
        locum_dns_tcp_pause(self->tcp, paused);
    }
}

bool
locum_dns_is_tcp_quiet(const struct locum_dns *self)
{
    return self->tcp == NULL || locum_dns_tcp_is_quiet(self->tcp);
}

void
locum_dns_stop_workers(struct locum_dns *self)
{
    for (size_t i = 0; i < self->listener_count; i++) {
        for (size_t j = 0; j < self->listeners[i].worker_count; j++) {
            locum_dns_udp_stop(&self->listeners[i].workers[j], false);
        }
    }
}

void
locum_dns_destroy(struct locum_dns *self)
{
    if (self == NULL) {
        return;
    }
    for (size_t i = 0; i < self->listener_count; i++) {
        struct dns_listener *listener = &self->listeners[i];
        for (size_t j = 0; j < listener->worker_count; j++) {
            locum_dns_udp_stop(&listener->workers[j], false);
            locum_limit_fini(&listener->workers[j].limiter);
            close(listener->workers[j].fd);
        }
        free(listener->workers);
    }
    for (int i = 0; i < QUIET_WAITS && self->tcp_paused && !locum_dns_is_tcp_quiet(self); i++) {
        (void)poll(NULL, 0, QUIET_WAIT_MS);
    }
    locum_dns_tcp_destroy(self->tcp);
    close(self->notes[0]);
    close(self->notes[1]);
    locum_dns_table_release(self->table);
    locum_renewal_fini(&self->renewal);
    locum_dns_updates_destroy(self->updates);
    free(self);
}
