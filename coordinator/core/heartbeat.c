#include "core/heartbeat.h"

#include "base/error.h"

/* Numbers beyond these are nobody's: 2^53 ms is the year 287396, an interval of an hour no
 * heartbeat. */
static const uint64_t number_max = (uint64_t)1 << 53;
static const uint64_t interval_ms_max = 3600000;

static const char format[] = "locum1";

static void
add_word(struct locum_text *text, const char *word)
{
    locum_text_add_char(text, ' ');
    locum_text_add(text, word);
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
    add_word(text, peer);
    locum_text_add_char(text, '=');
    if (ack->has_number) {
        locum_text_add_u64(text, ack->incarnation);
        locum_text_add_char(text, ',');
        locum_text_add_u64(text, ack->seq);
    } else {
        locum_text_add_char(text, ',');
    }
    locum_text_add_char(text, ',');
    locum_text_add_char(text, locum_condition_code(ack->state_code));
}

void
locum_heartbeat_add(struct locum_text *text, const struct locum_core_config *config,
                    const struct locum_heartbeat *heartbeat)
{
    locum_text_add(text, format);
    add_word(text, config->cluster);
    add_word(text, config->nodes[heartbeat->sender].name);
    add_number(text, heartbeat->incarnation);
    add_number(text, heartbeat->seq);
    add_number(text, (uint64_t)heartbeat->interval_ms);
    add_word(text, locum_service_text(heartbeat->service));
    add_word(text, locum_admin_text(heartbeat->admin));
    add_word(text, heartbeat->leaving ? "leaving" : "-");
    add_number(text, (uint64_t)heartbeat->wall);
    add_word(text, heartbeat->digest);
    for (locum_node peer = 0; peer < config->node_count; peer++) {
        if (locum_nodes_has(heartbeat->told, peer)) {
            add_ack(text, config->nodes[peer].name, &heartbeat->acks[peer]);
        }
    }
    if (heartbeat->version[0] != '\0') {
        add_word(text, "x-version=");
        locum_text_add(text, heartbeat->version);
    }
}

/* One field of the fixed part: cut it off and read it as a number. */
static int
cut_number(struct locum_slice *rest, uint64_t max, uint64_t *ret)
{
    struct locum_slice field;
    return locum_slice_cut(rest, ' ', &field) ? locum_slice_u64(field, max, ret)
                                              : LOCUM_ERR_INVALID;
}

/* locum1, the cluster and the sender: is this for me at all? */
static int
parse_head(struct locum_slice *rest, const struct locum_core_config *config, locum_node *ret_sender)
{
    struct locum_slice version;
    struct locum_slice cluster;
    struct locum_slice name;
    if (!locum_slice_cut(rest, ' ', &version) || !locum_slice_cut(rest, ' ', &cluster) ||
        !locum_slice_cut(rest, ' ', &name)) {
        return LOCUM_ERR_INVALID;
    }
    if (!locum_slice_is(version, format) || !locum_slice_is(cluster, config->cluster)) {
        return LOCUM_ERR_NOT_FOUND;
    }
    const locum_node sender = locum_node_find(config, name);
    if (sender == LOCUM_NODE_NONE || config->nodes[sender].role == LOCUM_ROLE_SENTINEL) {
        return LOCUM_ERR_NOT_FOUND;
    }
    *ret_sender = sender;
    return 0;
}

static int
parse_numbers(struct locum_slice *rest, struct locum_heartbeat *ret)
{
    uint64_t interval;
    int status = cut_number(rest, number_max, &ret->incarnation);
    if (status == 0) {
        status = cut_number(rest, number_max, &ret->seq);
    }
    if (status == 0) {
        status = cut_number(rest, interval_ms_max, &interval);
    }
    if (status == 0 && (ret->incarnation == 0 || ret->seq == 0 || interval == 0)) {
        status = LOCUM_ERR_RANGE;
    }
    if (status == 0) {
        ret->interval_ms = (locum_ms)interval;
    }
    return status;
}

static int
parse_words(struct locum_slice *rest, struct locum_heartbeat *ret)
{
    struct locum_slice service;
    struct locum_slice admin;
    struct locum_slice leaving;
    if (!locum_slice_cut(rest, ' ', &service) || !locum_slice_cut(rest, ' ', &admin) ||
        !locum_slice_cut(rest, ' ', &leaving)) {
        return LOCUM_ERR_INVALID;
    }
    ret->leaving = locum_slice_is(leaving, "leaving");
    if (!ret->leaving && !locum_slice_is(leaving, "-")) {
        return LOCUM_ERR_INVALID;
    }
    const int status = locum_service_parse(service, &ret->service);
    return status == 0 ? locum_admin_parse(admin, &ret->admin) : status;
}

/* Printable ASCII: it is shown to people. */
static bool
is_printable(struct locum_slice word)
{
    for (size_t i = 0; i < word.length; i++) {
        if (word.at[i] <= ' ' || word.at[i] >= 127) {
            return false;
        }
    }
    return true;
}

static int
parse_tail(struct locum_slice *rest, struct locum_heartbeat *ret)
{
    struct locum_slice digest;
    uint64_t wall;
    const int status = cut_number(rest, number_max, &wall);
    if (status != 0) {
        return status;
    }
    ret->wall = (locum_ms)wall;
    if (!locum_slice_cut(rest, ' ', &digest) || digest.length != LOCUM_DIGEST_CHARS ||
        !is_printable(digest)) {
        return LOCUM_ERR_INVALID;
    }
    return locum_slice_copy(digest, ret->digest, sizeof(ret->digest));
}

/* A code that some later version may have says nothing that is known here. */
static int
parse_code(char code, enum locum_condition *ret)
{
    if (code < 'a' || code > 'z') {
        return LOCUM_ERR_INVALID;
    }
    if (locum_condition_from_code(code, ret) != 0) {
        *ret = LOCUM_UNKNOWN;
    }
    return 0;
}

/* inc,seq,code or ,,code */
static int
parse_ack(struct locum_slice value, struct locum_ack *ret)
{
    struct locum_slice incarnation;
    struct locum_slice seq;
    struct locum_slice code;
    struct locum_ack ack = {0};
    (void)locum_slice_cut(&value, ',', &incarnation); /* a first piece there is always */
    if (!locum_slice_cut(&value, ',', &seq) || !locum_slice_cut(&value, ',', &code) ||
        value.at != NULL || code.length != 1) {
        return LOCUM_ERR_INVALID;
    }
    int status = parse_code(code.at[0], &ack.state_code);
    ack.has_number = incarnation.length > 0 || seq.length > 0;
    if (status == 0 && ack.has_number) {
        status = locum_slice_u64(incarnation, number_max, &ack.incarnation);
    }
    if (status == 0 && ack.has_number) {
        status = locum_slice_u64(seq, number_max, &ack.seq);
    }
    if (status == 0) {
        *ret = ack;
    }
    return status;
}

/* peer=... or x-key=...; what is not known is skipped. */
static int
parse_extra(struct locum_slice field, const struct locum_core_config *config,
            struct locum_heartbeat *ret)
{
    struct locum_slice key;
    (void)locum_slice_cut(&field, '=', &key); /* a first piece there is always */
    if (field.at == NULL) {
        return LOCUM_ERR_INVALID;
    }
    if (locum_slice_starts(key, "x-")) {
        if (locum_slice_is(key, "x-version") &&
            (!is_printable(field) ||
             locum_slice_copy(field, ret->version, sizeof(ret->version)) != 0)) {
            ret->version[0] = '\0'; /* no version of ours: as if absent */
        }
        return 0;
    }
    const locum_node peer = locum_node_find(config, key);
    if (peer == LOCUM_NODE_NONE) {
        return 0;
    }
    const int status = parse_ack(field, &ret->acks[peer]);
    if (status == 0) {
        ret->told |= locum_nodes_of(peer);
    }
    return status;
}

int
locum_heartbeat_parse(struct locum_slice text, const struct locum_core_config *config,
                      struct locum_heartbeat *ret)
{
    struct locum_heartbeat heartbeat = {0};
    struct locum_slice rest = text;
    struct locum_slice field;
    int status = parse_head(&rest, config, &heartbeat.sender);
    if (status == 0) {
        status = parse_numbers(&rest, &heartbeat);
    }
    if (status == 0) {
        status = parse_words(&rest, &heartbeat);
    }
    if (status == 0) {
        status = parse_tail(&rest, &heartbeat);
    }
    while (status == 0 && locum_slice_cut(&rest, ' ', &field)) {
        status = parse_extra(field, config, &heartbeat);
    }
    if (status == 0) {
        *ret = heartbeat;
    }
    return status;
}
