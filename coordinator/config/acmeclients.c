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

/* What is right and of no use. */
static void
warn(struct locum_bind *bind)
{
    const struct locum_config *config = bind->target;
    bool any = false;
    for (size_t i = 0; i < config->zone_count; i++) {
        any = any || config->zones[i].dns_01;
    }
    if (locum_bind_written(bind, LOCUM_KEY_CLIENTS, 0) && !any) {
        locum_bind_warning(bind, LOCUM_KEY_CLIENTS, 0,
                           "acme: no zone has dns-01, so there is no challenge to set; write "
                           "`acme: {}` in the zones");
    }
    if (config->acme.key_file[0] != '\0' && config->listen_dns_count == 0) {
        locum_bind_warning(bind, LOCUM_KEY_CLIENTS_KEYS, 0,
                           "keys: this node has no listen.dns, so no UPDATE reaches it; let ACME "
                           "clients use acme.listen");
    }
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
    /* It is sent in headers of HTTP. */
    if (!locum_slice_is_unquoted(locum_slice_of(acme->token))) {
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
    if (bind->problems.error_count == 0) {
        warn(bind);
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
