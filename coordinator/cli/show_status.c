#include <string.h>

#include "cli/show.h"

static bool
is_word(const json_t *object, const char *key, const char *word)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text != NULL && strcmp(text, word) == 0;
}

/* One cell of a string member, green where it is `good`, else `bad`. */
static void
word_cell(const struct locum_table *table, const json_t *object, const char *key, const char *good,
          enum locum_colour bad)
{
    if (json_is_string(json_object_get(object, key))) {
        locum_table_colour(table, is_word(object, key, good) ? LOCUM_GREEN : bad);
    }
    locum_print_member(table->cells, object, key);
    (void)fputc('\t', table->cells);
}

static void
cell(const struct locum_table *table, const json_t *object, const char *key)
{
    locum_print_member(table->cells, object, key);
    (void)fputc('\t', table->cells);
}

static void
age_cell(const struct locum_table *table, const json_t *ms)
{
    locum_print_age(table->cells, ms);
    (void)fputc('\t', table->cells);
}

static void
heading(const struct locum_table *table, const char *tabbed)
{
    (void)fputs(tabbed, table->cells);
    (void)fputc('\n', table->cells);
}

static void
section(const struct locum_print *print, const char *title)
{
    (void)fputc('\n', print->out);
    locum_print_in(print, LOCUM_BOLD, title);
    (void)fputc('\n', print->out);
}

static void
show_redis(const json_t *redis, FILE *out)
{
    if (!json_is_object(redis)) {
        (void)fputs("not configured", out);
        return;
    }
    const bool connected = json_is_true(json_object_get(redis, "connected"));
    (void)fputs(connected ? "connected" : "not connected", out);
    if (json_is_string(json_object_get(redis, "master"))) {
        (void)fputs(connected ? " to " : ", last master ", out);
        locum_print_member(out, redis, "master");
    }
    if (json_is_string(json_object_get(redis, "since"))) {
        (void)fputs(" since ", out);
        locum_print_member(out, redis, "since");
    }
    if (json_is_string(json_object_get(redis, "error"))) {
        (void)fputs(": ", out);
        locum_print_member(out, redis, "error");
    }
}

/* A line only where locum-nsd has reported. */
static void
show_nsd(const json_t *nsd, FILE *out)
{
    if (!json_is_object(nsd)) {
        return;
    }
    (void)fputs("  nsd      ", out);
    locum_print_member(out, nsd, "state");
    (void)fputs(", serial ", out);
    locum_print_number(out, json_object_get(nsd, "serial"));
    (void)fputs(", last change took ", out);
    locum_print_age(out, json_object_get(nsd, "lag_ms"));
    (void)fputc('\n', out);
}

static void
show_head(const json_t *status, const struct locum_print *print)
{
    FILE *out = print->out;
    (void)fputs("cluster ", out);
    locum_print_member(out, status, "cluster");
    (void)fputs(", node ", out);
    locum_print_member(out, status, "node");
    (void)fputs(": serving ", out);
    const char *serving = json_string_value(json_object_get(status, "serving"));
    locum_print_in(print, LOCUM_BOLD, serving != NULL ? serving : "-");
    (void)fputs("\n  quorum   ", out);
    const json_t *quorum = json_object_get(status, "quorum");
    locum_print_number(out, json_object_get(quorum, "reachable"));
    (void)fputs(" reachable, ", out);
    locum_print_number(out, json_object_get(quorum, "needed"));
    (void)fputs(" needed\n  redis    ", out);
    show_redis(json_object_get(status, "redis"), out);
    (void)fputs("\n  dns      serial ", out);
    const json_t *dns = json_object_get(status, "dns");
    locum_print_number(out, json_object_get(dns, "serial"));
    (void)fputs(", ", out);
    locum_print_number(out, json_object_get(dns, "queries"));
    (void)fputs(" queries\n", out);
    show_nsd(json_object_get(status, "nsd"), out);
    (void)fputs("  program  locum ", out);
    locum_print_member(out, status, "version");
    (void)fputs(", up ", out);
    locum_print_age(out, json_object_get(status, "uptime_ms"));
    (void)fputs(", mode ", out);
    locum_print_member(out, status, "mode");
    (void)fputc('\n', out);
}

static void
mirrorbits_cell(const struct locum_table *table, const json_t *mirrorbits)
{
    if (!json_is_object(mirrorbits)) {
        (void)fputs("-\t", table->cells);
        return;
    }
    const bool seen = json_is_true(json_object_get(mirrorbits, "seen"));
    locum_table_colour(table, seen ? LOCUM_GREEN : LOCUM_YELLOW);
    (void)fputs(seen ? "seen" : "not seen", table->cells);
    if (json_is_integer(json_object_get(mirrorbits, "heard_ms"))) {
        (void)fputs(seen ? " " : " for ", table->cells);
        locum_print_age(table->cells, json_object_get(mirrorbits, "heard_ms"));
    }
    (void)fputc('\t', table->cells);
}

/* Which Sentinels hold this node's instances down. */
static void
sentinel_cell(const struct locum_table *table, const json_t *down)
{
    if (!json_is_array(down)) {
        (void)fputs("-\t", table->cells);
    } else if (json_array_size(down) == 0) {
        locum_table_colour(table, LOCUM_GREEN);
        (void)fputs("ok\t", table->cells);
    } else {
        locum_table_colour(table, LOCUM_RED);
        (void)fputs("down: ", table->cells);
        locum_print_list(table->cells, down, ",");
        (void)fputc('\t', table->cells);
    }
}

/* The word of a peer that is not heard is its last one, and shown as that. */
static void
service_cell(const struct locum_table *table, const json_t *node)
{
    const json_t *condition = json_object_get(node, "condition");
    const bool heard = !json_is_string(condition) || is_word(node, "condition", "alive") ||
                       is_word(node, "condition", "returning");
    if (heard || is_word(node, "service", "unknown") ||
        !json_is_string(json_object_get(node, "service"))) {
        word_cell(table, node, "service", "up",
                  is_word(node, "service", "failing") ? LOCUM_RED : LOCUM_YELLOW);
        return;
    }
    locum_table_colour(table, LOCUM_DIM);
    (void)fputs("was ", table->cells);
    cell(table, node, "service");
}

static void
node_row(const struct locum_table *table, const json_t *node)
{
    const json_t *admin = json_object_get(node, "admin");
    const json_t *heard = json_object_get(node, "heard_ms");
    (void)fputs(json_is_true(json_object_get(node, "self")) ? "*\t" : "\t", table->cells);
    cell(table, node, "name");
    cell(table, node, "role");
    word_cell(table, node, "condition", "alive",
              is_word(node, "condition", "down") ? LOCUM_RED : LOCUM_YELLOW);
    service_cell(table, node);
    word_cell(table, admin, "state", "ready", LOCUM_YELLOW);
    cell(table, node, "rank");
    age_cell(table, json_object_get(heard, "udp"));
    age_cell(table, json_object_get(heard, "redis"));
    sentinel_cell(table, json_object_get(node, "sentinel_down"));
    mirrorbits_cell(table, json_object_get(node, "mirrorbits"));
    (void)fputc('\n', table->cells);
}

/* "NAME is down since TIME, votes: dc2, ns0" */
static void
note_condition(const json_t *node, FILE *out)
{
    const json_t *condition = json_object_get(node, "condition");
    if (!json_is_string(condition) || is_word(node, "condition", "alive") ||
        is_word(node, "role", "sentinel")) {
        return;
    }
    (void)fputs("    ", out);
    locum_print_member(out, node, "name");
    (void)fputs(" is ", out);
    locum_print_member(out, node, "condition");
    if (json_is_string(json_object_get(node, "since"))) {
        (void)fputs(" since ", out);
        locum_print_member(out, node, "since");
    }
    if (json_array_size(json_object_get(node, "votes")) > 0) {
        (void)fputs(", votes: ", out);
        locum_print_list(out, json_object_get(node, "votes"), ", ");
    }
    (void)fputc('\n', out);
}

static void
note_operator(const json_t *node, FILE *out)
{
    const json_t *admin = json_object_get(node, "admin");
    if (json_is_object(admin) && !is_word(admin, "state", "ready")) {
        (void)fputs("    ", out);
        locum_print_member(out, node, "name");
        (void)fputs(": ", out);
        locum_print_member(out, admin, "state");
        if (json_is_integer(json_object_get(admin, "left_ms"))) {
            (void)fputs(" for another ", out);
            locum_print_age(out, json_object_get(admin, "left_ms"));
        }
        if (json_is_string(json_object_get(admin, "reason"))) {
            (void)fputs(", reason: ", out);
            locum_print_member(out, admin, "reason");
        }
        (void)fputc('\n', out);
    }
    if (json_is_true(json_object_get(node, "excluded"))) {
        (void)fputs("    ", out);
        locum_print_member(out, node, "name");
        (void)fputs(" is excluded from this node's answers until `locum include ", out);
        locum_print_member(out, node, "name");
        (void)fputs("`\n", out);
    }
}

/* Programs of different versions work together; an upgrade that was left half done should be seen.
 */
static void
note_version(const json_t *node, const json_t *self, FILE *out)
{
    const char *theirs = json_string_value(json_object_get(node, "version"));
    const char *mine = json_string_value(json_object_get(self, "version"));
    if (theirs == NULL || mine == NULL || strcmp(theirs, mine) == 0) {
        return;
    }
    (void)fputs("    ", out);
    locum_print_member(out, node, "name");
    (void)fputs(" runs version ", out);
    locum_print_text(out, theirs);
    (void)fputs(", this node ", out);
    locum_print_text(out, mine);
    (void)fputc('\n', out);
}

static const json_t *
own_node(const json_t *nodes)
{
    size_t i;
    const json_t *node;
    json_array_foreach(nodes, i, node)
    {
        if (json_is_true(json_object_get(node, "self"))) {
            return node;
        }
    }
    return NULL;
}

static void
show_nodes(const json_t *nodes, const struct locum_print *print)
{
    struct locum_table table;
    size_t i;
    const json_t *node;
    section(print, "nodes (* this one; heard: the last heartbeat by each path)");
    if (locum_table_open(&table)) {
        heading(&table, "\tNODE\tROLE\tCONDITION\tSERVICE\tADMIN\tRANK\tPEER\tREDIS\tSENTINELS\t"
                        "MIRRORBITS");
        json_array_foreach(nodes, i, node)
        {
            node_row(&table, node);
        }
        locum_table_close(&table, print, 0);
    }
    json_array_foreach(nodes, i, node)
    {
        note_condition(node, print->out);
        note_operator(node, print->out);
        note_version(node, own_node(nodes), print->out);
    }
}

static void
show_sentinels(const json_t *sentinels, const struct locum_print *print)
{
    struct locum_table table;
    size_t i;
    const json_t *sentinel;
    if (json_array_size(sentinels) == 0) {
        return;
    }
    section(print, "sentinels");
    if (!locum_table_open(&table)) {
        return;
    }
    heading(&table, "SENTINEL\tNODE\tSTATE\tPOLLED");
    json_array_foreach(sentinels, i, sentinel)
    {
        const bool connected = json_is_true(json_object_get(sentinel, "connected"));
        const bool tilt = json_is_true(json_object_get(sentinel, "tilt"));
        cell(&table, sentinel, "address");
        cell(&table, sentinel, "node");
        locum_table_colour(&table, connected && !tilt ? LOCUM_GREEN : LOCUM_RED);
        (void)fputs(!connected ? "not connected" : tilt ? "TILT" : "connected", table.cells);
        if (json_is_string(json_object_get(sentinel, "error"))) {
            (void)fputs(": ", table.cells);
            locum_print_member(table.cells, sentinel, "error");
        }
        (void)fputc('\t', table.cells);
        age_cell(&table, json_object_get(sentinel, "polled_ms"));
        (void)fputc('\n', table.cells);
    }
    locum_table_close(&table, print, 2);
}

static void
show_checks(const json_t *checks, const struct locum_print *print)
{
    struct locum_table table;
    size_t i;
    const json_t *check;
    if (json_array_size(checks) == 0) {
        return;
    }
    section(print, "checks of this node's service");
    if (!locum_table_open(&table)) {
        return;
    }
    heading(&table, "CHECK\tSTATE\tLAST\tSINCE");
    json_array_foreach(checks, i, check)
    {
        cell(&table, check, "name");
        word_cell(&table, check, "state", "up", LOCUM_RED);
        cell(&table, check, "last");
        cell(&table, check, "since");
        (void)fputc('\n', table.cells);
    }
    locum_table_close(&table, print, 2);
}

static void
show_names(const json_t *names, const struct locum_print *print)
{
    struct locum_table table;
    size_t i;
    const json_t *name;
    section(print, "answers of this node");
    if (!locum_table_open(&table)) {
        return;
    }
    heading(&table, "NAME\tTYPE\tTTL\tANSWER\tNODES\tREASON");
    json_array_foreach(names, i, name)
    {
        cell(&table, name, "name");
        cell(&table, name, "type");
        locum_print_number(table.cells, json_object_get(name, "ttl_s"));
        (void)fputc('\t', table.cells);
        locum_print_list(table.cells, json_object_get(name, "answers"), " ");
        (void)fputc('\t', table.cells);
        locum_print_list(table.cells, json_object_get(name, "nodes"), ",");
        (void)fputc('\t', table.cells);
        cell(&table, name, "reason");
        (void)fputc('\n', table.cells);
    }
    locum_table_close(&table, print, 2);
}

static void
show_next_loss(const json_t *losses, const struct locum_print *print)
{
    size_t i;
    const json_t *loss;
    if (!json_is_array(losses)) {
        return;
    }
    section(print, "one more loss");
    if (json_array_size(losses) == 0) {
        (void)fputs("  whichever node is lost next, every name keeps a good answer\n", print->out);
    }
    json_array_foreach(losses, i, loss)
    {
        (void)fputs("  without ", print->out);
        locum_print_member(print->out, loss, "node");
        (void)fputs(", lost: ", print->out);
        locum_print_member(print->out, loss, "lost");
        (void)fputc('\n', print->out);
    }
}

static void
show_warnings(const json_t *warnings, const struct locum_print *print)
{
    size_t i;
    const json_t *warning;
    if (json_array_size(warnings) == 0) {
        return;
    }
    section(print, "warnings");
    json_array_foreach(warnings, i, warning)
    {
        const char *text = json_string_value(warning);
        (void)fputs("  ", print->out);
        locum_print_in(print, LOCUM_YELLOW, text != NULL ? text : "-");
        (void)fputc('\n', print->out);
    }
}

void
locum_show_status(const json_t *status, const struct locum_print *print)
{
    show_head(status, print);
    show_nodes(json_object_get(status, "nodes"), print);
    show_sentinels(json_object_get(status, "sentinels"), print);
    show_checks(json_object_get(status, "checks"), print);
    show_names(json_object_get(status, "names"), print);
    show_next_loss(json_object_get(status, "next_loss"), print);
    show_warnings(json_object_get(status, "warnings"), print);
    (void)fputc('\n', print->out);
    if (locum_show_degraded(status, print) == 0) {
        const bool warned = json_array_size(json_object_get(status, "warnings")) > 0;
        locum_print_in(print, warned ? LOCUM_YELLOW : LOCUM_GREEN,
                       warned ? "well but for the warnings" : "all well");
        (void)fputc('\n', print->out);
    }
}
