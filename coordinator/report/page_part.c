#include "report/page_part.h"

#include <string.h>

#include "base/text_format.h"

enum { MORE_BYTES = 256 }; /* for the line of what is left out */

static const char *const classes[] = {[LOCUM_PAGE_PLAIN] = "plain",
                                      [LOCUM_PAGE_GOOD] = "good",
                                      [LOCUM_PAGE_WARN] = "warn",
                                      [LOCUM_PAGE_BAD] = "bad"};

const char *
locum_page_part_class(enum locum_page_level level)
{
    return classes[level];
}

bool
locum_page_part_is(const json_t *object, const char *key, const char *value)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text != NULL && strcmp(text, value) == 0;
}

void
locum_page_part_sign(struct locum_page *page, enum locum_page_level level)
{
    locum_text_format(&page->text,
                      "<svg class=\"sign\" aria-hidden=\"true\"><use href=\"#%s\"/></svg>",
                      classes[level]);
}

void
locum_page_part_state(struct locum_page *page, enum locum_page_level level, const json_t *json,
                      const char *template)
{
    locum_text_format(&page->text, "<span class=\"state %s\">", classes[level]);
    locum_page_part_sign(page, level);
    locum_html_fill(&page->text, json, template);
    locum_text_add(&page->text, "</span>");
}

void
locum_page_part_cut(struct locum_text *text, size_t length)
{
    text->length = length;
    text->at[length] = '\0';
    text->truncated = false;
}

void
locum_page_part_items(struct locum_page *page, const json_t *items, locum_page_part_item_fn *item,
                      size_t bytes_max, const char *before_more, const char *after_more)
{
    struct locum_text *text = &page->text;
    const size_t size = text->size;
    const size_t room = size - text->length;
    size_t i;
    const json_t *value;
    if (room > bytes_max + MORE_BYTES) {
        text->size = text->length + bytes_max;
    } else {
        text->size -= room > MORE_BYTES ? MORE_BYTES : 0;
    }
    json_array_foreach(items, i, value)
    {
        const size_t length = text->length;
        const bool shown = item(page, value);
        const bool truncated = text->truncated;
        if (!shown || truncated) {
            locum_page_part_cut(text, length);
        }
        if (truncated) {
            text->size = size;
            locum_text_format(text, "%s%zu more: see `locum status`%s", before_more,
                              json_array_size(items) - i, after_more);
            break;
        }
    }
    text->size = size;
}
