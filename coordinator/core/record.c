#include "core/record.h"

#include <string.h>

#include "base/error.h"

static const uint64_t time_max = (uint64_t)1 << 53;

static const char *const event_words[] = {
    [LOCUM_EVENT_TICK] = "tick",     [LOCUM_EVENT_HEARTBEAT] = "heartbeat",
    [LOCUM_EVENT_REDIS] = "redis",   [LOCUM_EVENT_SENTINEL] = "sentinel",
    [LOCUM_EVENT_SAMPLE] = "sample", [LOCUM_EVENT_MIRRORBITS] = "mirrorbits",
    [LOCUM_EVENT_ADMIN] = "admin",   [LOCUM_EVENT_EXCLUDE] = "exclude",
    [LOCUM_EVENT_LEAVE] = "leave",
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
             const struct locum_event *event)
{
    add_word(text, config->nodes[event->sentinel.voter].name);
    add_word(text, event->sentinel.tilt ? "tilt" : "-");
    for (locum_node node = 0; node < config->node_count; node++) {
        if (event->sentinel.known[node] > 0 || event->sentinel.down[node] > 0) {
            add_word(text, config->nodes[node].name);
            locum_text_add_char(text, '=');
            locum_text_add_u64(text, event->sentinel.known[node]);
            locum_text_add_char(text, ',');
            locum_text_add_u64(text, event->sentinel.down[node]);
        }
    }
}

static void
add_admin(struct locum_text *text, const struct locum_event *event)
{
    add_word(text, locum_admin_text(event->admin.word));
    locum_text_add_char(text, ' ');
    if (event->admin.for_ms == LOCUM_NEVER) {
        locum_text_add_char(text, '-');
    } else {
        locum_text_add_duration(text, event->admin.for_ms);
    }
    if (event->admin.reason[0] != '\0') {
        add_rest(text, event->admin.reason, strlen(event->admin.reason));
    }
}

void
locum_record_event(struct locum_text *text, const struct locum_core_config *config,
                   const struct locum_event *event)
{
    LOCUM_INVARIANT(event->kind < LOCUM_COUNT(event_words));
    const bool include = event->kind == LOCUM_EVENT_EXCLUDE && !event->exclude.excluded;
    add_time(text, event->now.mono);
    add_time(text, event->now.boot);
    add_time(text, event->now.wall);
    locum_text_add(text, include ? "include" : event_words[event->kind]);
    switch (event->kind) {
    case LOCUM_EVENT_HEARTBEAT:
        add_word(text, locum_path_text(event->heartbeat.path));
        add_rest(text, event->heartbeat.text.at, event->heartbeat.text.length);
        break;
    case LOCUM_EVENT_REDIS: add_word(text, event->subscribed ? "subscribed" : "lost"); break;
    case LOCUM_EVENT_SENTINEL: add_sentinel(text, config, event); break;
    case LOCUM_EVENT_SAMPLE:
        locum_text_add_char(text, ' ');
        locum_text_add_u64(text, event->sample.check);
        add_word(text, locum_sample_text(event->sample.outcome));
        break;
    case LOCUM_EVENT_MIRRORBITS: add_word(text, config->nodes[event->node].name); break;
    case LOCUM_EVENT_ADMIN: add_admin(text, event); break;
    case LOCUM_EVENT_EXCLUDE: add_word(text, config->nodes[event->exclude.node].name); break;
    case LOCUM_EVENT_TICK:
    case LOCUM_EVENT_LEAVE:
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
parse_heartbeat(struct locum_slice *rest, struct locum_event *event)
{
    const char *const paths[] = {locum_path_text(LOCUM_PATH_REDIS),
                                 locum_path_text(LOCUM_PATH_PEER)};
    size_t path;
    const int status = cut_word(rest, paths, LOCUM_COUNT(paths), &path);
    if (status != 0 || rest->at == NULL) {
        return LOCUM_ERR_INVALID;
    }
    event->heartbeat.path = (enum locum_path)path;
    event->heartbeat.text = *rest;
    *rest = (struct locum_slice){0};
    return 0;
}

/* dc2=2,0 */
static int
parse_instances(struct locum_slice pair, const struct locum_core_config *config,
                struct locum_event *event)
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
        event->sentinel.known[node] = (uint8_t)known;
        event->sentinel.down[node] = (uint8_t)down;
    }
    return status;
}

static int
parse_sentinel(struct locum_slice *rest, const struct locum_core_config *config,
               struct locum_event *event)
{
    static const char *const words[] = {"-", "tilt"};
    struct locum_slice pair;
    size_t tilt;
    int status = cut_node(rest, config, &event->sentinel.voter);
    if (status == 0) {
        status = cut_word(rest, words, LOCUM_COUNT(words), &tilt);
    }
    if (status == 0) {
        event->sentinel.tilt = tilt != 0;
    }
    while (status == 0 && locum_slice_cut(rest, ' ', &pair)) {
        status = parse_instances(pair, config, event);
    }
    return status;
}

static int
parse_sample(struct locum_slice *rest, const struct locum_core_config *config,
             struct locum_event *event)
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
    event->sample.check = (size_t)check;
    event->sample.outcome = (enum locum_sample)outcome;
    return event->sample.check < config->check_count ? 0 : LOCUM_ERR_NOT_FOUND;
}

static int
parse_admin(struct locum_slice *rest, struct locum_event *event)
{
    struct locum_slice word;
    struct locum_slice duration;
    if (!locum_slice_cut(rest, ' ', &word) || !locum_slice_cut(rest, ' ', &duration)) {
        return LOCUM_ERR_INVALID;
    }
    int status = locum_admin_parse(word, &event->admin.word);
    event->admin.for_ms = LOCUM_NEVER;
    if (status == 0 && !locum_slice_is(duration, "-")) {
        status = locum_slice_duration(duration, &event->admin.for_ms);
    }
    if (status == 0 && event->admin.for_ms > (locum_ms)time_max) {
        status = LOCUM_ERR_RANGE; /* no moment is so far away */
    }
    if (status == 0 && rest->at != NULL) {
        status = locum_slice_copy(*rest, event->admin.reason, sizeof(event->admin.reason));
        *rest = (struct locum_slice){0};
    }
    return status;
}

static int
parse_exclude(struct locum_slice *rest, const struct locum_core_config *config, bool excluded,
              struct locum_event *event)
{
    event->kind = LOCUM_EVENT_EXCLUDE;
    event->exclude.excluded = excluded;
    const int status = cut_node(rest, config, &event->exclude.node);
    return status == 0 && event->exclude.node == config->self ? LOCUM_ERR_INVALID : status;
}

static int
parse_redis(struct locum_slice *rest, struct locum_event *event)
{
    static const char *const words[] = {"lost", "subscribed"};
    size_t subscribed;
    const int status = cut_word(rest, words, LOCUM_COUNT(words), &subscribed);
    if (status == 0) {
        event->subscribed = subscribed != 0;
    }
    return status;
}

static int
parse_content(struct locum_slice *rest, const struct locum_core_config *config,
              struct locum_event *event)
{
    size_t kind;
    struct locum_slice include = *rest;
    struct locum_slice word;
    if (locum_slice_cut(&include, ' ', &word) && locum_slice_is(word, "include")) {
        *rest = include;
        return parse_exclude(rest, config, false, event);
    }
    const int status = cut_word(rest, event_words, LOCUM_COUNT(event_words), &kind);
    if (status != 0) {
        return status;
    }
    event->kind = (enum locum_event_kind)kind;
    switch (event->kind) {
    case LOCUM_EVENT_HEARTBEAT: return parse_heartbeat(rest, event);
    case LOCUM_EVENT_REDIS: return parse_redis(rest, event);
    case LOCUM_EVENT_SENTINEL: return parse_sentinel(rest, config, event);
    case LOCUM_EVENT_SAMPLE: return parse_sample(rest, config, event);
    case LOCUM_EVENT_MIRRORBITS: return cut_node(rest, config, &event->node);
    case LOCUM_EVENT_ADMIN: return parse_admin(rest, event);
    case LOCUM_EVENT_EXCLUDE: return parse_exclude(rest, config, true, event);
    case LOCUM_EVENT_TICK:
    case LOCUM_EVENT_LEAVE:
    default: return 0;
    }
}

int
locum_record_event_parse(struct locum_slice line, const struct locum_core_config *config,
                         struct locum_event *ret)
{
    struct locum_event event = {0};
    struct locum_slice rest = line;
    int status = cut_time(&rest, &event.now.mono);
    if (status == 0) {
        status = cut_time(&rest, &event.now.boot);
    }
    if (status == 0) {
        status = cut_time(&rest, &event.now.wall);
    }
    if (status == 0) {
        status = parse_content(&rest, config, &event);
    }
    if (status == 0 && rest.at != NULL) {
        status = LOCUM_ERR_INVALID; /* more than it may have */
    }
    if (status == 0) {
        *ret = event;
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
         const struct locum_condition_edge *edge)
{
    const char *separator = "";
    add_key(text, "ages");
    for (locum_node voter = 0; voter < config->node_count; voter++) {
        if (locum_nodes_has(edge->voters, voter)) {
            locum_text_add(text, separator);
            locum_text_add(text, config->nodes[voter].name);
            locum_text_add_char(text, '=');
            locum_text_add_i64(text, edge->age_ms[voter]);
            separator = ",";
        }
    }
}

static void
add_condition(struct locum_text *text, const struct locum_core_config *config,
              const struct locum_condition_edge *edge)
{
    locum_text_add(text, "condition");
    add_pair(text, "peer", config->nodes[edge->peer].name);
    add_pair(text, "from", locum_condition_text(edge->from));
    add_pair(text, "to", locum_condition_text(edge->to));
    if (edge->voters != 0) {
        add_key(text, "votes");
        locum_nodes_add(text, config, edge->voters);
        add_ages(text, config, edge);
    }
    add_pair(text, "reason", locum_cause_text(edge->cause));
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
locum_record_edge(struct locum_text *text, const struct locum_core_config *config,
                  const struct locum_edge *edge)
{
    switch (edge->kind) {
    case LOCUM_EDGE_CONDITION: add_condition(text, config, &edge->condition); break;
    case LOCUM_EDGE_SERVICE:
        locum_text_add(text, "service");
        add_pair(text, "from", locum_service_text(edge->service.from));
        add_pair(text, "to", locum_service_text(edge->service.to));
        add_pair(text, "reason", locum_cause_text(LOCUM_CAUSE_CHECKS));
        break;
    case LOCUM_EDGE_ADMIN:
        locum_text_add(text, "admin");
        add_pair(text, "from", locum_admin_text(edge->admin.from));
        add_pair(text, "to", locum_admin_text(edge->admin.to));
        add_pair(text, "reason", locum_cause_text(edge->admin.cause));
        break;
    case LOCUM_EDGE_SERVING:
        locum_text_add(text, "serving");
        add_serving(text, config, "from", edge->serving.from);
        add_serving(text, config, "to", edge->serving.to);
        break;
    case LOCUM_EDGE_EXCLUDED:
        add_peer(text, config, edge->exclude.excluded ? "excluded" : "included",
                 edge->exclude.node);
        break;
    case LOCUM_EDGE_STALL:
        locum_text_add(text, "stall");
        add_number(text, "late-ms", (uint64_t)edge->late_ms);
        break;
    case LOCUM_EDGE_INCARNATION:
        locum_text_add(text, "incarnation");
        add_number(text, "to", edge->incarnation);
        break;
    case LOCUM_EDGE_TWIN:
        locum_text_add(text, "twin");
        add_number(text, "incarnation", edge->incarnation);
        break;
    case LOCUM_EDGE_DEAF:
        add_peer(text, config, edge->deaf.deaf ? "deaf" : "hearing", edge->deaf.node);
        break;
    case LOCUM_EDGE_LEAVING:
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
    case LOCUM_ACTION_EDGE: locum_record_edge(text, &core->config, &action->edge); break;
    case LOCUM_ACTION_PERSIST: locum_text_add(text, "persist"); break;
    case LOCUM_ACTION_LEFT:
    default: locum_text_add(text, "left"); break;
    }
}
