#include "core/codec.h"

#include "base/error.h"

enum { INTERVAL_MS_MAX = 3600000 };

struct locum_slice
locum_codec_field(struct locum_codec *codec)
{
    struct locum_slice field = {.at = "", .length = 0};
    codec->bad = !locum_slice_cut(&codec->in, ' ', &field) || codec->bad;
    return field;
}

static void
add_field(struct locum_codec *codec, const char *text)
{
    locum_text_add_char(codec->out, ' ');
    locum_text_add(codec->out, text);
}

void
locum_codec_u64(struct locum_codec *codec, uint64_t max, uint64_t *value)
{
    if (codec->out != NULL) {
        locum_text_add_char(codec->out, ' ');
        locum_text_add_u64(codec->out, *value);
    } else {
        codec->bad = locum_slice_u64(locum_codec_field(codec), max, value) != 0 || codec->bad;
    }
}

static void
code_flag(struct locum_codec *codec, bool *flag)
{
    uint64_t number = *flag ? 1 : 0;
    locum_codec_u64(codec, 1, &number);
    *flag = number != 0;
}

/* A number; "-" for LOCUM_NEVER. Read times of the boot and wall clocks are never negative. */
static void
code_stamp(struct locum_codec *codec, locum_ms *stamp)
{
    uint64_t number = *stamp > 0 ? (uint64_t)*stamp : 0;
    if (codec->out != NULL && *stamp == LOCUM_NEVER) {
        add_field(codec, "-");
    } else if (codec->out == NULL && locum_slice_starts(codec->in, "-")) {
        (void)locum_codec_field(codec);
        *stamp = LOCUM_NEVER;
    } else {
        locum_codec_u64(codec, LOCUM_CODEC_MAX, &number);
        *stamp = (locum_ms)number;
    }
}

/* So much later than the moment of saving; never negative, which could be LOCUM_NEVER. */
static locum_ms
moment(const struct locum_codec *codec, locum_ms later)
{
    const locum_ms mono = codec->saved_at + later;
    return mono > 0 ? mono : 0;
}

void
locum_codec_time(struct locum_codec *codec, locum_ms *mono)
{
    locum_ms age = *mono == LOCUM_NEVER      ? LOCUM_NEVER
                   : *mono < codec->saved_at ? codec->saved_at - *mono
                                             : 0;
    code_stamp(codec, &age);
    if (codec->out == NULL) {
        *mono = age == LOCUM_NEVER ? LOCUM_NEVER : moment(codec, -age);
    }
}

/* A mono time that may be still to come: whether it is, and how far away. */
static void
code_due(struct locum_codec *codec, locum_ms *mono)
{
    bool ahead = *mono > codec->saved_at;
    locum_ms distance = *mono == LOCUM_NEVER ? LOCUM_NEVER
                        : ahead              ? *mono - codec->saved_at
                                             : codec->saved_at - *mono;
    code_flag(codec, &ahead);
    code_stamp(codec, &distance);
    if (codec->out == NULL) {
        *mono = distance == LOCUM_NEVER ? LOCUM_NEVER : moment(codec, ahead ? distance : -distance);
    }
}

/* Up to `size` - 1 characters without a blank; "-" if it is empty. */
static void
code_text(struct locum_codec *codec, char *buffer, size_t size)
{
    if (codec->out != NULL) {
        add_field(codec, buffer[0] != '\0' ? buffer : "-");
        return;
    }
    struct locum_slice field = locum_codec_field(codec);
    field.length = locum_slice_is(field, "-") ? 0 : field.length;
    codec->bad = locum_slice_copy(field, buffer, size) != 0 || codec->bad;
}

#define CODE_NAME(type)                                                                            \
    static void code_##type(struct locum_codec *codec, enum locum_##type *value)                   \
    {                                                                                              \
        if (codec->out != NULL) {                                                                  \
            add_field(codec, locum_names_##type(*value));                                          \
        } else {                                                                                   \
            codec->bad = !locum_names_find_##type(locum_codec_field(codec), value) || codec->bad;  \
        }                                                                                          \
    }
CODE_NAME(condition)
CODE_NAME(service)
CODE_NAME(admin)

/* A set of nodes by their names; those that are no longer configured are skipped. */
static void
code_nodes(struct locum_codec *codec, locum_nodes *set)
{
    if (codec->out != NULL) {
        locum_text_add_char(codec->out, ' ');
        locum_nodes_add(codec->out, codec->node, *set);
        return;
    }
    struct locum_slice rest = locum_codec_field(codec);
    struct locum_slice name;
    *set = 0;
    while (locum_slice_cut(&rest, ',', &name)) {
        const locum_node node = locum_nodes_find(codec->node, name);
        *set |= node != LOCUM_NODE_NONE ? locum_nodes_of(node) : 0;
    }
}

/* dc3=a,ns0=s: the state codes of a peer. */
static void
code_codes(struct locum_codec *codec, enum locum_condition codes[LOCUM_NODES_MAX])
{
    if (codec->out != NULL) {
        for (locum_node node = 0; node < codec->node->node_count; node++) {
            locum_text_add_char(codec->out, node == 0 ? ' ' : ',');
            locum_text_add(codec->out, codec->node->nodes[node].name);
            locum_text_add_char(codec->out, '=');
            locum_text_add_char(codec->out, locum_names_state_code(codes[node]));
        }
        return;
    }
    struct locum_slice rest = locum_codec_field(codec);
    struct locum_slice pair;
    while (locum_slice_cut(&rest, ',', &pair)) {
        struct locum_slice name;
        enum locum_condition code = LOCUM_UNKNOWN;
        (void)locum_slice_cut(&pair, '=', &name); /* the first field always exists */
        const locum_node node = locum_nodes_find(codec->node, name);
        codec->bad =
            pair.length != 1 || !locum_names_find_state_code(pair.at[0], &code) || codec->bad;
        if (node != LOCUM_NODE_NONE) {
            codes[node] = code;
        }
    }
}

/* --- lines ------------------------------------------------------------------------------------ */

void
locum_codec_run(struct locum_codec *codec, struct locum_run_line *run)
{
    locum_codec_u64(codec, LOCUM_CODEC_MAX, &run->incarnation);
    locum_codec_u64(codec, LOCUM_CODEC_MAX, &run->seq);
    locum_codec_u64(codec, UINT32_MAX, &run->serial);
    code_due(codec, &run->next_commit);
    locum_codec_time(codec, &run->last_send);
    locum_codec_time(codec, &run->started);
    locum_codec_time(codec, &run->grace);
    code_flag(codec, &run->send_wanted);
}

/* `admin`: what the operator wants; its reason follows to the end of the line. */
void
locum_codec_admin(struct locum_codec *codec, struct locum_admin_state *admin)
{
    code_admin(codec, &admin->state);
    code_stamp(codec, &admin->until_boot);
    code_nodes(codec, &admin->excluded);
    if (codec->out != NULL) {
        locum_text_add_char(codec->out, ' ');
        for (const char *c = admin->reason; *c != '\0'; c++) {
            locum_text_add_char(codec->out, (uint8_t)*c < ' ' ? ' ' : *c); /* a line stays one */
        }
    } else {
        codec->bad = codec->bad || codec->in.at == NULL ||
                     locum_slice_copy(codec->in, admin->reason, sizeof(admin->reason)) != 0;
    }
}

/* `service` */
void
locum_codec_service(struct locum_codec *codec, struct locum_service_state *service)
{
    uint64_t probation_ms = (uint64_t)service->probation_ms;
    code_service(codec, &service->state);
    locum_codec_time(codec, &service->recovered);
    locum_codec_u64(codec, LOCUM_PROBATION_MAX_MS, &probation_ms);
    code_due(codec, &service->probation_until);
    service->probation_ms = (locum_ms)probation_ms;
}

/* `check`, after the id of the check */
void
locum_codec_check(struct locum_codec *codec, struct locum_check_state *check)
{
    uint64_t run = check->run;
    code_service(codec, &check->verdict);
    locum_codec_u64(codec, UINT32_MAX, &run);
    code_service(codec, &check->nearest);
    code_stamp(codec, &check->since_wall);
    code_due(codec, &check->next_sample);
    code_flag(codec, &check->stale);
    check->run = (uint32_t)run;
}

static void
code_condition_state(struct locum_codec *codec, struct locum_condition_state *state)
{
    code_condition(codec, &state->condition);
    code_flag(codec, &state->adopted);
    code_flag(codec, &state->resumed);
    code_flag(codec, &state->left);
    code_flag(codec, &state->trusted);
    code_flag(codec, &state->silent);
    code_flag(codec, &state->was_alive);
    locum_codec_time(codec, &state->verdict);
    code_stamp(codec, &state->down_since);
    locum_codec_u64(codec, LOCUM_CODEC_MAX, &state->down_incarnation);
    locum_codec_time(codec, &state->returning_since);
    code_stamp(codec, &state->since_wall);
}

static void
code_reported(struct locum_codec *codec, struct locum_peer_facts *facts)
{
    uint64_t interval_ms = (uint64_t)facts->interval_ms;
    code_flag(codec, &facts->state_known);
    locum_codec_u64(codec, LOCUM_CODEC_MAX, &facts->state_incarnation);
    code_service(codec, &facts->service);
    code_admin(codec, &facts->admin);
    code_flag(codec, &facts->leaving);
    locum_codec_u64(codec, INTERVAL_MS_MAX, &interval_ms);
    code_text(codec, facts->digest, sizeof(facts->digest));
    code_text(codec, facts->sections, sizeof(facts->sections));
    code_text(codec, facts->version, sizeof(facts->version));
    code_codes(codec, facts->state_codes);
    facts->interval_ms = (locum_ms)interval_ms;
    for (size_t family = 0; family < LOCUM_FAMILIES; family++) {
        code_flag(codec, &facts->lost[family]);
        code_nodes(codec, &facts->unheard[family]);
    }
}

static void
code_order(struct locum_codec *codec, struct locum_order *order)
{
    locum_codec_u64(codec, LOCUM_CODEC_MAX, &order->incarnation);
    locum_codec_u64(codec, LOCUM_CODEC_MAX, &order->seq);
}

static void
code_heard(struct locum_codec *codec, struct locum_peer_facts *facts)
{
    code_order(codec, &facts->order);
    locum_codec_time(codec, &facts->heard);
    locum_codec_time(codec, &facts->gap);
    locum_codec_time(codec, &facts->grace);
    locum_codec_time(codec, &facts->mirrorbits);
    for (size_t path = 0; path < LOCUM_PATHS; path++) {
        code_order(codec, &facts->path[path].order);
        locum_codec_time(codec, &facts->path[path].heard);
    }
    for (size_t family = 0; family < LOCUM_FAMILIES; family++) {
        code_order(codec, &facts->family[family].order);
        locum_codec_time(codec, &facts->family[family].heard);
        locum_codec_time(codec, &facts->family[family].since);
    }
}

void
locum_codec_node(struct locum_codec *codec, struct locum_node_line *node)
{
    code_condition_state(codec, &node->condition);
    code_reported(codec, &node->facts);
    code_heard(codec, &node->facts);
    for (size_t family = 0; family < LOCUM_FAMILIES; family++) {
        struct locum_family_state *state = &node->family[family];
        code_flag(codec, &state->lost);
        code_flag(codec, &state->voted);
        code_flag(codec, &state->held);
        locum_codec_time(codec, &state->trial);
        code_stamp(codec, &state->since_wall);
    }
}
