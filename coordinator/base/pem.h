/*
 * pem: certificates and keys of files in PEM format -> OpenSSL's context of a TLS connection.
 */
#ifndef LOCUM_BASE_PEM_H
#define LOCUM_BASE_PEM_H

#include <openssl/types.h>

#include "base/text.h"

enum locum_pem {
    LOCUM_PEM_AUTHORITIES, /* whose certificates of the other side are accepted */
    LOCUM_PEM_CERTIFICATE, /* the own one, and those between it and its authority */
    LOCUM_PEM_KEY,         /* of the own certificate */
};

/*
 * Read one. Only regular files are read (base/file.h).
 *
 * ret_why  on failure the reason: "No such file or directory", or OpenSSL's: "no start line".
 */
bool locum_pem_read(SSL_CTX *context, enum locum_pem what, const char *path,
                    struct locum_text *ret_why) LOCUM_MUST_CHECK;

#endif
