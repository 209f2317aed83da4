#include "fetch/name.h"

#include <sys/socket.h>
#include <unistd.h>

#include "base/socket.h"
#include "base/text_format.h"

void
locum_fetch_name_note(struct locum_fetch_name *self, CURLU *url, struct locum_resolver *names)
{
    struct locum_address address;
    char *host = NULL;
    char *port = NULL;
    if (curl_url_get(url, CURLUPART_HOST, &host, CURLU_PUNYCODE) == CURLUE_OK &&
        curl_url_get(url, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) == CURLUE_OK &&
        host[0] != '[' && locum_address_parse(locum_slice_of(host), &address) != 0 &&
        locum_slice_copy(locum_slice_of(port), self->port, sizeof(self->port)) == 0 &&
        locum_slice_copy(locum_slice_of(host), self->host, sizeof(self->host)) == 0) {
        locum_resolver_add(names, self->host);
    }
    curl_free(host);
    curl_free(port);
}

/* This host can send to the address. */
static bool
is_routed(struct locum_address address)
{
    address.port = 9; /* any: nothing is sent */
    const int fd = locum_socket_connect(&address, SOCK_DGRAM);
    if (fd >= 0) {
        (void)close(fd);
    }
    return fd >= 0;
}

/* "NAME:PORT:ADDRESS,ADDRESS" for libcurl: first IPv6 (RFC 6724), and none without a route. */
static void
add_addresses(const struct locum_fetch_name *self, const struct locum_address *at, size_t count,
              struct locum_text *text)
{
    static const enum locum_family families[] = {LOCUM_V6, LOCUM_V4};
    bool routed[LOCUM_RESOLVER_ADDRESSES_MAX];
    bool any = false;
    for (size_t i = 0; i < count; i++) {
        routed[i] = is_routed(at[i]);
        any = any || routed[i];
    }
    locum_text_format(text, "%s:%s", self->host, self->port);
    const size_t head = text->length;
    for (size_t family = 0; family < LOCUM_COUNT(families); family++) {
        for (size_t i = 0; i < count; i++) {
            if (at[i].family == families[family] && (routed[i] || !any)) {
                locum_text_format(text, "%c%s", text->length == head ? ':' : ',',
                                  locum_address_host_text(&at[i]).text);
            }
        }
    }
}

bool
locum_fetch_name_set(struct locum_fetch_name *self, CURL *easy, const struct locum_address *at,
                     size_t count)
{
    char entry[LOCUM_HOST_MAX + LOCUM_RESOLVER_ADDRESSES_MAX * LOCUM_ADDRESS_TEXT_MAX + 16];
    struct locum_text text = locum_text_init(entry, sizeof(entry));
    add_addresses(self, at, count, &text);
    struct curl_slist *list = curl_slist_append(NULL, entry);
    if (list == NULL || curl_easy_setopt(easy, CURLOPT_RESOLVE, list) != CURLE_OK) {
        curl_slist_free_all(list);
        return false;
    }
    curl_slist_free_all(self->addresses);
    self->addresses = list;
    return true;
}
