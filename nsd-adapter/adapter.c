#include "nsd-adapter/adapter.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "base/text_format.h"
#include "base/version.h"
#include "control/notify.h"
#include "nsd-adapter/names.h"
#include "nsd-adapter/upstream.h"
#include "nsd-adapter/zone.h"

/* Two priorities, so that timers run after the sockets: what has arrived is not late. */
enum { PRIORITIES = 2 };

/* Between two attempts to begin a zone that failed: its file or NSD's configuration may have been
 * repaired.
 */
enum { RETRY_MS = 10000 };

struct adapter {
    struct locum_nsd_site site;
    struct event term, interrupt; /* SIGTERM, SIGINT */
    struct locum_notify notify;
    struct locum_nsd_upstream *list; /* the coordinator's zones; NULL: the configuration has one */
    struct locum_nsd_names listed;   /* the last answer */
    struct locum_nsd_names names;
    struct locum_nsd_zone *zones[LOCUM_ZONES_MAX]; /* of names.at[i]; NULL: it could not begin */
    bool failed;                                   /* one of them */
    locum_ms tried;                                /* when they were last begun */
    size_t next;                                   /* the zone that is begun, while the loop runs */
    char plain[LOCUM_DOMAIN_MAX + 1];              /* its name, without the last dot */
    struct locum_nsd_inquiry *inquiry;             /* about it; NULL: none is begun */
};

static void
on_step(void *user)
{
    struct adapter *self = user;
    locum_notify_iteration(&self->notify, locum_clock_read().mono);
}

static void
on_report(void *user)
{
    struct adapter *self = user;
    char buffer[LOCUM_NOTIFY_BYTES_MAX / 2];
    struct locum_text status = locum_text_init(buffer, sizeof(buffer));
    for (size_t i = 0; i < self->names.count; i++) {
        if (self->zones[i] != NULL) {
            locum_text_add(&status, status.length > 0 ? "; " : "");
            locum_nsd_zone_describe(self->zones[i], &status);
        }
    }
    locum_notify_status(&self->notify, buffer);
}

static bool
has_name(const struct locum_nsd_names *names, const char *name)
{
    for (size_t i = 0; i < names->count; i++) {
        if (strcmp(names->at[i], name) == 0) {
            return true;
        }
    }
    return false;
}

/* Follow these names: end the zones that are gone, make place for new ones. */
static void
follow(struct adapter *self, const struct locum_nsd_names *names)
{
    struct locum_nsd_names now = {.count = 0};
    struct locum_nsd_zone *zones[LOCUM_ZONES_MAX] = {NULL};
    for (size_t i = 0; i < self->names.count; i++) {
        if (has_name(names, self->names.at[i])) {
            memcpy(now.at[now.count], self->names.at[i], sizeof(now.at[0]));
            zones[now.count++] = self->zones[i];
        } else {
            self->names.at[i][strlen(self->names.at[i]) - 1] = '\0'; /* for people */
            LOCUM_LOG(LOCUM_LOG_INFO, "zone", "zone", self->names.at[i], "state", "removed",
                      "effect", "NSD keeps serving it until it is removed from NSD");
            locum_nsd_zone_destroy(self->zones[i]);
        }
    }
    self->names = now;
    memcpy(self->zones, zones, sizeof(zones));
    for (size_t i = 0; i < names->count; i++) {
        if (!has_name(&self->names, names->at[i])) {
            memcpy(self->names.at[self->names.count++], names->at[i], sizeof(names->at[i]));
        }
    }
}

/* All that do not run have been tried. */
static void
end_round(struct adapter *self)
{
    if (self->site.answers.changed && self->site.fallback.reason[0] == '\0') {
        locum_nsd_fallback_keep(self->site.settings, &self->site.answers);
        self->site.answers.changed = false;
    }
    self->tried = locum_clock_read().mono;
}

/* Before the loop runs. The last failure, or 0. */
static int
begin_all(struct adapter *self)
{
    int status = 0;
    for (size_t i = 0; i < self->names.count; i++) {
        const int failure = locum_nsd_zone_create(&self->site, self->names.at[i], &self->zones[i]);
        status = failure != 0 ? failure : status;
    }
    self->failed = status != 0;
    self->site.answers.closed = true;
    end_round(self);
    return status;
}

static void on_inquired(void *user);

/* Begin the next zone that does not run: first nsd-checkconf is asked, without waiting for it. */
static void
begin_next(struct adapter *self)
{
    while (self->next < self->names.count && self->zones[self->next] != NULL) {
        self->next++;
    }
    if (self->next == self->names.count) {
        end_round(self);
        return;
    }
    const char *name = self->names.at[self->next];
    (void)locum_text_format_buffer(self->plain, sizeof(self->plain), "%.*s", (int)strlen(name) - 1,
                                   name);
    if (locum_nsd_conf_inquire(self->site.base, self->site.settings, self->plain,
                               &self->site.answers, on_inquired, self, &self->inquiry) != 0) {
        self->failed = true;
        end_round(self);
    }
}

static void
on_inquired(void *user)
{
    struct adapter *self = user;
    self->inquiry = NULL;
    on_step(self);
    if (locum_nsd_zone_create(&self->site, self->names.at[self->next], &self->zones[self->next]) !=
        0) {
        self->failed = true;
    }
    self->next++;
    begin_next(self);
}

/* Try each zone that does not run. */
static void
begin_round(struct adapter *self)
{
    locum_nsd_conf_cancel(self->inquiry);
    self->inquiry = NULL;
    self->failed = false;
    self->next = 0;
    begin_next(self);
}

/* The coordinator's status has arrived, or has not. */
static bool
on_list(void *user, const json_t *answer, const char *why)
{
    struct adapter *self = user;
    struct locum_nsd_names names;
    (void)why; /* each zone logs it */
    on_step(self);
    if (!json_is_array(json_object_get(answer, "zones"))) {
        return false;
    }
    locum_nsd_names_find(&names, self->site.settings, answer);
    const bool same = memcmp(&names, &self->listed, sizeof(names)) == 0;
    if (!same) {
        follow(self, &names);
        begin_round(self);
    } else if (self->failed && self->inquiry == NULL &&
               locum_clock_read().mono - self->tried >= RETRY_MS) {
        begin_round(self);
    }
    self->listed = names;
    if (!same && locum_nsd_names_keep(&names, self->site.settings) != 0) {
        LOCUM_LOG(LOCUM_LOG_WARN, "zones", "folder", self->site.settings->state_dir, "reason",
                  strerror(errno), "effect",
                  "after a restart without the coordinator there is no fail-open zone");
    }
    return true;
}

static void
on_stop(evutil_socket_t number, short what, void *user)
{
    struct adapter *self = user;
    (void)number, (void)what;
    locum_notify_stopping(&self->notify);
    (void)event_base_loopbreak(self->site.base);
}

static bool
add_signal(struct adapter *self, struct event *ret, int number)
{
    return evsignal_assign(ret, self->site.base, number, on_stop, self) == 0 &&
           evsignal_add(ret, NULL) == 0;
}

static int
build(struct adapter *self)
{
    const struct locum_nsd_settings *settings = self->site.settings;
    struct locum_nsd_names names;
    self->site.base = locum_timer_base(EVENT_BASE_FLAG_PRECISE_TIMER);
    if (self->site.base == NULL || event_base_priority_init(self->site.base, PRIORITIES) != 0 ||
        !add_signal(self, &self->term, SIGTERM) || !add_signal(self, &self->interrupt, SIGINT)) {
        return LOCUM_ERR_MEMORY;
    }
    locum_nsd_names_find(&names, settings, NULL);
    follow(self, &names);
    const int status = begin_all(self);
    if (settings->zone[0] != '\0') {
        return status;
    }
    self->list =
        locum_nsd_upstream_create(self->site.base, settings->coordinator, NULL, on_list, self);
    return self->list != NULL ? 0 : LOCUM_ERR_MEMORY;
}

static void
destroy(struct adapter *self)
{
    locum_nsd_upstream_destroy(self->list);
    locum_nsd_conf_cancel(self->inquiry);
    for (size_t i = 0; i < self->names.count; i++) {
        locum_nsd_zone_destroy(self->zones[i]);
    }
    if (self->site.base != NULL) {
        event_base_free(self->site.base);
    }
    locum_notify_close(&self->notify);
    free(self);
    libevent_global_shutdown();
}

/* How NSD is controlled, as it is written or, if that is refused, as it was. */
static int
read_conf(struct adapter *self, const struct locum_nsd_fallback *fallback)
{
    struct locum_nsd_site *site = &self->site;
    const int status =
        locum_nsd_conf_read(site->settings, &site->answers, locum_problems_log, NULL, &site->conf);
    if (fallback != NULL) {
        site->fallback = *fallback;
    }
    if (status == 0 || fallback == NULL ||
        locum_nsd_fallback_answers(site->settings, &site->answers, &site->fallback) != 0) {
        return status;
    }
    return locum_nsd_conf_read(site->settings, &site->answers, locum_problems_log, NULL,
                               &site->conf);
}

int
locum_nsd_adapter_run(const struct locum_nsd_settings *settings,
                      const struct locum_nsd_fallback *fallback)
{
    struct adapter *self = calloc(1, sizeof(*self));
    if (self == NULL) {
        return 1;
    }
    (void)signal(SIGPIPE, SIG_IGN);
    (void)signal(SIGCHLD, SIG_DFL);
    self->site = (struct locum_nsd_site){
        .settings = settings, .on_step = on_step, .on_report = on_report, .user = self};
    (void)!locum_notify_open(&self->notify);
    srandom((unsigned)locum_clock_read().mono);
    LOCUM_LOG(LOCUM_LOG_INFO, "start", "version", LOCUM_VERSION, "zones",
              settings->zone[0] != '\0' ? settings->zone : "all");
    int status = read_conf(self, fallback);
    if (status == 0) {
        status = build(self);
    }
    if (status == 0) {
        (void)event_base_dispatch(self->site.base);
        LOCUM_LOG(LOCUM_LOG_INFO, "stop");
    } else {
        LOCUM_LOG(LOCUM_LOG_ERR, "not-started", "reason",
                  status == LOCUM_ERR_MEMORY ? locum_error_text(status) : "see the errors above");
    }
    destroy(self);
    return status == 0 ? 0 : 1;
}
