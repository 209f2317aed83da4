/*
 * locum: the coordinator and its sub-commands.
 *
 * `run` is the daemon (daemon/). `check`, `keygen` and `version` need no daemon. All other commands
 * ask a running daemon over its control socket (cli/).
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/nearest.h"
#include "base/signature.h"
#include "base/user.h"
#include "base/version.h"
#include "cli/account.h"
#include "cli/complete.h"
#include "cli/options.h"
#include "cli/plugin.h"
#include "cli/print.h"
#include "config/config.h"
#include "config/domain.h"
#include "config/glimpse.h"
#include "daemon/daemon.h"
#include "daemon/handover.h"
#include "dns/delegation.h"
#include "dns/dns.h"
#include "dns/keygen.h"
#include "doctor/doctor.h"
#include "doctor/judge.h"

static int
run_daemon(const char *config_path, const struct locum_options *options)
{
    return locum_daemon_run(config_path, (options->given & LOCUM_OPTION_NO_FALLBACK) == 0);
}

/* `user`: how many of each severity. */
static void
print_and_count(void *user, const struct locum_problem *problem)
{
    size_t *counts = user;
    locum_problems_print(NULL, problem);
    counts[problem->severity]++;
}

/*
 * root sees more than the user that the service runs as, and a file that only root can read stops
 * the service. So root's check takes that user's rights, unless the configuration itself is one
 * that only root can read: a draft, or a copy that a tool made for this check.
 */
static bool
look_as_service(const char *config_path, size_t counts[LOCUM_SEVERITIES])
{
    const enum locum_user_eyes eyes = locum_user_look_as(LOCUM_USER_SERVICE, NULL, config_path);
    const bool draft = strcmp(config_path, LOCUM_CONFIG_DEFAULT_PATH) != 0;
    const struct locum_problem problem = {
        .severity = draft ? LOCUM_SEVERITY_WARNING : LOCUM_SEVERITY_ERROR,
        .file = config_path,
        .text = "user " LOCUM_USER_SERVICE ", which the service runs as, cannot read this file, so "
                "the files that it names were read as root: run chgrp " LOCUM_USER_SERVICE
                " and chmod 0640 on it"};
    if (eyes == LOCUM_USER_BLIND) {
        print_and_count(counts, &problem);
    }
    return eyes == LOCUM_USER_OTHERS;
}

/* Where `make install` puts the example, and where it is in the sources. */
static void
suggest_example(const char *config_path)
{
    static const char *const paths[] = {"/usr/local/share/doc/locum/examples/locum.yaml",
                                        "/usr/share/doc/locum/examples/locum.yaml",
                                        "deploy/examples/locum.yaml"};
    for (size_t i = 0; i < LOCUM_COUNT(paths); i++) {
        if (access(paths[i], R_OK) == 0) {
            (void)fprintf(stderr, "%s: begin with a copy of the example %s, see locum.yaml(5)\n",
                          config_path, paths[i]);
            return;
        }
    }
}

static int
run_check(const char *config_path, const struct locum_options *options)
{
    size_t counts[LOCUM_SEVERITIES] = {0};
    struct locum_config *config = NULL;
    const char *eyes =
        look_as_service(config_path, counts) ? "; files were read as user " LOCUM_USER_SERVICE : "";
    const bool absent = access(config_path, F_OK) != 0 && errno == ENOENT;
    int status = locum_config_load(config_path, NULL, print_and_count, counts, &config);
    if (status == 0) {
        status = locum_dns_check(config, print_and_count, counts);
    }
    if (status != 0 || counts[LOCUM_SEVERITY_ERROR] > 0) {
        (void)fprintf(stderr, "%s: refused: %zu error(s), %zu warning(s)%s\n", config_path,
                      counts[LOCUM_SEVERITY_ERROR], counts[LOCUM_SEVERITY_WARNING], eyes);
        if (absent) {
            suggest_example(config_path);
        }
        locum_config_free(config);
        return LOCUM_EXIT_NOT_FINE;
    }
    const struct locum_core_config *core = &config->core;
    (void)printf("%s: OK: cluster %s, node %s of %zu, %zu name(s), digest %s, %zu warning(s)%s\n",
                 config_path, core->cluster, core->nodes[core->self].name, core->node_count,
                 core->name_count, core->digest, counts[LOCUM_SEVERITY_WARNING], eyes);
    if ((options->given & LOCUM_OPTION_HANDOVER) != 0) {
        (void)printf("%s\n", LOCUM_HANDOVER);
    }
    locum_config_free(config);
    return LOCUM_EXIT_OK;
}

/* The zone that the command is about; LOCUM_ZONES_MAX, with a message: there is no such zone. */
static size_t
find_zone(const struct locum_config *config, const struct locum_options *options)
{
    char name[LOCUM_DOMAIN_MAX + 1];
    const char *why = "it is not a zone of the configuration";
    if (locum_domain_absolute(locum_slice_of(options->argument), name, &why) == 0) {
        for (size_t i = 0; i < config->zone_count; i++) {
            if (strcmp(config->zones[i].name, name) == 0) {
                return i;
            }
        }
    }
    (void)fprintf(stderr, "locum %s: no zone '%s': %s\n", options->command, options->argument, why);
    return LOCUM_ZONES_MAX;
}

static void
print_error(void *user, const struct locum_problem *problem)
{
    if (problem->severity == LOCUM_SEVERITY_ERROR) {
        locum_problems_print(user, problem);
    }
}

enum { OPTIONS_OF_ZONE = LOCUM_OPTION_ALGORITHM | LOCUM_OPTION_FOLDER };

/* Keys of a zone. With a folder, neither the configuration nor the zone need exist yet. */
static int
make_zone_key(const char *config_path, const struct locum_options *options)
{
    char zone[LOCUM_DOMAIN_MAX + 1], why_text[512];
    struct locum_text why = locum_text_init(why_text, sizeof(why_text));
    struct locum_config *config = NULL;
    const char *wrong = NULL;
    const char *folder = options->folder;
    if (folder == NULL && locum_config_load(config_path, NULL, print_error, NULL, &config) != 0) {
        (void)fprintf(stderr,
                      "locum keygen: %s cannot be used, see the errors above, or name the "
                      "folder with --folder\n",
                      config_path);
        return LOCUM_EXIT_USAGE;
    }
    if (folder == NULL) {
        const size_t index = find_zone(config, options);
        folder = index == LOCUM_ZONES_MAX ? NULL : config->zones[index].dnssec.keys;
        if (folder != NULL && folder[0] == '\0') {
            (void)fprintf(stderr,
                          "locum keygen: zone %s has no dnssec.keys in %s: write the "
                          "folder there, or name it with --folder\n",
                          options->argument, config_path);
            folder = NULL;
        }
    }
    int status = LOCUM_EXIT_USAGE;
    if (folder != NULL &&
        locum_domain_absolute(locum_slice_of(options->argument), zone, &wrong) != 0) {
        (void)fprintf(stderr, "locum keygen: '%s': %s\n", options->argument, wrong);
    } else if (folder != NULL) {
        const char *algorithm = options->algorithm != NULL ? options->algorithm : "ecdsap256sha256";
        const int made = locum_keygen_make(folder, zone, algorithm, stdout, &why);
        if (made != 0) {
            (void)fprintf(stderr, "locum keygen: %s\n",
                          why.length > 0 ? why_text : locum_error_text(made));
        }
        status = made != 0 ? LOCUM_EXIT_NOT_FINE : LOCUM_EXIT_OK;
    }
    locum_config_free(config);
    return status;
}

/* A file for `secret-file`, or for `key-file` with the public key in a comment. */
static int
run_keygen(const char *config_path, const struct locum_options *options)
{
    char key[2 * LOCUM_KEY_BYTES + 1];
    char public_key[2 * LOCUM_KEY_BYTES + 1] = "";
    const bool node = (options->given & LOCUM_OPTION_NODE) != 0;
    const bool cluster = (options->given & LOCUM_OPTION_CLUSTER) != 0;
    const bool zone = options->argument != NULL;
    if (node + cluster + zone != 1 || (!zone && (options->given & OPTIONS_OF_ZONE) != 0)) {
        (void)fprintf(
            stderr,
            "locum keygen: write one of --cluster, --node and ZONE\n"
            "usage: locum keygen --cluster | install -o locum -m 400 /dev/stdin /etc/locum/secret\n"
            "       locum keygen --node > /etc/locum/key\n"
            "       locum keygen ZONE [--algorithm ALGORITHM] [--folder FOLDER]\n");
        return LOCUM_EXIT_USAGE;
    }
    if (zone) {
        return make_zone_key(config_path, options);
    }
    if ((node ? locum_signature_generate_key(key, public_key)
              : locum_signature_generate_secret(key)) != 0) {
        (void)fprintf(stderr, "locum keygen: cannot get random bytes from the system\n");
        return LOCUM_EXIT_NOT_FINE;
    }
    (void)printf(node ? "# public key, for nodes.NAME.key: %s\n" : "%s", public_key);
    (void)printf("%s\n", key);
    explicit_bzero(key, sizeof(key));
    return LOCUM_EXIT_OK;
}

/* For a command about a zone. 0: *ret is freed by the caller; *ret_zone is the zone that is named,
 * or LOCUM_ZONES_MAX for all. Else the exit code, after a message. */
static int
load_for_zone(const char *config_path, const struct locum_options *options,
              struct locum_config **ret, size_t *ret_zone)
{
    struct locum_config *config = NULL;
    size_t zone = LOCUM_ZONES_MAX;
    if (locum_config_load(config_path, NULL, print_error, NULL, &config) != 0 ||
        locum_dns_check(config, print_error, NULL) != 0) {
        (void)fprintf(stderr, "locum %s: %s cannot be used, see the errors above\n",
                      options->command, config_path);
        locum_config_free(config);
        return LOCUM_EXIT_USAGE;
    }
    if (options->argument != NULL) {
        zone = find_zone(config, options);
        if (zone == LOCUM_ZONES_MAX) {
            locum_config_free(config);
            return LOCUM_EXIT_USAGE;
        }
    }
    *ret = config;
    *ret_zone = zone;
    return LOCUM_EXIT_OK;
}

static int
run_delegation(const char *config_path, const struct locum_options *options)
{
    struct locum_config *config;
    struct locum_delegation delegation;
    size_t zone;
    int status = load_for_zone(config_path, options, &config, &zone);
    if (status != LOCUM_EXIT_OK) {
        return status;
    }
    for (size_t i = 0; i < config->zone_count && status == LOCUM_EXIT_OK; i++) {
        if (zone != LOCUM_ZONES_MAX && zone != i) {
            continue;
        }
        const int made = locum_delegation_make(config, i, &delegation);
        if (made == 0) {
            locum_delegation_print(config, i, &delegation, stdout);
        } else {
            (void)fprintf(stderr, "locum delegation: %s\n", locum_error_text(made));
            status = LOCUM_EXIT_NOT_FINE;
        }
    }
    locum_config_free(config);
    return status;
}

static int
run_ds(const char *config_path, const struct locum_options *options)
{
    struct locum_config *config;
    size_t zone;
    int status = load_for_zone(config_path, options, &config, &zone);
    if (status != LOCUM_EXIT_OK) {
        return status;
    }
    if (config->core.nodes[config->core.self].role != LOCUM_ROLE_SERVER) {
        (void)fprintf(stderr, "locum ds: this node is a witness, which signs nothing: run it on a "
                              "server\n");
        status = LOCUM_EXIT_NOT_FINE;
    }
    for (size_t i = 0; i < config->zone_count && status == LOCUM_EXIT_OK; i++) {
        const bool on = config->zones[i].dnssec.keys[0] != '\0';
        if (zone == i && !on) {
            (void)fprintf(stderr, "locum ds: zone %s is not signed: it has no dnssec in %s\n",
                          config->zones[i].name, config_path);
            status = LOCUM_EXIT_NOT_FINE;
        } else if (on && (zone == LOCUM_ZONES_MAX || zone == i)) {
            const int printed = locum_keygen_print_ds(config, i, stdout);
            status = printed == 0 ? LOCUM_EXIT_OK : LOCUM_EXIT_NOT_FINE;
        }
    }
    locum_config_free(config);
    return status;
}

/* Show the step on a terminal, over the one before. */
static void
show_step(void *user, const char *what)
{
    (void)user;
    (void)fprintf(stderr, "\r\033[K%s ...", what);
}

static struct locum_doctor_options
doctor_options(const struct locum_options *options)
{
    struct locum_doctor_options ret = {
        .dns_port = options->port != 0 ? options->port : LOCUM_DOCTOR_DNS_PORT,
        .url = options->url,
        .progress = isatty(STDERR_FILENO) == 1 ? show_step : NULL,
        .resolver_count = options->resolvers.count,
        .parent_count = options->parents.count,
    };
    memcpy(ret.resolver, options->resolvers.at, sizeof(ret.resolver));
    memcpy(ret.parent, options->parents.at, sizeof(ret.parent));
    if (ret.resolver_count == 0) {
        ret.resolver_count =
            locum_resolv_read("/etc/resolv.conf", LOCUM_DOCTOR_DNS_PORT, ret.resolver);
    }
    return ret;
}

/* The exit code: LOCUM_EXIT_USAGE also if something could not be examined, and nothing was found.
 */
static int
show_findings(const struct locum_doctor_facts *facts, const struct locum_options *options)
{
    struct locum_doctor_findings *findings = calloc(1, sizeof(*findings));
    int status = findings == NULL ? LOCUM_ERR_MEMORY : 0;
    if (status == 0) {
        locum_doctor_judge(facts, findings);
        if ((options->given & LOCUM_OPTION_JSON) != 0) {
            status = locum_doctor_print_json(facts, findings, stdout);
        } else {
            locum_doctor_print(facts, findings, stdout);
        }
    }
    if (status != 0) {
        (void)fprintf(stderr, "locum doctor: %s\n", locum_error_text(status));
        status = LOCUM_EXIT_USAGE;
    } else if (findings->count > 0) {
        status = LOCUM_EXIT_NOT_FINE;
    } else if (findings->not_examined_count > 0) {
        status = LOCUM_EXIT_USAGE;
    }
    free(findings);
    return status;
}

static int
run_doctor(const char *config_path, const struct locum_options *options)
{
    const struct locum_doctor_options asked = doctor_options(options);
    struct locum_config *config;
    struct locum_doctor_facts facts;
    size_t zone;
    int status = load_for_zone(config_path, options, &config, &zone);
    if (status != LOCUM_EXIT_OK) {
        return status;
    }
    const int examined = locum_doctor_examine(config, zone, &asked, &facts);
    if (asked.progress != NULL) {
        (void)fputs("\r\033[K", stderr);
    }
    if (examined == 0) {
        status = show_findings(&facts, options);
    } else {
        (void)fprintf(stderr, "locum doctor: %s\n", locum_error_text(examined));
        status = LOCUM_EXIT_USAGE;
    }
    locum_doctor_facts_fini(&facts);
    locum_config_free(config);
    return status;
}

static int
run_version(const char *config_path, const struct locum_options *options)
{
    (void)config_path, (void)options;
    (void)printf("locum %s\n", LOCUM_VERSION_TEXT);
    return LOCUM_EXIT_OK;
}

/* The sub-commands that need no running daemon; the others are in cli/. */
static const struct locum_cli_command commands[] = {
    {"run", "run [--no-fallback]", "run the daemon in the foreground", run_daemon, true,
     LOCUM_OPTION_NO_FALLBACK, NULL},
    {"check", "check [--handover]", "check the configuration, offline", run_check, true,
     LOCUM_OPTION_HANDOVER, NULL},
    {"keygen", "keygen --cluster|--node|ZONE ...",
     "make a cluster secret, a key pair of a node, or a key that signs a zone", run_keygen, true,
     LOCUM_OPTION_CLUSTER | LOCUM_OPTION_NODE | OPTIONS_OF_ZONE, "[ZONE]"},
    {"ds", "ds [ZONE]", "print the DS records that the parent of each signed zone must have",
     run_ds, true, 0, "[ZONE]"},
    {"delegation", "delegation [ZONE]", "print the records that the parent of each zone must have",
     run_delegation, true, 0, "[ZONE]"},
    {"doctor", "doctor [ZONE] [--json] [--resolver ADDRESS[:PORT]] ...",
     "compare the delegation and what the nodes serve with the configuration", run_doctor, true,
     LOCUM_OPTION_JSON | LOCUM_OPTION_RESOLVER | LOCUM_OPTION_PARENT | LOCUM_OPTION_PORT |
         LOCUM_OPTION_URL,
     "[ZONE]"},
    {"version", "version", "print the version", run_version, true, 0, NULL},
    {0},
};
static const struct locum_cli_command *const tables[] = {commands, locum_cli_commands};

static void
print_help(FILE *out)
{
    (void)fprintf(out, "usage: locum COMMAND [-c FILE] ...   (FILE: %s)\n\n",
                  LOCUM_CONFIG_DEFAULT_PATH);
    for (size_t i = 0; i < LOCUM_COUNT(tables); i++) {
        for (const struct locum_cli_command *at = tables[i]; at->name != NULL; at++) {
            (void)fprintf(out, "  %-58s %s\n", at->usage, at->help);
        }
    }
    (void)fprintf(out, "\nSee locum(8).\n");
}

/* NULL: there is no such command. */
static const struct locum_cli_command *
find_command(const char *name)
{
    return locum_complete_command(tables, LOCUM_COUNT(tables), name);
}

static int
refuse_command(const char *written)
{
    struct locum_nearest nearest = {.written = locum_slice_of(written)};
    for (size_t i = 0; i < LOCUM_COUNT(tables); i++) {
        for (const struct locum_cli_command *at = tables[i]; at->name != NULL; at++) {
            locum_nearest_try(&nearest, locum_slice_of(at->name));
        }
    }
    (void)fputs("locum: unknown command '", stderr);
    locum_print_text(stderr, written);
    if (nearest.match.at != NULL) {
        (void)fprintf(stderr, "'; did you mean %s? `locum help` lists all\n", nearest.match.at);
    } else {
        (void)fputs("'; `locum help` lists them\n", stderr);
    }
    return LOCUM_EXIT_USAGE;
}

/* Remove `-c FILE` from the arguments. False: -c, at the end, without a FILE. */
static bool
take_config_path(int *argc, char **argv, const char **ret_path)
{
    int kept = 0;
    bool complete = true;
    for (int i = 0; i < *argc; i++) {
        if (strcmp(argv[i], "-c") != 0) {
            argv[kept++] = argv[i];
        } else if (i + 1 < *argc) {
            *ret_path = argv[++i];
        } else {
            complete = false;
        }
    }
    *argc = kept;
    return complete;
}

static int
refuse_missing_file(int argc, char **argv)
{
    const struct locum_cli_command *command = argc > 0 ? find_command(argv[0]) : NULL;
    (void)fprintf(stderr, "locum: -c needs a FILE, for example -c " LOCUM_CONFIG_DEFAULT_PATH "\n");
    return command != NULL && locum_cli_is_plugin(command, argc, argv) ? LOCUM_PLUGIN_UNKNOWN
                                                                       : LOCUM_EXIT_USAGE;
}

/* `status --check -c FILE`: without FILE, a monitor would see another cluster. */
static int
refuse_file(const char *config_path)
{
    char text[LOCUM_PATH_MAX + 128];
    (void)snprintf(text, sizeof(text),
                   "%s cannot be read or is not a valid configuration (see locum check)",
                   config_path);
    return locum_plugin_unknown(text);
}

/* The control socket of the daemon; the default one, with a message, if FILE cannot tell. */
static void
find_socket(const char *config_path, char ret_socket[LOCUM_PATH_MAX + 1])
{
    if (!locum_glimpse_control(config_path, ret_socket) &&
        strcmp(config_path, LOCUM_CONFIG_DEFAULT_PATH) != 0) {
        (void)fprintf(stderr,
                      "locum: %s cannot be read or is not a valid configuration (see locum check); "
                      "using the default control socket %s\n",
                      config_path, ret_socket);
    }
}

static void
print_option(const char *text, const char *value, const char *help)
{
    const int width = (int)(strlen(text) + (value != NULL ? strlen(value) + 1 : 0));
    (void)printf("  %s%s%s%*s  %s\n", text, value != NULL ? " " : "", value != NULL ? value : "",
                 width < 20 ? 20 - width : 0, "", help);
}

/* `locum --help`, or `locum COMMAND --help`. */
static int
help(const struct locum_cli_command *command)
{
    if (command == NULL) {
        print_help(stdout);
        return LOCUM_EXIT_OK;
    }
    (void)printf("usage: locum %s [-c FILE]\n\n%s\n\n", command->usage, command->help);
    for (const struct locum_options_row *at = locum_options_rows; at->text != NULL; at++) {
        if ((command->options & at->option) != 0) {
            print_option(at->text, at->value, at->help);
        }
    }
    print_option("-c", "FILE", "the configuration; default " LOCUM_CONFIG_DEFAULT_PATH);
    (void)printf("\nSee locum(8).\n");
    return LOCUM_EXIT_OK;
}

/* `locum help`, `locum help COMMAND`. */
static int
help_with(int argc, char **argv)
{
    const struct locum_cli_command *command = argc > 1 ? find_command(argv[1]) : NULL;
    return argc > 1 && command == NULL && argv[1][0] != '-' ? refuse_command(argv[1])
                                                            : help(command);
}

int
main(int argc, char **argv)
{
    const char *given_path = NULL;
    char socket[LOCUM_PATH_MAX + 1];
    argc--;
    argv++;
    if (argc > 0 && strcmp(argv[0], "complete") == 0) {
        locum_complete_print(tables, LOCUM_COUNT(tables), argc - 1, argv + 1);
        return LOCUM_EXIT_OK;
    }
    if (!take_config_path(&argc, argv, &given_path)) {
        return refuse_missing_file(argc, argv);
    }
    const char *config_path = given_path != NULL ? given_path : LOCUM_CONFIG_DEFAULT_PATH;
    if (argc == 0) {
        print_help(stderr);
        return LOCUM_EXIT_USAGE;
    }
    if (strcmp(argv[0], "help") == 0) {
        return help_with(argc, argv);
    }
    const struct locum_cli_command *command =
        locum_account_is_meant(argc, argv) ? &locum_account_command : find_command(argv[0]);
    for (int i = 0; i < argc; i++) {
        if (strcmp(argv[i], "--version") == 0) {
            return run_version(NULL, NULL);
        }
        if ((strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) &&
            (i == 0 || command != NULL)) {
            return help(command);
        }
    }
    if (command == NULL) {
        return refuse_command(argv[0]);
    }
    if (given_path != NULL && locum_cli_is_plugin(command, argc, argv) &&
        !locum_glimpse_control(given_path, socket)) {
        return refuse_file(given_path);
    }
    if (!command->offline) {
        find_socket(config_path, socket);
    }
    return locum_cli_run(command, command->offline ? config_path : socket, argc, argv);
}
