#include "core/heartbeat.h"

/* Sanity limits: times and other numbers up to 2^53, intervals up to one hour. */
static const uint64_t number_max = (uint64_t)1 << 53;
static const uint64_t interval_ms_max = 3600000;

static const char format[] = "locum1";
static const char any_format[] = "locum"; /* and a number */

static void
add_field(struct locum_text *text, const char *field)
{
    locum_text_add_char(text, ' ');
    locum_text_add(text, field);
}

static void
add_number(struct locum_text *text, uint64_t number)
{
    locum_text_add_char(text, ' ');
    locum_text_add_u64(text, number);
}

static void
add_ack(struct locum_text *text, const char *peer, const struct locum_ack *ack)
{
    add_field(text, peer);
    locum_text_add_char(text, '=');
    if (ack->has_number) {
        locum_text_add_u64(text, ack->incarnation);
        locum_text_add_char(text, ',');
        locum_text_add_u64(text, ack->seq);
    } else {
        locum_text_add_char(text, ',');
    }
    locum_text_add_char(text, ',');
    locum_text_add_char(text, locum_names_state_code(ack->state_code));
}

static const char *const unheard_keys[LOCUM_FAMILIES] = {"x-unheard4", "x-unheard6"};

static void
add_families(struct locum_text *text, const struct locum_core_config *config,
             const struct locum_heartbeat *heartbeat)
{
    const char *separator = " x-lost=";
    for (enum locum_family family = LOCUM_V4; family <= LOCUM_V6; family++) {
        if (heartbeat->lost[family]) {
            locum_text_add(text, separator);
            locum_text_add(text, locum_names_family(family));
            separator = ",";
        }
    }
    for (size_t family = 0; family < LOCUM_FAMILIES; family++) {
        if (heartbeat->unheard[family] != 0) {
            add_field(text, unheard_keys[family]);
            locum_text_add_char(text, '=');
            locum_nodes_add(text, config, heartbeat->unheard[family]);
        }
    }
}

/* HEARTBEAT-7: the words of the frozen field stay; a node that knows no others reads one of them.
 */
static const char *
frozen_service(enum locum_service service)
{
    return locum_names_service(service == LOCUM_SERVICE_DEGRADED ? LOCUM_PROBATION : service);
}

void
locum_heartbeat_add(struct locum_text *text, const struct locum_core_config *config,
                    const struct locum_heartbeat *heartbeat)
{
    locum_text_add(text, format);
    add_field(text, config->cluster);
    add_field(text, config->nodes[heartbeat->sender].name);
    add_number(text, heartbeat->incarnation);
    add_number(text, heartbeat->seq);
    add_number(text, (uint64_t)heartbeat->interval_ms);
    add_field(text, frozen_service(heartbeat->service));
    add_field(text, locum_names_admin(heartbeat->admin));
    add_field(text, heartbeat->leaving ? "leaving" : "-");
    add_number(text, (uint64_t)heartbeat->wall);
    add_field(text, heartbeat->digest);
    for (locum_node peer = 0; peer < config->node_count; peer++) {
        if (locum_nodes_has(heartbeat->acked, peer)) {
            add_ack(text, config->nodes[peer].name, &heartbeat->acks[peer]);
        }
    }
    if (heartbeat->version[0] != '\0') {
        add_field(text, "x-version=");
        locum_text_add(text, heartbeat->version);
    }
    if (heartbeat->sections[0] != '\0') {
        add_field(text, "x-digest=");
        locum_text_add(text, heartbeat->sections);
    }
    if (heartbeat->service == LOCUM_SERVICE_DEGRADED) {
        add_field(text, "x-service=");
        locum_text_add(text, locum_names_service(heartbeat->service));
    }
    if (heartbeat->dns != LOCUM_DNS_CLAIM_UNKNOWN) {
        add_field(text, "x-dns=");
        locum_text_add(text, locum_names_dns_claim(heartbeat->dns));
    }
    if (heartbeat->keys.shown[0] != '\0') {
        add_field(text, "x-keys=");
        locum_text_add(text, heartbeat->keys.shown);
    }
    if (heartbeat->keys.nsec[0] != '\0') {
        add_field(text, "x-nsec=");
        locum_text_add(text, heartbeat->keys.nsec);
    }
    add_families(text, config, heartbeat);
    if (heartbeat->degraded > 0) {
        add_field(text, "x-degraded=");
        locum_text_add_u64(text, heartbeat->degraded);
    }
}

static bool
cut_number(struct locum_slice *rest, uint64_t max, uint64_t *ret)
{
    struct locum_slice field;
    return locum_slice_cut(rest, ' ', &field) && locum_slice_u64(field, max, ret) == 0;
}

/* "locum1 get dc2 ..." */
struct head {
    struct locum_slice version, cluster, sender;
};

/* All empty if one is missing. */
static struct head
cut_head(struct locum_slice *rest)
{
    struct head head = {0};
    const bool whole = locum_slice_cut(rest, ' ', &head.version) &&
                       locum_slice_cut(rest, ' ', &head.cluster) &&
                       locum_slice_cut(rest, ' ', &head.sender);
    return whole ? head : (struct head){0};
}

struct locum_slice
locum_heartbeat_sender(struct locum_slice line, struct locum_slice *ret_cluster)
{
    const struct head head = cut_head(&line);
    *ret_cluster = head.cluster;
    return head.sender;
}

/* LOCUM_NODE_NONE: it is not of this cluster. */
static locum_node
find_sender(const struct head *head, const struct locum_core_config *config)
{
    return locum_slice_is(head->cluster, config->cluster) ? locum_nodes_find(config, head->sender)
                                                          : LOCUM_NODE_NONE;
}

/* Is this heartbeat for this node? */
static bool
parse_head(struct locum_slice *rest, const struct locum_core_config *config, locum_node *ret_sender)
{
    const struct head head = cut_head(rest);
    *ret_sender = find_sender(&head, config);
    return *ret_sender != LOCUM_NODE_NONE && locum_slice_is(head.version, format) &&
           config->nodes[*ret_sender].role != LOCUM_ROLE_SENTINEL;
}

static bool
parse_numbers(struct locum_slice *rest, struct locum_heartbeat *ret)
{
    uint64_t interval;
    if (!cut_number(rest, number_max, &ret->incarnation) ||
        !cut_number(rest, number_max, &ret->seq) || !cut_number(rest, interval_ms_max, &interval)) {
        return false;
    }
    ret->interval_ms = (locum_ms)interval;
    return ret->incarnation > 0 && ret->seq > 0 && interval > 0;
}

static bool
parse_states(struct locum_slice *rest, struct locum_heartbeat *ret)
{
    struct locum_slice service;
    struct locum_slice admin;
    struct locum_slice leaving;
    if (!locum_slice_cut(rest, ' ', &service) || !locum_slice_cut(rest, ' ', &admin) ||
        !locum_slice_cut(rest, ' ', &leaving)) {
        return false;
    }
    ret->leaving = locum_slice_is(leaving, "leaving");
    return locum_names_find_service(service, &ret->service) &&
           ret->service != LOCUM_SERVICE_DEGRADED && locum_names_find_admin(admin, &ret->admin) &&
           (ret->leaving || locum_slice_is(leaving, "-"));
}

/* Operators see these texts, so only printable ASCII is accepted. */
static bool
is_printable(struct locum_slice text)
{
    for (size_t i = 0; i < text.length; i++) {
        if (text.at[i] <= ' ' || text.at[i] >= 127) {
            return false;
        }
    }
    return true;
}

static bool
parse_tail(struct locum_slice *rest, struct locum_heartbeat *ret)
{
    struct locum_slice digest;
    uint64_t wall;
    if (!cut_number(rest, number_max, &wall) || !locum_slice_cut(rest, ' ', &digest)) {
        return false;
    }
    ret->wall = (locum_ms)wall;
    return locum_slice_copy(digest, ret->digest, sizeof(ret->digest)) == 0 &&
           digest.length == LOCUM_DIGEST_CHARS && is_printable(digest);
}

/* inc,seq,code or ,,code. A state code of a later version says nothing that is known here. */
static bool
parse_ack(struct locum_slice value, struct locum_ack *ret)
{
    struct locum_slice incarnation;
    struct locum_slice seq;
    *ret = (struct locum_ack){0};                     /* a repeated peer replaces the first */
    (void)locum_slice_cut(&value, ',', &incarnation); /* the first field always exists */
    if (!locum_slice_cut(&value, ',', &seq) || value.length != 1 || value.at[0] < 'a' ||
        value.at[0] > 'z') {
        return false;
    }
    if (!locum_names_find_state_code(value.at[0], &ret->state_code)) {
        ret->state_code = LOCUM_UNKNOWN;
    }
    ret->has_number = incarnation.length > 0 || seq.length > 0;
    return !ret->has_number || (locum_slice_u64(incarnation, number_max, &ret->incarnation) == 0 &&
                                locum_slice_u64(seq, number_max, &ret->seq) == 0);
}

/* x-lost=ipv4,ipv6 */
static void
parse_lost(struct locum_slice value, struct locum_heartbeat *ret)
{
    struct locum_slice name;
    enum locum_family family;
    while (locum_slice_cut(&value, ',', &name)) {
        if (locum_names_find_family(name, &family)) {
            ret->lost[family] = true;
        }
    }
}

/* dc2,dc3: those of them that are configured. */
static locum_nodes
parse_nodes(struct locum_slice value, const struct locum_core_config *config)
{
    struct locum_slice name;
    locum_nodes set = 0;
    while (locum_slice_cut(&value, ',', &name)) {
        const locum_node node = locum_nodes_find(config, name);
        set |= node != LOCUM_NODE_NONE ? locum_nodes_of(node) : 0;
    }
    return set;
}

/* As if absent, if it is none. */
static void
parse_digest(struct locum_slice value, char ret[LOCUM_DIGEST_CHARS + 1])
{
    uint8_t bytes[LOCUM_DIGEST_CHARS / 2];
    if (locum_slice_hex(value, bytes, sizeof(bytes)) == 0) {
        (void)!locum_slice_copy(value, ret, LOCUM_DIGEST_CHARS + 1); /* it fits */
    }
}

/* x-key=value; HEARTBEAT-5: what is unknown is skipped. */
static void
parse_extension(struct locum_slice key, struct locum_slice value,
                const struct locum_core_config *config, struct locum_heartbeat *ret)
{
    uint64_t number = 0;
    if (locum_slice_is(key, "x-version") &&
        (!is_printable(value) ||
         locum_slice_copy(value, ret->version, sizeof(ret->version)) != 0)) {
        ret->version[0] = '\0'; /* not a version that Locum writes: as if absent */
    } else if (locum_slice_is(key, "x-digest")) {
        /* A later version may have more sections, behind these. */
        value.length = value.length < LOCUM_SECTIONS_CHARS ? value.length : LOCUM_SECTIONS_CHARS;
        value.length = is_printable(value) ? value.length : 0;
        (void)!locum_slice_copy(value, ret->sections, sizeof(ret->sections)); /* it fits */
    } else if (locum_slice_is(key, "x-service") && ret->service == LOCUM_PROBATION &&
               locum_slice_is(value, locum_names_service(LOCUM_SERVICE_DEGRADED))) {
        ret->service = LOCUM_SERVICE_DEGRADED; /* HEARTBEAT-7 */
    } else if (locum_slice_is(key, "x-dns")) {
        (void)locum_names_find_dns_claim(value, &ret->dns);
    } else if (locum_slice_is(key, "x-keys")) {
        parse_digest(value, ret->keys.shown);
    } else if (locum_slice_is(key, "x-nsec")) {
        parse_digest(value, ret->keys.nsec);
    } else if (locum_slice_is(key, "x-lost")) {
        parse_lost(value, ret);
    } else if (locum_slice_is(key, "x-degraded") &&
               locum_slice_u64(value, UINT32_MAX, &number) == 0) {
        ret->degraded = (uint32_t)number;
    }
    for (size_t family = 0; family < LOCUM_FAMILIES; family++) {
        if (locum_slice_is(key, unheard_keys[family])) {
            ret->unheard[family] = parse_nodes(value, config);
        }
    }
}

/* peer=... or x-key=... */
static bool
parse_extra(struct locum_slice field, const struct locum_core_config *config,
            struct locum_heartbeat *ret)
{
    struct locum_slice key;
    (void)locum_slice_cut(&field, '=', &key); /* the first field always exists */
    if (field.at == NULL) {
        return false;
    }
    if (locum_slice_starts(key, "x-")) {
        parse_extension(key, field, config, ret);
        return true;
    }
    const locum_node peer = locum_nodes_find(config, key);
    if (peer == LOCUM_NODE_NONE) {
        return true;
    }
    ret->acked |= locum_nodes_of(peer);
    return parse_ack(field, &ret->acks[peer]);
}

bool
locum_heartbeat_parse(struct locum_slice text, const struct locum_core_config *config,
                      struct locum_heartbeat *ret)
{
    struct locum_heartbeat heartbeat = {0};
    struct locum_slice rest = text;
    struct locum_slice field;
    bool ok = parse_head(&rest, config, &heartbeat.sender) && parse_numbers(&rest, &heartbeat) &&
              parse_states(&rest, &heartbeat) && parse_tail(&rest, &heartbeat);
    while (ok && locum_slice_cut(&rest, ' ', &field)) {
        ok = parse_extra(field, config, &heartbeat);
    }
    if (ok) {
        *ret = heartbeat;
    }
    return ok;
}

locum_node
locum_heartbeat_node(struct locum_slice text, const struct locum_core_config *config)
{
    struct locum_slice rest = text;
    uint64_t number;
    const struct head head = cut_head(&rest);
    const locum_node sender = find_sender(&head, config);
    struct locum_slice version = head.version;
    if (sender == LOCUM_NODE_NONE || !locum_slice_starts(version, any_format)) {
        return LOCUM_NODE_NONE;
    }
    version.at += sizeof(any_format) - 1;
    version.length -= sizeof(any_format) - 1;
    return locum_slice_u64(version, UINT64_MAX, &number) == 0 ? sender : LOCUM_NODE_NONE;
}
