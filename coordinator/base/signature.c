#include "base/signature.h"

#include <inttypes.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/text_format.h"

enum { MAC_BYTES = 32, FILE_BYTES_MAX = 4096 };

static const char marker[] = " hmac=";

/* Refuse a line of the file. */
static int
refuse_line(struct locum_text *why, uint64_t line, int error, const char *what)
{
    locum_text_format(why, "line %" PRIu64 ": %s", line, what);
    return error;
}

/* What a file holds, and how messages name it. */
struct content {
    const char *too_many, *no_digits, *empty, *absent;
};

static const struct content secrets_content = {
    .too_many = "at most 8 secrets",
    .no_digits = "not 64 hex digits: make one with `locum keygen --cluster`",
    .empty = "holds no secret: make one with `locum keygen --cluster`",
    .absent = ": copy it from another node, or make the cluster's first with "
              "`locum keygen --cluster`",
};

static const struct content keys_content = {
    .too_many = "at most 8 private keys",
    .no_digits = "not 64 hex digits: make one with `locum keygen --node`",
    .empty = "holds no private key: make one with `locum keygen --node`",
    .absent = ": make the key pair of this node with `locum keygen --node`",
};

static int
parse_lines(const struct content *content, struct locum_slice rest, struct locum_secrets *ret,
            struct locum_text *why)
{
    struct locum_slice line;
    for (uint64_t number = 1; locum_slice_cut(&rest, '\n', &line); number++) {
        if (line.length == 0 || line.at[0] == '#') {
            continue;
        }
        if (ret->count == LOCUM_SECRETS_MAX) {
            return refuse_line(why, number, LOCUM_ERR_RANGE, content->too_many);
        }
        if (locum_slice_hex(line, ret->key[ret->count], LOCUM_SECRET_BYTES) != 0) {
            return refuse_line(why, number, LOCUM_ERR_INVALID, content->no_digits);
        }
        ret->count++;
    }
    if (ret->count == 0) {
        locum_text_add(why, content->empty);
        return LOCUM_ERR_INVALID;
    }
    return 0;
}

int
locum_signature_public(const uint8_t private_key[LOCUM_KEY_BYTES],
                       uint8_t ret_public[LOCUM_KEY_BYTES])
{
    size_t length = LOCUM_KEY_BYTES;
    EVP_PKEY *key =
        EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, NULL, private_key, LOCUM_KEY_BYTES);
    const bool made = key != NULL && EVP_PKEY_get_raw_public_key(key, ret_public, &length) == 1;
    EVP_PKEY_free(key);
    return made ? 0 : LOCUM_ERR_MEMORY;
}

int
locum_signature_agree(const uint8_t private_key[LOCUM_KEY_BYTES],
                      const uint8_t public_key[LOCUM_KEY_BYTES],
                      uint8_t ret_shared[LOCUM_KEY_BYTES])
{
    size_t length = LOCUM_KEY_BYTES;
    int status = LOCUM_ERR_MEMORY;
    EVP_PKEY *own =
        EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, NULL, private_key, LOCUM_KEY_BYTES);
    EVP_PKEY *other =
        EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, NULL, public_key, LOCUM_KEY_BYTES);
    EVP_PKEY_CTX *context = own != NULL ? EVP_PKEY_CTX_new(own, NULL) : NULL;
    if (other != NULL && context != NULL && EVP_PKEY_derive_init(context) == 1 &&
        EVP_PKEY_derive_set_peer(context, other) == 1) {
        /* OpenSSL refuses a result of zeros, as RFC 7748 6.1 recommends. */
        status = EVP_PKEY_derive(context, ret_shared, &length) == 1 ? 0 : LOCUM_ERR_INVALID;
    }
    EVP_PKEY_CTX_free(context);
    EVP_PKEY_free(other);
    EVP_PKEY_free(own);
    return status;
}

int
locum_signature_derive(struct locum_slice material, struct locum_slice salt,
                       struct locum_slice info, uint8_t ret_key[LOCUM_KEY_BYTES])
{
    char digest[] = "SHA256"; /* OpenSSL takes pointers to non-const */
    const OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, (char *)material.at, material.length),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, (char *)salt.at, salt.length),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, (char *)info.at, info.length),
        OSSL_PARAM_construct_end(),
    };
    EVP_KDF *hkdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
    EVP_KDF_CTX *context = EVP_KDF_CTX_new(hkdf);
    const bool made =
        context != NULL && EVP_KDF_derive(context, ret_key, LOCUM_KEY_BYTES, params) == 1;
    EVP_KDF_CTX_free(context);
    EVP_KDF_free(hkdf);
    return made ? 0 : LOCUM_ERR_MEMORY;
}

int
locum_signature_generate_key(char ret_private[2 * LOCUM_KEY_BYTES + 1],
                             char ret_public[2 * LOCUM_KEY_BYTES + 1])
{
    uint8_t key[LOCUM_KEY_BYTES];
    uint8_t public_key[LOCUM_KEY_BYTES];
    int status = LOCUM_ERR_IO;
    if (RAND_bytes(key, sizeof(key)) == 1 && locum_signature_public(key, public_key) == 0) {
        struct locum_text text = locum_text_init(ret_private, 2 * LOCUM_KEY_BYTES + 1);
        locum_text_add_hex(&text, key, sizeof(key));
        text = locum_text_init(ret_public, 2 * LOCUM_KEY_BYTES + 1);
        locum_text_add_hex(&text, public_key, sizeof(public_key));
        status = 0;
    }
    OPENSSL_cleanse(key, sizeof(key));
    return status;
}

int
locum_signature_generate_secret(char ret_hex[2 * LOCUM_SECRET_BYTES + 1])
{
    uint8_t key[LOCUM_SECRET_BYTES];
    if (RAND_bytes(key, sizeof(key)) != 1) {
        return LOCUM_ERR_IO;
    }
    struct locum_text text = locum_text_init(ret_hex, 2 * LOCUM_SECRET_BYTES + 1);
    locum_text_add_hex(&text, key, sizeof(key));
    OPENSSL_cleanse(key, sizeof(key));
    return 0;
}

/*
 * A context for each secret in use, made once: looking up the algorithm and setting the key costs
 * more than the MAC of a heartbeat. When all are in use, the oldest is replaced: its secret was
 * removed from the configuration.
 */
struct mac_context {
    uint8_t key[LOCUM_SECRET_BYTES];
    EVP_MAC_CTX *mac; /* NULL: not in use */
};

/* NULL: out of memory. */
static EVP_MAC_CTX *
create_context(const uint8_t key[LOCUM_SECRET_BYTES])
{
    char digest[] = "SHA256"; /* OpenSSL takes a pointer to non-const */
    const OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_end(),
    };
    EVP_MAC *hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    EVP_MAC_CTX *mac = EVP_MAC_CTX_new(hmac);
    const int status = mac != NULL ? EVP_MAC_init(mac, key, LOCUM_SECRET_BYTES, params) : 0;
    EVP_MAC_free(hmac);
    if (status != 1) {
        EVP_MAC_CTX_free(mac);
        return NULL;
    }
    return mac;
}

struct locum_signature_mac {
    EVP_MAC_CTX *context;
};

struct locum_signature_mac *
locum_signature_mac_create(const uint8_t key[LOCUM_KEY_BYTES])
{
    struct locum_signature_mac *self = malloc(sizeof(*self));
    if (self != NULL && (self->context = create_context(key)) == NULL) {
        free(self);
        return NULL;
    }
    return self;
}

void
locum_signature_mac_destroy(struct locum_signature_mac *self)
{
    if (self != NULL) {
        EVP_MAC_CTX_free(self->context);
        free(self);
    }
}

static EVP_MAC_CTX *
find_context(const uint8_t key[LOCUM_SECRET_BYTES])
{
    static _Thread_local struct mac_context contexts[LOCUM_SECRETS_MAX];
    static _Thread_local size_t next;
    for (size_t i = 0; i < LOCUM_SECRETS_MAX; i++) {
        if (contexts[i].mac != NULL &&
            CRYPTO_memcmp(contexts[i].key, key, LOCUM_SECRET_BYTES) == 0) {
            return contexts[i].mac;
        }
    }
    struct mac_context *context = &contexts[next];
    next = (next + 1) % LOCUM_SECRETS_MAX;
    EVP_MAC_CTX_free(context->mac);
    memcpy(context->key, key, LOCUM_SECRET_BYTES);
    context->mac = create_context(key);
    return context->mac;
}

static bool
run_context(EVP_MAC_CTX *mac, const void *at, size_t length, uint8_t ret_mac[MAC_BYTES])
{
    size_t written = 0;
    const bool made = EVP_MAC_init(mac, NULL, 0, NULL) == 1 &&
                      EVP_MAC_update(mac, at, length) == 1 &&
                      EVP_MAC_final(mac, ret_mac, &written, MAC_BYTES) == 1;
    LOCUM_INVARIANT(!made || written == MAC_BYTES);
    return made;
}

/* False: out of memory, only at the first use of a key in this thread. */
static bool
compute_mac(const uint8_t key[LOCUM_SECRET_BYTES], const char *at, size_t length,
            uint8_t ret_mac[MAC_BYTES])
{
    EVP_MAC_CTX *mac = find_context(key);
    return mac != NULL && run_context(mac, at, length, ret_mac);
}

void
locum_signature_mac_compute(struct locum_signature_mac *self, const void *bytes, size_t length,
                            uint8_t ret_mac[LOCUM_DIGEST_BYTES])
{
    const bool made = run_context(self->context, bytes, length, ret_mac);
    LOCUM_INVARIANT(made);
}

int
locum_signature_hmac(struct locum_slice key, struct locum_slice bytes,
                     uint8_t ret_mac[LOCUM_DIGEST_BYTES])
{
    size_t written = 0;
    const unsigned char *mac = EVP_Q_mac(NULL, "HMAC", NULL, "SHA256", NULL, key.at, key.length,
                                         (const unsigned char *)bytes.at, bytes.length, ret_mac,
                                         LOCUM_DIGEST_BYTES, &written);
    LOCUM_INVARIANT(mac == NULL || written == LOCUM_DIGEST_BYTES);
    return mac != NULL ? 0 : LOCUM_ERR_MEMORY;
}

bool
locum_signature_equal(const uint8_t *a, const uint8_t *b, size_t length)
{
    return CRYPTO_memcmp(a, b, length) == 0;
}

static int
read_lines(const struct content *content, const char *path, struct locum_secrets *ret,
           struct locum_text *ret_why)
{
    char buffer[FILE_BYTES_MAX + 1];
    struct locum_secrets secrets = {0};
    size_t length = 0;
    int status = locum_file_read_private(path, buffer, sizeof(buffer), &length, ret_why);
    if (status == LOCUM_ERR_NOT_FOUND) {
        locum_text_add(ret_why, content->absent);
    } else if (status == LOCUM_ERR_RANGE) {
        locum_text_add(ret_why, ": it must hold 64 hex digits a line");
    } else if (status == 0) {
        status = parse_lines(content, (struct locum_slice){.at = buffer, .length = length},
                             &secrets, ret_why);
    }
    if (status == 0) {
        *ret = secrets;
    }
    OPENSSL_cleanse(buffer, sizeof(buffer));
    OPENSSL_cleanse(&secrets, sizeof(secrets));
    return status;
}

int
locum_signature_read_secrets(const char *path, struct locum_secrets *ret,
                             struct locum_text *ret_why)
{
    return read_lines(&secrets_content, path, ret, ret_why);
}

int
locum_signature_read_keys(const char *path, struct locum_secrets *ret, struct locum_text *ret_why)
{
    return read_lines(&keys_content, path, ret, ret_why);
}

int
locum_signature_prepare(const struct locum_secrets *secrets)
{
    uint8_t mac[MAC_BYTES];
    for (size_t i = 0; i < secrets->count; i++) {
        if (!compute_mac(secrets->key[i], "", 0, mac)) {
            return LOCUM_ERR_MEMORY;
        }
    }
    return 0;
}

int
locum_signature_add(const struct locum_secrets *secrets, struct locum_text *text)
{
    LOCUM_INVARIANT(secrets->count > 0);
    uint8_t mac[MAC_BYTES];
    if (text->truncated || text->size - text->length <= LOCUM_SIGNATURE_BYTES) {
        return LOCUM_ERR_SPACE;
    }
    const bool made = compute_mac(secrets->key[0], text->at, text->length, mac);
    LOCUM_INVARIANT(made); /* locum_signature_prepare() */
    locum_text_add(text, marker);
    locum_text_add_hex(text, mac, sizeof(mac));
    return 0;
}

int
locum_signature_check(const struct locum_secrets *secrets, struct locum_slice line,
                      struct locum_slice *ret_text, size_t *ret_secret)
{
    uint8_t given[MAC_BYTES];
    uint8_t mac[MAC_BYTES];
    if (line.length <= LOCUM_SIGNATURE_BYTES) {
        return LOCUM_ERR_INVALID;
    }
    const struct locum_slice text = {.at = line.at, .length = line.length - LOCUM_SIGNATURE_BYTES};
    const struct locum_slice end = {.at = line.at + text.length, .length = LOCUM_SIGNATURE_BYTES};
    const struct locum_slice digits = {.at = end.at + sizeof(marker) - 1,
                                       .length = end.length - (sizeof(marker) - 1)};
    if (!locum_slice_starts(end, marker) || locum_slice_hex(digits, given, sizeof(given)) != 0) {
        return LOCUM_ERR_INVALID;
    }
    for (size_t i = 0; i < secrets->count; i++) {
        const bool made = compute_mac(secrets->key[i], text.at, text.length, mac);
        LOCUM_INVARIANT(made); /* locum_signature_prepare() */
        if (CRYPTO_memcmp(mac, given, sizeof(mac)) == 0) {
            *ret_text = text;
            if (ret_secret != NULL) {
                *ret_secret = i;
            }
            return 0;
        }
    }
    return LOCUM_ERR_SIGNATURE;
}

void
locum_signature_digest(const char *bytes, size_t length, uint8_t ret_digest[LOCUM_DIGEST_BYTES])
{
    unsigned int written = 0;
    const int status = EVP_Digest(bytes, length, ret_digest, &written, EVP_sha256(), NULL);
    LOCUM_INVARIANT(status == 1 && written == LOCUM_DIGEST_BYTES);
}
