/*
 * keymemory: what is remembered of the keys of all zones, and what follows from it (keystate.h).
 * Pure: no clock, no I/O, no ldns.
 *
 * In: the keys of the folders, what the other servers show, what the parents serve, and the text
 * that an earlier run has saved. Out: which keys are published and sign, the text that this server
 * shows to the others, and the text to be saved. A key of a folder is remembered from its first
 * decision on, with its private half, until no rule needs it any more.
 *
 *   keymemory.c  the table   keymemory_decide.c  decisions   keymemory_text.c  the texts
 *   keymemory_clock.c  a clock that was set, or is in doubt
 */
#ifndef LOCUM_DNS_KEYMEMORY_H
#define LOCUM_DNS_KEYMEMORY_H

#include "base/text.h"
#include "config/config.h"
#include "dns/keystate.h"

enum {
    LOCUM_KEYMEMORY_DOCUMENT_MAX = 11200, /* LOCUM_DOCUMENTS_BYTES_MAX */
    LOCUM_KEYMEMORY_TTL_S = 3600,         /* of DNSKEY, CDS and CDNSKEY records */
    LOCUM_KEYMEMORY_DS_TTL_S = 86400,     /* until the parent has served one */
    LOCUM_KEYMEMORY_DS_TTL_MAX_S = 7 * 86400,
    /* A parent that has not answered for so long is not known: it is asked each hour. */
    LOCUM_KEYMEMORY_PARENT_S = 3 * 3600,
};

/* No time that is read is later: sums and differences of times do not overflow. */
#define LOCUM_KEYMEMORY_TIME_MAX_S (INT64_MAX / 2)

struct locum_keymemory_key {
    struct locum_keystate_key facts;
    struct locum_keystate state; /* of the last decision */
    int64_t published_since_s;   /* here, as far as it is served; 0: it is not */
    int64_t signing_since_s;     /* here; 0: it does not */
    bool in_cds;                 /* of this server */
    bool at_parent;              /* when that last answered this server */
    bool any_signing;            /* a server shows it as signing */
    char *record;                /* "257 3 13 BASE64" */
    char *private_half;          /* as in the file; NULL: not here */
};

struct locum_keymemory_zone {
    char name[LOCUM_DOMAIN_MAX + 1];
    struct locum_keymemory_key keys[LOCUM_KEYSTATE_KEYS_MAX];
    size_t count;
    struct locum_keystate_summary summary; /* of the last decision */
    bool cds_is_old;                       /* CDS is the last complete set; or there is none */
    uint32_t ttl_s;                        /* the longest of its records now */
    uint32_t longest_ttl_s;                /* the longest of those that may be cached */
    int64_t longest_at_s; /* when a TTL longer than ttl_s last ended; 0: there was none */
    bool parent_asked;    /* it has answered once */
    bool parent_has_ds;
    int64_t parent_answered_s;
    uint32_t ds_ttl_s;   /* the longest of the DS that may be cached */
    int64_t ds_ttl_at_s; /* when it was last served; 0: never */
    int64_t decided_s;   /* when it was last decided; 0: not in this run */
};

/* A server of the configuration. */
struct locum_keymemory_server {
    char name[LOCUM_NODE_NAME_MAX + 1];
    char *document;           /* what it showed last; NULL: nothing yet */
    int64_t document_since_s; /* since when it is known: no time that it states is later */
    int64_t heard_s;          /* when it was last known to show just that; 0: not in this run */
};

struct locum_keymemory {
    struct locum_keymemory_zone *zones[LOCUM_ZONES_MAX]; /* owned */
    size_t zone_count;
    struct locum_keymemory_server servers[LOCUM_NODES_MAX];
    size_t server_count, own; /* own: SIZE_MAX: this node is no server */
    bool changed;             /* what is saved is older than this; the owner clears it */
};

/* NULL: out of memory. */
struct locum_keymemory *locum_keymemory_create(void);

/* Another one with the same content. NULL: out of memory. */
struct locum_keymemory *locum_keymemory_copy(const struct locum_keymemory *self);

/* Private halves are cleared. NULL is fine. */
void locum_keymemory_destroy(struct locum_keymemory *self);

/* Forget the zones and servers that this configuration does not sign or have. */
void locum_keymemory_configure(struct locum_keymemory *self, const struct locum_config *config);

/* Does this configuration sign the zone? */
bool locum_keymemory_is_signed(const struct locum_config *config, const char *zone);

/* How long must a zone stay signed from now, if its parent removes the DS at once? 0: it need not,
 * or its parent was never heard. */
int64_t locum_keymemory_needed_s(const struct locum_keymemory *self, const char *zone,
                                 int64_t now_s);

/* NULL: nothing is remembered of it. */
struct locum_keymemory_zone *locum_keymemory_find(const struct locum_keymemory *self,
                                                  const char *zone);
const struct locum_keymemory_key *locum_keymemory_find_key(const struct locum_keymemory_zone *zone,
                                                           uint8_t algorithm, uint16_t tag);

/* A key of a folder; borrowed. */
struct locum_keymemory_found {
    uint8_t algorithm;
    uint16_t tag;
    bool secure_entry;
    const char *record, *private_half; /* NULL: its .private is not there */
};

/*
 * Would the keys of a folder fit beside those that must be remembered? A key with the algorithm and
 * tag of another one does not.
 *
 * Returns 0, LOCUM_ERR_SPACE, or LOCUM_ERR_INVALID with the number of the key in *ret_key.
 */
int locum_keymemory_fits(const struct locum_keymemory *self, const char *zone,
                         const struct locum_keymemory_found *found, size_t count,
                         size_t *ret_key) LOCUM_MUST_CHECK;

/*
 * These are the keys in the folder of a zone now, which fit.
 *
 * longest_ttl_s  of the records of the zone.
 * Returns 0 or LOCUM_ERR_MEMORY: then some of them may not be remembered.
 */
int locum_keymemory_take_folder(struct locum_keymemory *self, const char *zone,
                                const struct locum_keymemory_found *found, size_t count,
                                uint32_t longest_ttl_s, int64_t now_s) LOCUM_MUST_CHECK;

/* A server shows this now. Of a node that is no server, or without memory, nothing is taken. */
void locum_keymemory_take_document(struct locum_keymemory *self, const char *server,
                                   struct locum_slice document, int64_t now_s);

/* The parent of a zone has answered. at_parent: bits of the keys whose DS it has. */
struct locum_keymemory_parent {
    int64_t answered_s;
    uint32_t ttl_s;
    bool has_ds; /* of any key */
};
void locum_keymemory_take_parent(struct locum_keymemory_zone *zone,
                                 const struct locum_keymemory_parent *answer, uint32_t at_parent);

/* The time of the keys was set by so many seconds: everything that is noted moves with it, so that
 * no duration passes (dns/signtime.h). */
void locum_keymemory_shift(struct locum_keymemory *self, int64_t by_s);

/* The clock is in doubt: until it is heard again, no server counts as heard (KEYS-7). */
void locum_keymemory_hold(struct locum_keymemory *self);

/* What was decided at `since_s` or later is not served yet, or only now: it begins now. */
void locum_keymemory_postpone(struct locum_keymemory *self, int64_t since_s, int64_t now_s);

/* Decide for a zone. */
void locum_keymemory_decide(struct locum_keymemory *self, struct locum_keymemory_zone *zone,
                            int64_t now_s);

/* A number that says which keys are published, sign and are in CDS. */
uint64_t locum_keymemory_effect(const struct locum_keymemory_zone *zone);

/* A time in the future is now: it came from a clock that was wrong. */
void locum_keymemory_clamp(struct locum_keymemory_key *key, int64_t now_s);

/* Drop a key, whatever the parent has. False: no key without its files in the folder has this
 * tag, or no other key signs. */
bool locum_keymemory_drop(struct locum_keymemory *self, struct locum_keymemory_zone *zone,
                          uint16_t tag);

/* What a server shows of a key. */
struct locum_keymemory_shown {
    uint8_t algorithm;
    uint16_t tag;
    uint8_t bits; /* LOCUM_KEYSTATE_PUBLISHED and so on */
    int64_t published_since_s, signing_since_s;
};

/*
 * What a document shows of a zone: at most LOCUM_KEYSTATE_KEYS_MAX keys, the rest is skipped.
 *
 * document  of another server, untrusted.
 */
size_t locum_keymemory_read(const char *document, const char *zone,
                            struct locum_keymemory_shown ret[LOCUM_KEYSTATE_KEYS_MAX]);

/* The same of a server by its number; of this one, as it was last decided. */
size_t locum_keymemory_shown_by(const struct locum_keymemory *self,
                                const struct locum_keymemory_zone *zone, size_t server,
                                struct locum_keymemory_shown ret[LOCUM_KEYSTATE_KEYS_MAX]);

/* What it shows of one key; all 0: nothing. */
struct locum_keymemory_shown locum_keymemory_shown_of(const struct locum_keymemory *self,
                                                      const struct locum_keymemory_zone *zone,
                                                      size_t server,
                                                      const struct locum_keystate_key *key);

/* Append what this server shows; a zone that does not fit is left out, and the text is truncated.
 */
void locum_keymemory_show(const struct locum_keymemory *self, struct locum_text *text);

/* The text to be saved, freed by the caller, who clears it. NULL: out of memory. */
char *locum_keymemory_save(const struct locum_keymemory *self, size_t *ret_length);

/*
 * Take a text that was saved, into an empty memory. What was so when it was written counts as so
 * until now.
 *
 * Returns 0, LOCUM_ERR_MEMORY, or LOCUM_ERR_INVALID: it is not whole; what could be read is taken.
 */
int locum_keymemory_load(struct locum_keymemory *self, struct locum_slice text,
                         int64_t now_s) LOCUM_MUST_CHECK;

#endif
