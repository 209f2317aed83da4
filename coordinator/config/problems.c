#include "config/problems.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/log.h"
#include "base/text_format.h"

enum { LINE_BYTES = 1024 };

void
locum_problems_add(struct locum_problems *self, enum locum_severity severity,
                   struct locum_position at, const char *format, ...)
{
    va_list values;
    self->error_count += severity == LOCUM_SEVERITY_ERROR;
    self->left_out |= self->count == LOCUM_PROBLEMS_MAX;
    if (self->count < LOCUM_PROBLEMS_MAX) {
        self->list[self->count].severity = severity;
        self->list[self->count].at = at;
        va_start(values, format);
        (void)vsnprintf(self->list[self->count].text, LOCUM_PROBLEM_BYTES, format, values);
        va_end(values);
        self->count++;
    }
}

void
locum_problems_report(const struct locum_problems *self, const char *file, locum_problem_fn *report,
                      void *user)
{
    /* Insertion sort: the list is short, and equals keep order. */
    size_t order[LOCUM_PROBLEMS_MAX] = {0};
    for (size_t i = 0; i < self->count; i++) {
        const struct locum_position at = self->list[i].at;
        size_t place = i;
        for (; place > 0; place--) {
            const struct locum_position other = self->list[order[place - 1]].at;
            if (at.line > other.line || (at.line == other.line && at.column >= other.column)) {
                break;
            }
            order[place] = order[place - 1];
        }
        order[place] = i;
    }
    struct locum_problem problem = {.file = file};
    for (size_t i = 0; i < self->count; i++) {
        problem.severity = self->list[order[i]].severity;
        problem.at = self->list[order[i]].at;
        problem.text = self->list[order[i]].text;
        report(user, &problem);
    }
    if (self->left_out) {
        problem.severity = LOCUM_SEVERITY_ERROR;
        problem.at = (struct locum_position){0};
        problem.text = "there are more errors than shown here; correct these first";
        report(user, &problem);
    }
}

/* As in the log, except that spaces and = stay as they are: within quotes they are clear. */
struct locum_quoted
locum_problems_quote(struct locum_slice value)
{
    struct locum_quoted quoted;
    struct locum_text text = locum_text_init(quoted.text, sizeof(quoted.text));
    locum_text_add_char(&text, '"');
    for (size_t i = 0; i < value.length && i < LOCUM_QUOTED_MAX; i++) {
        const char c = value.at[i];
        if (c == ' ' || c == '=') {
            locum_text_add_char(&text, c);
        } else {
            locum_text_add_escaped(&text, &c, 1);
        }
    }
    locum_text_add(&text, value.length > LOCUM_QUOTED_MAX ? "...\"" : "\"");
    return quoted;
}

void
locum_problems_format(struct locum_text *text, const struct locum_problem *problem)
{
    static const char *const names[] = {[LOCUM_SEVERITY_ERROR] = "error",
                                        [LOCUM_SEVERITY_WARNING] = "warning",
                                        [LOCUM_SEVERITY_NOTE] = "note"};
    locum_text_add(text, problem->file);
    if (problem->at.line > 0) {
        locum_text_format(text, ":%u:%u", problem->at.line, problem->at.column);
    }
    locum_text_format(text, ": %s: %s", names[problem->severity], problem->text);
}

void
locum_problems_print(void *user, const struct locum_problem *problem)
{
    char line[LINE_BYTES];
    struct locum_text text = locum_text_init(line, sizeof(line));
    (void)user;
    locum_problems_format(&text, problem);
    (void)fprintf(stderr, "%s\n", line);
}

void
locum_problems_log(void *user, const struct locum_problem *problem)
{
    static const enum locum_level levels[] = {[LOCUM_SEVERITY_ERROR] = LOCUM_LOG_ERR,
                                              [LOCUM_SEVERITY_WARNING] = LOCUM_LOG_WARN,
                                              [LOCUM_SEVERITY_NOTE] = LOCUM_LOG_INFO};
    char line[LINE_BYTES];
    struct locum_text text = locum_text_init(line, sizeof(line));
    (void)user;
    locum_problems_format(&text, problem);
    LOCUM_LOG(levels[problem->severity], "config", "reason", line);
}
