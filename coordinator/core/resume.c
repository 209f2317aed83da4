#include "core/resume.h"

#include <string.h>

#include "core/codec.h"

enum { VERSION = 1 };

const char *
locum_resume_text(enum locum_resumed outcome)
{
    static const char *const texts[] = {
        [LOCUM_RESUMED] = "resumed",
        [LOCUM_RESUMED_STALE] = "resumed as last known states",
        [LOCUM_NOT_SAVED] = "not saved",
        [LOCUM_OTHER_VERSION] = "saved by another version of the program",
        [LOCUM_OTHER_BOOT] = "of another boot",
        [LOCUM_OTHER_NODE] = "of another node",
        [LOCUM_RESUME_MALFORMED] = "malformed",
    };
    return texts[outcome];
}

/* --- writing ---------------------------------------------------------------------------------- */

/* The own heartbeats that peers may still acknowledge (HEARTBEAT-6), the newest first. */
static void
add_sent(struct locum_codec *codec, const struct locum_core *self, struct locum_now now)
{
    const struct locum_view *view = &self->view;
    locum_text_add(codec->out, "sent");
    for (uint64_t i = 0; i < LOCUM_SENT_MAX && i < view->seq; i++) {
        locum_ms sent = view->sent[(view->seq - i) % LOCUM_SENT_MAX];
        if (now.mono - sent > 2 * self->config.timeout_ms) {
            break;
        }
        locum_codec_time(codec, &sent);
    }
    locum_text_add_char(codec->out, '\n');
}

static void
add_head(struct locum_text *text, const struct locum_core *self, const char *boot_id,
         struct locum_now now)
{
    locum_text_add(text, "locum-run ");
    locum_text_add_u64(text, VERSION);
    locum_text_add(text, "\nof ");
    locum_text_add(text, self->config.cluster);
    locum_text_add_char(text, ' ');
    locum_text_add(text, self->config.nodes[self->config.self].name);
    locum_text_add_char(text, ' ');
    locum_text_add(text, boot_id);
    locum_text_add_char(text, ' ');
    locum_text_add_u64(text, (uint64_t)now.boot);
    locum_text_add(text, "\nrun");
}

static void
add_own(struct locum_codec *codec, const struct locum_core *self)
{
    struct locum_admin_state admin = self->admin;
    struct locum_service_state service = self->service;
    locum_text_add(codec->out, "admin");
    locum_codec_admin(codec, &admin);
    locum_text_add(codec->out, "\nservice");
    locum_codec_service(codec, &service);
    for (size_t i = 0; i < self->config.check_count; i++) {
        uint64_t id = self->config.checks[i].id;
        locum_text_add(codec->out, "\ncheck");
        locum_codec_u64(codec, UINT32_MAX, &id);
        locum_codec_check(codec, &service.check[i]);
    }
}

void
locum_core_save(const struct locum_core *self, const char *boot_id, uint32_t serial,
                struct locum_now now, struct locum_text *text)
{
    const struct locum_view *view = &self->view;
    struct locum_codec codec = {.out = text, .saved_at = now.mono, .node = &self->config};
    struct locum_run_line run = {.incarnation = view->incarnation,
                                 .seq = view->seq,
                                 .serial = serial,
                                 .next_commit = self->next_commit,
                                 .last_send = self->last_send,
                                 .started = view->started,
                                 .grace = view->grace,
                                 .send_wanted = self->send_wanted};
    if (boot_id[0] == '\0') {
        return;
    }
    add_head(text, self, boot_id, now);
    locum_codec_run(&codec, &run);
    locum_text_add_char(text, '\n');
    add_sent(&codec, self, now);
    add_own(&codec, self);
    for (locum_node i = 0; i < self->config.node_count; i++) {
        struct locum_node_line node = {.condition = self->detector.peer[i], .facts = view->peer[i]};
        memcpy(node.family, self->families.at[i], sizeof(node.family));
        locum_text_add(text, "\nnode ");
        locum_text_add(text, self->config.nodes[i].name);
        locum_codec_node(&codec, &node);
    }
    locum_text_add(text, "\nend\n");
}

/* --- reading ---------------------------------------------------------------------------------- */

static void
read_run(struct locum_codec *codec, struct locum_core *self, uint32_t *ret_serial)
{
    struct locum_run_line run = {0};
    locum_codec_run(codec, &run);
    self->view.incarnation = run.incarnation;
    self->view.seq = run.seq;
    self->view.started = run.started;
    self->view.grace = run.grace;
    self->next_commit = run.next_commit;
    self->last_send = run.last_send;
    self->send_wanted = run.send_wanted;
    *ret_serial = (uint32_t)run.serial;
}

/* What is not in the line was not sent of late. */
static void
read_sent(struct locum_codec *codec, struct locum_view *view)
{
    for (size_t i = 0; i < LOCUM_SENT_MAX; i++) {
        view->sent[i] = LOCUM_NEVER;
    }
    for (uint64_t i = 0; i < LOCUM_SENT_MAX && i < view->seq && codec->in.at != NULL; i++) {
        const size_t at = (view->seq - i) % LOCUM_SENT_MAX;
        locum_codec_time(codec, &view->sent[at]);
        view->sent_as[at] = view->incarnation;
    }
}

/* To each check with this id: a changed configuration may have moved or changed them. */
static void
read_check(struct locum_codec *codec, struct locum_core *self)
{
    uint64_t id = 0;
    struct locum_check_state check = {0};
    locum_codec_u64(codec, UINT32_MAX, &id);
    locum_codec_check(codec, &check);
    for (size_t i = 0; i < self->config.check_count; i++) {
        if (self->config.checks[i].id == id) {
            self->service.check[i] = check;
        }
    }
}

static void
read_node(struct locum_codec *codec, struct locum_core *self)
{
    const locum_node i = locum_nodes_find(&self->config, locum_codec_field(codec));
    if (i == LOCUM_NODE_NONE) {
        return; /* it is no longer configured */
    }
    struct locum_node_line node = {.facts = self->view.peer[i]};
    locum_codec_node(codec, &node);
    self->view.peer[i] = node.facts;
    memcpy(self->families.at[i], node.family, sizeof(node.family));
    if (i != self->config.self && self->config.nodes[i].role != LOCUM_ROLE_SENTINEL) { /* COND-13 */
        self->detector.peer[i] = node.condition;
    }
}

static void
read_line(struct locum_codec *codec, struct locum_core *self, uint32_t *ret_serial)
{
    struct locum_slice key;
    (void)locum_slice_cut(&codec->in, ' ', &key); /* the first field always exists */
    if (locum_slice_is(key, "run")) {
        read_run(codec, self, ret_serial);
    } else if (locum_slice_is(key, "sent")) {
        read_sent(codec, &self->view);
    } else if (locum_slice_is(key, "admin")) {
        locum_codec_admin(codec, &self->admin);
    } else if (locum_slice_is(key, "service")) {
        locum_codec_service(codec, &self->service);
    } else if (locum_slice_is(key, "check")) {
        read_check(codec, self);
    } else if (locum_slice_is(key, "node")) {
        read_node(codec, self);
    }
}

/* All lines after the head. False: a part is missing, or a line is malformed. */
static bool
read_lines(struct locum_codec *codec, struct locum_slice rest, struct locum_core *self,
           uint32_t *ret_serial)
{
    struct locum_slice line;
    bool ended = false;
    while (!ended && locum_slice_cut(&rest, '\n', &line)) {
        ended = locum_slice_is(line, "end") && rest.at != NULL;
        codec->in = line;
        read_line(codec, self, ret_serial);
    }
    return ended && !codec->bad;
}

/* RESUME-2: the two lines of the head; *rest is what follows. */
static enum locum_resumed
read_head(struct locum_slice *rest, const struct locum_core_config *config,
          const struct locum_last_run *last, struct locum_now now, locum_ms *ret_saved_at)
{
    struct locum_codec codec = {.bad = false};
    struct locum_slice line;
    uint64_t version = 0;
    uint64_t boot = 0;
    if (rest->length == 0 || last->boot_id[0] == '\0') {
        return LOCUM_NOT_SAVED;
    }
    (void)locum_slice_cut(rest, '\n', &codec.in); /* the first line always exists */
    const bool known = locum_slice_is(locum_codec_field(&codec), "locum-run");
    locum_codec_u64(&codec, UINT32_MAX, &version);
    if (!known || codec.bad || !locum_slice_cut(rest, '\n', &line)) {
        return LOCUM_RESUME_MALFORMED;
    }
    if (version != VERSION) {
        return LOCUM_OTHER_VERSION;
    }
    codec.in = line;
    (void)locum_codec_field(&codec); /* of */
    const bool cluster = locum_slice_is(locum_codec_field(&codec), config->cluster);
    const bool node =
        locum_slice_is(locum_codec_field(&codec), config->nodes[config->self].name) && cluster;
    const bool same_boot = locum_slice_is(locum_codec_field(&codec), last->boot_id);
    locum_codec_u64(&codec, LOCUM_CODEC_MAX, &boot);
    *ret_saved_at = now.boot - (locum_ms)boot;
    return codec.bad                                 ? LOCUM_RESUME_MALFORMED
           : !node                                   ? LOCUM_OTHER_NODE
           : !same_boot || (locum_ms)boot > now.boot ? LOCUM_OTHER_BOOT
                                                     : LOCUM_RESUMED;
}

/* --- what may be resumed ---------------------------------------------------------------------- */

/* RESUME-3: a new process has sent nothing yet, and its peers must see that it is one. */
static void
begin_new_run(struct locum_core *self, uint64_t incarnation, const struct locum_admin_state *admin,
              struct locum_now now)
{
    struct locum_view *view = &self->view;
    const uint64_t next = locum_core_incarnation_after(view->incarnation, now);
    view->incarnation = next > incarnation ? next : incarnation;
    view->seq = 0;
    view->started = now.mono;
    self->last_send = LOCUM_NEVER;
    self->send_wanted = false;
    self->admin = *admin;
    for (size_t i = 0; i < self->config.check_count; i++) {
        struct locum_check_state *check = &self->service.check[i];
        check->stale = check->stale || check->verdict == LOCUM_SERVICE_UNKNOWN; /* RESUME-5 */
    }
}

/* RESUME-5, of one peer. The first heartbeat after this is one after a gap, so the trial of one
 * that is returning starts again (COND-12). */
static void
keep_states(struct locum_condition_state *state, struct locum_peer_facts *facts,
            const struct locum_core_config *config, struct locum_now now)
{
    facts->heard = facts->gap = facts->grace = facts->mirrorbits = LOCUM_NEVER;
    facts->leaving = false;
    for (size_t family = 0; family < LOCUM_FAMILIES; family++) {
        facts->family[family].heard = facts->family[family].since = LOCUM_NEVER;
    }
    state->was_alive = state->condition == LOCUM_ALIVE ||
                       (state->condition == LOCUM_UNKNOWN && state->was_alive); /* RANK-2 */
    if (state->condition == LOCUM_DOWN) {                                       /* COND-14 */
        state->resumed = true;
        state->adopted = state->adopted || now.boot - state->down_since > config->recover_after_ms;
    } else if (state->condition != LOCUM_RETURNING) {
        state->condition = LOCUM_UNKNOWN;
    }
}

/* RESUME-5: how long no process ran is not known, so nothing that was heard counts as heard. */
static void
forget_times(struct locum_core *self, struct locum_now now)
{
    self->view.grace = now.mono; /* GRACE-1 */
    self->next_commit = LOCUM_NEVER;
    for (locum_node node = 0; node < self->config.node_count; node++) {
        keep_states(&self->detector.peer[node], &self->view.peer[node], &self->config, now);
        for (size_t family = 0; family < LOCUM_FAMILIES; family++) {
            self->families.at[node][family].trial = now.mono; /* FAMILY-5 */
        }
    }
    for (size_t i = 0; i < self->config.check_count; i++) {
        self->service.check[i].stale = true;
        self->service.check[i].run = 0;
    }
}

enum locum_resumed
locum_core_resume(struct locum_core *self, const struct locum_core_config *config,
                  const struct locum_last_run *last, struct locum_now now, uint32_t *ret_serial)
{
    struct locum_slice rest = last->text;
    locum_ms age = 0;
    uint32_t serial = 0;
    locum_core_init(self, config, last->saved, now);
    const enum locum_resumed outcome = read_head(&rest, config, last, now, &age);
    if (outcome != LOCUM_RESUMED) {
        return outcome;
    }
    const struct locum_core_config *own = &self->config;
    const uint64_t incarnation = self->view.incarnation;
    const struct locum_admin_state admin = self->admin;
    struct locum_codec codec = {.saved_at = now.mono - age, .node = own};
    for (size_t i = 0; i < own->check_count; i++) {
        self->service.check[i].stale = true; /* RESUME-5: the saved ones say so themselves */
    }
    if (!read_lines(&codec, rest, self, &serial)) {
        locum_core_init(self, config, last->saved, now);
        return LOCUM_RESUME_MALFORMED;
    }
    if (last->how == LOCUM_START) {
        begin_new_run(self, incarnation, &admin, now);
    }
    if (age > config->timeout_ms) {
        forget_times(self, now);
    }
    *ret_serial = serial;
    (void)locum_core_replan(self);
    return age > config->timeout_ms ? LOCUM_RESUMED_STALE : LOCUM_RESUMED;
}
