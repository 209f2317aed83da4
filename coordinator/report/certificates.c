#include "report/certificates.h"

#include <string.h>

#include "base/text_format.h"

enum {
    DAY_S = 24 * 60 * 60,
    METRIC_BYTES_MAX = 2 * (2 * LOCUM_STRING_MAX + LOCUM_DOMAIN_MAX + 96), /* of one name */
};

bool
locum_certificates_warn(const struct locum_report *report, size_t check, size_t i,
                        struct locum_text *text)
{
    const struct locum_health_certificate *certificate = &report->checks[check].certificates[i];
    const int64_t now_s = report->now.wall / 1000;
    const int64_t left_s = certificate->expires_s - now_s;
    const struct locum_text_value day = locum_text_time(certificate->expires_s * 1000);
    const struct locum_config_check *settings = &report->config->checks[check];
    const bool known = certificate->expires_s != 0;
    const int length = (int)strlen(certificate->name) - 1;
    locum_text_format(text, "the certificate for %.*s at %s ", length, certificate->name,
                      locum_address_text(&settings->tls.address).text);
    if (known && left_s <= 0) {
        locum_text_format(text, "expired on %.10s: renew it now, and let the server load it",
                          day.text);
    } else if (certificate->why[0] != '\0') {
        locum_text_format(text,
                          "is refused by clients: %s. Install one for this name, from an authority "
                          "that clients know, with its chain",
                          certificate->why);
    } else if (known && left_s < (int64_t)settings->tls.warn_days * DAY_S) {
        locum_text_format(text,
                          "ends on %.10s: renew it, and let the server load it. Look why it was "
                          "not renewed by itself (doc/certificates.md)",
                          day.text);
    } else {
        return false;
    }
    return true;
}

json_t *
locum_certificates_list(const struct locum_report *report)
{
    json_t *list = json_array();
    const int64_t now_s = report->now.wall / 1000;
    for (size_t check = 0; check < report->core->config.check_count; check++) {
        const struct locum_health_outcomes *outcomes = &report->checks[check];
        for (size_t i = 0; i < outcomes->certificate_count; i++) {
            const struct locum_health_certificate *each = &outcomes->certificates[i];
            const bool known = each->expires_s != 0;
            const int64_t left_s = each->expires_s - now_s;
            (void)json_array_append_new(
                list, json_pack("{s:s, s:s, s:o, s:o, s:o}", "check",
                                report->config->checks[check].name, "name", each->name, "expires",
                                known ? json_string(locum_text_time(each->expires_s * 1000).text)
                                      : json_null(),
                                "left_days",
                                known ? json_integer(left_s >= 0 ? left_s / DAY_S
                                                                 : (left_s - DAY_S + 1) / DAY_S)
                                      : json_null(),
                                "error", locum_report_text(each->why)));
        }
    }
    return list;
}

size_t
locum_certificates_metrics_bytes(const struct locum_report *report)
{
    size_t count = 0;
    for (size_t i = 0; i < report->core->config.check_count; i++) {
        count += report->checks[i].certificate_count;
    }
    return count * METRIC_BYTES_MAX;
}

/* The samples of one of the two metrics: the end, or whether it is valid. */
static void
add_samples(struct locum_exposition *out, const struct locum_report *report, bool ends)
{
    for (size_t i = 0; i < report->core->config.check_count; i++) {
        const struct locum_health_outcomes *outcomes = &report->checks[i];
        for (size_t j = 0; j < outcomes->certificate_count; j++) {
            const struct locum_health_certificate *each = &outcomes->certificates[j];
            const bool refused = each->why[0] != '\0';
            const char *const values[] = {report->config->checks[i].name, each->name};
            if (each->expires_s != 0 || (refused && !ends)) {
                locum_exposition_add(out, "", out->labels, values,
                                     ends ? each->expires_s * 1000 : !refused);
            }
        }
    }
}

void
locum_certificates_add_metrics(struct locum_exposition *out, const struct locum_report *report)
{
    locum_exposition_begin(out, "gauge", "locum_certificate_expiry_timestamp_seconds", "check name",
                           "End of the certificate that a tls check was shown for the name, in "
                           "Unix time.");
    add_samples(out, report, true);
    locum_exposition_begin(out, "gauge", "locum_certificate_valid", "check name",
                           "1 while clients accept that certificate, 0 while they refuse it.");
    add_samples(out, report, false);
}
