#include "dns/keygen.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/text_format.h"
#include "dns/cds.h"
#include "dns/dns.h"
#include "dns/signer.h"

enum { FLAGS = 257, BITS = 256, DS_TTL_S = 3600, PUBLIC_MODE = 0644, PRIVATE_MODE = 0640 };

static const struct {
    const char *name;
    ldns_signing_algorithm algorithm;
} algorithms[] = {{"ecdsap256sha256", LDNS_SIGN_ECDSAP256SHA256}, {"ed25519", LDNS_SIGN_ED25519}};

/* Make the folder, and those above it, unless they exist; each with the group of the one it is in.
 * False, with errno. */
static bool
make_folder(const char *folder, gid_t *ret_group)
{
    char path[PATH_MAX];
    struct stat about;
    char end = '/';
    if (!locum_text_format_buffer(path, sizeof(path), "%s", folder)) {
        errno = ENAMETOOLONG;
        return false;
    }
    if (stat(path[0] == '/' ? "/" : ".", &about) != 0) {
        return false;
    }
    *ret_group = about.st_gid;
    for (size_t i = path[0] == '/' ? 1 : 0; end != '\0'; i++) {
        end = path[i];
        if (end != '/' && end != '\0') {
            continue;
        }
        path[i] = '\0';
        if (stat(path, &about) == 0) {
            *ret_group = about.st_gid;
        } else if (mkdir(path, 0750) != 0 || chown(path, (uid_t)-1, *ret_group) != 0) {
            return false;
        }
        path[i] = end;
    }
    return true;
}

/* A file of the key, with the group of its folder. False, with errno. */
static bool
write_file(const char *path, const char *text, mode_t mode, gid_t group)
{
    return locum_file_write(path, text, strlen(text), 0600) == 0 &&
           chown(path, (uid_t)-1, group) == 0 && chmod(path, mode) == 0;
}

/* The private half in BIND's format; freed by the caller. NULL: out of memory. */
static char *
private_text(const ldns_key *key)
{
    char *text = NULL;
    size_t length;
    FILE *file = open_memstream(&text, &length);
    if (file != NULL) {
        ldns_key_print(file, key);
        if (fclose(file) != 0) {
            free(text);
            text = NULL;
        }
    }
    return text;
}

/* The DS, and in comments the fields that the form of a registrar may ask for instead. */
static int
print_ds(const struct locum_dnskey *key, FILE *out)
{
    ldns_rr *ds = locum_cds_ds(key, DS_TTL_S);
    char *text = ds != NULL ? ldns_rr2str(ds) : NULL;
    char *public_half = ldns_rdf2str(ldns_rr_dnskey_key(key->rr));
    if (text != NULL && public_half != NULL) {
        (void)fprintf(out, "%s", text);
        (void)fprintf(out,
                      "; a registrar may ask for: key tag %" PRIu16 ", algorithm %" PRIu8
                      " (%s), digest type 2 (SHA-256),\n; or for the key: flags %" PRIu16
                      ", protocol 3, algorithm %" PRIu8 ", public key %s\n",
                      key->tag, key->algorithm, locum_dnskey_algorithm_text(key->algorithm).text,
                      key->flags, key->algorithm, public_half);
    }
    const int status = text == NULL || public_half == NULL ? LOCUM_ERR_MEMORY : 0;
    free(text);
    free(public_half);
    ldns_rr_free(ds);
    return status;
}

/* Write both files of a key and print what was done. */
static int
write_key(const char *folder, const char *zone, const struct locum_dnskey *key, gid_t group,
          FILE *out, struct locum_text *why)
{
    char base[PATH_MAX], record_path[PATH_MAX], private_path[PATH_MAX];
    char *record = ldns_rr2str(key->rr);
    char *private_half = private_text(key->key);
    int status = record == NULL || private_half == NULL ? LOCUM_ERR_MEMORY : 0;
    if (status == 0 &&
        (!locum_text_format_buffer(base, sizeof(base) - 16, "%s/K%s+%03u+%05u", folder, zone,
                                   key->algorithm, key->tag) ||
         !locum_text_format_buffer(record_path, sizeof(record_path), "%s.key", base) ||
         !locum_text_format_buffer(private_path, sizeof(private_path), "%s.private", base))) {
        locum_text_format(why, "%s: the path is too long", folder);
        status = LOCUM_ERR_IO;
    } else if (status == 0 && (!write_file(private_path, private_half, PRIVATE_MODE, group) ||
                               !write_file(record_path, record, PUBLIC_MODE, group))) {
        locum_text_format(why, "%s: %s", base, strerror(errno));
        (void)unlink(private_path);
        status = LOCUM_ERR_IO;
    }
    if (status == 0) {
        (void)fprintf(
            out,
            "; made %s\n;  and %s (secret)\n"
            "; first key of the zone: copy both to the key folder of every node, run "
            "`locum reload` there,\n; wait an hour, and then give the parent the DS below\n"
            "; a key that replaces another: copy both in the same way, and go on as "
            "doc/dnssec.md, 'Replace a key', says\n",
            record_path, private_path);
        status = print_ds(key, out);
    }
    if (private_half != NULL) {
        explicit_bzero(private_half, strlen(private_half));
    }
    free(private_half);
    free(record);
    return status;
}

int
locum_keygen_make(const char *folder, const char *zone, const char *algorithm, FILE *out,
                  struct locum_text *ret_why)
{
    struct locum_dnskey made = {.flags = FLAGS};
    gid_t group;
    size_t i = 0;
    while (i < LOCUM_COUNT(algorithms) && strcasecmp(algorithms[i].name, algorithm) != 0) {
        i++;
    }
    if (i == LOCUM_COUNT(algorithms)) {
        locum_text_add(ret_why, "algorithm: use ecdsap256sha256 or ed25519");
        return LOCUM_ERR_INVALID;
    }
    if (!make_folder(folder, &group)) {
        locum_text_format(ret_why, "%s: %s", folder, strerror(errno));
        return LOCUM_ERR_IO;
    }
    made.algorithm = (uint8_t)algorithms[i].algorithm;
    made.key = ldns_key_new_frm_algorithm(algorithms[i].algorithm, BITS);
    ldns_rdf *owner = locum_zone_dname(zone);
    int status = LOCUM_ERR_MEMORY;
    if (made.key != NULL && owner != NULL) {
        ldns_key_set_flags(made.key, FLAGS);
        ldns_key_set_pubkey_owner(made.key, owner);
        owner = NULL;
        made.rr = ldns_key2rr(made.key);
    }
    if (made.rr != NULL) {
        ldns_rr_set_ttl(made.rr, DS_TTL_S);
        made.tag = ldns_calc_keytag(made.rr);
        ldns_key_set_keytag(made.key, made.tag);
        status = write_key(folder, zone, &made, group, out, ret_why);
    }
    ldns_rdf_deep_free(owner);
    ldns_rr_free(made.rr);
    if (made.key != NULL) {
        ldns_key_deep_free(made.key);
    }
    return status;
}

int
locum_keygen_print_ds(const struct locum_config *config, size_t zone, FILE *out)
{
    struct locum_signer *signer;
    const struct locum_dnskey *key;
    int status = locum_dns_signer_create(config, NULL, 0, &signer);
    if (status != 0) {
        return status;
    }
    const bool withdraw = config->zones[zone].dnssec.withdraw;
    if (withdraw) {
        (void)fputs("; withdraw is on: let the parent remove these\n", out);
    }
    for (size_t i = 0; status == 0 && (key = locum_signer_entry_key(signer, zone, i)); i++) {
        status = print_ds(key, out);
    }
    (void)fputs(withdraw
                    ? "; a parent that reads CDS or CDNSKEY (RFC 8078) removes them by itself\n"
                    : "; a parent that reads CDS or CDNSKEY (RFC 7344) takes them from the "
                      "zone by itself\n",
                out);
    locum_signer_destroy(signer);
    return status;
}
