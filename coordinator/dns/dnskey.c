#include "dns/dnskey.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/file.h"
#include "base/text_format.h"

enum { FLAGS_ZONE = 256, FLAGS_SECURE_ENTRY = 257, PROTOCOL = 3, MESSAGE_BYTES = 1024 };

static const char record_end[] = ".key";
static const char private_end[] = ".private";

/* One reading of a folder. */
struct reading {
    const char *folder;
    const ldns_rdf *apex;
    locum_dnskey_problem_fn *report;
    void *user;
    struct locum_dnskeys found;
    /* Names of .private files whose .key was read and refused: one message is enough. */
    char refused[LOCUM_DNSKEY_MAX][NAME_MAX + 1];
    size_t refused_count;
};

static const struct {
    uint8_t number;
    const char *name;
} algorithms[] = {
    {LDNS_RSASHA256, "RSASHA256"},
    {LDNS_ECDSAP256SHA256, "ECDSAP256SHA256"},
    {LDNS_ECDSAP384SHA384, "ECDSAP384SHA384"},
    {LDNS_ED25519, "ED25519"},
};

bool
locum_dnskey_can_sign(uint8_t algorithm)
{
    size_t i = 0;
    while (i < LOCUM_COUNT(algorithms) && algorithms[i].number != algorithm) {
        i++;
    }
    return i < LOCUM_COUNT(algorithms);
}

struct locum_dnskey_text
locum_dnskey_algorithm_text(uint8_t algorithm)
{
    struct locum_dnskey_text ret;
    (void)locum_text_format_buffer(ret.text, sizeof(ret.text), "algorithm %u", algorithm);
    for (size_t i = 0; i < LOCUM_COUNT(algorithms); i++) {
        if (algorithms[i].number == algorithm) {
            (void)locum_text_format_buffer(ret.text, sizeof(ret.text), "%s", algorithms[i].name);
        }
    }
    return ret;
}

/* Report "FOLDER/NAME.key: TEXT". */
static __attribute__((format(printf, 4, 5))) void
problem(const struct reading *self, const char *name, const char *end, const char *format, ...)
{
    char text[MESSAGE_BYTES], message[2 * MESSAGE_BYTES];
    va_list values;
    va_start(values, format);
    (void)vsnprintf(text, sizeof(text), format, values);
    va_end(values);
    (void)locum_text_format_buffer(message, sizeof(message), "%s%s%s%s: %s", self->folder,
                                   name[0] != '\0' ? "/" : "", name, end, text);
    self->report(self->user, message);
}

/* True if `name` ends so, and something is before it. */
static bool
has_end(const char *name, const char *end)
{
    const size_t length = strlen(name);
    return length > strlen(end) && strcmp(name + length - strlen(end), end) == 0;
}

static int
is_key_file(const struct dirent *entry)
{
    return has_end(entry->d_name, record_end) || has_end(entry->d_name, private_end);
}

/* The path of a file of a key. False, and a problem is reported: it is too long. */
static bool
path_of(const struct reading *self, const char *name, const char *end, char ret[PATH_MAX])
{
    if (locum_text_format_buffer(ret, PATH_MAX, "%s/%s%s", self->folder, name, end)) {
        return true;
    }
    problem(self, name, end, "its path is too long");
    return false;
}

/*
 * The one record in the bytes of a .key file, NULL: none or more than one; then *ret_why says so.
 */
static ldns_rr *
parse_record(char *bytes, size_t length, const char **ret_why)
{
    ldns_rr *found = NULL;
    int line = 0;
    FILE *file = length > 0 ? fmemopen(bytes, length, "r") : NULL;
    *ret_why = "it holds no record";
    while (file != NULL && !feof(file)) {
        ldns_rr *rr = NULL;
        const ldns_status status = ldns_rr_new_frm_fp_l(&rr, file, NULL, NULL, NULL, &line);
        if (status == LDNS_STATUS_OK && found == NULL) {
            found = rr;
        } else if (status != LDNS_STATUS_SYNTAX_EMPTY) {
            *ret_why = status == LDNS_STATUS_OK ? "it holds more than one record"
                                                : ldns_get_errorstr_by_id(status);
            ldns_rr_free(rr);
            ldns_rr_free(found);
            found = NULL;
            break;
        }
    }
    if (file != NULL) {
        (void)fclose(file);
    }
    return found;
}

/* Is the public key of a record as long as its algorithm says? Any length serves an algorithm that
 * no key here signs with. */
static bool
has_right_length(const ldns_rr *rr)
{
    const size_t length = ldns_rdf_size(ldns_rr_dnskey_key(rr));
    const size_t bits = ldns_rr_dnskey_key_size(rr);
    switch (ldns_rdf2native_int8(ldns_rr_dnskey_algorithm(rr))) {
    case LDNS_ECDSAP256SHA256: return length == 64;
    case LDNS_ECDSAP384SHA384: return length == 96;
    case LDNS_ED25519: return length == 32;
    case LDNS_RSASHA256:
        return bits >= LOCUM_DNSKEY_RSA_BITS_MIN && bits <= LOCUM_DNSKEY_RSA_BITS_MAX;
    default: return true;
    }
}

/* Why this record is no key of the zone, or NULL. */
static const char *
record_refused(const struct reading *self, const ldns_rr *rr)
{
    if (ldns_rr_get_type(rr) != LDNS_RR_TYPE_DNSKEY || ldns_rr_get_class(rr) != LDNS_RR_CLASS_IN ||
        ldns_rr_rd_count(rr) != 4) {
        return "it is no DNSKEY record of class IN: only files written by ldns-keygen or "
               "dnssec-keygen end in .key here";
    }
    if (ldns_dname_compare(ldns_rr_owner(rr), self->apex) != 0) {
        return "the key is for another zone: each zone has a folder of its own";
    }
    if (ldns_rdf2native_int8(ldns_rr_dnskey_protocol(rr)) != PROTOCOL) {
        return "its protocol field is not 3 (RFC 4034 2.1.2)";
    }
    const uint16_t flags = ldns_rdf2native_int16(ldns_rr_dnskey_flags(rr));
    if (flags != FLAGS_ZONE && flags != FLAGS_SECURE_ENTRY) {
        return "its flags are neither 256 nor 257: revoked keys (RFC 5011) and keys that are not "
               "for zones are not supported";
    }
    if (!has_right_length(rr)) {
        return "its public key has a wrong length for its algorithm (RSA: 1024 to 4096 bits): copy "
               "the file again from where it was made";
    }
    return NULL;
}

/* Why two keys cannot be in one zone, or NULL. */
static const char *
pair_refused(const struct locum_dnskey *a, const struct locum_dnskey *b)
{
    if (a->tag != b->tag || a->algorithm != b->algorithm) {
        return NULL;
    }
    return ldns_rr_compare(a->rr, b->rr) == 0
               ? "the same key as in"
               : "another key with the same tag and algorithm, which cannot be told apart from";
}

/* Add the key of a record, which is taken, unless it is refused. */
static void
add_key(struct reading *self, const char *name, ldns_rr *rr)
{
    struct locum_dnskey key = {.rr = rr};
    (void)snprintf(key.name, sizeof(key.name), "%s", name);
    ldns_dname2canonical(ldns_rr_owner(rr));
    ldns_rr_set_ttl(rr, 0);
    const char *why = record_refused(self, rr);
    if (why == NULL) {
        key.tag = ldns_calc_keytag(rr);
        key.flags = ldns_rdf2native_int16(ldns_rr_dnskey_flags(rr));
        key.algorithm = ldns_rdf2native_int8(ldns_rr_dnskey_algorithm(rr));
    }
    for (size_t i = 0; i < self->found.count && why == NULL; i++) {
        why = pair_refused(&self->found.keys[i], &key);
        if (why != NULL) {
            problem(self, name, record_end, "%s %s.key: remove one", why, self->found.keys[i].name);
            ldns_rr_free(rr);
            return;
        }
    }
    if (why != NULL) {
        problem(self, name, record_end, "%s", why);
        ldns_rr_free(rr);
        return;
    }
    self->found.keys[self->found.count++] = key;
}

/* Read one .key file. */
static void
read_record(struct reading *self, const char *name)
{
    char path[PATH_MAX], why_text[MESSAGE_BYTES / 2];
    struct locum_text why = locum_text_init(why_text, sizeof(why_text));
    const char *reason;
    size_t length;
    char *bytes = malloc(LOCUM_DNSKEY_FILE_BYTES_MAX);
    const size_t before = self->found.count;
    if (bytes == NULL || !path_of(self, name, record_end, path)) {
        free(bytes);
        return;
    }
    if (locum_file_read(path, bytes, LOCUM_DNSKEY_FILE_BYTES_MAX, &length, NULL, &why) != 0) {
        problem(self, name, record_end, "%s", why_text);
    } else if (self->found.count == LOCUM_DNSKEY_MAX) {
        problem(self, name, record_end,
                "a zone has at most %d keys: remove those that it no "
                "longer needs",
                LOCUM_DNSKEY_MAX);
    } else {
        ldns_rr *rr = parse_record(bytes, length, &reason);
        if (rr != NULL) {
            add_key(self, name, rr);
        } else {
            problem(self, name, record_end, "%s", reason);
        }
    }
    free(bytes);
    if (self->found.count == before && self->refused_count < LOCUM_DNSKEY_MAX) {
        (void)snprintf(self->refused[self->refused_count++], NAME_MAX + 1, "%s", name);
    }
}

/* Does the private half make signatures that the record verifies? */
static bool
signs(ldns_key *key, const ldns_rr *rr)
{
    ldns_key_list *keys = ldns_key_list_new();
    ldns_rr_list *set = ldns_rr_list_new();
    ldns_rr_list *signatures = NULL;
    bool good = keys != NULL && set != NULL && ldns_key_list_push_key(keys, key) &&
                ldns_rr_list_push_rr(set, rr);
    if (good) {
        signatures = ldns_sign_public(set, keys);
        good = signatures != NULL && ldns_verify(set, signatures, set, NULL) == LDNS_STATUS_OK;
    }
    ldns_rr_list_deep_free(signatures);
    ldns_rr_list_free(set);
    if (keys != NULL) {
        ldns_key_list_set_key_count(keys, 0);
        ldns_key_list_free(keys);
    }
    return good;
}

/* ldns_key_deep_free() does not take NULL. */
static void
free_key(ldns_key *key)
{
    if (key != NULL) {
        ldns_key_deep_free(key);
    }
}

/* The length of the characters of `set` at a place, at most up to the end. */
static size_t
span(const char *at, const char *end, const char *set)
{
    size_t length = 0;
    while (at + length < end && at[length] != '\0' && strchr(set, at[length]) != NULL) {
        length++;
    }
    return length;
}

/*
 * Is this a line "Word: value" as the two programs write it, or empty? ldns writes behind its
 * buffer for a word if a bracket in it is not closed, so it gets to see nothing else.
 */
static bool
is_private_line(const char *at, const char *end)
{
#define LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-"
    static const char algorithm[] = "Algorithm";
    enum { WORD_MAX = 30 }; /* ldns has room for 31 bytes */
    const size_t word = span(at, end, LETTERS);
    if (at == end) {
        return true;
    }
    if (word == 0 || word > WORD_MAX || at + word == end || at[word] != ':') {
        return false;
    }
    const bool of_algorithm = word == strlen(algorithm) && memcmp(at, algorithm, word) == 0;
    at += word + 1;
    at += span(at, end, of_algorithm ? " 0123456789" : LETTERS "+/=. ");
    if (of_algorithm && at < end && *at == '(') {
        at += 1 + span(at + 1, end, LETTERS "_");
        return end - at == 1 && *at == ')';
    }
    return at == end;
#undef LETTERS
}

/* Only such lines. */
static bool
is_private_file(const char *bytes, size_t length)
{
    const char *const end = bytes + length;
    bool good = true;
    while (bytes < end && good) {
        const char *newline = memchr(bytes, '\n', (size_t)(end - bytes));
        const char *line_end = newline != NULL ? newline : end;
        const char *next = newline != NULL ? newline + 1 : end;
        good = is_private_line(bytes, line_end);
        bytes = next;
    }
    return good;
}

/* The key of a .private file; NULL, and a problem is reported: it cannot be used. */
static ldns_key *
parse_private(const struct reading *self, const struct locum_dnskey *of, char *bytes, size_t length)
{
    ldns_key *key = NULL;
    FILE *file = length > 0 && is_private_file(bytes, length) ? fmemopen(bytes, length, "r") : NULL;
    const ldns_status status =
        file == NULL ? LDNS_STATUS_SYNTAX_ERR : ldns_key_new_frm_fp(&key, file);
    if (file != NULL) {
        (void)fclose(file);
    }
    if (status != LDNS_STATUS_OK || !locum_dnskey_can_sign((uint8_t)ldns_key_algorithm(key))) {
        problem(self, of->name, private_end,
                "not a private key in BIND's format of RSASHA256, ECDSAP256SHA256, "
                "ECDSAP384SHA384 or ED25519: copy it again from where it was made, or make "
                "another key");
        free_key(key);
        return NULL;
    }
    ldns_key_set_flags(key, of->flags);
    ldns_key_set_keytag(key, of->tag);
    ldns_key_set_pubkey_owner(key, ldns_rdf_clone(ldns_rr_owner(of->rr)));
    ldns_rr *own = ldns_key2rr(key);
    if (own != NULL) {
        ldns_rr_set_ttl(own, 0);
    }
    const char *why = NULL;
    const size_t bits = ldns_rr_dnskey_key_size(of->rr);
    if (own == NULL || ldns_rr_compare(own, of->rr) != 0) {
        why = "it does not belong to the .key file of this name: copy both files from where they "
              "were made";
    } else if (of->algorithm == LDNS_RSASHA256 &&
               (bits < LOCUM_DNSKEY_RSA_BITS_MIN || bits > LOCUM_DNSKEY_RSA_BITS_MAX)) {
        why = "an RSA key here has 1024 to 4096 bits: make another key";
    } else if (!signs(key, of->rr)) {
        why = "its signatures are wrong: the file is damaged; copy it again from where it was made";
    }
    ldns_rr_free(own);
    if (why != NULL) {
        problem(self, of->name, private_end, "%s", why);
        free_key(key);
        return NULL;
    }
    return key;
}

/* The key of this name, or NULL. */
static struct locum_dnskey *
find(struct reading *self, const char *name)
{
    for (size_t i = 0; i < self->found.count; i++) {
        if (strcmp(self->found.keys[i].name, name) == 0) {
            return &self->found.keys[i];
        }
    }
    return NULL;
}

static bool
was_refused(const struct reading *self, const char *name)
{
    size_t i = 0;
    while (i < self->refused_count && strcmp(self->refused[i], name) != 0) {
        i++;
    }
    return i < self->refused_count;
}

/* Take the bytes of a .private file. */
static void
take_private(const struct reading *self, struct locum_dnskey *of, char *bytes, size_t length)
{
    of->key = parse_private(self, of, bytes, length);
    if (of->key != NULL) {
        of->private_text = strndup(bytes, length);
    }
}

/* Read one .private file. */
static void
read_private(struct reading *self, const char *name)
{
    char path[PATH_MAX], why_text[MESSAGE_BYTES / 2];
    struct locum_text why = locum_text_init(why_text, sizeof(why_text));
    struct locum_dnskey *of = find(self, name);
    size_t length;
    if (of == NULL) {
        if (!was_refused(self, name)) {
            problem(self, name, private_end, "%s.key is not beside it: copy that file too", name);
        }
        return;
    }
    char *bytes = malloc(LOCUM_DNSKEY_FILE_BYTES_MAX);
    if (bytes == NULL || !path_of(self, name, private_end, path)) {
        free(bytes);
        return;
    }
    if (locum_file_read_private(path, bytes, LOCUM_DNSKEY_FILE_BYTES_MAX, &length, &why) != 0) {
        problem(self, name, private_end, "%s", why_text);
    } else {
        take_private(self, of, bytes, length);
    }
    explicit_bzero(bytes, LOCUM_DNSKEY_FILE_BYTES_MAX);
    free(bytes);
}

/* Call `read` with the name of each file that ends so. */
static void
each_file(struct reading *self, struct dirent **entries, size_t count, const char *end,
          void (*read)(struct reading *self, const char *name))
{
    for (size_t i = 0; i < count; i++) {
        if (has_end(entries[i]->d_name, end)) {
            char name[NAME_MAX + 1];
            (void)snprintf(name, sizeof(name), "%.*s",
                           (int)(strlen(entries[i]->d_name) - strlen(end)), entries[i]->d_name);
            read(self, name);
        }
    }
}

/* A folder in which others can write would let them add keys. */
static bool
is_safe(const struct reading *self)
{
    struct stat about;
    if (stat(self->folder, &about) != 0) {
        problem(self, "", "", "%s", strerror(errno));
        return false;
    }
    if (!S_ISDIR(about.st_mode)) {
        problem(self, "", "", "not a folder: name the folder that holds the key files");
        return false;
    }
    if ((about.st_mode & S_IWOTH) != 0) {
        problem(self, "", "", "other users can write in it: chmod o-w %s", self->folder);
        return false;
    }
    return true;
}

int
locum_dnskey_read(const char *folder, const ldns_rdf *apex, locum_dnskey_problem_fn *report,
                  void *user, struct locum_dnskeys *ret)
{
    struct dirent **entries = NULL;
    struct reading *self = calloc(1, sizeof(*self));
    if (self == NULL) {
        return LOCUM_ERR_MEMORY;
    }
    *self = (struct reading){.folder = folder, .apex = apex, .report = report, .user = user};
    const bool safe = is_safe(self);
    const int count = safe ? scandir(folder, &entries, is_key_file, alphasort) : -1;
    if (count >= 0) {
        each_file(self, entries, (size_t)count, record_end, read_record);
        each_file(self, entries, (size_t)count, private_end, read_private);
    }
    if (count == 0) {
        problem(self, "", "", "no *.key file in it: make a key, or copy those of the zone");
    } else if (safe && count < 0) {
        problem(self, "", "", "%s", strerror(errno));
    }
    for (int i = 0; i < count; i++) {
        free(entries[i]);
    }
    free(entries);
    const int status = self->found.count > 0 ? 0 : LOCUM_ERR_INVALID;
    if (status == 0) {
        *ret = self->found;
    }
    free(self);
    return status;
}

int
locum_dnskey_parse(const char *where, const char *name, const ldns_rdf *apex,
                   struct locum_slice record, struct locum_slice private_half,
                   locum_dnskey_problem_fn *report, void *user, struct locum_dnskey *ret)
{
    const char *why;
    struct reading *self = calloc(1, sizeof(*self));
    char *bytes = malloc(LOCUM_DNSKEY_FILE_BYTES_MAX);
    if (self == NULL || bytes == NULL || record.length >= LOCUM_DNSKEY_FILE_BYTES_MAX ||
        private_half.length >= LOCUM_DNSKEY_FILE_BYTES_MAX) {
        free(self);
        free(bytes);
        return LOCUM_ERR_INVALID;
    }
    *self = (struct reading){.folder = where, .apex = apex, .report = report, .user = user};
    memcpy(bytes, record.at, record.length);
    bytes[record.length] = '\0';
    ldns_rr *rr = parse_record(bytes, record.length, &why);
    if (rr != NULL) {
        add_key(self, name, rr);
    } else {
        problem(self, name, record_end, "%s", why);
    }
    if (self->found.count > 0) {
        if (private_half.at != NULL) {
            memcpy(bytes, private_half.at, private_half.length);
            bytes[private_half.length] = '\0';
            take_private(self, &self->found.keys[0], bytes, private_half.length);
        }
        *ret = self->found.keys[0];
    }
    const int status = self->found.count > 0 ? 0 : LOCUM_ERR_INVALID;
    explicit_bzero(bytes, LOCUM_DNSKEY_FILE_BYTES_MAX);
    free(bytes);
    free(self);
    return status;
}

void
locum_dnskey_free(struct locum_dnskey *self)
{
    ldns_rr_free(self->rr);
    free_key(self->key);
    if (self->private_text != NULL) {
        explicit_bzero(self->private_text, strlen(self->private_text));
    }
    free(self->private_text);
    *self = (struct locum_dnskey){.rr = NULL};
}

void
locum_dnskey_fini(struct locum_dnskeys *self)
{
    for (size_t i = 0; i < self->count; i++) {
        locum_dnskey_free(&self->keys[i]);
    }
    self->count = 0;
}
