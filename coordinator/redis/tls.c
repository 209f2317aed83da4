#include "redis/tls.h"

#include <event2/bufferevent_ssl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "base/pem.h"
#include "base/text_format.h"

enum { REASON_BYTES = 120 };

/* A struct locum_tls is an SSL_CTX, which counts its references. */
static SSL_CTX *
context_of(const struct locum_tls *self)
{
    return (SSL_CTX *)self;
}

/* False, and why, if the file is unusable. `what` must be in it. */
static bool
read_file(SSL_CTX *context, enum locum_pem kind, const char *key, const char *path,
          const char *what, struct locum_text *why)
{
    char buffer[REASON_BYTES];
    struct locum_text reason = locum_text_init(buffer, sizeof(buffer));
    if (locum_pem_read(context, kind, path, &reason)) {
        return true;
    }
    locum_text_format(why,
                      "redis.tls.%s: %s contains no %s in PEM format (%s); fix it, then run "
                      "`locum reload`",
                      key, path, what, buffer);
    return false;
}

static bool
read_files(SSL_CTX *context, const struct locum_config_tls *config, struct locum_text *why)
{
    return read_file(context, LOCUM_PEM_AUTHORITIES, "ca-file", config->ca_file, "certificates",
                     why) &&
           (config->cert_file[0] == '\0' ||
            (read_file(context, LOCUM_PEM_CERTIFICATE, "cert-file", config->cert_file,
                       "certificate", why) &&
             read_file(context, LOCUM_PEM_KEY, "key-file", config->key_file,
                       "private key of that certificate, without a passphrase,", why)));
}

struct locum_tls *
locum_tls_create(const struct locum_config_tls *config, struct locum_text *ret_why)
{
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    if (context == NULL) {
        locum_text_add(ret_why, "redis.tls: out of memory");
        return NULL;
    }
    SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
    /* RESP has lengths of its own, so a missing close_notify cannot cut a reply short unnoticed. */
    SSL_CTX_set_options(context, SSL_OP_IGNORE_UNEXPECTED_EOF);
    if (!read_files(context, config, ret_why)) {
        SSL_CTX_free(context);
        return NULL;
    }
    return (struct locum_tls *)context;
}

/* Require a certificate for this name or address. False: no memory. */
static bool
expect(SSL *ssl, const char *name)
{
    struct locum_address address;
    if (locum_address_parse(locum_slice_of(name), &address) == 0) {
        return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), name) == 1;
    }
    SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    return SSL_set1_host(ssl, name) == 1 && SSL_set_tlsext_host_name(ssl, name) == 1;
}

struct bufferevent *
locum_tls_begin(const struct locum_tls *self, struct event_base *base, int fd, const char *name)
{
    SSL *ssl = SSL_new(context_of(self));
    struct bufferevent *bev = NULL;
    if (ssl != NULL && expect(ssl, name)) {
        bev = bufferevent_openssl_socket_new(base, fd, ssl, BUFFEREVENT_SSL_CONNECTING,
                                             BEV_OPT_CLOSE_ON_FREE);
    }
    if (bev == NULL) {
        SSL_free(ssl);
        return NULL;
    }
    bufferevent_openssl_set_allow_dirty_shutdown(bev, 1);
    return bev;
}

static void
explain_certificate(long result, const char *name, struct locum_text *text)
{
    locum_text_add(text, "its certificate ");
    switch (result) {
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
        locum_text_format(
            text, "is for another name; set redis.tls.name, or install a certificate for %s", name);
        break;
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
        locum_text_add(text, "is from an issuer that is not in redis.tls.ca-file");
        break;
    case X509_V_ERR_CERT_HAS_EXPIRED: locum_text_add(text, "has expired; renew it there"); break;
    case X509_V_ERR_CERT_NOT_YET_VALID:
        locum_text_add(text, "is not valid yet; check the clocks");
        break;
    default:
        locum_text_format(text, "was rejected: %s", X509_verify_cert_error_string(result));
        break;
    }
}

static void
explain_error(unsigned long error, struct locum_text *text)
{
    const char *reason = ERR_reason_error_string(error);
    switch (ERR_GET_REASON(error)) {
    case SSL_R_WRONG_VERSION_NUMBER:
    case SSL_R_PACKET_LENGTH_TOO_LONG:
    case SSL_R_HTTP_REQUEST:
        locum_text_add(text,
                       "it does not speak TLS: is this a port without TLS? Then set redis.tls.for");
        break;
    case SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED:
        locum_text_add(text, "it requires a client certificate; set redis.tls.cert-file and "
                             "redis.tls.key-file");
        break;
    case SSL_R_TLSV1_ALERT_UNKNOWN_CA:
    case SSL_R_SSLV3_ALERT_BAD_CERTIFICATE:
    case SSL_R_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE:
    case SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED:
    case SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN:
    case SSL_R_TLSV1_ALERT_DECRYPT_ERROR:
        locum_text_format(text, "it rejects the client certificate redis.tls.cert-file: %s",
                          reason != NULL ? reason : "unknown reason");
        break;
    default:
        locum_text_format(text, "TLS handshake failed: %s",
                          reason != NULL ? reason : "unknown error");
        break;
    }
}

/*
 * It closed the connection and OpenSSL does not know why. With TLS 1.3 a server checks the client's
 * certificate after the client has finished its handshake (RFC 8446 section 2), and its alert may
 * be lost if the client has sent more by then.
 */
static void
explain_end(SSL *ssl, struct locum_text *text)
{
    if (!SSL_is_init_finished(ssl)) {
        locum_text_add(text,
                       "connection closed during the TLS handshake: is this a port with TLS?");
    } else if (SSL_get_certificate(ssl) == NULL) {
        locum_text_add(text, "connection closed after the TLS handshake; if it requires a client "
                             "certificate, set redis.tls.cert-file and redis.tls.key-file");
    } else {
        locum_text_add(text, "connection closed after the TLS handshake; if it rejects the client "
                             "certificate, check redis.tls.cert-file");
    }
}

void
locum_tls_explain(struct bufferevent *bev, const char *name, struct locum_text *text)
{
    SSL *ssl = bufferevent_openssl_get_ssl(bev);
    const long result = SSL_get_verify_result(ssl);
    const unsigned long error = bufferevent_get_openssl_error(bev);
    if (result != X509_V_OK) {
        explain_certificate(result, name, text);
    } else if (error != 0 && ERR_GET_LIB(error) == ERR_LIB_SSL) {
        explain_error(error, text);
    } else {
        explain_end(ssl, text);
    }
    ERR_clear_error();
}

void
locum_tls_destroy(struct locum_tls *self)
{
    SSL_CTX_free(context_of(self));
}
