/* service: the checks of this node's own service. */
#include <string.h>
#include <unistd.h>

#include "base/text_format.h"
#include "config/load.h"
#include "config/source.h"
#include "config/value.h"

/* What the status and the metrics call a check, e.g. "http 127.0.0.1:8080". */
static void
name_check(struct locum_config_check *check)
{
    struct locum_text name = locum_text_init(check->name, sizeof(check->name));
    const struct locum_slice url = locum_slice_of(check->http.url);
    const char *word = check->command.at;
    struct locum_slice authority;
    switch (check->kind) {
    case LOCUM_CHECK_HTTP:
        authority = locum_value_url_authority(url);
        const char *path = authority.at + authority.length;
        locum_text_format(&name, "%s %s%.*s%s", locum_slice_starts(url, "https") ? "https" : "http",
                          check->http.head ? "HEAD " : "", LOCUM_SLICE(authority),
                          strcmp(path, "/") == 0 ? "" : path);
        if (check->http.host[0] != '\0') {
            locum_text_format(&name, " host %s", check->http.host);
        }
        if (check->http.connect_to.port != 0) {
            locum_text_format(&name, " at %s", locum_address_text(&check->http.connect_to).text);
        }
        break;
    case LOCUM_CHECK_TCP:
        locum_text_format(&name, "tcp %s", locum_address_text(&check->tcp).text);
        break;
    case LOCUM_CHECK_TLS:
        locum_text_format(&name, "tls %s", locum_address_text(&check->tls.address).text);
        for (size_t i = 0; i < check->tls.name_count; i++) {
            locum_text_format(&name, "%s%.*s", i == 0 ? " " : ",",
                              (int)strlen(check->tls.names[i]) - 1, check->tls.names[i]);
        }
        break;
    case LOCUM_CHECK_COMMAND:
        locum_text_add(&name, "command");
        for (size_t i = 0; i < check->command.count; i++, word++) {
            locum_text_add_char(&name, ' ');
            for (; *word != '\0'; word++) {
                locum_text_add_char(&name, *word >= ' ' && *word < 127 ? *word : '?');
            }
        }
        break;
    case LOCUM_CHECK_MIRRORBITS: locum_text_add(&name, LOCUM_CHECK_MIRRORBITS_NAME); break;
    }
}

/* The one kind that is written in item `index`; false, and an error, if it is not one. */
static bool
find_kind(struct locum_bind *bind, size_t index, enum locum_check_kind *ret)
{
    const yaml_node_t *item = locum_bind_item(bind, LOCUM_KEY_CHECKS, 0, index);
    if (item->type != YAML_MAPPING_NODE) {
        return false; /* the binder has reported it */
    }
    if (item->data.mapping.pairs.top - item->data.mapping.pairs.start != 1) {
        LOCUM_BIND_ERROR(bind, item,
                         "checks: a check has exactly one key: http, tcp, tls, command or "
                         "mirrorbits; "
                         "write each check as an item, with its settings inside that key");
        return false;
    }
    static const struct {
        enum locum_key key;
        enum locum_check_kind kind;
    } kinds[] = {{LOCUM_KEY_HTTP, LOCUM_CHECK_HTTP},
                 {LOCUM_KEY_TCP, LOCUM_CHECK_TCP},
                 {LOCUM_KEY_CHECK_TLS, LOCUM_CHECK_TLS},
                 {LOCUM_KEY_COMMAND, LOCUM_CHECK_COMMAND},
                 {LOCUM_KEY_MIRRORBITS, LOCUM_CHECK_MIRRORBITS}};
    size_t i = 0;
    while (i < LOCUM_COUNT(kinds) && !locum_bind_written(bind, kinds[i].key, index)) {
        i++;
    }
    if (i == LOCUM_COUNT(kinds)) {
        return false; /* the binder has reported the unknown key */
    }
    *ret = kinds[i].kind;
    return true;
}

/* A field name of HTTP is a token (RFC 9110 5.1). */
static bool
is_token(struct locum_slice name)
{
    static const char others[] = "!#$%&'*+-.^_`|~";
    for (size_t i = 0; i < name.length; i++) {
        const char c = name.at[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              (c != '\0' && strchr(others, c) != NULL))) {
            return false;
        }
    }
    return name.length > 0;
}

/* Fields that libcurl or another key sets. */
static bool
is_reserved(struct locum_slice name)
{
    static const char *const reserved[] = {"host", "content-length", "transfer-encoding",
                                           "connection"};
    for (size_t i = 0; i < LOCUM_COUNT(reserved); i++) {
        if (strlen(reserved[i]) == name.length &&
            strncasecmp(reserved[i], name.at, name.length) == 0) {
            return true;
        }
    }
    return false;
}

/* The values may be secret: no message repeats one. */
static void
load_headers(struct locum_bind *bind, size_t index)
{
    struct locum_config *config = bind->target;
    struct locum_config_words *headers = &config->checks[index].http.headers;
    struct locum_text words = locum_text_init(headers->at, sizeof(headers->at));
    const size_t count = locum_bind_items(bind, LOCUM_KEY_HTTP_HEADERS, index);
    for (size_t i = 0; i < count; i++) {
        const yaml_node_t *key = locum_bind_item_key(bind, LOCUM_KEY_HTTP_HEADERS, index, i);
        const yaml_node_t *item = locum_bind_item(bind, LOCUM_KEY_HTTP_HEADERS, index, i);
        const struct locum_slice name = locum_document_text(key);
        const struct locum_slice value = locum_document_text(item);
        if (!is_token(name) || is_reserved(name)) {
            LOCUM_BIND_ERROR(bind, key, "headers: %s %s", locum_problems_quote(name).text,
                             is_token(name) ? "cannot be set here; for Host use the key host"
                                            : "is not the name of a header field; write one such "
                                              "as X-Forwarded-Proto");
            return;
        }
        for (size_t j = 0; j < value.length; j++) {
            if ((unsigned char)value.at[j] < ' ' || value.at[j] == 127) {
                LOCUM_BIND_ERROR(bind, item,
                                 "headers: the value of %.*s contains a control character; "
                                 "remove it",
                                 LOCUM_SLICE(name));
                return;
            }
        }
        if (config->kept && locum_slice_is(value, LOCUM_SOURCE_SECRET)) {
            config->checks[index].http.lacks_value = true;
            locum_load_lack(bind, LOCUM_KEY_HTTP_HEADERS,
                            "headers: the value of %.*s is not kept, so check %s cannot be run",
                            LOCUM_SLICE(name), config->checks[index].name);
        }
        locum_text_format(&words, "%.*s%s%.*s", LOCUM_SLICE(name), value.length > 0 ? ": " : ";",
                          LOCUM_SLICE(value)); /* libcurl: "Name;" sends an empty value */
        locum_text_add_bytes(&words, "", 1);
    }
    if (words.truncated) {
        locum_bind_error(bind, LOCUM_KEY_HTTP_HEADERS, index,
                         "headers: longer than %d characters; send fewer or shorter fields",
                         LOCUM_WORDS_BYTES_MAX - 1);
        return;
    }
    headers->count = count;
}

/* Settings that are right by themselves and wrong together. */
static void
check_http(struct locum_bind *bind, size_t index)
{
    const struct locum_config *config = bind->target;
    const struct locum_config_check *check = &config->checks[index];
    static const size_t of_body[] = {LOCUM_KEY_HTTP_BODY, LOCUM_KEY_HTTP_BODY_NOT};
    for (size_t i = 0; i < LOCUM_COUNT(of_body); i++) {
        if (locum_bind_good(bind, of_body[i], index) && check->http.head) {
            locum_bind_error(bind, of_body[i], index,
                             "%s: a HEAD request returns no body; use method: GET",
                             locum_schema_name(&locum_keys.rows[of_body[i]]));
        }
    }
    if (locum_bind_good(bind, LOCUM_KEY_HTTP_CA_FILE, index) &&
        !locum_slice_starts(locum_slice_of(check->http.url), "https")) {
        locum_bind_error(bind, LOCUM_KEY_HTTP_CA_FILE, index,
                         "ca-file: the URL is not https://; remove this key");
    }
}

/* Two checks of the same name would look the same in the status and the metrics. */
static void
check_is_unique(struct locum_bind *bind, size_t index)
{
    const struct locum_config *config = bind->target;
    for (size_t i = 0; i < index; i++) {
        if (strcmp(config->checks[i].name, config->checks[index].name) == 0) {
            LOCUM_BIND_ERROR(bind, locum_bind_item(bind, LOCUM_KEY_CHECKS, 0, index),
                             "checks: \"%s\" is already used at line %u; remove one of them",
                             config->checks[i].name,
                             locum_document_at(locum_bind_item(bind, LOCUM_KEY_CHECKS, 0, i)).line);
            return;
        }
    }
}

/* One of the two checks that a mirrorbits check with a file adds at the end; its index. */
static size_t
add_check(struct locum_config *config, size_t like, const char *what, const char *path)
{
    const size_t index = config->core.check_count++;
    struct locum_config_check *check = &config->checks[index];
    config->core.checks[index] = config->core.checks[like];
    config->core.checks[index].mirrorbits = false;
    config->core.checks[index].counts = true;
    check->kind = LOCUM_CHECK_HTTP;
    check->timeout_ms = config->checks[like].timeout_ms;
    (void)locum_text_format_buffer(check->name, sizeof(check->name),
                                   LOCUM_CHECK_MIRRORBITS_NAME " %s", what);
    (void)locum_text_format_buffer(check->http.url, sizeof(check->http.url), "http://%s%s",
                                   config->mirrorbits.authority, path);
    return index;
}

/* An ordinary failover of Redis takes less than this many failures, so long after each other. */
enum { DATABASE_FALL = 6, DATABASE_INTERVAL_MS = 500 };

/* Each row of the page's table is a mirror; with another template any cell with a name. */
static const char mirror_in_page[] = "<td( rowspan=\"2\")?>[A-Za-z0-9]";
static const char no_mirror[] =
    "Redis has no mirror: restore them, see FLUSHALL in doc/mirrorbits.md";

/* Printable ASCII that a URL needs not escape, without a query. */
static bool
is_url_path(const char *path)
{
    for (const char *at = path; *at != '\0'; at++) {
        if (*at <= ' ' || *at >= 127 || strchr("?#\"<>\\^`{|}", *at) != NULL) {
            return false;
        }
    }
    return path[0] == '/';
}

static void
add_file_checks(struct locum_bind *bind, size_t index)
{
    struct locum_config *config = bind->target;
    const char *path = config->checks[index].mirrorbits_file;
    const locum_node self = config->core.self;
    if (self != LOCUM_NODE_NONE && config->core.nodes[self].role == LOCUM_ROLE_WITNESS) {
        return; /* it runs no check, and has no mirrorbits.conf */
    }
    if (!is_url_path(path)) {
        locum_bind_error(bind, LOCUM_KEY_MIRRORBITS_FILE, index,
                         "file: \"%s\" is not the path of a file; write it as in its URL, as in "
                         "/pool/vlc.exe",
                         path);
    } else if (config->core.checks[index].degrades) {
        locum_bind_error(bind, LOCUM_KEY_CHECK_SEVERITY, index,
                         "severity: a mirrorbits check with file itself tells a degraded service "
                         "from a failing one; remove this key");
    } else if (config->mirrorbits.authority[0] == '\0') {
        if (access(config->redis.mirrorbits_config, F_OK) == 0) {
            return; /* an error of that file is reported there */
        }
        locum_bind_error(bind, LOCUM_KEY_MIRRORBITS_FILE, index,
                         "file: the address and the Fallbacks of Mirrorbits are not known; set "
                         "redis.mirrorbits-config to the path of mirrorbits.conf");
    } else if (config->core.check_count + 2 > LOCUM_CHECKS_MAX) {
        locum_bind_error(bind, LOCUM_KEY_MIRRORBITS_FILE, index,
                         "file: it adds two checks, and more than %d are not possible; remove some",
                         LOCUM_CHECKS_MAX);
    } else {
        const size_t file = add_check(config, index, "file", path);
        const size_t database = add_check(config, index, "database", "/?mirrorstats");
        config->mirrorbits.file_check = file;
        config->mirrorbits.database_check = database;
        config->checks[file].http.head = true;
        config->checks[file].http.expect[0] = (struct locum_status_range){.min = 300, .max = 399};
        memcpy(config->checks[file].http.location_not, config->mirrorbits.fallbacks,
               sizeof(config->mirrorbits.fallbacks));
        config->checks[database].http.expect[0] =
            (struct locum_status_range){.min = 200, .max = 200};
        memcpy(config->checks[database].http.body, mirror_in_page, sizeof(mirror_in_page));
        config->checks[database].http.body_absent = no_mirror;
        config->core.checks[database].degrades = true;
        config->core.checks[database].fast_fail = false;
        config->core.checks[database].fall = DATABASE_FALL;
        if (config->core.checks[database].interval_ms < DATABASE_INTERVAL_MS) {
            config->core.checks[database].interval_ms = DATABASE_INTERVAL_MS;
        }
    }
}

size_t
locum_config_tls_names(const struct locum_config *self, const struct locum_config_check *check,
                       const char *ret_names[LOCUM_NAMES_MAX])
{
    size_t count = 0;
    for (; count < check->tls.name_count; count++) {
        ret_names[count] = check->tls.names[count];
    }
    for (size_t i = 0; check->tls.name_count == 0 && i < self->core.name_count; i++) {
        const locum_node owner = self->core.names[i].owner;
        if (owner == LOCUM_NODE_NONE || owner == self->core.self) {
            ret_names[count++] = self->names[i].name;
        }
    }
    return count;
}

/* Certificates change rarely, so the defaults are longer than those of other checks. */
enum { TLS_INTERVAL_MS = 60 * 1000, TLS_TIMEOUT_MS = 5000 };

static void
load_tls(struct locum_bind *bind, size_t index)
{
    struct locum_config *config = bind->target;
    const struct locum_config_check *check = &config->checks[index];
    const char *names[LOCUM_NAMES_MAX];
    if (!locum_bind_written(bind, LOCUM_KEY_CHECK_INTERVAL, index)) {
        config->core.checks[index].interval_ms = TLS_INTERVAL_MS;
    }
    if (!locum_bind_written(bind, LOCUM_KEY_CHECK_TIMEOUT, index)) {
        config->checks[index].timeout_ms = TLS_TIMEOUT_MS;
    }
    if (config->core.self != LOCUM_NODE_NONE &&
        config->core.nodes[config->core.self].role == LOCUM_ROLE_SERVER &&
        locum_config_tls_names(config, check, names) == 0) {
        LOCUM_BIND_ERROR(bind, locum_bind_item(bind, LOCUM_KEY_CHECKS, 0, index),
                         "names: this node has no shared name and owns none; write the names whose "
                         "certificates to look at");
    }
}

/* Returns true unless it is a mirrorbits check without a file, which cannot judge the service
 * alone. */
static bool
load_check(struct locum_bind *bind, size_t index)
{
    struct locum_config *config = bind->target;
    struct locum_config_check *check = &config->checks[index];
    struct locum_core_check *core = &config->core.checks[index];
    if (!find_kind(bind, index, &check->kind)) {
        return true;
    }
    core->mirrorbits = check->kind == LOCUM_CHECK_MIRRORBITS;

    core->counts = core->counts || !core->mirrorbits;
    if (core->mirrorbits && config->redis.master_name[0] == '\0') {
        LOCUM_BIND_ERROR(bind, locum_bind_item(bind, LOCUM_KEY_CHECKS, 0, index),
                         "mirrorbits: this check needs Redis; set redis and sentinel of the nodes");
    }
    if (check->kind == LOCUM_CHECK_COMMAND) {
        locum_load_command(bind, LOCUM_KEY_COMMAND_ARGV, index, &check->command);
    }
    const bool complete = (check->kind != LOCUM_CHECK_HTTP || check->http.url[0] != '\0') &&
                          (check->kind != LOCUM_CHECK_TCP || check->tcp.port != 0) &&
                          (check->kind != LOCUM_CHECK_TLS || check->tls.address.port != 0) &&
                          (check->kind != LOCUM_CHECK_COMMAND || check->command.count > 0);
    if (complete) {
        name_check(check);
        check_is_unique(bind, index);
        if (check->kind == LOCUM_CHECK_HTTP) {
            check_http(bind, index);
            load_headers(bind, index);
        } else if (check->kind == LOCUM_CHECK_TLS) {
            load_tls(bind, index);
        }
    }
    if (core->mirrorbits && locum_bind_good(bind, LOCUM_KEY_MIRRORBITS_FILE, index)) {
        add_file_checks(bind, index);
    }
    return !core->mirrorbits || locum_bind_written(bind, LOCUM_KEY_MIRRORBITS_FILE, index);
}

/* RESUME-6: 32-bit FNV-1a of its name, which no other check has. */
static uint32_t
check_id(const struct locum_config_check *check)
{
    uint32_t id = 2166136261u;
    for (const char *at = check->name; *at != '\0'; at++) {
        id = (id ^ (uint8_t)*at) * 16777619u;
    }
    return id;
}

void
locum_load_service(struct locum_bind *bind)
{
    struct locum_config *config = bind->target;
    struct locum_core_config *core = &config->core;
    bool probed =
        locum_bind_bad(bind, LOCUM_KEY_CHECKS, 0) || locum_bind_bad(bind, LOCUM_KEY_SERVICE, 0);
    const size_t written = core->check_count;
    for (size_t i = 0; i < written; i++) {
        probed |= load_check(bind, i);
    }
    for (size_t i = 0; i < core->check_count; i++) {
        core->checks[i].id = check_id(&config->checks[i]);
    }
    if (core->self == LOCUM_NODE_NONE) {
        return;
    }
    if (core->nodes[core->self].role == LOCUM_ROLE_WITNESS) {
        core->check_count = 0;
    } else if (!probed) {
        locum_bind_error(
            bind, LOCUM_KEY_CHECKS, 0,
            "service.checks: a server needs at least one http, tcp, tls or command check, or a "
            "mirrorbits check with file, "
            "as in {http: {url: \"http://127.0.0.1:8080/\"}}");
    }
}
