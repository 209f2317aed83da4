/*
 * A check that looks at certificates: for each name a connection of its own with the name as the
 * TLS server name (RFC 6066 3), one after the other. No request is sent.
 *
 * A certificate is verified as in an https check. One that is refused is looked at once more
 * without verification, for its end. That is a warning (report/certificates.h), or also fails the
 * check if it is configured so. A server that does not answer fails it; so does one with which no
 * handshake succeeds.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/foreign.h"
#include "base/text_format.h"
#include "config/domain.h"
#include "fetch/certificate.h"
#include "health/transfer.h"

struct tls_check {
    const struct locum_probe *probe;
    struct locum_transfer transfer;
    struct curl_slist *connect_to;
    struct locum_health_certificate *certificates; /* by name */
    size_t count;                                  /* of them */
    bool running;
    size_t at;         /* of the running connection */
    bool unverified;   /* it only looks at a certificate that was refused */
    size_t handshakes; /* that succeeded in this probe */
    size_t refused;    /* certificates that clients refuse */
    size_t worst;      /* the first of them */
};

static void
end(struct tls_check *self, enum locum_sample outcome, const char *text)
{
    self->running = false;
    self->probe->on_done(self->probe->user, outcome, text);
}

/* A name without its last dot. */
static void
add_name(struct locum_text *text, const char *name)
{
    locum_text_format(text, "%.*s", (int)strlen(name) - 1, name);
}

static void connect_next(struct tls_check *self);

/* Every name has been tried. */
static void
finish(struct tls_check *self)
{
    char buffer[LOCUM_PROBE_TEXT_MAX];
    struct locum_text text = locum_text_init(buffer, sizeof(buffer));
    const struct locum_health_certificate *shown = &self->certificates[self->worst];
    const bool fails =
        self->handshakes == 0 || (self->refused > 0 && self->probe->check->tls.expiry_fails);
    if (self->refused > 0) {
        add_name(&text, shown->name);
        locum_text_format(&text, ": %s", shown->why);
        if (self->refused > 1) {
            locum_text_format(&text, "; %zu more of %zu names fail", self->refused - 1,
                              self->count);
        }
    } else {
        for (size_t i = 1; i < self->count; i++) {
            shown =
                self->certificates[i].expires_s < shown->expires_s ? &self->certificates[i] : shown;
        }
        locum_text_format(&text,
                          "%zu name%s in %" PRId64 " ms, the first certificate ends on %.10s (",
                          self->count, self->count == 1 ? "" : "s",
                          locum_clock_read().mono - self->probe->started,
                          locum_text_time(shown->expires_s * 1000).text);
        add_name(&text, shown->name);
        locum_text_add(&text, ")");
    }
    end(self, fails ? LOCUM_SAMPLE_FAIL : LOCUM_SAMPLE_PASS, buffer);
}

static void
go_on(struct tls_check *self)
{
    self->at++;
    self->unverified = false;
    if (self->at < self->count) {
        connect_next(self);
    } else {
        finish(self);
    }
}

/* Clients refuse the certificate, or the server refuses the name. */
static void
note_refused(struct tls_check *self, CURLcode result)
{
    struct locum_health_certificate *certificate = &self->certificates[self->at];
    struct locum_text why = locum_text_init(certificate->why, sizeof(certificate->why));
    const char *message =
        self->transfer.error[0] != '\0' ? self->transfer.error : curl_easy_strerror(result);
    locum_foreign_add(&why, locum_slice_of(message), sizeof(certificate->why) - 4);
    self->worst = self->refused == 0 ? self->at : self->worst;
    self->refused++;
}

/* No answer at all: the check has failed, or could not be run. */
static void
give_up(struct tls_check *self, CURLcode result)
{
    char buffer[LOCUM_PROBE_TEXT_MAX];
    struct locum_text text = locum_text_init(buffer, sizeof(buffer));
    const int lack = locum_transfer_lack(&self->transfer, result);
    enum locum_sample outcome = LOCUM_SAMPLE_NOT_RUN;
    if (lack != 0) {
        locum_text_add(&text, strerror(lack));
    } else if (result == CURLE_OPERATION_TIMEDOUT) {
        outcome = LOCUM_SAMPLE_FAIL;
        locum_text_format(&text, "no answer within %" PRId64 " ms", self->probe->check->timeout_ms);
    } else {
        outcome = locum_transfer_judge(&self->transfer, result, &text);
    }
    end(self, outcome, buffer);
}

static void
on_end(void *check, CURLcode result)
{
    struct tls_check *self = check;
    struct locum_health_certificate *certificate = &self->certificates[self->at];
    if (result == CURLE_OK) {
        certificate->expires_s = locum_fetch_certificate_end(self->transfer.easy);
        certificate->why[self->unverified ? strlen(certificate->why) : 0] = '\0';
        self->handshakes++;
        go_on(self);
    } else if (self->unverified) {
        go_on(self); /* it is known to be refused */
    } else if (result == CURLE_PEER_FAILED_VERIFICATION) {
        note_refused(self, result);
        self->unverified = true;
        connect_next(self);
    } else if (result == CURLE_SSL_CONNECT_ERROR || result == CURLE_URL_MALFORMAT) {
        certificate->expires_s = 0;
        note_refused(self, result);
        go_on(self);
    } else {
        give_up(self, result);
    }
}

static void
connect_next(struct tls_check *self)
{
    char url[LOCUM_DOMAIN_MAX + 32];
    struct locum_text text = locum_text_init(url, sizeof(url));
    locum_text_add(&text, "https://");
    locum_domain_add_host(self->certificates[self->at].name, &text);
    if (curl_easy_setopt(self->transfer.easy, CURLOPT_URL, url) != CURLE_OK ||
        !locum_fetch_certificate_verify(self->transfer.easy, !self->unverified)) {
        end(self, LOCUM_SAMPLE_NOT_RUN, strerror(ENOMEM));
    } else {
        locum_transfer_start(&self->transfer, (long)self->probe->check->timeout_ms);
    }
}

static void
start(void *check)
{
    struct tls_check *self = check;
    char why[LOCUM_PROBE_TEXT_MAX];
    LOCUM_INVARIANT(!self->running);
    self->running = true;
    self->at = 0;
    self->unverified = false;
    self->handshakes = 0;
    self->refused = 0;
    self->worst = 0;
    const enum locum_sample outcome = locum_transfer_open(&self->transfer, why);
    if (outcome != LOCUM_SAMPLE_PASS) {
        end(self, outcome, why);
    } else {
        connect_next(self);
    }
}

static void
destroy(void *check)
{
    struct tls_check *self = check;
    if (self->running) {
        locum_fetch_loop_remove(self->probe->fetch, self->transfer.easy);
    }
    locum_transfer_fini(&self->transfer);
    curl_slist_free_all(self->connect_to);
    free(self->certificates);
    free(self);
}

/* Which names, and where to connect for each. False: no memory. */
static bool
prepare(struct tls_check *self)
{
    const struct locum_config_check *check = self->probe->check;
    CURL *easy = self->transfer.easy;
    const char *names[LOCUM_NAMES_MAX];
    char target[LOCUM_ADDRESS_TEXT_MAX + 8]; /* "::HOST:PORT": any host and port -> this one */
    self->count = locum_config_tls_names(self->probe->config, check, names);
    self->certificates = calloc(self->count, sizeof(*self->certificates));
    (void)locum_text_format_buffer(target, sizeof(target), "::%s",
                                   locum_address_text(&check->tls.address).text);
    self->connect_to = curl_slist_append(NULL, target);
    for (size_t i = 0; self->certificates != NULL && i < self->count; i++) {
        self->certificates[i].name = names[i];
    }
    return self->certificates != NULL && self->connect_to != NULL &&
           curl_easy_setopt(easy, CURLOPT_CONNECT_TO, self->connect_to) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_CONNECT_ONLY, 1L) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_SSL_ENABLE_ALPN, 0L) == CURLE_OK;
}

static void *
create(const struct locum_probe *probe)
{
    struct tls_check *self = calloc(1, sizeof(*self));
    if (self == NULL) {
        return NULL;
    }
    self->probe = probe;
    if (!locum_transfer_init(&self->transfer, probe, probe->check->tls.ca_file, on_end, self) ||
        !prepare(self)) {
        destroy(self);
        return NULL;
    }
    return self;
}

static size_t
certificates(const void *check, const struct locum_health_certificate **ret)
{
    const struct tls_check *self = check;
    *ret = self->certificates;
    return self->count;
}

const struct locum_probe_kind locum_probe_tls = {create, start, destroy, certificates};
