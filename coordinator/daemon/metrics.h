/*
 * metrics: the one table of what GET /metrics tells, in Prometheus' text format 0.0.4. A row is
 * either one number of the scrape or a function that adds its samples; names of labels come from
 * the row alone. A name that ends in _seconds is kept in milliseconds and printed in seconds.
 * locum(8) is compared with the table.
 */
#ifndef LOCUM_DAEMON_METRICS_H
#define LOCUM_DAEMON_METRICS_H

#include "daemon/daemon.h"

enum locum_metric_type { LOCUM_METRIC_COUNTER, LOCUM_METRIC_GAUGE, LOCUM_METRIC_HISTOGRAM };

struct locum_metric;

/* One answer under construction, and the facts it is made of, read once. */
struct locum_scrape {
    struct locum_daemon *daemon;
    struct locum_now now;
    struct locum_redis_status redis;
    struct locum_dns_counts dns;
    struct locum_text text;
    const struct locum_metric *metric; /* the row that is written */
    /* Numbers that are metrics as they are; times in ms; LOCUM_NEVER: left out. */
    int64_t uptime, serving_age, persist_age, lag_max, turns;
    int64_t plan_changes, answers_stale, zone_serial, takeovers;
    int64_t quorum_needed, quorum_reachable;
    int64_t heartbeats_sent, heartbeats_ignored;
    int64_t redis_connected, redis_trouble, redis_commands, redis_failures;
    int64_t tcp_connections, state_failed, warnings;
};

struct locum_metric {
    const char *name;
    enum locum_metric_type type;
    const char *labels;                       /* separated by blanks */
    const char *help;                         /* one sentence */
    void (*add)(struct locum_scrape *scrape); /* NULL: the number at `offset` */
    size_t offset;                            /* in struct locum_scrape */
};

extern const struct locum_metric locum_metrics[];
extern const size_t locum_metric_count;

const char *locum_metric_type_text(enum locum_metric_type type);

/* Add a sample of the row that is written: the values of its labels (two at most, NULL where it has
 * fewer), and its own. */
void locum_scrape_add(struct locum_scrape *self, const char *first, const char *second,
                      int64_t value);

/* The samples of a histogram: bounds and sum in ms. */
void locum_scrape_add_lag(struct locum_scrape *self, const struct locum_lag *lag);

/* 1 for the current one of `count` states, 0 for the others; `first` is the value of the label
 * before the state's, or NULL. */
void locum_scrape_add_states(struct locum_scrape *self, const char *first, int count, int current,
                             const char *(*text)(int state));

/* Append a value of a label, quoted. */
void locum_scrape_add_quoted(struct locum_text *text, const char *value);

#endif
