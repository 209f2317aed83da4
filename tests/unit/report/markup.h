/*
 * markup: is a document whole, and only the markup that the status page has? Stricter than any
 * browser: known elements only, each closed in order, attributes in double quotes, no bare < > & in
 * text. So text of others that became markup is found.
 */
#ifndef TESTS_UNIT_REPORT_MARKUP_H
#define TESTS_UNIT_REPORT_MARKUP_H

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define MARKUP_NAMES                                                                               \
    " html head meta noscript title style body svg symbol circle path use p main header h1 h2 h3 " \
    "small time section span ul li dl div dt dd article table thead tbody tr th td i footer a "    \
    "script details summary rect b "
#define MARKUP_ATTRIBUTES                                                                          \
    " lang charset name content http-equiv class aria-hidden aria-labelledby aria-label id role "  \
    "hidden viewBox cx cy r fill fill-rule stroke stroke-width d href datetime scope colspan x y " \
    "width height preserveAspectRatio tabindex "

enum { MARKUP_DEPTH = 32, MARKUP_NAME = 24 };

static inline bool
markup_knows(const char *names, const char *name)
{
    char with_blanks[MARKUP_NAME + 4];
    (void)snprintf(with_blanks, sizeof(with_blanks), " %s ", name);
    return strstr(names, with_blanks) != NULL;
}

/* Text up to `end`: no markup, and & only before one of these. */
static inline bool
markup_is_text(const char *at, const char *end)
{
    static const char *const entities[] = {"&amp;", "&lt;", "&gt;", "&quot;", "&#39;"};
    for (; at < end; at++) {
        bool entity = *at != '&';
        for (size_t i = 0; i < sizeof(entities) / sizeof(entities[0]); i++) {
            entity = entity || strncmp(at, entities[i], strlen(entities[i])) == 0;
        }
        if (!entity || *at == '<' || *at == '>' || *at == '"' ||
            ((unsigned char)*at < ' ' && *at != '\n')) {
            return false;
        }
    }
    return true;
}

static inline const char *
markup_name(const char *at, char ret[MARKUP_NAME + 1])
{
    const size_t length =
        strspn(at, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-");
    (void)snprintf(ret, MARKUP_NAME + 1, "%.*s", (int)length, at);
    return at + length;
}

/* Attributes, up to the '>'. NULL: not well formed. */
static inline const char *
markup_attributes(const char *at)
{
    char name[MARKUP_NAME + 1];
    while (*at == ' ') {
        at = markup_name(at + 1, name);
        if (!markup_knows(MARKUP_ATTRIBUTES, name)) {
            return NULL;
        }
        if (*at == '=') {
            const char *end = at[1] == '"' ? strchr(at + 2, '"') : NULL;
            if (end == NULL || !markup_is_text(at + 2, end)) {
                return NULL;
            }
            at = end + 1;
        }
    }
    return at;
}

/* One tag. `depth` elements are open. Returns what follows; NULL: not well formed. */
static inline const char *
markup_tag(const char *at, char open[MARKUP_DEPTH][MARKUP_NAME + 1], size_t *depth)
{
    char name[MARKUP_NAME + 1];
    const bool closes = at[1] == '/';
    at = markup_name(at + (closes ? 2 : 1), name);
    if (closes) {
        return *at == '>' && *depth > 0 && strcmp(open[--*depth], name) == 0 ? at + 1 : NULL;
    }
    at = markup_knows(MARKUP_NAMES, name) ? markup_attributes(at) : NULL;
    if (at == NULL) {
        return NULL;
    }
    if (at[0] == '/' && at[1] == '>') {
        return at + 2;
    }
    if (*at != '>' || *depth == MARKUP_DEPTH) {
        return NULL;
    }
    if (strcmp(name, "style") == 0 || strcmp(name, "script") == 0) { /* no markup in it */
        char end[MARKUP_NAME + 4];
        (void)snprintf(end, sizeof(end), "</%s>", name);
        at = strstr(at, end);
        return at != NULL ? at + strlen(end) : NULL;
    }
    if (strcmp(name, "meta") != 0) {
        (void)strcpy(open[(*depth)++], name);
    }
    return at + 1;
}

/* Where it is not well formed; NULL: it is. */
static inline const char *
markup_wrong(const char *html)
{
    static const char doctype[] = "<!DOCTYPE html>\n";
    static char open[MARKUP_DEPTH][MARKUP_NAME + 1];
    size_t depth = 0;
    const char *at = html;
    if (strncmp(at, doctype, strlen(doctype)) != 0) {
        return at;
    }
    for (at += strlen(doctype); *at != '\0';) {
        const char *end = at + strcspn(at, "<");
        if (!markup_is_text(at, end)) {
            return at;
        }
        at = end;
        const char *next = *at == '<' ? markup_tag(at, open, &depth) : at;
        if (next == NULL) {
            return at;
        }
        at = next;
    }
    return depth == 0 ? NULL : at;
}

#endif
