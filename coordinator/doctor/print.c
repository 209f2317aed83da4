/* The findings as text and as JSON. */
#include <inttypes.h>
#include <string.h>

#include <jansson.h>

#include "base/error.h"
#include "base/text_format.h"
#include "doctor/doctor.h"
#include "doctor/judge.h"

/* The findings of one kind, and once why they matter and what to do. */
static void
print_kind(const struct locum_doctor_findings *findings, enum locum_doctor_kind kind, FILE *out)
{
    const struct locum_doctor_row *row = locum_doctor_finding_row(kind);
    bool any = false;
    for (size_t i = 0; i < findings->count; i++) {
        const struct locum_doctor_finding *finding = &findings->at[i];
        if (finding->kind == kind) {
            (void)fprintf(out, "%s: %s", row->id, finding->what);
            if (finding->more > 0) {
                (void)fprintf(out, " (and %u more times)", finding->more);
            }
            (void)fputc('\n', out);
            any = true;
        }
    }
    if (any) {
        (void)fprintf(out, "  why: %s\n  fix: %s\n\n", row->why, row->fix);
    }
}

void
locum_doctor_print(const struct locum_doctor_facts *facts,
                   const struct locum_doctor_findings *findings, FILE *out)
{
    for (size_t kind = 0; kind < LOCUM_DOCTOR_KINDS; kind++) {
        print_kind(findings, (enum locum_doctor_kind)kind, out);
    }
    for (size_t i = 0; i < findings->not_examined_count; i++) {
        (void)fprintf(out, "not examined: %s\n", findings->not_examined[i]);
    }
    for (size_t i = 0; i < facts->zone_count; i++) {
        const struct locum_doctor_zone *zone = &facts->zones[i];
        const unsigned trips = locum_doctor_judge_round_trips(zone);
        (void)fprintf(out, "%s: %zu address(es) of name servers", zone->expected.zone,
                      zone->server_count);
        if (trips > 0) {
            (void)fprintf(out, ", %u round trips for a cold resolver", trips);
        }
        (void)fputc('\n', out);
    }
    (void)fprintf(out, "%zu finding(s), %zu request(s) to web servers, %zu thing(s) not examined\n",
                  findings->count + findings->dropped, facts->fetch_count,
                  findings->not_examined_count);
}

static json_t *
finding_json(const struct locum_doctor_finding *finding)
{
    const struct locum_doctor_row *row = locum_doctor_finding_row(finding->kind);
    return json_pack("{s:s, s:o, s:s, s:s, s:s, s:s, s:i}", "id", row->id, "zone",
                     finding->zone[0] != '\0' ? json_string(finding->zone) : json_null(), "subject",
                     finding->subject, "what", finding->what, "why", row->why, "fix", row->fix,
                     "more", (int)finding->more);
}

static json_t *
zone_json(const struct locum_doctor_zone *zone)
{
    const unsigned trips = locum_doctor_judge_round_trips(zone);
    json_t *servers = json_array();
    for (size_t i = 0; i < zone->server_count; i++) {
        const struct locum_doctor_server *server = &zone->servers[i];
        (void)json_array_append_new(servers,
                                    json_pack("{s:s, s:s}", "name", server->name, "address",
                                              locum_address_host_text(&server->address).text));
    }
    return json_pack("{s:s, s:o, s:o, s:o}", "name", zone->expected.zone, "parent",
                     zone->parent[0] != '\0' ? json_string(zone->parent) : json_null(),
                     "round_trips", trips > 0 ? json_integer(trips) : json_null(), "servers",
                     servers);
}

int
locum_doctor_print_json(const struct locum_doctor_facts *facts,
                        const struct locum_doctor_findings *findings, FILE *out)
{
    json_t *found = json_array();
    json_t *not_examined = json_array();
    json_t *zones = json_array();
    for (size_t i = 0; i < findings->count; i++) {
        (void)json_array_append_new(found, finding_json(&findings->at[i]));
    }
    for (size_t i = 0; i < findings->not_examined_count; i++) {
        (void)json_array_append_new(not_examined, json_string(findings->not_examined[i]));
    }
    for (size_t i = 0; i < facts->zone_count; i++) {
        (void)json_array_append_new(zones, zone_json(&facts->zones[i]));
    }
    json_t *all = json_pack("{s:o, s:o, s:I, s:o, s:I}", "findings", found, "not_examined",
                            not_examined, "dropped", (json_int_t)findings->dropped, "zones", zones,
                            "web_requests", (json_int_t)facts->fetch_count);
    const int status =
        all != NULL && json_dumpf(all, out, JSON_INDENT(1)) == 0 ? 0 : LOCUM_ERR_MEMORY;
    (void)fputc('\n', out);
    json_decref(all);
    return status;
}
