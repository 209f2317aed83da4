/* The status page: answers, what one more loss would cost, checks, Sentinels, events. */
#include <string.h>

#include "base/text_format.h"
#include "report/page_section.h"

enum {
    ANSWERS_BYTES = 256 * 1024,
    LIST_BYTES = 64 * 1024,
    EVENTS_SHOWN = 20,
};

/* A section with a table. headings: separated by '|'. */
static void
open_table(struct locum_page *page, const char *id, const char *title, const char *headings)
{
    struct locum_text *text = &page->text;
    struct locum_slice rest = locum_slice_of(headings);
    struct locum_slice heading;
    locum_text_format(text,
                      "<section id=\"%s\">\n<h2 id=\"%s-title\">%s</h2>\n"
                      "<table aria-labelledby=\"%s-title\">\n<thead><tr>",
                      id, id, title, id);
    while (locum_slice_cut(&rest, '|', &heading)) {
        locum_text_format(text, "<th scope=\"col\">%.*s</th>", LOCUM_SLICE(heading));
    }
    locum_text_add(text, "</tr></thead>\n<tbody>\n");
}

static void
close_table(struct locum_page *page)
{
    locum_text_add(&page->text, "</tbody>\n</table>\n</section>\n");
}

/* As it is while every server works? */
static bool
is_usual(const json_t *answer)
{
    const char *reason = json_string_value(json_object_get(answer, "reason"));
    return reason != NULL && (strcmp(reason, "self") == 0 || strcmp(reason, "owner") == 0 ||
                              strncmp(reason, "all", 3) == 0);
}

static bool
answer_row(struct locum_page *page, const json_t *answer)
{
    locum_html_fill(&page->text, answer,
                    "<tr><th scope=\"row\">{name} <small>{type}, TTL {ttl_s} s</small></th>"
                    "<td>{answers/, }</td><td>{nodes/, }</td><td>");
    locum_page_part_state(page, is_usual(answer) ? LOCUM_PAGE_PLAIN : LOCUM_PAGE_WARN, answer,
                          "{reason}");
    locum_text_add(&page->text, "</td></tr>\n");
    return true;
}

void
locum_page_section_answers(struct locum_page *page)
{
    const json_t *names = json_object_get(page->status, "names");
    open_table(page, "answers", "Answers of this node", "Name|Answer|Nodes|Reason");
    locum_page_part_items(page, names, answer_row, ANSWERS_BYTES, "<tr><td colspan=\"4\">",
                          "</td></tr>\n");
    close_table(page);
}

static bool
loss_item(struct locum_page *page, const json_t *loss)
{
    locum_text_add(&page->text, "<li>");
    locum_page_part_state(page, LOCUM_PAGE_WARN, loss,
                          json_is_true(json_object_get(loss, "by_configuration"))
                              ? "Without {node}, lost (by configuration, not by a fault): {lost}"
                              : "Without {node}, lost: {lost}");
    locum_text_add(&page->text, "</li>\n");
    return true;
}

void
locum_page_section_next_loss(struct locum_page *page)
{
    const json_t *losses = json_object_get(page->status, "next_loss");
    struct locum_text *text = &page->text;
    locum_text_add(text, "<section id=\"next-loss\">\n<h2>If one more node fails</h2>\n");
    if (!json_is_array(losses)) {
        locum_text_add(text, "<p>Not known.</p>\n");
    } else if (json_array_size(losses) == 0) {
        locum_text_add(text, "<p>");
        locum_page_part_state(page, LOCUM_PAGE_GOOD, NULL,
                              "Every name still has a healthy answer.");
        locum_text_add(text, "</p>\n");
    } else {
        locum_text_add(text, "<ul>\n");
        locum_page_part_items(page, losses, loss_item, LIST_BYTES, "<li>", "</li>\n");
        locum_text_add(text, "</ul>\n");
    }
    locum_text_add(text, "</section>\n");
}

static bool
check_row(struct locum_page *page, const json_t *check)
{
    const enum locum_page_level level = locum_page_part_is(check, "state", "up") ? LOCUM_PAGE_GOOD
                                        : locum_page_part_is(check, "state", "unknown")
                                            ? LOCUM_PAGE_WARN
                                            : LOCUM_PAGE_BAD;
    locum_html_fill(&page->text, check, "<tr><th scope=\"row\">{name}</th><td>");
    locum_page_part_state(page, level, check, "{state}");
    locum_html_fill(&page->text, check, "</td><td>{last}</td><td>{since:time}</td></tr>\n");
    return true;
}

void
locum_page_section_checks(struct locum_page *page)
{
    const json_t *checks = json_object_get(page->status, "checks");
    if (json_array_size(checks) > 0) {
        open_table(page, "checks", "Checks of this node's service", "Check|State|Last|Since (UTC)");
        locum_page_part_items(page, checks, check_row, LIST_BYTES, "<tr><td colspan=\"4\">",
                              "</td></tr>\n");
        close_table(page);
    }
}

static bool
certificate_row(struct locum_page *page, const json_t *certificate)
{
    const json_t *left = json_object_get(certificate, "left_days");
    const bool refused = json_is_string(json_object_get(certificate, "error"));
    const bool unseen = json_is_null(left) && !refused;
    locum_html_fill(&page->text, certificate, "<tr><th scope=\"row\">{name}</th><td>");
    locum_page_part_state(page,
                          refused  ? LOCUM_PAGE_BAD
                          : unseen ? LOCUM_PAGE_WARN
                                   : LOCUM_PAGE_GOOD,
                          certificate,
                          refused  ? "refused: {error}"
                          : unseen ? "not seen yet"
                                   : "valid");
    locum_html_fill(&page->text, certificate, "</td><td>");
    if (!json_is_null(left)) {
        locum_html_fill(&page->text, certificate, "{expires:time}, {left_days} days left");
    }
    locum_html_fill(&page->text, certificate, "</td><td>{check}</td></tr>\n");
    return true;
}

void
locum_page_section_certificates(struct locum_page *page)
{
    const json_t *certificates = json_object_get(page->status, "certificates");
    if (json_array_size(certificates) > 0) {
        open_table(page, "certificates", "Certificates of this node",
                   "Name|State|Ends (UTC)|Check");
        locum_page_part_items(page, certificates, certificate_row, LIST_BYTES,
                              "<tr><td colspan=\"4\">", "</td></tr>\n");
        close_table(page);
    }
}

static bool
sentinel_row(struct locum_page *page, const json_t *sentinel)
{
    const bool connected = json_is_true(json_object_get(sentinel, "connected"));
    const bool tilt = json_is_true(json_object_get(sentinel, "tilt"));
    const bool listed = !json_is_string(json_object_get(sentinel, "unlisted_master"));
    const bool votes = json_array_size(json_object_get(sentinel, "cannot_vote")) == 0;
    locum_html_fill(&page->text, sentinel,
                    "<tr><th scope=\"row\">{address}[ <small>{node}</small>]</th><td>");
    locum_page_part_state(
        page, connected && !tilt && votes && listed ? LOCUM_PAGE_GOOD : LOCUM_PAGE_BAD, sentinel,
        !connected ? "not connected[: {error}]"
        : tilt     ? "TILT[: {error}]"
        : !listed  ? "connected, names the unknown master {unlisted_master}"
        : votes    ? "connected[: {error}]"
                   : "connected, cannot vote on {cannot_vote/, }[: {error}]");
    locum_html_fill(&page->text, sentinel, "</td><td>{polled_ms:age}</td></tr>\n");
    return true;
}

void
locum_page_section_sentinels(struct locum_page *page)
{
    const json_t *sentinels = json_object_get(page->status, "sentinels");
    if (json_array_size(sentinels) > 0) {
        open_table(page, "sentinels", "Sentinels", "Sentinel|State|Polled");
        locum_page_part_items(page, sentinels, sentinel_row, LIST_BYTES, "<tr><td colspan=\"3\">",
                              "</td></tr>\n");
        close_table(page);
    }
}

static bool
event_row(struct locum_page *page, const json_t *event)
{
    struct locum_text *text = &page->text;
    json_t *fields = json_object_get(event, "fields");
    const char *key;
    json_t *value;
    locum_html_fill(text, event,
                    "<tr><th scope=\"row\">{time:time}</th><td>{fields.event}</td><td>");
    json_object_foreach(fields, key, value)
    {
        if (strcmp(key, "event") != 0 && strcmp(key, "node") != 0) {
            locum_text_add(text, "<span><i>");
            locum_html_add(text, key);
            locum_html_fill(text, value, "</i> {}</span> ");
        }
    }
    locum_text_add(text, "</td></tr>\n");
    return true;
}

void
locum_page_section_events(struct locum_page *page, const struct locum_events *events)
{
    json_t *newest = locum_events_newest(events, EVENTS_SHOWN);
    open_table(page, "events", "Last events, newest first", "Time (UTC)|Event|Details");
    locum_page_part_items(page, newest, event_row, LIST_BYTES, "<tr><td colspan=\"3\">",
                          "</td></tr>\n");
    close_table(page);
    json_decref(newest);
}
