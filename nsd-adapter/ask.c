#include "nsd-adapter/ask.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

struct locum_nsd_asker {
    struct event_base *base;
    const struct locum_address *address;
    const char *zone;
    locum_nsd_ask_fn *on_done;
    void *user;
    int fd;              /* -1: no question is under way */
    struct event *reply; /* NULL likewise */
    struct event *timer; /* the deadline; at once: what failed before it began */
    int failure;         /* errno of that, 0 */
    uint8_t query[LOCUM_NSD_QUERY_MAX];
    size_t length;
};

static void
close_socket(struct locum_nsd_asker *self)
{
    (void)event_del(self->timer);
    if (self->reply != NULL) {
        event_free(self->reply);
        self->reply = NULL;
    }
    if (self->fd >= 0) {
        (void)close(self->fd);
        self->fd = -1;
    }
}

static void
finish_silent(struct locum_nsd_asker *self, const char *reason)
{
    char buffer[160];
    struct locum_text text = locum_text_init(buffer, sizeof(buffer));
    locum_text_add(&text, "NSD does not answer at ");
    locum_address_add_port(self->address, &text);
    locum_text_add(&text, ": ");
    locum_text_add(&text, reason);
    close_socket(self);
    self->on_done(self->user, LOCUM_NSD_SOA_SILENT, 0, buffer);
}

static void
on_timer(evutil_socket_t fd, short what, void *user)
{
    struct locum_nsd_asker *self = user;
    (void)fd, (void)what;
    finish_silent(self, self->failure != 0 ? strerror(self->failure) : "no reply within 250 ms");
}

static void
finish_none(struct locum_nsd_asker *self, uint8_t rcode)
{
    char buffer[160];
    struct locum_text text = locum_text_init(buffer, sizeof(buffer));
    locum_text_add(&text, "NSD answers without the zone");
    locum_text_add(&text, rcode != 0 ? ": " : "");
    locum_text_add(&text, locum_nsd_rcode_text(rcode));
    close_socket(self);
    self->on_done(self->user, LOCUM_NSD_SOA_NONE, 0, buffer);
}

static void
on_reply(evutil_socket_t fd, short what, void *user)
{
    struct locum_nsd_asker *self = user;
    uint8_t reply[LOCUM_NSD_REPLY_MAX];
    enum locum_nsd_soa outcome;
    uint32_t serial = 0;
    uint8_t rcode = 0;
    (void)what;
    const ssize_t length = recv(fd, reply, sizeof(reply), MSG_DONTWAIT);
    if (length < 0) {
        if (errno != EAGAIN && errno != EINTR) {
            finish_silent(self, strerror(errno));
        }
        return;
    }
    if (locum_nsd_soa_read(self->query, self->length, reply, (size_t)length, &outcome, &serial,
                           &rcode) != 0) {
        return; /* not to this question */
    }
    if (outcome == LOCUM_NSD_SOA_NONE) {
        finish_none(self, rcode);
        return;
    }
    close_socket(self);
    self->on_done(self->user, outcome, serial, NULL);
}

/* 0 or errno. */
static int
send_query(struct locum_nsd_asker *self)
{
    struct sockaddr_storage to = {0};
    uint16_t id = 0;
    const socklen_t length = locum_address_to_sockaddr(self->address, &to);
    (void)!getrandom(&id, sizeof(id), 0);
    self->length = locum_nsd_soa_query(self->zone, id, self->query);
    self->fd = socket(to.ss_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (self->fd < 0 || connect(self->fd, (struct sockaddr *)&to, length) != 0 ||
        send(self->fd, self->query, self->length, 0) < 0) {
        return errno;
    }
    self->reply = event_new(self->base, self->fd, EV_READ | EV_PERSIST, on_reply, self);
    return self->reply != NULL && event_add(self->reply, NULL) == 0 ? 0 : ENOMEM;
}

void
locum_nsd_asker_ask(struct locum_nsd_asker *self)
{
    struct timeval limit = {.tv_usec = LOCUM_NSD_ASK_MS * 1000};
    close_socket(self);
    self->failure = send_query(self);
    if (self->failure != 0) {
        limit = (struct timeval){0};
    }
    (void)event_add(self->timer, &limit);
}

struct locum_nsd_asker *
locum_nsd_asker_create(struct event_base *base, const struct locum_address *address,
                       const char *zone, locum_nsd_ask_fn *on_done, void *user)
{
    struct locum_nsd_asker *self = calloc(1, sizeof(*self));
    if (self == NULL) {
        return NULL;
    }
    *self = (struct locum_nsd_asker){.base = base,
                                     .address = address,
                                     .zone = zone,
                                     .on_done = on_done,
                                     .user = user,
                                     .fd = -1,
                                     .timer = evtimer_new(base, on_timer, self)};
    if (self->timer == NULL || locum_nsd_soa_query(zone, 0, self->query) == 0) {
        locum_nsd_asker_destroy(self);
        return NULL;
    }
    return self;
}

void
locum_nsd_asker_destroy(struct locum_nsd_asker *self)
{
    if (self == NULL) {
        return;
    }
    if (self->timer != NULL) {
        close_socket(self);
        event_free(self->timer);
    }
    free(self);
}
