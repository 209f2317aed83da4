/* Texts of others, and what the checks and the adapters (locum-nsd, one a zone) have last reported.
 */
#include "base/text_format.h"
#include "report/report.h"

json_t *
locum_report_text(const char *text)
{
    json_t *string = text[0] == '\0' ? NULL : json_string(text);
    return string != NULL ? string : json_null();
}

void
locum_report_add_check(const struct locum_report *report, size_t check, struct locum_text *text)
{
    const struct locum_core *core = report->core;
    const locum_node self = core->config.self;
    const locum_ms heard = core->view.peer[self].mirrorbits;
    const locum_ms mono = report->now.mono;
    if (report->config->checks[check].kind != LOCUM_CHECK_MIRRORBITS) {
        locum_text_add(text, report->checks[check].last);
        return;
    }
    /* The core itself judges this one, by the announcements. */
    if (heard == LOCUM_NEVER) {
        locum_text_add(text, "never announced itself");
    } else {
        locum_text_format(text, "announced itself %s ago", locum_text_age(mono - heard).text);
    }
    if (!locum_view_mirrorbits_seen(&core->view, self, mono) &&
        !locum_view_redis_worked(&core->view, &core->config, LOCUM_MIRRORBITS_FORGET_MS, mono)) {
        locum_text_add(text, ", but Redis was not connected all the time: previous result kept");
    } else if (locum_view_mirrorbits_moves(&core->view, mono)) {
        locum_text_add(text, ", and none has since Redis was connected: previous result kept");
    }
}

static const char *const mirrorbits_states[] = {"ok",          "unseen",        "hung",
                                                "no-database", "fallback-only", "failing"};

const char *
locum_report_mirrorbits_state(size_t i)
{
    return i < LOCUM_COUNT(mirrorbits_states) ? mirrorbits_states[i] : NULL;
}

static bool
timed_out(const struct locum_report *report, size_t check)
{
    return report->checks[check].last_ms >= report->config->checks[check].timeout_ms;
}

/*
 * What the two checks of this node's Mirrorbits say, if it has them; NULL: they pass. A Mirrorbits
 * that hangs on a dead connection to Redis answers no question about its database either; one that
 * has none answers with an error at once.
 */
static const char *
state_by_checks(const struct locum_report *report, bool hung)
{
    const struct locum_config_mirrorbits *web = &report->config->mirrorbits;
    if (web->file_check == 0) {
        return NULL;
    }
    const struct locum_check_state *checks = report->core->service.check;
    const enum locum_service file = checks[web->file_check].verdict;
    const bool lost = checks[web->database_check].verdict == LOCUM_SERVICE_DEGRADED;
    const bool answered = lost && !timed_out(report, web->database_check);
    return file == LOCUM_FAILING ? (timed_out(report, web->file_check) ? "hung" : "failing")
           : hung && !answered   ? "hung"
           : lost                ? "no-database"
           : file == LOCUM_SERVICE_DEGRADED ? "fallback-only"
                                            : NULL;
}

const char *
locum_report_mirrorbits(const struct locum_report *report, locum_node node)
{
    const struct locum_view *view = &report->core->view;
    const struct locum_core_config *config = &report->core->config;
    const bool hung = view->peer[node].mirrorbits != LOCUM_NEVER &&
                      locum_view_mirrorbits_silent(view, config, node, report->now.mono);
    const char *by_checks = node == config->self ? state_by_checks(report, hung) : NULL;
    return by_checks != NULL                                          ? by_checks
           : hung                                                     ? "hung"
           : locum_view_mirrorbits_seen(view, node, report->now.mono) ? "ok"
                                                                      : "unseen";
}

void
locum_report_add_failing(const struct locum_report *report, struct locum_text *text)
{
    for (size_t i = 0; i < report->config->core.check_count; i++) {
        const enum locum_service verdict = report->core->service.check[i].verdict;
        if (report->config->core.checks[i].counts &&
            (verdict == LOCUM_FAILING || verdict == LOCUM_SERVICE_DEGRADED)) {
            locum_text_format(text, "%s%s (", text->length > 0 ? ", " : "",
                              report->config->checks[i].name);
            locum_report_add_check(report, i, text);
            locum_text_add_char(text, ')');
        }
    }
}

struct locum_asked
locum_report_asked(const struct locum_report *report, locum_node node, size_t i)
{
    struct locum_asked question = {.family = (enum locum_family)(i / LOCUM_TRANSPORTS),
                                   .transport = (enum locum_transport)(i % LOCUM_TRANSPORTS)};
    question.state = locum_view_dns(&report->core->view, node, question.family, question.transport,
                                    report->now.mono);
    return question;
}

const char *
locum_report_dns_state(const struct locum_report *report, locum_node node)
{
    const enum locum_dns_claim claim = report->core->view.peer[node].dns_claim;
    enum locum_dns_state worst = LOCUM_DNS_UNKNOWN;
    for (size_t i = 0; i < LOCUM_ASKED; i++) {
        const enum locum_dns_state state = locum_report_asked(report, node, i).state;
        worst = state > worst ? state : worst;
    }
    const bool claimed = worst == LOCUM_DNS_UNKNOWN || claim == LOCUM_DNS_CLOSED;
    return worst <= LOCUM_DNS_OK && claimed ? locum_names_dns_claim(claim)
                                            : locum_names_dns_state(worst);
}

void
locum_report_add_dns(const struct locum_report *report, locum_node node, struct locum_text *text)
{
    for (size_t i = 0; i < LOCUM_ASKED; i++) {
        const struct locum_asked question = locum_report_asked(report, node, i);
        if (question.state > LOCUM_DNS_OK) {
            locum_text_format(text, "%s%s %s (%s)", text->length > 0 ? ", " : "",
                              locum_names_family(question.family),
                              locum_names_transport(question.transport),
                              locum_names_dns_state(question.state));
        }
    }
}

/* A server without listen.dns serves a zone only if an adapter reports it. */
static json_t *
not_served(const struct locum_report *report, size_t zone)
{
    const struct locum_config *config = report->config;
    const locum_ms begun = report->nsd->heard[zone] > report->run->started_mono
                               ? report->nsd->heard[zone]
                               : report->run->started_mono;
    if (config->core.nodes[config->core.self].role != LOCUM_ROLE_SERVER ||
        config->listen_dns_count > 0 || report->now.mono - begun <= LOCUM_NSD_SILENT_MS) {
        return NULL;
    }
    return json_pack(
        "{s:s, s:n, s:n, s:s, s:o, s:n, s:n}", "zone", config->zones[zone].name, "serial", "lag_ms",
        "state", "silent", "error",
        json_sprintf("no DNS server on this node serves it: listen.dns is none, and no "
                     "locum-nsd carries it. Start locum-nsd (without `zone:` in its "
                     "configuration it carries every zone), or see its log"),
        "warning", "heard_ms");
}

json_t *
locum_report_nsd_zone(const struct locum_report *report, size_t zone)
{
    const locum_ms age = report->now.mono - report->nsd->heard[zone];
    if (report->nsd->report[zone] == NULL) {
        return not_served(report, zone);
    }
    json_t *copy = json_copy(report->nsd->report[zone]);
    (void)json_object_set_new(copy, "heard_ms", json_integer((json_int_t)age));
    if (age > LOCUM_NSD_SILENT_MS) {
        (void)json_object_set_new(copy, "state", json_string("silent"));
        (void)json_object_set_new(copy, "error",
                                  json_string("locum-nsd has not reported for more than 10 s, so "
                                              "NSD keeps the last zone: check systemctl status "
                                              "locum-nsd"));
    }
    return copy;
}

const char *
locum_report_answers_problem(const struct locum_run *run)
{
    return run->publish_failed
               ? "the answers are out of date because publishing the new ones failed: see the log"
           : run->signing_failed
               ? "new signatures of signed zones cannot be made, so the previous ones stay until "
                 "they end: the log (publish-failed) says why"
               : NULL;
}

const char *
locum_report_nsd_problem(const json_t *nsd)
{
    const char *error = json_string_value(json_object_get(nsd, "error"));
    return error != NULL ? error : json_string_value(json_object_get(nsd, "warning"));
}

json_t *
locum_report_nsd(const struct locum_report *report)
{
    json_t *worst = NULL;
    for (size_t zone = 0; zone < report->config->zone_count; zone++) {
        json_t *reported = locum_report_nsd_zone(report, zone);
        const bool failed = json_is_string(json_object_get(reported, "error"));
        if (reported != NULL &&
            (worst == NULL || (failed && !json_is_string(json_object_get(worst, "error"))))) {
            json_decref(worst);
            worst = reported;
        } else {
            json_decref(reported);
        }
    }
    return worst != NULL ? worst : json_null();
}
