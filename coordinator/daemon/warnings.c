#include "daemon/daemon.h"

#include <stdlib.h>
#include <string.h>

enum {
    CLOCK_WARN_MS = 5000,
    BAD_LINE_WARN_MS = 60000,
    FALSE_ALARM_WARN_MS = 3600 * 1000,
    TILT_WARN_MS = 5000,       /* since it was polled */
    TIMEOUT_ADVISED_MS = 1250, /* stands a line that goes black for 200 ms a tenth of the time */
    TEXT_BYTES = 640,
};

void
locum_evidence_init(struct locum_evidence *self)
{
    memset(self, 0, sizeof(*self));
    self->bad_line = LOCUM_NEVER;
    for (size_t node = 0; node < LOCUM_NODES_MAX; node++) {
        self->bad_seal[node] = LOCUM_NEVER;
        for (size_t i = 0; i < LOCUM_FALSE_ALARMS; i++) {
            self->false_alarm[node][i] = LOCUM_NEVER;
        }
    }
}

/* "locum1 get dc2 ...": the third word. */
static locum_node
sender_of(const struct locum_core_config *config, struct locum_slice line)
{
    struct locum_slice word = {0};
    bool there = true;
    for (size_t i = 0; i < 3 && there; i++) {
        there = locum_slice_cut(&line, ' ', &word);
    }
    return there ? locum_nodes_find(config, word) : LOCUM_NODE_NONE;
}

void
locum_evidence_line(struct locum_evidence *self, const struct locum_core_config *config,
                    struct locum_slice line, bool sealed, size_t secret, locum_ms mono)
{
    const locum_node sender = sender_of(config, line);
    if (sealed && sender != LOCUM_NODE_NONE) {
        self->sealed_by[sender] = secret;
    } else if (!sealed) {
        *(sender != LOCUM_NODE_NONE ? &self->bad_seal[sender] : &self->bad_line) = mono;
    }
}

void
locum_evidence_event(struct locum_evidence *self, const struct locum_condition_event *edge,
                     locum_ms mono)
{
    locum_ms *times = self->false_alarm[edge->peer];
    if (edge->from == LOCUM_SUSPECT && edge->to == LOCUM_ALIVE) {
        memmove(&times[1], &times[0], (LOCUM_FALSE_ALARMS - 1) * sizeof(times[0]));
        times[0] = mono;
    }
}

static bool
is_lately(locum_ms mono, locum_ms within, locum_ms now)
{
    return mono != LOCUM_NEVER && now - mono < within;
}

/* What a warning is about. What has an event of its own is not told by another. */
enum about {
    ABOUT_EXCLUDED, /* event excluded */
    ABOUT_ONE_WAY,  /* event deaf */
    ABOUT_ANSWERS,  /* event publish-failed */
    ABOUT_CONFIGURATION,
    ABOUT_CLOCK,
    ABOUT_SECRET,
    ABOUT_SIGNATURE,
    ABOUT_PATH,
    ABOUT_UDP,
    ABOUT_TILT,
    ABOUT_UNKNOWN_INSTANCES,
    ABOUT_MIRRORBITS,
    ABOUT_STATE,
    ABOUT_DNS,
    ABOUT_NSD,
};
const char *const locum_warning_abouts[] = {
    [ABOUT_EXCLUDED] = "excluded",
    [ABOUT_ONE_WAY] = "one-way",
    [ABOUT_ANSWERS] = "answers",
    [ABOUT_CONFIGURATION] = "configuration",
    [ABOUT_CLOCK] = "clock",
    [ABOUT_SECRET] = "secret",
    [ABOUT_SIGNATURE] = "signature",
    [ABOUT_PATH] = "path",
    [ABOUT_UDP] = "udp",
    [ABOUT_TILT] = "tilt",
    [ABOUT_UNKNOWN_INSTANCES] = "unknown-instances",
    [ABOUT_MIRRORBITS] = "mirrorbits",
    [ABOUT_STATE] = "state",
    [ABOUT_DNS] = "dns",
    [ABOUT_NSD] = "nsd",
};
const size_t locum_warning_about_count = LOCUM_COUNT(locum_warning_abouts);

/* The warnings of one moment. */
struct list {
    json_t *shown; /* array of texts */
    json_t *told;  /* object: "ABOUT PEER" -> text, of those that are told as events */
};

/* before + what + after; peer: NULL if it is about none. */
static void
warn(const struct list *self, enum about about, const char *peer, const char *before,
     const char *what, const char *after)
{
    char line[TEXT_BYTES];
    char key[64];
    struct locum_text text = locum_text_init(line, sizeof(line));
    locum_text_add(&text, before);
    locum_text_add(&text, what);
    locum_text_add(&text, after);
    (void)json_array_append_new(self->shown, json_string(line));
    if (about > ABOUT_ANSWERS) {
        text = locum_text_init(key, sizeof(key));
        locum_text_add(&text, locum_warning_abouts[about]);
        locum_text_add(&text, peer != NULL ? " " : "");
        locum_text_add(&text, peer != NULL ? peer : "");
        (void)json_object_set_new(self->told, key, json_string(line));
    }
}

/* Heard, but not by UDP for so long that silence there is no evidence any more: what a firewall
 * does, and nobody would see it before Redis is lost too. */
static bool
is_heard_by_redis_alone(const struct locum_daemon *self, locum_node node, struct locum_now now)
{
    const struct locum_core *core = &self->core;
    const locum_ms heard = core->view.peer[node].path[LOCUM_PATH_UDP].heard;
    const locum_ms since = heard != LOCUM_NEVER ? heard : self->started_mono;
    return now.mono - since > LOCUM_DIRECT_MS &&
           locum_view_heard_within_limit(&core->view, &core->config, node, now.mono);
}

/* What a peer's own heartbeats show. */
static void
warn_of_word(const struct list *list, const struct locum_daemon *self, locum_node node,
             struct locum_now now)
{
    const struct locum_core *core = &self->core;
    const struct locum_peer_facts *facts = &core->view.peer[node];
    const char *name = core->config.nodes[node].name;
    if (strcmp(facts->digest, core->config.digest) != 0) {
        warn(list, ABOUT_CONFIGURATION, name, "", name,
             " runs with a different configuration: compare the files, then reload");
    }
    if (llabs(facts->wall_offset) > CLOCK_WARN_MS) {
        warn(list, ABOUT_CLOCK, name, "the clock of ", name,
             " differs from this node's by more than 5 s: check NTP on both (the times of events "
             "cannot be compared; no decision depends on it)");
    }
    if (facts->one_way) {
        warn(list, ABOUT_ONE_WAY, name, "", name,
             " does not hear this node: check UDP on the peer port");
    }
    if (is_heard_by_redis_alone(self, node, now)) {
        warn(list, ABOUT_UDP, name, "", name,
             " is heard through Redis alone, not by UDP: let its heartbeats in (nodes.X.port, 9853 "
             "if not written; a firewall on the way?), or it is suspect as soon as Redis is lost");
    }
    if (self->evidence.sealed_by[node] != 0 &&
        locum_view_heard_within_limit(&core->view, &core->config, node, now.mono)) {
        warn(list, ABOUT_SECRET, name, "", name,
             " seals its heartbeats with another accepted secret than this node: finish the "
             "rotation, with the same first line in the secret file of every node, then reload");
    }
}

/* A line that loses heartbeats costs no false takeover, but each suspicion is half the way. */
static void
warn_of_line(const struct list *list, const struct locum_daemon *self, locum_node node)
{
    char after[256];
    const locum_ms timeout_ms = self->core.config.timeout_ms;
    const locum_ms more_ms = timeout_ms + timeout_ms / 4;
    struct locum_text text = locum_text_init(after, sizeof(after));
    locum_text_add(&text, " was suspected in vain 3 times within an hour: heartbeats are lost on "
                          "the way; look at the line, or set heartbeat.timeout to ");
    locum_text_add_duration(&text, more_ms > TIMEOUT_ADVISED_MS ? more_ms : TIMEOUT_ADVISED_MS);
    locum_text_add(&text, " or more on every node");
    warn(list, ABOUT_PATH, self->core.config.nodes[node].name, "",
         self->core.config.nodes[node].name, after);
}

static void
warn_of_peer(const struct list *list, const struct locum_daemon *self, locum_node node,
             struct locum_now now)
{
    const struct locum_core *core = &self->core;
    const struct locum_evidence *evidence = &self->evidence;
    const char *name = core->config.nodes[node].name;
    if (locum_nodes_has(core->admin.excluded, node)) {
        warn(list, ABOUT_EXCLUDED, name, "", name,
             " is excluded by the operator: locum include brings it back");
    }
    if (core->view.peer[node].state_known) {
        warn_of_word(list, self, node, now);
    }
    if (is_lately(evidence->bad_seal[node], BAD_LINE_WARN_MS, now.mono)) {
        warn(list, ABOUT_SIGNATURE, name, "heartbeats in the name of ", name,
             " bear the seal of no secret known here: is the secret file the same on every node, "
             "and reloaded? If that node is heard all the same, somebody forges or repeats them");
    }
    if (is_lately(evidence->false_alarm[node][LOCUM_FALSE_ALARMS - 1], FALSE_ALARM_WARN_MS,
                  now.mono)) {
        warn_of_line(list, self, node);
    }
}

/* A Sentinel in TILT casts no vote: it matters where no coordinator votes for its site. */
static void
warn_of_tilt(const struct list *list, const struct locum_core *core, locum_node node,
             struct locum_now now)
{
    const struct locum_sentinel_facts *facts = &core->view.peer[node].sentinel;
    const char *name = core->config.nodes[node].name;
    if (facts->tilt && is_lately(facts->polled, TILT_WARN_MS, now.mono) &&
        !locum_view_heard_within_limit(&core->view, &core->config, node, now.mono)) {
        warn(list, ABOUT_TILT, name, "the Sentinel of ", name,
             " is in TILT, and no coordinator votes for that site: it has no vote until 30 s after "
             "its host's clock and load are in order");
    }
}

/* A Mirrorbits of another database is none of this cluster, unless it is redis.db that is wrong. */
static void
warn_of_database(const struct list *list, const struct locum_daemon *self,
                 const struct locum_redis_other_db *other_db, locum_node node, struct locum_now now)
{
    char after[160];
    struct locum_text text = locum_text_init(after, sizeof(after));
    if (!is_lately(other_db->heard_mono, LOCUM_MIRRORBITS_FORGET_MS, now.mono) ||
        locum_view_mirrorbits_seen(&self->core.view, node, now.mono)) {
        return;
    }
    locum_text_add(&text, " announces itself for database ");
    locum_text_add_u64(&text, other_db->db);
    locum_text_add(&text, ", and redis.db is ");
    locum_text_add_u64(&text, self->config->redis.db);
    locum_text_add(&text, ": write its RedisDB there");
    warn(list, ABOUT_MIRRORBITS, self->core.config.nodes[node].name, "the Mirrorbits of ",
         self->core.config.nodes[node].name, after);
}

static void
warn_of_redis(const struct list *list, const struct locum_daemon *self, struct locum_now now)
{
    struct locum_redis_status redis;
    locum_redis_status(self->redis, &redis);
    for (locum_node node = 0; node < self->core.config.node_count; node++) {
        warn_of_database(list, self, &redis.other_db[node], node, now);
    }
    if (redis.unknown_instances[0] != '\0') {
        warn(list, ABOUT_UNKNOWN_INSTANCES, NULL, "a Sentinel lists ", redis.unknown_instances,
             ", which belong to no node here, or to two: set nodes.X.redis and nodes.X.sentinel, "
             "or `SENTINEL RESET` if they are gone");
    }
}

static void
warn_of_self(const struct list *list, const struct locum_daemon *self, struct locum_now now)
{
    char disk[256];
    struct locum_text why = locum_text_init(disk, sizeof(disk));
    if (locum_state_writer_error(self->writer, &why)) {
        warn(list, ABOUT_STATE, NULL, "", disk, "");
    }
    if (is_lately(self->evidence.bad_line, BAD_LINE_WARN_MS, now.mono)) {
        warn(list, ABOUT_SIGNATURE, NULL,
             "lines that no accepted secret has sealed, in no node's name,",
             " came to the peer port or the channel", " within the last minute");
    }
    if (self->dns_closed > 0) {
        warn(list, ABOUT_DNS, NULL, "not every address of listen.dns is open", "",
             ": nobody is answered there; the log says which and why");
    }
    if (self->publish_failed) {
        warn(list, ABOUT_ANSWERS, NULL, "the answers are older than the plan", "", ": see the log");
    }
}

/* An adapter whose zone is not at NSD, or that is silent. */
static void
warn_of_nsd(const struct list *list, struct locum_daemon *self)
{
    json_t *report = locum_daemon_nsd(self);
    const char *error = json_string_value(json_object_get(report, "error"));
    if (error != NULL) {
        warn(list, ABOUT_NSD, NULL, "NSD may answer with an older zone: ", error, "");
    }
    json_decref(report);
}

static struct list
find_warnings(struct locum_daemon *self)
{
    const struct locum_now now = locum_daemon_now(self);
    const struct list list = {.shown = json_array(), .told = json_object()};
    for (locum_node node = 0; node < self->core.config.node_count; node++) {
        if (node != self->core.config.self) {
            warn_of_peer(&list, self, node, now);
            warn_of_tilt(&list, &self->core, node, now);
        }
    }
    warn_of_redis(&list, self, now);
    warn_of_self(&list, self, now);
    warn_of_nsd(&list, self);
    return list;
}

json_t *
locum_daemon_warnings(struct locum_daemon *self)
{
    const struct list list = find_warnings(self);
    json_decref(list.told);
    return list.shown;
}

/* key: "ABOUT PEER" or "ABOUT"; text: NULL: it is over. */
static void
tell(struct locum_daemon *self, const char *key, const char *text)
{
    char about[64];
    struct locum_text copy = locum_text_init(about, sizeof(about));
    locum_text_add(&copy, key);
    char *blank = strchr(about, ' ');
    if (blank != NULL) {
        *blank = '\0';
    }
    locum_daemon_tell(self, text != NULL ? LOCUM_LOG_WARN : LOCUM_LOG_INFO,
                      text != NULL ? LOCUM_TOLD_WARNING : LOCUM_TOLD_WARNING_OVER, "about", about,
                      "peer", blank != NULL ? blank + 1 : NULL, "reason", text, (const char *)NULL);
}

void
locum_daemon_watch_warnings(struct locum_daemon *self)
{
    const char *key;
    json_t *text;
    const struct list list = find_warnings(self);
    json_decref(list.shown);
    json_object_foreach(list.told, key, text)
    {
        if (!json_equal(text, json_object_get(self->warned, key))) {
            tell(self, key, json_string_value(text));
        }
    }
    json_object_foreach(self->warned, key, text)
    {
        if (json_object_get(list.told, key) == NULL) {
            tell(self, key, NULL);
        }
    }
    json_decref(self->warned);
    self->warned = list.told;
}
