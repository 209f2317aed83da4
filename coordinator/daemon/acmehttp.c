#include "daemon/acmehttp.h"

#include <string.h>

#include "base/base64.h"
#include "base/error.h"
#include "base/hmac.h"
#include "base/text_format.h"
#include "config/acme.h"
#include "config/acmeclients.h"
#include "daemon/acme.h"
#include "daemon/acme_held.h"
#include "daemon/inside.h"
#include "daemon/loop.h"

enum { WHY_BYTES = 512, ACCOUNT_VALUES = 2 };

/* What a request asks for. */
struct change {
    struct locum_acme_name name;
    char value[LOCUM_CHALLENGE_CHARS_MAX + 1];
    char client[LOCUM_CHALLENGE_CLIENT_MAX + 1];
    bool removes;
    bool of_account; /* of acme-dns */
};

static struct locum_control_reply
refuse(struct locum_daemon *daemon, int status, const char *why)
{
    daemon->acmehttp_counts.refused++;
    return locum_control_error(status, why);
}

/* All of it or nothing. */
static int
apply(struct locum_daemon *daemon, const struct change *change,
      const struct locum_control_request *request)
{
    int status = 0;
    locum_acme_begin(daemon);
    if (change->of_account) {
        status = locum_acme_unset_own(daemon, &change->name, change->client, change->value,
                                      ACCOUNT_VALUES - 1);
    }
    if (status >= 0) {
        status = change->removes
                     ? locum_acme_unset(daemon, &change->name, change->value, change->client)
                     : locum_acme_set(daemon, &change->name, change->value, LOCUM_ACME_FOR_MS,
                                      change->client);
    }
    if (status < 0) {
        locum_acme_abort(daemon);
        return status;
    }
    return locum_acme_held_commit(daemon, request,
                                  change->of_account ? json_pack("{s:s}", "txt", change->value)
                                                     : json_object(),
                                  LOCUM_ACMEHTTP_WAIT_MS);
}

/* Called again. {"txt": value, "missing": [nodes]}: the first of acme-dns, the second if there are
 * some. */
static struct locum_control_reply
reply_again(struct locum_daemon *daemon, const struct locum_control_request *request)
{
    struct locum_control_reply reply;
    locum_nodes missing;
    if (locum_acme_held_end(daemon, request, &reply, &missing) && missing != 0) {
        (void)json_object_set_new(reply.body, "missing",
                                  locum_report_names(&daemon->config->core, missing));
    }
    return reply;
}

static struct locum_control_reply
begin(struct locum_daemon *daemon, const struct locum_control_request *request,
      const struct change *change)
{
    const int status = apply(daemon, change, request);
    if (status != 0) {
        daemon->acmehttp_counts.refused++;
        return locum_acme_held_refusal(status);
    }
    daemon->acmehttp_counts.done++;
    return (struct locum_control_reply){.later = true};
}

/* Copy a text of the body. False: it is absent, no text, or too long. */
static bool
read_text(const json_t *body, const char *key, char *ret, size_t size)
{
    const char *text = json_string_value(json_object_get(body, key));
    return text != NULL && locum_slice_copy(locum_slice_of(text), ret, size) == 0 && ret[0] != '\0';
}

/* The value of lego's mode RAW: what a challenge's record holds for a key authorization (RFC 8555
 * 8.4). */
static void
value_of(const char *key_authorization, char ret[LOCUM_CHALLENGE_CHARS_MAX + 1])
{
    uint8_t hash[LOCUM_SHA256_BYTES];
    struct locum_text text = locum_text_init(ret, LOCUM_CHALLENGE_CHARS_MAX + 1);
    locum_hmac_sha256(key_authorization, strlen(key_authorization), hash);
    locum_base64_add_url(&text, hash, sizeof(hash));
}

/* The body of POST /present and POST /cleanup. */
static struct locum_control_reply
httpreq(struct locum_daemon *daemon, const struct locum_control_request *request, bool removes)
{
    char written[2 * LOCUM_DOMAIN_MAX], buffer[WHY_BYTES];
    struct locum_text why = locum_text_init(buffer, sizeof(buffer));
    struct change change = {.removes = removes, .client = "httpreq"};
    const char *key_authorization = json_string_value(json_object_get(request->body, "keyAuth"));
    if (request->again) {
        return reply_again(daemon, request);
    }
    (void)locum_daemon_loop_now(daemon);
    if (read_text(request->body, "domain", written, sizeof(written)) && key_authorization != NULL) {
        value_of(key_authorization, change.value);
    } else if (!read_text(request->body, "fqdn", written, sizeof(written)) ||
               !read_text(request->body, "value", change.value, sizeof(change.value))) {
        return refuse(daemon, 400,
                      "the body must be {\"fqdn\": \"_acme-challenge.NAME.\", \"value\": ...} or "
                      "{\"domain\": \"NAME\", \"token\": ..., \"keyAuth\": ...}");
    }
    if (locum_acme_find(daemon, written, &change.name, &why) != 0) {
        return refuse(daemon, 404, buffer);
    }
    return begin(daemon, request, &change);
}

struct locum_control_reply
locum_acmehttp_present(void *user, const struct locum_control_request *request)
{
    return httpreq(user, request, false);
}

struct locum_control_reply
locum_acmehttp_cleanup(void *user, const struct locum_control_request *request)
{
    return httpreq(user, request, true);
}

/* Is it the hash of a key authorization, as acme-dns requires? */
static bool
is_txt(const char *text)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    return strlen(text) == LOCUM_ACMEHTTP_TXT_CHARS && text[strspn(text, digits)] == '\0';
}

/* The name whose account it is. */
static int
find_account(const struct locum_daemon *daemon, const char *subdomain, struct change *ret,
             struct locum_text *why)
{
    const struct locum_config *config = daemon->config;
    for (size_t i = 0; i < config->core.name_count; i++) {
        char owner[LOCUM_DOMAIN_MAX + 1], known[LOCUM_ACMECLIENTS_SUBDOMAIN_MAX + 1];
        if (locum_acme_challenge_owner(config, i, owner)) {
            locum_acmeclients_subdomain(owner, known);
            if (strcmp(known, subdomain) == 0) {
                return locum_acme_find(daemon, owner, &ret->name, why);
            }
        }
    }
    locum_text_add(why, "subdomain: no name has this one; `locum acme account NAME` shows that of "
                        "a name");
    return LOCUM_ERR_NOT_FOUND;
}

struct locum_control_reply
locum_acmehttp_update(void *user, const struct locum_control_request *request)
{
    struct locum_daemon *daemon = user;
    char subdomain[LOCUM_ACMECLIENTS_SUBDOMAIN_MAX + 1], buffer[WHY_BYTES];
    struct locum_text why = locum_text_init(buffer, sizeof(buffer));
    struct change change = {.of_account = true};
    if (request->again) {
        return reply_again(daemon, request);
    }
    (void)locum_daemon_loop_now(daemon);
    if (!read_text(request->body, "subdomain", subdomain, sizeof(subdomain)) ||
        !read_text(request->body, "txt", change.value, sizeof(change.value)) ||
        !is_txt(change.value)) {
        return refuse(daemon, 400,
                      "the body must be {\"subdomain\": that of `locum acme account NAME`, "
                      "\"txt\": 43 characters of base64}");
    }
    if (find_account(daemon, subdomain, &change, &why) != 0) {
        return refuse(daemon, 404, buffer);
    }
    (void)locum_text_format_buffer(change.client, sizeof(change.client), "account:%.100s",
                                   change.name.owner + sizeof(LOCUM_ACME_CHALLENGE_LABEL));
    return begin(daemon, request, &change);
}

bool
locum_acmehttp_knows_token(void *user, const char *token)
{
    struct locum_daemon *daemon = user;
    const char *known = daemon->config->acme.token;
    const size_t length = strlen(known);
    const bool same = length > 0 && strlen(token) == length &&
                      locum_hmac_equal((const uint8_t *)token, (const uint8_t *)known, length);
    daemon->acmehttp_counts.denied += !same;
    return same;
}
