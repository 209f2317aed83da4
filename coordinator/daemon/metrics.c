#include "daemon/metrics.h"

#include <stdlib.h>
#include <string.h>

#include "core/vote.h"

/* 32 nodes, 16 checks, a name of 511 bytes each: about 150 KB. */
enum { METRICS_BYTES_MAX = 512 * 1024 };

const char *
locum_metric_type_text(enum locum_metric_type type)
{
    static const char *const texts[] = {"counter", "gauge", "histogram"};
    return texts[type];
}

void
locum_scrape_add_quoted(struct locum_text *text, const char *value)
{
    locum_text_add_char(text, '"');
    for (const char *c = value; *c != '\0'; c++) {
        if (*c == '\n') {
            locum_text_add(text, "\\n");
        } else {
            locum_text_add(text, *c == '"' || *c == '\\' ? "\\" : "");
            locum_text_add_char(text, *c);
        }
    }
    locum_text_add_char(text, '"');
}

/* {peer="dc3",path="redis"} */
static void
add_labels(struct locum_scrape *self, const char *first, const char *second)
{
    const char *const values[] = {first, second};
    struct locum_slice rest = locum_slice_of(self->metric->labels);
    struct locum_slice label;
    if (first == NULL) {
        return;
    }
    for (size_t i = 0; i < LOCUM_COUNT(values) && values[i] != NULL; i++) {
        LOCUM_INVARIANT(locum_slice_cut(&rest, ' ', &label));
        locum_text_add_char(&self->text, i == 0 ? '{' : ',');
        locum_text_add_bytes(&self->text, label.at, label.length);
        locum_text_add_char(&self->text, '=');
        locum_scrape_add_quoted(&self->text, values[i]);
    }
    locum_text_add_char(&self->text, '}');
}

/* Milliseconds as seconds: 0.125 */
static void
add_seconds(struct locum_text *text, int64_t ms)
{
    const uint64_t size = ms < 0 ? -(uint64_t)ms : (uint64_t)ms;
    const char digits[] = {'.', (char)('0' + size / 100 % 10), (char)('0' + size / 10 % 10),
                           (char)('0' + size % 10)};
    locum_text_add(text, ms < 0 ? "-" : "");
    locum_text_add_u64(text, size / 1000);
    locum_text_add_bytes(text, digits, sizeof(digits));
}

static bool
is_in_seconds(const struct locum_metric *metric)
{
    static const char unit[] = "_seconds";
    const size_t length = strlen(metric->name);
    return length > strlen(unit) && strcmp(metric->name + length - strlen(unit), unit) == 0;
}

void
locum_scrape_add(struct locum_scrape *self, const char *first, const char *second, int64_t value)
{
    locum_text_add(&self->text, self->metric->name);
    add_labels(self, first, second);
    locum_text_add_char(&self->text, ' ');
    if (is_in_seconds(self->metric)) {
        add_seconds(&self->text, value);
    } else {
        locum_text_add_i64(&self->text, value);
    }
    locum_text_add_char(&self->text, '\n');
}

void
locum_scrape_add_states(struct locum_scrape *self, const char *first, int count, int current,
                        const char *(*text)(int state))
{
    for (int state = 0; state < count; state++) {
        locum_scrape_add(self, first != NULL ? first : text(state),
                         first != NULL ? text(state) : NULL, state == current ? 1 : 0);
    }
}

static void
add_bucket(struct locum_scrape *self, const char *bound, uint64_t count)
{
    locum_text_add(&self->text, self->metric->name);
    locum_text_add(&self->text, "_bucket{le=\"");
    locum_text_add(&self->text, bound);
    locum_text_add(&self->text, "\"} ");
    locum_text_add_u64(&self->text, count);
    locum_text_add_char(&self->text, '\n');
}

void
locum_scrape_add_lag(struct locum_scrape *self, const struct locum_lag *lag)
{
    for (size_t i = 0; i < LOCUM_LAG_BUCKETS; i++) {
        char bound[24];
        struct locum_text text = locum_text_init(bound, sizeof(bound));
        add_seconds(&text, locum_lag_bounds[i]);
        add_bucket(self, bound, lag->at_most[i]);
    }
    add_bucket(self, "+Inf", lag->count);
    locum_text_add(&self->text, self->metric->name);
    locum_text_add(&self->text, "_sum ");
    add_seconds(&self->text, lag->sum_ms);
    locum_text_add(&self->text, "\n");
    locum_text_add(&self->text, self->metric->name);
    locum_text_add(&self->text, "_count ");
    locum_text_add_u64(&self->text, lag->count);
    locum_text_add(&self->text, "\n");
}

/* All that is read once. */
static void
gather(struct locum_scrape *self)
{
    struct locum_daemon *daemon = self->daemon;
    const struct locum_core *core = &daemon->core;
    const locum_ms written = locum_state_writer_written(daemon->writer);
    const locum_nodes reachable = locum_vote_reachable(&core->view, &core->config, self->now.mono);
    locum_redis_status(daemon->redis, &self->redis);
    locum_dns_counts(daemon->dns, &self->dns);
    self->uptime = self->now.mono - daemon->started_mono;
    self->serving_age = self->now.mono - daemon->serving_since_mono;
    self->persist_age = written == LOCUM_NEVER ? LOCUM_NEVER : self->now.mono - written;
    self->lag_max = daemon->lag.max_ms;
    self->turns = (int64_t)daemon->turns;
    self->plan_changes = (int64_t)daemon->plan_changes;
    self->answers_stale = daemon->publish_failed;
    self->zone_serial = daemon->serial;
    self->takeovers = __builtin_popcount(core->serving.taken);
    self->quorum_needed = core->config.quorum;
    self->quorum_reachable = __builtin_popcount(reachable);
    self->heartbeats_sent = (int64_t)core->view.seq;
    self->heartbeats_ignored = (int64_t)core->ignored;
    self->redis_connected = self->redis.connected;
    self->redis_trouble = self->redis.error[0] != '\0';
    self->redis_commands = (int64_t)self->redis.commands;
    self->redis_failures = (int64_t)self->redis.failures;
    self->tcp_connections = (int64_t)self->dns.tcp_connections;
    self->warnings = (int64_t)json_object_size(daemon->warned);
    self->state_failed = json_object_get(daemon->warned, "state") != NULL;
}

static void
add_metric(struct locum_scrape *self, const struct locum_metric *metric)
{
    self->metric = metric;
    locum_text_add(&self->text, "# HELP ");
    locum_text_add(&self->text, metric->name);
    locum_text_add_char(&self->text, ' ');
    locum_text_add(&self->text, metric->help);
    locum_text_add(&self->text, "\n# TYPE ");
    locum_text_add(&self->text, metric->name);
    locum_text_add_char(&self->text, ' ');
    locum_text_add(&self->text, locum_metric_type_text(metric->type));
    locum_text_add_char(&self->text, '\n');
    if (metric->add != NULL) {
        metric->add(self);
        return;
    }
    int64_t number;
    memcpy(&number, (const char *)self + metric->offset, sizeof(number));
    if (number != LOCUM_NEVER) {
        locum_scrape_add(self, NULL, NULL, number);
    }
}

char *
locum_daemon_metrics(struct locum_daemon *self)
{
    char *buffer = malloc(METRICS_BYTES_MAX);
    if (buffer == NULL) {
        return NULL;
    }
    struct locum_scrape scrape = {.daemon = self, .now = locum_daemon_now(self)};
    scrape.text = locum_text_init(buffer, METRICS_BYTES_MAX);
    gather(&scrape);
    for (size_t i = 0; i < locum_metric_count; i++) {
        add_metric(&scrape, &locum_metrics[i]);
    }
    if (scrape.text.truncated) {
        free(buffer);
        return NULL;
    }
    return buffer;
}
