#include "base/pem.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <unistd.h>

#include "base/file.h"

/* The password callback of OpenSSL: a key with a passphrase is refused, a daemon cannot ask. */
static int
no_passphrase(char *buffer, int size, int writing, void *user)
{
    (void)buffer, (void)size, (void)writing, (void)user;
    return 0;
}

static bool
load(SSL_CTX *context, enum locum_pem what, const char *path)
{
    switch (what) {
    case LOCUM_PEM_AUTHORITIES: return SSL_CTX_load_verify_locations(context, path, NULL) == 1;
    case LOCUM_PEM_CERTIFICATE: return SSL_CTX_use_certificate_chain_file(context, path) == 1;
    case LOCUM_PEM_KEY: break;
    }
    SSL_CTX_set_default_passwd_cb(context, no_passphrase);
    return SSL_CTX_use_PrivateKey_file(context, path, SSL_FILETYPE_PEM) == 1;
}

bool
locum_pem_read(SSL_CTX *context, enum locum_pem what, const char *path, struct locum_text *ret_why)
{
    char via[LOCUM_FILE_VIA_MAX];
    const int fd = locum_file_open(path, via, ret_why);
    if (fd < 0) {
        return false;
    }
    ERR_clear_error(); /* the last error of this thread is shown */
    const bool read = load(context, what, via);
    if (!read) {
        const char *reason = ERR_reason_error_string(ERR_peek_last_error());
        locum_text_add(ret_why, reason != NULL ? reason : "unknown error");
        ERR_clear_error();
    }
    (void)close(fd);
    return read;
}
