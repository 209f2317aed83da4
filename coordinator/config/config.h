/*
 * config: one YAML file -> a validated configuration, or every error in it with file:line:col.
 *
 * In: locum.yaml and the secret file it names. Out: struct locum_config, immutable once made. All
 * checks that need no ldns are made here; static records are checked by dns/ (locum_dns_check()),
 * with the positions kept here. Includes base, core/types.h and libyaml only.
 */
#ifndef LOCUM_CONFIG_CONFIG_H
#define LOCUM_CONFIG_CONFIG_H

#include "base/address.h"
#include "base/hmac.h"
#include "base/keyring.h"
#include "base/pattern.h"
#include "config/problems.h"
#include "core/types.h"

#define LOCUM_CONFIG_DEFAULT_PATH "/etc/locum/locum.yaml"

enum {
    LOCUM_CONFIG_FILE_BYTES_MAX = 8 * 1024 * 1024,
    LOCUM_CONFIG_DEPTH_MAX = 8,
    LOCUM_FOREIGN_DEPTH_MAX = 16,     /* another program's file: its own keys may be anything */
    LOCUM_FOREIGN_REFERENCES_MAX = 8, /* anchors and aliases in it */
    LOCUM_ZONES_MAX = 64,
    LOCUM_ADDRESSES_MAX = 8, /* of one node, and of one listen list */
    LOCUM_CONFIG_EXEMPT_MAX = 32,
    LOCUM_NS_MAX = 8,
    LOCUM_ALPN_MAX = 4, /* protocols in HTTPS records */
    LOCUM_ALPN_CHARS_MAX = 15,
    LOCUM_PERSIST_MAX = 4,        /* entries of acme.persist of a zone */
    LOCUM_RECORDS_MAX = 1000,     /* static records of a zone */
    LOCUM_RECORD_TEXT_MAX = 2047, /* characters of one */
    LOCUM_ARGV_MAX = 16,
    LOCUM_WORDS_BYTES_MAX = 500, /* of all words of a list, with a NUL after each */
    LOCUM_HEADERS_MAX = 16,      /* of an http check */
    LOCUM_DOMAIN_MAX = 254,      /* characters of an absolute name with its last dot */
    LOCUM_PATH_MAX = 255,
    LOCUM_STRING_MAX = 511,
    LOCUM_STATUS_RANGES_MAX = 8,
    LOCUM_TLS_NAMES_MAX = 16, /* written in one tls check */
    LOCUM_TRANSFER_ALLOW_MAX = 16,
    LOCUM_TRANSFER_NOTIFY_MAX = 8,
    LOCUM_TSIG_KEYS_MAX = 32,       /* of all files */
    LOCUM_TSIG_NAME_CHARS_MAX = 55, /* of an absolute key name with its last dot */
    LOCUM_TSIG_SECRET_MIN = 16,     /* bytes */
    LOCUM_TSIG_SECRET_MAX = 128,
    LOCUM_HOOKS_MAX = 8,
    LOCUM_HOOK_SECRET_MIN = 16,
    LOCUM_HOOK_SECRET_MAX = 255,
    LOCUM_TOKEN_MIN = 32, /* characters of the token of acme.token-file */
    LOCUM_TOKEN_MAX = 255,
};

/* host:port; the host is a name or a numeric address. port 0: not configured. */
struct locum_endpoint {
    char host[LOCUM_HOST_MAX + 1];
    uint16_t port;
};

struct locum_config_node {
    struct locum_address address[LOCUM_ADDRESSES_MAX]; /* port 0 */
    size_t address_count;
    uint16_t peer_port; /* 9853 */
    struct locum_endpoint redis;
    struct locum_endpoint sentinel;
    char mirrorbits[LOCUM_HOST_MAX + 1]; /* host name its Mirrorbits announces */
    struct locum_keyring_key key[LOCUM_KEYRING_KEYS_MAX];
    size_t key_count; /* 0: heartbeats to and from it are signed with the secret only */
};

enum locum_peer_keys { LOCUM_PEER_KEYS_ACCEPT, LOCUM_PEER_KEYS_REQUIRE };

struct locum_config_record {
    char *text; /* owned; zone-file syntax, owner relative to the zone */
    struct locum_position at;
};

/* A shared secret that signs DNS messages (RFC 8945). */
struct locum_config_tsig_key {
    char name[LOCUM_TSIG_NAME_CHARS_MAX + 1]; /* absolute, lower case */
    enum locum_hmac_hash hash;
    uint8_t secret[LOCUM_TSIG_SECRET_MAX];
    size_t secret_length;
};

/* Who may have a copy of a zone. */
struct locum_config_transfer {
    struct locum_prefix allow[LOCUM_TRANSFER_ALLOW_MAX]; /* not written: this host */
    size_t allow_count;
    char key_file[LOCUM_PATH_MAX + 1]; /* "": requests need no signature */
    uint32_t keys;    /* bits of tsig_keys: those of the file; 0 with a file: all are refused */
    size_t first_key; /* index of the first one of the file, which signs NOTIFY; if keys != 0 */
    struct locum_address notify[LOCUM_TRANSFER_NOTIFY_MAX];
    size_t notify_count;
};

struct locum_config_zone {
    char name[LOCUM_DOMAIN_MAX + 1]; /* absolute, lower case, with its last dot */
    enum locum_policy policy;
    uint32_t ttl_s, failover_ttl_s;
    char ns[LOCUM_NS_MAX][LOCUM_DOMAIN_MAX + 1]; /* absolute */
    size_t ns_count;                             /* >= 1 */
    struct {
        char mname[LOCUM_DOMAIN_MAX + 1]; /* absolute */
        char rname[LOCUM_DOMAIN_MAX + 1]; /* absolute, as a domain name */
        uint32_t refresh_s, retry_s, expire_s, minimum_s;
    } soa;
    struct locum_config_record *records; /* owned; NULL: none */
    size_t record_count;
    struct {
        char keys[LOCUM_PATH_MAX + 1];  /* folder; "": the zone is not signed */
        struct locum_position at;       /* of that key */
        uint32_t validity_s, refresh_s; /* whole days */
        bool withdraw;
    } dnssec;
    char alpn[LOCUM_ALPN_MAX][LOCUM_ALPN_CHARS_MAX + 1];
    size_t alpn_count;    /* 0: the names have no HTTPS records (dns/https.h) */
    bool dns_01;          /* `_acme-challenge` exists for the names (acme.h) */
    size_t persist_count; /* entries of acme.persist (acme.h) */
    struct locum_config_transfer transfer;
    struct locum_position at;
};

/* How other programs set ACME challenges: with signed UPDATE messages, and with a token. */
struct locum_config_acme {
    char key_file[LOCUM_PATH_MAX + 1];                      /* "": no UPDATE is taken */
    struct locum_config_tsig_key keys[LOCUM_TSIG_KEYS_MAX]; /* of that file */
    size_t key_count;                                       /* 0 with a file: all are refused */
    char token_file[LOCUM_PATH_MAX + 1];                    /* "": none */
    char token[LOCUM_TOKEN_MAX + 1]; /* of that file; "": it could not be read */
    struct locum_address listen;     /* port 0: none */
};

/* Who may issue certificates for the names of a zone without a token (acme.h). */
struct locum_config_persist {
    char issuer[LOCUM_DOMAIN_MAX + 1];  /* absolute, as in CAA records */
    char account[LOCUM_STRING_MAX + 1]; /* its URI */
    bool wildcard;                      /* also a wildcard certificate of each name */
    char until[11];                     /* 2027-12-31; "": without end */
};

/* The text of core.names[i]. */
struct locum_config_name {
    size_t zone;
    char name[LOCUM_DOMAIN_MAX + 1]; /* absolute, lower case */
    struct locum_position at;        /* for messages */
};

enum locum_check_kind {
    LOCUM_CHECK_HTTP,
    LOCUM_CHECK_TCP,
    LOCUM_CHECK_TLS,
    LOCUM_CHECK_COMMAND,
    LOCUM_CHECK_MIRRORBITS
};

/* HTTP status codes, both ends included; a list of them ends before the first with `max` 0. */
struct locum_status_range {
    uint16_t min, max;
};

/* Texts one after the other, each ended by NUL. */
struct locum_config_words {
    char at[LOCUM_WORDS_BYTES_MAX];
    size_t count;
};

/* The name of a mirrorbits check, and the first word of those that its `file` adds. */
#define LOCUM_CHECK_MIRRORBITS_NAME "mirrorbits"

struct locum_config_check {
    enum locum_check_kind kind;
    char name[LOCUM_STRING_MAX + 1]; /* for people, e.g. "http 127.0.0.1:8080" */
    locum_ms timeout_ms;             /* interval, rise, fall, fast_fail: core.checks[i] */
    struct {
        char url[LOCUM_STRING_MAX + 1];
        struct locum_status_range expect[LOCUM_STATUS_RANGES_MAX];
        bool head;                     /* the method is HEAD, not GET */
        char host[LOCUM_HOST_MAX + 1]; /* Host header and SNI; "": from the URL */
        /* Patterns that the body, or the target of the redirect, must or must not match; "": any */
        char body[LOCUM_PATTERN_MAX + 1], body_not[LOCUM_PATTERN_MAX + 1];
        const char *body_absent; /* what it means if `body` is not found; NULL: say just that */
        char location[LOCUM_PATTERN_MAX + 1], location_not[LOCUM_PATTERN_MAX + 1];
        char ca_file[LOCUM_PATH_MAX + 1];  /* the only authorities; "": the system's */
        struct locum_address connect_to;   /* instead of the URL's host; port 0: not given */
        struct locum_config_words headers; /* "Name: value" each */
        bool lacks_value; /* of a header that was not kept (source.h): the check cannot be run */
    } http;
    struct locum_address tcp;
    struct {
        struct locum_address address;
        char names[LOCUM_TLS_NAMES_MAX][LOCUM_DOMAIN_MAX + 1]; /* absolute */
        size_t name_count; /* 0: the shared names, and those that this node owns */
        uint32_t warn_days;
        bool expiry_fails;                /* an invalid certificate fails the check */
        char ca_file[LOCUM_PATH_MAX + 1]; /* the only authorities; "": the system's */
    } tls;
    struct locum_config_words command;          /* a program and its arguments */
    char mirrorbits_file[LOCUM_STRING_MAX + 1]; /* path of a file that it serves; "": none */
};

/* What mirrorbits-config says of Mirrorbits' web service; read if a check has a file. */
struct locum_config_mirrorbits {
    char authority[LOCUM_HOST_MAX + 16];   /* where this node asks it, "127.0.0.1:8080" */
    char fallbacks[LOCUM_PATTERN_MAX + 1]; /* pattern of the URLs of all; "": there is none */
    size_t file_check, database_check;     /* made for the file; 0: none */
};

/* The connections that use it. */
enum locum_tls_for { LOCUM_TLS_FOR_BOTH, LOCUM_TLS_FOR_REDIS, LOCUM_TLS_FOR_SENTINELS };

struct locum_config_tls {
    bool on;
    enum locum_tls_for to;
    char ca_file[LOCUM_PATH_MAX + 1];
    char cert_file[LOCUM_PATH_MAX + 1]; /* own certificate and key; "": none */
    char key_file[LOCUM_PATH_MAX + 1];
    char name[LOCUM_HOST_MAX + 1]; /* in all certificates; "": where one connects to */
};

struct locum_config_redis {
    char master_name[64]; /* "": no Redis configured */
    char user[64], password[256];
    char sentinel_user[64], sentinel_password[256];
    char password_file[LOCUM_PATH_MAX + 1], sentinel_password_file[LOCUM_PATH_MAX + 1];
    char mirrorbits_config[LOCUM_PATH_MAX + 1];
    uint32_t db;
    locum_ms timeout_ms; /* sentinel-poll: core.sentinel_poll_ms */
    struct locum_config_tls tls;
    struct locum_endpoint server; /* of mirrorbits-config, where no node has a redis */
    struct locum_endpoint sentinels[LOCUM_NODES_MAX]; /* of mirrorbits-config, of no node */
    size_t sentinel_count;
};

/* What a hook is for. */
enum locum_hook_on {
    LOCUM_HOOK_CONDITION,
    LOCUM_HOOK_SERVING,
    LOCUM_HOOK_SERVICE,
    LOCUM_HOOK_WARNING,
    LOCUM_HOOK_KINDS, /* their number */
};

/* Where events are sent: a command or a URL. */
struct locum_config_hook {
    enum locum_hook_on on[LOCUM_HOOK_KINDS];
    size_t on_count;
    struct locum_config_words command; /* count 0: it is a URL */
    char url[LOCUM_STRING_MAX + 1];    /* "": it is a command */
    char secret_file[LOCUM_PATH_MAX + 1];
    char secret[LOCUM_HOOK_SECRET_MAX + 1]; /* of that file; "": the body is not signed */
    locum_ms timeout_ms;
    bool lacks_secret; /* of a kept configuration: its URL or secret is not known, so it is off */
};

/* What it was made of (source.h). */
struct locum_config_source {
    const char *yaml;       /* of locum.yaml */
    const char *mirrorbits; /* of redis.mirrorbits-config; NULL: it did not exist, or is not used */
};

/* Response rate limiting over UDP (dns/limit.h). */
struct locum_config_rate_limit {
    uint32_t responses_per_second; /* of one bucket of a listen address; 0: no limit */
    uint32_t slip;                 /* one in so many over it is sent short; 0: none */
    struct locum_prefix exempt[LOCUM_CONFIG_EXEMPT_MAX];
    size_t exempt_count;
};

struct locum_config {
    struct locum_core_config core; /* what the core decides with; nodes, names, checks by index */
    struct locum_config_node nodes[LOCUM_NODES_MAX];    /* core.nodes[i] */
    struct locum_config_name names[LOCUM_NAMES_MAX];    /* core.names[i] */
    struct locum_config_check checks[LOCUM_CHECKS_MAX]; /* core.checks[i] */
    struct locum_config_zone zones[LOCUM_ZONES_MAX];
    size_t zone_count;
    struct locum_config_persist persist[LOCUM_ZONES_MAX * LOCUM_PERSIST_MAX];
    struct locum_config_tsig_key tsig_keys[LOCUM_TSIG_KEYS_MAX]; /* of transfer.key-file */
    size_t tsig_key_count;
    struct locum_config_acme acme;
    struct locum_config_redis redis;
    struct locum_config_mirrorbits mirrorbits;
    struct locum_config_hook hooks[LOCUM_HOOKS_MAX];
    size_t hook_count;
    char secret_file[LOCUM_PATH_MAX + 1];
    struct locum_secrets secrets;
    char key_file[LOCUM_PATH_MAX + 1]; /* "": this node has no key of its own */
    struct locum_secrets private_keys; /* of that file */
    enum locum_peer_keys peer_keys;    /* what a heartbeat needs to count */
    struct locum_keyring *keyring;     /* the keys of this node with all; NULL: it has none */
    struct locum_address listen_dns[LOCUM_ADDRESSES_MAX];
    size_t listen_dns_count; /* 0: `none`, or a witness */
    struct locum_address listen_peer[LOCUM_ADDRESSES_MAX];
    size_t listen_peer_count;
    struct locum_address listen_http; /* port 0: none */
    struct locum_address listen_status[LOCUM_ADDRESSES_MAX];
    size_t listen_status_count;
    char listen_control[LOCUM_PATH_MAX + 1];
    char state_dir[LOCUM_PATH_MAX + 1];
    uint32_t events_keep;
    uint32_t dns_workers;
    struct locum_config_rate_limit rate_limit;
    char path[LOCUM_PATH_MAX + 1]; /* the file it was read from */
    struct locum_config_source source;
    bool kept; /* made by locum_config_load_kept() */
    /* Of a kept one: the secrets that could not be read, and why; "": none. Without the secrets of
     * heartbeats secrets.count is 0. */
    char lacks[LOCUM_PROBLEM_BYTES];
};

/*
 * Read and validate.
 *
 * path     borrowed.
 * node     overrides `node:` (tests); NULL: the file's, else the host's name.
 * report   called for each error and warning before this returns; never NULL.
 * ret      a configuration that the caller frees with locum_config_free(); untouched on failure.
 * Returns 0 (there may have been warnings) or LOCUM_ERR_INVALID, LOCUM_ERR_MEMORY.
 */
int locum_config_load(const char *path, const char *node, locum_problem_fn *report, void *user,
                      struct locum_config **ret) LOCUM_MUST_CHECK;

/*
 * Make a configuration once more of its source, for a start whose files are refused. Secrets and
 * passwords are read from where they are named. What cannot be read of them is a warning, and in
 * `lacks`: the node answers DNS without it. Warnings have no place, for the file has changed.
 *
 * path    of the file that it was read from then.
 * source  as it was then; borrowed during the call.
 * node, report, user, ret and errors as above.
 */
int locum_config_load_kept(const char *path, const char *node,
                           const struct locum_config_source *source, locum_problem_fn *report,
                           void *user, struct locum_config **ret) LOCUM_MUST_CHECK;

/* May heartbeats be sent, and can those of others count? Not without the secret, nor without a key
 * of its own that is required (GREEN-15). */
bool locum_config_speaks(const struct locum_config *self);

/* Free; secrets are wiped. NULL is fine. */
void locum_config_free(struct locum_config *self);

/*
 * May `next` take effect without a restart? 0, or LOCUM_ERR_REFUSED with the key that forbids it,
 * one that the table of keys marks so (keys.c), in ret_why: "state-dir changed", or, where nothing
 * is written for it, "listen.dns follows nodes.dc2.address, which changed".
 */
int locum_config_reloadable(const struct locum_config *running, const struct locum_config *next,
                            struct locum_text *ret_why) LOCUM_MUST_CHECK;

/* The names whose certificates a tls check looks at. Borrowed from the configuration. */
size_t locum_config_tls_names(const struct locum_config *self,
                              const struct locum_config_check *check,
                              const char *ret_names[LOCUM_NAMES_MAX]);

/* "10.0.0.12:6379", "[2001:db8::12]:6379" or "dc2.example.org:6379": as it is written. */
void locum_config_endpoint_add(const struct locum_endpoint *self, struct locum_text *text);

#endif
