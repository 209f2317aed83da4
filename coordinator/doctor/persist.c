#include "doctor/persist.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "config/acme.h"
#include "doctor/exchange.h"

/* Which entries of acme.persist the records of a reply are, and how many are none of them. */
static void
compare(const struct locum_config *config, size_t zone, const char *owner, bool wildcard,
        const struct locum_doctor_reply *reply, struct locum_doctor_persist *ret)
{
    const struct locum_doctor_record *record;
    size_t at = 0;
    ret->outcome = reply->outcome;
    while ((record = locum_doctor_reply_next(reply, LOCUM_DOCTOR_ANSWER, owner,
                                             LOCUM_DOCTOR_TYPE_TXT, &at)) != NULL) {
        bool known = false;
        for (size_t i = 0; i < config->zones[zone].persist_count; i++) {
            char expected[LOCUM_ACME_PERSIST_MAX + 1];
            struct locum_text text = locum_text_init(expected, sizeof(expected));
            locum_acme_persist_add(locum_acme_persist(config, zone, i), wildcard, &text);
            if (strcmp(expected, record->name) == 0) {
                ret->has |= UINT32_C(1) << i;
                known = true;
            }
        }
        ret->others += known ? 0 : 1;
    }
}

/* Ask all servers that answer for the records of one name, at the same time. */
static int
ask_for(const struct locum_config *config, size_t zone, size_t name, const char *owner,
        bool wildcard, struct locum_doctor_zone *ret)
{
    struct locum_doctor_question questions[LOCUM_DOCTOR_SERVERS_MAX] = {0};
    size_t servers[LOCUM_DOCTOR_SERVERS_MAX];
    size_t count = 0;
    struct locum_doctor_reply *replies = calloc(ret->server_count + 1, sizeof(*replies));
    if (replies == NULL) {
        return LOCUM_ERR_MEMORY;
    }
    for (size_t i = 0; i < ret->server_count; i++) {
        if (ret->servers[i].reply[LOCUM_DOCTOR_UDP].outcome == LOCUM_DOCTOR_ANSWERED) {
            servers[count] = i;
            questions[count] = (struct locum_doctor_question){.to = ret->servers[i].address,
                                                              .name = owner,
                                                              .type = LOCUM_DOCTOR_TYPE_TXT,
                                                              .edns = true,
                                                              .ret = &replies[count]};
            count++;
        }
    }
    int status = locum_doctor_exchange(questions, count);
    for (size_t i = 0; i < count && status == 0; i++) {
        if (replies[i].truncated) {
            questions[i].tcp = true;
            status = locum_doctor_exchange(&questions[i], 1);
        }
    }
    for (size_t i = 0; i < count && status == 0; i++) {
        struct locum_doctor_persist *persist = &ret->persist[ret->persist_count++];
        *persist = (struct locum_doctor_persist){
            .name = name, .server = servers[i], .rcode = replies[i].rcode};
        compare(config, zone, owner, wildcard, &replies[i], persist);
    }
    free(replies);
    return status;
}

int
locum_doctor_persist_ask(const struct locum_doctor_options *options,
                         const struct locum_config *config, size_t zone,
                         struct locum_doctor_zone *ret)
{
    int status = 0;
    if (config->zones[zone].persist_count == 0) {
        return 0;
    }
    locum_doctor_walk_progress(options, "asking for the records of acme.persist of %s",
                               config->zones[zone].name);
    ret->persist = calloc(LOCUM_DOCTOR_PERSIST_QUESTIONS_MAX, sizeof(*ret->persist));
    status = ret->persist == NULL ? LOCUM_ERR_MEMORY : 0;
    for (size_t i = 0; i < config->core.name_count && status == 0; i++) {
        char owner[LOCUM_DOMAIN_MAX + 1];
        bool wildcard;
        if (config->names[i].zone != zone ||
            !locum_acme_persist_owner(config, i, owner, &wildcard)) {
            continue;
        }
        if (ret->persist_count + ret->server_count > LOCUM_DOCTOR_PERSIST_QUESTIONS_MAX) {
            ret->persist_left_out = true;
            break;
        }
        status = ask_for(config, zone, i, owner, wildcard, ret);
    }
    return status;
}
