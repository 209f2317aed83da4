#include "core/record.h"

#include <string.h>

#include "base/error.h"

static const uint64_t time_max = (uint64_t)1 << 53;

static const char *const input_words[] = {
    [LOCUM_INPUT_COMMIT] = "commit", [LOCUM_INPUT_HEARTBEAT] = "heartbeat",
    [LOCUM_INPUT_REDIS] = "redis",   [LOCUM_INPUT_SENTINEL] = "sentinel",
    [LOCUM_INPUT_SAMPLE] = "sample", [LOCUM_INPUT_MIRRORBITS] = "mirrorbits",
    [LOCUM_INPUT_ADMIN] = "admin",   [LOCUM_INPUT_EXCLUDE] = "exclude",
    [LOCUM_INPUT_LEAVE] = "leave",
};

static void
add_word(struct locum_text *text, const char *word)
{
    locum_text_add_char(text, ' ');
    locum_text_add(text, word);
}

/* Somebody else's text to the end of the line. */
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
    add_word(text, config->nodes[input->sentinel.voter].name);
    add_word(text, input->sentinel.tilt ? "tilt" : "-");
    for (locum_node node = 0; node < config->node_count; node++) {
        if (input->sentinel.known[node] > 0 || input->sentinel.down[node] > 0) {
            add_word(text, config->nodes[node].name);
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
    add_word(text, locum_admin_text(input->admin.state));
    locum_text_add_char(text, ' ');
    if (input->admin.for_ms == LOCUM_NEVER) {
        locum_text_add_char(text, '-');
    } else {
        locum_text_add_duration(text, input->admin.for_ms);
    }
    if (input->admin.reason[0] != '\0') {
        add_rest(text, input->admin.reason, strlen(input->admin.reason));
    }
}

void
locum_record_input(struct locum_text *text, const struct locum_core_config *config,
                   const struct locum_input *input)
{
    LOCUM_INVARIANT(input->kind < LOCUM_COUNT(input_words));
    const bool include = input->kind == LOCUM_INPUT_EXCLUDE && !input->exclude.excluded;
    add_time(text, input->now.mono);
    add_time(text, input->now.boot);
    add_time(text, input->now.wall);
    locum_text_add(text, include ? "include" : input_words[input->kind]);
    switch (input->kind) {
    case LOCUM_INPUT_HEARTBEAT:
        add_word(text, locum_path_text(input->heartbeat.path));
        add_rest(text, input->heartbeat.text.at, input->heartbeat.text.length);
        break;
    case LOCUM_INPUT_REDIS: add_word(text, input->subscribed ? "subscribed" : "lost"); break;
    case LOCUM_INPUT_SENTINEL: add_sentinel(text, config, input); break;
    case LOCUM_INPUT_SAMPLE:
        locum_text_add_char(text, ' ');
        locum_text_add_u64(text, input->sample.check);
        add_word(text, locum_sample_text(input->sample.outcome));
        break;
    case LOCUM_INPUT_MIRRORBITS: add_word(text, config->nodes[input->node].name); break;
    case LOCUM_INPUT_ADMIN: add_admin(text, input); break;
    case LOCUM_INPUT_EXCLUDE: add_word(text, config->nodes[input->exclude.node].name); break;
    case LOCUM_INPUT_COMMIT:
    case LOCUM_INPUT_LEAVE:
    default: break;
    }
}

/* --- reading ---------------------------------------------------------------------------------- */

/* The index of the next word in a table of words. */
static int
cut_word(struct locum_slice *rest, const char *const *words, size_t count, size_t *ret)
{
    struct locum_slice word;
    if (!locum_slice_cut(rest, ' ', &word)) {
        return LOCUM_ERR_INVALID;
    }
    for (size_t i = 0; i < count; i++) {
        if (locum_slice_is(word, words[i])) {
            *ret = i;
            return 0;
        }
    }
    return LOCUM_ERR_INVALID;
}

static int
cut_time(struct locum_slice *rest, locum_ms *ret)
{
    struct locum_slice word;
    uint64_t number;
    if (!locum_slice_cut(rest, ' ', &word)) {
        return LOCUM_ERR_INVALID;
    }
    const int status = locum_slice_u64(word, time_max, &number);
    if (status == 0) {
        *ret = (locum_ms)number;
    }
    return status;
}

static int
cut_node(struct locum_slice *rest, const struct locum_core_config *config, locum_node *ret)
{
    struct locum_slice word;
    if (!locum_slice_cut(rest, ' ', &word)) {
        return LOCUM_ERR_INVALID;
    }
    *ret = locum_node_find(config, word);
    return *ret == LOCUM_NODE_NONE ? LOCUM_ERR_NOT_FOUND : 0;
}

static int
parse_heartbeat(struct locum_slice *rest, struct locum_input *input)
{
    const char *const paths[] = {locum_path_text(LOCUM_PATH_REDIS),
                                 locum_path_text(LOCUM_PATH_UDP)};
    size_t path;
    const int status = cut_word(rest, paths, LOCUM_COUNT(paths), &path);
    if (status != 0 || rest->at == NULL) {
        return LOCUM_ERR_INVALID;
    }
    input->heartbeat.path = (enum locum_path)path;
    input->heartbeat.text = *rest;
    *rest = (struct locum_slice){0};
    return 0;
}

/* dc2=2,0 */
static int
parse_instances(struct locum_slice pair, const struct locum_core_config *config,
                struct locum_input *input)
{
    struct locum_slice name;
    struct locum_slice known_text;
    uint64_t known;
    uint64_t down;
    (void)locum_slice_cut(&pair, '=', &name); /* a first piece there is always */
    const locum_node node = locum_node_find(config, name);
    if (node == LOCUM_NODE_NONE) {
        return LOCUM_ERR_NOT_FOUND;
    }
    if (!locum_slice_cut(&pair, ',', &known_text)) {
        return LOCUM_ERR_INVALID;
    }
    int status = locum_slice_u64(known_text, UINT8_MAX, &known);
    if (status == 0) {
        status = locum_slice_u64(pair, UINT8_MAX, &down);
    }
    if (status == 0) {
        input->sentinel.known[node] = (uint8_t)known;
        input->sentinel.down[node] = (uint8_t)down;
    }
    return status;
}

static int
parse_sentinel(struct locum_slice *rest, const struct locum_core_config *config,
               struct locum_input *input)
{
    static const char *const words[] = {"-", "tilt"};
    struct locum_slice pair;
    size_t tilt;
    int status = cut_node(rest, config, &input->sentinel.voter);
    if (status == 0) {
        status = cut_word(rest, words, LOCUM_COUNT(words), &tilt);
    }
    if (status == 0) {
        input->sentinel.tilt = tilt != 0;
    }
    while (status == 0 && locum_slice_cut(rest, ' ', &pair)) {
        status = parse_instances(pair, config, input);
    }
    return status;
}

static int
parse_sample(struct locum_slice *rest, const struct locum_core_config *config,
             struct locum_input *input)
{
    const char *const words[] = {locum_sample_text(LOCUM_SAMPLE_PASS),
                                 locum_sample_text(LOCUM_SAMPLE_FAIL),
                                 locum_sample_text(LOCUM_SAMPLE_REFUSED)};
    locum_ms check;
    size_t outcome;
    int status = cut_time(rest, &check);
    if (status == 0) {
        status = cut_word(rest, words, LOCUM_COUNT(words), &outcome);
    }
    if (status != 0) {
        return status;
    }
    input->sample.check = (size_t)check;
    input->sample.outcome = (enum locum_sample)outcome;
    return input->sample.check < config->check_count ? 0 : LOCUM_ERR_NOT_FOUND;
}

static int
parse_admin(struct locum_slice *rest, struct locum_input *input)
{
    struct locum_slice word;
    struct locum_slice duration;
    if (!locum_slice_cut(rest, ' ', &word) || !locum_slice_cut(rest, ' ', &duration)) {
        return LOCUM_ERR_INVALID;
    }
    int status = locum_admin_parse(word, &input->admin.state);
    input->admin.for_ms = LOCUM_NEVER;
    if (status == 0 && !locum_slice_is(duration, "-")) {
        status = locum_slice_duration(duration, &input->admin.for_ms);
    }
    if (status == 0 && input->admin.for_ms > (locum_ms)time_max) {
        status = LOCUM_ERR_RANGE; /* no moment is so far away */
    }
    if (status == 0 && rest->at != NULL) {
        status = locum_slice_copy(*rest, input->admin.reason, sizeof(input->admin.reason));
        *rest = (struct locum_slice){0};
    }
    return status;
}

static int
parse_exclude(struct locum_slice *rest, const struct locum_core_config *config, bool excluded,
              struct locum_input *input)
{
    input->kind = LOCUM_INPUT_EXCLUDE;
    input->exclude.excluded = excluded;
    const int status = cut_node(rest, config, &input->exclude.node);
    return status == 0 && input->exclude.node == config->self ? LOCUM_ERR_INVALID : status;
}

static int
parse_redis(struct locum_slice *rest, struct locum_input *input)
{
    static const char *const words[] = {"lost", "subscribed"};
    size_t subscribed;
    const int status = cut_word(rest, words, LOCUM_COUNT(words), &subscribed);
    if (status == 0) {
        input->subscribed = subscribed != 0;
    }
    return status;
}

static int
parse_content(struct locum_slice *rest, const struct locum_core_config *config,
              struct locum_input *input)
{
    size_t kind;
    struct locum_slice include = *rest;
    struct locum_slice word;
    if (locum_slice_cut(&include, ' ', &word) && locum_slice_is(word, "include")) {
        *rest = include;
        return parse_exclude(rest, config, false, input);
    }
    const int status = cut_word(rest, input_words, LOCUM_COUNT(input_words), &kind);
    if (status != 0) {
        return status;
    }
    input->kind = (enum locum_input_kind)kind;
    switch (input->kind) {
    case LOCUM_INPUT_HEARTBEAT: return parse_heartbeat(rest, input);
    case LOCUM_INPUT_REDIS: return parse_redis(rest, input);
    case LOCUM_INPUT_SENTINEL: return parse_sentinel(rest, config, input);
    case LOCUM_INPUT_SAMPLE: return parse_sample(rest, config, input);
    case LOCUM_INPUT_MIRRORBITS: return cut_node(rest, config, &input->node);
    case LOCUM_INPUT_ADMIN: return parse_admin(rest, input);
    case LOCUM_INPUT_EXCLUDE: return parse_exclude(rest, config, true, input);
    case LOCUM_INPUT_COMMIT:
    case LOCUM_INPUT_LEAVE:
    default: return 0;
    }
}

int
locum_record_input_parse(struct locum_slice line, const struct locum_core_config *config,
                         struct locum_input *ret)
{
    struct locum_input input = {0};
    struct locum_slice rest = line;
    int status = cut_time(&rest, &input.now.mono);
    if (status == 0) {
        status = cut_time(&rest, &input.now.boot);
    }
    if (status == 0) {
        status = cut_time(&rest, &input.now.wall);
    }
    if (status == 0) {
        status = parse_content(&rest, config, &input);
    }
    if (status == 0 && rest.at != NULL) {
        status = LOCUM_ERR_INVALID; /* more than it may have */
    }
    if (status == 0) {
        *ret = input;
    }
    return status;
}

/* --- actions ---------------------------------------------------------------------------------- */

static void
add_key(struct locum_text *text, const char *key)
{
    add_word(text, key);
    locum_text_add_char(text, '=');
}

static void
add_pair(struct locum_text *text, const char *key, const char *value)
{
    add_key(text, key);
    locum_text_add(text, value);
}

static void
add_number(struct locum_text *text, const char *key, uint64_t number)
{
    add_key(text, key);
    locum_text_add_u64(text, number);
}

static void
add_ages(struct locum_text *text, const struct locum_core_config *config,
         const struct locum_condition_event *event)
{
    const char *separator = "";
    add_key(text, "ages");
    for (locum_node voter = 0; voter < config->node_count; voter++) {
        if (locum_nodes_has(event->voters, voter)) {
            locum_text_add(text, separator);
            locum_text_add(text, config->nodes[voter].name);
            locum_text_add_char(text, '=');
            locum_text_add_i64(text, event->age_ms[voter]);
            separator = ",";
        }
    }
}

static void
add_condition(struct locum_text *text, const struct locum_core_config *config,
              const struct locum_condition_event *event)
{
    locum_text_add(text, "condition");
    add_pair(text, "peer", config->nodes[event->peer].name);
    add_pair(text, "from", locum_condition_text(event->from));
    add_pair(text, "to", locum_condition_text(event->to));
    if (event->voters != 0) {
        add_key(text, "votes");
        locum_nodes_add(text, config, event->voters);
        add_ages(text, config, event);
    }
    add_pair(text, "reason", locum_cause_text(event->cause));
}

static void
add_serving(struct locum_text *text, const struct locum_core_config *config, const char *key,
            struct locum_serving serving)
{
    add_key(text, key);
    locum_serving_add(text, config, serving);
}

static void
add_peer(struct locum_text *text, const struct locum_core_config *config, const char *word,
         locum_node peer)
{
    locum_text_add(text, word);
    add_pair(text, "peer", config->nodes[peer].name);
}

void
locum_record_event(struct locum_text *text, const struct locum_core_config *config,
                   const struct locum_event *event)
{
    switch (event->kind) {
    case LOCUM_EVENT_CONDITION: add_condition(text, config, &event->condition); break;
    case LOCUM_EVENT_SERVICE:
        locum_text_add(text, "service");
        add_pair(text, "from", locum_service_text(event->service.from));
        add_pair(text, "to", locum_service_text(event->service.to));
        add_pair(text, "reason", locum_cause_text(LOCUM_CAUSE_CHECKS));
        break;
    case LOCUM_EVENT_ADMIN:
        locum_text_add(text, "admin");
        add_pair(text, "from", locum_admin_text(event->admin.from));
        add_pair(text, "to", locum_admin_text(event->admin.to));
        add_pair(text, "reason", locum_cause_text(event->admin.cause));
        break;
    case LOCUM_EVENT_SERVING:
        locum_text_add(text, "serving");
        add_serving(text, config, "from", event->serving.from);
        add_serving(text, config, "to", event->serving.to);
        break;
    case LOCUM_EVENT_EXCLUDED:
        add_peer(text, config, event->exclude.excluded ? "excluded" : "included",
                 event->exclude.node);
        break;
    case LOCUM_EVENT_STALL:
        locum_text_add(text, "stall");
        add_number(text, "late-ms", (uint64_t)event->late_ms);
        break;
    case LOCUM_EVENT_INCARNATION:
        locum_text_add(text, "incarnation");
        add_number(text, "to", event->incarnation);
        break;
    case LOCUM_EVENT_DUPLICATE_NODE:
        locum_text_add(text, "duplicate-node");
        add_number(text, "incarnation", event->incarnation);
        break;
    case LOCUM_EVENT_ONE_WAY:
        add_peer(text, config, event->one_way.one_way ? "one-way" : "two-way", event->one_way.node);
        break;
    case LOCUM_EVENT_LEAVING:
    default: locum_text_add(text, "leaving"); break;
    }
}

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
    switch (action->kind) {
    case LOCUM_ACTION_HEARTBEAT:
        locum_text_add(text, "heartbeat ");
        locum_core_heartbeat(core, LOCUM_NODE_NONE, now, text);
        break;
    case LOCUM_ACTION_PLAN: add_plan(text, core); break;
    case LOCUM_ACTION_EVENT: locum_record_event(text, &core->config, &action->event); break;
    case LOCUM_ACTION_PERSIST: locum_text_add(text, "persist"); break;
    case LOCUM_ACTION_LEFT:
    default: locum_text_add(text, "left"); break;
    }
}
