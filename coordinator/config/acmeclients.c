/* acmeclients: the keys and the token of the programs that set ACME challenges. */
#include <string.h>

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
