/*
 * manual: fills in the lists of the manual pages that are made from the tables of the programs.
 *
 *   build/doc/manual <doc/locum.yaml.5 >new
 *
 * Everything between the lines
 *
 *   .\" BEGIN keys (written by `make doc`)
 *   .\" END
 *
 * is replaced by the list of that name; the rest is copied. `make doc` does this for all pages, and
 * tests/program/test_manual.py fails while a page differs from its table. A new list is one
 * function here and one row of `lists`.
 */
#include <stdio.h>
#include <string.h>

#include "config/keys.h"
#include "config/value.h"
#include "doctor/finding.h"
#include "nsd-adapter/settings.h"
#include "report/report.h"

enum { LINE_BYTES = 1024, FILL = 96 };

#define BEGIN ".\\\" BEGIN "
#define END   ".\\\" END"

/* One character of text as roff needs it: `x` is set in bold. */
static size_t
put(char c, bool *bold)
{
    if (c == '`') {
        *bold = !*bold;
        return (size_t)printf(*bold ? "\\fB" : "\\fR");
    }
    return (size_t)(c == '\\' ? printf("\\e") : c == '"' ? printf("\\(dq") : printf("%c", c));
}

/* Sentences, each on a new line, which is broken between words. */
static void
print_text(const char *text)
{
    bool bold = false;
    size_t column = 0;
    for (const char *c = text; *c != '\0'; c++) {
        const bool sentence = c > text && c[-1] == '.' && c[1] >= 'A' && c[1] <= 'Z';
        if (*c == ' ' && !bold && (sentence || column + strcspn(c + 1, " ") > FILL)) {
            (void)printf("\n");
            column = 0;
        } else {
            column += column == 0 && *c == '.' ? (size_t)printf("\\&.") : put(*c, &bold);
        }
    }
    (void)printf("\n");
}

/* The arguments of a macro; \& keeps a word from being taken for another macro. */
static void
print_argument(const char *text)
{
    bool bold = false;
    for (const char *c = text; *c != '\0'; c++) {
        (void)put(*c, &bold);
    }
}

static void
print_key(const struct locum_schema_row *row)
{
    char buffer[64];
    struct locum_text range = locum_text_init(buffer, sizeof(buffer));
    locum_value_range(row, &range);
    (void)printf(".It Cm %s Pq ", row->key);
    switch (row->rule) {
    case LOCUM_RULE_REQUIRED: (void)printf("required"); break;
    case LOCUM_RULE_NONE: (void)printf("optional"); break;
    case LOCUM_RULE_DEFAULT:
    case LOCUM_RULE_DERIVED:
        (void)printf("default: ");
        print_argument(row->fallback != NULL ? row->fallback : "the keys below");
        break;
    }
    (void)printf("%s%s%s%s\n", buffer[0] != '\0' ? "; " : "", buffer,
                 buffer[0] != '\0' && row->shape != LOCUM_SHAPE_ONE ? " items" : "",
                 row->restart ? "; needs a restart" : "");
    char note[LINE_BYTES];
    (void)snprintf(note, sizeof(note), "%s.", row->note);
    print_text(note);
    if (row->help != NULL) {
        print_text(row->help);
    }
}

static void
print_keys(const struct locum_schema *schema, const char *const (*titles)[2], size_t count)
{
    for (size_t i = 0; i < schema->count; i++) {
        bool first = i == 0;
        for (size_t title = 0; title < count; title++) {
            if (strcmp(titles[title][0], schema->rows[i].key) == 0) {
                (void)printf("%s.Ss %s\n", i > 0 ? ".El\n" : "", titles[title][1]);
                first = true;
            }
        }
        if (first) {
            (void)printf(".Bl -tag -width Ds\n");
        }
        print_key(&schema->rows[i]);
    }
    (void)printf(".El\n");
}

static void
print_keys_of_the_coordinator(void)
{
    static const char *const titles[][2] = {
        {"cluster", "The cluster"},  {"nodes", "Nodes"},    {"zones", "Zones"},
        {"heartbeat", "Heartbeats"}, {"redis", "Redis"},    {"service", "The service"},
        {"events", "Events"},        {"listen", "Sockets"},
    };
    print_keys(&locum_keys, titles, LOCUM_COUNT(titles));
}

static void
print_keys_of_the_adapter(void)
{
    print_keys(&locum_nsd_keys, NULL, 0);
}

static void
print_metric(void *user, const char *name, const char *type, const char *labels, const char *help)
{
    (void)user;
    (void)printf(".It Cm %s Pq %s%s%s\n", name, type, labels[0] != '\0' ? " by " : "", labels);
    print_text(help);
}

static void
print_metrics(void)
{
    locum_report_metric_list(print_metric, NULL);
}

static void
print_events(void)
{
    for (int kind = 0; kind < LOCUM_EVENTS; kind++) {
        char buffer[LINE_BYTES];
        struct locum_text keys = locum_text_init(buffer, sizeof(buffer));
        locum_events_add_keys(&keys, kind);
        (void)printf(".It Cm %s%s%s\n", locum_events_name(kind), keys.length > 0 ? " Ar " : "",
                     buffer);
        print_text(locum_events_meaning(kind));
    }
}

static void
print_findings(void)
{
    for (size_t i = 0; i < LOCUM_DOCTOR_KINDS; i++) {
        const struct locum_doctor_row *row = locum_doctor_finding_row((enum locum_doctor_kind)i);
        (void)printf(".It Cm %s\n", row->id);
        print_text(row->meaning);
        print_text(row->fix);
    }
}

static void
print_warnings(void)
{
    const char *about, *meaning;
    for (size_t i = 0; (about = locum_warnings_about(i, &meaning)) != NULL; i++) {
        (void)printf(".It Cm %s\n", about);
        print_text(meaning);
    }
}

static void
print_hash_fields(void)
{
    for (size_t i = 0; i < LOCUM_HASH_FIELDS; i++) {
        const char *meaning;
        (void)printf(".It Cm %s\n", locum_report_hash_name(i, &meaning));
        print_text(meaning);
    }
}

static const struct {
    const char *name;
    void (*print)(void);
} lists[] = {
    {"keys", print_keys_of_the_coordinator},
    {"nsd-keys", print_keys_of_the_adapter},
    {"events", print_events},
    {"warnings", print_warnings},
    {"findings", print_findings},
    {"hash-fields", print_hash_fields},
    {"metrics", print_metrics},
};

/* Print the list that a BEGIN line names. */
static bool
print_list(const char *name)
{
    for (size_t i = 0; i < LOCUM_COUNT(lists); i++) {
        if (locum_slice_is((struct locum_slice){name, strcspn(name, " \n")}, lists[i].name)) {
            lists[i].print();
            return true;
        }
    }
    (void)fprintf(stderr, "manual: there is no list %s", name);
    return false;
}

int
main(void)
{
    char line[LINE_BYTES];
    bool inside = false;
    while (fgets(line, sizeof(line), stdin) != NULL) {
        if (strncmp(line, END, strlen(END)) == 0) {
            inside = false;
        }
        if (!inside) {
            (void)fputs(line, stdout);
        }
        if (strncmp(line, BEGIN, strlen(BEGIN)) == 0) {
            inside = true;
            if (!print_list(line + strlen(BEGIN))) {
                return 1;
            }
        }
    }
    return inside || fflush(stdout) != 0 ? 1 : 0;
}
