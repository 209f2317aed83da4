/*
 * proof: a validator of single answers, by the rules of RFC 4035 5 and RFC 6840, made of ldns
 * alone: each RRset has a signature that verifies, and what is denied is denied by NSEC records.
 */
#ifndef LOCUM_TESTS_DNS_PROOF_H
#define LOCUM_TESTS_DNS_PROOF_H

#include <stdbool.h>
#include <stdio.h>

#include "dns/sign.h"
#include "fixture.h"

struct proof {
    const ldns_pkt *packet;
    const ldns_rr_list *keys;
    const ldns_rdf *apex;
    int64_t now_s;
    const char *why; /* it does not validate */
};

static inline bool
fails(struct proof *self, const char *why)
{
    self->why = self->why == NULL ? why : self->why;
    return false;
}

static inline bool
is_at(const ldns_rr *rr, const ldns_rdf *name)
{
    return ldns_dname_compare(ldns_rr_owner(rr), name) == 0;
}

static inline bool
is_below(const ldns_rdf *name, const ldns_rdf *above)
{
    const int more = ldns_dname_label_count(name) - ldns_dname_label_count(above);
    ldns_rdf *end = more > 0 ? ldns_dname_clone_from(name, (uint16_t)more) : NULL;
    const bool below = end != NULL && ldns_dname_compare(end, above) == 0;
    ldns_rdf_deep_free(end);
    return below;
}

static inline bool
is_within(const ldns_rdf *name, const ldns_rdf *above)
{
    return is_below(name, above) || ldns_dname_compare(name, above) == 0;
}

/* The RRset of a section, not owned; empty: there is none. */
static inline ldns_rr_list *
set_of(const ldns_rr_list *section, const ldns_rdf *owner, ldns_rr_type type)
{
    ldns_rr_list *set = ldns_rr_list_new();
    for (size_t i = 0; i < ldns_rr_list_rr_count(section); i++) {
        ldns_rr *rr = ldns_rr_list_rr(section, i);
        if (ldns_rr_get_type(rr) == type && is_at(rr, owner)) {
            assert_true(ldns_rr_list_push_rr(set, rr));
        }
    }
    return set;
}

/* The labels that the signatures of an RRset count (RFC 4034 3.1.3); -1: it has none that
 * verify. */
static inline int
signed_labels(const struct proof *self, const ldns_rr_list *section, const ldns_rdf *owner,
              ldns_rr_type type)
{
    ldns_rr_list *set = set_of(section, owner, type);
    ldns_rr_list *signatures = ldns_rr_list_new();
    int labels = -1;
    for (size_t i = 0; i < ldns_rr_list_rr_count(section); i++) {
        ldns_rr *rr = ldns_rr_list_rr(section, i);
        if (ldns_rr_get_type(rr) == LDNS_RR_TYPE_RRSIG && is_at(rr, owner) &&
            ldns_rdf2rr_type(ldns_rr_rrsig_typecovered(rr)) == type &&
            ldns_dname_compare(ldns_rr_rrsig_signame(rr), self->apex) == 0) {
            labels = ldns_rdf2native_int8(ldns_rr_rrsig_labels(rr));
            assert_true(ldns_rr_list_push_rr(signatures, rr));
        }
    }
    if (locum_sign_verify(set, signatures, self->keys, self->now_s) != 0) {
        labels = -1;
    }
    ldns_rr_list_free(signatures);
    ldns_rr_list_free(set);
    return labels;
}

static inline bool
is_signed(struct proof *self, const ldns_rr_list *section, const ldns_rdf *owner, ldns_rr_type type)
{
    return signed_labels(self, section, owner, type) >= 0 || fails(self, "an RRset is not signed");
}

static inline const ldns_rdf *
next_of(const ldns_rr *nsec)
{
    return ldns_rr_rdf(nsec, 0);
}

static inline bool
has_type(const ldns_rr *nsec, ldns_rr_type type)
{
    return ldns_nsec_bitmap_covers_type(ldns_rr_rdf(nsec, 1), type);
}

/* An NSEC record that says nothing of what is below its owner (RFC 6840 4.1). */
static inline bool
is_cut_above(const ldns_rr *nsec, const ldns_rdf *name)
{
    return is_below(name, ldns_rr_owner(nsec)) &&
           (has_type(nsec, LDNS_RR_TYPE_DNAME) ||
            (has_type(nsec, LDNS_RR_TYPE_NS) && !has_type(nsec, LDNS_RR_TYPE_SOA)));
}

static inline bool
covers(const struct proof *self, const ldns_rr *nsec, const ldns_rdf *name)
{
    const bool last = ldns_dname_compare(next_of(nsec), self->apex) == 0;
    return ldns_dname_compare(ldns_rr_owner(nsec), name) < 0 &&
           (last || ldns_dname_compare(name, next_of(nsec)) < 0) && !is_cut_above(nsec, name);
}

/* A signed NSEC record of the authority section that matches (or covers) a name; NULL: none. */
static inline const ldns_rr *
find_nsec(struct proof *self, const ldns_rdf *name, bool matches)
{
    const ldns_rr_list *authority = ldns_pkt_authority(self->packet);
    for (size_t i = 0; i < ldns_rr_list_rr_count(authority); i++) {
        const ldns_rr *rr = ldns_rr_list_rr(authority, i);
        if (ldns_rr_get_type(rr) == LDNS_RR_TYPE_NSEC &&
            (matches ? is_at(rr, name) : covers(self, rr, name)) &&
            is_signed(self, authority, ldns_rr_owner(rr), LDNS_RR_TYPE_NSEC)) {
            return rr;
        }
    }
    return NULL;
}

/* How many labels two names have in common at their end. */
static inline int
common_labels(const ldns_rdf *a, const ldns_rdf *b)
{
    int labels = ldns_dname_label_count(a);
    for (ldns_rdf *above = ldns_rdf_clone(a); labels >= 0; labels--) {
        const bool found = is_within(b, above);
        ldns_rdf *next = ldns_dname_left_chop(above);
        ldns_rdf_deep_free(above);
        above = next;
        if (found) {
            ldns_rdf_deep_free(above);
            break;
        }
    }
    return labels;
}

/* "*" below the ancestor of a name that has so many labels. */
static inline ldns_rdf *
wildcard_at(const ldns_rdf *name, int labels)
{
    ldns_rdf *above =
        ldns_dname_clone_from(name, (uint16_t)(ldns_dname_label_count(name) - labels));
    ldns_rdf *star = ldns_dname_new_frm_str("*.");
    ldns_rdf *wildcard = ldns_dname_cat_clone(star, above);
    ldns_rdf_deep_free(star);
    ldns_rdf_deep_free(above);
    return wildcard;
}

/* A signed NSEC record shows that a name exists, but has no types (an empty non-terminal). */
static inline bool
is_empty(struct proof *self, const ldns_rdf *name)
{
    const ldns_rr *nsec = find_nsec(self, name, false);
    return nsec != NULL && is_below(next_of(nsec), name);
}

/* The labels of the closest encloser of a name that does not exist; -1: that is not proved. */
static inline int
encloser_labels(struct proof *self, const ldns_rdf *name)
{
    const ldns_rr *nsec = find_nsec(self, name, false);
    if (nsec == NULL || is_empty(self, name)) {
        (void)fails(self, "no NSEC record covers a name");
        return -1;
    }
    const int before = common_labels(name, ldns_rr_owner(nsec));
    const int after = common_labels(name, next_of(nsec));
    return before > after ? before : after;
}

static inline bool
denies_name(struct proof *self, const ldns_rdf *name)
{
    const int labels = encloser_labels(self, name);
    if (labels < 0) {
        return false;
    }
    ldns_rdf *wildcard = wildcard_at(name, labels);
    const bool denied = find_nsec(self, wildcard, false) != NULL && !is_empty(self, wildcard);
    ldns_rdf_deep_free(wildcard);
    return denied || fails(self, "no NSEC record covers the wildcard");
}

/* Neither the type nor a CNAME, by the NSEC record of the name or the wildcard. */
static inline bool
lacks_type(struct proof *self, const ldns_rr *nsec, ldns_rr_type type)
{
    return (!has_type(nsec, type) && !has_type(nsec, LDNS_RR_TYPE_CNAME)) ||
           fails(self, "the NSEC record has the type");
}

static inline bool
denies_type(struct proof *self, const ldns_rdf *name, ldns_rr_type type)
{
    const ldns_rr *nsec = find_nsec(self, name, true);
    if (nsec != NULL) {
        return lacks_type(self, nsec, type);
    }
    if (is_empty(self, name)) {
        return true;
    }
    const int labels = encloser_labels(self, name);
    if (labels < 0) {
        return false;
    }
    ldns_rdf *wildcard = wildcard_at(name, labels);
    nsec = find_nsec(self, wildcard, true);
    const bool empty = nsec == NULL && is_empty(self, wildcard);
    ldns_rdf_deep_free(wildcard);
    return nsec != NULL ? lacks_type(self, nsec, type)
                        : empty || fails(self, "no NSEC record of the name or of a wildcard");
}

/* A positive RRset; one of a wildcard proves that nothing is nearer (RFC 4035 5.3.4). */
static inline bool
proves_set(struct proof *self, const ldns_rdf *owner, ldns_rr_type type)
{
    const int labels = signed_labels(self, ldns_pkt_answer(self->packet), owner, type);
    if (labels < 0) {
        return fails(self, "an RRset of the answer is not signed");
    }
    const int star = ldns_dname_is_wildcard(owner) ? 1 : 0;
    if (labels + star == ldns_dname_label_count(owner)) {
        return true;
    }
    return find_nsec(self, owner, false) != NULL
               ? encloser_labels(self, owner) == labels ||
                     fails(self, "a nearer wildcard is not denied")
               : fails(self, "no NSEC record denies the name that a wildcard stands for");
}

/* The DNAME of the answer above a name; NULL: none. */
static inline const ldns_rr *
dname_above(const struct proof *self, const ldns_rdf *name)
{
    const ldns_rr_list *answer = ldns_pkt_answer(self->packet);
    for (size_t i = 0; i < ldns_rr_list_rr_count(answer); i++) {
        const ldns_rr *rr = ldns_rr_list_rr(answer, i);
        if (ldns_rr_get_type(rr) == LDNS_RR_TYPE_DNAME && is_below(name, ldns_rr_owner(rr))) {
            return rr;
        }
    }
    return NULL;
}

/* A referral: DS, or that there is none, which is not the NSEC record of the zone below. */
static inline bool
proves_referral(struct proof *self, const ldns_rdf *name, const ldns_rdf *cut)
{
    const ldns_rr_list *authority = ldns_pkt_authority(self->packet);
    if (!is_within(name, cut)) {
        return fails(self, "a referral of another name");
    }
    ldns_rr_list *ds = set_of(authority, cut, LDNS_RR_TYPE_DS);
    const bool any = ldns_rr_list_rr_count(ds) > 0;
    ldns_rr_list_free(ds);
    if (any) {
        return is_signed(self, authority, cut, LDNS_RR_TYPE_DS);
    }
    const ldns_rr *nsec = find_nsec(self, cut, true);
    return nsec != NULL && has_type(nsec, LDNS_RR_TYPE_NS) && !has_type(nsec, LDNS_RR_TYPE_DS) &&
                   !has_type(nsec, LDNS_RR_TYPE_SOA)
               ? true
               : fails(self, "an insecure delegation is not proved");
}

/* What ends a chain: nothing, a referral or a denial. */
static inline bool
proves_end(struct proof *self, const ldns_rdf *name, ldns_rr_type type)
{
    const ldns_rr_list *authority = ldns_pkt_authority(self->packet);
    const ldns_rr *first =
        ldns_rr_list_rr_count(authority) == 0 ? NULL : ldns_rr_list_rr(authority, 0);
    if (first != NULL && ldns_rr_get_type(first) == LDNS_RR_TYPE_NS) {
        return proves_referral(self, name, ldns_rr_owner(first));
    }
    if (first == NULL || ldns_rr_get_type(first) != LDNS_RR_TYPE_SOA ||
        !is_signed(self, authority, ldns_rr_owner(first), LDNS_RR_TYPE_SOA)) {
        return fails(self, "no SOA record that is signed");
    }
    return ldns_pkt_get_rcode(self->packet) == LDNS_RCODE_NXDOMAIN ? denies_name(self, name)
                                                                   : denies_type(self, name, type);
}

/* One name of a chain. *ret_next: where a CNAME leads, borrowed; NULL: it is the last. */
static inline bool
proves_link(struct proof *self, const ldns_rdf *name, ldns_rr_type type, const ldns_rdf **ret_next)
{
    const ldns_rr_list *answer = ldns_pkt_answer(self->packet);
    ldns_rr_list *wanted = set_of(answer, name, type);
    ldns_rr_list *cname = set_of(answer, name, LDNS_RR_TYPE_CNAME);
    const ldns_rr *dname = dname_above(self, name);
    bool proved;
    *ret_next = NULL;
    if (dname != NULL) { /* a CNAME below it is made of it */
        proved = is_signed(self, answer, ldns_rr_owner(dname), LDNS_RR_TYPE_DNAME);
        if (ldns_pkt_get_rcode(self->packet) != LDNS_RCODE_YXDOMAIN) {
            proved = proved && (ldns_rr_list_rr_count(cname) == 1 ||
                                fails(self, "a DNAME without its CNAME"));
        }
    } else if (ldns_rr_list_rr_count(wanted) > 0) {
        proved = proves_set(self, name, type);
    } else if (ldns_rr_list_rr_count(cname) > 0) {
        proved = proves_set(self, name, LDNS_RR_TYPE_CNAME);
    } else {
        proved = proves_end(self, name, type);
    }
    if (proved && ldns_rr_list_rr_count(cname) == 1 && type != LDNS_RR_TYPE_CNAME) {
        *ret_next = ldns_rr_rdf(ldns_rr_list_rr(cname, 0), 0);
    }
    ldns_rr_list_free(wanted);
    ldns_rr_list_free(cname);
    return proved;
}

/* Does an answer validate? If not, self->why. links: CNAMEs that are followed. */
static inline bool
proves(struct proof *self, const ldns_rdf *name, ldns_rr_type type, size_t links)
{
    bool proved = true;
    for (size_t i = 0; name != NULL && proved && i <= links && is_within(name, self->apex); i++) {
        const ldns_rdf *next;
        proved = proves_link(self, name, type, &next);
        name = next;
    }
    return proved;
}

#endif
