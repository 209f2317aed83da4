#include "daemon/alerts.h"

#include <stdlib.h>

#include "base/error.h"
#include "daemon/inside.h"
#include "daemon/loop.h"

static struct locum_control_reply
reply_tested(const struct locum_daemon *self)
{
    json_t *hooks = json_array();
    for (size_t i = 0; i < locum_hooks_count(self->hooks); i++) {
        const struct locum_hooks_tested *tested = locum_hooks_tested(self->hooks, i);
        if (tested->wanted) {
            (void)json_array_append_new(
                hooks, json_pack("{s:i, s:s, s:b, s:I, s:o}", "hook", (int)i + 1, "name",
                                 locum_hooks_state(self->hooks, i)->name, "delivered",
                                 tested->over && tested->good, "took_ms",
                                 (json_int_t)tested->took_ms, "text",
                                 tested->over ? locum_report_text(tested->text)
                                              : json_string("no outcome yet: it is still busy")));
        }
    }
    return locum_control_json(json_pack("{s:o}", "hooks", hooks));
}

struct locum_control_reply
locum_alerts_test(void *user, const struct locum_control_request *request)
{
    struct locum_daemon *self = user;
    const json_t *number = json_object_get(request->body, "hook");
    const size_t count = locum_hooks_count(self->hooks);
    if (!request->again) {
        const json_int_t hook = json_integer_value(number);
        if (number != NULL && (!json_is_integer(number) || hook < 1 || hook > (json_int_t)count)) {
            return locum_control_error(404, count == 0
                                                ? "hook: the daemon has no hooks; write them in "
                                                  "locum.yaml, then run `locum reload`"
                                                : "hook: there is no such hook; write its place in "
                                                  "the list of hooks, from 1");
        }
        char *line = locum_events_test_line(&self->config->core, locum_daemon_loop_now(self).wall);
        const int status =
            line != NULL ? locum_hooks_test(self->hooks, (size_t)hook, line) : LOCUM_ERR_MEMORY;
        free(line);
        if (status != 0) {
            return status == LOCUM_ERR_IN_USE
                       ? locum_control_error(409, "hooks are being tested already: try again later")
                       : locum_control_error(500, locum_error_text(status));
        }
    }
    if (locum_hooks_is_testing(self->hooks) && !request->final) {
        return (struct locum_control_reply){.later = true};
    }
    return reply_tested(self);
}
