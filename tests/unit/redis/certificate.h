/*
 * certificate: an issuer, and certificates of it, made for one test and written as PEM files.
 */
#ifndef TESTS_REDIS_CERTIFICATE_H
#define TESTS_REDIS_CERTIFICATE_H

#include "live.h"

#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

struct issuer {
    EVP_PKEY *key;
    X509 *certificate;
};

static inline void
write_pem(const char *name, const char *end, X509 *certificate, EVP_PKEY *key)
{
    char path[160];
    snprintf(path, sizeof(path), "%s/%s%s", live_folder, name, end);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(certificate != NULL
                         ? PEM_write_X509(file, certificate)
                         : PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL),
                     1);
    fclose(file);
}

/*
 * Sign a certificate for `key`.
 *
 * issuer    NULL: by itself.
 * names     "DNS:localhost,IP:127.0.0.1"; NULL: it is an issuer.
 * until_s   seconds from now until it has expired.
 */
static inline X509 *
sign(const struct issuer *issuer, EVP_PKEY *key, const char *common_name, const char *names,
     long until_s)
{
    X509 *made = X509_new();
    X509_NAME *subject = X509_get_subject_name(made);
    static long serial = 1;
    X509V3_CTX context;
    X509_set_version(made, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(made), serial++);
    X509_gmtime_adj(X509_getm_notBefore(made), -7200);
    X509_gmtime_adj(X509_getm_notAfter(made), until_s);
    X509_set_pubkey(made, key);
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)common_name, -1,
                               -1, 0);
    X509_set_issuer_name(made,
                         issuer != NULL ? X509_get_subject_name(issuer->certificate) : subject);
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, issuer != NULL ? issuer->certificate : made, made, NULL, NULL, 0);
    X509_EXTENSION *extension =
        names != NULL
            ? X509V3_EXT_conf_nid(NULL, &context, NID_subject_alt_name, names)
            : X509V3_EXT_conf_nid(NULL, &context, NID_basic_constraints, "critical,CA:TRUE");
    assert_non_null(extension);
    X509_add_ext(made, extension, -1);
    X509_EXTENSION_free(extension);
    assert_true(X509_sign(made, issuer != NULL ? issuer->key : key, EVP_sha256()) > 0);
    return made;
}

/* NAME.pem */
static inline struct issuer
make_issuer(const char *name)
{
    struct issuer issuer = {.key = EVP_EC_gen("P-256")};
    assert_non_null(issuer.key);
    issuer.certificate = sign(NULL, issuer.key, name, NULL, 86400);
    write_pem(name, ".pem", issuer.certificate, NULL);
    return issuer;
}

/* NAME.pem and NAME.key */
static inline void
issue(const struct issuer *issuer, const char *name, const char *names, long until_s)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    assert_non_null(key);
    X509 *made = sign(issuer, key, name, names, until_s);
    write_pem(name, ".pem", made, NULL);
    write_pem(name, ".key", NULL, key);
    X509_free(made);
    EVP_PKEY_free(key);
}

static inline void
free_issuer(struct issuer *issuer)
{
    X509_free(issuer->certificate);
    EVP_PKEY_free(issuer->key);
}

#endif
