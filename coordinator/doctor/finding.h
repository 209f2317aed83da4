/*
 * finding: the table of what the doctor can find: an id, why it matters, what to do. A new kind is
 * a row here, a judgement in judge.c, a unit test, and, where the laboratory can plant it, a fault
 * in tests/lab/test_doctor.py (round-trips, edns-missing, signature-wrong, signature-ends,
 * resolver-refuses, node-down, node-redis and redis have unit tests only); `make doc` writes the
 * list in locum(8).
 */
#ifndef LOCUM_DOCTOR_FINDING_H
#define LOCUM_DOCTOR_FINDING_H

#include "config/config.h"

enum {
    LOCUM_DOCTOR_FINDINGS_MAX = 256,
    LOCUM_DOCTOR_SUBJECT_MAX = 2 * LOCUM_DOMAIN_MAX + LOCUM_ADDRESS_TEXT_MAX,
    LOCUM_DOCTOR_WHAT_MAX = 1024,
};

enum locum_doctor_kind {
    LOCUM_DOCTOR_NO_DELEGATION,
    LOCUM_DOCTOR_PARENT_NS_MISSING,
    LOCUM_DOCTOR_PARENT_NS_UNKNOWN,
    LOCUM_DOCTOR_NS_TTL,
    LOCUM_DOCTOR_GLUE_MISSING,
    LOCUM_DOCTOR_GLUE_WRONG,
    LOCUM_DOCTOR_ADDRESS_MISSING,
    LOCUM_DOCTOR_ADDRESS_WRONG,
    LOCUM_DOCTOR_ROUND_TRIPS,
    LOCUM_DOCTOR_DNS_SILENT,
    LOCUM_DOCTOR_DNS_UDP,
    LOCUM_DOCTOR_DNS_TCP,
    LOCUM_DOCTOR_LAME,
    LOCUM_DOCTOR_EDNS_BLOCKED,
    LOCUM_DOCTOR_EDNS_MISSING,
    LOCUM_DOCTOR_EDNS_LARGE,
    LOCUM_DOCTOR_SOA,
    LOCUM_DOCTOR_CHILD_NS,
    LOCUM_DOCTOR_PERSIST,
    LOCUM_DOCTOR_NO_DS,
    LOCUM_DOCTOR_DS_MISMATCH,
    LOCUM_DOCTOR_UNSIGNED,
    LOCUM_DOCTOR_SIGNATURE_BOGUS,
    LOCUM_DOCTOR_SIGNATURE_TIME,
    LOCUM_DOCTOR_SIGNATURE_ENDS,
    LOCUM_DOCTOR_DNSKEY_DIFFERS,
    LOCUM_DOCTOR_NSEC_DIFFERS,
    LOCUM_DOCTOR_RESOLVER_REFUSES,
    LOCUM_DOCTOR_WEB_DEAD,
    LOCUM_DOCTOR_WEB_HOST,
    LOCUM_DOCTOR_CERTIFICATE,
    LOCUM_DOCTOR_CERTIFICATE_EXPIRED,
    LOCUM_DOCTOR_CERTIFICATE_ENDS,
    LOCUM_DOCTOR_NODE_DOWN,
    LOCUM_DOCTOR_NODE_UDP,
    LOCUM_DOCTOR_NODE_REDIS,
    LOCUM_DOCTOR_REDIS,
    LOCUM_DOCTOR_SENTINEL,
    LOCUM_DOCTOR_CLOCK,
    LOCUM_DOCTOR_CONFIGURATION,
    LOCUM_DOCTOR_KINDS
};

/* A row of the table. */
struct locum_doctor_row {
    const char *id;      /* "parent-ns-missing" */
    const char *meaning; /* for locum(8) */
    const char *why;
    const char *fix;
};
const struct locum_doctor_row *locum_doctor_finding_row(enum locum_doctor_kind kind);

struct locum_doctor_finding {
    enum locum_doctor_kind kind;
    char zone[LOCUM_DOMAIN_MAX + 1];            /* "": of no zone */
    char subject[LOCUM_DOCTOR_SUBJECT_MAX + 1]; /* the name server, the name, the node */
    char what[LOCUM_DOCTOR_WHAT_MAX];
    unsigned more; /* the same was found so many times more, at other servers of the parent */
};

struct locum_doctor_findings {
    struct locum_doctor_finding at[LOCUM_DOCTOR_FINDINGS_MAX];
    size_t count;
    size_t dropped; /* found beyond LOCUM_DOCTOR_FINDINGS_MAX */
    /* What could not be examined, and why; so nothing was found there. */
    char not_examined[LOCUM_DOCTOR_FINDINGS_MAX][LOCUM_DOCTOR_WHAT_MAX];
    size_t not_examined_count;
};

/* Add a finding; the same kind, zone and subject again is counted in `more`. zone: NULL: none. */
void locum_doctor_finding_add(struct locum_doctor_findings *self, enum locum_doctor_kind kind,
                              const char *zone, const char *subject, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

/* Add what could not be examined, once. */
void locum_doctor_finding_skip(struct locum_doctor_findings *self, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
