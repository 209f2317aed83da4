/*
 * dnskey: the key folder of a zone -> its DNSKEY records and what signs with them.
 *
 * In: files as ldns-keygen and dnssec-keygen write them. NAME.key holds one DNSKEY record in
 * zone-file syntax, NAME.private the private half in BIND's format v1; both belong together by
 * NAME. Other files are ignored. Out: each key once, in the order of the names, or for each file
 * that cannot be used a message that says why and what to do. A folder with a bad file still gives
 * the keys of the good ones.
 *
 * A private half is accepted only if its file has no access for others, belongs to its record, and
 * makes a signature that this record verifies. Algorithms that sign: 8, 13, 14 and 15 (RFC 8624
 * 3.1). A record of another algorithm is read, since other nodes may sign with it.
 */
#ifndef LOCUM_DNS_DNSKEY_H
#define LOCUM_DNS_DNSKEY_H

#include <ldns/ldns.h>
#include <limits.h>

#include "base/slice.h"

enum {
    LOCUM_DNSKEY_MAX = 16, /* keys of a zone */
    LOCUM_DNSKEY_FILE_BYTES_MAX = 16 * 1024,
    LOCUM_DNSKEY_RSA_BITS_MIN = 1024,
    LOCUM_DNSKEY_RSA_BITS_MAX = 4096, /* RFC 5702 2.1 */
};

struct locum_dnskey {
    char name[NAME_MAX + 1]; /* of its files, without .key */
    ldns_rr *rr;             /* owned: the DNSKEY record, owner in lower case, TTL 0 */
    ldns_key *key;           /* owned: the private half, with owner, flags and tag; NULL: none */
    char *private_text;      /* owned: its file; NULL: none */
    uint16_t tag, flags;     /* flags: 256 or 257 */
    uint8_t algorithm;
};

struct locum_dnskeys {
    struct locum_dnskey keys[LOCUM_DNSKEY_MAX];
    size_t count;
};

/* Called for each problem; the text is valid during the call. */
typedef void locum_dnskey_problem_fn(void *user, const char *text);

/*
 * Read the folder of a zone.
 *
 * apex    in lower case; borrowed.
 * report  called before this returns, for each thing that is wrong.
 * ret     the keys that can be used, freed by the caller with locum_dnskey_fini(); untouched on
 *         failure.
 * Returns 0, also if there were problems, LOCUM_ERR_INVALID (nothing can be used: one problem at
 * least was reported), or LOCUM_ERR_MEMORY.
 */
int locum_dnskey_read(const char *folder, const ldns_rdf *apex, locum_dnskey_problem_fn *report,
                      void *user, struct locum_dnskeys *ret) LOCUM_MUST_CHECK;

/*
 * Take the bytes of the files of one key.
 *
 * where         for problems: "WHERE/NAME.key: ...".
 * record        of the .key file.
 * private_half  of the .private file; `at` NULL: there is none.
 * ret           freed by the caller with locum_dnskey_free(); untouched on failure.
 * Returns 0, or LOCUM_ERR_INVALID and a problem was reported.
 */
int locum_dnskey_parse(const char *where, const char *name, const ldns_rdf *apex,
                       struct locum_slice record, struct locum_slice private_half,
                       locum_dnskey_problem_fn *report, void *user,
                       struct locum_dnskey *ret) LOCUM_MUST_CHECK;

/* A record of that text; its owner is `apex`. NULL: malformed, or out of memory. */
ldns_rr *locum_dnskey_record(const char *apex, const char *text);

/* The data of the record as text, "257 3 13 BASE64"; freed by the caller. NULL: out of memory. */
char *locum_dnskey_record_text(const struct locum_dnskey *self);

/* Free the keys. */
void locum_dnskey_fini(struct locum_dnskeys *self);
void locum_dnskey_free(struct locum_dnskey *self);

/* Can this program sign with an algorithm? */
bool locum_dnskey_can_sign(uint8_t algorithm);

/* "ECDSAP256SHA256", or "algorithm 253". */
struct locum_dnskey_text {
    char text[32];
};
struct locum_dnskey_text locum_dnskey_algorithm_text(uint8_t algorithm);

#endif
