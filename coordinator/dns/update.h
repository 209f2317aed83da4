/*
 * update: an UPDATE message (RFC 2136) -> what it asks for, and whether that is done.
 *
 *   packet, whose signature is valid -> locum_update_parse() -> locum_update_judge() -> rcode, and
 *     if that is NOERROR the operations, in their order
 *
 * Only the values of ACME challenges can change: TXT records at `_acme-challenge` names, each one
 * string. Anything else is REFUSED. Pure, no allocation, every loop bounded by the packet's length.
 *
 * The checks come in the order of the RFC: the zone (3.1), the prerequisites (3.2), the form of all
 * operations (3.4.1), then whether they are allowed (3.3). Nothing is changed before all of them.
 */
#ifndef LOCUM_DNS_UPDATE_H
#define LOCUM_DNS_UPDATE_H

#include "base/slice.h"
#include "config/config.h"
#include "dns/packet.h"

enum {
    LOCUM_UPDATE_RECORDS_MAX = 32, /* prerequisites, and operations; more are REFUSED */
    LOCUM_UPDATE_VALUES_MAX = 8,   /* of one name */
};

enum locum_update_kind {
    /* Prerequisites (2.4): an RRset exists, with these values, does not exist; a name is in use, is
     * not. */
    LOCUM_UPDATE_RRSET_EXISTS,
    LOCUM_UPDATE_RRSET_IS,
    LOCUM_UPDATE_RRSET_ABSENT,
    LOCUM_UPDATE_NAME_EXISTS,
    LOCUM_UPDATE_NAME_ABSENT,
    /* Operations (2.5). */
    LOCUM_UPDATE_ADD,
    LOCUM_UPDATE_DELETE_RRSET,
    LOCUM_UPDATE_DELETE_NAME,
    LOCUM_UPDATE_DELETE_VALUE,
};

struct locum_update_record {
    enum locum_update_kind kind;
    char owner[LOCUM_DOMAIN_MAX + 1]; /* absolute, lower case; "" if a label has other characters
                                         than those of configured names */
    uint16_t type;
    struct locum_slice value; /* of TXT, in the packet; `at` is NULL: it can be no challenge's */
};

struct locum_update {
    char zone[LOCUM_DOMAIN_MAX + 1]; /* as `owner` */
    size_t zone_end;                 /* offset after the zone section */
    bool is_in;                      /* its class is IN */
    struct locum_edns edns;
    /* Of the first record of each section that is refused because of its form; NOERROR: none. The
     * section has the records before it. */
    enum locum_dns_rcode prerequisites_rcode, operations_rcode;
    struct locum_update_record prerequisites[LOCUM_UPDATE_RECORDS_MAX];
    struct locum_update_record operations[LOCUM_UPDATE_RECORDS_MAX];
    size_t prerequisite_count, operation_count;
};

/*
 * Read a message with opcode UPDATE, of at least LOCUM_DNS_HEADER_BYTES.
 *
 * signed_at  of its TSIG record; 0: it has none.
 * ret        borrows from the packet.
 * Returns NOERROR, or FORMERR: it is not whole, or its zone section has not one record of type SOA.
 * Then only zone_end is valid: 0, or after that section.
 */
enum locum_dns_rcode locum_update_parse(const uint8_t *packet, size_t length, size_t signed_at,
                                        struct locum_update *ret);

/* What the answers are now. */
struct locum_update_site {
    /* Is this zone served here? */
    bool (*is_zone)(void *user, const char *zone);
    /* The values at a name, without the placeholder. False: it is no name of a challenge. */
    bool (*values)(void *user, const char *owner, size_t *ret_count,
                   const char *ret[LOCUM_UPDATE_VALUES_MAX]);
    void *user;
};

/* The rcode of a message that was parsed: NOERROR (the operations may be done), FORMERR, NOTZONE,
 * NOTAUTH, REFUSED, YXDOMAIN, NXDOMAIN, YXRRSET or NXRRSET. */
enum locum_dns_rcode locum_update_judge(const struct locum_update *self,
                                        const struct locum_update_site *site);

/* Has the record this value? */
bool locum_update_is_value(const struct locum_update_record *record, const char *value);

#endif
