#include "config/document.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "config/config.h"

static const struct locum_position whole_file = {0};

static struct locum_position
position_of(yaml_mark_t mark)
{
    return (struct locum_position){.line = (uint32_t)mark.line + 1,
                                   .column = (uint32_t)mark.column + 1};
}

struct locum_position
locum_document_at(const yaml_node_t *node)
{
    return position_of(node->start_mark);
}

struct locum_slice
locum_document_text(const yaml_node_t *node)
{
    if (node == NULL || node->type != YAML_SCALAR_NODE) {
        return (struct locum_slice){.at = ""};
    }
    return (struct locum_slice){.at = (const char *)node->data.scalar.value,
                                .length = node->data.scalar.length};
}

bool
locum_document_is_null(const yaml_node_t *node)
{
    const struct locum_slice text = locum_document_text(node);
    return node->type == YAML_SCALAR_NODE && node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
           (text.length == 0 || locum_slice_is(text, "~") || locum_slice_is(text, "null"));
}

/* False: no memory. */
static bool
parser_start(yaml_parser_t *parser, struct locum_slice bytes)
{
    if (!yaml_parser_initialize(parser)) {
        return false;
    }
    yaml_parser_set_encoding(parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(parser, (const unsigned char *)bytes.at, bytes.length);
    return true;
}

/* libyaml says what it expected. For its most common errors: what to do; else "". */
static const char *
advice_on(const char *problem)
{
    static const struct {
        const char *problem, *advice;
    } table[] = {
        {"did not find expected key",
         "; indent equal levels by equally many spaces, here and above"},
        {"did not find expected '-'",
         "; indent equal levels by equally many spaces, here and above"},
        {"mapping values are not allowed",
         "; indent equal levels alike, and quote a value that contains a colon and a space"},
        {"could not find expected ':'", "; write a space after the colon, here or one line above"},
        {"found a tab character", "; indent with spaces, not tabs"},
        {"found character that cannot start any token",
         "; indent with spaces, not tabs, and quote a value that begins with @, % or `"},
    };
    for (size_t i = 0; i < LOCUM_COUNT(table); i++) {
        if (strncmp(problem, table[i].problem, strlen(table[i].problem)) == 0) {
            return table[i].advice;
        }
    }
    return "";
}

static int
report_parser(const yaml_parser_t *parser, struct locum_slice bytes,
              struct locum_problems *problems)
{
    if (parser->error == YAML_MEMORY_ERROR) {
        return LOCUM_ERR_MEMORY;
    }
    struct locum_position at = position_of(parser->problem_mark);
    const char *problem = parser->problem != NULL ? parser->problem : "cannot be parsed";
    if (parser->error == YAML_READER_ERROR) {
        at = (struct locum_position){.line = 1, .column = 1}; /* it knows the offset, and no line */
        for (size_t i = 0; i < parser->problem_offset && i < bytes.length; i++) {
            const bool continued = ((uint8_t)bytes.at[i] & 0xc0) == 0x80; /* RFC 3629 3 */
            at.line += bytes.at[i] == '\n' ? 1 : 0;
            at.column = bytes.at[i] == '\n' ? 1 : at.column + (continued ? 0 : 1);
        }
        locum_problems_error(problems, at, "byte 0x%02x: %s; save the file as plain UTF-8 text",
                             (uint8_t)bytes.at[parser->problem_offset], problem);
    } else if (parser->context != NULL) {
        locum_problems_error(problems, at, "not YAML: %s, %s that begins at line %zu%s", problem,
                             parser->context, parser->context_mark.line + 1, advice_on(problem));
    } else {
        locum_problems_error(problems, at, "not YAML: %s%s", problem, advice_on(problem));
    }
    return LOCUM_ERR_INVALID;
}

struct scan {
    bool foreign;
    size_t depth;
    size_t documents;
    size_t references; /* anchors and aliases */
};

/* What is wrong with a file that may say anything to its own program: it would cost too much. */
static const char *
scan_foreign(const struct scan *scan)
{
    return scan->depth > LOCUM_FOREIGN_DEPTH_MAX ? "nested deeper than 16 levels"
           : scan->references > LOCUM_FOREIGN_REFERENCES_MAX
               ? "more than 8 anchors and aliases; write the values themselves"
               : NULL;
}

/* What is wrong with this event, or NULL. Counts it. */
static const char *
scan_event(const yaml_event_t *event, struct scan *scan)
{
    const yaml_char_t *anchor = NULL;
    const yaml_char_t *tag = NULL;
    bool alias = false;
    switch (event->type) {
    case YAML_SCALAR_EVENT:
        anchor = event->data.scalar.anchor;
        tag = event->data.scalar.tag;
        break;
    case YAML_SEQUENCE_START_EVENT:
        scan->depth++;
        anchor = event->data.sequence_start.anchor;
        tag = event->data.sequence_start.tag;
        break;
    case YAML_MAPPING_START_EVENT:
        scan->depth++;
        anchor = event->data.mapping_start.anchor;
        tag = event->data.mapping_start.tag;
        break;
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT: scan->depth--; break;
    case YAML_DOCUMENT_START_EVENT: scan->documents++; break;
    case YAML_ALIAS_EVENT: alias = true; break;
    default: break;
    }
    scan->references += anchor != NULL || alias ? 1 : 0;
    if (scan->foreign) {
        return scan_foreign(scan);
    }
    return alias ? "aliases (*) are not allowed; write the value itself"
           : scan->documents > 1
               ? "a second document begins here; a configuration is a single document"
           : scan->depth > LOCUM_CONFIG_DEPTH_MAX ? "nested deeper than 8 levels; no key needs that"
           : anchor != NULL
               ? "anchors (&) are not allowed; write the value itself wherever it is needed"
           : tag != NULL ? "tags (!) are not allowed; write the value without it"
                         : NULL;
}

/* Look at the events first: a document does not show anchors and aliases any more. */
static int
scan_events(struct locum_slice bytes, bool foreign, struct locum_problems *problems)
{
    yaml_parser_t parser;
    yaml_event_t event;
    struct scan scan = {.foreign = foreign};
    int status = 0;
    bool more = true;
    if (!parser_start(&parser, bytes)) {
        return LOCUM_ERR_MEMORY;
    }
    while (status == 0 && more) {
        if (!yaml_parser_parse(&parser, &event)) {
            status = report_parser(&parser, bytes, problems);
            break;
        }
        const char *wrong = scan_event(&event, &scan);
        if (wrong != NULL) {
            locum_problems_error(problems, position_of(event.start_mark), "%s", wrong);
            /* Depth and further documents would only bring more of the same. */
            status = foreign || scan.depth > LOCUM_CONFIG_DEPTH_MAX || scan.documents > 1 ||
                             problems->count == LOCUM_PROBLEMS_MAX
                         ? LOCUM_ERR_INVALID
                         : 0;
        }
        more = event.type != YAML_STREAM_END_EVENT;
        yaml_event_delete(&event);
    }
    yaml_parser_delete(&parser);
    return status == 0 && problems->error_count > 0 ? LOCUM_ERR_INVALID : status;
}

/* A document can end before its file does. The rest must not be ignored silently. */
static int
refuse_rest(yaml_parser_t *parser, struct locum_slice bytes, struct locum_problems *problems)
{
    yaml_document_t rest;
    if (!yaml_parser_load(parser, &rest)) {
        return report_parser(parser, bytes, problems);
    }
    const yaml_node_t *root = yaml_document_get_root_node(&rest);
    if (root != NULL) {
        locum_problems_error(problems, locum_document_at(root),
                             "the first YAML document ends above, and what begins here would not "
                             "be read; put all keys into one document");
    }
    yaml_document_delete(&rest);
    return root != NULL ? LOCUM_ERR_INVALID : 0;
}

static int
load_tree(struct locum_slice bytes, bool foreign, struct locum_problems *problems,
          yaml_document_t *ret)
{
    yaml_parser_t parser;
    int status = 0;
    if (!parser_start(&parser, bytes)) {
        return LOCUM_ERR_MEMORY;
    }
    if (!yaml_parser_load(&parser, ret)) {
        status = report_parser(&parser, bytes, problems);
    } else if (foreign && (status = refuse_rest(&parser, bytes, problems)) != 0) {
        yaml_document_delete(ret);
    }
    yaml_parser_delete(&parser);
    if (status != 0) {
        return status;
    }
    const yaml_node_t *root = yaml_document_get_root_node(ret);
    if (root == NULL ? foreign : root->type == YAML_MAPPING_NODE) {
        return 0;
    }
    locum_problems_error(problems, root == NULL ? whole_file : locum_document_at(root),
                         root == NULL ? "the file is empty; see the examples for what it needs"
                                      : "found no keys; expected a mapping, as in `key: value`");
    yaml_document_delete(ret);
    return LOCUM_ERR_INVALID;
}

int
locum_document_parse(struct locum_slice text, bool foreign, struct locum_problems *problems,
                     yaml_document_t *ret)
{
    const int status = scan_events(text, foreign, problems);
    return status == 0 ? load_tree(text, foreign, problems, ret) : status;
}

int
locum_document_load(const char *path, bool foreign, struct locum_problems *problems,
                    yaml_document_t *ret, bool *ret_shared)
{
    char reason[100];
    struct locum_text why = locum_text_init(reason, sizeof(reason));
    char *buffer = malloc(LOCUM_CONFIG_FILE_BYTES_MAX + 1);
    struct locum_slice bytes = {.at = buffer};
    if (buffer == NULL) {
        return LOCUM_ERR_MEMORY;
    }
    int status = locum_file_read(path, buffer, LOCUM_CONFIG_FILE_BYTES_MAX + 1, &bytes.length,
                                 ret_shared, &why);
    const size_t used = status == 0 ? bytes.length : LOCUM_CONFIG_FILE_BYTES_MAX + 1;
    if (status != 0) {
        locum_problems_error(
            problems, whole_file, "cannot be read: %s%s", reason,
            status != LOCUM_ERR_DENIED ? ""
            : foreign ? "; let user locum read it through a group, e.g. chgrp mirrorbits and chmod "
                        "0640 on it, usermod -aG mirrorbits locum, and restart locum"
                      : "; run chgrp locum and chmod 0640 on it");
        status = LOCUM_ERR_INVALID;
    }
    if (locum_slice_starts(bytes, "\xef\xbb\xbf")) { /* libyaml would count it as a column */
        bytes = (struct locum_slice){.at = bytes.at + 3, .length = bytes.length - 3};
    }
    if (status == 0) {
        status = locum_document_parse(bytes, foreign, problems, ret);
    }
    explicit_bzero(buffer, used); /* it may hold a password */
    free(buffer);
    return status;
}

yaml_node_t *
locum_document_find(yaml_document_t *document, const yaml_node_t *mapping, const char *key)
{
    yaml_node_t *found = NULL;
    if (mapping == NULL || mapping->type != YAML_MAPPING_NODE) {
        return NULL;
    }
    for (const yaml_node_pair_t *pair = mapping->data.mapping.pairs.start;
         pair < mapping->data.mapping.pairs.top; pair++) {
        const yaml_node_t *name = yaml_document_get_node(document, pair->key);
        if (locum_slice_is(locum_document_text(name), key)) {
            found = yaml_document_get_node(document, pair->value);
        }
    }
    return found;
}

bool
locum_document_path(const char *file, struct locum_slice path, char *ret, size_t size)
{
    const char *slash = strrchr(file, '/');
    struct locum_text text = locum_text_init(ret, size);
    if (path.at[0] != '/' && slash != NULL) {
        locum_text_add_bytes(&text, file, (size_t)(slash - file) + 1);
    }
    locum_text_add_bytes(&text, path.at, path.length);
    return !text.truncated;
}
