/*
 * reply: the answer of a name server, as far as it is judged. Read with ldns from bytes that anyone
 * may have sent.
 */
#ifndef LOCUM_DOCTOR_REPLY_H
#define LOCUM_DOCTOR_REPLY_H

#include "config/config.h"

enum {
    LOCUM_DOCTOR_RECORDS_MAX = 40, /* kept of a reply; `cut` if there were more */
    LOCUM_DOCTOR_REPLY_BYTES_MAX = 4096,
};

enum locum_doctor_outcome {
    LOCUM_DOCTOR_NOT_ASKED,
    LOCUM_DOCTOR_ANSWERED,
    LOCUM_DOCTOR_SILENT,      /* no answer before the deadline */
    LOCUM_DOCTOR_UNREACHABLE, /* the host or a router rejects the question */
    LOCUM_DOCTOR_NO_ROUTE,    /* this host has no route to the address */
    LOCUM_DOCTOR_MALFORMED,   /* an answer that cannot be read */
};

enum locum_doctor_section { LOCUM_DOCTOR_ANSWER, LOCUM_DOCTOR_AUTHORITY, LOCUM_DOCTOR_ADDITIONAL };

enum locum_doctor_type {
    LOCUM_DOCTOR_TYPE_A = 1,
    LOCUM_DOCTOR_TYPE_NS = 2,
    LOCUM_DOCTOR_TYPE_SOA = 6,
    LOCUM_DOCTOR_TYPE_TXT = 16,
    LOCUM_DOCTOR_TYPE_AAAA = 28,
    LOCUM_DOCTOR_TYPE_DS = 43, /* of this and the next ones no records are kept */
    LOCUM_DOCTOR_TYPE_NSEC = 47,
    LOCUM_DOCTOR_TYPE_DNSKEY = 48,
};

/* A record of class IN and one of the types above. Names are in lower case, absolute, escaped. */
struct locum_doctor_record {
    enum locum_doctor_section section;
    enum locum_doctor_type type;
    uint32_t ttl_s;
    char owner[LOCUM_DOMAIN_MAX + 1];
    struct locum_address address;    /* A, AAAA; port 0 */
    char name[LOCUM_DOMAIN_MAX + 1]; /* NS; SOA: MNAME; TXT: its strings, up to here */
    struct {
        char rname[LOCUM_DOMAIN_MAX + 1];
        uint32_t serial, refresh_s, retry_s, expire_s, minimum_s;
    } soa;
};

struct locum_doctor_reply {
    enum locum_doctor_outcome outcome;
    /* The rest only if it was answered. */
    unsigned rcode;
    bool authoritative, truncated;
    bool edns; /* it has an OPT record */
    bool cut;
    struct locum_doctor_record record[LOCUM_DOCTOR_RECORDS_MAX];
    size_t record_count;
};

/*
 * Read a message.
 *
 * name, type, id  of the question.
 * bytes           `length` of them; at most LOCUM_DOCTOR_REPLY_BYTES_MAX.
 * ret             set only if true is returned.
 * False: it is no answer to this question; go on waiting. A message with its id that cannot be read
 * is malformed. True also if out of memory, as malformed.
 */
bool locum_doctor_reply_read(const char *name, enum locum_doctor_type type, uint16_t id,
                             const uint8_t *bytes, size_t length,
                             struct locum_doctor_reply *ret) LOCUM_MUST_CHECK;

/* A message as ldns has it, owned by the caller; NULL: it cannot be read, or there is no memory. */
struct ldns_struct_pkt *locum_doctor_reply_parse(const uint8_t *bytes, size_t length);

/* Does it say what there is? Not if its rcode is an error such as SERVFAIL or REFUSED. */
bool locum_doctor_reply_tells(const struct locum_doctor_reply *self);

/* The first record at or after *at of this section, owner and type; NULL: none. *at moves behind
 * it. owner NULL: any. */
const struct locum_doctor_record *locum_doctor_reply_next(const struct locum_doctor_reply *self,
                                                          enum locum_doctor_section section,
                                                          const char *owner,
                                                          enum locum_doctor_type type, size_t *at);

#endif
