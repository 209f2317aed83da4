#include "report/page.h"

#include <stdlib.h>
#include <string.h>

#include "base/text_format.h"
#include "report/page_files.h"
#include "report/page_part.h"
#include "report/page_section.h"

enum { LIST_BYTES = 64 * 1024, POLICY_BYTES = 512 };

/* The signs of the levels. They differ in shape, not only in colour. */
static const char signs[] =
    "<svg class=\"signs\" aria-hidden=\"true\"><symbol id=\"plain\" viewBox=\"0 0 16 16\">"
    "<circle cx=\"8\" cy=\"8\" r=\"5.5\" fill=\"none\" stroke=\"currentColor\" "
    "stroke-width=\"2\"/></symbol>"
    "<symbol id=\"good\" viewBox=\"0 0 16 16\"><path fill=\"none\" stroke=\"currentColor\" "
    "stroke-width=\"3\" d=\"M2 9l4 4 8-10\"/></symbol>"
    "<symbol id=\"warn\" viewBox=\"0 0 16 16\"><path fill=\"currentColor\" fill-rule=\"evenodd\" "
    "d=\"M8 1l8 14H0zM7 6v4h2V6zM7 11.5v2h2v-2z\"/></symbol>"
    "<symbol id=\"bad\" viewBox=\"0 0 16 16\"><path fill=\"none\" stroke=\"currentColor\" "
    "stroke-width=\"3.5\" d=\"M2.5 2.5l11 11M13.5 2.5l-11 11\"/></symbol></svg>\n";

static bool
degraded_item(struct locum_page *page, const json_t *item)
{
    locum_html_fill(&page->text, item, "<li>{text}</li>\n");
    return true;
}

static bool
warning_item(struct locum_page *page, const json_t *item)
{
    locum_html_fill(&page->text, item, "<li>{}</li>\n");
    return true;
}

static enum locum_page_level
level_of(const json_t *status)
{
    return json_array_size(json_object_get(status, "degraded")) > 0 ? LOCUM_PAGE_BAD
           : locum_page_part_is(status, "summary", "OK")            ? LOCUM_PAGE_GOOD
                                                                    : LOCUM_PAGE_WARN;
}

/* The words of the summary; the public one does not say what the reasons are. */
static const char *
verdict_of(const struct locum_page *page)
{
    const enum locum_page_level level = level_of(page->status);
    return level == LOCUM_PAGE_BAD ? "Degraded" : page->everyone ? "OK" : "{summary}";
}

/* The bad things first. */
static void
add_verdict(struct locum_page *page)
{
    struct locum_text *text = &page->text;
    const bool public_ok = page->everyone && level_of(page->status) == LOCUM_PAGE_WARN;
    const enum locum_page_level level = public_ok ? LOCUM_PAGE_GOOD : level_of(page->status);
    locum_text_format(text, "<section id=\"verdict\" class=\"%s\">\n<h2>",
                      locum_page_part_class(level));
    locum_page_part_sign(page, level);
    locum_text_add(text, "<span id=\"summary\">");
    locum_html_fill(text, page->status, verdict_of(page));
    locum_text_add(text, "</span></h2>\n");
    if (level == LOCUM_PAGE_BAD && !page->everyone) {
        locum_text_add(text, "<ul>\n");
        locum_page_part_items(page, json_object_get(page->status, "degraded"), degraded_item,
                              LIST_BYTES, "<li>", "</li>\n");
        locum_text_add(text, "</ul>\n");
    }
    locum_text_add(text, "</section>\n");
}

static void
add_warnings(struct locum_page *page)
{
    const json_t *warnings = json_object_get(page->status, "warnings");
    if (json_array_size(warnings) == 0) {
        return;
    }
    locum_text_add(&page->text, "<section id=\"warnings\" class=\"warn\">\n<h2>");
    locum_page_part_sign(page, LOCUM_PAGE_WARN);
    locum_text_add(&page->text, "Warnings</h2>\n<ul>\n");
    locum_page_part_items(page, warnings, warning_item, LIST_BYTES, "<li>", "</li>\n");
    locum_text_add(&page->text, "</ul>\n</section>\n");
}

/* NSD has port 53, and locum-nsd feeds it this zone. */
static bool
nsd_item(struct locum_page *page, const json_t *zone)
{
    const json_t *nsd = json_object_get(zone, "nsd");
    const bool wrong = json_is_string(json_object_get(nsd, "error"));
    const bool warned = json_is_string(json_object_get(nsd, "warning"));
    if (!json_is_object(nsd)) {
        return false;
    }
    locum_html_fill(&page->text, zone, "<div><dt>NSD, {name}</dt><dd>");
    locum_page_part_state(page,
                          wrong    ? LOCUM_PAGE_BAD
                          : warned ? LOCUM_PAGE_WARN
                                   : LOCUM_PAGE_GOOD,
                          nsd,
                          "{state}[, serial {serial}][, last change took {lag_ms:age}][: {error}]"
                          "[: {warning}]");
    locum_text_add(&page->text, "</dd></div>\n");
    return true;
}

/* A zone that is signed here. */
static bool
dnssec_item(struct locum_page *page, const json_t *zone)
{
    const json_t *dnssec = json_object_get(zone, "dnssec");
    const json_t *ds = json_object_get(dnssec, "ds");
    const char *state = json_string_value(json_object_get(ds, "state"));
    const bool on = json_is_true(json_object_get(dnssec, "signed"));
    const bool ending = json_is_true(json_object_get(dnssec, "ending"));
    if (!json_is_object(dnssec) || state == NULL) {
        return false;
    }
    locum_html_fill(&page->text, zone, "<div><dt>DNSSEC, {name}</dt><dd>");
    locum_page_part_state(
        page,
        !on || ending || strcmp(state, "mismatch") == 0 ? LOCUM_PAGE_BAD
        : strcmp(state, "ok") == 0                      ? LOCUM_PAGE_GOOD
                                                        : LOCUM_PAGE_WARN,
        dnssec,
        on ? "DS at the parent: {ds.state}[, no answer since "
             "{ds.failing_since:time} UTC][: {ds.error}][; signed until {valid_until:time} UTC]"
           : "not signed");
    locum_text_add(&page->text, "</dd></div>\n");
    return true;
}

/* What this node says of itself. */
static void
add_facts(struct locum_page *page)
{
    struct locum_text *text = &page->text;
    const json_t *redis = json_object_get(page->status, "redis");
    locum_text_add(text, "<dl id=\"facts\">\n");
    locum_html_fill(text, page->status, "<div><dt>This node serves</dt><dd>{serving}</dd></div>\n");
    if (!page->everyone) {
        locum_html_fill(text, page->status,
                        "<div><dt>Quorum</dt><dd>needs {quorum.needed} votes; {quorum.reachable} "
                        "available</dd></div>\n<div><dt>Redis</dt><dd>");
        locum_page_part_state(
            page,
            !json_is_object(redis)                              ? LOCUM_PAGE_PLAIN
            : json_is_true(json_object_get(redis, "connected")) ? LOCUM_PAGE_GOOD
                                                                : LOCUM_PAGE_BAD,
            redis,
            !json_is_object(redis) ? "not configured"
            : json_is_true(json_object_get(redis, "connected"))
                ? "connected[ to {master}][: {error}]"
                : "not connected[, last master {master}][ since {since:time} UTC][: "
                  "{error}]");
        locum_html_fill(
            text, page->status,
            "</dd></div>\n<div><dt>DNS queries</dt><dd>[{dns.queries_per_s} per second, ]"
            "{dns.queries} since the start</dd></div>\n");
        locum_page_part_items(page, json_object_get(page->status, "zones"), nsd_item, LIST_BYTES,
                              "<div><dd>", "</dd></div>\n");
        locum_page_part_items(page, json_object_get(page->status, "zones"), dnssec_item, LIST_BYTES,
                              "<div><dd>", "</dd></div>\n");
    }
    locum_text_add(text, "</dl>\n");
}

/* The name of the node: a witness is not for everyone. */
static const char *
reporter_of(const struct locum_page *page, const struct locum_report *report)
{
    const struct locum_core_config *config = &report->core->config;
    return page->everyone && config->nodes[config->self].role != LOCUM_ROLE_SERVER
               ? "{cluster}"
               : "{cluster} <small>as {node} sees it</small>";
}

static void
add_head(struct locum_page *page, const struct locum_report *report)
{
    struct locum_text *text = &page->text;
    locum_text_add(text,
                   "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                   "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
                   "<meta name=\"color-scheme\" content=\"light dark\">\n"
                   "<noscript><meta http-equiv=\"refresh\" content=\"15\"></noscript>\n<title>");
    locum_html_fill(text, page->status, verdict_of(page));
    locum_html_fill(text, page->status, ": {cluster}");
    locum_text_add(text, "</title>\n<style>");
    locum_text_add(text, locum_page_files_css);
    locum_text_add(text, "</style>\n</head>\n<body>\n");
    locum_text_add(text, signs);
    locum_text_add(text,
                   "<p id=\"stale\" role=\"alert\" hidden></p>\n"
                   "<p id=\"said\" class=\"unseen\" role=\"status\"></p>\n<main>\n<header>\n<h1>");
    locum_html_fill(text, page->status, reporter_of(page, report));
    const struct locum_text_value now = locum_text_time(report->now.wall);
    locum_text_format(text,
                      "</h1>\n<p>As of <time id=\"now\" datetime=\"%s\">%.10s %.8s UTC</time></p>\n"
                      "</header>\n",
                      now.text, now.text, now.text + 11);
}

static void
add_foot(struct locum_page *page)
{
    struct locum_text *text = &page->text;
    locum_text_add(text, "<footer>\n<p>");
    if (!page->everyone) {
        locum_html_fill(text, page->status,
                        "Locum {version}, up {uptime_ms:age}, SOA serial {dns.serial}. The same as "
                        "data: <a id=\"to-status\" href=\"status\">status</a>, <a id=\"to-events\" "
                        "href=\"events\">events</a>, <a id=\"to-metrics\" "
                        "href=\"metrics\">metrics</a>. ");
    }
    locum_text_add(text, "<noscript>This page is loaded again every 15 seconds.</noscript></p>\n"
                         "</footer>\n</main>\n<script>");
    locum_text_add(text, locum_page_files_js);
    locum_text_add(text, "</script>\n</body>\n</html>\n");
}

static void
add_document(struct locum_page *page, const struct locum_report *report)
{
    add_head(page, report);
    add_verdict(page);
    if (!page->everyone) {
        add_warnings(page);
    }
    add_facts(page);
    locum_page_section_nodes(page);
    locum_page_section_answers(page);
    if (!page->everyone) {
        locum_page_section_next_loss(page);
    }
    locum_page_section_timeline(page, report);
    if (!page->everyone) {
        locum_page_section_checks(page);
        locum_page_section_certificates(page);
        locum_page_section_sentinels(page);
        locum_page_section_events(page, report->events);
    }
    add_foot(page);
}

char *
locum_page_make(const struct locum_report *report, enum locum_page_readers readers)
{
    char *buffer = malloc(LOCUM_PAGE_BYTES_MAX);
    json_t *status = locum_report_status(report);
    bool whole = false;
    if (buffer != NULL && status != NULL) {
        struct locum_page page = {.text = locum_text_init(buffer, LOCUM_PAGE_BYTES_MAX),
                                  .status = status,
                                  .everyone = readers == LOCUM_PAGE_EVERYONE};
        add_document(&page, report);
        whole = !page.text.truncated;
    }
    json_decref(status);
    if (!whole) {
        free(buffer);
        return NULL;
    }
    return buffer;
}

const char *
locum_page_policy(void)
{
    static char policy[POLICY_BYTES];
    if (policy[0] == '\0') {
        (void)locum_text_format_buffer(
            policy, sizeof(policy),
            "default-src 'none'; style-src '%s'; script-src '%s'; connect-src 'self'; "
            "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
            locum_page_files_css_hash, locum_page_files_js_hash);
    }
    return policy;
}
