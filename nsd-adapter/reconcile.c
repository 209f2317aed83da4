#include "nsd-adapter/reconcile.h"

#include <string.h>

const char *
locum_nsd_reconcile_state_text(enum locum_nsd_state state)
{
    static const char *const texts[] = {
        [LOCUM_NSD_STARTING] = "starting", [LOCUM_NSD_APPLYING] = "applying",
        [LOCUM_NSD_SERVED] = "served",     [LOCUM_NSD_FAIL_OPEN] = "fail-open",
        [LOCUM_NSD_FAILED] = "failed",
    };
    return texts[state];
}

void
locum_nsd_reconcile_init(struct locum_nsd_reconciler *self, locum_ms lost_ms, locum_ms now)
{
    *self = (struct locum_nsd_reconciler){
        .lost_ms = lost_ms,
        .heard = now,
        .now = now,
        .ask_at = now,
        .retry_at = now,
        .lag_ms = -1,
        .moved = now - LOCUM_NSD_STEADY_MS,
        .reported_at = now - LOCUM_NSD_REPORT_MS,
        .backoff = {.first_ms = LOCUM_NSD_RETRY_FIRST_MS, .max_ms = LOCUM_NSD_RETRY_MAX_MS},
    };
}

/* RFC 1982 3.2. Of two serials that are 2^31 apart, neither is after the other. */
static bool
is_after(uint32_t a, uint32_t b)
{
    return a != b && a - b < UINT32_C(1) << 31;
}

/* Skips 0, which some programs take for "no serial". */
static uint32_t
next_serial(uint32_t serial)
{
    return serial + 1 != 0 ? serial + 1 : 1;
}

static void
note_issued(struct locum_nsd_reconciler *self, uint32_t serial)
{
    if (!self->issued_known || is_after(serial, self->issued)) {
        self->issued = serial;
        self->issued_known = true;
    }
}

static enum locum_nsd_source
wanted(const struct locum_nsd_reconciler *self)
{
    const bool lost = self->now - self->heard >= self->lost_ms;
    /* Started without the coordinator, and NSD serves nothing: the fail-open zone can only help. */
    const bool empty =
        !self->target.known && self->mismatches >= 2 && self->seen == LOCUM_NSD_SOA_NONE;
    if (self->open.known && (lost || empty)) {
        return LOCUM_NSD_SOURCE_OPEN;
    }
    return self->target.known ? LOCUM_NSD_SOURCE_TARGET : LOCUM_NSD_SOURCE_NONE;
}

/* True if the zone file does not hold the wanted zone. */
static bool
differs(const struct locum_nsd_reconciler *self, enum locum_nsd_source want)
{
    const struct locum_nsd_version *version =
        want == LOCUM_NSD_SOURCE_OPEN ? &self->open : &self->target;
    if (want == LOCUM_NSD_SOURCE_NONE) {
        return false;
    }
    return !self->file.known || self->file.digest != version->digest ||
           (want == LOCUM_NSD_SOURCE_TARGET && is_after(version->serial, self->file.serial));
}

static bool
shows_file(const struct locum_nsd_reconciler *self)
{
    return self->looked && self->file.known && self->seen == LOCUM_NSD_SOA_SERIAL &&
           self->seen_serial == self->file.serial;
}

static bool
is_settled(const struct locum_nsd_reconciler *self, enum locum_nsd_source want)
{
    return want != LOCUM_NSD_SOURCE_NONE && !differs(self, want) && self->file_good &&
           (shows_file(self) || (self->mismatches < 2 && self->phase == LOCUM_NSD_IDLE));
}

/* May NSD be asked for its SOA? */
static bool
may_ask(const struct locum_nsd_reconciler *self)
{
    return !self->asking && (self->phase == LOCUM_NSD_IDLE || self->phase == LOCUM_NSD_CONFIRMING);
}

static struct locum_nsd_action *
add(struct locum_nsd_actions *out, enum locum_nsd_action_kind kind)
{
    LOCUM_INVARIANT(out->count < LOCUM_NSD_ACTIONS_MAX);
    struct locum_nsd_action *action = &out->at[out->count++];
    *action = (struct locum_nsd_action){.kind = kind};
    return action;
}

static void
fail(struct locum_nsd_reconciler *self, const char *why)
{
    struct locum_text text = locum_text_init(self->why, sizeof(self->why));
    locum_text_add_bytes(&text, why, strnlen(why, sizeof(self->why) - 1));
    self->phase = LOCUM_NSD_IDLE;
    self->failures++;
    self->retry_at = self->now + locum_backoff_next(&self->backoff, self->random);
    self->ask_at = self->now + LOCUM_NSD_LOOK_AGAIN_MS;
}

static void
ask(struct locum_nsd_reconciler *self, struct locum_nsd_actions *out)
{
    (void)add(out, LOCUM_NSD_ASK);
    self->asked = self->now;
    self->asking = true;
}

static void
prepare(struct locum_nsd_reconciler *self, enum locum_nsd_source source,
        struct locum_nsd_actions *out)
{
    struct locum_nsd_version next = source == LOCUM_NSD_SOURCE_OPEN ? self->open : self->target;
    if (self->issued_known && !is_after(next.serial, self->issued)) {
        if (next.fixed) {
            fail(self, "the serial of the signed zone is not above the one that is served: the "
                       "coordinator must increase it");
            return;
        }
        next.serial = next_serial(self->issued);
    }
    struct locum_nsd_action *action = add(out, LOCUM_NSD_PREPARE);
    action->source = source;
    action->serial = next.serial;
    self->candidate = next;
    self->phase = LOCUM_NSD_PREPARING;
}

static void
reload(struct locum_nsd_reconciler *self, bool touch, struct locum_nsd_actions *out)
{
    add(out, LOCUM_NSD_RELOAD)->touch = touch;
    self->phase = LOCUM_NSD_RELOADING;
}

/* Put the last good zone back, with a new serial if possible: if NSD loads the other zone after
 * all, only later, this one still has the higher serial. */
static void
restore(struct locum_nsd_reconciler *self, struct locum_nsd_actions *out)
{
    self->candidate = self->last;
    self->candidate.serial = self->last.fixed ? self->last.serial : next_serial(self->issued);
    add(out, LOCUM_NSD_RESTORE)->serial = self->candidate.serial;
    self->phase = LOCUM_NSD_RESTORING;
}

/* NSD accepted the reload, but a query sent after the deadline shows another zone. */
static void
give_up(struct locum_nsd_reconciler *self, struct locum_nsd_actions *out)
{
    static const char *const why[] = {
        [LOCUM_NSD_SOA_SILENT] = "NSD does not answer SOA queries",
        [LOCUM_NSD_SOA_NONE] = "NSD does not serve the zone after a reload: see its log",
        [LOCUM_NSD_SOA_SERIAL] =
            "NSD serves another serial after a reload: check its load, and that it reads this file",
    };
    fail(self, why[self->seen]);
    if (self->seen == LOCUM_NSD_SOA_NONE && !self->file_good && self->last.known) {
        restore(self, out);
    }
}

static void
on_target(struct locum_nsd_reconciler *self, const struct locum_nsd_input *input)
{
    const bool changed = !self->target.known || self->target.digest != input->version.digest ||
                         self->target.serial != input->version.serial;
    self->heard = self->now;
    self->target = input->version;
    self->open = input->open;
    if (changed) {
        self->retry_at = self->now; /* a new zone may succeed where the last one failed */
    }
}

static void
on_placed(struct locum_nsd_reconciler *self, const struct locum_nsd_input *input,
          struct locum_nsd_actions *out)
{
    const bool restored = self->phase == LOCUM_NSD_RESTORING;
    if (!input->ok) {
        fail(self, input->why);
        return;
    }
    if (!restored && self->file_good) {
        self->last = self->file;
    }
    self->file = self->candidate;
    self->file_good = restored;
    self->moved_on = false;
    self->mismatches = 0;
    note_issued(self, self->file.serial);
    reload(self, false, out);
}

static void
on_control(struct locum_nsd_reconciler *self, const struct locum_nsd_input *input,
           struct locum_nsd_actions *out)
{
    const bool adding = self->phase == LOCUM_NSD_ADDING;
    if (input->control == LOCUM_NSD_REPLY_OK) {
        self->phase = LOCUM_NSD_CONFIRMING;
        self->confirm_by = self->now + LOCUM_NSD_CONFIRM_MS;
        self->ask_pause = LOCUM_NSD_ASK_FIRST_MS;
        ask(self, out);
    } else if (input->control == LOCUM_NSD_REPLY_NO_ZONE && !adding) {
        (void)add(out, LOCUM_NSD_ADDZONE);
        self->phase = LOCUM_NSD_ADDING;
    } else {
        fail(self, input->why != NULL ? input->why : "NSD does not have the zone");
    }
}

static void
on_soa(struct locum_nsd_reconciler *self, const struct locum_nsd_input *input)
{
    self->asking = false;
    self->looked = true;
    self->seen = input->soa;
    self->seen_serial = input->serial;
    if (input->soa == LOCUM_NSD_SOA_SERIAL) {
        note_issued(self, input->serial);
    }
    if (shows_file(self)) {
        self->file_good = true;
        self->mismatches = 0;
        if (self->phase == LOCUM_NSD_CONFIRMING) {
            self->phase = LOCUM_NSD_IDLE;
        }
        self->ask_at = self->now + LOCUM_NSD_LOOK_MS;
        return;
    }
    self->mismatches += self->mismatches < 2 ? 1 : 0;
    self->ask_at = self->now + LOCUM_NSD_LOOK_AGAIN_MS;
    if (self->phase == LOCUM_NSD_CONFIRMING) {
        self->ask_at = self->now + self->ask_pause;
        self->ask_pause += self->ask_pause < LOCUM_NSD_ASK_MAX_MS ? self->ask_pause : 0;
    }
}

/* NSD serves a later serial than that of the file. If it had served the file, another program has
 * changed its zone: once is put right at once. */
static void
overtake(struct locum_nsd_reconciler *self, enum locum_nsd_source want,
         struct locum_nsd_actions *out)
{
    const bool moved = self->file_good && !self->moved_on;
    if (moved) {
        self->unsteady = self->unsteady || self->now - self->moved < LOCUM_NSD_STEADY_MS;
        self->moved = self->now;
        self->moved_on = true;
    }
    if (moved && self->unsteady) {
        fail(self, "the serial that NSD serves changes by itself: another program changes this "
                   "zone in NSD. Stop it, or remove request-xfr and allow-notify from the zone");
    } else {
        prepare(self, want, out);
    }
}

/* Nothing is in progress: start what is needed. */
static void
act_idle(struct locum_nsd_reconciler *self, enum locum_nsd_source want,
         struct locum_nsd_actions *out)
{
    if (!self->looked || want == LOCUM_NSD_SOURCE_NONE || self->now < self->retry_at) {
        return;
    }
    if (differs(self, want)) {
        prepare(self, want, out);
    } else if (!shows_file(self) && self->mismatches >= 2) {
        if (self->seen == LOCUM_NSD_SOA_SERIAL && is_after(self->seen_serial, self->file.serial)) {
            overtake(self, want, out);
        } else {
            reload(self, true, out);
        }
    }
}

static void
act(struct locum_nsd_reconciler *self, struct locum_nsd_actions *out)
{
    const enum locum_nsd_source want = wanted(self);
    if (self->phase == LOCUM_NSD_CONFIRMING && differs(self, want) && self->now >= self->retry_at) {
        prepare(self, want, out); /* do not wait for a zone that is outdated */
    } else if (self->phase == LOCUM_NSD_CONFIRMING && !self->asking &&
               self->asked >= self->confirm_by) {
        give_up(self, out);
    } else if (self->phase == LOCUM_NSD_IDLE) {
        act_idle(self, want, out);
    }
    if (may_ask(self) && self->now >= self->ask_at) {
        ask(self, out);
    }
}

/* Measure how long the wanted zone takes; once it is served, forget failures. */
static void
measure(struct locum_nsd_reconciler *self)
{
    const enum locum_nsd_source want = wanted(self);
    const bool settled = is_settled(self, want);
    if (settled) {
        self->lag_ms = locum_nsd_reconcile_lag_ms(self);
        self->pending_since = 0;
        self->unsteady = self->unsteady && self->now - self->moved < LOCUM_NSD_STEADY_MS;
    }
    if (settled && !self->unsteady) {
        self->why[0] = '\0';
        locum_backoff_reset(&self->backoff);
    }
    if (!settled && want != LOCUM_NSD_SOURCE_NONE && self->pending_since == 0) {
        self->pending_since = self->now;
    }
}

static void
report(struct locum_nsd_reconciler *self, struct locum_nsd_actions *out)
{
    const enum locum_nsd_state state = locum_nsd_reconcile_state(self);
    if (state != self->reported_state || self->seen_serial != self->reported_serial ||
        self->now - self->reported_at >= LOCUM_NSD_REPORT_MS) {
        (void)add(out, LOCUM_NSD_REPORT);
        self->reported_state = state;
        self->reported_serial = self->seen_serial;
        self->reported_at = self->now;
    }
}

void
locum_nsd_reconcile_step(struct locum_nsd_reconciler *self, const struct locum_nsd_input *input,
                         locum_ms now, uint32_t random, struct locum_nsd_actions *ret)
{
    ret->count = 0;
    if (now - self->now > LOCUM_NSD_STALL_MS) {
        /* This process was stopped: the coordinator was not silent for that time. */
        self->heard += now - self->now;
    }
    self->now = now;
    self->random = random;
    switch (input->kind) {
    case LOCUM_NSD_INPUT_TARGET: on_target(self, input); break;
    case LOCUM_NSD_INPUT_OPEN: self->open = input->open; break;
    case LOCUM_NSD_INPUT_LAST:
        self->last = input->version;
        note_issued(self, self->last.serial);
        break;
    case LOCUM_NSD_INPUT_FILE:
        self->file = input->version;
        self->file_good = false;
        if (self->file.known) {
            note_issued(self, self->file.serial);
        }
        break;
    case LOCUM_NSD_INPUT_PREPARED:
        if (input->ok) {
            self->phase = LOCUM_NSD_PLACING;
            add(ret, LOCUM_NSD_PLACE)->keep = self->file_good;
        } else {
            fail(self, input->why);
        }
        break;
    case LOCUM_NSD_INPUT_PLACED: on_placed(self, input, ret); break;
    case LOCUM_NSD_INPUT_CONTROL: on_control(self, input, ret); break;
    case LOCUM_NSD_INPUT_SOA: on_soa(self, input); break;
    case LOCUM_NSD_INPUT_TIME: break;
    }
    measure(self);
    act(self, ret);
    measure(self);
    report(self, ret);
}

locum_ms
locum_nsd_reconcile_next(const struct locum_nsd_reconciler *self)
{
    locum_ms next = self->reported_at + LOCUM_NSD_REPORT_MS;
    const locum_ms lost_at = self->heard + self->lost_ms;
    if (may_ask(self) && self->ask_at < next) {
        next = self->ask_at;
    }
    if (self->phase == LOCUM_NSD_IDLE && self->retry_at > self->now && self->retry_at < next) {
        next = self->retry_at;
    }
    return lost_at > self->now && lost_at < next ? lost_at : next;
}

enum locum_nsd_state
locum_nsd_reconcile_state(const struct locum_nsd_reconciler *self)
{
    const enum locum_nsd_source want = wanted(self);
    if (self->why[0] != '\0') {
        return LOCUM_NSD_FAILED;
    }
    if (want == LOCUM_NSD_SOURCE_NONE) {
        return LOCUM_NSD_STARTING;
    }
    if (!is_settled(self, want)) {
        return LOCUM_NSD_APPLYING;
    }
    return want == LOCUM_NSD_SOURCE_OPEN ? LOCUM_NSD_FAIL_OPEN : LOCUM_NSD_SERVED;
}

locum_ms
locum_nsd_reconcile_lag_ms(const struct locum_nsd_reconciler *self)
{
    return self->pending_since != 0 ? self->now - self->pending_since : self->lag_ms;
}
