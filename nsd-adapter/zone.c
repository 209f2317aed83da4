#include "nsd-adapter/zone.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/foreign.h"
#include "base/log.h"
#include "base/text_format.h"
#include "nsd-adapter/ask.h"
#include "nsd-adapter/child.h"
#include "nsd-adapter/control.h"
#include "nsd-adapter/files.h"
#include "nsd-adapter/reconcile.h"
#include "nsd-adapter/upstream.h"

enum {
    WHY_BYTES = LOCUM_NSD_FILES_WHY_MAX,
    NUMBER_BYTES = 24,
    EXPIRES_SOON_S = 24 * 3600, /* signatures that end within this time are an alarm */
};

/* A zone that the coordinator has sent. */
struct zone_copy {
    char *text; /* NULL: none yet */
    struct locum_nsd_zonetext read;
};

struct locum_nsd_zone {
    const struct locum_nsd_site *site;
    char name[LOCUM_DOMAIN_MAX + 1];  /* absolute, with its last dot */
    char plain[LOCUM_DOMAIN_MAX + 1]; /* without it, for NSD's programs */
    struct locum_timer timer;         /* the reconciler's next LOCUM_NSD_INPUT_TIME */
    struct locum_nsd_files files;
    struct locum_nsd_upstream *upstream;
    struct locum_nsd_control control;
    struct locum_nsd_ask ask;
    struct locum_nsd_child *checking; /* nsd-checkzone; NULL: it does not run */
    struct locum_nsd_reconciler reconciler;
    struct zone_copy target, open; /* the current zone and the fail-open zone */
    uint64_t open_kept;            /* digest of the fail-open zone on the disk; 0: none */
    int64_t fresh_expires_s;       /* the end of the signatures of the prepared zone; 0: none */
    int64_t file_expires_s;        /* of those in the zone file */
    int64_t logged_expiry_s;       /* the end that was logged as an alarm; 0: none */
    bool connected;                /* the coordinator's last answer was usable */
    char nsd_failure[WHY_BYTES];   /* why NSD did not show the zone last; "": it did */
    enum locum_nsd_state logged_state;
    uint32_t logged_serial;
    uint64_t logged_failures;
};

static void perform(struct locum_nsd_zone *self, const struct locum_nsd_actions *actions);

/* Log each new state, each served serial and each failure. */
static void
log_state(struct locum_nsd_zone *self)
{
    const struct locum_nsd_reconciler *core = &self->reconciler;
    const enum locum_nsd_state state = locum_nsd_reconcile_state(core);
    const bool failed = state == LOCUM_NSD_FAILED;
    const bool open = state == LOCUM_NSD_FAIL_OPEN;
    const bool served = state == LOCUM_NSD_SERVED || open;
    char serial[NUMBER_BYTES];
    char lag[NUMBER_BYTES];
    const bool again = failed ? core->failures != self->logged_failures
                              : served && core->seen_serial != self->logged_serial;
    if ((state == self->logged_state && !again) || state == LOCUM_NSD_APPLYING) {
        return;
    }
    (void)locum_text_format_buffer(serial, sizeof(serial), "%u", core->seen_serial);
    (void)locum_text_format_buffer(lag, sizeof(lag), "%lld", (long long)core->lag_ms);
    LOCUM_LOG(failed ? LOCUM_LOG_ERR
              : open ? LOCUM_LOG_WARN
                     : LOCUM_LOG_INFO,
              "nsd", "zone", self->plain, "state", locum_nsd_reconcile_state_text(state), "serial",
              served ? serial : NULL, "lag-ms", served && core->lag_ms >= 0 ? lag : NULL, "reason",
              failed ? core->why
              : open ? "the coordinator does not answer"
                     : NULL,
              "nsd", failed && self->nsd_failure[0] != '\0' ? self->nsd_failure : NULL);
    self->logged_state = state;
    self->logged_serial = core->seen_serial;
    self->logged_failures = core->failures;
}

/* Give the reconciler an input and do what it decides. */
static void
deliver(struct locum_nsd_zone *self, const struct locum_nsd_input *input)
{
    struct locum_nsd_actions actions;
    const locum_ms now = locum_clock_read().mono;
    locum_nsd_reconcile_step(&self->reconciler, input, now, (uint32_t)random(), &actions);
    log_state(self);
    self->site->on_step(self->site->user);
    perform(self, &actions);
    const locum_ms next = locum_nsd_reconcile_next(&self->reconciler);
    locum_timer_arm(&self->timer, next > now ? next - now : 1);
}

static struct locum_nsd_version
version_of(const struct locum_nsd_zonetext *read)
{
    return (struct locum_nsd_version){
        .known = true, .serial = read->serial, .digest = read->digest, .fixed = read->is_signed};
}

static void
read_zone_file(struct locum_nsd_zone *self)
{
    char why[WHY_BYTES] = "";
    struct locum_nsd_input input = {.kind = LOCUM_NSD_INPUT_FILE};
    struct zone_copy zone;
    (void)locum_nsd_files_changed(&self->files);
    self->file_expires_s = 0;
    if (locum_nsd_files_read(self->files.path, self->name, &zone.text, &zone.read, why) == 0) {
        input.version = version_of(&zone.read);
        self->file_expires_s = zone.read.expires_s;
        free(zone.text);
    }
    deliver(self, &input);
}

static void
on_timer(void *user)
{
    struct locum_nsd_zone *self = user;
    if (locum_nsd_files_changed(&self->files)) {
        LOCUM_LOG(LOCUM_LOG_WARN, "zonefile", "file", self->files.path, "reason",
                  "changed by another program; only locum-nsd may write it", "effect",
                  "it is written again");
        read_zone_file(self);
        return;
    }
    deliver(self, &(struct locum_nsd_input){.kind = LOCUM_NSD_INPUT_TIME});
}

/* Keep the fail-open zone on the disk, for a start without the coordinator. */
static void
keep_open(struct locum_nsd_zone *self)
{
    char why[WHY_BYTES] = "";
    if (self->open.read.digest == self->open_kept) {
        return;
    }
    if (locum_nsd_files_keep_open(&self->files, self->open.text, why) == 0) {
        self->open_kept = self->open.read.digest;
    } else {
        LOCUM_LOG(LOCUM_LOG_WARN, "fail-open", "reason", why, "effect",
                  "after a restart without the coordinator there is no fail-open zone");
    }
}

/* Copy a zone of the coordinator's answer. NULL, or what is wrong with it. */
static const char *
copy_zone(struct locum_nsd_zone *self, const json_t *answer, const char *key, struct zone_copy *ret)
{
    const json_t *value = json_object_get(answer, key);
    const char *string = json_string_value(value);
    struct locum_slice text = {.length = json_string_length(value)};
    struct zone_copy copy;
    const char *wrong;
    if (string == NULL) {
        return "its answer lacks a zone";
    }
    copy.text = strdup(string);
    if (copy.text == NULL) {
        return "out of memory";
    }
    text.at = copy.text;
    if (locum_nsd_zonetext_read(text, self->name, &copy.read, &wrong) != 0) {
        free(copy.text);
        return wrong;
    }
    free(ret->text);
    *ret = copy;
    return NULL;
}

static bool
on_zone(void *user, const json_t *answer, const char *why)
{
    struct locum_nsd_zone *self = user;
    const json_t *serial = json_object_get(answer, "serial");
    if (answer != NULL) {
        why = json_is_integer(serial) && json_integer_value(serial) >= 0 &&
                      json_integer_value(serial) <= UINT32_MAX
                  ? copy_zone(self, answer, "zone", &self->target)
                  : "the serial of its answer is not a 32-bit number";
    }
    if (why == NULL) {
        why = copy_zone(self, answer, "fail_open", &self->open);
    }
    const bool connected = why == NULL;
    if (connected != self->connected) {
        LOCUM_LOG(connected ? LOCUM_LOG_INFO : LOCUM_LOG_WARN, "coordinator", "socket",
                  self->site->settings->coordinator, "state",
                  connected ? "connected" : "disconnected", "reason", why);
    }
    self->connected = connected;
    if (!connected) {
        return false;
    }
    keep_open(self);
    deliver(self, &(struct locum_nsd_input){.kind = LOCUM_NSD_INPUT_TARGET,
                                            .version = version_of(&self->target.read),
                                            .open = version_of(&self->open.read)});
    return true;
}

static void
on_soa(void *user, enum locum_nsd_soa outcome, uint32_t serial, const char *why)
{
    struct locum_nsd_zone *self = user;
    (void)locum_text_format_buffer(self->nsd_failure, sizeof(self->nsd_failure), "%s",
                                   why != NULL ? why : "");
    deliver(self, &(struct locum_nsd_input){
                      .kind = LOCUM_NSD_INPUT_SOA, .soa = outcome, .serial = serial, .why = why});
}

static void
on_control(void *user, enum locum_nsd_reply outcome, const char *why)
{
    deliver(user, &(struct locum_nsd_input){
                      .kind = LOCUM_NSD_INPUT_CONTROL, .control = outcome, .why = why});
}

/* The outcome of PREPARE, PLACE or RESTORE. */
static void
deliver_outcome(struct locum_nsd_zone *self, enum locum_nsd_input_kind kind, bool ok,
                const char *why)
{
    deliver(self, &(struct locum_nsd_input){.kind = kind, .ok = ok, .why = why});
}

static void
on_checked(void *user, bool ok, const char *output)
{
    struct locum_nsd_zone *self = user;
    char why[WHY_BYTES] = "";
    self->checking = NULL;
    struct locum_text text = locum_text_init(why, sizeof(why));
    locum_text_add(&text, "nsd-checkzone rejects the zone: ");
    locum_foreign_add(&text, locum_slice_of(output), WHY_BYTES / 2);
    deliver_outcome(self, LOCUM_NSD_INPUT_PREPARED, ok, why);
}

/* Write a zone with this serial beside the zone file. On failure why has the reason. */
static bool
write_zone(struct locum_nsd_zone *self, const struct locum_nsd_zonetext *zone, uint32_t serial,
           char why[WHY_BYTES])
{
    char *text;
    if (locum_nsd_zonetext_render(zone, serial, &text) != 0) {
        (void)locum_text_format_buffer(why, WHY_BYTES, "out of memory");
        return false;
    }
    const bool written = locum_nsd_files_write(&self->files, text, why) == 0;
    free(text);
    return written;
}

static void
prepare(struct locum_nsd_zone *self, const struct locum_nsd_action *action)
{
    const struct zone_copy *source =
        action->source == LOCUM_NSD_SOURCE_OPEN ? &self->open : &self->target;
    const char *const argv[] = {LOCUM_NSD_ENV, "nsd-checkzone", self->plain, self->files.fresh,
                                NULL};
    char why[WHY_BYTES] = "";
    self->fresh_expires_s = source->read.expires_s;
    if (write_zone(self, &source->read, action->serial, why)) {
        const int status =
            locum_nsd_child_start(self->site->base, argv, on_checked, self, &self->checking);
        if (status == 0) {
            return;
        }
        (void)locum_text_format_buffer(why, sizeof(why), "cannot run nsd-checkzone: %s",
                                       locum_error_text(status));
    }
    deliver_outcome(self, LOCUM_NSD_INPUT_PREPARED, false, why);
}

/* The prepared zone, or the last good one: NSD has served it, so nothing checks it again. */
static void
place(struct locum_nsd_zone *self, const struct locum_nsd_action *action)
{
    char why[WHY_BYTES] = "";
    struct zone_copy last = {.text = NULL};
    const bool written =
        action->kind == LOCUM_NSD_PLACE ||
        (locum_nsd_files_read(self->files.last, self->name, &last.text, &last.read, why) == 0 &&
         write_zone(self, &last.read, action->serial, why));
    const bool ok = written && locum_nsd_files_place(&self->files, action->keep, why) == 0;
    if (ok) {
        self->file_expires_s =
            action->kind == LOCUM_NSD_PLACE ? self->fresh_expires_s : last.read.expires_s;
    }
    free(last.text);
    deliver_outcome(self, LOCUM_NSD_INPUT_PLACED, ok, why);
}

static void
send_command(struct locum_nsd_zone *self, const struct locum_nsd_action *action)
{
    char command[2 * LOCUM_DOMAIN_MAX];
    const bool add = action->kind == LOCUM_NSD_ADDZONE;
    if (action->touch) {
        locum_nsd_files_touch(&self->files);
    }
    (void)locum_text_format_buffer(command, sizeof(command), add ? "addzone %s %s" : "reload %s",
                                   self->plain, self->site->settings->pattern);
    locum_nsd_control_send(&self->control, command);
}

static bool
is_served(const struct locum_nsd_zone *self)
{
    return self->reconciler.looked && self->reconciler.seen == LOCUM_NSD_SOA_SERIAL;
}

void
locum_nsd_zone_describe(const struct locum_nsd_zone *self, struct locum_text *text)
{
    const enum locum_nsd_state state = locum_nsd_reconcile_state(&self->reconciler);
    locum_text_format(text, is_served(self) ? "%s: %s, serial %u" : "%s: %s, not served by NSD",
                      self->plain, locum_nsd_reconcile_state_text(state),
                      self->reconciler.seen_serial);
}

/*
 * Signatures that end soon keep no zone away: the newest one is placed, whatever they are. They are
 * an alarm. A kept fail-open zone stays until the coordinator's next answer, which has a fresh one.
 */
static void
warn_of_expiry(struct locum_nsd_zone *self, char ret[WHY_BYTES])
{
    const int64_t soon_s = locum_clock_read().wall / 1000 + EXPIRES_SOON_S;
    const bool file = self->file_expires_s != 0 && self->file_expires_s < soon_s;
    const bool open = self->open.text != NULL && self->open.read.expires_s != 0 &&
                      self->open.read.expires_s < soon_s;
    const int64_t expires_s = file ? self->file_expires_s : open ? self->open.read.expires_s : 0;
    ret[0] = '\0';
    if (expires_s != 0) {
        (void)locum_text_format_buffer(
            ret, WHY_BYTES,
            "the signatures of %s end at %s, and resolvers that validate refuse them then: start "
            "the coordinator on this host if it does not run, or see why it makes no new ones with "
            "`locum status`",
            file ? "the zone in NSD" : "the kept fail-open zone",
            locum_text_time(expires_s * 1000).text);
    }
    if (expires_s != self->logged_expiry_s) {
        LOCUM_LOG(expires_s != 0 ? LOCUM_LOG_WARN : LOCUM_LOG_INFO, "signatures", "zone",
                  self->plain, "state", expires_s != 0 ? "ending" : "renewed", "reason",
                  expires_s != 0 ? ret : NULL);
        self->logged_expiry_s = expires_s;
    }
}

static void
report(struct locum_nsd_zone *self)
{
    const struct locum_nsd_reconciler *core = &self->reconciler;
    const enum locum_nsd_state state = locum_nsd_reconcile_state(core);
    const locum_ms lag = locum_nsd_reconcile_lag_ms(core);
    json_t *serial = is_served(self) ? json_integer((json_int_t)core->seen_serial) : json_null();
    json_t *lag_ms = lag >= 0 ? json_integer((json_int_t)lag) : json_null();
    const char *error = state == LOCUM_NSD_FAILED ? core->why : NULL;
    char ending[WHY_BYTES];
    warn_of_expiry(self, ending);
    const char *reason =
        self->site->fallback.reason[0] != '\0' ? self->site->fallback.reason : ending;
    locum_nsd_upstream_report(self->upstream,
                              json_pack("{s:s, s:o, s:o, s:s, s:s?, s:s?}", "zone", self->name,
                                        "serial", serial, "lag_ms", lag_ms, "state",
                                        locum_nsd_reconcile_state_text(state), "error", error,
                                        "warning", reason[0] != '\0' ? reason : NULL));
    self->site->on_report(self->site->user);
}

static void
perform(struct locum_nsd_zone *self, const struct locum_nsd_actions *actions)
{
    for (size_t i = 0; i < actions->count; i++) {
        const struct locum_nsd_action *action = &actions->at[i];
        switch (action->kind) {
        case LOCUM_NSD_PREPARE: prepare(self, action); break;
        case LOCUM_NSD_PLACE:
        case LOCUM_NSD_RESTORE: place(self, action); break;
        case LOCUM_NSD_RELOAD:
        case LOCUM_NSD_ADDZONE: send_command(self, action); break;
        case LOCUM_NSD_ASK: locum_nsd_ask_send(&self->ask); break;
        case LOCUM_NSD_REPORT: report(self); break;
        }
    }
}

/* Read what an earlier run has left on the disk. */
static void
read_files(struct locum_nsd_zone *self)
{
    char why[WHY_BYTES] = "";
    struct zone_copy last;
    if (locum_nsd_files_read(self->files.last, self->name, &last.text, &last.read, why) == 0) {
        deliver(self, &(struct locum_nsd_input){.kind = LOCUM_NSD_INPUT_LAST,
                                                .version = version_of(&last.read)});
        free(last.text);
    }
    if (locum_nsd_files_read(self->files.open, self->name, &self->open.text, &self->open.read,
                             why) == 0) {
        self->open_kept = self->open.read.digest;
        deliver(self, &(struct locum_nsd_input){.kind = LOCUM_NSD_INPUT_OPEN,
                                                .open = version_of(&self->open.read)});
    }
    read_zone_file(self);
}

/* Find and lock the file; say what was taken from NSD's configuration. On failure it is logged. */
static int
take_file(struct locum_nsd_zone *self, struct locum_nsd_answers *answers)
{
    const struct locum_nsd_settings *settings = self->site->settings;
    char why[WHY_BYTES] = "";
    struct locum_nsd_zonefile file;
    int status =
        locum_nsd_conf_zonefile(settings, self->plain, answers, locum_problems_log, NULL, &file);
    if (status != 0) {
        return status;
    }
    locum_nsd_files_init(&self->files, file.path);
    status = locum_nsd_files_lock(&self->files, why);
    if (status != 0) {
        LOCUM_LOG(
            LOCUM_LOG_ERR, "zone", "zone", self->plain, "state", "not-carried", "reason", why,
            "effect",
            "NSD keeps what it has, until locum-nsd may write in this folder and no other one "
            "does");
        return status;
    }
    LOCUM_LOG(LOCUM_LOG_INFO, "zone", "zone", self->plain, "state", "carried", "file", file.path,
              "nsd-config", settings->nsd_config, file.pattern ? "pattern" : "zonefile",
              file.pattern ? settings->pattern : file.written);
    return 0;
}

int
locum_nsd_zone_create(struct locum_nsd_site *site, const char *name, struct locum_nsd_zone **ret)
{
    const struct locum_nsd_settings *settings = site->settings;
    struct locum_nsd_zone *self = calloc(1, sizeof(*self));
    if (self == NULL) {
        return LOCUM_ERR_MEMORY;
    }
    self->site = site;
    self->connected = true;
    self->logged_state = LOCUM_NSD_APPLYING; /* which is never logged */
    self->files.lock_fd = -1;
    const size_t length = strlen(name);
    memcpy(self->name, name, length);
    memcpy(self->plain, name, length - 1);
    locum_timer_init(&self->timer, site->base, on_timer, self);
    locum_timer_run_last(&self->timer);
    locum_nsd_control_init(&self->control, site->base, &site->conf, on_control, self);
    locum_nsd_ask_init(&self->ask, site->base, &settings->address, self->name, on_soa, self);
    const int status = take_file(self, &site->answers);
    if (status == 0) {
        self->upstream =
            locum_nsd_upstream_create(site->base, settings->coordinator, self->name, on_zone, self);
    }
    if (self->upstream == NULL) {
        locum_nsd_zone_destroy(self);
        return status != 0 ? status : LOCUM_ERR_MEMORY;
    }
    locum_nsd_reconcile_init(&self->reconciler, settings->lost_ms, locum_clock_read().mono);
    read_files(self);
    *ret = self;
    return 0;
}

const char *
locum_nsd_zone_name(const struct locum_nsd_zone *self)
{
    return self->name;
}

void
locum_nsd_zone_destroy(struct locum_nsd_zone *self)
{
    if (self == NULL) {
        return;
    }
    locum_nsd_child_destroy(self->checking);
    locum_nsd_ask_fini(&self->ask);
    locum_nsd_control_fini(&self->control);
    locum_nsd_upstream_destroy(self->upstream);
    locum_timer_fini(&self->timer);
    locum_nsd_files_fini(&self->files);
    free(self->target.text);
    free(self->open.text);
    free(self);
}
