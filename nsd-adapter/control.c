#include "nsd-adapter/control.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

enum { WHY_BYTES = 400 };

struct locum_nsd_channel {
    struct event_base *base;
    const struct locum_nsd_conf *conf;
    locum_nsd_control_fn *on_done;
    void *user;
    struct bufferevent *stream; /* NULL: no command is under way */
    struct event *timer;        /* the deadline; at once: what failed before it began */
    char early[WHY_BYTES];      /* why it could not begin; "": it did */
};

static void
close_stream(struct locum_nsd_channel *self)
{
    if (self->stream != NULL) {
        bufferevent_free(self->stream);
        self->stream = NULL;
    }
}

static void
finish(struct locum_nsd_channel *self, enum locum_nsd_control outcome, const char *why)
{
    (void)event_del(self->timer);
    close_stream(self);
    self->on_done(self->user, outcome, why);
}

static void
add_where(const struct locum_nsd_channel *self, struct locum_text *text)
{
    locum_text_add(text, "NSD's control at ");
    if (self->conf->socket[0] != '\0') {
        locum_text_add(text, self->conf->socket);
    } else {
        locum_address_add_port(&self->conf->control, text);
    }
}

static void
on_deadline(evutil_socket_t fd, short what, void *user)
{
    struct locum_nsd_channel *self = user;
    char buffer[WHY_BYTES];
    struct locum_text text = locum_text_init(buffer, sizeof(buffer));
    (void)fd, (void)what;
    add_where(self, &text);
    locum_text_add(&text, " does not answer within 3 s");
    finish(self, LOCUM_NSD_CONTROL_FAILED, self->early[0] != '\0' ? self->early : buffer);
}

/* NSD has closed: what it said is all there is. */
static void
judge(struct locum_nsd_channel *self)
{
    char buffer[WHY_BYTES];
    struct locum_text why = locum_text_init(buffer, sizeof(buffer));
    struct evbuffer *input = bufferevent_get_input(self->stream);
    const size_t length = evbuffer_get_length(input);
    const struct locum_slice reply = {.at = length > 0 ? (char *)evbuffer_pullup(input, -1) : "",
                                      .length = length};
    const enum locum_nsd_control outcome = locum_nsd_reply_read(reply, &why);
    if (length == 0 && self->conf->socket[0] == '\0') { /* TLS 1.3: its alert may be lost */
        locum_text_add(&why, ": is this client's certificate the one it trusts? "
                             "(nsd-control-setup(8))");
    }
    finish(self, outcome, buffer);
}

/* More than NSD ever says is not read on. */
static void
on_read(struct bufferevent *stream, void *user)
{
    if (evbuffer_get_length(bufferevent_get_input(stream)) > LOCUM_NSD_CONTROL_REPLY_MAX) {
        judge(user);
    }
}

static void
on_event(struct bufferevent *stream, short what, void *user)
{
    struct locum_nsd_channel *self = user;
    char buffer[WHY_BYTES];
    struct locum_text text = locum_text_init(buffer, sizeof(buffer));
    const int error = EVUTIL_SOCKET_ERROR();
    if ((what & BEV_EVENT_CONNECTED) != 0) {
        return;
    }
    const unsigned long tls = bufferevent_get_openssl_error(stream);
    const bool spoken = evbuffer_get_length(bufferevent_get_input(stream)) > 0;
    if ((what & BEV_EVENT_EOF) != 0 || spoken) {
        judge(self);
        return;
    }
    add_where(self, &text);
    locum_text_add(&text, ": ");
    if (tls != 0) {
        const char *reason = ERR_reason_error_string(tls);
        locum_text_add(&text, reason != NULL ? reason : "TLS failed");
        locum_text_add(&text, " (certificates: nsd-control-setup(8))");
    } else {
        locum_text_add(&text, error != 0 ? strerror(error) : "the connection broke");
    }
    finish(self, LOCUM_NSD_CONTROL_FAILED, buffer);
}

static bool
refuse_file(struct locum_text *why, const char *path)
{
    const char *reason = ERR_reason_error_string(ERR_peek_last_error());
    locum_text_add(why, path);
    locum_text_add(why, ": ");
    locum_text_add(why, reason != NULL ? reason : "cannot be used");
    locum_text_add(why, " (nsd-control-setup(8) makes these files; locum-nsd must be able to read "
                        "them)");
    return false;
}

/* The files are read for each command: a renewed certificate needs no restart. */
static bool
load(SSL_CTX *context, const struct locum_nsd_conf *conf, struct locum_text *why)
{
    ERR_clear_error();
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_options(context, SSL_OP_IGNORE_UNEXPECTED_EOF);
    if (SSL_CTX_load_verify_locations(context, conf->server_cert, NULL) != 1) {
        return refuse_file(why, conf->server_cert);
    }
    if (SSL_CTX_use_certificate_chain_file(context, conf->control_cert) != 1) {
        return refuse_file(why, conf->control_cert);
    }
    return SSL_CTX_use_PrivateKey_file(context, conf->control_key, SSL_FILETYPE_PEM) == 1 ||
           refuse_file(why, conf->control_key);
}

/* Takes the socket unless it returns NULL: then *why says it, or there is no memory. */
static struct bufferevent *
open_tls(struct locum_nsd_channel *self, int fd, struct locum_text *why)
{
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    struct bufferevent *stream = NULL;
    if (context != NULL && load(context, self->conf, why)) {
        SSL *ssl = SSL_new(context); /* holds the context, and is freed with the stream */
        if (ssl != NULL) {
            stream = bufferevent_openssl_socket_new(self->base, fd, ssl, BUFFEREVENT_SSL_CONNECTING,
                                                    BEV_OPT_CLOSE_ON_FREE);
        }
        if (stream != NULL) {
            bufferevent_openssl_set_allow_dirty_shutdown(stream, 1);
        } else {
            SSL_free(ssl);
        }
    }
    SSL_CTX_free(context);
    return stream;
}

/* By hand: bufferevent_socket_connect() forgets why an attempt was refused at once. -1: errno. */
static int
open_socket(const struct locum_nsd_conf *conf)
{
    struct sockaddr_storage to = {0};
    socklen_t length;
    if (conf->socket[0] != '\0') {
        struct sockaddr_un *local = (struct sockaddr_un *)&to;
        local->sun_family = AF_UNIX;
        memcpy(local->sun_path, conf->socket, strlen(conf->socket) + 1);
        length = sizeof(*local);
    } else {
        length = locum_address_to_sockaddr(&conf->control, &to);
    }
    const int fd = socket(to.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&to, length) != 0 && errno != EINPROGRESS) {
        const int error = errno;
        (void)close(fd);
        errno = error;
        return -1;
    }
    return fd;
}

static bool
connect_stream(struct locum_nsd_channel *self, struct locum_text *why)
{
    const int fd = open_socket(self->conf);
    if (fd < 0) {
        const int error = errno;
        add_where(self, why);
        locum_text_add(why, ": ");
        locum_text_add(why, strerror(error));
        return false;
    }
    self->stream = self->conf->socket[0] != '\0'
                       ? bufferevent_socket_new(self->base, fd, BEV_OPT_CLOSE_ON_FREE)
                       : open_tls(self, fd, why);
    if (self->stream == NULL) {
        (void)close(fd);
    }
    return self->stream != NULL;
}

void
locum_nsd_channel_send(struct locum_nsd_channel *self, const char *command)
{
    static const struct timeval limit = {.tv_sec = LOCUM_NSD_CONTROL_MS / 1000};
    static const struct timeval at_once = {0};
    struct locum_text why = locum_text_init(self->early, sizeof(self->early));
    LOCUM_INVARIANT(self->stream == NULL);
    if (!connect_stream(self, &why)) {
        close_stream(self);
        locum_text_add(&why, why.length == 0 ? "out of memory" : "");
        (void)event_add(self->timer, &at_once);
        return;
    }
    struct evbuffer *out = bufferevent_get_output(self->stream);
    bufferevent_setcb(self->stream, on_read, NULL, on_event, self);
    (void)evbuffer_add_printf(out, "NSDCT1 %s\n", command);
    (void)bufferevent_enable(self->stream, EV_READ | EV_WRITE);
    (void)event_add(self->timer, &limit);
}

struct locum_nsd_channel *
locum_nsd_channel_create(struct event_base *base, const struct locum_nsd_conf *conf,
                         locum_nsd_control_fn *on_done, void *user)
{
    struct locum_nsd_channel *self = calloc(1, sizeof(*self));
    if (self == NULL) {
        return NULL;
    }
    *self =
        (struct locum_nsd_channel){.base = base, .conf = conf, .on_done = on_done, .user = user};
    self->timer = evtimer_new(base, on_deadline, self);
    if (self->timer == NULL) {
        free(self);
        return NULL;
    }
    return self;
}

void
locum_nsd_channel_destroy(struct locum_nsd_channel *self)
{
    if (self == NULL) {
        return;
    }
    close_stream(self);
    event_free(self->timer);
    free(self);
}
