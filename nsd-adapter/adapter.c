#include "nsd-adapter/adapter.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "base/timeval.h"
#include "base/version.h"
#include "control/notify.h"
#include "nsd-adapter/ask.h"
#include "nsd-adapter/child.h"
#include "nsd-adapter/control.h"
#include "nsd-adapter/files.h"
#include "nsd-adapter/reconcile.h"
#include "nsd-adapter/upstream.h"
#include "nsd-adapter/zonetext.h"

/* Time comes after the sockets: what has arrived is seen before it is said to be late. */
enum { PRIORITIES = 2, PRIORITY_TIME = 1 };
enum { WHY_BYTES = 300 };

struct adapter {
    const struct locum_nsd_settings *settings;
    struct locum_nsd_conf conf;
    char plain[LOCUM_DOMAIN_MAX + 1]; /* the zone without its last dot */
    struct event_base *base;
    struct event *tick;
    struct event *signals[2];
    struct locum_notify notify;
    struct locum_nsd_files files;
    struct locum_nsd_upstream *upstream;
    struct locum_nsd_channel *channel;
    struct locum_nsd_asker *asker;
    struct locum_nsd_child *checking; /* NULL: none */
    struct locum_nsd_reconciler reconciler;
    char *word, *open; /* the coordinator's texts; NULL: none yet */
    struct locum_nsd_zonetext word_read, open_read;
    uint64_t open_kept;       /* digest of the fail-open zone on the disk; 0: none */
    bool heard;               /* the last question to the coordinator was answered */
    char nsd_says[WHY_BYTES]; /* why the last look at NSD did not show the zone; "": it did */
    enum locum_nsd_state logged_state;
    uint32_t logged_serial;
    uint64_t logged_failures;
    bool logged;
};

static void perform(struct adapter *self, const struct locum_nsd_actions *actions);

static const char *
digits(uint32_t number, char buffer[16])
{
    struct locum_text text = locum_text_init(buffer, 16);
    locum_text_add_u64(&text, number);
    return buffer;
}

/* A line for each state that it comes into, with what is served. */
static void
tell_state(struct adapter *self, locum_ms now)
{
    const struct locum_nsd_reconciler *core = &self->reconciler;
    const enum locum_nsd_state state = locum_nsd_state_of(core, now);
    const bool served = state == LOCUM_NSD_SERVED || state == LOCUM_NSD_FAIL_OPEN;
    char serial[16];
    char lag[16];
    const bool again = state == LOCUM_NSD_FAILED
                           ? core->failures != self->logged_failures
                           : served && core->seen_serial != self->logged_serial;
    if (self->logged && state == self->logged_state && !again) {
        return;
    }
    if (state == LOCUM_NSD_APPLYING) {
        return; /* its end is told */
    }
    LOCUM_LOG(state == LOCUM_NSD_FAILED      ? LOCUM_LOG_ERR
              : state == LOCUM_NSD_FAIL_OPEN ? LOCUM_LOG_WARN
                                             : LOCUM_LOG_INFO,
              "nsd", "zone", self->plain, "state", locum_nsd_state_text(state), "serial",
              served ? digits(core->seen_serial, serial) : NULL, "lag-ms",
              served && core->lag_ms >= 0 ? digits((uint32_t)core->lag_ms, lag) : NULL, "reason",
              state == LOCUM_NSD_FAILED      ? core->why
              : state == LOCUM_NSD_FAIL_OPEN ? "no word from the coordinator"
                                             : NULL,
              "nsd",
              state == LOCUM_NSD_FAILED && self->nsd_says[0] != '\0' ? self->nsd_says : NULL);
    self->logged = true;
    self->logged_state = state;
    self->logged_serial = core->seen_serial;
    self->logged_failures = core->failures;
}

static void
arm(struct adapter *self, locum_ms now)
{
    const locum_ms next = locum_nsd_next(&self->reconciler);
    const locum_ms wait = next > now ? next - now : 1;
    const struct timeval time = locum_timeval(wait);
    (void)event_add(self->tick, &time);
}

static void
deliver(struct adapter *self, const struct locum_nsd_input *event)
{
    struct locum_nsd_actions actions;
    const locum_ms now = locum_now_read().mono;
    locum_nsd_step(&self->reconciler, event, now, (uint32_t)random(), &actions);
    tell_state(self, now);
    locum_notify_iteration(&self->notify, now);
    perform(self, &actions);
    arm(self, now);
}

static struct locum_nsd_version
version_of(const struct locum_nsd_zonetext *read)
{
    return (struct locum_nsd_version){
        .known = true, .serial = read->serial, .digest = read->digest, .fixed = read->is_signed};
}

/* What stands in the zone file now. */
static void
look_at_file(struct adapter *self)
{
    char why_buffer[WHY_BYTES];
    struct locum_text why = locum_text_init(why_buffer, sizeof(why_buffer));
    struct locum_nsd_input event = {.kind = LOCUM_NSD_INPUT_FILE};
    struct locum_nsd_zonetext read;
    const char *wrong;
    char *text;
    size_t length;
    (void)locum_nsd_files_changed(&self->files);
    if (locum_nsd_files_read(self->files.path, &text, &length, &why) == 0) {
        if (locum_nsd_zonetext_read((struct locum_slice){.at = text, .length = length},
                                    self->settings->zone, &read, &wrong) == 0) {
            event.word = version_of(&read);
        }
        free(text);
    }
    deliver(self, &event);
}

static void
on_tick(evutil_socket_t fd, short what, void *user)
{
    struct adapter *self = user;
    (void)fd, (void)what;
    if (locum_nsd_files_changed(&self->files)) {
        LOCUM_LOG(LOCUM_LOG_WARN, "zonefile", "file", self->files.path, "reason",
                  "changed by another hand: locum-nsd alone writes this file", "effect",
                  "it is written again");
        look_at_file(self);
        return;
    }
    deliver(self, &(struct locum_nsd_input){.kind = LOCUM_NSD_INPUT_TICK});
}

/* Keep the fail-open zone for a start without the coordinator. */
static void
keep_open(struct adapter *self)
{
    char buffer[WHY_BYTES];
    struct locum_text why = locum_text_init(buffer, sizeof(buffer));
    if (self->open_read.digest == self->open_kept) {
        return;
    }
    if (locum_nsd_files_keep_open(&self->files, self->open, &why) == 0) {
        self->open_kept = self->open_read.digest;
    } else {
        LOCUM_LOG(LOCUM_LOG_WARN, "fail-open", "reason", buffer, "effect",
                  "not there after a restart without the coordinator");
    }
}

/* Take a text of the coordinator's if it is a zone. NULL, or what is wrong. */
static const char *
take(struct adapter *self, const json_t *answer, const char *key, char **text,
     struct locum_nsd_zonetext *read)
{
    const json_t *value = json_object_get(answer, key);
    const char *string = json_string_value(value);
    struct locum_nsd_zonetext fresh;
    const char *wrong;
    if (string == NULL) {
        return "not there";
    }
    char *copy = strdup(string);
    if (copy == NULL) {
        return "out of memory";
    }
    if (locum_nsd_zonetext_read(
            (struct locum_slice){.at = copy, .length = json_string_length(value)},
            self->settings->zone, &fresh, &wrong) != 0) {
        free(copy);
        return wrong;
    }
    free(*text);
    *text = copy;
    *read = fresh;
    return NULL;
}

static void
tell_upstream(struct adapter *self, const char *why)
{
    const bool heard = why == NULL;
    if (heard != self->heard) {
        LOCUM_LOG(heard ? LOCUM_LOG_INFO : LOCUM_LOG_WARN, "coordinator", "socket",
                  self->settings->coordinator, "state", heard ? "heard" : "away", "reason", why);
    }
    self->heard = heard;
}

static bool
on_zone(void *user, const json_t *answer, const char *why)
{
    struct adapter *self = user;
    const json_t *serial = json_object_get(answer, "serial");
    if (answer == NULL) {
        tell_upstream(self, why);
        return false;
    }
    const char *wrong = json_is_integer(serial) && json_integer_value(serial) >= 0 &&
                                json_integer_value(serial) <= UINT32_MAX
                            ? take(self, answer, "zone", &self->word, &self->word_read)
                            : "its serial is none";
    if (wrong == NULL) {
        wrong = take(self, answer, "fail_open", &self->open, &self->open_read);
    }
    if (wrong != NULL) {
        tell_upstream(self, wrong);
        return false;
    }
    tell_upstream(self, NULL);
    keep_open(self);
    deliver(self, &(struct locum_nsd_input){.kind = LOCUM_NSD_INPUT_WORD,
                                            .word = version_of(&self->word_read),
                                            .open = version_of(&self->open_read)});
    return true;
}

static void
on_soa(void *user, enum locum_nsd_soa outcome, uint32_t serial, const char *why)
{
    struct adapter *self = user;
    struct locum_text text = locum_text_init(self->nsd_says, sizeof(self->nsd_says));
    locum_text_add(&text, why != NULL ? why : "");
    deliver(self, &(struct locum_nsd_input){
                      .kind = LOCUM_NSD_INPUT_SOA, .soa = outcome, .serial = serial, .why = why});
}

static void
on_control(void *user, enum locum_nsd_control outcome, const char *why)
{
    deliver(user, &(struct locum_nsd_input){
                      .kind = LOCUM_NSD_INPUT_CONTROL, .control = outcome, .why = why});
}

static void
prepared(struct adapter *self, bool ok, const char *why)
{
    deliver(self,
            &(struct locum_nsd_input){.kind = LOCUM_NSD_INPUT_PREPARED, .ok = ok, .why = why});
}

static void
on_checked(void *user, bool ok, const char *output)
{
    struct adapter *self = user;
    char buffer[WHY_BYTES];
    struct locum_text why = locum_text_init(buffer, sizeof(buffer));
    self->checking = NULL;
    locum_text_add(&why, "nsd-checkzone refuses the zone: ");
    locum_text_add_bytes(&why, output, strnlen(output, WHY_BYTES / 2));
    prepared(self, ok, buffer);
}

static void
prepare(struct adapter *self, const struct locum_nsd_action *action)
{
    const bool open = action->source == LOCUM_NSD_OPEN;
    const char *source = open ? self->open : self->word;
    const char *const argv[] = {"nsd-checkzone", self->plain, self->files.fresh, NULL};
    char buffer[WHY_BYTES];
    struct locum_text why = locum_text_init(buffer, sizeof(buffer));
    char *text;
    int status = locum_nsd_zonetext_render(
        locum_slice_of(source), open ? &self->open_read : &self->word_read, action->serial, &text);
    if (status == 0) {
        status = locum_nsd_files_write(&self->files, text, &why);
        free(text);
    }
    if (status == 0) {
        status = locum_nsd_child_start(self->base, argv, on_checked, self, &self->checking);
        locum_text_add(&why, status != 0 ? "nsd-checkzone cannot be run: " : "");
        locum_text_add(&why, status != 0 ? locum_error_text(status) : "");
    }
    if (status != 0) {
        locum_text_add(&why, why.length == 0 ? locum_error_text(status) : "");
        prepared(self, false, buffer);
    }
}

static void
placed(struct adapter *self, bool keep, struct locum_text *why)
{
    const bool ok = why->length == 0 && locum_nsd_files_place(&self->files, keep, why) == 0;
    deliver(self,
            &(struct locum_nsd_input){.kind = LOCUM_NSD_INPUT_PLACED, .ok = ok, .why = why->at});
}

/* The last good zone once more. NSD has served it, so it is not checked again. */
static void
restore(struct adapter *self, const struct locum_nsd_action *action)
{
    char buffer[WHY_BYTES];
    struct locum_text why = locum_text_init(buffer, sizeof(buffer));
    struct locum_nsd_zonetext read;
    const char *wrong = NULL;
    char *text = NULL;
    char *rendered = NULL;
    size_t length;
    if (locum_nsd_files_read(self->files.last, &text, &length, &why) == 0) {
        const struct locum_slice whole = {.at = text, .length = length};
        if (locum_nsd_zonetext_read(whole, self->settings->zone, &read, &wrong) == 0 &&
            locum_nsd_zonetext_render(whole, &read, action->serial, &rendered) == 0) {
            (void)!locum_nsd_files_write(&self->files, rendered, &why);
        } else {
            locum_text_add(&why, self->files.last);
            locum_text_add(&why, ": ");
            locum_text_add(&why, wrong != NULL ? wrong : "out of memory");
        }
    }
    free(rendered);
    free(text);
    placed(self, false, &why);
}

static void
place(struct adapter *self, const struct locum_nsd_action *action)
{
    char buffer[WHY_BYTES];
    struct locum_text why = locum_text_init(buffer, sizeof(buffer));
    placed(self, action->keep, &why);
}

static void
control(struct adapter *self, const struct locum_nsd_action *action)
{
    char command[2 * LOCUM_DOMAIN_MAX];
    struct locum_text text = locum_text_init(command, sizeof(command));
    const bool add = action->kind == LOCUM_NSD_ADDZONE;
    if (action->touch) {
        locum_nsd_files_touch(&self->files);
    }
    locum_text_add(&text, add ? "addzone " : "reload ");
    locum_text_add(&text, self->plain);
    locum_text_add(&text, add ? " " : "");
    locum_text_add(&text, add ? self->settings->pattern : "");
    locum_nsd_channel_send(self->channel, command);
}

static void
report(struct adapter *self)
{
    const struct locum_nsd_reconciler *core = &self->reconciler;
    const locum_ms now = locum_now_read().mono;
    const enum locum_nsd_state state = locum_nsd_state_of(core, now);
    const locum_ms lag = locum_nsd_lag_ms(core, now);
    const bool served = core->looked && core->seen == LOCUM_NSD_SOA_SERIAL;
    json_t *serial = served ? json_integer((json_int_t)core->seen_serial) : json_null();
    json_t *lag_ms = lag >= 0 ? json_integer((json_int_t)lag) : json_null();
    const char *error = state == LOCUM_NSD_FAILED ? core->why : NULL;
    locum_nsd_upstream_report(self->upstream,
                              json_pack("{s:s, s:o, s:o, s:s, s:s?}", "zone", self->settings->zone,
                                        "serial", serial, "lag_ms", lag_ms, "state",
                                        locum_nsd_state_text(state), "error", error));
    char line[LOCUM_NOTIFY_BYTES_MAX / 2];
    char number[16];
    struct locum_text text = locum_text_init(line, sizeof(line));
    locum_text_add(&text, locum_nsd_state_text(state));
    locum_text_add(&text, served ? ", serial " : ", nothing served");
    locum_text_add(&text, served ? digits(core->seen_serial, number) : "");
    locum_notify_status(&self->notify, line);
}

static void
perform(struct adapter *self, const struct locum_nsd_actions *actions)
{
    for (size_t i = 0; i < actions->count; i++) {
        const struct locum_nsd_action *action = &actions->at[i];
        switch (action->kind) {
        case LOCUM_NSD_PREPARE: prepare(self, action); break;
        case LOCUM_NSD_PLACE: place(self, action); break;
        case LOCUM_NSD_RESTORE: restore(self, action); break;
        case LOCUM_NSD_RELOAD:
        case LOCUM_NSD_ADDZONE: control(self, action); break;
        case LOCUM_NSD_ASK: locum_nsd_asker_ask(self->asker); break;
        case LOCUM_NSD_REPORT: report(self); break;
        }
    }
}

static void
on_stop(evutil_socket_t number, short what, void *user)
{
    struct adapter *self = user;
    (void)number, (void)what;
    locum_notify_stopping(&self->notify);
    (void)event_base_loopbreak(self->base);
}

static int
add_signals(struct adapter *self)
{
    static const int numbers[] = {SIGTERM, SIGINT};
    for (size_t i = 0; i < LOCUM_COUNT(numbers); i++) {
        self->signals[i] = evsignal_new(self->base, numbers[i], on_stop, self);
        if (self->signals[i] == NULL || evsignal_add(self->signals[i], NULL) != 0) {
            return LOCUM_ERR_MEMORY;
        }
    }
    return signal(SIGPIPE, SIG_IGN) == SIG_ERR || signal(SIGCHLD, SIG_DFL) == SIG_ERR ? LOCUM_ERR_IO
                                                                                      : 0;
}

static int
build(struct adapter *self)
{
    const struct locum_nsd_settings *settings = self->settings;
    struct event_config *config = event_config_new();
    if (config == NULL) {
        return LOCUM_ERR_MEMORY;
    }
    (void)event_config_set_flag(config, EVENT_BASE_FLAG_PRECISE_TIMER);
    self->base = event_base_new_with_config(config);
    event_config_free(config);
    if (self->base == NULL || event_base_priority_init(self->base, PRIORITIES) != 0) {
        return LOCUM_ERR_MEMORY;
    }
    self->tick = evtimer_new(self->base, on_tick, self);
    self->channel = locum_nsd_channel_create(self->base, &self->conf, on_control, self);
    self->asker =
        locum_nsd_asker_create(self->base, &settings->address, settings->zone, on_soa, self);
    if (self->tick == NULL || self->channel == NULL || self->asker == NULL ||
        event_priority_set(self->tick, PRIORITY_TIME) != 0) {
        return LOCUM_ERR_MEMORY;
    }
    const int status = locum_nsd_upstream_create(self->base, settings->coordinator, settings->zone,
                                                 on_zone, self, &self->upstream);
    return status == 0 ? add_signals(self) : status;
}

/* What an earlier run has left on the disk. */
static void
remember(struct adapter *self)
{
    char buffer[WHY_BYTES];
    struct locum_text why = locum_text_init(buffer, sizeof(buffer));
    const char *wrong;
    char *text;
    size_t length;
    locum_nsd_reconciler_init(&self->reconciler, self->settings->lost_ms, locum_now_read().mono);
    if (locum_nsd_files_read(self->files.open, &text, &length, &why) == 0) {
        if (locum_nsd_zonetext_read((struct locum_slice){.at = text, .length = length},
                                    self->settings->zone, &self->open_read, &wrong) == 0) {
            self->open = text;
            self->open_kept = self->open_read.digest;
            deliver(self, &(struct locum_nsd_input){.kind = LOCUM_NSD_INPUT_OPEN,
                                                    .open = version_of(&self->open_read)});
        } else {
            free(text);
        }
    }
    look_at_file(self);
}

static void
destroy(struct adapter *self)
{
    struct event *const events[] = {self->tick, self->signals[0], self->signals[1]};
    locum_nsd_child_destroy(self->checking);
    locum_nsd_asker_destroy(self->asker);
    locum_nsd_channel_destroy(self->channel);
    locum_nsd_upstream_destroy(self->upstream);
    for (size_t i = 0; i < LOCUM_COUNT(events); i++) {
        if (events[i] != NULL) {
            event_free(events[i]);
        }
    }
    if (self->base != NULL) {
        event_base_free(self->base);
    }
    locum_notify_close(&self->notify);
    locum_nsd_files_fini(&self->files);
    free(self->word);
    free(self->open);
    free(self);
    libevent_global_shutdown();
}

static int
start(struct adapter *self, struct locum_text *why)
{
    int status = locum_nsd_files_lock(&self->files, why);
    if (status == 0) {
        status = locum_nsd_conf_read(self->settings, locum_problems_log, NULL, &self->conf);
    }
    return status == 0 ? build(self) : status;
}

int
locum_nsd_adapter_run(const struct locum_nsd_settings *settings)
{
    char buffer[WHY_BYTES];
    struct locum_text why = locum_text_init(buffer, sizeof(buffer));
    struct adapter *self = calloc(1, sizeof(*self));
    if (self == NULL) {
        return 1;
    }
    self->settings = settings;
    self->heard = true;
    locum_nsd_zone_plain(settings->zone, self->plain);
    locum_nsd_files_init(&self->files, settings->zonefile);
    (void)!locum_notify_open(&self->notify);
    const int status = start(self, &why);
    if (status != 0) {
        LOCUM_LOG(LOCUM_LOG_ERR, "not-started", "reason",
                  why.length > 0 ? buffer : "what is wrong stands in the lines above");
    } else {
        LOCUM_LOG(LOCUM_LOG_INFO, "start", "version", LOCUM_VERSION, "zone", self->plain, "file",
                  self->files.path);
        srandom((unsigned)locum_now_read().mono);
        remember(self);
        locum_nsd_upstream_start(self->upstream);
        (void)event_base_dispatch(self->base);
        LOCUM_LOG(LOCUM_LOG_INFO, "stop", "zone", self->plain);
    }
    destroy(self);
    return status == 0 ? 0 : 1;
}
