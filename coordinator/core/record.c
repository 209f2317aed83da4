#include "core/record.h"

#include <string.h>

static const uint64_t number_max = (uint64_t)1 << 53;

static const char *const input_names[] = {
    [LOCUM_INPUT_COMMIT] = "commit",   [LOCUM_INPUT_HEARTBEAT] = "heartbeat",
    [LOCUM_INPUT_REDIS] = "redis",     [LOCUM_INPUT_SENTINEL] = "sentinel",
    [LOCUM_INPUT_SAMPLE] = "sample",   [LOCUM_INPUT_MIRRORBITS] = "mirrorbits",
    [LOCUM_INPUT_ADMIN] = "admin",     [LOCUM_INPUT_EXCLUDE] = "exclude",
    [LOCUM_INPUT_DNS] = "dns",         [LOCUM_INPUT_DNS_CLAIM] = "dns-claim",
    [LOCUM_INPUT_ADDRESS] = "address", [LOCUM_INPUT_DEGRADED] = "degraded",
    [LOCUM_INPUT_LEAVE] = "leave",     [LOCUM_INPUT_CLOCK] = "clock",
    [LOCUM_INPUT_KEYS] = "keys",
};

static const char *const udp_names[LOCUM_FAMILIES] = {"udp4", "udp6"};

static void
add_field(struct locum_text *text, const char *field)
{
    locum_text_add_char(text, ' ');
    locum_text_add(text, field);
}

/* Text that is not ours, to the end of the line. */
static void
add_rest(struct locum_text *text, const char *bytes, size_t length)
{
    locum_text_add_char(text, ' ');
    for (size_t i = 0; i < length; i++) {
        locum_text_add_char(text, bytes[i] >= ' ' && bytes[i] < 127 ? bytes[i] : '?');
    }
}

static void
add_time(struct locum_text *text, locum_ms time)
{
    locum_text_add_u64(text, time > 0 ? (uint64_t)time : 0);
    locum_text_add_char(text, ' ');
}

static void
add_sentinel(struct locum_text *text, const struct locum_core_config *config,
             const struct locum_input *input)
{
    add_field(text, config->nodes[input->sentinel.voter].name);
    add_field(text, input->sentinel.tilt ? "tilt" : "-");
    for (locum_node node = 0; node < config->node_count; node++) {
        if (input->sentinel.known[node] > 0 || input->sentinel.down[node] > 0) {
            add_field(text, config->nodes[node].name);
            locum_text_add_char(text, '=');
            locum_text_add_u64(text, input->sentinel.known[node]);
            locum_text_add_char(text, ',');
            locum_text_add_u64(text, input->sentinel.down[node]);
        }
    }
}

static void
add_admin(struct locum_text *text, const struct locum_input *input)
{
    add_field(text, locum_names_admin(input->admin.state));
    locum_text_add_char(text, ' ');
    if (input->admin.for_ms == LOCUM_NEVER) {
        locum_text_add_char(text, '-');
    } else {
        locum_text_add(text, locum_text_duration(input->admin.for_ms).text);
    }
    if (input->admin.reason[0] != '\0') {
        add_rest(text, input->admin.reason, strlen(input->admin.reason));
    }
}

void
locum_record_input(struct locum_text *text, const struct locum_core_config *config,
                   const struct locum_input *input)
{
    LOCUM_INVARIANT(input->kind < LOCUM_COUNT(input_names));
    const bool include = input->kind == LOCUM_INPUT_EXCLUDE && !input->exclude.excluded;
    add_time(text, input->now.mono);
    add_time(text, input->now.boot);
    add_time(text, input->now.wall);
    locum_text_add(text, include ? "include" : input_names[input->kind]);
    switch (input->kind) {
    case LOCUM_INPUT_HEARTBEAT:
        add_field(text, input->heartbeat.path == LOCUM_PATH_REDIS
                            ? "redis"
                            : udp_names[input->heartbeat.family]);
        add_rest(text, input->heartbeat.text.at, input->heartbeat.text.length);
        break;
    case LOCUM_INPUT_REDIS: add_field(text, input->subscribed ? "subscribed" : "lost"); break;
    case LOCUM_INPUT_SENTINEL: add_sentinel(text, config, input); break;
    case LOCUM_INPUT_SAMPLE:
        locum_text_add_char(text, ' ');
        locum_text_add_u64(text, input->sample.check);
        add_field(text, locum_names_sample(input->sample.outcome));
        break;
    case LOCUM_INPUT_MIRRORBITS: add_field(text, config->nodes[input->node].name); break;
    case LOCUM_INPUT_ADMIN: add_admin(text, input); break;
    case LOCUM_INPUT_EXCLUDE: add_field(text, config->nodes[input->exclude.node].name); break;
    case LOCUM_INPUT_DNS:
        add_field(text, config->nodes[input->dns.peer].name);
        add_field(text, locum_names_family(input->dns.family));
        add_field(text, locum_names_transport(input->dns.transport));
        add_field(text, locum_names_dns_state(input->dns.state));
        break;
    case LOCUM_INPUT_DNS_CLAIM: add_field(text, locum_names_dns_claim(input->dns_claim)); break;
    case LOCUM_INPUT_ADDRESS:
        add_field(text, locum_names_family(input->address.family));
        add_field(text, input->address.absent ? "absent" : "present");
        break;
    case LOCUM_INPUT_CLOCK: add_field(text, input->synchronised ? "synchronised" : "free"); break;
    case LOCUM_INPUT_DEGRADED: add_field(text, input->degraded ? "yes" : "no"); break;
    case LOCUM_INPUT_KEYS:
        add_field(text, input->keys.shown[0] != '\0' ? input->keys.shown : "-");
        add_field(text, input->keys.nsec[0] != '\0' ? input->keys.nsec : "-");
        break;
    case LOCUM_INPUT_COMMIT:
    case LOCUM_INPUT_LEAVE:
    default: break;
    }
}

/* --- reading ---------------------------------------------------------------------------------- */

/* Cut a field off, and tell whether it is `on` or `off`; false: neither. */
static bool
cut_flag(struct locum_slice *rest, const char *on, const char *off, bool *ret)
{
    struct locum_slice field;
    if (!locum_slice_cut(rest, ' ', &field)) {
        return false;
    }
    *ret = locum_slice_is(field, on);
    return *ret || locum_slice_is(field, off);
}

static bool
cut_number(struct locum_slice *rest, uint64_t *ret)
{
    struct locum_slice field;
    return locum_slice_cut(rest, ' ', &field) && locum_slice_u64(field, number_max, ret) == 0;
}

static bool
cut_time(struct locum_slice *rest, locum_ms *ret)
{
    uint64_t number;
    if (!cut_number(rest, &number)) {
        return false;
    }
    *ret = (locum_ms)number;
    return true;
}

static bool
cut_node(struct locum_slice *rest, const struct locum_core_config *config, locum_node *ret)
{
    struct locum_slice field;
    if (!locum_slice_cut(rest, ' ', &field)) {
        return false;
    }
    *ret = locum_nodes_find(config, field);
    return *ret != LOCUM_NODE_NONE;
}

static bool
parse_heartbeat(struct locum_slice *rest, struct locum_input *input)
{
    struct locum_slice path;
    if (!locum_slice_cut(rest, ' ', &path) || rest->at == NULL) {
        return false;
    }
    const bool udp6 = locum_slice_is(path, udp_names[LOCUM_V6]);
    if (locum_slice_is(path, "redis")) {
        input->heartbeat.path = LOCUM_PATH_REDIS;
    } else if (udp6 || locum_slice_is(path, udp_names[LOCUM_V4])) {
        input->heartbeat.path = LOCUM_PATH_UDP;
        input->heartbeat.family = udp6 ? LOCUM_V6 : LOCUM_V4;
    } else {
        return false;
    }
    input->heartbeat.text = *rest;
    *rest = (struct locum_slice){0};
    return true;
}

/* dc2=2,0 */
static bool
parse_instances(struct locum_slice pair, const struct locum_core_config *config,
                struct locum_input *input)
{
    struct locum_slice name;
    struct locum_slice known_text;
    uint64_t known;
    uint64_t down;
    (void)locum_slice_cut(&pair, '=', &name); /* the first field always exists */
    const locum_node node = locum_nodes_find(config, name);
    if (node == LOCUM_NODE_NONE || !locum_slice_cut(&pair, ',', &known_text) ||
        locum_slice_u64(known_text, UINT8_MAX, &known) != 0 ||
        locum_slice_u64(pair, UINT8_MAX, &down) != 0) {
        return false;
    }
    input->sentinel.known[node] = (uint8_t)known;
    input->sentinel.down[node] = (uint8_t)down;
    return true;
}

static bool
parse_sentinel(struct locum_slice *rest, const struct locum_core_config *config,
               struct locum_input *input)
{
    struct locum_slice pair;
    bool ok = cut_node(rest, config, &input->sentinel.voter) &&
              cut_flag(rest, "tilt", "-", &input->sentinel.tilt);
    while (ok && locum_slice_cut(rest, ' ', &pair)) {
        ok = parse_instances(pair, config, input);
    }
    return ok;
}

static bool
parse_sample(struct locum_slice *rest, const struct locum_core_config *config,
             struct locum_input *input)
{
    struct locum_slice outcome;
    uint64_t check;
    if (!cut_number(rest, &check) || check >= config->check_count ||
        !locum_slice_cut(rest, ' ', &outcome)) {
        return false;
    }
    input->sample.check = (size_t)check;
    return locum_names_find_sample(outcome, &input->sample.outcome);
}

static bool
parse_admin(struct locum_slice *rest, struct locum_input *input)
{
    struct locum_slice state;
    struct locum_slice duration;
    if (!locum_slice_cut(rest, ' ', &state) || !locum_slice_cut(rest, ' ', &duration) ||
        !locum_names_find_admin(state, &input->admin.state)) {
        return false;
    }
    input->admin.for_ms = LOCUM_NEVER;
    if (!locum_slice_is(duration, "-") &&
        (locum_slice_duration(duration, &input->admin.for_ms) != 0 ||
         input->admin.for_ms > (locum_ms)number_max)) {
        return false;
    }
    const struct locum_slice reason = *rest;
    *rest = (struct locum_slice){0};
    return reason.at == NULL ||
           locum_slice_copy(reason, input->admin.reason, sizeof(input->admin.reason)) == 0;
}

static bool
parse_dns(struct locum_slice *rest, const struct locum_core_config *config,
          struct locum_input *input)
{
    struct locum_slice family;
    struct locum_slice transport;
    struct locum_slice state;
    return cut_node(rest, config, &input->dns.peer) && input->dns.peer != config->self &&
           locum_slice_cut(rest, ' ', &family) && locum_slice_cut(rest, ' ', &transport) &&
           locum_slice_cut(rest, ' ', &state) &&
           locum_names_find_family(family, &input->dns.family) &&
           locum_names_find_transport(transport, &input->dns.transport) &&
           locum_names_find_dns_state(state, &input->dns.state);
}

static bool
parse_address(struct locum_slice *rest, struct locum_input *input)
{
    struct locum_slice family;
    return locum_slice_cut(rest, ' ', &family) &&
           locum_names_find_family(family, &input->address.family) &&
           cut_flag(rest, "absent", "present", &input->address.absent);
}

static bool
find_kind(struct locum_slice text, enum locum_input_kind *ret)
{
    for (size_t i = 0; i < LOCUM_COUNT(input_names); i++) {
        if (locum_slice_is(text, input_names[i])) {
            *ret = (enum locum_input_kind)i;
            return true;
        }
    }
    *ret = LOCUM_INPUT_EXCLUDE;
    return locum_slice_is(text, "include");
}

/* "-": none. */
static bool
cut_digest(struct locum_slice *rest, char ret[LOCUM_DIGEST_CHARS + 1])
{
    struct locum_slice digest;
    uint8_t bytes[LOCUM_DIGEST_CHARS / 2];
    ret[0] = '\0';
    if (!locum_slice_cut(rest, ' ', &digest)) {
        return false;
    }
    if (locum_slice_is(digest, "-")) {
        return true;
    }
    if (locum_slice_hex(digest, bytes, sizeof(bytes)) != 0) {
        return false; /* or it has another length */
    }
    memcpy(ret, digest.at, LOCUM_DIGEST_CHARS);
    ret[LOCUM_DIGEST_CHARS] = '\0';
    return true;
}

static bool
parse_content(struct locum_slice *rest, const struct locum_core_config *config,
              struct locum_input *input)
{
    struct locum_slice kind;
    if (!locum_slice_cut(rest, ' ', &kind) || !find_kind(kind, &input->kind)) {
        return false;
    }
    switch (input->kind) {
    case LOCUM_INPUT_HEARTBEAT: return parse_heartbeat(rest, input);
    case LOCUM_INPUT_REDIS: return cut_flag(rest, "subscribed", "lost", &input->subscribed);
    case LOCUM_INPUT_SENTINEL: return parse_sentinel(rest, config, input);
    case LOCUM_INPUT_SAMPLE: return parse_sample(rest, config, input);
    case LOCUM_INPUT_MIRRORBITS: return cut_node(rest, config, &input->node);
    case LOCUM_INPUT_ADMIN: return parse_admin(rest, input);
    case LOCUM_INPUT_EXCLUDE:
        input->exclude.excluded = locum_slice_is(kind, "exclude");
        return cut_node(rest, config, &input->exclude.node) && input->exclude.node != config->self;
    case LOCUM_INPUT_DNS: return parse_dns(rest, config, input);
    case LOCUM_INPUT_DNS_CLAIM:
        return locum_slice_cut(rest, ' ', &kind) &&
               locum_names_find_dns_claim(kind, &input->dns_claim);
    case LOCUM_INPUT_ADDRESS: return parse_address(rest, input);
    case LOCUM_INPUT_CLOCK: return cut_flag(rest, "synchronised", "free", &input->synchronised);
    case LOCUM_INPUT_DEGRADED: return cut_flag(rest, "yes", "no", &input->degraded);
    case LOCUM_INPUT_KEYS:
        return cut_digest(rest, input->keys.shown) && cut_digest(rest, input->keys.nsec);
    case LOCUM_INPUT_COMMIT:
    case LOCUM_INPUT_LEAVE:
    default: return true;
    }
}

bool
locum_record_input_parse(struct locum_slice line, const struct locum_core_config *config,
                         struct locum_input *ret)
{
    struct locum_input input = {0};
    struct locum_slice rest = line;
    if (!cut_time(&rest, &input.now.mono) || !cut_time(&rest, &input.now.boot) ||
        !cut_time(&rest, &input.now.wall) || !parse_content(&rest, config, &input) ||
        rest.at != NULL) {
        return false;
    }
    *ret = input;
    return true;
}

/* --- actions ---------------------------------------------------------------------------------- */

static void
add_plan(struct locum_text *text, const struct locum_core *core)
{
    locum_text_add(text, "plan");
    for (size_t i = 0; i < core->config.name_count; i++) {
        for (enum locum_family family = LOCUM_V4; family <= LOCUM_V6; family++) {
            const struct locum_answer *answer = &core->plan.answers[i][family];
            if (answer->nodes != 0) {
                locum_text_add_char(text, ' ');
                locum_text_add_u64(text, i);
                locum_text_add(text, family == LOCUM_V4 ? "/4=" : "/6=");
                locum_nodes_add(text, &core->config, answer->nodes);
                locum_text_add_char(text, ',');
                locum_text_add_u64(text, answer->ttl_s);
            }
        }
    }
}

void
locum_record_action(struct locum_text *text, const struct locum_core *core, struct locum_now now,
                    const struct locum_action *action)
{
    switch (action->kind) { /* unreachable: an event */
    case LOCUM_ACTION_HEARTBEAT:
        locum_text_add(text, "heartbeat ");
        locum_core_heartbeat(core, LOCUM_NODE_NONE, now, text);
        break;
    case LOCUM_ACTION_PLAN: add_plan(text, core); break;
    case LOCUM_ACTION_PERSIST: locum_text_add(text, "persist"); break;
    case LOCUM_ACTION_SAVE: locum_text_add(text, "save"); break;
    case LOCUM_ACTION_LEFT: locum_text_add(text, "left"); break;
    case LOCUM_ACTION_EVENT:
    default: LOCUM_INVARIANT(false);
    }
}
