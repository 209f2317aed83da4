/*
 * fuzz_documents: what follows the freshness in messages of documents, a line each, of a peer whose
 * signature is valid. A copy is printable text within its limit, and an answer is a line of
 * printable ASCII that fits into a datagram.
 */
#include "fuzz.h"

#include <stdio.h>
#include <string.h>

#include "peer/documents.h"

const unsigned fuzz_mutations = 40000;

static struct locum_order
heard(void *user, locum_node peer)
{
    (void)user, (void)peer;
    return (struct locum_order){1000, 1};
}

static bool
is_recent(void *user, struct locum_order own)
{
    (void)user;
    return own.incarnation == 1000;
}

static void
send_line(void *user, locum_node to, struct locum_slice line)
{
    (void)user;
    REQUIRE(to == 1 && line.length < LOCUM_DATAGRAM_MAX);
    for (size_t i = 0; i < line.length; i++) {
        REQUIRE(line.at[i] >= ' ' && line.at[i] <= '~');
    }
}

static const struct locum_documents_events events = {heard, is_recent, send_line, NULL, NULL};

static void
check_copies(const struct locum_documents *documents)
{
    for (size_t topic = 0; topic < LOCUM_DOCUMENT_TOPICS; topic++) {
        const struct locum_slice copy =
            locum_documents_get(documents, (enum locum_document_topic)topic, 1);
        REQUIRE(copy.length <= LOCUM_DOCUMENTS_BYTES_MAX);
        for (size_t i = 0; i < copy.length; i++) {
            REQUIRE(copy.at[i] >= ' ' && copy.at[i] <= '~');
        }
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct locum_core_config config = {
        .cluster = "get", .nodes = {{.name = "dc2"}, {.name = "dc3"}}, .node_count = 2};
    static const char head[] = "locum-doc1 get dc3 ";
    struct locum_documents *documents = locum_documents_create(&config, 16, &events, NULL);
    REQUIRE(documents != NULL);
    REQUIRE(locum_documents_set(documents, LOCUM_DOCUMENT_KEYS, locum_slice_of("own")) == 0);
    struct locum_slice rest = {.at = (const char *)data, .length = size};
    struct locum_slice line;
    while (locum_slice_cut(&rest, '\n', &line)) {
        char text[2048];
        const int length = snprintf(text, sizeof(text), "%s%.*s", head,
                                    (int)(line.length < 1500 ? line.length : 1500), line.at);
        (void)locum_documents_receive(
            documents, (struct locum_slice){.at = text, .length = (size_t)length}, LOCUM_PATH_UDP);
        check_copies(documents);
    }
    (void)locum_documents_send(documents, 1000);
    locum_documents_destroy(documents);
    return 0;
}
