#include "config/document.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"

struct bytes {
    char *at;
    size_t length;
};

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
    return (struct locum_slice){.at = (const char *)node->data.scalar.value,
                                .length = node->data.scalar.length};
}

/* Fill `buffer` (one byte longer than a file may be) from fd. */
static int
read_all(int fd, struct bytes *buffer, struct locum_problems *problems)
{
    ssize_t got = 1;
    while (got > 0 && buffer->length <= LOCUM_CONFIG_FILE_BYTES_MAX) {
        got =
            read(fd, buffer->at + buffer->length, LOCUM_CONFIG_FILE_BYTES_MAX + 1 - buffer->length);
        if (got < 0) {
            locum_problems_error(problems, whole_file, "cannot be read: %s", strerror(errno));
            return LOCUM_ERR_INVALID;
        }
        buffer->length += (size_t)got;
    }
    if (buffer->length > LOCUM_CONFIG_FILE_BYTES_MAX) {
        locum_problems_error(problems, whole_file, "is larger than %d KiB: not a configuration",
                             LOCUM_CONFIG_FILE_BYTES_MAX / 1024);
        return LOCUM_ERR_INVALID;
    }
    return 0;
}

static int
read_file(const char *path, struct bytes *buffer, struct locum_problems *problems, bool *ret_shared)
{
    struct stat info;
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        locum_problems_error(problems, whole_file, "cannot be read: %s", strerror(errno));
        return LOCUM_ERR_INVALID;
    }
    int status = LOCUM_ERR_INVALID;
    if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) {
        locum_problems_error(problems, whole_file, "is not a regular file");
    } else {
        *ret_shared = (info.st_mode & S_IROTH) != 0;
        status = read_all(fd, buffer, problems);
    }
    (void)close(fd);
    return status;
}

/* Bytes of the UTF-8 sequence at `at` (RFC 3629 4), or 0. */
static size_t
utf8_length(const uint8_t *at, size_t left)
{
    /* clang-format off */
    static const struct { uint8_t first_min, first_max, second_min, second_max; size_t length; }
    forms[] = {
        {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3}, {0xe1, 0xec, 0x80, 0xbf, 3},
        {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3}, {0xf0, 0xf0, 0x90, 0xbf, 4},
        {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4},
    };
    /* clang-format on */
    if (at[0] < 0x80) {
        return 1;
    }
    for (size_t i = 0; i < LOCUM_COUNT(forms); i++) {
        if (at[0] < forms[i].first_min || at[0] > forms[i].first_max || left < forms[i].length ||
            at[1] < forms[i].second_min || at[1] > forms[i].second_max) {
            continue;
        }
        for (size_t next = 2; next < forms[i].length; next++) {
            if (at[next] < 0x80 || at[next] > 0xbf) {
                return 0;
            }
        }
        return forms[i].length;
    }
    return 0;
}

static bool
is_control(uint8_t byte)
{
    return (byte < ' ' && byte != '\t' && byte != '\n' && byte != '\r') || byte == 127;
}

/* libyaml reads UTF-16 too and tells no line for a bad byte: looked at here first. */
static int
check_bytes(const struct bytes *buffer, struct locum_problems *problems)
{
    struct locum_position at = {.line = 1, .column = 1};
    for (size_t i = 0; i < buffer->length;) {
        const uint8_t *byte = (const uint8_t *)buffer->at + i;
        const size_t length = utf8_length(byte, buffer->length - i);
        if (length == 0) {
            locum_problems_error(problems, at,
                                 "byte 0x%02x is not UTF-8: save the file as UTF-8 text", *byte);
            return LOCUM_ERR_INVALID;
        }
        if (is_control(*byte)) {
            locum_problems_error(problems, at, "control character 0x%02x: remove it", *byte);
            return LOCUM_ERR_INVALID;
        }
        at.line += *byte == '\n' ? 1 : 0;
        at.column = *byte == '\n' ? 1 : at.column + 1;
        i += length;
    }
    return 0;
}

static void
parser_start(yaml_parser_t *parser, const struct bytes *buffer)
{
    yaml_parser_set_encoding(parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(parser, (const unsigned char *)buffer->at, buffer->length);
}

/* What to do about the commonest of libyaml's complaints, which say what it expected; "" for
 * others. */
static const char *
advice_on(const char *problem)
{
    static const struct {
        const char *problem, *advice;
    } table[] = {
        {"did not find expected key", "; indent what belongs together alike, here and above"},
        {"did not find expected '-'", "; indent what belongs together alike, here and above"},
        {"mapping values are not allowed",
         "; indent what belongs together alike, and quote a value with a colon and a blank in it"},
        {"could not find expected ':'", "; write a blank behind the colon, here or a line above"},
        {"found a tab character", "; indent with blanks, not with tabs"},
        {"found character that cannot start any token",
         "; indent with blanks, not with tabs, and quote a value that begins with @, % or `"},
    };
    for (size_t i = 0; i < LOCUM_COUNT(table); i++) {
        if (strncmp(problem, table[i].problem, strlen(table[i].problem)) == 0) {
            return table[i].advice;
        }
    }
    return "";
}

static int
complain_parser(const yaml_parser_t *parser, struct locum_problems *problems)
{
    if (parser->error == YAML_MEMORY_ERROR) {
        return LOCUM_ERR_MEMORY;
    }
    const struct locum_position at = position_of(parser->problem_mark);
    const char *problem = parser->problem != NULL ? parser->problem : "cannot be parsed";
    if (parser->context != NULL) {
        locum_problems_error(problems, at, "not YAML: %s, %s that begins at line %zu%s", problem,
                             parser->context, parser->context_mark.line + 1, advice_on(problem));
    } else {
        locum_problems_error(problems, at, "not YAML: %s%s", problem, advice_on(problem));
    }
    return LOCUM_ERR_INVALID;
}

static bool
is_anchored(const yaml_event_t *event)
{
    return (event->type == YAML_SCALAR_EVENT && event->data.scalar.anchor != NULL) ||
           (event->type == YAML_SEQUENCE_START_EVENT &&
            event->data.sequence_start.anchor != NULL) ||
           (event->type == YAML_MAPPING_START_EVENT && event->data.mapping_start.anchor != NULL);
}

static bool
is_tagged(const yaml_event_t *event)
{
    return (event->type == YAML_SCALAR_EVENT && event->data.scalar.tag != NULL) ||
           (event->type == YAML_SEQUENCE_START_EVENT && event->data.sequence_start.tag != NULL) ||
           (event->type == YAML_MAPPING_START_EVENT && event->data.mapping_start.tag != NULL);
}

struct scan {
    size_t depth;
    size_t documents;
};

/* What is wrong with this event, or NULL. Moves the depth. */
static const char *
scan_event(const yaml_event_t *event, struct scan *scan)
{
    switch (event->type) {
    case YAML_SEQUENCE_START_EVENT:
    case YAML_MAPPING_START_EVENT: scan->depth++; break;
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT: scan->depth--; break;
    case YAML_DOCUMENT_START_EVENT:
        scan->documents++;
        return scan->documents > 1 ? "a second document begins here: a configuration is one" : NULL;
    case YAML_ALIAS_EVENT: return "an alias (*): write the value itself";
    default: break;
    }
    if (scan->depth > LOCUM_CONFIG_DEPTH_MAX) {
        return "nested deeper than 8 levels: no option is";
    }
    if (is_anchored(event)) {
        return "an anchor (&): write the value itself wherever it is needed";
    }
    return is_tagged(event) ? "a tag (!): write the value without it" : NULL;
}

/* One pass over the events: the document would no longer show anchors and aliases. */
static int
scan_events(const struct bytes *buffer, struct locum_problems *problems)
{
    yaml_parser_t parser;
    yaml_event_t event;
    struct scan scan = {0};
    int status = 0;
    bool more = true;
    if (!yaml_parser_initialize(&parser)) {
        return LOCUM_ERR_MEMORY;
    }
    parser_start(&parser, buffer);
    while (status == 0 && more) {
        if (!yaml_parser_parse(&parser, &event)) {
            status = complain_parser(&parser, problems);
            break;
        }
        const char *wrong = scan_event(&event, &scan);
        if (wrong != NULL) {
            locum_problems_error(problems, position_of(event.start_mark), "%s", wrong);
            /* Depth and further documents would only bring more of the same. */
            status = scan.depth > LOCUM_CONFIG_DEPTH_MAX || scan.documents > 1 ||
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

static int
load_tree(const struct bytes *buffer, bool foreign, struct locum_problems *problems,
          yaml_document_t *ret)
{
    yaml_parser_t parser;
    int status = 0;
    if (!yaml_parser_initialize(&parser)) {
        return LOCUM_ERR_MEMORY;
    }
    parser_start(&parser, buffer);
    if (!yaml_parser_load(&parser, ret)) {
        status = complain_parser(&parser, problems);
    }
    yaml_parser_delete(&parser);
    if (status != 0) {
        return status;
    }
    const yaml_node_t *root = yaml_document_get_root_node(ret);
    if (root == NULL && foreign) {
        return 0;
    }
    if (root == NULL) {
        locum_problems_error(problems, whole_file,
                             "is empty: it needs at least cluster, secret-file, nodes and zones");
    } else if (root->type != YAML_MAPPING_NODE) {
        locum_problems_error(problems, locum_document_at(root),
                             "a configuration is keys and values, as in `cluster: get`");
    } else {
        return 0;
    }
    yaml_document_delete(ret);
    return LOCUM_ERR_INVALID;
}

static int
load(const char *path, bool foreign, struct locum_problems *problems, yaml_document_t *ret,
     bool *ret_shared)
{
    struct bytes buffer = {.at = malloc(LOCUM_CONFIG_FILE_BYTES_MAX + 1)};
    if (buffer.at == NULL) {
        return LOCUM_ERR_MEMORY;
    }
    int status = read_file(path, &buffer, problems, ret_shared);
    if (status == 0) {
        status = check_bytes(&buffer, problems);
    }
    if (status == 0 && !foreign) {
        status = scan_events(&buffer, problems);
    }
    if (status == 0) {
        status = load_tree(&buffer, foreign, problems, ret);
    }
    explicit_bzero(buffer.at, LOCUM_CONFIG_FILE_BYTES_MAX + 1); /* a password may stand in it */
    free(buffer.at);
    return status;
}

int
locum_document_load(const char *path, struct locum_problems *problems, yaml_document_t *ret,
                    bool *ret_shared)
{
    return load(path, false, problems, ret, ret_shared);
}

int
locum_document_load_foreign(const char *path, struct locum_problems *problems, yaml_document_t *ret)
{
    bool shared;
    return load(path, true, problems, ret, &shared);
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
        if (name->type == YAML_SCALAR_NODE && locum_slice_is(locum_document_text(name), key)) {
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
