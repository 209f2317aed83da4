#include "cli/account.h"

#include <stdio.h>
#include <string.h>

#include <jansson.h>

#include "base/text_format.h"
#include "cli/options.h"
#include "cli/print.h"
#include "config/acme.h"
#include "config/acmeclients.h"
#include "config/config.h"
#include "config/domain.h"
#include "config/problems.h"

bool
locum_account_is_meant(int argc, char **argv)
{
    return argc > 1 && strcmp(argv[0], "acme") == 0 && strcmp(argv[1], "account") == 0;
}

static void
print_error(void *user, const struct locum_problem *problem)
{
    if (problem->severity == LOCUM_SEVERITY_ERROR) {
        locum_problems_print(user, problem);
    }
}

/* The owner of the challenges of a name, however it is written. False: there is none. */
static bool
find_owner(const struct locum_config *config, const char *written, char ret[LOCUM_DOMAIN_MAX + 1])
{
    static const char *const before[] = {LOCUM_ACME_CHALLENGE_LABEL ".", "*."};
    char name[LOCUM_DOMAIN_MAX + 1];
    const char *why;
    for (size_t i = 0; i < LOCUM_COUNT(before); i++) {
        const size_t length = strlen(before[i]);
        written += strncasecmp(written, before[i], length) == 0 ? length : 0;
    }
    if (locum_domain_absolute(locum_slice_of(written), name, &why) != 0) {
        return false;
    }
    for (size_t i = 0; i < config->core.name_count; i++) {
        if (locum_acme_challenge_owner(config, i, ret) &&
            strcmp(ret + sizeof(LOCUM_ACME_CHALLENGE_LABEL), name) == 0) {
            return true;
        }
    }
    return false;
}

/* {"NAME": {...}}, as lego, cert-manager and acme-dns' own client of Certbot keep accounts. NULL:
 * out of memory. */
static json_t *
make_account(const struct locum_config *config, const char *owner)
{
    char subdomain[LOCUM_ACMECLIENTS_SUBDOMAIN_MAX + 1], url[LOCUM_ADDRESS_TEXT_MAX + 16];
    char full[LOCUM_DOMAIN_MAX + 1];
    locum_acmeclients_subdomain(owner, subdomain);
    (void)locum_text_format_buffer(full, sizeof(full), "%.*s", (int)strlen(owner) - 1, owner);
    (void)locum_text_format_buffer(url, sizeof(url), "http://%s",
                                   locum_address_text(&config->acme.listen).text);
    json_t *account =
        json_pack("{s:s, s:s, s:s, s:s, s:s*, s:[]}", "fulldomain", full, "subdomain", subdomain,
                  "username", subdomain, "password", config->acme.token, "server_url",
                  config->acme.listen.port != 0 ? url : NULL, "allowfrom");
    return json_pack("{s:o*}", full + sizeof(LOCUM_ACME_CHALLENGE_LABEL), account);
}

static int
print_account(const struct locum_config *config, const char *name)
{
    char owner[LOCUM_DOMAIN_MAX + 1];
    if (config->acme.token[0] == '\0') {
        (void)fprintf(stderr, "locum acme: the configuration has no acme.token-file: make a token "
                              "with `openssl rand -hex 32` and write its path there\n");
        return LOCUM_EXIT_NOT_FINE;
    }
    if (!find_owner(config, name, owner)) {
        (void)fputs("locum acme: ", stderr);
        locum_print_text(stderr, name);
        (void)fputs(" is not a shared or owned name of a zone with acme: `locum status` lists the "
                    "names\n",
                    stderr);
        return LOCUM_EXIT_NOT_FINE;
    }
    json_t *account = make_account(config, owner);
    const int printed = account == NULL ? -1 : json_dumpf(account, stdout, JSON_INDENT(2));
    json_decref(account);
    return printed == 0 && putchar('\n') != EOF ? LOCUM_EXIT_OK : LOCUM_EXIT_NOT_FINE;
}

static int
run(const char *config_path, const struct locum_options *options)
{
    struct locum_config *config = NULL;
    if (options->second == NULL) {
        (void)fputs("usage: locum acme account NAME\n", stderr);
        return LOCUM_EXIT_USAGE;
    }
    if (locum_config_load(config_path, NULL, print_error, stderr, &config) != 0) {
        (void)fprintf(stderr, "locum acme: %s cannot be used, see the errors above\n", config_path);
        return LOCUM_EXIT_NOT_FINE;
    }
    const int status = print_account(config, options->second);
    locum_config_free(config);
    return status;
}

const struct locum_cli_command locum_account_command = {
    "acme", "acme account NAME", "print the account of a name for clients of acme-dns", run, true,
    0,      "account NAME"};
