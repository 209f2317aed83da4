#include "nsd-adapter/ask.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/socket.h"
#include "base/text_format.h"

enum { WHY_BYTES = 160 };

static void
close_socket(struct locum_nsd_ask *self)
{
    locum_timer_disarm(&self->deadline);
    if (self->fd >= 0) {
        (void)event_del(&self->reply);
        (void)close(self->fd);
        self->fd = -1;
    }
}

static void
finish_silent(struct locum_nsd_ask *self, const char *reason)
{
    char why[WHY_BYTES];
    (void)locum_text_format_buffer(why, sizeof(why), "NSD does not answer at %s: %s",
                                   locum_address_text(self->address).text, reason);
    close_socket(self);
    self->on_done(self->user, LOCUM_NSD_SOA_SILENT, 0, why);
}

static void
on_deadline(void *user)
{
    struct locum_nsd_ask *self = user;
    finish_silent(self, self->failure != 0 ? strerror(self->failure) : "no reply within 250 ms");
}

static void
on_reply(evutil_socket_t fd, short what, void *user)
{
    struct locum_nsd_ask *self = user;
    uint8_t reply[LOCUM_NSD_SOA_BYTES_MAX];
    char why[WHY_BYTES];
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
    if (locum_nsd_reply_read_soa(self->query, self->length, reply, (size_t)length, &outcome,
                                 &serial, &rcode) != 0) {
        return; /* wait for the reply to this query */
    }
    (void)locum_text_format_buffer(why, sizeof(why), "NSD does not serve the zone%s%s",
                                   rcode != 0 ? ": it answers " : "",
                                   locum_nsd_reply_rcode_text(rcode));
    close_socket(self);
    self->on_done(self->user, outcome, serial, outcome == LOCUM_NSD_SOA_NONE ? why : NULL);
}

/* 0 or errno. */
static int
send_query(struct locum_nsd_ask *self)
{
    uint16_t id = 0;
    (void)!getrandom(&id, sizeof(id), 0);
    self->length = locum_soa_question(self->zone, id, self->query);
    self->fd = locum_socket_connect(self->address, SOCK_DGRAM);
    if (self->fd < 0) {
        return errno;
    }
    (void)event_assign(&self->reply, self->base, self->fd, EV_READ | EV_PERSIST, on_reply, self);
    if (send(self->fd, self->query, self->length, 0) < 0) {
        return errno;
    }
    return event_add(&self->reply, NULL) == 0 ? 0 : ENOMEM;
}

void
locum_nsd_ask_send(struct locum_nsd_ask *self)
{
    close_socket(self);
    self->failure = send_query(self);
    locum_timer_arm(&self->deadline, self->failure == 0 ? LOCUM_NSD_ASK_MS : 0);
}

void
locum_nsd_ask_init(struct locum_nsd_ask *self, struct event_base *base,
                   const struct locum_address *address, const char *zone, locum_nsd_ask_fn *on_done,
                   void *user)
{
    *self = (struct locum_nsd_ask){
        .base = base, .address = address, .zone = zone, .on_done = on_done, .user = user, .fd = -1};
    locum_timer_init(&self->deadline, base, on_deadline, self);
}

void
locum_nsd_ask_fini(struct locum_nsd_ask *self)
{
    if (self->base != NULL) {
        close_socket(self);
    }
}
