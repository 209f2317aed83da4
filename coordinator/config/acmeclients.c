#include "config/acmeclients.h"

#include <string.h>

#include "base/hmac.h"
#include "base/text.h"
#include "config/load.h"

/* A key for two purposes would give each holder both. */
static void
check_keys(struct locum_bind *bind)
{
    const struct locum_config *config = bind->target;
    const struct locum_config_acme *acme = &config->acme;
    for (size_t i = 0; i < acme->key_count; i++) {
        for (size_t j = 0; j < config->tsig_key_count; j++) {
            if (strcmp(acme->keys[i].name, config->tsig_keys[j].name) == 0) {
                locum_load_lack(bind, LOCUM_KEY_CLIENTS_KEYS,
                                "keys: key %s is in a transfer.key-file too; make another one with "
                                "`tsig-keygen NAME`",
                                acme->keys[i].name);
            }
        }
        for (size_t j = 0; j < i; j++) {
            if (strcmp(acme->keys[i].name, acme->keys[j].name) == 0) {
                locum_load_lack(bind, LOCUM_KEY_CLIENTS_KEYS,
                                "keys: key %s is there twice; give each key a name of its own",
                                acme->keys[i].name);
            }
        }
    }
}

/* It is sent in headers of HTTP. */
static bool
is_token(const char *token)
{
    for (const char *c = token; *c != '\0'; c++) {
        if (*c <= ' ' || *c >= 127 || *c == '"' || *c == '\\') {
            return false;
        }
    }
    return true;
}

void
locum_load_acme_clients(struct locum_bind *bind)
{
    struct locum_config *config = bind->target;
    struct locum_config_acme *acme = &config->acme;
    if (locum_bind_good(bind, LOCUM_KEY_CLIENTS_KEYS, 0) &&
        locum_load_tsig_keys(bind, LOCUM_KEY_CLIENTS_KEYS, 0, acme->key_file, acme->keys,
                             &acme->key_count)) {
        check_keys(bind);
    }
    locum_load_first_line(bind, LOCUM_KEY_CLIENTS_TOKEN_FILE, 0, acme->token_file, LOCUM_TOKEN_MIN,
                          acme->token, sizeof(acme->token));
    if (!is_token(acme->token)) {
        explicit_bzero(acme->token, sizeof(acme->token));
        locum_load_lack(bind, LOCUM_KEY_CLIENTS_TOKEN_FILE,
                        "token-file: the token has a blank, a quote, a backslash or a character "
                        "outside ASCII; make one with `openssl rand -hex 32`");
    }
    if (locum_bind_good(bind, LOCUM_KEY_CLIENTS_LISTEN, 0) &&
        !locum_bind_written(bind, LOCUM_KEY_CLIENTS_TOKEN_FILE, 0)) {
        locum_bind_error(bind, LOCUM_KEY_CLIENTS_LISTEN, 0,
                         "listen: it needs acme.token-file, or every user of this host could get "
                         "certificates; make one with `openssl rand -hex 32`, mode 0640");
    }
}

void
locum_acmeclients_subdomain(const char *owner, char ret[LOCUM_ACMECLIENTS_SUBDOMAIN_MAX + 1])
{
    uint8_t hash[LOCUM_SHA256_BYTES];
    struct locum_text text = locum_text_init(ret, LOCUM_ACMECLIENTS_SUBDOMAIN_MAX + 1);
    locum_hmac_sha256(owner, strlen(owner), hash);
    hash[6] = (uint8_t)((hash[6] & 0x0f) | 0x80); /* version 8, variant 1 (RFC 9562 5.8) */
    hash[8] = (uint8_t)((hash[8] & 0x3f) | 0x80);
    for (size_t i = 0; i < 16; i++) {
        locum_text_add(&text, i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "");
        locum_text_add_hex(&text, &hash[i], 1);
    }
}
