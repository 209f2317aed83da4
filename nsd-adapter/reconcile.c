#include "nsd-adapter/reconcile.h"

#include <string.h>

const char *
locum_nsd_state_text(enum locum_nsd_state state)
{
    static const char *const texts[] = {
        [LOCUM_NSD_STARTING] = "starting", [LOCUM_NSD_APPLYING] = "applying",
        [LOCUM_NSD_SERVED] = "served",     [LOCUM_NSD_FAIL_OPEN] = "fail-open",
        [LOCUM_NSD_FAILED] = "failed",
    };
    return texts[state];
}

void
locum_nsd_reconciler_init(struct locum_nsd_reconciler *self, locum_ms lost_ms, locum_ms now)
{
    *self = (struct locum_nsd_reconciler){
        .lost_ms = lost_ms,
        .heard = now,
        .stepped = now,
        .ask_at = now,
        .retry_at = now,
        .lag_ms = -1,
        .told_at = now - LOCUM_NSD_REPORT_MS,
        .backoff = {.first_ms = LOCUM_NSD_RETRY_FIRST_MS, .max_ms = LOCUM_NSD_RETRY_MAX_MS},
    };
}

/* RFC 1982 3.2; serials half the circle apart are not comparable, and then neither is after. */
static bool
is_after(uint32_t a, uint32_t b)
{
    return a != b && a - b < UINT32_C(1) << 31;
}

/* 0 is passed over: some take it for none. */
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

bool
locum_nsd_is_lost(const struct locum_nsd_reconciler *self, locum_ms now)
{
    return now - self->heard >= self->lost_ms;
}

/* At a start without the coordinator, of an NSD that serves nothing: there is nothing to lose. */
static bool
is_bare(const struct locum_nsd_reconciler *self)
{
    return !self->word.known && self->mismatches >= 2 && self->seen == LOCUM_NSD_SOA_NONE;
}

static enum locum_nsd_source
wanted(const struct locum_nsd_reconciler *self, locum_ms now)
{
    if (self->open.known && (locum_nsd_is_lost(self, now) || is_bare(self))) {
        return LOCUM_NSD_OPEN;
    }
    return self->word.known ? LOCUM_NSD_WORD : LOCUM_NSD_NOTHING;
}

/* Is something else in the file than what is wanted? */
static bool
differs(const struct locum_nsd_reconciler *self, enum locum_nsd_source want)
{
    const struct locum_nsd_version *version = want == LOCUM_NSD_OPEN ? &self->open : &self->word;
    if (want == LOCUM_NSD_NOTHING) {
        return false;
    }
    return !self->file.known || self->file.digest != version->digest ||
           (want == LOCUM_NSD_WORD && is_after(version->serial, self->file.serial));
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
    return want != LOCUM_NSD_NOTHING && !differs(self, want) && self->file_good &&
           (shows_file(self) || (self->mismatches < 2 && self->phase == LOCUM_NSD_IDLE));
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
fail(struct locum_nsd_reconciler *self, const char *why, locum_ms now, uint32_t random)
{
    struct locum_text text = locum_text_init(self->why, sizeof(self->why));
    locum_text_add_bytes(&text, why, strnlen(why, sizeof(self->why) - 1));
    self->phase = LOCUM_NSD_IDLE;
    self->failures++;
    self->retry_at = now + locum_backoff_next(&self->backoff, random);
    self->ask_at = now + LOCUM_NSD_LOOK_AGAIN_MS;
}

static void
ask(struct locum_nsd_reconciler *self, locum_ms now, struct locum_nsd_actions *out)
{
    (void)add(out, LOCUM_NSD_ASK);
    self->asked = now;
    self->asking = true;
}

static void
prepare(struct locum_nsd_reconciler *self, enum locum_nsd_source source, locum_ms now,
        uint32_t random, struct locum_nsd_actions *out)
{
    struct locum_nsd_version next = source == LOCUM_NSD_OPEN ? self->open : self->word;
    if (self->issued_known && !is_after(next.serial, self->issued)) {
        if (next.fixed) {
            fail(self,
                 "the signed zone's serial is not above the one that is served: the "
                 "coordinator must raise it",
                 now, random);
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

/* The last good zone again, with a serial of its own where that can be: should NSD load the other
 * one all the same, only late, this one still comes after it. */
static void
restore(struct locum_nsd_reconciler *self, struct locum_nsd_actions *out)
{
    self->candidate = self->last;
    self->candidate.serial = self->last.fixed ? self->last.serial : next_serial(self->issued);
    add(out, LOCUM_NSD_RESTORE)->serial = self->candidate.serial;
    self->phase = LOCUM_NSD_RESTORING;
}

/* The reload was accepted, and a question put after its time shows something else. */
static void
give_up(struct locum_nsd_reconciler *self, locum_ms now, uint32_t random,
        struct locum_nsd_actions *out)
{
    static const char *const why[] = {
        [LOCUM_NSD_SOA_SILENT] = "NSD does not answer questions for the SOA",
        [LOCUM_NSD_SOA_NONE] = "NSD answers without the zone after a reload: its log says why",
        [LOCUM_NSD_SOA_SERIAL] =
            "NSD goes on with another serial after a reload: is it busy? does it read this file?",
    };
    fail(self, why[self->seen], now, random);
    if (self->seen == LOCUM_NSD_SOA_NONE && !self->file_good && self->last.known) {
        restore(self, out);
    }
}

static void
on_word(struct locum_nsd_reconciler *self, const struct locum_nsd_input *event, locum_ms now)
{
    const bool news = !self->word.known || self->word.digest != event->word.digest ||
                      self->word.serial != event->word.serial;
    self->heard = now;
    self->word = event->word;
    self->open = event->open;
    if (news) {
        self->retry_at = now; /* perhaps this one can be had */
    }
}

static void
on_placed(struct locum_nsd_reconciler *self, const struct locum_nsd_input *event, locum_ms now,
          uint32_t random, struct locum_nsd_actions *out)
{
    const bool restored = self->phase == LOCUM_NSD_RESTORING;
    if (!event->ok) {
        fail(self, event->why, now, random);
        return;
    }
    if (!restored && self->file_good) {
        self->last = self->file;
    }
    self->file = self->candidate;
    self->file_good = restored;
    self->mismatches = 0;
    note_issued(self, self->file.serial);
    reload(self, false, out);
}

static void
on_control(struct locum_nsd_reconciler *self, const struct locum_nsd_input *event, locum_ms now,
           uint32_t random, struct locum_nsd_actions *out)
{
    const bool adding = self->phase == LOCUM_NSD_ADDING;
    if (event->control == LOCUM_NSD_CONTROL_OK) {
        self->phase = LOCUM_NSD_CONFIRMING;
        self->confirm_by = now + LOCUM_NSD_CONFIRM_MS;
        self->ask_pause = LOCUM_NSD_ASK_FIRST_MS;
        ask(self, now, out);
    } else if (event->control == LOCUM_NSD_CONTROL_NO_ZONE && !adding) {
        (void)add(out, LOCUM_NSD_ADDZONE);
        self->phase = LOCUM_NSD_ADDING;
    } else {
        fail(self, event->why != NULL ? event->why : "NSD does not know the zone", now, random);
    }
}

static void
on_soa(struct locum_nsd_reconciler *self, const struct locum_nsd_input *event, locum_ms now)
{
    self->asking = false;
    self->looked = true;
    self->seen = event->soa;
    self->seen_serial = event->serial;
    if (event->soa == LOCUM_NSD_SOA_SERIAL) {
        note_issued(self, event->serial);
    }
    if (shows_file(self)) {
        self->file_good = true;
        self->mismatches = 0;
        if (self->phase == LOCUM_NSD_CONFIRMING) {
            self->phase = LOCUM_NSD_IDLE;
        }
        self->ask_at = now + LOCUM_NSD_LOOK_MS;
        return;
    }
    self->mismatches += self->mismatches < 2 ? 1 : 0;
    if (self->phase == LOCUM_NSD_CONFIRMING) {
        self->ask_at = now + self->ask_pause;
        self->ask_pause =
            self->ask_pause * 2 < LOCUM_NSD_ASK_MAX_MS ? self->ask_pause * 2 : LOCUM_NSD_ASK_MAX_MS;
    } else {
        self->ask_at = now + LOCUM_NSD_LOOK_AGAIN_MS;
    }
}

/* Nothing is under way: is anything to be done? */
static void
act_idle(struct locum_nsd_reconciler *self, enum locum_nsd_source want, locum_ms now,
         uint32_t random, struct locum_nsd_actions *out)
{
    if (!self->looked || want == LOCUM_NSD_NOTHING || now < self->retry_at) {
        return;
    }
    if (differs(self, want)) {
        prepare(self, want, now, random, out);
    } else if (!shows_file(self) && self->mismatches >= 2) {
        if (self->seen == LOCUM_NSD_SOA_SERIAL && is_after(self->seen_serial, self->file.serial)) {
            prepare(self, want, now, random, out);
        } else {
            reload(self, true, out);
        }
    }
}

static void
act(struct locum_nsd_reconciler *self, locum_ms now, uint32_t random, struct locum_nsd_actions *out)
{
    const enum locum_nsd_source want = wanted(self, now);
    if (self->phase == LOCUM_NSD_CONFIRMING && differs(self, want) && now >= self->retry_at) {
        prepare(self, want, now, random, out); /* overtaken: no need to wait for the last one */
    } else if (self->phase == LOCUM_NSD_CONFIRMING && !self->asking &&
               self->asked >= self->confirm_by) {
        give_up(self, now, random, out);
    } else if (self->phase == LOCUM_NSD_IDLE) {
        act_idle(self, want, now, random, out);
    }
    const bool look = self->phase == LOCUM_NSD_IDLE || self->phase == LOCUM_NSD_CONFIRMING;
    if (look && !self->asking && now >= self->ask_at) {
        ask(self, now, out);
    }
}

/* How long the way took, and what is over. */
static void
measure(struct locum_nsd_reconciler *self, locum_ms now)
{
    const enum locum_nsd_source want = wanted(self, now);
    const bool settled = is_settled(self, want);
    if (want != LOCUM_NSD_NOTHING && !settled && self->pending_since == 0) {
        self->pending_since = now;
    }
    if (settled) {
        if (self->pending_since != 0) {
            self->lag_ms = now - self->pending_since;
            self->changes++;
        }
        self->pending_since = 0;
        self->why[0] = '\0';
        locum_backoff_reset(&self->backoff);
    }
}

static void
report(struct locum_nsd_reconciler *self, locum_ms now, struct locum_nsd_actions *out)
{
    const enum locum_nsd_state state = locum_nsd_state_of(self, now);
    if (state != self->told_state || self->seen_serial != self->told_serial ||
        now - self->told_at >= LOCUM_NSD_REPORT_MS) {
        (void)add(out, LOCUM_NSD_REPORT);
        self->told_state = state;
        self->told_serial = self->seen_serial;
        self->told_at = now;
    }
}

void
locum_nsd_step(struct locum_nsd_reconciler *self, const struct locum_nsd_input *event, locum_ms now,
               uint32_t random, struct locum_nsd_actions *ret)
{
    ret->count = 0;
    if (now - self->stepped > LOCUM_NSD_STALL_MS) {
        self->heard += now - self->stepped; /* nobody could be heard meanwhile */
    }
    self->stepped = now;
    switch (event->kind) {
    case LOCUM_NSD_INPUT_WORD: on_word(self, event, now); break;
    case LOCUM_NSD_INPUT_OPEN: self->open = event->open; break;
    case LOCUM_NSD_INPUT_FILE:
        self->file = event->word;
        self->file_good = false;
        if (self->file.known) {
            note_issued(self, self->file.serial);
        }
        break;
    case LOCUM_NSD_INPUT_PREPARED:
        if (event->ok) {
            self->phase = LOCUM_NSD_PLACING;
            add(ret, LOCUM_NSD_PLACE)->keep = self->file_good;
        } else {
            fail(self, event->why, now, random);
        }
        break;
    case LOCUM_NSD_INPUT_PLACED: on_placed(self, event, now, random, ret); break;
    case LOCUM_NSD_INPUT_CONTROL: on_control(self, event, now, random, ret); break;
    case LOCUM_NSD_INPUT_SOA: on_soa(self, event, now); break;
    case LOCUM_NSD_INPUT_TICK: break;
    }
    measure(self, now);
    act(self, now, random, ret);
    measure(self, now);
    report(self, now, ret);
}

locum_ms
locum_nsd_next(const struct locum_nsd_reconciler *self)
{
    locum_ms next = self->told_at + LOCUM_NSD_REPORT_MS;
    const locum_ms lost_at = self->heard + self->lost_ms;
    const bool look = self->phase == LOCUM_NSD_IDLE || self->phase == LOCUM_NSD_CONFIRMING;
    if (look && !self->asking && self->ask_at < next) {
        next = self->ask_at;
    }
    if (self->phase == LOCUM_NSD_IDLE && self->retry_at > self->stepped && self->retry_at < next) {
        next = self->retry_at;
    }
    return lost_at > self->stepped && lost_at < next ? lost_at : next;
}

enum locum_nsd_state
locum_nsd_state_of(const struct locum_nsd_reconciler *self, locum_ms now)
{
    const enum locum_nsd_source want = wanted(self, now);
    if (self->why[0] != '\0') {
        return LOCUM_NSD_FAILED;
    }
    if (want == LOCUM_NSD_NOTHING) {
        return LOCUM_NSD_STARTING;
    }
    if (!is_settled(self, want)) {
        return LOCUM_NSD_APPLYING;
    }
    return want == LOCUM_NSD_OPEN ? LOCUM_NSD_FAIL_OPEN : LOCUM_NSD_SERVED;
}

locum_ms
locum_nsd_lag_ms(const struct locum_nsd_reconciler *self, locum_ms now)
{
    return self->pending_since != 0 ? now - self->pending_since : self->lag_ms;
}
