/* The status page: a card for each node. */
#include "base/text_format.h"
#include "report/page_section.h"

enum { CARDS_BYTES = 128 * 1024 };

static enum locum_page_level
worse(enum locum_page_level a, enum locum_page_level b)
{
    return a > b ? a : b;
}

static enum locum_page_level
condition_level(const json_t *node)
{
    return !json_is_string(json_object_get(node, "condition")) ? LOCUM_PAGE_PLAIN
           : locum_page_part_is(node, "condition", "alive")    ? LOCUM_PAGE_GOOD
           : locum_page_part_is(node, "condition", "down")     ? LOCUM_PAGE_BAD
                                                               : LOCUM_PAGE_WARN;
}

/* Is its service the last known one? */
static bool
is_silent(const json_t *node)
{
    return locum_page_part_is(node, "condition", "unknown") ||
           locum_page_part_is(node, "condition", "suspect") ||
           locum_page_part_is(node, "condition", "down");
}

static enum locum_page_level
service_level(const json_t *node)
{
    return is_silent(node)                                  ? LOCUM_PAGE_PLAIN
           : locum_page_part_is(node, "service", "up")      ? LOCUM_PAGE_GOOD
           : locum_page_part_is(node, "service", "failing") ? LOCUM_PAGE_BAD
                                                            : LOCUM_PAGE_WARN;
}

static enum locum_page_level
dns_level(const json_t *dns)
{
    return locum_page_part_is(dns, "state", "ok") ? LOCUM_PAGE_GOOD
           : locum_page_part_is(dns, "state", "none") || locum_page_part_is(dns, "state", "unknown")
               ? LOCUM_PAGE_PLAIN
               : LOCUM_PAGE_BAD;
}

static enum locum_page_level
mirrorbits_level(const json_t *mirrorbits)
{
    return locum_page_part_is(mirrorbits, "state", "ok")       ? LOCUM_PAGE_GOOD
           : locum_page_part_is(mirrorbits, "state", "unseen") ? LOCUM_PAGE_PLAIN
                                                               : LOCUM_PAGE_BAD;
}

/* A term and a state that describes it. */
static void
add_fact(struct locum_page *page, const char *term, enum locum_page_level level, const json_t *json,
         const char *template)
{
    locum_text_format(&page->text, "<div><dt>%s</dt><dd>", term);
    locum_page_part_state(page, level, json, template);
    locum_text_add(&page->text, "</dd></div>\n");
}

static void
add_family(struct locum_page *page, const json_t *node, const char *key, const char *term)
{
    const json_t *family = json_object_get(json_object_get(node, "families"), key);
    const bool lost = json_is_true(json_object_get(family, "lost"));
    const bool own = json_is_true(json_object_get(node, "self"));
    if (lost && page->everyone) {
        add_fact(page, term, LOCUM_PAGE_BAD, NULL, "lost");
    } else if (lost) {
        add_fact(page, term, LOCUM_PAGE_BAD, family,
                 "lost[ since {since:time} UTC][, votes: {votes/, }]");
    } else if (json_is_integer(json_object_get(family, "heard_ms")) && !own && !page->everyone) {
        add_fact(page, term, LOCUM_PAGE_PLAIN, family, "heard {heard_ms:age} ago");
    }
}

/* What the others hear of it, for operators. */
static void
add_contact(struct locum_page *page, const json_t *node)
{
    const json_t *down = json_object_get(node, "sentinel_down");
    const json_t *mirrorbits = json_object_get(node, "mirrorbits");
    const json_t *heard = json_object_get(node, "heard_ms");
    if (!json_is_true(json_object_get(node, "self")) &&
        !locum_page_part_is(node, "role", "sentinel")) {
        add_fact(page, "Heard by UDP", LOCUM_PAGE_PLAIN, node,
                 json_is_integer(json_object_get(heard, "udp")) ? "{heard_ms.udp:age} ago"
                                                                : "never");
        add_fact(page, "Heard by Redis", LOCUM_PAGE_PLAIN, node,
                 json_is_integer(json_object_get(heard, "redis")) ? "{heard_ms.redis:age} ago"
                                                                  : "never");
    }
    if (json_is_array(down)) {
        const bool none = json_array_size(down) == 0;
        add_fact(page, "Sentinels", none ? LOCUM_PAGE_GOOD : LOCUM_PAGE_BAD, node,
                 none ? "report it up" : "down: {sentinel_down/, }");
    }
    if (locum_page_part_is(node, "role", "server")) {
        add_fact(page, "Mirrorbits", mirrorbits_level(mirrorbits), mirrorbits,
                 locum_page_part_is(mirrorbits, "state", "ok") ? "{state}"
                                                               : "{state}[ for {heard_ms:age}]");
    }
}

/* The worst that its card says. */
static enum locum_page_level
card_level(const json_t *node)
{
    const bool changed = !locum_page_part_is(json_object_get(node, "admin"), "state", "ready") ||
                         json_is_true(json_object_get(node, "excluded"));
    const enum locum_page_level level =
        worse(condition_level(node), changed ? LOCUM_PAGE_WARN : LOCUM_PAGE_PLAIN);
    return locum_page_part_is(node, "role", "server")
               ? worse(level, worse(service_level(node), dns_level(json_object_get(node, "dns"))))
               : level;
}

static void
add_server(struct locum_page *page, const json_t *node)
{
    const json_t *admin = json_object_get(node, "admin");
    const json_t *dns = json_object_get(node, "dns");
    const bool ready = locum_page_part_is(admin, "state", "ready");
    add_fact(page, "Service", service_level(node), node,
             is_silent(node) && !locum_page_part_is(node, "service", "unknown") ? "was {service}"
                                                                                : "{service}");
    add_fact(page, "Admin", ready ? LOCUM_PAGE_PLAIN : LOCUM_PAGE_WARN, admin,
             page->everyone ? "{state}" : "{state}[ for another {left_ms:age}][: {reason}]");
    if (json_is_true(json_object_get(node, "excluded")) && !page->everyone) {
        add_fact(page, "Excluded", LOCUM_PAGE_WARN, node,
                 "on this node: `locum include {name}` ends that");
    }
    add_fact(page, "Rank", LOCUM_PAGE_PLAIN, node, "{rank} <small>of A (best) to G</small>");
    add_fact(page, "DNS from outside", dns_level(dns), dns, "{state}[, asked {asked_ms:age} ago]");
}

static bool
card(struct locum_page *page, const json_t *node)
{
    struct locum_text *text = &page->text;
    const bool server = locum_page_part_is(node, "role", "server");
    if (page->everyone && !server) {
        return false;
    }
    const enum locum_page_level level = card_level(node);
    locum_text_format(text, "<article class=\"%s\" ", locum_page_part_class(level));
    locum_html_fill(
        text, node,
        "aria-labelledby=\"node-{name}\">\n<h3 id=\"node-{name}\">{name} <small>{role}");
    locum_text_add(text, json_is_true(json_object_get(node, "self")) ? ", this node</small></h3>\n"
                                                                     : "</small></h3>\n");
    locum_text_add(text, "<p class=\"condition\">");
    locum_page_part_state(page, condition_level(node), node,
                          page->everyone || locum_page_part_is(node, "condition", "alive")
                              ? "[{condition}]"
                              : "{condition}[ since {since:time} UTC][, votes: {votes/, }]");
    locum_text_add(text, "</p>\n<dl>\n");
    if (server) {
        add_server(page, node);
    }
    add_family(page, node, "ipv4", "IPv4");
    add_family(page, node, "ipv6", "IPv6");
    if (!page->everyone) {
        add_contact(page, node);
        add_fact(page, "Version", LOCUM_PAGE_PLAIN, node, "{version}");
    }
    locum_text_add(text, "</dl>\n</article>\n");
    return true;
}

void
locum_page_section_nodes(struct locum_page *page)
{
    locum_text_add(&page->text, page->everyone ? "<section id=\"nodes\">\n<h2>Servers</h2>\n"
                                               : "<section id=\"nodes\">\n<h2>Nodes</h2>\n");
    locum_text_add(&page->text, "<div class=\"cards\">\n");
    locum_page_part_items(page, json_object_get(page->status, "nodes"), card, CARDS_BYTES, "<p>",
                          "</p>\n");
    locum_text_add(&page->text, "</div>\n</section>\n");
}
