#include "nsd-adapter/control.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include "base/pem.h"
#include "base/socket.h"
#include "base/text_format.h"

enum { WHY_BYTES = LOCUM_NSD_CONTROL_WHY_MAX };

static void
close_stream(struct locum_nsd_control *self)
{
    if (self->stream != NULL) {
        bufferevent_free(self->stream);
        self->stream = NULL;
    }
}

static void
finish(struct locum_nsd_control *self, enum locum_nsd_reply outcome, const char *why)
{
    locum_timer_disarm(&self->deadline);
    close_stream(self);
    self->on_done(self->user, outcome, why);
}

static bool
is_local(const struct locum_nsd_control *self)
{
    return self->conf->socket[0] != '\0';
}

/* "NSD's control channel at 127.0.0.1:8952: Connection refused" */
static void
explain(const struct locum_nsd_control *self, struct locum_text *why, const char *reason,
        const char *advice)
{
    locum_text_format(why, "NSD's control channel at %s: %s%s",
                      is_local(self) ? self->conf->socket
                                     : locum_address_text(&self->conf->control).text,
                      reason, advice);
}

static void
on_deadline(void *user)
{
    struct locum_nsd_control *self = user;
    if (self->stream != NULL) {
        struct locum_text why = locum_text_init(self->failure, sizeof(self->failure));
        explain(self, &why, "no reply within 3 s", "");
    }
    finish(self, LOCUM_NSD_REPLY_FAILED, self->failure);
}

/* NSD has closed the connection: its reply is complete. */
static void
judge(struct locum_nsd_control *self)
{
    char buffer[WHY_BYTES];
    struct locum_text why = locum_text_init(buffer, sizeof(buffer));
    struct evbuffer *input = bufferevent_get_input(self->stream);
    const size_t length = evbuffer_get_length(input);
    const struct locum_slice reply = {.at = length > 0 ? (char *)evbuffer_pullup(input, -1) : "",
                                      .length = length};
    const enum locum_nsd_reply outcome = locum_nsd_reply_read(reply, &why);
    if (length == 0 && !is_local(self)) { /* with TLS 1.3 the alert may get lost */
        locum_text_add(&why, "; check that it trusts this client's certificate "
                             "(nsd-control-setup(8))");
    }
    finish(self, outcome, buffer);
}

/* NSD's replies are never that long: read no more. */
static void
on_read(struct bufferevent *stream, void *user)
{
    if (evbuffer_get_length(bufferevent_get_input(stream)) > LOCUM_NSD_REPLY_BYTES_MAX) {
        judge(user);
    }
}

static void
on_event(struct bufferevent *stream, short what, void *user)
{
    struct locum_nsd_control *self = user;
    char buffer[WHY_BYTES];
    struct locum_text why = locum_text_init(buffer, sizeof(buffer));
    const int error = EVUTIL_SOCKET_ERROR();
    if ((what & BEV_EVENT_CONNECTED) != 0) {
        return;
    }
    const unsigned long tls = bufferevent_get_openssl_error(stream);
    const bool replied = evbuffer_get_length(bufferevent_get_input(stream)) > 0;
    if ((what & BEV_EVENT_EOF) != 0 || replied) {
        judge(self);
        return;
    }
    if (tls != 0) {
        const char *reason = ERR_reason_error_string(tls);
        explain(self, &why, reason != NULL ? reason : "TLS failed",
                "; check the certificates (nsd-control-setup(8))");
    } else {
        explain(self, &why, error != 0 ? strerror(error) : "connection lost", "");
    }
    finish(self, LOCUM_NSD_REPLY_FAILED, buffer);
}

/* The files are read for each command, so that a renewed certificate needs no restart. */
static bool
load_files(SSL_CTX *context, const struct locum_nsd_conf *conf, struct locum_text *why)
{
    const struct {
        enum locum_pem kind;
        const char *path;
    } files[] = {{LOCUM_PEM_AUTHORITIES, conf->server_cert},
                 {LOCUM_PEM_CERTIFICATE, conf->control_cert},
                 {LOCUM_PEM_KEY, conf->control_key}};
    char buffer[WHY_BYTES];
    struct locum_text reason = locum_text_init(buffer, sizeof(buffer));
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_options(context, SSL_OP_IGNORE_UNEXPECTED_EOF);
    for (size_t i = 0; i < LOCUM_COUNT(files); i++) {
        if (!locum_pem_read(context, files[i].kind, files[i].path, &reason)) {
            locum_text_format(
                why,
                "%s: %s; nsd-control-setup(8) makes this file, and locum-nsd must be able "
                "to read it",
                files[i].path, buffer);
            return false;
        }
    }
    return true;
}

/* Owns the socket, unless it returns NULL: then *why has the reason, or memory is short. */
static struct bufferevent *
open_tls(struct locum_nsd_control *self, int fd, struct locum_text *why)
{
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    struct bufferevent *stream = NULL;
    if (context != NULL && load_files(context, self->conf, why)) {
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

static bool
connect_stream(struct locum_nsd_control *self, struct locum_text *why)
{
    /* Not bufferevent_socket_connect(), which loses the errno of an immediate refusal. */
    const int fd = is_local(self) ? locum_socket_connect_path(self->conf->socket)
                                  : locum_socket_connect(&self->conf->control, SOCK_STREAM);
    if (fd < 0) {
        explain(self, why, strerror(errno), "");
        return false;
    }
    self->stream = is_local(self) ? bufferevent_socket_new(self->base, fd, BEV_OPT_CLOSE_ON_FREE)
                                  : open_tls(self, fd, why);
    if (self->stream == NULL) {
        (void)close(fd);
    }
    return self->stream != NULL;
}

void
locum_nsd_control_send(struct locum_nsd_control *self, const char *command)
{
    struct locum_text why = locum_text_init(self->failure, sizeof(self->failure));
    LOCUM_INVARIANT(self->stream == NULL);
    if (!connect_stream(self, &why)) {
        locum_text_add(&why, why.length == 0 ? "out of memory" : "");
        locum_timer_arm(&self->deadline, 0);
        return;
    }
    struct evbuffer *out = bufferevent_get_output(self->stream);
    bufferevent_setcb(self->stream, on_read, NULL, on_event, self);
    (void)evbuffer_add_printf(out, "NSDCT1 %s\n", command);
    (void)bufferevent_enable(self->stream, EV_READ | EV_WRITE);
    locum_timer_arm(&self->deadline, LOCUM_NSD_CONTROL_MS);
}

void
locum_nsd_control_init(struct locum_nsd_control *self, struct event_base *base,
                       const struct locum_nsd_conf *conf, locum_nsd_control_fn *on_done, void *user)
{
    *self =
        (struct locum_nsd_control){.base = base, .conf = conf, .on_done = on_done, .user = user};
    locum_timer_init(&self->deadline, base, on_deadline, self);
}

void
locum_nsd_control_fini(struct locum_nsd_control *self)
{
    locum_timer_fini(&self->deadline);
    close_stream(self);
}
