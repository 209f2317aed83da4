#include <string.h>

#include "cli/show.h"

/* One cell: a template in a colour. */
static void
cell(const struct locum_print_table *table, enum locum_colour colour, const json_t *object,
     const char *template)
{
    locum_print_table_colour(table, colour);
    locum_print_json(table->cells, object, template);
    (void)fputc('\t', table->cells);
}

/* One cell of a string member: green if it is `good`, else `bad`. */
static void
state_cell(const struct locum_print_table *table, const json_t *object, const char *key,
           const char *good, enum locum_colour bad)
{
    const json_t *state = json_object_get(object, key);
    cell(table,
         !json_is_string(state)              ? LOCUM_PLAIN
         : locum_print_is(object, key, good) ? LOCUM_GREEN
                                             : bad,
         state, "{}");
}

static void
section(const struct locum_print *print, const char *title)
{
    (void)fputc('\n', print->out);
    locum_print_in(print, LOCUM_BOLD, NULL, title);
    (void)fputc('\n', print->out);
}

/* A section that is a table with one row for each item of an array. */
static void
show_table(const struct locum_print *print, const char *title, const json_t *items,
           const char *headings,
           void (*row)(const struct locum_print_table *table, const json_t *item), int indent)
{
    struct locum_print_table table;
    size_t i;
    const json_t *item;
    section(print, title);
    if (!locum_print_table_open(&table)) {
        return;
    }
    (void)fprintf(table.cells, "%s\n", headings);
    json_array_foreach(items, i, item)
    {
        row(&table, item);
        (void)fputc('\n', table.cells);
    }
    locum_print_table_close(&table, print, indent);
}

static void
show_head(const json_t *status, const struct locum_print *print)
{
    FILE *out = print->out;
    const json_t *redis = json_object_get(status, "redis");
    const json_t *zone;
    size_t i;
    locum_print_json(out, status, "cluster {cluster}, node {node}: serving ");
    locum_print_in(print, LOCUM_BOLD, status, "{serving}");
    locum_print_json(
        out, status,
        "\n  quorum   needs {quorum.needed} votes; available: {quorum.reachable} (this node's "
        "included)\n  redis    ");
    locum_print_json(out, redis,
                     !json_is_object(redis) ? "not configured"
                     : json_is_true(json_object_get(redis, "connected"))
                         ? "connected[ to {master}][ since {since}][: {error}]"
                         : "not connected[, last master {master}][ since {since}][: {error}]");
    locum_print_json(out, status, "\n  dns      serial {dns.serial}, {dns.queries} queries\n");
    json_array_foreach(json_object_get(status, "zones"), i, zone)
    {
        if (json_is_object(json_object_get(zone, "nsd"))) { /* port 53 is NSD's */
            locum_print_json(out, zone,
                             "  nsd      {name} {nsd.state}, serial {nsd.serial}, last change took "
                             "{nsd.lag_ms:age}\n");
        }
    }
    locum_print_json(out, status, "  program  locum {version}, up {uptime_ms:age}\n");
}

/* Which Sentinels report this node's instances down. */
static void
sentinel_cell(const struct locum_print_table *table, const json_t *node)
{
    const json_t *down = json_object_get(node, "sentinel_down");
    if (!json_is_array(down)) {
        cell(table, LOCUM_PLAIN, NULL, "-");
    } else if (json_array_size(down) == 0) {
        cell(table, LOCUM_GREEN, NULL, "ok");
    } else {
        cell(table, LOCUM_RED, node, "down: {sentinel_down/,}");
    }
}

static void
mirrorbits_cell(const struct locum_print_table *table, const json_t *node)
{
    const json_t *mirrorbits = json_object_get(node, "mirrorbits");
    if (!json_is_object(mirrorbits)) {
        cell(table, LOCUM_PLAIN, NULL, "-");
    } else if (locum_print_is(mirrorbits, "state", "ok")) {
        cell(table, LOCUM_GREEN, mirrorbits, "ok");
    } else if (json_is_true(json_object_get(mirrorbits, "seen"))) {
        cell(table, LOCUM_RED, mirrorbits, "{state}");
    } else {
        cell(table, locum_print_is(mirrorbits, "state", "unseen") ? LOCUM_YELLOW : LOCUM_RED,
             mirrorbits, "{state}[ for {heard_ms:age}]");
    }
}

/* The service of a peer that is not heard is its last known one. */
static void
service_cell(const struct locum_print_table *table, const json_t *node)
{
    const bool silent = locum_print_is(node, "condition", "unknown") ||
                        locum_print_is(node, "condition", "suspect") ||
                        locum_print_is(node, "condition", "down");
    if (silent && !locum_print_is(node, "service", "unknown")) {
        cell(table, LOCUM_DIM, node, "was {service}");
    } else {
        state_cell(table, node, "service", "up",
                   locum_print_is(node, "service", "failing") ? LOCUM_RED : LOCUM_YELLOW);
    }
}

/* Has the node lost this family? */
static bool
has_lost(const json_t *node, const char *family)
{
    const json_t *state = json_object_get(json_object_get(node, "families"), family);
    return json_is_true(json_object_get(state, "lost"));
}

/* Only servers are named in answers. A lost family is the exception to the rank. */
static void
rank_cell(const struct locum_print_table *table, const json_t *node)
{
    const bool ipv4 = has_lost(node, "ipv4");
    const bool ipv6 = has_lost(node, "ipv6");
    locum_print_json(table->cells, node, locum_print_is(node, "role", "server") ? "{rank}" : "-");
    (void)fputs(ipv4 && ipv6 ? " (no ipv4, ipv6)\t"
                : ipv4       ? " (no ipv4)\t"
                : ipv6       ? " (no ipv6)\t"
                             : "\t",
                table->cells);
}

static void
dns_cell(const struct locum_print_table *table, const json_t *node)
{
    const json_t *dns = json_object_get(node, "dns");
    if (!json_is_object(dns) || locum_print_is(dns, "state", "none") ||
        locum_print_is(dns, "state", "unknown")) {
        cell(table, LOCUM_PLAIN, NULL, "-");
    } else {
        state_cell(table, dns, "state", "ok", LOCUM_RED);
    }
}

static void
node_row(const struct locum_print_table *table, const json_t *node)
{
    const json_t *admin = json_object_get(node, "admin");
    (void)fputs(json_is_true(json_object_get(node, "self")) ? "*\t" : "\t", table->cells);
    locum_print_json(table->cells, node, "{name}\t{role}\t");
    state_cell(table, node, "condition", "alive",
               locum_print_is(node, "condition", "down") ? LOCUM_RED : LOCUM_YELLOW);
    service_cell(table, node);
    state_cell(table, admin, "state", "ready", LOCUM_YELLOW);
    rank_cell(table, node);
    locum_print_json(table->cells, node, "{heard_ms.udp:age}\t{heard_ms.redis:age}\t");
    dns_cell(table, node);
    sentinel_cell(table, node);
    mirrorbits_cell(table, node);
}

/* What else there is to say about a node, a line each. */
static void
note_node(const json_t *node, const char *own_version, FILE *out)
{
    const char *version = json_string_value(json_object_get(node, "version"));
    const json_t *admin = json_object_get(node, "admin");
    if (json_is_string(json_object_get(node, "condition")) &&
        !locum_print_is(node, "condition", "alive") && !locum_print_is(node, "role", "sentinel")) {
        locum_print_json(out, node, "    {name}: {condition}[ since {since}][, votes: {votes}]\n");
    }
    if (has_lost(node, "ipv4")) {
        locum_print_json(out, node,
                         "    {name}: ipv4 lost[ since {families.ipv4.since}]"
                         "[, votes: {families.ipv4.votes}]\n");
    }
    if (has_lost(node, "ipv6")) {
        locum_print_json(out, node,
                         "    {name}: ipv6 lost[ since {families.ipv6.since}]"
                         "[, votes: {families.ipv6.votes}]\n");
    }
    if (json_is_object(admin) && !locum_print_is(admin, "state", "ready")) {
        locum_print_json(out, node,
                         "    {name}: {admin.state}[ for another {admin.left_ms:age}]"
                         "[, reason: {admin.reason}]; `locum ready` on {name} ends it\n");
    }
    if (json_is_true(json_object_get(node, "excluded"))) {
        locum_print_json(out, node,
                         "    {name} is excluded on this node: `locum include {name}` ends that\n");
    }
    if (version != NULL && own_version != NULL && strcmp(version, own_version) != 0) {
        locum_print_json(out, node, "    {name} runs version {version}, this node ");
        locum_print_text(out, own_version);
        (void)fputc('\n', out);
    }
}

/* Too few nodes have the family for a vote: the status would not show a break that the node itself
 * does not notice (FAMILY-7). */
static void
note_votes_in(const json_t *nodes, const char *family, FILE *out)
{
    size_t i;
    const json_t *node;
    json_array_foreach(nodes, i, node)
    {
        const json_t *families = json_object_get(node, "families");
        if (locum_print_is(node, "role", "server") &&
            json_is_object(json_object_get(families, "ipv4")) &&
            json_is_object(json_object_get(families, "ipv6")) &&
            json_is_false(json_object_get(json_object_get(families, family), "votable"))) {
            (void)fprintf(
                out,
                "    %s: too few nodes have it, so peers cannot vote on its loss; only the "
                "node that lost it can report that\n",
                family);
            return;
        }
    }
}

static void
show_nodes(const json_t *nodes, const struct locum_print *print)
{
    const char *own_version = NULL;
    size_t i;
    const json_t *node;
    show_table(
        print,
        "nodes (*: this node; RANK: A (best) to G (worst), see locum(8);\n"
        "       UDP, REDIS: age of the last heartbeat by that path;\n"
        "       DNS: ok, or how it fails, as this node sees it;\n"
        "       SENTINELS: ok, or which Sentinels report its Redis and Sentinel down)",
        nodes,
        "\tNODE\tROLE\tCONDITION\tSERVICE\tADMIN\tRANK\tUDP\tREDIS\tDNS\tSENTINELS\tMIRRORBITS",
        node_row, 0);
    json_array_foreach(nodes, i, node)
    {
        if (json_is_true(json_object_get(node, "self"))) {
            own_version = json_string_value(json_object_get(node, "version"));
        }
    }
    json_array_foreach(nodes, i, node)
    {
        note_node(node, own_version, print->out);
    }
    note_votes_in(nodes, "ipv4", print->out);
    note_votes_in(nodes, "ipv6", print->out);
}

static void
sentinel_row(const struct locum_print_table *table, const json_t *sentinel)
{
    const bool connected = json_is_true(json_object_get(sentinel, "connected"));
    const bool tilt = json_is_true(json_object_get(sentinel, "tilt"));
    const bool listed = json_string_value(json_object_get(sentinel, "unlisted_master")) == NULL;
    const bool votes = json_array_size(json_object_get(sentinel, "cannot_vote")) == 0;
    locum_print_json(table->cells, sentinel, "{address}\t{node}\t");
    cell(table, connected && !tilt && votes && listed ? LOCUM_GREEN : LOCUM_RED, sentinel,
         !connected ? "not connected[: {error}]"
         : tilt     ? "TILT[: {error}]"
         : !listed  ? "connected, names the unknown master {unlisted_master}"
         : votes    ? "connected[: {error}]"
                    : "connected, cannot vote on {cannot_vote/,}[: {error}]");
    locum_print_json(table->cells, sentinel, "{polled_ms:age}\t");
}

static void
check_row(const struct locum_print_table *table, const json_t *check)
{
    locum_print_json(table->cells, check, "{name}\t");
    state_cell(table, check, "state", "up", LOCUM_RED);
    locum_print_json(table->cells, check, "{last}\t{since}\t");
}

static void
certificate_row(const struct locum_print_table *table, const json_t *certificate)
{
    const json_t *left = json_object_get(certificate, "left_days");
    const bool refused = json_is_string(json_object_get(certificate, "error"));
    locum_print_json(table->cells, certificate, "{name}\t");
    cell(table, refused || json_integer_value(left) < 0 ? LOCUM_RED : LOCUM_GREEN, certificate,
         refused              ? "refused: {error}"
         : json_is_null(left) ? "not seen yet"
                              : "valid");
    locum_print_json(table->cells, certificate,
                     json_is_null(left) ? "-\t{check}\t" : "{expires} ({left_days} d)\t{check}\t");
}

/* The members of the items of an array, with ", " between them. */
static void
add_list(FILE *out, const json_t *items, const char *template)
{
    size_t i;
    const json_t *item;
    json_array_foreach(items, i, item)
    {
        (void)fputs(i == 0 ? "" : ", ", out);
        locum_print_json(out, item, template);
    }
}

/* A zone that is not to be signed has no row. */
static void
dnssec_row(const struct locum_print_table *table, const json_t *zone)
{
    const json_t *dnssec = json_object_get(zone, "dnssec");
    const json_t *ds = json_object_get(dnssec, "ds");
    const bool mismatch = locum_print_is(ds, "state", "mismatch");
    locum_print_json(table->cells, zone, "{name}\t");
    if (json_is_true(json_object_get(dnssec, "signed"))) {
        add_list(table->cells, json_object_get(dnssec, "keys"), "{algorithm} {tag}");
        (void)fputc('\t', table->cells);
    } else {
        cell(table, LOCUM_RED, NULL, "not signed");
    }
    locum_print_table_colour(table, mismatch                            ? LOCUM_RED
                                    : locum_print_is(ds, "state", "ok") ? LOCUM_GREEN
                                                                        : LOCUM_YELLOW);
    locum_print_json(table->cells, ds, "{state}");
    if (mismatch) {
        (void)fputs(" (", table->cells);
        add_list(table->cells, json_object_get(ds, "tags"), "{}");
        (void)fputc(')', table->cells);
    }
    locum_print_json(table->cells, ds, "[, no answer since {failing_since}]\t");
    locum_print_json(table->cells, dnssec, "{valid_until}\t");
}

static void
show_signed_zones(const json_t *zones, const struct locum_print *print)
{
    json_t *list = json_array();
    size_t i;
    json_t *zone;
    json_array_foreach(zones, i, zone)
    {
        if (json_is_object(json_object_get(zone, "dnssec"))) {
            (void)json_array_append(list, zone);
        }
    }
    if (json_array_size(list) > 0) {
        show_table(print, "signed zones (DS: what the parent has; none: no DS, see `locum ds`)",
                   list, "ZONE\tSIGNED WITH\tDS\tVALID UNTIL", dnssec_row, 2);
    }
    json_decref(list);
}

static void
name_row(const struct locum_print_table *table, const json_t *name)
{
    locum_print_json(table->cells, name,
                     "{name}\t{type}\t{ttl_s}\t{answers/ }\t{nodes/,}\t{reason}\t");
}

static void
show_next_loss(const json_t *losses, const struct locum_print *print)
{
    size_t i;
    const json_t *loss;
    if (!json_is_array(losses)) {
        return;
    }
    section(print, "if one more node fails");
    if (json_array_size(losses) == 0) {
        (void)fputs("  every name still has a healthy answer\n", print->out);
    }
    json_array_foreach(losses, i, loss)
    {
        locum_print_json(print->out, loss,
                         json_is_true(json_object_get(loss, "by_configuration"))
                             ? "  without {node}, lost (by configuration, not by a fault): "
                               "{lost}\n"
                             : "  without {node}, lost: {lost}\n");
    }
}

size_t
locum_show_degraded(const json_t *status)
{
    const json_t *degraded = json_object_get(status, "degraded");
    return json_is_array(degraded) ? json_array_size(degraded) : 1;
}

/* What the daemon says of it all. */
static void
show_verdict(const json_t *status, const struct locum_print *print)
{
    const json_t *degraded = json_object_get(status, "degraded");
    const bool well = locum_print_is(status, "summary", "OK");
    size_t i;
    const json_t *item;
    json_array_foreach(degraded, i, item)
    {
        locum_print_in(print, LOCUM_RED, NULL, "degraded: ");
        locum_print_json(print->out, item, "{text}\n");
    }
    if (!json_is_array(degraded)) {
        locum_print_in(print, LOCUM_RED, NULL, "degraded: the daemon does not report its state");
        (void)fputc('\n', print->out);
    } else if (i == 0) {
        locum_print_in(print, well ? LOCUM_GREEN : LOCUM_YELLOW, status, "{summary}");
        (void)fputc('\n', print->out);
    }
}

void
locum_show_status(const json_t *status, const struct locum_print *print)
{
    const json_t *sentinels = json_object_get(status, "sentinels");
    const json_t *checks = json_object_get(status, "checks");
    const json_t *certificates = json_object_get(status, "certificates");
    const json_t *warnings = json_object_get(status, "warnings");
    size_t i;
    const json_t *warning;
    show_head(status, print);
    show_nodes(json_object_get(status, "nodes"), print);
    if (json_array_size(sentinels) > 0) {
        show_table(print, "sentinels", sentinels, "SENTINEL\tNODE\tSTATE\tPOLLED", sentinel_row, 2);
    }
    if (json_array_size(checks) > 0) {
        show_table(print, "checks of this node's service", checks, "CHECK\tSTATE\tLAST\tSINCE",
                   check_row, 2);
    }
    if (json_array_size(certificates) > 0) {
        show_table(print, "certificates", certificates, "NAME\tSTATE\tENDS\tCHECK", certificate_row,
                   2);
    }
    show_signed_zones(json_object_get(status, "zones"), print);
    show_table(print, "answers of this node", json_object_get(status, "names"),
               "NAME\tTYPE\tTTL\tANSWER\tNODES\tREASON", name_row, 2);
    if (json_object_get(status, "acme") != NULL) {
        locum_print_json(print->out, json_object_get(status, "acme"),
                         "\nvalues of ACME challenges answered now: {values}\n");
    }
    show_next_loss(json_object_get(status, "next_loss"), print);
    if (json_array_size(warnings) > 0) {
        section(print, "warnings");
    }
    json_array_foreach(warnings, i, warning)
    {
        (void)fputs("  ", print->out);
        locum_print_in(print, LOCUM_YELLOW, warning, "{}");
        (void)fputc('\n', print->out);
    }
    (void)fputc('\n', print->out);
    show_verdict(status, print);
}

void
locum_show_explain(const json_t *explain, const struct locum_print *print)
{
    const bool supposed = json_is_string(json_object_get(explain, "supposed"));
    struct locum_print_table table;
    size_t i;
    const json_t *item;
    locum_print_in(print, LOCUM_BOLD, explain, "{name}");
    locum_print_json(print->out, explain, "[ if {supposed}]\n");
    json_array_foreach(json_object_get(explain, "lines"), i, item)
    {
        locum_print_json(print->out, item, "  {}\n");
    }
    (void)fputs(supposed ? "would be answered\n" : "is answered\n", print->out);
    if (!locum_print_table_open(&table)) {
        return;
    }
    json_array_foreach(json_object_get(explain, "answers"), i, item)
    {
        locum_print_json(table.cells, item, "{type}\t{answers/ }\tof {nodes/,}\tttl {ttl_s}\t");
        locum_print_table_colour(&table, LOCUM_BOLD);
        locum_print_json(table.cells, item, "{reason}\t\n");
    }
    locum_print_table_close(&table, print, 2);
}

static void
show_field(FILE *out, const char *key, const json_t *value)
{
    const char *text = json_string_value(value);
    const bool quoted = text != NULL && strchr(text, ' ') != NULL;
    (void)fputc(' ', out);
    locum_print_text(out, key);
    locum_print_json(out, value, quoted ? "=\"{}\"" : "={}");
}

void
locum_show_events(const json_t *events, const struct locum_print *print)
{
    size_t i;
    const json_t *event;
    json_array_foreach(json_object_get(events, "events"), i, event)
    {
        json_t *fields = json_object_get(event, "fields");
        const char *key;
        json_t *value;
        locum_print_json(print->out, event, "{time} ");
        locum_print_in(print, LOCUM_BOLD, fields, "{event}");
        json_object_foreach(fields, key, value)
        {
            if (strcmp(key, "event") != 0) {
                show_field(print->out, key, value);
            }
        }
        (void)fputc('\n', print->out);
    }
}
