#include "report/events.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/text_format.h"

/* Where the value of a field is, and how it is written. */
enum value {
    TEXT,      /* texts[at] */
    ADVICE,    /* `fixed`, what the operator should know or do */
    FIXED,     /* `fixed` */
    NODE,      /* the rest: at this offset of struct locum_event */
    CONDITION, /* enum locum_condition, and so on */
    SERVICE,
    ADMIN,
    CAUSE,
    FAMILY,
    TRANSPORT,
    DNS, /* enum locum_dns_state */
    SERVING,
    LOST,  /* of an address family: lost, back */
    VOTES, /* who voted; left out if nobody had to */
    AGES,  /* of a struct locum_condition_event: how old the evidence of each was */
    MS,
    U64,
    YES_NO,
};

struct field {
    const char *key; /* NULL: the row has no more */
    enum value value;
    size_t at;
    const char *fixed;
};

struct row {
    const char *name;
    enum locum_level level;
    /* A bit for each value of an event's `to` (a condition, a service, lost), or of `left`, that
     * makes it a warning. */
    unsigned int warn_to;
    struct field fields[LOCUM_REDIS_FIELDS_MAX - 2];
    const char *meaning; /* for locum(8), with names between backquotes */
};

#define AT(member) offsetof(struct locum_event, member)

/* The table. The order of the fields is that of all outputs. Field names and event names are an
 * interface: scripts read them. */
/* clang-format off */
static const struct row rows[LOCUM_EVENTS] = {
    [LOCUM_EVENT_CONDITION] = {"condition", LOCUM_LOG_INFO, 1 << LOCUM_SUSPECT | 1 << LOCUM_DOWN,
        {{"peer", NODE, AT(condition.peer), NULL}, {"from", CONDITION, AT(condition.from), NULL},
         {"to", CONDITION, AT(condition.to), NULL}, {"votes", VOTES, AT(condition.voters), NULL},
         {"ages", AGES, AT(condition), NULL}, {"reason", CAUSE, AT(condition.cause), NULL}},
        "The condition of a peer, as this node sees it, changed. `votes` are the nodes that "
        "do not hear the peer, `ages` tells how old the evidence of each is, in ms: of this node, how long it has not heard "
        "the peer; of another, its last heartbeat or the last poll of its Sentinel. "
        "A silent peer loses its own names only when it is `down`, and has them back when it is "
        "`alive`. Failing checks, drain, maint or an exclusion move them without a vote."},
    [LOCUM_EVENT_SERVICE] = {"service", LOCUM_LOG_INFO,
        1 << LOCUM_FAILING | 1 << LOCUM_SERVICE_DEGRADED,
        {{"from", SERVICE, AT(service.from), NULL}, {"to", SERVICE, AT(service.to), NULL},
         {"reason", FIXED, .fixed = "checks"}, {"checks", TEXT, 0, NULL}},
        "The state of this node's own service changed. `checks` lists the failing and degraded "
        "checks with their errors."},
    [LOCUM_EVENT_ADMIN] = {"admin", LOCUM_LOG_INFO, 0,
        {{"from", ADMIN, AT(admin.from), NULL}, {"to", ADMIN, AT(admin.to), NULL},
         {"reason", CAUSE, AT(admin.cause), NULL}, {"text", TEXT, 0, NULL}},
        "The administrative state changed. `reason` is `operator` or `lease-end`; `text` is "
        "the operator's reason."},
    [LOCUM_EVENT_SERVING] = {"serving", LOCUM_LOG_INFO, 0,
        {{"from", SERVING, AT(serving.from), NULL}, {"to", SERVING, AT(serving.to), NULL}},
        "What this node answers changed: `self` (it names itself), `yielding(dc3)` (dc3 "
        "instead of itself), `all(dc2,dc3)`, `fail-open` (no server is known to be healthy, "
        "so the names stay) or `witness`. `+takeover(dc3)` is added for each peer whose own "
        "names it has taken over."},
    [LOCUM_EVENT_EXCLUDED] = {"excluded", LOCUM_LOG_INFO, 0, {{"peer", NODE, AT(peer), NULL}},
        "The operator excluded the peer from this node's answers."},
    [LOCUM_EVENT_INCLUDED] = {"included", LOCUM_LOG_INFO, 0, {{"peer", NODE, AT(peer), NULL}},
        "The operator included the peer again."},
    [LOCUM_EVENT_STALL] = {"stall", LOCUM_LOG_WARN, 0, {{"late-ms", MS, AT(late_ms), NULL}},
        "The process did not run for that long, for example on a paused machine. It restarts "
        "its timers instead of counting the pause as silence."},
    [LOCUM_EVENT_INCARNATION] = {"incarnation", LOCUM_LOG_WARN, 0,
        {{"to", U64, AT(incarnation), NULL},
         {"reason", ADVICE, .fixed = "a peer remembers a later run of this node"}},
        "A peer remembers a later run of this node, because the state folder was lost. The "
        "incarnation was raised above that one."},
    [LOCUM_EVENT_DUPLICATE_NODE] = {"duplicate-node", LOCUM_LOG_ERR, 0,
        {{"incarnation", U64, AT(incarnation), NULL},
         {"reason", ADVICE,
          .fixed = "another coordinator uses this node's name: stop one of the two"}},
        "Another coordinator uses this node's name. Stop one of the two."},
    [LOCUM_EVENT_ONE_WAY] = {"one-way", LOCUM_LOG_WARN, 0,
        {{"peer", NODE, AT(peer), NULL},
         {"reason", ADVICE, .fixed = "it does not hear this node: check its firewall and the "
                                     "network path for UDP on the peer port"}},
        "This node hears the peer, but the peer does not hear this node. Its heartbeats are "
        "no evidence until it does."},
    [LOCUM_EVENT_TWO_WAY] = {"two-way", LOCUM_LOG_INFO, 0, {{"peer", NODE, AT(peer), NULL}},
        "The peer hears this node again."},
    [LOCUM_EVENT_RESTART] = {"restart", LOCUM_LOG_INFO, 1 << false,
        {{"peer", NODE, AT(restart.peer), NULL}, {"left", YES_NO, AT(restart.left), NULL}},
        "The coordinator of the peer runs again. `left` is `yes` after an orderly stop, and `no` "
        "after a crash or a power cut."},
    [LOCUM_EVENT_LEAVING] = {"leaving", LOCUM_LOG_INFO, 0,
        {{NULL, TEXT, 0, NULL}},
        "An orderly stop has begun, and the peers are notified."},
    [LOCUM_EVENT_DNS] = {"dns", LOCUM_LOG_INFO, ~(1u << LOCUM_DNS_UNKNOWN | 1u << LOCUM_DNS_OK),
        {{"peer", NODE, AT(dns.peer), NULL}, {"family", FAMILY, AT(dns.family), NULL},
         {"transport", TRANSPORT, AT(dns.transport), NULL}, {"from", DNS, AT(dns.from), NULL},
         {"to", DNS, AT(dns.to), NULL}},
        "The peer's DNS began to fail or works again, as this node sees it: it asks the peer's "
        "addresses for the SOA of a zone, and two failures in a row count. `to` is `ok`, `silent` "
        "(no answer within a second), `unreachable` (its host rejects the question), `refused` "
        "(the answer is REFUSED), `error` (another error code), `not-authoritative` (a resolver "
        "answers) or `other-soa` (the SOA is not the configured one). No answer changes because of it."},
    [LOCUM_EVENT_FAMILY] = {"family", LOCUM_LOG_INFO, 1 << true,
        {{"peer", NODE, AT(family.node), NULL}, {"family", FAMILY, AT(family.family), NULL},
         {"to", LOST, AT(family.lost), NULL}, {"votes", VOTES, AT(family.voters), NULL},
         {"reason", CAUSE, AT(family.cause), NULL}},
        "A peer or this node itself lost an address family (`to` is `lost`) or has it back "
        "(`back`). While a family is lost, answers of its type name other servers if a better one "
        "is left. `reason` is `address` (an own address is gone), `reported` (the peer says so), "
        "`quorum` (the nodes in `votes` hear it in the other family only) or `recovered`."},
    [LOCUM_EVENT_PUBLISH_FAILED] = {"publish-failed", LOCUM_LOG_ERR, 0,
        {{"reason", TEXT, 0, NULL}, {"effect", TEXT, 1, NULL}},
        "New answers could not be published, or new signatures could not be made (DNSSEC). The "
        "previous ones stay."},
    [LOCUM_EVENT_REDIS_CONNECTED] = {"redis-connected", LOCUM_LOG_INFO, 0, {{"master", TEXT, 0, NULL}},
        "Subscribed to the heartbeat channel of this master, and PUBLISH works there."},
    [LOCUM_EVENT_REDIS_LOST] = {"redis-lost", LOCUM_LOG_WARN, 0, {{"reason", TEXT, 0, NULL}},
        "The connection to the master ended."},
    [LOCUM_EVENT_DS] = {"ds", LOCUM_LOG_INFO, 0,
        {{"zone", TEXT, 0, NULL}, {"from", TEXT, 1, NULL}, {"to", TEXT, 2, NULL}},
        "What the parent's DS records say of a signed zone changed: `none` (there are none), `ok` "
        "(one is of a key that signs here), `mismatch` (there are some, of other keys only) or "
        "`unknown` (the parent has not answered). The first state after a start is no event."},
    [LOCUM_EVENT_DNSSEC_KEY] = {"dnssec-key", LOCUM_LOG_INFO, 0,
        {{"zone", TEXT, 0, NULL}, {"key", TEXT, 1, NULL}, {"state", TEXT, 2, NULL}},
        "This node uses the DNSSEC key with this tag otherwise than before: `published`, `signing`, "
        "`published-signing` or `withdrawn`."},
    [LOCUM_EVENT_RELOAD] = {"reload", LOCUM_LOG_INFO, 0, {{"digest", TEXT, 0, NULL}},
        "A new configuration is in effect. Nodes with the same `digest` have the same "
        "configuration."},
    [LOCUM_EVENT_START] = {"start", LOCUM_LOG_INFO, 0, {{"version", TEXT, 0, NULL}, {"digest", TEXT, 1, NULL}},
        "The daemon started."},
    [LOCUM_EVENT_STOP] = {"stop", LOCUM_LOG_INFO, 0,
        {{NULL, TEXT, 0, NULL}},
        "The daemon stops."},
    [LOCUM_EVENT_REPLACED] = {"replaced", LOCUM_LOG_INFO, 0,
        {{"from", TEXT, 0, NULL}, {"to", TEXT, 1, NULL}, {"pause-ms", TEXT, 2, NULL}},
        "The program on the disk runs in place of the one before; these are their versions. "
        "DNS queries waited for `pause-ms`."},
    [LOCUM_EVENT_REPLACE_FAILED] = {"replace-failed", LOCUM_LOG_ERR, 0, {{"reason", TEXT, 0, NULL}},
        "The program on the disk could not be put in place of this one, which goes on."},
    [LOCUM_EVENT_ACME] = {"acme", LOCUM_LOG_INFO, 0,
        {{"name", TEXT, 0, NULL}, {"state", TEXT, 1, NULL}, {"client", TEXT, 2, NULL}},
        "A value of an ACME challenge was set or removed at this node (`state` is `set` or `unset`). "
        "`name` is the name of the TXT record, `client` is who asked for it: `cli` is `locum acme`. "
        "The value is not shown."},
    [LOCUM_EVENT_ACME_LATE] = {"acme-late", LOCUM_LOG_WARN, 0,
        {{"peers", TEXT, 0, NULL}, {"reason", TEXT, 1, NULL}},
        "These servers are not `down` and have not acknowledged a change of ACME challenges in the time that "
        "its client waits. They may still answer without it."},
    [LOCUM_EVENT_WARNING] = {"warning", LOCUM_LOG_WARN, 0,
        {{"about", TEXT, 0, NULL}, {"peer", TEXT, 1, NULL}, {"reason", TEXT, 2, NULL}},
        "A warning began, or its text changed; see WARNINGS."},
    [LOCUM_EVENT_WARNING_OVER] = {"warning-over", LOCUM_LOG_INFO, 0,
        {{"about", TEXT, 0, NULL}, {"peer", TEXT, 1, NULL}},
        "The warning is over."},
};
/* clang-format on */

const char *
locum_events_name(int kind)
{
    return rows[kind].name;
}

const char *
locum_events_meaning(int kind)
{
    return rows[kind].meaning;
}

void
locum_events_add_keys(struct locum_text *text, int kind)
{
    for (const struct field *field = rows[kind].fields; field->key != NULL; field++) {
        locum_text_format(text, "%s%s", field == rows[kind].fields ? "" : " ", field->key);
    }
}

static void
add_ages(struct locum_text *text, const struct locum_core_config *config,
         const struct locum_condition_event *event)
{
    const char *separator = "";
    for (locum_node voter = 0; voter < config->node_count; voter++) {
        if (locum_nodes_has(event->voters, voter)) {
            locum_text_format(text, "%s%s=%" PRIi64, separator, config->nodes[voter].name,
                              event->age_ms[voter]);
            separator = ",";
        }
    }
}

/* Append a value of the core's event; nothing: it has none. */
static void
add_value(struct locum_text *text, const struct field *field,
          const struct locum_core_config *config, const struct locum_event *event)
{
    const void *at = (const char *)event + field->at;
    switch (field->value) {
    case FIXED: locum_text_add(text, field->fixed); break;
    case NODE: locum_text_add(text, config->nodes[*(const locum_node *)at].name); break;
    case CONDITION:
        locum_text_add(text, locum_names_condition(*(const enum locum_condition *)at));
        break;
    case SERVICE: locum_text_add(text, locum_names_service(*(const enum locum_service *)at)); break;
    case ADMIN: locum_text_add(text, locum_names_admin(*(const enum locum_admin *)at)); break;
    case LOST: locum_text_add(text, *(const bool *)at ? "lost" : "back"); break;
    case CAUSE: locum_text_add(text, locum_names_cause(*(const enum locum_cause *)at)); break;
    case FAMILY: locum_text_add(text, locum_names_family(*(const enum locum_family *)at)); break;
    case TRANSPORT:
        locum_text_add(text, locum_names_transport(*(const enum locum_transport *)at));
        break;
    case DNS: locum_text_add(text, locum_names_dns_state(*(const enum locum_dns_state *)at)); break;
    case SERVING: locum_plan_serving_add(text, config, *(const struct locum_serving *)at); break;
    case VOTES:
        if (*(const locum_nodes *)at != 0) {
            locum_nodes_add(text, config, *(const locum_nodes *)at);
        }
        break;
    case AGES: add_ages(text, config, at); break;
    case MS: locum_text_add_i64(text, *(const locum_ms *)at); break;
    case U64: locum_text_add_u64(text, *(const uint64_t *)at); break;
    case YES_NO: locum_text_add(text, *(const bool *)at ? "yes" : "no"); break;
    case TEXT:
    case ADVICE: break;
    }
}

/* A change of condition or service is a warning if it is for the worse; so is a crash. */
static enum locum_level
level_of(const struct row *row, const struct locum_event_facts *what)
{
    unsigned int to = 0;
    if (what->kind == LOCUM_EVENT_CONDITION) {
        to = what->event->condition.to;
    } else if (what->kind == LOCUM_EVENT_SERVICE) {
        to = what->event->service.to;
    } else if (what->kind == LOCUM_EVENT_RESTART) {
        to = what->event->restart.left;
    } else if (what->kind == LOCUM_EVENT_DNS) {
        to = what->event->dns.to;
    } else if (what->kind == LOCUM_EVENT_FAMILY) {
        to = what->event->family.lost;
    }
    return (row->warn_to >> to & 1u) != 0 ? LOCUM_LOG_WARN : row->level;
}

void
locum_events_describe(const struct locum_event_facts *what, const struct locum_core_config *config,
                      struct locum_event_fields *ret)
{
    const struct row *row = &rows[what->kind];
    struct locum_text text = locum_text_init(ret->buffer, sizeof(ret->buffer));
    ret->level = level_of(row, what);
    ret->at[0] = (struct locum_field){.key = "event", .value = row->name};
    ret->at[1] = (struct locum_field){.key = "node", .value = config->nodes[config->self].name};
    ret->count = 2;
    for (const struct field *field = row->fields; field->key != NULL; field++) {
        const char *value = field->value == TEXT ? what->texts[field->at] : field->fixed;
        if (what->event == NULL) {
            value = what->texts[field - row->fields];
        } else if (field->value != TEXT && field->value != ADVICE) {
            add_value(&text, field, config, what->event);
            LOCUM_INVARIANT(!text.truncated); /* 32 nodes fit, in all fields of a row */
            value = text.length > 0 ? text.at : NULL;
            text = locum_text_init(text.at + text.length + 1, text.size - text.length - 1);
        }
        if (value != NULL) {
            ret->at[ret->count++] = (struct locum_field){.key = field->key, .value = value};
        }
    }
}

void
locum_events_add_line(struct locum_text *text, const struct locum_core_config *config,
                      const struct locum_event *event)
{
    locum_text_add(text, rows[event->kind].name);
    for (const struct field *field = rows[event->kind].fields; field->key != NULL; field++) {
        char value[LOCUM_EVENT_BYTES_MAX];
        struct locum_text of_value = locum_text_init(value, sizeof(value));
        add_value(&of_value, field, config, event);
        if (of_value.length > 0) {
            locum_text_format(text, " %s=%s", field->key, value);
        }
    }
}

struct locum_events {
    json_t *entries; /* array, oldest first: {id, time, fields}, as GET /events gives them */
    size_t keep;
    uint64_t last_id;
    uint64_t lost_id; /* of the newest that is not kept any more; 0: none */
    uint64_t of_kind[LOCUM_EVENTS];
};

struct locum_events *
locum_events_create(size_t keep)
{
    struct locum_events *self = calloc(1, sizeof(*self));
    json_t *entries = json_array();
    if (self == NULL || entries == NULL) {
        json_decref(entries);
        free(self);
        return NULL;
    }
    *self = (struct locum_events){.entries = entries, .keep = keep};
    return self;
}

void
locum_events_destroy(struct locum_events *self)
{
    if (self != NULL) {
        json_decref(self->entries);
        free(self);
    }
}

static uint64_t
id_at(const struct locum_events *self, size_t i)
{
    return (uint64_t)json_integer_value(json_object_get(json_array_get(self->entries, i), "id"));
}

/* Moving the array costs less than 0.1 ms even for the largest one, 100000 events. */
void
locum_events_keep(struct locum_events *self, size_t keep)
{
    self->keep = keep;
    while (json_array_size(self->entries) > keep) {
        self->lost_id = id_at(self, 0);
        (void)json_array_remove(self->entries, 0);
    }
}

void
locum_events_add(struct locum_events *self, locum_ms wall, int kind,
                 const struct locum_event_fields *fields)
{
    json_t *object = json_object();
    const uint64_t id =
        wall > 0 && (uint64_t)wall > self->last_id ? (uint64_t)wall : self->last_id + 1;
    self->of_kind[kind]++;
    for (size_t i = 0; i < fields->count; i++) {
        (void)json_object_set_new(object, fields->at[i].key, json_string(fields->at[i].value));
    }
    json_t *entry = json_pack("{s:I, s:s, s:o}", "id", (json_int_t)id, "time",
                              locum_text_time(wall).text, "fields", object);
    if (json_array_append_new(self->entries, entry) == 0) {
        self->last_id = id;
        locum_events_keep(self, self->keep);
    }
}

/* Takes the object; NULL: out of memory. */
static char *
write_line(json_t *object)
{
    char *text = object != NULL ? json_dumps(object, JSON_COMPACT) : NULL;
    const size_t length = text != NULL ? strlen(text) : 0;
    char *line = text != NULL ? realloc(text, length + 2) : NULL;
    json_decref(object);
    if (line == NULL) {
        free(text);
        return NULL;
    }
    memcpy(line + length, "\n", 2);
    return line;
}

char *
locum_events_line(const struct locum_events *self, const char *cluster)
{
    const size_t count = json_array_size(self->entries);
    const json_t *entry = count > 0 ? json_array_get(self->entries, count - 1) : NULL;
    return write_line(json_pack(
        "{s:s, s:O, s:O, s:O}", "cluster", cluster, "id", json_object_get(entry, "id"), "time",
        json_object_get(entry, "time"), "fields", json_object_get(entry, "fields")));
}

char *
locum_events_test_line(const struct locum_core_config *config, locum_ms wall)
{
    return write_line(json_pack("{s:s, s:I, s:s, s:{s:s, s:s}}", "cluster", config->cluster, "id",
                                (json_int_t)wall, "time", locum_text_time(wall).text, "fields",
                                "event", "test", "node", config->nodes[config->self].name));
}

uint64_t
locum_events_count(const struct locum_events *self, int kind)
{
    return self != NULL ? self->of_kind[kind] : 0;
}

/* The index of the first with an id > after, by binary search: Redis asks for each event in turn,
 * also when 100000 of them wait for it. */
static size_t
find_after(const struct locum_events *self, uint64_t after)
{
    size_t low = 0;
    size_t high = json_array_size(self->entries);
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (id_at(self, middle) > after) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return low;
}

json_t *
locum_events_since(const struct locum_events *self, uint64_t after, size_t *ret_count)
{
    const size_t first = find_after(self, after);
    const size_t left = json_array_size(self->entries) - first;
    const bool more = left > LOCUM_EVENTS_ANSWER_MAX;
    const size_t count = more ? LOCUM_EVENTS_ANSWER_MAX : left;
    json_t *events = json_array();
    for (size_t i = first; i < first + count; i++) {
        (void)json_array_append(events, json_array_get(self->entries, i));
    }
    const uint64_t next = count > 0 ? id_at(self, first + count - 1) : self->last_id;
    *ret_count = count;
    return json_pack("{s:o, s:I, s:b, s:I}", "events", events, "next", (json_int_t)next, "more",
                     more, "lost", (json_int_t)self->lost_id);
}

json_t *
locum_events_newest(const struct locum_events *self, size_t count)
{
    json_t *newest = json_array();
    const size_t kept = self != NULL ? json_array_size(self->entries) : 0;
    for (size_t i = 0; i < kept && i < count; i++) {
        (void)json_array_append(newest, json_array_get(self->entries, kept - 1 - i));
    }
    return newest;
}

bool
locum_events_next(const struct locum_events *self, uint64_t after, struct locum_redis_event *ret)
{
    const size_t i = find_after(self, after);
    const json_t *entry = json_array_get(self->entries, i);
    const char *key;
    json_t *value;
    if (entry == NULL) {
        return false;
    }
    *ret = (struct locum_redis_event){.id = id_at(self, i),
                                      .time = json_string_value(json_object_get(entry, "time"))};
    json_object_foreach(json_object_get(entry, "fields"), key, value)
    {
        ret->fields[ret->count++] =
            (struct locum_field){.key = key, .value = json_string_value(value)};
    }
    return true;
}
