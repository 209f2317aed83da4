#include "base/seal.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rand.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"

enum { MAC_BYTES = 32, FILE_BYTES_MAX = 4096 };

static const char marker[] = " hmac=";

/* Read the whole file; *ret_why says what is wrong with it. */
static int
read_file(const char *path, char *buffer, size_t size, size_t *ret_length,
          struct locum_text *ret_why)
{
    struct stat info;
    size_t length = 0;
    ssize_t got = 1;
    int status = 0;
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        status = locum_error_from_errno(errno);
        locum_text_add(ret_why, strerror(errno));
        if (status == LOCUM_ERR_NOT_FOUND) {
            locum_text_add(ret_why, ": copy it from another node, or make the cluster's first with "
                                    "`locum keygen --cluster`");
        } else if (status == LOCUM_ERR_DENIED) {
            locum_text_add(ret_why, ": let the service's user read it: chgrp locum, mode 0640");
        }
        return status;
    }
    if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) {
        status = LOCUM_ERR_INVALID;
        locum_text_add(ret_why, "not a regular file");
    } else if ((info.st_mode & S_IRWXO) != 0) {
        status = LOCUM_ERR_DENIED;
        locum_text_add(ret_why, "others may read it: chmod o= ");
        locum_text_add(ret_why, path);
    }
    while (status == 0 && got > 0 && length < size) {
        got = read(fd, buffer + length, size - length);
        if (got < 0) {
            status = locum_error_from_errno(errno);
            locum_text_add(ret_why, strerror(errno));
        } else {
            length += (size_t)got;
        }
    }
    (void)close(fd);
    *ret_length = length;
    return status;
}

static void
add_line_error(struct locum_text *why, uint64_t line, const char *what)
{
    locum_text_add(why, "line ");
    locum_text_add_u64(why, line);
    locum_text_add(why, what);
}

static int
parse_secrets(struct locum_slice rest, struct locum_secrets *ret, struct locum_text *ret_why)
{
    struct locum_slice line;
    for (uint64_t number = 1; locum_slice_cut(&rest, '\n', &line); number++) {
        if (line.length == 0 || line.at[0] == '#') {
            continue;
        }
        if (ret->count == LOCUM_SECRETS_MAX) {
            add_line_error(ret_why, number, ": at most 8 secrets");
            return LOCUM_ERR_RANGE;
        }
        if (locum_slice_hex(line, ret->key[ret->count], LOCUM_SECRET_BYTES) != 0) {
            add_line_error(ret_why, number,
                           ": not 64 hex digits: make one with `locum keygen --cluster`");
            return LOCUM_ERR_INVALID;
        }
        ret->count++;
    }
    if (ret->count == 0) {
        locum_text_add(ret_why, "holds no secret: make one with `locum keygen --cluster`");
        return LOCUM_ERR_INVALID;
    }
    return 0;
}

int
locum_secrets_read(const char *path, struct locum_secrets *ret, struct locum_text *ret_why)
{
    char buffer[FILE_BYTES_MAX];
    struct locum_secrets secrets = {0};
    size_t length = 0;
    int status = read_file(path, buffer, sizeof(buffer), &length, ret_why);
    if (status == 0 && length == sizeof(buffer)) {
        locum_text_add(ret_why, "larger than 4 KiB: it holds 64 hex digits a line");
        status = LOCUM_ERR_RANGE;
    }
    if (status == 0) {
        status =
            parse_secrets((struct locum_slice){.at = buffer, .length = length}, &secrets, ret_why);
    }
    if (status == 0) {
        *ret = secrets;
    }
    OPENSSL_cleanse(buffer, sizeof(buffer));
    OPENSSL_cleanse(&secrets, sizeof(secrets));
    return status;
}

int
locum_secret_generate(char ret_hex[2 * LOCUM_SECRET_BYTES + 1])
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
 * A context for each secret in use, made once: to look up the algorithm and take in the key costs
 * more than the MAC of a heartbeat. One of a secret that has gone gives its place to the next.
 */
struct context {
    uint8_t key[LOCUM_SECRET_BYTES];
    EVP_MAC_CTX *mac; /* NULL: not in use */
};

static EVP_MAC_CTX *
make_context(const uint8_t key[LOCUM_SECRET_BYTES])
{
    char digest[] = "SHA256"; /* OpenSSL takes a pointer to non-const */
    const OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_end(),
    };
    EVP_MAC *hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    EVP_MAC_CTX *mac = EVP_MAC_CTX_new(hmac);
    const int status = mac != NULL ? EVP_MAC_init(mac, key, LOCUM_SECRET_BYTES, params) : 0;
    LOCUM_INVARIANT(status == 1);
    EVP_MAC_free(hmac);
    return mac;
}

static EVP_MAC_CTX *
context_of(const uint8_t key[LOCUM_SECRET_BYTES])
{
    static _Thread_local struct context contexts[LOCUM_SECRETS_MAX];
    static _Thread_local size_t next;
    for (size_t i = 0; i < LOCUM_SECRETS_MAX; i++) {
        if (contexts[i].mac != NULL &&
            CRYPTO_memcmp(contexts[i].key, key, LOCUM_SECRET_BYTES) == 0) {
            return contexts[i].mac;
        }
    }
    struct context *context = &contexts[next];
    next = (next + 1) % LOCUM_SECRETS_MAX;
    EVP_MAC_CTX_free(context->mac);
    memcpy(context->key, key, LOCUM_SECRET_BYTES);
    context->mac = make_context(key);
    return context->mac;
}

static void
mac_of(const uint8_t key[LOCUM_SECRET_BYTES], const char *at, size_t length,
       uint8_t ret_mac[MAC_BYTES])
{
    EVP_MAC_CTX *mac = context_of(key);
    size_t written = 0;
    const bool made = EVP_MAC_init(mac, NULL, 0, NULL) == 1 &&
                      EVP_MAC_update(mac, (const unsigned char *)at, length) == 1 &&
                      EVP_MAC_final(mac, ret_mac, &written, MAC_BYTES) == 1;
    LOCUM_INVARIANT(made && written == MAC_BYTES);
}

int
locum_seal_add(const struct locum_secrets *secrets, struct locum_text *text)
{
    LOCUM_INVARIANT(secrets->count > 0);
    uint8_t mac[MAC_BYTES];
    if (text->truncated || text->size - text->length <= LOCUM_SEAL_BYTES) {
        return LOCUM_ERR_SPACE;
    }
    mac_of(secrets->key[0], text->at, text->length, mac);
    locum_text_add(text, marker);
    locum_text_add_hex(text, mac, sizeof(mac));
    return 0;
}

int
locum_seal_open(const struct locum_secrets *secrets, struct locum_slice line,
                struct locum_slice *ret_text, size_t *ret_secret)
{
    uint8_t given[MAC_BYTES];
    uint8_t mac[MAC_BYTES];
    if (line.length <= LOCUM_SEAL_BYTES) {
        return LOCUM_ERR_INVALID;
    }
    const struct locum_slice text = {.at = line.at, .length = line.length - LOCUM_SEAL_BYTES};
    const struct locum_slice seal = {.at = line.at + text.length, .length = LOCUM_SEAL_BYTES};
    const struct locum_slice digits = {.at = seal.at + sizeof(marker) - 1,
                                       .length = seal.length - (sizeof(marker) - 1)};
    if (!locum_slice_starts(seal, marker) || locum_slice_hex(digits, given, sizeof(given)) != 0) {
        return LOCUM_ERR_INVALID;
    }
    for (size_t i = 0; i < secrets->count; i++) {
        mac_of(secrets->key[i], text.at, text.length, mac);
        if (CRYPTO_memcmp(mac, given, sizeof(mac)) == 0) {
            *ret_text = text;
            if (ret_secret != NULL) {
                *ret_secret = i;
            }
            return 0;
        }
    }
    return LOCUM_ERR_SEAL;
}

void
locum_digest(const char *bytes, size_t length, uint8_t ret_digest[LOCUM_DIGEST_BYTES])
{
    unsigned int written = 0;
    const int status = EVP_Digest(bytes, length, ret_digest, &written, EVP_sha256(), NULL);
    LOCUM_INVARIANT(status == 1 && written == LOCUM_DIGEST_BYTES);
}
