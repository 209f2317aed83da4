/* What the adapters (locum-nsd, one a zone) have last reported. */
#include "report/report.h"

json_t *
locum_report_nsd_zone(const struct locum_report *report, size_t zone)
{
    const locum_ms age = report->now.mono - report->nsd->heard[zone];
    if (report->nsd->report[zone] == NULL) {
        return NULL;
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
