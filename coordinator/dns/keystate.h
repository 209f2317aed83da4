/*
 * keystate: which keys of a zone are published, and which of them sign. Pure: no clock, no I/O, no
 * allocation.
 *
 * In: what is in the key folder, what the configured servers show, what the parent serves, and what
 * was done before. Out: for each key whether it is in the DNSKEY records, what it signs, whether it
 * is in CDS and CDNSKEY, why, and what the operator may remove.
 *
 * The rules, by their ids in messages and tests:
 *
 * KEYS-1  A .key in the folder is published, a .private there signs. 257 signs DNSKEY; 256 signs
 *         the rest, where there is one of that algorithm; otherwise 257 does. Without 257, 256
 *         signs all.
 * KEYS-2  A key does not sign alone before every server has shown it as published for the TTL of
 *         DNSKEY and an hour. Until then those that signed before sign too, from memory. A zone
 *         that nothing has signed, without a DS at its parent, signs at once.
 * KEYS-3  A key 257 whose DS the parent serves, or served less than its TTL and an hour ago, or for
 *         which the CDS of a server asks, stays published and signs DNSKEY. A DS that is reported
 *         to one server holds for all: the resolver of another may be wrong. None is dropped while
 *         the parent cannot be asked, nor before it was asked once more after the file had gone:
 *         until then it may have had the DS, which may be cached for as long as above.
 * KEYS-4  Each algorithm of the published keys signs everything (RFC 4035 2.2). A new algorithm
 *         signs first, and its keys are published once every server has signed with it for the
 *         longest TTL. One that leaves goes on signing for the TTL of DNSKEY and an hour.
 * KEYS-5  A key stays published while signatures that any server made with it may be cached.
 * KEYS-6  CDS and CDNSKEY have the keys 257 with a file that every server shows as published, of
 *         the algorithms of which every server signs with such a key; without one the last set
 *         stays. None is new while a server publishes keys that do not verify what another signs,
 *         or, if the parent has a DS, before it has been published for the TTL of DNSKEY and an
 *         hour: the parent may take it at once (RFC 6781 4.1.2, 4.1.4). Until then none leaves.
 *         A parent that never answered may have a DS, but the first set is for it in any case.
 * KEYS-7  Servers that do not hear each other must not take back what others rely on. So what a
 *         server stops, it announces an hour before: it shows a key without its .key as kept, and
 *         one that signs without its .private as leaving. It stops when it has heard all servers
 *         in the last half hour. On the other side, a key begins to sign alone, an algorithm is
 *         published and CDS changes only if all servers were heard in the last half hour, and none
 *         announced otherwise.
 * KEYS-8  A zone that was signed never is without keys: if no other key can sign it, those of
 *         before go on, and their algorithms are published.
 */
#ifndef LOCUM_DNS_KEYSTATE_H
#define LOCUM_DNS_KEYSTATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    LOCUM_KEYSTATE_KEYS_MAX = 32,   /* of a zone: those of the folder and those that are kept */
    LOCUM_KEYSTATE_MARGIN_S = 3600, /* added to a TTL that must have passed */
    LOCUM_KEYSTATE_HEARD_S = LOCUM_KEYSTATE_MARGIN_S / 2, /* KEYS-7 needs half of it, or less */
};

/* What a server shows of a key: bits. */
enum {
    LOCUM_KEYSTATE_PUBLISHED = 1,
    LOCUM_KEYSTATE_SIGNING = 2,  /* DNSKEY or the rest */
    LOCUM_KEYSTATE_KEPT = 4,     /* published, but its .key file is gone */
    LOCUM_KEYSTATE_CDS = 8,      /* CDS names it */
    LOCUM_KEYSTATE_LEAVING = 16, /* signing, but its .private file is gone */
    LOCUM_KEYSTATE_REST = 32,    /* signing what is not DNSKEY */
    LOCUM_KEYSTATE_DS = 64,      /* as the parent last reported: it has its DS */
};

/* A key of a zone. Times are in seconds since 1970; 0: never. */
struct locum_keystate_key {
    uint8_t algorithm;
    uint16_t tag;
    bool secure_entry;  /* flags 257 */
    bool has_record;    /* its .key is in the folder */
    bool has_private;   /* its .private too */
    bool can_sign;      /* the private half is at hand: in the folder, in memory or kept */
    bool dropped;       /* by an operator who knows better than KEYS-3 */
    bool any_kept;      /* a server shows it as kept */
    bool any_cds;       /* the CDS of a server names it */
    bool was_published; /* here, by the decision before */
    bool was_settled;   /* and signs, by the decision before */
    int64_t all_published_since_s;     /* since then every server has shown it as published */
    int64_t algorithm_signing_since_s; /* since then every server has signed with its algorithm */
    int64_t last_published_s;          /* when a server last showed it as published */
    int64_t last_signed_dnskey_s;      /* when this node last signed DNSKEY with it */
    int64_t last_signed_rest_s;        /* and other records */
    int64_t last_signed_anywhere_s;    /* when a server last showed it as signing */
    int64_t last_at_parent_s;          /* when its DS was last reported to a server */
    int64_t maybe_at_parent_s;         /* when it may last have been there between two answers */
    int64_t last_private_s;            /* when its .private was last in the folder */
    int64_t last_wanted_s;             /* when its .key was last here, or CDS named it */
};

struct locum_keystate_zone {
    int64_t now_s;
    bool all_heard; /* what each server shows is known, not older than LOCUM_KEYSTATE_HEARD_S */
    uint32_t dnskey_ttl_s;
    uint32_t longest_ttl_s;    /* of the zone */
    uint32_t ds_ttl_s;         /* as the parent served it last */
    bool parent_known;         /* it has been asked, and has answered */
    int64_t parent_answered_s; /* when it last did; 0: never */
    bool parent_has_ds;        /* for any key, when it was last known; true if it never was */
};

/* Why a key is published or signs although no file says so, or the reverse. */
enum locum_keystate_why {
    LOCUM_KEYSTATE_FILE,              /* as KEYS-1 says */
    LOCUM_KEYSTATE_NOT_WANTED,        /* no file, and no rule needs it */
    LOCUM_KEYSTATE_AT_PARENT,         /* KEYS-3 */
    LOCUM_KEYSTATE_PARENT_UNKNOWN,    /* KEYS-3 */
    LOCUM_KEYSTATE_IN_CDS,            /* KEYS-3 */
    LOCUM_KEYSTATE_OTHERS_TOO_NEW,    /* KEYS-2: those of the folder must not sign alone yet */
    LOCUM_KEYSTATE_CACHED,            /* KEYS-5, or KEYS-4 for an algorithm that leaves */
    LOCUM_KEYSTATE_NO_SIGNER,         /* KEYS-4: no .private here signs with its algorithm */
    LOCUM_KEYSTATE_ALGORITHM_TOO_NEW, /* KEYS-4: it signs, but is not published yet */
    LOCUM_KEYSTATE_LAST,              /* KEYS-8 */
};

enum locum_keystate_removable {
    LOCUM_KEYSTATE_REMOVE_NOTHING,
    LOCUM_KEYSTATE_REMOVE_PRIVATE, /* the .private may go, not yet the .key */
    LOCUM_KEYSTATE_REMOVE_BOTH,
};

struct locum_keystate {
    bool published, signs_dnskey, signs_rest, in_cds;
    bool settled; /* it may sign alone (KEYS-2) */
    enum locum_keystate_why why_published, why_signs;
    enum locum_keystate_removable removable;
};

/* Of the zone as a whole. */
struct locum_keystate_summary {
    bool fresh;         /* nothing has signed it, and its parent has no DS */
    bool alone;         /* the parent has a DS, and only keys sign that must not sign alone yet */
    bool unsigned_zone; /* no key can sign */
};

/*
 * Note what the servers show.
 *
 * keys     of one zone; their times are brought up to date.
 * shown    bits of server s and key k at [s * count + k]; 0 for a server that was never heard.
 * servers  the number of configured servers, this one included.
 */
void locum_keystate_observe(struct locum_keystate_key *keys, size_t count, const uint8_t *shown,
                            size_t servers, int64_t now_s);

/* Decide for the keys of a zone. ret: one for each. */
struct locum_keystate_summary locum_keystate_decide(const struct locum_keystate_zone *zone,
                                                    const struct locum_keystate_key *keys,
                                                    size_t count, struct locum_keystate *ret);

/* "its DS is at the parent", for people. */
const char *locum_keystate_why_text(enum locum_keystate_why why);

#endif
